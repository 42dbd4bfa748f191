/* Unpacking: a tree of files from a stream of records, which may come from somebody hostile.

   What holds whatever comes:

   - Nothing outside of the tree is made, changed or followed to.  The tree is reached once, by the
     path that the caller gives; from there on every name is a single one, which is made or opened
   in a directory that is held open, and no link is followed.
   - A file has its name when it is complete, unless its directory was made by this copy; and what
   is not completed is removed.  Until then it can be read by its owner only, and so can
   directories.
   - There are only directories, files and symbolic links; set-id bits only where they are asked
   for.
   - Memory is bounded: by the depth of the tree and the number of files with several names.

   What can't be made is left out and told; the rest goes on.  What no honest far side sends ends it
   all.  It uses no loop, and may run on another thread; ids of users and groups are for others to
   look up, as in pack.h.  */

#ifndef TREE_UNPACK_H
#define TREE_UNPACK_H

#include "tree/record.h"
#include "tree/walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the tree goes, when it is given the path P and the name N.  */
enum unpack_place
{
  UNPACK_AT,     /* P itself; a directory that is there is filled */
  UNPACK_AS_CP,  /* P/N where P is a directory, else P */
  UNPACK_INSIDE, /* P/N; P has to be a directory */
};

enum
{
  UNPACK_NAMES = 16, /* of users, and of groups, whose ids are kept */
  UNPACK_NAME_SIZE = 64,
};

struct unpack_id
{
  char name[UNPACK_NAME_SIZE];
  bool known;
  bool absent; /* there is no such user */
  unsigned id;
};

/* A file that may get further names.  */
struct unpack_same
{
  char *path; /* owned: below the top; NULL: it could not be made */
  dev_t device;
  ino_t inode;
};

typedef void unpack_problem (void *context, bool other_end, const char *path, int errnum,
                             const char *what);

/* All zero but for the first group is one that has not begun.  */
struct unpack
{
  uint64_t max_files, max_bytes; /* 0: any number */
  unpack_problem *problem;
  void *context;
  bool owners; /* are set, and set-id bits */

  bool follow; /* TOP is a directory, perhaps by way of a link */
  bool top_seen, done;
  int parent;       /* the directory that TOP is in; -1 */
  int root;         /* TOP, once it is made, and if it is a directory; -1 */
  char *top;        /* owned: the path of what is made */
  const char *name; /* its name in PARENT */
  struct walk walk;

  struct record_reader reader;
  size_t skipping; /* depth below a directory that could not be made */

  /* The file that is coming.  */
  bool inside, ends_with_hole;
  int file; /* -1: it is left out */
  uint64_t size, left, id;
  int64_t mtime;
  mode_t mode;
  uid_t uid;
  gid_t gid;
  char file_name[256];
  char temporary[40]; /* "": it has its name already */
  bool unnamed;       /* nor that */
  size_t at_hand;     /* bytes that have come behind the record */

  struct unpack_same *same; /* owned */
  size_t same_count, same_allocated;

  struct unpack_id users[UNPACK_NAMES], groups[UNPACK_NAMES];
  enum unpack_wanted
  {
    UNPACK_NOTHING,
    UNPACK_USER,
    UNPACK_GROUP,
  } wanted; /* the id of WANTED_NAME: the record waits for it */
  char wanted_name[UNPACK_NAME_SIZE];
  unsigned wanted_slot;
  bool record_waits;

  uint64_t directories, files, links, bytes; /* made; LINKS are symbolic ones */
  uint64_t total_files, total_bytes;         /* announced; 0 and 0: not */
  const char *refusal;                       /* why it has ended: what is sent is not acceptable, */
  int errnum;                                /* unless this is why; else 0 */
  char refused[128];                         /* the name that is meant; "" */
};

/* Begin, with what is in the caller's path.  NAME may be "" with UNPACK_AT.  0, or an errno.  */
int unpack_begin (struct unpack *unpack, const char *path, const char *name,
                  enum unpack_place place);

/* Take SIZE bytes; how many were taken: all, or fewer where an id is wanted or unpack->refusal is
   set.  */
size_t unpack_write (struct unpack *unpack, const char *data, size_t size);

/* What the wanted name is; ID NULL: there is no such.  */
void unpack_tell (struct unpack *unpack, const unsigned *id);

/* What was not completed is removed.  */
void unpack_end (struct unpack *unpack);

#endif
