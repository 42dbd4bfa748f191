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

const struct packet_layout *
packet_layout_find (uint32_t wanted)
{
  switch (wanted)
    {
#define EMPTY(id, NAME, name, display, sender)                                                     \
  case id:                                                                                         \
    {                                                                                              \
      static const struct packet_layout layout = { PACKET_##NAME, PACKET_FROM_##sender, display,   \
                                                   NULL, 0 };                                      \
      return &layout;                                                                              \
    }
#define PACKET(id, NAME, name, display, sender)                                                    \
  case id:                                                                                         \
    {                                                                                              \
      static const struct packet_layout layout = { PACKET_##NAME, PACKET_FROM_##sender, display,   \
                                                   fields_of_##name,                               \
                                                   sizeof fields_of_##name                         \
                                                       / sizeof fields_of_##name[0] };             \
      return &layout;                                                                              \
    }
#define FIELD(packet, type, name)
#define END(packet)
#include "protocol/packets.def"
    default:
      return NULL;
    }
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
