/* Where nothing is mounted that may hang, which is usual, that is the answer.  Else the path is
   walked, component by component and link by link, and each is looked at only when it is known that
   it lies in none of these mounts.  Somebody who changes links meanwhile can make us hang, and that
   is all.  */

#include "dispatcher/mounts.h"

#include "dispatcher/loop.h"
#include "dispatcher/number.h"
#include "dispatcher/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  LINKS_MAX = 40, /* symbolic links followed, as the kernel does */
};

/* File systems whose calls wait for somebody else; also all of one kind that have a subtype, such
   as fuse.sshfs.  */
static const char *const dependent_types[] = {
  "9p",   "afs",     "autofs",   "beegfs",    "ceph",   "cifs",  "coda",
  "fuse", "fuseblk", "gfs2",     "glusterfs", "lustre", "ncpfs", "nfs",
  "nfs4", "ocfs2",   "orangefs", "smb3",      "smbfs",  "sshfs", "virtiofs",
};

/* Where they are mounted; owned.  */
static struct
{
  char **points;
  size_t count, allocated;
  bool unknown; /* there was no memory for one */
} dependent;

/* ---- which mounts there are ---- */

static bool
is_dependent (const char *type)
{
  size_t length = strcspn (type, ".");
  for (size_t i = 0; i < sizeof dependent_types / sizeof dependent_types[0]; i++)
    if (strlen (dependent_types[i]) == length && strncmp (type, dependent_types[i], length) == 0)
      return true;
  return false;
}

/* Undo the kernel's \040 for what would end a word.  */
static void
unescape (char *text)
{
  char *to = text;
  for (const char *from = text; *from != '\0'; to++)
    {
      char digits[4] = "";
      *to = *from;
      if (from[0] == '\\' && strspn (from + 1, "01234567") >= 3)
        {
          memcpy (digits, from + 1, 3);
          *to = (char) (unsigned char) number_parse (digits, 8, NULL);
          from += 3;
        }
      from++;
    }
  *to = '\0';
}

static bool
add_point (const char *point)
{
  if (dependent.count == dependent.allocated)
    {
      size_t room = dependent.allocated == 0 ? 8 : dependent.allocated * 2;
      char **grown = realloc (dependent.points, room * sizeof (char *));
      if (grown == NULL)
        return false;
      dependent.points = grown;
      dependent.allocated = room;
    }
  char *copy = strdup (point);
  if (copy == NULL)
    return false;
  unescape (copy);
  dependent.points[dependent.count++] = copy;
  return true;
}

/* A LINE of mountinfo: the fifth word is where, the one after "-" the type.  */
static void
take_line (char *line)
{
  const char *word, *point = NULL;
  for (int i = 1; (word = strsep (&line, " ")) != NULL && strcmp (word, "-") != 0; i++)
    if (i == 5)
      point = word;
  const char *type = strsep (&line, " ");
  if (type != NULL && is_dependent (type) && (point == NULL || !add_point (point)))
    dependent.unknown = true;
}

static void
read_mounts (int file)
{
  char *text = lseek (file, 0, SEEK_SET) == 0 ? text_file_read (file) : NULL, *rest = text;
  while (dependent.count > 0)
    free (dependent.points[--dependent.count]);
  dependent.unknown = text == NULL;
  for (char *line; (line = strsep (&rest, "\n")) != NULL;)
    take_line (line);
  free (text);
}

/* The kernel tells of a change through the descriptor: it is asked once in each turn of the loop.
   Without /proc there is no knowing, and nothing is taken to hang.  */
static void
refresh (void)
{
  static int file = -1;
  static bool opened;
  static uint64_t turn;
  if (opened && (file < 0 || turn == loop_generation ()))
    return;
  turn = loop_generation ();
  struct pollfd changed = { .fd = file, .events = POLLPRI };
  bool stale = opened && poll (&changed, 1, 0) > 0;
  if (!opened)
    {
      opened = true;
      file = open ("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
      stale = file >= 0;
    }
  if (stale)
    read_mounts (file);
}

/* ---- where a path leads ---- */

/* A walk: PLACE is where it is, without a link in it, and REST is what is left to go.  */
struct walk
{
  char place[PATH_MAX]; /* "" is the root */
  char rest[PATH_MAX];
  int links;
};

static bool
is_dependent_point (const char *place)
{
  for (size_t i = 0; i < dependent.count; i++)
    if (strcmp (dependent.points[i], place[0] == '\0' ? "/" : place) == 0)
      return true;
  return false;
}

/* TEXT goes before what is left; false: that is too long.  */
static bool
go_first (struct walk *walk, const char *text)
{
  size_t length = strlen (text), left = strlen (walk->rest);
  if (length + 1 + left >= sizeof walk->rest)
    return false;
  memmove (walk->rest + length + 1, walk->rest, left + 1);
  memcpy (walk->rest, text, length);
  walk->rest[length] = '/';
  if (text[0] == '/')
    walk->place[0] = '\0';
  return true;
}

/* Take the next component off what is left, and go there, but for links.  False: that is too long.
 */
static bool
go_on (struct walk *walk)
{
  const char *name = walk->rest + strspn (walk->rest, "/");
  size_t length = strcspn (name, "/"), have = strlen (walk->place);
  bool fits = have + 1 + length < sizeof walk->place;
  if (length == 2 && strncmp (name, "..", 2) == 0)
    {
      char *slash = strrchr (walk->place, '/');
      if (slash != NULL)
        *slash = '\0';
    }
  else if (fits && length > 0 && !(length == 1 && name[0] == '.'))
    {
      walk->place[have] = '/';
      memcpy (walk->place + have + 1, name, length);
      walk->place[have + 1 + length] = '\0';
    }
  memmove (walk->rest, name + length, strlen (name + length) + 1);
  return fits;
}

/* The walk has come to a link.  False: it can't be followed here.  */
static bool
follow (struct walk *walk)
{
  char text[PATH_MAX];
  ssize_t length = readlink (walk->place, text, sizeof text - 1);
  if (length <= 0 || ++walk->links > LINKS_MAX)
    return false;
  text[length] = '\0';
  /* Those of /proc lead where they lead, whatever they say.  */
  if (text[0] == '/' && strncmp (walk->place, "/proc/", 6) == 0)
    return false;
  char *slash = strrchr (walk->place, '/');
  if (slash != NULL)
    *slash = '\0';
  return go_first (walk, text);
}

static bool
is_over (const struct walk *walk)
{
  return walk->rest[strspn (walk->rest, "/")] == '\0';
}

static bool
leads_astray (struct walk *walk, bool follow_links)
{
  while (!is_over (walk))
    {
      struct stat info;
      if (!go_on (walk) || is_dependent_point (walk->place))
        return true;
      if (walk->place[0] == '\0')
        continue;
      /* Where it ends early, so does whoever takes it.  */
      if (fstatat (AT_FDCWD, walk->place, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0)
        return errno != ENOENT && errno != ENOTDIR && errno != EACCES;
      if (S_ISLNK (info.st_mode) && (follow_links || !is_over (walk)) && !follow (walk))
        return true;
    }
  return false;
}

bool
mounts_any_may_hang (void)
{
  refresh ();
  return dependent.count > 0 || dependent.unknown;
}

bool
mounts_may_hang (const char *path, bool follow_links)
{
  static struct walk walk;
  if (!mounts_any_may_hang ())
    return false;
  walk.place[0] = walk.rest[0] = '\0';
  walk.links = 0;
  if (dependent.unknown || is_dependent_point ("") || !go_first (&walk, path))
    return true;
  if (path[0] == '/')
    return leads_astray (&walk, follow_links);
  char directory[PATH_MAX];
  return getcwd (directory, sizeof directory) == NULL || directory[0] != '/'
         || !go_first (&walk, directory) || leads_astray (&walk, follow_links);
}
