#include "plugins/ssh/remote_command.h"

#include "plugins/ssh/quote.h"

#include <stdio.h>
#include <stdlib.h>

/* `exec` saves a process there for as long as the connection lasts.  */
void
add_remote_command (lr_command *out, const lr_command *inner)
{
  char *text = NULL;
  size_t size = 0;
  const char *word;
  FILE *stream = open_memstream (&text, &size);
  if (stream == NULL)
    {
      lr_command_fail (out, "there is no memory for the remote command");
      return;
    }
  fputs ("exec", stream);
  for (size_t i = 0; (word = lr_command_word (inner, i)) != NULL; i++)
    {
      if (!quote_can_carry (word))
        lr_command_fail (out,
                         "no quoting takes a control character through every shell, and "
                         "\"%s\", a word of the remote command, has one",
                         word);
      putc (' ', stream);
      quote_word (stream, word);
    }
  if (fclose (stream) != 0)
    lr_command_fail (out, "there is no memory for the remote command");
  else
    lr_command_add (out, text);
  free (text);
}
