#include "dispatcher/ownership.h"

#include "dispatcher/accounts_text.h"
#include "dispatcher/ids.h"
#include "dispatcher/mode.h"

#include <errno.h>
#include <unistd.h>

static bool
check_mode (struct request *request, const struct packet_bytes *mode,
            struct replacement_owner *owner)
{
  if (!mode->present || mode_parse (mode->data, 07777, &owner->mode))
    return true;
  answer_invalid_field (request, "mode", "not an octal mode of one to four digits: %s", mode->data);
  return false;
}

/* The owner's entry decides the group too; an id that has no entry is fine for a file.  */
static bool
check_owner (struct request *request, const struct packet_bytes *name,
             struct replacement_owner *owner)
{
  unsigned id;
  if (!name->present)
    return true;
  const struct passwd *entry = ids_find_user (name->data);
  if (entry != NULL)
    {
      owner->uid = entry->pw_uid;
      owner->gid = entry->pw_gid;
      return true;
    }
  if (errno != 0 || !accounts_parse_id (name->data, &id))
    {
      answer_not_found (request, "owner", "user", name->data);
      return false;
    }
  owner->uid = id;
  return true;
}

static bool
check_group (struct request *request, const struct packet_bytes *name,
             struct replacement_owner *owner)
{
  unsigned id;
  if (!name->present)
    return true;
  const struct group *entry = ids_find_group (name->data);
  if (entry != NULL)
    {
      owner->gid = entry->gr_gid;
      return true;
    }
  if (errno != 0 || !accounts_parse_id (name->data, &id))
    {
      answer_not_found (request, "group", "group", name->data);
      return false;
    }
  owner->gid = id;
  return true;
}

bool
ownership_check (struct request *request, const struct ownership_fields *fields,
                 struct replacement_owner *owner)
{
  *owner = (struct replacement_owner){ .mode = 0600, .uid = geteuid (), .gid = getegid () };
  return check_mode (request, fields->mode, owner) && check_owner (request, fields->owner, owner)
         && check_group (request, fields->group, owner);
}
