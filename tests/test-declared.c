/* Declared connectors: what their files may say, what is said of mistakes, which commands become of
   a template, how ends are explained, and that the registry treats them as it does plugins.  */

#include "tests/support.h"

#include "core/command.h"
#include "core/registry.h"
#include "core/text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static void
set_up (void)
{
  make_directory ();
  unsetenv ("LONGREACH_PLUGIN_PATH");
}

TestSuite (declared, .init = set_up, .fini = remove_directory, .timeout = 60);

static void
declare (const char *file, const char *text)
{
  write_file (path_in (file), text, strlen (text), 0644);
}

/* One that looks into the directory of this test first.  */
static lr_registry *
new_registry (void)
{
  struct lr_error error;
  char directory[512];
  lr_registry *registry = lr_registry_new ();
  cr_assert_not_null (registry);
  snprintf (directory, sizeof directory, "%s", path_in (""));
  directory[strlen (directory) - 1] = '\0';
  cr_assert_eq (lr_registry_add_directory (registry, directory, &error), 0, "%s", error.message);
  cr_assert_eq (lr_registry_set_config (registry, NULL, &error), 0, "%s", error.message);
  return registry;
}

/* ---- mistakes ---- */

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define BEGIN "[connector]\nschema = x\ndescription = an x\n"
#define NAMED BEGIN "target = [user@]name\n"
#define WHOLE NAMED "command = x {name} {command}\n"
#define SECTIONS "sections are [connector] and [option NAME]"
#define TARGETS                                                                                    \
  " is not how targets are written: that is none, or host, name, user, path or text; [user@] "     \
  "may stand before host and name, [:port] behind host; what may be left out as a whole is in "    \
  "brackets, as [path]"
#define OPTION_NAMES                                                                               \
  "the name of an option is made of lower-case letters, digits, \"-\" and \"_\", a letter first"
#define TAKEN                                                                                      \
  "in templates this name stands for something else; so do command, directory, host, name, "       \
  "path, port, text and user"
#define BRACKETS                                                                                   \
  "brackets stand at the beginning and the end of a group; as characters they are written %5B "    \
  "and %5D"
#define NEVER_LEFT_OUT                                                                             \
  "nothing that may be missing is named in a group, so that it could never be left out; "          \
  "brackets as characters are written %5B and %5D"

/* The text, what is said behind the file's name, and the schema that the file still names.  */
static const struct
{
  const char *text, *message, *schema;
} mistakes[] = {
  { "", ":1: there is no section [connector] up to here", NULL },
  { "# nothing\n\n", ":2: there is no section [connector] up to here", NULL },
  { "schema = x\n", ":1: \"schema\" stands before any section; " SECTIONS, NULL },
  { "[connector]\nschema\n", ":2: this is neither a [section] nor NAME = VALUE", NULL },
  { "\177ELF\n", ":1: this is neither a [section] nor NAME = VALUE", NULL },
  { "[Connector]\nschema = x\n", ":1: there is no section [Connector]; " SECTIONS, NULL },
  { "[option]\nhelp = x\n", ":1: there is no section [option]; " SECTIONS, NULL },
  { "[connector] schema = x\n", ":1: there is something behind the section's \"]\"", NULL },

  { "[connector]\n", ":1: [connector] has no schema", NULL },
  { "[connector]\nschema = x\n", ":1: [connector] has no description", "x" },
  { "\n" BEGIN, ":2: [connector] has no target", "x" },
  { NAMED, ":1: [connector] has no command", "x" },
  { "[connector]\nschema = X\n",
    ":2: schema: \"X\" is not a schema: a schema is made of lower-case letters, digits, \"+\", "
    "\"-\" and \".\", a letter first",
    NULL },
  { BEGIN "schema = y\n", ":4: schema is set already, in line 2", "x" },
  { "[connector]\ndescription =\nschema = x\n", ":2: description is empty", "x" },
  { WHOLE "[connector]\nversion = 1\nversion = 2\n", ":8: version is set already, in line 7", "x" },
  { BEGIN "Target = name\n",
    ":4: [connector] has no setting \"Target\"; it has schema, description, target, command, push, "
    "explain, explain_status, could_not_run, version, same_system, asks and waits",
    "x" },
  /* Behind a mistake only what the file is about still counts.  */
  { "[connector]\ntarget = no\nschema = x\nschema = y\nversion = 1\n", ":2: target: \"no\"" TARGETS,
    "x" },
  { WHOLE "same_system = true\n", ":6: same_system: \"true\" is neither yes nor no", "x" },
  { WHOLE "asks = 1\n", ":6: asks: \"1\" is neither yes nor no", "x" },
  { WHOLE "waits = YES\n", ":6: waits: \"YES\" is neither yes nor no", "x" },

  { BEGIN "target = Host\n", ":4: target: \"Host\"" TARGETS, "x" },
  { BEGIN "target = [none]\n", ":4: target: \"[none]\"" TARGETS, "x" },
  { BEGIN "target = [user@]path\n", ":4: target: \"[user@]path\"" TARGETS, "x" },
  { BEGIN "target = name[:port]\n", ":4: target: \"name[:port]\"" TARGETS, "x" },
  { BEGIN "target = [host\n", ":4: target: \"[host\"" TARGETS, "x" },
  { BEGIN "target = host]\n", ":4: target: \"host]\"" TARGETS, "x" },
  { BEGIN "target = [user@]\n", ":4: target: \"[user@]\"" TARGETS, "x" },
  { BEGIN "target = [[host]]\n", ":4: target: \"[[host]]\"" TARGETS, "x" },

  { NAMED "command = x {name}\n",
    ":5: command: {command}, which stands for what is to be run, has to be there once", "x" },
  { NAMED "command = {command} {command}\n",
    ":5: command: {command}, which stands for what is to be run, has to be there once", "x" },
  { NAMED "command = x -c={command}\n",
    ":5: command: {command} is any number of words: it stands by itself, and in no group", "x" },
  { NAMED "command = x [{user} {command}]\n",
    ":5: command: {command} is any number of words: it stands by itself, and in no group", "x" },
  { NAMED "command = x {host} {command}\n",
    ":5: command: there is no placeholder {host} here; there are {command}, {name}, {user}", "x" },
  { BEGIN "target = none\ncommand = x {name} {command}\n",
    ":5: command: there is no placeholder {name} here; there is {command}", "x" },
  { NAMED "command = x {directory} {command}\n",
    ":5: command: there is no placeholder {directory} here; there are {command}, {name}, {user}",
    "x" },
  { NAMED "command = x {} {command}\n",
    ":5: command: there is no placeholder {} here; there are {command}, {name}, {user}", "x" },
  { NAMED "command = x --user {user} {command}\n",
    ":5: command: {user} may be missing: what needs it stands in brackets with it, as in [--user "
    "{user}]",
    "x" },
  { BEGIN "target = [path]\ncommand = x {path} {command}\n",
    ":5: command: {path} may be missing: what needs it stands in brackets with it, as in [--path "
    "{path}]",
    "x" },
  { NAMED "command = x {name}{name} {command}\n",
    ":5: command: nothing stands between {name} and {name}: where one ends could not be told",
    "x" },
  { NAMED "command = x [--name {name}] {command}\n", ":5: command: " NEVER_LEFT_OUT, "x" },
  { NAMED "command = x [] {command}\n", ":5: command: " NEVER_LEFT_OUT, "x" },
  { NAMED "command = x [a [b {user}]] {command}\n", ":5: command: a group can't be in another one",
    "x" },
  { NAMED "command = x [a {user} {command}\n",
    ":5: command: {command} is any number of words: it stands by itself, and in no group", "x" },
  { NAMED "command = x {command} [a {user}\n",
    ":5: command: a \"[\" is not closed; as a character it is written %5B", "x" },
  { NAMED "command = x {user}] {command}\n",
    ":5: command: {user} may be missing: what needs it stands in brackets with it, as in [--user "
    "{user}]",
    "x" },
  { NAMED "command = x a] {command}\n",
    ":5: command: a \"]\" ends no group; as a character it is written %5D", "x" },
  { NAMED "command = x a[b {command}\n", ":5: command: \"a[b\": " BRACKETS, "x" },
  { NAMED "command = x [a]{user} {command}\n", ":5: command: \"a]{user}\": " BRACKETS, "x" },
  { NAMED "command = x {name {command}\n",
    ":5: command: \"{name\": a \"{\" is not closed; as a character it is written %7B", "x" },
  { NAMED "command = x name} {command}\n",
    ":5: command: \"name}\": a \"}\" closes nothing; as a character it is written %7D", "x" },
  { NAMED "command = x %2 {command}\n",
    ":5: command: \"%2\" is not a percent-encoded byte: a percent sign itself is written %25",
    "x" },
  { NAMED "command = x %00 {command}\n",
    ":5: command: %00 stands for a NUL byte, which no part can have", "x" },
  { NAMED "command = x {user?} {command}\n",
    ":5: command: {user?} can only be in a group, which it leaves out", "x" },
  { NAMED "command = x [{name?} {user}] {command}\n",
    ":5: command: {name?} makes no sense: it is always given", "x" },
  { NAMED "command = x [{user?}x] {command}\n",
    ":5: command: there is no placeholder {user?} here; there are {command}, {name}, {user}", "x" },
  { NAMED "command = x\ncommand = [\ncommand = {command}\n",
    ":6: command: a \"[\" is not closed; as a character it is written %5B", "x" },

  { WHOLE "push = x {name}\n",
    ":6: push: {directory}, which stands for where to unpack, has to be there once", "x" },
  { WHOLE "push = x {directory} {command}\n",
    ":6: push: there is no placeholder {command} here; there are {directory}, {name}, {user}",
    "x" },

  { WHOLE "explain = there is none\n", ":6: explain: write WORDS => SENTENCE", "x" },
  { WHOLE "explain = => there is none\n", ":6: explain: write WORDS => SENTENCE", "x" },
  { WHOLE "explain = none =>\n", ":6: explain: write WORDS => SENTENCE", "x" },
  { WHOLE "explain = none => no {nam}\n",
    ":6: explain: there is no placeholder {nam} here; there are {name}, {user}", "x" },
  { WHOLE "explain = none => no {user}\n",
    ":6: explain: {user} may be missing, and so can't be part of a sentence", "x" },
  { WHOLE "explain = none => no {name\n",
    ":6: explain: \"no {name\": a \"{\" is not closed; as a character it is written %7B", "x" },
  { WHOLE "explain_status = 1 2 => no\n",
    ":6: explain_status: \"1 2\" is not a status: that is a number up to 255", "x" },
  { WHOLE "explain_status = 256 => no\n",
    ":6: explain_status: \"256\" is not a status: that is a number up to 255", "x" },
  { WHOLE "explain_status = 1\n", ":6: explain_status: write STATUS => SENTENCE", "x" },

  { WHOLE "[option a]\n", ":6: [option a] has no help", "x" },
  { "[option a]\n" WHOLE, ":1: [option a] has no help", "x" },
  { WHOLE "[option A]\nhelp = a\n", ":6: [option A]: " OPTION_NAMES, "x" },
  { WHOLE "[option a b]\nhelp = a\n", ":6: [option a b]: " OPTION_NAMES, "x" },
  { WHOLE "[option ]\nhelp = a\n", ":6: [option ]: " OPTION_NAMES, "x" },
  { WHOLE "[option user]\nhelp = a\n", ":6: [option user]: " TAKEN, "x" },
  { WHOLE "[option directory]\nhelp = a\n",
    ":6: [option directory]: every connector has an option of this name already", "x" },
  { WHOLE "[option a]\nhelp = a\n[option a]\nhelp = a\n",
    ":8: the option a is declared already, in line 6", "x" },
  { WHOLE "[option a]\nhelp = a\nhelp = b\n", ":8: help is set already, in line 7", "x" },
  { WHOLE "[option a]\ndefault = a\n",
    ":7: [option a] has no setting \"default\"; it has help, type, choices and repeats", "x" },
  { WHOLE "[option a]\nhelp = a\ntype = text\n",
    ":8: type: there is no type \"text\"; types are string, path, boolean, number, choice and "
    "words",
    "x" },
  { WHOLE "[option a]\nhelp = a\ntype = choice\n", ":6: [option a] is a choice, and has no choices",
    "x" },
  { WHOLE "[option a]\nhelp = a\nchoices = b|c\n",
    ":6: [option a] has choices: its type has to be choice", "x" },
  { WHOLE "[option a]\nhelp = a\ntype = choice\nchoices = b||c\n",
    ":9: choices: one of \"b||c\" is empty: write A|B|C", "x" },
  { WHOLE "[option a]\nhelp = a\ntype = choice\nchoices = |c\n",
    ":9: choices: one of \"|c\" is empty: write A|B|C", "x" },
  { WHOLE "[option a]\nhelp = a\nrepeats = true\n", ":8: repeats: \"true\" is neither yes nor no",
    "x" },
  { WHOLE "[option a]\nhelp = a\ntype = boolean\nrepeats = yes\n",
    ":6: [option a] is yes or no, and can't be repeated", "x" },
  { NAMED "command = x {a} {command}\n[option a]\nhelp = a\n",
    ":5: command: {a} may be missing: what needs it stands in brackets with it, as in [--a {a}]",
    "x" },
  { NAMED "command = x [{a}] {command}\n[option a]\nhelp = a\ntype = boolean\n",
    ":5: command: {a} is given or not, and has no value: write {a?} or {a!} into a group", "x" },
  { NAMED "command = x [{a} {b}] {command}\n[option a]\nhelp = a\nrepeats = yes\n"
          "[option b]\nhelp = b\ntype = words\n",
    ":5: command: {a} and {b} have any number of values each, and can't be in one group", "x" },
  { NAMED "command = x " FIFTY FIFTY FIFTY FIFTY "\n", ":5: the line is longer than 198 characters",
    "x" },
  { WHOLE "[option " FIFTY "]\n", ":6: the name of the section is longer than 49 characters", "x" },
  { NAMED "command = x \033[2J {command}\n", ":5: command: \"\\x1B[2J\": " BRACKETS, "x" },
};

/* Expect that loading says MESSAGE behind the file's name; what names no schema is said where it is
   missed.  */
static void
expect_refusal (const char *file, const char *text, const char *message, const char *schema)
{
  struct lr_error error;
  char expected[1024];
  lr_registry *registry = new_registry ();
  struct lr_connector_list *list;
  snprintf (expected, sizeof expected, "%s%s", path_in (file), message);
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1, "%s", text);
  if (schema != NULL)
    {
      cr_expect_eq (error.kind, LR_ERROR_PLUGIN, "%s: %s", text, lr_error_kind_name (error.kind));
      cr_expect_str_eq (error.message, expected, "%s\nsays  %s\nnot   %s", text, error.message,
                        expected);
    }
  else
    cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR, "%s: %s", text, error.message);
  cr_assert_eq (lr_registry_list (registry, &list, &error), 0, "%s", error.message);
  cr_assert_geq (list->count, 1);
  const struct lr_connector_info *info = list->items[0];
  cr_expect_str_eq (info->file, path_in (file));
  cr_expect (schema == NULL ? info->schema == NULL
                            : info->schema != NULL && strcmp (info->schema, schema) == 0,
             "%s: %s", text, info->schema == NULL ? "no schema" : info->schema);
  cr_assert_not_null (info->problem, "%s", text);
  cr_expect_str_eq (info->problem, expected, "%s\nlists %s\nnot   %s", text, info->problem,
                    expected);
  lr_free (list);
  lr_registry_free (registry);
}

Test (declared, a_mistake_names_file_line_and_what_is_allowed)
{
  for (size_t i = 0; i < COUNT (mistakes); i++)
    {
      declare ("x.connector", mistakes[i].text);
      expect_refusal ("x.connector", mistakes[i].text, mistakes[i].message, mistakes[i].schema);
    }
}

Test (declared, a_NUL_hides_nothing)
{
  static const char text[] = NAMED "command = x {command} \0 {name}\n";
  write_file (path_in ("x.connector"), text, sizeof text - 1, 0644);
  expect_refusal ("x.connector", "NUL", ":5: there is a NUL byte in the line", "x");
}

Test (declared, what_is_too_large_is_not_read)
{
  declare ("x.connector", "");
  cr_assert_eq (truncate (path_in ("x.connector"), (1 << 20) + 1), 0);
  expect_refusal ("x.connector", "a large file", ": it is larger than 1048576 bytes", NULL);
}

/* ---- commands ---- */

#define OPTIONS                                                                                    \
  "[option one]\nhelp = x\n"                                                                       \
  "[option many]\nhelp = x\nrepeats = yes\n"                                                       \
  "[option some]\nhelp = x\ntype = words\n"                                                        \
  "[option flag]\nhelp = x\ntype = boolean\n"                                                      \
  "[option level]\nhelp = x\ntype = number\n"

/* What stands between the description and the options, a URL, and the words of what it makes of the
   command "a", "b c", each in <>; or, behind a "!", what is said.  */
static const struct
{
  const char *lines, *url, *words;
} commands[] = {
  { "target = name\ncommand = jexec {name} {command}\n", "x:j", "<jexec><j><a><b c>" },
  { "target = none\ncommand = {command}\n", "x:", "<a><b c>" },
  { "target = none\ncommand = x {command} end\n", "x:", "<x><a><b c><end>" },
  { "target = none\ncommand = x\ncommand =   y   z \ncommand = {command}\n",
    "x:", "<x><y><z><a><b c>" },
  { "target = none\ncommand = a%20b %7Bc%7D %5Bd%5D 100%25 \"e 'f {command}\n",
    "x:", "<a b><{c}><[d]><100%><\"e><'f><a><b c>" },
  /* A value is one word, or a part of one.  */
  { "target = name\ncommand = x {name} {command}\n", "x:a%20b%20%7Bname%7D%20%2520",
    "<x><a b {name} %20><a><b c>" },
  { "target = name\ncommand = x -n={name} {command}\n", "x:a%20b", "<x><-n=a b><a><b c>" },
  { "target = name\ncommand = x {name}:/ {command}\n", "x:a", "<x><a:/><a><b c>" },
  { "target = name\ncommand = x {name}:/ {command}\n", "x:a:b",
    "!x: the name \"a:b\" has a \":\" in it, behind which something else is looked for" },
  { "target = text\ncommand = x {text} {command}\n", "x:-rf",
    "!x: the text \"-rf\" begins with a \"-\", as an option does" },
  { "target = text\ncommand = x -{text} {command}\n", "x:-rf", "<x><--rf><a><b c>" },
  { "target = none\ncommand = x [{one}] {command}\n", "x:?one=-rf",
    "!x: the one \"-rf\" begins with a \"-\", as an option does" },
  { "target = none\ncommand = x [--one {one}] {command}\n", "x:?one=", "!x: one= has no value" },
  /* Groups.  */
  { "target = [user@]name\ncommand = x [-u {user}] {name} {command}\n", "x:a", "<x><a><a><b c>" },
  { "target = [user@]name\ncommand = x [-u {user}] {name} {command}\n", "x:u@a",
    "<x><-u><u><a><a><b c>" },
  { "target = [user@]name\ncommand = x [-u={user}] {command}\n", "x:u@a", "<x><-u=u><a><b c>" },
  { "target = [user@]name\ncommand = x [ -u {user} ] {command}\n", "x:u@a", "<x><-u><u><a><b c>" },
  { "target = [user@]name\ncommand = x [{user}@{name}] [{user!} {name}] {command}\n", "x:a",
    "<x><a><a><b c>" },
  { "target = [user@]name\ncommand = x [{user}@{name}] [{user!} {name}] {command}\n", "x:u@a",
    "<x><u@a><a><b c>" },
  { "target = [[user@]host[:port]]\ncommand = x [{host?} on [{host}] {command}\n",
    "x:", "!*a group can't be in another one" },
  { "target = [[user@]host[:port]]\ncommand = x [-p {port}] [{host}] {command}\n",
    "x:", "<x><a><b c>" },
  { "target = [[user@]host[:port]]\ncommand = x [-p {port}] [{host}] {command}\n", "x:h:22",
    "<x><-p><22><h><a><b c>" },
  { "target = [user]\ncommand = x [{user}] {command}\n", "x:", "<x><a><b c>" },
  { "target = [user]\ncommand = x [{user}] {command}\n", "x:u", "<x><u><a><b c>" },
  { "target = path\ncommand = x {path} {command}\n", "x:/a@b", "<x></a@b><a><b c>" },
  { "target = none\ncommand = x [-a {one} {level}] {command}\n", "x:?one=1", "<x><a><b c>" },
  { "target = none\ncommand = x [-a {one} {level}] {command}\n", "x:?level=2&one=1",
    "<x><-a><1><2><a><b c>" },
  { "target = none\ncommand = x [{flag?} -f] [{flag!} -g] {command}\n", "x:?flag=yes",
    "<x><-f><a><b c>" },
  { "target = none\ncommand = x [{flag?} -f] [{flag!} -g] {command}\n", "x:?flag=no",
    "<x><-g><a><b c>" },
  { "target = none\ncommand = x [{flag?} -f] [{flag!} -g] {command}\n", "x:", "<x><-g><a><b c>" },
  { "target = none\ncommand = x [-m {many}] {command}\n", "x:", "<x><a><b c>" },
  { "target = none\ncommand = x [-m {many} z] {command}\n", "x:?many=1&many=2",
    "<x><-m><1><z><-m><2><z><a><b c>" },
  { "target = none\ncommand = x [-m {many}={one}] {command}\n", "x:?many=1&many=2&one=o",
    "<x><-m><1=o><-m><2=o><a><b c>" },
  { "target = none\ncommand = x [{many?} -m] {command}\n", "x:?many=1&many=2", "<x><-m><a><b c>" },
  { "target = none\ncommand = x [{many?} -m {some}] {command}\n", "x:?many=1&some=2 3",
    "<x><-m><2><-m><3><a><b c>" },
  { "target = none\ncommand = [{some}] [{some!} x] {command}\n", "x:", "<x><a><b c>" },
  { "target = none\ncommand = [{some}] [{some!} x] {command}\n", "x:?some=env -i x%20y",
    "<env><-i><x y><a><b c>" },
};

static void
print_words (const lr_command *command, char *buffer, size_t size)
{
  buffer[0] = '\0';
  for (size_t i = 0; i < command->count; i++)
    snprintf (buffer + strlen (buffer), size - strlen (buffer), "<%s>", command->words[i]);
}

/* What the target URL makes of the command; its words, or behind a "!" what is wrong.  */
static void
wrap_command (lr_registry *registry, const char *url, char *buffer, size_t size)
{
  struct target target;
  struct lr_error error;
  lr_command inner = { NULL, 0, 0, NULL, 0 }, out = { NULL, 0, 0, NULL, 0 };
  lr_command_add (&inner, "a", "b c");
  int status = registry_parse_target (registry, &target, url, NULL, &error);
  if (status == 0)
    {
      target.hops[0].connector->wrap (&target.hops[0], &inner, &out);
      status = command_check (&out, "x", &error);
    }
  if (status == 0)
    print_words (&out, buffer, size);
  else
    snprintf (buffer, size, "!%s", error.message);
  command_free (&inner);
  command_free (&out);
  target_free (&target);
}

Test (declared, a_template_becomes_the_words_it_says)
{
  for (size_t i = 0; i < COUNT (commands); i++)
    {
      char text[2048], got[2048];
      snprintf (text, sizeof text, BEGIN "%s" OPTIONS, commands[i].lines);
      declare ("x.connector", text);
      lr_registry *registry = new_registry ();
      wrap_command (registry, commands[i].url, got, sizeof got);
      const char *words = commands[i].words;
      if (strncmp (words, "!*", 2) == 0)
        cr_expect_not_null (strstr (got, words + 2), "%s%s: %s", commands[i].lines, commands[i].url,
                            got);
      else
        cr_expect_str_eq (got, words, "%s%s\nis   %s\nnot  %s", commands[i].lines, commands[i].url,
                          got, words);
      lr_registry_free (registry);
    }
}

Test (declared, a_push_is_a_command_of_its_own)
{
  struct target target;
  struct lr_error error;
  char words[256];
  lr_command out = { NULL, 0, 0, NULL, 0 };
  declare ("x.connector", WHOLE "push = cp -- - {name}:{directory}\n");
  lr_registry *registry = new_registry ();
  cr_assert_eq (registry_parse_target (registry, &target, "x:a", NULL, &error), 0, "%s",
                error.message);
  target.hops[0].connector->push (&target.hops[0], "/var/tmp", &out);
  print_words (&out, words, sizeof words);
  cr_expect_str_eq (words, "<cp><--><-><a:/var/tmp>");
  command_free (&out);
  target_free (&target);
  lr_registry_free (registry);
}

Test (declared, without_a_push_there_is_none)
{
  struct lr_error error;
  declare ("x.connector", WHOLE);
  lr_registry *registry = new_registry ();
  const struct connector *connector = registry_find (registry, "x", &error);
  cr_assert_not_null (connector, "%s", error.message);
  cr_expect_null (connector->table.push);
  lr_registry_free (registry);
}

/* ---- explanations ---- */

Test (declared, the_first_explanation_that_fits_is_told)
{
  static const struct
  {
    int status;
    const char *said, *explained; /* NULL: nothing */
  } rows[] = {
    { 1, "", NULL },
    { 1, "Something\n", NULL },
    { 1, "a warning\nerror: NO SUCH x: j\r\n",
      "there is no j, 100% sure; it said: error: NO SUCH x: j" },
    { 3, "error: no such x\n", "there is no j, 100% sure; it said: error: no such x" },
    { 3, "stopped\n", "j ended; it said: stopped" },
    { 3, "", "j ended" },
    { -3, "", NULL },
    { 0, "zero\n", "odd; it said: zero" },
  };
  struct target target;
  struct lr_error error;
  declare ("x.connector", WHOLE "explain = no such X => there is no {name}, 100% sure\n"
                                "explain_status = 3 => {name} ended\n"
                                "explain_status = 0 => odd\n"
                                "explain = stopped => {name} is never told\n");
  lr_registry *registry = new_registry ();
  cr_assert_eq (registry_parse_target (registry, &target, "x:j", NULL, &error), 0, "%s",
                error.message);
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      lr_text text = { NULL };
      target.hops[0].connector->explain (&target.hops[0], rows[i].status, rows[i].said, &text);
      if (rows[i].explained == NULL)
        cr_expect_null (text.data, "%s: %s", rows[i].said, text.data);
      else
        cr_expect (text.data != NULL && strcmp (text.data, rows[i].explained) == 0, "%s: %s",
                   rows[i].said, text.data == NULL ? "nothing" : text.data);
      text_free (&text);
    }
  target_free (&target);
  lr_registry_free (registry);
}

/* The stand-in says in a status of its own that it has no shell, and puts the dispatcher where it
   is told to; what is there it runs.  */
Test (declared, words_say_that_nothing_could_be_run)
{
  static const char place[] = "#!/bin/sh\ncase $1 in\n  sh) echo 'warning' >&2; "
                              "echo 'Exec: \"sh\": NOT FOUND anywhere' >&2; exit 9 ;;\n"
                              "  push) exec tar -x -C \"$2\" ;;\nesac\nexec \"$@\"\n";
  struct lr_error error;
  lr_connection *connection;
  char text[1024];
  const char *const directory[] = { "directory=/tmp", NULL };
  struct lr_open_args open = LR_OPEN_ARGS (.url = "x:", .options = directory);
  write_file (path_in ("place"), place, strlen (place), 0755);
  for (int known = 0; known < 2; known++)
    {
      snprintf (text, sizeof text,
                BEGIN "target = none\ncommand = %s {command}\npush = %s push {directory}\n"
                      "could_not_run = no such thing\n%s",
                path_in ("place"), path_in ("place"),
                known ? "could_not_run = not found any\n" : "");
      declare ("x.connector", text);
      lr_registry *registry = new_registry ();
      int status = lr_open (registry, &open, &connection, &error);
      cr_expect_eq (status, known - 1, "%s", error.message);
      if (!known)
        cr_expect_not_null (strstr (error.message, "it ended with status 9"), "%s", error.message);
      lr_close (connection);
      lr_registry_free (registry);
    }
}

/* ---- the table ---- */

Test (declared, what_is_declared_is_described)
{
  static const struct
  {
    const char *target, *url;
    uint32_t flags;
  } rows[] = {
    { "none", "x:", 0 },
    { "host", "x:host", 0 },
    { "[host]", "x:[host]", LR_TARGET_MAY_BE_EMPTY },
    { "[user@]host[:port]", "x:[user@]host[:port]", LR_TAKES_USER | LR_TAKES_PORT },
    { "[[user@]host[:port]]", "x:[[user@]host[:port]]",
      LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER | LR_TAKES_PORT },
    { "[user@]name", "x:[user@]name", LR_TAKES_USER },
    { "[user]", "x:[user]", LR_TARGET_MAY_BE_EMPTY },
    { "path", "x:path", 0 },
    { "[text]", "x:[text]", LR_TARGET_MAY_BE_EMPTY },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char text[256];
      struct lr_error error;
      struct lr_connector_description *description;
      snprintf (text, sizeof text,
                BEGIN "target = %s\ncommand = x {command}\nsame_system = yes\nasks = yes\n"
                      "waits = no\n",
                rows[i].target);
      declare ("x.connector", text);
      lr_registry *registry = new_registry ();
      cr_assert_eq (lr_registry_describe (registry, "x", &description, &error), 0, "%s",
                    error.message);
      cr_expect_str_eq (description->url, rows[i].url);
      cr_expect_str_eq (description->description, "an x");
      cr_expect_eq (registry_find (registry, "x", &error)->table.flags,
                    rows[i].flags | LR_SAME_SYSTEM | LR_ASKS, "%s", rows[i].target);
      lr_free (description);
      lr_registry_free (registry);
    }
}

Test (declared, options_are_described_as_a_plugins_are)
{
  struct lr_error error;
  struct lr_connector_description *description;
  declare ("x.connector", WHOLE OPTIONS "[option which]\nhelp = x; y\ntype = choice\n"
                                        "choices = a|b\n[option file]\ntype = path\nhelp = x\n");
  lr_registry *registry = new_registry ();
  cr_assert_eq (lr_registry_describe (registry, "x", &description, &error), 0, "%s", error.message);
  static const struct lr_option_info wanted[] = {
    { .name = "one", .type = "string" },   { .name = "many", .type = "string", .repeats = 1 },
    { .name = "some", .type = "words" },   { .name = "flag", .type = "boolean" },
    { .name = "level", .type = "number" }, { .name = "which", .type = "choice", .choices = "a|b" },
    { .name = "file", .type = "path" },    { .name = "dispatcher", .type = "words" },
  };
  for (size_t i = 0; i < COUNT (wanted); i++)
    {
      const struct lr_option_info *info = description->options[i];
      cr_expect_str_eq (info->name, wanted[i].name);
      cr_expect_str_eq (info->type, wanted[i].type);
      cr_expect_eq (info->repeats, wanted[i].repeats, "%s", info->name);
      cr_expect (wanted[i].choices == NULL ? info->choices == NULL
                                           : strcmp (info->choices, wanted[i].choices) == 0);
    }
  cr_expect_str_eq (description->options[5]->help, "x; y");
  lr_free (description);
  lr_registry_free (registry);
}

/* ---- among plugins ---- */

static void
make_plugin (const char *file)
{
  compile_plugin (
      "CC",
      "#include <longreach/connector.h>\n"
      "static void wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)\n"
      "{ (void) hop; lr_command_append (out, inner); }\n"
      "LR_CONNECTOR (x, \"x\", \"in C\", .target_form = LR_TARGET_NAME, .wrap = wrap);\n"
      "LR_PLUGIN (\"1\", &x);\n",
      path_in (file), false);
}

/* Expect that FIRST serves x, and SECOND is listed as shadowed by it.  */
static void
expect_order (const char *first, const char *second)
{
  struct lr_error error;
  struct lr_connector_list *list;
  struct lr_connector_description *description;
  lr_registry *registry = new_registry ();
  cr_assert_eq (lr_registry_list (registry, &list, &error), 0, "%s", error.message);
  cr_assert_geq (list->count, 2);
  cr_expect_str_eq (list->items[0]->file, path_in (first));
  cr_expect_null (list->items[0]->shadowed_by);
  cr_expect_str_eq (list->items[1]->file, path_in (second));
  cr_expect_str_eq (list->items[1]->shadowed_by, path_in (first));
  for (size_t i = 0; i < 2; i++)
    {
      cr_expect_null (list->items[i]->problem, "%s", list->items[i]->problem);
      cr_expect_str_eq (list->items[i]->version, "1");
      cr_expect_eq (list->items[i]->abi, LR_ABI);
      cr_expect_eq (list->items[i]->source, LR_SOURCE_PROGRAM);
    }
  cr_assert_eq (lr_registry_describe (registry, "x", &description, &error), 0, "%s", error.message);
  cr_expect_str_eq (description->description, list->items[0]->description);
  lr_free (description);
  lr_free (list);
  lr_registry_free (registry);
}

Test (declared, files_of_both_kinds_come_in_the_order_of_their_names)
{
  make_plugin ("b.so");
  declare ("a.connector", WHOLE "version = 1\n");
  expect_order ("a.connector", "b.so");
  cr_assert_eq (rename (path_in ("a.connector"), path_in ("c.connector")), 0);
  expect_order ("b.so", "c.connector");
}

Test (declared, one_that_is_damaged_is_not_passed_over)
{
  struct lr_error error;
  char expected[600];
  make_plugin ("b.so");
  declare ("a.connector", "[connector]\nschema = x\n");
  lr_registry *registry = new_registry ();
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1);
  snprintf (expected, sizeof expected, "%s:1: [connector] has no description",
            path_in ("a.connector"));
  cr_expect_str_eq (error.message, expected);
  lr_registry_free (registry);
}

Test (declared, only_the_ending_of_the_name_counts)
{
  struct lr_error error;
  declare ("x.connector.bak", WHOLE);
  declare ("connector", WHOLE);
  declare (".x.connector", WHOLE);
  lr_registry *registry = new_registry ();
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_NO_CONNECTOR, "%s", error.message);
  lr_registry_free (registry);
  declare ("another name.connector", WHOLE);
  registry = new_registry ();
  cr_expect_eq (lr_registry_load (registry, "x", &error), 0, "%s", error.message);
  lr_registry_free (registry);
}

Test (declared, a_connection_outlives_the_registry)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_run_result *result;
  const char *const command[] = { "echo", "still", NULL };
  declare ("x.connector", BEGIN "target = none\ncommand = env {command}\n");
  lr_registry *registry = new_registry ();
  struct lr_open_args open = LR_OPEN_ARGS (.url = "x:");
  struct lr_run_args run = LR_RUN_ARGS (.command = command);
  cr_assert_eq (lr_open (registry, &open, &connection, &error), 0, "%s", error.message);
  lr_registry_free (registry);
  cr_assert_eq (lr_run (connection, &run, &result, &error), 0, "%s", error.message);
  cr_expect_str_eq (result->stdout_bytes.data, "still\n");
  lr_free (result);
  lr_close (connection);
}

/* A program that takes a line before it runs the command, as one that asks would: nothing may come
   before the shell reads.  */
Test (declared, what_waits_is_sent_nothing_until_the_shell_reads)
{
  static const char asking[] = "#!/bin/sh\nif read -r -t 1 line; then echo \"ate: $line\" >&2; "
                               "exit 9; fi </dev/stdin\nexec \"$@\"\n";
  struct lr_error error;
  lr_connection *connection;
  char text[1024];
  const char *const push[] = { "bootstrap=push", NULL };
  write_file (path_in ("ask"), asking, strlen (asking), 0755);
  snprintf (text, sizeof text,
            BEGIN "target = none\ncommand = bash %s {command}\nwaits = yes\n"
                  "explain = ate: => it was sent something\n",
            path_in ("ask"));
  declare ("x.connector", text);
  lr_registry *registry = new_registry ();
  struct lr_open_args open = LR_OPEN_ARGS (.url = "x:");
  cr_expect_eq (lr_open (registry, &open, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  open.options = push;
  cr_expect_eq (lr_open (registry, &open, &connection, &error), -1);
  cr_expect_not_null (strstr (error.message, "it was sent something; it said: ate: LR-PAYLOAD"),
                      "%s", error.message);
  lr_registry_free (registry);
}
