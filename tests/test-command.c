/* The longreach command, as a person or a script meets it: command lines, and what they print and
   exit with.  The dispatcher is the real one, on this machine, but where a test brings its own.  */

#include "tests/command.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

COMMAND_SUITE (command);

/* What --json prints of a failure; all but KIND and MESSAGE are JSON already.  */
#define FAILURE(kind, message, errnum, host, field, hop)                                           \
  "{\"error\":{\"kind\":\"" kind "\",\"message\":\"" message "\",\"errno\":" errnum                \
  ",\"host\":" host ",\"field\":" field ",\"hop\":" hop "}}\n"
#define HERE "\"localhost\""

/* ---- fixtures: other dispatchers ---- */

/* A program that runs the dispatcher as an ordinary user, in the directory of the test, where that
   user can reach it: "-o", ordinary.  */
static const char ordinary[] = "dispatcher=./ordinary-dispatcher";

static void
make_ordinary_dispatcher (void)
{
  char original[PATH_MAX], script[256];
  size_t size;
  const char *built = getenv ("LONGREACH_DISPATCHER_DIR");
  cr_assert_not_null (built, "run the suites through ./run");
  snprintf (original, sizeof original, "%s/longreach-dispatcher", built);
  char *program = read_file (original, &size);
  write_file ("dispatcher-copy", program, size, 0755);
  free (program);
  snprintf (
      script, sizeof script,
      "#!/bin/sh\nexec setpriv --reuid %d --regid %d --clear-groups ./dispatcher-copy \"$@\"\n",
      ORDINARY_ID, ORDINARY_ID);
  write_file ("ordinary-dispatcher", script, strlen (script), 0755);
}

/* Bytes of an answer, as docs/protocol.md describes them.  */
struct answer
{
  unsigned char data[1024];
  size_t size;
};

static void
add_integer (struct answer *answer, uint64_t value, size_t size)
{
  for (size_t i = 0; i < size; i++)
    answer->data[answer->size++] = (unsigned char) (value >> (8 * (size - 1 - i)));
}

static void
add_text (struct answer *answer, const char *text)
{
  add_integer (answer, strlen (text), 8);
  memcpy (answer->data + answer->size, text, strlen (text));
  answer->size += strlen (text);
}

/* A dispatcher that gives ANSWER to whatever it is asked.  */
#define CANNED "-o", "dispatcher=./canned-dispatcher", "-o", "protocol=plain"

static void
make_canned_dispatcher (const struct answer *answer)
{
  static const char script[] = "#!/bin/sh\n"
                               "head -c 4 > /dev/null\n" /* CheckAlive */
                               "printf '\\0\\0\\0\\1'\n" /* Ack */
                               "head -c 1 > /dev/null\n"
                               "cat answer\n"
                               "exec cat > /dev/null\n";
  write_file ("answer", answer->data, answer->size, 0644);
  write_file ("canned-dispatcher", script, strlen (script), 0755);
}

/* ---- run: its status ---- */

Test (command, run_exits_with_the_status_of_the_command)
{
  LONGREACH (7, "", "", "run", "local:", "--", "sh", "-c", "exit 7");
  LONGREACH (0, "", "", "run", "local:", "true");
  LONGREACH (255, "", "", "run", "local:", "--", "sh", "-c", "exit 255");
  LONGREACH (1, "", "", "run", "local:box", "--", "sh", "-c", "exit 1");
  LONGREACH (128 + 9, "", "", "run", "local:", "--", "sh", "-c", "kill -KILL $$");
  LONGREACH (128 + 15, "", "", "run", "local:", "--", "sh", "-c", "kill -TERM $$");
  LONGREACH (128 + 1, "", "", "run", "local:", "--", "sh", "-c", "kill -HUP $$");
}

Test (command, run_tells_a_program_that_is_not_there_from_one_that_is_not_executable)
{
  mkdir ("directory", 0755);
  write_text ("text", "no program\n");
  write_file ("orphan", "#!/nonexistent/interpreter\n", 27, 0755);
  LONGREACH (127, "", "longreach: localhost: the program nosuch-program does not exist\n", "run",
             "local:", "nosuch-program");
  LONGREACH (127, "", "longreach: box: the program nosuch-program does not exist\n", "run",
             "local:box", "nosuch-program", "a b");
  LONGREACH (127, "", "longreach: localhost: the program ./nosuch does not exist, or *\n", "run",
             "local:", "./nosuch");
  LONGREACH (127, "",
             "longreach: localhost: the program ./orphan does not exist, or the interpreter *\n",
             "run", "local:", "./orphan");
  LONGREACH (127, "", "longreach: localhost: the program '' does not exist\n", "run", "local:", "");
  LONGREACH (126, "", "longreach: localhost: cannot run ./text: Permission denied\n", "run",
             "local:", "./text");
  LONGREACH (126, "", "longreach: localhost: cannot run ./directory: *\n", "run",
             "local:", "./directory");
}

Test (command, a_shell_is_suggested_for_a_command_line_in_one_word)
{
  LONGREACH (127, "",
             "longreach: localhost: the program 'uname -a' does not exist; to run it as a shell "
             "command: longreach run local: -- sh -c 'uname -a'\n",
             "run", "local:", "uname -a");
  LONGREACH (127, "", "*longreach run local: -- sh -c 'echo '\\''it'\\'''\n", "run",
             "local:", "echo 'it'");
  LONGREACH (127, "", "*longreach run 'local:a b' -- sh -c '-n x'\n", "run", "local:a b", "-n x");
}

Test (command, a_program_with_a_very_long_name_is_reported_whole_or_cut)
{
  char name[3000];
  memset (name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  memcpy (name, "/ ", 2);
  struct finished got = run_longreach (NULL, 0, "run", "local:", name, NULL);
  cr_expect (got.status == 126 || got.status == 127, "exits %d", got.status);
  cr_expect (strncmp (got.error, "longreach: localhost: ", 22) == 0, "%s", got.error);
  cr_expect_eq (strchr (got.error, '\n'), got.error + got.error_size - 1, "%s", got.error);
  free_finished (&got);
}

Test (command, what_fails_before_the_command_exits_255)
{
  LONGREACH (255, "",
             "longreach: no connector has the schema \"nosuch\"; searched: *; schemas that exist: "
             "*local*\n",
             "run", "nosuch:x", "--", "true");
  LONGREACH (255, "",
             "longreach: no connector has the schema \"nosuch\"; searched: /nonexistent/plugins, *",
             "run", "--plugin-dir=/nonexistent/plugins", "nosuch:x", "true");
  LONGREACH (255, "", "longreach: run needs URL [--] COMMAND [ARG]...; see longreach run --help\n",
             "run");
  LONGREACH (255, "", "longreach: run needs URL [--] COMMAND*", "run", "local:");
  LONGREACH (255, "", "longreach: run needs URL [--] COMMAND*", "run", "local:", "--");
  LONGREACH (255, "", "longreach: run: there is no option --bogus; see longreach run --help\n",
             "run", "--bogus", "local:", "true");
  LONGREACH (255, "", "longreach: *host*\n", "run", "host", "true");
  LONGREACH (
      255, "",
      "longreach: the connector local takes no option \"nosuch\"; it takes dispatcher, protocol, "
      "deploy, directory, bootstrap\n",
      "run", "-o", "nosuch=1", "local:", "true");
  LONGREACH (255, "", "longreach: *cannot start ./nosuch: No such file or directory\n", "run", "-o",
             "dispatcher=./nosuch", "local:", "true");
  LONGREACH (255, "", "longreach: localhost: the dispatcher is gone: it ended with status 1\n",
             "run", "-o", "dispatcher=false", "local:", "true");
  LONGREACH (255, "", "longreach: localhost: the dispatcher does not keep the protocol: *\n", "run",
             "-o", "dispatcher=cat", "-o", "protocol=plain", "local:", "true");
  LONGREACH (255, "", "longreach: localhost: the dispatcher is gone: it was ended by signal 9\n",
             "run", "local:", "--", "sh", "-c", "kill -KILL $PPID");
  LONGREACH (255, "", "longreach: localhost: user: *nosuch-user\n", "run", "--user=nosuch-user",
             "local:", "true");
  LONGREACH (255, "", "longreach: localhost: group: *nosuch-group\n", "run", "--group=nosuch-group",
             "local:", "true");
  LONGREACH (255, "", "longreach: localhost: umask: *8\n", "run", "--umask=8", "local:", "true");
  LONGREACH (255, "", "longreach: localhost: cwd: *./nosuch\n", "run", "--cwd=./nosuch",
             "local:", "true");
}

Test (command, a_returncode_that_no_process_has_exits_255)
{
  static const int codes[] = { 256, -128, -300, INT32_MAX, INT32_MIN };
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    {
      struct answer answer = { .size = 0 };
      add_integer (&answer, 6, 4); /* ProcessCompleted */
      for (int stream = 0; stream < 2; stream++)
        {
          add_integer (&answer, 1, 1);
          add_text (&answer, "");
        }
      add_integer (&answer, (uint64_t) codes[i], 4);
      make_canned_dispatcher (&answer);
      LONGREACH (255, "",
                 "longreach: the far side says that the command returned *, which none can\n",
                 "run", CANNED, "local:", "true");
    }
}

/* ---- run: its words ---- */

Test (command, options_after_the_url_belong_to_the_command)
{
  LONGREACH (0, "--json -v", "", "run", "local:", "echo", "-n", "--json", "-v");
  LONGREACH (0, "-- --json\n", "", "run", "local:", "--", "echo", "--", "--json");
  LONGREACH (0, "-- x\n", "", "run", "local:", "echo", "--", "x");
  LONGREACH (0, "x\n", "", "run", "-n", "--", "local:", "--", "echo", "x");
  LONGREACH (0, "x\n", "", "run", "--", "local:", "echo", "x");
  LONGREACH (127, "",
             "longreach: localhost: the program --json does not exist; options of longreach come "
             "before the URL\n",
             "run", "local:", "--json", "true");
  LONGREACH (127, "", "longreach: localhost: the program -- does not exist*\n", "run",
             "local:", "--", "--", "true");
  LONGREACH (0, "[a b][][*][$HOME]", "", "run", "local:", "--", "printf", "[%s]", "a b", "", "*",
             "$HOME");
}

Test (command, run_forwards_standard_input_byte_for_byte)
{
  enum
  {
    SIZE = 1 << 20,
  };
  char *input = malloc (SIZE);
  for (size_t i = 0; i < SIZE; i++)
    input[i] = (char) (i * 7 + i / 256);
  struct finished got = run_longreach (input, SIZE, "run", "local:", "cat", NULL);
  cr_expect_eq (got.status, 0, "%s", got.error);
  cr_expect (got.output_size == SIZE && memcmp (got.output, input, SIZE) == 0);
  free_finished (&got);
  free (input);
  LONGREACH_READING ("", 0, "", "", "run", "local:", "cat");
  LONGREACH_READING ("12345", 0, "*5\n", "", "run", "local:", "wc", "-c");
  SHELL (0, "a\nb\n", "", "(echo a; sleep 0.2; echo b) | longreach run local: cat");
  SHELL (0, "", "", "longreach run local: cat <&-");
}

Test (command, run_with_n_reads_no_input)
{
  LONGREACH_READING ("not for it", 0, "", "", "run", "-n", "local:", "cat");
  LONGREACH_READING ("not for it", 0, "", "", "run", "--no-stdin", "local:", "cat");
  SHELL_READING ("left\n", 0, "left\n", "", "longreach run -n local: cat; cat");
}

/* What is typed reaches the command but where it has no input, or all of it would be read first. */
Test (command, run_reads_input_from_a_terminal)
{
  static const struct
  {
    const char *option, *output;
  } rows[] = { { "-v", "*typed\r\n*" }, { "-n", "" }, { "--json", "{*\"stdout\":\"\"*}\r\n" } };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    {
      int status;
      char *output = run_on_terminal (WORDS ("longreach", "run", rows[i].option, "local:", "cat"),
                                      "typed\n\004", &status);
      cr_expect_eq (status, 0);
      cr_expect (matches_pattern (rows[i].output, output), "%s: %s", rows[i].option, output);
      free (output);
    }
}

Test (command, both_outputs_stay_separate_and_as_they_are)
{
  LONGREACH (3, "out\nmore\n", "err\n", "run", "local:", "sh", "-c",
             "echo out; echo err >&2; echo more; exit 3");
  struct finished got =
      run_longreach (NULL, 0, "run", "local:", "printf", "\\377\\000\\033[31m", NULL);
  cr_expect (got.output_size == 7 && memcmp (got.output, "\377\0\033[31m", 7) == 0);
  free_finished (&got);
  got = run_longreach (NULL, 0, "run", "local:", "sh", "-c", "printf '\\376\\000x' >&2", NULL);
  cr_expect (got.error_size == 3 && memcmp (got.error, "\376\0x", 3) == 0);
  free_finished (&got);
}

Test (command, run_options_reach_the_command)
{
  char user[32], group[32];
  mkdir ("place", 0755);
  snprintf (user, sizeof user, "--user=%u", geteuid ());
  snprintf (group, sizeof group, "--group=%u", getegid ());
  LONGREACH (0, "*077\n", "", "run", "local:", "sh", "-c", "umask");
  LONGREACH (0, "*027\n", "", "run", "--umask=027", "local:", "sh", "-c", "umask");
  LONGREACH (0, "*000\n", "", "run", "--umask", "0", "local:", "sh", "-c", "umask");
  LONGREACH (0, "/*/place\n", "", "run", "--cwd=place", "local:", "pwd");
  LONGREACH (0, "/\n", "", "run", "--cwd", "/", "local:", "pwd");
  LONGREACH (0, "x\n", "", "run", user, group, "local:", "echo", "x");
}

Test (command, run_options_change_the_user)
{
  need_root ();
  LONGREACH (0, "nobody\n", "", "run", "--user=nobody", "local:", "id", "-un");
  LONGREACH (0, "65534\n", "", "run", "--user=65534", "local:", "id", "-u");
  LONGREACH (0, "daemon\n", "", "run", "--user", "nobody", "--group=daemon", "local:", "id", "-gn");
  LONGREACH (0, "root\ndaemon\n", "", "run", "--group=daemon", "local:", "sh", "-c",
             "id -un; id -gn");
}

/* ---- the words that all subcommands read ---- */

Test (command, wrong_usage_says_what_is_wrong)
{
  PROGRAM (2, "", "longreach: a subcommand is needed; longreach --help lists them\n", "longreach");
  LONGREACH (2, "", "longreach: there is no subcommand rnu; did you mean run?\n", "rnu",
             "local:", "true");
  LONGREACH (2, "", "*did you mean whoami?\n", "whoim");
  LONGREACH (2, "", "longreach: there is no subcommand frobnicate; longreach --help lists them\n",
             "frobnicate");
  LONGREACH (2, "",
             "longreach: a subcommand comes before the URL, as in: longreach run local: COMMAND\n",
             "local:", "true");
  LONGREACH (2, "",
             "longreach: there is no option --bogus; options of a subcommand come after its name\n",
             "--bogus");
  LONGREACH (2, "", "longreach: there is no option -x; *\n", "-x");
  LONGREACH (2, "",
             "longreach: there is no option -v; options of a subcommand come after its name\n",
             "-v", "run", "local:", "true");
  LONGREACH (2, "", "longreach: stat needs URL PATH; see longreach stat --help\n", "stat",
             "local:");
  LONGREACH (2, "", "longreach: stat: there is no option --folow (did you mean --follow?)*\n",
             "stat", "--folow", "local:", "/");
  LONGREACH (2, "", "longreach: put: --pr could be --preserve or --progress; *\n", "put", "--pr",
             "local:", "/", "/");
  LONGREACH (2, "",
             "longreach: stat takes no more operands than URL PATH, so /tmp is one too many\n",
             "stat", "local:", "/", "/tmp");
  LONGREACH (2, "", "longreach: stat takes no more operands than URL PATH, so -L is one too many\n",
             "stat", "local:", "--", "/", "-L");
  LONGREACH (2, "", "longreach: stat: --follow takes no argument; *\n", "stat", "--follow=yes",
             "local:", "/");
  LONGREACH (2, "", "longreach: stat: -o needs its argument NAME=VALUE; *", "stat", "-o");
  LONGREACH (2, "", "longreach: put: --mode needs its argument OCTAL; *\n", "put", "--mode");
  LONGREACH (2, "", "longreach: --plugin-dir needs the name of a directory\n", "stat",
             "--plugin-dir=", "local:", "/");
  LONGREACH (2, "", "*a number from 1 to 4294967295, not \"0\"*", "ping", "-c", "0", "local:");
  LONGREACH (2, "", "*a number from 1 to 4294967295, not \"-1\"*", "ping", "-c", "-1", "local:");
  LONGREACH (2, "", "*a number from 1 to 4294967295, not \"+1\"*", "ping", "-c", "+1", "local:");
  LONGREACH (2, "", "*a number from 1 to 4294967295, not \"1x\"*", "ping", "--count=1x", "local:");
  LONGREACH (2, "", "*a number from 1 to 4294967295, not \"\"*", "ping", "--count=", "local:");
  LONGREACH (2, "", "*a number from 1 to 4294967295, not*", "ping", "-c99999999999999999999",
             "local:");
  LONGREACH (2, "", "*there is no subcommand nosuch*", "help", "nosuch");
  LONGREACH (2, "", "*did you mean stat?\n", "help", "stta");
}

Test (command, an_option_is_given_in_any_usual_way)
{
  LONGREACH (0, "*", "*Stat*", "stat", "-vL", "local:", "/");
  LONGREACH (255, "", "*status 1\n", "stat", "-Lodispatcher=false", "local:", "/");
  LONGREACH (0, "1: * ms\nleast * ms, mean * ms, most * ms\n", "", "ping", "-c1", "local:");
  LONGREACH (0, "1: * ms\nleast *", "", "ping", "--count", "1", "local:");
  LONGREACH (0, "path:*", "", "stat", "--", "local:", "/");
  LONGREACH (0, "path:*", "", "stat", "local:", "--", "/");
  LONGREACH (0, "path:*", "*Stat*", "stat", "local:", "-v", "/", "-L");
  LONGREACH (255, "", "*status 1\n", "stat", "local:", "/", "-o", "dispatcher=false");
  LONGREACH (2, "", "longreach: stat: there is no option --folow (did you mean --follow?)*\n",
             "stat", "local:", "/", "--folow");
  LONGREACH (0, "Usage: *", "", "stat", "local:", "/", "--help");
}

Test (command, a_double_dash_ends_options_wherever_it_stands)
{
  LONGREACH (0, "", "", "touch", "local:", "--", "-d", "--");
  LONGREACH (0, "--\n-d\n", "", "ls", "local:", ".");
  LONGREACH (0, "path:    -d\n*", "", "stat", "--", "local:", "-d");
  LONGREACH (0, "", "", "rm", "local:", "--", "-d", "--");
  LONGREACH (0, "", "", "ls", "local:", ".");
}

Test (command, a_mode_may_begin_with_a_dash)
{
  write_text ("file", "content\n");
  LONGREACH (0, "", "", "chmod", "local:", "-r", "file");
  LONGREACH (0, "", "", "chmod", "local:", "--", "-x", "file");
  LONGREACH (0, "*mode:    0200 *", "", "stat", "local:", "file");
}

/* One row a subcommand and status that its manual page names.  */
Test (command, exit_statuses_of_the_other_subcommands)
{
  write_text ("file", "content\n");
  cr_assert_eq (symlink ("loop", "loop"), 0);
  mkdir ("directory", 0755);
  LONGREACH (0, "path:    file\ntype:    file\nsize:    8\n*", "", "stat", "local:", "file");
  LONGREACH (1, "", "longreach: web1: nosuch does not exist\n", "stat", "local:web1", "nosuch");
  LONGREACH (3, "", "longreach: localhost: *loop*: Too many levels of symbolic links\n", "stat",
             "-L", "local:", "loop");
  LONGREACH (255, "", "*no connector*", "stat", "nosuch:", "file");
  LONGREACH (2, "", "longreach: *no schema*\n", "stat", "no schema", "file");
  LONGREACH (0, "content\n", "", "get", "local:", "file", "-");
  LONGREACH (1, "", "longreach: localhost: *no such file: nosuch\n", "get", "local:", "nosuch",
             "-");
  LONGREACH (2, "", "longreach: get needs URL REMOTE... LOCAL; *", "get", "local:", "file");
  LONGREACH (2, "", "longreach: cannot write nosuch/x: No such file or directory\n", "get",
             "local:", "file", "nosuch/x");
  LONGREACH (3, "", "*directory: Is a directory, which only get -r fetches\n", "get",
             "local:", "directory", "x");
  LONGREACH (255, "", "*no connector*", "get", "nosuch:", "file", "-");
  LONGREACH (0, "", "", "put", "local:", "file", "new");
  LONGREACH (2, "", "longreach: cannot read nosuch: No such file or directory\n", "put",
             "local:", "nosuch", "new");
  LONGREACH (2, "", "longreach: directory is a directory, which only put -r sends\n", "put",
             "local:", "directory", "new");
  LONGREACH (2, "", "longreach: put needs URL LOCAL... REMOTE; *", "put", "local:", "file");
  LONGREACH (3, "", "*localhost: mode: *9\n", "put", "--mode=9", "local:", "file", "new");
  LONGREACH (3, "", "*localhost: owner: *nosuch-user\n", "put", "--owner=nosuch-user",
             "local:", "file", "new");
  LONGREACH (3, "", "*localhost: group: *nosuch-group\n", "put", "--group=nosuch-group",
             "local:", "file", "new");
  LONGREACH (3, "", "*No such file or directory\n", "put", "local:", "file", "nosuch/x");
  LONGREACH (3, "", "*; to put the file into that directory, end its name with a /\n", "put",
             "local:", "file", "directory");
  LONGREACH (255, "", "*no connector*", "put", "nosuch:", "file", "new");
  LONGREACH (0, "name:    root\nuid:     0\n*", "", "user", "local:", "root");
  LONGREACH (1, "", "*no such user: nosuch-user\n", "user", "local:", "nosuch-user");
  LONGREACH (2, "", "*user needs URL [NAME]*", "user");
  LONGREACH (255, "", "*no connector*", "user", "nosuch:");
  LONGREACH (0, "name:    root\ngid:     0\nmembers:*\n", "", "group", "local:", "root");
  LONGREACH (1, "", "*no such group: nosuch-group\n", "group", "local:", "nosuch-group");
  LONGREACH (2, "", "*so b is one too many\n", "group", "local:", "a", "b");
  LONGREACH (255, "", "*no connector*", "group", "nosuch:");
  LONGREACH (0, "*\n", "", "whoami", "local:");
  LONGREACH (2, "", "*whoami needs URL*", "whoami");
  LONGREACH (255, "", "*status 1\n", "whoami", "-o", "dispatcher=false", "local:");
  PROGRAM (0, "y z\n", "", "env", "LR_X=y z", "longreach", "env", "local:", "LR_X");
  LONGREACH (1, "", "longreach: localhost: *LR_NOT_SET is not set\n", "env",
             "local:", "LR_NOT_SET");
  LONGREACH (2, "", "*env needs URL NAME*", "env", "local:");
  LONGREACH (255, "", "*no connector*", "env", "nosuch:", "X");
  LONGREACH (0, "1: *\n2: *\n3: *\n4: *\nleast *\n", "", "ping", "local:");
  LONGREACH (2, "", "*ping needs URL*", "ping");
  LONGREACH (255, "", "*no connector*", "ping", "nosuch:");
  LONGREACH (0, "localhost\n", "", "hostname", "local:");
  LONGREACH (0, "web1\n", "", "hostname", "local:web1?dispatcher=none");
  LONGREACH (2, "", "*no option \"nosuch\"*", "hostname", "local:?nosuch=1");
  LONGREACH (255, "", "*no connector*", "hostname", "nosuch:x");
  LONGREACH (0, "SCHEMA *\nlocal *", "", "plugins", "local");
  LONGREACH (
      1, "",
      "longreach: there is no connector of the schema nosuch; plugins are looked for in: *\n",
      "plugins", "nosuch");
  LONGREACH (2, "", "*so b is one too many\n", "plugins", "a", "b");
  LONGREACH (0, "FAMILY *\nrun  *1 *0 *0\nall  *1 *0 *0\n", "*files are made in *, which is *\n",
             "conformance", "--only=run/success", "local:");
  write_text (
      "small",
      "#!/bin/sh\nulimit -f 1\nexec \"$LONGREACH_DISPATCHER_DIR/longreach-dispatcher\" \"$@\"\n");
  cr_assert_eq (chmod ("small", 0755), 0);
  LONGREACH (1, "*upload/large does not hold\n    upload *File too large\n    Why: *\n", "*",
             "conformance", "--only=upload/large", "-o", "dispatcher=./small", "local:");
  LONGREACH (2, "", "*conformance needs URL*", "conformance");
  LONGREACH (2, "", "*there is no check run/sucess; *", "conformance", "--only=run/sucess",
             "local:");
  LONGREACH (255, "", "*no connector*", "conformance", "nosuch:");
  LONGREACH (0, "Usage: longreach run *", "", "help", "run");
  LONGREACH (2, "", "*so x is one too many\n", "help", "run", "x");
}

Test (command, what_the_far_side_forbids_exits_3)
{
  need_root ();
  make_ordinary_dispatcher ();
  mkdir ("locked", 0700);
  write_text ("locked/file", "x");
  write_text ("new", "new");
  LONGREACH (3, "", "longreach: localhost: *locked/file: Permission denied\n", "stat", "-o",
             ordinary, "local:", "locked/file");
  LONGREACH (3, "", "longreach: localhost: *locked/file: Permission denied\n", "get", "-o",
             ordinary, "local:", "locked/file", "-");
  LONGREACH (3, "", "longreach: localhost: *locked/file: Permission denied\n", "put", "-o",
             ordinary, "local:", "new", "locked/file");
  LONGREACH (3, "", "longreach: localhost: *Permission denied\n", "user", "-o", ordinary,
             "--password-hash", "local:", "root");
}

/* ---- what each subcommand prints ---- */

Test (command, stat_describes_each_type_of_file)
{
  const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 1709208000, .tv_nsec = 1 } };
  write_text ("file", "abc");
  cr_assert_eq (chmod ("file", 06755), 0);
  cr_assert_eq (utimensat (AT_FDCWD, "file", times, 0), 0);
  mkdir ("directory", 01700);
  cr_assert_eq (chmod ("directory", 01700), 0);
  cr_assert_eq (symlink ("file", "link"), 0);
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  LONGREACH (
      0,
      "path:    file\ntype:    file\nsize:    3\nmode:    6755 rwsr-sr-x\nowner:   *\ngroup:   "
      "*\nmtime:   2024-02-29T12:00:00.000000001Z\nctime:   20*Z\n",
      "", "stat", "local:", "file");
  LONGREACH (0, "*type:    dir\n*mode:    1700 rwx-----T\n*", "", "stat", "local:", "directory");
  LONGREACH (0, "path:    link\ntype:    link\nsize:    4\n*", "", "stat", "local:", "link");
  LONGREACH (0, "path:    link\ntype:    file\n*", "", "stat", "-L", "local:", "link");
  LONGREACH (0, "*type:    file\n*", "", "stat", "--follow", "local:", "link");
  LONGREACH (0, "*type:    fifo\n*", "", "stat", "local:", "fifo");
  LONGREACH (0, "*type:    chr\n*", "", "stat", "local:", "/dev/null");
  LONGREACH (0,
             "*Z\nsha512:  ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
             "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f\n",
             "", "stat", "--sha512", "local:", "file");
  LONGREACH (0, "*type:    dir\n*Z\n", "", "stat", "--sha512", "local:", "directory");
}

Test (command, times_before_1970_and_beyond_the_calendar_are_right)
{
  const struct timespec before[2] = { { 0, 0 }, { .tv_sec = -2, .tv_nsec = 250000000 } };
  write_text ("file", "");
  cr_assert_eq (utimensat (AT_FDCWD, "file", before, 0), 0);
  LONGREACH (0, "*mtime:   1969-12-31T23:59:58.250000000Z\n*", "", "stat", "local:", "file");
  LONGREACH (0, "*\"mtime\":{\"sec\":-2,\"nsec\":250000000}*", "", "stat", "--json",
             "local:", "file");
  static const struct
  {
    int64_t nanoseconds;
    const char *json;
  } times[] = {
    { 0, "*\"mtime\":{\"sec\":0,\"nsec\":0},*" },
    { -1, "*\"mtime\":{\"sec\":-1,\"nsec\":999999999},*" },
    { -1000000000, "*\"mtime\":{\"sec\":-1,\"nsec\":0},*" },
    { INT64_MAX, "*\"mtime\":{\"sec\":9223372036,\"nsec\":854775807},*" },
    { INT64_MIN, "*\"mtime\":{\"sec\":-9223372037,\"nsec\":145224192},*" },
  };
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    {
      struct answer answer = { .size = 0 };
      add_integer (&answer, 9, 4); /* StatResult */
      add_text (&answer, "file");
      add_integer (&answer, 0644, 8);
      add_text (&answer, "root");
      add_text (&answer, "root");
      add_integer (&answer, 1, 8);
      add_integer (&answer, (uint64_t) times[i].nanoseconds, 8);
      add_integer (&answer, 0, 8);
      add_integer (&answer, 0, 1);
      make_canned_dispatcher (&answer);
      LONGREACH (0, times[i].json, "", "stat", "--json", CANNED, "local:", "x");
      LONGREACH (0, "*\nmtime:   *Z\n*", "", "stat", CANNED, "local:", "x");
    }
}

Test (command, users_and_groups_are_looked_up_by_name_or_id)
{
  LONGREACH (
      0,
      "name:    root\nuid:     0\ngroup:   root\ngid:     0\ngroups:  *\ngecos:   *\nhome:    "
      "/root\nshell:   /*\n",
      "", "user", "local:", "0");
  LONGREACH (0, "name:    root\n*", "", "group", "local:", "0");
  struct finished own = run_program (WORDS ("id", "-un"), NULL, 0);
  char *newline = strchr (own.output, '\n');
  cr_assert_not_null (newline);
  LONGREACH (0, own.output, "", "whoami", "local:");
  *newline = '\0';
  char name[256];
  snprintf (name, sizeof name, "name:    %s\n*", own.output);
  LONGREACH (0, name, "", "user", "local:");
  free_finished (&own);
  own = run_program (WORDS ("id", "-gn"), NULL, 0);
  snprintf (name, sizeof name, "name:    %s*", own.output);
  LONGREACH (0, name, "", "group", "local:");
  free_finished (&own);
}

Test (command, the_password_hash_is_printed_only_if_asked_for)
{
  need_root ();
  LONGREACH (0, "*\nhash:    *\n", "", "user", "--password-hash", "local:", "nobody");
  LONGREACH (0, "*\"password_hash\":\"*\",\"gecos\"*", "", "user", "--password-hash", "--json",
             "local:", "nobody");
  struct finished got = run_longreach (NULL, 0, "user", "local:", "nobody", NULL);
  cr_expect_null (strstr (got.output, "hash"), "%s", got.output);
  free_finished (&got);
}

Test (command, verbose_names_each_packet)
{
  write_text ("file", "x");
#define HEAD                                                                                       \
  "longreach: local: loaded */local.so\nlongreach: localhost: starting */longreach-d*\n"           \
  "longreach: localhost: > Hello #0\n"
#define PACKETS(request, answer)                                                                   \
  HEAD "longreach: localhost: > " request " #1\n*longreach: localhost: < " answer                  \
       " #1\n*longreach: localhost: > Exit #0\n"
  LONGREACH (0, "", PACKETS ("Spawn", "Closed"), "run", "-v", "local:", "true");
  LONGREACH (0, "*", PACKETS ("Stat", "StatResult"), "stat", "--verbose", "local:", "/");
  LONGREACH (0, "x", PACKETS ("Read", "Ok"), "get", "-v", "local:", "file", "-");
  LONGREACH (0, "", PACKETS ("Write", "Written"), "put", "-v", "local:", "file", "new");
  LONGREACH (0, "*", PACKETS ("QueryUser", "UserEntry"), "user", "-v", "local:", "0");
  LONGREACH (0, "*", PACKETS ("QueryGroup", "GroupEntry"), "group", "-v", "local:", "0");
  LONGREACH (0, "*", PACKETS ("ResolveUser", "ResolveResult"), "whoami", "-v", "local:");
  LONGREACH (0, "*", PACKETS ("Getenv", "EnvironVar"), "env", "-v", "local:", "PATH");
  LONGREACH (0, "*", PACKETS ("CheckAlive", "Ack"), "ping", "-vc1", "local:");
  LONGREACH (0, "localhost\n", "longreach: local: loaded */local.so\n", "hostname", "-v", "local:");
  LONGREACH (1, "",
             HEAD
             "longreach: localhost: > Stat #1\nlongreach: localhost: < *nosuch/x does not exist\n*",
             "stat", "-v", "local:", "nosuch/x");
}

/* ---- JSON ---- */

/* Whether the manual page names the SIZE bytes at NAME as a member.  */
static bool
is_documented (const char *page, const char *name, size_t size)
{
  for (const char *at = page; (at = strstr (at, "Li ")) != NULL; at++)
    if (strncmp (at + 3, name, size) == 0 && (at[3 + size] == ' ' || at[3 + size] == '\n'))
      return true;
  return false;
}

/* All members in JSON, but for what the page explains apart.  */
static void
check_members_are_documented (const char *json, const char *page)
{
  static const char apart[] = "|error|sec|nsec|";
  const char *close;
  for (const char *open = json; (open = strchr (open, '"')) != NULL; open = close + 1)
    {
      if ((close = strchr (open + 1, '"')) == NULL)
        return;
      size_t size = (size_t) (close - open) - 1;
      char delimited[64];
      snprintf (delimited, sizeof delimited, "|%.*s|", (int) size, open + 1);
      if (close[1] != ':' || strstr (apart, delimited) != NULL)
        continue;
      if (size > 7 && strncmp (close - 7, "_base64", 7) == 0)
        size -= 7;
      cr_expect (is_documented (page, open + 1, size), "the manual page has no member %.*s",
                 (int) size, open + 1);
    }
}

static void
check_json (int status, const char *output, const char *const *words)
{
  char *page = read_file (source_file ("docs/longreach.1"), NULL);
  struct finished got = run_program (words, NULL, 0);
  cr_expect_eq (strchr (got.output, '\n'), got.output + got.output_size - 1, "%s: not one line: %s",
                join_words (words), got.output);
  check_members_are_documented (got.output, page);
  free_finished (&got);
  free (page);
  check_command (NULL, status, output, "", words);
}

/* Rows: the status, a pattern of standard output, and the command line; nothing is said on standard
   error.  */
#define JSON(status, output, ...) check_json (status, output, WORDS (__VA_ARGS__))

Test (command, json_is_one_object_of_a_known_shape)
{
  const struct timespec times[2] = { { 0, 0 }, { .tv_sec = 1700000000, .tv_nsec = 7 } };
  write_text ("file", "abc");
  cr_assert_eq (chmod ("file", 0640), 0);
  cr_assert_eq (utimensat (AT_FDCWD, "file", times, 0), 0);
  JSON (4, "{\"returncode\":4,\"signal\":null,\"stdout\":\"a\\n\",\"stderr\":\"b\\n\"}\n",
        "longreach", "run", "--json", "local:", "sh", "-c", "echo a; echo b >&2; exit 4");
  JSON (137, "{\"returncode\":-9,\"signal\":9,\"stdout\":\"\",\"stderr\":\"\"}\n", "longreach",
        "run", "--json", "local:", "sh", "-c", "kill -9 $$");
  JSON (0,
        "{\"path\":\"file\",\"exists\":true,\"type\":\"file\",\"mode\":\"0640\",\"mode_bits\":416,"
        "\"owner\":\"*\",\"group\":\"*\",\"size\":3,\"mtime\":{\"sec\":1700000000,\"nsec\":7},"
        "\"ctime\":{\"sec\":*,\"nsec\":*},\"sha512sum\":null}\n",
        "longreach", "stat", "--json", "local:", "file");
  JSON (0, "{*,\"sha512sum\":\"ddaf35a193617aba*4fa54ca49f\"}\n", "longreach", "stat", "--json",
        "--sha512", "local:", "file");
  JSON (1, "{\"path\":\"nosuch\",\"exists\":false}\n", "longreach", "stat", "--json",
        "local:", "nosuch");
  JSON (0, "{\"file\":\"/dev/null\",\"size\":3,\"in_place\":true}\n", "longreach", "put", "--json",
        "local:", "file", "/dev/null");
  JSON (0, "{\"file\":\"./file\",\"size\":3,\"in_place\":false}\n", "longreach", "put", "--json",
        "local:", "file", "./");
  JSON (0, "{\"file\":\"fetched\",\"size\":3}\n", "longreach", "get", "--json", "local:", "file",
        "fetched");
  JSON (0,
        "{\"name\":\"root\",\"uid\":0,\"group\":\"root\",\"gid\":0,\"groups\":[*],"
        "\"password_hash\":null,\"gecos\":\"*\",\"home\":\"/root\",\"shell\":\"*\"}\n",
        "longreach", "user", "--json", "local:", "root");
  JSON (0, "{\"name\":\"root\",\"gid\":0,\"members\":[*]}\n", "longreach", "group", "--json",
        "local:", "root");
  JSON (0, "{\"user\":\"*\",\"group\":\"*\",\"home\":\"*\"}\n", "longreach", "whoami", "--json",
        "local:");
  JSON (0, "{\"name\":\"LR_X\",\"value\":\"a\\\"b\\t\303\244\"}\n", "env", "LR_X=a\"b\t\303\244",
        "longreach", "env", "--json", "local:", "LR_X");
  JSON (1, "{\"name\":\"LR_NOT_SET\",\"value\":null}\n", "longreach", "env", "--json",
        "local:", "LR_NOT_SET");
  JSON (0, "{\"round_trips_ns\":[*,*],\"least_ns\":*,\"mean_ns\":*,\"most_ns\":*}\n", "longreach",
        "ping", "--json", "-c", "2", "local:");
  JSON (0, "{\"hostname\":\"web1\"}\n", "longreach", "hostname", "--json", "local:web1");
  JSON (
      0,
      "{\"connectors\":[{\"schema\":\"local\",\"description\":\"this machine\",\"version\":\"*\","
      "\"abi\":1,\"source\":\"environment\",\"file\":\"/*/local.so\",\"directory\":\"/*\","
      "\"shadowed_by\":null,\"shadows\":[*],\"problem\":null}*],\"url\":\"local:[name]\","
      "\"options\":[{\"name\":\"dispatcher\",\"type\":\"words\",\"choices\":null,\"repeats\":false,"
      "\"help\":\"*\"},*],\"operations\":{\"run\":\"dispatcher\",*\"getenv\":\"dispatcher\",*"
      "\"file_system\":\"dispatcher\",*\"get_tree\":\"dispatcher\"}}\n",
      "longreach", "plugins", "--json", "local");
  JSON (1, "{\"connectors\":[]}\n", "longreach", "plugins", "--json", "nosuch");
}

Test (command, json_holds_failures_too)
{
  write_text ("file", "abc");
  cr_assert_eq (symlink ("loop", "loop"), 0);
  JSON (
      127,
      FAILURE ("remote-os", "localhost: the program nosuch does not exist", "2", HERE, "null", "0"),
      "longreach", "run", "--json", "local:", "nosuch");
  JSON (126,
        FAILURE ("remote-os", "localhost: cannot run ./file: Permission denied", "13", HERE, "null",
                 "0"),
        "longreach", "run", "--json", "local:", "./file");
  JSON (255, FAILURE ("invalid-value", "localhost: cwd: *", "null", HERE, "\"cwd\"", "0"),
        "longreach", "run", "--json", "--cwd=nosuch", "local:", "true");
  JSON (255, FAILURE ("usage", "run needs URL *", "null", "null", "null", "null"), "longreach",
        "run", "--json", "local:");
  JSON (255,
        FAILURE ("no-connector", "no connector has the schema \\\"nosuch\\\"; *", "null", "null",
                 "null", "0"),
        "longreach", "run", "--json", "nosuch:", "true");
  JSON (3, FAILURE ("remote-os", "localhost: *", "40", HERE, "null", "0"), "longreach", "stat",
        "--json", "-L", "local:", "loop");
  JSON (2, FAILURE ("usage", "stat: there is no option --bogus; *", "null", "null", "null", "null"),
        "longreach", "stat", "--json", "--bogus");
  JSON (2, FAILURE ("usage", "stat: there is no option --bogus; *", "null", "null", "null", "null"),
        "longreach", "stat", "--bogus", "--json");
  JSON (2,
        FAILURE ("invalid-value", "the connector local takes no option \\\"nosuch\\\"; *", "null",
                 "*", "\"nosuch\"", "0"),
        "longreach", "stat", "--json", "-o", "nosuch=1", "local:", "/");
  JSON (2,
        FAILURE ("local-file", "cannot read nosuch: No such file or directory", "2", "null", "null",
                 "null"),
        "longreach", "put", "--json", "local:", "nosuch", "x");
  JSON (2,
        FAILURE ("usage", "the URL comes first: longreach put local: file x", "null", "null",
                 "null", "null"),
        "longreach", "put", "--json", "file", "local:", "x");
  JSON (3, FAILURE ("remote-os", "localhost: *", "2", HERE, "null", "0"), "longreach", "put",
        "--json", "local:", "file", "nosuch/x");
  JSON (1, FAILURE ("invalid-value", "localhost: *nosuch-user", "null", HERE, "\"user\"", "0"),
        "longreach", "user", "--json", "local:", "nosuch-user");
  JSON (1, FAILURE ("invalid-value", "localhost: *nosuch-group", "null", HERE, "\"group\"", "0"),
        "longreach", "group", "--json", "local:", "nosuch-group");
  JSON (255,
        FAILURE ("io", "localhost: the dispatcher is gone: it ended with status 1", "*", HERE,
                 "null", "0"),
        "longreach", "whoami", "--json", "-o", "dispatcher=false", "local:");
  JSON (2, FAILURE ("usage", "env needs URL NAME; *", "null", "null", "null", "null"), "longreach",
        "env", "--json");
  JSON (255, FAILURE ("io", "localhost: *", "*", HERE, "null", "0"), "longreach", "ping", "--json",
        "-o", "dispatcher=cat", "local:");
  JSON (255, FAILURE ("no-connector", "*", "null", "null", "null", "0"), "longreach", "hostname",
        "--json", "nosuch:");
  JSON (2, FAILURE ("usage", "plugins takes no more operands *", "null", "null", "null", "null"),
        "longreach", "plugins", "--json", "a", "b");
}

Test (command, json_gives_bytes_that_are_not_utf8_in_base64)
{
  struct answer group = { .size = 0 }, user = { .size = 0 };
  add_integer (&group, 19, 4); /* GroupEntry */
  add_text (&group, "\377");
  add_integer (&group, 5, 8);
  add_integer (&group, 2, 8);
  add_text (&group, "ann");
  add_text (&group, "b\300\200b");
  add_integer (&user, 17, 4); /* UserEntry */
  add_text (&user, "ann");
  add_integer (&user, 7, 8);
  add_text (&user, "\376");
  add_integer (&user, 8, 8);
  add_integer (&user, 1, 8);
  add_text (&user, "\375");
  add_integer (&user, 1, 1);
  add_text (&user, "\374");
  add_text (&user, "\355\240\200"); /* a surrogate */
  add_text (&user, "/\373");
  add_text (&user, "/bin/sh");
  write_text ("\372", "x");
  make_canned_dispatcher (&group);
  JSON (0, "{\"returncode\":0,\"signal\":null,\"stdout_base64\":\"/wBh\",\"stderr\":\"\"}\n",
        "longreach", "run", "--json", "local:", "printf", "\\377\\000a");
  JSON (0, "*,\"stdout\":\"a\\u0000b\",*", "longreach", "run", "--json", "local:", "printf",
        "a\\000b");
  JSON (0, "*\"stdout\":\"\",\"stderr_base64\":\"/w==\"}\n", "longreach", "run", "--json",
        "local:", "sh", "-c", "printf '\\377' >&2");
  JSON (0, "{\"path_base64\":\"+g==\",\"exists\":true,*", "longreach", "stat", "--json",
        "local:", "\372");
  JSON (0, "{\"file_base64\":\"+i5uZXc=\",\"size\":1,\"in_place\":false}\n", "longreach", "put",
        "--json", "local:", "\372", "\372.new");
  JSON (0, "{\"name\":\"LR_X\",\"value_base64\":\"+Q==\"}\n", "env", "LR_X=\371", "longreach",
        "env", "--json", "local:", "LR_X");
  JSON (0, "{\"name_base64\":\"/w==\",\"gid\":5,\"members_base64\":[\"YW5u\",\"YsCAYg==\"]}\n",
        "longreach", "group", "--json", CANNED, "local:", "x");
  JSON (3, FAILURE ("remote-os", "*\\\\xFA/x*", "20", HERE, "null", "0"), "longreach", "stat",
        "--json", "local:", "\372/x");
  make_canned_dispatcher (&user);
  JSON (0,
        "{\"name\":\"ann\",\"uid\":7,\"group_base64\":\"/g==\",\"gid\":8,\"groups_base64\":"
        "[\"/Q==\"],\"password_hash_base64\":\"/A==\",\"gecos_base64\":\"7aCA\","
        "\"home_base64\":\"L/s=\",\"shell\":\"/bin/sh\"}\n",
        "longreach", "user", "--json", CANNED, "local:", "x");
}

/* ---- help, version, manual page ---- */

Test (command, version_and_help_go_to_standard_output)
{
  char version[64];
  snprintf (version, sizeof version, "longreach %s\n", lr_version ());
  LONGREACH (0, version, "", "--version");
  LONGREACH (0, version, "", "-V");
  LONGREACH (0, "Usage: longreach SUBCOMMAND *Subcommands:\n*", "", "--help");
  LONGREACH (0, "Usage: longreach SUBCOMMAND *", "", "-h");
  LONGREACH (0, "Usage: longreach SUBCOMMAND *", "", "help");
  LONGREACH (0, "Usage: longreach run *", "", "run", "--help", "--bogus");
  LONGREACH (0, "Usage: longreach run *", "", "run", "--bogus", "-h");
  LONGREACH (0, "[--help]", "", "run", "local:", "printf", "[%s]", "--help");
}

/* Options in the forms "-x" and "--name", each with a space before and after; a newline follows
   those that are one.  */
struct options
{
  char text[2048];
};

static void
append (struct options *options, const char *text)
{
  size_t used = strlen (options->text);
  cr_assert_lt (used + strlen (text), sizeof options->text);
  strcpy (options->text + used, text);
}

static void
append_option (struct options *options, const char *form, size_t size)
{
  char spaced[80];
  snprintf (spaced, sizeof spaced, " %.*s ", (int) size, form);
  append (options, spaced);
}

static bool
has_option (const struct options *options, const char *form)
{
  char spaced[80];
  snprintf (spaced, sizeof spaced, " %s ", form);
  return strstr (options->text, spaced) != NULL;
}

/* The next form in what is left of a text; NULL at its end.  */
static const char *
next_form (char **rest)
{
  char *form;
  while ((form = strsep (rest, " \n")) != NULL && form[0] == '\0')
    continue;
  return form;
}

/* Every form of SOME is in ALL or in MORE.  */
static void
expect_all_in (const struct options *some, const struct options *all, const struct options *more,
               const char *subcommand, const char *problem)
{
  struct options copy = *some;
  char *rest = copy.text;
  for (const char *form; (form = next_form (&rest)) != NULL;)
    cr_expect (has_option (all, form) || has_option (more, form), "%s: %s %s", subcommand, problem,
               form);
}

/* Every option of SOME is in ALL in one of its forms.  */
static void
expect_each_in (const struct options *some, const struct options *all, const char *subcommand,
                const char *problem)
{
  struct options copy = *some;
  char *lines = copy.text;
  for (char *line; (line = strsep (&lines, "\n")) != NULL && line[0] != '\0';)
    {
      char shown[80];
      bool found = false;
      snprintf (shown, sizeof shown, "%s", line);
      for (const char *form; (form = next_form (&line)) != NULL;)
        found = found || has_option (all, form);
      cr_expect (found, "%s: %s%s", subcommand, problem, shown);
    }
}

/* Those that --help explains: each at the start of a line, indented by less than its text.  */
static struct options
options_of_help (const char *subcommand)
{
  struct options options = { "" };
  struct finished got = run_longreach (NULL, 0, subcommand, "--help", NULL);
  cr_expect_eq (got.status, 0, "%s --help exits %d", subcommand, got.status);
  cr_expect_str_empty (got.error);
  for (char *rest = got.output, *line; (line = strsep (&rest, "\n")) != NULL;)
    {
      size_t indent = strspn (line, " ");
      cr_expect_leq (strlen (line), (size_t) 79, "longer than a line: %s", line);
      for (char *form = line + indent; indent >= 2 && indent <= 6 && *form == '-';)
        {
          size_t size = strcspn (form, " =,");
          append_option (&options, form, size);
          form += size + (form[size] == ',' ? 2 : 0);
        }
    }
  free_finished (&got);
  return options;
}

/* Add the options that a line of the manual page names: "Fl n", "Fl Fl name".  */
static void
add_options_of_line (struct options *options, char *line)
{
  char *save = NULL;
  for (char *word = strtok_r (line, " ", &save); word != NULL; word = strtok_r (NULL, " ", &save))
    if (strcmp (word, "Fl") == 0 && (word = strtok_r (NULL, " ", &save)) != NULL)
      {
        char form[64];
        bool has_name = strcmp (word, "Fl") == 0;
        if (has_name)
          word = strtok_r (NULL, " ", &save);
        if (word == NULL) /* "--" itself */
          break;
        snprintf (form, sizeof form, "%s%s", has_name ? "--" : "-", word);
        append_option (options, form, strlen (form));
      }
  append (options, "\n");
}

/* Those in the .It lines of the subsection TITLE.  */
static struct options
options_of_subsection (const char *page, const char *title)
{
  struct options options = { "" };
  char heading[64];
  snprintf (heading, sizeof heading, "\n.Ss %s\n", title);
  const char *found = strstr (page, heading);
  cr_assert_not_null (found, "the manual page has no subsection %s", title);
  char *copy = strdup (found + strlen (heading)), *rest = copy;
  for (char *line; (line = strsep (&rest, "\n")) != NULL;)
    {
      if (strncmp (line, ".S", 2) == 0 && (line[2] == 's' || line[2] == 'h'))
        break;
      if (strncmp (line, ".It Fl ", 7) == 0)
        add_options_of_line (&options, line + 4);
    }
  free (copy);
  return options;
}

/* Those of SUBCOMMAND in the synopsis, which may have it more than once.  */
static struct options
options_of_synopsis (const char *page, const char *subcommand)
{
  struct options options = { "" };
  char begin[64];
  snprintf (begin, sizeof begin, "\n.Nm\n.Cm %s\n", subcommand);
  cr_assert_not_null (strstr (page, begin), "the synopsis has no %s", subcommand);
  for (const char *found = page; (found = strstr (found, begin)) != NULL;)
    {
      found += strlen (begin);
      char *copy = strdup (found), *rest = copy;
      for (char *line; (line = strsep (&rest, "\n")) != NULL;)
        {
          if (strcmp (line, ".Nm") == 0 || strncmp (line, ".Sh", 3) == 0)
            break;
          if (strncmp (line, ".Op Fl ", 7) == 0)
            add_options_of_line (&options, line + 4);
          if (strncmp (line, ".Fl ", 4) == 0)
            add_options_of_line (&options, line + 1);
        }
      free (copy);
    }
  return options;
}

/* No form of an option stands there twice.  */
static void
expect_each_once (const struct options *options, const char *subcommand)
{
  struct options seen = { "" }, copy = *options;
  char *rest = copy.text;
  for (const char *form; (form = next_form (&rest)) != NULL;)
    {
      cr_expect_not (has_option (&seen, form), "%s --help explains %s twice", subcommand, form);
      append_option (&seen, form, strlen (form));
    }
}

/* What --help and the manual page say of one subcommand.  */
static void
compare_with_page (const char *page, const char *subcommand)
{
  static const struct
  {
    const char *subcommand, *options;
  } lacks[] = { { "shell", " --json  --timeout " }, { "batch", " --json " },
                { "hostname", " --timeout " },      { "conformance", " --timeout " },
                { "hops", " --timeout " },          { "doctor", " --timeout " } };
  const struct options none = { "" };
  struct options excused = none;
  char title[64];
  snprintf (title, sizeof title, "longreach %s", subcommand);
  for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
    if (strcmp (subcommand, lacks[i].subcommand) == 0)
      append (&excused, lacks[i].options);
  struct options help = options_of_help (subcommand);
  struct options own = options_of_subsection (page, title);
  struct options common = options_of_subsection (page, "Common options");
  struct options synopsis = options_of_synopsis (page, subcommand);
  bool takes_common = strcmp (subcommand, "plugins") != 0 && strcmp (subcommand, "config") != 0
                      && strcmp (subcommand, "new-connector") != 0
                      && strcmp (subcommand, "help") != 0;
  expect_each_once (&help, subcommand);
  expect_all_in (&help, &own, &common, subcommand, "the manual page does not have");
  expect_all_in (&own, &help, &none, subcommand, "--help does not explain");
  expect_all_in (&synopsis, &help, &none, subcommand, "the synopsis alone has");
  expect_each_in (&own, &synopsis, subcommand, "the synopsis does not have");
  if (takes_common)
    expect_all_in (&common, &help, &excused, subcommand, "--help does not explain the common");
}

static const char *const all_subcommands[] = {
  "run",    "shell",   "stat",        "get",    "put",           "ls",    "mkdir",    "rm",
  "mv",     "ln",      "readlink",    "chmod",  "chown",         "touch", "mktemp",   "df",
  "batch",  "user",    "group",       "whoami", "env",           "ping",  "hostname", "hops",
  "doctor", "plugins", "conformance", "config", "new-connector", "help"
};

Test (command, help_and_the_manual_page_name_the_same_options)
{
  char *page = read_file (source_file ("docs/longreach.1"), NULL);
  for (size_t i = 0; i < sizeof all_subcommands / sizeof *all_subcommands; i++)
    compare_with_page (page, all_subcommands[i]);
  free (page);
}

Test (command, help_lists_the_subcommands_of_the_manual_page)
{
  char *page = read_file (source_file ("docs/longreach.1"), NULL);
  struct finished got = run_longreach (NULL, 0, "--help", NULL);
  size_t listed = 0;
  bool in_list = false;
  for (char *rest = got.output, *line; (line = strsep (&rest, "\n")) != NULL;)
    {
      char heading[128];
      in_list = in_list ? line[0] != '\0' : strcmp (line, "Subcommands:") == 0;
      if (!in_list || strncmp (line, "  ", 2) != 0 || line[2] == ' ')
        continue;
      line[2 + strcspn (line + 2, " ")] = '\0';
      snprintf (heading, sizeof heading, "\n.Ss longreach %s\n", line + 2);
      cr_expect_not_null (strstr (page, heading), "the manual page has no %s", line + 2);
      listed++;
    }
  cr_expect_eq (listed, sizeof all_subcommands / sizeof *all_subcommands);
  size_t described = 0;
  for (const char *at = page; (at = strstr (at, "\n.Ss longreach ")) != NULL; at++)
    described++;
  cr_expect_eq (described, listed);
  free_finished (&got);
  free (page);
}

/* ---- put and get ---- */

Test (command, files_survive_the_round_trip)
{
  static const char *const names[] = { "plain",     "with space", "'quotes\" `'",
                                       "new\nline", "\377\376",   "-dash",
                                       "$HOME *",   "tab\t",      "back\\slash" };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    {
      char content[64], local[64], remote[64], back[64];
      snprintf (content, sizeof content, "content of %zu \377", i);
      snprintf (local, sizeof local, "./%s", names[i]);
      snprintf (remote, sizeof remote, "./%s.remote", names[i]);
      snprintf (back, sizeof back, "./%s.back", names[i]);
      write_text (local, content);
      succeed ("put", "local:", local, remote, NULL);
      succeed ("get", "local:", remote, back, NULL);
      expect_text (remote, content);
      expect_text (back, content);
      cr_expect_eq (mode_of (remote), 0600);
    }
  expect_nothing_hidden ();
}

Test (command, an_empty_file_survives_the_round_trip)
{
  write_text ("empty", "");
  write_text ("remote", "old");
  write_text ("back", "old");
  succeed ("put", "local:", "empty", "remote", NULL);
  succeed ("get", "local:", "remote", "back", NULL);
  expect_text ("remote", "");
  expect_text ("back", "");
  LONGREACH_READING ("", 0, "", "", "put", "local:", "-", "streamed");
  LONGREACH (0, "", "", "get", "local:", "streamed", "-");
  expect_text ("streamed", "");
}

/* SIZE bytes that are different everywhere.  */
static void
write_bulk (const char *path, size_t size)
{
  static uint64_t block[1 << 14];
  FILE *stream = fopen (path, "w");
  cr_assert_not_null (stream);
  for (size_t done = 0; done < size;)
    {
      size_t part = size - done < sizeof block ? size - done : sizeof block;
      for (size_t i = 0; i < sizeof block / sizeof *block; i++)
        block[i] = (done + i) * 0x9E3779B97F4A7C15;
      cr_assert_eq (fwrite (block, 1, part, stream), part);
      done += part;
    }
  cr_assert_eq (fclose (stream), 0);
}

Test (command, a_large_file_survives_the_round_trip)
{
  write_bulk ("large", bulk_size () + 1);
  succeed ("put", "local:", "large", "remote", NULL);
  PROGRAM (0, "", "", "cmp", "large", "remote");
  unlink ("large");
  succeed ("get", "local:", "remote", "back", NULL);
  PROGRAM (0, "", "", "cmp", "remote", "back");
}

Test (command, a_dash_is_a_stream)
{
  write_bulk ("large", 9 << 20);
  SHELL (0, "", "", "cat large | longreach put local: - remote");
  SHELL (0, "", "", "longreach put local: - again < large");
  SHELL (0, "", "", "longreach get local: remote - | cmp - large");
  PROGRAM (0, "", "", "cmp", "large", "again");
  LONGREACH (2, "", "longreach: standard input has no name to put after directory/: *\n", "put",
             "local:", "-", "directory/");
  write_text ("text", "first\nsecond\n");
  /* What was read before is not sent again.  */
  SHELL (0, "", "", "(read -r line; longreach put local: - rest) < text");
  expect_text ("rest", "second\n");
  cr_assert_eq (truncate ("large", 100 << 20), 0);
  SHELL (0, "104857599\n", "",
         "(dd bs=1 count=1 status=none; longreach put local: - rest) < large > /dev/null; stat -c "
         "%s rest");
  write_text ("-", "a file of that name");
  succeed ("put", "local:", "./-", "dash", NULL);
  expect_text ("dash", "a file of that name");
}

Test (command, a_directory_gets_a_file_of_the_same_name)
{
  mkdir ("to", 0755);
  mkdir ("to/taken", 0755);
  write_text ("file", "content");
  write_text ("taken", "content");
  succeed ("get", "local:", "file", "to", NULL);
  expect_text ("to/file", "content");
  unlink ("to/file");
  succeed ("get", "local:", "./file", "to/", NULL);
  expect_text ("to/file", "content");
  unlink ("to/file");
  succeed ("put", "local:", "file", "to/", NULL);
  expect_text ("to/file", "content");
  LONGREACH (2, "", "*names no file*", "get", "local:", "/", "to");
  LONGREACH (2, "", "*names no file*", "get", "local:", "to/..", "to");
  LONGREACH (2, "", "longreach: cannot write to/taken: it is a directory\n", "get",
             "local:", "taken", "to");
}

Test (command, what_is_no_regular_file_is_written_in_place)
{
  struct stat info;
  write_text ("file", "content");
  succeed ("get", "local:", "file", "/dev/null", NULL);
  succeed ("put", "local:", "file", "/dev/null", NULL);
  cr_assert_eq (stat ("/dev/null", &info), 0);
  cr_expect (S_ISCHR (info.st_mode));
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  SHELL (0, "content", "", "timeout 20 cat fifo & longreach get local: file fifo; wait");
  cr_assert_eq (symlink ("nowhere", "dangling"), 0);
  succeed ("get", "local:", "file", "dangling", NULL);
  expect_text ("nowhere", "content");
}

Test (command, get_replaces_a_file_but_keeps_its_mode_and_links_to_it)
{
  struct stat info;
  mkdir ("elsewhere", 0755);
  write_text ("remote", "new");
  write_file ("elsewhere/local", "old", 3, 0751);
  cr_assert_eq (symlink ("elsewhere/local", "link"), 0);
  succeed ("get", "local:", "remote", "link", NULL);
  expect_text ("elsewhere/local", "new");
  cr_expect_eq (mode_of ("elsewhere/local"), 0751);
  cr_assert_eq (lstat ("link", &info), 0);
  cr_expect (S_ISLNK (info.st_mode));
  SHELL (0, "", "", "umask 027; longreach get local: remote fresh");
  cr_expect_eq (mode_of ("fresh"), 0640);
  expect_nothing_hidden ();
}

Test (command, get_keeps_the_owner_of_the_file_it_replaces)
{
  need_root ();
  struct stat info;
  write_text ("remote", "new");
  write_file ("local", "old", 3, 0600);
  cr_assert_eq (chown ("local", ORDINARY_ID, 1), 0);
  cr_assert_eq (chmod ("local", 06755), 0);
  succeed ("get", "local:", "remote", "local", NULL);
  cr_assert_eq (stat ("local", &info), 0);
  cr_expect (info.st_uid == ORDINARY_ID && info.st_gid == 1);
  cr_expect_eq (info.st_mode & 07777, 06755);
  expect_text ("local", "new");
  /* Also where only the group is another one.  */
  cr_assert_eq (chown ("local", 0, 1), 0);
  cr_assert_eq (chmod ("local", 02755), 0);
  succeed ("get", "local:", "remote", "local", NULL);
  cr_assert_eq (stat ("local", &info), 0);
  cr_expect (info.st_uid == 0 && info.st_gid == 1);
  cr_expect_eq (info.st_mode & 07777, 02755);
}

/* Nothing can take its place, and what was to is not left beside it.  */
Test (command, get_overwrites_a_file_that_is_a_mount_point)
{
  need_mounts ();
  write_text ("remote", "new");
  cr_assert_eq (mkdir ("place", 0755), 0);
  write_text ("place/file", "old, and longer");
  mount_at ("place/file", "place/file", NULL, MS_BIND, NULL);
  succeed ("get", "local:", "remote", "place/file", NULL);
  undo_mounts ();
  expect_text ("place/file", "new");
  expect_nothing_hidden ();
}

Test (command, a_failed_get_leaves_the_old_file)
{
  mkdir ("directory", 0755);
  write_file ("local", "old", 3, 0640);
  LONGREACH (1, "", "*nosuch\n", "get", "local:", "nosuch", "local");
  LONGREACH (3, "", "*Is a directory, which only get -r fetches\n", "get", "local:", "directory",
             "local");
  LONGREACH (255, "", "*", "get", "nosuch:", "x", "local");
  expect_text ("local", "old");
  cr_expect_eq (mode_of ("local"), 0640);
  expect_nothing_hidden ();
}

/* COMMAND, by a shell in a directory "full" that has room for 64 KiB, with a file "old" in it and
   one "large" beside the directory.  */
static void
check_on_full_disk (const char *command, int status, const char *error)
{
  char script[1024];
  write_bulk ("large", 1 << 20);
  mkdir ("full", 0755);
  snprintf (script, sizeof script,
            "mount -t tmpfs -o size=64k tmpfs full && echo old > full/old && { %s; status=$?; }\n"
            "[ \"$(cat full/old)\" = old ] || echo the old file is gone\n"
            "[ \"$(ls -A full)\" = old ] || ls -A full\n"
            "exit $status\n",
            command);
  struct finished allowed = run_program (
      (const char *const[]){ "unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "full", NULL }, NULL,
      0);
  bool can_mount = allowed.status == 0;
  cr_assert (can_mount || getenv ("CI") == NULL, "cannot mount: %s", allowed.error);
  free_finished (&allowed);
  if (!can_mount)
    cr_skip_test ("root may not mount here");
  PROGRAM (status, "", error, "unshare", "-m", "sh", "-c", script);
}

Test (command, a_get_that_fills_the_disk_leaves_the_old_file)
{
  need_root ();
  check_on_full_disk ("longreach get local: large full/old", 2,
                      "longreach: cannot write full/old: No space left on device\n");
}

Test (command, a_put_that_fills_the_disk_leaves_the_old_file)
{
  need_root ();
  check_on_full_disk ("longreach put local: large full/old", 3,
                      "longreach: localhost: *full/old*: No space left on device\n");
}

Test (command, a_forbidden_put_leaves_the_old_file)
{
  need_root ();
  make_ordinary_dispatcher ();
  mkdir ("locked", 0755);
  write_file ("locked/file", "old", 3, 0644);
  write_text ("new", "new");
  LONGREACH (3, "", "*locked/file*: Permission denied\n", "put", "-o", ordinary, "local:", "new",
             "locked/file");
  LONGREACH (3, "", "*locked/fresh*: Permission denied\n", "put", "-o", ordinary, "local:", "new",
             "locked/fresh");
  LONGREACH (3, "", "*", "put", "-o", ordinary, "--owner=root", "local:", "new", "/tmp/.");
  PROGRAM (0, "file\n", "", "ls", "-A", "locked");
  expect_text ("locked/file", "old");
  cr_expect_eq (mode_of ("locked/file"), 0644);
}

/* The client is the ordinary user in what follows, with the groups that its first argument gives; a
   copy of it can be started by that user.  */
#define ORDINARY_CLIENT                                                                            \
  "cp \"$(command -v longreach)\" command 2> /dev/null\n"                                          \
  "library=$(printf %s \"$LD_LIBRARY_PATH\" | cut -d: -f1)\n"                                      \
  "mkdir library plugins; cp \"$library\"/liblongreach.so* library\n"                              \
  "cp \"${LONGREACH_PLUGIN_PATH%%:*}\"/*.so plugins\n"                                             \
  "[ ! -x .libs/lt-longreach ] || exit 1\n"                                                        \
  "real=$(dirname \"$(command -v longreach)\")/.libs/longreach\n"                                  \
  "[ ! -e \"$real\" ] || cp \"$real\" command\n"                                                   \
  "chmod -R a+rX .\n"                                                                              \
  "ordinary () {\n"                                                                                \
  "  groups=$1 operation=$2; shift 2\n"                                                            \
  "  LD_LIBRARY_PATH=$PWD/library LONGREACH_PLUGIN_PATH=$PWD/plugins \\\n"                         \
  "  setpriv --reuid 65534 --regid 65534 $groups \\\n"                                             \
  "  ./command $operation -o dispatcher=./dispatcher-copy \"$@\"\n"                                \
  "}\n"

Test (command, a_get_writes_in_place_where_the_directory_forbids_a_new_file)
{
  need_root ();
  make_ordinary_dispatcher ();
  mkdir ("locked", 0755);
  write_file ("locked/file", "an old file", 11, 0666);
  write_text ("remote", "new");
  SHELL (0, "", "", ORDINARY_CLIENT "ordinary --clear-groups get local: remote locked/file");
  expect_text ("locked/file", "new");
  cr_expect_eq (mode_of ("locked/file"), 0666);
}

/* What members of the old group could do, those of the new one can't, but as others.  */
Test (command, a_get_keeps_the_group_if_it_may_and_else_gives_the_new_one_no_more_than_others)
{
  need_root ();
  struct stat info;
  make_ordinary_dispatcher ();
  mkdir ("to", 0755);
  cr_assert_eq (chmod ("to", 0777), 0);
  write_text ("remote", "new");
  write_text ("to/member", "old");
  write_text ("to/stranger", "old");
  cr_assert_eq (chown ("to/member", 0, 1), 0);
  cr_assert_eq (chown ("to/stranger", 0, 2), 0);
  cr_assert_eq (chmod ("to/member", 06664), 0);
  cr_assert_eq (chmod ("to/stranger", 06664), 0);
  SHELL (0, "", "",
         ORDINARY_CLIENT "ordinary --groups=1 get local: remote to/member &&\n"
                         "ordinary --groups=1 get local: remote to/stranger");
  cr_assert_eq (stat ("to/member", &info), 0);
  cr_expect (info.st_uid == ORDINARY_ID && info.st_gid == 1);
  cr_expect_eq (info.st_mode & 07777, 0664);
  cr_assert_eq (stat ("to/stranger", &info), 0);
  cr_expect (info.st_uid == ORDINARY_ID && info.st_gid == ORDINARY_ID);
  cr_expect_eq (info.st_mode & 07777, 0644);
}

Test (command, put_sets_the_mode_that_is_asked_for)
{
  write_text ("new", "new");
  write_file ("remote", "old", 3, 0640);
  succeed ("put", "--preserve", "local:", "new", "remote", NULL);
  cr_expect_eq (mode_of ("remote"), 0640);
  succeed ("put", "-p", "--mode=444", "local:", "new", "remote", NULL);
  cr_expect_eq (mode_of ("remote"), 0444);
  succeed ("put", "--mode", "2755", "local:", "new", "remote", NULL);
  cr_expect_eq (mode_of ("remote"), 02755);
  succeed ("put", "local:", "new", "remote", NULL);
  cr_expect_eq (mode_of ("remote"), 0600);
  succeed ("put", "-p", "local:", "new", "fresh", NULL);
  cr_expect_eq (mode_of ("fresh"), 0600);
  expect_text ("remote", "new");
}

static void
expect_ids (const char *path, uid_t uid, gid_t gid)
{
  struct stat info;
  cr_assert_eq (stat (path, &info), 0);
  cr_expect (info.st_uid == uid && info.st_gid == gid, "%s belongs to %u:%u", path, info.st_uid,
             info.st_gid);
}

Test (command, put_sets_the_owner_that_is_asked_for)
{
  need_root ();
  write_text ("new", "new");
  write_text ("remote", "old");
  succeed ("put", "--owner=nobody", "local:", "new", "remote", NULL);
  expect_ids ("remote", ORDINARY_ID, ORDINARY_ID);
  succeed ("put", "--preserve", "--group=1", "local:", "new", "remote", NULL);
  expect_ids ("remote", ORDINARY_ID, 1);
  succeed ("put", "--preserve", "local:", "new", "remote", NULL);
  expect_ids ("remote", ORDINARY_ID, 1);
  succeed ("put", "--owner=65534", "--group=daemon", "local:", "new", "remote", NULL);
  expect_ids ("remote", ORDINARY_ID, 1);
  succeed ("put", "local:", "new", "remote", NULL);
  expect_ids ("remote", 0, 0);
}

Test (command, a_misplaced_url_is_recognised)
{
  write_text ("file", "x");
  write_text ("local:odd", "x");
  LONGREACH (2, "", "longreach: the URL comes first: longreach put local: file to\n", "put", "file",
             "local:", "to");
  LONGREACH (2, "", "longreach: the URL comes first: longreach put local: file to\n", "put", "file",
             "to", "local:");
  LONGREACH (2, "", "longreach: the URL comes first: longreach put local: 'a b' 'it'\\''s'\n",
             "put", "a b", "local:", "it's");
  LONGREACH (2, "", "longreach: the URL comes first: longreach get local: file to\n", "get", "file",
             "local:", "to");
  LONGREACH (2, "", "longreach: the URL comes first: longreach get URL REMOTE... LOCAL\n", "get",
             "file", "local:");
  LONGREACH (2, "", "longreach: the URL comes first: longreach stat local: /\n", "stat", "/",
             "local:");
  LONGREACH (2, "", "longreach: the URL comes first: longreach put local: local:odd to\n", "put",
             "local:odd", "local:", "to");
  LONGREACH (2, "", "longreach: \"host\" has no schema*\n", "put", "host", "local:odd", "to");
  LONGREACH (0, "", "", "put", "local:", "local:odd", "to");
  expect_text ("to", "x");
}

/* The far side is a FIFO, which takes no more than its reader: the file changes when it has begun.
 */
Test (command, a_file_that_becomes_shorter_while_it_is_sent_is_reported)
{
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  write_text ("large", "");
  cr_assert_eq (truncate ("large", 50 << 20), 0);
  SHELL (2, "", "longreach: large became shorter while it was being sent\n",
         "longreach put local: large fifo & exec 3< fifo; head -c 1 <&3 > /dev/null\n"
         "truncate -s 1000 large; cat <&3 > /dev/null; wait $!");
  cr_assert_eq (truncate ("large", 50 << 20), 0);
  SHELL (0, "52428799\n", "",
         "longreach put local: large fifo & exec 3< fifo; head -c 1 <&3 > /dev/null\n"
         "truncate -s 60000000 large; wc -c <&3; wait $!");
}

/* ---- what can't be written ---- */

Test (command, a_write_error_on_standard_output_is_no_success)
{
  char command[256];
  static const char *const lines[] = {
    "stat local: /",
    "get local: file -",
    "put --json local: file new",
    "user local: root",
    "group local: root",
    "whoami local:",
    "env local: PATH",
    "ping local:",
    "hostname local:",
    "plugins",
    "plugins --json",
    "help",
    "run --help",
    "--version",
    "--help",
    "stat --json local: no",
    "stat --json",
  };
  write_text ("file", "x");
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    {
      snprintf (command, sizeof command, "longreach %s > /dev/full", lines[i]);
      SHELL (strncmp (lines[i], "run", 3) == 0 ? 255 : 2, "",
             "longreach: cannot write to standard output: No space left on device\n", command);
    }
  SHELL (255, "", "longreach: cannot write to standard output: No space left on device\n",
         "longreach run local: echo x > /dev/full");
  SHELL (255, "", "*No space left*", "longreach run --json local: true > /dev/full");
  SHELL (0, "", "", "longreach run local: true > /dev/full");
  SHELL (1, "", "", "longreach run local: false > /dev/full");
  SHELL (2, "", "longreach: cannot write to standard output: Bad file descriptor\n",
         "longreach whoami local: >&-");
  SHELL (255, "", "*cannot write to standard*", "longreach run local: echo x >&-");
  SHELL (1, "", "", "longreach stat local: nosuch 2>&-");
}

/* ---- terminals ---- */

/* LINE is what a terminal shows of WORDS; its newlines are the terminal's.  */
static void
check_on_terminal (const char *const *words, int status, const char *pattern)
{
  int got;
  char *output = run_on_terminal (words, "\004", &got);
  cr_expect_eq (got, status, "%s: exits %d", join_words (words), got);
  cr_expect (matches_pattern (pattern, output), "%s: prints \"%s\"", join_words (words), output);
  free (output);
}

#define ON_TERMINAL(status, pattern, ...) check_on_terminal (WORDS (__VA_ARGS__), status, pattern)

Test (command, control_characters_are_printed_safely_on_a_terminal)
{
  /* Controls, what is not UTF-8 at all, and what only looks like it: C1 controls are characters,
     and a decoder that takes overlong forms would take "\300\233" for an escape.  */
  static const char evil[] =
      "\033[31m\b\377\302\233\177\303\244\300\257\300\233\355\240\200\364\220\200\200";
  static const char safe[] =
      "\\x1B[31m\\x08\\xFF\\xC2\\x9B\\x7F\303\244\\xC0\\xAF\\xC0\\x9B\\xED\\xA0\\x80"
      "\\xF4\\x90\\x80\\x80";
  char setting[64], expected[256];
  struct answer answer = { .size = 0 };
  write_text (evil, "x");
  snprintf (expected, sizeof expected, "path:    %s\r\ntype:    file\r\n*", safe);
  ON_TERMINAL (0, expected, "longreach", "stat", "local:", evil);
  snprintf (setting, sizeof setting, "LR_X=%s", evil);
  snprintf (expected, sizeof expected, "%s\r\n", safe);
  ON_TERMINAL (0, expected, "env", setting, "longreach", "env", "local:", "LR_X");
  ON_TERMINAL (0, "{*\\u001B[31m\\u009B\\u00E4\"}\r\n", "env", "LR_X=\033[31m\302\233\303\244",
               "longreach", "env", "--json", "local:", "LR_X");
  add_integer (&answer, 11, 4); /* ResolveResult */
  add_text (&answer, evil);
  make_canned_dispatcher (&answer);
  ON_TERMINAL (0, expected, "longreach", "whoami", CANNED, "local:");
  snprintf (expected, sizeof expected, "longreach: localhost: %s.no does not exist\r\n", safe);
  snprintf (setting, sizeof setting, "%s.no", evil);
  ON_TERMINAL (1, expected, "longreach", "stat", "local:", setting);
  ON_TERMINAL (0, "\033[31mred\033[m", "longreach", "run", "local:", "printf", "\033[31mred\033[m");
  /* Elsewhere names are what they are, but a message is always safe.  */
  snprintf (expected, sizeof expected, "path:    %s\n*", evil);
  LONGREACH (0, expected, "", "stat", "local:", evil);
  LONGREACH (1, "", "*\\x1B[31m does not exist\n", "stat", "local:", "\033[31m");
  LONGREACH (2, "", "*no subcommand \\x1B[31m*", "\033[31m");
  LONGREACH (127, "", "*\\x1B[31m*", "run", "local:", "\033[31m");
  LONGREACH (255, "", "*no option -\\x1B;*", "run", "-\033", "local:");
}

Test (command, a_far_sides_message_is_printed_safely)
{
  struct answer answer = { .size = 0 };
  add_integer (&answer, 4, 4); /* OSError */
  add_integer (&answer, EACCES, 8);
  add_text (&answer, "\033[2Jdenied");
  add_text (&answer, "line\nline\377");
  make_canned_dispatcher (&answer);
  LONGREACH (3, "", "longreach: localhost: line\\x0Aline\\xFF: \\x1B[2Jdenied\n", "stat", CANNED,
             "local:", "x");
}

/* ---- dispatchers, plugins ---- */

Test (command, another_dispatcher_can_be_named)
{
  size_t size;
  char *script = read_file (source_file ("tests/plain_dispatcher.py"), &size);
  write_file ("plain_dispatcher.py", script, size, 0755);
  free (script);
  write_text ("file", "content");
#define PYTHON "-o", "dispatcher=python3 ./plain_dispatcher.py", "-o", "protocol=plain"
  static const char url[] = "local:web1?dispatcher=python3 ./plain_dispatcher.py&protocol=plain";
  LONGREACH_READING ("in", 0, "*plain_dispatcher.py\nin", "", "run", PYTHON, "local:", "sh", "-c",
                     "ps -o args= $PPID; cat");
  LONGREACH (7, "", "err\n", "run", url, "--", "sh", "-c", "echo err >&2; exit 7");
  LONGREACH (143, "", "", "run", url, "--", "sh", "-c", "kill -TERM $$");
  LONGREACH (127, "", "longreach: web1: the program nosuch*", "run", url, "nosuch");
  LONGREACH (0, "*\"size\":7,*", "", "stat", "--json", PYTHON, "local:", "file");
  LONGREACH (1, "", "*web1: nosuch does not exist\n", "stat", url, "nosuch");
  LONGREACH (0, "", "", "put", PYTHON, "--mode=640", "local:", "file", "new");
  LONGREACH (0, "content", "", "get", url, "new", "-");
  LONGREACH (0, "{\"user\":\"*", "", "whoami", "--json", url);
  LONGREACH (0, "name:    root\n*", "", "user", url, "root");
  LONGREACH (1, "", "*nosuch-group*", "group", url, "nosuch-group");
  LONGREACH (1, "", "*web1: *LR_NOT_SET is not set\n", "env", url, "LR_NOT_SET");
  LONGREACH (0, "1: *", "", "ping", "-c1", url);
  cr_expect_eq (mode_of ("new"), 0640);
}

/* Copy the build's plugin into DIRECTORY, and return its path there.  */
static const char *
copy_plugin (const char *directory, const char *name)
{
  char original[PATH_MAX];
  static char copy[PATH_MAX];
  size_t size;
  const char *built = getenv ("LONGREACH_PLUGIN_PATH");
  cr_assert_not_null (built, "run the suites through ./run");
  snprintf (original, sizeof original, "%.*s/local.so", (int) strcspn (built, ":"), built);
  snprintf (copy, sizeof copy, "%s/%s", directory, name);
  mkdir (directory, 0755);
  char *data = read_file (original, &size);
  write_file (copy, data, size, 0755);
  free (data);
  return copy;
}

Test (command, plugins_are_looked_for_where_the_options_and_the_environment_say)
{
  char setting[PATH_MAX], expected[PATH_MAX];
  copy_plugin ("first", "any-name");
  copy_plugin ("second", "local.so");
  write_text ("second/broken.so", "no plugin");
  write_text ("second/README", "not for anyone");
  snprintf (setting, sizeof setting, "LONGREACH_PLUGIN_PATH=%s", path_in ("second"));
  snprintf (expected, sizeof expected,
            "SCHEMA       VERSION    ABI SOURCE        DESCRIPTION\n"
            "local        * 1   environment   this machine\n    %s/second/local.so\n",
            path_in ("."));
  PROGRAM (0, "*", "longreach: local: loaded */second/local.so\n*", "env", setting, "longreach",
           "whoami", "-v", "local:");
  PROGRAM (0, "*", "longreach: local: loaded */first/any-name\n*", "env", setting, "longreach",
           "whoami", "-v", "--plugin-dir=first", "local:");
  PROGRAM (0, "*", "longreach: local: loaded */first/any-name\n*", "env", setting, "longreach",
           "whoami", "-v", "--plugin-dir=nosuch", "--plugin-dir", "first", "local:");
  PROGRAM (0, "*", "", "env", "LONGREACH_PLUGIN_PATH=", "longreach", "whoami", "--plugin-dir=first",
           "local:");
  PROGRAM (255, "", "*searched: /nonexistent, *", "env", "LONGREACH_PLUGIN_PATH=/nonexistent",
           "longreach", "run", "nosuch:", "x");
  PROGRAM (0,
           "SCHEMA       VERSION    ABI SOURCE        DESCRIPTION\n"
           "local        * 1   program       this machine\n    /*/first/any-name\n"
           "-            -          -   environment   -\n    /*/second/broken.so\n"
           "    problem: *ELF*\n"
           "local        * 1   environment   this machine\n    /*/second/local.so\n"
           "    shadowed by /*/first/any-name\n*",
           "", "env", setting, "longreach", "plugins", "--plugin-dir=first");
  PROGRAM (0,
           "{\"connectors\":[{\"schema\":\"local\",*\"source\":\"program\",\"file\":\"/*/first/"
           "any-name\",\"directory\":\"/*/first\",\"shadowed_by\":null,\"shadows\":[\"/*/second/"
           "local.so\"*],\"problem\":null},"
           "{\"schema\":null,\"description\":null,\"version\":null,*\"file\":\"/*/broken.so\",*"
           "\"problem\":\"*\"},"
           "{\"schema\":\"local\",*\"shadowed_by\":\"/*/first/any-name\",\"shadows\":[],*}*]}\n",
           "", "env", setting, "longreach", "plugins", "--plugin-dir=first", "--json");
  PROGRAM (0, "web1\n", "", "env", setting, "longreach", "hostname", "--plugin-dir=first",
           "local:web1");
}

Test (command, plugins_explains_a_schema_from_its_table)
{
  LONGREACH (0,
             "SCHEMA *\n"
             "ssh *\n"
             "\nURL\n"
             "    ssh:[user@]host[:port]\n"
             "\nOptions, *\n"
             "    identity=path, can be repeated\n"
             "        *\n"
             "    protocol=session|plain\n"
             "        *\n"
             "\nOperations\n"
             "    by the dispatcher: run stat upload download resolve_user resolve_group "
             "query_user query_group getenv list make_directory remove rename link read_link "
             "set_attributes make_temporary file_system put_tree get_tree\n",
             "", "plugins", "ssh");
  copy_plugin ("broken", "local.so");
  chmod ("broken/local.so", 0777);
  LONGREACH (255, "SCHEMA *\nlocal *problem: *",
             "longreach: */broken/local.so: it is not used, because it can be written by everybody "
             "(its mode is 0777)\n",
             "plugins", "--plugin-dir=broken", "local");
  LONGREACH (255, "{\"error\":{\"kind\":\"plugin\",*}\n", "", "plugins", "--json",
             "--plugin-dir=broken", "local");
}

/* ---- explaining ---- */

Test (command, hops_tells_what_would_be_run)
{
  LONGREACH (0,
             "local, to localhost\n"
             "    connector: this machine, /*local.so\n"
             "    command: /*/longreach-dispatcher --session NONCE\n",
             "", "hops", "local:");
  LONGREACH (0,
             "1 of 2: ssh, to web1\n"
             "    connector: *, /*ssh.so\n"
             "    command: ssh * -- web1 'exec sh -c SCRIPT'\n"
             "2 of 2: local, to localhost\n"
             "    connector: *\n"
             "    command: sh -c SCRIPT\n",
             "", "hops", "ssh:bob@web1,local:");
  LONGREACH (0,
             "{\"hops\":[{\"schema\":\"local\",\"host\":\"localhost\",\"description\":\"*\","
             "\"file\":\"/*\",\"command\":[\"/bin/x\",\"-y\",\"--session\",\"NONCE\"]}]}\n",
             "", "hops", "--json", "-o", "dispatcher=/bin/x -y", "local:");
  LONGREACH (2, "", "longreach: *option*colour*\n", "hops", "-o", "colour=red", "local:");
  LONGREACH (255, "", "longreach: no connector has the schema \"nope\"*\n", "hops", "local:,nope:");
  LONGREACH (255, "", "longreach: local: the connector speaks the plain protocol*\n", "hops",
             "local:?protocol=plain,local:");
}

Test (command, doctor_tells_what_works)
{
  LONGREACH (0,
             "local, to localhost: works, * ms\n"
             "    connector: *\n"
             "    command: *\n"
             "    dispatcher: " PACKAGE_VERSION "\n"
             "    round trip: * ms\n"
             "    user: *\n"
             "    commands: \"true\" in * ms\n"
             "    files: \"/\" is there\n",
             "", "doctor", "local:");
}

Test (command, doctor_tells_which_hop_fails_and_what_to_do)
{
  LONGREACH (255,
             "1 of 3: local, to localhost: works, * ms\n*"
             "2 of 3: local, to localhost: fails, * ms\n"
             "    connector: *\n"
             "    command: /nowhere/x --session NONCE\n"
             "    problem: localhost: *\n"
             "    what to do: run the command above by hand*\n"
             "3 of 3: local, to localhost: not tried\n"
             "    connector: *\n"
             "    command: *\n",
             "", "doctor", "local:,local:?dispatcher=/nowhere/x,local:");
  LONGREACH (255,
             "{\"hops\":[{*\"state\":\"works\"*},{*\"state\":\"fails\"*\"problem\":\"*\","
             "\"advice\":\"*\"}],\"tried\":[]}\n",
             "", "doctor", "--json", "local:,local:?dispatcher=/nowhere/x");
  LONGREACH (255,
             "local, to localhost: fails, * ms\n"
             "    connector: *\n"
             "    command: /nowhere/x --session NONCE\n"
             "    problem: localhost: cannot start /nowhere/x: No such file or directory\n"
             "    what to do: *\n",
             "", "doctor", "-o", "dispatcher=/nowhere/x", "local:");
  LONGREACH (255,
             "exec, to env: fails, * ms\n*"
             "    system: Linux *\n"
             "    problem: env: its directory /nowhere is not there, *\n"
             "    what to do: the way there works, *\"Getting a dispatcher there\"\n",
             "", "doctor", "exec:env?directory=/nowhere");
  LONGREACH (255,
             "{\"hops\":[{*\"state\":\"fails\"*\"problem\":\"*\",\"advice\":\"*\"},{*"
             "\"state\":\"not tried\"*}],\"tried\":[]}\n",
             "", "doctor", "--json", "local:?dispatcher=/nowhere/x,local:");
  LONGREACH (255, "", "longreach: localhost: cannot start /nowhere/x: No such file or directory\n",
             "ping", "-o", "dispatcher=/nowhere/x", "local:");
}

/* ---- configuration ---- */

/* The user's file of this test.  */
static void
configure (const char *text)
{
  mkdir ("config", 0755);
  mkdir ("config/longreach", 0755);
  write_text ("config/longreach/longreach.conf", text);
  setenv ("XDG_CONFIG_HOME", path_in ("config"), 1);
}

Test (command, a_bare_name_is_what_the_configuration_makes_of_it)
{
  LONGREACH (2, "", "longreach: \"web1\" has no schema: write SCHEMA:web1\n", "hostname", "web1");
  configure ("[longreach]\ndefault_schema = local\n[host db]\nurl = local:machine\n");
  LONGREACH (0, "web1\n", "", "hostname", "web1");
  LONGREACH (0, "machine\n", "", "hostname", "db");
  LONGREACH (7, "", "", "run", "db", "--", "sh", "-c", "exit 7");
  LONGREACH (0, "hi\n", "", "run", "web1", "echo", "hi");
  write_text ("file", "content");
  LONGREACH (0, "", "", "put", "db", "file", "copy");
  LONGREACH (0, "content", "", "get", "db", "copy", "-");
}

Test (command, config_lists_settings_and_where_they_are)
{
  configure ("[longreach]\ndefault_schema = local\npath = /opt/a:/opt/b\n"
             "[schema local]\nprotocol = plain\n[host db]\nurl = local:machine\n");
  mkdir ("system", 0755);
  mkdir ("system/longreach", 0755);
  write_text ("system/longreach/longreach.conf", "[longreach]\ndefault_schema = ssh\n");
  setenv ("XDG_CONFIG_DIRS", path_in ("system"), 1);
  LONGREACH (0,
             "path = /*/program\n"
             "    program\n"
             "LONGREACH_PLUGIN_PATH = *\n"
             "    environment\n*"
             "[longreach] default_schema = local\n"
             "    user, */config/longreach/longreach.conf:2\n"
             "[longreach] path = /opt/a\n"
             "    user, */config/longreach/longreach.conf:3\n"
             "[longreach] path = /opt/b\n"
             "    user, */config/longreach/longreach.conf:3\n"
             "[schema local] protocol = plain\n"
             "    user, */config/longreach/longreach.conf:5\n"
             "[host db] url = local:machine\n"
             "    user, */config/longreach/longreach.conf:7\n"
             "[longreach] default_schema = ssh\n"
             "    system, */system/longreach/longreach.conf:2; overridden\n"
             "*path = /*/longreach/plugins\n"
             "    installed\n"
             "path = /*/longreach/connectors\n"
             "    installed\n",
             "", "config", "--plugin-dir=program");
  LONGREACH (0,
             "{\"settings\":[{\"section\":null,\"name\":\"LONGREACH_PLUGIN_PATH\",\"value\":\"*\","
             "\"source\":\"environment\",\"file\":null,\"overridden\":false},*"
             "{\"section\":\"longreach\",\"name\":\"default_schema\",\"value\":\"ssh\","
             "\"source\":\"system\",\"file\":\"/*/system/longreach/longreach.conf\",\"line\":2,"
             "\"overridden\":true}*]}\n",
             "", "config", "--json");
  LONGREACH (2, "", "longreach: config takes no operands, so x is one too many\n", "config", "x");
}

Test (command, a_mistake_in_the_configuration_is_told_by_whatever_needs_it)
{
  configure ("[longreach]\ndefault_scheme = local\n");
#define MISTAKE                                                                                    \
  "longreach: /*/config/longreach/longreach.conf:2: [longreach] has no setting "                   \
  "\"default_scheme\"; it has path and default_schema\n"
  LONGREACH (2, "LONGREACH_PLUGIN_PATH = *path = /*installed\n", MISTAKE, "config");
  LONGREACH (2, "{\"error\":{\"kind\":\"invalid-value\",*\"field\":\"longreach.conf\",*}}\n", "",
             "config", "--json");
  LONGREACH (2, "", MISTAKE, "plugins");
  LONGREACH (2, "", MISTAKE, "hostname", "local:");
  LONGREACH (255, "", MISTAKE, "run", "local:", "true");
  LONGREACH (0, "longreach *", "", "--version");
  LONGREACH (0, "Usage: *", "", "config", "--help");
}

/* ---- completion for bash ---- */

/* Completes the command line $2 as bash would, by the file $1, and prints each reply in brackets,
   and what compopt was asked for.  */
static const char complete_script[] =
    "set -f\n"
    "source \"$1\" || exit\n"
    "compopt () { [[ $1 == -o ]] && printf '<%s>' \"$2\"; }\n"
    "COMP_LINE=$2 COMP_POINT=${#2}\n"
    "COMP_WORDS=()\n"
    "for word in $2; do\n"
    "  while [[ $word =~ ^([^:=]*)([:=]+)(.*)$ ]]; do\n"
    "    [[ ${BASH_REMATCH[1]} ]] && COMP_WORDS+=(\"${BASH_REMATCH[1]}\")\n"
    "    COMP_WORDS+=(\"${BASH_REMATCH[2]}\")\n"
    "    word=${BASH_REMATCH[3]}\n"
    "  done\n"
    "  [[ $word ]] && COMP_WORDS+=(\"$word\")\n"
    "done\n"
    "[[ $2 == *' ' ]] && COMP_WORDS+=('')\n"
    "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
    "_longreach longreach \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"\n"
    "((${#COMPREPLY[@]} == 0)) || printf '[%s]' \"${COMPREPLY[@]}\"\n";

static struct finished
complete (const char *line)
{
  char *path = strdup (source_file ("completions/longreach.bash"));
  struct finished got =
      run_program (WORDS ("bash", "--norc", "-c", complete_script, "bash", path, line), NULL, 0);
  cr_expect_str_empty (got.error, "%s: %s", line, got.error);
  free (path);
  return got;
}

Test (command, bash_completes_command_lines)
{
  static const struct
  {
    const char *line, *replies;
  } rows[] = {
    { "longreach ru", "[run]" },
    { "longreach p", "[put][ping][plugins]" },
    { "longreach h", "[hostname][hops][help]" },
    { "longreach conformance --only=environment/p", "[environment/present]" },
    { "longreach --v", "[--version]" },
    { "longreach nosuch", "" },
    { "longreach run lo", "<nospace>[local:]" },
    { "longreach run ", "*[local:]*" },
    { "longreach run -n --user=x lo", "*[local:]*" },
    { "longreach run --user x lo", "*[local:]*" },
    { "longreach run -- lo", "*[local:]*" },
    { "longreach run --us", "<nospace>[--user=]" },
    { "longreach run --no", "[--no-stdin]" },
    { "longreach run local: --us", "" },
    { "longreach stat --js", "[--json]" },
    { "longreach stat local: / --js", "[--json]" },
    { "longreach stat local: -- --js", "" },
    { "longreach chmod local: --js", "" },
    { "longreach put local: --mode 644 ", "<default>" },
    { "longreach put --mode 644 lo", "*[local:]*" },
    { "longreach get --js", "[--json]" },
    { "longreach s", "[shell][stat]" },
    { "longreach batch lo", "*[local:]*" },
    { "longreach run --ti", "<nospace>[--timeout=]" },
    { "longreach put local: ", "<default>" },
    { "longreach put local: -- ", "<default>" },
    { "longreach put local: file ", "" },
    { "longreach get local: remote ", "<default>" },
    { "longreach get local: ", "" },
    { "longreach stat --plugin-dir ", "<dirnames>" },
    { "longreach stat --plugin-dir=", "<dirnames>" },
    { "longreach plugins lo", "[local]" },
    { "longreach help pl", "[plugins]" },
    { "longreach nosuch ", "" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    {
      struct finished got = complete (rows[i].line);
      cr_expect (matches_pattern (rows[i].replies, got.output), "%s: offers %s, not %s",
                 rows[i].line, got.output, rows[i].replies);
      free_finished (&got);
    }
}

/* Each form that --help explains is offered, and nothing else.  */
static void
expect_options_completed (const char *subcommand)
{
  char line[64];
  struct options help = options_of_help (subcommand);
  snprintf (line, sizeof line, "longreach %s -", subcommand);
  struct finished got = complete (line);
  size_t forms = 0, offered = 0;
  char *rest = help.text;
  for (const char *form; (form = next_form (&rest)) != NULL; forms++)
    {
      char alone[80], with_argument[80];
      snprintf (alone, sizeof alone, "[%s]", form);
      snprintf (with_argument, sizeof with_argument, "[%s=]", form);
      cr_expect (strstr (got.output, alone) != NULL || strstr (got.output, with_argument) != NULL,
                 "%s: %s is not offered", subcommand, form);
    }
  for (const char *at = got.output; (at = strchr (at, '[')) != NULL; at++)
    offered++;
  cr_expect_eq (offered, forms, "%s: offers %s", subcommand, got.output);
  free_finished (&got);
}

Test (command, bash_completes_the_options_of_help)
{
  for (size_t i = 0; i < sizeof all_subcommands / sizeof *all_subcommands; i++)
    expect_options_completed (all_subcommands[i]);
}
