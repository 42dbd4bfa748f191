#include "plugins/become.h"

#include "plugins/words.h"

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

void
add_numbers (const lr_hop *hop, const char *user, const char *uid, const char *gid, lr_command *out)
{
  const char *group = lr_hop_option (hop, "group");
  if (user != NULL && user_is_number (user))
    {
      add_joined (out, uid, user, "");
      add_joined (out, gid, group == NULL ? user : group, "");
    }
  else if (group != NULL)
    lr_command_fail (out, "group= is for a user who is a number: one with a name has that user's");
}

void
append_as (const char *user, const lr_command *inner, lr_command *out)
{
  if (user != NULL && !user_is_number (user))
    {
      check_user (out, user);
      become_user (out, user);
    }
  lr_command_append (out, inner);
}
