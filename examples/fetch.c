/* fetch: fetch files of any size from a host, with progress.

     fetch URL FILE... DIRECTORY

   A file gets its name in DIRECTORY when all of it is there: until then it has no name at all, so
   nothing is left of one that could not be fetched.  It keeps its permissions and its time.  The
   next is fetched even if one can't be, unless the connection is gone.  The exit status is 0 if all
   were fetched, 1 if one wasn't, 2 for wrong usage, 255 without a connection.  */

#define _GNU_SOURCE /* O_TMPFILE */
#include <longreach/longreach.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- progress: on a terminal, or where FETCH_PROGRESS is set, a line that is written again ----
 */

static const char *
last_part (const char *path)
{
  const char *slash = strrchr (path, '/');
  return slash == NULL ? path : slash + 1;
}

/* Called from inside lr_get, ten times in a second at most.  TOTAL is the file's size when it was
   opened; a file in /proc has none.  */
static void
show_progress (void *data, uint64_t done, uint64_t total)
{
  const char *file = data;
  if (total == LR_SIZE_UNKNOWN || total == 0)
    fprintf (stderr, "\r%s: %llu bytes", last_part (file), (unsigned long long) done);
  else
    fprintf (stderr, "\r%s: %3.0f%% of %llu bytes", last_part (file),
             100.0 * (double) done / (double) total, (unsigned long long) total);
}

static void
end_progress (bool shown)
{
  if (shown)
    fputs ("\r\033[K", stderr);
}

/* ---- one file ---- */

static int
complain (const char *what, const char *why)
{
  fprintf (stderr, "fetch: %s: %s\n", what, why);
  return -1;
}

/* Give what is open as FILE the name PATH, with the far file's permissions and time.  */
static int
name_file (int file, const char *path, const struct lr_get_result *got)
{
  char unnamed[64];
  struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
                               { .tv_sec = got->mtime_ns / 1000000000,
                                 .tv_nsec = got->mtime_ns % 1000000000 } };
  snprintf (unnamed, sizeof unnamed, "/proc/self/fd/%d", file);
  if ((got->mode != 0 && fchmod (file, (mode_t) got->mode & 0777) != 0)
      || (got->mtime_ns > 0 && futimens (file, times) != 0)
      || linkat (AT_FDCWD, unnamed, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0)
    return complain (path, strerror (errno));
  return 0;
}

/* Fetch FILE.  0, or -1 with the failure told, and then *LOST where the connection is gone.  */
static int
fetch (lr_connection *connection, const char *file, const char *directory, bool shown, bool *lost)
{
  struct lr_error error;
  struct lr_get_result *got;
  char path[4096];
  int descriptor = open (directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return complain (directory, strerror (errno));
  struct lr_get_args args =
      LR_GET_ARGS (.file = file, .descriptor = descriptor, .progress = shown ? show_progress : NULL,
                   .progress_data = (void *) file);
  int status = lr_get (connection, &args, &got, &error);
  end_progress (shown);
  if (status != 0)
    {
      /* With a field it is our own descriptor that failed, as on a full disk.  */
      *lost = error.kind == LR_ERROR_IO && error.field[0] == '\0';
      complain (file, error.message);
    }
  else
    {
      snprintf (path, sizeof path, "%s/%s", directory, last_part (file));
      status = name_file (descriptor, path, got);
      if (status == 0)
        printf ("%s: %llu bytes\n", path, (unsigned long long) got->size);
    }
  lr_free (got);
  close (descriptor);
  return status;
}

int
main (int argc, char **argv)
{
  struct lr_error error;
  lr_connection *connection;
  if (argc < 4)
    {
      fputs ("Usage: fetch URL FILE... DIRECTORY\n", stderr);
      return 2;
    }
  struct lr_open_args args = LR_OPEN_ARGS (.url = argv[1]);
  if (lr_open (NULL, &args, &connection, &error) != 0)
    {
      fprintf (stderr, "fetch: %s\n", error.message);
      return error.kind == LR_ERROR_INVALID_VALUE ? 2 : 255;
    }
  bool lost = false, shown = isatty (STDERR_FILENO) || getenv ("FETCH_PROGRESS") != NULL;
  int status = 0;
  for (int i = 2; i < argc - 1 && !lost; i++)
    if (fetch (connection, argv[i], argv[argc - 1], shown, &lost) != 0)
      status = 1;
  lr_close (connection);
  return lost ? 255 : status;
}
