#include "dispatcher/accounts_text.h"

#include "dispatcher/number.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum
{
  USER_FIELDS = 7,
  USER_FIELDS_LEAST = 4, /* name, password, user id, group id */
  GROUP_FIELDS = 4,
  GROUP_FIELDS_LEAST = 3, /* name, password, id */
};

bool
accounts_parse_id (const char *text, unsigned *id)
{
  if (text[0] == '\0' || strspn (text, "0123456789") != strlen (text))
    return false;
  unsigned long value = number_parse (text, 10, NULL);
  if (value >= UINT_MAX) /* -1 means "leave as it is" to the kernel */
    return false;
  *id = (unsigned) value;
  return true;
}

/* Cut LINE at its colons into COUNT fields, of which at least LEAST must be there; the others are
   empty then.  A line that begins with + or - stands for another source, with # for nothing.  */
static bool
split (char *line, char **fields, size_t count, size_t least)
{
  size_t got = 0;
  if (strchr ("+-#:", line[0]) != NULL) /* an empty line too */
    return false;
  for (; line != NULL && got < count; got++)
    fields[got] = strsep (&line, ":");
  if (line != NULL || got < least)
    return false;
  for (char *end = strchr (fields[got - 1], '\0'); got < count; got++)
    fields[got] = end;
  return true;
}

bool
accounts_parse_user (char *line, struct passwd *entry)
{
  char *fields[USER_FIELDS];
  unsigned uid, gid;
  if (!split (line, fields, USER_FIELDS, USER_FIELDS_LEAST) || !accounts_parse_id (fields[2], &uid)
      || !accounts_parse_id (fields[3], &gid))
    return false;
  *entry = (struct passwd){ .pw_name = fields[0],
                            .pw_passwd = fields[1],
                            .pw_uid = uid,
                            .pw_gid = gid,
                            .pw_gecos = fields[4],
                            .pw_dir = fields[5],
                            .pw_shell = fields[6] };
  return true;
}

bool
accounts_parse_group (char *line, struct group *entry, char **members)
{
  char *fields[GROUP_FIELDS];
  unsigned gid;
  if (!split (line, fields, GROUP_FIELDS, GROUP_FIELDS_LEAST)
      || !accounts_parse_id (fields[2], &gid))
    return false;
  *entry = (struct group){ .gr_name = fields[0], .gr_passwd = fields[1], .gr_gid = gid };
  *members = fields[3];
  return true;
}

char **
accounts_parse_members (char *members)
{
  size_t count = 0;
  for (const char *c = members; *c != '\0'; c++)
    count += *c == ',';
  char **list = malloc ((count + 2) * sizeof *list);
  if (list == NULL)
    return NULL;
  count = 0;
  for (char *name; (name = strsep (&members, ",")) != NULL;)
    if (name[0] != '\0')
      list[count++] = name;
  list[count] = NULL;
  return list;
}

gid_t *
accounts_parse_ids (const char *text, size_t *count)
{
  char word[16];
  /* Each takes two bytes at least, but for the last.  */
  gid_t *ids = malloc ((strlen (text) / 2 + 1) * sizeof *ids);
  *count = 0;
  while (ids != NULL)
    {
      text += strspn (text, " ");
      size_t length = strcspn (text, " \n");
      if (length == 0)
        break;
      if (length >= sizeof word)
        goto malformed;
      memcpy (word, text, length);
      word[length] = '\0';
      if (!accounts_parse_id (word, &ids[*count]))
        goto malformed;
      ++*count;
      text += length;
    }
  if (ids == NULL || strcmp (text, "\n") == 0 || text[0] == '\0')
    return ids;

malformed:
  free (ids);
  errno = EBADMSG;
  return NULL;
}
