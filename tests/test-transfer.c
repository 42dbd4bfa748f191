/* lr_put and lr_get: content between a descriptor and a file at the far side, of any size, and what
   is left where it doesn't come to its end.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define PUT(...) ((struct lr_put_args) LR_PUT_ARGS (__VA_ARGS__))
#define GET(...) ((struct lr_get_args) LR_GET_ARGS (__VA_ARGS__))
#define STAT(...) ((struct lr_stat_args) LR_STAT_ARGS (__VA_ARGS__))

enum
{
  WINDOW = 256 << 10,
  CLIENT_GROWTH = 8192, /* KiB */
  DISPATCHER_GROWTH = 2048,
};

TestSuite (put, .timeout = 120);
TestSuite (get, .timeout = 120);
TestSuite (progress, .timeout = 120);
TestSuite (unfinished, .timeout = 120);
TestSuite (bulk, .timeout = 300);
TestSuite (whole, .timeout = 120);
TestSuite (hanging, .timeout = 120);

static const size_t sizes[] = { 0,          1,      4096,       131071,     131072,  131073,
                                WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 1000000, 3000001 };

/* ---- both ends ---- */

/* A thread that feeds a descriptor, or drains it, so that both ends of a pipe are served.  */
struct mover
{
  pthread_t thread;
  int fd;
  char *data;
  size_t size, done;
};

static void *
feed (void *context)
{
  struct mover *mover = context;
  while (mover->done < mover->size)
    {
      ssize_t wrote = write (mover->fd, mover->data + mover->done, mover->size - mover->done);
      if (wrote <= 0)
        break;
      mover->done += (size_t) wrote;
    }
  close (mover->fd);
  return NULL;
}

static void *
drain (void *context)
{
  struct mover *mover = context;
  ssize_t got;
  while ((got = read (mover->fd, mover->data + mover->done, mover->size + 1 - mover->done)) > 0)
    mover->done += (size_t) got;
  close (mover->fd);
  return NULL;
}

enum means
{
  BY_FILE,
  BY_PIPE,
  BY_SOCKET,
  MEANS,
};

static void
make_pair (enum means means, int *ends)
{
  if (means == BY_PIPE)
    cr_assert_eq (pipe2 (ends, O_CLOEXEC), 0);
  else
    cr_assert_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
}

/* Put SIZE bytes of NOISE by these MEANS.  */
static void
put_by (lr_connection *connection, enum means means, char *noise, size_t size, const char *file)
{
  struct lr_error error;
  struct lr_put_result *result;
  struct mover mover = { .data = noise, .size = size };
  int ends[2];
  if (means == BY_FILE)
    {
      write_file (path_in ("source"), noise, size, 0600);
      ends[0] = open (path_in ("source"), O_RDONLY | O_CLOEXEC);
    }
  else
    {
      make_pair (means, ends);
      mover.fd = ends[1];
      cr_assert_eq (pthread_create (&mover.thread, NULL, feed, &mover), 0);
    }
  int flags = fcntl (ends[0], F_GETFL);
  struct lr_put_args args = PUT (.file = file, .descriptor = ends[0]);
  cr_assert_eq (lr_put (connection, &args, &result, &error), 0, "%zu bytes: %s", size,
                error.message);
  cr_expect_eq (result->size, size);
  cr_expect_eq (result->in_place, 0);
  lr_free (result);
  cr_expect_eq (fcntl (ends[0], F_GETFL), flags, "its flags have changed");
  if (means != BY_FILE)
    pthread_join (mover.thread, NULL);
  close (ends[0]);
}

static void
get_by (lr_connection *connection, enum means means, const char *noise, size_t size,
        const char *file)
{
  struct lr_error error;
  struct lr_get_result *result;
  struct mover mover = { .data = malloc (size + 1), .size = size };
  int ends[2];
  if (means == BY_FILE)
    ends[1] = open (path_in ("sink"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  else
    {
      make_pair (means, ends);
      mover.fd = ends[0];
      cr_assert_eq (pthread_create (&mover.thread, NULL, drain, &mover), 0);
    }
  int flags = fcntl (ends[1], F_GETFL);
  struct lr_get_args args = GET (.file = file, .descriptor = ends[1]);
  cr_assert_eq (lr_get (connection, &args, &result, &error), 0, "%zu bytes: %s", size,
                error.message);
  cr_expect_eq (result->size, size);
  cr_expect_eq (result->file_size, size);
  cr_expect_eq (result->type, LR_FILE_REGULAR);
  cr_expect_eq (result->mode, 0640);
  cr_expect_eq (result->mtime_ns, 981173106000000000);
  lr_free (result);
  cr_expect_eq (fcntl (ends[1], F_GETFL), flags, "its flags have changed");
  if (means == BY_FILE)
    {
      lseek (ends[1], 0, SEEK_SET);
      mover.fd = ends[1];
      drain (&mover);
    }
  else
    {
      close (ends[1]);
      pthread_join (mover.thread, NULL);
    }
  cr_expect_eq (mover.done, size);
  cr_expect (mover.done == size && memcmp (mover.data, noise, size) == 0, "other bytes of %zu",
             size);
  free (mover.data);
}

static void
expect_content (const char *path, const char *wanted, size_t size)
{
  size_t got_size;
  char *got = read_file (path, &got_size);
  cr_expect_eq (got_size, size, "%zu bytes instead of %zu", got_size, size);
  cr_expect (got_size == size && memcmp (got, wanted, size) == 0, "other content");
  free (got);
}

/* Nothing in the dispatcher's directory but this.  */
static void
expect_only (const char *name)
{
  DIR *stream = opendir (path_in ("site"));
  cr_assert_not_null (stream);
  for (const struct dirent *entry; (entry = readdir (stream)) != NULL;)
    if (entry->d_name[0] != '.' || strlen (entry->d_name) > 2)
      cr_expect_str_eq (entry->d_name, name, "%s is left", entry->d_name);
  closedir (stream);
}

static int
open_to_read (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  cr_assert_geq (fd, 0);
  return fd;
}

static int
open_to_write (const char *path)
{
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  cr_assert_geq (fd, 0);
  return fd;
}

/* ---- put ---- */

TEST_AS_BOTH (put, sends_every_size_from_everything)
{
  char *noise = make_noise (3000001, 11);
  for (size_t i = 0; i < COUNT (sizes); i++)
    for (int means = 0; means < MEANS; means++)
      {
        put_by (connection, (enum means) means, noise, sizes[i], in_work ("target"));
        expect_content (in_work ("target"), noise, sizes[i]);
      }
  struct stat info;
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0600);
  cr_expect_eq (info.st_uid, dispatcher_uid ());
  expect_only ("target");
  free (noise);
}

TEST_AS_BOTH (put, begins_where_the_descriptor_stands)
{
  struct lr_error error;
  write_file (path_in ("source"), "0123456789", 10, 0600);
  static const struct
  {
    off_t offset;
    const char *wanted;
  } cases[] = { { 3, "3456789" }, { 10, "" }, { 20, "" } };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      struct lr_put_result *result;
      int fd = open_to_read (path_in ("source"));
      lseek (fd, cases[i].offset, SEEK_SET);
      struct lr_put_args args = PUT (.file = in_work ("target"), .descriptor = fd, .sync = 1);
      cr_expect_eq (lr_put (connection, &args, &result, &error), 0, "%s", error.message);
      cr_expect_eq (result->size, strlen (cases[i].wanted));
      lr_free (result);
      expect_content (in_work ("target"), cases[i].wanted, strlen (cases[i].wanted));
      close (fd);
    }
}

TEST_AS_BOTH (put, gives_the_file_what_it_is_asked_to)
{
  struct lr_error error;
  struct stat info;
  int fd = open_to_read ("/dev/null");
  struct lr_put_args args = PUT (.file = in_work ("target"), .descriptor = fd, .mode = "2751");
  cr_expect_eq (lr_put (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 02751);
  /* All three from the old one; or what isn't given.  */
  args = PUT (.file = in_work ("target"), .descriptor = fd, .preserve = 1);
  cr_expect_eq (lr_put (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 02751);
  args.mode = "600";
  cr_expect_eq (lr_put (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0600);
  args = PUT (.file = in_work ("target"), .descriptor = fd);
  cr_assert_eq (chmod (in_work ("target"), 0777), 0);
  cr_expect_eq (lr_put (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0600, "not asked to preserve");
  close (fd);
}

TEST_AS_ROOT (put, preserves_and_sets_owners)
{
  struct lr_error error;
  struct stat info;
  int fd = open_to_read ("/dev/null");
  struct lr_put_args args =
      PUT (.file = in_work ("target"), .descriptor = fd, .owner = "daemon", .group = "nogroup");
  cr_expect_eq (lr_put (connection, &args, NULL, &error), 0, "%s", error.message);
  args = PUT (.file = in_work ("target"), .descriptor = fd, .preserve = 1, .group = "0");
  cr_expect_eq (lr_put (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_neq (info.st_uid, 0);
  cr_expect_eq (info.st_gid, 0);
  close (fd);
}

TEST_AS_ROOT (put, tells_what_was_written_in_place)
{
  struct lr_error error;
  struct lr_put_result *result;
  write_file (path_in ("source"), "content", 7, 0600);
  int fd = open_to_read (path_in ("source"));
  struct lr_put_args args = PUT (.file = "/dev/null", .descriptor = fd);
  cr_expect_eq (lr_put (connection, &args, &result, &error), 0, "%s", error.message);
  cr_expect_eq (result->in_place, 1);
  cr_expect_eq (result->size, 7);
  lr_free (result);
  close (fd);
}

TEST_AS_BOTH (put, tells_why_it_can_not)
{
  struct lr_error error;
  struct lr_put_result *result = (void *) &error;
  int null = open_to_read ("/dev/null"), directory = open_to_read ("/"),
      write_only = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  cr_assert_eq (mkdir (in_work ("directory"), 0777), 0);
  const struct
  {
    struct lr_put_args args;
    struct failure failure;
  } cases[] = {
    { PUT (.file = in_work ("directory"), .descriptor = null), remote_os (EISDIR) },
    { PUT (.file = in_work ("no/such"), .descriptor = null), remote_os (ENOENT) },
    { PUT (.file = "", .descriptor = null), remote_os (ENOENT) },
    { PUT (.file = in_work ("x"), .descriptor = null, .mode = "9"), invalid_value ("mode") },
    { PUT (.file = in_work ("x"), .descriptor = null, .owner = "no one"), invalid_value ("owner") },
    { PUT (.file = in_work ("x"), .descriptor = null, .group = "no one"), invalid_value ("group") },
    { PUT (.file = in_work ("x"), .descriptor = 999), { LR_ERROR_IO, EBADF, "descriptor" } },
    { PUT (.file = in_work ("x"), .descriptor = write_only), { LR_ERROR_IO, EBADF, "descriptor" } },
    { PUT (.file = in_work ("x"), .descriptor = directory), { LR_ERROR_IO, EISDIR, "descriptor" } },
  };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      int status = lr_put (connection, &cases[i].args, &result, &error);
      cr_expect_eq (status, -1, "case %zu", i);
      cr_expect_eq (error.kind, cases[i].failure.kind, "case %zu: %s", i, error.message);
      cr_expect_eq (error.errnum, cases[i].failure.errnum, "case %zu: %s", i, error.message);
      cr_expect_str_eq (error.field, cases[i].failure.field, "case %zu: %s", i, error.message);
      cr_expect_null (result);
      cr_expect_eq (lr_ping (connection, &error), 0, "case %zu: %s", i, error.message);
    }
  struct lr_put_args args = PUT (.descriptor = null);
  cr_expect_eq (lr_put (connection, &args, &result, &error), -1);
  cr_expect_str_eq (error.field, "file");
  expect_only ("directory");
  close (null);
  close (directory);
  close (write_only);
}

/* A target that says no early, while an endless source goes on.  */
TEST_AS_BOTH (put, stops_when_the_target_says_no)
{
  struct lr_error error;
  int zero = open_to_read ("/dev/zero");
  struct lr_put_args args = PUT (.file = in_work ("no/such"), .descriptor = zero);
  cr_expect_eq (lr_put (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.errnum, ENOENT);
  close (zero);
}

static int changing;
static off_t changed_to;

static void
change_length (void *data, uint64_t done, uint64_t total)
{
  (void) data;
  (void) done;
  (void) total;
  if (changing >= 0)
    cr_assert_eq (ftruncate (changing, changed_to), 0);
  changing = -1;
}

/* Put SOURCE, which gets another LENGTH as soon as some of it has gone.  */
static int
put_changing (lr_connection *connection, off_t length, struct lr_error *error)
{
  int fd = open_to_read (path_in ("source"));
  changing = open (path_in ("source"), O_WRONLY | O_CLOEXEC);
  int to_close = changing;
  changed_to = length;
  struct lr_put_args args =
      PUT (.file = in_work ("target"), .descriptor = fd, .progress = change_length);
  int status = lr_put (connection, &args, NULL, error);
  cr_expect_eq (changing, -1);
  close (fd);
  close (to_close);
  return status;
}

TEST_AS_BOTH (put, refuses_a_file_that_becomes_shorter)
{
  struct lr_error error;
  char *noise = make_noise (5000000, 4);
  write_file (in_work ("target"), "old", 3, 0644);
  write_file (path_in ("source"), noise, 5000000, 0600);
  cr_expect_eq (put_changing (connection, 2000000, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s", error.message);
  cr_expect_str_eq (error.field, "descriptor", "%s", error.message);
  expect_content (in_work ("target"), "old", 3);
  expect_only ("target");
  cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);
  free (noise);
}

TEST_AS_BOTH (put, sends_a_file_that_grows_as_long_as_it_was)
{
  struct lr_error error;
  char *noise = make_noise (5000000, 4);
  write_file (in_work ("target"), "old", 3, 0644);
  write_file (path_in ("source"), noise, 5000000, 0600);
  cr_expect_eq (put_changing (connection, 8000000, &error), 0, "%s", error.message);
  expect_content (in_work ("target"), noise, 5000000);
  expect_only ("target");
  free (noise);
}

/* ---- get ---- */

static void
write_dated (const char *name, const char *data, size_t size)
{
  const struct timespec times[2] = { { .tv_sec = 981173106 }, { .tv_sec = 981173106 } };
  write_file (in_work (name), data, size, 0640);
  if (is_ordinary ())
    cr_assert_eq (chown (in_work (name), ORDINARY_ID, ORDINARY_ID), 0);
  cr_assert_eq (utimensat (AT_FDCWD, in_work (name), times, 0), 0);
}

TEST_AS_BOTH (get, fetches_every_size_into_everything)
{
  char *noise = make_noise (3000001, 12);
  for (size_t i = 0; i < COUNT (sizes); i++)
    {
      write_dated ("file", noise, sizes[i]);
      for (int means = 0; means < MEANS; means++)
        get_by (connection, (enum means) means, noise, sizes[i], in_work ("file"));
    }
  free (noise);
}

TEST_AS_BOTH (get, fetches_the_part_that_is_wanted)
{
  enum
  {
    SIZE = 1000000,
  };
  static const struct
  {
    uint64_t offset, length, start, size;
  } cases[] = {
    { 0, 0, 0, SIZE },
    { 1, 0, 1, SIZE - 1 },
    { 0, 1, 0, 1 },
    { 0, SIZE + 1, 0, SIZE },
    { SIZE - 1, 0, SIZE - 1, 1 },
    { SIZE, 0, 0, 0 },
    { SIZE + 1000, 10, 0, 0 },
    { INT64_MAX, UINT64_MAX, 0, 0 },
    { 500000, WINDOW, 500000, WINDOW },
    { 500000, UINT64_MAX, 500000, 500000 },
  };
  char *noise = make_noise (SIZE, 13);
  write_file (in_work ("file"), noise, SIZE, 0644);
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      struct lr_error error;
      struct lr_get_result *result;
      int fd = open_to_write (path_in ("sink"));
      struct lr_get_args args = GET (.file = in_work ("file"), .descriptor = fd,
                                     .offset = cases[i].offset, .length = cases[i].length);
      cr_assert_eq (lr_get (connection, &args, &result, &error), 0, "case %zu: %s", i,
                    error.message);
      cr_expect_eq (result->size, cases[i].size, "case %zu: %llu", i,
                    (unsigned long long) result->size);
      cr_expect_eq (result->file_size, SIZE);
      lr_free (result);
      expect_content (path_in ("sink"), noise + cases[i].start, cases[i].size);
      close (fd);
    }
  /* It is written from where the descriptor stands.  */
  int fd = open_to_write (path_in ("sink"));
  cr_assert_eq (write (fd, "before", 6), 6);
  struct lr_get_args args = GET (.file = in_work ("file"), .descriptor = fd, .length = 4);
  cr_expect_eq (lr_get (connection, &args, NULL, NULL), 0);
  cr_assert_eq (write (fd, "after", 5), 5);
  close (fd);
  size_t size;
  char *got = read_file (path_in ("sink"), &size);
  cr_expect_eq (size, 15);
  cr_expect_eq (memcmp (got, "before", 6), 0);
  cr_expect_eq (memcmp (got + 6, noise, 4), 0);
  cr_expect_eq (memcmp (got + 10, "after", 5), 0);
  free (got);
  free (noise);
}

TEST_AS_BOTH (get, tells_why_it_can_not)
{
  struct lr_error error;
  struct lr_get_result *result = (void *) &error;
  int null = open ("/dev/null", O_WRONLY | O_CLOEXEC),
      full = open ("/dev/full", O_WRONLY | O_CLOEXEC), read_only = open_to_read ("/dev/null"),
      broken[2], broken_socket[2];
  write_file (in_work ("file"), "content", 7, 0644);
  cr_assert_eq (pipe2 (broken, O_CLOEXEC), 0);
  close (broken[0]);
  cr_assert_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, broken_socket), 0);
  close (broken_socket[0]);
  const struct
  {
    struct lr_get_args args;
    struct failure failure;
  } cases[] = {
    { GET (.file = in_work ("nothing"), .descriptor = null), invalid_value ("file") },
    { GET (.file = in_work (""), .descriptor = null), remote_os (EISDIR) },
    { GET (.file = in_work ("file/x"), .descriptor = null), remote_os (ENOTDIR) },
    { GET (.file = in_work ("file"), .descriptor = 999), { LR_ERROR_IO, EBADF, "descriptor" } },
    { GET (.file = in_work ("file"), .descriptor = full), { LR_ERROR_IO, ENOSPC, "descriptor" } },
    { GET (.file = in_work ("file"), .descriptor = read_only),
      { LR_ERROR_IO, EBADF, "descriptor" } },
    { GET (.file = in_work ("file"), .descriptor = broken[1]),
      { LR_ERROR_IO, EPIPE, "descriptor" } },
    { GET (.file = in_work ("file"), .descriptor = broken_socket[1]),
      { LR_ERROR_IO, EPIPE, "descriptor" } },
  };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      int status = lr_get (connection, &cases[i].args, &result, &error);
      cr_expect_eq (status, -1, "case %zu", i);
      cr_expect_eq (error.kind, cases[i].failure.kind, "case %zu: %s", i, error.message);
      cr_expect_eq (error.errnum, cases[i].failure.errnum, "case %zu: %s", i, error.message);
      cr_expect_str_eq (error.field, cases[i].failure.field, "case %zu: %s", i, error.message);
      cr_expect_null (result);
      cr_expect_eq (lr_ping (connection, &error), 0, "case %zu: %s", i, error.message);
    }
  const int all[] = { null, full, read_only, broken[1], broken_socket[1] };
  for (size_t i = 0; i < COUNT (all); i++)
    close (all[i]);
}

TEST_ON_LOOP_AS_BOTH (get, waits_for_a_fifos_writer_beside_the_others)
{
  lr_loop *loop = loop_of_test ();
  struct outcome got, cancelled, stat, other;
  int sink = open_to_write (path_in ("sink"));
  cr_assert_eq (mkfifo (in_work ("fifo"), 0666), 0);
  cr_assert_eq (chmod (in_work ("fifo"), 0666), 0);
  struct lr_get_args args = GET (.file = in_work ("fifo"), .descriptor = sink);
  struct lr_stat_args stat_args = STAT (.path = in_work ("fifo"), .sha512sum = 1);
  uint64_t id = submit (connection, LR_OPERATION_GET, &args, &cancelled);
  submit (connection, LR_OPERATION_STAT, &stat_args, &stat);
  dispatch_until (loop, &stat);
  expect_success (&stat, "stat of a fifo");
  cr_expect_eq (((struct lr_stat_result *) stat.result)->type, LR_FILE_FIFO);
  lr_free (stat.result);
  write_file (in_work ("file"), "content", 7, 0644);
  struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = in_work ("file"));
  submit (connection, LR_OPERATION_DOWNLOAD, &download, &other);
  dispatch_until (loop, &other);
  expect_success (&other, "beside it");
  lr_free (other.result);
  cr_expect_eq (cancelled.count, 0);
  cr_expect_eq (lr_cancel (connection, id), 0);
  dispatch_until (loop, &cancelled);
  expect_answer_kind (&cancelled, LR_ERROR_CANCELLED, "cancelled");
  submit (connection, LR_OPERATION_GET, &args, &got);
  dispatch_for (loop, 50);
  int writer = open (in_work ("fifo"), O_WRONLY | O_CLOEXEC);
  cr_assert_eq (write (writer, "through a fifo", 14), 14);
  dispatch_for (loop, 50);
  cr_expect_eq (got.count, 0, "the writer is still there");
  close (writer);
  dispatch_until (loop, &got);
  expect_success (&got, "get");
  const struct lr_get_result *result = got.result;
  cr_expect_eq (result->size, 14);
  cr_expect_eq (result->type, LR_FILE_FIFO);
  lr_free (got.result);
  expect_content (path_in ("sink"), "through a fifo", 14);
  close (sink);
}

/* ---- progress ---- */

struct seen
{
  int count, decreasing, out_of_place;
  uint64_t last, total;
  bool allowed;
};

static void
see (void *data, uint64_t done, uint64_t total)
{
  struct seen *seen = data;
  seen->count++;
  seen->decreasing += done < seen->last;
  seen->out_of_place += !seen->allowed;
  seen->last = done;
  seen->total = total;
}

/* A reader, or a writer, that takes a third of a second for it all.  */
static void *
feed_slowly (void *context)
{
  struct mover *mover = context;
  for (int i = 0; i < 40; i++)
    {
      ssize_t ignored = write (mover->fd, mover->data, mover->size / 40);
      (void) ignored;
      poll (NULL, 0, 10);
    }
  close (mover->fd);
  return NULL;
}

TEST_AS_BOTH (progress, is_told_now_and_then)
{
  struct lr_error error;
  struct seen seen = { .allowed = true };
  char *noise = make_noise (400000, 21);
  int ends[2];
  struct mover mover = { .data = noise, .size = 400000 };
  make_pair (BY_PIPE, ends);
  mover.fd = ends[1];
  int64_t since = now_ms ();
  cr_assert_eq (pthread_create (&mover.thread, NULL, feed_slowly, &mover), 0);
  struct lr_put_args put = PUT (.file = in_work ("file"), .descriptor = ends[0], .progress = see,
                                .progress_data = &seen);
  cr_expect_eq (lr_put (connection, &put, NULL, &error), 0, "%s", error.message);
  seen.allowed = false;
  pthread_join (mover.thread, NULL);
  close (ends[0]);
  cr_expect_geq (seen.count, 3, "%d times", seen.count);
  /* Ten times a second.  */
  cr_expect_leq (seen.count, (now_ms () - since) / 100 + 2, "%d times", seen.count);
  cr_expect_eq (seen.decreasing + seen.out_of_place, 0);
  cr_expect_eq (seen.total, LR_SIZE_UNKNOWN);
  cr_expect_leq (seen.last, 400000);
  /* A file's length is known, and where the part that is wanted ends.  */
  seen = (struct seen){ .allowed = true };
  int fd = open_to_write (path_in ("sink"));
  struct lr_get_args get = GET (.file = in_work ("file"), .descriptor = fd, .offset = 1000,
                                .length = 300000, .progress = see, .progress_data = &seen);
  cr_expect_eq (lr_get (connection, &get, NULL, &error), 0, "%s", error.message);
  cr_expect_geq (seen.count, 1);
  cr_expect_eq (seen.total, 300000);
  close (fd);
  free (noise);
}

TEST_ON_LOOP (progress, of_what_was_submitted_comes_from_dispatch)
{
  struct lr_error error;
  struct outcome answer;
  struct seen seen = { .allowed = false };
  char *noise = make_noise (3000000, 22);
  write_file (path_in ("source"), noise, 3000000, 0600);
  int fd = open_to_read (path_in ("source"));
  struct lr_put_args put =
      PUT (.file = in_work ("file"), .descriptor = fd, .progress = see, .progress_data = &seen);
  submit (connection, LR_OPERATION_PUT, &put, &answer);
  cr_expect_eq (lr_ping (connection, &error), 0);
  cr_expect_eq (seen.count, 0, "it was told in a blocking call");
  seen.allowed = true;
  dispatch_until (loop_of_test (), &answer);
  expect_success (&answer, "put");
  lr_free (answer.result);
  cr_expect_geq (seen.count, 1);
  cr_expect_eq (seen.total, 3000000);
  cr_expect_eq (seen.decreasing + seen.out_of_place, 0);
  int count = seen.count;
  dispatch_for (loop_of_test (), 150);
  cr_expect_eq (seen.count, count, "it was told after the end");
  close (fd);
  free (noise);
}

/* ---- what does not come to its end ---- */

/* A pipe that has given a part, and then nothing.  */
static void
make_stuck (int *ends)
{
  static char part[50000];
  make_pair (BY_PIPE, ends);
  cr_assert_eq (write (ends[1], part, sizeof part), (ssize_t) sizeof part);
}

static void
close_both (const int *ends)
{
  close (ends[0]);
  close (ends[1]);
}

TEST_ON_LOOP_AS_BOTH (unfinished, leaves_the_old_file_when_it_is_late_or_cancelled)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  struct lr_error error;
  int ends[2];
  make_stuck (ends);
  write_file (in_work ("target"), "old", 3, 0644);
  struct lr_put_args args =
      PUT (.file = in_work ("target"), .descriptor = ends[0], .timeout_ms = 200);
  submit (connection, LR_OPERATION_PUT, &args, &answer);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_TIMEOUT, "put");
  args.timeout_ms = 0;
  uint64_t id = submit (connection, LR_OPERATION_PUT, &args, &answer);
  dispatch_for (loop, 100);
  cr_expect_eq (lr_cancel (connection, id), 0);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_CANCELLED, "put");
  cr_expect_eq (lr_ping (connection, &error), 0);
  expect_content (in_work ("target"), "old", 3);
  expect_only ("target");
  close_both (ends);
}

TEST_AS_BOTH (unfinished, leaves_the_old_file_when_the_dispatcher_is_killed)
{
  struct lr_error error;
  int ends[2];
  pid_t dispatcher = dispatcher_of (connection);
  write_file (in_work ("target"), "old", 3, 0644);
  make_stuck (ends);
  pid_t killer = fork ();
  if (killer == 0)
    {
      poll (NULL, 0, 200);
      kill (dispatcher, SIGKILL);
      _exit (0);
    }
  struct lr_put_args args = PUT (.file = in_work ("target"), .descriptor = ends[0]);
  cr_expect_eq (lr_put (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  cr_expect_not_null (strstr (error.message, "signal 9"), "%s", error.message);
  waitpid (killer, NULL, 0);
  expect_gone ();
  expect_content (in_work ("target"), "old", 3);
  expect_only ("target");
  close_both (ends);
}

TEST_ON_LOOP (unfinished, leaves_the_old_file_when_the_dispatcher_hangs)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome put, get;
  lr_connection *other;
  int ends[2];
  (void) connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .loop = loop, .keep_alive_ms = 200);
  cr_assert_eq (lr_open (NULL, &args, &other, &error), 0);
  pid_t dispatcher = dispatcher_of (other);
  write_file (in_work ("target"), "old", 3, 0644);
  make_stuck (ends);
  int zero = open_to_read ("/dev/zero"), null = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  struct lr_put_args put_args = PUT (.file = in_work ("target"), .descriptor = ends[0]);
  struct lr_get_args get_args = GET (.file = "/dev/zero", .descriptor = null);
  submit (other, LR_OPERATION_PUT, &put_args, &put);
  submit (other, LR_OPERATION_GET, &get_args, &get);
  dispatch_for (loop, 100);
  int64_t since = now_ms ();
  kill (dispatcher, SIGSTOP);
  dispatch_until (loop, &put);
  dispatch_until (loop, &get);
  expect_answer_kind (&put, LR_ERROR_IO, "put");
  expect_answer_kind (&get, LR_ERROR_IO, "get");
  cr_expect_eq (put.error.errnum, ETIMEDOUT);
  cr_expect_lt (now_ms () - since, 5000);
  lr_close (other);
  wait_until_gone (dispatcher);
  expect_content (in_work ("target"), "old", 3);
  expect_only ("target");
  close_both (ends);
  close (zero);
  close (null);
}

/* A client that is killed leaves nothing at the far side.  */
Test (unfinished, is_cleaned_up_when_the_client_is_killed, .init = begin_work, .fini = end_work)
{
  int ready[2];
  pid_t dispatcher;
  write_file (in_work ("target"), "old", 3, 0644);
  cr_assert_eq (pipe2 (ready, O_CLOEXEC), 0);
  pid_t child = fork ();
  cr_assert_geq (child, 0);
  if (child == 0)
    {
      int ends[2];
      lr_connection *connection = open_local ();
      make_stuck (ends);
      dispatcher = dispatcher_of (connection);
      struct lr_spawn_args spawn = LR_SPAWN_ARGS (.command = WORDS ("sleep", endless ()));
      lr_process *process;
      if (lr_spawn (connection, &spawn, &process, NULL) != 0
          || write (ready[1], &dispatcher, sizeof dispatcher) != sizeof dispatcher
          || write (ready[1], endless (), 32) != 32)
        _exit (1);
      struct lr_put_args args = PUT (.file = in_work ("target"), .descriptor = ends[0]);
      lr_put (connection, &args, NULL, NULL);
      _exit (2);
    }
  char text[32];
  cr_assert_eq (read (ready[0], &dispatcher, sizeof dispatcher), (ssize_t) sizeof dispatcher);
  cr_assert_eq (read (ready[0], text, sizeof text), (ssize_t) sizeof text);
  wait_for_processes (text, 1);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  wait_until_gone (dispatcher);
  wait_for_processes (text, 0);
  expect_content (in_work ("target"), "old", 3);
  expect_only ("target");
  close_both (ready);
}

TEST_ON_LOOP_AS_BOTH (unfinished, puts_are_dropped_by_closing)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answers[5];
  lr_connection *other = open_on (loop, NULL);
  int ends[2];
  (void) connection;
  make_stuck (ends);
  write_file (in_work ("target"), "old", 3, 0644);
  struct lr_put_args args = PUT (.file = in_work ("target"), .descriptor = ends[0]);
  for (size_t i = 0; i < COUNT (answers); i++)
    submit (other, LR_OPERATION_PUT, &args, &answers[i]);
  dispatch_for (loop, 100);
  pid_t dispatcher = dispatcher_of (other);
  lr_close (other);
  for (size_t i = 0; i < COUNT (answers); i++)
    {
      dispatch_until (loop, &answers[i]);
      expect_answer_kind (&answers[i], LR_ERROR_CANCELLED, "put");
    }
  for (int64_t since = now_ms (); is_running (dispatcher); dispatch (loop, 10))
    cr_assert_lt (now_ms () - since, 10000);
  expect_content (in_work ("target"), "old", 3);
  expect_only ("target");
  close_both (ends);
}

/* ---- bulk ---- */

static void
expect_growth (pid_t pid, long before, long most, const char *what)
{
  long after = peak_memory (pid);
  if (!memory_is_distorted ())
    cr_expect_leq (after - before, most, "%s has grown by %ld KiB", what, after - before);
}

TEST_AS_ROOT (bulk, goes_through_in_constant_memory)
{
  struct lr_error error;
  struct lr_put_result *put_result;
  struct lr_get_result *get_result;
  uint64_t size = (uint64_t) bulk_size () * 5;
  pid_t dispatcher = dispatcher_of (connection);
  int source = open_to_write (path_in ("sparse")), null = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  cr_assert_eq (ftruncate (source, (off_t) size), 0);
  forget_peak (dispatcher);
  forget_peak (0);
  long before = peak_memory (0), dispatcher_before = peak_memory (dispatcher);
  struct lr_put_args put = PUT (.file = "/dev/null", .descriptor = source);
  cr_assert_eq (lr_put (connection, &put, &put_result, &error), 0, "%s", error.message);
  cr_expect_eq (put_result->size, size);
  lr_free (put_result);
  struct lr_get_args get = GET (.file = path_in ("sparse"), .descriptor = null);
  cr_assert_eq (lr_get (connection, &get, &get_result, &error), 0, "%s", error.message);
  cr_expect_eq (get_result->size, size);
  lr_free (get_result);
  expect_growth (0, before, CLIENT_GROWTH, "the client");
  expect_growth (dispatcher, dispatcher_before, DISPATCHER_GROWTH, "the dispatcher");
  close (source);
  close (null);
}

TEST_AS_SELF (bulk, arrives_as_it_was_sent)
{
  size_t size = bulk_size () / 8;
  char *noise = make_noise (size, 31);
  put_by (connection, BY_PIPE, noise, size, in_work ("file"));
  expect_content (in_work ("file"), noise, size);
  write_dated ("file", noise, size);
  get_by (connection, BY_SOCKET, noise, size, in_work ("file"));
  free (noise);
}

TEST_ON_LOOP (bulk, goes_side_by_side)
{
  enum
  {
    ALL = 20,
    SIZE = 2000000,
  };
  struct outcome answers[ALL], ping;
  int fds[ALL];
  char *noise = make_noise (SIZE, 32);
  write_file (path_in ("source"), noise, SIZE, 0600);
  for (int i = 0; i < ALL; i++)
    {
      char name[16];
      snprintf (name, sizeof name, "%d", i);
      fds[i] = open_to_read (path_in ("source"));
      struct lr_put_args args = PUT (.file = in_work (name), .descriptor = fds[i]);
      submit (connection, LR_OPERATION_PUT, &args, &answers[i]);
    }
  submit (connection, LR_OPERATION_PING, NULL, &ping);
  dispatch_until (loop_of_test (), &ping);
  for (int i = 0; i < ALL; i++)
    {
      char name[16];
      snprintf (name, sizeof name, "%d", i);
      dispatch_until (loop_of_test (), &answers[i]);
      expect_success (&answers[i], "one of many");
      lr_free (answers[i].result);
      expect_content (in_work (name), noise, SIZE);
      close (fds[i]);
    }
  cr_expect_lt (ping.order, ALL, "a ping has waited for all of them");
  free (noise);
}

/* ---- providers that know only whole contents ---- */

static struct
{
  char *data;
  size_t size;
  char mode[8];
  int uploads;
} kept;

static void
keep_upload (lr_call *call, const struct lr_upload_args *args)
{
  char buffer[10000];
  size_t got;
  kept.size = 0;
  kept.uploads++;
  snprintf (kept.mode, sizeof kept.mode, "%s", args->mode == NULL ? "" : args->mode);
  while ((got = lr_call_read (call, buffer, sizeof buffer)) > 0)
    {
      kept.data = realloc (kept.data, kept.size + got);
      memcpy (kept.data + kept.size, buffer, got);
      kept.size += got;
    }
  if (strcmp (args->file, "/refused") == 0)
    lr_call_fail (call, LR_ERROR_REMOTE_OS, EACCES, NULL, "it is refused");
  else
    lr_reply_done (call);
}

static void
send_kept (lr_call *call, const struct lr_download_args *args)
{
  (void) args;
  lr_call_write (call, LR_STDOUT, kept.data, kept.size);
  lr_reply_done (call);
}

static const struct lr_connector keeping = {
  .size = sizeof (struct lr_connector),
  .abi = LR_ABI,
  .option_size = sizeof (struct lr_option),
  .schema = "keeping",
  .description = "a connector of the tests",
  .upload = keep_upload,
  .download = send_kept,
};

/* Sizes, parts and errors, through CONNECTION.  */
static void
transfer_wholly (lr_connection *connection, const char *file)
{
  struct lr_error error;
  char *noise = make_noise (3000001, 41);
  for (size_t i = 0; i < COUNT (sizes); i++)
    for (int means = 0; means < MEANS; means++)
      {
        struct lr_get_result *result;
        put_by (connection, (enum means) means, noise, sizes[i], file);
        int fd = open_to_write (path_in ("sink"));
        struct lr_get_args args = GET (.file = file, .descriptor = fd);
        cr_assert_eq (lr_get (connection, &args, &result, &error), 0, "%s", error.message);
        cr_expect_eq (result->size, sizes[i]);
        cr_expect_eq (result->file_size, sizes[i]);
        cr_expect_eq (result->mode, 0);
        lr_free (result);
        close (fd);
        expect_content (path_in ("sink"), noise, sizes[i]);
      }
  int fd = open_to_write (path_in ("sink"));
  struct lr_get_args args = GET (.file = file, .descriptor = fd, .offset = 1000, .length = 50000);
  cr_expect_eq (lr_get (connection, &args, NULL, &error), 0, "%s", error.message);
  expect_content (path_in ("sink"), noise + 1000, 50000);
  args.offset = 5000000;
  cr_expect_eq (ftruncate (fd, 0), 0);
  cr_expect_eq (lr_get (connection, &args, NULL, &error), 0, "%s", error.message);
  expect_content (path_in ("sink"), "", 0);
  close (fd);
  /* What can't be read or written is no fault of the connection.  */
  fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  struct lr_put_args put = PUT (.file = file, .descriptor = fd);
  cr_expect_eq (lr_put (connection, &put, NULL, &error), -1);
  cr_expect_eq (error.errnum, EBADF);
  cr_expect_str_eq (error.field, "descriptor");
  close (fd);
  args.offset = 0;
  args.descriptor = open ("/dev/full", O_WRONLY | O_CLOEXEC);
  cr_expect_eq (lr_get (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.errnum, ENOSPC);
  cr_expect_str_eq (error.field, "descriptor");
  close (args.descriptor);
  put = PUT (.file = file, .descriptor = open_to_read ("/dev/null"), .sync = 1);
  cr_expect_eq (lr_put (connection, &put, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED);
  put.sync = 0;
  put.mode = "644";
  cr_expect_eq (lr_put (connection, &put, NULL, &error), 0, "%s", error.message);
  close (put.descriptor);
  free (noise);
}

TEST_AS_SELF (whole, contents_go_through_the_plain_protocol)
{
  struct lr_error error;
  lr_connection *plain;
  struct stat info;
  (void) connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:?protocol=plain");
  cr_assert_eq (lr_open (NULL, &args, &plain, &error), 0);
  transfer_wholly (plain, in_work ("target"));
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0644);
  /* And with preserve, which is done on this side then.  */
  int null = open_to_read ("/dev/null");
  cr_assert_eq (chmod (in_work ("target"), 0751), 0);
  struct lr_put_args put = PUT (.file = in_work ("target"), .descriptor = null, .preserve = 1);
  cr_expect_eq (lr_put (plain, &put, NULL, &error), 0, "%s", error.message);
  cr_assert_eq (stat (in_work ("target"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0751);
  close (null);
  lr_close (plain);
}

/* Also where the connection is gone.  */
TEST_AS_SELF (whole, contents_with_preserve_fail_as_others_do)
{
  struct lr_error error;
  lr_connection *plain;
  (void) connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:?protocol=plain");
  cr_assert_eq (lr_open (NULL, &args, &plain, &error), 0);
  pid_t dispatcher = dispatcher_of (plain);
  int null = open_to_read ("/dev/null");
  struct lr_put_args put = PUT (.file = in_work ("target"), .descriptor = null, .preserve = 1);
  struct lr_upload_args upload = LR_UPLOAD_ARGS (.file = in_work ("target"), .preserve = 1);
  kill (dispatcher, SIGKILL);
  for (int i = 0; i < 2; i++)
    {
      cr_expect_eq (lr_put (plain, &put, NULL, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
      cr_expect_eq (lr_upload (plain, &upload, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
    }
  close (null);
  lr_close (plain);
}

TEST_AS_SELF (whole, contents_go_through_a_connectors_own_functions)
{
  struct lr_error error;
  lr_connection *own;
  lr_registry *registry = lr_registry_new ();
  (void) connection;
  cr_assert_eq (lr_registry_add_connector (registry, &keeping, &error), 0, "%s", error.message);
  struct lr_open_args args = LR_OPEN_ARGS (.url = "keeping:");
  cr_assert_eq (lr_open (registry, &args, &own, &error), 0, "%s", error.message);
  transfer_wholly (own, "/anything");
  cr_expect_str_eq (kept.mode, "644");
  int null = open_to_read ("/dev/null");
  struct lr_put_args put = PUT (.file = "/refused", .descriptor = null);
  cr_expect_eq (lr_put (own, &put, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_REMOTE_OS);
  cr_expect_eq (error.errnum, EACCES);
  close (null);
  lr_close (own);
  lr_registry_free (registry);
  free (kept.data);
}

/* ---- a file system that hangs ---- */

/* Serves a mount in which `fine` is a file of five bytes, names that begin with `hang` are never
   answered, and what `slow` has is never read.  */
static int fuse;
static bool fuse_is_deaf; /* it doesn't let go either who is killed */

static void
fuse_reply (const struct fuse_in_header *in, int error, const void *data, size_t size)
{
  struct
  {
    struct fuse_out_header header;
    char data[512];
  } reply = { .header = { .len = (uint32_t) (sizeof reply.header + size),
                          .error = -error,
                          .unique = in->unique } };
  if (size > 0)
    memcpy (reply.data, data, size);
  ssize_t ignored = write (fuse, &reply, reply.header.len);
  (void) ignored;
}

static struct fuse_attr
fuse_attributes (uint64_t node)
{
  return (struct fuse_attr){ .ino = node,
                             .size = node == FUSE_ROOT_ID ? 0 : 5,
                             .mode = node == FUSE_ROOT_ID ? S_IFDIR | 0777 : S_IFREG | 0666,
                             .nlink = 1,
                             .blksize = 4096 };
}

static void
fuse_answer (const struct fuse_in_header *in, const char *body)
{
  struct fuse_attr_out attributes = { .attr = fuse_attributes (in->nodeid) };
  struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
  struct fuse_open_out opened = { .fh = 1 };
  struct fuse_statfs_out statistics = { .st = { .bsize = 4096, .namelen = 255 } };
  switch (in->opcode)
    {
    case FUSE_INIT:
      fuse_reply (in, 0, &init, sizeof init);
      break;
    case FUSE_LOOKUP:
      if (strncmp (body, "hang", 4) == 0)
        break;
      struct fuse_entry_out entry = { .nodeid = strcmp (body, "slow") == 0 ? 3 : 2 };
      entry.attr = fuse_attributes (entry.nodeid);
      if (strcmp (body, "fine") == 0 || strcmp (body, "slow") == 0)
        fuse_reply (in, 0, &entry, sizeof entry);
      else
        fuse_reply (in, ENOENT, NULL, 0);
      break;
    case FUSE_GETATTR:
      fuse_reply (in, 0, &attributes, sizeof attributes);
      break;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
      fuse_reply (in, 0, &opened, sizeof opened);
      break;
    case FUSE_READ:
      if (in->nodeid == 2)
        fuse_reply (in, 0, "fine\n", 5);
      break;
    case FUSE_STATFS:
      fuse_reply (in, 0, &statistics, sizeof statistics);
      break;
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
      fuse_reply (in, 0, NULL, 0);
      break;
    case FUSE_INTERRUPT:
      if (!fuse_is_deaf)
        {
          struct fuse_in_header interrupted = *in;
          memcpy (&interrupted.unique, body, sizeof interrupted.unique);
          fuse_reply (&interrupted, EINTR, NULL, 0);
        }
      break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
      break;
    case FUSE_CREATE:
    case FUSE_MKNOD:
      break; /* never */
    default:
      fuse_reply (in, ENOSYS, NULL, 0);
      break;
    }
}

static void *
serve_fuse (void *unused)
{
  static char buffer[FUSE_MIN_READ_BUFFER + 8192] __attribute__ ((aligned (8)));
  (void) unused;
  for (;;)
    {
      ssize_t got = read (fuse, buffer, sizeof buffer);
      if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
        continue;
      if (got < (ssize_t) sizeof (struct fuse_in_header))
        return NULL;
      fuse_answer ((const struct fuse_in_header *) (const void *) buffer,
                   buffer + sizeof (struct fuse_in_header));
    }
}

/* Mount it at DIRECTORY/site/mount, and open a connection that sees it.  */
static lr_connection *
open_beside_hanging (lr_loop *loop)
{
  pthread_t thread;
  char options[128];
  need_mounts ();
  cr_assert_eq (mkdir (in_work ("mount"), 0755), 0);
  fuse = open ("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fuse < 0)
    {
      cr_assert_null (getenv ("CI"), "this test needs /dev/fuse");
      skip_test ("this test needs /dev/fuse");
    }
  snprintf (options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fuse);
  mount_at (in_work ("mount"), "hanging", "fuse", 0, options);
  cr_assert_eq (pthread_create (&thread, NULL, serve_fuse, NULL), 0);
  pthread_detach (thread);
  return open_on (loop, NULL);
}

#define TEST_HANGING(name)                                                                         \
  static void hanging_##name (lr_loop *loop, lr_connection *connection);                           \
  Test (hanging, name, .init = begin_work, .fini = end_work)                                       \
  {                                                                                                \
    lr_loop *loop;                                                                                 \
    cr_assert_eq (lr_loop_new (&loop, NULL), 0);                                                   \
    lr_connection *connection = open_beside_hanging (loop);                                        \
    pid_t dispatcher = dispatcher_of (connection);                                                 \
    hanging_##name (loop, connection);                                                             \
    int64_t since = now_ms ();                                                                     \
    lr_close (connection);                                                                         \
    free_loop (loop);                                                                              \
    wait_until_gone (dispatcher);                                                                  \
    cr_expect_lt (now_ms () - since, 5500, "the dispatcher waits for what hangs");                 \
  }                                                                                                \
  static void hanging_##name (lr_loop *loop, lr_connection *connection)

static void
expect_others_go_on (lr_loop *loop, lr_connection *connection)
{
  struct outcome stat, get, ping, run;
  struct lr_stat_args stat_args = STAT (.path = "/");
  int fd = open_to_write (path_in ("sink"));
  write_file (in_work ("file"), "content", 7, 0644);
  struct lr_get_args get_args = GET (.file = in_work ("file"), .descriptor = fd);
  struct lr_run_args run_args = LR_RUN_ARGS (.command = WORDS ("true"));
  int64_t since = now_ms ();
  submit (connection, LR_OPERATION_STAT, &stat_args, &stat);
  submit (connection, LR_OPERATION_GET, &get_args, &get);
  submit (connection, LR_OPERATION_RUN, &run_args, &run);
  submit (connection, LR_OPERATION_PING, NULL, &ping);
  struct outcome *const all[] = { &stat, &get, &run, &ping };
  for (size_t i = 0; i < COUNT (all); i++)
    {
      dispatch_until (loop, all[i]);
      expect_success (all[i], "beside what hangs");
      lr_free (all[i]->result);
    }
  cr_expect_lt (now_ms () - since, 3000);
  close (fd);
}

static void
expect_cancelled (lr_loop *loop, lr_connection *connection, uint64_t id,
                  const struct outcome *answer)
{
  cr_expect_eq (answer->count, 0, "it has not waited");
  cr_expect_eq (lr_cancel (connection, id), 0);
  dispatch (loop, 0);
  expect_answer_kind (answer, LR_ERROR_CANCELLED, "what hangs");
}

TEST_HANGING (file_systems_hold_up_nobody_else)
{
  struct lr_error error;
  struct outcome stat, get, read;
  struct lr_stat_result *result;
  struct lr_stat_args fine = STAT (.path = in_work ("mount/fine"));
  cr_assert_eq (lr_stat (connection, &fine, &result, &error), 0, "%s", error.message);
  cr_assert_not_null (result);
  cr_expect_eq (result->size, 5);
  lr_free (result);
  int fd = open_to_write (path_in ("hung"));
  struct lr_stat_args stat_args = STAT (.path = in_work ("mount/hang1"));
  struct lr_get_args get_args = GET (.file = in_work ("mount/hang2"), .descriptor = fd),
                     read_args = GET (.file = in_work ("mount/slow"), .descriptor = fd);
  uint64_t stat_id = submit (connection, LR_OPERATION_STAT, &stat_args, &stat);
  uint64_t get_id = submit (connection, LR_OPERATION_GET, &get_args, &get);
  uint64_t read_id = submit (connection, LR_OPERATION_GET, &read_args, &read);
  dispatch_for (loop, 200);
  for (int i = 0; i < 3; i++)
    expect_others_go_on (loop, connection);
  expect_cancelled (loop, connection, stat_id, &stat);
  expect_cancelled (loop, connection, get_id, &get);
  expect_cancelled (loop, connection, read_id, &read);
  expect_others_go_on (loop, connection);
  close (fd);
}

TEST_HANGING (targets_of_put_hold_up_nobody_else)
{
  struct outcome put, late;
  int null = open_to_read ("/dev/null");
  struct lr_put_args args = PUT (.file = in_work ("mount/hang1"), .descriptor = null);
  uint64_t id = submit (connection, LR_OPERATION_PUT, &args, &put);
  args = PUT (.file = in_work ("mount/hang2"), .descriptor = null, .timeout_ms = 200);
  submit (connection, LR_OPERATION_PUT, &args, &late);
  dispatch_until (loop, &late);
  expect_answer_kind (&late, LR_ERROR_TIMEOUT, "what hangs");
  expect_others_go_on (loop, connection);
  expect_cancelled (loop, connection, id, &put);
  expect_others_go_on (loop, connection);
  close (null);
}

/* More than there are threads for it.  */
TEST_HANGING (requests_in_any_number_hold_up_nobody_else)
{
  static struct outcome hung[40];
  for (size_t i = 0; i < COUNT (hung); i++)
    {
      char name[32];
      snprintf (name, sizeof name, "mount/hang%zu", i);
      struct lr_stat_args args = STAT (.path = in_work (name));
      submit (connection, LR_OPERATION_STAT, &args, &hung[i]);
    }
  dispatch_for (loop, 100);
  expect_others_go_on (loop, connection);
  for (size_t i = 0; i < COUNT (hung); i++)
    cr_expect_eq (hung[i].count, 0);
}

TEST_HANGING (calls_that_wait_have_their_time_limit)
{
  struct lr_error error;
  struct lr_stat_result *result;
  (void) loop;
  struct lr_stat_args args = STAT (.path = in_work ("mount/hang"), .timeout_ms = 200);
  int64_t since = now_ms ();
  cr_expect_eq (lr_stat (connection, &args, &result, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  cr_expect_lt (now_ms () - since, 2000);
  cr_expect_eq (lr_ping (connection, &error), 0);
}

/* The kernel doesn't let go of a process whose request such a file system has taken: it can't be
   killed.  But nobody waits for it for ever.  */
Test (hanging, file_systems_that_nobody_can_leave_are_left, .init = begin_work, .fini = end_work)
{
  struct lr_error error;
  struct lr_stat_result *result;
  lr_connection *connection = open_beside_hanging (NULL);
  pid_t dispatcher = dispatcher_of (connection);
  struct lr_stat_args args = STAT (.path = in_work ("mount/hang"), .timeout_ms = 200);
  fuse_is_deaf = true;
  cr_expect_eq (lr_stat (connection, &args, &result, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  int64_t since = now_ms ();
  lr_close (connection);
  cr_expect_lt (now_ms () - since, 20000);
  undo_mounts ();
  close (fuse);
  (void) dispatcher;
}
