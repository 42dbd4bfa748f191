/* Where connectors are found, which one wins, and what is said of plugins that can't be used.

   The plugins are compiled by the tests, as an author outside of the tree would do it.  Each counts
   its being loaded, and tells through extract_hostname which one it is.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <elf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

/* ---- fixtures ---- */

/* Appends a byte to the file $LOADS when it is loaded.  */
#define PRELUDE                                                                                    \
  "#include <longreach/connector.h>\n"                                                             \
  "#include <fcntl.h>\n"                                                                           \
  "#include <stdlib.h>\n"                                                                          \
  "#include <unistd.h>\n"                                                                          \
  "__attribute__ ((__constructor__)) static void count_load (void) {\n"                            \
  "  int fd = open (getenv (\"LOADS\"), O_WRONLY | O_CREAT | O_APPEND, 0600);\n"                   \
  "  if (fd < 0 || write (fd, \"+\", 1) != 1) abort ();\n"                                         \
  "  close (fd);\n"                                                                                \
  "}\n"                                                                                            \
  "__attribute__ ((__unused__)) static void\n"                                                     \
  "wrap (const lr_hop *hop, const lr_command *inner, lr_command *out) {\n"                         \
  "  (void) hop;\n"                                                                                \
  "  lr_command_append (out, inner);\n"                                                            \
  "}\n"

static void
set_up (void)
{
  make_directory ();
  cr_assert_eq (mkdir (path_in ("a"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("b"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("c"), 0755), 0);
  setenv ("LOADS", path_in ("loads"), 1);
  unsetenv ("LONGREACH_PLUGIN_PATH");
}

TestSuite (registry, .init = set_up, .fini = remove_directory, .timeout = 60);

/* How many plugins have been loaded.  */
static size_t
loads (void)
{
  struct stat info;
  return stat (getenv ("LOADS"), &info) == 0 ? (size_t) info.st_size : 0;
}

/* Compile a plugin into FILE, below this test's directory: a connector for each of the schemas, a
   text with spaces between them, whose targets' host name is MARKER.  */
static void
make_plugin (const char *file, const char *schemas, const char *marker)
{
  char source[8192], list[256] = "", words[256];
  int used = snprintf (source, sizeof source,
                       PRELUDE "static void name (const lr_hop *hop, lr_text *out)\n"
                               "{ (void) hop; lr_text_set (out, \"%%s\", \"%s\"); }\n",
                       marker);
  snprintf (words, sizeof words, "%s", schemas);
  int index = 0;
  for (char *schema = strtok (words, " "); schema != NULL; schema = strtok (NULL, " "), index++)
    {
      used += snprintf (source + used, sizeof source - (size_t) used,
                        "LR_CONNECTOR (c%d, \"%s\", \"%s of %s\", .target_form = LR_TARGET_NAME, "
                        ".flags = LR_TARGET_MAY_BE_EMPTY, .wrap = wrap, .extract_hostname = "
                        "name);\n",
                        index, schema, schema, marker);
      snprintf (list + strlen (list), sizeof list - strlen (list), ", &c%d", index);
    }
  snprintf (source + used, sizeof source - (size_t) used, "LR_PLUGIN (\"v-%s\"%s);\n", marker,
            list);
  compile_plugin ("CC", source, path_in (file), false);
}

/* A registry with these of the test's directories, each a letter of LETTERS.  */
static lr_registry *
new_registry (const char *letters)
{
  struct lr_error error;
  lr_registry *registry = lr_registry_new ();
  cr_assert_not_null (registry);
  for (const char *letter = letters; *letter != '\0'; letter++)
    {
      const char name[] = { *letter, '\0' };
      cr_assert_eq (lr_registry_add_directory (registry, path_in (name), &error), 0, "%s",
                    error.message);
    }
  return registry;
}

/* Put these of the test's directories, each a letter, into the environment.  */
static void
set_environment (const char *letters)
{
  char path[1024] = "";
  for (const char *letter = letters; *letter != '\0'; letter++)
    {
      const char name[] = { *letter, '\0' };
      snprintf (path + strlen (path), sizeof path - strlen (path), "%s%s",
                letter == letters ? "" : ":", path_in (name));
    }
  setenv ("LONGREACH_PLUGIN_PATH", path, 1);
}

/* Which plugin serves SCHEMA has this marker.  */
static void
expect_served_by (lr_registry *registry, const char *schema, const char *marker)
{
  struct lr_error error;
  char url[64], *host;
  snprintf (url, sizeof url, "%s:", schema);
  cr_expect_eq (lr_extract_hostname (registry, url, &host, &error), 0, "%s: %s", schema,
                error.message);
  if (host != NULL)
    cr_expect_str_eq (host, marker, "%s is served by %s and not %s", schema, host, marker);
  lr_free (host);
}

/* The directories that are compiled in, the last two of the search path, with SEPARATOR between
 * them.
 */
static const char *
installed_directories (const char *separator)
{
  static char installed[1024];
  char *path;
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_search_path (registry, &path, NULL), 0);
  path[strlen (path) - 1] = '\0';
  char *second = strrchr (path, '\n');
  cr_assert_not_null (second);
  *second = '\0';
  const char *first = strrchr (path, '\n');
  snprintf (installed, sizeof installed, "%s%s%s", first == NULL ? path : first + 1, separator,
            second + 1);
  lr_free (path);
  lr_registry_free (registry);
  return installed;
}

/* The second of them.  */
static const char *
last_directory (void)
{
  return strchr (installed_directories ("\n"), '\n') + 1;
}

/* ---- which one wins ---- */

Test (registry, directories_of_the_program_come_before_those_of_the_environment)
{
  make_plugin ("a/plugin.so", "x", "program");
  make_plugin ("b/plugin.so", "x", "environment");
  set_environment ("b");
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "program");
  lr_registry_free (registry);
}

Test (registry, the_first_directory_that_has_the_schema_wins)
{
  make_plugin ("b/1.so", "x", "b-has-it-first");
  make_plugin ("c/0.so", "x", "c-comes-later");
  make_plugin ("c/1.so", "y", "only-c-has-it");
  lr_registry *given = new_registry ("abc");
  expect_served_by (given, "x", "b-has-it-first");
  expect_served_by (given, "y", "only-c-has-it");
  lr_registry_free (given);

  set_environment ("abc");
  lr_registry *found = new_registry ("");
  expect_served_by (found, "x", "b-has-it-first");
  expect_served_by (found, "y", "only-c-has-it");
  lr_registry_free (found);

  set_environment ("cba");
  lr_registry *reversed = new_registry ("");
  expect_served_by (reversed, "x", "c-comes-later");
  lr_registry_free (reversed);
}

Test (registry, within_a_directory_the_first_name_by_its_bytes_wins)
{
  make_plugin ("a/b.so", "x", "lower-case-b");
  make_plugin ("a/Z.so", "x", "upper-case-z");
  make_plugin ("a/a.so", "x", "lower-case-a");
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "upper-case-z");
  lr_registry_free (registry);
}

Test (registry, bytes_above_ascii_come_after_it)
{
  make_plugin ("a/\xc3\xa4.so", "x", "above-ascii");
  make_plugin ("a/z.so", "x", "ascii");
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "ascii");
  lr_registry_free (registry);
}

Test (registry, file_names_mean_nothing)
{
  make_plugin ("a/y.so", "x", "named-for-another");
  make_plugin ("a/x.so", "y", "named-for-the-first");
  make_plugin ("a/no suffix at all", "z", "without-suffix");
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "named-for-another");
  expect_served_by (registry, "y", "named-for-the-first");
  expect_served_by (registry, "z", "without-suffix");
  lr_registry_free (registry);
}

Test (registry, a_link_to_a_plugin_is_one)
{
  make_plugin ("c/real", "x", "linked");
  cr_assert_eq (symlink ("../c/real", path_in ("a/link")), 0);
  cr_assert_eq (symlink ("nowhere", path_in ("a/dangling.so")), 0);
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "linked");
  lr_registry_free (registry);
}

Test (registry, what_is_no_regular_file_is_passed_over)
{
  struct lr_connector_list *list;
  cr_assert_eq (mkdir (path_in ("a/1.so"), 0755), 0);
  cr_assert_eq (mkfifo (path_in ("a/2.so"), 0644), 0);
  make_plugin ("a/3.so", "x", "found");
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "found");
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  cr_expect_str_eq (list->items[0]->schema, "x");
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, what_is_hidden_is_passed_over)
{
  make_plugin ("a/.hidden.so", "x", "hidden");
  make_plugin ("b/x.so", "x", "found");
  lr_registry *registry = new_registry ("ab");
  expect_served_by (registry, "x", "found");
  lr_registry_free (registry);
}

/* Its notes name a schema, but the connector is its own.  */
Test (registry, a_program_with_a_connector_compiled_in_is_passed_over)
{
  struct lr_connector_list *list;
  char source[700], include[1100];
  snprintf (source, sizeof source, "%s", path_in ("program.c"));
  snprintf (include, sizeof include, "-I%s/include", source_tree ());
  static const char text[] = "#include <longreach/connector.h>\n"
                             "static void wrap (const lr_hop *hop, const lr_command *inner,\n"
                             "                  lr_command *out)\n"
                             "{ (void) hop; (void) inner; (void) out; }\n"
                             "LR_CONNECTOR (x, \"x\", \"x\", .wrap = wrap);\n"
                             "int main (void) { return x.wrap == wrap; }\n";
  write_file (source, text, strlen (text), 0644);
  const char *const command[] = {
    "sh",   "-c", "exec ${CC:-cc} \"$@\"", "cc", "-fPIE", "-pie", include,
    source, "-o", path_in ("a/0"),         NULL
  };
  struct finished compiled = run_program (command, NULL, 0);
  cr_assert_eq (compiled.status, 0, "%s", compiled.error);
  free_finished (&compiled);
  make_plugin ("a/1.so", "x", "found");
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "x", "found");
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  cr_expect_str_eq (list->items[0]->file, path_in ("a/1.so"));
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, of_a_plugin_with_two_connectors_one_may_be_shadowed)
{
  make_plugin ("a/plugin.so", "x", "first");
  make_plugin ("b/plugin.so", "x y", "second");
  lr_registry *registry = new_registry ("ab");
  expect_served_by (registry, "y", "second");
  expect_served_by (registry, "x", "first");
  lr_registry_free (registry);
}

Test (registry, relative_and_empty_entries_of_the_environment_are_ignored)
{
  char path[512], *searched, expected[1600];
  make_plugin ("a/plugin.so", "x", "absolute");
  make_plugin ("b/plugin.so", "y", "relative");
  snprintf (expected, sizeof expected, "%s\n%s\n", path_in ("a"), installed_directories ("\n"));
  cr_assert_eq (chdir (path_in ("b")), 0);
  snprintf (path, sizeof path, ":.::../b:%s:b:", path_in ("a"));
  setenv ("LONGREACH_PLUGIN_PATH", path, 1);
  lr_registry *registry = new_registry ("");
  cr_assert_eq (lr_registry_search_path (registry, &searched, NULL), 0);
  cr_expect_str_eq (searched, expected);
  lr_free (searched);
  expect_served_by (registry, "x", "absolute");
  cr_expect_eq (lr_registry_load (registry, "y", NULL), -1);
  lr_registry_free (registry);
}

Test (registry, an_empty_environment_adds_nothing)
{
  char *searched, expected[1200];
  snprintf (expected, sizeof expected, "%s\n", installed_directories ("\n"));
  setenv ("LONGREACH_PLUGIN_PATH", "", 1);
  lr_registry *registry = new_registry ("");
  cr_assert_eq (lr_registry_search_path (registry, &searched, NULL), 0);
  cr_expect_str_eq (searched, expected);
  lr_free (searched);
  lr_registry_free (registry);
}

Test (registry, the_search_path_lists_program_environment_and_installed_in_this_order)
{
  char *searched, expected[2600];
  set_environment ("ca");
  lr_registry *registry = new_registry ("ba");
  cr_assert_eq (lr_registry_add_directory (registry, "/not/there", NULL), 0);
  snprintf (expected, sizeof expected, "%s\n%s\n/not/there\n%s\n%s\n%s\n", path_in ("b"),
            path_in ("a"), path_in ("c"), path_in ("a"), installed_directories ("\n"));
  cr_assert_eq (lr_registry_search_path (registry, &searched, NULL), 0);
  cr_expect_str_eq (searched, expected);
  lr_free (searched);
  cr_expect_eq (installed_directories ("\n")[0], '/');
  lr_registry_free (registry);
}

Test (registry, a_relative_directory_of_the_program_is_refused)
{
  static const struct
  {
    const char *directory, *message;
  } rows[] = {
    { "a", "the plugin directory \"a\" is not absolute" },
    { "./a", "the plugin directory \"./a\" is not absolute" },
    { "", "the plugin directory \"\" is not absolute" },
    { NULL, "the plugin directory \"\" is not absolute" },
  };
  lr_registry *registry = lr_registry_new ();
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      cr_expect_eq (lr_registry_add_directory (registry, rows[i].directory, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
      cr_expect_str_eq (error.field, "directory");
      cr_expect_str_eq (error.message, rows[i].message);
      cr_expect_eq (error.hop, -1);
    }
  lr_registry_free (registry);
}

/* ---- explaining ---- */

/* Forms, and what is written of a URL by them.  */
Test (registry, a_connector_is_explained_from_its_table)
{
  static const struct
  {
    const char *schema, *members, *url;
  } rows[] = {
    { "none", ".target_form = LR_TARGET_NONE, .flags = LR_TARGET_MAY_BE_EMPTY", "none:" },
    { "host", ".target_form = LR_TARGET_HOST", "host:host" },
    { "full", ".target_form = LR_TARGET_HOST, .flags = LR_TAKES_USER | LR_TAKES_PORT",
      "full:[user@]host[:port]" },
    { "name", ".target_form = LR_TARGET_NAME, .flags = LR_TAKES_USER | LR_TAKES_PORT",
      "name:[user@]name" },
    { "empty", ".target_form = LR_TARGET_NAME, .flags = LR_TARGET_MAY_BE_EMPTY", "empty:[name]" },
    { "user", ".target_form = LR_TARGET_USER", "user:user" },
    { "path", ".target_form = LR_TARGET_PATH", "path:path" },
    { "text", ".target_form = LR_TARGET_OPAQUE", "text:text" },
    { "words", ".target_form = LR_TARGET_WORDS", "words:words" },
  };
  char source[8192], list[256] = "";
  int used = snprintf (source, sizeof source, PRELUDE);
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      used += snprintf (source + used, sizeof source - (size_t) used,
                        "LR_CONNECTOR (c%zu, \"%s\", \"one of %s\", %s, .wrap = wrap);\n", i,
                        rows[i].schema, rows[i].schema, rows[i].members);
      snprintf (list + strlen (list), sizeof list - strlen (list), ", &c%zu", i);
    }
  snprintf (source + used, sizeof source - (size_t) used, "LR_PLUGIN (\"1\"%s);\n", list);
  compile_plugin ("CC", source, path_in ("a/1.so"), false);
  make_plugin ("a/2.so", "other", "is not loaded");
  lr_registry *registry = new_registry ("a");
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char sentence[64];
      struct lr_error error;
      struct lr_connector_description *description;
      snprintf (sentence, sizeof sentence, "one of %s", rows[i].schema);
      cr_assert_eq (lr_registry_describe (registry, rows[i].schema, &description, &error), 0, "%s",
                    error.message);
      cr_expect_str_eq (description->schema, rows[i].schema);
      cr_expect_str_eq (description->description, sentence);
      cr_expect_str_eq (description->url, rows[i].url);
      lr_free (description);
    }
  cr_expect_eq (loads (), 1, "%zu loads", loads ());
  lr_registry_free (registry);
}

static const struct lr_option_info *
find_option (const struct lr_connector_description *description, const char *name)
{
  const struct lr_option_info *found = NULL;
  for (size_t i = 0; i < description->option_count; i++)
    if (strcmp (description->options[i]->name, name) == 0)
      {
        cr_expect_null (found, "the option %s is there twice", name);
        found = description->options[i];
      }
  cr_assert_not_null (found, "there is no option %s", name);
  return found;
}

Test (registry, options_and_operations_are_explained)
{
  struct lr_error error;
  struct lr_connector_description *description;
  compile_plugin ("CC",
                  PRELUDE
                  "static const struct lr_option options[] = {\n"
                  "  { .name = \"colour\", .type = LR_OPTION_CHOICE, .help = \"a colour\",\n"
                  "    .choices = \"red|green\" },\n"
                  "  { .name = \"protocol\", .type = LR_OPTION_NUMBER, .help = \"its own\" },\n"
                  "  { .name = \"times\", .type = LR_OPTION_NUMBER, .flags = LR_OPTION_REPEATS },\n"
                  "  { 0 } };\n"
                  "static const char *const refused[] = { \"upload\", NULL };\n"
                  "static void get_variable (lr_call *call, const struct lr_getenv_args *args)\n"
                  "{ lr_reply_value (call, args->key); }\n"
                  "LR_CONNECTOR (c, \"c\", \"c\", .options = options, .unsupported = refused,\n"
                  "  .wrap = wrap, .getenv = get_variable);\n"
                  "LR_PLUGIN (\"1\", &c);\n",
                  path_in ("a/1.so"), false);
  lr_registry *registry = new_registry ("a");
  cr_assert_eq (lr_registry_describe (registry, "c", &description, &error), 0, "%s", error.message);
  cr_expect_str_eq (description->options[0]->name, "colour");
  const struct lr_option_info *colour = find_option (description, "colour");
  cr_expect_str_eq (colour->type, "choice");
  cr_expect_str_eq (colour->choices, "red|green");
  cr_expect_str_eq (colour->help, "a colour");
  cr_expect_eq (colour->repeats, 0);
  const struct lr_option_info *times = find_option (description, "times");
  cr_expect_str_eq (times->type, "number");
  cr_expect_null (times->choices);
  cr_expect_str_eq (times->help, "");
  cr_expect_eq (times->repeats, 1);
  /* Its own counts, and not the tunnel's of that name.  */
  cr_expect_str_eq (find_option (description, "protocol")->help, "its own");
  cr_expect_str_eq (find_option (description, "dispatcher")->type, "words");
  static const struct
  {
    const char *name;
    enum lr_provider provider;
  } operations[] = {
    { "run", LR_PROVIDER_DISPATCHER },
    { "stat", LR_PROVIDER_DISPATCHER },
    { "upload", LR_PROVIDER_NONE },
    { "download", LR_PROVIDER_DISPATCHER },
    { "resolve_user", LR_PROVIDER_DISPATCHER },
    { "resolve_group", LR_PROVIDER_DISPATCHER },
    { "query_user", LR_PROVIDER_DISPATCHER },
    { "query_group", LR_PROVIDER_DISPATCHER },
    { "getenv", LR_PROVIDER_CONNECTOR },
    { "list", LR_PROVIDER_DISPATCHER },
    { "make_directory", LR_PROVIDER_DISPATCHER },
    { "remove", LR_PROVIDER_DISPATCHER },
    { "rename", LR_PROVIDER_DISPATCHER },
    { "link", LR_PROVIDER_DISPATCHER },
    { "read_link", LR_PROVIDER_DISPATCHER },
    { "set_attributes", LR_PROVIDER_DISPATCHER },
    { "make_temporary", LR_PROVIDER_DISPATCHER },
    { "file_system", LR_PROVIDER_DISPATCHER },
    { "put_tree", LR_PROVIDER_NONE },
    { "get_tree", LR_PROVIDER_NONE },
  };
  cr_assert_eq (description->operation_count, COUNT (operations));
  for (size_t i = 0; i < COUNT (operations); i++)
    {
      cr_expect_str_eq (description->operations[i]->name, operations[i].name);
      cr_expect_eq (description->operations[i]->provider, (unsigned) operations[i].provider, "%s",
                    operations[i].name);
    }
  lr_free (description);
  cr_expect_eq (lr_registry_describe (registry, "nope", &description, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR);
  cr_expect_null (description);
  lr_registry_free (registry);
}

/* ---- loading ---- */

/* With all of the shipped ones, and more, in the way.  */
Test (registry, opening_a_target_loads_one_plugin_and_no_other)
{
  struct lr_error error;
  lr_connection *connection;
  make_plugin ("a/0.so", "before", "before");
  make_plugin ("a/1.so", "x", "wanted");
  make_plugin ("a/2.so", "x after", "shadowed");
  make_plugin ("b/0.so", "elsewhere", "elsewhere");
  set_environment ("b");
  lr_registry *registry = new_registry ("a");
  struct lr_open_args args = LR_OPEN_ARGS (.url = "x:?dispatcher=/nonexistent");
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  cr_expect_eq (loads (), 1, "%zu loads", loads ());
  lr_registry_free (registry);
}

Test (registry, a_plugin_is_loaded_when_it_is_asked_for_and_once)
{
  make_plugin ("a/1.so", "x", "one");
  make_plugin ("a/2.so", "y", "two");
  lr_registry *registry = new_registry ("a");
  cr_expect_eq (loads (), 0);
  expect_served_by (registry, "y", "two");
  cr_expect_eq (loads (), 1, "%zu loads", loads ());
  expect_served_by (registry, "y", "two");
  cr_expect_eq (lr_registry_load (registry, "y", NULL), 0);
  cr_expect_eq (loads (), 1, "%zu loads", loads ());
  expect_served_by (registry, "x", "one");
  cr_expect_eq (loads (), 2, "%zu loads", loads ());
  lr_registry_free (registry);
}

Test (registry, what_is_loaded_stays_although_its_file_goes)
{
  make_plugin ("a/1.so", "x", "one");
  make_plugin ("b/1.so", "x", "another");
  lr_registry *registry = new_registry ("ab");
  cr_assert_eq (lr_registry_load (registry, "x", NULL), 0);
  cr_assert_eq (unlink (path_in ("a/1.so")), 0);
  expect_served_by (registry, "x", "one");
  lr_registry_free (registry);
}

Test (registry, a_plugin_that_appears_later_is_found)
{
  lr_registry *registry = new_registry ("a");
  cr_expect_eq (lr_registry_load (registry, "x", NULL), -1);
  make_plugin ("a/1.so", "x", "one");
  expect_served_by (registry, "x", "one");
  lr_registry_free (registry);
}

static char logged[1024];

static void
keep_log (void *data, enum lr_log_level level, const char *line)
{
  cr_expect_eq (level, LR_LOG_INFO);
  snprintf (data, sizeof logged, "%s", line);
}

Test (registry, loading_a_plugin_is_logged)
{
  char expected[600];
  make_plugin ("a/1.so", "x", "one");
  lr_registry *registry = new_registry ("a");
  lr_registry_set_log (registry, keep_log, logged);
  cr_assert_eq (lr_registry_load (registry, "x", NULL), 0);
  snprintf (expected, sizeof expected, "x: loaded %s", path_in ("a/1.so"));
  cr_expect_str_eq (logged, expected);
  lr_registry_free (registry);
}

Test (registry, an_unknown_schema_names_the_directories_searched_and_the_schemas_that_exist)
{
  struct lr_error error;
  char expected[2400];
  make_plugin ("a/1.so", "x z", "one");
  make_plugin ("b/1.so", "xx x", "two");
  set_environment ("b");
  lr_registry *registry = new_registry ("a");
  cr_expect_eq (lr_registry_load (registry, "nope", &error), -1);
  snprintf (expected, sizeof expected,
            "no connector has the schema \"nope\"; searched: %s, %s, %s; schemas that exist: x, z, "
            "xx",
            path_in ("a"), path_in ("b"), installed_directories (", "));
  cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR);
  cr_expect_eq (error.hop, -1);
  cr_expect_eq (strncmp (error.message, expected, strlen (expected)), 0, "%s\nand not\n%s",
                error.message, expected);
  cr_expect_eq (loads (), 0);
  lr_registry_free (registry);
}

Test (registry, an_unknown_schema_of_a_url_is_that_hops_error)
{
  struct lr_error error;
  lr_connection *connection;
  make_plugin ("a/1.so", "x", "one");
  lr_registry *registry = new_registry ("a");
  struct lr_open_args args = LR_OPEN_ARGS (.url = "x:,nope:y");
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_null (connection);
  cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR);
  cr_expect_eq (error.hop, 1);
  lr_registry_free (registry);
}

Test (registry, directories_that_are_missing_or_empty_are_no_error)
{
  struct lr_error error;
  struct lr_connector_list *list;
  lr_registry *registry = new_registry ("ad");
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR);
  char first[1024];
  snprintf (first, sizeof first, "%s", installed_directories ("\n"));
  *strchr (first, '\n') = '\0';
  if (access (first, F_OK) != 0 && access (last_directory (), F_OK) != 0)
    cr_expect_not_null (strstr (error.message, "; schemas that exist: none"), "%s", error.message);
  cr_assert_eq (lr_registry_list (registry, &list, &error), 0);
  for (size_t i = 0; i < list->count; i++)
    cr_expect_eq (list->items[i]->source, LR_SOURCE_INSTALLED);
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, a_search_path_too_long_for_the_message_is_cut)
{
  struct lr_error error;
  char name[200];
  lr_registry *registry = lr_registry_new ();
  name[0] = '/';
  memset (name + 1, 'd', sizeof name - 2);
  name[sizeof name - 1] = '\0';
  for (int i = 0; i < 20; i++)
    cr_assert_eq (lr_registry_add_directory (registry, name, &error), 0);
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR);
  cr_expect_not_null (strstr (error.message, "dddd, ..., /"), "%s", error.message);
  cr_expect_not_null (strstr (error.message, last_directory ()), "%s", error.message);
  lr_registry_free (registry);
}

Test (registry, a_search_path_of_any_length_has_its_sentence)
{
  for (size_t length = 1; length < 1100; length++)
    {
      struct lr_error error;
      char name[1200] = "/";
      lr_registry *registry = lr_registry_new ();
      memset (name + 1, 'd', length);
      cr_assert_eq (lr_registry_add_directory (registry, name, NULL), 0);
      cr_assert_eq (lr_registry_add_directory (registry, "/e", NULL), 0);
      cr_assert_eq (lr_registry_load (registry, "x", &error), -1);
      cr_assert_eq (error.kind, LR_ERROR_NO_CONNECTOR);
      cr_assert_not_null (strstr (error.message, last_directory ()), "%s", error.message);
      lr_registry_free (registry);
    }
}

/* ---- what the program brings itself ---- */

static void
built_in_name (const lr_hop *hop, lr_text *out)
{
  (void) hop;
  lr_text_set (out, "built-in");
}

static void
built_in_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static struct lr_connector
built_in (const char *schema)
{
  return (struct lr_connector){ .size = sizeof (struct lr_connector),
                                .abi = LR_ABI,
                                .option_size = sizeof (struct lr_option),
                                .schema = schema,
                                .description = "from the program",
                                .target_form = LR_TARGET_NAME,
                                .flags = LR_TARGET_MAY_BE_EMPTY,
                                .wrap = built_in_wrap,
                                .extract_hostname = built_in_name };
}

Test (registry, a_connector_of_the_program_comes_before_every_plugin)
{
  struct lr_error error;
  make_plugin ("a/1.so", "x y", "plugin");
  lr_registry *registry = new_registry ("a");
  struct lr_connector x = built_in ("x");
  cr_assert_eq (lr_registry_add_connector (registry, &x, &error), 0, "%s", error.message);
  expect_served_by (registry, "x", "built-in");
  expect_served_by (registry, "y", "plugin");
  expect_served_by (registry, "x", "built-in");
  lr_registry_free (registry);
}

Test (registry, a_schema_is_registered_once)
{
  struct lr_error error;
  make_plugin ("a/1.so", "y", "plugin");
  lr_registry *registry = new_registry ("a");
  struct lr_connector x = built_in ("x"), y = built_in ("y");
  cr_assert_eq (lr_registry_add_connector (registry, &x, &error), 0);
  cr_expect_eq (lr_registry_add_connector (registry, &x, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "schema");
  cr_expect_str_eq (error.message, "the schema x is registered already");

  cr_assert_eq (lr_registry_load (registry, "y", &error), 0);
  cr_expect_eq (lr_registry_add_connector (registry, &y, &error), -1);
  cr_expect_str_eq (error.message, "the schema y is registered already");
  expect_served_by (registry, "y", "plugin");
  lr_registry_free (registry);
}

Test (registry, a_table_of_the_program_that_makes_no_sense_is_refused)
{
  struct lr_connector none = built_in ("x"), old = built_in ("x"), other = built_in ("x");
  struct lr_connector unnamed = built_in (NULL), badly_named = built_in ("X");
  struct lr_connector undescribed = built_in ("x"), formless = built_in ("x");
  const struct lr_option option = { .name = "o", .help = "" };
  struct lr_connector optioned = built_in ("x"), odd = built_in ("x"), huge = built_in ("x");
  none.wrap = NULL;
  old.size = 40;
  odd.size = 84;
  huge.size = 65544;
  other.abi = 7;
  undescribed.description = NULL;
  formless.target_form = LR_TARGET_WORDS + 1;
  optioned.options = &option;
  optioned.option_size = 8;
#define NONSENSE "the program's connector: its connector table makes no sense: "
#define SCHEMA_NONSENSE                                                                            \
  NONSENSE "its schema is not made of lower-case letters, digits, \"+\", \"-\" and \".\", a "      \
           "letter first"
  const struct
  {
    const struct lr_connector *table;
    const char *message;
  } rows[] = {
    { &none, NONSENSE "it has neither wrap nor any operation" },
    { &old, "the program's connector: its connector table is 40 bytes, which is no size of one" },
    { &odd, "the program's connector: its connector table is 84 bytes, which is no size of one" },
    { &huge,
      "the program's connector: its connector table is 65544 bytes, which is no size of one" },
    { &other, "the program's connector: it is built for connector ABI 7, and this library has "
              "ABI 1" },
    { &unnamed, SCHEMA_NONSENSE },
    { &badly_named, SCHEMA_NONSENSE },
    { &undescribed, NONSENSE "it has no description" },
    { &formless, NONSENSE "its target form is unknown" },
    { &optioned, NONSENSE "its options have no size" },
  };
  lr_registry *registry = lr_registry_new ();
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      cr_expect_eq (lr_registry_add_connector (registry, rows[i].table, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_PLUGIN);
      cr_expect_str_eq (error.message, rows[i].message);
    }
  lr_registry_free (registry);
}

Test (registry, registries_are_independent)
{
  struct lr_error error;
  make_plugin ("a/1.so", "x", "in-a");
  make_plugin ("b/1.so", "x", "in-b");
  make_plugin ("b/2.so", "y", "in-b");
  lr_registry *one = new_registry ("a"), *two = new_registry ("b"), *third = new_registry ("b");
  struct lr_connector y = built_in ("y");
  cr_assert_eq (lr_registry_add_connector (one, &y, &error), 0);
  expect_served_by (one, "x", "in-a");
  expect_served_by (two, "x", "in-b");
  expect_served_by (one, "y", "built-in");
  expect_served_by (two, "y", "in-b");
  cr_expect_eq (loads (), 3);
  lr_registry_free (one);
  lr_registry_free (two);
  expect_served_by (third, "x", "in-b");
  cr_expect_eq (loads (), 3, "the same file is loaded again");
  lr_registry_free (third);
}

/* ---- plugins that can't be used ---- */

#define WRAPPED ".target_form = LR_TARGET_NAME, .wrap = wrap"

#define NOTE(type, text) "LR_NOTE_ (note_" #type ", " #type ", " text ");\n"
#define NOTES NOTE (LR_NOTE_CONNECTOR, "\"bad\\0x\"") NOTE (LR_NOTE_PLUGIN, "\"1\\0\" \"1\"")

/* The tables written by hand, and the notes beside them.  */
#define PLUGIN_TABLE(members)                                                                      \
  "LR_EXPORT_ const struct lr_plugin lr_plugin;\n"                                                 \
  "const struct lr_plugin lr_plugin = { " members " };\n"
#define BY_HAND(abi, schema, plugin)                                                               \
  PRELUDE NOTES                                                                                    \
      "static const struct lr_connector bad = { .size = sizeof bad, .abi = " abi                   \
      ", .schema = " schema ", .description = \"\", " WRAPPED " };\n"                              \
      "__attribute__ ((__unused__))\n"                                                             \
      "static const struct lr_connector *const all[] = { &bad, NULL };\n" PLUGIN_TABLE (plugin)
#define GOOD_TABLE "sizeof lr_plugin, LR_ABI, \"1\", all"

/* By the macros, with more before LR_PLUGIN.  */
#define BY_MACROS(connectors, plugin)                                                              \
  PRELUDE connectors "const void *keep (void);\nconst void *keep (void) { return &bad; }\n" plugin
#define BAD "LR_CONNECTOR (bad, \"bad\", \"x\", " WRAPPED ");\n"

struct bad_plugin
{
  const char *name;
  const char *source;
  const char *before, *after; /* the message: around the file's path */
  bool leave_undefined;
};

/* All of them name the schema `bad`, and no message falls through to the good one behind.  */
static const struct bad_plugin bad_plugins[] = {
  { "another ABI",
    BY_MACROS ("#undef LR_ABI\n#define LR_ABI 2\n" BAD, "LR_PLUGIN (\"1\", &bad);\n"), "",
    ": it is built for connector ABI 2, and this library has ABI 1", true },
  { "another ABI in the connector's table", BY_HAND ("3", "\"bad\"", GOOD_TABLE), "",
    ": it is built for connector ABI 3, and this library has ABI 1", false },
  { "another ABI in lr_plugin", BY_HAND ("LR_ABI", "\"bad\"", "sizeof lr_plugin, 2, \"1\", all"),
    "", ": its lr_plugin makes no sense", false },
  { "an lr_plugin without size", BY_HAND ("LR_ABI", "\"bad\"", "0, LR_ABI, \"1\", all"), "",
    ": its lr_plugin makes no sense", false },
  { "an lr_plugin without connectors",
    BY_HAND ("LR_ABI", "\"bad\"", "sizeof lr_plugin, LR_ABI, \"1\", NULL"), "",
    ": its lr_plugin makes no sense", false },
  { "no lr_plugin", PRELUDE NOTES, "", ": it does not export lr_plugin", false },
  { "notes of a connector alone", BY_MACROS (BAD, ""), "", ": it has connectors, but no LR_PLUGIN",
    false },
  { "undefined symbols",
    BY_MACROS ("void no_such_function (void);\nvoid use_it (void);\n"
               "void use_it (void) { no_such_function (); }\n" BAD,
               "LR_PLUGIN (\"1\", &bad);\n"),
    "cannot load ", ": undefined symbol: no_such_function", true },
  { "two connectors of one schema",
    BY_MACROS (BAD "LR_CONNECTOR (worse, \"bad\", \"y\", " WRAPPED ");\n",
               "LR_PLUGIN (\"1\", &bad, &worse);\n"),
    "", ": it has two connectors of the schema bad", false },
  { "a table that the notes don't name", BY_HAND ("LR_ABI", "\"other\"", GOOD_TABLE), "",
    ": its table has the schema other, which its notes don't name", false },
  { "a table without schema", BY_HAND ("LR_ABI", "NULL", GOOD_TABLE), "",
    ": its table has the schema (none), which its notes don't name", false },
  { "a connector that LR_PLUGIN leaves out",
    BY_MACROS (BAD "LR_CONNECTOR (other, \"other\", \"y\", " WRAPPED ");\n",
               "LR_PLUGIN (\"1\", &other);\n"),
    "", ": its notes name 2 connectors, and LR_PLUGIN holds 1", false },
  { "a connector that LR_PLUGIN leaves out, and one that it has twice",
    BY_MACROS (BAD "LR_CONNECTOR (other, \"other\", \"y\", " WRAPPED ");\n",
               "LR_PLUGIN (\"1\", &other, &other);\n"),
    "", ": its notes name the schema bad, which its table does not have", false },
  { "a connector that can do nothing",
    BY_MACROS ("LR_CONNECTOR (bad, \"bad\", \"x\", .target_form = LR_TARGET_NAME);\n",
               "LR_PLUGIN (\"1\", &bad);\n"),
    "", ": its connector table makes no sense: it has neither wrap nor any operation", false },
  { "a target form of the future",
    BY_MACROS ("LR_CONNECTOR (bad, \"bad\", \"x\", .target_form = 77, .wrap = wrap);\n",
               "LR_PLUGIN (\"1\", &bad);\n"),
    "", ": its connector table makes no sense: its target form is unknown", false },
};

/* Load the schema `bad` from the directories a and b, of which b has a good one.  */
static void
expect_refused (const char *name, const char *before, const char *file, const char *after)
{
  struct lr_error error;
  char message[1024];
  lr_registry *registry = new_registry ("ab");
  snprintf (message, sizeof message, "%s%s%s", before, file, after);
  cr_expect_eq (lr_registry_load (registry, "bad", &error), -1, "%s: it is loaded", name);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN, "%s: %s", name, lr_error_kind_name (error.kind));
  cr_expect_str_eq (error.message, message, "%s:\n  %s\nand not\n  %s", name, error.message,
                    message);
  char *host;
  cr_expect_eq (lr_extract_hostname (registry, "bad:", &host, &error), -1,
                "%s: the next plugin serves its schema", name);
  cr_expect_eq (error.hop, 0);
  lr_free (host);
  lr_registry_free (registry);
}

Test (registry, a_plugin_that_can_not_be_used_is_an_error_and_nothing_falls_through)
{
  make_plugin ("b/good.so", "bad", "the-next-plugin");
  for (size_t i = 0; i < COUNT (bad_plugins); i++)
    {
      const struct bad_plugin *bad = &bad_plugins[i];
      char file[64];
      snprintf (file, sizeof file, "a/bad-%zu.so", i);
      compile_plugin ("CC", bad->source, path_in (file), bad->leave_undefined);
      expect_refused (bad->name, bad->before, path_in (file), bad->after);
      unlink (path_in (file));
    }
}

/* Notes with a good name, written as bytes: a damaged one comes before that of the connector.  */
static const char damaged_notes[] =
    PRELUDE "struct note { uint32_t namesz, descsz, type; char name[12]; char desc[8]; };\n"
            "__attribute__ ((__used__, __section__ (\".note.longreach\"), __aligned__ (4)))\n"
            "static const struct note notes[] = {\n"
            "  { 10, 8, LR_NOTE_PLUGIN, \"longreach\", \"12345678\" },\n"
            "  { 10, 8, LR_NOTE_CONNECTOR, \"longreach\", \"bad\\0xxx\" },\n"
            "};\n";

Test (registry, a_plugin_with_damaged_notes_is_an_error_for_the_schema_it_names)
{
  make_plugin ("b/good.so", "bad", "the-next-plugin");
  compile_plugin ("CC", damaged_notes, path_in ("a/bad.so"), false);
  expect_refused ("damaged notes", "", path_in ("a/bad.so"), ": its notes are damaged");
}

/* Write into the copy TO of the file FROM, both below this test's directory.  */
static void
copy_patched (const char *from, const char *to, size_t offset, const void *patch, size_t patch_size)
{
  size_t size;
  char *content = read_file (path_in (from), &size);
  cr_assert_leq (offset + patch_size, size);
  memcpy (content + offset, patch, patch_size);
  write_file (path_in (to), content, size, 0755);
  free (content);
}

Test (registry, a_plugin_for_another_machine_is_an_error_for_the_schema_it_names)
{
  static const uint16_t machine = EM_SPARCV9;
  make_plugin ("b/good.so", "bad", "the-next-plugin");
  copy_patched ("b/good.so", "a/bad.so", offsetof (Elf64_Ehdr, e_machine), &machine,
                sizeof machine);
  expect_refused ("another machine", "", path_in ("a/bad.so"),
                  ": it is built for another type of machine");
}

/* Its first part, with the notes, is there.  */
Test (registry, a_plugin_that_is_cut_off_is_an_error_for_the_schema_it_names)
{
  size_t size;
  struct lr_error error;
  make_plugin ("b/good.so", "bad", "the-next-plugin");
  char *content = read_file (path_in ("b/good.so"), &size);
  write_file (path_in ("a/bad.so"), content, 4096, 0755);
  free (content);
  lr_registry *registry = new_registry ("ab");
  cr_expect_eq (lr_registry_load (registry, "bad", &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_PLUGIN, "%s", error.message);
  cr_expect_not_null (strstr (error.message, path_in ("a/bad.so")), "%s", error.message);
  lr_registry_free (registry);
}

/* ---- tables of other versions ---- */

static const char sized_plugin[] = PRELUDE NOTES
    "static void name (const lr_hop *hop, lr_text *out)\n"
    "{ (void) hop; lr_text_set (out, \"loaded\"); }\n"
    "static const struct { struct lr_connector known; uint64_t more[%d]; } bad = {\n"
    "  { .size = %zu, .abi = LR_ABI, .schema = \"bad\", .description = \"\",\n"
    "    .flags = LR_TARGET_MAY_BE_EMPTY, .extract_hostname = name,\n"
    "    .target_form = LR_TARGET_NAME, .wrap = wrap },\n"
    "  { [%d] = %d } };\n"
    "static const struct lr_connector *const all[] = { &bad.known, NULL };\n" PLUGIN_TABLE (
        GOOD_TABLE);

/* A connector `bad` whose table has SIZE bytes said, and MORE members of which the last is TAIL. */
static void
make_sized_plugin (const char *file, size_t size, int more, int tail)
{
  char source[4096];
  snprintf (source, sizeof source, sized_plugin, more, size, more - 1, tail);
  compile_plugin ("CC", source, path_in (file), false);
}

Test (registry, a_table_of_a_newer_header_loads_where_it_leaves_zero_what_is_unknown)
{
  make_sized_plugin ("a/new.so", sizeof (struct lr_connector) + 24, 3, 0);
  lr_registry *registry = new_registry ("a");
  expect_served_by (registry, "bad", "loaded");
  lr_registry_free (registry);
}

Test (registry, a_table_of_a_newer_header_that_uses_what_is_unknown_is_refused_with_both_numbers)
{
  char after[256];
  make_plugin ("b/good.so", "bad", "the-next-plugin");
  make_sized_plugin ("a/new.so", sizeof (struct lr_connector) + 24, 3, 1);
  snprintf (after, sizeof after,
            ": its connector table is %zu bytes and uses more than the %zu bytes that this library "
            "knows: it needs a newer one",
            sizeof (struct lr_connector) + 24, sizeof (struct lr_connector));
  expect_refused ("a newer table", "", path_in ("a/new.so"), after);
}

Test (registry, a_table_of_an_older_header_loads)
{
  static const struct
  {
    const char *file;
    size_t size;
    const char *schema_served_by;
  } rows[] = {
    { "a/0.so", offsetof (struct lr_connector, getenv), "loaded" },
    { "b/0.so", offsetof (struct lr_connector, open), "loaded" },
    { "c/0.so", offsetof (struct lr_connector, explain), "" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      const char letter[] = { rows[i].file[0], '\0' };
      make_sized_plugin (rows[i].file, rows[i].size, 1, 1);
      lr_registry *registry = new_registry (letter);
      cr_expect_eq (lr_registry_load (registry, "bad", NULL), 0);
      /* The last one's header had no extract_hostname: the schema stands for the host.  */
      expect_served_by (registry, "bad",
                        rows[i].schema_served_by[0] == '\0' ? "bad" : rows[i].schema_served_by);
      lr_registry_free (registry);
    }
}

Test (registry, a_table_too_small_for_any_header_is_refused)
{
  make_plugin ("b/good.so", "bad", "the-next-plugin");
  make_sized_plugin ("a/old.so", 48, 1, 0);
  expect_refused ("a small table", "", path_in ("a/old.so"),
                  ": its connector table is 48 bytes, which is no size of one");
}

/* ---- listing ---- */

static void
expect_text (const char *what, const char *text, const char *expected)
{
  if (expected == NULL)
    cr_expect_null (text, "%s is %s", what, text);
  else
    {
      cr_expect_not_null (text, "%s is absent", what);
      if (text != NULL)
        cr_expect_str_eq (text, expected, "%s is %s and not %s", what, text, expected);
    }
}

static void
expect_info (const struct lr_connector_info *info, const struct lr_connector_info *expected)
{
  expect_text ("schema", info->schema, expected->schema);
  expect_text ("description", info->description, expected->description);
  expect_text ("version", info->version, expected->version);
  expect_text ("file", info->file, expected->file);
  expect_text ("directory", info->directory, expected->directory);
  expect_text ("shadowed_by", info->shadowed_by, expected->shadowed_by);
  expect_text ("problem", info->problem, expected->problem);
  cr_expect_eq (info->abi, expected->abi, "ABI %u", info->abi);
  cr_expect_eq (info->source, expected->source, "source %u", info->source);
}

Test (registry, listing_shows_all_connectors_in_search_order_and_runs_none)
{
  struct lr_error error;
  struct lr_connector_list *list;
  make_plugin ("a/2.so", "x", "second");
  make_plugin ("a/1.so", "y z", "first");
  make_plugin ("b/1", "x w", "third");
  set_environment ("b");
  lr_registry *registry = new_registry ("a");
  struct lr_connector built = built_in ("w");
  cr_assert_eq (lr_registry_add_connector (registry, &built, &error), 0);
  const struct lr_connector_info expected[] = {
    { .schema = "w",
      .description = "from the program",
      .abi = LR_ABI,
      .source = LR_SOURCE_BUILT_IN },
    { "y", "y of first", "v-first", path_in ("a/1.so"), path_in ("a"), NULL, NULL, LR_ABI,
      LR_SOURCE_PROGRAM },
    { "z", "z of first", "v-first", path_in ("a/1.so"), path_in ("a"), NULL, NULL, LR_ABI,
      LR_SOURCE_PROGRAM },
    { "x", "x of second", "v-second", path_in ("a/2.so"), path_in ("a"), NULL, NULL, LR_ABI,
      LR_SOURCE_PROGRAM },
  };
  cr_assert_eq (lr_registry_list (registry, &list, &error), 0, "%s", error.message);
  cr_assert_geq (list->count, 6);
  for (size_t i = 0; i < COUNT (expected); i++)
    expect_info (list->items[i], &expected[i]);
  expect_info (list->items[4], &(struct lr_connector_info){
                                   "x", "x of third", "v-third", path_in ("b/1"), path_in ("b"),
                                   path_in ("a/2.so"), NULL, LR_ABI, LR_SOURCE_ENVIRONMENT });
  expect_info (list->items[5], &(struct lr_connector_info){
                                   "w", "w of third", "v-third", path_in ("b/1"), path_in ("b"),
                                   "the program itself", NULL, LR_ABI, LR_SOURCE_ENVIRONMENT });
  for (size_t i = 6; i < list->count; i++)
    cr_expect_eq (list->items[i]->source, LR_SOURCE_INSTALLED);
  cr_expect_eq (loads (), 0, "listing has loaded %zu plugins", loads ());
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, listing_is_the_same_after_loading)
{
  struct lr_connector_list *before, *after;
  make_plugin ("a/1.so", "x y", "first");
  make_plugin ("b/1.so", "x", "second");
  lr_registry *registry = new_registry ("ab");
  cr_assert_eq (lr_registry_list (registry, &before, NULL), 0);
  cr_assert_eq (lr_registry_load (registry, "x", NULL), 0);
  cr_assert_eq (lr_registry_list (registry, &after, NULL), 0);
  cr_expect_eq (before->count, after->count);
  for (size_t i = 0; i < before->count && i < after->count; i++)
    expect_info (after->items[i], before->items[i]);
  lr_free (before);
  lr_free (after);
  lr_registry_free (registry);
}

/* The row of the list with this file, which must be there.  */
static const struct lr_connector_info *
find_row (const struct lr_connector_list *list, const char *file)
{
  for (size_t i = 0; i < list->count; i++)
    if (list->items[i]->file != NULL && strcmp (list->items[i]->file, file) == 0)
      return list->items[i];
  return NULL;
}

static const char plain_library[] = "int answer (void);\nint answer (void) { return 42; }\n";
static const char invalid_schema[] =
    PRELUDE "LR_CONNECTOR (bad, \"BAD\", \"x\", " WRAPPED ");\nLR_PLUGIN (\"1\", &bad);\n";
static const char another_abi[] =
    PRELUDE "#undef LR_ABI\n#define LR_ABI 2\n"
            "LR_CONNECTOR (future, \"future\", \"x\", " WRAPPED ");\nLR_PLUGIN (\"9\", &future);\n";

Test (registry, a_directory_that_can_not_be_read_is_named)
{
  struct lr_error error;
  struct lr_connector_list *list;
  char expected[600];
  cr_assert_eq (symlink ("loop", path_in ("loop")), 0);
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_directory (registry, path_in ("loop"), NULL), 0);
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1);
  snprintf (expected, sizeof expected,
            "; can't be used: %s: cannot read it: Too many levels of symbolic links",
            path_in ("loop"));
  cr_expect_not_null (strstr (error.message, expected), "%s", error.message);
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  cr_assert_geq (list->count, 1);
  expect_text ("problem", list->items[0]->problem, expected + strlen ("; can't be used: "));
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, listing_says_what_is_wrong_with_a_file_that_looks_like_a_plugin)
{
  static const uint16_t machine = EM_SPARCV9, executable = ET_EXEC;
  static const unsigned char class = ELFCLASS32;
  size_t size;
  make_plugin ("c/good", "good", "good");
  char *good = read_file (path_in ("c/good"), &size);
  write_file (path_in ("a/empty.so"), "", 0, 0644);
  write_file (path_in ("a/text.so"), "INPUT (x)\n", 10, 0644);
  write_file (path_in ("a/header.so"), good, 40, 0644);
  write_file (path_in ("a/segments.so"), good, 100, 0644);
  free (good);
  copy_patched ("c/good", "a/machine.so", offsetof (Elf64_Ehdr, e_machine), &machine, 2);
  copy_patched ("c/good", "a/executable.so", offsetof (Elf64_Ehdr, e_type), &executable, 2);
  copy_patched ("c/good", "a/class.so", EI_CLASS, &class, 1);
  compile_plugin ("CC", plain_library, path_in ("a/library.so"), false);
  compile_plugin ("CC", invalid_schema, path_in ("a/schema.so"), false);
  compile_plugin ("CC", another_abi, path_in ("a/abi.so"), false);
  compile_plugin ("CC", damaged_notes, path_in ("a/damaged"), false);
  static const struct
  {
    const char *file, *problem; /* behind the path and ": " */
  } rows[] = {
    { "a/empty.so", "it is not an ELF file" },
    { "a/text.so", "it is not an ELF file" },
    { "a/header.so", "it is not an ELF file" },
    { "a/segments.so", "it is truncated" },
    { "a/machine.so", "it is built for another type of machine" },
    { "a/executable.so", "it is not a shared object" },
    { "a/library.so", "it is not a longreach plugin: it has no notes of LR_PLUGIN" },
    { "a/schema.so",
      "it names a schema that is not made of lower-case letters, digits, \"+\", \"-\" and \".\", a "
      "letter first" },
    { "a/abi.so", "it is built for connector ABI 2, and this library has ABI 1" },
    { "a/damaged", "its notes are damaged" },
  };
  struct lr_connector_list *list;
  lr_registry *registry = new_registry ("a");
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char problem[1024];
      const struct lr_connector_info *info = find_row (list, path_in (rows[i].file));
      snprintf (problem, sizeof problem, "%s: %s", path_in (rows[i].file), rows[i].problem);
      cr_expect_not_null (info, "%s is not listed", rows[i].file);
      if (info != NULL)
        expect_text (rows[i].file, info->problem, problem);
    }
  const struct lr_connector_info *other_class = find_row (list, path_in ("a/class.so"));
  cr_expect_not_null (other_class);
  if (other_class != NULL)
    cr_expect_not_null (other_class->problem);
  const struct lr_connector_info *future = find_row (list, path_in ("a/abi.so"));
  if (future != NULL)
    {
      cr_expect_eq (future->abi, 2);
      expect_text ("schema", future->schema, "future");
      expect_text ("version", future->version, "9");
    }
  cr_expect_eq (loads (), 0);
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, listing_passes_over_files_that_do_not_look_like_plugins)
{
  struct lr_connector_list *list;
  compile_plugin ("CC", plain_library, path_in ("a/library"), false);
  write_file (path_in ("a/README"), "text\n", 5, 0644);
  write_file (path_in ("a/so"), "", 0, 0644);
  write_file (path_in ("a/.so"), "", 0, 0644);
  lr_registry *registry = new_registry ("a");
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  for (size_t i = 0; i < list->count; i++)
    cr_expect_eq (list->items[i]->source, LR_SOURCE_INSTALLED, "%s is listed",
                  list->items[i]->file);
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, a_plugin_that_can_not_be_used_still_shadows)
{
  struct lr_connector_list *list;
  compile_plugin ("CC", another_abi, path_in ("a/abi.so"), false);
  make_plugin ("b/good.so", "future", "good");
  lr_registry *registry = new_registry ("ab");
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  const struct lr_connector_info *good = find_row (list, path_in ("b/good.so"));
  cr_assert_not_null (good);
  expect_text ("shadowed_by", good->shadowed_by, path_in ("a/abi.so"));
  expect_text ("problem", good->problem, NULL);
  lr_free (list);
  lr_registry_free (registry);
}

Test (registry, sources_have_names)
{
  cr_expect_str_eq (lr_source_name (LR_SOURCE_BUILT_IN), "built-in");
  cr_expect_str_eq (lr_source_name (LR_SOURCE_PROGRAM), "program");
  cr_expect_str_eq (lr_source_name (LR_SOURCE_ENVIRONMENT), "environment");
  cr_expect_str_eq (lr_source_name (LR_SOURCE_INSTALLED), "installed");
  cr_expect_str_eq (lr_source_name ((enum lr_source) 77), "unknown");
}

/* ---- threads ---- */

enum
{
  THREADS = 8,
  SCHEMAS = 4,
};

struct worker
{
  pthread_t thread;
  lr_registry *registry;
  pthread_barrier_t *barrier;
  unsigned index;
  unsigned failures;
};

/* No assertion runs here: they are for the test's own thread.  */
static void *
load_all (void *data)
{
  struct worker *worker = data;
  pthread_barrier_wait (worker->barrier);
  for (unsigned i = 0; i < SCHEMAS; i++)
    {
      char url[8], *host;
      struct lr_error error;
      struct lr_connector_list *list;
      snprintf (url, sizeof url, "x%u:", (worker->index + i) % SCHEMAS);
      if (lr_extract_hostname (worker->registry, url, &host, &error) != 0
          || strncmp (host, url, 2) != 0)
        worker->failures++;
      lr_free (host);
      if (lr_registry_load (worker->registry, "nope", &error) != -1
          || error.kind != LR_ERROR_NO_CONNECTOR)
        worker->failures++;
      if (lr_registry_list (worker->registry, &list, &error) != 0 || list->count < SCHEMAS)
        worker->failures++;
      lr_free (list);
    }
  return NULL;
}

Test (registry, eight_threads_load_through_one_registry_and_each_plugin_once)
{
  struct worker workers[THREADS];
  pthread_barrier_t barrier;
  for (unsigned i = 0; i < SCHEMAS; i++)
    {
      char file[16], schema[8];
      snprintf (file, sizeof file, "a/%u.so", i);
      snprintf (schema, sizeof schema, "x%u", i);
      make_plugin (file, schema, schema);
    }
  lr_registry *registry = new_registry ("a");
  cr_assert_eq (pthread_barrier_init (&barrier, NULL, THREADS), 0);
  for (unsigned i = 0; i < THREADS; i++)
    {
      workers[i] = (struct worker){ .registry = registry, .barrier = &barrier, .index = i };
      cr_assert_eq (pthread_create (&workers[i].thread, NULL, load_all, &workers[i]), 0);
    }
  for (unsigned i = 0; i < THREADS; i++)
    {
      pthread_join (workers[i].thread, NULL);
      cr_expect_eq (workers[i].failures, 0, "thread %u: %u failures", i, workers[i].failures);
    }
  pthread_barrier_destroy (&barrier);
  cr_expect_eq (loads (), SCHEMAS, "%zu loads", loads ());
  lr_registry_free (registry);
}
