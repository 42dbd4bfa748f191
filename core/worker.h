/* The thread in which a connector's own operations are called, one after another: they may block,
   and the loop must not wait for them.  */

#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "core/call.h"

struct worker;

/* DONE is called in LOOP when a call's function has returned.  NULL: the thread can't be had.  */
struct worker *worker_new (lr_loop *loop, const struct connector *connector,
                           void (*done) (struct lr_call *call));

/* Have CALL carried out when those before it have been.  */
void worker_add (struct worker *worker, struct lr_call *call);

/* Nobody waits for CALL any more: its function is told, if it is under way, or not called.  Its
   input must not be used after this.  */
void worker_cancel (struct worker *worker, struct lr_call *call);

/* In the thread, by the function of CALL: let FUNCTION be called in the loop with CONTEXT, by
   POSTED, and wait until worker_go_on is.  False: the call was cancelled, and FUNCTION may still be
   called, but before DONE is.  */
bool worker_hand_over (struct lr_call *call, struct loop_call *posted,
                       void (*function) (void *context), void *context);
void worker_go_on (struct lr_call *call);

/* No calls are left: end the thread.  */
void worker_free (struct worker *worker);

#endif
