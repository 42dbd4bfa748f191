#include "dispatcher/outlet.h"

#include "dispatcher/channel.h"
#include "dispatcher/debug.h"
#include "dispatcher/loop.h"
#include "dispatcher/output.h"
#include "protocol/frame.h"

#include <stddef.h>

enum
{
  CREDIT_MAX = INT32_MAX,
  TURNS = 16, /* before the loop looks at everything else */
  SMALL =
      4 << 10, /* bytes: what is cheaper copied, to be written with others, than written alone */
  SIZE_FIRST = 32 << 10,
  SIZE_LEAST = 4 << 10,
  SLOW = 50, /* milliseconds: a packet should not wait longer behind a Data */
  QUICK = 10,
};

static struct outlet *first, *last;

/* The size of a Data: halved while writing one takes long, doubled while it doesn't.  */
static uint32_t size_now = SIZE_FIRST, size_most = FRAME_DATA_MAX;
static int64_t began = -1; /* writing the last one; -1: it is written */
static uint64_t end;       /* output_written when it will be */

static bool credit_ended;

static void
enqueue (struct outlet *outlet)
{
  if (outlet->queued || !outlet->ready || (outlet->credit == 0 && !credit_ended))
    return;
  outlet->queued = true;
  outlet->previous = last;
  outlet->next = NULL;
  if (last == NULL)
    first = outlet;
  else
    last->next = outlet;
  last = outlet;
}

static void
dequeue (struct outlet *outlet)
{
  if (!outlet->queued)
    return;
  outlet->queued = false;
  if (outlet->previous == NULL)
    first = outlet->next;
  else
    outlet->previous->next = outlet->next;
  if (outlet->next == NULL)
    last = outlet->previous;
  else
    outlet->next->previous = outlet->previous;
}

void
outlet_open (struct outlet *outlet, long (*produce) (void *context, char *buffer, size_t size),
             void *context)
{
  outlet->exists = outlet->open = true;
  outlet->credit = FRAME_WINDOW_INITIAL;
  outlet->produce = produce;
  outlet->context = context;
}

void
outlet_ready (struct outlet *outlet)
{
  if (!outlet->open)
    return;
  outlet->ready = true;
  enqueue (outlet);
}

bool
outlet_credit (struct outlet *outlet, uint32_t credit)
{
  if (!outlet->open)
    return true;
  if (credit > CREDIT_MAX - outlet->credit)
    return false;
  outlet->credit += credit;
  enqueue (outlet);
  return true;
}

void
outlet_close (struct outlet *outlet)
{
  dequeue (outlet);
  outlet->open = outlet->ready = false;
}

void
outlet_end (struct outlet *outlet)
{
  struct packet packet = { .id = PACKET_EOF };
  if (!outlet->open)
    return;
  outlet_close (outlet);
  packet.eof.stream = outlet->stream;
  channel_send_packet (outlet->channel, &packet);
}

void
outlet_limit_size (uint32_t size)
{
  size_most = size;
  if (size_now > size)
    size_now = size;
}

/* If the last Data is written now: how long that took says how large the next may be.  */
static void
adapt_size (void)
{
  if (began < 0 || output_written () < end)
    return;
  int64_t took = loop_now () - began;
  began = -1;
  if (took > SLOW)
    size_now = size_now / 2 > SIZE_LEAST ? size_now / 2 : SIZE_LEAST;
  else if (took < QUICK)
    size_now = size_now * 2;
  if (size_now > size_most)
    size_now = size_most;
}

static void
send_data (struct outlet *outlet, char *buffer, uint32_t size)
{
  outlet->credit -= size;
  frame_data_header (buffer, outlet->channel, outlet->stream, size);
  debug_frame ('>', outlet->channel, PACKET_DATA);
  if (size <= SMALL)
    {
      output_bytes (buffer, FRAME_DATA_HEADER + size);
      return;
    }
  output_flush ();
  began = loop_now ();
  end = output_written () + output_pending () + FRAME_DATA_HEADER + size;
  if (output_pending () > 0)
    output_bytes (buffer, FRAME_DATA_HEADER + size);
  else
    output_borrowed (buffer, FRAME_DATA_HEADER + size);
  adapt_size ();
}

/* Whether another Data may be made: the client takes what it is sent, as far as is known, and
   little waits.  Of what was borrowed nothing is left then: only a stuck output leaves any.  */
static bool
may_send (void)
{
  if (output_pending () > SMALL || output_is_stuck ())
    output_flush ();
  return output_pending () <= SMALL && !output_is_stuck ();
}

/* The first in the queue has its turn.  */
static void
send_one (void)
{
  static char buffer[FRAME_DATA_HEADER + FRAME_DATA_MAX];
  struct outlet *outlet = first;
  dequeue (outlet);
  bool dropped = outlet->credit == 0;
  uint32_t size = size_now < outlet->credit || dropped ? size_now : outlet->credit;
  outlet->ready = false;
  long got = outlet->produce (outlet->context, buffer + FRAME_DATA_HEADER, size);
  if (got == OUTLET_GONE)
    return;
  if (got != OUTLET_LATER)
    outlet->ready = true;
  if (got > 0 && !dropped)
    send_data (outlet, buffer, (uint32_t) got);
  if (got > 0 && outlet->credit == 0 && !credit_ended)
    {
      got = outlet->produce (outlet->context, NULL, 0);
      if (got == OUTLET_GONE)
        return;
      outlet->ready = got != OUTLET_LATER;
    }
  enqueue (outlet);
}

void
outlet_end_credit (void)
{
  credit_ended = true;
}

void
outlet_send_all (void)
{
  if (output_is_stuck ())
    output_flush ();
  adapt_size ();
  for (int turn = 0; turn < TURNS && first != NULL && may_send (); turn++)
    send_one ();
}

bool
outlet_waiting (void)
{
  return first != NULL;
}
