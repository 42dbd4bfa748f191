/* A connector that carries out operations itself, with no dispatcher: examples/pretend.c, through
   every public call, those that wait and the same submitted.  What it leaves out, and can't
   inherit, is one clear error.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static lr_registry *registry;
static lr_loop *loop;
static lr_connection *connection;
static char url[600];

/* The connector of the example, a tree of this test's, and a connection to it on a loop.  */
static void
set_up (void)
{
  struct lr_error error;
  char path[1300];
  static const char passwd[] =
      "root:x:0:0:Root:/root:/bin/sh\nann:x:1000:100:Ann:/home/ann:/bin/sh\n"
      "nobody:x:65534:65534::/:/bin/false\n";
  static const char group[] = "root:x:0:\nusers:x:100:\nstaff:x:50:ann,bob\nnogroup:x:65534:\n";
  make_directory ();
  cr_assert_eq (mkdir (path_in ("plugins"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("tree"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("tree/etc"), 0755), 0);
  write_file (path_in ("tree/etc/passwd"), passwd, strlen (passwd), 0644);
  write_file (path_in ("tree/etc/group"), group, strlen (group), 0644);
  write_file (path_in ("tree/file"), "content", 7, 0640);
  write_file (path_in ("outside"), "not of the tree", 15, 0644);
  cr_assert_eq (symlink ("../outside", path_in ("tree/escape")), 0);
  cr_assert_eq (symlink ("/etc/passwd", path_in ("tree/link")), 0);
  snprintf (path, sizeof path, "%s/examples/pretend.c", source_tree ());
  char *source = read_file (path, NULL);
  compile_plugin ("CC", source, path_in ("plugins/pretend.so"), false);
  free (source);
  registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_directory (registry, path_in ("plugins"), &error), 0);
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  snprintf (url, sizeof url, "pretend:%s", path_in ("tree"));
  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .loop = loop);
  cr_assert_eq (lr_open (registry, &args, &connection, &error), 0, "%s", error.message);
}

static void
tear_down (void)
{
  lr_close (connection);
  free_loop (loop);
  lr_registry_free (registry);
  cr_expect_eq (count_children (), 0);
  remove_directory ();
}

TestSuite (pretend, .init = set_up, .fini = tear_down, .timeout = 60);

/* OPERATION, submitted: its result, expecting success.  */
static void *
answer_of (enum lr_operation operation, const void *args)
{
  static struct outcome answers[32];
  static size_t count;
  struct outcome *answer = &answers[count++ % 32];
  submit (connection, operation, args, answer);
  dispatch_until (loop, answer);
  expect_success (answer, "submitted");
  return answer->result;
}

/* Whether a wait was enough, or the call was submitted: each body is run for both.  */
#define BOTH_WAYS for (int submitted = 0; submitted < 2; submitted++)

/* The result of FUNCTION, or of the same submitted.  */
#define CALL(result, function, operation, args)                                                    \
  do                                                                                               \
    {                                                                                              \
      struct lr_error call_error;                                                                  \
      if (submitted)                                                                               \
        result = answer_of (operation, args);                                                      \
      else                                                                                         \
        cr_assert_eq (function (connection, args, &result, &call_error), 0, "%s",                  \
                      call_error.message);                                                         \
    }                                                                                              \
  while (0)

Test (pretend, run)
{
  struct lr_run_result *result;
  const char *const cat[] = { "cat", NULL }, *const no[] = { "false", NULL };
  BOTH_WAYS
  {
    struct lr_run_args args = LR_RUN_ARGS (.command = cat, .input = { "a\0b", 3 });
    CALL (result, lr_run, LR_OPERATION_RUN, &args);
    cr_expect_eq (result->stdout_bytes.size, 3);
    cr_expect_eq (memcmp (result->stdout_bytes.data, "a\0b", 3), 0);
    lr_free (result);
    struct lr_run_args failing = LR_RUN_ARGS (.command = no, .no_check = 1);
    CALL (result, lr_run, LR_OPERATION_RUN, &failing);
    cr_expect_eq (result->returncode, 1);
    cr_expect_str_eq (result->stderr_bytes.data, "false: it is not so\n");
    lr_free (result);
  }
}

Test (pretend, stat)
{
  static const struct
  {
    const char *path;
    int follow;
    enum lr_file_type type;
    uint64_t size;
  } rows[] = {
    { "/file", 0, LR_FILE_REGULAR, 7 },       { "file", 0, LR_FILE_REGULAR, 7 },
    { "/../../file", 0, LR_FILE_REGULAR, 7 }, { "/link", 0, LR_FILE_LINK, 11 },
    { "/link", 1, LR_FILE_REGULAR, 102 },
  };
  struct lr_stat_result *result;
  BOTH_WAYS
  {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
      {
        struct lr_stat_args args =
            LR_STAT_ARGS (.path = rows[i].path, .follow_links = (lr_flag) rows[i].follow);
        CALL (result, lr_stat, LR_OPERATION_STAT, &args);
        cr_assert_not_null (result, "%s", rows[i].path);
        cr_expect_eq (result->type, (unsigned) rows[i].type, "%s", rows[i].path);
        cr_expect_eq (result->size, rows[i].size, "%s: %zu", rows[i].path, (size_t) result->size);
        lr_free (result);
      }
    static const char *const absent[] = { "/absent", "/file/below", "/../outside" };
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
      {
        struct lr_stat_args args = LR_STAT_ARGS (.path = absent[i]);
        CALL (result, lr_stat, LR_OPERATION_STAT, &args);
        cr_expect_null (result, "%s", absent[i]);
      }
    struct lr_stat_args escaping = LR_STAT_ARGS (.path = "/escape", .follow_links = 1);
    CALL (result, lr_stat, LR_OPERATION_STAT, &escaping);
    cr_expect_null (result, "a link leads out of the tree");
  }
}

/* lr_upload has no result.  */
static int
upload (lr_connection *to, const struct lr_upload_args *args, void **result, struct lr_error *error)
{
  *result = NULL;
  return lr_upload (to, args, error);
}

Test (pretend, upload_and_download)
{
  struct lr_download_result *got;
  struct stat info;
  void *nothing;
  BOTH_WAYS
  {
    const char *content = submitted ? "submitted" : "waited";
    struct lr_upload_args args =
        LR_UPLOAD_ARGS (.file = "/etc/new", .content = { content, strlen (content) },
                        .mode = "604");
    CALL (nothing, upload, LR_OPERATION_UPLOAD, &args);
    cr_expect_null (nothing);
    struct lr_download_args back = LR_DOWNLOAD_ARGS (.file = "/etc/new");
    CALL (got, lr_download, LR_OPERATION_DOWNLOAD, &back);
    cr_expect_str_eq (got->content.data, content);
    lr_free (got);
    cr_assert_eq (stat (path_in ("tree/etc/new"), &info), 0);
    cr_expect_eq (info.st_mode & 07777, 0604);
    struct lr_upload_args again =
        LR_UPLOAD_ARGS (.file = "/etc/new", .content = { "x", 1 }, .preserve = 1);
    CALL (nothing, upload, LR_OPERATION_UPLOAD, &again);
    cr_assert_eq (stat (path_in ("tree/etc/new"), &info), 0);
    cr_expect_eq (info.st_mode & 07777, 0604);
    cr_expect_eq (info.st_size, 1);
  }
  const char *const find[] = { "find", path_in ("tree"), "-name", ".*", NULL };
  struct finished left = run_program (find, NULL, 0);
  cr_expect_str_empty (left.output, "left behind: %s", left.output);
  free_finished (&left);
}

static const struct lr_directory_entry *
find_entry (const struct lr_list_result *list, const char *name)
{
  for (size_t i = 0; i < list->count; i++)
    if (strcmp (list->items[i]->name, name) == 0)
      return list->items[i];
  cr_assert_fail ("%s is not listed", name);
  return NULL;
}

Test (pretend, list)
{
  struct lr_list_result *result;
  BOTH_WAYS
  {
    struct lr_list_args args = LR_LIST_ARGS (.path = "/");
    CALL (result, lr_list, LR_OPERATION_LIST, &args);
    cr_assert_eq (result->count, 4);
    const struct lr_directory_entry *entry = find_entry (result, "file");
    cr_expect (entry->type == LR_FILE_REGULAR && entry->mode == 0640 && entry->file_size == 7);
    cr_expect (entry->links == 1 && entry->target == NULL);
    entry = find_entry (result, "link");
    cr_expect_eq (entry->type, LR_FILE_LINK);
    cr_expect_str_eq (entry->target, "/etc/passwd");
    cr_expect_eq (find_entry (result, "etc")->type, LR_FILE_DIRECTORY);
    lr_free (result);
    struct lr_list_args itself = LR_LIST_ARGS (.path = "/link", .itself = 1, .no_follow = 1);
    CALL (result, lr_list, LR_OPERATION_LIST, &itself);
    cr_assert_eq (result->count, 1);
    cr_expect_str_eq (result->items[0]->name, "/link");
    cr_expect_str_eq (result->items[0]->target, "/etc/passwd");
    lr_free (result);
  }
}

/* These have no result.  */
static int
rename_file (lr_connection *at, const struct lr_rename_args *args, void **result,
             struct lr_error *error)
{
  *result = NULL;
  return lr_rename (at, args, error);
}

static int
remove_file (lr_connection *at, const struct lr_remove_args *args, void **result,
             struct lr_error *error)
{
  *result = NULL;
  return lr_remove (at, args, error);
}

Test (pretend, rename_and_remove)
{
  struct stat info;
  void *nothing;
  BOTH_WAYS
  {
    cr_assert_eq (mkdir (path_in ("tree/empty"), 0755), 0);
    write_file (path_in ("tree/old"), "x", 1, 0644);
    struct lr_rename_args rename = LR_RENAME_ARGS (.source = "/old", .target = "/../../etc/new");
    CALL (nothing, rename_file, LR_OPERATION_RENAME, &rename);
    cr_expect_null (nothing);
    cr_assert_eq (stat (path_in ("tree/etc/new"), &info), 0);
    static const char *const paths[] = { "/etc/new", "/empty" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
      {
        struct lr_remove_args remove = LR_REMOVE_ARGS (.path = paths[i]);
        CALL (nothing, remove_file, LR_OPERATION_REMOVE, &remove);
        cr_expect_null (nothing);
      }
    cr_expect_neq (stat (path_in ("tree/etc/new"), &info), 0);
    cr_expect_neq (stat (path_in ("tree/empty"), &info), 0);
  }
}

Test (pretend, names)
{
  char *name;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  BOTH_WAYS
  {
    struct lr_resolve_args by_id = LR_RESOLVE_ARGS (.name = "1000");
    CALL (name, lr_resolve_user, LR_OPERATION_RESOLVE_USER, &by_id);
    cr_expect_str_eq (name, "ann");
    lr_free (name);
    struct lr_resolve_args by_gid = LR_RESOLVE_ARGS (.name = "50");
    CALL (name, lr_resolve_group, LR_OPERATION_RESOLVE_GROUP, &by_gid);
    cr_expect_str_eq (name, "staff");
    lr_free (name);
    struct lr_query_user_args ann = LR_QUERY_USER_ARGS (.user = "ann");
    CALL (user, lr_query_user, LR_OPERATION_QUERY_USER, &ann);
    cr_expect (user->uid == 1000 && user->gid == 100 && strcmp (user->group, "users") == 0);
    cr_expect_str_eq (user->groups[0], "staff");
    cr_expect_null (user->groups[1]);
    cr_expect_str_eq (user->home, "/home/ann");
    cr_expect_null (user->password_hash);
    lr_free (user);
    struct lr_query_group_args staff = LR_QUERY_GROUP_ARGS (.group = "staff");
    CALL (group, lr_query_group, LR_OPERATION_QUERY_GROUP, &staff);
    cr_expect (group->gid == 50 && strcmp (group->members[1], "bob") == 0);
    lr_free (group);
  }
}

Test (pretend, what_is_made_of_its_operations)
{
  struct lr_error error;
  struct lr_put_result *put;
  struct lr_get_result *got;
  char *home, *host;
  write_file (path_in ("local"), "by descriptor", 13, 0644);
  BOTH_WAYS
  {
    int in = open (path_in ("local"), O_RDONLY | O_CLOEXEC);
    int out = open (path_in ("copy"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct lr_put_args put_args = LR_PUT_ARGS (.descriptor = in, .file = "/put");
    CALL (put, lr_put, LR_OPERATION_PUT, &put_args);
    cr_expect_eq (put->size, 13);
    lr_free (put);
    struct lr_get_args get_args = LR_GET_ARGS (.descriptor = out, .file = "/put");
    CALL (got, lr_get, LR_OPERATION_GET, &get_args);
    cr_expect_eq (got->size, 13);
    lr_free (got);
    char *content = read_file (path_in ("copy"), NULL);
    cr_expect_str_eq (content, "by descriptor");
    free (content);
    close (in);
    close (out);
  }
  cr_assert_eq (lr_home_dir (connection, "ann", &home, &error), 0, "%s", error.message);
  cr_expect_str_eq (home, "/home/ann");
  lr_free (home);
  cr_assert_eq (lr_extract_hostname (registry, url, &host, &error), 0, "%s", error.message);
  cr_expect_str_eq (host, path_in ("tree"));
  lr_free (host);
}

/* ---- what is refused ---- */

/* MESSAGE as it is said of this host.  */
static void
expect_said (const struct lr_error *error, const char *message)
{
  char expected[600];
  snprintf (expected, sizeof expected, "%s: %s", path_in ("tree"), message);
  cr_expect_str_eq (error->message, expected);
}

static void
expect_refused (enum lr_operation operation, const void *args, enum lr_error_kind kind,
                const char *message)
{
  struct outcome answer;
  submit (connection, operation, args, &answer);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, kind, message);
  expect_said (&answer.error, message);
}

Test (pretend, what_is_left_out_is_one_clear_error)
{
  struct lr_error error;
  char *value;
  lr_process *process;
  const char *const command[] = { "cat", NULL };
  struct lr_getenv_args getenv_args = LR_GETENV_ARGS (.key = "PATH");
  cr_expect_eq (lr_getenv (connection, &getenv_args, &value, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED);
  expect_said (&error, "the connector pretend has no getenv");
  expect_refused (LR_OPERATION_GETENV, &getenv_args, LR_ERROR_UNSUPPORTED,
                  "the connector pretend has no getenv");
  cr_expect_eq (lr_ping (connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED);
  expect_said (&error, "the connector pretend has no dispatcher");
  expect_refused (LR_OPERATION_PING, NULL, LR_ERROR_UNSUPPORTED,
                  "the connector pretend has no dispatcher");
  struct lr_spawn_args spawn_args = LR_SPAWN_ARGS (.command = command);
  cr_expect_eq (lr_spawn (connection, &spawn_args, &process, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED, "%s", error.message);
  expect_said (&error, "live commands and terminals need a session, and here none is spoken");
}

Test (pretend, its_own_errors_come_through)
{
  const char *const missing[] = { "nope", NULL }, *const cat[] = { "cat", NULL };
  struct lr_run_args run = LR_RUN_ARGS (.command = missing);
  expect_refused (LR_OPERATION_RUN, &run, LR_ERROR_REMOTE_OS, "the program nope does not exist");
  struct lr_run_args as_user = LR_RUN_ARGS (.command = cat, .user = "ann");
  expect_refused (LR_OPERATION_RUN, &as_user, LR_ERROR_UNSUPPORTED,
                  "programs of a tree have no user");
  struct lr_stat_args digest = LR_STAT_ARGS (.path = "/file", .sha512sum = 1);
  expect_refused (LR_OPERATION_STAT, &digest, LR_ERROR_UNSUPPORTED,
                  "there is no digest of files in a tree");
  struct lr_download_args absent = LR_DOWNLOAD_ARGS (.file = "/absent");
  expect_refused (LR_OPERATION_DOWNLOAD, &absent, LR_ERROR_INVALID_VALUE, "no such file: /absent");
  struct lr_list_args list = LR_LIST_ARGS (.path = "/escape");
  expect_refused (LR_OPERATION_LIST, &list, LR_ERROR_REMOTE_OS,
                  "cannot list /escape: No such file or directory");
  struct lr_list_args little = LR_LIST_ARGS (.path = "/", .limit = 1);
  struct lr_list_result *result;
  struct lr_error error;
  cr_expect_eq (lr_list (connection, &little, &result, &error), -1);
  cr_expect (error.kind == LR_ERROR_INVALID_VALUE && strcmp (error.field, "limit") == 0);
  struct lr_rename_args taken =
      LR_RENAME_ARGS (.source = "/file", .target = "/link", .no_replace = 1);
  expect_refused (LR_OPERATION_RENAME, &taken, LR_ERROR_REMOTE_OS,
                  "cannot rename /file: File exists");
  struct lr_remove_args full = LR_REMOVE_ARGS (.path = "/etc");
  expect_refused (LR_OPERATION_REMOVE, &full, LR_ERROR_REMOTE_OS,
                  "cannot remove /etc: Directory not empty");
  struct lr_remove_args tree = LR_REMOVE_ARGS (.path = "/etc", .recursive = 1);
  expect_refused (LR_OPERATION_REMOVE, &tree, LR_ERROR_UNSUPPORTED,
                  "directories are removed one by one");
  struct lr_set_attributes_args set = LR_SET_ATTRIBUTES_ARGS (.path = "/file", .mode = "600");
  expect_refused (LR_OPERATION_SET_ATTRIBUTES, &set, LR_ERROR_UNSUPPORTED,
                  "the connector pretend has no set_attributes");
  struct lr_upload_args owner = LR_UPLOAD_ARGS (.file = "/new", .owner = "nope");
  expect_refused (LR_OPERATION_UPLOAD, &owner, LR_ERROR_INVALID_VALUE, "there is no user nope");
  struct lr_query_user_args hash = LR_QUERY_USER_ARGS (.user = "ann", .password_hash = 1);
  expect_refused (LR_OPERATION_QUERY_USER, &hash, LR_ERROR_UNSUPPORTED,
                  "the hashes of a tree are not told");
  struct lr_query_group_args group = LR_QUERY_GROUP_ARGS (.group = "nope");
  expect_refused (LR_OPERATION_QUERY_GROUP, &group, LR_ERROR_INVALID_VALUE,
                  "there is no group nope");
}

Test (pretend, what_can_not_be_opened_says_so)
{
  struct lr_error error;
  lr_connection *other;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "pretend:/nonexistent");
  cr_expect_eq (lr_open (registry, &args, &other, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_str_eq (error.message, "/nonexistent: cannot open it: No such file or directory");
}
