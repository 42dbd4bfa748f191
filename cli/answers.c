#include "cli/answers.h"
#include "cli/report.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  USUAL_ROOM = 64 << 10,
  PIECE = PIPE_BUF, /* a pipe that takes anything takes so much without waiting */
};

static void
set_room (struct answers *answers, size_t room)
{
  char *data = realloc (answers->data, room);
  if (data == NULL)
    out_of_memory ();
  answers->data = data;
  answers->room = room;
}

void
answers_begin (struct answers *answers)
{
  struct stat status;
  *answers = (struct answers){ .data = NULL };
  set_room (answers, USUAL_ROOM);
  answers->regular = fstat (STDOUT_FILENO, &status) == 0 && S_ISREG (status.st_mode);
  answers->readable = isatty (STDOUT_FILENO) != 0;
}

void
answers_free (struct answers *answers)
{
  free (answers->data);
  answers->data = NULL;
}

size_t
answers_waiting (const struct answers *answers)
{
  return answers->end - answers->start;
}

/* Move what waits to the start.  */
static void
compact (struct answers *answers)
{
  size_t waiting = answers_waiting (answers);
  memmove (answers->data, answers->data + answers->start, waiting);
  answers->start = 0;
  answers->end = waiting;
}

/* Make sure that SIZE bytes fit behind what waits.  */
static void
make_room (struct answers *answers, size_t size)
{
  /* Each byte that is moved makes room for another one.  */
  if (answers->room - answers->end < size && answers->start >= answers_waiting (answers))
    compact (answers);
  size_t room = answers->room;
  while (room - answers->end < size)
    {
      if (room > SIZE_MAX / 2)
        out_of_memory ();
      room *= 2;
    }
  if (room > answers->room)
    set_room (answers, room);
}

static int
append (const char *data, size_t size, void *closure)
{
  struct answers *answers = closure;
  make_room (answers, size);
  memcpy (answers->data + answers->end, data, size);
  answers->end += size;
  return 0;
}

void
answers_add (struct answers *answers, json_t *answer)
{
  size_t flags = JSON_COMPACT | (answers->readable ? JSON_ENSURE_ASCII : 0);
  if (json_dump_callback (answer, append, answers, flags) != 0)
    out_of_memory ();
  append ("\n", 1, answers);
  json_decref (answer);
}

/* Whether standard output takes more without waiting.  */
static bool
takes_more (void)
{
  struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };
  return poll (&output, 1, 0) > 0;
}

static void
forget_room (struct answers *answers)
{
  answers->start = answers->end = 0;
  if (answers->room > USUAL_ROOM)
    set_room (answers, USUAL_ROOM);
}

int
answers_write (struct answers *answers)
{
  do
    {
      size_t waiting = answers_waiting (answers);
      size_t size = answers->regular || waiting < PIECE ? waiting : PIECE;
      ssize_t written = write (STDOUT_FILENO, answers->data + answers->start, size);
      if (written < 0 && errno != EINTR && errno != EAGAIN)
        return -1;
      if (written > 0)
        answers->start += (size_t) written;
    }
  while (answers_waiting (answers) > 0 && takes_more ());
  if (answers_waiting (answers) == 0)
    forget_room (answers);
  return 0;
}
