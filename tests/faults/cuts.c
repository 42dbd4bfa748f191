/* cuts STEP FIRST WORKERS: whatever happens to the line between a client and a dispatcher, at each
   STEP-th byte of a conversation from FIRST on.  Finds the directory to work in as LR_FAULTS_PLACE,
   the program "line" as LR_FAULTS_LINE, and the dispatcher where LONGREACH_DISPATCHER_DIR says.  */

#include "tests/faults/conversation.h"
#include "tests/faults/cut.h"
#include "tests/faults/workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  SLACK = 64, /* bytes by which one conversation may be longer than another */
  BITS = 8,
};

static const struct kind
{
  const char *name;
  uint64_t open_ms, keep_alive_ms, timeout_ms;
} kinds[CUTS] = {
  [CUT_CLOSE] = { "close", 20000, 5000, 0 },  [CUT_HALF] = { "half", 20000, 5000, 0 },
  [CUT_DROP] = { "drop", 400, 150, 0 },       [CUT_STALL] = { "stall", 400, 150, 0 },
  [CUT_PAUSE] = { "pause", 20000, 10000, 0 }, [CUT_FLIP] = { "flip", 400, 150, 1000 },
};

static const char *const sides[CUT_SIDES] = { "client", "dispatcher" };

static uint64_t step, first;

/* One way to go wrong.  */
struct fault
{
  enum cut cut;
  enum cut_side side;
  uint64_t at;
  int bit;
};

static void
try (lr_registry *registry, const struct fault *fault, struct verdict *verdict)
{
  char words[2048];
  const struct kind *kind = &kinds[fault->cut];
  snprintf (words, sizeof words, "%s %d %d %llu %d counts %s/longreach-dispatcher",
            getenv ("LR_FAULTS_LINE"), fault->cut, fault->side, (unsigned long long) fault->at,
            fault->bit, getenv ("LONGREACH_DISPATCHER_DIR"));
  struct conversation conversation = {
    .dispatcher = words,
    .open_ms = kind->open_ms,
    .keep_alive_ms = kind->keep_alive_ms,
    .timeout_ms = kind->timeout_ms,
    .may_differ = fault->cut == CUT_FLIP,
  };
  make_place ();
  converse (registry, &conversation, verdict);
  look_around (&conversation, verdict);
}

/* How long the conversation is in each direction.  */
static void
measure (lr_registry *registry, uint64_t counts[CUT_SIDES])
{
  struct fault none = { .cut = CUT_PAUSE, .side = FROM_CLIENT, .at = UINT64_MAX };
  struct verdict verdict;
  begin_case ("a conversation without a fault");
  try (registry, &none, &verdict);
  int file = open ("counts", O_RDONLY | O_CLOEXEC);
  if (verdict.ending != ENDED_RIGHT || file < 0
      || read (file, counts, CUT_SIDES * sizeof counts[0]) != CUT_SIDES * sizeof counts[0])
    {
      printf ("not ok a conversation without a fault: %s%s\n", verdict.problem,
              verdict.error.message);
      exit (1);
    }
  close (file);
  counts[FROM_CLIENT] += SLACK;
  counts[FROM_DISPATCHER] += SLACK;
}

/* The case with this number: those of a direction lie side by side, kinds change first.  */
static struct fault
fault_at (uint64_t number, const uint64_t counts[CUT_SIDES])
{
  struct fault fault = { .cut = (enum cut) (number % CUTS), .side = FROM_CLIENT };
  fault.at = number / CUTS;
  fault.bit = (int) (fault.at % BITS);
  if (fault.at >= counts[FROM_CLIENT])
    {
      fault.at -= counts[FROM_CLIENT];
      fault.side = FROM_DISPATCHER;
    }
  return fault;
}

static bool
is_the_right_end (const struct fault *fault, const struct verdict *verdict)
{
  return fault->cut != CUT_PAUSE || verdict->ending != ENDED_CLEAR;
}

static void
look_at_descriptors (int before, struct verdict *verdict)
{
  int after = count_descriptors ();
  if (after == before)
    return;
  verdict->ending = ENDED_WRONG;
  snprintf (verdict->problem, sizeof verdict->problem,
            "%d descriptors are open, and %d were before", after, before);
}

static void
work (struct board *board, lr_registry *registry)
{
  uint64_t counts[CUT_SIDES];
  measure (registry, counts);
  uint64_t total = (counts[FROM_CLIENT] + counts[FROM_DISPATCHER]) * CUTS;
  int descriptors = count_descriptors ();
  for (;;)
    {
      char name[128];
      struct verdict verdict;
      uint64_t number = first + step * __atomic_fetch_add (&board->next, 1, __ATOMIC_RELAXED);
      if (number >= total)
        break;
      struct fault fault = fault_at (number, counts);
      snprintf (name, sizeof name, "%s behind byte %llu of the %s, bit %d", kinds[fault.cut].name,
                (unsigned long long) fault.at, sides[fault.side], fault.bit);
      begin_case (name);
      try (registry, &fault, &verdict);
      if (!is_the_right_end (&fault, &verdict))
        {
          verdict.ending = ENDED_WRONG;
          snprintf (verdict.problem, sizeof verdict.problem, "it failed: %.400s",
                    verdict.error.message);
        }
      look_at_descriptors (descriptors, &verdict);
      take_verdict (board, name, &verdict);
    }
  begin_case ("the end");
}

int
main (int argc, char **argv)
{
  if (argc != 4)
    return 2;
  step = strtoull (argv[1], NULL, 10);
  first = strtoull (argv[2], NULL, 10);
  return work_together (atoi (argv[3]), work);
}
