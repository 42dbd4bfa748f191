#include "cli/local_write.h"
#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* The temporary file, for the handler of the signals that end the program; NULL: none.  */
static const char *volatile unfinished;

static const int ending_signals[] = { SIGHUP, SIGINT, SIGTERM };

static void
remove_unfinished (int number)
{
  if (unfinished != NULL)
    unlink (unfinished);
  signal (number, SIG_DFL);
  raise (number);
}

/* Let FILE be removed by what ends the program; NULL ends that.  A signal that is ignored stays
   ignored.  */
static void
guard_unfinished (const char *file)
{
  unfinished = file;
  for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++)
    {
      struct sigaction action;
      sigaction (ending_signals[i], NULL, &action);
      if (action.sa_handler == SIG_IGN)
        continue;
      action = (struct sigaction){ .sa_handler = file != NULL ? remove_unfinished : SIG_DFL };
      sigemptyset (&action.sa_mask);
      sigaction (ending_signals[i], &action, NULL);
    }
}

static int
report_unwritable (const char *path, int errnum)
{
  return report_local (errnum, "cannot write %s: %s", path, strerror (errnum));
}

const char *
local_base_name (const char *path)
{
  const char *slash = strrchr (path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  return strcmp (name, ".") == 0 || strcmp (name, "..") == 0 ? "" : name;
}

/* DIRECTORY/NAME, which the caller frees.  */
static char *
join (const char *directory, const char *name)
{
  size_t size = strlen (directory) + 1 + strlen (name) + 1;
  char *path = malloc (size);
  if (path == NULL)
    out_of_memory ();
  bool slash = directory[0] != '\0' && directory[strlen (directory) - 1] != '/';
  snprintf (path, size, "%s%s%s", directory, slash ? "/" : "", name);
  return path;
}

/* Fill in all of TARGET but its path, from what is at PATH.  */
static int
inspect (const char *path, struct local_target *target)
{
  target->exists = stat (path, &target->status) == 0;
  if (!target->exists && errno != ENOENT)
    return report_unwritable (path, errno);
  struct stat link;
  bool dangling = !target->exists && lstat (path, &link) == 0;
  target->in_place = dangling || (target->exists && !S_ISREG (target->status.st_mode));
  return 0;
}

int
local_target_find (const char *local, const char *name, struct local_target *target)
{
  *target = (struct local_target){ .path = strdup (local) };
  if (target->path == NULL)
    out_of_memory ();
  int status = inspect (target->path, target);
  if (status == 0 && target->exists && S_ISDIR (target->status.st_mode))
    {
      if (name[0] == '\0')
        return report_usage ("the remote path names no file, so %s needs a file name too", local);
      free (target->path);
      target->path = join (local, name);
      status = inspect (target->path, target);
      if (status == 0 && target->exists && S_ISDIR (target->status.st_mode))
        return report_local (EISDIR, "cannot write %s: it is a directory", target->path);
    }
  if (status == 0 && target->exists && !target->in_place)
    {
      char *real = realpath (target->path, NULL);
      if (real == NULL)
        return report_unwritable (target->path, errno);
      free (target->path);
      target->path = real;
    }
  return status;
}

void
local_target_free (struct local_target *target)
{
  free (target->path);
  target->path = NULL;
}

static int
write_in_place (const struct local_target *target, struct lr_bytes content)
{
  int descriptor = open (target->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return report_unwritable (target->path, errno);
  int result = write_all (descriptor, content.data, content.size);
  int errnum = errno;
  if (close (descriptor) != 0 && result == 0)
    {
      result = -1;
      errnum = errno;
    }
  return result == 0 ? 0 : report_unwritable (target->path, errnum);
}

/* Create a file beside PATH.  Its name, which the caller frees, goes to *NAME.  Returns a
   descriptor, or -1 and errno.  */
static int
create_beside (const char *path, mode_t mode, char **name)
{
  const char *slash = strrchr (path, '/');
  int directory = slash != NULL ? (int) (slash - path) + 1 : 0;
  size_t size = (size_t) directory + sizeof ".longreach-0123456789abcdef";
  *name = malloc (size);
  if (*name == NULL)
    out_of_memory ();
  for (;;)
    {
      uint64_t random;
      if (getrandom (&random, sizeof random, 0) != sizeof random)
        return -1;
      snprintf (*name, size, "%.*s.longreach-%016llx", directory, path,
                (unsigned long long) random);
      int descriptor = open (*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (descriptor >= 0 || errno != EEXIST)
        return descriptor;
    }
}

/* Give the new file the owner and the mode of the old one.  Without its owner it gets no set-id
   bits.  */
static int
take_after (int descriptor, const struct stat *old)
{
  struct stat new;
  if (fstat (descriptor, &new) != 0)
    return -1;
  mode_t mode = old->st_mode & 07777;
  bool same = new.st_uid == old->st_uid &&new.st_gid == old->st_gid;
  if (!same && fchown (descriptor, old->st_uid, old->st_gid) != 0)
    mode &= 01777;
  return fchmod (descriptor, mode);
}

/* Fill the file NAME, open at DESCRIPTOR, and put it in TARGET's place.  Closes DESCRIPTOR. Returns
   0, or -1 and errno.  */
static int
fill_and_rename (int descriptor, const char *name, const struct local_target *target,
                 struct lr_bytes content)
{
  int result = target->exists ? take_after (descriptor, &target->status) : 0;
  if (result == 0)
    result = write_all (descriptor, content.data, content.size);
  int errnum = errno;
  if (close (descriptor) != 0 && result == 0)
    {
      result = -1;
      errnum = errno;
    }
  errno = errnum;
  return result == 0 ? rename (name, target->path) : -1;
}

/* A file that can be written though its directory lets no file be made or replaced.  */
static bool
directory_forbids (int errnum)
{
  return errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == EBUSY;
}

int
local_target_write (const struct local_target *target, struct lr_bytes content)
{
  if (target->in_place)
    return write_in_place (target, content);
  char *name;
  int result = -1;
  int descriptor = create_beside (target->path, target->exists ? 0600 : 0666, &name);
  int errnum = errno;
  if (descriptor >= 0)
    {
      guard_unfinished (name);
      result = fill_and_rename (descriptor, name, target, content);
      errnum = errno;
      if (result != 0)
        unlink (name);
      guard_unfinished (NULL);
    }
  free (name);
  if (result == 0)
    return 0;
  if (target->exists && directory_forbids (errnum))
    return write_in_place (target, content);
  return report_unwritable (target->path, errnum);
}
