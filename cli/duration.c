#include "cli/duration.h"

#include <stddef.h>
#include <string.h>

/* 30,000 years; and what is below can be multiplied by any unit.  */
#define LONGEST UINT64_C (1000000000000000)

static const struct
{
  const char *name;
  uint64_t milliseconds;
} units[] = { { "", 1000 }, { "s", 1000 }, { "ms", 1 }, { "m", 60000 }, { "h", 3600000 } };

/* Milliseconds of the unit NAME; 0: there is none of that name.  */
static uint64_t
find_unit (const char *name)
{
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp (units[i].name, name) == 0)
      return units[i].milliseconds;
  return 0;
}

static bool
is_digit (char letter)
{
  return letter >= '0' && letter <= '9';
}

/* A decimal number in billionths, which is as fine as it gets: more digits only round it up.  */
struct decimal
{
  uint64_t whole;
  uint64_t billionths;
};

/* Read a number at *TEXT and move that behind it.  */
static bool
read_decimal (const char **text, struct decimal *number)
{
  const char *at = *text;
  *number = (struct decimal){ 0, 0 };
  for (; is_digit (*at); at++)
    if ((number->whole = number->whole * 10 + (uint64_t) (*at - '0')) > LONGEST)
      return false;
  bool any = at != *text;
  if (*at == '.')
    {
      bool rest = false;
      uint64_t place = 100000000;
      for (at++; is_digit (*at); at++, any = true, place /= 10)
        {
          number->billionths += place * (uint64_t) (*at - '0');
          rest = rest || (place == 0 && *at != '0');
        }
      number->billionths += rest;
    }
  *text = at;
  return any;
}

bool
duration_parse (const char *text, uint64_t *milliseconds)
{
  struct decimal number;
  if (!read_decimal (&text, &number))
    return false;
  uint64_t unit = find_unit (text);
  if (unit == 0 || number.whole > LONGEST / unit)
    return false;
  *milliseconds = number.whole * unit + (number.billionths * unit + 999999999) / 1000000000;
  return *milliseconds <= LONGEST;
}

bool
duration_from_seconds (double seconds, uint64_t *milliseconds)
{
  if (!(seconds >= 0 && seconds <= (double) LONGEST / 1000))
    return false;
  *milliseconds = (uint64_t) (seconds * 1000);
  if ((double) *milliseconds < seconds * 1000)
    ++*milliseconds;
  return true;
}
