/* lr_upload on the real dispatcher of this machine: what becomes of the target and its directory,
   whatever the target is and whatever goes wrong.

   Each test ends by comparing what is in the directory with what should be: nothing temporary.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define UPLOAD(...) ((struct lr_upload_args) LR_UPLOAD_ARGS (__VA_ARGS__))
#define TEXT(literal)                                                                              \
  {                                                                                                \
    literal, sizeof (literal) - 1                                                                  \
  }
#define OLD "the old content"
#define NEW "new"

enum
{
  KIB = 1 << 10,
  MIB = 1 << 20,
};

/* ---- fixtures ---- */

static void
must_upload (lr_connection *connection, struct lr_upload_args args)
{
  struct lr_error error;
  cr_assert_eq (lr_upload (connection, &args, &error), 0, "%s", error.message);
}

static void
expect_upload_failure (lr_connection *connection, struct lr_upload_args args, struct failure wanted,
                       const char *what)
{
  struct lr_error error;
  expect_failure (lr_upload (connection, &args, &error), &error, wanted, what);
}

/* A file OLD of the dispatcher's user, with mode 644.  */
static void
write_old (const char *path)
{
  write_file (path, OLD, strlen (OLD), 0644);
  if (is_ordinary ())
    cr_assert_eq (chown (path, dispatcher_uid (), dispatcher_gid ()), 0);
}

static void
expect_content (const char *path, const char *wanted, size_t size)
{
  size_t have;
  char *content = read_file (path, &have);
  cr_expect_eq (have, size, "%s: %zu bytes instead of %zu", path, have, size);
  cr_expect (have != size || memcmp (content, wanted, size) == 0, "%s: another content", path);
  free (content);
}

static void
expect_text (const char *path, const char *wanted)
{
  expect_content (path, wanted, strlen (wanted));
}

static struct stat
look_at (const char *path)
{
  struct stat info;
  cr_assert_eq (lstat (path, &info), 0, "%s: %s", path, strerror (errno));
  return info;
}

static void
expect_meta (const char *path, mode_t mode, uid_t uid, gid_t gid, const char *what)
{
  struct stat info = look_at (path);
  cr_expect (S_ISREG (info.st_mode), "%s: not a regular file", what);
  cr_expect_eq (info.st_mode & 07777, mode, "%s: mode %o instead of %o", what, info.st_mode & 07777,
                mode);
  cr_expect_eq (info.st_uid, uid, "%s: uid %u instead of %u", what, info.st_uid, uid);
  cr_expect_eq (info.st_gid, gid, "%s: gid %u instead of %u", what, info.st_gid, gid);
}

/* What makes a file the one it was: all but the times.  */
static void
expect_untouched (const char *path, const struct stat *before, const char *what)
{
  struct stat now = look_at (path);
  cr_expect_eq (now.st_ino, before->st_ino, "%s: another file", what);
  cr_expect_eq (now.st_mode, before->st_mode, "%s: mode %o instead of %o", what, now.st_mode,
                before->st_mode);
  cr_expect_eq (now.st_uid, before->st_uid, "%s: another owner", what);
  cr_expect_eq (now.st_gid, before->st_gid, "%s: another group", what);
  cr_expect_eq (now.st_size, before->st_size, "%s: another size", what);
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* DIRECTORY holds exactly NAMES, which are sorted and joined by slashes.  */
static void
expect_entries (const char *directory, const char *names)
{
  char *found[64];
  char joined[4096] = "";
  size_t count = 0, used = 0;
  DIR *stream = opendir (directory);
  cr_assert_not_null (stream, "%s", directory);
  for (struct dirent *entry; (entry = readdir (stream)) != NULL;)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      {
        cr_assert_lt (count, COUNT (found));
        found[count] = strdup (entry->d_name);
        cr_assert_not_null (found[count]);
        count++;
      }
  closedir (stream);
  qsort (found, count, sizeof found[0], compare_names);
  for (size_t i = 0; i < count; i++)
    {
      used += (size_t) snprintf (joined + used, sizeof joined - used, "%s%s", i == 0 ? "" : "/",
                                 found[i]);
      free (found[i]);
    }
  cr_expect_str_eq (joined, names, "%s holds %s instead of %s", directory, joined, names);
}

static void
make_directory_at (const char *path, mode_t mode)
{
  cr_assert_eq (mkdir (path, 0755), 0);
  cr_assert_eq (chmod (path, mode), 0);
}

static void
make_link (const char *text, const char *path)
{
  cr_assert_eq (symlink (text, path), 0, "%s: %s", path, strerror (errno));
}

/* ---- a new file ---- */

TEST_AS_BOTH (new_file, is_mode_600_and_the_dispatchers_own)
{
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW)));
  expect_meta (in_work ("file"), 0600, dispatcher_uid (), dispatcher_gid (), "default");
  expect_text (in_work ("file"), NEW);
  expect_entries (in_work (""), "file");
}

static const struct
{
  const char *given;
  mode_t mode;
} modes[] = {
  { "0", 0 },        { "000", 0 },      { "7", 07 },       { "600", 0600 },
  { "0644", 0644 },  { "755", 0755 },   { "0777", 0777 },  { "1777", 01777 },
  { "2755", 02755 }, { "4755", 04755 }, { "7777", 07777 },
};

static void
upload_with_each_mode (lr_connection *connection)
{
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW),
                                       .mode = modes[i].given));
      expect_meta (in_work ("file"), modes[i].mode, dispatcher_uid (), dispatcher_gid (),
                   modes[i].given);
      cr_assert_eq (unlink (in_work ("file")), 0);
    }
}

TEST_AS_BOTH (new_file, takes_the_mode_it_is_given)
{
  upload_with_each_mode (connection);
}

static void
with_narrow_umask (connected_body *body)
{
  umask (0777);
  with_own_dispatcher (body);
}

TEST_WITH (new_file, takes_its_mode_whatever_the_umask_is, with_narrow_umask)
{
  upload_with_each_mode (connection);
}

TEST_AS_ROOT (new_file, takes_owner_and_group_by_name_or_id)
{
  static const struct
  {
    const char *owner, *group;
    uid_t uid;
    gid_t gid;
  } rows[] = {
    { "nobody", NULL, 65534, 65534 },
    { "65534", NULL, 65534, 65534 },
    { NULL, "nogroup", 0, 65534 },
    { "nobody", "root", 65534, 0 },
    { "root", "65534", 0, 65534 },
    { "54321", NULL, 54321, 0 }, /* no entry, so no primary group either */
    { "54321", "54322", 54321, 54322 },
    { NULL, "54322", 0, 54322 },
    { "4294967294", "4294967294", 4294967294U, 4294967294U },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      must_upload (connection,
                   UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .mode = "4751",
                           .owner = rows[i].owner, .group = rows[i].group));
      expect_meta (in_work ("file"), 04751, rows[i].uid, rows[i].gid,
                   rows[i].owner == NULL ? "no owner" : rows[i].owner);
    }
  expect_entries (in_work (""), "file");
}

TEST_AS_ROOT (new_file, gets_the_primary_group_of_the_given_owner)
{
  const struct passwd *user;
  while ((user = getpwent ()) != NULL && (user->pw_gid == user->pw_uid || user->pw_gid == 0))
    continue;
  if (user == NULL)
    skip_test ("no user here has a primary group of another number");
  must_upload (connection, UPLOAD (.file = in_work ("file"), .owner = user->pw_name));
  expect_meta (in_work ("file"), 0600, user->pw_uid, user->pw_gid, user->pw_name);
}

TEST_AS_USER (new_file, may_be_given_to_oneself_but_to_nobody_else)
{
  static const struct
  {
    const char *owner, *group;
    bool allowed;
  } rows[] = {
    { "nobody", NULL, true }, { NULL, "nogroup", true },   { "65534", "65534", true },
    { "root", NULL, false },  { NULL, "root", false },     { "54321", NULL, false },
    { NULL, "54321", false }, { "nobody", "root", false },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_upload_args args = UPLOAD (.file = in_work ("file"), .content = TEXT (NEW),
                                           .owner = rows[i].owner, .group = rows[i].group);
      if (rows[i].allowed)
        {
          must_upload (connection, args);
          expect_meta (in_work ("file"), 0600, 65534, 65534, "own");
          cr_assert_eq (unlink (in_work ("file")), 0);
        }
      else
        expect_upload_failure (connection, args, remote_os (EPERM), "another's");
      expect_entries (in_work (""), "");
    }
}

TEST_AS_BOTH (new_file, in_a_setgid_directory_has_the_dispatchers_group)
{
  need_root ();
  cr_assert_eq (chown (in_work (""), (uid_t) -1, is_ordinary () ? 0 : ORDINARY_ID), 0);
  cr_assert_eq (chmod (in_work (""), 02777), 0);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .mode = "640"));
  expect_meta (in_work ("file"), 0640, dispatcher_uid (), dispatcher_gid (), "setgid directory");
}

TEST_AS_BOTH (new_file, may_have_any_name)
{
  char longest[256];
  memset (longest, 'n', 255);
  longest[255] = '\0';
  const char *const names[] = {
    longest,
    "a b",
    "'quoted' \"twice\"",
    "line\nline",
    "\xff\xfe\x80",
    "-rf",
    "$HOME `id`",
    "\\",
    "..a",
    ".hidden",
    "*",
    "\001\033[31m\177",
    " ",
    "\xc3\xbc",
  };
  for (size_t i = 0; i < COUNT (names); i++)
    {
      must_upload (connection, UPLOAD (.file = in_work (names[i]), .content = TEXT (OLD)));
      must_upload (connection, UPLOAD (.file = in_work (names[i]), .content = TEXT (NEW)));
      expect_text (in_work (names[i]), NEW);
      expect_entries (in_work (""), names[i]);
      cr_assert_eq (unlink (in_work (names[i])), 0);
    }
}

static void
with_relative_paths (connected_body *body)
{
  cr_assert_eq (chdir (path_in ("site")), 0);
  with_own_dispatcher (body);
}

TEST_WITH (new_file, may_have_a_relative_path, with_relative_paths)
{
  static const char *const paths[] = { "file", "./file", "../site/file", "..//site/.//file" };
  for (size_t i = 0; i < COUNT (paths); i++)
    {
      must_upload (connection, UPLOAD (.file = paths[i], .content = TEXT (OLD)));
      must_upload (connection, UPLOAD (.file = paths[i], .content = TEXT (NEW)));
      expect_text (in_work ("file"), NEW);
      expect_entries (in_work (""), "file");
      cr_assert_eq (unlink (in_work ("file")), 0);
    }
}

TEST_AS_BOTH (content, may_be_empty_or_absent)
{
  static const struct lr_bytes contents[] = { TEXT (""), { NULL, 0 } };
  for (size_t i = 0; i < COUNT (contents); i++)
    {
      must_upload (connection, UPLOAD (.file = in_work ("new"), .content = contents[i]));
      expect_text (in_work ("new"), "");
      write_old (in_work ("old"));
      must_upload (connection, UPLOAD (.file = in_work ("old"), .content = contents[i]));
      expect_text (in_work ("old"), "");
      cr_assert_eq (unlink (in_work ("new")), 0);
    }
}

TEST_AS_BOTH (content, arrives_byte_by_byte_at_every_size)
{
  static const size_t sizes[] = { 1, 255, 16384, 16385, 65536, 131072, 262144, 262145, 5000000 };
  char *noise = make_noise (5000000, 1);
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      must_upload (connection, UPLOAD (.file = in_work ("file"),
                                       .content = { .data = noise, .size = sizes[i] }));
      expect_content (in_work ("file"), noise, sizes[i]);
    }
  free (noise);
}

TEST_AS_SELF (content, comes_back_as_it_was_in_bulk)
{
  size_t size = bulk_size ();
  char *noise = make_noise (size, 2);
  struct lr_download_result *back;
  struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = in_work ("file"));
  must_upload (connection,
               UPLOAD (.file = in_work ("file"), .content = { .data = noise, .size = size }));
  cr_assert_eq (lr_download (connection, &args, &back, NULL), 0);
  cr_expect_eq (back->content.size, size);
  cr_expect (back->content.size == size && memcmp (back->content.data, noise, size) == 0);
  lr_free (back);
  free (noise);
  expect_entries (in_work (""), "file");
}

/* ---- values that are wrong ---- */

TEST_AS_BOTH (wrong_value, leaves_everything_as_it_was)
{
  static const struct
  {
    const char *what, *mode, *owner, *group, *field;
  } rows[] = {
    { "a digit that is not octal", .mode = "9", .field = "mode" },
    { "five digits", .mode = "77777", .field = "mode" },
    { "five digits with a zero", .mode = "00755", .field = "mode" },
    { "an empty mode", .mode = "", .field = "mode" },
    { "a prefix", .mode = "0o755", .field = "mode" },
    { "a symbolic mode", .mode = "u+x", .field = "mode" },
    { "a negative mode", .mode = "-1", .field = "mode" },
    { "a space", .mode = " 755", .field = "mode" },
    { "a newline", .mode = "755\n", .field = "mode" },
    { "an unknown owner", .owner = "no-such-user", .field = "owner" },
    { "an empty owner", .owner = "", .field = "owner" },
    { "an id that means nobody", .owner = "4294967295", .field = "owner" },
    { "a larger id", .owner = "4294967296", .field = "owner" },
    { "an id beyond all", .owner = "99999999999999999999999", .field = "owner" },
    { "a negative id", .owner = "-1", .field = "owner" },
    { "owner and group in one", .owner = "root:root", .field = "owner" },
    { "an unknown group", .group = "no-such-group", .field = "group" },
    { "an empty group", .group = "", .field = "group" },
    { "a group id that means nobody", .group = "4294967295", .field = "group" },
    { "a negative group id", .group = "-1", .field = "group" },
    { "mode before owner", .mode = "9", .owner = "no-such-user", .field = "mode" },
    { "owner before group", .owner = "no-such-user", .group = "no-such-group", .field = "owner" },
  };
  static const char *const targets[] = { "old", "new", "dangling" };
  write_old (in_work ("old"));
  make_link ("target", in_work ("dangling"));
  struct stat before = look_at (in_work ("old"));
  for (size_t i = 0; i < COUNT (rows); i++)
    for (size_t j = 0; j < COUNT (targets); j++)
      {
        expect_upload_failure (connection,
                               UPLOAD (.file = in_work (targets[j]), .content = TEXT (NEW),
                                       .mode = rows[i].mode, .owner = rows[i].owner,
                                       .group = rows[i].group),
                               invalid_value (rows[i].field), rows[i].what);
        expect_untouched (in_work ("old"), &before, rows[i].what);
        expect_text (in_work ("old"), OLD);
        expect_entries (in_work (""), "dangling/old");
      }
}

TEST_AS_BOTH (wrong_value, comes_before_a_target_that_is_wrong)
{
  expect_upload_failure (connection, UPLOAD (.file = "/no/such/directory/file", .mode = "9"),
                         invalid_value ("mode"), "mode");
  expect_upload_failure (connection, UPLOAD (.file = in_work (""), .owner = "no-such-user"),
                         invalid_value ("owner"), "owner");
}

/* ---- replacing ---- */

TEST_AS_BOTH (replacing, gives_another_file_with_defaults_of_its_own)
{
  write_old (in_work ("file"));
  struct stat before = look_at (in_work ("file"));
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW)));
  expect_text (in_work ("file"), NEW);
  expect_meta (in_work ("file"), 0600, dispatcher_uid (), dispatcher_gid (), "replaced");
  cr_expect_neq (look_at (in_work ("file")).st_ino, before.st_ino);
  expect_entries (in_work (""), "file");
}

TEST_AS_BOTH (replacing, leaves_the_old_file_to_who_has_it_open)
{
  char buffer[64] = "";
  write_old (in_work ("file"));
  int reader = open (in_work ("file"), O_RDONLY | O_CLOEXEC);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW)));
  cr_expect_eq (read (reader, buffer, sizeof buffer), (ssize_t) strlen (OLD));
  cr_expect_str_eq (buffer, OLD);
  close (reader);
  expect_text (in_work ("file"), NEW);
}

TEST_AS_BOTH (replacing, leaves_the_old_content_to_other_hard_links)
{
  write_old (in_work ("file"));
  cr_assert_eq (link (in_work ("file"), in_work ("other")), 0);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW)));
  expect_text (in_work ("file"), NEW);
  expect_text (in_work ("other"), OLD);
  cr_expect_eq (look_at (in_work ("other")).st_nlink, 1);
  expect_entries (in_work (""), "file/other");
}

enum
{
  SMALL_SIZE = 50000,
  LARGE_SIZE = 100000,
};

/* Read PATH until STOP exists: 0 if it always was SMALL_SIZE times 's' or LARGE_SIZE times 'l'.  */
static int
read_over_and_over (const char *path, const char *stop)
{
  static char buffer[LARGE_SIZE + 1];
  while (access (stop, F_OK) != 0)
    {
      int fd = open (path, O_RDONLY | O_CLOEXEC);
      if (fd < 0)
        return 1;
      ssize_t size = 0, got;
      while ((got = read (fd, buffer + size, sizeof buffer - (size_t) size)) > 0)
        size += got;
      close (fd);
      if (size != SMALL_SIZE && size != LARGE_SIZE)
        return 2;
      for (ssize_t i = 0; i < size; i++)
        if (buffer[i] != (size == SMALL_SIZE ? 's' : 'l'))
          return 3;
    }
  return 0;
}

TEST_AS_BOTH (replacing, shows_readers_the_old_file_or_the_new_one_whole)
{
  static char small[SMALL_SIZE], large[LARGE_SIZE];
  int status;
  memset (small, 's', sizeof small);
  memset (large, 'l', sizeof large);
  write_file (in_work ("file"), small, sizeof small, 0644);
  pid_t reader = fork ();
  if (reader == 0)
    _exit (read_over_and_over (in_work ("file"), in_work ("stop")));
  for (int i = 0; i < 300; i++)
    must_upload (connection,
                 UPLOAD (.file = in_work ("file"), .mode = "644",
                         .content = { .data = i % 2 == 0 ? large : small,
                                      .size = i % 2 == 0 ? sizeof large : sizeof small }));
  write_file (in_work ("stop"), "", 0, 0644);
  cr_assert_eq (waitpid (reader, &status, 0), reader);
  cr_expect_eq (status, 0, "the reader saw something else: %d", WEXITSTATUS (status));
  expect_entries (in_work (""), "file/stop");
}

TEST_AS_USER (replacing, needs_the_right_to_the_directory_not_to_the_file)
{
  write_file (in_work ("file"), OLD, strlen (OLD), 0600);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW)));
  expect_text (in_work ("file"), NEW);
  expect_meta (in_work ("file"), 0600, ORDINARY_ID, ORDINARY_ID, "root's before");
}

TEST_AS_USER (replacing, is_denied_anothers_file_in_a_sticky_directory)
{
  make_directory_at (path_in ("sticky"), 01777);
  write_file (path_in ("sticky/file"), OLD, strlen (OLD), 0666);
  struct stat before = look_at (path_in ("sticky/file"));
  expect_upload_failure (connection,
                         UPLOAD (.file = path_in ("sticky/file"), .content = TEXT (NEW)),
                         remote_os (EPERM), "sticky");
  expect_untouched (path_in ("sticky/file"), &before, "sticky");
  expect_text (path_in ("sticky/file"), OLD);
  expect_entries (path_in ("sticky"), "file");
}

/* ---- preserve ---- */

TEST_AS_ROOT (preserve, keeps_what_is_not_given)
{
  static const struct
  {
    const char *mode, *owner, *group;
    mode_t new_mode;
    uid_t uid;
    gid_t gid;
  } rows[] = {
    { NULL, NULL, NULL, 04751, 65534, 54321 }, { "600", NULL, NULL, 0600, 65534, 54321 },
    { NULL, "root", NULL, 04751, 0, 54321 },   { NULL, NULL, "root", 04751, 65534, 0 },
    { "0644", "root", "root", 0644, 0, 0 },
  };
  make_link ("file", in_work ("link"));
  for (size_t i = 0; i < COUNT (rows); i++)
    for (int through_link = 0; through_link < 2; through_link++)
      {
        write_file (in_work ("file"), OLD, strlen (OLD), 0600);
        cr_assert_eq (chown (in_work ("file"), 65534, 54321), 0);
        cr_assert_eq (chmod (in_work ("file"), 04751), 0);
        must_upload (connection,
                     UPLOAD (.file = in_work (through_link ? "link" : "file"),
                             .content = TEXT (NEW), .mode = rows[i].mode, .owner = rows[i].owner,
                             .group = rows[i].group, .preserve = 1));
        expect_text (in_work ("file"), NEW);
        expect_meta (in_work ("file"), rows[i].new_mode, rows[i].uid, rows[i].gid, "preserved");
        expect_entries (in_work (""), "file/link");
        cr_assert_eq (unlink (in_work ("file")), 0);
      }
}

TEST_AS_BOTH (preserve, keeps_every_mode)
{
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      write_old (in_work ("file"));
      cr_assert_eq (chmod (in_work ("file"), modes[i].mode), 0);
      must_upload (connection,
                   UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .preserve = 1));
      expect_meta (in_work ("file"), modes[i].mode, dispatcher_uid (), dispatcher_gid (),
                   modes[i].given);
      cr_assert_eq (unlink (in_work ("file")), 0);
    }
}

TEST_AS_BOTH (preserve, gives_a_new_file_the_defaults)
{
  make_link ("target", in_work ("dangling"));
  must_upload (connection, UPLOAD (.file = in_work ("file"), .preserve = 1));
  must_upload (connection, UPLOAD (.file = in_work ("dangling"), .preserve = 1));
  expect_meta (in_work ("file"), 0600, dispatcher_uid (), dispatcher_gid (), "new");
  expect_meta (in_work ("target"), 0600, dispatcher_uid (), dispatcher_gid (), "dangling");
}

TEST_AS_USER (preserve, can_not_keep_anothers_ownership)
{
  write_file (in_work ("file"), OLD, strlen (OLD), 0644);
  struct stat before = look_at (in_work ("file"));
  expect_upload_failure (connection,
                         UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .preserve = 1),
                         remote_os (EPERM), "root's");
  expect_untouched (in_work ("file"), &before, "root's");
  expect_entries (in_work (""), "file");
}

/* ---- links ---- */

TEST_AS_BOTH (link, stays_and_what_it_leads_to_is_replaced)
{
  make_directory_at (in_work ("a"), 0777);
  make_directory_at (in_work ("b"), 0777);
  char absolute[512];
  snprintf (absolute, sizeof absolute, "%s", in_work ("b/file"));
  make_link ("../b/file", in_work ("a/relative"));
  make_link (absolute, in_work ("a/absolute"));
  make_link ("../a/relative", in_work ("b/chain"));
  make_link ("b/../b/chain", in_work ("long-chain"));
  make_link ("b", in_work ("directory"));
  static const struct
  {
    const char *path;
    bool is_link;
  } rows[] = {
    { "a/relative", true }, { "a/absolute", true },      { "b/chain", true },
    { "long-chain", true }, { "directory/file", false }, { "directory/chain", true },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      write_old (in_work ("b/file"));
      struct stat before = look_at (in_work ("b/file"));
      must_upload (connection, UPLOAD (.file = in_work (rows[i].path), .content = TEXT (NEW)));
      expect_text (in_work ("b/file"), NEW);
      cr_expect_neq (look_at (in_work ("b/file")).st_ino, before.st_ino, "%s", rows[i].path);
      cr_expect_eq (S_ISLNK (look_at (in_work (rows[i].path)).st_mode), rows[i].is_link, "%s",
                    rows[i].path);
      expect_entries (in_work (""), "a/b/directory/long-chain");
      expect_entries (in_work ("a"), "absolute/relative");
      expect_entries (in_work ("b"), "chain/file");
      cr_assert_eq (unlink (in_work ("b/file")), 0);
    }
}

TEST_AS_BOTH (link, that_dangles_gets_its_target)
{
  make_directory_at (in_work ("a"), 0777);
  make_directory_at (in_work ("b"), 0777);
  make_link ("../b/target", in_work ("a/dangling"));
  make_link ("a/dangling", in_work ("chain"));
  static const char *const paths[] = { "a/dangling", "chain" };
  for (size_t i = 0; i < COUNT (paths); i++)
    {
      must_upload (connection,
                   UPLOAD (.file = in_work (paths[i]), .content = TEXT (NEW), .mode = "640"));
      expect_text (in_work ("b/target"), NEW);
      expect_meta (in_work ("b/target"), 0640, dispatcher_uid (), dispatcher_gid (), paths[i]);
      expect_entries (in_work (""), "a/b/chain");
      expect_entries (in_work ("a"), "dangling");
      expect_entries (in_work ("b"), "target");
      cr_expect (S_ISLNK (look_at (in_work (paths[i])).st_mode));
      cr_assert_eq (unlink (in_work ("b/target")), 0);
    }
}

TEST_AS_BOTH (link, that_can_not_be_followed_is_an_error)
{
  make_directory_at (in_work ("directory"), 0777);
  make_link ("loop", in_work ("loop"));
  make_link ("pong", in_work ("ping"));
  make_link ("ping", in_work ("pong"));
  make_link ("missing/target", in_work ("nowhere"));
  make_link ("directory", in_work ("to-directory"));
  make_link ("new/", in_work ("to-slash"));
  static const struct
  {
    const char *name;
    int errnum;
  } rows[] = {
    { "loop", ELOOP },          { "ping", ELOOP },      { "nowhere", ENOENT },
    { "to-directory", EISDIR }, { "to-slash", EISDIR }, { "loop/below", ELOOP },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      expect_upload_failure (connection,
                             UPLOAD (.file = in_work (rows[i].name), .content = TEXT (NEW)),
                             remote_os (rows[i].errnum), rows[i].name);
      expect_entries (in_work (""), "directory/loop/nowhere/ping/pong/to-directory/to-slash");
      expect_entries (in_work ("directory"), "");
    }
}

/* The kernel follows 40 links, and one more is a loop to it.  */
TEST_AS_BOTH (link, after_link_is_followed_as_far_as_the_kernel_goes)
{
  char name[16], before[16] = "file";
  write_old (in_work ("file"));
  for (int i = 1; i <= 41; i++)
    {
      snprintf (name, sizeof name, "%d", i);
      make_link (before, in_work (name));
      memcpy (before, name, sizeof name);
    }
  expect_text (in_work ("40"), OLD);
  must_upload (connection, UPLOAD (.file = in_work ("40"), .content = TEXT (NEW), .mode = "644"));
  expect_text (in_work ("40"), NEW);
  expect_upload_failure (connection, UPLOAD (.file = in_work ("41")), remote_os (ELOOP), "41");
}

/* ---- attributes ---- */

struct acl_entry
{
  uint16_t tag, permissions;
  uint32_t id;
};

struct acl
{
  uint32_t version;
  struct acl_entry entries[5];
};

enum
{
  NO_ID = -1,
  MASK = 3, /* index of the mask in ACL's entries */
};

/* Owner rw, user 1 rw, group r, mask rw, others nothing.  (Little-endian, as the tests' machines.)
 */
static const struct acl acl = { 2,
                                { { 0x01, 6, (uint32_t) NO_ID },
                                  { 0x02, 6, 1 },
                                  { 0x04, 4, (uint32_t) NO_ID },
                                  { 0x10, 6, (uint32_t) NO_ID },
                                  { 0x20, 0, (uint32_t) NO_ID } } };

/* Set an attribute, or skip the test where the file system keeps none.  */
static void
set_attribute (const char *path, const char *name, const void *value, size_t size)
{
  int failed = setxattr (path, name, value, size, 0);
  if (failed && errno == ENOTSUP)
    skip_test ("this file system keeps no such attributes");
  cr_assert_eq (failed, 0, "%s: %s", name, strerror (errno));
}

static void
expect_attribute (const char *path, const char *name, const void *value, size_t size)
{
  char found[256];
  ssize_t got = getxattr (path, name, found, sizeof found);
  cr_expect_eq (got, (ssize_t) size, "%s is %zd bytes", name, got);
  cr_expect (got != (ssize_t) size || memcmp (found, value, size) == 0, "%s has changed", name);
}

static void
expect_no_attribute (const char *path, const char *name)
{
  char found[256];
  cr_expect_eq (getxattr (path, name, found, sizeof found), -1, "%s is there", name);
}

TEST_AS_BOTH (attributes, of_the_user_are_carried_over)
{
  write_old (in_work ("file"));
  set_attribute (in_work ("file"), "user.text", "text", 4);
  set_attribute (in_work ("file"), "user.bytes", "\0\xff\n", 3);
  set_attribute (in_work ("file"), "user.empty", "", 0);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW)));
  expect_text (in_work ("file"), NEW);
  expect_attribute (in_work ("file"), "user.text", "text", 4);
  expect_attribute (in_work ("file"), "user.bytes", "\0\xff\n", 3);
  expect_attribute (in_work ("file"), "user.empty", "", 0);
}

TEST_AS_BOTH (attributes, include_the_acl_whose_mask_follows_the_mode)
{
  static const struct
  {
    const char *mode;
    uint16_t mask;
  } rows[] = { { NULL, 0 }, { "640", 4 }, { "660", 6 }, { "670", 7 } };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct acl wanted = acl;
      write_old (in_work ("file"));
      set_attribute (in_work ("file"), "system.posix_acl_access", &acl, sizeof acl);
      must_upload (connection,
                   UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .mode = rows[i].mode));
      wanted.entries[MASK].permissions = rows[i].mask;
      expect_attribute (in_work ("file"), "system.posix_acl_access", &wanted, sizeof wanted);
      cr_assert_eq (unlink (in_work ("file")), 0);
    }
}

TEST_AS_BOTH (attributes, include_an_acl_that_preserve_keeps_as_it_was)
{
  write_old (in_work ("file"));
  set_attribute (in_work ("file"), "system.posix_acl_access", &acl, sizeof acl);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .preserve = 1));
  expect_attribute (in_work ("file"), "system.posix_acl_access", &acl, sizeof acl);
  expect_meta (in_work ("file"), 0660, dispatcher_uid (), dispatcher_gid (), "preserved");
}

/* A file that was closed to user 1 is not opened to it by the directory's defaults.  */
TEST_AS_BOTH (attributes, of_the_directory_give_a_replaced_file_no_acl_it_had_not)
{
  write_old (in_work ("file"));
  set_attribute (in_work (""), "system.posix_acl_default", &acl, sizeof acl);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .mode = "660"));
  expect_no_attribute (in_work ("file"), "system.posix_acl_access");
}

TEST_AS_ROOT (attributes, do_not_include_capabilities)
{
  static const unsigned char capability[20] = { 1, 0, 0, 2, 0, 0x20 };
  write_old (in_work ("file"));
  set_attribute (in_work ("file"), "security.capability", capability, sizeof capability);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .mode = "755",
                                   .preserve = 1));
  expect_text (in_work ("file"), NEW);
  expect_no_attribute (in_work ("file"), "security.capability");
}

TEST_AS_ROOT (attributes, are_carried_over_to_another_owner)
{
  write_old (in_work ("file"));
  set_attribute (in_work ("file"), "user.text", "text", 4);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .mode = "400",
                                   .owner = "nobody"));
  expect_attribute (in_work ("file"), "user.text", "text", 4);
  expect_meta (in_work ("file"), 0400, 65534, 65534, "nobody's");
}

/* ---- in place ---- */

/* "closed/file" in a directory that only root may write to.  */
static void
make_closed (mode_t mode, uid_t uid, gid_t gid)
{
  make_directory_at (path_in ("closed"), 0755);
  write_file (path_in ("closed/file"), OLD, strlen (OLD), mode);
  cr_assert_eq (chown (path_in ("closed/file"), uid, gid), 0);
  cr_assert_eq (chmod (path_in ("closed/file"), mode), 0);
}

TEST_AS_USER (in_place, is_written_where_the_directory_is_closed)
{
  static const size_t sizes[] = { 3, 0, 300000, 5000000, 10 };
  char *noise = make_noise (5000000, 3);
  make_closed (0644, ORDINARY_ID, ORDINARY_ID);
  ino_t before = look_at (path_in ("closed/file")).st_ino;
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      must_upload (connection, UPLOAD (.file = path_in ("closed/file"),
                                       .content = { .data = noise, .size = sizes[i] }));
      expect_content (path_in ("closed/file"), noise, sizes[i]);
      expect_meta (path_in ("closed/file"), 0600, ORDINARY_ID, ORDINARY_ID, "in place");
      cr_expect_eq (look_at (path_in ("closed/file")).st_ino, before);
    }
  expect_entries (path_in ("closed"), "file");
  free (noise);
}

TEST_AS_USER (in_place, the_mode_is_the_given_one)
{
  make_closed (0644, ORDINARY_ID, ORDINARY_ID);
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      must_upload (connection, UPLOAD (.file = path_in ("closed/file"), .content = TEXT (NEW),
                                       .mode = modes[i].given));
      expect_text (path_in ("closed/file"), NEW);
      expect_meta (path_in ("closed/file"), modes[i].mode, ORDINARY_ID, ORDINARY_ID,
                   modes[i].given);
      cr_assert_eq (chmod (path_in ("closed/file"), 0600), 0);
    }
}

TEST_AS_USER (in_place, anothers_file_can_be_written_if_only_its_content_changes)
{
  make_closed (0666, 0, 0);
  struct stat before = look_at (path_in ("closed/file"));
  expect_upload_failure (connection,
                         UPLOAD (.file = path_in ("closed/file"), .content = TEXT (NEW)),
                         remote_os (EPERM), "it would become the user's");
  expect_untouched (path_in ("closed/file"), &before, "root's");
  expect_text (path_in ("closed/file"), OLD);
  must_upload (connection,
               UPLOAD (.file = path_in ("closed/file"), .content = TEXT (NEW), .preserve = 1));
  expect_text (path_in ("closed/file"), NEW);
  expect_meta (path_in ("closed/file"), 0666, 0, 0, "preserved");
  must_upload (connection, UPLOAD (.file = path_in ("closed/file"), .content = TEXT (OLD),
                                   .mode = "666", .owner = "root", .group = "root"));
  expect_text (path_in ("closed/file"), OLD);
}

TEST_AS_USER (in_place, is_denied_where_the_file_is_closed_too)
{
  make_closed (0644, 0, 0);
  struct stat before = look_at (path_in ("closed/file"));
  static const char *const names[] = { "closed/file", "closed/new" };
  for (size_t i = 0; i < COUNT (names); i++)
    {
      expect_upload_failure (connection, UPLOAD (.file = path_in (names[i]), .content = TEXT (NEW)),
                             remote_os (EACCES), names[i]);
      expect_untouched (path_in ("closed/file"), &before, names[i]);
      expect_text (path_in ("closed/file"), OLD);
      expect_entries (path_in ("closed"), "file");
    }
}

TEST_AS_USER (in_place, nothing_is_reached_below_a_directory_that_can_not_be_entered)
{
  make_directory_at (path_in ("secret"), 0700);
  write_file (path_in ("secret/file"), OLD, strlen (OLD), 0666);
  expect_upload_failure (connection, UPLOAD (.file = path_in ("secret/file")), remote_os (EACCES),
                         "there");
  expect_upload_failure (connection, UPLOAD (.file = path_in ("secret/new")), remote_os (EACCES),
                         "not there");
  expect_text (path_in ("secret/file"), OLD);
  expect_entries (path_in ("secret"), "file");
}

/* "site/file" is a mount point of "source/file".  */
static void
mount_file (void)
{
  write_file (in_work ("file"), "below", 5, 0644);
  if (access (path_in ("source"), F_OK) != 0)
    make_directory_at (path_in ("source"), 0755);
  write_file (path_in ("source/file"), OLD, strlen (OLD), 0644);
}

static void
with_mounted_file (connected_body *body)
{
  need_mounts ();
  mount_file ();
  mount_at (in_work ("file"), path_in ("source/file"), NULL, MS_BIND, NULL);
  with_roots_dispatcher (body);
}

TEST_WITH (in_place, is_written_what_is_a_mount_point, with_mounted_file)
{
  static const size_t sizes[] = { 3, 0, 300000, 5000000, 10 };
  char *noise = make_noise (5000000, 4);
  ino_t before = look_at (in_work ("file")).st_ino;
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      must_upload (connection, UPLOAD (.file = in_work ("file"), .mode = "4640", .owner = "nobody",
                                       .content = { .data = noise, .size = sizes[i] }));
      expect_content (in_work ("file"), noise, sizes[i]);
      expect_content (path_in ("source/file"), noise, sizes[i]);
      expect_meta (in_work ("file"), 04640, 65534, 65534, "mount point");
      cr_expect_eq (look_at (in_work ("file")).st_ino, before);
      expect_entries (in_work (""), "file");
      expect_entries (path_in ("source"), "file");
    }
  free (noise);
}

/* The mounted file's file system has little room, that of the mount point has enough.  */
static void
with_mounted_file_without_room (connected_body *body)
{
  need_mounts ();
  make_directory_at (path_in ("source"), 0755);
  mount_at (path_in ("source"), "none", "tmpfs", 0, "size=256k");
  mount_file ();
  mount_at (in_work ("file"), path_in ("source/file"), NULL, MS_BIND, NULL);
  with_roots_dispatcher (body);
}

TEST_WITH (in_place, nothing_has_changed_when_there_is_no_room, with_mounted_file_without_room)
{
  char *noise = make_noise (MIB, 5);
  struct stat before = look_at (in_work ("file"));
  expect_upload_failure (connection,
                         UPLOAD (.file = in_work ("file"), .mode = "600", .owner = "nobody",
                                 .content = { .data = noise, .size = MIB }),
                         remote_os (ENOSPC), "no room");
  expect_untouched (in_work ("file"), &before, "no room");
  expect_text (in_work ("file"), OLD);
  expect_entries (in_work (""), "file");
  free (noise);
}

static void
with_file_on_a_read_only_system (connected_body *body)
{
  need_mounts ();
  make_directory_at (path_in ("ro"), 0755);
  mount_at (path_in ("ro"), "none", "tmpfs", 0, "size=1m");
  write_file (path_in ("ro/mounted"), "below", 5, 0644);
  write_file (path_in ("ro/plain"), OLD, strlen (OLD), 0644);
  make_link ("new", path_in ("ro/dangling"));
  write_file (in_work ("file"), OLD, strlen (OLD), 0644);
  mount_at (path_in ("ro/mounted"), in_work ("file"), NULL, MS_BIND, NULL);
  cr_assert_eq (mount (NULL, path_in ("ro"), NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
  with_roots_dispatcher (body);
}

TEST_WITH (in_place, is_written_what_is_writable_on_a_read_only_system,
           with_file_on_a_read_only_system)
{
  static const char *const read_only[] = { "ro/plain", "ro/new", "ro/dangling" };
  must_upload (connection, UPLOAD (.file = path_in ("ro/mounted"), .content = TEXT (NEW)));
  expect_text (path_in ("ro/mounted"), NEW);
  expect_text (in_work ("file"), NEW);
  expect_meta (in_work ("file"), 0600, 0, 0, "mounted");
  for (size_t i = 0; i < COUNT (read_only); i++)
    expect_upload_failure (connection,
                           UPLOAD (.file = path_in (read_only[i]), .content = TEXT (NEW)),
                           remote_os (EROFS), read_only[i]);
  expect_text (path_in ("ro/plain"), OLD);
  expect_entries (path_in ("ro"), "dangling/mounted/plain");
}

/* ---- what is not a regular file ---- */

TEST_AS_USER (special, the_null_device_stays_what_it_is)
{
  struct stat before = look_at ("/dev/null");
  must_upload (connection, UPLOAD (.file = "/dev/null", .content = TEXT (NEW)));
  must_upload (connection, UPLOAD (.file = "/dev/null"));
  must_upload (connection, UPLOAD (.file = "/dev/null", .content = TEXT (NEW), .preserve = 1));
  expect_untouched ("/dev/null", &before, "/dev/null");
}

/* A null device of the test's own: root could replace the system's.  */
TEST_AS_ROOT (special, a_device_keeps_mode_and_owner)
{
  cr_assert_eq (mknod (in_work ("null"), S_IFCHR | 0600, makedev (1, 3)), 0);
  cr_assert_eq (chmod (in_work ("null"), 0666), 0);
  cr_assert_eq (chown (in_work ("null"), 1, 2), 0);
  make_link ("null", in_work ("link"));
  struct stat before = look_at (in_work ("null"));
  must_upload (connection, UPLOAD (.file = in_work ("null"), .content = TEXT (NEW)));
  expect_untouched (in_work ("null"), &before, "default");
  must_upload (connection, UPLOAD (.file = in_work ("link"), .content = TEXT (NEW)));
  expect_untouched (in_work ("null"), &before, "through a link");
  must_upload (connection, UPLOAD (.file = in_work ("null"), .content = TEXT (NEW), .preserve = 1));
  expect_untouched (in_work ("null"), &before, "preserve");
  expect_entries (in_work (""), "link/null");
}

/* docs/protocol.md, Upload: only a regular file gets them.  */
TEST_AS_ROOT (special, a_device_keeps_mode_and_owner_also_where_others_are_given)
{
  cr_assert_eq (mknod (in_work ("null"), S_IFCHR | 0666, makedev (1, 3)), 0);
  struct stat before = look_at (in_work ("null"));
  must_upload (connection, UPLOAD (.file = in_work ("null"), .content = TEXT (NEW), .mode = "600",
                                   .owner = "nobody", .group = "nogroup"));
  expect_untouched (in_work ("null"), &before, "given");
}

TEST_AS_BOTH (special, a_full_device_says_so)
{
  expect_upload_failure (connection, UPLOAD (.file = "/dev/full", .content = TEXT (NEW)),
                         remote_os (ENOSPC), "/dev/full");
}

static void
make_pipe (const char *path)
{
  cr_assert_eq (mkfifo (path, 0600), 0);
  cr_assert_eq (chmod (path, 0666), 0);
}

/* The last one to finish wins, and nobody loses.  */
Test (replacing, at_the_same_moment_works_for_all, .init = begin_work, .fini = end_work)
{
  enum
  {
    WRITERS = 4,
    ROUNDS = 200,
  };
  pid_t writers[WRITERS];
  for (int i = 0; i < WRITERS; i++)
    {
      writers[i] = fork ();
      cr_assert_geq (writers[i], 0);
      if (writers[i] != 0)
        continue;
      int failed = 0;
      lr_connection *connection = open_local ();
      struct lr_upload_args args =
          LR_UPLOAD_ARGS (.file = in_work ("file"), .content = { "content", 7 });
      for (int round = 0; round < ROUNDS; round++)
        failed += lr_upload (connection, &args, NULL) != 0;
      lr_close (connection);
      _exit (failed != 0);
    }
  for (int i = 0; i < WRITERS; i++)
    {
      int status = -1;
      cr_assert_eq (waitpid (writers[i], &status, 0), writers[i]);
      cr_expect_eq (status, 0, "an upload failed");
    }
  size_t size;
  char *content = read_file (in_work ("file"), &size);
  cr_expect_str_eq (content, "content");
  free (content);
}

TEST_AS_BOTH (special, a_pipe_with_a_reader_gets_the_content)
{
  char buffer[64] = "";
  make_pipe (in_work ("fifo"));
  struct stat before = look_at (in_work ("fifo"));
  int reader = open (in_work ("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  must_upload (connection, UPLOAD (.file = in_work ("fifo"), .content = TEXT (NEW)));
  cr_expect_eq (read (reader, buffer, sizeof buffer), (ssize_t) strlen (NEW));
  cr_expect_str_eq (buffer, NEW);
  cr_expect_eq (read (reader, buffer, sizeof buffer), 0, "the pipe is still held open");
  must_upload (connection, UPLOAD (.file = in_work ("fifo")));
  cr_expect_eq (read (reader, buffer, sizeof buffer), 0);
  close (reader);
  expect_untouched (in_work ("fifo"), &before, "fifo");
  expect_entries (in_work (""), "fifo");
}

/* A shell that reads the pipe "fifo", and the pipe opened for writing, so that it has.  */
static pid_t
start_reader (const char *script, int *writer)
{
  pid_t pid = fork ();
  if (pid == 0)
    {
      if (chdir (path_in ("site")) == 0)
        execl ("/bin/sh", "sh", "-c", script, (char *) NULL);
      _exit (127);
    }
  cr_assert_gt (pid, 0);
  *writer = open (in_work ("fifo"), O_WRONLY | O_CLOEXEC);
  return pid;
}

static void
expect_ended (pid_t pid)
{
  int status;
  cr_assert_eq (waitpid (pid, &status, 0), pid);
  cr_expect_eq (status, 0);
}

TEST_AS_BOTH (special, a_pipe_gets_more_than_it_holds_as_its_reader_takes_it)
{
  int writer;
  char *noise = make_noise (5 * MIB, 6);
  make_pipe (in_work ("fifo"));
  pid_t reader = start_reader ("exec <fifo; sleep 0.3; cat >copy", &writer);
  must_upload (connection, UPLOAD (.file = in_work ("fifo"),
                                   .content = { .data = noise, .size = (size_t) 5 * MIB }));
  close (writer);
  expect_ended (reader);
  expect_content (in_work ("copy"), noise, (size_t) 5 * MIB);
  free (noise);
}

TEST_AS_BOTH (special, a_pipe_whose_reader_leaves_is_an_error)
{
  int writer;
  char *noise = make_noise (5 * MIB, 7);
  make_pipe (in_work ("fifo"));
  pid_t reader = start_reader ("exec head -c 10 <fifo >/dev/null", &writer);
  expect_upload_failure (
      connection,
      UPLOAD (.file = in_work ("fifo"), .content = { .data = noise, .size = (size_t) 5 * MIB }),
      remote_os (EPIPE), "left");
  close (writer);
  expect_ended (reader);
  free (noise);
}

TEST_AS_BOTH (special, a_pipe_without_a_reader_or_a_socket_is_an_error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  snprintf (address.sun_path, sizeof address.sun_path, "%s", in_work ("sock"));
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  cr_assert_eq (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
  cr_assert_eq (chmod (in_work ("sock"), 0666), 0);
  make_pipe (in_work ("fifo"));
  static const char *const names[] = { "fifo", "sock" };
  for (size_t i = 0; i < COUNT (names); i++)
    expect_upload_failure (connection, UPLOAD (.file = in_work (names[i]), .content = TEXT (NEW)),
                           remote_os (ENXIO), names[i]);
  close (fd);
  expect_entries (in_work (""), "fifo/sock");
}

/* ---- what can't be written ---- */

TEST_AS_BOTH (target, that_can_not_be_written_is_an_error)
{
  char long_name[257];
  memset (long_name, 'n', 256);
  long_name[256] = '\0';
  write_old (in_work ("file"));
  make_directory_at (in_work ("directory"), 0777);
  struct stat before = look_at (in_work ("file"));
  const struct
  {
    const char *path;
    int errnum;
  } rows[] = {
    { "", ENOENT },
    { in_work ("missing/file"), ENOENT },
    { in_work ("missing/"), ENOENT },
    { in_work ("missing/."), ENOENT },
    { in_work ("missing/../file"), ENOENT },
    { in_work ("file/"), ENOTDIR },
    { in_work ("file/below"), ENOTDIR },
    { in_work (long_name), ENAMETOOLONG },
  };
  const struct
  {
    const char *path;
    int errnum;
  } directories[] = {
    { in_work ("directory"), EISDIR },
    { in_work ("directory/"), EISDIR },
    { in_work ("directory/."), EISDIR },
    { in_work ("directory/.."), EISDIR },
    { "/", EISDIR },
    { ".", EISDIR },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_upload_failure (connection, UPLOAD (.file = rows[i].path, .content = TEXT (NEW)),
                           remote_os (rows[i].errnum), rows[i].path);
  for (size_t i = 0; i < COUNT (directories); i++)
    expect_upload_failure (connection, UPLOAD (.file = directories[i].path, .content = TEXT (NEW)),
                           remote_os (directories[i].errnum), directories[i].path);
  expect_untouched (in_work ("file"), &before, "file");
  expect_text (in_work ("file"), OLD);
  expect_entries (in_work (""), "directory/file");
  expect_entries (in_work ("directory"), "");
}

TEST_AS_BOTH (target, that_can_not_be_written_takes_a_large_content_all_the_same)
{
  char *noise = make_noise (5 * MIB, 8);
  expect_upload_failure (connection,
                         UPLOAD (.file = in_work ("missing/file"),
                                 .content = { .data = noise, .size = (size_t) 5 * MIB }),
                         remote_os (ENOENT), "missing directory");
  free (noise);
}

static void
with_small_disk (connected_body *body)
{
  need_mounts ();
  make_directory_at (path_in ("disk"), 0755);
  mount_at (path_in ("disk"), "none", "tmpfs", 0, "size=256k");
  with_roots_dispatcher (body);
}

static void
expect_a_full_disk_to_change_nothing (lr_connection *connection)
{
  static const char *const names[] = { "old", "new", "dangling" };
  char *noise = make_noise (MIB, 9);
  write_file (path_in ("disk/old"), OLD, strlen (OLD), 0644);
  make_link ("target", path_in ("disk/dangling"));
  struct stat before = look_at (path_in ("disk/old"));
  for (size_t i = 0; i < COUNT (names); i++)
    {
      char path[512];
      snprintf (path, sizeof path, "%s/%s", path_in ("disk"), names[i]);
      expect_upload_failure (connection,
                             UPLOAD (.file = path, .content = { .data = noise, .size = MIB }),
                             remote_os (ENOSPC), names[i]);
      expect_untouched (path_in ("disk/old"), &before, names[i]);
      expect_text (path_in ("disk/old"), OLD);
      expect_entries (path_in ("disk"), "dangling/old");
    }
  must_upload (connection,
               UPLOAD (.file = path_in ("disk/old"), .content = { .data = noise, .size = 100000 }));
  expect_content (path_in ("disk/old"), noise, 100000);
  free (noise);
}

TEST_WITH (full_disk, leaves_the_old_file_and_nothing_else, with_small_disk)
{
  expect_a_full_disk_to_change_nothing (connection);
}

static void
with_few_inodes (connected_body *body)
{
  need_mounts ();
  make_directory_at (path_in ("disk"), 0755);
  mount_at (path_in ("disk"), "none", "tmpfs", 0, "nr_inodes=2");
  write_file (path_in ("disk/old"), OLD, strlen (OLD), 0644);
  with_roots_dispatcher (body);
}

TEST_WITH (full_disk, is_never_a_reason_to_write_in_place, with_few_inodes)
{
  struct stat before = look_at (path_in ("disk/old"));
  expect_upload_failure (connection, UPLOAD (.file = path_in ("disk/old"), .content = TEXT (NEW)),
                         remote_os (ENOSPC), "no inode left");
  expect_untouched (path_in ("disk/old"), &before, "no inode left");
  expect_text (path_in ("disk/old"), OLD);
  expect_entries (path_in ("disk"), "old");
}

/* ---- without /proc, which a file without a name needs to get one ---- */

static void
with_hidden_proc (connected_body *body)
{
  need_mounts ();
  make_directory_at (path_in ("disk"), 0755);
  mount_at (path_in ("disk"), "none", "tmpfs", 0, "size=256k");
  mount_at ("/proc", "none", "tmpfs", 0, NULL);
  with_roots_dispatcher (body);
}

TEST_WITH (without_proc, files_are_made_and_replaced, with_hidden_proc)
{
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (OLD)));
  ino_t before = look_at (in_work ("file")).st_ino;
  set_attribute (in_work ("file"), "user.text", "text", 4);
  must_upload (connection, UPLOAD (.file = in_work ("file"), .content = TEXT (NEW), .mode = "4751",
                                   .owner = "nobody"));
  expect_text (in_work ("file"), NEW);
  expect_meta (in_work ("file"), 04751, 65534, 65534, "replaced");
  expect_attribute (in_work ("file"), "user.text", "text", 4);
  cr_expect_neq (look_at (in_work ("file")).st_ino, before);
  make_link ("target", in_work ("dangling"));
  must_upload (connection, UPLOAD (.file = in_work ("dangling"), .content = TEXT (NEW)));
  expect_text (in_work ("target"), NEW);
  expect_entries (in_work (""), "dangling/file/target");
}

TEST_WITH (without_proc, a_failure_leaves_nothing_temporary, with_hidden_proc)
{
  expect_a_full_disk_to_change_nothing (connection);
  expect_upload_failure (connection, UPLOAD (.file = in_work ("file"), .mode = "9"),
                         invalid_value ("mode"), "mode");
  expect_entries (in_work (""), "");
}

/* ---- an upload that never ends: the dispatcher driven by hand ---- */

struct by_hand
{
  pid_t pid;
  int input;
};

static struct by_hand
start_dispatcher (void)
{
  char program[512];
  int ends[2];
  snprintf (program, sizeof program, "%s/longreach-dispatcher",
            getenv ("LONGREACH_DISPATCHER_DIR"));
  cr_assert_eq (pipe2 (ends, O_CLOEXEC), 0);
  pid_t pid = fork ();
  if (pid == 0)
    {
      int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
      dup2 (ends[0], 0);
      dup2 (null, 1);
      dup2 (null, 2);
      execl (program, program, (char *) NULL);
      _exit (127);
    }
  cr_assert_gt (pid, 0);
  close (ends[0]);
  return (struct by_hand){ pid, ends[1] };
}

static void
send_number (const struct by_hand *dispatcher, uint64_t value, unsigned size)
{
  unsigned char bytes[8];
  for (unsigned i = 0; i < size; i++)
    bytes[i] = (unsigned char) (value >> (8 * (size - 1 - i)));
  cr_assert_eq (write (dispatcher->input, bytes, size), (ssize_t) size);
}

/* An Upload to PATH up to the middle of its content.  */
static void
send_half_an_upload (const struct by_hand *dispatcher, const char *path)
{
  static char content[50000];
  send_number (dispatcher, 14, 4);
  send_number (dispatcher, strlen (path), 8);
  cr_assert_eq (write (dispatcher->input, path, strlen (path)), (ssize_t) strlen (path));
  send_number (dispatcher, 2 * sizeof content, 8);
  cr_assert_eq (write (dispatcher->input, content, sizeof content), (ssize_t) sizeof content);
}

/* How many bytes are in files that the dispatcher has open below the directory "site".  */
static off_t
count_bytes_under_way (const struct by_hand *dispatcher)
{
  char directory[64], path[400], target[1024];
  off_t bytes = 0;
  snprintf (directory, sizeof directory, "/proc/%d/fd", (int) dispatcher->pid);
  DIR *stream = opendir (directory);
  for (struct dirent *entry; stream != NULL && (entry = readdir (stream)) != NULL;)
    {
      struct stat info;
      snprintf (path, sizeof path, "%s/%s", directory, entry->d_name);
      ssize_t length = readlink (path, target, sizeof target - 1);
      target[length < 0 ? 0 : length] = '\0';
      if (strncmp (target, in_work (""), strlen (in_work (""))) == 0 && stat (path, &info) == 0
          && S_ISREG (info.st_mode))
        bytes += info.st_size;
    }
  if (stream != NULL)
    closedir (stream);
  return bytes;
}

static void
wait_until_under_way (const struct by_hand *dispatcher)
{
  for (int i = 0; i < 500 && count_bytes_under_way (dispatcher) < 50000; i++)
    nanosleep (&(struct timespec){ 0, 10000000 }, NULL);
  cr_assert_geq (count_bytes_under_way (dispatcher), 50000, "the upload does not begin");
}

static int
wait_for_end (const struct by_hand *dispatcher)
{
  int status;
  cr_assert_eq (waitpid (dispatcher->pid, &status, 0), dispatcher->pid);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
}

static const struct
{
  const char *what;
  int signal; /* 0: the end of the input */
  int status;
} deaths[] = {
  { "killed", SIGKILL, -SIGKILL },
  { "terminated", SIGTERM, -SIGTERM },
  { "hung up", SIGHUP, -SIGHUP },
  { "its input ended", 0, 3 },
};

Test (half_an_upload, leaves_everything_as_it_was_however_the_dispatcher_ends, .init = begin_work,
      .fini = end_work)
{
  static const char *const targets[] = { "old", "new" };
  write_old (in_work ("old"));
  struct stat before = look_at (in_work ("old"));
  for (size_t i = 0; i < COUNT (deaths); i++)
    for (size_t j = 0; j < COUNT (targets); j++)
      {
        struct by_hand dispatcher = start_dispatcher ();
        send_half_an_upload (&dispatcher, in_work (targets[j]));
        wait_until_under_way (&dispatcher);
        expect_entries (in_work (""), "old");
        if (deaths[i].signal != 0)
          kill (dispatcher.pid, deaths[i].signal);
        else
          close (dispatcher.input);
        cr_expect_eq (wait_for_end (&dispatcher), deaths[i].status, "%s", deaths[i].what);
        if (deaths[i].signal != 0)
          close (dispatcher.input);
        expect_untouched (in_work ("old"), &before, deaths[i].what);
        expect_text (in_work ("old"), OLD);
        expect_entries (in_work (""), "old");
      }
}

/* Half an upload to each kind of target, and the end of the input.  */
static void
expect_the_end_to_leave_nothing (void)
{
  static const char *const targets[] = { "old", "new", "dangling", "fifo" };
  write_old (in_work ("old"));
  make_link ("target", in_work ("dangling"));
  make_pipe (in_work ("fifo"));
  struct stat before = look_at (in_work ("old"));
  for (size_t i = 0; i < COUNT (targets); i++)
    {
      struct by_hand dispatcher = start_dispatcher ();
      send_half_an_upload (&dispatcher, in_work (targets[i]));
      close (dispatcher.input);
      cr_expect_eq (wait_for_end (&dispatcher), 3, "%s", targets[i]);
      expect_untouched (in_work ("old"), &before, targets[i]);
      expect_text (in_work ("old"), OLD);
      expect_entries (in_work (""), "dangling/fifo/old");
    }
}

Test (half_an_upload, leaves_no_trace_of_any_target, .init = begin_work, .fini = end_work)
{
  expect_the_end_to_leave_nothing ();
}

Test (half_an_upload, leaves_no_trace_without_proc_either, .init = begin_work, .fini = end_work)
{
#ifdef __SANITIZE_ADDRESS__
  skip_test ("the leak checker needs /proc, and spoils the exit status without");
#endif
  need_mounts ();
  mount_at ("/proc", "none", "tmpfs", 0, NULL);
  expect_the_end_to_leave_nothing ();
}
