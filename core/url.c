#include "core/url.h"

#include "core/connector.h"
#include "core/error.h"
#include "core/percent.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum
{
  HOPS_MAX = 32,
  NUMBER_DIGITS = 18, /* of an option's value: any such number fits into 64 bits */
};

/* A part of the URL, still encoded.  */
struct part
{
  const char *text;
  size_t size;
};

static bool
is_control (char c)
{
  return (unsigned char) c < 0x20 || c == 0x7f;
}

/* PART decoded, in memory the caller frees; NULL and *ERROR.  */
static char *
decode (struct part part, struct lr_error *error)
{
  return percent_decode (part.text, part.size, error);
}

/* ---- what every part must keep ---- */

/* TEXT could come to stand where a program looks for its options.  */
static int
refuse_dash (const char *what, const char *text, struct lr_error *error)
{
  if (text[0] != '-')
    return 0;
  return error_set_field (error, "url", "the %s \"%s\" begins with a \"-\", as an option does",
                          what, text);
}

static int
refuse_control (const char *what, const char *text, struct lr_error *error)
{
  for (const char *c = text; *c != '\0'; c++)
    if (is_control (*c))
      return error_set_field (error, "url", "the %s \"%s\" has a control character in it", what,
                              text);
  return 0;
}

/* ---- users, hosts and ports ---- */

/* Nothing of the URL is shown: that would show the password.  */
static int
refuse_password (struct lr_error *error)
{
  return error_set_field (error, "url",
                          "there is a password in the URL, where everybody on this machine can "
                          "see it: leave it out, and its colon");
}

/* Take `user@` off the front of *REST.  */
static int
parse_user (struct lr_hop *hop, struct part *rest, struct lr_error *error)
{
  size_t at = rest->size;
  while (at > 0 && rest->text[at - 1] != '@')
    at--;
  if (at == 0)
    return 0;
  struct part user = { rest->text, at - 1 };
  rest->text += at;
  rest->size -= at;
  if (memchr (user.text, ':', user.size) != NULL)
    return refuse_password (error);
  if ((hop->connector->flags & LR_TAKES_USER) == 0)
    return error_set_field (error, "url", "the connector %s takes no user: leave out \"%.*s@\"",
                            hop->schema, (int) user.size, user.text);
  if (user.size == 0)
    return error_set_field (error, "url", "there is no user before the \"@\"");
  hop->user = decode (user, error);
  if (hop->user == NULL || refuse_dash ("user", hop->user, error) != 0)
    return -1;
  return refuse_control ("user", hop->user, error);
}

static int
parse_port (struct lr_hop *hop, struct part text, struct lr_error *error)
{
  unsigned long port = 0;
  bool digits = text.size > 0 && text.size <= 5;
  for (size_t i = 0; i < text.size && digits; i++)
    {
      digits = text.text[i] >= '0' && text.text[i] <= '9';
      port = port * 10 + (unsigned long) (text.text[i] - '0');
    }
  /* A password with a comma or a question mark in it was split there.  */
  if (!digits && strchr (text.text, '@') != NULL)
    return refuse_password (error);
  if (!digits || port < 1 || port > 65535)
    return error_set_field (error, "url", "\"%.*s\" is not a port: a port is 1 to 65535",
                            (int) text.size, text.text);
  if ((hop->connector->flags & LR_TAKES_PORT) == 0)
    return error_set_field (error, "url", "the connector %s takes no port: leave out \":%lu\"",
                            hop->schema, port);
  hop->port = (unsigned) port;
  return 0;
}

/* An address, with or without a zone, without the brackets.  */
static bool
is_ipv6 (const char *text)
{
  struct in6_addr address;
  char bare[INET6_ADDRSTRLEN];
  size_t length = strcspn (text, "%");
  if (length >= sizeof bare || text[length + (text[length] == '%')] == '\0')
    return length < sizeof bare && text[length] == '\0'
           && inet_pton (AF_INET6, text, &address) == 1;
  memcpy (bare, text, length);
  bare[length] = '\0';
  return inet_pton (AF_INET6, bare, &address) == 1;
}

/* `[address]` at the start of *REST, which is left behind it.  */
static int
parse_bracketed (struct lr_hop *hop, struct part *rest, struct lr_error *error)
{
  const char *close = memchr (rest->text, ']', rest->size);
  if (close == NULL)
    return error_set_field (error, "url", "the \"[\" of \"%.*s\" is not closed", (int) rest->size,
                            rest->text);
  struct part address = { rest->text + 1, (size_t) (close - rest->text) - 1 };
  hop->name = decode (address, error);
  if (hop->name == NULL || refuse_control ("host", hop->name, error) != 0)
    return -1;
  if (!is_ipv6 (hop->name))
    return error_set_field (error, "url", "\"%s\" in brackets is not an IPv6 address", hop->name);
  rest->size -= address.size + 2;
  rest->text = close + 1;
  return 0;
}

static int
parse_host (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  if (parse_user (hop, &rest, error) != 0)
    return -1;
  if (rest.size > 0 && rest.text[0] == '[')
    {
      if (parse_bracketed (hop, &rest, error) != 0)
        return -1;
      if (rest.size == 0)
        return 0;
      if (rest.text[0] != ':')
        return error_set_field (error, "url",
                                "after \"]\" comes a port or nothing, and not \"%.*s\"",
                                (int) rest.size, rest.text);
      return parse_port (hop, (struct part){ rest.text + 1, rest.size - 1 }, error);
    }
  const char *colon = memchr (rest.text, ':', rest.size);
  struct part host = { rest.text, colon == NULL ? rest.size : (size_t) (colon - rest.text) };
  struct part port = { "", 0 };
  if (colon != NULL)
    port = (struct part){ colon + 1, rest.size - host.size - 1 };
  if (colon != NULL && memchr (port.text, ':', port.size) != NULL)
    return error_set_field (error, "url",
                            "\"%.*s\" has more than one colon: an IPv6 address is written [%.*s]",
                            (int) rest.size, rest.text, (int) rest.size, rest.text);
  hop->name = decode (host, error);
  if (hop->name == NULL || refuse_dash ("host", hop->name, error) != 0
      || refuse_control ("host", hop->name, error) != 0)
    return -1;
  if (strpbrk (hop->name, "@:") != NULL)
    return error_set_field (error, "url",
                            "the host \"%s\" has a \"@\" or a \":\" in it, which programs take "
                            "for something else",
                            hop->name);
  if (strchr (hop->name, '/') != NULL)
    return error_set_field (error, "url", "the host \"%s\" has a \"/\" in it: a target has no path",
                            hop->name);
  return colon == NULL ? 0 : parse_port (hop, port, error);
}

/* ---- the other target forms ---- */

static int
parse_none (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  if (rest.size > 0)
    return error_set_field (error, "url", "%s: takes nothing after its colon, and not \"%.*s\"",
                            hop->schema, (int) rest.size, rest.text);
  hop->name = decode (rest, error);
  return hop->name == NULL ? -1 : 0;
}

static int
parse_name (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  if (parse_user (hop, &rest, error) != 0)
    return -1;
  hop->name = decode (rest, error);
  if (hop->name == NULL || refuse_dash ("name", hop->name, error) != 0)
    return -1;
  return refuse_control ("name", hop->name, error);
}

static int
parse_user_name (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  hop->name = decode (rest, error);
  if (hop->name == NULL || refuse_dash ("user", hop->name, error) != 0)
    return -1;
  return refuse_control ("user", hop->name, error);
}

static int
parse_path (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  hop->name = decode (rest, error);
  return hop->name == NULL ? -1 : refuse_dash ("path", hop->name, error);
}

static int
parse_opaque (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  hop->name = decode (rest, error);
  return hop->name == NULL ? -1 : 0;
}

/* Take the word at *USED off REST, behind spaces; one without size: there is none.  */
static struct part
next_word (struct part rest, size_t *used)
{
  while (*used < rest.size && rest.text[*used] == ' ')
    ++*used;
  struct part word = { rest.text + *used, 0 };
  while (*used < rest.size && rest.text[*used] != ' ')
    {
      ++*used;
      word.size++;
    }
  return word;
}

static int
add_word (struct lr_hop *hop, struct part word, struct lr_error *error)
{
  char **words = realloc (hop->words, (hop->word_count + 1) * sizeof *words);
  if (words == NULL)
    return error_no_memory (error);
  hop->words = words;
  words[hop->word_count] = decode (word, error);
  return words[hop->word_count] == NULL ? -1 : (hop->word_count++, 0);
}

static int
parse_words (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  size_t used = 0;
  for (struct part word = next_word (rest, &used); word.size > 0; word = next_word (rest, &used))
    if (add_word (hop, word, error) != 0)
      return -1;
  hop->name = decode (rest, error);
  return hop->name == NULL ? -1 : 0;
}

static const struct
{
  const char *what; /* is missing where the rest is empty; NULL: nothing */
  bool slashes;     /* a leading "//" is dropped, and then a trailing "/" */
  int (*parse) (struct lr_hop *hop, struct part rest, struct lr_error *error);
} forms[] = {
  [LR_TARGET_NONE] = { NULL, false, parse_none },
  [LR_TARGET_HOST] = { "host", true, parse_host },
  [LR_TARGET_NAME] = { "name", true, parse_name },
  [LR_TARGET_USER] = { "user", true, parse_user_name },
  [LR_TARGET_PATH] = { "path", false, parse_path },
  [LR_TARGET_OPAQUE] = { "target", false, parse_opaque },
  [LR_TARGET_WORDS] = { "words", false, parse_words },
};

static struct part
drop_slashes (struct part rest)
{
  if (rest.size < 2 || strncmp (rest.text, "//", 2) != 0)
    return rest;
  rest.text += 2;
  rest.size -= 2;
  if (rest.size > 0 && rest.text[rest.size - 1] == '/')
    rest.size--;
  return rest;
}

/* A path behind "//" would be a host to whoever knows other URLs: only "///path" is clear.  */
static int
check_path_slashes (struct lr_hop *hop, struct part *rest, struct lr_error *error)
{
  if (rest->size < 2 || strncmp (rest->text, "//", 2) != 0)
    return 0;
  rest->text += 2;
  rest->size -= 2;
  if (rest->size > 0 && rest->text[0] == '/')
    return 0;
  return error_set_field (error, "url", "behind \"//\" a host is looked for: write %s:/%.*s",
                          hop->schema, (int) rest->size, rest->text);
}

static int
parse_rest (struct lr_hop *hop, struct part rest, struct lr_error *error)
{
  uint32_t form = hop->connector->target_form;
  if (forms[form].slashes)
    rest = drop_slashes (rest);
  if (form == LR_TARGET_PATH && check_path_slashes (hop, &rest, error) != 0)
    return -1;
  if (forms[form].parse (hop, rest, error) != 0)
    return -1;
  if (hop->name[0] == '\0' && forms[form].what != NULL
      && ((hop->connector->flags & LR_TARGET_MAY_BE_EMPTY) == 0 || hop->user != NULL
          || hop->port != 0))
    return error_set_field (error, "url", "%s: names no %s", hop->schema, forms[form].what);
  return 0;
}

/* ---- options ---- */

/* The options that HOP's connector takes, as "a, b, c": as many as fit.  */
static void
list_options (const struct lr_hop *hop, char *buffer, size_t size)
{
  const struct lr_option *option;
  size_t used = 0;
  buffer[0] = '\0';
  for (size_t i = 0; (option = connector_option_at (hop->connector, i)) != NULL; i++)
    {
      size_t length = strlen (option->name);
      if (used + length + 3 > size)
        return;
      used += (size_t) (stpcpy (stpcpy (buffer + used, i == 0 ? "" : ", "), option->name)
                        - (buffer + used));
    }
}

/* Whether VALUE is one of the words of CHOICES, "a|b|c".  */
static bool
is_choice (const char *choices, const char *value)
{
  size_t length = strlen (value);
  for (const char *choice = choices; choice != NULL && *choice != '\0';)
    {
      size_t size = strcspn (choice, "|");
      if (size == length && strncmp (choice, value, size) == 0)
        return true;
      choice += size + (choice[size] == '|');
    }
  return false;
}

static int
check_value (const struct lr_option *option, const char *value, struct lr_error *error)
{
  switch ((enum lr_option_type) option->type)
    {
    case LR_OPTION_BOOLEAN:
      if (strcmp (value, "yes") != 0 && strcmp (value, "no") != 0)
        return error_set_field (error, option->name, "%s=%s: the value is yes or no", option->name,
                                value);
      return 0;
    case LR_OPTION_NUMBER:
      if (value[0] == '\0' || strlen (value) > NUMBER_DIGITS
          || strspn (value, "0123456789") != strlen (value))
        return error_set_field (error, option->name, "%s=%s: the value is a number", option->name,
                                value);
      return 0;
    case LR_OPTION_CHOICE:
      if (!is_choice (option->choices, value))
        return error_set_field (error, option->name, "%s=%s: the value is one of %s", option->name,
                                value, option->choices);
      return 0;
    case LR_OPTION_PATH:
      if (value[0] == '\0' || value[0] == '-')
        return error_set_field (error, option->name, "%s=%s: the value is a path", option->name,
                                value);
      return 0;
    default:
      return 0;
    }
}

/* Add VALUE, which HOP owns from here on.  */
static int
add_value (struct lr_hop *hop, const struct lr_option *option, char *value, struct lr_error *error)
{
  if (value == NULL)
    return -1;
  if (check_value (option, value, error) != 0)
    {
      free (value);
      return -1;
    }
  if (hop->option_count == hop->option_allocated)
    {
      size_t room = hop->option_allocated == 0 ? 8 : hop->option_allocated * 2;
      struct hop_option *grown = realloc (hop->options, room * sizeof *grown);
      if (grown == NULL)
        {
          free (value);
          return error_no_memory (error);
        }
      hop->options = grown;
      hop->option_allocated = room;
    }
  hop->options[hop->option_count++] = (struct hop_option){ option, value };
  return 0;
}

/* PART as an option's value: decoded where it comes from the URL.  */
static char *
take_value (struct part part, bool encoded, struct lr_error *error)
{
  if (encoded)
    return decode (part, error);
  char *value = strndup (part.text, part.size);
  if (value == NULL)
    error_no_memory (error);
  return value;
}

/* Each word of VALUE by itself; spaces separate, however many.  */
static int
add_words (struct lr_hop *hop, const struct lr_option *option, struct part value, bool encoded,
           struct lr_error *error)
{
  size_t before = hop->option_count;
  size_t used = 0;
  for (struct part word = next_word (value, &used); word.size > 0; word = next_word (value, &used))
    if (add_value (hop, option, take_value (word, encoded, error), error) != 0)
      return -1;
  if (hop->option_count == before)
    return error_set_field (error, option->name, "%s= has no value", option->name);
  return 0;
}

/* Add NAME=VALUE, decoding it if it comes from the URL.  */
static int
add_option (struct lr_hop *hop, struct part text, bool encoded, struct lr_error *error)
{
  char known[256];
  char name[64];
  const char *equals = memchr (text.text, '=', text.size);
  struct part key = { text.text, equals == NULL ? text.size : (size_t) (equals - text.text) };
  if (key.size == 0)
    return error_set_field (error, "url", "an option has no name: options are NAME=VALUE");
  if (key.size >= sizeof name)
    return error_set_field (error, "url", "%s: takes no option \"%.*s\"", hop->schema,
                            (int) key.size, key.text);
  memcpy (name, key.text, key.size);
  name[key.size] = '\0';

  const struct lr_option *option = connector_option (hop->connector, name);
  list_options (hop, known, sizeof known);
  if (option == NULL)
    return error_set_field (error, name, "the connector %s takes no option \"%s\"%s%s", hop->schema,
                            name, known[0] == '\0' ? "" : "; it takes ", known);
  if (equals == NULL)
    return error_set_field (error, name, "the option %s has no value: write %s=VALUE", name, name);
  for (size_t i = 0; i < hop->option_count; i++)
    if (hop->options[i].option == option && (option->flags & LR_OPTION_REPEATS) == 0)
      return error_set_field (error, name, "the option %s is given twice", name);
  struct part value = { equals + 1, text.size - key.size - 1 };
  if (option->type == LR_OPTION_WORDS)
    return add_words (hop, option, value, encoded, error);
  return add_value (hop, option, take_value (value, encoded, error), error);
}

int
hop_add_option (struct lr_hop *hop, const char *option, struct lr_error *error)
{
  return add_option (hop, (struct part){ option, strlen (option) }, false, error);
}

static int
parse_options (struct lr_hop *hop, struct part query, struct lr_error *error)
{
  for (size_t i = 0, length; i < query.size; i += length + 1)
    {
      const char *ampersand = memchr (query.text + i, '&', query.size - i);
      length = ampersand == NULL ? query.size - i : (size_t) (ampersand - query.text) - i;
      if (add_option (hop, (struct part){ query.text + i, length }, true, error) != 0)
        return -1;
    }
  return 0;
}

/* ---- hops ---- */

static int
parse_schema (struct lr_hop *hop, struct part *text, size_t index, struct lr_error *error)
{
  size_t length = 0;
  while (length < text->size && text->text[length] != ':' && text->text[length] != '?')
    length++;
  if (text->size == 0)
    return error_set_field (error, "url",
                            index == 0
                                ? "the URL names no target: write SCHEMA:TARGET"
                                : "there is no hop behind a comma of the URL; a comma inside "
                                  "a hop is written %%2C");
  if (length == text->size || text->text[length] == '?')
    return error_set_field (error, "url", "\"%.*s\" has no schema: write SCHEMA:%.*s", (int) length,
                            text->text, (int) length, text->text);
  if (!connector_schema_is_valid (text->text, length))
    return error_set_field (error, "url",
                            "\"%.*s\" is not a schema: a schema is made of lower-case letters, "
                            "digits, \"+\", \"-\" and \".\", a letter first",
                            (int) length, text->text);
  hop->schema = strndup (text->text, length);
  text->text += length + 1;
  text->size -= length + 1;
  return hop->schema == NULL ? error_no_memory (error) : 0;
}

static int
parse_hop (struct lr_hop *hop, struct part text, size_t index, url_find_connector *find,
           void *context, struct lr_error *error)
{
  if (parse_schema (hop, &text, index, error) != 0)
    return -1;
  hop->connector = find (context, hop->schema, error);
  if (hop->connector == NULL)
    return -1;
  if (index > 0 && hop->connector->wrap == NULL)
    return error_set_field (
        error, "url", "%s: can only be the first hop: its connector wraps no command", hop->schema);
  const char *question = memchr (text.text, '?', text.size);
  struct part rest = { text.text, question == NULL ? text.size : (size_t) (question - text.text) };
  struct part query = { "", 0 };
  if (question != NULL)
    query = (struct part){ question + 1, text.size - rest.size - 1 };
  if (parse_rest (hop, rest, error) != 0)
    return -1;
  return parse_options (hop, query, error);
}

static int
parse_hops (struct target *target, const char *url, url_find_connector *find, void *context,
            struct lr_error *error)
{
  for (const char *text = url;; text++)
    {
      size_t length = strcspn (text, ",");
      size_t index = target->count;
      struct lr_hop *hops = realloc (target->hops, (index + 1) * sizeof *hops);
      if (hops == NULL)
        return error_no_memory (error);
      target->hops = hops;
      memset (&hops[index], 0, sizeof hops[index]);
      target->count++;
      if (parse_hop (&hops[index], (struct part){ text, length }, index, find, context, error) != 0)
        return -1;
      text += length;
      if (*text == '\0')
        return 0;
    }
}

int
target_parse (struct target *target, const char *url, const char *const *options,
              url_find_connector *find, void *context, struct lr_error *error)
{
  size_t commas = 0;
  *target = (struct target){ NULL, 0 };
  for (const char *comma = url; (comma = strchr (comma, ',')) != NULL; comma++)
    commas++;
  if (commas >= HOPS_MAX)
    return error_set_field (error, "url", "the URL has more than %d hops", HOPS_MAX);
  int failed = parse_hops (target, url, find, context, error);
  for (const char *const *option = options; failed == 0 && option != NULL && *option != NULL;
       option++)
    failed = hop_add_option (&target->hops[target->count - 1], *option, error);
  if (failed != 0)
    error->hop = target->count == 0 ? -1 : (int32_t) target->count - 1;
  return failed;
}

void
target_free (struct target *target)
{
  for (size_t i = 0; i < target->count; i++)
    {
      struct lr_hop *hop = &target->hops[i];
      for (size_t option = 0; option < hop->option_count; option++)
        free (hop->options[option].value);
      free (hop->options);
      for (size_t word = 0; word < hop->word_count; word++)
        free (hop->words[word]);
      free (hop->words);
      free (hop->schema);
      free (hop->name);
      free (hop->user);
    }
  free (target->hops);
  *target = (struct target){ NULL, 0 };
}

/* ---- what connectors see of a hop ---- */

const char *
lr_hop_schema (const lr_hop *hop)
{
  return hop->schema;
}

const char *
lr_hop_name (const lr_hop *hop)
{
  return hop->name;
}

const char *
lr_hop_user (const lr_hop *hop)
{
  return hop->user;
}

unsigned
lr_hop_port (const lr_hop *hop)
{
  return hop->port;
}

const char *
lr_hop_word (const lr_hop *hop, size_t index)
{
  return index < hop->word_count ? hop->words[index] : NULL;
}

const char *
lr_hop_option_at (const lr_hop *hop, const char *name, size_t index)
{
  for (size_t i = 0; i < hop->option_count; i++)
    if (strcmp (hop->options[i].option->name, name) == 0 && index-- == 0)
      return hop->options[i].value;
  return NULL;
}

const char *
lr_hop_option (const lr_hop *hop, const char *name)
{
  return lr_hop_option_at (hop, name, 0);
}

int
lr_hop_may_ask (const lr_hop *hop)
{
  return hop->may_ask;
}

const char *
lr_hop_nonce (const lr_hop *hop)
{
  return hop->nonce == NULL ? "0000000000000000" : hop->nonce;
}

int
lr_hop_option_is_set (const lr_hop *hop, const char *name)
{
  const char *value = lr_hop_option (hop, name);
  return value != NULL && strcmp (value, "yes") == 0;
}
