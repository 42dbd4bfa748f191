#include "core/process.h"

#include "core/args.h"
#include "core/connection.h"
#include "core/descriptor.h"
#include "core/error.h"
#include "core/flow.h"
#include "core/session.h"
#include "core/tunnel.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum
{
  INPUT_MAX = 256 << 10, /* bytes of offered input that wait */
};

/* One output.  */
struct output
{
  struct flow flow;
  struct sink sink; /* where it goes, if it is attached */
  bool ended;
};

struct lr_process
{
  lr_connection *connection; /* NULL: closed */
  lr_loop *loop;             /* NULL: it has ended */
  struct lr_process *next, *previous;
  struct session_channel *channel; /* NULL: closed */
  char *name;                      /* owned: of the program */
  bool on_terminal;
  uint32_t attach;
  struct lr_process_status status;
  const struct lr_error *error; /* why it failed: owned, or `forgotten`; NULL: it has not */
  bool closed;                  /* the far side has no more to say */
  bool spilling;                /* somebody waits */

  lr_process_callback *callback;
  void *data;
  uint64_t timeout; /* milliseconds; 0: none */
  struct loop_timer timer;
  uint32_t untold; /* events */
  struct loop_call notice;

  struct source source; /* of the input, if it is attached */
  struct flow input;    /* what was offered */
  bool input_closed;    /* by the application */
  bool input_wanted;    /* it was offered more than there was room for */
  struct output outputs[2];
};

/* Why a process failed, where there was no memory to keep the reason.  */
static const struct lr_error forgotten = {
  .kind = LR_ERROR_NO_MEMORY,
  .hop = -1,
  .message = "the process failed, and there is no memory to tell why",
};

/* ---- events ---- */

static void
tell (void *context)
{
  struct lr_process *process = context;
  uint32_t events = process->untold;
  process->untold = 0;
  process->callback (process->data, process, events);
}

static void
note (struct lr_process *process, uint32_t events)
{
  const uint32_t lasting = LR_PROCESS_STARTED | LR_PROCESS_EXITED | LR_PROCESS_CLOSED;
  process->status.events |= events & lasting;
  if (process->loop != NULL)
    loop_hurry (process->loop);
  if (process->callback == NULL || process->loop == NULL)
    return;
  process->untold |= events;
  loop_add_notice (process->loop, &process->notice, tell, process);
}

static bool
is_over (const struct lr_process *process)
{
  return (process->status.events & LR_PROCESS_CLOSED) != 0;
}

static void
end_descriptors (struct lr_process *process)
{
  source_end (&process->source);
  for (int i = 0; i < 2; i++)
    sink_end (&process->outputs[i].sink);
}

static void
fail (struct lr_process *process, const struct lr_error *error)
{
  struct session_channel *channel = process->channel;
  process->channel = NULL;
  loop_clear_timer (&process->timer);
  if (channel != NULL)
    {
      session_abandon (channel);
      connection_flush_soon (process->connection);
    }
  if (is_over (process))
    return;
  struct lr_error *kept = malloc (sizeof *error);
  if (kept != NULL)
    *kept = *error;
  process->error = kept == NULL ? &forgotten : kept;
  end_descriptors (process);
  process->outputs[0].ended = process->outputs[1].ended = true;
  note (process, LR_PROCESS_CLOSED | LR_PROCESS_OUTPUT | LR_PROCESS_ERROR);
}

/* The far side ends a command whose time is over; this one has not.  */
static void
is_late (void *context)
{
  struct lr_process *process = context;
  struct lr_error error;
  error_set (&error, LR_ERROR_TIMEOUT,
             "%s: %s was to end after %llu milliseconds, and the far side does not say that it has",
             connection_host (process->connection), process->name,
             (unsigned long long) process->timeout);
  connection_blame (process->connection, &error);
  fail (process, &error);
}

static void
fail_descriptor (struct lr_process *process, const char *field, int errnum)
{
  struct lr_error error;
  error_set_field (&error, field, "the %s of %s can't be %s: %s",
                   strcmp (field, "error") == 0 ? "error output" : field, process->name,
                   strcmp (field, "input") == 0 ? "read" : "written", strerror (errnum));
  error.kind = LR_ERROR_IO;
  error.errnum = errnum;
  fail (process, &error);
}

/* ---- what comes ---- */

static bool
accepts (void *owner, enum packet_id id)
{
  const struct lr_process *process = owner;
  bool started = (process->status.events & LR_PROCESS_STARTED) != 0;
  bool exited = (process->status.events & LR_PROCESS_EXITED) != 0;
  if (id == PACKET_STARTED)
    return !started;
  if (id == PACKET_EXITED)
    return started && !exited;
  if (id == PACKET_CLOSED)
    return exited;
  return id == PACKET_OS_ERROR || id == PACKET_INVALID_FIELD || id == PACKET_PROCESS_ERROR;
}

/* Over, once what it has said is written where it is to go.  */
static void
close_if_written (struct lr_process *process)
{
  if (!process->closed || is_over (process) || !sink_is_empty (&process->outputs[0].sink)
      || !sink_is_empty (&process->outputs[1].sink))
    return;
  end_descriptors (process);
  note (process, LR_PROCESS_CLOSED);
}

/* It has exited: nobody wants its input any more.  */
static void
take_exited (struct lr_process *process, const struct packet_exited *exited)
{
  process->status.returncode = exited->returncode;
  process->status.timed_out = exited->timed_out;
  process->status.user_time_ns = exited->user_time;
  process->status.system_time_ns = exited->system_time;
  process->status.max_resident = exited->max_resident;
  source_end (&process->source);
  process->input_closed = true;
  flow_free (&process->input);
  note (process, LR_PROCESS_EXITED | (process->input_wanted ? LR_PROCESS_INPUT : 0));
}

static void
take_packet (void *owner, const struct packet *packet, bool final)
{
  struct lr_process *process = owner;
  struct lr_error error;
  if (final)
    process->channel = NULL;
  switch (packet->id)
    {
    case PACKET_STARTED:
      process->status.pid = packet->started.pid;
      note (process, LR_PROCESS_STARTED);
      break;
    case PACKET_EXITED:
      take_exited (process, &packet->exited);
      break;
    case PACKET_CLOSED:
      process->closed = true;
      /* It was in time, however long writing what it has said may take.  */
      loop_clear_timer (&process->timer);
      /* What was cut off has no end of its own.  */
      process->outputs[0].ended = process->outputs[1].ended = true;
      note (process, LR_PROCESS_OUTPUT | LR_PROCESS_ERROR);
      close_if_written (process);
      break;
    default:
      tunnel_describe_failure (connection_host (process->connection), packet, &error);
      connection_blame (process->connection, &error);
      fail (process, &error);
      break;
    }
}

static struct output *
output_of (struct lr_process *process, uint32_t stream)
{
  return &process->outputs[stream == FRAME_STREAM_ERROR ? 1 : 0];
}

static void
consume (struct lr_process *process, const struct output *output, size_t size)
{
  if (process->channel == NULL || size == 0)
    return;
  session_consume (process->channel,
                   output == &process->outputs[0] ? FRAME_STREAM_OUTPUT : FRAME_STREAM_ERROR, size);
  connection_flush_soon (process->connection);
}

static void
take_data (void *owner, uint32_t stream, const char *data, size_t size)
{
  struct lr_process *process = owner;
  struct output *output = output_of (process, stream);
  size_t credit;
  if (output->sink.took != NULL)
    {
      sink_write (&output->sink, data, size);
      return;
    }
  int errnum = flow_add (&output->flow, data, size, process->spilling, &credit);
  if (errnum != 0)
    {
      fail_descriptor (process, stream == FRAME_STREAM_ERROR ? "error" : "output", errnum);
      return;
    }
  consume (process, output, credit);
  note (process, stream == FRAME_STREAM_ERROR ? LR_PROCESS_ERROR : LR_PROCESS_OUTPUT);
}

static void
take_end (void *owner, uint32_t stream)
{
  struct lr_process *process = owner;
  output_of (process, stream)->ended = true;
  note (process, stream == FRAME_STREAM_ERROR ? LR_PROCESS_ERROR : LR_PROCESS_OUTPUT);
}

static void
connection_failed (void *owner, const struct lr_error *error)
{
  struct lr_process *process = owner;
  process->channel = NULL;
  fail (process, error);
}

/* ---- what goes ---- */

static long
give_offered (struct lr_process *process, char *scratch, size_t size)
{
  const char *waiting;
  int errnum;
  size_t have = flow_peek (&process->input, &waiting, &errnum);
  if (have == 0)
    return process->input_closed ? -1 : 0;
  if (size > have)
    size = have;
  memcpy (scratch, waiting, size);
  flow_take (&process->input, size);
  if (process->input_wanted && have - size <= INPUT_MAX / 2)
    {
      process->input_wanted = false;
      note (process, LR_PROCESS_INPUT);
    }
  return (long) size;
}

static long
give_input (void *owner, char *scratch, size_t size, const char **data)
{
  struct lr_process *process = owner;
  *data = scratch;
  if ((process->attach & LR_ATTACH_INPUT) == 0)
    return give_offered (process, scratch, size);
  if (process->source.ready == NULL)
    return -1;
  long got = source_read (&process->source, scratch, size);
  if (got < 0 && process->source.errnum != 0)
    {
      fail_descriptor (process, "input", process->source.errnum);
      return 0;
    }
  return got;
}

/* With input, or without; with outputs, or without.  */
static const struct session_kind kinds[2][2] = {
  { { accepts, take_packet, NULL, NULL, NULL, connection_failed },
    { accepts, take_packet, take_data, take_end, NULL, connection_failed } },
  { { accepts, take_packet, NULL, NULL, give_input, connection_failed },
    { accepts, take_packet, take_data, take_end, give_input, connection_failed } }
};

/* ---- attached descriptors ---- */

static void
source_is_ready (void *context)
{
  struct lr_process *process = context;
  if (process->channel == NULL)
    return;
  session_has_input (process->channel);
  connection_flush_soon (process->connection);
}

static void
sink_took (struct lr_process *process, int index, size_t size)
{
  struct output *output = &process->outputs[index];
  if (size == 0)
    {
      fail_descriptor (process, index == 0 ? "output" : "error", output->sink.errnum);
      return;
    }
  consume (process, output, size);
  close_if_written (process);
}

static void
output_sink_took (void *context, size_t size)
{
  sink_took (context, 0, size);
}

static void
error_sink_took (void *context, size_t size)
{
  sink_took (context, 1, size);
}

static int
attach (struct lr_process *process, const struct lr_spawn_args *args, struct lr_error *error)
{
  static const char *const fields[] = { "input", "output", "error" };
  int errnum = 0, index = 0;
  if (args->attach & LR_ATTACH_INPUT)
    errnum = source_begin (&process->source, process->loop, args->descriptors[0], source_is_ready,
                           process);
  if (errnum == 0 && (args->attach & LR_ATTACH_OUTPUT) && ++index > 0)
    errnum = sink_begin (&process->outputs[0].sink, process->loop, args->descriptors[1],
                         output_sink_took, process);
  if (errnum == 0 && (args->attach & LR_ATTACH_ERROR) && (index = 2) > 0)
    errnum = sink_begin (&process->outputs[1].sink, process->loop, args->descriptors[2],
                         error_sink_took, process);
  if (errnum == 0)
    return 0;
  return error_set_field (error, fields[index], "descriptor %d can't be used: %s",
                          args->descriptors[index], strerror (errnum));
}

/* ---- starting and freeing ---- */

static void
join (struct lr_process *process, lr_connection *connection)
{
  struct lr_process **list = connection_processes (connection);
  process->connection = connection;
  process->next = *list;
  if (*list != NULL)
    (*list)->previous = process;
  *list = process;
}

static void
leave (struct lr_process *process)
{
  if (process->connection == NULL)
    return;
  if (process->previous != NULL)
    process->previous->next = process->next;
  else
    *connection_processes (process->connection) = process->next;
  if (process->next != NULL)
    process->next->previous = process->previous;
  process->connection = NULL;
}

static int
open_channel (struct lr_process *process, const struct lr_spawn_args *args, struct lr_error *error)
{
  struct packet packet = { .id = PACKET_SPAWN };
  void *memory = NULL;
  bool has_input = args->term != NULL || !args->no_input;
  bool has_output = args->term != NULL || !args->no_output;
  struct session *session = connection_session (process->connection, error);
  if (session == NULL)
    return -1;
  if (!tunnel_spawn (args, &packet, &memory))
    return error_no_memory (error);
  process->channel = session_open (session, &kinds[has_input][has_output], process,
                                   SESSION_IMMEDIATE, &packet, error);
  free (memory);
  if (process->channel == NULL)
    return -1;
  connection_flush_soon (process->connection); /* which may be too much for the descriptors */
  return 0;
}

static int
start (struct lr_process *process, lr_connection *connection, const struct lr_spawn_args *args,
       struct lr_error *error)
{
  process->loop = connection_loop (connection);
  process->callback = args->callback;
  process->data = args->data;
  process->attach = args->attach;
  process->on_terminal = args->term != NULL;
  process->input_closed = args->term == NULL && args->no_input;
  process->status = (struct lr_process_status) LR_PROCESS_STATUS ();
  process->name = strdup (args->command[0]);
  join (process, connection);
  if (process->name == NULL)
    return error_no_memory (error);
  if (attach (process, args, error) != 0)
    return -1;
  if (args->timeout_ms != 0 && args->timeout_ms != LR_NEVER)
    {
      process->timeout = args->timeout_ms;
      loop_set_timer (process->loop, &process->timer,
                      loop_later_with (args->timeout_ms, COMMAND_PATIENCE), is_late, process);
    }
  return open_channel (process, args, error);
}

int
lr_spawn (lr_connection *connection, const struct lr_spawn_args *given, lr_process **result,
          struct lr_error *error)
{
  struct lr_error local;
  struct lr_spawn_args args;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0)
    return -1;
  if (args.command == NULL || args.command[0] == NULL)
    return error_set_field (error, "command", "the command is empty");
  if (args.callback != NULL && connection_owns_loop (connection))
    return error_set_field (error, "callback", NOBODY_CALLS_BACK);
  lr_process *process = calloc (1, sizeof *process);
  if (process == NULL)
    return error_no_memory (error);
  if (start (process, connection, &args, error) != 0)
    {
      connection_blame (connection, error);
      lr_process_free (process);
      return -1;
    }
  *result = process;
  return 0;
}

void
lr_process_free (lr_process *process)
{
  if (process == NULL)
    return;
  if (process->channel != NULL)
    {
      session_abandon (process->channel);
      connection_flush_soon (process->connection);
    }
  if (process->loop != NULL)
    loop_remove_notice (process->loop, &process->notice);
  loop_clear_timer (&process->timer);
  end_descriptors (process);
  leave (process);
  flow_free (&process->input);
  flow_free (&process->outputs[0].flow);
  flow_free (&process->outputs[1].flow);
  if (process->error != &forgotten)
    free ((void *) process->error);
  free (process->name);
  free (process);
}

void
process_disconnect_all (struct lr_process *list, int loop_ends, const struct lr_error *error)
{
  for (struct lr_process *process = list, *next; process != NULL; process = next)
    {
      next = process->next;
      fail (process, error);
      leave (process);
      if (!loop_ends)
        continue;
      loop_remove_notice (process->loop, &process->notice);
      process->loop = NULL;
    }
}

/* ---- what is known ---- */

/* A caller's structure may be older, and then shorter, than ours.  */
static void
export_status (const struct lr_process *process, struct lr_process_status *status)
{
  uint32_t size = status->struct_size;
  if (size > sizeof *status)
    {
      memset ((char *) status + sizeof *status, 0, size - sizeof *status);
      size = sizeof *status;
    }
  uint32_t kept = status->struct_size;
  memcpy (status, &process->status, size);
  status->struct_size = kept;
}

int
lr_process_get_status (lr_process *process, struct lr_process_status *status,
                       struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  if (status != NULL)
    export_status (process, status);
  if (process->error == NULL)
    return 0;
  *error = *process->error;
  return -1;
}

/* ---- without waiting ---- */

size_t
lr_process_peek (lr_process *process, enum lr_stream stream, const char **data)
{
  int errnum;
  size_t size = flow_peek (&output_of (process, stream)->flow, data, &errnum);
  if (errnum != 0)
    fail_descriptor (process, stream == LR_STDERR ? "error" : "output", errnum);
  return size;
}

void
lr_process_consume (lr_process *process, enum lr_stream stream, size_t size)
{
  struct output *output = output_of (process, stream);
  consume (process, output, flow_take (&output->flow, size));
}

int
lr_process_has_ended (lr_process *process, enum lr_stream stream)
{
  const struct output *output = output_of (process, stream);
  return output->ended && flow_is_empty (&output->flow);
}

size_t
lr_process_offer (lr_process *process, const void *data, size_t size)
{
  size_t credit, waiting = buffer_size (&process->input.memory);
  if (process->input_closed || process->channel == NULL || (process->attach & LR_ATTACH_INPUT) != 0)
    return size;
  size_t taken = INPUT_MAX - waiting < size ? INPUT_MAX - waiting : size;
  /* Nothing would tell when there is memory again.  */
  if (taken > 0 && flow_add (&process->input, data, taken, false, &credit) != 0)
    {
      taken = 0;
      session_lacks_memory (process->channel);
    }
  process->input_wanted = taken < size;
  session_has_input (process->channel);
  connection_flush_soon (process->connection);
  return taken;
}

void
lr_process_close_input (lr_process *process)
{
  process->input_closed = true;
  if (process->attach & LR_ATTACH_INPUT)
    source_end (&process->source);
  if (process->channel == NULL)
    return;
  session_has_input (process->channel);
  connection_flush_soon (process->connection);
}

static int
send (struct lr_process *process, const struct packet *packet, struct lr_error *error)
{
  if (process->channel == NULL || (process->status.events & LR_PROCESS_EXITED) != 0)
    return 0;
  bool sent = session_send (process->channel, packet);
  connection_flush_soon (process->connection);
  if (sent)
    return 0;
  error_set_errno (error, LR_ERROR_REMOTE_OS, EAGAIN, "%s: too much waits to be sent already",
                   connection_host (process->connection));
  connection_blame (process->connection, error);
  return -1;
}

int
lr_process_signal (lr_process *process, int signal, struct lr_error *error)
{
  struct lr_error local;
  struct packet packet = { .id = PACKET_SIGNAL };
  error = error_begin (error, &local);
  if (signal < 1 || signal > 64)
    return error_set_field (error, "signal", "%d is no signal's number", signal);
  packet.signal.number = (uint32_t) signal;
  return send (process, &packet, error);
}

int
lr_process_resize (lr_process *process, uint32_t rows, uint32_t columns, struct lr_error *error)
{
  struct lr_error local;
  struct packet packet = { .id = PACKET_RESIZE };
  error = error_begin (error, &local);
  if (!process->on_terminal)
    return error_set_field (error, "term", "%s has no terminal", process->name);
  packet.resize.rows = rows;
  packet.resize.columns = columns;
  return send (process, &packet, error);
}

/* ---- waiting ---- */

/* One step of waiting for PROCESS.  What it says meanwhile is kept.  */
static void
step (struct lr_process *process, uint64_t timeout)
{
  for (int i = 0; i < 2; i++)
    consume (process, &process->outputs[i], flow_pay (&process->outputs[i].flow));
  process->spilling = true;
  loop_step (process->loop, timeout);
  process->spilling = false;
}

/* The end of waiting.  */
static int
stop_waiting (const struct lr_process *process, int status)
{
  if (process->loop != NULL)
    loop_settle (process->loop);
  return status;
}

static int
check_may_wait (const struct lr_process *process, struct lr_error *error)
{
  return process->loop == NULL ? 0 : loop_check_may_wait (process->loop, error);
}

int
lr_process_wait (lr_process *process, uint64_t timeout, struct lr_process_status *status,
                 struct lr_error *error)
{
  struct lr_error local;
  int64_t due = loop_later (timeout);
  error = error_begin (error, &local);
  if (check_may_wait (process, error) != 0)
    return -1;
  for (bool stepped = false; !is_over (process); stepped = true)
    {
      int64_t left = due - loop_now ();
      if (left <= 0 && stepped)
        {
          if (status != NULL)
            export_status (process, status);
          error_set (error, LR_ERROR_TIMEOUT, "%s still runs after %llu milliseconds",
                     process->name, (unsigned long long) timeout);
          return stop_waiting (process, -1);
        }
      step (process, due == INT64_MAX ? LR_NEVER : left <= 0 ? 0 : (uint64_t) left);
    }
  return stop_waiting (process, lr_process_get_status (process, status, error));
}

int
lr_process_read (lr_process *process, enum lr_stream stream, void *buffer, size_t size, size_t *got,
                 struct lr_error *error)
{
  struct lr_error local;
  const char *data;
  error = error_begin (error, &local);
  *got = 0;
  if (check_may_wait (process, error) != 0)
    return -1;
  if (stream != LR_STDOUT && stream != LR_STDERR)
    return error_set_field (error, "stream", "%d is no output", (int) stream);
  /* None is what the end is told by.  */
  if (size == 0)
    return error_set_field (error, "size", "there is no room for a byte");
  for (;;)
    {
      size_t have = lr_process_peek (process, stream, &data);
      if (have > 0)
        {
          *got = have < size ? have : size;
          memcpy (buffer, data, *got);
          lr_process_consume (process, stream, *got);
          return stop_waiting (process, 0);
        }
      if (process->error != NULL)
        return stop_waiting (process, lr_process_get_status (process, NULL, error));
      if (output_of (process, stream)->ended)
        return stop_waiting (process, 0);
      step (process, LR_NEVER);
    }
}

int
lr_process_write (lr_process *process, const void *data, size_t size, struct lr_error *error)
{
  struct lr_error local;
  const char *rest = data;
  error = error_begin (error, &local);
  if (check_may_wait (process, error) != 0)
    return -1;
  for (;;)
    {
      if (process->error != NULL)
        return stop_waiting (process, lr_process_get_status (process, NULL, error));
      size_t taken = lr_process_offer (process, rest, size);
      rest += taken;
      size -= taken;
      if (size == 0)
        return stop_waiting (process, 0);
      step (process, LR_NEVER);
    }
}
