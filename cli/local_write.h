/* Local files as something to be filled.  */

#ifndef CLI_LOCAL_WRITE_H
#define CLI_LOCAL_WRITE_H

#include "cli/local_error.h"
#include "cli/local_target.h"

#include <stdbool.h>

/* Content on its way to a target: it goes to DESCRIPTOR.  What the target has is left alone until
   local_write_keep, and nothing stays of what is not kept; but a device or a FIFO gets the content
   as it comes.  */
struct local_write
{
  const struct local_target *target; /* borrowed */
  int descriptor;
  char *name;    /* owned; of a temporary file beside the target; NULL: there is none */
  bool streamed; /* the descriptor is the target itself */
  bool spooled;  /* it is a file elsewhere */
};

/* Begin with nothing.  Returns 0, and then exactly one of the others is to be called; or -1 and
 *ERROR.  */
int local_write_begin (const struct local_target *target, struct local_write *file,
                       struct local_error *error);

/* The content is complete: put it in the target's place.  A file that is there is replaced whole or
   not at all, and keeps its mode; but it is written in place where its directory forbids a new one.
   Returns 0, or -1 and *ERROR.  */
int local_write_keep (struct local_write *file, struct local_error *error);

void local_write_drop (struct local_write *file);

#endif
