/* What keeps a session from blocking:

   - The input is read whatever is going on, but for one case: more than OUTPUT_LIMIT bytes of
     packets wait to be written.  These come of requests that were read, so a client that reads what
     it is sent is read in turn.  A client that has hung up is noticed even then.
   - Data that is received never waits for anything else: it is written at once, or kept for its
     channel, of which there can be no more than the channel's window.  So a channel whose command
     or file takes nothing holds up nobody else.
   - Data that is sent waits for its credit before it is read from where it comes.  So a client may
     leave one stream alone for ever, and the others go on, as do all other packets.
   - Credit comes back for whatever is used up, and also for what is dropped because nobody takes
     it any more.

   What still may: a look-up of a name at a directory server that hangs.

   The end (begin_end) is the same for every reason: no more requests are read, what the requests
   other than commands have begun is dropped, commands are told to end; when all have ended and
   their answers are written, or when that has taken too long, the session is over.  */

#include "dispatcher/session.h"

#include "dispatcher/channel.h"
#include "dispatcher/debug.h"
#include "dispatcher/loop.h"
#include "dispatcher/output.h"
#include "dispatcher/process.h"
#include "dispatcher/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
  BUFFER_SIZE = 128 << 10,
  OUTPUT_LIMIT = 256 << 10,
  SLICE = 10,     /* milliseconds of serving before the loop looks at everything else */
  NONCE_MAX = 64, /* characters */
  DATA_SIZE_LEAST = 1 << 10,
  SIGNAL_MAX = 64,
  ACK_AFTER = 30000,   /* milliseconds of silence */
  END_LASTS = 5500,    /* milliseconds: commands are killed after 5000 */
  WORKERS_LAST = 1000, /* milliseconds that workers get to give back what they have */
  STATUS_MALFORMED = 3,
};

static struct
{
  struct watch input, output;
  char buffer[BUFFER_SIZE]; /* read, and not decoded yet: from `used` up to `have` */
  size_t used, have;
  struct job rest; /* there is more in the buffer than could be served at one go */
  struct frame_decoder decoder;
  bool data_continues; /* the next piece of a Data is not its first */

  bool greeted;
  size_t limit;     /* of held channels */
  uint32_t highest; /* number of a channel so far */

  int64_t heard, spoke; /* when the other side, and this one, last did */
  uint64_t spoken;      /* bytes written until then */
  struct timer ack, lease;
  int64_t lease_lasts; /* milliseconds; 0: for ever */

  bool hung_up; /* though its input has not been read to its end */
  bool ending;
  bool over;         /* the end has taken too long */
  bool workers_over; /* and that of the workers */
  struct timer patience, workers_patience;
  int status;
} session;

/* ---- the end ---- */

static void lose_patience (void *context);

/* Nobody sends anything any more.  */
static void
begin_to_hurry (void)
{
  if (session.patience.set)
    return;
  process_end_all (loop_now ());
  loop_set_timer (&session.patience, loop_now () + END_LASTS, lose_patience, NULL);
}

/* They hang.  */
static void
lose_workers (void *context)
{
  (void) context;
  session.workers_over = true;
}

/* The first reason counts.  */
static void
begin_end (int status)
{
  if (session.ending)
    return;
  session.ending = true;
  session.status = status;
  loop_set_events (&session.input, WATCH_NOTHING);
  loop_remove_job (&session.rest);
  loop_clear_timer (&session.ack);
  loop_clear_timer (&session.lease);
  begin_to_hurry ();
  loop_set_timer (&session.workers_patience, loop_now () + WORKERS_LAST, lose_workers, NULL);
  /* From the last one on, for each may be answered and go.  */
  for (size_t i = channel_count (); i-- > 0;)
    request_hurry (&channel_at (i)->request);
  outlet_end_credit ();
  for (size_t i = 0; i < channel_count (); i++)
    for (size_t j = 0; j < FRAME_STREAM_COUNT; j++)
      outlet_ready (&channel_at (i)->outlets[j]);
}

static void
lose_patience (void *context)
{
  (void) context;
  begin_end (0);
  session.over = true;
}

__attribute__ ((__format__ (__printf__, 1, 2))) static void
fail (const char *format, ...)
{
  char message[1024];
  va_list arguments;
  if (session.ending)
    return;
  va_start (arguments, format);
  vsnprintf (message, sizeof message, format, arguments);
  va_end (arguments);
  dprintf (2, "longreach-dispatcher: %s\n", message);
  begin_end (STATUS_MALFORMED);
}

static void
fail_packet (const char *why)
{
  fail ("channel %lu: %s", (unsigned long) session.decoder.channel, why);
}

/* ---- the connection itself: channel 0 ---- */

static void
check_lease (void *context)
{
  (void) context;
  int64_t due = session.heard + session.lease_lasts;
  if (loop_now () >= due)
    begin_end (0);
  else
    loop_set_timer (&session.lease, due, check_lease, NULL);
}

/* A client that has vanished shows when it is written to.  One that reads slowly is there.  */
static void
check_silence (void *context)
{
  (void) context;
  if (loop_now () >= session.spoke + ACK_AFTER)
    {
      session.spoke = loop_now ();
      if (output_pending () == 0)
        channel_send_packet (0, &(struct packet){ .id = PACKET_ACK });
    }
  loop_set_timer (&session.ack, session.spoke + ACK_AFTER, check_silence, NULL);
}

static void
greet (const struct packet_hello *hello)
{
  uint32_t size = hello->data_size;
  if (session.greeted)
    {
      fail ("a second Hello came");
      return;
    }
  session.greeted = true;
  if (size == 0 || size > FRAME_DATA_MAX)
    size = FRAME_DATA_MAX;
  outlet_limit_size (size < DATA_SIZE_LEAST ? DATA_SIZE_LEAST : size);
  session.lease_lasts = (int64_t) hello->lease * 1000;
  if (session.lease_lasts > 0)
    loop_set_timer (&session.lease, session.heard + session.lease_lasts, check_lease, NULL);
}

static void
serve_connection (const struct packet *packet)
{
  if (packet->id == PACKET_HELLO)
    greet (&packet->hello);
  else if (packet->id == PACKET_CHECK_ALIVE)
    channel_send_packet (0, &(struct packet){ .id = PACKET_ACK });
  else if (packet->id == PACKET_EXIT)
    begin_end (0);
  else
    fail ("%s is not a packet for channel 0", packet_name (packet->id));
}

/* ---- requests ---- */

/* A kind of request that there is not.  What runs on the channel is ended, for the client takes it
   as answered.  */
static void
refuse_unknown (uint32_t number, const char *what)
{
  struct channel *channel = channel_find (number);
  char message[80];
  snprintf (message, sizeof message, "a session doesn't know %s", what);
  if (number == 0)
    fail ("%s is not a packet for channel 0", what);
  else if (channel != NULL)
    {
      channel->request.kind->abandon (&channel->request);
      answer_os_error (&channel->request, ENOSYS, "%s", message);
    }
  else if (number > session.highest)
    {
      session.highest = number;
      channel_refuse (number, ENOSYS, message);
    }
}

static void
open_channel (uint32_t number, const struct request_kind *kind, const struct packet *packet)
{
  if (number <= session.highest)
    {
      fail_packet ("a channel's number must be higher than those before");
      return;
    }
  session.highest = number;
  struct channel *channel = channel_begin (number, kind, packet);
  if (channel == NULL)
    channel_refuse (number, ENOMEM, "cannot serve a request");
  else if (channel_count () >= session.limit && kind->lasts != NULL && kind->lasts (packet))
    answer_os_error (&channel->request, EAGAIN,
                     "%zu requests are under way on this connection, which is the limit",
                     session.limit);
  else
    {
      request_handle (&channel->request);
      channel_settle (channel, &session.decoder);
    }
}

static void
end_input (struct channel *channel, uint32_t stream)
{
  if (stream != FRAME_STREAM_INPUT || !channel->inlet.open)
    {
      fail_packet ("Eof is for a stream that doesn't take any more");
      return;
    }
  inlet_close (&channel->inlet);
  channel->request.kind->input_end (&channel->request);
}

static void
add_credit (struct channel *channel, const struct packet_window *window)
{
  struct outlet *outlet =
      window->stream < FRAME_STREAM_COUNT ? &channel->outlets[window->stream] : NULL;
  if (outlet == NULL || !outlet->exists)
    fail_packet ("Window is for a stream on which nothing is sent");
  else if (!outlet_credit (outlet, window->credit))
    fail_packet ("Window gives more credit than can be counted");
}

static void
send_signal (struct channel *channel, uint32_t number)
{
  if (channel->request.kind->signal == NULL)
    fail_packet ("Signal is for a command");
  else if (number < 1 || number > SIGNAL_MAX)
    fail_packet ("Signal has a number that no signal has");
  else
    channel->request.kind->signal (&channel->request, (int) number);
}

/* An answer, it may be a secret one, is nowhere when it was typed: neither in the packet nor in the
   buffer, where the bytes of the reads before may lie as well.  */
static void
send_keys (struct channel *channel, const struct packet_bytes *text)
{
  if (channel->request.kind->keys == NULL)
    fail_packet ("Keys is for a command that may ask");
  else
    channel->request.kind->keys (&channel->request, text->data, (size_t) text->size);
  explicit_bzero ((char *) text->data, (size_t) text->size);
  explicit_bzero (session.buffer, session.used);
  explicit_bzero (session.buffer + session.have, BUFFER_SIZE - session.have);
}

/* A packet for a request that is under way.  */
static void
serve_open (struct channel *channel, const struct packet *packet)
{
  switch (packet->id)
    {
    case PACKET_EOF:
      end_input (channel, packet->eof.stream);
      break;
    case PACKET_WINDOW:
      add_credit (channel, &packet->window);
      break;
    case PACKET_SIGNAL:
      send_signal (channel, packet->signal.number);
      break;
    case PACKET_RESIZE:
      if (channel->request.kind->resize == NULL)
        fail_packet ("Resize is for a command");
      else
        channel->request.kind->resize (&channel->request, packet->resize.rows,
                                       packet->resize.columns);
      break;
    case PACKET_KEYS:
      send_keys (channel, &packet->keys.text);
      break;
    default:
      request_cancel (&channel->request);
      break;
    }
}

static bool
belongs_to_channel (enum packet_id id)
{
  return id == PACKET_EOF || id == PACKET_WINDOW || id == PACKET_SIGNAL || id == PACKET_RESIZE
         || id == PACKET_KEYS || id == PACKET_CANCEL;
}

static void
serve_packet (uint32_t number, const struct packet *packet)
{
  const struct request_kind *kind = request_kind_find (packet->id);
  struct channel *channel;
  debug_frame ('<', number, packet->id);
  if (!session.greeted && (number != 0 || packet->id != PACKET_HELLO))
    fail ("%s came before Hello", packet_name (packet->id));
  else if (number == 0)
    serve_connection (packet);
  else if (belongs_to_channel (packet->id))
    {
      channel = channel_find (number);
      if (channel != NULL)
        serve_open (channel, packet);
      else if (number > session.highest)
        fail_packet ("there was no request on this channel");
    }
  else if (kind == NULL)
    fail ("%s is a packet for channel 0", packet_name (packet->id));
  else if ((kind->protocols & REQUEST_SESSION) == 0)
    refuse_unknown (number, packet_name (packet->id));
  else
    open_channel (number, kind, packet);
}

/* A piece of a Data, or all of it.  */
static void
serve_data (uint32_t number, uint32_t stream, const char *data, size_t size)
{
  struct channel *channel = channel_find (number);
  if (!session.data_continues)
    debug_frame ('<', number, PACKET_DATA);
  session.data_continues = !frame_decoder_between_frames (&session.decoder);
  if (!session.greeted)
    fail ("Data came before Hello");
  else if (number == 0 || number > session.highest)
    fail_packet ("Data is for a channel on which there was no request");
  else if (channel == NULL)
    return;
  else if (stream != FRAME_STREAM_INPUT || !channel->inlet.open)
    fail_packet ("Data is for a stream that doesn't take any");
  else if (!inlet_receive (&channel->inlet, size))
    fail_packet ("more Data came than there was credit for");
  else if (size > 0)
    channel->request.kind->input (&channel->request, data, size);
}

/* ---- input ---- */

static bool
may_serve (void)
{
  return !session.ending && output_queued () < OUTPUT_LIMIT;
}

static void
serve_one (void)
{
  struct frame_decoder *decoder = &session.decoder;
  size_t used;
  enum frame_progress progress =
      frame_decode (decoder, session.buffer + session.used, session.have - session.used, &used);
  session.used += used;
  switch (progress)
    {
    case FRAME_NEED_MORE:
      break;
    case FRAME_PACKET:
      serve_packet (decoder->channel, decoder->packet);
      break;
    case FRAME_DATA:
      serve_data (decoder->channel, decoder->stream, decoder->data, decoder->data_size);
      break;
    case FRAME_UNKNOWN:
      if (session.greeted)
        refuse_unknown (decoder->channel, "this kind of packet");
      else
        fail ("an unknown packet came before Hello");
      break;
    case FRAME_MALFORMED:
      fail ("%s", frame_decoder_error (decoder));
      break;
    }
}

/* Serve what was read.  What takes long is interrupted, so that answers get written and commands
   served.  */
static bool
serve_input (void *context)
{
  (void) context;
  int64_t began = loop_now ();
  while (session.used < session.have && may_serve ())
    {
      serve_one ();
      if (session.used < session.have && loop_now () - began > SLICE)
        break;
    }
  return session.used < session.have && may_serve ();
}

/* What the input is waited for: bytes, when the buffer is empty; else that the client hangs up.  */
static short
wanted_input (void)
{
  if (session.used == session.have)
    return POLLIN;
  return session.hung_up ? WATCH_NOTHING : POLLRDHUP;
}

/* The client has closed its end; what it sent before is served.  */
static void
end_of_input (void)
{
  if (frame_decoder_between_frames (&session.decoder))
    begin_end (0);
  else
    fail ("the input ended inside a frame");
}

static void
input_ready (void *context, short events)
{
  (void) context;
  (void) events;
  if (session.input.events != POLLIN)
    {
      /* Not the time to read: it has hung up.  */
      session.hung_up = true;
      loop_set_events (&session.input, WATCH_NOTHING);
      begin_to_hurry ();
      return;
    }
  ssize_t got = read (session.input.fd, session.buffer, BUFFER_SIZE);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    {
      end_of_input ();
      return;
    }
  session.heard = loop_now ();
  session.used = 0;
  session.have = (size_t) got;
  if (serve_input (NULL))
    loop_add_job (&session.rest, serve_input, NULL);
}

/* ---- output ---- */

/* Where nobody reads any more, there is no output to wait for.  */
static bool
keep_dropping (void *context)
{
  (void) context;
  outlet_send_all ();
  return outlet_waiting ();
}

static void
lose_output (void)
{
  output_lose ();
  loop_set_events (&session.output, WATCH_NOTHING);
  begin_end (0);
}

static void
output_ready (void *context, short events)
{
  (void) context;
  if ((events & (POLLERR | POLLHUP)) != 0)
    lose_output ();
}

static void
flush (void)
{
  bool was_stuck = output_is_stuck ();
  outlet_send_all ();
  enum output_state state = output_flush ();
  if (output_written () != session.spoken)
    {
      session.spoken = output_written ();
      session.spoke = loop_now ();
      /* That a pipe has room says nothing of who reads it; that it has room again does.  */
      if (was_stuck)
        session.heard = session.spoke;
    }
  if (state == OUTPUT_BROKEN)
    fail ("%s", output_error ());
  if (state != OUTPUT_FINE && session.output.events != WATCH_NOTHING)
    lose_output ();
}

static void
ended_by_signal (int signal)
{
  begin_end (-signal);
}

/* After each round: write what can be written, and decide what is waited for.  */
static void
settle (void *context)
{
  (void) context;
  flush ();
  if (session.used < session.have && may_serve () && !session.rest.set)
    loop_add_job (&session.rest, serve_input, NULL);
  if (!session.ending)
    loop_set_events (&session.input, wanted_input ());
  if (session.output.events != WATCH_NOTHING)
    loop_set_events (&session.output, output_pending () > 0 || outlet_waiting () ? POLLOUT : 0);
  else if (outlet_waiting () && !session.rest.set)
    loop_add_job (&session.rest, keep_dropping, NULL);
  /* Only after an orderly end are answers waited for.  */
  bool answered = output_pending () == 0 || session.status != 0;
  bool done = channel_count () == 0 && answered && (worker_pending () == 0 || session.workers_over);
  if (session.ending && (done || session.over))
    loop_stop ();
}

/* ---- the start ---- */

bool
session_is_nonce (const char *text)
{
  size_t length = strlen (text);
  return length >= 1 && length <= NONCE_MAX
         && strspn (text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
                == length;
}

static void
send_banner (const struct session_banner *banner)
{
  char line[FRAME_BANNER_MAX];
  int length =
      snprintf (line, sizeof line, "LONGREACH %d %s %s channels=%zu,terminal,files,asking%s\n",
                FRAME_PROTOCOL, banner->nonce, PACKAGE_VERSION, banner->channels,
                banner->unremoved ? ",unremoved" : "");
  output_bytes (line, (size_t) length);
}

int
session_serve (const struct session_banner *banner, int input, int output)
{
  fcntl (input, F_SETFL, fcntl (input, F_GETFL) | O_NONBLOCK);
  fcntl (output, F_SETFL, fcntl (output, F_GETFL) | O_NONBLOCK);
  session.limit = banner->channels;
  session.heard = session.spoke = loop_now ();
  frame_decoder_init (&session.decoder, PACKET_FROM_CLIENT);
  output_begin (output);
  send_banner (banner);
  loop_handle_signals (process_children_changed, ended_by_signal);
  if (!loop_watch (&session.input, input, POLLIN, input_ready, NULL)
      || !loop_watch (&session.output, output, 0, output_ready, NULL))
    return 1;
  loop_set_timer (&session.ack, session.spoke + ACK_AFTER, check_silence, NULL);
  loop_run (settle, NULL);
  frame_decoder_free (&session.decoder);
  channel_free_all ();
  return session.status;
}
