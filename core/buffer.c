#include "core/buffer.h"

#include <stdlib.h>
#include <string.h>

enum
{
  ROOM_FIRST = 256, /* bytes; then twice as much each time */
};

size_t
buffer_size (const struct buffer *buffer)
{
  return buffer->end - buffer->start;
}

const char *
buffer_bytes (const struct buffer *buffer)
{
  return buffer->start == buffer->end ? "" : buffer->data + buffer->start;
}

static void
wipe (const struct buffer *buffer, size_t from, size_t to)
{
  if (buffer->secret && from < to)
    explicit_bzero (buffer->data + from, to - from);
}

/* As realloc, which may leave a copy.  */
static char *
grow (struct buffer *buffer, size_t room)
{
  if (!buffer->secret || buffer->end == 0)
    return realloc (buffer->data, room);
  char *grown = malloc (room);
  if (grown == NULL)
    return NULL;
  memcpy (grown, buffer->data, buffer->end);
  wipe (buffer, 0, buffer->end);
  free (buffer->data);
  return grown;
}

bool
buffer_make_room (struct buffer *buffer, size_t size)
{
  if (buffer->start == buffer->end)
    buffer->start = buffer->end = 0;
  if (buffer->allocated - buffer->end >= size)
    return true;
  if (buffer->start > 0)
    {
      memmove (buffer->data, buffer->data + buffer->start, buffer->end - buffer->start);
      wipe (buffer, buffer->end - buffer->start, buffer->end);
      buffer->end -= buffer->start;
      buffer->start = 0;
    }
  if (buffer->allocated - buffer->end >= size)
    return true;
  size_t room = buffer->allocated == 0 ? ROOM_FIRST : buffer->allocated;
  while (room - buffer->end < size)
    room *= 2;
  char *grown = grow (buffer, room);
  if (grown == NULL)
    return false;
  buffer->data = grown;
  buffer->allocated = room;
  return true;
}

bool
buffer_add (struct buffer *buffer, const char *data, size_t size)
{
  if (size == 0)
    return true;
  if (!buffer_make_room (buffer, size))
    return false;
  memcpy (buffer->data + buffer->end, data, size);
  buffer->end += size;
  return true;
}

void
buffer_take (struct buffer *buffer, size_t size)
{
  wipe (buffer, buffer->start, buffer->start + size);
  buffer->start += size;
}

void
buffer_free (struct buffer *buffer)
{
  wipe (buffer, buffer->start, buffer->end);
  free (buffer->data);
  *buffer = (struct buffer){ .data = NULL };
}
