#include "cli/change.h"
#include "cli/json.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static struct
{
  bool symbolic;
  bool force;
} given;

static const struct cli_option link_options[] = {
  { .name = "symbolic", .letter = 's', .help = "Make a symbolic link", .flag = &given.symbolic },
  { .name = "force", .letter = 'f', .help = "Replace a file that is there", .flag = &given.force },
  { 0 },
};

static int
link_at (lr_connection *connection, char **operands, size_t count)
{
  struct lr_error error;
  struct lr_link_args args =
      LR_LINK_ARGS (.target = operands[0], .path = operands[1], .symbolic = given.symbolic,
                    .replace = given.force, .timeout_ms = timeout_left ());
  (void) count;
  return change_tell (lr_link (connection, &args, &error), operands[1], &error);
}

const struct subcommand link_subcommand = {
  .name = "ln",
  .operands = "URL TARGET PATH",
  .summary = "Make a link",
  .details = "PATH becomes another name of the file TARGET, or with -s a link that leads to it.",
  .options = link_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 3,
  .most = 3,
  .perform_at = link_at,
};
