#include "cli/connect.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/text.h"

#include <stdio.h>
#include <string.h>

/* The widths of the columns but the last, which hold words without spaces.  */
enum
{
  SCHEMA_WIDTH = 12,
  VERSION_WIDTH = 10,
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

static json_t *
describe (const struct lr_connector_info *info)
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
  json_add_text (object, "problem", info->problem);
  return object;
}

static void
print_json (const struct lr_connector_list *list, const char *schema)
{
  json_t *connectors = json_new_array ();
  for (size_t i = 0; i < list->count; i++)
    if (is_wanted (list->items[i], schema))
      json_append (connectors, describe (list->items[i]));
  json_t *object = json_new_object ();
  json_add (object, "connectors", connectors);
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
  print_cell (info->schema, SCHEMA_WIDTH);
  print_cell (info->version, VERSION_WIDTH);
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
  print_cell ("SOURCE", SOURCE_WIDTH);
  puts ("DESCRIPTION");
  for (size_t i = 0; i < list->count; i++)
    if (is_wanted (list->items[i], schema))
      print_connector (list->items[i]);
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

static int
list_plugins (lr_registry *registry, const char *schema)
{
  struct lr_connector_list *list;
  struct lr_error error;
  if (lr_registry_list (registry, &list, &error) != 0)
    return report_open_failure (&error);
  int status = 0;
  bool any = count_wanted (list, schema) > 0;
  if (json_wanted)
    print_json (list, schema);
  else if (any)
    print_table (list, schema);
  if (!any)
    status = report_none (registry, schema);
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
  .summary = "List the connectors, and what is wrong with those that can't be used",
  .offers = OFFERS_REGISTRY | OFFERS_JSON,
  .least = 0,
  .most = 1,
  .perform = plugins_perform,
};
