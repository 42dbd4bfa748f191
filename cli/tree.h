/* Trees of files, for put -r and get -r.  */

#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <longreach/longreach.h>

#include <stdbool.h>

/* Copy a tree between HERE, a local path, and THERE at URL, as cp -r does; PUT: to there. PRESERVE:
   with owners.  Returns the exit status, having reported what failed.  */
int tree_copy (const char *url, bool put, const char *here, const char *there, bool preserve);

#endif
