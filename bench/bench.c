/* make bench: each budget that exists so far, beside its physical limit measured in the same run.

   Ours, the limit and whatever else there is to compare with take turns, and the medians are
   compared: what else the machine does falls on all alike.

   What is measured runs in a child, so that its parent can clear up whatever happens to it.  */

#include "bench/bench.h"

#include "bench/table.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
  ROUNDS_MAX = 101,
};

extern char **environ;

struct settings settings;
char directory[PATH_MAX], source[PATH_MAX], target[PATH_MAX];

static char **wanted; /* parts of names of rows, ended by NULL; none: all */
static pid_t worker;

void
die (const char *what, const char *why)
{
  fprintf (stderr, "bench: %s: %s\n", what, why);
  exit (1);
}

void
check (int status, const struct lr_error *error)
{
  if (status != 0)
    die ("an operation failed", error->message);
}

void
check_system (bool fine, const char *what)
{
  if (!fine)
    die (what, strerror (errno));
}

double
now (void)
{
  struct timespec time;
  clock_gettime (CLOCK_MONOTONIC, &time);
  return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}

/* ---- processes ---- */

/* Start COMMAND with its outputs in two new pipes.  */
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

void
run_locally (const char *const *command)
{
  char buffer[4096], said[4096];
  size_t size = 0;
  int output, error, status;
  ssize_t got;
  pid_t pid = start (command, &output, &error);
  while (read (output, buffer, sizeof buffer) > 0)
    continue;
  while ((got = read (error, said + size, sizeof said - 1 - size)) > 0)
    size += (size_t) got;
  said[size] = '\0';
  close (output);
  close (error);
  check_system (waitpid (pid, &status, 0) == pid, command[0]);
  if (status != 0)
    die (command[0], size > 0 ? said : "it failed, and didn't say why");
}

void
run_script (const char *format, ...)
{
  char *script;
  va_list arguments;
  va_start (arguments, format);
  check_system (vasprintf (&script, format, arguments) >= 0, "memory");
  va_end (arguments);
  run_locally ((const char *const[]){ "sh", "-c", script, NULL });
  free (script);
}

long
child_pid (void)
{
  char path[64];
  long pid = 0;
  snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) getpid ());
  FILE *stream = fopen (path, "r");
  check_system (stream != NULL && fscanf (stream, "%ld", &pid) == 1, "finding the dispatcher");
  fclose (stream);
  return pid;
}

long
peak_of (long pid)
{
  char path[64], line[256];
  long peak = 0;
  snprintf (path, sizeof path, "/proc/%ld/status", pid);
  FILE *stream = fopen (path, "r");
  while (stream != NULL && fgets (line, sizeof line, stream) != NULL)
    if (sscanf (line, "VmHWM: %ld", &peak) == 1)
      break;
  if (stream != NULL)
    fclose (stream);
  return peak;
}

/* ---- processors ---- */

static cpu_set_t everywhere;             /* where this process may run */
static enum placement placed = ANYWHERE; /* as the row that is measured has it */

/* The processor that has so many before it; -1: there are no more.  */
static int
processor (int before)
{
  for (size_t i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET (i, &everywhere) && before-- == 0)
      return (int) i;
  return -1;
}

static void
keep_on (pid_t pid, int number)
{
  cpu_set_t set = everywhere;
  if (number >= 0)
    {
      CPU_ZERO (&set);
      CPU_SET ((size_t) number, &set);
    }
  check_system (sched_setaffinity (pid, sizeof set, &set) == 0, "affinity");
}

void
place_far_end (pid_t pid)
{
  keep_on (pid, placed == ANYWHERE ? -1 : processor (placed == TWO_PROCESSORS));
}

/* Keep this process, what it starts, and the dispatcher where PLACEMENT has them.  */
static void
place (enum placement placement)
{
  placed = placement;
  keep_on (0, placement == ANYWHERE ? -1 : processor (0));
  place_far_end ((pid_t) child_pid ());
}

/* Whether there are as many processors as ROW needs.  */
static bool
can_be_placed (const struct row *row)
{
  check_system (sched_getaffinity (0, sizeof everywhere, &everywhere) == 0, "affinity");
  return row->placement != TWO_PROCESSORS || processor (1) >= 0;
}

/* ---- rows ---- */

bool
is_wanted (const char *what)
{
  for (char **word = wanted; *word != NULL; word++)
    if (strstr (what, *word) != NULL)
      return true;
  return *wanted == NULL;
}

/* Every way writes a file that isn't there yet: of one that is, some would keep the content until
   theirs is complete, and others truncate it first.  */
static double
time_of (const struct way *way)
{
  unlink (target);
  double before = now ();
  way->once ();
  double took = now () - before;
  if (way->after != NULL)
    way->after ();
  return took;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

static double
median (double *times)
{
  qsort (times, (size_t) settings.rounds, sizeof *times, compare);
  return times[settings.rounds / 2];
}

/* The median of WAY's times, as the row shows it.  */
static double
figure_of (const struct row *row, const struct way *way, double *times)
{
  return median (times) * row->scale / (way->units > 0 ? way->units : 1);
}

void
measure (const struct row *row)
{
  const struct way *ways[2 + OTHERS_MAX] = { &row->ours, &row->limit };
  static double times[2 + OTHERS_MAX][ROUNDS_MAX];
  int count = 2;
  if (!is_wanted (row->what) || !can_be_placed (row))
    return;
  for (const struct way *other = row->others; other < row->others + OTHERS_MAX; other++)
    if (settings.others && other->name != NULL && (other->exists == NULL || other->exists ()))
      ways[count++] = other;
  if (row->placement != ANYWHERE)
    place (row->placement);
  for (int round = -1; round < settings.rounds; round++)
    for (int i = 0; i < count; i++)
      {
        double took = time_of (ways[i]);
        if (round >= 0)
          times[i][round] = took;
      }
  if (row->placement != ANYWHERE)
    place (ANYWHERE);
  double theirs = figure_of (row, &row->limit, times[1]);
  table_add (&(struct line){
      .what = row->what,
      .unit = row->unit,
      .ours = figure_of (row, &row->ours, times[0]),
      .limit_name = row->limit.name,
      .limit = theirs,
      .at_most = row->at_most + (row->more == NULL ? 0 : row->more () * row->scale / theirs) });
  for (int i = 2; i < count; i++)
    table_add_other (ways[i]->name, figure_of (row, ways[i], times[i]));
}

/* ---- files ---- */

void
make_source (size_t size)
{
  static char block[1 << 20];
  struct stat have;
  if (stat (source, &have) == 0 && (size_t) have.st_size == size)
    return;
  int fd = open (source, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  check_system (fd >= 0, source);
  for (size_t done = 0; done < size; done += sizeof block)
    {
      for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char) ((done + i) * 2654435761u >> 24);
      size_t part = size - done < sizeof block ? size - done : sizeof block;
      check_system (write (fd, block, part) == (ssize_t) part, source);
    }
  close (fd);
}

void
path_in_directory (char *path, const char *name)
{
  int size = snprintf (path, PATH_MAX, "%s/%s", directory, name);
  if (size < 0 || size >= PATH_MAX)
    die (name, "the path is too long");
}

static int
remove_one (const char *path, const struct stat *status, int kind, struct FTW *place)
{
  (void) status;
  (void) kind;
  (void) place;
  return remove (path);
}

static void
make_directory (void)
{
  static const char name[] = "/bench-XXXXXX";
  check_system (getcwd (directory, sizeof directory - sizeof name) != NULL, "getcwd");
  memcpy (directory + strlen (directory), name, sizeof name);
  check_system (mkdtemp (directory) != NULL, directory);
  path_in_directory (source, "source");
  path_in_directory (target, "target");
}

/* ---- settings ---- */

static unsigned long
setting (const char *name, unsigned long usual, unsigned long least, unsigned long most)
{
  const char *value = getenv (name);
  char *end;
  if (value == NULL)
    return usual;
  unsigned long number = strtoul (value, &end, 10);
  if (end == value || *end != '\0' || number < least || number > most)
    {
      fprintf (stderr, "bench: %s is a number from %lu to %lu\n", name, least, most);
      exit (2);
    }
  return number;
}

static void
read_settings (void)
{
  settings.bytes = setting ("BENCH_BYTES", 1ul << 30, 1, 1ul << 40);
  settings.delayed_bytes = setting ("BENCH_DELAYED_BYTES", 256ul << 20, 1, 1ul << 40);
  settings.files = setting ("BENCH_FILES", 20000, 1, 1ul << 24);
  settings.rounds = (int) setting ("BENCH_ROUNDS", 7, 1, ROUNDS_MAX);
  settings.delay = (int) setting ("BENCH_DELAY", 50, 0, 10000);
  settings.others = setting ("BENCH_OTHERS", 1, 0, 1) != 0;
}

/* ---- the worker ---- */

static void (*const parts[]) (void) = { measure_memory, measure_local, measure_ssh,
                                        measure_users,  measure_hops,  measure_scale };

static void
work (bool as_json)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
  table_begin (as_json, getenv ("BENCH_JSON"));
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    parts[i]();
  table_end ();
}

static void
pass_on (int signal)
{
  kill (worker, signal);
}

static void
pass_on_signals (void)
{
  static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
  struct sigaction action = { .sa_handler = pass_on };
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
    sigaction (signals[i], &action, NULL);
}

int
main (int argc, char **argv)
{
  int status;
  wanted = argv + (argc > 0);
  bool as_json = *wanted != NULL && strcmp (*wanted, "--json") == 0;
  wanted += as_json;
  read_settings ();
  make_directory ();
  worker = fork ();
  check_system (worker >= 0, "fork");
  if (worker == 0)
    {
      work (as_json);
      return 0;
    }
  pass_on_signals ();
  while (waitpid (worker, &status, 0) < 0)
    check_system (errno == EINTR, "waiting");
  nftw (directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 1;
}
