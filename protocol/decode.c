/* The decoder is a state machine that reads one number or one run of bytes at a time.

   What holds between two calls: DECODER->stage says what the next bytes are; a number is complete
   when number_have reaches number_size, a run of bytes when data_have reaches data_size; the field
   being read is layout->fields[field_index], and within a list its item item_index.  */

#include "protocol/codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct packet_limits packet_plain_limits = {
  .ids_below = PACKET_FIRST_OF_SESSIONS,
  .string_size = 4ULL << 20,
  .list_count = 65536,
  .bytes_size = 16ULL << 30,
  .total_size = 16ULL << 20,
};

enum stage
{
  STAGE_ID,
  STAGE_NUMBER,  /* the value of a numeric field */
  STAGE_PRESENT, /* whether an optional field is there */
  STAGE_COUNT,   /* of a list */
  STAGE_SIZE,    /* of a string or bytes */
  STAGE_DATA,    /* the bytes of it */
  STAGE_DONE,    /* a whole packet waits to be taken */
  STAGE_FAILED,
};

void
packet_decoder_init (struct packet_decoder *decoder, const struct packet_limits *limits,
                     unsigned senders, const struct packet_sink *sink)
{
  memset (decoder, 0, sizeof *decoder);
  decoder->limits = limits;
  decoder->senders = senders;
  if (sink != NULL)
    decoder->sink = *sink;
  decoder->stage = STAGE_ID;
  decoder->number_size = 4;
}

void
packet_decoder_free (struct packet_decoder *decoder)
{
  arena_free (&decoder->arena);
  free (decoder->content);
  decoder->content = NULL;
}

bool
packet_decoder_between_packets (const struct packet_decoder *decoder)
{
  return decoder->stage == STAGE_DONE || (decoder->stage == STAGE_ID && decoder->number_have == 0);
}

const char *
packet_decoder_error (const struct packet_decoder *decoder)
{
  return decoder->error;
}

__attribute__ ((__format__ (__printf__, 2, 3))) static enum packet_progress
fail (struct packet_decoder *decoder, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (decoder->error, sizeof decoder->error, format, arguments);
  va_end (arguments);
  decoder->stage = STAGE_FAILED;
  return PACKET_MALFORMED;
}

static const struct packet_field *
current_field (const struct packet_decoder *decoder)
{
  return &decoder->layout->fields[decoder->field_index];
}

static enum packet_progress
fail_no_memory (struct packet_decoder *decoder)
{
  decoder->no_memory = true;
  return fail (decoder, "%s: no memory for %s", decoder->layout->name,
               current_field (decoder)->name);
}

static bool
is_content (enum packet_type type)
{
  return type == PACKET_TYPE_BYTES || type == PACKET_TYPE_OPTIONAL_BYTES;
}

static void
expect_number (struct packet_decoder *decoder, enum stage stage, unsigned size)
{
  decoder->stage = stage;
  decoder->number_size = size;
  decoder->number_have = 0;
}

static enum packet_progress
begin_field (struct packet_decoder *decoder)
{
  if (decoder->field_index == decoder->layout->field_count)
    {
      decoder->stage = STAGE_DONE;
      return PACKET_COMPLETE;
    }
  switch (current_field (decoder)->type)
    {
    case PACKET_TYPE_BOOL:
      expect_number (decoder, STAGE_NUMBER, 1);
      break;
    case PACKET_TYPE_I32:
    case PACKET_TYPE_U32:
      expect_number (decoder, STAGE_NUMBER, 4);
      break;
    case PACKET_TYPE_I64:
    case PACKET_TYPE_U64:
      expect_number (decoder, STAGE_NUMBER, 8);
      break;
    case PACKET_TYPE_OPTIONAL_STR:
    case PACKET_TYPE_OPTIONAL_BYTES:
      expect_number (decoder, STAGE_PRESENT, 1);
      break;
    case PACKET_TYPE_STR:
    case PACKET_TYPE_BYTES:
      expect_number (decoder, STAGE_SIZE, 8);
      break;
    case PACKET_TYPE_LIST_STR:
      expect_number (decoder, STAGE_COUNT, 8);
      break;
    }
  return PACKET_NEED_MORE;
}

static enum packet_progress
end_field (struct packet_decoder *decoder)
{
  decoder->field_index++;
  return begin_field (decoder);
}

static enum packet_progress
begin_packet (struct packet_decoder *decoder, uint32_t id)
{
  decoder->layout = packet_layout_find (id);
  if (decoder->layout == NULL || id >= decoder->limits->ids_below)
    return fail (decoder, "unknown packet id %lu", (unsigned long) id);
  if ((decoder->layout->sender & decoder->senders) == 0)
    return fail (decoder, "%s is not a packet for this end to receive", decoder->layout->name);
  memset (&decoder->packet, 0, sizeof decoder->packet);
  decoder->packet.id = decoder->layout->id;
  decoder->field_index = 0;
  decoder->total_left = decoder->limits->total_size;
  return begin_field (decoder);
}

/* Memory for the packet's strings and lists, held against the packet's total.  */
static void *
take_memory (struct packet_decoder *decoder, uint64_t size)
{
  if (size > decoder->total_left)
    {
      fail (decoder, "%s: the strings up to %s need more than %llu bytes in all",
            decoder->layout->name, current_field (decoder)->name,
            (unsigned long long) decoder->limits->total_size);
      return NULL;
    }
  decoder->total_left -= size;
  void *memory = arena_allocate (&decoder->arena, (size_t) size);
  if (memory == NULL)
    fail_no_memory (decoder);
  return memory;
}

static enum packet_progress
store_number (struct packet_decoder *decoder, uint64_t value)
{
  void *slot = packet_field_of (&decoder->packet, current_field (decoder));
  switch (current_field (decoder)->type)
    {
    case PACKET_TYPE_BOOL:
      if (value > 1)
        return fail (decoder, "%s: %s is %u, and a bool is 0 or 1", decoder->layout->name,
                     current_field (decoder)->name, (unsigned) value);
      *(bool *) slot = value != 0;
      break;
    case PACKET_TYPE_I32:
      *(int32_t *) slot = (int32_t) (uint32_t) value;
      break;
    case PACKET_TYPE_U32:
      *(uint32_t *) slot = (uint32_t) value;
      break;
    case PACKET_TYPE_I64:
      *(int64_t *) slot = (int64_t) value;
      break;
    default:
      *(uint64_t *) slot = value;
      break;
    }
  return end_field (decoder);
}

static enum packet_progress
begin_optional (struct packet_decoder *decoder, uint64_t present)
{
  if (present > 1)
    return fail (decoder, "%s: the presence of %s is %u, and a bool is 0 or 1",
                 decoder->layout->name, current_field (decoder)->name, (unsigned) present);
  if (present == 0)
    return end_field (decoder);
  expect_number (decoder, STAGE_SIZE, 8);
  return PACKET_NEED_MORE;
}

static enum packet_progress
begin_list (struct packet_decoder *decoder, uint64_t count)
{
  struct packet_list *list = packet_field_of (&decoder->packet, current_field (decoder));
  if (count > decoder->limits->list_count)
    return fail (decoder, "%s: %s has %llu items, and the limit is %llu", decoder->layout->name,
                 current_field (decoder)->name, (unsigned long long) count,
                 (unsigned long long) decoder->limits->list_count);
  list->count = count;
  decoder->item_index = 0;
  if (count == 0)
    return end_field (decoder);
  /* Not counted in the total: list_count bounds it.  */
  struct packet_bytes *items = arena_allocate (&decoder->arena, (size_t) count * sizeof *items);
  if (items == NULL)
    return fail_no_memory (decoder);
  memset (items, 0, (size_t) count * sizeof *items);
  list->items = items;
  expect_number (decoder, STAGE_SIZE, 8);
  return PACKET_NEED_MORE;
}

/* The slot of the string or bytes that is being read.  */
static struct packet_bytes *
current_bytes (struct packet_decoder *decoder)
{
  void *slot = packet_field_of (&decoder->packet, current_field (decoder));
  if (current_field (decoder)->type != PACKET_TYPE_LIST_STR)
    return slot;
  const struct packet_list *list = slot;
  return (struct packet_bytes *) &list->items[decoder->item_index];
}

static enum packet_progress
end_data (struct packet_decoder *decoder)
{
  struct packet_bytes *bytes = current_bytes (decoder);
  if (!is_content (current_field (decoder)->type))
    {
      decoder->text[bytes->size] = '\0';
      bytes->data = decoder->text;
    }
  else if (decoder->sink.begin == NULL)
    {
      /* The packet's content moves to the arena's life: one packet may have several.  */
      char *memory = arena_allocate (&decoder->arena, (size_t) bytes->size + 1);
      if (memory == NULL)
        return fail_no_memory (decoder);
      if (bytes->size > 0)
        memcpy (memory, decoder->content, (size_t) bytes->size);
      memory[bytes->size] = '\0';
      bytes->data = memory;
    }
  if (current_field (decoder)->type == PACKET_TYPE_LIST_STR)
    {
      const struct packet_list *list = packet_field_in (&decoder->packet, current_field (decoder));
      if (++decoder->item_index < list->count)
        {
          expect_number (decoder, STAGE_SIZE, 8);
          return PACKET_NEED_MORE;
        }
    }
  return end_field (decoder);
}

static enum packet_progress
begin_data (struct packet_decoder *decoder, uint64_t size)
{
  const struct packet_field *field = current_field (decoder);
  struct packet_bytes *bytes = current_bytes (decoder);
  uint64_t limit =
      is_content (field->type) ? decoder->limits->bytes_size : decoder->limits->string_size;
  if (size > limit)
    return fail (decoder, "%s: %s is %llu bytes long, and the limit is %llu", decoder->layout->name,
                 field->name, (unsigned long long) size, (unsigned long long) limit);
  bytes->present = true;
  bytes->size = size;
  if (!is_content (field->type))
    {
      decoder->text = take_memory (decoder, packet_text_cost (size));
      if (decoder->text == NULL)
        return PACKET_MALFORMED;
    }
  else if (decoder->sink.begin != NULL
           && !decoder->sink.begin (decoder->sink.context, &decoder->packet, field, size))
    return fail (decoder, "%s: no room for %llu bytes of %s", decoder->layout->name,
                 (unsigned long long) size, field->name);
  decoder->stage = STAGE_DATA;
  decoder->data_size = size;
  decoder->data_have = 0;
  return size == 0 ? end_data (decoder) : PACKET_NEED_MORE;
}

/* A number is whole: what it means depends on the stage.  */
static enum packet_progress
advance (struct packet_decoder *decoder)
{
  uint64_t value = 0;
  for (unsigned i = 0; i < decoder->number_size; i++)
    value = value << 8 | decoder->number[i];
  switch ((enum stage) decoder->stage)
    {
    case STAGE_ID:
      return begin_packet (decoder, (uint32_t) value);
    case STAGE_NUMBER:
      return store_number (decoder, value);
    case STAGE_PRESENT:
      return begin_optional (decoder, value);
    case STAGE_COUNT:
      return begin_list (decoder, value);
    default:
      return begin_data (decoder, value);
    }
}

/* Keep SIZE bytes of content in memory that grows with what has arrived, not with what was
   claimed.  */
static bool
keep_content (struct packet_decoder *decoder, const char *data, size_t size)
{
  size_t have = (size_t) decoder->data_have;
  if (decoder->content_allocated - have < size)
    {
      size_t room = decoder->content_allocated;
      while (room - have < size)
        room = room < 4096 ? 4096 : room * 2;
      char *grown = realloc (decoder->content, room);
      if (grown == NULL)
        return false;
      decoder->content = grown;
      decoder->content_allocated = room;
    }
  memcpy (decoder->content + have, data, size);
  return true;
}

static enum packet_progress
read_data (struct packet_decoder *decoder, const char *data, size_t size, size_t *used)
{
  uint64_t missing = decoder->data_size - decoder->data_have;
  size_t taken = size < missing ? size : (size_t) missing;
  bool kept = true;
  if (!is_content (current_field (decoder)->type))
    memcpy (decoder->text + decoder->data_have, data, taken);
  else if (decoder->sink.begin != NULL)
    kept = decoder->sink.data (decoder->sink.context, data, taken);
  else
    kept = keep_content (decoder, data, taken);
  if (!kept)
    return fail (decoder, "%s: no room for the rest of %s", decoder->layout->name,
                 current_field (decoder)->name);
  decoder->data_have += taken;
  *used += taken;
  return decoder->data_have == decoder->data_size ? end_data (decoder) : PACKET_NEED_MORE;
}

static enum packet_progress
read_number (struct packet_decoder *decoder, const char *data, size_t size, size_t *used)
{
  size_t missing = decoder->number_size - decoder->number_have;
  size_t taken = size < missing ? size : missing;
  memcpy (decoder->number + decoder->number_have, data, taken);
  decoder->number_have += (unsigned) taken;
  *used += taken;
  return decoder->number_have == decoder->number_size ? advance (decoder) : PACKET_NEED_MORE;
}

enum packet_progress
packet_decode (struct packet_decoder *decoder, const char *data, size_t size, size_t *used)
{
  *used = 0;
  if (decoder->stage == STAGE_FAILED)
    return PACKET_MALFORMED;
  if (decoder->stage == STAGE_DONE)
    {
      arena_clear (&decoder->arena);
      expect_number (decoder, STAGE_ID, 4);
    }
  while (*used < size)
    {
      size_t step = 0;
      enum packet_progress progress =
          decoder->stage == STAGE_DATA ? read_data (decoder, data + *used, size - *used, &step)
                                       : read_number (decoder, data + *used, size - *used, &step);
      *used += step;
      if (progress != PACKET_NEED_MORE)
        return progress;
    }
  return PACKET_NEED_MORE;
}
