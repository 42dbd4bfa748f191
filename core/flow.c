#include "core/flow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  MEMORY_LIMIT = 128 << 10, /* bytes that stay in memory where the file may be used */
  READ_SIZE = 128 << 10,
};

static int
add_to_file (struct flow *flow, const char *data, size_t size)
{
  if (flow->file == NULL)
    flow->file = tmpfile ();
  if (flow->file == NULL)
    return errno;
  while (size > 0)
    {
      ssize_t wrote = pwrite (fileno (flow->file), data, size, (off_t) flow->file_end);
      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote < 0)
        return errno;
      data += wrote;
      size -= (size_t) wrote;
      flow->file_end += wrote;
    }
  return 0;
}

/* Room for SIZE more bytes in memory.  */
static bool
make_room (struct flow *flow, size_t size)
{
  if (flow->start == flow->end)
    flow->start = flow->end = 0;
  if (flow->allocated - flow->end < size && flow->start > 0)
    {
      memmove (flow->data, flow->data + flow->start, flow->end - flow->start);
      flow->end -= flow->start;
      flow->start = 0;
    }
  if (flow->allocated - flow->end >= size)
    return true;
  size_t room = flow->allocated == 0 ? 4096 : flow->allocated;
  while (room - flow->end < size)
    room *= 2;
  char *grown = realloc (flow->data, room);
  if (grown == NULL)
    return false;
  flow->data = grown;
  flow->allocated = room;
  return true;
}

int
flow_add (struct flow *flow, const char *data, size_t size, bool may_spill, size_t *credit)
{
  *credit = 0;
  if (flow->file != NULL || (may_spill && flow->end - flow->start + size > MEMORY_LIMIT))
    {
      *credit = may_spill ? size : 0;
      flow->owed += size - *credit;
      return add_to_file (flow, data, size);
    }
  if (!make_room (flow, size))
    return ENOMEM;
  memcpy (flow->data + flow->end, data, size);
  flow->end += size;
  flow->owed += size;
  return 0;
}

size_t
flow_pay (struct flow *flow)
{
  size_t credit = flow->owed;
  flow->owed = 0;
  return credit;
}

/* The next bytes of the file come to memory, which is empty.  */
static int
read_back (struct flow *flow)
{
  int64_t left = flow->file_end - flow->file_start;
  size_t size = left < READ_SIZE ? (size_t) left : READ_SIZE;
  if (!make_room (flow, size))
    return ENOMEM;
  ssize_t got;
  do
    got = pread (fileno (flow->file), flow->data, size, (off_t) flow->file_start);
  while (got < 0 && errno == EINTR);
  if (got <= 0)
    return got < 0 ? errno : EIO;
  flow->end = (size_t) got;
  flow->file_start += got;
  /* What was read back needs no room any more; where that can't be said, it keeps it.  */
  fallocate (fileno (flow->file), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
             (off_t) flow->file_start);
  if (flow->file_start < flow->file_end)
    return 0;
  fclose (flow->file);
  flow->file = NULL;
  flow->file_start = flow->file_end = 0;
  return 0;
}

size_t
flow_peek (struct flow *flow, const char **data, int *errnum)
{
  *errnum = 0;
  if (flow->start == flow->end && flow->file != NULL)
    *errnum = read_back (flow);
  *data = flow->start == flow->end ? "" : flow->data + flow->start;
  return flow->end - flow->start;
}

size_t
flow_take (struct flow *flow, size_t size)
{
  size_t credit = size < flow->owed ? size : flow->owed;
  flow->start += size;
  flow->owed -= credit;
  return credit;
}

void
flow_free (struct flow *flow)
{
  if (flow->file != NULL)
    fclose (flow->file);
  free (flow->data);
  *flow = (struct flow){ .data = NULL };
}
