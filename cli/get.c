#include "cli/connect.h"
#include "cli/local_write.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/subcommand.h"

#include <string.h>

/* TARGET NULL: standard output.  */
static int
get_at (lr_connection *connection, const char *remote, const struct local_target *target)
{
  struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = remote);
  struct lr_download_result *result;
  struct lr_error error;
  if (lr_download (connection, &args, &result, &error) != 0)
    return report_lookup_failure (&error, "file");
  int status;
  if (target == NULL)
    status = output_write (result->content.data, result->content.size, 0);
  else
    status = local_target_write (target, result->content);
  lr_free (result);
  return status;
}

static int
get_to (const char *url, const char *remote, const struct local_target *target)
{
  lr_connection *connection;
  int status = connect_open (url, &connection);
  if (status == 0)
    status = get_at (connection, remote, target);
  connect_end ();
  return status;
}

static int
get_perform (char **operands, size_t count)
{
  (void) count;
  const char *remote = operands[1];
  const char *local = operands[2];
  if (strcmp (local, "-") == 0)
    return get_to (operands[0], remote, NULL);

  struct local_target target;
  int status = local_target_find (local, local_base_name (remote), &target);
  if (status == 0)
    status = get_to (operands[0], remote, &target);
  local_target_free (&target);
  return status;
}

const struct subcommand get_subcommand = {
  .name = "get",
  .operands = "URL REMOTE LOCAL",
  .summary = "Fetch a file",
  .details =
      "LOCAL can be a directory, for a file of the same name in it, or - for standard output. "
      "A file that is there is replaced whole or not at all, and keeps its mode.",
  .offers = OFFERS_REGISTRY | OFFERS_URL,
  .least = 3,
  .most = 3,
  .perform = get_perform,
};
