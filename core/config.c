/* inih splits the lines; what they mean is decided here.

   It has limits, and cuts what is longer without a word; it passes over a section without settings,
   over what stands behind a section's "]", and over what stands behind a NUL; and it takes an
   indented line for one that goes on with the value before it.  So each line is looked at on its
   way to inih, which gets it without what it is indented by.  The lines are counted there too, for
   the handler is not told the one it is at.  */

#include "core/config.h"

#include "core/connector.h"
#include "core/error.h"
#include "core/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "longreach/longreach.conf"
#define FIELD "longreach.conf"
#define SPACE " \t\r\f\v\n"

enum
{
  SECTION_MAX = 49,   /* characters of a section's name that inih keeps, */
  SETTING_MAX = 49,   /* and of a setting's */
  FILE_MAX = 1 << 20, /* bytes */
  EXPANSIONS_MAX = 16,
  TARGET_MAX = 64 << 10, /* characters */
};

/* One file that is being read.  */
struct reading
{
  struct config *config;
  struct lr_error *error; /* the first mistake of the file */
  unsigned mistake;       /* its line; 0: there is none */
  int errnum;             /* it could not be read to its end; ENOMEM: or not be kept */
  FILE *stream;
  const char *path;
  size_t file;
  char *text; /* owned: the line, as it is in the file */
  size_t room;
  unsigned line;
  char section[SECTION_MAX + 1];
  unsigned heading; /* the line it begins in */
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

/* ---- mistakes ---- */

/* The first one counts.  Returns 0, as inih's handler does for a mistake.  */
__attribute__ ((__format__ (__printf__, 3, 4))) static int
complain (struct reading *reading, unsigned line, const char *format, ...)
{
  char what[1024];
  va_list arguments;
  if (reading->mistake != 0)
    return 0;
  reading->mistake = line;
  va_start (arguments, format);
  vsnprintf (what, sizeof what, format, arguments);
  va_end (arguments);
  error_set_field (reading->error, FIELD, "%s:%u: %s", reading->path, line, what);
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
  reading->errnum = ENOMEM;
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
  size_t before = reading->config->setting_count;
  for (size_t length; *value != '\0'; value += length + (value[length] == ':'))
    {
      length = strcspn (value, ":");
      char *directory = strndup (value, length);
      if (directory == NULL)
        reading->errnum = ENOMEM;
      else if (length > 0 && directory[0] != '/')
        complain (reading, reading->line, "path: the directory \"%s\" is not absolute", directory);
      else if (length > 0)
        keep (reading, CONFIG_PATH, NULL, "path", directory);
      free (directory);
    }
  if (reading->config->setting_count == before)
    return complain (reading, reading->line, "path names no directory");
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
take_alias (struct reading *reading, const char *alias, const char *name, const char *value)
{
  unsigned before = line_of (reading, CONFIG_ALIAS, alias);
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

/* What inih makes of a line.  Its section was looked at when it began.  */
static int
take_line (void *context, const char *section, const char *name, const char *value)
{
  struct reading *reading = context;
  const char *subject;
  if (reading->mistake != 0)
    return 0;
  if (section[0] == '\0')
    return complain (reading, reading->line,
                     "\"%s\" stands before any section; sections are [longreach], [schema NAME] "
                     "and [host NAME]",
                     name);
  if ((subject = behind (section, "schema")) != NULL)
    return keep (reading, CONFIG_OPTION, subject, name, value);
  if ((subject = behind (section, "host")) != NULL)
    return take_alias (reading, subject, name, value);
  return take_general (reading, name, value);
}

/* ---- on the way to inih ---- */

static void
check_section (struct reading *reading)
{
  const char *schema = behind (reading->section, "schema");
  const char *alias = behind (reading->section, "host");
  if (schema != NULL && !connector_schema_is_valid (schema, strlen (schema)))
    complain (reading, reading->line,
              "[schema %s]: this is not a schema: a schema is made of lower-case letters, digits, "
              "\"+\", \"-\" and \".\", a letter first",
              schema);
  else if (alias != NULL && !is_alias (alias))
    complain (reading, reading->line,
              "[host %s]: the name of a host here is one word without \":\", \",\", \"?\", \"/\", "
              "\"@\" and \"%%\", and does not begin with \"-\"",
              alias);
  else if (schema == NULL && alias == NULL && strcmp (reading->section, "longreach") != 0)
    complain (reading, reading->line,
              "there is no section [%s]; sections are [longreach], [schema NAME] and [host NAME]",
              reading->section);
}

static void
end_section (struct reading *reading)
{
  const char *alias = behind (reading->section, "host");
  if (alias != NULL && line_of (reading, CONFIG_ALIAS, alias) == 0)
    complain (reading, reading->heading, "[host %s] has no url", alias);
}

/* LINE begins with "[".  What is not closed is inih's to refuse.  */
static void
begin_section (struct reading *reading, const char *line)
{
  size_t length = strcspn (line + 1, "]");
  if (line[length + 1] == '\0')
    return;
  end_section (reading);
  const char *rest = line + 1 + length + 1;
  rest += strspn (rest, SPACE);
  if (length > SECTION_MAX)
    complain (reading, reading->line, "the name of the section is longer than %d characters",
              SECTION_MAX);
  else if (*rest != '\0' && strchr (";#", *rest) == NULL)
    complain (reading, reading->line, "there is something behind the section's \"]\"");
  else
    {
      snprintf (reading->section, sizeof reading->section, "%.*s", (int) length, line + 1);
      reading->heading = reading->line;
      check_section (reading);
    }
}

/* LINE, which is no comment, goes to where there is ROOM.  */
static void
check_line (struct reading *reading, const char *line, size_t room)
{
  size_t length = strlen (line);
  if (length + 1 >= room + (line[length == 0 ? 0 : length - 1] == '\n'))
    complain (reading, reading->line, "the line is longer than %zu characters", room - 2);
  else if (line[0] == '[')
    begin_section (reading, line);
  else if (strcspn (line, "=:") < length && strcspn (line, SPACE "=:") > SETTING_MAX)
    complain (reading, reading->line, "the name of the setting is longer than %d characters",
              SETTING_MAX);
}

static char *
read_line (char *buffer, int size, void *context)
{
  static const char mark[] = "\xef\xbb\xbf"; /* with which some editors begin a file */
  struct reading *reading = context;
  errno = 0;
  ssize_t length = getline (&reading->text, &reading->room, reading->stream);
  if (length < 0)
    {
      reading->errnum = reading->errnum != 0 ? reading->errnum : errno;
      return NULL;
    }
  reading->line++;
  const char *line = reading->text;
  if (strlen (line) < (size_t) length)
    complain (reading, reading->line, "there is a NUL byte in the line");
  if (reading->line == 1 && strncmp (line, mark, strlen (mark)) == 0)
    line += strlen (mark);
  line += strspn (line, SPACE);
  if (strchr (";#", line[0]) != NULL)
    line = "";
  check_line (reading, line, (size_t) size);
  snprintf (buffer, (size_t) size, "%s", line);
  return buffer;
}

/* ---- files ---- */

/* The mistakes inih has found, and it alone, come to light at the end.  */
static int
read_lines (struct reading *reading)
{
  int line = ini_parse_stream (read_line, reading, take_line, reading);
  end_section (reading);
  if (line < 0 || reading->errnum == ENOMEM)
    return error_no_memory (reading->error);
  if (line > 0 && (reading->mistake == 0 || (unsigned) line < reading->mistake))
    {
      reading->mistake = 0;
      complain (reading, (unsigned) line, "this is neither a [section] nor NAME = VALUE");
    }
  if (reading->mistake != 0)
    return -1;
  if (reading->errnum != 0)
    return error_set_errno (reading->error, LR_ERROR_IO, reading->errnum, "%s: cannot read it: %s",
                            reading->path, strerror (reading->errnum));
  return 0;
}

/* REAL is where PATH leads; it is CONFIG's from here on.  */
static int
read_stream (struct config *config, FILE *stream, const char *path, char *real, bool system,
             struct lr_error *error)
{
  struct config_file *grown = realloc (config->files, (config->file_count + 1) * sizeof *grown);
  char *copy = grown == NULL ? NULL : strdup (path);
  if (grown != NULL)
    config->files = grown;
  if (copy == NULL)
    {
      free (real);
      return error_no_memory (error);
    }
  grown[config->file_count] = (struct config_file){ copy, real, system };
  struct reading reading = {
    .config = config, .error = error, .stream = stream, .path = path, .file = config->file_count++
  };
  int status = read_lines (&reading);
  free (reading.text);
  return status;
}

static bool
was_read (const struct config *config, const char *real)
{
  for (size_t i = 0; i < config->file_count; i++)
    if (strcmp (config->files[i].real, real) == 0)
      return true;
  return false;
}

/* Open REAL, where PATH leads.  */
static FILE *
open_file (const char *path, const char *real, struct lr_error *error)
{
  struct stat info;
  int fd = open (real, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  FILE *stream = fd < 0 ? NULL : fdopen (fd, "r");
  if (stream == NULL || fstat (fd, &info) != 0)
    error_set_errno (error, LR_ERROR_IO, errno, "%s: cannot open it: %s", path, strerror (errno));
  else if (!S_ISREG (info.st_mode))
    error_set_field (error, FIELD, "%s: it is not a file", path);
  else if (info.st_size > FILE_MAX)
    error_set_field (error, FIELD, "%s: it is larger than %d bytes", path, FILE_MAX);
  else
    return stream;
  if (stream != NULL)
    fclose (stream);
  else if (fd >= 0)
    close (fd);
  return NULL;
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
  FILE *stream = was_read (config, real) ? NULL : open_file (path, real, error);
  if (stream == NULL)
    {
      int status = was_read (config, real) ? 0 : -1;
      free (real);
      return status;
    }
  int status = read_stream (config, stream, path, real, system, error);
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
  if (fclose (stream) != 0 && status == 0)
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
