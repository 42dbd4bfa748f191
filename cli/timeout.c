#include "cli/timeout.h"
#include "cli/time.h"

static uint64_t given;

const struct cli_option timeout_options[] = {
  { .name = "timeout",
    .argument = "SECONDS",
    .help = "Give up after so long, and exit with status 124; a unit can follow: 500ms, 2m, 1h",
    .duration = &given },
  { 0 },
};

uint64_t
timeout_given (void)
{
  return given;
}

uint64_t
timeout_left (void)
{
  static int64_t begin; /* 0: not yet */
  if (given == 0)
    return 0;
  int64_t now = time_now ();
  if (begin == 0)
    begin = now;
  uint64_t passed = (uint64_t) (now - begin) / 1000000;
  return passed < given ? given - passed : 1;
}
