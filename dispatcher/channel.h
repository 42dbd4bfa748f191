/* Channels: one request each, with all that belongs to it.

   Most requests are answered at once.  Their channel is no more than a number, and the same memory
   serves them all; only a request that isn't answered at once is held.  */

#ifndef DISPATCHER_CHANNEL_H
#define DISPATCHER_CHANNEL_H

#include "dispatcher/inlet.h"
#include "dispatcher/outlet.h"
#include "dispatcher/request.h"
#include "protocol/frame.h"

struct channel
{
  struct request request; /* the first member: channel_of */
  uint32_t number;
  bool answered;
  bool held;
  struct packet packet; /* the request's */
  struct arena memory;  /* owned: what PACKET points to, once it is held */
  struct inlet inlet;
  struct outlet outlets[FRAME_STREAM_COUNT]; /* that of stream 0 doesn't exist */
};

/* The channel of REQUEST, which is one of a session.  */
static inline struct channel *
channel_of (struct request *request)
{
  return (struct channel *) request;
}

/* The held channel NUMBER, or NULL.  */
struct channel *channel_find (uint32_t number);

/* The held channels, by ascending number.  */
size_t channel_count (void);
struct channel *channel_at (size_t index);

/* A channel for the request PACKET, whose memory is the decoder's; NULL without memory.  It is to
   be handled, and then settled.  */
struct channel *channel_begin (uint32_t number, const struct request_kind *kind,
                               const struct packet *packet);

/* CHANNEL's request was handled: hold it, with the memory of DECODER's packet, unless it was
   answered.  */
void channel_settle (struct channel *channel, struct frame_decoder *decoder);

/* Send PACKET on channel NUMBER.  One that is too large becomes OSError EMSGSIZE.  */
void channel_send_packet (uint32_t number, const struct packet *packet);

/* Send OSError with ERRNUM as the one and only answer on channel NUMBER, which is not held.  */
void channel_refuse (uint32_t number, int errnum, const char *message);

/* ---- for requests ---- */

/* SIZE bytes of the input of REQUEST are used up; KEEPS_UP: nothing waits.  */
void channel_use_input (struct request *request, size_t size, bool keeps_up);

/* Take over the memory of the packet of REQUEST, which is held, for a use that outlasts the
   request: it lives until arena_free.  */
struct arena channel_take_memory (struct request *request);

/* Where what waits of all channels' input is counted.  */
extern struct spool_account channel_input_account;

/* Give back what no channel uses.  */
void channel_free_all (void);

#endif
