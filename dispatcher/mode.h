/* Modes and masks as requests write them.  */

#ifndef DISPATCHER_MODE_H
#define DISPATCHER_MODE_H

#include <stdbool.h>
#include <sys/types.h>

/* Parse TEXT, one to four octal digits, into *MODE; false where it is something else, or more than
   MOST.  */
bool mode_parse (const char *text, mode_t most, mode_t *mode);

#endif
