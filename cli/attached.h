/* A command at the far side on this program's own standard streams.

   Signals that ask this program to end go to the command instead; the second SIGINT or SIGTERM is
   for this program, which then gives up.  With a terminal at the far side the one here is lent to
   it, and given back in the end.  No key is a signal here then: who sends one means it, and a
   command that has not ended a while later, as shells don't for SIGTERM, is given up.  */

#ifndef CLI_ATTACHED_H
#define CLI_ATTACHED_H

#include <longreach/longreach.h>

#include <stdbool.h>

/* How it went.  */
struct attached_end
{
  int gave_up;                     /* the signal for which this program gave up; 0: it didn't */
  struct lr_process_status status; /* otherwise */
};

/* Run what ARGS says; what it says of streams and of the size of a terminal is filled in here, but
   for no_input.  Returns 0 and *END, or -1 and *ERROR; UNSUPPORTED also where the connection knows
   no processes.  */
int attached_run (lr_connection *connection, struct lr_spawn_args args, struct attached_end *end,
                  struct lr_error *error);

#endif
