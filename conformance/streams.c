/* spawn: commands with live streams.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a command says once it is ready.  */
#define READY "ready\n"

void
check_streams_dialog (struct trial *trial)
{
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c",
                                      "echo ready; while read -r line; do echo \"<$line>\"; done;"
                                      " echo end; exit 9"));
  expect_output (trial, process, READY);
  give (trial, process, bytes_of ("one\n"));
  expect_output (trial, process, "<one>\n");
  give (trial, process, bytes_of ("two\nthree\n"));
  expect_output (trial, process, "<two>\n<three>\n");
  lr_process_close_input (process);
  expect_output (trial, process, "end\n");
  expect_number (trial, "the returncode", finish (trial, process).returncode, 9);
}

/* Reading has no limit, and a far side that says nothing must not hang the suite.  */
static void
wait_for_output (struct trial *trial, lr_process *process)
{
  const char *data;
  for (uint64_t since = now (); lr_process_peek (process, LR_STDOUT, &data) == 0
                                && !lr_process_has_ended (process, LR_STDOUT);)
    wait_for (trial, since, "output of cat");
}

void
check_streams_waiting (struct trial *trial)
{
  lr_process *process = SPAWN (trial, .command = WORDS ("cat"));
  struct lr_error error;
  char answer[64];
  size_t got, count = 0;
  expect_success (trial, lr_process_write (process, "question", 8, &error), &error,
                  "lr_process_write");
  while (count < 8)
    {
      wait_for_output (trial, process);
      expect_success (
          trial,
          lr_process_read (process, LR_STDOUT, answer + count, sizeof answer - count, &got, &error),
          &error, "lr_process_read");
      EXPECT (trial, got > 0, "cat: expected an answer, got the end of its output");
      count += got;
    }
  EXPECT (trial, count == 8 && memcmp (answer, "question", 8) == 0,
          "cat: expected \"question\", got \"%.*s\"", (int) count, answer);
  lr_process_close_input (process);
  wait_for_output (trial, process);
  expect_success (trial, lr_process_read (process, LR_STDOUT, answer, sizeof answer, &got, &error),
                  &error, "lr_process_read");
  expect_number (trial, "bytes behind the end", (int64_t) got, 0);
  expect_number (trial, "the returncode of cat", finish (trial, process).returncode, 0);
}

void
check_streams_status (struct trial *trial)
{
  lr_process *process = SPAWN (trial, .command = WORDS ("sh", "-c", "echo $$; read -r x; exit 3"));
  struct lr_process_status status = LR_PROCESS_STATUS ();
  struct lr_error error;
  const char *line = take_line (trial, process);
  expect_success (trial, lr_process_get_status (process, &status, &error), &error, "its status");
  EXPECT (trial, (status.events & LR_PROCESS_STARTED) != 0,
          "a command that has spoken: expected that it was started, got events %x", status.events);
  EXPECT (trial, (status.events & (LR_PROCESS_EXITED | LR_PROCESS_CLOSED)) == 0,
          "a command that reads: expected that it has not ended, got events %x", status.events);
  EXPECT (trial, status.pid > 0, "expected the id of a process, got %lld", (long long) status.pid);
  lr_process_close_input (process);
  expect_number (trial, "its process id, as it says itself", strtoll (line, NULL, 10), status.pid);
  status = finish (trial, process);
  expect_number (trial, "its returncode", status.returncode, 3);
  EXPECT (trial, (status.events & LR_PROCESS_EXITED) && (status.events & LR_PROCESS_CLOSED),
          "a command that has ended: expected that it is exited and closed, got events %x",
          status.events);
  expect_number (trial, "timed_out", (int64_t) status.timed_out, 0);
}

void
check_streams_half_close (struct trial *trial)
{
  lr_process *process = SPAWN (trial, .command = WORDS ("sh", "-c", "cat; sleep 0.2; echo after"));
  give (trial, process, bytes_of ("before "));
  lr_process_close_input (process);
  expect_output (trial, process, "before after\n");
  expect_number (trial, "the returncode", finish (trial, process).returncode, 0);
}

void
check_streams_closed_input (struct trial *trial)
{
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c", "exec <&-; echo ready; sleep 0.2; exit 6"));
  expect_output (trial, process, READY);
  give (trial, process, noise (trial, 1000000, 1));
  expect_number (trial, "the returncode of who has closed its input",
                 finish (trial, process).returncode, 6);
}

void
check_streams_apart (struct trial *trial)
{
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c", "echo one; echo two >&2; echo three"));
  expect_bytes (trial, "the error output", take (trial, process, LR_STDERR, 100),
                bytes_of ("two\n"));
  expect_bytes (trial, "the output", take (trial, process, LR_STDOUT, 100),
                bytes_of ("one\nthree\n"));
  finish (trial, process);
}

void
check_streams_large (struct trial *trial)
{
  struct lr_bytes bytes = noise (trial, 3000001, 2);
  char *back = keep_memory (trial, bytes.size + 1);
  lr_process *process = SPAWN (trial, .command = WORDS ("cat"));
  size_t sent = 0, count = 0;
  for (uint64_t since = now (); !lr_process_has_ended (process, LR_STDOUT);)
    {
      const char *data;
      size_t got = lr_process_peek (process, LR_STDOUT, &data);
      EXPECT (trial, got <= bytes.size - count, "3 MB through cat: expected no more than that");
      memcpy (back + count, data, got);
      lr_process_consume (process, LR_STDOUT, got);
      count += got;
      size_t taken =
          sent == bytes.size ? 0 : lr_process_offer (process, bytes.data + sent, bytes.size - sent);
      sent += taken;
      if (taken > 0 && sent == bytes.size)
        lr_process_close_input (process);
      if (got == 0 && taken == 0)
        wait_for (trial, since, "3 MB through cat");
    }
  back[count] = '\0';
  expect_bytes (trial, "3 MB through cat", (struct lr_bytes){ back, count }, bytes);
}

/* What nobody reads while it is waited for its end is there afterwards.  */
void
check_streams_kept (struct trial *trial)
{
  const char *file = place (trial, "file");
  struct lr_bytes bytes = noise (trial, 2000001, 3);
  UPLOAD (trial, .file = file, .content = bytes);
  lr_process *process = SPAWN (
      trial, .command = WORDS ("sh", "-c", "cat \"$1\"; cat \"$1\" >&2; exit 8", "sh", file));
  expect_number (trial, "the returncode", finish (trial, process).returncode, 8);
  expect_bytes (trial, "the output, after the end", take (trial, process, LR_STDOUT, 3000000),
                bytes);
  expect_bytes (trial, "the error output, after the end", take (trial, process, LR_STDERR, 3000000),
                bytes);
}

/* A command whose output nobody reads fills what there is, and stops there.  */
void
check_streams_back_pressure (struct trial *trial)
{
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c",
                                      "while :; do echo 0123456789012345678901234567890123456"
                                      "7890123456789012345678901234567890; done"));
  expect_output (trial, process, "0");
  uint64_t start = now ();
  for (int i = 0; i < 20; i++)
    STAT (trial, .path = "/");
  EXPECT (trial, now () - start < trial->target->patience / 2,
          "20 stats beside a command that never ends to talk: expected no waiting, waited %llu ms",
          (unsigned long long) (now () - start));
  free_now (trial, process);
  STAT (trial, .path = "/");
}

void
check_streams_signal (struct trial *trial)
{
  struct lr_error error;
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c",
                                      "trap 'echo got; exit 7' USR1; echo ready; while :; do"
                                      " sleep 0.1; done"));
  expect_output (trial, process, READY);
  expect_success (trial, lr_process_signal (process, SIGUSR1, &error), &error, "a signal");
  expect_output (trial, process, "got\n");
  expect_number (trial, "the returncode of who handles a signal",
                 finish (trial, process).returncode, 7);

  process = SPAWN (trial, .command = WORDS ("sleep", "100"));
  expect_success (trial, lr_process_signal (process, SIGTERM, &error), &error, "a signal");
  expect_number (trial, "the returncode of who is ended by a signal",
                 finish (trial, process).returncode, -SIGTERM);
  expect_success (trial, lr_process_signal (process, SIGTERM, &error), &error,
                  "a signal to who has ended");
}

void
check_streams_signal_group (struct trial *trial)
{
  struct lr_error error;
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c", "sleep 100 & echo $!; echo ready; wait"));
  const char *line = take_line (trial, process);
  expect_output (trial, process, READY);
  expect_success (trial, lr_process_signal (process, SIGTERM, &error), &error, "a signal");
  expect_number (trial, "the returncode", finish (trial, process).returncode, -SIGTERM);
  wait_until_gone (trial, strtoll (line, NULL, 10), "the child of a command that got a signal");
}

void
check_streams_signal_invalid (struct trial *trial)
{
  static const int signals[] = { 0, -1, 65, 1000 };
  lr_process *process = SPAWN (trial, .command = WORDS ("sleep", "100"));
  struct lr_error error;
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    {
      int status = lr_process_signal (process, signals[i], &error);
      EXPECT (trial,
              status != 0 && error.kind == LR_ERROR_INVALID_VALUE
                  && strcmp (error.field, "signal") == 0,
              "signal %d: expected invalid-value of signal, got %s", signals[i],
              status == 0 ? "success" : lr_error_kind_name (error.kind));
    }
  expect_success (trial, lr_process_signal (process, SIGKILL, &error), &error, "a signal");
  expect_number (trial, "the returncode of who got no signal before the last",
                 finish (trial, process).returncode, -SIGKILL);
}

void
check_streams_timeout (struct trial *trial)
{
  uint64_t start = now ();
  lr_process *process = SPAWN (trial, .command = WORDS ("sleep", "100"), .timeout_ms = 200);
  struct lr_process_status status = finish (trial, process);
  EXPECT (trial, status.timed_out != 0, "expected that it says that its time was over");
  expect_number (trial, "the returncode of who has timed out", status.returncode, -SIGTERM);
  EXPECT (trial, now () - start >= 200 && now () - start < 200 + trial->target->patience / 2,
          "a limit of 200 ms: expected to wait a little longer than that, waited %llu ms",
          (unsigned long long) (now () - start));
}

void
check_streams_wait_limit (struct trial *trial)
{
  struct lr_error error;
  lr_process *process = SPAWN (trial, .command = WORDS ("cat"));
  int status = lr_process_wait (process, 100, NULL, &error);
  EXPECT (trial, status != 0 && error.kind == LR_ERROR_TIMEOUT,
          "waiting 100 ms for cat: expected timeout, got %s",
          status == 0 ? "success" : lr_error_kind_name (error.kind));
  give (trial, process, bytes_of ("still here"));
  lr_process_close_input (process);
  expect_bytes (trial, "the output of who was waited for in vain",
                take (trial, process, LR_STDOUT, 100), bytes_of ("still here"));
  expect_number (trial, "its returncode", finish (trial, process).returncode, 0);
}

static void
expect_failed_start (struct trial *trial, lr_process *process, struct failure wanted,
                     const char *what)
{
  struct lr_error error;
  int status = lr_process_wait (process, trial->target->patience, NULL, &error);
  expect_failure (trial, status, &error, wanted, what);
  status = lr_process_get_status (process, NULL, &error);
  expect_failure (trial, status, &error, wanted, what);
}

void
check_streams_missing_program (struct trial *trial)
{
  expect_failed_start (trial, SPAWN (trial, .command = WORDS ("/no/such/program")),
                       remote_os (ENOENT), "no program");
  expect_failed_start (trial, SPAWN (trial, .command = WORDS ("/")), remote_os (EACCES),
                       "a directory");
  expect_failed_start (trial, SPAWN (trial, .command = WORDS ("/"), .user = "no-such-user"),
                       invalid_value ("user"), "no such user");
  expect_failed_start (trial, SPAWN (trial, .command = WORDS ("/"), .umask = "8"),
                       invalid_value ("umask"), "no umask");
}

void
check_streams_no_input (struct trial *trial)
{
  lr_process *process = SPAWN (trial, .command = WORDS ("cat"), .no_input = 1);
  expect_bytes (trial, "cat without input", take (trial, process, LR_STDOUT, 1), bytes_of (""));
  expect_number (trial, "its returncode", finish (trial, process).returncode, 0);
}

void
check_streams_no_output (struct trial *trial)
{
  lr_process *process = SPAWN (
      trial, .command = WORDS ("sh", "-c", "echo one; echo two >&2; exit 4"), .no_output = 1);
  expect_bytes (trial, "output that isn't wanted", take (trial, process, LR_STDOUT, 1),
                bytes_of (""));
  expect_bytes (trial, "errors that aren't wanted", take (trial, process, LR_STDERR, 1),
                bytes_of (""));
  expect_number (trial, "the returncode", finish (trial, process).returncode, 4);
}

void
check_streams_freed (struct trial *trial)
{
  lr_process *process = SPAWN (trial, .command = WORDS ("sh", "-c",
                                                        "trap '' HUP TERM; sleep 100 & echo ready;"
                                                        " wait"));
  struct lr_process_status status = LR_PROCESS_STATUS ();
  expect_output (trial, process, READY);
  lr_process_get_status (process, &status, NULL);
  free_now (trial, process);
  wait_until_gone (trial, status.pid, "a command that was freed");
}

void
check_streams_background (struct trial *trial)
{
  const char *data;
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c", "(sleep 1; echo late) & echo early; exit 2"));
  expect_output (trial, process, "early\n");
  struct lr_process_status status = LR_PROCESS_STATUS ();
  for (uint64_t since = now (); (status.events & LR_PROCESS_EXITED) == 0;)
    {
      wait_for (trial, since, "that a command exits");
      lr_process_get_status (process, &status, NULL);
      EXPECT (trial, lr_process_peek (process, LR_STDOUT, &data) == 0,
              "expected to be told that a command exits before what it left behind speaks");
    }
  expect_number (trial, "the returncode, before the outputs have ended", status.returncode, 2);
  EXPECT (trial, !lr_process_has_ended (process, LR_STDOUT),
          "expected that the output goes on, since somebody holds it");
  expect_output (trial, process, "late\n");
  finish (trial, process);
}

void
check_streams_linger (struct trial *trial)
{
  uint64_t start = now ();
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c", "sleep 10 & echo $!; exit 2"), .linger = 1);
  expect_number (trial, "the returncode", finish (trial, process).returncode, 2);
  EXPECT (trial, now () - start < trial->target->patience / 2,
          "linger: expected no waiting for who holds the output for 10 s, waited %llu ms",
          (unsigned long long) (now () - start));
  const char *pid = take_line (trial, process);
  EXPECT (trial, strtoll (pid, NULL, 10) > 1, "linger: expected what was said before, got \"%s\"",
          pid);
  RUN (trial, .command = WORDS ("sh", "-c", "kill -9 $1", "sh", pid), .no_check = 1);
}

void
check_streams_terminal (struct trial *trial)
{
  lr_process *process =
      SPAWN (trial,
             .command = WORDS ("sh", "-c",
                               "if [ -t 0 ] && [ -t 1 ] && [ -t 2 ]; then echo \"terminal $TERM\";"
                               " else echo none; fi; read -r line; echo \"[$line]\""),
             .term = "dumb", .rows = 24, .columns = 80);
  expect_output (trial, process, "terminal dumb\r\n");
  give (trial, process, bytes_of ("typed\n"));
  expect_output (trial, process, "typed\r\n[typed]\r\n");
  expect_number (trial, "the returncode", finish (trial, process).returncode, 0);
}

void
check_streams_terminal_interrupt (struct trial *trial)
{
  lr_process *process = SPAWN (trial,
                               .command = WORDS ("sh", "-c",
                                                 "trap 'echo interrupted; exit 7' INT; echo ready;"
                                                 " while :; do sleep 0.1; done"),
                               .term = "dumb", .rows = 24, .columns = 80);
  expect_output (trial, process, "ready\r\n");
  give (trial, process, bytes_of ("\003"));
  expect_output (trial, process, "^Cinterrupted\r\n");
  expect_number (trial, "the returncode of who was interrupted", finish (trial, process).returncode,
                 7);
}

void
check_streams_resize (struct trial *trial)
{
  struct lr_error error;
  lr_process *process = SPAWN (trial, .command = WORDS ("cat"));
  int status = lr_process_resize (process, 10, 10, &error);
  EXPECT (trial,
          status != 0 && error.kind == LR_ERROR_INVALID_VALUE && strcmp (error.field, "term") == 0,
          "resizing what is no terminal: expected invalid-value of term, got %s",
          status == 0 ? "success" : lr_error_kind_name (error.kind));
  process = SPAWN (trial,
                   .command = WORDS ("sh", "-c",
                                     "trap 'echo resized; exit 0' WINCH; echo ready; while :; do"
                                     " sleep 0.1; done"),
                   .term = "dumb", .rows = 24, .columns = 80);
  expect_output (trial, process, "ready\r\n");
  expect_success (trial, lr_process_resize (process, 30, 100, &error), &error, "resizing");
  expect_output (trial, process, "resized\r\n");
}

void
check_streams_attached (struct trial *trial)
{
  int input[2], output[2];
  make_pipe (trial, input);
  keep_descriptor (trial, input[0]);
  keep_descriptor (trial, input[1]);
  make_pipe (trial, output);
  keep_descriptor (trial, output[0]);
  keep_descriptor (trial, output[1]);
  if (write (input[1], "through pipes", 13) != 13)
    fail_check (trial, "the pipe here can't be written");
  lr_process *process = SPAWN (
      trial, .command = WORDS ("sh", "-c", "read -r line; echo \"[$line]\""),
      .attach = LR_ATTACH_INPUT | LR_ATTACH_OUTPUT, .descriptors = { input[0], output[1], -1 });
  if (write (input[1], "\n", 1) != 1)
    fail_check (trial, "the pipe here can't be written");
  expect_number (trial, "the returncode", finish (trial, process).returncode, 0);
  char text[64] = "";
  ssize_t got = read (output[0], text, sizeof text - 1);
  expect_text (trial, "what comes out of the pipe", got < 0 ? NULL : text, "[through pipes]\n");
}

struct told
{
  uint32_t events;
  int count, after_closed;
};

static void
take_events (void *data, lr_process *process, uint32_t events)
{
  struct told *told = data;
  (void) process;
  if ((told->events & LR_PROCESS_CLOSED) != 0)
    told->after_closed++;
  told->events |= events;
  told->count++;
}

void
check_streams_callback (struct trial *trial)
{
  struct told *told = keep_memory (trial, sizeof *told);
  lr_process *process =
      SPAWN (trial, .command = WORDS ("sh", "-c", "echo one; echo two >&2; exit 1"),
             .callback = take_events, .data = told);
  for (uint64_t since = now (); (told->events & LR_PROCESS_CLOSED) == 0;)
    wait_for (trial, since, "that a process is over");
  lr_loop_dispatch (trial->target->loop, 50, NULL);
  const uint32_t wanted = LR_PROCESS_STARTED | LR_PROCESS_OUTPUT | LR_PROCESS_ERROR
                          | LR_PROCESS_EXITED | LR_PROCESS_CLOSED;
  EXPECT (trial, (told->events & wanted) == wanted, "expected to be told of events %x, got %x",
          wanted, told->events);
  expect_number (trial, "events behind the last", told->after_closed, 0);
  expect_bytes (trial, "what was not read", take (trial, process, LR_STDOUT, 100),
                bytes_of ("one\n"));
}

void
check_streams_user (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  lr_process *process =
      SPAWN (trial, .command = WORDS ("id", "-u"), .user = other->name, .cwd = "/", .umask = "022");
  expect_number (trial, "id -u as another user",
                 strtoll (take (trial, process, LR_STDOUT, 100).data, NULL, 10), other->uid);
  finish (trial, process);
}

void
check_streams_many (struct trial *trial)
{
  enum
  {
    COUNT = 20,
  };
  lr_process *processes[COUNT];
  for (int i = 0; i < COUNT; i++)
    processes[i] = SPAWN (trial, .command = WORDS ("cat"));
  for (int i = COUNT - 1; i >= 0; i--)
    {
      give (trial, processes[i], bytes_of (keep_text (trial, "number %d", i)));
      lr_process_close_input (processes[i]);
    }
  for (int i = 0; i < COUNT; i++)
    {
      expect_bytes (trial, "what one of many says", take (trial, processes[i], LR_STDOUT, 100),
                    bytes_of (keep_text (trial, "number %d", i)));
      expect_number (trial, "its returncode", finish (trial, processes[i]).returncode, 0);
    }
}
