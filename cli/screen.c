#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <unistd.h>

/* Write as write does, and wait too where the descriptor would not.  */
static ssize_t
write_waiting (const char *data, size_t size)
{
  ssize_t written;
  struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };
  while ((written = write (STDOUT_FILENO, data, size)) < 0 && errno == EAGAIN)
    if (poll (&output, 1, -1) < 0)
      return -1;
  return written;
}

enum screen_result
screen_show (struct screen *screen, lr_process *process)
{
  const char *data;
  size_t size;
  while ((size = lr_process_peek (process, LR_STDOUT, &data)) > 0)
    {
      ssize_t written = screen->gone ? (ssize_t) size : write_waiting (data, size);
      if (written < 0 && errno == EINTR)
        return SCREEN_INTERRUPTED;
      if (written < 0 && errno != EIO)
        return SCREEN_FAILED;
      screen->gone = screen->gone || written < 0;
      if (written <= 0)
        continue;
      screen->in_line = data[written - 1] != '\n';
      lr_process_consume (process, LR_STDOUT, (size_t) written);
    }
  return SCREEN_SHOWN;
}
