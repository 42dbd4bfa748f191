/* Whether a path leads to where file system calls may hang: to what depends on a server, or on a
   program in user space.  */

#ifndef DISPATCHER_MOUNTS_H
#define DISPATCHER_MOUNTS_H

#include <stdbool.h>

/* Whether PATH may lead there; FOLLOW_LINKS: also where a link at its end leads.  Finding out
   touches nothing that may hang.  */
bool mounts_may_hang (const char *path, bool follow_links);

/* Whether any path may.  */
bool mounts_any_may_hang (void);

#endif
