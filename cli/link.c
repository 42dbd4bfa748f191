#include "cli/placing.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static struct
{
  bool symbolic;
  bool force;
  bool is_name;
} given;

static const struct cli_option link_options[] = {
  { .name = "symbolic", .letter = 's', .help = "Make symbolic links", .flag = &given.symbolic },
  { .name = "force", .letter = 'f', .help = "Replace a file that is there", .flag = &given.force },
  { .name = "no-target-directory",
    .letter = 'T',
    .help = "PATH is the link, also if it is one to a directory",
    .flag = &given.is_name },
  { 0 },
};

static int
make_link (lr_connection *connection, const char *target, const char *path, struct lr_error *error)
{
  struct lr_link_args args =
      LR_LINK_ARGS (.target = target, .path = path, .symbolic = given.symbolic,
                    .replace = given.force, .timeout_ms = timeout_left ());
  return lr_link (connection, &args, error);
}

static int
link_at (lr_connection *connection, char **operands, size_t count)
{
  return placing_each (connection, operands, count, given.is_name, make_link);
}

const struct subcommand link_subcommand = {
  .name = "ln",
  .operands = "URL TARGET... PATH",
  .summary = "Make links",
  .details = "PATH becomes another name of the file TARGET, or with -s a link that leads to it. If "
             "it is a directory, the links are made in it, by the names that the TARGETs have.",
  .options = link_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 3,
  .most = ANY_NUMBER,
  .perform_at = link_at,
};
