/* Files without a name, which are gone when whoever makes them is, however that ends.  */

#ifndef TREE_UNNAMED_H
#define TREE_UNNAMED_H

#include <stdbool.h>

/* Whether one can be given a name later, which is done by way of /proc.  */
bool unnamed_is_possible (void);

/* Make one, which can be given a name, on the file system of DIRECTORY, for its owner alone: a
   descriptor, or -1 and errno, EOPNOTSUPP where there can be none.  */
int unnamed_open (int directory);

/* Give FILE the name NAME in DIRECTORY, that nothing has; 0, or an errno.  */
int unnamed_link (int file, int directory, const char *name);

#endif
