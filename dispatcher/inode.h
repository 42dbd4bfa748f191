/* What stat says, as packets have it.  */

#ifndef DISPATCHER_INODE_H
#define DISPATCHER_INODE_H

#include <stdint.h>
#include <sys/stat.h>

/* "file", "dir", ...; "other" for what has no name.  */
const char *inode_type (mode_t mode);

/* Nanoseconds since the epoch, in two's complement; what is past the year 2262 is the last moment
   before.  */
uint64_t inode_time (const struct timespec *time);

#endif
