/* Percent-encoding: in URLs, and in the words of declared connectors.  */

#ifndef CORE_PERCENT_H
#define CORE_PERCENT_H

#include <longreach/longreach.h>

#include <stddef.h>

/* The SIZE bytes of TEXT decoded, in memory the caller frees.  NULL and INVALID_VALUE (`url`): what
   follows a percent sign is no byte, or NUL; or NO_MEMORY.  */
char *percent_decode (const char *text, size_t size, struct lr_error *error);

#endif
