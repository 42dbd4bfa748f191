/* Times of files, as packets and records have them: nanoseconds since the epoch.  */

#ifndef PROTOCOL_TIMESTAMP_H
#define PROTOCOL_TIMESTAMP_H

#include <stdint.h>
#include <time.h>

/* What is before the year 1677 is the first moment that there is, and what is past 2262 the last.
   It is never INT64_MIN, which has a meaning of its own.  */
int64_t timestamp_of (const struct timespec *time);

struct timespec timestamp_time (int64_t timestamp);

#endif
