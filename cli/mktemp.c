#include "cli/json.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/text.h"
#include "cli/timeout.h"

#include <stdio.h>

static struct
{
  bool directory;
  const char *prefix;
} given;

static const struct cli_option mktemp_options[] = {
  { .name = "directory", .letter = 'd', .help = "Make a directory", .flag = &given.directory },
  { .name = "prefix",
    .argument = "TEXT",
    .help = "With what its name begins",
    .text = &given.prefix },
  { 0 },
};

/* What nobody has been told the name of is nobody's.  */
static void
remove_unknown (lr_connection *connection, const char *path)
{
  const struct lr_remove_args args = LR_REMOVE_ARGS (.path = path);
  lr_remove (connection, &args, NULL);
}

static int
mktemp_at (lr_connection *connection, char **operands, size_t count)
{
  struct lr_error error;
  char *path;
  struct lr_make_temporary_args args =
      LR_MAKE_TEMPORARY_ARGS (.directory = count > 0 ? operands[0] : NULL, .prefix = given.prefix,
                              .make_directory = given.directory, .timeout_ms = timeout_left ());
  if (lr_make_temporary (connection, &args, &path, &error) != 0)
    return report_path_failure (&error);
  if (json_wanted)
    json_print (results_path (path));
  else
    {
      text_print (path);
      putchar ('\n');
    }
  int status = output_write ("", 0, 0);
  if (status != 0)
    remove_unknown (connection, path);
  lr_free (path);
  return status;
}

const struct subcommand mktemp_subcommand = {
  .name = "mktemp",
  .operands = "URL [DIRECTORY]",
  .summary = "Make a file with a name of its own, and print it",
  .details = "It is empty and for its owner alone. Without DIRECTORY it is in the far side's "
             "TMPDIR, or /tmp.",
  .options = mktemp_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = 2,
  .perform_at = mktemp_at,
};
