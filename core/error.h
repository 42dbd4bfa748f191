/* Filling in the caller's struct lr_error.  */

#ifndef CORE_ERROR_H
#define CORE_ERROR_H

#include <longreach/longreach.h>

#include <stddef.h>

/* Where a public function puts its error: ERROR, or *LOCAL where the caller wants none.  Cleared.
 */
struct lr_error *error_begin (struct lr_error *error, struct lr_error *local);

/* Set all of *ERROR.  The text may hold anything; what is not fit for a terminal is escaped.
   Returns -1.  */
int error_set (struct lr_error *error, enum lr_error_kind kind, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));

/* The same, with a field or an errno.  */
int error_set_field (struct lr_error *error, const char *field, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));
int error_set_errno (struct lr_error *error, enum lr_error_kind kind, int errnum,
                     const char *format, ...) __attribute__ ((__format__ (__printf__, 4, 5)));
int error_no_memory (struct lr_error *error);

/* Say whose an error is that is set, unless it says so already.  */
void error_add_hop (struct lr_error *error, int hop, const char *host);

#include <stdarg.h>
void error_set_va (struct lr_error *error, enum lr_error_kind kind, const char *format,
                   va_list arguments);

#endif
