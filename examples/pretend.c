/* pretend: a directory tree that passes for a host, as an unpacked image of a system does.

     pretend:/srv/images/debian

   Nothing runs there, so there is no command to wrap and no dispatcher: the connector carries out
   the operations itself.  Files are those of the tree, users and groups those of its etc/passwd and
   etc/group, and there are three programs: cat, echo and false.  A tree has no environment, so
   getenv is left out, and whoever asks is told so.

   The operations of one connection are called one after another, in a thread of their own, and may
   block; those of two connections at once.  So what they share would need a lock, and functions
   that keep their answer in a static buffer can't be used.  */

#define _GNU_SOURCE

#include <longreach/connector.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  TEXTS_SIZE = 8192, /* bytes of an entry's texts */
  GROUPS_MAX = 64,   /* of one user */
  CHUNK = 64 << 10,
};

/* ---- the tree: what `open` leaves for the other operations ---- */

struct tree
{
  int root;
};

static void
tree_open (lr_call *call)
{
  const char *path = lr_hop_name (lr_call_hop (call));
  int root = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  struct tree *tree = root < 0 ? NULL : malloc (sizeof *tree);
  if (tree == NULL)
    {
      lr_call_fail (call, LR_ERROR_IO, errno, NULL, "cannot open it: %s", strerror (errno));
      if (root >= 0)
        close (root);
      return;
    }
  tree->root = root;
  lr_call_set_state (call, tree);
  lr_reply_done (call);
}

static void
tree_close (lr_call *call)
{
  struct tree *tree = lr_call_state (call);
  close (tree->root);
  free (tree);
  lr_reply_done (call);
}

/* Open PATH of the tree.  Its links, and "..", lead nowhere else.  */
static int
open_in (lr_call *call, const char *path, int flags)
{
  const struct tree *tree = lr_call_state (call);
  struct open_how how = { .flags = (unsigned) (flags | O_CLOEXEC),
                          .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
  return (int) syscall (SYS_openat2, tree->root, path, &how, sizeof how);
}

/* The directory that PATH ends in, and in *NAME its last name, which is nowhere followed.  */
static int
open_above (lr_call *call, const char *path, const char **name)
{
  const char *slash = strrchr (path, '/');
  *name = slash == NULL ? path : slash + 1;
  char *above = slash == NULL ? strdup (".") : strndup (path, (size_t) (*name - path));
  int directory = above == NULL ? -1 : open_in (call, above, O_PATH | O_DIRECTORY);
  free (above);
  return directory;
}

static void
fail_by_errno (lr_call *call, const char *what, const char *path)
{
  lr_call_fail (call, LR_ERROR_REMOTE_OS, errno, NULL, "cannot %s %s: %s", what, path,
                strerror (errno));
}

/* Refuse what an argument asks for, named FIELD.  */
static void
refuse (lr_call *call, const char *field, const char *sentence)
{
  lr_call_fail (call, LR_ERROR_UNSUPPORTED, 0, field, "%s", sentence);
}

/* ---- users and groups ---- */

static bool
is_id (const char *text)
{
  return text[0] != '\0' && strspn (text, "0123456789") == strlen (text);
}

static FILE *
open_database (lr_call *call, const char *path)
{
  int fd = open_in (call, path, O_RDONLY);
  return fd < 0 ? NULL : fdopen (fd, "r");
}

/* The user WHO, a name or decimal id.  The texts are in TEXTS, of TEXTS_SIZE bytes.  */
static bool
find_user (lr_call *call, const char *who, struct passwd *user, char *texts)
{
  struct passwd *entry = NULL;
  FILE *file = open_database (call, "etc/passwd");
  bool found = false;
  while (!found && file != NULL && fgetpwent_r (file, user, texts, TEXTS_SIZE, &entry) == 0)
    found =
        is_id (who) ? user->pw_uid == strtoul (who, NULL, 10) : strcmp (user->pw_name, who) == 0;
  if (file != NULL)
    fclose (file);
  return found;
}

static bool
find_group (lr_call *call, const char *which, struct group *group, char *texts)
{
  struct group *entry = NULL;
  FILE *file = open_database (call, "etc/group");
  bool found = false;
  while (!found && file != NULL && fgetgrent_r (file, group, texts, TEXTS_SIZE, &entry) == 0)
    found = is_id (which) ? group->gr_gid == strtoul (which, NULL, 10)
                          : strcmp (group->gr_name, which) == 0;
  if (file != NULL)
    fclose (file);
  return found;
}

/* The name of an id, or its digits, in NAME.  */
static void
name_user (lr_call *call, uid_t uid, char name[64])
{
  struct passwd user;
  char texts[TEXTS_SIZE], digits[24];
  snprintf (digits, sizeof digits, "%lu", (unsigned long) uid);
  snprintf (name, 64, "%s", find_user (call, digits, &user, texts) ? user.pw_name : digits);
}

static void
name_group (lr_call *call, gid_t gid, char name[64])
{
  struct group group;
  char texts[TEXTS_SIZE], digits[24];
  snprintf (digits, sizeof digits, "%lu", (unsigned long) gid);
  snprintf (name, 64, "%s", find_group (call, digits, &group, texts) ? group.gr_name : digits);
}

static void
tree_resolve_user (lr_call *call, const struct lr_resolve_args *args)
{
  struct passwd user;
  char texts[TEXTS_SIZE], own[24];
  snprintf (own, sizeof own, "%lu", (unsigned long) geteuid ());
  const char *who = args->name == NULL ? own : args->name;
  if (find_user (call, who, &user, texts))
    lr_reply_name (call, user.pw_name);
  else
    lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "user", "there is no user %s", who);
}

static void
tree_resolve_group (lr_call *call, const struct lr_resolve_args *args)
{
  struct group group;
  char texts[TEXTS_SIZE], own[24];
  snprintf (own, sizeof own, "%lu", (unsigned long) getegid ());
  const char *which = args->name == NULL ? own : args->name;
  if (find_group (call, which, &group, texts))
    lr_reply_name (call, group.gr_name);
  else
    lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "group", "there is no group %s", which);
}

/* The names of the groups that have USER as a member, ended by NULL; each to be freed.  */
static void
list_groups (lr_call *call, const char *user, char *names[GROUPS_MAX + 1])
{
  struct group group, *entry = NULL;
  char texts[TEXTS_SIZE];
  size_t count = 0;
  FILE *file = open_database (call, "etc/group");
  while (file != NULL && fgetgrent_r (file, &group, texts, sizeof texts, &entry) == 0)
    for (char **member = group.gr_mem; *member != NULL && count < GROUPS_MAX; member++)
      if (strcmp (*member, user) == 0 && (names[count] = strdup (group.gr_name)) != NULL)
        count++;
  names[count] = NULL;
  if (file != NULL)
    fclose (file);
}

static void
tree_query_user (lr_call *call, const struct lr_query_user_args *args)
{
  struct passwd user;
  char texts[TEXTS_SIZE], group[64], *groups[GROUPS_MAX + 1];
  if (args->password_hash)
    {
      refuse (call, "password_hash", "the hashes of a tree are not told");
      return;
    }
  if (!find_user (call, args->user, &user, texts))
    {
      lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "user", "there is no user %s", args->user);
      return;
    }
  name_group (call, user.pw_gid, group);
  list_groups (call, user.pw_name, groups);
  struct lr_user_entry entry =
      LR_USER_ENTRY (.name = user.pw_name, .uid = user.pw_uid, .group = group, .gid = user.pw_gid,
                     .groups = (const char *const *) groups, .gecos = user.pw_gecos,
                     .home = user.pw_dir, .shell = user.pw_shell);
  lr_reply_user (call, &entry); /* copies all of it */
  for (char **name = groups; *name != NULL; name++)
    free (*name);
}

static void
tree_query_group (lr_call *call, const struct lr_query_group_args *args)
{
  struct group group;
  char texts[TEXTS_SIZE];
  if (!find_group (call, args->group, &group, texts))
    {
      lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "group", "there is no group %s", args->group);
      return;
    }
  struct lr_group_entry entry = LR_GROUP_ENTRY (.name = group.gr_name, .gid = group.gr_gid,
                                                .members = (const char *const *) group.gr_mem);
  lr_reply_group (call, &entry);
}

/* ---- files ---- */

static enum lr_file_type
type_of (mode_t mode)
{
  switch (mode & S_IFMT)
    {
    case S_IFREG:
      return LR_FILE_REGULAR;
    case S_IFDIR:
      return LR_FILE_DIRECTORY;
    case S_IFLNK:
      return LR_FILE_LINK;
    case S_IFIFO:
      return LR_FILE_FIFO;
    case S_IFSOCK:
      return LR_FILE_SOCKET;
    case S_IFCHR:
      return LR_FILE_CHARACTER;
    case S_IFBLK:
      return LR_FILE_BLOCK;
    default:
      return LR_FILE_OTHER;
    }
}

static int64_t
nanoseconds (struct timespec time)
{
  return (int64_t) time.tv_sec * 1000000000 + time.tv_nsec;
}

static void
tree_stat (lr_call *call, const struct lr_stat_args *args)
{
  struct stat info;
  char owner[64], group[64];
  if (args->sha512sum)
    {
      refuse (call, "sha512sum", "there is no digest of files in a tree");
      return;
    }
  int fd = open_in (call, args->path, O_PATH | (args->follow_links ? 0 : O_NOFOLLOW));
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
    {
      lr_reply_stat (call, NULL);
      return;
    }
  int status = fd < 0 ? -1 : fstat (fd, &info);
  if (status != 0)
    fail_by_errno (call, "look at", args->path);
  if (fd >= 0)
    close (fd);
  if (status != 0)
    return;
  name_user (call, info.st_uid, owner);
  name_group (call, info.st_gid, group);
  struct lr_stat_result result =
      LR_STAT_RESULT (.type = type_of (info.st_mode), .mode = info.st_mode & 07777, .owner = owner,
                      .group = group, .size = (uint64_t) info.st_size,
                      .mtime_ns = nanoseconds (info.st_mtim),
                      .ctime_ns = nanoseconds (info.st_ctim));
  lr_reply_stat (call, &result);
}

static void
tree_download (lr_call *call, const struct lr_download_args *args)
{
  char *chunk = malloc (CHUNK);
  int fd = chunk == NULL ? -1 : open_in (call, args->file, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  ssize_t got = fd < 0 ? -1 : read (fd, chunk, CHUNK);
  /* While somebody wants more: a caller who is gone, or has got too much, takes nothing.  */
  while (got > 0 && lr_call_write (call, LR_STDOUT, chunk, (size_t) got) == 0)
    got = read (fd, chunk, CHUNK);
  if (got >= 0)
    lr_reply_done (call);
  else if (fd < 0 && errno == ENOENT)
    lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "file", "no such file: %s", args->file);
  else
    fail_by_errno (call, "read", args->file);
  if (fd >= 0)
    close (fd);
  free (chunk);
}

/* What a new file gets; -1 stands for what it has by itself.  */
struct attributes
{
  mode_t mode;
  uid_t owner;
  gid_t group;
};

/* Returns whether they make sense; if not, CALL has failed.  */
static bool
find_attributes (lr_call *call, const struct lr_upload_args *args, const struct stat *old,
                 struct attributes *attributes)
{
  struct passwd user;
  struct group group;
  char user_texts[TEXTS_SIZE], group_texts[TEXTS_SIZE];
  *attributes = (struct attributes){ 0600, (uid_t) -1, (gid_t) -1 };
  if (old != NULL)
    *attributes = (struct attributes){ old->st_mode & 07777, old->st_uid, old->st_gid };
  if (args->mode != NULL)
    attributes->mode = (mode_t) strtoul (args->mode, NULL, 8); /* it is octal: that was checked */
  if (args->owner != NULL)
    {
      if (!find_user (call, args->owner, &user, user_texts))
        {
          lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "owner", "there is no user %s",
                        args->owner);
          return false;
        }
      attributes->owner = user.pw_uid;
      attributes->group = user.pw_gid;
    }
  if (args->group != NULL)
    {
      if (!find_group (call, args->group, &group, group_texts))
        {
          lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "group", "there is no group %s",
                        args->group);
          return false;
        }
      attributes->group = group.gr_gid;
    }
  return true;
}

/* Write what the caller sends to FD.  Returns 0, or -1 and errno.  */
static int
write_content (lr_call *call, int fd)
{
  char *chunk = malloc (CHUNK);
  size_t got;
  ssize_t wrote = chunk == NULL ? -1 : 0;
  while (wrote >= 0 && (got = lr_call_read (call, chunk, CHUNK)) > 0)
    for (size_t done = 0; wrote >= 0 && done < got; done += (size_t) wrote)
      if ((wrote = write (fd, chunk + done, got - done)) < 0)
        break;
  free (chunk);
  if (wrote >= 0 && lr_call_cancelled (call))
    errno = ECANCELED; /* what has come is not all of it */
  return wrote < 0 || lr_call_cancelled (call) ? -1 : 0;
}

/* Beside the old file, and then in its place: who reads it sees the old one or the new one.  */
static int
replace (lr_call *call, int directory, const char *name, const struct attributes *attributes)
{
  char temporary[300];
  snprintf (temporary, sizeof temporary, ".pretend-%.250s", name);
  int fd = openat (directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return -1;
  int status = write_content (call, fd);
  if (status == 0 && (attributes->owner != (uid_t) -1 || attributes->group != (gid_t) -1))
    status = fchown (fd, attributes->owner, attributes->group);
  if (status == 0)
    status = fchmod (fd, attributes->mode);
  if (status == 0)
    status = renameat (directory, temporary, directory, name);
  int errnum = errno;
  close (fd);
  if (status != 0)
    unlinkat (directory, temporary, 0);
  errno = errnum;
  return status;
}

static void
tree_upload (lr_call *call, const struct lr_upload_args *args)
{
  struct stat old;
  struct attributes attributes;
  const char *name;
  int directory = open_above (call, args->file, &name);
  if (directory < 0)
    {
      fail_by_errno (call, "write", args->file);
      return;
    }
  bool is_old = fstatat (directory, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (find_attributes (call, args, is_old && args->preserve ? &old : NULL, &attributes))
    {
      if (replace (call, directory, name, &attributes) == 0)
        lr_reply_done (call);
      else
        fail_by_errno (call, "write", args->file);
    }
  close (directory);
}

/* ---- directories ---- */

/* Tell of what is called NAME, which has PATH in DIRECTORY.  -1: nobody wants more.  */
static int
add_entry (lr_call *call, const char *name, int directory, const char *path,
           const struct stat *info)
{
  char owner[64], group[64], target[4096];
  ssize_t size =
      S_ISLNK (info->st_mode) ? readlinkat (directory, path, target, sizeof target - 1) : -1;
  if (size >= 0)
    target[size] = '\0';
  name_user (call, info->st_uid, owner);
  name_group (call, info->st_gid, group);
  struct lr_directory_entry entry =
      LR_DIRECTORY_ENTRY (.name = name, .type = type_of (info->st_mode),
                          .mode = info->st_mode & 07777, .owner = owner, .group = group,
                          .file_size = (uint64_t) info->st_size,
                          .mtime_ns = nanoseconds (info->st_mtim),
                          .ctime_ns = nanoseconds (info->st_ctim), .device = info->st_dev,
                          .inode = info->st_ino, .links = info->st_nlink,
                          .blocks = (uint64_t) info->st_blocks, .target = size < 0 ? NULL : target);
  return lr_call_add_entry (call, &entry);
}

static void
list_itself (lr_call *call, const struct lr_list_args *args)
{
  struct stat info;
  int fd = open_in (call, args->path, O_PATH | (args->no_follow ? O_NOFOLLOW : 0));
  if (fd < 0 || fstat (fd, &info) != 0)
    fail_by_errno (call, "look at", args->path);
  else
    {
      add_entry (call, args->path, fd, "", &info);
      lr_reply_done (call);
    }
  if (fd >= 0)
    close (fd);
}

static void
tree_list (lr_call *call, const struct lr_list_args *args)
{
  if (args->itself)
    {
      list_itself (call, args);
      return;
    }
  int fd = open_in (call, args->path, O_RDONLY | O_DIRECTORY | (args->no_follow ? O_NOFOLLOW : 0));
  DIR *directory = fd < 0 ? NULL : fdopendir (fd);
  if (directory == NULL)
    {
      fail_by_errno (call, "list", args->path);
      if (fd >= 0)
        close (fd);
      return;
    }
  bool wanted = true;
  for (const struct dirent *entry; wanted && (errno = 0, entry = readdir (directory)) != NULL;)
    {
      struct stat info;
      if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0
          && fstatat (fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        wanted = add_entry (call, entry->d_name, fd, entry->d_name, &info) == 0;
    }
  if (wanted && errno != 0)
    fail_by_errno (call, "list", args->path);
  else
    lr_reply_done (call);
  closedir (directory);
}

static void
tree_remove (lr_call *call, const struct lr_remove_args *args)
{
  const char *name;
  if (args->recursive)
    {
      refuse (call, "recursive", "directories are removed one by one");
      return;
    }
  int directory = open_above (call, args->path, &name);
  int status = directory < 0 ? -1 : unlinkat (directory, name, 0);
  if (directory >= 0 && status != 0 && errno == EISDIR)
    status = unlinkat (directory, name, AT_REMOVEDIR);
  if (status == 0)
    lr_reply_done (call);
  else
    fail_by_errno (call, "remove", args->path);
  if (directory >= 0)
    close (directory);
}

static void
tree_rename (lr_call *call, const struct lr_rename_args *args)
{
  const char *old_name, *new_name;
  int from = open_above (call, args->source, &old_name);
  int to = from < 0 ? -1 : open_above (call, args->target, &new_name);
  if (to >= 0
      && renameat2 (from, old_name, to, new_name, args->no_replace ? RENAME_NOREPLACE : 0) == 0)
    lr_reply_done (call);
  else
    fail_by_errno (call, "rename", args->source);
  if (from >= 0)
    close (from);
  if (to >= 0)
    close (to);
}

/* ---- programs ---- */

static int64_t
run_echo (lr_call *call, const char *const *words)
{
  for (; *words != NULL; words++)
    {
      lr_call_write (call, LR_STDOUT, *words, strlen (*words));
      lr_call_write (call, LR_STDOUT, words[1] == NULL ? "\n" : " ", 1);
    }
  return 0;
}

static int64_t
run_cat (lr_call *call, const char *const *words)
{
  char chunk[4096];
  size_t got;
  (void) words;
  while ((got = lr_call_read (call, chunk, sizeof chunk)) > 0
         && lr_call_write (call, LR_STDOUT, chunk, got) == 0)
    continue;
  return 0;
}

static int64_t
run_false (lr_call *call, const char *const *words)
{
  static const char sentence[] = "false: it is not so\n";
  (void) words;
  lr_call_write (call, LR_STDERR, sentence, strlen (sentence));
  return 1;
}

static const struct
{
  const char *name;
  int64_t (*run) (lr_call *call, const char *const *words);
} programs[] = { { "cat", run_cat }, { "echo", run_echo }, { "false", run_false } };

static void
tree_run (lr_call *call, const struct lr_run_args *args)
{
  if (args->user != NULL || args->group != NULL)
    {
      refuse (call, args->user != NULL ? "user" : "group", "programs of a tree have no user");
      return;
    }
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
    if (strcmp (args->command[0], programs[i].name) == 0)
      {
        lr_reply_run (call, programs[i].run (call, args->command + 1));
        return;
      }
  lr_call_fail (call, LR_ERROR_REMOTE_OS, ENOENT, NULL, "the program %s does not exist",
                args->command[0]);
}

LR_CONNECTOR (pretend, "pretend", "a directory tree that passes for a host",
              .target_form = LR_TARGET_PATH, .open = tree_open, .close = tree_close,
              .run = tree_run, .stat = tree_stat, .upload = tree_upload, .download = tree_download,
              .resolve_user = tree_resolve_user, .resolve_group = tree_resolve_group,
              .query_user = tree_query_user, .query_group = tree_query_group, .list = tree_list,
              .remove = tree_remove, .rename = tree_rename);
LR_PLUGIN ("1.0", &pretend);
