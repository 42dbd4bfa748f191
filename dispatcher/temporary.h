/* Names that nobody else chooses.  */

#ifndef DISPATCHER_TEMPORARY_H
#define DISPATCHER_TEMPORARY_H

/* How the names begin of files that are to take another one's place.  */
#define TEMPORARY_PREFIX ".longreach-"

enum
{
  TEMPORARY_SUFFIX = 17, /* bytes, with a NUL */
  TEMPORARY_TRIES = 100,
};

/* Write the random end of a name, and a NUL, to SUFFIX.  On any thread.  */
void temporary_suffix (char suffix[TEMPORARY_SUFFIX]);

#endif
