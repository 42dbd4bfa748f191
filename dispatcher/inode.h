/* What stat says, as packets have it.  */

#ifndef DISPATCHER_INODE_H
#define DISPATCHER_INODE_H

#include <sys/stat.h>

/* "file", "dir", ...; "other" for what has no name.  */
const char *inode_type (mode_t mode);

#endif
