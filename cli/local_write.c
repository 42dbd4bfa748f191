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

/* A file on its way into a target's place.  Without a name while it is filled, where the file
   system can do that: then nothing is left of it, whatever ends the program.  */
struct new_file
{
  int descriptor;
  char *name; /* owned; NULL: it has none yet */
};

/* The size of the part of PATH that names the directory, its slash included.  */
static int
directory_size (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash != NULL ? (int) (slash - path) + 1 : 0;
}

/* A name beside PATH that nothing is likely to have, which the caller frees.  NULL and errno
   without one.  */
static char *
draw_name (const char *path)
{
  uint64_t random;
  int directory = directory_size (path);
  size_t size = (size_t) directory + sizeof ".longreach-0123456789abcdef";
  if (getrandom (&random, sizeof random, 0) != sizeof random)
    return NULL;
  char *name = malloc (size);
  if (name == NULL)
    out_of_memory ();
  snprintf (name, size, "%.*s.longreach-%016llx", directory, path, (unsigned long long) random);
  return name;
}

static void
name_descriptor (int descriptor, char *path, size_t size)
{
  snprintf (path, size, "/proc/self/fd/%d", descriptor);
}

/* Create a file without a name in the directory of PATH.  Returns a descriptor, or -1.  */
static int
create_unnamed (const char *path, mode_t mode)
{
  char descriptor_path[32];
  char *directory = strndup (path, (size_t) directory_size (path));
  if (directory == NULL)
    out_of_memory ();
  int descriptor =
      open (directory[0] != '\0' ? directory : ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
  free (directory);
  if (descriptor < 0)
    return -1;
  /* Without this it would never get a name.  */
  name_descriptor (descriptor, descriptor_path, sizeof descriptor_path);
  if (access (descriptor_path, F_OK) == 0)
    return descriptor;
  close (descriptor);
  return -1;
}

/* Create FILE beside PATH.  Returns 0, or -1 and errno.  */
static int
create_beside (const char *path, mode_t mode, struct new_file *file)
{
  file->descriptor = create_unnamed (path, mode);
  while (file->descriptor < 0)
    {
      file->name = draw_name (path);
      if (file->name == NULL)
        return -1;
      file->descriptor = open (file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (file->descriptor >= 0)
        break;
      free (file->name);
      file->name = NULL;
      if (errno != EEXIST)
        return -1;
    }
  guard_unfinished (file->name);
  return 0;
}

/* Let FILE have a name beside PATH.  Returns 0, or -1 and errno.  */
static int
give_name (const char *path, struct new_file *file)
{
  char descriptor_path[32];
  name_descriptor (file->descriptor, descriptor_path, sizeof descriptor_path);
  while (file->name == NULL)
    {
      char *name = draw_name (path);
      if (name == NULL)
        return -1;
      if (linkat (AT_FDCWD, descriptor_path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
        {
          file->name = name;
          guard_unfinished (name);
          break;
        }
      free (name);
      if (errno != EEXIST)
        return -1;
    }
  return 0;
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

/* Fill FILE and put it in TARGET's place.  Closes it.  Returns 0, or -1 and errno.  */
static int
fill_and_rename (struct new_file *file, const struct local_target *target, struct lr_bytes content)
{
  int result = target->exists ? take_after (file->descriptor, &target->status) : 0;
  if (result == 0)
    result = write_all (file->descriptor, content.data, content.size);
  if (result == 0)
    result = give_name (target->path, file);
  int errnum = errno;
  if (close (file->descriptor) != 0 && result == 0)
    {
      result = -1;
      errnum = errno;
    }
  errno = errnum;
  return result == 0 ? rename (file->name, target->path) : -1;
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
  struct new_file file = { -1, NULL };
  int result = create_beside (target->path, target->exists ? 0600 : 0666, &file);
  int errnum = errno;
  if (result == 0)
    {
      result = fill_and_rename (&file, target, content);
      errnum = errno;
      if (result != 0 && file.name != NULL)
        unlink (file.name);
      guard_unfinished (NULL);
    }
  free (file.name);
  if (result == 0)
    return 0;
  if (target->exists && directory_forbids (errnum))
    return write_in_place (target, content);
  return report_unwritable (target->path, errnum);
}
