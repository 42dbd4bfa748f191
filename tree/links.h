/* Files that have several names: which of them were met before.  */

#ifndef TREE_LINKS_H
#define TREE_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum
{
  LINKS_MAX = 1 << 16, /* files; of more than that each name becomes a file of its own */
};

struct links_slot
{
  dev_t device;
  ino_t inode;
  uint32_t id; /* from 1; 0: the slot is free */
};

/* All zero is none.  */
struct links
{
  struct links_slot *slots; /* owned */
  size_t allocated;
  uint32_t count;
};

/* The number of a file, which is new where it is greater than *LAST; 0: there is no room for it,
   or, with errno, no memory.  */
uint32_t links_find (struct links *links, dev_t device, ino_t inode, uint32_t *last);

void links_free (struct links *links);

#endif
