#include "core/result.h"

#include <longreach/longreach.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* What stands before each result, and notes each block that goes with it.  */
struct note
{
  struct note *next;
  void *memory; /* owned; NULL in the result's own note */
  alignas (max_align_t) char result[];
};

static struct note *
note_of (void *result)
{
  return (struct note *) ((char *) result - offsetof (struct note, result));
}

void *
result_new (size_t size)
{
  struct note *note = calloc (1, sizeof *note + size);
  // cppcheck-suppress memleak ; the result leads back to it
  return note == NULL ? NULL : note->result;
}

char *
result_text (const char *text)
{
  char *result = result_new (strlen (text) + 1);
  return result == NULL ? NULL : strcpy (result, text);
}

void *
result_own (void *result, void *memory)
{
  struct note *note = memory == NULL ? NULL : calloc (1, sizeof *note);
  if (note == NULL)
    {
      free (memory);
      return NULL;
    }
  note->memory = memory;
  note->next = note_of (result)->next;
  note_of (result)->next = note;
  return memory;
}

char *
result_copy_text (void *result, const char *text)
{
  return text == NULL ? NULL : result_own (result, strdup (text));
}

void
lr_free (void *result)
{
  if (result == NULL)
    return;
  for (struct note *note = note_of (result), *next; note != NULL; note = next)
    {
      next = note->next;
      free (note->memory);
      free (note);
    }
}
