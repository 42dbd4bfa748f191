#include "cli/connect.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/text.h"
#include "cli/timeout.h"

#include <stdio.h>

static int
env_at (lr_connection *connection, char **operands, size_t count)
{
  (void) count;
  const char *name = operands[0];
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = name, .timeout_ms = timeout_left ());
  char *value;
  struct lr_error error;
  if (lr_getenv (connection, &args, &value, &error) != 0)
    return report_failure (&error);
  if (json_wanted)
    json_print (results_variable (name, value));
  if (value == NULL)
    return json_wanted ? STATUS_ABSENT
                       : report_absent ("%s: the variable %s is not set", connect_host (), name);
  if (!json_wanted)
    {
      text_print (value);
      putchar ('\n');
    }
  lr_free (value);
  return 0;
}

const struct subcommand env_subcommand = {
  .name = "env",
  .operands = "URL NAME",
  .summary = "Print a variable of the dispatcher's environment",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = 2,
  .perform_at = env_at,
};
