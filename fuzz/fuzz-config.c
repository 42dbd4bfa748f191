/* longreach.conf, of anything, and targets by it.

   What stands before the first NUL is a target; the rest is the file.  What must hold:

   - a file that is read gives settings that make sense: each of a kind, with what that kind needs,
     from a line of the file, and none by which a hop could get a second meaning;
   - one that is not read has a sentence that names the file and a line;
   - a target that is expanded is no longer than it may be, and with a default schema every hop of
   it has one; one that is not has a sentence;
   - all of it can be freed. */

#include "core/config.h"
#include "core/connector.h"
#include "core/error.h"
#include "fuzz/input_file.h"
#include "fuzz/require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  EXPANDED_MAX = 80 << 10, /* characters: the limit, and a hop beyond it */
};

static void
check_settings (const struct config *config, size_t lines)
{
  for (size_t i = 0; i < config->setting_count; i++)
    {
      const struct config_setting *setting = &config->settings[i];
      require (setting->file == 0 && setting->line >= 1 && setting->line <= lines);
      require (setting->name != NULL && setting->value != NULL && !setting->overridden);
      switch (setting->kind)
        {
        case CONFIG_PATH:
          require (setting->value[0] == '/' && strchr (setting->value, ':') == NULL);
          break;
        case CONFIG_DEFAULT_SCHEMA:
          require (connector_schema_is_valid (setting->value, strlen (setting->value)));
          break;
        case CONFIG_OPTION:
          require (connector_schema_is_valid (setting->subject, strlen (setting->subject)));
          break;
        case CONFIG_ALIAS:
          require (setting->value[0] != '\0' && setting->subject[0] != '-');
          require (strpbrk (setting->subject, ":,?/@") == NULL);
          require (config_find (config, CONFIG_ALIAS, setting->subject) == setting);
          break;
        }
    }
}

static void
check_target (const struct config *config, const char *target)
{
  struct lr_error error;
  char *expanded;
  error_set_field (&error, "url", "a sentence");
  config_explain (config, target, &error);
  require (strncmp (error.message, "a sentence", strlen ("a sentence")) == 0);
  require (error.kind == LR_ERROR_INVALID_VALUE && strcmp (error.field, "url") == 0);
  error_begin (&error, &error);
  if (config_expand (config, target, &expanded, &error) != 0)
    {
      require (expanded == NULL && error.message[0] != '\0');
      require (error.kind == LR_ERROR_INVALID_VALUE && strcmp (error.field, "url") == 0);
      return;
    }
  require (strlen (expanded) <= EXPANDED_MAX + strlen (target));
  if (config_find (config, CONFIG_DEFAULT_SCHEMA, NULL) != NULL)
    for (const char *hop = expanded;; hop++)
      {
        size_t length = strcspn (hop, ","), name = strcspn (hop, "?,");
        require (name == 0 || memchr (hop, ':', length) != NULL);
        hop += length;
        if (*hop == '\0')
          break;
      }
  free (expanded);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct config config;
  struct lr_error error;
  const uint8_t *end = size == 0 ? NULL : memchr (data, '\0', size);
  if (end == NULL)
    return 0;
  const uint8_t *text = end + 1;
  size_t length = size - (size_t) (text - data), lines = input_lines (text, length);
  const char *path = input_file (text, length);

  error_begin (&error, &error);
  if (config_load (&config, path, &error) == 0)
    {
      check_settings (&config, lines);
      check_target (&config, (const char *) data);
    }
  else
    {
      require (error.kind == LR_ERROR_INVALID_VALUE && strcmp (error.field, "longreach.conf") == 0);
      require (strncmp (error.message, path, strlen (path)) == 0);
      require (strtoul (error.message + strlen (path) + 1, NULL, 10) <= lines);
    }
  config_free (&config);
  return 0;
}
