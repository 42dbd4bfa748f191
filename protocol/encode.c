#include "protocol/codec.h"

static void
emit_number (uint64_t value, unsigned size, packet_emit *emit, void *context)
{
  char bytes[8];
  for (unsigned i = 0; i < size; i++)
    bytes[i] = (char) (unsigned char) (value >> (8 * (size - 1 - i)));
  emit (context, bytes, size);
}

static void
emit_bytes (const struct packet_bytes *bytes, packet_emit *emit, void *context)
{
  emit_number (bytes->size, 8, emit, context);
  if (bytes->size > 0)
    emit (context, bytes->data, bytes->size);
}

static void
emit_field (const void *value, enum packet_type type, packet_emit *emit, void *context)
{
  switch (type)
    {
    case PACKET_TYPE_BOOL:
      emit_number (*(const bool *) value, 1, emit, context);
      break;
    case PACKET_TYPE_I32:
      emit_number ((uint32_t) * (const int32_t *) value, 4, emit, context);
      break;
    case PACKET_TYPE_U32:
      emit_number (*(const uint32_t *) value, 4, emit, context);
      break;
    case PACKET_TYPE_I64:
      emit_number ((uint64_t) * (const int64_t *) value, 8, emit, context);
      break;
    case PACKET_TYPE_U64:
      emit_number (*(const uint64_t *) value, 8, emit, context);
      break;
    case PACKET_TYPE_OPTIONAL_STR:
    case PACKET_TYPE_OPTIONAL_BYTES:
      {
        const struct packet_bytes *bytes = value;
        emit_number (bytes->present, 1, emit, context);
        if (bytes->present)
          emit_bytes (bytes, emit, context);
        break;
      }
    case PACKET_TYPE_STR:
    case PACKET_TYPE_BYTES:
      emit_bytes (value, emit, context);
      break;
    case PACKET_TYPE_LIST_STR:
      {
        const struct packet_list *list = value;
        emit_number (list->count, 8, emit, context);
        for (uint64_t i = 0; i < list->count; i++)
          emit_bytes (&list->items[i], emit, context);
        break;
      }
    }
}

void
packet_encode (const struct packet *packet, packet_emit *emit, void *context)
{
  const struct packet_layout *layout = packet_layout_find (packet->id);
  emit_number (packet->id, 4, emit, context);
  for (size_t i = 0; layout != NULL && i < layout->field_count; i++)
    emit_field (packet_field_in (packet, &layout->fields[i]), layout->fields[i].type, emit,
                context);
}

/* Whether one field keeps LIMITS; what it takes of the packet's memory comes off *LEFT.  */
static bool
field_fits (const void *value, enum packet_type type, const struct packet_limits *limits,
            uint64_t *left)
{
  const struct packet_bytes *items = value;
  uint64_t count = 1;
  if ((type == PACKET_TYPE_OPTIONAL_STR || type == PACKET_TYPE_OPTIONAL_BYTES) && !items->present)
    return true;
  switch (type)
    {
    case PACKET_TYPE_BYTES:
    case PACKET_TYPE_OPTIONAL_BYTES:
      return items->size <= limits->bytes_size;
    case PACKET_TYPE_LIST_STR:
      count = ((const struct packet_list *) value)->count;
      items = ((const struct packet_list *) value)->items;
      if (count > limits->list_count)
        return false;
      break;
    case PACKET_TYPE_STR:
    case PACKET_TYPE_OPTIONAL_STR:
      break;
    default:
      return true;
    }
  for (uint64_t i = 0; i < count; i++)
    {
      uint64_t needed = packet_text_cost (items[i].size);
      if (items[i].size > limits->string_size || needed > *left)
        return false;
      *left -= needed;
    }
  return true;
}

const struct packet_field *
packet_oversized_field (const struct packet *packet, const struct packet_limits *limits)
{
  const struct packet_layout *layout = packet_layout_find (packet->id);
  uint64_t left = limits->total_size;
  for (size_t i = 0; layout != NULL && i < layout->field_count; i++)
    if (!field_fits (packet_field_in (packet, &layout->fields[i]), layout->fields[i].type, limits,
                     &left))
      return &layout->fields[i];
  return NULL;
}
