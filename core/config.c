#include "core/config.h"

#include "core/connector.h"
#include "core/error.h"
#include "core/ini_file.h"
#include "core/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "longreach/longreach.conf"
#define FIELD "longreach.conf"
#define SPACE " \t\r\f\v\n"

enum
{
  EXPANSIONS_MAX = 16,   /* aliases that stand for each other */
  TARGET_MAX = 64 << 10, /* characters */
};

/* One file that is being read, and the context of its lines.  */
struct reading
{
  struct ini_file lines;
  struct config *config;
  size_t file; /* its index */
};

/* ---- settings ---- */

void
config_free (struct config *config)
{
  for (size_t i = 0; i < config->setting_count; i++)
    {
      free (config->settings[i].subject);
      free (config->settings[i].name);
      free (config->settings[i].value);
    }
  for (size_t i = 0; i < config->file_count; i++)
    {
      free (config->files[i].path);
      free (config->files[i].real);
    }
  free (config->settings);
  free (config->files);
  *config = (struct config){ NULL, 0, NULL, 0 };
}

static bool
is_about (const struct config_setting *setting, enum config_kind kind, const char *subject)
{
  return setting->kind == kind
         && (subject == NULL
             || (setting->subject != NULL && strcmp (setting->subject, subject) == 0));
}

const struct config_setting *
config_find (const struct config *config, enum config_kind kind, const char *subject)
{
  for (size_t i = 0; i < config->setting_count; i++)
    if (is_about (&config->settings[i], kind, subject))
      return &config->settings[i];
  return NULL;
}

/* Whether a setting from another file, which was read before, takes the place of SETTING.  */
static bool
is_overridden (const struct config *config, const struct config_setting *setting)
{
  for (size_t i = 0; i < config->setting_count && setting->kind != CONFIG_PATH; i++)
    {
      const struct config_setting *before = &config->settings[i];
      if (is_about (before, setting->kind, setting->subject) && before->file != setting->file
          && (setting->kind != CONFIG_OPTION || strcmp (before->name, setting->name) == 0))
        return true;
    }
  return false;
}

static int
add_setting (struct config *config, const struct config_setting *setting)
{
  struct config_setting *grown =
      realloc (config->settings, (config->setting_count + 1) * sizeof *grown);
  if (grown == NULL)
    return -1;
  config->settings = grown;
  struct config_setting added = *setting;
  added.overridden = is_overridden (config, setting);
  added.subject = setting->subject == NULL ? NULL : strdup (setting->subject);
  added.name = strdup (setting->name);
  added.value = strdup (setting->value);
  if (added.name == NULL || added.value == NULL
      || (setting->subject != NULL && added.subject == NULL))
    {
      free (added.subject);
      free (added.name);
      free (added.value);
      return -1;
    }
  grown[config->setting_count++] = added;
  return 0;
}

/* ---- what a line means ---- */

static void
keep (struct reading *reading, enum config_kind kind, const char *subject, const char *name,
      const char *value)
{
  struct config_setting setting = {
    .kind = kind,
    .subject = (char *) subject,
    .name = (char *) name,
    .value = (char *) value,
    .file = reading->file,
    .line = reading->lines.line,
  };
  if (add_setting (reading->config, &setting) != 0)
    ini_lose (&reading->lines);
}

/* The line that has set it in this file already, or 0.  */
static unsigned
line_of (const struct reading *reading, enum config_kind kind, const char *subject)
{
  for (size_t i = 0; i < reading->config->setting_count; i++)
    {
      const struct config_setting *setting = &reading->config->settings[i];
      if (is_about (setting, kind, subject) && setting->file == reading->file)
        return setting->line;
    }
  return 0;
}

/* Each directory of VALUE, "/a:/b".  */
static void
take_path (struct reading *reading, const char *value)
{
  size_t before = reading->config->setting_count;
  for (size_t length; *value != '\0'; value += length + (value[length] == ':'))
    {
      length = strcspn (value, ":");
      char *directory = strndup (value, length);
      if (directory == NULL)
        ini_lose (&reading->lines);
      else if (length > 0 && directory[0] != '/')
        ini_complain (&reading->lines, reading->lines.line,
                      "path: the directory \"%s\" is not absolute", directory);
      else if (length > 0)
        keep (reading, CONFIG_PATH, NULL, "path", directory);
      free (directory);
    }
  if (reading->config->setting_count == before)
    ini_complain (&reading->lines, reading->lines.line, "path names no directory");
}

static void
take_schema (struct reading *reading, const char *value)
{
  unsigned before = line_of (reading, CONFIG_DEFAULT_SCHEMA, NULL);
  if (!connector_schema_is_valid (value, strlen (value)))
    ini_complain (&reading->lines, reading->lines.line,
                  "default_schema: \"%s\" is not a schema: a schema is made of lower-case "
                  "letters, digits, \"+\", \"-\" and \".\", a letter first",
                  value);
  else if (before != 0)
    ini_complain (&reading->lines, reading->lines.line, "default_schema is set already, in line %u",
                  before);
  else
    keep (reading, CONFIG_DEFAULT_SCHEMA, NULL, "default_schema", value);
}

static void
take_general (struct reading *reading, const char *name, const char *value)
{
  if (strcmp (name, "path") == 0)
    take_path (reading, value);
  else if (strcmp (name, "default_schema") == 0)
    take_schema (reading, value);
  else
    ini_complain (&reading->lines, reading->lines.line,
                  "[longreach] has no setting \"%s\"; it has path and default_schema", name);
}

static void
take_alias (struct reading *reading, const char *alias, const char *name, const char *value)
{
  unsigned before = line_of (reading, CONFIG_ALIAS, alias);
  if (strcmp (name, "url") != 0)
    ini_complain (&reading->lines, reading->lines.line,
                  "[host %s] has no setting \"%s\"; it has url", alias, name);
  else if (value[0] == '\0')
    ini_complain (&reading->lines, reading->lines.line, "[host %s]: url is empty", alias);
  else if (before != 0)
    ini_complain (&reading->lines, reading->lines.line,
                  "the url of the host %s is set already, in line %u", alias, before);
  else
    keep (reading, CONFIG_ALIAS, alias, "url", value);
}

/* A name that can stand for a hop: what would make it something else is not in it.  */
static bool
is_alias (const char *name)
{
  return name[0] != '\0' && name[0] != '-' && strpbrk (name, ":,?/@%" SPACE) == NULL;
}

/* What stands behind WORD and a space in SECTION; NULL: it begins otherwise.  */
static const char *
behind (const char *section, const char *word)
{
  size_t length = strlen (word);
  if (strncmp (section, word, length) != 0 || section[length] != ' ')
    return NULL;
  return section + length + strspn (section + length, " \t");
}

/* SECTION was looked at when it began.  Behind a mistake nothing counts.  */
static void
take_setting (struct ini_file *lines, const char *section, const char *name, const char *value)
{
  struct reading *reading = lines->context;
  const char *subject;
  if (lines->mistake != 0)
    return;
  if (section[0] == '\0')
    ini_complain (lines, lines->line,
                  "\"%s\" stands before any section; sections are [longreach], [schema NAME] "
                  "and [host NAME]",
                  name);
  else if ((subject = behind (section, "schema")) != NULL)
    keep (reading, CONFIG_OPTION, subject, name, value);
  else if ((subject = behind (section, "host")) != NULL)
    take_alias (reading, subject, name, value);
  else
    take_general (reading, name, value);
}

static void
begin_section (struct ini_file *lines, const char *section)
{
  const char *schema = behind (section, "schema");
  const char *alias = behind (section, "host");
  if (schema != NULL && !connector_schema_is_valid (schema, strlen (schema)))
    ini_complain (lines, lines->line,
                  "[schema %s]: this is not a schema: a schema is made of lower-case letters, "
                  "digits, \"+\", \"-\" and \".\", a letter first",
                  schema);
  else if (alias != NULL && !is_alias (alias))
    ini_complain (lines, lines->line,
                  "[host %s]: the name of a host here is one word without \":\", \",\", \"?\", "
                  "\"/\", \"@\" and \"%%\", and does not begin with \"-\"",
                  alias);
  else if (schema == NULL && alias == NULL && strcmp (section, "longreach") != 0)
    ini_complain (lines, lines->line,
                  "there is no section [%s]; sections are [longreach], [schema NAME] and [host "
                  "NAME]",
                  section);
}

static void
end_section (struct ini_file *lines, const char *section)
{
  const char *alias = behind (section, "host");
  if (alias != NULL && line_of (lines->context, CONFIG_ALIAS, alias) == 0)
    ini_complain (lines, lines->heading, "[host %s] has no url", alias);
}

static const struct ini_reader reader = {
  .begin_section = begin_section,
  .end_section = end_section,
  .take = take_setting,
};

/* ---- files ---- */

/* Open and read REAL, where PATH leads; it is CONFIG's from here on.  */
static int
read_real (struct config *config, const char *path, char *real, bool system, struct lr_error *error)
{
  struct reading reading = {
    .lines = { .path = path, .field = FIELD, .reader = &reader, .error = error },
    .config = config,
    .file = config->file_count,
  };
  reading.lines.context = &reading;
  FILE *stream = ini_open (&reading.lines, real);
  struct config_file *grown =
      stream == NULL ? NULL : realloc (config->files, (config->file_count + 1) * sizeof *grown);
  char *copy = grown == NULL ? NULL : strdup (path);
  if (grown != NULL)
    config->files = grown;
  int status = -1;
  if (copy == NULL)
    free (real);
  else
    {
      grown[config->file_count++] = (struct config_file){ copy, real, system };
      status = ini_read (&reading.lines, stream);
    }
  if (stream == NULL)
    return -1;
  fclose (stream);
  return copy == NULL ? error_no_memory (error) : status;
}

static bool
was_read (const struct config *config, const char *real)
{
  for (size_t i = 0; i < config->file_count; i++)
    if (strcmp (config->files[i].real, real) == 0)
      return true;
  return false;
}

/* Whether there is a file at PATH, as far as this process can see: what lies in directories that it
   may not search, as in the home of who started it as another user, is not meant for it.  */
static bool
is_there (const char *path)
{
  struct stat info;
  return stat (path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR && errno != EACCES);
}

static int
read_file (struct config *config, const char *path, bool system, struct lr_error *error)
{
  char problem[TRUST_PROBLEM_SIZE];
  char *real = trust_resolve (path, problem, sizeof problem);
  if (real == NULL)
    return error_set_field (error, FIELD, "%s: it is not read, because %s", path, problem);
  if (!was_read (config, real))
    return read_real (config, path, real, system, error);
  free (real);
  return 0;
}

/* The file of DIRECTORY, which is not ended by a NUL.  What is not absolute is passed over.  */
static int
read_directory (struct config *config, const char *directory, size_t length, bool system,
                struct lr_error *error)
{
  char *path;
  if (length == 0 || directory[0] != '/')
    return 0;
  if (asprintf (&path, "%.*s/" FILE_NAME, (int) length, directory) < 0)
    return error_no_memory (error);
  int status = is_there (path) ? read_file (config, path, system, error) : 0;
  free (path);
  return status;
}

static int
read_user_file (struct config *config, struct lr_error *error)
{
  char *directory;
  const char *named = getenv ("XDG_CONFIG_HOME"), *home = getenv ("HOME");
  if (named != NULL && named[0] == '/')
    return read_directory (config, named, strlen (named), false, error);
  if (home == NULL || home[0] != '/')
    return 0;
  if (asprintf (&directory, "%s/.config", home) < 0)
    return error_no_memory (error);
  int status = read_directory (config, directory, strlen (directory), false, error);
  free (directory);
  return status;
}

/* All of them, also behind one with a mistake; the error is the first one's.  */
static int
read_system_files (struct config *config, struct lr_error *error)
{
  struct lr_error later;
  int status = 0;
  const char *list = secure_getenv ("XDG_CONFIG_DIRS");
  if (list == NULL || list[0] == '\0')
    list = "/etc/xdg";
  for (size_t length; *list != '\0'; list += length + (list[length] == ':'))
    {
      length = strcspn (list, ":");
      if (read_directory (config, list, length, true, status == 0 ? error : &later) != 0)
        status = -1;
    }
  if (read_directory (config, CONFIG_DIRECTORY, strlen (CONFIG_DIRECTORY), true,
                      status == 0 ? error : &later)
      != 0)
    status = -1;
  return status;
}

int
config_load (struct config *config, const char *path, struct lr_error *error)
{
  struct lr_error later;
  *config = (struct config){ NULL, 0, NULL, 0 };
  if (path != NULL)
    return read_file (config, path, false, error);
  int status = trust_is_set_id () ? 0 : read_user_file (config, error);
  return read_system_files (config, status == 0 ? error : &later) == 0 ? status : -1;
}

/* ---- targets ---- */

/* Write TARGET with every hop expanded.  DEPTH aliases have led here.  */
static int expand (const struct config *config, const char *target, FILE *stream, unsigned depth,
                   struct lr_error *error);

/* An alias: what it stands for, with QUERY, "?options" or nothing, for its last hop.  */
static int
expand_alias (const struct config *config, const struct config_setting *setting, const char *query,
              FILE *stream, unsigned depth, struct lr_error *error)
{
  const char *last = strrchr (setting->value, ',');
  bool has_query = strchr (last == NULL ? setting->value : last, '?') != NULL;
  char *target;
  if (depth >= EXPANSIONS_MAX)
    return error_set_field (error, "url",
                            "%s:%u: the host %s stands for itself, or for too many others in turn",
                            config->files[setting->file].path, setting->line, setting->subject);
  if (asprintf (&target, "%s%s%s", setting->value,
                query[0] == '\0' ? ""
                : has_query      ? "&"
                                 : "?",
                query[0] == '\0' ? "" : query + 1)
      < 0)
    return error_no_memory (error);
  int status = expand (config, target, stream, depth + 1, error);
  free (target);
  return status;
}

/* NAME is "user@" and an alias: neither the host that the alias stands for nor one of that name is
   what can be guessed.  */
static int
refuse_user (const struct config *config, const struct config_setting *alias, const char *name,
             struct lr_error *error)
{
  const struct config_setting *schema = config_find (config, CONFIG_DEFAULT_SCHEMA, NULL);
  return error_set_field (error, "url",
                          "%s: %s is a name of %s:%u: its url says which user; write %s alone, or "
                          "%s:%s for another host of that name",
                          name, alias->subject, config->files[alias->file].path, alias->line,
                          alias->subject, schema == NULL ? "SCHEMA" : schema->value, name);
}

static int
expand_hop (const struct config *config, const char *hop, FILE *stream, unsigned depth,
            struct lr_error *error)
{
  size_t length = strcspn (hop, "?");
  const struct config_setting *schema = config_find (config, CONFIG_DEFAULT_SCHEMA, NULL);
  /* What is empty, or has a schema, is the URL parser's.  */
  if (length == 0 || memchr (hop, ':', length) != NULL)
    {
      fputs (hop, stream);
      return 0;
    }
  char *name = strndup (hop, length);
  if (name == NULL)
    return error_no_memory (error);
  const char *at = strrchr (name, '@');
  const struct config_setting *alias =
      config_find (config, CONFIG_ALIAS, at == NULL ? name : at + 1);
  int status = alias == NULL ? 0
               : at != NULL  ? refuse_user (config, alias, name, error)
                             : expand_alias (config, alias, hop + length, stream, depth, error);
  free (name);
  if (alias != NULL)
    return status;
  if (schema != NULL)
    fprintf (stream, "%s:", schema->value);
  fputs (hop, stream);
  return 0;
}

static int
expand (const struct config *config, const char *target, FILE *stream, unsigned depth,
        struct lr_error *error)
{
  for (;; target++)
    {
      size_t length = strcspn (target, ",");
      char *hop = strndup (target, length);
      if (hop == NULL)
        return error_no_memory (error);
      int status = ftell (stream) > TARGET_MAX ? error_set_field (
                       error, "url", "the target is longer than %d characters", TARGET_MAX)
                                               : expand_hop (config, hop, stream, depth, error);
      free (hop);
      if (status != 0)
        return -1;
      target += length;
      if (*target == '\0')
        return 0;
      putc (',', stream);
    }
}

int
config_expand (const struct config *config, const char *url, char **result, struct lr_error *error)
{
  size_t size = 0;
  *result = NULL;
  FILE *stream = open_memstream (result, &size);
  if (stream == NULL)
    return error_no_memory (error);
  int status = expand (config, url, stream, 0, error);
  bool is_whole = fflush (stream) == 0 && !ferror (stream);
  if ((fclose (stream) != 0 || !is_whole || *result == NULL) && status == 0)
    status = error_no_memory (error);
  if (status == 0)
    return 0;
  free (*result);
  *result = NULL;
  return -1;
}

/* Add to ERROR where HOP, of LENGTH bytes and bare, is set.  */
static void
explain_hop (const struct config *config, const char *hop, size_t length, struct lr_error *error)
{
  struct lr_error told = *error;
  char *name = strndup (hop, length);
  const struct config_setting *setting =
      name == NULL ? NULL : config_find (config, CONFIG_ALIAS, name);
  bool is_alias = setting != NULL;
  if (!is_alias)
    setting = config_find (config, CONFIG_DEFAULT_SCHEMA, NULL);
  if (name != NULL && setting != NULL)
    {
      error_set (error, (enum lr_error_kind) told.kind, "%s; %s%s is set in %s:%u", told.message,
                 is_alias ? "" : "the schema of ", name, config->files[setting->file].path,
                 setting->line);
      memcpy (told.message, error->message, sizeof told.message);
      *error = told;
    }
  free (name);
}

void
config_explain (const struct config *config, const char *url, struct lr_error *error)
{
  for (const char *hop = url;; hop++)
    {
      size_t length = strcspn (hop, ","), name = strcspn (hop, "?,");
      if (name > 0 && memchr (hop, ':', name) == NULL)
        explain_hop (config, hop, name, error);
      hop += length;
      if (*hop == '\0')
        return;
    }
}
