#include "cli/fields.h"
#include "cli/base64.h"
#include "cli/duration.h"
#include "cli/nearest.h"
#include "cli/report.h"

#include <longreach/longreach.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = "_base64";

/* One reading of one object.  */
struct reading
{
  const json_t *object;
  char *structure;
  struct field_memory *memory;
  struct field_problem *problem;
};

/* Fill in PROBLEM with FIELD and a sentence.  Returns -1.  */
__attribute__ ((format (printf, 3, 4))) static int
set_problem (struct field_problem *problem, const char *field, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (problem->text, sizeof problem->text, format, arguments);
  va_end (arguments);
  snprintf (problem->field, sizeof problem->field, "%s", field);
  return -1;
}

void
fields_free (struct field_memory *memory)
{
  for (size_t i = 0; i < memory->count; i++)
    free (memory->items[i]);
  free (memory->items);
  *memory = (struct field_memory){ NULL, 0 };
}

static void
keep (struct field_memory *memory, void *item)
{
  void **items = realloc (memory->items, (memory->count + 1) * sizeof *items);
  if (items == NULL)
    out_of_memory ();
  items[memory->count++] = item;
  memory->items = items;
}

/* ---- values ---- */

static bool
can_be_base64 (enum field_type type)
{
  return type == FIELD_TEXT || type == FIELD_TEXTS || type == FIELD_BYTES;
}

/* The bytes of VALUE, the string of member NAME.  */
static int
read_bytes (struct reading *reading, const char *name, const json_t *value, bool base64,
            struct lr_bytes *bytes)
{
  if (!json_is_string (value))
    {
      set_problem (reading->problem, name, "%s must be a string", name);
      return -1;
    }
  *bytes = (struct lr_bytes){ json_string_value (value), json_string_length (value) };
  if (!base64)
    return 0;
  *bytes = base64_decode (bytes->data, bytes->size);
  if (bytes->data == NULL)
    {
      set_problem (reading->problem, name, "%s is not base64", name);
      return -1;
    }
  keep (reading->memory, (char *) bytes->data);
  return 0;
}

static int
read_text (struct reading *reading, const char *name, const json_t *value, bool base64,
           const char **text)
{
  struct lr_bytes bytes;
  if (read_bytes (reading, name, value, base64, &bytes) != 0)
    return -1;
  if (memchr (bytes.data, '\0', bytes.size) != NULL)
    return set_problem (reading->problem, name, "%s holds a NUL byte", name);
  *text = bytes.data;
  return 0;
}

static int
read_texts (struct reading *reading, const char *name, const json_t *value, bool base64,
            const char *const **texts)
{
  if (!json_is_array (value))
    return set_problem (reading->problem, name, "%s must be a list of strings", name);
  size_t count = json_array_size (value);
  const char **items = calloc (count + 1, sizeof *items);
  if (items == NULL)
    out_of_memory ();
  keep (reading->memory, items);
  for (size_t i = 0; i < count; i++)
    {
      const json_t *item = json_array_get (value, i);
      if (!json_is_string (item))
        return set_problem (reading->problem, name, "%s must be a list of strings", name);
      if (read_text (reading, name, item, base64, &items[i]) != 0)
        return -1;
    }
  *texts = items;
  return 0;
}

static int
read_flag (struct reading *reading, const char *name, const json_t *value, lr_flag *flag)
{
  if (!json_is_boolean (value))
    return set_problem (reading->problem, name, "%s must be true or false", name);
  *flag = json_is_true (value);
  return 0;
}

static int
read_size (struct reading *reading, const char *name, const json_t *value, int least,
           uint64_t *size)
{
  if (!json_is_integer (value) || json_integer_value (value) < least)
    return set_problem (reading->problem, name, "%s must be a whole number from %d", name, least);
  *size = (uint64_t) json_integer_value (value);
  return 0;
}

static int
read_seconds (struct reading *reading, const char *name, const json_t *value,
              uint64_t *milliseconds)
{
  if (!json_is_number (value) || !duration_from_seconds (json_number_value (value), milliseconds))
    return set_problem (reading->problem, name, "%s must be a number of seconds", name);
  return 0;
}

static int
read_value (struct reading *reading, const struct field *field, const char *name,
            const json_t *value, bool base64)
{
  void *place = reading->structure + field->offset;
  switch (field->type)
    {
    case FIELD_TEXT:
      return read_text (reading, name, value, base64, place);
    case FIELD_TEXTS:
      return read_texts (reading, name, value, base64, place);
    case FIELD_BYTES:
      return read_bytes (reading, name, value, base64, place);
    case FIELD_FLAG:
      return read_flag (reading, name, value, place);
    case FIELD_SIZE:
      return read_size (reading, name, value, 0, place);
    case FIELD_COUNT:
      return read_size (reading, name, value, 1, place);
    case FIELD_SECONDS:
      return read_seconds (reading, name, value, place);
    case FIELD_VALUE:
      *(const json_t **) place = value;
      return 0;
    }
  return 0;
}

/* ---- objects ---- */

/* The name under which FIELD is given in base64.  */
static void
name_base64 (const struct field *field, char *name, size_t size)
{
  snprintf (name, size, "%s%s", field->name, suffix);
}

/* Member NAME of OBJECT; NULL where there is none, or null.  */
static const json_t *
find_value (const json_t *object, const char *name)
{
  const json_t *value = json_object_get (object, name);
  return json_is_null (value) ? NULL : value;
}

static int
read_field (struct reading *reading, const struct field *field)
{
  char other[64];
  name_base64 (field, other, sizeof other);
  const json_t *value = find_value (reading->object, field->name);
  const json_t *encoded = can_be_base64 (field->type) ? find_value (reading->object, other) : NULL;
  if (value != NULL && encoded != NULL)
    return set_problem (reading->problem, other, "%s and %s exclude each other", field->name,
                        other);
  if (value != NULL)
    return read_value (reading, field, field->name, value, false);
  if (encoded != NULL)
    return read_value (reading, field, other, encoded, true);
  if (field->required)
    return set_problem (reading->problem, field->name, "%s is missing", field->name);
  return 0;
}

static bool
is_known (const char *name, const struct field *fields, const char *const *also)
{
  for (; *also != NULL; also++)
    if (strcmp (name, *also) == 0)
      return true;
  for (; fields->name != NULL; fields++)
    {
      char other[64];
      name_base64 (fields, other, sizeof other);
      if (strcmp (name, fields->name) == 0
          || (can_be_base64 (fields->type) && strcmp (name, other) == 0))
        return true;
    }
  return false;
}

static int
set_unknown (struct field_problem *problem, const char *name, const struct field *fields)
{
  struct nearest nearest = nearest_start (name, strlen (name));
  for (; fields->name != NULL; fields++)
    nearest_consider (&nearest, fields->name);
  if (nearest.best != NULL)
    return set_problem (problem, name, "there is no field %s (did you mean %s?)", name,
                        nearest.best);
  return set_problem (problem, name, "there is no field %s", name);
}

int
fields_read (const json_t *object, const struct field *fields, const char *const *also,
             void *structure, struct field_memory *memory, struct field_problem *problem)
{
  struct reading reading = { object, structure, memory, problem };
  const char *name;
  json_t *value;
  /* jansson has no way to look at the members of what is const.  */
  json_object_foreach ((json_t *) object, name, value)
    if (!is_known (name, fields, also))
      return set_unknown (problem, name, fields);
  for (; fields->name != NULL; fields++)
    if (read_field (&reading, fields) != 0)
      return -1;
  return 0;
}
