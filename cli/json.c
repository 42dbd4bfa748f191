#include "cli/json.h"
#include "cli/base64.h"
#include "cli/report.h"
#include "cli/time.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool json_wanted;

const struct cli_option json_options[] = {
  { .name = "json", .help = "Print one JSON object, errors included", .flag = &json_wanted },
  { 0 },
};

static json_t *
must (json_t *value)
{
  if (value == NULL)
    out_of_memory ();
  return value;
}

json_t *
json_new_object (void)
{
  return must (json_object ());
}

json_t *
json_new_array (void)
{
  return must (json_array ());
}

void
json_add (json_t *object, const char *name, json_t *value)
{
  if (json_object_set_new_nocheck (object, name, must (value)) != 0)
    out_of_memory ();
}

void
json_append (json_t *array, json_t *value)
{
  if (json_array_append_new (array, must (value)) != 0)
    out_of_memory ();
}

/* Base64 of BYTES as a JSON string.  */
static json_t *
encode_base64 (struct lr_bytes bytes)
{
  size_t size;
  char *text = base64_encode (bytes, &size);
  json_t *value = json_stringn_nocheck (text, size);
  free (text);
  return must (value);
}

/* Add VALUE under the name that tells it is base64.  */
static void
add_base64 (json_t *object, const char *name, json_t *value)
{
  char full[64];
  snprintf (full, sizeof full, "%s_base64", name);
  json_add (object, full, value);
}

void
json_add_bytes (json_t *object, const char *name, struct lr_bytes bytes)
{
  if (bytes.data == NULL)
    {
      json_add (object, name, json_null ());
      return;
    }
  /* NULL says that it is not UTF-8; or no memory, and then there is none for base64 either.  */
  json_t *value = json_stringn (bytes.data, bytes.size);
  if (value != NULL)
    json_add (object, name, value);
  else
    add_base64 (object, name, encode_base64 (bytes));
}

static struct lr_bytes
text_bytes (const char *text)
{
  return (struct lr_bytes){ text, text != NULL ? strlen (text) : 0 };
}

void
json_add_text (json_t *object, const char *name, const char *text)
{
  json_add_bytes (object, name, text_bytes (text));
}

void
json_add_hex (json_t *object, const char *name, struct lr_bytes bytes)
{
  char text[2 * 64 + 1] = "";
  if (bytes.data == NULL || bytes.size > 64)
    {
      json_add (object, name, json_null ());
      return;
    }
  for (size_t i = 0; i < bytes.size; i++)
    snprintf (text + 2 * i, 3, "%02x", (unsigned char) bytes.data[i]);
  json_add (object, name, json_string (text));
}

/* TEXTS as an array of strings; NULL if one is not UTF-8.  */
static json_t *
plain_array (const char *const *texts)
{
  json_t *array = json_new_array ();
  for (; *texts != NULL; texts++)
    {
      json_t *value = json_string (*texts);
      if (value == NULL)
        {
          json_decref (array);
          return NULL;
        }
      json_append (array, value);
    }
  return array;
}

static json_t *
base64_array (const char *const *texts)
{
  json_t *array = json_new_array ();
  for (; *texts != NULL; texts++)
    json_append (array, encode_base64 (text_bytes (*texts)));
  return array;
}

void
json_add_texts (json_t *object, const char *name, const char *const *texts)
{
  json_t *array = plain_array (texts);
  if (array != NULL)
    json_add (object, name, array);
  else
    add_base64 (object, name, base64_array (texts));
}

void
json_add_integer (json_t *object, const char *name, int64_t integer)
{
  json_add (object, name, json_integer (integer));
}

void
json_add_optional_integer (json_t *object, const char *name, bool present, int64_t integer)
{
  json_add (object, name, present ? json_integer (integer) : json_null ());
}

void
json_add_boolean (json_t *object, const char *name, bool truth)
{
  json_add (object, name, json_boolean (truth));
}

void
json_add_size (json_t *object, const char *name, uint64_t size)
{
  /* No file is larger than an off_t can tell.  */
  json_add_integer (object, name, size > INT64_MAX ? INT64_MAX : (int64_t) size);
}

void
json_add_time (json_t *object, const char *name, int64_t nanoseconds)
{
  struct timespec moment = time_split (nanoseconds);
  json_t *value = json_new_object ();
  json_add_integer (value, "sec", moment.tv_sec);
  json_add_integer (value, "nsec", moment.tv_nsec);
  json_add (object, name, value);
}

static int
dump_piece (const char *data, size_t size, void *stream)
{
  return fwrite (data, 1, size, stream) == size ? 0 : -1;
}

void
json_print_to (FILE *stream, json_t *object)
{
  /* On a terminal only ASCII: UTF-8 has control characters that JSON need not escape.  */
  size_t flags = JSON_COMPACT;
  if (isatty (STDOUT_FILENO))
    flags |= JSON_ENSURE_ASCII;
  /* A stream that fails keeps its error indicator, which is looked at in the end.  */
  if (json_dump_callback (object, dump_piece, stream, flags) != 0 && !ferror (stream))
    out_of_memory ();
  putc ('\n', stream);
  json_decref (object);
}

void
json_print (json_t *object)
{
  json_print_to (stdout, object);
}
