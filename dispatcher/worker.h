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

/* Owned, with all it needs, by whoever set it up, until DONE is called.  */
struct work
{
  /* On any thread.  Nothing that belongs to the loop may be touched.  SCRATCH is memory of
     WORKER_SCRATCH bytes for this call.  */
  void (*run) (struct work *work, char *scratch);

  /* Afterwards, by the loop.  */
  void (*done) (struct work *work);

  struct work *next;
};

/* Run WORK on a thread; at once and here where there can't be any.  */
void worker_run (struct work *work);

/* Run it at once and here: for what can't take long.  */
void worker_run_here (struct work *work);

/* Works that are not done.  */
size_t worker_pending (void);

#endif
