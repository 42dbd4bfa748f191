#include "tree/links.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* The slot of a file, or the free one where it belongs.  */
static struct links_slot *
find_slot (struct links_slot *slots, size_t allocated, dev_t device, ino_t inode)
{
  uint64_t hash = ((uint64_t) inode ^ (uint64_t) device << 40) * 0x9e3779b97f4a7c15U;
  size_t place = (size_t) (hash >> 32) & (allocated - 1);
  while (slots[place].id != 0 && (slots[place].inode != inode || slots[place].device != device))
    place = (place + 1) & (allocated - 1);
  return &slots[place];
}

/* Half of the slots are always free.  */
static bool
make_room (struct links *links)
{
  if (links->count < links->allocated / 2)
    return true;
  size_t room = links->allocated == 0 ? 64 : links->allocated * 2;
  struct links_slot *grown = calloc (room, sizeof *grown);
  if (grown == NULL)
    return false;
  for (size_t i = 0; i < links->allocated; i++)
    if (links->slots[i].id != 0)
      *find_slot (grown, room, links->slots[i].device, links->slots[i].inode) = links->slots[i];
  free (links->slots);
  links->slots = grown;
  links->allocated = room;
  return true;
}

uint32_t
links_find (struct links *links, dev_t device, ino_t inode, uint32_t *last)
{
  *last = links->count;
  errno = 0;
  if (links->count < LINKS_MAX && !make_room (links))
    return 0;
  struct links_slot *slot = find_slot (links->slots, links->allocated, device, inode);
  if (slot->id == 0 && links->count < LINKS_MAX)
    *slot = (struct links_slot){ device, inode, ++links->count };
  return slot->id;
}

void
links_free (struct links *links)
{
  free (links->slots);
  *links = (struct links){ .slots = NULL };
}
