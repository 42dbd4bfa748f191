#include "cli/buffer.h"
#include "cli/report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum
{
  USUAL_ROOM = 128 << 10, /* larger ones shrink to this once they are empty */
};

void
buffer_free (struct buffer *buffer)
{
  free (buffer->data);
  *buffer = (struct buffer){ .data = NULL };
}

size_t
buffer_size (const struct buffer *buffer)
{
  return buffer->end - buffer->start;
}

const char *
buffer_bytes (const struct buffer *buffer)
{
  return buffer->data != NULL ? buffer->data + buffer->start : "";
}

static void
set_room (struct buffer *buffer, size_t room)
{
  char *data = realloc (buffer->data, room);
  if (data == NULL)
    out_of_memory ();
  buffer->data = data;
  buffer->room = room;
}

/* Move the bytes to the start of the room.  */
static void
compact (struct buffer *buffer)
{
  size_t size = buffer_size (buffer);
  if (size > 0)
    memmove (buffer->data, buffer->data + buffer->start, size);
  buffer->start = 0;
  buffer->end = size;
}

char *
buffer_reserve (struct buffer *buffer, size_t size)
{
  /* So each byte that is moved makes room for another one.  */
  if (buffer->start >= buffer_size (buffer))
    compact (buffer);
  size_t room = buffer->end == 0 || buffer->room < USUAL_ROOM ? USUAL_ROOM : buffer->room;
  while (room - buffer->end < size)
    {
      if (room > SIZE_MAX / 2)
        out_of_memory ();
      room *= 2;
    }
  if (room != buffer->room)
    set_room (buffer, room);
  return buffer->data + buffer->end;
}

void
buffer_add (struct buffer *buffer, size_t size)
{
  buffer->end += size;
}

void
buffer_take (struct buffer *buffer, size_t size)
{
  buffer->start += size;
}
