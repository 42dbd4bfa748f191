/* Signals that come while a loop is dispatched: caught, and left for whoever dispatches it.  */

#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <longreach/longreach.h>

#include <stddef.h>

/* Those that ask this program to end.  */
extern const int ending_signals[];
extern const size_t ending_signal_count;

/* From now on each of the COUNT signals wakes LOOP, and is there for signals_take; but those that
   are ignored, as nohup wants it, stay ignored.  Can be called for several sets, of one loop.  */
void signals_catch (lr_loop *loop, const int *numbers, size_t count);

/* A signal that has come and was not taken before; 0: none.  */
int signals_take (void);

/* All that were caught do again what they do by default.  Those that were not taken stay.  */
void signals_release (void);

#endif
