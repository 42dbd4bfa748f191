/* The client's end of a session, with a far end made by hand: no process, no descriptor, no clock.

   What the session sends is decoded and written down as a line of text ("0 Hello, 1 Stat /a");
   what its owners are told, as another ("a:StatResult!").  The tests compare lines.  */

#include "core/session.h"

#include "core/error.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define NONCE "0123456789abcdef"
#define BANNER "LONGREACH 2 " NONCE " 0.2 channels=1024,terminal\n"

enum
{
  KIB = 1 << 10,
  WINDOW = FRAME_WINDOW_INITIAL,
  WINDOWS_GROWN = 4 << 20, /* bytes: what all windows may have grown by, together */
  CHANNELS_SEEN = 4096,    /* numbers up to which contents are counted */
};

/* ---- bytes and lines ---- */

struct bytes
{
  char *data; /* owned */
  size_t size, allocated;
};

static void
add (struct bytes *bytes, const void *data, size_t size)
{
  if (bytes->allocated - bytes->size < size)
    {
      bytes->allocated = 2 * bytes->allocated + size;
      bytes->data = realloc (bytes->data, bytes->allocated);
      cr_assert_not_null (bytes->data);
    }
  if (size > 0)
    memcpy (bytes->data + bytes->size, data, size);
  bytes->size += size;
}

static void
emit (void *context, const char *data, uint64_t size)
{
  add (context, data, (size_t) size);
}

struct line
{
  char text[64 << 10];
  size_t size;
};

__attribute__ ((__format__ (__printf__, 2, 3))) static void
write_down (struct line *line, const char *format, ...)
{
  va_list arguments;
  if (line->size > 0)
    line->size += (size_t) snprintf (line->text + line->size, 3, ", ");
  va_start (arguments, format);
  int length =
      vsnprintf (line->text + line->size, sizeof line->text - line->size, format, arguments);
  va_end (arguments);
  line->size += (size_t) length;
  cr_assert_lt (line->size, sizeof line->text - 200, "the line is full");
}

static void
clear (struct line *line)
{
  line->text[0] = '\0';
  line->size = 0;
}

/* ---- the far end ---- */

static struct
{
  struct session *session;
  struct frame_decoder decoder; /* of what the session sends */
  bool data_continues;
  uint64_t data_left; /* of the Data that is being decoded */
  struct line sent, told;
  struct bytes content; /* of all Data sent */
  uint64_t content_of[CHANNELS_SEEN];
  size_t frame_size; /* content of the last Data */
  int opened;
  char problem[256];
} far;

static void
note_opened (void *context)
{
  (void) context;
  far.opened++;
}

static const struct session_hooks hooks = { note_opened, NULL, NULL };

static void
begin_far (void)
{
  far.session = session_new (NONCE, 0, &hooks, NULL);
  cr_assert_not_null (far.session);
  frame_decoder_init (&far.decoder, PACKET_FROM_CLIENT);
}

static void
end_far (void)
{
  session_free (far.session);
  frame_decoder_free (&far.decoder);
  free (far.content.data);
}

/* Another session, with nothing in common with the last.  */
static void
restart (void)
{
  end_far ();
  memset (&far, 0, sizeof far);
  begin_far ();
}

static void
write_packet (uint32_t number, const struct packet *packet)
{
  const char *name = packet_name (packet->id);
  unsigned long channel = number;
  switch (packet->id)
    {
    case PACKET_STAT:
      write_down (&far.sent, "%lu %s %s", channel, name, packet->stat.path.data);
      break;
    case PACKET_EOF:
      write_down (&far.sent, "%lu %s %lu", channel, name, (unsigned long) packet->eof.stream);
      break;
    case PACKET_WINDOW:
      write_down (&far.sent, "%lu %s %lu %lu", channel, name, (unsigned long) packet->window.stream,
                  (unsigned long) packet->window.credit);
      break;
    case PACKET_SIGNAL:
      write_down (&far.sent, "%lu %s %lu", channel, name, (unsigned long) packet->signal.number);
      break;
    default:
      write_down (&far.sent, "%lu %s", channel, name);
      break;
    }
}

/* A Data is written down when all of it has come: its channel and size.  */
static void
take_content (void)
{
  const struct frame_decoder *decoder = &far.decoder;
  cr_assert_eq (decoder->stream, FRAME_STREAM_INPUT);
  cr_assert_lt (decoder->channel, CHANNELS_SEEN);
  if (!far.data_continues)
    far.frame_size = 0;
  far.frame_size += decoder->data_size;
  far.content_of[decoder->channel] += decoder->data_size;
  add (&far.content, decoder->data, decoder->data_size);
  far.data_continues = !frame_decoder_between_frames (decoder);
  if (!far.data_continues)
    write_down (&far.sent, "%lu Data %zu", (unsigned long) decoder->channel, far.frame_size);
}

/* Decode what was sent.  */
static void
take_sent (const char *data, size_t size)
{
  while (size > 0)
    {
      size_t used;
      enum frame_progress progress = frame_decode (&far.decoder, data, size, &used);
      cr_assert (progress == FRAME_NEED_MORE || progress == FRAME_PACKET || progress == FRAME_DATA,
                 "what was sent is malformed: %s", frame_decoder_error (&far.decoder));
      if (progress == FRAME_PACKET)
        write_packet (far.decoder.channel, far.decoder.packet);
      else if (progress == FRAME_DATA)
        take_content ();
      data += used;
      size -= used;
    }
}

/* Let the session write up to SIZE bytes, in one go, which take MILLISECONDS.  Returns how many
   there were.  */
static size_t
let_write (size_t size, int64_t milliseconds)
{
  struct iovec pieces[SESSION_PIECES];
  size_t wrote = 0;
  int count = session_output (far.session, pieces);
  cr_assert_leq (count, SESSION_PIECES);
  for (int i = 0; i < count; i++)
    {
      size_t taken = pieces[i].iov_len < size - wrote ? pieces[i].iov_len : size - wrote;
      cr_assert_gt (pieces[i].iov_len, 0);
      take_sent (pieces[i].iov_base, taken);
      wrote += taken;
    }
  if (wrote > 0)
    session_sent (far.session, wrote, milliseconds);
  return wrote;
}

/* Let it write what it has but for Data.  */
static void
let_write_control (void)
{
  struct iovec pieces[SESSION_PIECES];
  cr_assert_gt (session_output (far.session, pieces), 0);
  size_t size = pieces[0].iov_len;
  cr_assert_eq (let_write (size, 0), size);
}

/* What the session has sent since the last time.  */
static const char *
sent (void)
{
  static struct line line;
  while (let_write (SIZE_MAX, 0) > 0)
    continue;
  memcpy (line.text, far.sent.text, far.sent.size + 1);
  clear (&far.sent);
  return line.text;
}

/* What the owners were told since the last time.  */
static const char *
told (void)
{
  static struct line line;
  memcpy (line.text, far.told.text, far.told.size + 1);
  clear (&far.told);
  return line.text;
}

#define expect_sent(line) cr_expect_str_eq (sent (), line)
#define expect_told(line) cr_expect_str_eq (told (), line)

static bool
receive (const void *data, size_t size)
{
  far.problem[0] = '\0';
  return session_receive (far.session, data, size, far.problem, sizeof far.problem);
}

/* The far end says something that is fine.  */
static void
give (const void *data, size_t size)
{
  cr_assert (receive (data, size), "%s", far.problem);
}

static bool
receive_packet (uint32_t channel, const struct packet *packet)
{
  struct bytes bytes = { .data = NULL };
  cr_assert (frame_encode (channel, packet, emit, &bytes));
  bool fine = receive (bytes.data, bytes.size);
  free (bytes.data);
  return fine;
}

static void
give_packet (uint32_t channel, const struct packet *packet)
{
  cr_assert (receive_packet (channel, packet), "%s", far.problem);
}

/* A packet without fields, or with empty ones.  */
static void
answer (uint32_t channel, enum packet_id id)
{
  give_packet (channel, &(struct packet){ .id = id });
}

static void
add_data (struct bytes *bytes, uint32_t channel, uint32_t stream, size_t size)
{
  char header[FRAME_DATA_HEADER];
  char *content = calloc (1, size + 1);
  cr_assert_not_null (content);
  for (size_t i = 0; i < size; i++)
    content[i] = (char) ('a' + i % 26);
  frame_data_header (header, channel, stream, (uint32_t) size);
  add (bytes, header, sizeof header);
  add (bytes, content, size);
  free (content);
}

static bool
receive_data (uint32_t channel, uint32_t stream, size_t size)
{
  bool fine = true;
  while (fine && size > 0)
    {
      struct bytes bytes = { .data = NULL };
      size_t step = size < FRAME_DATA_MAX ? size : FRAME_DATA_MAX;
      add_data (&bytes, channel, stream, step);
      fine = receive (bytes.data, bytes.size);
      free (bytes.data);
      size -= step;
    }
  return fine;
}

static void
give_data (uint32_t channel, uint32_t stream, size_t size)
{
  cr_assert (receive_data (channel, stream, size), "%s", far.problem);
}

static struct packet
eof_of (uint32_t stream)
{
  struct packet packet = { .id = PACKET_EOF };
  packet.eof.stream = stream;
  return packet;
}

static void
give_eof (uint32_t channel, uint32_t stream)
{
  struct packet packet = eof_of (stream);
  give_packet (channel, &packet);
}

static struct packet
window_of (uint32_t stream, uint32_t credit)
{
  struct packet packet = { .id = PACKET_WINDOW };
  packet.window.stream = stream;
  packet.window.credit = credit;
  return packet;
}

static void
give_credit (uint32_t channel, uint32_t credit)
{
  struct packet packet = window_of (FRAME_STREAM_INPUT, credit);
  give_packet (channel, &packet);
}

/* Content may come on CHANNEL: nobody writes down that it may.  */
static void
begin_content (uint32_t channel)
{
  struct line before = far.told;
  answer (channel, PACKET_STARTED);
  far.told = before;
}

static void
give_banner (void)
{
  give (BANNER, strlen (BANNER));
  expect_sent ("0 Hello");
}

/* The session is open, and the far end takes as many as CHANNELS side by side.  */
static void
give_banner_with (unsigned channels)
{
  char line[128];
  snprintf (line, sizeof line, "LONGREACH 2 " NONCE " 0.2 channels=%u\n", channels);
  give (line, strlen (line));
  expect_sent ("0 Hello");
}

/* ---- owners ---- */

struct owner
{
  const char *name;
  bool refuses; /* every packet */
  bool keeps;   /* what comes is not consumed */
  uint64_t kept;
  const char *input; /* borrowed: what is left to send */
  size_t input_left;
  bool lends;                         /* the input is borrowed from it, and not copied */
  bool ends;                          /* behind the input comes its end */
  bool asks;                          /* for a Spawn: it may ask at a terminal */
  int asked;                          /* how often it was asked for input */
  void (*then) (struct owner *owner); /* what it does when it is told something */
  struct session_channel *channel;    /* NULL: gone */
  int endings;                        /* how often it was told that it is over */
};

static bool
accepts (void *context, enum packet_id id)
{
  struct owner *owner = context;
  (void) id;
  return !owner->refuses;
}

static void
act (struct owner *owner)
{
  if (owner->then != NULL)
    owner->then (owner);
}

static void
take_packet (void *context, const struct packet *packet, bool final)
{
  struct owner *owner = context;
  write_down (&far.told, "%s:%s%s", owner->name, packet_name (packet->id), final ? "!" : "");
  owner->endings += final;
  if (final)
    owner->channel = NULL;
  act (owner);
}

static void
take_data (void *context, uint32_t stream, const char *data, size_t size)
{
  struct owner *owner = context;
  char mark[64];
  (void) data;
  cr_assert_gt (size, 0);
  /* Pieces of one Data, and Data in a row, are one thing to be told.  */
  snprintf (mark, sizeof mark, "%s:data %lu", owner->name, (unsigned long) stream);
  size_t length = strlen (mark);
  if (far.told.size < length || strcmp (far.told.text + far.told.size - length, mark) != 0)
    write_down (&far.told, "%s", mark);
  if (owner->keeps)
    owner->kept += size;
  else
    session_consume (owner->channel, stream, size);
  act (owner);
}

static void
take_end (void *context, uint32_t stream)
{
  struct owner *owner = context;
  write_down (&far.told, "%s:end %lu", owner->name, (unsigned long) stream);
  act (owner);
}

static long
give_input (void *context, char *scratch, size_t size, const char **data)
{
  struct owner *owner = context;
  size_t given = owner->input_left < size ? owner->input_left : size;
  owner->asked++;
  act (owner);
  if (owner->channel == NULL)
    return 0;
  if (given == 0)
    return owner->ends && owner->input_left == 0 ? -1 : 0;
  *data = owner->input;
  if (!owner->lends)
    {
      memcpy (scratch, owner->input, given);
      *data = scratch;
    }
  owner->input += given;
  owner->input_left -= given;
  return (long) given;
}

static void
take_failure (void *context, const struct lr_error *error)
{
  struct owner *owner = context;
  owner->endings++;
  owner->channel = NULL;
  write_down (&far.told, "%s failed: %s", owner->name, error->message);
  act (owner);
}

/* Like Stat; like Read; like Write; like Spawn.  */
static const struct session_kind asking = { accepts, take_packet, NULL, NULL, NULL, take_failure };
static const struct session_kind reading = { accepts,  take_packet, take_data,
                                             take_end, NULL,        take_failure };
static const struct session_kind writing = { accepts, take_packet, NULL,
                                             NULL,    give_input,  take_failure };
static const struct session_kind running = { accepts,  take_packet, take_data,
                                             take_end, give_input,  take_failure };

static struct session_channel *
try_open (const struct session_kind *kind, struct owner *owner, enum session_class class,
          struct lr_error *error)
{
  struct packet packet = { .id = PACKET_STAT };
  packet.stat.path = packet_text (owner->name);
  if (kind == &reading)
    packet = (struct packet){ .id = PACKET_READ, .read = { .file = packet_text ("file") } };
  else if (kind == &writing)
    packet = (struct packet){ .id = PACKET_WRITE, .write = { .file = packet_text ("file") } };
  else if (kind == &running)
    packet = (struct packet){ .id = owner->asks ? PACKET_SPAWN_ASKING : PACKET_SPAWN };
  owner->channel = session_open (far.session, kind, owner, class, &packet, error);
  return owner->channel;
}

static void
open_as (const struct session_kind *kind, struct owner *owner, enum session_class class)
{
  struct lr_error error;
  cr_assert_not_null (try_open (kind, owner, class, &error), "%s", error.message);
}

/* OWNER's channel, of which nobody else is before it.  */
static void
open_channel (const struct session_kind *kind, struct owner *owner)
{
  open_as (kind, owner, kind == &asking ? SESSION_SHORT : SESSION_LASTING);
}

static void
abandon (struct owner *owner)
{
  session_abandon (owner->channel);
  owner->channel = NULL;
}

/* Bytes without a pattern that a lost or doubled one would fit into.  */
static const char *
input_of (size_t size)
{
  static char *input;
  free (input);
  input = malloc (size + 1);
  cr_assert_not_null (input);
  uint32_t value = 1;
  for (size_t i = 0; i < size; i++)
    {
      value = value * 1664525 + 1013904223;
      input[i] = (char) (unsigned char) (value >> 24);
    }
  return input;
}

static void
fail_everything (void)
{
  struct lr_error error;
  error_set (&error, LR_ERROR_IO, "it is over");
  session_fail (far.session, &error);
}

TestSuite (banner, .init = begin_far, .fini = end_far, .timeout = 20);
TestSuite (session, .init = begin_far, .fini = end_far, .timeout = 20);
TestSuite (refused, .init = begin_far, .fini = end_far, .timeout = 20);

/* ---- the banner ---- */

static const struct text
{
  const char *bytes;
  size_t size;
} noises[] = {
#define TEXT(literal)                                                                              \
  {                                                                                                \
    literal, sizeof (literal) - 1                                                                  \
  }
  TEXT (""),
  TEXT ("Welcome to web!\n"),
  TEXT ("Welcome to web! "),
  TEXT ("\r\n\r\n\n"),
  TEXT ("Last login: Sun\r\n\033[1mweb\033[0m $ "),
  TEXT ("LONGREACH"),
  TEXT ("LONGREACH LONGREACH "),
  TEXT ("LONGREACH 2 \n"),
  TEXT ("LONGREACH 2 " NONCE "\n"),
  TEXT ("LONGREACH 2 0123456789abcdee 0.2 terminal\n"),
  TEXT ("LONGREACH 1 0123456789abcdee 0.2 terminal LONGREACH 7 "),
  TEXT ("LONGREACH 3 " NONCE "0 0.2 terminal\n"),
  TEXT ("\0\0LONGREACH\0 2\n\0"),
  TEXT ("\377\376\200 nobody's language\n"),
};

Test (banner, stands_anywhere_in_noise_and_may_come_in_any_two_pieces)
{
  for (size_t i = 0; i < COUNT (noises); i++)
    {
      struct bytes bytes = { .data = NULL };
      add (&bytes, noises[i].bytes, noises[i].size);
      add (&bytes, BANNER, strlen (BANNER));
      for (size_t split = 0; split <= bytes.size; split++)
        {
          give (bytes.data, split);
          cr_expect_eq (session_is_open (far.session), split == bytes.size, "noise %zu, %zu", i,
                        split);
          give (bytes.data + split, bytes.size - split);
          cr_expect (session_is_open (far.session), "noise %zu, split at %zu", i, split);
          expect_sent ("0 Hello");
          cr_expect_eq (far.opened, 1);
          restart ();
        }
      free (bytes.data);
    }
}

Test (banner, is_found_behind_a_line_longer_than_all_that_is_kept)
{
  char *line = malloc (100000);
  memset (line, 'x', 100000);
  for (size_t size = 0; size < 100000; size += 4999)
    {
      give (line, size);
      cr_expect_not (session_is_open (far.session));
      give (BANNER, strlen (BANNER));
      cr_expect (session_is_open (far.session), "behind %zu bytes", size);
      restart ();
    }
  free (line);
}

Test (banner, is_nothing_else)
{
  static const char *const lines[] = {
    "longreach 2 " NONCE " 0.2 terminal",
    "LONGREACH  2 " NONCE " 0.2 terminal",
    "LONGREACH 2  " NONCE " 0.2 terminal",
    "LONGREACH -2 " NONCE " 0.2 terminal",
    "LONGREACH two " NONCE " 0.2 terminal",
    "LONGREACH " NONCE " 0.2 terminal",
    "LONGREACH 2 " NONCE,
    "LONGREACH 2 " NONCE "x 0.2 terminal",
    "LONGREACH 2 0123456789ABCDEF 0.2 terminal",
    "LONGREACH 2 0.2 terminal " NONCE,
    "LONGREACH 2\n" NONCE " 0.2 terminal",
  };
  for (size_t i = 0; i < COUNT (lines); i++)
    {
      give (lines[i], strlen (lines[i]));
      give ("\n", 1);
      cr_expect_not (session_is_open (far.session), "%s", lines[i]);
    }
  expect_sent ("");
  give_banner ();
}

Test (banner, of_another_protocol_is_an_error_that_names_both)
{
  static const struct
  {
    const char *line, *number;
  } rows[] = {
    { "LONGREACH 1 " NONCE " 0.2 terminal\n", "1" },
    { "LONGREACH 3 " NONCE " 0.2 terminal\n", "3" },
    { "noise LONGREACH 22 " NONCE " 0.2 terminal\n", "22" },
    { "LONGREACH 99999999999999999999999 " NONCE " 0.2\n", "65536" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char wanted[128];
      snprintf (wanted, sizeof wanted,
                "the dispatcher speaks protocol %s, and this library speaks protocol 2",
                rows[i].number);
      cr_expect_not (receive (rows[i].line, strlen (rows[i].line)));
      cr_expect_str_eq (far.problem, wanted);
      cr_expect_not (session_is_open (far.session));
      expect_sent ("");
      restart ();
    }
}

/* NOISE over and over, in pieces, up to LIMIT bytes.  Returns how much of it was taken.  */
static size_t
give_noise (const char *noise, size_t piece, size_t limit)
{
  static char data[64 << 10];
  size_t total = 0;
  size_t length = strlen (noise);
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = noise[i % length];
  while (total < limit && receive (data, piece))
    total += piece;
  return total + piece;
}

static double
seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

Test (banner, is_not_waited_for_behind_a_mebibyte_of_noise)
{
  static const char *const noises_without_end[] = { "x", "\n", "LONGREACH 2 ", "y\n" };
  for (size_t i = 0; i < COUNT (noises_without_end); i++)
    for (size_t piece = 1000; piece <= 64000; piece *= 64)
      {
        double start = seconds ();
        size_t total = give_noise (noises_without_end[i], piece, 8 << 20);
        cr_expect_gt (total, 1 << 20, "noise %zu: after %zu bytes", i, total);
        cr_expect_leq (total, (1 << 20) + piece, "noise %zu: after %zu bytes", i, total);
        cr_expect_str_eq (far.problem, "no dispatcher answers in the first 1048576 bytes");
        cr_expect_lt (seconds () - start, 2, "noise %zu took %.1f seconds", i, seconds () - start);
        restart ();
      }
}

Test (banner, leaves_what_came_before_it_to_be_quoted)
{
  size_t size;
  give ("web: no such container\n", 23);
  const char *noise = session_noise (far.session, &size);
  cr_expect_eq (size, 23);
  cr_expect_eq (memcmp (noise, "web: no such container\n", size), 0);
  give_noise ("x", 5000, 500000);
  give ("the end", 7);
  noise = session_noise (far.session, &size);
  cr_expect_geq (size, 1000);
  cr_expect_eq (memcmp (noise + size - 7, "the end", 7), 0);
}

Test (banner, says_how_many_channels_there_are)
{
  static const struct
  {
    const char *features;
    unsigned channels;
  } rows[] = {
    { "channels=1", 1 },          { "channels=3", 3 },
    { "terminal,channels=2", 2 }, { "channels=2,terminal,what=ever", 2 },
    { "xchannels=2", 1024 },      { "terminal", 1024 },
    { "channels=0", 1024 },       { "channels=", 1024 },
    { "channels=x", 1024 },       { "", 1024 },
    { "channels=5\r", 5 },
  };
  static struct owner owners[1100];
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char line[128];
      unsigned count = 0;
      snprintf (line, sizeof line, "LONGREACH 2 " NONCE " 0.2 %s\n", rows[i].features);
      give (line, strlen (line));
      for (size_t j = 0; j < COUNT (owners); j++)
        {
          owners[j] = (struct owner){ .name = "x" };
          open_channel (&asking, &owners[j]);
        }
      for (const char *at = sent (); (at = strstr (at, "Stat")) != NULL; at++)
        count++;
      cr_expect_eq (count, rows[i].channels, "%s: %u", rows[i].features, count);
      restart ();
    }
}

Test (banner, is_followed_by_frames_at_once)
{
  struct owner a = { .name = "/a" };
  struct bytes bytes = { .data = NULL };
  open_channel (&asking, &a);
  add (&bytes, BANNER, strlen (BANNER));
  frame_encode (0, &(struct packet){ .id = PACKET_ACK }, emit, &bytes);
  give (bytes.data, bytes.size);
  expect_sent ("0 Hello, 1 Stat /a");
  free (bytes.data);
}

/* ---- the start ---- */

Test (session, says_hello_first_and_then_what_has_waited)
{
  struct owner a = { .name = "/a" }, b = { .name = "/b" };
  open_channel (&asking, &a);
  open_channel (&asking, &b);
  session_exit (far.session);
  expect_sent ("");
  give (BANNER, strlen (BANNER));
  expect_sent ("0 Hello, 1 Stat /a, 2 Stat /b");
}

Test (session, asks_for_the_lease_it_was_given)
{
  struct iovec pieces[SESSION_PIECES];
  static const char hello[] = "\0\0\0\x18\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x02";
  session_free (far.session);
  far.session = session_new (NONCE, 258, &hooks, NULL);
  give (BANNER, strlen (BANNER));
  cr_assert_eq (session_output (far.session, pieces), 1);
  cr_expect_eq (pieces[0].iov_len, sizeof hello - 1);
  cr_expect_eq (memcmp (pieces[0].iov_base, hello, sizeof hello - 1), 0);
}

Test (session, asks_for_a_sign_of_life_and_for_the_end_on_channel_0)
{
  give_banner ();
  session_check_alive (far.session);
  session_exit (far.session);
  expect_sent ("0 CheckAlive, 0 Exit");
  answer (0, PACKET_ACK);
  answer (0, PACKET_ACK);
  expect_told ("");
}

Test (session, gives_each_owner_its_answer_in_any_order)
{
  struct owner a = { .name = "/a" }, b = { .name = "/b" }, c = { .name = "/c" };
  give_banner ();
  open_channel (&asking, &a);
  open_channel (&asking, &b);
  open_channel (&asking, &c);
  expect_sent ("1 Stat /a, 2 Stat /b, 3 Stat /c");
  answer (3, PACKET_STAT_RESULT);
  answer (1, PACKET_OS_ERROR);
  answer (2, PACKET_INVALID_FIELD);
  expect_told ("/c:StatResult!, /a:OSError!, /b:InvalidField!");
  expect_sent ("");
}

Test (session, tells_a_whole_process)
{
  struct owner a = { .name = "a", .input = "hello", .input_left = 5, .ends = true };
  give_banner ();
  open_channel (&running, &a);
  expect_sent ("1 Spawn, 1 Data 5, 1 Eof 0");
  answer (1, PACKET_STARTED);
  give_data (1, 1, 10);
  give_data (1, 2, 10);
  give_eof (1, 2);
  answer (1, PACKET_EXITED);
  give_eof (1, 1);
  answer (1, PACKET_CLOSED);
  expect_told ("a:Started, a:data 1, a:data 2, a:end 2, a:Exited, a:end 1, a:Closed!");
  expect_sent ("");
}

/* An answer is not held up by input that waits for credit.  */
Test (session, passes_on_what_is_asked_at_a_terminal)
{
  const struct packet keys = { .id = PACKET_KEYS, .keys.text = { "secret\n", 7, true } };
  struct owner a = {
    .name = "a", .input = input_of (300 * KIB), .input_left = 300 * KIB, .lends = true, .asks = true
  };
  give_banner ();
  open_channel (&running, &a);
  expect_sent ("1 SpawnAsking, 1 Data 131072, 1 Data 131072");
  answer (1, PACKET_STARTED);
  give_data (1, 3, 10);
  cr_expect (session_send (a.channel, &keys));
  expect_sent ("1 Keys");
  give_data (1, 1, 10);
  give_eof (1, 3);
  answer (1, PACKET_EXITED);
  give_eof (1, 1);
  give_eof (1, 2);
  answer (1, PACKET_CLOSED);
  expect_told ("a:Started, a:data 3, a:data 1, a:end 3, a:Exited, a:end 1, a:end 2, a:Closed!");
  expect_sent ("");
}

Test (session, knows_who_serves_what_asks)
{
  static const struct
  {
    const char *features;
    bool serves;
  } rows[] = { { "channels=8,terminal,files,asking", true },
               { "asking", true },
               { "channels=8,terminal,files", false },
               { "askings,xasking", false },
               { "", false } };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char line[128];
      snprintf (line, sizeof line, "LONGREACH 2 " NONCE " 0.2 %s\n", rows[i].features);
      give (line, strlen (line));
      cr_expect_eq (session_serves_asking (far.session), rows[i].serves, "%s", rows[i].features);
      restart ();
    }
}

/* What is kept for a request that waits is bounded as what waits to be written.  */
Test (session, refuses_signals_behind_too_many)
{
  const struct packet signal = { .id = PACKET_SIGNAL, .signal.number = 28 };
  for (int opened = 0; opened < 2; opened++)
    {
      struct owner a = { .name = "a" };
      size_t taken = 0;
      if (opened)
        give_banner ();
      open_channel (&running, &a);
      while (taken < 200 * KIB && session_send (a.channel, &signal))
        taken++;
      cr_expect_lt (taken, 70 * KIB, "%zu signals are taken", taken);
      cr_expect_gt (taken, 60 * KIB, "%zu signals are taken", taken);
      /* A Cancel has its place all the same.  */
      abandon (&a);
      restart ();
    }
}

/* ---- numbers and turns ---- */

Test (session, numbers_only_grow_on_the_wire)
{
  struct owner a = { .name = "/a" }, b = { .name = "/b" }, c = { .name = "/c" };
  open_channel (&asking, &a);
  open_channel (&asking, &b);
  open_channel (&asking, &c);
  abandon (&b); /* it was never sent, and so has no number */
  give (BANNER, strlen (BANNER));
  expect_sent ("0 Hello, 1 Stat /a, 2 Stat /c");
  open_channel (&asking, &b);
  expect_sent ("3 Stat /b");
  answer (2, PACKET_STAT_RESULT);
  open_channel (&asking, &c);
  expect_sent ("4 Stat /c");
}

Test (session, numbers_are_those_of_the_order_in_which_requests_are_sent)
{
  static struct owner short_ones[3] = { { .name = "/a" }, { .name = "/b" }, { .name = "/c" } };
  static struct owner long_ones[40];
  give_banner_with (40);
  for (size_t i = 0; i < COUNT (long_ones); i++)
    {
      long_ones[i] = (struct owner){ .name = "x" };
      open_channel (&reading, &long_ones[i]);
    }
  cr_expect_not_null (strstr (sent (), "24 Read"));
  /* Those that came later are sent before the long ones that wait.  */
  for (size_t i = 0; i < COUNT (short_ones); i++)
    open_channel (&asking, &short_ones[i]);
  expect_sent ("25 Stat /a, 26 Stat /b, 27 Stat /c");
  answer (1, PACKET_OK);
  expect_sent ("28 Read");
}

Test (session, short_requests_wait_in_turn_when_all_places_are_taken)
{
  static struct owner owners[5] = {
    { .name = "/a" }, { .name = "/b" }, { .name = "/c" }, { .name = "/d" }, { .name = "/e" }
  };
  give_banner_with (2);
  for (size_t i = 0; i < COUNT (owners); i++)
    open_channel (&asking, &owners[i]);
  expect_sent ("1 Stat /a, 2 Stat /b");
  answer (2, PACKET_STAT_RESULT);
  expect_sent ("3 Stat /c");
  abandon (&owners[3]);
  answer (1, PACKET_STAT_RESULT);
  expect_sent ("4 Stat /e");
  answer (3, PACKET_STAT_RESULT);
  answer (4, PACKET_STAT_RESULT);
  expect_sent ("");
}

Test (session, those_that_wait_can_leave_from_any_place)
{
  /* Which of four leave, one after the other.  */
  static const char *const rows[] = { "0", "1", "2", "3", "03", "30", "12", "3210", "0123", "312" };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      static const char *const names[] = { "/a", "/b", "/c", "/d" };
      struct owner first = { .name = "/first" }, last = { .name = "/last" }, owners[4];
      char wanted[128] = "";
      unsigned number = 1;
      give_banner_with (1);
      open_channel (&asking, &first);
      expect_sent ("1 Stat /first");
      for (size_t j = 0; j < COUNT (owners); j++)
        {
          owners[j] = (struct owner){ .name = names[j] };
          open_channel (&asking, &owners[j]);
        }
      for (const char *c = rows[i]; *c != '\0'; c++)
        abandon (&owners[*c - '0']);
      open_channel (&asking, &last);
      answer (1, PACKET_STAT_RESULT);
      for (size_t j = 0; j < COUNT (owners); j++)
        if (owners[j].channel != NULL)
          {
            snprintf (wanted, sizeof wanted, "%u Stat %s", ++number, names[j]);
            expect_sent (wanted);
            answer (number, PACKET_STAT_RESULT);
          }
      snprintf (wanted, sizeof wanted, "%u Stat /last", ++number);
      expect_sent (wanted);
      restart ();
    }
}

Test (session, channels_that_may_last_for_ever_cannot_take_all_the_places)
{
  static struct owner long_ones[40], short_ones[20];
  struct owner at_once = { .name = "now" };
  struct lr_error error;
  give_banner_with (40);
  for (size_t i = 0; i < COUNT (long_ones); i++)
    {
      long_ones[i] = (struct owner){ .name = "x" };
      open_channel (&reading, &long_ones[i]);
    }
  const char *line = sent ();
  cr_expect_not_null (strstr (line, "24 Read"));
  cr_expect_null (strstr (line, "25 Read"));
  /* One that must not wait is told so.  */
  cr_expect_null (try_open (&running, &at_once, SESSION_IMMEDIATE, &error));
  cr_expect_eq (error.kind, LR_ERROR_REMOTE_OS);
  cr_expect_eq (error.errnum, EAGAIN);
  cr_expect_str_eq (error.message,
                    "24 requests are under way on this connection, which is as many as it takes");
  /* The sixteen places that are kept.  */
  for (size_t i = 0; i < COUNT (short_ones); i++)
    {
      short_ones[i] = (struct owner){ .name = "/s" };
      open_channel (&asking, &short_ones[i]);
    }
  line = sent ();
  cr_expect_not_null (strstr (line, "40 Stat"));
  cr_expect_null (strstr (line, "41 Stat"));
  /* A short place that gets free is a short one's.  */
  answer (30, PACKET_STAT_RESULT);
  expect_sent ("41 Stat /s");
  /* One of theirs goes to the long ones again, which have waited longer.  */
  answer (7, PACKET_OK);
  expect_sent ("42 Read");
  for (uint32_t i = 31; i <= 34; i++)
    answer (i, PACKET_STAT_RESULT);
  expect_sent ("43 Stat /s, 44 Stat /s, 45 Stat /s");
}

Test (session, where_there_are_few_places_none_are_kept)
{
  static struct owner owners[40];
  give_banner_with (32);
  for (size_t i = 0; i < COUNT (owners); i++)
    {
      owners[i] = (struct owner){ .name = "x" };
      open_channel (&reading, &owners[i]);
    }
  const char *line = sent ();
  cr_expect_not_null (strstr (line, "32 Read"));
  cr_expect_null (strstr (line, "33 Read"));
}

static struct owner next_one = { .name = "next" };
static struct lr_error next_error;

static void
open_next_at_once (struct owner *owner)
{
  (void) owner;
  try_open (&running, &next_one, SESSION_IMMEDIATE, &next_error);
}

Test (session, what_must_not_wait_does_not_take_the_place_of_one_that_does)
{
  struct owner a = { .name = "/a", .then = open_next_at_once }, b = { .name = "/b" };
  give_banner_with (1);
  open_channel (&asking, &a);
  open_channel (&asking, &b);
  expect_sent ("1 Stat /a");
  answer (1, PACKET_STAT_RESULT);
  expect_sent ("2 Stat /b");
  cr_expect_null (next_one.channel);
  cr_expect_eq (next_error.errnum, EAGAIN);
}

Test (session, what_must_not_wait_waits_for_the_banner_all_the_same)
{
  struct owner a = { .name = "a" };
  open_as (&running, &a, SESSION_IMMEDIATE);
  expect_sent ("");
  give (BANNER, strlen (BANNER));
  expect_sent ("0 Hello, 1 Spawn");
}

Test (session, while_it_is_held_no_request_is_sent)
{
  struct owner a = { .name = "a" }, b = { .name = "/b" }, c = { .name = "/c" };
  session_hold (far.session);
  open_channel (&asking, &b);
  give_banner ();
  open_as (&running, &a, SESSION_IMMEDIATE);
  open_channel (&asking, &c);
  session_check_alive (far.session);
  expect_sent ("0 CheckAlive");
  session_release (far.session);
  expect_sent ("1 Stat /b, 2 Spawn, 3 Stat /c");
}

Test (session, what_is_sent_on_a_channel_that_waits_follows_its_request)
{
  struct owner a = { .name = "a" }, b = { .name = "/b" };
  struct packet signal = { .id = PACKET_SIGNAL };
  open_channel (&asking, &b);
  open_channel (&running, &a);
  signal.signal.number = 15;
  session_send (a.channel, &signal);
  signal.signal.number = 9;
  session_send (a.channel, &signal);
  give (BANNER, strlen (BANNER));
  expect_sent ("0 Hello, 1 Stat /b, 2 Spawn, 2 Signal 15, 2 Signal 9");
}

static void
open_next (struct owner *owner)
{
  (void) owner;
  open_channel (&asking, &next_one);
}

Test (session, an_owner_may_ask_again_when_it_is_answered)
{
  struct owner a = { .name = "/a", .then = open_next };
  give_banner_with (1);
  open_channel (&asking, &a);
  expect_sent ("1 Stat /a");
  answer (1, PACKET_STAT_RESULT);
  expect_sent ("2 Stat next");
  answer (2, PACKET_STAT_RESULT);
  expect_told ("/a:StatResult!, next:StatResult!");
}

Test (session, a_hundred_thousand_requests_wait_without_looking_at_each_other)
{
  enum
  {
    MANY = 100000
  };
  struct owner *owners = calloc (MANY, sizeof *owners);
  double start = seconds ();
  give_banner_with (40);
  for (size_t i = 0; i < MANY; i++)
    {
      owners[i].name = "x";
      open_channel (&reading, &owners[i]);
    }
  sent ();
  for (uint32_t i = 1; i <= MANY - 1000; i++)
    {
      answer (i, PACKET_OK);
      if (i % 24 == 0)
        sent ();
      clear (&far.told);
    }
  /* From the last one on, which is the farthest from the first.  */
  for (size_t i = MANY; i-- > MANY - 900;)
    abandon (&owners[i]);
  cr_expect_lt (seconds () - start, 8, "it took %.1f seconds", seconds () - start);
  fail_everything ();
  free (owners);
}

Test (session, a_request_that_is_too_large_is_refused_by_its_field)
{
  struct owner a = { .name = "/a" };
  struct lr_error error;
  char *path = malloc ((4 << 20) + 1);
  memset (path, 'x', 4 << 20);
  path[4 << 20] = '\0';
  give_banner ();
  a.name = path;
  cr_expect_null (try_open (&asking, &a, SESSION_SHORT, &error));
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "path");
  cr_expect_str_eq (error.message, "path is larger than the protocol carries");
  expect_sent ("");
  a.name = "/a";
  open_channel (&asking, &a);
  expect_sent ("1 Stat /a");
  free (path);
}

/* ---- sending: windows and turns ---- */

Test (session, sends_no_more_than_there_is_credit_for)
{
  size_t size = 3 * WINDOW;
  const char *input = input_of (size);
  struct owner a = { .name = "a", .input = input, .input_left = size, .ends = true };
  give_banner ();
  open_channel (&writing, &a);
  expect_sent ("1 Write, 1 Data 131072, 1 Data 131072");
  give_credit (1, 1);
  expect_sent ("1 Data 1");
  give_credit (1, 1000);
  give_credit (1, 0);
  give_credit (1, 1000);
  expect_sent ("1 Data 2000");
  give_credit (1, INT32_MAX);
  sent ();
  cr_expect_eq (far.content_of[1], size);
  cr_expect_eq (memcmp (far.content.data, input, size), 0);
}

Test (session, nobody_waits_for_another_channels_window)
{
  static struct owner a = { .name = "a", .ends = true }, b = { .name = "b", .ends = true },
                      c = { .name = "/c" };
  a.input = b.input = input_of (WINDOW + 10);
  a.input_left = b.input_left = WINDOW + 10;
  give_banner ();
  open_channel (&writing, &a);
  sent ();
  cr_expect_eq (far.content_of[1], WINDOW);
  /* The first one's is used up, and it is not even asked.  */
  a.asked = 0;
  open_channel (&writing, &b);
  open_channel (&asking, &c);
  expect_sent ("2 Write, 3 Stat /c, 2 Data 131072, 2 Data 131072");
  cr_expect_eq (a.asked, 0);
  give_credit (2, 100);
  expect_sent ("2 Data 10, 2 Eof 0");
  cr_expect_eq (a.asked, 0);
  give_credit (1, 100);
  expect_sent ("1 Data 10, 1 Eof 0");
}

Test (session, channels_with_input_take_turns)
{
  static struct owner owners[3] = { { .name = "a" }, { .name = "b" }, { .name = "c" } };
  give_banner ();
  const char *input = input_of (WINDOW);
  for (size_t i = 0; i < COUNT (owners); i++)
    {
      owners[i].input = input;
      owners[i].input_left = WINDOW;
      open_channel (&writing, &owners[i]);
    }
  expect_sent ("1 Write, 2 Write, 3 Write, 1 Data 131072, 2 Data 131072, 3 Data 131072, "
               "1 Data 131072, 2 Data 131072, 3 Data 131072");
}

Test (session, an_owner_without_input_is_asked_again_when_it_says_so)
{
  struct owner a = { .name = "a" };
  give_banner ();
  open_channel (&writing, &a);
  expect_sent ("1 Write");
  cr_expect_eq (a.asked, 1);
  expect_sent ("");
  cr_expect_eq (a.asked, 1);
  a.input = "hello";
  a.input_left = 5;
  session_has_input (a.channel);
  session_has_input (a.channel);
  expect_sent ("1 Data 5");
  a.ends = true;
  session_has_input (a.channel);
  expect_sent ("1 Eof 0");
  /* Behind the end there is nothing.  */
  a.asked = 0;
  session_has_input (a.channel);
  give_credit (1, 100);
  expect_sent ("");
  cr_expect_eq (a.asked, 0);
}

Test (session, control_packets_never_wait_for_windows)
{
  struct owner a = { .name = "a", .input = input_of (2 * WINDOW), .input_left = 2 * WINDOW };
  struct packet signal = { .id = PACKET_SIGNAL };
  give_banner ();
  open_channel (&running, &a);
  sent ();
  cr_expect_eq (far.content_of[1], WINDOW);
  signal.signal.number = 15;
  session_send (a.channel, &signal);
  session_check_alive (far.session);
  begin_content (1);
  give_data (1, 1, WINDOW / 2);
  abandon (&a);
  expect_sent ("1 Signal 15, 0 CheckAlive, 1 Window 1 393216, 1 Cancel");
}

Test (session, control_packets_wait_for_no_more_than_the_data_that_is_being_sent)
{
  /* How much of the first Data is sent when the packet comes up.  */
  static const size_t rows[] = {
    0, 1, FRAME_DATA_HEADER - 1, FRAME_DATA_HEADER, 100000, FRAME_DATA_HEADER + 131071
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct owner a = { .name = "a", .input = input_of (2 * WINDOW), .input_left = 2 * WINDOW };
      struct owner b = { .name = "/b" };
      give_banner ();
      open_channel (&writing, &a);
      let_write_control ();
      cr_expect_eq (let_write (rows[i], 0), rows[i]);
      open_channel (&asking, &b);
      session_check_alive (far.session);
      expect_sent (rows[i] == 0 ? "1 Write, 2 Stat /b, 0 CheckAlive, 1 Data 131072, 1 Data 131072"
                                : "1 Write, 1 Data 131072, 2 Stat /b, 0 CheckAlive, 1 Data 131072");
      restart ();
    }
}

Test (session, any_number_of_bytes_may_be_written_at_a_time)
{
  /* Sizes of writes; they repeat.  */
  static const size_t rows[] = { 1, 2, 3, 7, 23, 24, 25, 1000, 4096, 131071, 131096, 131097 };
  size_t size = WINDOW - 1;
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      const char *input = input_of (size);
      struct owner a = {
        .name = "a", .input = input, .input_left = size, .lends = i % 2 == 0, .ends = true
      };
      open_channel (&writing, &a);
      give (BANNER, strlen (BANNER));
      for (int turn = 0; let_write (rows[i], 0) > 0; turn++)
        if (turn % 5 == 3 && turn < 500)
          session_check_alive (far.session);
      cr_expect_eq (far.content.size, size);
      cr_expect_eq (memcmp (far.content.data, input, size), 0, "writes of %zu", rows[i]);
      cr_expect_not_null (strstr (far.sent.text, "1 Eof 0"));
      restart ();
    }
}

/* Send one Data after the other, each taking MILLISECONDS, and expect SIZES.  */
static void
expect_sizes (int64_t milliseconds, const size_t *sizes, size_t count)
{
  for (size_t i = 0; i < count; i++)
    {
      give_credit (1, FRAME_DATA_MAX);
      cr_assert_gt (let_write (SIZE_MAX, milliseconds), 0);
      cr_expect_eq (far.frame_size, sizes[i], "%zu, %lld ms: %zu and not %zu", i,
                    (long long) milliseconds, far.frame_size, sizes[i]);
    }
  clear (&far.sent);
}

Test (session, the_size_of_a_data_follows_the_time_that_one_takes)
{
  static const size_t kept[] = { 131072, 131072 };
  static const size_t halved[] = { 131072, 65536, 32768, 16384, 8192, 4096, 4096, 4096 };
  static const size_t quarter[] = { 4096, 4096, 4096 };
  static const size_t doubled[] = { 4096, 8192, 16384, 32768, 65536, 131072, 131072 };
  struct owner a = { .name = "a", .input = input_of (8 << 20), .input_left = 8 << 20 };
  give_banner ();
  open_channel (&writing, &a);
  let_write_control ();
  expect_sizes (0, kept, COUNT (kept));
  expect_sizes (30, kept, COUNT (kept));
  expect_sizes (51, halved, COUNT (halved));
  expect_sizes (50, quarter, COUNT (quarter));
  expect_sizes (10, quarter, COUNT (quarter));
  expect_sizes (9, doubled, COUNT (doubled));
}

Test (session, the_time_of_a_data_is_that_of_all_its_writes)
{
  struct owner a = { .name = "a", .input = input_of (8 << 20), .input_left = 8 << 20 };
  give_banner ();
  open_channel (&writing, &a);
  let_write_control ();
  let_write (1000, 20);
  let_write (1000, 20);
  let_write (SIZE_MAX, 20);
  cr_expect_eq (far.frame_size, 131072);
  let_write (SIZE_MAX, 20);
  cr_expect_eq (far.frame_size, 65536);
}

/* ---- receiving: windows ---- */

Test (session, what_comes_is_always_taken)
{
  static struct owner a = { .name = "a", .keeps = true }, b = { .name = "b", .keeps = true },
                      c = { .name = "/c" };
  give_banner ();
  open_channel (&running, &a);
  open_channel (&running, &b);
  open_channel (&asking, &c);
  sent ();
  /* All windows are filled, and nobody reads: whatever else comes is taken all the same.  */
  for (uint32_t channel = 1; channel <= 2; channel++)
    {
      answer (channel, PACKET_STARTED);
      give_data (channel, 1, WINDOW);
      give_data (channel, 2, WINDOW);
    }
  answer (3, PACKET_STAT_RESULT);
  answer (0, PACKET_ACK);
  give_credit (1, 100);
  give_eof (1, 1);
  answer (1, PACKET_EXITED);
  expect_sent ("");
  expect_told ("a:Started, a:data 1, a:data 2, b:Started, b:data 1, b:data 2, /c:StatResult!, "
               "a:end 1, a:Exited");
  cr_expect_eq (a.kept, 2 * WINDOW);
}

Test (session, bytes_that_are_sent_beyond_the_credit_are_an_error)
{
  for (uint32_t stream = 1; stream <= 2; stream++)
    {
      struct owner a = { .name = "a", .keeps = true };
      give_banner ();
      open_channel (&running, &a);
      begin_content (1);
      give_data (1, stream, WINDOW);
      give_data (1, 3 - stream, WINDOW);
      cr_expect_not (receive_data (1, stream, 1));
      cr_expect_str_eq (far.problem, "Data came on channel 1 beyond its window");
      restart ();
    }
}

Test (session, credit_comes_back_when_an_eighth_of_a_window_is_consumed)
{
  static struct owner a = { .name = "a", .keeps = true };
  give_banner ();
  open_channel (&running, &a);
  sent ();
  begin_content (1);
  give_data (1, 1, WINDOW);
  session_consume (a.channel, 1, WINDOW / 8 - 1);
  expect_sent ("");
  session_consume (a.channel, 1, 1);
  expect_sent ("1 Window 1 32768");
  /* More than a quarter is unread when half has gone through: no reason for a larger window.  */
  session_consume (a.channel, 1, WINDOW / 8 * 3);
  expect_sent ("1 Window 1 98304");
  give_data (1, 1, WINDOW / 2);
  cr_expect_not (receive_data (1, 1, 1));
}

Test (session, no_credit_is_given_for_a_stream_that_has_ended)
{
  static struct owner a = { .name = "a", .keeps = true };
  give_banner ();
  open_channel (&running, &a);
  sent ();
  begin_content (1);
  give_data (1, 1, WINDOW);
  give_eof (1, 1);
  session_consume (a.channel, 1, WINDOW);
  expect_sent ("");
}

/* Read the credit that was given, on streams 1, into CREDIT, by channel.  */
static void
take_credit (uint64_t *credit, size_t count)
{
  for (const char *at = sent (); at != NULL; at = strstr (at, ", "))
    {
      unsigned long channel, given;
      at += *at == ',' ? 2 : 0;
      if (sscanf (at, "%lu Window 1 %lu", &channel, &given) != 2)
        continue;
      cr_assert_lt (channel, count);
      credit[channel] += given;
    }
}

Test (session, the_window_of_who_keeps_up_grows_and_has_an_end)
{
  static struct owner a = { .name = "a" };
  uint64_t credit[2] = { 0, WINDOW }, most = 0;
  give_banner ();
  open_channel (&reading, &a);
  sent ();
  begin_content (1);
  for (int i = 0; i < 1000; i++)
    {
      give_data (1, 1, 64 * KIB);
      credit[1] -= 64 * KIB;
      take_credit (credit, COUNT (credit));
      most = credit[1] > most ? credit[1] : most;
      clear (&far.told);
    }
  cr_expect_eq (most, WINDOWS_GROWN);
}

Test (session, all_windows_together_grow_by_a_fixed_sum)
{
  enum
  {
    MANY = 60
  };
  static struct owner owners[MANY + 1];
  static uint64_t credit[2 * MANY + 1];
  give_banner ();
  /* Twice, since what the first have grown by comes back when they end.  */
  for (uint32_t first = 1; first <= MANY + 1; first += MANY)
    {
      uint64_t most = 0;
      for (uint32_t i = 0; i < MANY; i++)
        {
          owners[i] = (struct owner){ .name = "x" };
          open_channel (&reading, &owners[i]);
          begin_content (first + i);
          credit[first + i] = WINDOW;
        }
      for (int turn = 0; turn < 100; turn++)
        for (uint32_t i = 0; i < MANY; i++)
          {
            uint64_t sum = 0;
            give_data (first + i, 1, 128 * KIB);
            credit[first + i] -= 128 * KIB;
            take_credit (credit, COUNT (credit));
            clear (&far.told);
            for (uint32_t j = 0; j < MANY; j++)
              sum += credit[first + j];
            most = sum > most ? sum : most;
          }
      cr_expect_leq (most, MANY * (uint64_t) WINDOW + WINDOWS_GROWN);
      cr_expect_gt (most, MANY * (uint64_t) WINDOW + WINDOWS_GROWN / 2);
      for (uint32_t i = 0; i < MANY; i++)
        answer (first + i, PACKET_OK);
      clear (&far.told);
    }
}

/* ---- abandoning ---- */

Test (session, a_channel_that_its_owner_has_abandoned_goes_on_consuming)
{
  struct owner a = { .name = "a", .keeps = true };
  give_banner ();
  open_channel (&running, &a);
  sent ();
  answer (1, PACKET_STARTED);
  give_data (1, 1, WINDOW);
  expect_told ("a:Started, a:data 1");
  abandon (&a);
  uint64_t credit[2] = { 0, 0 };
  take_credit (credit, COUNT (credit));
  cr_expect_geq (credit[1], WINDOW);
  /* As much as the far end likes, as long as it doesn't go beyond the window.  */
  for (int i = 0; i < 100; i++)
    {
      give_data (1, 1, WINDOW / 2);
      credit[1] -= WINDOW / 2;
      take_credit (credit, COUNT (credit));
      cr_assert_geq (credit[1], WINDOW / 2);
    }
  give_eof (1, 1);
  give_eof (1, 2);
  answer (1, PACKET_EXITED);
  answer (1, PACKET_CLOSED);
  expect_told ("");
}

Test (session, abandoning_gives_credit_once_for_what_came)
{
  struct owner a = { .name = "a" };
  give_banner ();
  open_channel (&running, &a);
  sent ();
  answer (1, PACKET_STARTED);
  give_data (1, 1, 1000); /* too little to give credit for at once */
  a.keeps = true;
  give_data (1, 1, WINDOW / 2);
  expect_told ("a:Started, a:data 1");
  abandon (&a);
  uint64_t credit[2] = { 0, 0 };
  take_credit (credit, COUNT (credit));
  cr_expect_eq (credit[1], 1000 + WINDOW / 2);
}

Test (session, abandoning_cancels_and_late_packets_are_ignored)
{
  struct owner a = { .name = "a", .ends = false }, b = { .name = "/b" };
  give_banner ();
  open_channel (&running, &a);
  open_channel (&asking, &b);
  sent ();
  abandon (&a);
  abandon (&b);
  expect_sent ("1 Cancel, 2 Cancel");
  a.refuses = true; /* nobody asks it any more */
  answer (1, PACKET_STARTED);
  give_credit (1, 1000);
  give_data (1, 2, 1000);
  answer (2, PACKET_STAT_RESULT);
  answer (1, PACKET_EXITED);
  expect_told ("");
  expect_sent ("");
}

Test (session, an_abandoned_channel_is_gone_with_its_final_packet)
{
  struct owner a = { .name = "/a" }, b = { .name = "/b" };
  give_banner_with (1);
  open_channel (&asking, &a);
  open_channel (&asking, &b);
  sent ();
  abandon (&a);
  /* Its place is taken until then.  */
  expect_sent ("1 Cancel");
  answer (1, PACKET_OS_ERROR);
  expect_sent ("2 Stat /b");
  cr_expect_not (receive_packet (1, &(struct packet){ .id = PACKET_OS_ERROR }));
  cr_expect_str_eq (far.problem, "OSError came on channel 1, which is not open");
}

Test (session, what_an_abandoned_owner_has_lent_is_not_touched_any_more)
{
  static const size_t rows[] = { 0, 1, FRAME_DATA_HEADER, FRAME_DATA_HEADER + 1, 70000 };
  size_t size = FRAME_DATA_MAX;
  /* It is abandoned, or it ends, or everything fails.  */
  for (int way = 0; way < 3; way++)
    for (size_t i = 0; i < COUNT (rows); i++)
      {
        const char *input = input_of (size);
        char *lent = malloc (size);
        memcpy (lent, input, size);
        struct owner a = { .name = "a", .input = lent, .input_left = size, .lends = true };
        give_banner ();
        open_channel (&writing, &a);
        let_write_control ();
        cr_expect_eq (let_write (rows[i], 0), rows[i]);
        struct iovec pieces[SESSION_PIECES];
        session_output (far.session, pieces);
        if (way == 0)
          abandon (&a);
        else if (way == 1)
          answer (1, PACKET_OS_ERROR);
        else
          fail_everything ();
        memset (lent, '!', size);
        free (lent);
        const char *line = sent ();
        cr_expect_not_null (strstr (line, "1 Data 131072"), "%s", line);
        cr_expect_eq (far.content.size, size);
        cr_expect_eq (memcmp (far.content.data, input, size), 0, "way %d, %zu", way, rows[i]);
        restart ();
      }
}

Test (session, input_that_may_be_secret_is_wiped_when_it_is_sent)
{
  static const char nothing[100];
  for (int abandoned = 0; abandoned < 2; abandoned++)
    {
      struct iovec pieces[SESSION_PIECES];
      struct owner a = { .name = "a", .input = input_of (100), .input_left = 100 };
      give_banner ();
      open_channel (&writing, &a);
      session_keep_secret (a.channel);
      let_write_control ();
      cr_assert_eq (session_output (far.session, pieces), 2, "a header, and the input");
      const char *input = pieces[1].iov_base;
      cr_expect_eq (memcmp (input, input_of (100), 100), 0);
      if (abandoned)
        abandon (&a);
      sent ();
      cr_expect_eq (memcmp (input, nothing, 100), 0, "abandoned: %d", abandoned);
      restart ();
    }
}

static void
abandon_itself (struct owner *owner)
{
  if (owner->channel != NULL)
    abandon (owner);
}

Test (session, an_owner_may_abandon_its_channel_whatever_it_is_told)
{
  struct owner a = { .name = "a", .then = abandon_itself };
  static const char *const wanted[] = { "1 Spawn, 1 Cancel", "2 Spawn, 2 Cancel",
                                        "3 Spawn, 3 Cancel", "4 Spawn, 4 Cancel" };
  struct bytes bytes = { .data = NULL };
  give_banner ();
  for (uint32_t i = 1; i <= 4; i++)
    {
      bool asks = i == 4;
      a = (struct owner){ .name = "a", .keeps = true };
      open_channel (asks ? &running : &reading, &a);
      if (i == 2 || i == 3)
        begin_content (i);
      a.then = abandon_itself;
      if (i == 1)
        answer (i, PACKET_STARTED);
      else if (i == 2)
        {
          /* The rest of the Data it was told of has nobody left to take it.  */
          add_data (&bytes, i, 1, 1000);
          give (bytes.data, 500);
          give (bytes.data + 500, bytes.size - 500);
          free (bytes.data);
        }
      else if (i == 3)
        give_eof (i, 1);
      const char *line = sent ();
      cr_expect (strncmp (line, wanted[i - 1], 2) == 0 && strstr (line, "Cancel") != NULL, "%s",
                 line);
      cr_expect_null (a.channel);
      answer (i, PACKET_OS_ERROR);
    }
  expect_told ("a:Started, a:data 1, a:end 1");
}

/* ---- the end ---- */

Test (session, failing_tells_each_owner_once)
{
  static struct owner owners[1500];
  give_banner ();
  for (size_t i = 0; i < COUNT (owners); i++)
    {
      owners[i] = (struct owner){ .name = "x" };
      open_channel (i % 2 == 0 ? &asking : &running, &owners[i]);
    }
  sent ();
  answer (3, PACKET_STAT_RESULT);
  abandon (&owners[6]);
  abandon (&owners[1400]); /* which waits */
  clear (&far.told);
  fail_everything ();
  const char *line = told ();
  cr_expect_eq (strncmp (line, "x failed: it is over, x failed", 30), 0);
  for (size_t i = 0; i < COUNT (owners); i++)
    cr_expect_eq (owners[i].endings, i == 6 || i == 1400 ? 0 : 1, "%zu: %d", i, owners[i].endings);
  fail_everything ();
  expect_told ("");
  cr_expect_not (session_is_open (far.session));
}

Test (session, failing_before_the_banner_tells_who_waits)
{
  struct owner a = { .name = "/a" }, b = { .name = "/b" };
  open_channel (&asking, &a);
  open_channel (&asking, &b);
  fail_everything ();
  expect_told ("/a failed: it is over, /b failed: it is over");
  expect_sent ("");
}

/* ---- what is refused ---- */

/* A far end's fault: behind a banner, and with four channels open, of each kind one.  */
struct fault
{
  const char *name;
  struct text bytes;
  const char *problem;
};

#define LENGTH(size) "\0\0\0" size
#define FRAME(size, channel, id) LENGTH (size) "\0\0\0" channel "\0\0" id
#define STRING(size) "\0\0\0\0\0\0\0" size

static const struct fault faults[] = {
  { "text", TEXT ("Welcome to web!\n"),
    "a frame of 1466264675 bytes is longer than the 4194308 that are allowed" },
  { "no length", TEXT (LENGTH ("\0") "\0\0\0\0\0\0\0\0"),
    "a frame of 0 bytes has no room for a packet" },
  { "a length of 7", TEXT (LENGTH ("\7") "\0\0\0\0\0\0\0\0"),
    "a frame of 7 bytes has no room for a packet" },
  { "too long", TEXT ("\0\x40\0\5\0\0\0\0\0\0\0\0"),
    "a frame of 4194309 bytes is longer than the 4194308 that are allowed" },
  { "an unknown packet", TEXT (FRAME ("\x8", "\1", "\0\x7f")),
    "an unknown packet came on channel 1" },
  { "an unknown packet with content", TEXT (FRAME ("\xa", "\0", "\2\0") "xy"),
    "an unknown packet came on channel 0" },
  { "a request", TEXT (FRAME ("\x8", "\1", "\0\2")),
    "CheckAlive is not a packet for this end to receive" },
  { "Hello", TEXT (FRAME ("\x18", "\0", "\1\0") STRING ("\0") "\0\0\0\0\0\0\0\0"),
    "Hello is not a packet for this end to receive" },
  { "Cancel", TEXT (FRAME ("\x8", "\1", "\1\4")),
    "Cancel is not a packet for this end to receive" },
  { "an answer on channel 0", TEXT (FRAME ("\x8", "\0", "\0\0")),
    "Ok came on channel 0, which is not open" },
  { "an answer on a channel that never was", TEXT (FRAME ("\x8", "\x9", "\0\1")),
    "Ack came on channel 9, which is not open" },
  { "Closed on a channel that never was", TEXT (FRAME ("\x8", "\x9", "\1\x8")),
    "Closed came on channel 9, which is not open" },
  { "Window on a channel that never was", TEXT (FRAME ("\x10", "\x9", "\1\3") "\0\0\0\0\0\0\0\1"),
    "Window came on channel 9, which is not open" },
  { "Window on channel 0", TEXT (FRAME ("\x10", "\0", "\1\3") "\0\0\0\0\0\0\0\1"),
    "Window came on channel 0, which is not open" },
  { "Eof on channel 0", TEXT (FRAME ("\xc", "\0", "\1\2") "\0\0\0\1"),
    "Eof came on channel 0, which is not open" },
  { "Data on a channel that never was",
    TEXT (FRAME ("\x15", "\x9", "\1\1") "\0\0\0\1" STRING ("\1") "x"),
    "Data came on stream 1 of channel 9, which is not open" },
  { "Data on channel 0", TEXT (FRAME ("\x14", "\0", "\1\1") "\0\0\0\1" STRING ("\0")),
    "Data came on stream 1 of channel 0, which is not open" },
  { "Data for an answer", TEXT (FRAME ("\x15", "\1", "\1\1") "\0\0\0\1" STRING ("\1") "x"),
    "Data came on stream 1 of channel 1, which is not open" },
  { "Data for who only sends", TEXT (FRAME ("\x15", "\3", "\1\1") "\0\0\0\2" STRING ("\1") "x"),
    "Data came on stream 2 of channel 3, which is not open" },
  { "Data on the input", TEXT (FRAME ("\x15", "\4", "\1\1") "\0\0\0\0" STRING ("\1") "x"),
    "Data came on stream 0 of channel 4, which is not open" },
  { "Data on a stream that there is not",
    TEXT (FRAME ("\x15", "\4", "\1\1") "\0\0\0\4" STRING ("\1") "x"),
    "Data is for stream 4, which there is not" },
  { "Data of a terminal that was not asked for",
    TEXT (FRAME ("\x15", "\4", "\1\1") "\0\0\0\3" STRING ("\1") "x"),
    "Data came on stream 3 of channel 4, which is not open" },
  { "Data with another length than its frame",
    TEXT (FRAME ("\x15", "\4", "\1\1") "\0\0\0\1" STRING ("\2") "x"),
    "Data has 2 bytes, and its frame has room for 1" },
  { "Data that is too long", TEXT ("\0\2\0\x15\0\0\0\4\0\0\1\1\0\0\0\1\0\0\0\0\0\2\0\1"),
    "Data has 131073 bytes, and the limit is 131072" },
  { "Eof for an answer", TEXT (FRAME ("\xc", "\1", "\1\2") "\0\0\0\1"),
    "Eof came on stream 1 of channel 1, which is not open" },
  { "Eof for who only sends", TEXT (FRAME ("\xc", "\3", "\1\2") "\0\0\0\1"),
    "Eof came on stream 1 of channel 3, which is not open" },
  { "Eof of the input", TEXT (FRAME ("\xc", "\4", "\1\2") "\0\0\0\0"),
    "Eof came on stream 0 of channel 4, which is not open" },
  { "Eof of a stream that there is not", TEXT (FRAME ("\xc", "\4", "\1\2") "\0\0\0\3"),
    "Eof came on stream 3 of channel 4, which is not open" },
  { "Data before FileInfo", TEXT (FRAME ("\x15", "\2", "\1\1") "\0\0\0\1" STRING ("\1") "x"),
    "Data came on stream 1 of channel 2, which is not open" },
  { "Eof before FileInfo", TEXT (FRAME ("\xc", "\2", "\1\2") "\0\0\0\1"),
    "Eof came on stream 1 of channel 2, which is not open" },
  { "a second Eof",
    TEXT (FRAME ("\xc", "\4", "\1\2") "\0\0\0\1" FRAME ("\xc", "\4", "\1\2") "\0\0\0\1"),
    "Eof came on stream 1 of channel 4, which is not open" },
  { "Data behind Eof",
    TEXT (FRAME ("\xc", "\4", "\1\2") "\0\0\0\1" FRAME ("\x15", "\4",
                                                        "\1\1") "\0\0\0\1" STRING ("\1") "x"),
    "Data came on stream 1 of channel 4, which is not open" },
  { "no Data behind Eof",
    TEXT (FRAME ("\xc", "\4", "\1\2") "\0\0\0\1" FRAME ("\x14", "\4",
                                                        "\1\1") "\0\0\0\1" STRING ("\0")),
    "Data came on stream 1 of channel 4, which is not open" },
  { "Window for an answer", TEXT (FRAME ("\x10", "\1", "\1\3") "\0\0\0\0\0\0\0\1"),
    "Window came for stream 0 of channel 1, which is not sent" },
  { "Window for who only reads", TEXT (FRAME ("\x10", "\2", "\1\3") "\0\0\0\0\0\0\0\1"),
    "Window came for stream 0 of channel 2, which is not sent" },
  { "Window for an output", TEXT (FRAME ("\x10", "\4", "\1\3") "\0\0\0\1\0\0\0\1"),
    "Window came for stream 1 of channel 4, which is not sent" },
  { "Window for a stream that there is not",
    TEXT (FRAME ("\x10", "\4", "\1\3") "\0\0\0\x9\0\0\0\1"),
    "Window came for stream 9 of channel 4, which is not sent" },
  { "Window beyond what there can be", TEXT (FRAME ("\x10", "\4", "\1\3") "\0\0\0\0\x7f\xfc\0\0"),
    "Window gives channel 4 more credit than there can be" },
  { "Window with all bits", TEXT (FRAME ("\x10", "\4", "\1\3") "\0\0\0\0\xff\xff\xff\xff"),
    "Window gives channel 4 more credit than there can be" },
  { "a second final packet", TEXT (FRAME ("\x8", "\1", "\0\0") FRAME ("\x8", "\1", "\0\0")),
    "Ok came on channel 1, which is not open" },
  { "Data behind the final packet",
    TEXT (FRAME ("\x8", "\4", "\1\x8") FRAME ("\x15", "\4", "\1\1") "\0\0\0\1" STRING ("\1") "x"),
    "Data came on stream 1 of channel 4, which is not open" },
  { "a packet that its owner has no use for", TEXT (FRAME ("\x8", "\5", "\1\x8")),
    "Closed came on channel 5, which it does not answer" },
  { "a name with a NUL", TEXT (FRAME ("\x13", "\1", "\0\xb") STRING ("\3") "a\0b"),
    "ResolveResult: value has a NUL byte in it" },
  { "a packet that is longer than its frame",
    TEXT (FRAME ("\x11", "\1", "\0\xb") STRING ("\3") "a"), "a frame ends inside its packet" },
  { "a frame that is longer than its packet", TEXT (FRAME ("\x9", "\1", "\0\1") "x"),
    "a frame has 1 bytes behind its packet, Ack" },
  { "a bool of 2", TEXT (FRAME ("\x9", "\3", "\1\xc") "\2"),
    "Written: in_place is 2, and a bool is 0 or 1" },
};

static void
open_one_of_each (struct owner *owners)
{
  static const struct session_kind *const kinds[] = { &asking, &reading, &writing, &running,
                                                      &asking };
  give_banner ();
  for (size_t i = 0; i < COUNT (kinds); i++)
    {
      owners[i] = (struct owner){ .name = "x", .refuses = i == 4 };
      open_channel (kinds[i], &owners[i]);
    }
  sent ();
  begin_content (4);
}

Test (refused, whatever_is_malformed_with_one_sentence)
{
  struct owner owners[5];
  for (size_t i = 0; i < COUNT (faults); i++)
    {
      const struct fault *fault = &faults[i];
      open_one_of_each (owners);
      cr_expect_not (receive (fault->bytes.bytes, fault->bytes.size), "%s", fault->name);
      cr_expect_str_eq (far.problem, fault->problem, "%s: %s", fault->name, far.problem);
      for (size_t j = 0; j < COUNT (owners); j++)
        cr_expect_leq (owners[j].endings, 1);
      restart ();
    }
}

Test (refused, whatever_is_malformed_in_any_two_pieces_too)
{
  struct owner owners[5];
  for (size_t i = 0; i < COUNT (faults); i++)
    for (size_t split = 0; split <= faults[i].bytes.size; split++)
      {
        const struct text *bytes = &faults[i].bytes;
        open_one_of_each (owners);
        bool fine =
            receive (bytes->bytes, split) && receive (bytes->bytes + split, bytes->size - split);
        cr_expect_not (fine, "%s, at %zu", faults[i].name, split);
        cr_expect_str_eq (far.problem, faults[i].problem, "%s, at %zu", faults[i].name, split);
        restart ();
      }
}

Test (refused, not_what_crosses_the_end_of_a_channel)
{
  struct owner a = { .name = "a" };
  give_banner ();
  open_channel (&running, &a);
  answer (1, PACKET_CLOSED);
  give_credit (1, 100);
  give_credit (1, UINT32_MAX);
}

Test (refused, not_the_most_credit_that_there_can_be)
{
  struct owner a = { .name = "a" };
  struct packet one = window_of (0, 1);
  give_banner ();
  open_channel (&running, &a);
  give_credit (1, INT32_MAX - WINDOW);
  cr_expect_not (receive_packet (1, &one));
}

/* ---- pieces ---- */

/* All that a far end says to four owners.  */
static struct bytes
make_stream (void)
{
  struct bytes bytes = { .data = NULL };
  struct packet packet = { .id = PACKET_STAT_RESULT };
  struct packet credit = window_of (0, 100000), end_of_output = eof_of (1),
                end_of_error = eof_of (2);
  packet.stat_result.type = packet_text ("file");
  packet.stat_result.owner = packet_text ("ann");
  packet.stat_result.group = packet_text ("staff");
  packet.stat_result.sha512sum = packet_data ("0123456789", 10);
  add (&bytes, "Welcome!\n$ " BANNER, strlen ("Welcome!\n$ " BANNER));
  frame_encode (0, &(struct packet){ .id = PACKET_ACK }, emit, &bytes);
  frame_encode (4, &(struct packet){ .id = PACKET_STARTED }, emit, &bytes);
  add_data (&bytes, 4, 1, 300);
  add_data (&bytes, 4, 2, 1);
  frame_encode (1, &packet, emit, &bytes);
  frame_encode (2, &(struct packet){ .id = PACKET_FILE_INFO }, emit, &bytes);
  add_data (&bytes, 2, 1, 0);
  add_data (&bytes, 2, 1, 700);
  frame_encode (3, &credit, emit, &bytes);
  frame_encode (4, &end_of_output, emit, &bytes);
  frame_encode (2, &end_of_output, emit, &bytes);
  frame_encode (4, &(struct packet){ .id = PACKET_EXITED }, emit, &bytes);
  frame_encode (3, &(struct packet){ .id = PACKET_WRITTEN }, emit, &bytes);
  frame_encode (4, &end_of_error, emit, &bytes);
  frame_encode (2, &(struct packet){ .id = PACKET_OK }, emit, &bytes);
  frame_encode (3, &credit, emit, &bytes);
  frame_encode (4, &(struct packet){ .id = PACKET_CLOSED }, emit, &bytes);
  return bytes;
}

Test (session, however_the_bytes_are_split_it_comes_to_the_same)
{
  static const char wanted[] =
      "d:Started, d:data 1, d:data 2, /a:StatResult!, b:FileInfo, b:data 1, d:end 1, b:end 1, "
      "d:Exited, c:Written!, d:end 2, b:Ok!, d:Closed!";
  struct bytes bytes = make_stream ();
  for (size_t piece = 1; piece <= bytes.size; piece++)
    {
      struct owner a = { .name = "/a" }, b = { .name = "b" }, c = { .name = "c" },
                   d = { .name = "d" };
      open_channel (&asking, &a);
      open_channel (&reading, &b);
      open_channel (&writing, &c);
      open_channel (&running, &d);
      for (size_t done = 0; done < bytes.size; done += piece)
        give (bytes.data + done, bytes.size - done < piece ? bytes.size - done : piece);
      expect_told (wanted);
      expect_sent ("0 Hello, 1 Stat /a, 2 Read, 3 Write, 4 Spawn");
      restart ();
    }
  free (bytes.data);
}
