/* line CUT SIDE BYTES BIT COUNTS DISPATCHER [ARGUMENT]...: a dispatcher behind a line to which CUT
   happens behind so many BYTES from SIDE, both as numbers.  How many bytes came from each side is
   kept in the file COUNTS: two numbers of eight bytes.  */

#include "tests/faults/cut.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
  ROOM = 1 << 16,
  PAUSE = 30, /* milliseconds */
  NEVER = -1,
};

struct direction
{
  int from, to; /* -1: closed */
  char bytes[ROOM];
  size_t begin, end; /* of what is still to be written */
  uint64_t count;    /* of bytes that were read */
  bool ended;        /* nothing more comes */
  bool dropping, stalled;
};

static struct direction directions[CUT_SIDES];
static enum cut cut;
static enum cut_side cut_side;
static uint64_t cut_at; /* bytes */
static int cut_bit;
static bool cut_was_made;

static void
close_end (int *end)
{
  if (*end >= 0)
    close (*end);
  *end = -1;
}

static void
close_direction (struct direction *direction)
{
  close_end (&direction->from);
  close_end (&direction->to);
  direction->ended = true;
  direction->begin = direction->end = 0;
}

static void
sleep_for (int milliseconds)
{
  struct timespec time = { .tv_nsec = milliseconds * 1000000L };
  nanosleep (&time, NULL);
}

static void
make_cut (struct direction *direction)
{
  cut_was_made = true;
  switch (cut)
    {
    case CUT_CLOSE:
      close_direction (&directions[FROM_CLIENT]);
      close_direction (&directions[FROM_DISPATCHER]);
      break;
    case CUT_HALF:
      close_direction (direction);
      break;
    case CUT_DROP:
      direction->dropping = true;
      break;
    case CUT_STALL:
      direction->stalled = true;
      break;
    case CUT_PAUSE:
      sleep_for (PAUSE);
      break;
    default:
      break;
    }
}

/* How much may be read before the cut: it is made with nothing under way.  */
static size_t
room_before_cut (const struct direction *direction)
{
  if (cut_was_made || direction != &directions[cut_side] || cut_at < direction->count)
    return ROOM;
  uint64_t left = cut_at - direction->count + (cut == CUT_FLIP);
  return left < ROOM ? (size_t) left : ROOM;
}

static bool
is_at_cut (const struct direction *direction)
{
  return cut != CUT_FLIP && room_before_cut (direction) == 0;
}

static void
take (struct direction *direction)
{
  ssize_t got = read (direction->from, direction->bytes, room_before_cut (direction));
  if (got < 0 && errno == EINTR)
    return;
  if (got <= 0)
    {
      direction->ended = true;
      close_end (&direction->from);
      return;
    }
  if (!cut_was_made && direction == &directions[cut_side] && cut == CUT_FLIP
      && direction->count + (uint64_t) got == cut_at + 1)
    {
      direction->bytes[got - 1] = (char) (direction->bytes[got - 1] ^ (1 << cut_bit));
      cut_was_made = true;
    }
  direction->count += (uint64_t) got;
  direction->end = direction->dropping ? 0 : (size_t) got;
}

static void
give (struct direction *direction)
{
  ssize_t wrote =
      write (direction->to, direction->bytes + direction->begin, direction->end - direction->begin);
  if (wrote > 0)
    direction->begin += (size_t) wrote;
  else if (wrote < 0 && errno != EINTR)
    close_direction (direction);
  if (direction->begin == direction->end)
    direction->begin = direction->end = 0;
}

/* Which of its ends is waited for, and for what.  A client or dispatcher that is gone is noticed
   also while nothing is taken.  */
static struct pollfd
wait_for (const struct direction *direction)
{
  if (direction->end > 0)
    return (struct pollfd){ .fd = direction->to, .events = POLLOUT };
  return (struct pollfd){ .fd = direction->from, .events = direction->stalled ? 0 : POLLIN };
}

static void
go_on (struct direction *direction, short events)
{
  if (direction->end > 0)
    {
      if (events != 0)
        give (direction);
    }
  else if (direction->stalled && (events & (POLLHUP | POLLERR)) != 0)
    close_direction (direction);
  else if (!direction->stalled && events != 0)
    take (direction);
  if (direction->ended && direction->end == 0)
    close_end (&direction->to);
}

static void
carry (void)
{
  struct direction *there = &directions[FROM_CLIENT], *back = &directions[FROM_DISPATCHER];
  while (there->to >= 0 || back->from >= 0 || back->to >= 0)
    {
      struct direction *direction = &directions[cut_side];
      if (!cut_was_made && direction->end == 0 && is_at_cut (direction))
        {
          make_cut (direction);
          continue;
        }
      struct pollfd ends[] = { wait_for (there), wait_for (back) };
      if (poll (ends, 2, NEVER) < 0)
        continue;
      go_on (there, ends[FROM_CLIENT].revents);
      go_on (back, ends[FROM_DISPATCHER].revents);
    }
}

static pid_t
start (char **words)
{
  int input[2], output[2];
  if (pipe2 (input, O_CLOEXEC) != 0 || pipe2 (output, O_CLOEXEC) != 0)
    abort ();
  pid_t pid = fork ();
  if (pid == 0)
    {
      dup2 (input[0], STDIN_FILENO);
      dup2 (output[1], STDOUT_FILENO);
      signal (SIGPIPE, SIG_DFL);
      execvp (words[0], words);
      _exit (127);
    }
  close (input[0]);
  close (output[1]);
  directions[FROM_CLIENT].from = STDIN_FILENO;
  directions[FROM_CLIENT].to = input[1];
  directions[FROM_DISPATCHER].from = output[0];
  directions[FROM_DISPATCHER].to = STDOUT_FILENO;
  return pid;
}

static void
note_counts (const char *file)
{
  uint64_t counts[CUT_SIDES] = { directions[FROM_CLIENT].count, directions[FROM_DISPATCHER].count };
  int descriptor = open (file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0 || write (descriptor, counts, sizeof counts) != (ssize_t) sizeof counts)
    abort ();
  close (descriptor);
}

int
main (int argc, char **argv)
{
  int status;
  if (argc < 7)
    return 2;
  cut = (enum cut) atoi (argv[1]);
  cut_side = (enum cut_side) atoi (argv[2]);
  cut_at = strtoull (argv[3], NULL, 10);
  cut_bit = atoi (argv[4]);
  signal (SIGPIPE, SIG_IGN);
  pid_t pid = start (argv + 6);
  carry ();
  note_counts (argv[5]);
  if (waitpid (pid, &status, 0) != pid)
    return 1;
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}
