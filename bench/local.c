/* Through the connector `local`.  */

#include "bench/bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  ROUND_TRIPS = 5000, /* in a round */
  COMMANDS = 200,
  STATS = 10000, /* at once */
};

static lr_loop *loop;
static lr_connection *connection;
static lr_connection *chain; /* of three hops; NULL: not asked yet */

/* ---- one round trip ---- */

static void
ask_round_trips (lr_connection *asked)
{
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = "HOME");
  struct lr_error error;
  char *value;
  for (int i = 0; i < ROUND_TRIPS; i++)
    {
      check (lr_getenv (asked, &args, &value, &error), &error);
      lr_free (value);
    }
}

static void
getenv_round_trips (void)
{
  ask_round_trips (connection);
}

/* Through three dispatchers; opened in the round that doesn't count.  */
static void
chained_round_trips (void)
{
  struct lr_error error;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:,local:,local:", .loop = loop);
  if (chain == NULL)
    check (lr_open (NULL, &args, &chain, &error), &error);
  ask_round_trips (chain);
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
  place_far_end (pid);
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
  run_script ("cat '%s' | cat >'%s'", source, target);
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

/* ---- the rows ---- */

static const struct row rows[] = {
  { .what = "one round trip (getenv)",
    .ours = { .once = getenv_round_trips },
    .limit = { .name = "a byte there and back through pipes", .once = byte_round_trips },
    .at_most = 1.3,
    .scale = 1e6 / ROUND_TRIPS,
    .unit = "us",
    .placement = ONE_PROCESSOR },
  { .what = "one round trip, two processors",
    .ours = { .once = getenv_round_trips },
    .limit = { .name = "a byte there and back through pipes", .once = byte_round_trips },
    .at_most = 1.3,
    .scale = 1e6 / ROUND_TRIPS,
    .unit = "us",
    .placement = TWO_PROCESSORS },
  { .what = "one round trip, three hops",
    .ours = { .once = chained_round_trips },
    .limit = { .name = "through one", .once = getenv_round_trips },
    .scale = 1e6 / ROUND_TRIPS,
    .unit = "us",
    .placement = ONE_PROCESSOR },
  { .what = "10,000 stat at once",
    .ours = { .once = stats_at_once },
    .limit = { .name = "one at a time", .once = stats_one_at_a_time },
    .at_most = 1 / 20.0,
    .scale = 1e6 / STATS,
    .unit = "us" },
  { .what = "run true, captured",
    .ours = { .once = run_through_connection },
    .limit = { .name = "posix_spawn, waitpid, captured", .once = run_by_spawn },
    .at_most = 1.3,
    .scale = 1e6 / COMMANDS,
    .unit = "us" },
  { .what = "local put",
    .ours = { .once = put },
    .limit = { .name = "cat | cat > file", .once = cat_to_file },
    .at_most = 1 / 0.8,
    .scale = 1e3,
    .unit = "ms" },
  { .what = "local get",
    .ours = { .once = get },
    .limit = { .name = "cat | cat > file", .once = cat_to_file },
    .at_most = 1 / 0.8,
    .scale = 1e3,
    .unit = "ms" },
  { .what = "stat with sha512",
    .ours = { .once = stat_with_digest },
    .limit = { .name = "openssl dgst -sha512", .once = openssl_digest },
    .at_most = 1 / 0.95,
    .scale = 1e3,
    .unit = "ms" },
};

enum
{
  ROWS = sizeof rows / sizeof rows[0],
};

static bool
any_is_wanted (void)
{
  for (size_t i = 0; i < ROWS; i++)
    if (is_wanted (rows[i].what))
      return true;
  return false;
}

void
measure_local (void)
{
  struct lr_error error;
  if (!any_is_wanted ())
    return;
  make_source (settings.bytes);
  check (lr_loop_new (&loop, &error), &error);
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .loop = loop);
  check (lr_open (NULL, &args, &connection, &error), &error);
  for (size_t i = 0; i < ROWS; i++)
    measure (&rows[i]);
  lr_close (chain);
  lr_close (connection);
  lr_loop_free (loop);
}
