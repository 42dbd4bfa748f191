#include "core/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct worker
{
  lr_loop *loop;
  const struct connector *connector;
  void (*done) (struct lr_call *call);
  pthread_t thread;
  pthread_cond_t changed;
  struct lr_call *first, *last; /* that wait for their turn */
  bool stopping;
};

/* One lock for all: what it guards takes no time.  A call is cancelled, and its input is read,
   under it.  */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
call_is_done (void *context)
{
  struct lr_call *call = context;
  call->worker->done (call);
}

static void
carry_out (struct worker *worker, struct lr_call *call)
{
  if (!lr_call_cancelled (call))
    connector_call (worker->connector, call->operation, call, call->args);
  if (!call->answered)
    lr_call_fail (call, LR_ERROR_PLUGIN, 0, NULL, "the connector %s did not answer %s",
                  worker->connector->table.schema, operation_name (call->operation));
  loop_post (worker->loop, &call->posted, call_is_done, call);
}

static void *
work (void *context)
{
  struct worker *worker = context;
  pthread_mutex_lock (&lock);
  while (!worker->stopping || worker->first != NULL)
    {
      struct lr_call *call = worker->first;
      if (call == NULL)
        {
          pthread_cond_wait (&worker->changed, &lock);
          continue;
        }
      worker->first = call->next_in_line;
      if (worker->first == NULL)
        worker->last = NULL;
      pthread_mutex_unlock (&lock);
      carry_out (worker, call);
      pthread_mutex_lock (&lock);
    }
  pthread_mutex_unlock (&lock);
  return NULL;
}

/* Signals are the application's threads' business.  */
static int
start_thread (struct worker *worker)
{
  sigset_t all, before;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  int errnum = pthread_create (&worker->thread, NULL, work, worker);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return errnum;
}

struct worker *
worker_new (lr_loop *loop, const struct connector *connector, void (*done) (struct lr_call *call))
{
  struct worker *worker = calloc (1, sizeof *worker);
  if (worker == NULL)
    return NULL;
  *worker = (struct worker){ .loop = loop, .connector = connector, .done = done };
  pthread_cond_init (&worker->changed, NULL);
  if (start_thread (worker) == 0)
    return worker;
  pthread_cond_destroy (&worker->changed);
  free (worker);
  return NULL;
}

void
worker_add (struct worker *worker, struct lr_call *call)
{
  pthread_mutex_lock (&lock);
  call->worker = worker;
  call->next_in_line = NULL;
  if (worker->last == NULL)
    worker->first = call;
  else
    worker->last->next_in_line = call;
  worker->last = call;
  pthread_cond_signal (&worker->changed);
  pthread_mutex_unlock (&lock);
}

void
worker_cancel (struct worker *worker, struct lr_call *call)
{
  pthread_mutex_lock (&lock);
  call->cancelled = true;
  pthread_cond_signal (&worker->changed);
  pthread_mutex_unlock (&lock);
}

bool
worker_hand_over (struct lr_call *call, struct loop_call *posted, void (*function) (void *context),
                  void *context)
{
  struct worker *worker = call->worker;
  pthread_mutex_lock (&lock);
  bool wanted = !call->cancelled;
  call->handed_over = wanted;
  if (wanted)
    loop_post (worker->loop, posted, function, context);
  while (call->handed_over && !call->cancelled)
    pthread_cond_wait (&worker->changed, &lock);
  wanted = !call->cancelled;
  pthread_mutex_unlock (&lock);
  return wanted;
}

void
worker_go_on (struct lr_call *call)
{
  pthread_mutex_lock (&lock);
  call->handed_over = false;
  pthread_cond_signal (&call->worker->changed);
  pthread_mutex_unlock (&lock);
}

void
worker_free (struct worker *worker)
{
  if (worker == NULL)
    return;
  pthread_mutex_lock (&lock);
  worker->stopping = true;
  pthread_cond_signal (&worker->changed);
  pthread_mutex_unlock (&lock);
  pthread_join (worker->thread, NULL);
  pthread_cond_destroy (&worker->changed);
  free (worker);
}

/* ---- what a connector's function asks of its call ---- */

int
lr_call_cancelled (const lr_call *call)
{
  pthread_mutex_lock (&lock);
  int cancelled = call->cancelled || call->answered;
  pthread_mutex_unlock (&lock);
  return cancelled;
}

size_t
lr_call_read (lr_call *call, void *buffer, size_t size)
{
  pthread_mutex_lock (&lock);
  size_t left =
      call->cancelled || call->input.data == NULL ? 0 : call->input.size - call->input_read;
  if (size > left)
    size = left;
  if (size > 0)
    memcpy (buffer, call->input.data + call->input_read, size);
  call->input_read += size;
  pthread_mutex_unlock (&lock);
  return size;
}
