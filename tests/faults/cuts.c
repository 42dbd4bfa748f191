/* cuts STEP FIRST WORKERS: whatever happens to the line between a client and a dispatcher, at each
   STEP-th place of a conversation from FIRST on: with a dispatcher that is there, with one that is
   sent through the line, and with one behind another one.  Finds the directory to work in as
   LR_FAULTS_PLACE, the program "line" as LR_FAULTS_LINE, and the dispatchers where
   LONGREACH_DISPATCHER_DIR says.  */

#include "tests/faults/conversation.h"
#include "tests/faults/cut.h"
#include "tests/faults/workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
  SLACK = 64, /* bytes by which one conversation may be longer than another */
  BITS = 8,
  EDGE = 256,          /* bytes at the ends of what is sent, each of which is a place */
  PROGRAM_STEP = 2039, /* bytes between places in a dispatcher that is sent, */
  ANSWERS_STEP = 13,   /* and behind it, where it differs little from one that is there */
  HEAD = 28,           /* bytes before a dispatcher that is sent */
  PATH_SIZE = 1024,
};

/* How a dispatcher is reached.  */
enum way
{
  WAY_THERE,
  WAY_SENT,
  WAY_BEHIND,
  WAYS,
};

static const char *const ways[WAYS] = {
  [WAY_THERE] = "of a dispatcher that is there",
  [WAY_SENT] = "of a dispatcher that is sent",
  [WAY_BEHIND] = "of a dispatcher behind another one",
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
  enum way way;
  enum cut cut;
  enum cut_side side;
  uint64_t at;
  int bit;
};

/* Where one goes wrong in one direction of one way.  */
struct places
{
  uint64_t *list; /* owned */
  size_t count;
  uint64_t ahead; /* bytes that go to a dispatcher that is sent, or tell of it */
};

static void
describe_target (const struct fault *fault, char url[PATH_SIZE], char option[PATH_SIZE])
{
  char line[PATH_SIZE / 2], place[PATH_SIZE / 2];
  snprintf (line, sizeof line, "%s %d %d %llu %d counts", getenv ("LR_FAULTS_LINE"), fault->cut,
            fault->side, (unsigned long long) fault->at, fault->bit);
  if (getcwd (place, sizeof place) == NULL)
    abort ();
  if (fault->way == WAY_SENT)
    {
      snprintf (url, PATH_SIZE, "exec:%s", line);
      snprintf (option, PATH_SIZE, "directory=%s/" STAGED, place);
      return;
    }
  snprintf (url, PATH_SIZE, "%s", fault->way == WAY_BEHIND ? "local:,local:" : "local:");
  snprintf (option, PATH_SIZE, "dispatcher=%s %s/longreach-dispatcher", line,
            getenv ("LONGREACH_DISPATCHER_DIR"));
}

static void
try (lr_registry *registry, const struct fault *fault, struct verdict *verdict)
{
  char url[PATH_SIZE], option[PATH_SIZE];
  const char *const options[] = { option, NULL };
  const struct kind *kind = &kinds[fault->cut];
  describe_target (fault, url, option);
  struct conversation conversation = {
    .url = url,
    .options = options,
    .open_ms = kind->open_ms * (fault->way == WAY_SENT ? 3 : 1),
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
measure (lr_registry *registry, enum way way, uint64_t counts[CUT_SIDES])
{
  struct fault none = { .way = way, .cut = CUT_PAUSE, .side = FROM_CLIENT, .at = UINT64_MAX };
  struct verdict verdict;
  begin_case ("a conversation without a fault");
  try (registry, &none, &verdict);
  int file = open ("counts", O_RDONLY | O_CLOEXEC);
  if (verdict.ending != ENDED_RIGHT || file < 0
      || read (file, counts, CUT_SIDES * sizeof counts[0]) != CUT_SIDES * sizeof counts[0])
    {
      printf ("not ok a conversation %s without a fault: %s%s\n", ways[way], verdict.problem,
              verdict.error.message);
      exit (1);
    }
  close (file);
}

static uint64_t
place_after (uint64_t at, uint64_t ahead)
{
  uint64_t edge = ahead > EDGE ? ahead - EDGE : 0;
  if (ahead == 0 || at < EDGE || (at >= edge && at < ahead + EDGE))
    return at + 1;
  if (at >= ahead)
    return at + ANSWERS_STEP;
  return at + PROGRAM_STEP < edge ? at + PROGRAM_STEP : edge;
}

static struct places
list_places (uint64_t count, uint64_t ahead)
{
  struct places places = { .ahead = ahead };
  for (uint64_t at = 0; at < count; at = place_after (at, ahead))
    {
      places.list = realloc (places.list, (places.count + 1) * sizeof *places.list);
      if (places.list == NULL)
        abort ();
      places.list[places.count++] = at;
    }
  return places;
}

static void
find_places (lr_registry *registry, struct places places[WAYS][CUT_SIDES])
{
  uint64_t counts[WAYS][CUT_SIDES];
  for (int way = 0; way < WAYS; way++)
    {
      measure (registry, (enum way) way, counts[way]);
      for (int side = 0; side < CUT_SIDES; side++)
        places[way][side] =
            list_places (counts[way][side] + SLACK,
                         way == WAY_SENT ? counts[way][side] - counts[WAY_THERE][side] : 0);
    }
}

/* What a program does of which one bit is another, nobody can say, and it would be run here.  */
static bool
is_harmful (const struct fault *fault, const struct places *places)
{
  return fault->way == WAY_SENT && fault->side == FROM_CLIENT && fault->cut == CUT_FLIP
         && fault->at >= HEAD && fault->at < places->ahead + SLACK;
}

/* The case with this number: those of a direction lie side by side, kinds change first.  False:
   there are no more.  */
static bool
find_fault (uint64_t number, struct places places[WAYS][CUT_SIDES], struct fault *fault)
{
  uint64_t place = number / CUTS;
  for (int i = 0; i < WAYS * CUT_SIDES; i++)
    {
      const struct places *here = &places[i / CUT_SIDES][i % CUT_SIDES];
      if (place >= here->count)
        {
          place -= here->count;
          continue;
        }
      *fault = (struct fault){ .way = (enum way) (i / CUT_SIDES),
                               .side = (enum cut_side) (i % CUT_SIDES),
                               .cut = (enum cut) (number % CUTS),
                               .at = here->list[place],
                               .bit = (int) (here->list[place] % BITS) };
      if (is_harmful (fault, here))
        fault->cut = CUT_CLOSE; /* instead */
      return true;
    }
  return false;
}

static void
look_at_error (const struct fault *fault, struct verdict *verdict)
{
  const struct lr_error *error = &verdict->error;
  if (verdict->ending != ENDED_CLEAR)
    return;
  if (fault->cut == CUT_PAUSE)
    find_wrong (verdict, "it failed: %.400s", error->message);
  else if (fault->cut != CUT_FLIP && error->hop != (fault->way == WAY_BEHIND))
    find_wrong (verdict, "hop %d is blamed: %.400s", error->hop, error->message);
}

static void
look_at_descriptors (int before, struct verdict *verdict)
{
  int after = count_descriptors ();
  if (after != before)
    find_wrong (verdict, "%d descriptors are open, and %d were before", after, before);
}

static void
work (struct board *board, lr_registry *registry)
{
  struct places places[WAYS][CUT_SIDES];
  struct fault fault;
  find_places (registry, places);
  int descriptors = count_descriptors ();
  while (find_fault (first + step * __atomic_fetch_add (&board->next, 1, __ATOMIC_RELAXED), places,
                     &fault))
    {
      char name[128];
      struct verdict verdict;
      snprintf (name, sizeof name, "%s behind byte %llu of the %s, bit %d, %s",
                kinds[fault.cut].name, (unsigned long long) fault.at, sides[fault.side], fault.bit,
                ways[fault.way]);
      begin_case (name);
      try (registry, &fault, &verdict);
      look_at_error (&fault, &verdict);
      look_at_descriptors (descriptors, &verdict);
      take_verdict (board, name, &verdict);
    }
  begin_case ("the end");
  for (int i = 0; i < WAYS * CUT_SIDES; i++)
    free (places[i / CUT_SIDES][i % CUT_SIDES].list);
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
