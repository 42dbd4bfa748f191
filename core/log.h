/* Where log lines go.  */

#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <longreach/longreach.h>

struct log
{
  lr_log_function *function; /* NULL: nowhere */
  void *data;                /* borrowed: the program's */
};

/* Log one line, formatted as printf does.  */
void log_line (const struct log *log, enum lr_log_level level, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));

#endif
