#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

enum
{
  NUMBERS = 65, /* one more than the highest */
};

const int ending_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
const size_t ending_signal_count = sizeof ending_signals / sizeof *ending_signals;

/* What the handler uses.  The counts go up there and down here, so both sides count on their own.
 */
static lr_loop *volatile woken;
static volatile sig_atomic_t came[NUMBERS];

static sig_atomic_t taken[NUMBERS];
static bool caught[NUMBERS];

static void
note (int number)
{
  int errnum = errno;
  came[number]++;
  lr_loop_wake (woken);
  errno = errnum;
}

void
signals_catch (lr_loop *loop, const int *numbers, size_t count)
{
  woken = loop;
  for (size_t i = 0; i < count; i++)
    {
      struct sigaction action;
      if (sigaction (numbers[i], NULL, &action) != 0 || action.sa_handler == SIG_IGN)
        continue;
      /* What waits outside the loop, such as opening a FIFO, is interrupted.  */
      action = (struct sigaction){ .sa_handler = note };
      sigemptyset (&action.sa_mask);
      caught[numbers[i]] = sigaction (numbers[i], &action, NULL) == 0;
    }
}

int
signals_take (void)
{
  for (int number = 1; number < NUMBERS; number++)
    if (taken[number] != came[number])
      {
        taken[number]++;
        return number;
      }
  return 0;
}

void
signals_release (void)
{
  for (int number = 1; number < NUMBERS; number++)
    if (caught[number])
      {
        signal (number, SIG_DFL);
        caught[number] = false;
      }
}
