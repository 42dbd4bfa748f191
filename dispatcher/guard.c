#include "dispatcher/guard.h"

#include "dispatcher/descriptors.h"
#include "dispatcher/number.h"
#include "dispatcher/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
  PLACES = 4096,    /* commands that can be guarded */
  LOOKS = 40,       /* until what is left is killed, */
  LOOK_EVERY = 100, /* milliseconds */
};

/* The sessions, by their leaders' process ids; 0: the place is free.  */
static atomic_int *places;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pid_t guard_pid;

/* ---- the guard itself ---- */

/* Signal everybody who is in a session of ours, and forget those that nobody is in any more.  A
   session's number can't pass to anybody else as long as somebody is in it.  */
static bool
signal_sessions (int signal)
{
  static bool seen[PLACES];
  bool any = false;
  DIR *stream = opendir ("/proc");
  const struct dirent *entry;
  for (int i = 0; i < PLACES; i++)
    seen[i] = false;
  while (stream != NULL && (entry = readdir (stream)) != NULL)
    {
      long pid = (long) number_parse (entry->d_name, 10, NULL);
      long session = pid > 0 ? process_session_of (pid) : -1;
      for (int i = 0; session > 0 && i < PLACES; i++)
        if (places[i] == (int) session)
          {
            kill ((pid_t) pid, signal);
            seen[i] = any = true;
          }
    }
  for (int i = 0; i < PLACES; i++)
    if (places[i] != 0 && stream == NULL)
      kill (-places[i], signal);
    else if (!seen[i])
      places[i] = 0;
  if (stream != NULL)
    closedir (stream);
  return any;
}

__attribute__ ((__noreturn__)) static void
guard (int pipe_fd)
{
  char byte;
  setsid ();
  prctl (PR_SET_NAME, "longreach-guard");
  dup2 (pipe_fd, 0);
  /* The dispatcher's ends of pipes too: it would never see their ends, nor this process its own. */
  descriptors_close_from (1);
  while (read (0, &byte, 1) < 0 && errno == EINTR)
    continue;
  bool any = signal_sessions (SIGHUP);
  /* A stopped process would not see it.  */
  if (any)
    signal_sessions (SIGCONT);
  for (int i = 0; any && i < LOOKS; i++)
    {
      nanosleep (&(struct timespec){ 0, LOOK_EVERY * 1000000L }, NULL);
      any = signal_sessions (0);
    }
  if (any)
    signal_sessions (SIGKILL);
  _exit (0);
}

/* ---- in the dispatcher ---- */

static void
start_guard (void)
{
  int ends[2];
  sigset_t all, before;
  void *memory = mmap (NULL, PLACES * sizeof *places, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || pipe2 (ends, O_CLOEXEC) != 0)
    return; /* what can't be guarded is not */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  places = memory;
  guard_pid = fork ();
  if (guard_pid == 0)
    guard (ends[0]);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  close (ends[0]); /* the other end stays open as long as this process lives */
}

void
guard_begin (void)
{
  pthread_once (&once, start_guard);
}

void
guard_enter (void)
{
  int own = (int) getpid ();
  for (int i = 0; places != NULL && i < PLACES; i++)
    {
      int nobody = 0;
      if (atomic_compare_exchange_strong (&places[i], &nobody, own))
        return;
    }
}

void
guard_leave (pid_t pid)
{
  for (int i = 0; places != NULL && i < PLACES; i++)
    {
      int own = (int) pid;
      if (atomic_compare_exchange_strong (&places[i], &own, 0))
        return;
    }
}

void
guard_end (void)
{
  if (guard_pid <= 0)
    return;
  for (int i = 0; i < PLACES; i++)
    if (places[i] != 0)
      return;
  kill (guard_pid, SIGKILL);
  while (waitpid (guard_pid, NULL, 0) < 0 && errno == EINTR)
    continue;
}
