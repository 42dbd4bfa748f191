/* Rename, Link and ReadLink.  */

#include "dispatcher/errand.h"
#include "dispatcher/mounts.h"
#include "dispatcher/temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  NO_REPLACE = 1, /* RENAME_NOREPLACE */
};

/* ---- Rename ---- */

static bool
prepare_rename (struct request *request, struct errand *errand)
{
  const struct packet_rename *asked = &errand->packet.rename;
  (void) request;
  errand->slow =
      mounts_may_hang (asked->source.data, false) || mounts_may_hang (asked->target.data, false);
  return true;
}

/* Where the kernel or the file system has no rename that replaces nothing: the new name is taken
   by something that fails if it is there, and that is what then is replaced, or stays.  */
static int
rename_by_hand (const char *source, const char *target)
{
  struct stat info, made;
  if (lstat (source, &info) != 0)
    return errno;
  bool is_directory = S_ISDIR (info.st_mode);
  if ((is_directory ? mkdir (target, 0700) : link (source, target)) != 0)
    return errno;
  if ((is_directory ? rename (source, target) : unlink (source)) == 0)
    return 0;
  int errnum = errno;
  if (is_directory)
    rmdir (target);
  else if (lstat (target, &made) == 0 && made.st_dev == info.st_dev && made.st_ino == info.st_ino)
    unlink (target);
  return errnum;
}

static void
rename_file (struct errand *errand, char *scratch)
{
  const struct packet_rename *asked = &errand->packet.rename;
  const char *source = asked->source.data, *target = asked->target.data;
  int errnum = 0;
  (void) scratch;
  if (asked->replace)
    errnum = rename (source, target) == 0 ? 0 : errno;
  else if (syscall (SYS_renameat2, AT_FDCWD, source, AT_FDCWD, target, NO_REPLACE) != 0)
    errnum = errno == ENOSYS || errno == EINVAL ? rename_by_hand (source, target) : errno;
  if (errnum != 0)
    errand_fail (errand, errnum, "cannot rename %s to %s", source, target);
}

const struct errand_kind rename_kind = {
  .request = ERRAND_REQUEST (PACKET_RENAME),
  .size = sizeof (struct errand),
  .prepare = prepare_rename,
  .step = rename_file,
};

/* ---- Link ---- */

static bool
prepare_link (struct request *request, struct errand *errand)
{
  const struct packet_link *asked = &errand->packet.link;
  (void) request;
  errand->slow = mounts_may_hang (asked->path.data, false)
                 || (!asked->symbolic && mounts_may_hang (asked->target.data, false));
  return true;
}

static int
make_link (const struct packet_link *asked, const char *path)
{
  const char *target = asked->target.data;
  return (asked->symbolic ? symlink (target, path) : link (target, path)) == 0 ? 0 : errno;
}

/* The link gets a name of its own in the same directory, and then that which is replaced.  */
static int
replace_by_link (const struct packet_link *asked)
{
  const char *path = asked->path.data, *slash = strrchr (path, '/');
  size_t directory = slash == NULL ? 0 : (size_t) (slash + 1 - path);
  size_t size = directory + strlen (TEMPORARY_PREFIX) + TEMPORARY_SUFFIX;
  char suffix[TEMPORARY_SUFFIX], *temporary = malloc (size);
  int errnum = temporary == NULL ? ENOMEM : EEXIST;
  for (int i = 0; i < TEMPORARY_TRIES && errnum == EEXIST; i++)
    {
      temporary_suffix (suffix);
      snprintf (temporary, size, "%.*s" TEMPORARY_PREFIX "%s", (int) directory, path, suffix);
      errnum = make_link (asked, temporary);
    }
  if (errnum == 0)
    {
      errnum = rename (temporary, path) == 0 ? 0 : errno;
      /* It is still there, too, if both are names of one file.  */
      unlink (temporary);
    }
  free (temporary);
  return errnum;
}

static void
link_file (struct errand *errand, char *scratch)
{
  const struct packet_link *asked = &errand->packet.link;
  (void) scratch;
  int errnum = make_link (asked, asked->path.data);
  if (errnum == EEXIST && asked->replace)
    errnum = replace_by_link (asked);
  if (errnum != 0)
    errand_fail (errand, errnum, "cannot make %s a link to %s", asked->path.data,
                 asked->target.data);
}

const struct errand_kind link_kind = {
  .request = ERRAND_REQUEST (PACKET_LINK),
  .size = sizeof (struct errand),
  .prepare = prepare_link,
  .step = link_file,
};

/* ---- ReadLink ---- */

struct reading
{
  struct errand errand; /* the first member */
  char target[PATH_MAX];
};

static bool
prepare_read (struct request *request, struct errand *errand)
{
  (void) request;
  errand->slow = mounts_may_hang (errand->packet.read_link.path.data, false);
  return true;
}

static void
read_target (struct errand *errand, char *scratch)
{
  struct reading *reading = (struct reading *) errand;
  const char *path = errand->packet.read_link.path.data;
  (void) scratch;
  ssize_t size = readlink (path, reading->target, sizeof reading->target);
  if (size == (ssize_t) sizeof reading->target)
    errno = ENAMETOOLONG;
  if (size < 0 || size == (ssize_t) sizeof reading->target)
    errand_fail (errand, errno, "cannot read the link %s", path);
}

static void
tell_target (struct request *request, const struct errand *errand)
{
  struct packet packet = { .id = PACKET_RESOLVE_RESULT };
  packet.resolve_result.value = packet_text (((const struct reading *) errand)->target);
  answer (request, &packet);
}

const struct errand_kind read_link_kind = {
  .request = ERRAND_REQUEST (PACKET_READ_LINK),
  .size = sizeof (struct reading),
  .prepare = prepare_read,
  .step = read_target,
  .tell = tell_target,
};
