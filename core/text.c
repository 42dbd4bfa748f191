#include "core/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lr_text_set (lr_text *text, const char *format, ...)
{
  va_list arguments;
  free (text->data);
  va_start (arguments, format);
  if (vasprintf (&text->data, format, arguments) < 0)
    text->data = NULL;
  va_end (arguments);
}

void
text_free (lr_text *text)
{
  free (text->data);
  text->data = NULL;
}

/* The length of the UTF-8 character at TEXT, or 0 where there is none.  */
static size_t
utf8_length (const char *text, size_t size)
{
  const unsigned char *bytes = (const unsigned char *) text;
  size_t length = bytes[0] < 0x80             ? 1
                  : (bytes[0] & 0xe0) == 0xc0 ? 2
                  : (bytes[0] & 0xf0) == 0xe0 ? 3
                  : (bytes[0] & 0xf8) == 0xf0 ? 4
                                              : 0;
  static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
  if (length == 0 || length > size)
    return 0;
  uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++)
    {
      if ((bytes[i] & 0xc0) != 0x80)
        return 0;
      code = code << 6 | (bytes[i] & 0x3fu);
    }
  bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest[length] || surrogate || code > 0x10ffff ? 0 : length;
}

/* Whether a UTF-8 character of LENGTH bytes can move a terminal's cursor or worse.  */
static bool
is_control (const char *text, size_t length)
{
  unsigned char first = (unsigned char) text[0];
  bool c1 = length == 2 && first == 0xc2 && (unsigned char) text[1] < 0xa0;
  return c1 || (length == 1 && (first < 0x20 || first == 0x7f));
}

size_t
text_escape (char *buffer, size_t buffer_size, const char *text, size_t size)
{
  size_t used = 0;
  size_t i = 0;
  while (i < size)
    {
      char piece[5];
      size_t length = utf8_length (text + i, size - i);
      size_t taken = length == 0 ? 1 : length;
      if (length == 0 || is_control (text + i, length))
        {
          /* A control character of two bytes is escaped byte by byte.  */
          snprintf (piece, sizeof piece, "\\x%02X", (unsigned char) text[i]);
          taken = 1;
          length = 4;
        }
      else
        memcpy (piece, text + i, length);
      if (used + length + 1 > buffer_size)
        break;
      memcpy (buffer + used, piece, length);
      used += length;
      i += taken;
    }
  buffer[used] = '\0';
  return i;
}
