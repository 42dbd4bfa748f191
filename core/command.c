#include "core/command.h"

#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
lr_command_add_word (lr_command *command, const char *word)
{
  if (word == NULL)
    {
      lr_command_fail (command, "word %zu of the command is NULL", command->count + 1);
      return;
    }
  if (command->count + 1 >= command->allocated)
    {
      size_t room = command->allocated == 0 ? 16 : command->allocated * 2;
      char **grown = realloc (command->words, room * sizeof *grown);
      if (grown == NULL)
        {
          command->no_memory = 1;
          return;
        }
      command->words = grown;
      command->allocated = room;
    }
  command->words[command->count] = strdup (word);
  if (command->words[command->count] == NULL)
    command->no_memory = 1;
  else
    command->count++;
  command->words[command->count] = NULL;
}

void
lr_command_add_words (lr_command *command, size_t count, const char *const *words)
{
  for (size_t i = 0; i < count; i++)
    lr_command_add_word (command, words[i]);
}

const char *
lr_command_word (const lr_command *command, size_t index)
{
  return index < command->count ? command->words[index] : NULL;
}

void
lr_command_append (lr_command *command, const lr_command *inner)
{
  if (inner->problem != NULL)
    lr_command_fail (command, "%s", inner->problem);
  if (inner->no_memory)
    command->no_memory = 1;
  lr_command_add_words (command, inner->count, (const char *const *) inner->words);
}

void
lr_command_fail (lr_command *command, const char *format, ...)
{
  if (command->problem != NULL)
    return;
  va_list arguments;
  va_start (arguments, format);
  if (vasprintf (&command->problem, format, arguments) < 0)
    {
      command->problem = NULL;
      command->no_memory = 1;
    }
  va_end (arguments);
}

void
command_free (lr_command *command)
{
  for (size_t i = 0; i < command->count; i++)
    free (command->words[i]);
  free (command->words);
  free (command->problem);
  *command = (struct lr_command){ NULL, 0, 0, NULL, 0 };
}

int
command_check (const lr_command *command, const char *schema, struct lr_error *error)
{
  if (command->problem != NULL)
    return error_set_field (error, "url", "%s: %s", schema, command->problem);
  if (command->no_memory)
    return error_no_memory (error);
  if (command->count == 0)
    return error_set (error, LR_ERROR_PLUGIN, "the connector %s wraps a command into nothing",
                      schema);
  return 0;
}
