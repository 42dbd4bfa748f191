/* The decoder, fed with anything.

   The first byte of the input chooses whose packets are accepted, whether contents go to a sink
   and the limits; the second, the size of the pieces; the rest is the stream.  What must hold:

   - a packet encodes to exactly the bytes it was decoded from, as every value has one encoding;
   - what is decoded, and where and why it ends, doesn't depend on the pieces;
   - memory for contents follows what has arrived, whatever was claimed.  */

#include "fuzz/require.h"
#include "protocol/codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  CHOICE_SENDERS = 3, /* a set of enum packet_sender */
  CHOICE_SINK = 4,
  CHOICE_SINK_REFUSES = 8,
  CHOICE_SMALL_LIMITS = 16,
};

static const struct packet_limits small_limits = {
  .ids_below = UINT32_MAX, .string_size = 24, .list_count = 4, .bytes_size = 40, .total_size = 64
};

/* Bytes that grow.  Owns DATA.  */
struct buffer
{
  char *data;
  size_t size, allocated;
};

static void
add (struct buffer *buffer, const char *data, size_t size)
{
  if (buffer->allocated - buffer->size < size)
    {
      buffer->allocated = 2 * buffer->allocated + size;
      buffer->data = realloc (buffer->data, buffer->allocated);
      require (buffer->data != NULL);
    }
  if (size > 0)
    memcpy (buffer->data + buffer->size, data, size);
  buffer->size += size;
}

/* The contents of one packet, kept by the sink as one run of bytes.  */
struct contents
{
  struct buffer bytes;
  size_t given; /* back, to the encoder */
  bool refuses;
  uint64_t announced;
};

static bool
sink_begin (void *context, const struct packet *packet, const struct packet_field *field,
            uint64_t size)
{
  struct contents *contents = context;
  require (field->type == PACKET_TYPE_BYTES || field->type == PACKET_TYPE_OPTIONAL_BYTES);
  require (packet_layout_find (packet->id) != NULL);
  contents->announced += size;
  return !contents->refuses || size < 8;
}

static bool
sink_data (void *context, const char *data, size_t size)
{
  struct contents *contents = context;
  require (size > 0);
  add (&contents->bytes, data, size);
  require (contents->bytes.size <= contents->announced);
  return !contents->refuses || contents->bytes.size < 4;
}

struct encoding
{
  struct buffer bytes;
  struct contents *contents;
};

static void
emit (void *context, const char *data, uint64_t size)
{
  struct encoding *encoding = context;
  if (data == NULL)
    {
      struct contents *contents = encoding->contents;
      require (size <= contents->bytes.size - contents->given);
      data = contents->bytes.data + contents->given;
      contents->given += (size_t) size;
    }
  add (&encoding->bytes, data, (size_t) size);
}

static void
check_text (const struct packet_bytes *text, bool is_string)
{
  require (text->present || (text->data == NULL && text->size == 0));
  if (text->present && is_string)
    require (text->data != NULL && text->data[text->size] == '\0');
}

/* What every decoded packet keeps: strings end in a NUL, an absent field is empty.  */
static void
check_fields (const struct packet *packet)
{
  const struct packet_layout *layout = packet_layout_find (packet->id);
  for (size_t i = 0; i < layout->field_count; i++)
    {
      const void *value = packet_field_in (packet, &layout->fields[i]);
      const struct packet_list *list = value;
      switch (layout->fields[i].type)
        {
        case PACKET_TYPE_STR:
        case PACKET_TYPE_OPTIONAL_STR:
          check_text (value, true);
          break;
        case PACKET_TYPE_BYTES:
        case PACKET_TYPE_OPTIONAL_BYTES:
          check_text (value, false);
          break;
        case PACKET_TYPE_LIST_STR:
          for (uint64_t item = 0; item < list->count; item++)
            check_text (&list->items[item], true);
          break;
        default:
          break;
        }
    }
}

/* What a stream came to.  */
struct outcome
{
  size_t packets;
  size_t consumed; /* up to the end, or to where it was found malformed */
  bool malformed;
  char error[160];
};

static void
check_packet (const struct packet_decoder *decoder, struct contents *contents, const char *start,
              size_t size)
{
  struct encoding encoding = { .contents = contents };
  check_fields (&decoder->packet);
  require (packet_oversized_field (&decoder->packet, decoder->limits) == NULL);
  packet_encode (&decoder->packet, emit, &encoding);
  require (contents->given == contents->bytes.size);
  require (encoding.bytes.size == size);
  require (memcmp (encoding.bytes.data, start, size) == 0);
  free (encoding.bytes.data);
  contents->bytes.size = 0;
  contents->given = 0;
  contents->announced = 0;
}

static struct outcome
decode (const char *stream, size_t size, size_t piece, unsigned choices)
{
  struct outcome outcome = { .packets = 0 };
  struct contents contents = { .refuses = (choices & CHOICE_SINK_REFUSES) != 0 };
  struct packet_sink sink = { sink_begin, sink_data, &contents };
  struct packet_decoder decoder;
  size_t start = 0;
  packet_decoder_init (&decoder,
                       (choices & CHOICE_SMALL_LIMITS) != 0 ? &small_limits : &packet_plain_limits,
                       choices & CHOICE_SENDERS, (choices & CHOICE_SINK) != 0 ? &sink : NULL);
  while (outcome.consumed < size && !outcome.malformed)
    {
      size_t left = size - outcome.consumed;
      size_t given = left < piece ? left : piece;
      size_t used;
      enum packet_progress progress =
          packet_decode (&decoder, stream + outcome.consumed, given, &used);
      require (used <= given);
      outcome.consumed += used;
      require (decoder.content_allocated <= 4096 + 2 * size);
      switch (progress)
        {
        case PACKET_NEED_MORE:
          require (used == given);
          break;
        case PACKET_COMPLETE:
          require (packet_decoder_between_packets (&decoder));
          check_packet (&decoder, &contents, stream + start, outcome.consumed - start);
          start = outcome.consumed;
          outcome.packets++;
          break;
        case PACKET_MALFORMED:
          outcome.malformed = true;
          strcpy (outcome.error, packet_decoder_error (&decoder));
          require (outcome.error[0] != '\0');
          break;
        }
    }
  require (packet_decoder_between_packets (&decoder)
           == (!outcome.malformed && start == outcome.consumed));
  packet_decoder_free (&decoder);
  free (contents.bytes.data);
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
  require (whole.packets == pieces.packets);
  require (whole.malformed == pieces.malformed);
  /* A sink that refuses data does so at the end of a piece.  */
  if (!(choices & CHOICE_SINK_REFUSES))
    require (whole.consumed == pieces.consumed);
  require (strcmp (whole.error, pieces.error) == 0);
  return 0;
}
