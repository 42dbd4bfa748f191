#include "dispatcher/mounts.h"

#include "dispatcher/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_openat2
#  include <linux/openat2.h>
#endif

/* File systems whose calls wait for somebody else; also all of one kind that have a subtype, such
   as fuse.sshfs.  */
static const char *const dependent_types[] = {
  "9p",   "afs",     "autofs",   "beegfs",    "ceph",   "cifs",  "coda",
  "fuse", "fuseblk", "gfs2",     "glusterfs", "lustre", "ncpfs", "nfs",
  "nfs4", "ocfs2",   "orangefs", "smb3",      "smbfs",  "sshfs", "virtiofs",
};

static bool
is_dependent (const char *type)
{
  size_t length = strcspn (type, ".");
  for (size_t i = 0; i < sizeof dependent_types / sizeof dependent_types[0]; i++)
    if (strlen (dependent_types[i]) == length && strncmp (type, dependent_types[i], length) == 0)
      return true;
  return false;
}

/* Whether a LINE of mountinfo is about such a file system: its type is the word after " - ".  What
   is mounted below /proc and /sys, its fifth word, is there nearly everywhere and leads nowhere
   else: an autofs for binfmt_misc, or a container's own numbers of processors.  */
static bool
may_hang (const char *line)
{
  char point[8] = "", type[64] = "";
  const char *separator = strstr (line, " - ");
  if (separator == NULL || sscanf (separator, " - %63s", type) != 1
      || sscanf (line, "%*s %*s %*s %*s %7s", point) != 1)
    return false;
  bool is_systems = strncmp (point, "/proc/", 6) == 0 || strncmp (point, "/sys/", 5) == 0;
  return is_dependent (type) && !is_systems;
}

static bool root_may_hang; /* everything is below such a mount */

static bool
is_of_root (const char *line)
{
  char point[2] = "", next = ' ';
  return sscanf (line, "%*s %*s %*s %*s %1s%c", point, &next) == 2 && point[0] == '/'
         && next == ' ';
}

static bool
read_mounts (int file)
{
  static char line[4096 * 3];
  bool found = false;
  int copy = lseek (file, 0, SEEK_SET) == 0 ? fcntl (file, F_DUPFD_CLOEXEC, 3) : -1;
  FILE *stream = copy < 0 ? NULL : fdopen (copy, "r");
  if (stream == NULL)
    {
      if (copy >= 0)
        close (copy);
      return false;
    }
  root_may_hang = false;
  while (fgets (line, sizeof line, stream) != NULL)
    if (may_hang (line))
      {
        found = true;
        root_may_hang = root_may_hang || is_of_root (line);
      }
  fclose (stream);
  return found;
}

/* The kernel tells of a change through the descriptor: it is asked once in each turn of the loop.
   Without /proc there is no knowing, and everything is done at once.  */
bool
mounts_may_hang (void)
{
  static int file = -1;
  static bool opened, result;
  static uint64_t turn;
  if (opened && (file < 0 || turn == loop_generation ()))
    return result;
  turn = loop_generation ();
  if (!opened)
    {
      opened = true;
      file = open ("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
      result = file >= 0 && read_mounts (file);
      return result;
    }
  struct pollfd changed = { .fd = file, .events = POLLPRI };
  if (poll (&changed, 1, 0) > 0 && (changed.revents & (POLLPRI | POLLERR)) != 0)
    result = read_mounts (file);
  return result;
}

bool
mounts_may_hang_at (const char *path, bool follow_links)
{
  if (!mounts_may_hang ())
    return false;
#ifdef SYS_openat2
  struct open_how how = { .flags = O_PATH | O_CLOEXEC | (follow_links ? 0 : O_NOFOLLOW),
                          .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
  if (path[0] != '/' || root_may_hang)
    return true;
  long found = syscall (SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (found >= 0)
    close ((int) found);
  return found < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES;
#else
  (void) path;
  (void) follow_links;
  return true;
#endif
}
