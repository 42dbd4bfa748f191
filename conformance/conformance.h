/* The contract of the operations as a table of checks, held against whatever a URL leads to.

   A check uses what an application can use, and nothing else, so that it is the same for every
   connector and every dispatcher.  It touches one directory at the far side, which is removed in
   the end where there is a program for that; where there are sessions too, also when the program
   here is killed.  */

#ifndef CONFORMANCE_CONFORMANCE_H
#define CONFORMANCE_CONFORMANCE_H

#include <longreach/longreach.h>

#include <stddef.h>
#include <stdint.h>

/* One check, as the table has it.  */
struct conformance_check
{
  const char *family; /* "run" */
  const char *name;   /* "exit_status" */
  const char *why;    /* what would go wrong for whom: one sentence */
};

enum conformance_outcome
{
  CONFORMANCE_PASSED,
  CONFORMANCE_FAILED,
  CONFORMANCE_NOT_APPLICABLE, /* the far side, or the connector, lacks what it needs */
};

/* How a check went.  */
struct conformance_result
{
  const struct conformance_check *check;
  enum conformance_outcome outcome;
  const char *sentence; /* what was expected and what came; or why it doesn't apply; NULL: passed */
  uint64_t duration_ms;
};

/* Is told of each check when it has ended; what it is given is valid during the call.  */
typedef void conformance_report (void *data, const struct conformance_result *result);

/* Where files are made at the far side.  */
struct conformance_place
{
  const char *host;
  const char *path; /* a directory that is made, and removed in the end with all that is in it; or
                       what the names of a few files begin with, which nothing there can remove */
  int is_removed;
};

/* Is told before anything is made there.  When it can't be, the next place is tried, and told.  */
typedef void conformance_announce (void *data, const struct conformance_place *place);

struct conformance_settings
{
  const struct lr_open_args *open; /* how each connection is opened; with a loop */
  const char *directory;   /* at the far side, where the one directory is made, or it is an error;
                              NULL: the first that can be written of TMPDIR, /tmp, /var/tmp,
                              /dev/shm and the home, or none */
  const char *const *only; /* "FAMILY" or "FAMILY/NAME", ended by NULL; NULL: all */
  uint64_t patience_ms;    /* how long one thing may take before that is a failure; 0: 20 seconds */
  int (*is_stopped) (void); /* whether to end early, as if no check had been left; NULL: never */
  conformance_announce *announce; /* NULL: nobody is told */
  conformance_report *report;
  void *data; /* for these two */
};

/* What all came to.  */
struct conformance_summary
{
  size_t passed, failed, not_applicable;
  char remains[512]; /* files that could not be removed again, one a line */
};

/* Check INDEX of the table, from 0; NULL past the last.  */
const struct conformance_check *conformance_check_at (size_t index);

/* Whether CHECK is among ONLY, which is as in the settings.  */
int conformance_is_wanted (const struct conformance_check *check, const char *const *only);

/* Hold what the settings open against the checks; REGISTRY is as for lr_open.  Returns 0 when all
   wanted checks were tried, however they went, or it was stopped; or -1, when that could not be
   done: the target can't be opened, or no longer.  */
int conformance_run (lr_registry *registry, const struct conformance_settings *settings,
                     struct conformance_summary *summary, struct lr_error *error);

#endif
