#include "tests/faults/conversation.h"

#include "tests/faults/trees.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Names are chosen so that a flipped bit makes none that lies elsewhere.  */
#define SOURCE "data"
#define UPLOADED "kept-a"
#define SENT "kept-b"
#define FETCHED "fetched"
#define LISTED "list"
#define COUNTS "counts" /* of the bytes on the line: see line.c */

enum
{
  PATIENCE = 20000,   /* milliseconds, for all that a conversation leaves to be gone */
  STREAM_TIME = 3000, /* milliseconds without a limit of its own */
  PROBLEM_SIZE = 512,
};

static const char content[] = "\0what there is to be read \33[1m\377, in two lines\nof text\n";
static const char news[] = "the content that replaces what was there, whole or not at all\n";

struct talk
{
  const struct conversation *conversation;
  struct verdict *verdict;
  lr_loop *loop;
  lr_connection *connection; /* NULL: it could not be opened */
  struct lr_error error;     /* of the step */
};

static int64_t
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (int64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void
wait_a_little (void)
{
  struct timespec time = { .tv_nsec = 2000000 };
  nanosleep (&time, NULL);
}

void
find_wrong (struct verdict *verdict, const char *format, ...)
{
  va_list arguments;
  if (verdict->ending == ENDED_WRONG)
    return;
  verdict->ending = ENDED_WRONG;
  va_start (arguments, format);
  vsnprintf (verdict->problem, sizeof verdict->problem, format, arguments);
  va_end (arguments);
}

/* ---- errors ---- */

static bool
is_fit_for_a_terminal (const char *text)
{
  for (; *text != '\0'; text++)
    if ((unsigned char) *text < ' ' || *text == 0x7f)
      return false;
  return true;
}

static void
take_error (struct talk *talk, const char *step)
{
  struct verdict *verdict = talk->verdict;
  const struct lr_error *error = &talk->error, *first = &verdict->error;
  if (error->kind == LR_ERROR_NONE || error->message[0] == '\0')
    find_wrong (verdict, "%s: it failed without an error", step);
  else if (!is_fit_for_a_terminal (error->message) || !is_fit_for_a_terminal (error->host)
           || !is_fit_for_a_terminal (error->field))
    find_wrong (verdict, "%s: the error is not fit for a terminal", step);
  else if (first->kind == LR_ERROR_IO && first->field[0] == '\0'
           && strcmp (error->message, first->message) != 0 && error->kind != LR_ERROR_NO_MEMORY)
    find_wrong (verdict, "%s: another error follows '%s': %s", step, first->message,
                error->message);
  if (verdict->ending == ENDED_WRONG)
    return;
  /* The one that ends the connection counts.  */
  if (verdict->ending == ENDED_RIGHT || (first->kind != LR_ERROR_IO && error->kind == LR_ERROR_IO))
    verdict->error = *error;
  verdict->ending = ENDED_CLEAR;
}

static bool
is_same (const struct lr_bytes *bytes, const char *wanted, size_t size)
{
  return bytes->data != NULL && bytes->size == size && memcmp (bytes->data, wanted, size) == 0;
}

/* ---- steps: each asks for something, and knows the answer ---- */

/* Whether the answer is right; -1 where there was an error.  */
typedef int step_function (struct talk *talk);

static int
stat_file (struct talk *talk)
{
  bool wants_digest = !talk->conversation->no_digest;
  struct lr_stat_args args = LR_STAT_ARGS (.path = SOURCE, .sha512sum = wants_digest,
                                           .timeout_ms = talk->conversation->timeout_ms);
  struct lr_stat_result *result;
  if (lr_stat (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = result != NULL && result->type == LR_FILE_REGULAR && result->mode == 0640
              && result->size == sizeof content
              && result->sha512sum.size == (wants_digest ? 64 : 0);
  lr_free (result);
  return right;
}

static int
stat_missing (struct talk *talk)
{
  struct lr_stat_args args =
      LR_STAT_ARGS (.path = "missing", .timeout_ms = talk->conversation->timeout_ms);
  struct lr_stat_result *result;
  if (lr_stat (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = result == NULL;
  lr_free (result);
  return right;
}

static int
run (struct talk *talk)
{
  const char *const command[] = { "sh", "-c", "cat; cat " SOURCE " >&2; exit 3", NULL };
  const char *const environment[] = { "LC_ALL=C", NULL };
  struct lr_run_args args =
      LR_RUN_ARGS (.command = command, .environment = environment, .input = { news, sizeof news },
                   .no_check = 1, .timeout_ms = talk->conversation->timeout_ms);
  struct lr_run_result *result;
  if (lr_run (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = result->returncode == 3 && is_same (&result->stdout_bytes, news, sizeof news)
              && is_same (&result->stderr_bytes, content, sizeof content);
  lr_free (result);
  return right;
}

static int
run_missing (struct talk *talk)
{
  const char *const command[] = { "/nonexistent", NULL };
  struct lr_run_args args =
      LR_RUN_ARGS (.command = command, .timeout_ms = talk->conversation->timeout_ms);
  struct lr_run_result *result;
  if (lr_run (talk->connection, &args, &result, &talk->error) == 0)
    {
      lr_free (result);
      return 0;
    }
  return talk->error.kind == LR_ERROR_REMOTE_OS && talk->error.errnum == ENOENT ? 1 : -1;
}

static int
upload (struct talk *talk)
{
  struct lr_upload_args args =
      LR_UPLOAD_ARGS (.file = UPLOADED, .content = { news, sizeof news }, .mode = "644",
                      .timeout_ms = talk->conversation->timeout_ms);
  if (lr_upload (talk->connection, &args, &talk->error) != 0)
    return -1;
  talk->verdict->uploaded = true;
  return 1;
}

static int
download (struct talk *talk)
{
  struct lr_download_args args =
      LR_DOWNLOAD_ARGS (.file = SOURCE, .timeout_ms = talk->conversation->timeout_ms);
  struct lr_download_result *result;
  if (lr_download (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = is_same (&result->content, content, sizeof content);
  lr_free (result);
  return right;
}

static int
put (struct talk *talk)
{
  int descriptor = open (SOURCE, O_RDONLY | O_CLOEXEC);
  struct lr_put_args args = LR_PUT_ARGS (.descriptor = descriptor, .file = SENT, .preserve = 1,
                                         .sync = 1, .timeout_ms = talk->conversation->timeout_ms);
  struct lr_put_result *result;
  int status = lr_put (talk->connection, &args, &result, &talk->error);
  int right = status == 0 ? result->size == sizeof content && !result->in_place : -1;
  talk->verdict->sent = status == 0;
  lr_free (result);
  close (descriptor);
  return right;
}

static int
get (struct talk *talk)
{
  int descriptor = open (FETCHED, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  struct lr_get_args args = LR_GET_ARGS (.descriptor = descriptor, .file = SOURCE,
                                         .timeout_ms = talk->conversation->timeout_ms);
  struct lr_get_result *result;
  int status = lr_get (talk->connection, &args, &result, &talk->error);
  int right = status == 0 ? result->size == sizeof content : -1;
  talk->verdict->fetched = status == 0;
  lr_free (result);
  close (descriptor);
  return right;
}

static int
list (struct talk *talk)
{
  struct lr_list_args args =
      LR_LIST_ARGS (.path = LISTED, .timeout_ms = talk->conversation->timeout_ms);
  struct lr_list_result *result;
  bool seen[2] = { false, false };
  if (lr_list (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  for (size_t i = 0; i < result->count; i++)
    for (int j = 0; j < 2; j++)
      if (strcmp (result->items[i]->name, j == 0 ? "one" : "two") == 0)
        seen[j] = true;
  int right = result->count == 2 && seen[0] && seen[1];
  lr_free (result);
  return right;
}

static int
query_group (struct talk *talk)
{
  struct lr_query_group_args args =
      LR_QUERY_GROUP_ARGS (.group = "0", .timeout_ms = talk->conversation->timeout_ms);
  struct lr_group_entry *result;
  if (lr_query_group (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = strcmp (result->name, "root") == 0 && result->gid == 0;
  lr_free (result);
  return right;
}

static int
make_and_remove (struct talk *talk)
{
  struct lr_make_directory_args making =
      LR_MAKE_DIRECTORY_ARGS (.path = LISTED "/made", .timeout_ms = talk->conversation->timeout_ms);
  struct lr_remove_args removing =
      LR_REMOVE_ARGS (.path = LISTED "/made", .timeout_ms = talk->conversation->timeout_ms);
  if (lr_make_directory (talk->connection, &making, &talk->error) != 0
      || lr_remove (talk->connection, &removing, &talk->error) != 0)
    return -1;
  return access (LISTED "/made", F_OK) != 0;
}

/* Until PROCESS has said as much, or can say no more.  */
static void
read_output (struct talk *talk, lr_process *process, size_t wanted)
{
  const char *data;
  struct lr_process_status status = LR_PROCESS_STATUS ();
  int64_t limit = now () + STREAM_TIME;
  while (lr_process_peek (process, LR_STDOUT, &data) < wanted
         && !lr_process_has_ended (process, LR_STDOUT)
         && lr_process_get_status (process, &status, NULL) == 0 && now () < limit)
    if (lr_loop_dispatch (talk->loop, 100, NULL) < 0)
      wait_a_little ();
}

static int
talk_to_process (struct talk *talk)
{
  const char *const command[] = { "cat", NULL };
  struct lr_spawn_args args = LR_SPAWN_ARGS (.command = command);
  struct lr_process_status status = LR_PROCESS_STATUS ();
  lr_process *process;
  const char *data;
  int right = -1;
  if (lr_spawn (talk->connection, &args, &process, &talk->error) != 0)
    return -1;
  if (lr_process_write (process, news, sizeof news, &talk->error) == 0)
    {
      read_output (talk, process, sizeof news);
      size_t size = lr_process_peek (process, LR_STDOUT, &data);
      bool is_right = size == sizeof news && memcmp (data, news, size) == 0;
      if (lr_process_signal (process, SIGTERM, &talk->error) == 0
          && lr_process_wait (process, STREAM_TIME, &status, &talk->error) == 0)
        right = is_right && status.returncode == -SIGTERM;
    }
  lr_process_free (process);
  return right;
}

/* What is left out is told: an error like others, but that the copy goes on.  */
static void
note_problem (void *data, const struct lr_tree_problem *problem)
{
  struct talk *talk = data;
  if (talk->error.kind != LR_ERROR_NONE)
    return;
  talk->error.kind = LR_ERROR_REMOTE_OS;
  snprintf (talk->error.message, sizeof talk->error.message, "%s", problem->message);
}

static void
note_figures (void *data, const struct lr_tree_figures *figures)
{
  struct talk *talk = data;
  if (figures->files > TREE_FILES + TREE_LINKS)
    find_wrong (talk->verdict, "%llu files have come", (unsigned long long) figures->files);
}

/* As a step: nothing was left out, or it was told.  */
static int
look_at_figures (struct talk *talk, struct lr_tree_result *result)
{
  int right = result->problems > 0
                  ? -1
                  : result->directories == TREE_DIRECTORIES && result->files == TREE_FILES
                        && result->links == TREE_LINKS;
  if (right < 0 && talk->error.kind == LR_ERROR_NONE)
    {
      talk->error.kind = LR_ERROR_NO_MEMORY;
      snprintf (talk->error.message, sizeof talk->error.message,
                "what is left out is only counted");
    }
  lr_free (result);
  return right;
}

static int
put_tree (struct talk *talk)
{
  struct lr_tree_args args =
      LR_TREE_ARGS (.here = TREE, .there = PLANTED, .preserve = 1, .problem = note_problem,
                    .data = talk, .timeout_ms = talk->conversation->timeout_ms);
  struct lr_tree_result *result;
  if (lr_put_tree (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = look_at_figures (talk, result);
  talk->verdict->planted = right > 0;
  return right;
}

static int
get_tree (struct talk *talk)
{
  struct lr_tree_args args = LR_TREE_ARGS (.here = PICKED, .there = TREE, .progress = note_figures,
                                           .problem = note_problem, .data = talk,
                                           .timeout_ms = talk->conversation->timeout_ms);
  struct lr_tree_result *result;
  if (lr_get_tree (talk->connection, &args, &result, &talk->error) != 0)
    return -1;
  int right = look_at_figures (talk, result);
  talk->verdict->picked = right > 0;
  return right;
}

static const struct step
{
  const char *name;
  step_function *ask;
} steps[] = {
  { "stat", stat_file },
  { "stat of what is missing", stat_missing },
  { "run", run },
  { "run of what is missing", run_missing },
  { "upload", upload },
  { "download", download },
  { "put", put },
  { "get", get },
  { "put_tree", put_tree },
  { "get_tree", get_tree },
  { "list", list },
  { "query_group", query_group },
  { "make_directory and remove", make_and_remove },
  { "spawn", talk_to_process },
};

static void
take_steps (struct talk *talk)
{
  const struct lr_error *first = &talk->verdict->error;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    {
      talk->error = (struct lr_error){ 0 };
      int right = steps[i].ask (talk);
      if (right < 0)
        take_error (talk, steps[i].name);
      else if (right == 0 && !talk->conversation->may_differ)
        find_wrong (talk->verdict, "%s: the answer is wrong", steps[i].name);
      else if (right > 0 && !talk->conversation->may_differ && first->kind == LR_ERROR_IO
               && first->field[0] == '\0')
        find_wrong (talk->verdict, "%s: there is an answer behind '%s'", steps[i].name,
                    first->message);
    }
}

/* ---- files ---- */

void
write_file (const char *name, const char *data, size_t size, mode_t mode)
{
  int file = open (name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (file < 0 || write (file, data, size) != (ssize_t) size || fchmod (file, mode) != 0)
    abort ();
  close (file);
}

bool
has_content (const char *name, const char *data, size_t size)
{
  char room[PROBLEM_SIZE];
  int file = open (name, O_RDONLY | O_CLOEXEC);
  ssize_t got = file < 0 ? -1 : read (file, room, sizeof room);
  if (file >= 0)
    close (file);
  return got == (ssize_t) size && memcmp (room, data, size) == 0;
}

static bool closed_ones; /* there were directories that could not be read */

/* A flipped bit may have made modes of any kind.  */
static int
open_directory (const char *path, const struct stat *info, int type, struct FTW *place)
{
  (void) info;
  (void) place;
  if (type == FTW_D || type == FTW_DNR)
    chmod (path, 0700);
  closed_ones = closed_ones || type == FTW_DNR;
  return 0;
}

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *place)
{
  (void) info;
  (void) type;
  return place->level == 0 ? 0 : remove (path);
}

static void
empty_place (void)
{
  do
    {
      closed_ones = false;
      if (nftw (".", open_directory, 8, FTW_PHYS) != 0)
        abort ();
    }
  while (closed_ones);
  if (nftw (".", remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
    abort ();
}

void
make_place (void)
{
  umask (022);
  empty_place ();
  if (mkdir (LISTED, 0755) != 0 || mkdir (STAGED, 0755) != 0)
    abort ();
  write_file (LISTED "/one", "", 0, 0644);
  write_file (LISTED "/two", "", 0, 0644);
  write_file (SOURCE, content, sizeof content, 0640);
  write_file (UPLOADED, OLD, sizeof OLD, 0600);
  write_file (SENT, OLD, sizeof OLD, 0640);
  make_trees ();
}

/* Old or new; new where that was told.  */
static void
look_at_target (struct verdict *verdict, const char *name, const char *data, size_t size,
                bool is_new)
{
  if (!has_content (name, data, size) && (is_new || !has_content (name, OLD, sizeof OLD)))
    find_wrong (verdict, "%s is neither what it was nor what was sent", name);
}

static void
look_at_trees (struct verdict *verdict)
{
  char problem[PROBLEM_SIZE];
  if (!is_tree (problem, sizeof problem)
      || !is_copy (PLANTED, verdict->planted, problem, sizeof problem)
      || !is_copy (PICKED, verdict->picked, problem, sizeof problem))
    find_wrong (verdict, "%s", problem);
}

static struct verdict *looked_at;

/* What has a temporary name, or is a dispatcher that was sent.  */
static int
look_for_temporary (const char *path, const struct stat *info, int type, struct FTW *place)
{
  (void) info;
  (void) type;
  if (strncmp (path + place->base, ".longreach", 10) == 0
      || strncmp (path, "./" STAGED "/", strlen ("./" STAGED "/")) == 0)
    find_wrong (looked_at, "%s was left", path);
  return 0;
}

static void
look_for_temporaries (struct verdict *verdict)
{
  looked_at = verdict;
  if (nftw (".", look_for_temporary, 8, FTW_PHYS) != 0)
    abort ();
}

static void
look_for_strangers (struct verdict *verdict)
{
  static const char *const known[] = { ".",    "..",   SOURCE, UPLOADED, SENT,    FETCHED,
                                       LISTED, COUNTS, STAGED, TREE,     PLANTED, PICKED };
  DIR *directory = opendir (".");
  const struct dirent *entry;
  if (directory == NULL)
    abort ();
  while ((entry = readdir (directory)) != NULL)
    {
      size_t i = 0;
      while (i < sizeof known / sizeof known[0] && strcmp (known[i], entry->d_name) != 0)
        i++;
      if (i == sizeof known / sizeof known[0])
        find_wrong (verdict, "%s was made", entry->d_name);
    }
  closedir (directory);
}

int
count_descriptors (void)
{
  int count = 0;
  DIR *directory = opendir ("/proc/self/fd");
  if (directory == NULL)
    abort ();
  while (readdir (directory) != NULL)
    count++;
  closedir (directory);
  return count;
}

/* The words of a process, for a sentence.  */
static void
describe_process (long pid, char *words, size_t size)
{
  char file[64];
  snprintf (file, sizeof file, "/proc/%ld/cmdline", pid);
  int descriptor = open (file, O_RDONLY | O_CLOEXEC);
  ssize_t got = descriptor < 0 ? 0 : read (descriptor, words, size - 1);
  if (descriptor >= 0)
    close (descriptor);
  for (ssize_t i = 0; i < got; i++)
    if (words[i] == '\0')
      words[i] = ' ';
  words[got < 0 ? 0 : got] = '\0';
}

static void
kill_children (struct verdict *verdict)
{
  char words[256];
  long pid;
  FILE *children = fopen ("/proc/thread-self/children", "re");
  if (children == NULL)
    abort ();
  while (fscanf (children, "%ld", &pid) == 1)
    {
      describe_process (pid, words, sizeof words);
      find_wrong (verdict, "a process is left: %s", words);
      kill ((pid_t) pid, SIGKILL);
    }
  fclose (children);
}

static void
wait_for_processes (struct verdict *verdict)
{
  int64_t limit = now () + PATIENCE;
  pid_t ended;
  while ((ended = waitpid (-1, NULL, WNOHANG)) >= 0 || errno == EINTR)
    {
      if (ended > 0)
        continue;
      if (now () > limit)
        {
          kill_children (verdict);
          limit = now () + PATIENCE;
        }
      wait_a_little ();
    }
}

void
look_around (const struct conversation *conversation, struct verdict *verdict)
{
  wait_for_processes (verdict);
  look_for_temporaries (verdict);
  if (conversation->may_differ)
    return;
  look_for_strangers (verdict);
  look_at_trees (verdict);
  look_at_target (verdict, UPLOADED, news, sizeof news, verdict->uploaded);
  look_at_target (verdict, SENT, content, sizeof content, verdict->sent);
  if (!has_content (SOURCE, content, sizeof content))
    find_wrong (verdict, SOURCE " was changed");
  if (verdict->fetched && !has_content (FETCHED, content, sizeof content))
    find_wrong (verdict, "what was fetched is wrong");
}

/* ---- all of it ---- */

void
converse (lr_registry *registry, const struct conversation *conversation, struct verdict *verdict)
{
  struct talk talk = { .conversation = conversation, .verdict = verdict };
  *verdict = (struct verdict){ .ending = ENDED_RIGHT };
  if (lr_loop_new (&talk.loop, &talk.error) != 0)
    {
      take_error (&talk, "making a loop");
      return;
    }
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = conversation->url, .options = conversation->options, .loop = talk.loop,
                    .keep_alive_ms = conversation->keep_alive_ms,
                    .timeout_ms = conversation->open_ms);
  if (lr_open (registry, &args, &talk.connection, &talk.error) == 0)
    take_steps (&talk);
  else
    take_error (&talk, "open");
  lr_close (talk.connection);
  lr_loop_free (talk.loop);
}
