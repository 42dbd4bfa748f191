#include "cli/size.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char letters[] = "KMGTPE";

/* How often the unit NAME takes 1024; -1: it is no unit.  */
static int
find_unit (const char *name)
{
  if (name[0] == '\0')
    return 0;
  const char *letter = strchr (letters, name[0]);
  if (letter == NULL || (name[1] != '\0' && strcmp (name + 1, "iB") != 0))
    return -1;
  return (int) (letter - letters) + 1;
}

bool
size_parse (const char *text, uint64_t *bytes)
{
  char *end;
  if (text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  unsigned long long number = strtoull (text, &end, 10);
  int unit = find_unit (end);
  if (errno != 0 || unit < 0 || number > UINT64_MAX >> (10 * unit))
    return false;
  *bytes = (uint64_t) number << (10 * unit);
  return true;
}

void
size_format (uint64_t bytes, char text[SIZE_TEXT])
{
  int unit = 0;
  while (unit < 6 && bytes >> (10 * unit) >= 1024)
    unit++;
  if (unit == 0)
    snprintf (text, SIZE_TEXT, "%u B", (unsigned) bytes);
  else
    {
      /* Cut, not rounded: 1024.0 KiB would look odd.  */
      uint64_t tenths = (bytes >> (10 * (unit - 1))) * 10 / 1024;
      snprintf (text, SIZE_TEXT, "%u.%u %ciB", (unsigned) (tenths / 10), (unsigned) (tenths % 10),
                letters[unit - 1]);
    }
}
