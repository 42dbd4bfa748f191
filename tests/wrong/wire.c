/* wrong FAULT DISPATCHER [ARGUMENT]...: a dispatcher that is wrong in one way: it starts another,
   and lets pass what is said, but for the fault.  */

#include "tests/wrong/wire.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  CHANNELS = 1 << 16,
};

static const char *fault_name;
static fault_function *fault;

static struct channel channels[CHANNELS];
uint32_t channel_count;
int server_input, server_output;

/* What is to be written, by where it comes from.  Who writes holds the lock of the output, and
   takes the bytes under that of the state, so that they stay in order.  */
static struct frames pending[SIDES];
static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t outputs[SIDES] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };

static void
append (struct frames *frames, const char *data, size_t size)
{
  frames->bytes = realloc (frames->bytes, frames->size + size + 1);
  if (frames->bytes == NULL)
    abort ();
  memcpy (frames->bytes + frames->size, data, size);
  frames->size += size;
}

static void
emit (void *context, const char *data, uint64_t size)
{
  append (context, data, (size_t) size);
}

static void
append_data (struct frames *frames, uint32_t channel, uint32_t stream, const char *data,
             size_t size)
{
  char header[FRAME_DATA_HEADER];
  frame_data_header (header, channel, stream, (uint32_t) size);
  append (frames, header, sizeof header);
  append (frames, data, size);
}

static void
append_event (struct frames *frames, uint32_t channel, const struct event *event)
{
  if (event->packet != NULL)
    frame_encode (channel, event->packet, emit, frames);
  else
    append_data (frames, channel, event->stream, event->data, event->size);
}

void
say (enum side from, uint32_t channel, struct packet packet)
{
  frame_encode (channel, &packet, emit, &pending[from]);
}

void
say_data (enum side from, uint32_t channel, uint32_t stream, const char *data, size_t size)
{
  append_data (&pending[from], channel, stream, data, size);
}

void
say_frames (enum side from, struct frames *frames)
{
  append (&pending[from], frames->bytes, frames->size);
  free (frames->bytes);
  *frames = (struct frames){ 0 };
}

void
hold (struct frames *frames, uint32_t channel, const struct event *event)
{
  append_event (frames, channel, event);
}

struct channel *
channel_at (uint32_t id)
{
  return &channels[id % CHANNELS];
}

static void
flush (enum side from)
{
  pthread_mutex_lock (&outputs[from]);
  pthread_mutex_lock (&state);
  struct frames frames = pending[from];
  pending[from] = (struct frames){ 0 };
  pthread_mutex_unlock (&state);
  for (size_t done = 0; done < frames.size;)
    {
      ssize_t written = write (from == FROM_CLIENT ? server_input : STDOUT_FILENO,
                               frames.bytes + done, frames.size - done);
      if (written < 0 && errno != EINTR)
        break;
      done += written < 0 ? 0 : (size_t) written;
    }
  free (frames.bytes);
  pthread_mutex_unlock (&outputs[from]);
}

/* The first text of a request is its path, or what else it is about.  */
static char *
copy_path (const struct packet *packet)
{
  const struct packet_layout *layout = packet_layout_find (packet->id);
  if (layout->field_count == 0 || layout->fields[0].type != PACKET_TYPE_STR)
    return NULL;
  const struct packet_bytes *text = packet_field_in (packet, &layout->fields[0]);
  return strdup (text->data);
}

/* The channel of what has come; a request opens it.  */
static struct channel *
find_channel (enum side from, uint32_t id, const struct packet *packet)
{
  if (id == 0)
    return NULL;
  struct channel *channel = channel_at (id);
  if (from == FROM_CLIENT && packet != NULL && id > channel_count)
    {
      *channel = (struct channel){ .id = id, .request = packet->id, .open = true };
      channel->path = copy_path (packet);
      channel_count = id;
    }
  return channel;
}

static bool
is_final (const struct channel *channel, const struct packet *packet)
{
  if (channel == NULL || packet == NULL)
    return false;
  switch (packet->id)
    {
    case PACKET_DATA:
    case PACKET_EOF:
    case PACKET_WINDOW:
    case PACKET_STARTED:
    case PACKET_EXITED:
    case PACKET_FILE_INFO:
      return false;
    default:
      return true;
    }
}

static void
take_note (const struct event *event)
{
  struct channel *channel = event->channel;
  const struct packet *packet = event->packet;
  if (channel == NULL)
    return;
  if (packet == NULL)
    channel->sent[event->stream] += event->size;
  else if (packet->id == PACKET_STARTED)
    channel->pid = packet->started.pid;
  if (event->is_final)
    channel->open = false;
}

static void
pass (enum side from, struct frame_decoder *decoder, enum frame_progress progress)
{
  struct packet packet;
  struct event event = { .from = from };
  if (progress == FRAME_PACKET)
    {
      packet = *decoder->packet;
      event.packet = &packet;
    }
  else
    {
      event.stream = decoder->stream;
      event.size = decoder->data_size;
      event.data = malloc (event.size + 1);
      memcpy (event.data, decoder->data, event.size);
    }
  event.channel = find_channel (from, decoder->channel, event.packet);
  event.is_final = from == FROM_SERVER && is_final (event.channel, event.packet);
  if (event.packet != NULL && packet.id == PACKET_EXIT)
    fault_end (fault_name);
  if (fault != NULL)
    fault (&event);
  if (!event.drop)
    append_event (&pending[from], decoder->channel, &event);
  take_note (&event);
  free (event.data);
}

/* Take what has come.  False: it is no session.  */
static bool
take (enum side from, struct frame_decoder *decoder, const char *data, size_t size)
{
  enum frame_progress progress = FRAME_NEED_MORE;
  pthread_mutex_lock (&state);
  while (size > 0 && progress != FRAME_MALFORMED)
    {
      size_t used;
      progress = frame_decode (decoder, data, size, &used);
      data += used;
      size -= used;
      if (progress == FRAME_PACKET || progress == FRAME_DATA)
        pass (from, decoder, progress);
    }
  pthread_mutex_unlock (&state);
  flush (FROM_CLIENT);
  flush (FROM_SERVER);
  return progress != FRAME_MALFORMED;
}

static bool
read_some (int descriptor, char *room, size_t size, size_t *got)
{
  ssize_t count;
  while ((count = read (descriptor, room, size)) < 0 && errno == EINTR)
    continue;
  *got = count < 0 ? 0 : (size_t) count;
  return count > 0;
}

static void
pump (enum side from, int descriptor)
{
  static char rooms[SIDES][1 << 16];
  struct frame_decoder decoder;
  size_t got;
  frame_decoder_init (&decoder, from == FROM_CLIENT ? PACKET_FROM_CLIENT : PACKET_FROM_SERVER);
  while (read_some (descriptor, rooms[from], sizeof rooms[from], &got))
    if (!take (from, &decoder, rooms[from], got))
      {
        fprintf (stderr, "wrong: %s\n", frame_decoder_error (&decoder));
        break;
      }
  frame_decoder_free (&decoder);
}

static void *
pump_client (void *nothing)
{
  (void) nothing;
  pump (FROM_CLIENT, STDIN_FILENO);
  pthread_mutex_lock (&state);
  fault_end (fault_name);
  pthread_mutex_unlock (&state);
  flush (FROM_CLIENT);
  close (server_input);
  return NULL;
}

/* The dispatcher's first line.  */
static void
pass_banner (void)
{
  char byte;
  size_t got;
  while (read_some (server_output, &byte, 1, &got) && write (STDOUT_FILENO, &byte, 1) == 1
         && byte != '\n')
    continue;
}

static pid_t
start (char **words)
{
  int input[2], output[2];
  if (pipe (input) != 0 || pipe (output) != 0)
    abort ();
  pid_t pid = fork ();
  if (pid == 0)
    {
      dup2 (input[0], STDIN_FILENO);
      dup2 (output[1], STDOUT_FILENO);
      close (input[0]);
      close (input[1]);
      close (output[0]);
      close (output[1]);
      signal (SIGPIPE, SIG_DFL);
      execv (words[0], words);
      _exit (127);
    }
  close (input[0]);
  close (output[1]);
  server_input = input[1];
  server_output = output[0];
  return pid;
}

int
main (int argc, char **argv)
{
  pthread_t thread;
  int status;
  if (argc < 3 || (strcmp (argv[1], "none") != 0 && fault_find (argv[1]) == NULL))
    {
      fprintf (stderr, "wrong: there is no fault %s\n", argc < 2 ? "" : argv[1]);
      return 2;
    }
  fault_name = argv[1];
  fault = fault_find (fault_name);
  signal (SIGPIPE, SIG_IGN);
  fault_begin (fault_name);
  pid_t pid = start (argv + 2);
  pass_banner ();
  if (pthread_create (&thread, NULL, pump_client, NULL) != 0)
    return 2;
  pump (FROM_SERVER, server_output);
  if (waitpid (pid, &status, 0) != pid || !WIFEXITED (status))
    return 1;
  _exit (WEXITSTATUS (status));
}
