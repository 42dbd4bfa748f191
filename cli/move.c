#include "cli/placing.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static struct
{
  bool no_replace;
  bool is_name;
} given;

static const struct cli_option move_options[] = {
  { .name = "no-replace",
    .letter = 'n',
    .help = "Fail if there is something at the new path",
    .flag = &given.no_replace },
  { .name = "no-target-directory",
    .letter = 'T',
    .help = "TARGET is the new path, also if it is a directory",
    .flag = &given.is_name },
  { 0 },
};

static int
move (lr_connection *connection, const char *source, const char *path, struct lr_error *error)
{
  struct lr_rename_args args =
      LR_RENAME_ARGS (.source = source, .target = path, .no_replace = given.no_replace,
                      .timeout_ms = timeout_left ());
  return lr_rename (connection, &args, error);
}

static int
move_at (lr_connection *connection, char **operands, size_t count)
{
  return placing_each (connection, operands, count, given.is_name, move);
}

const struct subcommand move_subcommand = {
  .name = "mv",
  .operands = "URL SOURCE... TARGET",
  .summary = "Rename files and directories",
  .details = "TARGET is the new path, or a directory that all go into. Nothing moves from one file "
             "system to another.",
  .options = move_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 3,
  .most = ANY_NUMBER,
  .perform_at = move_at,
};
