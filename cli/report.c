#include "cli/report.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool as_ssh;

/* One failure, as the library's errors and this program's own have it in common.  */
struct failure
{
  const char *kind; /* lr_error_kind_name, or "usage", or "local-file" */
  const char *message;
  int errnum;       /* 0: none */
  const char *host; /* "": none */
  const char *field;
  int hop; /* -1: none */
  int status;
};

void
report_as_ssh (void)
{
  as_ssh = true;
}

int
report_own_status (int status)
{
  return as_ssh ? STATUS_CONNECTION : status;
}

void
out_of_memory (void)
{
  static const char message[] = "longreach: out of memory\n";
  write_all (STDERR_FILENO, message, sizeof message - 1);
  _exit (STATUS_CONNECTION);
}

/* An escaped copy of TEXT, which the caller frees.  */
static char *
escape (const char *text)
{
  char *escaped;
  size_t size;
  FILE *stream = open_memstream (&escaped, &size);
  if (stream == NULL)
    out_of_memory ();
  text_print_escaped (stream, text, strlen (text));
  if (fclose (stream) != 0)
    out_of_memory ();
  return escaped;
}

static void
print_as_json (const struct failure *failure, const char *message, FILE *stream)
{
  json_t *error = json_new_object ();
  json_add_text (error, "kind", failure->kind);
  json_add_text (error, "message", message);
  json_add_optional_integer (error, "errno", failure->errnum != 0, failure->errnum);
  json_add_text (error, "host", failure->host[0] ? failure->host : NULL);
  json_add_text (error, "field", failure->field[0] ? failure->field : NULL);
  json_add_optional_integer (error, "hop", failure->hop >= 0, failure->hop);
  json_t *object = json_new_object ();
  json_add (object, "error", error);
  json_print_to (stream, object);
}

static struct prepared_report
prepare (const struct failure *failure)
{
  struct prepared_report line = { .descriptor = json_wanted ? STDOUT_FILENO : STDERR_FILENO,
                                  .status = failure->status };
  char *message = escape (failure->message);
  FILE *stream = open_memstream (&line.text, &line.size);
  if (stream == NULL)
    out_of_memory ();
  if (json_wanted)
    print_as_json (failure, message, stream);
  else
    fprintf (stream, "longreach: %s\n", message);
  if (fclose (stream) != 0)
    out_of_memory ();
  free (message);
  return line;
}

static int
deliver (struct prepared_report line)
{
  int status = line.status;
  if (line.descriptor == STDOUT_FILENO)
    status = output_write (line.text, line.size, status);
  else
    {
      fflush (stdout);
      write_all (line.descriptor, line.text, line.size);
    }
  free (line.text);
  return status;
}

/* What printf would print, which the caller frees.  */
static char *
format_text (const char *format, va_list arguments)
{
  char *text;
  size_t size;
  FILE *stream = open_memstream (&text, &size);
  if (stream == NULL)
    out_of_memory ();
  vfprintf (stream, format, arguments);
  if (fclose (stream) != 0)
    out_of_memory ();
  return text;
}

/* A failure at this end, of KIND "usage" or "local-file".  */
static struct prepared_report __attribute__ ((format (printf, 3, 0)))
prepare_own (const char *kind, int errnum, const char *format, va_list arguments)
{
  char *message = format_text (format, arguments);
  struct failure failure = { .kind = kind,
                             .message = message,
                             .errnum = errnum,
                             .host = "",
                             .field = "",
                             .hop = -1,
                             .status = report_own_status (STATUS_USAGE) };
  struct prepared_report line = prepare (&failure);
  free (message);
  return line;
}

int
report_usage (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  struct prepared_report line = prepare_own ("usage", 0, format, arguments);
  va_end (arguments);
  return deliver (line);
}

int
report_local (int errnum, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  struct prepared_report line = prepare_own ("local-file", errnum, format, arguments);
  va_end (arguments);
  return deliver (line);
}

struct prepared_report
report_prepare_local (int errnum, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  struct prepared_report line = prepare_own ("local-file", errnum, format, arguments);
  va_end (arguments);
  return line;
}

int
report_failure_as (const struct lr_error *error, int status)
{
  struct failure failure = { .kind = lr_error_kind_name (error->kind),
                             .message = error->message,
                             .errnum = error->errnum,
                             .host = error->host,
                             .field = error->field,
                             .hop = error->hop,
                             .status = status };
  return deliver (prepare (&failure));
}

/* What the exit status of an operation's failure is; where no row fits, the connection's.  */
static const struct
{
  enum lr_error_kind kind;
  int status;
} operation_statuses[] = {
  { LR_ERROR_INVALID_VALUE, STATUS_REFUSED },
  { LR_ERROR_REMOTE_OS, STATUS_REFUSED },
  { LR_ERROR_UNSUPPORTED, STATUS_REFUSED },
};

int
report_failure (const struct lr_error *error)
{
  int status = STATUS_CONNECTION;
  for (size_t i = 0; i < sizeof operation_statuses / sizeof *operation_statuses; i++)
    if (operation_statuses[i].kind == error->kind)
      status = operation_statuses[i].status;
  return report_failure_as (error, report_own_status (status));
}

int
report_open_failure (const struct lr_error *error)
{
  bool usage = error->kind == LR_ERROR_INVALID_VALUE;
  return report_failure_as (error, report_own_status (usage ? STATUS_USAGE : STATUS_CONNECTION));
}

int
report_lookup_failure (const struct lr_error *error, const char *field)
{
  if (error->kind == LR_ERROR_INVALID_VALUE && strcmp (error->field, field) == 0)
    return report_failure_as (error, report_own_status (STATUS_ABSENT));
  return report_failure (error);
}

int
report_absent (const char *format, ...)
{
  if (json_wanted)
    return STATUS_ABSENT;
  va_list arguments;
  va_start (arguments, format);
  struct prepared_report line = prepare_own ("absent", 0, format, arguments);
  va_end (arguments);
  deliver (line);
  return STATUS_ABSENT;
}
