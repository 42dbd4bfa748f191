#include "cli/attached.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/time.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

enum
{
  PATIENCE = 2, /* signals that ask to end: the last one is for us */
};

/* Nanoseconds that a command on a terminal has to end when it is asked to.  */
#define END_WAIT INT64_C (5000000000)

/* What is under way.  */
struct attached
{
  lr_process *process;
  bool closed; /* at the far side */
  bool on_terminal;
  bool unshown;         /* a signal came before all was shown */
  struct screen screen; /* of the terminal */
  int asked;            /* how often we were asked to end */
  int hurry;            /* the signal for which it is given up if it does not end; 0: none */
  int64_t end_by;       /* by then, as time_now */
};

static void
notice (void *data, lr_process *process, uint32_t events)
{
  struct attached *attached = data;
  (void) process;
  attached->closed = attached->closed || (events & LR_PROCESS_CLOSED) != 0;
}

static void
catch_signals (bool on_terminal)
{
  static const int terminal_signals[] = { SIGWINCH, SIGTSTP, SIGCONT };
  signals_catch (connect_loop (), ending_signals, ending_signal_count);
  if (on_terminal)
    signals_catch (connect_loop (), terminal_signals,
                   sizeof terminal_signals / sizeof *terminal_signals);
}

static void
resize (struct attached *attached)
{
  uint32_t rows, columns;
  terminal_get_size (&rows, &columns);
  lr_process_resize (attached->process, rows, columns, NULL);
}

/* Stop as the signal would have done it by default.  SIGCONT comes when that is over.  */
static void
stop (void)
{
  terminal_leave ();
  raise (SIGSTOP);
}

/* Act on signal NUMBER.  Returns whether it asks us to give up.  */
static bool
handle_signal (struct attached *attached, int number)
{
  switch (number)
    {
    case SIGTSTP:
      stop ();
      return false;
    case SIGCONT:
      terminal_enter ();
      resize (attached);
      return false;
    case SIGWINCH:
      resize (attached);
      return false;
    case SIGINT:
    case SIGTERM:
      if (++attached->asked >= PATIENCE)
        return true;
    }
  lr_process_signal (attached->process, number, NULL);
  if (terminal_is_lent () && attached->hurry == 0)
    {
      attached->hurry = number;
      attached->end_by = time_now () + END_WAIT;
    }
  return false;
}

/* Returns the signal for which we give up; 0: none.  */
static int
handle_signals (struct attached *attached)
{
  for (int number; (number = signals_take ()) != 0;)
    if (handle_signal (attached, number))
      return number;
  return 0;
}

/* Milliseconds that may still be waited; 0: none.  */
static uint64_t
time_left (const struct attached *attached)
{
  if (attached->hurry == 0)
    return LR_NEVER;
  int64_t left = attached->end_by - time_now ();
  return left > 0 ? (uint64_t) left / 1000000 + 1 : 0;
}

/* Standard output can't be written: say it as the library does of one that is attached.  */
static int
fail_output (struct lr_error *error, int errnum)
{
  *error = (struct lr_error){ .kind = LR_ERROR_IO, .errnum = errnum, .hop = -1, .field = "output" };
  return -1;
}

/* Wait for something to do, and do it.  Returns 0, or -1 and *ERROR.  */
static int
step (struct attached *attached, uint64_t left, struct lr_error *error)
{
  enum screen_result shown = SCREEN_SHOWN;
  if (lr_loop_dispatch (connect_loop (), attached->unshown ? 0 : left, error) < 0)
    return -1;
  if (attached->on_terminal)
    shown = screen_show (&attached->screen, attached->process);
  if (shown == SCREEN_FAILED)
    return fail_output (error, errno);
  attached->unshown = shown != SCREEN_SHOWN;
  return 0;
}

/* Dispatch until it is over.  */
static int
follow (struct attached *attached, struct attached_end *end, struct lr_error *error)
{
  while (!attached->closed || attached->unshown)
    {
      uint64_t left = time_left (attached);
      end->gave_up = left > 0 ? handle_signals (attached) : attached->hurry;
      if (end->gave_up != 0)
        return 0;
      if (step (attached, left, error) != 0)
        return -1;
    }
  return lr_process_get_status (attached->process, &end->status, error);
}

static void
complete (struct lr_spawn_args *args, struct attached *attached)
{
  args->callback = notice;
  args->data = attached;
  args->attach = args->no_input ? 0 : LR_ATTACH_INPUT;
  if (attached->on_terminal)
    terminal_get_size (&args->rows, &args->columns);
  else
    args->attach |= LR_ATTACH_OUTPUT | LR_ATTACH_ERROR;
  for (int i = 0; i < 3; i++)
    args->descriptors[i] = i;
}

static void
explain_no_terminal (struct lr_error *error)
{
  snprintf (error->message, sizeof error->message,
            "%s: there is no terminal, which needs a dispatcher and sessions", connect_host ());
}

int
attached_run (lr_connection *connection, struct lr_spawn_args args, struct attached_end *end,
              struct lr_error *error)
{
  struct attached attached = { .on_terminal = args.term != NULL };
  *end = (struct attached_end){ .status = LR_PROCESS_STATUS () };
  /* The size is asked for once its changes are noticed.  */
  catch_signals (attached.on_terminal);
  complete (&args, &attached);
  if (attached.on_terminal)
    {
      signal (SIGPIPE, SIG_IGN);
      terminal_enter ();
    }
  int status = lr_spawn (connection, &args, &attached.process, error);
  if (status != 0 && attached.on_terminal && error->kind == LR_ERROR_UNSUPPORTED)
    explain_no_terminal (error);
  if (status == 0)
    status = follow (&attached, end, error);
  terminal_leave ();
  /* Messages begin on a line of their own.  */
  if (attached.screen.in_line && (status != 0 || end->status.timed_out) && isatty (STDERR_FILENO))
    write_all (STDERR_FILENO, "\n", 1);
  /* Who is asked to end while the connection is closed, ends.  */
  signals_release ();
  lr_process_free (attached.process);
  return status;
}
