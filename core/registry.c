/* Invariant: REGISTRY->connectors only grows, and no entry of it moves, while the registry lives;
   what is found once can be used without the lock.  */

#include "core/registry.h"

#include "core/candidate.h"
#include "core/config.h"
#include "core/declared.h"
#include "core/error.h"
#include "core/plugin.h"
#include "core/result.h"
#include "core/search_path.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lr_registry
{
  pthread_mutex_t lock; /* of all below */
  char **directories;   /* the program's; owned */
  size_t directory_count;
  struct config config;
  bool configured;              /* CONFIG was read */
  bool no_config;               /* and no file is to be */
  char *config_file;            /* owned: the one that is; NULL: the usual ones */
  struct connector *connectors; /* built in or loaded; owned */
  struct log log;
  size_t holders; /* besides the program */
};

lr_registry *
lr_registry_new (void)
{
  lr_registry *registry = calloc (1, sizeof *registry);
  if (registry != NULL && pthread_mutex_init (&registry->lock, NULL) != 0)
    {
      free (registry);
      registry = NULL;
    }
  return registry;
}

void
lr_registry_free (lr_registry *registry)
{
  if (registry == NULL)
    return;
  pthread_mutex_lock (&registry->lock);
  bool held = registry->holders > 0;
  if (held)
    registry->holders--;
  pthread_mutex_unlock (&registry->lock);
  if (held)
    return;
  for (size_t i = 0; i < registry->directory_count; i++)
    free (registry->directories[i]);
  free (registry->directories);
  free (registry->config_file);
  config_free (&registry->config);
  for (struct connector *connector = registry->connectors, *next; connector != NULL;
       connector = next)
    {
      next = connector->next;
      free (connector->file);
      declared_free (connector->declaration);
      free (connector);
    }
  pthread_mutex_destroy (&registry->lock);
  free (registry);
}

void
registry_hold (lr_registry *registry)
{
  pthread_mutex_lock (&registry->lock);
  registry->holders++;
  pthread_mutex_unlock (&registry->lock);
}

void
lr_registry_set_log (lr_registry *registry, lr_log_function *function, void *data)
{
  pthread_mutex_lock (&registry->lock);
  registry->log = (struct log){ function, data };
  pthread_mutex_unlock (&registry->lock);
}

struct log
registry_log (lr_registry *registry)
{
  pthread_mutex_lock (&registry->lock);
  struct log log = registry->log;
  pthread_mutex_unlock (&registry->lock);
  return log;
}

/* ---- what the program adds ---- */

int
lr_registry_add_directory (lr_registry *registry, const char *directory, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  if (directory == NULL || directory[0] != '/')
    return error_set_field (error, "directory", "the plugin directory \"%s\" is not absolute",
                            directory == NULL ? "" : directory);
  pthread_mutex_lock (&registry->lock);
  char **grown = realloc (registry->directories, (registry->directory_count + 1) * sizeof *grown);
  char *copy = grown == NULL ? NULL : strdup (directory);
  if (grown != NULL)
    registry->directories = grown;
  if (copy != NULL)
    grown[registry->directory_count++] = copy;
  pthread_mutex_unlock (&registry->lock);
  return copy == NULL ? error_no_memory (error) : 0;
}

/* The connector of SCHEMA among those that are there already.  */
static struct connector *
find_known (const lr_registry *registry, const char *schema)
{
  for (struct connector *connector = registry->connectors; connector != NULL;
       connector = connector->next)
    if (strcmp (connector->table.schema, schema) == 0)
      return connector;
  return NULL;
}

/* Import TABLE, which is from FILE, or with NULL the program's own, and add it.  */
static struct connector *
add_connector (lr_registry *registry, const struct lr_connector *table, const char *file,
               struct lr_error *error)
{
  const char *origin = file == NULL ? "the program's connector" : file;
  char *copy = file == NULL ? NULL : strdup (file);
  struct connector *connector = malloc (sizeof *connector);
  if (connector == NULL || (file != NULL && copy == NULL))
    error_no_memory (error);
  if (connector == NULL || (file != NULL && copy == NULL)
      || connector_import (connector, table, origin, error) != 0)
    {
      free (connector);
      free (copy);
      return NULL;
    }
  connector->file = copy;
  connector->next = registry->connectors;
  registry->connectors = connector;
  return connector;
}

int
lr_registry_add_connector (lr_registry *registry, const struct lr_connector *connector,
                           struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  pthread_mutex_lock (&registry->lock);
  int status = -1;
  const char *schema = connector->schema == NULL ? "" : connector->schema;
  if (find_known (registry, schema) != NULL)
    error_set_field (error, "schema", "the schema %s is registered already", schema);
  else
    {
      status = add_connector (registry, connector, NULL, error) == NULL ? -1 : 0;
    }
  pthread_mutex_unlock (&registry->lock);
  return status;
}

/* ---- configuration ---- */

int
lr_registry_set_config (lr_registry *registry, const char *file, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  if (file != NULL && file[0] != '/')
    return error_set_field (error, "file", "the configuration file \"%s\" is not absolute", file);
  char *copy = file == NULL ? NULL : strdup (file);
  if (file != NULL && copy == NULL)
    return error_no_memory (error);
  pthread_mutex_lock (&registry->lock);
  bool late = registry->configured;
  if (!late)
    {
      free (registry->config_file);
      registry->config_file = copy;
      registry->no_config = file == NULL;
      copy = NULL;
    }
  pthread_mutex_unlock (&registry->lock);
  free (copy);
  return late ? error_set_field (error, "file", "the configuration has been read already") : 0;
}

/* Read it, unless that is done.  With the lock.  After an error it has what is right, and is read
   once more the next time.  */
static int
configure (lr_registry *registry, struct lr_error *error)
{
  if (registry->configured)
    return 0;
  config_free (&registry->config);
  if (!registry->no_config && config_load (&registry->config, registry->config_file, error) != 0)
    return -1;
  registry->configured = true;
  return 0;
}

/* The search path by what is configured, with the lock.  search_path_free in any case.  */
static int
build_path (lr_registry *registry, struct search_path *path, struct lr_error *error)
{
  *path = (struct search_path){ NULL, 0 };
  return search_path_build (path, (const char *const *) registry->directories,
                            registry->directory_count, &registry->config)
                 == 0
             ? 0
             : error_no_memory (error);
}

/* Both, or neither.  */
static int
configure_path (lr_registry *registry, struct search_path *path, struct lr_error *error)
{
  *path = (struct search_path){ NULL, 0 };
  return configure (registry, error) == 0 ? build_path (registry, path, error) : -1;
}

int
registry_inspect (lr_registry *registry, registry_inspector *inspect, void *context,
                  struct lr_error *error)
{
  struct search_path path;
  struct lr_error no_path;
  pthread_mutex_lock (&registry->lock);
  int status = configure (registry, error);
  if (build_path (registry, &path, status == 0 ? error : &no_path) != 0)
    status = -1;
  else
    inspect (context, &registry->config, &path);
  pthread_mutex_unlock (&registry->lock);
  search_path_free (&path);
  return status;
}

/* ---- finding and loading ---- */

static bool
names_schema (const struct plugin_notes *notes, const char *schema)
{
  for (size_t i = 0; i < notes->count; i++)
    if (strcmp (notes->connectors[i].schema, schema) == 0)
      return true;
  return false;
}

struct search
{
  lr_registry *registry;
  const char *schema;
  struct connector *found;
  bool decided; /* a file names the schema: nothing after it counts */
  struct lr_error *error;
  char others[256];     /* the schemas that exist, for the message */
  char unreadable[256]; /* the first file or directory that may have had it */
};

static void
remember_other (struct search *search, const char *schema)
{
  size_t used = strlen (search->others);
  size_t length = strlen (schema);
  char spaced[sizeof search->others + 4];
  snprintf (spaced, sizeof spaced, " %s,", search->others);
  char wanted[128];
  if (length > 64)
    return;
  snprintf (wanted, sizeof wanted, " %s,", schema);
  if (strstr (spaced, wanted) != NULL || used + length + 3 > sizeof search->others)
    return;
  if (used > 0)
    strcat (search->others, ", ");
  strcat (search->others, schema);
}

static struct connector *
load_declaration (struct search *search, const struct candidate *candidate)
{
  struct declaration *declaration =
      declared_load (candidate->file, candidate->real, candidate->notes, search->error);
  struct connector *connector = declaration == NULL
                                    ? NULL
                                    : add_connector (search->registry, declared_table (declaration),
                                                     candidate->file, search->error);
  if (connector == NULL)
    declared_free (declaration);
  else
    connector->declaration = declaration;
  return connector;
}

/* Of a plugin with several connectors only the one that was asked for comes in: another may be
   shadowed by a plugin before it.  */
static struct connector *
load_plugin (struct search *search, const struct candidate *candidate)
{
  const struct lr_plugin *plugin;
  struct connector *found = NULL;
  if (plugin_load (&plugin, candidate->file, candidate->real, candidate->notes, search->error) != 0)
    return NULL;
  for (const struct lr_connector *const *table = plugin->connectors; *table != NULL; table++)
    if (strcmp ((*table)->schema, search->schema) == 0)
      found = add_connector (search->registry, *table, candidate->file, search->error);
  return found;
}

static void
load_candidate (struct search *search, const struct candidate *candidate)
{
  search->found = declared_is_named (candidate->file) ? load_declaration (search, candidate)
                                                      : load_plugin (search, candidate);
  if (search->found != NULL)
    log_line (&search->registry->log, LR_LOG_INFO, "%s: loaded %s", search->schema,
              candidate->file);
}

static bool
visit_for_search (void *context, const struct candidate *candidate)
{
  struct search *search = context;
  for (size_t i = 0; i < candidate->notes->count; i++)
    remember_other (search, candidate->notes->connectors[i].schema);
  if (candidate->problem != NULL && candidate->notes->count == 0 && search->unreadable[0] == '\0')
    snprintf (search->unreadable, sizeof search->unreadable, "%.255s", candidate->problem->message);
  if (!names_schema (candidate->notes, search->schema))
    return true;
  search->decided = true;
  if (candidate->problem != NULL)
    *search->error = *candidate->problem;
  else
    load_candidate (search, candidate);
  return false;
}

/* The directories of PATH as "/a, /b"; where they are too many, those in the middle go.  */
static void
list_searched (const struct search_path *path, char *buffer, size_t size)
{
  const char *last = path->directories[path->count - 1].path;
  size_t reserved = strlen (last) + sizeof ", ..., ";
  size_t used = 0;
  buffer[0] = '\0';
  for (size_t i = 0; i + 1 < path->count; i++)
    {
      const char *directory = path->directories[i].path;
      size_t length = strlen (directory);
      if (used + length + sizeof ", " + reserved > size)
        {
          used += (size_t) snprintf (buffer + used, size - used, "..., ");
          break;
        }
      used += (size_t) snprintf (buffer + used, size - used, "%s, ", directory);
    }
  snprintf (buffer + used, size - used, "%s", last);
}

static int
set_not_found (struct search *search, const struct search_path *path)
{
  char searched[512];
  list_searched (path, searched, sizeof searched);
  for (const struct connector *connector = search->registry->connectors; connector != NULL;
       connector = connector->next)
    remember_other (search, connector->table.schema);
  return error_set (search->error, LR_ERROR_NO_CONNECTOR,
                    "no connector has the schema \"%s\"; searched: %s; schemas that exist: %s%s%s",
                    search->schema, searched, search->others[0] == '\0' ? "none" : search->others,
                    search->unreadable[0] == '\0' ? "" : "; can't be used: ", search->unreadable);
}

static struct connector *
search_plugins (lr_registry *registry, const char *schema, struct lr_error *error)
{
  struct search search = { .registry = registry, .schema = schema, .error = error };
  struct search_path path;
  int status = configure_path (registry, &path, error);
  if (status == 0 && candidates_walk (&path, visit_for_search, &search) != 0)
    error_no_memory (error);
  else if (status == 0 && !search.decided)
    set_not_found (&search, &path);
  search_path_free (&path);
  return search.found;
}

const struct connector *
registry_find (lr_registry *registry, const char *schema, struct lr_error *error)
{
  pthread_mutex_lock (&registry->lock);
  struct connector *connector = find_known (registry, schema);
  if (connector == NULL)
    connector = search_plugins (registry, schema, error);
  pthread_mutex_unlock (&registry->lock);
  return connector;
}

int
lr_registry_load (lr_registry *registry, const char *schema, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  return registry_find (registry, schema, error) == NULL ? -1 : 0;
}

static const struct lr_connector *
find_table (void *context, const char *schema, struct lr_error *error)
{
  const struct connector *connector = registry_find (context, schema, error);
  return connector == NULL ? NULL : &connector->table;
}

static bool
has_option (const struct lr_hop *hop, size_t count, const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp (hop->options[i].option->name, name) == 0)
      return true;
  return false;
}

/* Add to HOP what the configuration sets for its schema, and the target doesn't.  */
static int
add_defaults (const struct config *config, struct lr_hop *hop, struct lr_error *error)
{
  size_t given = hop->option_count;
  for (size_t i = 0; i < config->setting_count; i++)
    {
      const struct config_setting *setting = &config->settings[i];
      struct lr_error problem;
      char *option;
      if (setting->kind != CONFIG_OPTION || setting->overridden
          || strcmp (setting->subject, hop->schema) != 0 || has_option (hop, given, setting->name))
        continue;
      if (asprintf (&option, "%s=%s", setting->name, setting->value) < 0)
        return error_no_memory (error);
      int status = hop_add_option (hop, option, &problem);
      free (option);
      if (status != 0)
        return error_set_field (error, problem.field, "%s:%u: %s",
                                config->files[setting->file].path, setting->line, problem.message);
    }
  return 0;
}

int
registry_parse_target (lr_registry *registry, struct target *target, const char *url,
                       const char *const *options, struct lr_error *error)
{
  char *expanded = NULL;
  *target = (struct target){ NULL, 0 };
  pthread_mutex_lock (&registry->lock);
  int status = configure (registry, error);
  pthread_mutex_unlock (&registry->lock);
  /* Nobody changes it any more.  */
  const struct config *config = &registry->config;
  if (status == 0)
    status = config_expand (config, url, &expanded, error);
  if (status != 0)
    return -1;
  status = target_parse (target, expanded, options, find_table, registry, error);
  if (status != 0)
    config_explain (config, url, error);
  for (size_t i = 0; status == 0 && i < target->count; i++)
    {
      status = add_defaults (config, &target->hops[i], error);
      if (status != 0)
        error->hop = (int32_t) i;
    }
  free (expanded);
  return status;
}

/* ---- listing ---- */

const char *
lr_source_name (enum lr_source source)
{
  static const char *const names[] = {
    [LR_SOURCE_BUILT_IN] = "built-in",
    [LR_SOURCE_PROGRAM] = "program",
    [LR_SOURCE_ENVIRONMENT] = "environment",
    [LR_SOURCE_INSTALLED] = "installed",
    [LR_SOURCE_USER] = "user",
    [LR_SOURCE_SYSTEM] = "system",
  };
  return (size_t) source < sizeof names / sizeof names[0] ? names[source] : "unknown";
}

struct listing
{
  struct lr_connector_list *list;
  struct lr_connector_info **items; /* owned by the list once it is complete */
  bool failed;                      /* no memory */
};

/* What serves INFO's schema ahead of it, by what is listed already.  */
static const char *
find_shadow (const struct listing *listing, const char *schema)
{
  for (size_t i = 0; listing->items != NULL && i < listing->list->count; i++)
    {
      /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): all below count are set */
      const struct lr_connector_info *info = listing->items[i];
      if (info->schema != NULL && info->shadowed_by == NULL && strcmp (info->schema, schema) == 0)
        return info->file == NULL ? "the program itself" : info->file;
    }
  return NULL;
}

/* Add a row with copies of the texts of INFO.  */
static void
add_row (struct listing *listing, const struct lr_connector_info *info)
{
  struct lr_connector_list *list = listing->list;
  struct lr_connector_info *row = result_own (list, calloc (1, sizeof *row));
  struct lr_connector_info **grown =
      realloc (listing->items, (list->count + 1) * sizeof *listing->items);
  if (grown != NULL)
    listing->items = grown;
  if (row == NULL || grown == NULL)
    {
      listing->failed = true;
      return;
    }
  *row = *info;
  const char **texts[] = { &row->schema,    &row->description, &row->version, &row->file,
                           &row->directory, &row->shadowed_by, &row->problem };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (*texts[i] != NULL)
      {
        *texts[i] = result_copy_text (list, *texts[i]);
        listing->failed = listing->failed || *texts[i] == NULL;
      }
  grown[list->count++] = row;
}

static bool
visit_for_listing (void *context, const struct candidate *candidate)
{
  struct listing *listing = context;
  struct lr_error problem;
  struct lr_connector_info info = { .version = candidate->notes->version,
                                    .file = candidate->file,
                                    .directory = candidate->directory->path,
                                    .abi = candidate->notes->abi,
                                    .source = (uint32_t) candidate->directory->source };
  if (candidate->problem != NULL)
    info.problem = candidate->problem->message;
  else if (connector_check_abi (candidate->notes->abi, candidate->file, &problem) != 0)
    info.problem = problem.message;
  for (size_t i = 0; i < candidate->notes->count; i++)
    {
      info.schema = candidate->notes->connectors[i].schema;
      info.description = candidate->notes->connectors[i].description;
      info.shadowed_by = find_shadow (listing, info.schema);
      add_row (listing, &info);
    }
  if (candidate->notes->count == 0)
    add_row (listing, &info);
  return !listing->failed;
}

/* The connectors that the program brought itself.  */
static void
list_built_in (lr_registry *registry, struct listing *listing)
{
  for (const struct connector *connector = registry->connectors; connector != NULL;
       connector = connector->next)
    if (connector->file == NULL)
      add_row (listing, &(struct lr_connector_info){ .schema = connector->table.schema,
                                                     .description = connector->table.description,
                                                     .abi = connector->table.abi,
                                                     .source = LR_SOURCE_BUILT_IN });
}

int
lr_registry_list (lr_registry *registry, struct lr_connector_list **result, struct lr_error *error)
{
  struct lr_error local;
  error = error_begin (error, &local);
  *result = NULL;
  struct search_path path = { NULL, 0 };
  struct listing listing = { .list = result_new (sizeof *listing.list) };
  pthread_mutex_lock (&registry->lock);
  int status =
      listing.list == NULL ? error_no_memory (error) : configure_path (registry, &path, error);
  listing.failed = status != 0 || listing.list == NULL;
  if (!listing.failed)
    list_built_in (registry, &listing);
  if (!listing.failed && candidates_walk (&path, visit_for_listing, &listing) != 0)
    listing.failed = true;
  pthread_mutex_unlock (&registry->lock);
  search_path_free (&path);
  if (!listing.failed && listing.items != NULL)
    listing.list->items = result_own (listing.list, listing.items);
  else
    free (listing.items);
  if (listing.failed || (listing.list->count > 0 && listing.list->items == NULL))
    {
      lr_free (listing.list);
      return status != 0 ? -1 : error_no_memory (error);
    }
  *result = listing.list;
  return 0;
}

int
lr_registry_search_path (lr_registry *registry, char **result, struct lr_error *error)
{
  struct lr_error local;
  struct search_path path;
  error = error_begin (error, &local);
  *result = NULL;
  pthread_mutex_lock (&registry->lock);
  int failed = configure_path (registry, &path, error);
  pthread_mutex_unlock (&registry->lock);
  size_t size = 1;
  for (size_t i = 0; i < path.count && failed == 0; i++)
    size += strlen (path.directories[i].path) + 1;
  char *text = failed != 0 ? NULL : result_new (size);
  if (text != NULL)
    for (size_t i = 0; i < path.count; i++)
      strcat (strcat (text, path.directories[i].path), "\n");
  search_path_free (&path);
  *result = text;
  return text != NULL ? 0 : failed != 0 ? -1 : error_no_memory (error);
}
