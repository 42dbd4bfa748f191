/* Where at this end something is to be written.  */

#ifndef CLI_LOCAL_TARGET_H
#define CLI_LOCAL_TARGET_H

#include "cli/local_error.h"

#include <stdbool.h>
#include <sys/stat.h>

struct local_target
{
  char *name; /* owned; for messages */
  char *path; /* owned; the same with links resolved, unless they lead nowhere */
  bool exists;
  bool dangling;      /* it is a link that leads nowhere */
  struct stat status; /* if it exists */
};

/* Find out where LOCAL is; a directory means the file NAME in it.  Nothing is changed.  Returns 0,
   or -1 and *ERROR; local_target_free frees what is in TARGET in either case.  */
int local_target_find (const char *local, const char *name, struct local_target *target,
                       struct local_error *error);
void local_target_free (struct local_target *target);

/* The last component of PATH, borrowed; "" if it has none that names a file.  */
const char *local_base_name (const char *path);

#endif
