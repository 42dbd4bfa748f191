#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Looked at by the handler of crashes: LENT is set once the rest is.  */
static struct termios original;
static volatile sig_atomic_t lent;

static const int crashes[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };

/* A terminal whose foreground has somebody else is theirs to set: doing it here would also stop
   this program.  */
static bool
is_ours (void)
{
  pid_t group = tcgetpgrp (STDIN_FILENO);
  return group < 0 || group == getpgrp ();
}

static void
set_terminal (int when, const struct termios *settings)
{
  while (tcsetattr (STDIN_FILENO, when, settings) != 0 && errno == EINTR)
    continue;
}

/* Safe in a signal handler.  WHEN as for tcsetattr.  */
static void
give_back (int when)
{
  if (!lent)
    return;
  lent = 0;
  if (is_ours ())
    set_terminal (when, &original);
}

/* What is being shown is waited for, so that it is shown right.  */
void
terminal_leave (void)
{
  give_back (TCSADRAIN);
}

static void
crash (int number)
{
  give_back (TCSANOW);
  signal (number, SIG_DFL);
  raise (number);
}

/* A crash may be for want of a stack, so the handler has one of its own.  */
static void
watch_for_crashes (void)
{
  static char memory[64 << 10];
  const stack_t stack = { .ss_sp = memory, .ss_size = sizeof memory };
  stack_t present;
  struct sigaction action = { .sa_handler = crash, .sa_flags = SA_ONSTACK | SA_NODEFER };
  if (sigaltstack (NULL, &present) == 0 && (present.ss_flags & SS_DISABLE) != 0)
    sigaltstack (&stack, NULL);
  sigemptyset (&action.sa_mask);
  for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
    sigaction (crashes[i], &action, NULL);
}

void
terminal_enter (void)
{
  static bool known;
  if (!known)
    {
      if (tcgetattr (STDIN_FILENO, &original) != 0)
        return;
      known = true;
      watch_for_crashes ();
      atexit (terminal_leave);
    }
  struct termios raw = original;
  cfmakeraw (&raw);
  lent = 1;
  set_terminal (TCSADRAIN, &raw);
}

bool
terminal_is_lent (void)
{
  return lent != 0;
}

const char *
terminal_newline (void)
{
  return lent ? "\r\n" : "\n";
}

const char *
terminal_type (void)
{
  const char *type = getenv ("TERM");
  return type != NULL && type[0] != '\0' ? type : "dumb";
}

void
terminal_get_size (uint32_t *rows, uint32_t *columns)
{
  *rows = 24;
  *columns = 80;
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
    {
      struct winsize size;
      if (ioctl (descriptor, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        continue;
      *rows = size.ws_row;
      *columns = size.ws_col;
      return;
    }
}
