#include "dispatcher/text_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
  SIZE_FIRST = 4096,
  SIZE_MAX_READ = 64 << 20,
};

/* Room for at least one byte more than SIZE, and the NUL.  */
static bool
grow (char **text, size_t *room, size_t size)
{
  if (size + 1 < *room)
    return true;
  if (*room >= SIZE_MAX_READ)
    {
      errno = EFBIG;
      return false;
    }
  size_t wanted = *room == 0 ? SIZE_FIRST : *room * 2;
  char *grown = realloc (*text, wanted);
  if (grown == NULL)
    return false;
  *text = grown;
  *room = wanted;
  return true;
}

char *
text_file_read (int file)
{
  size_t size = 0, room = 0;
  char *text = NULL;
  while (grow (&text, &room, size))
    {
      ssize_t got = read (file, text + size, room - size - 1);
      if (got > 0)
        size += (size_t) got;
      else if (got == 0)
        {
          text[size] = '\0';
          return text;
        }
      else if (errno != EINTR)
        break;
    }
  int errnum = errno;
  free (text);
  errno = errnum;
  return NULL;
}
