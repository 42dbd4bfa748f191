/* A few threads for what may block, so that the loop doesn't: they are started when they are first
   needed.  A work that hangs keeps its thread; when all hang, further works wait.  */

#ifndef DISPATCHER_WORKER_H
#define DISPATCHER_WORKER_H

#include <stdbool.h>
#include <stddef.h>

enum
{
  WORKER_SCRATCH = 128 << 10, /* bytes */
};

struct work;

/* On any thread.  Nothing that belongs to the loop may be touched.  SCRATCH is memory of
   WORKER_SCRATCH bytes for this call.  */
typedef void worker_step (struct work *work, char *scratch);

/* Afterwards, by the loop.  */
typedef void worker_done (struct work *work);

/* What is done in steps.  Owned, with all they need, by whoever set it up, but by a step while that
   is under way.  */
struct work
{
  bool busy; /* a step is under way: STEP, and DONE comes */
  worker_step *step;
  worker_done *done;
  struct work *next;
};

/* Take a step of WORK: where it may be SLOW on a thread, if there can be any; else at once and
   here.  */
void worker_run (struct work *work, bool slow, worker_step *step, worker_done *done);

/* Works that are not done.  */
size_t worker_pending (void);

#endif
