/* A program that is asked, and waited for.  */

#ifndef DISPATCHER_ASK_H
#define DISPATCHER_ASK_H

/* Run ARGV, whose program is looked for in PATH, and return what it prints, in memory the caller
   frees, with its exit status, 255 after a signal.  NULL and errno: ENOENT where it isn't
   there, ETIMEDOUT where it takes too long, EFBIG where it prints too much.  */
char *ask (const char *const *argv, int *status);

#endif
