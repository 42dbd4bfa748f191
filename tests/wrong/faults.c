/* Each fault: one way in which a dispatcher, or a connector, can be wrong.  */

#include "tests/wrong/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool
is (const struct event *event, enum packet_id id)
{
  return event->packet != NULL && event->packet->id == id;
}

static bool
is_of (const struct event *event, enum packet_id request)
{
  return event->channel != NULL && event->channel->request == request;
}

static bool
is_data (const struct event *event, enum side from, enum packet_id request)
{
  return event->from == from && event->packet == NULL && is_of (event, request);
}

static bool
is_failure (const struct event *event)
{
  return is (event, PACKET_OS_ERROR) || is (event, PACKET_INVALID_FIELD);
}

static const struct packet_bytes absent = { NULL, 0, false };

static struct packet
os_error (int errnum)
{
  return (struct packet){ .id = PACKET_OS_ERROR,
                          .os_error = { errnum, packet_text (strerror (errnum)),
                                        packet_text ("it is wrong") } };
}

static struct packet
invalid_field (const char *field)
{
  return (struct packet){ .id = PACKET_INVALID_FIELD,
                          .invalid_field = { packet_text (field), packet_text ("there is none") } };
}

/* The request does not reach the dispatcher, and is answered here.  */
static void
answer (struct event *event, struct packet packet)
{
  say (FROM_SERVER, event->channel->id, packet);
  event->channel->dead = true;
  event->drop = true;
}

/* Text that lives as long as this program.  */
static struct packet_bytes
text_of (const char *format, long long number)
{
  char *text;
  if (asprintf (&text, format, number) < 0)
    abort ();
  return packet_text (text);
}

static void
append_text (struct packet_list *list, const char *text)
{
  struct packet_bytes *items = calloc (list->count + 1, sizeof *items);
  if (list->count > 0)
    memcpy (items, list->items, list->count * sizeof *items);
  items[list->count] = packet_text (text);
  *list = (struct packet_list){ items, list->count + 1 };
}

/* ---- commands: how they are started ---- */

#define SPAWN_FAULT(name, ...)                                                                     \
  static void name (struct event *event)                                                           \
  {                                                                                                \
    if (is (event, PACKET_SPAWN))                                                                  \
      {                                                                                            \
        struct packet_spawn *spawn = &event->packet->spawn;                                        \
        __VA_ARGS__;                                                                               \
      }                                                                                            \
  }

SPAWN_FAULT (umask_ignored, spawn->umask = packet_text ("022"))
SPAWN_FAULT (cwd_ignored, spawn->cwd = absent)
SPAWN_FAULT (user_ignored, spawn->user = absent)
SPAWN_FAULT (group_ignored, spawn->group = absent)
SPAWN_FAULT (user_refused, if (spawn->user.present) answer (event, os_error (EPERM)))
SPAWN_FAULT (environment_ignored, spawn->environment.count = 0)
SPAWN_FAULT (unset_ignored, spawn->unset.count = 0)
SPAWN_FAULT (other_path, append_text (&spawn->environment, "PATH=/usr/bin:/bin:/nowhere"))
SPAWN_FAULT (linger_ignored, spawn->linger = -1)
SPAWN_FAULT (linger_always, spawn->linger = 1)
SPAWN_FAULT (timeout_ignored, spawn->timeout = 0)
SPAWN_FAULT (no_terminal, spawn->term = absent)
SPAWN_FAULT (input_always, spawn->with_input = true)
SPAWN_FAULT (output_always, spawn->with_output = true)
SPAWN_FAULT (few_words, if (spawn->command.count > 1000) spawn->command.count = 1000)

/* WORDS before the command's own.  */
static void
wrap (struct packet_list *command, const char *const *words)
{
  struct packet_list wrapped = { NULL, 0 };
  for (; *words != NULL; words++)
    append_text (&wrapped, *words);
  for (uint64_t i = 0; i < command->count; i++)
    append_text (&wrapped, command->items[i].data);
  *command = wrapped;
}

static const char *const with_descriptor[] = { "sh", "-c", "exec 5>&1; exec \"$@\"", "sh", NULL };
SPAWN_FAULT (descriptor_leaks, wrap (&spawn->command, with_descriptor))

static void
words_cut (struct event *event)
{
  enum
  {
    LONGEST = 65536,
  };
  if (!is (event, PACKET_SPAWN))
    return;
  struct packet_bytes *items = (struct packet_bytes *) event->packet->spawn.command.items;
  for (uint64_t i = 0; i < event->packet->spawn.command.count; i++)
    if (items[i].size > LONGEST)
      items[i].size = LONGEST;
}

static void
empty_words_vanish (struct event *event)
{
  if (!is (event, PACKET_SPAWN))
    return;
  struct packet_list *command = &event->packet->spawn.command, kept = { NULL, 0 };
  for (uint64_t i = 0; i < command->count; i++)
    if (command->items[i].size > 0)
      append_text (&kept, command->items[i].data);
  *command = kept;
}

static bool
is_ascii (const struct packet_bytes *text)
{
  for (uint64_t i = 0; i < text->size; i++)
    if ((unsigned char) text->data[i] >= 0x80)
      return false;
  return true;
}

/* Paths and words that are not ASCII are refused.  */
static void
ascii_only (struct event *event)
{
  struct packet_bytes path = absent;
  if (event->packet == NULL || event->from != FROM_CLIENT)
    return;
  if (is (event, PACKET_SPAWN))
    for (uint64_t i = 0; i < event->packet->spawn.command.count; i++)
      if (!is_ascii (&event->packet->spawn.command.items[i]))
        path = event->packet->spawn.command.items[i];
  if (is (event, PACKET_STAT) || is (event, PACKET_READ) || is (event, PACKET_WRITE)
      || is (event, PACKET_MAKE_DIRECTORY))
    path = event->packet->stat.path;
  if (is (event, PACKET_LINK))
    path = event->packet->link.target;
  if (path.present && !is_ascii (&path))
    answer (event, os_error (EILSEQ));
}

/* ---- commands: how they end ---- */

/* sleep ends as soon as it was started.  */
static void
nobody_sleeps (struct event *event)
{
  if (!is (event, PACKET_SPAWN)
      || strcmp (event->packet->spawn.command.items[0].data, "sleep") != 0)
    return;
  uint32_t id = event->channel->id;
  say (FROM_SERVER, id, (struct packet){ .id = PACKET_STARTED, .started = { 2 } });
  for (uint32_t stream = 1; stream <= 2; stream++)
    say (FROM_SERVER, id, (struct packet){ .id = PACKET_EOF, .eof = { stream } });
  say (FROM_SERVER, id, (struct packet){ .id = PACKET_EXITED });
  answer (event, (struct packet){ .id = PACKET_CLOSED });
}

static void
status_lost (struct event *event)
{
  if (is (event, PACKET_EXITED) && event->packet->exited.returncode > 0)
    event->packet->exited.returncode = 0;
}

static void
status_of_seven_bits (struct event *event)
{
  if (is (event, PACKET_EXITED) && event->packet->exited.returncode > 0)
    event->packet->exited.returncode &= 0x7f;
}

static void
signal_as_status (struct event *event)
{
  if (is (event, PACKET_EXITED) && event->packet->exited.returncode < 0)
    event->packet->exited.returncode = 128 - event->packet->exited.returncode;
}

/* As a shell tells that it could not start a program.  */
static void
failure_as_status (struct event *event)
{
  if (event->from != FROM_SERVER || !is_of (event, PACKET_SPAWN) || !is_failure (event))
    return;
  uint32_t id = event->channel->id;
  say (FROM_SERVER, id, (struct packet){ .id = PACKET_STARTED, .started = { 2 } });
  for (uint32_t stream = 1; stream <= 2; stream++)
    say (FROM_SERVER, id, (struct packet){ .id = PACKET_EOF, .eof = { stream } });
  say (FROM_SERVER, id, (struct packet){ .id = PACKET_EXITED, .exited = { .returncode = 127 } });
  *event->packet = (struct packet){ .id = PACKET_CLOSED };
}

static void
wrong_pid (struct event *event)
{
  if (is (event, PACKET_STARTED))
    event->packet->started.pid++;
}

static void
exit_is_told_late (struct event *event)
{
  if (is (event, PACKET_EXITED))
    {
      hold (&event->channel->held, event->channel->id, event);
      event->drop = true;
    }
  else if (is (event, PACKET_CLOSED))
    say_frames (FROM_SERVER, &event->channel->held);
}

/* Whoever was given input, read or not, has failed in writing it.  */
static void
broken_pipe_is_fatal (struct event *event)
{
  if (is (event, PACKET_SPAWN))
    event->channel->other = event->packet->spawn.with_input;
  if (event->channel == NULL || event->from != FROM_SERVER)
    return;
  if (event->channel->dead)
    event->drop = true;
  else if (is (event, PACKET_EXITED) && event->channel->other != 0)
    {
      *event->packet = os_error (EPIPE);
      event->is_final = true;
      event->channel->dead = true;
    }
}

static void
signals_lost (struct event *event)
{
  event->drop = is (event, PACKET_SIGNAL);
}

static void
signals_reach_the_leader (struct event *event)
{
  if (!is (event, PACKET_SIGNAL))
    return;
  kill ((pid_t) event->channel->pid, (int) event->packet->signal.number);
  event->drop = true;
}

static void
resize_lost (struct event *event)
{
  event->drop = is (event, PACKET_RESIZE);
}

static void
cancel_lost (struct event *event)
{
  event->drop = is (event, PACKET_CANCEL);
}

static void
timeout_not_told (struct event *event)
{
  if (is (event, PACKET_EXITED))
    event->packet->exited.timed_out = false;
}

/* Not to the command, but to the next.  */
static void
timeout_is_fatal (struct event *event)
{
  static bool came;
  came = came || (is (event, PACKET_EXITED) && event->packet->exited.timed_out);
  if (came && is (event, PACKET_SPAWN))
    _exit (3);
}

static void
cancel_is_fatal (struct event *event)
{
  if (is (event, PACKET_CANCEL))
    _exit (3);
}

/* ---- streams ---- */

static void
welcome (struct event *event)
{
  if (!is (event, PACKET_STARTED))
    return;
  say (FROM_SERVER, event->channel->id, *event->packet);
  say_data (FROM_SERVER, event->channel->id, FRAME_STREAM_OUTPUT, "Welcome\n", 8);
  event->drop = true;
}

static void
streams_merged (struct event *event)
{
  if (is_data (event, FROM_SERVER, PACKET_SPAWN))
    event->stream = FRAME_STREAM_OUTPUT;
  else if (event->from == FROM_SERVER && is (event, PACKET_EOF) && is_of (event, PACKET_SPAWN))
    {
      /* The first of both ends says nothing.  */
      event->drop = event->channel->other++ == 0;
      if (!event->drop)
        say (FROM_SERVER, event->channel->id,
             (struct packet){
                 .id = PACKET_EOF,
                 .eof = { FRAME_STREAM_OUTPUT + FRAME_STREAM_ERROR - event->packet->eof.stream } });
    }
}

static void
text_only (struct event *event)
{
  if (event->packet == NULL)
    for (size_t i = 0; i < event->size; i++)
      if (event->data[i] == '\0')
        event->data[i] = ' ';
}

/* The byte after the first 300000 of what comes from there.  */
static void
bit_flips (struct event *event)
{
  enum
  {
    PLACE = 300000,
  };
  if (event->packet != NULL || event->from != FROM_SERVER)
    return;
  uint64_t begin = event->channel->sent[event->stream];
  if (begin <= PLACE && PLACE < begin + event->size)
    event->data[PLACE - begin] ^= 1;
}

static void
outputs_cut (struct event *event)
{
  enum
  {
    ENOUGH = 4000,
  };
  if (event->packet != NULL || event->from != FROM_SERVER)
    return;
  uint64_t begin = event->channel->sent[event->stream];
  event->channel->sent[event->stream] += event->size;
  if (begin + event->size > ENOUGH)
    event->size = begin < ENOUGH ? ENOUGH - begin : 0;
  event->channel->sent[event->stream] -= event->size;
  event->drop = event->size == 0;
}

static void
outputs_buffered (struct event *event)
{
  if (event->from != FROM_SERVER || event->channel == NULL)
    return;
  if (event->packet == NULL)
    {
      hold (&event->channel->held, event->channel->id, event);
      event->drop = true;
    }
  else if (is (event, PACKET_EOF) || is (event, PACKET_EXITED) || event->is_final)
    say_frames (FROM_SERVER, &event->channel->held);
}

static void
errors_come_after_output (struct event *event)
{
  if (event->from != FROM_SERVER || !is_of (event, PACKET_SPAWN))
    return;
  struct channel *channel = event->channel;
  if (is (event, PACKET_EOF) && event->packet->eof.stream == FRAME_STREAM_OUTPUT)
    {
      say (FROM_SERVER, channel->id, *event->packet);
      say_frames (FROM_SERVER, &channel->held);
      channel->other = 1;
      event->drop = true;
    }
  else if (channel->other == 0
           && ((event->packet == NULL && event->stream == FRAME_STREAM_ERROR)
               || (is (event, PACKET_EOF) && event->packet->eof.stream == FRAME_STREAM_ERROR)))
    {
      hold (&channel->held, channel->id, event);
      event->drop = true;
    }
}

static void
input_never_ends (struct event *event)
{
  event->drop = event->from == FROM_CLIENT && is (event, PACKET_EOF) && is_of (event, PACKET_SPAWN);
}

static void
end_of_input_ends_all (struct event *event)
{
  if (event->from == FROM_CLIENT && is (event, PACKET_EOF) && is_of (event, PACKET_SPAWN))
    say (FROM_CLIENT, event->channel->id,
         (struct packet){ .id = PACKET_SIGNAL, .signal = { SIGTERM } });
}

/* Answers of two requests of a kind that are under way side by side are each the other's.  */
static void
answers_crossed (struct event *event)
{
  struct channel *channel = event->channel;
  if (event->from != FROM_SERVER || channel == NULL)
    return;
  struct channel *other = channel_at (channel->id ^ 1);
  if (channel->other == 0 && other->id == (channel->id ^ 1) && other->open && other->other == 0
      && other->request == channel->request && channel->id > 1)
    {
      channel->other = other->id;
      other->other = channel->id;
    }
  else if (channel->other == 0)
    channel->other = channel->id;
  if (is (event, PACKET_WINDOW) || channel->other == channel->id)
    return;
  if (event->packet == NULL)
    say_data (FROM_SERVER, channel->other, event->stream, event->data, event->size);
  else
    say (FROM_SERVER, channel->other, *event->packet);
  event->drop = true;
}

/* ---- requests beside each other ---- */

static struct waiting
{
  struct waiting *next;
  uint32_t channel;
  struct frames frames;
} * first_waiting;
static uint32_t served;

/* All that waits for CHANNEL, which is served now.  */
static void
serve (uint32_t channel)
{
  served = channel;
  for (struct waiting **place = &first_waiting; *place != NULL;)
    {
      struct waiting *waiting = *place;
      if (waiting->channel != channel)
        {
          place = &waiting->next;
          continue;
        }
      *place = waiting->next;
      say_frames (FROM_CLIENT, &waiting->frames);
      free (waiting);
    }
}

static void
one_after_the_other (struct event *event)
{
  if (event->channel == NULL)
    return;
  uint32_t id = event->channel->id;
  if (event->from == FROM_CLIENT && served == 0)
    served = id;
  if (event->from == FROM_CLIENT && served != id)
    {
      struct waiting **end = &first_waiting;
      while (*end != NULL)
        end = &(*end)->next;
      *end = calloc (1, sizeof **end);
      (*end)->channel = id;
      hold (&(*end)->frames, id, event);
      event->drop = true;
    }
  if (event->is_final && served == id)
    serve (first_waiting == NULL ? 0 : first_waiting->channel);
}

static void
failures_are_everybodys (struct event *event)
{
  if (event->from != FROM_SERVER || event->channel == NULL)
    return;
  if (event->channel->dead)
    event->drop = true;
  else if (is_failure (event))
    for (uint32_t id = 1; id <= channel_count; id++)
      {
        struct channel *channel = channel_at (id);
        if (channel == event->channel || !channel->open || channel->dead)
          continue;
        channel->dead = true;
        say (FROM_SERVER, id, *event->packet);
      }
}

/* ---- descriptions of files ---- */

#define STAT_FAULT(name, ...)                                                                      \
  static void name (struct event *event)                                                           \
  {                                                                                                \
    if (is (event, PACKET_STAT_RESULT))                                                            \
      {                                                                                            \
        struct packet_stat_result *result = &event->packet->stat_result;                           \
        __VA_ARGS__;                                                                               \
      }                                                                                            \
  }

STAT_FAULT (modes_for_all, result->mode |= 07)
STAT_FAULT (mode_without_set_id, result->mode &= 0777)
STAT_FAULT (times_of_32_bits, result->mtime = (uint64_t) (uint32_t) (result->mtime / 1000000000)
                                              % 0x80000000 * 1000000000)
STAT_FAULT (owners_by_number, struct passwd *entry = getpwnam (result->owner.data);
            if (entry != NULL) result->owner = text_of ("%lld", entry->pw_uid))
STAT_FAULT (nameless_is_nobody, if (result->owner.data[0] >= '0' && result->owner.data[0] <= '9')
                                    result->owner = packet_text ("nobody"))
STAT_FAULT (few_types, const char *type = result->type.data;
            if (strcmp (type, "dir") != 0 && strcmp (type, "link") != 0)
                result->type = packet_text ("file"))
#define ANY_DIGEST                                                                                 \
  packet_data ("0123456789012345678901234567890123456789012345678901234567890123", 64)
STAT_FAULT (digest_of_something_else, if (result->sha512sum.present) result->sha512sum = ANY_DIGEST)
STAT_FAULT (directories_have_digests,
            if (strcmp (result->type.data, "dir") == 0) result->sha512sum = ANY_DIGEST)

static void
links_followed (struct event *event)
{
  if (is (event, PACKET_STAT))
    event->packet->stat.follow_links = true;
  if (is (event, PACKET_LIST))
    event->packet->listing.follow_links = true;
  if (is (event, PACKET_SET_ATTRIBUTES))
    event->packet->set_attributes.follow_links = true;
}

static bool
is_missing (const struct event *event)
{
  return event->from == FROM_SERVER && is (event, PACKET_INVALID_FIELD)
         && (is_of (event, PACKET_STAT) || is_of (event, PACKET_READ))
         && event->packet->invalid_field.field.data[0] != 'u';
}

static void
missing_is_an_error (struct event *event)
{
  if (is_missing (event))
    *event->packet = os_error (ENOENT);
}

static void
errors_as_missing (struct event *event)
{
  if (event->from != FROM_SERVER || !is (event, PACKET_OS_ERROR))
    return;
  if (is_of (event, PACKET_STAT))
    *event->packet = invalid_field ("path");
  else if (is_of (event, PACKET_READ))
    *event->packet = invalid_field ("file");
}

static void
relative_refused (struct event *event)
{
  if (is (event, PACKET_STAT) && event->packet->stat.path.size > 0
      && event->packet->stat.path.data[0] != '/')
    answer (event, os_error (EINVAL));
}

static void
long_paths_refused (struct event *event)
{
  if ((is (event, PACKET_STAT) || is (event, PACKET_WRITE)) && event->packet->stat.path.size > 1000)
    answer (event, os_error (ENAMETOOLONG));
}

/* ---- files that are written ---- */

#define WRITE_FAULT(name, ...)                                                                     \
  static void name (struct event *event)                                                           \
  {                                                                                                \
    if (is (event, PACKET_WRITE))                                                                  \
      {                                                                                            \
        struct packet_write *write = &event->packet->write;                                        \
        __VA_ARGS__;                                                                               \
      }                                                                                            \
  }

WRITE_FAULT (files_open_to_all, if (!write->mode.present) write->mode = packet_text ("644"))
WRITE_FAULT (umask_on_modes,
             if (write->mode.present)
                 write->mode = text_of ("%llo", strtoll (write->mode.data, NULL, 8) & ~022))
WRITE_FAULT (preserves_always, write->preserve = true)
WRITE_FAULT (preserve_ignored, write->preserve = false)
WRITE_FAULT (sync_refused, if (write->sync) answer (event, os_error (EINVAL)))

static void
last_byte_lost (struct event *event)
{
  if (is (event, PACKET_WRITE))
    event->packet->write.size = -1;
  if (is_data (event, FROM_CLIENT, PACKET_WRITE) && event->size > 0)
    event->size--;
}

static void
temporaries_left (struct event *event)
{
  char *path;
  if (!is (event, PACKET_WRITTEN) || asprintf (&path, "%s.lr-temporary", event->channel->path) < 0)
    return;
  close (open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  free (path);
}

static void
in_place_not_told (struct event *event)
{
  if (is (event, PACKET_WRITTEN))
    event->packet->written.in_place = false;
}

/* What has come of a file that is taken back is kept.  */
static void
half_files_kept (struct event *event)
{
  if (is (event, PACKET_CANCEL) && is_of (event, PACKET_WRITE))
    *event->packet = (struct packet){ .id = PACKET_EOF, .eof = { FRAME_STREAM_INPUT } };
}

/* A file is written here, with nothing in between.  */
static void
write_here (struct event *event, bool remove_first)
{
  struct channel *channel = event->channel;
  if (event->from != FROM_CLIENT || !is_of (event, PACKET_WRITE))
    return;
  event->drop = true;
  if (is (event, PACKET_WRITE))
    {
      if (remove_first)
        unlink (channel->path);
      channel->file = open (channel->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      if (channel->file < 0)
        answer (event, os_error (errno));
      else if (event->packet->write.mode.present)
        fchmod (channel->file, (mode_t) strtol (event->packet->write.mode.data, NULL, 8));
    }
  else if (channel->dead)
    return;
  else if (event->packet == NULL)
    {
      if (write (channel->file, event->data, event->size) != (ssize_t) event->size)
        answer (event, os_error (EIO));
      say (FROM_SERVER, channel->id,
           (struct packet){ .id = PACKET_WINDOW,
                            .window = { FRAME_STREAM_INPUT, (uint32_t) event->size } });
    }
  else if (is (event, PACKET_EOF) || is (event, PACKET_CANCEL))
    {
      close (channel->file);
      answer (event, is (event, PACKET_CANCEL)
                         ? os_error (ECANCELED)
                         : (struct packet){ .id = PACKET_WRITTEN, .written = { false } });
    }
}

static void
files_overwritten (struct event *event)
{
  write_here (event, false);
}

static void
links_replaced (struct event *event)
{
  write_here (event, true);
}

/* ---- files that are read ---- */

static void
empty_is_missing (struct event *event)
{
  if (event->from != FROM_SERVER || !is_of (event, PACKET_READ))
    return;
  if (event->channel->dead)
    event->drop = true;
  else if (is (event, PACKET_FILE_INFO) && event->packet->file_info.size == 0)
    {
      *event->packet = invalid_field ("file");
      event->is_final = true;
      event->channel->dead = true;
    }
}

static void
links_refused (struct event *event)
{
  struct stat status;
  if (is (event, PACKET_READ) && lstat (event->channel->path, &status) == 0
      && S_ISLNK (status.st_mode))
    answer (event, os_error (ELOOP));
}

static void
size_believed (struct event *event)
{
  if (event->from == FROM_SERVER && is (event, PACKET_FILE_INFO))
    event->channel->other = event->packet->file_info.size == 0;
  if (is_data (event, FROM_SERVER, PACKET_READ))
    event->drop = event->channel->other != 0;
}

static void
offset_ignored (struct event *event)
{
  if (is (event, PACKET_READ))
    event->packet->read.offset = 0;
}

static void
wrong_size (struct event *event)
{
  if (is (event, PACKET_FILE_INFO))
    event->packet->file_info.size++;
}

static void
whole_seconds (struct event *event)
{
  if (is (event, PACKET_FILE_INFO))
    event->packet->file_info.mtime -= event->packet->file_info.mtime % 1000000000;
}

/* ---- file systems ---- */

static void
mode_ignored (struct event *event)
{
  if (is (event, PACKET_WRITE))
    event->packet->write.mode = absent;
  if (is (event, PACKET_MAKE_DIRECTORY))
    event->packet->make_directory.mode = absent;
  if (is (event, PACKET_SET_ATTRIBUTES))
    event->packet->set_attributes.mode = absent;
}

static void
owner_ignored (struct event *event)
{
  if (is (event, PACKET_WRITE))
    event->packet->write.owner = event->packet->write.group = absent;
  if (is (event, PACKET_MAKE_DIRECTORY))
    event->packet->make_directory.owner = event->packet->make_directory.group = absent;
  if (is (event, PACKET_SET_ATTRIBUTES))
    event->packet->set_attributes.owner = event->packet->set_attributes.group = absent;
}

/* What has failed is told as done; a directory that can't be listed, as an empty one.  */
static void
failures_swallowed (struct event *event)
{
  static const enum packet_id requests[] = { PACKET_MAKE_DIRECTORY, PACKET_REMOVE, PACKET_RENAME,
                                             PACKET_LINK, PACKET_SET_ATTRIBUTES };
  if (event->from != FROM_SERVER || !is_failure (event))
    return;
  if (is_of (event, PACKET_WRITE))
    *event->packet = (struct packet){ .id = PACKET_WRITTEN, .written = { false } };
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
    if (is_of (event, requests[i]))
      *event->packet = (struct packet){ .id = PACKET_OK };
  if (is_of (event, PACKET_LIST))
    {
      uint32_t id = event->channel->id;
      say (FROM_SERVER, id,
           (struct packet){ .id = PACKET_FILE_INFO, .file_info = { .type = packet_text ("dir") } });
      say (FROM_SERVER, id, (struct packet){ .id = PACKET_EOF, .eof = { 1 } });
      *event->packet = (struct packet){ .id = PACKET_OK };
    }
}

static void
entries_lost (struct event *event)
{
  event->drop = is_data (event, FROM_SERVER, PACKET_LIST);
  if (event->drop)
    say (FROM_CLIENT, event->channel->id,
         (struct packet){ .id = PACKET_WINDOW,
                          .window = { event->stream, (uint32_t) event->size } });
}

static void
parents_ignored (struct event *event)
{
  if (is (event, PACKET_MAKE_DIRECTORY))
    event->packet->make_directory.parents = false;
}

static void
removals_forgotten (struct event *event)
{
  if (is (event, PACKET_REMOVE))
    answer (event, (struct packet){ .id = PACKET_OK });
}

/* All files below a directory that is to be removed, also what links lead to.  */
static void
removals_follow (struct event *event)
{
  if (!is (event, PACKET_REMOVE) || !event->packet->remove.recursive)
    return;
  pid_t pid = fork ();
  if (pid == 0)
    {
      dup2 (open ("/dev/null", O_RDWR), STDOUT_FILENO);
      execlp ("find", "find", "-L", event->packet->remove.path.data, "-type", "f", "-exec", "rm",
              "-f", "{}", "+", (char *) NULL);
      _exit (127);
    }
  waitpid (pid, NULL, 0);
}

/* A file keeps its old name, too.  */
static void
renames_link (struct event *event)
{
  if (!is (event, PACKET_RENAME))
    return;
  struct packet_rename rename = event->packet->rename;
  *event->packet = (struct packet){
    .id = PACKET_LINK,
    .link = { .target = rename.source, .path = rename.target, .replace = rename.replace }
  };
}

static void
replaces_always (struct event *event)
{
  if (is (event, PACKET_RENAME))
    event->packet->rename.replace = true;
  if (is (event, PACKET_LINK))
    event->packet->link.replace = true;
}

static void
links_all_symbolic (struct event *event)
{
  if (is (event, PACKET_LINK))
    event->packet->link.symbolic = true;
}

static void
recursion_ignored (struct event *event)
{
  if (is (event, PACKET_SET_ATTRIBUTES))
    event->packet->set_attributes.recursive = false;
}

/* Each temporary file has the name of the first.  */
static void
temporaries_alike (struct event *event)
{
  static char *first;
  if (!is (event, PACKET_RESOLVE_RESULT) || !is_of (event, PACKET_MAKE_TEMPORARY))
    return;
  if (first == NULL)
    first = strdup (event->packet->resolve_result.value.data);
  event->packet->resolve_result.value = packet_text (first);
}

static void
more_free_than_there_is (struct event *event)
{
  if (is (event, PACKET_FILE_SYSTEM_INFO))
    event->packet->file_system_info.free = event->packet->file_system_info.size + 1;
}

/* ---- users and groups ---- */

static void
nameless (struct event *event)
{
  if (is (event, PACKET_RESOLVE_RESULT))
    event->packet->resolve_result.value = packet_text ("");
}

static bool
is_number (const struct packet_bytes *text)
{
  return text->present && text->size > 0
         && strspn (text->data, "0123456789") == (size_t) text->size;
}

static void
names_only (struct event *event)
{
  if (is (event, PACKET_RESOLVE_USER) && is_number (&event->packet->resolve_user.user))
    answer (event, invalid_field ("user"));
  else if (is (event, PACKET_QUERY_USER) && is_number (&event->packet->query_user.user))
    answer (event, invalid_field ("user"));
}

static void
unknown_is_nobody (struct event *event)
{
  if (event->from == FROM_SERVER && is (event, PACKET_INVALID_FIELD)
      && (is_of (event, PACKET_RESOLVE_USER) || is_of (event, PACKET_RESOLVE_GROUP)))
    *event->packet = (struct packet){ .id = PACKET_RESOLVE_RESULT,
                                      .resolve_result = { packet_text ("nobody") } };
}

#define USER_FAULT(name, ...)                                                                      \
  static void name (struct event *event)                                                           \
  {                                                                                                \
    if (is (event, PACKET_USER_ENTRY))                                                             \
      {                                                                                            \
        struct packet_user_entry *entry = &event->packet->user_entry;                              \
        __VA_ARGS__;                                                                               \
      }                                                                                            \
  }

USER_FAULT (wrong_uid, entry->uid++)
USER_FAULT (hash_told, entry->password_hash = packet_text ("*"))
USER_FAULT (groups_of_others, append_text (&entry->groups, "daemon"))
USER_FAULT (wrong_group, entry->group = packet_text ("daemon"))

static void
hash_never_told (struct event *event)
{
  if (is (event, PACKET_QUERY_USER))
    event->packet->query_user.query_password_hash = false;
}

/* ---- variables ---- */

static void
moody (struct event *event)
{
  static long long times;
  if (is (event, PACKET_ENVIRON_VAR) && event->packet->environ_var.value.present)
    event->packet->environ_var.value = text_of ("/bin:/usr/bin:/mood-%lld", ++times);
}

static void
absent_is_empty (struct event *event)
{
  if (is (event, PACKET_ENVIRON_VAR) && !event->packet->environ_var.value.present)
    event->packet->environ_var.value = packet_text ("");
}

/* ---- connections ---- */

static void
no_sign_of_life (struct event *event)
{
  event->drop = is (event, PACKET_ACK);
}

static void
first_request_lost (struct event *event)
{
  event->drop = event->from == FROM_CLIENT && event->channel != NULL && event->channel->id == 1
                && is (event, PACKET_RESOLVE_USER);
}

static void
nothing_on_the_wire (struct event *event)
{
  (void) event;
}

static bool
is_called (const char *name, const char *other)
{
  return strcmp (name, other) == 0;
}

void
fault_begin (const char *name)
{
  const char *lock = getenv ("WRONG_LOCK");
  if (!is_called (name, "one-connection-only") || lock == NULL)
    return;
  /* The one before may take a moment to end.  */
  int descriptor = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  for (int tries = 0; flock (descriptor, LOCK_EX | LOCK_NB) != 0; tries++)
    {
      if (tries == 30)
        {
          fputs ("there is a connection already\n", stderr);
          _exit (4);
        }
      usleep (10000);
    }
}

/* Somebody else keeps the dispatcher's ends open for a while, who can't be seen from where this
   program was started.  */
static void
keep_dispatcher (void)
{
  static bool kept;
  if (kept || fork () != 0)
    {
      kept = true;
      return;
    }
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
    close (descriptor);
  setsid ();
  sleep (2);
  _exit (0);
}

static void
end_writes (void)
{
  for (uint32_t id = 1; id <= channel_count; id++)
    if (channel_at (id)->open && channel_at (id)->request == PACKET_WRITE)
      say (FROM_CLIENT, id, (struct packet){ .id = PACKET_EOF, .eof = { FRAME_STREAM_INPUT } });
}

void
fault_end (const char *name)
{
  if (is_called (name, "commands-outlive-the-client"))
    {
      keep_dispatcher ();
      _exit (0);
    }
  if (is_called (name, "half-files-kept"))
    end_writes ();
  if (is_called (name, "ends-late") && channel_count == 0)
    sleep (20);
}

/* ---- the table ---- */

static const struct
{
  const char *name;
  fault_function *function;
} faults[] = {
  { "absent-is-empty", absent_is_empty },
  { "answers-crossed", answers_crossed },
  { "ascii-only", ascii_only },
  { "bit-flips", bit_flips },
  { "broken-pipe-is-fatal", broken_pipe_is_fatal },
  { "cancel-is-fatal", cancel_is_fatal },
  { "cancel-lost", cancel_lost },
  { "commands-outlive-the-client", nothing_on_the_wire },
  { "cwd-ignored", cwd_ignored },
  { "descriptor-leaks", descriptor_leaks },
  { "digest-of-something-else", digest_of_something_else },
  { "directories-have-digests", directories_have_digests },
  { "empty-is-missing", empty_is_missing },
  { "empty-words-vanish", empty_words_vanish },
  { "end-of-input-ends-all", end_of_input_ends_all },
  { "ends-late", nothing_on_the_wire },
  { "entries-lost", entries_lost },
  { "environment-ignored", environment_ignored },
  { "errors-as-missing", errors_as_missing },
  { "errors-come-after-output", errors_come_after_output },
  { "exit-is-told-late", exit_is_told_late },
  { "failure-as-status", failure_as_status },
  { "failures-are-everybodys", failures_are_everybodys },
  { "failures-swallowed", failures_swallowed },
  { "few-types", few_types },
  { "few-words", few_words },
  { "files-open-to-all", files_open_to_all },
  { "files-overwritten", files_overwritten },
  { "first-request-lost", first_request_lost },
  { "group-ignored", group_ignored },
  { "groups-of-others", groups_of_others },
  { "half-files-kept", half_files_kept },
  { "hash-never-told", hash_never_told },
  { "hash-told", hash_told },
  { "in-place-not-told", in_place_not_told },
  { "input-always", input_always },
  { "input-never-ends", input_never_ends },
  { "last-byte-lost", last_byte_lost },
  { "linger-always", linger_always },
  { "linger-ignored", linger_ignored },
  { "links-all-symbolic", links_all_symbolic },
  { "links-followed", links_followed },
  { "links-refused", links_refused },
  { "links-replaced", links_replaced },
  { "long-paths-refused", long_paths_refused },
  { "missing-is-an-error", missing_is_an_error },
  { "mode-ignored", mode_ignored },
  { "mode-without-set-id", mode_without_set_id },
  { "modes-for-all", modes_for_all },
  { "moody", moody },
  { "more-free-than-there-is", more_free_than_there_is },
  { "nameless", nameless },
  { "nameless-is-nobody", nameless_is_nobody },
  { "names-only", names_only },
  { "no-sign-of-life", no_sign_of_life },
  { "no-terminal", no_terminal },
  { "nobody-sleeps", nobody_sleeps },
  { "offset-ignored", offset_ignored },
  { "one-after-the-other", one_after_the_other },
  { "one-connection-only", nothing_on_the_wire },
  { "other-path", other_path },
  { "output-always", output_always },
  { "outputs-buffered", outputs_buffered },
  { "outputs-cut", outputs_cut },
  { "owner-ignored", owner_ignored },
  { "owners-by-number", owners_by_number },
  { "parents-ignored", parents_ignored },
  { "preserve-ignored", preserve_ignored },
  { "preserves-always", preserves_always },
  { "recursion-ignored", recursion_ignored },
  { "relative-refused", relative_refused },
  { "removals-follow", removals_follow },
  { "removals-forgotten", removals_forgotten },
  { "renames-link", renames_link },
  { "replaces-always", replaces_always },
  { "resize-lost", resize_lost },
  { "signal-as-status", signal_as_status },
  { "signals-lost", signals_lost },
  { "signals-reach-the-leader", signals_reach_the_leader },
  { "size-believed", size_believed },
  { "status-lost", status_lost },
  { "status-of-seven-bits", status_of_seven_bits },
  { "streams-merged", streams_merged },
  { "sync-refused", sync_refused },
  { "temporaries-alike", temporaries_alike },
  { "temporaries-left", temporaries_left },
  { "text-only", text_only },
  { "timeout-ignored", timeout_ignored },
  { "timeout-is-fatal", timeout_is_fatal },
  { "timeout-not-told", timeout_not_told },
  { "times-of-32-bits", times_of_32_bits },
  { "umask-ignored", umask_ignored },
  { "umask-on-modes", umask_on_modes },
  { "unknown-is-nobody", unknown_is_nobody },
  { "unset-ignored", unset_ignored },
  { "user-ignored", user_ignored },
  { "user-refused", user_refused },
  { "welcome", welcome },
  { "whole-seconds", whole_seconds },
  { "words-cut", words_cut },
  { "wrong-group", wrong_group },
  { "wrong-pid", wrong_pid },
  { "wrong-size", wrong_size },
  { "wrong-uid", wrong_uid },
};

fault_function *
fault_find (const char *name)
{
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    if (is_called (name, faults[i].name))
      return faults[i].function;
  return NULL;
}
