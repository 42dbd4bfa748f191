/* Packets to bytes and back: one encoder and one decoder for every packet, driven by the table
   that packets.def makes.  Neither does any I/O.  */

#ifndef PROTOCOL_CODEC_H
#define PROTOCOL_CODEC_H

#include "protocol/arena.h"
#include "protocol/packet.h"

/* What one packet may claim.  Every length is held against these before anything is allocated.  */
struct packet_limits
{
  uint32_t ids_below;   /* packets from this id on are unknown */
  uint64_t string_size; /* bytes of one str */
  uint64_t list_count;  /* items of one list */
  uint64_t bytes_size;  /* bytes of one bytes field */
  uint64_t total_size;  /* memory for all strings and lists of one packet, in bytes */
};

/* The limits of section 1 of the protocol.  */
extern const struct packet_limits packet_plain_limits;

/* What a string of SIZE bytes takes of a packet's total.  */
static inline uint64_t
packet_text_cost (uint64_t size)
{
  return size + 1;
}

/* Takes the next SIZE bytes of an encoded packet.  DATA is borrowed from the packet; it is NULL
   for the contents of a bytes field that has a size and no data: the receiver has them elsewhere
   and puts them in.  */
typedef void packet_emit (void *context, const char *data, uint64_t size);

/* Encode PACKET, piece by piece, into EMIT.  */
void packet_encode (const struct packet *packet, packet_emit *emit, void *context);

/* The first field of PACKET that is larger than LIMITS allow, or NULL.  */
const struct packet_field *packet_oversized_field (const struct packet *packet,
                                                   const struct packet_limits *limits);

/* Where the contents of bytes fields go as they arrive.  A false answer is "no memory" or "no
   room": it makes the decoder fail.  Strings never go there.  */
struct packet_sink
{
  bool (*begin) (void *context, const struct packet *packet, const struct packet_field *field,
                 uint64_t size);
  bool (*data) (void *context, const char *data, size_t size);
  void *context;
};

enum packet_progress
{
  PACKET_NEED_MORE,
  PACKET_COMPLETE,
  PACKET_MALFORMED,
};

/* An incremental decoder.  Its members are its own business.  */
struct packet_decoder
{
  const struct packet_limits *limits; /* borrowed */
  unsigned senders;                   /* set of enum packet_sender */
  struct packet_sink sink;            /* begin NULL: contents are kept in memory */

  struct packet packet;
  const struct packet_layout *layout;
  struct arena arena; /* strings and lists of the packet */
  uint64_t total_left;

  unsigned stage;
  size_t field_index;
  uint64_t item_index; /* within a list */
  unsigned char number[8];
  unsigned number_size, number_have;
  char *text;    /* where the string being read goes */
  char *content; /* owned: a bytes field kept in memory */
  size_t content_allocated;
  uint64_t data_size, data_have;
  bool no_memory; /* that is why it has failed */
  char error[160];
};

/* SENDERS: whose packets are accepted.  SINK may be NULL: then contents are kept in memory, which
   grows as they arrive, whatever length was claimed.  */
void packet_decoder_init (struct packet_decoder *decoder, const struct packet_limits *limits,
                          unsigned senders, const struct packet_sink *sink);
void packet_decoder_free (struct packet_decoder *decoder);

/* Take up to SIZE bytes; *USED is how many were taken.  PACKET_COMPLETE: decoder->packet is whole
   and stays so until the next call; bytes after it were not taken.  PACKET_MALFORMED is final, and
   packet_decoder_error says why.  */
enum packet_progress packet_decode (struct packet_decoder *decoder, const char *data, size_t size,
                                    size_t *used);

/* Whether the bytes so far end between two packets.  */
bool packet_decoder_between_packets (const struct packet_decoder *decoder);

/* Why the last call was PACKET_MALFORMED: a clause such as "Stat: path is 5000000 bytes long, and
   the limit is 4194304".  */
const char *packet_decoder_error (const struct packet_decoder *decoder);

#endif
