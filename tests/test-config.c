/* longreach.conf: what it may say, which of several counts, what targets become of it, and what is
   said of mistakes.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static void
set_up (void)
{
  make_directory ();
  unsetenv ("LONGREACH_PLUGIN_PATH");
}

TestSuite (config, .init = set_up, .fini = remove_directory, .timeout = 60);

/* ---- a connector whose targets tell all that was read of them ---- */

static void
tell_hop (const lr_hop *hop, lr_text *out)
{
  char words[256] = "";
  const char *word, *user = lr_hop_user (hop), *level = lr_hop_option (hop, "level");
  for (size_t i = 0; (word = lr_hop_option_at (hop, "word", i)) != NULL; i++)
    snprintf (words + strlen (words), sizeof words - strlen (words), " %s", word);
  lr_text_set (out, "%s%s%s:%u%s%s%s", user == NULL ? "" : user, user == NULL ? "" : "@",
               lr_hop_name (hop), lr_hop_port (hop), level == NULL ? "" : " level ",
               level == NULL ? "" : level, words);
}

static void
pass_on (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static const struct lr_option tell_options[] = {
  { .name = "level", .type = LR_OPTION_NUMBER, .help = "a number" },
  { .name = "word", .flags = LR_OPTION_REPEATS, .help = "any words" },
  { 0 },
};

LR_CONNECTOR (near, "near", "tells what it is given", .target_form = LR_TARGET_HOST,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER | LR_TAKES_PORT,
              .options = tell_options, .wrap = pass_on, .extract_hostname = tell_hop);
LR_CONNECTOR (far, "far", "the same", .target_form = LR_TARGET_HOST,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER | LR_TAKES_PORT,
              .options = tell_options, .wrap = pass_on, .extract_hostname = tell_hop);

/* With these connectors, and the configuration file of this test, or, NULL, the usual ones.  */
static lr_registry *
new_registry (const char *file)
{
  struct lr_error error;
  lr_registry *registry = lr_registry_new ();
  cr_assert_not_null (registry);
  cr_assert_eq (lr_registry_add_connector (registry, &near, &error), 0, "%s", error.message);
  cr_assert_eq (lr_registry_add_connector (registry, &far, &error), 0, "%s", error.message);
  if (file != NULL)
    cr_assert_eq (lr_registry_set_config (registry, path_in (file), &error), 0, "%s",
                  error.message);
  return registry;
}

static void
write_config (const char *file, const char *text)
{
  write_file (path_in (file), text, strlen (text), 0644);
}

/* ---- mistakes ---- */

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define HUNDRED FIFTY FIFTY
#define SECTIONS "sections are [longreach], [schema NAME] and [host NAME]"
#define HOST_NAMES                                                                                 \
  ": the name of a host here is one word without \":\", \",\", \"?\", \"/\", \"@\" and \"%\", "    \
  "and "                                                                                           \
  "does not begin with \"-\""
#define SCHEMAS                                                                                    \
  "a schema is made of lower-case letters, digits, \"+\", \"-\" and \".\", a letter first"

/* The text, and what is said behind the file's name.  */
static const struct
{
  const char *text, *message;
} mistakes[] = {
  { "[longreach]\ndefault_schema\n", ":2: this is neither a [section] nor NAME = VALUE" },
  { "[longreach\n", ":1: this is neither a [section] nor NAME = VALUE" },
  { "[longreach]\n= ssh\nneither\n",
    ":2: [longreach] has no setting \"\"; it has path and default_schema" },
  /* Of several the first is told, whoever finds it.  */
  { "[longreach]\nneither\nname = value\n", ":2: this is neither a [section] nor NAME = VALUE" },
  { "[longreach]\nname = value\nneither\n",
    ":2: [longreach] has no setting \"name\"; it has path and default_schema" },
  { "path = /a\n", ":1: \"path\" stands before any section; " SECTIONS },
  { "# a comment\n\n[longreach]\n\nPath = /a\n",
    ":5: [longreach] has no setting \"Path\"; it has path and default_schema" },
  { "[hots web1]\n", ":1: there is no section [hots web1]; " SECTIONS },
  { "[Longreach]\npath = /a\n", ":1: there is no section [Longreach]; " SECTIONS },
  { "[]\npath = /a\n", ":1: there is no section []; " SECTIONS },
  { "[host]\nurl = near:\n", ":1: there is no section [host]; " SECTIONS },
  { "[longreach] path = /a\n", ":1: there is something behind the section's \"]\"" },
  { "[" FIFTY "]\n", ":1: the name of the section is longer than 49 characters" },

  { "[longreach]\npath =\n", ":2: path names no directory" },
  { "[longreach]\npath = ::\n", ":2: path names no directory" },
  { "[longreach]\npath = /a:b:/c\n", ":2: path: the directory \"b\" is not absolute" },
  { "[longreach]\npath = ~/plugins\n", ":2: path: the directory \"~/plugins\" is not absolute" },
  { "[longreach]\ndefault_schema = SSH\n",
    ":2: default_schema: \"SSH\" is not a schema: " SCHEMAS },
  { "[longreach]\ndefault_schema = \n", ":2: default_schema: \"\" is not a schema: " SCHEMAS },
  { "[longreach]\ndefault_schema = near\ndefault_schema = far\n",
    ":3: default_schema is set already, in line 2" },

  { "[schema S]\nlevel = 1\n", ":1: [schema S]: this is not a schema: " SCHEMAS },
  { "[schema near]\n" FIFTY " = 1\n", ":2: the name of the setting is longer than 49 characters" },

  { "[host web1]\n[longreach]\n", ":1: [host web1] has no url" },
  { "[longreach]\n[host web1]\n", ":2: [host web1] has no url" },
  { "[host web1]\nurl =\n", ":2: [host web1]: url is empty" },
  { "[host web1]\nURL = near:\n", ":2: [host web1] has no setting \"URL\"; it has url" },
  { "[host web1]\nurl = near:a\nurl = near:b\n",
    ":3: the url of the host web1 is set already, in line 2" },
  { "[host web1]\nurl = near:a\n\n[host web1]\nurl = near:b\n",
    ":5: the url of the host web1 is set already, in line 2" },
  { "[host -x]\nurl = near:\n", ":1: [host -x]" HOST_NAMES },
  { "[host a b]\nurl = near:\n", ":1: [host a b]" HOST_NAMES },
  { "[host a:b]\nurl = near:\n", ":1: [host a:b]" HOST_NAMES },
  { "[host bob@a]\nurl = near:\n", ":1: [host bob@a]" HOST_NAMES },
  { "[host ]\nurl = near:\n", ":1: [host ]" HOST_NAMES },

  { "[host web1]\nurl = near:" HUNDRED HUNDRED "\n", ":2: the line is longer than 198 characters" },
  { "[host web1]\nurl = near:" HUNDRED HUNDRED, ":2: the line is longer than 198 characters" },
  { "[longreach]\npath = /a\x1b[2J/\npath = b\x1b\n",
    ":3: path: the directory \"b\\x1B\" is not absolute" },
};

static void
expect_mistake (const char *file, const char *text, const char *message)
{
  struct lr_error error;
  char expected[1024];
  lr_registry *registry = new_registry (file);
  snprintf (expected, sizeof expected, "%s%s", path_in (file), message);
  cr_expect_eq (lr_registry_load (registry, "other", &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s: %s", text,
                lr_error_kind_name (error.kind));
  cr_expect_str_eq (error.field, "longreach.conf", "%s: %s", text, error.field);
  cr_expect_str_eq (error.message, expected, "%s\nsays  %s\nnot   %s", text, error.message,
                    expected);
  /* And it stays one, for whatever needs the configuration.  */
  char *host;
  struct lr_setting_list *settings;
  struct lr_connector_list *list;
  cr_expect_eq (lr_extract_hostname (registry, "near:a", &host, &error), -1);
  cr_expect_str_eq (error.message, expected);
  cr_expect_eq (lr_registry_settings (registry, &settings, &error), -1);
  cr_expect_str_eq (error.message, expected);
  cr_expect_not_null (settings);
  lr_free (settings);
  cr_expect_eq (lr_registry_list (registry, &list, &error), -1);
  cr_expect_str_eq (error.message, expected);
  /* What the program brought needs none.  */
  cr_expect_eq (lr_registry_load (registry, "near", &error), 0, "%s", error.message);
  lr_registry_free (registry);
}

Test (config, a_mistake_names_file_line_and_what_is_allowed)
{
  for (size_t i = 0; i < COUNT (mistakes); i++)
    {
      write_config ("longreach.conf", mistakes[i].text);
      expect_mistake ("longreach.conf", mistakes[i].text, mistakes[i].message);
    }
}

Test (config, a_NUL_hides_nothing)
{
  static const char text[] = "[longreach]\npath = /a\0:b\n";
  write_file (path_in ("longreach.conf"), text, sizeof text - 1, 0644);
  expect_mistake ("longreach.conf", "NUL", ":2: there is a NUL byte in the line");
}

Test (config, what_is_no_file_is_said_to_be_none)
{
  cr_assert_eq (mkdir (path_in ("directory"), 0755), 0);
  expect_mistake ("directory", "a directory", ": it is not a file");
  cr_assert_eq (mkfifo (path_in ("fifo"), 0644), 0);
  expect_mistake ("fifo", "a fifo", ": it is not a file");
  write_config ("large", "");
  cr_assert_eq (truncate (path_in ("large"), (1 << 20) + 1), 0);
  expect_mistake ("large", "a large file", ": it is larger than 1048576 bytes");
  expect_mistake ("missing", "no file",
                  ": it is not read, because it can't be looked at: No such file or directory");
}

Test (config, the_file_of_a_program_is_absolute_and_comes_in_time)
{
  struct lr_error error;
  write_config ("longreach.conf", "");
  lr_registry *registry = new_registry (NULL);
  cr_expect_eq (lr_registry_set_config (registry, "longreach.conf", &error), -1);
  cr_expect_str_eq (error.field, "file");
  cr_expect_str_eq (error.message, "the configuration file \"longreach.conf\" is not absolute");
  cr_assert_eq (lr_registry_set_config (registry, path_in ("longreach.conf"), &error), 0);
  cr_expect_eq (lr_registry_load (registry, "other", &error), -1);
  cr_expect_eq (lr_registry_set_config (registry, NULL, &error), -1);
  cr_expect_str_eq (error.field, "file");
  cr_expect_str_eq (error.message, "the configuration has been read already");
  lr_registry_free (registry);
}

/* ---- what is read ---- */

/* What URL is for REGISTRY: the host's name, or the message of the error; to be freed.  */
static char *
ask (lr_registry *registry, const char *url)
{
  struct lr_error error;
  char *host;
  if (lr_extract_hostname (registry, url, &host, &error) != 0)
    return strdup (error.message);
  char *copy = strdup (host);
  lr_free (host);
  return copy;
}

static void
expect_host (lr_registry *registry, const char *url, const char *expected)
{
  char *host = ask (registry, url);
  cr_expect_str_eq (host, expected, "%s is  %s\nnot  %s", url, host, expected);
  free (host);
}

Test (config, lines_may_look_as_people_write_them)
{
  static const char *const texts[] = {
    "[host a]\nurl = near:b\n",
    "[host a]\nurl = near:b",
    "\xef\xbb\xbf[host a]\r\nurl = near:b\r\n",
    "[host a] # here\nurl = near:b ; there\n",
    "  [host   a]\n\turl=near:b  \n",
    "; " HUNDRED HUNDRED "\n# " HUNDRED HUNDRED "\n[host a]\nurl: near:b\n",
    /* An indented line is one of its own.  */
    "[longreach]\n  path = /x\n  default_schema = far\n[host a]\n  url = near:b\n",
    "[longreach]\n\n[schema other]\n\n[host a]\n\n\n\nurl = near:b\n",
  };
  for (size_t i = 0; i < COUNT (texts); i++)
    {
      write_config ("longreach.conf", texts[i]);
      lr_registry *registry = new_registry ("longreach.conf");
      expect_host (registry, "a", "b:0");
      lr_registry_free (registry);
    }
}

#define CONFIG                                                                                     \
  "[longreach]\n"                                                                                  \
  "default_schema = near\n"                                                                        \
  "[schema near]\n"                                                                                \
  "level = 1\n"                                                                                    \
  "[schema far]\n"                                                                                 \
  "word = one\n"                                                                                   \
  "word = two%20words\n"                                                                           \
  "[host web1]\n"                                                                                  \
  "url = far:root@10.0.0.7:22\n"                                                                   \
  "[host web2]\n"                                                                                  \
  "url = near:a,far:b?word=w\n"                                                                    \
  "[host inner]\n"                                                                                 \
  "url = near:c,web1?level=5\n"                                                                    \
  "[host loop]\n"                                                                                  \
  "url = pool\n"                                                                                   \
  "[host pool]\n"                                                                                  \
  "url = near:a,loop\n"                                                                            \
  "[host many]\n"                                                                                  \
  "url = many1,many1,many1,many1,many1,many1\n"                                                    \
  "[host many1]\n"                                                                                 \
  "url = many2,many2,many2,many2,many2,many2\n"                                                    \
  "[host many2]\n"                                                                                 \
  "url = many3,many3,many3,many3,many3,many3\n"                                                    \
  "[host many3]\n"                                                                                 \
  "url = many4,many4,many4,many4,many4,many4\n"                                                    \
  "[host many4]\n"                                                                                 \
  "url = many5,many5,many5,many5,many5,many5\n"                                                    \
  "[host many5]\n"                                                                                 \
  "url = near:0123456789,near:0123456789\n"                                                        \
  "[host bad]\n"                                                                                   \
  "url = nope:x\n"                                                                                 \
  "[host web.example]\n"                                                                           \
  "url = far:dotted\n"

Test (config, names_and_options_become_whole_targets)
{
  static const struct
  {
    const char *url, *host;
  } rows[] = {
    /* The default schema, and its options.  */
    { "somewhere", "somewhere:0 level 1" },
    { "bob@somewhere", "bob@somewhere:0 level 1" },
    { "somewhere?level=2", "somewhere:0 level 2" },
    { "near:somewhere", "somewhere:0 level 1" },
    { "near:somewhere?level=0", "somewhere:0 level 0" },
    { "near:somewhere?word=x", "somewhere:0 level 1 x" },
    /* Options that repeat are taken as a whole; nothing is decoded in the file.  */
    { "far:x", "x:0 one two%20words" },
    { "far:x?word=w%20w", "x:0 w w" },
    /* Aliases.  */
    { "web1", "root@10.0.0.7:22 one two%20words" },
    { "web1?level=3", "root@10.0.0.7:22 level 3 one two%20words" },
    { "web1?word=a&word=b", "root@10.0.0.7:22 a b" },
    { "web2", "b:0 w" },
    { "web2?word=v", "b:0 w v" },
    { "inner", "root@10.0.0.7:22 level 5 one two%20words" },
    { "inner?word=w", "root@10.0.0.7:22 level 5 w" },
    { "web.example", "dotted:0 one two%20words" },
    /* In other places than the first.  */
    { "near:a,web1", "root@10.0.0.7:22 one two%20words" },
    { "web2,near:z", "z:0 level 1" },
    { "web1,elsewhere", "elsewhere:0 level 1" },
    /* A schema is no name for an alias.  */
    { "near:web1", "web1:0 level 1" },
    { "far:bob@web1", "bob@web1:0 one two%20words" },
  };
  write_config ("longreach.conf", CONFIG);
  lr_registry *registry = new_registry ("longreach.conf");
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_host (registry, rows[i].url, rows[i].host);
  lr_registry_free (registry);
}

/* The error of URL begins with BEFORE, then names the configuration file, then goes on so.  */
static void
expect_target_refused (lr_registry *registry, const char *url, const char *before,
                       const char *after)
{
  char expected[1024];
  snprintf (expected, sizeof expected, "%s%s%s", before, path_in ("longreach.conf"), after);
  expect_host (registry, url, expected);
}

Test (config, targets_that_come_to_nothing_say_what_led_there)
{
  write_config ("longreach.conf", CONFIG);
  lr_registry *registry = new_registry ("longreach.conf");
  expect_target_refused (registry, "loop", "",
                         ":15: the host loop stands for itself, or for too many others in turn");
  expect_target_refused (registry, "bob@web1", "bob@web1: web1 is a name of ",
                         ":9: its url says which user; write web1 alone, or near:bob@web1 for "
                         "another host of that name");
  expect_host (registry, "many", "the target is longer than 65536 characters");
#define TAKES                                                                                      \
  "; it takes level, word, dispatcher, protocol, deploy, directory, bootstrap; the schema of "     \
  "somewhere is set in "
  expect_target_refused (registry, "somewhere?leve=1",
                         "the connector near takes no option \"leve\"" TAKES, ":2");
  expect_target_refused (registry, "web1?level=x",
                         "level=x: the value is a number; web1 is set in ", ":9");
  char *message = ask (registry, "bad");
  cr_expect_not_null (strstr (message, "no connector has the schema \"nope\""));
  cr_expect_not_null (strstr (message, "; bad is set in "));
  free (message);
  /* Only names are told, since there may be a secret in a URL.  */
  message = ask (registry, "web1,near:bob:secret@x");
  cr_expect_not_null (strstr (message, "; web1 is set in "), "%s", message);
  cr_expect_null (strstr (message, "secret"), "%s", message);
  free (message);
  lr_registry_free (registry);
}

Test (config, an_option_that_a_connector_does_not_take_names_file_and_line)
{
  write_config ("longreach.conf", "[schema near]\nlevel = 1\nlevel = 2\n"
                                  "[schema far]\n\ncolour = red\n");
  lr_registry *registry = new_registry ("longreach.conf");
  expect_target_refused (registry, "near:x", "", ":3: the option level is given twice");
  expect_target_refused (registry, "far:x", "",
                         ":6: the connector far takes no option \"colour\"; it takes level, word, "
                         "dispatcher, protocol, deploy, directory, bootstrap");
  expect_host (registry, "near:x?level=7", "x:0 level 7");
  lr_registry_free (registry);
}

Test (config, options_given_beside_a_target_take_the_place_of_configured_ones)
{
  struct lr_error error;
  lr_connection *connection;
  static const char *const options[] = { "level=9", "dispatcher=/nonexistent", NULL };
  write_config ("longreach.conf", "[schema near]\nlevel = x\n[host a]\nurl = near:b\n");
  lr_registry *registry = new_registry ("longreach.conf");
  struct lr_open_args args = LR_OPEN_ARGS (.url = "a", .options = options);
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  args.options = NULL;
  cr_expect_eq (lr_open (registry, &args, &connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "level");
  cr_expect_eq (error.hop, 0);
  cr_expect_not_null (strstr (error.message, "longreach.conf:2: level=x: the value is a number"));
  lr_registry_free (registry);
}

Test (config, without_any_a_bare_name_is_no_target)
{
  lr_registry *registry = new_registry (NULL);
  cr_assert_eq (lr_registry_set_config (registry, NULL, NULL), 0);
  expect_host (registry, "web1", "\"web1\" has no schema: write SCHEMA:web1");
  expect_host (registry, "near:web1", "web1:0");
  lr_registry_free (registry);
}

/* ---- which counts ---- */

/* The directories of this test become the user's (u), the system's (s) and a second one's (t).  */
static void
make_configs (void)
{
  char list[1100];
  static const char *const names[] = { "u", "u/longreach", "s", "s/longreach", "t", "t/longreach" };
  for (size_t i = 0; i < COUNT (names); i++)
    cr_assert_eq (mkdir (path_in (names[i]), 0755), 0);
  setenv ("XDG_CONFIG_HOME", path_in ("u"), 1);
  snprintf (list, sizeof list, "relative::%s:%s", path_in ("s"), path_in ("t"));
  setenv ("XDG_CONFIG_DIRS", list, 1);
  write_config ("u/longreach/longreach.conf", "[longreach]\npath = /user\n"
                                              "[schema near]\nword = user\n"
                                              "[host both]\nurl = near:user\n");
  write_config ("s/longreach/longreach.conf", "[longreach]\ndefault_schema = near\n"
                                              "path = /system:/system2\n"
                                              "[schema near]\nword = system\nlevel = 4\n"
                                              "[host both]\nurl = near:system\n"
                                              "[host system]\nurl = near:only\n");
  write_config ("t/longreach/longreach.conf", "[longreach]\ndefault_schema = far\npath = /third\n");
}

Test (config, the_user_comes_before_the_system)
{
  make_configs ();
  lr_registry *registry = new_registry (NULL);
  expect_host (registry, "both", "user:0 level 4 user");
  expect_host (registry, "system", "only:0 level 4 user");
  expect_host (registry, "bare", "bare:0 level 4 user");
  lr_registry_free (registry);
}

Test (config, plugins_are_looked_for_by_program_environment_user_system_and_installed)
{
  char *path;
  make_configs ();
  setenv ("LONGREACH_PLUGIN_PATH", "/environment", 1);
  lr_registry *registry = new_registry (NULL);
  cr_assert_eq (lr_registry_add_directory (registry, "/program", NULL), 0);
  cr_assert_eq (lr_registry_search_path (registry, &path, NULL), 0);
  static const char expected[] = "/program\n/environment\n/user\n/system\n/system2\n/third\n";
  cr_expect_eq (strncmp (path, expected, strlen (expected)), 0, "%s", path);
  cr_expect_not_null (strchr (path + strlen (expected), '\n'), "the installed one is missing");
  lr_free (path);
  lr_registry_free (registry);
}

Test (config, home_is_where_the_users_file_is_without_XDG_CONFIG_HOME)
{
  make_configs ();
  cr_assert_eq (mkdir (path_in ("home"), 0755), 0);
  cr_assert_eq (symlink ("../u", path_in ("home/.config")), 0);
  setenv ("HOME", path_in ("home"), 1);
  static const char *const ignored[] = { "", "relative", NULL };
  for (size_t i = 0; i < COUNT (ignored); i++)
    {
      if (ignored[i] == NULL)
        unsetenv ("XDG_CONFIG_HOME");
      else
        setenv ("XDG_CONFIG_HOME", ignored[i], 1);
      lr_registry *registry = new_registry (NULL);
      expect_host (registry, "both", "user:0 level 4 user");
      lr_registry_free (registry);
    }
}

Test (config, a_file_that_two_names_lead_to_is_read_once)
{
  struct lr_setting_list *list;
  make_configs ();
  setenv ("XDG_CONFIG_DIRS", path_in ("s/../u"), 1);
  lr_registry *registry = new_registry (NULL);
  cr_assert_eq (lr_registry_settings (registry, &list, NULL), 0);
  size_t words = 0;
  for (size_t i = 0; i < list->count; i++)
    words += strcmp (list->items[i]->name, "word") == 0;
  cr_expect_eq (words, 1);
  lr_free (list);
  lr_registry_free (registry);
}

static const struct lr_setting *
find_setting (const struct lr_setting_list *list, const char *name, const char *value)
{
  for (size_t i = 0; i < list->count; i++)
    if (strcmp (list->items[i]->name, name) == 0 && strcmp (list->items[i]->value, value) == 0)
      return list->items[i];
  cr_assert_fail ("there is no setting %s = %s", name, value);
  abort ();
}

Test (config, settings_say_where_they_come_from_and_whether_they_count)
{
  static const struct
  {
    const char *section, *name, *value, *file;
    unsigned line;
    enum lr_source source;
    bool overridden;
  } rows[] = {
    { NULL, "path", "/program", NULL, 0, LR_SOURCE_PROGRAM, false },
    { NULL, "LONGREACH_PLUGIN_PATH", "/environment", NULL, 0, LR_SOURCE_ENVIRONMENT, false },
    { "longreach", "path", "/user", "u/longreach/longreach.conf", 2, LR_SOURCE_USER, false },
    { "schema near", "word", "user", "u/longreach/longreach.conf", 4, LR_SOURCE_USER, false },
    { "host both", "url", "near:user", "u/longreach/longreach.conf", 6, LR_SOURCE_USER, false },
    { "longreach", "default_schema", "near", "s/longreach/longreach.conf", 2, LR_SOURCE_SYSTEM,
      false },
    { "longreach", "path", "/system", "s/longreach/longreach.conf", 3, LR_SOURCE_SYSTEM, false },
    { "longreach", "path", "/system2", "s/longreach/longreach.conf", 3, LR_SOURCE_SYSTEM, false },
    { "schema near", "word", "system", "s/longreach/longreach.conf", 5, LR_SOURCE_SYSTEM, true },
    { "schema near", "level", "4", "s/longreach/longreach.conf", 6, LR_SOURCE_SYSTEM, false },
    { "host both", "url", "near:system", "s/longreach/longreach.conf", 8, LR_SOURCE_SYSTEM, true },
    { "longreach", "default_schema", "far", "t/longreach/longreach.conf", 2, LR_SOURCE_SYSTEM,
      true },
  };
  struct lr_setting_list *list;
  make_configs ();
  setenv ("LONGREACH_PLUGIN_PATH", "/environment", 1);
  lr_registry *registry = new_registry (NULL);
  cr_assert_eq (lr_registry_add_directory (registry, "/program", NULL), 0);
  cr_assert_eq (lr_registry_settings (registry, &list, NULL), 0);
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      const struct lr_setting *setting = find_setting (list, rows[i].name, rows[i].value);
      cr_expect_str_eq (setting->section == NULL ? "" : setting->section,
                        rows[i].section == NULL ? "" : rows[i].section, "%s", rows[i].value);
      cr_expect_str_eq (setting->file == NULL ? "" : setting->file,
                        rows[i].file == NULL ? "" : path_in (rows[i].file), "%s", rows[i].value);
      cr_expect_eq (setting->line, rows[i].line, "%s: line %u", rows[i].value, setting->line);
      cr_expect_eq (setting->source, (unsigned) rows[i].source, "%s", rows[i].value);
      cr_expect_eq (setting->overridden, (unsigned) rows[i].overridden, "%s", rows[i].value);
    }
  lr_free (list);
  lr_registry_free (registry);
}

Test (config, beside_a_mistake_all_that_is_right_is_still_listed)
{
  struct lr_error error;
  struct lr_setting_list *list;
  char expected[600];
  make_configs ();
  write_config ("u/longreach/longreach.conf", "[longreach]\npath = /user\nneither\n");
  write_config ("s/longreach/longreach.conf", "nothing of this is right\n");
  lr_registry *registry = new_registry (NULL);
  cr_assert_eq (lr_registry_add_directory (registry, "/program", NULL), 0);
  cr_expect_eq (lr_registry_settings (registry, &list, &error), -1);
  /* The first mistake is told.  */
  snprintf (expected, sizeof expected, "%s:3: this is neither a [section] nor NAME = VALUE",
            path_in ("u/longreach/longreach.conf"));
  cr_expect_str_eq (error.message, expected);
  find_setting (list, "path", "/program");
  find_setting (list, "path", "/user");
  find_setting (list, "default_schema", "far");
  cr_expect_eq (find_setting (list, "path", "/third")->source, LR_SOURCE_SYSTEM);
  lr_free (list);
  /* Mended, it counts.  */
  write_config ("u/longreach/longreach.conf", "[longreach]\npath = /user\n");
  write_config ("s/longreach/longreach.conf", "");
  expect_host (registry, "bare", "bare:0");
  cr_expect_eq (lr_registry_settings (registry, &list, &error), 0, "%s", error.message);
  find_setting (list, "path", "/user");
  lr_free (list);
  lr_registry_free (registry);
}

Test (config, a_configured_directory_serves_its_plugins)
{
  struct lr_connector_list *list;
  char text[600];
  make_configs ();
  cr_assert_eq (mkdir (path_in ("plugins"), 0755), 0);
  compile_plugin ("CC",
                  "#include <longreach/connector.h>\n"
                  "static void wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)\n"
                  "{ (void) hop; lr_command_append (out, inner); }\n"
                  "LR_CONNECTOR (x, \"x\", \"x\", .target_form = LR_TARGET_NAME, .wrap = wrap);\n"
                  "LR_PLUGIN (\"1\", &x);\n",
                  path_in ("plugins/x.so"), false);
  snprintf (text, sizeof text, "[longreach]\npath = %s\n", path_in ("plugins"));
  write_config ("t/longreach/longreach.conf", text);
  lr_registry *registry = new_registry (NULL);
  expect_host (registry, "x:here", "here");
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  for (size_t i = 0; i < list->count; i++)
    if (strcmp (list->items[i]->schema, "x") == 0)
      cr_expect_eq (list->items[i]->source, LR_SOURCE_SYSTEM);
  lr_free (list);
  lr_registry_free (registry);
}

Test (config, of_two_registries_each_has_its_own)
{
  write_config ("one", "[host a]\nurl = near:one\n");
  write_config ("two", "[host a]\nurl = near:two\n");
  lr_registry *one = new_registry ("one"), *two = new_registry ("two");
  expect_host (one, "a", "one:0");
  expect_host (two, "a", "two:0");
  lr_registry_free (one);
  expect_host (two, "a", "two:0");
  lr_registry_free (two);
}

Test (config, the_users_file_in_a_home_that_can_not_be_searched_is_not_meant)
{
  need_root ();
  make_configs ();
  cr_assert_eq (chmod (path_in ("u"), 0700), 0);
  cr_assert_eq (setegid (ORDINARY_ID), 0);
  cr_assert_eq (seteuid (ORDINARY_ID), 0);
  lr_registry *registry = new_registry (NULL);
  expect_host (registry, "both", "system:0 level 4 system");
  lr_registry_free (registry);
  /* But one that can be seen and not read is.  */
  cr_assert_eq (seteuid (0), 0);
  cr_assert_eq (chmod (path_in ("u"), 0755), 0);
  cr_assert_eq (chmod (path_in ("u/longreach/longreach.conf"), 0600), 0);
  cr_assert_eq (seteuid (ORDINARY_ID), 0);
  registry = new_registry (NULL);
  char expected[600];
  snprintf (expected, sizeof expected, "%s: cannot open it: Permission denied",
            path_in ("u/longreach/longreach.conf"));
  expect_host (registry, "both", expected);
  lr_registry_free (registry);
  cr_assert_eq (seteuid (0), 0);
}

/* ---- with more rights than one's caller ---- */

/* A hop of "seen" ends with what its program is called with, and asked by.  */
static const char tell_all[] =
    "#include <longreach/connector.h>\n"
    "#include <stdio.h>\n"
    "static void wrap (const lr_hop *hop, const lr_command *inner, lr_command *out) {\n"
    "  (void) hop;\n"
    "  lr_command_add (out, \"sh\", \"-c\", \"echo $SSH_ASKPASS $* >&2\", \"sh\");\n"
    "  lr_command_append (out, inner);\n"
    "}\n"
    "LR_CONNECTOR (seen, \"seen\", \"x\", .target_form = LR_TARGET_NONE, .wrap = wrap,\n"
    "              .flags = LR_SAME_SYSTEM | LR_ASKS);\n"
    "static void prompt (void *data, lr_prompt *question) {\n"
    "  (void) data;\n"
    "  lr_prompt_answer (question, NULL);\n"
    "}\n"
    "static void tell_hop (lr_registry *registry, const char *url) {\n"
    "  struct lr_error error;\n"
    "  lr_connection *connection;\n"
    "  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .prompt = prompt);\n"
    "  puts (lr_open (registry, &args, &connection, &error) == 0 ? url : error.message);\n"
    "}\n"
    "int main (void) {\n"
    "  char *path;\n"
    "  struct lr_error error;\n"
    "  struct lr_setting_list *list;\n"
    "  lr_registry *registry = lr_registry_new ();\n"
    "  if (lr_registry_search_path (registry, &path, &error) != 0\n"
    "      || lr_registry_settings (registry, &list, &error) != 0)\n"
    "    return puts (error.message) < 0 ? 2 : 1;\n"
    "  fputs (path, stdout);\n"
    "  for (size_t i = 0; i < list->count; i++)\n"
    "    printf (\"%s=%s\\n\", list->items[i]->name, list->items[i]->value);\n"
    "  lr_registry_add_connector (registry, &seen, NULL);\n"
    "  tell_hop (registry, \"seen:\");\n"
    "  tell_hop (registry, \"seen:?dispatcher=true\");\n"
    "  lr_free (path);\n"
    "  lr_free (list);\n"
    "  lr_registry_free (registry);\n"
    "  return 0;\n"
    "}\n";

/* Whether what the program prints, run by an ordinary user, has all of these or none.  */
static void
expect_told (bool told)
{
  static const char *const texts[] = { "/environment\n",
                                       "/user\n",
                                       "/system\n",
                                       "url=near:user\n",
                                       "default_schema=near\n",
                                       "/dispatchers/longreach-dispatcher",
                                       "/environment-askpass" };
  const char *const command[] = { "setpriv", "--reuid",        "65534",          "--regid",
                                  "65534",   "--clear-groups", path_in ("tell"), NULL };
  struct finished finished = run_program (command, NULL, 0);
  cr_assert_eq (finished.status, 0, "%s%s", finished.output, finished.error);
  for (size_t i = 0; i < COUNT (texts); i++)
    cr_expect_eq (strstr (finished.output, texts[i]) != NULL, told, "%s is%s told: %s", texts[i],
                  told ? " not" : "", finished.output);
  free_finished (&finished);
}

Test (config, a_set_id_program_believes_neither_the_environment_nor_the_user)
{
  struct statvfs system;
  char include[1100];
  need_root ();
  cr_assert_eq (statvfs (path_in ("."), &system), 0);
  if ((system.f_flag & ST_NOSUID) != 0)
    {
      cr_assert_null (getenv ("CI"), "set-id programs don't work here");
      skip_test ("set-id programs don't work here");
    }
  make_configs ();
  setenv ("LONGREACH_PLUGIN_PATH", "/environment", 1);
  write_config ("tell.c", tell_all);
  copy_library (path_in ("library"));
  snprintf (include, sizeof include, "%s/include", source_tree ());
  compile_program (include, path_in ("tell.c"), path_in ("library"), path_in ("tell"));
  setenv ("LONGREACH_DISPATCHER_DIR", "/dispatchers", 1);
  setenv ("LONGREACH_ASKPASS", "/environment-askpass", 1);
  cr_assert_eq (chmod (path_in ("tell"), 0755), 0);
  expect_told (true);
  cr_assert_eq (chmod (path_in ("tell"), 04755), 0);
  expect_told (false);
}
