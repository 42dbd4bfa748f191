#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"

#include <stdio.h>

static int
print_user (lr_connection *connection)
{
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.name = NULL);
  char *user;
  struct lr_error error;
  if (lr_resolve_user (connection, &args, &user, &error) != 0)
    return report_failure (&error);
  text_print (user);
  putchar ('\n');
  lr_free (user);
  return 0;
}

/* A far side that works can run as a user without a home.  */
static bool
lacks_home (const struct lr_error *error)
{
  return error->kind == LR_ERROR_INVALID_VALUE || error->kind == LR_ERROR_REMOTE_OS
         || error->kind == LR_ERROR_UNSUPPORTED;
}

static int
print_json (lr_connection *connection)
{
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.name = NULL);
  char *user = NULL, *group = NULL, *home = NULL;
  struct lr_error error;
  int status = 0;
  if (lr_resolve_user (connection, &args, &user, &error) != 0
      || lr_resolve_group (connection, &args, &group, &error) != 0
      || (lr_home_dir (connection, NULL, &home, &error) != 0 && !lacks_home (&error)))
    status = report_failure (&error);
  else
    {
      json_t *object = json_new_object ();
      json_add_text (object, "user", user);
      json_add_text (object, "group", group);
      json_add_text (object, "home", home);
      json_print (object);
    }
  lr_free (home);
  lr_free (group);
  lr_free (user);
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
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 1,
  .most = 1,
  .perform_at = whoami_at,
};
