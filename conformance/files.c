/* files: directories, links, names, attributes, and the file systems they are on.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the checks share ---- */

static const char *
below (struct trial *trial, const char *directory, const char *name)
{
  return keep_text (trial, "%s/%s", directory, name);
}

static void
expect_absent (struct trial *trial, const char *what, const char *path)
{
  EXPECT (trial, STAT (trial, .path = path) == NULL,
          "%s: expected that it isn't there, got a description", what);
}

static void
expect_size (struct trial *trial, const char *what, const char *path, int64_t size)
{
  const struct lr_stat_result *result = STAT (trial, .path = path);
  EXPECT (trial, result != NULL, "%s: expected that it stays, got that it is gone", what);
  expect_number (trial, keep_text (trial, "the size of %s", what), (int64_t) result->size, size);
}

static void
expect_mode (struct trial *trial, const char *what, const char *path, int64_t mode)
{
  expect_number (trial, keep_text (trial, "the mode of %s", what),
                 (int64_t) stat_there (trial, path)->mode, mode);
}

static const struct lr_directory_entry *
find_entry (struct trial *trial, const struct lr_list_result *list, const char *name)
{
  for (size_t i = 0; i < list->count; i++)
    if (strcmp (list->items[i]->name, name) == 0)
      return list->items[i];
  fail_check (trial, "a list: expected that %s is in it, got that it isn't", name);
}

/* PATH itself, as a list has it.  */
static const struct lr_directory_entry *
describe (struct trial *trial, const char *path, lr_flag no_follow)
{
  const struct lr_list_result *list =
      LIST (trial, .path = path, .itself = 1, .no_follow = no_follow);
  expect_number (trial, "how many entries something itself has", (int64_t) list->count, 1);
  return list->items[0];
}

static void
expect_kind (struct trial *trial, const char *what, const struct lr_directory_entry *entry,
             enum lr_file_type wanted)
{
  expect_text (trial, what, lr_file_type_name ((enum lr_file_type) entry->type),
               lr_file_type_name (wanted));
}

/* ---- list ---- */

void
check_files_list (struct trial *trial)
{
  const char *directory = place (trial, "directory");
  MAKE_DIRECTORY (trial, .path = directory);
  expect_number (trial, "how many entries an empty directory has",
                 (int64_t) LIST (trial, .path = directory)->count, 0);
  MAKE_DIRECTORY (trial, .path = below (trial, directory, "inner"), .mode = "711");
  UPLOAD (trial, .file = below (trial, directory, ".file"), .content = bytes_of ("12345"),
          .mode = "640");
  LINK (trial, .path = below (trial, directory, "link"), .target = ".file", .symbolic = 1);
  const struct lr_list_result *list = LIST (trial, .path = directory);
  expect_number (trial, "how many entries a directory of three has", (int64_t) list->count, 3);

  const struct lr_directory_entry *entry = find_entry (trial, list, "inner");
  expect_kind (trial, "a directory in a list", entry, LR_FILE_DIRECTORY);
  expect_number (trial, "its mode", (int64_t) entry->mode, 0711);
  entry = find_entry (trial, list, ".file");
  expect_kind (trial, "a file in a list", entry, LR_FILE_REGULAR);
  expect_number (trial, "its mode", (int64_t) entry->mode, 0640);
  expect_number (trial, "its size", (int64_t) entry->file_size, 5);
  EXPECT (trial, entry->target == NULL, "a file in a list: expected that it leads to nothing");
  EXPECT (trial, entry->owner[0] != '\0' && entry->group[0] != '\0',
          "a file in a list: expected an owner and a group");
  entry = find_entry (trial, list, "link");
  expect_kind (trial, "a link in a list", entry, LR_FILE_LINK);
  expect_text (trial, "what it leads to", entry->target, ".file");
}

void
check_files_list_itself (struct trial *trial)
{
  const char *file = place (trial, "file"), *link = place (trial, "link");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  LINK (trial, .path = link, .target = file, .symbolic = 1);
  const struct lr_directory_entry *entry = describe (trial, link, 1);
  expect_kind (trial, "a link itself", entry, LR_FILE_LINK);
  expect_text (trial, "its name", entry->name, link);
  expect_text (trial, "what it leads to", entry->target, file);
  entry = describe (trial, link, 0);
  expect_kind (trial, "what a link leads to", entry, LR_FILE_REGULAR);
  expect_number (trial, "its size", (int64_t) entry->file_size, 5);
  expect_kind (trial, "/", describe (trial, "/", 1), LR_FILE_DIRECTORY);
}

void
check_files_list_many (struct trial *trial)
{
  enum
  {
    COUNT = 1000,
    LENGTH = 200, /* of each name */
  };
  const char *directory = place (trial, "directory");
  MAKE_DIRECTORY (trial, .path = directory);
  const struct answer **answers = keep_memory (trial, COUNT * sizeof *answers);
  for (int i = 0; i < COUNT; i++)
    {
      struct lr_link_args args =
          LR_LINK_ARGS (.path = keep_text (trial, "%s/%0*d", directory, LENGTH, i),
                        .target = "nothing", .symbolic = 1);
      answers[i] = submit (trial, LR_OPERATION_LINK, &args);
    }
  for (int i = 0; i < COUNT; i++)
    {
      await (trial, answers[i], "one of 1000 links");
      expect_success (trial, answers[i]->status, &answers[i]->error, "one of 1000 links");
    }
  const struct lr_list_result *list = LIST (trial, .path = directory);
  expect_number (trial, "how many entries a directory of 1000 has", (int64_t) list->count, COUNT);
  char *seen = keep_memory (trial, COUNT);
  for (int i = 0; i < COUNT; i++)
    {
      const char *name = list->items[i]->name;
      int64_t number = strtoll (name, NULL, 10);
      EXPECT (trial,
              strlen (name) == LENGTH && number >= 0 && number < COUNT && seen[number]++ == 0,
              "a list of 1000: expected each of their names once, got %s", name);
    }
}

void
check_files_list_refused (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  for (lr_flag itself = 0; itself < 2; itself++)
    {
      LIST_FAILS (trial, remote_os (ENOENT), .path = "/no-such-directory", .itself = itself);
      LIST_FAILS (trial, remote_os (ENOENT), .path = "", .itself = itself);
    }
  LIST_FAILS (trial, remote_os (ENOTDIR), .path = file);
  LIST_FAILS (trial, remote_os (ENOTDIR), .path = below (trial, file, "below"), .itself = 1);
  LIST_FAILS (trial, invalid_value ("limit"), .path = "/", .itself = 1, .limit = 1);
  describe (trial, file, 1);
}

/* ---- make_directory ---- */

void
check_files_make_directory (struct trial *trial)
{
  static const char *const modes[] = { "0", "700", "755", "1777", "2751", "777" };
  const char *directory = place (trial, "directory");
  MAKE_DIRECTORY (trial, .path = directory);
  expect_mode (trial, "a directory", directory, 0700);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    {
      const char *path = below (trial, directory, modes[i]);
      MAKE_DIRECTORY (trial, .path = path, .mode = modes[i]);
      expect_mode (trial, "a directory that was made with one", path, strtoll (modes[i], NULL, 8));
    }
}

void
check_files_make_directory_parents (struct trial *trial)
{
  const char *directory = place (trial, "directory"), *path = below (trial, directory, "a//b/c/");
  MAKE_DIRECTORY (trial, .path = path, .mode = "711", .parents = 1);
  expect_mode (trial, "a directory", below (trial, directory, "a/b/c"), 0711);
  expect_mode (trial, "one above it", below (trial, directory, "a"), 0711);
  MAKE_DIRECTORY (trial, .path = path, .parents = 1);
  expect_mode (trial, "a directory that was there", path, 0711);
  const char *file = below (trial, directory, "file");
  UPLOAD (trial, .file = file);
  MAKE_DIRECTORY_FAILS (trial, remote_os (EEXIST), .path = file, .parents = 1);
  MAKE_DIRECTORY_FAILS (trial, remote_os (ENOTDIR), .path = below (trial, file, "a/b"),
                        .parents = 1);
}

void
check_files_make_directory_refused (struct trial *trial)
{
  static const char *const modes[] = { "rwx", "8", "10000", "-1", "", "0x1ff" };
  const char *directory = place (trial, "directory"), *inner = below (trial, directory, "inner");
  MAKE_DIRECTORY (trial, .path = directory);
  MAKE_DIRECTORY_FAILS (trial, remote_os (EEXIST), .path = directory);
  MAKE_DIRECTORY_FAILS (trial, remote_os (ENOENT), .path = below (trial, directory, "a/b"));
  MAKE_DIRECTORY_FAILS (trial, remote_os (ENOENT), .path = "");
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    MAKE_DIRECTORY_FAILS (trial, invalid_value ("mode"), .path = inner, .mode = modes[i]);
  MAKE_DIRECTORY_FAILS (trial, invalid_value ("owner"), .path = inner,
                        .owner = "no-such-user-anywhere");
  MAKE_DIRECTORY_FAILS (trial, invalid_value ("group"), .path = inner,
                        .group = "no-such-group-anywhere");
  expect_absent (trial, "a directory that was refused", inner);
}

static void
expect_owner (struct trial *trial, const char *path, const char *owner, const char *group)
{
  const struct lr_stat_result *result = stat_there (trial, path);
  expect_text (trial, "the owner that was given", result->owner, owner);
  expect_text (trial, "the group", result->group, group);
}

void
check_files_make_directory_owner (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  const char *directory = place (trial, "directory"), *group = trial->target->group;
  MAKE_DIRECTORY (trial, .path = directory, .owner = other->name);
  expect_owner (trial, directory, other->name, other->group);
  const char *inner = below (trial, directory, "inner");
  MAKE_DIRECTORY (trial, .path = inner, .owner = other->name, .group = group);
  expect_owner (trial, inner, other->name, group);
}

/* ---- remove ---- */

void
check_files_remove (struct trial *trial)
{
  const char *file = place (trial, "file"), *link = place (trial, "link");
  const char *directory = place (trial, "directory"), *round = place (trial, "round");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"), .mode = "0");
  LINK (trial, .path = link, .target = file, .symbolic = 1);
  REMOVE (trial, .path = link);
  expect_absent (trial, "a link that was removed", link);
  expect_size (trial, "what a removed link led to", file, 5);
  REMOVE (trial, .path = file);
  expect_absent (trial, "a file that was removed", file);
  MAKE_DIRECTORY (trial, .path = directory);
  LINK (trial, .path = round, .target = directory, .symbolic = 1);
  REMOVE (trial, .path = round, .recursive = 1);
  stat_there (trial, directory);
  REMOVE (trial, .path = below (trial, directory, ""));
  expect_absent (trial, "a directory that was removed", directory);
}

void
check_files_remove_tree (struct trial *trial)
{
  const char *outside = place (trial, "outside"), *directory = place (trial, "directory");
  const char *deep = below (trial, directory, "a/b/c"), *kept = below (trial, outside, "kept");
  MAKE_DIRECTORY (trial, .path = outside);
  UPLOAD (trial, .file = kept, .content = bytes_of ("12345"));
  MAKE_DIRECTORY (trial, .path = deep, .parents = 1);
  UPLOAD (trial, .file = below (trial, directory, "a/\xff\n*"), .mode = "0");
  LINK (trial, .path = below (trial, deep, "out"), .target = outside, .symbolic = 1);
  LINK (trial, .path = below (trial, deep, "up"), .target = "../..", .symbolic = 1);
  LINK (trial, .path = below (trial, directory, "file"), .target = kept, .symbolic = 1);
  REMOVE (trial, .path = directory, .recursive = 1);
  expect_absent (trial, "a tree that was removed", directory);
  expect_size (trial, "what a link in a removed tree led to", kept, 5);
}

void
check_files_remove_refused (struct trial *trial)
{
  const char *directory = place (trial, "directory"), *inner = below (trial, directory, "inner");
  MAKE_DIRECTORY (trial, .path = inner, .parents = 1);
  for (lr_flag recursive = 0; recursive < 2; recursive++)
    {
      REMOVE_FAILS (trial, remote_os (ENOENT), .path = "/no-such-file", .recursive = recursive);
      REMOVE_FAILS (trial, remote_os (ENOENT), .path = "", .recursive = recursive);
      REMOVE_FAILS (trial, invalid_value ("path"), .path = below (trial, inner, ".."),
                    .recursive = recursive);
      REMOVE_FAILS (trial, invalid_value ("path"), .path = below (trial, inner, "."),
                    .recursive = recursive);
    }
  REMOVE_FAILS (trial, remote_os (ENOTEMPTY), .path = directory);
  stat_there (trial, inner);
}

/* ---- rename ---- */

void
check_files_rename (struct trial *trial)
{
  const char *file = place (trial, "file"), *other = place (trial, "other");
  const char *directory = place (trial, "directory");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  RENAME (trial, .source = file, .target = other, .no_replace = 1);
  expect_absent (trial, "a file by its old name", file);
  expect_size (trial, "a file by its new name", other, 5);
  UPLOAD (trial, .file = file, .content = bytes_of ("new"));
  RENAME (trial, .source = file, .target = other);
  expect_absent (trial, "a file by its old name", file);
  expect_size (trial, "a file that replaced another", other, 3);

  MAKE_DIRECTORY (trial, .path = below (trial, directory, "inner"), .parents = 1);
  RENAME (trial, .source = directory, .target = file, .no_replace = 1);
  stat_there (trial, below (trial, file, "inner"));
  expect_absent (trial, "a directory by its old name", directory);
  LINK (trial, .path = directory, .target = "nothing", .symbolic = 1);
  RENAME (trial, .source = directory, .target = other);
  expect_number (trial, "a link that was renamed: its type",
                 (int64_t) stat_there (trial, other)->type, LR_FILE_LINK);
}

void
check_files_rename_refused (struct trial *trial)
{
  const char *file = place (trial, "file"), *other = place (trial, "other");
  const char *directory = place (trial, "directory"), *inner = below (trial, directory, "inner");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  UPLOAD (trial, .file = other, .content = bytes_of ("123"));
  MAKE_DIRECTORY (trial, .path = inner, .parents = 1);
  RENAME_FAILS (trial, remote_os (EEXIST), .source = file, .target = other, .no_replace = 1);
  RENAME_FAILS (trial, remote_os (EEXIST), .source = inner, .target = other, .no_replace = 1);
  RENAME_FAILS (trial, remote_os (EISDIR), .source = file, .target = directory);
  RENAME_FAILS (trial, remote_os (ENOTDIR), .source = directory, .target = file);
  RENAME_FAILS (trial, remote_os (EINVAL), .source = directory,
                .target = below (trial, inner, "inner"));
  RENAME_FAILS (trial, remote_os (ENOENT), .source = place (trial, "nothing"), .target = file);
  RENAME_FAILS (trial, remote_os (ENOENT), .source = file, .target = "/no/such/directory/file");
  expect_size (trial, "a file that could not be renamed", file, 5);
  expect_size (trial, "a file that could not be replaced", other, 3);
  stat_there (trial, inner);
}

/* ---- links ---- */

void
check_files_link (struct trial *trial)
{
  const char *file = place (trial, "file"), *hard = place (trial, "hard");
  const char *symbolic = place (trial, "symbolic");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  LINK (trial, .path = hard, .target = file);
  LINK (trial, .path = symbolic, .target = file, .symbolic = 1);
  const struct lr_directory_entry *one = describe (trial, file, 1);
  const struct lr_directory_entry *another = describe (trial, hard, 1);
  expect_kind (trial, "another name of a file", another, LR_FILE_REGULAR);
  EXPECT (trial, one->device == another->device && one->inode == another->inode,
          "two names of one file: expected one device and inode, got two");
  expect_number (trial, "how many names a file of two has", (int64_t) one->links, 2);
  expect_kind (trial, "a symbolic link", describe (trial, symbolic, 1), LR_FILE_LINK);
  LINK_FAILS (trial, remote_os (ENOENT), .path = place (trial, "x"),
              .target = place (trial, "nothing"));
  LINK_FAILS (trial, remote_os (ENOENT), .path = "/no/such/directory/link", .target = file,
              .symbolic = 1);
}

void
check_files_link_replace (struct trial *trial)
{
  const char *file = place (trial, "file"), *link = place (trial, "link");
  const char *directory = place (trial, "directory");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  MAKE_DIRECTORY (trial, .path = directory);
  for (lr_flag symbolic = 0; symbolic < 2; symbolic++)
    {
      UPLOAD (trial, .file = link, .content = bytes_of ("old"));
      LINK_FAILS (trial, remote_os (EEXIST), .path = link, .target = file, .symbolic = symbolic);
      expect_size (trial, "what a link would have replaced", link, 3);
      LINK (trial, .path = link, .target = file, .symbolic = symbolic, .replace = 1);
      const struct lr_stat_result *result = STAT (trial, .path = link, .follow_links = 1);
      EXPECT (trial, result != NULL && result->size == 5,
              "a link that replaced a file: expected that it leads to the other");
      REMOVE (trial, .path = link);
      LINK_FAILS (trial, remote_os (EISDIR), .path = directory, .target = file,
                  .symbolic = symbolic, .replace = 1);
    }
  expect_number (trial, "how many names are there after links were replaced",
                 (int64_t) describe (trial, file, 1)->links, 1);
}

void
check_files_read_link (struct trial *trial)
{
  static const char *const targets[] = { "nothing", "/", "../..", " ", "a\nb", "\xff", "-rf" };
  const char *link = place (trial, "link"), *file = place (trial, "file");
  for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
    {
      LINK (trial, .path = link, .target = targets[i], .symbolic = 1, .replace = 1);
      expect_text (trial, "what a link leads to", READ_LINK (trial, .path = link), targets[i]);
    }
  LINK (trial, .path = link, .target = every_byte (), .symbolic = 1, .replace = 1);
  expect_text (trial, "what a link leads to", READ_LINK (trial, .path = link), every_byte ());
  UPLOAD (trial, .file = file);
  READ_LINK_FAILS (trial, remote_os (EINVAL), .path = file);
  READ_LINK_FAILS (trial, remote_os (ENOENT), .path = place (trial, "nothing"));
}

/* ---- names ---- */

void
check_files_every_byte (struct trial *trial)
{
  const char *directory = place (trial, "directory");
  const char *name = every_byte_of_a_name ();
  const char *path = below (trial, directory, name), *moved = below (trial, directory, "\xff\n*");
  MAKE_DIRECTORY (trial, .path = path, .parents = 1);
  find_entry (trial, LIST (trial, .path = directory), name);
  SET_ATTRIBUTES (trial, .path = path, .mode = "711");
  expect_mode (trial, "a directory of an odd name", path, 0711);
  RENAME (trial, .source = path, .target = moved);
  find_entry (trial, LIST (trial, .path = directory), "\xff\n*");
  REMOVE (trial, .path = moved);
  expect_number (trial, "how many entries are left",
                 (int64_t) LIST (trial, .path = directory)->count, 0);
}

/* ---- set_attributes ---- */

void
check_files_mode (struct trial *trial)
{
  static const char *const modes[] = { "0", "4", "70", "640", "755", "1644", "4755", "7777" };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    {
      SET_ATTRIBUTES (trial, .path = file, .mode = modes[i]);
      expect_mode (trial, "a file that was given one", file, strtoll (modes[i], NULL, 8));
    }
  expect_size (trial, "a file whose mode was changed", file, 5);
}

void
check_files_times (struct trial *trial)
{
  static const int64_t times[] = { INT64_C (981173106123456789), INT64_C (-86399999999999),
                                   INT64_C (2147483648000000001), 0 };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  int64_t mode = (int64_t) stat_there (trial, file)->mode;
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
    {
      SET_ATTRIBUTES (trial, .path = file, .set_mtime = 1, .mtime_ns = times[i]);
      /* Some file systems have no nanoseconds.  */
      int64_t got = stat_there (trial, file)->mtime_ns, second = INT64_C (1000000000);
      EXPECT (trial,
              got == times[i] || (got % second == 0 && got <= times[i] && times[i] - got < second),
              "mtime_ns that was set: expected %lld, got %lld", (long long) times[i],
              (long long) got);
      SET_ATTRIBUTES (trial, .path = file, .set_atime = 1, .atime_ns = 1);
      expect_number (trial, "mtime_ns when only atime_ns was set",
                     stat_there (trial, file)->mtime_ns, got);
    }
  expect_mode (trial, "a file whose times were set", file, mode);
}

void
check_files_owner (struct trial *trial)
{
  const struct lr_user_entry *other = trial->target->other;
  const char *file = place (trial, "file"), *own = trial->target->user;
  const char *group = trial->target->group, *link = place (trial, "link");
  UPLOAD (trial, .file = file);
  LINK (trial, .path = link, .target = file, .symbolic = 1);
  SET_ATTRIBUTES (trial, .path = file, .owner = other->name);
  expect_owner (trial, file, other->name, group);
  SET_ATTRIBUTES (trial, .path = file, .owner = own, .group = other->group);
  expect_owner (trial, file, own, other->group);
  SET_ATTRIBUTES (trial, .path = link, .owner = other->name, .no_follow = 1);
  expect_owner (trial, link, other->name, group);
  expect_owner (trial, file, own, other->group);
}

void
check_files_tree_attributes (struct trial *trial)
{
  const char *outside = place (trial, "outside"), *directory = place (trial, "directory");
  const char *deep = below (trial, directory, "a/b"), *file = below (trial, deep, "file");
  UPLOAD (trial, .file = outside, .mode = "600");
  MAKE_DIRECTORY (trial, .path = deep, .parents = 1);
  UPLOAD (trial, .file = file, .mode = "600");
  LINK (trial, .path = below (trial, deep, "link"), .target = outside, .symbolic = 1);
  SET_ATTRIBUTES (trial, .path = directory, .mode = "755", .recursive = 1);
  expect_mode (trial, "a file in a tree", file, 0755);
  expect_mode (trial, "a directory in it", deep, 0755);
  expect_mode (trial, "the top of it", directory, 0755);
  expect_mode (trial, "what a link in it leads to", outside, 0600);
}

void
check_files_link_attributes (struct trial *trial)
{
  const char *file = place (trial, "file"), *link = place (trial, "link");
  UPLOAD (trial, .file = file, .mode = "600");
  SET_ATTRIBUTES (trial, .path = file, .set_mtime = 1, .mtime_ns = 0);
  LINK (trial, .path = link, .target = file, .symbolic = 1);
  SET_ATTRIBUTES (trial, .path = link, .no_follow = 1, .set_mtime = 1,
                  .mtime_ns = INT64_C (981173106000000000));
  expect_number (trial, "mtime_ns of what a link leads to that was not followed",
                 stat_there (trial, file)->mtime_ns, 0);
  expect_number (trial, "mtime_ns of a link that was not followed",
                 stat_there (trial, link)->mtime_ns, INT64_C (981173106000000000));
  SET_ATTRIBUTES (trial, .path = link, .mode = "640");
  expect_mode (trial, "what a link leads to that was followed", file, 0640);
}

void
check_files_attributes_refused (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .mode = "640");
  SET_ATTRIBUTES_FAILS (trial, remote_os (ENOENT), .path = place (trial, "nothing"), .mode = "600");
  SET_ATTRIBUTES_FAILS (trial, invalid_value ("mode"), .path = file, .mode = "u+q");
  SET_ATTRIBUTES_FAILS (trial, invalid_value ("owner"), .path = file, .mode = "600",
                        .owner = "no-such-user-anywhere");
  SET_ATTRIBUTES_FAILS (trial, invalid_value ("group"), .path = file, .mode = "600",
                        .group = "no-such-group-anywhere");
  expect_mode (trial, "a file whose new one was refused", file, 0640);
}

void
check_files_forbidden (struct trial *trial)
{
  const char *directory = place (trial, "directory"), *file = below (trial, directory, "file");
  const char *inner = below (trial, directory, "inner");
  MAKE_DIRECTORY (trial, .path = directory);
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  SET_ATTRIBUTES (trial, .path = directory, .mode = "500");
  MAKE_DIRECTORY_FAILS (trial, remote_os (EACCES), .path = inner);
  REMOVE_FAILS (trial, remote_os (EACCES), .path = file);
  RENAME_FAILS (trial, remote_os (EACCES), .source = file, .target = place (trial, "file"));
  LINK_FAILS (trial, remote_os (EACCES), .path = inner, .target = file, .symbolic = 1);
  SET_ATTRIBUTES_FAILS (trial, remote_os (EPERM), .path = file,
                        .owner = trial->target->other->name);
  REMOVE_FAILS (trial, remote_os (EACCES), .path = directory, .recursive = 1);
  expect_size (trial, "a file that may not be removed", file, 5);
  SET_ATTRIBUTES (trial, .path = directory, .mode = "0");
  LIST_FAILS (trial, remote_os (EACCES), .path = directory);
  SET_ATTRIBUTES (trial, .path = directory, .mode = "700");
}

/* ---- make_temporary, file_system ---- */

void
check_files_temporary (struct trial *trial)
{
  const char *directory = place (trial, "directory"), *prefix = below (trial, directory, "x-");
  MAKE_DIRECTORY (trial, .path = directory);
  const char *file = MAKE_TEMPORARY (trial, .directory = directory, .prefix = "x-");
  const char *another = MAKE_TEMPORARY (trial, .directory = directory, .prefix = "x-");
  EXPECT (trial, strncmp (file, prefix, strlen (prefix)) == 0,
          "a temporary file: expected that its path begins with %s, got %s", prefix, file);
  EXPECT (trial, strcmp (file, another) != 0, "two temporary files: expected two names, got one");
  expect_mode (trial, "a temporary file", file, 0600);
  expect_size (trial, "a temporary file", another, 0);
  const char *inner = MAKE_TEMPORARY (trial, .directory = directory, .make_directory = 1);
  expect_kind (trial, "a temporary directory", describe (trial, inner, 1), LR_FILE_DIRECTORY);
  expect_mode (trial, "a temporary directory", inner, 0700);

  const char *usual = GETENV (trial, "TMPDIR");
  if (usual == NULL || usual[0] != '/')
    usual = "/tmp";
  if (STAT (trial, .path = usual) != NULL)
    {
      const char *elsewhere = MAKE_TEMPORARY (trial, .prefix = "longreach-conformance-");
      REMOVE (trial, .path = elsewhere);
      EXPECT (trial, strncmp (elsewhere, usual, strlen (usual)) == 0,
              "a temporary file: expected that it is in %s, got %s", usual, elsewhere);
    }
  MAKE_TEMPORARY_FAILS (trial, invalid_value ("prefix"), .directory = directory, .prefix = "a/b");
  MAKE_TEMPORARY_FAILS (trial, remote_os (ENOENT), .directory = place (trial, "nothing"));
}

void
check_files_file_system (struct trial *trial)
{
  const struct lr_file_system_info *info = FILE_SYSTEM (trial, .path = "/");
  EXPECT (trial, info->available <= info->free && info->free <= info->size,
          "a file system: expected that what is available is in what is free, and that in its "
          "size, got %llu, %llu and %llu",
          (unsigned long long) info->available, (unsigned long long) info->free,
          (unsigned long long) info->size);
  EXPECT (trial, info->block_size > 0 && info->name_max > 0,
          "a file system: expected the size of a block, and of a name, got %llu and %llu",
          (unsigned long long) info->block_size, (unsigned long long) info->name_max);
  FILE_SYSTEM_FAILS (trial, remote_os (ENOENT), .path = "/no-such-file");
}
