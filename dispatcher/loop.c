#include "dispatcher/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum
{
  EVENTS_MAX = 64, /* taken from the kernel at a time */
};

static int epoll_fd = -1;

/* What is being delivered in this round, at NEXT.  A watch that leaves takes its own away.  */
static struct epoll_event events[EVENTS_MAX];
static int event_count;

/* Watches that epoll refuses, of regular files: they are always ready.  */
static struct watch *always_ready;

static struct timer *timers; /* soonest first */
static struct job *jobs;
static uint64_t generation;
static bool stopped;

/* A timerfd, which costs the waits nothing.  It may ring for a timer that was taken out.  */
static struct watch alarm_watch = { .fd = -1 };
static int64_t alarm_due; /* not later than the first timer; 0: it is not set */
static bool rang;

static volatile sig_atomic_t child_flag, end_flag;
static void (*child_changed_hook) (void);
static void (*ended_hook) (int signal);

/* ---- descriptors ---- */

/* What epoll is told: of poll's events it has the same bits.  A watch for nothing stays there too,
   since to be added takes memory, which there may not be: it may tell of a hang-up once, which is
   passed over.  */
static bool
tell_epoll (struct watch *watch, int operation)
{
  struct epoll_event event = { .events = watch->events == WATCH_NOTHING
                                             ? (uint32_t) EPOLLONESHOT
                                             : (uint32_t) (unsigned short) watch->events,
                               .data = { .ptr = watch } };
  return epoll_ctl (epoll_fd, operation, watch->fd, &event) == 0;
}

static bool
open_epoll (void)
{
  if (epoll_fd < 0)
    epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  return epoll_fd >= 0;
}

bool
loop_watch (struct watch *watch, int fd, short events_wanted,
            void (*ready) (void *context, short events), void *context)
{
  *watch = (struct watch){ .fd = fd, .events = WATCH_NOTHING, .ready = ready, .context = context };
  if (!open_epoll ())
    return false;
  if (!tell_epoll (watch, EPOLL_CTL_ADD))
    {
      if (errno != EPERM)
        return false;
      watch->always = true;
      watch->next = always_ready;
      always_ready = watch;
    }
  watch->watched = true;
  loop_set_events (watch, events_wanted);
  return true;
}

void
loop_set_events (struct watch *watch, short wanted)
{
  short before = watch->events;
  watch->events = wanted;
  if (!watch->watched || before == wanted)
    return;
  if (!watch->always)
    tell_epoll (watch, EPOLL_CTL_MOD);
  /* What a callback of this round no longer wants is not delivered in it.  */
  uint32_t kept =
      wanted == WATCH_NOTHING ? 0 : (uint32_t) (unsigned short) wanted | EPOLLHUP | EPOLLERR;
  for (int i = 0; i < event_count; i++)
    if (events[i].data.ptr == watch)
      events[i].events &= kept;
}

void
loop_close (struct watch *watch)
{
  loop_set_events (watch, WATCH_NOTHING);
  if (watch->watched && !watch->always)
    tell_epoll (watch, EPOLL_CTL_DEL);
  /* What it has told in this round.  */
  for (int i = 0; i < event_count; i++)
    if (events[i].data.ptr == watch)
      events[i].events = 0;
  for (struct watch **place = &always_ready; watch->always && *place != NULL;
       place = &(*place)->next)
    if (*place == watch)
      {
        *place = watch->next;
        break;
      }
  if (watch->fd >= 0)
    close (watch->fd);
  watch->fd = -1;
  watch->watched = watch->always = false;
}

/* ---- timers and jobs ---- */

int64_t
loop_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
alarm_rang (void *context, short ready)
{
  uint64_t count;
  (void) context;
  (void) ready;
  ssize_t ignored = read (alarm_watch.fd, &count, sizeof count);
  (void) ignored;
  alarm_due = 0;
  rang = true;
}

static void
set_alarm (void)
{
  if (timers == NULL || (alarm_due != 0 && alarm_due <= timers->due))
    return;
  if (alarm_watch.fd < 0)
    {
      int fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
      if (fd < 0 || !loop_watch (&alarm_watch, fd, POLLIN, alarm_rang, NULL))
        return;
    }
  int64_t due = timers->due < 1 ? 1 : timers->due;
  struct itimerspec when = { .it_value = { .tv_sec = (time_t) (due / 1000),
                                           .tv_nsec = (long) (due % 1000) * 1000000 } };
  timerfd_settime (alarm_watch.fd, TFD_TIMER_ABSTIME, &when, NULL);
  alarm_due = due;
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
  set_alarm ();
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

/* Signals are blocked but for the time spent in epoll_pwait: none can slip in between a look at the
   flags and the wait.  */
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
  for (int i = 0; i < event_count; i++)
    {
      struct watch *watch = events[i].data.ptr;
      short ready = (short) (unsigned short) events[i].events;
      events[i].events = 0;
      if (ready != 0 && watch->events != WATCH_NOTHING)
        watch->ready (watch->context, ready);
    }
  event_count = 0;
}

/* Each once: one may take out another, so the search begins anew after each call.  */
static void
deliver_always_ready (void)
{
  int count = 0;
  for (const struct watch *watch = always_ready; watch != NULL; watch = watch->next)
    count++;
  for (int i = 0; i < count; i++)
    {
      struct watch *watch = always_ready;
      for (int j = 0; j < i && watch != NULL; j++)
        watch = watch->next;
      if (watch != NULL && watch->events > 0)
        watch->ready (watch->context, watch->events);
    }
}

static void
deliver_timers (void)
{
  int64_t now = loop_now ();
  rang = false;
  while (timers != NULL && timers->due <= now)
    {
      struct timer *timer = timers;
      loop_clear_timer (timer);
      timer->expired (timer->context);
    }
  set_alarm ();
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
  sigset_t none;
  bool busy = jobs != NULL || child_flag;
  for (const struct watch *watch = always_ready; watch != NULL; watch = watch->next)
    busy = busy || watch->events > 0;
  sigemptyset (&none);
  int got = epoll_pwait (epoll_fd, events, EVENTS_MAX, busy ? 0 : -1, &none);
  event_count = got < 0 ? 0 : got;
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
      if (always_ready != NULL)
        deliver_always_ready ();
      if (rang)
        deliver_timers ();
      work_one_slice ();
      settle (context);
    }
}

void
loop_stop (void)
{
  stopped = true;
}
