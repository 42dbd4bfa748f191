#include "dispatcher/feed.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum
{
  CHUNK = 64 << 10, /* bytes read back from a spool at a time */
};

static void
note_taken (struct feed *feed, size_t size)
{
  if (size > 0 && feed->taken != NULL)
    feed->taken (feed->context, size);
}

static void
end (struct feed *feed, int errnum)
{
  size_t dropped = (size_t) spool_size (&feed->waiting);
  feed_close (feed);
  note_taken (feed, dropped);
  if (feed->ended != NULL)
    feed->ended (feed->context, errnum);
}

static bool
is_over (const struct feed *feed)
{
  return feed->last && spool_size (&feed->waiting) == 0;
}

static void
ready (void *context, short events)
{
  static char buffer[CHUNK];
  struct feed *feed = context;
  const char *data;
  long size = spool_peek (&feed->waiting, buffer, sizeof buffer, &data);
  ssize_t wrote = size > 0 ? write (feed->watch.fd, data, (size_t) size) : size;
  if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  /* Nothing waits, and the other end is closed.  */
  if (size == 0 && (events & (POLLERR | POLLHUP)) != 0)
    {
      end (feed, EPIPE);
      return;
    }
  if (wrote < 0)
    {
      end (feed, errno);
      return;
    }
  spool_take (&feed->waiting, (size_t) wrote);
  if (spool_size (&feed->waiting) == 0)
    loop_set_events (&feed->watch, 0);
  note_taken (feed, (size_t) wrote);
  if (is_over (feed))
    end (feed, 0);
}

bool
feed_begin (struct feed *feed, int fd)
{
  bool busy = feed->last || spool_size (&feed->waiting) > 0;
  return loop_watch (&feed->watch, fd, busy ? POLLOUT : 0, ready, feed);
}

int
feed_add (struct feed *feed, const char *data, size_t size)
{
  if (feed->watch.fd >= 0 && spool_size (&feed->waiting) == 0)
    {
      ssize_t wrote = write (feed->watch.fd, data, size);
      if (wrote < 0 && errno != EAGAIN && errno != EINTR)
        {
          int errnum = errno;
          note_taken (feed, size);
          end (feed, errnum);
          return 0;
        }
      if (wrote > 0)
        {
          data += wrote;
          size -= (size_t) wrote;
          note_taken (feed, (size_t) wrote);
        }
    }
  if (size == 0)
    return 0;
  int errnum = spool_append (&feed->waiting, data, size);
  if (errnum == 0 && feed->watch.fd >= 0)
    loop_set_events (&feed->watch, POLLOUT);
  return errnum;
}

void
feed_finish (struct feed *feed)
{
  feed->last = true;
  if (feed->watch.fd >= 0 && spool_size (&feed->waiting) == 0)
    end (feed, 0);
}

void
feed_drop (struct feed *feed)
{
  if (feed->watch.fd >= 0)
    end (feed, EPIPE);
}

void
feed_close (struct feed *feed)
{
  loop_close (&feed->watch);
  spool_free (&feed->waiting);
}
