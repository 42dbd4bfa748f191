/* What keeps a session from blocking:

   - What comes is always taken.  session_receive never refuses bytes, and an owner that has no use
     for them yet keeps them: at most what its streams' windows allow.
   - Nobody waits for another channel.  Each stream has a window of its own; who has none left is
     not asked for input, and the others are.  Credit goes out as control packets.
   - Control packets never wait for windows, and for no more than the one Data that is being sent.
   - A channel that its owner has abandoned goes on consuming what comes, so that the far side can
     always come to its final packet.
   - What waits for its turn needs nothing but that others end.

   Others do end: channels that may last for ever never have all the places (PLACES_KEPT).

   What holds of numbers: a channel gets its number when its request is sent, so numbers only grow
   on the wire; 0 means not sent yet.  The far side's credit for stream N is streams[N].credit: what
   it may still send; bytes it sends beyond that are an error.  */

#include "core/session.h"

#include "core/banner.h"
#include "core/buffer.h"
#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  BUCKETS = 1024,
  CHANNELS_DEFAULT = 1024, /* that a server takes which doesn't say */
  PLACES_KEPT = 16,        /* for short requests */
  NUMBERS_KEPT = 1 << 24,  /* for what waits when they come to their end */
  CONTROL_MAX = 1 << 20,   /* bytes that wait, behind which nothing comes that could be left out */
  WINDOW_MAX = 4 << 20,    /* bytes that one stream's window grows to, and all of them together */
  CREDIT_PARTS = 8,        /* of a window: each is given back as soon as it is consumed */
  DATA_MIN = 4 << 10,      /* bytes of a Data on a slow link */
  TOO_SLOW = 50,           /* milliseconds that one Data may take */
  FAST = 10,               /* milliseconds: where one takes less the next may be larger */
};

struct stream
{
  uint32_t window; /* bytes: how much may be under way at most */
  uint32_t credit; /* bytes that the other end may still send, or that we may */
  uint32_t used;   /* consumed, and no credit given for it yet */
  uint32_t passed; /* consumed since it was last seen whether the window is large enough */
  bool ended;
};

struct session_channel
{
  struct session *session;
  const struct session_kind *kind;
  void *owner; /* NULL: abandoned */
  enum session_class class;
  uint32_t number;                      /* 0: its request waits */
  struct session_channel *next;         /* in its bucket; or in the queue of those that wait */
  struct session_channel *previous;     /* in that queue */
  uint64_t turn;                        /* its place among all that have waited */
  struct session_channel *next_sending; /* round the channels that have input */
  bool sending;
  bool secret; /* its input */
  bool begun;  /* Started or FileInfo has come, and so what follows may */
  struct stream streams[FRAME_STREAM_COUNT];
  uint32_t grown; /* bytes by which its windows have, that count in the session's */

  struct buffer request; /* its frames, until they are sent */
  enum packet_id request_id;
};

/* Channels that wait, in turn.  */
struct queue
{
  struct session_channel *first, *last;
};

/* The Data being sent.  */
struct outgoing
{
  struct session_channel *channel; /* NULL: it is gone */
  char header[FRAME_DATA_HEADER];
  const char *data; /* scratch, or borrowed */
  size_t size;      /* of it; 0: there is none */
  size_t sent;      /* of the header and it */
};

struct session
{
  const struct session_hooks *hooks;
  void *context;
  char *nonce; /* owned */
  uint32_t lease;
  bool open;
  bool held; /* no request is sent yet */
  bool no_memory;
  struct banner banner;

  struct frame_decoder decoder;
  struct session_channel *buckets[BUCKETS];
  struct queue waiting[2]; /* short requests; all others */
  uint64_t last_turn;
  uint32_t last_number;
  unsigned limit;   /* channels that may be open */
  unsigned count;   /* that are */
  unsigned lasting; /* of them */
  uint32_t windows; /* bytes by which windows have grown, together */

  struct buffer control; /* that waits to be sent */
  struct session_channel *first_sending, *last_sending;
  struct outgoing outgoing;
  bool data_first;        /* in the pieces given last: it was begun before */
  size_t control_offered; /* in the pieces given last */
  size_t data_size;       /* bytes of one Data */
  int64_t data_time;      /* milliseconds that this one has taken */
  char *scratch;          /* owned: FRAME_DATA_MAX bytes; NULL: there was no Data to send yet */
};

/* ---- making and freeing ---- */

struct session *
session_new (const char *nonce, uint32_t lease, const struct session_hooks *hooks, void *context)
{
  struct session *session = calloc (1, sizeof *session);
  if (session == NULL)
    return NULL;
  session->nonce = strdup (nonce);
  if (session->nonce == NULL)
    {
      free (session);
      return NULL;
    }
  session->banner.nonce = session->nonce;
  session->lease = lease;
  session->hooks = hooks;
  session->context = context;
  session->limit = CHANNELS_DEFAULT;
  session->data_size = FRAME_DATA_MAX;
  frame_decoder_init (&session->decoder, PACKET_FROM_SERVER);
  return session;
}

static void
free_channel (struct session_channel *channel)
{
  buffer_free (&channel->request);
  free (channel);
}

void
session_free (struct session *session)
{
  if (session == NULL)
    return;
  for (int i = 0; i < BUCKETS; i++)
    for (struct session_channel *channel = session->buckets[i], *next; channel != NULL;
         channel = next)
      {
        next = channel->next;
        free_channel (channel);
      }
  for (int i = 0; i < 2; i++)
    for (struct session_channel *channel = session->waiting[i].first, *next; channel != NULL;
         channel = next)
      {
        next = channel->next;
        free_channel (channel);
      }
  frame_decoder_free (&session->decoder);
  buffer_free (&session->control);
  free (session->scratch);
  free (session->nonce);
  free (session);
}

bool
session_is_open (const struct session *session)
{
  return session->open;
}

bool
session_no_memory (const struct session *session)
{
  return session->no_memory;
}

const char *
session_noise (const struct session *session, size_t *size)
{
  *size = session->banner.noise_size;
  return session->banner.noise;
}

void
session_forget_noise (struct session *session)
{
  banner_forget_noise (&session->banner);
}

const char *
session_version (const struct session *session)
{
  return session->banner.version;
}

bool
session_serves_asking (const struct session *session)
{
  return session->banner.asking;
}

bool
session_is_unremoved (const struct session *session)
{
  return session->banner.unremoved;
}

/* ---- control output ---- */

/* Without memory the connection can't be kept: who sends next will see it.  */
static void
append (struct session *session, struct buffer *buffer, const char *data, size_t size)
{
  if (!buffer_add (buffer, data, size))
    session->no_memory = true;
}

static void
emit (void *context, const char *data, uint64_t size)
{
  struct session *session = context;
  append (session, &session->control, data, (size_t) size);
}

static void
log_packet (struct session *session, char direction, uint32_t channel, enum packet_id id)
{
  if (session->hooks->log != NULL)
    session->hooks->log (session->context, direction, channel, packet_name (id));
}

/* PACKET is one of a few bytes.  */
static void
send_control (struct session *session, uint32_t channel, const struct packet *packet)
{
  log_packet (session, '>', channel, packet->id);
  frame_encode (channel, packet, emit, session);
}

void
session_check_alive (struct session *session)
{
  send_control (session, 0, &(struct packet){ .id = PACKET_CHECK_ALIVE });
}

void
session_exit (struct session *session)
{
  if (session->open)
    send_control (session, 0, &(struct packet){ .id = PACKET_EXIT });
}

static void
send_hello (struct session *session)
{
  struct packet packet = { .id = PACKET_HELLO };
  packet.hello.lease = session->lease;
  send_control (session, 0, &packet);
}

/* ---- channels ---- */

static struct session_channel **
bucket_of (struct session *session, uint32_t number)
{
  return &session->buckets[number % BUCKETS];
}

static struct session_channel *
find_channel (struct session *session, uint32_t number)
{
  struct session_channel *channel = *bucket_of (session, number);
  while (channel != NULL && channel->number != number)
    channel = channel->next;
  return channel;
}

static bool
may_start (const struct session *session, enum session_class class)
{
  unsigned kept = class == SESSION_SHORT || session->limit <= 2 * PLACES_KEPT ? 0 : PLACES_KEPT;
  return session->open && !session->held && session->count < session->limit
         && (class == SESSION_SHORT || session->lasting + kept < session->limit);
}

/* Write the channel's number into each of the frames that have waited.  */
static void
number_frames (struct session_channel *channel)
{
  struct buffer *request = &channel->request;
  for (size_t i = request->start; i < request->end;)
    {
      const unsigned char *frame = (const unsigned char *) request->data + i;
      size_t length = (size_t) frame[0] << 24 | (size_t) frame[1] << 16 | (size_t) frame[2] << 8
                      | (size_t) frame[3];
      for (int j = 0; j < 4; j++)
        request->data[i + 4 + (size_t) j] =
            (char) (unsigned char) (channel->number >> (8 * (3 - j)));
      i += 4 + length;
    }
}

/* Its request goes out.  */
static void
start_channel (struct session_channel *channel)
{
  struct session *session = channel->session;
  channel->number = ++session->last_number;
  number_frames (channel);
  log_packet (session, '>', channel->number, channel->request_id);
  append (session, &session->control, buffer_bytes (&channel->request),
          buffer_size (&channel->request));
  buffer_free (&channel->request);
  channel->next = *bucket_of (session, channel->number);
  *bucket_of (session, channel->number) = channel;
  session->count++;
  if (channel->class != SESSION_SHORT)
    session->lasting++;
  if (channel->kind->input != NULL)
    session_has_input (channel);
}

/* ---- waiting ---- */

static struct queue *
queue_of (struct session_channel *channel)
{
  return &channel->session->waiting[channel->class == SESSION_SHORT ? 0 : 1];
}

static void
join_queue (struct session_channel *channel)
{
  struct queue *queue = queue_of (channel);
  channel->turn = ++channel->session->last_turn;
  channel->next = NULL;
  channel->previous = queue->last;
  if (queue->last == NULL)
    queue->first = channel;
  else
    queue->last->next = channel;
  queue->last = channel;
}

static void
leave_queue (struct session_channel *channel)
{
  struct queue *queue = queue_of (channel);
  if (channel->previous == NULL)
    queue->first = channel->next;
  else
    channel->previous->next = channel->next;
  if (channel->next == NULL)
    queue->last = channel->previous;
  else
    channel->next->previous = channel->previous;
}

/* Of two, either NULL, the one that has waited longer.  */
static struct session_channel *
earlier (struct session_channel *a, struct session_channel *b)
{
  return b == NULL || (a != NULL && a->turn < b->turn) ? a : b;
}

static struct session_channel *
first_waiting (const struct session *session)
{
  return earlier (session->waiting[0].first, session->waiting[1].first);
}

/* The first that may start: all in turn, but for lasting ones that no place is left for.  */
static struct session_channel *
next_to_start (const struct session *session)
{
  struct session_channel *able[2];
  for (int i = 0; i < 2; i++)
    {
      struct session_channel *first = session->waiting[i].first;
      able[i] = first != NULL && may_start (session, first->class) ? first : NULL;
    }
  return earlier (able[0], able[1]);
}

static void
start_waiting (struct session *session)
{
  struct session_channel *channel;
  while ((channel = next_to_start (session)) != NULL)
    {
      leave_queue (channel);
      start_channel (channel);
    }
}

/* Keep the frame of a request that waits.  */
static void
keep_request (void *context, const char *data, uint64_t size)
{
  struct session_channel *channel = context;
  append (channel->session, &channel->request, data, (size_t) size);
}

static void
send_packet (struct session_channel *channel, const struct packet *packet)
{
  if (channel->number != 0)
    send_control (channel->session, channel->number, packet);
  else
    frame_encode (0, packet, keep_request, channel);
}

bool
session_send (struct session_channel *channel, const struct packet *packet)
{
  size_t waiting =
      buffer_size (channel->number != 0 ? &channel->session->control : &channel->request);
  if (waiting > CONTROL_MAX)
    return false;
  if (packet->id == PACKET_KEYS)
    channel->session->control.secret = channel->request.secret = true;
  send_packet (channel, packet);
  return true;
}

void
session_hold (struct session *session)
{
  session->held = true;
}

void
session_release (struct session *session)
{
  session->held = false;
  start_waiting (session);
}

static int
fail_too_large (const struct packet *packet, struct lr_error *error)
{
  const struct packet_field *field = packet_oversized_field (packet, &packet_frame_limits);
  const char *name = field == NULL ? "command" : field->name;
  return error_set_field (error, name, "%s is larger than the protocol carries", name);
}

struct session_channel *
session_open (struct session *session, const struct session_kind *kind, void *owner,
              enum session_class class, const struct packet *packet, struct lr_error *error)
{
  /* A place that has just got free is that of who waits.  */
  if (class == SESSION_IMMEDIATE && session->open && !session->held
      && (!may_start (session, class) || first_waiting (session) != NULL))
    {
      error_set_errno (error, LR_ERROR_REMOTE_OS, EAGAIN,
                       "%u requests are under way on this connection, which is as many as it takes",
                       session->count);
      return NULL;
    }
  if (session->last_number > UINT32_MAX - NUMBERS_KEPT)
    {
      error_set (error, LR_ERROR_IO, "this connection has no numbers left for requests");
      return NULL;
    }
  struct session_channel *channel = calloc (1, sizeof *channel);
  if (channel == NULL)
    {
      error_no_memory (error);
      return NULL;
    }
  *channel = (struct session_channel){
    .session = session, .kind = kind, .owner = owner, .class = class, .request_id = packet->id
  };
  for (int i = 0; i < FRAME_STREAM_COUNT; i++)
    channel->streams[i].window = channel->streams[i].credit = FRAME_WINDOW_INITIAL;
  bool fits = frame_encode (0, packet, keep_request, channel);
  if (!fits || session->no_memory)
    {
      if (fits)
        error_no_memory (error);
      else
        fail_too_large (packet, error);
      free_channel (channel);
      return NULL;
    }
  join_queue (channel);
  start_waiting (session);
  return channel;
}

void
session_keep_secret (struct session_channel *channel)
{
  channel->secret = true;
}

static void
stop_sending (struct session_channel *channel)
{
  struct session *session = channel->session;
  struct session_channel *before = NULL;
  if (session->outgoing.channel == channel)
    {
      /* What is left of this Data has to be sent all the same.  */
      struct outgoing *outgoing = &session->outgoing;
      if (outgoing->data != session->scratch)
        memcpy (session->scratch, outgoing->data, outgoing->size);
      outgoing->data = session->scratch;
      outgoing->channel = NULL;
    }
  if (!channel->sending)
    return;
  for (struct session_channel *each = session->first_sending; each != channel;
       each = each->next_sending)
    before = each;
  if (before == NULL)
    session->first_sending = channel->next_sending;
  else
    before->next_sending = channel->next_sending;
  if (session->last_sending == channel)
    session->last_sending = before;
  channel->sending = false;
}

static void
leave_bucket (struct session_channel *channel)
{
  struct session *session = channel->session;
  struct session_channel **place = bucket_of (session, channel->number);
  while (*place != channel)
    place = &(*place)->next;
  *place = channel->next;
  session->count--;
  if (channel->class != SESSION_SHORT)
    session->lasting--;
}

static void
give_windows_back (struct session_channel *channel)
{
  channel->session->windows -= channel->grown;
  channel->grown = 0;
}

/* Its final packet has come, or it never was sent.  */
static void
remove_channel (struct session_channel *channel)
{
  if (channel->number == 0)
    leave_queue (channel);
  else
    leave_bucket (channel);
  give_windows_back (channel);
  stop_sending (channel);
  free_channel (channel);
}

void
session_abandon (struct session_channel *channel)
{
  if (channel->number == 0)
    {
      remove_channel (channel);
      return;
    }
  stop_sending (channel);
  give_windows_back (channel);
  channel->owner = NULL;
  send_packet (channel, &(struct packet){ .id = PACKET_CANCEL });
  /* What came and was not consumed has nobody left to consume it.  */
  for (uint32_t i = 1; i < FRAME_STREAM_COUNT; i++)
    {
      struct stream *stream = &channel->streams[i];
      session_consume (channel, i, stream->window - stream->credit - stream->used);
    }
}

static void
fail_channel (struct session_channel *channel, const struct lr_error *error)
{
  const struct session_kind *kind = channel->kind;
  void *owner = channel->owner;
  remove_channel (channel);
  if (owner != NULL)
    kind->failed (owner, error);
}

void
session_fail (struct session *session, const struct lr_error *error)
{
  session->open = false;
  for (int i = 0; i < BUCKETS; i++)
    while (session->buckets[i] != NULL)
      /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it leaves its bucket before it is freed */
      fail_channel (session->buckets[i], error);
  while (first_waiting (session) != NULL)
    fail_channel (first_waiting (session), error);
}

/* ---- windows ---- */

/* The window follows what the link needs: whoever keeps up with what comes is given twice as much
   each time half of it has gone through.  */
static bool
grow_window (struct session_channel *channel, struct stream *stream)
{
  struct session *session = channel->session;
  uint32_t unread = stream->window - stream->credit - stream->used;
  if (stream->passed < stream->window / 2)
    return false;
  stream->passed = 0;
  if (channel->owner == NULL)
    return false; /* what is thrown away needs no more of it */
  if (unread > stream->window / 4 || stream->window >= WINDOW_MAX
      || session->windows + stream->window > WINDOW_MAX)
    return false;
  session->windows += stream->window;
  channel->grown += stream->window;
  stream->credit += stream->window;
  stream->window *= 2;
  return true;
}

/* Credit goes back in small parts: what is held back is missing on a long line, where all of the
   window is to be under way.  */
void
session_consume (struct session_channel *channel, uint32_t index, size_t size)
{
  struct stream *stream = &channel->streams[index];
  uint32_t before = stream->credit;
  stream->used += (uint32_t) size;
  stream->passed += (uint32_t) size;
  if (stream->ended)
    return;
  bool due = stream->used >= stream->window / CREDIT_PARTS;
  if (!grow_window (channel, stream) && !due)
    return;
  stream->credit += stream->used;
  stream->used = 0;
  struct packet packet = { .id = PACKET_WINDOW };
  packet.window.stream = index;
  packet.window.credit = stream->credit - before;
  send_packet (channel, &packet);
}

/* ---- data output ---- */

void
session_lacks_memory (struct session_channel *channel)
{
  channel->session->no_memory = true;
}

void
session_has_input (struct session_channel *channel)
{
  struct session *session = channel->session;
  const struct stream *stream = &channel->streams[FRAME_STREAM_INPUT];
  if (channel->kind->input == NULL || channel->sending || channel->number == 0 || stream->ended
      || channel->owner == NULL)
    return;
  channel->sending = true;
  channel->next_sending = NULL;
  if (session->last_sending == NULL)
    session->first_sending = channel;
  else
    session->last_sending->next_sending = channel;
  session->last_sending = channel;
}

static void
end_input (struct session_channel *channel)
{
  struct packet packet = { .id = PACKET_EOF };
  packet.eof.stream = FRAME_STREAM_INPUT;
  channel->streams[FRAME_STREAM_INPUT].ended = true;
  send_packet (channel, &packet);
}

/* Make a Data from what CHANNEL has; false: it has none now.  Asking it for input may abandon it.
 */
static bool
make_data (struct session *session, struct session_channel *channel)
{
  /* Without credit it may still have come to its end.  */
  uint32_t number = channel->number;
  struct stream *stream = &channel->streams[FRAME_STREAM_INPUT];
  size_t most = stream->credit < session->data_size ? stream->credit : session->data_size;
  const char *data = NULL;
  if (session->scratch == NULL)
    session->scratch = malloc (FRAME_DATA_MAX);
  if (session->scratch == NULL)
    {
      session->no_memory = true;
      return false;
    }
  long size = channel->kind->input (channel->owner, session->scratch, most, &data);
  if (size < 0 && channel->owner != NULL)
    end_input (channel);
  if (size <= 0)
    return false;
  stream->credit -= (uint32_t) size;
  session->outgoing = (struct outgoing){ .channel = channel, .data = data, .size = (size_t) size };
  frame_data_header (session->outgoing.header, number, FRAME_STREAM_INPUT, (uint32_t) size);
  session->data_time = 0;
  return true;
}

/* The next Data, from each channel in turn.  */
static void
choose_data (struct session *session)
{
  while (session->outgoing.size == 0 && session->first_sending != NULL)
    {
      struct session_channel *channel = session->first_sending;
      session->first_sending = channel->next_sending;
      if (session->first_sending == NULL)
        session->last_sending = NULL;
      channel->sending = false;
      if (make_data (session, channel))
        session_has_input (channel);
    }
}

int
session_output (struct session *session, struct iovec *pieces)
{
  struct outgoing *outgoing = &session->outgoing;
  const struct buffer *control = &session->control;
  int count = 0;
  if (outgoing->size == 0 && session->open)
    choose_data (session);
  session->data_first = outgoing->sent > 0;
  session->control_offered = buffer_size (control);
  for (int turn = 0; turn < 2; turn++)
    if (outgoing->size > 0 && (turn == 0) == session->data_first)
      {
        size_t header = outgoing->sent < FRAME_DATA_HEADER ? FRAME_DATA_HEADER - outgoing->sent : 0;
        size_t done = header > 0 ? 0 : outgoing->sent - FRAME_DATA_HEADER;
        if (header > 0)
          pieces[count++] = (struct iovec){ outgoing->header + FRAME_DATA_HEADER - header, header };
        pieces[count++] = (struct iovec){ (char *) outgoing->data + done, outgoing->size - done };
      }
    else if (turn == (session->data_first ? 1 : 0) && session->control_offered > 0)
      pieces[count++] = (struct iovec){ (char *) buffer_bytes (control), session->control_offered };
  return count;
}

/* A control packet should not wait long behind a Data: on a slow link they are small.  */
static void
adapt_data_size (struct session *session)
{
  if (session->data_time > TOO_SLOW && session->data_size > DATA_MIN)
    session->data_size /= 2;
  else if (session->data_time < FAST && session->data_size < FRAME_DATA_MAX)
    session->data_size *= 2;
}

static size_t
data_sent (struct session *session, size_t size)
{
  struct outgoing *outgoing = &session->outgoing;
  size_t left = outgoing->size == 0 ? 0 : FRAME_DATA_HEADER + outgoing->size - outgoing->sent;
  size_t taken = size < left ? size : left;
  outgoing->sent += taken;
  if (left > 0 && taken == left)
    {
      adapt_data_size (session);
      if (outgoing->data == session->scratch
          && (outgoing->channel == NULL || outgoing->channel->secret))
        explicit_bzero (session->scratch, outgoing->size);
      *outgoing = (struct outgoing){ .channel = NULL };
    }
  return size - taken;
}

void
session_sent (struct session *session, size_t size, int64_t milliseconds)
{
  session->data_time += milliseconds;
  if (session->data_first)
    size = data_sent (session, size);
  size_t taken = size < session->control_offered ? size : session->control_offered;
  buffer_take (&session->control, taken);
  session->control_offered -= taken;
  size -= taken;
  if (size > 0)
    data_sent (session, size);
}

/* ---- receiving ---- */

static bool
is_client_known (const struct session *session, uint32_t number)
{
  return number != 0 && number <= session->last_number;
}

static bool
take_window (struct session_channel *channel, const struct packet_window *window, char *problem,
             size_t problem_size)
{
  struct stream *stream = &channel->streams[FRAME_STREAM_INPUT];
  if (window->stream != FRAME_STREAM_INPUT || channel->kind->input == NULL)
    {
      snprintf (problem, problem_size,
                "Window came for stream %lu of channel %lu, which is not sent",
                (unsigned long) window->stream, (unsigned long) channel->number);
      return false;
    }
  if (window->credit > INT32_MAX - stream->credit)
    {
      snprintf (problem, problem_size, "Window gives channel %lu more credit than there can be",
                (unsigned long) channel->number);
      return false;
    }
  stream->credit += window->credit;
  session_has_input (channel);
  return true;
}

/* Whether Data and Eof may come on stream INDEX.  */
static bool
is_receiving (const struct session_channel *channel, uint32_t index)
{
  uint32_t last =
      channel->request_id == PACKET_SPAWN_ASKING ? FRAME_STREAM_TERMINAL : FRAME_STREAM_ERROR;
  return index != FRAME_STREAM_INPUT && index <= last && channel->kind->data != NULL
         && channel->begun && !channel->streams[index].ended;
}

static bool
take_data (struct session *session, char *problem, size_t problem_size)
{
  const struct frame_decoder *decoder = &session->decoder;
  struct session_channel *channel = find_channel (session, decoder->channel);
  if (channel == NULL || !is_receiving (channel, decoder->stream))
    {
      snprintf (problem, problem_size, "Data came on stream %lu of channel %lu, which is not open",
                (unsigned long) decoder->stream, (unsigned long) decoder->channel);
      return false;
    }
  struct stream *stream = &channel->streams[decoder->stream];
  if (decoder->data_size > stream->credit)
    {
      snprintf (problem, problem_size, "Data came on channel %lu beyond its window",
                (unsigned long) decoder->channel);
      return false;
    }
  stream->credit -= (uint32_t) decoder->data_size;
  if (channel->owner == NULL)
    session_consume (channel, decoder->stream, decoder->data_size);
  else if (decoder->data_size > 0)
    channel->kind->data (channel->owner, decoder->stream, decoder->data, decoder->data_size);
  return true;
}

static bool
take_eof (struct session_channel *channel, uint32_t index, char *problem, size_t problem_size)
{
  if (!is_receiving (channel, index))
    {
      snprintf (problem, problem_size, "Eof came on stream %lu of channel %lu, which is not open",
                (unsigned long) index, (unsigned long) channel->number);
      return false;
    }
  channel->streams[index].ended = true;
  if (channel->owner != NULL)
    channel->kind->ended (channel->owner, index);
  return true;
}

/* PACKET is for CHANNEL's owner.  */
static bool
take_answer (struct session *session, struct session_channel *channel, const struct packet *packet,
             char *problem, size_t problem_size)
{
  bool final = packet->id != PACKET_STARTED && packet->id != PACKET_EXITED
               && packet->id != PACKET_FILE_INFO && packet->id != PACKET_TREE_PLACE;
  const struct packet_field *bad = packet_field_with_nul (packet);
  const struct session_kind *kind = channel->kind;
  void *owner = channel->owner;
  if (owner != NULL && !kind->accepts (owner, packet->id))
    snprintf (problem, problem_size, "%s came on channel %lu, which it does not answer",
              packet_name (packet->id), (unsigned long) channel->number);
  else if (bad != NULL)
    snprintf (problem, problem_size, "%s: %s has a NUL byte in it", packet_name (packet->id),
              bad->name);
  else
    {
      channel->begun = true;
      if (final)
        remove_channel (channel);
      if (owner != NULL)
        kind->packet (owner, packet, final);
      if (final)
        start_waiting (session);
      return true;
    }
  return false;
}

static bool
take_packet (struct session *session, char *problem, size_t problem_size)
{
  const struct packet *packet = session->decoder.packet;
  uint32_t number = session->decoder.channel;
  struct session_channel *channel = find_channel (session, number);
  log_packet (session, '<', number, packet->id);
  if (number == 0 && packet->id == PACKET_ACK)
    return true;
  /* Credit for what has ended crosses its end.  */
  if (packet->id == PACKET_WINDOW && channel == NULL && is_client_known (session, number))
    return true;
  if (channel == NULL)
    {
      snprintf (problem, problem_size, "%s came on channel %lu, which is not open",
                packet_name (packet->id), (unsigned long) number);
      return false;
    }
  if (packet->id == PACKET_WINDOW)
    return take_window (channel, &packet->window, problem, problem_size);
  if (packet->id == PACKET_EOF)
    return take_eof (channel, packet->eof.stream, problem, problem_size);
  return take_answer (session, channel, packet, problem, problem_size);
}

bool
session_receive (struct session *session, const char *data, size_t size, char *problem,
                 size_t problem_size)
{
  bool fine = true;
  while (fine && size > 0)
    {
      size_t used = 0;
      if (!session->open)
        {
          fine = banner_take (&session->banner, data, size, &used, session->hooks->line,
                              session->context, problem, problem_size);
          session->open = session->banner.found;
          if (session->open)
            {
              if (session->banner.channels > 0)
                session->limit = session->banner.channels;
              send_hello (session);
              start_waiting (session);
              session->hooks->opened (session->context);
            }
        }
      else
        switch (frame_decode (&session->decoder, data, size, &used))
          {
          case FRAME_NEED_MORE:
            break;
          case FRAME_PACKET:
            fine = take_packet (session, problem, problem_size);
            break;
          case FRAME_DATA:
            fine = take_data (session, problem, problem_size);
            break;
          case FRAME_UNKNOWN:
            fine = false;
            snprintf (problem, problem_size, "an unknown packet came on channel %lu",
                      (unsigned long) session->decoder.channel);
            break;
          case FRAME_MALFORMED:
            fine = false;
            snprintf (problem, problem_size, "%s", frame_decoder_error (&session->decoder));
            break;
          }
      data += used;
      size -= used;
    }
  return fine;
}
