#include "protocol/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum
{
  BLOCK_SIZE = 4096, /* what most packets need no more than */
};

struct arena_block
{
  struct arena_block *next;
  size_t size;
  size_t used;
  alignas (max_align_t) char data[];
};

void *
arena_allocate (struct arena *arena, size_t size)
{
  size_t align = alignof (max_align_t);
  if (size > SIZE_MAX / 2)
    return NULL;
  size = (size + align - 1) / align * align;

  struct arena_block *block = arena->blocks;
  if (block == NULL || block->size - block->used < size)
    {
      size_t room = size < BLOCK_SIZE ? BLOCK_SIZE : size;
      block = malloc (sizeof *block + room);
      if (block == NULL)
        return NULL;
      block->size = room;
      block->used = 0;
      block->next = arena->blocks;
      arena->blocks = block;
    }
  void *memory = block->data + block->used;
  block->used += size;
  return memory;
}

void
arena_clear (struct arena *arena)
{
  struct arena_block *kept = NULL;
  for (struct arena_block *block = arena->blocks, *next; block != NULL; block = next)
    {
      next = block->next;
      if (kept == NULL && block->size == BLOCK_SIZE)
        kept = block;
      else
        free (block);
    }
  if (kept != NULL)
    {
      kept->next = NULL;
      kept->used = 0;
    }
  arena->blocks = kept;
}

void
arena_free (struct arena *arena)
{
  for (struct arena_block *block = arena->blocks, *next; block != NULL; block = next)
    {
      next = block->next;
      free (block);
    }
  arena->blocks = NULL;
}
