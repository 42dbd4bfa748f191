#include "dispatcher/inode.h"

#include <stddef.h>

const char *
inode_type (mode_t mode)
{
  static const struct
  {
    mode_t type;
    const char *name;
  } types[] = {
    { S_IFDIR, "dir" },  { S_IFCHR, "chr" },  { S_IFBLK, "blk" },   { S_IFREG, "file" },
    { S_IFIFO, "fifo" }, { S_IFLNK, "link" }, { S_IFSOCK, "sock" },
  };
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if ((mode & S_IFMT) == types[i].type)
      return types[i].name;
  return "other";
}

uint64_t
inode_time (const struct timespec *time)
{
  if (time->tv_sec > INT64_MAX / 1000000000 - 1)
    return INT64_MAX;
  return (uint64_t) time->tv_sec * 1000000000 + (uint64_t) time->tv_nsec;
}
