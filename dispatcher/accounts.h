/* The databases of users and groups.

   accounts_system.c asks the C library, and with it every source that the system is configured for.
   The portable dispatcher has accounts_files.c instead: it reads the files itself and asks getent
   for what is not in them, for a static program can't load what serves the other sources.

   What looks up one entry returns NULL with errno 0 where there is none, and NULL with errno where
   that can't be told.  An entry is valid until the next look-up of its kind.  */

#ifndef DISPATCHER_ACCOUNTS_H
#define DISPATCHER_ACCOUNTS_H

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

const struct passwd *accounts_user (const char *name);
const struct passwd *accounts_user_by_id (uid_t uid);
const struct group *accounts_group (const char *name);
const struct group *accounts_group_by_id (gid_t gid);

/* The hash of USER's password.  */
const char *accounts_password_hash (const char *user);

/* Call TAKE, which looks up nothing, with each group that an enumeration shows, until it returns
   false; then, or where there can be no enumeration, the result is false.  */
bool accounts_each_group (bool (*take) (void *context, const struct group *group), void *context);

/* All groups of USER, GID first, which is the primary one, in memory the caller frees; NULL and
   errno.  */
gid_t *accounts_groups_of (const char *user, gid_t gid, size_t *count);

#endif
