/* A walk through a tree of directories that goes down only where it is told to, never follows a
   link, and holds one descriptor, however deep it is.

   The way up is "..", and it is taken only where that is still the directory it came from: whoever
   moves directories meanwhile can make the walk fail, and not lead it out of the tree.  Functions
   return 0 or an errno.  They may run on any thread.  */

#ifndef DISPATCHER_DESCENT_H
#define DISPATCHER_DESCENT_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A directory on the way down.  */
struct descent_level
{
  dev_t device;
  ino_t inode;
  long place; /* where reading it goes on */
  char *name; /* owned: in the one above */
  bool done;  /* of whoever goes through them */
};

/* All zero is one that is nowhere.  */
struct descent
{
  DIR *here;                    /* owned: the directory that is being read */
  struct descent_level *levels; /* owned: the last is that directory */
  size_t depth, allocated;
};

/* Go down to the directory NAME, which FILE is, open for reading: it is owned from here on, also if
   this fails.  */
int descent_enter (struct descent *descent, int file, const char *name);

/* The next entry but "." and ".."; NULL at the end, or with an errno.  */
const struct dirent *descent_next (struct descent *descent, int *errnum);

/* Go up one directory, to where reading goes on; *LEFT is the one below, the caller's to close, and
 *NAME what it was called, the caller's to free.  After the first directory it is nowhere.  */
int descent_leave (struct descent *descent, DIR **left, char **name);

/* Where NAME is in it, for a message: PATH is that of the first directory.  NULL: the directory
   itself.  */
void descent_describe (const struct descent *descent, const char *path, const char *name,
                       char *text, size_t size);

void descent_free (struct descent *descent);

#endif
