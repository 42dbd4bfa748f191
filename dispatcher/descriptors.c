#include "dispatcher/descriptors.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  CLOSED_MAX = 65536, /* where each has to be closed by itself */
};

void
descriptors_close_from (int first)
{
  struct rlimit limit;
#ifdef SYS_close_range
  if (syscall (SYS_close_range, first, ~0U, 0) == 0)
    return;
#endif
  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > CLOSED_MAX)
    limit.rlim_cur = CLOSED_MAX;
  for (int fd = first; fd < (int) limit.rlim_cur; fd++)
    close (fd);
}
