/* What keeps the plain protocol from blocking: the input is always read, whatever is going on; what
   can't be served yet waits in a spool.  A request is served when the one before is answered and
   most of the answers have been taken.  So a client may send all it has before it reads.

   The input's end is an end only of the input: what came before it is served, except that commands
   are hurried (process_end_all).  A signal, or a client that has stopped listening, ends everything
   as soon as the request under way has ended.  */

#include "dispatcher/plain.h"

#include "dispatcher/debug.h"
#include "dispatcher/loop.h"
#include "dispatcher/output.h"
#include "dispatcher/process.h"
#include "dispatcher/request.h"
#include "dispatcher/spool.h"
#include "protocol/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
  BUFFER_SIZE = 128 << 10,
  OUTPUT_LIMIT = 256 << 10, /* bytes of answers that may wait before more requests are served */
  PATIENCE = 5000,          /* milliseconds */
  STATUS_MALFORMED = 3,
};

static struct
{
  struct watch input, output;
  char buffer[BUFFER_SIZE]; /* read, and not decoded yet: from `used` up to `have` */
  size_t used, have;
  struct spool backlog; /* what came after the buffer's bytes */
  bool input_ended;
  struct timer patience; /* after that, with what waits for somebody else */

  struct packet_decoder decoder;
  struct request request; /* the one under way; kind NULL: none */
  bool busy;              /* it is being handled */

  bool leaving; /* nothing more is served */
  int status;
} plain;

/* Nothing more is served; the first reason counts.  */
static void
leave (int status)
{
  if (plain.leaving)
    return;
  plain.leaving = true;
  loop_set_events (&plain.input, WATCH_NOTHING);
  plain.status = status;
}

static void
leave_malformed (const char *why)
{
  dprintf (2, "longreach-dispatcher: %s\n", why);
  leave (STATUS_MALFORMED);
}

/* ---- requests ---- */

/* Pieces without data are the next of CONTENTS.  */
static void
emit (void *context, const char *data, uint64_t size)
{
  struct contents **contents = context;
  if (data == NULL && *contents != NULL)
    output_contents ((*contents)++);
  else
    output_bytes (data, (size_t) size);
}

static void
take_answer (struct request *request, const struct packet *packet, struct contents *contents)
{
  debug_packet ('>', packet->id);
  packet_encode (packet, emit, &contents);
  request->kind = NULL;
  plain.busy = false;
}

static const struct request_front plain_front = { .answer = take_answer };

static void
begin_request (const struct packet *packet)
{
  plain.request = (struct request){ .kind = request_kind_find (packet->id),
                                    .packet = packet,
                                    .front = &plain_front };
}

static bool
begin_content (void *context, const struct packet *packet, const struct packet_field *field,
               uint64_t size)
{
  (void) context;
  (void) field;
  (void) size;
  begin_request (packet);
  plain.request.kind->begin_content (&plain.request);
  return true;
}

static bool
take_content (void *context, const char *data, size_t size)
{
  (void) context;
  plain.request.kind->content (&plain.request, data, size);
  return true;
}

/* A packet is whole.  */
static void
serve (const struct packet *packet)
{
  debug_packet ('<', packet->id);
  if (packet->id == PACKET_EXIT)
    {
      leave (0);
      return;
    }
  if (plain.request.kind == NULL)
    begin_request (packet);
  plain.busy = true;
  request_handle (&plain.request);
}

/* Give back what was kept of a packet that will never be whole.  */
static void
abandon_request (void)
{
  if (plain.request.kind != NULL && !plain.busy && plain.request.kind->abandon != NULL)
    plain.request.kind->abandon (&plain.request);
}

/* ---- input ---- */

/* Move bytes from the backlog to the empty buffer.  */
static bool
refill (void)
{
  const char *data;
  long size = spool_peek (&plain.backlog, plain.buffer, sizeof plain.buffer, &data);
  plain.used = plain.have = 0;
  if (size < 0)
    leave_malformed ("what was kept of the input can't be read back");
  if (size <= 0)
    return false;
  if (data != plain.buffer)
    memcpy (plain.buffer, data, (size_t) size);
  spool_take (&plain.backlog, (size_t) size);
  plain.have = (size_t) size;
  return true;
}

static bool
may_serve (void)
{
  return !plain.busy && !plain.leaving && output_pending () < OUTPUT_LIMIT;
}

/* Decode and serve as long as there is anything, and nothing is under way.  */
static void
serve_input (void)
{
  while (may_serve () && (plain.used < plain.have || refill ()))
    {
      size_t used;
      enum packet_progress progress =
          packet_decode (&plain.decoder, plain.buffer + plain.used, plain.have - plain.used, &used);
      plain.used += used;
      if (progress == PACKET_MALFORMED)
        leave_malformed (packet_decoder_error (&plain.decoder));
      else if (progress == PACKET_COMPLETE)
        serve (&plain.decoder.packet);
    }
  bool all_served = may_serve () && plain.used == plain.have && spool_size (&plain.backlog) == 0;
  if (!plain.input_ended || !all_served)
    return;
  if (packet_decoder_between_packets (&plain.decoder))
    leave (0);
  else
    leave_malformed ("the input ended inside a packet");
}

/* Give up the request under way if it waits for somebody else, and look again for the next.  */
static void
lose_patience (void *context)
{
  (void) context;
  if (plain.busy && plain.request.kind->waits)
    request_hurry (&plain.request);
  loop_set_timer (&plain.patience, loop_now () + PATIENCE, lose_patience, NULL);
}

static void
end_input (void)
{
  plain.input_ended = true;
  loop_set_events (&plain.input, WATCH_NOTHING);
  process_end_all (loop_now ());
  loop_set_timer (&plain.patience, loop_now () + PATIENCE, lose_patience, NULL);
}

static void
input_ready (void *context, short events)
{
  static char ahead[BUFFER_SIZE];
  (void) context;
  (void) events;
  bool direct = plain.used == plain.have && spool_size (&plain.backlog) == 0;
  char *place = direct ? plain.buffer : ahead;
  ssize_t got = read (plain.input.fd, place, BUFFER_SIZE);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    {
      end_input ();
      return;
    }
  if (direct)
    {
      plain.used = 0;
      plain.have = (size_t) got;
      return;
    }
  if (spool_append (&plain.backlog, ahead, (size_t) got) != 0)
    leave_malformed ("there is no room to keep the input");
}

/* ---- the end ---- */

/* Nobody waits for an answer any more: end what is under way, and then the dispatcher.  */
static void
hurry (int status)
{
  leave (status);
  process_end_all (loop_now ());
  if (plain.busy)
    request_hurry (&plain.request);
}

static void
ended_by_signal (int signal)
{
  hurry (-signal);
}

static void
output_ready (void *context, short events)
{
  (void) context;
  if ((events & (POLLERR | POLLHUP)) == 0)
    return; /* settle writes */
  output_lose ();
  loop_set_events (&plain.output, WATCH_NOTHING);
  hurry (0);
}

static void
flush (void)
{
  switch (output_flush ())
    {
    case OUTPUT_FINE:
      if (plain.output.events != WATCH_NOTHING)
        loop_set_events (&plain.output, output_pending () > 0 ? POLLOUT : 0);
      break;
    case OUTPUT_LOST:
      if (plain.output.events != WATCH_NOTHING)
        output_ready (NULL, POLLERR);
      break;
    case OUTPUT_BROKEN:
      if (!plain.leaving)
        dprintf (2, "longreach-dispatcher: %s\n", output_error ());
      hurry (STATUS_MALFORMED);
      break;
    }
}

/* After each round: serve what can be served, write what can be written.  */
static void
settle (void *context)
{
  (void) context;
  uint64_t before;
  do
    {
      serve_input ();
      before = output_pending ();
      flush ();
    }
  while (may_serve () && before >= OUTPUT_LIMIT);

  bool answers_wait = output_pending () > 0 && plain.status >= 0;
  if (plain.leaving && !plain.busy && (!answers_wait || output_flush () != OUTPUT_FINE))
    loop_stop ();
}

int
plain_serve (int input, int output)
{
  static const struct packet_sink sink = { begin_content, take_content, NULL };
  fcntl (input, F_SETFL, fcntl (input, F_GETFL) | O_NONBLOCK);
  fcntl (output, F_SETFL, fcntl (output, F_GETFL) | O_NONBLOCK);
  plain.backlog = SPOOL_EMPTY;
  packet_decoder_init (&plain.decoder, &packet_plain_limits, PACKET_FROM_CLIENT, &sink);
  output_begin (output);
  loop_handle_signals (process_children_changed, ended_by_signal);
  if (!loop_watch (&plain.input, input, POLLIN, input_ready, NULL)
      || !loop_watch (&plain.output, output, 0, output_ready, NULL))
    return 1;
  loop_run (settle, NULL);
  abandon_request ();
  packet_decoder_free (&plain.decoder);
  spool_free (&plain.backlog);
  return plain.status;
}
