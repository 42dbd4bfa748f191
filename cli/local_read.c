#include "cli/local_read.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  FIRST_PIECE = 64 << 10,
};

static bool
is_stream (const char *path)
{
  return strcmp (path, "-") == 0;
}

const char *
local_read_name (const char *path)
{
  return is_stream (path) ? "standard input" : path;
}

/* Whether what DESCRIPTOR, called NAME, is open on can be sent.  */
static int
check_type (int descriptor, const char *name, bool regular_only, struct local_error *error)
{
  struct stat status;
  if (fstat (descriptor, &status) != 0)
    return local_error_set_unreadable (error, errno, name);
  if (S_ISDIR (status.st_mode))
    return local_error_set (error, EISDIR, "%s is a directory; only a single file can be sent",
                            name);
  if (regular_only && !S_ISREG (status.st_mode))
    return local_error_set (error, 0, "%s is not a regular file", name);
  return 0;
}

int
local_read_open (const char *path, bool regular_only, int *descriptor, struct local_error *error)
{
  bool stream = !regular_only && is_stream (path);
  const char *name = stream ? local_read_name (path) : path;
  int nonblocking = regular_only ? O_NONBLOCK : 0;
  *descriptor = stream ? STDIN_FILENO : open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY | nonblocking);
  if (*descriptor < 0)
    return local_error_set_unreadable (error, errno, name);
  if (check_type (*descriptor, name, regular_only, error) == 0)
    return 0;
  local_read_close (*descriptor);
  *descriptor = -1;
  return -1;
}

void
local_read_close (int descriptor)
{
  if (descriptor != STDIN_FILENO)
    close (descriptor);
}

bool
local_read_has_input (void)
{
  int flags = fcntl (STDIN_FILENO, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

/* A place for more after SIZE bytes of *MEMORY, which has room for *ROOM.  */
static void
make_room (char **memory, size_t *room, size_t size)
{
  if (size < *room)
    return;
  if (*room > SIZE_MAX / 2)
    out_of_memory ();
  *room *= 2;
  char *larger = realloc (*memory, *room);
  if (larger == NULL)
    out_of_memory ();
  *memory = larger;
}

int
local_read_input (struct lr_bytes *input, struct local_error *error)
{
  size_t size = 0;
  size_t room = FIRST_PIECE;
  char *memory = malloc (room);
  if (memory == NULL)
    out_of_memory ();
  for (;;)
    {
      make_room (&memory, &room, size);
      ssize_t got = read (STDIN_FILENO, memory + size, room - size);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        {
          free (memory);
          return local_error_set_unreadable (error, errno, local_read_name ("-"));
        }
      if (got == 0)
        break;
      size += (size_t) got;
    }
  *input = (struct lr_bytes){ memory, size };
  return 0;
}
