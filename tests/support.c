#include "tests/support.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static lr_connection *
open_url (const char *url)
{
  struct lr_error error;
  lr_connection *connection = NULL;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
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
need_root (void)
{
  if (geteuid () == 0)
    return;
  cr_assert_null (getenv ("CI"), "this test needs root");
  cr_skip_test ("this test needs root");
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
