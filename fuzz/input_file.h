/* An input as a file, for what is read from one.  */

#ifndef FUZZ_INPUT_FILE_H
#define FUZZ_INPUT_FILE_H

#include <stddef.h>

/* The path of a file with that content, until the next call.  It is removed in the end.  */
const char *input_file (const void *content, size_t size);

/* How many lines it has, one that nothing ends included.  */
size_t input_lines (const void *content, size_t size);

#endif
