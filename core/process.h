/* Processes, as their connection sees them.  */

#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include <longreach/longreach.h>

/* The connection is being closed: every process in LIST fails with ERROR, and knows it no more.
   LOOP_ENDS: neither do they know their loop.  */
void process_disconnect_all (struct lr_process *list, int loop_ends, const struct lr_error *error);

#endif
