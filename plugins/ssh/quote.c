#include "plugins/ssh/quote.h"

#include <string.h>

/* Nothing to any shell, wherever in a word; all bytes of UTF-8 are not among them.  */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:"

/* What some shell takes for itself even between apostrophes: fish the backslash, csh the
   exclamation mark.  */
#define SPECIAL "'\\!"

bool
quote_can_carry (const char *word)
{
  for (; *word != '\0'; word++)
    if ((*word > 0 && *word < ' ' && *word != '\t') || *word == 0x7f)
      return false;
  return true;
}

void
quote_word (FILE *stream, const char *word)
{
  if (word[0] == '\0')
    fputs ("''", stream);
  else if (word[strspn (word, PLAIN)] == '\0')
    fputs (word, stream);
  else
    while (*word != '\0')
      {
        size_t length = strcspn (word, SPECIAL);
        if (length > 0)
          fprintf (stream, "'%.*s'", (int) length, word);
        word += length;
        if (*word != '\0')
          fprintf (stream, "\\%c", *word++);
      }
}
