#include "tests/support.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What whoever runs the tests has configured is nothing to them.  Programs that tests run may leave
   something in that place.  */
__attribute__ ((__constructor__)) static void
forget_configuration (void)
{
  char place[600];
  const char *dispatcher = getenv ("LONGREACH_DISPATCHER_DIR");
  if (dispatcher == NULL)
    return;
  snprintf (place, sizeof place, "%s/../tests/config-home", dispatcher);
  setenv ("XDG_CONFIG_HOME", place, 1);
  setenv ("XDG_CONFIG_DIRS", "/nonexistent", 1);
}

static char directory[64];
static bool has_begun;

bool
runs_a_test (void)
{
  return has_begun;
}

const char *
make_directory (void)
{
  has_begun = true;
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
open_url (lr_loop *loop, const char *url, const char *const *options)
{
  struct lr_error error;
  char option[64];
  lr_connection *connection = NULL;
  const char *protocol = getenv ("LR_TEST_PROTOCOL");
  const char *const own_options[] = { option, NULL };
  snprintf (option, sizeof option, "protocol=%s", protocol == NULL ? "session" : protocol);
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = url, .loop = loop, .options = options != NULL ? options : own_options);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  return connection;
}

lr_connection *
open_local (void)
{
  return open_url (NULL, "local:", NULL);
}

/* The URL of a copy of the dispatcher that runs as somebody else.  */
static const char *
url_as (uid_t uid, gid_t gid)
{
  static char url[1024];
  char original[512];
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
  return url;
}

lr_connection *
open_local_as (uid_t uid, gid_t gid)
{
  return open_url (NULL, url_as (uid, gid), NULL);
}

const char *
local_url (void)
{
  return is_ordinary () ? url_as (ORDINARY_ID, ORDINARY_ID) : "local:";
}

lr_connection *
open_on (lr_loop *loop, const char *const *options)
{
  return open_url (loop, local_url (), options);
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
count_descriptors_of (pid_t pid)
{
  char path[64];
  int count = 0;
  snprintf (path, sizeof path, "/proc/%d/fd", (int) pid);
  DIR *stream = opendir (path);
  cr_assert_not_null (stream);
  while (readdir (stream) != NULL)
    count++;
  closedir (stream);
  return count - 2; /* "." and ".." */
}

int
count_descriptors (void)
{
  return count_descriptors_of (getpid ()) - 1; /* the stream's own */
}

/* A dispatcher keeps its guard to its end.  */
static bool
is_guard (const char *pid)
{
  char path[64];
  snprintf (path, sizeof path, "/proc/%.16s/comm", pid);
  char *name = access (path, R_OK) == 0 ? read_file (path, NULL) : NULL;
  bool is = name != NULL && strcmp (name, "longreach-guard\n") == 0;
  free (name);
  return is;
}

int
count_children_of (pid_t pid)
{
  char path[64];
  int count = 0;
  snprintf (path, sizeof path, "/proc/%d/task/%d/children", (int) pid, (int) pid);
  char *list = read_file (path, NULL);
  for (char *word = strtok (list, " "); word != NULL; word = strtok (NULL, " "))
    count += !is_guard (word);
  free (list);
  return count;
}

int
count_children (void)
{
  return count_children_of (getpid ());
}

int64_t
now_ms (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
wait_a_moment (int64_t since, const char *what)
{
  cr_assert_lt (now_ms () - since, 30000, "in vain: %s", what);
  poll (NULL, 0, 5);
}

bool
is_running (pid_t pid)
{
  char path[64], state = 'X';
  snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
  FILE *file = fopen (path, "re");
  if (file == NULL)
    return false;
  if (fscanf (file, "%*d (%*[^)]) %c", &state) != 1)
    state = 'X';
  fclose (file);
  return state != 'Z' && state != 'X';
}

void
wait_until_gone (pid_t pid)
{
  for (int64_t since = now_ms (); is_running (pid);)
    wait_a_moment (since, "a process goes on");
}

static bool
has_word (const char *pid, const char *text)
{
  char path[300];
  size_t size;
  bool found = false;
  snprintf (path, sizeof path, "/proc/%s/cmdline", pid);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  /* The process may end at any moment.  */
  char words[8192];
  ssize_t got = read (fd, words, sizeof words - 1);
  close (fd);
  size = got < 0 ? 0 : (size_t) got;
  words[size] = '\0';
  for (char *word = words; word < words + size && !found; word += strlen (word) + 1)
    found = strstr (word, text) != NULL;
  return found;
}

/* Send SIGNAL, or 0, to those that have TEXT among their words.  Returns how many there are.  */
static int
signal_processes (const char *text, int signal)
{
  int count = 0;
  DIR *stream = opendir ("/proc");
  cr_assert_not_null (stream);
  for (const struct dirent *entry; (entry = readdir (stream)) != NULL;)
    if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && has_word (entry->d_name, text))
      {
        kill ((pid_t) strtol (entry->d_name, NULL, 10), signal);
        count++;
      }
  closedir (stream);
  return count;
}

int
count_processes (const char *text)
{
  return signal_processes (text, 0);
}

void
wait_for_processes (const char *text, int count)
{
  for (int64_t since = now_ms (); count_processes (text) != count;)
    wait_a_moment (since, text);
}

const char *
endless (void)
{
  static char seconds[32];
  snprintf (seconds, sizeof seconds, "86400.%07d1", (int) getpid ());
  return seconds;
}

void
end_endless (void)
{
  signal_processes (endless (), SIGKILL);
}

pid_t
dispatcher_of (lr_connection *connection)
{
  static const char *const command[] = { "sh", "-c", "echo $PPID", NULL };
  struct lr_error error;
  struct lr_run_result *result;
  struct lr_run_args args = LR_RUN_ARGS (.command = command);
  cr_assert_eq (lr_run (connection, &args, &result, &error), 0, "%s", error.message);
  pid_t pid = (pid_t) strtol (result->stdout_bytes.data, NULL, 10);
  cr_assert_gt (pid, 1);
  lr_free (result);
  return pid;
}

long
peak_memory (pid_t pid)
{
  char path[64];
  snprintf (path, sizeof path, "/proc/%d/status", (int) (pid == 0 ? getpid () : pid));
  char *text = read_file (path, NULL);
  const char *line = strstr (text, "VmHWM:");
  cr_assert_not_null (line);
  long size = strtol (line + 6, NULL, 10);
  free (text);
  return size;
}

void
forget_peak (pid_t pid)
{
  char path[64];
  snprintf (path, sizeof path, "/proc/%d/clear_refs", (int) (pid == 0 ? getpid () : pid));
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd >= 0)
    {
      ssize_t ignored = write (fd, "5", 1);
      (void) ignored;
      close (fd);
    }
}

bool
memory_is_distorted (void)
{
  char *maps = read_file ("/proc/self/maps", NULL);
  bool distorted = strstr (maps, "libasan") != NULL || strstr (maps, "vgpreload") != NULL
                   || strstr (maps, "valgrind") != NULL;
  free (maps);
  return distorted;
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
static lr_loop *body_loop;
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

/* ---- what is submitted ---- */

static int answers; /* that have come */
static bool dispatching;

lr_loop *
loop_of_test (void)
{
  return body_loop;
}

void
free_loop (lr_loop *loop)
{
  dispatching = true;
  lr_loop_free (loop);
  dispatching = false;
}

static void
with_loop (connected_body *body)
{
  struct lr_error error;
  int descriptors = count_descriptors ();
  cr_assert_eq (lr_loop_new (&body_loop, &error), 0, "%s", error.message);
  with_connection (open_on (body_loop, NULL), body);
  free_loop (body_loop);
  body_loop = NULL;
  cr_expect_eq (count_descriptors (), descriptors, "descriptors are left open");
  cr_expect_eq (count_children (), 0, "children are left");
}

void
with_own_loop (connected_body *body)
{
  with_loop (body);
}

void
with_ordinary_loop (connected_body *body)
{
  need_root ();
  ordinary = true;
  cr_assert_eq (chown (path_in ("site"), ORDINARY_ID, ORDINARY_ID), 0);
  with_loop (body);
}

void
take_answer (void *data, int status, void *result, const struct lr_error *error)
{
  struct outcome *answer = data;
  cr_expect (dispatching, "a callback ran outside of lr_loop_dispatch");
  cr_expect_eq ((status == 0), (error == NULL), "an error with success, or none with failure");
  cr_expect_eq (answer->count, 0, "a callback ran twice");
  answer->count++;
  answer->order = ++answers;
  answer->status = status;
  answer->result = result;
  if (error != NULL)
    answer->error = *error;
}

int
dispatch (lr_loop *loop, uint64_t timeout)
{
  struct lr_error error;
  dispatching = true;
  int count = lr_loop_dispatch (loop, timeout, &error);
  dispatching = false;
  cr_assert_geq (count, 0, "%s", error.message);
  return count;
}

void
dispatch_until (lr_loop *loop, const struct outcome *answer)
{
  int64_t since = now_ms ();
  while (answer->count == 0)
    {
      dispatch (loop, 1000);
      cr_assert_lt (now_ms () - since, 40000, "an answer never came");
    }
}

void
dispatch_for (lr_loop *loop, uint64_t milliseconds)
{
  for (int64_t end = now_ms () + (int64_t) milliseconds, left; (left = end - now_ms ()) > 0;)
    dispatch (loop, (uint64_t) left);
}

uint64_t
submit (lr_connection *connection, enum lr_operation operation, const void *args,
        struct outcome *answer)
{
  struct lr_error error;
  uint64_t id = 0;
  struct lr_request request = LR_REQUEST (.operation = operation, .args = args);
  *answer = (struct outcome){ .count = 0 };
  cr_assert_eq (lr_submit (connection, &request, take_answer, answer, &id, &error), 0, "%s",
                error.message);
  cr_expect_neq (id, 0);
  return id;
}

void
expect_success (const struct outcome *answer, const char *what)
{
  cr_expect_eq (answer->count, 1, "%s: %d answers", what, answer->count);
  cr_expect_eq (answer->status, 0, "%s: %s", what, answer->error.message);
}

void
expect_answer_kind (const struct outcome *answer, enum lr_error_kind kind, const char *what)
{
  cr_expect_eq (answer->count, 1, "%s: %d answers", what, answer->count);
  cr_expect_eq (answer->status, -1, "%s: it has not failed", what);
  cr_expect_eq (answer->error.kind, kind, "%s: it is %s: %s", what,
                lr_error_kind_name (answer->error.kind), answer->error.message);
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
  char headers[1100];
  snprintf (headers, sizeof headers, "%s/include", source_tree ());
  compile_plugin_against (headers, compiler, source, file, leave_undefined);
}

void
compile_plugin_against (const char *headers, const char *compiler, const char *source,
                        const char *file, bool leave_undefined)
{
  char text[600], include[1100], library[600], script[64];
  bool cxx = strcmp (compiler, "CXX") == 0;
  snprintf (text, sizeof text, "%s.source.%s", file, cxx ? "cc" : "c");
  snprintf (include, sizeof include, "-I%s", headers);
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

void
compile_program (const char *headers, const char *source, const char *libraries, const char *file)
{
  char include[1400], library[1400], run_path[1400];
  snprintf (include, sizeof include, "-I%s", headers);
  snprintf (library, sizeof library, "%s/liblongreach.so", libraries);
  snprintf (run_path, sizeof run_path, "-Wl,-rpath,%s", libraries);
  /* A library that is instrumented needs programs that are, too.  */
  const char *const command[] = { "sh",    "-c",     "exec ${CC:-cc} $LR_TEST_CFLAGS \"$@\"",
                                  "cc",    "-Wall",  include,
                                  source,  "-o",     file,
                                  library, run_path, NULL };
  struct finished finished = run_program (command, NULL, 0);
  cr_assert_eq (finished.status, 0, "%s is not compiled: %s", source, finished.error);
  free_finished (&finished);
}

void
copy_library (const char *place)
{
  char original[700];
  snprintf (original, sizeof original, "%s/core/.libs/liblongreach.so", build_tree ());
  const char *const command[] = { "sh",
                                  "-c",
                                  "mkdir \"$2\" && cp \"$1\" \"$2/liblongreach.so\" && "
                                  "chmod -R a+rX \"$2\" && "
                                  "ln -s liblongreach.so \"$2/liblongreach.so.0\"",
                                  "copy",
                                  original,
                                  place,
                                  NULL };
  struct finished finished = run_program (command, NULL, 0);
  cr_assert_eq (finished.status, 0, "%s", finished.error);
  free_finished (&finished);
}
