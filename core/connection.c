#include "core/connection.h"

#include "core/args.h"
#include "core/bootstrap.h"
#include "core/error.h"
#include "core/plain_client.h"
#include "core/registry.h"
#include "core/result.h"
#include "core/text.h"
#include "core/transport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  READ_SIZE = 256 << 10,
  PIECES_MAX = 16,
  QUOTE_SIZE = 400, /* bytes of stderr that an error message quotes */
  END_GRACE = 7000, /* milliseconds: a dispatcher ends its commands within five seconds */
};

struct lr_connection
{
  lr_registry *registry;
  bool owns_registry;
  struct log log;
  struct target target;
  const struct connector *connector;
  char *host;  /* owned */
  void *state; /* what the connector's open left */
  bool opened; /* wholly: the connector's close has something to close */

  bool tunnelled; /* the rest is in use */
  struct transport transport;
  struct plain_client client;
  char *buffer; /* owned, READ_SIZE */
  bool broken;  /* nothing goes through any more, because of: */
  struct lr_error reason;
};

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

static struct lr_hop *
last_hop (struct target *target)
{
  return &target->hops[target->count - 1];
}

static int
last_index (const lr_connection *connection)
{
  return (int) connection->target.count - 1;
}

/* ---- when the transport fails ---- */

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of what stderr said, as one line that is fit for a message.  */
static void
quote_tail (const struct transport *transport, char *buffer, size_t size)
{
  char line[QUOTE_SIZE];
  const char *start = transport->tail;
  size_t length = transport->tail_size;
  while (length > 0 && is_blank (start[length - 1]))
    length--;
  if (length > sizeof line)
    {
      start += length - sizeof line;
      length = sizeof line;
    }
  for (size_t i = 0; i < length; i++)
    line[i] = (char) (start[i] == '\n'                       ? ';'
                      : start[i] == '\r' || start[i] == '\t' ? ' '
                                                             : start[i]);
  text_escape (buffer, size, line, length);
}

/* How the child ended, as a clause.  */
static void
describe_end (const struct transport *transport, char *buffer, size_t size)
{
  if (transport->made_to_end)
    snprintf (buffer, size, "it closed its output, and went on");
  else if (!transport->status_known)
    snprintf (buffer, size, "it ended");
  else if (transport->status < 0)
    snprintf (buffer, size, "it was ended by signal %d", -transport->status);
  else
    snprintf (buffer, size, "it ended with status %d", transport->status);
}

/* The transport is gone or not to be trusted: say why, once, and fail all that waits.  PROBLEM is
   what the far side did wrong; NULL: it ended.  */
static void
break_connection (lr_connection *connection, const char *problem)
{
  struct transport *transport = &connection->transport;
  const struct lr_hop *hop = last_hop (&connection->target);
  char quote[4 * QUOTE_SIZE + 1], end[64];
  lr_text explanation = { NULL };
  if (connection->broken)
    return;
  transport_end (transport, problem == NULL ? END_GRACE : 0);
  quote_tail (transport, quote, sizeof quote);
  describe_end (transport, end, sizeof end);
  if (problem == NULL && transport->status_known && !transport->made_to_end
      && hop->connector->explain != NULL)
    hop->connector->explain (hop, transport->status, transport->tail, &explanation);
  if (explanation.data != NULL)
    error_set (&connection->reason, LR_ERROR_IO, "%s: %s", connection->host, explanation.data);
  else if (problem != NULL)
    error_set (&connection->reason, LR_ERROR_IO,
               "%s: the dispatcher does not keep the protocol: %s%s%s", connection->host, problem,
               quote[0] == '\0' ? "" : "; it said: ", quote);
  else
    error_set (&connection->reason, LR_ERROR_IO, "%s: the dispatcher is gone: %s%s%s",
               connection->host, end, quote[0] == '\0' ? "" : "; it said: ", quote);
  text_free (&explanation);
  connection->broken = true;
  plain_client_fail (&connection->client, &connection->reason);
}

/* ---- moving bytes ---- */

static void
send_some (lr_connection *connection)
{
  struct iovec pieces[PIECES_MAX];
  int count = plain_client_output (&connection->client, pieces, PIECES_MAX);
  if (count == 0)
    return;
  ssize_t wrote = transport_write (&connection->transport, pieces, count);
  if (wrote > 0)
    plain_client_sent (&connection->client, (size_t) wrote);
  /* A far side that takes no more may still have said why: the end is read, not guessed.  */
  if (wrote < 0)
    transport_close_input (&connection->transport);
}

static void
receive_some (lr_connection *connection)
{
  char problem[256];
  ssize_t got = transport_read (&connection->transport, connection->buffer, READ_SIZE);
  if (got < 0)
    break_connection (connection, NULL);
  else if (!plain_client_receive (&connection->client, connection->buffer, (size_t) got, problem,
                                  sizeof problem))
    break_connection (connection, problem);
}

static bool
has_output (const lr_connection *connection)
{
  struct iovec piece;
  return connection->transport.input >= 0
         && plain_client_output (&connection->client, &piece, 1) > 0;
}

/* Until CALL is answered, and wholly sent: what is sent of it is still the caller's.  The output is
   read whenever there is any, so that the far side can always write.  A far side that takes nothing
   any more has a moment to say its last.  */
static void
wait_for (lr_connection *connection, const struct lr_call *call)
{
  if (!call->answered)
    send_some (connection);
  while (!connection->broken && (!call->answered || has_output (connection)))
    {
      struct transport_events events =
          transport_wait (&connection->transport, has_output (connection));
      if (events.writable)
        send_some (connection);
      if (events.readable)
        receive_some (connection);
      else if (events.timed_out)
        break_connection (connection, "it takes no more requests");
    }
}

/* ---- calls ---- */

bool
connection_tunnels (const lr_connection *connection, enum operation operation)
{
  return connection->connector->providers[operation] == PROVIDER_TUNNEL;
}

static void
tunnel_call (lr_connection *connection, struct lr_call *call)
{
  if (connection->broken)
    {
      call_fail_with (call, &connection->reason);
      return;
    }
  plain_client_submit (&connection->client, call);
  if (connection->client.no_memory)
    break_connection (connection, "there is no memory to go on");
  wait_for (connection, call);
}

static void
connector_own_call (lr_connection *connection, struct lr_call *call)
{
  connector_call (connection->connector, call->operation, call, call->args);
  if (!call->answered)
    lr_call_fail (call, LR_ERROR_PLUGIN, 0, NULL, "the connector %s did not answer %s",
                  connection->connector->table.schema, operation_name (call->operation));
}

/* A call with all that the connection gives it.  */
static struct lr_call
new_call (lr_connection *connection, enum operation operation, struct lr_error *error)
{
  return (struct lr_call){ .operation = operation,
                           .hop = last_hop (&connection->target),
                           .host = connection->host,
                           .hop_index = last_index (connection),
                           .state = &connection->state,
                           .error = error };
}

int
connection_call (lr_connection *connection, enum operation operation, const void *args,
                 struct lr_bytes input, uint64_t output_limit, void **result,
                 struct lr_error *error)
{
  struct lr_call call = new_call (connection, operation, error);
  call.args = args;
  call.input = input;
  call.output_limit = output_limit;
  switch (connection->connector->providers[operation])
    {
    case PROVIDER_TUNNEL:
      tunnel_call (connection, &call);
      break;
    case PROVIDER_CONNECTOR:
      connector_own_call (connection, &call);
      break;
    case PROVIDER_NONE:
      lr_call_fail (&call, LR_ERROR_UNSUPPORTED, 0, NULL, "the connector %s has no %s",
                    connection->connector->table.schema, operation_name (operation));
      break;
    }
  call_free (&call);
  if (result != NULL)
    *result = call.result;
  else
    lr_free (call.result);
  return call.status;
}

int
connection_check_alive (lr_connection *connection, struct lr_error *error)
{
  struct lr_call call = new_call (connection, OPERATION_OPEN, error);
  if (connection->tunnelled)
    tunnel_call (connection, &call);
  else
    lr_call_fail (&call, LR_ERROR_UNSUPPORTED, 0, NULL, "the connector %s has no dispatcher",
                  connection->connector->table.schema);
  call_free (&call);
  return call.status;
}

/* ---- opening and closing ---- */

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

static int
open_tunnel (lr_connection *connection, struct lr_error *error)
{
  lr_command command = { NULL, 0, 0, NULL, 0 };
  int status = bootstrap_command (last_hop (&connection->target), &command, error);
  if (status == 0)
    {
      log_command (connection, &command);
      status = transport_start (&connection->transport, connection->host, command.words, error);
    }
  command_free (&command);
  if (status != 0)
    return -1;
  plain_client_init (&connection->client, connection->log.function != NULL ? log_packet : NULL,
                     connection);
  connection->tunnelled = true;
  connection->buffer = malloc (READ_SIZE);
  if (connection->buffer == NULL)
    return error_no_memory (error);
  /* What is at the far end shows now rather than at the first operation.  */
  return connection_check_alive (connection, error);
}

static int
call_own (lr_connection *connection, enum operation operation, struct lr_error *error)
{
  struct lr_call call = new_call (connection, operation, error);
  connector_own_call (connection, &call);
  call_free (&call);
  return call.status;
}

static int
open_target (lr_connection *connection, struct lr_error *error)
{
  const struct connector *connector = connection->connector;
  if (connection->target.count > 1)
    return error_set (error, LR_ERROR_UNSUPPORTED,
                      "the target has %zu hops, and this version connects through one",
                      connection->target.count);
  if (connector_needs_tunnel (connector) && open_tunnel (connection, error) != 0)
    return -1;
  if (connector->providers[OPERATION_OPEN] == PROVIDER_CONNECTOR
      && call_own (connection, OPERATION_OPEN, error) != 0)
    return -1;
  connection->opened = true;
  return 0;
}

/* Everything about the target that is known without connecting to it.  */
static int
prepare (lr_connection *connection, const struct lr_open_args *args, struct lr_error *error)
{
  if (args->url == NULL)
    {
      error_set_field (error, "url", "the URL is NULL");
      return -1;
    }
  if (connection->registry == NULL)
    {
      connection->registry = lr_registry_new ();
      connection->owns_registry = true;
    }
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
  const struct lr_hop *hop = last_hop (&connection->target);
  const struct connector *connector = registry_find (connection->registry, hop->schema, error);
  if (connector == NULL)
    return -1;
  connection->connector = connector;
  connection->host = hostname_of (hop);
  return connection->host == NULL ? error_no_memory (error) : 0;
}

int
lr_open (lr_registry *registry, const struct lr_open_args *given, lr_connection **result,
         struct lr_error *error)
{
  struct lr_error local;
  struct lr_open_args args;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0)
    return -1;
  lr_connection *connection = calloc (1, sizeof *connection);
  if (connection == NULL)
    return error_no_memory (error);
  connection->registry = registry;
  int status = prepare (connection, &args, error);
  if (status == 0 && open_target (connection, error) != 0)
    {
      error_add_hop (error, last_index (connection), connection->host);
      status = -1;
    }
  if (status != 0)
    {
      lr_close (connection);
      return -1;
    }
  *result = connection;
  return 0;
}

static void
close_tunnel (lr_connection *connection)
{
  if (!connection->broken)
    {
      plain_client_exit (&connection->client);
      send_some (connection);
      transport_end (&connection->transport, END_GRACE);
    }
  transport_free (&connection->transport);
  plain_client_free (&connection->client);
  free (connection->buffer);
}

void
lr_close (lr_connection *connection)
{
  struct lr_error ignored;
  if (connection == NULL)
    return;
  if (connection->opened && connection->connector->providers[OPERATION_CLOSE] == PROVIDER_CONNECTOR)
    call_own (connection, OPERATION_CLOSE, &ignored);
  if (connection->tunnelled)
    close_tunnel (connection);
  target_free (&connection->target);
  free (connection->host);
  if (connection->owns_registry)
    lr_registry_free (connection->registry);
  free (connection);
}

/* ---- without a connection ---- */

int
lr_extract_hostname (lr_registry *registry, const char *url, char **result, struct lr_error *error)
{
  struct lr_error local;
  lr_connection parsed = { .registry = registry };
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  error = error_begin (error, &local);
  *result = NULL;
  int status = prepare (&parsed, &args, error);
  if (status == 0)
    {
      *result = result_text (parsed.host);
      status = *result == NULL ? error_no_memory (error) : 0;
    }
  target_free (&parsed.target);
  free (parsed.host);
  if (parsed.owns_registry)
    lr_registry_free (parsed.registry);
  return status;
}
