/* Operations that leave something to be tidied up when a signal ends them.

   Between interruption_begin and interruption_end a signal that asks this program to end cancels
   what is under way, and what comes then fails at once; so the caller tidies up on its usual way.
   In the end the program ends by that signal, as if it had not been caught, so that a shell's loop
   ends with it.  */

#ifndef CLI_INTERRUPTION_H
#define CLI_INTERRUPTION_H

#include <longreach/longreach.h>

void interruption_begin (void);

/* Once nothing is left to be tidied up but what ends by itself.  */
void interruption_end (void);

/* The signal that has come; 0: none.  */
int interruption_signal (void);

/* Carry out an operation of CONNECTION, as lr_submit names it, whose callback gets *RESULT.  0, or
   -1 and *ERROR; which is CANCELLED after a signal.  */
int interruption_perform (lr_connection *connection, enum lr_operation operation, const void *args,
                          void **result, struct lr_error *error);

/* Take note that the program shall end by signal NUMBER.  Returns the exit status that says so.  */
int interruption_note (int number);

/* The last thing done: if there was a signal, end by it.  */
void interruption_repeat (void);

#endif
