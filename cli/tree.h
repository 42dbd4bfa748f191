/* Trees of files, for put -r and get -r.  */

#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>

/* Copy trees between local paths and those at URL, as cp -r does; PUT: to there.  The last of COUNT
   PATHS, two or more, is where they go: with several it has to be a directory, and each goes into
   it, also after one has failed.  PRESERVE: with owners.  Returns the exit status, having reported
   what failed.  */
int tree_copy (const char *url, bool put, char **paths, size_t count, bool preserve);

#endif
