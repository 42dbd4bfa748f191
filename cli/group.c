#include "cli/entry.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

static void
print_text (const struct lr_group_entry *entry)
{
  entry_print_text ("name", entry->name);
  entry_print_integer ("gid", entry->gid);
  entry_print_texts ("members", entry->members);
}

static int
query (lr_connection *connection, const char *name)
{
  struct lr_query_group_args args =
      LR_QUERY_GROUP_ARGS (.group = name, .timeout_ms = timeout_left ());
  struct lr_group_entry *entry;
  struct lr_error error;
  if (lr_query_group (connection, &args, &entry, &error) != 0)
    return report_lookup_failure (&error, "group");
  if (json_wanted)
    json_print (results_group (entry));
  else
    print_text (entry);
  lr_free (entry);
  return 0;
}

static int
group_at (lr_connection *connection, char **operands, size_t count)
{
  if (count > 0)
    return query (connection, operands[0]);
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.timeout_ms = timeout_left ());
  char *own;
  struct lr_error error;
  if (lr_resolve_group (connection, &args, &own, &error) != 0)
    return report_lookup_failure (&error, "group");
  int status = query (connection, own);
  lr_free (own);
  return status;
}

const struct subcommand group_subcommand = {
  .name = "group",
  .operands = "URL [NAME]",
  .summary = "Look up a group",
  .details = "NAME can be an id. Without it, the group that the dispatcher runs as is looked up.",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = 2,
  .perform_at = group_at,
};
