/* upload: replacing files.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <string.h>

static void
expect_file (struct trial *trial, const char *file, const char *content, int64_t mode)
{
  const struct lr_stat_result *result = stat_there (trial, file);
  expect_number (trial, "the mode of a file", (int64_t) result->mode, mode);
  expect_bytes (trial, "the content of a file", DOWNLOAD (trial, .file = file)->content,
                bytes_of (content));
}

void
check_upload_new (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("new"));
  expect_file (trial, file, "new", 0600);
}

void
check_upload_sizes (struct trial *trial)
{
  static const size_t sizes[] = { 0, 1, 4095, 4096, 65536, 262145 };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = { NULL, 0 });
  expect_bytes (trial, "an absent content", DOWNLOAD (trial, .file = file)->content, bytes_of (""));
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    {
      struct lr_bytes content = noise (trial, sizes[i], (unsigned) i);
      UPLOAD (trial, .file = file, .content = content);
      expect_number (trial, "the size of what was uploaded",
                     (int64_t) stat_there (trial, file)->size, (int64_t) sizes[i]);
      expect_bytes (trial, "its content", DOWNLOAD (trial, .file = file)->content, content);
    }
  UPLOAD (trial, .file = file);
}

void
check_upload_large (struct trial *trial)
{
  const char *file = place (trial, "file");
  struct lr_bytes content = noise (trial, 5000003, 1);
  UPLOAD (trial, .file = file, .content = content);
  expect_bytes (trial, "5 MB", DOWNLOAD (trial, .file = file)->content, content);
  UPLOAD (trial, .file = file, .content = bytes_of ("short"));
  expect_bytes (trial, "what replaces 5 MB", DOWNLOAD (trial, .file = file)->content,
                bytes_of ("short"));
}

/* No umask is applied.  */
void
check_upload_mode (struct trial *trial)
{
  static const struct
  {
    const char *text;
    int64_t mode;
  } modes[] = { { "644", 0644 }, { "0755", 0755 },  { "777", 0777 },   { "4", 4 },
                { "0", 0 },      { "1600", 01600 }, { "4711", 04711 }, { "2750", 02750 } };
  const char *file = place (trial, "file");
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    {
      UPLOAD (trial, .file = file, .mode = modes[i].text);
      expect_number (trial, keep_text (trial, "mode %s", modes[i].text),
                     (int64_t) stat_there (trial, file)->mode, modes[i].mode);
    }
  UPLOAD (trial, .file = file);
}

void
check_upload_mode_invalid (struct trial *trial)
{
  static const char *const modes[] = { "",      "8",     "abc", "u+x",  "0o644",
                                       "00644", "77777", "-1",  " 644", "644 " };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("old"), .mode = "640");
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    UPLOAD_FAILS (trial, invalid_value ("mode"), .file = file, .content = bytes_of ("new"),
                  .mode = modes[i]);
  expect_file (trial, file, "old", 0640);
}

void
check_upload_replace (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("the old content"), .mode = "644");
  UPLOAD (trial, .file = file, .content = bytes_of ("new"));
  expect_file (trial, file, "new", 0600);
}

void
check_upload_preserve (struct trial *trial)
{
  const char *file = place (trial, "file"), *other = place (trial, "other");
  UPLOAD (trial, .file = file, .content = bytes_of ("old"), .mode = "754");
  UPLOAD (trial, .file = file, .content = bytes_of ("new"), .preserve = 1);
  expect_file (trial, file, "new", 0754);
  UPLOAD (trial, .file = file, .content = bytes_of ("newer"), .preserve = 1, .mode = "640");
  expect_file (trial, file, "newer", 0640);
  RUN (trial, .command = WORDS ("rm", "-f", other));
  UPLOAD (trial, .file = other, .content = bytes_of ("first"), .preserve = 1);
  expect_file (trial, other, "first", 0600);
}

/* ---- owners ---- */

static void
expect_owner (struct trial *trial, const char *what, const char *file, const char *owner,
              const char *group)
{
  const struct lr_stat_result *result = stat_there (trial, file);
  expect_text (trial, keep_text (trial, "the owner of a file uploaded with %s", what),
               result->owner, owner);
  expect_text (trial, keep_text (trial, "the group of a file uploaded with %s", what),
               result->group, group);
}

void
check_upload_owner (struct trial *trial)
{
  const struct target *target = trial->target;
  const struct lr_user_entry *other = target->other;
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .owner = other->name);
  expect_owner (trial, "an owner", file, other->name, other->group);
  UPLOAD (trial, .file = file, .owner = keep_text (trial, "%lld", (long long) other->uid),
          .group = target->group);
  expect_owner (trial, "an owner's id and a group", file, other->name, target->group);
  UPLOAD (trial, .file = file, .group = other->group);
  expect_owner (trial, "a group", file, target->user, other->group);
  UPLOAD (trial, .file = file, .owner = other->name, .mode = "6755");
  expect_owner (trial, "an owner and a mode", file, other->name, other->group);
  expect_number (trial, "its mode", (int64_t) stat_there (trial, file)->mode, 06755);
  UPLOAD (trial, .file = file);
  expect_owner (trial, "nothing, over a file of somebody else", file, target->user, target->group);
}

void
check_upload_preserve_owner (struct trial *trial)
{
  const struct target *target = trial->target;
  const struct lr_user_entry *other = target->other;
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .owner = other->name, .mode = "4750");
  UPLOAD (trial, .file = file, .content = bytes_of ("new"), .preserve = 1);
  expect_owner (trial, "preserve", file, other->name, other->group);
  expect_file (trial, file, "new", 04750);
  UPLOAD (trial, .file = file, .preserve = 1, .owner = target->user);
  expect_text (trial, "the owner with preserve and an owner", stat_there (trial, file)->owner,
               target->user);
  UPLOAD (trial, .file = file);
}

void
check_upload_owner_unknown (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("old"), .mode = "640");
  UPLOAD_FAILS (trial, invalid_value ("owner"), .file = file, .content = bytes_of ("new"),
                .owner = "no-such-user");
  UPLOAD_FAILS (trial, invalid_value ("owner"), .file = file, .content = bytes_of ("new"),
                .owner = "4294967295");
  UPLOAD_FAILS (trial, invalid_value ("group"), .file = file, .content = bytes_of ("new"),
                .group = "no-such-group");
  expect_file (trial, file, "old", 0640);
}

void
check_upload_owner_forbidden (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("old"), .mode = "640");
  UPLOAD_FAILS (trial, remote_os (EPERM), .file = file, .content = bytes_of ("new"), .owner = "0");
  expect_file (trial, file, "old", 0640);
}

/* ---- where nothing can be put ---- */

void
check_upload_no_directory (struct trial *trial)
{
  UPLOAD_FAILS (trial, remote_os (ENOENT), .file = "/no/such/directory/file",
                .content = bytes_of ("new"));
  UPLOAD_FAILS (trial, remote_os (ENOENT), .file = "", .content = bytes_of ("new"));
}

void
check_upload_onto_directory (struct trial *trial)
{
  UPLOAD_FAILS (trial, remote_os (EISDIR), .file = "/", .content = bytes_of ("new"));
  UPLOAD_FAILS (trial, remote_os (EISDIR), .file = trial->target->directory,
                .content = bytes_of ("new"));
}

void
check_upload_below_file (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("old"));
  UPLOAD_FAILS (trial, remote_os (ENOTDIR), .file = keep_text (trial, "%s/below", file),
                .content = bytes_of ("new"));
  expect_file (trial, file, "old", 0600);
}

void
check_upload_forbidden (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  RUN (trial, .command = WORDS ("chmod", "500", directory));
  UPLOAD_FAILS (trial, remote_os (EACCES), .file = file, .content = bytes_of ("new"));
  EXPECT (trial, STAT (trial, .path = file) == NULL,
          "a failed upload: expected that it leaves no file");
}

void
check_upload_read_only_file (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("old"), .mode = "400");
  UPLOAD (trial, .file = file, .content = bytes_of ("new"), .mode = "400");
  expect_file (trial, file, "new", 0400);
}

/* ---- links ---- */

void
check_upload_link (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  const char *link = keep_text (trial, "%s/link", directory);
  UPLOAD (trial, .file = file, .content = bytes_of ("old"));
  RUN (trial, .command = WORDS ("ln", "-s", "file", link));
  UPLOAD (trial, .file = link, .content = bytes_of ("new"));
  EXPECT (trial, stat_there (trial, link)->type == LR_FILE_LINK,
          "an upload through a link: expected that the link stays");
  expect_file (trial, file, "new", 0600);
}

void
check_upload_dangling_link (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *link = keep_text (trial, "%s/link", directory);
  RUN (trial, .command = WORDS ("ln", "-s", "made", link));
  UPLOAD (trial, .file = link, .content = bytes_of ("new"));
  EXPECT (trial, stat_there (trial, link)->type == LR_FILE_LINK,
          "an upload through a link to nothing: expected that the link stays");
  expect_file (trial, keep_text (trial, "%s/made", directory), "new", 0600);
}

/* ---- whole or not at all ---- */

/* Another link to the old file keeps the old content: it was replaced, not overwritten.  */
void
check_upload_hard_link (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  const char *old = keep_text (trial, "%s/old", directory);
  UPLOAD (trial, .file = file, .content = bytes_of ("old"), .mode = "644");
  RUN (trial, .command = WORDS ("ln", file, old));
  UPLOAD (trial, .file = file, .content = bytes_of ("new"), .mode = "600");
  expect_file (trial, file, "new", 0600);
  expect_file (trial, old, "old", 0644);
}

void
check_upload_reader (struct trial *trial)
{
  const char *file = place (trial, "file");
  struct lr_bytes old = noise (trial, 300000, 1);
  UPLOAD (trial, .file = file, .content = old);
  lr_process *reader =
      SPAWN (trial, .command = WORDS ("sh", "-c", "exec 3< \"$1\"; echo ready; read -r x; cat <&3",
                                      "sh", file));
  expect_output (trial, reader, "ready\n");
  UPLOAD (trial, .file = file, .content = noise (trial, 300000, 2));
  lr_process_close_input (reader);
  expect_bytes (trial, "what a reader finds in the file that it had open",
                take (trial, reader, LR_STDOUT, 400000), old);
  finish (trial, reader);
}

void
check_upload_atomic (struct trial *trial)
{
  enum
  {
    ROUNDS = 12,
  };
  const char *file = place (trial, "file");
  struct lr_bytes contents[2] = { noise (trial, 200000, 1), noise (trial, 170000, 2) };
  const struct answer *reads[ROUNDS][2], *writes[ROUNDS];
  UPLOAD (trial, .file = file, .content = contents[1]);
  for (int i = 0; i < ROUNDS; i++)
    {
      reads[i][0] = SUBMIT_DOWNLOAD (trial, .file = file);
      writes[i] = SUBMIT_UPLOAD (trial, .file = file, .content = contents[i % 2]);
      reads[i][1] = SUBMIT_DOWNLOAD (trial, .file = file);
    }
  for (int i = 0; i < ROUNDS; i++)
    {
      await (trial, writes[i], "an upload among downloads");
      expect_success (trial, writes[i]->status, &writes[i]->error, "an upload among downloads");
      for (int j = 0; j < 2; j++)
        {
          await (trial, reads[i][j], "a download among uploads");
          expect_success (trial, reads[i][j]->status, &reads[i][j]->error,
                          "a download among uploads");
          const struct lr_download_result *result = reads[i][j]->result;
          size_t size = result->content.size;
          const struct lr_bytes *like = &contents[size == contents[0].size ? 0 : 1];
          EXPECT (trial, size == like->size && memcmp (result->content.data, like->data, size) == 0,
                  "a download among uploads: expected one content or the other, whole, got"
                  " %zu bytes of neither",
                  size);
        }
    }
}

void
check_upload_no_temporaries (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  UPLOAD (trial, .file = file, .content = noise (trial, 100000, 1));
  UPLOAD (trial, .file = file, .content = bytes_of ("new"));
  UPLOAD_FAILS (trial, invalid_value ("mode"), .file = file, .mode = "9");
  UPLOAD_FAILS (trial, invalid_value ("owner"), .file = keep_text (trial, "%s/b", directory),
                .owner = "no-such-user");
  UPLOAD_FAILS (trial, remote_os (ENOENT), .file = keep_text (trial, "%s/no/b", directory));
  expect_text (trial, "the directory after some uploads", list_directory (trial, directory),
               "file\n");
}
