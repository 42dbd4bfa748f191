/* Whether a path may lead to where file system calls hang.  */

#ifndef DISPATCHER_MOUNTS_H
#define DISPATCHER_MOUNTS_H

#include <stdbool.h>

/* Whether anything is mounted here that depends on somebody else, a server or a program in user
   space.  Which of them a path leads to can't be known without following its links, and so touching
   them: if there is one, any path may, and so may a program that is looked for.  Nothing is touched
   to find out.  */
bool mounts_may_hang (void);

#endif
