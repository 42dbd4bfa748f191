/* What can be said about operands before anything is done with them.  */

#ifndef CLI_OPERANDS_H
#define CLI_OPERANDS_H

#include "cli/subcommand.h"

#include <stdbool.h>
#include <stddef.h>

/* TEXT begins with a schema and a colon.  */
bool operands_look_like_url (const char *text);

/* Whether SUBCOMMAND can be given OPERANDS.  Returns 0, or an exit status, having reported what is
   wrong and what may have been meant.  */
int operands_check (const struct subcommand *subcommand, char **operands, size_t count);

/* The same where its options allow no more than MOST.  */
int operands_check_most (const struct subcommand *subcommand, char **operands, size_t count,
                         size_t most);

#endif
