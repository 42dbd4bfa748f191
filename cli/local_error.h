/* Why a local file can't be used, told by whoever knows how: on standard error, or as JSON.  */

#ifndef CLI_LOCAL_ERROR_H
#define CLI_LOCAL_ERROR_H

#include <limits.h>

struct local_error
{
  int errnum; /* 0: none */
  char text[PATH_MAX + 256];
};

/* Fill in ERROR: ERRNUM, and a sentence.  Returns -1.  */
int local_error_set (struct local_error *error, int errnum, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

/* The usual sentences: "cannot read PATH: No such file or directory".  */
int local_error_set_unreadable (struct local_error *error, int errnum, const char *path);
int local_error_set_unwritable (struct local_error *error, int errnum, const char *path);

/* Tell it, and return the exit status.  */
int local_error_report (const struct local_error *error);

#endif
