/* The decoder of frames, fed with anything.

   The first byte of the input chooses whose packets are accepted, and whether the memory of each
   packet is taken over; the second, the size of the pieces; the rest is the stream.  What must
   hold:

   - a packet that was decoded is framed into exactly the bytes it came from;
   - the content of a Data is the stream's own bytes, and never copied;
   - an unknown packet is passed over to the end of its frame, and no further;
   - what is decoded, and why it ends, doesn't depend on the pieces;
   - memory for contents follows what has arrived, and memory for strings and lists has a limit,
     whatever was claimed.  */

#include "fuzz/require.h"
#include "protocol/frame.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  CHOICE_SENDERS = 3, /* a set of enum packet_sender */
  CHOICE_TAKE_MEMORY = 4,
  HEAD_SIZE = 8, /* length and channel */
};

/* What a stream came to.  */
struct outcome
{
  uint64_t events; /* a digest of all that was decoded, and where */
  size_t consumed; /* up to the end; where it is malformed, that depends on the pieces */
  bool malformed, between_frames;
  char error[200];
};

static void
note (struct outcome *outcome, uint64_t value)
{
  outcome->events = (outcome->events ^ value) * 0x100000001b3U;
}

/* The bytes that an encoding must be the same as.  */
struct comparison
{
  const char *bytes; /* borrowed */
  size_t left;
};

static void
compare (void *context, const char *data, uint64_t size)
{
  struct comparison *comparison = context;
  require (data != NULL && size <= comparison->left);
  require (memcmp (comparison->bytes, data, (size_t) size) == 0);
  comparison->bytes += size;
  comparison->left -= (size_t) size;
}

/* The packet was decoded from SIZE bytes at START.  */
static void
check_packet (struct frame_decoder *decoder, const char *start, size_t size, unsigned choices)
{
  struct comparison comparison = { start, size };
  struct packet packet = *decoder->packet;
  struct arena memory = { NULL };
  require ((packet_layout_find (packet.id)->sender & choices & CHOICE_SENDERS) != 0);
  if ((choices & CHOICE_TAKE_MEMORY) != 0)
    frame_take_memory (decoder, &memory);
  require (frame_encode (decoder->channel, &packet, compare, &comparison));
  require (comparison.left == 0);
  arena_free (&memory);
}

static uint32_t
number_at (const char *bytes)
{
  uint32_t value = 0;
  for (int i = 0; i < 4; i++)
    value = value << 8 | (unsigned char) bytes[i];
  return value;
}

static struct outcome
decode (const char *stream, size_t size, size_t piece, unsigned choices)
{
  struct outcome outcome = { .events = 0xcbf29ce484222325U };
  struct frame_decoder decoder;
  size_t start = 0; /* of the frame */
  frame_decoder_init (&decoder, choices & CHOICE_SENDERS);
  while (outcome.consumed < size && !outcome.malformed)
    {
      size_t left = size - outcome.consumed;
      size_t given = left < piece ? left : piece;
      size_t used;
      enum frame_progress progress =
          frame_decode (&decoder, stream + outcome.consumed, given, &used);
      require (used <= given);
      outcome.consumed += used;
      require (decoder.packets.content_allocated <= 4096 + 2 * size);
      require (decoder.packets.total_left <= FRAME_OTHER_MAX);
      switch (progress)
        {
        case FRAME_NEED_MORE:
          require (used == given);
          break;
        case FRAME_PACKET:
          require (frame_decoder_between_frames (&decoder));
          check_packet (&decoder, stream + start, outcome.consumed - start, choices);
          note (&outcome, decoder.packet->id);
          note (&outcome, decoder.channel);
          break;
        case FRAME_DATA:
          require (decoder.stream < FRAME_STREAM_COUNT);
          require (decoder.data_size <= used);
          require (decoder.data_size == 0
                   || decoder.data + decoder.data_size == stream + outcome.consumed);
          for (size_t i = 0; i < decoder.data_size; i++)
            {
              note (&outcome, decoder.stream);
              note (&outcome, decoder.channel);
              note (&outcome, (unsigned char) decoder.data[i]);
            }
          if (decoder.data_size == 0)
            require (outcome.consumed - start == FRAME_DATA_HEADER);
          break;
        case FRAME_UNKNOWN:
          require (packet_layout_find (number_at (stream + start + HEAD_SIZE)) == NULL);
          require (outcome.consumed - start == 4 + number_at (stream + start));
          note (&outcome, decoder.channel);
          break;
        case FRAME_MALFORMED:
          outcome.malformed = true;
          strcpy (outcome.error, frame_decoder_error (&decoder));
          require (outcome.error[0] != '\0');
          break;
        }
      if (frame_decoder_between_frames (&decoder) && outcome.consumed > start)
        {
          require (outcome.consumed - start == 4 + number_at (stream + start));
          start = outcome.consumed;
          note (&outcome, start);
        }
    }
  outcome.between_frames = frame_decoder_between_frames (&decoder);
  require (outcome.between_frames == (start == outcome.consumed));
  frame_decoder_free (&decoder);
  return outcome;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  unsigned choices = data[0];
  size_t piece = (size_t) data[1] + 1;
  const char *stream = (const char *) data + 2;
  size -= 2;

  struct outcome whole = decode (stream, size, SIZE_MAX, choices);
  struct outcome pieces = decode (stream, size, piece, choices);
  require (whole.events == pieces.events);
  require (whole.malformed == pieces.malformed);
  require (whole.between_frames == pieces.between_frames);
  require (whole.malformed || whole.consumed == pieces.consumed);
  require (strcmp (whole.error, pieces.error) == 0);
  return 0;
}
