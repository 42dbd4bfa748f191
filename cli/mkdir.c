#include "cli/change.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static struct
{
  bool parents;
  const char *mode, *owner, *group;
} given;

static const struct cli_option mkdir_options[] = {
  { .name = "parents",
    .letter = 'p',
    .help = "Make those above that are missing, too, and accept one that is there",
    .flag = &given.parents },
  { .name = "mode",
    .letter = 'm',
    .argument = "MODE",
    .help = "The mode, in octal; the default is 755",
    .text = &given.mode },
  { .name = "owner", .argument = "USER", .help = "The owner", .text = &given.owner },
  { .name = "group", .argument = "GROUP", .help = "The group", .text = &given.group },
  { 0 },
};

static int
make (lr_connection *connection, const char *path, struct lr_error *error)
{
  struct lr_make_directory_args args =
      LR_MAKE_DIRECTORY_ARGS (.path = path, .mode = given.mode != NULL ? given.mode : "755",
                              .owner = given.owner, .group = given.group, .parents = given.parents,
                              .timeout_ms = timeout_left ());
  return lr_make_directory (connection, &args, error);
}

static int
mkdir_at (lr_connection *connection, char **operands, size_t count)
{
  return change_each (connection, operands, count, make);
}

const struct subcommand mkdir_subcommand = {
  .name = "mkdir",
  .operands = "URL PATH...",
  .summary = "Make directories",
  .options = mkdir_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = ANY_NUMBER,
  .perform_at = mkdir_at,
};
