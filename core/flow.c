#include "core/flow.h"

#include "core/lift.h"
#include "tree/write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  MEMORY_LIMIT = 128 << 10, /* bytes that stay in memory where the file may be used */
  READ_SIZE = 128 << 10,
};

/* A file that no directory names, in the first of the usual places that takes one.  */
static int
open_unnamed (void)
{
  const char *const directories[] = { secure_getenv ("TMPDIR"), "/var/tmp", "/tmp" };
  int file = -1;
  for (size_t i = 0; file < 0 && i < sizeof directories / sizeof directories[0]; i++)
    {
      char name[PATH_MAX];
      if (directories[i] == NULL || directories[i][0] != '/')
        continue;
      file = open (directories[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
      if (file >= 0
          || snprintf (name, sizeof name, "%s/longreach-XXXXXX", directories[i]) >= PATH_MAX)
        continue;
      file = mkostemp (name, O_CLOEXEC);
      if (file >= 0)
        unlink (name);
    }
  return lift_descriptor (file);
}

static int
add_to_file (struct flow *flow, const char *data, size_t size)
{
  if (flow->file == 0)
    {
      int file = open_unnamed ();
      if (file < 0)
        return errno;
      flow->file = file;
    }
  int errnum = write_all_at (flow->file, data, size, (uint64_t) flow->file_end);
  if (errnum == 0)
    flow->file_end += (int64_t) size;
  return errnum;
}

int
flow_add (struct flow *flow, const char *data, size_t size, bool may_spill, size_t *credit)
{
  *credit = 0;
  if (flow->file != 0 || (may_spill && buffer_size (&flow->memory) + size > MEMORY_LIMIT))
    {
      *credit = may_spill ? size : 0;
      flow->owed += size - *credit;
      return add_to_file (flow, data, size);
    }
  if (!buffer_add (&flow->memory, data, size))
    return ENOMEM;
  flow->owed += size;
  return 0;
}

bool
flow_is_empty (const struct flow *flow)
{
  return buffer_size (&flow->memory) == 0 && flow->file == 0;
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
  if (!buffer_make_room (&flow->memory, size))
    return ENOMEM;
  ssize_t got;
  do
    got = pread (flow->file, flow->memory.data, size, (off_t) flow->file_start);
  while (got < 0 && errno == EINTR);
  if (got <= 0)
    return got < 0 ? errno : EIO;
  flow->memory.end = (size_t) got;
  flow->file_start += got;
  /* What was read back needs no room any more; where that can't be said, it keeps it.  */
  fallocate (flow->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t) flow->file_start);
  if (flow->file_start < flow->file_end)
    return 0;
  close (flow->file);
  flow->file = 0;
  flow->file_start = flow->file_end = 0;
  return 0;
}

size_t
flow_peek (struct flow *flow, const char **data, int *errnum)
{
  *errnum = 0;
  if (buffer_size (&flow->memory) == 0 && flow->file != 0)
    *errnum = read_back (flow);
  *data = buffer_bytes (&flow->memory);
  return buffer_size (&flow->memory);
}

size_t
flow_take (struct flow *flow, size_t size)
{
  size_t credit = size < flow->owed ? size : flow->owed;
  buffer_take (&flow->memory, size);
  flow->owed -= credit;
  return credit;
}

void
flow_free (struct flow *flow)
{
  if (flow->file != 0)
    close (flow->file);
  buffer_free (&flow->memory);
  *flow = (struct flow){ .file = 0 };
}
