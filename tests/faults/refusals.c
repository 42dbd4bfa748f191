/* refusals STEP FIRST WORKERS: the system refuses the N-th call of a kind, at either end of a
   conversation, for each STEP-th N from FIRST on, until the conversation has less calls.  The
   client also sends a dispatcher, or reaches one behind another one.  Runs with
   tests/faults/refuse.c loaded, and finds the directory to work in as LR_FAULTS_PLACE, that library
   as LR_FAULTS_REFUSE, and the dispatcher where LONGREACH_DISPATCHER_DIR says.  */

#include "tests/faults/refuse.h"

#include "tests/faults/conversation.h"
#include "tests/faults/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum end
{
  CLIENT,
  SENDER,
  CHAINER,
  DISPATCHER,
  ENDS,
};

static const char *const ends[ENDS] = {
  [CLIENT] = "client",
  [SENDER] = "client that sends a dispatcher",
  [CHAINER] = "client of a chain",
  [DISPATCHER] = "dispatcher",
};

/* What is refused.  What is MENDED is no failure: all answers must be right.  */
static const struct kind
{
  const char *name;
  enum refused calls;
  int errnum; /* 0: all but one byte */
  bool lasts, mended;
} kinds[] = {
  { "memory", REFUSED_MEMORY, ENOMEM, false, false },
  { "memory from then on", REFUSED_MEMORY, ENOMEM, true, false },
  { "a descriptor for a file", REFUSED_OPEN, EMFILE, false, false },
  { "memory for a file", REFUSED_OPEN, ENOMEM, false, false },
  { "descriptors for files from then on", REFUSED_OPEN, EMFILE, true, false },
  { "a descriptor", REFUSED_DESCRIPTOR, EMFILE, false, false },
  { "descriptors from then on", REFUSED_DESCRIPTOR, EMFILE, true, false },
  { "a process", REFUSED_FORK, EAGAIN, false, false },
  { "memory for a process", REFUSED_FORK, ENOMEM, true, false },
  { "a thread", REFUSED_THREAD, EAGAIN, true, false },
  { "a watch", REFUSED_WATCH, ENOMEM, false, false },
  { "an undisturbed wait", REFUSED_WAIT, EINTR, false, true },
  { "an undisturbed read", REFUSED_READ, EINTR, false, true },
  { "what is there to read at once", REFUSED_READ_READY, EAGAIN, false, true },
  { "more than one byte of a read", REFUSED_READ, 0, false, true },
  { "more than one byte of each read", REFUSED_READ, 0, true, true },
  { "a read of a file", REFUSED_READ_FILE, EIO, false, false },
  { "an undisturbed write", REFUSED_WRITE, EINTR, false, true },
  { "room for a write at once", REFUSED_WRITE_READY, EAGAIN, false, true },
  { "more than one byte of a write", REFUSED_WRITE, 0, false, true },
  { "more than one byte of each write", REFUSED_WRITE, 0, true, true },
  { "space", REFUSED_WRITE_FILE, ENOSPC, false, false },
  { "space from then on", REFUSED_WRITE_FILE, ENOSPC, true, false },
  { "quota", REFUSED_WRITE_FILE, EDQUOT, true, false },
  { "room that is made", REFUSED_ROOM, ENOSPC, false, false },
  { "what a disk has taken", REFUSED_SYNC, EIO, false, false },
  { "a name", REFUSED_NAME, ENOSPC, false, false },
  { "names from then on", REFUSED_NAME, EDQUOT, true, false },
  { "attributes", REFUSED_ATTRIBUTES, EPERM, false, false },
};

enum
{
  KINDS = sizeof kinds / sizeof kinds[0],
  PATIENCE = 5000, /* milliseconds that an end may be silent */
  OPTION_SIZE = 2048,
};

static uint64_t step, first;
static struct refusal *orders; /* of this worker; the dispatcher finds it in the file "refusal" */

/* Who is refused what, and when.  */
struct fault
{
  enum end end;
  const struct kind *kind;
  uint64_t at;
};

static char orders_file[64]; /* above the directory of this worker, which is emptied each time */

static void
make_orders (void)
{
  snprintf (orders_file, sizeof orders_file, "../refusal-%d", (int) getpid ());
  int file = open (orders_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate (file, sizeof *orders) != 0)
    abort ();
  orders = mmap (NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close (file);
  if (orders == MAP_FAILED)
    abort ();
}

static const char *
describe_target (enum end end, char option[OPTION_SIZE])
{
  char place[OPTION_SIZE / 2];
  const char *directory = getenv ("LONGREACH_DISPATCHER_DIR");
  if (getcwd (place, sizeof place) == NULL)
    abort ();
  if (end == DISPATCHER)
    snprintf (option, OPTION_SIZE,
              "dispatcher=env LD_PRELOAD=%s LR_REFUSAL=%s %s/longreach-dispatcher",
              getenv ("LR_FAULTS_REFUSE"), orders_file, directory);
  else if (end == SENDER)
    snprintf (option, OPTION_SIZE, "directory=%s/" STAGED, place);
  else
    snprintf (option, OPTION_SIZE, "dispatcher=%s/longreach-dispatcher", directory);
  return end == SENDER ? "exec:env" : end == CHAINER ? "local:,local:" : "local:";
}

static void
talk (const struct fault *fault, struct verdict *verdict)
{
  char option[OPTION_SIZE];
  const char *const options[] = { option, NULL };
  struct conversation conversation = { .url = describe_target (fault->end, option),
                                       .options = options,
                                       .open_ms = PATIENCE,
                                       .keep_alive_ms = PATIENCE };
  /* OpenSSL crashes when it begins without memory.  */
  conversation.no_digest = fault->end == DISPATCHER && fault->kind->calls == REFUSED_MEMORY;
  make_place ();
  *orders = (struct refusal){ .calls = fault->kind->calls,
                              .errnum = fault->kind->errnum,
                              .lasts = fault->kind->lasts,
                              .at = fault->at,
                              .active = 1 };
  refusal = fault->end == DISPATCHER ? NULL : orders;
  converse (NULL, &conversation, verdict);
  refusal = NULL;
  look_around (&conversation, verdict);
}

/* What a client holds when nothing is under way.  */
static int descriptors;
static long memory;

static void
look_closer (const struct fault *fault, struct verdict *verdict)
{
  int open_now = count_descriptors ();
  long held_now = refusal_memory ();
  if (fault->kind->mended && verdict->ending == ENDED_CLEAR)
    find_wrong (verdict, "it failed: %.400s", verdict->error.message);
  if (verdict->ending == ENDED_CLEAR
      && (verdict->error.errnum == ETIMEDOUT || verdict->error.kind == LR_ERROR_TIMEOUT))
    find_wrong (verdict, "nobody answered: %.400s", verdict->error.message);
  if (verdict->ending == ENDED_CLEAR
      && strstr (verdict->error.message, "was ended by signal") != NULL)
    find_wrong (verdict, "%.400s", verdict->error.message);
  if (open_now != descriptors)
    find_wrong (verdict, "%d descriptors are open, and %d were before", open_now, descriptors);
  if (held_now != memory)
    find_wrong (verdict, "%ld pieces of memory were not given back", held_now - memory);
  descriptors = open_now;
  memory = held_now;
}

/* The first conversations of a process load what stays.  */
static void
warm_up (void)
{
  struct verdict verdict = { .ending = ENDED_RIGHT };
  begin_case ("a conversation in which nothing is refused");
  for (int i = 0; i < 2 * DISPATCHER && verdict.ending == ENDED_RIGHT; i++)
    {
      struct fault none = { .end = (enum end) (i % DISPATCHER), .kind = &kinds[0] };
      talk (&none, &verdict);
      descriptors = count_descriptors ();
      memory = refusal_memory ();
    }
  if (verdict.ending == ENDED_RIGHT)
    return;
  printf ("not ok a conversation in which nothing is refused: %s%s\n", verdict.problem,
          verdict.error.message);
  exit (1);
}

/* How many such calls there were.  */
static uint64_t
try (struct board *board, const struct fault *fault)
{
  char name[128];
  struct verdict verdict;
  snprintf (name, sizeof name, "the %s is refused %s (%llu)", ends[fault->end], fault->kind->name,
            (unsigned long long) fault->at);
  begin_case (name);
  talk (fault, &verdict);
  look_closer (fault, &verdict);
  take_verdict (board, name, &verdict);
  return orders->seen;
}

static void
try_all (struct board *board, enum end end, const struct kind *kind)
{
  struct fault fault = { .end = end, .kind = kind, .at = first + 1 };
  uint64_t count = try (board, &fault);
  if (count < fault.at && count > 0)
    {
      fault.at = first % count + 1;
      try (board, &fault);
      return;
    }
  for (; count >= fault.at; count = try (board, &fault))
    fault.at += step;
}

static void
work (struct board *board, lr_registry *registry)
{
  (void) registry;
  make_orders ();
  warm_up ();
  for (;;)
    {
      uint64_t row = __atomic_fetch_add (&board->next, 1, __ATOMIC_RELAXED);
      if (row >= KINDS * ENDS)
        break;
      try_all (board, (enum end) (row % ENDS), &kinds[row / ENDS]);
    }
  begin_case ("the end");
}

int
main (int argc, char **argv)
{
  if (argc != 4 || &refusal == NULL)
    return 2;
  step = strtoull (argv[1], NULL, 10);
  first = strtoull (argv[2], NULL, 10);
  return work_together (atoi (argv[3]), work);
}
