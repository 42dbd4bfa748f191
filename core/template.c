#include "core/template.h"

#include "core/error.h"
#include "core/percent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  PORT_SIZE = 16, /* bytes that are enough for a port */
};

/* A template that is being read.  */
struct parsing
{
  struct template *template;
  const struct placeholders *known;
  enum template_use use;
  unsigned group;                    /* that the word is in; 0: none */
  bool can_be_left_out;              /* something in the group may be missing */
  const struct placeholder *repeats; /* the one of the group that does */
  struct lr_error *error;
};

void
template_free (struct template *template)
{
  for (size_t i = 0; i < template->count; i++)
    {
      struct template_word *word = &template->words[i];
      for (size_t piece = 0; piece < word->count; piece++)
        free (word->pieces[piece].text);
      free (word->pieces);
    }
  free (template->words);
  *template = (struct template){ NULL, 0, 0 };
}

size_t
template_count (const struct template *template, enum placeholder_kind kind)
{
  size_t count = 0;
  for (size_t i = 0; i < template->count; i++)
    for (size_t piece = 0; piece < template->words[i].count; piece++)
      {
        const struct placeholder *placeholder = template->words[i].pieces[piece].placeholder;
        count += placeholder != NULL && placeholder->kind == kind;
      }
  return count;
}

/* ---- what placeholders may be ---- */

static bool
can_be_used (const struct parsing *parsing, const struct placeholder *placeholder)
{
  return ((unsigned) parsing->use & 1u << placeholder->kind) == 0;
}

static int
refuse_unknown (const struct parsing *parsing, const char *name, size_t length)
{
  char list[1024];
  size_t used = 0;
  for (size_t i = 0; i < parsing->known->count; i++)
    {
      const struct placeholder *placeholder = &parsing->known->items[i];
      if (can_be_used (parsing, placeholder)
          && used + strlen (placeholder->name) + sizeof ", {}" <= sizeof list)
        used += (size_t) snprintf (list + used, sizeof list - used, "%s{%s}", used == 0 ? "" : ", ",
                                   placeholder->name);
    }
  return error_set (parsing->error, LR_ERROR_PLUGIN,
                    "there is no placeholder {%.*s} here; there %s %s", (int) length, name,
                    used == 0                    ? "is"
                    : strchr (list, ',') == NULL ? "is"
                                                 : "are",
                    used == 0 ? "none" : list);
}

/* The placeholder of NAME; NULL and the error.  */
static const struct placeholder *
find_placeholder (const struct parsing *parsing, const char *name, size_t length)
{
  for (size_t i = 0; i < parsing->known->count; i++)
    {
      const struct placeholder *placeholder = &parsing->known->items[i];
      if (strlen (placeholder->name) == length && strncmp (placeholder->name, name, length) == 0
          && can_be_used (parsing, placeholder))
        return placeholder;
    }
  refuse_unknown (parsing, name, length);
  return NULL;
}

/* PLACEHOLDER is named for its value, which is to stand in a word.  */
static int
check_value (struct parsing *parsing, const struct placeholder *placeholder)
{
  const char *name = placeholder->name;
  if (placeholder->is_switch)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "{%s} is given or not, and has no value: write {%s?} or {%s!} into a group",
                      name, name, name);
  if (placeholder->may_be_missing && parsing->use == TEMPLATE_FOR_SENTENCE)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "{%s} may be missing, and so can't be part of a sentence", name);
  if (placeholder->may_be_missing && parsing->group == 0)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "{%s} may be missing: what needs it stands in brackets with it, as in "
                      "[--%s {%s}]",
                      name, name, name);
  if (placeholder->repeats && parsing->repeats != NULL && parsing->repeats != placeholder)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "{%s} and {%s} have any number of values each, and can't be in one group",
                      parsing->repeats->name, name);
  if (placeholder->repeats)
    parsing->repeats = placeholder;
  parsing->can_be_left_out = parsing->can_be_left_out || placeholder->may_be_missing;
  return 0;
}

/* ---- words ---- */

/* A new piece of WORD; NULL and the error.  */
static struct template_piece *
add_piece (const struct parsing *parsing, struct template_word *word)
{
  struct template_piece *grown = realloc (word->pieces, (word->count + 1) * sizeof *grown);
  if (grown == NULL)
    {
      error_no_memory (parsing->error);
      return NULL;
    }
  word->pieces = grown;
  grown[word->count] = (struct template_piece){ NULL, NULL };
  return &grown[word->count++];
}

static int
add_text (const struct parsing *parsing, struct template_word *word, const char *text, size_t size)
{
  bool is_sentence = parsing->use == TEMPLATE_FOR_SENTENCE;
  struct template_piece *piece = add_piece (parsing, word);
  if (piece == NULL)
    return -1;
  piece->text = is_sentence ? strndup (text, size) : percent_decode (text, size, parsing->error);
  if (piece->text != NULL)
    return 0;
  word->count--;
  return is_sentence ? error_no_memory (parsing->error) : -1;
}

/* Add the placeholder of NAME.  */
static int
add_placeholder (struct parsing *parsing, struct template_word *word, const char *name,
                 size_t length)
{
  const struct template_piece *before = word->count == 0 ? NULL : &word->pieces[word->count - 1];
  const struct placeholder *placeholder = find_placeholder (parsing, name, length);
  if (placeholder == NULL || check_value (parsing, placeholder) != 0)
    return -1;
  if (before != NULL && before->placeholder != NULL && parsing->use != TEMPLATE_FOR_SENTENCE)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "nothing stands between {%s} and {%s}: where one ends could not be told",
                      before->placeholder->name, placeholder->name);
  struct template_piece *piece = add_piece (parsing, word);
  if (piece == NULL)
    return -1;
  piece->placeholder = placeholder;
  return 0;
}

/* The word {NAME?} or {NAME!}, which is all of WORD.  */
static int
add_condition (struct parsing *parsing, struct template_word *word, const char *text, size_t size)
{
  const struct placeholder *placeholder = find_placeholder (parsing, text + 1, size - 3);
  if (placeholder == NULL)
    return -1;
  if (parsing->group == 0 || !placeholder->may_be_missing)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      parsing->group == 0 ? "%.*s can only be in a group, which it leaves out"
                                          : "%.*s makes no sense: it is always given",
                      (int) size, text);
  struct template_piece *piece = add_piece (parsing, word);
  if (piece == NULL)
    return -1;
  piece->placeholder = placeholder;
  word->role = text[size - 2] == '?' ? TEMPLATE_IF_GIVEN : TEMPLATE_UNLESS_GIVEN;
  parsing->can_be_left_out = true;
  return 0;
}

static bool
is_condition (const char *text, size_t size)
{
  return size > 3 && text[0] == '{' && memchr (text, '}', size) == text + size - 1
         && (text[size - 2] == '?' || text[size - 2] == '!');
}

/* The pieces of WORD.  */
static int
parse_pieces (struct parsing *parsing, struct template_word *word, const char *text, size_t size)
{
  int status = 0;
  for (size_t i = 0, length; status == 0 && i < size; i += length)
    {
      const char *end;
      length = 0;
      while (i + length < size && text[i + length] != '{' && text[i + length] != '}')
        length++;
      if (length > 0)
        status = add_text (parsing, word, text + i, length);
      else if (text[i] == '}')
        return error_set (parsing->error, LR_ERROR_PLUGIN,
                          "\"%.*s\": a \"}\" closes nothing; as a character it is written %%7D",
                          (int) size, text);
      else if ((end = memchr (text + i, '}', size - i)) == NULL)
        return error_set (parsing->error, LR_ERROR_PLUGIN,
                          "\"%.*s\": a \"{\" is not closed; as a character it is written %%7B",
                          (int) size, text);
      else
        {
          length = (size_t) (end - text) - i + 1;
          status = add_placeholder (parsing, word, text + i + 1, length - 2);
        }
    }
  return status;
}

/* {command} is as many words as it has.  */
static int
check_command (const struct parsing *parsing, const struct template_word *word)
{
  for (size_t i = 0; i < word->count; i++)
    if (word->pieces[i].placeholder != NULL
        && word->pieces[i].placeholder->kind == PLACEHOLDER_COMMAND
        && (word->count > 1 || parsing->group != 0))
      return error_set (parsing->error, LR_ERROR_PLUGIN,
                        "{command} is any number of words: it stands by itself, and in no group");
  return 0;
}

static int
parse_word (struct parsing *parsing, const char *text, size_t size)
{
  struct template *template = parsing->template;
  struct template_word *grown = realloc (template->words, (template->count + 1) * sizeof *grown);
  if (grown == NULL)
    return error_no_memory (parsing->error);
  template->words = grown;
  struct template_word *word = &grown[template->count++];
  *word = (struct template_word){ .group = parsing->group };
  if (parsing->use == TEMPLATE_FOR_SENTENCE)
    return parse_pieces (parsing, word, text, size);
  if (memchr (text, '[', size) != NULL || memchr (text, ']', size) != NULL)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "\"%.*s\": brackets stand at the beginning and the end of a group; as "
                      "characters they are written %%5B and %%5D",
                      (int) size, text);
  if (is_condition (text, size))
    return add_condition (parsing, word, text, size);
  return parse_pieces (parsing, word, text, size) == 0 ? check_command (parsing, word) : -1;
}

/* ---- groups ---- */

static int
begin_group (struct parsing *parsing)
{
  if (parsing->group != 0)
    return error_set (parsing->error, LR_ERROR_PLUGIN, "a group can't be in another one");
  parsing->group = ++parsing->template->groups;
  parsing->can_be_left_out = false;
  parsing->repeats = NULL;
  return 0;
}

static int
end_group (struct parsing *parsing)
{
  if (parsing->group == 0)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "a \"]\" ends no group; as a character it is written %%5D");
  parsing->group = 0;
  if (!parsing->can_be_left_out)
    return error_set (parsing->error, LR_ERROR_PLUGIN,
                      "nothing that may be missing is named in a group, so that it could never be "
                      "left out; brackets as characters are written %%5B and %%5D");
  return 0;
}

/* What stands between two spaces.  */
static int
parse_item (struct parsing *parsing, const char *text, size_t size)
{
  bool begins = text[0] == '[';
  if (begins && begin_group (parsing) != 0)
    return -1;
  text += begins;
  size -= begins;
  bool ends = size > 0 && text[size - 1] == ']';
  size -= ends;
  if (size > 0 && parse_word (parsing, text, size) != 0)
    return -1;
  return ends ? end_group (parsing) : 0;
}

int
template_add (struct template *template, const char *text, const struct placeholders *known,
              enum template_use use, struct lr_error *error)
{
  struct parsing parsing = { .template = template, .known = known, .use = use, .error = error };
  for (size_t length; *text != '\0'; text += length)
    {
      text += strspn (text, " \t");
      length = strcspn (text, " \t");
      if (length > 0 && parse_item (&parsing, text, length) != 0)
        return -1;
    }
  if (parsing.group != 0)
    return error_set (error, LR_ERROR_PLUGIN,
                      "a \"[\" is not closed; as a character it is written %%5B");
  return 0;
}

int
template_set_sentence (struct template *template, const char *text,
                       const struct placeholders *known, struct lr_error *error)
{
  struct parsing parsing = {
    .template = template, .known = known, .use = TEMPLATE_FOR_SENTENCE, .error = error
  };
  return parse_word (&parsing, text, strlen (text));
}

/* ---- values ---- */

/* What a template is expanded with.  */
struct values
{
  const lr_hop *hop;
  const lr_command *inner;
  const char *directory;
  char port[PORT_SIZE];
  size_t round; /* which value of those that repeat */
};

/* The value of PLACEHOLDER; of a switch any text; NULL: it is not given.  */
static const char *
value_of (const struct values *values, const struct placeholder *placeholder)
{
  const char *name;
  switch (placeholder->kind)
    {
    case PLACEHOLDER_DIRECTORY:
      return values->directory;
    case PLACEHOLDER_TARGET:
      name = lr_hop_name (values->hop);
      return name[0] == '\0' ? NULL : name;
    case PLACEHOLDER_USER:
      return lr_hop_user (values->hop);
    case PLACEHOLDER_PORT:
      return lr_hop_port (values->hop) == 0 ? NULL : values->port;
    case PLACEHOLDER_OPTION:
      if (placeholder->is_switch)
        return lr_hop_option_is_set (values->hop, placeholder->name) ? "yes" : NULL;
      return lr_hop_option_at (values->hop, placeholder->name,
                               placeholder->repeats ? values->round : 0);
    case PLACEHOLDER_COMMAND:
      break;
    }
  return NULL;
}

/* VALUE, of piece INDEX, could be misread where it stands.  */
static void
check_misreading (const struct template_word *word, size_t index, const char *value,
                  lr_command *out)
{
  const struct placeholder *placeholder = word->pieces[index].placeholder;
  const char *behind = index + 1 < word->count ? word->pieces[index + 1].text : NULL;
  if (value[0] == '\0')
    lr_command_fail (out, "%s= has no value", placeholder->name);
  else if (value[0] == '-' && index == 0 && !placeholder->may_be_flag)
    lr_command_fail (out, "the %s \"%s\" begins with a \"-\", as an option does", placeholder->name,
                     value);
  else if (behind != NULL && strchr (value, behind[0]) != NULL)
    lr_command_fail (out,
                     "the %s \"%s\" has a \"%c\" in it, behind which something else is looked "
                     "for",
                     placeholder->name, value, behind[0]);
}

/* All pieces of WORD as one text, in memory the caller frees; OUT, if there is one, fails where a
   value could be misread.  */
static char *
join_pieces (const struct template_word *word, const struct values *values, lr_command *out)
{
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream (&text, &size);
  if (stream == NULL)
    return NULL;
  for (size_t i = 0; i < word->count; i++)
    {
      const struct template_piece *piece = &word->pieces[i];
      const char *value = piece->text != NULL ? piece->text : value_of (values, piece->placeholder);
      if (value == NULL)
        value = "";
      if (piece->text == NULL && out != NULL)
        check_misreading (word, i, value, out);
      fputs (value, stream);
    }
  bool is_whole = fflush (stream) == 0 && !ferror (stream);
  if (fclose (stream) == 0 && is_whole)
    return text;
  free (text);
  return NULL;
}

static void
expand_word (const struct template_word *word, const struct values *values, lr_command *out)
{
  if (word->role != TEMPLATE_WORD)
    return;
  if (word->pieces[0].placeholder != NULL
      && word->pieces[0].placeholder->kind == PLACEHOLDER_COMMAND)
    {
      lr_command_append (out, values->inner);
      return;
    }
  char *text = join_pieces (word, values, out);
  if (text == NULL)
    lr_command_fail (out, "there is no memory for its command");
  else
    lr_command_add_word (out, text);
  free (text);
}

/* Whether the group, COUNT words from WORDS on, is there in this round.  *REPEATS: there can be
   another one.  */
static bool
group_is_given (const struct template_word *words, size_t count, const struct values *values,
                bool *repeats)
{
  *repeats = false;
  for (size_t i = 0; i < count; i++)
    for (size_t piece = 0; piece < words[i].count; piece++)
      {
        const struct placeholder *placeholder = words[i].pieces[piece].placeholder;
        if (placeholder == NULL)
          continue;
        /* What is only asked for does not repeat the group.  */
        struct values first = *values;
        if (words[i].role != TEMPLATE_WORD)
          first.round = 0;
        if ((value_of (&first, placeholder) != NULL) == (words[i].role == TEMPLATE_UNLESS_GIVEN))
          return false;
        *repeats = *repeats || (words[i].role == TEMPLATE_WORD && placeholder->repeats);
      }
  return true;
}

static void
expand_group (const struct template_word *words, size_t count, struct values *values,
              lr_command *out)
{
  bool repeats = true;
  for (values->round = 0; repeats && group_is_given (words, count, values, &repeats);
       values->round++)
    for (size_t i = 0; i < count; i++)
      expand_word (&words[i], values, out);
  values->round = 0;
}

static struct values
values_of (const lr_hop *hop, const lr_command *inner, const char *directory)
{
  struct values values = { .hop = hop, .inner = inner, .directory = directory };
  snprintf (values.port, sizeof values.port, "%u", lr_hop_port (hop));
  return values;
}

void
template_expand (const struct template *template, const lr_hop *hop, const lr_command *inner,
                 const char *directory, lr_command *out)
{
  struct values values = values_of (hop, inner, directory);
  for (size_t i = 0, count; i < template->count; i += count)
    {
      const struct template_word *words = &template->words[i];
      for (count = 1;
           words->group != 0 && i + count < template->count && words[count].group == words->group;)
        count++;
      if (words->group == 0)
        expand_word (words, &values, out);
      else
        expand_group (words, count, &values, out);
    }
}

void
template_say (const struct template *template, const lr_hop *hop, const char *suffix, lr_text *text)
{
  struct values values = values_of (hop, NULL, NULL);
  char *sentence = join_pieces (&template->words[0], &values, NULL);
  if (sentence != NULL)
    lr_text_set (text, "%s%s", sentence, suffix);
  free (sentence);
}
