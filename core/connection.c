/* A connection goes through its phases in their order, and never back.  While it is opening, calls
   are kept until it is open.  It is ending while its transport is being ended, because something
   failed or because it is being closed; calls wait.  It is broken when the reason is known, and
   then every call fails with that.

   It is freed when it is closed, its transport has ended, and no function of its connector is under
   way.  Nothing here waits.

   What goes through the list of calls keeps the next one while it ends one: ending one ends no
   other.  */

#include "core/connection.h"

#include "core/args.h"
#include "core/bootstrap.h"
#include "core/error.h"
#include "core/exchange.h"
#include "core/plain_client.h"
#include "core/process.h"
#include "core/prompt.h"
#include "core/registry.h"
#include "core/result.h"
#include "core/session.h"
#include "core/text.h"
#include "core/transfer.h"
#include "core/transport.h"
#include "core/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum
{
  READ_SIZE = 256 << 10,
  PIECES_MAX = 16,
  BUCKETS = 256,         /* for calls by their numbers */
  WRITES_MAX = 16,       /* at a time: others have their turn too */
  QUOTE_SIZE = 400,      /* bytes of stderr that an error message quotes */
  END_GRACE = 7000,      /* milliseconds: a dispatcher ends its commands within five seconds */
  TERMINATE_WAIT = 1000, /* milliseconds between SIGTERM and SIGKILL, when it has had those */
  REASON_WAIT = 200,     /* milliseconds: what a far side that does wrong may still say on stderr */
  END_WAIT = 1000,       /* milliseconds: for the status of one that has closed its output */
  CLEAN_WAIT = 10000,    /* milliseconds: to remove a file */
  LAST_WORDS = 2000,     /* milliseconds that a far side has which takes nothing any more */
  DEFAULT_TIMEOUT = 60000,
  DEFAULT_KEEP_ALIVE = 30000,
  NONCE_SIZE = 16, /* hexadecimal digits */
};

enum phase
{
  PHASE_OPENING,
  PHASE_OPEN,
  PHASE_ENDING,
  PHASE_BROKEN,
};

struct lr_connection
{
  lr_registry *registry; /* held */
  struct log log;
  struct target target;
  const struct connector *connector;
  char *host; /* owned */
  lr_loop *loop;
  bool owns_loop;

  enum phase phase;
  struct completion *opening; /* who waits for it to be open; NULL: nobody any more */
  struct loop_timer deadline; /* for opening; then for the last words */
  uint64_t timeout;           /* milliseconds */
  struct prompter *prompter;  /* owned; NULL: questions can't be asked, or no more */
  int64_t time_left;          /* milliseconds, of DEADLINE, while a question is open */

  bool tunnelled;    /* what follows is in use */
  bool plain;        /* its protocol */
  bool reached;      /* the dispatcher has answered */
  bool attempt_over; /* the transport is being ended for the next attempt */
  bool transport_ended;
  bool cleaning;               /* what a push has left is being removed, through CLEANER */
  struct bootstrap *bootstrap; /* owned; NULL: it has reached, or will never reach, one */
  struct transport transport, cleaner;
  struct session *session;    /* owned; NULL: it is plain */
  struct plain_client client; /* or this */
  struct lr_call *unsent;     /* answered calls whose bytes a plain client still has to send */
  char *buffer;               /* owned, READ_SIZE */
  struct loop_call flush;
  int64_t sent_at; /* milliseconds; of the last bytes */

  uint64_t keep_alive; /* milliseconds */
  struct loop_timer alive;
  int64_t last_life;
  bool asked;

  char *problem;          /* owned: what the far side did wrong; NULL: it ended */
  bool timed_out;         /* it is the time that is over */
  struct lr_error reason; /* in PHASE_BROKEN */

  struct lr_call *calls;            /* all whose callers wait, the last first */
  struct lr_call *buckets[BUCKETS]; /* the same, by their numbers */
  uint64_t last_id;
  struct lr_process *processes;

  struct worker *worker; /* NULL: no function of the connector's own was called yet */
  size_t working;        /* calls it has */
  struct lr_call *own;   /* the one of them that nobody asked for; NULL: none */
  void *state;           /* what the connector's open left */
  bool opened;           /* by it: its close has something to close */

  bool closing; /* the program knows it no more */
  bool *closed; /* is set when it is freed; NULL: nobody looks */
};

static int start_attempt (lr_connection *connection, struct lr_error *error);
static void attempt_has_ended (lr_connection *connection);
static void start_call (struct lr_call *call);
static void end_whole_call (struct lr_call *call);
static void finish_closing (lr_connection *connection);

/* ---- names ---- */

/* The host's name for HOP, in memory the caller frees.  */
static char *
hostname_of (const struct lr_hop *hop)
{
  lr_text text = { NULL };
  if (hop->connector->extract_hostname != NULL)
    hop->connector->extract_hostname (hop, &text);
  if (text.data != NULL)
    return text.data;
  return strdup (hop->name[0] == '\0' ? hop->schema : hop->name);
}

static const struct lr_hop *
last_hop (const lr_connection *connection)
{
  return &connection->target.hops[connection->target.count - 1];
}

static int
last_index (const lr_connection *connection)
{
  return (int) connection->target.count - 1;
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
  return connection->host;
}

void
connection_blame (const lr_connection *connection, struct lr_error *error)
{
  error_add_hop (error, last_index (connection), connection->host);
}

struct lr_process **
connection_processes (lr_connection *connection)
{
  return &connection->processes;
}

/* ---- why it failed ---- */

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of TEXT, as one line that is fit for a message.  */
static void
quote_tail (const char *text, size_t length, char *buffer, size_t size)
{
  char line[QUOTE_SIZE];
  while (length > 0 && is_blank (text[length - 1]))
    length--;
  if (length > sizeof line)
    {
      text += length - sizeof line;
      length = sizeof line;
    }
  for (size_t i = 0; i < length; i++)
    line[i] = (char) (text[i] == '\n' ? ';' : text[i] == '\r' || text[i] == '\t' ? ' ' : text[i]);
  text_escape (buffer, size, line, length);
}

/* What the far side said that was no answer: on stderr, or before a banner that never came, as
   where a program uses its output for its own words too.  */
static const char *
last_words (const lr_connection *connection, size_t *size)
{
  const struct transport *transport = &connection->transport;
  *size = transport->tail_size;
  if (transport->tail[strspn (transport->tail, " \t\r\n")] != '\0' || connection->session == NULL
      || connection->reached)
    return transport->tail;
  return session_noise (connection->session, size);
}

static void
quote (const lr_connection *connection, char *buffer, size_t size)
{
  size_t length;
  const char *words = last_words (connection, &length);
  quote_tail (words, length, buffer, size);
}

/* How the child ended, as a clause.  */
static void
describe_end (const struct transport *transport, char *buffer, size_t size)
{
  if (transport->made_to_end || transport->pid != 0)
    snprintf (buffer, size, "it closed its output, and went on");
  else if (!transport->status_known)
    snprintf (buffer, size, "it ended");
  else if (transport->status < 0)
    snprintf (buffer, size, "it was ended by signal %d", -transport->status);
  else
    snprintf (buffer, size, "it ended with status %d", transport->status);
}

/* What the connector has to say of how the transport has ended.  */
static void
explain (const lr_connection *connection, lr_text *explanation)
{
  const struct transport *transport = &connection->transport;
  const struct lr_hop *hop = last_hop (connection);
  size_t size;
  const char *words = last_words (connection, &size);
  if (transport->status_known && !transport->made_to_end && hop->connector->explain != NULL)
    hop->connector->explain (hop, transport->status, words, explanation);
}

/* The transport has ended: find the reason.  */
static void
find_reason (lr_connection *connection)
{
  const struct transport *transport = &connection->transport;
  struct lr_error *reason = &connection->reason;
  char said[4 * QUOTE_SIZE + 1], end[64];
  lr_text explanation = { NULL };
  quote (connection, said, sizeof said);
  describe_end (transport, end, sizeof end);
  const char *colon = said[0] == '\0' ? "" : "; it said: ";
  const char *why =
      connection->bootstrap == NULL ? NULL : bootstrap_problem (connection->bootstrap);
  if (connection->problem == NULL && why == NULL)
    explain (connection, &explanation);
  if (explanation.data != NULL)
    error_set (reason, LR_ERROR_IO, "%s: %s", connection->host, explanation.data);
  else if (connection->problem != NULL || why != NULL)
    error_set (reason, LR_ERROR_IO, "%s: %s%s%s", connection->host,
               connection->problem != NULL ? connection->problem : why, colon, said);
  else
    error_set (reason, LR_ERROR_IO, "%s: the dispatcher is gone: %s%s%s", connection->host, end,
               colon, said);
  if (connection->timed_out)
    {
      reason->kind = connection->opening != NULL ? LR_ERROR_TIMEOUT : LR_ERROR_IO;
      reason->errnum = ETIMEDOUT;
    }
  connection_blame (connection, reason);
  text_free (&explanation);
}

static void
forget_bootstrap (lr_connection *connection)
{
  bootstrap_free (connection->bootstrap);
  connection->bootstrap = NULL;
}

static void
stop_asking (lr_connection *connection)
{
  prompter_free (connection->prompter);
  connection->prompter = NULL;
}

static void reason_is_known (void *context);

/* Begin to end the transport.  PROBLEM, which is copied, is what the far side did wrong; NULL: it
   ended, and how is yet to be seen.  */
static void
break_connection (lr_connection *connection, const char *problem)
{
  if (connection->phase >= PHASE_ENDING)
    return;
  connection->phase = PHASE_ENDING;
  stop_asking (connection);
  connection->problem = problem == NULL ? NULL : strdup (problem);
  loop_clear_timer (&connection->deadline);
  loop_clear_timer (&connection->alive);
  if (problem == NULL)
    {
      loop_set_timer (connection->loop, &connection->deadline, loop_later (END_WAIT),
                      reason_is_known, connection);
      transport_end (&connection->transport, connection->reached ? END_GRACE : END_WAIT,
                     TERMINATE_WAIT);
      return;
    }
  /* A dispatcher that is sent SIGTERM ends its commands first.  Nobody waits for that.  */
  loop_set_timer (connection->loop, &connection->deadline, loop_later (REASON_WAIT),
                  reason_is_known, connection);
  transport_end (&connection->transport, 0, connection->reached ? END_GRACE : TERMINATE_WAIT);
}

static void
break_protocol (lr_connection *connection, const char *problem)
{
  char text[512];
  snprintf (text, sizeof text, "the dispatcher does not keep the protocol: %s", problem);
  break_connection (connection, text);
}

/* Fail all that waits, in the order in which it came.  */
static void
fail_calls (lr_connection *connection, const struct lr_error *error)
{
  struct lr_call *call = connection->calls;
  while (call != NULL && call->next != NULL)
    call = call->next;
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
  stop_asking (connection);
  loop_clear_timer (&connection->deadline);
  if (opening != NULL)
    completion_fill (opening, status, NULL, error);
}

/* The reason is known.  */
static void
fail_connection (lr_connection *connection)
{
  connection->phase = PHASE_BROKEN;
  if (connection->session != NULL)
    session_fail (connection->session, &connection->reason);
  else if (connection->tunnelled)
    plain_client_fail (&connection->client, &connection->reason);
  fail_calls (connection, &connection->reason);
  end_opening (connection, -1, &connection->reason);
}

static void
reason_is_known (void *context)
{
  lr_connection *connection = context;
  loop_clear_timer (&connection->deadline);
  if (connection->phase == PHASE_BROKEN)
    return;
  find_reason (connection);
  fail_connection (connection);
}

static void
transport_has_ended (void *context)
{
  lr_connection *connection = context;
  connection->transport_ended = true;
  if (connection->closing)
    finish_closing (connection);
  else if (connection->attempt_over && connection->phase == PHASE_OPENING)
    attempt_has_ended (connection);
  else
    reason_is_known (connection);
}

/* ---- moving bytes ---- */

/* What has to be sent before there is a dispatcher; 0: nothing.  */
static size_t
bootstrap_output (const lr_connection *connection, const char **data)
{
  return connection->bootstrap == NULL ? 0 : bootstrap_input (connection->bootstrap, data);
}

static int
output (lr_connection *connection, struct iovec *pieces)
{
  const char *data;
  size_t size = bootstrap_output (connection, &data);
  if (size > 0)
    {
      pieces[0] = (struct iovec){ (char *) data, size };
      return 1;
    }
  return connection->session != NULL
             ? session_output (connection->session, pieces)
             : plain_client_output (&connection->client, pieces, PIECES_MAX);
}

static void
note_life (lr_connection *connection)
{
  connection->last_life = loop_roughly_now ();
  connection->asked = false;
}

static void
sent (lr_connection *connection, size_t size)
{
  int64_t now = loop_roughly_now ();
  const char *data;
  if (bootstrap_output (connection, &data) > 0)
    bootstrap_sent (connection->bootstrap, size);
  else if (connection->session != NULL)
    session_sent (connection->session, size, now - connection->sent_at);
  else
    plain_client_sent (&connection->client, size);
  connection->sent_at = now;
}

static void
last_words_are_over (void *context)
{
  break_connection (context, "the dispatcher takes no more requests");
}

/* A far side that takes no more may still have said why: the end is read, not guessed.  */
static void
stop_sending (lr_connection *connection)
{
  transport_close_input (&connection->transport);
  if (connection->phase == PHASE_OPEN)
    loop_set_timer (connection->loop, &connection->deadline, loop_later (LAST_WORDS),
                    last_words_are_over, connection);
}

/* Answered calls of a plain client end when their bytes are sent, or never will be.  */
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
send_some (lr_connection *connection)
{
  struct iovec pieces[PIECES_MAX];
  int count = 0;
  ssize_t wrote = 1;
  if (!transport_has_input (&connection->transport))
    return;
  for (int i = 0; i < WRITES_MAX && wrote > 0; i++)
    {
      count = output (connection, pieces);
      if (count == 0)
        break;
      wrote = transport_write (&connection->transport, pieces, count);
      if (wrote > 0)
        sent (connection, (size_t) wrote);
      else if (wrote < 0)
        stop_sending (connection);
    }
  transport_want_write (&connection->transport, count > 0);
  if (count == 0)
    {
      connection->sent_at = loop_roughly_now ();
      end_sent_calls (connection);
      if (connection->bootstrap != NULL && bootstrap_is_pushing (connection->bootstrap))
        transport_close_input (&connection->transport);
    }
}

static void
flush (void *context)
{
  lr_connection *connection = context;
  if (connection->phase > PHASE_OPEN || connection->attempt_over)
    return;
  bool no_memory = connection->session != NULL ? session_no_memory (connection->session)
                                               : connection->client.no_memory;
  if (no_memory)
    break_connection (connection, "there is no memory to go on");
  else
    send_some (connection);
}

void
connection_flush_soon (lr_connection *connection)
{
  if (connection->phase > PHASE_OPEN)
    return;
  /* Nobody may come to step a loop of its own.  */
  if (connection->owns_loop && !loop_is_stepping (connection->loop))
    flush (connection);
  else
    loop_add_task (connection->loop, &connection->flush, flush, connection);
}

/* Its output has ended.  Before there is a dispatcher that may not be the end of everything.  */
static void
end_attempt (lr_connection *connection)
{
  if (connection->phase != PHASE_OPENING || connection->bootstrap == NULL)
    {
      break_connection (connection, NULL);
      return;
    }
  connection->attempt_over = true;
  transport_end (&connection->transport, END_WAIT, TERMINATE_WAIT);
}

static void
receive_some (void *context)
{
  lr_connection *connection = context;
  char problem[256];
  ssize_t got = transport_read (&connection->transport, connection->buffer, READ_SIZE);
  if (got == 0)
    return;
  if (got < 0)
    {
      end_attempt (connection);
      return;
    }
  if (connection->bootstrap != NULL && bootstrap_is_pushing (connection->bootstrap))
    return;
  note_life (connection);
  bool fine = connection->session != NULL
                  ? session_receive (connection->session, connection->buffer, (size_t) got, problem,
                                     sizeof problem)
                  : plain_client_receive (&connection->client, connection->buffer, (size_t) got,
                                          problem, sizeof problem);
  if (!fine && connection->session != NULL && !connection->reached)
    break_connection (connection, problem);
  else if (!fine)
    break_protocol (connection, problem);
  else
    connection_flush_soon (connection);
}

/* Somebody has read what was in the way: that too is a sign of life.  That bytes were taken at all
   is none; a pipe takes them.  */
static void
go_on_sending (void *context)
{
  note_life (context);
  flush (context);
}

static const struct transport_hooks transport_hooks = { receive_some, go_on_sending,
                                                        transport_has_ended };

/* ---- signs of life ---- */

static void
look_for_life (void *context)
{
  lr_connection *connection = context;
  int64_t due = connection->last_life + (int64_t) connection->keep_alive;
  char problem[128];
  if (loop_now () >= due && connection->asked)
    {
      snprintf (problem, sizeof problem,
                "there was no sign of life from the dispatcher for %llu milliseconds",
                2 * (unsigned long long) connection->keep_alive);
      connection->timed_out = true;
      break_connection (connection, problem);
      return;
    }
  if (loop_now () >= due)
    {
      session_check_alive (connection->session);
      flush (connection);
      connection->last_life = loop_roughly_now ();
      connection->asked = true;
      due = loop_later (connection->keep_alive);
    }
  if (connection->phase <= PHASE_OPEN)
    loop_set_timer (connection->loop, &connection->alive, due, look_for_life, connection);
}

static void
watch_life (lr_connection *connection)
{
  note_life (connection);
  if (connection->session != NULL && connection->keep_alive != LR_NEVER)
    loop_set_timer (connection->loop, &connection->alive, loop_later (connection->keep_alive),
                    look_for_life, connection);
}

/* ---- calls ---- */

bool
connection_tunnels (const lr_connection *connection, enum operation operation)
{
  return connection->connector->providers[operation] == PROVIDER_TUNNEL;
}

bool
connection_speaks_sessions (const lr_connection *connection)
{
  return connection->tunnelled && !connection->plain;
}

struct session *
connection_session (lr_connection *connection, struct lr_error *error)
{
  if (connection->phase == PHASE_BROKEN)
    *error = connection->reason;
  else if (connection->connector->providers[OPERATION_RUN] == PROVIDER_TUNNEL
           && connection->session != NULL)
    return connection->session;
  else
    error_set (error, LR_ERROR_UNSUPPORTED, "%s: %s", connection->host,
               connection->session == NULL
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
  struct lr_call *call = connection->buckets[id % BUCKETS];
  while (call != NULL && call->id != id)
    call = call->next_in_bucket;
  return call;
}

void
connection_introduce (lr_connection *connection, struct lr_call *call)
{
  call->hop = last_hop (connection);
  call->host = connection->host;
  call->hop_index = last_index (connection);
  call->state = &connection->state;
}

static void
list_call (lr_connection *connection, struct lr_call *call)
{
  struct lr_call **bucket = &connection->buckets[call->id % BUCKETS];
  call->next_in_bucket = *bucket;
  *bucket = call;
  call->previous = NULL;
  call->next = connection->calls;
  if (call->next != NULL)
    call->next->previous = call;
  connection->calls = call;
}

static void
unlist_call (lr_connection *connection, struct lr_call *call)
{
  struct lr_call **place = &connection->buckets[call->id % BUCKETS];
  while (*place != NULL && *place != call)
    place = &(*place)->next_in_bucket;
  if (*place == NULL)
    return; /* it is not in the list */
  *place = call->next_in_bucket;
  if (call->previous != NULL)
    call->previous->next = call->next;
  else
    connection->calls = call->next;
  if (call->next != NULL)
    call->next->previous = call->previous;
  call->next = call->previous = NULL;
}

void
connection_end_call (struct lr_call *call)
{
  if (call->channel != NULL)
    {
      session_abandon (call->channel);
      connection_flush_soon (call->connection);
    }
  unlist_call (call->connection, call);
  call_complete (call);
  call_free (call);
}

/* The provider, which knows only whole contents, is done with CALL.  */
static void
end_whole_call (struct lr_call *call)
{
  struct transfer *transfer = call->transfer;
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
  bool sending =
      connection->phase <= PHASE_OPEN && plain_client_output (&connection->client, &piece, 1) > 0;
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
    connection->worker = worker_new (connection->loop, connection->connector, worker_call_is_done);
  if (connection->worker == NULL)
    {
      lr_call_fail (call, LR_ERROR_IO, EAGAIN, NULL, "cannot start a thread for the connector %s",
                    connection->connector->table.schema);
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
      plain_client_submit (&connection->client, call);
      connection_flush_soon (connection);
    }
}

static void
refuse (struct lr_call *call, enum operation operation)
{
  const char *schema = call->connection->connector->table.schema;
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
                               ? connection->connector->providers[call->operation]
                           : connection->tunnelled ? PROVIDER_TUNNEL
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
  else if (tunnelled && connection->session != NULL)
    {
      exchange_begin (connection->session, call);
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
  list_call (connection, call);
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
  struct lr_error error = *given;
  connection_blame (connection, &error);
  unlist_call (connection, call);
  loop_clear_timer (&call->timer);
  call->completion = NULL;
  if (call->worker != NULL)
    worker_cancel (call->worker, call);
  else if (call->in_plain_client)
    {
      /* It stays in the plain client's queue, which ends now.  */
      break_connection (connection, "a request was given up, and the plain protocol has no way to "
                                    "take one back");
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
    completion_fill (completion, -1, NULL, &error);
}

/* ---- opening ---- */

static void
log_frame (void *context, char direction, uint32_t channel, const char *packet_name)
{
  lr_connection *connection = context;
  log_line (&connection->log, LR_LOG_DEBUG, "%s: %c %s #%lu", connection->host, direction,
            packet_name, (unsigned long) channel);
}

static void
log_packet (void *context, char direction, const char *packet_name)
{
  lr_connection *connection = context;
  log_line (&connection->log, LR_LOG_DEBUG, "%s: %c %s", connection->host, direction, packet_name);
}

/* The command as one line, for the log.  */
static void
log_command (lr_connection *connection, const lr_command *command)
{
  char line[512] = "";
  size_t used = 0;
  for (size_t i = 0; i < command->count && used < sizeof line - 1; i++)
    {
      int length = snprintf (line + used, sizeof line - used, " %s", command->words[i]);
      used += length < 0 ? 0 : (size_t) length;
    }
  log_line (&connection->log, LR_LOG_INFO, "%s: starting%s", connection->host, line);
}

/* Everything is there: what has waited for it goes.  */
static void
is_open (lr_connection *connection)
{
  connection->opened = true;
  connection->phase = PHASE_OPEN;
  if (connection->session != NULL)
    session_release (connection->session);
  struct lr_call *call = connection->calls;
  while (call != NULL && call->next != NULL)
    call = call->next;
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
  if (connection->opened && connection->connector->providers[OPERATION_CLOSE] == PROVIDER_CONNECTOR)
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
  if (connection->tunnelled && !connection->transport_ended)
    transport_end (&connection->transport, END_GRACE, TERMINATE_WAIT);
  fail_connection (connection);
}

/* ---- removing what was pushed, in the background ---- */

static void
nothing_happens (void *context)
{
  (void) context;
}

static void
drop_output (void *context)
{
  lr_connection *connection = context;
  transport_read (&connection->cleaner, connection->buffer, READ_SIZE);
}

static void
cleaner_has_ended (void *context)
{
  lr_connection *connection = context;
  connection->cleaning = false;
  transport_free (&connection->cleaner);
  if (connection->closing)
    finish_closing (connection);
}

static const struct transport_hooks cleaner_hooks = { drop_output, nothing_happens,
                                                      cleaner_has_ended };

/* The dispatcher that was pushed runs.  If it can't remove its file, because it is not the user
   that has put it there, another one does.  */
static void
clean (lr_connection *connection)
{
  lr_command command = { NULL, 0, 0, NULL, 0 };
  if (connection->session != NULL
      && bootstrap_clean (connection->bootstrap, session_is_unremoved (connection->session),
                          &command))
    {
      log_command (connection, &command);
      connection->cleaning =
          transport_start (&connection->cleaner, connection->loop, connection->host, command.words,
                           NULL, &cleaner_hooks, connection, NULL)
          == 0;
    }
  if (connection->cleaning)
    transport_end (&connection->cleaner, CLEAN_WAIT, TERMINATE_WAIT);
  command_free (&command);
}

/* The way to the far side is open.  */
static void
open_connector (lr_connection *connection)
{
  connection->reached = connection->tunnelled;
  if (connection->tunnelled)
    clean (connection);
  forget_bootstrap (connection);
  if (connection->tunnelled)
    watch_life (connection);
  if (connection->connector->providers[OPERATION_OPEN] == PROVIDER_CONNECTOR)
    call_connector (connection, OPERATION_OPEN, connector_has_opened);
  else
    is_open (connection);
}

static void
session_has_opened (void *context)
{
  open_connector (context);
}

static void
plain_has_answered (void *data, int status, void *result, const struct lr_error *error)
{
  lr_connection *connection = data;
  (void) result;
  (void) error; /* the connection's reason will be the same */
  if (status == 0)
    open_connector (connection);
}

static bool
take_line (void *context, const char *line)
{
  lr_connection *connection = context;
  return connection->bootstrap != NULL && bootstrap_take_line (connection->bootstrap, line);
}

static const struct session_hooks quiet_hooks = { session_has_opened, NULL, take_line };
static const struct session_hooks logging_hooks = { session_has_opened, log_frame, take_line };

/* What is at the far end shows now rather than at the first operation.  */
static int
begin_plain (lr_connection *connection, struct lr_error *error)
{
  plain_client_init (&connection->client, connection->log.function != NULL ? log_packet : NULL,
                     plain_call_is_done, connection);
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
  list_call (connection, call);
  plain_client_submit (&connection->client, call);
  connection_flush_soon (connection);
  return 0;
}

/* Something that nobody else says by chance.  */
static void
make_nonce (char nonce[NONCE_SIZE + 1])
{
  uint64_t number = 0;
  if (getrandom (&number, sizeof number, 0) != (ssize_t) sizeof number)
    number = (uint64_t) loop_now () << 20 ^ (uint64_t) getpid ();
  snprintf (nonce, NONCE_SIZE + 1, "%016llx", (unsigned long long) number);
}

static void opening_is_late (void *context);

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

/* Let the application be asked what the hop's program asks, if both can.  */
static int
begin_asking (lr_connection *connection, const struct lr_open_args *args, struct lr_error *error)
{
  struct lr_hop *hop = &connection->target.hops[last_index (connection)];
  hop->may_ask = args->prompt != NULL && (hop->connector->flags & LR_ASKS) != 0;
  if (!hop->may_ask)
    return 0;
  const struct prompter_settings settings = {
    .callback = args->prompt,
    .data = args->prompt_data,
    .host = connection->host,
    .hop = last_index (connection),
    .inside = connection->opening->callback == NULL,
    .changed = asking_has_changed,
    .context = connection,
  };
  connection->prompter = prompter_new (connection->loop, &settings, error);
  return connection->prompter == NULL ? -1 : 0;
}

static int
start_attempt (lr_connection *connection, struct lr_error *error)
{
  lr_command command = { NULL, 0, 0, NULL, 0 };
  char *const *environment =
      connection->prompter == NULL ? NULL : prompter_environment (connection->prompter);
  int status = bootstrap_command (connection->bootstrap, &command, error);
  if (status == 0)
    {
      log_command (connection, &command);
      status = transport_start (&connection->transport, connection->loop, connection->host,
                                command.words, environment, &transport_hooks, connection, error);
    }
  command_free (&command);
  connection->transport_ended = status != 0;
  if (status == 0 && connection->session != NULL)
    connection_flush_soon (connection);
  return status;
}

/* It has come to no dispatcher: try something else, or give up.  */
static void
attempt_has_ended (lr_connection *connection)
{
  const struct transport *transport = &connection->transport;
  lr_text explanation = { NULL };
  size_t size;
  explain (connection, &explanation);
  const struct bootstrap_end end = {
    .status_known = transport->status_known && !transport->made_to_end,
    .status = transport->status,
    .said = last_words (connection, &size),
    .explained = explanation.data != NULL,
  };
  text_free (&explanation);
  connection->attempt_over = false;
  if (!bootstrap_go_on (connection->bootstrap, &end))
    {
      connection->phase = PHASE_ENDING;
      reason_is_known (connection);
      return;
    }
  transport_free (&connection->transport);
  session_forget_noise (connection->session);
  if (start_attempt (connection, &connection->reason) == 0)
    return;
  connection_blame (connection, &connection->reason);
  fail_connection (connection);
}

static int
open_tunnel (lr_connection *connection, const struct lr_open_args *args, struct lr_error *error)
{
  char nonce[NONCE_SIZE + 1];
  const char *protocol = lr_hop_option (last_hop (connection), "protocol");
  connection->plain = protocol != NULL && strcmp (protocol, "plain") == 0;
  make_nonce (nonce);
  connection->buffer = malloc (READ_SIZE);
  if (!connection->plain)
    connection->session =
        session_new (nonce, args->lease,
                     connection->log.function != NULL ? &logging_hooks : &quiet_hooks, connection);
  if (connection->buffer == NULL || (!connection->plain && connection->session == NULL))
    return error_no_memory (error);
  if (connection->session != NULL)
    session_hold (connection->session);
  connection->bootstrap =
      bootstrap_new (last_hop (connection), connection->plain ? NULL : nonce, error);
  if (connection->bootstrap == NULL || begin_asking (connection, args, error) != 0
      || start_attempt (connection, error) != 0)
    return -1;
  connection->tunnelled = true;
  return connection->plain ? begin_plain (connection, error) : 0;
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
  char problem[256];
  const char *progress =
      connection->bootstrap == NULL ? NULL : bootstrap_progress (connection->bootstrap);
  snprintf (problem, sizeof problem, "no dispatcher has answered within %llu milliseconds%s%s",
            (unsigned long long) connection->timeout, progress == NULL ? "" : ": ",
            progress == NULL ? "" : progress);
  if (connection->tunnelled && !connection->reached)
    {
      connection->timed_out = true;
      break_connection (connection, problem);
      return;
    }
  error_set (&connection->reason, LR_ERROR_TIMEOUT,
             "%s: the connector %s has not opened it within %llu milliseconds", connection->host,
             connection->connector->table.schema, (unsigned long long) connection->timeout);
  connection_blame (connection, &connection->reason);
  cancel_own (connection);
  fail_connection (connection);
}

static int
begin_opening (lr_connection *connection, const struct lr_open_args *args, struct lr_error *error)
{
  connection->timeout = args->timeout_ms == 0 ? DEFAULT_TIMEOUT : args->timeout_ms;
  connection->keep_alive = args->keep_alive_ms == 0 ? DEFAULT_KEEP_ALIVE : args->keep_alive_ms;
  if (connection->keep_alive > INT64_MAX / 4)
    connection->keep_alive = LR_NEVER;
  /* A lease is kept by being heard of.  */
  if (args->lease > 0 && connection->keep_alive > args->lease * UINT64_C (1000) / 3)
    connection->keep_alive = args->lease * UINT64_C (1000) / 3;
  if (connection->target.count > 1)
    return error_set (error, LR_ERROR_UNSUPPORTED,
                      "the target has %zu hops, and this version connects through one",
                      connection->target.count);
  bool tunnel = connector_needs_tunnel (connection->connector);
  if (tunnel && open_tunnel (connection, args, error) != 0)
    return -1;
  if (connection->timeout != LR_NEVER)
    loop_set_timer (connection->loop, &connection->deadline, loop_later (connection->timeout),
                    opening_is_late, connection);
  if (!tunnel)
    open_connector (connection);
  return 0;
}

/* Everything about the target that is known without connecting to it.  */
static int
prepare (lr_connection *connection, lr_registry *registry, const struct lr_open_args *args,
         struct lr_error *error)
{
  if (args->url == NULL)
    {
      error_set_field (error, "url", "the URL is NULL");
      return -1;
    }
  if (registry != NULL)
    registry_hold (registry);
  connection->registry = registry != NULL ? registry : lr_registry_new ();
  if (connection->registry == NULL)
    {
      error_no_memory (error);
      return -1;
    }
  connection->log = registry_log (connection->registry);
  if (registry_parse_target (connection->registry, &connection->target, args->url, args->options,
                             error)
      != 0)
    return -1;
  const struct lr_hop *hop = last_hop (connection);
  connection->connector = registry_find (connection->registry, hop->schema, error);
  if (connection->connector == NULL)
    return -1;
  connection->host = hostname_of (hop);
  return connection->host == NULL ? error_no_memory (error) : 0;
}

static void
free_connection (lr_connection *connection)
{
  stop_asking (connection);
  loop_clear_timer (&connection->deadline);
  loop_clear_timer (&connection->alive);
  if (connection->loop != NULL)
    loop_remove_task (connection->loop, &connection->flush);
  worker_free (connection->worker);
  if (connection->tunnelled)
    transport_free (&connection->transport);
  if (connection->tunnelled && connection->plain)
    plain_client_free (&connection->client);
  session_free (connection->session);
  forget_bootstrap (connection);
  target_free (&connection->target);
  lr_registry_free (connection->registry);
  free (connection->buffer);
  free (connection->problem);
  free (connection->host);
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
  int status = prepare (connection, registry, args, error);
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

/* Free it if nothing of it is left running.  */
static void
finish_closing (lr_connection *connection)
{
  if ((connection->tunnelled && !connection->transport_ended) || connection->cleaning
      || connection->working > 0)
    return;
  lr_loop *loop = connection->loop;
  if (connection->tunnelled && connection->plain)
    plain_client_fail (&connection->client, &connection->reason);
  if (connection->closed != NULL)
    *connection->closed = true;
  if (loop != NULL)
    loop_release (loop);
  free_connection (connection);
}

static void
cancel_everything (lr_connection *connection)
{
  struct lr_error error;
  error_set (&error, LR_ERROR_CANCELLED, "%s: the connection was closed", connection->host);
  connection_blame (connection, &error);
  process_disconnect_all (connection->processes, connection->owns_loop, &error);
  cancel_own (connection);
  end_sent_calls (connection);
  struct lr_call *call = connection->calls;
  while (call != NULL && call->next != NULL)
    call = call->next;
  for (struct lr_call *before; call != NULL; call = before)
    {
      before = call->previous;
      connection_give_up_call (call, &error);
    }
  end_opening (connection, -1, &error);
}

/* Ask the dispatcher to end, and then its transport.  One that has not answered yet has nothing to
   lose.  */
static void
close_tunnel (lr_connection *connection)
{
  bool answered = connection->phase == PHASE_OPEN
                  || (connection->session != NULL && session_is_open (connection->session));
  if (connection->phase <= PHASE_OPEN)
    {
      if (connection->session != NULL)
        session_exit (connection->session);
      else
        plain_client_exit (&connection->client);
      send_some (connection);
    }
  bool broken = connection->phase == PHASE_BROKEN;
  connection->phase = PHASE_ENDING;
  loop_clear_timer (&connection->deadline);
  loop_clear_timer (&connection->alive);
  transport_end (&connection->transport, answered ? END_GRACE : 0, TERMINATE_WAIT);
  if (broken)
    transport_hurry (&connection->transport, connection->reached ? END_GRACE : TERMINATE_WAIT);
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
      if (connection->tunnelled && !connection->transport_ended)
        close_tunnel (connection);
      connection->working--;
    }
  connection->closed = owns_loop ? &closed : NULL;
  finish_closing (connection);
  while (owns_loop && !closed)
    loop_step (loop, LR_NEVER);
  if (owns_loop)
    lr_loop_free (loop);
}

/* ---- without a connection ---- */

int
lr_extract_hostname (lr_registry *registry, const char *url, char **result, struct lr_error *error)
{
  struct lr_error local;
  lr_connection parsed = { .phase = PHASE_BROKEN };
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  error = error_begin (error, &local);
  *result = NULL;
  int status = prepare (&parsed, registry, &args, error);
  if (status == 0)
    {
      *result = result_text (parsed.host);
      status = *result == NULL ? error_no_memory (error) : 0;
    }
  target_free (&parsed.target);
  free (parsed.host);
  lr_registry_free (parsed.registry);
  return status;
}
