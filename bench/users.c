/* As another user: many commands over one connection of sudo, and sudo for each.  */

#include "bench/bench.h"

#include <stdlib.h>
#include <sys/wait.h>

enum
{
  COMMANDS = 74,
};

static lr_connection *connection;

static void
run_through_connection (void)
{
  const struct lr_run_args args = LR_RUN_ARGS (.command = (const char *const[]){ "true", NULL });
  const struct lr_open_args open = LR_OPEN_ARGS (.url = "sudo:");
  struct lr_error error;
  check (lr_open (NULL, &open, &connection, &error), &error);
  for (int i = 0; i < COMMANDS; i++)
    {
      struct lr_run_result *result;
      check (lr_run (connection, &args, &result, &error), &error);
      lr_free (result);
    }
  lr_close (connection);
}

static void
run_sudo_each_time (void)
{
  for (int i = 0; i < COMMANDS; i++)
    run_locally ((const char *const[]){ "sudo", "-n", "--", "true", NULL });
}

/* Whether it asks for no password here.  */
static bool
sudo_is_allowed (void)
{
  int status = system ("sudo -n true >/dev/null 2>&1");
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

static const struct row row = {
  .what = "sudo, 74 commands",
  .ours = { .once = run_through_connection },
  .limit = { .name = "74 times sudo -n true", .once = run_sudo_each_time },
  .at_most = 0.5,
  .scale = 1e3,
  .unit = "ms",
};

void
measure_users (void)
{
  if (!is_wanted (row.what))
    return;
  if (sudo_is_allowed ())
    measure (&row);
  else
    fprintf (stderr, "bench: %s: not measured, for sudo asks here, or is not there\n", row.what);
}
