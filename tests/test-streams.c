/* The command while it runs: what goes through it, what signals do to it, and the terminals at both
   ends.  */

#include "tests/command.h"
#include "tests/dialog.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

COMMAND_SUITE (streams);

#define START(...) dialog_start (WORDS (__VA_ARGS__))
#define START_SHELL(script) START ("longreach", "run", "local:", "--", "sh", "-c", script)
#define ON_TERMINAL(...) dialog_start_on_terminal (WORDS (__VA_ARGS__))
#define SHELL_ON_TERMINAL(script)                                                                  \
  ON_TERMINAL ("longreach", "run", "-t", "local:", "--", "sh", "-c", script)

/* Waits for a signal without end, but not in a way that a shell waits with: a trap comes at once.
 */
#define WAIT_FOR_SIGNALS "echo ready; while :; do sleep 0.02; done"

static void
expect_end (struct dialog *dialog, int status)
{
  int got = dialog_wait (dialog);
  cr_expect_eq (got, status, "it ends with %d, not %d; it says: %s%s", got, status,
                dialog_hear_all (dialog, &dialog->output),
                dialog->error.descriptor >= 0 ? dialog_hear_all (dialog, &dialog->error) : "");
  dialog_free (dialog);
}

/* A process that is neither reaped nor ours.  */
static void
expect_none_left (void)
{
  wait_for_processes (endless (), 0);
}

/* ---- streams ---- */

Test (streams, each_line_comes_before_the_next_is_asked_for)
{
  struct dialog *dialog = START_SHELL ("echo a; read x; echo b >&2; read y; echo c $x $y");
  cr_expect_eq (dialog_hear (dialog, &dialog->output, "a\n"), (size_t) 0);
  dialog_say (dialog, "first\n");
  cr_expect_eq (dialog_hear (dialog, &dialog->error, "b\n"), (size_t) 0);
  dialog_say (dialog, "second\n");
  cr_expect_eq (dialog_hear (dialog, &dialog->output, "c first second\n"), (size_t) 0);
  expect_end (dialog, 0);
}

Test (streams, the_end_of_input_reaches_the_command)
{
  struct dialog *dialog = START_SHELL ("cat; echo end");
  dialog_say (dialog, "some");
  dialog_hear (dialog, &dialog->output, "some");
  dialog_close_input (dialog);
  dialog_hear (dialog, &dialog->output, "end\n");
  expect_end (dialog, 0);
}

Test (streams, a_command_that_reads_no_input_is_not_waited_for)
{
  SHELL (3, "", "", "yes | longreach run local: -- sh -c 'exit 3'");
  struct dialog *dialog = START_SHELL ("exit 3");
  expect_end (dialog, 3);
}

Test (streams, much_goes_both_ways_at_once)
{
  char script[256];
  snprintf (
      script, sizeof script,
      "head -c %zu /dev/zero > input; longreach run local: tee /dev/stderr < input 2> other | "
      "cmp - input && cmp input other",
      bulk_size () / 8);
  SHELL (0, "", "", script);
}

Test (streams, a_reader_who_leaves_ends_the_command)
{
  char script[256];
  snprintf (script, sizeof script,
            "longreach run local: -- sh -c 'echo a; trap \"\" PIPE; while echo b; do :; done; "
            "exec sleep %s' | head -n 1; echo ${PIPESTATUS[0]}",
            endless ());
  PROGRAM (0, "a\n141\n", "", "bash", "-c", script);
  expect_none_left ();
  PROGRAM (0, "141\n", "", "bash", "-c",
           "{ longreach run local: -- sh -c 'while echo b >&2; do :; done'; echo $? > status; } "
           "2>&1 > /dev/null | true; cat status");
}

Test (streams, streams_that_fail_are_named)
{
  SHELL (255, "", "longreach: cannot read standard input: Is a directory\n",
         "longreach run local: cat < /");
  SHELL (2, "", "longreach: cannot read standard input: Bad file descriptor\n",
         "echo old > file; longreach put local: - file <&-");
  expect_text ("file", "old\n");
  SHELL (255, "", "longreach: cannot write to standard output: No space left on device\n",
         "longreach run local: echo x > /dev/full");
  /* Not through a script, which would be what descriptor 2 is open on.  */
  SHELL (0, "x\n", "",
         "longreach=$(command -v longreach)\n"
         "real=${longreach%/*}/.libs/longreach; [ ! -x \"$real\" ] || longreach=$real\n"
         "\"$longreach\" run local: -- sh -c 'echo x; echo y >&2' 2>&-");
}

Test (streams, an_environment_can_be_given)
{
  PROGRAM (0, "[1][][x=y]\n", "", "env", "LR_A=0", "LR_B=1", "longreach", "run", "--env=LR_A=1",
           "--unset=LR_B", "--env", "LR_C=x=y", "local:", "--", "sh", "-c",
           "echo \"[$LR_A][$LR_B][$LR_C]\"");
  LONGREACH (255, "", "longreach: localhost: environment: *\n", "run", "--env=novalue",
             "local:", "true");
  LONGREACH (255, "", "longreach: localhost: unset: *\n", "run", "--unset=a=b", "local:", "true");
  LONGREACH (0, "*\"stdout\":\"1\\n\"*", "", "run", "--json", "--env=LR_A=1", "local:", "--", "sh",
             "-c", "echo $LR_A");
}

Test (streams, who_still_holds_the_output_is_waited_for_no_longer_than_asked)
{
  char script[128];
  snprintf (script, sizeof script, "sleep %s & echo begun", endless ());
  LONGREACH (0, "begun\n", "", "run", "--linger=0", "local:", "--", "sh", "-c", script);
  LONGREACH (0, "begun\n", "", "run", "--linger=100ms", "local:", "--", "sh", "-c", script);
  LONGREACH (0, "*\"stdout\":\"begun\\n\"*", "", "run", "--json", "--linger=0.1", "local:", "--",
             "sh", "-c", script);
  end_endless ();
  LONGREACH (0, "begun\nended\n", "", "run", "local:", "--", "sh", "-c",
             "(sleep 0.3; echo ended) & echo begun");
}

/* ---- time ---- */

Test (streams, a_command_is_ended_when_its_time_is_over)
{
  LONGREACH (124, "a\n", "longreach: web1: the command was ended, for its time was over\n", "run",
             "--timeout=0.2", "local:web1", "--", "sh", "-c", "echo a; exec sleep 60");
  LONGREACH (124, "", "*longreach: *time was over\n", "run", "--timeout=200ms", "local:", "--",
             "sh", "-c", "trap 'exit 3' TERM; sleep 60");
  LONGREACH (0, "a\n", "", "run", "--timeout=1h", "local:", "echo", "a");
  LONGREACH (0, "a\n", "", "run", "--timeout=0", "local:", "echo", "a");
  LONGREACH (124, "{\"error\":{\"kind\":\"timeout\",*}}\n", "", "run", "--json", "--timeout=0.2",
             "local:", "sleep", "60");
}

/* A dispatcher, "-o", mute, that begins a session and then says nothing more.  */
static const char mute[] = "dispatcher=./mute-dispatcher";

static void
make_mute_dispatcher (void)
{
  static const char script[] = "#!/bin/sh\n"
                               "echo \"LONGREACH 2 $2 test channels=1024,terminal\"\n"
                               "cat > /dev/null\n"; /* with its output still open */
  write_file ("mute-dispatcher", script, strlen (script), 0755);
}

Test (streams, every_operation_gives_up_when_its_time_is_over)
{
  static const char *const lines[] = {
    "stat --timeout=0.1 -o %s local: /",       "get --timeout=0.1 -o %s local: file -",
    "put --timeout=0.1 -o %s local: file new", "user --timeout=0.1 -o %s local: root",
    "user --timeout=0.1 -o %s local:",         "group --timeout=0.1 -o %s local: root",
    "whoami --timeout=0.1 -o %s local:",       "env --timeout=0.1 -o %s local: PATH",
    "ping --timeout=0.1 -o %s local:",
  };
  write_text ("file", "content");
  make_mute_dispatcher ();
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    {
      char line[256] = "longreach ";
      snprintf (line + 10, sizeof line - 10, lines[i], mute);
      SHELL (124, "", "longreach: localhost: *100 milliseconds*\n", line);
    }
  LONGREACH (124, "{\"error\":{\"kind\":\"timeout\",*}}\n", "", "stat", "--json", "--timeout=0.1",
             "-o", mute, "local:", "/");
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  LONGREACH (124, "", "*100 milliseconds*\n", "get", "--timeout=100ms", "local:", "fifo", "local");
  expect_nothing_hidden ();
}

Test (streams, who_does_not_answer_is_given_up)
{
  write_file ("silent-dispatcher", "#!/bin/sh\ncat > /dev/null\n", 27, 0755);
  make_mute_dispatcher ();
  LONGREACH (255, "", "longreach: localhost: no dispatcher has answered within 200 milliseconds*\n",
             "stat", "--connect-timeout=0.2", "-o", "dispatcher=./silent-dispatcher",
             "local:", "/");
  LONGREACH (255, "", "longreach: localhost: *\n", "run", "--keep-alive=0.1", "-o", mute,
             "local:", "true");
  LONGREACH (255, "", "longreach: localhost: *\n", "stat", "--keep-alive=0.1", "-o", mute,
             "local:", "/");
  LONGREACH (124, "", "*\n", "stat", "--keep-alive=0", "--timeout=0.5", "-o", mute, "local:", "/");
}

Test (streams, a_time_or_size_that_is_none_is_refused)
{
  static const char *const times[] = { "",
                                       "x",
                                       "-1",
                                       "1x",
                                       "1.5.5",
                                       ".",
                                       "1 s",
                                       "1e3",
                                       "inf",
                                       "99999999999999999999",
                                       "9999999999999999h" };
  static const char *const sizes[] = { "", "x", "-1", "1x", "1.5K", "1KB", "K", "16E", "1Ki" };
  char option[64];
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    {
      snprintf (option, sizeof option, "--timeout=%s", times[i]);
      LONGREACH (2, "", "longreach: stat: --timeout takes seconds, or a time such as *\n", "stat",
                 option, "local:", "/");
    }
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    {
      snprintf (option, sizeof option, "--offset=%s", sizes[i]);
      LONGREACH (2, "", "longreach: get: --offset takes a number of bytes, such as *\n", "get",
                 option, "local:", "file", "-");
    }
  LONGREACH (2, "", "longreach: get: --length takes a number from 1, not 0\n", "get", "--length=0",
             "local:", "file", "-");
  LONGREACH (0, "*", "", "stat", "--timeout=.5m", "local:", "/");
  LONGREACH (0, "*", "", "stat", "--timeout=2.s", "local:", "/");
}

/* ---- signals ---- */

Test (streams, signals_go_to_the_command)
{
  static const struct
  {
    const char *name;
    int number;
  } rows[] = { { "INT", SIGINT }, { "TERM", SIGTERM }, { "HUP", SIGHUP }, { "QUIT", SIGQUIT } };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    {
      char script[128], said[32];
      snprintf (script, sizeof script, "trap 'echo got %s; exit 5' %s; " WAIT_FOR_SIGNALS,
                rows[i].name, rows[i].name);
      snprintf (said, sizeof said, "got %s\n", rows[i].name);
      struct dialog *dialog = START_SHELL (script);
      dialog_hear (dialog, &dialog->output, "ready\n");
      kill (dialog->pid, rows[i].number);
      dialog_hear (dialog, &dialog->output, said);
      expect_end (dialog, 5);

      dialog = START_SHELL (WAIT_FOR_SIGNALS);
      dialog_hear (dialog, &dialog->output, "ready\n");
      kill (dialog->pid, rows[i].number);
      expect_end (dialog, 128 + rows[i].number);
    }
}

Test (streams, the_second_signal_makes_it_give_up)
{
  static const struct
  {
    int first, second;
  } rows[] = { { SIGINT, SIGINT }, { SIGTERM, SIGTERM }, { SIGINT, SIGTERM } };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    {
      struct dialog *dialog = START ("longreach", "run", "local:", "--", "sh", "-c",
                                     "trap 'echo got it' INT TERM; " WAIT_FOR_SIGNALS, endless ());
      dialog_hear (dialog, &dialog->output, "ready\n");
      kill (dialog->pid, rows[i].first);
      dialog_hear (dialog, &dialog->output, "got it\n");
      kill (dialog->pid, rows[i].second);
      expect_end (dialog, 128 + rows[i].second);
      expect_none_left ();
    }
}

Test (streams, an_ignored_signal_stays_ignored)
{
  struct dialog *dialog =
      START ("sh", "-c",
             "trap '' INT HUP; exec longreach run local: -- sh -c 'echo ready; read x; echo $x'");
  dialog_hear (dialog, &dialog->output, "ready\n");
  kill (dialog->pid, SIGINT);
  kill (dialog->pid, SIGINT);
  kill (dialog->pid, SIGHUP);
  dialog_say (dialog, "alive\n");
  dialog_hear (dialog, &dialog->output, "alive\n");
  expect_end (dialog, 0);
}

Test (streams, ctrl_c_on_a_terminal_reaches_the_command)
{
  struct dialog *dialog = ON_TERMINAL ("longreach", "run", "local:", "--", "sh", "-c",
                                       "trap 'echo got it; exit 6' INT; " WAIT_FOR_SIGNALS);
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  dialog_say (dialog, "\003");
  dialog_hear (dialog, &dialog->output, "got it\r\n");
  expect_end (dialog, 6);
}

static void
expect_stopped (pid_t pid)
{
  int status;
  int64_t since = now_ms ();
  while (waitpid (pid, &status, WNOHANG | WUNTRACED) == 0)
    wait_a_moment (since, "a program that stops");
  cr_assert (WIFSTOPPED (status));
}

Test (streams, ctrl_z_stops_the_command_here_alone)
{
  struct dialog *dialog =
      ON_TERMINAL ("sh", "-c",
                   "set -m; longreach run local: -- sh -c 'echo ready; read x; echo $x' "
                   "; echo stopped; fg > /dev/null; echo back");
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  dialog_say (dialog, "\032");
  dialog_hear (dialog, &dialog->output, "stopped\r\n");
  dialog_say (dialog, "line\n");
  dialog_hear (dialog, &dialog->output, "line\r\nback\r\n");
  expect_end (dialog, 0);
}

/* ---- terminals ---- */

Test (streams, a_command_gets_a_terminal_like_the_one_here)
{
  char script[256], size[64];
  snprintf (size, sizeof size, "%d %d\r\n", DIALOG_ROWS, DIALOG_COLUMNS);
  setenv ("TERM", "vt220", 1);
  snprintf (script, sizeof script,
            "tty; stty size; echo [$TERM]; test -t 0 && test -t 1 && test -t 2");
  struct dialog *dialog = SHELL_ON_TERMINAL (script);
  dialog_hear (dialog, &dialog->output, "/dev/pts/");
  dialog_hear (dialog, &dialog->output, size);
  dialog_hear (dialog, &dialog->output, "[vt220]\r\n");
  expect_end (dialog, 0);
}

Test (streams, keys_reach_the_far_terminal_as_they_are)
{
  struct dialog *dialog =
      SHELL_ON_TERMINAL ("stty raw -echo; echo ready; dd bs=1 count=6 2> /dev/null | od -An -tx1");
  dialog_hear (dialog, &dialog->output, "ready\n");
  cr_expect (!dialog_is_restored (dialog));
  dialog_say (dialog, "\003\032\034\r\004\177");
  dialog_hear (dialog, &dialog->output, "03 1a 1c 0d 04 7f\n");
  int status = dialog_wait (dialog);
  cr_expect_eq (status, 0);
  cr_expect (dialog_is_restored (dialog));
  dialog_free (dialog);
}

Test (streams, ctrl_c_is_the_far_terminals)
{
  struct dialog *dialog = SHELL_ON_TERMINAL ("trap 'echo got it; exit 7' INT; " WAIT_FOR_SIGNALS);
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  dialog_say (dialog, "\003");
  dialog_hear (dialog, &dialog->output, "got it\r\n");
  expect_end (dialog, 7);
}

Test (streams, a_new_size_is_passed_on)
{
  const struct winsize size = { .ws_row = 7, .ws_col = 70 };
  struct dialog *dialog = SHELL_ON_TERMINAL ("trap 'stty size; exit' WINCH; " WAIT_FOR_SIGNALS);
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  cr_assert_eq (ioctl (dialog->input, TIOCSWINSZ, &size), 0);
  dialog_hear (dialog, &dialog->output, "7 70\r\n");
  expect_end (dialog, 0);
}

Test (streams, a_far_terminal_without_one_here)
{
  SHELL (0, "24 80\r\n", "", "longreach run -t local: stty size < /dev/null");
  SHELL (5, "x\r\nx\r\n", "", "echo x | longreach run -t local: -- sh -c 'cat; exit 5'");
  LONGREACH (255, "",
             "longreach: web1: there is no terminal, which needs a dispatcher and sessions\n",
             "run", "-t", "-o", "protocol=plain", "local:web1", "true");
  LONGREACH (255, "{\"error\":{\"kind\":\"usage\",*}}\n", "", "run", "-t", "--json",
             "local:", "true");
}

static pid_t
hear_number (struct dialog *dialog, const char *before)
{
  dialog_hear (dialog, &dialog->output, before);
  const char *digits = dialog->output.text + dialog->output.taken;
  dialog_hear (dialog, &dialog->output, "\n");
  return (pid_t) strtol (digits, NULL, 10);
}

Test (streams, the_terminal_is_given_back_when_the_dispatcher_is_killed)
{
  struct dialog *dialog =
      SHELL_ON_TERMINAL ("stty raw; echo pid $PPID; printf unfinished; sleep 60");
  pid_t dispatcher = hear_number (dialog, "pid ");
  dialog_hear (dialog, &dialog->output, "unfinished");
  cr_expect (!dialog_is_restored (dialog));
  kill (dispatcher, SIGKILL);
  dialog_hear (dialog, &dialog->output,
               "\r\nlongreach: localhost: the dispatcher is gone: it was ended by signal 9\r\n");
  cr_expect_eq (dialog_wait (dialog), 255);
  cr_expect (dialog_is_restored (dialog));
  dialog_free (dialog);
}

/* Each end that a program can know of, and one crash for all.  */
Test (streams, the_terminal_is_given_back_whatever_ends_the_command)
{
  static const struct
  {
    int signals[2];
    int status;
  } rows[] = {
    { { SIGTERM, SIGTERM }, 128 + SIGTERM },
    { { SIGINT, SIGTERM }, 128 + SIGTERM },
    { { SIGSEGV, 0 }, -SIGSEGV },
    { { SIGABRT, 0 }, -SIGABRT },
    { { SIGBUS, 0 }, -SIGBUS },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    {
      struct dialog *dialog = SHELL_ON_TERMINAL ("trap 'echo got it' INT TERM; " WAIT_FOR_SIGNALS);
      dialog_hear (dialog, &dialog->output, "ready\r\n");
      cr_expect (!dialog_is_restored (dialog));
      kill (dialog->pid, rows[i].signals[0]);
      if (rows[i].signals[1] != 0)
        {
          dialog_hear (dialog, &dialog->output, "got it\r\n");
          kill (dialog->pid, rows[i].signals[1]);
        }
      int status = dialog_wait (dialog);
      cr_expect_eq (status, rows[i].status, "it ends with %d, not %d", status, rows[i].status);
      cr_expect (dialog_is_restored (dialog), "after signal %d", rows[i].signals[0]);
      dialog_free (dialog);
    }
}

Test (streams, the_terminal_is_given_back_while_it_is_stopped)
{
  struct dialog *dialog = SHELL_ON_TERMINAL ("echo ready; read x; echo got $x");
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  kill (dialog->pid, SIGTSTP);
  expect_stopped (dialog->pid);
  cr_expect (dialog_is_restored (dialog));
  kill (dialog->pid, SIGCONT);
  dialog_wait_restored (dialog, false);
  dialog_say (dialog, "line\r");
  dialog_hear (dialog, &dialog->output, "got line\r\n");
  cr_expect_eq (dialog_wait (dialog), 0);
  cr_expect (dialog_is_restored (dialog));
  dialog_free (dialog);
}

/* The person at the terminal has closed the window.  */
static void
hang_up (struct dialog *dialog)
{
  close (dialog->terminal);
  close (dialog->input);
  dialog->terminal = dialog->input = dialog->output.descriptor = -1;
}

Test (streams, a_terminal_that_is_gone_hangs_up_the_far_one)
{
  struct dialog *dialog = SHELL_ON_TERMINAL ("trap 'exit 3' HUP; " WAIT_FOR_SIGNALS);
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  hang_up (dialog);
  cr_expect_eq (dialog_wait (dialog), 3);
  dialog_free (dialog);

  dialog = ON_TERMINAL ("longreach", "run", "-t", "local:", "--", "sh", "-c",
                        "trap '' HUP; " WAIT_FOR_SIGNALS, endless ());
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  hang_up (dialog);
  cr_expect_eq (dialog_wait (dialog), 128 + SIGHUP);
  expect_none_left ();
  dialog_free (dialog);
}

Test (streams, who_asks_a_terminals_command_to_end_is_not_ignored)
{
  struct dialog *dialog = ON_TERMINAL ("longreach", "run", "-t", "local:", "--", "sh", "-c",
                                       "trap '' TERM; " WAIT_FOR_SIGNALS, endless ());
  dialog_hear (dialog, &dialog->output, "ready\r\n");
  kill (dialog->pid, SIGTERM);
  cr_expect_eq (dialog_wait (dialog), 128 + SIGTERM);
  cr_expect (dialog_is_restored (dialog));
  expect_none_left ();
  dialog_free (dialog);
}

Test (streams, a_program_that_can_not_be_started_leaves_the_terminal_alone)
{
  struct dialog *dialog = ON_TERMINAL ("longreach", "run", "-t", "local:", "nosuch-program");
  cr_expect_eq (dialog_hear (dialog, &dialog->output,
                             "longreach: localhost: the program nosuch-program does not exist\r\n"),
                (size_t) 0);
  cr_expect_eq (dialog_wait (dialog), 127);
  cr_expect (dialog_is_restored (dialog));
  dialog_free (dialog);
}

/* ---- shell ---- */

Test (streams, a_shell_is_a_login)
{
  setenv ("TERM", "dumb", 1);
  struct dialog *dialog = ON_TERMINAL ("longreach", "shell", "local:");
  /* Typed at once: the shell reads it when it is there.  The quotes keep the echo from matching. */
  dialog_say (dialog, "cd; echo \"[\"$0:$LOGNAME:$USER:$SHELL:$TERM:$(umask):$PWD:\"]\"\r");
  struct finished own = run_program (
      WORDS ("sh", "-c",
             "IFS=: read -r name x u g gecos home shell << EOF\n$(getent passwd $(id -u))\nEOF\n"
             "printf '%s:%s:%s:%s:dumb:0022:%s:]' \"$shell\" $name $name \"$shell\" \"$home\""),
      NULL, 0);
  dialog_hear (dialog, &dialog->output, "[/");
  dialog_hear (dialog, &dialog->output, own.output + 1);
  free_finished (&own);
  dialog_say (dialog, "exit 9\r");
  cr_expect_eq (dialog_wait (dialog), 9);
  cr_expect (dialog_is_restored (dialog));
  dialog_free (dialog);
}

Test (streams, a_shell_can_be_another_users)
{
  need_root ();
  struct dialog *dialog = ON_TERMINAL ("longreach", "shell", "--user=nobody", "local:");
  /* Its shell says so, and exits.  */
  dialog_hear (dialog, &dialog->output, "not available");
  expect_end (dialog, 1);
  dialog = ON_TERMINAL ("longreach", "shell", "--user=nosuch-user", "local:");
  dialog_hear (dialog, &dialog->output, "no such user: nosuch-user");
  expect_end (dialog, 255);
}

Test (streams, a_shell_needs_a_terminal)
{
  LONGREACH (255, "",
             "longreach: shell needs a terminal as its standard input; longreach run does without "
             "one\n",
             "shell", "local:");
  LONGREACH (255, "", "longreach: shell takes no more operands than URL, so ls is one too many\n",
             "shell", "local:", "ls");
}

Test (streams, background_jobs_end_with_their_shell)
{
  char command[128];
  snprintf (command, sizeof command, "sleep %s & echo \"be\"gun\r", endless ());
  struct dialog *dialog = ON_TERMINAL ("longreach", "shell", "local:");
  dialog_say (dialog, command);
  dialog_hear (dialog, &dialog->output, "begun\r\n");
  dialog_say (dialog, "exit\r");
  cr_expect_eq (dialog_wait (dialog), 0);
  expect_none_left ();
  dialog_free (dialog);
}

/* ---- transfers ---- */

Test (streams, a_part_of_a_file_can_be_fetched)
{
  write_text ("file", "0123456789");
  LONGREACH (0, "3456789", "", "get", "--offset=3", "local:", "file", "-");
  LONGREACH (0, "345", "", "get", "--offset=3", "--length=3", "local:", "file", "-");
  LONGREACH (0, "01", "", "get", "--length=2", "local:", "file", "-");
  LONGREACH (0, "", "", "get", "--offset=1K", "local:", "file", "-");
  LONGREACH (0, "{\"file\":\"part\",\"size\":4}\n", "", "get", "--json", "--offset=6",
             "--length=1G", "local:", "file", "part");
  expect_text ("part", "6789");
  LONGREACH (2, "{\"error\":{\"kind\":\"usage\",*}}\n", "", "get", "--json", "local:", "file", "-");
}

Test (streams, put_can_wait_for_the_disk)
{
  write_text ("file", "content");
  succeed ("put", "--sync", "local:", "file", "new", NULL);
  expect_text ("new", "content");
}

Test (streams, progress_is_shown_when_it_is_asked_for)
{
  write_text ("file", "content");
  LONGREACH (0, "", "7 B  * in 0:00\n", "put", "--progress", "local:", "file", "new");
  LONGREACH (0, "content", "7 B  * in 0:00\n", "get", "--progress", "local:", "file", "-");
  LONGREACH_READING ("abc", 0, "", "3 B  * in 0:00\n", "put", "--progress", "local:", "-", "new");
  LONGREACH (0, "", "", "put", "--progress", "--quiet", "local:", "file", "new");
  LONGREACH (1, "", "longreach: *\n", "get", "--progress", "local:", "nosuch", "new");
}

/* Content comes to a terminal's program with a pause, so that something is shown in between.  */
Test (streams, progress_is_shown_on_a_terminal_and_stays)
{
  struct dialog *dialog = ON_TERMINAL (
      "sh", "-c", "(echo a; sleep 0.5; echo b; sleep 0.5) | longreach put local: - new");
  dialog_hear (dialog, &dialog->output, "\r4 B  ");
  dialog_hear (dialog, &dialog->output, "  in 0:0");
  expect_end (dialog, 0);
  dialog = ON_TERMINAL ("sh", "-c",
                        "(echo a; sleep 0.5; echo b; sleep 0.5) | longreach put -q local: - new");
  cr_expect_eq (dialog_wait (dialog), 0);
  cr_expect_str_empty (dialog_hear_all (dialog, &dialog->output));
  dialog_free (dialog);
}

Test (streams, progress_goes_when_the_transfer_fails)
{
  struct dialog *dialog = ON_TERMINAL (
      "sh", "-c",
      "(echo a; sleep 0.5; echo b; sleep 5) | longreach put --timeout=1.5 local: - new");
  dialog_hear (dialog, &dialog->output, " B/s\033[K");
  dialog_hear (dialog, &dialog->output, "\r\033[Klongreach: ");
  expect_end (dialog, 124);
}

/* The remote file and what is beside it, after a put that did not come to its end.  */
static void
expect_old_file (const char *path)
{
  expect_text (path, "old");
  expect_nothing_hidden ();
}

Test (streams, a_put_that_is_interrupted_leaves_nothing)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  mkdir ("to", 0755);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    {
      write_text ("to/remote", "old");
      struct dialog *dialog = START ("longreach", "put", "-v", "local:", "-", "to/remote");
      dialog_hear (dialog, &dialog->error, "> Write #1\n");
      dialog_say (dialog, "a part of the new one");
      kill (dialog->pid, signals[i]);
      expect_end (dialog, -signals[i]);
      expect_old_file ("to/remote");
      PROGRAM (0, "remote\n", "", "ls", "-A", "to");
    }
  SHELL (130, "", "", "longreach put -v local: - to/remote 2>&1 | grep -q Write; exit 130");
}

Test (streams, a_get_that_is_interrupted_leaves_nothing)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
  mkdir ("to", 0755);
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  int fifo = open ("fifo", O_RDWR | O_CLOEXEC);
  cr_assert_geq (fifo, 0);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    {
      write_text ("to/local", "old");
      struct dialog *dialog = START ("longreach", "get", "-v", "local:", "fifo", "to/local");
      cr_assert_eq (write (fifo, "part", 4), 4);
      dialog_hear (dialog, &dialog->error, "< FileInfo #1\n");
      kill (dialog->pid, signals[i]);
      expect_end (dialog, -signals[i]);
      expect_old_file ("to/local");
      PROGRAM (0, "local\n", "", "ls", "-A", "to");
    }
  close (fifo);
}

Test (streams, a_get_that_nobody_reads_ends_like_any_program)
{
  SHELL (0, "", "", "head -c 10000000 /dev/zero > large");
  PROGRAM (0, "141\n", "", "bash", "-c",
           "longreach get local: large - | head -c 1 > /dev/null; echo ${PIPESTATUS[0]}");
}

/* As a program that shares its terminal or pipe with others may have left it.  */
#define WITHOUT_WAITING(end, other, script)                                                        \
  "import fcntl, os, subprocess, sys, time\n"                                                      \
  "pipe = dict(zip(('stdin', 'stdout'), os.pipe()))\n"                                             \
  "fcntl.fcntl(pipe['" end "'], fcntl.F_SETFL, os.O_NONBLOCK)\n"                                   \
  "shared = {'" end "': pipe['" end "']}\n"                                                        \
  "words = ['longreach', 'run', '-o', 'protocol=plain', 'local:'] + sys.argv[1:]\n"                \
  "program = subprocess.Popen(words, **shared)\n"                                                  \
  "os.close(pipe['" end "'])\n"                                                                    \
  "time.sleep(0.3)\n" script "os.close(pipe['" other "'])\n"                                       \
  "sys.exit(program.wait())\n"

Test (streams, descriptors_that_do_not_wait_are_waited_for)
{
  PROGRAM (0, "late", "", "python3", "-c",
           WITHOUT_WAITING ("stdin", "stdout", "os.write(pipe['stdout'], b'late')\n"), "cat");
  PROGRAM (0, "1000000\n", "", "python3", "-c",
           WITHOUT_WAITING ("stdout", "stdin",
                            "print(len(open(pipe['stdin'], 'rb', closefd=False).read()))\n"),
           "head", "-c", "1000000", "/dev/zero");
}

static long
peak_of (const char *const *words)
{
  struct rusage usage;
  int status;
  struct dialog *dialog = dialog_start (words);
  dialog_close_input (dialog);
  cr_assert_eq (wait4 (dialog->pid, &status, 0, &usage), dialog->pid);
  dialog->pid = 0;
  cr_expect_eq (status, 0, "%s", dialog_hear_all (dialog, &dialog->error));
  dialog_free (dialog);
  return usage.ru_maxrss;
}

Test (streams, transfers_take_little_memory)
{
  char script[128];
  if (memory_is_distorted ())
    skip_test ("this is about memory");
  snprintf (script, sizeof script, "head -c %zu /dev/zero > large; : > empty", bulk_size ());
  SHELL (0, "", "", script);
  long idle = peak_of (WORDS ("longreach", "put", "local:", "empty", "new"));
  long put = peak_of (WORDS ("longreach", "put", "local:", "large", "new"));
  long get = peak_of (WORDS ("longreach", "get", "local:", "new", "back"));
  cr_expect_lt (put, idle + 8192, "put takes %ld KiB more", put - idle);
  cr_expect_lt (get, idle + 8192, "get takes %ld KiB more", get - idle);
  PROGRAM (0, "", "", "cmp", "large", "back");
}

/* ---- questions ---- */

/* In the place of sudo: it takes the words for itself, and asks until the answer is right.  */
#define SUDO                                                                                       \
  "#!/bin/bash\nwhile [ $1 != -- ]; do [ $1 != -p ] || ask=$2; shift; done; shift\n"               \
  "while echo -n \"$ask\" >&2; read -r answer; do [ $answer != right ] || exec \"$@\"; done\n"

Test (streams, doctor_knows_that_somebody_was_asked)
{
  static const char *const answers[] = { "wrong\n", "\004" };
  char url[PATH_MAX + 64];
  write_file (path_in ("sudo"), SUDO, strlen (SUDO), 0755);
  snprintf (url, sizeof url, "sudo:?program=%s", path_in ("sudo"));
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    {
      struct dialog *dialog = ON_TERMINAL ("longreach", "doctor", url);
      dialog_hear (dialog, &dialog->output, "password for");
      dialog_say (dialog, answers[i]);
      dialog_hear (dialog, &dialog->output, "sudo, to sudo: fails");
      dialog_hear (dialog, &dialog->output,
                   "what to do: if what it asked was not answered, or not as it should be, try "
                   "again; else run the command above by hand");
      expect_end (dialog, 255);
    }
}
