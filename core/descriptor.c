#include "core/descriptor.h"

#include "core/lift.h"
#include "core/quiet_write.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  MADE_UP = 64 << 10, /* bytes that a file without blocks may say it has, and not mean it */
};

enum sink_mode
{
  SINK_FILE,     /* a write may take its time, but ends */
  SINK_OWN,      /* a description of our own, that never waits */
  SINK_SOCKET,   /* asked not to wait with each call */
  SINK_PROMISED, /* only what poll promises can be written without waiting */
};

/* A copy, because the same descriptor may be given twice, and be closed meanwhile.  Returns an
   errno.  */
static int
watch_copy (lr_loop *loop, struct loop_watch *watch, int copy,
            void (*ready) (void *context, uint32_t events), void *context)
{
  int errnum = copy < 0 ? errno : loop_watch (loop, watch, copy, ready, context);
  if (errnum == 0)
    return 0;
  if (copy >= 0)
    close (copy);
  *watch = (struct loop_watch){ .fd = -1 };
  return errnum;
}

/* ---- sources ---- */

static void
source_ready (void *context, uint32_t events)
{
  struct source *source = context;
  (void) events;
  loop_set_events (&source->watch, 0);
  source->ready (source->context);
}

int
source_begin (struct source *source, lr_loop *loop, int fd, void (*ready) (void *context),
              void *context)
{
  *source = (struct source){ .ready = ready, .context = context };
  return watch_copy (loop, &source->watch, fcntl (fd, F_DUPFD_CLOEXEC, 3), source_ready, source);
}

void
source_end (struct source *source)
{
  if (source->ready != NULL)
    loop_close (&source->watch);
  source->ready = NULL;
}

/* Whether a read would give something, or the end, at once.  */
static bool
is_readable (const struct source *source)
{
  struct pollfd entry = { .fd = source->watch.fd, .events = POLLIN };
  return source->watch.always || (poll (&entry, 1, 0) > 0 && entry.revents != 0);
}

long
source_read (struct source *source, char *buffer, size_t size)
{
  ssize_t got = -1;
  if (size == 0)
    return 0;
  errno = EAGAIN;
  if (is_readable (source))
    got = read (source->watch.fd, buffer, size);
  if (got > 0)
    return (long) got;
  if (got == 0)
    return -1;
  if (errno == EAGAIN || errno == EINTR)
    {
      loop_set_events (&source->watch, EPOLLIN);
      return 0;
    }
  source->errnum = errno;
  return -1;
}

uint64_t
source_size (int fd)
{
  struct stat info;
  off_t here;
  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode) || (here = lseek (fd, 0, SEEK_CUR)) < 0)
    return LR_SIZE_UNKNOWN;
  /* What the kernel makes up, as below /proc and /sys, is said to have nothing, or a page.  */
  if (info.st_size == 0 || (info.st_blocks == 0 && info.st_size <= MADE_UP))
    return LR_SIZE_UNKNOWN;
  return here < info.st_size ? (uint64_t) (info.st_size - here) : 0;
}

/* ---- sinks ---- */

/* A description of FD's pipe or terminal that is ours alone, and doesn't wait; -1: not to be had.
   What has an offset must keep it, so that is left out.  */
static int
open_anew (int fd)
{
  char path[40];
  struct stat info;
  if (fstat (fd, &info) != 0
      || !(S_ISFIFO (info.st_mode) || (S_ISCHR (info.st_mode) && isatty (fd))))
    return -1;
  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return lift_descriptor (open (path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

static bool
is_socket (int fd)
{
  int type;
  socklen_t size = sizeof type;
  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

static ssize_t
write_promised (const struct sink *sink, const char *data, size_t size)
{
  struct pollfd entry = { .fd = sink->watch.fd, .events = POLLOUT };
  if (poll (&entry, 1, 0) <= 0)
    {
      errno = EAGAIN;
      return -1;
    }
  struct iovec piece = { (char *) data, size < PIPE_BUF ? size : PIPE_BUF };
  return quiet_write (sink->watch.fd, &piece, 1);
}

static ssize_t
write_once (const struct sink *sink, const char *data, size_t size)
{
  struct iovec piece = { (char *) data, size };
  if (sink->mode == SINK_SOCKET)
    return send (sink->watch.fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sink->mode == SINK_PROMISED)
    return write_promised (sink, data, size);
  return quiet_write (sink->watch.fd, &piece, 1);
}

/* As much as it takes now; what can't be written is dropped.  Returns how much is done with.  */
static size_t
write_some (struct sink *sink, const char *data, size_t size)
{
  size_t done = 0;
  while (done < size && sink->errnum == 0)
    {
      ssize_t wrote = write_once (sink, data + done, size - done);
      if (wrote >= 0)
        done += (size_t) wrote;
      else if (errno == EAGAIN)
        break;
      else if (errno != EINTR)
        sink->errnum = errno;
    }
  return sink->errnum != 0 ? size : done;
}

static void
sink_ready (void *context, uint32_t events)
{
  struct sink *sink = context;
  (void) events;
  size_t done = write_some (sink, buffer_bytes (&sink->kept), buffer_size (&sink->kept));
  buffer_take (&sink->kept, done);
  if (sink_is_empty (sink))
    {
      loop_set_events (&sink->watch, 0);
      buffer_free (&sink->kept);
    }
  if (done > 0)
    sink->took (sink->context, sink->errnum != 0 ? 0 : done);
}

int
sink_begin (struct sink *sink, lr_loop *loop, int fd, void (*took) (void *context, size_t size),
            void *context)
{
  *sink = (struct sink){ .took = took, .context = context };
  int own = open_anew (fd);
  sink->mode = own >= 0 ? SINK_OWN : is_socket (fd) ? SINK_SOCKET : SINK_PROMISED;
  int errnum = watch_copy (loop, &sink->watch, own >= 0 ? own : fcntl (fd, F_DUPFD_CLOEXEC, 3),
                           sink_ready, sink);
  if (errnum != 0)
    sink->took = NULL;
  if (errnum == 0 && sink->watch.always)
    sink->mode = SINK_FILE;
  return errnum;
}

void
sink_end (struct sink *sink)
{
  if (sink->took != NULL)
    loop_close (&sink->watch);
  sink->took = NULL;
  buffer_free (&sink->kept);
}

bool
sink_is_empty (const struct sink *sink)
{
  return buffer_size (&sink->kept) == 0;
}

void
sink_write (struct sink *sink, const char *data, size_t size)
{
  size_t done = sink_is_empty (sink) ? write_some (sink, data, size) : 0;
  if (done < size && !buffer_add (&sink->kept, data + done, size - done))
    {
      sink->errnum = ENOMEM;
      buffer_free (&sink->kept);
    }
  if (!sink_is_empty (sink))
    loop_set_events (&sink->watch, EPOLLOUT);
  if (done > 0 || sink->errnum != 0)
    sink->took (sink->context, sink->errnum != 0 ? 0 : done);
}
