#include "cli/options.h"
#include "cli/duration.h"
#include "cli/nearest.h"
#include "cli/report.h"
#include "cli/size.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum
{
  HELP_COLUMN = 28,
  LAST_COLUMN = 79,
};

enum
{
  OPTIONS_MAX = 32, /* of one subcommand */
  NAMED_FROM = 256, /* what getopt_long returns for the first option; letters are below */
};

/* All options of some tables, as getopt_long wants them.  */
struct option_set
{
  const struct cli_option *options[OPTIONS_MAX];
  size_t count;
  struct option names[OPTIONS_MAX + 1];
  char letters[2 * OPTIONS_MAX + 3];
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

static void
collect (struct option_set *set, const struct cli_option *const *tables, enum options_place place)
{
  char *letter = set->letters;
  size_t names = 0;
  *set = (struct option_set){ .count = 0 };
  if (place == OPTIONS_FIRST)
    *letter++ = '+';
  *letter++ = ':'; /* a missing argument is told from an unknown option */
  for (const struct cli_option *o = next_option (&tables, NULL); o; o = next_option (&tables, o))
    {
      assert (set->count < OPTIONS_MAX);
      int has_argument = o->argument != NULL ? required_argument : no_argument;
      if (o->name != NULL)
        set->names[names++] =
            (struct option){ o->name, has_argument, NULL, NAMED_FROM + (int) set->count };
      if (o->letter != 0)
        {
          *letter++ = o->letter;
          if (o->argument != NULL)
            *letter++ = ':';
        }
      set->options[set->count++] = o;
    }
  *letter = '\0';
}

/* The option that getopt_long means by CODE; NULL: none.  */
static const struct cli_option *
find_option (const struct option_set *set, int code)
{
  if (code >= NAMED_FROM)
    return set->options[code - NAMED_FROM];
  for (size_t i = 0; code != 0 && i < set->count; i++)
    if (set->options[i]->letter == code)
      return set->options[i];
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

/* Whether WORD, of SIZE bytes, begins the names of two options, so that it is neither.  */
static bool
set_ambiguous_name (const struct option_set *set, const char *word, int size,
                    struct option_problem *problem)
{
  const char *first = NULL;
  for (size_t i = 0; i < set->count; i++)
    {
      const char *name = set->options[i]->name;
      if (name == NULL || strncmp (name, word + 2, (size_t) size - 2) != 0)
        continue;
      if (first != NULL)
        {
          set_problem (problem, "%.*s could be --%s or --%s", size, word, first, name);
          return true;
        }
      first = name;
    }
  return false;
}

static void
set_unknown_name (const struct option_set *set, const char *word, struct option_problem *problem)
{
  int size = (int) strcspn (word, "=");
  if (set_ambiguous_name (set, word, size, problem))
    return;
  struct nearest nearest = nearest_start (word + 2, (size_t) size - 2);
  for (size_t i = 0; i < set->count; i++)
    if (set->options[i]->name != NULL)
      nearest_consider (&nearest, set->options[i]->name);
  if (nearest.best != NULL)
    set_problem (problem, "there is no option %.*s (did you mean --%s?)", size, word, nearest.best);
  else
    set_problem (problem, "there is no option %.*s", size, word);
}

/* What getopt_long could not take: it says so in optopt, which is 0 for a name that is none, and
   then WORD is that.  */
static void
explain_refusal (const struct option_set *set, const char *word, bool argument_missing,
                 struct option_problem *problem)
{
  const struct cli_option *option = find_option (set, optopt);
  if (optopt == 0)
    set_unknown_name (set, word, problem);
  else if (option == NULL && optopt > 0 && optopt < 0x80)
    set_problem (problem, "there is no option -%c", optopt);
  else if (option == NULL)
    set_problem (problem, "there is no option with a letter that is not ASCII");
  else if (!argument_missing)
    set_problem (problem, "--%s takes no argument", option->name);
  else if (optopt >= NAMED_FROM)
    set_problem (problem, "--%s needs its argument %s", option->name, option->argument);
  else
    set_problem (problem, "-%c needs its argument %s", option->letter, option->argument);
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
    set_problem (problem, "--%s takes a number from 1 to %u, not \"%s\"", option->name, UINT_MAX,
                 value);
  else
    *option->number = (unsigned) number;
}

static void
store_duration (const struct cli_option *option, const char *value, struct option_problem *problem)
{
  if (!duration_parse (value, option->duration))
    set_problem (problem, "--%s takes seconds, or a time such as 500ms, 2m or 1h, not \"%s\"",
                 option->name, value);
}

static void
store_size (const struct cli_option *option, const char *value, struct option_problem *problem)
{
  if (!size_parse (value, option->size))
    set_problem (problem, "--%s takes a number of bytes, such as 4096, 64K or 1G, not \"%s\"",
                 option->name, value);
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
  else if (option->duration != NULL)
    store_duration (option, value, problem);
  else if (option->size != NULL)
    store_size (option, value, problem);
  else
    append_word (option->list, value);
}

size_t
options_parse (const struct cli_option *const *tables, enum options_place place, char **words,
               struct option_problem *problem)
{
  struct option_set set;
  int count = 0;
  int code;
  while (words[count] != NULL)
    count++;
  collect (&set, tables, place);
  problem->text[0] = '\0';
  optind = 0; /* a new command line */
  opterr = 0;
  /* getopt_long begins behind the program's name, whatever that is.  */
  char **argv = words - 1;
  while ((code = getopt_long (count + 1, argv, set.letters, set.names, NULL)) != -1)
    if (code == ':' || code == '?')
      explain_refusal (&set, argv[optind - 1], code == ':', problem);
    else
      store (find_option (&set, code), optarg, problem);
  return (size_t) optind - 1;
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
  struct option_set set;
  collect (&set, tables, OPTIONS_FIRST);
  for (size_t i = 0; i < set.count; i++)
    {
      const struct cli_option *o = set.options[i];
      char form[64];
      /* A subcommand's own letter comes before one that all have.  */
      bool has_letter = o->letter != 0 && find_option (&set, o->letter) == o;
      if (o->name == NULL)
        snprintf (form, sizeof form, "  -%c %s", o->letter, o->argument ? o->argument : "");
      else
        snprintf (form, sizeof form, "  %c%c%c --%s%s%s", has_letter ? '-' : ' ',
                  has_letter ? o->letter : ' ', has_letter ? ',' : ' ', o->name,
                  o->argument ? "=" : "", o->argument ? o->argument : "");
      fprintf (stream, "%-*s", HELP_COLUMN - 1, form);
      putc (' ', stream);
      print_wrapped (o->help, strlen (form) < HELP_COLUMN ? HELP_COLUMN : strlen (form) + 1,
                     HELP_COLUMN, stream);
    }
}
