/* One failure: what the library's errors and this program's own have in common.  */

#ifndef CLI_FAILURE_H
#define CLI_FAILURE_H

#include <longreach/longreach.h>

#include <jansson.h>

/* All borrowed.  */
struct failure
{
  const char *kind; /* lr_error_kind_name, or "usage", "local-file", "absent" */
  const char *message;
  int errnum;        /* 0: none */
  const char *host;  /* "": none */
  const char *field; /* "": none */
  int hop;           /* -1: none */
};

/* What ERROR says; valid as long as that.  */
struct failure failure_of (const struct lr_error *error);

/* A failure at this end.  */
struct failure failure_own (const char *kind, int errnum, const char *message);

/* The message with what a terminal should not get escaped, which the caller frees.  */
char *failure_escape (const struct failure *failure);

/* It as a JSON object, the message escaped.  */
json_t *failure_describe (const struct failure *failure);

#endif
