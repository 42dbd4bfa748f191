#include "cli/local_target.h"
#include "cli/report.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
local_base_name (const char *path)
{
  const char *slash = strrchr (path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  return strcmp (name, ".") == 0 || strcmp (name, "..") == 0 ? "" : name;
}

/* DIRECTORY/NAME, which the caller frees.  */
static char *
join (const char *directory, const char *name)
{
  size_t size = strlen (directory) + 1 + strlen (name) + 1;
  char *path = malloc (size);
  if (path == NULL)
    out_of_memory ();
  bool slash = directory[0] != '\0' && directory[strlen (directory) - 1] != '/';
  snprintf (path, size, "%s%s%s", directory, slash ? "/" : "", name);
  return path;
}

/* Fill in all of TARGET but its path, from what is there.  */
static int
inspect (struct local_target *target, struct local_error *error)
{
  target->exists = stat (target->name, &target->status) == 0;
  if (!target->exists && errno != ENOENT)
    return local_error_set_unwritable (error, errno, target->name);
  struct stat link;
  target->dangling = !target->exists && lstat (target->name, &link) == 0;
  return 0;
}

static bool
is_directory (const struct local_target *target)
{
  return target->exists && S_ISDIR (target->status.st_mode);
}

/* TARGET is a directory: make it the file NAME in it.  */
static int
descend (struct local_target *target, const char *name, struct local_error *error)
{
  if (name[0] == '\0')
    return local_error_set (error, 0, "the remote path names no file, so %s needs a file name too",
                            target->name);
  char *file = join (target->name, name);
  free (target->name);
  target->name = file;
  if (inspect (target, error) != 0)
    return -1;
  if (is_directory (target))
    return local_error_set (error, EISDIR, "cannot write %s: it is a directory", target->name);
  return 0;
}

/* The file itself is replaced, and not a link to it.  */
static int
resolve (struct local_target *target, struct local_error *error)
{
  bool regular = target->exists && S_ISREG (target->status.st_mode);
  target->path = regular ? realpath (target->name, NULL) : strdup (target->name);
  if (target->path == NULL)
    return local_error_set_unwritable (error, errno, target->name);
  return 0;
}

int
local_target_find (const char *local, const char *name, struct local_target *target,
                   struct local_error *error)
{
  *target = (struct local_target){ .name = strdup (local) };
  if (target->name == NULL)
    out_of_memory ();
  if (inspect (target, error) != 0)
    return -1;
  if (is_directory (target) && descend (target, name, error) != 0)
    return -1;
  return resolve (target, error);
}

void
local_target_free (struct local_target *target)
{
  free (target->name);
  free (target->path);
  target->name = target->path = NULL;
}
