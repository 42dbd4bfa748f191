/* run: commands as a whole.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how a command ended ---- */

void
check_run_success (struct trial *trial)
{
  const struct lr_run_result *result = RUN (trial, .command = WORDS ("true"));
  expect_number (trial, "the returncode of true", result->returncode, 0);
  expect_bytes (trial, "the output of true", result->stdout_bytes, bytes_of (""));
  expect_bytes (trial, "the error output of true", result->stderr_bytes, bytes_of (""));
}

void
check_run_exit_status (struct trial *trial)
{
  static const int statuses[] = { 0, 1, 2, 42, 126, 127, 128, 129, 143, 254, 255 };
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    {
      const char *script = keep_text (trial, "exit %d", statuses[i]);
      expect_number (trial, script,
                     RUN (trial, .command = WORDS ("sh", "-c", script), .no_check = 1)->returncode,
                     statuses[i]);
    }
}

void
check_run_checked (struct trial *trial)
{
  struct lr_run_args args = LR_RUN_ARGS (.command = WORDS ("sh", "-c", "echo said; exit 42"));
  struct lr_run_result *result;
  struct lr_error error;
  int status = lr_run (trial->connection, &args, &result, &error);
  keep (trial, result, lr_free);
  expect_failure (trial, status, &error, kind_alone (LR_ERROR_EXIT_STATUS), "exit 42");
  expect_number (trial, "the error's exit_status", error.exit_status, 42);
  EXPECT (trial, result != NULL, "exit 42: expected a result beside the error");
  expect_number (trial, "the result's returncode", result->returncode, 42);
  expect_bytes (trial, "the result's output", result->stdout_bytes, bytes_of ("said\n"));
}

/* Who ignores a signal, as who was started with SIGPIPE ignored does, isn't ended by it.  */
void
check_run_signal (struct trial *trial)
{
  static const int signals[] = { SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGPIPE, SIGALRM, SIGTERM };
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    {
      const char *script = keep_text (trial, "kill -%d $$; exit 3", signals[i]);
      expect_number (trial, script,
                     RUN (trial, .command = WORDS ("sh", "-c", script), .no_check = 1)->returncode,
                     -signals[i]);
    }
}

void
check_run_signal_checked (struct trial *trial)
{
  struct lr_run_args args = LR_RUN_ARGS (.command = WORDS ("sh", "-c", "kill -TERM $$"));
  struct lr_run_result *result;
  struct lr_error error;
  int status = lr_run (trial->connection, &args, &result, &error);
  keep (trial, result, lr_free);
  expect_failure (trial, status, &error, kind_alone (LR_ERROR_EXIT_STATUS), "kill -TERM $$");
  expect_number (trial, "the error's exit_status", error.exit_status, -SIGTERM);
}

/* ---- what can't be run ---- */

void
check_run_missing_program (struct trial *trial)
{
  RUN_FAILS (trial, remote_os (ENOENT), .command = WORDS ("no-such-program-anywhere"));
  RUN_FAILS (trial, remote_os (ENOENT), .command = WORDS ("/no/such/program"));
  RUN_FAILS (trial, remote_os (ENOENT), .command = WORDS ("/no-such-program", "--help"),
             .no_check = 1);
}

void
check_run_directory (struct trial *trial)
{
  RUN_FAILS (trial, remote_os (EACCES), .command = WORDS ("/"));
}

void
check_run_not_executable (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("#!/bin/sh\n"), .mode = "600");
  RUN_FAILS (trial, remote_os (EACCES), .command = WORDS (file));
}

/* On a file system that nothing is executed from it is EACCES.  */
void
check_run_bad_format (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("echo a shell has read this\n"), .mode = "700");
  struct lr_run_args args = LR_RUN_ARGS (.command = WORDS (file));
  struct lr_run_result *result;
  struct lr_error error;
  int status = lr_run (trial->connection, &args, &result, &error);
  keep (trial, result, lr_free);
  expect_failure (trial, status, &error, remote_os (0), file);
  EXPECT (trial, error.errnum == ENOEXEC || error.errnum == EACCES,
          "a file of no format: expected errno %d or %d, got %d: %s", ENOEXEC, EACCES, error.errnum,
          error.message);
}

void
check_run_own_program (struct trial *trial)
{
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("/proc/self/exe", "--version"));
  EXPECT (trial, result->stdout_bytes.size > 0 && result->stderr_bytes.size == 0,
          "--version: expected something on standard output, got %zu bytes, and %zu of errors",
          result->stdout_bytes.size, result->stderr_bytes.size);
  result = RUN (trial, .command = WORDS ("/proc/self/exe", "--no-such-option"), .no_check = 1);
  expect_number (trial, "the returncode with a wrong option", result->returncode, 2);
  EXPECT (trial, result->stderr_bytes.size > 0,
          "a wrong option: expected something on standard error, got nothing");
}

/* ---- arguments ---- */

/* A word that came through as it is comes back between angle brackets.  */
static void
expect_words (struct trial *trial, const char *const *words)
{
  static const char *const sh[] = { "sh", "-c", "printf '<%s>' \"$@\"", "sh" };
  const char *command[16] = { NULL };
  char wanted[2048] = "";
  size_t count = 0, length = 0;
  for (; count < 4; count++)
    command[count] = sh[count];
  for (; *words != NULL; words++)
    {
      command[count++] = *words;
      length += (size_t) snprintf (wanted + length, sizeof wanted - length, "<%s>", *words);
    }
  expect_bytes (trial, "the arguments", RUN (trial, .command = command)->stdout_bytes,
                bytes_of (wanted));
}

void
check_run_arguments (struct trial *trial)
{
  expect_words (trial, WORDS ("plain", "", " ", "two words", "", "-x"));
  expect_words (trial, WORDS ("$HOME", "*", "; exit 3", "`id`", "$(id)", "a\\b", "~"));
  expect_words (trial, WORDS ("'", "\"", "\n", "\t", "!!", "#", "%d", "a\r\nb"));
  expect_words (trial, WORDS ("\xc3\xa4", "\xff\xfe", "\xe2\x82\xac"));
}

void
check_run_every_byte (struct trial *trial)
{
  expect_words (trial, WORDS (every_byte (), every_byte ()));
}

void
check_run_long_argument (struct trial *trial)
{
  char *word = keep_memory (trial, 100001);
  for (size_t i = 0; i < 100000; i++)
    word[i] = (char) ('a' + i % 23);
  expect_bytes (
      trial, "an argument of 100000 bytes",
      RUN (trial, .command = WORDS ("sh", "-c", "printf %s \"$1\"", "sh", word))->stdout_bytes,
      bytes_of (word));
}

void
check_run_many_arguments (struct trial *trial)
{
  enum
  {
    COUNT = 2000,
  };
  const char **command = keep_memory (trial, (COUNT + 5) * sizeof *command);
  command[0] = "sh";
  command[1] = "-c";
  command[2] = "shift $(($# - 1)); echo \"$1\"";
  command[3] = "sh";
  for (int i = 0; i < COUNT; i++)
    command[4 + i] = keep_text (trial, "word-%d", i);
  expect_bytes (trial, "the last of 2000 arguments", RUN (trial, .command = command)->stdout_bytes,
                bytes_of ("word-1999\n"));
}

void
check_run_too_long (struct trial *trial)
{
  char *word = keep_memory (trial, 3000001);
  memset (word, 'x', 3000000);
  RUN_FAILS (trial, remote_os (E2BIG), .command = WORDS ("true", word));
  RUN (trial, .command = WORDS ("true"));
}

/* ---- input and outputs ---- */

void
check_run_no_input (struct trial *trial)
{
  expect_bytes (trial, "cat without input", RUN (trial, .command = WORDS ("cat"))->stdout_bytes,
                bytes_of (""));
}

void
check_run_empty_input (struct trial *trial)
{
  expect_bytes (trial, "cat with an empty input",
                RUN (trial, .command = WORDS ("cat"), .input = { "", 0 })->stdout_bytes,
                bytes_of (""));
}

void
check_run_binary_input (struct trial *trial)
{
  char bytes[512];
  for (int i = 0; i < 512; i++)
    bytes[i] = (char) (i < 256 ? i : 511 - i);
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("cat"), .input = { bytes, sizeof bytes });
  expect_bytes (trial, "every byte through cat", result->stdout_bytes,
                (struct lr_bytes){ bytes, sizeof bytes });
  result = RUN (trial, .command = WORDS ("cat"), .input = { "\0", 1 });
  expect_bytes (trial, "one NUL through cat", result->stdout_bytes, (struct lr_bytes){ "\0", 1 });
}

void
check_run_large_input (struct trial *trial)
{
  struct lr_bytes bytes = noise (trial, 3000001, 3);
  expect_bytes (trial, "3 MB through cat",
                RUN (trial, .command = WORDS ("cat"), .input = bytes)->stdout_bytes, bytes);
}

void
check_run_input_not_read (struct trial *trial)
{
  struct lr_bytes bytes = noise (trial, 1000000, 4);
  RUN (trial, .command = WORDS ("true"), .input = bytes);
  expect_number (
      trial, "the returncode of who reads no input",
      RUN (trial, .command = WORDS ("sh", "-c", "exec <&-; exit 7"), .input = bytes, .no_check = 1)
          ->returncode,
      7);
}

void
check_run_streams_apart (struct trial *trial)
{
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("sh", "-c", "echo one; echo two >&2; echo three"));
  expect_bytes (trial, "the output", result->stdout_bytes, bytes_of ("one\nthree\n"));
  expect_bytes (trial, "the error output", result->stderr_bytes, bytes_of ("two\n"));
}

void
check_run_large_outputs (struct trial *trial)
{
  const char *file = place (trial, "file");
  struct lr_bytes bytes = noise (trial, 1000001, 5);
  UPLOAD (trial, .file = file, .content = bytes);
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("sh", "-c", "cat \"$1\" >&2 & cat \"$1\"; wait", "sh", file));
  expect_bytes (trial, "1 MB on the output", result->stdout_bytes, bytes);
  expect_bytes (trial, "1 MB on the error output beside it", result->stderr_bytes, bytes);
  result = RUN (trial, .command = WORDS ("sh", "-c", "cat \"$1\" >&2; cat \"$1\"", "sh", file));
  expect_bytes (trial, "1 MB on the output after the errors", result->stdout_bytes, bytes);
  expect_bytes (trial, "1 MB of errors before the output", result->stderr_bytes, bytes);
}

void
check_run_no_capture (struct trial *trial)
{
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("sh", "-c", "echo one; echo two >&2; exit 4"), .no_capture = 1,
           .no_check = 1);
  EXPECT (trial, result->stdout_bytes.data == NULL && result->stderr_bytes.data == NULL,
          "no_capture: expected that both outputs are absent, got %zu and %zu bytes",
          result->stdout_bytes.size, result->stderr_bytes.size);
  expect_number (trial, "the returncode with no_capture", result->returncode, 4);
}

void
check_run_output_limit (struct trial *trial)
{
  struct lr_bytes bytes = noise (trial, 5000, 6);
  RUN (trial, .command = WORDS ("cat"), .input = bytes, .output_limit = 5000);
  RUN_FAILS (trial, invalid_value ("output_limit"), .command = WORDS ("cat"), .input = bytes,
             .output_limit = 4999);
  RUN_FAILS (trial, invalid_value ("output_limit"), .command = WORDS ("sh", "-c", "cat >&2"),
             .input = bytes, .output_limit = 1);
  RUN (trial, .command = WORDS ("true"), .output_limit = 1);
}

/* ---- circumstances ---- */

static int64_t
umask_of (struct trial *trial, const char *mask)
{
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("sh", "-c", "umask"), .umask = mask);
  return strtoll (result->stdout_bytes.data, NULL, 8);
}

void
check_run_umask (struct trial *trial)
{
  expect_number (trial, "the umask when none is given", umask_of (trial, NULL), 077);
  expect_number (trial, "umask 022", umask_of (trial, "022"), 022);
  expect_number (trial, "umask 27", umask_of (trial, "27"), 027);
  expect_number (trial, "umask 0", umask_of (trial, "0"), 0);
  expect_number (trial, "umask 0777", umask_of (trial, "0777"), 0777);
  expect_number (trial, "the umask after others", umask_of (trial, NULL), 077);
}

void
check_run_umask_of_files (struct trial *trial)
{
  const char *file = place (trial, "file"), *other = place (trial, "other");
  RUN (trial, .command = WORDS ("sh", "-c", ": > \"$1\"", "sh", file));
  expect_number (trial, "the mode of a new file", (int64_t) stat_there (trial, file)->mode, 0600);
  RUN (trial, .command = WORDS ("sh", "-c", ": > \"$1\"", "sh", other), .umask = "022");
  expect_number (trial, "the mode of a new file with umask 022",
                 (int64_t) stat_there (trial, other)->mode, 0644);
}

void
check_run_umask_invalid (struct trial *trial)
{
  static const char *const masks[] = {
    "", "8", "abc", "0o22", "u=rwx", "1000", "00022", "-1", " 22"
  };
  for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
    RUN_FAILS (trial, invalid_value ("umask"), .command = WORDS ("/"), .umask = masks[i]);
}

void
check_run_cwd (struct trial *trial)
{
  expect_bytes (trial, "pwd in /",
                RUN (trial, .command = WORDS ("sh", "-c", "pwd -P"), .cwd = "/")->stdout_bytes,
                bytes_of ("/\n"));
}

void
check_run_cwd_own (struct trial *trial)
{
  const char *directory = make_directory (trial, "with a \xff byte");
  const char *file = keep_text (trial, "%s/file", directory);
  RUN (trial, .command = WORDS ("sh", "-c", "echo here > file"), .cwd = directory);
  expect_bytes (trial, "a file made in the working directory",
                DOWNLOAD (trial, .file = file)->content, bytes_of ("here\n"));
}

void
check_run_cwd_invalid (struct trial *trial)
{
  RUN_FAILS (trial, invalid_value ("cwd"), .command = WORDS ("true"), .cwd = "/no/such/directory");
  RUN_FAILS (trial, invalid_value ("cwd"), .command = WORDS ("true"), .cwd = "");
}

void
check_run_cwd_file (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  RUN_FAILS (trial, invalid_value ("cwd"), .command = WORDS ("true"), .cwd = file);
}

void
check_run_descriptors (struct trial *trial)
{
  expect_text (trial, "the descriptors of a command",
               shell (trial, "for fd in 0 1 2 3 4 5 6 7 8 9; do"
                             " if [ -e /proc/$$/fd/$fd ]; then printf %s $fd; fi; done"),
               "012");
}

void
check_run_environment_inherited (struct trial *trial)
{
  const char *path = GETENV (trial, "PATH");
  if (path == NULL)
    leave_out (trial, "the far side has no PATH");
  expect_text (trial, "PATH, as a command has it", shell (trial, "printf %s \"$PATH\""), path);
}

/* ---- users and groups ---- */

void
check_run_as_itself (struct trial *trial)
{
  const struct target *target = trial->target;
  expect_number (
      trial, "id -u as the same user",
      strtoll (RUN (trial, .command = WORDS ("id", "-u"), .user = target->user)->stdout_bytes.data,
               NULL, 10),
      target->uid);
}

void
check_run_as_user (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  const char *id = keep_text (trial, "%lld", (long long) other->uid);
  const char *const names[] = { other->name, id };
  for (size_t i = 0; i < 2; i++)
    {
      const char *name = names[i];
#define ID_SAYS(...)                                                                               \
  strtoll (                                                                                        \
      RUN (trial, .command = WORDS (__VA_ARGS__), .user = name, .cwd = "/")->stdout_bytes.data,    \
      NULL, 10)
      expect_number (trial, "id -u as another user", ID_SAYS ("id", "-u"), other->uid);
      expect_number (trial, "id -ur as another user", ID_SAYS ("id", "-u", "-r"), other->uid);
      expect_number (trial, "id -g as another user", ID_SAYS ("id", "-g"), other->gid);
#undef ID_SAYS
    }
  /* None of root's groups are left: as the same id says of the name.  */
  const char *groups = RUN (trial, .command = WORDS ("id", "-G"), .user = other->name, .cwd = "/")
                           ->stdout_bytes.data;
  expect_text (trial, "the groups of a command of another user", groups,
               RUN (trial, .command = WORDS ("id", "-G", other->name))->stdout_bytes.data);
}

void
check_run_as_user_and_group (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("id", "-u"), .user = other->name, .group = "0", .cwd = "/");
  expect_number (trial, "id -u with user and group", strtoll (result->stdout_bytes.data, NULL, 10),
                 other->uid);
  result =
      RUN (trial, .command = WORDS ("id", "-g"), .user = other->name, .group = "0", .cwd = "/");
  expect_number (trial, "id -g with user and group", strtoll (result->stdout_bytes.data, NULL, 10),
                 0);
}

void
check_run_as_group (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  const char *id = keep_text (trial, "%lld", (long long) other->gid);
  const char *const names[] = { other->group, id };
  for (size_t i = 0; i < 2; i++)
    {
      const struct lr_run_result *result =
          RUN (trial, .command = WORDS ("id", "-g"), .group = names[i]);
      expect_number (trial, "id -g with a group", strtoll (result->stdout_bytes.data, NULL, 10),
                     other->gid);
      result = RUN (trial, .command = WORDS ("id", "-u"), .group = names[i]);
      expect_number (trial, "id -u with a group", strtoll (result->stdout_bytes.data, NULL, 10),
                     trial->target->uid);
    }
}

void
check_run_unknown_user (struct trial *trial)
{
  RUN_FAILS (trial, invalid_value ("user"), .command = WORDS ("/"), .user = "no-such-user");
  RUN_FAILS (trial, invalid_value ("user"), .command = WORDS ("/"), .user = "");
  RUN_FAILS (trial, invalid_value ("user"), .command = WORDS ("/"), .user = "4294967295");
  RUN_FAILS (trial, invalid_value ("user"), .command = WORDS ("/"), .user = "-1");
}

void
check_run_unknown_group (struct trial *trial)
{
  RUN_FAILS (trial, invalid_value ("group"), .command = WORDS ("/"), .group = "no-such-group");
  RUN_FAILS (trial, invalid_value ("group"), .command = WORDS ("/"), .group = "");
  RUN_FAILS (trial, invalid_value ("group"), .command = WORDS ("/"), .group = "4294967295");
}

void
check_run_forbidden_user (struct trial *trial)
{
  RUN_FAILS (trial, invalid_value ("command"), .command = WORDS ("true"),
             .user = trial->target->other->name, .cwd = "/");
}

void
check_run_files_of_user (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  const char *directory = make_directory (trial, "directory");
  RUN (trial, .command = WORDS ("chmod", "755", trial->target->directory));
  RUN (trial, .command = WORDS ("chmod", "777", directory));
  RUN (trial, .command = WORDS ("sh", "-c", ": > file"), .user = other->name, .cwd = directory);
  const struct lr_stat_result *file = stat_there (trial, keep_text (trial, "%s/file", directory));
  expect_text (trial, "the owner of a file that a command of another user made", file->owner,
               other->name);
  expect_text (trial, "its group", file->group, other->group);
}

/* ---- time ---- */

void
check_run_timeout (struct trial *trial)
{
  open_another (trial); /* in the plain protocol it can't be used afterwards */
  uint64_t start = now ();
  RUN_FAILS (trial, kind_alone (LR_ERROR_TIMEOUT), .command = WORDS ("sleep", "100"),
             .timeout_ms = 200);
  uint64_t took = now () - start;
  EXPECT (trial, took >= 200 && took < 200 + trial->target->patience / 2,
          "a limit of 200 ms: expected to wait a little longer than that, waited %llu ms",
          (unsigned long long) took);
}

void
check_run_timeout_goes_on (struct trial *trial)
{
  RUN_FAILS (trial, kind_alone (LR_ERROR_TIMEOUT),
             .command = WORDS ("sh", "-c", "echo begins; sleep 100; echo ends"), .timeout_ms = 100);
  expect_bytes (trial, "the output of the next command",
                RUN (trial, .command = WORDS ("sh", "-c", "echo next"))->stdout_bytes,
                bytes_of ("next\n"));
}

void
check_run_waits_for_output (struct trial *trial)
{
  expect_text (trial, "what a command says, and what it leaves behind",
               shell (trial, "(sleep 0.3; echo late) & echo early"), "early\nlate\n");
}

void
check_run_leaves_background (struct trial *trial)
{
  uint64_t start = now ();
  const char *pid = shell (trial, "sleep 100 < /dev/null > /dev/null 2>&1 & echo $!");
  EXPECT (trial, now () - start < trial->target->patience * 3 / 4,
          "a command that leaves a process behind: expected no waiting for that, waited %llu ms",
          (unsigned long long) (now () - start));
  int64_t number = strtoll (pid, NULL, 10);
  EXPECT (trial, number > 1, "expected the id of a process, got \"%s\"", pid);
  /* It was let go of: it may still be there, and it is ended here in any case.  */
  RUN (trial, .command = WORDS ("sh", "-c", "kill -9 $1", "sh", pid), .no_check = 1);
  wait_until_gone (trial, number, "a background process that was killed");
}

void
check_run_linger (struct trial *trial)
{
  uint64_t start = now ();
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("sh", "-c", "sleep 10 & echo $!; exit 5"), .linger = 1,
           .no_check = 1);
  uint64_t took = now () - start;
  const char *pid = result->stdout_bytes.data;
  EXPECT (trial, took < trial->target->patience / 2,
          "linger: expected no waiting for who holds the output for 10 s, waited %llu ms",
          (unsigned long long) took);
  expect_number (trial, "the returncode with linger", result->returncode, 5);
  EXPECT (trial, strtoll (pid, NULL, 10) > 1, "linger: expected what was said before, got \"%s\"",
          pid);
  RUN (trial, .command = WORDS ("sh", "-c", "kill -9 $1", "sh", pid), .no_check = 1);
}

/* ---- environment ---- */

void
check_run_environment (struct trial *trial)
{
  const char *odd = keep_text (trial, "LR_ODD=%s", every_byte ());
  const struct lr_run_result *result =
      RUN (trial,
           .command = WORDS ("sh", "-c",
                             "printf '<%s>' \"$LR_ONE\" \"${LR_EMPTY-unset}\" "
                             "\"$LR_EQUAL\" \"$LR_ODD\""),
           .environment = WORDS ("LR_ONE=1", "LR_EMPTY=", "LR_EQUAL=a=b", odd));
  expect_bytes (trial, "four variables", result->stdout_bytes,
                bytes_of (keep_text (trial, "<1><><a=b><%s>", every_byte ())));
  expect_text (trial, "a variable of the command before", shell (trial, "echo \"[$LR_ONE]\""),
               "[]\n");
}

void
check_run_environment_replaced (struct trial *trial)
{
  const char *path = GETENV (trial, "PATH");
  if (path == NULL)
    leave_out (trial, "the far side has no PATH");
  const struct lr_run_result *result =
      RUN (trial, .command = WORDS ("sh", "-c", "printf %s \"$PATH\""),
           .environment = WORDS (keep_text (trial, "PATH=/changed:%s", path)));
  expect_bytes (trial, "PATH", result->stdout_bytes,
                bytes_of (keep_text (trial, "/changed:%s", path)));
  result = RUN (trial, .command = WORDS ("sh", "-c", "echo ${LR_TWICE-unset}"),
                .environment = WORDS ("LR_TWICE=1", "LR_TWICE=2"));
  expect_bytes (trial, "a variable that is given twice", result->stdout_bytes, bytes_of ("2\n"));
}

void
check_run_environment_unset (struct trial *trial)
{
  const struct lr_run_result *result = RUN (
      trial, .command = WORDS ("sh", "-c", "echo ${HOME-unset} ${LR_BOTH-unset}"),
      .unset = WORDS ("HOME", "LR_BOTH", "LR_NEVER_SET"), .environment = WORDS ("LR_BOTH=set"));
  expect_bytes (trial, "HOME, which is unset, and one that is set after that", result->stdout_bytes,
                bytes_of ("unset set\n"));
}

void
check_run_environment_invalid (struct trial *trial)
{
  RUN_FAILS (trial, invalid_value ("environment"), .command = WORDS ("/"),
             .environment = WORDS ("LR_NO_VALUE"));
  RUN_FAILS (trial, invalid_value ("environment"), .command = WORDS ("/"),
             .environment = WORDS ("=value"));
  RUN_FAILS (trial, invalid_value ("unset"), .command = WORDS ("/"), .unset = WORDS (""));
  RUN_FAILS (trial, invalid_value ("unset"), .command = WORDS ("/"), .unset = WORDS ("A=B"));
}
