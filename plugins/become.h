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

/* ---- where the program takes numbers ---- */

/* Add what the program is told of USER, if that is a number; NULL: it is told nothing.  Its words
   for them begin with UID and GID.  Such a user needs nothing at the far side, and has one group:
   that of HOP's option `group`, which is for no other user, or the one of the same number.  */
void add_numbers (const lr_hop *hop, const char *user, const char *uid, const char *gid,
                  lr_command *out);

/* Add INNER, which ends the command, run as USER, if that is a name.  */
void append_as (const char *user, const lr_command *inner, lr_command *out);

#endif
