#include "cli/report.h"
#include "cli/failure.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool as_ssh;

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
  terminal_leave ();
  write_all (STDERR_FILENO, message, sizeof message - 1);
  _exit (STATUS_CONNECTION);
}

/* The line that tells FAILURE, which the caller frees.  */
static char *
write_line (const struct failure *failure, size_t *size)
{
  char *line;
  FILE *stream = open_memstream (&line, size);
  if (stream == NULL)
    out_of_memory ();
  if (json_wanted)
    {
      json_t *object = json_new_object ();
      json_add (object, "error", failure_describe (failure));
      json_print_to (stream, object);
    }
  else
    {
      char *message = failure_escape (failure);
      fprintf (stream, "longreach: %s\n", message);
      free (message);
    }
  if (fclose (stream) != 0)
    out_of_memory ();
  return line;
}

static int
tell (const struct failure *failure, int status)
{
  size_t size;
  char *line = write_line (failure, &size);
  if (json_wanted)
    status = output_write (line, size, status);
  else
    {
      fflush (stdout);
      write_all (STDERR_FILENO, line, size);
    }
  free (line);
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

/* A failure at this end, of KIND "usage", "local-file" or "absent".  */
static int __attribute__ ((format (printf, 3, 0)))
tell_own (const char *kind, int errnum, const char *format, va_list arguments)
{
  char *message = format_text (format, arguments);
  struct failure failure = failure_own (kind, errnum, message);
  int status = tell (&failure, report_own_status (STATUS_USAGE));
  free (message);
  return status;
}

int
report_usage (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int status = tell_own ("usage", 0, format, arguments);
  va_end (arguments);
  return status;
}

int
report_local (int errnum, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int status = tell_own ("local-file", errnum, format, arguments);
  va_end (arguments);
  return status;
}

int
report_failure_as (const struct lr_error *error, int status)
{
  struct failure failure = failure_of (error);
  return tell (&failure, status);
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
  if (error->kind == LR_ERROR_TIMEOUT)
    return report_failure_as (error, STATUS_TIMEOUT);
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
report_path_failure (const struct lr_error *error)
{
  if (error->kind == LR_ERROR_REMOTE_OS && error->errnum == ENOENT)
    return report_failure_as (error, report_own_status (STATUS_ABSENT));
  return report_failure (error);
}

int
report_absent (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  tell_own ("absent", 0, format, arguments);
  va_end (arguments);
  return STATUS_ABSENT;
}
