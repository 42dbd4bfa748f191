#include "fuzz/input_file.h"

#include "fuzz/require.h"

#include <sys/types.h>
#include <unistd.h>

static char path[] = "/tmp/longreach-fuzz-XXXXXX";

static void
remove_file (void)
{
  unlink (path);
}

/* It stays open: some file systems write what was truncated to the disk when it is closed.  */
const char *
input_file (const void *content, size_t size)
{
  static int file = -1;
  if (file < 0)
    {
      file = mkstemp (path);
      require (file >= 0 && atexit (remove_file) == 0);
    }
  require (pwrite (file, content, size, 0) == (ssize_t) size);
  require (ftruncate (file, (off_t) size) == 0);
  return path;
}

size_t
input_lines (const void *content, size_t size)
{
  const char *text = content;
  size_t lines = 1;
  for (size_t i = 0; i < size; i++)
    lines += text[i] == '\n';
  return lines;
}
