/* Local files as something to send.  */

#ifndef CLI_LOCAL_READ_H
#define CLI_LOCAL_READ_H

#include "cli/buffer.h"
#include "cli/local_error.h"

#include <stdbool.h>

/* What messages call PATH, where "-" is standard input.  */
const char *local_read_name (const char *path);

/* A descriptor to read PATH from, which local_read_close closes; standard input if it is "-".
   REGULAR_ONLY: nothing else will do, nothing is waited for, and "-" is a file of that name.
   Returns 0, or -1 and *ERROR.  */
int local_read_open (const char *path, bool regular_only, int *descriptor,
                     struct local_error *error);
void local_read_close (int descriptor);

/* Whether standard input can be read at all: not if it was closed.  */
bool local_read_has_input (void);

/* Append all of standard input to INPUT.  Returns 0, or -1 and *ERROR.  */
int local_read_input (struct buffer *input, struct local_error *error);

#endif
