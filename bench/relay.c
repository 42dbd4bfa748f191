/* relay MILLISECONDS RATE ADDRESS PORT: standard input goes to a port of an IPv4 address, and what
   comes from there to standard output, each byte that much later.  After SIGUSR1 no more than RATE
   bytes a second go in each direction, and after the next one as many as come.

   It stands in for a long or slow line, as ssh's ProxyCommand.  A direction keeps what is under way
   in a ring, and when each piece of it is due in another; it stops reading while either is full.
   So the line carries ROOM bytes in each direction during its delay: 1.3 GB/s at 50 ms.  What has
   to wait for its turn on a slow one is no more than QUEUE lets through.  */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum
{
  ROOM = 64 << 20, /* bytes under way in a direction */
  PIECES = 64 << 10,
  PIECE = 1 << 20, /* bytes read at once */
  PIPE_SIZE = 1 << 20,
};

#define SECOND INT64_C (1000000000)
#define QUEUE (SECOND / 10)

struct piece
{
  uint64_t end; /* of it, counted from the first byte of all */
  int64_t due;  /* nanoseconds */
};

struct direction
{
  int from, to;
  char *bytes;             /* owned: ROOM */
  struct piece *pieces;    /* owned: PIECES */
  uint64_t came, went;     /* bytes */
  uint64_t noted, settled; /* pieces */
  int64_t busy;            /* until then what came before is put on a slow line */
  bool ended;              /* nothing more comes */
  bool over;               /* and all went, or nobody takes it */
};

static int64_t delay, rate;
static volatile sig_atomic_t slow;

__attribute__ ((__noreturn__)) static void
die (const char *what)
{
  fprintf (stderr, "relay: %s: %s\n", what, strerror (errno));
  exit (1);
}

static int64_t
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (int64_t) time.tv_sec * SECOND + time.tv_nsec;
}

static void
begin (struct direction *direction, int from, int to)
{
  *direction = (struct direction){ .from = from, .to = to };
  direction->bytes = malloc (ROOM);
  direction->pieces = calloc (PIECES, sizeof *direction->pieces);
  if (direction->bytes == NULL || direction->pieces == NULL)
    die ("memory");
}

static bool
has_room (const struct direction *direction)
{
  return !direction->ended && !direction->over && direction->came - direction->went < ROOM
         && direction->noted - direction->settled < PIECES;
}

/* When as little waits that more may come; that may have been.  */
static int64_t
next_read (const struct direction *direction)
{
  return slow ? direction->busy - QUEUE : 0;
}

/* When what comes first is due; -1: nothing is under way.  */
static int64_t
next_due (const struct direction *direction)
{
  if (direction->over || direction->settled == direction->noted)
    return -1;
  return direction->pieces[direction->settled % PIECES].due;
}

static size_t
smaller (uint64_t a, uint64_t b)
{
  return (size_t) (a < b ? a : b);
}

/* When SIZE bytes that come now have gone onto the line.  */
static int64_t
put_on_line (struct direction *direction, size_t size)
{
  int64_t time = now ();
  if (!slow)
    return time;
  if (direction->busy < time)
    direction->busy = time;
  direction->busy += (int64_t) size * SECOND / rate;
  return direction->busy;
}

static size_t
piece_size (void)
{
  size_t size = (size_t) (rate * QUEUE / SECOND);
  return !slow || size > PIECE ? PIECE : size + 1;
}

static void
read_piece (struct direction *direction)
{
  /* What is empty begins anew: a short way through the ring stays in the processor's cache.  */
  if (direction->settled == direction->noted)
    direction->came = direction->went = 0;
  size_t at = (size_t) (direction->came % ROOM);
  size_t room = smaller (ROOM - (direction->came - direction->went), ROOM - at);
  ssize_t got = read (direction->from, direction->bytes + at, smaller (room, piece_size ()));
  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  if (got > 0)
    direction->came += (uint64_t) got;
  else
    direction->ended = true;
  direction->pieces[direction->noted++ % PIECES] =
      (struct piece){ .end = direction->came,
                      .due = put_on_line (direction, got > 0 ? (size_t) got : 0) + delay };
}

/* The end goes the way that the bytes went.  */
static void
end_direction (struct direction *direction)
{
  direction->over = true;
  if (shutdown (direction->to, SHUT_WR) != 0)
    close (direction->to);
}

static void
write_due (struct direction *direction)
{
  int64_t time = now ();
  uint64_t due = direction->went;
  for (uint64_t i = direction->settled; i < direction->noted; i++)
    {
      const struct piece *piece = &direction->pieces[i % PIECES];
      if (piece->due > time)
        break;
      due = piece->end;
    }
  size_t at = (size_t) (direction->went % ROOM);
  size_t size = smaller (due - direction->went, ROOM - at);
  ssize_t wrote = size == 0 ? 0 : write (direction->to, direction->bytes + at, size);
  if (wrote < 0 && (errno == EINTR || errno == EAGAIN))
    return;
  if (wrote < 0)
    {
      direction->over = true;
      return;
    }
  direction->went += (uint64_t) wrote;
  while (direction->settled < direction->noted
         && direction->pieces[direction->settled % PIECES].end <= direction->went
         && direction->pieces[direction->settled % PIECES].due <= time)
    direction->settled++;
  if (direction->ended && direction->settled == direction->noted)
    end_direction (direction);
}

/* The shorter of LEAST, unless that is -1, and what is left from TIME to DUE, if anything is.  */
static int64_t
shorter (int64_t least, int64_t time, int64_t due)
{
  return due > time && (least < 0 || due - time < least) ? due - time : least;
}

/* Until something can be done in one of them.  */
static void
wait_for (struct direction *directions)
{
  struct pollfd polls[4];
  int64_t time = now (), least = -1;
  for (int i = 0; i < 2; i++)
    {
      struct direction *direction = &directions[i];
      int64_t due = next_due (direction), again = next_read (direction);
      bool reads = has_room (direction) && again <= time;
      polls[2 * i] = (struct pollfd){ .fd = reads ? direction->from : -1, .events = POLLIN };
      polls[2 * i + 1] =
          (struct pollfd){ .fd = due >= 0 && due <= time ? direction->to : -1, .events = POLLOUT };
      least = shorter (least, time, due);
      if (has_room (direction))
        least = shorter (least, time, again);
    }
  struct timespec timeout = { least / SECOND, least % SECOND };
  if (ppoll (polls, 4, least < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR)
    die ("poll");
  for (int i = 0; i < 2; i++)
    {
      if (polls[2 * i].revents != 0)
        read_piece (&directions[i]);
      if (polls[2 * i + 1].revents != 0)
        write_due (&directions[i]);
    }
}

static int
connect_to (const char *host, uint16_t port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };
  if (inet_pton (AF_INET, host, &address.sin_addr) != 1)
    {
      errno = EINVAL;
      die (host);
    }
  int fd = socket (AF_INET, SOCK_STREAM, 0), one = 1;
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    die ("connecting");
  if (setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0)
    die ("TCP_NODELAY");
  return fd;
}

static void
change_speed (int signal)
{
  (void) signal;
  slow = !slow;
}

static void
do_not_wait (int fd)
{
  if (fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK) != 0)
    die ("O_NONBLOCK");
  fcntl (fd, F_SETPIPE_SZ, PIPE_SIZE); /* fails for what is no pipe */
}

int
main (int argc, char **argv)
{
  struct direction directions[2];
  if (argc != 5)
    {
      fputs ("usage: relay MILLISECONDS RATE ADDRESS PORT\n", stderr);
      return 2;
    }
  delay = strtol (argv[1], NULL, 10) * (SECOND / 1000);
  rate = strtol (argv[2], NULL, 10);
  signal (SIGUSR1, change_speed);
  int port = connect_to (argv[3], (uint16_t) strtoul (argv[4], NULL, 10));
  do_not_wait (0);
  do_not_wait (1);
  do_not_wait (port);
  begin (&directions[0], 0, port);
  begin (&directions[1], port, 1);
  /* What ssh still says matters to nobody when the server has ended.  */
  while (!directions[1].over)
    wait_for (directions);
  return 0;
}
