#include "core/quiet_write.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

/* Newer kernels can be asked for no signal; older ones say that they can't.  */
static bool
write_asking (int fd, const struct iovec *pieces, int count, ssize_t *wrote)
{
  enum
  {
    NO_SIGNAL = 0x100, /* RWF_NOSIGNAL */
  };
  static atomic_bool refused;
  if (refused)
    return false;
  *wrote = pwritev2 (fd, pieces, count, -1, NO_SIGNAL);
  refused = *wrote < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL);
  return !refused;
}

/* Where a write has no way to ask for no SIGPIPE, it is blocked for the moment, and taken back if
   it was this write that raised it.  */
ssize_t
quiet_write (int fd, const struct iovec *pieces, int count)
{
  static const struct timespec now = { 0, 0 };
  ssize_t wrote;
  if (write_asking (fd, pieces, count, &wrote))
    return wrote;
  sigset_t pipe_signal, before, pending;
  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  sigemptyset (&pending);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, &before);
  bool blocked_before = sigismember (&before, SIGPIPE) == 1;
  if (blocked_before)
    sigpending (&pending);
  wrote = writev (fd, pieces, count);
  int errnum = errno;
  if (wrote < 0 && errnum == EPIPE && sigismember (&pending, SIGPIPE) != 1)
    while (sigtimedwait (&pipe_signal, NULL, &now) < 0 && errno == EINTR)
      continue;
  if (!blocked_before)
    pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = errnum;
  return wrote;
}
