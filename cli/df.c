#include "cli/json.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"
#include "cli/entry.h"
#include "cli/report.h"
#include "cli/results.h"

static void
print_info (const char *path, const struct lr_file_system_info *info)
{
  entry_print_text ("path", path);
  entry_print_size ("size", info->size);
  entry_print_size ("free", info->free);
  entry_print_size ("available", info->available);
  entry_print_size ("files", info->files);
  entry_print_size ("files free", info->files_free);
  entry_print_text ("read-only", info->read_only ? "yes" : "no");
}

static int
df_at (lr_connection *connection, char **operands, size_t count)
{
  struct lr_error error;
  const char *path = count > 0 ? operands[0] : ".";
  struct lr_file_system_info *info;
  struct lr_path_args args = LR_PATH_ARGS (.path = path, .timeout_ms = timeout_left ());
  if (lr_file_system (connection, &args, &info, &error) != 0)
    return report_path_failure (&error);
  if (json_wanted)
    json_print (results_file_system (path, info));
  else
    print_info (path, info);
  lr_free (info);
  return 0;
}

const struct subcommand df_subcommand = {
  .name = "df",
  .operands = "URL [PATH]",
  .summary = "Say how much room there is",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = 2,
  .perform_at = df_at,
};
