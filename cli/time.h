/* Times, as the library gives them: nanoseconds since the epoch.  */

#ifndef CLI_TIME_H
#define CLI_TIME_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* NANOSECONDS as whole seconds, rounded down, and 0 to 999999999 nanoseconds.  */
struct timespec time_split (int64_t nanoseconds);

/* Print it in ISO 8601, in UTC: "2024-02-29T12:00:00.000000001Z".  */
void time_print (FILE *stream, int64_t nanoseconds);

/* Nanoseconds of a clock that only moves forward.  */
int64_t time_now (void);

#endif
