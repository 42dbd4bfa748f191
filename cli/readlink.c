#include "cli/json.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/text.h"

#include <stdio.h>

static int
readlink_at (lr_connection *connection, char **operands, size_t count)
{
  struct lr_error error;
  char *target;
  struct lr_path_args args = LR_PATH_ARGS (.path = operands[0], .timeout_ms = timeout_left ());
  (void) count;
  if (lr_read_link (connection, &args, &target, &error) != 0)
    return report_path_failure (&error);
  if (json_wanted)
    json_print (results_link (operands[0], target));
  else
    {
      text_print (target);
      putchar ('\n');
    }
  lr_free (target);
  return 0;
}

const struct subcommand readlink_subcommand = {
  .name = "readlink",
  .operands = "URL PATH",
  .summary = "Print what a symbolic link leads to",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = 2,
  .perform_at = readlink_at,
};
