/* What comes of an output is given on at once and credited back, so that the session it leads
   through never waits for the one within.  What goes in is asked for by the session, when there is
   credit for it: nothing is kept here.  */

#include "core/relay.h"

#include "core/error.h"
#include "core/session.h"
#include "core/tunnel.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct relay
{
  struct transport *transport;
  struct relay_way way;
  struct session_channel *channel; /* NULL: closed, or lost */
  bool at_terminal;
  bool input_closed;
  bool wanted;  /* there is input, as soon as it may be sent, */
  bool blocked; /* which waits for somebody to read what was sent before */

  /* While the session asks for input.  */
  char *room;
  size_t room_size, room_used;
};

/* ---- what comes ---- */

static bool
accepts (void *owner, enum packet_id id)
{
  (void) owner;
  return id == PACKET_STARTED || id == PACKET_EXITED || id == PACKET_CLOSED || id == PACKET_OS_ERROR
         || id == PACKET_INVALID_FIELD || id == PACKET_PROCESS_ERROR;
}

/* Nothing runs there any more.  */
static void
is_over (struct transport *transport)
{
  loop_clear_timer (&transport->timer);
  if (transport->ending)
    transport->hooks->ended (transport->context);
  else
    transport->hooks->output_ended (transport->context);
}

static void
note_failure (struct transport *transport, const struct packet *packet)
{
  struct lr_error error;
  tunnel_describe_failure ("", packet, &error);
  const char *what = error.message + strspn (error.message, ": ");
  transport->unstarted = true;
  transport->errnum = error.errnum;
  transport_hear (transport, what, strlen (what), false);
}

/* What was to run the dispatcher was killed.  The dispatcher may be there still, ending its
   commands since nobody is left who writes to it: what becomes of those is no answer.  */
static void
give_up_orphan (struct transport *transport)
{
  if (transport->status < 0 && !transport->ending)
    transport->hooks->output_ended (transport->context);
}

static void
take_packet (void *owner, const struct packet *packet, bool final)
{
  struct relay *relay = owner;
  struct transport *transport = relay->transport;
  if (packet->id == PACKET_EXITED)
    {
      transport->status_known = true;
      transport->status = packet->exited.returncode;
      give_up_orphan (transport);
    }
  else if (packet->id != PACKET_STARTED && packet->id != PACKET_CLOSED)
    note_failure (transport, packet);
  if (!final)
    return;
  relay->channel = NULL;
  is_over (transport);
}

static void
take_data (void *owner, uint32_t stream, const char *data, size_t size)
{
  struct relay *relay = owner;
  struct transport *transport = relay->transport;
  /* First, since the transport may be gone after this.  */
  session_consume (relay->channel, stream, size);
  relay->way.flush (relay->way.context);
  if (stream != FRAME_STREAM_OUTPUT)
    transport_hear (transport, data, size, stream == FRAME_STREAM_TERMINAL);
  else if (!transport->ending)
    transport->hooks->received (transport->context, data, size);
}

static void
take_end (void *owner, uint32_t stream)
{
  struct relay *relay = owner;
  struct transport *transport = relay->transport;
  if (stream == FRAME_STREAM_OUTPUT && !transport->ending)
    transport->hooks->output_ended (transport->context);
}

static long
give_input (void *owner, char *scratch, size_t size, const char **data)
{
  struct relay *relay = owner;
  struct transport *transport = relay->transport;
  if (relay->input_closed)
    return -1;
  relay->room = scratch;
  relay->room_size = size;
  relay->room_used = 0;
  bool progress = relay->blocked && size > 0;
  relay->blocked = relay->wanted && size == 0;
  if (relay->wanted && size > 0)
    transport->hooks->writable (transport->context, progress);
  relay->room = NULL;
  *data = scratch;
  return relay->room_used == 0 && relay->input_closed ? -1 : (long) relay->room_used;
}

static void
lose (void *owner, const struct lr_error *error)
{
  struct relay *relay = owner;
  struct transport *transport = relay->transport;
  relay->channel = NULL;
  loop_clear_timer (&transport->timer);
  transport->hooks->lost (transport->context, error);
}

static const struct session_kind kind = {
  accepts, take_packet, take_data, take_end, give_input, lose,
};

/* ---- starting ---- */

/* False without memory.  */
static bool
make_request (char *const *command, char *const *environment, bool at_terminal,
              struct packet *packet, void **memory)
{
  const struct lr_spawn_args args =
      LR_SPAWN_ARGS (.command = (const char *const *) command,
                     .environment = at_terminal ? (const char *const *) environment : NULL);
  memset (packet, 0, sizeof *packet);
  if (!tunnel_spawn (&args, packet, memory))
    return false;
  const struct packet_spawn spawn = packet->spawn;
  if (at_terminal)
    *packet = (struct packet){ .id = PACKET_SPAWN_ASKING,
                               .spawn_asking = { spawn.command, spawn.environment } };
  return true;
}

int
relay_start (struct transport *transport, lr_loop *loop, const struct relay_way *way,
             char *const *command, char *const *environment, bool at_terminal,
             const struct transport_hooks *hooks, void *context, struct lr_error *error)
{
  struct packet packet;
  void *memory = NULL;
  transport_init (transport, loop, hooks, context);
  struct relay *relay = calloc (1, sizeof *relay);
  if (relay == NULL || !make_request (command, environment, at_terminal, &packet, &memory))
    {
      free (relay);
      return error_no_memory (error);
    }
  relay->transport = transport;
  relay->at_terminal = at_terminal;
  relay->way = *way;
  relay->channel = session_open (way->session, &kind, relay, SESSION_IMMEDIATE, &packet, error);
  free (memory);
  if (relay->channel == NULL)
    {
      free (relay);
      return -1;
    }
  /* What an application answers to a question passes here, on its way to a later hop.  */
  session_keep_secret (relay->channel);
  transport->relay = relay;
  way->flush (way->context);
  return 0;
}

/* ---- moving bytes ---- */

bool
relay_has_input (const struct transport *transport)
{
  return !transport->relay->input_closed;
}

static void
ask_session (struct relay *relay)
{
  if (relay->channel == NULL || relay->room != NULL)
    return;
  session_has_input (relay->channel);
  relay->way.flush (relay->way.context);
}

void
relay_want_write (struct transport *transport, bool wanted)
{
  struct relay *relay = transport->relay;
  relay->wanted = wanted;
  relay->blocked =
      wanted
      && (relay->blocked || (relay->room == NULL && relay->way.is_blocked (relay->way.context)));
  if (wanted)
    ask_session (relay);
}

bool
relay_is_blocked (const struct transport *transport)
{
  return transport->relay->blocked;
}

void
relay_close_input (struct transport *transport)
{
  struct relay *relay = transport->relay;
  if (relay->input_closed)
    return;
  relay->input_closed = true;
  ask_session (relay);
}

ssize_t
relay_write (struct transport *transport, const struct iovec *pieces, int count)
{
  struct relay *relay = transport->relay;
  size_t before = relay->room_used;
  for (int i = 0; relay->room != NULL && i < count && relay->room_used < relay->room_size; i++)
    {
      size_t left = relay->room_size - relay->room_used;
      size_t taken = pieces[i].iov_len < left ? pieces[i].iov_len : left;
      memcpy (relay->room + relay->room_used, pieces[i].iov_base, taken);
      relay->room_used += taken;
    }
  return (ssize_t) (relay->room_used - before);
}

/* At the terminal it goes past what waits for credit.  */
ssize_t
relay_answer (struct transport *transport, const struct iovec *answer)
{
  struct relay *relay = transport->relay;
  struct packet packet = { .id = PACKET_KEYS };
  if (!relay->at_terminal)
    return relay_write (transport, answer, 1);
  packet.keys.text = packet_data (answer->iov_base, answer->iov_len);
  if (relay->channel == NULL || !session_send (relay->channel, &packet))
    return 0;
  if (relay->room == NULL)
    relay->way.flush (relay->way.context);
  return (ssize_t) answer->iov_len;
}

/* ---- the end ---- */

static void
say_ended (void *context)
{
  struct transport *transport = context;
  transport->hooks->ended (transport->context);
}

static void
kill_command (void *context)
{
  struct transport *transport = context;
  struct relay *relay = transport->relay;
  /* Given up, it is killed there.  */
  session_abandon (relay->channel);
  relay->channel = NULL;
  relay->way.flush (relay->way.context);
  say_ended (transport);
}

static void
terminate_command (void *context)
{
  struct transport *transport = context;
  struct relay *relay = transport->relay;
  struct packet packet = { .id = PACKET_SIGNAL };
  packet.signal.number = SIGTERM;
  transport->made_to_end = true;
  session_send (relay->channel, &packet);
  relay->way.flush (relay->way.context);
  transport->next_signal = SIGKILL;
  loop_set_timer (transport->loop, &transport->timer, loop_later (transport->patience),
                  kill_command, transport);
}

void
relay_end (struct transport *transport, uint64_t grace, uint64_t patience)
{
  struct relay *relay = transport->relay;
  if (transport->ending)
    return;
  transport->ending = true;
  transport->next_signal = SIGTERM;
  transport->patience = patience;
  relay_close_input (transport);
  if (relay->channel == NULL)
    loop_set_timer (transport->loop, &transport->timer, loop_now (), say_ended, transport);
  else
    loop_set_timer (transport->loop, &transport->timer, loop_later (grace), terminate_command,
                    transport);
}

void
relay_hurry (struct transport *transport, uint64_t patience)
{
  if (!transport->ending || transport->next_signal != SIGTERM || transport->relay->channel == NULL)
    return;
  transport->patience = patience;
  loop_set_timer (transport->loop, &transport->timer, loop_now (), terminate_command, transport);
}

bool
relay_has_ended (const struct transport *transport)
{
  return transport->relay->channel == NULL;
}

void
relay_free (struct transport *transport)
{
  struct relay *relay = transport->relay;
  loop_clear_timer (&transport->timer);
  if (relay->channel != NULL)
    {
      session_abandon (relay->channel);
      relay->way.flush (relay->way.context);
    }
  free (relay);
  transport->relay = NULL;
}
