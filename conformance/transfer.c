/* put and get: files of any size, between descriptors here and files there.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file in memory with CONTENT, that is read from its start.  */
static int
memory_file (struct trial *trial, struct lr_bytes content)
{
  int descriptor = keep_descriptor (trial, memfd_create ("conformance", MFD_CLOEXEC));
  if (pwrite (descriptor, content.data, content.size, 0) != (ssize_t) content.size)
    fail_check (trial, "a file in memory could not be written here");
  return descriptor;
}

/* All of it, whatever its position is.  */
static struct lr_bytes
content_of (struct trial *trial, int descriptor)
{
  off_t size = lseek (descriptor, 0, SEEK_END);
  char *data = keep_memory (trial, (size_t) size + 1);
  if (pread (descriptor, data, (size_t) size, 0) != size)
    fail_check (trial, "a file in memory could not be read here");
  return (struct lr_bytes){ data, (size_t) size };
}

void
check_transfer_round_trip (struct trial *trial)
{
  static const size_t sizes[] = { 0, 1, 300001, 5000003 };
  const char *file = place (trial, "file");
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    {
      struct lr_bytes content = noise (trial, sizes[i], (unsigned) i);
      int from = memory_file (trial, content), to = memory_file (trial, bytes_of (""));
      const struct lr_put_result *sent = PUT (trial, .file = file, .descriptor = from);
      expect_number (trial, "the size that was sent", (int64_t) sent->size, (int64_t) sizes[i]);
      expect_number (trial, "in_place", (int64_t) sent->in_place, 0);
      const struct lr_get_result *got = GET (trial, .file = file, .descriptor = to);
      expect_number (trial, "the size that was fetched", (int64_t) got->size, (int64_t) sizes[i]);
      expect_number (trial, "the size of the file", (int64_t) got->file_size, (int64_t) sizes[i]);
      expect_bytes (trial, "what was put and got", content_of (trial, to), content);
    }
  UPLOAD (trial, .file = file);
}

void
check_transfer_description (struct trial *trial)
{
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"), .mode = "640");
  int to = memory_file (trial, bytes_of (""));
  const struct lr_get_result *got = GET (trial, .file = file, .descriptor = to);
  expect_number (trial, "the type that get says", (int64_t) got->type, LR_FILE_REGULAR);
  expect_number (trial, "the mode that get says", (int64_t) got->mode, 0640);
  expect_number (trial, "the mtime that get says", got->mtime_ns,
                 stat_there (trial, file)->mtime_ns);
}

struct progress
{
  uint64_t done, total;
  int wrong;
};

static void
take_progress (void *data, uint64_t done, uint64_t total)
{
  struct progress *progress = data;
  if (done < progress->done || total != progress->total || done > total)
    progress->wrong++;
  progress->done = done;
}

void
check_transfer_progress (struct trial *trial)
{
  enum
  {
    SIZE = 5000000,
  };
  const char *file = place (trial, "file");
  struct progress put = { .total = SIZE }, get = { .total = SIZE };
  int from = memory_file (trial, noise (trial, SIZE, 1)), to = memory_file (trial, bytes_of (""));
  PUT (trial, .file = file, .descriptor = from, .progress = take_progress, .progress_data = &put);
  expect_number (trial, "reports of a put that are wrong", put.wrong, 0);
  GET (trial, .file = file, .descriptor = to, .progress = take_progress, .progress_data = &get);
  expect_number (trial, "reports of a get that are wrong", get.wrong, 0);
  UPLOAD (trial, .file = file);
}

void
check_transfer_position (struct trial *trial)
{
  const char *file = place (trial, "file");
  int from = memory_file (trial, bytes_of ("0123456789"));
  lseek (from, 4, SEEK_SET);
  expect_number (trial, "bytes from where the descriptor stood",
                 (int64_t) PUT (trial, .file = file, .descriptor = from)->size, 6);
  expect_number (trial, "where the descriptor stands afterwards", lseek (from, 0, SEEK_CUR), 10);
  expect_bytes (trial, "what was put", DOWNLOAD (trial, .file = file)->content,
                bytes_of ("456789"));
  int to = memory_file (trial, bytes_of ("abc"));
  lseek (to, 3, SEEK_SET);
  GET (trial, .file = file, .descriptor = to);
  expect_bytes (trial, "what was got behind what there was", content_of (trial, to),
                bytes_of ("abc456789"));
}

void
check_transfer_part (struct trial *trial)
{
  static const struct
  {
    uint64_t offset, length;
    const char *wanted;
  } parts[] = { { 0, 3, "012" },  { 4, 3, "456" }, { 7, 0, "789" },
                { 8, 100, "89" }, { 10, 0, "" },   { 1000, 5, "" } };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("0123456789"));
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    {
      int to = memory_file (trial, bytes_of (""));
      const struct lr_get_result *got = GET (trial, .file = file, .descriptor = to,
                                             .offset = parts[i].offset, .length = parts[i].length);
      expect_bytes (trial, "a part of a file", content_of (trial, to), bytes_of (parts[i].wanted));
      expect_number (trial, "its size", (int64_t) got->size, (int64_t) strlen (parts[i].wanted));
      expect_number (trial, "the size of the whole", (int64_t) got->file_size, 10);
    }
}

void
check_transfer_pipes (struct trial *trial)
{
  const char *file = place (trial, "file");
  int ends[2];
  make_pipe (trial, ends);
  keep_descriptor (trial, ends[0]);
  if (write (ends[1], "through a pipe", 14) != 14)
    fail_check (trial, "the pipe here can't be written");
  close (ends[1]);
  expect_number (trial, "bytes out of a pipe",
                 (int64_t) PUT (trial, .file = file, .descriptor = ends[0])->size, 14);
  make_pipe (trial, ends);
  keep_descriptor (trial, ends[0]);
  keep_descriptor (trial, ends[1]);
  int flags = fcntl (ends[1], F_GETFL);
  GET (trial, .file = file, .descriptor = ends[1]);
  expect_number (trial, "the flags of a descriptor", fcntl (ends[1], F_GETFL), flags);
  char text[64] = "";
  ssize_t got = read (ends[0], text, sizeof text - 1);
  expect_text (trial, "what came through two pipes", got < 0 ? NULL : text, "through a pipe");
}

void
check_transfer_modes (struct trial *trial)
{
  const char *file = place (trial, "file");
  int from = memory_file (trial, bytes_of ("new"));
  UPLOAD (trial, .file = file);
  PUT (trial, .file = file, .descriptor = from);
  expect_number (trial, "the mode when none is given", (int64_t) stat_there (trial, file)->mode,
                 0600);
  PUT (trial, .file = file, .descriptor = from, .mode = "2751");
  expect_number (trial, "mode 2751", (int64_t) stat_there (trial, file)->mode, 02751);
  PUT (trial, .file = file, .descriptor = from, .preserve = 1);
  expect_number (trial, "a preserved mode", (int64_t) stat_there (trial, file)->mode, 02751);
  PUT_FAILS (trial, invalid_value ("mode"), .file = file, .descriptor = from, .mode = "9");
  PUT_FAILS (trial, invalid_value ("owner"), .file = file, .descriptor = from,
             .owner = "no-such-user");
  PUT_FAILS (trial, invalid_value ("group"), .file = file, .descriptor = from,
             .group = "no-such-group");
  UPLOAD (trial, .file = file);
}

void
check_transfer_nowhere (struct trial *trial)
{
  int from = memory_file (trial, noise (trial, 1000000, 1));
  PUT_FAILS (trial, remote_os (ENOENT), .file = "/no/such/directory/file", .descriptor = from);
  lseek (from, 0, SEEK_SET);
  PUT_FAILS (trial, remote_os (EISDIR), .file = "/", .descriptor = from);
  GET_FAILS (trial, invalid_value ("file"), .file = "/no-such-file", .descriptor = from);
  GET_FAILS (trial, remote_os (EISDIR), .file = "/", .descriptor = from);
}

void
check_transfer_descriptors (struct trial *trial)
{
  const char *file = place (trial, "file");
  const struct failure wanted = { LR_ERROR_IO, EBADF, "descriptor" };
  int only_write = keep_descriptor (trial, open ("/dev/null", O_WRONLY | O_CLOEXEC));
  int only_read = keep_descriptor (trial, open ("/dev/null", O_RDONLY | O_CLOEXEC));
  UPLOAD (trial, .file = file, .content = bytes_of ("old"));
  PUT_FAILS (trial, wanted, .file = file, .descriptor = only_write);
  PUT_FAILS (trial, wanted, .file = file, .descriptor = -1);
  GET_FAILS (trial, wanted, .file = file, .descriptor = only_read);
  GET_FAILS (trial, wanted, .file = file, .descriptor = -1);
  expect_bytes (trial, "a file that could not be replaced", DOWNLOAD (trial, .file = file)->content,
                bytes_of ("old"));
}

void
check_transfer_broken_pipe (struct trial *trial)
{
  const char *file = place (trial, "file");
  const struct failure wanted = { LR_ERROR_IO, EPIPE, "descriptor" };
  int ends[2];
  UPLOAD (trial, .file = file, .content = noise (trial, 500000, 1));
  make_pipe (trial, ends);
  keep_descriptor (trial, ends[1]);
  close (ends[0]);
  GET_FAILS (trial, wanted, .file = file, .descriptor = ends[1]);
  expect_number (trial, "the size of a file that nobody wanted to read",
                 (int64_t) stat_there (trial, file)->size, 500000);
  UPLOAD (trial, .file = file);
}

void
check_transfer_sync (struct trial *trial)
{
  const char *file = place (trial, "file");
  int from = memory_file (trial, bytes_of ("on the disk"));
  PUT (trial, .file = file, .descriptor = from, .sync = 1);
  expect_bytes (trial, "a synced file", DOWNLOAD (trial, .file = file)->content,
                bytes_of ("on the disk"));
}

/* What is put from a pipe that never ends replaces nothing, also when it is taken back.  */
void
check_transfer_cancelled (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  UPLOAD (trial, .file = file, .content = bytes_of ("old"));
  int from = pipe_without_end (trial);
  struct lr_put_args args = LR_PUT_ARGS (.file = file, .descriptor = from);
  struct answer *answer = submit (trial, LR_OPERATION_PUT, &args);
  for (int i = 0; i < 5; i++)
    {
      lr_loop_dispatch (trial->target->loop, 20, NULL);
      STAT (trial, .path = file);
    }
  expect_number (trial, "lr_cancel", lr_cancel (trial->connection, answer->id), 0);
  await (trial, answer, "the answer of a put that was taken back");
  EXPECT (trial, answer->status != 0 && answer->error.kind == LR_ERROR_CANCELLED,
          "a put that was taken back: expected cancelled, got %s",
          lr_error_kind_name (answer->error.kind));
  expect_bytes (trial, "the file", DOWNLOAD (trial, .file = file)->content, bytes_of ("old"));
  expect_text (trial, "its directory", list_directory (trial, directory), "file\n");
}

/* ---- what is not replaced, but written to ---- */

void
check_transfer_from_fifo (struct trial *trial)
{
  const char *fifo = place (trial, "fifo");
  int to = memory_file (trial, bytes_of (""));
  RUN (trial, .command = WORDS ("mkfifo", fifo));
  struct lr_get_args args = LR_GET_ARGS (.file = fifo, .descriptor = to);
  const struct answer *answer = submit (trial, LR_OPERATION_GET, &args);
  STAT (trial, .path = "/");
  RUN (trial, .command = WORDS ("sh", "-c", "echo written > \"$1\"", "sh", fifo));
  await (trial, answer, "what somebody writes into a FIFO");
  expect_success (trial, answer->status, &answer->error, "get from a FIFO");
  expect_bytes (trial, "what came through a FIFO", content_of (trial, to), bytes_of ("written\n"));
}

void
check_transfer_to_fifo (struct trial *trial)
{
  const char *fifo = place (trial, "fifo");
  int from = memory_file (trial, bytes_of ("through a FIFO"));
  RUN (trial, .command = WORDS ("mkfifo", fifo));
  lr_process *reader = SPAWN (
      trial, .command = WORDS ("sh", "-c", "exec 3<> \"$1\"; echo ready; cat <&3", "sh", fifo));
  expect_output (trial, reader, "ready\n");
  const struct lr_put_result *sent = PUT (trial, .file = fifo, .descriptor = from);
  expect_number (trial, "in_place", (int64_t) sent->in_place, 1);
  expect_output (trial, reader, "through a FIFO");
  EXPECT (trial, stat_there (trial, fifo)->type == LR_FILE_FIFO,
          "a put into a FIFO: expected that it stays one");
}

/* Who may write to a file and not to its directory can't replace it.  */
void
check_transfer_in_place (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  int from = memory_file (trial, bytes_of ("new"));
  UPLOAD (trial, .file = file, .content = bytes_of ("the old content"));
  RUN (trial, .command = WORDS ("chmod", "500", directory));
  const struct lr_put_result *sent = PUT (trial, .file = file, .descriptor = from);
  expect_bytes (trial, "what was written in place", DOWNLOAD (trial, .file = file)->content,
                bytes_of ("new"));
  if ((trial->target->has & NEED (SPAWNS)) != 0)
    expect_number (trial, "in_place", (int64_t) sent->in_place, 1);
}
