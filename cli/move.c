#include "cli/change.h"
#include "cli/json.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static bool no_replace;

static const struct cli_option move_options[] = {
  { .name = "no-replace",
    .letter = 'n',
    .help = "Fail if there is something at the target",
    .flag = &no_replace },
  { 0 },
};

static int
move_at (lr_connection *connection, char **operands, size_t count)
{
  struct lr_error error;
  struct lr_rename_args args =
      LR_RENAME_ARGS (.source = operands[0], .target = operands[1], .no_replace = no_replace,
                      .timeout_ms = timeout_left ());
  (void) count;
  return change_tell (lr_rename (connection, &args, &error), operands[1], &error);
}

const struct subcommand move_subcommand = {
  .name = "mv",
  .operands = "URL SOURCE TARGET",
  .summary = "Rename a file or a directory",
  .details = "TARGET is the new name, also if there is a directory. Nothing moves from one file "
             "system to another.",
  .options = move_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 3,
  .most = 3,
  .perform_at = move_at,
};
