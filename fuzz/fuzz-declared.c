/* Declared connectors, of anything, and targets that they serve.

   What stands before the first NUL is a target; the rest is the file.  What must hold:

   - notes and loading agree on whether a file is right, and on its schema;
   - one that is not has a sentence that names the file and a line of it;
   - the commands of one that is have, in this order, the words that they wrap, and a push has the
     directory in it; or they have a sentence;
   - no word begins with "-" that doesn't in the file, unless it is one of an option of words;
   - all of it can be freed.  */

#include "core/command.h"
#include "core/connector.h"
#include "core/declared.h"
#include "core/error.h"
#include "core/text.h"
#include "core/url.h"
#include "fuzz/input_file.h"
#include "fuzz/require.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Words and a directory that no file will have.  */
#define FIRST "first of the command"
#define SECOND "-second of it"
#define DIRECTORY "/where to unpack"

static const struct lr_connector *
find (void *context, const char *schema, struct lr_error *error)
{
  const struct connector *connector = context;
  if (strcmp (connector->table.schema, schema) == 0)
    return &connector->table;
  error_set (error, LR_ERROR_NO_CONNECTOR, "another one");
  return NULL;
}

static bool
has_words_option (const lr_hop *hop)
{
  for (size_t i = 0; i < hop->option_count; i++)
    if (hop->options[i].option->type == LR_OPTION_WORDS)
      return true;
  return false;
}

/* How many words begin with "-", but for the command's own.  */
static size_t
count_dashes (const lr_command *command)
{
  size_t count = 0;
  for (size_t i = 0; i < command->count; i++)
    count += command->words[i][0] == '-' && strcmp (command->words[i], SECOND) != 0;
  return count;
}

/* TEXT is the file.  Literal words begin with "-" there, or with "%2D", which is decoded.  */
static size_t
count_possible_dashes (const char *text)
{
  size_t count = 0;
  for (; *text != '\0'; text++)
    count += *text == '-' || strncasecmp (text, "%2d", 3) == 0;
  return count;
}

static void
check_wrap (const lr_hop *hop, const char *text)
{
  struct lr_error error;
  lr_command inner = { NULL, 0, 0, NULL, 0 }, out = { NULL, 0, 0, NULL, 0 };
  lr_command_add (&inner, FIRST, SECOND);
  hop->connector->wrap (hop, &inner, &out);
  if (command_check (&out, "x", &error) != 0)
    require (out.problem != NULL && error.message[0] != '\0');
  else
    {
      size_t found = 0;
      for (size_t i = 0; i + 1 < out.count; i++)
        found += strcmp (out.words[i], FIRST) == 0 && strcmp (out.words[i + 1], SECOND) == 0;
      require (found == 1);
      bool repeats = hop->option_count > 1;
      require (has_words_option (hop) || repeats
               || count_dashes (&out) <= count_possible_dashes (text));
    }
  command_free (&inner);
  command_free (&out);
}

static void
check_push (const lr_hop *hop)
{
  struct lr_error error;
  lr_command out = { NULL, 0, 0, NULL, 0 };
  if (hop->connector->push == NULL)
    return;
  hop->connector->push (hop, DIRECTORY, &out);
  if (command_check (&out, "x", &error) == 0)
    {
      size_t found = 0;
      for (size_t i = 0; i < out.count; i++)
        found += strstr (out.words[i], DIRECTORY) != NULL;
      require (found == 1);
    }
  command_free (&out);
}

static void
check_target (const struct connector *connector, const char *url, const char *text)
{
  struct target target;
  struct lr_error error;
  if (target_parse (&target, url, NULL, find, (void *) connector, &error) != 0)
    require (error.message[0] != '\0');
  else
    for (size_t i = 0; i < target.count; i++)
      {
        lr_text said = { NULL };
        check_wrap (&target.hops[i], text);
        check_push (&target.hops[i]);
        connector->table.explain (&target.hops[i], 1, text, &said);
        text_free (&said);
      }
  target_free (&target);
}

static void
check_refusal (const struct lr_error *error, const char *path, size_t lines)
{
  require (error->kind == LR_ERROR_PLUGIN);
  require (strncmp (error->message, path, strlen (path)) == 0);
  unsigned long line = strtoul (error->message + strlen (path) + 1, NULL, 10);
  require (line >= 1 && line <= lines);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct lr_error error;
  struct plugin_notes notes;
  struct connector connector;
  const uint8_t *end = size == 0 ? NULL : memchr (data, '\0', size);
  if (end == NULL)
    return 0;
  const char *text = (const char *) end + 1;
  size_t length = size - (size_t) (end + 1 - data);
  size_t lines = input_lines (text, length);
  const char *path = input_file (text, length);

  error_begin (&error, &error);
  int status = declared_read_notes (&notes, path, &error);
  if (status != 0)
    check_refusal (&error, path, lines);
  struct declaration *declaration = declared_load (path, path, &notes, &error);
  require ((declaration != NULL) == (status == 0));
  if (declaration != NULL)
    {
      const struct lr_connector *table = declared_table (declaration);
      require (notes.count == 1 && strcmp (notes.connectors[0].schema, table->schema) == 0);
      require (connector_import (&connector, table, path, &error) == 0);
      connector.declaration = declaration;
      char *copy = strndup (text, length);
      require (copy != NULL);
      check_target (&connector, (const char *) data, copy);
      free (copy);
    }
  plugin_notes_free (&notes);
  declared_free (declaration);
  return 0;
}
