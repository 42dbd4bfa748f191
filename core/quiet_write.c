#include "core/quiet_write.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* A pipe has no way to ask for no SIGPIPE: it is blocked for the moment, and taken back if it was
   this write that raised it.  */
ssize_t
quiet_write (int fd, const struct iovec *pieces, int count)
{
  static const struct timespec now = { 0, 0 };
  sigset_t pipe_signal, before, pending;
  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  sigemptyset (&pending);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, &before);
  bool blocked_before = sigismember (&before, SIGPIPE) == 1;
  if (blocked_before)
    sigpending (&pending);
  ssize_t wrote = writev (fd, pieces, count);
  int errnum = errno;
  if (wrote < 0 && errnum == EPIPE && sigismember (&pending, SIGPIPE) != 1)
    while (sigtimedwait (&pipe_signal, NULL, &now) < 0 && errno == EINTR)
      continue;
  if (!blocked_before)
    pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = errnum;
  return wrote;
}
