/* longreach-dispatcher: the far side.  It carries out the requests that come on its standard input
   and answers on its standard output.  */

#include "dispatcher/debug.h"
#include "dispatcher/guard.h"
#include "dispatcher/plain.h"
#include "dispatcher/process.h"
#include "dispatcher/session.h"
#include "dispatcher/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  STATUS_USAGE = 2,
  CHANNELS_MAX = 65536,
};

static void
print_help (void)
{
  fputs ("Usage: longreach-dispatcher [--debug] [--session NONCE [--channels N]] [--remove DIR]\n"
         "Carry out the requests of the dispatcher protocol that come on standard input,\n"
         "and answer on standard output.  longreach starts it; a person rarely does.\n"
         "\n"
         "  --session NONCE  speak the session protocol; NONCE comes back in the first line\n"
         "  --channels N     serve at most N requests of a session side by side\n"
         "  --remove DIR     delete DIR/longreach-dispatcher, which is this, and then DIR\n"
         "  --debug          log each packet by name to standard error\n"
         "  --help           print this\n"
         "  --version        print the version\n",
         stdout);
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
  long limit = sysconf (_SC_OPEN_MAX);
#ifdef SYS_close_range
  if (syscall (SYS_close_range, 3, ~0U, 0) == 0)
    return;
#endif
  for (long i = 3; i < (limit < 0 || limit > 65536 ? 65536 : limit); i++)
    close ((int) i);
}

static struct session_banner asked = { .channels = SESSION_CHANNELS };
static const char *to_remove; /* NULL: nothing */

static void
take_nonce (const char *text)
{
  if (!session_is_nonce (text))
    {
      fputs ("longreach-dispatcher: a nonce is 1 to 64 letters and digits\n", stderr);
      exit (STATUS_USAGE);
    }
  asked.nonce = text;
}

static void
take_channels (const char *text)
{
  char *end;
  long number = strtol (text, &end, 10);
  if (end == text || *end != '\0' || number < 1 || number > CHANNELS_MAX)
    {
      fprintf (stderr, "longreach-dispatcher: not a number of channels from 1 to %d: %s\n",
               CHANNELS_MAX, text);
      exit (STATUS_USAGE);
    }
  asked.channels = (size_t) number;
}

static void
take_directory (const char *text)
{
  if (text[0] != '/')
    {
      fprintf (stderr, "longreach-dispatcher: not an absolute path: %s\n", text);
      exit (STATUS_USAGE);
    }
  to_remove = text;
}

static void
parse_options (int argc, char **argv)
{
  static const struct option options[] = { { "channels", required_argument, NULL, 'c' },
                                           { "debug", no_argument, NULL, 'd' },
                                           { "help", no_argument, NULL, 'h' },
                                           { "remove", required_argument, NULL, 'r' },
                                           { "session", required_argument, NULL, 's' },
                                           { "version", no_argument, NULL, 'V' },
                                           { NULL, 0, NULL, 0 } };
  int option;
  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (option)
      {
      case 'c':
        take_channels (optarg);
        break;
      case 'r':
        take_directory (optarg);
        break;
      case 's':
        take_nonce (optarg);
        break;
      case 'd':
        debug_enabled = true;
        break;
      case 'h':
        print_help ();
        exit (0);
      case 'V':
        puts ("longreach-dispatcher " PACKAGE_VERSION);
        exit (0);
      default:
        exit (STATUS_USAGE);
      }
  if (optind < argc)
    {
      fprintf (stderr, "longreach-dispatcher: unexpected argument: %s\n", argv[optind]);
      exit (STATUS_USAGE);
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
  parse_options (argc, argv);
  asked.unremoved = to_remove != NULL && !remove_oneself (to_remove);
  if (isatty (0) || isatty (1))
    {
      fputs ("longreach-dispatcher: this program speaks a protocol for programs on its standard "
             "input and output, and one of them is a terminal; see longreach(1)\n",
             stderr);
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
