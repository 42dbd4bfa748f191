/* The byte stream to a dispatcher, and what becomes of a connection when it fails.

   Most dispatchers here are shell scripts.  They read a request as so many bytes, and print an
   answer in octal: an id of four bytes, lengths of eight.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static void
set_up (void)
{
  make_directory ();
}

TestSuite (transport, .init = set_up, .fini = remove_directory, .timeout = 60);

/* ---- fixtures ---- */

/* Pieces of scripts: the first request of a connection is CheckAlive; then `getenv K` comes.  */
#define READ_CHECK_ALIVE "head -c 4 >/dev/null\n"
#define ACK "printf '\\000\\000\\000\\001'\n"
#define ALIVE READ_CHECK_ALIVE ACK
#define READ_GETENV "head -c 13 >/dev/null\n"
#define LENGTH_1 "\\000\\000\\000\\000\\000\\000\\000\\001"
#define VALUE(character) "printf '\\000\\000\\000\\025\\001" LENGTH_1 character "'\n"
#define LINGER "exec sleep 60\n"

/* SCRIPT in this test's directory, as an option of `local:`.  */
static const char *
scripted_url (const char *script)
{
  static char url[600];
  char text[4096];
  snprintf (text, sizeof text, "#!/bin/sh\n%s", script);
  write_file (path_in ("script"), text, strlen (text), 0755);
  snprintf (url, sizeof url, "local:web?protocol=plain&dispatcher=%s", path_in ("script"));
  return url;
}

static lr_connection *
open_url (const char *url)
{
  struct lr_error error;
  lr_connection *connection = NULL;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s: %s", url, error.message);
  return connection;
}

static double
seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* Close CONNECTION, within LIMIT seconds.  */
static void
close_within (lr_connection *connection, double limit)
{
  double start = seconds ();
  lr_close (connection);
  double took = seconds () - start;
  cr_expect_lt (took, limit, "closing took %.1f seconds", took);
}

static int
get (lr_connection *connection, const char *key, char **value, struct lr_error *error)
{
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = key);
  return lr_getenv (connection, &args, value, error);
}

static void
expect_value (lr_connection *connection, const char *key, const char *expected)
{
  struct lr_error error;
  char *value;
  cr_expect_eq (get (connection, key, &value, &error), 0, "%s", error.message);
  cr_expect_not_null (value);
  if (value != NULL)
    cr_expect_str_eq (value, expected);
  lr_free (value);
}

static void
wait_milliseconds (int milliseconds)
{
  const struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
  nanosleep (&time, NULL);
}

/* The one child of this process.  */
static pid_t
only_child (void)
{
  char path[64];
  snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) getpid ());
  char *list = read_file (path, NULL);
  pid_t child = (pid_t) atoi (list);
  free (list);
  cr_assert_eq (count_children (), 1);
  return child;
}

/* ---- programs that do not start ---- */

Test (transport, a_program_that_can_not_be_started_is_named)
{
  static const struct
  {
    const char *program;
    int errnum;
  } rows[] = {
    { "/no/such/dispatcher", ENOENT }, { "no-such-dispatcher-in-the-path", ENOENT },
    { "/dev/null", EACCES },           { "/tmp", EACCES },
    { "/dev/null/x", ENOTDIR },
  };
  int descriptors = count_descriptors ();
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      lr_connection *connection;
      char url[256], message[256];
      snprintf (url, sizeof url, "local:web?protocol=plain&dispatcher=%s --option",
                rows[i].program);
      snprintf (message, sizeof message, "web: cannot start %s: %s", rows[i].program,
                strerror (rows[i].errnum));
      struct lr_open_args args = LR_OPEN_ARGS (.url = url);
      cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1);
      cr_expect_null (connection);
      cr_expect_eq (error.kind, LR_ERROR_IO);
      cr_expect_eq (error.errnum, rows[i].errnum, "errno %d", error.errnum);
      cr_expect_str_eq (error.message, message);
      cr_expect_str_eq (error.host, "web");
      cr_expect_eq (error.hop, 0);
    }
  cr_expect_eq (count_descriptors (), descriptors);
  cr_expect_eq (count_children (), 0);
}

Test (transport, a_file_without_execute_permission_is_named)
{
  struct lr_error error;
  lr_connection *connection;
  char message[600];
  struct lr_open_args args = LR_OPEN_ARGS (.url = scripted_url (ALIVE));
  write_file (path_in ("script"), "", 0, 0644);
  snprintf (message, sizeof message, "web: cannot start %s: Permission denied", path_in ("script"));
  cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_eq (error.errnum, EACCES);
  cr_expect_str_eq (error.message, message);
}

/* ---- programs that fail ---- */

#define GONE "web: the dispatcher is gone: "
#define NOT_KEPT "web: the dispatcher does not keep the protocol: "

struct fault
{
  const char *name;
  const char *script;
  const char *message;
};

Test (transport, a_dispatcher_that_fails_at_once_is_quoted)
{
  static const struct fault rows[] = {
    { "ends in silence", "exit 0", GONE "it ended with status 0" },
    { "ends with a status", "exit 3", GONE "it ended with status 3" },
    { "says why", "echo 'web: no such container' >&2; exit 125",
      GONE "it ended with status 125; it said: web: no such container" },
    { "says why, having read the request", READ_CHECK_ALIVE "echo 'I cannot do this' >&2; exit 1",
      GONE "it ended with status 1; it said: I cannot do this" },
    { "says it in lines", "printf 'one\\ntwo\\n\\n' >&2; exit 1",
      GONE "it ended with status 1; it said: one;two" },
    { "says it in colours and worse",
      "printf 'a\\033[31mb\\001\\303\\244\\377\\r\\nc\\td\\302\\233' >&2; exit 1",
      GONE "it ended with status 1; it said: a\\x1B[31mb\\x01\xc3\xa4\\xFF ;c d\\xC2\\x9B" },
    { "says it with a NUL", "printf 'before\\000after' >&2; exit 1",
      GONE "it ended with status 1; it said: before\\x00after" },
    { "is killed", "kill -KILL $$", GONE "it was ended by signal 9" },
    { "is terminated", "echo bye >&2; kill -TERM $$",
      GONE "it was ended by signal 15; it said: bye" },
    { "ends inside an answer", READ_CHECK_ALIVE "printf '\\000\\000'",
      GONE "it ended with status 0" },
    { "prints a banner", "echo 'Welcome to web!'\n" LINGER,
      NOT_KEPT "unknown packet id 1466264675" },
    { "prints a banner and says something",
      "echo 'this is a login shell' >&2; sleep 0.1; echo 'Welcome to web!'\n" LINGER,
      NOT_KEPT "unknown packet id 1466264675; it said: this is a login shell" },
    { "answers something else", "printf '\\000\\000\\000\\000'\n" LINGER,
      NOT_KEPT "Ok came, which answers nothing that was asked" },
    { "sends a request", "printf '\\000\\000\\000\\002'\n" LINGER,
      NOT_KEPT "CheckAlive is not a packet for this end to receive" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      lr_connection *connection;
      double start = seconds ();
      struct lr_open_args args = LR_OPEN_ARGS (.url = scripted_url (rows[i].script));
      cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1, "%s", rows[i].name);
      cr_expect_null (connection);
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s: %s", rows[i].name,
                    lr_error_kind_name (error.kind));
      cr_expect_str_eq (error.message, rows[i].message, "%s:\n  %s\nand not\n  %s", rows[i].name,
                        error.message, rows[i].message);
      cr_expect_str_eq (error.host, "web");
      cr_expect_eq (error.hop, 0);
      cr_expect_lt (seconds () - start, 2, "%s: it took %.1f seconds", rows[i].name,
                    seconds () - start);
    }
  cr_expect_eq (count_children (), 0);
}

Test (transport, only_the_end_of_a_long_stderr_is_quoted)
{
  struct lr_error error;
  lr_connection *connection;
  const char *url =
      scripted_url ("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done >&2\n"
                    "echo 'the very end' >&2; exit 1");
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1);
  const char *end = strstr (error.message, ";line 2999;the very end");
  cr_expect_not_null (end, "%s", error.message);
  cr_expect_null (strstr (error.message, "line 1000;"));
  cr_expect (end == NULL || strcmp (end, ";line 2999;the very end") == 0);
}

static const char *const true_command[] = { "true", NULL };

/* Whatever is asked of it, CONNECTION says MESSAGE.  */
static void
expect_broken (lr_connection *connection, const char *name, const char *message)
{
  struct lr_run_args run = LR_RUN_ARGS (.command = true_command);
  struct lr_stat_args stat = LR_STAT_ARGS (.path = "/");
  struct lr_upload_args upload = LR_UPLOAD_ARGS (.file = "/dev/null");
  struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = "/dev/null");
  struct lr_resolve_args resolve = LR_RESOLVE_ARGS ();
  struct lr_query_user_args query_user = LR_QUERY_USER_ARGS (.user = "root");
  struct lr_query_group_args query_group = LR_QUERY_GROUP_ARGS (.group = "root");
  struct lr_run_result *ran;
  struct lr_stat_result *info;
  struct lr_download_result *content;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  struct lr_error error;
  char *text;
#define EXPECT_SAME(call)                                                                          \
  do                                                                                               \
    {                                                                                              \
      cr_expect_eq (call, -1, "%s: %s", name, #call);                                              \
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s: %s", name, #call);                               \
      cr_expect_str_eq (error.message, message, "%s: %s:\n  %s\nand not\n  %s", name, #call,       \
                        error.message, message);                                                   \
      cr_expect_str_eq (error.host, "web");                                                        \
      cr_expect_eq (error.hop, 0);                                                                 \
    }                                                                                              \
  while (0)
  EXPECT_SAME (get (connection, "K", &text, &error));
  EXPECT_SAME (lr_run (connection, &run, &ran, &error));
  EXPECT_SAME (lr_stat (connection, &stat, &info, &error));
  EXPECT_SAME (lr_upload (connection, &upload, &error));
  EXPECT_SAME (lr_download (connection, &download, &content, &error));
  EXPECT_SAME (lr_resolve_user (connection, &resolve, &text, &error));
  EXPECT_SAME (lr_resolve_group (connection, &resolve, &text, &error));
  EXPECT_SAME (lr_query_user (connection, &query_user, &user, &error));
  EXPECT_SAME (lr_query_group (connection, &query_group, &group, &error));
  EXPECT_SAME (lr_home_dir (connection, NULL, &text, &error));
  EXPECT_SAME (lr_ping (connection, &error));
}

#define TWO_TO_60 "\\020\\000\\000\\000\\000\\000\\000\\000"

Test (transport, after_a_failure_every_call_says_the_same_and_closing_is_prompt)
{
  static const struct fault rows[] = {
    { "ends in silence", ALIVE READ_GETENV "exit 4", GONE "it ended with status 4" },
    { "ends between requests", ALIVE "echo 'out of memory' >&2; exit 9",
      GONE "it ended with status 9; it said: out of memory" },
    { "is killed", ALIVE READ_GETENV "kill -KILL $$", GONE "it was ended by signal 9" },
    { "ends inside an answer",
      ALIVE READ_GETENV "printf '\\000\\000\\000\\025\\001\\000\\000'; exit 5",
      GONE "it ended with status 5" },
    { "ends inside a text",
      ALIVE READ_GETENV
      "printf '\\000\\000\\000\\025\\001\\000\\000\\000\\000\\000\\000\\000\\007half'",
      GONE "it ended with status 0" },
    { "answers with another type",
      ALIVE READ_GETENV "printf '\\000\\000\\000\\013" LENGTH_1 "x'\n" LINGER,
      NOT_KEPT "ResolveResult came, which answers nothing that was asked" },
    { "answers with another type that has contents",
      ALIVE READ_GETENV "printf '\\000\\000\\000\\017" LENGTH_1 "x'\n" LINGER,
      NOT_KEPT "DownloadResult came, which answers nothing that was asked" },
    { "answers another kind of request with an error of commands",
      ALIVE READ_GETENV "printf '\\000\\000\\000\\007" LENGTH_1 "x'\n" LINGER,
      NOT_KEPT "ProcessError came, which answers nothing that was asked" },
    { "answers although nothing is asked", ALIVE ACK LINGER,
      NOT_KEPT "Ack came, which answers nothing that was asked" },
    { "answers with a NUL inside a text",
      ALIVE READ_GETENV
      "printf '\\000\\000\\000\\025\\001\\000\\000\\000\\000\\000\\000\\000\\003a\\000b'\n" LINGER,
      NOT_KEPT "EnvironVar: value has a NUL byte in it" },
    { "claims a huge text",
      ALIVE READ_GETENV "printf '\\000\\000\\000\\025\\001" TWO_TO_60 "x'\n" LINGER,
      NOT_KEPT "EnvironVar: value is 1152921504606846976 bytes long, and the limit is 4194304" },
    { "says neither yes nor no", ALIVE READ_GETENV "printf '\\000\\000\\000\\025\\002'\n" LINGER,
      NOT_KEPT "EnvironVar: the presence of value is 2, and a bool is 0 or 1" },
    { "answers with what is no packet",
      ALIVE READ_GETENV "printf '\\377\\377\\377\\377'; echo '\033[2Jhello' >&2\n" LINGER,
      NOT_KEPT "unknown packet id 4294967295" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      char *value;
      lr_connection *connection = open_url (scripted_url (rows[i].script));
      double start = seconds ();
      cr_expect_eq (get (connection, "K", &value, &error), -1, "%s", rows[i].name);
      cr_expect_lt (seconds () - start, 2, "%s: it took %.1f seconds", rows[i].name,
                    seconds () - start);
      /* What it says on stderr just then may be part of it or not.  */
      cr_expect_eq (strncmp (error.message, rows[i].message, strlen (rows[i].message)), 0,
                    "%s:\n  %s\nand not\n  %s", rows[i].name, error.message, rows[i].message);
      expect_broken (connection, rows[i].name, error.message);
      close_within (connection, 1);
    }
  cr_expect_eq (count_children (), 0);
}

Test (transport, contents_that_are_claimed_and_too_large_are_refused)
{
  struct lr_error error;
  struct lr_download_result *result;
  struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = "/f");
  lr_connection *connection = open_url (scripted_url (
      ALIVE "head -c 14 >/dev/null\nprintf '\\000\\000\\000\\017" TWO_TO_60 "x'\n" LINGER));
  cr_expect_eq (lr_download (connection, &args, &result, &error), -1);
  cr_expect_null (result);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_str_eq (error.message,
                    NOT_KEPT "DownloadResult: content is 1152921504606846976 bytes long, and the "
                             "limit is 17179869184");
  close_within (connection, 1);
}

Test (transport, a_dispatcher_that_reads_no_more_is_noticed, .timeout = 20)
{
  struct lr_error error;
  char *value;
  lr_connection *connection = open_url (scripted_url (ALIVE "exec <&-\n" LINGER));
  wait_milliseconds (300);
  double start = seconds ();
  cr_expect_eq (get (connection, "K", &value, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  expect_broken (connection, "reads no more", error.message);
  cr_expect_lt (seconds () - start, 10);
  close_within (connection, 10);
}

Test (transport, a_dispatcher_that_answers_no_more_is_noticed, .timeout = 20)
{
  struct lr_error error;
  char *value;
  lr_connection *connection = open_url (scripted_url (ALIVE "exec >&-\n" LINGER));
  double start = seconds ();
  cr_expect_eq (get (connection, "K", &value, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_lt (seconds () - start, 10);
  cr_expect_not_null (strstr (error.message, "it closed its output, and went on"), "%s",
                      error.message);
  expect_broken (connection, "answers no more", error.message);
  close_within (connection, 1);
}

Test (transport, a_dispatcher_that_is_killed_in_mid_call_is_gone)
{
  struct lr_error error;
  struct lr_run_result *result;
  const char *const command[] = { "sh", "-c", "kill -KILL $PPID; exec sleep 2", NULL };
  struct lr_run_args args = LR_RUN_ARGS (.command = command);
  lr_connection *connection = open_url ("local:web");
  double start = seconds ();
  cr_expect_eq (lr_run (connection, &args, &result, &error), -1);
  cr_expect_null (result);
  cr_expect_lt (seconds () - start, 5);
  expect_broken (connection, "killed", GONE "it was ended by signal 9");
  close_within (connection, 1);
}

Test (transport, a_dispatcher_that_is_stopped_is_ended_in_bounded_time, .timeout = 20)
{
  lr_connection *connection = open_url ("local:web");
  pid_t child = only_child ();
  cr_assert_eq (kill (child, SIGSTOP), 0);
  close_within (connection, 10);
  cr_expect_eq (count_children (), 0);
  cr_expect_eq (kill (child, 0), -1);
}

Test (transport, a_dispatcher_that_ignores_the_end_is_ended_in_bounded_time, .timeout = 20)
{
  lr_connection *connection =
      open_url (scripted_url ("trap '' TERM HUP INT\n" ALIVE "while :; do sleep 60; done"));
  close_within (connection, 10);
  cr_expect_eq (count_children (), 0);
}

/* ---- stderr ---- */

/* DISPATCHER in scripts: the one that is built.  */
static void
name_dispatcher (void)
{
  char path[512];
  const char *directory = getenv ("LONGREACH_DISPATCHER_DIR");
  cr_assert_not_null (directory, "run the suites through ./run");
  snprintf (path, sizeof path, "%s/longreach-dispatcher", directory);
  setenv ("DISPATCHER", path, 1);
}

Test (transport, fifty_megabytes_on_stderr_hold_nothing_up)
{
  name_dispatcher ();
  setenv ("K", "v", 1);
  lr_connection *connection =
      open_url (scripted_url ("head -c 50000000 /dev/zero >&2\n"
                              "head -c 50000000 /dev/zero >&2 <&- >&- &\nexec \"$DISPATCHER\"\n"));
  for (int i = 0; i < 100; i++)
    expect_value (connection, "K", "v");
  close_within (connection, 5);
}

Test (transport, an_endless_stderr_holds_nothing_up, .timeout = 20)
{
  name_dispatcher ();
  setenv ("K", "v", 1);
  double start = seconds ();
  lr_connection *connection = open_url (
      scripted_url ("for i in 1 2 3; do yes yes >&2 <&- & done\nexec \"$DISPATCHER\" >&1\n"));
  for (int i = 0; i < 10; i++)
    expect_value (connection, "K", "v");
  cr_expect_lt (seconds () - start, 5);
  close_within (connection, 5);
}

/* ---- large requests and answers ---- */

enum
{
  LARGE = 8 << 20
};

/* Content of an upload to "/f", whose request is 8388633 bytes long.  */
static char *
large_content (char filler)
{
  char *content = malloc (LARGE);
  cr_assert_not_null (content);
  memset (content, filler, LARGE);
  return content;
}

#define READ_LARGE_UPLOAD "head -c 8388633"

Test (transport, a_dispatcher_that_reads_late_gets_the_whole_request)
{
  struct lr_error error;
  char *content = large_content ('A');
  struct lr_upload_args args = LR_UPLOAD_ARGS (.file = "/f", .content = { content, LARGE });
  lr_connection *connection = open_url (scripted_url (
      ALIVE "sleep 0.5\nn=$(" READ_LARGE_UPLOAD " | tr -dc A | wc -c)\n"
            "[ $n = 8388608 ] && printf '\\000\\000\\000\\000'\n" READ_GETENV VALUE ("v")));
  cr_expect_eq (lr_upload (connection, &args, &error), 0, "%s", error.message);
  free (content);
  expect_value (connection, "K", "v");
  lr_close (connection);
}

/* What the caller gave is the caller's again: it must not be sent any more.  */
Test (transport, a_dispatcher_that_answers_before_it_has_read_all_gets_what_was_given)
{
  struct lr_error error;
  char *content = large_content ('A');
  struct lr_upload_args args = LR_UPLOAD_ARGS (.file = "/f", .content = { content, LARGE });
  lr_connection *connection =
      open_url (scripted_url (ALIVE "head -c 100 >/dev/null\n"
                                    "printf '\\000\\000\\000\\005" LENGTH_1 "f" LENGTH_1 "m'\n"
                                    "sleep 0.5\n"
                                    "n=$(head -c 8388533 | tr -dc B | wc -c)\n" READ_GETENV
                                    "if [ $n = 0 ]; then " VALUE ("0") "else " VALUE ("1") "fi\n"));
  cr_expect_eq (lr_upload (connection, &args, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s", error.message);
  cr_expect_str_eq (error.field, "f");
  memset (content, 'B', LARGE);
  expect_value (connection, "K", "0");
  free (content);
  lr_close (connection);
}

Test (transport, a_large_answer_is_read_while_a_large_request_is_sent)
{
  struct lr_error error;
  struct lr_run_result *result;
  char *content = large_content ('A');
  struct lr_run_args args = LR_RUN_ARGS (.command = true_command, .input = { content, LARGE });
  lr_connection *connection = open_url (scripted_url (
      ALIVE "head -c 4 >/dev/null\n"
            "printf '\\000\\000\\000\\006\\001\\000\\000\\000\\000\\000\\200\\000\\000'\n"
            "head -c 8388608 /dev/zero\n"
            "head -c 8388642 >/dev/null\n"
            "printf '\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000'\n" LINGER));
  cr_expect_eq (lr_run (connection, &args, &result, &error), 0, "%s", error.message);
  cr_assert_not_null (result);
  cr_expect_eq (result->stdout_bytes.size, LARGE);
  cr_expect_eq (result->returncode, 0);
  lr_free (result);
  free (content);
  kill (only_child (), SIGKILL);
  lr_close (connection);
}

/* ---- in a process of its own ---- */

/* Where a row of steps in a child process ended: the line, or 0 after the last.  */
static int
run_in_child (int (*body) (void))
{
  int status;
  fflush (NULL);
  pid_t child = fork ();
  cr_assert_geq (child, 0);
  if (child == 0)
    _exit (body ());
  cr_assert_eq (waitpid (child, &status, 0), child);
  cr_assert (WIFEXITED (status), "it was ended by signal %d", WTERMSIG (status));
  return WEXITSTATUS (status);
}

/* Steps return their number, so that the test can name the one that failed.  */
#define STEP(number, holds)                                                                        \
  do                                                                                               \
    {                                                                                              \
      if (!(holds))                                                                                \
        return number;                                                                             \
    }                                                                                              \
  while (0)

static const char *child_url;

static int
work_without_standard_descriptors (void)
{
  lr_connection *connection;
  struct lr_run_result *result;
  const char *const command[] = { "cat", NULL };
  struct lr_run_args run = LR_RUN_ARGS (.command = command, .input = { "text", 4 });
  struct lr_open_args open = LR_OPEN_ARGS (.url = child_url);
  for (int fd = 0; fd < 3; fd++)
    close (fd);
  STEP (1, lr_open (NULL, &open, &connection, NULL) == 0);
  STEP (2, lr_run (connection, &run, &result, NULL) == 0);
  STEP (3, result->stdout_bytes.size == 4 && memcmp (result->stdout_bytes.data, "text", 4) == 0);
  STEP (4, result->stderr_bytes.size == 0);
  lr_free (result);
  for (int fd = 0; fd < 3; fd++)
    STEP (5, fcntl (fd, F_GETFD) == -1);
  lr_close (connection);
  return 0;
}

Test (transport, an_application_without_standard_descriptors_is_served)
{
  child_url = "local:web";
  int step = run_in_child (work_without_standard_descriptors);
  cr_expect_eq (step, 0, "step %d failed", step);
}

#if defined __SANITIZE_ADDRESS__
#  define HAVE_ADDRESS_SANITIZER 1
#elif defined __has_feature
#  if __has_feature(address_sanitizer)
#    define HAVE_ADDRESS_SANITIZER 1
#  endif
#endif

/* The memory of a program with that sanitizer can't be limited.  */
#ifndef HAVE_ADDRESS_SANITIZER

/* How much address space this process has, in bytes.  */
static rlim_t
address_space (void)
{
  unsigned long pages = 0;
  char *text = read_file ("/proc/self/statm", NULL);
  sscanf (text, "%lu", &pages);
  free (text);
  return (rlim_t) pages * (rlim_t) sysconf (_SC_PAGESIZE);
}

static int
download_without_memory (void)
{
  struct lr_error error;
  char *value = NULL;
  lr_connection *connection;
  struct lr_download_result *result;
  struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = "/f");
  struct lr_open_args open = LR_OPEN_ARGS (.url = child_url);
  STEP (1, lr_open (NULL, &open, &connection, NULL) == 0);
  rlim_t limit = address_space () + (64 << 20);
  STEP (2, setrlimit (RLIMIT_AS, &(struct rlimit){ limit, limit }) == 0);
  STEP (3, lr_download (connection, &args, &result, &error) == -1);
  STEP (4, error.kind == LR_ERROR_NO_MEMORY && result == NULL);
  STEP (5, get (connection, "K", &value, &error) == 0);
  STEP (6, value != NULL && strcmp (value, "v") == 0);
  lr_free (value);
  lr_close (connection);
  return 0;
}

Test (transport, an_answer_that_memory_does_not_hold_is_an_error_and_the_next_call_works)
{
  child_url =
      scripted_url (ALIVE "head -c 14 >/dev/null\n"
                          "printf '\\000\\000\\000\\017\\000\\000\\000\\000\\020\\000\\000\\000'\n"
                          "head -c 268435456 /dev/zero\n" READ_GETENV VALUE ("v"));
  int step = run_in_child (download_without_memory);
  cr_expect_eq (step, 0, "step %d failed", step);
}

#endif

/* ---- signals ---- */

static bool
is_pending (int signal)
{
  sigset_t pending;
  sigpending (&pending);
  return sigismember (&pending, signal) == 1;
}

/* Write to a dispatcher that is gone.  */
static void
write_to_nobody (void)
{
  struct lr_error error;
  char *value;
  lr_connection *connection = open_url (scripted_url (ALIVE "exit 0"));
  wait_milliseconds (200);
  cr_expect_eq (get (connection, "K", &value, &error), -1);
  cr_expect_str_eq (error.message, GONE "it ended with status 0");
  lr_close (connection);
}

Test (transport, a_broken_pipe_raises_no_signal)
{
  signal (SIGPIPE, SIG_DFL);
  write_to_nobody ();
  sigset_t mask;
  sigprocmask (SIG_BLOCK, NULL, &mask);
  cr_expect_not (sigismember (&mask, SIGPIPE));
  cr_expect_not (is_pending (SIGPIPE));
}

Test (transport, a_broken_pipe_leaves_a_blocked_signal_as_it_was)
{
  sigset_t pipe_signal, mask;
  signal (SIGPIPE, SIG_DFL);
  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  sigprocmask (SIG_BLOCK, &pipe_signal, NULL);
  write_to_nobody ();
  cr_expect_not (is_pending (SIGPIPE), "a signal is left");
  raise (SIGPIPE);
  write_to_nobody ();
  cr_expect (is_pending (SIGPIPE), "the application's own signal is taken");
  sigprocmask (SIG_BLOCK, NULL, &mask);
  cr_expect (sigismember (&mask, SIGPIPE));
  signal (SIGPIPE, SIG_IGN);
}

Test (transport, an_application_that_ignores_its_children_is_served)
{
  struct lr_run_result *result;
  struct lr_error error;
  struct lr_run_args args = LR_RUN_ARGS (.command = true_command);
  signal (SIGCHLD, SIG_IGN);
  lr_connection *connection = open_url ("local:web");
  cr_expect_eq (lr_run (connection, &args, &result, &error), 0, "%s", error.message);
  lr_free (result);
  close_within (connection, 2);

  lr_connection *broken;
  struct lr_open_args open = LR_OPEN_ARGS (.url = scripted_url ("echo 'not today' >&2; exit 3"));
  cr_expect_eq (lr_open (NULL, &open, &broken, &error), -1);
  cr_expect_str_eq (error.message, GONE "it ended; it said: not today");
  cr_expect_eq (count_children (), 0);
}

Test (transport, the_dispatcher_gets_default_signals_and_an_empty_mask)
{
  sigset_t all;
  signal (SIGINT, SIG_IGN);
  signal (SIGPIPE, SIG_IGN);
  sigfillset (&all);
  sigprocmask (SIG_BLOCK, &all, NULL);
  lr_connection *connection = open_url (scripted_url (ALIVE LINGER));
  wait_milliseconds (100);
  char path[64];
  snprintf (path, sizeof path, "/proc/%d/status", (int) only_child ());
  char *status = read_file (path, NULL);
  cr_expect_not_null (strstr (status, "\nSigBlk:\t0000000000000000\n"), "%s", status);
  const char *ignored = strstr (status, "SigIgn:\t");
  cr_assert_not_null (ignored);
  /* The C library keeps 32 and 33 for itself.  */
  cr_expect_eq (strtoull (ignored + 8, NULL, 16) & ~0x180000000ULL, 0, "%s", status);
  free (status);
  kill (only_child (), SIGKILL);
  lr_close (connection);
}

/* ---- children and descriptors ---- */

static void
open_and_close (const char *url)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  lr_open (NULL, &args, &connection, &error);
  lr_close (connection);
}

Test (transport, a_hundred_connections_leave_nothing_behind)
{
  open_and_close ("local:web");
  int descriptors = count_descriptors (), children = count_children ();
  for (int i = 0; i < 100; i++)
    open_and_close ("local:web");
  cr_expect_eq (count_descriptors (), descriptors);
  cr_expect_eq (count_children (), children);
}

Test (transport, connections_that_fail_leave_nothing_behind)
{
  static const char *const scripts[] = { "exit 1", ("echo garbage\n" LINGER), "kill -KILL $$",
                                         "exec <&- >&-; exit 0" };
  int descriptors = count_descriptors (), children = count_children ();
  for (size_t i = 0; i < COUNT (scripts); i++)
    {
      const char *url = scripted_url (scripts[i]);
      for (int round = 0; round < 5; round++)
        open_and_close (url);
    }
  open_and_close ("local:web?protocol=plain&dispatcher=/no/such/program");
  cr_expect_eq (count_descriptors (), descriptors);
  cr_expect_eq (count_children (), children);
}

Test (transport, other_children_of_the_application_are_left_alone)
{
  int status;
  pid_t ended = fork ();
  if (ended == 0)
    _exit (7);
  pid_t running = fork ();
  if (running == 0)
    {
      pause ();
      _exit (0);
    }
  wait_milliseconds (50);
  open_and_close ("local:web");
  open_and_close (scripted_url ("exit 1"));
  open_and_close (scripted_url ("echo garbage\n" LINGER));
  cr_expect_eq (waitpid (running, &status, WNOHANG), 0, "the running child has ended");
  cr_expect_eq (waitpid (ended, &status, 0), ended, "the ended child is reaped already");
  cr_expect (WIFEXITED (status) && WEXITSTATUS (status) == 7);
  kill (running, SIGKILL);
  cr_expect_eq (waitpid (running, &status, 0), running);
}

/* An application that reaps whatever ends takes the status, and nothing else.  */
Test (transport, a_dispatcher_that_the_application_has_reaped_is_gone_with_unknown_status)
{
  struct lr_error error;
  char *value;
  lr_connection *connection = open_url (scripted_url (ALIVE "exit 3"));
  cr_assert_gt (waitpid (-1, NULL, 0), 0);
  cr_expect_eq (get (connection, "K", &value, &error), -1);
  cr_expect_str_eq (error.message, GONE "it ended");
  close_within (connection, 1);
}

Test (transport, descriptors_of_connections_are_closed_on_exec)
{
  bool before[256];
  for (int fd = 0; fd < 256; fd++)
    before[fd] = fcntl (fd, F_GETFD) != -1;
  lr_connection *connection = open_url ("local:web");
  int found = 0;
  for (int fd = 0; fd < 256; fd++)
    {
      int flags = fcntl (fd, F_GETFD);
      if (before[fd] || flags == -1)
        continue;
      found++;
      cr_expect (flags & FD_CLOEXEC, "descriptor %d survives exec", fd);
    }
  cr_expect_geq (found, 3);
  lr_close (connection);
}

Test (transport, the_dispatcher_leads_a_session_of_its_own)
{
  lr_connection *connection = open_url ("local:web");
  pid_t child = only_child ();
  cr_expect_eq (getsid (child), child);
  cr_expect_neq (getsid (child), getsid (0));
  lr_close (connection);
}

Test (transport, descriptors_of_the_application_do_not_reach_the_dispatcher)
{
  write_file (path_in ("ours"), "", 0, 0600);
  int low = open (path_in ("ours"), O_RDONLY);
  int high = fcntl (low, F_DUPFD, 200);
  cr_assert_geq (high, 200);
  lr_connection *connection = open_url (scripted_url (ALIVE LINGER));
  char directory[64];
  pid_t child = only_child ();
  snprintf (directory, sizeof directory, "/proc/%d/fd", (int) child);
  DIR *stream = opendir (directory);
  cr_assert_not_null (stream);
  const struct dirent *entry;
  while ((entry = readdir (stream)) != NULL)
    {
      char link[512], target[512] = "";
      snprintf (link, sizeof link, "%s/%s", directory, entry->d_name);
      if (entry->d_name[0] == '.' || readlink (link, target, sizeof target - 1) < 0)
        continue;
      cr_expect_str_neq (target, path_in ("ours"), "descriptor %s is the application's",
                         entry->d_name);
      /* A shell may have its own script open, at 10 or above.  */
      cr_expect (atoi (entry->d_name) < 3 || strstr (target, "/script") != NULL,
                 "descriptor %s is %s", entry->d_name, target);
    }
  closedir (stream);
  kill (child, SIGKILL);
  lr_close (connection);
  close (low);
  close (high);
}

/* ---- another implementation ---- */

Test (transport, a_second_dispatcher_answers_every_operation)
{
  struct lr_error error;
  char url[1200], *text;
  const char *const command[] = { "sh", "-c", "cat; echo oops >&2; exit 3", NULL };
  struct lr_run_args run =
      LR_RUN_ARGS (.command = command, .input = { "to itself", 9 }, .no_check = 1);
  struct lr_stat_args stat = LR_STAT_ARGS (.path = path_in ("file"), .sha512sum = 1);
  struct lr_upload_args upload =
      LR_UPLOAD_ARGS (.file = path_in ("file"), .content = { "con\0tent", 8 }, .mode = "640");
  struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = path_in ("file"));
  struct lr_resolve_args resolve = LR_RESOLVE_ARGS (.name = "0");
  struct lr_query_user_args query_user = LR_QUERY_USER_ARGS (.user = "root");
  struct lr_query_group_args query_group = LR_QUERY_GROUP_ARGS (.group = "0");
  struct lr_run_result *ran;
  struct lr_stat_result *info;
  struct lr_download_result *content;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  setenv ("LR_TEST_VARIABLE", "value", 1);
  snprintf (url, sizeof url,
            "local:web?protocol=plain&dispatcher=python3 %s/tests/plain_dispatcher.py",
            source_tree ());
  lr_connection *connection = open_url (url);
  cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);

  cr_assert_eq (lr_run (connection, &run, &ran, &error), 0, "%s", error.message);
  cr_expect_str_eq (ran->stdout_bytes.data, "to itself");
  cr_expect_str_eq (ran->stderr_bytes.data, "oops\n");
  cr_expect_eq (ran->returncode, 3);
  lr_free (ran);

  cr_assert_eq (lr_stat (connection, &stat, &info, &error), 0, "%s", error.message);
  cr_expect_null (info);
  cr_assert_eq (lr_upload (connection, &upload, &error), 0, "%s", error.message);
  cr_assert_eq (lr_stat (connection, &stat, &info, &error), 0, "%s", error.message);
  cr_assert_not_null (info);
  cr_expect_eq (info->type, LR_FILE_REGULAR);
  cr_expect_eq (info->mode, 0640);
  cr_expect_eq (info->size, 8);
  cr_expect_eq (info->sha512sum.size, 64);
  lr_free (info);
  cr_assert_eq (lr_download (connection, &download, &content, &error), 0, "%s", error.message);
  cr_expect_eq (content->content.size, 8);
  cr_expect_eq (memcmp (content->content.data, "con\0tent", 8), 0);
  lr_free (content);

  cr_assert_eq (lr_resolve_user (connection, &resolve, &text, &error), 0, "%s", error.message);
  cr_expect_str_eq (text, "root");
  lr_free (text);
  cr_assert_eq (lr_resolve_group (connection, &resolve, &text, &error), 0, "%s", error.message);
  cr_expect_str_eq (text, "root");
  lr_free (text);
  cr_assert_eq (lr_query_user (connection, &query_user, &user, &error), 0, "%s", error.message);
  cr_expect_str_eq (user->name, "root");
  cr_expect_eq (user->uid, 0);
  lr_free (user);
  cr_assert_eq (lr_query_group (connection, &query_group, &group, &error), 0, "%s", error.message);
  cr_expect_str_eq (group->name, "root");
  lr_free (group);
  cr_assert_eq (lr_home_dir (connection, "root", &text, &error), 0, "%s", error.message);
  cr_expect_eq (text[0], '/');
  lr_free (text);
  expect_value (connection, "LR_TEST_VARIABLE", "value");

  download.file = path_in ("absent");
  cr_expect_eq (lr_download (connection, &download, &content, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "file");
  close_within (connection, 5);
  cr_expect_eq (count_children (), 0);
}
