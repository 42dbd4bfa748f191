/* What holds between two calls: the header of the frame under way is complete up to header_have of
   header_wanted bytes; behind it, LEFT bytes of the frame have not been given.  */

#include "protocol/frame.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum
{
  HEAD_SIZE = 12, /* length, channel, id */
};

const struct packet_limits packet_frame_limits = {
  .ids_below = UINT32_MAX,
  .string_size = FRAME_OTHER_MAX,
  .list_count = 65536,
  .bytes_size = FRAME_OTHER_MAX,
  .total_size = FRAME_OTHER_MAX,
};

enum stage
{
  STAGE_HEADER,
  STAGE_PACKET, /* its fields */
  STAGE_DATA,   /* the content of a Data */
  STAGE_SKIP,   /* an unknown packet */
  STAGE_FAILED,
};

/* ---- encoding ---- */

static void
count_size (void *context, const char *data, uint64_t size)
{
  (void) data;
  *(uint64_t *) context += size;
}

static void
store (char *to, uint64_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    to[i] = (char) (unsigned char) (value >> (8 * (size - 1 - i)));
}

bool
frame_encode (uint32_t channel, const struct packet *packet, packet_emit *emit, void *context)
{
  uint64_t size = 0;
  char head[8];
  packet_encode (packet, count_size, &size);
  if (size > FRAME_OTHER_MAX || packet_oversized_field (packet, &packet_frame_limits) != NULL)
    return false;
  store (head, 4 + size, 4);
  store (head + 4, channel, 4);
  emit (context, head, sizeof head);
  packet_encode (packet, emit, context);
  return true;
}

void
frame_data_header (char *header, uint32_t channel, uint32_t stream, uint32_t size)
{
  store (header, FRAME_DATA_HEADER - 4 + size, 4);
  store (header + 4, channel, 4);
  store (header + 8, PACKET_DATA, 4);
  store (header + 12, stream, 4);
  store (header + 16, size, 8);
}

/* ---- decoding ---- */

void
frame_decoder_init (struct frame_decoder *decoder, unsigned senders)
{
  memset (decoder, 0, sizeof *decoder);
  packet_decoder_init (&decoder->packets, &packet_frame_limits, senders, NULL);
  decoder->senders = senders;
  decoder->header_wanted = HEAD_SIZE;
}

void
frame_decoder_free (struct frame_decoder *decoder)
{
  packet_decoder_free (&decoder->packets);
}

bool
frame_decoder_between_frames (const struct frame_decoder *decoder)
{
  return decoder->stage == STAGE_HEADER && decoder->header_have == 0;
}

const char *
frame_decoder_error (const struct frame_decoder *decoder)
{
  return decoder->error;
}

void
frame_take_memory (struct frame_decoder *decoder, struct arena *arena)
{
  *arena = decoder->packets.arena;
  memset (&decoder->packets.arena, 0, sizeof decoder->packets.arena);
}

__attribute__ ((__format__ (__printf__, 2, 3))) static enum frame_progress
fail (struct frame_decoder *decoder, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (decoder->error, sizeof decoder->error, format, arguments);
  va_end (arguments);
  decoder->stage = STAGE_FAILED;
  return FRAME_MALFORMED;
}

static uint64_t
load (const unsigned char *from, unsigned size)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < size; i++)
    value = value << 8 | from[i];
  return value;
}

static void
end_frame (struct frame_decoder *decoder)
{
  decoder->stage = STAGE_HEADER;
  decoder->header_have = 0;
  decoder->header_wanted = HEAD_SIZE;
}

static enum frame_progress
give_packet (struct frame_decoder *decoder)
{
  end_frame (decoder);
  decoder->packet = &decoder->packets.packet;
  return FRAME_PACKET;
}

/* Feed the packet's decoder, which must come to the packet's end where the frame ends.  */
static enum frame_progress
feed_packet (struct frame_decoder *decoder, const char *data, size_t size)
{
  size_t used;
  enum packet_progress progress = packet_decode (&decoder->packets, data, size, &used);
  decoder->left -= (uint32_t) used;
  if (progress == PACKET_MALFORMED)
    return fail (decoder, "%s", packet_decoder_error (&decoder->packets));
  if (progress == PACKET_COMPLETE && decoder->left > 0)
    return fail (decoder, "a frame has %lu bytes behind its packet, %s",
                 (unsigned long) decoder->left, packet_name (decoder->packets.packet.id));
  if (progress == PACKET_COMPLETE)
    return give_packet (decoder);
  if (decoder->left == 0)
    return fail (decoder, "a frame ends inside its packet");
  return FRAME_NEED_MORE;
}

/* Length, channel and id are known.  */
static enum frame_progress
begin_frame (struct frame_decoder *decoder)
{
  uint32_t length = (uint32_t) load (decoder->header, 4);
  uint32_t id = (uint32_t) load (decoder->header + 8, 4);
  decoder->channel = (uint32_t) load (decoder->header + 4, 4);
  if (length < 8)
    return fail (decoder, "a frame of %lu bytes has no room for a packet", (unsigned long) length);
  if (length > 4 + FRAME_OTHER_MAX)
    return fail (decoder, "a frame of %lu bytes is longer than the %d that are allowed",
                 (unsigned long) length, 4 + FRAME_OTHER_MAX);
  decoder->left = length - 8;
  if (id == PACKET_DATA)
    {
      if (decoder->left < FRAME_DATA_HEADER - HEAD_SIZE)
        return fail (decoder, "a frame ends inside its packet");
      decoder->header_wanted = FRAME_DATA_HEADER;
      return FRAME_NEED_MORE;
    }
  if (packet_layout_find (id) == NULL)
    {
      decoder->stage = STAGE_SKIP;
      if (decoder->left > 0)
        return FRAME_NEED_MORE;
      end_frame (decoder);
      return FRAME_UNKNOWN;
    }
  decoder->stage = STAGE_PACKET;
  decoder->left += 4; /* the id is the packet's own */
  return feed_packet (decoder, (const char *) decoder->header + 8, 4);
}

/* Stream and size of a Data are known too.  */
static enum frame_progress
begin_data (struct frame_decoder *decoder)
{
  uint64_t size = load (decoder->header + 16, 8);
  decoder->stream = (uint32_t) load (decoder->header + 12, 4);
  decoder->left -= FRAME_DATA_HEADER - HEAD_SIZE;
  if (size != decoder->left)
    return fail (decoder, "Data has %llu bytes, and its frame has room for %lu",
                 (unsigned long long) size, (unsigned long) decoder->left);
  if (size > FRAME_DATA_MAX)
    return fail (decoder, "Data has %llu bytes, and the limit is %d", (unsigned long long) size,
                 FRAME_DATA_MAX);
  if (decoder->stream >= FRAME_STREAM_COUNT)
    return fail (decoder, "Data is for stream %lu, which there is not",
                 (unsigned long) decoder->stream);
  decoder->stage = STAGE_DATA;
  if (size > 0)
    return FRAME_NEED_MORE;
  decoder->data = "";
  decoder->data_size = 0;
  end_frame (decoder);
  return FRAME_DATA;
}

static enum frame_progress
read_header (struct frame_decoder *decoder, const char *data, size_t size, size_t *used)
{
  size_t missing = decoder->header_wanted - decoder->header_have;
  size_t taken = size < missing ? size : missing;
  memcpy (decoder->header + decoder->header_have, data, taken);
  decoder->header_have += taken;
  *used = taken;
  if (taken < missing)
    return FRAME_NEED_MORE;
  return decoder->header_wanted == HEAD_SIZE ? begin_frame (decoder) : begin_data (decoder);
}

static enum frame_progress
read_rest (struct frame_decoder *decoder, const char *data, size_t size, size_t *used)
{
  size_t taken = size < decoder->left ? size : decoder->left;
  *used = taken;
  if (decoder->stage == STAGE_PACKET)
    return feed_packet (decoder, data, taken);
  decoder->left -= (uint32_t) taken;
  enum frame_progress progress = FRAME_NEED_MORE;
  if (decoder->stage == STAGE_DATA)
    {
      decoder->data = data;
      decoder->data_size = taken;
      progress = FRAME_DATA;
    }
  else if (decoder->left == 0)
    progress = FRAME_UNKNOWN;
  if (decoder->left == 0)
    end_frame (decoder);
  return progress;
}

enum frame_progress
frame_decode (struct frame_decoder *decoder, const char *data, size_t size, size_t *used)
{
  *used = 0;
  if (decoder->stage == STAGE_FAILED)
    return FRAME_MALFORMED;
  while (*used < size)
    {
      size_t step = 0;
      enum frame_progress progress = decoder->stage == STAGE_HEADER
                                         ? read_header (decoder, data + *used, size - *used, &step)
                                         : read_rest (decoder, data + *used, size - *used, &step);
      *used += step;
      if (progress != FRAME_NEED_MORE)
        return progress;
    }
  return FRAME_NEED_MORE;
}
