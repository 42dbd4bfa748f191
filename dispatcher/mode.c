#include "dispatcher/mode.h"

#include "dispatcher/number.h"

#include <string.h>

bool
mode_parse (const char *text, mode_t most, mode_t *mode)
{
  size_t length = strlen (text);
  if (length < 1 || length > 4 || strspn (text, "01234567") != length)
    return false;
  *mode = (mode_t) number_parse (text, 8, NULL);
  return *mode <= most;
}
