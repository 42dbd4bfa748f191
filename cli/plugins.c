#include "cli/connect.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The widths of the columns but the last, which hold words without spaces.  */
enum
{
  SCHEMA_WIDTH = 12,
  VERSION_WIDTH = 10,
  ABI_WIDTH = 3,
  SOURCE_WIDTH = 13,
  DETAIL_INDENT = 4,
};

/* SCHEMA NULL is all of them.  */
static bool
is_wanted (const struct lr_connector_info *info, const char *schema)
{
  return schema == NULL || (info->schema != NULL && strcmp (info->schema, schema) == 0);
}

static size_t
count_wanted (const struct lr_connector_list *list, const char *schema)
{
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++)
    count += is_wanted (list->items[i], schema);
  return count;
}

static const char *
source_name (const struct lr_connector_info *info)
{
  return lr_source_name ((enum lr_source) info->source);
}

static bool
hides (const struct lr_connector_info *info, const struct lr_connector_info *other)
{
  return info->schema != NULL && other->schema != NULL && info->file != NULL
         && other->shadowed_by != NULL && strcmp (other->schema, info->schema) == 0
         && strcmp (other->shadowed_by, info->file) == 0;
}

/* Add the files of LIST whose connectors INFO hides.  */
static void
add_shadowed (json_t *object, const struct lr_connector_list *list,
              const struct lr_connector_info *info)
{
  const char **files = calloc (list->count + 1, sizeof *files);
  size_t count = 0;
  if (files == NULL)
    out_of_memory ();
  for (size_t i = 0; i < list->count; i++)
    if (hides (info, list->items[i]))
      files[count++] = list->items[i]->file;
  json_add_texts (object, "shadows", files);
  free (files);
}

static json_t *
json_of (const struct lr_connector_list *list, const struct lr_connector_info *info)
{
  json_t *object = json_new_object ();
  json_add_text (object, "schema", info->schema);
  json_add_text (object, "description", info->description);
  json_add_text (object, "version", info->version);
  json_add_integer (object, "abi", info->abi);
  json_add_text (object, "source", source_name (info));
  json_add_text (object, "file", info->file);
  json_add_text (object, "directory", info->directory);
  json_add_text (object, "shadowed_by", info->shadowed_by);
  add_shadowed (object, list, info);
  json_add_text (object, "problem", info->problem);
  return object;
}

static json_t *
json_of_options (const struct lr_connector_description *description)
{
  json_t *options = json_new_array ();
  for (size_t i = 0; i < description->option_count; i++)
    {
      const struct lr_option_info *option = description->options[i];
      json_t *object = json_new_object ();
      json_add_text (object, "name", option->name);
      json_add_text (object, "type", option->type);
      json_add_text (object, "choices", option->choices);
      json_add_boolean (object, "repeats", option->repeats != 0);
      json_add_text (object, "help", option->help);
      json_append (options, object);
    }
  return options;
}

/* Who carries out an operation, by enum lr_provider.  */
static const char *const provider_names[] = {
  [LR_PROVIDER_NONE] = NULL,
  [LR_PROVIDER_CONNECTOR] = "connector",
  [LR_PROVIDER_DISPATCHER] = "dispatcher",
};

static json_t *
json_of_operations (const struct lr_connector_description *description)
{
  json_t *operations = json_new_object ();
  for (size_t i = 0; i < description->operation_count; i++)
    json_add_text (operations, description->operations[i]->name,
                   provider_names[description->operations[i]->provider]);
  return operations;
}

/* DESCRIPTION NULL: only the list is wanted.  */
static void
print_json (const struct lr_connector_list *list, const char *schema,
            const struct lr_connector_description *description)
{
  json_t *connectors = json_new_array ();
  for (size_t i = 0; i < list->count; i++)
    if (is_wanted (list->items[i], schema))
      json_append (connectors, json_of (list, list->items[i]));
  json_t *object = json_new_object ();
  json_add (object, "connectors", connectors);
  if (description != NULL)
    {
      json_add_text (object, "url", description->url);
      json_add (object, "options", json_of_options (description));
      json_add (object, "operations", json_of_operations (description));
    }
  json_print (object);
}

static void
print_cell (const char *text, int width)
{
  const char *shown = text != NULL && text[0] != '\0' ? text : "-";
  text_print (shown);
  printf ("%*s ", (int) strlen (shown) < width ? width - (int) strlen (shown) : 0, "");
}

static void
print_detail (const char *label, const char *text)
{
  if (text == NULL)
    return;
  printf ("%*s%s", DETAIL_INDENT, "", label);
  text_print (text);
  putchar ('\n');
}

static void
print_connector (const struct lr_connector_info *info)
{
  char abi[24];
  print_cell (info->schema, SCHEMA_WIDTH);
  print_cell (info->version, VERSION_WIDTH);
  snprintf (abi, sizeof abi, "%lu", (unsigned long) info->abi);
  print_cell (info->abi == 0 ? NULL : abi, ABI_WIDTH);
  print_cell (source_name (info), SOURCE_WIDTH);
  text_print (info->description != NULL ? info->description : "-");
  putchar ('\n');
  print_detail ("", info->file);
  print_detail ("shadowed by ", info->shadowed_by);
  print_detail ("problem: ", info->problem);
}

static void
print_table (const struct lr_connector_list *list, const char *schema)
{
  print_cell ("SCHEMA", SCHEMA_WIDTH);
  print_cell ("VERSION", VERSION_WIDTH);
  print_cell ("ABI", ABI_WIDTH);
  print_cell ("SOURCE", SOURCE_WIDTH);
  puts ("DESCRIPTION");
  for (size_t i = 0; i < list->count; i++)
    if (is_wanted (list->items[i], schema))
      print_connector (list->items[i]);
}

static void
print_option (const struct lr_option_info *option)
{
  printf ("%*s", DETAIL_INDENT, "");
  text_print (option->name);
  putchar ('=');
  text_print (option->choices != NULL ? option->choices : option->type);
  puts (option->repeats ? ", can be repeated" : "");
  print_detail ("    ", option->help);
}

/* The names of the operations that PROVIDER carries out, on a line; none, no line.  */
static void
print_operations (const struct lr_connector_description *description, enum lr_provider provider,
                  const char *label)
{
  bool any = false;
  for (size_t i = 0; i < description->operation_count; i++)
    if (description->operations[i]->provider == provider)
      {
        if (!any)
          printf ("%*s%s", DETAIL_INDENT, "", label);
        putchar (' ');
        text_print (description->operations[i]->name);
        any = true;
      }
  if (any)
    putchar ('\n');
}

static void
print_description (const struct lr_connector_description *description)
{
  fputs ("\nURL\n", stdout);
  print_detail ("", description->url);
  if (description->option_count > 0)
    fputs ("\nOptions, behind the URL's \"?\" or with -o\n", stdout);
  for (size_t i = 0; i < description->option_count; i++)
    print_option (description->options[i]);
  fputs ("\nOperations\n", stdout);
  print_operations (description, LR_PROVIDER_DISPATCHER, "by the dispatcher:");
  print_operations (description, LR_PROVIDER_CONNECTOR, "by the connector:");
  print_operations (description, LR_PROVIDER_NONE, "none:");
}

/* Nothing was found: say where it was looked for.  */
static int
report_none (lr_registry *registry, const char *schema)
{
  char *path;
  struct lr_error error;
  if (lr_registry_search_path (registry, &path, &error) != 0)
    return report_open_failure (&error);
  size_t size = strlen (path);
  while (size > 0 && path[size - 1] == '\n')
    path[--size] = '\0';
  for (char *end = path; (end = strchr (end, '\n')) != NULL;)
    *end = ' ';
  int status =
      report_absent ("there is no connector%s%s; plugins are looked for in: %s",
                     schema != NULL ? " of the schema " : "", schema != NULL ? schema : "", path);
  lr_free (path);
  return status;
}

/* All that is known of SCHEMA, which LIST has.  With JSON a failure is all that is printed.  */
static int
describe_schema (lr_registry *registry, const struct lr_connector_list *list, const char *schema)
{
  struct lr_connector_description *description;
  struct lr_error error;
  int failed = lr_registry_describe (registry, schema, &description, &error);
  if (failed == 0 && json_wanted)
    print_json (list, schema, description);
  if (!json_wanted)
    print_table (list, schema);
  if (failed == 0 && !json_wanted)
    print_description (description);
  lr_free (description);
  return failed == 0 ? 0 : report_open_failure (&error);
}

/* SCHEMA NULL: all of them, and no plugin is loaded.  */
static int
list_plugins (lr_registry *registry, const char *schema)
{
  struct lr_connector_list *list;
  struct lr_error error;
  if (lr_registry_list (registry, &list, &error) != 0)
    return report_open_failure (&error);
  int status = 0;
  bool any = count_wanted (list, schema) > 0;
  if (any && schema != NULL)
    status = describe_schema (registry, list, schema);
  else if (json_wanted)
    print_json (list, schema, NULL);
  else if (any)
    print_table (list, schema);
  if (!any)
    status = json_wanted ? STATUS_ABSENT : report_none (registry, schema);
  lr_free (list);
  return status;
}

static int
plugins_perform (char **operands, size_t count)
{
  lr_registry *registry;
  int status = connect_registry (&registry);
  if (status != 0)
    return status;
  status = list_plugins (registry, count > 0 ? operands[0] : NULL);
  lr_registry_free (registry);
  return status;
}

const struct subcommand plugins_subcommand = {
  .name = "plugins",
  .operands = "[SCHEMA]",
  .summary = "List the connectors, or explain the one of SCHEMA",
  .offers = OFFERS_REGISTRY | OFFERS_JSON,
  .least = 0,
  .most = 1,
  .perform = plugins_perform,
};
