#include "cli/connect.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"

#include <stdio.h>

static void
print_hostname (const char *hostname)
{
  if (json_wanted)
    {
      json_t *object = json_new_object ();
      json_add_text (object, "hostname", hostname);
      json_print (object);
      return;
    }
  text_print (hostname);
  putchar ('\n');
}

static int
hostname_perform (char **operands, size_t count)
{
  (void) count;
  lr_registry *registry;
  int status = connect_registry (&registry);
  if (status != 0)
    return status;
  char *hostname;
  struct lr_error error;
  if (lr_extract_hostname (registry, operands[0], &hostname, &error) != 0)
    status = report_open_failure (&error);
  else
    {
      print_hostname (hostname);
      lr_free (hostname);
    }
  lr_registry_free (registry);
  return status;
}

const struct subcommand hostname_subcommand = {
  .name = "hostname",
  .operands = "URL",
  .summary = "Print the host's name in a URL",
  .details = "Nothing is opened, so options given with -o change nothing.",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 1,
  .most = 1,
  .perform = hostname_perform,
};
