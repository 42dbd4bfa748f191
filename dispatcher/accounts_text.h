/* Users, groups and their ids as passwd(5), group(5) and programs write them.  Nothing is taken
   from a text that doesn't have the right form.  */

#ifndef DISPATCHER_ACCOUNTS_TEXT_H
#define DISPATCHER_ACCOUNTS_TEXT_H

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>

/* TEXT as a decimal id that can belong to somebody.  */
bool accounts_parse_id (const char *text, unsigned *id);

/* A line of /etc/passwd, without its newline.  ENTRY points into LINE, which is changed.  */
bool accounts_parse_user (char *line, struct passwd *entry);

/* A line of /etc/group in the same way, but for its list of members, which is left as text: ENTRY's
   own list is NULL.  */
bool accounts_parse_group (char *line, struct group *entry, char **members);

/* The names in MEMBERS, which is changed, as a list that ends with NULL and that the caller frees;
   NULL without memory.  */
char **accounts_parse_members (char *members);

/* The ids in TEXT, a line that may end with a newline, separated by spaces: *COUNT of them, in
   memory the caller frees.  NULL and errno: EBADMSG where anything else is in it.  */
gid_t *accounts_parse_ids (const char *text, size_t *count);

#endif
