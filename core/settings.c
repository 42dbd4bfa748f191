/* What is set, and where.  */

#include "core/error.h"
#include "core/registry.h"
#include "core/result.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const variables[] = { "LONGREACH_PLUGIN_PATH", "LONGREACH_DISPATCHER_DIR",
                                         "LONGREACH_ASKPASS" };

struct listing
{
  struct lr_setting_list *list;
  struct lr_setting **items; /* owned */
  bool failed;               /* no memory */
};

static void
add_row (struct listing *listing, const struct lr_setting *setting)
{
  struct lr_setting_list *list = listing->list;
  struct lr_setting *row = result_own (list, calloc (1, sizeof *row));
  struct lr_setting **grown = realloc (listing->items, (list->count + 1) * sizeof *grown);
  if (grown != NULL)
    listing->items = grown;
  if (row == NULL || grown == NULL)
    {
      listing->failed = true;
      return;
    }
  *row = *setting;
  const char **texts[] = { &row->section, &row->name, &row->value, &row->file };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (*texts[i] != NULL)
      {
        *texts[i] = result_copy_text (list, *texts[i]);
        listing->failed = listing->failed || *texts[i] == NULL;
      }
  grown[list->count++] = row;
}

static void
add_directories (struct listing *listing, const struct search_path *path, enum lr_source source)
{
  for (size_t i = 0; i < path->count; i++)
    if (path->directories[i].source == source)
      add_row (listing, &(struct lr_setting){
                            .name = "path", .value = path->directories[i].path, .source = source });
}

static void
add_environment (struct listing *listing)
{
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
    {
      const char *value = secure_getenv (variables[i]);
      if (value != NULL)
        add_row (listing, &(struct lr_setting){ .name = variables[i],
                                                .value = value,
                                                .source = LR_SOURCE_ENVIRONMENT });
    }
}

static void
add_configured (struct listing *listing, const struct config *config,
                const struct config_setting *setting)
{
  static const char *const sections[] = { [CONFIG_PATH] = "longreach",
                                          [CONFIG_DEFAULT_SCHEMA] = "longreach",
                                          [CONFIG_OPTION] = "schema ",
                                          [CONFIG_ALIAS] = "host " };
  const struct config_file *file = &config->files[setting->file];
  char *section;
  if (asprintf (&section, "%s%s", sections[setting->kind],
                setting->subject == NULL ? "" : setting->subject)
      < 0)
    {
      listing->failed = true;
      return;
    }
  add_row (listing,
           &(struct lr_setting){ .section = section,
                                 .name = setting->name,
                                 .value = setting->value,
                                 .file = file->path,
                                 .line = setting->line,
                                 .source = file->system ? LR_SOURCE_SYSTEM : LR_SOURCE_USER,
                                 .overridden = setting->overridden });
  free (section);
}

static void
add_all (void *context, const struct config *config, const struct search_path *path)
{
  struct listing *listing = context;
  add_directories (listing, path, LR_SOURCE_PROGRAM);
  add_environment (listing);
  for (size_t i = 0; i < config->setting_count; i++)
    add_configured (listing, config, &config->settings[i]);
  add_directories (listing, path, LR_SOURCE_INSTALLED);
}

int
lr_registry_settings (lr_registry *registry, struct lr_setting_list **result,
                      struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  *result = NULL;
  struct listing listing = { .list = result_new (sizeof *listing.list) };
  if (listing.list == NULL)
    return error_no_memory (error);
  int status = registry_inspect (registry, add_all, &listing, error);
  if (!listing.failed)
    listing.list->items = result_own (listing.list, listing.items);
  else
    free (listing.items);
  if (listing.failed || listing.list->items == NULL)
    {
      lr_free (listing.list);
      return error_no_memory (error);
    }
  *result = listing.list;
  return status;
}
