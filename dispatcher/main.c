/* longreach-dispatcher: the far side.  It carries out the requests that come on its standard input
   and answers on its standard output.  */

#include "dispatcher/debug.h"
#include "dispatcher/descriptors.h"
#include "dispatcher/guard.h"
#include "dispatcher/number.h"
#include "dispatcher/plain.h"
#include "dispatcher/process.h"
#include "dispatcher/session.h"
#include "dispatcher/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  STATUS_USAGE = 2,
  CHANNELS_MAX = 65536,
};

static void
print_help (void)
{
  dprintf (1,
           "Usage: longreach-dispatcher [--debug] [--session NONCE [--channels N]] [--remove DIR]\n"
           "Carry out the requests of the dispatcher protocol that come on standard input,\n"
           "and answer on standard output.  longreach starts it; a person rarely does.\n"
           "\n"
           "  --session NONCE  speak the session protocol; NONCE comes back in the first line\n"
           "  --channels N     serve at most N requests of a session side by side\n"
           "  --remove DIR     delete DIR/longreach-dispatcher, which is this, and then DIR\n"
           "  --debug          log each packet by name to standard error\n"
           "  --help           print this\n"
           "  --version        print the version\n");
}

/* Descriptors 0 to 2 are open, so that nothing else takes their places; what else was inherited is
   nobody's business here and is not passed on.  */
static void
tidy_descriptors (void)
{
  int fd;
  do
    fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  while (fd >= 0 && fd < 3);
  if (fd >= 0)
    close (fd);
  for (int i = 0; i < 3; i++)
    {
      int flags = fcntl (i, F_GETFD);
      if (flags >= 0 && (flags & FD_CLOEXEC) != 0)
        fcntl (i, F_SETFD, flags & ~FD_CLOEXEC);
    }
  descriptors_close_from (3);
}

static struct session_banner asked = { .channels = SESSION_CHANNELS };
static const char *to_remove; /* NULL: nothing */

static void
take_nonce (const char *text)
{
  if (!session_is_nonce (text))
    {
      dprintf (2, "longreach-dispatcher: a nonce is 1 to 64 letters and digits\n");
      exit (STATUS_USAGE);
    }
  asked.nonce = text;
}

static void
take_channels (const char *text)
{
  const char *end;
  unsigned long number = number_parse (text, 10, &end);
  if (end == text || *end != '\0' || number < 1 || number > CHANNELS_MAX)
    {
      dprintf (2, "longreach-dispatcher: not a number of channels from 1 to %d: %s\n", CHANNELS_MAX,
               text);
      exit (STATUS_USAGE);
    }
  asked.channels = (size_t) number;
}

static void
take_directory (const char *text)
{
  if (text[0] != '/')
    {
      dprintf (2, "longreach-dispatcher: not an absolute path: %s\n", text);
      exit (STATUS_USAGE);
    }
  to_remove = text;
}

static void
take_debug (const char *text)
{
  (void) text;
  debug_enabled = true;
}

static void
take_help (const char *text)
{
  (void) text;
  print_help ();
  exit (0);
}

static void
take_version (const char *text)
{
  (void) text;
  dprintf (1, "longreach-dispatcher %s\n", PACKAGE_VERSION);
  exit (0);
}

static const struct option
{
  const char *name;
  bool has_value;
  void (*take) (const char *value);
} options[] = {
  { "--channels", true, take_channels }, { "--debug", false, take_debug },
  { "--help", false, take_help },        { "--remove", true, take_directory },
  { "--session", true, take_nonce },     { "--version", false, take_version },
};

static const struct option *
find_option (const char *argument, size_t length)
{
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
    if (strlen (options[i].name) == length && strncmp (options[i].name, argument, length) == 0)
      return &options[i];
  dprintf (2, "longreach-dispatcher: unexpected argument: %s\n", argument);
  exit (STATUS_USAGE);
}

/* A value is the next argument, or stands behind a "=".  */
static void
parse_options (char **arguments)
{
  for (; *arguments != NULL; arguments++)
    {
      const char *argument = *arguments, *value = NULL;
      size_t length = strcspn (argument, "=");
      const struct option *option = find_option (argument, length);
      if (argument[length] == '=')
        value = argument + length + 1;
      else if (option->has_value)
        value = *++arguments;
      if (option->has_value != (value != NULL))
        {
          dprintf (2, "longreach-dispatcher: %s takes %s value\n", option->name,
                   option->has_value ? "a" : "no");
          exit (STATUS_USAGE);
        }
      option->take (value);
    }
}

/* Delete what brought this program here: its file in DIRECTORY, and DIRECTORY.  Nothing else is
   ever deleted, and no link is followed to it.  Whether it is gone.  */
static bool
remove_oneself (const char *directory)
{
  int fd = open (directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT;
  bool gone = unlinkat (fd, "longreach-dispatcher", 0) == 0 || errno == ENOENT;
  close (fd);
  return gone && (rmdir (directory) == 0 || errno == ENOENT);
}

/* A thread that hangs in the kernel must not keep this process, or the client's end of its
   descriptors.  */
static void
leave_hanging (int status)
{
  if (worker_pending () == 0)
    return;
  close (0);
  close (1);
  _exit (status);
}

int
main (int argc, char **argv)
{
  tidy_descriptors ();
  parse_options (argc == 0 ? argv : argv + 1);
  asked.unremoved = to_remove != NULL && !remove_oneself (to_remove);
  if (isatty (0) || isatty (1))
    {
      dprintf (2,
               "longreach-dispatcher: this program speaks a protocol for programs on its standard "
               "input and output, and one of them is a terminal; see longreach(1)\n");
      return STATUS_USAGE;
    }
  process_raise_limit ();
  int status = asked.nonce == NULL ? plain_serve (0, 1) : session_serve (&asked, 0, 1);
  guard_end ();
  if (status >= 0)
    {
      leave_hanging (status);
      return status;
    }
  /* Whoever waits for us learns which signal it was.  */
  signal (-status, SIG_DFL);
  sigset_t none;
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  raise (-status);
  return 1;
}
