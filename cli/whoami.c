#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"
#include "cli/timeout.h"

#include <stdio.h>

static int
print_user (lr_connection *connection)
{
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.timeout_ms = timeout_left ());
  char *user;
  struct lr_error error;
  if (lr_resolve_user (connection, &args, &user, &error) != 0)
    return report_failure (&error);
  text_print (user);
  putchar ('\n');
  lr_free (user);
  return 0;
}

/* All that is asked for with --json; lr_free frees each.  */
struct identity
{
  char *user, *group;
  struct lr_user_entry *entry; /* NULL: a far side that works can run as a user without one */
};

static bool
lacks_entry (const struct lr_error *error)
{
  return error->kind == LR_ERROR_INVALID_VALUE || error->kind == LR_ERROR_REMOTE_OS
         || error->kind == LR_ERROR_UNSUPPORTED;
}

/* Returns 0, or -1 and *ERROR.  */
static int
look_up (lr_connection *connection, struct identity *identity, struct lr_error *error)
{
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.timeout_ms = timeout_left ());
  if (lr_resolve_user (connection, &args, &identity->user, error) != 0)
    return -1;
  args.timeout_ms = timeout_left ();
  if (lr_resolve_group (connection, &args, &identity->group, error) != 0)
    return -1;
  struct lr_query_user_args query =
      LR_QUERY_USER_ARGS (.user = identity->user, .timeout_ms = timeout_left ());
  if (lr_query_user (connection, &query, &identity->entry, error) != 0 && !lacks_entry (error))
    return -1;
  return 0;
}

static int
print_json (lr_connection *connection)
{
  struct identity identity = { 0 };
  struct lr_error error;
  int status = 0;
  if (look_up (connection, &identity, &error) != 0)
    status = report_failure (&error);
  else
    {
      json_t *object = json_new_object ();
      json_add_text (object, "user", identity.user);
      json_add_text (object, "group", identity.group);
      json_add_text (object, "home", identity.entry != NULL ? identity.entry->home : NULL);
      json_print (object);
    }
  lr_free (identity.entry);
  lr_free (identity.group);
  lr_free (identity.user);
  return status;
}

static int
whoami_at (lr_connection *connection, char **operands, size_t count)
{
  (void) operands;
  (void) count;
  return json_wanted ? print_json (connection) : print_user (connection);
}

const struct subcommand whoami_subcommand = {
  .name = "whoami",
  .operands = "URL",
  .summary = "Tell which user the dispatcher runs as",
  .details = "With --json also its group and home directory.",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = 1,
  .perform_at = whoami_at,
};
