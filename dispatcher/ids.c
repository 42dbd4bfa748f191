#include "dispatcher/ids.h"

#include "dispatcher/accounts.h"
#include "dispatcher/accounts_text.h"
#include "dispatcher/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum
{
  CACHE_SLOTS = 256,
  CACHE_LIFE = 10000, /* milliseconds: a directory server's changes can't be seen in any file */
};

/* A slot holds the last id that fell on it.  */
struct slot
{
  unsigned id;
  char *name; /* owned; NULL: the slot is free */
};

/* One database and what its files looked like when the cache was filled.  */
struct cache
{
  struct stat seen[2]; /* of its file, and of the file that names the sources */
  int64_t filled_at;
  uint64_t checked; /* loop generation of the last look at the files */
  struct slot slots[CACHE_SLOTS];
  char digits[16]; /* what was last given out without being kept */
};

static struct cache users, groups;

static bool
same_file (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
         && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
         && a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Forget everything if a file changed or the cache is old; the files are looked at once a wake-up
   of the loop.  */
static void
refresh (struct cache *cache)
{
  const char *const files[] = { cache == &users ? "/etc/passwd" : "/etc/group",
                                "/etc/nsswitch.conf" };
  if (cache->checked == loop_generation ())
    return;
  cache->checked = loop_generation ();
  bool stale = loop_now () - cache->filled_at > CACHE_LIFE;
  for (int i = 0; i < 2; i++)
    {
      struct stat now;
      if (stat (files[i], &now) != 0)
        memset (&now, 0, sizeof now);
      stale = stale || !same_file (&now, &cache->seen[i]);
      cache->seen[i] = now;
    }
  if (!stale)
    return;
  cache->filled_at = loop_now ();
  for (int i = 0; i < CACHE_SLOTS; i++)
    {
      free (cache->slots[i].name);
      cache->slots[i].name = NULL;
    }
}

/* The name of ID by LOOK_UP, which returns NULL with errno 0 for "none".  */
static const char *
cached_name (struct cache *cache, unsigned id, const char *(*look_up) (unsigned id))
{
  char *digits = cache->digits;
  refresh (cache);
  struct slot *slot = &cache->slots[id % CACHE_SLOTS];
  if (slot->name != NULL && slot->id == id)
    return slot->name;
  snprintf (digits, sizeof cache->digits, "%u", id);
  const char *name = look_up (id);
  bool known = name != NULL || errno == 0;
  if (name == NULL)
    name = digits;
  if (!known)
    return name;
  free (slot->name);
  slot->id = id;
  slot->name = strdup (name);
  return slot->name == NULL ? name : slot->name;
}

static const char *
look_up_user (unsigned id)
{
  const struct passwd *entry = accounts_user_by_id (id);
  return entry == NULL ? NULL : entry->pw_name;
}

static const char *
look_up_group (unsigned id)
{
  const struct group *entry = accounts_group_by_id (id);
  return entry == NULL ? NULL : entry->gr_name;
}

const char *
ids_user_name (uid_t uid)
{
  return cached_name (&users, uid, look_up_user);
}

const char *
ids_group_name (gid_t gid)
{
  return cached_name (&groups, gid, look_up_group);
}

const struct passwd *
ids_find_user (const char *user)
{
  unsigned id;
  const struct passwd *entry = accounts_user (user);
  if (entry == NULL && accounts_parse_id (user, &id))
    entry = accounts_user_by_id (id);
  return entry;
}

const struct group *
ids_find_group (const char *group)
{
  unsigned id;
  const struct group *entry = accounts_group (group);
  if (entry == NULL && accounts_parse_id (group, &id))
    entry = accounts_group_by_id (id);
  return entry;
}
