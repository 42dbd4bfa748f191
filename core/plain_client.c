#include "core/plain_client.h"

#include "core/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  COPY_LIMIT = 16 << 10, /* bytes: larger contents are sent from where they are */
};

/* Bytes to send: its own, or those of a call's arguments.  */
struct client_piece
{
  struct client_piece *next;
  char *own; /* owned; NULL: borrowed */
  const char *data;
  size_t size, allocated, sent;
};

static bool begin_content (void *context, const struct packet *packet,
                           const struct packet_field *field, uint64_t size);
static bool take_content (void *context, const char *data, size_t size);

void
plain_client_init (struct plain_client *client,
                   void (*log) (void *context, char direction, const char *packet_name),
                   void (*answered) (void *context, struct lr_call *call), void *context)
{
  memset (client, 0, sizeof *client);
  client->log = log;
  client->answered = answered;
  client->context = context;
  packet_decoder_init (&client->decoder, &packet_plain_limits, PACKET_FROM_SERVER,
                       &(struct packet_sink){ begin_content, take_content, client });
}

static void
remove_piece (struct plain_client *client)
{
  struct client_piece *piece = client->pieces;
  client->pieces = piece->next;
  if (client->pieces == NULL)
    client->last_piece = NULL;
  free (piece->own);
  free (piece);
}

void
plain_client_free (struct plain_client *client)
{
  while (client->pieces != NULL)
    remove_piece (client);
  packet_decoder_free (&client->decoder);
}

/* ---- sending ---- */

static struct client_piece *
add_piece (struct plain_client *client)
{
  struct client_piece *piece = calloc (1, sizeof *piece);
  if (piece == NULL)
    {
      client->no_memory = true;
      return NULL;
    }
  if (client->last_piece == NULL)
    client->pieces = piece;
  else
    client->last_piece->next = piece;
  client->last_piece = piece;
  return piece;
}

static void
send_copy (struct plain_client *client, const char *data, size_t size)
{
  struct client_piece *piece = client->last_piece;
  if (size == 0)
    return;
  if (piece == NULL || piece->own == NULL)
    piece = add_piece (client);
  if (piece == NULL)
    return;
  if (piece->allocated - piece->size < size)
    {
      size_t room = piece->allocated == 0 ? 256 : piece->allocated;
      while (room - piece->size < size)
        room *= 2;
      char *grown = realloc (piece->own, room);
      if (grown == NULL)
        {
          client->no_memory = true;
          return;
        }
      piece->own = grown;
      piece->data = grown;
      piece->allocated = room;
    }
  memcpy (piece->own + piece->size, data, size);
  piece->size += size;
}

static void
emit (void *context, const char *data, uint64_t size)
{
  struct plain_client *client = context;
  if (size <= COPY_LIMIT)
    {
      send_copy (client, data, (size_t) size);
      return;
    }
  struct client_piece *piece = add_piece (client);
  if (piece == NULL)
    return;
  piece->data = data;
  piece->size = (size_t) size;
}

static void
send_packet (struct plain_client *client, const struct packet *packet)
{
  if (client->log != NULL)
    client->log (client->context, '>', packet_name (packet->id));
  packet_encode (packet, emit, client);
}

void
plain_client_submit (struct plain_client *client, struct lr_call *call)
{
  struct packet packet;
  void *memory;
  bool asked = false;
  if (tunnel_request (call, false, &packet, &memory))
    {
      send_packet (client, &packet);
      call->next_in_line = NULL;
      if (client->last == NULL)
        client->first = call;
      else
        client->last->next_in_line = call;
      client->last = call;
      asked = true;
    }
  free (memory);
  if (!asked)
    client->answered (client->context, call);
}

void
plain_client_exit (struct plain_client *client)
{
  send_packet (client, &(struct packet){ .id = PACKET_EXIT });
}

int
plain_client_output (const struct plain_client *client, struct iovec *pieces, int count)
{
  int used = 0;
  for (const struct client_piece *piece = client->pieces; piece != NULL && used < count;
       piece = piece->next)
    pieces[used++] =
        (struct iovec){ (char *) piece->data + piece->sent, piece->size - piece->sent };
  return used;
}

void
plain_client_sent (struct plain_client *client, size_t size)
{
  while (client->pieces != NULL)
    {
      struct client_piece *piece = client->pieces;
      size_t left = piece->size - piece->sent;
      if (size < left)
        {
          piece->sent += size;
          return;
        }
      size -= left;
      remove_piece (client);
    }
}

/* ---- receiving ---- */

/* Whether PACKET, of which at least the id is known, can be what the first call waits for.  */
static bool
accept (struct plain_client *client, const struct packet *packet)
{
  client->unexpected = client->first == NULL || !tunnel_accepts (client->first, false, packet->id);
  return !client->unexpected;
}

static bool
begin_content (void *context, const struct packet *packet, const struct packet_field *field,
               uint64_t size)
{
  struct plain_client *client = context;
  if (!accept (client, packet))
    return false;
  client->stream = tunnel_stream (packet, field);
  call_begin_output (client->first, client->stream, size);
  return true;
}

/* What is over the limit, or finds no memory, is dropped: the bytes behind it still have to be
   understood, and the call stays in the queue until then.  */
static bool
take_content (void *context, const char *data, size_t size)
{
  struct plain_client *client = context;
  call_store_output (client->first, client->stream, data, size);
  return true;
}

static struct lr_call *
take_first_call (struct plain_client *client)
{
  struct lr_call *call = client->first;
  client->first = call->next_in_line;
  if (client->first == NULL)
    client->last = NULL;
  return call;
}

static void
describe_unexpected (const struct plain_client *client, char *problem, size_t problem_size)
{
  snprintf (problem, problem_size, "%s came, which answers nothing that was asked",
            packet_name (client->decoder.packet.id));
}

/* A whole packet came: it answers the first call.  */
static bool
take_answer (struct plain_client *client, char *problem, size_t problem_size)
{
  const struct packet *packet = &client->decoder.packet;
  const struct packet_field *bad = packet_field_with_nul (packet);
  if (client->log != NULL)
    client->log (client->context, '<', packet_name (packet->id));
  if (!accept (client, packet))
    describe_unexpected (client, problem, problem_size);
  else if (bad != NULL)
    snprintf (problem, problem_size, "%s: %s has a NUL byte in it", packet_name (packet->id),
              bad->name);
  else
    {
      struct lr_call *call = take_first_call (client);
      tunnel_answer (call, false, packet);
      client->answered (client->context, call);
      return true;
    }
  return false;
}

bool
plain_client_receive (struct plain_client *client, const char *data, size_t size, char *problem,
                      size_t problem_size)
{
  while (size > 0)
    {
      size_t used;
      enum packet_progress progress = packet_decode (&client->decoder, data, size, &used);
      data += used;
      size -= used;
      if (progress == PACKET_MALFORMED)
        {
          if (client->unexpected)
            describe_unexpected (client, problem, problem_size);
          else
            snprintf (problem, problem_size, "%s", packet_decoder_error (&client->decoder));
          return false;
        }
      if (progress == PACKET_COMPLETE && !take_answer (client, problem, problem_size))
        return false;
    }
  return true;
}

void
plain_client_fail (struct plain_client *client, const struct lr_error *error)
{
  while (client->first != NULL)
    {
      struct lr_call *call = take_first_call (client);
      call_fail_with (call, error);
      client->answered (client->context, call);
    }
}
