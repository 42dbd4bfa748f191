/* A connector told from its table: how its URLs are written, its options, and who carries out its
   operations.  */

#include "core/connector.h"
#include "core/error.h"
#include "core/registry.h"
#include "core/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is written of a URL after the schema.  */
static void
print_form (FILE *stream, const struct lr_connector *table)
{
  static const char *const forms[] = {
    [LR_TARGET_NONE] = "",       [LR_TARGET_HOST] = "host", [LR_TARGET_NAME] = "name",
    [LR_TARGET_USER] = "user",   [LR_TARGET_PATH] = "path", [LR_TARGET_OPAQUE] = "text",
    [LR_TARGET_WORDS] = "words",
  };
  bool may_be_empty =
      (table->flags & LR_TARGET_MAY_BE_EMPTY) != 0 && table->target_form != LR_TARGET_NONE;
  bool takes_user =
      (table->flags & LR_TAKES_USER) != 0
      && (table->target_form == LR_TARGET_HOST || table->target_form == LR_TARGET_NAME);
  bool takes_port = (table->flags & LR_TAKES_PORT) != 0 && table->target_form == LR_TARGET_HOST;
  fprintf (stream, "%s:%s%s%s%s%s", table->schema, may_be_empty ? "[" : "",
           takes_user ? "[user@]" : "", forms[table->target_form], takes_port ? "[:port]" : "",
           may_be_empty ? "]" : "");
}

static char *
copy_form (void *result, const struct lr_connector *table)
{
  char *form = NULL;
  size_t size = 0;
  FILE *stream = open_memstream (&form, &size);
  if (stream == NULL)
    return NULL;
  print_form (stream, table);
  bool is_whole = fflush (stream) == 0 && !ferror (stream);
  if (fclose (stream) == 0 && is_whole)
    return result_own (result, form);
  free (form);
  return NULL;
}

static const char *
type_name (uint32_t type)
{
  static const char *const names[] = {
    [LR_OPTION_STRING] = "string", [LR_OPTION_PATH] = "path",     [LR_OPTION_BOOLEAN] = "boolean",
    [LR_OPTION_NUMBER] = "number", [LR_OPTION_CHOICE] = "choice", [LR_OPTION_WORDS] = "words",
  };
  return type < sizeof names / sizeof names[0] ? names[type] : "string";
}

/* An array of COUNT entries of SIZE bytes, all zero, which begins with as many pointers to them. */
static void **
new_array (void *result, size_t count, size_t size)
{
  void **pointers = result_own (result, calloc (count + 1, sizeof *pointers + size));
  if (pointers != NULL)
    for (size_t i = 0; i < count; i++)
      pointers[i] = (char *) (pointers + count + 1) + i * size;
  return pointers;
}

static int
add_options (struct lr_connector_description *description, const struct lr_connector *table)
{
  size_t count = 0;
  const struct lr_option *option;
  while (connector_option_at (table, count) != NULL)
    count++;
  struct lr_option_info **infos =
      (struct lr_option_info **) new_array (description, count, sizeof **infos);
  if (infos == NULL)
    return -1;
  for (size_t i = 0; i < count; i++)
    {
      option = connector_option_at (table, i);
      /* Where a connector has one of the tunnel's names for its own, that one counts.  */
      if (connector_option (table, option->name) != option)
        continue;
      struct lr_option_info *info = infos[description->option_count++];
      info->type = type_name (option->type);
      info->name = result_copy_text (description, option->name);
      info->help = result_copy_text (description, option->help == NULL ? "" : option->help);
      info->repeats = (option->flags & LR_OPTION_REPEATS) != 0;
      bool has_choices = option->type == LR_OPTION_CHOICE && option->choices != NULL;
      info->choices = has_choices ? result_copy_text (description, option->choices) : NULL;
      if (info->name == NULL || info->help == NULL || (has_choices && info->choices == NULL))
        return -1;
    }
  description->options = (const struct lr_option_info *const *) infos;
  return 0;
}

static int
add_operations (struct lr_connector_description *description, const struct connector *connector)
{
  static const enum lr_provider providers[] = {
    [PROVIDER_NONE] = LR_PROVIDER_NONE,
    [PROVIDER_CONNECTOR] = LR_PROVIDER_CONNECTOR,
    [PROVIDER_TUNNEL] = LR_PROVIDER_DISPATCHER,
  };
  struct lr_operation_info **infos = (struct lr_operation_info **) new_array (
      description, OPERATION_COUNT - OPERATION_RUN, sizeof **infos);
  if (infos == NULL)
    return -1;
  for (int i = OPERATION_RUN; i < OPERATION_COUNT; i++)
    {
      struct lr_operation_info *info = infos[description->operation_count++];
      info->name = operation_name ((enum operation) i);
      info->provider = providers[connector->providers[i]];
    }
  description->operations = (const struct lr_operation_info *const *) infos;
  return 0;
}

int
lr_registry_describe (lr_registry *registry, const char *schema,
                      struct lr_connector_description **result, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  *result = NULL;
  const struct connector *connector = registry_find (registry, schema, error);
  if (connector == NULL)
    return -1;
  struct lr_connector_description *description = result_new (sizeof *description);
  if (description == NULL)
    return error_no_memory (error);
  description->schema = result_copy_text (description, connector->table.schema);
  description->description = result_copy_text (description, connector->table.description);
  description->url = copy_form (description, &connector->table);
  if (description->schema == NULL || description->description == NULL || description->url == NULL
      || add_options (description, &connector->table) != 0
      || add_operations (description, connector) != 0)
    {
      lr_free (description);
      return error_no_memory (error);
    }
  *result = description;
  return 0;
}
