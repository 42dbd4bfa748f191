#include "cli/entry.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"

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
print_json (const struct lr_user_entry *entry)
{
  json_t *object = json_new_object ();
  json_add_text (object, "name", entry->name);
  json_add_integer (object, "uid", entry->uid);
  json_add_text (object, "group", entry->group);
  json_add_integer (object, "gid", entry->gid);
  json_add_texts (object, "groups", entry->groups);
  json_add_text (object, "password_hash", entry->password_hash);
  json_add_text (object, "gecos", entry->gecos);
  json_add_text (object, "home", entry->home);
  json_add_text (object, "shell", entry->shell);
  json_print (object);
}

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
      LR_QUERY_USER_ARGS (.user = name, .password_hash = given.password_hash);
  struct lr_user_entry *entry;
  struct lr_error error;
  if (lr_query_user (connection, &args, &entry, &error) != 0)
    return report_lookup_failure (&error, "user");
  if (json_wanted)
    print_json (entry);
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
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.name = NULL);
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
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 1,
  .most = 2,
  .perform_at = user_at,
};
