#include "cli/connect.h"
#include "cli/hop.h"
#include "cli/report.h"
#include "cli/subcommand.h"

#include <stdio.h>

static void
print_list (const struct lr_hop_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    {
      hop_print_title (list->items[i], i, list->count);
      putchar ('\n');
      hop_print_plan (list->items[i]);
    }
}

static void
print_json (const struct lr_hop_list *list)
{
  json_t *object = json_new_object (), *hops = json_new_array ();
  for (size_t i = 0; i < list->count; i++)
    json_append (hops, hop_as_json (list->items[i]));
  json_add (object, "hops", hops);
  json_print (object);
}

static int
hops_perform (char **operands, size_t count)
{
  lr_registry *registry;
  struct lr_hop_list *list;
  struct lr_error error;
  (void) count;
  int status = connect_registry (&registry);
  if (status != 0)
    return status;
  const struct lr_open_args args = connect_args (operands[0], NULL);
  if (lr_explain (registry, &args, &list, &error) != 0)
    status = report_open_failure (&error);
  else if (json_wanted)
    print_json (list);
  else
    print_list (list);
  lr_free (list);
  lr_registry_free (registry);
  return status;
}

const struct subcommand hops_subcommand = {
  .name = "hops",
  .operands = "URL",
  .summary = "Explain a URL hop by hop, without going there",
  .details =
      "In a command, SCRIPT stands for the script that brings a dispatcher and starts it, and "
      "NONCE for the word by which it is known.",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 1,
  .most = 1,
  .perform = hops_perform,
};
