/* Options, parsed and explained from tables.  */

#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Words given with a repeatable option.  ITEMS is owned and ends with NULL, or is NULL when there
   are none; the words are borrowed from argv.  */
struct word_list
{
  const char **items;
  size_t count;
};

/* One option; a table of them ends with a row that has neither name nor letter.  Exactly one of the
   pointers says where its value goes.  */
struct cli_option
{
  const char *name;     /* without the dashes; NULL: it has a letter alone */
  char letter;          /* 0: it has a name alone */
  const char *argument; /* what --help calls its argument; NULL for a flag */
  const char *help;     /* a sentence without its final stop */
  bool *flag;
  const char **text;
  unsigned *number;   /* from 1 */
  uint64_t *duration; /* milliseconds */
  uint64_t *size;     /* bytes */
  struct word_list *list;
};

/* What was wrong with the first bad option; "" if there was none.  */
struct option_problem
{
  char text[512];
};

/* Where options are looked for.  */
enum options_place
{
  OPTIONS_FIRST,    /* up to the first word that is none */
  OPTIONS_ANYWHERE, /* also behind and between operands, which are then put behind them all */
};

/* Parse the options among WORDS, ended by NULL, by the rules in TABLES, ended by NULL.  Returns how
   many words they were, a "--" that ends them included.  A word stands before the first of WORDS,
   as a program's name does.  Goes on after a problem, so that --json and --help work on either side
   of it.  */
size_t options_parse (const struct cli_option *const *tables, enum options_place place,
                      char **words, struct option_problem *problem);

/* Explain the options of TABLES, a line or more each.  */
void options_explain (const struct cli_option *const *tables, FILE *stream);

/* Print TEXT with lines broken at spaces, so that they end before column 80.  The first starts at
   COLUMN, where the stream is now; others are indented by INDENT.  Ends with a newline.  */
void print_wrapped (const char *text, size_t column, size_t indent, FILE *stream);

#endif
