#include "fuzz/input_file.h"

#include "fuzz/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/longreach-fuzz-XXXXXX";

static void
remove_file (void)
{
  unlink (path);
}

const char *
input_file (const void *content, size_t size)
{
  static bool is_made;
  if (!is_made)
    {
      int fd = mkstemp (path);
      require (fd >= 0);
      close (fd);
      atexit (remove_file);
      is_made = true;
    }
  FILE *stream = fopen (path, "we");
  require (stream != NULL);
  require (fwrite (content, 1, size, stream) == size && fclose (stream) == 0);
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
