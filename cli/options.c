#include "cli/options.h"
#include "cli/nearest.h"
#include "cli/report.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum
{
  HELP_COLUMN = 28,
  LAST_COLUMN = 79,
};

static bool
is_end (const struct cli_option *option)
{
  return option->name == NULL && option->letter == 0;
}

/* Visit every option of TABLES: start with *TABLE at the first and NULL.  */
static const struct cli_option *
next_option (const struct cli_option *const **table, const struct cli_option *option)
{
  option = option != NULL ? option + 1 : **table;
  while (option != NULL && is_end (option))
    option = *++*table;
  return option;
}

static const struct cli_option *
find_by_name (const struct cli_option *const *tables, const char *name, size_t size)
{
  for (const struct cli_option *o = next_option (&tables, NULL); o; o = next_option (&tables, o))
    if (o->name != NULL && strlen (o->name) == size && memcmp (o->name, name, size) == 0)
      return o;
  return NULL;
}

static const struct cli_option *
find_by_letter (const struct cli_option *const *tables, char letter)
{
  for (const struct cli_option *o = next_option (&tables, NULL); o; o = next_option (&tables, o))
    if (o->letter == letter)
      return o;
  return NULL;
}

/* Only the first problem is kept: others may follow from it.  */
static void __attribute__ ((format (printf, 2, 3)))
set_problem (struct option_problem *problem, const char *format, ...)
{
  if (problem->text[0] != '\0')
    return;
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (problem->text, sizeof problem->text, format, arguments);
  va_end (arguments);
}

static void
set_unknown (const struct cli_option *const *tables, const char *name, size_t size,
             struct option_problem *problem)
{
  struct nearest nearest = nearest_start (name, size);
  for (const struct cli_option *o = next_option (&tables, NULL); o; o = next_option (&tables, o))
    if (o->name != NULL)
      nearest_consider (&nearest, o->name);
  if (nearest.best != NULL)
    set_problem (problem, "there is no option --%.*s (did you mean --%s?)", (int) size, name,
                 nearest.best);
  else
    set_problem (problem, "there is no option --%.*s", (int) size, name);
}

static void
append_word (struct word_list *list, const char *word)
{
  const char **items = realloc (list->items, (list->count + 2) * sizeof *items);
  if (items == NULL)
    out_of_memory ();
  items[list->count++] = word;
  items[list->count] = NULL;
  list->items = items;
}

static void
store_number (const struct cli_option *option, const char *value, struct option_problem *problem)
{
  char *end;
  errno = 0;
  unsigned long number = strtoul (value, &end, 10);
  if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number < 1
      || number > UINT_MAX)
    set_problem (problem, "--%s takes a number from 1, not \"%s\"", option->name, value);
  else
    *option->number = (unsigned) number;
}

static void
store (const struct cli_option *option, const char *value, struct option_problem *problem)
{
  if (option->flag != NULL)
    *option->flag = true;
  else if (option->text != NULL)
    *option->text = value;
  else if (option->number != NULL)
    store_number (option, value, problem);
  else
    append_word (option->list, value);
}

/* WORDS[0] is "--name" or "--name=value".  Returns how many words were taken.  */
static size_t
parse_long (const struct cli_option *const *tables, char **words, struct option_problem *problem)
{
  const char *name = words[0] + 2;
  size_t size = strcspn (name, "=");
  const char *value = name[size] == '=' ? name + size + 1 : NULL;
  const struct cli_option *option = find_by_name (tables, name, size);

  if (option == NULL)
    set_unknown (tables, name, size, problem);
  else if (option->argument == NULL && value != NULL)
    set_problem (problem, "--%s takes no argument", option->name);
  else if (option->argument == NULL || value != NULL)
    store (option, value, problem);
  else if (words[1] == NULL)
    set_problem (problem, "--%s needs its argument %s", option->name, option->argument);
  else
    {
      store (option, words[1], problem);
      return 2;
    }
  return 1;
}

/* WORDS[0] is "-abc", where c may take the rest, or the next word, as its argument.  */
static size_t
parse_letters (const struct cli_option *const *tables, char **words, struct option_problem *problem)
{
  for (const char *letter = words[0] + 1; *letter != '\0'; letter++)
    {
      const struct cli_option *option = find_by_letter (tables, *letter);
      if (option == NULL)
        {
          set_problem (problem, "there is no option -%s",
                       (unsigned char) *letter < 0x80 ? (char[]){ *letter, '\0' } : letter);
          return 1;
        }
      if (option->argument == NULL)
        store (option, NULL, problem);
      else if (letter[1] != '\0')
        {
          store (option, letter + 1, problem);
          return 1;
        }
      else if (words[1] == NULL)
        set_problem (problem, "-%c needs its argument %s", *letter, option->argument);
      else
        {
          store (option, words[1], problem);
          return 2;
        }
    }
  return 1;
}

size_t
options_parse (const struct cli_option *const *tables, char **words, struct option_problem *problem)
{
  problem->text[0] = '\0';
  size_t taken = 0;
  while (words[taken] != NULL && words[taken][0] == '-' && words[taken][1] != '\0')
    {
      if (strcmp (words[taken], "--") == 0)
        return taken + 1;
      if (words[taken][1] == '-')
        taken += parse_long (tables, words + taken, problem);
      else
        taken += parse_letters (tables, words + taken, problem);
    }
  return taken;
}

void
print_wrapped (const char *text, size_t column, size_t indent, FILE *stream)
{
  bool line_begins = true;
  while (*text != '\0')
    {
      size_t size = strcspn (text, " ");
      if (!line_begins && column + 1 + size > LAST_COLUMN)
        {
          fprintf (stream, "\n%*s", (int) indent, "");
          column = indent;
        }
      else if (!line_begins)
        {
          putc (' ', stream);
          column++;
        }
      fprintf (stream, "%.*s", (int) size, text);
      column += size;
      line_begins = false;
      text += size + (text[size] == ' ');
    }
  putc ('\n', stream);
}

void
options_explain (const struct cli_option *const *tables, FILE *stream)
{
  for (const struct cli_option *o = next_option (&tables, NULL); o; o = next_option (&tables, o))
    {
      char form[64];
      if (o->name == NULL)
        snprintf (form, sizeof form, "  -%c %s", o->letter, o->argument ? o->argument : "");
      else
        snprintf (form, sizeof form, "  %c%c%c --%s%s%s", o->letter ? '-' : ' ',
                  o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
                  o->argument ? "=" : "", o->argument ? o->argument : "");
      fprintf (stream, "%-*s", HELP_COLUMN - 1, form);
      putc (' ', stream);
      print_wrapped (o->help, strlen (form) < HELP_COLUMN ? HELP_COLUMN : strlen (form) + 1,
                     HELP_COLUMN, stream);
    }
}
