#include "cli/entry.h"
#include "cli/text.h"
#include "cli/time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum
{
  VALUE_COLUMN = 9,
};

static void
print_label (const char *label)
{
  printf ("%s:%*s", label, VALUE_COLUMN - 1 - (int) strlen (label), "");
}

void
entry_print_text (const char *label, const char *text)
{
  print_label (label);
  text_print (text);
  putchar ('\n');
}

void
entry_print_integer (const char *label, int64_t integer)
{
  print_label (label);
  printf ("%" PRId64 "\n", integer);
}

void
entry_print_texts (const char *label, const char *const *texts)
{
  print_label (label);
  for (size_t i = 0; texts[i] != NULL; i++)
    {
      if (i > 0)
        putchar (',');
      text_print (texts[i]);
    }
  putchar ('\n');
}

void
entry_print_size (const char *label, uint64_t size)
{
  print_label (label);
  printf ("%" PRIu64 "\n", size);
}

void
entry_print_time (const char *label, int64_t nanoseconds)
{
  print_label (label);
  time_print (stdout, nanoseconds);
  putchar ('\n');
}

void
entry_print_hex (const char *label, struct lr_bytes bytes)
{
  print_label (label);
  for (size_t i = 0; i < bytes.size; i++)
    printf ("%02x", (unsigned char) bytes.data[i]);
  putchar ('\n');
}
