/* Whether a path may lead to where file system calls hang.  */

#ifndef DISPATCHER_MOUNTS_H
#define DISPATCHER_MOUNTS_H

#include <stdbool.h>

/* Whether anything is mounted here that depends on somebody else, a server or a program in user
   space.  Nothing is touched to find out.  */
bool mounts_may_hang (void);

/* Whether PATH may lead there; FOLLOW_LINKS: also where a link at its end leads.  The kernel walks
   it no further than to the first mount: what lies before that can be had at once.  */
bool mounts_may_hang_at (const char *path, bool follow_links);

#endif
