#include "cli/interruption.h"
#include "cli/connect.h"
#include "cli/report.h"
#include "cli/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static int ended_by; /* 0: nothing yet */

/* How the operation has ended.  Not on a stack: should the loop fail, it is told at the very end.
 */
static struct
{
  bool known;
  int status;
  void *result;
  struct lr_error error; /* if the status is not 0 */
} ending;

void
interruption_begin (void)
{
  signals_catch (connect_loop (), ending_signals, ending_signal_count);
}

int
interruption_signal (void)
{
  if (ended_by == 0)
    ended_by = signals_take ();
  return ended_by;
}

void
interruption_end (void)
{
  signals_release ();
  interruption_signal ();
}

int
interruption_note (int number)
{
  if (ended_by == 0)
    ended_by = number;
  return STATUS_SIGNAL + ended_by;
}

void
interruption_repeat (void)
{
  if (ended_by == 0)
    return;
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, ended_by);
  signal (ended_by, SIG_DFL);
  sigprocmask (SIG_UNBLOCK, &set, NULL);
  raise (ended_by);
}

static void
take_note (void *data, int status, void *result, const struct lr_error *error)
{
  (void) data;
  ending.known = true;
  ending.status = status;
  ending.result = result;
  if (status != 0)
    ending.error = *error;
}

/* Dispatch until the ending is known; a signal takes the request ID back.  */
static int
wait_for_ending (lr_connection *connection, uint64_t id, struct lr_error *error)
{
  bool cancelled = false;
  while (!ending.known)
    {
      if (!cancelled && interruption_signal () != 0)
        {
          cancelled = true;
          lr_cancel (connection, id);
        }
      else if (lr_loop_dispatch (connect_loop (), LR_NEVER, error) < 0)
        return -1;
    }
  if (ending.status != 0)
    *error = ending.error;
  return ending.status;
}

int
interruption_perform (lr_connection *connection, enum lr_operation operation, const void *args,
                      void **result, struct lr_error *error)
{
  struct lr_request request = LR_REQUEST (.operation = operation, .args = args);
  uint64_t id;
  ending.known = false;
  ending.result = NULL;
  int status = lr_submit (connection, &request, take_note, NULL, &id, error);
  if (status == 0)
    status = wait_for_ending (connection, id, error);
  *result = ending.result;
  return status;
}
