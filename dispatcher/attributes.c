/* SetAttributes: of one file, or of all in a tree.

   Each file is held by a descriptor, which is what its attributes are given to: a link that takes
   its place meanwhile changes nothing.  In a tree no link is followed; a directory gets its own
   when all in it has them, so that it can be gone through until then, but for one that can't be
   read before.  */

#include "dispatcher/attributes.h"

#include "dispatcher/descent.h"
#include "dispatcher/errand.h"
#include "dispatcher/mode.h"
#include "dispatcher/mounts.h"
#include "dispatcher/ownership.h"
#include "protocol/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  SLICE = 256, /* entries of a step */
  NUMBER_OF_FCHMODAT2 = 452,
};

struct change
{
  struct errand errand; /* the first member */
  struct attributes attributes;
  struct descent descent;
  bool begun;
};

/* ---- one file ---- */

/* A descriptor that is only a path is reached through /proc; where there is none, newer kernels
   have a call for it.  musl's fchmod goes through /proc itself.  */
static int
set_mode (int file, mode_t mode)
{
  char path[40];
  if (fchmod (file, mode) == 0)
    return 0;
  if (errno != EBADF && errno != ENOENT)
    return errno;
  snprintf (path, sizeof path, "/proc/self/fd/%d", file);
  if (chmod (path, mode) == 0)
    return 0;
  if (errno != ENOENT)
    return errno;
  return syscall (NUMBER_OF_FCHMODAT2, file, "", mode, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

static int
set_times (int file, const struct timespec *times)
{
  char path[40];
  if (futimens (file, times) == 0)
    return 0;
  if (errno != EBADF)
    return errno;
  snprintf (path, sizeof path, "/proc/self/fd/%d", file);
  if (utimensat (AT_FDCWD, path, times, 0) == 0)
    return 0;
  if (errno != ENOENT)
    return errno;
  return utimensat (file, "", times, AT_EMPTY_PATH) == 0 ? 0 : errno;
}

/* The mode that FILE is to get, of which CHANGE says how it differs from the one it has.  */
static int
find_mode (int file, const char *change, mode_t *mode)
{
  struct stat info;
  if (fstat (file, &info) != 0)
    return errno;
  *mode = info.st_mode & 07777;
  mode_change (change, S_ISDIR (info.st_mode), mode);
  return 0;
}

/* The owner first: to change it takes the set-id bits away.  */
int
attributes_set (int file, const struct attributes *attributes)
{
  int errnum = 0;
  mode_t mode = attributes->mode;
  if ((attributes->uid != (uid_t) -1 || attributes->gid != (gid_t) -1)
      && fchownat (file, "", attributes->uid, attributes->gid, AT_EMPTY_PATH) != 0)
    return errno;
  if (attributes->set_mode && attributes->change != NULL)
    errnum = find_mode (file, attributes->change, &mode);
  if (attributes->set_mode && errnum == 0)
    errnum = set_mode (file, mode);
  if (errnum == 0 && attributes->set_times)
    errnum = set_times (file, attributes->times);
  return errnum;
}

/* ---- the request ---- */

/* Take MODE where it is symbolic; it is not digits, which ownership_check knows.  False: answered.
 */
static bool
take_change (struct request *request, const struct packet_bytes *mode,
             struct attributes *attributes)
{
  mode_t tried = 0;
  if (!mode->present || mode_parse (mode->data, 07777, &tried))
    return true;
  attributes->change = mode->data;
  if (mode_change (mode->data, false, &tried))
    return true;
  answer_invalid_field (request, "mode",
                        "neither an octal mode of one to four digits nor a symbolic one: %s",
                        mode->data);
  return false;
}

static bool
prepare (struct request *request, struct errand *errand)
{
  static const struct packet_bytes none = { .present = false };
  const struct packet_set_attributes *asked = &errand->packet.set_attributes;
  struct attributes *attributes = &((struct change *) errand)->attributes;
  struct replacement_owner owner;
  if (!take_change (request, &asked->mode, attributes))
    return false;
  const struct ownership_fields fields = { attributes->change == NULL ? &asked->mode : &none,
                                           &asked->owner, &asked->group };
  if (!ownership_check (request, &fields, &owner))
    return false;
  attributes->set_mode = asked->mode.present;
  attributes->mode = owner.mode;
  attributes->uid = asked->owner.present ? owner.uid : (uid_t) -1;
  attributes->gid = asked->group.present ? owner.gid : (gid_t) -1;
  attributes->set_times = asked->set_atime || asked->set_mtime;
  const int64_t times[2] = { asked->atime, asked->mtime };
  const bool set[2] = { asked->set_atime, asked->set_mtime };
  for (int i = 0; i < 2; i++)
    {
      attributes->times[i] = timestamp_time (times[i]);
      if (!set[i] || times[i] == INT64_MIN)
        attributes->times[i].tv_nsec = set[i] ? UTIME_NOW : UTIME_OMIT;
    }
  errand->slow = asked->recursive || mounts_may_hang (asked->path.data, asked->follow_links);
  return true;
}

static void
fail (struct change *change, int errnum, const char *name)
{
  char path[900];
  descent_describe (&change->descent, change->errand.packet.set_attributes.path.data, name, path,
                    sizeof path);
  errand_fail (&change->errand, errnum, "cannot change %s", path);
}

/* A link has no mode of its own.  */
static int
set_on_link (int file, struct attributes attributes)
{
  attributes.set_mode = false;
  return attributes_set (file, &attributes);
}

/* Down to the directory that FILE is.  */
static int
enter (struct change *change, int file, const char *name)
{
  int readable = openat (file, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool has_them =
      readable < 0 && errno == EACCES && attributes_set (file, &change->attributes) == 0;
  if (has_them)
    readable = openat (file, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int errnum = readable < 0 ? errno : descent_enter (&change->descent, readable, name);
  if (errnum == 0)
    change->descent.levels[change->descent.depth - 1].done = has_them;
  return errnum;
}

/* What FILE is, which has NAME where the walk is; it is of a tree.  */
static int
change_one (struct change *change, int file, const char *name)
{
  struct stat info;
  if (fstat (file, &info) != 0)
    return errno;
  if (S_ISDIR (info.st_mode))
    return enter (change, file, name);
  if (S_ISLNK (info.st_mode))
    return set_on_link (file, change->attributes);
  return attributes_set (file, &change->attributes);
}

static void
begin (struct change *change)
{
  const struct packet_set_attributes *asked = &change->errand.packet.set_attributes;
  int file = open (asked->path.data, O_PATH | O_CLOEXEC | (asked->follow_links ? 0 : O_NOFOLLOW));
  int errnum = file < 0 ? errno : 0;
  change->begun = true;
  if (errnum == 0)
    errnum = asked->recursive ? change_one (change, file, "")
                              : attributes_set (file, &change->attributes);
  if (errnum != 0)
    fail (change, errnum, NULL);
  if (file >= 0)
    close (file);
}

static void
leave (struct change *change)
{
  DIR *left;
  char *name;
  /* A mode that depends on the one before is not to be set twice.  */
  bool has_them = change->descent.levels[change->descent.depth - 1].done;
  int errnum = descent_leave (&change->descent, &left, &name);
  if (errnum != 0)
    {
      fail (change, errnum, NULL);
      return;
    }
  errnum = has_them ? 0 : attributes_set (dirfd (left), &change->attributes);
  if (errnum != 0)
    fail (change, errnum, change->descent.here == NULL ? NULL : name);
  closedir (left);
  free (name);
}

static void
take_entry (struct change *change, const char *name)
{
  int file = openat (dirfd (change->descent.here), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0 && errno == ENOENT)
    return;
  int errnum = file < 0 ? errno : change_one (change, file, name);
  if (errnum != 0)
    fail (change, errnum, name);
  if (file >= 0)
    close (file);
}

static void
step (struct errand *errand, char *scratch)
{
  struct change *change = (struct change *) errand;
  (void) scratch;
  if (!change->begun)
    begin (change);
  for (int i = 0; i < SLICE && errand->errnum == 0 && change->descent.depth > 0; i++)
    {
      int errnum;
      const struct dirent *entry = descent_next (&change->descent, &errnum);
      if (entry != NULL)
        take_entry (change, entry->d_name);
      else if (errnum != 0)
        fail (change, errnum, NULL);
      else
        leave (change);
    }
  errand->more = change->descent.depth > 0;
}

static void
give_back (struct errand *errand)
{
  descent_free (&((struct change *) errand)->descent);
}

const struct errand_kind set_attributes_kind = {
  .request = ERRAND_REQUEST (PACKET_SET_ATTRIBUTES),
  .size = sizeof (struct change),
  .prepare = prepare,
  .step = step,
  .give_back = give_back,
};
