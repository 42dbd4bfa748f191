/* MakeDirectory, also with the directories above it.  */

#include "dispatcher/attributes.h"
#include "dispatcher/errand.h"
#include "dispatcher/mounts.h"
#include "dispatcher/ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct making
{
  struct errand errand; /* the first member */
  struct attributes attributes;
};

static bool
prepare (struct request *request, struct errand *errand)
{
  const struct packet_make_directory *asked = &errand->packet.make_directory;
  const struct ownership_fields fields = { &asked->mode, &asked->owner, &asked->group };
  struct attributes *attributes = &((struct making *) errand)->attributes;
  struct replacement_owner owner;
  bool owned = asked->owner.present || asked->group.present;
  if (!ownership_check (request, &fields, &owner))
    return false;
  attributes->set_mode = true;
  attributes->mode = asked->mode.present ? owner.mode : 0700;
  attributes->uid = asked->owner.present ? owner.uid : (uid_t) -1;
  attributes->gid = owned ? owner.gid : (gid_t) -1;
  errand->slow = mounts_may_hang (asked->path.data, true);
  return true;
}

/* What was just made as PATH is held while it gets its attributes: nobody but its owner could have
   put something else there.  */
static int
set_up (const char *path, struct attributes attributes)
{
  struct stat info = { .st_mode = 0 };
  int file = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int errnum = file < 0 || fstat (file, &info) != 0 ? errno : 0;
  if (errnum == 0)
    {
      /* The group that comes of the directory above stays that of all below.  */
      attributes.mode |= info.st_mode & S_ISGID;
      attributes.set_mode = (info.st_mode & 07777) != attributes.mode
                            || attributes.uid != (uid_t) -1 || attributes.gid != (gid_t) -1;
      errnum = attributes_set (file, &attributes);
    }
  if (file >= 0)
    close (file);
  return errnum;
}

static int
make (const char *path, const struct attributes *attributes)
{
  if (mkdir (path, 0700) != 0)
    return errno;
  int errnum = set_up (path, *attributes);
  if (errnum != 0)
    rmdir (path);
  return errnum;
}

static int
check_directory (const char *path)
{
  struct stat info;
  if (stat (path, &info) != 0)
    return errno;
  return S_ISDIR (info.st_mode) ? 0 : EEXIST;
}

/* The directories above PATH, which is writable, that aren't there.  */
static int
make_parents (char *path, const struct attributes *attributes)
{
  int errnum = 0;
  for (char *slash = path + strspn (path, "/"); errnum == 0; slash++)
    {
      slash = strchr (slash, '/');
      if (slash == NULL || slash[strspn (slash, "/")] == '\0')
        break;
      *slash = '\0';
      errnum = make (path, attributes);
      if (errnum != 0 && check_directory (path) == 0)
        errnum = 0;
      *slash = '/';
    }
  return errnum;
}

static void
step (struct errand *errand, char *scratch)
{
  const struct packet_make_directory *asked = &errand->packet.make_directory;
  const struct attributes *attributes = &((struct making *) errand)->attributes;
  const char *path = asked->path.data;
  (void) scratch;
  int errnum = make (path, attributes);
  if (asked->parents && errnum == ENOENT)
    {
      char *copy = strdup (path);
      errnum = copy == NULL ? ENOMEM : make_parents (copy, attributes);
      free (copy);
      if (errnum == 0)
        errnum = make (path, attributes);
    }
  if (asked->parents && errnum != 0 && check_directory (path) == 0)
    errnum = 0;
  if (errnum != 0)
    errand_fail (errand, errnum, "cannot make the directory %s", path);
}

const struct errand_kind make_directory_kind = {
  .request = ERRAND_REQUEST (PACKET_MAKE_DIRECTORY),
  .size = sizeof (struct making),
  .prepare = prepare,
  .step = step,
};
