#include "plugins/words.h"

#include <stdio.h>
#include <stdlib.h>

void
add_program (const lr_hop *hop, const char *program, lr_command *out)
{
  const char *word = lr_hop_option (hop, "program");
  if (word == NULL)
    lr_command_add (out, program);
  for (size_t i = 0; (word = lr_hop_option_at (hop, "program", i)) != NULL; i++)
    lr_command_add (out, word);
}

void
add_joined (lr_command *out, const char *start, const char *middle, const char *end)
{
  char *word;
  if (asprintf (&word, "%s%s%s", start, middle, end) < 0)
    lr_command_fail (out, "there is no memory for a word of the command");
  else
    {
      lr_command_add (out, word);
      free (word);
    }
}
