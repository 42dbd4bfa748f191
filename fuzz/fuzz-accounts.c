/* Lines of /etc/passwd and /etc/group, and lists of ids, made of anything.

   The first byte of the input says which of them the rest is, up to a NUL.  What must hold:

   - an entry that is taken has a name that stands for itself, ids that can belong to somebody, and
     no colon or end of line of its own making in any field; all its texts are in the line;
   - a list of members has no empty name, and together with commas its names are no longer than what
     they come from;
   - printing what was taken and taking it again gives the same.  */

#include "dispatcher/accounts_text.h"
#include "fuzz/require.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
require_name (const char *name)
{
  require (name[0] != '\0' && strchr ("+-#", name[0]) == NULL);
}

static void
take_user (char *line)
{
  struct passwd entry, again;
  char *end = strchr (line, '\0'), *printed;
  if (!accounts_parse_user (line, &entry))
    return;
  require_name (entry.pw_name);
  require (entry.pw_uid != UINT_MAX && entry.pw_gid != UINT_MAX);
  char *const texts[] = { entry.pw_name, entry.pw_passwd, entry.pw_gecos, entry.pw_dir,
                          entry.pw_shell };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    require (texts[i] >= line && texts[i] <= end && strchr (texts[i], ':') == NULL);
  int length = asprintf (&printed, "%s:%s:%u:%u:%s:%s:%s", entry.pw_name, entry.pw_passwd,
                         entry.pw_uid, entry.pw_gid, entry.pw_gecos, entry.pw_dir, entry.pw_shell);
  require (length > 0 && accounts_parse_user (printed, &again));
  require (strcmp (again.pw_name, entry.pw_name) == 0 && again.pw_uid == entry.pw_uid
           && again.pw_gid == entry.pw_gid && strcmp (again.pw_dir, entry.pw_dir) == 0
           && strcmp (again.pw_shell, entry.pw_shell) == 0);
  free (printed);
}

static void
take_group (char *line)
{
  struct group entry;
  char *members;
  if (!accounts_parse_group (line, &entry, &members))
    return;
  require_name (entry.gr_name);
  require (entry.gr_gid != UINT_MAX && entry.gr_mem == NULL && strchr (members, ':') == NULL);
  size_t room = strlen (members) + 1, used = 0;
  char **names = accounts_parse_members (members);
  require (names != NULL);
  for (size_t i = 0; names[i] != NULL; i++)
    {
      require (names[i][0] != '\0' && strchr (names[i], ',') == NULL);
      used += strlen (names[i]) + 1;
    }
  require (used <= room);
  free (names);
}

static void
take_ids (const char *text)
{
  size_t count;
  gid_t *ids = accounts_parse_ids (text, &count);
  if (ids == NULL)
    {
      require (errno == EBADMSG);
      return;
    }
  require (strspn (text, " 0123456789\n") == strlen (text));
  for (size_t i = 0; i < count; i++)
    require (ids[i] != UINT_MAX);
  free (ids);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  char *text = strndup ((const char *) data + 1, size - 1);
  require (text != NULL);
  switch (data[0] % 3)
    {
    case 0:
      take_user (text);
      break;
    case 1:
      take_group (text);
      break;
    default:
      take_ids (text);
    }
  free (text);
  return 0;
}
