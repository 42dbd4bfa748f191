/* MakeTemporary: a new file or directory with a name of its own, for its owner alone.  */

#include "dispatcher/temporary.h"

#include "dispatcher/errand.h"
#include "dispatcher/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct temporary
{
  struct errand errand;  /* the first member */
  const char *directory; /* borrowed: of the packet, or the environment's */
  char *path;            /* owned */
};

void
temporary_suffix (char suffix[TEMPORARY_SUFFIX])
{
  uint64_t random = 0;
  if (getrandom (&random, sizeof random, 0) != (ssize_t) sizeof random)
    random = (uint64_t) clock () << 32 ^ (uint64_t) time (NULL) << 16 ^ (uint64_t) getpid ();
  snprintf (suffix, TEMPORARY_SUFFIX, "%016llx", (unsigned long long) random);
}

static const char *
default_directory (void)
{
  const char *directory = getenv ("TMPDIR");
  return directory == NULL || directory[0] != '/' ? "/tmp" : directory;
}

static bool
prepare (struct request *request, struct errand *errand)
{
  const struct packet_make_temporary *asked = &errand->packet.make_temporary;
  struct temporary *temporary = (struct temporary *) errand;
  temporary->directory = asked->directory.present ? asked->directory.data : default_directory ();
  if (strchr (asked->prefix.data, '/') != NULL)
    {
      answer_invalid_field (request, "prefix", "has a slash in it: %s", asked->prefix.data);
      return false;
    }
  errand->slow = mounts_may_hang (temporary->directory, true);
  return true;
}

static int
make (const char *path, bool is_directory)
{
  if (is_directory)
    return mkdir (path, 0700) == 0 ? 0 : errno;
  int file = open (path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return errno;
  close (file);
  return 0;
}

static void
step (struct errand *errand, char *scratch)
{
  const struct packet_make_temporary *asked = &errand->packet.make_temporary;
  struct temporary *temporary = (struct temporary *) errand;
  char suffix[TEMPORARY_SUFFIX];
  size_t size = strlen (temporary->directory) + 1 + (size_t) asked->prefix.size + sizeof suffix;
  /* An empty path is no way to write "/".  */
  int errnum = temporary->directory[0] == '\0' ? ENOENT : EEXIST;
  (void) scratch;
  temporary->path = malloc (size);
  if (temporary->path == NULL)
    errnum = ENOMEM;
  for (int i = 0; i < TEMPORARY_TRIES && errnum == EEXIST; i++)
    {
      temporary_suffix (suffix);
      snprintf (temporary->path, size, "%s/%s%s", temporary->directory, asked->prefix.data, suffix);
      errnum = make (temporary->path, asked->is_directory);
    }
  if (errnum != 0)
    errand_fail (errand, errnum, "cannot make a %s in %s",
                 asked->is_directory ? "directory" : "file", temporary->directory);
}

static void
tell (struct request *request, const struct errand *errand)
{
  struct packet packet = { .id = PACKET_RESOLVE_RESULT };
  packet.resolve_result.value = packet_text (((const struct temporary *) errand)->path);
  answer (request, &packet);
}

static void
give_back (struct errand *errand)
{
  free (((struct temporary *) errand)->path);
}

const struct errand_kind make_temporary_kind = {
  .request = ERRAND_REQUEST (PACKET_MAKE_TEMPORARY),
  .size = sizeof (struct temporary),
  .prepare = prepare,
  .step = step,
  .tell = tell,
  .give_back = give_back,
};
