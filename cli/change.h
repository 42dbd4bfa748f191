/* Subcommands that change files, and say nothing when that has worked.  */

#ifndef CLI_CHANGE_H
#define CLI_CHANGE_H

#include <longreach/longreach.h>

#include <stddef.h>

/* Do CHANGE to each of COUNT PATHS, also after one has failed.  Returns the exit status of the last
   failure, having reported each, or 0.  */
int change_each (lr_connection *connection, char **paths, size_t count,
                 int (*change) (lr_connection *connection, const char *path,
                                struct lr_error *error));

/* STATUS is what an operation has returned: the exit status, having reported a failure, or with
   --json what was done to PATH.  */
int change_tell (int status, const char *path, const struct lr_error *error);

#endif
