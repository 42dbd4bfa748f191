/* Modes and masks as requests write them.  */

#ifndef DISPATCHER_MODE_H
#define DISPATCHER_MODE_H

#include <stdbool.h>
#include <sys/types.h>

/* Parse TEXT, one to four octal digits, into *MODE; false where it is something else, or more than
   MOST.  */
bool mode_parse (const char *text, mode_t most, mode_t *mode);

/* Change *MODE, that of a directory or of anything else, as TEXT says in the words of chmod:
   "u+x,go-w", "a=rX".  No umask is applied.  False where it says nothing of that kind, and then
   *MODE is anything.  */
bool mode_change (const char *text, bool is_directory, mode_t *mode);

#endif
