#include "cli/time.h"

enum
{
  SECOND = 1000000000,
};

struct timespec
time_split (int64_t nanoseconds)
{
  int64_t seconds = nanoseconds / SECOND;
  int64_t rest = nanoseconds % SECOND;
  if (rest < 0)
    {
      seconds--;
      rest += SECOND;
    }
  return (struct timespec){ .tv_sec = (time_t) seconds, .tv_nsec = (long) rest };
}

void
time_print (FILE *stream, int64_t nanoseconds)
{
  struct timespec moment = time_split (nanoseconds);
  struct tm parts;
  char text[32];
  if (gmtime_r (&moment.tv_sec, &parts) == NULL
      || strftime (text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
    fprintf (stream, "@%lld.%09ld", (long long) moment.tv_sec, moment.tv_nsec);
  else
    fprintf (stream, "%s.%09ldZ", text, moment.tv_nsec);
}

int64_t
time_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * SECOND + now.tv_nsec;
}
