/* The client's end of a session, fed with anything by a far side and used in any way by its owners.

   The input is a program: each byte names a step (enum step), the bytes behind it choose how.  It
   runs twice, the second time with all that the far side says cut into small pieces.  What must
   hold:

   - what is sent is frames: Hello first and once, requests on numbers that only grow, Data within
     the credit and before Eof, nothing on a channel before its request, and an owner's input
     unchanged and in order;
   - an owner is told of the end at most once, and of nothing behind it, or once it has abandoned
     its channel; when all fails, of that exactly once;
   - no window grows beyond its limit, nor do all of them together;
   - what an owner has lent is not touched any more once its channel is gone (it is freed then);
   - what is refused is refused with a reason;
   - what the owners are told doesn't depend on the pieces.  */

#include "core/session.h"

#include "core/error.h"
#include "fuzz/require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define NONCE "n"
#define BANNER "LONGREACH 2 " NONCE " 0 channels="

enum
{
  OWNERS = 64,
  NUMBERS = 256,
  INPUT_PERIOD = 65521,    /* bytes after which an owner's input repeats */
  STREAM_WINDOW = 4 << 20, /* bytes: what one window grows to at most, and all together by */
};

enum step
{
  STEP_OPEN,
  STEP_ABANDON,
  STEP_CONSUME,
  STEP_INPUT,
  STEP_SEND,  /* Signal, Keys */
  STEP_WRITE, /* some of what is to be sent */
  STEP_WRITE_ALL,
  STEP_PACKET,  /* the far side says something whole */
  STEP_CONTENT, /* Data, Eof and Window are most of it */
  STEP_RAW,     /* or anything */
  STEP_CONNECTION,
  STEP_COUNT,
};

/* What an owner does when it is told something.  */
enum reaction
{
  REACT_NOT,
  REACT_ABANDON,
  REACT_OPEN,
  REACT_ABANDON_ANOTHER,
  REACT_COUNT,
};

struct owner
{
  struct run *run;
  struct session_channel *channel; /* NULL: gone */
  enum reaction reaction;
  bool used, over, lends, keeps, ends, takes_all;
  bool asks; /* its request is a SpawnAsking */
  uint64_t owed[FRAME_STREAM_COUNT], got[FRAME_STREAM_COUNT];
  char last[FRAME_STREAM_COUNT];
  uint64_t given; /* bytes of its input so far */
  uint32_t left;  /* bytes of its input that there are now */
  char *lent;     /* owned: what it has lent */
};

/* What the far side has seen of a channel.  */
struct seen
{
  bool requested, ended, asks;
  int64_t credit;  /* for stream 0 */
  uint64_t offset; /* of its content */
  int64_t granted[FRAME_STREAM_COUNT], received[FRAME_STREAM_COUNT];
};

struct run
{
  struct session *session;
  const uint8_t *data;
  size_t size;
  size_t piece;
  uint64_t told; /* a digest */
  struct owner owners[OWNERS];
  struct seen seen[NUMBERS];
  struct frame_decoder sent, said; /* decoders of both directions */
  bool greeted, broken;
  bool depends; /* on the pieces: when and how often owners are asked for input has an effect */
  uint32_t last_number;
  int depth; /* of reactions */
  char problem[256];
};

static void
note (struct run *run, uint64_t value)
{
  run->told = (run->told ^ value) * 0x100000001b3U;
}

static unsigned
take (struct run *run)
{
  if (run->size == 0)
    return 0;
  run->size--;
  return *run->data++;
}

/* ---- owners ---- */

static void open_one (struct run *run, unsigned choice, unsigned how);

static void
forget_lent (struct owner *owner)
{
  free (owner->lent);
  owner->lent = NULL;
}

static void
abandon (struct owner *owner)
{
  if (owner->channel == NULL)
    return;
  struct session_channel *channel = owner->channel;
  owner->channel = NULL;
  owner->over = true;
  session_abandon (channel);
  forget_lent (owner);
}

static void
react (struct owner *owner)
{
  struct run *run = owner->run;
  if (run->depth > 0)
    return;
  run->depth++;
  if (owner->reaction == REACT_ABANDON)
    abandon (owner);
  else if (owner->reaction == REACT_OPEN)
    open_one (run, 3, 0);
  else if (owner->reaction == REACT_ABANDON_ANOTHER)
    abandon (&run->owners[(owner - run->owners + 1) % OWNERS]);
  run->depth--;
}

/* Something came for OWNER, who must still be there.  */
static void
tell (struct owner *owner, uint64_t what)
{
  require (owner->used && !owner->over && owner->channel != NULL);
  note (owner->run, (uint64_t) (owner - owner->run->owners));
  note (owner->run, what);
}

static void
end (struct owner *owner)
{
  owner->over = true;
  owner->channel = NULL;
  forget_lent (owner);
}

static bool
accepts (void *context, enum packet_id id)
{
  const struct owner *owner = context;
  require (!owner->over);
  return owner->takes_all || id != PACKET_GROUP_ENTRY;
}

static void
take_packet (void *context, const struct packet *packet, bool final)
{
  struct owner *owner = context;
  tell (owner, packet->id);
  if (final)
    end (owner);
  react (owner);
}

static void
take_data (void *context, uint32_t stream, const char *data, size_t size)
{
  struct owner *owner = context;
  require (stream == 1 || stream == 2 || (stream == 3 && owner->asks));
  require (size <= FRAME_DATA_MAX); /* without credit, only the end is asked for */
  require (owner->used && !owner->over && owner->channel != NULL);
  owner->got[stream] += size;
  owner->last[stream] = data[size - 1];
  if (owner->keeps)
    owner->owed[stream] += size;
  else
    session_consume (owner->channel, stream, size);
  /* How often it is told of content depends on the pieces.  */
  if (owner->reaction != REACT_OPEN)
    react (owner);
}

static void
take_end (void *context, uint32_t stream)
{
  struct owner *owner = context;
  tell (owner, 1000 + stream);
  react (owner);
}

/* The input that begins at OFFSET of an owner's.  */
static const char *
input_at (uint64_t offset)
{
  static char input[INPUT_PERIOD + FRAME_DATA_MAX];
  for (size_t i = 0; i < sizeof input && input[1] == 0; i++)
    input[sizeof input - 1 - i] =
        (char) (unsigned char) ((sizeof input - 1 - i) % INPUT_PERIOD * 131 >> 3);
  return input + offset % INPUT_PERIOD;
}

static long
give_input (void *context, char *scratch, size_t size, const char **data)
{
  struct owner *owner = context;
  require (owner->used && !owner->over && owner->channel != NULL);
  require (size <= FRAME_DATA_MAX); /* without credit, only the end is asked for */
  forget_lent (owner);
  owner->run->depends = owner->run->depends || owner->reaction == REACT_OPEN;
  react (owner);
  if (owner->channel == NULL)
    return 0;
  size_t have = owner->left < size ? owner->left : size;
  if (have == 0)
    return owner->ends && owner->left == 0 ? -1 : 0;
  char *to = scratch;
  if (owner->lends)
    {
      to = owner->lent = malloc (have);
      require (to != NULL);
    }
  memcpy (to, input_at (owner->given), have);
  owner->given += have;
  owner->left -= (uint32_t) have;
  *data = to;
  return (long) have;
}

static void
take_failure (void *context, const struct lr_error *error)
{
  struct owner *owner = context;
  require (error->kind == LR_ERROR_IO);
  tell (owner, 2000);
  end (owner);
}

static const struct session_kind kinds[] = {
  { accepts, take_packet, NULL, NULL, NULL, take_failure },
  { accepts, take_packet, take_data, take_end, NULL, take_failure },
  { accepts, take_packet, NULL, NULL, give_input, take_failure },
  { accepts, take_packet, take_data, take_end, give_input, take_failure },
};

static void
open_one (struct run *run, unsigned choice, unsigned how)
{
  static const enum session_class classes[] = { SESSION_SHORT, SESSION_LASTING, SESSION_IMMEDIATE,
                                                SESSION_SHORT };
  struct packet packet = { .id = PACKET_GETENV };
  struct lr_error error;
  struct owner *owner = run->owners;
  while (owner < run->owners + OWNERS && owner->used)
    owner++;
  if (owner == run->owners + OWNERS)
    return;
  if ((choice & 64) == 0)
    packet.getenv.key = packet_text ("key");
  else
    packet = (struct packet){ .id = PACKET_SPAWN_ASKING };
  *owner = (struct owner){ .run = run,
                           .used = true,
                           .reaction = (enum reaction) (how % REACT_COUNT),
                           .lends = (how & 4) != 0,
                           .keeps = (how & 8) != 0,
                           .ends = (how & 16) != 0,
                           .takes_all = (how & 32) != 0,
                           .asks = (choice & 64) != 0,
                           .left = (how & 192) * 3000 };
  owner->channel = session_open (run->session, &kinds[choice % 4], owner, classes[choice / 4 % 4],
                                 &packet, &error);
  if (owner->channel == NULL)
    {
      require (error.kind == LR_ERROR_REMOTE_OS && classes[choice / 4 % 4] == SESSION_IMMEDIATE);
      owner->over = true;
    }
}

/* ---- what is sent ---- */

static void
check_packet (struct run *run, uint32_t number, const struct packet *packet)
{
  require (run->greeted == (packet->id != PACKET_HELLO));
  run->greeted = true;
  if (number == 0)
    {
      require (packet->id == PACKET_HELLO || packet->id == PACKET_CHECK_ALIVE
               || packet->id == PACKET_EXIT);
      return;
    }
  require (number < NUMBERS);
  struct seen *seen = &run->seen[number];
  if (packet->id == PACKET_GETENV || packet->id == PACKET_SPAWN_ASKING)
    {
      require (number == run->last_number + 1);
      run->last_number = number;
      seen->requested = true;
      seen->asks = packet->id == PACKET_SPAWN_ASKING;
    }
  require (seen->requested);
  if (packet->id == PACKET_EOF)
    {
      require (packet->eof.stream == FRAME_STREAM_INPUT && !seen->ended);
      seen->ended = true;
    }
  if (packet->id == PACKET_WINDOW)
    {
      require (packet->window.stream >= 1
               && packet->window.stream <= (seen->asks ? FRAME_STREAM_TERMINAL : 2));
      require (packet->window.credit > 0);
      seen->granted[packet->window.stream] += packet->window.credit;
    }
}

static void
check_content (struct run *run)
{
  const struct frame_decoder *decoder = &run->sent;
  require (decoder->channel > 0 && decoder->channel < NUMBERS && decoder->stream == 0);
  struct seen *seen = &run->seen[decoder->channel];
  require (run->greeted && seen->requested && !seen->ended);
  seen->credit -= (int64_t) decoder->data_size;
  require (seen->credit >= 0);
  require (memcmp (decoder->data, input_at (seen->offset), decoder->data_size) == 0);
  seen->offset += decoder->data_size;
}

static void
take_sent (struct run *run, const char *data, size_t size)
{
  while (size > 0)
    {
      size_t used;
      enum frame_progress progress = frame_decode (&run->sent, data, size, &used);
      require (progress != FRAME_MALFORMED && progress != FRAME_UNKNOWN);
      if (progress == FRAME_PACKET)
        check_packet (run, run->sent.channel, run->sent.packet);
      else if (progress == FRAME_DATA)
        check_content (run);
      data += used;
      size -= used;
    }
}

static size_t
write_some (struct run *run, size_t size, int64_t milliseconds)
{
  struct iovec pieces[SESSION_PIECES];
  int count = session_output (run->session, pieces);
  size_t wrote = 0;
  require (count >= 0 && count <= SESSION_PIECES);
  for (int i = 0; i < count; i++)
    {
      size_t taken = pieces[i].iov_len < size - wrote ? pieces[i].iov_len : size - wrote;
      require (pieces[i].iov_len > 0);
      take_sent (run, pieces[i].iov_base, taken);
      wrote += taken;
      /* Credit goes out in other portions, so something else stays behind.  */
      run->depends = run->depends || taken < pieces[i].iov_len;
    }
  if (wrote > 0)
    session_sent (run->session, wrote, milliseconds);
  return wrote;
}

static void
check_windows (const struct run *run)
{
  int64_t all = 0;
  for (size_t i = 0; i < NUMBERS; i++)
    for (int stream = 1; stream < FRAME_STREAM_COUNT; stream++)
      {
        const struct seen *seen = &run->seen[i];
        int64_t open = seen->granted[stream] - seen->received[stream];
        require (open <= STREAM_WINDOW - FRAME_WINDOW_INITIAL);
        all += open > 0 ? open : 0;
      }
  /* Windows of channels that are gone are not counted any more, so this is no more than a bound. */
  require (all <= (int64_t) NUMBERS * (FRAME_STREAM_COUNT - 1) * STREAM_WINDOW);
}

/* ---- what is said ---- */

/* Know what the session must have made of it.  */
static void
follow (struct run *run, const char *data, size_t size)
{
  while (size > 0)
    {
      size_t used;
      enum frame_progress progress = frame_decode (&run->said, data, size, &used);
      const struct frame_decoder *decoder = &run->said;
      struct seen *seen = decoder->channel < NUMBERS ? &run->seen[decoder->channel] : NULL;
      require (progress != FRAME_MALFORMED && progress != FRAME_UNKNOWN);
      if (progress == FRAME_PACKET && decoder->packet->id == PACKET_WINDOW && seen != NULL)
        seen->credit += decoder->packet->window.credit;
      if (progress == FRAME_DATA && seen != NULL)
        seen->received[decoder->stream] += (int64_t) decoder->data_size;
      data += used;
      size -= used;
    }
}

static void
say (struct run *run, const char *data, size_t size)
{
  while (size > 0 && !run->broken)
    {
      bool open = session_is_open (run->session);
      /* Where a banner ends has to be known.  */
      size_t piece = open ? run->piece : 1;
      size_t step = size < piece ? size : piece;
      run->problem[0] = '\0';
      if (!session_receive (run->session, data, step, run->problem, sizeof run->problem))
        {
          require (run->problem[0] != '\0' && strchr (run->problem, '\n') == NULL);
          run->broken = true;
        }
      else if (open)
        follow (run, data, step);
      data += step;
      size -= step;
    }
}

struct frame
{
  char bytes[FRAME_DATA_HEADER + FRAME_DATA_MAX];
  size_t size;
};

static void
emit (void *context, const char *data, uint64_t size)
{
  struct frame *frame = context;
  require (frame->size + size <= sizeof frame->bytes);
  memcpy (frame->bytes + frame->size, data, (size_t) size);
  frame->size += (size_t) size;
}

static void
say_packet (struct run *run)
{
  static const enum packet_id ids[] = {
    PACKET_STARTED, PACKET_EXITED,        PACKET_CLOSED,      PACKET_FILE_INFO,
    PACKET_OK,      PACKET_WRITTEN,       PACKET_ENVIRON_VAR, PACKET_OS_ERROR,
    PACKET_ACK,     PACKET_INVALID_FIELD, PACKET_GROUP_ENTRY, PACKET_STAT_RESULT,
    PACKET_STARTED, PACKET_FILE_INFO,     PACKET_CANCEL,      PACKET_PROCESS_COMPLETED,
  };
  static struct frame frame;
  struct packet packet = { .id = ids[take (run) % 16] };
  frame.size = 0;
  frame_encode (take (run), &packet, emit, &frame);
  if (session_is_open (run->session))
    say (run, frame.bytes, frame.size);
}

static void
say_content (struct run *run)
{
  static const uint32_t sizes[] = { 0, 1, 1000, 65536, 131071, 131072 };
  static const uint32_t credits[] = { 0,         1,          1000,       262144,
                                      INT32_MAX, 0x7ffc0000, 0x7ffbffff, UINT32_MAX };
  static struct frame frame;
  unsigned kind = take (run), channel = take (run), choice = take (run);
  struct packet packet = { .id = PACKET_WINDOW };
  frame.size = 0;
  if (kind % 4 < 2)
    {
      uint32_t size = sizes[choice / 4 % 6];
      frame_data_header (frame.bytes, channel, choice % 5, size);
      memset (frame.bytes + FRAME_DATA_HEADER, (int) kind, size);
      frame.size = FRAME_DATA_HEADER + size;
    }
  else if (kind % 4 == 2)
    {
      packet.window.stream = kind / 4 % 16 == 0 ? 1 : 0;
      packet.window.credit = credits[choice % 8];
      frame_encode (channel, &packet, emit, &frame);
    }
  else
    {
      packet.id = PACKET_EOF;
      packet.eof.stream = choice % 5;
      frame_encode (channel, &packet, emit, &frame);
    }
  if (session_is_open (run->session))
    say (run, frame.bytes, frame.size);
}

static void
say_raw (struct run *run)
{
  size_t size = take (run);
  size = size < run->size ? size : run->size;
  const char *bytes = (const char *) run->data;
  run->data += size;
  run->size -= size;
  say (run, bytes, size);
}

/* ---- steps ---- */

static void
consume (struct run *run)
{
  struct owner *owner = &run->owners[take (run) % OWNERS];
  unsigned choice = take (run);
  uint32_t stream = 1 + choice % (FRAME_STREAM_COUNT - 1);
  uint64_t size = owner->owed[stream] * (choice / 2) / 127;
  if (owner->channel == NULL || size == 0)
    return;
  owner->owed[stream] -= size;
  session_consume (owner->channel, stream, (size_t) size);
}

static void
have_input (struct run *run)
{
  struct owner *owner = &run->owners[take (run) % OWNERS];
  unsigned choice = take (run);
  owner->left += choice * choice * 10;
  owner->ends = owner->ends || choice % 8 == 7;
  if (owner->channel != NULL)
    session_has_input (owner->channel);
}

static void
send_signal (struct run *run)
{
  const struct owner *owner = &run->owners[take (run) % OWNERS];
  struct packet packet = { .id = PACKET_SIGNAL };
  if (owner->asks)
    packet = (struct packet){ .id = PACKET_KEYS, .keys = { packet_text ("secret\n") } };
  if (owner->channel != NULL)
    session_send (owner->channel, &packet);
}

static void
use_connection (struct run *run)
{
  switch (take (run) % 4)
    {
    case 0:
      if (session_is_open (run->session))
        session_check_alive (run->session);
      break;
    case 1:
      session_exit (run->session);
      break;
    case 2:
      session_hold (run->session);
      break;
    default:
      session_release (run->session);
      break;
    }
}

static void
take_step (struct run *run)
{
  unsigned choice, size;
  switch ((enum step) (take (run) % STEP_COUNT))
    {
    case STEP_OPEN:
      choice = take (run);
      open_one (run, choice, take (run));
      break;
    case STEP_ABANDON:
      abandon (&run->owners[take (run) % OWNERS]);
      break;
    case STEP_CONSUME:
      consume (run);
      break;
    case STEP_INPUT:
      have_input (run);
      break;
    case STEP_SEND:
      send_signal (run);
      break;
    case STEP_WRITE:
      size = take (run);
      write_some (run, (size_t) size * size, take (run));
      break;
    case STEP_WRITE_ALL:
      while (write_some (run, SIZE_MAX, 0) > 0)
        continue;
      check_windows (run);
      break;
    case STEP_PACKET:
      say_packet (run);
      break;
    case STEP_CONTENT:
      say_content (run);
      break;
    case STEP_RAW:
      say_raw (run);
      break;
    default:
      use_connection (run);
      break;
    }
}

static void
note_opened (void *context)
{
  note (context, 3000);
}

static const struct session_hooks hooks = { note_opened, NULL, NULL };

/* Leaves in *TOLD what the owners were told.  False: that may depend on the pieces.  */
static bool
run_program (const uint8_t *data, size_t size, size_t piece, uint64_t *told)
{
  static struct run run;
  struct lr_error error;
  memset (&run, 0, sizeof run);
  run.data = data;
  run.size = size;
  run.piece = piece;
  run.told = 0xcbf29ce484222325U;
  for (size_t i = 0; i < NUMBERS; i++)
    run.seen[i].credit = FRAME_WINDOW_INITIAL;
  run.session = session_new (NONCE, 0, &hooks, &run);
  require (run.session != NULL);
  frame_decoder_init (&run.sent, PACKET_FROM_CLIENT);
  frame_decoder_init (&run.said, PACKET_FROM_SERVER);
  unsigned start = take (&run);
  if (start % 4 > 0)
    {
      static const char *const limits[] = { "1\n", "40\n", "1024\n" };
      const char *limit = limits[start % 4 - 1];
      say (&run, BANNER, strlen (BANNER));
      say (&run, limit, strlen (limit));
    }
  while (run.size > 0 && !run.broken)
    take_step (&run);
  while (!run.broken && write_some (&run, SIZE_MAX, 0) > 0)
    continue;
  error_set (&error, LR_ERROR_IO, "it is over");
  session_fail (run.session, &error);
  for (size_t i = 0; i < OWNERS; i++)
    {
      require (!run.owners[i].used || (run.owners[i].over && run.owners[i].channel == NULL));
      forget_lent (&run.owners[i]);
      for (int j = 0; j < FRAME_STREAM_COUNT && run.owners[i].reaction == REACT_NOT; j++)
        {
          note (&run, run.owners[i].got[j]);
          note (&run, (unsigned char) run.owners[i].last[j]);
        }
    }
  while (write_some (&run, SIZE_MAX, 0) > 0)
    continue;
  for (const char *c = run.problem; *c != '\0'; c++)
    note (&run, (unsigned char) *c);
  session_free (run.session);
  frame_decoder_free (&run.sent);
  frame_decoder_free (&run.said);
  *told = run.told;
  return !run.depends;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  uint64_t whole, pieces;
  bool same = run_program (data + 1, size - 1, SIZE_MAX, &whole);
  same = run_program (data + 1, size - 1, (size_t) data[0] * 16 + 5, &pieces) && same;
  require (whole == pieces || !same);
  return 0;
}
