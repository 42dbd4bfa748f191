/* Packing: a tree of files as a stream of records.

   Nothing is written and nothing is followed below the top.  What can't be read is left out and
   told; the rest goes on.  It uses no loop, and may run on another thread.  Names of users and
   groups are for others to look up: where one is needed, packing stops until pack_tell.  */

#ifndef TREE_PACK_H
#define TREE_PACK_H

#include "tree/links.h"
#include "tree/record.h"
#include "tree/walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum
{
  PACK_ROOM = 2 * RECORD_MAX, /* bytes that a step takes at most */
  PACK_NAMES = 16,            /* of users, and of groups, that are kept */
  PACK_NAME_SIZE = 64,
};

struct pack_name
{
  bool known;
  unsigned id;
  char name[PACK_NAME_SIZE];
};

/* Is told what is left out.  PATH begins with the top's.  */
typedef void pack_problem (void *context, const char *path, int errnum, const char *what);

/* All zero but for the first group is one that has not begun.  */
struct pack
{
  const char *top;       /* borrowed: its path */
  bool follow;           /* the top may be a link to what is meant */
  bool owners;           /* they are told */
  bool count;            /* it is counted first */
  pack_problem *problem; /* NULL: a record tells it */
  void *context;

  struct timespec begun; /* as file systems note when a file is made */
  struct walk walk;
  struct links links;
  bool lost; /* the way back: nothing more is read */
  bool done;

  /* The entry that is being described.  */
  const char *name; /* borrowed from the directory, or the top; NULL: there is none */
  int file;         /* -1: it is not open */
  struct stat info;

  /* The file whose content is being packed: FILE is open.  */
  bool inside;
  uint64_t offset, size;
  uint64_t data_end; /* up to here there is no hole */

  struct pack_name users[PACK_NAMES], groups[PACK_NAMES];
  enum pack_wanted
  {
    PACK_NOTHING,
    PACK_USER,
    PACK_GROUP,
  } wanted; /* the name of WANTED_ID: packing has stopped for it */
  unsigned wanted_id;

  uint64_t files, bytes;             /* packed so far */
  uint64_t total_files, total_bytes; /* counted */
  bool counted;
};

/* Begin with the top.  0, or an errno: it can't be read.  */
int pack_begin (struct pack *pack);

/* Write the next records to BUFFER, of at least PACK_ROOM bytes; how many bytes they are.
   There may be none, and more later, until pack->done; or a name is wanted.  It returns after a
   while.  */
size_t pack_read (struct pack *pack, char *buffer, size_t size);

/* The name that is wanted, or its digits where there is none.  */
void pack_tell (struct pack *pack, const char *name);

void pack_end (struct pack *pack);

#endif
