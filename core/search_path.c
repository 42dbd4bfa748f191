#include "core/search_path.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool
add (struct search_path *path, const char *directory, size_t length, enum lr_source source)
{
  struct search_directory *grown = realloc (path->directories, (path->count + 1) * sizeof *grown);
  if (grown == NULL)
    return false;
  path->directories = grown;
  grown[path->count] = (struct search_directory){ strndup (directory, length), source };
  return grown[path->count++].path != NULL;
}

/* What is not absolute would mean another directory for each place a program is started in.  */
static bool
add_environment (struct search_path *path)
{
  const char *list = secure_getenv ("LONGREACH_PLUGIN_PATH");
  bool added = true;
  for (size_t length; added && list != NULL && *list != '\0';
       list += length + (list[length] == ':'))
    {
      length = strcspn (list, ":");
      if (list[0] == '/')
        added = add (path, list, length, LR_SOURCE_ENVIRONMENT);
    }
  return added;
}

static bool
add_configured (struct search_path *path, const struct config *config)
{
  bool added = true;
  for (size_t i = 0; added && i < config->setting_count; i++)
    {
      const struct config_setting *setting = &config->settings[i];
      if (setting->kind == CONFIG_PATH)
        added = add (path, setting->value, strlen (setting->value),
                     config->files[setting->file].system ? LR_SOURCE_SYSTEM : LR_SOURCE_USER);
    }
  return added;
}

int
search_path_build (struct search_path *path, const char *const *program, size_t count,
                   const struct config *config)
{
  *path = (struct search_path){ NULL, 0 };
  for (size_t i = 0; i < count; i++)
    if (!add (path, program[i], strlen (program[i]), LR_SOURCE_PROGRAM))
      return -1;
  if (!add_environment (path) || !add_configured (path, config))
    return -1;
  return add (path, PLUGIN_DIRECTORY, strlen (PLUGIN_DIRECTORY), LR_SOURCE_INSTALLED)
                 && add (path, CONNECTOR_DIRECTORY, strlen (CONNECTOR_DIRECTORY),
                         LR_SOURCE_INSTALLED)
             ? 0
             : -1;
}

void
search_path_free (struct search_path *path)
{
  for (size_t i = 0; i < path->count; i++)
    free (path->directories[i].path);
  free (path->directories);
  *path = (struct search_path){ NULL, 0 };
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char **
search_path_list_files (const char *directory, int *errnum)
{
  size_t count = 0;
  char **files = calloc (1, sizeof *files);
  DIR *stream = opendir (directory);
  *errnum = stream != NULL || errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  const struct dirent *entry;
  while (files != NULL && stream != NULL && (entry = readdir (stream)) != NULL)
    {
      if (entry->d_name[0] == '.')
        continue;
      char **grown = realloc (files, (count + 2) * sizeof *grown);
      char *name = grown == NULL ? NULL : strdup (entry->d_name);
      if (grown != NULL)
        {
          files = grown;
          files[count] = name;
          files[count + 1] = NULL;
        }
      if (name == NULL)
        {
          search_path_free_files (files);
          files = NULL;
        }
      count++;
    }
  if (stream != NULL)
    closedir (stream);
  if (files != NULL)
    qsort (files, count, sizeof *files, compare_names);
  return files;
}

void
search_path_free_files (char **files)
{
  for (char **file = files; file != NULL && *file != NULL; file++)
    free (*file);
  free (files);
}
