/* Numbers of bytes, as people write and read them.  */

#ifndef CLI_SIZE_H
#define CLI_SIZE_H

#include <stdbool.h>
#include <stdint.h>

/* Read TEXT: a number, perhaps with a unit of 1024 behind it, as in "64K", "1G" or "1GiB".  False
   if it is none, or too large.  */
bool size_parse (const char *text, uint64_t *bytes);

enum
{
  SIZE_TEXT = sizeof "1023.9 MiB",
};

/* BYTES with three digits at least, and a unit: "1.5 MiB".  */
void size_format (uint64_t bytes, char text[SIZE_TEXT]);

#endif
