/* Ways of several hops: each is this machine, reached through the dispatcher of the hop before.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) WORDS ("sh", "-c", script)

static void
begin (void)
{
  make_directory ();
}

static void
end (void)
{
  cr_expect_eq (count_children (), 0, "a process is left");
  end_endless ();
  remove_directory ();
}

TestSuite (chain, .init = begin, .fini = end, .timeout = 60);

static lr_connection *
open_chain (const char *url)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s: %s", url, error.message);
  return connection;
}

static char *
output_of (lr_connection *connection, const char *script)
{
  struct lr_error error;
  struct lr_run_result *result;
  struct lr_run_args args = LR_RUN_ARGS (.command = SHELL (script));
  cr_assert_eq (lr_run (connection, &args, &result, &error), 0, "%s", error.message);
  char *output = strdup (result->stdout_bytes.data);
  lr_free (result);
  return output;
}

/* How many dispatchers are between a command and this process.  */
static int
count_hops (lr_connection *connection)
{
  char script[200];
  snprintf (script, sizeof script,
            "pid=$PPID; while test $pid != %d; do echo $pid; "
            "pid=$(sed -n 's/^PPid:.//p' /proc/$pid/status); done",
            (int) getpid ());
  char *list = output_of (connection, script);
  int count = 0;
  for (const char *c = list; *c != '\0'; c++)
    count += *c == '\n';
  free (list);
  return count;
}

Test (chain, of_any_length_leads_to_its_end)
{
  static const char *const urls[] = { "local:a", "local:a,local:b", "local:a,local:b,local:c",
                                      "local:a,local:b,local:c,local:d,local:e" };
  for (size_t i = 0; i < COUNT (urls); i++)
    {
      int commas = 0;
      for (const char *c = urls[i]; *c != '\0'; c++)
        commas += *c == ',';
      lr_connection *connection = open_chain (urls[i]);
      cr_expect_eq (count_hops (connection), commas + 1, "%s", urls[i]);
      lr_close (connection);
    }
}

/* What URL can't be opened for; in time, and with everything ended.  */
static void
expect_refusal (const char *url, uint64_t timeout_ms, enum lr_error_kind kind, int hop,
                const char *message)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .timeout_ms = timeout_ms);
  cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1, "%s is opened", url);
  lr_close (connection);
  cr_expect_eq (error.kind, kind, "%s: %s: %s", url, lr_error_kind_name (error.kind),
                error.message);
  cr_expect_eq (error.hop, hop, "%s: hop %d: %s", url, error.hop, error.message);
  cr_expect_not_null (strstr (error.message, message), "%s: not \"%s\", but:\n%s", url, message,
                      error.message);
  cr_expect_eq (count_children (), 0, "%s: a process is left", url);
}

Test (chain, that_breaks_off_names_the_hop)
{
  static const struct
  {
    const char *url;
    uint64_t timeout;
    enum lr_error_kind kind;
    int hop;
    const char *message;
  } rows[] = {
    { "local:a?dispatcher=false,local:b", 0, LR_ERROR_IO, 0,
      "a: the dispatcher is gone: it ended" },
    { "local:a,local:b?dispatcher=false,local:c", 0, LR_ERROR_IO, 1,
      "b: the dispatcher is gone: it ended with status 1" },
    { "local:a,local:b,local:c?dispatcher=/no/such", 0, LR_ERROR_IO, 2,
      "c: on the hop before: cannot run /no/such: No such file or directory" },
    /* What has a push is not taken for a place without a shell.  */
    { "local:a,docker:b?program=/no/such", 0, LR_ERROR_IO, 1,
      "b: on the hop before: cannot run /no/such: No such file or directory" },
    { "local:a,local:b?dispatcher=sh -c sleep%201000", 300, LR_ERROR_TIMEOUT, 1,
      "b: no dispatcher has answered within 300 milliseconds" },
    { "local:a?protocol=plain,local:b", 0, LR_ERROR_UNSUPPORTED, 0,
      "local: the connector speaks the plain protocol, which leads no further" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_refusal (rows[i].url, rows[i].timeout, rows[i].kind, rows[i].hop, rows[i].message);
}

/* The process of hop INDEX, of two.  */
static pid_t
pid_of_hop (lr_connection *connection, int index)
{
  char *last = output_of (connection, "echo $PPID");
  char *before = output_of (connection, "sed -n 's/^PPid:.//p' /proc/$PPID/status");
  pid_t pid = (pid_t) atoi (index == 1 ? last : before);
  free (last);
  free (before);
  return pid;
}

static void
kill_hop (int index, const char *message)
{
  struct lr_error error;
  struct lr_run_result *result;
  struct outcome runs[3] = { { 0 } };
  lr_loop *loop;
  lr_connection *connection;
  struct outcome opened = { 0 };
  struct lr_run_args args = LR_RUN_ARGS (.command = WORDS ("sleep", endless ()));
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:a,local:b", .loop = loop);
  cr_assert_eq (lr_submit_open (NULL, &open, take_answer, &opened, &connection, &error), 0);
  dispatch_until (loop, &opened);
  expect_success (&opened, "open");
  pid_t pid = pid_of_hop (connection, index);
  for (size_t i = 0; i < COUNT (runs); i++)
    submit (connection, LR_OPERATION_RUN, &args, &runs[i]);
  while (count_processes (endless ()) < (int) COUNT (runs))
    dispatch_for (loop, 20);
  cr_assert_eq (kill (pid, SIGKILL), 0);
  for (size_t i = 0; i < COUNT (runs); i++)
    {
      dispatch_until (loop, &runs[i]);
      expect_answer_kind (&runs[i], LR_ERROR_IO, "run");
      cr_expect_eq (runs[i].error.hop, index, "%s", runs[i].error.message);
      cr_expect_not_null (strstr (runs[i].error.message, message), "%s", runs[i].error.message);
    }
  cr_expect_eq (lr_ping (connection, &error), -1);
  cr_expect_eq (lr_run (connection, &args, &result, &error), -1);
  lr_close (connection);
  free_loop (loop);
  wait_for_processes (endless (), 0);
}

Test (chain, whose_first_process_is_killed_fails_all_with_one_error)
{
  kill_hop (0, "a: the dispatcher is gone: it was ended by signal 9");
}

Test (chain, whose_last_process_is_killed_fails_all_with_one_error)
{
  kill_hop (1, "b: the dispatcher is gone: it was ended by signal 9");
}

/* What is asked of it in vain is no progress, though the hop before takes it.  */
Test (chain, whose_last_process_is_silent_is_noticed)
{
  struct lr_error error;
  struct lr_run_result *result;
  lr_connection *connection;
  struct lr_run_args args = LR_RUN_ARGS (.command = WORDS ("true"));
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:a,local:b", .keep_alive_ms = 500);
  cr_assert_eq (lr_open (NULL, &open, &connection, &error), 0, "%s", error.message);
  pid_t pid = pid_of_hop (connection, 1);
  cr_assert_eq (kill (pid, SIGSTOP), 0);
  cr_expect_eq (lr_run (connection, &args, &result, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_eq (error.hop, 1, "%s", error.message);
  cr_expect_not_null (strstr (error.message, "there was no sign of life"), "%s", error.message);
  kill (pid, SIGCONT);
  lr_close (connection);
}

Test (chain, can_lose_its_first_process_while_the_last_one_is_closed)
{
  struct lr_error error;
  struct outcome opened = { 0 };
  lr_loop *loop;
  lr_connection *connection;
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:a,local:b", .loop = loop);
  cr_assert_eq (lr_submit_open (NULL, &open, take_answer, &opened, &connection, &error), 0);
  dispatch_until (loop, &opened);
  expect_success (&opened, "open");
  pid_t first = pid_of_hop (connection, 0), last = pid_of_hop (connection, 1);
  cr_assert_eq (kill (last, SIGSTOP), 0);
  lr_close (connection);
  dispatch_for (loop, 100);
  cr_assert_eq (kill (first, SIGKILL), 0);
  dispatch_for (loop, 500);
  kill (last, SIGKILL);
  free_loop (loop);
}

Test (chain, moves_files_of_any_size_in_constant_memory)
{
  struct lr_error error;
  size_t size = bulk_size () / 4, got;
  char *content = make_noise (size, 7);
  write_file (path_in ("source"), content, size, 0600);
  lr_connection *connection = open_chain ("local:a,local:b,local:c");
  pid_t pid = dispatcher_of (connection);
  forget_peak (0);
  long before = peak_memory (0), far_before = peak_memory (pid);
  int source = open (path_in ("source"), O_RDONLY | O_CLOEXEC);
  int target = open (path_in ("back"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct lr_put_args put = LR_PUT_ARGS (.file = path_in ("there"), .descriptor = source);
  struct lr_get_args get = LR_GET_ARGS (.file = path_in ("there"), .descriptor = target);
  cr_assert_eq (lr_put (connection, &put, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (lr_get (connection, &get, NULL, &error), 0, "%s", error.message);
  close (source);
  close (target);
  if (!memory_is_distorted ())
    {
      cr_expect_lt (peak_memory (0) - before, 16 << 10, "here it took %ld KiB",
                    peak_memory (0) - before);
      cr_expect_lt (peak_memory (pid) - far_before, 4 << 10, "there it took %ld KiB",
                    peak_memory (pid) - far_before);
    }
  char *back = read_file (path_in ("back"), &got);
  cr_expect_eq (got, size);
  cr_expect_eq (memcmp (back, content, size), 0);
  free (back);
  free (content);
  lr_close (connection);
}

Test (chain, can_be_used_before_it_is_open)
{
  struct lr_error error;
  struct outcome opened = { 0 }, pinged = { 0 };
  struct lr_process_status status = LR_PROCESS_STATUS ();
  struct lr_process *process;
  struct lr_ping_args ping = LR_PING_ARGS ();
  lr_loop *loop;
  lr_connection *connection;
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:a,local:b", .loop = loop);
  struct lr_spawn_args spawn = LR_SPAWN_ARGS (.command = WORDS ("true"));
  cr_assert_eq (lr_submit_open (NULL, &open, take_answer, &opened, &connection, &error), 0);
  submit (connection, LR_OPERATION_PING, &ping, &pinged);
  cr_assert_eq (lr_spawn (connection, &spawn, &process, &error), 0, "%s", error.message);
  dispatch_until (loop, &pinged);
  expect_success (&opened, "open");
  expect_success (&pinged, "ping");
  cr_expect_eq (lr_process_wait (process, LR_NEVER, &status, &error), 0, "%s", error.message);
  cr_expect_eq (status.returncode, 0);
  lr_close (connection);
  lr_process_free (process);
  free_loop (loop);
}

Test (chain, can_be_closed_at_any_time)
{
  struct lr_error error;
  for (uint64_t wait = 0; wait < 60; wait += 3)
    {
      struct outcome opened = { 0 };
      lr_loop *loop;
      lr_connection *connection;
      cr_assert_eq (lr_loop_new (&loop, &error), 0);
      struct lr_open_args open = LR_OPEN_ARGS (.url = "local:a,local:b,local:c", .loop = loop);
      cr_assert_eq (lr_submit_open (NULL, &open, take_answer, &opened, &connection, &error), 0);
      dispatch_for (loop, wait);
      lr_close (connection);
      free_loop (loop);
      cr_expect_eq (opened.count, 1);
      cr_expect_eq (count_children (), 0, "after %d ms a process is left", (int) wait);
    }
}
