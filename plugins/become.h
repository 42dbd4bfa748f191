/* Becoming a user whose name only the far side knows, for connectors whose program takes numbers or
   nobody.  */

#ifndef PLUGINS_BECOME_H
#define PLUGINS_BECOME_H

#include <longreach/connector.h>

#include <stdbool.h>

/* Whether USER is a number.  */
bool user_is_number (const char *user);

/* Add words that run those behind them as USER, a name, with that user's groups.  Root has to run
   them, and there has to be a shell.  */
void become_user (lr_command *out, const char *user);

/* Let OUT fail if USER, the value of an option, can't be the name or number of a user.  */
void check_user (lr_command *out, const char *user);

#endif
