#include "tests/faults/workers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  CASE_LIMIT = 60, /* seconds; a machine may be slow */
};

static struct board *shared;
static const char *volatile running = "nothing";

static void
give_up (int number)
{
  static const char said[] = "not ok it takes too long: ";
  (void) number;
  if (write (STDOUT_FILENO, said, sizeof said - 1) < 0
      || write (STDOUT_FILENO, running, strlen (running)) < 0 || write (STDOUT_FILENO, "\n", 1) < 0)
    _exit (2);
  _exit (1);
}

void
begin_case (const char *name)
{
  running = name;
  alarm (CASE_LIMIT);
}

void
take_verdict (struct board *board, const char *name, const struct verdict *verdict)
{
  uint64_t *const counts[] = { &board->right, &board->clear, &board->wrong };
  __atomic_add_fetch (&board->tried, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch (counts[verdict->ending], 1, __ATOMIC_RELAXED);
  if (verdict->ending == ENDED_WRONG)
    printf ("not ok %s: %s\n", name, verdict->problem);
  else if (getenv ("LR_FAULTS_VERBOSE") != NULL)
    printf ("# %s: %s\n", name, verdict->ending == ENDED_RIGHT ? "right" : verdict->error.message);
  fflush (stdout);
}

static void
work_in (const char *place, work_function *work)
{
  char directory[] = "worker-XXXXXX";
  if (chdir (place) != 0 || mkdtemp (directory) == NULL || chdir (directory) != 0
      || prctl (PR_SET_CHILD_SUBREAPER, 1) != 0)
    abort ();
  signal (SIGALRM, give_up);
  lr_registry *registry = lr_registry_new ();
  work (shared, registry);
  lr_registry_free (registry);
}

int
work_together (int count, work_function *work)
{
  int status, failed = 0;
  static char said[BUFSIZ];
  const char *place = getenv ("LR_FAULTS_PLACE");
  setvbuf (stdout, said, _IOLBF, sizeof said); /* none that is made when something is said */
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (place == NULL || shared == MAP_FAILED)
    abort ();
  for (int i = 0; i < count; i++)
    if (fork () == 0)
      {
        work_in (place, work);
        exit (0);
      }
  while (wait (&status) > 0)
    if (status != 0)
      {
        printf ("not ok a client ended with wait status %d\n", status);
        failed = 1;
      }
  printf ("# %llu tried: %llu right, %llu with a clear error, %llu wrong\n",
          (unsigned long long) shared->tried, (unsigned long long) shared->right,
          (unsigned long long) shared->clear, (unsigned long long) shared->wrong);
  return failed || shared->wrong > 0;
}
