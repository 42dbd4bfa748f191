#include "core/declared.h"

#include "core/connector.h"
#include "core/error.h"
#include "core/ini_file.h"
#include "core/template.h"
#include "core/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".connector"
#define SECTIONS "sections are [connector] and [option NAME]"

enum
{
  LINE_SIZE = 512, /* as much of a line as is shown */
  STATUS_MAX = 255,
};

/* What the far side's program said, or how it ended, and what that means.  */
struct explanation
{
  char *words; /* owned; NULL: the status counts */
  int status;
  struct template sentence;
};

/* The texts in the table and in its options are owned.  */
struct declaration
{
  struct lr_connector table;
  char *version;
  struct lr_option *options; /* owned, ended by one without a name */
  size_t option_count;
  struct placeholder *items; /* owned: those of PLACEHOLDERS */
  struct placeholders placeholders;
  struct template command, push;
  struct explanation *explanations; /* owned */
  size_t explanation_count;
  char **nothing_run; /* owned, and so are they: words that say that nothing could be run */
  size_t nothing_run_count;
};

/* ---- freeing ---- */

static void
free_options (struct lr_option *options, size_t count)
{
  for (size_t i = 0; i < count; i++)
    {
      free ((char *) options[i].name);
      free ((char *) options[i].help);
      free ((char *) options[i].choices);
    }
  free (options);
}

void
declared_free (struct declaration *declaration)
{
  if (declaration == NULL)
    return;
  free ((char *) declaration->table.schema);
  free ((char *) declaration->table.description);
  free (declaration->version);
  free_options (declaration->options, declaration->option_count);
  free (declaration->items);
  template_free (&declaration->command);
  template_free (&declaration->push);
  for (size_t i = 0; i < declaration->explanation_count; i++)
    {
      free (declaration->explanations[i].words);
      template_free (&declaration->explanations[i].sentence);
    }
  free (declaration->explanations);
  for (size_t i = 0; i < declaration->nothing_run_count; i++)
    free (declaration->nothing_run[i]);
  free (declaration->nothing_run);
  free (declaration);
}

/* ---- hooks ---- */

static const struct declaration *
declaration_of (const lr_hop *hop)
{
  return connector_of (hop->connector)->declaration;
}

static void
declared_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  template_expand (&declaration_of (hop)->command, hop, inner, NULL, out);
}

static void
declared_push (const lr_hop *hop, const char *directory, lr_command *out)
{
  template_expand (&declaration_of (hop)->push, hop, NULL, directory, out);
}

/* The first line of TEXT that has WORDS in it, whatever the case, into LINE.  */
static bool
find_line (const char *text, const char *words, char *line, size_t size)
{
  while (*text != '\0')
    {
      size_t length = strcspn (text, "\r\n");
      snprintf (line, size, "%.*s", (int) (length < size ? length : size - 1), text);
      if (length > 0 && strcasestr (line, words) != NULL)
        return true;
      text += length + (text[length] != '\0');
    }
  return false;
}

/* The first explanation that fits counts; the line that it is about is quoted.  */
static void
declared_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  const struct declaration *declaration = declaration_of (hop);
  for (size_t i = 0; i < declaration->explanation_count; i++)
    {
      const struct explanation *explanation = &declaration->explanations[i];
      const char *words = explanation->words == NULL ? "" : explanation->words;
      char line[LINE_SIZE], suffix[LINE_SIZE + 16] = "";
      bool said = find_line (stderr_tail, words, line, sizeof line);
      if (said)
        snprintf (suffix, sizeof suffix, "; it said: %s", line);
      if (explanation->words == NULL ? status == explanation->status : said)
        {
          template_say (&explanation->sentence, hop, suffix, out);
          return;
        }
    }
}

static int
declared_could_not_run (const lr_hop *hop, int status, const char *stderr_tail)
{
  const struct declaration *declaration = declaration_of (hop);
  char line[LINE_SIZE];
  (void) status;
  for (size_t i = 0; i < declaration->nothing_run_count; i++)
    if (find_line (stderr_tail, declaration->nothing_run[i], line, sizeof line))
      return 1;
  return 0;
}

const struct lr_connector *
declared_table (const struct declaration *declaration)
{
  return &declaration->table;
}

/* ---- reading: what a line means ---- */

/* A setting that names what may be declared further down.  */
struct later
{
  const struct setting *setting;
  char *value; /* owned */
  unsigned line;
};

enum
{
  SETTINGS_MAX = 16,
};

/* A file that is being read, and the context of its lines.  */
struct reading
{
  struct ini_file lines;
  struct declaration *declaration;
  unsigned heading;                 /* the line in which [connector] begins */
  unsigned set_in[SETTINGS_MAX];    /* the line of each setting of [connector], */
  unsigned option_in[SETTINGS_MAX]; /* and of the option that is being read */
  unsigned *option_lines;           /* owned: where each option begins */
  char target[INI_NAME_MAX + 1];    /* the word of `target`, "" for none */
  struct later *later;              /* owned */
  size_t later_count;
};

struct setting
{
  const char *name;
  bool repeats;
  void (*take) (struct reading *reading, const char *value); /* NULL: it is looked at later */
  int (*finish) (struct reading *reading, const char *value, struct lr_error *problem);
};

static void
keep (struct reading *reading, const char **place, const char *value)
{
  *place = strdup (value);
  if (*place == NULL)
    ini_lose (&reading->lines);
}

static void
take_schema (struct reading *reading, const char *value)
{
  if (connector_schema_is_valid (value, strlen (value)))
    keep (reading, &reading->declaration->table.schema, value);
  else
    ini_complain (&reading->lines, reading->lines.line,
                  "schema: \"%s\" is not a schema: a schema is made of lower-case letters, digits, "
                  "\"+\", \"-\" and \".\", a letter first",
                  value);
}

static void
take_description (struct reading *reading, const char *value)
{
  keep (reading, &reading->declaration->table.description, value);
}

static void
take_version (struct reading *reading, const char *value)
{
  const char *version = NULL;
  keep (reading, &version, value);
  reading->declaration->version = (char *) version;
}

static bool
drop_prefix (const char **text, size_t *length, const char *prefix)
{
  size_t size = strlen (prefix);
  if (*length < size || strncmp (*text, prefix, size) != 0)
    return false;
  *text += size;
  *length -= size;
  return true;
}

static bool
drop_suffix (const char *text, size_t *length, const char *suffix)
{
  size_t size = strlen (suffix);
  if (*length < size || strncmp (text + *length - size, suffix, size) != 0)
    return false;
  *length -= size;
  return true;
}

/* How targets are written, as lr_registry_describe tells it.  */
static bool
parse_target (struct lr_connector *table, const char *text, const char **word, size_t *length)
{
  static const struct
  {
    const char *word;
    enum lr_target_form form;
    uint32_t flags; /* that it can have */
  } forms[] = {
    { "none", LR_TARGET_NONE, 0 },
    { "host", LR_TARGET_HOST, LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER | LR_TAKES_PORT },
    { "name", LR_TARGET_NAME, LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER },
    { "user", LR_TARGET_USER, LR_TARGET_MAY_BE_EMPTY },
    { "path", LR_TARGET_PATH, LR_TARGET_MAY_BE_EMPTY },
    { "text", LR_TARGET_OPAQUE, LR_TARGET_MAY_BE_EMPTY },
  };
  uint32_t flags = 0;
  *length = strlen (text);
  if (strncmp (text, "[user@]", strlen ("[user@]")) != 0 && drop_prefix (&text, length, "["))
    {
      flags = LR_TARGET_MAY_BE_EMPTY;
      if (!drop_suffix (text, length, "]"))
        return false;
    }
  if (drop_prefix (&text, length, "[user@]"))
    flags |= LR_TAKES_USER;
  if (drop_suffix (text, length, "[:port]"))
    flags |= LR_TAKES_PORT;
  *word = text;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    if (strlen (forms[i].word) == *length && strncmp (forms[i].word, text, *length) == 0)
      {
        table->target_form = forms[i].form;
        table->flags |= flags;
        return (flags & ~forms[i].flags) == 0;
      }
  return false;
}

static void
take_target (struct reading *reading, const char *value)
{
  const char *word;
  size_t length;
  if (!parse_target (&reading->declaration->table, value, &word, &length))
    ini_complain (&reading->lines, reading->lines.line,
                  "target: \"%s\" is not how targets are written: that is none, or host, name, "
                  "user, path or text; [user@] may stand before host and name, [:port] behind "
                  "host; what may be left out as a whole is in brackets, as [path]",
                  value);
  else if (reading->declaration->table.target_form != LR_TARGET_NONE)
    snprintf (reading->target, sizeof reading->target, "%.*s", (int) length, word);
}

/* Whether VALUE is yes; what is neither yes nor no is a mistake.  */
static bool
take_boolean (struct reading *reading, const char *name, const char *value)
{
  if (strcmp (value, "yes") != 0 && strcmp (value, "no") != 0)
    ini_complain (&reading->lines, reading->lines.line, "%s: \"%s\" is neither yes nor no", name,
                  value);
  return strcmp (value, "yes") == 0;
}

static void
take_same_system (struct reading *reading, const char *value)
{
  if (take_boolean (reading, "same_system", value))
    reading->declaration->table.flags |= LR_SAME_SYSTEM;
}

static void
take_asks (struct reading *reading, const char *value)
{
  if (take_boolean (reading, "asks", value))
    reading->declaration->table.flags |= LR_ASKS;
}

static void
take_waits (struct reading *reading, const char *value)
{
  if (take_boolean (reading, "waits", value))
    reading->declaration->table.flags |= LR_WAITS;
}

static void
take_could_not_run (struct reading *reading, const char *value)
{
  struct declaration *declaration = reading->declaration;
  char **grown =
      realloc (declaration->nothing_run, (declaration->nothing_run_count + 1) * sizeof *grown);
  char *words = strdup (value);
  if (grown != NULL)
    declaration->nothing_run = grown;
  if (grown == NULL || words == NULL)
    {
      free (words);
      ini_lose (&reading->lines);
      return;
    }
  grown[declaration->nothing_run_count++] = words;
  declaration->table.could_not_run = declared_could_not_run;
}

/* ---- reading: what names placeholders ---- */

static int
finish_command (struct reading *reading, const char *value, struct lr_error *problem)
{
  struct declaration *declaration = reading->declaration;
  return template_add (&declaration->command, value, &declaration->placeholders, TEMPLATE_FOR_WRAP,
                       problem);
}

static int
finish_push (struct reading *reading, const char *value, struct lr_error *problem)
{
  struct declaration *declaration = reading->declaration;
  declaration->table.push = declared_push;
  return template_add (&declaration->push, value, &declaration->placeholders, TEMPLATE_FOR_PUSH,
                       problem);
}

/* Split VALUE, "CAUSE => SENTENCE", and add an explanation with that sentence.  *LENGTH: of the
   cause.  NULL and the error.  */
static struct explanation *
add_explanation (struct declaration *declaration, const char *value, const char *what,
                 size_t *length, struct lr_error *problem)
{
  const char *arrow = strstr (value, "=>");
  const char *sentence = arrow == NULL ? "" : arrow + 2 + strspn (arrow + 2, " \t");
  *length = arrow == NULL ? 0 : (size_t) (arrow - value);
  while (*length > 0 && strchr (" \t", value[*length - 1]) != NULL)
    --*length;
  if (*length == 0 || sentence[0] == '\0')
    {
      error_set (problem, LR_ERROR_PLUGIN, "write %s => SENTENCE", what);
      return NULL;
    }
  struct explanation *grown =
      realloc (declaration->explanations, (declaration->explanation_count + 1) * sizeof *grown);
  if (grown == NULL)
    {
      error_no_memory (problem);
      return NULL;
    }
  declaration->explanations = grown;
  struct explanation *added = &grown[declaration->explanation_count++];
  memset (added, 0, sizeof *added);
  if (template_set_sentence (&added->sentence, sentence, &declaration->placeholders, problem) != 0)
    return NULL;
  return added;
}

static int
finish_explain (struct reading *reading, const char *value, struct lr_error *problem)
{
  size_t length;
  struct explanation *added =
      add_explanation (reading->declaration, value, "WORDS", &length, problem);
  if (added == NULL)
    return -1;
  added->words = strndup (value, length);
  return added->words == NULL ? error_no_memory (problem) : 0;
}

static int
finish_explain_status (struct reading *reading, const char *value, struct lr_error *problem)
{
  size_t length;
  struct explanation *added =
      add_explanation (reading->declaration, value, "STATUS", &length, problem);
  if (added == NULL)
    return -1;
  for (size_t i = 0; i < length; i++)
    {
      bool digit = value[i] >= '0' && value[i] <= '9';
      added->status = digit ? added->status * 10 + (value[i] - '0') : STATUS_MAX + 1;
      if (added->status > STATUS_MAX)
        return error_set (problem, LR_ERROR_PLUGIN,
                          "\"%.*s\" is not a status: that is a number up to %d", (int) length,
                          value, STATUS_MAX);
    }
  return 0;
}

/* ---- reading: [connector] ---- */

enum
{
  SETTING_SCHEMA,
  SETTING_DESCRIPTION,
  SETTING_TARGET,
  SETTING_COMMAND,
  SETTING_PUSH,
};

/* The first four are required.  */
static const struct setting settings[] = {
  [SETTING_SCHEMA] = { "schema", false, take_schema, NULL },
  [SETTING_DESCRIPTION] = { "description", false, take_description, NULL },
  [SETTING_TARGET] = { "target", false, take_target, NULL },
  [SETTING_COMMAND] = { "command", true, NULL, finish_command },
  [SETTING_PUSH] = { "push", true, NULL, finish_push },
  { "explain", true, NULL, finish_explain },
  { "explain_status", true, NULL, finish_explain_status },
  { "could_not_run", true, take_could_not_run, NULL },
  { "version", false, take_version, NULL },
  { "same_system", false, take_same_system, NULL },
  { "asks", false, take_asks, NULL },
  { "waits", false, take_waits, NULL },
};

/* ---- reading: [option NAME] ---- */

static struct lr_option *
last_option (const struct reading *reading)
{
  return &reading->declaration->options[reading->declaration->option_count - 1];
}

static void
take_help (struct reading *reading, const char *value)
{
  keep (reading, &last_option (reading)->help, value);
}

static void
take_type (struct reading *reading, const char *value)
{
  static const char *const names[] = {
    [LR_OPTION_STRING] = "string", [LR_OPTION_PATH] = "path",     [LR_OPTION_BOOLEAN] = "boolean",
    [LR_OPTION_NUMBER] = "number", [LR_OPTION_CHOICE] = "choice", [LR_OPTION_WORDS] = "words",
  };
  for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp (names[i], value) == 0)
      {
        last_option (reading)->type = i;
        return;
      }
  ini_complain (&reading->lines, reading->lines.line,
                "type: there is no type \"%s\"; types are string, path, boolean, number, choice "
                "and words",
                value);
}

static void
take_choices (struct reading *reading, const char *value)
{
  size_t length = strlen (value);
  if (value[0] == '|' || value[length - 1] == '|' || strstr (value, "||") != NULL)
    ini_complain (&reading->lines, reading->lines.line,
                  "choices: one of \"%s\" is empty: write A|B|C", value);
  else
    keep (reading, &last_option (reading)->choices, value);
}

static void
take_repeats (struct reading *reading, const char *value)
{
  if (take_boolean (reading, "repeats", value))
    last_option (reading)->flags |= LR_OPTION_REPEATS;
}

static const struct setting option_settings[] = {
  { "help", false, take_help, NULL },
  { "type", false, take_type, NULL },
  { "choices", false, take_choices, NULL },
  { "repeats", false, take_repeats, NULL },
};

/* What stands behind "option " in SECTION; NULL: it begins otherwise.  */
static const char *
option_of (const char *section)
{
  return strncmp (section, "option ", strlen ("option ")) == 0 ? section + strlen ("option ")
                                                               : NULL;
}

/* Why NAME can't be that of an option: a clause, or NULL.  */
static const char *
find_fault (const char *name)
{
  static const char *const taken[] = { "command", "directory", "host", "name",
                                       "path",    "port",      "text", "user" };
  static const struct lr_connector any = { .wrap = declared_wrap };
  if (name[0] < 'a' || name[0] > 'z'
      || name[strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0')
    return "the name of an option is made of lower-case letters, digits, \"-\" and \"_\", a letter "
           "first";
  if (connector_option (&any, name) != NULL)
    return "every connector has an option of this name already";
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
    if (strcmp (taken[i], name) == 0)
      return "in templates this name stands for something else; so do command, directory, host, "
             "name, path, port, text and user";
  return NULL;
}

static void
add_option (struct reading *reading, const char *name)
{
  struct declaration *declaration = reading->declaration;
  size_t count = declaration->option_count;
  struct lr_option *grown = realloc (declaration->options, (count + 2) * sizeof *grown);
  unsigned *lines = realloc (reading->option_lines, (count + 1) * sizeof *lines);
  char *copy = strdup (name);
  if (grown != NULL)
    declaration->options = grown;
  if (lines != NULL)
    reading->option_lines = lines;
  if (grown == NULL || lines == NULL || copy == NULL)
    {
      free (copy);
      ini_lose (&reading->lines);
      return;
    }
  memset (&grown[count], 0, 2 * sizeof *grown);
  grown[count].name = copy;
  lines[count] = reading->lines.line;
  declaration->option_count++;
  memset (reading->option_in, 0, sizeof reading->option_in);
}

static void
begin_option (struct reading *reading, const char *name)
{
  const struct declaration *declaration = reading->declaration;
  const char *fault = find_fault (name);
  if (fault != NULL)
    ini_complain (&reading->lines, reading->lines.line, "[option %s]: %s", name, fault);
  for (size_t i = 0; i < declaration->option_count; i++)
    if (strcmp (declaration->options[i].name, name) == 0)
      ini_complain (&reading->lines, reading->lines.line,
                    "the option %s is declared already, in line %u", name,
                    reading->option_lines[i]);
  add_option (reading, name);
}

/* The option is complete, or should be.  */
static void
end_option (struct reading *reading)
{
  const struct lr_option *option = last_option (reading);
  const char *problem = NULL;
  if (option->help == NULL)
    problem = "has no help";
  else if (option->type == LR_OPTION_CHOICE && option->choices == NULL)
    problem = "is a choice, and has no choices";
  else if (option->type != LR_OPTION_CHOICE && option->choices != NULL)
    problem = "has choices: its type has to be choice";
  else if (option->type == LR_OPTION_BOOLEAN && (option->flags & LR_OPTION_REPEATS) != 0)
    problem = "is yes or no, and can't be repeated";
  if (problem != NULL)
    ini_complain (&reading->lines, reading->lines.heading, "[option %s] %s", option->name, problem);
}

/* ---- reading: lines ---- */

static void
begin_section (struct ini_file *lines, const char *section)
{
  struct reading *reading = lines->context;
  if (lines->mistake != 0)
    return;
  if (option_of (section) != NULL)
    begin_option (reading, option_of (section));
  else if (strcmp (section, "connector") != 0)
    ini_complain (lines, lines->line, "there is no section [%s]; " SECTIONS, section);
  else if (reading->heading == 0)
    reading->heading = lines->line;
}

static void
end_section (struct ini_file *lines, const char *section)
{
  struct reading *reading = lines->context;
  if (lines->mistake == 0 && option_of (section) != NULL && lines->errnum == 0)
    end_option (reading);
}

/* Keep what can only be understood at the end.  */
static void
postpone (struct reading *reading, const struct setting *setting, const char *value)
{
  struct later *grown =
      realloc (reading->later, (reading->later_count + 1) * sizeof *reading->later);
  if (grown == NULL)
    {
      ini_lose (&reading->lines);
      return;
    }
  reading->later = grown;
  struct later *added = &grown[reading->later_count++];
  *added = (struct later){ setting, strdup (value), reading->lines.line };
  if (added->value == NULL)
    ini_lose (&reading->lines);
}

/* The names of the COUNT settings of a TABLE, as "a, b and c".  */
static void
list_settings (const struct setting *table, size_t count, char *list, size_t size)
{
  size_t used = 0;
  for (size_t i = 0; i < count && used < size; i++)
    used += (size_t) snprintf (list + used, size - used, "%s%s",
                               i == 0          ? ""
                               : i + 1 < count ? ", "
                                               : " and ",
                               table[i].name);
}

/* NAME = VALUE of SECTION, whose settings are the COUNT of TABLE; SET_IN has their lines.  */
static void
take_of (struct reading *reading, const char *section, const struct setting *table, size_t count,
         unsigned *set_in, const char *name, const char *value)
{
  struct ini_file *lines = &reading->lines;
  char list[256];
  size_t i = 0;
  while (i < count && strcmp (table[i].name, name) != 0)
    i++;
  list_settings (table, count, list, sizeof list);
  if (i == count)
    ini_complain (lines, lines->line, "[%s] has no setting \"%s\"; it has %s", section, name, list);
  else if (set_in[i] != 0 && !table[i].repeats)
    ini_complain (lines, lines->line, "%s is set already, in line %u", name, set_in[i]);
  else if (value[0] == '\0')
    ini_complain (lines, lines->line, "%s is empty", name);
  else
    {
      set_in[i] = lines->line;
      if (table[i].take != NULL)
        table[i].take (reading, value);
      else
        postpone (reading, &table[i], value);
    }
}

/* Behind a mistake only the schema still counts, and its description: whose file it is matters most
   when something is wrong with it.  */
static void
take_line (struct ini_file *lines, const char *section, const char *name, const char *value)
{
  struct reading *reading = lines->context;
  bool is_connector = strcmp (section, "connector") == 0;
  bool counts =
      lines->mistake == 0
      || (is_connector && (strcmp (name, "schema") == 0 || strcmp (name, "description") == 0));
  if (!counts || lines->errnum != 0)
    return;
  if (section[0] == '\0')
    ini_complain (lines, lines->line, "\"%s\" stands before any section; " SECTIONS, name);
  else if (is_connector)
    take_of (reading, section, settings, sizeof settings / sizeof settings[0], reading->set_in,
             name, value);
  else
    take_of (reading, section, option_settings, sizeof option_settings / sizeof option_settings[0],
             reading->option_in, name, value);
}

static const struct ini_reader reader = {
  .begin_section = begin_section,
  .end_section = end_section,
  .take = take_line,
};

/* ---- reading: the end ---- */

/* All that a template of this declaration can name.  */
static int
make_placeholders (struct reading *reading)
{
  struct declaration *declaration = reading->declaration;
  uint32_t flags = declaration->table.flags;
  struct placeholder *items = calloc (declaration->option_count + 5, sizeof *items);
  size_t count = 0;
  if (items == NULL)
    return -1;
  items[count++] = (struct placeholder){ .name = "command", .kind = PLACEHOLDER_COMMAND };
  items[count++] = (struct placeholder){ .name = "directory", .kind = PLACEHOLDER_DIRECTORY };
  if (reading->target[0] != '\0')
    items[count++] = (struct placeholder){
      .name = reading->target,
      .kind = PLACEHOLDER_TARGET,
      .may_be_missing = (flags & LR_TARGET_MAY_BE_EMPTY) != 0,
    };
  if ((flags & LR_TAKES_USER) != 0)
    items[count++] =
        (struct placeholder){ .name = "user", .kind = PLACEHOLDER_USER, .may_be_missing = true };
  if ((flags & LR_TAKES_PORT) != 0)
    items[count++] =
        (struct placeholder){ .name = "port", .kind = PLACEHOLDER_PORT, .may_be_missing = true };
  for (size_t i = 0; i < declaration->option_count; i++)
    {
      const struct lr_option *option = &declaration->options[i];
      bool is_words = option->type == LR_OPTION_WORDS;
      items[count++] = (struct placeholder){
        .name = option->name,
        .kind = PLACEHOLDER_OPTION,
        .may_be_missing = true,
        .is_switch = option->type == LR_OPTION_BOOLEAN,
        .repeats = is_words || (option->flags & LR_OPTION_REPEATS) != 0,
        .may_be_flag = is_words,
      };
    }
  declaration->items = items;
  declaration->placeholders = (struct placeholders){ items, count };
  return 0;
}

static void
finish_later (struct reading *reading)
{
  for (size_t i = 0; i < reading->later_count && reading->lines.mistake == 0; i++)
    {
      const struct later *later = &reading->later[i];
      struct lr_error problem;
      if (later->setting->finish (reading, later->value, &problem) == 0)
        continue;
      if (problem.kind == LR_ERROR_NO_MEMORY)
        ini_lose (&reading->lines);
      ini_complain (&reading->lines, later->line, "%s: %s", later->setting->name, problem.message);
    }
}

static void
require_settings (struct reading *reading)
{
  if (reading->heading == 0)
    ini_complain (&reading->lines, reading->lines.line == 0 ? 1 : reading->lines.line,
                  "there is no section [connector] up to here");
  for (size_t i = 0; i <= SETTING_COMMAND; i++)
    if (reading->set_in[i] == 0)
      ini_complain (&reading->lines, reading->heading, "[connector] has no %s", settings[i].name);
}

static void
require_placeholders (struct reading *reading)
{
  const struct declaration *declaration = reading->declaration;
  if (template_count (&declaration->command, PLACEHOLDER_COMMAND) != 1)
    ini_complain (&reading->lines, reading->set_in[SETTING_COMMAND],
                  "command: {command}, which stands for what is to be run, has to be there once");
  if (declaration->table.push != NULL
      && template_count (&declaration->push, PLACEHOLDER_DIRECTORY) != 1)
    ini_complain (&reading->lines, reading->set_in[SETTING_PUSH],
                  "push: {directory}, which stands for where to unpack, has to be there once");
}

/* All lines have been read, and each by itself is right.  */
static int
finish (struct reading *reading)
{
  require_settings (reading);
  if (reading->lines.mistake == 0 && make_placeholders (reading) != 0)
    return error_no_memory (reading->lines.error);
  finish_later (reading);
  if (reading->lines.mistake == 0)
    require_placeholders (reading);
  if (reading->lines.errnum != 0)
    return error_no_memory (reading->lines.error);
  return reading->lines.mistake == 0 ? 0 : -1;
}

static struct declaration *
new_declaration (void)
{
  struct declaration *declaration = calloc (1, sizeof *declaration);
  if (declaration != NULL)
    declaration->table = (struct lr_connector){
      .size = (uint32_t) sizeof (struct lr_connector),
      .abi = LR_ABI,
      .option_size = (uint32_t) sizeof (struct lr_option),
      .wrap = declared_wrap,
      .explain = declared_explain,
    };
  return declaration;
}

/* Read REAL, which is called FILE.  *RESULT, which declared_free frees in any case, has the schema
   and the description also behind a mistake, if they can be read.  */
static int
read_declaration (struct declaration **result, const char *file, const char *real,
                  struct lr_error *error)
{
  struct reading reading = { .lines = { .path = file, .reader = &reader, .error = error } };
  reading.lines.context = &reading;
  reading.declaration = *result = new_declaration ();
  if (*result == NULL)
    return error_no_memory (error);
  FILE *stream = ini_open (&reading.lines, real);
  int status = stream == NULL ? -1 : ini_read (&reading.lines, stream);
  if (status == 0)
    status = finish (&reading);
  (*result)->table.options = (*result)->options;
  if (stream != NULL)
    fclose (stream);
  for (size_t i = 0; i < reading.later_count; i++)
    free (reading.later[i].value);
  free (reading.later);
  free (reading.option_lines);
  return status;
}

/* ---- as a plugin ---- */

bool
declared_is_named (const char *file)
{
  size_t length = strlen (file);
  return length > strlen (SUFFIX) && strcmp (file + length - strlen (SUFFIX), SUFFIX) == 0;
}

/* What notes would say of DECLARATION, which may lack something.  */
static int
fill_notes (struct plugin_notes *notes, const struct declaration *declaration)
{
  const struct lr_connector *table = &declaration->table;
  notes->abi = table->abi;
  notes->version = declaration->version == NULL ? NULL : strdup (declaration->version);
  if (declaration->version != NULL && notes->version == NULL)
    return -1;
  if (table->schema == NULL)
    return 0;
  notes->is_plugin = true;
  notes->connectors = calloc (1, sizeof *notes->connectors);
  if (notes->connectors == NULL)
    return -1;
  struct plugin_connector *connector = &notes->connectors[notes->count++];
  connector->schema = strdup (table->schema);
  connector->description = strdup (table->description == NULL ? "" : table->description);
  return connector->schema == NULL || connector->description == NULL ? -1 : 0;
}

int
declared_read_notes (struct plugin_notes *notes, const char *file, struct lr_error *error)
{
  struct declaration *declaration;
  memset (notes, 0, sizeof *notes);
  int status = read_declaration (&declaration, file, file, error);
  if (declaration != NULL && fill_notes (notes, declaration) != 0)
    {
      plugin_notes_free (notes);
      status = error_no_memory (error);
    }
  declared_free (declaration);
  return status;
}

struct declaration *
declared_load (const char *file, const char *real, const struct plugin_notes *notes,
               struct lr_error *error)
{
  struct declaration *declaration;
  int status = read_declaration (&declaration, file, real, error);
  if (status == 0
      && (notes->count != 1
          || strcmp (notes->connectors[0].schema, declaration->table.schema) != 0))
    status = error_set (error, LR_ERROR_PLUGIN, "%s: it was changed while it was read", file);
  if (status == 0)
    return declaration;
  declared_free (declaration);
  return NULL;
}
