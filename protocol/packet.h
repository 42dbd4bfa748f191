/* The packets of the dispatcher protocol as C structures.

   A packet is an id and, for most ids, a structure of fields; both come from packets.def, and so
   does the table that describes them to the encoder and the decoder.  */

#ifndef PROTOCOL_PACKET_H
#define PROTOCOL_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field of type STR, BYTES or an optional one of these.

   Decoded strings are followed by a NUL that SIZE does not count.  DATA is borrowed: a packet
   never owns what its fields point to.  A BYTES field that is PRESENT with a SIZE but no DATA is
   one whose contents travel beside the packet (see packet_emit and struct packet_sink).  */
struct packet_bytes
{
  const char *data;
  uint64_t size;
  bool present;
};

/* A field of type LIST_STR.  */
struct packet_list
{
  const struct packet_bytes *items;
  uint64_t count;
};

enum packet_type
{
  PACKET_TYPE_BOOL,
  PACKET_TYPE_I32,
  PACKET_TYPE_U32,
  PACKET_TYPE_I64,
  PACKET_TYPE_U64,
  PACKET_TYPE_STR,
  PACKET_TYPE_OPTIONAL_STR,
  PACKET_TYPE_BYTES,
  PACKET_TYPE_OPTIONAL_BYTES,
  PACKET_TYPE_LIST_STR,
};

/* Which end may send a packet; a set where either may.  */
enum packet_sender
{
  PACKET_FROM_CLIENT = 1,
  PACKET_FROM_SERVER = 2,
  PACKET_FROM_EITHER = PACKET_FROM_CLIENT | PACKET_FROM_SERVER,
};

enum
{
  PACKET_FIRST_OF_SESSIONS = 256, /* smaller ids are the plain protocol's */
};

enum packet_id
{
#define EMPTY(id, NAME, name, display, sender) PACKET_##NAME = id,
#define PACKET(id, NAME, name, display, sender) PACKET_##NAME = id,
#define FIELD(packet, type, name)
#define END(packet)
#include "protocol/packets.def"
};

#define PACKET_C_BOOL bool
#define PACKET_C_I32 int32_t
#define PACKET_C_U32 uint32_t
#define PACKET_C_I64 int64_t
#define PACKET_C_U64 uint64_t
#define PACKET_C_STR struct packet_bytes
#define PACKET_C_OPTIONAL_STR struct packet_bytes
#define PACKET_C_BYTES struct packet_bytes
#define PACKET_C_OPTIONAL_BYTES struct packet_bytes
#define PACKET_C_LIST_STR struct packet_list

#define EMPTY(id, NAME, name, display, sender)
#define PACKET(id, NAME, name, display, sender)                                                    \
  struct packet_##name                                                                             \
  {
#define FIELD(packet, type, name) PACKET_C_##type name;
#define END(packet)                                                                                \
  }                                                                                                \
  ;
#include "protocol/packets.def"

struct packet
{
  enum packet_id id;
  union
  {
#define EMPTY(id, NAME, name, display, sender)
#define PACKET(id, NAME, name, display, sender) struct packet_##name name;
#define FIELD(packet, type, name)
#define END(packet)
#include "protocol/packets.def"
  };
};

/* One field, as the encoder and the decoder see it.  OFFSET is from the start of the packet's own
   structure, that is, of the union in struct packet.  */
struct packet_field
{
  const char *name;
  enum packet_type type : 8;
  unsigned offset : 24;
};

struct packet_layout
{
  enum packet_id id : 16;
  enum packet_sender sender : 8;
  unsigned field_count : 8;
  const char *name; /* "ProcessRun" */
  const struct packet_field *fields;
};

/* The layout of packet ID, or NULL where no such packet exists.  */
const struct packet_layout *packet_layout_find (uint32_t id);

/* The packet's name for logs and messages, "ProcessRun"; "unknown" where there is none.  */
const char *packet_name (uint32_t id);

/* Where FIELD of PACKET is stored.  */
void *packet_field_of (struct packet *packet, const struct packet_field *field);
const void *packet_field_in (const struct packet *packet, const struct packet_field *field);

/* The first string field of PACKET with a NUL in it, or NULL: no name, path or value can have one.
 */
const struct packet_field *packet_field_with_nul (const struct packet *packet);

/* Fields from C values; TEXT NULL is an absent optional field.  */
struct packet_bytes packet_text (const char *text);
struct packet_bytes packet_data (const void *data, uint64_t size);

#endif
