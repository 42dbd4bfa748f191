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
