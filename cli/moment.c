#include "cli/moment.h"

#include <time.h>

enum
{
  SECOND = 1000000000,
  YEAR_ZERO = 1900, /* of struct tm */
};

static bool
is_digit (char letter)
{
  return letter >= '0' && letter <= '9';
}

/* Exactly COUNT digits at *TEXT, which moves on.  */
static bool
read_digits (const char **text, int count, int *number)
{
  *number = 0;
  for (; count > 0; count--, ++*text)
    {
      if (!is_digit (**text))
        return false;
      *number = *number * 10 + (**text - '0');
    }
  return true;
}

/* SEPARATOR and two digits, at most MOST.  */
static bool
read_part (const char **text, char separator, int most, int *number)
{
  if (separator != '\0' && *(*text)++ != separator)
    return false;
  return read_digits (text, 2, number) && *number <= most;
}

/* A fraction of a second, if there is one, as nanoseconds; what is finer is cut off.  */
static bool
read_fraction (const char **text, int64_t *nanoseconds)
{
  *nanoseconds = 0;
  if (**text != '.' && **text != ',')
    return true;
  if (!is_digit (*++*text))
    return false;
  for (int64_t unit = SECOND / 10; is_digit (**text); unit /= 10, ++*text)
    *nanoseconds += unit * (**text - '0');
  return true;
}

static bool
combine (int64_t seconds, int64_t nanoseconds, int64_t *sum)
{
  return !__builtin_mul_overflow (seconds, SECOND, sum)
         && !__builtin_add_overflow (*sum, nanoseconds, sum);
}

/* Behind the '@'.  */
static bool
read_seconds (const char *text, int64_t *moment)
{
  int64_t seconds = 0, fraction;
  bool negative = *text == '-';
  if (negative)
    text++;
  if (!is_digit (*text))
    return false;
  for (; is_digit (*text); text++)
    if (__builtin_mul_overflow (seconds, 10, &seconds)
        || __builtin_add_overflow (seconds, *text - '0', &seconds))
      return false;
  if (!read_fraction (&text, &fraction) || *text != '\0')
    return false;
  return negative ? combine (-seconds, -fraction, moment) : combine (seconds, fraction, moment);
}

/* "Z", or "+01:00", "+0100", "+01".  */
static bool
read_offset (const char **text, int *seconds)
{
  int hours = 0, minutes = 0;
  char sign = *(*text)++;
  *seconds = 0;
  if (sign == 'Z')
    return true;
  if (sign != '+' && sign != '-')
    return false;
  if (!read_part (text, '\0', 23, &hours))
    return false;
  char separator = **text == ':' ? ':' : '\0';
  if (**text != '\0' && !read_part (text, separator, 59, &minutes))
    return false;
  *seconds = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
  return true;
}

static bool
read_date (const char **text, struct tm *parts)
{
  int year, month, day;
  if (!read_digits (text, 4, &year) || !read_part (text, '-', 12, &month)
      || !read_part (text, '-', 31, &day))
    return false;
  *parts = (struct tm){
    .tm_year = year - YEAR_ZERO, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1
  };
  /* A day that its month doesn't have becomes one of the next.  */
  struct tm same = *parts;
  timegm (&same);
  return month > 0 && same.tm_mon == month - 1 && same.tm_mday == day;
}

static bool
read_time (const char **text, struct tm *parts, int64_t *fraction)
{
  if (!read_part (text, '\0', 23, &parts->tm_hour) || !read_part (text, ':', 59, &parts->tm_min))
    return false;
  if (**text != ':')
    return true;
  return read_part (text, ':', 59, &parts->tm_sec) && read_fraction (text, fraction);
}

bool
moment_parse (const char *text, int64_t *nanoseconds)
{
  struct tm parts;
  int64_t fraction = 0;
  int offset = 0;
  if (*text == '@')
    return read_seconds (text + 1, nanoseconds);
  if (!read_date (&text, &parts))
    return false;
  if (*text == 'T' || *text == ' ')
    {
      text++;
      if (!read_time (&text, &parts, &fraction))
        return false;
    }
  bool is_local = *text == '\0';
  if (!is_local && (!read_offset (&text, &offset) || *text != '\0'))
    return false;
  parts.tm_wday = -1; /* stays so only if there is no such time */
  time_t seconds = is_local ? mktime (&parts) : timegm (&parts);
  return parts.tm_wday >= 0 && combine ((int64_t) seconds - offset, fraction, nanoseconds);
}
