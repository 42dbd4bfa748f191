#include "tree/write_all.h"

#include <errno.h>
#include <unistd.h>

int
write_all (int file, const char *data, size_t size)
{
  while (size > 0)
    {
      ssize_t wrote = write (file, data, size);
      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote < 0)
        return errno;
      data += wrote;
      size -= (size_t) wrote;
    }
  return 0;
}

int
write_all_at (int file, const char *data, size_t size, uint64_t offset)
{
  while (size > 0)
    {
      ssize_t wrote = pwrite (file, data, size, (off_t) offset);
      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote < 0)
        return errno;
      data += wrote;
      offset += (uint64_t) wrote;
      size -= (size_t) wrote;
    }
  return 0;
}
