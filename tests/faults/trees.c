#include "tests/faults/trees.h"

#include "tests/faults/conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAYS "stays"

enum
{
  HOLE = 1 << 16,
  PATH_SIZE = 512,
  TIME = 1000000000, /* of the first entry, in seconds; each has another */
};

/* Those that are made before others come first.  */
static const struct entry
{
  const char *name;
  mode_t mode;
  const char *text; /* what it contains, or where it leads */
  size_t hole;      /* bytes before that which were never written */
  const char *same; /* the same file has this name, too */
} entries[] = {
  { .name = "", .mode = S_IFDIR | 0750 },
  { .name = "a", .mode = S_IFREG | 0640, .text = "what a is to be\n" },
  { .name = "b", .mode = S_IFREG | 0755, .text = "" },
  { .name = "c", .mode = S_IFREG | 0644, .text = "behind it", .hole = HOLE },
  { .name = "d", .mode = S_IFDIR | 0755 },
  { .name = "d/e", .mode = S_IFDIR | 0711 },
  { .name = "d/e/f", .mode = S_IFREG | 0600, .text = "f" },
  { .name = "d/e/h", .mode = S_IFREG | 0644, .text = "one of two" },
  { .name = "d/e/i", .mode = S_IFREG | 0644, .text = "one of two", .same = "d/e/h" },
  { .name = "d/e/j", .mode = S_IFLNK, .text = "../../../list" },
  { .name = "k", .mode = S_IFLNK, .text = "d/e/h" },
};

enum
{
  ENTRIES = sizeof entries / sizeof entries[0],
};

/* ---- making ---- */

static void
path_of (const char *top, const char *name, char path[PATH_SIZE])
{
  snprintf (path, PATH_SIZE, "%s%s%s", top, name[0] == '\0' ? "" : "/", name);
}

static void
make_entry (const struct entry *entry)
{
  char path[PATH_SIZE], old[PATH_SIZE];
  path_of (TREE, entry->name, path);
  path_of (TREE, entry->same == NULL ? "" : entry->same, old);
  if (S_ISREG (entry->mode) && entry->same == NULL)
    {
      write_file (path, "", 0, entry->mode & 07777);
      int file = open (path, O_WRONLY | O_CLOEXEC);
      if (pwrite (file, entry->text, strlen (entry->text), (off_t) entry->hole) < 0)
        abort ();
      close (file);
    }
  else if (S_ISREG (entry->mode)   ? link (old, path) != 0
           : S_ISDIR (entry->mode) ? mkdir (path, 0700) != 0
                                   : symlink (entry->text, path) != 0)
    abort ();
}

static void
finish_entry (const struct entry *entry)
{
  char path[PATH_SIZE];
  path_of (TREE, entry->name, path);
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = TIME + (entry - entries) } };
  if ((!S_ISLNK (entry->mode) && chmod (path, entry->mode & 07777) != 0)
      || (entry->same == NULL && utimensat (AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) != 0))
    abort ();
}

void
make_trees (void)
{
  for (size_t i = 0; i < ENTRIES; i++)
    make_entry (&entries[i]);
  for (size_t i = ENTRIES; i-- > 0;)
    finish_entry (&entries[i]);
  if (mkdir (PLANTED, 0755) != 0 || mkdir (PICKED, 0755) != 0)
    abort ();
  write_file (PLANTED "/a", OLD, sizeof OLD, 0600);
  write_file (PICKED "/a", OLD, sizeof OLD, 0600);
  write_file (PLANTED "/" STAYS, OLD, sizeof OLD, 0600);
  write_file (PICKED "/" STAYS, OLD, sizeof OLD, 0600);
}

/* ---- looking ---- */

static bool
has_text (const struct entry *entry, const char *path)
{
  static char room[HOLE + PATH_SIZE], wanted[HOLE + PATH_SIZE];
  size_t length = strlen (entry->text);
  memcpy (wanted + entry->hole, entry->text, length);
  int file = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t got = file < 0 ? -1 : read (file, room, sizeof room);
  if (file >= 0)
    close (file);
  bool right =
      got == (ssize_t) (entry->hole + length) && memcmp (room, wanted, entry->hole + length) == 0;
  memset (wanted + entry->hole, 0, length);
  return right;
}

static bool
leads_to (const char *path, const char *target)
{
  char room[PATH_SIZE];
  ssize_t got = readlink (path, room, sizeof room);
  return got == (ssize_t) strlen (target) && memcmp (room, target, (size_t) got) == 0;
}

/* Whether what is at PATH is ENTRY, with all that belongs to it but its other name.  */
static bool
is_entry (const struct entry *entry, const char *path, const struct stat *info)
{
  const struct entry *timed = entry;
  while (timed->same != NULL)
    timed--;
  if ((info->st_mode & S_IFMT) != (entry->mode & S_IFMT))
    return false;
  if (S_ISLNK (entry->mode))
    return leads_to (path, entry->text);
  return (info->st_mode & 07777) == (entry->mode & 07777)
         && info->st_mtim.tv_sec == TIME + (timed - entries) && info->st_mtim.tv_nsec == 0
         && (S_ISDIR (entry->mode) || has_text (entry, path));
}

__attribute__ ((__format__ (printf, 3, 4))) static bool
complain (char *problem, size_t size, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (problem, size, format, arguments);
  va_end (arguments);
  return false;
}

/* Whether both names of a file lead to it.  */
static bool
is_one_file (const char *top, const struct entry *entry, const struct stat *info)
{
  char path[PATH_SIZE];
  struct stat other;
  path_of (top, entry->same, path);
  return lstat (path, &other) == 0 && other.st_dev == info->st_dev && other.st_ino == info->st_ino;
}

static bool
look_at_entry (const char *top, const struct entry *entry, bool complete, char *problem,
               size_t size)
{
  char path[PATH_SIZE];
  struct stat info;
  path_of (top, entry->name, path);
  if (lstat (path, &info) != 0)
    return !complete || complain (problem, size, "%s is missing", path);
  if (complete && entry->same != NULL && !is_one_file (top, entry, &info))
    return complain (problem, size, "%s is not another name of %s", path, entry->same);
  if (is_entry (entry, path, &info))
    return true;
  if (!complete && S_ISDIR (info.st_mode) && S_ISDIR (entry->mode))
    return true;
  if (!complete && strcmp (entry->name, "a") == 0 && has_content (path, OLD, sizeof OLD))
    return true;
  return complain (problem, size, "%s is not what was copied", path);
}

static const char *walked_top;
static char stranger[PATH_SIZE]; /* what does not belong there */

static int
look_for_stranger (const char *path, const struct stat *info, int type, struct FTW *place)
{
  (void) info;
  (void) type;
  const char *name = place->level == 0 ? "" : path + strlen (walked_top) + 1;
  for (size_t i = 0; i < ENTRIES; i++)
    if (strcmp (entries[i].name, name) == 0)
      return 0;
  if (strcmp (name, STAYS) == 0)
    return 0;
  snprintf (stranger, sizeof stranger, "%s", path);
  return 1;
}

static bool
has_only_entries (const char *top, char *problem, size_t size)
{
  walked_top = top;
  int status = nftw (top, look_for_stranger, 8, FTW_PHYS);
  if (status < 0)
    return complain (problem, size, "%s: %s", top, strerror (errno));
  return status == 0 || complain (problem, size, "%s was left", stranger);
}

static bool
has_entries (const char *top, bool complete, char *problem, size_t size)
{
  for (size_t i = 0; i < ENTRIES; i++)
    if (!look_at_entry (top, &entries[i], complete, problem, size))
      return false;
  return has_only_entries (top, problem, size);
}

bool
is_tree (char *problem, size_t size)
{
  return has_entries (TREE, true, problem, size);
}

bool
is_copy (const char *target, bool complete, char *problem, size_t size)
{
  char path[PATH_SIZE];
  path_of (target, STAYS, path);
  if (!has_content (path, OLD, sizeof OLD))
    return complain (problem, size, "%s was changed", path);
  return has_entries (target, complete, problem, size);
}
