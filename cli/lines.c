#include "cli/lines.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  PIECE = 64 << 10, /* is read at a time */
  USUAL_ROOM = 2 * PIECE,
};

static void
set_room (struct lines *lines, size_t room)
{
  char *data = realloc (lines->data, room);
  if (data == NULL)
    out_of_memory ();
  lines->data = data;
  lines->room = room;
}

void
lines_begin (struct lines *lines)
{
  *lines = (struct lines){ .data = NULL };
  set_room (lines, USUAL_ROOM);
}

/* Make sure that a piece fits behind what is there, in no more room than that needs.  */
static void
make_room (struct lines *lines)
{
  size_t size = lines->end - lines->start;
  if (lines->start > 0)
    {
      memmove (lines->data, lines->data + lines->start, size);
      lines->searched -= lines->start;
      lines->end -= lines->start;
      lines->start = 0;
    }
  if (lines->room - size < PIECE)
    set_room (lines, 2 * lines->room);
  else if (size <= PIECE && lines->room > USUAL_ROOM)
    set_room (lines, USUAL_ROOM);
}

int
lines_read (struct lines *lines)
{
  ssize_t got;
  make_room (lines);
  do
    got = read (STDIN_FILENO, lines->data + lines->end, PIECE);
  while (got < 0 && errno == EINTR);
  lines->ended = got <= 0;
  if (got > 0)
    lines->end += (size_t) got;
  return got < 0 ? -1 : 0;
}

/* The size of the first line, without its newline, or of what is there of it so far.  */
static size_t
measure_line (struct lines *lines, bool *whole)
{
  const char *newline = memchr (lines->data + lines->searched, '\n', lines->end - lines->searched);
  *whole = newline != NULL;
  if (newline != NULL)
    return (size_t) (newline - lines->data) - lines->start;
  lines->searched = lines->end;
  return lines->end - lines->start;
}

enum line_kind
lines_take (struct lines *lines, const char **text, size_t *size)
{
  bool whole;
  *size = measure_line (lines, &whole);
  *text = lines->data + lines->start;
  bool too_long = lines->skipping || *size > LINE_LIMIT;
  bool last = lines->ended && (*size > 0 || lines->skipping);
  if (!whole && !last)
    {
      lines->skipping = too_long;
      if (too_long)
        lines->start = lines->searched = lines->end;
      return LINE_NONE;
    }
  lines->start += *size + whole;
  lines->searched = lines->start;
  lines->skipping = false;
  lines->number++;
  return too_long ? LINE_TOO_LONG : LINE_TEXT;
}

void
lines_free (struct lines *lines)
{
  free (lines->data);
  lines->data = NULL;
}
