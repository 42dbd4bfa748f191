/* Getting a dispatcher to run at the far side: the script in many shells and environments, and the
   push where there is none.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

TestSuite (bootstrap, .timeout = 60);

enum
{
  WORDS_MAX = 40,
};

/* ---- a connector whose far side is what a test makes of this machine ---- */

/* What stands before every command.  */
static const char *before[WORDS_MAX];
static size_t before_count;

/* What unpacks an archive, behind which the directory is added.  */
static const char *pusher[WORDS_MAX];

static void
add_before (const char *word)
{
  cr_assert_lt (before_count, WORDS_MAX - 1);
  before[before_count++] = word;
}

static void
far_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *user = lr_hop_user (hop);
  if (user != NULL && strcmp (user, "0") != 0)
    lr_command_add (out, "setpriv", "--reuid", user, "--regid", user, "--clear-groups");
  lr_command_add_words (out, before_count, before);
  lr_command_append (out, inner);
}

static void
far_push (const lr_hop *hop, const char *directory, lr_command *out)
{
  (void) hop;
  for (size_t i = 0; pusher[i] != NULL; i++)
    lr_command_add_word (out, pusher[i]);
  lr_command_add_word (out, directory);
}

static void
far_explain (const lr_hop *hop, int status, const char *said, lr_text *out)
{
  (void) hop;
  if (status == 77)
    lr_text_set (out, "the connector knows why: %s", said);
}

static int
far_could_not_run (const lr_hop *hop, int status, const char *said)
{
  (void) hop;
  return status == 78 && strstr (said, "nothing to run") != NULL;
}

static const struct lr_connector far = {
  .size = sizeof (struct lr_connector),
  .abi = LR_ABI,
  .option_size = sizeof (struct lr_option),
  .schema = "far",
  .description = "a far side of the tests",
  .target_form = LR_TARGET_NAME,
  .flags = LR_TAKES_USER,
  .wrap = far_wrap,
  .explain = far_explain,
  .push = far_push,
  .could_not_run = far_could_not_run,
};

/* ---- opening ---- */

static int
try_open (const char *url, const char *const *options, uint64_t timeout_ms,
          lr_connection **connection, struct lr_error *error)
{
  lr_registry *registry = lr_registry_new ();
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = url, .options = options, .timeout_ms = timeout_ms);
  cr_assert_eq (lr_registry_add_connector (registry, &far, error), 0, "%s", error->message);
  int status = lr_open (registry, &args, connection, error);
  lr_registry_free (registry);
  return status;
}

/* Open it, use it, and close it.  */
static void
expect_reached (const char *url, const char *const *options, const char *what)
{
  struct lr_error error;
  lr_connection *connection;
  char *value;
  struct lr_getenv_args getenv_args = LR_GETENV_ARGS (.key = "PATH");
  cr_assert_eq (try_open (url, options, 0, &connection, &error), 0, "%s: %s", what, error.message);
  cr_expect_eq (lr_getenv (connection, &getenv_args, &value, &error), 0, "%s: %s", what,
                error.message);
  lr_free (value);
  lr_close (connection);
}

static void
expect_refusal_in (const char *url, const char *const *options, uint64_t timeout_ms,
                   enum lr_error_kind kind, const char *message)
{
  struct lr_error error;
  lr_connection *connection;
  cr_expect_eq (try_open (url, options, timeout_ms, &connection, &error), -1, "%s is opened", url);
  lr_close (connection);
  cr_expect_eq (error.kind, kind, "%s: %s", lr_error_kind_name (error.kind), error.message);
  cr_expect_not_null (strstr (error.message, message), "not \"%s\", but:\n%s", message,
                      error.message);
}

static void
expect_refusal (const char *const *options, const char *message)
{
  expect_refusal_in ("far:web", options, 0, LR_ERROR_IO, message);
}

/* ---- what a far side has ---- */

static const char *
setting (const char *name, const char *value)
{
  static char settings[WORDS_MAX][600];
  static size_t used;
  char *setting = settings[used++ % WORDS_MAX];
  snprintf (setting, sizeof settings[0], "%s=%s", name, value);
  return setting;
}

static void
make_bin (const char *shell)
{
  char target[64];
  snprintf (target, sizeof target, "/bin/%s", shell);
  cr_assert_eq (mkdir (path_in ("bin"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("work"), 01777), 0);
  cr_assert_eq (chmod (path_in ("work"), 01777), 0);
  cr_assert_eq (symlink (target, path_in ("bin/sh")), 0);
}

static void
add_tool (const char *name)
{
  char link[64], target[64];
  snprintf (link, sizeof link, "bin/%s", name);
  snprintf (target, sizeof target, "/bin/%s", name);
  cr_assert_eq (symlink (target, path_in (link)), 0);
}

static void
add_script (const char *name, const char *content)
{
  char file[64];
  snprintf (file, sizeof file, "bin/%s", name);
  write_file (path_in (file), content, strlen (content), 0755);
}

/* Its environment: the programs of "bin", and perhaps the others of this machine; the directory
   "work" as its only one.  */
static void
set_environment (bool all_programs)
{
  static char path[600];
  snprintf (path, sizeof path, "PATH=%s%s", path_in ("bin"), all_programs ? ":/usr/bin:/bin" : "");
  add_before ("/usr/bin/env");
  add_before ("-i");
  add_before (path);
  add_before (setting ("TMPDIR", path_in ("work")));
}

/* A script that is run before what is wrapped, as "$@".  */
static void
run_before (const char *script)
{
  add_before ("/bin/dash");
  add_before ("-c");
  add_before (script);
  add_before ("before");
}

static void
begin (void)
{
  cr_assert_not_null (make_directory ());
  before_count = 0;
  memset (pusher, 0, sizeof pusher);
  pusher[0] = "/bin/false";
}

/* What is in a directory of the test's, but for "." and "..".  */
static int
count_entries (const char *name)
{
  int count = -2;
  DIR *directory = opendir (path_in (name));
  cr_assert_not_null (directory);
  while (readdir (directory) != NULL)
    count++;
  closedir (directory);
  return count;
}

static void
end (void)
{
  cr_expect_eq (count_entries ("work"), 0, "something is left in the far side's directory");
  cr_expect_eq (count_children (), 0, "a process is left");
  undo_mounts ();
  remove_directory ();
}

static const char *
directory_option (const char *name)
{
  return setting ("directory", path_in (name));
}

#define ONLY(option) ((const char *const[]){ option, NULL })
#define WORK ONLY (directory_option ("work"))

/* ---- the script ---- */

static void
reach_through (const char *shell)
{
  begin ();
  make_bin (shell);
  set_environment (true);
  expect_reached ("far:web", NULL, shell);
  expect_reached ("far:web", WORK, shell);
  expect_reached ("far:web", ONLY ("bootstrap=wait"), shell);
  expect_refusal (ONLY ("directory=/nowhere"), "its directory /nowhere is not there");
  end ();
}

#define THROUGH(name, shell)                                                                       \
  Test (bootstrap, the_script_runs_in_##name)                                                      \
  {                                                                                                \
    reach_through (shell);                                                                         \
  }
THROUGH (dash, "dash")
THROUGH (bash, "bash")
THROUGH (ksh, "ksh")
THROUGH (mksh, "mksh")
THROUGH (zsh, "zsh")
THROUGH (yash, "yash")
THROUGH (busybox, "busybox")

Test (bootstrap, what_start_up_files_say_is_passed_over)
{
  begin ();
  make_bin ("dash");
  set_environment (true);
  run_before ("echo Welcome; echo oops >&2; echo LR-NODIR x; echo LONGREACH 2 x y z; "
              "printf 'no newline'; \"$@\"");
  expect_reached ("far:web", WORK, "noise");
  end ();
}

Test (bootstrap, a_start_up_file_that_reads_is_named)
{
  static const char *const readers[] = { "read x; \"$@\"", "head -c 20 >/dev/null; \"$@\"",
                                         "head -c 5000 >/dev/null; \"$@\"" };
  for (size_t i = 0; i < COUNT (readers); i++)
    {
      begin ();
      make_bin ("dash");
      set_environment (true);
      run_before (readers[i]);
      expect_refusal (WORK, "web: something there reads standard input before the dispatcher's "
                            "script does: a start-up file of the login shell, most likely");
      end ();
    }
}

Test (bootstrap, what_reads_only_what_is_there_is_outwaited)
{
  begin ();
  make_bin ("dash");
  set_environment (true);
  run_before ("timeout 0.3 cat >/dev/null; \"$@\"");
  expect_reached ("far:web",
                  (const char *const[]){ directory_option ("work"), "bootstrap=wait", NULL },
                  "wait");
  end ();
}

Test (bootstrap, what_arrives_cut_short_is_counted)
{
  begin ();
  make_bin ("dash");
  set_environment (true);
  run_before ("head -c 6000 | \"$@\"");
  expect_refusal (WORK, "bytes of the dispatcher (");
  end ();
}

Test (bootstrap, without_head_there_is_dd)
{
  static const char *const tools[] = { "mkdir", "chmod", "rm", "dd" };
  begin ();
  make_bin ("dash");
  for (size_t i = 0; i < COUNT (tools); i++)
    add_tool (tools[i]);
  set_environment (false);
  expect_reached ("far:web", WORK, "dd");
  end ();
}

Test (bootstrap, without_anything_to_store_with_it_says_so)
{
  static const char *const tools[] = { "mkdir", "chmod", "rm" };
  begin ();
  make_bin ("dash");
  for (size_t i = 0; i < COUNT (tools); i++)
    add_tool (tools[i]);
  set_environment (false);
  expect_refusal (WORK, "it has neither head nor dd");
  end ();
}

/* ---- machines ---- */

Test (bootstrap, another_machine_type_gets_its_own_dispatcher_or_a_sentence)
{
  static const struct
  {
    const char *uname, *message;
  } rows[] = {
    { "#!/bin/dash\necho Linux armv7l\n", "it is a machine of type armv7l, and there is no "
                                          "dispatcher here for those (there is: " },
    { "#!/bin/dash\necho FreeBSD amd64\n",
      "its system is FreeBSD amd64, and a dispatcher can be sent to Linux only" },
    { "#!/bin/dash\necho Linux ../../x\n", "it is a machine of type ../../x" },
    { "#!/bin/dash\necho Linux\n", "its system is Linux, and" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      begin ();
      make_bin ("dash");
      add_script ("uname", rows[i].uname);
      set_environment (true);
      expect_refusal (WORK, rows[i].message);
      end ();
    }
}

/* Dispatchers of this test's own, so that there is one for a machine type called "other".  */
static void
make_dispatchers (void)
{
  char script[600];
  static const char *const directories[] = { "lib", "lib/portable", "lib/portable/linux-other" };
  for (size_t i = 0; i < COUNT (directories); i++)
    cr_assert_eq (mkdir (path_in (directories[i]), 0755), 0);
  snprintf (script, sizeof script, "#!/bin/dash\nexec %s/longreach-dispatcher \"$@\"\n",
            getenv ("LONGREACH_DISPATCHER_DIR"));
  write_file (path_in ("lib/portable/linux-other/longreach-dispatcher"), script, strlen (script),
              0755);
  setenv ("LONGREACH_DISPATCHER_DIR", path_in ("lib"), 1);
}

Test (bootstrap, the_dispatcher_for_another_machine_type_is_sent_then)
{
  begin ();
  make_bin ("dash");
  add_script ("uname", "#!/bin/dash\necho Linux other\n");
  make_dispatchers ();
  set_environment (true);
  expect_reached ("far:web", WORK, "another type");
  end ();
}

Test (bootstrap, a_dispatcher_that_dies_there_is_removed_and_told)
{
  static const char dies[] = "#!/bin/dash\necho not here >&2\nkill -ILL $$\n";
  begin ();
  make_bin ("dash");
  add_script ("uname", "#!/bin/dash\necho Linux other\n");
  make_dispatchers ();
  write_file (path_in ("lib/portable/linux-other/longreach-dispatcher"), dies, strlen (dies), 0755);
  set_environment (true);
  expect_refusal (WORK, "web: the dispatcher was stored there, and could not be run: it ended with "
                        "status 132; it said: not here");
  end ();
}

Test (bootstrap, a_far_side_that_changes_its_machine_type_is_given_up)
{
  begin ();
  make_bin ("dash");
  add_script ("uname", "#!/bin/dash\nif test -e \"$0.seen\"; then echo Linux third; "
                       "else echo Linux other; fi\n>\"$0.seen\"\n");
  make_dispatchers ();
  cr_assert_eq (mkdir (path_in ("lib/portable/linux-first"), 0755), 0);
  write_file (path_in ("lib/portable/linux-first/longreach-dispatcher"), "first", 5, 0755);
  set_environment (true);
  expect_refusal (WORK, "it says that it is a machine of another type each time");
  end ();
}

Test (bootstrap, without_uname_the_guess_is_taken)
{
  begin ();
  make_bin ("dash");
  add_script ("uname", "#!/bin/dash\nexit 1\n");
  set_environment (true);
  expect_reached ("far:web", WORK, "no uname");
  end ();
}

/* ---- directories ---- */

Test (bootstrap, the_first_directory_that_serves_is_taken)
{
  begin ();
  make_bin ("dash");
  set_environment (true);
  add_before (setting ("XDG_RUNTIME_DIR", "relative"));
  add_before (setting ("HOME", path_in ("work")));
  expect_reached ("far:web", NULL, "relative");
  end ();
}

/* What the far side tells of the directory, in the moment that it is there.  */
static void
expect_directory (const char *first, const char *expected)
{
  char said[600];
  begin ();
  make_bin ("dash");
  cr_assert_eq (mkdir (path_in ("first"), 0700), 0);
  add_script ("chmod",
              "#!/bin/dash\necho \"$2\" >>\"${0%/bin/chmod}/used\"\nexec /bin/chmod \"$@\"\n");
  set_environment (true);
  add_before (setting (first, path_in ("first")));
  expect_reached ("far:web", NULL, first);
  size_t size;
  char *used = read_file (path_in ("used"), &size);
  snprintf (said, sizeof said, "%s/", path_in (expected));
  cr_expect_eq (strncmp (used, said, strlen (said)), 0, "%s: %s", first, used);
  free (used);
  cr_expect_eq (count_entries ("first"), 0);
  end ();
}

Test (bootstrap, the_runtime_directory_comes_first)
{
  expect_directory ("XDG_RUNTIME_DIR", "first");
}

Test (bootstrap, the_temporary_directory_comes_before_home)
{
  expect_directory ("HOME", "work");
}

Test (bootstrap, a_directory_that_runs_no_programs_is_passed_over)
{
  need_root ();
  begin ();
  need_mounts ();
  make_bin ("dash");
  cr_assert_eq (mkdir (path_in ("first"), 0700), 0);
  mount_at (path_in ("first"), "none", "tmpfs", MS_NOEXEC, NULL);
  set_environment (true);
  add_before (setting ("XDG_RUNTIME_DIR", path_in ("first")));
  expect_reached ("far:web", NULL, "noexec");
  cr_expect_eq (count_entries ("first"), 0);
  expect_refusal (ONLY (directory_option ("first")), "or runs no programs");
  end ();
}

Test (bootstrap, a_full_directory_is_passed_over)
{
  need_root ();
  begin ();
  need_mounts ();
  make_bin ("dash");
  cr_assert_eq (mkdir (path_in ("first"), 0700), 0);
  mount_at (path_in ("first"), "none", "tmpfs", 0, "size=48k");
  set_environment (true);
  add_before (setting ("XDG_RUNTIME_DIR", path_in ("first")));
  expect_reached ("far:web", NULL, "full");
  cr_expect_eq (count_entries ("first"), 0);
  expect_refusal (ONLY (directory_option ("first")), "there is no room for the dispatcher (");
  cr_expect_eq (count_entries ("first"), 0);
  end ();
}

Test (bootstrap, directories_that_only_others_may_write_to_are_none)
{
  need_root ();
  begin ();
  make_bin ("dash");
  cr_assert_eq (chmod (path_in ("work"), 0755), 0);
  add_before ("setpriv");
  add_before ("--reuid=65534");
  add_before ("--regid=65534");
  add_before ("--clear-groups");
  set_environment (true);
  expect_refusal (WORK, "is not there, not writable, or runs no programs");
  end ();
}

Test (bootstrap, a_relative_directory_is_refused)
{
  begin ();
  make_bin ("dash");
  expect_refusal_in ("far:web", ONLY ("directory=tmp"), 0, LR_ERROR_INVALID_VALUE,
                     "directory=tmp is not an absolute path");
  end ();
}

Test (bootstrap, names_of_directories_are_not_read_by_a_shell)
{
  begin ();
  make_bin ("dash");
  set_environment (true);
  cr_assert_eq (mkdir (path_in ("work/a b;$(id)'\"*"), 0700), 0);
  expect_reached ("far:web", ONLY (directory_option ("work/a b;$(id)'\"*")), "a strange name");
  cr_assert_eq (rmdir (path_in ("work/a b;$(id)'\"*")), 0);
  end ();
}

/* ---- other ends ---- */

Test (bootstrap, what_runs_something_else_is_named)
{
  begin ();
  make_bin ("dash");
  run_before ("echo This is not for you; exit 0");
  expect_refusal (WORK, "web: it ended without a word of what it was to run, as where a command is "
                        "forced, or an account takes none; it said: This is not for you");
  end ();
}

Test (bootstrap, a_closed_account_is_quoted)
{
  begin ();
  make_bin ("dash");
  run_before ("echo This account is currently not available.; exit 1");
  expect_refusal (WORK, "it ended with status 1; it said: This account is currently not available");
  end ();
}

Test (bootstrap, the_connector_knows_best)
{
  begin ();
  make_bin ("dash");
  run_before ("echo closed >&2; exit 77");
  expect_refusal (WORK, "web: the connector knows why: closed");
  end ();
}

Test (bootstrap, what_never_answers_is_given_up_in_time)
{
  begin ();
  make_bin ("dash");
  run_before ("exec sleep 1000");
  expect_refusal_in ("far:web", WORK, 300, LR_ERROR_TIMEOUT,
                     "no dispatcher has answered within 300 milliseconds: no shell has come as far "
                     "as to start it");
  end ();
}

Test (bootstrap, what_stores_for_ever_is_given_up_in_time)
{
  begin ();
  make_bin ("dash");
  add_script ("head", "#!/bin/dash\nexec cat >/dev/null\n");
  set_environment (true);
  run_before ("trap '' TERM; \"$@\"");
  expect_refusal_in (
      "far:web", WORK, 500, LR_ERROR_TIMEOUT,
      "no dispatcher has answered within 500 milliseconds: it was sent, and is being "
      "stored");
  end ();
}

Test (bootstrap, an_installed_dispatcher_needs_nothing_to_be_sent)
{
  char target[600];
  begin ();
  make_bin ("dash");
  set_environment (false);
  expect_refusal (ONLY ("deploy=never"), "the dispatcher that is to be there could not be run");
  snprintf (target, sizeof target, "%s/longreach-dispatcher", getenv ("LONGREACH_DISPATCHER_DIR"));
  cr_assert_eq (symlink (target, path_in ("bin/longreach-dispatcher")), 0);
  expect_reached ("far:web", ONLY ("deploy=never"), "deploy=never");
  expect_reached ("far:web", ONLY ("protocol=plain"), "protocol=plain");
  end ();
}

/* ---- pushing ---- */

static void
without_shell (void)
{
  make_bin ("none");
  set_environment (false);
}

static void
push_by (const char *const *words)
{
  for (size_t i = 0; words[i] != NULL; i++)
    pusher[i] = words[i];
}

static const char *const unpack[] = { "tar", "-x", "-p", "-f", "-", "-C", NULL };

Test (bootstrap, without_a_shell_it_is_pushed)
{
  begin ();
  without_shell ();
  push_by (unpack);
  expect_reached ("far:web", WORK, "push");
  end ();
}

Test (bootstrap, the_connector_knows_a_missing_program_by_what_is_said)
{
  begin ();
  without_shell ();
  run_before (
      "\"$@\" 2>/dev/null; s=$?; test $s = 127 || exit $s; echo nothing to run >&2; exit 78");
  push_by (unpack);
  expect_reached ("far:web", WORK, "push by words");
  expect_refusal (ONLY ("deploy=never"), "the dispatcher that is to be there could not be run; it "
                                         "said: nothing to run");
  end ();
}

Test (bootstrap, what_the_connector_does_not_know_is_not_pushed)
{
  begin ();
  without_shell ();
  run_before ("echo nothing >&2; exit 78");
  push_by (unpack);
  expect_refusal (WORK, "web: the dispatcher is gone: it ended with status 78; it said: nothing");
  end ();
}

Test (bootstrap, another_user_gets_it_pushed_and_leaves_nothing)
{
  need_root ();
  begin ();
  without_shell ();
  push_by (unpack);
  expect_reached ("far:65534@web", WORK, "push for a user");
  end ();
}

Test (bootstrap, a_push_that_fails_says_so)
{
  begin ();
  without_shell ();
  push_by ((const char *const[]){ "/bin/dash", "-c", "echo read-only >&2; exit 3", NULL });
  expect_refusal (WORK, "it has no shell, and the dispatcher could not be put into its ");
  expect_refusal (WORK, "; it said: read-only");
  end ();
}

Test (bootstrap, a_push_that_only_says_that_it_worked_is_found_out)
{
  begin ();
  without_shell ();
  push_by ((const char *const[]){ "/bin/dash", "-c", "cat >/dev/null", "push", NULL });
  expect_refusal (WORK, "could not be run");
  expect_refusal (NULL, "could not be run");
  end ();
}

Test (bootstrap, a_push_that_reads_nothing_is_no_trouble)
{
  begin ();
  without_shell ();
  push_by ((const char *const[]){ "true", NULL });
  expect_refusal (WORK, "could not be run");
  end ();
}

Test (bootstrap, what_was_pushed_for_another_machine_is_tried_once_more)
{
  begin ();
  without_shell ();
  /* It turns what is pushed first into something that does not run.  */
  write_file (
      path_in ("unpack"),
      "#!/bin/bash\ntar -x -p -f - -C \"$1\" && [ -e \"${0%/*}/again\" ] && exit 0\n"
      "touch \"${0%/*}/again\"\nprintf '\\177ELFnonsense' >\"$(echo \"$1\"/.lr-*/long*)\"\n",
      strlen ("#!/bin/bash\ntar -x -p -f - -C \"$1\" && [ -e \"${0%/*}/again\" ] && exit 0\n"
              "touch \"${0%/*}/again\"\n"
              "printf '\\177ELFnonsense' >\"$(echo \"$1\"/.lr-*/long*)\"\n"),
      0755);
  push_by ((const char *const[]){ path_in ("unpack"), NULL });
  expect_refusal (WORK, "");
  cr_expect_eq (access (path_in ("again"), F_OK), 0);
  struct finished removal =
      run_program ((const char *const[]){ "rm", "-rf", path_in ("work"), NULL }, NULL, 0);
  free_finished (&removal);
  cr_assert_eq (mkdir (path_in ("work"), 0700), 0);
  end ();
}
