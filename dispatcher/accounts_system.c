#include "dispatcher/accounts.h"

#include <errno.h>
#include <shadow.h>
#include <stdlib.h>
#include <unistd.h>

/* ENTRY, and errno without what only says that there is none.  */
static const void *
found (const void *entry)
{
  if (errno == ENOENT || errno == ESRCH)
    errno = 0;
  return entry;
}

const struct passwd *
accounts_user (const char *name)
{
  errno = 0;
  return found (getpwnam (name));
}

const struct passwd *
accounts_user_by_id (uid_t uid)
{
  errno = 0;
  return found (getpwuid (uid));
}

const struct group *
accounts_group (const char *name)
{
  errno = 0;
  return found (getgrnam (name));
}

const struct group *
accounts_group_by_id (gid_t gid)
{
  errno = 0;
  return found (getgrgid (gid));
}

/* The right to read the file is asked for first: some name services make an entry up where they
   can't.  */
const char *
accounts_password_hash (const char *user)
{
  if (access ("/etc/shadow", R_OK) != 0 && errno == EACCES)
    return NULL;
  errno = 0;
  const struct spwd *entry = found (getspnam (user));
  return entry == NULL ? NULL : entry->sp_pwdp;
}

bool
accounts_each_group (bool (*take) (void *context, const struct group *group), void *context)
{
  const struct group *group;
  bool more = true;
  setgrent ();
  while (more && (group = getgrent ()) != NULL)
    more = take (context, group);
  endgrent ();
  return more;
}

gid_t *
accounts_groups_of (const char *user, gid_t gid, size_t *count)
{
  int room = 32;
  for (;;)
    {
      int wanted = room;
      gid_t *list = malloc ((size_t) room * sizeof *list);
      if (list == NULL)
        return NULL;
      if (getgrouplist (user, gid, list, &wanted) >= 0)
        {
          *count = (size_t) wanted;
          return list;
        }
      free (list);
      room = wanted > room ? wanted : room * 2;
    }
}
