#include "cli/hop.h"

#include "cli/text.h"

#include <stdio.h>

void
hop_print_title (const struct lr_hop_info *hop, size_t index, size_t count)
{
  if (count > 1)
    printf ("%zu of %zu: ", index + 1, count);
  text_print (hop->schema);
  fputs (", to ", stdout);
  text_print (hop->host);
}

void
hop_print_detail (const char *label, const char *text)
{
  if (text == NULL)
    return;
  printf ("    %s: ", label);
  text_print (text);
  putchar ('\n');
}

void
hop_print_plan (const struct lr_hop_info *hop)
{
  fputs ("    connector: ", stdout);
  text_print (hop->description);
  fputs (hop->file == NULL ? "\n" : ", ", stdout);
  if (hop->file != NULL)
    {
      text_print (hop->file);
      putchar ('\n');
    }
  if (hop->command == NULL)
    return;
  fputs ("    command:", stdout);
  for (size_t i = 0; hop->command[i] != NULL; i++)
    {
      putchar (' ');
      text_print_quoted (stdout, hop->command[i]);
    }
  putchar ('\n');
}

json_t *
hop_as_json (const struct lr_hop_info *hop)
{
  json_t *object = json_new_object ();
  json_add_text (object, "schema", hop->schema);
  json_add_text (object, "host", hop->host);
  json_add_text (object, "description", hop->description);
  json_add_text (object, "file", hop->file);
  if (hop->command == NULL)
    json_add (object, "command", json_null ());
  else
    json_add_texts (object, "command", hop->command);
  return object;
}
