#include "protocol/packet.h"

#include <string.h>

#define EMPTY(id, NAME, name, display, sender)
#define PACKET(id, NAME, name, display, sender)                                                    \
  static const struct packet_field fields_of_##name[] = {
#define FIELD(packet, type, name)                                                                  \
  { #name, PACKET_TYPE_##type, offsetof (struct packet_##packet, name) },
#define END(packet)                                                                                \
  }                                                                                                \
  ;
#include "protocol/packets.def"

static const struct packet_layout layouts[] = {
#define EMPTY(id, NAME, name, display, sender)                                                     \
  { PACKET_##NAME, PACKET_FROM_##sender, 0, display, NULL },
#define PACKET(id, NAME, name, display, sender)                                                    \
  { PACKET_##NAME, PACKET_FROM_##sender, sizeof fields_of_##name / sizeof fields_of_##name[0],     \
    display, fields_of_##name },
#define FIELD(packet, type, name)
#define END(packet)
#include "protocol/packets.def"
};

const struct packet_layout *
packet_layout_find (uint32_t wanted)
{
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
    if (layouts[i].id == wanted)
      return &layouts[i];
  return NULL;
}

const char *
packet_name (uint32_t id)
{
  const struct packet_layout *layout = packet_layout_find (id);
  return layout == NULL ? "unknown" : layout->name;
}

void *
packet_field_of (struct packet *packet, const struct packet_field *field)
{
  return (char *) &packet->os_error + field->offset;
}

const void *
packet_field_in (const struct packet *packet, const struct packet_field *field)
{
  return (const char *) &packet->os_error + field->offset;
}

static bool
has_nul (const struct packet_bytes *text)
{
  return text->size > 0 && memchr (text->data, '\0', (size_t) text->size) != NULL;
}

static bool
field_has_nul (const void *value, enum packet_type type)
{
  const struct packet_list *list = value;
  if (type == PACKET_TYPE_STR || type == PACKET_TYPE_OPTIONAL_STR)
    return has_nul (value);
  for (uint64_t i = 0; type == PACKET_TYPE_LIST_STR && i < list->count; i++)
    if (has_nul (&list->items[i]))
      return true;
  return false;
}

const struct packet_field *
packet_field_with_nul (const struct packet *packet)
{
  const struct packet_layout *layout = packet_layout_find (packet->id);
  for (size_t i = 0; layout != NULL && i < layout->field_count; i++)
    if (field_has_nul (packet_field_in (packet, &layout->fields[i]), layout->fields[i].type))
      return &layout->fields[i];
  return NULL;
}

struct packet_bytes
packet_text (const char *text)
{
  if (text == NULL)
    return (struct packet_bytes){ NULL, 0, false };
  return packet_data (text, strlen (text));
}

struct packet_bytes
packet_data (const void *data, uint64_t size)
{
  return (struct packet_bytes){ data, size, true };
}
