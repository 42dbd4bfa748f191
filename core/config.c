/* inih reads the lines; what they mean is decided here.  Its handler is not told the line it is at,
   so that the lines are counted where they are handed to it.  */

#include "core/config.h"

#include "core/connector.h"
#include "core/error.h"
#include "core/trust.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "longreach/longreach.conf"
#define FIELD "longreach.conf"

enum
{
  SECTION_MAX = 49,   /* characters of a section's name that inih keeps, */
  NAME_MAX_SIZE = 49, /* and of a setting's */
  EXPANSIONS_MAX = 16,
  TARGET_MAX = 64 << 10, /* characters */
};

/* One file that is being read.  */
struct reading
{
  struct config *config;
  struct lr_error *error; /* the first one of the file, unless `fine` */
  bool fine;
  FILE *stream;
  const char *path;
  size_t file;
  unsigned line;
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
    free (config->files[i].path);
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
  grown[config->setting_count++] = added;
  return added.name == NULL || added.value == NULL
                 || (setting->subject != NULL && added.subject == NULL)
             ? -1
             : 0;
}

/* ---- mistakes ---- */

/* The first one counts.  Returns 0, as inih's handler does for a mistake.  */
__attribute__ ((__format__ (__printf__, 3, 4))) static int
complain (struct reading *reading, unsigned line, const char *format, ...)
{
  char *what;
  va_list arguments;
  if (!reading->fine)
    return 0;
  reading->fine = false;
  va_start (arguments, format);
  int length = vasprintf (&what, format, arguments);
  va_end (arguments);
  if (length < 0)
    error_no_memory (reading->error);
  else
    error_set_field (reading->error, FIELD, "%s:%u: %s", reading->path, line, what);
  if (length >= 0)
    free (what);
  return 0;
}

/* ---- what a line means ---- */

static int
keep (struct reading *reading, enum config_kind kind, const char *subject, const char *name,
      const char *value)
{
  struct config_setting setting = {
    .kind = kind,
    .subject = (char *) subject,
    .name = (char *) name,
    .value = (char *) value,
    .file = reading->file,
    .line = reading->line,
  };
  if (add_setting (reading->config, &setting) == 0)
    return 1;
  if (reading->fine)
    error_no_memory (reading->error);
  reading->fine = false;
  return 0;
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
static int
take_path (struct reading *reading, const char *value)
{
  if (value[0] == '\0')
    return complain (reading, reading->line, "path names no directory");
  for (size_t length; *value != '\0'; value += length + (value[length] == ':'))
    {
      length = strcspn (value, ":");
      char *directory = strndup (value, length);
      int kept = directory == NULL || length == 0 ? 0
                 : directory[0] != '/'
                     ? complain (reading, reading->line,
                                 "path: the directory \"%s\" is not absolute", directory)
                     : keep (reading, CONFIG_PATH, NULL, "path", directory);
      free (directory);
      if (kept == 0 && length > 0)
        return 0;
    }
  return 1;
}

static int
take_schema (struct reading *reading, const char *value)
{
  unsigned before = line_of (reading, CONFIG_DEFAULT_SCHEMA, NULL);
  if (!connector_schema_is_valid (value, strlen (value)))
    return complain (reading, reading->line,
                     "default_schema: \"%s\" is not a schema: a schema is made of lower-case "
                     "letters, digits, \"+\", \"-\" and \".\", a letter first",
                     value);
  if (before != 0)
    return complain (reading, reading->line, "default_schema is set already, in line %u", before);
  return keep (reading, CONFIG_DEFAULT_SCHEMA, NULL, "default_schema", value);
}

static int
take_general (struct reading *reading, const char *name, const char *value)
{
  if (strcmp (name, "path") == 0)
    return take_path (reading, value);
  if (strcmp (name, "default_schema") == 0)
    return take_schema (reading, value);
  return complain (reading, reading->line,
                   "[longreach] has no setting \"%s\"; it has path and default_schema", name);
}

static int
take_option (struct reading *reading, const char *schema, const char *name, const char *value)
{
  if (!connector_schema_is_valid (schema, strlen (schema)))
    return complain (reading, reading->line,
                     "[schema %s]: this is not a schema: a schema is made of lower-case letters, "
                     "digits, \"+\", \"-\" and \".\", a letter first",
                     schema);
  return keep (reading, CONFIG_OPTION, schema, name, value);
}

/* A name that can stand for a hop: what would make it something else is not in it.  */
static bool
is_alias (const char *name)
{
  return name[0] != '\0' && name[0] != '-' && strpbrk (name, ":,?/@% \t") == NULL;
}

static int
take_alias (struct reading *reading, const char *alias, const char *name, const char *value)
{
  unsigned before = line_of (reading, CONFIG_ALIAS, alias);
  if (!is_alias (alias))
    return complain (reading, reading->line,
                     "[host %s]: the name of a host here is one word without \":\", \",\", \"?\", "
                     "\"/\", \"@\" and \"%%\", and does not begin with \"-\"",
                     alias);
  if (strcmp (name, "url") != 0)
    return complain (reading, reading->line, "[host %s] has no setting \"%s\"; it has url", alias,
                     name);
  if (value[0] == '\0')
    return complain (reading, reading->line, "[host %s]: url is empty", alias);
  if (before != 0)
    return complain (reading, reading->line, "the url of the host %s is set already, in line %u",
                     alias, before);
  return keep (reading, CONFIG_ALIAS, alias, "url", value);
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

static int
take_line (void *context, const char *section, const char *name, const char *value)
{
  struct reading *reading = context;
  const char *subject;
  if (strcmp (section, "longreach") == 0)
    return take_general (reading, name, value);
  if ((subject = behind (section, "schema")) != NULL)
    return take_option (reading, subject, name, value);
  if ((subject = behind (section, "host")) != NULL)
    return take_alias (reading, subject, name, value);
  if (section[0] == '\0')
    return complain (reading, reading->line,
                     "\"%s\" stands before any section; sections are [longreach], [schema NAME] "
                     "and [host NAME]",
                     name);
  return complain (reading, reading->line,
                   "there is no section [%s]; sections are [longreach], [schema NAME] and [host "
                   "NAME]",
                   section);
}

/* ---- files ---- */

/* inih cuts what is too long for it, and says nothing.  */
static void
check_lengths (struct reading *reading, const char *line, size_t room)
{
  size_t length = strlen (line);
  const char *start = line + strspn (line, " \t");
  if (length + 1 >= room && line[length - 1] != '\n')
    complain (reading, reading->line, "the line is longer than %zu characters", room - 2);
  else if (start[0] == '[' && strcspn (start + 1, "]") > SECTION_MAX)
    complain (reading, reading->line, "the name of the section is longer than %d characters",
              SECTION_MAX);
  else if (strchr ("[;#", start[0]) == NULL && strcspn (start, "=:") < strlen (start)
           && strcspn (start, " \t=:") > NAME_MAX_SIZE)
    complain (reading, reading->line, "the name of the setting is longer than %d characters",
              NAME_MAX_SIZE);
}

static char *
read_line (char *buffer, int size, void *context)
{
  struct reading *reading = context;
  if (fgets (buffer, size, reading->stream) == NULL)
    return NULL;
  reading->line++;
  check_lengths (reading, buffer, (size_t) size);
  return buffer;
}

static int
read_stream (struct config *config, FILE *stream, const char *path, bool system,
             struct lr_error *error)
{
  char problem[256];
  struct config_file *grown = realloc (config->files, (config->file_count + 1) * sizeof *grown);
  if (grown == NULL)
    return error_no_memory (error);
  config->files = grown;
  grown[config->file_count] = (struct config_file){ strdup (path), system };
  struct reading reading = { .config = config,
                             .error = error,
                             .fine = true,
                             .stream = stream,
                             .path = path,
                             .file = config->file_count++ };
  if (grown[reading.file].path == NULL)
    return error_no_memory (error);
  if (!trust_check (path, problem, sizeof problem))
    return error_set_field (error, FIELD, "%s: it is not read, because %s", path, problem);
  int line = ini_parse_stream (read_line, &reading, take_line, &reading);
  if (line > 0 && reading.fine)
    complain (&reading, (unsigned) line, "this is neither a [section] nor NAME = VALUE");
  else if (line < 0 && reading.fine)
    return error_no_memory (error);
  if (reading.fine && ferror (stream))
    return error_set_errno (error, LR_ERROR_IO, errno, "%s: cannot read it: %s", path,
                            strerror (errno));
  return reading.fine ? 0 : -1;
}

static bool
was_read (const struct config *config, const char *path)
{
  for (size_t i = 0; i < config->file_count; i++)
    if (strcmp (config->files[i].path, path) == 0)
      return true;
  return false;
}

static int
read_file (struct config *config, const char *path, bool system, bool must_exist,
           struct lr_error *error)
{
  if (was_read (config, path))
    return 0;
  FILE *stream = fopen (path, "re");
  if (stream == NULL && (errno == ENOENT || errno == ENOTDIR) && !must_exist)
    return 0;
  if (stream == NULL)
    return error_set_errno (error, LR_ERROR_IO, errno, "%s: cannot open it: %s", path,
                            strerror (errno));
  int status = read_stream (config, stream, path, system, error);
  fclose (stream);
  return status;
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
  int status = read_file (config, path, system, false, error);
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

static int
read_system_files (struct config *config, struct lr_error *error)
{
  const char *list = secure_getenv ("XDG_CONFIG_DIRS");
  if (list == NULL || list[0] == '\0')
    list = "/etc/xdg";
  for (size_t length; *list != '\0'; list += length + (list[length] == ':'))
    {
      length = strcspn (list, ":");
      if (read_directory (config, list, length, true, error) != 0)
        return -1;
    }
  return read_directory (config, CONFIG_DIRECTORY, strlen (CONFIG_DIRECTORY), true, error);
}

int
config_load (struct config *config, const char *path, struct lr_error *error)
{
  *config = (struct config){ NULL, 0, NULL, 0 };
  if (path != NULL)
    return read_file (config, path, false, true, error);
  if (!trust_is_set_id () && read_user_file (config, error) != 0)
    return -1;
  return read_system_files (config, error);
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
  const struct config_setting *alias = config_find (config, CONFIG_ALIAS, name);
  free (name);
  if (alias != NULL)
    return expand_alias (config, alias, hop + length, stream, depth, error);
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
  if (fclose (stream) != 0 && status == 0)
    status = error_no_memory (error);
  if (status == 0)
    return 0;
  free (*result);
  *result = NULL;
  return -1;
}
