/* stat: descriptions of files.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
expect_type (struct trial *trial, const char *what, const struct lr_stat_result *result,
             enum lr_file_type wanted)
{
  EXPECT (trial, result != NULL, "%s: expected %s, got that it isn't there", what,
          lr_file_type_name (wanted));
  EXPECT (trial, result->type == (uint64_t) wanted, "%s: expected %s, got %s", what,
          lr_file_type_name (wanted), lr_file_type_name ((enum lr_file_type) result->type));
}

void
check_stat_file (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"), .mode = "640");
  const struct lr_stat_result *result = stat_there (trial, file);
  expect_type (trial, "a file", result, LR_FILE_REGULAR);
  expect_number (trial, "its mode", (int64_t) result->mode, 0640);
  expect_number (trial, "its size", (int64_t) result->size, 5);
  EXPECT (trial,
          result->owner != NULL && result->owner[0] != '\0' && result->group != NULL
              && result->group[0] != '\0',
          "a file: expected an owner and a group");
  EXPECT (trial, result->sha512sum.data == NULL,
          "a stat without sha512sum: expected no digest, got one");
}

void
check_stat_owner (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  const struct lr_stat_result *result = stat_there (trial, file);
  expect_text (trial, "the owner of an own file", result->owner, trial->target->user);
  expect_text (trial, "its group", result->group, trial->target->group);
}

void
check_stat_directory (struct trial *trial)
{
  const struct lr_stat_result *result = stat_there (trial, "/");
  expect_type (trial, "/", result, LR_FILE_DIRECTORY);
  EXPECT (trial, result->mode <= 07777, "/: expected permission bits only, got %llo",
          (unsigned long long) result->mode);
  result = STAT (trial, .path = "/", .sha512sum = 1, .follow_links = 1);
  EXPECT (trial, result->sha512sum.data == NULL, "/: expected no digest of a directory");
  expect_type (trial, "/..//.", STAT (trial, .path = "/..//."), LR_FILE_DIRECTORY);
}

void
check_stat_missing (struct trial *trial)
{
  static const char *const paths[] = { "/no-such-file", "/no/such/directory/file", "" };
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    for (lr_flag follow = 0; follow < 2; follow++)
      EXPECT (trial,
              STAT (trial, .path = paths[i], .follow_links = follow, .sha512sum = follow) == NULL,
              "stat \"%s\": expected that it isn't there, got a description", paths[i]);
}

void
check_stat_below_file (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  STAT_FAILS (trial, remote_os (ENOTDIR), .path = keep_text (trial, "%s/below", file));
  STAT_FAILS (trial, remote_os (ENOTDIR), .path = keep_text (trial, "%s/", file));
}

void
check_stat_long_name (struct trial *trial)
{
  char name[258] = "/";
  memset (name + 1, 'n', 256);
  STAT_FAILS (trial, remote_os (ENAMETOOLONG), .path = name);
  char *path = keep_memory (trial, 5001);
  for (size_t i = 0; i < 5000; i++)
    path[i] = i % 2 == 0 ? '/' : '.';
  STAT_FAILS (trial, remote_os (ENAMETOOLONG), .path = path);
}

void
check_stat_every_byte (struct trial *trial)
{
  const char *name = every_byte_of_a_name ();
  const char *path = keep_text (trial, "%s/%s", make_directory (trial, "directory"), name);
  UPLOAD (trial, .file = path, .content = bytes_of ("odd"));
  expect_number (trial, "the size of a file of an odd name",
                 (int64_t) stat_there (trial, path)->size, 3);
  expect_bytes (trial, "its content", DOWNLOAD (trial, .file = path)->content, bytes_of ("odd"));
  static const char *const names[] = { " ", "-rf", "\n", "a\nb", "\xff", "\xc3\xa4", "$HOME",
                                       "*", "'",   "\\", "~",    "%00",  "&" };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    {
      path = keep_text (trial, "%s/%s", place (trial, "directory"), names[i]);
      UPLOAD (trial, .file = path, .content = bytes_of (names[i]));
      expect_bytes (trial, "the content of a file of an odd name",
                    DOWNLOAD (trial, .file = path)->content, bytes_of (names[i]));
      expect_number (trial, "its size", (int64_t) stat_there (trial, path)->size,
                     (int64_t) strlen (names[i]));
    }
}

void
check_stat_long_path (struct trial *trial)
{
  char *path = keep_memory (trial, 4096);
  size_t length = (size_t) sprintf (path, "%s", place (trial, "directory"));
  while (length + 201 < 3900)
    {
      path[length] = '/';
      memset (path + length + 1, 'd', 200);
      length += 201;
    }
  RUN (trial, .command = WORDS ("mkdir", "-p", path));
  const char *file = keep_text (trial, "%s/file", path);
  UPLOAD (trial, .file = file, .content = bytes_of ("deep"));
  expect_number (trial, "the size of a file of a long path",
                 (int64_t) stat_there (trial, file)->size, 4);
  expect_bytes (trial, "its content", DOWNLOAD (trial, .file = file)->content, bytes_of ("deep"));
}

/* ---- links ---- */

static void
make_link (struct trial *trial, const char *to, const char *path)
{
  RUN (trial, .command = WORDS ("ln", "-s", to, path));
}

void
check_stat_link (struct trial *trial)
{
  const char *file = place (trial, "file"), *link = place (trial, "link");
  UPLOAD (trial, .file = file, .content = bytes_of ("behind the link"));
  make_link (trial, file, link);
  const struct lr_stat_result *result = STAT (trial, .path = link);
  expect_type (trial, "a link", result, LR_FILE_LINK);
  expect_number (trial, "the size of a link", (int64_t) result->size, (int64_t) strlen (file));
  result = STAT (trial, .path = link, .follow_links = 1);
  expect_type (trial, "what a link leads to", result, LR_FILE_REGULAR);
  expect_number (trial, "its size", (int64_t) result->size, 15);
  result = STAT (trial, .path = link, .sha512sum = 1);
  EXPECT (trial, result != NULL && result->sha512sum.data == NULL,
          "a link that is not followed: expected no digest");
  result = STAT (trial, .path = link, .sha512sum = 1, .follow_links = 1);
  EXPECT (trial, result != NULL && result->sha512sum.size == 64,
          "a link that is followed: expected the digest of what it leads to");
}

void
check_stat_dangling_link (struct trial *trial)
{
  const char *link = place (trial, "link");
  make_link (trial, "no-such-file", link);
  expect_type (trial, "a link to nothing", STAT (trial, .path = link), LR_FILE_LINK);
  EXPECT (trial, STAT (trial, .path = link, .follow_links = 1) == NULL,
          "a link to nothing that is followed: expected that nothing is there");
}

void
check_stat_link_loop (struct trial *trial)
{
  const char *link = place (trial, "link");
  make_link (trial, link, link);
  expect_type (trial, "a link to itself", STAT (trial, .path = link), LR_FILE_LINK);
  STAT_FAILS (trial, remote_os (ELOOP), .path = link, .follow_links = 1);
}

/* ---- what isn't a regular file ---- */

void
check_stat_fifo (struct trial *trial)
{
  const char *fifo = place (trial, "fifo");
  RUN (trial, .command = WORDS ("mkfifo", fifo));
  const struct lr_stat_result *result = STAT (trial, .path = fifo, .sha512sum = 1);
  expect_type (trial, "a FIFO", result, LR_FILE_FIFO);
  EXPECT (trial, result->sha512sum.data == NULL, "a FIFO: expected no digest");
}

void
check_stat_device (struct trial *trial)
{
  const struct lr_stat_result *result = STAT (trial, .path = "/dev/null", .sha512sum = 1);
  if (result == NULL)
    leave_out (trial, "there is no /dev/null there");
  expect_type (trial, "/dev/null", result, LR_FILE_CHARACTER);
  EXPECT (trial, result->sha512sum.data == NULL, "/dev/null: expected no digest");
}

/* ---- digests ---- */

static void
expect_digest (struct trial *trial, const char *file, struct lr_bytes content, const char *digest)
{
  char text[129];
  UPLOAD (trial, .file = file, .content = content);
  const struct lr_stat_result *result = STAT (trial, .path = file, .sha512sum = 1);
  EXPECT (trial, result != NULL && result->sha512sum.size == 64,
          "sha512sum: expected 64 bytes, got %zu", result == NULL ? 0 : result->sha512sum.size);
  for (size_t i = 0; i < 64; i++)
    sprintf (text + 2 * i, "%02x", (unsigned char) result->sha512sum.data[i]);
  expect_text (trial, "a SHA-512", text, digest);
}

/* The examples of FIPS 180.  */
void
check_stat_digest (struct trial *trial)
{
  const char *file = place (trial, "file");
  char *many = keep_memory (trial, 1000000);
  memset (many, 'a', 1000000);
  expect_digest (trial, file, bytes_of ("abc"),
                 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  expect_digest (trial, file, bytes_of (""),
                 "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
                 "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
  expect_digest (trial, file, (struct lr_bytes){ many, 1000000 },
                 "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
                 "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
  UPLOAD (trial, .file = file);
}

/* ---- time, modes, owners ---- */

void
check_stat_times (struct trial *trial)
{
  static const struct
  {
    const char *text;
    int64_t seconds;
  } times[] = { { "200102030405.06", 981173106 },
                { "196912310000.00", -86400 },
                { "203801190314.08", INT64_C (2147483648) } };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  int64_t ctime = stat_there (trial, file)->ctime_ns;
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
    {
      RUN (trial, .command = WORDS ("sh", "-c", "TZ=UTC0 touch -t \"$1\" \"$2\"", "sh",
                                    times[i].text, file));
      const struct lr_stat_result *result = stat_there (trial, file);
      expect_number (trial, "mtime_ns of a file that was touched", result->mtime_ns,
                     times[i].seconds * 1000000000);
      EXPECT (trial, result->ctime_ns >= ctime,
              "ctime_ns: expected that it is not before %lld, got %lld", (long long) ctime,
              (long long) result->ctime_ns);
    }
}

void
check_stat_modes (struct trial *trial)
{
  static const char *const modes[] = {
    "0", "4", "70", "600", "755", "1644", "4755", "6711", "7777"
  };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    {
      RUN (trial, .command = WORDS ("chmod", modes[i], file));
      expect_number (trial, keep_text (trial, "mode %s", modes[i]),
                     (int64_t) stat_there (trial, file)->mode, strtoll (modes[i], NULL, 8));
    }
}

void
check_stat_id_without_name (struct trial *trial)
{
  const char *file = place (trial, "file");
  if (!target_has_user (trial->target, 1234567) || !target_has_group (trial->target, 1234568))
    leave_out (trial, "the far side's user namespace has no such ids");
  UPLOAD (trial, .file = file, .owner = "1234567", .group = "1234568");
  const struct lr_stat_result *result = stat_there (trial, file);
  expect_text (trial, "an owner without a name", result->owner, "1234567");
  expect_text (trial, "a group without a name", result->group, "1234568");
}

void
check_stat_forbidden (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  UPLOAD (trial, .file = file, .mode = "0");
  STAT (trial, .path = file);
  STAT_FAILS (trial, remote_os (EACCES), .path = file, .sha512sum = 1);
  RUN (trial, .command = WORDS ("chmod", "0", directory));
  STAT_FAILS (trial, remote_os (EACCES), .path = file);
  RUN (trial, .command = WORDS ("chmod", "700", directory));
  RUN (trial, .command = WORDS ("rm", "-f", file));
}

void
check_stat_relative (struct trial *trial)
{
  expect_type (trial, "the directory of the dispatcher", STAT (trial, .path = "."),
               LR_FILE_DIRECTORY);
  EXPECT (trial, STAT (trial, .path = "no-such-file-anywhere") == NULL,
          "a relative path to nothing: expected that it isn't there");
}
