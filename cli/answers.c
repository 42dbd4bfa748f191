#include "cli/answers.h"
#include "cli/report.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  PIECE = PIPE_BUF, /* a pipe that takes anything takes so much without waiting */
};

void
answers_begin (struct answers *answers)
{
  struct stat status;
  *answers = (struct answers){ .readable = isatty (STDOUT_FILENO) != 0 };
  answers->regular = fstat (STDOUT_FILENO, &status) == 0 && S_ISREG (status.st_mode);
}

void
answers_free (struct answers *answers)
{
  buffer_free (&answers->buffer);
}

size_t
answers_waiting (const struct answers *answers)
{
  return buffer_size (&answers->buffer);
}

static int
append (const char *data, size_t size, void *closure)
{
  struct buffer *buffer = closure;
  memcpy (buffer_reserve (buffer, size), data, size);
  buffer_add (buffer, size);
  return 0;
}

void
answers_add (struct answers *answers, json_t *answer)
{
  size_t flags = JSON_COMPACT | (answers->readable ? JSON_ENSURE_ASCII : 0);
  if (json_dump_callback (answer, append, &answers->buffer, flags) != 0)
    out_of_memory ();
  append ("\n", 1, &answers->buffer);
  json_decref (answer);
}

/* Whether standard output takes more without waiting.  */
static bool
takes_more (void)
{
  struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };
  return poll (&output, 1, 0) > 0;
}

int
answers_write (struct answers *answers)
{
  do
    {
      size_t waiting = answers_waiting (answers);
      size_t size = answers->regular || waiting < PIECE ? waiting : PIECE;
      ssize_t written = write (STDOUT_FILENO, buffer_bytes (&answers->buffer), size);
      if (written < 0 && errno != EINTR && errno != EAGAIN)
        return -1;
      if (written > 0)
        buffer_take (&answers->buffer, (size_t) written);
    }
  while (answers_waiting (answers) > 0 && takes_more ());
  return 0;
}
