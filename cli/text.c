#include "cli/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The size of the character that begins at DATA, or 0 where that is not UTF-8 (RFC 3629: no
   surrogates, nothing above U+10FFFF, the shortest form only).  */
static size_t
decode (const unsigned char *data, size_t size, uint32_t *code)
{
  static const struct
  {
    unsigned char mask, bits;
    uint32_t least;
  } forms[] = {
    { 0x80, 0x00, 0 }, { 0xE0, 0xC0, 0x80 }, { 0xF0, 0xE0, 0x800 }, { 0xF8, 0xF0, 0x10000 }
  };

  for (size_t more = 0; more < sizeof forms / sizeof *forms; more++)
    {
      if ((data[0] & forms[more].mask) != forms[more].bits)
        continue;
      if (more >= size)
        return 0;
      *code = data[0] & (unsigned char) ~forms[more].mask;
      for (size_t i = 1; i <= more; i++)
        {
          if ((data[i] & 0xC0) != 0x80)
            return 0;
          *code = *code << 6 | (data[i] & 0x3F);
        }
      bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
      return *code < forms[more].least || *code > 0x10FFFF || surrogate ? 0 : more + 1;
    }
  return 0;
}

static bool
is_control (uint32_t code)
{
  return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

void
text_print_escaped (FILE *stream, const char *data, size_t size)
{
  const unsigned char *bytes = (const unsigned char *) data;
  while (size > 0)
    {
      uint32_t code = 0;
      size_t character = decode (bytes, size, &code);
      size_t step = character > 0 ? character : 1;
      if (character > 0 && !is_control (code))
        fwrite (bytes, 1, step, stream);
      else
        for (size_t i = 0; i < step; i++)
          fprintf (stream, "\\x%02X", bytes[i]);
      bytes += step;
      size -= step;
    }
}

void
text_print (const char *text)
{
  if (text == NULL)
    return;
  if (isatty (STDOUT_FILENO))
    text_print_escaped (stdout, text, strlen (text));
  else
    fputs (text, stdout);
}

void
text_print_quoted (FILE *stream, const char *word)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_@%+=:,./-";
  if (word[0] != '\0' && word[strspn (word, plain)] == '\0')
    {
      fputs (word, stream);
      return;
    }
  putc ('\'', stream);
  while (*word != '\0')
    {
      size_t size = strcspn (word, "'");
      text_print_escaped (stream, word, size);
      word += size;
      if (*word == '\'')
        {
          fputs ("'\\''", stream);
          word++;
        }
    }
  putc ('\'', stream);
}
