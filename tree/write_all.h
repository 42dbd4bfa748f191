/* Writing to a file until all of it is written.  */

#ifndef TREE_WRITE_ALL_H
#define TREE_WRITE_ALL_H

#include <stddef.h>
#include <stdint.h>

/* Where the file is; 0, or an errno.  */
int write_all (int file, const char *data, size_t size);

/* From OFFSET on.  */
int write_all_at (int file, const char *data, size_t size, uint64_t offset);

#endif
