#include "tests/dialog.h"
#include "tests/support.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum
{
  PATIENCE = 30000, /* milliseconds */
};

static struct termios beginning;

static struct dialog *
new_dialog (void)
{
  struct dialog *dialog = calloc (1, sizeof *dialog);
  cr_assert_not_null (dialog);
  dialog->input = dialog->output.descriptor = dialog->error.descriptor = dialog->terminal = -1;
  return dialog;
}

/* In the child: signals as they are by default, whoever started the suite.  */
static void
become (const char *const *words)
{
  for (int number = 1; number < 32; number++)
    signal (number, SIG_DFL);
  execvp (words[0], (char *const *) words);
  fprintf (stderr, "cannot run %s\n", words[0]);
  _exit (99);
}

struct dialog *
dialog_start (const char *const *words)
{
  int input[2], output[2], error[2];
  struct dialog *dialog = new_dialog ();
  cr_assert (pipe2 (input, O_CLOEXEC) == 0 && pipe2 (output, O_CLOEXEC) == 0
             && pipe2 (error, O_CLOEXEC) == 0);
  dialog->pid = fork ();
  if (dialog->pid == 0)
    {
      dup2 (input[0], STDIN_FILENO);
      dup2 (output[1], STDOUT_FILENO);
      dup2 (error[1], STDERR_FILENO);
      become (words);
    }
  cr_assert_gt (dialog->pid, 0);
  close (input[0]);
  close (output[1]);
  close (error[1]);
  dialog->input = input[1];
  dialog->output.descriptor = output[0];
  dialog->error.descriptor = error[0];
  return dialog;
}

struct dialog *
dialog_start_on_terminal (const char *const *words)
{
  const struct winsize size = { .ws_row = DIALOG_ROWS, .ws_col = DIALOG_COLUMNS };
  struct dialog *dialog = new_dialog ();
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  cr_assert (master >= 0 && grantpt (master) == 0 && unlockpt (master) == 0);
  dialog->terminal = open (ptsname (master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  cr_assert_geq (dialog->terminal, 0);
  cr_assert_eq (ioctl (master, TIOCSWINSZ, &size), 0);
  cr_assert_eq (tcgetattr (dialog->terminal, &beginning), 0);
  dialog->pid = fork ();
  if (dialog->pid == 0)
    {
      setsid ();
      ioctl (dialog->terminal, TIOCSCTTY, 0);
      for (int descriptor = 0; descriptor < 3; descriptor++)
        dup2 (dialog->terminal, descriptor);
      become (words);
    }
  cr_assert_gt (dialog->pid, 0);
  dialog->input = master;
  dialog->output.descriptor = master;
  return dialog;
}

void
dialog_say (struct dialog *dialog, const char *text)
{
  size_t size = strlen (text);
  cr_assert_eq (write (dialog->input, text, size), (ssize_t) size, "cannot say %s", text);
}

void
dialog_close_input (struct dialog *dialog)
{
  close (dialog->input);
  dialog->input = -1;
}

/* Read once what comes within TIMEOUT.  Returns whether anything did; false at the end too.  */
static bool
listen_once (struct heard *heard, int timeout)
{
  struct pollfd source = { .fd = heard->descriptor, .events = POLLIN };
  size_t room = sizeof heard->text - 1 - heard->size;
  cr_assert_gt (room, (size_t) 0, "too much is said: %s", heard->text);
  int ready = poll (&source, 1, timeout);
  cr_assert (ready > 0 || timeout == 0, "nothing comes after: %s",
             heard->text + (heard->size > 2000 ? heard->size - 2000 : 0));
  if (ready <= 0)
    return false;
  ssize_t got = read (heard->descriptor, heard->text + heard->size, room);
  if (got <= 0)
    return false;
  heard->size += (size_t) got;
  heard->text[heard->size] = '\0';
  return true;
}

size_t
dialog_hear (struct dialog *dialog, struct heard *heard, const char *text)
{
  const char *found;
  (void) dialog;
  while (
      (found = memmem (heard->text + heard->taken, heard->size - heard->taken, text, strlen (text)))
      == NULL)
    cr_assert (listen_once (heard, PATIENCE), "it has not said \"%s\" but \"%s\"", text,
               heard->text + heard->taken);
  size_t before = (size_t) (found - heard->text) - heard->taken;
  heard->taken += before + strlen (text);
  return before;
}

const char *
dialog_hear_all (struct dialog *dialog, struct heard *heard)
{
  /* A terminal has no end while an end of it is held here.  */
  int timeout = dialog->terminal >= 0 ? 0 : PATIENCE;
  while (listen_once (heard, timeout))
    continue;
  return heard->text + heard->taken;
}

bool
dialog_is_restored (const struct dialog *dialog)
{
  struct termios now;
  cr_assert_eq (tcgetattr (dialog->terminal, &now), 0);
  return now.c_iflag == beginning.c_iflag && now.c_oflag == beginning.c_oflag
         && now.c_cflag == beginning.c_cflag && now.c_lflag == beginning.c_lflag
         && memcmp (now.c_cc, beginning.c_cc, sizeof now.c_cc) == 0;
}

void
dialog_wait_restored (const struct dialog *dialog, bool restored)
{
  int64_t since = now_ms ();
  while (dialog_is_restored (dialog) != restored)
    wait_a_moment (since, restored ? "the terminal given back" : "the terminal lent");
}

int
dialog_wait (struct dialog *dialog)
{
  int status;
  int64_t since = now_ms ();
  while (waitpid (dialog->pid, &status, WNOHANG) == 0)
    {
      /* Who writes to a terminal that nobody reads waits.  */
      if (dialog->terminal >= 0)
        listen_once (&dialog->output, 0);
      wait_a_moment (since, "the end of a program");
    }
  dialog->pid = 0;
  return WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
}

static void
close_if_open (int descriptor)
{
  if (descriptor >= 0)
    close (descriptor);
}

void
dialog_free (struct dialog *dialog)
{
  if (dialog->pid > 0)
    {
      kill (dialog->pid, SIGKILL);
      dialog_wait (dialog);
    }
  if (dialog->input != dialog->output.descriptor)
    close_if_open (dialog->input);
  close_if_open (dialog->output.descriptor);
  close_if_open (dialog->error.descriptor);
  close_if_open (dialog->terminal);
  free (dialog);
}
