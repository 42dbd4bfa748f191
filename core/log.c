#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>

void
log_line (const struct log *log, enum lr_log_level level, const char *format, ...)
{
  char line[1024];
  if (log->function == NULL)
    return;
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (line, sizeof line, format, arguments);
  va_end (arguments);
  log->function (log->data, level, line);
}
