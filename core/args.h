/* Argument structures of callers that may be older or newer than this library.  */

#ifndef CORE_ARGS_H
#define CORE_ARGS_H

#include <longreach/longreach.h>

#include <stddef.h>

/* Copy the structure at GIVEN, which begins with its own size, into OWN of OWN_SIZE bytes, which
   then begins with that; members that the caller's header did not have become zero.  Errors:
   INVALID_VALUE, there is none or it has no size; UNSUPPORTED, it uses members that this library
   does not have.  */
int args_import (void *own, size_t own_size, const void *given, struct lr_error *error);

#endif
