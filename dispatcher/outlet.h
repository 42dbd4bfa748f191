/* A channel's stream to the client, and how the streams of all channels take turns.

   A Data is made only when next to nothing waits to be written, so that never more than one of
   them, or a few small ones, stand before a packet that comes up later.  Then the outlets that have
   something and credit for it take turns, one Data each.  */

#ifndef DISPATCHER_OUTLET_H
#define DISPATCHER_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What PRODUCE says instead of a number of bytes.  */
enum
{
  OUTLET_LATER = 0,  /* there is nothing now: outlet_ready will be called */
  OUTLET_AGAIN = -1, /* there is nothing yet, but the next turn may bring something */
  OUTLET_GONE = -2,  /* the outlet was ended; it may not even exist any more */
};

/* All zero is one that the request doesn't have.  Borrows what CONTEXT points to.  */
struct outlet
{
  bool exists; /* the request sends on this stream, or has */
  bool open;
  bool ready; /* its turn would bring something */
  uint32_t channel, stream;
  uint32_t credit; /* bytes that the client takes */

  /* Store up to SIZE bytes in BUFFER; their number, at least 1, or one of the above.  With a SIZE
     of 0 it is only asked whether there are any more, since the end needs no credit.  */
  long (*produce) (void *context, char *buffer, size_t size);
  void *context;

  struct outlet *previous, *next; /* among those that wait for their turn */
  bool queued;
};

/* CHANNEL and STREAM are set already.  It isn't ready yet.  */
void outlet_open (struct outlet *outlet, long (*produce) (void *context, char *buffer, size_t size),
                  void *context);

/* There may be something to send, or its end.  */
void outlet_ready (struct outlet *outlet);

/* The client takes CREDIT more bytes.  False: that is more than can be counted.  */
bool outlet_credit (struct outlet *outlet, uint32_t credit);

/* Nothing more is sent; outlet_close doesn't tell the client.  */
void outlet_end (struct outlet *outlet);
void outlet_close (struct outlet *outlet);

/* No Data gets more than SIZE bytes.  */
void outlet_limit_size (uint32_t size);

/* No more credit will come: from here on what goes beyond it is dropped, so that commands aren't
   held up at their end.  outlet_ready has to be called for all that are open.  */
void outlet_end_credit (void);

/* Send what the client takes now, for a while.  */
void outlet_send_all (void);

/* Whether there is something to send.  */
bool outlet_waiting (void);

#endif
