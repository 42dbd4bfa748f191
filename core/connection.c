/* A connection goes through its phases in their order, and never back.  While it is opening, calls
   are kept until it is open.  It is broken when the reason is known, and then every call fails with
   that; while a link is still being ended, calls wait for the reason.

   It is freed when it is closed, its transport has ended, and no function of its connector is under
   way.  Nothing here waits.

   What goes through the list of calls keeps the next one while it ends one: ending one ends no
   other.  */

#include "core/connection.h"

#include "core/args.h"
#include "core/call_list.h"
#include "core/destination.h"
#include "core/error.h"
#include "core/exchange.h"
#include "core/link.h"
#include "core/pages.h"
#include "core/process.h"
#include "core/transfer.h"
#include "core/tree.h"
#include "core/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  DEFAULT_TIMEOUT = 60000,    /* milliseconds, for opening */
  DEFAULT_KEEP_ALIVE = 30000, /* milliseconds */
};

enum phase
{
  PHASE_OPENING,
  PHASE_OPEN,
  PHASE_BROKEN,
};

struct lr_connection
{
  struct destination destination;
  lr_loop *loop;
  bool owns_loop;

  enum phase phase;
  struct completion *opening; /* who waits for it to be open; NULL: nobody any more */
  struct loop_timer deadline; /* for opening; then for the last words */
  uint64_t timeout;           /* milliseconds */
  int64_t time_left;          /* milliseconds, of DEADLINE, while a question is open */

  struct link *links;     /* owned, one for each hop; NULL: there is no tunnel */
  size_t opened_links;    /* of them that were begun to be opened */
  struct lr_call *unsent; /* answered calls whose bytes a plain link still has to send */
  struct lr_error reason; /* in PHASE_BROKEN */

  struct call_list calls; /* all whose callers wait */
  uint64_t last_id;
  struct lr_process *processes;

  struct worker *worker; /* NULL: no function of the connector's own was called yet */
  size_t working;        /* calls it has */
  struct lr_call *own;   /* the one of them that nobody asked for; NULL: none */
  void *state;           /* what the connector's open left */
  bool opened;           /* by it: its close has something to close */

  bool closing;            /* the program knows it no more */
  struct loop_call finish; /* then: its links may all have ended */
  bool *closed;            /* is set when it is freed; NULL: nobody looks */
};

static void start_call (struct lr_call *call);
static void end_whole_call (struct lr_call *call);
static void opening_is_late (void *context);
static void finish_closing (lr_connection *connection);
static void link_is_over (void *context, struct link *link);

/* ---- names ---- */

static const struct lr_hop *
last_hop (const lr_connection *connection)
{
  return destination_last_hop (&connection->destination);
}

static int
last_index (const lr_connection *connection)
{
  return (int) connection->destination.target.count - 1;
}

/* The one that calls go to; NULL: there is no tunnel.  */
static struct link *
last_link (const lr_connection *connection)
{
  return connection->links == NULL ? NULL
                                   : &connection->links[connection->destination.target.count - 1];
}

lr_loop *
connection_loop (const lr_connection *connection)
{
  return connection->loop;
}

bool
connection_owns_loop (const lr_connection *connection)
{
  return connection->owns_loop;
}

const char *
connection_host (const lr_connection *connection)
{
  return connection->destination.host;
}

void
connection_blame (const lr_connection *connection, struct lr_error *error)
{
  error_add_hop (error, last_index (connection), connection->destination.host);
}

const struct destination *
connection_destination (const lr_connection *connection)
{
  return &connection->destination;
}

const struct link *
connection_links (const lr_connection *connection)
{
  return connection->links;
}

bool
connection_is_opening (const lr_connection *connection)
{
  return connection->phase == PHASE_OPENING;
}

const struct lr_error *
connection_reason (const lr_connection *connection)
{
  return connection->phase == PHASE_BROKEN ? &connection->reason : NULL;
}

struct lr_process **
connection_processes (lr_connection *connection)
{
  return &connection->processes;
}

/* ---- failing ---- */

/* Fail all that waits, in the order in which it came.  */
static void
fail_calls (lr_connection *connection, const struct lr_error *error)
{
  struct lr_call *call = call_list_oldest (&connection->calls);
  for (struct lr_call *before; call != NULL; call = before)
    {
      before = call->previous;
      if (!call->started)
        connection_give_up_call (call, error);
    }
}

static void
end_opening (lr_connection *connection, int status, const struct lr_error *error)
{
  struct completion *opening = connection->opening;
  connection->opening = NULL;
  loop_clear_timer (&connection->deadline);
  if (opening != NULL)
    completion_fill (opening, status, NULL, error);
}

/* The reason is known.  */
static void
fail_connection (lr_connection *connection)
{
  if (connection->phase == PHASE_BROKEN)
    return;
  connection->phase = PHASE_BROKEN;
  if (last_link (connection) != NULL)
    link_fail_requests (last_link (connection), &connection->reason);
  fail_calls (connection, &connection->reason);
  end_opening (connection, -1, &connection->reason);
}

static void
link_has_broken (void *context, struct link *link)
{
  lr_connection *connection = context;
  if (connection->closing || connection->phase == PHASE_BROKEN)
    return;
  connection->reason = link->reason;
  fail_connection (connection);
}

/* Answered calls of a plain link end when their bytes are sent, or never will be.  */
static void
end_sent_calls (lr_connection *connection)
{
  while (connection->unsent != NULL)
    {
      struct lr_call *call = connection->unsent;
      connection->unsent = call->next_in_line;
      end_whole_call (call);
    }
}

static void
link_has_drained (void *context, struct link *link)
{
  (void) link;
  end_sent_calls (context);
}

void
connection_flush_soon (lr_connection *connection)
{
  if (last_link (connection) != NULL)
    link_flush_soon (last_link (connection));
}

/* ---- calls ---- */

bool
connection_tunnels (const lr_connection *connection, enum operation operation)
{
  return connection->destination.connector->providers[operation] == PROVIDER_TUNNEL;
}

bool
connection_speaks_sessions (const lr_connection *connection)
{
  return last_link (connection) != NULL && !last_link (connection)->plain;
}

struct session *
connection_session (lr_connection *connection, struct lr_error *error)
{
  const struct link *link = last_link (connection);
  if (connection->phase == PHASE_BROKEN)
    *error = connection->reason;
  else if (connection->destination.connector->providers[OPERATION_RUN] == PROVIDER_TUNNEL
           && link != NULL && link->session != NULL)
    return link->session;
  else
    error_set (error, LR_ERROR_UNSUPPORTED, "%s: %s", connection->destination.host,
               link == NULL || link->plain
                   ? "live commands and terminals need a session, and here none is spoken"
                   : "the connector runs commands itself, and has no processes");
  return NULL;
}

uint64_t
connection_last_id (const lr_connection *connection)
{
  return connection->last_id;
}

struct lr_call *
connection_find_call (lr_connection *connection, uint64_t id)
{
  return call_list_find (&connection->calls, id);
}

void
connection_introduce (lr_connection *connection, struct lr_call *call)
{
  call->hop = last_hop (connection);
  call->host = connection->destination.host;
  call->hop_index = last_index (connection);
  call->state = &connection->state;
}

void
connection_end_call (struct lr_call *call)
{
  if (call->channel != NULL)
    {
      session_abandon (call->channel);
      connection_flush_soon (call->connection);
    }
  call_list_remove (&call->connection->calls, call);
  call_complete (call);
  call_free (call);
}

/* The provider, which knows only whole contents, is done with CALL.  */
static void
end_whole_call (struct lr_call *call)
{
  struct transfer *transfer = call->transfer;
  if (call->pages != NULL)
    {
      pages_end (call->pages);
      return;
    }
  if (transfer == NULL || transfer->put || call->status != 0 || call->completion == NULL)
    {
      connection_end_call (call);
      return;
    }
  struct lr_download_result *result = call->result;
  call->result = NULL;
  call->answered = false;
  transfer_write_wholly (transfer, result->content);
  lr_free (result);
}

static void
plain_call_is_done (void *context, struct lr_call *call)
{
  lr_connection *connection = context;
  struct iovec piece;
  bool sending = connection->phase <= PHASE_OPEN
                 && plain_client_output (&last_link (connection)->client, &piece, 1) > 0;
  call->in_plain_client = false;
  /* What is being sent of it is still the caller's.  */
  if (sending && call->completion != NULL)
    {
      loop_clear_timer (&call->timer);
      call->next_in_line = connection->unsent;
      connection->unsent = call;
    }
  else
    end_whole_call (call);
}

static void
worker_call_is_done (struct lr_call *call)
{
  lr_connection *connection = call->connection;
  connection->working--;
  call->worker = NULL;
  end_whole_call (call);
  if (connection->closing)
    finish_closing (connection);
}

/* Have the connector's own function called.  */
static void
work_on (struct lr_call *call)
{
  lr_connection *connection = call->connection;
  if (connection->worker == NULL)
    connection->worker =
        worker_new (connection->loop, connection->destination.connector, worker_call_is_done);
  if (connection->worker == NULL)
    {
      lr_call_fail (call, LR_ERROR_IO, EAGAIN, NULL, "cannot start a thread for the connector %s",
                    connection->destination.connector->table.schema);
      connection_end_call (call);
      return;
    }
  connection->working++;
  worker_add (connection->worker, call);
}

static void
provide_wholly (struct lr_call *call)
{
  lr_connection *connection = call->connection;
  if (!connection_tunnels (connection, call->operation))
    work_on (call);
  else
    {
      call->in_plain_client = true;
      plain_client_submit (&last_link (connection)->client, call);
      connection_flush_soon (connection);
    }
}

static void
refuse (struct lr_call *call, enum operation operation)
{
  const char *schema = call->connection->destination.connector->table.schema;
  if (operation == OPERATION_OPEN)
    lr_call_fail (call, LR_ERROR_UNSUPPORTED, 0, NULL, "the connector %s has no dispatcher",
                  schema);
  else
    lr_call_fail (call, LR_ERROR_UNSUPPORTED, 0, NULL, "the connector %s has no %s", schema,
                  operation_name (operation));
  connection_end_call (call);
}

/* What the plain protocol, or a connector's own function, has no word for; NULL: nothing.  */
static const char *
beyond_wholes (const struct lr_call *call, bool tunnelled)
{
  const struct lr_run_args *run = call->operation == OPERATION_RUN ? call->args : NULL;
  if (tunnelled && run != NULL && (run->environment != NULL || run->unset != NULL || run->linger))
    return "the plain protocol carries neither environment nor linger";
  if (call->tree != NULL)
    return "the plain protocol carries no trees";
  if (call->transfer != NULL && call->transfer->sync)
    return "the file can't be made to reach the disk (sync) this way";
  return NULL;
}

/* CALL's turn has come.  */
static void
start_call (struct lr_call *call)
{
  lr_connection *connection = call->connection;
  enum provider provider = call->operation != OPERATION_OPEN
                               ? connection->destination.connector->providers[call->operation]
                           : connection->links != NULL ? PROVIDER_TUNNEL
                                                       : PROVIDER_NONE;
  bool tunnelled = provider == PROVIDER_TUNNEL;
  call->started = true;
  if (provider == PROVIDER_NONE)
    refuse (call, call->operation);
  else if (tunnelled && connection->phase == PHASE_BROKEN)
    {
      call_fail_with (call, &connection->reason);
      connection_end_call (call);
    }
  else if (call->transfer != NULL && !transfer_begin (call->transfer))
    return;
  else if (tunnelled && !last_link (connection)->plain)
    {
      if (call->tree != NULL && !tree_begin (call->tree))
        return;
      exchange_begin (last_link (connection)->session, call);
      connection_flush_soon (connection);
    }
  else if (beyond_wholes (call, tunnelled) != NULL)
    {
      lr_call_fail (call, LR_ERROR_UNSUPPORTED, 0, NULL, "%s", beyond_wholes (call, tunnelled));
      connection_end_call (call);
    }
  else if (call->transfer != NULL && call->transfer->put)
    transfer_read_wholly (call->transfer, provide_wholly);
  else
    provide_wholly (call);
}

static void
call_is_late (void *context)
{
  struct lr_call *call = context;
  struct lr_error error;
  const char *name = call_name (call);
  error_set (&error, LR_ERROR_TIMEOUT, "%s: %s took longer than %llu milliseconds", call->host,
             name, (unsigned long long) call->timeout);
  connection_give_up_call (call, &error);
}

void
connection_start_call (struct lr_call *call, struct completion *completion)
{
  lr_connection *connection = call->connection;
  call->completion = completion;
  if (call->id == 0)
    call->id = ++connection->last_id;
  call_list_add (&connection->calls, call);
  if (call->timeout != 0)
    loop_set_timer (connection->loop, &call->timer, loop_later_with (call->timeout, call->patience),
                    call_is_late, call);
  if (connection->phase == PHASE_OPEN || connection->phase == PHASE_BROKEN)
    start_call (call);
}

void
connection_give_up_call (struct lr_call *call, const struct lr_error *given)
{
  lr_connection *connection = call->connection;
  struct completion *completion = call->completion;
  struct lr_error error;
  if (given != NULL)
    {
      error = *given;
      connection_blame (connection, &error);
    }
  call_list_remove (&connection->calls, call);
  loop_clear_timer (&call->timer);
  call->completion = NULL;
  if (call->worker != NULL)
    worker_cancel (call->worker, call);
  else if (call->in_plain_client)
    {
      /* It stays in the plain client's queue, which ends now.  */
      link_break (last_link (connection), "a request was given up, and the plain protocol has no "
                                          "way to take one back");
    }
  else
    {
      if (call->channel != NULL)
        {
          session_abandon (call->channel);
          connection_flush_soon (connection);
        }
      call_free (call);
    }
  if (completion != NULL)
    completion_fill (completion, given == NULL ? 0 : -1, NULL, given == NULL ? NULL : &error);
}

/* ---- opening ---- */

/* Everything is there: what has waited for it goes.  */
static void
is_open (lr_connection *connection)
{
  connection->opened = true;
  connection->phase = PHASE_OPEN;
  if (connection_speaks_sessions (connection))
    session_release (last_link (connection)->session);
  struct lr_call *call = call_list_oldest (&connection->calls);
  for (struct lr_call *before; call != NULL; call = before)
    {
      before = call->previous;
      start_call (call);
    }
  end_opening (connection, 0, NULL);
}

/* A call of the library's own, to the connector's open or close.  */
static void
call_connector (lr_connection *connection, enum operation operation, lr_callback *callback)
{
  struct lr_call *call = call_new (connection, operation, 0);
  struct completion *completion = completion_new (connection->loop, callback, connection);
  struct lr_error error;
  if (call == NULL || completion == NULL)
    {
      call_free (call);
      free (completion);
      error_no_memory (&error);
      callback (connection, -1, NULL, &error);
      return;
    }
  completion->internal = true;
  call->completion = completion;
  call->started = true;
  connection->own = call;
  work_on (call);
}

static void
connector_has_closed (void *data, int status, void *result, const struct lr_error *error)
{
  (void) data;
  (void) status;
  (void) result;
  (void) error;
}

/* Let the connector's close be called for what its open has left.  */
static void
close_connector (lr_connection *connection)
{
  if (connection->opened
      && connection->destination.connector->providers[OPERATION_CLOSE] == PROVIDER_CONNECTOR)
    call_connector (connection, OPERATION_CLOSE, connector_has_closed);
  connection->opened = false;
}

static void
connector_has_opened (void *data, int status, void *result, const struct lr_error *error)
{
  lr_connection *connection = data;
  (void) result;
  connection->own = NULL;
  if (connection->phase != PHASE_OPENING || connection->closing)
    {
      /* Too late for who wanted it, but it has to be closed.  */
      connection->opened = status == 0;
      if (connection->closing)
        close_connector (connection);
      return;
    }
  if (status == 0)
    {
      is_open (connection);
      return;
    }
  connection->reason = *error;
  fail_connection (connection);
}

/* The way to the far side is open.  */
static void
open_connector (lr_connection *connection)
{
  if (connection->destination.connector->providers[OPERATION_OPEN] == PROVIDER_CONNECTOR)
    call_connector (connection, OPERATION_OPEN, connector_has_opened);
  else
    is_open (connection);
}

/* Who is asked takes the time they need.  */
static void
asking_has_changed (void *context, bool asking)
{
  lr_connection *connection = context;
  if (connection->phase != PHASE_OPENING || connection->timeout == LR_NEVER)
    return;
  if (asking)
    {
      connection->time_left = connection->deadline.due - loop_now ();
      loop_clear_timer (&connection->deadline);
    }
  else
    loop_set_timer (connection->loop, &connection->deadline, loop_now () + connection->time_left,
                    opening_is_late, connection);
}

static void
plain_has_answered (void *data, int status, void *result, const struct lr_error *error)
{
  lr_connection *connection = data;
  (void) result;
  (void) error; /* the link's reason will be the same */
  if (status == 0)
    link_is_reached (last_link (connection));
}

/* What is at the far end shows now rather than at the first operation.  */
static int
begin_plain (lr_connection *connection, struct lr_error *error)
{
  struct lr_call *call = call_new (connection, OPERATION_OPEN, 0);
  struct completion *completion = completion_new (connection->loop, plain_has_answered, connection);
  if (call == NULL || completion == NULL)
    {
      call_free (call);
      free (completion);
      return error_no_memory (error);
    }
  completion->internal = true;
  call->completion = completion;
  call->started = true;
  call->in_plain_client = true;
  call->id = ++connection->last_id;
  call_list_add (&connection->calls, call);
  plain_client_submit (&last_link (connection)->client, call);
  connection_flush_soon (connection);
  return 0;
}

static int
open_next_link (lr_connection *connection, struct lr_error *error)
{
  struct link *link = &connection->links[connection->opened_links++];
  if (link_open (link, error) != 0)
    {
      link_blame (link, error);
      return -1;
    }
  return link->plain ? begin_plain (connection, error) : 0;
}

static void
link_has_opened (void *context, struct link *link)
{
  lr_connection *connection = context;
  if (connection->phase != PHASE_OPENING || connection->closing)
    return;
  if (link == last_link (connection))
    {
      open_connector (connection);
      return;
    }
  session_release (link->session);
  if (open_next_link (connection, &connection->reason) != 0)
    fail_connection (connection);
}

static const struct link_hooks link_hooks = { link_has_opened, link_has_broken, link_is_over,
                                              link_has_drained, plain_call_is_done };

static uint64_t
keep_alive_of (const struct lr_open_args *args)
{
  uint64_t keep_alive = args->keep_alive_ms == 0 ? DEFAULT_KEEP_ALIVE : args->keep_alive_ms;
  if (keep_alive > INT64_MAX / 4)
    keep_alive = LR_NEVER;
  /* By then the far side has given up.  */
  if (args->lease > 0 && keep_alive > args->lease * UINT64_C (1000) / 3)
    keep_alive = args->lease * UINT64_C (1000) / 3;
  return keep_alive;
}

static int
open_tunnel (lr_connection *connection, const struct lr_open_args *args, struct lr_error *error)
{
  struct link_settings settings = {
    .loop = connection->loop,
    .log = &connection->destination.log,
    .on_this_system = true,
    .owns_loop = connection->owns_loop,
    .lease = args->lease,
    .keep_alive = keep_alive_of (args),
    .prompt = args->prompt,
    .prompt_data = args->prompt_data,
    .prompt_inside = connection->opening->callback == NULL,
    .asking = asking_has_changed,
    .hooks = &link_hooks,
    .context = connection,
  };
  connection->links = calloc (connection->destination.target.count, sizeof *connection->links);
  if (connection->links == NULL)
    return error_no_memory (error);
  for (size_t i = 0; i < connection->destination.target.count; i++)
    {
      settings.hop = &connection->destination.target.hops[i];
      settings.index = (int) i;
      settings.outer = i == 0 ? NULL : &connection->links[i - 1];
      if (link_init (&connection->links[i], &settings, error) != 0)
        return -1;
      if ((settings.hop->connector->flags & LR_SAME_SYSTEM) == 0)
        settings.on_this_system = false;
    }
  return open_next_link (connection, error);
}

/* Nobody waits for the connector's open any more.  */
static void
cancel_own (lr_connection *connection)
{
  if (connection->own != NULL)
    worker_cancel (connection->worker, connection->own);
}

static void
opening_is_late (void *context)
{
  lr_connection *connection = context;
  struct link *link =
      connection->opened_links == 0 ? NULL : &connection->links[connection->opened_links - 1];
  if (link != NULL && !link->reached)
    {
      link_is_late (link, connection->timeout);
      return;
    }
  error_set (&connection->reason, LR_ERROR_TIMEOUT,
             "%s: the connector %s has not opened it within %llu milliseconds",
             connection->destination.host, connection->destination.connector->table.schema,
             (unsigned long long) connection->timeout);
  connection_blame (connection, &connection->reason);
  cancel_own (connection);
  fail_connection (connection);
}

static int
begin_opening (lr_connection *connection, const struct lr_open_args *args, struct lr_error *error)
{
  connection->timeout = args->timeout_ms == 0 ? DEFAULT_TIMEOUT : args->timeout_ms;
  bool tunnel = connector_needs_tunnel (connection->destination.connector);
  if (destination_check (&connection->destination, error) != 0)
    return -1;
  if (tunnel && open_tunnel (connection, args, error) != 0)
    return -1;
  if (connection->timeout != LR_NEVER)
    loop_set_timer (connection->loop, &connection->deadline, loop_later (connection->timeout),
                    opening_is_late, connection);
  if (!tunnel)
    open_connector (connection);
  return 0;
}

static void
free_connection (lr_connection *connection)
{
  loop_clear_timer (&connection->deadline);
  worker_free (connection->worker);
  for (size_t i = 0; connection->links != NULL && i < connection->destination.target.count; i++)
    link_free (&connection->links[i]);
  free (connection->links);
  destination_free (&connection->destination);
  call_list_free (&connection->calls);
  free (connection);
}

/* A connection that is on its way: OPENING will be told.  NULL and *ERROR: it can't be tried, and
   OPENING is not used.  */
static lr_connection *
new_connection (lr_registry *registry, const struct lr_open_args *args, lr_loop *loop,
                struct completion *opening, struct lr_error *error)
{
  lr_connection *connection = calloc (1, sizeof *connection);
  if (connection == NULL)
    {
      error_no_memory (error);
      return NULL;
    }
  connection->owns_loop = args->loop == NULL;
  int status = destination_find (&connection->destination, registry, args, error);
  if (status == 0)
    {
      connection->loop = loop;
      connection->opening = opening;
      status = begin_opening (connection, args, error);
      if (status != 0)
        {
          connection_blame (connection, error);
          connection->opening = NULL;
        }
    }
  if (status == 0)
    return connection;
  connection->owns_loop = false; /* it is the caller's still */
  lr_close (connection);
  return NULL;
}

static int
import_open (struct lr_open_args *args, const struct lr_open_args *given, struct lr_error *error)
{
  if (args_import (args, sizeof *args, given, error) != 0)
    return -1;
  return args->loop == NULL ? 0 : loop_check_may_wait (args->loop, error);
}

int
lr_open (lr_registry *registry, const struct lr_open_args *given, lr_connection **result,
         struct lr_error *error)
{
  struct lr_error local;
  struct lr_open_args args;
  error = error_begin (error, &local);
  *result = NULL;
  if (import_open (&args, given, error) != 0)
    return -1;
  lr_loop *loop = args.loop;
  if (loop == NULL && lr_loop_new (&loop, error) != 0)
    return -1;
  struct completion opening = { .loop = loop, .error = error };
  lr_connection *connection = new_connection (registry, &args, loop, &opening, error);
  if (connection == NULL)
    {
      if (args.loop == NULL)
        lr_loop_free (loop);
      return -1;
    }
  while (!opening.done)
    loop_step (loop, LR_NEVER);
  loop_settle (loop);
  if (opening.status != 0)
    {
      lr_close (connection);
      return -1;
    }
  *result = connection;
  return 0;
}

int
lr_submit_open (lr_registry *registry, const struct lr_open_args *given, lr_callback *callback,
                void *data, lr_connection **result, struct lr_error *error)
{
  struct lr_error local;
  struct lr_open_args args;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0)
    return -1;
  if (args.loop == NULL)
    return error_set_field (error, "loop", "a loop is needed to open a connection without waiting");
  if (callback == NULL)
    return error_set_field (error, "callback", "callback is NULL");
  struct completion *opening = completion_new (args.loop, callback, data);
  if (opening == NULL)
    return error_no_memory (error);
  *result = new_connection (registry, &args, args.loop, opening, error);
  if (*result != NULL)
    return 0;
  free (opening);
  return -1;
}

/* ---- closing ---- */

/* End its links, from the far end inward.  Whether none is left.  */
static bool
close_links (lr_connection *connection)
{
  for (size_t i = connection->opened_links; i-- > 0;)
    {
      struct link *link = &connection->links[i];
      if (!link->closing)
        link_close (link);
      if (!link_has_ended (link))
        return false;
    }
  return true;
}

/* Free it if nothing of it is left running.  */
static void
finish_closing (lr_connection *connection)
{
  /* First, as a function of the connector's may take any time.  */
  bool ended = close_links (connection);
  if (connection->working > 0 || !ended)
    return;
  lr_loop *loop = connection->loop;
  struct link *link = last_link (connection);
  if (link != NULL && link->plain)
    plain_client_fail (&link->client, &connection->reason);
  if (connection->closed != NULL)
    *connection->closed = true;
  if (loop != NULL)
    {
      loop_remove_task (loop, &connection->finish);
      loop_release (loop);
    }
  free_connection (connection);
}

/* As a task: who waits for this must not go on to wait for anything else in the same step.  */
static void
finish_later (void *context)
{
  lr_connection *connection = context;
  loop_hurry (connection->loop);
  finish_closing (connection);
}

/* Not at once: a link that ends takes those behind it along, and is not through when they say so.
 */
static void
link_is_over (void *context, struct link *link)
{
  lr_connection *connection = context;
  (void) link;
  if (connection->closing)
    loop_add_task (connection->loop, &connection->finish, finish_later, connection);
}

static void
cancel_everything (lr_connection *connection)
{
  struct lr_error error;
  error_set (&error, LR_ERROR_CANCELLED, "%s: the connection was closed",
             connection->destination.host);
  connection_blame (connection, &error);
  process_disconnect_all (connection->processes, connection->owns_loop, &error);
  cancel_own (connection);
  end_sent_calls (connection);
  struct lr_call *call = call_list_oldest (&connection->calls);
  for (struct lr_call *before; call != NULL; call = before)
    {
      before = call->previous;
      connection_give_up_call (call, &error);
    }
  end_opening (connection, -1, &error);
}

void
lr_close (lr_connection *connection)
{
  bool closed = false;
  if (connection == NULL)
    return;
  lr_loop *loop = connection->loop;
  bool owns_loop = connection->owns_loop;
  if (loop != NULL)
    {
      loop_hold (loop);
      connection->working++; /* until this is through */
      connection->closing = true;
      cancel_everything (connection);
      close_connector (connection);
      connection->working--;
    }
  connection->closed = owns_loop ? &closed : NULL;
  finish_closing (connection);
  while (owns_loop && !closed)
    loop_step (loop, LR_NEVER);
  if (owns_loop)
    lr_loop_free (loop);
}
