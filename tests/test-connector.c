/* What a connector may do, and what the library makes of it: operations of its own, those it
   inherits through wrap, hooks, and mistakes.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

TestSuite (connector, .timeout = 60);

#define TABLE(schema_, ...)                                                                        \
  {                                                                                                \
    .size = sizeof (struct lr_connector), .abi = LR_ABI, .option_size = sizeof (struct lr_option), \
    .schema = schema_, .description = "a connector of the tests", __VA_ARGS__                      \
  }

/* ---- opening ---- */

static lr_registry *
registry_with (const struct lr_connector *connector)
{
  struct lr_error error;
  lr_registry *registry = lr_registry_new ();
  cr_assert_not_null (registry);
  cr_assert_eq (lr_registry_add_connector (registry, connector, &error), 0, "%s", error.message);
  return registry;
}

static lr_connection *
open_in (lr_registry *registry, const char *url)
{
  struct lr_error error;
  lr_connection *connection = NULL;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (registry, &args, &connection, &error), 0, "%s: %s", url, error.message);
  cr_assert_not_null (connection);
  return connection;
}

/* Open URL, whose one hop is CONNECTOR's, and expect this error.  */
static void
expect_open_error (const struct lr_connector *connector, const char *url, enum lr_error_kind kind,
                   const char *field, const char *message)
{
  struct lr_error error;
  lr_connection *connection;
  lr_registry *registry = registry_with (connector);
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_null (connection);
  cr_expect_eq (error.kind, kind, "%s: %s: %s", url, lr_error_kind_name (error.kind),
                error.message);
  cr_expect_str_eq (error.field, field, "%s: field %s", url, error.field);
  cr_expect_str_eq (error.message, message, "%s:\n  %s\nand not\n  %s", url, error.message,
                    message);
  cr_expect_eq (error.hop, 0);
  lr_close (connection);
  lr_registry_free (registry);
}

/* SCHEMA:TARGET with the dispatcher that is built here.  */
static const char *
tunnelled_url (const char *schema, const char *target)
{
  static char url[1024];
  const char *directory = getenv ("LONGREACH_DISPATCHER_DIR");
  cr_assert_not_null (directory, "run the suites through ./run");
  snprintf (url, sizeof url, "%s:%s?dispatcher=%s/longreach-dispatcher", schema, target, directory);
  return url;
}

/* What the far side's variable KEY is, or NULL; to be freed with lr_free.  */
static char *
get (lr_connection *connection, const char *key)
{
  struct lr_error error;
  char *value;
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = key);
  cr_assert_eq (lr_getenv (connection, &args, &value, &error), 0, "%s", error.message);
  return value;
}

static void
expect_variable (lr_connection *connection, const char *key, const char *expected)
{
  char *value = get (connection, key);
  if (expected == NULL)
    cr_expect_null (value, "%s is %s", key, value);
  else
    {
      cr_expect_not_null (value, "%s is not set", key);
      if (value != NULL)
        cr_expect_str_eq (value, expected);
    }
  lr_free (value);
}

/* ---- a connector that does everything itself ---- */

/* What `open` leaves: a host that holds one file.  */
struct box
{
  char *content; /* owned */
  size_t size;
};

static int boxes_open, boxes_opened;

static void
box_open (lr_call *call)
{
  cr_expect_null (lr_call_state (call));
  cr_expect_eq (lr_call_cancelled (call), 0);
  lr_call_set_state (call, calloc (1, sizeof (struct box)));
  boxes_open++;
  boxes_opened++;
  lr_reply_done (call);
}

static void
box_close (lr_call *call)
{
  struct box *box = lr_call_state (call);
  free (box->content);
  free (box);
  lr_call_set_state (call, NULL);
  boxes_open--;
  lr_reply_done (call);
}

/* Its input in capitals, a few bytes at a time; its arguments on stderr; its second word is the
   returncode.  */
static void
box_run (lr_call *call, const struct lr_run_args *args)
{
  char buffer[3], line[256];
  size_t got;
  while ((got = lr_call_read (call, buffer, sizeof buffer)) > 0)
    {
      for (size_t i = 0; i < got; i++)
        buffer[i] = (char) toupper ((unsigned char) buffer[i]);
      cr_expect_eq (lr_call_write (call, LR_STDOUT, buffer, got), 0);
    }
  cr_expect_eq (lr_call_read (call, buffer, sizeof buffer), 0);
#define OR_NONE(text) ((text) == NULL ? "-" : (text))
  int length =
      snprintf (line, sizeof line, "%s %s %s %s %s", args->command[0], OR_NONE (args->user),
                OR_NONE (args->group), OR_NONE (args->umask), OR_NONE (args->cwd));
  cr_expect_eq (lr_call_write (call, LR_STDERR, line, (size_t) length), 0);
  lr_reply_run (call, args->command[1] == NULL ? 0 : atoi (args->command[1]));
}

static void
box_stat (lr_call *call, const struct lr_stat_args *args)
{
  char digest[64];
  struct lr_stat_result stat =
      LR_STAT_RESULT (.type = LR_FILE_FIFO, .mode = 04755, .owner = "ann", .group = "staff",
                      .size = UINT64_C (1) << 40, .mtime_ns = -1, .ctime_ns = INT64_C (1) << 60);
  memset (digest, 0xab, sizeof digest);
  if (args->sha512sum)
    stat.sha512sum = (struct lr_bytes){ digest, sizeof digest };
  if (args->follow_links)
    stat.type = LR_FILE_REGULAR;
  lr_reply_stat (call, strcmp (args->path, "/absent") == 0 ? NULL : &stat);
  memset (digest, 0, sizeof digest);
}

static void
box_upload (lr_call *call, const struct lr_upload_args *args)
{
  (void) args;
  struct box *box = lr_call_state (call);
  char buffer[1000];
  size_t got;
  box->size = 0;
  while ((got = lr_call_read (call, buffer, sizeof buffer)) > 0)
    {
      box->content = realloc (box->content, box->size + got);
      memcpy (box->content + box->size, buffer, got);
      box->size += got;
    }
  lr_reply_done (call);
}

static void
box_download (lr_call *call, const struct lr_download_args *args)
{
  const struct box *box = lr_call_state (call);
  if (strcmp (args->file, "/box") != 0)
    {
      lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "file", "there is no %s", args->file);
      return;
    }
  for (size_t sent = 0; sent < box->size; sent += 7)
    if (lr_call_write (call, LR_STDOUT, box->content + sent,
                       box->size - sent < 7 ? box->size - sent : 7)
        != 0)
      break;
  lr_reply_done (call);
}

static void
box_resolve_user (lr_call *call, const struct lr_resolve_args *args)
{
  lr_reply_name (call, args->name == NULL ? "me" : args->name);
}

static void
box_resolve_group (lr_call *call, const struct lr_resolve_args *args)
{
  lr_reply_name (call, args->name == NULL ? "us" : args->name);
}

static void
box_query_user (lr_call *call, const struct lr_query_user_args *args)
{
  char name[32];
  const char *const groups[] = { "audio", "video", NULL };
  snprintf (name, sizeof name, "%s", args->user);
  struct lr_user_entry entry =
      LR_USER_ENTRY (.name = name, .uid = 7, .group = "staff", .gid = INT64_C (4294967294),
                     .groups = groups, .password_hash = args->password_hash ? "$6$x" : NULL,
                     .gecos = "M. E.", .home = "/home/me", .shell = "/bin/sh");
  lr_reply_user (call, &entry);
  memset (name, 'x', sizeof name - 1);
}

static void
box_query_group (lr_call *call, const struct lr_query_group_args *args)
{
  const char *const members[] = { "ann", "bob", NULL };
  struct lr_group_entry entry = LR_GROUP_ENTRY (.name = args->group, .gid = 8, .members = members);
  lr_reply_group (call, &entry);
}

static void
box_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  const lr_hop *hop = lr_call_hop (call);
  if (strcmp (args->key, "NAME") == 0)
    lr_reply_value (call, lr_hop_name (hop));
  else if (strcmp (args->key, "LABEL") == 0)
    lr_reply_value (call, lr_hop_option (hop, "label"));
  else
    lr_reply_value (call, strcmp (args->key, "EMPTY") == 0 ? "" : NULL);
}

static const struct lr_option box_options[] = { { .name = "label", .help = "" }, { .name = NULL } };

#define ALL_OPERATIONS(prefix)                                                                     \
  .open = prefix##_open, .close = prefix##_close, .run = prefix##_run, .stat = prefix##_stat,      \
  .upload = prefix##_upload, .download = prefix##_download, .resolve_user = prefix##_resolve_user, \
  .resolve_group = prefix##_resolve_group, .query_user = prefix##_query_user,                      \
  .query_group = prefix##_query_group, .getenv = prefix##_getenv

static const struct lr_connector box_connector =
    TABLE ("box", .target_form = LR_TARGET_NAME, .options = box_options, ALL_OPERATIONS (box));

static lr_registry *box_registry;
static lr_connection *box;

static void
open_box (void)
{
  box_registry = registry_with (&box_connector);
  box = open_in (box_registry, "box:first?label=on%20top");
}

static void
close_box (void)
{
  lr_close (box);
  lr_registry_free (box_registry);
  cr_expect_eq (boxes_open, 0);
}

Test (connector, run_reads_its_input_and_writes_both_outputs, .init = open_box, .fini = close_box)
{
  struct lr_error error;
  struct lr_run_result *result;
  const char *const command[] = { "shout", NULL };
  struct lr_run_args args = LR_RUN_ARGS (.command = command, .input = { "hello, world", 12 },
                                         .user = "ann", .umask = "022");
  cr_assert_eq (lr_run (box, &args, &result, &error), 0, "%s", error.message);
  cr_expect_eq (result->stdout_bytes.size, 12);
  cr_expect_str_eq (result->stdout_bytes.data, "HELLO, WORLD");
  cr_expect_str_eq (result->stderr_bytes.data, "shout ann - 022 -");
  cr_expect_eq (result->returncode, 0);
  lr_free (result);
}

Test (connector, run_without_input_and_output_gives_empty_outputs, .init = open_box,
      .fini = close_box)
{
  struct lr_run_result *result;
  const char *const command[] = { "shout", NULL };
  struct lr_run_args args = LR_RUN_ARGS (.command = command, .group = "g", .cwd = "/");
  cr_assert_eq (lr_run (box, &args, &result, NULL), 0);
  cr_expect_not_null (result->stdout_bytes.data);
  cr_expect_eq (result->stdout_bytes.size, 0);
  cr_expect_str_eq (result->stderr_bytes.data, "shout - g - /");
  lr_free (result);
}

Test (connector, output_that_nobody_captures_is_absent, .init = open_box, .fini = close_box)
{
  struct lr_run_result *result;
  const char *const command[] = { "shout", NULL };
  struct lr_run_args args = LR_RUN_ARGS (.command = command, .input = { "x", 1 }, .no_capture = 1);
  cr_assert_eq (lr_run (box, &args, &result, NULL), 0);
  cr_expect_null (result->stdout_bytes.data);
  cr_expect_null (result->stderr_bytes.data);
  lr_free (result);
}

Test (connector, a_returncode_is_an_error_that_leaves_the_result, .init = open_box,
      .fini = close_box)
{
  static const struct
  {
    const char *returncode, *message;
    int exit_status;
  } rows[] = {
    { "3", "first: shout ended with status 3", 3 },
    { "-9", "first: shout was ended by signal 9", -9 },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      struct lr_run_result *result;
      const char *const command[] = { "shout", rows[i].returncode, NULL };
      struct lr_run_args args = LR_RUN_ARGS (.command = command, .input = { "x", 1 });
      cr_expect_eq (lr_run (box, &args, &result, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_EXIT_STATUS);
      cr_expect_eq (error.exit_status, rows[i].exit_status);
      cr_expect_str_eq (error.message, rows[i].message);
      cr_expect_str_eq (error.host, "first");
      cr_expect_eq (error.hop, 0);
      cr_assert_not_null (result);
      cr_expect_eq (result->returncode, rows[i].exit_status);
      cr_expect_str_eq (result->stdout_bytes.data, "X");
      lr_free (result);

      args.no_check = 1;
      cr_expect_eq (lr_run (box, &args, &result, &error), 0);
      cr_expect_eq (error.kind, LR_ERROR_NONE);
      cr_expect_eq (result->returncode, rows[i].exit_status);
      lr_free (result);
    }
}

Test (connector, stat_gives_what_it_says_with_or_without_digest_or_nothing, .init = open_box,
      .fini = close_box)
{
  struct lr_stat_result *stat;
  struct lr_stat_args args = LR_STAT_ARGS (.path = "/box");
  cr_assert_eq (lr_stat (box, &args, &stat, NULL), 0);
  cr_expect_eq (stat->type, LR_FILE_FIFO);
  cr_expect_eq (stat->mode, 04755);
  cr_expect_str_eq (stat->owner, "ann");
  cr_expect_str_eq (stat->group, "staff");
  cr_expect_eq (stat->size, UINT64_C (1) << 40);
  cr_expect_eq (stat->mtime_ns, -1);
  cr_expect_eq (stat->ctime_ns, INT64_C (1) << 60);
  cr_expect_null (stat->sha512sum.data);
  cr_expect_eq (stat->sha512sum.size, 0);
  lr_free (stat);

  args.sha512sum = args.follow_links = 1;
  cr_assert_eq (lr_stat (box, &args, &stat, NULL), 0);
  cr_expect_eq (stat->type, LR_FILE_REGULAR);
  cr_expect_eq (stat->sha512sum.size, 64);
  for (size_t i = 0; i < 64; i++)
    cr_expect_eq ((unsigned char) stat->sha512sum.data[i], 0xab);
  cr_expect_eq (stat->sha512sum.data[64], '\0');
  lr_free (stat);

  args.path = "/absent";
  cr_expect_eq (lr_stat (box, &args, &stat, NULL), 0);
  cr_expect_null (stat);
}

Test (connector, what_is_uploaded_can_be_downloaded, .init = open_box, .fini = close_box)
{
  static const size_t sizes[] = { 0, 1, 7, 8, 4095, 4096, 4097, 300000 };
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      struct lr_error error;
      struct lr_download_result *result;
      char *content = make_noise (sizes[i], i);
      struct lr_upload_args upload =
          LR_UPLOAD_ARGS (.file = "/box", .content = { content, sizes[i] });
      struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = "/box");
      cr_assert_eq (lr_upload (box, &upload, &error), 0, "%s", error.message);
      cr_assert_eq (lr_download (box, &download, &result, &error), 0, "%s", error.message);
      cr_expect_eq (result->content.size, sizes[i]);
      cr_assert_not_null (result->content.data);
      cr_expect_eq (memcmp (result->content.data, content, sizes[i]), 0);
      cr_expect_eq (result->content.data[sizes[i]], '\0');
      lr_free (result);
      free (content);
    }
}

static char shown[64];

/* What the last upload was asked for.  */
static const char *
asked_for (lr_connection *connection, const struct lr_upload_args *args)
{
  cr_assert_eq (lr_upload (connection, args, NULL), 0);
  return shown;
}

static void
show_upload (lr_call *call, const struct lr_upload_args *args)
{
  snprintf (shown, sizeof shown, "%s %s %s %d", OR_NONE (args->mode), OR_NONE (args->owner),
            OR_NONE (args->group), args->preserve != 0);
  lr_reply_done (call);
}

/* Who overrides upload is told what the caller wants, not what the library would make of it.  */
Test (connector, upload_gets_its_arguments_as_they_are_given)
{
  static const struct lr_connector connector =
      TABLE ("show", .target_form = LR_TARGET_NAME, .upload = show_upload);
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "show:x");
  struct lr_upload_args plain = LR_UPLOAD_ARGS (.file = "/f");
  struct lr_upload_args full =
      LR_UPLOAD_ARGS (.file = "/f", .mode = "4755", .owner = "ann", .group = "staff");
  struct lr_upload_args keep = LR_UPLOAD_ARGS (.file = "/f", .preserve = 1);
  cr_expect_str_eq (asked_for (connection, &plain), "- - - 0");
  cr_expect_str_eq (asked_for (connection, &full), "4755 ann staff 0");
  cr_expect_str_eq (asked_for (connection, &keep), "- - - 1");
  lr_close (connection);
  lr_registry_free (registry);
}

Test (connector, names_are_resolved_and_entries_queried, .init = open_box, .fini = close_box)
{
  char *name;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  struct lr_resolve_args self = LR_RESOLVE_ARGS (), other = LR_RESOLVE_ARGS (.name = "12");
  cr_expect_eq (lr_resolve_user (box, &self, &name, NULL), 0);
  cr_expect_str_eq (name, "me");
  lr_free (name);
  cr_expect_eq (lr_resolve_group (box, &self, &name, NULL), 0);
  cr_expect_str_eq (name, "us");
  lr_free (name);
  cr_expect_eq (lr_resolve_user (box, &other, &name, NULL), 0);
  cr_expect_str_eq (name, "12");
  lr_free (name);
  cr_expect_eq (lr_resolve_group (box, &other, &name, NULL), 0);
  cr_expect_str_eq (name, "12");
  lr_free (name);

  struct lr_query_user_args query = LR_QUERY_USER_ARGS (.user = "ann");
  cr_assert_eq (lr_query_user (box, &query, &user, NULL), 0);
  cr_expect_str_eq (user->name, "ann");
  cr_expect_eq (user->uid, 7);
  cr_expect_str_eq (user->group, "staff");
  cr_expect_eq (user->gid, INT64_C (4294967294));
  cr_expect_str_eq (user->groups[0], "audio");
  cr_expect_str_eq (user->groups[1], "video");
  cr_expect_null (user->groups[2]);
  cr_expect_null (user->password_hash);
  cr_expect_str_eq (user->gecos, "M. E.");
  cr_expect_str_eq (user->home, "/home/me");
  cr_expect_str_eq (user->shell, "/bin/sh");
  lr_free (user);
  query.password_hash = 1;
  cr_assert_eq (lr_query_user (box, &query, &user, NULL), 0);
  cr_expect_str_eq (user->password_hash, "$6$x");
  lr_free (user);

  struct lr_query_group_args query_group = LR_QUERY_GROUP_ARGS (.group = "staff");
  cr_assert_eq (lr_query_group (box, &query_group, &group, NULL), 0);
  cr_expect_str_eq (group->name, "staff");
  cr_expect_eq (group->gid, 8);
  cr_expect_str_eq (group->members[0], "ann");
  cr_expect_str_eq (group->members[1], "bob");
  cr_expect_null (group->members[2]);
  lr_free (group);
}

Test (connector, variables_are_set_empty_or_absent, .init = open_box, .fini = close_box)
{
  expect_variable (box, "NAME", "first");
  expect_variable (box, "LABEL", "on top");
  expect_variable (box, "EMPTY", "");
  expect_variable (box, "OTHER", NULL);
}

Test (connector, the_home_directory_comes_from_its_own_operations, .init = open_box,
      .fini = close_box)
{
  char *home;
  struct lr_error error;
  cr_assert_eq (lr_home_dir (box, NULL, &home, &error), 0, "%s", error.message);
  cr_expect_str_eq (home, "/home/me");
  lr_free (home);
  cr_assert_eq (lr_home_dir (box, "ann", &home, &error), 0);
  lr_free (home);
}

Test (connector, a_connector_without_dispatcher_has_no_ping, .init = open_box, .fini = close_box)
{
  struct lr_error error;
  cr_expect_eq (lr_ping (box, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED);
  cr_expect_str_eq (error.message, "first: the connector box has no dispatcher");
}

Test (connector, each_connection_has_its_own_state, .init = open_box, .fini = close_box)
{
  struct lr_download_result *result;
  lr_connection *second = open_in (box_registry, "box:second");
  cr_expect_eq (boxes_open, 2);
  struct lr_upload_args one = LR_UPLOAD_ARGS (.file = "/box", .content = { "one", 3 });
  struct lr_upload_args two = LR_UPLOAD_ARGS (.file = "/box", .content = { "two", 3 });
  struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = "/box");
  cr_assert_eq (lr_upload (box, &one, NULL), 0);
  cr_assert_eq (lr_upload (second, &two, NULL), 0);
  cr_assert_eq (lr_download (box, &download, &result, NULL), 0);
  cr_expect_str_eq (result->content.data, "one");
  lr_free (result);
  cr_assert_eq (lr_download (second, &download, &result, NULL), 0);
  cr_expect_str_eq (result->content.data, "two");
  lr_free (result);
  lr_close (second);
  cr_expect_eq (boxes_open, 1);
  cr_expect_eq (boxes_opened, 2);
}

/* ---- open and close ---- */

static int closed;

static void
failing_open (lr_call *call)
{
  lr_call_fail (call, LR_ERROR_TIMEOUT, 0, NULL, "it does not answer");
}

static void
count_close (lr_call *call)
{
  closed++;
  lr_reply_done (call);
}

static void
value_is_state (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_value (call, lr_call_state (call));
}

Test (connector, an_open_that_fails_is_the_error_and_nothing_is_closed)
{
  static const struct lr_connector connector =
      TABLE ("x", .target_form = LR_TARGET_NAME, .open = failing_open, .close = count_close,
             .getenv = value_is_state);
  expect_open_error (&connector, "x:web", LR_ERROR_TIMEOUT, "", "web: it does not answer");
  cr_expect_eq (closed, 0);
}

Test (connector, without_open_there_is_no_state_and_close_is_called_all_the_same)
{
  static const struct lr_connector connector =
      TABLE ("x", .target_form = LR_TARGET_NAME, .close = count_close, .getenv = value_is_state);
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  expect_variable (connection, "X", NULL);
  cr_expect_eq (closed, 0);
  lr_close (connection);
  cr_expect_eq (closed, 1);
  lr_registry_free (registry);
}

Test (connector, its_connections_start_no_program)
{
  int before = count_children ();
  open_box ();
  cr_expect_eq (count_children (), before);
  close_box ();
}

/* ---- errors ---- */

struct failing
{
  enum lr_error_kind kind;
  int errnum;
  const char *field;
};

static const struct failing failings[] = {
  { LR_ERROR_INVALID_VALUE, 0, "key" }, { LR_ERROR_INVALID_VALUE, 0, NULL },
  { LR_ERROR_REMOTE_OS, EACCES, NULL }, { LR_ERROR_REMOTE_OS, ENOENT, "path" },
  { LR_ERROR_IO, EPIPE, NULL },         { LR_ERROR_IO, 0, NULL },
  { LR_ERROR_NO_CONNECTOR, 0, NULL },   { LR_ERROR_PLUGIN, 0, NULL },
  { LR_ERROR_UNSUPPORTED, 0, NULL },    { LR_ERROR_TIMEOUT, 0, NULL },
  { LR_ERROR_CANCELLED, 0, NULL },      { LR_ERROR_NO_MEMORY, 0, NULL },
};

static void
fail_as_asked (lr_call *call, const struct lr_getenv_args *args)
{
  const struct failing *failing = &failings[atoi (args->key)];
  lr_call_fail (call, failing->kind, failing->errnum, failing->field, "%s\n%d%%", "it\tis so", 7);
}

Test (connector, an_error_keeps_kind_errno_and_field_and_gets_host_and_hop)
{
  static const struct lr_connector connector =
      TABLE ("x", .target_form = LR_TARGET_NAME, .getenv = fail_as_asked);
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  for (size_t i = 0; i < COUNT (failings); i++)
    {
      struct lr_error error;
      char key[8], *value;
      snprintf (key, sizeof key, "%zu", i);
      struct lr_getenv_args args = LR_GETENV_ARGS (.key = key);
      cr_expect_eq (lr_getenv (connection, &args, &value, &error), -1);
      cr_expect_null (value);
      cr_expect_eq (error.kind, failings[i].kind);
      cr_expect_eq (error.errnum, failings[i].errnum);
      cr_expect_str_eq (error.field, failings[i].field == NULL ? "" : failings[i].field);
      cr_expect_str_eq (error.host, "web");
      cr_expect_eq (error.hop, 0);
      cr_expect_str_eq (error.message, "web: it\\x09is so\\x0A7%");
      cr_expect_eq (lr_getenv (connection, &args, &value, NULL), -1);
    }
  lr_close (connection);
  lr_registry_free (registry);
}

/* ---- what is not there ---- */

/* Call each operation, of which the bit of its index in EXPECTED is set where it works.  */
static void
expect_operations (lr_connection *connection, unsigned expected, const char *schema,
                   const char *host)
{
  static const char *const names[] = { "run",        "stat",         "upload",
                                       "download",   "resolve_user", "resolve_group",
                                       "query_user", "query_group",  "getenv" };
  const char *const command[] = { "true", NULL };
  struct lr_run_args run = LR_RUN_ARGS (.command = command);
  struct lr_stat_args stat = LR_STAT_ARGS (.path = "/");
  struct lr_upload_args upload = LR_UPLOAD_ARGS (.file = "/dev/null");
  struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = "/dev/null");
  struct lr_resolve_args resolve = LR_RESOLVE_ARGS ();
  struct lr_query_user_args query_user = LR_QUERY_USER_ARGS (.user = "root");
  struct lr_query_group_args query_group = LR_QUERY_GROUP_ARGS (.group = "root");
  struct lr_getenv_args variable = LR_GETENV_ARGS (.key = "PATH");
  for (size_t i = 0; i < COUNT (names); i++)
    {
      struct lr_error error;
      void *result = NULL;
      char message[128];
      int status = -1;
      switch (i)
        {
        case 0:
          status = lr_run (connection, &run, (struct lr_run_result **) &result, &error);
          break;
        case 1:
          status = lr_stat (connection, &stat, (struct lr_stat_result **) &result, &error);
          break;
        case 2:
          status = lr_upload (connection, &upload, &error);
          break;
        case 3:
          status =
              lr_download (connection, &download, (struct lr_download_result **) &result, &error);
          break;
        case 4:
          status = lr_resolve_user (connection, &resolve, (char **) &result, &error);
          break;
        case 5:
          status = lr_resolve_group (connection, &resolve, (char **) &result, &error);
          break;
        case 6:
          status =
              lr_query_user (connection, &query_user, (struct lr_user_entry **) &result, &error);
          break;
        case 7:
          status =
              lr_query_group (connection, &query_group, (struct lr_group_entry **) &result, &error);
          break;
        case 8:
          status = lr_getenv (connection, &variable, (char **) &result, &error);
          break;
        }
      lr_free (result);
      if (expected >> i & 1)
        cr_expect_eq (status, 0, "%s: %s", names[i], error.message);
      else
        {
          snprintf (message, sizeof message, "%s: the connector %s has no %s", host, schema,
                    names[i]);
          cr_expect_eq (status, -1, "%s works", names[i]);
          cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED, "%s: %s", names[i], error.message);
          cr_expect_str_eq (error.message, message);
          cr_expect_str_eq (error.host, host);
          cr_expect_eq (error.hop, 0);
        }
    }
}

enum
{
  RUN = 1,
  STAT = 2,
  UPLOAD = 4,
  DOWNLOAD = 8,
  RESOLVE_USER = 16,
  QUERY_USER = 64,
  GETENV = 256,
  ALL = 511,
};

static void
expect_connector (const struct lr_connector *connector, const char *url, unsigned expected)
{
  lr_registry *registry = registry_with (connector);
  lr_connection *connection = open_in (registry, url);
  expect_operations (connection, expected, connector->schema, "web");
  lr_close (connection);
  lr_registry_free (registry);
}

static void
wrap_as_it_is (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static void
own_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_value (call, "its own");
}

#define NAMED .target_form = LR_TARGET_NAME

Test (connector, without_wrap_what_is_left_out_is_unsupported)
{
  static const struct lr_connector connector = TABLE ("x", NAMED, .getenv = own_getenv);
  expect_connector (&connector, "x:web", GETENV);
}

Test (connector, with_wrap_everything_works)
{
  static const struct lr_connector connector = TABLE ("x", NAMED, .wrap = wrap_as_it_is);
  expect_connector (&connector, tunnelled_url ("x", "web"), ALL);
}

Test (connector, with_wrap_what_is_left_out_is_inherited)
{
  static const struct lr_connector connector =
      TABLE ("x", NAMED, .wrap = wrap_as_it_is, .getenv = own_getenv);
  expect_connector (&connector, tunnelled_url ("x", "web"), ALL);
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, tunnelled_url ("x", "web"));
  expect_variable (connection, "PATH", "its own");
  cr_expect_eq (lr_ping (connection, NULL), 0);
  lr_close (connection);
  lr_registry_free (registry);
}

Test (connector, what_it_names_as_unsupported_is_refused)
{
  static const char *const names[] = {
    "upload", "getenv", "resolve_user", "open", "nonsense", NULL
  };
  static const struct lr_connector inheriting =
      TABLE ("x", NAMED, .unsupported = names, .wrap = wrap_as_it_is);
  static const struct lr_connector overriding =
      TABLE ("x", NAMED, .unsupported = names, .wrap = wrap_as_it_is, .getenv = own_getenv);
  expect_connector (&inheriting, tunnelled_url ("x", "web"),
                    ALL & ~(UPLOAD | GETENV | RESOLVE_USER));
  expect_connector (&overriding, tunnelled_url ("x", "web"),
                    ALL & ~(UPLOAD | GETENV | RESOLVE_USER));
}

Test (connector, one_that_overrides_or_refuses_all_with_a_wrap_starts_no_dispatcher)
{
  static const char *const rest[] = { "list",        "make_directory", "remove",
                                      "rename",      "link",           "read_link",
                                      "file_system", "set_attributes", "make_temporary",
                                      NULL };
  struct lr_connector connector = box_connector;
  connector.wrap = wrap_as_it_is;
  connector.unsupported = rest;
  int before = count_children ();
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "box:web?dispatcher=/not/there");
  cr_expect_eq (count_children (), before);
  expect_variable (connection, "NAME", "web");
  lr_close (connection);
  lr_registry_free (registry);
}

static void
own_run (lr_call *call, const struct lr_run_args *args)
{
  (void) args;
  lr_reply_run (call, 0);
}

/* It may guard something, and can't guard what its author did not know of.  */
Test (connector, an_older_one_that_overrides_anything_inherits_only_what_its_header_knew)
{
  struct lr_connector connector = TABLE ("x", NAMED, .wrap = wrap_as_it_is, .run = own_run);
  connector.size = offsetof (struct lr_connector, query_user);
  /* What is behind its size is not its own, whatever it is.  */
  connector.getenv = own_getenv;
  expect_connector (&connector, tunnelled_url ("x", "web"), QUERY_USER - 1);
}

Test (connector, an_older_one_that_only_opens_inherits_only_what_its_header_knew)
{
  struct lr_connector connector = box_connector;
  connector.wrap = wrap_as_it_is;
  connector.size = offsetof (struct lr_connector, run);
  connector.schema = "x";
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  expect_operations (connection, 0, "x", "web");
  lr_close (connection);
  lr_registry_free (registry);
}

Test (connector, an_older_one_that_overrides_nothing_inherits_everything)
{
  struct lr_connector connector = TABLE ("x", NAMED, .wrap = wrap_as_it_is);
  connector.size = offsetof (struct lr_connector, explain);
  expect_connector (&connector, tunnelled_url ("x", "web"), ALL);
}

/* ---- mistakes ---- */

static void
answer_nothing (lr_call *call, const struct lr_getenv_args *args)
{
  (void) call;
  (void) args;
}

static void
answer_name (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_name (call, "name");
  lr_reply_value (call, "too late");
}

static void
answer_done (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_done (call);
}

static void
answer_run (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_run (call, 0);
}

static void
answer_stat (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_stat (call, NULL);
}

static void
answer_user (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_user (call, NULL);
}

static void
answer_group (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_group (call, NULL);
}

Test (connector, an_answer_of_the_wrong_kind_or_none_is_the_plugins_error)
{
#define WRONG_KIND "web: the connector x answers getenv with the wrong kind of reply"
  static const struct
  {
    void (*answer) (lr_call *call, const struct lr_getenv_args *args);
    const char *message;
  } rows[] = {
    { answer_nothing, "web: the connector x did not answer getenv" },
    { answer_name, WRONG_KIND },
    { answer_done, WRONG_KIND },
    { answer_run, WRONG_KIND },
    { answer_stat, WRONG_KIND },
    { answer_user, WRONG_KIND },
    { answer_group, WRONG_KIND },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      char *value;
      struct lr_getenv_args args = LR_GETENV_ARGS (.key = "X");
      struct lr_connector connector = TABLE ("x", NAMED, .getenv = rows[i].answer);
      lr_registry *registry = registry_with (&connector);
      lr_connection *connection = open_in (registry, "x:web");
      cr_expect_eq (lr_getenv (connection, &args, &value, &error), -1, "row %zu", i);
      cr_expect_null (value);
      cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
      cr_expect_str_eq (error.message, rows[i].message);
      lr_close (connection);
      lr_registry_free (registry);
    }
}

static void
null_name (lr_call *call, const struct lr_resolve_args *args)
{
  (void) args;
  lr_reply_name (call, NULL);
}

static void
null_user (lr_call *call, const struct lr_query_user_args *args)
{
  (void) args;
  lr_reply_user (call, NULL);
}

static void
null_group (lr_call *call, const struct lr_query_group_args *args)
{
  (void) args;
  lr_reply_group (call, NULL);
}

Test (connector, a_null_answer_where_there_must_be_one_is_the_plugins_error)
{
  static const struct lr_connector connector = TABLE (
      "x", NAMED, .resolve_user = null_name, .query_user = null_user, .query_group = null_group);
  struct lr_error error;
  char *name;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  struct lr_resolve_args resolve = LR_RESOLVE_ARGS ();
  struct lr_query_user_args query_user = LR_QUERY_USER_ARGS (.user = "x");
  struct lr_query_group_args query_group = LR_QUERY_GROUP_ARGS (.group = "x");
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  cr_expect_eq (lr_resolve_user (connection, &resolve, &name, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
  cr_expect_eq (lr_query_user (connection, &query_user, &user, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
  cr_expect_eq (lr_query_group (connection, &query_group, &group, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
  lr_close (connection);
  lr_registry_free (registry);
}

static void
answer_twice (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_value (call, "first");
  lr_reply_value (call, "second");
  lr_call_fail (call, LR_ERROR_IO, 0, NULL, "and failed");
  cr_expect_eq (lr_call_write (call, LR_STDOUT, "x", 1), -1);
}

static void
fail_twice (lr_call *call, const struct lr_stat_args *args)
{
  (void) args;
  lr_call_fail (call, LR_ERROR_TIMEOUT, 0, NULL, "first");
  lr_call_fail (call, LR_ERROR_IO, 0, NULL, "second");
  lr_reply_stat (call, NULL);
}

Test (connector, only_the_first_answer_counts)
{
  static const struct lr_connector connector =
      TABLE ("x", NAMED, .getenv = answer_twice, .stat = fail_twice);
  struct lr_error error;
  struct lr_stat_result *stat;
  struct lr_stat_args args = LR_STAT_ARGS (.path = "/");
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  expect_variable (connection, "X", "first");
  cr_expect_eq (lr_stat (connection, &args, &stat, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT);
  cr_expect_str_eq (error.message, "web: first");
  lr_close (connection);
  lr_registry_free (registry);
}

static void
fail_without_kind (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_call_fail (call, LR_ERROR_NONE, 0, NULL, "no kind");
}

Test (connector, an_error_without_kind_is_the_plugins_error)
{
  static const struct lr_connector connector = TABLE ("x", NAMED, .getenv = fail_without_kind);
  struct lr_error error;
  char *value;
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = "X");
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  cr_expect_eq (lr_getenv (connection, &args, &value, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN, "%s", lr_error_kind_name (error.kind));
  lr_close (connection);
  lr_registry_free (registry);
}

static void
stat_without_names (lr_call *call, const struct lr_stat_args *args)
{
  (void) args;
  struct lr_stat_result stat = LR_STAT_RESULT (.type = LR_FILE_REGULAR);
  lr_reply_stat (call, &stat);
}

static void
user_without_texts (lr_call *call, const struct lr_query_user_args *args)
{
  (void) args;
  struct lr_user_entry entry = LR_USER_ENTRY (.uid = 5);
  lr_reply_user (call, &entry);
}

static void
group_without_texts (lr_call *call, const struct lr_query_group_args *args)
{
  (void) args;
  struct lr_group_entry entry = LR_GROUP_ENTRY (.gid = 5);
  lr_reply_group (call, &entry);
}

Test (connector, texts_that_an_answer_leaves_out_are_empty)
{
  static const struct lr_connector connector =
      TABLE ("x", NAMED, .stat = stat_without_names, .query_user = user_without_texts,
             .query_group = group_without_texts);
  struct lr_error error;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  struct lr_stat_result *stat;
  struct lr_query_user_args query_user = LR_QUERY_USER_ARGS (.user = "x");
  struct lr_query_group_args query_group = LR_QUERY_GROUP_ARGS (.group = "x");
  struct lr_stat_args args = LR_STAT_ARGS (.path = "/");
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  cr_assert_eq (lr_query_user (connection, &query_user, &user, &error), 0);
  cr_expect_str_eq (user->name, "");
  cr_expect_str_eq (user->shell, "");
  cr_expect_null (user->groups[0]);
  lr_free (user);
  cr_assert_eq (lr_query_group (connection, &query_group, &group, &error), 0);
  cr_expect_str_eq (group->name, "");
  cr_expect_null (group->members[0]);
  lr_free (group);
  cr_assert_eq (lr_stat (connection, &args, &stat, &error), 0, "%s", error.message);
  cr_expect_str_eq (stat->owner, "");
  cr_expect_str_eq (stat->group, "");
  lr_free (stat);
  lr_close (connection);
  lr_registry_free (registry);
}

/* A stat of another header, and what stands behind the members that are known.  */
static struct
{
  struct lr_stat_result stat;
  uint64_t tail;
} sized;

static void
reply_sized (lr_call *call, const struct lr_stat_args *args)
{
  (void) args;
  lr_reply_stat (call, &sized.stat);
}

Test (connector, an_answer_of_another_header_is_taken_as_far_as_it_is_known)
{
  static const struct lr_connector connector = TABLE ("x", NAMED, .stat = reply_sized);
  static const struct
  {
    uint32_t size;
    uint64_t tail;
    bool taken, with_digest;
  } rows[] = {
    { sizeof sized.stat, 1, true, true },
    { sizeof sized, 0, true, true },
    { offsetof (struct lr_stat_result, sha512sum), 1, true, false },
    { sizeof sized, 1, false, false },
    { 0, 0, false, false },
    { 4, 0, false, false },
  };
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      struct lr_stat_result *stat;
      struct lr_stat_args args = LR_STAT_ARGS (.path = "/");
      sized.stat = (struct lr_stat_result){
        .struct_size = rows[i].size, .mode = 0600, .owner = "ann", .sha512sum = { "x", 1 }
      };
      sized.tail = rows[i].tail;
      cr_expect_eq (lr_stat (connection, &args, &stat, &error), rows[i].taken ? 0 : -1, "row %zu",
                    i);
      cr_expect_eq (stat != NULL, rows[i].taken);
      if (stat == NULL)
        {
          cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
          cr_expect_str_eq (error.message, "web: the connector x answers stat with a structure of "
                                           "no size, or of a newer version");
          continue;
        }
      cr_expect_eq (stat->struct_size, sizeof *stat);
      cr_expect_eq (stat->mode, 0600);
      cr_expect_str_eq (stat->owner, "ann");
      cr_expect_eq (stat->sha512sum.data != NULL, rows[i].with_digest, "row %zu", i);
      lr_free (stat);
    }
  lr_close (connection);
  lr_registry_free (registry);
}

/* ---- limits ---- */

static int refused;

static void
pour_run (lr_call *call, const struct lr_run_args *args)
{
  (void) args;
  for (int i = 0; i < 100 && !refused; i++)
    refused = lr_call_write (call, LR_STDERR, "0123456789", 10) != 0;
  lr_reply_run (call, 0);
}

static void
pour_download (lr_call *call, const struct lr_download_args *args)
{
  (void) args;
  for (int i = 0; i < 100 && !refused; i++)
    refused = lr_call_write (call, LR_STDOUT, "0123456789", 10) != 0;
  lr_reply_done (call);
}

static void
write_elsewhere (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  cr_expect_eq (lr_call_write (call, (enum lr_stream) 0, "x", 1), -1);
  cr_expect_eq (lr_call_write (call, (enum lr_stream) 3, "x", 1), -1);
  lr_reply_value (call, NULL);
}

static const struct lr_connector pouring =
    TABLE ("x", NAMED, .run = pour_run, .download = pour_download, .getenv = write_elsewhere);

Test (connector, output_over_the_limit_is_refused_when_it_is_written)
{
  static const struct
  {
    uint64_t limit;
    bool fits;
  } rows[] = { { 1, false }, { 999, false }, { 1000, true }, { 0, true } };
  lr_registry *registry = registry_with (&pouring);
  lr_connection *connection = open_in (registry, "x:web");
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      struct lr_run_result *run;
      struct lr_download_result *download;
      const char *const command[] = { "pour", NULL };
      char message[128];
      struct lr_run_args run_args = LR_RUN_ARGS (.command = command, .output_limit = rows[i].limit);
      struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = "/f", .limit = rows[i].limit);
      snprintf (message, sizeof message,
                "web: there is more than the %d bytes that are asked for at most",
                (int) rows[i].limit);
      refused = 0;
      cr_expect_eq (lr_run (connection, &run_args, &run, &error), rows[i].fits ? 0 : -1);
      cr_expect_eq (refused, !rows[i].fits);
      if (rows[i].fits)
        cr_expect_eq (run->stderr_bytes.size, 1000);
      else
        {
          cr_expect_null (run);
          cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
          cr_expect_str_eq (error.field, "output_limit");
          cr_expect_str_eq (error.message, message);
        }
      lr_free (run);
      refused = 0;
      cr_expect_eq (lr_download (connection, &args, &download, &error), rows[i].fits ? 0 : -1);
      cr_expect_eq (refused, !rows[i].fits);
      if (rows[i].fits)
        cr_expect_eq (download->content.size, 1000);
      else
        {
          cr_expect_null (download);
          cr_expect_str_eq (error.field, "limit");
          cr_expect_str_eq (error.message, message);
        }
      lr_free (download);
    }
  lr_close (connection);
  lr_registry_free (registry);
}

Test (connector, there_are_two_streams_to_write)
{
  lr_registry *registry = registry_with (&pouring);
  lr_connection *connection = open_in (registry, "x:web");
  expect_variable (connection, "X", NULL);
  lr_close (connection);
  lr_registry_free (registry);
}

/* ---- wrap ---- */

static void
wrap_in_env (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  char variable[64];
  snprintf (variable, sizeof variable, "LR_TEST_X=%s", lr_hop_name (hop));
  lr_command_add (out, "env", variable, "LR_TEST_Y=$HOME 'y'");
  lr_command_append (out, inner);
}

Test (connector, the_dispatcher_runs_in_what_wrap_makes_of_it)
{
  static const struct lr_connector connector = TABLE ("x", NAMED, .wrap = wrap_in_env);
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, tunnelled_url ("x", "a%20b"));
  expect_variable (connection, "LR_TEST_X", "a b");
  expect_variable (connection, "LR_TEST_Y", "$HOME 'y'");
  lr_close (connection);
  lr_registry_free (registry);
}

static void
wrap_shows_words (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_add (out, "sh", "-c", "printf '<%s>' \"$@\" >&2", "sh");
  lr_command_append (out, inner);
}

Test (connector, the_words_of_the_dispatcher_option_reach_wrap)
{
  static const struct lr_connector connector = TABLE ("x", NAMED, .wrap = wrap_shows_words);
  expect_open_error (&connector, "x:web?protocol=plain&dispatcher=/a/b c%20d -e", LR_ERROR_IO, "",
                     "web: the dispatcher is gone: it ended with status 0; it said: "
                     "</a/b><c d><-e>");
}

Test (connector, the_installed_dispatcher_is_started_where_the_system_is_the_same)
{
  static const struct lr_connector connector =
      TABLE ("x", NAMED, .flags = LR_SAME_SYSTEM, .wrap = wrap_in_env);
  lr_registry *registry = registry_with (&connector);
  lr_connection *connection = open_in (registry, "x:web");
  expect_variable (connection, "LR_TEST_X", "web");
  lr_close (connection);
  lr_registry_free (registry);
}

static void
wrap_adds_null (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_add (out, "a", "b", (const char *) NULL, "c");
  lr_command_add_word (out, NULL);
  lr_command_append (out, inner);
}

static void
wrap_fails (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  lr_command_append (out, inner);
  lr_command_fail (out, "%s is closed on %s", lr_hop_name (hop), "Mondays");
  lr_command_fail (out, "and is closed on Tuesdays");
  lr_command_add_word (out, NULL);
}

static void
wrap_into_nothing (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  (void) inner;
  (void) out;
}

static void
wrap_in_what_is_not_there (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_add_word (out, "/no/such/program");
  lr_command_append (out, inner);
}

Test (connector, a_wrap_that_goes_wrong_is_an_error_and_nothing_is_started)
{
  static const struct
  {
    void (*wrap) (const lr_hop *hop, const lr_command *inner, lr_command *out);
    enum lr_error_kind kind;
    const char *field, *message;
  } rows[] = {
    { wrap_adds_null, LR_ERROR_INVALID_VALUE, "url", "x: word 3 of the command is NULL" },
    { wrap_fails, LR_ERROR_INVALID_VALUE, "url", "x: web is closed on Mondays" },
    { wrap_into_nothing, LR_ERROR_PLUGIN, "", "the connector x wraps a command into nothing" },
    { wrap_in_what_is_not_there, LR_ERROR_IO, "",
      "web: cannot start /no/such/program: No such file or directory" },
  };
  int before = count_children ();
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_connector connector = TABLE ("x", NAMED, .wrap = rows[i].wrap);
      expect_open_error (&connector, tunnelled_url ("x", "web"), rows[i].kind, rows[i].field,
                         rows[i].message);
    }
  cr_expect_eq (count_children (), before);
}

/* Wrapped where its dispatcher works, and then opened: open must see a connection that works, and
   an open that fails must leave nothing behind.  */
Test (connector, an_open_that_fails_behind_a_dispatcher_ends_it)
{
  static const struct lr_connector connector =
      TABLE ("x", NAMED, .wrap = wrap_as_it_is, .open = failing_open, .close = count_close);
  int children = count_children (), descriptors = count_descriptors ();
  expect_open_error (&connector, tunnelled_url ("x", "web"), LR_ERROR_TIMEOUT, "",
                     "web: it does not answer");
  cr_expect_eq (count_children (), children);
  cr_expect_eq (count_descriptors (), descriptors);
  cr_expect_eq (closed, 0);
}

/* ---- the other hooks ---- */

static void
explain_status (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  if (strcmp (lr_hop_name (hop), "silent") != 0)
    lr_text_set (out, "%s is stopped (%d, <%s>)", lr_hop_name (hop), status, stderr_tail);
}

static void
wrap_dies (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) inner;
  lr_command_add (out, "sh", "-c", lr_hop_option (hop, "script"));
}

static const struct lr_option dying_options[] = { { .name = "script", .help = "" },
                                                  { .name = NULL } };

Test (connector, explain_says_why_the_wrapped_command_ended)
{
  static const struct lr_connector explaining =
      TABLE ("x", NAMED, .options = dying_options, .wrap = wrap_dies, .explain = explain_status);
  static const struct lr_connector silent =
      TABLE ("x", NAMED, .options = dying_options, .wrap = wrap_dies);
  static const struct
  {
    const struct lr_connector *connector;
    const char *url, *message;
  } rows[] = {
    { &explaining, "x:web?script=echo no such box >%262; exit 7&dispatcher=d",
      "web: web is stopped (7, <no such box\\x0A>)" },
    { &explaining, "x:web?script=kill -9 $$&dispatcher=d", "web: web is stopped (-9, <>)" },
    { &explaining, "x:silent?script=echo no such box >%262; exit 7&dispatcher=d",
      "silent: the dispatcher is gone: it ended with status 7; it said: no such box" },
    { &silent, "x:web?script=echo no such box >%262; exit 7&dispatcher=d",
      "web: the dispatcher is gone: it ended with status 7; it said: no such box" },
    { &silent, "x:web?script=kill -9 $$&dispatcher=d",
      "web: the dispatcher is gone: it was ended by signal 9" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_open_error (rows[i].connector, rows[i].url, LR_ERROR_IO, "", rows[i].message);
}

static void
hostname_hook (const lr_hop *hop, lr_text *out)
{
  if (strcmp (lr_hop_name (hop), "quiet") != 0)
    {
      lr_text_set (out, "replaced");
      lr_text_set (out, "host-of-%s", lr_hop_name (hop));
    }
}

Test (connector, the_hostname_is_what_the_hook_says_or_the_name_or_the_schema)
{
  static const struct lr_connector hooked =
      TABLE ("x", NAMED, .extract_hostname = hostname_hook, .getenv = fail_as_asked);
  static const struct lr_connector plain = TABLE (
      "x", .target_form = LR_TARGET_HOST,
      .flags = LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER | LR_TAKES_PORT, .getenv = fail_as_asked);
  static const struct
  {
    const struct lr_connector *connector;
    const char *url, *host;
  } rows[] = {
    { &hooked, "x:web", "host-of-web" },
    { &hooked, "x:quiet", "quiet" },
    { &plain, "x:web", "web" },
    { &plain, "x:bob@web:22", "web" },
    { &plain, "x:[2001:db8::1]:22", "2001:db8::1" },
    { &plain, "x:", "x" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      char *host, *value;
      struct lr_getenv_args args = LR_GETENV_ARGS (.key = "0");
      lr_registry *registry = registry_with (rows[i].connector);
      cr_assert_eq (lr_extract_hostname (registry, rows[i].url, &host, &error), 0, "%s",
                    error.message);
      cr_expect_str_eq (host, rows[i].host);
      lr_free (host);
      lr_connection *connection = open_in (registry, rows[i].url);
      cr_expect_eq (lr_getenv (connection, &args, &value, &error), -1);
      cr_expect_str_eq (error.host, rows[i].host);
      lr_close (connection);
      lr_registry_free (registry);
    }
}

/* ---- C++ ---- */

static const char cxx_plugin[] =
    "#include <longreach/connector.h>\n"
    "#include <longreach/longreach.h>\n"
    "#include <string>\n"
    "namespace {\n"
    "void wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)\n"
    "{\n"
    "  std::string variable = std::string (\"LR_TEST_CXX=\") + lr_hop_name (hop);\n"
    "  lr_command_add (out, \"env\", variable.c_str ());\n"
    "  lr_command_append (out, inner);\n"
    "}\n"
    "void resolve (lr_call *call, const struct lr_resolve_args *args)\n"
    "{\n"
    "  std::string name (args->name == nullptr ? \"nobody\" : args->name);\n"
    "  lr_reply_name (call, (name + \"++\").c_str ());\n"
    "}\n"
    "const lr_option options[] = { { \"tag\", LR_OPTION_STRING, 0, \"A tag\", nullptr }, {} };\n"
    "LR_CONNECTOR (cxx, \"cxx\", \"written in C++\", .target_form = LR_TARGET_NAME,\n"
    "              .flags = LR_SAME_SYSTEM, .options = options, .wrap = wrap,\n"
    "              .resolve_user = resolve);\n"
    "LR_CONNECTOR (second, \"cxx2\", \"its second\", .target_form = LR_TARGET_NAME,\n"
    "              .wrap = wrap);\n"
    "/* An application's use of the initialisers.  */\n"
    "[[maybe_unused]] int run (lr_connection *connection)\n"
    "{\n"
    "  const char *const command[] = { \"true\", nullptr };\n"
    "  lr_run_args args = LR_RUN_ARGS ();\n"
    "  args.command = command;\n"
    "  lr_run_result *result;\n"
    "  int status = lr_run (connection, &args, &result, nullptr);\n"
    "  lr_free (result);\n"
    "  return status;\n"
    "}\n"
    "}\n"
    "LR_PLUGIN (\"2.0\", &cxx, &second);\n";

Test (connector, a_plugin_in_cxx_loads_and_works, .init = (void (*) (void)) make_directory,
      .fini = remove_directory)
{
  struct lr_error error;
  char *name;
  struct lr_connector_list *list;
  struct lr_resolve_args args = LR_RESOLVE_ARGS (.name = "ann");
  compile_plugin ("CXX", cxx_plugin, path_in ("cxx.so"), false);
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_directory (registry, path_in (""), &error), 0);
  cr_assert_eq (lr_registry_list (registry, &list, &error), 0);
  cr_assert_geq (list->count, 2);
  for (size_t i = 0; i < 2; i++)
    {
      cr_expect_null (list->items[i]->problem, "%s", list->items[i]->problem);
      cr_expect_str_eq (list->items[i]->version, "2.0");
      cr_expect_eq (strncmp (list->items[i]->schema, "cxx", 3), 0);
    }
  lr_free (list);
  lr_connection *connection = open_in (registry, "cxx:web?tag=x");
  expect_variable (connection, "LR_TEST_CXX", "web");
  cr_assert_eq (lr_resolve_user (connection, &args, &name, &error), 0, "%s", error.message);
  cr_expect_str_eq (name, "ann++");
  lr_free (name);
  lr_close (connection);
  lr_registry_free (registry);
}
