/* Points in time, as a person or a script writes them.  */

#ifndef CLI_MOMENT_H
#define CLI_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Parse TEXT into nanoseconds since the epoch: "@SECONDS" of it, with a fraction and a sign if
   wanted; or in ISO 8601 "2026-11-22T10:00:00.5+01:00", where seconds can be missing, and the time
   too, which is then the day's first.  Without "Z" or an offset it is of this machine's time zone.
   False where it is something else, or cannot be counted.  */
bool moment_parse (const char *text, int64_t *nanoseconds);

#endif
