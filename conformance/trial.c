#include "conformance/trial.h"

#include "conformance/place.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- what a check says ---- */

void
fail_check (struct trial *trial, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (trial->sentence, sizeof trial->sentence, format, arguments);
  va_end (arguments);
  trial->outcome = CONFORMANCE_FAILED;
  longjmp (trial->end, 1);
}

void
leave_out (struct trial *trial, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (trial->sentence, sizeof trial->sentence, format, arguments);
  va_end (arguments);
  trial->outcome = CONFORMANCE_NOT_APPLICABLE;
  longjmp (trial->end, 1);
}

/* The first bytes of DATA, such that they can be shown.  */
static const char *
shown (const char *data, size_t size)
{
  static char rooms[4][200];
  static unsigned next;
  char *text = rooms[next++ % 4];
  size_t length = 0;
  if (data == NULL)
    return "nothing";
  for (size_t i = 0; i < size; i++)
    {
      unsigned char byte = (unsigned char) data[i];
      if (length > sizeof rooms[0] - 12)
        {
          strcpy (text + length, "...");
          return text;
        }
      if (byte >= ' ' && byte < 0x7f)
        text[length++] = (char) byte;
      else
        length += (size_t) sprintf (text + length, "\\x%02x", byte);
    }
  text[length] = '\0';
  return text;
}

static const char *
shown_text (const char *text)
{
  return shown (text, text == NULL ? 0 : strlen (text));
}

void
expect_number (struct trial *trial, const char *what, int64_t got, int64_t wanted)
{
  EXPECT (trial, got == wanted, "%s: expected %lld, got %lld", what, (long long) wanted,
          (long long) got);
}

void
expect_text (struct trial *trial, const char *what, const char *got, const char *wanted)
{
  EXPECT (trial, got != NULL && strcmp (got, wanted) == 0, "%s: expected \"%s\", got \"%s\"", what,
          shown_text (wanted), shown_text (got));
}

void
expect_bytes (struct trial *trial, const char *what, struct lr_bytes got, struct lr_bytes wanted)
{
  EXPECT (trial, got.data != NULL, "%s: expected %zu bytes, got that it is absent", what,
          wanted.size);
  size_t same = 0;
  while (same < got.size && same < wanted.size && got.data[same] == wanted.data[same])
    same++;
  EXPECT (trial, got.size == wanted.size && same == got.size,
          "%s: expected %zu bytes, got %zu, and what differs begins at byte %zu: expected \"%s\","
          " got \"%s\"",
          what, wanted.size, got.size, same, shown (wanted.data + same, wanted.size - same),
          shown (got.data + same, got.size - same));
  EXPECT (trial, got.data[got.size] == '\0', "%s: expected a NUL behind the bytes", what);
}

struct failure
remote_os (int errnum)
{
  return (struct failure){ LR_ERROR_REMOTE_OS, errnum, "" };
}

struct failure
invalid_value (const char *field)
{
  return (struct failure){ LR_ERROR_INVALID_VALUE, 0, field };
}

struct failure
kind_alone (enum lr_error_kind kind)
{
  return (struct failure){ kind, 0, "" };
}

void
expect_success (struct trial *trial, int status, const struct lr_error *error, const char *what)
{
  EXPECT (trial, status == 0, "%s: expected success, got %s%s%s%s: %s", what,
          lr_error_kind_name (error->kind), error->field[0] == '\0' ? "" : " (", error->field,
          error->field[0] == '\0' ? "" : ")", error->message);
}

/* Whether TEXT is UTF-8 without control characters.  */
static bool
is_clean (const char *text)
{
  const unsigned char *byte = (const unsigned char *) text;
  while (*byte != '\0')
    {
      size_t more = *byte < 0x80 ? 0 : *byte >= 0xf0 ? 3 : *byte >= 0xe0 ? 2 : 1;
      if (*byte < ' ' || *byte == 0x7f || (*byte >= 0x80 && *byte < 0xc2) || *byte > 0xf4
          || (*byte == 0xc2 && byte[1] < 0xa0))
        return false;
      byte++;
      for (; more > 0; more--, byte++)
        if ((*byte & 0xc0) != 0x80)
          return false;
    }
  return true;
}

void
expect_failure (struct trial *trial, int status, const struct lr_error *error,
                struct failure wanted, const char *what)
{
  EXPECT (trial, status != 0, "%s: expected %s%s%s, got success", what,
          lr_error_kind_name (wanted.kind), wanted.field[0] == '\0' ? "" : " of ", wanted.field);
  EXPECT (trial, error->kind == wanted.kind,
          "%s: expected an error of the kind %s, got %s (\"%s\", errno %d): %s", what,
          lr_error_kind_name (wanted.kind), lr_error_kind_name (error->kind), error->field,
          error->errnum, error->message);
  EXPECT (trial, wanted.errnum == 0 || error->errnum == wanted.errnum,
          "%s: expected errno %d, got %d: %s", what, wanted.errnum, error->errnum, error->message);
  EXPECT (trial, strcmp (error->field, wanted.field) == 0,
          "%s: expected that the error names \"%s\", got \"%s\": %s", what, wanted.field,
          error->field, error->message);
  size_t length = strlen (error->message);
  EXPECT (trial, length > 0 && error->message[length - 1] != '.' && is_clean (error->message),
          "%s: expected a sentence for a terminal without a final stop, got \"%s\"", what,
          shown_text (error->message));
  /* What is wrong with the arguments alone is found here, and is no hop's.  */
  if (error->hop == -1 && error->host[0] == '\0' && error->kind == LR_ERROR_INVALID_VALUE)
    return;
  /* On a way of several hops the time can be over at any of them.  */
  bool of_a_hop = error->kind == LR_ERROR_TIMEOUT && error->host[0] != '\0';
  EXPECT (trial, of_a_hop || strcmp (error->host, trial->target->host) == 0,
          "%s: expected that the error is of the host \"%s\", got \"%s\"", what,
          trial->target->host, shown_text (error->host));
  EXPECT (trial, error->hop >= 0, "%s: expected that the error says of which hop it is, got %d",
          what, error->hop);
}

/* ---- what a check holds ---- */

struct kept
{
  struct kept *next;
  void *thing;
  void (*let_go) (void *);
};

void
keep (struct trial *trial, void *thing, void (*let_go) (void *))
{
  if (thing == NULL)
    return;
  struct kept *kept = malloc (sizeof *kept);
  if (kept == NULL)
    {
      let_go (thing);
      fail_check (trial, "no memory here");
    }
  *kept = (struct kept){ trial->kept, thing, let_go };
  trial->kept = kept;
}

/* Let go of THING before the end.  */
static void
let_go_now (struct trial *trial, const void *thing)
{
  struct kept **place = &trial->kept;
  while (*place != NULL && (*place)->thing != thing)
    place = &(*place)->next;
  struct kept *kept = *place;
  if (kept == NULL)
    return;
  *place = kept->next;
  kept->let_go (kept->thing);
  free (kept);
}

void *
keep_memory (struct trial *trial, size_t size)
{
  void *memory = calloc (1, size);
  if (memory == NULL)
    fail_check (trial, "no memory here");
  keep (trial, memory, free);
  return memory;
}

static void
close_descriptor (void *thing)
{
  const int *descriptor = thing;
  close (*descriptor);
  free (thing);
}

int
keep_descriptor (struct trial *trial, int descriptor)
{
  int *kept = malloc (sizeof *kept);
  if (descriptor < 0 || kept == NULL)
    {
      free (kept);
      fail_check (trial, "a descriptor could not be made here");
    }
  *kept = descriptor;
  keep (trial, kept, close_descriptor);
  return descriptor;
}

void
make_pipe (struct trial *trial, int ends[2])
{
  if (pipe2 (ends, O_CLOEXEC) != 0)
    fail_check (trial, "no pipe here");
}

int
pipe_without_end (struct trial *trial)
{
  static const char some[] = "some of it";
  int ends[2];
  make_pipe (trial, ends);
  keep_descriptor (trial, ends[0]);
  keep_descriptor (trial, ends[1]);
  if (write (ends[1], some, strlen (some)) != (ssize_t) strlen (some))
    fail_check (trial, "the pipe here can't be written");
  return ends[0];
}

char *
keep_text (struct trial *trial, const char *format, ...)
{
  char *text;
  va_list arguments;
  va_start (arguments, format);
  int length = vasprintf (&text, format, arguments);
  va_end (arguments);
  if (length < 0)
    fail_check (trial, "no memory here");
  keep (trial, text, free);
  return text;
}

const char *
place (struct trial *trial, const char *name)
{
  const struct target *target = trial->target;
  if ((target->has & NEED (ROOM)) != 0)
    return keep_text (trial, "%s/%s.%s.%s", target->directory, trial->check->family,
                      trial->check->name, name);
  const char *path = keep_text (trial, "%s/%s%s", target->directory, target->prefix, name);
  place_leaves (trial->target, path);
  return path;
}

const char *
make_directory (struct trial *trial, const char *name)
{
  const char *path = place (trial, name);
  if ((trial->target->has & NEED (MKDIR)) != 0)
    RUN (trial, .command = WORDS ("mkdir", path));
  else
    MAKE_DIRECTORY (trial, .path = path);
  return path;
}

const char *
list_directory (struct trial *trial, const char *path)
{
  return shell_1 (trial,
                  "cd \"$1\" && for name in * .[!.]* ..?*; do"
                  " if [ -e \"$name\" ] || [ -L \"$name\" ]; then echo \"$name\"; fi; done",
                  path);
}

struct lr_bytes
noise (struct trial *trial, size_t size, unsigned seed)
{
  char *data = keep_memory (trial, size + 1);
  uint64_t state = seed * UINT64_C (2654435761) + 1;
  for (size_t i = 0; i < size; i++)
    {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      data[i] = (char) (state >> 32);
    }
  data[size] = '\0';
  return (struct lr_bytes){ data, size };
}

const char *
every_byte (void)
{
  static char bytes[256];
  for (int i = 1; i < 256; i++)
    bytes[i - 1] = (char) i;
  return bytes;
}

const char *
every_byte_of_a_name (void)
{
  static char name[256];
  size_t length = 0;
  for (const char *byte = every_byte (); *byte != '\0'; byte++)
    if (*byte != '/')
      name[length++] = *byte;
  name[length] = '\0';
  return name;
}

struct lr_bytes
bytes_of (const char *text)
{
  return (struct lr_bytes){ text, strlen (text) };
}

uint64_t
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (uint64_t) time.tv_sec * 1000 + (uint64_t) time.tv_nsec / 1000000;
}

void
wait_for (struct trial *trial, uint64_t since, const char *what)
{
  struct lr_error error;
  EXPECT (trial, !target_is_stopped (trial->target), "it was stopped");
  EXPECT (trial, now () - since < trial->target->patience,
          "expected %s, which has not come in %llu ms", what,
          (unsigned long long) trial->target->patience);
  EXPECT (trial, lr_loop_dispatch (trial->target->loop, 20, &error) >= 0, "the loop: %s",
          error.message);
}

static void
close_connection (void *thing)
{
  lr_close (thing);
}

static lr_connection *
open_and_keep (struct trial *trial, bool on_loop)
{
  lr_connection *connection;
  struct lr_error error;
  int status = target_connect_again (trial->target, on_loop, &connection, &error);
  expect_success (trial, status, &error, "one more connection");
  keep (trial, connection, close_connection);
  trial->connection = connection;
  return connection;
}

lr_connection *
open_another (struct trial *trial)
{
  return open_and_keep (trial, true);
}

lr_connection *
open_lone (struct trial *trial)
{
  return open_and_keep (trial, false);
}

/* ---- operations ---- */

static const char *
subject (struct trial *trial, const char *operation, const char *of)
{
  return keep_text (trial, "%s %s", operation, of == NULL ? "" : shown_text (of));
}

#define DEFINE_OPERATION(name, args_type, result_type, of)                                         \
  result_type *must_##name (struct trial *trial, const struct args_type *given)                    \
  {                                                                                                \
    struct args_type args = *given;                                                                \
    result_type *result;                                                                           \
    struct lr_error error;                                                                         \
    if (args.timeout_ms == 0)                                                                      \
      args.timeout_ms = trial->target->patience;                                                   \
    int status = lr_##name (trial->connection, &args, &result, &error);                            \
    keep (trial, result, lr_free);                                                                 \
    expect_success (trial, status, &error, subject (trial, #name, of));                            \
    return result;                                                                                 \
  }                                                                                                \
                                                                                                   \
  void name##_fails (struct trial *trial, struct failure wanted, const struct args_type *given)    \
  {                                                                                                \
    struct args_type args = *given;                                                                \
    result_type *result;                                                                           \
    struct lr_error error;                                                                         \
    if (args.timeout_ms == 0)                                                                      \
      args.timeout_ms = trial->target->patience;                                                   \
    int status = lr_##name (trial->connection, &args, &result, &error);                            \
    keep (trial, result, lr_free);                                                                 \
    const char *what = subject (trial, #name, of);                                                 \
    expect_failure (trial, status, &error, wanted, what);                                          \
    EXPECT (trial, result == NULL || error.kind == LR_ERROR_EXIT_STATUS,                           \
            "%s: expected no result beside the error", what);                                      \
  }

DEFINE_OPERATION (run, lr_run_args, struct lr_run_result, args.command[0])
DEFINE_OPERATION (stat, lr_stat_args, struct lr_stat_result, args.path)
DEFINE_OPERATION (download, lr_download_args, struct lr_download_result, args.file)
DEFINE_OPERATION (put, lr_put_args, struct lr_put_result, args.file)
DEFINE_OPERATION (get, lr_get_args, struct lr_get_result, args.file)
DEFINE_OPERATION (resolve_user, lr_resolve_args, char, args.name)
DEFINE_OPERATION (resolve_group, lr_resolve_args, char, args.name)
DEFINE_OPERATION (query_user, lr_query_user_args, struct lr_user_entry, args.user)
DEFINE_OPERATION (query_group, lr_query_group_args, struct lr_group_entry, args.group)
DEFINE_OPERATION (getenv, lr_getenv_args, char, args.key)

DEFINE_OPERATION (list, lr_list_args, struct lr_list_result, args.path)
DEFINE_OPERATION (read_link, lr_path_args, char, args.path)
DEFINE_OPERATION (make_temporary, lr_make_temporary_args, char, args.directory)
DEFINE_OPERATION (file_system, lr_path_args, struct lr_file_system_info, args.path)

/* Those without a result.  */
#define DEFINE_ACTION(name, of)                                                                    \
  void must_##name (struct trial *trial, const struct lr_##name##_args *given)                     \
  {                                                                                                \
    struct lr_##name##_args args = *given;                                                         \
    struct lr_error error;                                                                         \
    if (args.timeout_ms == 0)                                                                      \
      args.timeout_ms = trial->target->patience;                                                   \
    int status = lr_##name (trial->connection, &args, &error);                                     \
    expect_success (trial, status, &error, subject (trial, #name, of));                            \
  }                                                                                                \
                                                                                                   \
  void name##_fails (struct trial *trial, struct failure wanted,                                   \
                     const struct lr_##name##_args *given)                                         \
  {                                                                                                \
    struct lr_##name##_args args = *given;                                                         \
    struct lr_error error;                                                                         \
    if (args.timeout_ms == 0)                                                                      \
      args.timeout_ms = trial->target->patience;                                                   \
    int status = lr_##name (trial->connection, &args, &error);                                     \
    expect_failure (trial, status, &error, wanted, subject (trial, #name, of));                    \
  }

DEFINE_ACTION (upload, args.file)
DEFINE_ACTION (make_directory, args.path)
DEFINE_ACTION (remove, args.path)
DEFINE_ACTION (rename, args.source)
DEFINE_ACTION (link, args.path)
DEFINE_ACTION (set_attributes, args.path)

const char *
shell_1 (struct trial *trial, const char *script, const char *word)
{
  return RUN (trial, .command = WORDS ("sh", "-c", script, "sh", word))->stdout_bytes.data;
}

const char *
shell (struct trial *trial, const char *script)
{
  return RUN (trial, .command = WORDS ("sh", "-c", script))->stdout_bytes.data;
}

const struct lr_stat_result *
stat_there (struct trial *trial, const char *path)
{
  const struct lr_stat_result *result = STAT (trial, .path = path);
  EXPECT (trial, result != NULL, "stat %s: expected that it is there, got that it isn't",
          shown_text (path));
  return result;
}

/* ---- submitted operations ---- */

struct pending
{
  struct answer answer;
  lr_loop *loop; /* borrowed */
};

static void
take_answer (void *data, int status, void *result, const struct lr_error *error)
{
  struct answer *answer = data;
  answer->count++;
  answer->status = status;
  lr_free (answer->result);
  answer->result = result;
  if (error != NULL)
    answer->error = *error;
}

/* One that never comes is left to lie, for who knows.  */
static void
drop_answer (void *thing)
{
  struct pending *pending = thing;
  if (pending->answer.count == 0 && pending->answer.connection != NULL)
    lr_cancel (pending->answer.connection, pending->answer.id);
  for (uint64_t since = now (); pending->answer.count == 0 && now () - since < 10000;)
    if (lr_loop_dispatch (pending->loop, 20, NULL) < 0)
      return;
  if (pending->answer.count == 0)
    return;
  lr_free (pending->answer.result);
  free (pending);
}

struct answer *
submit (struct trial *trial, enum lr_operation operation, const void *args)
{
  struct lr_request request = LR_REQUEST (.operation = (uint32_t) operation, .args = args);
  struct lr_error error;
  struct pending *pending = calloc (1, sizeof *pending);
  if (pending == NULL)
    fail_check (trial, "no memory here");
  pending->loop = trial->target->loop;
  pending->answer.connection = trial->connection;
  if (lr_submit (trial->connection, &request, take_answer, &pending->answer, &pending->answer.id,
                 &error)
      != 0)
    {
      free (pending);
      fail_check (trial, "submitting: expected success, got %s", error.message);
    }
  keep (trial, pending, drop_answer);
  return &pending->answer;
}

void
await (struct trial *trial, const struct answer *answer, const char *what)
{
  for (uint64_t since = now (); answer->count == 0;)
    wait_for (trial, since, what);
  expect_number (trial, "how often a request is answered", answer->count, 1);
}

void
close_now (struct trial *trial, lr_connection *connection)
{
  for (struct kept *kept = trial->kept; kept != NULL; kept = kept->next)
    if (kept->let_go == drop_answer
        && ((struct pending *) kept->thing)->answer.connection == connection)
      ((struct pending *) kept->thing)->answer.connection = NULL;
  if (trial->connection == connection)
    trial->connection = trial->target->connection;
  let_go_now (trial, connection);
}

/* ---- processes ---- */

static void
free_process (void *thing)
{
  lr_process_free (thing);
}

lr_process *
must_spawn (struct trial *trial, const struct lr_spawn_args *args)
{
  lr_process *process;
  struct lr_error error;
  int status = lr_spawn (trial->connection, args, &process, &error);
  expect_success (trial, status, &error, subject (trial, "spawn", args->command[0]));
  keep (trial, process, free_process);
  return process;
}

void
free_now (struct trial *trial, lr_process *process)
{
  let_go_now (trial, process);
}

struct lr_process_status
finish (struct trial *trial, lr_process *process)
{
  struct lr_process_status status = LR_PROCESS_STATUS ();
  struct lr_error error;
  expect_success (trial, lr_process_wait (process, trial->target->patience, &status, &error),
                  &error, "waiting for a process");
  return status;
}

struct lr_bytes
take (struct trial *trial, lr_process *process, enum lr_stream stream, size_t size)
{
  char *data = keep_memory (trial, size + 1);
  size_t count = 0;
  for (uint64_t since = now (); count < size && !lr_process_has_ended (process, stream);)
    {
      const char *there;
      size_t got = lr_process_peek (process, stream, &there);
      if (got > size - count)
        got = size - count;
      if (got == 0)
        wait_for (trial, since, "output of a process");
      else
        {
          memcpy (data + count, there, got);
          lr_process_consume (process, stream, got);
          count += got;
        }
    }
  data[count] = '\0';
  return (struct lr_bytes){ data, count };
}

const char *
take_line (struct trial *trial, lr_process *process)
{
  char line[256];
  size_t length = 0;
  while (length < sizeof line - 1 && (length == 0 || line[length - 1] != '\n'))
    {
      struct lr_bytes byte = take (trial, process, LR_STDOUT, 1);
      if (byte.size == 0)
        break;
      line[length++] = byte.data[0];
    }
  line[length] = '\0';
  return keep_text (trial, "%s", line);
}

void
expect_output (struct trial *trial, lr_process *process, const char *text)
{
  expect_bytes (trial, "what a process says", take (trial, process, LR_STDOUT, strlen (text)),
                bytes_of (text));
}

void
give (struct trial *trial, lr_process *process, struct lr_bytes bytes)
{
  size_t given = 0;
  for (uint64_t since = now (); given < bytes.size;)
    {
      size_t taken = lr_process_offer (process, bytes.data + given, bytes.size - given);
      given += taken;
      if (taken == 0)
        wait_for (trial, since, "that a process reads its input");
    }
}

void
wait_until_gone (struct trial *trial, int64_t pid, const char *who)
{
  /* Who was adopted by something that doesn't wait for it stays a zombie.  */
  const char *number = keep_text (trial, "%lld", (long long) pid);
  for (uint64_t since = now ();;)
    {
      const char *state = shell_1 (
          trial, "if read -r _ _ state _ 2> /dev/null < /proc/$1/stat; then echo $state; fi",
          number);
      if (state[0] == '\0' || state[0] == 'Z')
        return;
      EXPECT (trial, now () - since < trial->target->patience / 2,
              "expected that %s (process %lld at the far side) is gone, got that it is in state %c",
              who, (long long) pid, state[0]);
      wait_for (trial, since, who);
    }
}

int64_t
wait_for_number (struct trial *trial, const char *path)
{
  for (uint64_t since = now ();;)
    {
      if (STAT (trial, .path = path) != NULL)
        {
          const char *text = DOWNLOAD (trial, .file = path)->content.data;
          if (strchr (text, '\n') != NULL)
            return strtoll (text, NULL, 10);
        }
      wait_for (trial, since, "that a command has started");
    }
}

/* ---- the whole ---- */

void
trial_carry_out (struct trial *trial, struct target *target, const struct conformance_check *check,
                 void (*function) (struct trial *))
{
  trial->target = target;
  trial->check = check;
  trial->connection = target->connection;
  trial->kept = NULL;
  trial->outcome = CONFORMANCE_PASSED;
  trial->sentence[0] = '\0';
  if (setjmp (trial->end) == 0)
    function (trial);
  while (trial->kept != NULL)
    {
      struct kept *kept = trial->kept;
      trial->kept = kept->next;
      kept->let_go (kept->thing);
      free (kept);
    }
}
