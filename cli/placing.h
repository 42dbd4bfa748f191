/* Where mv and ln put things, as their users know it from a shell.  */

#ifndef CLI_PLACING_H
#define CLI_PLACING_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>

/* Whether each of COUNT sources has its own name in the directory that they go into: of two of a
   name the second would take the place of the first.  Sources without a name, as "..", are left
   alone. Returns an exit status, having reported the two, or 0.  */
int placing_check_names (char *const *sources, size_t count, const char *directory);

/* Do PLACE to each of COUNT operands but the last, which says where: in a directory each gets the
   name that it has; what is no directory, and with IS_NAME anything, is the new path of the only
   one.  Also after one has failed.  Returns the exit status of the last failure, having reported
   each, or 0.  */
int placing_each (lr_connection *connection, char **operands, size_t count, bool is_name,
                  int (*place) (lr_connection *connection, const char *what, const char *path,
                                struct lr_error *error));

#endif
