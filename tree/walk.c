#include "tree/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  OPEN_MAX_LEVELS = 32,
};

struct walk_level *
walk_here (struct walk *walk)
{
  return walk->depth == 0 ? NULL : &walk->levels[walk->depth - 1];
}

static void
close_level (struct walk_level *level)
{
  if (level->dir != NULL)
    {
      level->place = telldir (level->dir);
      closedir (level->dir);
    }
  else if (level->fd >= 0)
    close (level->fd);
  level->dir = NULL;
  level->fd = -1;
}

/* FD becomes LEVEL's; 0, or an errno.  */
static int
open_level (struct walk_level *level, int fd)
{
  level->fd = fd;
  if (!level->read)
    return 0;
  level->dir = fdopendir (fd);
  if (level->dir != NULL)
    return 0;
  level->fd = -1;
  int errnum = errno;
  close (fd);
  return errnum;
}

/* Room for one more level, and for SIZE bytes of path.  */
static bool
make_room (struct walk *walk, size_t size)
{
  if (walk->depth == walk->allocated)
    {
      size_t room = walk->allocated == 0 ? 16 : walk->allocated * 2;
      struct walk_level *grown = realloc (walk->levels, room * sizeof *grown);
      if (grown == NULL)
        return false;
      walk->levels = grown;
      walk->allocated = room;
    }
  if (size > walk->path_allocated)
    {
      char *grown = realloc (walk->path, 2 * size);
      if (grown == NULL)
        return false;
      walk->path = grown;
      walk->path_allocated = 2 * size;
    }
  return true;
}

int
walk_enter (struct walk *walk, const char *name, int fd, const struct stat *info, bool reads)
{
  size_t before = walk->depth == 0 ? 0 : walk_here (walk)->path_size;
  size_t length = walk->depth == 0 ? 0 : strlen (name);
  struct walk_level level = { .fd = -1,
                              .read = reads,
                              .device = info->st_dev,
                              .inode = info->st_ino,
                              .path_size = before + (before > 0) + length };
  int errnum = walk->depth == WALK_DEPTH_MAX || level.path_size > WALK_PATH_MAX ? ENAMETOOLONG
               : !make_room (walk, level.path_size + 1)                         ? ENOMEM
                                                                                : 0;
  if (errnum != 0)
    {
      close (fd);
      return errnum;
    }
  errnum = open_level (&level, fd);
  if (errnum != 0)
    return errnum;
  if (before > 0)
    walk->path[before] = '/';
  memcpy (walk->path + level.path_size - length, name, length);
  walk->path[level.path_size] = '\0';
  walk->levels[walk->depth++] = level;
  if (walk->depth - walk->open_from > OPEN_MAX_LEVELS)
    close_level (&walk->levels[walk->open_from++]);
  return 0;
}

/* Open LEVEL again, which is above CHILD.  */
static int
open_again (struct walk_level *level, int child)
{
  struct stat info;
  int fd = openat (child, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return errno;
  if (fstat (fd, &info) != 0 || info.st_dev != level->device || info.st_ino != level->inode)
    {
      close (fd);
      return ESTALE;
    }
  int errnum = open_level (level, fd);
  if (errnum == 0 && level->dir != NULL)
    seekdir (level->dir, level->place);
  return errnum;
}

int
walk_leave (struct walk *walk)
{
  struct walk_level *level = walk_here (walk);
  int errnum = 0;
  if (walk->depth > 1 && walk->open_from == walk->depth - 1)
    {
      errnum = open_again (level - 1, level->fd);
      walk->open_from--;
    }
  close_level (level);
  walk->depth--;
  if (walk->depth > 0)
    walk->path[walk_here (walk)->path_size] = '\0';
  return errnum;
}

void
walk_describe (const struct walk *walk, const char *top, const char *name, char *buffer,
               size_t size)
{
  const char *path = walk->depth == 0 ? "" : walk->path;
  size_t length = strlen (top);
  bool slash = length > 0 && top[length - 1] == '/';
  const char *first = walk->depth == 0 || slash || (path[0] == '\0' && name[0] == '\0') ? "" : "/";
  const char *second = path[0] == '\0' || name[0] == '\0' ? "" : "/";
  snprintf (buffer, size, "%s%s%s%s%s", top, first, path, second, walk->depth == 0 ? "" : name);
}

void
walk_free (struct walk *walk)
{
  for (size_t i = 0; i < walk->depth; i++)
    close_level (&walk->levels[i]);
  free (walk->levels);
  free (walk->path);
  *walk = (struct walk){ .levels = NULL };
}
