/* Errands: requests of sessions that are nothing but system calls on paths.

   One is carried out at once and in the loop, if that can't take long; else by workers, in steps,
   between which others have their turn.  An errand that was abandoned while a worker has it stays
   until that is done with its step.  */

#ifndef DISPATCHER_ERRAND_H
#define DISPATCHER_ERRAND_H

#include "dispatcher/loop.h"
#include "dispatcher/request.h"
#include "dispatcher/worker.h"
#include "protocol/arena.h"

struct errand_kind;

/* The first member of each kind's own state, which begins as zeros.  */
struct errand
{
  struct work work; /* the first member */
  bool slow;        /* everything is for a worker */
  struct job job;

  const struct errand_kind *kind;
  struct request *request; /* borrowed; NULL: answered or abandoned */
  struct packet packet;    /* the request's; what it points to stays as long as a step lasts */
  struct arena memory;     /* owned: that, of one that was abandoned */

  bool more; /* another step is needed */
  int errnum;
  char message[1024]; /* what could not be done */
};

struct errand_kind
{
  struct request_kind request; /* the first member */
  size_t size;                 /* of the state, in bytes */

  /* In the loop, before the first step: look at the fields, and set `slow`.  False: answered.  */
  bool (*prepare) (struct request *request, struct errand *errand);

  /* On any thread.  SCRATCH is memory of WORKER_SCRATCH bytes for this call.  */
  void (*step) (struct errand *errand, char *scratch);

  /* In the loop: the answer of one that has not failed.  NULL: Ok.  */
  void (*tell) (struct request *request, const struct errand *errand);

  /* On any thread, after the last step: give back what the state owns.  The packet may be gone.
     NULL: nothing.  */
  void (*give_back) (struct errand *errand);
};

/* The kind ID, of which every member that is not given is the errands'.  */
#define ERRAND_REQUEST(id_)                                                                        \
  {                                                                                                \
    .id = id_, .protocols = REQUEST_SESSION, .handle = errand_handle, .abandon = errand_abandon,   \
    .lasts = request_lasts                                                                         \
  }

void errand_handle (struct request *request);
void errand_abandon (struct request *request);

/* The first failure counts: FORMAT says what could not be done.  On any thread.  */
void errand_fail (struct errand *errand, int errnum, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));

#endif
