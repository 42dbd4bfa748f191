/* Times to wait, as people write them.  */

#ifndef CLI_DURATION_H
#define CLI_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* Read TEXT, seconds unless a unit follows: "90", "1.5", "500ms", "2m", "1h".  What is not a whole
   millisecond is rounded up, so that only nothing is 0.  False if it is none, or too long for
   anybody.  */
bool duration_parse (const char *text, uint64_t *milliseconds);

/* The same of SECONDS, a number.  */
bool duration_from_seconds (double seconds, uint64_t *milliseconds);

#endif
