/* Requests about users and groups.  */

#include "dispatcher/accounts.h"
#include "dispatcher/ids.h"
#include "dispatcher/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
answer_resolved (struct request *request, const char *value)
{
  struct packet packet = { .id = PACKET_RESOLVE_RESULT };
  packet.resolve_result.value = packet_text (value);
  answer (request, &packet);
}

static void
resolve_user (struct request *request)
{
  const struct packet_bytes *user = &request->packet->resolve_user.user;
  if (!user->present)
    {
      answer_resolved (request, ids_user_name (geteuid ()));
      return;
    }
  const struct passwd *entry = ids_find_user (user->data);
  if (entry == NULL)
    answer_not_found (request, "user", "user", user->data);
  else
    answer_resolved (request, entry->pw_name);
}

static void
resolve_group (struct request *request)
{
  const struct packet_bytes *group = &request->packet->resolve_group.group;
  if (!group->present)
    {
      answer_resolved (request, ids_group_name (getegid ()));
      return;
    }
  const struct group *entry = ids_find_group (group->data);
  if (entry == NULL)
    answer_not_found (request, "group", "group", group->data);
  else
    answer_resolved (request, entry->gr_name);
}

/* ---- lists of names for an answer ---- */

/* Owns its texts.  */
struct names
{
  char **texts;
  struct packet_bytes *items; /* the same, as fields of a packet */
  gid_t *ids;                 /* theirs, where they are groups */
  size_t count, allocated;
};

static bool
names_grow (struct names *names)
{
  size_t room = names->allocated == 0 ? 16 : names->allocated * 2;
  char **texts = realloc (names->texts, room * sizeof (char *));
  if (texts == NULL)
    return false;
  names->texts = texts;
  struct packet_bytes *items = realloc (names->items, room * sizeof *items);
  if (items == NULL)
    return false;
  names->items = items;
  gid_t *ids = realloc (names->ids, room * sizeof *ids);
  if (ids == NULL)
    return false;
  names->ids = ids;
  names->allocated = room;
  return true;
}

static bool
names_add (struct names *names, const char *name, gid_t id)
{
  if (names->count == names->allocated && !names_grow (names))
    return false;
  char *text = strdup (name);
  if (text == NULL)
    return false;
  names->texts[names->count] = text;
  names->ids[names->count] = id;
  names->items[names->count++] = packet_text (text);
  return true;
}

static bool
names_contain (const struct names *names, const char *name)
{
  for (size_t i = 0; i < names->count; i++)
    if (strcmp (names->texts[i], name) == 0)
      return true;
  return false;
}

static bool
names_contain_id (const struct names *names, gid_t id)
{
  for (size_t i = 0; i < names->count; i++)
    if (names->ids[i] == id)
      return true;
  return false;
}

static void
names_free (struct names *names)
{
  for (size_t i = 0; i < names->count; i++)
    free (names->texts[i]);
  free (names->texts);
  free (names->items);
  free (names->ids);
}

static bool
lists_member (const struct group *group, const char *user)
{
  for (char **member = group->gr_mem; member != NULL && *member != NULL; member++)
    if (strcmp (*member, user) == 0)
      return true;
  return false;
}

/* Somebody whose groups are listed.  */
struct membership
{
  const char *user;
  struct names *names;
};

static bool
take_if_member (void *context, const struct group *group)
{
  const struct membership *membership = context;
  return !lists_member (group, membership->user)
         || names_contain (membership->names, group->gr_name)
         || names_add (membership->names, group->gr_name, group->gr_gid);
}

/* The groups whose member list names USER; and those the system grants that an enumeration does not
   show, because a directory server doesn't enumerate.  False and errno.  */
static bool
list_groups_of (const char *user, gid_t primary, struct names *names)
{
  struct membership membership = { .user = user, .names = names };
  size_t count = 0;
  errno = ENOMEM;
  if (!accounts_each_group (take_if_member, &membership))
    return false;
  gid_t *granted = accounts_groups_of (user, primary, &count);
  if (granted == NULL)
    return false;
  bool added = true;
  for (size_t i = 0; added && i < count; i++)
    if (granted[i] != primary && !names_contain_id (names, granted[i]))
      added = names_add (names, ids_group_name (granted[i]), granted[i]);
  free (granted);
  if (!added)
    errno = ENOMEM;
  return added;
}

static void
answer_user (struct request *request, const struct passwd *entry)
{
  struct packet packet = { .id = PACKET_USER_ENTRY };
  struct names names = { .count = 0 };
  const char *hash = NULL;
  if (request->packet->query_user.query_password_hash)
    {
      hash = accounts_password_hash (entry->pw_name);
      if (hash == NULL && errno != 0)
        answer_os_error (request, errno, "cannot read the shadow entry of %s", entry->pw_name);
      else if (hash == NULL)
        answer_invalid_field (request, "user", "no shadow entry for %s", entry->pw_name);
      if (hash == NULL)
        return;
    }
  /* Nothing below looks up a user: ENTRY stays.  */
  if (list_groups_of (entry->pw_name, entry->pw_gid, &names))
    {
      packet.user_entry.name = packet_text (entry->pw_name);
      packet.user_entry.uid = entry->pw_uid;
      packet.user_entry.group = packet_text (ids_group_name (entry->pw_gid));
      packet.user_entry.gid = entry->pw_gid;
      packet.user_entry.groups.items = names.items;
      packet.user_entry.groups.count = names.count;
      packet.user_entry.password_hash = packet_text (hash);
      packet.user_entry.gecos = packet_text (entry->pw_gecos == NULL ? "" : entry->pw_gecos);
      packet.user_entry.home = packet_text (entry->pw_dir);
      packet.user_entry.shell = packet_text (entry->pw_shell);
      answer (request, &packet);
    }
  else
    answer_os_error (request, errno, "cannot list the groups of %s", entry->pw_name);
  names_free (&names);
}

static void
query_user (struct request *request)
{
  const char *user = request->packet->query_user.user.data;
  const struct passwd *entry = ids_find_user (user);
  if (entry == NULL)
    answer_not_found (request, "user", "user", user);
  else
    answer_user (request, entry);
}

static void
query_group (struct request *request)
{
  const char *name = request->packet->query_group.group.data;
  const struct group *entry = ids_find_group (name);
  if (entry == NULL)
    {
      answer_not_found (request, "group", "group", name);
      return;
    }
  struct names names = { .count = 0 };
  bool listed = true;
  for (char **member = entry->gr_mem; listed && member != NULL && *member != NULL; member++)
    listed = names_add (&names, *member, 0);
  if (listed)
    {
      struct packet packet = { .id = PACKET_GROUP_ENTRY };
      packet.group_entry.name = packet_text (entry->gr_name);
      packet.group_entry.gid = entry->gr_gid;
      packet.group_entry.members.items = names.items;
      packet.group_entry.members.count = names.count;
      answer (request, &packet);
    }
  else
    answer_os_error (request, ENOMEM, "cannot list the members of %s", name);
  names_free (&names);
}

const struct request_kind resolve_user_kind = { .id = PACKET_RESOLVE_USER,
                                                .protocols = REQUEST_BOTH,
                                                .handle = resolve_user };
const struct request_kind resolve_group_kind = { .id = PACKET_RESOLVE_GROUP,
                                                 .protocols = REQUEST_BOTH,
                                                 .handle = resolve_group };
const struct request_kind query_user_kind = { .id = PACKET_QUERY_USER,
                                              .protocols = REQUEST_BOTH,
                                              .handle = query_user };
const struct request_kind query_group_kind = { .id = PACKET_QUERY_GROUP,
                                               .protocols = REQUEST_BOTH,
                                               .handle = query_group };
