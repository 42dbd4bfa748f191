/* Owners of files here: users and groups, by number and by name.  On any thread.  */

#ifndef CORE_OWNERS_H
#define CORE_OWNERS_H

#include <stdbool.h>

enum
{
  OWNER_NAME_SIZE = 264, /* bytes, with the NUL: a login name has 255 at most */
};

/* Write the name of user, or group, ID to NAME, of OWNER_NAME_SIZE bytes; its digits where it has
   none.  Returns NAME.  */
const char *owner_user_name (unsigned id, char *name);
const char *owner_group_name (unsigned id, char *name);

/* Find the user, or group, NAME; *ID is valid if there is one.  */
bool owner_find_user (const char *name, unsigned *id);
bool owner_find_group (const char *name, unsigned *id);

#endif
