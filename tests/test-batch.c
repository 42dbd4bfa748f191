/* longreach batch: what is asked for in lines of JSON, and answered in lines of JSON.  */

#include "tests/command.h"
#include "tests/dialog.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

COMMAND_SUITE (batch);

#define BATCH(status, input, output)                                                               \
  LONGREACH_READING (input, status, output, "", "batch", "local:")

/* Rows: a line, and a pattern of its answer.  */
#define LINE(input, output) BATCH (0, input "\n", output "\n")

/* The answer to a line that can't be carried out.  */
#define REFUSAL(id, message, field)                                                                \
  "{\"id\":" id ",\"error\":{\"kind\":\"usage\",\"message\":\"line 1: " message                    \
  "\",\"errno\":null,\"host\":null,\"field\":" field ",\"hop\":null,\"line\":1}}"

static struct dialog *
start_batch (void)
{
  return dialog_start (WORDS ("longreach", "batch", "local:"));
}

/* ---- operations ---- */

Test (batch, run_answers_as_run_does)
{
  LINE ("{\"id\":1,\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"cat; echo b >&2; exit 3\"],"
        "\"input\":\"a\"}",
        "{\"id\":1,\"result\":{\"returncode\":3,\"signal\":null,\"stdout\":\"a\",\"stderr\":"
        "\"b\\n\"}}");
  LINE ("{\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"kill -9 $$\"]}",
        "{\"id\":null,\"result\":{\"returncode\":-9,\"signal\":9,*}}");
  LINE ("{\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"echo $A[$HOME]; umask; pwd\"],"
        "\"environment\":[\"A=1\"],\"unset\":[\"HOME\"],\"umask\":\"027\",\"cwd\":\"/\"}",
        "*\"stdout\":\"1[]\\n0027\\n/\\n\"*");
  LINE ("{\"op\":\"run\",\"command\":[\"echo\",\"x\"],\"no_capture\":true}",
        "*\"stdout\":null,\"stderr\":null*");
  LINE ("{\"op\":\"run\",\"command\":[\"echo\",\"long\"],\"output_limit\":2}",
        "*\"error\":{\"kind\":\"invalid-value\",*\"field\":\"output_limit\"*");
  LINE ("{\"op\":\"run\",\"command\":[\"sleep\",\"60\"],\"timeout\":0.1}",
        "*\"error\":{\"kind\":\"timeout\",*");
  LINE ("{\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"(sleep 60 & ) ; echo x\"],\"linger\":0}",
        "*\"stdout\":\"x\\n\"*");
  LINE ("{\"op\":\"run\",\"command\":[\"nosuch-program\"]}",
        "*\"error\":{\"kind\":\"remote-os\",*\"errno\":2,\"host\":\"localhost\",*\"line\":1}}");
  LINE ("{\"op\":\"run\",\"command\":[\"true\"],\"user\":\"nosuch-user\"}",
        "*\"kind\":\"invalid-value\",*\"field\":\"user\"*");
}

Test (batch, files_are_described_sent_and_fetched)
{
  write_text ("file", "abc");
  LINE ("{\"id\":\"x\",\"op\":\"stat\",\"path\":\"file\",\"sha512sum\":true}",
        "{\"id\":\"x\",\"result\":{\"path\":\"file\",\"exists\":true,\"type\":\"file\",*"
        "\"size\":3,\"mtime\":{\"sec\":*,\"nsec\":*},*\"sha512sum\":\"ddaf35a1*\"}}");
  LINE ("{\"id\":[2],\"op\":\"stat\",\"path\":\"nosuch\"}", "{\"id\":[2],\"result\":null}");
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"content\":\"some \\u0000 content\",\"mode\":\"640\"}",
        "{\"id\":null,\"result\":{\"file\":\"new\",\"size\":14,\"in_place\":false}}");
  expect_content ("new", "some \0 content", 14);
  cr_expect_eq (mode_of ("new"), 0640);
  LINE ("{\"op\":\"upload\",\"file\":\"new\",\"content\":\"\",\"preserve\":true,\"sync\":true}",
        "*\"size\":0*");
  expect_text ("new", "");
  cr_expect_eq (mode_of ("new"), 0640);
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"from\":\"file\"}", "*\"size\":3*");
  expect_text ("new", "abc");
  LINE ("{\"op\":\"get\",\"file\":\"file\"}",
        "{\"id\":null,\"result\":{\"file\":\"file\",\"size\":3,\"content\":\"abc\"}}");
  LINE ("{\"op\":\"download\",\"file\":\"file\",\"offset\":1,\"length\":1}",
        "*\"size\":1,\"content\":\"b\"*");
  LINE ("{\"op\":\"get\",\"file\":\"/dev/null\"}", "*\"size\":0,\"content\":\"\"*");
  LINE ("{\"op\":\"get\",\"file\":\"file\",\"limit\":3}", "*\"content\":\"abc\"*");
  LINE ("{\"op\":\"get\",\"file\":\"file\",\"limit\":2}",
        REFUSAL ("null", "file has more than 2 bytes, which is the limit", "\"limit\""));
  LINE ("{\"op\":\"get\",\"file\":\"file\",\"to\":\"fetched\"}",
        "{\"id\":null,\"result\":{\"file\":\"fetched\",\"size\":3}}");
  expect_text ("fetched", "abc");
  LINE ("{\"op\":\"get\",\"file\":\"nosuch\",\"to\":\"fetched\"}",
        "*\"kind\":\"invalid-value\",*\"field\":\"file\"*");
  expect_text ("fetched", "abc");
  expect_nothing_hidden ();
}

Test (batch, local_files_that_can_not_be_used_are_named)
{
  write_text ("file", "abc");
  mkdir ("directory", 0755);
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"from\":\"nosuch\"}",
        "*\"kind\":\"local-file\",\"message\":\"line 1: cannot read nosuch: No such file or "
        "directory\",\"errno\":2,*\"field\":\"from\"*");
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"from\":\"directory\"}",
        "*\"kind\":\"local-file\",*\"errno\":21*");
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"from\":\"fifo\"}", "*fifo is not a regular file*");
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"from\":\"/proc/self/mem\"}",
        "*\"message\":\"line 1: cannot read /proc/self/mem: Input/output error\",\"errno\":5,"
        "\"host\":null,\"field\":\"from\"*");
  SHELL_READING ("{\"op\":\"get\",\"file\":\"/proc/self/exe\",\"to\":\"large\"}\n", 0,
                 "*\"message\":\"line 1: cannot write large: File too large\",\"errno\":27,"
                 "\"host\":null,\"field\":\"to\"*",
                 "", "trap '' XFSZ && ulimit -f 1 && longreach batch local:");
  LINE ("{\"op\":\"get\",\"file\":\"file\",\"to\":\"fifo\"}",
        "*\"kind\":\"local-file\",\"message\":\"line 1: fifo is not a regular "
        "file\",*\"field\":\"to\"*");
  LINE ("{\"op\":\"get\",\"file\":\"file\",\"to\":\"nosuch/x\"}",
        "*\"kind\":\"local-file\",*\"field\":\"to\"*");
  LINE ("{\"op\":\"get\",\"file\":\"file\",\"to\":\"directory\"}", "*\"file\":\"directory/file\"*");
  expect_text ("directory/file", "abc");
}

Test (batch, users_groups_and_variables_are_looked_up)
{
  struct finished own = run_program (WORDS ("sh", "-c", "printf %s \"$(id -un)\""), NULL, 0);
  char expected[128];
  snprintf (expected, sizeof expected, "{\"id\":1,\"result\":{\"name\":\"%s\"}}\n", own.output);
  BATCH (0, "{\"id\":1,\"op\":\"resolve_user\"}\n", expected);
  free_finished (&own);
  LINE ("{\"op\":\"resolve_user\",\"name\":\"0\"}", "{\"id\":null,\"result\":{\"name\":\"root\"}}");
  LINE ("{\"op\":\"resolve_group\",\"name\":\"0\"}", "*{\"name\":\"root\"}}");
  LINE ("{\"op\":\"query_user\",\"user\":\"root\"}",
        "{\"id\":null,\"result\":{\"name\":\"root\",\"uid\":0,*\"shell\":\"*\"}}");
  LINE ("{\"op\":\"query_group\",\"group\":\"root\"}",
        "{\"id\":null,\"result\":{\"name\":\"root\",\"gid\":0,\"members\":[*]}}");
  LINE ("{\"op\":\"query_user\",\"user\":\"nosuch-user\"}",
        "*\"kind\":\"invalid-value\",*\"field\":\"user\"*");
  setenv ("LR_X", "y", 1);
  LINE ("{\"op\":\"getenv\",\"key\":\"LR_X\"}",
        "{\"id\":null,\"result\":{\"name\":\"LR_X\",\"value\":\"y\"}}");
  LINE ("{\"op\":\"getenv\",\"key\":\"LR_NOT_SET\"}", "{\"id\":null,\"result\":null}");
  LINE ("{\"op\":\"ping\",\"timeout\":5}", "{\"id\":null,\"result\":{\"round_trip_ns\":*}}");
}

Test (batch, bytes_that_are_not_utf8_are_base64)
{
  write_text ("\377", "\376");
  LINE ("{\"op\":\"stat\",\"path_base64\":\"/w==\"}", "*\"path_base64\":\"/w==\",\"exists\":true*");
  LINE ("{\"op\":\"get\",\"file_base64\":\"/w==\"}",
        "*{\"file_base64\":\"/w==\",\"size\":1,\"content_base64\":\"/g==\"}}");
  LINE ("{\"op\":\"put\",\"file\":\"new\",\"content_base64\":\"/f8A\"}", "*\"size\":3*");
  expect_content ("new", "\375\377\0", 3);
  LINE ("{\"op\":\"run\",\"command_base64\":[\"cHJpbnRm\",\"W/pd\"]}",
        "*\"stdout_base64\":\"W/pd\"*");
  LINE ("{\"op\":\"run\",\"command\":[\"cat\"],\"input_base64\":\"AAE=\"}",
        "*\"stdout\":\"\\u0000\\u0001\"*");
  static const char *const none[] = { "x",    "/w=",     "/w===",           "/w", "=", "====",
                                      "/=w=", "/w==\\n", "\xC3\xA4\xC3\xA4" };
  for (size_t i = 0; i < sizeof none / sizeof *none; i++)
    {
      char line[128];
      snprintf (line, sizeof line, "{\"op\":\"stat\",\"path_base64\":\"%s\"}\n", none[i]);
      BATCH (0, line, REFUSAL ("null", "path_base64 is not base64", "\"path_base64\"") "\n");
    }
}

/* ---- lines ---- */

Test (batch, what_is_wrong_with_a_line_is_said_and_the_next_is_read)
{
  BATCH (0,
         "{\"id\":1,\n\n  \t\r\n[]\n{\"op\":\"ping\"} x\n{\"id\":6,\"op\":\"stat\",\"path\":\"/\"}",
         "{\"id\":null,\"error\":{\"kind\":\"usage\",\"message\":\"line 1: it is not JSON: *\"*"
         "\"line\":1}}\n"
         "{\"id\":null,\"error\":{*\"line 4: it is not a JSON object\",*\"line\":4}}\n"
         "{\"id\":null,\"error\":{*\"line 5: it is not JSON: *\"line\":5}}\n"
         "{\"id\":6,\"result\":{*}}\n");
  LINE ("{\"id\":1,\"op\":\"sta\"}",
        REFUSAL ("1", "there is no op sta (did you mean stat?)", "\"op\""));
  LINE ("{\"id\":1,\"op\":\"frobnicate\"}", REFUSAL ("1", "there is no op frobnicate", "\"op\""));
  LINE ("{\"id\":1}", REFUSAL ("1", "op is missing, or no string", "\"op\""));
  LINE ("{\"op\":7}", REFUSAL ("null", "op is missing, or no string", "\"op\""));
  LINE ("{\"id\":{\"a\":null},\"op\":\"stat\"}",
        REFUSAL ("{\"a\":null}", "path is missing", "\"path\""));
}

Test (batch, fields_are_checked)
{
  static const struct
  {
    const char *line, *problem, *field;
  } rows[] = {
    { "\"stat\",\"pat\":1", "there is no field pat (did you mean path?)", "pat" },
    { "\"stat\",\"path\":\"/\",\"frobnicate\":1", "there is no field frobnicate", "frobnicate" },
    { "\"stat\",\"path\":\"/\",\"sha512sum_base64\":\"\"", "there is no field sha512sum_base64",
      "sha512sum_base64" },
    { "\"stat\",\"path\":null", "path is missing", "path" },
    { "\"stat\",\"path\":1", "path must be a string", "path" },
    { "\"stat\",\"path\":\"a\\u0000b\"", "path holds a NUL byte", "path" },
    { "\"stat\",\"path_base64\":\"AA==\"", "path_base64 holds a NUL byte", "path_base64" },
    { "\"stat\",\"path\":\"/\",\"path_base64\":\"/w==\"", "path and path_base64 exclude each other",
      "path_base64" },
    { "\"stat\",\"path\":\"/\",\"sha512sum\":1", "sha512sum must be true or false", "sha512sum" },
    { "\"stat\",\"path\":\"/\",\"timeout\":\"1\"", "timeout must be a number of seconds",
      "timeout" },
    { "\"stat\",\"path\":\"/\",\"timeout\":-1", "timeout must be a number of seconds", "timeout" },
    { "\"stat\",\"path\":\"/\",\"timeout\":1e300", "timeout must be a number of seconds",
      "timeout" },
    { "\"run\",\"command\":\"ls\"", "command must be a list of strings", "command" },
    { "\"run\",\"command\":[1]", "command must be a list of strings", "command" },
    { "\"run\",\"command\":[]", "command is an empty list", "command" },
    { "\"get\",\"file\":\"f\",\"offset\":-1", "offset must be a whole number from 0", "offset" },
    { "\"get\",\"file\":\"f\",\"offset\":1.5", "offset must be a whole number from 0", "offset" },
    { "\"get\",\"file\":\"f\",\"length\":0", "length must be a whole number from 1", "length" },
    { "\"run\",\"command\":[\"true\"],\"output_limit\":0",
      "output_limit must be a whole number from 1", "output_limit" },
    { "\"list\",\"path\":\".\",\"limit\":0", "limit must be a whole number from 1", "limit" },
    { "\"get\",\"file\":\"f\",\"to\":\"x\",\"limit\":1",
      "limit is for content in the answer, and not with to", "limit" },
    { "\"put\",\"file\":\"f\"", "content is missing, or from, the name of a local file",
      "content" },
    { "\"put\",\"file\":\"f\",\"content\":\"\",\"from\":\"x\"",
      "content and from exclude each other", "from" },
    { "\"ping\",\"path\":\"/\"", "there is no field path", "path" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    {
      char line[256], answer[512];
      snprintf (line, sizeof line, "{\"id\":1,\"op\":%s}\n", rows[i].line);
      snprintf (answer, sizeof answer, REFUSAL ("1", "%s", "\"%s\"") "\n", rows[i].problem,
                rows[i].field);
      BATCH (0, line, answer);
    }
  LINE ("{\"op\":\"stat\",\"path\":\"/\",\"path\":\"/\"}", "*it is not JSON: duplicate*");
}

Test (batch, a_line_that_is_too_long_is_passed_over)
{
  SHELL (0,
         "{\"id\":null,\"error\":{*\"line 1: it has more than 67108864 bytes, which is the "
         "limit\",*\"line\":1}}\n{\"id\":2,\"result\":{*}}\n"
         "{\"id\":null,\"error\":{*\"line 3: it has more than *\"line\":3}}\n",
         "",
         "{ head -c 70000000 /dev/zero | tr '\\0' x; echo; echo '{\"id\":2,\"op\":\"ping\"}'\n"
         "  head -c 70000000 /dev/zero | tr '\\0' x; } | longreach batch local:");
  SHELL (0, "*\"size\":50000000,*", "",
         "{ printf '{\"op\":\"put\",\"file\":\"large\",\"content\":\"'\n"
         "  head -c 50000000 /dev/zero | tr '\\0' x; echo '\"}'; } | longreach batch local:");
  SHELL (0, "50000000\n", "", "tr -d -c x < large | wc -c");
}

/* ---- side by side ---- */

Test (batch, answers_come_when_they_are_there)
{
  struct dialog *dialog = start_batch ();
  dialog_say (dialog, "{\"id\":1,\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"read x < fifo\"]}\n"
                      "{\"id\":2,\"op\":\"stat\",\"path\":\"/\"}\n");
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  cr_expect_eq (dialog_hear (dialog, &dialog->output, "{\"id\":2,"), (size_t) 0);
  dialog_hear (dialog, &dialog->output, "\n");
  dialog_say (dialog, "{\"id\":3,\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"echo > fifo\"]}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":1,");
  dialog_close_input (dialog);
  cr_expect_eq (dialog_wait (dialog), 0);
  dialog_free (dialog);
}

Test (batch, all_that_is_under_way_is_finished)
{
  SHELL (0, "*\"id\":1,*\"stdout\":\"x\\n\"*", "",
         "echo '{\"id\":1,\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"sleep 0.5; echo x\"]}' | "
         "longreach batch local:");
}

Test (batch, a_request_can_be_cancelled)
{
  struct dialog *dialog = start_batch ();
  char line[256];
  snprintf (line, sizeof line, "{\"id\":\"a\",\"op\":\"run\",\"command\":[\"sleep\",\"%s\"]}\n",
            endless ());
  dialog_say (dialog, line);
  wait_for_processes (endless (), 1);
  dialog_say (dialog, "{\"id\":1,\"op\":\"cancel\",\"request\":\"b\"}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":1,\"result\":{\"cancelled\":false}}\n");
  dialog_say (dialog, "{\"id\":2,\"op\":\"cancel\",\"request\":\"a\"}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":2,\"result\":{\"cancelled\":true}}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":\"a\",\"error\":{\"kind\":\"cancelled\",");
  dialog_say (dialog, line);
  wait_for_processes (endless (), 1);
  dialog_say (dialog, "{\"id\":\"a\",\"op\":\"cancel\"}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":\"a\",\"result\":{\"cancelled\":true}}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":\"a\",\"error\":{\"kind\":\"cancelled\",");
  dialog_close_input (dialog);
  cr_expect_eq (dialog_wait (dialog), 0);
  wait_for_processes (endless (), 0);
  dialog_free (dialog);
}

Test (batch, a_timeout_is_for_each_request)
{
  write_text ("lines", "{\"id\":1,\"op\":\"run\",\"command\":[\"sleep\",\"60\"]}\n"
                       "{\"id\":2,\"op\":\"run\",\"command\":[\"sleep\",\"0.7\"],\"timeout\":30}\n"
                       "{\"id\":3,\"op\":\"stat\",\"path\":\"/\"}\n");
  SHELL (0,
         "{\"id\":1,\"error\":{\"kind\":\"timeout\",*}}\n{\"id\":2,\"result\":*\n{\"id\":3,"
         "\"result\":*\n",
         "", "longreach batch --timeout=0.3 local: < lines | sort");
}

/* How many of the lines in TEXT are the answer to I, for each I below COUNT.  */
static void
count_answers (const char *text, unsigned char *answers, size_t count)
{
  for (const char *line = text; *line != '\0'; line = strchr (line, '\n') + 1)
    {
      size_t id = strtoul (line + 6, NULL, 10);
      cr_assert (strncmp (line, "{\"id\":", 6) == 0 && strchr (line, '\n') != NULL, "%.80s", line);
      cr_assert_lt (id, count);
      cr_expect_not_null (strstr (line, "\"result\":{"));
      answers[id]++;
    }
}

Test (batch, many_requests_are_answered_once_each)
{
  enum
  {
    COUNT = 10000,
  };
  static unsigned char answers[COUNT];
  char *input = malloc (COUNT * 48), *end = input;
  for (int i = 0; i < COUNT; i++)
    end += sprintf (end, "{\"id\":%d,\"op\":\"stat\",\"path\":\"/etc\"}\n", i);
  struct finished got = run_longreach (input, (size_t) (end - input), "batch", "local:", NULL);
  cr_expect_eq (got.status, 0, "%s", got.error);
  count_answers (got.output, answers, COUNT);
  for (int i = 0; i < COUNT; i++)
    cr_expect_eq (answers[i], 1, "%d answers to %d", answers[i], i);
  free_finished (&got);
  free (input);
}

Test (batch, many_commands_run_at_once)
{
  enum
  {
    COUNT = 200,
  };
  char line[128];
  struct dialog *dialog = start_batch ();
  for (int i = 0; i < COUNT; i++)
    {
      snprintf (line, sizeof line, "{\"id\":%d,\"op\":\"run\",\"command\":[\"sleep\",\"%s\"]}\n", i,
                endless ());
      dialog_say (dialog, line);
    }
  wait_for_processes (endless (), COUNT);
  end_endless ();
  dialog_close_input (dialog);
  for (int i = 0; i < COUNT; i++)
    dialog_hear (dialog, &dialog->output, "\"signal\":9");
  cr_expect_eq (dialog_wait (dialog), 0);
  dialog_free (dialog);
}

/* Write TEXT again and again until DESCRIPTOR takes nothing for a while.  Returns how often.  */
static size_t
fill (int descriptor, const char *text)
{
  size_t count = 0;
  struct pollfd sink = { .fd = descriptor, .events = POLLOUT };
  while (poll (&sink, 1, 2000) > 0)
    {
      cr_assert_eq (write (descriptor, text, strlen (text)), (ssize_t) strlen (text));
      count++;
    }
  return count;
}

Test (batch, a_reader_who_stops_stops_the_reading)
{
  static const char line[] =
      "{\"op\":\"run\",\"command\":[\"head\",\"-c\",\"100000\",\"/dev/zero\"]}\n";
  struct dialog *dialog = start_batch ();
  size_t asked = fill (dialog->input, line);
  long memory = peak_memory (dialog->pid);
  cr_expect_lt (asked, (size_t) 10000);
  if (!memory_is_distorted ())
    cr_expect_lt (memory, 1024L << 10, "%ld KiB", memory);
  dialog_close_input (dialog);
  /* It goes on where it stopped.  */
  size_t answers = 0;
  char buffer[1 << 16];
  for (ssize_t got; (got = read (dialog->output.descriptor, buffer, sizeof buffer)) > 0;)
    for (ssize_t i = 0; i < got; i++)
      answers += buffer[i] == '\n';
  cr_expect_eq (answers, asked);
  cr_expect_eq (dialog_wait (dialog), 0);
  dialog_free (dialog);
}

/* ---- how it ends ---- */

Test (batch, a_broken_connection_answers_everything)
{
  char line[256];
  struct dialog *dialog = start_batch ();
  dialog_say (dialog, "{\"id\":1,\"op\":\"run\",\"command\":[\"sh\",\"-c\",\"echo $PPID\"]}\n");
  dialog_hear (dialog, &dialog->output, "\"stdout\":\"");
  pid_t dispatcher = (pid_t) strtol (dialog->output.text + dialog->output.taken, NULL, 10);
  snprintf (line, sizeof line, "{\"id\":2,\"op\":\"run\",\"command\":[\"sleep\",\"%s\"]}\n",
            endless ());
  dialog_say (dialog, line);
  wait_for_processes (endless (), 1);
  kill (dispatcher, SIGKILL);
  dialog_hear (
      dialog, &dialog->output,
      "{\"id\":2,\"error\":{\"kind\":\"io\",\"message\":\"localhost: the dispatcher is gone: it "
      "was ended by signal 9\"");
  dialog_say (dialog, "{\"id\":3,\"op\":\"stat\",\"path\":\"/\"}\n{\"id\":4}\n");
  dialog_hear (dialog, &dialog->output, "{\"id\":4,\"error\":{\"kind\":\"usage\",");
  dialog_hear (dialog, &dialog->output, "{\"id\":3,\"error\":{\"kind\":\"io\",");
  dialog_hear (dialog, &dialog->output, "\"line\":3}}\n");
  dialog_close_input (dialog);
  cr_expect_eq (dialog_wait (dialog), 255);
  dialog_free (dialog);
  end_endless ();
}

Test (batch, what_can_not_be_opened_reads_no_line)
{
  LONGREACH_READING ("{\"op\":\"ping\"}\n", 255, "", "longreach: no connector*\n", "batch",
                     "nosuch:");
  LONGREACH (2, "", "longreach: batch needs URL*\n", "batch");
}

Test (batch, an_output_that_nobody_reads_ends_it)
{
  PROGRAM (0, "141\n", "", "bash", "-c",
           "yes '{\"op\":\"ping\"}' | longreach batch local: | true; echo ${PIPESTATUS[1]}");
  SHELL (2, "", "longreach: cannot write to standard output: No space left on device\n",
         "echo '{\"op\":\"ping\"}' | longreach batch local: > /dev/full");
  SHELL (2, "", "longreach: cannot read standard input: Is a directory\n",
         "longreach batch local: < /");
}

Test (batch, a_signal_leaves_nothing)
{
  char line[128];
  struct dialog *dialog = start_batch ();
  mkdir ("to", 0755);
  write_text ("to/local", "old");
  write_text ("to/remote", "old");
  cr_assert_eq (mkfifo ("fifo", 0600), 0);
  snprintf (line, sizeof line, "{\"op\":\"run\",\"command\":[\"sleep\",\"%s\"]}\n", endless ());
  dialog_say (dialog, "{\"op\":\"get\",\"file\":\"fifo\",\"to\":\"to/local\"}\n");
  dialog_say (dialog, line);
  wait_for_processes (endless (), 1);
  kill (dialog->pid, SIGINT);
  cr_expect_eq (dialog_wait (dialog), -SIGINT);
  dialog_free (dialog);
  expect_text ("to/local", "old");
  PROGRAM (0, "local\nremote\n", "", "ls", "-A", "to");
  wait_for_processes (endless (), 0);
}
