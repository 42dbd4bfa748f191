/* Frames: the envelopes of the session protocol.

     u32 length of what follows, u32 channel, one packet

   What both ends of a session share: limits, encoding, an incremental decoder.  No I/O.  */

#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include "protocol/codec.h"

enum
{
  FRAME_DATA_MAX = 128 << 10,            /* bytes of content in one Data */
  FRAME_OTHER_MAX = 4 << 20,             /* bytes of any other packet */
  FRAME_WINDOW_INITIAL = 256 << 10,      /* bytes: each stream's credit when its channel opens */
  FRAME_WINDOW_MAX = 8 << 20,            /* bytes: what a receiver raises it to at most */
  FRAME_DATA_HEADER = 4 + 4 + 4 + 4 + 8, /* bytes before the content of a Data */
  FRAME_BANNER_MAX = 1024,               /* bytes of the server's first line */
  FRAME_PROTOCOL = 2,                    /* this protocol's number in the banner */
};

/* Streams of a channel.  */
enum
{
  FRAME_STREAM_INPUT = 0,    /* to the server: a command's input, a file's content */
  FRAME_STREAM_OUTPUT = 1,   /* to the client: a command's output, a file's content */
  FRAME_STREAM_ERROR = 2,    /* to the client: a command's error output */
  FRAME_STREAM_TERMINAL = 3, /* to the client: what a command says at a terminal beside these */
  FRAME_STREAM_COUNT = 4,
};

/* The limits of a packet that is not Data.  */
extern const struct packet_limits packet_frame_limits;

/* Encode a frame with PACKET, which is no Data, into EMIT.  False: the packet is larger than a
   frame may be, and nothing was emitted.  */
bool frame_encode (uint32_t channel, const struct packet *packet, packet_emit *emit, void *context);

/* Write the header of a Data with SIZE bytes of content, FRAME_DATA_HEADER bytes, to HEADER.  */
void frame_data_header (char *header, uint32_t channel, uint32_t stream, uint32_t size);

enum frame_progress
{
  FRAME_NEED_MORE,
  FRAME_PACKET,    /* decoder->packet is whole, and stays so until the next call */
  FRAME_DATA,      /* a piece of the content of a Data: decoder->stream, data, data_size */
  FRAME_UNKNOWN,   /* a packet of an unknown id; its content was skipped */
  FRAME_MALFORMED, /* final */
};

/* An incremental decoder.  Members without a comment are its own business.  */
struct frame_decoder
{
  uint32_t channel;            /* of what was decoded last */
  const struct packet *packet; /* FRAME_PACKET */
  uint32_t stream;             /* FRAME_DATA */
  const char *data;            /* borrowed from what packet_decode was given */
  size_t data_size;            /* bytes; 0 only for a Data without content */

  struct packet_decoder packets;
  unsigned senders;
  unsigned stage;
  unsigned char header[FRAME_DATA_HEADER];
  size_t header_have, header_wanted;
  uint32_t left; /* bytes of the frame that are still to come */
  char error[200];
};

/* SENDERS: a set of enum packet_sender, whose packets are accepted.  */
void frame_decoder_init (struct frame_decoder *decoder, unsigned senders);
void frame_decoder_free (struct frame_decoder *decoder);

/* Take up to SIZE bytes; *USED is how many were taken.  */
enum frame_progress frame_decode (struct frame_decoder *decoder, const char *data, size_t size,
                                  size_t *used);

/* Take over the memory of the packet that was decoded last, which then lives until
   arena_free (ARENA); its structure has to be copied.  */
void frame_take_memory (struct frame_decoder *decoder, struct arena *arena);

/* Whether the bytes so far end between two frames.  */
bool frame_decoder_between_frames (const struct frame_decoder *decoder);

/* Why it is FRAME_MALFORMED: a clause.  */
const char *frame_decoder_error (const struct frame_decoder *decoder);

#endif
