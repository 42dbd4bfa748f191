#include <longreach/longreach.h>

const char *
lr_file_type_name (enum lr_file_type type)
{
  static const char *const names[] = {
    [LR_FILE_OTHER] = "other",   [LR_FILE_REGULAR] = "file", [LR_FILE_DIRECTORY] = "dir",
    [LR_FILE_LINK] = "link",     [LR_FILE_FIFO] = "fifo",    [LR_FILE_SOCKET] = "sock",
    [LR_FILE_CHARACTER] = "chr", [LR_FILE_BLOCK] = "blk",
  };
  return (size_t) type < sizeof names / sizeof names[0] ? names[type] : "other";
}
