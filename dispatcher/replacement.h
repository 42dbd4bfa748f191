/* Replacing a file: its new content goes to a file of its own in the same directory, which takes
   the old one's place when it is complete.  Whoever reads sees the old file or the new one.

   In place, that is, by writing into the old file, are replaced: what is not a regular file; what
   lies in a directory where no file can be made (EACCES, EPERM, EROFS); what can't be replaced
   (EBUSY, as a mount point).  Never because the disk is full.

   None of these functions uses the loop: they may run on another thread, one at a time.  */

#ifndef DISPATCHER_REPLACEMENT_H
#define DISPATCHER_REPLACEMENT_H

#include "dispatcher/spool.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Decided once, by whoever comes first: the thread that commits, or one that gives up.  */
enum replacement_fate
{
  REPLACEMENT_OPEN,
  REPLACEMENT_PLACED, /* it is being put in place, or was */
  REPLACEMENT_GIVEN_UP,
};

struct replacement
{
  const char *path; /* borrowed: what the caller called it */
  int directory;    /* the one the file is in, O_PATH; -1: not known */
  char *name;       /* owned: the file's name there */
  int old;          /* what is replaced, O_PATH; -1: nothing */
  struct stat old_info;
  bool placeholder; /* the old file is one we had to make, behind a dangling link */
  bool lost;        /* what the kernel reached is not what has the name */
  bool in_place;

  int file;           /* the new content, -1 while in_place */
  char temporary[40]; /* its name in the directory; "": it has none */
  struct spool spool; /* the new content, while in_place */

  atomic_int fate;  /* an enum replacement_fate */
  int errnum;       /* the first thing that went wrong, 0: nothing */
  const char *what; /* was being done: "cannot create a file beside" */
};

enum
{
  REPLACEMENT_SCRATCH = 64 << 10, /* bytes */
};

/* What a regular file becomes.  */
struct replacement_owner
{
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

/* Begin to replace PATH.  Errors are kept; the content may still be written and is dropped.  */
void replacement_begin (struct replacement *replacement, const char *path);
void replacement_write (struct replacement *replacement, const char *data, size_t size);

/* Make room for a content of SIZE bytes, where that can be done before it comes.  */
void replacement_reserve (struct replacement *replacement, uint64_t size);

/* The regular file that is replaced, or NULL.  */
const struct stat *replacement_old (const struct replacement *replacement);

/* Whether it is a pipe or a device: that is opened, and written to by the caller, for it takes what
   it can, when it can.  */
bool replacement_is_special (const struct replacement *replacement);

/* Its descriptor, which doesn't block and is the caller's; -1: failed.  */
int replacement_open_special (struct replacement *replacement);

/* Put the content of what is not special in place; SYNC: on the disk, too.  errnum says whether
   that has worked.  SCRATCH is memory of REPLACEMENT_SCRATCH bytes for this call.  */
void replacement_commit (struct replacement *replacement, const struct replacement_owner *owner,
                         bool sync, char *scratch);

/* On any thread, even while another one commits: nothing is to be put in place any more.  False: it
   is too late for that.  */
bool replacement_give_up (struct replacement *replacement);

/* Give everything back; what was not committed leaves no trace.  */
void replacement_free (struct replacement *replacement);

#endif
