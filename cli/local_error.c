#include "cli/local_error.h"
#include "cli/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
local_error_set (struct local_error *error, int errnum, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (error->text, sizeof error->text, format, arguments);
  va_end (arguments);
  error->errnum = errnum;
  return -1;
}

int
local_error_set_unreadable (struct local_error *error, int errnum, const char *path)
{
  return local_error_set (error, errnum, "cannot read %s: %s", path, strerror (errnum));
}

int
local_error_set_unwritable (struct local_error *error, int errnum, const char *path)
{
  return local_error_set (error, errnum, "cannot write %s: %s", path, strerror (errnum));
}

int
local_error_report (const struct local_error *error)
{
  return report_local (error->errnum, "%s", error->text);
}
