#include "tests/support.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

const char *
make_directory (void)
{
  strcpy (directory, "/tmp/longreach-test-XXXXXX");
  cr_assert_not_null (mkdtemp (directory));
  cr_assert_eq (chmod (directory, 0755), 0);
  return directory;
}

static int
remove_entry (const char *path, const struct stat *info, int type, struct FTW *position)
{
  (void) info;
  (void) type;
  (void) position;
  remove (path);
  return 0;
}

void
remove_directory (void)
{
  if (directory[0] != '\0')
    nftw (directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
  directory[0] = '\0';
}

const char *
path_in (const char *name)
{
  static char buffers[8][512];
  static unsigned next;
  char *buffer = buffers[next++ % 8];
  snprintf (buffer, sizeof buffers[0], "%s/%s", directory, name);
  return buffer;
}

void
write_file (const char *path, const void *data, size_t size, mode_t mode)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  cr_assert_geq (fd, 0, "cannot create %s: %s", path, strerror (errno));
  for (size_t done = 0; done < size;)
    {
      ssize_t wrote = write (fd, (const char *) data + done, size - done);
      cr_assert_gt (wrote, 0);
      done += (size_t) wrote;
    }
  cr_assert_eq (fchmod (fd, mode), 0);
  close (fd);
}

/* All that FD still gives, ended by a NUL.  */
static char *
read_all (int fd, size_t *size)
{
  size_t room = 4096;
  char *data = malloc (room);
  *size = 0;
  for (;;)
    {
      if (room - *size < 2)
        data = realloc (data, room *= 2);
      cr_assert_not_null (data);
      ssize_t got = read (fd, data + *size, room - *size - 1);
      cr_assert (got >= 0 || errno == EINTR);
      if (got == 0)
        break;
      *size += got > 0 ? (size_t) got : 0;
    }
  data[*size] = '\0';
  return data;
}

char *
read_file (const char *path, size_t *size)
{
  size_t ignored;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  cr_assert_geq (fd, 0, "cannot open %s: %s", path, strerror (errno));
  char *data = read_all (fd, size == NULL ? &ignored : size);
  close (fd);
  return data;
}

/* With the protocol that LR_TEST_PROTOCOL names, so that the same suite can test both.  */
static lr_connection *
open_url (const char *url)
{
  struct lr_error error;
  char option[64];
  lr_connection *connection = NULL;
  const char *protocol = getenv ("LR_TEST_PROTOCOL");
  const char *const options[] = { option, NULL };
  snprintf (option, sizeof option, "protocol=%s", protocol == NULL ? "session" : protocol);
  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .options = options);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  return connection;
}

lr_connection *
open_local (void)
{
  return open_url ("local:");
}

lr_connection *
open_local_as (uid_t uid, gid_t gid)
{
  char original[512], url[1024];
  size_t size;
  const char *copy = path_in ("dispatcher-copy");
  const char *built = getenv ("LONGREACH_DISPATCHER_DIR");
  cr_assert_not_null (built, "run the suites through ./run");
  snprintf (original, sizeof original, "%s/longreach-dispatcher", built);
  char *program = read_file (original, &size);
  if (access (copy, F_OK) != 0)
    write_file (copy, program, size, 0755);
  free (program);
  snprintf (url, sizeof url,
            "local:user?dispatcher=setpriv --reuid %u --regid %u --clear-groups %s", uid, gid,
            copy);
  return open_url (url);
}

void
skip_test (const char *why)
{
  end_work ();
  cr_skip_test ("%s", why);
}

void
need_root (void)
{
  if (geteuid () == 0)
    return;
  cr_assert_null (getenv ("CI"), "this test needs root");
  skip_test ("this test needs root");
}

struct finished
run_program (const char *const *command, const char *input, size_t input_size)
{
  struct finished finished = { NULL, NULL, 0, 0, 0 };
  FILE *in = tmpfile (), *out = tmpfile (), *err = tmpfile ();
  posix_spawn_file_actions_t actions;
  extern char **environ;
  pid_t pid;
  int status;
  cr_assert (in != NULL && out != NULL && err != NULL);
  cr_assert_eq (fwrite (input == NULL ? "" : input, 1, input_size, in), input_size);
  fflush (in);
  lseek (fileno (in), 0, SEEK_SET);
  posix_spawn_file_actions_init (&actions);
  if (input == NULL)
    posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
  else
    posix_spawn_file_actions_adddup2 (&actions, fileno (in), 0);
  posix_spawn_file_actions_adddup2 (&actions, fileno (out), 1);
  posix_spawn_file_actions_adddup2 (&actions, fileno (err), 2);
  int errnum = posix_spawnp (&pid, command[0], &actions, NULL, (char *const *) command, environ);
  cr_assert_eq (errnum, 0, "cannot start %s: %s", command[0], strerror (errnum));
  posix_spawn_file_actions_destroy (&actions);
  cr_assert_eq (waitpid (pid, &status, 0), pid);
  lseek (fileno (out), 0, SEEK_SET);
  lseek (fileno (err), 0, SEEK_SET);
  finished.output = read_all (fileno (out), &finished.output_size);
  finished.error = read_all (fileno (err), &finished.error_size);
  finished.status = WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
  fclose (in);
  fclose (out);
  fclose (err);
  return finished;
}

void
free_finished (struct finished *finished)
{
  free (finished->output);
  free (finished->error);
}

int
count_descriptors (void)
{
  int count = 0;
  DIR *stream = opendir ("/proc/self/fd");
  cr_assert_not_null (stream);
  while (readdir (stream) != NULL)
    count++;
  closedir (stream);
  return count - 3; /* ".", ".." and the stream's own */
}

int
count_children (void)
{
  char path[64];
  int count = 0;
  snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) getpid ());
  char *list = read_file (path, NULL);
  for (char *word = strtok (list, " "); word != NULL; word = strtok (NULL, " "))
    count++;
  free (list);
  return count;
}

size_t
bulk_size (void)
{
  const char *given = getenv ("LR_BULK_BYTES");
  return given != NULL ? strtoull (given, NULL, 10) : (size_t) 1 << 30;
}

struct failure
remote_os (int errnum)
{
  return (struct failure){ LR_ERROR_REMOTE_OS, errnum, "" };
}

struct failure
invalid_value (const char *field)
{
  return (struct failure){ LR_ERROR_INVALID_VALUE, 0, field };
}

static void
expect_sentence (const char *message, const char *what)
{
  size_t length = strlen (message);
  cr_expect_gt (length, 0, "%s: there is no message", what);
  cr_expect (length == 0 || message[length - 1] != '.', "%s: a final stop: %s", what, message);
  for (const char *c = message; *c != '\0'; c++)
    cr_expect ((unsigned char) *c >= 0x20 && *c != 0x7f, "%s: a control character, %02x", what,
               (unsigned char) *c);
}

void
expect_failure (int status, const struct lr_error *error, struct failure wanted, const char *what)
{
  cr_expect_eq (status, -1, "%s: it did not fail", what);
  if (status != -1)
    return;
  cr_expect_eq (error->kind, wanted.kind, "%s: it is %s: %s", what,
                lr_error_kind_name (error->kind), error->message);
  cr_expect_eq (error->errnum, wanted.errnum, "%s: errno %d: %s", what, error->errnum,
                error->message);
  cr_expect_str_eq (error->field, wanted.field, "%s: field '%s': %s", what, error->field,
                    error->message);
  cr_expect_eq (error->hop, 0, "%s: hop %d", what, error->hop);
  cr_expect (
      error->host[0] != '\0' && strncmp (error->message, error->host, strlen (error->host)) == 0,
      "%s: the message does not begin with the host, '%s': %s", what, error->host, error->message);
  if (wanted.kind == LR_ERROR_REMOTE_OS)
    cr_expect_not_null (strstr (error->message, strerror (wanted.errnum)),
                        "%s: the reason is missing: %s", what, error->message);
  expect_sentence (error->message, what);
}

char *
make_noise (size_t size, uint64_t seed)
{
  char *noise = malloc (size + sizeof seed);
  cr_assert_not_null (noise);
  seed = seed * 2 + 1;
  for (size_t i = 0; i < size; i += sizeof seed)
    {
      seed ^= seed << 13;
      seed ^= seed >> 7;
      seed ^= seed << 17;
      memcpy (noise + i, &seed, sizeof seed);
    }
  return noise;
}

static char *mounted[8];
static size_t mounted_count;

void
need_mounts (void)
{
  need_root ();
  if (unshare (CLONE_NEWNS) == 0 && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
    return;
  cr_assert_null (getenv ("CI"), "this test needs the right to mount");
  skip_test ("this test needs the right to mount");
}

void
mount_at (const char *path, const char *source, const char *type, unsigned long flags,
          const char *data)
{
  cr_assert_lt (mounted_count, sizeof mounted / sizeof mounted[0]);
  cr_assert_eq (mount (source, path, type, flags, data), 0, "cannot mount %s: %s", path,
                strerror (errno));
  mounted[mounted_count] = strdup (path);
  cr_assert_not_null (mounted[mounted_count]);
  mounted_count++;
}

void
undo_mounts (void)
{
  while (mounted_count > 0)
    {
      umount2 (mounted[--mounted_count], MNT_DETACH);
      free (mounted[mounted_count]);
    }
}

static lr_connection *body_connection;
static bool ordinary;

bool
is_ordinary (void)
{
  return ordinary;
}

uid_t
dispatcher_uid (void)
{
  return ordinary ? ORDINARY_ID : geteuid ();
}

gid_t
dispatcher_gid (void)
{
  return ordinary ? ORDINARY_ID : getegid ();
}

const char *
in_work (const char *name)
{
  static char buffers[32][512];
  static unsigned next;
  char *buffer = buffers[next++ % 32];
  snprintf (buffer, sizeof buffers[0], "%s/site/%s", directory, name);
  return buffer;
}

void
begin_work (void)
{
  /* No directory that is closed to the ordinary user.  */
  setenv ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
  make_directory ();
  cr_assert_eq (mkdir (path_in ("site"), 0755), 0);
}

void
close_early (void)
{
  lr_close (body_connection);
  body_connection = NULL;
}

void
expect_gone (void)
{
  struct lr_error error;
  cr_expect_eq (lr_ping (body_connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  close_early ();
}

void
end_work (void)
{
  close_early ();
  undo_mounts ();
  remove_directory ();
}

void
with_connection (lr_connection *connection, connected_body *body)
{
  struct lr_error error;
  body_connection = connection;
  body (connection);
  if (body_connection != NULL)
    cr_expect_eq (lr_ping (body_connection, &error), 0, "afterwards: %s", error.message);
  close_early ();
}

void
with_own_dispatcher (connected_body *body)
{
  with_connection (open_local (), body);
}

void
with_roots_dispatcher (connected_body *body)
{
  need_root ();
  with_connection (open_local (), body);
}

void
with_ordinary_dispatcher (connected_body *body)
{
  need_root ();
  ordinary = true;
  cr_assert_eq (chown (path_in ("site"), ORDINARY_ID, ORDINARY_ID), 0);
  with_connection (open_local_as (ORDINARY_ID, ORDINARY_ID), body);
}

const char *
build_tree (void)
{
  static char path[512];
  const char *given = getenv ("builddir");
  const char *dispatcher = getenv ("LONGREACH_DISPATCHER_DIR");
  if (given == NULL)
    cr_assert_not_null (dispatcher, "run the suites through ./run");
  if (given != NULL)
    snprintf (path, sizeof path, "%s", given);
  else
    snprintf (path, sizeof path, "%s/..", dispatcher);
  return path;
}

const char *
source_tree (void)
{
  static char path[1024];
  static const char own[] = __FILE__; /* relative to the build tree, or absolute */
  const char *given = getenv ("srcdir");
  if (given != NULL)
    snprintf (path, sizeof path, "%s", given);
  else
    snprintf (path, sizeof path, "%s%s%.*s..", own[0] == '/' ? "" : build_tree (),
              own[0] == '/' ? "" : "/", (int) (sizeof own - sizeof "support.c"), own);
  return path;
}

void
compile_plugin (const char *compiler, const char *source, const char *file, bool leave_undefined)
{
  char text[600], include[1100], library[600], script[64];
  bool cxx = strcmp (compiler, "CXX") == 0;
  snprintf (text, sizeof text, "%s.source.%s", file, cxx ? "cc" : "c");
  snprintf (include, sizeof include, "-I%s/include", source_tree ());
  snprintf (library, sizeof library, "%s/core/.libs/liblongreach.so", build_tree ());
  /* The variable may hold options too.  */
  snprintf (script, sizeof script, "exec ${%s:-%s} \"$@\"", compiler, cxx ? "c++" : "cc");
  write_file (text, source, strlen (source), 0644);
  const char *const command[] = { "sh",
                                  "-c",
                                  script,
                                  compiler,
                                  "-shared",
                                  "-fPIC",
                                  leave_undefined ? "-Wl,-z,lazy" : "-Wl,-z,defs",
                                  include,
                                  cxx ? "-std=c++17" : "-std=gnu11",
                                  "-Wall",
                                  "-Wextra",
                                  "-Werror",
                                  "-o",
                                  file,
                                  text,
                                  library,
                                  NULL };
  struct finished finished = run_program (command, NULL, 0);
  cr_assert_eq (finished.status, 0, "%s is not compiled: %s", file, finished.error);
  free_finished (&finished);
  remove (text);
}
