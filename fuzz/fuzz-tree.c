/* Unpacking a tree, fed with anything.

   The first byte of the input chooses the options, the second the size of the pieces; the rest is
   the stream.  It is unpacked into a directory that is not there, into one by pieces, and once more
   into the first.  What must hold:

   - beside the target nothing is made, changed or removed;
   - what is unpacked, what is told and why it ends don't depend on the pieces;
   - a refusal is final, and nothing temporary is left after the end;
   - there are only directories, files and links, without set-id bits unless they are asked for.  */

#include "fuzz/require.h"
#include "tree/unpack.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  CHOICE_OWNERS = 1,
  CHOICE_LIMITS = 2,
  CHOICE_INSIDE = 4,
};

static char home[64]; /* of all; "": it is not made yet */
static bool owners;   /* they are asked for */

/* ---- the directory ---- */

static int
remove_one (const char *path, const struct stat *info, int kind, struct FTW *place)
{
  (void) info;
  (void) kind;
  (void) place;
  return remove (path);
}

/* Deeper than a path has room for.  */
static void
remove_tree (const char *path)
{
  nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_CHDIR);
}

static void
leave_home (void)
{
  remove_tree (home);
}

/* "HOME/NAME", one of a few rotating buffers.  */
static const char *
in_home (const char *name)
{
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf (path, sizeof paths[0], "%s/%s", home, name);
  return path;
}

static void
write_kept (void)
{
  int file = open (in_home ("outside/kept"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  require (file >= 0 && write (file, "kept", 4) == 4 && close (file) == 0);
}

static void
make_home (void)
{
  if (home[0] != '\0')
    return;
  strcpy (home, "/dev/shm/fuzz-tree-XXXXXX");
  require (mkdtemp (home) != NULL);
  require (mkdir (in_home ("outside"), 0755) == 0);
  write_kept ();
  atexit (leave_home);
}

/* What is beside the targets is as it was.  */
static void
check_outside (void)
{
  char kept[8];
  int file = open (in_home ("outside/kept"), O_RDONLY);
  struct stat info, outside;
  require (file >= 0 && read (file, kept, sizeof kept) == 4 && memcmp (kept, "kept", 4) == 0);
  require (fstat (file, &info) == 0 && info.st_nlink == 1);
  close (file);
  require (stat (in_home ("outside"), &outside) == 0 && outside.st_nlink == 2);
  DIR *directory = opendir (home);
  const struct dirent *entry;
  require (directory != NULL);
  while ((entry = readdir (directory)) != NULL)
    require (entry->d_name[0] == '.'
                 ? entry->d_name[1] == '\0' || entry->d_name[1] == '.'
                 : strcmp (entry->d_name, "outside") == 0 || strcmp (entry->d_name, "one") == 0
                       || strcmp (entry->d_name, "two") == 0);
  closedir (directory);
}

static int
check_one (const char *path, const struct stat *info, int kind, struct FTW *place)
{
  (void) kind;
  require (S_ISREG (info->st_mode) || S_ISDIR (info->st_mode) || S_ISLNK (info->st_mode));
  require (owners || S_ISLNK (info->st_mode) || (info->st_mode & 07000) == 0);
  require (strncmp (path + place->base, ".longreach-", 11) != 0);
  return 0;
}

/* ---- unpacking ---- */

struct outcome
{
  uint64_t directories, files, links, bytes, problems;
  bool done;
  const char *refusal;
};

static void
count_problem (void *context, bool other_end, const char *path, int errnum, const char *what)
{
  struct outcome *outcome = context;
  (void) other_end;
  require (path != NULL && what != NULL && errnum >= 0);
  outcome->problems++;
}

static struct outcome
unpack (const char *target, unsigned choices, const char *data, size_t size, size_t piece)
{
  static const unsigned nobody = 65534;
  struct outcome outcome = { .refusal = NULL };
  struct unpack unpack = { .owners = owners,
                           .problem = count_problem,
                           .context = &outcome,
                           .max_files = (choices & CHOICE_LIMITS) != 0 ? 3 : 0,
                           .max_bytes = (choices & CHOICE_LIMITS) != 0 ? 100 : 0 };
  require (unpack_begin (&unpack, in_home (target), "name",
                         (choices & CHOICE_INSIDE) != 0 ? UNPACK_AS_CP : UNPACK_AT)
           == 0);
  while (unpack.refusal == NULL && (size > 0 || unpack.wanted != UNPACK_NOTHING))
    {
      if (unpack.wanted != UNPACK_NOTHING)
        unpack_tell (&unpack, unpack.wanted_name[0] == 'n' ? &nobody : NULL);
      size_t given = size < piece ? size : piece;
      size_t taken = unpack_write (&unpack, data, given);
      require (taken <= given);
      require (taken == given || unpack.refusal != NULL || unpack.wanted != UNPACK_NOTHING);
      data += taken;
      size -= taken;
    }
  if (unpack.refusal != NULL)
    require (unpack_write (&unpack, "x", 1) == 0);
  outcome.directories = unpack.directories;
  outcome.files = unpack.files;
  outcome.links = unpack.links;
  outcome.bytes = unpack.bytes;
  outcome.done = unpack.done;
  outcome.refusal = unpack.refusal;
  unpack_end (&unpack);
  return outcome;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < 2)
    return 0;
  unsigned choices = data[0];
  size_t piece = (size_t) data[1] + 1;
  const char *stream = (const char *) data + 2;
  size -= 2;
  make_home ();
  owners = (choices & CHOICE_OWNERS) != 0;
  struct outcome whole = unpack ("one", choices, stream, size, SIZE_MAX);
  struct outcome pieces = unpack ("two", choices, stream, size, piece);
  require (whole.directories == pieces.directories && whole.files == pieces.files
           && whole.links == pieces.links && whole.bytes == pieces.bytes
           && whole.problems == pieces.problems && whole.done == pieces.done
           && whole.refusal == pieces.refusal);
  nftw (in_home ("two"), check_one, 16, FTW_PHYS | FTW_CHDIR);
  unpack ("one", choices, stream, size, piece);
  check_outside ();
  remove_tree (in_home ("one"));
  remove_tree (in_home ("two"));
  return 0;
}
