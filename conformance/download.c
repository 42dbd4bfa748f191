/* download: contents of files.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <string.h>

void
check_download_binary (struct trial *trial)
{
  const char *file = place (trial, "file");
  char bytes[256];
  for (int i = 0; i < 256; i++)
    bytes[i] = (char) i;
  UPLOAD (trial, .file = file, .content = { bytes, 256 });
  expect_bytes (trial, "a file of every byte", DOWNLOAD (trial, .file = file)->content,
                (struct lr_bytes){ bytes, 256 });
}

void
check_download_empty (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  expect_bytes (trial, "an empty file", DOWNLOAD (trial, .file = file)->content, bytes_of (""));
}

void
check_download_missing (struct trial *trial)
{
  DOWNLOAD_FAILS (trial, invalid_value ("file"), .file = "/no-such-file");
  DOWNLOAD_FAILS (trial, invalid_value ("file"), .file = "/no/such/directory/file");
  DOWNLOAD_FAILS (trial, invalid_value ("file"), .file = "");
}

void
check_download_directory (struct trial *trial)
{
  DOWNLOAD_FAILS (trial, remote_os (EISDIR), .file = "/");
}

void
check_download_below_file (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file);
  DOWNLOAD_FAILS (trial, remote_os (ENOTDIR), .file = keep_text (trial, "%s/below", file));
}

void
check_download_limit (struct trial *trial)
{
  const char *file = place (trial, "file");
  struct lr_bytes content = noise (trial, 100000, 1);
  UPLOAD (trial, .file = file, .content = content);
  expect_bytes (trial, "a file as large as the limit",
                DOWNLOAD (trial, .file = file, .limit = 100000)->content, content);
  DOWNLOAD_FAILS (trial, invalid_value ("limit"), .file = file, .limit = 99999);
  DOWNLOAD_FAILS (trial, invalid_value ("limit"), .file = file, .limit = 1);
  expect_bytes (trial, "a file after one that was too large",
                DOWNLOAD (trial, .file = file)->content, content);
  UPLOAD (trial, .file = file);
}

void
check_download_endless (struct trial *trial)
{
  if (STAT (trial, .path = "/dev/zero") == NULL)
    leave_out (trial, "there is no /dev/zero there");
  DOWNLOAD_FAILS (trial, invalid_value ("limit"), .file = "/dev/zero", .limit = 100000);
}

void
check_download_link (struct trial *trial)
{
  const char *file = place (trial, "file"), *link = place (trial, "link"),
             *nowhere = place (trial, "nowhere");
  UPLOAD (trial, .file = file, .content = bytes_of ("behind the link"));
  RUN (trial, .command = WORDS ("ln", "-s", file, link));
  RUN (trial, .command = WORDS ("ln", "-s", "no-such-file", nowhere));
  expect_bytes (trial, "a file behind a link", DOWNLOAD (trial, .file = link)->content,
                bytes_of ("behind the link"));
  DOWNLOAD_FAILS (trial, invalid_value ("file"), .file = nowhere);
}

void
check_download_no_size (struct trial *trial)
{
  struct lr_bytes content = DOWNLOAD (trial, .file = "/proc/self/stat")->content;
  EXPECT (trial, content.size > 10 && content.data[content.size - 1] == '\n',
          "/proc/self/stat, whose size is 0: expected a line, got %zu bytes", content.size);
}

void
check_download_forbidden (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("secret"), .mode = "0");
  DOWNLOAD_FAILS (trial, remote_os (EACCES), .file = file);
  UPLOAD (trial, .file = file);
}
