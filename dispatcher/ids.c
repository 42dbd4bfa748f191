#include "dispatcher/ids.h"

#include "dispatcher/loop.h"

#include <errno.h>
#include <limits.h>
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
  const char *const files[2];
  struct stat seen[2];
  int64_t filled_at;
  uint64_t checked; /* loop generation of the last look at the files */
  struct slot slots[CACHE_SLOTS];
};

static struct cache users = { .files = { "/etc/passwd", "/etc/nsswitch.conf" } };
static struct cache groups = { .files = { "/etc/group", "/etc/nsswitch.conf" } };

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
  if (cache->checked == loop_generation ())
    return;
  cache->checked = loop_generation ();
  bool stale = loop_now () - cache->filled_at > CACHE_LIFE;
  for (int i = 0; i < 2; i++)
    {
      struct stat now;
      if (stat (cache->files[i], &now) != 0)
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

/* The name of ID by LOOK_UP, which returns NULL with errno 0 or ENOENT for "none".  */
static const char *
cached_name (struct cache *cache, unsigned id, const char *(*look_up) (unsigned id))
{
  static char digits[16];
  refresh (cache);
  struct slot *slot = &cache->slots[id % CACHE_SLOTS];
  if (slot->name != NULL && slot->id == id)
    return slot->name;
  snprintf (digits, sizeof digits, "%u", id);
  errno = 0;
  const char *name = look_up (id);
  bool known = name != NULL || errno == 0 || errno == ENOENT;
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
  const struct passwd *entry = getpwuid (id);
  return entry == NULL ? NULL : entry->pw_name;
}

static const char *
look_up_group (unsigned id)
{
  const struct group *entry = getgrgid (id);
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

bool
ids_parse (const char *text, unsigned *id)
{
  if (text[0] == '\0' || strspn (text, "0123456789") != strlen (text))
    return false;
  text += strspn (text, "0");
  if (strlen (text) > 10)
    return false;
  unsigned long long value = strtoull (text, NULL, 10);
  if (value >= UINT_MAX) /* -1 means "leave as it is" to the kernel */
    return false;
  *id = (unsigned) value;
  return true;
}

/* Errors that only say "no such entry".  */
static void
forgive_missing (void)
{
  if (errno == ENOENT || errno == ESRCH)
    errno = 0;
}

const struct passwd *
ids_find_user (const char *user)
{
  unsigned id;
  errno = 0;
  const struct passwd *entry = getpwnam (user);
  if (entry == NULL && ids_parse (user, &id))
    {
      errno = 0;
      entry = getpwuid (id);
    }
  forgive_missing ();
  return entry;
}

const struct group *
ids_find_group (const char *group)
{
  unsigned id;
  errno = 0;
  const struct group *entry = getgrnam (group);
  if (entry == NULL && ids_parse (group, &id))
    {
      errno = 0;
      entry = getgrgid (id);
    }
  forgive_missing ();
  return entry;
}

gid_t *
ids_groups_of (const char *user, gid_t gid, size_t *count)
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
