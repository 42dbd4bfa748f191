#include "core/owners.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  TEXTS_FIRST = 4 << 10, /* bytes of an entry's texts: a group with many members has many */
  TEXTS_MAX = 16 << 20,
};

/* What is looked up: by ID where NAME is NULL.  */
struct owner
{
  const char *name;
  unsigned id;
  char *found_name; /* of OWNER_NAME_SIZE bytes; NULL: it isn't wanted */
};

/* An errno; ENOENT: there is none.  The texts of the entry go to TEXTS.  */
typedef int look_up (struct owner *owner, char *texts, size_t size);

static int
take (struct owner *owner, const char *name, unsigned id)
{
  owner->id = id;
  if (owner->found_name == NULL)
    return 0;
  if (strlen (name) >= OWNER_NAME_SIZE)
    return ENOENT;
  strcpy (owner->found_name, name);
  return 0;
}

static int
look_up_user (struct owner *owner, char *texts, size_t size)
{
  struct passwd user, *found = NULL;
  int errnum = owner->name != NULL ? getpwnam_r (owner->name, &user, texts, size, &found)
                                   : getpwuid_r (owner->id, &user, texts, size, &found);
  if (found == NULL)
    return errnum == 0 ? ENOENT : errnum;
  return take (owner, found->pw_name, found->pw_uid);
}

static int
look_up_group (struct owner *owner, char *texts, size_t size)
{
  struct group group, *found = NULL;
  int errnum = owner->name != NULL ? getgrnam_r (owner->name, &group, texts, size, &found)
                                   : getgrgid_r (owner->id, &group, texts, size, &found);
  if (found == NULL)
    return errnum == 0 ? ENOENT : errnum;
  return take (owner, found->gr_name, found->gr_gid);
}

static bool
find (struct owner *owner, look_up *look)
{
  int errnum = ERANGE;
  for (size_t size = TEXTS_FIRST; errnum == ERANGE && size <= TEXTS_MAX; size *= 4)
    {
      char *texts = malloc (size);
      if (texts == NULL)
        return false;
      do
        errnum = look (owner, texts, size);
      while (errnum == EINTR);
      free (texts);
    }
  return errnum == 0;
}

static const char *
name_of (unsigned id, look_up *look, char *name)
{
  struct owner owner = { .id = id, .found_name = name };
  if (!find (&owner, look))
    snprintf (name, OWNER_NAME_SIZE, "%u", id);
  return name;
}

const char *
owner_user_name (unsigned id, char *name)
{
  return name_of (id, look_up_user, name);
}

const char *
owner_group_name (unsigned id, char *name)
{
  return name_of (id, look_up_group, name);
}

static bool
find_named (const char *name, look_up *look, unsigned *id)
{
  struct owner owner = { .name = name };
  bool found = find (&owner, look);
  *id = owner.id;
  return found;
}

bool
owner_find_user (const char *name, unsigned *id)
{
  return find_named (name, look_up_user, id);
}

bool
owner_find_group (const char *name, unsigned *id)
{
  return find_named (name, look_up_group, id);
}
