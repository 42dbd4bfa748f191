/* The portable dispatcher's own snprintf and dprintf instead of musl's, which can do a lot that
   nobody here asks of them, at the cost of a tenth of the program's size.

   They know %s, %.*s, %c, %d, %u, and %x with a width filled with zeros, the numbers with l, ll or
   z.  Anything else ends the program: the test of each message would show.  */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  LINE_MAX_SIZE = 4096, /* bytes of what is written to a descriptor at a time */
};

/* Where the text goes: into as much of it as there is room for.  */
struct sink
{
  char *text;
  size_t room, size;
};

static void
put (struct sink *sink, const char *text, size_t size)
{
  for (size_t i = 0; i < size; i++, sink->size++)
    if (sink->size < sink->room)
      sink->text[sink->size] = text[i];
}

static void
put_number (struct sink *sink, unsigned long long number, unsigned base, size_t width)
{
  char digits[24], *end = digits + sizeof digits, *start = end;
  for (; number != 0 || start == end; number /= base)
    *--start = "0123456789abcdef"[number % base];
  for (size_t length = (size_t) (end - start); length < width; length++)
    put (sink, "0", 1);
  put (sink, start, (size_t) (end - start));
}

/* How many times "long" a number is; z stands for once, which is a size's length everywhere.  */
static unsigned
take_longs (const char **format)
{
  unsigned longs = 0;
  for (; **format == 'l' || **format == 'z'; ++*format)
    longs++;
  return longs;
}

static unsigned long long
take_unsigned (va_list *arguments, unsigned longs)
{
  if (longs == 0)
    return va_arg (*arguments, unsigned);
  return longs == 1 ? va_arg (*arguments, unsigned long) : va_arg (*arguments, unsigned long long);
}

static long long
take_signed (va_list *arguments, unsigned longs)
{
  if (longs == 0)
    return va_arg (*arguments, int);
  return longs == 1 ? va_arg (*arguments, long) : va_arg (*arguments, long long);
}

/* What FORMAT, which is behind a %, says, and where the text goes on.  */
static const char *
convert (struct sink *sink, const char *format, va_list *arguments)
{
  size_t width = 0;
  int most = -1;
  if (strncmp (format, ".*s", 3) == 0)
    {
      most = va_arg (*arguments, int);
      format += 2;
    }
  while (*format >= '0' && *format <= '9')
    width = width * 10 + (size_t) (*format++ - '0');
  unsigned longs = take_longs (&format);
  switch (*format)
    {
    case 's':
      {
        const char *text = va_arg (*arguments, const char *);
        put (sink, text, most < 0 ? strlen (text) : strnlen (text, (size_t) most));
        break;
      }
    case 'c':
      {
        char c = (char) va_arg (*arguments, int);
        put (sink, &c, 1);
        break;
      }
    case 'd':
      {
        long long number = take_signed (arguments, longs);
        if (number < 0)
          put (sink, "-", 1);
        put_number (sink, number < 0 ? -(unsigned long long) number : (unsigned long long) number,
                    10, width);
        break;
      }
    case 'u':
    case 'x':
      put_number (sink, take_unsigned (arguments, longs), *format == 'u' ? 10 : 16, width);
      break;
    default:
      __builtin_trap ();
    }
  return format + 1;
}

int
vsnprintf (char *text, size_t room, const char *format, va_list arguments)
{
  struct sink sink = { .text = text, .room = room };
  va_list rest;
  va_copy (rest, arguments);
  while (*format != '\0')
    {
      size_t length = strcspn (format, "%");
      put (&sink, format, length);
      format += length;
      if (*format == '%')
        format = convert (&sink, format + 1, &rest);
    }
  va_end (rest);
  if (room > 0)
    text[sink.size < room ? sink.size : room - 1] = '\0';
  return (int) sink.size;
}

int
snprintf (char *text, size_t room, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int size = vsnprintf (text, room, format, arguments);
  va_end (arguments);
  return size;
}

int
vdprintf (int file, const char *format, va_list arguments)
{
  char text[LINE_MAX_SIZE];
  int size = vsnprintf (text, sizeof text, format, arguments);
  if (size >= LINE_MAX_SIZE)
    size = LINE_MAX_SIZE - 1;
  return (int) write (file, text, (size_t) size);
}

int
dprintf (int file, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int size = vdprintf (file, format, arguments);
  va_end (arguments);
  return size;
}
