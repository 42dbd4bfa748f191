/* What was built long ago runs on the newest library, and what is built with a newer header runs as
   long as it uses nothing that this library does not know.

   tests/frozen/abi-1 has the headers, a plugin and a program as they were.  They are never edited:
   a test that fails here has found something that breaks other people's plugins and programs.  The
   newer headers are made of today's, with something appended.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
set_up (void)
{
  make_directory ();
  cr_assert_eq (mkdir (path_in ("plugins"), 0755), 0);
}

TestSuite (frozen, .init = set_up, .fini = remove_directory, .timeout = 60);

/* ---- old ---- */

static const char *
frozen_file (const char *name)
{
  static char path[1200];
  snprintf (path, sizeof path, "%s/tests/frozen/abi-1%s%s", source_tree (),
            name[0] == '\0' ? "" : "/", name);
  return path;
}

/* A registry with the old plugin.  */
static lr_registry *
load_old_plugin (void)
{
  struct lr_error error;
  char *source = read_file (frozen_file ("plugin.c"), NULL);
  compile_plugin_against (frozen_file (""), "CC", source, path_in ("plugins/old.so"), false);
  free (source);
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_directory (registry, path_in ("plugins"), &error), 0);
  return registry;
}

static lr_connection *
open_target (lr_registry *registry, const char *url)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (registry, &args, &connection, &error), 0, "%s: %s", url, error.message);
  return connection;
}

Test (frozen, an_old_plugin_leads_to_a_dispatcher)
{
  struct lr_error error;
  struct lr_run_result *run;
  char *value, *host;
  struct lr_group_entry *group;
  const char *const command[] = { "sh", "-c", "echo $OLD $NEW", NULL };
  static const char url[] = "old-tunnel:bob@far:22?words=NEW=2&choice=that&many=a&many=b&number=7";
  lr_registry *registry = load_old_plugin ();
  cr_assert_eq (lr_extract_hostname (registry, url, &host, &error), 0, "%s", error.message);
  cr_expect_str_eq (host, "bob at far port 22 that");
  lr_free (host);
  lr_connection *connection = open_target (registry, url);
  struct lr_run_args run_args = LR_RUN_ARGS (.command = command);
  cr_assert_eq (lr_run (connection, &run_args, &run, &error), 0, "%s", error.message);
  cr_expect_str_eq (run->stdout_bytes.data, "1 2\n");
  lr_free (run);
  /* The one of its own, and the one it refuses.  */
  struct lr_getenv_args getenv_args = LR_GETENV_ARGS (.key = "KEY");
  cr_assert_eq (lr_getenv (connection, &getenv_args, &value, &error), 0, "%s", error.message);
  cr_expect_str_eq (value, "KEY");
  lr_free (value);
  getenv_args.key = "UNSET";
  cr_assert_eq (lr_getenv (connection, &getenv_args, &value, &error), 0, "%s", error.message);
  cr_expect_null (value);
  struct lr_query_group_args group_args = LR_QUERY_GROUP_ARGS (.group = "root");
  cr_expect_eq (lr_query_group (connection, &group_args, &group, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED, "%s", error.message);
  /* It has something of its own, so what its header did not know could slip past that.  */
  struct lr_remove_args remove_args = LR_REMOVE_ARGS (.path = path_in ("plugins/old.so"));
  cr_expect_eq (lr_remove (connection, &remove_args, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED, "%s", error.message);
  cr_expect_eq (access (path_in ("plugins/old.so"), F_OK), 0);
  lr_close (connection);
  lr_registry_free (registry);
}

Test (frozen, an_old_plugins_hooks_say_what_went_wrong)
{
  struct lr_error error;
  lr_connection *connection;
  lr_registry *registry = load_old_plugin ();
  struct lr_open_args args = LR_OPEN_ARGS (.url = "old-tunnel:far?boolean=yes");
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_not_null (strstr (error.message, "old-tunnel: boolean was given"), "%s", error.message);
  args.url = "old-tunnel:far?dispatcher=sh -c exit%207";
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_not_null (strstr (error.message, "far ended with 7: "), "%s", error.message);
  lr_registry_free (registry);
}

Test (frozen, an_old_plugin_carries_out_operations_itself)
{
  struct lr_error error;
  struct lr_run_result *run;
  struct lr_stat_result *info;
  struct lr_download_result *content;
  struct lr_user_entry *user;
  struct lr_group_entry *group;
  char *name;
  const char *const command[] = { "anything", NULL };
  lr_registry *registry = load_old_plugin ();
  lr_connection *connection = open_target (registry, "old-own:");
  struct lr_run_args run_args =
      LR_RUN_ARGS (.command = command, .input = { "in", 2 }, .no_check = 1);
  for (int count = 1; count <= 2; count++)
    {
      cr_assert_eq (lr_run (connection, &run_args, &run, &error), 0, "%s", error.message);
      cr_expect_str_eq (run->stdout_bytes.data, "in");
      cr_expect_str_eq (run->stderr_bytes.data, "anything");
      cr_expect_eq (run->returncode, count);
      lr_free (run);
    }
  struct lr_stat_args stat_args = LR_STAT_ARGS (.path = "/file");
  cr_assert_eq (lr_stat (connection, &stat_args, &info, &error), 0, "%s", error.message);
  cr_expect (info->type == LR_FILE_REGULAR && info->mode == 0640 && info->size == 5);
  cr_expect (strcmp (info->owner, "ann") == 0 && strcmp (info->group, "staff") == 0);
  lr_free (info);
  stat_args.path = "/absent";
  cr_assert_eq (lr_stat (connection, &stat_args, &info, &error), 0, "%s", error.message);
  cr_expect_null (info);
  stat_args.path = "/closed";
  cr_expect_eq (lr_stat (connection, &stat_args, &info, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_REMOTE_OS);
  cr_expect_eq (error.errnum, EACCES);
  struct lr_upload_args upload_args = LR_UPLOAD_ARGS (.file = "/f", .content = { "x", 1 });
  cr_expect_eq (lr_upload (connection, &upload_args, &error), 0, "%s", error.message);
  struct lr_download_args download_args = LR_DOWNLOAD_ARGS (.file = "/file");
  cr_assert_eq (lr_download (connection, &download_args, &content, &error), 0, "%s", error.message);
  cr_expect_str_eq (content->content.data, "/file");
  lr_free (content);
  struct lr_resolve_args resolve_args = LR_RESOLVE_ARGS ();
  cr_assert_eq (lr_resolve_user (connection, &resolve_args, &name, &error), 0, "%s", error.message);
  cr_expect_str_eq (name, "ann");
  lr_free (name);
  struct lr_query_user_args user_args = LR_QUERY_USER_ARGS (.user = "ann");
  cr_assert_eq (lr_query_user (connection, &user_args, &user, &error), 0, "%s", error.message);
  cr_expect (user->uid == 7 && user->gid == 8 && strcmp (user->groups[0], "staff") == 0);
  lr_free (user);
  struct lr_query_group_args group_args = LR_QUERY_GROUP_ARGS (.group = "staff");
  cr_assert_eq (lr_query_group (connection, &group_args, &group, &error), 0, "%s", error.message);
  cr_expect (group->gid == 8 && strcmp (group->members[1], "bob") == 0);
  lr_free (group);
  lr_close (connection);
  lr_registry_free (registry);
}

Test (frozen, an_old_program_runs)
{
  char headers[1300], libraries[700], output[600];
  snprintf (headers, sizeof headers, "%s", frozen_file (""));
  snprintf (libraries, sizeof libraries, "%s/core/.libs", build_tree ());
  snprintf (output, sizeof output, "%s", path_in ("program"));
  compile_program (headers, frozen_file ("program.c"), libraries, output);
  const char *const run[] = { output, "local:", NULL };
  struct finished ran = run_program (run, NULL, 0);
  cr_expect_eq (ran.status, 0, "%s", ran.error);
  cr_expect_str_eq (ran.output, "waited: by a pipe\ntype: dir\nsubmitted: by a pipe\n");
  free_finished (&ran);
}

/* ---- new ---- */

/* Today's headers with TEXT put before the one place that MARK names, below the directory of this
   test.  */
static void
make_newer_headers (const char *mark, const char *text)
{
  char path[1300], changed[1 << 16];
  cr_assert_eq (mkdir (path_in ("newer"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("newer/longreach"), 0755), 0);
  snprintf (path, sizeof path, "%s/include/longreach/longreach.h", source_tree ());
  cr_assert_eq (symlink (path, path_in ("newer/longreach/longreach.h")), 0);
  snprintf (path, sizeof path, "%s/include/longreach/connector.h", source_tree ());
  char *header = read_file (path, NULL);
  char *place = strstr (header, mark);
  cr_assert_not_null (place, "%s is not in connector.h", mark);
  cr_assert_null (strstr (place + 1, mark), "%s is twice in connector.h", mark);
  int size =
      snprintf (changed, sizeof changed, "%.*s%s%s", (int) (place - header), header, text, place);
  cr_assert_lt (size, (int) sizeof changed);
  write_file (path_in ("newer/longreach/connector.h"), changed, (size_t) size, 0644);
  free (header);
}

#define END_OF_TABLE "};\n\n/* What a plugin exports"
#define END_OF_OPTION "};\n\n/* ---- the table ---- */"

/* A plugin by those headers, whose connector has these MEMBERS.  */
static lr_registry *
load_newer_plugin (const char *members)
{
  char source[2048];
  struct lr_error error;
  snprintf (source, sizeof source,
            "#include <longreach/connector.h>\n"
            "static const struct lr_option options[] = {\n"
            "  { .name = \"one\", .help = \"the first\" },\n"
            "  { .name = \"two\", .help = \"the second\" }, { NULL } };\n"
            "static void wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)\n"
            "{ (void) hop; lr_command_append (out, inner); }\n"
            "static void name (const lr_hop *hop, lr_text *out)\n"
            "{ lr_text_set (out, \"%%s\", lr_hop_option (hop, \"two\")); }\n"
            "__attribute__ ((__unused__)) static void hook (const lr_hop *hop) { (void) hop; }\n"
            "LR_CONNECTOR (newer, \"newer\", \"of the future\", .target_form = LR_TARGET_NAME,\n"
            "  .options = options, .wrap = wrap, .extract_hostname = name%s);\n"
            "LR_PLUGIN (\"new\", &newer);\n",
            members);
  compile_plugin_against (path_in ("newer"), "CC", source, path_in ("plugins/new.so"), false);
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_directory (registry, path_in ("plugins"), &error), 0);
  return registry;
}

static void
expect_works (lr_registry *registry)
{
  struct lr_error error;
  char *host;
  cr_expect_eq (lr_extract_hostname (registry, "newer:x?two=2", &host, &error), 0, "%s",
                error.message);
  cr_expect_str_eq (host, "2");
  lr_free (host);
  lr_registry_free (registry);
}

Test (frozen, a_plugin_that_leaves_out_what_is_new_loads)
{
  make_newer_headers (END_OF_TABLE, "  void (*future) (const lr_hop *hop);\n");
  expect_works (load_newer_plugin (""));
}

Test (frozen, a_plugin_that_uses_what_is_new_is_refused_with_both_numbers)
{
  struct lr_error error;
  char expected[1024];
  make_newer_headers (END_OF_TABLE, "  void (*future) (const lr_hop *hop);\n");
  lr_registry *registry = load_newer_plugin (", .future = hook");
  snprintf (expected, sizeof expected,
            "%s: its connector table is %zu bytes and uses more than the %zu bytes that this "
            "library knows: it needs a newer one",
            path_in ("plugins/new.so"), sizeof (struct lr_connector) + 8,
            sizeof (struct lr_connector));
  cr_expect_eq (lr_registry_load (registry, "newer", &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
  cr_expect_str_eq (error.message, expected);
  lr_registry_free (registry);
}

Test (frozen, options_may_have_more_members)
{
  make_newer_headers (END_OF_OPTION, "  const char *example;\n  uint64_t more;\n");
  expect_works (load_newer_plugin (""));
}
