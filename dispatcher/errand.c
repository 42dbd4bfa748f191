#include "dispatcher/errand.h"

#include "dispatcher/channel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
errand_fail (struct errand *errand, int errnum, const char *format, ...)
{
  va_list arguments;
  if (errand->errnum != 0)
    return;
  errand->errnum = errnum;
  va_start (arguments, format);
  vsnprintf (errand->message, sizeof errand->message, format, arguments);
  va_end (arguments);
}

/* ---- on any thread ---- */

static void
take_step (struct work *work, char *scratch)
{
  struct errand *errand = (struct errand *) work;
  errand->more = false;
  errand->kind->step (errand, scratch);
}

static void
give_back (struct work *work, char *scratch)
{
  struct errand *errand = (struct errand *) work;
  (void) scratch;
  if (errand->kind->give_back != NULL)
    errand->kind->give_back (errand);
}

/* ---- in the loop ---- */

static void
given_back (struct work *work)
{
  struct errand *errand = (struct errand *) work;
  arena_free (&errand->memory);
  free (errand);
}

/* It has no request any more.  */
static void
leave (struct errand *errand)
{
  loop_remove_job (&errand->job);
  if (!errand->work.busy)
    worker_run (&errand->work, errand->slow, give_back, given_back);
}

void
errand_abandon (struct request *request)
{
  struct errand *errand = request->state;
  if (errand == NULL)
    return;
  if (errand->work.busy)
    errand->memory = channel_take_memory (request);
  request->state = NULL;
  errand->request = NULL;
  leave (errand);
}

static void
answer_errand (struct errand *errand)
{
  struct request *request = errand->request;
  request->state = NULL;
  errand->request = NULL;
  if (errand->errnum != 0)
    answer_os_error (request, errand->errnum, "%s", errand->message);
  else if (errand->kind->tell != NULL)
    errand->kind->tell (request, errand);
  else
    answer_ok (request);
  leave (errand);
}

static void stepped (struct work *work);

static bool
go_on (void *context)
{
  struct errand *errand = context;
  worker_run (&errand->work, errand->slow, take_step, stepped);
  return false;
}

static void
stepped (struct work *work)
{
  struct errand *errand = (struct errand *) work;
  if (errand->request == NULL)
    leave (errand);
  else if (errand->more && errand->errnum == 0)
    loop_add_job (&errand->job, go_on, errand);
  else
    answer_errand (errand);
}

void
errand_handle (struct request *request)
{
  const struct errand_kind *kind = (const struct errand_kind *) request->kind;
  struct errand *errand = calloc (1, kind->size);
  if (errand == NULL)
    {
      answer_os_error (request, ENOMEM, "cannot serve %s", packet_name (request->packet->id));
      return;
    }
  errand->kind = kind;
  errand->packet = *request->packet;
  if (!kind->prepare (request, errand))
    {
      free (errand);
      return;
    }
  errand->request = request;
  request->state = errand;
  worker_run (&errand->work, errand->slow, take_step, stepped);
}
