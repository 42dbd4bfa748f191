#include "cli/lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum
{
  PIECE = 64 << 10, /* is read at a time */
};

void
lines_free (struct lines *lines)
{
  buffer_free (&lines->buffer);
}

int
lines_read (struct lines *lines)
{
  ssize_t got;
  char *place = buffer_reserve (&lines->buffer, PIECE);
  do
    got = read (STDIN_FILENO, place, PIECE);
  while (got < 0 && errno == EINTR);
  lines->ended = got <= 0;
  if (got > 0)
    buffer_add (&lines->buffer, (size_t) got);
  return got < 0 ? -1 : 0;
}

/* The size of the first line, without its newline, or of what is there of it so far.  */
static size_t
measure_line (struct lines *lines, bool *whole)
{
  const char *bytes = buffer_bytes (&lines->buffer);
  size_t size = buffer_size (&lines->buffer);
  const char *newline = memchr (bytes + lines->searched, '\n', size - lines->searched);
  *whole = newline != NULL;
  lines->searched = newline != NULL ? (size_t) (newline - bytes) : size;
  return lines->searched;
}

enum line_kind
lines_take (struct lines *lines, const char **text, size_t *size)
{
  bool whole;
  *size = measure_line (lines, &whole);
  *text = buffer_bytes (&lines->buffer);
  bool too_long = lines->skipping || *size > LINE_LIMIT;
  bool last = lines->ended && (*size > 0 || lines->skipping);
  if (!whole && !last && !too_long)
    return LINE_NONE;
  buffer_take (&lines->buffer, *size + whole);
  lines->searched = 0;
  lines->skipping = !whole && !last;
  if (lines->skipping)
    return LINE_NONE;
  lines->number++;
  return too_long ? LINE_TOO_LONG : LINE_TEXT;
}
