#include "dispatcher/mode.h"

#include <stdlib.h>
#include <string.h>

bool
mode_parse (const char *text, mode_t most, mode_t *mode)
{
  size_t length = strlen (text);
  if (length < 1 || length > 4 || strspn (text, "01234567") != length)
    return false;
  *mode = (mode_t) strtoul (text, NULL, 8);
  return *mode <= most;
}
