#include "cli/local_write.h"
#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- files that nobody sees yet.  Each of these returns -1 and errno on failure ---- */

/* The size of the part of PATH that names the directory, its slash included.  */
static int
directory_size (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash != NULL ? (int) (slash - path) + 1 : 0;
}

/* A name beside PATH that nothing is likely to have, which the caller frees; NULL without one.  */
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

/* A file without a name in the directory of PATH: nothing is left of it, whatever ends the program.
   Where it could never get a name there is none.  */
static int
create_unnamed (const char *path, mode_t mode)
{
  char descriptor_path[32];
  char *directory = strndup (path, (size_t) directory_size (path));
  if (directory == NULL)
    out_of_memory ();
  int descriptor =
      open (directory[0] != '\0' ? directory : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  free (directory);
  if (descriptor < 0)
    return -1;
  name_descriptor (descriptor, descriptor_path, sizeof descriptor_path);
  if (access (descriptor_path, F_OK) == 0)
    return descriptor;
  close (descriptor);
  return -1;
}

/* Create FILE beside its target.  */
static int
create_beside (struct local_write *file)
{
  const char *path = file->target->path;
  mode_t mode = file->target->exists ? 0600 : 0666;
  file->descriptor = create_unnamed (path, mode);
  while (file->descriptor < 0)
    {
      file->name = draw_name (path);
      if (file->name == NULL)
        return -1;
      file->descriptor = open (file->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
      if (file->descriptor >= 0)
        break;
      free (file->name);
      file->name = NULL;
      if (errno != EEXIST)
        return -1;
    }
  return 0;
}

/* Create FILE where temporary files are.  */
static int
create_elsewhere (struct local_write *file)
{
  char name[] = "/tmp/longreach-XXXXXX";
  file->spooled = true;
  file->descriptor = mkostemp (name, O_CLOEXEC);
  return file->descriptor >= 0 ? unlink (name) : -1;
}

/* Let FILE have a name beside its target.  */
static int
give_name (struct local_write *file)
{
  char descriptor_path[32];
  name_descriptor (file->descriptor, descriptor_path, sizeof descriptor_path);
  while (file->name == NULL)
    {
      char *name = draw_name (file->target->path);
      if (name == NULL)
        return -1;
      if (linkat (AT_FDCWD, descriptor_path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0)
        {
          file->name = name;
          break;
        }
      free (name);
      if (errno != EEXIST)
        return -1;
    }
  return 0;
}

/* Give the new file the owner, the group and the mode of the old one, as far as who runs this may.
   Without one of them it gets no set-id bits; and without the group its members get no more than
   others do.  */
static int
take_after (int descriptor, const struct stat *old)
{
  struct stat info;
  if (fstat (descriptor, &info) != 0)
    return -1;
  mode_t mode = old->st_mode & 07777;
  bool same = info.st_uid == old->st_uid && info.st_gid == old->st_gid;
  if (!same && fchown (descriptor, old->st_uid, old->st_gid) != 0)
    {
      mode &= 01777;
      if (info.st_gid != old->st_gid && fchown (descriptor, (uid_t) -1, old->st_gid) != 0)
        mode &= ~(mode_t) 070 | (mode & 07) << 3;
    }
  return fchmod (descriptor, mode);
}

/* Some file systems tell only now that they could not write.  */
static int
check_written (int descriptor)
{
  int other = dup (descriptor);
  return other >= 0 ? close (other) : -1;
}

static int
replace (struct local_write *file)
{
  const struct local_target *target = file->target;
  if (target->exists && take_after (file->descriptor, &target->status) != 0)
    return -1;
  if (check_written (file->descriptor) != 0 || give_name (file) != 0)
    return -1;
  if (rename (file->name, target->path) != 0)
    return -1;
  free (file->name);
  file->name = NULL;
  return 0;
}

/* ---- writing in place ---- */

/* Copy SIZE bytes from the start of one file to that of another.  */
static int
copy (int from, int to, off_t size)
{
  char buffer[64 << 10];
  for (off_t done = 0; done < size;)
    {
      ssize_t got = pread (from, buffer, sizeof buffer, done);
      if (got < 0 && errno == EINTR)
        continue;
      if (got == 0)
        errno = EIO; /* nobody else knows of the file */
      if (got <= 0 || write_all (to, buffer, (size_t) got) != 0)
        return -1;
      done += got;
    }
  return 0;
}

/* Whether there is room for SIZE bytes, which then are set aside.  Where none can be for another
   reason, writing will tell.  */
static bool
has_room (int file, off_t size)
{
  int failed;
  do
    failed = fallocate (file, FALLOC_FL_KEEP_SIZE, 0, size);
  while (failed != 0 && errno == EINTR);
  return failed == 0 || (errno != ENOSPC && errno != EDQUOT && errno != EFBIG);
}

/* Nothing is overwritten before there is room for it.  */
static int
fill (int from, int to, off_t size)
{
  if (!has_room (to, size))
    return -1;
  return copy (from, to, size) == 0 && ftruncate (to, size) == 0 ? check_written (to) : -1;
}

static int
overwrite (const struct local_write *file)
{
  struct stat status;
  int to = open (file->target->path, O_WRONLY | O_CREAT | O_NOCTTY | O_CLOEXEC, 0666);
  if (to < 0)
    return -1;
  int result = fstat (file->descriptor, &status);
  if (result == 0)
    result = fill (file->descriptor, to, status.st_size);
  int errnum = errno;
  close (to);
  errno = errnum;
  return result;
}

/* A file may be writable though its directory lets no file be made or replaced.  */
static bool
directory_forbids (int errnum)
{
  return errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == EBUSY;
}

/* ---- all of it ---- */

/* Where FILE can't be made beside its target: elsewhere, if the target itself can be written.  */
static int
begin_elsewhere (struct local_write *file)
{
  if (file->target->exists && access (file->target->path, W_OK) != 0)
    return -1;
  return create_elsewhere (file);
}

static int
begin (struct local_write *file)
{
  const struct local_target *target = file->target;
  if (target->exists && !S_ISREG (target->status.st_mode))
    {
      file->streamed = true;
      file->descriptor = open (target->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
      return file->descriptor >= 0 ? 0 : -1;
    }
  if (target->dangling)
    return begin_elsewhere (file);
  if (create_beside (file) == 0)
    return 0;
  return target->exists && directory_forbids (errno) ? begin_elsewhere (file) : -1;
}

int
local_write_begin (const struct local_target *target, struct local_write *file,
                   struct local_error *error)
{
  *file = (struct local_write){ .target = target, .descriptor = -1 };
  if (begin (file) == 0)
    return 0;
  int errnum = errno;
  local_write_drop (file);
  return local_error_set_unwritable (error, errnum, target->name);
}

static int
keep (struct local_write *file)
{
  if (file->streamed)
    return check_written (file->descriptor);
  if (file->spooled)
    return overwrite (file);
  if (replace (file) == 0)
    return 0;
  return file->target->exists && directory_forbids (errno) ? overwrite (file) : -1;
}

int
local_write_keep (struct local_write *file, struct local_error *error)
{
  int result = keep (file);
  int errnum = errno;
  local_write_drop (file);
  return result == 0 ? 0 : local_error_set_unwritable (error, errnum, file->target->name);
}

void
local_write_drop (struct local_write *file)
{
  if (file->name != NULL)
    unlink (file->name);
  free (file->name);
  file->name = NULL;
  if (file->descriptor >= 0)
    close (file->descriptor);
  file->descriptor = -1;
}
