/* What is refused because somebody else could have written it: plugins, configuration files, and
   dispatchers, by what holds for the file, its directory, and the directories on the way.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static void
set_up (void)
{
  make_directory ();
  unsetenv ("LONGREACH_PLUGIN_PATH");
}

TestSuite (trust, .init = set_up, .fini = remove_directory, .timeout = 120);

/* ---- what can be refused ---- */

static void
pass_on (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

/* One that starts the installed dispatcher, and one that sends the portable one.  */
LR_CONNECTOR (same, "same", "this system", .target_form = LR_TARGET_NONE, .flags = LR_SAME_SYSTEM,
              .wrap = pass_on);
LR_CONNECTOR (other, "other", "another one", .target_form = LR_TARGET_NONE, .wrap = pass_on);

static void
make_plugin (const char *file)
{
  compile_plugin ("CC",
                  "#include <longreach/connector.h>\n"
                  "static void wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)\n"
                  "{ (void) hop; lr_command_append (out, inner); }\n"
                  "LR_CONNECTOR (x, \"x\", \"x\", .target_form = LR_TARGET_NAME, .wrap = wrap);\n"
                  "LR_PLUGIN (\"1\", &x);\n",
                  file, false);
}

static void
make_declared (const char *file)
{
  static const char text[] =
      "[connector]\nschema = x\ndescription = x\ntarget = name\ncommand = {command}\n";
  write_file (file, text, strlen (text), 0644);
}

static void
make_config (const char *file)
{
  static const char text[] = "[longreach]\ndefault_schema = x\n";
  write_file (file, text, strlen (text), 0644);
}

static void
make_dispatcher (const char *file)
{
  static const char text[] = "#!/bin/sh\nexit 5\n";
  write_file (file, text, strlen (text), 0755);
}

static int
use_plugin (lr_registry *registry, const char *file, struct lr_error *error)
{
  char directory[700];
  snprintf (directory, sizeof directory, "%s", file);
  *strrchr (directory, '/') = '\0';
  cr_assert_eq (lr_registry_add_directory (registry, directory, NULL), 0);
  return lr_registry_load (registry, "x", error);
}

static int
use_config (lr_registry *registry, const char *file, struct lr_error *error)
{
  struct lr_setting_list *list;
  cr_assert_eq (lr_registry_set_config (registry, file, NULL), 0);
  int status = lr_registry_settings (registry, &list, error);
  lr_free (list);
  return status;
}

/* Whether it is started, which is all that this one can be, or else why not.  */
static int
open_with (lr_registry *registry, const char *url, const char *directory, struct lr_error *error)
{
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  setenv ("LONGREACH_DISPATCHER_DIR", directory, 1);
  cr_assert_eq (lr_open (registry, &args, &connection, error), -1);
  return strstr (error->message, "it is not used") == NULL ? 0 : -1;
}

static int
use_dispatcher (lr_registry *registry, const char *file, struct lr_error *error)
{
  char directory[700];
  snprintf (directory, sizeof directory, "%s", file);
  *strrchr (directory, '/') = '\0';
  return open_with (registry, "same:", directory, error);
}

static int
use_portable (lr_registry *registry, const char *file, struct lr_error *error)
{
  char directory[700];
  snprintf (directory, sizeof directory, "%s", file);
  for (int i = 0; i < 3; i++)
    *strrchr (directory, '/') = '\0';
  return open_with (registry, "other:", directory, error);
}

static const struct kind
{
  const char *name;
  void (*make) (const char *file);
  int (*use) (lr_registry *registry, const char *file, struct lr_error *error);
  enum lr_error_kind error;
  const char *refusal;      /* what is said behind the file's name */
  const char *of_directory; /* the same where it is because of the directory */
  bool is_searched;         /* its directory is, so that a sticky bit doesn't help */
} kinds[] = {
  { "plugin", make_plugin, use_plugin, LR_ERROR_PLUGIN, ": it is not used, because ",
    ": it is not used, because of its directory: it", true },
  { "config", make_config, use_config, LR_ERROR_INVALID_VALUE, ": it is not read, because ", NULL,
    false },
  { "dispatcher", make_dispatcher, use_dispatcher, LR_ERROR_IO, ": it is not used, because ", NULL,
    false },
  { "portable", make_dispatcher, use_portable, LR_ERROR_IO, ": it is not used, because ", NULL,
    false },
  { "declared", make_declared, use_plugin, LR_ERROR_PLUGIN, ": it is not used, because ",
    ": it is not used, because of its directory: it", true },
};

/* ---- where they are ----

   TOP/way/there/FILE; for the portable one the last two are what its place is called.  FILE may be
   a link to TOP/target/real.  */

enum part
{
  FILE_ITSELF,
  DIRECTORY,
  ON_THE_WAY,
  TARGET,
  TARGET_DIRECTORY,
  NOTHING,
};

struct place
{
  char way[512], directory[600], file[700];
};

static struct place
make_place (const struct kind *kind, bool linked)
{
  struct place place;
  struct utsname machine;
  bool portable = strcmp (kind->name, "portable") == 0;
  cr_assert_eq (uname (&machine), 0);
  snprintf (place.way, sizeof place.way, "%s/%s", path_in (kind->name),
            portable ? "portable" : "way");
  snprintf (place.directory, sizeof place.directory, "%s/%s%s", place.way,
            portable ? "linux-" : "there", portable ? machine.machine : "");
  snprintf (place.file, sizeof place.file, "%s/%s", place.directory,
            kind->make == make_dispatcher ? "longreach-dispatcher"
            : kind->make == make_declared ? "file.connector"
                                          : "file.so");
  cr_assert_eq (mkdir (path_in (kind->name), 0755), 0);
  cr_assert_eq (mkdir (path_in ("target"), 0755), 0);
  cr_assert_eq (mkdir (place.way, 0755), 0);
  cr_assert_eq (mkdir (place.directory, 0755), 0);
  kind->make (linked ? path_in ("target/real") : place.file);
  if (linked)
    cr_assert_eq (symlink (path_in ("target/real"), place.file), 0);
  return place;
}

static const char *
path_of (const struct place *place, enum part part)
{
  switch (part)
    {
    case FILE_ITSELF:
      return place->file;
    case DIRECTORY:
      return place->directory;
    case ON_THE_WAY:
      return place->way;
    case TARGET:
      return path_in ("target/real");
    default:
      return path_in ("target");
    }
}

/* Expect that KIND's file is used, or refused with CLAUSE, which is said of PART.  */
static void
expect_use (const struct kind *kind, const struct place *place, enum part part, const char *clause,
            const char *what)
{
  struct lr_error error;
  char expected[1600];
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_connector (registry, &same, NULL), 0);
  cr_assert_eq (lr_registry_add_connector (registry, &other, NULL), 0);
  int status = kind->use (registry, place->file, &error);
  lr_registry_free (registry);
  if (clause == NULL)
    {
      cr_expect_eq (status, 0, "%s, %s: %s", kind->name, what, error.message);
      return;
    }
  if (kind->of_directory != NULL && part == DIRECTORY)
    snprintf (expected, sizeof expected, "%s%s%s", place->file, kind->of_directory, clause);
  else
    snprintf (expected, sizeof expected, "%s%s%s%s%s", place->file, kind->refusal,
              kind->is_searched && part == ON_THE_WAY ? "of its directory: " : "",
              part == FILE_ITSELF ? "it" : path_of (place, part), clause);
  cr_expect_eq (status, -1, "%s, %s: it is used", kind->name, what);
  cr_expect_eq (error.kind, kind->error, "%s, %s: %s", kind->name, what,
                lr_error_kind_name (error.kind));
  cr_expect_str_eq (error.message, expected, "%s, %s\nsays  %s\nnot   %s", kind->name, what,
                    error.message, expected);
}

/* ---- the table ---- */

/* A user and a group that are nobody's here, by number, and so without a name.  */
#define STRANGER 61234

static const struct
{
  const char *what;
  enum part part;
  unsigned mode;
  uid_t owner;
  gid_t group;
  const char *clause; /* NULL: it is used */
} rows[] = {
  { "as it should be", NOTHING, 0755, 0, 0, NULL },
  { "a private file", FILE_ITSELF, 0700, 0, 0, NULL },
  { "a file of another's group, which can't write it", FILE_ITSELF, 0755, 0, STRANGER, NULL },
  { "a file for everybody", FILE_ITSELF, 0757, 0, 0,
    " can be written by everybody (its mode is 0757)" },
  { "a file for a group", FILE_ITSELF, 0775, 0, STRANGER,
    " can be written by the group 61234 (its mode is 0775)" },
  { "a file for root's group", FILE_ITSELF, 0775, 0, 0, NULL },
  { "another's file", FILE_ITSELF, 0755, STRANGER, 0,
    " belongs to 61234, who is neither root, nor you, nor the owner of longreach" },
  { "a directory for everybody", DIRECTORY, 0777, 0, 0,
    " can be written by everybody (its mode is 0777)" },
  { "a directory for a group", DIRECTORY, 0775, 0, STRANGER,
    " can be written by the group 61234 (its mode is 0775)" },
  { "a directory for root's group", DIRECTORY, 0775, 0, 0, NULL },
  { "another's directory", DIRECTORY, 0755, STRANGER, 0,
    " belongs to 61234, who is neither root, nor you, nor the owner of longreach" },
  { "a directory on the way, for everybody", ON_THE_WAY, 0777, 0, 0,
    " can be written by everybody (its mode is 0777)" },
  { "a directory on the way, where all may add and none move", ON_THE_WAY, 01777, 0, 0, NULL },
  { "another's directory on the way", ON_THE_WAY, 01755, STRANGER, 0,
    " belongs to 61234, who is neither root, nor you, nor the owner of longreach" },
  { "a link to a file for everybody", TARGET, 0757, 0, 0,
    " can be written by everybody (its mode is 0757)" },
  { "a link to another's file", TARGET, 0755, STRANGER, 0,
    " belongs to 61234, who is neither root, nor you, nor the owner of longreach" },
  { "a link into a directory for everybody", TARGET_DIRECTORY, 0777, 0, 0,
    " can be written by everybody (its mode is 0777)" },
  { "a link to a file that is well", TARGET, 0755, 0, 0, NULL },
};

Test (trust, what_others_could_have_written_is_refused)
{
  need_root ();
  cr_assert (getpwuid (STRANGER) == NULL && getgrgid (STRANGER) == NULL);
  for (size_t k = 0; k < COUNT (kinds); k++)
    for (size_t i = 0; i < COUNT (rows); i++)
      {
        struct place place =
            make_place (&kinds[k], rows[i].part == TARGET || rows[i].part == TARGET_DIRECTORY);
        const char *path = path_of (&place, rows[i].part);
        cr_assert_eq (chown (path, rows[i].owner, rows[i].group), 0);
        cr_assert_eq (chmod (path, rows[i].mode), 0);
        expect_use (&kinds[k], &place, rows[i].part, rows[i].clause, rows[i].what);
        remove_directory ();
        make_directory ();
      }
}

Test (trust, in_a_directory_that_is_searched_nobody_else_may_add_either)
{
  for (size_t k = 0; k < COUNT (kinds); k++)
    {
      struct place place = make_place (&kinds[k], false);
      cr_assert_eq (chmod (place.directory, 01777), 0);
      expect_use (&kinds[k], &place, DIRECTORY,
                  kinds[k].is_searched ? " can be written by everybody (its mode is 1777)" : NULL,
                  "a sticky directory");
      remove_directory ();
      make_directory ();
    }
}

/* An access control list as the kernel keeps it: owner, user STRANGER, group, mask, others.  */
static bool
let_stranger_write (const char *path)
{
  static const unsigned char list[] = {
    2,    0, 0, 0,                         /* version */
    1,    0, 7, 0, 0xff, 0xff, 0xff, 0xff, /* owner: rwx */
    2,    0, 6, 0, 0x32, 0xef, 0,    0,    /* 61234: rw- */
    4,    0, 5, 0, 0xff, 0xff, 0xff, 0xff, /* group: r-x */
    0x10, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, /* mask: rwx */
    0x20, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, /* others: r-x */
  };
  if (setxattr (path, "system.posix_acl_access", list, sizeof list, 0) == 0)
    return true;
  cr_assert_eq (errno, ENOTSUP, "%s", strerror (errno));
  return false;
}

Test (trust, an_access_control_list_is_seen_behind_the_mode)
{
  for (size_t k = 0; k < COUNT (kinds); k++)
    {
      struct place place = make_place (&kinds[k], false);
      if (!let_stranger_write (place.file))
        {
          cr_assert_null (getenv ("CI"), "there are no access control lists here");
          skip_test ("there are no access control lists here");
        }
      expect_use (&kinds[k], &place, FILE_ITSELF,
                  " can be written by those in its access control list", "a list");
      remove_directory ();
      make_directory ();
    }
}

/* Even where a good one comes behind it: a broken installation must not look like another one.  */
Test (trust, nothing_falls_through_to_the_next_plugin)
{
  struct lr_error error;
  struct lr_connector_list *list;
  char expected[600];
  cr_assert_eq (mkdir (path_in ("bad"), 0755), 0);
  cr_assert_eq (mkdir (path_in ("good"), 0755), 0);
  make_plugin (path_in ("bad/x.so"));
  make_plugin (path_in ("good/x.so"));
  cr_assert_eq (chmod (path_in ("bad"), 0777), 0);
  lr_registry *registry = lr_registry_new ();
  lr_registry_add_directory (registry, path_in ("bad"), NULL);
  lr_registry_add_directory (registry, path_in ("good"), NULL);
  snprintf (expected, sizeof expected,
            "%s: it is not used, because of its directory: it can be written by everybody (its "
            "mode is 0777)",
            path_in ("bad/x.so"));
  cr_expect_eq (lr_registry_load (registry, "x", &error), -1);
  cr_expect_str_eq (error.message, expected);
  cr_assert_eq (lr_registry_list (registry, &list, NULL), 0);
  cr_expect_str_eq (list->items[0]->schema, "x");
  cr_expect_str_eq (list->items[0]->problem, expected);
  cr_expect_str_eq (list->items[1]->shadowed_by, path_in ("bad/x.so"));
  lr_free (list);
  lr_registry_free (registry);
}

/* What the process may do counts, and not who started it: files of the effective user are its
   own.  */
Test (trust, what_belongs_to_this_user_is_trusted)
{
  need_root ();
  struct place place = make_place (&kinds[1], false);
  cr_assert_eq (chown (place.file, ORDINARY_ID, ORDINARY_ID), 0);
  cr_assert_eq (chown (place.directory, ORDINARY_ID, ORDINARY_ID), 0);
  cr_assert_eq (seteuid (ORDINARY_ID), 0);
  expect_use (&kinds[1], &place, NOTHING, NULL, "one's own file");
  cr_assert_eq (seteuid (0), 0);
}

/* A group that is the owner's alone lets nobody else write.  */
Test (trust, a_private_group_may_write)
{
  need_root ();
  const struct passwd *user = getpwnam ("daemon");
  const struct group *group = user == NULL ? NULL : getgrgid (user->pw_gid);
  if (group == NULL || strcmp (group->gr_name, "daemon") != 0 || group->gr_mem[0] != NULL)
    skip_test ("the account daemon has no group of its own");
  struct place place = make_place (&kinds[1], false);
  cr_assert_eq (chown (place.file, user->pw_uid, user->pw_gid), 0);
  cr_assert_eq (chmod (place.file, 0664), 0);
  cr_assert_eq (seteuid (user->pw_uid), 0);
  expect_use (&kinds[1], &place, NOTHING, NULL, "the owner's own group");
  /* But another file's owner has nothing to do with it.  */
  cr_assert_eq (seteuid (0), 0);
  cr_assert_eq (chown (place.file, 0, user->pw_gid), 0);
  cr_assert_eq (seteuid (user->pw_uid), 0);
  expect_use (&kinds[1], &place, FILE_ITSELF,
              " can be written by the group daemon (its mode is 0664)", "another's own group");
  cr_assert_eq (seteuid (0), 0);
}

/* The owner is the user some, STRANGER, whose first group has that number, too.  */
static const struct
{
  const char *what;
  const char *entry; /* of the group that may write */
  gid_t group;
  const char *clause; /* NULL: it is used */
} groups[] = {
  { "a group of the owner's name", "some:x:61234:\n", STRANGER, NULL },
  { "one that lists the owner, too", "some:x:61234:some\n", STRANGER, NULL },
  { "one with another member", "some:x:61234:some,other\n", STRANGER,
    " can be written by the group some (its mode is 0664)" },
  { "the owner's first group, by another name", "all:x:61234:\n", STRANGER,
    " can be written by the group all (its mode is 0664)" },
  { "a group of the owner's name that is not the first", "some:x:61235:\n", STRANGER + 1,
    " can be written by the group some (its mode is 0664)" },
};

Test (trust, a_private_group_has_the_name_of_its_owner_and_nobody_else, .fini = end_work)
{
  static const char passwd[] = "root:x:0:0::/:/bin/sh\nsome:x:61234:61234::/:/bin/sh\n";
  need_mounts ();
  struct place place = make_place (&kinds[1], false);
  write_file (path_in ("passwd"), passwd, strlen (passwd), 0644);
  mount_at ("/etc/passwd", path_in ("passwd"), NULL, MS_BIND, NULL);
  write_file (path_in ("group"), "", 0, 0644);
  mount_at ("/etc/group", path_in ("group"), NULL, MS_BIND, NULL);
  for (size_t i = 0; i < COUNT (groups); i++)
    {
      write_file (path_in ("group"), groups[i].entry, strlen (groups[i].entry), 0644);
      cr_assert_eq (chown (place.file, STRANGER, groups[i].group), 0);
      cr_assert_eq (chmod (place.file, 0664), 0);
      cr_assert_eq (seteuid (STRANGER), 0);
      expect_use (&kinds[1], &place, FILE_ITSELF, groups[i].clause, groups[i].what);
      cr_assert_eq (seteuid (0), 0);
    }
}

/* Whoever may write there could put another directory in the place of any.  */
Test (trust, the_root_counts_as_a_directory_on_the_way)
{
  struct lr_error error;
  need_root ();
  int outside = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  cr_assert_eq (mkdir (path_in ("root"), 0755), 0);
  cr_assert_eq (chmod (path_in ("root"), 0777), 0);
  make_config (path_in ("root/file"));
  cr_assert_eq (chroot (path_in ("root")), 0);
  lr_registry *registry = lr_registry_new ();
  int status = use_config (registry, "/file", &error);
  cr_assert (fchdir (outside) == 0 && chroot (".") == 0);
  close (outside);
  lr_registry_free (registry);
  cr_expect_eq (status, -1);
  cr_expect_str_eq (error.message, "/file: it is not read, because / can be written by everybody "
                                   "(its mode is 0777)");
}

/* Prints what is wrong with the configuration that is named, if anything is.  */
static const char check_config[] = "#include <longreach/longreach.h>\n"
                                   "#include <stdio.h>\n"
                                   "int main (int argc, char **argv) {\n"
                                   "  struct lr_error error = { 0 };\n"
                                   "  struct lr_setting_list *list;\n"
                                   "  lr_registry *registry = lr_registry_new ();\n"
                                   "  lr_registry_set_config (registry, argv[argc - 1], NULL);\n"
                                   "  lr_registry_settings (registry, &list, &error);\n"
                                   "  fputs (error.message, stdout);\n"
                                   "  lr_free (list);\n"
                                   "  lr_registry_free (registry);\n"
                                   "  return 0;\n"
                                   "}\n";

/* Whoever owns the library decides what its programs do anyway; but not where it was found by a
   relative path, which leads to another one for each place a program is started in.  */
Test (trust, the_owner_of_the_library_is_trusted)
{
  char include[1100];
  need_root ();
  struct place place = make_place (&kinds[1], false);
  cr_assert_eq (chown (place.file, ORDINARY_ID, ORDINARY_ID), 0);
  write_file (path_in ("check.c"), check_config, strlen (check_config), 0644);
  copy_library (path_in ("library"));
  snprintf (include, sizeof include, "%s/include", source_tree ());
  compile_program (include, path_in ("check.c"), path_in ("library"), path_in ("check"));
  const char *const command[] = { "env",      "-u", "LD_LIBRARY_PATH", path_in ("check"),
                                  place.file, NULL };
  for (int owned = 0; owned < 2; owned++)
    {
      if (owned)
        cr_assert_eq (chown (path_in ("library/liblongreach.so"), ORDINARY_ID, ORDINARY_ID), 0);
      struct finished finished = run_program (command, NULL, 0);
      cr_expect_eq (finished.status, 0, "%s", finished.error);
      cr_expect_eq (strstr (finished.output, "the owner of longreach") == NULL, owned, "%s",
                    finished.output);
      free_finished (&finished);
    }
  const char *const relative[] = { "sh",
                                   "-c",
                                   "cd \"${1%/*}\" && LD_LIBRARY_PATH=library exec \"$1\" \"$2\"",
                                   "sh",
                                   path_in ("check"),
                                   place.file,
                                   NULL };
  struct finished finished = run_program (relative, NULL, 0);
  cr_expect_eq (finished.status, 0, "%s", finished.error);
  cr_expect_not_null (strstr (finished.output, "the owner of longreach"), "%s", finished.output);
  free_finished (&finished);
}
