#include "cli/change.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

#include <errno.h>

static struct
{
  bool recursive;
  bool force;
} given;

static const struct cli_option remove_options[] = {
  { .name = "recursive",
    .letter = 'r',
    .help = "Directories with all that is in them",
    .flag = &given.recursive },
  { .name = "force", .letter = 'f', .help = "What is not there is fine", .flag = &given.force },
  { 0 },
};

static int
remove_path (lr_connection *connection, const char *path, struct lr_error *error)
{
  struct lr_remove_args args =
      LR_REMOVE_ARGS (.path = path, .recursive = given.recursive, .timeout_ms = timeout_left ());
  int status = lr_remove (connection, &args, error);
  bool absent = status != 0 && error->kind == LR_ERROR_REMOTE_OS && error->errnum == ENOENT;
  return absent && given.force ? 0 : status;
}

static int
remove_at (lr_connection *connection, char **operands, size_t count)
{
  return change_each (connection, operands, count, remove_path);
}

const struct subcommand remove_subcommand = {
  .name = "rm",
  .operands = "URL PATH...",
  .summary = "Remove files, links and directories",
  .details = "Without -r a directory must be empty. No link is followed, and what is mounted in a "
             "directory is not entered.",
  .options = remove_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = ANY_NUMBER,
  .perform_at = remove_at,
};
