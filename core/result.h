/* Results: one block that the caller frees with lr_free, and all that it points to.  */

#ifndef CORE_RESULT_H
#define CORE_RESULT_H

#include <stddef.h>

/* SIZE zeroed bytes that lr_free frees; NULL without memory.  */
void *result_new (size_t size);

/* A copy of TEXT as a result by itself; NULL without memory.  */
char *result_text (const char *text);

/* MEMORY, from malloc, is freed with RESULT.  Returns MEMORY; without memory for the note of it,
   frees it and returns NULL.  NULL stays NULL.  */
void *result_own (void *result, void *memory);

/* A copy of TEXT that is freed with RESULT; NULL without memory, or for NULL.  */
char *result_copy_text (void *result, const char *text);

#endif
