/* Every operation through the public blocking calls, on the real dispatcher of this machine: what
   it gives and how it fails, for root and for an ordinary user.  lr_upload has a suite of its own,
   test-uploads.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) WORDS ("sh", "-c", script)
#define TEXT(literal) ((struct lr_bytes){ literal, sizeof (literal) - 1 })

#define RUN(...) ((struct lr_run_args) LR_RUN_ARGS (__VA_ARGS__))
#define STAT(...) ((struct lr_stat_args) LR_STAT_ARGS (__VA_ARGS__))
#define DOWNLOAD(...) ((struct lr_download_args) LR_DOWNLOAD_ARGS (__VA_ARGS__))
#define NAME(...) ((struct lr_resolve_args) LR_RESOLVE_ARGS (__VA_ARGS__))

enum
{
  KIB = 1 << 10,
  MIB = 1 << 20,
  NOBODY_AT_ALL = 54321, /* an id without an entry */
};

/* ---- run ---- */

static struct lr_run_result *
must_run (lr_connection *connection, struct lr_run_args args)
{
  struct lr_error error;
  struct lr_run_result *result;
  int status = lr_run (connection, &args, &result, &error);
  cr_assert_eq (status, 0, "%s", error.message);
  cr_assert_not_null (result);
  return result;
}

static void
expect_output (lr_connection *connection, struct lr_run_args args, const char *wanted,
               const char *what)
{
  struct lr_run_result *result = must_run (connection, args);
  cr_assert_not_null (result->stdout_bytes.data);
  cr_expect_str_eq (result->stdout_bytes.data, wanted, "%s: %s instead of %s", what,
                    result->stdout_bytes.data, wanted);
  lr_free (result);
}

static void
expect_run_failure (lr_connection *connection, struct lr_run_args args, struct failure wanted,
                    const char *what)
{
  struct lr_error error;
  struct lr_run_result *result = (void *) &error;
  int status = lr_run (connection, &args, &result, &error);
  expect_failure (status, &error, wanted, what);
  cr_expect_null (result, "%s: there is a result", what);
}

TEST_AS_BOTH (run, captures_both_outputs_apart)
{
  struct lr_run_result *result =
      must_run (connection, RUN (.command = SHELL ("echo out; echo error >&2; echo more")));
  cr_expect_str_eq (result->stdout_bytes.data, "out\nmore\n");
  cr_expect_eq (result->stdout_bytes.size, 9);
  cr_expect_str_eq (result->stderr_bytes.data, "error\n");
  cr_expect_eq (result->stderr_bytes.size, 6);
  cr_expect_eq (result->returncode, 0);
  lr_free (result);
}

TEST_AS_BOTH (run, gives_empty_outputs_where_nothing_was_written)
{
  struct lr_run_result *result = must_run (connection, RUN (.command = WORDS ("true")));
  const struct lr_bytes *outputs[] = { &result->stdout_bytes, &result->stderr_bytes };
  for (size_t i = 0; i < COUNT (outputs); i++)
    {
      cr_assert_not_null (outputs[i]->data);
      cr_expect_eq (outputs[i]->size, 0);
      cr_expect_eq (outputs[i]->data[0], '\0');
    }
  lr_free (result);
}

TEST_AS_BOTH (run, sends_output_that_is_not_captured_to_dev_null)
{
  char script[1024];
  snprintf (script, sizeof script,
            "links=$(readlink /proc/$$/fd/1 /proc/$$/fd/2); echo \"$links\" >%s",
            in_work ("links"));
  struct lr_run_result *result =
      must_run (connection, RUN (.command = SHELL (script), .no_capture = 1));
  cr_expect_null (result->stdout_bytes.data);
  cr_expect_eq (result->stdout_bytes.size, 0);
  cr_expect_null (result->stderr_bytes.data);
  cr_expect_eq (result->stderr_bytes.size, 0);
  lr_free (result);
  char *links = read_file (in_work ("links"), NULL);
  cr_expect_str_eq (links, "/dev/null\n/dev/null\n");
  free (links);
}

TEST_AS_BOTH (run, gives_dev_null_where_no_input_is_given)
{
  expect_output (connection, RUN (.command = SHELL ("readlink /proc/$$/fd/0")), "/dev/null\n",
                 "absent");
  expect_output (connection, RUN (.command = WORDS ("cat")), "", "absent, read");
}

TEST_AS_BOTH (run, hands_input_over_up_to_its_end)
{
  char bytes[256];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (char) i;
  static const size_t sizes[] = { 0, 1, 256 };
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      struct lr_run_result *result = must_run (
          connection, RUN (.command = WORDS ("cat"), .input = { .data = bytes, .size = sizes[i] }));
      cr_expect_eq (result->stdout_bytes.size, sizes[i]);
      cr_expect_eq (memcmp (result->stdout_bytes.data, bytes, sizes[i]), 0, "%zu bytes", sizes[i]);
      cr_expect_eq (result->stdout_bytes.data[result->stdout_bytes.size], '\0');
      lr_free (result);
    }
}

TEST_AS_SELF (run, moves_bulk_input_and_output_at_once)
{
  size_t size = bulk_size ();
  char *noise = make_noise (size, 1);
  struct lr_run_result *result = must_run (
      connection, RUN (.command = WORDS ("cat"), .input = { .data = noise, .size = size }));
  cr_expect_eq (result->stdout_bytes.size, size);
  cr_expect (result->stdout_bytes.size == size
             && memcmp (result->stdout_bytes.data, noise, size) == 0);
  lr_free (result);
  free (noise);
}

TEST_AS_BOTH (run, does_not_mind_a_command_that_leaves_its_input)
{
  const struct
  {
    const char *name;
    const char *const *command;
    const char *output;
  } rows[] = {
    { "never reads", WORDS ("true"), "" },
    { "closes it, and goes on", SHELL ("exec <&-; sleep 0.2; echo went on"), "went on\n" },
    { "reads a part", SHELL ("head -c 4 >/dev/null; echo enough"), "enough\n" },
  };
  char *noise = make_noise (8 * MIB, 2);
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_output (connection,
                   RUN (.command = rows[i].command, .input = { .data = noise, .size = 8 * MIB }),
                   rows[i].output, rows[i].name);
  free (noise);
}

TEST_AS_BOTH (run, keeps_a_huge_stderr_beside_a_huge_stdout)
{
  struct lr_run_result *result = must_run (
      connection, RUN (.command = SHELL ("head -c 20000000 /dev/zero >&2; "
                                         "head -c 10000000 /dev/zero; echo end; echo END >&2")));
  cr_assert_eq (result->stdout_bytes.size, 10000004);
  cr_assert_eq (result->stderr_bytes.size, 20000004);
  cr_expect_str_eq (result->stdout_bytes.data + 10000000, "end\n");
  cr_expect_str_eq (result->stderr_bytes.data + 20000000, "END\n");
  lr_free (result);
}

TEST_AS_BOTH (run, waits_for_a_process_that_still_holds_the_output)
{
  expect_output (connection, RUN (.command = SHELL ("(sleep 0.3; echo late) & echo early")),
                 "early\nlate\n", "a process left behind");
}

static const struct
{
  const char *script;
  int returncode;
} endings[] = {
  { "exit 1", 1 },           { "exit 2", 2 },          { "exit 127", 127 },
  { "exit 255", 255 },       { "kill -KILL $$", -9 },  { "kill -TERM $$", -15 },
  { "kill -HUP $$", -1 },    { "kill -PIPE $$", -13 }, { "kill -USR1 $$", -SIGUSR1 },
  { "exec kill -9 $$", -9 },
};

TEST_AS_BOTH (run, fails_with_the_exit_status_and_leaves_the_result)
{
  for (size_t i = 0; i < COUNT (endings); i++)
    {
      char script[128];
      struct lr_error error;
      struct lr_run_result *result;
      snprintf (script, sizeof script, "echo out; echo error >&2; %s", endings[i].script);
      struct lr_run_args args = RUN (.command = SHELL (script));
      expect_failure (lr_run (connection, &args, &result, &error), &error,
                      (struct failure){ LR_ERROR_EXIT_STATUS, 0, "" }, endings[i].script);
      cr_expect_eq (error.exit_status, endings[i].returncode, "%s", endings[i].script);
      cr_assert_not_null (result, "%s", endings[i].script);
      cr_expect_eq (result->returncode, endings[i].returncode, "%s", endings[i].script);
      cr_expect_str_eq (result->stdout_bytes.data, "out\n");
      cr_expect_str_eq (result->stderr_bytes.data, "error\n");
      lr_free (result);
    }
}

TEST_AS_BOTH (run, does_not_check_the_status_if_asked_not_to)
{
  for (size_t i = 0; i < COUNT (endings); i++)
    {
      struct lr_run_result *result =
          must_run (connection, RUN (.command = SHELL (endings[i].script), .no_check = 1));
      cr_expect_eq (result->returncode, endings[i].returncode, "%s", endings[i].script);
      lr_free (result);
    }
}

TEST_AS_BOTH (run, sets_the_umask)
{
  static const struct
  {
    const char *given, *wanted;
  } rows[] = {
    { NULL, "0077\n" },  { "0", "0000\n" },    { "22", "0022\n" },
    { "022", "0022\n" }, { "0777", "0777\n" }, { "777", "0777\n" },
  };
  umask (0);
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_output (connection, RUN (.command = SHELL ("umask"), .umask = rows[i].given),
                   rows[i].wanted, rows[i].given == NULL ? "default" : rows[i].given);
}

TEST_AS_BOTH (run, starts_in_the_asked_directory_or_the_dispatchers)
{
  char own[PATH_MAX], wanted[PATH_MAX + 1];
  cr_assert_not_null (getcwd (own, sizeof own));
  snprintf (wanted, sizeof wanted, "%s\n", own);
  expect_output (connection, RUN (.command = WORDS ("pwd", "-P")), wanted, "default");
  expect_output (connection, RUN (.command = WORDS ("pwd", "-P"), .cwd = "/"), "/\n", "root");
  snprintf (wanted, sizeof wanted, "%s\n", in_work ("a b\xff"));
  cr_assert_eq (mkdir (in_work ("a b\xff"), 0755), 0);
  cr_assert_eq (symlink ("a b\xff", in_work ("link")), 0);
  expect_output (connection, RUN (.command = WORDS ("pwd", "-P"), .cwd = in_work ("a b\xff")),
                 wanted, "odd name");
  expect_output (connection, RUN (.command = WORDS ("pwd", "-P"), .cwd = in_work ("link")), wanted,
                 "link");
}

TEST_AS_BOTH (run, names_the_first_field_that_is_wrong)
{
  char file[512];
  snprintf (file, sizeof file, "%s", in_work ("file"));
  write_file (file, "", 0, 0644);
  const struct
  {
    const char *what, *user, *group, *umask, *cwd, *field;
  } rows[] = {
    { "an empty umask", .umask = "", .field = "umask" },
    { "an umask that is not octal", .umask = "8", .field = "umask" },
    { "an umask above 0777", .umask = "1000", .field = "umask" },
    { "an umask of five digits", .umask = "00022", .field = "umask" },
    { "a symbolic umask", .umask = "u=rwx", .field = "umask" },
    { "a negative umask", .umask = "-1", .field = "umask" },
    { "a space in the umask", .umask = " 22", .field = "umask" },
    { "an unknown user", .user = "no-such-user", .field = "user" },
    { "an empty user", .user = "", .field = "user" },
    { "a user id without an entry", .user = "54321", .field = "user" },
    { "a user id that means nobody", .user = "4294967295", .field = "user" },
    { "a user id beyond all", .user = "4294967296", .field = "user" },
    { "a negative user id", .user = "-1", .field = "user" },
    { "an unknown group", .group = "no-such-group", .field = "group" },
    { "an empty group", .group = "", .field = "group" },
    { "a group id without an entry", .group = "54321", .field = "group" },
    { "a missing directory", .cwd = "/no/such/directory", .field = "cwd" },
    { "a directory that is a file", .cwd = file, .field = "cwd" },
    { "an empty directory name", .cwd = "", .field = "cwd" },
    { "umask before user", .umask = "9", .user = "no-such-user", .field = "umask" },
    { "user before group", .user = "no-such-user", .group = "no-such-group", .field = "user" },
    { "group before cwd", .group = "no-such-group", .cwd = "/no/such", .field = "group" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_run_failure (connection,
                        RUN (.command = WORDS ("touch", in_work ("was-run")), .user = rows[i].user,
                             .group = rows[i].group, .umask = rows[i].umask, .cwd = rows[i].cwd),
                        invalid_value (rows[i].field), rows[i].what);
  cr_expect_neq (access (in_work ("was-run"), F_OK), 0);
}

TEST_AS_BOTH (run, looks_at_the_fields_before_the_program)
{
  expect_run_failure (connection, RUN (.command = WORDS ("/no/such/program"), .umask = "9"),
                      invalid_value ("umask"), "umask");
}

/* The name of an id in this machine's databases; static.  */
static const char *
own_user (void)
{
  return getpwuid (dispatcher_uid ())->pw_name;
}

static const char *
own_group (void)
{
  return getgrgid (dispatcher_gid ())->gr_name;
}

TEST_AS_BOTH (run, always_runs_as_what_the_dispatcher_is)
{
  char uid[16], gid[16], wanted[64];
  snprintf (uid, sizeof uid, "%u", dispatcher_uid ());
  snprintf (gid, sizeof gid, "%u", dispatcher_gid ());
  snprintf (wanted, sizeof wanted, "%s\n%s\n", uid, gid);
  const struct
  {
    const char *user, *group;
  } rows[] = {
    { NULL, NULL },
    { own_user (), NULL },
    { uid, NULL },
    { NULL, own_group () },
    { NULL, gid },
    { uid, gid },
    { own_user (), own_group () },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_output (
        connection,
        RUN (.command = SHELL ("id -u; id -g"), .user = rows[i].user, .group = rows[i].group),
        wanted, rows[i].user == NULL ? "default user" : rows[i].user);
}

TEST_AS_ROOT (run, becomes_another_user_with_its_primary_group)
{
  static const char *const names[] = { "nobody", "65534" };
  for (size_t i = 0; i < COUNT (names); i++)
    expect_output (connection,
                   RUN (.command = SHELL ("id -u; id -g; id -G"), .user = names[i], .cwd = "/"),
                   "65534\n65534\n65534\n", names[i]);
}

TEST_AS_ROOT (run, changes_nothing_but_the_group_id_where_only_a_group_is_given)
{
  struct lr_run_result *before =
      must_run (connection, RUN (.command = WORDS ("grep", "^Groups:", "/proc/self/status")));
  expect_output (connection, RUN (.command = SHELL ("id -u; id -g"), .group = "nogroup"),
                 "0\n65534\n", "nogroup");
  expect_output (connection,
                 RUN (.command = WORDS ("grep", "^Groups:", "/proc/self/status"), .group = "65534"),
                 before->stdout_bytes.data, "supplementary groups");
  lr_free (before);
}

TEST_AS_USER (run, fails_on_the_command_where_it_has_no_right_to_set_it_up)
{
  cr_assert_eq (mkdir (path_in ("closed"), 0700), 0);
  const struct
  {
    const char *what, *user, *group, *cwd;
  } rows[] = {
    { "another user", .user = "root" },
    { "another user by id", .user = "0" },
    { "another group", .group = "root" },
    { "own user, another group", .user = "nobody", .group = "root" },
    { "a closed directory", .cwd = path_in ("closed") },
    { "below a closed directory", .cwd = path_in ("closed/below") },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_run_failure (connection,
                        RUN (.command = WORDS ("true"), .user = rows[i].user,
                             .group = rows[i].group, .cwd = rows[i].cwd),
                        invalid_value ("command"), rows[i].what);
}

TEST_AS_ROOT (run, enters_the_directory_with_the_rights_of_the_commands_user)
{
  cr_assert_eq (mkdir (path_in ("closed"), 0700), 0);
  expect_output (connection, RUN (.command = WORDS ("echo", "fine"), .cwd = path_in ("closed")),
                 "fine\n", "as root");
  expect_run_failure (connection,
                      RUN (.command = WORDS ("true"), .user = "nobody", .cwd = path_in ("closed")),
                      invalid_value ("command"), "as nobody");
}

TEST_AS_BOTH (run, reports_why_a_program_can_not_be_executed)
{
  write_file (in_work ("text"), "exit 0\n", 7, 0755);
  write_file (in_work ("plain"), "#!/bin/sh\n", 10, 0644);
  write_file (in_work ("orphan"), "#!/no/such/interpreter\n", 23, 0755);
  cr_assert_eq (symlink ("loop", in_work ("loop")), 0);
  const struct
  {
    const char *program;
    int errnum;
  } rows[] = {
    { "no-such-program", ENOENT },
    { "/no/such/program", ENOENT },
    { "", ENOENT },
    { in_work ("missing"), ENOENT },
    { in_work ("orphan"), ENOENT },
    { in_work ("plain"), EACCES },
    { in_work (""), EACCES },
    { in_work ("text"), ENOEXEC },
    { in_work ("text/below"), ENOTDIR },
    { in_work ("loop"), ELOOP },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_run_failure (connection, RUN (.command = WORDS (rows[i].program)),
                        remote_os (rows[i].errnum), rows[i].program);
}

TEST_AS_BOTH (run, tells_a_program_with_control_characters_in_its_name_without_them)
{
  expect_run_failure (connection, RUN (.command = WORDS ("no\033[31m\n\x7fsuch\xc2\x9b\xff")),
                      remote_os (ENOENT), "control characters");
}

TEST_AS_BOTH (run, takes_a_relative_program_from_the_commands_directory)
{
  write_file (in_work ("tool"), "#!/bin/sh\necho \"$0\"\n", 21, 0755);
  expect_output (connection, RUN (.command = WORDS ("./tool"), .cwd = in_work ("")), "./tool\n",
                 "./tool");
  expect_run_failure (connection, RUN (.command = WORDS ("tool"), .cwd = in_work ("")),
                      remote_os (ENOENT), "without a slash");
}

/* Directories "first", "second" with programs, and a connection that has both in its PATH.  */
static void
with_search_path (connected_body *body)
{
  char path[2048];
  cr_assert_eq (mkdir (path_in ("first"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("second"), 0755), 0);
  write_file (path_in ("first/both"), "#!/bin/sh\necho first\n", 21, 0755);
  write_file (path_in ("second/both"), "#!/bin/sh\necho second\n", 22, 0755);
  write_file (path_in ("first/partly"), "#!/bin/sh\necho first\n", 21, 0644);
  write_file (path_in ("second/partly"), "#!/bin/sh\necho second\n", 22, 0755);
  write_file (path_in ("first/never"), "#!/bin/sh\necho first\n", 21, 0644);
  write_file (path_in ("site/here"), "#!/bin/sh\necho here\n", 20, 0755);
  snprintf (path, sizeof path, "%s:/no/such:%s:%s", path_in ("first"), path_in ("second"),
            getenv ("PATH"));
  setenv ("PATH", path, 1);
  with_own_dispatcher (body);
}

TEST_WITH (run, looks_for_a_program_in_the_dispatchers_path, with_search_path)
{
  expect_output (connection, RUN (.command = WORDS ("both")), "first\n", "both");
  expect_output (connection, RUN (.command = WORDS ("partly")), "second\n", "partly");
  expect_run_failure (connection, RUN (.command = WORDS ("never")), remote_os (EACCES), "never");
  expect_run_failure (connection, RUN (.command = WORDS ("here"), .cwd = in_work ("")),
                      remote_os (ENOENT), "here");
}

static void
with_empty_path_element (connected_body *body)
{
  char path[2048];
  write_file (path_in ("site/here"), "#!/bin/sh\necho here\n", 20, 0755);
  snprintf (path, sizeof path, "%s:", getenv ("PATH"));
  setenv ("PATH", path, 1);
  with_own_dispatcher (body);
}

TEST_WITH (run, takes_an_empty_path_element_for_the_commands_directory, with_empty_path_element)
{
  expect_output (connection, RUN (.command = WORDS ("here"), .cwd = in_work ("")), "here\n",
                 "here");
}

TEST_AS_BOTH (run, gives_a_command_no_descriptors_but_three)
{
  /* The fourth is the one that ls reads with.  */
  struct lr_bytes input = TEXT ("input");
  expect_output (connection, RUN (.command = WORDS ("ls", "/proc/self/fd"), .input = input),
                 "0\n1\n2\n3\n", "captured");
  char script[1024];
  snprintf (script, sizeof script, "exec ls /proc/self/fd >%s", in_work ("list"));
  lr_free (must_run (connection, RUN (.command = SHELL (script), .no_capture = 1)));
  char *list = read_file (in_work ("list"), NULL);
  cr_expect_str_eq (list, "0\n1\n2\n3\n");
  free (list);
}

/* A dispatcher that some words start: "env A=1".  */
static void
with_started_by (const char *words, connected_body *body)
{
  char url[1024];
  struct lr_error error;
  lr_connection *connection;
  snprintf (url, sizeof url, "local:?dispatcher=%s %s/longreach-dispatcher", words,
            getenv ("LONGREACH_DISPATCHER_DIR"));
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  with_connection (connection, body);
}

static void
expect_no_signal_blocked_or_ignored (lr_connection *connection)
{
  expect_output (connection,
                 RUN (.command = WORDS ("grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status")),
                 "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", "signals");
}

TEST_AS_BOTH (run, starts_a_command_with_default_signals)
{
  expect_no_signal_blocked_or_ignored (connection);
}

static void
with_signals_turned_off (connected_body *body)
{
  with_started_by ("env --ignore-signal=USR1 --ignore-signal=INT --ignore-signal=QUIT "
                   "--block-signal=USR2 --block-signal=TERM",
                   body);
}

TEST_WITH (run, starts_a_command_with_default_signals_whatever_the_dispatcher_inherited,
           with_signals_turned_off)
{
  expect_no_signal_blocked_or_ignored (connection);
}

TEST_AS_BOTH (run, gives_each_command_a_process_group_of_its_own)
{
  long pid, parent, group, session;
  struct lr_run_result *result =
      must_run (connection, RUN (.command = WORDS ("cat", "/proc/self/stat")));
  cr_assert_eq (sscanf (result->stdout_bytes.data, "%ld (cat) %*c %ld %ld %ld", &pid, &parent,
                        &group, &session),
                4);
  cr_expect_eq (group, pid);
  cr_expect_neq (session, getsid (0));
  lr_free (result);
}

TEST_AS_BOTH (run, leaves_no_zombie_at_the_dispatcher)
{
  for (int i = 0; i < 10; i++)
    lr_free (must_run (connection, RUN (.command = WORDS ("true"))));
  expect_run_failure (connection, RUN (.command = WORDS ("/no/such/program")), remote_os (ENOENT),
                      "missing");
  expect_output (connection,
                 RUN (.command = SHELL ("for pid in $(cat /proc/$PPID/task/*/children); do "
                                        "test $pid = $$ || cat /proc/$pid/comm; done")),
                 "longreach-guard\n", "other children of the dispatcher");
}

static void
with_small_files (connected_body *body)
{
  with_started_by ("prlimit --fsize=1000000", body);
}

TEST_WITH (limits, of_a_files_size_are_an_error_and_no_signal, with_small_files)
{
  struct lr_error error;
  char *content = make_noise (3000000, 1);
  struct lr_upload_args args =
      LR_UPLOAD_ARGS (.file = in_work ("large"), .content = { content, 3000000 });
  expect_failure (lr_upload (connection, &args, &error), &error, remote_os (EFBIG), "upload");
  free (content);
  expect_output (connection, RUN (.command = WORDS ("echo", "here")), "here\n", "afterwards");
}

static void
with_few_descriptors (connected_body *body)
{
  with_started_by ("prlimit --nofile=7", body);
}

TEST_WITH (limits, of_descriptors_are_an_error_that_names_the_program, with_few_descriptors)
{
  struct lr_error error;
  struct lr_run_result *result;
  struct lr_run_args args = LR_RUN_ARGS (.command = WORDS ("true"));
  expect_failure (lr_run (connection, &args, &result, &error), &error, remote_os (EMFILE), "run");
  cr_expect_not_null (strstr (error.message, "cannot start a process for true"), "%s",
                      error.message);
}

static void
with_small_environment (connected_body *body)
{
  with_started_by ("env -i LR_TEST_ONE=1 LR_TEST_TWO=a=b", body);
}

TEST_WITH (run, gives_a_command_the_dispatchers_environment_and_no_other, with_small_environment)
{
  expect_output (connection, RUN (.command = WORDS ("env")), "LR_TEST_ONE=1\nLR_TEST_TWO=a=b\n",
                 "environment");
}

static void
with_root_without_capabilities (connected_body *body)
{
  need_root ();
  with_started_by ("setpriv --bounding-set -setuid%2C-setgid", body);
}

TEST_WITH (run, runs_as_what_the_dispatcher_is_also_without_the_right_to_change,
           with_root_without_capabilities)
{
  static const struct
  {
    const char *user, *group;
  } rows[] = { { "root", NULL }, { NULL, "root" }, { "root", "root" }, { "0", "0" } };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_output (
        connection,
        RUN (.command = SHELL ("id -u; id -g"), .user = rows[i].user, .group = rows[i].group),
        "0\n0\n", rows[i].user == NULL ? "default user" : rows[i].user);
  expect_run_failure (connection, RUN (.command = WORDS ("true"), .user = "nobody"),
                      invalid_value ("command"), "another user");
}

TEST_AS_BOTH (run, refuses_output_beyond_the_limit_and_goes_on)
{
  static const struct
  {
    const char *what, *script;
    uint64_t limit;
    bool refused;
  } rows[] = {
    { "at the limit", "printf 1234567890", 10, false },
    { "each at the limit", "printf 1234567890; printf 1234567890 >&2", 10, false },
    { "one over", "printf 12345678901", 10, true },
    { "stderr one over", "printf 12345678901 >&2", 10, true },
    { "far over", "head -c 5000000 /dev/zero", 1000, true },
    { "over, with a bad status", "printf 12345678901; exit 3", 10, true },
    { "nothing at all", "true", 1, false },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_run_args args =
          RUN (.command = SHELL (rows[i].script), .output_limit = rows[i].limit);
      if (rows[i].refused)
        expect_run_failure (connection, args, invalid_value ("output_limit"), rows[i].what);
      else
        lr_free (must_run (connection, args));
      expect_output (connection, RUN (.command = WORDS ("echo", "next")), "next\n", rows[i].what);
    }
}

TEST_AS_BOTH (run, passes_arguments_on_byte_by_byte)
{
  char every[256], wanted[300];
  for (int i = 1; i < 256; i++)
    every[i - 1] = (char) i;
  every[255] = '\0';
  snprintf (wanted, sizeof wanted, "%s||--|$HOME `id`|", every);
  expect_output (connection,
                 RUN (.command = WORDS ("printf", "%s|%s|%s|%s|", every, "", "--", "$HOME `id`")),
                 wanted, "every byte");
}

/* COUNT arguments of SIZE bytes each, behind "true"; freed by free_arguments.  */
static const char **
make_arguments (size_t count, size_t size)
{
  const char **command = calloc (count + 2, sizeof *command);
  char *word = malloc (size + 1);
  cr_assert (command != NULL && word != NULL);
  memset (word, 'w', size);
  word[size] = '\0';
  command[0] = "true";
  for (size_t i = 1; i <= count; i++)
    command[i] = word;
  return command;
}

static void
free_arguments (const char **command)
{
  free ((char *) command[1]);
  free (command);
}

TEST_AS_BOTH (run, takes_long_lists_of_arguments_up_to_a_limit)
{
  static const struct
  {
    const char *what;
    size_t count, size;
    enum lr_error_kind kind;
  } rows[] = {
    { "one of 128,000 bytes", 1, 128000, LR_ERROR_NONE },
    { "as many as the protocol takes", 65535, 1, LR_ERROR_NONE },
    { "one more", 65536, 1, LR_ERROR_INVALID_VALUE },
    { "one that is too long for exec", 1, 200000, LR_ERROR_REMOTE_OS },
    { "together too long for exec", 35, 100000, LR_ERROR_REMOTE_OS },
    { "one that is too long for the protocol", 1, (4 * MIB) + 1, LR_ERROR_INVALID_VALUE },
    { "together too long for the protocol", 100, 200000, LR_ERROR_INVALID_VALUE },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      const char **command = make_arguments (rows[i].count, rows[i].size);
      struct lr_run_args args = RUN (.command = command);
      if (rows[i].kind == LR_ERROR_NONE)
        lr_free (must_run (connection, args));
      else
        expect_run_failure (connection, args,
                            rows[i].kind == LR_ERROR_REMOTE_OS ? remote_os (E2BIG)
                                                               : invalid_value ("command"),
                            rows[i].what);
      free_arguments (command);
    }
}

TEST_AS_BOTH (run, fails_once_the_dispatcher_is_gone)
{
  struct failure gone = { LR_ERROR_IO, 0, "" };
  expect_run_failure (connection, RUN (.command = SHELL ("kill -9 $PPID; sleep 1")), gone,
                      "killed");
  expect_run_failure (connection, RUN (.command = WORDS ("true")), gone, "afterwards");
  expect_gone ();
}

/* ---- stat ---- */

static struct lr_stat_result *
must_stat (lr_connection *connection, struct lr_stat_args args)
{
  struct lr_error error;
  struct lr_stat_result *result = NULL;
  cr_assert_eq (lr_stat (connection, &args, &result, &error), 0, "%s", error.message);
  cr_assert_not_null (result, "%s is missing", args.path);
  return result;
}

static void
expect_stat_failure (lr_connection *connection, struct lr_stat_args args, int errnum,
                     const char *what)
{
  struct lr_error error;
  struct lr_stat_result *result = (void *) &error;
  expect_failure (lr_stat (connection, &args, &result, &error), &error, remote_os (errnum), what);
  cr_expect_null (result);
}

static int64_t
nanoseconds (const struct timespec *time)
{
  return (int64_t) time->tv_sec * 1000000000 + time->tv_nsec;
}

static const char *
name_of_uid (uid_t uid)
{
  static char digits[16];
  const struct passwd *entry = getpwuid (uid);
  snprintf (digits, sizeof digits, "%u", uid);
  return entry == NULL ? digits : entry->pw_name;
}

static const char *
name_of_gid (gid_t gid)
{
  static char digits[16];
  const struct group *entry = getgrgid (gid);
  snprintf (digits, sizeof digits, "%u", gid);
  return entry == NULL ? digits : entry->gr_name;
}

/* PATH is described as the kernel describes it.  */
static void
expect_described (lr_connection *connection, const char *path, bool follow, const char *type)
{
  struct stat own;
  cr_assert_eq (follow ? stat (path, &own) : lstat (path, &own), 0, "%s", path);
  struct lr_stat_result *result =
      must_stat (connection, STAT (.path = path, .follow_links = follow));
  cr_expect_str_eq (lr_file_type_name ((enum lr_file_type) result->type), type, "%s", path);
  cr_expect_eq (result->mode, own.st_mode & 07777, "%s: mode %o", path, (unsigned) result->mode);
  cr_expect_str_eq (result->owner, name_of_uid (own.st_uid), "%s: %s", path, result->owner);
  cr_expect_str_eq (result->group, name_of_gid (own.st_gid), "%s: %s", path, result->group);
  cr_expect_eq (result->size, (uint64_t) own.st_size, "%s: size", path);
  cr_expect_eq (result->mtime_ns, nanoseconds (&own.st_mtim), "%s: mtime", path);
  cr_expect_eq (result->ctime_ns, nanoseconds (&own.st_ctim), "%s: ctime", path);
  cr_expect_null (result->sha512sum.data, "%s: there is a digest", path);
  lr_free (result);
}

static void
make_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  close (fd);
}

TEST_AS_BOTH (stat, describes_each_type)
{
  write_file (in_work ("file"), "12345", 5, 0640);
  cr_assert_eq (mkfifo (in_work ("fifo"), 0600), 0);
  make_socket (in_work ("sock"));
  cr_assert_eq (symlink ("file", in_work ("link")), 0);
  static const struct
  {
    const char *name, *type, *followed;
  } rows[] = {
    { "file", "file", "file" }, { "", "dir", "dir" },       { "fifo", "fifo", "fifo" },
    { "sock", "sock", "sock" }, { "link", "link", "file" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      expect_described (connection, in_work (rows[i].name), false, rows[i].type);
      expect_described (connection, in_work (rows[i].name), true, rows[i].followed);
    }
  expect_described (connection, "/dev/null", false, "chr");
  expect_described (connection, "/", false, "dir");
}

TEST_AS_ROOT (stat, describes_block_devices)
{
  cr_assert_eq (mknod (in_work ("blk"), S_IFBLK | 0600, makedev (7, 0)), 0);
  cr_assert_eq (mknod (in_work ("chr"), S_IFCHR | 0600, makedev (1, 3)), 0);
  expect_described (connection, in_work ("blk"), false, "blk");
  expect_described (connection, in_work ("chr"), true, "chr");
}

TEST_AS_BOTH (stat, gives_all_twelve_bits_of_the_mode)
{
  static const mode_t modes[] = { 0, 0400, 0755, 01777, 02755, 04755, 07777 };
  write_file (in_work ("file"), "", 0, 0600);
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      cr_assert_eq (chmod (in_work ("file"), modes[i]), 0);
      struct lr_stat_result *result = must_stat (connection, STAT (.path = in_work ("file")));
      cr_expect_eq (result->mode, modes[i], "%o instead of %o", (unsigned) result->mode, modes[i]);
      lr_free (result);
    }
}

TEST_AS_BOTH (stat, gives_nothing_where_nothing_is)
{
  cr_assert_eq (symlink ("nowhere", in_work ("dangling")), 0);
  const struct
  {
    const char *path;
    bool follow;
  } rows[] = {
    { in_work ("missing"), false }, { in_work ("missing"), true },
    { "/no/such/path", false },     { "", false },
    { in_work ("dangling"), true },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    for (lr_flag digest = 0; digest <= 1; digest++)
      {
        struct lr_error error;
        struct lr_stat_result *result = (void *) &error;
        struct lr_stat_args args =
            STAT (.path = rows[i].path, .follow_links = rows[i].follow, .sha512sum = digest);
        cr_expect_eq (lr_stat (connection, &args, &result, &error), 0, "%s: %s", rows[i].path,
                      error.message);
        cr_expect_null (result, "%s", rows[i].path);
      }
  expect_described (connection, in_work ("dangling"), false, "link");
}

TEST_AS_BOTH (stat, reports_every_other_failure)
{
  char long_name[257], long_path[PATH_MAX + 10];
  memset (long_name, 'n', 256);
  long_name[256] = '\0';
  for (size_t i = 0; i < sizeof long_path; i++)
    long_path[i] = i % 2 == 0 ? '/' : 'p';
  long_path[sizeof long_path - 1] = '\0';
  write_file (in_work ("file"), "", 0, 0600);
  cr_assert_eq (symlink ("loop", in_work ("loop")), 0);
  const struct
  {
    const char *path;
    bool follow;
    int errnum;
  } rows[] = {
    { in_work ("file/below"), false, ENOTDIR },
    { in_work ("file/"), false, ENOTDIR },
    { in_work ("loop"), true, ELOOP },
    { in_work ("loop/below"), false, ELOOP },
    { in_work (long_name), false, ENAMETOOLONG },
    { long_path, false, ENAMETOOLONG },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_stat_failure (connection, STAT (.path = rows[i].path, .follow_links = rows[i].follow),
                         rows[i].errnum, rows[i].path);
}

TEST_AS_USER (stat, is_denied_below_a_closed_directory)
{
  cr_assert_eq (mkdir (path_in ("closed"), 0700), 0);
  write_file (path_in ("closed/file"), "", 0, 0644);
  expect_stat_failure (connection, STAT (.path = path_in ("closed/file")), EACCES, "there");
  expect_stat_failure (connection, STAT (.path = path_in ("closed/missing")), EACCES, "missing");
  expect_described (connection, path_in ("closed"), false, "dir");
}

TEST_AS_ROOT (stat, gives_ids_without_a_name_in_decimal)
{
  static const uid_t ids[] = { NOBODY_AT_ALL, 4294967294U };
  write_file (in_work ("file"), "", 0, 0600);
  for (size_t i = 0; i < COUNT (ids); i++)
    {
      char digits[16];
      snprintf (digits, sizeof digits, "%u", ids[i]);
      cr_assert_eq (chown (in_work ("file"), ids[i], ids[i]), 0);
      struct lr_stat_result *result = must_stat (connection, STAT (.path = in_work ("file")));
      cr_expect_str_eq (result->owner, digits);
      cr_expect_str_eq (result->group, digits);
      lr_free (result);
    }
}

TEST_AS_ROOT (stat, names_many_owners_apart)
{
  write_file (in_work ("file"), "", 0, 0600);
  for (uid_t id = 0; id < 1200; id += 4)
    {
      cr_assert_eq (chown (in_work ("file"), id % 600, (id + 256) % 600), 0);
      expect_described (connection, in_work ("file"), false, "file");
    }
}

TEST_AS_BOTH (stat, gives_times_to_the_nanosecond_also_before_1970)
{
  static const struct timespec times[] = {
    { 0, 0 },          { 0, 1 },          { 1, 999999999 },   { -1, 0 },
    { -1, 999999999 }, { -2, 500000000 }, { -1000000000, 1 }, { 4102444800, 123456789 },
  };
  write_file (in_work ("file"), "", 0, 0600);
  for (size_t i = 0; i < COUNT (times); i++)
    {
      struct timespec both[] = { times[i], times[i] };
      cr_assert_eq (utimensat (AT_FDCWD, in_work ("file"), both, 0), 0);
      struct lr_stat_result *result = must_stat (connection, STAT (.path = in_work ("file")));
      cr_expect_eq (result->mtime_ns, nanoseconds (&times[i]), "%lld",
                    (long long) result->mtime_ns);
      lr_free (result);
    }
}

TEST_AS_BOTH (stat, takes_names_of_any_bytes)
{
  char name[255];
  size_t length = 0;
  for (int byte = 1; byte < 256; byte++)
    if (byte != '/')
      name[length++] = (char) byte;
  name[length] = '\0';
  write_file (in_work (name), "", 0, 0600);
  expect_described (connection, in_work (name), false, "file");
}

/* What sha512sum says of PATH.  */
static void
expect_digest (lr_connection *connection, const char *path, lr_flag follow)
{
  char hex[129];
  struct finished own = run_program (WORDS ("sha512sum", "-b", "--", path), NULL, 0);
  struct lr_stat_result *result =
      must_stat (connection, STAT (.path = path, .follow_links = follow, .sha512sum = 1));
  cr_assert_eq (own.status, 0);
  cr_assert_not_null (result->sha512sum.data, "%s: there is no digest", path);
  cr_assert_eq (result->sha512sum.size, 64);
  for (size_t i = 0; i < 64; i++)
    snprintf (hex + 2 * i, 3, "%02x", (unsigned char) result->sha512sum.data[i]);
  cr_expect_eq (strncmp (hex, own.output, 128), 0, "%s: %s", path, hex);
  lr_free (result);
  free_finished (&own);
}

TEST_AS_BOTH (stat, hashes_the_content_of_files)
{
  static const size_t sizes[] = { 0, 1, 127, 128, 131072, MIB, MIB + 1, 50000000 };
  char *noise = make_noise (50000000, 3);
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      write_file (in_work ("file"), noise, sizes[i], 0644);
      expect_digest (connection, in_work ("file"), 0);
    }
  free (noise);
  cr_assert_eq (symlink ("file", in_work ("link")), 0);
  expect_digest (connection, in_work ("link"), 1);
  expect_digest (connection, "/proc/version", 0);
}

TEST_AS_SELF (stat, hashes_a_known_content_to_its_known_digest)
{
  static const unsigned char abc[] = { 0xdd, 0xaf, 0x35, 0xa1, 0x93, 0x61, 0x7a, 0xba };
  write_file (in_work ("abc"), "abc", 3, 0600);
  struct lr_stat_result *result =
      must_stat (connection, STAT (.path = in_work ("abc"), .sha512sum = 1));
  cr_assert_eq (result->sha512sum.size, 64);
  cr_expect_eq (memcmp (result->sha512sum.data, abc, sizeof abc), 0);
  lr_free (result);
}

TEST_AS_BOTH (stat, gives_no_digest_of_what_is_not_a_file)
{
  cr_assert_eq (mkfifo (in_work ("fifo"), 0600), 0);
  make_socket (in_work ("sock"));
  cr_assert_eq (symlink ("/proc/version", in_work ("link")), 0);
  const char *paths[] = { in_work ("fifo"), in_work ("sock"), in_work ("link"), in_work (""),
                          "/dev/null" };
  for (size_t i = 0; i < COUNT (paths); i++)
    {
      struct lr_stat_result *result =
          must_stat (connection, STAT (.path = paths[i], .sha512sum = 1));
      cr_expect_null (result->sha512sum.data, "%s", paths[i]);
      cr_expect_eq (result->sha512sum.size, 0, "%s", paths[i]);
      lr_free (result);
    }
}

TEST_AS_USER (stat, can_not_hash_what_it_can_not_read)
{
  write_file (in_work ("secret"), "secret", 6, 0600);
  expect_stat_failure (connection, STAT (.path = in_work ("secret"), .sha512sum = 1), EACCES,
                       "another's file");
  expect_described (connection, in_work ("secret"), false, "file");
}

TEST_AS_SELF (stat, reports_a_failure_to_read_what_it_hashes)
{
  expect_stat_failure (connection, STAT (.path = "/proc/self/mem", .sha512sum = 1), EIO, "mem");
}

/* ---- download ---- */

static void
expect_download (lr_connection *connection, const char *path, const char *wanted, size_t size)
{
  struct lr_error error;
  struct lr_download_result *result = NULL;
  struct lr_download_args args = DOWNLOAD (.file = path);
  cr_assert_eq (lr_download (connection, &args, &result, &error), 0, "%s", error.message);
  cr_assert_not_null (result);
  cr_assert_not_null (result->content.data);
  cr_expect_eq (result->content.size, size, "%s: %zu bytes instead of %zu", path,
                result->content.size, size);
  cr_expect (result->content.size != size || memcmp (result->content.data, wanted, size) == 0,
             "%s: another content", path);
  cr_expect_eq (result->content.data[result->content.size], '\0');
  lr_free (result);
}

static void
expect_download_failure (lr_connection *connection, struct lr_download_args args,
                         struct failure wanted, const char *what)
{
  struct lr_error error;
  struct lr_download_result *result = (void *) &error;
  expect_failure (lr_download (connection, &args, &result, &error), &error, wanted, what);
  cr_expect_null (result, "%s", what);
}

TEST_AS_BOTH (download, fetches_files_of_every_size)
{
  static const size_t sizes[] = { 0, 1, 4096, 65536, 262143, 262144, 262145, 3000000 };
  char *noise = make_noise (3000000, 4);
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      write_file (in_work ("file"), noise, sizes[i], 0644);
      expect_download (connection, in_work ("file"), noise, sizes[i]);
    }
  free (noise);
}

TEST_AS_SELF (download, fetches_bulk)
{
  size_t size = bulk_size ();
  char *noise = make_noise (size, 5);
  write_file (in_work ("file"), noise, size, 0644);
  expect_download (connection, in_work ("file"), noise, size);
  free (noise);
}

TEST_AS_BOTH (download, follows_links)
{
  write_file (in_work ("file"), "content", 7, 0644);
  cr_assert_eq (symlink ("file", in_work ("link")), 0);
  expect_download (connection, in_work ("link"), "content", 7);
}

TEST_AS_BOTH (download, reads_what_has_no_size_to_its_end)
{
  size_t size;
  char *version = read_file ("/proc/version", &size);
  expect_download (connection, "/proc/version", version, size);
  expect_download (connection, "/dev/null", "", 0);
  free (version);
}

TEST_AS_BOTH (download, waits_for_a_pipes_writer_and_its_end)
{
  cr_assert_eq (mkfifo (in_work ("fifo"), 0644), 0);
  char script[1024];
  snprintf (script, sizeof script,
            "(sleep 0.2; exec >%s; printf one; sleep 0.2; printf two) </dev/null 2>&1 &",
            in_work ("fifo"));
  struct finished writer = run_program (SHELL (script), NULL, 0);
  free_finished (&writer);
  expect_download (connection, in_work ("fifo"), "onetwo", 6);
}

TEST_AS_BOTH (download, tells_why_it_can_not)
{
  write_file (in_work ("file"), "", 0, 0600);
  cr_assert_eq (symlink ("nowhere", in_work ("dangling")), 0);
  cr_assert_eq (symlink ("loop", in_work ("loop")), 0);
  make_socket (in_work ("sock"));
  const struct
  {
    const char *path;
    struct failure failure;
  } rows[] = {
    { in_work ("missing"), invalid_value ("file") },
    { "/no/such/file", invalid_value ("file") },
    { "", invalid_value ("file") },
    { in_work ("dangling"), invalid_value ("file") },
    { in_work (""), remote_os (EISDIR) },
    { "/", remote_os (EISDIR) },
    { in_work ("file/below"), remote_os (ENOTDIR) },
    { in_work ("loop"), remote_os (ELOOP) },
    { in_work ("sock"), remote_os (ENXIO) },
    { "/proc/self/mem", remote_os (EIO) },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_download_failure (connection, DOWNLOAD (.file = rows[i].path), rows[i].failure,
                             rows[i].path);
}

TEST_AS_USER (download, is_denied_what_the_user_can_not_read)
{
  write_file (in_work ("secret"), "secret", 6, 0600);
  expect_download_failure (connection, DOWNLOAD (.file = in_work ("secret")), remote_os (EACCES),
                           "another's file");
}

TEST_AS_BOTH (download, refuses_more_than_the_limit_and_goes_on)
{
  static const struct
  {
    size_t size;
    uint64_t limit;
    bool refused;
  } rows[] = {
    { 10, 10, false },         { 11, 10, true },         { 0, 1, false },
    { 300000, 300000, false }, { 300001, 300000, true }, { 5000000, 1, true },
  };
  char *noise = make_noise (5000000, 6);
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      write_file (in_work ("file"), noise, rows[i].size, 0644);
      struct lr_download_args args = DOWNLOAD (.file = in_work ("file"), .limit = rows[i].limit);
      if (rows[i].refused)
        expect_download_failure (connection, args, invalid_value ("limit"), "over the limit");
      else
        {
          struct lr_download_result *result;
          cr_assert_eq (lr_download (connection, &args, &result, NULL), 0);
          lr_free (result);
        }
      expect_download (connection, in_work ("file"), noise, rows[i].size);
    }
  free (noise);
}

/* ---- users and groups ---- */

typedef int resolve_call (lr_connection *connection, const struct lr_resolve_args *args,
                          char **result, struct lr_error *error);

static void
expect_name (lr_connection *connection, resolve_call *resolve, const char *given,
             const char *wanted)
{
  struct lr_error error;
  char *result = NULL;
  struct lr_resolve_args args = NAME (.name = given);
  int status = resolve (connection, &args, &result, &error);
  cr_assert_eq (status, 0, "%s", error.message);
  cr_expect_str_eq (result, wanted, "%s: %s instead of %s", given == NULL ? "(own)" : given, result,
                    wanted);
  lr_free (result);
}

TEST_AS_BOTH (resolve, gives_the_canonical_name)
{
  const struct
  {
    resolve_call *resolve;
    const char *given, *wanted;
  } rows[] = {
    { lr_resolve_user, NULL, own_user () },
    { lr_resolve_user, "root", "root" },
    { lr_resolve_user, "0", "root" },
    { lr_resolve_user, "00", "root" },
    { lr_resolve_user, "000000000000", "root" },
    { lr_resolve_user, "65534", "nobody" },
    { lr_resolve_user, "nobody", "nobody" },
    { lr_resolve_group, NULL, own_group () },
    { lr_resolve_group, "root", "root" },
    { lr_resolve_group, "0", "root" },
    { lr_resolve_group, "65534", "nogroup" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_name (connection, rows[i].resolve, rows[i].given, rows[i].wanted);
}

static const char *const unknown_names[] = {
  "no-such-name",         "",     "54321", "4294967294", "4294967295", "-1",    "4294967296",
  "99999999999999999999", "0x0",  " 0",    "0 ",         "+0",         "root ", "root:",
  "root\nroot",           "\xff",
};

TEST_AS_BOTH (resolve, refuses_what_is_not_in_the_database)
{
  for (size_t i = 0; i < COUNT (unknown_names); i++)
    {
      struct lr_error error;
      char *result = (void *) &error;
      struct lr_resolve_args args = NAME (.name = unknown_names[i]);
      expect_failure (lr_resolve_user (connection, &args, &result, &error), &error,
                      invalid_value ("user"), unknown_names[i]);
      cr_expect_null (result);
      expect_failure (lr_resolve_group (connection, &args, &result, &error), &error,
                      invalid_value ("group"), unknown_names[i]);
      cr_expect_null (result);
    }
}

static void
with_user_without_entry (connected_body *body)
{
  need_root ();
  with_connection (open_local_as (NOBODY_AT_ALL, NOBODY_AT_ALL), body);
}

TEST_WITH (resolve, gives_the_id_of_a_dispatcher_without_an_entry, with_user_without_entry)
{
  char *home = (void *) &home;
  struct lr_error error;
  expect_name (connection, lr_resolve_user, NULL, "54321");
  expect_name (connection, lr_resolve_group, NULL, "54321");
  expect_failure (lr_home_dir (connection, NULL, &home, &error), &error, invalid_value ("user"),
                  "home");
  cr_expect_null (home);
}

static void
must_succeed (const char *const *command)
{
  struct finished finished = run_program (command, NULL, 0);
  cr_assert_eq (finished.status, 0, "%s: %s%s", command[0], finished.output, finished.error);
  free_finished (&finished);
}

/* With a copy of /etc that only this test sees: users and groups can be made at will.  */
static void
with_private_etc (connected_body *body)
{
  char etc[128];
  need_mounts ();
  snprintf (etc, sizeof etc, "%s", path_in ("etc"));
  must_succeed (WORDS ("cp", "-a", "/etc", etc));
  mount_at ("/etc", etc, NULL, MS_BIND, NULL);
  must_succeed (WORDS ("groupadd", "-g", "7001", "lr-primary"));
  must_succeed (WORDS ("groupadd", "-g", "7002", "lr-one"));
  must_succeed (WORDS ("groupadd", "-g", "7003", "lr-two"));
  must_succeed (WORDS ("groupadd", "-g", "7004", "lr-empty"));
  must_succeed (WORDS ("useradd", "-l", "-M", "-u", "7001", "-g", "lr-primary", "-G",
                       "lr-one,lr-two", "-c", "Ann \xc3\x96ther,,,", "-d", "/home/of ann", "-s",
                       "/bin/sh", "-p", "$6$salt$hash", "lr-ann"));
  must_succeed (
      WORDS ("useradd", "-l", "-M", "-u", "7002", "-g", "lr-primary", "-G", "lr-one", "lr-bob"));
  with_roots_dispatcher (body);
}

static struct lr_user_entry *
must_query_user (lr_connection *connection, const char *user, lr_flag password_hash)
{
  struct lr_error error;
  struct lr_user_entry *result = NULL;
  struct lr_query_user_args args =
      LR_QUERY_USER_ARGS (.user = user, .password_hash = password_hash);
  cr_assert_eq (lr_query_user (connection, &args, &result, &error), 0, "%s", error.message);
  cr_assert_not_null (result);
  return result;
}

static void
expect_query_user_failure (lr_connection *connection, const char *user, lr_flag password_hash,
                           struct failure wanted)
{
  struct lr_error error;
  struct lr_user_entry *result = (void *) &error;
  struct lr_query_user_args args =
      LR_QUERY_USER_ARGS (.user = user, .password_hash = password_hash);
  expect_failure (lr_query_user (connection, &args, &result, &error), &error, wanted, user);
  cr_expect_null (result);
}

/* LIST holds the words of WANTED, separated by spaces, in any order.  */
static void
expect_list (const char *const *list, const char *wanted, const char *what)
{
  char words[256];
  size_t count = 0, found = 0;
  snprintf (words, sizeof words, "%s", wanted);
  while (list[count] != NULL)
    count++;
  size_t wanted_count = 0;
  for (char *word = strtok (words, " "); word != NULL; word = strtok (NULL, " "))
    {
      wanted_count++;
      for (size_t i = 0; i < count; i++)
        found += strcmp (list[i], word) == 0;
    }
  cr_expect (found == wanted_count && count == wanted_count, "%s: %zu, of which %zu are of %s",
             what, count, found, wanted);
}

TEST_WITH (query_user, gives_the_whole_entry, with_private_etc)
{
  static const char *const names[] = { "lr-ann", "7001" };
  for (size_t i = 0; i < COUNT (names); i++)
    {
      struct lr_user_entry *ann = must_query_user (connection, names[i], 0);
      cr_expect_str_eq (ann->name, "lr-ann");
      cr_expect_eq (ann->uid, 7001);
      cr_expect_str_eq (ann->group, "lr-primary");
      cr_expect_eq (ann->gid, 7001);
      expect_list (ann->groups, "lr-one lr-two", "groups");
      cr_expect_null (ann->password_hash);
      cr_expect_str_eq (ann->gecos, "Ann \xc3\x96ther,,,");
      cr_expect_str_eq (ann->home, "/home/of ann");
      cr_expect_str_eq (ann->shell, "/bin/sh");
      lr_free (ann);
    }
}

TEST_WITH (query_user, names_no_groups_of_a_user_without, with_private_etc)
{
  must_succeed (WORDS ("useradd", "-l", "-M", "-g", "lr-empty", "lr-alone"));
  struct lr_user_entry *alone = must_query_user (connection, "lr-alone", 0);
  expect_list (alone->groups, "", "groups");
  lr_free (alone);
}

TEST_WITH (query_user, gives_the_id_of_a_primary_group_without_a_name, with_private_etc)
{
  must_succeed (WORDS ("sed", "-i", "/^lr-primary:/d", "/etc/group"));
  struct lr_user_entry *bob = must_query_user (connection, "lr-bob", 0);
  cr_expect_str_eq (bob->group, "7001");
  cr_expect_eq (bob->gid, 7001);
  lr_free (bob);
}

TEST_WITH (query_user, gives_root_the_password_hash, with_private_etc)
{
  struct lr_user_entry *ann = must_query_user (connection, "lr-ann", 1);
  cr_expect_str_eq (ann->password_hash, "$6$salt$hash");
  lr_free (ann);
  struct lr_user_entry *bob = must_query_user (connection, "lr-bob", 1);
  cr_expect_str_eq (bob->password_hash, "!");
  lr_free (bob);
}

TEST_WITH (query_user, refuses_the_hash_of_a_user_without_a_shadow_entry, with_private_etc)
{
  must_succeed (WORDS ("sed", "-i", "/^lr-bob:/d", "/etc/shadow"));
  expect_query_user_failure (connection, "lr-bob", 1, invalid_value ("user"));
  lr_free (must_query_user (connection, "lr-bob", 0));
}

TEST_AS_USER (query_user, denies_an_ordinary_user_the_hash)
{
  expect_query_user_failure (connection, "nobody", 1, remote_os (EACCES));
  expect_query_user_failure (connection, "root", 1, remote_os (EACCES));
  expect_query_user_failure (connection, "no-such-name", 1, invalid_value ("user"));
}

TEST_AS_BOTH (query_user, agrees_with_the_c_library)
{
  static const char *const users[] = { "root", "nobody" };
  for (size_t i = 0; i < COUNT (users); i++)
    {
      const struct passwd *own = getpwnam (users[i]);
      struct lr_user_entry *entry = must_query_user (connection, users[i], 0);
      cr_expect_str_eq (entry->name, own->pw_name);
      cr_expect_eq (entry->uid, own->pw_uid);
      cr_expect_eq (entry->gid, own->pw_gid);
      cr_expect_str_eq (entry->group, name_of_gid (own->pw_gid));
      cr_expect_str_eq (entry->gecos, own->pw_gecos);
      cr_expect_str_eq (entry->home, own->pw_dir);
      cr_expect_str_eq (entry->shell, own->pw_shell);
      cr_expect_null (entry->password_hash);
      lr_free (entry);
    }
}

TEST_AS_BOTH (query_user, refuses_unknown_users)
{
  for (size_t i = 0; i < COUNT (unknown_names); i++)
    expect_query_user_failure (connection, unknown_names[i], 0, invalid_value ("user"));
}

static void
expect_group (lr_connection *connection, const char *group, const char *name, int64_t gid,
              const char *members)
{
  struct lr_error error;
  struct lr_group_entry *result = NULL;
  struct lr_query_group_args args = LR_QUERY_GROUP_ARGS (.group = group);
  cr_assert_eq (lr_query_group (connection, &args, &result, &error), 0, "%s", error.message);
  cr_assert_not_null (result);
  cr_expect_str_eq (result->name, name);
  cr_expect_eq (result->gid, gid);
  expect_list (result->members, members, group);
  lr_free (result);
}

TEST_WITH (query_group, gives_the_whole_entry, with_private_etc)
{
  expect_group (connection, "lr-one", "lr-one", 7002, "lr-ann lr-bob");
  expect_group (connection, "lr-two", "lr-two", 7003, "lr-ann");
  expect_group (connection, "7003", "lr-two", 7003, "lr-ann");
  expect_group (connection, "lr-empty", "lr-empty", 7004, "");
}

TEST_AS_BOTH (query_group, knows_the_systems_groups)
{
  expect_group (connection, "nogroup", "nogroup", 65534, "");
  expect_group (connection, "65534", "nogroup", 65534, "");
}

TEST_AS_BOTH (query_group, refuses_unknown_groups)
{
  for (size_t i = 0; i < COUNT (unknown_names); i++)
    {
      struct lr_error error;
      struct lr_group_entry *result = (void *) &error;
      struct lr_query_group_args args = LR_QUERY_GROUP_ARGS (.group = unknown_names[i]);
      expect_failure (lr_query_group (connection, &args, &result, &error), &error,
                      invalid_value ("group"), unknown_names[i]);
      cr_expect_null (result);
    }
}

TEST_WITH (names, come_before_ids_whatever_they_look_like, with_private_etc)
{
  static const char passwd[] = "7002:x:7777:7001::/nonexistent:/bin/sh\n";
  static const char group[] = "7003:x:7778:\n";
  must_succeed (WORDS ("sh", "-c", "printf %s \"$1\" >>/etc/passwd; printf %s \"$2\" >>/etc/group",
                       "sh", passwd, group));
  struct lr_user_entry *entry = must_query_user (connection, "7002", 0);
  cr_expect_eq (entry->uid, 7777);
  lr_free (entry);
  expect_name (connection, lr_resolve_user, "7002", "7002");
  expect_group (connection, "7003", "7003", 7778, "");
  expect_output (connection,
                 RUN (.command = SHELL ("id -u; id -g"), .user = "7002", .group = "7003"),
                 "7777\n7778\n", "run");
}

TEST_WITH (names, of_owners_follow_changes_of_the_databases, with_private_etc)
{
  static const struct
  {
    const char *change, *owner, *group;
  } rows[] = {
    { "true", "7010", "7011" },
    { "useradd -l -M -N -u 7010 -g lr-empty lr-new", "lr-new", "7011" },
    { "groupadd -g 7011 lr-newer", "lr-new", "lr-newer" },
    { "usermod -l lr-other lr-new", "lr-other", "lr-newer" },
    { "groupmod -n lr-another lr-newer", "lr-other", "lr-another" },
    { "userdel lr-other", "7010", "lr-another" },
    { "groupdel lr-another", "7010", "7011" },
    { "echo 'lr-byhand:x:7010:7011::/:/bin/sh' >>/etc/passwd", "lr-byhand", "7011" },
  };
  write_file (in_work ("file"), "", 0, 0600);
  cr_assert_eq (chown (in_work ("file"), 7010, 7011), 0);
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      must_succeed (SHELL (rows[i].change));
      for (int again = 0; again < 2; again++)
        {
          struct lr_stat_result *result = must_stat (connection, STAT (.path = in_work ("file")));
          cr_expect_str_eq (result->owner, rows[i].owner, "%s: %s", rows[i].change, result->owner);
          cr_expect_str_eq (result->group, rows[i].group, "%s: %s", rows[i].change, result->group);
          lr_free (result);
        }
    }
}

TEST_WITH (run, gives_a_user_its_supplementary_groups_and_no_others, with_private_etc)
{
  static const struct
  {
    const char *user, *group, *ids;
  } rows[] = {
    { "lr-ann", NULL, "7001\n7001\n7001 7002 7003\n" },
    { "7001", NULL, "7001\n7001\n7001 7002 7003\n" },
    { "lr-bob", NULL, "7002\n7001\n7001 7002\n" },
    { "lr-ann", "lr-empty", "7001\n7004\n7001 7002 7003 7004\n" },
    { "lr-ann", "7004", "7001\n7004\n7001 7002 7003 7004\n" },
    { "nobody", NULL, "65534\n65534\n65534\n" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_output (connection,
                   RUN (.command = SHELL ("id -u; id -g; id -G | tr ' ' '\\n' | sort -n | xargs"),
                        .user = rows[i].user, .group = rows[i].group),
                   rows[i].ids, rows[i].user);
}

TEST_WITH (run, gives_a_user_more_groups_than_fit_in_any_first_guess, with_private_etc)
{
  must_succeed (SHELL ("for i in $(seq 8000 8149); do echo \"lr-$i:x:$i:lr-bob\"; done "
                       ">>/etc/group"));
  expect_output (connection, RUN (.command = SHELL ("id -G | wc -w"), .user = "lr-bob"), "152\n",
                 "run");
  struct lr_user_entry *bob = must_query_user (connection, "lr-bob", 0);
  size_t count = 0;
  while (bob->groups[count] != NULL)
    count++;
  cr_expect_eq (count, 151);
  lr_free (bob);
}

/* ---- getenv, home_dir, ping ---- */

static void
expect_variable (lr_connection *connection, const char *key, const char *wanted)
{
  struct lr_error error;
  char *value = (void *) &error;
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = key);
  cr_assert_eq (lr_getenv (connection, &args, &value, &error), 0, "%s", error.message);
  if (wanted == NULL)
    cr_expect_null (value, "%s is set", key);
  else
    {
      cr_assert_not_null (value, "%s is not set", key);
      cr_expect_str_eq (value, wanted, "%s: %s", key, value);
    }
  lr_free (value);
}

static void
with_variables (connected_body *body)
{
  static char large[100001];
  memset (large, 'v', sizeof large - 1);
  setenv ("LR_TEST_SET", "a value\xff\n", 1);
  setenv ("LR_TEST_EMPTY", "", 1);
  setenv ("LR_TEST_PAIR", "x=y", 1);
  setenv ("LR_TEST_LARGE", large, 1);
  setenv ("LR_TEST_KEY\xff", "odd", 1);
  unsetenv ("LR_TEST_UNSET");
  with_own_dispatcher (body);
}

TEST_WITH (getenv, gives_the_dispatchers_variables, with_variables)
{
  expect_variable (connection, "LR_TEST_SET", "a value\xff\n");
  expect_variable (connection, "LR_TEST_EMPTY", "");
  expect_variable (connection, "LR_TEST_PAIR", "x=y");
  expect_variable (connection, "LR_TEST_LARGE", getenv ("LR_TEST_LARGE"));
  expect_variable (connection, "LR_TEST_KEY\xff", "odd");
}

TEST_WITH (getenv, gives_nothing_where_nothing_is_set, with_variables)
{
  static const char *const keys[] = { "LR_TEST_UNSET", "",          "=", "LR_TEST_PAIR=x",
                                      "LR_TEST_PAIR=", "LR_TEST_SE" };
  for (size_t i = 0; i < COUNT (keys); i++)
    expect_variable (connection, keys[i], NULL);
}

static void
expect_home (lr_connection *connection, const char *user, const char *wanted)
{
  struct lr_error error;
  char *home = NULL;
  cr_assert_eq (lr_home_dir (connection, user, &home, &error), 0, "%s", error.message);
  cr_expect_str_eq (home, wanted, "%s: %s", user == NULL ? "own" : user, home);
  lr_free (home);
}

TEST_AS_BOTH (home_dir, is_the_one_in_the_database)
{
  expect_home (connection, NULL, getpwuid (dispatcher_uid ())->pw_dir);
  expect_home (connection, "root", getpwnam ("root")->pw_dir);
  expect_home (connection, "0", getpwnam ("root")->pw_dir);
  expect_home (connection, "nobody", getpwnam ("nobody")->pw_dir);
}

static void
with_another_home (connected_body *body)
{
  setenv ("HOME", "/not/the/home", 1);
  with_own_dispatcher (body);
}

TEST_WITH (home_dir, does_not_come_from_the_environment, with_another_home)
{
  expect_home (connection, NULL, getpwuid (geteuid ())->pw_dir);
}

TEST_AS_BOTH (home_dir, refuses_unknown_users)
{
  for (size_t i = 0; i < COUNT (unknown_names); i++)
    {
      struct lr_error error;
      char *home = (void *) &error;
      expect_failure (lr_home_dir (connection, unknown_names[i], &home, &error), &error,
                      invalid_value ("user"), unknown_names[i]);
      cr_expect_null (home);
    }
}

TEST_AS_BOTH (ping, is_answered_any_number_of_times)
{
  struct lr_error error;
  for (int i = 0; i < 100; i++)
    cr_assert_eq (lr_ping (connection, &error), 0, "%s", error.message);
}

/* ---- what every operation does with its arguments, its result and its error ---- */

static int
call_run (lr_connection *connection, const void *args, void **result, struct lr_error *error)
{
  return lr_run (connection, args, (struct lr_run_result **) result, error);
}

static int
call_stat (lr_connection *connection, const void *args, void **result, struct lr_error *error)
{
  return lr_stat (connection, args, (struct lr_stat_result **) result, error);
}

static int
call_upload (lr_connection *connection, const void *args, void **result, struct lr_error *error)
{
  *result = NULL;
  return lr_upload (connection, args, error);
}

static int
call_download (lr_connection *connection, const void *args, void **result, struct lr_error *error)
{
  return lr_download (connection, args, (struct lr_download_result **) result, error);
}

static int
call_resolve_user (lr_connection *connection, const void *args, void **result,
                   struct lr_error *error)
{
  return lr_resolve_user (connection, args, (char **) result, error);
}

static int
call_resolve_group (lr_connection *connection, const void *args, void **result,
                    struct lr_error *error)
{
  return lr_resolve_group (connection, args, (char **) result, error);
}

static int
call_query_user (lr_connection *connection, const void *args, void **result, struct lr_error *error)
{
  return lr_query_user (connection, args, (struct lr_user_entry **) result, error);
}

static int
call_query_group (lr_connection *connection, const void *args, void **result,
                  struct lr_error *error)
{
  return lr_query_group (connection, args, (struct lr_group_entry **) result, error);
}

static int
call_getenv (lr_connection *connection, const void *args, void **result, struct lr_error *error)
{
  return lr_getenv (connection, args, (char **) result, error);
}

static const char *const echo_command[] = { "echo", "word", NULL };
static const char *const failing_command[] = { "/no/such/program", NULL };
static const char *const empty_command[] = { NULL };

static const struct lr_run_args good_run = LR_RUN_ARGS (.command = echo_command);
static const struct lr_run_args bad_run = LR_RUN_ARGS (.command = failing_command);
static const struct lr_run_args null_run = LR_RUN_ARGS (.command = NULL);
static const struct lr_stat_args good_stat = LR_STAT_ARGS (.path = "/");
static const struct lr_stat_args bad_stat = LR_STAT_ARGS (.path = "/proc/version/below");
static const struct lr_stat_args null_stat = LR_STAT_ARGS (.path = NULL);
static const struct lr_upload_args good_upload = LR_UPLOAD_ARGS (.file = "/dev/null");
static const struct lr_upload_args bad_upload = LR_UPLOAD_ARGS (.file = "/no/such/file");
static const struct lr_upload_args null_upload = LR_UPLOAD_ARGS (.file = NULL);
static const struct lr_download_args good_download = LR_DOWNLOAD_ARGS (.file = "/proc/version");
static const struct lr_download_args bad_download = LR_DOWNLOAD_ARGS (.file = "/no/such/file");
static const struct lr_download_args null_download = LR_DOWNLOAD_ARGS (.file = NULL);
static const struct lr_resolve_args good_name = LR_RESOLVE_ARGS (.name = "root");
static const struct lr_resolve_args bad_name = LR_RESOLVE_ARGS (.name = "no-such-name");
static const struct lr_query_user_args good_user = LR_QUERY_USER_ARGS (.user = "root");
static const struct lr_query_user_args bad_user = LR_QUERY_USER_ARGS (.user = "no-such-name");
static const struct lr_query_user_args null_user = LR_QUERY_USER_ARGS (.user = NULL);
static const struct lr_query_group_args good_group = LR_QUERY_GROUP_ARGS (.group = "root");
static const struct lr_query_group_args bad_group = LR_QUERY_GROUP_ARGS (.group = "no-such-name");
static const struct lr_query_group_args null_group = LR_QUERY_GROUP_ARGS (.group = NULL);
static const struct lr_getenv_args good_key = LR_GETENV_ARGS (.key = "PATH");
static const struct lr_getenv_args null_key = LR_GETENV_ARGS (.key = NULL);

/* Arguments with which it works, and fails; those with a NULL where something must be, and what
   that is.  */
static const struct operation
{
  const char *name;
  int (*call) (lr_connection *connection, const void *args, void **result, struct lr_error *error);
  size_t size;
  const void *good, *bad, *null;
  const char *required;
} operations[] = {
  { "run", call_run, sizeof good_run, &good_run, &bad_run, &null_run, "command" },
  { "stat", call_stat, sizeof good_stat, &good_stat, &bad_stat, &null_stat, "path" },
  { "upload", call_upload, sizeof good_upload, &good_upload, &bad_upload, &null_upload, "file" },
  { "download", call_download, sizeof good_download, &good_download, &bad_download, &null_download,
    "file" },
  { "resolve_user", call_resolve_user, sizeof good_name, &good_name, &bad_name, NULL, NULL },
  { "resolve_group", call_resolve_group, sizeof good_name, &good_name, &bad_name, NULL, NULL },
  { "query_user", call_query_user, sizeof good_user, &good_user, &bad_user, &null_user, "user" },
  { "query_group", call_query_group, sizeof good_group, &good_group, &bad_group, &null_group,
    "group" },
  { "getenv", call_getenv, sizeof good_key, &good_key, NULL, &null_key, "key" },
};

/* OPERATION refuses ARGS by itself: no hop is to blame.  */
static void
expect_refused (lr_connection *connection, const struct operation *operation, const void *args,
                enum lr_error_kind kind, const char *field)
{
  struct lr_error error;
  void *result = &error;
  memset (&error, 0xaa, sizeof error);
  cr_expect_eq (operation->call (connection, args, &result, &error), -1, "%s", operation->name);
  cr_expect_null (result, "%s: the result is not NULL", operation->name);
  cr_expect_eq (error.kind, kind, "%s: %s", operation->name, error.message);
  cr_expect_str_eq (error.field, field, "%s: %s", operation->name, error.field);
  cr_expect_eq (error.hop, -1, "%s", operation->name);
  cr_expect_eq (error.errnum, 0, "%s", operation->name);
  cr_expect_neq (error.message[0], '\0', "%s", operation->name);
}

TEST_AS_SELF (arguments, that_are_required_are_named)
{
  for (size_t i = 0; i < COUNT (operations); i++)
    if (operations[i].null != NULL)
      expect_refused (connection, &operations[i], operations[i].null, LR_ERROR_INVALID_VALUE,
                      operations[i].required);
  struct lr_run_args empty = RUN (.command = empty_command);
  expect_refused (connection, &operations[0], &empty, LR_ERROR_INVALID_VALUE, "command");
}

TEST_AS_SELF (arguments, that_are_missing_or_without_a_size_are_refused)
{
  static const uint32_t sizes[] = { 0, 1, 4, 7 };
  for (size_t i = 0; i < COUNT (operations); i++)
    {
      expect_refused (connection, &operations[i], NULL, LR_ERROR_INVALID_VALUE, "args");
      for (size_t j = 0; j < COUNT (sizes); j++)
        {
          _Alignas(8) char args[256] = { 0 };
          memcpy (args, operations[i].good, operations[i].size);
          memcpy (args, &sizes[j], sizeof sizes[j]);
          expect_refused (connection, &operations[i], args, LR_ERROR_INVALID_VALUE, "args");
        }
    }
}

TEST_AS_SELF (arguments, of_a_newer_program_are_taken_if_they_ask_for_nothing_new)
{
  for (size_t i = 0; i < COUNT (operations); i++)
    for (size_t last = 0; last < 2; last++)
      {
        struct lr_error error;
        void *result = NULL;
        _Alignas(8) char args[256] = { 0 };
        uint32_t size = (uint32_t) operations[i].size + 8;
        memcpy (args, operations[i].good, operations[i].size);
        memcpy (args, &size, sizeof size);
        cr_expect_eq (operations[i].call (connection, args, &result, &error), 0, "%s: %s",
                      operations[i].name, error.message);
        lr_free (result);
        args[last == 0 ? operations[i].size : size - 1] = 1;
        expect_refused (connection, &operations[i], args, LR_ERROR_UNSUPPORTED, "");
      }
}

/* A program that knew only the first members: what it did not know is the default, whatever lies
   behind.  */
TEST_AS_SELF (arguments, of_an_older_program_end_where_it_says)
{
  struct lr_run_result *result = NULL;
  struct lr_error error;
  struct lr_run_args args =
      RUN (.command = echo_command, .no_capture = 1, .user = "no-such-user", .output_limit = 1);
  args.size = offsetof (struct lr_run_args, no_capture);
  cr_assert_eq (lr_run (connection, &args, &result, &error), 0, "%s", error.message);
  cr_expect_str_eq (result->stdout_bytes.data, "word\n");
  lr_free (result);
}

TEST_AS_SELF (arguments, are_only_read)
{
  for (size_t i = 0; i < COUNT (operations); i++)
    {
      void *result = NULL;
      char before[256];
      _Alignas(8) char args[256];
      memcpy (args, operations[i].good, operations[i].size);
      memcpy (before, args, operations[i].size);
      cr_expect_eq (operations[i].call (connection, args, &result, NULL), 0);
      cr_expect_eq (memcmp (args, before, operations[i].size), 0, "%s", operations[i].name);
      lr_free (result);
    }
}

TEST_AS_BOTH (errors, may_be_unwanted)
{
  for (size_t i = 0; i < COUNT (operations); i++)
    {
      void *result = &result;
      cr_expect_eq (operations[i].call (connection, NULL, &result, NULL), -1, "%s",
                    operations[i].name);
      cr_expect_null (result);
      result = &result;
      if (operations[i].bad != NULL)
        cr_expect_eq (operations[i].call (connection, operations[i].bad, &result, NULL), -1, "%s",
                      operations[i].name);
      if (operations[i].bad != NULL)
        cr_expect_null (result);
    }
  char *home = (void *) &home;
  cr_expect_eq (lr_home_dir (connection, "no-such-name", &home, NULL), -1);
  cr_expect_null (home);
  cr_expect_eq (lr_ping (connection, NULL), 0);
}

TEST_AS_SELF (errors, of_the_past_leave_no_trace)
{
  for (size_t i = 0; i < COUNT (operations); i++)
    {
      struct lr_error error;
      void *result = NULL;
      memset (&error, 0xaa, sizeof error);
      cr_expect_eq (operations[i].call (connection, operations[i].good, &result, &error), 0, "%s",
                    operations[i].name);
      cr_expect_eq (error.kind, LR_ERROR_NONE, "%s", operations[i].name);
      cr_expect_str_eq (error.message, "", "%s", operations[i].name);
      lr_free (result);
    }
}

TEST_AS_SELF (errors, name_the_host_the_hop_and_what_was_tried_on_what)
{
  struct lr_error error;
  struct lr_stat_result *result;
  struct lr_stat_args args = STAT (.path = "/proc/version/below\033[2J\n");
  cr_expect_eq (lr_stat (connection, &args, &result, &error), -1);
  cr_expect_str_eq (error.host, "localhost");
  cr_expect_eq (error.hop, 0);
  cr_expect_eq (error.errnum, ENOTDIR);
  cr_expect_str_eq (error.message,
                    "localhost: cannot stat /proc/version/below\\x1B[2J\\x0A: Not a directory");
  for (size_t i = 0; i < sizeof error.reserved; i++)
    cr_expect_eq (error.reserved[i], 0);
}

TEST_AS_USER (errors, name_the_label_of_the_url_as_the_host)
{
  struct lr_error error;
  struct lr_stat_result *result;
  struct lr_stat_args args = STAT (.path = "/proc/version/below");
  cr_expect_eq (lr_stat (connection, &args, &result, &error), -1);
  cr_expect_str_eq (error.host, "user");
}

TEST_AS_BOTH (errors, stay_whole_with_the_longest_paths)
{
  char path[PATH_MAX];
  memset (path, '\001', sizeof path - 1);
  for (size_t i = 0; i < sizeof path; i += 200)
    path[i] = '/';
  path[sizeof path - 1] = '\0';
  struct lr_error error;
  struct lr_download_result *result;
  struct lr_download_args args = DOWNLOAD (.file = path);
  expect_failure (lr_download (connection, &args, &result, &error), &error, invalid_value ("file"),
                  "a long path");
  cr_expect_lt (strlen (error.message), sizeof error.message);
}

Test (results, may_be_null_when_freed)
{
  lr_free (NULL);
  lr_close (NULL);
}
