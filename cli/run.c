#include "cli/connect.h"
#include "cli/json.h"
#include "cli/local_read.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct
{
  const char *user;
  const char *group;
  const char *umask;
  const char *cwd;
  bool no_stdin;
} given;

static const struct cli_option run_options[] = {
  { .name = "user",
    .argument = "USER",
    .help = "Run as USER, a name or id, with that user's groups",
    .text = &given.user },
  { .name = "group",
    .argument = "GROUP",
    .help = "Run as GROUP instead of the user's primary group",
    .text = &given.group },
  { .name = "umask",
    .argument = "OCTAL",
    .help = "Run with this umask instead of 077",
    .text = &given.umask },
  { .name = "cwd",
    .argument = "PATH",
    .help = "Run in this directory of the far side",
    .text = &given.cwd },
  { .name = "no-stdin",
    .letter = 'n',
    .help = "Give the command no standard input",
    .flag = &given.no_stdin },
  { 0 },
};

/* Make the message of a program that is not there name it, and guess what was meant.  */
static void
explain_absent_program (struct lr_error *error, const char *url, const char *program)
{
  FILE *stream = fmemopen (error->message, sizeof error->message, "w");
  if (stream == NULL)
    out_of_memory ();
  if (error->host[0] != '\0')
    fprintf (stream, "%s: ", error->host);
  fputs ("the program ", stream);
  text_print_quoted (stream, program);
  fputs (" does not exist", stream);
  if (strpbrk (program, " \t\n") != NULL)
    {
      fputs ("; to run it as a shell command: longreach run ", stream);
      text_print_quoted (stream, url);
      fputs (" -- sh -c ", stream);
      text_print_quoted (stream, program);
    }
  else if (program[0] == '-')
    fputs ("; options of longreach come before the URL", stream);
  else if (strchr (program, '/') != NULL)
    fputs (", or the interpreter that it names does not", stream);
  fclose (stream);
  error->message[sizeof error->message - 1] = '\0';
}

/* Whether the far side's ERRNUM says something about the program, and not about the far side.  */
static bool
is_of_program (int errnum)
{
  static const int others[] = { EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, ECANCELED, EMSGSIZE };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (errnum == others[i])
      return false;
  return true;
}

static int
report_run_failure (struct lr_error *error, const char *url, const char *program,
                    const struct local_content *input)
{
  int status = local_content_report_shorter (input);
  if (status != 0)
    return status;
  if (error->kind != LR_ERROR_REMOTE_OS)
    return report_failure (error);
  if (!is_of_program (error->errnum))
    return report_failure (error);
  if (error->errnum != ENOENT)
    return report_failure_as (error, STATUS_CANNOT_EXECUTE);
  explain_absent_program (error, url, program);
  return report_failure_as (error, STATUS_NO_PROGRAM);
}

/* As a shell tells it.  */
static int
exit_status (int64_t returncode)
{
  if (returncode >= 0 && returncode <= 255)
    return (int) returncode;
  if (returncode < 0 && returncode >= -127)
    return STATUS_SIGNAL - (int) returncode;
  return STATUS_CONNECTION;
}

/* A far side that says what no process can return is broken.  JSON shows what it said.  */
static int
report_impossible (int64_t returncode)
{
  struct lr_error error = { .kind = LR_ERROR_IO, .hop = -1 };
  snprintf (error.message, sizeof error.message,
            "the far side says that the command returned %lld, which none can",
            (long long) returncode);
  return report_failure_as (&error, STATUS_CONNECTION);
}

static void
print_json (const struct lr_run_result *result)
{
  json_t *object = json_new_object ();
  json_add_integer (object, "returncode", result->returncode);
  json_add_optional_integer (object, "signal", result->returncode < 0, -result->returncode);
  json_add_bytes (object, "stdout", result->stdout_bytes);
  json_add_bytes (object, "stderr", result->stderr_bytes);
  json_print (object);
}

static int
write_outputs (const struct lr_run_result *result, int status)
{
  if (result->stdout_bytes.data != NULL)
    status = output_write (result->stdout_bytes.data, result->stdout_bytes.size, status);
  if (result->stderr_bytes.data != NULL)
    write_all (STDERR_FILENO, result->stderr_bytes.data, result->stderr_bytes.size);
  return status;
}

static int
run_at (lr_connection *connection, const char *url, char **command,
        const struct local_content *input)
{
  struct lr_run_args args =
      LR_RUN_ARGS (.command = (const char *const *) command, .input = input->bytes, .no_check = 1,
                   .user = given.user, .group = given.group, .umask = given.umask,
                   .cwd = given.cwd);
  struct lr_run_result *result;
  struct lr_error error;
  if (lr_run (connection, &args, &result, &error) != 0)
    return report_run_failure (&error, url, command[0], input);
  int status = exit_status (result->returncode);
  if (json_wanted)
    print_json (result);
  else
    status = write_outputs (result, status);
  if (!json_wanted && (result->returncode > 255 || result->returncode < -127))
    status = report_impossible (result->returncode);
  lr_free (result);
  return status;
}

static int
run_perform (char **operands, size_t count)
{
  (void) count;
  lr_connection *connection;
  struct local_content input = { 0 };
  int status = connect_open (operands[0], &connection);
  if (status != 0)
    return status;
  if (!given.no_stdin && !isatty (STDIN_FILENO))
    status = local_read ("-", &input);
  if (status == 0)
    status = run_at (connection, operands[0], operands + 1, &input);
  connect_end ();
  local_content_free (&input);
  return status;
}

const struct subcommand run_subcommand = {
  .name = "run",
  .operands = "URL [--] COMMAND [ARG]...",
  .summary = "Run a command",
  .details =
      "No shell is involved, unless COMMAND is one. Unless standard input is a terminal, all "
      "of it is read and given to the command. The exit status is the command's; 128+N if "
      "signal N ended it; 127 if it does not exist, 126 if it can't be executed; 255 for "
      "every other failure.",
  .options = run_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 2,
  .most = ANY_NUMBER,
  .runs_command = true,
  .perform = run_perform,
};
