#include "dispatcher/descent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
grow (struct descent *descent)
{
  size_t room = descent->allocated == 0 ? 16 : descent->allocated * 2;
  struct descent_level *grown = realloc (descent->levels, room * sizeof *grown);
  if (grown == NULL)
    return false;
  descent->levels = grown;
  descent->allocated = room;
  return true;
}

/* Read on in the directory that FILE is, which is owned.  */
static int
read_directory (struct descent *descent, int file)
{
  DIR *directory = fdopendir (file);
  if (directory == NULL)
    {
      int errnum = errno;
      close (file);
      return errnum;
    }
  if (descent->here != NULL)
    closedir (descent->here);
  descent->here = directory;
  return 0;
}

int
descent_enter (struct descent *descent, int file, const char *name)
{
  struct stat info;
  long place = descent->here == NULL ? 0 : telldir (descent->here);
  if ((descent->depth == descent->allocated && !grow (descent)) || fstat (file, &info) != 0)
    {
      int errnum = errno;
      close (file);
      return errnum;
    }
  char *copy = strdup (name);
  int errnum = copy == NULL ? ENOMEM : 0;
  if (errnum != 0)
    close (file);
  else
    errnum = read_directory (descent, file);
  if (errnum != 0)
    {
      free (copy);
      return errnum;
    }
  if (descent->depth > 0)
    descent->levels[descent->depth - 1].place = place;
  descent->levels[descent->depth++] =
      (struct descent_level){ .device = info.st_dev, .inode = info.st_ino, .name = copy };
  return 0;
}

const struct dirent *
descent_next (struct descent *descent, int *errnum)
{
  const struct dirent *entry;
  do
    {
      errno = 0;
      entry = readdir (descent->here);
    }
  while (entry != NULL && (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0));
  *errnum = entry == NULL ? errno : 0;
  return entry;
}

/* The directory above, open; -1 and errno.  */
static int
open_above (const struct descent *descent)
{
  const struct descent_level *above = &descent->levels[descent->depth - 2];
  struct stat info;
  int file = openat (dirfd (descent->here), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0)
    return -1;
  errno = ESTALE;
  if (fstat (file, &info) == 0 && info.st_dev == above->device && info.st_ino == above->inode)
    return file;
  close (file);
  return -1;
}

int
descent_leave (struct descent *descent, DIR **left, char **name)
{
  DIR *directory = NULL;
  if (descent->depth > 1)
    {
      int file = open_above (descent);
      if (file < 0)
        return errno;
      directory = fdopendir (file);
      if (directory == NULL)
        {
          int errnum = errno;
          close (file);
          return errnum;
        }
      long place = descent->levels[descent->depth - 2].place;
      if (place != 0)
        seekdir (directory, place);
    }
  *left = descent->here;
  *name = descent->levels[--descent->depth].name;
  descent->here = directory;
  return 0;
}

void
descent_describe (const struct descent *descent, const char *path, const char *name, char *text,
                  size_t size)
{
  size_t used = (size_t) snprintf (text, size, "%s", path);
  for (size_t i = 1; i < descent->depth && used < size; i++)
    used += (size_t) snprintf (text + used, size - used, "/%s", descent->levels[i].name);
  if (name != NULL && used < size)
    snprintf (text + used, size - used, "/%s", name);
}

void
descent_free (struct descent *descent)
{
  while (descent->depth > 0)
    free (descent->levels[--descent->depth].name);
  free (descent->levels);
  if (descent->here != NULL)
    closedir (descent->here);
  *descent = (struct descent){ .here = NULL };
}
