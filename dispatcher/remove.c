/* Remove: a file, an empty directory, or a directory with all that is in it.

   Names are removed where the descriptor of their directory is, so nothing outside of the tree can
   be reached through a link, also not through one that takes a directory's place meanwhile.  A
   directory is first removed as if it were empty: what is a mount point says so then (EBUSY), and
   is not entered.  */

#include "dispatcher/descent.h"
#include "dispatcher/errand.h"
#include "dispatcher/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  SLICE = 256, /* entries of a step */
};

struct removal
{
  struct errand errand; /* the first member */
  bool begun;
  int above;              /* owned: the directory that PATH's last name is in; with `begun` */
  char *name;             /* owned: that name */
  struct descent descent; /* in what is removed */
  bool again;             /* something was removed since reading of a directory began */
};

/* The last name of PATH, whose length without slashes behind it is *END.  */
static const char *
last_name (const char *path, size_t *end)
{
  *end = strlen (path);
  while (*end > 0 && path[*end - 1] == '/')
    --*end;
  size_t start = *end;
  while (start > 0 && path[start - 1] != '/')
    start--;
  return path + start;
}

static bool
prepare (struct request *request, struct errand *errand)
{
  const struct packet_remove *asked = &errand->packet.remove;
  const char *path = asked->path.data;
  size_t end;
  const char *name = last_name (path, &end);
  size_t length = (size_t) (path + end - name);
  if (path[0] != '\0' && (length == 0 || (length <= 2 && strncmp (name, "..", length) == 0)))
    {
      answer_invalid_field (request, "path", "\"%s\" has no name of its own, and is not removed",
                            path);
      return false;
    }
  errand->slow = asked->recursive || mounts_may_hang (path, false);
  return true;
}

/* 0, or an errno: ENOTEMPTY for a directory with something in it.  */
static int
remove_name (int directory, const char *name, bool is_directory)
{
  if (!is_directory && unlinkat (directory, name, 0) == 0)
    return 0;
  int errnum = errno;
  if (!is_directory && errnum != EISDIR && errnum != EPERM)
    return errnum;
  if (unlinkat (directory, name, AT_REMOVEDIR) == 0)
    return 0;
  if (errno == EEXIST)
    return ENOTEMPTY;
  return errno == ENOTDIR && !is_directory ? errnum : errno;
}

static void
fail (struct removal *removal, int errnum, const char *name)
{
  char path[900];
  descent_describe (&removal->descent, removal->errand.packet.remove.path.data, name, path,
                    sizeof path);
  errand_fail (&removal->errand, errnum, "cannot remove %s", path);
}

/* Down to NAME, in DIRECTORY.  */
static int
enter (struct removal *removal, int directory, const char *name)
{
  int file = openat (directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return file < 0 ? errno : descent_enter (&removal->descent, file, name);
}

/* The directory that PATH is in, and its name there.  */
static int
open_above (struct removal *removal, const char *path)
{
  size_t end;
  const char *name = last_name (path, &end);
  char *above = strndup (path, (size_t) (name - path));
  removal->name = strndup (name, (size_t) (path + end - name));
  if (above != NULL && removal->name != NULL)
    {
      removal->above = open (name == path ? "." : above, O_PATH | O_DIRECTORY | O_CLOEXEC);
      removal->begun = removal->above >= 0;
    }
  int errnum = above == NULL || removal->name == NULL ? ENOMEM : removal->begun ? 0 : errno;
  free (above);
  return errnum;
}

static void
begin (struct removal *removal)
{
  const struct packet_remove *asked = &removal->errand.packet.remove;
  const char *path = asked->path.data;
  int errnum = path[0] == '\0' ? ENOENT : open_above (removal, path);
  if (errnum == 0)
    errnum = remove_name (removal->above, removal->name, path[strlen (path) - 1] == '/');
  if (errnum == ENOTEMPTY && asked->recursive)
    errnum = enter (removal, removal->above, removal->name);
  if (errnum != 0)
    fail (removal, errnum, NULL);
}

/* A directory has been read to its end, and nothing is left in it, or what is can't be seen.  */
static void
leave (struct removal *removal)
{
  DIR *left;
  char *name;
  int errnum = descent_leave (&removal->descent, &left, &name);
  if (errnum != 0)
    {
      fail (removal, errnum, NULL);
      return;
    }
  closedir (left);
  DIR *here = removal->descent.here;
  if (unlinkat (here == NULL ? removal->above : dirfd (here), name, AT_REMOVEDIR) != 0
      && errno != ENOENT)
    fail (removal, errno, here == NULL ? NULL : name);
  removal->again = true;
  free (name);
}

static void
take_entry (struct removal *removal, const char *name)
{
  int directory = dirfd (removal->descent.here);
  int errnum = remove_name (directory, name, false);
  if (errnum == ENOENT)
    return;
  removal->again = true;
  if (errnum == ENOTEMPTY)
    {
      errnum = enter (removal, directory, name);
      /* What is no directory any more is met again.  */
      if (errnum == ENOTDIR || errnum == ELOOP || errnum == ENOENT)
        errnum = 0;
      else if (errnum == 0)
        removal->again = false;
    }
  if (errnum != 0)
    fail (removal, errnum, name);
}

/* Some file systems leave out entries when others are removed while they are read: a directory is
   read until nothing is found.  */
static void
remove_next (struct removal *removal)
{
  int errnum;
  const struct dirent *entry = descent_next (&removal->descent, &errnum);
  if (entry != NULL)
    take_entry (removal, entry->d_name);
  else if (errnum != 0)
    fail (removal, errnum, NULL);
  else if (removal->again)
    {
      removal->again = false;
      rewinddir (removal->descent.here);
    }
  else
    leave (removal);
}

static void
step (struct errand *errand, char *scratch)
{
  struct removal *removal = (struct removal *) errand;
  (void) scratch;
  if (!removal->begun)
    begin (removal);
  for (int i = 0; i < SLICE && errand->errnum == 0 && removal->descent.depth > 0; i++)
    remove_next (removal);
  errand->more = removal->descent.depth > 0;
}

static void
give_back (struct errand *errand)
{
  struct removal *removal = (struct removal *) errand;
  if (removal->begun)
    close (removal->above);
  free (removal->name);
  descent_free (&removal->descent);
}

const struct errand_kind remove_kind = {
  .request = ERRAND_REQUEST (PACKET_REMOVE),
  .size = sizeof (struct removal),
  .prepare = prepare,
  .step = step,
  .give_back = give_back,
};
