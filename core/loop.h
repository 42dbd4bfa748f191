/* The loop: descriptors, timers and what is to be done soon, behind one epoll descriptor.

   Two kinds of work are kept apart.  The library's own (watches, timers, tasks) is done in
   loop_step, which blocking calls run too.  The application's callbacks are notices, which only
   lr_loop_dispatch and lr_loop_free deliver.  Whatever is registered here may be taken out at any
   time, also by what is being called.  */

#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stdint.h>

/* A descriptor that is waited for.  Owned, with its descriptor, by whoever set it up; all zero is
   one that is in no loop.  */
struct loop_watch
{
  lr_loop *loop; /* NULL: in none */
  int fd;
  uint32_t events;         /* EPOLLIN, EPOLLOUT; 0: nothing, not even hang-up */
  bool always;             /* it is one that epoll refuses, a regular file: it is always ready */
  bool polled;             /* epoll had no room for it: each step looks by itself, until it has */
  struct loop_watch *next; /* of those two kinds */
  void (*ready) (void *context, uint32_t events);
  void *context;
};

/* WATCH joins LOOP, waiting for nothing yet.  0, or an errno.  */
int loop_watch (lr_loop *loop, struct loop_watch *watch, int fd,
                void (*ready) (void *context, uint32_t events), void *context);
void loop_set_events (struct loop_watch *watch, uint32_t events);
void loop_unwatch (struct loop_watch *watch);

/* The same, and close its descriptor, if it has one.  */
void loop_close (struct loop_watch *watch);

/* A point in time.  All zero is one that is not set.  */
struct loop_timer
{
  lr_loop *loop; /* NULL: not set */
  int64_t due;   /* milliseconds of the monotonic clock */
  size_t place;  /* in the heap */
  void (*expired) (void *context);
  void *context;
};

/* Set it, or set it anew.  Without memory it is not set, and the answer is false.  */
bool loop_set_timer (lr_loop *loop, struct loop_timer *timer, int64_t due,
                     void (*expired) (void *context), void *context);
void loop_clear_timer (struct loop_timer *timer);

enum
{
  LOOP_BUFFER = 256 << 10, /* bytes */
};

/* Room for what is read in a callback of a watch, until that returns: it is the same for all, so
   that a thousand connections need no more of it than one.  NULL: no memory.  */
char *loop_buffer (lr_loop *loop);

/* Now, in milliseconds of the monotonic clock.  */
int64_t loop_now (void);

/* The same, a few milliseconds late, and for less.  */
int64_t loop_roughly_now (void);

/* NOW and MILLISECONDS later; far away if that is LR_NEVER.  */
int64_t loop_later (uint64_t milliseconds);

/* The same, and PATIENCE milliseconds later still.  */
int64_t loop_later_with (uint64_t milliseconds, uint64_t patience);

/* Something to call once, soon.  All zero is one that is not queued.  */
struct loop_call
{
  void (*function) (void *context);
  void *context;
  struct loop_call *next;
  bool queued;
};

/* Call FUNCTION in the next loop_step (a task), or from lr_loop_dispatch (a notice).  What is
   queued already stays where it is.  */
void loop_add_task (lr_loop *loop, struct loop_call *task, void (*function) (void *context),
                    void *context);
void loop_remove_task (lr_loop *loop, struct loop_call *task);
void loop_add_notice (lr_loop *loop, struct loop_call *notice, void (*function) (void *context),
                      void *context);
void loop_remove_notice (lr_loop *loop, struct loop_call *notice);

/* What somebody waits for has come: the step that is under way need not wait any more.  A notice
   says so by itself.  */
void loop_hurry (lr_loop *loop);

/* Call FUNCTION in LOOP's next step; from any thread.  CALL must not be queued anywhere.  */
void loop_post (lr_loop *loop, struct loop_call *call, void (*function) (void *context),
                void *context);

/* Whether a step is under way.  */
bool loop_is_stepping (const lr_loop *loop);

/* After steps outside of lr_loop_dispatch: do the tasks that they have left, and let the descriptor
   tell whether there is something to do there.  */
void loop_settle (lr_loop *loop);

/* Do what there is to do, waiting up to TIMEOUT milliseconds for something.  Calls nothing of the
   application's.  */
void loop_step (lr_loop *loop, uint64_t timeout);

/* While a loop is held, lr_loop_free goes on running it.  */
void loop_hold (lr_loop *loop);
void loop_release (lr_loop *loop);

/* Run FUNCTION as a callback, at once: for the blocking calls, whose callbacks run inside.  */
void loop_call_back (lr_loop *loop, void (*function) (void *context), void *context);

/* Whether a callback is running, from which nobody may wait: then 0 is not returned, but *ERROR
   set.  */
int loop_check_may_wait (const lr_loop *loop, struct lr_error *error);

#endif
