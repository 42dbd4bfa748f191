#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/time.h"
#include "cli/timeout.h"

#include <stdio.h>

static unsigned count_given = 4;

static const struct cli_option ping_options[] = {
  { .name = "count",
    .letter = 'c',
    .argument = "N",
    .help = "Measure N round trips instead of 4",
    .number = &count_given },
  { 0 },
};

/* All in nanoseconds.  */
struct summary
{
  unsigned count;
  int64_t least, most, sum;
};

static void
add_time (struct summary *summary, int64_t elapsed)
{
  if (summary->count == 0 || elapsed < summary->least)
    summary->least = elapsed;
  if (elapsed > summary->most)
    summary->most = elapsed;
  summary->sum += elapsed;
  summary->count++;
}

static void
print_milliseconds (const char *label, int64_t nanoseconds)
{
  printf ("%s%.3f ms", label, (double) nanoseconds / 1e6);
}

static void
print_one (unsigned number, int64_t elapsed)
{
  printf ("%u: ", number);
  print_milliseconds ("", elapsed);
  putchar ('\n');
  fflush (stdout);
}

static void
print_summary (const struct summary *summary)
{
  print_milliseconds ("least ", summary->least);
  print_milliseconds (", mean ", summary->sum / summary->count);
  print_milliseconds (", most ", summary->most);
  putchar ('\n');
}

static void
print_json (const struct summary *summary, json_t *times)
{
  json_t *object = json_new_object ();
  json_add (object, "round_trips_ns", times);
  json_add_integer (object, "least_ns", summary->least);
  json_add_integer (object, "mean_ns", summary->sum / summary->count);
  json_add_integer (object, "most_ns", summary->most);
  json_print (object);
}

/* One round trip.  Returns 0, or -1 and *ERROR.  */
static int
measure (lr_connection *connection, int64_t *elapsed, struct lr_error *error)
{
  void *nothing;
  struct lr_ping_args args = LR_PING_ARGS (.timeout_ms = timeout_left ());
  int64_t begin = time_now ();
  int status = interruption_perform (connection, LR_OPERATION_PING, &args, &nothing, error);
  *elapsed = time_now () - begin;
  return status;
}

static int
ping_at (lr_connection *connection, char **operands, size_t count)
{
  (void) operands;
  (void) count;
  struct summary summary = { 0 };
  json_t *times = json_new_array ();
  do
    {
      int64_t elapsed;
      struct lr_error error;
      if (measure (connection, &elapsed, &error) != 0)
        {
          json_decref (times);
          return report_failure (&error);
        }
      add_time (&summary, elapsed);
      if (json_wanted)
        json_append (times, json_integer (elapsed));
      else
        print_one (summary.count, elapsed);
    }
  while (summary.count < count_given && !ferror (stdout));
  if (json_wanted)
    print_json (&summary, times);
  else
    {
      json_decref (times);
      print_summary (&summary);
    }
  return 0;
}

const struct subcommand ping_subcommand = {
  .name = "ping",
  .operands = "URL",
  .summary = "Measure round trips to the dispatcher",
  .options = ping_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = 1,
  .perform_at = ping_at,
};
