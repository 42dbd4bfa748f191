#include "tree/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

bool
unnamed_is_possible (void)
{
  static atomic_int known = -1;
  if (known < 0)
    known = access ("/proc/self/fd", X_OK) == 0;
  return known == 1;
}

int
unnamed_open (int directory)
{
  if (!unnamed_is_possible ())
    {
      errno = EOPNOTSUPP;
      return -1;
    }
  int file = openat (directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0 && (errno == EISDIR || errno == EINVAL || errno == ENOENT))
    errno = EOPNOTSUPP;
  return file;
}

int
unnamed_link (int file, int directory, const char *name)
{
  char path[40];
  snprintf (path, sizeof path, "/proc/self/fd/%d", file);
  return linkat (AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}
