/* The far side under test: the connection to it, what is there, and the place to work in.  */

#ifndef CONFORMANCE_TARGET_H
#define CONFORMANCE_TARGET_H

#include "conformance/conformance.h"

#include <stdbool.h>

/* What a check can need of the far side; a set.  */
enum need
{
  /* Operations and what they are asked for: absent if the answer is LR_ERROR_UNSUPPORTED.  */
  RUNS,
  ENVIRONMENT, /* run with `environment` and `unset` */
  LINGERS,     /* run with `linger` */
  SPAWNS,      /* processes, and requests side by side: sessions */
  STATS,
  UPLOADS,
  DOWNLOADS,
  PUTS,
  SYNCS, /* put with `sync` */
  GETS,
  RESOLVES_USERS,
  RESOLVES_GROUPS,
  QUERIES_USERS,
  QUERIES_GROUPS,
  GETS_ENV,
  PINGS,
  LISTS,
  MAKES_DIRECTORIES,
  REMOVES,
  RENAMES,
  LINKS,
  READS_LINKS,
  SETS_ATTRIBUTES,
  MAKES_TEMPORARIES,
  DESCRIBES_FILE_SYSTEMS,

  /* Programs.  */
  SH,
  CAT,
  SLEEP,
  ID,
  TRUE_,
  RM,
  MKDIR,
  LN,
  MKFIFO,
  CHMOD,
  TOUCH,
  ITSELF, /* the dispatcher, which can be run as /proc/self/exe */

  /* Circumstances.  */
  PLACE,      /* a file can be made */
  ROOM,       /* any number of files can be made, for their directory is removed in the end */
  ROOT,       /* the dispatcher is user 0 */
  ORDINARY,   /* it is not */
  USER_ENTRY, /* the dispatcher's user has an entry */
  OTHER_USER, /* so has one whose ids are others */
  PROC,       /* /proc is there */
  NEED_COUNT,
};

#define NEED(need) (UINT64_C (1) << (need))

struct target
{
  lr_registry *registry; /* borrowed; NULL: none was given */
  const struct conformance_settings *settings;
  uint64_t patience; /* milliseconds */
  bool is_ending;    /* what is left is to tidy up, which nobody stops */
  char *host;        /* owned, lr_free */

  lr_loop *loop;             /* borrowed */
  lr_connection *connection; /* owned; NULL when it has to be opened anew */

  /* With ROOM and sessions: removes the directory when it is closed, or this program is gone.  It
     has a connection of its own, for the other one may be closed after a failure.  */
  lr_connection *guard_connection; /* owned */
  lr_process *guard;               /* owned */

  uint64_t has;                /* set of enum need */
  int64_t uid;                 /* of the dispatcher */
  char *user;                  /* its name; owned, lr_free */
  char *group;                 /* owned, lr_free */
  struct lr_user_entry *other; /* with OTHER_USER; owned */
  char *directory;             /* with PLACE: where files are made; owned, free */
  char prefix[64];             /* of their names */
  char remains[512];
};

/* Whether it was asked to end early.  */
bool target_is_stopped (const struct target *target);

/* Open it and find out what is there.  -1 when it can't be opened, or fails meanwhile.  */
int target_open (struct target *target, struct lr_error *error);

/* How a connection to it is opened, on its loop.  */
struct lr_open_args target_open_args (const struct target *target);

/* Make sure that there is a connection.  */
int target_connect (struct target *target, struct lr_error *error);

/* One more connection to the same; ON_LOOP: on the target's loop, or on none.  */
int target_connect_again (struct target *target, bool on_loop, lr_connection **result,
                          struct lr_error *error);

/* The first of NEEDS that is absent, in words; NULL: all are there.  */
const char *target_lacks (const struct target *target, uint64_t needs);

/* Run WORDS; *RESULT is the caller's, to be freed with lr_free, whatever comes of it.  False where
   it can't be run.  */
bool target_try (struct target *target, const char *const *words, struct lr_run_result **result);

/* Whether the far side's user namespace has these ids; it has all where it doesn't tell.  */
bool target_has_user (const struct target *target, int64_t uid);
bool target_has_group (const struct target *target, int64_t gid);

/* Remove what was made, and close.  */
void target_close (struct target *target);

#endif
