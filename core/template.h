/* Templates of commands: words in which placeholders stand for what a hop has.

     docker exec [--user {user}] -- {name} {command}

   Words are separated by spaces, and then percent-decoded.  What is in brackets is a group: it is
   left out unless all that is named in it is given, and what may be missing stands in groups only.
   A value never becomes more than a part of one word, nor does a word become an option by it.  */

#ifndef CORE_TEMPLATE_H
#define CORE_TEMPLATE_H

#include <longreach/connector.h>

#include <stdbool.h>
#include <stddef.h>

enum placeholder_kind
{
  PLACEHOLDER_COMMAND, /* the words of the command that is wrapped */
  PLACEHOLDER_DIRECTORY,
  PLACEHOLDER_TARGET,
  PLACEHOLDER_USER,
  PLACEHOLDER_PORT,
  PLACEHOLDER_OPTION,
};

/* What a template can name.  */
struct placeholder
{
  const char *name; /* borrowed */
  enum placeholder_kind kind;
  bool may_be_missing;
  bool is_switch;   /* it is given or not, and has no value */
  bool repeats;     /* there can be several values */
  bool may_be_flag; /* its value may begin with "-" */
};

struct placeholders
{
  const struct placeholder *items;
  size_t count;
};

/* A part of a word: a text, or the value of a placeholder.  */
struct template_piece
{
  char *text;                            /* owned; NULL: the value of */
  const struct placeholder *placeholder; /* borrowed from those that were known */
};

enum template_role
{
  TEMPLATE_WORD,
  TEMPLATE_IF_GIVEN,     /* no word: its group is left out where the placeholder is not given, */
  TEMPLATE_UNLESS_GIVEN, /* or where it is */
};

struct template_word
{
  struct template_piece *pieces; /* owned */
  size_t count;
  enum template_role role;
  unsigned group; /* those of a group have its number; 0: of none */
};

/* All zero is an empty one.  */
struct template
{
  struct template_word *words; /* owned */
  size_t count;
  unsigned groups;
};

/* What a template is for, and so what can be named in it.  */
enum template_use
{
  TEMPLATE_FOR_WRAP = 1 << PLACEHOLDER_DIRECTORY, /* all but these */
  TEMPLATE_FOR_PUSH = 1 << PLACEHOLDER_COMMAND,
  TEMPLATE_FOR_SENTENCE = 1 << PLACEHOLDER_COMMAND | 1 << PLACEHOLDER_DIRECTORY,
};

/* Add the words of TEXT to TEMPLATE; template_free in any case.  KNOWN is borrowed as long as that
   lives.  Errors: PLUGIN, without a name of a file; NO_MEMORY.  */
int template_add (struct template *template, const char *text, const struct placeholders *known,
                  enum template_use use, struct lr_error *error);

/* Make TEMPLATE, which is empty, one word of TEXT as it is, but for the placeholders.  */
int template_set_sentence (struct template *template, const char *text,
                           const struct placeholders *known, struct lr_error *error);

void template_free (struct template *template);

/* How often something of KIND is named.  */
size_t template_count (const struct template *template, enum placeholder_kind kind);

/* Add to OUT what TEMPLATE says of HOP.  INNER: the wrapped command, or NULL; DIRECTORY the same.
   Values that could be misread make OUT fail.  */
void template_expand (const struct template *template, const lr_hop *hop, const lr_command *inner,
                      const char *directory, lr_command *out);

/* Set TEXT to what the sentence TEMPLATE says of HOP, and SUFFIX.  */
void template_say (const struct template *template, const lr_hop *hop, const char *suffix,
                   lr_text *text);

#endif
