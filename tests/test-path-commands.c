/* ls mkdir rm mv ln readlink chmod chown touch mktemp df, as a person or a script meets them.  */

#include "tests/command.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

COMMAND_SUITE (path_commands);

static bool
is_there (const char *path)
{
  struct stat info;
  return lstat (path, &info) == 0;
}

static void
make_symlink (const char *target, const char *path)
{
  cr_assert_eq (symlink (target, path), 0, "%s", path);
}

static void
expect_link (const char *path, const char *target)
{
  char got[256];
  ssize_t size = readlink (path, got, sizeof got - 1);
  cr_assert_geq (size, 0, "%s is no link", path);
  got[size] = '\0';
  cr_expect_str_eq (got, target);
}

/* ---- ls ---- */

Test (path_commands, ls_lists_by_name_and_leaves_out_what_begins_with_a_dot)
{
  succeed ("mkdir", "local:", "d", "d/b", "d/.hidden", "d/a", NULL);
  LONGREACH (0, "a\nb\n", "", "ls", "local:", "d");
  LONGREACH (0, ".hidden\na\nb\n", "", "ls", "-a", "local:", "d");
  LONGREACH (0, "d\n", "", "ls", "local:");
  LONGREACH (0, "d\n", "", "ls", "-d", "local:", "d");
  LONGREACH (0, "", "", "ls", "local:", "d/a");
}

Test (path_commands, ls_describes_each_on_a_line)
{
  write_text ("file", "12345");
  chmod ("file", 04751);
  make_symlink ("no where", "link");
  utimensat (AT_FDCWD, "file", (struct timespec[2]){ { 0, 0 }, { 0, 0 } }, 0);
  LONGREACH (0,
             "-4751   1 * * *5 1970-01-01* file\n"
             "l0777   1 * * *8 * link -> no where\n",
             "", "ls", "-l", "local:");
  LONGREACH (0, "l0777 *link -> no where\n", "", "ls", "-ld", "local:", "link");
  LONGREACH (0, "l0777 *link -> no where\n", "", "ls", "-l", "local:", "link");
  make_symlink ("loop", "loop");
  LONGREACH (0, "loop\n", "", "ls", "-U", "local:", "loop");
}

Test (path_commands, ls_does_not_make_up_what_it_may_not_look_at)
{
  char url[PATH_MAX + 128];
  mkdir ("d", 0755);
  write_text ("d/file", "content");
  chmod ("d", 0444);
  /* Root has to be without its capabilities for that.  */
  if (geteuid () == 0)
    snprintf (url, sizeof url,
              "local:?dispatcher=setpriv --bounding-set=-all --inh-caps=-all %s/%s",
              getenv ("LONGREACH_DISPATCHER_DIR"), "longreach-dispatcher");
  else
    strcpy (url, "local:");
  LONGREACH (0, "-????   ? ? ?            ? ? file\n", "", "ls", "-l", url, "d");
  LONGREACH (0, "file\n", "", "ls", url, "d");
  chmod ("d", 0755);
}

Test (path_commands, ls_of_several_paths_names_each_and_goes_on_after_a_failure)
{
  succeed ("mkdir", "local:", "d", "e", NULL);
  write_text ("d/in", "");
  write_text ("file", "");
  LONGREACH (0, "d:\nin\n\nfile:\nfile\n", "", "ls", "local:", "d", "file");
  LONGREACH (1, "e:\n\nd:\nin\n", "longreach: localhost: *nosuch: No such file or directory\n",
             "ls", "local:", "e", "nosuch", "d");
  LONGREACH (1, "", "longreach: localhost: *nosuch: No such file or directory\n", "ls",
             "local:", "nosuch");
  LONGREACH (3, "", "longreach: localhost: *file/x: Not a directory\n", "ls", "local:", "file/x");
}

Test (path_commands, ls_writes_names_as_they_are_but_to_a_terminal)
{
  write_text ("a\nb\033[31m\377", "");
  LONGREACH (0, "a\nb\033[31m\377\n", "", "ls", "local:");
  int status;
  char *shown = run_on_terminal (WORDS ("longreach", "ls", "local:"), "", &status);
  cr_expect_str_eq (shown, "a\\x0Ab\\x1B[31m\\xFF\r\n");
  free (shown);
  LONGREACH (0, "{*\"name_base64\":\"YQpiG1szMW3/\",\"type\":\"file\",*\"target\":null}]}\n", "",
             "ls", "--json", "local:");
}

Test (path_commands, ls_unsorted_prints_what_comes_as_it_comes)
{
  succeed ("mkdir", "local:", "d", "d/.hidden", "e", NULL);
  write_text ("d/in", "");
  write_text ("file", "");
  LONGREACH (0, "in\n", "", "ls", "-U", "local:", "d");
  LONGREACH (0, "d:\nin\n\ne:\n\nfile:\nfile\n", "", "ls", "-U", "local:", "d", "e", "file");
  LONGREACH (0, "-0*file\n", "", "ls", "-lU", "local:", "file");
  LONGREACH (0, "d\n", "", "ls", "-dU", "local:", "d");
  LONGREACH (1, "", "longreach: localhost: *nosuch: No such file or directory\n", "ls", "-U",
             "local:", "nosuch");
  LONGREACH (0, "{\"path\":\"file\",\"name\":\"file\",\"type\":\"file\",*\"target\":null}\n", "",
             "ls", "-U", "--json", "local:", "e", "file");
  for (int i = 0; i < 5000; i++)
    {
      char name[32];
      snprintf (name, sizeof name, "e/%d", i);
      make_symlink ("x", name);
    }
  static const char script[] = "longreach ls -U local: e | sort -n | cmp - <(seq 0 4999) && "
                               "longreach ls -U --json local: e | jq -s 'map(.name) | unique | "
                               "length' && longreach ls -U local: e | head -n 3 | wc -l";
  PROGRAM (0, "5000\n3\n", "", "bash", "-c", script);
}

/* ---- mkdir and rm ---- */

Test (path_commands, mkdir_makes_what_is_asked_for_and_no_more)
{
  umask (077);
  succeed ("mkdir", "local:", "--", "a", "-dash", NULL);
  cr_expect_eq (mode_of ("a"), 0755);
  succeed ("mkdir", "-m", "2750", "local:", "b", NULL);
  cr_expect_eq (mode_of ("b"), 02750);
  succeed ("mkdir", "-p", "--mode=711", "local:", "c/d/e", "a", NULL);
  cr_expect (mode_of ("c") == 0711 && mode_of ("c/d/e") == 0711 && mode_of ("a") == 0755);
  LONGREACH (3, "", "longreach: localhost: cannot make the directory a: File exists\n", "mkdir",
             "local:", "a");
  LONGREACH (1, "", "longreach: localhost: cannot make the directory x/y: No such file *\n",
             "mkdir", "local:", "x/y");
  LONGREACH (3, "", "longreach: localhost: mode: *u+x*\n", "mkdir", "-m", "u+x", "local:", "x");
  LONGREACH (3, "", "longreach: localhost: owner: *nosuch-user\n", "mkdir", "--owner=nosuch-user",
             "local:", "x");
  cr_expect_not (is_there ("x"));
  LONGREACH (3, "{\"path\":\"y\"}\n{\"error\":*\"errno\":17*{\"path\":\"z\"}\n", "", "mkdir",
             "--json", "local:", "y", "a", "z");
}

Test (path_commands, rm_removes_what_has_the_path_and_nothing_behind_a_link)
{
  succeed ("mkdir", "-p", "local:", "tree/a/b", "outside", NULL);
  write_text ("outside/kept", "");
  make_symlink ("../../outside", "tree/a/out");
  make_symlink ("outside", "link");
  LONGREACH (3, "", "longreach: localhost: cannot remove tree: Directory not empty\n", "rm",
             "local:", "tree");
  succeed ("rm", "-r", "local:", "tree", "link", NULL);
  cr_expect (!is_there ("tree") && !is_there ("link") && is_there ("outside/kept"));
  succeed ("rm", "local:", "outside/kept", "outside", NULL);
  cr_expect_not (is_there ("outside"));
}

Test (path_commands, rm_tells_which_path_it_refuses)
{
  write_text ("a", "");
  LONGREACH (3, "",
             "longreach: localhost: path: \"b/..\" has no name of its own, and is not removed\n",
             "rm", "-r", "local:", "a", "b/..");
  cr_expect_not (is_there ("a"));
}

Test (path_commands, rm_tells_what_is_not_there_unless_that_is_fine)
{
  write_text ("file", "");
  LONGREACH (1, "", "longreach: localhost: cannot remove nosuch: No such file or directory\n", "rm",
             "local:", "nosuch", "file");
  cr_expect_not (is_there ("file"));
  LONGREACH (1, "{\"error\":*\"errno\":2,*", "", "rm", "--json", "local:", "nosuch");
  succeed ("rm", "-f", "local:", "nosuch", "no/such/directory", NULL);
  LONGREACH (3, "", "longreach: localhost: path: *", "rm", "-rf", "local:", "/", "a/..", ".");
}

/* ---- mv and ln ---- */

Test (path_commands, mv_renames_and_replaces)
{
  write_text ("a", "a");
  write_text ("b", "b");
  succeed ("mv", "local:", "a", "b", NULL);
  expect_text ("b", "a");
  cr_expect_not (is_there ("a"));
  write_text ("a", "new");
  LONGREACH (3, "", "longreach: localhost: cannot rename a to b: File exists\n", "mv", "-n",
             "local:", "a", "b");
  expect_text ("b", "a");
  LONGREACH (1, "", "longreach: localhost: cannot rename nosuch to b: No such file *\n", "mv",
             "local:", "nosuch", "b");
  LONGREACH (0, "{\"path\":\"c\"}\n", "", "mv", "--json", "local:", "a", "c");
}

Test (path_commands, mv_moves_into_a_directory)
{
  succeed ("mkdir", "-p", "local:", "d", "from/e", NULL);
  make_symlink ("d", "link");
  write_text ("a", "a");
  write_text ("from/b", "b");
  succeed ("mv", "local:", "a", "d", NULL);
  expect_text ("d/a", "a");
  succeed ("mv", "local:", "from/b", "from/e/", "link/", NULL);
  expect_text ("d/b", "b");
  cr_expect (is_there ("d/e") && is_there ("link"));
  LONGREACH (1, "{\"error\":*{\"path\":\"from/a\"}\n", "", "mv", "--json", "local:", "nosuch",
             "d/a", "from");
  expect_text ("from/a", "a");
}

Test (path_commands, mv_takes_a_directory_for_a_name_when_told)
{
  succeed ("mkdir", "-p", "local:", "d", "e/x", "full/x", NULL);
  LONGREACH (3, "", "longreach: localhost: cannot rename e to full: Directory not empty\n", "mv",
             "-T", "local:", "e", "full");
  succeed ("mv", "-T", "local:", "e", "d", NULL);
  cr_expect (is_there ("d/x") && !is_there ("e"));
}

Test (path_commands, several_files_go_into_directories_only)
{
  write_text ("a", "");
  write_text ("b", "");
  write_text ("c", "");
  LONGREACH (2, "", "longreach: several files go into a directory, which c is not\n", "mv",
             "local:", "a", "b", "c");
  LONGREACH (2, "", "longreach: several files go into a directory, which nosuch is not\n", "ln",
             "local:", "a", "b", "nosuch");
  LONGREACH (2, "", "longreach: *which . is not with -T\n", "mv", "-T", "local:", "a", "b", ".");
  cr_expect (is_there ("a") && is_there ("b") && is_there ("c"));
}

/* The second would take the place of the first, which would be lost.  */
Test (path_commands, two_of_a_name_do_not_go_into_a_directory)
{
  succeed ("mkdir", "local:", "d", "e", "into", NULL);
  write_text ("d/f", "1 ");
  write_text ("e/f", "2\n");
  LONGREACH (2, "", "longreach: d/f and e/f would both become f in into\n", "mv", "local:", "d/f",
             "e/f", "into");
  LONGREACH (2, "", "longreach: d/f and e/f would both become f in into\n", "ln", "-f",
             "local:", "d", "d/f", "e/f", "into");
  SHELL (0, "1 2\n", "", "cat d/f e/f && ls into");
}

Test (path_commands, ln_makes_names_and_links)
{
  struct stat one, other;
  write_text ("file", "content");
  succeed ("ln", "local:", "file", "hard", NULL);
  cr_expect (stat ("file", &one) == 0 && stat ("hard", &other) == 0 && one.st_ino == other.st_ino);
  succeed ("ln", "-s", "local:", "no\nwhere", "link", NULL);
  expect_link ("link", "no\nwhere");
  LONGREACH (3, "", "longreach: localhost: cannot make link a link to file: File exists\n", "ln",
             "local:", "file", "link");
  succeed ("ln", "-sf", "local:", "file", "link", NULL);
  expect_link ("link", "file");
  LONGREACH (1, "", "longreach: localhost: *nosuch: No such file or directory\n", "ln",
             "local:", "nosuch", "x");
}

Test (path_commands, ln_makes_links_in_a_directory)
{
  succeed ("mkdir", "local:", "1", "2", NULL);
  write_text ("a", "a");
  succeed ("ln", "-s", "local:", "../a", "nosuch/b", "1", NULL);
  expect_link ("1/a", "../a");
  expect_link ("1/b", "nosuch/b");
  succeed ("ln", "-s", "local:", "1", "current", NULL);
  succeed ("ln", "-sfT", "local:", "2", "current", NULL);
  expect_link ("current", "2");
  succeed ("ln", "-sf", "local:", "x", "current", NULL);
  expect_link ("2/x", "x");
}

Test (path_commands, readlink_prints_what_a_link_leads_to)
{
  make_symlink ("no\nwhere\377", "link");
  LONGREACH (0, "no\nwhere\377\n", "", "readlink", "local:", "link");
  LONGREACH (3, "", "longreach: localhost: cannot read the link .: Invalid argument\n", "readlink",
             "local:", ".");
  LONGREACH (1, "", "longreach: localhost: *nosuch: No such file or directory\n", "readlink",
             "local:", "nosuch");
  LONGREACH (0, "{\"path\":\"link\",\"target_base64\":\"bm8Kd2hlcmX/\"}\n", "", "readlink",
             "--json", "local:", "link");
}

/* ---- attributes ---- */

Test (path_commands, chmod_sets_modes_and_in_trees_follows_no_link)
{
  succeed ("mkdir", "-p", "local:", "d/e", NULL);
  write_text ("outside", "");
  write_text ("d/e/file", "");
  chmod ("outside", 0600);
  make_symlink ("../outside", "d/link");
  succeed ("chmod", "-R", "local:", "751", "d", NULL);
  cr_expect (mode_of ("d") == 0751 && mode_of ("d/e/file") == 0751 && mode_of ("outside") == 0600);
  succeed ("chmod", "local:", "4755", "d/link", "d/e", NULL);
  cr_expect (mode_of ("outside") == 04755 && mode_of ("d/e") == 04755);
  LONGREACH (3, "", "longreach: localhost: mode: *rwx*\n", "chmod", "local:", "rwx", "d");
  LONGREACH (1, "", "longreach: localhost: cannot change nosuch: No such file or directory\n",
             "chmod", "local:", "600", "nosuch", "outside");
  cr_expect_eq (mode_of ("outside"), 0600);
  succeed ("chmod", "local:", "u+x,g=u,o=rX", "outside", NULL);
  cr_expect_eq (mode_of ("outside"), 0775);
  succeed ("chmod", "local:", "-x", "outside", NULL);
  cr_expect_eq (mode_of ("outside"), 0664);
  LONGREACH (0, "{\"path\":\"outside\"}\n", "", "chmod", "--json", "local:", "640", "outside");
}

Test (path_commands, chown_sets_owner_and_group)
{
  struct stat info;
  write_text ("file", "");
  LONGREACH (3, "", "longreach: localhost: owner: *nosuch-user*\n", "chown",
             "local:", "nosuch-user", "file");
  LONGREACH (3, "", "longreach: localhost: group: *nosuch-group*\n", "chown",
             "local:", ":nosuch-group", "file");
  LONGREACH (3, "", "longreach: localhost: user: *nosuch-user*\n", "chown",
             "local:", "nosuch-user:", "file");
  LONGREACH (2, "", "longreach: chown: a user, or a colon and a group, is needed\n", "chown",
             "local:", ":", "file");
  LONGREACH (1, "", "longreach: localhost: cannot change nosuch: No such file *\n", "chown",
             "local:", "0", "nosuch");
  if (geteuid () != 0)
    cr_skip_test ("it needs to be root");
  make_symlink ("file", "link");
  succeed ("chown", "local:", "12:34", "link", NULL);
  cr_expect (stat ("file", &info) == 0 && info.st_uid == 12 && info.st_gid == 34);
  succeed ("chown", "local:", "56", "file", NULL);
  succeed ("chown", "-h", "local:", ":78", "link", NULL);
  cr_expect (stat ("file", &info) == 0 && info.st_uid == 56 && info.st_gid == 34);
  cr_expect (lstat ("link", &info) == 0 && info.st_uid == 0 && info.st_gid == 78);
  succeed ("chown", "local:", "root:", "file", NULL);
  cr_expect (stat ("file", &info) == 0 && info.st_uid == 0 && info.st_gid == 0);
  succeed ("chown", "-R", "local:", "0:0", ".", NULL);
  cr_expect (stat ("file", &info) == 0 && info.st_uid == 0 && info.st_gid == 0);
}

/* A host with a name of its own, and an owner that looks like a URL.  */
Test (path_commands, chown_takes_no_owner_for_a_misplaced_url)
{
  mkdir ("config", 0700);
  mkdir ("config/longreach", 0700);
  write_text ("config/longreach/longreach.conf", "[host web]\nurl = local:\n");
  setenv ("XDG_CONFIG_HOME", path_in ("config"), 1);
  LONGREACH (3, "", "longreach: localhost: owner: *nosuch-user*\n", "chown", "web",
             "nosuch-user:nosuch-group", "file");
  LONGREACH (2, "", "longreach: the URL comes first: longreach chown local: nosuch-user file\n",
             "chown", "nosuch-user", "file", "local:");
}

/* ---- touch ---- */

/* What stat says of the times of the last modification and access of PATH, as seconds.  */
static void
expect_times (const char *path, const char *modified, const char *accessed)
{
  struct finished got = run_program (WORDS ("stat", "-c", "%.9Y %.9X", path), NULL, 0);
  char expected[128];
  snprintf (expected, sizeof expected, "%s %s\n", modified, accessed);
  cr_expect_str_eq (got.output, expected);
  free_finished (&got);
}

Test (path_commands, touch_makes_what_is_not_there_and_sets_times)
{
  succeed ("mkdir", "local:", "d", NULL);
  umask (077);
  succeed ("touch", "local:", "--", "d/a", "b", "-x", NULL);
  cr_expect (mode_of ("d/a") == 0644 && mode_of ("b") == 0644 && mode_of ("-x") == 0644);
  SHELL (0, "d/a\n", "", "find d -newermt '1 minute ago' -not -newermt '1 minute' -type f");
  write_text ("b", "content");
  chmod ("b", 0600);
  succeed ("touch", "-d", "@-1.25", "local:", "b", "d", NULL);
  expect_times ("b", "-1.250000000", "-1.250000000");
  expect_times ("d", "-1.250000000", "-1.250000000");
  SHELL (0, "content", "", "cat b");
  cr_expect_eq (mode_of ("b"), 0600);
  succeed ("touch", "-a", "-d", "@5", "local:", "b", NULL);
  succeed ("touch", "-m", "-d", "@6", "local:", "b", NULL);
  expect_times ("b", "6.000000000", "5.000000000");
  succeed ("touch", "-am", "--reference=d", "local:", "b", "new", NULL);
  expect_times ("b", "-1.250000000", "-1.250000000");
  expect_times ("new", "-1.250000000", "-1.250000000");
  succeed ("touch", "-c", "local:", "nosuch", "b", NULL);
  SHELL (1, "", "", "test -e nosuch");
  SHELL (0, "b\n", "", "find b -newermt '1 minute ago'");
  LONGREACH (0, "{\"path\":\"b\"}\n", "", "touch", "--json", "local:", "b");
  SHELL (0, "", "", "find . -name '.longreach*'");
}

Test (path_commands, touch_follows_links_also_to_where_nothing_is)
{
  succeed ("mkdir", "local:", "d", NULL);
  write_text ("d/file", "");
  make_symlink ("file", "d/link");
  make_symlink ("../e", "d/dangling");
  make_symlink ("dangling", "d/to-dangling");
  make_symlink ("loop", "d/loop");
  succeed ("touch", "-d", "@1", "local:", "d/link", "d/to-dangling", NULL);
  expect_times ("d/file", "1.000000000", "1.000000000");
  expect_times ("e", "1.000000000", "1.000000000");
  LONGREACH (3, "", "longreach: localhost: *d/loop: *symbolic links*\n", "touch",
             "local:", "d/loop");
}

Test (path_commands, touch_says_what_it_could_not_do)
{
  write_text ("file", "");
  LONGREACH (1, "", "longreach: localhost: *no/: No such file or directory\n", "touch",
             "local:", "no/such");
  LONGREACH (1, "", "longreach: localhost: *no/: No such file or directory\n", "touch",
             "local:", "no/");
  LONGREACH (3, "", "longreach: localhost: *file/x: Not a directory\n", "touch",
             "local:", "file/x");
  LONGREACH (1, "", "longreach: localhost: nosuch does not exist\n", "touch", "-r", "nosuch",
             "local:", "x");
  LONGREACH (1, "{\"error\":{\"kind\":\"absent\",*: nosuch does not exist\",*}}\n", "", "touch",
             "--json", "-r", "nosuch", "local:", "x");
  LONGREACH (2, "", "longreach: touch: --date takes *, not \"tomorrow\"\n", "touch", "-d",
             "tomorrow", "local:", "x");
  LONGREACH (2, "",
             "longreach: touch: --date takes *, in the years 1678 to 2261, not \"1600-01-01\"\n",
             "touch", "-d", "1600-01-01", "local:", "x");
  LONGREACH (2, "", "longreach: touch: --date and --reference *\n", "touch", "-d", "@1", "-r",
             "file", "local:", "x");
  SHELL (0, "file\n", "", "ls -A");
}

Test (path_commands, touch_knows_the_times_that_it_says_it_knows)
{
  static const struct
  {
    const char *text, *seconds; /* NULL: refused */
  } times[] = {
    { "@0", "0.000000000" },
    { "@1.5", "1.500000000" },
    { "@1.0000000019", "1.000000001" },
    { "@-0.5", "-0.500000000" },
    { "@4102444800", "4102444800.000000000" },
    { "1970-01-01T00:00:00Z", "0.000000000" },
    { "1970-01-01T01:00:00+01:00", "0.000000000" },
    { "1969-12-31T22:30-0130", "0.000000000" },
    { "1970-01-01T05:00:00.25+05", "0.250000000" },
    { "2024-02-29 12:00:00,000000001Z", "1709208000.000000001" },
    { "2026-11-22T10:00:00", "1795338000.000000000" },
    { "2026-07-22T10:00", "1784707200.000000000" },
    { "2026-11-22", "1795302000.000000000" },
    { "1969-12-31T23:59:59Z", "-1.000000000" },
    { "", NULL },
    { "@", NULL },
    { "@1.", NULL },
    { "@+1", NULL },
    { "@1 ", NULL },
    { "@99999999999", NULL },
    { "@99999999999999999999", NULL },
    { "1234", NULL },
    { "2026-11-22T", NULL },
    { "2026-11-22T10", NULL },
    { "2026-11-22T24:00:00Z", NULL },
    { "2026-11-22T10:60:00Z", NULL },
    { "2026-11-22T10:00:60Z", NULL },
    { "2026-11-22T10:00:00.Z", NULL },
    { "2026-11-22T10:00:00z", NULL },
    { "2026-11-22T10:00:00+1", NULL },
    { "2026-11-22T10:00:00+01:", NULL },
    { "2026-11-22T10:00:00Zx", NULL },
    { "2026-02-29", NULL },
    { "2026-00-10", NULL },
    { "2026-13-10", NULL },
    { "2026-10-00", NULL },
    { "26-11-22", NULL },
    { "2263-01-01T00:00:00Z", NULL },
  };
  setenv ("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    if (times[i].seconds == NULL)
      LONGREACH (2, "", "longreach: touch: --date takes *\n", "touch", "-d", times[i].text,
                 "local:", "file");
    else
      {
        succeed ("touch", "-d", times[i].text, "local:", "file", NULL);
        expect_times ("file", times[i].seconds, times[i].seconds);
      }
}

/* ---- mktemp and df ---- */

Test (path_commands, mktemp_makes_a_file_or_a_directory_and_prints_its_path)
{
  succeed ("mkdir", "local:", "d", NULL);
  struct finished got =
      run_longreach (NULL, 0, "mktemp", "-d", "--prefix=a b-", "local:", "d", NULL);
  cr_assert_eq (got.status, 0, "%s", got.error);
  cr_expect (matches_pattern ("d/a b-*\n", got.output), "%s", got.output);
  got.output[strcspn (got.output, "\n")] = '\0';
  cr_expect_eq (mode_of (got.output), 0700);
  free_finished (&got);
  SHELL (0, "600\n", "", "stat -c %a \"$(TMPDIR=$PWD/d longreach mktemp local:)\"");
  LONGREACH (0, "{\"path\":\"d/*\"}\n", "", "mktemp", "--json", "local:", "d");
  SHELL (2, "0\n", "longreach: cannot write to standard output: No space left on device\n",
         "mkdir e; longreach mktemp local: e > /dev/full; status=$?; ls e | wc -l; exit $status");
  LONGREACH (3, "", "longreach: localhost: prefix: *\n", "mktemp", "--prefix=a/b", "local:", "d");
  LONGREACH (1, "", "longreach: localhost: cannot make a file in nosuch: No such file *\n",
             "mktemp", "local:", "nosuch");
}

Test (path_commands, df_says_how_much_room_there_is)
{
  LONGREACH (0, "*path*.\n*size*free*available*files*read-only*no\n", "", "df", "local:");
  LONGREACH (0, "{\"path\":\"/\",\"block_size\":*,\"read_only\":*}\n", "", "df", "--json",
             "local:", "/");
  LONGREACH (1, "", "longreach: localhost: *nosuch: No such file or directory\n", "df",
             "local:", "nosuch");
}

/* ---- all of them ---- */

Test (path_commands, words_that_are_missing_or_too_many_are_wrong_usage)
{
  LONGREACH (2, "", "longreach: ls needs URL [PATH...]*", "ls");
  LONGREACH (2, "", "longreach: mkdir needs URL PATH...*", "mkdir", "local:");
  LONGREACH (2, "", "longreach: rm needs URL PATH...*", "rm", "local:");
  LONGREACH (2, "", "longreach: mv needs URL SOURCE... TARGET*", "mv", "local:", "a");
  LONGREACH (2, "", "longreach: ln needs URL TARGET... PATH*", "ln", "local:", "a");
  LONGREACH (2, "", "longreach: readlink takes no more operands than URL PATH, so b*", "readlink",
             "local:", "a", "b");
  LONGREACH (2, "", "longreach: chmod needs URL MODE PATH...*", "chmod", "local:", "600");
  LONGREACH (2, "", "longreach: chown needs URL USER*", "chown", "local:", "0");
  LONGREACH (2, "", "longreach: mktemp takes no more operands than URL [DIRECTORY*", "mktemp",
             "local:", "a", "b");
  LONGREACH (2, "", "longreach: df takes no more operands than URL *", "df", "local:", "a", "b");
  LONGREACH (2, "", "longreach: rm: there is no option --bogus; see longreach rm --help\n", "rm",
             "--bogus", "local:", "a");
}

Test (path_commands, the_plain_protocol_has_none_of_them)
{
  static const char *const names[] = { "ls", "rm", "readlink", "df", "mkdir" };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    LONGREACH (3, "", "longreach: localhost: *protocol=plain*\n", names[i], "-o", "protocol=plain",
               "local:", "x");
}
