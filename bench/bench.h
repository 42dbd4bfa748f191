/* What is compared with what, and how that is shown.  */

#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* ---- the amounts: see README.md ---- */

struct settings
{
  size_t bytes;         /* BENCH_BYTES: of the file that is moved */
  size_t delayed_bytes; /* BENCH_DELAYED_BYTES: the same where there is a delay */
  size_t files;         /* BENCH_FILES: of the tree that is copied */
  int rounds;           /* BENCH_ROUNDS */
  int delay;            /* BENCH_DELAY: milliseconds, each way */
  bool others;          /* BENCH_OTHERS: what is only for comparison is measured too */
};

extern struct settings settings;

/* ---- the folder in which files are moved ----

   It is in the current directory, a real file system, and is removed with all that is in it.  Paths
   are absolute, and have no quotes.  */

extern char directory[];
extern char source[], target[]; /* in it; target isn't there when a round begins */

/* Leave the path of NAME in it in PATH, of PATH_MAX bytes.  */
void path_in_directory (char *path, const char *name);

/* Make SOURCE a file of SIZE bytes, unless it is one.  */
void make_source (size_t size);

/* ---- rows ---- */

enum
{
  OTHERS_MAX = 6,
};

/* One way to do something.  */
struct way
{
  const char *name;
  void (*once) (void);
  void (*after) (void);  /* NULL: nothing; clears up, and isn't timed */
  bool (*exists) (void); /* NULL: it does */
  double units;          /* that it does at once, of which one is shown; 0: one */
};

/* Which processors this process and the far end are kept on.  Where they may be anywhere, the time
   to wake another processor may be all there is to see, and whether that happens is chance.  */
enum placement
{
  ANYWHERE,
  ONE_PROCESSOR,
  TWO_PROCESSORS, /* one for each; where there is only one, the row is left out */
};

struct row
{
  const char *what;
  struct way ours, limit;
  double at_most;        /* ours / limit, in time; 0: there is no budget */
  double (*more) (void); /* NULL: nothing; seconds that ours may take besides */
  double scale;          /* seconds of a round to the unit shown */
  const char *unit;
  enum placement placement;      /* of both ends, of ours and of the limit */
  struct way others[OTHERS_MAX]; /* for comparison; ended by a name of NULL */
};

/* Whether row WHAT was asked for.  */
bool is_wanted (const char *what);

/* Keep the far end of what a row measures, if it is not the dispatcher, where the row has it.  */
void place_far_end (pid_t pid);

/* All ways of ROW in turn, and their medians.  */
void measure (const struct row *row);

/* ---- the parts ---- */

void measure_local (void);
void measure_memory (void);
void measure_ssh (void);
void measure_users (void);
void measure_hops (void);
void measure_scale (void);

/* With a configuration for the server that runs.  */
bool trees_are_wanted (void);
void measure_trees (const char *ssh_config);

/* ---- for both ---- */

__attribute__ ((__noreturn__)) void die (const char *what, const char *why);

/* The bench can't go on without it.  */
void check (int status, const struct lr_error *error);
void check_system (bool fine, const char *what);

/* Run COMMAND with its outputs in two pipes, as a captured command has them; it has to succeed.  */
void run_locally (const char *const *command);

/* The same with what a shell makes of FORMAT.  */
__attribute__ ((__format__ (__printf__, 1, 2))) void run_script (const char *format, ...);

double now (void); /* seconds */

/* The most memory that a process ever had resident, in KiB.  */
long peak_of (long pid);

/* The only child of this process.  */
long child_pid (void);

#endif
