#include "cli/failure.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct failure
failure_of (const struct lr_error *error)
{
  return (struct failure){ .kind = lr_error_kind_name (error->kind),
                           .message = error->message,
                           .errnum = error->errnum,
                           .host = error->host,
                           .field = error->field,
                           .hop = error->hop };
}

struct failure
failure_own (const char *kind, int errnum, const char *message)
{
  return (struct failure){
    .kind = kind, .message = message, .errnum = errnum, .host = "", .field = "", .hop = -1
  };
}

char *
failure_escape (const struct failure *failure)
{
  char *escaped;
  size_t size;
  FILE *stream = open_memstream (&escaped, &size);
  if (stream == NULL)
    out_of_memory ();
  text_print_escaped (stream, failure->message, strlen (failure->message));
  if (fclose (stream) != 0)
    out_of_memory ();
  return escaped;
}

json_t *
failure_describe (const struct failure *failure)
{
  char *message = failure_escape (failure);
  json_t *object = json_new_object ();
  json_add_text (object, "kind", failure->kind);
  json_add_text (object, "message", message);
  json_add_optional_integer (object, "errno", failure->errnum != 0, failure->errnum);
  json_add_text (object, "host", failure->host[0] ? failure->host : NULL);
  json_add_text (object, "field", failure->field[0] ? failure->field : NULL);
  json_add_optional_integer (object, "hop", failure->hop >= 0, failure->hop);
  free (message);
  return object;
}
