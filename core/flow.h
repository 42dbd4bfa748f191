/* A flow: bytes that have come and that nobody has taken yet, in order.

   In memory, which the sender's window bounds; but while somebody waits for something else, who
   could not take them, what is too much goes to a file without a name, and the sender may go on. */

#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty flow.  */
struct flow
{
  struct buffer memory; /* the first bytes */
  size_t owed;          /* of all, what the sender has no credit for yet */
  int file;             /* owned: the bytes behind them; 0, which it never is: there are none */
  int64_t file_start, file_end;
};

/* Add bytes; MAY_SPILL: to the file if they are many.  *CREDIT is for how many of them the sender
   can have credit at once.  0, or an errno.  */
int flow_add (struct flow *flow, const char *data, size_t size, bool may_spill, size_t *credit);

bool flow_is_empty (const struct flow *flow);

/* Somebody waits: the sender may go on, whatever is there.  Returns for how many bytes credit is
   due.  */
size_t flow_pay (struct flow *flow);

/* The bytes from the start that are in memory; none only if the flow is empty, or *ERRNUM says why
   they can't be read back.  */
size_t flow_peek (struct flow *flow, const char **data, int *errnum);

/* Take SIZE bytes, which flow_peek has shown, off the start.  Returns for how many of them credit
   is due.  */
size_t flow_take (struct flow *flow, size_t size);

void flow_free (struct flow *flow);

#endif
