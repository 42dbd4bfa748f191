/* A command as one word that a shell takes apart again, whatever shell it is.  */

#ifndef PLUGINS_SSH_REMOTE_COMMAND_H
#define PLUGINS_SSH_REMOTE_COMMAND_H

#include <longreach/connector.h>

/* Add the words of INNER to OUT as one word.  */
void add_remote_command (lr_command *out, const lr_command *inner);

#endif
