/* The operations on file systems through the public calls, on the real dispatcher of this machine:
   what arguments mean, what results say, and how failures are told.  What the dispatcher does with
   them is test-files.sh's business.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lr_connection *connection;

static void
set_up (void)
{
  make_directory ();
  connection = open_local ();
}

static void
tear_down (void)
{
  lr_close (connection);
  remove_directory ();
}

TestSuite (file_systems, .init = set_up, .fini = tear_down, .timeout = 60);

#define MUST(call)                                                                                 \
  do                                                                                               \
    {                                                                                              \
      struct lr_error error;                                                                       \
      cr_assert_eq (call, 0, "%s", error.message);                                                 \
    }                                                                                              \
  while (0)

#define FAILS(call, errnum_)                                                                       \
  do                                                                                               \
    {                                                                                              \
      struct lr_error error;                                                                       \
      cr_assert_eq (call, -1);                                                                     \
      cr_assert_eq (error.kind, LR_ERROR_REMOTE_OS, "%s", error.message);                          \
      cr_assert_eq (error.errnum, errnum_, "%s", error.message);                                   \
    }                                                                                              \
  while (0)

static void
make (const char *path, const char *mode, bool parents)
{
  struct lr_make_directory_args args =
      LR_MAKE_DIRECTORY_ARGS (.path = path, .mode = mode, .parents = parents);
  MUST (lr_make_directory (connection, &args, &error));
}

static struct lr_list_result *
list (const char *path, bool itself)
{
  struct lr_list_result *result;
  struct lr_list_args args = LR_LIST_ARGS (.path = path, .itself = itself, .no_follow = itself);
  MUST (lr_list (connection, &args, &result, &error));
  return result;
}

static void
make_link (const char *target, const char *name)
{
  struct lr_link_args args =
      LR_LINK_ARGS (.target = target, .path = path_in (name), .symbolic = true);
  MUST (lr_link (connection, &args, &error));
}

Test (file_systems, an_empty_directory_is_listed_without_entries)
{
  make (path_in ("a/b"), "750", true);
  struct lr_list_result *result = list (path_in ("a/b"), false);
  cr_assert_eq (result->count, 0);
  lr_free (result);
}

Test (file_systems, entries_say_what_they_are)
{
  make (path_in ("a"), "2751", false);
  make_link ("no\nwhere", "a/\xff link");
  struct lr_list_result *result = list (path_in ("a"), false);
  cr_assert_eq (result->count, 1);
  const struct lr_directory_entry *entry = result->items[0];
  cr_expect_str_eq (entry->name, "\xff link");
  cr_expect_str_eq (entry->target, "no\nwhere");
  cr_expect_eq (entry->type, LR_FILE_LINK);
  cr_expect_eq (entry->links, 1);
  lr_free (result);
  result = list (path_in ("a"), true);
  cr_assert_eq (result->count, 1);
  cr_expect_str_eq (result->items[0]->name, path_in ("a"));
  cr_expect_eq (result->items[0]->type, LR_FILE_DIRECTORY);
  cr_expect_eq (result->items[0]->mode, 02751);
  cr_expect_null (result->items[0]->target);
  lr_free (result);
}

Test (file_systems, a_list_that_is_too_long_leaves_the_connection_usable)
{
  struct lr_error error;
  struct lr_list_result *result;
  make (path_in ("some-directory"), NULL, false);
  struct lr_list_args args = LR_LIST_ARGS (.path = path_in (""), .limit = 10);
  cr_assert_eq (lr_list (connection, &args, &result, &error), -1);
  cr_assert_null (result);
  cr_assert_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s", error.message);
  cr_assert_str_eq (error.field, "limit");
  lr_free (list (path_in (""), false));
}

Test (file_systems, what_is_there_is_renamed_linked_changed_and_removed)
{
  struct stat info;
  char *target;
  make (path_in ("a"), NULL, false);
  struct lr_rename_args rename = LR_RENAME_ARGS (.source = path_in ("a"), .target = path_in ("b"));
  MUST (lr_rename (connection, &rename, &error));
  FAILS (lr_rename (connection, &rename, &error), ENOENT);
  make_link ("b", "link");
  struct lr_path_args path = LR_PATH_ARGS (.path = path_in ("link"));
  MUST (lr_read_link (connection, &path, &target, &error));
  cr_assert_str_eq (target, "b");
  lr_free (target);
  struct lr_set_attributes_args set =
      LR_SET_ATTRIBUTES_ARGS (.path = path_in ("link"), .mode = "751", .set_mtime = true,
                              .mtime_ns = 1000000007);
  MUST (lr_set_attributes (connection, &set, &error));
  cr_assert_eq (stat (path_in ("b"), &info), 0);
  cr_assert_eq (info.st_mode & 07777, 0751);
  cr_assert (info.st_mtim.tv_sec == 1 && info.st_mtim.tv_nsec == 7);
  make (path_in ("b/c"), NULL, false);
  struct lr_remove_args remove = LR_REMOVE_ARGS (.path = path_in ("b"));
  FAILS (lr_remove (connection, &remove, &error), ENOTEMPTY);
  remove.recursive = true;
  MUST (lr_remove (connection, &remove, &error));
  FAILS (lr_remove (connection, &remove, &error), ENOENT);
}

Test (file_systems, no_replace_and_no_follow_count)
{
  make (path_in ("a"), NULL, false);
  make (path_in ("b"), NULL, false);
  struct lr_rename_args rename =
      LR_RENAME_ARGS (.source = path_in ("a"), .target = path_in ("b"), .no_replace = true);
  FAILS (lr_rename (connection, &rename, &error), EEXIST);
  rename.no_replace = false;
  MUST (lr_rename (connection, &rename, &error));
  make_link ("b", "link");
  struct lr_set_attributes_args set =
      LR_SET_ATTRIBUTES_ARGS (.path = path_in ("link"), .no_follow = true, .set_mtime = true,
                              .mtime_ns = 0);
  struct stat info;
  MUST (lr_set_attributes (connection, &set, &error));
  cr_assert_eq (lstat (path_in ("link"), &info), 0);
  cr_assert_eq (info.st_mtim.tv_sec, 0);
  cr_assert_eq (stat (path_in ("link"), &info), 0);
  cr_assert_neq (info.st_mtim.tv_sec, 0);
}

Test (file_systems, the_root_is_not_removed)
{
  struct lr_error error;
  struct lr_remove_args args = LR_REMOVE_ARGS (.path = "/", .recursive = true);
  cr_assert_eq (lr_remove (connection, &args, &error), -1);
  cr_assert_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s", error.message);
  cr_assert_str_eq (error.field, "path");
}

Test (file_systems, temporary_files_and_the_file_system_they_are_on)
{
  char *name;
  struct stat info;
  struct lr_make_temporary_args args =
      LR_MAKE_TEMPORARY_ARGS (.directory = path_in (""), .prefix = "x-", .make_directory = true);
  MUST (lr_make_temporary (connection, &args, &name, &error));
  cr_assert_eq (stat (name, &info), 0);
  cr_assert (S_ISDIR (info.st_mode));
  lr_free (name);
  struct lr_file_system_info *system;
  struct lr_path_args path = LR_PATH_ARGS (.path = path_in (""));
  MUST (lr_file_system (connection, &path, &system, &error));
  cr_assert_gt (system->size, 0);
  cr_assert_leq (system->available, system->size);
  lr_free (system);
}

/* ---- submitted ---- */

/* The result of OPERATION, submitted to the connection, which has LOOP.  */
static void *
answer_of (lr_loop *loop, enum lr_operation operation, const void *args)
{
  struct outcome answer = { .count = 0 };
  submit (connection, operation, args, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "submitted");
  return answer.result;
}

Test (file_systems, each_of_them_can_be_submitted)
{
  struct lr_error error;
  lr_loop *loop;
  struct stat info;
  lr_close (connection);
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:", .loop = loop);
  cr_assert_eq (lr_open (NULL, &open, &connection, &error), 0, "%s", error.message);

  struct lr_make_directory_args make = LR_MAKE_DIRECTORY_ARGS (.path = path_in ("d"));
  cr_expect_null (answer_of (loop, LR_OPERATION_MAKE_DIRECTORY, &make));
  struct lr_link_args link =
      LR_LINK_ARGS (.path = path_in ("d/a"), .target = "x", .symbolic = true);
  cr_expect_null (answer_of (loop, LR_OPERATION_LINK, &link));
  struct lr_rename_args rename =
      LR_RENAME_ARGS (.source = path_in ("d/a"), .target = path_in ("d/b"));
  cr_expect_null (answer_of (loop, LR_OPERATION_RENAME, &rename));
  struct lr_path_args path = LR_PATH_ARGS (.path = path_in ("d/b"));
  char *text = answer_of (loop, LR_OPERATION_READ_LINK, &path);
  cr_expect_str_eq (text, "x");
  lr_free (text);
  struct lr_set_attributes_args set = LR_SET_ATTRIBUTES_ARGS (.path = path_in ("d"), .mode = "711");
  cr_expect_null (answer_of (loop, LR_OPERATION_SET_ATTRIBUTES, &set));
  cr_expect (stat (path_in ("d"), &info) == 0 && (info.st_mode & 07777) == 0711);
  struct lr_make_temporary_args temporary =
      LR_MAKE_TEMPORARY_ARGS (.directory = path_in ("d"), .prefix = "t");
  text = answer_of (loop, LR_OPERATION_MAKE_TEMPORARY, &temporary);
  cr_expect_eq (stat (text, &info), 0, "%s", text);
  lr_free (text);
  struct lr_list_args list_args = LR_LIST_ARGS (.path = path_in ("d"));
  struct lr_list_result *entries = answer_of (loop, LR_OPERATION_LIST, &list_args);
  cr_expect_eq (entries->count, 2);
  lr_free (entries);
  path.path = path_in ("d");
  struct lr_file_system_info *system = answer_of (loop, LR_OPERATION_FILE_SYSTEM, &path);
  cr_expect_gt (system->size, 0);
  lr_free (system);
  struct lr_remove_args remove = LR_REMOVE_ARGS (.path = path_in ("d"), .recursive = true);
  cr_expect_null (answer_of (loop, LR_OPERATION_REMOVE, &remove));
  cr_expect_neq (stat (path_in ("d"), &info), 0);

  lr_close (connection);
  connection = NULL;
  free_loop (loop);
}

Test (file_systems, the_plain_protocol_has_none_of_them)
{
  struct lr_error error;
  struct lr_list_result *result;
  lr_connection *plain;
  struct lr_open_args open = LR_OPEN_ARGS (.url = "local:?protocol=plain");
  cr_assert_eq (lr_open (NULL, &open, &plain, &error), 0, "%s", error.message);
  struct lr_list_args args = LR_LIST_ARGS (.path = "/");
  cr_assert_eq (lr_list (plain, &args, &result, &error), -1);
  cr_assert_eq (error.kind, LR_ERROR_UNSUPPORTED, "%s", error.message);
  cr_assert_not_null (strstr (error.message, "protocol=plain"));
  lr_close (plain);
}
