#include "cli/local_read.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  PIECE = 64 << 10, /* is read at a time */
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
    return local_error_set (error, EISDIR, "%s is a directory, which only put -r sends", name);
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

int
local_read_input (struct buffer *input, struct local_error *error)
{
  for (;;)
    {
      /* Whoever has it too may have made it one that doesn't wait.  */
      struct pollfd source = { .fd = STDIN_FILENO, .events = POLLIN };
      ssize_t got = read (STDIN_FILENO, buffer_reserve (input, PIECE), PIECE);
      if (got < 0 && errno == EAGAIN && poll (&source, 1, -1) >= 0)
        continue;
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return local_error_set_unreadable (error, errno, local_read_name ("-"));
      if (got == 0)
        return 0;
      buffer_add (input, (size_t) got);
    }
}
