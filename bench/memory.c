/* What moving a file takes of memory at both ends: the most that each ever had, in a process that
   does nothing else.  The dispatcher is the portable one, which goes to other hosts.  */

#include "bench/bench.h"
#include "bench/table.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  FILE_MOST = 160, /* KiB, as tests/portable.sh holds it to */
  FAR_MOST = 2048,
  NEAR_MOST = 8192,
};

struct peaks
{
  long far, near; /* KiB: all of the dispatcher's; of the client's, what it had not when idle */
};

static const char far_row[] = "dispatcher, moving the file", near_row[] = "client, moving the file",
                  size_row[] = "portable dispatcher, its file";

static void
move_through (lr_connection *connection, bool there)
{
  struct lr_error error;
  int fd = there ? open (source, O_RDONLY | O_CLOEXEC)
                 : open (target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  struct lr_put_args put = LR_PUT_ARGS (.descriptor = fd, .file = target);
  struct lr_get_args get = LR_GET_ARGS (.descriptor = fd, .file = source);
  check_system (fd >= 0, "the file");
  check (there ? lr_put (connection, &put, NULL, &error) : lr_get (connection, &get, NULL, &error),
         &error);
  close (fd);
}

static struct peaks
find_peaks (const char *dispatcher)
{
  char option[PATH_MAX + 16];
  struct lr_error error;
  lr_connection *connection;
  snprintf (option, sizeof option, "dispatcher=%s", dispatcher);
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = "local:", .options = (const char *const[]){ option, NULL });
  check (lr_open (NULL, &args, &connection, &error), &error);
  long idle = peak_of (getpid ());
  move_through (connection, true);
  unlink (target);
  move_through (connection, false);
  struct peaks peaks = { .far = peak_of (child_pid ()), .near = peak_of (getpid ()) - idle };
  lr_close (connection);
  return peaks;
}

static struct peaks
find_peaks_in_child (const char *dispatcher)
{
  struct peaks peaks = { 0, 0 };
  int ends[2];
  check_system (pipe (ends) == 0, "pipe");
  pid_t pid = fork ();
  check_system (pid >= 0, "fork");
  if (pid == 0)
    {
      peaks = find_peaks (dispatcher);
      _exit (write (ends[1], &peaks, sizeof peaks) == sizeof peaks ? 0 : 1);
    }
  close (ends[1]);
  if (read (ends[0], &peaks, sizeof peaks) != sizeof peaks)
    die ("memory", "the file was not moved");
  close (ends[0]);
  waitpid (pid, NULL, 0);
  return peaks;
}

static void
add_row (const char *what, double kib, const char *limit_name, double limit)
{
  if (is_wanted (what))
    table_add (&(struct line){ .what = what,
                               .unit = "KiB",
                               .ours = kib,
                               .limit_name = limit_name,
                               .limit = limit,
                               .at_most = 1 });
}

/* Of this machine's type, where ./run has it; false: it was not built.  */
static bool
find_portable (char *path)
{
  struct utsname system;
  const char *place = getenv ("LONGREACH_DISPATCHER_DIR");
  check_system (uname (&system) == 0, "uname");
  snprintf (path, PATH_MAX, "%s/portable/linux-%s/longreach-dispatcher", place == NULL ? "" : place,
            system.machine);
  return access (path, X_OK) == 0;
}

void
measure_memory (void)
{
  char path[PATH_MAX];
  struct stat file;
  if (!is_wanted (far_row) && !is_wanted (near_row) && !is_wanted (size_row))
    return;
  if (!find_portable (path) || stat (path, &file) != 0)
    {
      fprintf (stderr, "bench: memory: not measured, for there is no portable dispatcher\n");
      return;
    }
  if (is_wanted (far_row) || is_wanted (near_row))
    {
      make_source (settings.bytes);
      struct peaks peaks = find_peaks_in_child (path);
      add_row (far_row, (double) peaks.far, "2 MiB resident", FAR_MOST);
      add_row (near_row, (double) peaks.near, "8 MiB more than idle", NEAR_MOST);
    }
  add_row (size_row, (double) file.st_size / 1024, "160 KiB", FILE_MOST);
}
