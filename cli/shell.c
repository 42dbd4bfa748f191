#include "cli/attached.h"
#include "cli/connect.h"
#include "cli/outcome.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct
{
  const char *user;
} given;

static const struct cli_option shell_options[] = {
  { .name = "user",
    .argument = "USER",
    .help = "Log in as USER, a name or id, instead of the dispatcher's user",
    .text = &given.user },
  { 0 },
};

static const char fallback_shell[] = "/bin/sh";

enum
{
  VARIABLES = 4,
};

/* Who logs in, and where.  */
struct login
{
  struct lr_user_entry *entry; /* lr_free frees it; NULL: the user has none */
  const char *shell;           /* borrowed, as the rest */
  const char *home;            /* NULL: stay where the dispatcher is */
  char *variables[VARIABLES + 1];
};

/* Look up the dispatcher's user, which may have an id and nothing else.  Returns 0 or -1.  */
static int
look_up_own (lr_connection *connection, struct lr_user_entry **entry, struct lr_error *error)
{
  struct lr_resolve_args args = LR_RESOLVE_ARGS ();
  char *name;
  int status = lr_resolve_user (connection, &args, &name, error);
  if (status == 0)
    {
      struct lr_query_user_args query = LR_QUERY_USER_ARGS (.user = name);
      status = lr_query_user (connection, &query, entry, error);
    }
  lr_free (name);
  return status == 0 || error->kind == LR_ERROR_INVALID_VALUE ? 0 : -1;
}

static int
look_up (lr_connection *connection, struct lr_user_entry **entry, struct lr_error *error)
{
  *entry = NULL;
  if (given.user == NULL)
    return look_up_own (connection, entry, error);
  struct lr_query_user_args args = LR_QUERY_USER_ARGS (.user = given.user);
  return lr_query_user (connection, &args, entry, error);
}

/* "NAME=VALUE", which the caller frees.  */
static char *
make_variable (const char *name, const char *value)
{
  size_t size = strlen (name) + 1 + strlen (value) + 1;
  char *variable = malloc (size);
  if (variable == NULL)
    out_of_memory ();
  snprintf (variable, size, "%s=%s", name, value);
  return variable;
}

static void
set_variables (struct login *login)
{
  size_t count = 0;
  login->variables[count++] = make_variable ("SHELL", login->shell);
  if (login->entry != NULL)
    {
      login->variables[count++] = make_variable ("HOME", login->entry->home);
      login->variables[count++] = make_variable ("USER", login->entry->name);
      login->variables[count++] = make_variable ("LOGNAME", login->entry->name);
    }
  login->variables[count] = NULL;
}

static void
free_variables (struct login *login)
{
  for (size_t i = 0; login->variables[i] != NULL; i++)
    free (login->variables[i]);
}

/* Run the shell of LOGIN.  Returns as attached_run does.  */
static int
run_shell (lr_connection *connection, struct login *login, struct attached_end *end,
           struct lr_error *error)
{
  const char *const command[] = { login->shell, "-l", NULL };
  set_variables (login);
  struct lr_spawn_args args =
      LR_SPAWN_ARGS (.command = command, .user = given.user, .cwd = login->home, .umask = "022",
                     .environment = (const char *const *) login->variables,
                     .term = terminal_type ());
  int status = attached_run (connection, args, end, error);
  free_variables (login);
  return status;
}

/* ERROR says that the shell could not be started.  Whether LOGIN can do without what was missing.
 */
static bool
can_do_without (const struct lr_error *error, struct login *login)
{
  if (error->kind == LR_ERROR_INVALID_VALUE && strcmp (error->field, "cwd") == 0
      && login->home != NULL)
    {
      fprintf (stderr, "longreach: %s; the shell starts elsewhere\n", error->message);
      login->home = NULL;
      return true;
    }
  if (error->kind == LR_ERROR_REMOTE_OS && (error->errnum == ENOENT || error->errnum == EACCES)
      && strcmp (login->shell, fallback_shell) != 0)
    {
      fprintf (stderr, "longreach: %s; %s is started instead\n", error->message, fallback_shell);
      login->shell = fallback_shell;
      return true;
    }
  return false;
}

static void
prepare (struct login *login)
{
  const struct lr_user_entry *entry = login->entry;
  login->shell = fallback_shell;
  login->home = NULL;
  if (entry == NULL)
    return;
  if (entry->shell[0] != '\0')
    login->shell = entry->shell;
  if (entry->home[0] != '\0')
    login->home = entry->home;
}

static int
shell_at (lr_connection *connection, const char *url)
{
  struct login login;
  struct attached_end end;
  struct lr_error error;
  if (look_up (connection, &login.entry, &error) != 0)
    return report_failure (&error);
  prepare (&login);
  int status;
  do
    status = run_shell (connection, &login, &end, &error);
  while (status != 0 && can_do_without (&error, &login));
  status = status == 0 ? outcome_of_end (&end) : outcome_of_failure (&error, url, login.shell);
  lr_free (login.entry);
  return status;
}

static int
shell_perform (char **operands, size_t count)
{
  (void) count;
  if (!isatty (STDIN_FILENO))
    return report_usage ("shell needs a terminal as its standard input; longreach run does without "
                         "one");
  lr_connection *connection;
  int status = connect_open (operands[0], &connection);
  if (status == 0)
    status = shell_at (connection, operands[0]);
  connect_end ();
  return status;
}

const struct subcommand shell_subcommand = {
  .name = "shell",
  .operands = "URL",
  .summary = "Log in: run the user's shell on a terminal",
  .details = "The exit status is that of the shell, and otherwise as with run.",
  .options = shell_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL,
  .least = 1,
  .most = 1,
  .options_first = true,
  .runs_command = true,
  .perform = shell_perform,
};
