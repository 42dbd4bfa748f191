#include "core/loop.h"

#include "core/error.h"
#include "core/lift.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum
{
  EVENTS_MAX = 64, /* taken from the kernel at a time */
  POLL_STEP = 10,  /* milliseconds between two looks at what epoll has no room for */
};

struct call_queue
{
  struct loop_call *first, *last;
  size_t count;
};

struct lr_loop
{
  int epoll;
  int wake;                /* eventfd, in epoll: makes the descriptor readable */
  struct loop_watch alarm; /* timerfd: set once, it costs the waits nothing */
  int64_t alarm_due;       /* milliseconds; not later than the first timer.  0: it is not set */
  bool rang;               /* there may be timers that have expired */
  bool watched;            /* somebody waits for the descriptor himself */
  bool woken;              /* the eventfd has been written to, and not read */
  bool hurried;            /* a task has done what somebody waits for */
  bool woken_up;           /* it was read, and lr_loop_dispatch has not returned since */

  struct epoll_event events[EVENTS_MAX]; /* what is being delivered */
  int event_count;
  struct loop_watch *refused; /* watches that epoll doesn't have: always ready, or polled */

  struct loop_timer **heap; /* the soonest first */
  size_t timer_count, timer_allocated;

  struct call_queue tasks, notices;
  bool in_callback, stepping;
  char *buffer;    /* owned; NULL: nobody has read yet */
  unsigned guests; /* transports and threads that have not ended */

  pthread_mutex_t lock; /* for what other threads post */
  struct call_queue posted;
};

/* ---- time ---- */

int64_t
loop_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
loop_roughly_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
loop_later (uint64_t milliseconds)
{
  int64_t now = loop_now ();
  return milliseconds > (uint64_t) (INT64_MAX - now) ? INT64_MAX : now + (int64_t) milliseconds;
}

int64_t
loop_later_with (uint64_t milliseconds, uint64_t patience)
{
  return loop_later (milliseconds < LR_NEVER - patience ? milliseconds + patience : LR_NEVER);
}

/* ---- waking ---- */

static void
wake (lr_loop *loop)
{
  uint64_t one = 1;
  ssize_t ignored = write (loop->wake, &one, sizeof one);
  (void) ignored; /* full: it is awake */
}

void
lr_loop_wake (lr_loop *loop)
{
  int kept = errno; /* a signal handler's caller's */
  wake (loop);
  errno = kept;
}

/* ---- watches ---- */

static void
join_refused (struct loop_watch *watch)
{
  watch->next = watch->loop->refused;
  watch->loop->refused = watch;
}

static void
leave_refused (struct loop_watch *watch)
{
  struct loop_watch **place = &watch->loop->refused;
  while (*place != watch)
    place = &(*place)->next;
  *place = watch->next;
}

/* Let epoll have what WATCH waits for now, which is something.  */
static bool
tell_epoll (struct loop_watch *watch)
{
  struct epoll_event event = { .events = watch->events, .data = { .ptr = watch } };
  int epoll = watch->loop->epoll;
  return epoll_ctl (epoll, EPOLL_CTL_ADD, watch->fd, &event) == 0
         || (errno == EEXIST && epoll_ctl (epoll, EPOLL_CTL_MOD, watch->fd, &event) == 0);
}

/* There may be room by now.  */
static void
tell_again (lr_loop *loop)
{
  for (struct loop_watch *watch = loop->refused, *next; watch != NULL; watch = next)
    {
      next = watch->next;
      if (!watch->polled || !tell_epoll (watch))
        continue;
      watch->polled = false;
      leave_refused (watch);
    }
}

int
loop_watch (lr_loop *loop, struct loop_watch *watch, int fd,
            void (*ready) (void *context, uint32_t events), void *context)
{
  *watch = (struct loop_watch){ .loop = loop, .fd = fd, .ready = ready, .context = context };
  struct epoll_event event = { .events = 0, .data = { .ptr = watch } };
  if (epoll_ctl (loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
    {
      /* Hang-up is reported even to who waits for nothing.  */
      epoll_ctl (loop->epoll, EPOLL_CTL_DEL, fd, NULL);
      return 0;
    }
  int errnum = errno;
  watch->always = errnum == EPERM;
  if (watch->always)
    {
      join_refused (watch);
      return 0;
    }
  watch->loop = NULL;
  return errnum;
}

void
loop_set_events (struct loop_watch *watch, uint32_t events)
{
  if (watch->loop == NULL || watch->events == events)
    return;
  watch->events = events;
  if (watch->always)
    return;
  if (watch->polled)
    leave_refused (watch);
  watch->polled = events != 0 && !tell_epoll (watch);
  if (watch->polled)
    join_refused (watch);
  if (events == 0)
    epoll_ctl (watch->loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
  /* What is no longer wanted is not delivered any more.  */
  for (int i = 0; events == 0 && i < watch->loop->event_count; i++)
    if (watch->loop->events[i].data.ptr == watch)
      watch->loop->events[i].events = 0;
}

void
loop_unwatch (struct loop_watch *watch)
{
  lr_loop *loop = watch->loop;
  if (loop == NULL)
    return;
  loop_set_events (watch, 0);
  if (watch->always)
    leave_refused (watch);
  watch->loop = NULL;
}

void
loop_close (struct loop_watch *watch)
{
  loop_unwatch (watch);
  if (watch->fd >= 0)
    close (watch->fd);
  watch->fd = -1;
}

char *
loop_buffer (lr_loop *loop)
{
  if (loop->buffer == NULL)
    loop->buffer = malloc (LOOP_BUFFER);
  return loop->buffer;
}

/* ---- making and freeing ---- */

static void
alarm_rang (void *context, uint32_t events)
{
  lr_loop *loop = context;
  uint64_t count;
  (void) events;
  ssize_t ignored = read (loop->alarm.fd, &count, sizeof count);
  (void) ignored;
  loop->alarm_due = 0;
  loop->rang = true;
}

/* The descriptors of LOOP; an errno.  */
static int
open_descriptors (lr_loop *loop)
{
  struct epoll_event woken = { .events = EPOLLIN, .data = { .ptr = NULL } };
  loop->epoll = lift_descriptor (epoll_create1 (EPOLL_CLOEXEC));
  loop->wake = lift_descriptor (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK));
  int alarm = lift_descriptor (timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (loop->epoll < 0 || loop->wake < 0 || alarm < 0
      || epoll_ctl (loop->epoll, EPOLL_CTL_ADD, loop->wake, &woken) != 0)
    {
      loop->alarm.fd = alarm;
      return errno;
    }
  int errnum = loop_watch (loop, &loop->alarm, alarm, alarm_rang, loop);
  loop_set_events (&loop->alarm, EPOLLIN);
  return errnum;
}

static void
close_descriptors (lr_loop *loop)
{
  const int fds[] = { loop->alarm.fd, loop->wake, loop->epoll };
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if (fds[i] >= 0)
      close (fds[i]);
}

int
lr_loop_new (lr_loop **result, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  *result = NULL;
  lr_loop *loop = calloc (1, sizeof *loop);
  if (loop == NULL)
    return error_no_memory (error);
  int errnum = open_descriptors (loop);
  if (errnum != 0)
    {
      close_descriptors (loop);
      free (loop);
      return error_set_errno (error, LR_ERROR_IO, errnum, "cannot make a loop: %s",
                              strerror (errnum));
    }
  pthread_mutex_init (&loop->lock, NULL);
  *result = loop;
  return 0;
}

/* ---- timers: a heap ---- */

static void
put_timer (lr_loop *loop, size_t place, struct loop_timer *timer)
{
  loop->heap[place] = timer;
  timer->place = place;
}

static void
move_up (lr_loop *loop, size_t place, struct loop_timer *timer)
{
  while (place > 0 && loop->heap[(place - 1) / 2]->due > timer->due)
    {
      put_timer (loop, place, loop->heap[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
  put_timer (loop, place, timer);
}

static void
move_down (lr_loop *loop, size_t place, struct loop_timer *timer)
{
  for (size_t child; (child = 2 * place + 1) < loop->timer_count; place = child)
    {
      if (child + 1 < loop->timer_count && loop->heap[child + 1]->due < loop->heap[child]->due)
        child++;
      if (loop->heap[child]->due >= timer->due)
        break;
      put_timer (loop, place, loop->heap[child]);
    }
  put_timer (loop, place, timer);
}

/* A timer that is taken out leaves the alarm as it is: it rings for nothing then.  */
static void
set_alarm (lr_loop *loop)
{
  int64_t due = loop->timer_count == 0 ? INT64_MAX : loop->heap[0]->due;
  if (due == INT64_MAX || (loop->alarm_due != 0 && loop->alarm_due <= due))
    return;
  struct itimerspec when = { .it_value = { .tv_sec = (time_t) (due / 1000),
                                           .tv_nsec = (long) (due % 1000) * 1000000 } };
  timerfd_settime (loop->alarm.fd, TFD_TIMER_ABSTIME, &when, NULL);
  loop->alarm_due = due;
}

bool
loop_set_timer (lr_loop *loop, struct loop_timer *timer, int64_t due,
                void (*expired) (void *context), void *context)
{
  loop_clear_timer (timer);
  if (loop->timer_count == loop->timer_allocated)
    {
      size_t room = loop->timer_allocated == 0 ? 16 : loop->timer_allocated * 2;
      struct loop_timer **grown = realloc (loop->heap, room * sizeof (struct loop_timer *));
      if (grown == NULL)
        return false;
      loop->heap = grown;
      loop->timer_allocated = room;
    }
  *timer = (struct loop_timer){ .loop = loop, .due = due, .expired = expired, .context = context };
  move_up (loop, loop->timer_count++, timer);
  set_alarm (loop);
  return true;
}

void
loop_clear_timer (struct loop_timer *timer)
{
  lr_loop *loop = timer->loop;
  if (loop == NULL)
    return;
  size_t place = timer->place;
  struct loop_timer *last = loop->heap[--loop->timer_count];
  timer->loop = NULL;
  if (last == timer)
    return;
  if (place > 0 && loop->heap[(place - 1) / 2]->due > last->due)
    move_up (loop, place, last);
  else
    move_down (loop, place, last);
}

/* ---- tasks and notices ---- */

static void
append (struct call_queue *queue, struct loop_call *call, void (*function) (void *context),
        void *context)
{
  *call = (struct loop_call){ function, context, NULL, true };
  if (queue->last == NULL)
    queue->first = call;
  else
    queue->last->next = call;
  queue->last = call;
  queue->count++;
}

static void
take_out (struct call_queue *queue, struct loop_call *call)
{
  struct loop_call *before = NULL;
  if (!call->queued)
    return;
  for (struct loop_call *each = queue->first; each != call; each = each->next)
    before = each;
  if (before == NULL)
    queue->first = call->next;
  else
    before->next = call->next;
  if (queue->last == call)
    queue->last = before;
  queue->count--;
  call->queued = false;
}

/* Take the first off, and call it.  */
static void
call_first (struct call_queue *queue)
{
  struct loop_call *call = queue->first;
  queue->first = call->next;
  if (queue->first == NULL)
    queue->last = NULL;
  queue->count--;
  call->queued = false;
  call->function (call->context);
}

/* Whoever waits for the descriptor has to learn that there is something to do.  */
static void
make_readable (lr_loop *loop)
{
  if (!loop->watched || loop->woken)
    return;
  loop->woken = true;
  wake (loop);
}

void
loop_add_task (lr_loop *loop, struct loop_call *task, void (*function) (void *context),
               void *context)
{
  if (task->queued)
    return;
  append (&loop->tasks, task, function, context);
  make_readable (loop);
}

void
loop_remove_task (lr_loop *loop, struct loop_call *task)
{
  take_out (&loop->tasks, task);
}

void
loop_add_notice (lr_loop *loop, struct loop_call *notice, void (*function) (void *context),
                 void *context)
{
  if (notice->queued)
    return;
  append (&loop->notices, notice, function, context);
  loop->hurried = true;
  make_readable (loop);
}

void
loop_hurry (lr_loop *loop)
{
  loop->hurried = true;
}

void
loop_remove_notice (lr_loop *loop, struct loop_call *notice)
{
  take_out (&loop->notices, notice);
}

void
loop_post (lr_loop *loop, struct loop_call *call, void (*function) (void *context), void *context)
{
  pthread_mutex_lock (&loop->lock);
  append (&loop->posted, call, function, context);
  wake (loop);
  pthread_mutex_unlock (&loop->lock);
}

/* ---- running ---- */

/* As milliseconds for epoll_wait.  */
static int
time_to_wait (const lr_loop *loop, uint64_t timeout)
{
  bool busy = loop->hurried || loop->tasks.first != NULL;
  for (const struct loop_watch *watch = loop->refused; watch != NULL; watch = watch->next)
    if (watch->polled)
      timeout = timeout < POLL_STEP ? timeout : POLL_STEP;
    else
      busy = busy || watch->events != 0;
  if (busy)
    return 0;
  return timeout == LR_NEVER ? -1 : timeout > INT_MAX ? INT_MAX : (int) timeout;
}

/* Call what is queued now; what is added meanwhile waits for the next time.  Returns how many.  */
static int
call_queued (struct call_queue *queue)
{
  int count = 0;
  for (size_t left = queue->count; left > 0 && queue->first != NULL; left--, count++)
    call_first (queue);
  return count;
}

static void
take_posted (lr_loop *loop)
{
  uint64_t count;
  ssize_t ignored = read (loop->wake, &count, sizeof count);
  (void) ignored;
  loop->woken = false;
  loop->woken_up = true;
  pthread_mutex_lock (&loop->lock);
  struct call_queue posted = loop->posted;
  loop->posted = (struct call_queue){ NULL, NULL, 0 };
  pthread_mutex_unlock (&loop->lock);
  call_queued (&posted);
}

static void
deliver_events (lr_loop *loop)
{
  for (int i = 0; i < loop->event_count; i++)
    {
      uint32_t events = loop->events[i].events;
      struct loop_watch *watch = loop->events[i].data.ptr;
      if (events == 0)
        continue;
      if (watch != NULL)
        watch->ready (watch->context, events);
      else
        take_posted (loop);
    }
  loop->event_count = 0;
}

/* What a watch that epoll doesn't have has come to.  */
static uint32_t
look_at (const struct loop_watch *watch)
{
  if (!watch->polled)
    return watch->events;
  struct pollfd entry = { .fd = watch->fd, .events = (short) watch->events };
  return poll (&entry, 1, 0) > 0 ? (uint32_t) (unsigned short) entry.revents : 0;
}

/* Each once: one may take out another, so the search begins anew after each call.  */
static void
deliver_refused (lr_loop *loop)
{
  size_t count = 0;
  for (const struct loop_watch *watch = loop->refused; watch != NULL; watch = watch->next)
    count++;
  for (size_t i = 0; i < count; i++)
    {
      struct loop_watch *watch = loop->refused;
      for (size_t j = 0; j < i && watch != NULL; j++)
        watch = watch->next;
      uint32_t events = watch == NULL ? 0 : look_at (watch);
      if (events != 0)
        watch->ready (watch->context, events);
    }
}

static void
deliver_timers (lr_loop *loop)
{
  int64_t now = loop_now ();
  loop->rang = false;
  while (loop->timer_count > 0 && loop->heap[0]->due <= now)
    {
      struct loop_timer *timer = loop->heap[0];
      loop_clear_timer (timer);
      timer->expired (timer->context);
    }
  set_alarm (loop);
}

void
loop_step (lr_loop *loop, uint64_t timeout)
{
  loop->stepping = true;
  loop->hurried = false;
  call_queued (&loop->tasks);
  if (loop->refused != NULL)
    tell_again (loop);
  int got = epoll_wait (loop->epoll, loop->events, EVENTS_MAX, time_to_wait (loop, timeout));
  loop->event_count = got < 0 ? 0 : got;
  deliver_events (loop);
  if (loop->refused != NULL)
    deliver_refused (loop);
  if (loop->rang)
    deliver_timers (loop);
  loop->stepping = false;
}

bool
loop_is_stepping (const lr_loop *loop)
{
  return loop->stepping;
}

static int
deliver_notices (lr_loop *loop)
{
  loop->in_callback = true;
  int count = call_queued (&loop->notices);
  loop->in_callback = false;
  return count;
}

void
loop_call_back (lr_loop *loop, void (*function) (void *context), void *context)
{
  bool before = loop->in_callback;
  loop->in_callback = true;
  function (context);
  loop->in_callback = before;
}

/* After a step the descriptor tells whether there is more to do at once.  */
void
loop_settle (lr_loop *loop)
{
  /* What a step has left to be sent is sent: there may be no next one for long.  */
  call_queued (&loop->tasks);
  bool more = loop->tasks.first != NULL || loop->notices.first != NULL || loop->woken_up;
  for (const struct loop_watch *watch = loop->refused; watch != NULL; watch = watch->next)
    more = more || watch->events != 0;
  if (more)
    make_readable (loop);
}

int
loop_check_may_wait (const lr_loop *loop, struct lr_error *error)
{
  if (!loop->in_callback)
    return 0;
  return error_set_field (error, "loop", "a callback can't wait: submit it instead");
}

int
lr_loop_descriptor (lr_loop *loop)
{
  loop->watched = true;
  loop_settle (loop);
  return loop->epoll;
}

int
lr_loop_dispatch (lr_loop *loop, uint64_t timeout, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  if (loop_check_may_wait (loop, error) != 0)
    return -1;
  /* A blocking call may have taken what was to wake this one.  */
  loop_step (loop, loop->notices.first == NULL && !loop->woken_up ? timeout : 0);
  int count = deliver_notices (loop);
  loop->woken_up = false;
  loop_settle (loop);
  return count;
}

void
loop_hold (lr_loop *loop)
{
  loop->guests++;
}

void
loop_release (lr_loop *loop)
{
  loop->guests--;
}

void
lr_loop_free (lr_loop *loop)
{
  if (loop == NULL)
    return;
  while (loop->guests > 0 || loop->notices.first != NULL)
    {
      loop_step (loop, loop->notices.first == NULL ? LR_NEVER : 0);
      deliver_notices (loop);
    }
  loop_unwatch (&loop->alarm);
  close_descriptors (loop);
  pthread_mutex_destroy (&loop->lock);
  free (loop->buffer);
  free (loop->heap);
  free (loop);
}
