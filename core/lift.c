#include "core/lift.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
lift_descriptor (int fd)
{
  if (fd < 0 || fd > 2)
    return fd;
  int lifted = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  int errnum = errno;
  close (fd);
  errno = errnum;
  return lifted;
}
