/* A command: an argv that keeps its first error.  */

#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include <longreach/connector.h>

/* The exit statuses of who was to run a command and could not, as shells have them.  */
enum
{
  STATUS_NOT_RUN = 126,
  STATUS_NOT_FOUND = 127,
};

/* All zero is an empty command.  */
struct lr_command
{
  char **words; /* owned, ended by NULL; NULL while empty */
  size_t count, allocated;
  char *problem; /* owned: the first error, a sentence */
  int no_memory; /* or this */
};

void command_free (lr_command *command);

/* Whether COMMAND can be run: 0, or -1 and what is wrong, said of SCHEMA's connector.  */
int command_check (const lr_command *command, const char *schema, struct lr_error *error);

#endif
