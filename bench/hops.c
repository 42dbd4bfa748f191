/* What a hop costs: the same file through one, two and three dispatchers on this machine.  */

#include "bench/bench.h"

#include <fcntl.h>
#include <unistd.h>

enum
{
  HOPS_MAX = 3,
};

/* One for each number of hops, open all the time; NULL: not yet.  */
static lr_connection *connections[HOPS_MAX + 1];

static lr_connection *
connect_through (int hops)
{
  static const char *const urls[] = { [1] = "local:", "local:,local:", "local:,local:,local:" };
  struct lr_error error;
  struct lr_open_args args = LR_OPEN_ARGS (.url = urls[hops]);
  if (connections[hops] == NULL)
    check (lr_open (NULL, &args, &connections[hops], &error), &error);
  return connections[hops];
}

static void
get_through (int hops)
{
  struct lr_error error;
  int fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  struct lr_get_args args = LR_GET_ARGS (.descriptor = fd, .file = source);
  check (lr_get (connect_through (hops), &args, NULL, &error), &error);
  close (fd);
}

static void
get_through_one (void)
{
  get_through (1);
}

static void
get_through_two (void)
{
  get_through (2);
}

static void
get_through_three (void)
{
  get_through (3);
}

static const struct row rows[] = {
  { .what = "get through 2 hops",
    .ours = { .once = get_through_two },
    .limit = { .name = "through 1 hop", .once = get_through_one },
    .scale = 1e3,
    .unit = "ms" },
  { .what = "get through 3 hops",
    .ours = { .once = get_through_three },
    .limit = { .name = "through 2 hops", .once = get_through_two },
    .scale = 1e3,
    .unit = "ms",
    .others = { { .name = "through 1 hop", .once = get_through_one } } },
};

void
measure_hops (void)
{
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (is_wanted (rows[i].what))
      {
        make_source (settings.bytes);
        measure (&rows[i]);
      }
  for (int hops = 1; hops <= HOPS_MAX; hops++)
    lr_close (connections[hops]);
}
