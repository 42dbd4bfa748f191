/* Users and groups: names to ids and back.  */

#ifndef DISPATCHER_IDS_H
#define DISPATCHER_IDS_H

#include <grp.h>
#include <pwd.h>
#include <sys/types.h>

/* The name of an id, or its decimal digits where it has none.  Cached, misses too, until the
   databases change.  The text is valid until the next call.  */
const char *ids_user_name (uid_t uid);
const char *ids_group_name (gid_t gid);

/* The entry of a user or group given by name or, where no such name exists, by decimal id.  NULL
   and errno 0: there is none; NULL and errno: the lookup failed.  Valid until the next lookup.  */
const struct passwd *ids_find_user (const char *user);
const struct group *ids_find_group (const char *group);

#endif
