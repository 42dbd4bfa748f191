#include "dispatcher/source.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
source_open (const char *path, struct stat *info)
{
  int file = open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (file < 0)
    return -1;
  int errnum = fstat (file, info) != 0 ? errno : S_ISDIR (info->st_mode) ? EISDIR : 0;
  if (errnum == 0)
    return file;
  close (file);
  errno = errnum;
  return -1;
}

void
source_answer_failed (struct request *request, int errnum, const char *path)
{
  if (errnum == ENOENT)
    answer_invalid_field (request, "file", "no such file: %s", path);
  else
    answer_os_error (request, errnum, "cannot open %s", path);
}
