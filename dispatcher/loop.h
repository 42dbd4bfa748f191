/* The dispatcher's one poll loop: descriptors, timers, signals, and work in slices.

   Nothing here blocks but loop_run, and that only in epoll_pwait.  Callbacks run one after another,
   and may add and remove anything, themselves included.  */

#ifndef DISPATCHER_LOOP_H
#define DISPATCHER_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* A descriptor that is waited for.  Owned, with its descriptor, by whoever set it up.  */
struct watch
{
  int fd;
  short events; /* of poll; 0 still reports hang-up and errors; WATCH_NOTHING is not even these */
  void (*ready) (void *context, short events);
  void *context;

  /* The loop's own.  */
  bool watched; /* it is in the loop */
  bool always;  /* epoll refuses it: it is always ready */
  struct watch *next;
};

enum
{
  WATCH_NOTHING = -1,
};

/* WATCH joins the loop; false without memory.  */
bool loop_watch (struct watch *watch, int fd, short events,
                 void (*ready) (void *context, short events), void *context);
void loop_set_events (struct watch *watch, short events);

/* WATCH leaves the loop if it is in it, and its descriptor, if it has one, is closed.  */
void loop_close (struct watch *watch);

/* A point in time.  Owned by whoever set it up.  */
struct timer
{
  int64_t due; /* milliseconds of the monotonic clock */
  void (*expired) (void *context);
  void *context;
  struct timer *next;
  bool set;
};

void loop_set_timer (struct timer *timer, int64_t due, void (*expired) (void *context),
                     void *context);
void loop_clear_timer (struct timer *timer);

/* Now, in milliseconds of the monotonic clock.  */
int64_t loop_now (void);

/* Work that takes long is done in slices, between which the loop serves everything else.  SLICE
   returns whether there is more to do.  */
struct job
{
  bool (*slice) (void *context);
  void *context;
  struct job *next;
  bool set;
};

void loop_add_job (struct job *job, bool (*slice) (void *context), void *context);
void loop_remove_job (struct job *job);

/* How often the loop has woken: what is looked up once a wake-up compares this.  */
uint64_t loop_generation (void);

/* Handle SIGCHLD through CHILD_CHANGED and the signals that ask to end through ENDED (with the
   signal's number).  */
void loop_handle_signals (void (*child_changed) (void), void (*ended) (int signal));

/* Do as if SIGCHLD had come.  */
void loop_look_at_children (void);

/* Run until loop_stop.  SETTLE is called after each round of callbacks, before waiting.  */
void loop_run (void (*settle) (void *context), void *context);
void loop_stop (void);

#endif
