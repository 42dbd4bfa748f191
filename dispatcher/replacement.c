#include "dispatcher/replacement.h"

#include "dispatcher/temporary.h"
#include "tree/unnamed.h"
#include "tree/write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum
{
  LOOKS_MAX = 16,     /* for a name that keeps changing */
  LINKS_MAX = 40,     /* symbolic links followed, as the kernel does */
  TMPFS = 0x01021994, /* what statfs calls a file system in memory */
};

static void
fail (struct replacement *replacement, int errnum, const char *what)
{
  if (replacement->errnum != 0)
    return;
  replacement->errnum = errnum;
  replacement->what = what;
}

/* ---- which file ---- */

/* Open the directory part of PATH, relative to BASE, and leave the rest in *NAME.  */
static int
open_parent (int base, const char *path, const char **name)
{
  const char *slash = strrchr (path, '/');
  *name = slash == NULL ? path : slash + 1;
  size_t length = slash == NULL ? 0 : (size_t) (slash - path);
  if (length >= PATH_MAX)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  char parent[PATH_MAX];
  memcpy (parent, path, length);
  parent[length] = '\0';
  return openat (base,
                 slash == NULL ? "."
                 : length == 0 ? "/"
                               : parent,
                 O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool
same_inode (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* A link that leads nowhere: let the kernel follow it, with its protections, and make the file.  */
static bool
make_placeholder (struct replacement *replacement)
{
  int file = open (replacement->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (file < 0)
    return false;
  close (file);
  replacement->old = open (replacement->path, O_PATH | O_CLOEXEC);
  replacement->placeholder = true;
  return replacement->old >= 0 && fstat (replacement->old, &replacement->old_info) == 0;
}

enum step
{
  STEP_FOUND,  /* directory and name are the file's */
  STEP_FOLLOW, /* it is a link, whose text is in LINK */
  STEP_LOST,   /* the name leads elsewhere than the kernel went: a magic link, or a race */
  STEP_FAILED,
};

static enum step
look_at (struct replacement *replacement, const char *name, char *link)
{
  struct stat info;
  if (fstatat (replacement->directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return errno != ENOENT ? STEP_FAILED : replacement->old >= 0 ? STEP_LOST : STEP_FOUND;
  if (!S_ISLNK (info.st_mode))
    return replacement->old >= 0 && same_inode (&info, &replacement->old_info) ? STEP_FOUND
                                                                               : STEP_LOST;
  if (replacement->old < 0 && !make_placeholder (replacement))
    return STEP_FAILED;
  ssize_t length = readlinkat (replacement->directory, name, link, PATH_MAX - 1);
  if (length < 0)
    return STEP_FAILED;
  link[length] = '\0';
  return STEP_FOLLOW;
}

/* Find the directory entry that the kernel reached as replacement->old.  Links are read here one by
   one, but only to learn the name: that it is the right one shows in the inode.  */
static void
find_entry (struct replacement *replacement)
{
  char path[PATH_MAX], link[PATH_MAX];
  size_t length = strlen (replacement->path);
  if (length == 0 || length >= sizeof path)
    {
      fail (replacement, length == 0 ? ENOENT : ENAMETOOLONG, "cannot open");
      return;
    }
  strcpy (path, replacement->path);
  for (int links = 0; links <= LINKS_MAX; links++)
    {
      const char *name;
      int base = replacement->directory;
      replacement->directory = open_parent (base < 0 ? AT_FDCWD : base, path, &name);
      int errnum = errno;
      if (base >= 0)
        close (base);
      if (replacement->directory < 0)
        {
          fail (replacement, errnum, "cannot open the directory of");
          return;
        }
      if (name[0] == '\0')
        {
          fail (replacement, EISDIR, "cannot write");
          return;
        }
      switch (look_at (replacement, name, link))
        {
        case STEP_FOUND:
          replacement->name = strdup (name);
          if (replacement->name == NULL)
            fail (replacement, ENOMEM, "cannot write");
          return;
        case STEP_FOLLOW:
          strcpy (path, link);
          break;
        case STEP_LOST:
          replacement->lost = true;
          return;
        case STEP_FAILED:
          fail (replacement, errno, "cannot open");
          return;
        }
    }
  fail (replacement, ELOOP, "cannot open");
}

static void
find_once (struct replacement *replacement)
{
  replacement->lost = replacement->placeholder = false;
  replacement->old = open (replacement->path, O_PATH | O_CLOEXEC);
  if (replacement->old < 0 && errno != ENOENT)
    {
      fail (replacement, errno, "cannot open");
      return;
    }
  if (replacement->old >= 0 && fstat (replacement->old, &replacement->old_info) != 0)
    fail (replacement, errno, "cannot stat");
  else if (replacement->old >= 0 && S_ISDIR (replacement->old_info.st_mode))
    fail (replacement, EISDIR, "cannot write");
  else if (replacement->old >= 0 && !S_ISREG (replacement->old_info.st_mode))
    replacement->in_place = true;
  else
    find_entry (replacement);
}

static void
forget_target (struct replacement *replacement)
{
  if (replacement->old >= 0)
    close (replacement->old);
  if (replacement->directory >= 0)
    close (replacement->directory);
  replacement->old = replacement->directory = -1;
}

/* Whoever replaces the same file at the same moment makes the name and the inode differ: look
   again. Where they always do, the link is a magic one, and only its file itself can be written. */
static void
find_target (struct replacement *replacement)
{
  find_once (replacement);
  for (int again = 0; replacement->lost && again < LOOKS_MAX; again++)
    {
      /* A placeholder is ours to remove only as long as it is still what is found.  */
      bool made = replacement->placeholder;
      struct stat placeholder = replacement->old_info;
      forget_target (replacement);
      find_once (replacement);
      if (made && replacement->old >= 0 && same_inode (&placeholder, &replacement->old_info))
        replacement->placeholder = true;
    }
  if (replacement->lost && replacement->old < 0)
    fail (replacement, EAGAIN, "something else keeps changing");
  else if (replacement->lost)
    replacement->in_place = true;
}

/* ---- the new content ---- */

static void
make_temporary_name (struct replacement *replacement)
{
  char suffix[TEMPORARY_SUFFIX];
  temporary_suffix (suffix);
  snprintf (replacement->temporary, sizeof replacement->temporary, TEMPORARY_PREFIX "%s", suffix);
}

static int
create_named (struct replacement *replacement)
{
  for (int attempt = 0; attempt < TEMPORARY_TRIES; attempt++)
    {
      make_temporary_name (replacement);
      int file = openat (replacement->directory, replacement->temporary,
                         O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (file >= 0)
        return file;
      replacement->temporary[0] = '\0';
      if (errno != EEXIST)
        break;
    }
  return -1;
}

static void
create_file (struct replacement *replacement)
{
  replacement->file = unnamed_open (replacement->directory);
  if (replacement->file < 0 && errno == EOPNOTSUPP)
    replacement->file = create_named (replacement);
  if (replacement->file >= 0)
    return;
  if (replacement->old >= 0 && !replacement->placeholder
      && (errno == EACCES || errno == EPERM || errno == EROFS))
    replacement->in_place = true;
  else
    fail (replacement, errno, "cannot create a file beside");
}

void
replacement_begin (struct replacement *replacement, const char *path)
{
  *replacement = (struct replacement){
    .path = path, .directory = -1, .old = -1, .file = -1, .spool = SPOOL_EMPTY
  };
  find_target (replacement);
  if (replacement->errnum == 0 && !replacement->in_place)
    create_file (replacement);
}

void
replacement_write (struct replacement *replacement, const char *data, size_t size)
{
  if (replacement->errnum != 0)
    return;
  int errnum = replacement->in_place ? spool_append (&replacement->spool, data, size)
                                     : write_all (replacement->file, data, size);
  if (errnum != 0)
    fail (replacement, errnum,
          replacement->in_place ? "cannot keep the content for" : "cannot write");
}

/* Set SIZE bytes of FILE aside, in fallocate's MODE; 0, or the errno that says that there is no
   room. Where none can be set aside for another reason, writing will tell.  */
static int
set_aside (int file, int mode, off_t size)
{
  int failed;
  do
    failed = fallocate (file, mode, 0, size);
  while (failed != 0 && errno == EINTR);
  bool full = failed != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG);
  return full ? errno : 0;
}

/* The same for a new file, whose size is what is written.  In memory it would cost as much as
   writing: there it is only looked whether there is room.  */
static int
reserve (int file, uint64_t size)
{
  struct statfs system;
  if (fstatfs (file, &system) != 0 || system.f_type != TMPFS)
    return set_aside (file, FALLOC_FL_KEEP_SIZE, (off_t) size);
  uint64_t blocks = size / (uint64_t) system.f_bsize;
  return system.f_blocks > 0 && blocks > system.f_bavail ? ENOSPC : 0;
}

void
replacement_reserve (struct replacement *replacement, uint64_t size)
{
  if (replacement->errnum != 0 || replacement->file < 0 || size == 0)
    return;
  int errnum = reserve (replacement->file, size);
  if (errnum != 0)
    fail (replacement, errnum, "there is no room for the new content of");
}

const struct stat *
replacement_old (const struct replacement *replacement)
{
  bool regular = replacement->old >= 0 && S_ISREG (replacement->old_info.st_mode);
  return regular && !replacement->placeholder ? &replacement->old_info : NULL;
}

/* ---- putting it in place ---- */

static bool
is_carried_over (const char *attribute)
{
  return strcmp (attribute, "security.selinux") == 0
         || strcmp (attribute, "system.posix_acl_access") == 0
         || strncmp (attribute, "user.", 5) == 0;
}

/* Whether ERRNUM only says that here no such attribute is kept.  */
static bool
is_no_attribute (int errnum)
{
  return errnum == ENOTSUP || errnum == ENODATA || errnum == ENOSYS || errnum == ENOENT;
}

/* The old file, to read its attributes from: by the path of its descriptor, which needs no right to
   read it, or where /proc is missing by another descriptor.  */
struct attribute_source
{
  char path[40];
  int file; /* -1: it is the path */
};

static void
carry_over (struct replacement *replacement, const struct attribute_source *source,
            const char *attribute, char *value)
{
  ssize_t size = source->file < 0 ? getxattr (source->path, attribute, value, XATTR_SIZE_MAX)
                                  : fgetxattr (source->file, attribute, value, XATTR_SIZE_MAX);
  if (size < 0)
    {
      if (!is_no_attribute (errno))
        fail (replacement, errno, "cannot read an attribute of the old");
      return;
    }
  if (fsetxattr (replacement->file, attribute, value, (size_t) size, 0) == 0)
    return;
  /* The label is the policy's to give; the others are the owner's.  */
  if (!is_no_attribute (errno) && strcmp (attribute, "security.selinux") != 0)
    fail (replacement, errno, "cannot set an attribute of the new");
}

/* All that are carried over, by way of MEMORY for names and one value.  */
static void
carry_all_over (struct replacement *replacement, const struct attribute_source *source,
                char *memory)
{
  char *names = memory, *value = memory + XATTR_LIST_MAX;
  ssize_t size = source->file < 0 ? listxattr (source->path, names, XATTR_LIST_MAX)
                                  : flistxattr (source->file, names, XATTR_LIST_MAX);
  if (size < 0 && !is_no_attribute (errno))
    fail (replacement, errno, "cannot read the attributes of the old");
  for (ssize_t i = 0; i < size; i += (ssize_t) strlen (names + i) + 1)
    if (is_carried_over (names + i))
      carry_over (replacement, source, names + i, value);
}

/* Label, access control list and user attributes of the old file; its capabilities never.  A list
   that the directory gives to its new files is none that the old one had.  */
static void
carry_attributes_over (struct replacement *replacement)
{
  struct attribute_source source = { .file = -1 };
  if (replacement->old < 0 || replacement->placeholder)
    return;
  if (fremovexattr (replacement->file, "system.posix_acl_access") != 0 && !is_no_attribute (errno))
    fail (replacement, errno, "cannot remove the access control list of the new");
  snprintf (source.path, sizeof source.path, "/proc/self/fd/%d", replacement->old);
  if (!unnamed_is_possible ())
    {
      source.file = openat (replacement->directory, replacement->name,
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
      if (source.file < 0)
        {
          fail (replacement, errno, "cannot read the attributes of the old");
          return;
        }
    }
  char *memory = malloc (XATTR_LIST_MAX + XATTR_SIZE_MAX);
  if (memory == NULL)
    fail (replacement, ENOMEM, "cannot read the attributes of the old");
  else
    carry_all_over (replacement, &source, memory);
  free (memory);
  if (source.file >= 0)
    close (source.file);
}

/* Owner first: a change of owner takes set-id bits away.  */
static void
set_owner_and_mode (struct replacement *replacement, int file,
                    const struct replacement_owner *owner, bool carry)
{
  struct stat info;
  if (fstat (file, &info) != 0)
    {
      fail (replacement, errno, "cannot stat");
      return;
    }
  if ((info.st_uid != owner->uid || info.st_gid != owner->gid)
      && fchown (file, owner->uid, owner->gid) != 0)
    fail (replacement, errno, "cannot change the owner of");
  if (carry && replacement->errnum == 0)
    carry_attributes_over (replacement);
  bool same_mode = (info.st_mode & 07777) == owner->mode && info.st_uid == owner->uid
                   && info.st_gid == owner->gid;
  if (replacement->errnum == 0 && (carry || !same_mode) && fchmod (file, owner->mode) != 0)
    fail (replacement, errno, "cannot change the mode of");
}

/* The new file takes its name; 0, or an errno.  */
static int
take_name (struct replacement *replacement)
{
  if (replacement->temporary[0] == '\0')
    {
      int errnum = EEXIST;
      if (replacement->old < 0)
        errnum = unnamed_link (replacement->file, replacement->directory, replacement->name);
      if (errnum != EEXIST)
        return errnum;
      for (int attempt = 0; attempt < TEMPORARY_TRIES && errnum == EEXIST; attempt++)
        {
          make_temporary_name (replacement);
          errnum = unnamed_link (replacement->file, replacement->directory, replacement->temporary);
        }
      if (errnum != 0)
        {
          replacement->temporary[0] = '\0';
          return errnum;
        }
    }
  if (renameat (replacement->directory, replacement->temporary, replacement->directory,
                replacement->name)
      != 0)
    return errno;
  replacement->temporary[0] = '\0';
  return 0;
}

/* ---- on the disk ---- */

static void
sync_file (struct replacement *replacement, int file)
{
  if (replacement->errnum == 0 && fsync (file) != 0)
    fail (replacement, errno, "cannot sync");
}

/* That the file has its name.  A directory that can't be read can't be synced, but the file system
   can.  */
static void
sync_name (struct replacement *replacement)
{
  int directory = openat (replacement->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int failed = directory < 0 ? syncfs (replacement->file) : fsync (directory);
  if (failed && errno != EINVAL)
    fail (replacement, errno, "cannot sync the directory of");
  if (directory >= 0)
    close (directory);
}

/* ---- in place ---- */

/* The next bytes of the new content, from the spool or from the new file; as spool_peek has it.  */
static long
peek_content (struct replacement *replacement, char *buffer, const char **data)
{
  if (replacement->file < 0)
    return spool_peek (&replacement->spool, buffer, REPLACEMENT_SCRATCH, data);
  *data = buffer;
  return read (replacement->file, buffer, REPLACEMENT_SCRATCH);
}

/* The size of the new content; -1 and errno.  */
static off_t
content_size (struct replacement *replacement)
{
  struct stat info;
  if (replacement->file < 0)
    return (off_t) spool_size (&replacement->spool);
  return fstat (replacement->file, &info) == 0 && lseek (replacement->file, 0, SEEK_SET) == 0
             ? info.st_size
             : -1;
}

/* Make TARGET large enough for SIZE bytes, before anything else of it changes.  NFS sets nothing
   aside beyond the end of a file, so it is lengthened.  */
static void
make_room (struct replacement *replacement, int target, off_t size)
{
  int errnum = size <= replacement->old_info.st_size ? 0 : set_aside (target, 0, size);
  if (errnum != 0)
    fail (replacement, errnum, "there is no room for the new content of");
}

static void
overwrite (struct replacement *replacement, int target, off_t new_size, char *scratch)
{
  const char *data;
  long size;
  while ((size = peek_content (replacement, scratch, &data)) > 0)
    {
      int errnum = write_all (target, data, (size_t) size);
      if (errnum != 0)
        {
          fail (replacement, errnum, "cannot write, and has overwritten a part of,");
          return;
        }
      if (replacement->file < 0)
        spool_take (&replacement->spool, (size_t) size);
    }
  if (size < 0 || ftruncate (target, new_size) != 0)
    fail (replacement, errno, "cannot write");
}

/* Replace the content of a regular file.  Owner and mode come before it, so that nobody reads it
   who must not; and the mode once more after it, for writing takes set-id bits away.  */
static void
replace_content (struct replacement *replacement, int target, const struct replacement_owner *owner,
                 char *scratch)
{
  off_t size = content_size (replacement);
  if (size < 0)
    fail (replacement, errno, "cannot read back the content for");
  else
    make_room (replacement, target, size);
  if (replacement->errnum == 0)
    set_owner_and_mode (replacement, target, owner, false);
  if (replacement->errnum != 0)
    {
      /* Nothing has been written: only room was made, or a part of it.  */
      if (ftruncate (target, replacement->old_info.st_size) != 0)
        replacement->what = "cannot write, and has lengthened,";
      return;
    }
  overwrite (replacement, target, size, scratch);
  if (replacement->errnum == 0 && (owner->mode & 06000) != 0 && fchmod (target, owner->mode) != 0)
    fail (replacement, errno, "cannot change the mode of");
}

bool
replacement_is_special (const struct replacement *replacement)
{
  return replacement->in_place && !S_ISREG (replacement->old_info.st_mode);
}

/* What is not a file keeps its owner and mode: they belong to the pipe or the device.  */
int
replacement_open_special (struct replacement *replacement)
{
  int target = open (replacement->path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat info = { .st_mode = 0 };
  if (target < 0 || fstat (target, &info) != 0)
    fail (replacement, errno, "cannot open");
  else if (!same_inode (&info, &replacement->old_info))
    fail (replacement, EAGAIN, "something else keeps changing");
  if (replacement->errnum == 0)
    return target;
  if (target >= 0)
    close (target);
  return -1;
}

static void
commit_in_place (struct replacement *replacement, const struct replacement_owner *owner, bool sync,
                 char *scratch)
{
  int target = open (replacement->path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  struct stat info = { .st_mode = 0 };
  replacement->in_place = true;
  if (target < 0 || fstat (target, &info) != 0)
    fail (replacement, errno, "cannot open");
  else if (!S_ISREG (info.st_mode))
    fail (replacement, EAGAIN, "something else keeps changing");
  else
    {
      replacement->old_info = info; /* the last one to have the name counts */
      replace_content (replacement, target, owner, scratch);
      if (sync)
        sync_file (replacement, target);
    }
  if (target >= 0)
    close (target);
}

/* Whether FATE is what becomes of it.  */
static bool
decide (struct replacement *replacement, enum replacement_fate fate)
{
  int before = REPLACEMENT_OPEN;
  return atomic_compare_exchange_strong (&replacement->fate, &before, fate) || before == (int) fate;
}

bool
replacement_give_up (struct replacement *replacement)
{
  return decide (replacement, REPLACEMENT_GIVEN_UP);
}

static void
commit_beside (struct replacement *replacement, const struct replacement_owner *owner, bool sync,
               char *scratch)
{
  set_owner_and_mode (replacement, replacement->file, owner, true);
  if (sync)
    sync_file (replacement, replacement->file);
  if (replacement->errnum == 0 && !decide (replacement, REPLACEMENT_PLACED))
    fail (replacement, ECANCELED, "cannot replace");
  if (replacement->errnum != 0)
    return;
  int errnum = take_name (replacement);
  if (errnum == EBUSY && replacement->old >= 0)
    commit_in_place (replacement, owner, sync, scratch);
  else if (errnum != 0)
    fail (replacement, errnum, "cannot replace");
  else if (sync)
    sync_name (replacement);
}

void
replacement_commit (struct replacement *replacement, const struct replacement_owner *owner,
                    bool sync, char *scratch)
{
  bool go_on = replacement->in_place ? decide (replacement, REPLACEMENT_PLACED)
                                     : replacement->fate != REPLACEMENT_GIVEN_UP;
  if (replacement->errnum == 0 && !go_on)
    fail (replacement, ECANCELED, "cannot replace");
  if (replacement->errnum != 0)
    return;
  if (replacement->in_place)
    commit_in_place (replacement, owner, sync, scratch);
  else
    commit_beside (replacement, owner, sync, scratch);
  if (replacement->errnum == 0)
    replacement->placeholder = false;
}

void
replacement_free (struct replacement *replacement)
{
  struct stat info;
  if (replacement->temporary[0] != '\0')
    unlinkat (replacement->directory, replacement->temporary, 0);
  /* A placeholder that nobody has written to since.  */
  if (replacement->placeholder && replacement->name != NULL
      && fstatat (replacement->directory, replacement->name, &info, AT_SYMLINK_NOFOLLOW) == 0
      && same_inode (&info, &replacement->old_info) && info.st_size == 0)
    unlinkat (replacement->directory, replacement->name, 0);
  if (replacement->file >= 0)
    close (replacement->file);
  forget_target (replacement);
  spool_free (&replacement->spool);
  free (replacement->name);
  *replacement =
      (struct replacement){ .directory = -1, .old = -1, .file = -1, .spool = SPOOL_EMPTY };
}
