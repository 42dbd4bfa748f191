#include "cli/attached.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/terminal.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

enum
{
  PATIENCE = 2, /* signals that ask to end: the last one is for us */
};

/* What is under way.  */
struct attached
{
  lr_process *process;
  bool started;
  bool closed;
  bool on_terminal;
  int asked; /* how often we were asked to end */
};

static void
notice (void *data, lr_process *process, uint32_t events)
{
  struct attached *attached = data;
  (void) process;
  attached->started = attached->started || (events & LR_PROCESS_STARTED) != 0;
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

/* Dispatch until it is over.  */
static int
follow (struct attached *attached, struct attached_end *end, struct lr_error *error)
{
  while (!attached->closed)
    {
      if ((end->gave_up = handle_signals (attached)) != 0)
        return 0;
      if (lr_loop_dispatch (connect_loop (), LR_NEVER, error) < 0)
        return -1;
    }
  return lr_process_get_status (attached->process, &end->status, error);
}

static void
complete (struct lr_spawn_args *args, struct attached *attached)
{
  args->callback = notice;
  args->data = attached;
  args->attach = LR_ATTACH_OUTPUT;
  if (!args->no_input)
    args->attach |= LR_ATTACH_INPUT;
  if (attached->on_terminal)
    terminal_get_size (&args->rows, &args->columns);
  else
    args->attach |= LR_ATTACH_ERROR;
  for (int i = 0; i < 3; i++)
    args->descriptors[i] = i;
}

/* A command that did not end by itself may have left the terminal in the middle of a line, where no
   message should begin.  */
static void
begin_line (void)
{
  if (isatty (STDERR_FILENO))
    write_all (STDERR_FILENO, "\n", 1);
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
    terminal_enter ();
  int status = lr_spawn (connection, &args, &attached.process, error);
  if (status == 0)
    status = follow (&attached, end, error);
  terminal_leave ();
  if (attached.on_terminal && attached.started && (status != 0 || end->status.timed_out))
    begin_line ();
  /* Who is asked to end while the connection is closed, ends.  */
  signals_release ();
  lr_process_free (attached.process);
  return status;
}
