#include "dispatcher/number.h"

#include <limits.h>
#include <stddef.h>

unsigned long
number_parse (const char *text, unsigned base, const char **end)
{
  unsigned long number = 0;
  for (unsigned digit; (digit = (unsigned) *text - '0') < base; text++)
    if (__builtin_mul_overflow (number, base, &number)
        || __builtin_add_overflow (number, digit, &number))
      number = ULONG_MAX;
  if (end != NULL)
    *end = text;
  return number;
}
