/* Answers on their way to standard output, one on a line, without ever waiting for their reader. */

#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "cli/buffer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct answers
{
  struct buffer buffer; /* what is not written yet */
  bool regular;         /* standard output is a file, which always takes all */
  bool readable;        /* it is a terminal, where only ASCII is printed */
};

void answers_begin (struct answers *answers);
void answers_free (struct answers *answers);

/* Append ANSWER, and free it.  */
void answers_add (struct answers *answers, json_t *answer);

/* How many bytes wait.  */
size_t answers_waiting (const struct answers *answers);

/* Write as much as standard output takes now, which poll has said takes some.  Returns 0, or -1 and
   errno.  */
int answers_write (struct answers *answers);

#endif
