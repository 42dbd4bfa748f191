/* The place at the far side in which files are made, and which is tidied up in the end.  */

#ifndef CONFORMANCE_PLACE_H
#define CONFORMANCE_PLACE_H

#include "conformance/target.h"

/* Look for it, and make it if it is a directory.  TARGET has PLACE, or PLACE and ROOM, then;
   neither where there is none, which is an error only if one was asked for.  0, or -1 and *ERROR.
 */
int place_make (struct target *target, struct lr_error *error);

/* Remember that PATH was made and can't be removed.  */
void place_leaves (struct target *target, const char *path);

/* Remove what was made.  What is left is in TARGET's remains.  */
void place_clear (struct target *target);

#endif
