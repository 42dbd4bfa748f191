#include "cli/entry.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static struct
{
  bool password_hash;
} given;

static const struct cli_option user_options[] = {
  { .name = "password-hash",
    .help = "Also print the password hash, which the far side must be allowed to read",
    .flag = &given.password_hash },
  { 0 },
};

static void
print_text (const struct lr_user_entry *entry)
{
  entry_print_text ("name", entry->name);
  entry_print_integer ("uid", entry->uid);
  entry_print_text ("group", entry->group);
  entry_print_integer ("gid", entry->gid);
  entry_print_texts ("groups", entry->groups);
  entry_print_text ("gecos", entry->gecos);
  entry_print_text ("home", entry->home);
  entry_print_text ("shell", entry->shell);
  if (entry->password_hash != NULL)
    entry_print_text ("hash", entry->password_hash);
}

static int
query (lr_connection *connection, const char *name)
{
  struct lr_query_user_args args =
      LR_QUERY_USER_ARGS (.user = name, .password_hash = given.password_hash,
                          .timeout_ms = timeout_left ());
  struct lr_user_entry *entry;
  struct lr_error error;
  if (lr_query_user (connection, &args, &entry, &error) != 0)
    return report_lookup_failure (&error, "user");
  if (json_wanted)
    json_print (results_user (entry));
  else
    print_text (entry);
  lr_free (entry);
  return 0;
}

static int
user_at (lr_connection *connection, char **operands, size_t count)
{
  if (count > 0)
    return query (connection, operands[0]);
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.timeout_ms = timeout_left ());
  char *own;
  struct lr_error error;
  if (lr_resolve_user (connection, &args, &own, &error) != 0)
    return report_lookup_failure (&error, "user");
  int status = query (connection, own);
  lr_free (own);
  return status;
}

const struct subcommand user_subcommand = {
  .name = "user",
  .operands = "URL [NAME]",
  .summary = "Look up a user",
  .details = "NAME can be an id. Without it, the user that the dispatcher runs as is looked up.",
  .options = user_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = 2,
  .perform_at = user_at,
};
