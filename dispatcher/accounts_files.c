/* What is in no file is asked from getent, as is which groups a user is in.  What it says of a user
   or a group is kept for a while; the files are read each time.  */

#include "dispatcher/accounts.h"
#include "dispatcher/accounts_text.h"
#include "dispatcher/ask.h"
#include "dispatcher/loop.h"
#include "dispatcher/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  ANSWERS = 64,
  ANSWERS_LAST = 10000, /* milliseconds */
  HANG_LASTS = 60000,   /* milliseconds without asking after it has not answered in time */
  NAME_LENGTH_MAX = 256,
};

/* ---- files ---- */

/* The file at PATH, as text_file_read has it, but errno is 0 where there is no file.  */
static char *
read_file (const char *path)
{
  int file = open (path, O_RDONLY | O_CLOEXEC);
  char *text = file < 0 ? NULL : text_file_read (file);
  int errnum = file < 0 && (errno == ENOENT || errno == ENOTDIR) ? 0 : errno;
  if (file >= 0)
    close (file);
  errno = errnum;
  return text;
}

/* ---- getent ---- */

/* What getent said, kept by its question.  */
static struct
{
  char *question; /* owned, "passwd ann"; NULL: the place is free */
  char *line;     /* owned; NULL: there is none */
} answers[ANSWERS];
static int64_t asked_at, hung_at;
static bool hung;

/* A name that can be in a database and that getent takes for one: neither an option nor a number,
   of which it would drop the upper bits.  */
static bool
can_be_asked (const char *name)
{
  return strchr ("+-#", name[0]) == NULL && strpbrk (name, ":,\n") == NULL
         && strlen (name) <= NAME_LENGTH_MAX
         && strspn (name, " \t\v\f\r0123456789") != strlen (name);
}

/* As `ask`, but a source that has hung is left alone for a while: each request that names somebody
   would wait for it.  */
static char *
ask_patiently (const char *const *argv, int *status)
{
  if (hung && loop_now () - hung_at < HANG_LASTS)
    {
      errno = ETIMEDOUT;
      return NULL;
    }
  char *answer = ask (argv, status);
  hung = answer == NULL && errno == ETIMEDOUT;
  hung_at = loop_now ();
  return answer;
}

/* The one line that getent has for KEY in DATABASE, without its newline, in memory the caller
   frees. NULL and errno, 0 also where there is no getent.  */
static char *
ask_getent (const char *database, const char *key)
{
  const char *const argv[] = { "getent", database, key, NULL };
  int status = 0;
  char *answer = ask_patiently (argv, &status);
  if (answer == NULL)
    {
      if (errno == ENOENT)
        errno = 0;
      return NULL;
    }
  char *end = strchr (answer, '\n');
  if (status == 0 && end != NULL && end[1] == '\0')
    {
      *end = '\0';
      return answer;
    }
  errno = status == 0 ? EBADMSG : 0;
  free (answer);
  return NULL;
}

static void
forget_answers (void)
{
  for (int i = 0; i < ANSWERS; i++)
    {
      free (answers[i].question);
      free (answers[i].line);
      answers[i].question = answers[i].line = NULL;
    }
  asked_at = loop_now ();
}

/* As ask_getent, with what it has said a short while ago.  By NAME, or by ID where that is NULL. */
static char *
look_up (const char *database, const char *name, unsigned id)
{
  char question[NAME_LENGTH_MAX + 16], digits[16];
  const char *key = name == NULL ? digits : name;
  unsigned place = 0;
  errno = 0;
  if (name != NULL && !can_be_asked (name))
    return NULL;
  snprintf (digits, sizeof digits, "%u", id);
  snprintf (question, sizeof question, "%s %s", database, key);
  for (const char *c = question; *c != '\0'; c++)
    place = place * 31 + (unsigned char) *c;
  place %= ANSWERS;
  if (loop_now () - asked_at > ANSWERS_LAST)
    forget_answers ();
  if (answers[place].question != NULL && strcmp (answers[place].question, question) == 0)
    return answers[place].line == NULL ? NULL : strdup (answers[place].line);

  char *line = ask_getent (database, key);
  if (line == NULL && errno != 0)
    return NULL;
  free (answers[place].question);
  free (answers[place].line);
  answers[place].question = strdup (question);
  answers[place].line = line == NULL ? NULL : strdup (line);
  if (line != NULL && answers[place].line == NULL)
    {
      free (answers[place].question);
      answers[place].question = NULL;
    }
  errno = 0;
  return line;
}

/* ---- users ---- */

/* The last entry, and the text that it points into.  */
static struct passwd user;
static char *user_text;

/* By NAME, or by UID where that is NULL.  */
static const struct passwd *
find_user (const char *name, uid_t uid)
{
  free (user_text);
  char *rest = user_text = read_file ("/etc/passwd");
  if (rest == NULL && errno != 0)
    return NULL;
  for (char *line; (line = strsep (&rest, "\n")) != NULL;)
    if (accounts_parse_user (line, &user)
        && (name == NULL ? user.pw_uid == uid : strcmp (user.pw_name, name) == 0))
      return &user;
  free (user_text);
  user_text = look_up ("passwd", name, uid);
  if (user_text == NULL)
    return NULL;
  if (accounts_parse_user (user_text, &user) && (name != NULL || user.pw_uid == uid))
    return &user;
  errno = EBADMSG;
  return NULL;
}

const struct passwd *
accounts_user (const char *name)
{
  return find_user (name, 0);
}

const struct passwd *
accounts_user_by_id (uid_t uid)
{
  return find_user (NULL, uid);
}

const char *
accounts_password_hash (const char *name)
{
  static char *text;
  size_t length = strlen (name);
  free (text);
  char *rest = text = read_file ("/etc/shadow");
  if (rest == NULL && errno != 0)
    return NULL;
  char *line;
  while ((line = strsep (&rest, "\n")) != NULL)
    if (strncmp (line, name, length) == 0 && line[length] == ':')
      break;
  if (line == NULL)
    {
      free (text);
      line = text = look_up ("shadow", name, 0);
    }
  if (line == NULL)
    return NULL;
  strsep (&line, ":");
  return strsep (&line, ":");
}

/* ---- groups ---- */

static struct group group;
static char *group_text;

/* GROUP's list, from MEMBERS.  */
static const struct group *
with_members (char *members)
{
  group.gr_mem = accounts_parse_members (members);
  return group.gr_mem == NULL ? NULL : &group;
}

static void
forget_group (void)
{
  free (group.gr_mem);
  free (group_text);
  group.gr_mem = NULL;
  group_text = NULL;
}

/* By NAME, or by GID where that is NULL.  */
static const struct group *
find_group (const char *name, gid_t gid)
{
  char *members;
  forget_group ();
  char *rest = group_text = read_file ("/etc/group");
  if (rest == NULL && errno != 0)
    return NULL;
  for (char *line; (line = strsep (&rest, "\n")) != NULL;)
    if (accounts_parse_group (line, &group, &members)
        && (name == NULL ? group.gr_gid == gid : strcmp (group.gr_name, name) == 0))
      return with_members (members);
  free (group_text);
  group_text = look_up ("group", name, gid);
  if (group_text == NULL)
    return NULL;
  if (accounts_parse_group (group_text, &group, &members) && (name != NULL || group.gr_gid == gid))
    return with_members (members);
  errno = EBADMSG;
  return NULL;
}

const struct group *
accounts_group (const char *name)
{
  return find_group (name, 0);
}

const struct group *
accounts_group_by_id (gid_t gid)
{
  return find_group (NULL, gid);
}

bool
accounts_each_group (bool (*take) (void *context, const struct group *group), void *context)
{
  char *members;
  forget_group ();
  char *rest = group_text = read_file ("/etc/group");
  bool more = rest != NULL || errno == 0;
  for (char *line; more && (line = strsep (&rest, "\n")) != NULL;)
    if (accounts_parse_group (line, &group, &members))
      {
        more = with_members (members) != NULL && take (context, &group);
        free (group.gr_mem);
        group.gr_mem = NULL;
      }
  forget_group ();
  return more;
}

/* ---- the groups of a user ---- */

struct list
{
  const char *user;
  gid_t *ids; /* owned */
  size_t count, allocated;
};

static bool
add_id (struct list *list, gid_t id)
{
  for (size_t i = 0; i < list->count; i++)
    if (list->ids[i] == id)
      return true;
  if (list->count == list->allocated)
    {
      size_t room = list->allocated == 0 ? 16 : list->allocated * 2;
      gid_t *grown = realloc (list->ids, room * sizeof *grown);
      if (grown == NULL)
        return false;
      list->ids = grown;
      list->allocated = room;
    }
  list->ids[list->count++] = id;
  return true;
}

static bool
add_if_member (void *context, const struct group *candidate)
{
  struct list *list = context;
  for (char **member = candidate->gr_mem; *member != NULL; member++)
    if (strcmp (*member, list->user) == 0)
      return add_id (list, candidate->gr_gid);
  return true;
}

/* What getent knows, or id, where getent doesn't know how.  The line of the former begins with the
   name.  False and errno: there may be more groups.  */
static bool
add_granted (struct list *list)
{
  const char *const by_getent[] = { "getent", "initgroups", list->user, NULL };
  const char *const by_id[] = { "id", "-G", list->user, NULL };
  size_t skip = strlen (list->user), count = 0;
  int status = 0;
  if (!can_be_asked (list->user))
    return true;
  char *answer = ask_patiently (by_getent, &status);
  if (answer != NULL && status != 0)
    {
      free (answer);
      answer = ask_patiently (by_id, &status);
      skip = 0;
    }
  if (answer == NULL || status != 0)
    {
      bool unknown = answer != NULL || errno == ENOENT;
      free (answer);
      return unknown;
    }
  gid_t *ids = NULL;
  errno = EBADMSG;
  if (strncmp (answer, list->user, skip) == 0)
    ids = accounts_parse_ids (answer + skip, &count);
  bool added = ids != NULL;
  for (size_t i = 0; added && i < count; i++)
    added = add_id (list, ids[i]);
  free (ids);
  free (answer);
  return added;
}

gid_t *
accounts_groups_of (const char *name, gid_t gid, size_t *count)
{
  struct list list = { .user = name };
  if (add_id (&list, gid) && accounts_each_group (add_if_member, &list) && add_granted (&list))
    {
      *count = list.count;
      return list.ids;
    }
  free (list.ids);
  return NULL;
}
