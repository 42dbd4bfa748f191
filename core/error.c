#include "core/error.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

_Static_assert(sizeof (struct lr_error) == 2048, "struct lr_error is 2048 bytes for ever");

/* Make *ERROR say nothing.  */
static void
clear (struct lr_error *error)
{
  memset (error, 0, sizeof *error);
  error->hop = -1;
}

struct lr_error *
error_begin (struct lr_error *error, struct lr_error *local)
{
  if (error == NULL)
    error = local;
  clear (error);
  return error;
}

void
error_set_va (struct lr_error *error, enum lr_error_kind kind, const char *format,
              va_list arguments)
{
  char text[4096];
  vsnprintf (text, sizeof text, format, arguments);
  clear (error);
  error->kind = kind;
  text_escape (error->message, sizeof error->message, text, strlen (text));
}

int
error_set (struct lr_error *error, enum lr_error_kind kind, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  error_set_va (error, kind, format, arguments);
  va_end (arguments);
  return -1;
}

int
error_set_field (struct lr_error *error, const char *field, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  error_set_va (error, LR_ERROR_INVALID_VALUE, format, arguments);
  va_end (arguments);
  text_escape (error->field, sizeof error->field, field, strlen (field));
  return -1;
}

int
error_set_errno (struct lr_error *error, enum lr_error_kind kind, int errnum, const char *format,
                 ...)
{
  va_list arguments;
  va_start (arguments, format);
  error_set_va (error, kind, format, arguments);
  va_end (arguments);
  error->errnum = errnum;
  return -1;
}

int
error_no_memory (struct lr_error *error)
{
  return error_set (error, LR_ERROR_NO_MEMORY, "there is no memory");
}

void
error_add_hop (struct lr_error *error, int hop, const char *host)
{
  if (error->hop >= 0)
    return;
  error->hop = hop;
  text_escape (error->host, sizeof error->host, host, strlen (host));
}

const char *
lr_error_kind_name (enum lr_error_kind kind)
{
  static const char *const names[] = {
    [LR_ERROR_NONE] = "none",
    [LR_ERROR_INVALID_VALUE] = "invalid-value",
    [LR_ERROR_REMOTE_OS] = "remote-os",
    [LR_ERROR_IO] = "io",
    [LR_ERROR_EXIT_STATUS] = "exit-status",
    [LR_ERROR_NO_CONNECTOR] = "no-connector",
    [LR_ERROR_PLUGIN] = "plugin",
    [LR_ERROR_UNSUPPORTED] = "unsupported",
    [LR_ERROR_TIMEOUT] = "timeout",
    [LR_ERROR_CANCELLED] = "cancelled",
    [LR_ERROR_NO_MEMORY] = "no-memory",
  };
  return (size_t) kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}
