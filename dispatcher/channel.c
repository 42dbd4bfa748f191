#include "dispatcher/channel.h"

#include "dispatcher/debug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum
{
  INPUT_IN_MEMORY =
      1 << 20, /* bytes of all channels' input that wait in memory, and not in files */
};

/* Held channels, by ascending number: a new one has the highest.  */
static struct channel **channels;
static size_t count, allocated;

static struct channel *spare; /* owned: serves the requests that are answered at once */

struct spool_account channel_input_account = { 0, INPUT_IN_MEMORY };

/* ---- what goes to the client ---- */

static void
emit (void *context, const char *data, uint64_t size)
{
  (void) context;
  output_bytes (data, (size_t) size);
}

void
channel_refuse (uint32_t number, int errnum, const char *message)
{
  struct packet packet = { .id = PACKET_OS_ERROR };
  packet.os_error.errnum = errnum;
  packet.os_error.strerror = packet_text (strerror (errnum));
  packet.os_error.msg = packet_text (message);
  channel_send_packet (number, &packet);
}

void
channel_send_packet (uint32_t number, const struct packet *packet)
{
  if (frame_encode (number, packet, emit, NULL))
    debug_frame ('>', number, packet->id);
  else
    channel_refuse (number, EMSGSIZE, "the answer is longer than 4 MiB");
}

static void
send_packet (struct request *request, const struct packet *packet)
{
  channel_send_packet (channel_of (request)->number, packet);
}

/* ---- which there are ---- */

/* Where NUMBER is, or would be.  */
static size_t
find_place (uint32_t number)
{
  size_t low = 0, high = count;
  while (low < high)
    {
      size_t middle = low + (high - low) / 2;
      if (channels[middle]->number < number)
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

struct channel *
channel_find (uint32_t number)
{
  size_t place = find_place (number);
  return place < count && channels[place]->number == number ? channels[place] : NULL;
}

size_t
channel_count (void)
{
  return count;
}

struct channel *
channel_at (size_t index)
{
  return channels[index];
}

static void
close_streams (struct channel *channel)
{
  inlet_close (&channel->inlet);
  for (size_t i = 0; i < FRAME_STREAM_COUNT; i++)
    outlet_close (&channel->outlets[i]);
}

static void
let_go (struct channel *channel)
{
  size_t place = find_place (channel->number);
  memmove (channels + place, channels + place + 1, (count - place - 1) * sizeof (void *));
  count--;
  arena_free (&channel->memory);
  free (channel);
}

static void
take_answer (struct request *request, const struct packet *packet, struct contents *contents)
{
  struct channel *channel = channel_of (request);
  (void) contents; /* only the plain protocol's answers have any */
  close_streams (channel);
  send_packet (request, packet);
  channel->answered = true;
  if (channel->held)
    let_go (channel);
}

static const struct request_front session_front = { .send = send_packet, .answer = take_answer };

static bool
grow (void)
{
  size_t room = allocated == 0 ? 16 : allocated * 2;
  struct channel **grown = realloc (channels, room * sizeof (void *));
  if (grown == NULL)
    return false;
  channels = grown;
  allocated = room;
  return true;
}

struct channel *
channel_begin (uint32_t number, const struct request_kind *kind, const struct packet *packet)
{
  struct channel *channel = spare == NULL ? malloc (sizeof *channel) : spare;
  spare = channel;
  if (channel == NULL || (count == allocated && !grow ()))
    return NULL;
  *channel = (struct channel){ .number = number, .packet = *packet };
  channel->request =
      (struct request){ .kind = kind, .packet = &channel->packet, .front = &session_front };
  for (uint32_t i = 0; i < FRAME_STREAM_COUNT; i++)
    {
      channel->outlets[i].channel = number;
      channel->outlets[i].stream = i;
    }
  return channel;
}

void
channel_settle (struct channel *channel, struct frame_decoder *decoder)
{
  if (channel->answered)
    return;
  spare = NULL;
  frame_take_memory (decoder, &channel->memory);
  channel->held = true;
  channels[count++] = channel;
}

void
channel_use_input (struct request *request, size_t size, bool keeps_up)
{
  struct packet packet = { .id = PACKET_WINDOW };
  packet.window.stream = FRAME_STREAM_INPUT;
  packet.window.credit = inlet_use (&channel_of (request)->inlet, size, keeps_up);
  if (packet.window.credit > 0)
    send_packet (request, &packet);
}

struct arena
channel_take_memory (struct request *request)
{
  struct channel *channel = channel_of (request);
  struct arena memory = channel->memory;
  channel->memory = (struct arena){ NULL };
  return memory;
}

void
channel_free_all (void)
{
  free (spare);
  free (channels);
}
