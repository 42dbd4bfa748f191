#include "protocol/timestamp.h"

enum
{
  SECOND = 1000000000,
};

int64_t
timestamp_of (const struct timespec *time)
{
  if (time->tv_sec > INT64_MAX / SECOND - 1)
    return INT64_MAX;
  if (time->tv_sec < -(INT64_MAX / SECOND))
    return -INT64_MAX;
  return (int64_t) time->tv_sec * SECOND + time->tv_nsec;
}

struct timespec
timestamp_time (int64_t timestamp)
{
  int64_t seconds = timestamp / SECOND, rest = timestamp % SECOND;
  if (rest < 0)
    {
      seconds--;
      rest += SECOND;
    }
  return (struct timespec){ .tv_sec = (time_t) seconds, .tv_nsec = (long) rest };
}
