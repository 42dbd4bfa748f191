/* Memory that is given back all at once: what one decoded packet points to.  */

#ifndef PROTOCOL_ARENA_H
#define PROTOCOL_ARENA_H

#include <stddef.h>

/* All zero is an empty arena.  Owns its blocks.  */
struct arena
{
  struct arena_block *blocks;
};

/* SIZE bytes, aligned for any type and valid until arena_clear; NULL without memory.  */
void *arena_allocate (struct arena *arena, size_t size);

/* Give back all that was allocated; one small block is kept for the next packet.  */
void arena_clear (struct arena *arena);

/* Free everything.  */
void arena_free (struct arena *arena);

#endif
