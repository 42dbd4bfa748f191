/* Trust: who could have written a file that is to be run, or believed.

   A file is trusted if it, and each directory on its real path, can be written only by root, by
   this process' user, or by the owner of this library.  Symbolic links are resolved, and what they
   point to is what counts.

   A group may write if it is the private one of that owner, or root's.  A directory on the way may
   be written by anybody if it has the sticky bit, as what is in it can be moved by its owner only;
   one that is asked for by itself may not, as anybody could add to it.  */

#ifndef CORE_TRUST_H
#define CORE_TRUST_H

#include <stdbool.h>
#include <stddef.h>

enum
{
  TRUST_PROBLEM_SIZE = 1024, /* bytes that are enough for a problem */
};

/* The real path of PATH, a file or directory that is there, if it is trusted; to be freed.  Using
   that, and not PATH, uses what was looked at.  NULL: PROBLEM, of SIZE bytes, is a clause that says
   why, as in "it can be written by everybody (its mode is 0777)"; of a directory or of what a link
   leads to it names that.  */
char *trust_resolve (const char *path, char *problem, size_t size);

/* Whether there is such a path.  */
bool trust_check (const char *path, char *problem, size_t size);

/* Whether this program was started with more rights than its caller has: then neither the
   environment nor the caller's files are believed.  */
bool trust_is_set_id (void);

#endif
