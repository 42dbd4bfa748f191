/* A mode in digits or symbols.

   The first two bytes of the input are the mode that a file has, and whether it is a directory; the
   rest is what it is to be.  What must hold:

   - a mode is twelve bits, whatever is done to it;
   - whether a text is symbolic does not depend on the file;
   - what has digits only is not symbolic;
   - the set-id bits of a directory stay where neither `s` nor digits are in the text.  */

#include "dispatcher/mode.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require (bool holds)
{
  if (!holds)
    abort ();
}

static void
check (const char *text, mode_t old, bool is_directory)
{
  mode_t octal = 0, mode = old, other = ~old & 07777;
  bool is_octal = mode_parse (text, 07777, &octal);
  bool is_symbolic = mode_change (text, is_directory, &mode);
  require (!is_octal || (octal <= 07777 && !is_symbolic));
  require (mode_change (text, !is_directory, &other) == is_symbolic);
  require (mode <= 07777 && other <= 07777);
  if (is_directory && text[strcspn (text, "s01234567")] == '\0')
    require ((mode & 06000) == (old & 06000));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  mode_t old = (mode_t) ((data[0] << 8 | data[1]) & 07777);
  char *text = malloc (size - 1);
  require (text != NULL);
  memcpy (text, data + 2, size - 2);
  text[size - 2] = '\0';
  check (text, old, (data[0] & 0x80) != 0);
  free (text);
  return 0;
}
