/* Processes: commands with live streams, used through the calls that wait, through those that never
   do, and attached to descriptors.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) WORDS ("sh", "-c", script)
#define ENDLESS WORDS ("sleep", endless ())
#define SPAWN(...) ((struct lr_spawn_args) LR_SPAWN_ARGS (__VA_ARGS__))

enum
{
  MIB = 1 << 20,
  CLIENT_GROWTH = 8192, /* KiB */
  DISPATCHER_GROWTH = 2048,
};

TestSuite (waiting, .timeout = 120);
TestSuite (starting, .timeout = 120);
TestSuite (terminal, .timeout = 120);
TestSuite (ending, .timeout = 120);
TestSuite (bulk, .timeout = 200);
TestSuite (telling, .timeout = 120);
TestSuite (attached, .timeout = 200);
TestSuite (many, .timeout = 120);

static lr_process *
spawn (lr_connection *connection, struct lr_spawn_args args)
{
  struct lr_error error;
  lr_process *process = NULL;
  cr_assert_eq (lr_spawn (connection, &args, &process, &error), 0, "%s", error.message);
  cr_assert_not_null (process);
  return process;
}

/* The end of PROCESS, which must be a good one; and with this returncode.  */
static struct lr_process_status
wait_for (lr_process *process)
{
  struct lr_error error;
  struct lr_process_status status = LR_PROCESS_STATUS ();
  cr_assert_eq (lr_process_wait (process, 60000, &status, &error), 0, "%s", error.message);
  cr_expect_eq (status.events, LR_PROCESS_STARTED | LR_PROCESS_EXITED | LR_PROCESS_CLOSED);
  return status;
}

static void
expect_end (lr_process *process, int64_t returncode)
{
  struct lr_process_status status = wait_for (process);
  cr_expect_eq (status.returncode, returncode, "it ended with %lld", (long long) status.returncode);
  lr_process_free (process);
}

/* Read up to a newline, or the end.  */
static const char *
read_line (lr_process *process, enum lr_stream stream)
{
  static char line[1000];
  struct lr_error error;
  size_t size = 0, got;
  do
    {
      cr_assert_eq (lr_process_read (process, stream, line + size, 1, &got, &error), 0, "%s",
                    error.message);
      size += got;
    }
  while (got > 0 && line[size - 1] != '\n' && size < sizeof line - 1);
  line[size] = '\0';
  return line;
}

static void
write_text (lr_process *process, const char *text)
{
  struct lr_error error;
  cr_assert_eq (lr_process_write (process, text, strlen (text), &error), 0, "%s", error.message);
}

/* All that comes, to its end; to be freed.  */
static char *
read_rest (lr_process *process, enum lr_stream stream)
{
  struct lr_error error;
  size_t size = 0, got = 1;
  char *text = NULL;
  while (got > 0)
    {
      text = realloc (text, size + 4097);
      cr_assert_not_null (text);
      cr_assert_eq (lr_process_read (process, stream, text + size, 4096, &got, &error), 0, "%s",
                    error.message);
      size += got;
    }
  text[size] = '\0';
  return text;
}

static void
expect_rest (lr_process *process, enum lr_stream stream, const char *wanted)
{
  char *text = read_rest (process, stream);
  cr_expect_str_eq (text, wanted, "'%s' instead of '%s'", text, wanted);
  free (text);
}

/* Read SIZE zero bytes; returns how many came, up to the end.  */
static size_t
read_zeros (lr_process *process, enum lr_stream stream, size_t most)
{
  static char buffer[MIB], zeros[MIB];
  struct lr_error error;
  size_t size = 0, got = 1;
  while (got > 0 && size < most)
    {
      size_t step = most - size < sizeof buffer ? most - size : sizeof buffer;
      cr_assert_eq (lr_process_read (process, stream, buffer, step, &got, &error), 0, "%s",
                    error.message);
      if (got > 0 && memcmp (buffer, zeros, got) != 0)
        cr_assert_fail ("other bytes than those that were written");
      size += got;
    }
  return size;
}

/* ---- calls that wait ---- */

TEST_AS_BOTH (waiting, talks_line_by_line)
{
  lr_process *process =
      spawn (connection, SPAWN (.command = SHELL ("while read line; do echo \"got $line\"; "
                                                  "echo \"saw $line\" >&2; done; echo end")));
  for (int i = 0; i < 50; i++)
    {
      char line[32], wanted[40];
      snprintf (line, sizeof line, "%d\n", i);
      write_text (process, line);
      snprintf (wanted, sizeof wanted, "got %s", line);
      cr_assert_str_eq (read_line (process, LR_STDOUT), wanted);
      snprintf (wanted, sizeof wanted, "saw %s", line);
      cr_assert_str_eq (read_line (process, LR_STDERR), wanted);
    }
  lr_process_close_input (process);
  cr_expect_str_eq (read_line (process, LR_STDOUT), "end\n");
  cr_expect_str_eq (read_line (process, LR_STDOUT), "");
  cr_expect_str_eq (read_line (process, LR_STDERR), "");
  expect_end (process, 0);
}

TEST_AS_BOTH (waiting, has_two_halves)
{
  lr_process *process = spawn (connection, SPAWN (.command = WORDS ("sort")));
  write_text (process, "b\nc\n");
  write_text (process, "a\n");
  lr_process_close_input (process);
  lr_process_close_input (process);
  expect_rest (process, LR_STDOUT, "a\nb\nc\n");
  expect_end (process, 0);
  /* What is given it afterwards is dropped.  */
  process = spawn (connection, SPAWN (.command = WORDS ("cat")));
  lr_process_close_input (process);
  write_text (process, "too late");
  cr_expect_eq (lr_process_offer (process, "x", 1), 1);
  expect_rest (process, LR_STDOUT, "");
  expect_end (process, 0);
}

TEST_AS_BOTH (waiting, tells_what_is_known)
{
  struct lr_error error;
  struct lr_process_status status = LR_PROCESS_STATUS ();
  lr_process *process = spawn (
      connection, SPAWN (.command = SHELL ("echo $$; read line; i=0; while [ $i -lt 30000 ]; "
                                           "do i=$((i+1)); done; exit 7")));
  cr_expect_eq (lr_process_get_status (process, &status, &error), 0);
  cr_expect_eq (status.events, 0);
  cr_expect_eq (status.pid, 0);
  int64_t pid = strtoll (read_line (process, LR_STDOUT), NULL, 10);
  cr_expect_eq (lr_process_get_status (process, &status, &error), 0);
  cr_expect_eq (status.events, LR_PROCESS_STARTED);
  cr_expect_eq (status.pid, pid);
  cr_expect_eq (lr_process_wait (process, 50, &status, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  cr_expect_eq (status.pid, pid);
  lr_process_close_input (process);
  status = wait_for (process);
  cr_expect_eq (status.returncode, 7);
  cr_expect_not (status.timed_out);
  cr_expect_gt (status.user_time_ns, 0);
  cr_expect_gt (status.max_resident, 100000);
  cr_expect_eq (lr_process_wait (process, 0, NULL, NULL), 0, "again");
  cr_expect_eq (lr_process_has_ended (process, LR_STDOUT), 1);
  cr_expect_eq (lr_process_has_ended (process, LR_STDERR), 1);
  lr_process_free (process);
  lr_process_free (NULL);
}

TEST_AS_SELF (waiting, makes_progress_also_without_patience)
{
  struct lr_error error;
  lr_process *process = spawn (connection, SPAWN (.command = WORDS ("true")));
  for (int64_t since = now_ms (); lr_process_wait (process, 0, NULL, &error) != 0;)
    {
      cr_assert_eq (error.kind, LR_ERROR_TIMEOUT);
      wait_a_moment (since, "lr_process_wait with 0 does nothing");
    }
  lr_process_free (process);
}

TEST_AS_SELF (waiting, keeps_all_output_until_it_is_read)
{
  lr_process *process = spawn (
      connection, SPAWN (.command = SHELL ("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero "
                                           ">&2")));
  wait_for (process);
  cr_expect_eq (read_zeros (process, LR_STDERR, SIZE_MAX), 3000000);
  cr_expect_eq (read_zeros (process, LR_STDOUT, SIZE_MAX), 3000000);
  cr_expect (lr_process_has_ended (process, LR_STDOUT));
  lr_process_free (process);
}

/* Output that came while nobody waited has filled the window: who waits then must not wait for
   ever.  */
TEST_AS_SELF (waiting, takes_up_what_others_have_left)
{
  struct lr_error error;
  struct lr_run_result *result;
  struct lr_run_args pause = LR_RUN_ARGS (.command = WORDS ("sleep", "0.5"));
  lr_process *full =
      spawn (connection, SPAWN (.command = SHELL ("head -c 3000000 /dev/zero; echo end >&2")));
  lr_process *half =
      spawn (connection, SPAWN (.command = WORDS ("head", "-c", "3000000", "/dev/zero")));
  cr_assert_eq (lr_run (connection, &pause, &result, &error), 0);
  lr_free (result);
  cr_expect_str_eq (read_line (full, LR_STDERR), "end\n");
  cr_expect_eq (read_zeros (full, LR_STDOUT, SIZE_MAX), 3000000);
  expect_end (full, 0);
  wait_for (half);
  cr_expect_eq (read_zeros (half, LR_STDOUT, SIZE_MAX), 3000000);
  lr_process_free (half);
}

TEST_AS_SELF (waiting, refuses_what_makes_no_sense)
{
  struct lr_error error;
  char byte;
  size_t got = 1;
  lr_process *process = spawn (connection, SPAWN (.command = WORDS ("cat")));
  cr_expect_eq (lr_process_read (process, (enum lr_stream) 3, &byte, 1, &got, &error), -1);
  cr_expect_str_eq (error.field, "stream");
  cr_expect_eq (got, 0);
  /* It would look like the end.  */
  write_text (process, "x\n");
  cr_expect_eq (lr_process_read (process, LR_STDOUT, &byte, 0, &got, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "size");
  cr_expect_str_eq (read_line (process, LR_STDOUT), "x\n");
  cr_expect_eq (lr_process_signal (process, 0, &error), -1);
  cr_expect_str_eq (error.field, "signal");
  cr_expect_eq (lr_process_signal (process, 65, &error), -1);
  cr_expect_eq (lr_process_resize (process, 1, 1, &error), -1);
  cr_expect_str_eq (error.field, "term");
  lr_process_free (process);
  struct lr_spawn_args args = SPAWN ();
  cr_expect_eq (lr_spawn (connection, &args, &process, &error), -1);
  cr_expect_null (process);
  cr_expect_str_eq (error.field, "command");
  args.command = WORDS (NULL);
  cr_expect_eq (lr_spawn (connection, &args, &process, NULL), -1);
  struct lr_spawn_args unsized = { .command = WORDS ("true") };
  cr_expect_eq (lr_spawn (connection, &unsized, &process, &error), -1);
  cr_expect_str_eq (error.field, "args");
}

TEST_AS_SELF (waiting, is_not_for_plain_connections)
{
  struct lr_error error;
  lr_process *process;
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:?protocol=plain");
  lr_connection *plain;
  (void) connection;
  cr_assert_eq (lr_open (NULL, &open, &plain, &error), 0);
  struct lr_spawn_args args = SPAWN (.command = WORDS ("true"));
  cr_expect_eq (lr_spawn (plain, &args, &process, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED);
  cr_expect_null (process);
  cr_expect_eq (lr_ping (plain, &error), 0);
  lr_close (plain);
}

/* What is asked for without waiting is done without anybody waiting later.  */
TEST_AS_BOTH (waiting, is_not_needed_for_what_is_asked_for)
{
  struct lr_error error;
  lr_process *process = spawn (connection, SPAWN (.command = ENDLESS));
  lr_process *other = spawn (connection, SPAWN (.command = ENDLESS));
  wait_for_processes (endless (), 2);
  cr_expect_eq (lr_process_signal (process, SIGTERM, &error), 0);
  wait_for_processes (endless (), 1);
  lr_process_free (other);
  wait_for_processes (endless (), 0);
  expect_end (process, -SIGTERM);
}

/* ---- starting ---- */

TEST_AS_BOTH (starting, sets_the_environment)
{
  lr_process *process = spawn (
      connection,
      SPAWN (.command = SHELL ("echo \"$ONE,${HOME-unset},${PATH:+set},$EMPTY.\"; umask; pwd"),
             .environment = WORDS ("ONE=1=2", "EMPTY=", "HOMELESS=1"),
             .unset = WORDS ("HOME", "NO"), .umask = "027", .cwd = "/usr"));
  expect_rest (process, LR_STDOUT, "1=2,unset,set,.\n0027\n/usr\n");
  expect_end (process, 0);
  /* What is unset and set is set.  */
  process = spawn (connection, SPAWN (.command = SHELL ("echo $X"), .environment = WORDS ("X=new"),
                                      .unset = WORDS ("X")));
  expect_rest (process, LR_STDOUT, "new\n");
  expect_end (process, 0);
}

TEST_AS_BOTH (starting, may_leave_streams_out)
{
  lr_process *process =
      spawn (connection, SPAWN (.command = SHELL ("readlink /proc/$$/fd/0"), .no_input = 1));
  cr_expect_eq (lr_process_offer (process, "x", 1), 1);
  lr_process_close_input (process);
  expect_rest (process, LR_STDOUT, "/dev/null\n");
  expect_end (process, 0);
  char script[600];
  snprintf (script, sizeof script,
            "(readlink /proc/$$/fd/1 /proc/$$/fd/2; cat) >%s; echo x; "
            "echo x >&2",
            in_work ("links"));
  process = spawn (connection, SPAWN (.command = SHELL (script), .no_output = 1));
  write_text (process, "input\n");
  lr_process_close_input (process);
  expect_rest (process, LR_STDOUT, "");
  expect_rest (process, LR_STDERR, "");
  expect_end (process, 0);
  char *links = read_file (in_work ("links"), NULL);
  cr_expect_str_eq (links, "/dev/null\n/dev/null\ninput\n");
  free (links);
}

TEST_AS_ROOT (starting, becomes_another_user)
{
  lr_process *process = spawn (connection, SPAWN (.command = SHELL ("id -un; id -gn; id -Gn"),
                                                  .user = "nobody", .group = "daemon"));
  cr_expect_str_eq (read_line (process, LR_STDOUT), "nobody\n");
  cr_expect_str_eq (read_line (process, LR_STDOUT), "daemon\n");
  expect_end (process, 0);
}

TEST_AS_BOTH (starting, tells_later_why_it_could_not)
{
  const struct
  {
    struct lr_spawn_args args;
    struct failure failure;
  } cases[] = {
    { SPAWN (.command = WORDS ("/nothing/here")), remote_os (ENOENT) },
    { SPAWN (.command = WORDS ("no such program")), remote_os (ENOENT) },
    { SPAWN (.command = WORDS ("/etc/passwd")), remote_os (EACCES) },
    { SPAWN (.command = WORDS ("true"), .user = "no such user"), invalid_value ("user") },
    { SPAWN (.command = WORDS ("true"), .group = "no such group"), invalid_value ("group") },
    { SPAWN (.command = WORDS ("true"), .umask = "999"), invalid_value ("umask") },
    { SPAWN (.command = WORDS ("true"), .cwd = "/nothing/here"), invalid_value ("cwd") },
    { SPAWN (.command = WORDS ("true"), .environment = WORDS ("X")),
      invalid_value ("environment") },
    { SPAWN (.command = WORDS ("true"), .unset = WORDS ("X=")), invalid_value ("unset") },
  };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      char what[32], byte;
      size_t got;
      struct lr_error error;
      struct lr_process_status status = LR_PROCESS_STATUS ();
      snprintf (what, sizeof what, "case %zu", i);
      lr_process *process = spawn (connection, cases[i].args);
      expect_failure (lr_process_wait (process, 20000, &status, &error), &error, cases[i].failure,
                      what);
      cr_expect_eq (status.events, LR_PROCESS_CLOSED);
      expect_failure (lr_process_get_status (process, NULL, &error), &error, cases[i].failure,
                      what);
      expect_failure (lr_process_read (process, LR_STDOUT, &byte, 1, &got, &error), &error,
                      cases[i].failure, what);
      expect_failure (lr_process_write (process, "x", 1, &error), &error, cases[i].failure, what);
      cr_expect_eq (lr_process_signal (process, SIGTERM, &error), 0);
      lr_process_free (process);
    }
}

/* ---- terminals ---- */

/* Read lines of what the terminal shows until one has TEXT in it.  */
static void
await_line (lr_process *process, const char *text)
{
  for (const char *line; strstr (line = read_line (process, LR_STDOUT), text) == NULL;)
    cr_assert_str_neq (line, "", "it ended without saying %s", text);
}

TEST_AS_BOTH (terminal, has_type_size_and_both_ways)
{
  struct lr_error error;
  lr_process *process = spawn (
      connection,
      SPAWN (.command = SHELL ("trap 'echo resized to; stty size' WINCH; test -t 0 && test -t 1 && "
                               "test -t 2 && echo $TERM; stty size; while read line; do echo \"got "
                               "$line\"; done; echo over"),
             .term = "vt100", .rows = 33, .columns = 77));
  await_line (process, "vt100");
  await_line (process, "33 77");
  write_text (process, "hello\n");
  await_line (process, "got hello");
  cr_expect_eq (lr_process_resize (process, 44, 88, &error), 0);
  /* A shell looks at its traps when it has read a line.  */
  write_text (process, "more\n");
  await_line (process, "44 88");
  lr_process_close_input (process);
  await_line (process, "over");
  expect_rest (process, LR_STDERR, "");
  expect_end (process, 0);
}

TEST_AS_BOTH (terminal, carries_control_characters)
{
  lr_process *process = spawn (
      connection,
      SPAWN (.command = SHELL (
                 "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.01; done"),
             .term = "dumb", .rows = 24, .columns = 80));
  await_line (process, "ready");
  write_text (process, "\003");
  await_line (process, "interrupted");
  expect_end (process, 5);
}

TEST_AS_BOTH (terminal, hangs_up_when_it_is_freed)
{
  lr_process *process =
      spawn (connection, SPAWN (.command = SHELL ("echo ready; trap '' HUP; sleep 86400"),
                                .term = "dumb", .rows = 24, .columns = 80));
  struct lr_process_status status = LR_PROCESS_STATUS ();
  await_line (process, "ready");
  cr_expect_eq (lr_process_get_status (process, &status, NULL), 0);
  lr_process_free (process);
  cr_expect_eq (lr_ping (connection, NULL), 0);
  wait_until_gone ((pid_t) status.pid);
}

/* ---- ending ---- */

TEST_AS_BOTH (ending, by_signals)
{
  struct lr_error error;
  static const int signals[] = { SIGTERM, SIGKILL, SIGUSR1, SIGHUP };
  for (size_t i = 0; i < COUNT (signals); i++)
    {
      char script[128];
      /* The whole group, so a child too.  */
      snprintf (script, sizeof script, "sleep %s & echo ready; wait", endless ());
      lr_process *process = spawn (connection, SPAWN (.command = SHELL (script)));
      read_line (process, LR_STDOUT);
      cr_expect_eq (lr_process_signal (process, signals[i], &error), 0);
      expect_end (process, -signals[i]);
      wait_for_processes (endless (), 0);
    }
  lr_process *process = spawn (
      connection, SPAWN (.command = SHELL ("trap 'echo caught' USR1; echo ready; while :; do sleep "
                                           "0.01; done")));
  read_line (process, LR_STDOUT);
  lr_process_signal (process, SIGUSR1, &error);
  cr_expect_str_eq (read_line (process, LR_STDOUT), "caught\n");
  lr_process_signal (process, SIGKILL, &error);
  wait_for (process);
  cr_expect_eq (lr_process_signal (process, SIGTERM, &error), 0, "after its end");
  lr_process_free (process);
}

/* Nothing bounds how often a program may signal: what a far side doesn't take must not pile up.  */
TEST_AS_SELF (ending, by_signals_is_refused_when_too_many_wait)
{
  enum
  {
    MOST = 1000000, /* far more than fit into the pipe and 1 MiB */
  };
  struct lr_error error;
  int signals = 0, sizes = 0;
  lr_process *process = spawn (
      connection, SPAWN (.command = WORDS ("cat"), .term = "dumb", .rows = 20, .columns = 80));
  write_text (process, "ready\n");
  read_line (process, LR_STDOUT);
  pid_t dispatcher = dispatcher_of (connection);
  kill (dispatcher, SIGSTOP);
  while (signals < MOST && lr_process_signal (process, SIGWINCH, &error) == 0)
    signals++;
  cr_expect_lt (signals, MOST, "any number of signals is taken");
  cr_expect_gt (signals, 1000);
  cr_expect_eq (error.kind, LR_ERROR_REMOTE_OS, "%s", error.message);
  cr_expect_eq (error.errnum, EAGAIN);
  while (sizes < MOST && lr_process_resize (process, 30, 90, &error) == 0)
    sizes++;
  cr_expect_lt (sizes, 10, "%d sizes are taken", sizes);
  cr_expect_eq (error.errnum, EAGAIN);
  kill (dispatcher, SIGCONT);
  /* It is a matter of time alone.  */
  cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);
  cr_expect_eq (lr_process_resize (process, 30, 90, &error), 0, "%s", error.message);
  cr_expect_eq (lr_process_signal (process, SIGKILL, &error), 0, "%s", error.message);
  expect_end (process, -SIGKILL);
}

TEST_AS_BOTH (ending, by_its_time_limit)
{
  int64_t since = now_ms ();
  lr_process *process = spawn (connection, SPAWN (.command = ENDLESS, .timeout_ms = 200));
  struct lr_process_status status = wait_for (process);
  cr_expect (status.timed_out);
  cr_expect_eq (status.returncode, -SIGTERM);
  cr_expect_geq (now_ms () - since, 200);
  cr_expect_lt (now_ms () - since, 4000);
  lr_process_free (process);
  process = spawn (connection, SPAWN (.command = WORDS ("true"), .timeout_ms = 20000));
  status = wait_for (process);
  cr_expect_not (status.timed_out);
  lr_process_free (process);
}

/* A process that was left behind holds the outputs.  */
TEST_AS_BOTH (ending, waits_for_the_outputs_as_long_as_it_is_told)
{
  struct lr_error error;
  static const struct
  {
    bool linger;
    uint64_t milliseconds;
  } cases[] = { { true, 0 }, { true, 300 }, { false, 0 } };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      lr_process *process =
          spawn (connection, SPAWN (.command = SHELL ("(sleep 1.5; echo late) & echo early"),
                                    .linger = cases[i].linger, .linger_ms = cases[i].milliseconds));
      int64_t since = now_ms ();
      cr_expect_str_eq (read_line (process, LR_STDOUT), "early\n");
      /* Others go on.  */
      cr_expect_eq (lr_ping (connection, &error), 0);
      char *rest = read_rest (process, LR_STDOUT);
      int64_t took = now_ms () - since;
      cr_expect_str_eq (rest, cases[i].linger ? "" : "late\n", "case %zu", i);
      cr_expect (cases[i].linger ? took < 1400 && took + 20 >= (int64_t) cases[i].milliseconds
                                 : took >= 1400,
                 "case %zu took %lld ms", i, (long long) took);
      free (rest);
      expect_end (process, 0);
    }
}

TEST_AS_BOTH (ending, by_being_freed)
{
  struct lr_error error;
  char script[200];
  snprintf (script, sizeof script, "trap '' HUP TERM; sleep %s & sleep %s & echo ready; cat; wait",
            endless (), endless ());
  lr_process *process = spawn (connection, SPAWN (.command = SHELL (script)));
  read_line (process, LR_STDOUT);
  wait_for_processes (endless (), 3);
  lr_process_free (process);
  cr_expect_eq (lr_ping (connection, &error), 0);
  wait_for_processes (endless (), 0);
  /* Before it has begun.  */
  lr_process_free (spawn (connection, SPAWN (.command = ENDLESS)));
  cr_expect_eq (lr_ping (connection, &error), 0);
  wait_for_processes (endless (), 0);
}

TEST_AS_BOTH (ending, by_the_end_of_the_connection)
{
  struct lr_error error;
  char byte;
  size_t got;
  struct lr_process_status status = LR_PROCESS_STATUS ();
  lr_process *process = spawn (connection, SPAWN (.command = ENDLESS));
  lr_process *talker = spawn (connection, SPAWN (.command = SHELL ("echo hello; cat")));
  read_line (talker, LR_STDOUT);
  wait_for_processes (endless (), 1);
  close_early ();
  wait_for_processes (endless (), 0);
  cr_expect_eq (lr_process_get_status (process, &status, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_CANCELLED, "%s", error.message);
  cr_expect_neq (status.events & LR_PROCESS_CLOSED, 0);
  /* They can still be asked.  */
  cr_expect_eq (lr_process_wait (process, LR_NEVER, NULL, &error), -1);
  cr_expect_eq (lr_process_read (talker, LR_STDOUT, &byte, 1, &got, &error), -1);
  cr_expect_eq (lr_process_write (talker, "x", 1, &error), -1);
  cr_expect_eq (lr_process_signal (talker, SIGTERM, &error), 0);
  lr_process_close_input (talker);
  lr_process_free (process);
  lr_process_free (talker);
}

TEST_AS_BOTH (ending, by_the_death_of_the_dispatcher)
{
  struct lr_error error;
  lr_process *process = spawn (connection, SPAWN (.command = ENDLESS));
  lr_process *talker = spawn (connection, SPAWN (.command = SHELL ("echo hello; cat")));
  struct lr_process_status status = LR_PROCESS_STATUS ();
  read_line (talker, LR_STDOUT);
  lr_process_get_status (talker, &status, NULL);
  wait_for_processes (endless (), 1);
  kill (dispatcher_of (connection), SIGKILL);
  cr_expect_eq (lr_process_wait (process, 20000, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  char byte;
  size_t got;
  cr_expect_eq (lr_process_read (talker, LR_STDOUT, &byte, 1, &got, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  lr_process_free (process);
  lr_process_free (talker);
  struct lr_spawn_args args = SPAWN (.command = WORDS ("true"));
  cr_expect_eq (lr_spawn (connection, &args, &process, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  expect_gone ();
  /* Who reads from it finds the end; who sleeps, sleeps.  */
  wait_until_gone ((pid_t) status.pid);
  end_endless ();
}

/* A program that stays between the two.  */
Test (ending, of_a_program_in_between_leaves_nothing, .init = begin_work, .fini = end_work)
{
  struct lr_error error;
  lr_connection *connection;
  char script[600], url[700];
  snprintf (script, sizeof script, "#!/bin/sh\n%s/longreach-dispatcher \"$@\"\nexit 3\n",
            getenv ("LONGREACH_DISPATCHER_DIR"));
  write_file (path_in ("between"), script, strlen (script), 0755);
  snprintf (url, sizeof url, "local:?dispatcher=%s", path_in ("between"));
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  pid_t dispatcher = dispatcher_of (connection);
  char path[64];
  int between = 0;
  snprintf (path, sizeof path, "/proc/%d/stat", (int) dispatcher);
  char *stat = read_file (path, NULL);
  cr_assert_eq (sscanf (strrchr (stat, ')'), ") %*c %d", &between), 1);
  free (stat);
  cr_assert_neq (between, getpid ());
  lr_process *process = spawn (connection, SPAWN (.command = ENDLESS));
  lr_process *cat = spawn (connection, SPAWN (.command = WORDS ("cat")));
  write_text (cat, "hello\n");
  cr_expect_str_eq (read_line (cat, LR_STDOUT), "hello\n");
  wait_for_processes (endless (), 1);
  kill (between, SIGKILL);
  /* The two ends still have each other.  */
  write_text (cat, "still here\n");
  cr_expect_str_eq (read_line (cat, LR_STDOUT), "still here\n");
  lr_close (connection);
  wait_until_gone (dispatcher);
  wait_for_processes (endless (), 0);
  lr_process_free (cat);
  lr_process_free (process);
  cr_expect_eq (count_children (), 0);
}

/* ---- bulk ---- */

static void
expect_growth (pid_t pid, long before, long most, const char *what)
{
  long after = peak_memory (pid);
  if (!memory_is_distorted ())
    cr_expect_leq (after - before, most, "%s has grown by %ld KiB", what, after - before);
}

TEST_AS_SELF (bulk, of_input_for_a_command_that_exits_is_dropped)
{
  static char buffer[MIB];
  struct lr_error error;
  lr_process *process = spawn (connection, SPAWN (.command = WORDS ("head", "-c", "100")));
  forget_peak (0);
  long before = peak_memory (0);
  for (size_t left = bulk_size (), step; left > 0; left -= step)
    {
      step = left < sizeof buffer ? left : sizeof buffer;
      cr_assert_eq (lr_process_write (process, buffer, step, &error), 0, "%s", error.message);
    }
  cr_expect_eq (read_zeros (process, LR_STDOUT, SIZE_MAX), 100);
  expect_growth (0, before, CLIENT_GROWTH, "the client");
  expect_end (process, 0);
}

TEST_AS_SELF (bulk, of_input_for_a_command_that_has_closed_it_is_dropped)
{
  static char buffer[MIB];
  struct lr_error error;
  lr_process *process = spawn (
      connection, SPAWN (.command = WORDS ("sh", "-c",
                                           "exec <&-; echo closed; while [ ! -e \"$0\" ]; do sleep "
                                           "0.01; done; echo still here; exit 4",
                                           in_work ("go"))));
  cr_expect_str_eq (read_line (process, LR_STDOUT), "closed\n");
  for (size_t left = bulk_size () / 4, step; left > 0; left -= step)
    {
      step = left < sizeof buffer ? left : sizeof buffer;
      cr_assert_eq (lr_process_write (process, buffer, step, &error), 0, "%s", error.message);
    }
  write_file (in_work ("go"), "", 0, 0644);
  cr_expect_str_eq (read_line (process, LR_STDOUT), "still here\n");
  expect_end (process, 4);
}

TEST_AS_SELF (bulk, of_errors_waits_for_its_reader)
{
  struct lr_error error;
  char script[200];
  size_t size = bulk_size ();
  pid_t dispatcher = dispatcher_of (connection);
  forget_peak (dispatcher);
  forget_peak (0);
  long before = peak_memory (0), dispatcher_before = peak_memory (dispatcher);
  snprintf (script, sizeof script, "head -c %zu /dev/zero >&2; echo done", size);
  lr_process *process = spawn (connection, SPAWN (.command = SHELL (script)));
  cr_expect_str_eq (read_line (process, LR_STDOUT), "done\n");
  cr_expect_eq (lr_ping (connection, &error), 0);
  cr_expect_eq (read_zeros (process, LR_STDERR, SIZE_MAX), size);
  expect_growth (0, before, CLIENT_GROWTH, "the client");
  expect_growth (dispatcher, dispatcher_before, DISPATCHER_GROWTH, "the dispatcher");
  expect_end (process, 0);
}

TEST_AS_SELF (bulk, goes_both_ways)
{
  enum
  {
    STEP = 100000,
  };
  struct lr_error error;
  static char buffer[STEP];
  size_t size = bulk_size () / 4, got;
  char *noise = make_noise (STEP, 9);
  lr_process *process = spawn (connection, SPAWN (.command = WORDS ("cat")));
  for (size_t done = 0; done < size; done += STEP)
    {
      cr_assert_eq (lr_process_write (process, noise, STEP, &error), 0, "%s", error.message);
      for (size_t have = 0; have < STEP; have += got)
        cr_assert_eq (
            lr_process_read (process, LR_STDOUT, buffer + have, STEP - have, &got, &error), 0);
      cr_assert_eq (memcmp (buffer, noise, STEP), 0);
    }
  lr_process_close_input (process);
  expect_rest (process, LR_STDOUT, "");
  expect_end (process, 0);
  free (noise);
}

/* ---- told by the callback ---- */

struct told
{
  uint32_t events, order[200];
  int count;
  lr_process *free_at_first;
  bool freed;
};

static void
note_events (void *data, lr_process *process, uint32_t events)
{
  struct told *told = data;
  cr_expect_not (told->freed, "it was told after it was freed");
  cr_expect_neq (events, 0);
  cr_expect_eq (told->events & LR_PROCESS_CLOSED, 0, "it was told after its end");
  told->events |= events;
  if (told->count < (int) COUNT (told->order))
    told->order[told->count] = events;
  told->count++;
  if (told->free_at_first != NULL)
    {
      cr_expect_eq (process, told->free_at_first);
      told->freed = true;
      lr_process_free (process);
    }
}

static void
await_event (const struct told *told, uint32_t event)
{
  for (int64_t since = now_ms (); (told->events & event) == 0; dispatch (loop_of_test (), 1000))
    cr_assert_lt (now_ms () - since, 30000, "event %u never came", event);
}

/* Wait until the output has this much.  */
static const char *
await_bytes (lr_process *process, enum lr_stream stream, size_t size)
{
  const char *data;
  int64_t since = now_ms ();
  while (lr_process_peek (process, stream, &data) < size)
    {
      cr_assert_lt (now_ms () - since, 30000, "%zu bytes never came", size);
      dispatch (loop_of_test (), 1000);
    }
  return data;
}

TEST_ON_LOOP_AS_BOTH (telling, goes_step_by_step)
{
  struct told told = { .count = 0 };
  const char *data;
  lr_process *process =
      spawn (connection, SPAWN (.command = SHELL ("while read line; do echo \"$line!\"; done; "
                                                  "echo error >&2; exit 3"),
                                .callback = note_events, .data = &told));
  cr_expect_eq (lr_process_offer (process, "one\n", 4), 4);
  cr_expect_eq (told.count, 0);
  cr_expect_eq (lr_process_peek (process, LR_STDOUT, &data), 0);
  data = await_bytes (process, LR_STDOUT, 5);
  cr_expect_eq (memcmp (data, "one!\n", 5), 0);
  cr_expect_neq (told.events & LR_PROCESS_STARTED, 0);
  cr_expect_neq (told.order[0] & LR_PROCESS_STARTED, 0, "that comes first");
  cr_expect_neq (told.events & LR_PROCESS_OUTPUT, 0);
  lr_process_consume (process, LR_STDOUT, 2);
  cr_expect_eq (lr_process_peek (process, LR_STDOUT, &data), 3);
  cr_expect_eq (memcmp (data, "e!\n", 3), 0);
  lr_process_consume (process, LR_STDOUT, 3);
  cr_expect_eq (lr_process_peek (process, LR_STDOUT, &data), 0);
  cr_expect_eq (lr_process_has_ended (process, LR_STDOUT), 0);
  lr_process_offer (process, "two\n", 4);
  await_bytes (process, LR_STDOUT, 5);
  cr_expect_eq (told.events & (LR_PROCESS_ERROR | LR_PROCESS_EXITED | LR_PROCESS_CLOSED), 0);
  lr_process_close_input (process);
  await_event (&told, LR_PROCESS_CLOSED);
  cr_expect_eq (told.events & LR_PROCESS_INPUT, 0, "it never was full");
  cr_expect_neq (told.events & LR_PROCESS_EXITED, 0);
  cr_expect_neq (told.events & LR_PROCESS_ERROR, 0);
  /* What was not consumed is still there.  */
  cr_expect_eq (lr_process_has_ended (process, LR_STDOUT), 0);
  cr_expect_eq (lr_process_peek (process, LR_STDOUT, &data), 5);
  cr_expect_eq (memcmp (data, "two!\n", 5), 0);
  lr_process_consume (process, LR_STDOUT, 5);
  cr_expect_eq (lr_process_has_ended (process, LR_STDOUT), 1);
  cr_expect_eq (lr_process_peek (process, LR_STDERR, &data), 6);
  struct lr_process_status status = LR_PROCESS_STATUS ();
  cr_expect_eq (lr_process_get_status (process, &status, NULL), 0);
  cr_expect_eq (status.returncode, 3);
  lr_process_free (process);
}

TEST_ON_LOOP (telling, bounds_what_is_kept)
{
  enum
  {
    MOST = 16 << 20,
  };
  struct told told = { .count = 0 };
  const char *data;
  size_t size = bulk_size () / 4, got = 0;
  char text[32];
  snprintf (text, sizeof text, "%zu", size);
  pid_t dispatcher = dispatcher_of (connection);
  forget_peak (dispatcher);
  forget_peak (0);
  long before = peak_memory (0), dispatcher_before = peak_memory (dispatcher);
  lr_process *process =
      spawn (connection, SPAWN (.command = WORDS ("head", "-c", text, "/dev/zero"),
                                .callback = note_events, .data = &told));
  await_event (&told, LR_PROCESS_OUTPUT);
  dispatch_for (loop_of_test (), 300);
  cr_expect_lt (lr_process_peek (process, LR_STDOUT, &data), MOST);
  cr_expect_eq (told.events & LR_PROCESS_EXITED, 0, "somebody has kept it all");
  for (int64_t since = now_ms (); !lr_process_has_ended (process, LR_STDOUT);)
    {
      size_t have = lr_process_peek (process, LR_STDOUT, &data);
      cr_assert_lt (have, MOST);
      got += have;
      lr_process_consume (process, LR_STDOUT, have);
      if (have == 0 && !lr_process_has_ended (process, LR_STDOUT))
        dispatch (loop_of_test (), 1000);
      cr_assert_lt (now_ms () - since, 100000);
    }
  cr_expect_eq (got, size);
  await_event (&told, LR_PROCESS_CLOSED);
  expect_growth (0, before, CLIENT_GROWTH, "the client");
  expect_growth (dispatcher, dispatcher_before, DISPATCHER_GROWTH, "the dispatcher");
  lr_process_free (process);
}

/* Waiting for one output has let the other one go to a file; but from then on it is bounded as
   before.  */
TEST_ON_LOOP (telling, bounds_also_what_is_kept_behind_a_wait)
{
  struct told told = { .count = 0 };
  lr_process *process =
      spawn (connection, SPAWN (.command = SHELL ("head -c 3000000 /dev/zero; echo x >&2; exec cat "
                                                  "/dev/zero"),
                                .callback = note_events, .data = &told));
  cr_expect_str_eq (read_line (process, LR_STDERR), "x\n");
  dispatch_for (loop_of_test (), 200);
  /* It comes to a stand.  */
  struct stat info;
  char path[64];
  int64_t size = -1, before = -2;
  for (int64_t since = now_ms (); size != before; dispatch_for (loop_of_test (), 200))
    {
      cr_assert_lt (now_ms () - since, 10000, "%lld bytes are kept, and there is no end",
                    (long long) size);
      before = size;
      size = 0;
      for (int fd = 3; fd < 64; fd++)
        {
          snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
          if (stat (path, &info) == 0 && S_ISREG (info.st_mode) && info.st_nlink == 0)
            size += info.st_size;
        }
    }
  cr_expect_lt (size, 64 * MIB);
  /* And goes on when it is read.  */
  cr_expect_eq (read_zeros (process, LR_STDOUT, 20 * MIB), 20 * MIB);
  lr_process_free (process);
}

TEST_ON_LOOP (telling, says_when_input_is_taken_again)
{
  struct told told = { .count = 0 };
  static char buffer[MIB];
  size_t size = bulk_size () / 8, done = 0, taken;
  char text[64];
  lr_process *process =
      spawn (connection, SPAWN (.command = WORDS ("sh", "-c",
                                                  "while [ ! -e \"$0\" ]; do sleep 0.01; done; "
                                                  "exec wc -c",
                                                  in_work ("go")),
                                .callback = note_events, .data = &told));
  do
    {
      told.events &= ~(uint32_t) LR_PROCESS_INPUT;
      done += lr_process_offer (process, buffer, sizeof buffer);
      dispatch_for (loop_of_test (), 100);
      cr_assert_lt (done, 64 * (size_t) MIB, "it takes everything");
    }
  while ((told.events & LR_PROCESS_INPUT) != 0);
  /* It speaks only of room that is worth it.  */
  while ((taken = lr_process_offer (process, buffer, sizeof buffer)) > 0)
    done += taken;
  write_file (in_work ("go"), "", 0, 0644);
  int64_t since = now_ms ();
  while (done < size)
    {
      await_event (&told, LR_PROCESS_INPUT);
      told.events &= ~(uint32_t) LR_PROCESS_INPUT;
      do
        {
          size_t step = size - done < sizeof buffer ? size - done : sizeof buffer;
          taken = lr_process_offer (process, buffer, step);
          done += taken;
        }
      while (taken > 0 && done < size);
    }
  lr_process_close_input (process);
  await_event (&told, LR_PROCESS_CLOSED);
  const char *data;
  cr_expect_lt (now_ms () - since, memory_is_distorted () ? 60000 : 20000, "it stops and goes");
  snprintf (text, sizeof text, "%zu\n", done);
  size_t have = lr_process_peek (process, LR_STDOUT, &data);
  cr_expect_eq (have, strlen (text));
  cr_expect_eq (memcmp (data, text, have), 0);
  lr_process_free (process);
}

TEST_ON_LOOP (telling, says_so_also_when_nobody_reads_any_more)
{
  struct told told = { .count = 0 };
  static char buffer[4 * MIB];
  struct lr_error error;
  lr_process *process =
      spawn (connection, SPAWN (.command = ENDLESS, .callback = note_events, .data = &told));
  do
    {
      told.events &= ~(uint32_t) LR_PROCESS_INPUT;
      lr_process_offer (process, buffer, sizeof buffer);
      dispatch_for (loop_of_test (), 100);
    }
  while ((told.events & LR_PROCESS_INPUT) != 0);
  lr_process_signal (process, SIGTERM, &error);
  await_event (&told, LR_PROCESS_EXITED);
  cr_expect_neq (told.events & LR_PROCESS_INPUT, 0, "who waits for that waits for ever");
  cr_expect_eq (lr_process_offer (process, buffer, sizeof buffer), sizeof buffer);
  lr_process_free (process);
}

TEST_ON_LOOP (telling, may_free_it)
{
  struct told told = { .count = 0 };
  lr_process *process =
      spawn (connection, SPAWN (.command = ENDLESS, .callback = note_events, .data = &told));
  told.free_at_first = process;
  await_event (&told, LR_PROCESS_STARTED);
  cr_expect (told.freed);
  for (int64_t since = now_ms (); count_processes (endless ()) > 0; dispatch (loop_of_test (), 10))
    cr_assert_lt (now_ms () - since, 20000);
  dispatch_for (loop_of_test (), 50);
  cr_expect_eq (told.count, 1);
}

TEST_ON_LOOP (telling, comes_to_an_end_when_the_connection_is_closed)
{
  struct lr_error error;
  struct told told = { .count = 0 };
  lr_connection *other = open_on (loop_of_test (), NULL);
  lr_process *process =
      spawn (other, SPAWN (.command = ENDLESS, .callback = note_events, .data = &told));
  (void) connection;
  await_event (&told, LR_PROCESS_STARTED);
  lr_close (other);
  await_event (&told, LR_PROCESS_CLOSED);
  cr_expect_eq (lr_process_get_status (process, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_CANCELLED);
  lr_process_free (process);
}

TEST_ON_LOOP (telling, waits_for_a_connection_that_is_not_open_yet)
{
  struct lr_error error;
  struct told told = { .count = 0 };
  struct outcome opened = { .count = 0 };
  lr_connection *other;
  (void) connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = local_url (), .loop = loop_of_test ());
  cr_assert_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), 0);
  lr_process *cat =
      spawn (other, SPAWN (.command = WORDS ("cat"), .callback = note_events, .data = &told));
  lr_process *sleeper = spawn (other, SPAWN (.command = ENDLESS));
  cr_expect_eq (lr_process_offer (cat, "early", 5), 5);
  lr_process_close_input (cat);
  cr_expect_eq (lr_process_signal (sleeper, SIGTERM, &error), 0);
  cr_expect_eq (memcmp (await_bytes (cat, LR_STDOUT, 5), "early", 5), 0);
  await_event (&told, LR_PROCESS_CLOSED);
  struct lr_process_status status = LR_PROCESS_STATUS ();
  cr_expect_eq (lr_process_wait (sleeper, 20000, &status, &error), 0, "%s", error.message);
  cr_expect_eq (status.returncode, -SIGTERM);
  lr_process_free (cat);
  lr_process_free (sleeper);
  lr_close (other);
}

TEST_AS_SELF (telling, needs_a_loop_of_the_programs)
{
  struct lr_error error;
  struct told told = { .count = 0 };
  lr_process *process;
  struct lr_spawn_args args =
      SPAWN (.command = WORDS ("true"), .callback = note_events, .data = &told);
  cr_expect_eq (lr_spawn (connection, &args, &process, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_null (process);
}

/* ---- attached ---- */

/* An end of a pipe or the like that is to stay as it is.  */
static int
flags_of (int fd)
{
  return fcntl (fd, F_GETFL);
}

static lr_process *
attach (lr_connection *connection, const char *const *command, int input, int output, int error)
{
  return spawn (connection, SPAWN (.command = command,
                                   .attach = (input >= 0 ? LR_ATTACH_INPUT : 0u)
                                             | (output >= 0 ? LR_ATTACH_OUTPUT : 0u)
                                             | (error >= 0 ? LR_ATTACH_ERROR : 0u),
                                   .descriptors = { input, output, error }));
}

static int
open_new (const char *path)
{
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  cr_assert_geq (fd, 0);
  return fd;
}

TEST_AS_BOTH (attached, to_files)
{
  size_t size = 5000000, got_size;
  char *noise = make_noise (size, 5), *got;
  write_file (path_in ("in"), noise, size, 0600);
  int in = open (path_in ("in"), O_RDONLY | O_CLOEXEC);
  int out = open_new (path_in ("out")), err = open_new (path_in ("err"));
  /* From where they stand.  */
  lseek (in, 1000, SEEK_SET);
  cr_assert_eq (write (out, "before", 6), 6);
  expect_end (attach (connection, SHELL ("cat; echo error >&2"), in, out, err), 0);
  got = read_file (path_in ("out"), &got_size);
  cr_expect_eq (got_size, size - 1000 + 6);
  cr_expect_eq (memcmp (got, "before", 6), 0);
  cr_expect_eq (memcmp (got + 6, noise + 1000, size - 1000), 0);
  free (got);
  got = read_file (path_in ("err"), NULL);
  cr_expect_str_eq (got, "error\n");
  free (got);
  cr_expect_eq (lseek (in, 0, SEEK_CUR), (off_t) size);
  cr_expect_eq (lseek (out, 0, SEEK_CUR), (off_t) (size - 1000 + 6), "the offset is shared");
  close (in);
  close (out);
  close (err);
  free (noise);
}

TEST_AS_BOTH (attached, to_dev_null)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  expect_end (attach (connection, SHELL ("cat; head -c 1000000 /dev/zero; echo x >&2; exit 6"),
                      null, null, null),
              6);
  close (null);
}

/* One descriptor for both outputs, as a shell's 2>&1 has it.  */
TEST_AS_BOTH (attached, to_one_descriptor_twice)
{
  int ends[2], out = open_new (path_in ("out"));
  char buffer[100] = "";
  expect_end (attach (connection,
                      SHELL ("echo out; sleep 0.1; echo error >&2; sleep 0.1; echo out"), -1, out,
                      out),
              0);
  close (out);
  char *got = read_file (path_in ("out"), NULL);
  cr_expect_str_eq (got, "out\nerror\nout\n");
  free (got);
  cr_assert_eq (pipe2 (ends, O_CLOEXEC), 0);
  expect_end (attach (connection, SHELL ("echo 12; echo 34 >&2"), -1, ends[1], ends[1]), 0);
  cr_expect_eq (read (ends[0], buffer, sizeof buffer), 6);
  close (ends[0]);
  close (ends[1]);
}

TEST_AS_BOTH (attached, to_sockets_whose_flags_stay)
{
  int in[2], out[2];
  char buffer[100] = "";
  cr_assert_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in), 0);
  cr_assert_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out), 0);
  int flags = flags_of (in[0]);
  lr_process *process = attach (connection, WORDS ("cat"), in[0], out[0], -1);
  cr_assert_eq (write (in[1], "through sockets", 15), 15);
  cr_expect_eq (lr_process_wait (process, 100, NULL, NULL), -1);
  cr_expect_eq (flags_of (in[0]), flags);
  cr_expect_eq (flags_of (out[0]), flags);
  cr_expect_eq (read (out[1], buffer, sizeof buffer), 15);
  cr_expect_str_eq (buffer, "through sockets");
  shutdown (in[1], SHUT_WR);
  expect_end (process, 0);
  /* Nobody closes them but us.  */
  cr_expect_eq (flags_of (in[0]), flags);
  cr_expect_eq (flags_of (out[0]), flags);
  for (int i = 0; i < 2; i++)
    {
      close (in[i]);
      close (out[i]);
    }
}

TEST_AS_BOTH (attached, to_pipes_whose_flags_stay)
{
  int in[2], out[2];
  char buffer[100] = "";
  cr_assert_eq (pipe2 (in, O_CLOEXEC), 0);
  cr_assert_eq (pipe2 (out, O_CLOEXEC), 0);
  int read_flags = flags_of (in[0]), write_flags = flags_of (out[1]);
  int descriptors = count_descriptors ();
  lr_process *process = attach (connection, WORDS ("cat"), in[0], out[1], -1);
  for (int i = 0; i < 10; i++)
    {
      cr_assert_eq (write (in[1], "through pipes", 13), 13);
      cr_expect_eq (lr_process_wait (process, 50, NULL, NULL), -1);
      cr_expect_eq (read (out[0], buffer, sizeof buffer), 13, "turn %d", i);
      cr_expect_str_eq (buffer, "through pipes");
    }
  cr_expect_eq (flags_of (in[0]), read_flags);
  cr_expect_eq (flags_of (out[1]), write_flags);
  cr_expect_neq (flags_of (in[0]) & O_NONBLOCK, O_NONBLOCK);
  close (in[1]);
  expect_end (process, 0);
  cr_expect_eq (flags_of (in[0]), read_flags);
  cr_expect_eq (flags_of (out[1]), write_flags);
  cr_expect_eq (count_descriptors (), descriptors - 1);
  close (in[0]);
  close (out[0]);
  close (out[1]);
}

/* All of it must come, in order, whatever the pace.  */
TEST_AS_SELF (attached, to_a_pipe_whose_reader_stops_for_a_while)
{
  struct lr_error error;
  int out[2];
  static char buffer[65536], zeros[65536];
  char text[32];
  size_t size = bulk_size () / 4, got = 0;
  struct lr_run_result *result;
  struct lr_run_args other = LR_RUN_ARGS (.command = WORDS ("head", "-c", "1000000", "/dev/zero"));
  cr_assert_eq (pipe2 (out, O_CLOEXEC), 0);
  pid_t dispatcher = dispatcher_of (connection);
  forget_peak (dispatcher);
  forget_peak (0);
  long before = peak_memory (0), dispatcher_before = peak_memory (dispatcher);
  snprintf (text, sizeof text, "%zu", size);
  lr_process *process =
      attach (connection, WORDS ("head", "-c", text, "/dev/zero"), -1, out[1], -1);
  close (out[1]);
  cr_expect_eq (lr_process_wait (process, 300, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  for (int i = 0; i < 20; i++)
    {
      cr_assert_eq (lr_run (connection, &other, &result, &error), 0, "%s", error.message);
      cr_expect_eq (result->stdout_bytes.size, 1000000);
      lr_free (result);
    }
  fcntl (out[0], F_SETFL, O_NONBLOCK);
  for (int64_t since = now_ms (); got < size;)
    {
      ssize_t here = read (out[0], buffer, sizeof buffer);
      cr_assert_neq (here, 0, "it ended after %zu bytes", got);
      if (here < 0)
        lr_process_wait (process, 1, NULL, &error);
      else if (memcmp (buffer, zeros, (size_t) here) != 0)
        cr_assert_fail ("other bytes");
      got += here > 0 ? (size_t) here : 0;
      cr_assert_lt (now_ms () - since, 100000);
    }
  expect_growth (0, before, CLIENT_GROWTH, "the client");
  expect_growth (dispatcher, dispatcher_before, DISPATCHER_GROWTH, "the dispatcher");
  expect_end (process, 0);
  cr_expect_eq (read (out[0], buffer, 1), 0);
  close (out[0]);
}

/* The time limit is the command's, not that of who reads what it has written.  */
TEST_AS_SELF (attached, to_a_pipe_that_is_read_long_after_the_time_limit)
{
  enum
  {
    SIZE = 200000, /* bytes: more than a pipe, less than a window */
    LIMIT = 2000,  /* milliseconds */
    GRACE = 7000,  /* that the far side has, to say that the command has ended */
  };
  struct lr_error error;
  int out[2];
  size_t got = 0;
  char buffer[4096];
  cr_assert_eq (pipe2 (out, O_CLOEXEC), 0);
  lr_process *process =
      spawn (connection,
             SPAWN (.command = WORDS ("head", "-c", "200000", "/dev/zero"), .timeout_ms = LIMIT,
                    .attach = LR_ATTACH_OUTPUT, .descriptors[1] = out[1]));
  close (out[1]);
  cr_expect_eq (lr_process_wait (process, LIMIT + GRACE + 500, NULL, &error), -1);
  cr_expect_eq (lr_process_get_status (process, NULL, &error), 0, "%s", error.message);
  fcntl (out[0], F_SETFL, O_NONBLOCK);
  for (int64_t since = now_ms (); got < SIZE;)
    {
      ssize_t here = read (out[0], buffer, sizeof buffer);
      cr_assert_neq (here, 0, "it ended after %zu bytes", got);
      if (here < 0)
        lr_process_wait (process, 1, NULL, &error);
      got += here > 0 ? (size_t) here : 0;
      cr_assert_lt (now_ms () - since, 20000);
    }
  expect_end (process, 0);
  close (out[0]);
}

TEST_AS_BOTH (attached, to_something_that_nobody_reads_any_more)
{
  struct lr_error error;
  for (int i = 0; i < 4; i++)
    {
      char command[140];
      int out[2];
      bool is_error = i & 1;
      if (i < 2)
        cr_assert_eq (pipe2 (out, O_CLOEXEC), 0);
      else
        cr_assert_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out), 0);
      snprintf (command, sizeof command, "sleep %s & yes >&%d", endless (), is_error ? 2 : 1);
      lr_process *process =
          attach (connection, SHELL (command), -1, is_error ? -1 : out[1], is_error ? out[1] : -1);
      cr_expect_eq (lr_process_wait (process, 100, NULL, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
      close (out[0]);
      cr_expect_eq (lr_process_wait (process, 20000, NULL, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
      cr_expect (error.errnum == EPIPE || (i >= 2 && error.errnum == ECONNRESET), "%s",
                 error.message);
      cr_expect_str_eq (error.field, is_error ? "error" : "output");
      lr_process_free (process);
      close (out[1]);
      cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);
      wait_for_processes (endless (), 0);
    }
}

TEST_AS_BOTH (attached, to_a_full_disk)
{
  struct lr_error error;
  int full = open ("/dev/full", O_WRONLY | O_CLOEXEC);
  lr_process *process = attach (connection, WORDS ("echo", "x"), -1, full, -1);
  cr_expect_eq (lr_process_wait (process, 20000, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_eq (error.errnum, ENOSPC);
  cr_expect_str_eq (error.field, "output");
  lr_process_free (process);
  close (full);
}

TEST_AS_BOTH (attached, to_what_can_not_be_used)
{
  struct lr_error error;
  lr_process *process;
  int write_only = open ("/dev/null", O_WRONLY | O_CLOEXEC),
      directory = open ("/", O_RDONLY | O_CLOEXEC),
      read_only = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  static const char *const fields[] = { "input", "output", "error" };
  for (int i = 0; i < 3; i++)
    {
      struct lr_spawn_args args =
          SPAWN (.command = WORDS ("true"), .attach = 1u << i, .descriptors = { 999, 999, 999 });
      cr_expect_eq (lr_spawn (connection, &args, &process, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
      cr_expect_str_eq (error.field, fields[i], "%s", error.message);
      cr_expect_null (process);
    }
  const int inputs[] = { write_only, directory };
  for (size_t i = 0; i < COUNT (inputs); i++)
    {
      process = attach (connection, WORDS ("cat"), inputs[i], -1, -1);
      cr_expect_eq (lr_process_wait (process, 20000, NULL, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
      cr_expect_eq (error.errnum, i == 0 ? EBADF : EISDIR);
      cr_expect_str_eq (error.field, "input");
      lr_process_free (process);
    }
  process = attach (connection, WORDS ("echo", "x"), -1, read_only, -1);
  cr_expect_eq (lr_process_wait (process, 20000, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  cr_expect_str_eq (error.field, "output");
  lr_process_free (process);
  close (write_only);
  close (read_only);
  close (directory);
}

/* The others are still used by hand.  */
TEST_AS_BOTH (attached, in_part)
{
  int in[2];
  cr_assert_eq (pipe2 (in, O_CLOEXEC), 0);
  lr_process *process = attach (connection, SHELL ("cat; echo error >&2"), in[0], -1, -1);
  cr_assert_eq (write (in[1], "line\n", 5), 5);
  cr_expect_str_eq (read_line (process, LR_STDOUT), "line\n");
  /* The application may close its own.  */
  close (in[0]);
  cr_assert_eq (write (in[1], "more\n", 5), 5);
  cr_expect_str_eq (read_line (process, LR_STDOUT), "more\n");
  close (in[1]);
  expect_rest (process, LR_STDERR, "error\n");
  expect_end (process, 0);
}

/* An input that has more to give than the command takes doesn't keep the loop busy, nor the process
   alive.  */
TEST_AS_SELF (attached, to_an_endless_input)
{
  int zero = open ("/dev/zero", O_RDONLY | O_CLOEXEC), out = open_new (path_in ("out"));
  expect_end (attach (connection, WORDS ("head", "-c", "5000000"), zero, out, -1), 0);
  cr_expect_eq (lseek (out, 0, SEEK_CUR), 5000000);
  close (zero);
  close (out);
}

TEST_ON_LOOP (attached, is_not_busy_while_nothing_moves)
{
  int in[2], out[2], turns = 0;
  struct told told = { .count = 0 };
  char byte;
  cr_assert_eq (pipe2 (in, O_CLOEXEC), 0);
  cr_assert_eq (pipe2 (out, O_CLOEXEC), 0);
  lr_process *process =
      spawn (connection, SPAWN (.command = WORDS ("cat"), .callback = note_events, .data = &told,
                                .attach = LR_ATTACH_INPUT | LR_ATTACH_OUTPUT,
                                .descriptors = { in[0], out[1], -1 }));
  await_event (&told, LR_PROCESS_STARTED);
  cr_assert_eq (write (in[1], "x", 1), 1);
  fcntl (out[0], F_SETFL, O_NONBLOCK);
  while (read (out[0], &byte, 1) != 1)
    dispatch (loop_of_test (), 10);
  dispatch_for (loop_of_test (), 50);
  for (int64_t end = now_ms () + 300, left; (left = end - now_ms ()) > 0; turns++)
    dispatch (loop_of_test (), (uint64_t) left);
  cr_expect_leq (turns, 4, "%d turns in 300 ms", turns);
  close (in[1]);
  await_event (&told, LR_PROCESS_CLOSED);
  lr_process_free (process);
  close (in[0]);
  close (out[0]);
  close (out[1]);
}

/* ---- many ---- */

TEST_AS_SELF (many, commands_at_once)
{
  enum
  {
    ALL = 1000,
  };
  static lr_process *processes[ALL];
  struct lr_error error;
  pid_t dispatcher = dispatcher_of (connection);
  for (int i = 0; i < ALL; i++)
    processes[i] =
        spawn (connection, SPAWN (.command = SHELL ("read line; echo \"$line\"; exit 9")));
  /* None of them can end before the last has begun.  */
  for (int i = ALL - 1; i >= 0; i--)
    {
      char line[16];
      snprintf (line, sizeof line, "%d\n", i);
      write_text (processes[i], line);
    }
  cr_expect_eq (lr_ping (connection, &error), 0);
  for (int i = 0; i < ALL; i++)
    {
      char line[16];
      snprintf (line, sizeof line, "%d\n", i);
      cr_expect_str_eq (read_line (processes[i], LR_STDOUT), line);
      expect_end (processes[i], 9);
    }
  cr_expect_eq (count_children_of (dispatcher), 0);
}

TEST_AS_SELF (many, more_than_the_far_side_takes_is_a_clear_error)
{
  enum
  {
    MOST = 1100,
  };
  static lr_process *processes[MOST];
  struct lr_error error = { .kind = LR_ERROR_NONE };
  struct lr_stat_result *stat;
  int count = 0;
  struct lr_spawn_args args = SPAWN (.command = WORDS ("cat"));
  while (count < MOST && lr_spawn (connection, &args, &processes[count], &error) == 0)
    count++;
  cr_expect_geq (count, 1000);
  cr_assert_lt (count, MOST);
  cr_expect_eq (error.kind, LR_ERROR_REMOTE_OS, "%s", error.message);
  cr_expect_eq (error.errnum, EAGAIN);
  cr_expect_null (processes[count]);
  /* Everything else goes on.  */
  struct lr_stat_args stat_args = LR_STAT_ARGS (.path = "/");
  cr_expect_eq (lr_stat (connection, &stat_args, &stat, &error), 0, "%s", error.message);
  lr_free (stat);
  write_text (processes[count - 1], "x\n");
  cr_expect_str_eq (read_line (processes[count - 1], LR_STDOUT), "x\n");
  lr_process_close_input (processes[0]);
  expect_end (processes[0], 0);
  processes[0] = spawn (connection, args);
  for (int i = 0; i < count; i++)
    lr_process_free (processes[i]);
}
