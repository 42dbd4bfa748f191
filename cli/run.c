#include "cli/attached.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/local_read.h"
#include "cli/outcome.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/terminal.h"
#include "cli/timeout.h"

#include <unistd.h>

static struct
{
  const char *user;
  const char *group;
  const char *umask;
  const char *cwd;
  struct word_list environment;
  struct word_list unset;
  uint64_t linger; /* milliseconds */
  bool no_stdin;
  bool tty;
} given = { .linger = LR_NEVER };

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
  { .name = "env",
    .argument = "NAME=VALUE",
    .help = "Set a variable of its environment; can be repeated",
    .list = &given.environment },
  { .name = "unset",
    .argument = "NAME",
    .help = "Take a variable out of its environment; can be repeated",
    .list = &given.unset },
  { .name = "tty",
    .letter = 't',
    .help = "Give the command a terminal, and lend it the one here",
    .flag = &given.tty },
  { .name = "no-stdin",
    .letter = 'n',
    .help = "Give the command no standard input",
    .flag = &given.no_stdin },
  { .name = "linger",
    .argument = "SECONDS",
    .help = "Wait no longer for others that still hold its output when it has ended",
    .duration = &given.linger },
  { 0 },
};

static bool
wants_input (void)
{
  return !given.no_stdin && local_read_has_input ();
}

/* Returns 0, or the exit status of a failure to write.  */
static int
write_outputs (const struct lr_run_result *result)
{
  int status = 0;
  if (result->stdout_bytes.data != NULL)
    status = output_write (result->stdout_bytes.data, result->stdout_bytes.size, 0);
  if (result->stderr_bytes.data != NULL)
    write_all (STDERR_FILENO, result->stderr_bytes.data, result->stderr_bytes.size);
  return status;
}

/* Show what the whole of a command has given.  JSON shows also what no command returns.  */
static int
show (const struct lr_run_result *result)
{
  if (json_wanted)
    {
      json_print (results_run (result));
      return outcome_of_returncode (result->returncode);
    }
  int status = write_outputs (result);
  return status != 0 ? status : outcome_report_returncode (result->returncode);
}

/* Run it with INPUT, and show its outputs when it has ended.  */
static int
run_whole (lr_connection *connection, const char *url, const char *const *command,
           struct lr_bytes input)
{
  struct lr_run_args args =
      LR_RUN_ARGS (.command = command, .input = input, .no_check = 1, .user = given.user,
                   .group = given.group, .umask = given.umask, .cwd = given.cwd,
                   .environment = given.environment.items, .unset = given.unset.items,
                   .linger = given.linger != LR_NEVER,
                   .linger_ms = given.linger == LR_NEVER ? 0 : given.linger,
                   .timeout_ms = timeout_given ());
  struct lr_run_result *result;
  struct lr_error error;
  if (lr_run (connection, &args, &result, &error) != 0)
    return outcome_of_failure (&error, url, command[0]);
  int status = show (result);
  lr_free (result);
  return status;
}

/* The same with all of standard input; but not from a terminal, which nobody expects to be read to
   its end.  */
static int
run_with_input (lr_connection *connection, const char *url, const char *const *command)
{
  struct buffer buffer = { .data = NULL };
  struct lr_bytes input = { NULL, 0 };
  struct local_error error;
  int status = 0;
  if (wants_input () && !isatty (STDIN_FILENO))
    {
      if (local_read_input (&buffer, &error) != 0)
        status = local_error_report (&error);
      input = (struct lr_bytes){ buffer_bytes (&buffer), buffer_size (&buffer) };
    }
  if (status == 0)
    status = run_whole (connection, url, command, input);
  buffer_free (&buffer);
  return status;
}

/* Run it on our streams.  */
static int
run_attached (lr_connection *connection, const char *url, const char *const *command)
{
  struct lr_spawn_args args =
      LR_SPAWN_ARGS (.command = command, .user = given.user, .group = given.group,
                     .umask = given.umask, .cwd = given.cwd, .environment = given.environment.items,
                     .unset = given.unset.items, .no_input = !wants_input (),
                     .linger = given.linger != LR_NEVER,
                     .linger_ms = given.linger == LR_NEVER ? 0 : given.linger,
                     .timeout_ms = timeout_given (), .term = given.tty ? terminal_type () : NULL);
  struct attached_end end;
  struct lr_error error;
  if (attached_run (connection, args, &end, &error) == 0)
    return outcome_of_end (&end);
  if (error.kind == LR_ERROR_UNSUPPORTED && !given.tty)
    return run_with_input (connection, url, command);
  return outcome_of_failure (&error, url, command[0]);
}

static int
run_perform (char **operands, size_t count)
{
  (void) count;
  const char *const *command = (const char *const *) operands + 1;
  if (json_wanted && given.tty)
    return report_usage ("run: --json can't be used with --tty");
  lr_connection *connection;
  int status = connect_open (operands[0], &connection);
  if (status == 0)
    status = json_wanted ? run_with_input (connection, operands[0], command)
                         : run_attached (connection, operands[0], command);
  connect_end ();
  return status;
}

const struct subcommand run_subcommand = {
  .name = "run",
  .operands = "URL [--] COMMAND [ARG]...",
  .summary = "Run a command",
  .details =
      "No shell is involved, unless COMMAND is one. Standard input, output and error are the "
      "command's, and signals that would end this program go to it. The exit status is the "
      "command's; 128+N if signal N ended it; 124 if its time was over; 127 if it does not exist, "
      "126 if it can't be executed; 255 for every other failure.",
  .options = run_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = ANY_NUMBER,
  .options_first = true,
  .runs_command = true,
  .perform = run_perform,
};
