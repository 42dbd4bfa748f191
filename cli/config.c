#include "cli/connect.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"

#include <stdio.h>

/* Where SETTING comes from: "user, /home/bob/.config/longreach/longreach.conf:3".  */
static void
print_origin (const struct lr_setting *setting)
{
  fputs (lr_source_name ((enum lr_source) setting->source), stdout);
  if (setting->file == NULL)
    return;
  fputs (", ", stdout);
  text_print (setting->file);
  printf (":%lu", (unsigned long) setting->line);
}

static void
print_setting (const struct lr_setting *setting)
{
  if (setting->section != NULL)
    {
      putchar ('[');
      text_print (setting->section);
      fputs ("] ", stdout);
    }
  text_print (setting->name);
  fputs (" = ", stdout);
  text_print (setting->value);
  fputs ("\n    ", stdout);
  print_origin (setting);
  puts (setting->overridden ? "; overridden" : "");
}

static json_t *
describe (const struct lr_setting *setting)
{
  json_t *object = json_new_object ();
  json_add_text (object, "section", setting->section);
  json_add_text (object, "name", setting->name);
  json_add_text (object, "value", setting->value);
  json_add_text (object, "source", lr_source_name ((enum lr_source) setting->source));
  json_add_text (object, "file", setting->file);
  if (setting->file != NULL)
    json_add_integer (object, "line", setting->line);
  json_add_boolean (object, "overridden", setting->overridden != 0);
  return object;
}

static void
print_json (const struct lr_setting_list *list)
{
  json_t *settings = json_new_array ();
  for (size_t i = 0; i < list->count; i++)
    json_append (settings, describe (list->items[i]));
  json_t *object = json_new_object ();
  json_add (object, "settings", settings);
  json_print (object);
}

static int
config_perform (char **operands, size_t count)
{
  lr_registry *registry;
  struct lr_setting_list *list;
  struct lr_error error;
  (void) operands;
  (void) count;
  int status = connect_registry (&registry);
  if (status != 0)
    return status;
  int failed = lr_registry_settings (registry, &list, &error);
  if (failed == 0 && json_wanted)
    print_json (list);
  for (size_t i = 0; !json_wanted && list != NULL && i < list->count; i++)
    print_setting (list->items[i]);
  if (failed != 0)
    status = report_open_failure (&error);
  lr_free (list);
  lr_registry_free (registry);
  return status;
}

const struct subcommand config_subcommand = {
  .name = "config",
  .operands = "",
  .summary = "List what is set, and where it is set",
  .offers = OFFERS_REGISTRY | OFFERS_JSON,
  .least = 0,
  .most = 0,
  .perform = config_perform,
};
