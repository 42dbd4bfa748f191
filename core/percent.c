#include "core/percent.h"

#include "core/error.h"

#include <stdlib.h>

static int
hex_digit (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *
percent_decode (const char *text, size_t size, struct lr_error *error)
{
  char *decoded = malloc (size + 1);
  size_t used = 0;
  if (decoded == NULL)
    {
      error_no_memory (error);
      return NULL;
    }
  for (size_t i = 0; i < size; i++)
    {
      int high = size - i > 2 ? hex_digit (text[i + 1]) : -1;
      int low = size - i > 2 ? hex_digit (text[i + 2]) : -1;
      if (text[i] != '%')
        decoded[used++] = text[i];
      else if (high < 0 || low < 0)
        {
          error_set_field (error, "url",
                           "\"%.*s\" is not a percent-encoded byte: a percent sign itself is "
                           "written %%25",
                           (int) (size - i < 3 ? size - i : 3), text + i);
          free (decoded);
          return NULL;
        }
      else if (high == 0 && low == 0)
        {
          error_set_field (error, "url", "%%00 stands for a NUL byte, which no part can have");
          free (decoded);
          return NULL;
        }
      else
        {
          decoded[used++] = (char) (high << 4 | low);
          i += 2;
        }
    }
  decoded[used] = '\0';
  return decoded;
}
