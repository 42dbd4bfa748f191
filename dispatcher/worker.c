/* The mutex guards both lists and the counts.  A work is in `waiting`, with a thread, or in
   `finished`, from which the loop takes it.  */

#include "dispatcher/worker.h"

#include "dispatcher/loop.h"

#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum
{
  THREADS_MAX = 4,
  STACK_SIZE = 256 << 10, /* bytes */
};

struct list
{
  struct work *first, *last;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sem_t work_came; /* as often as works are appended to `waiting` */
static struct list waiting, finished;
static unsigned threads, idle;
static size_t pending; /* the loop's */
static struct watch wake_up = { .fd = -1 };

static void
append (struct list *list, struct work *work)
{
  work->next = NULL;
  if (list->last == NULL)
    list->first = work;
  else
    list->last->next = work;
  list->last = work;
}

static struct work *
take_first (struct list *list)
{
  struct work *work = list->first;
  list->first = work->next;
  if (list->first == NULL)
    list->last = NULL;
  return work;
}

static void *
serve (void *scratch)
{
  static const uint64_t one = 1;
  pthread_mutex_lock (&mutex);
  for (;;)
    {
      idle++;
      pthread_mutex_unlock (&mutex);
      while (sem_wait (&work_came) != 0)
        continue;
      pthread_mutex_lock (&mutex);
      idle--;
      struct work *work = take_first (&waiting);
      pthread_mutex_unlock (&mutex);
      work->step (work, scratch);
      pthread_mutex_lock (&mutex);
      append (&finished, work);
      ssize_t ignored = write (wake_up.fd, &one, sizeof one);
      (void) ignored;
    }
  return NULL;
}

static void
end_step (struct work *work)
{
  work->busy = false;
  work->done (work);
}

static void
take_finished (void *context, short events)
{
  uint64_t count;
  (void) context;
  (void) events;
  ssize_t ignored = read (wake_up.fd, &count, sizeof count);
  (void) ignored;
  for (;;)
    {
      pthread_mutex_lock (&mutex);
      struct work *work = finished.first == NULL ? NULL : take_first (&finished);
      pthread_mutex_unlock (&mutex);
      if (work == NULL)
        return;
      pending--;
      end_step (work);
    }
}

/* Once, before the first thread.  */
static bool
prepare (void)
{
  if (wake_up.watched)
    return true;
#ifdef M_ARENA_MAX
  mallopt (M_ARENA_MAX, 1); /* threads allocate too little to have memory of their own */
#endif
  sem_init (&work_came, 0, 0);
  int fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd >= 0 && loop_watch (&wake_up, fd, POLLIN, take_finished, NULL))
    return true;
  loop_close (&wake_up);
  return false;
}

/* One more, with all signals blocked: they are the loop's.  */
static bool
start_thread (void)
{
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  char *scratch = malloc (WORKER_SCRATCH);
  if (scratch == NULL || pthread_attr_init (&attributes) != 0)
    {
      free (scratch);
      return false;
    }
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  pthread_attr_setstacksize (&attributes, STACK_SIZE);
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  bool started = pthread_create (&thread, &attributes, serve, scratch) == 0;
  pthread_attr_destroy (&attributes);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (!started)
    free (scratch);
  threads += started;
  return started;
}

/* False: there is no thread, and none can be started.  */
static bool
give_to_thread (struct work *work)
{
  pthread_mutex_lock (&mutex);
  bool busy = idle == 0 || waiting.first != NULL;
  pthread_mutex_unlock (&mutex);
  if (!prepare () || (busy && threads < THREADS_MAX && !start_thread () && threads == 0))
    return false;
  pending++;
  pthread_mutex_lock (&mutex);
  append (&waiting, work);
  pthread_mutex_unlock (&mutex);
  sem_post (&work_came);
  return true;
}

void
worker_run (struct work *work, bool slow, worker_step *step, worker_done *done)
{
  static char scratch[WORKER_SCRATCH];
  work->step = step;
  work->done = done;
  work->busy = true;
  if (slow && give_to_thread (work))
    return;
  step (work, scratch);
  end_step (work);
}

size_t
worker_pending (void)
{
  return pending;
}
