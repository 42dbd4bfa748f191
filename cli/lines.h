/* Lines of standard input, read as they come and taken one after the other.  */

#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
  LINE_LIMIT = 64 << 20, /* bytes */
};

struct lines
{
  char *data; /* owned; START to END is not taken yet, and up to SEARCHED there is no newline */
  size_t room;
  size_t start, searched, end;
  uint64_t number; /* of the line that was taken last, from 1 */
  bool skipping;   /* the rest of a line that is too long */
  bool ended;      /* there will be no more */
};

void lines_begin (struct lines *lines);
void lines_free (struct lines *lines);

/* Read once, what is there already or the next that comes.  Returns 0, or -1 and errno; then, as at
   the end, no more will come.  */
int lines_read (struct lines *lines);

enum line_kind
{
  LINE_NONE, /* there is no whole line, or no more */
  LINE_TEXT,
  LINE_TOO_LONG,
};

/* Take a line.  *TEXT, of *SIZE bytes without the newline, is borrowed until lines_read.  */
enum line_kind lines_take (struct lines *lines, const char **text, size_t *size);

#endif
