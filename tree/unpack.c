#include "tree/unpack.h"

#include "protocol/timestamp.h"
#include "tree/unnamed.h"
#include "tree/write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum
{
  SAME_MAX = 1 << 16, /* files with several names */
  NAME_SIZE = 256,    /* bytes of a name, with its NUL */
  TRIES = 16,         /* for a temporary name */
};

#define NOBODY ((unsigned) -1) /* as chown has it: the owner stays */
#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC)

/* Copy TEXT, as far as there is room for it.  */
static void
copy_text (char *place, size_t size, const char *text)
{
  size_t length = strnlen (text, size - 1);
  memcpy (place, text, length);
  place[length] = '\0';
}

/* ---- what goes wrong ---- */

/* What comes is not acceptable: nothing more is taken.  */
static void
refuse (struct unpack *unpack, const char *why, const char *name)
{
  if (unpack->refusal != NULL)
    return;
  unpack->refusal = why;
  copy_text (unpack->refused, sizeof unpack->refused, name);
}

static void
tell_problem (struct unpack *unpack, const char *name, int errnum, const char *what)
{
  char path[RECORD_TEXT_MAX];
  walk_describe (&unpack->walk, unpack->top, name, path, sizeof path);
  unpack->problem (unpack->context, false, path, errnum, what);
}

/* ---- ids of owners ---- */

/* The id of NAME in *ID; false: it is wanted.  */
static bool
find_id (struct unpack *unpack, enum unpack_wanted kind, const char *name, unsigned *id)
{
  struct unpack_id *ids = kind == UNPACK_USER ? unpack->users : unpack->groups;
  *id = NOBODY;
  if (!unpack->owners || name[0] == '\0')
    return true;
  if (strlen (name) >= UNPACK_NAME_SIZE)
    {
      refuse (unpack, "a name that no user can have", name);
      return true;
    }
  unsigned hash = 0;
  for (const char *letter = name; *letter != '\0'; letter++)
    hash = hash * 31 + (unsigned char) *letter;
  const struct unpack_id *slot = &ids[hash % UNPACK_NAMES];
  if (slot->known && strcmp (slot->name, name) == 0)
    {
      *id = slot->absent ? NOBODY : slot->id;
      return true;
    }
  unpack->wanted = kind;
  copy_text (unpack->wanted_name, sizeof unpack->wanted_name, name);
  unpack->wanted_slot = hash % UNPACK_NAMES;
  return false;
}

void
unpack_tell (struct unpack *unpack, const unsigned *id)
{
  bool user = unpack->wanted == UNPACK_USER;
  struct unpack_id *slot =
      user ? &unpack->users[unpack->wanted_slot] : &unpack->groups[unpack->wanted_slot];
  char what[UNPACK_NAME_SIZE + 80];
  unpack->wanted = UNPACK_NOTHING;
  slot->known = true;
  slot->absent = id == NULL;
  slot->id = id == NULL ? NOBODY : *id;
  memcpy (slot->name, unpack->wanted_name, sizeof slot->name);
  if (id != NULL)
    return;
  snprintf (what, sizeof what, "there is no %s %s here: what belongs to it will not",
            user ? "user" : "group", slot->name);
  tell_problem (unpack, "", 0, what);
}

/* The owners that the record names; false: an id is wanted.  */
static bool
find_owners (struct unpack *unpack, const struct record *record, unsigned *uid, unsigned *gid)
{
  return find_id (unpack, UNPACK_USER, record->texts[RECORD_OWNER], uid)
         && find_id (unpack, UNPACK_GROUP, record->texts[RECORD_GROUP], gid);
}

/* ---- attributes ---- */

static void
times_of (int64_t mtime, struct timespec times[2])
{
  times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
  times[1] = timestamp_time (mtime);
}

/* Set the owners of FD, where that is wanted; the bits of MODE that it may have with those it has
   now.  As with cp -p, who may not give files away keeps them, without set-id bits.  */
static mode_t
set_owners (const struct unpack *unpack, int fd, mode_t mode, uid_t uid, gid_t gid)
{
  if (!unpack->owners)
    return mode & 0777;
  if (fchown (fd, uid, gid) == 0)
    return uid == NOBODY || gid == NOBODY ? mode & 01777 : mode;
  bool grouped = fchown (fd, NOBODY, gid) == 0;
  (void) grouped;
  return mode & 01777;
}

/* Owner, mode and time of the file FD.  0, or an errno and *WHAT.  */
static int
set_attributes (const struct unpack *unpack, int fd, mode_t mode, int64_t mtime, uid_t uid,
                gid_t gid, const char **what)
{
  struct timespec times[2];
  times_of (mtime, times);
  mode = set_owners (unpack, fd, mode, uid, gid);
  *what = "cannot change the mode of";
  if (fchmod (fd, mode) != 0)
    return errno;
  *what = "cannot set the time of";
  return futimens (fd, times) == 0 ? 0 : errno;
}

/* ---- names ---- */

static bool
is_name (const char *name)
{
  size_t length = strlen (name);
  return length > 0 && length < NAME_SIZE && strchr (name, '/') == NULL && strcmp (name, ".") != 0
         && strcmp (name, "..") != 0;
}

/* Where the entry goes: the open directory.  */
static int
here (const struct unpack *unpack)
{
  const struct walk *walk = &unpack->walk;
  return walk->depth == 0 ? unpack->parent : walk->levels[walk->depth - 1].fd;
}

/* Whether what is made here is made where nobody else makes anything.  */
static bool
is_new_here (struct unpack *unpack)
{
  const struct walk_level *level = walk_here (&unpack->walk);
  return level != NULL && level->made;
}

/* The name under which an entry is made, or NULL: it is refused.  */
static const char *
check_name (struct unpack *unpack, const char *name)
{
  if (unpack->walk.depth == 0 && unpack->skipping == 0)
    {
      if (name[0] != '\0' || unpack->top_seen)
        refuse (unpack, "an entry beside the top of the tree", name);
      unpack->top_seen = true;
      return unpack->name;
    }
  if (!is_name (name))
    refuse (unpack, "a name that no file can have", name);
  return name;
}

static void
make_temporary_name (char *name, size_t size)
{
  static _Thread_local uint64_t counter;
  if (counter == 0 && getrandom (&counter, sizeof counter, 0) != (ssize_t) sizeof counter)
    counter = (uint64_t) getpid () << 32;
  snprintf (name, size, ".longreach-%016llx", (unsigned long long) ++counter);
}

/* ---- directories ---- */

/* Make, or find, the directory NAME.  Its descriptor, or -1 and errno.  */
static int
open_directory (struct unpack *unpack, const char *name, bool *made)
{
  bool top = unpack->walk.depth == 0;
  *made = false;
  if (!(top && unpack->follow))
    *made = mkdirat (here (unpack), name, 0700) == 0;
  if (!*made && !(top && unpack->follow) && errno != EEXIST)
    return -1;
  if (!*made && is_new_here (unpack))
    {
      errno = EEXIST;
      return -1;
    }
  int flags = top && unpack->follow ? DIRECTORY & ~O_NOFOLLOW : DIRECTORY;
  int fd = openat (here (unpack), name, flags);
  if (fd < 0 && errno == ELOOP)
    errno = ENOTDIR;
  return fd;
}

static int
enter (struct unpack *unpack, const char *name, bool *made)
{
  struct stat info;
  int fd = open_directory (unpack, name, made);
  if (fd < 0)
    return errno;
  if (fstat (fd, &info) != 0)
    {
      int errnum = errno;
      close (fd);
      return errnum;
    }
  if (unpack->walk.depth == 0)
    unpack->root = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  return walk_enter (&unpack->walk, name, fd, &info, false);
}

static void
take_enter (struct unpack *unpack, const struct record *record)
{
  unsigned uid, gid;
  bool made = false;
  if (!find_owners (unpack, record, &uid, &gid))
    return;
  const char *name = check_name (unpack, record->texts[RECORD_NAME]);
  if (unpack->refusal != NULL)
    return;
  if (unpack->walk.depth + unpack->skipping >= WALK_DEPTH_MAX)
    {
      refuse (unpack, "more directories below each other than are taken", name);
      return;
    }
  if (unpack->skipping > 0)
    {
      unpack->skipping++;
      return;
    }
  int errnum = enter (unpack, name, &made);
  if (errnum != 0)
    {
      tell_problem (unpack, unpack->walk.depth == 0 ? "" : name, errnum,
                    errnum == ENOTDIR ? "cannot put a directory in the place of"
                                      : "cannot make the directory");
      unpack->skipping = 1;
      return;
    }
  struct walk_level *level = walk_here (&unpack->walk);
  level->made = made;
  level->mode = (mode_t) record->numbers[RECORD_MODE] & 07777;
  level->mtime = (int64_t) record->numbers[RECORD_MTIME];
  level->uid = uid;
  level->gid = gid;
  unpack->directories++;
}

static void
take_leave (struct unpack *unpack)
{
  const char *what;
  if (unpack->skipping > 0)
    {
      unpack->skipping--;
      return;
    }
  const struct walk_level *level = walk_here (&unpack->walk);
  if (level == NULL)
    {
      refuse (unpack, "the end of a directory that has not begun", "");
      return;
    }
  int errnum =
      set_attributes (unpack, level->fd, level->mode, level->mtime, level->uid, level->gid, &what);
  if (errnum != 0)
    tell_problem (unpack, "", errnum, what);
  if (walk_leave (&unpack->walk) != 0)
    refuse (unpack, "a directory was moved away while it was filled", "");
}

/* ---- files ---- */

/* Give what has the name TEMPORARY its name NAME, "." for a top that is a directory already; 0, or
   an errno.  */
static int
take_name (struct unpack *unpack, const char *temporary, const char *name)
{
  int directory = here (unpack);
  if (renameat (directory, temporary, directory, name) == 0)
    return 0;
  int errnum = strcmp (name, ".") == 0 ? EISDIR : errno;
  unlinkat (directory, temporary, 0);
  return errnum;
}

/* Make the file that comes.  -1 and errno.

   One whose content is still on its way has no name until all of it has come, so that nothing of it
   stays if nobody can tidy up; for others that would take too long.  */
static int
create_file (struct unpack *unpack)
{
  static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  struct stat info;
  unpack->temporary[0] = '\0';
  unpack->unnamed = false;
  if (unpack->size > 0 && unpack->at_hand < unpack->size + RECORD_HEAD)
    {
      /* What can't have its name in the end is told now, as for others.  */
      if (is_new_here (unpack)
          && fstatat (here (unpack), unpack->file_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        {
          errno = EEXIST;
          return -1;
        }
      int file = unnamed_open (here (unpack));
      unpack->unnamed = file >= 0;
      if (unpack->unnamed || errno != EOPNOTSUPP)
        return file;
    }
  if (is_new_here (unpack))
    return openat (here (unpack), unpack->file_name, flags, 0600);
  for (int i = 0; i < TRIES; i++)
    {
      make_temporary_name (unpack->temporary, sizeof unpack->temporary);
      int file = openat (here (unpack), unpack->temporary, flags, 0600);
      if (file >= 0 || errno != EEXIST)
        return file;
    }
  return -1;
}

/* Remove the name under which the file was made.  */
static void
remove_unfinished (const struct unpack *unpack)
{
  if (!unpack->unnamed)
    unlinkat (here (unpack), unpack->temporary[0] != '\0' ? unpack->temporary : unpack->file_name,
              0);
}

/* The file that was begun is not to be.  */
static void
drop_file (struct unpack *unpack)
{
  if (unpack->file < 0)
    return;
  close (unpack->file);
  unpack->file = -1;
  remove_unfinished (unpack);
}

static void
fail_file (struct unpack *unpack, int errnum, const char *what)
{
  drop_file (unpack);
  tell_problem (unpack, unpack->walk.depth == 0 ? "" : unpack->file_name, errnum, what);
}

/* Remember where file ID is, which has just been made, for its further names.  */
static void
note_same (struct unpack *unpack, const struct stat *info)
{
  char path[RECORD_TEXT_MAX];
  struct unpack_same *same = &unpack->same[unpack->id - 1];
  walk_describe (&unpack->walk, "", unpack->file_name, path, sizeof path);
  if (strlen (path) + 1 < sizeof path)
    same->path = strdup (path + 1);
  same->device = info->st_dev;
  same->inode = info->st_ino;
}

/* Give the file without a name its own, or a temporary one to take the place of what has it.  0, or
   an errno.  */
static int
name_file (struct unpack *unpack)
{
  int errnum = unnamed_link (unpack->file, here (unpack), unpack->file_name);
  if (errnum == EEXIST && !is_new_here (unpack))
    for (int i = 0; i < TRIES && errnum == EEXIST; i++)
      {
        make_temporary_name (unpack->temporary, sizeof unpack->temporary);
        errnum = unnamed_link (unpack->file, here (unpack), unpack->temporary);
      }
  unpack->unnamed = errnum != 0;
  return errnum;
}

/* All of it has come.  */
static void
finish_file (struct unpack *unpack)
{
  const char *what;
  struct stat info = { .st_ino = 0 };
  unpack->inside = false;
  if (unpack->file < 0)
    return;
  int errnum = 0;
  if (unpack->ends_with_hole && ftruncate (unpack->file, (off_t) unpack->size) != 0)
    {
      fail_file (unpack, errno, "cannot write");
      return;
    }
  errnum = set_attributes (unpack, unpack->file, unpack->mode, unpack->mtime, unpack->uid,
                           unpack->gid, &what);
  if (errnum == 0 && unpack->id != 0 && fstat (unpack->file, &info) != 0)
    errnum = errno;
  if (errnum == 0 && unpack->unnamed)
    {
      what = "cannot make";
      errnum = name_file (unpack);
    }
  if (errnum != 0)
    {
      fail_file (unpack, errnum, what);
      return;
    }
  int file = unpack->file;
  unpack->file = -1;
  what = "cannot write";
  if (close (file) != 0)
    {
      errnum = errno;
      remove_unfinished (unpack);
    }
  if (errnum == 0 && unpack->temporary[0] != '\0')
    {
      what = "cannot replace";
      errnum = take_name (unpack, unpack->temporary, unpack->file_name);
    }
  if (errnum != 0)
    {
      fail_file (unpack, errnum, what);
      return;
    }
  unpack->files++;
  unpack->bytes += unpack->size;
  if (unpack->id != 0)
    note_same (unpack, &info);
}

/* Whether ID is what comes next, and there is room for it.  */
static bool
reserve_same (struct unpack *unpack, uint64_t id)
{
  if (id == 0)
    return true;
  if (id != unpack->same_count + 1 || id > SAME_MAX)
    {
      refuse (unpack, "a number that no file can have", "");
      return false;
    }
  if (unpack->same_count == unpack->same_allocated)
    {
      size_t room = unpack->same_allocated == 0 ? 64 : unpack->same_allocated * 2;
      struct unpack_same *grown = realloc (unpack->same, room * sizeof *grown);
      if (grown == NULL)
        {
          unpack->errnum = ENOMEM;
          refuse (unpack, "there is no memory for files of several names", "");
          return false;
        }
      unpack->same = grown;
      unpack->same_allocated = room;
    }
  unpack->same[unpack->same_count++] = (struct unpack_same){ .path = NULL };
  return true;
}

/* Whether there may be so much.  */
static bool
check_limits (struct unpack *unpack, const char *name)
{
  if (unpack->max_files != 0 && unpack->files + unpack->links >= unpack->max_files)
    refuse (unpack, "more files than are wanted", name);
  else if (unpack->max_bytes != 0
           && (unpack->size > unpack->max_bytes
               || unpack->bytes > unpack->max_bytes - unpack->size))
    refuse (unpack, "more bytes than are wanted", name);
  return unpack->refusal == NULL;
}

static void
take_file (struct unpack *unpack, const struct record *record)
{
  unsigned uid, gid;
  if (!find_owners (unpack, record, &uid, &gid))
    return;
  const char *name = check_name (unpack, record->texts[RECORD_NAME]);
  unpack->size = unpack->left = record->numbers[RECORD_SIZE];
  if (unpack->size > INT64_MAX)
    refuse (unpack, "a size that no file can have", name);
  unpack->id = record->numbers[RECORD_ID];
  if (unpack->refusal != NULL || !check_limits (unpack, name) || !reserve_same (unpack, unpack->id))
    return;
  copy_text (unpack->file_name, sizeof unpack->file_name, name);
  unpack->mode = (mode_t) record->numbers[RECORD_MODE] & 07777;
  unpack->mtime = (int64_t) record->numbers[RECORD_MTIME];
  unpack->uid = uid;
  unpack->gid = gid;
  unpack->ends_with_hole = false;
  unpack->file = -1;
  unpack->inside = true;
  if (unpack->skipping == 0 && (unpack->file = create_file (unpack)) < 0)
    fail_file (unpack, errno, "cannot make");
  if (unpack->left == 0)
    finish_file (unpack);
}

/* SIZE bytes of the file have come, or been passed over, and AHEAD more are to come with them.  */
static bool
count_content (struct unpack *unpack, uint64_t size, uint64_t ahead)
{
  if (!unpack->inside || size > unpack->left || ahead > unpack->left - size)
    {
      refuse (unpack, "bytes that are no file's", unpack->inside ? unpack->file_name : "");
      return false;
    }
  unpack->left -= size;
  return true;
}

static void
take_bytes (struct unpack *unpack, const char *data, size_t size)
{
  if (!count_content (unpack, size, unpack->reader.content_left) || size == 0)
    return;
  int errnum = unpack->file < 0 ? 0 : write_all (unpack->file, data, size);
  unpack->ends_with_hole = false;
  if (errnum != 0)
    fail_file (unpack, errnum, "cannot write");
  if (unpack->left == 0)
    finish_file (unpack);
}

static void
take_hole (struct unpack *unpack, uint64_t size)
{
  if (!count_content (unpack, size, 0) || size == 0)
    return;
  unpack->ends_with_hole = true;
  if (unpack->file >= 0 && lseek (unpack->file, (off_t) size, SEEK_CUR) < 0)
    fail_file (unpack, errno, "cannot write");
  if (unpack->left == 0)
    finish_file (unpack);
}

static void
take_abandon (struct unpack *unpack)
{
  if (!unpack->inside)
    refuse (unpack, "the end of a file that has not begun", "");
  drop_file (unpack);
  unpack->inside = false;
}

/* ---- links ---- */

/* Make NAME by way of MAKE, in the place of what has it.  0, or an errno.  */
static int
make_entry (struct unpack *unpack, const char *name,
            int (*make) (struct unpack *unpack, const char *name, const void *from),
            const void *from)
{
  char temporary[sizeof unpack->temporary];
  if (make (unpack, name, from) == 0)
    return 0;
  if (errno != EEXIST || is_new_here (unpack))
    return errno;
  make_temporary_name (temporary, sizeof temporary);
  if (make (unpack, temporary, from) != 0)
    return errno;
  int errnum = take_name (unpack, temporary, name);
  /* Of two names of one file, neither takes the other's place.  */
  unlinkat (here (unpack), temporary, 0);
  return errnum;
}

static int
make_link (struct unpack *unpack, const char *name, const void *target)
{
  return symlinkat (target, here (unpack), name);
}

static void
take_link (struct unpack *unpack, const struct record *record)
{
  struct timespec times[2];
  unsigned uid, gid;
  if (!find_owners (unpack, record, &uid, &gid))
    return;
  const char *name = check_name (unpack, record->texts[RECORD_NAME]);
  unpack->size = 0;
  if (unpack->refusal != NULL || !check_limits (unpack, name) || unpack->skipping > 0)
    return;
  int errnum = make_entry (unpack, name, make_link, record->texts[RECORD_TARGET]);
  if (errnum != 0)
    {
      tell_problem (unpack, unpack->walk.depth == 0 ? "" : name, errnum, "cannot make the link");
      return;
    }
  times_of ((int64_t) record->numbers[RECORD_MTIME], times);
  /* Neither is worth a word where it can't be had.  */
  bool owned = unpack->owners && fchownat (here (unpack), name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
  bool timed = utimensat (here (unpack), name, times, AT_SYMLINK_NOFOLLOW) == 0;
  (void) owned;
  (void) timed;
  unpack->links++;
}

/* Open the directory of PATH, below the top, without following a link; *NAME is the rest.  */
static int
open_parent (const struct unpack *unpack, char *path, const char **name)
{
  int directory = fcntl (unpack->root, F_DUPFD_CLOEXEC, 3);
  char *slash;
  while (directory >= 0 && (slash = strchr (path, '/')) != NULL)
    {
      *slash = '\0';
      int next = openat (directory, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      close (directory);
      directory = next;
      path = slash + 1;
    }
  *name = path;
  return directory;
}

/* One more name for the file that SAME tells of, if it is still there.  */
static int
make_same (struct unpack *unpack, const char *name, const void *from)
{
  const struct unpack_same *same = from;
  char path[RECORD_TEXT_MAX];
  const char *old;
  struct stat info;
  copy_text (path, sizeof path, same->path);
  int directory = open_parent (unpack, path, &old);
  if (directory < 0)
    return -1;
  int status = fstatat (directory, old, &info, AT_SYMLINK_NOFOLLOW);
  if (status == 0 && (info.st_dev != same->device || info.st_ino != same->inode))
    {
      status = -1;
      errno = ESTALE;
    }
  if (status == 0)
    status = linkat (directory, old, here (unpack), name, 0);
  int errnum = errno;
  close (directory);
  errno = errnum;
  return status;
}

static void
take_same (struct unpack *unpack, const struct record *record)
{
  uint64_t id = record->numbers[RECORD_ID];
  const char *name = check_name (unpack, record->texts[RECORD_NAME]);
  if (unpack->walk.depth + unpack->skipping == 0 || id == 0 || id > unpack->same_count)
    refuse (unpack, "another name of a file that has not come", name);
  unpack->size = 0;
  if (unpack->refusal != NULL || !check_limits (unpack, name) || unpack->skipping > 0)
    return;
  const struct unpack_same *same = &unpack->same[id - 1];
  int errnum = same->path == NULL ? 0 : make_entry (unpack, name, make_same, same);
  if (same->path == NULL)
    tell_problem (unpack, name, 0, "the file that this is another name of could not be made");
  else if (errnum != 0)
    tell_problem (unpack, name, errnum, "cannot make the link");
  else
    unpack->files++;
}

/* ---- records ---- */

static void
take_done (struct unpack *unpack)
{
  unpack->done = true;
  if (unpack->walk.depth > 0 || unpack->skipping > 0)
    refuse (unpack, "the end of a tree in the middle of a directory", "");
}

static void
take_record (struct unpack *unpack, const struct record *record)
{
  if (unpack->inside && record->kind != RECORD_HOLE && record->kind != RECORD_ABANDON
      && record->kind != RECORD_PROBLEM)
    {
      refuse (unpack, "a file without its end", unpack->file_name);
      return;
    }
  switch (record->kind)
    {
    case RECORD_TOTALS:
      unpack->total_files = record->numbers[RECORD_FILES];
      unpack->total_bytes = record->numbers[RECORD_SIZE];
      return;
    case RECORD_ENTER:
      take_enter (unpack, record);
      return;
    case RECORD_LEAVE:
      take_leave (unpack);
      return;
    case RECORD_FILE:
      take_file (unpack, record);
      return;
    case RECORD_HOLE:
      take_hole (unpack, record->numbers[RECORD_SIZE]);
      return;
    case RECORD_ABANDON:
      take_abandon (unpack);
      return;
    case RECORD_LINK:
      take_link (unpack, record);
      return;
    case RECORD_SAME:
      take_same (unpack, record);
      return;
    case RECORD_PROBLEM:
      unpack->problem (unpack->context, true, record->texts[RECORD_NAME],
                       (int) (record->numbers[RECORD_ID] & INT16_MAX),
                       record->texts[RECORD_TARGET]);
      return;
    case RECORD_DONE:
      take_done (unpack);
      return;
    case RECORD_CONTENT: /* comes as bytes */
      return;
    }
}

size_t
unpack_write (struct unpack *unpack, const char *data, size_t size)
{
  struct record_reader *reader = &unpack->reader;
  size_t taken = 0;
  if (unpack->record_waits)
    {
      unpack->at_hand = size;
      take_record (unpack, &reader->record);
      unpack->record_waits = unpack->wanted != UNPACK_NOTHING;
    }
  while (taken < size && unpack->refusal == NULL && !unpack->record_waits)
    {
      size_t used;
      if (unpack->done)
        {
          refuse (unpack, "more behind the end of the tree", "");
          break;
        }
      enum record_progress progress = record_read (reader, data + taken, size - taken, &used);
      taken += used;
      if (progress == RECORD_MALFORMED)
        refuse (unpack, "what is no stream of a tree", "");
      else if (progress == RECORD_BYTES)
        take_bytes (unpack, reader->bytes, reader->size);
      else if (progress == RECORD_WHOLE)
        {
          unpack->at_hand = size - taken;
          take_record (unpack, &reader->record);
          unpack->record_waits = unpack->wanted != UNPACK_NOTHING;
          if (unpack->record_waits)
            record_keep (reader);
        }
    }
  return taken;
}

/* ---- the start, and the end ---- */

/* PATH without the slashes at its end.  */
static size_t
length_of (const char *path)
{
  size_t length = strlen (path);
  while (length > 1 && path[length - 1] == '/')
    length--;
  return length;
}

/* Open the directory that unpack->top, whose end is its name, is to be made in.  */
static int
open_parent_of_top (struct unpack *unpack)
{
  char *slash = strrchr (unpack->top, '/');
  unpack->name = slash == NULL ? unpack->top : slash + 1;
  if (slash == NULL)
    unpack->parent = open (".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  else if (slash == unpack->top)
    unpack->parent = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  else
    {
      *slash = '\0';
      unpack->parent = open (unpack->top, O_PATH | O_DIRECTORY | O_CLOEXEC);
      *slash = '/';
    }
  return unpack->parent < 0 ? errno : 0;
}

int
unpack_begin (struct unpack *unpack, const char *path, const char *name, enum unpack_place place)
{
  struct stat info;
  unpack->parent = unpack->root = unpack->file = -1;
  bool there = stat (path, &info) == 0;
  bool directory = there && S_ISDIR (info.st_mode);
  if (path[0] == '\0')
    return ENOENT;
  if (!there && errno != ENOENT)
    return errno;
  if (place == UNPACK_INSIDE && !directory)
    return there ? ENOTDIR : ENOENT;
  bool inside = directory && place != UNPACK_AT;
  if (inside && !is_name (name))
    return EINVAL;
  size_t length = length_of (path);
  const char *slash = path[length - 1] == '/' ? "" : "/";
  size_t size = length + 1 + strlen (name) + 1;
  unpack->top = malloc (size);
  if (unpack->top == NULL)
    return ENOMEM;
  snprintf (unpack->top, size, "%.*s%s%s", (int) length, path, inside ? slash : "",
            inside ? name : "");
  int errnum = open_parent_of_top (unpack);
  if (errnum != 0 || inside || !directory)
    return errnum;
  /* The directory itself is meant, whatever leads to it: that is in the caller's path.  */
  unpack->follow = true;
  close (unpack->parent);
  unpack->parent = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  unpack->name = ".";
  return unpack->parent < 0 ? errno : 0;
}

void
unpack_end (struct unpack *unpack)
{
  drop_file (unpack);
  walk_free (&unpack->walk);
  if (unpack->root >= 0)
    close (unpack->root);
  if (unpack->parent >= 0)
    close (unpack->parent);
  for (size_t i = 0; i < unpack->same_count; i++)
    free (unpack->same[i].path);
  free (unpack->same);
  free (unpack->top);
  unpack->same = NULL;
  unpack->same_count = 0;
  unpack->top = NULL;
  unpack->root = unpack->parent = -1;
}
