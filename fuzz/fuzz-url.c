/* Targets, parsed from anything.

   The first line of the input is the URL, each line after it an option given beside it; a NUL ends
   the input.  What must hold:

   - a target that parses has all its parts: no control character where they are refused, no user
     or name that begins as an option does, every hop but the first wraps a command, and every value
     fits its option's type;
   - one that does not parse has a sentence, a field, and the index of a hop it has;
   - either can be freed, and the same bytes give the same answer.  */

#include "core/connector.h"
#include "core/error.h"
#include "core/url.h"
#include "fuzz/require.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  OPTIONS_MAX = 8,
  HOPS_MAX = 32,
};

/* ---- a connector of each target form, strict and lenient ---- */

static void
wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static const struct lr_option options[] = {
  { .name = "s", .type = LR_OPTION_STRING },
  { .name = "p", .type = LR_OPTION_PATH },
  { .name = "b", .type = LR_OPTION_BOOLEAN },
  { .name = "n", .type = LR_OPTION_NUMBER },
  { .name = "c", .type = LR_OPTION_CHOICE, .choices = "red|green" },
  { .name = "w", .type = LR_OPTION_WORDS },
  { .name = "r", .type = LR_OPTION_STRING, .flags = LR_OPTION_REPEATS },
  { .name = "l", .type = LR_OPTION_WORDS, .flags = LR_OPTION_REPEATS },
  { .name = NULL },
};

#define TABLE(schema_, form, flags_, ...)                                                          \
  {                                                                                                \
    .size = sizeof (struct lr_connector), .abi = LR_ABI, .option_size = sizeof (struct lr_option), \
    .schema = schema_, .description = "", .target_form = form, .flags = flags_, __VA_ARGS__        \
  }

static const struct lr_connector connectors[] = {
  TABLE ("host", LR_TARGET_HOST, LR_TAKES_USER | LR_TAKES_PORT, .options = options, .wrap = wrap),
  TABLE ("hosts", LR_TARGET_HOST, LR_TARGET_MAY_BE_EMPTY, .wrap = wrap),
  TABLE ("name", LR_TARGET_NAME, LR_TAKES_USER, .options = options, .wrap = wrap),
  TABLE ("names", LR_TARGET_NAME, LR_TARGET_MAY_BE_EMPTY, .wrap = wrap),
  TABLE ("user", LR_TARGET_USER, 0, .wrap = wrap),
  TABLE ("path", LR_TARGET_PATH, 0, .wrap = wrap),
  TABLE ("opaque", LR_TARGET_OPAQUE, 0, .options = options, .wrap = wrap),
  TABLE ("words", LR_TARGET_WORDS, 0, .options = options, .wrap = wrap),
  TABLE ("none", LR_TARGET_NONE, 0, .wrap = wrap),
  TABLE ("first", LR_TARGET_OPAQUE, LR_TARGET_MAY_BE_EMPTY, .options = options),
};

static const struct lr_connector *
find_connector (void *context, const char *schema, struct lr_error *error)
{
  (void) context;
  require (connector_schema_is_valid (schema, strlen (schema)));
  for (size_t i = 0; i < sizeof connectors / sizeof connectors[0]; i++)
    if (strcmp (connectors[i].schema, schema) == 0)
      return &connectors[i];
  error_set (error, LR_ERROR_NO_CONNECTOR, "there is no %s", schema);
  return NULL;
}

/* ---- what must hold ---- */

static bool
has_control (const char *text)
{
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char) *c < 0x20 || *c == 0x7f)
      return true;
  return false;
}

static void
check_name (const struct lr_hop *hop)
{
  uint32_t form = hop->connector->target_form;
  bool may_be_empty =
      form == LR_TARGET_NONE || (hop->connector->flags & LR_TARGET_MAY_BE_EMPTY) != 0;
  require (hop->name != NULL);
  require (hop->name[0] != '\0' || may_be_empty);
  if (form == LR_TARGET_NONE)
    require (hop->name[0] == '\0');
  if (form != LR_TARGET_OPAQUE && form != LR_TARGET_WORDS)
    require (hop->name[0] != '-');
  for (size_t i = 0; form == LR_TARGET_WORDS && lr_hop_word (hop, i) != NULL; i++)
    require (lr_hop_word (hop, i)[0] != '\0');
  if (form != LR_TARGET_WORDS)
    require (lr_hop_word (hop, 0) == NULL);
  if (form == LR_TARGET_HOST || form == LR_TARGET_NAME || form == LR_TARGET_USER)
    require (!has_control (hop->name));
  if (form == LR_TARGET_HOST)
    require (strchr (hop->name, '/') == NULL || strchr (hop->name, ':') != NULL);
}

static void
check_user_and_port (const struct lr_hop *hop)
{
  uint32_t form = hop->connector->target_form;
  if (hop->user != NULL)
    {
      require ((hop->connector->flags & LR_TAKES_USER) != 0);
      require (form == LR_TARGET_HOST || form == LR_TARGET_NAME);
      require (hop->user[0] != '\0' && hop->user[0] != '-' && !has_control (hop->user));
      require (hop->name[0] != '\0');
    }
  require (hop->port <= 65535);
  if (hop->port != 0)
    require (form == LR_TARGET_HOST && (hop->connector->flags & LR_TAKES_PORT) != 0);
}

static void
check_value (const struct hop_option *value)
{
  const char *text = value->value;
  require (text != NULL);
  switch ((enum lr_option_type) value->option->type)
    {
    case LR_OPTION_PATH:
      require (text[0] != '\0' && text[0] != '-');
      break;
    case LR_OPTION_BOOLEAN:
      require (strcmp (text, "yes") == 0 || strcmp (text, "no") == 0);
      break;
    case LR_OPTION_NUMBER:
      require (text[0] != '\0' && strspn (text, "0123456789") == strlen (text));
      break;
    case LR_OPTION_CHOICE:
      require (strcmp (text, "red") == 0 || strcmp (text, "green") == 0);
      break;
    case LR_OPTION_WORDS:
      require (text[0] != '\0');
      break;
    case LR_OPTION_STRING:
      break;
    }
}

static void
check_options (const struct lr_hop *hop)
{
  require (hop->option_count <= hop->option_allocated);
  for (size_t i = 0; i < hop->option_count; i++)
    {
      const struct hop_option *value = &hop->options[i];
      require (connector_option (hop->connector, value->option->name) == value->option);
      check_value (value);
      bool many =
          value->option->type == LR_OPTION_WORDS || (value->option->flags & LR_OPTION_REPEATS) != 0;
      for (size_t j = 0; j < i && !many; j++)
        require (hop->options[j].option != value->option);
    }
}

static void
check_target (const struct target *target)
{
  require (target->count > 0 && target->count <= HOPS_MAX);
  for (size_t i = 0; i < target->count; i++)
    {
      const struct lr_hop *hop = &target->hops[i];
      require (hop->connector != NULL && strcmp (hop->schema, hop->connector->schema) == 0);
      require (i == 0 || hop->connector->wrap != NULL);
      check_name (hop);
      check_user_and_port (hop);
      check_options (hop);
    }
}

static void
check_error (const struct lr_error *error)
{
  require (memchr (error->message, '\0', sizeof error->message) != NULL);
  require (memchr (error->field, '\0', sizeof error->field) != NULL);
  require (error->message[0] != '\0' && !has_control (error->message));
  require (error->kind == LR_ERROR_INVALID_VALUE || error->kind == LR_ERROR_NO_CONNECTOR);
  require ((error->kind == LR_ERROR_INVALID_VALUE) == (error->field[0] != '\0'));
  require (error->hop >= -1 && error->hop < HOPS_MAX);
}

/* Cut TEXT into its first line, which stays, and those after it.  */
static void
take_lines (char *text, const char *lines[OPTIONS_MAX + 1])
{
  size_t count = 0;
  for (char *end = strchr (text, '\n'); end != NULL && count < OPTIONS_MAX;
       end = strchr (end + 1, '\n'))
    {
      *end = '\0';
      lines[count++] = end + 1;
    }
  lines[count] = NULL;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *lines[OPTIONS_MAX + 1];
  struct target target, again;
  struct lr_error error, same_error;
  char *text = malloc (size + 1);
  require (text != NULL);
  if (size > 0)
    memcpy (text, data, size);
  text[size] = '\0';
  take_lines (text, lines);

  error_begin (&error, &error);
  error_begin (&same_error, &same_error);
  int status = target_parse (&target, text, lines, find_connector, NULL, &error);
  require (status == 0 || status == -1);
  require (status == target_parse (&again, text, lines, find_connector, NULL, &same_error));
  require (memcmp (&error, &same_error, sizeof error) == 0);
  if (status == 0)
    check_target (&target);
  else
    check_error (&error);
  target_free (&again);
  target_free (&target);
  free (text);
  return 0;
}
