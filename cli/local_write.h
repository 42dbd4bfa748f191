/* Local files as something to replace.  */

#ifndef CLI_LOCAL_WRITE_H
#define CLI_LOCAL_WRITE_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <sys/stat.h>

/* Where something is to be written.  */
struct local_target
{
  char *path; /* owned; links are resolved, unless they lead nowhere */
  bool exists;
  bool in_place;      /* not a regular file, or a link that leads nowhere */
  struct stat status; /* if it exists */
};

/* Find out where LOCAL is; a directory means the file NAME in it.  Nothing is changed yet.  Returns
   0, or an exit status, having reported the failure.  */
int local_target_find (const char *local, const char *name, struct local_target *target);

/* Write CONTENT: a file that is there is replaced whole or not at all, and keeps its mode.  */
int local_target_write (const struct local_target *target, struct lr_bytes content);

void local_target_free (struct local_target *target);

/* The last component of PATH, borrowed; "" if it has none that names a file.  */
const char *local_base_name (const char *path);

#endif
