#include "plugins/become.h"

#include <string.h>

bool
user_is_number (const char *user)
{
  return user[0] != '\0' && user[strspn (user, "0123456789")] == '\0';
}

/* The login shell may be none, as /bin/false is.  su would look for its options behind the user's
   name too.  */
void
become_user (lr_command *out, const char *user)
{
  lr_command_add (out, "su", "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--", user);
}

void
check_user (lr_command *out, const char *user)
{
  if (user[0] == '\0' || user[0] == '-' || strpbrk (user, ":/ \t\n") != NULL)
    lr_command_fail (out, "\"%s\" can't be the name or the number of a user", user);
}
