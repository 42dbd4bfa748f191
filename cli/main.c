/* The longreach command: finds the subcommand, its options and its operands.  */

#include "cli/connect.h"
#include "cli/help.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/nearest.h"
#include "cli/operands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int help_perform (char **operands, size_t count);

static const struct subcommand help_subcommand = {
  .name = "help",
  .operands = "[SUBCOMMAND]",
  .summary = "Explain a subcommand",
  .least = 0,
  .most = 1,
  .perform = help_perform,
};

static const struct subcommand *const subcommands[] = {
  &run_subcommand,
  &shell_subcommand,
  &stat_subcommand,
  &get_subcommand,
  &put_subcommand,
  &list_subcommand,
  &mkdir_subcommand,
  &remove_subcommand,
  &move_subcommand,
  &link_subcommand,
  &readlink_subcommand,
  &chmod_subcommand,
  &chown_subcommand,
  &touch_subcommand,
  &mktemp_subcommand,
  &df_subcommand,
  &batch_subcommand,
  &user_subcommand,
  &group_subcommand,
  &whoami_subcommand,
  &env_subcommand,
  &ping_subcommand,
  &hostname_subcommand,
  &hops_subcommand,
  &doctor_subcommand,
  &plugins_subcommand,
  &conformance_subcommand,
  &new_connector_subcommand,
  &config_subcommand,
  &help_subcommand,
  NULL,
};

static bool help_wanted;
static bool version_wanted;

static const struct cli_option help_options[] = {
  { .name = "help", .letter = 'h', .help = "Explain this, and do nothing", .flag = &help_wanted },
  { 0 },
};

static const struct cli_option top_options[] = {
  { .name = "help", .letter = 'h', .help = "List the subcommands", .flag = &help_wanted },
  { .name = "version", .letter = 'V', .help = "Print the version", .flag = &version_wanted },
  { 0 },
};

/* Tables of options that all, or some, subcommands have besides their own.  */
static const struct
{
  unsigned offers; /* 0: every subcommand */
  const struct cli_option *options;
} shared_options[] = {
  { OFFERS_URL, url_options },         { OFFERS_REGISTRY, registry_options },
  { OFFERS_TIMEOUT, timeout_options }, { OFFERS_PROGRESS, progress_options },
  { OFFERS_JSON, json_options },       { 0, help_options },
};

enum
{
  SHARED_TABLES = sizeof shared_options / sizeof *shared_options,
};

/* All tables of one subcommand, ended by NULL.  */
struct option_tables
{
  const struct cli_option *tables[SHARED_TABLES + 2];
};

static struct option_tables
collect_options (const struct subcommand *subcommand)
{
  struct option_tables all = { 0 };
  size_t count = 0;
  if (subcommand->options != NULL)
    all.tables[count++] = subcommand->options;
  for (size_t i = 0; i < SHARED_TABLES; i++)
    if ((subcommand->offers & shared_options[i].offers) == shared_options[i].offers)
      all.tables[count++] = shared_options[i].options;
  return all;
}

static const struct subcommand *
find_subcommand (const char *name)
{
  for (size_t i = 0; subcommands[i] != NULL; i++)
    if (strcmp (subcommands[i]->name, name) == 0)
      return subcommands[i];
  return NULL;
}

static int
report_unknown_subcommand (const char *name)
{
  if (operands_look_like_url (name))
    return report_usage ("a subcommand comes before the URL, as in: longreach run %s COMMAND",
                         name);
  struct nearest nearest = nearest_start (name, strlen (name));
  for (size_t i = 0; subcommands[i] != NULL; i++)
    nearest_consider (&nearest, subcommands[i]->name);
  if (nearest.best != NULL)
    return report_usage ("there is no subcommand %s; did you mean %s?", name, nearest.best);
  return report_usage ("there is no subcommand %s; longreach --help lists them", name);
}

static int
help_perform (char **operands, size_t count)
{
  if (count == 0)
    {
      help_print (subcommands);
      return 0;
    }
  const struct subcommand *subcommand = find_subcommand (operands[0]);
  if (subcommand == NULL)
    return report_unknown_subcommand (operands[0]);
  struct option_tables options = collect_options (subcommand);
  help_print_subcommand (subcommand, options.tables);
  return 0;
}

/* Remove a "--" that directly follows the URL.  Returns how many operands are left.  */
static size_t
skip_dashes_after_url (char **operands, size_t count)
{
  if (count < 2 || strcmp (operands[1], "--") != 0)
    return count;
  memmove (operands + 1, operands + 2, (count - 1) * sizeof *operands);
  return count - 1;
}

static int
connect_and_perform (const struct subcommand *subcommand, char **operands, size_t count)
{
  lr_connection *connection;
  int status = connect_open (operands[0], &connection);
  if (status == 0)
    status = subcommand->perform_at (connection, operands + 1, count - 1);
  connect_end ();
  return status;
}

/* WORDS, ended by NULL, are what follows the subcommand's name.  */
static int
perform (const struct subcommand *subcommand, char **words)
{
  if (subcommand->runs_command)
    report_as_ssh ();
  struct option_tables options = collect_options (subcommand);
  struct option_problem problem;
  enum options_place place = subcommand->options_first ? OPTIONS_FIRST : OPTIONS_ANYWHERE;
  char **operands = words + options_parse (options.tables, place, words, &problem);
  if (help_wanted)
    {
      help_print_subcommand (subcommand, options.tables);
      return 0;
    }
  if (problem.text[0] != '\0')
    return report_usage ("%s: %s; see longreach %s --help", subcommand->name, problem.text,
                         subcommand->name);
  size_t count = 0;
  while (operands[count] != NULL)
    count++;
  if (subcommand->options_first)
    count = skip_dashes_after_url (operands, count);
  int status = operands_check (subcommand, operands, count);
  if (status != 0)
    return status;
  if (subcommand->perform != NULL)
    return subcommand->perform (operands, count);
  return connect_and_perform (subcommand, operands, count);
}

/* WORDS, ended by NULL, are all of the command line but the program's name.  */
static int
dispatch (char **words)
{
  const struct cli_option *const tables[] = { top_options, NULL };
  struct option_problem problem;
  words += options_parse (tables, OPTIONS_FIRST, words, &problem);
  if (help_wanted)
    {
      help_print (subcommands);
      return 0;
    }
  if (problem.text[0] != '\0')
    return report_usage ("%s; options of a subcommand come after its name", problem.text);
  if (version_wanted)
    {
      printf ("longreach %s\n", lr_version ());
      return 0;
    }
  if (words[0] == NULL)
    return report_usage ("a subcommand is needed; longreach --help lists them");
  const struct subcommand *subcommand = find_subcommand (words[0]);
  if (subcommand == NULL)
    return report_unknown_subcommand (words[0]);
  return perform (subcommand, words + 1);
}

/* Let no file that is opened later become standard input, output or error.  What was closed is
   opened so that reading, and writing to standard output, fail; but what is said on standard error
   is meant to be lost.  */
static void
occupy_standard_descriptors (void)
{
  static const int modes[] = { O_WRONLY, O_RDONLY, O_WRONLY };
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
    if (fcntl (descriptor, F_GETFD) < 0 && open ("/dev/null", modes[descriptor]) != descriptor)
      _exit (STATUS_CONNECTION);
}

int
main (int argc, char **argv)
{
  (void) argc;
  occupy_standard_descriptors ();
  signal (SIGPIPE, SIG_DFL);
  int status = output_finish (argv[0] != NULL ? dispatch (argv + 1) : STATUS_USAGE);
  interruption_repeat ();
  return status;
}
