/* Many of a kind at once: what one costs of ten, and of as many as there may be.

   If anything took time for each pair of them, or room, one of many would cost more than one of
   few.  Each sample is taken in a process of its own, so that none finds memory that another left.
 */

#include "bench/bench.h"
#include "bench/server.h"
#include "bench/table.h"

#include <dirent.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  COUNTS_MAX = 4,
  ROUNDS_MAX = 5,            /* of these rows: one takes many seconds */
  DESCRIPTORS_EACH = 5,      /* that a connection may need */
  DESCRIPTORS_OF_OURS = 100, /* and this process besides */
};

/* What is looked at, of each of those that are there at once.  */
enum figure
{
  OPENING,     /* seconds, until it has answered its first request */
  CLOSING,     /* seconds, until nothing of it is left */
  WORKING,     /* seconds of a processor that this process took for both: what else the machine does
                  hardly shows in it */
  RESIDENT,    /* bytes by which this process grew */
  ALLOCATED,   /* bytes that it has from malloc */
  DESCRIPTORS, /* that this process has more */
  FIGURES,
};

struct sample
{
  double figures[FIGURES];
};

struct kind
{
  const char *what;
  void (*take) (const struct kind *kind, size_t count, struct sample *sample);
  const char *url;
  struct lr_request request;
  size_t counts[COUNTS_MAX]; /* the few first; ended by 0 */
  size_t least;              /* units of a sample: as many times as it takes to come to them */
  bool shown[FIGURES];
  bool over_ssh;
};

static const struct
{
  const char *what, *unit;
  double scale;
} figures[FIGURES] = {
  [OPENING] = { "to the first answer", "us", 1e6 },
  [CLOSING] = { "to close", "us", 1e6 },
  [WORKING] = { "work of the client", "us", 1e6 },
  [RESIDENT] = { "resident", "KiB", 1 / 1024.0 },
  [ALLOCATED] = { "allocated", "B", 1 },
  [DESCRIPTORS] = { "descriptors", "", 1 },
};

static char config[PATH_MAX]; /* ssh's */

/* ---- what this process has ---- */

static double
resident_bytes (void)
{
  unsigned long all = 0, resident = 0;
  FILE *stream = fopen ("/proc/self/statm", "r");
  check_system (stream != NULL && fscanf (stream, "%lu %lu", &all, &resident) == 2, "memory");
  fclose (stream);
  return (double) resident * (double) sysconf (_SC_PAGESIZE);
}

static double
allocated_bytes (void)
{
  struct mallinfo2 info = mallinfo2 ();
  return (double) info.uordblks + (double) info.hblkhd;
}

static double
descriptors (void)
{
  double count = 0;
  DIR *list = opendir ("/proc/self/fd");
  check_system (list != NULL, "/proc/self/fd");
  while (readdir (list) != NULL)
    count++;
  closedir (list);
  return count;
}

static double
working_time (void)
{
  struct rusage usage;
  check_system (getrusage (RUSAGE_SELF, &usage) == 0, "getrusage");
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* What it has, added to SAMPLE with a SIGN.  */
static void
weigh (struct sample *sample, double sign)
{
  sample->figures[RESIDENT] += sign * resident_bytes ();
  sample->figures[ALLOCATED] += sign * allocated_bytes ();
  sample->figures[DESCRIPTORS] += sign * descriptors ();
}

/* ---- waiting for answers ---- */

static lr_loop *loop;
static size_t answers_left;

static void
has_answered (void *data, int status, void *result, const struct lr_error *error)
{
  (void) data;
  check (status, error);
  lr_free (result);
  answers_left--;
}

static void
wait_for_answers (void)
{
  struct lr_error error;
  while (answers_left > 0)
    check (lr_loop_dispatch (loop, LR_NEVER, &error) < 0 ? -1 : 0, &error);
}

static void
submit (lr_connection *connection, const struct lr_request *request)
{
  struct lr_error error;
  check (lr_submit (connection, request, has_answered, NULL, NULL, &error), &error);
  answers_left++;
}

static lr_connection *
open_one (const struct kind *kind)
{
  char option[PATH_MAX + 16];
  lr_connection *connection;
  struct lr_error error;
  snprintf (option, sizeof option, "config=%s", config);
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = kind->url,
                    .options = (const char *const[]){ kind->over_ssh ? option : NULL, NULL },
                    .loop = loop, .timeout_ms = LR_NEVER);
  check (lr_submit_open (NULL, &args, has_answered, NULL, &connection, &error), &error);
  answers_left++;
  return connection;
}

/* ---- connections ---- */

/* One that stays is open before, with all that comes with the first.  */
static void
take_connections (const struct kind *kind, size_t count, struct sample *sample)
{
  lr_connection **connections = calloc (count + 1, sizeof (lr_connection *));
  struct lr_error error;
  check_system (connections != NULL, "memory");
  check (lr_loop_new (&loop, &error), &error);
  connections[count] = open_one (kind);
  wait_for_answers ();
  weigh (sample, -1);
  sample->figures[WORKING] -= working_time ();
  double before = now ();
  for (size_t i = 0; i < count; i++)
    {
      connections[i] = open_one (kind);
      submit (connections[i], &kind->request);
    }
  wait_for_answers ();
  double open = now ();
  weigh (sample, 1);
  double closing = now ();
  for (size_t i = 0; i <= count; i++)
    lr_close (connections[i]);
  lr_loop_free (loop);
  sample->figures[OPENING] += open - before;
  sample->figures[CLOSING] += now () - closing;
  sample->figures[WORKING] += working_time ();
  free (connections);
}

/* ---- requests ---- */

static void
take_requests (const struct kind *kind, size_t count, struct sample *sample)
{
  struct lr_error error;
  check (lr_loop_new (&loop, &error), &error);
  lr_connection *connection = open_one (kind);
  submit (connection, &kind->request);
  wait_for_answers ();
  weigh (sample, -1);
  sample->figures[WORKING] -= working_time ();
  double before = now ();
  for (size_t i = 0; i < count; i++)
    submit (connection, &kind->request);
  double submitted = now ();
  weigh (sample, 1);
  double weighed = now ();
  wait_for_answers ();
  sample->figures[OPENING] += now () - weighed + submitted - before;
  sample->figures[WORKING] += working_time ();
  lr_close (connection);
  lr_loop_free (loop);
}

/* ---- samples ---- */

/* Of each of COUNT at once.  What there is of memory and descriptors is looked at the first time:
   what comes after that finds memory that was used before.  */
static void
take (const struct kind *kind, size_t count, struct sample *sample)
{
  size_t times = count < kind->least ? kind->least / count : 1;
  kind->take (kind, count, sample);
  struct sample first = *sample;
  for (size_t i = 1; i < times; i++)
    kind->take (kind, count, sample);
  for (size_t i = 0; i < FIGURES; i++)
    sample->figures[i] = i == RESIDENT || i == ALLOCATED || i == DESCRIPTORS
                             ? first.figures[i] / (double) count
                             : sample->figures[i] / (double) (count * times);
}

static void
take_in_child (const struct kind *kind, size_t count, struct sample *sample)
{
  int ends[2], status;
  check_system (pipe (ends) == 0, "pipe");
  pid_t pid = fork ();
  check_system (pid >= 0, "fork");
  if (pid == 0)
    {
      *sample = (struct sample){ { 0 } };
      /* What rows before have left would be used first, and cost nothing.  */
      malloc_trim (0);
      take (kind, count, sample);
      check_system (write (ends[1], sample, sizeof *sample) == sizeof *sample, "a pipe");
      _exit (0);
    }
  close (ends[1]);
  bool got = read (ends[0], sample, sizeof *sample) == sizeof *sample;
  close (ends[0]);
  check_system (waitpid (pid, &status, 0) == pid, "waiting");
  if (!got)
    die (kind->what, "not all have answered");
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

static double
median_of (const struct sample *samples, size_t count, enum figure figure)
{
  double values[ROUNDS_MAX];
  for (size_t i = 0; i < count; i++)
    values[i] = samples[i].figures[figure];
  qsort (values, count, sizeof *values, compare);
  return values[count / 2];
}

/* ---- rows ---- */

/* What one of the most costs, beside one of the fewest; all between are others.  */
static void
show (const struct kind *kind, struct sample samples[][ROUNDS_MAX], size_t counts, size_t rounds,
      enum figure figure)
{
  char what[64], name[64];
  double scale = figures[figure].scale;
  snprintf (what, sizeof what, "%zu %s, %s", kind->counts[counts - 1], kind->what,
            figures[figure].what);
  snprintf (name, sizeof name, "each of %zu", kind->counts[0]);
  table_add (&(struct line){ .what = what,
                             .unit = figures[figure].unit,
                             .ours = median_of (samples[counts - 1], rounds, figure) * scale,
                             .limit_name = name,
                             .limit = median_of (samples[0], rounds, figure) * scale,
                             .at_most = 1.5 });
  for (size_t i = 1; i + 1 < counts; i++)
    {
      snprintf (name, sizeof name, "each of %zu", kind->counts[i]);
      table_add_other (name, median_of (samples[i], rounds, figure) * scale);
    }
}

static bool
has_descriptors (const struct kind *kind, size_t most)
{
  struct rlimit limit;
  check_system (getrlimit (RLIMIT_NOFILE, &limit) == 0, "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= most * DESCRIPTORS_EACH + DESCRIPTORS_OF_OURS)
    return true;
  fprintf (stderr, "bench: %s: not measured, since a process may only have %lu descriptors\n",
           kind->what, (unsigned long) limit.rlim_cur);
  return false;
}

static void
measure_kind (const struct kind *kind)
{
  static struct sample samples[COUNTS_MAX][ROUNDS_MAX];
  size_t counts = 0, rounds = settings.rounds < ROUNDS_MAX ? (size_t) settings.rounds : ROUNDS_MAX;
  while (counts < COUNTS_MAX && kind->counts[counts] > 0)
    counts++;
  if (kind->shown[DESCRIPTORS] && !has_descriptors (kind, kind->counts[counts - 1]))
    return;
  if (kind->over_ssh)
    server_start (config);
  for (size_t round = 0; round < rounds; round++)
    for (size_t i = 0; i < counts; i++)
      take_in_child (kind, kind->counts[i], &samples[i][round]);
  if (kind->over_ssh)
    server_stop ();
  for (size_t figure = 0; figure < FIGURES; figure++)
    if (kind->shown[figure])
      show (kind, samples, counts, rounds, (enum figure) figure);
}

static const struct lr_getenv_args home = LR_GETENV_ARGS (.key = "HOME");
static const struct lr_stat_args root = LR_STAT_ARGS (.path = "/");
static const struct lr_run_args nothing =
    LR_RUN_ARGS (.command = (const char *const[]){ "true", NULL });

static const struct kind kinds[] = {
  { .what = "local connections",
    .take = take_connections,
    .url = "local:",
    .request = LR_REQUEST (.operation = LR_OPERATION_GETENV, .args = &home),
    .counts = { 10, 100, 1000 },
    .least = 100,
    .shown = { [OPENING] = true,
               [CLOSING] = true,
               [WORKING] = true,
               [RESIDENT] = true,
               [DESCRIPTORS] = true } },
  { .what = "ssh sessions",
    .take = take_connections,
    .url = "ssh:" SERVER,
    .request = LR_REQUEST (.operation = LR_OPERATION_GETENV, .args = &home),
    .counts = { 10, 100 },
    .shown = { [OPENING] = true,
               [CLOSING] = true,
               [WORKING] = true,
               [RESIDENT] = true,
               [DESCRIPTORS] = true },
    .over_ssh = true },
  { .what = "stat requests",
    .take = take_requests,
    .url = "local:",
    .request = LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &root),
    .counts = { 10, 100, 1000, 10000 },
    .least = 1000,
    .shown = { [OPENING] = true, [WORKING] = true, [ALLOCATED] = true } },
  { .what = "run requests",
    .take = take_requests,
    .url = "local:",
    .request = LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &nothing),
    .counts = { 10, 100, 1000, 10000 },
    .least = 100,
    .shown = { [OPENING] = true, [WORKING] = true, [ALLOCATED] = true } },
};

void
measure_scale (void)
{
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (is_wanted (kinds[i].what))
      measure_kind (&kinds[i]);
}
