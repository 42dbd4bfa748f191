#include "dispatcher/ask.h"

#include "dispatcher/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  PATIENCE = 5000,        /* milliseconds */
  ANSWER_MAX = 256 << 10, /* bytes */
  NO_STATUS = 255,
};

/* The place of PROGRAM, in the first directory of PATH that has it.  */
static bool
find_program (const char *program, char place[PATH_MAX])
{
  const char *path = getenv ("PATH");
  if (path == NULL)
    path = "/usr/local/bin:/usr/bin:/bin";
  for (;;)
    {
      size_t length = strcspn (path, ":");
      if (path[0] == '/' && length + strlen (program) + 2 <= PATH_MAX)
        {
          memcpy (place, path, length);
          place[length] = '/';
          strcpy (place + length + 1, program);
          if (access (place, X_OK) == 0)
            return true;
        }
      if (path[length] == '\0')
        return false;
      path += length + 1;
    }
}

/* It has no input, complains to nobody, and doesn't outlive the dispatcher.  */
static void
become (const char *place, const char *const *argv, int output)
{
  sigset_t none;
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  signal (SIGPIPE, SIG_DFL);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setsid ();
  if (null >= 0 && dup2 (null, 0) == 0 && dup2 (output, 1) == 1 && dup2 (null, 2) == 2)
    execv (place, (char *const *) argv);
  _exit (127);
}

/* All that comes from FILE, with a NUL behind it.  */
static char *
read_answer (int file, int64_t deadline)
{
  size_t size = 0, room = 4096;
  char *text = malloc (room);
  int errnum = ENOMEM;
  while (text != NULL)
    {
      struct pollfd wanted = { .fd = file, .events = POLLIN };
      int64_t left = deadline - loop_now ();
      errnum = ETIMEDOUT;
      if (left <= 0)
        break;
      if (poll (&wanted, 1, (int) left) <= 0)
        continue;
      ssize_t got = read (file, text + size, room - size - 1);
      errnum = errno;
      if (got < 0 && errnum != EINTR)
        break;
      if (got == 0)
        {
          text[size] = '\0';
          return text;
        }
      size += got < 0 ? 0 : (size_t) got;
      errnum = EFBIG;
      if (size > ANSWER_MAX)
        break;
      if (size == room - 1)
        {
          char *grown = realloc (text, room *= 2);
          errnum = ENOMEM;
          if (grown == NULL)
            break;
          text = grown;
        }
    }
  free (text);
  errno = errnum;
  return NULL;
}

/* Wait for PID; one that doesn't end until DEADLINE is ended.  Whether it did by itself.  */
static bool
wait_for (pid_t pid, int64_t deadline, int *status)
{
  int how = 0;
  while (waitpid (pid, &how, WNOHANG) == 0)
    {
      if (loop_now () >= deadline)
        {
          kill (-pid, SIGKILL);
          kill (pid, SIGKILL);
          waitpid (pid, &how, 0);
          return false;
        }
      poll (NULL, 0, 1);
    }
  *status = WIFEXITED (how) ? WEXITSTATUS (how) : NO_STATUS;
  return true;
}

char *
ask (const char *const *argv, int *status)
{
  char place[PATH_MAX];
  int ends[2];
  if (!find_program (argv[0], place))
    {
      errno = ENOENT;
      return NULL;
    }
  if (pipe2 (ends, O_CLOEXEC) != 0)
    return NULL;
  int64_t deadline = loop_now () + PATIENCE;
  pid_t pid = fork ();
  if (pid == 0)
    become (place, argv, ends[1]);
  int errnum = errno;
  char *answer = NULL;
  close (ends[1]);
  if (pid > 0)
    {
      answer = read_answer (ends[0], deadline);
      errnum = errno;
      if (!wait_for (pid, answer == NULL ? 0 : deadline, status) && answer != NULL)
        {
          free (answer);
          answer = NULL;
          errnum = ETIMEDOUT;
        }
    }
  close (ends[0]);
  errno = errnum;
  return answer;
}
