/* The dispatcher's end of a session, fed with anything by a client.

   What serves the session is the real thing (session.c, channel.c, inlet.c, outlet.c, output.c,
   request.c); the loop, the descriptors and the clock are this file's, and so are the requests that
   would touch the system: these here only move bytes.

   The input is a program: each byte names a step (enum step), the bytes behind it choose how.  When
   it is over the client goes away in one of a few ways.  What must hold:

   - what is sent is a banner and then frames; each channel gets one final packet, and nothing
     behind it; Data stays within the credit, is no larger than asked for, and comes before Eof;
   - when the end is a good one, each request was answered;
   - the input is read as long as no more than 256 KiB wait to be written;
   - it ends within six seconds, with a line of error exactly if its status is 3;
   - nothing is left: memory is counted by the sanitizer.  */

#define FUZZ_HARNESS
#include "dispatcher/errand.h"
#include "dispatcher/channel.h"
#include "dispatcher/loop.h"
#include "dispatcher/output.h"
#include "dispatcher/process.h"
#include "dispatcher/session.h"
#include "dispatcher/worker.h"
#include "fuzz/dispatcher-state.h"
#include "fuzz/require.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  NUMBERS = 256, /* channels that are followed */
  HELD = 64,     /* requests that are under way at once: the session's limit is lower */
  LIMIT = 40,    /* of channels */
  INPUT_MAX = 1 << 20,
  QUEUE_MAX = (256 << 10) + (6 << 20), /* bytes: the limit, and what went over it */
};

enum step
{
  STEP_REQUEST,
  STEP_CONTENT, /* Data, Eof and Window */
  STEP_CONTROL, /* Cancel, Signal, Resize, Keys */
  STEP_RAW,
  STEP_UNKNOWN,
  STEP_READ, /* the client reads some */
  STEP_READ_ALL,
  STEP_WORK, /* a request that is under way gets on */
  STEP_TIME,
  STEP_CONNECTION, /* CheckAlive, Hello, Exit */
  STEP_COUNT,
};

/* A request that is under way.  */
struct work_item
{
  struct request *request; /* NULL: the place is free */
  enum packet_id id;
  uint32_t outputs; /* of a command */
  uint64_t left;    /* bytes that it will send */
  uint64_t owed;    /* bytes of input that are not used up */
  bool open_outputs, ends;
};

/* What the client has seen of a channel.  */
struct seen
{
  bool requested, closed;
  bool ended[FRAME_STREAM_COUNT];
  int64_t credit[FRAME_STREAM_COUNT];
};

static struct run
{
  const uint8_t *data;
  size_t size;
  char *input; /* owned: bytes that the dispatcher has not read */
  size_t input_start, input_end;
  bool input_closed, output_closed;
  uint64_t room; /* bytes that the client reads yet */
  int64_t now;
  int64_t hurry; /* when everything was told to end; 0: not yet */
  bool broken;   /* the client has done what it must not, or may have */
  bool leaves;   /* it has asked for the end itself, or gone without reading to the end */
  bool greeted;
  uint32_t data_size;
  uint32_t highest;
  char banner[FRAME_BANNER_MAX];
  size_t banner_size;
  bool open;
  struct frame_decoder decoder;
  size_t content; /* of the Data that is being decoded */
  struct seen seen[NUMBERS];
  struct work_item items[HELD];

  struct watch *watches[2];
  struct timer *timers;
  struct job *jobs;
  bool stopped;
} run;

static unsigned
take (void)
{
  if (run.size == 0)
    return 0;
  run.size--;
  return *run.data++;
}

/* ---- the client's side ---- */

static void
check_packet (uint32_t number, const struct packet *packet)
{
  if (number == 0)
    {
      require (packet->id == PACKET_ACK);
      return;
    }
  if (number >= NUMBERS)
    return;
  struct seen *seen = &run.seen[number];
  require (seen->requested || run.broken);
  require (!seen->closed);
  switch (packet->id)
    {
    case PACKET_STARTED:
    case PACKET_EXITED:
    case PACKET_FILE_INFO:
      break;
    case PACKET_WINDOW:
      require (packet->window.stream == FRAME_STREAM_INPUT && packet->window.credit > 0);
      seen->credit[0] += packet->window.credit;
      require (seen->credit[0] <= FRAME_WINDOW_MAX);
      break;
    case PACKET_EOF:
      require (packet->eof.stream >= 1 && packet->eof.stream < FRAME_STREAM_COUNT);
      require (!seen->ended[packet->eof.stream]);
      seen->ended[packet->eof.stream] = true;
      break;
    default:
      seen->closed = true;
      break;
    }
}

static void
check_content (void)
{
  const struct frame_decoder *decoder = &run.decoder;
  require (decoder->stream >= 1 && decoder->stream < FRAME_STREAM_COUNT);
  run.content += decoder->data_size;
  require (run.content <= run.data_size || run.broken);
  if (frame_decoder_between_frames (decoder))
    run.content = 0;
  if (decoder->channel >= NUMBERS)
    return;
  struct seen *seen = &run.seen[decoder->channel];
  require (seen->requested || run.broken);
  require (!seen->closed && !seen->ended[decoder->stream]);
  seen->credit[decoder->stream] -= (int64_t) decoder->data_size;
  require (seen->credit[decoder->stream] >= 0 || run.broken);
}

static void
take_output (const char *data, size_t size)
{
  static const char wanted[] = "LONGREACH 2 nonce ";
  while (size > 0 && !run.open)
    {
      require (run.banner_size < sizeof run.banner);
      run.banner[run.banner_size++] = *data;
      run.open = *data == '\n';
      data++;
      size--;
      if (run.open)
        require (memcmp (run.banner, wanted, sizeof wanted - 1) == 0);
    }
  while (size > 0)
    {
      size_t used;
      enum frame_progress progress = frame_decode (&run.decoder, data, size, &used);
      require (progress != FRAME_MALFORMED && progress != FRAME_UNKNOWN);
      if (progress == FRAME_PACKET)
        check_packet (run.decoder.channel, run.decoder.packet);
      else if (progress == FRAME_DATA)
        check_content ();
      data += used;
      size -= used;
    }
}

ssize_t
fuzz_write (int fd, const void *data, size_t size)
{
  (void) fd;
  if (run.output_closed)
    {
      errno = EPIPE;
      return -1;
    }
  if (size > run.room)
    size = (size_t) run.room;
  if (size == 0)
    {
      errno = EAGAIN;
      return -1;
    }
  run.room -= size;
  take_output (data, size);
  return (ssize_t) size;
}

ssize_t
fuzz_read (int fd, void *buffer, size_t size)
{
  (void) fd;
  size_t have = run.input_end - run.input_start;
  if (have == 0 && run.input_closed)
    return 0;
  if (have == 0)
    {
      errno = EAGAIN;
      return -1;
    }
  if (size > have)
    size = have;
  memcpy (buffer, run.input + run.input_start, size);
  run.input_start += size;
  return (ssize_t) size;
}

static void
say (const void *data, size_t size)
{
  if (run.input_start == run.input_end)
    run.input_start = run.input_end = 0;
  if (size > INPUT_MAX - run.input_end)
    {
      run.broken = true; /* something is missing */
      return;
    }
  memcpy (run.input + run.input_end, data, size);
  run.input_end += size;
}

static void
emit (void *context, const char *data, uint64_t size)
{
  (void) context;
  say (data, (size_t) size);
}

static void
say_packet (uint32_t number, const struct packet *packet)
{
  require (frame_encode (number, packet, emit, NULL));
}

/* ---- the loop ---- */

FILE *fuzz_stderr;

int64_t
loop_now (void)
{
  return run.now;
}

bool
loop_watch (struct watch *watch, int fd, short events, void (*ready) (void *context, short events),
            void *context)
{
  int slot = run.watches[0] == NULL ? 0 : 1;
  require (run.watches[slot] == NULL);
  *watch = (struct watch){
    .fd = fd, .events = events, .ready = ready, .context = context, .watched = true
  };
  run.watches[slot] = watch;
  return true;
}

void
loop_set_events (struct watch *watch, short events)
{
  watch->events = events;
}

void
loop_close (struct watch *watch)
{
  (void) watch;
  abort ();
}

void
loop_set_timer (struct timer *timer, int64_t due, void (*expired) (void *context), void *context)
{
  loop_clear_timer (timer);
  *timer = (struct timer){ due, expired, context, run.timers, true };
  run.timers = timer;
}

void
loop_clear_timer (struct timer *timer)
{
  struct timer **place = &run.timers;
  if (!timer->set)
    return;
  while (*place != timer)
    place = &(*place)->next;
  *place = timer->next;
  timer->set = false;
}

void
loop_add_job (struct job *job, bool (*slice) (void *context), void *context)
{
  struct job **place = &run.jobs;
  require (!job->set);
  *job = (struct job){ slice, context, NULL, true };
  while (*place != NULL)
    place = &(*place)->next;
  *place = job;
}

void
loop_remove_job (struct job *job)
{
  struct job **place = &run.jobs;
  if (!job->set)
    return;
  while (*place != job)
    place = &(*place)->next;
  *place = job->next;
  job->set = false;
}

uint64_t
loop_generation (void)
{
  return 0;
}

void
loop_handle_signals (void (*child_changed) (void), void (*ended) (int signal))
{
  (void) child_changed;
  (void) ended;
}

void
loop_stop (void)
{
  run.stopped = true;
}

static void
deliver_input (void)
{
  struct watch *watch = run.watches[0];
  bool readable = run.input_start < run.input_end || run.input_closed;
  if (watch->events == POLLIN && readable)
    watch->ready (watch->context, POLLIN);
  else if (watch->events == POLLRDHUP && run.input_closed)
    watch->ready (watch->context, POLLRDHUP);
}

static void
deliver_output (void)
{
  struct watch *watch = run.watches[1];
  if (run.output_closed && watch->events != WATCH_NOTHING)
    watch->ready (watch->context, POLLERR);
}

static void
deliver_timers (void)
{
  bool again = true;
  while (again)
    {
      again = false;
      for (struct timer *timer = run.timers; timer != NULL && !again; timer = timer->next)
        if (timer->due <= run.now)
          {
            again = true;
            loop_clear_timer (timer);
            timer->expired (timer->context);
          }
    }
}

static void
deliver_job (void)
{
  struct job *job = run.jobs;
  if (job == NULL)
    return;
  loop_remove_job (job);
  if (job->slice (job->context))
    loop_add_job (job, job->slice, job->context);
}

static void end_items (void);

static void
turn (void (*settle) (void *context), void *context)
{
  deliver_input ();
  deliver_output ();
  deliver_timers ();
  deliver_job ();
  if (run.hurry > 0 && run.now >= run.hurry + 5000)
    end_items ();
  settle (context);
  require (output_pending () <= QUEUE_MAX);
  /* It waits for input, has some to serve, is being read too slowly, or has come to its end.  */
  require (run.watches[0]->events == POLLIN || run.jobs != NULL || output_queued () >= 256 << 10
           || run.hurry > 0 || run.stopped);
}

/* ---- requests ---- */

static struct work_item *
begin_item (struct request *request)
{
  struct work_item *item = run.items;
  while (item < run.items + HELD && item->request != NULL)
    item++;
  require (item < run.items + HELD);
  *item = (struct work_item){ .request = request, .id = request->packet->id };
  request->state = item;
  return item;
}

/* Free the place, and keep the request for its answer.  */
static struct request *
leave_item (struct work_item *item)
{
  struct request *request = item->request;
  request->state = NULL;
  item->request = NULL;
  return request;
}

static void
abandon_item (struct request *request)
{
  if (request->state != NULL)
    leave_item (request->state);
}

static void
end_item (struct work_item *item)
{
  struct packet packet = { .id = PACKET_CLOSED };
  require (packet_field_with_nul (item->request->packet) == NULL); /* it is still there */
  if (item->outputs > 0)
    request_send (item->request, &(struct packet){ .id = PACKET_EXITED });
  else if (item->id == PACKET_STAT)
    {
      packet.id = PACKET_STAT_RESULT;
      packet.stat_result.type = packet_text ("file");
    }
  else
    packet.id = PACKET_OS_ERROR;
  answer (leave_item (item), &packet);
}

static void
end_items (void)
{
  for (struct work_item *item = run.items; item < run.items + HELD; item++)
    if (item->request != NULL)
      end_item (item);
}

/* Of the outputs of a command, and the content of a Read.  Without credit it is only asked whether
   there is more.  */
static long
produce (void *context, char *buffer, size_t size)
{
  struct work_item *item = context;
  require (item->request != NULL && size <= FRAME_DATA_MAX && (size == 0) == (buffer == NULL));
  if (item->left == 0 && item->outputs == 0 && item->ends)
    {
      outlet_end (&channel_of (item->request)->outlets[1]);
      answer_ok (leave_item (item));
      return OUTLET_GONE;
    }
  if (item->left == 0)
    return item->left % 2 == 0 ? OUTLET_LATER : OUTLET_AGAIN;
  if (size == 0)
    return OUTLET_AGAIN;
  if (size > item->left)
    size = (size_t) item->left;
  memset (buffer, 'x', size);
  item->left -= size;
  return (long) size;
}

static void
begin_command (struct request *request, const struct packet_list *command, bool with_input,
               bool with_output, uint32_t outputs)
{
  if (command->count == 0)
    {
      answer_invalid_field (request, "command", "is empty");
      return;
    }
  struct channel *channel = channel_of (request);
  struct work_item *item = begin_item (request);
  request_send (request, &(struct packet){ .id = PACKET_STARTED });
  if (with_input)
    inlet_open (&channel->inlet, INLET_OF_COMMAND);
  for (uint32_t i = 1; i <= outputs && with_output; i++)
    outlet_open (&channel->outlets[i], produce, item);
  item->outputs = outputs;
  item->open_outputs = with_output;
}

static void
handle_spawn (struct request *request)
{
  const struct packet_spawn *spawn = &request->packet->spawn;
  begin_command (request, &spawn->command, spawn->with_input, spawn->with_output,
                 FRAME_STREAM_ERROR);
}

static void
handle_asking (struct request *request)
{
  begin_command (request, &request->packet->spawn_asking.command, true, true,
                 FRAME_STREAM_TERMINAL);
}

static void
handle_write (struct request *request)
{
  begin_item (request);
  inlet_open (&channel_of (request)->inlet, INLET_OF_FILE);
}

static void
begin_stream (struct request *request, uint64_t size)
{
  struct work_item *item = begin_item (request);
  item->left = size;
  item->ends = item->open_outputs = true;
  request_send (request, &(struct packet){ .id = PACKET_FILE_INFO });
  outlet_open (&channel_of (request)->outlets[1], produce, item);
  outlet_ready (&channel_of (request)->outlets[1]);
}

static void
handle_read (struct request *request)
{
  begin_stream (request, request->packet->read.length % (1 << 20));
}

static void
handle_list (struct request *request)
{
  begin_stream (request, request->packet->listing.path.size * 10000);
}

static void
handle_get_tree (struct request *request)
{
  begin_stream (request, request->packet->get_tree.path.size * 10000);
}

static void
handle_errand (struct request *request)
{
  begin_item (request);
}

static void
handle_stat (struct request *request)
{
  if (request->packet->stat.sha512sum)
    begin_item (request);
  else
    answer_invalid_field (request, "path", "is not there");
}

static bool
stat_lasts (const struct packet *packet)
{
  return packet->stat.sha512sum;
}

/* What was asked, five times: too large for a frame if it was large itself.  */
static void
echo (struct request *request)
{
  struct packet packet = { .id = PACKET_GROUP_ENTRY };
  struct packet_bytes key = request->packet->getenv.key;
  struct packet_bytes keys[4] = { key, key, key, key };
  packet.group_entry.name = key;
  packet.group_entry.members.items = keys;
  packet.group_entry.members.count = 4;
  answer (request, &packet);
}

static void
take_input (struct request *request, const char *data, size_t size)
{
  struct work_item *item = request->state;
  (void) data;
  require (item->request == request && size > 0);
  item->owed += size;
  if (item->id == PACKET_WRITE)
    {
      size = (size_t) item->owed;
      item->owed = 0;
      channel_use_input (request, size, true);
    }
}

static void
end_input (struct request *request)
{
  struct work_item *item = request->state;
  require (item->request == request);
  if (item->id == PACKET_WRITE)
    answer (leave_item (item), &(struct packet){ .id = PACKET_WRITTEN });
}

static void
cancel_spawn (struct request *request)
{
  struct work_item *item = request->state;
  item->ends = true;
  if (item->left % 3 == 0)
    end_item (item);
}

static void
hurry_spawn (struct request *request)
{
  require (((struct work_item *) request->state)->request == request);
}

static void
signal_spawn (struct request *request, int number)
{
  require (number >= 1 && number <= 64);
  hurry_spawn (request);
}

static void
resize_spawn (struct request *request, uint32_t rows, uint32_t columns)
{
  (void) rows;
  (void) columns;
  hurry_spawn (request);
}

static void
type_keys (struct request *request, const char *text, size_t size)
{
  require (size == 0 || text[size - 1] != '\0');
  hurry_spawn (request);
}

#define SHORT_KIND(name, packet)                                                                   \
  const struct request_kind name = { .id = packet, .protocols = REQUEST_BOTH, .handle = echo }
#define PLAIN_KIND(name, packet)                                                                   \
  const struct request_kind name = { .id = packet, .protocols = REQUEST_PLAIN, .handle = echo }

PLAIN_KIND (command_kind, PACKET_PROCESS_RUN);
PLAIN_KIND (upload_kind, PACKET_UPLOAD);
PLAIN_KIND (download_kind, PACKET_DOWNLOAD);
SHORT_KIND (resolve_user_kind, PACKET_RESOLVE_USER);
SHORT_KIND (resolve_group_kind, PACKET_RESOLVE_GROUP);
SHORT_KIND (query_user_kind, PACKET_QUERY_USER);
SHORT_KIND (query_group_kind, PACKET_QUERY_GROUP);
SHORT_KIND (getenv_kind, PACKET_GETENV);

/* Those about file systems are answered later.  */
#define ERRAND_KIND(name, packet)                                                                  \
  const struct errand_kind name = { .request = { .id = packet,                                     \
                                                 .protocols = REQUEST_SESSION,                     \
                                                 .handle = handle_errand,                          \
                                                 .abandon = abandon_item,                          \
                                                 .lasts = request_lasts } }

ERRAND_KIND (make_directory_kind, PACKET_MAKE_DIRECTORY);
ERRAND_KIND (remove_kind, PACKET_REMOVE);
ERRAND_KIND (rename_kind, PACKET_RENAME);
ERRAND_KIND (link_kind, PACKET_LINK);
ERRAND_KIND (read_link_kind, PACKET_READ_LINK);
ERRAND_KIND (set_attributes_kind, PACKET_SET_ATTRIBUTES);
ERRAND_KIND (make_temporary_kind, PACKET_MAKE_TEMPORARY);
ERRAND_KIND (file_system_kind, PACKET_FILE_SYSTEM);
#define WRITE_KIND(name, packet)                                                                   \
  const struct request_kind name = { .id = packet,                                                 \
                                     .protocols = REQUEST_SESSION,                                 \
                                     .handle = handle_write,                                       \
                                     .abandon = abandon_item,                                      \
                                     .lasts = request_lasts,                                       \
                                     .input = take_input,                                          \
                                     .input_end = end_input }
#define STREAM_KIND(name, packet, handler)                                                         \
  const struct request_kind name = { .id = packet,                                                 \
                                     .protocols = REQUEST_SESSION,                                 \
                                     .handle = handler,                                            \
                                     .abandon = abandon_item,                                      \
                                     .lasts = request_lasts }

WRITE_KIND (write_kind, PACKET_WRITE);
WRITE_KIND (put_tree_kind, PACKET_PUT_TREE);
STREAM_KIND (read_kind, PACKET_READ, handle_read);
STREAM_KIND (list_kind, PACKET_LIST, handle_list);
STREAM_KIND (get_tree_kind, PACKET_GET_TREE, handle_get_tree);
const struct request_kind stat_kind = { .id = PACKET_STAT,
                                        .protocols = REQUEST_BOTH,
                                        .handle = handle_stat,
                                        .abandon = abandon_item,
                                        .lasts = stat_lasts };
#define SPAWN_KIND(name, packet, handler, typing)                                                  \
  const struct request_kind name = { .id = packet,                                                 \
                                     .protocols = REQUEST_SESSION,                                 \
                                     .handle = handler,                                            \
                                     .abandon = abandon_item,                                      \
                                     .hurry = hurry_spawn,                                         \
                                     .lasts = request_lasts,                                       \
                                     .input = take_input,                                          \
                                     .input_end = end_input,                                       \
                                     .cancel = cancel_spawn,                                       \
                                     .signal = signal_spawn,                                       \
                                     .resize = resize_spawn,                                       \
                                     .keys = typing }

SPAWN_KIND (spawn_kind, PACKET_SPAWN, handle_spawn, NULL);
SPAWN_KIND (spawn_asking_kind, PACKET_SPAWN_ASKING, handle_asking, type_keys);

void
process_end_all (int64_t when)
{
  require (run.hurry == 0);
  run.hurry = when;
}

void
process_children_changed (void)
{
}

size_t
worker_pending (void)
{
  return 0;
}

/* ---- steps ---- */

/* NUMBER is that of a new channel.  */
static void
note_request (uint32_t number)
{
  if (number > run.highest)
    run.highest = number;
  if (number < NUMBERS && !run.seen[number].requested)
    run.seen[number] = (struct seen){ .requested = true,
                                      .credit = { FRAME_WINDOW_INITIAL, FRAME_WINDOW_INITIAL,
                                                  FRAME_WINDOW_INITIAL, FRAME_WINDOW_INITIAL } };
}

static void
say_request (void)
{
  static const enum packet_id ids[] = {
    PACKET_SPAWN, PACKET_SPAWN,       PACKET_WRITE,        PACKET_READ,
    PACKET_STAT,  PACKET_CHECK_ALIVE, PACKET_GETENV,       PACKET_QUERY_GROUP,
    PACKET_SPAWN, PACKET_LIST,        PACKET_PROCESS_RUN,  PACKET_UPLOAD,
    PACKET_STAT,  PACKET_REMOVE,      PACKET_RESOLVE_USER, PACKET_DOWNLOAD,
  };
  static char large[1000 << 10];
  unsigned kind = take (), choice = take ();
  struct packet packet = { .id = ids[kind % 16] };
  struct packet_bytes word = packet_text (choice % 16 == 9 ? "" : "word");
  uint32_t number = run.highest + 1 + choice / 64;
  if (kind >= 250)
    number = choice;
  if (choice % 16 == 5)
    word = packet_data ("a\0b", 3);
  if (choice % 16 == 7 && packet.id == PACKET_GETENV)
    {
      memset (large, 'x', sizeof large);
      word = packet_data (large, sizeof large);
    }
  if (packet.id == PACKET_SPAWN && (kind & 64) != 0)
    packet.id = PACKET_SPAWN_ASKING;
  switch (packet.id)
    {
    case PACKET_SPAWN_ASKING:
      packet.spawn_asking.command.items = &word;
      packet.spawn_asking.command.count = choice % 16 != 15;
      break;
    case PACKET_SPAWN:
      packet.spawn.command.items = &word;
      packet.spawn.command.count = choice % 16 != 15;
      packet.spawn.with_input = kind & 16;
      packet.spawn.with_output = kind & 32;
      break;
    case PACKET_READ:
      packet.read.file = word;
      packet.read.length = (uint64_t) kind * choice * 64;
      break;
    case PACKET_STAT:
      packet.stat.path = word;
      packet.stat.sha512sum = kind & 16;
      break;
    case PACKET_WRITE:
      packet.write.file = word;
      break;
    case PACKET_LIST:
      packet.listing.path = word;
      break;
    case PACKET_REMOVE:
      packet.remove.path = word;
      break;
    case PACKET_GETENV:
      packet.getenv.key = word;
      break;
    default:
      break;
    }
  /* A number that was there before is the client's fault.  */
  run.broken = run.broken || number <= run.highest;
  note_request (number);
  say_packet (number, &packet);
}

static void
say_content (void)
{
  static const uint32_t sizes[] = { 0, 1, 1000, 65536, 131072, 262144 };
  static const uint32_t credits[] = { 0,         1,          1000,       262144,
                                      INT32_MAX, 0x7ffc0000, 0x7ffbffff, UINT32_MAX };
  static char content[FRAME_DATA_MAX];
  unsigned kind = take (), number = take (), choice = take ();
  struct packet packet = { .id = PACKET_WINDOW };
  struct seen *seen = &run.seen[number];
  if (kind % 4 < 2)
    {
      char header[FRAME_DATA_HEADER];
      uint32_t size = sizes[choice / 4 % 6];
      size = size < FRAME_DATA_MAX ? size : FRAME_DATA_MAX;
      frame_data_header (header, number, kind / 4 % 16 == 15 ? 1 : 0, size);
      say (header, sizeof header);
      say (content, size);
      seen->credit[0] -= size;
      if (seen->credit[0] < 0)
        run.broken = true;
    }
  else if (kind % 4 == 2)
    {
      packet.window.stream = choice / 8 % (FRAME_STREAM_COUNT + 1);
      packet.window.credit = credits[choice % 8];
      say_packet (number, &packet);
      /* For the input it is the dispatcher who gives credit.  */
      if (packet.window.stream == FRAME_STREAM_INPUT)
        run.broken = true;
      else if (packet.window.stream < FRAME_STREAM_COUNT)
        seen->credit[packet.window.stream] += packet.window.credit;
    }
  else
    {
      packet.id = PACKET_EOF;
      packet.eof.stream = kind / 4 % 16 == 15 ? 2 : 0;
      say_packet (number, &packet);
    }
}

static void
say_control (void)
{
  static const enum packet_id ids[] = { PACKET_CANCEL, PACKET_SIGNAL, PACKET_RESIZE, PACKET_KEYS };
  unsigned kind = take (), number = take ();
  struct packet packet = { .id = ids[kind % 4] };
  if (packet.id == PACKET_SIGNAL)
    packet.signal.number = kind / 4;
  if (packet.id == PACKET_KEYS)
    packet.keys.text = packet_data ("wordwordword", kind / 4 % 13);
  say_packet (number, &packet);
}

static void
say_raw (void)
{
  size_t size = take ();
  size = size < run.size ? size : run.size;
  say (run.data, size);
  run.data += size;
  run.size -= size;
  run.broken = true;
}

static void
say_unknown (void)
{
  char frame[12] = { 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 9, 9 };
  unsigned number = take ();
  frame[7] = (char) (unsigned char) number;
  if (number > run.highest)
    note_request (number);
  say (frame, sizeof frame);
}

static void
work (void)
{
  struct work_item *item = &run.items[take () % HELD];
  unsigned choice = take ();
  if (item->request == NULL)
    return;
  struct channel *channel = channel_of (item->request);
  size_t used = (size_t) (item->owed * (choice % 8) / 7);
  switch (choice / 8 % 4)
    {
    case 0:
      if (item->outputs == 0 || used == 0)
        return;
      item->owed -= used;
      channel_use_input (item->request, used, item->owed == 0);
      break;
    case 1:
      item->left += choice * choice * 4;
      if (item->open_outputs)
        outlet_ready (&channel->outlets[item->outputs > 0 ? 1 + choice % item->outputs : 1]);
      break;
    case 2:
      if (item->open_outputs && item->outputs > 0)
        outlet_end (&channel->outlets[1 + choice % item->outputs]);
      break;
    default:
      end_item (item);
      break;
    }
}

static void
use_connection (void)
{
  unsigned choice = take ();
  struct packet packet = { .id = PACKET_CHECK_ALIVE };
  if (choice % 16 == 15)
    {
      packet.id = PACKET_EXIT;
      run.leaves = true;
    }
  else if (choice % 16 == 14)
    packet.id = PACKET_HELLO;
  say_packet (0, &packet);
}

static void
take_step (void)
{
  unsigned size;
  switch ((enum step) (take () % STEP_COUNT))
    {
    case STEP_REQUEST:
      say_request ();
      break;
    case STEP_CONTENT:
      say_content ();
      break;
    case STEP_CONTROL:
      say_control ();
      break;
    case STEP_RAW:
      say_raw ();
      break;
    case STEP_UNKNOWN:
      say_unknown ();
      break;
    case STEP_READ:
      size = take ();
      run.room = (uint64_t) size * size;
      break;
    case STEP_READ_ALL:
      run.room = UINT64_MAX;
      break;
    case STEP_WORK:
      work ();
      break;
    case STEP_TIME:
      size = take ();
      run.now += (int64_t) size * size;
      break;
    default:
      use_connection ();
      break;
    }
}

static void
greet (unsigned choice)
{
  static const uint32_t sizes[] = { 0, 1, 8000, 30000, 131072, UINT32_MAX };
  static const uint32_t leases[] = { 0, 0, 1, 100, UINT32_MAX };
  struct packet packet = { .id = PACKET_HELLO };
  uint32_t size = sizes[choice % 6];
  run.data_size = size == 0 || size > FRAME_DATA_MAX ? FRAME_DATA_MAX : size < 1024 ? 1024 : size;
  packet.hello.data_size = size;
  packet.hello.lease = leases[choice / 6 % 5];
  run.leaves = packet.hello.lease > 0;
  if (choice < 240)
    say_packet (0, &packet);
  else
    run.data_size = FRAME_DATA_MAX; /* a Hello that comes later asks for nothing less */
}

/* How the client goes.  */
static void
leave (unsigned how)
{
  run.input_closed = true;
  run.output_closed = how % 4 == 1;
  run.room = how % 4 == 2 ? 0 : UINT64_MAX;
  run.leaves = run.leaves || run.output_closed || run.room == 0;
}

void
loop_run (void (*settle) (void *context), void *context)
{
  unsigned how = take ();
  greet (take ());
  settle (context);
  while (run.size > 0 && !run.stopped)
    {
      take_step ();
      turn (settle, context);
    }
  if (!run.stopped)
    leave (how);
  /* What was said is served in turns, before the end of the input is.  */
  int64_t idle_since = run.now;
  for (int turns = 0; !run.stopped; turns++)
    {
      require (turns < 20000);
      if (run.jobs == NULL)
        run.now += 50;
      turn (settle, context);
      if (run.input_start < run.input_end && run.jobs != NULL)
        idle_since = run.now;
    }
  require (run.now <= idle_since + 6000 || run.hurry == 0 || run.now <= run.hurry + 6000);
}

/* ---- running it ---- */

extern char __start_fuzz_zero[], __stop_fuzz_zero[], __start_fuzz_data[], __stop_fuzz_data[];

/* Word by word: between the variables are places that nobody but the sanitizer may know.  */
__attribute__ ((__no_sanitize__ ("address"))) static void
copy_words (char *to, const char *from, size_t size)
{
  volatile uint64_t *words = (volatile uint64_t *) (void *) to;
  const uint64_t *source = (const uint64_t *) (const void *) from;
  for (size_t i = 0; i < size / sizeof *words; i++)
    words[i] = source == NULL ? 0 : source[i];
}

/* The dispatcher's variables are those of a new process.  */
static void
reset_dispatcher (void)
{
  static char *initial;
  size_t size = (size_t) (__stop_fuzz_data - __start_fuzz_data);
  if (initial == NULL)
    {
      initial = malloc (size + 1);
      require (initial != NULL);
      copy_words (initial, __start_fuzz_data, size);
    }
  copy_words (__start_fuzz_data, initial, size);
  copy_words (__start_fuzz_zero, NULL, (size_t) (__stop_fuzz_zero - __start_fuzz_zero));
}

static void
check_end (int status, const char *said)
{
  const char *newline = strchr (said, '\n');
  if (status == 3)
    require (strncmp (said, "longreach-dispatcher: ", 22) == 0 && newline != NULL
             && newline[1] == '\0');
  else
    require (status == 0 && said[0] == '\0');
  for (size_t i = 0; i < HELD; i++)
    require (run.items[i].request == NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static char *input;
  char *said = NULL;
  size_t said_size;
  if (size < 4)
    return 0;
  if (input == NULL)
    input = malloc (INPUT_MAX);
  require (input != NULL);
  reset_dispatcher ();
  memset (&run, 0, sizeof run);
  run.data = data;
  run.size = size;
  run.input = input;
  run.now = 1000000;
  run.room = UINT64_MAX;
  frame_decoder_init (&run.decoder, PACKET_FROM_SERVER);
  fuzz_stderr = open_memstream (&said, &said_size);
  require (fuzz_stderr != NULL);
  const struct session_banner banner = { .nonce = "nonce", .channels = LIMIT };
  int status = session_serve (&banner, -1, -1);
  fclose (fuzz_stderr);
  check_end (status, said);
  /* Of a good end nothing is missing.  */
  for (uint32_t i = 1; i < NUMBERS && status == 0 && !run.broken && !run.leaves; i++)
    require (!run.seen[i].requested || run.seen[i].closed);
  output_lose ();
  frame_decoder_free (&run.decoder);
  free (said);
  return 0;
}
