#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A broken output is reported once.  */
static bool broken;
static int broken_status;

int
write_all (int descriptor, const char *data, size_t size)
{
  while (size > 0)
    {
      struct pollfd output = { .fd = descriptor, .events = POLLOUT };
      ssize_t written = write (descriptor, data, size);
      if (written < 0 && errno == EAGAIN && poll (&output, 1, -1) >= 0)
        continue;
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return -1;
      data += written;
      size -= (size_t) written;
    }
  return 0;
}

/* Not as JSON, which is what could not be written.  */
int
output_report_broken (int errnum)
{
  if (!broken)
    {
      fprintf (stderr, "longreach: cannot write to standard output: %s\n", strerror (errnum));
      broken = true;
      broken_status = report_own_status (STATUS_USAGE);
    }
  return broken_status;
}

int
output_write (const char *data, size_t size, int status)
{
  if (fflush (stdout) != 0 || write_all (STDOUT_FILENO, data, size) != 0)
    return output_report_broken (errno);
  return status;
}

int
output_finish (int status)
{
  errno = 0;
  bool failed_before = ferror (stdout) != 0;
  if (fclose (stdout) != 0 || failed_before)
    return output_report_broken (errno != 0 ? errno : EIO);
  return broken ? broken_status : status;
}
