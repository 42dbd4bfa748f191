/* make bench: each budget that exists so far, beside its physical limit measured in the same run.

   Ours and the limit take turns, and the medians are compared: what else the machine does falls on
   both alike.  */

#include <longreach/longreach.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
  ROUNDS = 7,         /* of ours and the limit in turn */
  ROUND_TRIPS = 5000, /* in a round */
  COMMANDS = 200,
  STATS = 10000, /* at once */
};

extern char **environ;

static lr_loop *loop;
static lr_connection *connection;
static size_t bulk = (size_t) 1 << 30;
static char directory[] = "./bench-XXXXXX"; /* in the current directory: a real file system */
static char source[64], target[64];

__attribute__ ((__noreturn__)) static void
die (const char *what, const char *why)
{
  fprintf (stderr, "bench: %s: %s\n", what, why);
  exit (1);
}

static double
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

static void
check (int status, const struct lr_error *error)
{
  if (status != 0)
    die ("an operation failed", error->message);
}

static void
check_system (bool fine, const char *what)
{
  if (!fine)
    die (what, strerror (errno));
}

/* Start COMMAND with its outputs in two new pipes, as a captured command has them.  */
static pid_t
start (const char *const *command, int *output, int *error)
{
  int out[2], err[2];
  pid_t pid;
  posix_spawn_file_actions_t actions;
  check_system (pipe2 (out, O_CLOEXEC) == 0 && pipe2 (err, O_CLOEXEC) == 0, "pipe");
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, out[1], 1);
  posix_spawn_file_actions_adddup2 (&actions, err[1], 2);
  errno = posix_spawnp (&pid, command[0], &actions, NULL, (char *const *) command, environ);
  check_system (errno == 0, command[0]);
  posix_spawn_file_actions_destroy (&actions);
  close (out[1]);
  close (err[1]);
  *output = out[0];
  *error = err[0];
  return pid;
}

static void
run_locally (const char *const *command)
{
  char buffer[4096];
  int output, error, status;
  pid_t pid = start (command, &output, &error);
  while (read (output, buffer, sizeof buffer) > 0)
    continue;
  while (read (error, buffer, sizeof buffer) > 0)
    continue;
  close (output);
  close (error);
  check_system (waitpid (pid, &status, 0) == pid && status == 0, command[0]);
}

/* ---- one round trip ---- */

static void
getenv_round_trips (void)
{
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = "HOME");
  struct lr_error error;
  char *value;
  for (int i = 0; i < ROUND_TRIPS; i++)
    {
      check (lr_getenv (connection, &args, &value, &error), &error);
      lr_free (value);
    }
}

/* Two processes that hand a byte back and forth.  */
static void
byte_round_trips (void)
{
  int there[2], back[2];
  char byte = 0;
  check_system (pipe (there) == 0 && pipe (back) == 0, "pipe");
  pid_t pid = fork ();
  check_system (pid >= 0, "fork");
  if (pid == 0)
    {
      close (there[1]);
      while (read (there[0], &byte, 1) == 1)
        if (write (back[1], &byte, 1) != 1)
          break;
      _exit (0);
    }
  close (there[0]);
  for (int i = 0; i < ROUND_TRIPS; i++)
    check_system (write (there[1], &byte, 1) == 1 && read (back[0], &byte, 1) == 1, "a pipe");
  close (there[1]);
  close (back[0]);
  close (back[1]);
  waitpid (pid, NULL, 0);
}

/* ---- running a command ---- */

static const char *const true_command[] = { "true", NULL };

static void
run_through_connection (void)
{
  struct lr_run_args args = LR_RUN_ARGS (.command = true_command);
  struct lr_error error;
  struct lr_run_result *result;
  for (int i = 0; i < COMMANDS; i++)
    {
      check (lr_run (connection, &args, &result, &error), &error);
      lr_free (result);
    }
}

static void
run_by_spawn (void)
{
  for (int i = 0; i < COMMANDS; i++)
    run_locally (true_command);
}

/* ---- many at once ---- */

static int stats_left;

static void
stat_has_answered (void *data, int status, void *result, const struct lr_error *error)
{
  (void) data;
  check (status, error);
  lr_free (result);
  stats_left--;
}

static void
stats_at_once (void)
{
  struct lr_stat_args args = LR_STAT_ARGS (.path = source);
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &args);
  struct lr_error error;
  stats_left = STATS;
  for (int i = 0; i < STATS; i++)
    check (lr_submit (connection, &request, stat_has_answered, NULL, NULL, &error), &error);
  while (stats_left > 0)
    check (lr_loop_dispatch (loop, LR_NEVER, &error) < 0 ? -1 : 0, &error);
}

static void
stats_one_at_a_time (void)
{
  struct lr_stat_args args = LR_STAT_ARGS (.path = source);
  struct lr_error error;
  struct lr_stat_result *result;
  for (int i = 0; i < STATS; i++)
    {
      check (lr_stat (connection, &args, &result, &error), &error);
      lr_free (result);
    }
}

/* ---- moving a file ---- */

static void
put (void)
{
  struct lr_error error;
  int fd = open (source, O_RDONLY | O_CLOEXEC);
  struct lr_put_args args = LR_PUT_ARGS (.descriptor = fd, .file = target);
  check (lr_put (connection, &args, NULL, &error), &error);
  close (fd);
}

static void
get (void)
{
  struct lr_error error;
  int fd = open (target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct lr_get_args args = LR_GET_ARGS (.descriptor = fd, .file = source);
  check (lr_get (connection, &args, NULL, &error), &error);
  close (fd);
}

static void
cat_to_file (void)
{
  char script[256];
  snprintf (script, sizeof script, "cat '%s' | cat >'%s'", source, target);
  run_locally ((const char *const[]){ "sh", "-c", script, NULL });
}

/* ---- a digest ---- */

static void
stat_with_digest (void)
{
  struct lr_stat_args args = LR_STAT_ARGS (.path = source, .sha512sum = 1);
  struct lr_error error;
  struct lr_stat_result *result;
  check (lr_stat (connection, &args, &result, &error), &error);
  lr_free (result);
}

static void
openssl_digest (void)
{
  run_locally ((const char *const[]){ "openssl", "dgst", "-sha512", source, NULL });
}

/* ---- the table ---- */

struct budget
{
  const char *what, *limit_name;
  void (*ours) (void), (*limit) (void);
  double at_most; /* ours / limit, in time */
  double scale;   /* seconds of a round to the unit shown */
  const char *unit;
  bool one_processor; /* both ends of both on one: else the time to wake another is all there is to
                         see, and whether that happens is chance */
};

static const struct budget budgets[] = {
  { "one round trip (getenv)", "a byte there and back through pipes", getenv_round_trips,
    byte_round_trips, 1.3, 1e6 / ROUND_TRIPS, "us", true },
  { "10,000 stat at once", "one at a time", stats_at_once, stats_one_at_a_time, 1 / 20.0,
    1e6 / STATS, "us", false },
  { "run true, captured", "posix_spawn, waitpid, captured", run_through_connection, run_by_spawn,
    1.3, 1e6 / COMMANDS, "us", false },
  { "put", "cat | cat > file", put, cat_to_file, 1 / 0.8, 1e3, "ms", false },
  { "get", "cat | cat > file", get, cat_to_file, 1 / 0.8, 1e3, "ms", false },
  { "stat with sha512", "openssl dgst -sha512", stat_with_digest, openssl_digest, 1 / 0.95, 1e3,
    "ms", false },
};

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

/* Both write a file that isn't there yet: one that is would be kept until ours is complete, and
   truncated first by cat.  */
static double
time_of (void (*function) (void))
{
  unlink (target);
  double before = now ();
  function ();
  return now () - before;
}

/* The dispatcher is our only child.  */
static pid_t
dispatcher_pid (void)
{
  char path[64];
  long pid = 0;
  snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) getpid ());
  FILE *stream = fopen (path, "r");
  check_system (stream != NULL && fscanf (stream, "%ld", &pid) == 1, "finding the dispatcher");
  fclose (stream);
  return (pid_t) pid;
}

/* Keep this process, what it starts, and the dispatcher on the first processor, or let them go.  */
static void
pin (bool pinned)
{
  static cpu_set_t everywhere;
  cpu_set_t first;
  CPU_ZERO (&first);
  if (pinned)
    check_system (sched_getaffinity (0, sizeof everywhere, &everywhere) == 0, "affinity");
  for (size_t i = 0; pinned && i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, &everywhere))
      {
        CPU_SET (i, &first);
        break;
      }
  const cpu_set_t *set = pinned ? &first : &everywhere;
  check_system (sched_setaffinity (0, sizeof *set, set) == 0
                    && sched_setaffinity (dispatcher_pid (), sizeof *set, set) == 0,
                "affinity");
}

static void
measure (const struct budget *budget)
{
  double ours[ROUNDS], limit[ROUNDS];
  if (budget->one_processor)
    pin (true);
  budget->ours ();
  budget->limit ();
  for (int i = 0; i < ROUNDS; i++)
    {
      ours[i] = time_of (budget->ours);
      limit[i] = time_of (budget->limit);
    }
  if (budget->one_processor)
    pin (false);
  qsort (ours, ROUNDS, sizeof *ours, compare);
  qsort (limit, ROUNDS, sizeof *limit, compare);
  double mine = ours[ROUNDS / 2] * budget->scale;
  double theirs = limit[ROUNDS / 2] * budget->scale;
  printf ("%-26s %9.1f %s  %-36s %9.1f %s  %5.2f  %5.2f  %s\n", budget->what, mine, budget->unit,
          budget->limit_name, theirs, budget->unit, mine / theirs, budget->at_most,
          mine / theirs <= budget->at_most ? "met" : "MISSED");
  fflush (stdout);
}

/* The most memory that a process ever had resident, in KiB.  */
static long
peak_of (pid_t pid)
{
  char path[64], line[256];
  long peak = 0;
  snprintf (path, sizeof path, "/proc/%ld/status", (long) pid);
  FILE *stream = fopen (path, "r");
  while (stream != NULL && fgets (line, sizeof line, stream) != NULL)
    if (sscanf (line, "VmHWM: %ld", &peak) == 1)
      break;
  if (stream != NULL)
    fclose (stream);
  return peak;
}

static void
make_files (void)
{
  check_system (mkdtemp (directory) != NULL, directory);
  snprintf (source, sizeof source, "%s/source", directory);
  snprintf (target, sizeof target, "%s/target", directory);
  static char block[1 << 20];
  int fd = open (source, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  for (size_t done = 0; done < bulk; done += sizeof block)
    {
      for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char) ((done + i) * 2654435761u >> 24);
      size_t size = bulk - done < sizeof block ? bulk - done : sizeof block;
      check_system (write (fd, block, size) == (ssize_t) size, source);
    }
  close (fd);
}

static void
remove_files (void)
{
  unlink (source);
  unlink (target);
  rmdir (directory);
}

int
main (int argc, char **argv)
{
  struct lr_error error;
  if (argc > 1)
    bulk = strtoull (argv[1], NULL, 10);
  make_files ();
  atexit (remove_files);
  check (lr_loop_new (&loop, &error), &error);
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .loop = loop);
  check (lr_open (NULL, &args, &connection, &error), &error);
  printf ("%d rounds each, medians; bulk is %zu bytes\n", ROUNDS, bulk);
  printf ("%-26s %12s  %-36s %12s  %5s  %5s\n", "what", "ours", "limit", "", "ratio", "most");
  long far = peak_of (dispatcher_pid ()), near = peak_of (getpid ());
  for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++)
    if (argc < 3 || strstr (budgets[i].what, argv[2]) != NULL)
      measure (&budgets[i]);
  printf ("dispatcher, peak resident: %ld KiB; idle %ld KiB\n", peak_of (dispatcher_pid ()), far);
  printf ("client, peak resident above idle: %ld KiB\n", peak_of (getpid ()) - near);
  lr_close (connection);
  lr_loop_free (loop);
  return 0;
}
