#include "cli/change.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"
#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct
{
  bool recursive;
  bool no_follow;
  const char *mode, *owner, *group;
} given;

static const struct cli_option chmod_options[] = {
  { .name = "recursive",
    .letter = 'R',
    .help = "Also all that is in directories; no link in them is followed",
    .flag = &given.recursive },
  { 0 },
};

static const struct cli_option chown_options[] = {
  { .name = "recursive",
    .letter = 'R',
    .help = "Also all that is in directories; no link in them is followed",
    .flag = &given.recursive },
  { .name = "no-dereference",
    .letter = 'h',
    .help = "Change a link itself, and not what it leads to",
    .flag = &given.no_follow },
  { 0 },
};

static int
set (lr_connection *connection, const char *path, struct lr_error *error)
{
  struct lr_set_attributes_args args =
      LR_SET_ATTRIBUTES_ARGS (.path = path, .mode = given.mode, .owner = given.owner,
                              .group = given.group, .no_follow = given.no_follow,
                              .recursive = given.recursive, .timeout_ms = timeout_left ());
  return lr_set_attributes (connection, &args, error);
}

static int
chmod_at (lr_connection *connection, char **operands, size_t count)
{
  given.mode = operands[0];
  return change_each (connection, operands + 1, count - 1, set);
}

/* What the entry of the owner has as the group.  Returns 0 or an exit status.  */
static int
find_group (lr_connection *connection)
{
  static char gid[24];
  struct lr_query_user_args args =
      LR_QUERY_USER_ARGS (.user = given.owner, .timeout_ms = timeout_left ());
  struct lr_user_entry *entry;
  struct lr_error error;
  if (lr_query_user (connection, &args, &entry, &error) != 0)
    return report_failure (&error);
  snprintf (gid, sizeof gid, "%lld", (long long) entry->gid);
  given.group = gid;
  lr_free (entry);
  return 0;
}

/* USER, USER:GROUP, :GROUP, or USER: with that user's own group.  */
static int
chown_at (lr_connection *connection, char **operands, size_t count)
{
  char *colon = strchr (operands[0], ':');
  if (colon != NULL)
    *colon = '\0';
  given.owner = operands[0][0] != '\0' ? operands[0] : NULL;
  given.group = colon != NULL && colon[1] != '\0' ? colon + 1 : NULL;
  if (given.owner == NULL && given.group == NULL)
    return report_usage ("chown: a user, or a colon and a group, is needed");
  if (colon != NULL && given.group == NULL)
    {
      int status = find_group (connection);
      if (status != 0)
        return status;
    }
  return change_each (connection, operands + 1, count - 1, set);
}

const struct subcommand chmod_subcommand = {
  .name = "chmod",
  .operands = "URL MODE PATH...",
  .summary = "Set the mode of files",
  .details = "MODE is octal, or symbolic as chmod has it, without a umask: u+x,go-w or a=rX. "
             "Options come before the URL, for a mode may begin with a dash.",
  .options = chmod_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 3,
  .most = ANY_NUMBER,
  .options_first = true, /* -w is a mode */
  .perform_at = chmod_at,
};

const struct subcommand chown_subcommand = {
  .name = "chown",
  .operands = "URL USER[:GROUP] PATH...",
  .summary = "Set owner and group of files",
  .details = "Both are names or ids. USER alone leaves the group as it is, USER: sets that user's "
             "own, and :GROUP leaves the owner.",
  .options = chown_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 3,
  .most = ANY_NUMBER,
  .takes_colon = true,
  .perform_at = chown_at,
};
