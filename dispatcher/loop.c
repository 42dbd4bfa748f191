#include "dispatcher/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* polls[i] and watches[i] belong together.  A watch that leaves during a round leaves a hole
   (watches[i] NULL), so that no slot changes its meaning before the round is over.  */
static struct pollfd *polls;
static struct watch **watches;
static int watch_count, watch_allocated;
static bool holes;

static struct timer *timers; /* soonest first */
static struct job *jobs;
static uint64_t generation;
static bool stopped;

static volatile sig_atomic_t child_flag, end_flag;
static void (*child_changed_hook) (void);
static void (*ended_hook) (int signal);

static bool
grow (void)
{
  int wanted = watch_allocated == 0 ? 16 : watch_allocated * 2;
  struct pollfd *more_polls = realloc (polls, (size_t) wanted * sizeof *polls);
  if (more_polls == NULL)
    return false;
  polls = more_polls;
  struct watch **more_watches = realloc (watches, (size_t) wanted * sizeof *watches);
  if (more_watches == NULL)
    return false;
  watches = more_watches;
  watch_allocated = wanted;
  return true;
}

bool
loop_watch (struct watch *watch, int fd, short events, void (*ready) (void *context, short events),
            void *context)
{
  *watch = (struct watch){ fd, events, ready, context, -1 };
  if (watch_count == watch_allocated && !grow ())
    return false;
  watch->slot = watch_count++;
  watches[watch->slot] = watch;
  polls[watch->slot] = (struct pollfd){ .fd = fd, .events = 0 };
  loop_set_events (watch, events);
  return true;
}

void
loop_set_events (struct watch *watch, short events)
{
  watch->events = events;
  if (watch->slot < 0)
    return;
  polls[watch->slot].fd = events == WATCH_NOTHING ? -1 : watch->fd;
  polls[watch->slot].events = (short) (events == WATCH_NOTHING ? 0 : events);
  /* What a callback of this round no longer wants is not delivered in it.  */
  int wanted = polls[watch->slot].events | POLLHUP | POLLERR | POLLNVAL;
  polls[watch->slot].revents = (short) (polls[watch->slot].revents & wanted);
}

void
loop_close (struct watch *watch)
{
  if (watch->slot >= 0)
    {
      watches[watch->slot] = NULL;
      polls[watch->slot] = (struct pollfd){ .fd = -1 };
      holes = true;
    }
  if (watch->fd >= 0)
    close (watch->fd);
  watch->fd = -1;
  watch->slot = -1;
}

static void
fill_holes (void)
{
  int kept = 0;
  for (int i = 0; i < watch_count; i++)
    if (watches[i] != NULL)
      {
        watches[kept] = watches[i];
        polls[kept] = polls[i];
        watches[kept]->slot = kept;
        kept++;
      }
  watch_count = kept;
  holes = false;
}

int64_t
loop_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
loop_set_timer (struct timer *timer, int64_t due, void (*expired) (void *context), void *context)
{
  loop_clear_timer (timer);
  *timer = (struct timer){ due, expired, context, NULL, true };
  struct timer **place = &timers;
  while (*place != NULL && (*place)->due <= due)
    place = &(*place)->next;
  timer->next = *place;
  *place = timer;
}

void
loop_clear_timer (struct timer *timer)
{
  if (!timer->set)
    return;
  struct timer **place = &timers;
  while (*place != timer)
    place = &(*place)->next;
  *place = timer->next;
  timer->set = false;
}

void
loop_add_job (struct job *job, bool (*slice) (void *context), void *context)
{
  *job = (struct job){ slice, context, NULL, true };
  struct job **place = &jobs;
  while (*place != NULL)
    place = &(*place)->next;
  *place = job;
}

void
loop_remove_job (struct job *job)
{
  if (!job->set)
    return;
  struct job **place = &jobs;
  while (*place != job)
    place = &(*place)->next;
  *place = job->next;
  job->set = false;
}

uint64_t
loop_generation (void)
{
  return generation;
}

static void
note_signal (int signal)
{
  if (signal == SIGCHLD)
    child_flag = 1;
  else
    end_flag = signal;
}

/* Signals are blocked but for the time spent in ppoll: none can slip in between a look at the flags
   and the wait.  */
void
loop_handle_signals (void (*child_changed) (void), void (*ended) (int signal))
{
  static const int handled[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };
  struct sigaction action = { .sa_handler = note_signal };
  sigset_t blocked;
  child_changed_hook = child_changed;
  ended_hook = ended;
  sigemptyset (&action.sa_mask);
  sigemptyset (&blocked);
  for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
    {
      sigaddset (&blocked, handled[i]);
      sigaction (handled[i], &action, NULL);
    }
  sigprocmask (SIG_SETMASK, &blocked, NULL);
  /* Both are errors of a write.  */
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN);
}

void
loop_look_at_children (void)
{
  child_flag = 1;
}

static void
deliver_signals (void)
{
  if (child_flag)
    {
      child_flag = 0;
      child_changed_hook ();
    }
  if (end_flag)
    {
      int signal = end_flag;
      end_flag = 0;
      ended_hook (signal);
    }
}

static void
deliver_events (void)
{
  int count = watch_count; /* what joins in this round waits for the next */
  for (int i = 0; i < count; i++)
    if (watches[i] != NULL && polls[i].revents != 0)
      {
        short events = polls[i].revents;
        polls[i].revents = 0;
        watches[i]->ready (watches[i]->context, events);
      }
}

static void
deliver_timers (void)
{
  int64_t now = timers == NULL ? 0 : loop_now ();
  while (timers != NULL && timers->due <= now)
    {
      struct timer *timer = timers;
      loop_clear_timer (timer);
      timer->expired (timer->context);
    }
}

/* One slice of the first job, which then goes behind the others.  */
static void
work_one_slice (void)
{
  struct job *job = jobs;
  if (job == NULL)
    return;
  loop_remove_job (job);
  if (job->slice (job->context))
    loop_add_job (job, job->slice, job->context);
}

static void
wait_for_events (void)
{
  struct timespec wait = { 0, 0 };
  sigset_t none;
  bool busy = jobs != NULL || child_flag;
  if (!busy && timers != NULL)
    {
      int64_t left = timers->due - loop_now ();
      if (left > 0)
        wait = (struct timespec){ (time_t) (left / 1000), (long) (left % 1000) * 1000000 };
    }
  sigemptyset (&none);
  int got = ppoll (polls, (nfds_t) watch_count, !busy && timers == NULL ? NULL : &wait, &none);
  if (got < 0)
    for (int i = 0; i < watch_count; i++)
      polls[i].revents = 0;
}

void
loop_run (void (*settle) (void *context), void *context)
{
  settle (context);
  while (!stopped)
    {
      wait_for_events ();
      generation++;
      deliver_signals ();
      deliver_events ();
      deliver_timers ();
      work_one_slice ();
      settle (context);
      if (holes)
        fill_holes ();
    }
}

void
loop_stop (void)
{
  stopped = true;
}
