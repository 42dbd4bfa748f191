/* The directories from the top of a tree down to where one is.

   However deep that is, only the last few of them are open: one that was closed is opened again
   from its child, as "..", when the way leads back, and must then still be the one it was.  */

#ifndef TREE_WALK_H
#define TREE_WALK_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum
{
  WALK_DEPTH_MAX = 4096,  /* directories below each other */
  WALK_PATH_MAX = 1 << 20 /* bytes of all their names */
};

struct walk_level
{
  int fd;     /* -1: closed for now; DIR's, where there is one */
  DIR *dir;   /* owned: if it is read; NULL */
  long place; /* in it, while it is closed */
  bool read;  /* there is a DIR, or was */
  dev_t device;
  ino_t inode;
  size_t path_size; /* bytes of the path up to the end of its name */

  /* What it becomes when it is left.  */
  bool made; /* by this copy: nobody else knows it */
  mode_t mode;
  int64_t mtime;
  uid_t uid;
  gid_t gid;
};

/* All zero is before the first.  Owns all it points to.  */
struct walk
{
  struct walk_level *levels;
  size_t depth, allocated;
  size_t open_from; /* the first level that is open; those behind it are, too */
  char *path;       /* where one is, below the top, without the top's name; NULL: nowhere yet */
  size_t path_allocated;
};

/* Where one is; NULL: before the first.  */
struct walk_level *walk_here (struct walk *walk);

/* Go to NAME, whose open directory FD is, of INFO; READS: its entries will be read.  0, or an
   errno: FD was closed then.  */
int walk_enter (struct walk *walk, const char *name, int fd, const struct stat *info, bool reads);

/* Go back.  0, or an errno: the directory above can't be found any more.  */
int walk_leave (struct walk *walk);

/* The path of NAME, where one is, behind TOP; in BUFFER, and cut there.  */
void walk_describe (const struct walk *walk, const char *top, const char *name, char *buffer,
                    size_t size);

void walk_free (struct walk *walk);

#endif
