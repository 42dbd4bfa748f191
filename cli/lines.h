/* Lines of standard input, read as they come and taken one after the other.  */

#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "cli/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
  LINE_LIMIT = 64 << 20, /* bytes */
};

/* Zero is the beginning.  */
struct lines
{
  struct buffer buffer; /* what is not taken yet */
  size_t searched;      /* so many bytes of that hold no newline */
  uint64_t number;      /* of the line that was taken last, from 1 */
  bool skipping;        /* the rest of a line that is too long */
  bool ended;           /* there will be no more */
};

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
