#include "core/transport.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
  PIPE_SIZE = 1 << 20,   /* bytes asked for; the kernel may allow less */
  LAST_WORDS = 2000,     /* milliseconds that a far side has which takes nothing any more */
  TERMINATE_WAIT = 1000, /* milliseconds between SIGTERM and SIGKILL */
  DRAIN_READS = 32,      /* at a time: a far side may never stop talking */
  POLL_STEP = 10,        /* milliseconds between two looks where there is no pidfd */
};

/* ---- starting ---- */

/* Three pipes, each as pipe2 has them.  */
struct pipes
{
  int input[2], output[2], error[2];
};

static void
close_both (int *pipe)
{
  for (int i = 0; i < 2; i++)
    if (pipe[i] >= 0)
      close (pipe[i]);
}

static int
open_pipes (struct pipes *pipes)
{
  *pipes = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 } };
  return pipe2 (pipes->input, O_CLOEXEC) != 0 || pipe2 (pipes->output, O_CLOEXEC) != 0
                 || pipe2 (pipes->error, O_CLOEXEC) != 0
             ? -1
             : 0;
}

/* A copy of FD that is none of 0, 1, 2: those are what the child's descriptors become, and an
   application may have closed its own.  */
static int
lift (int fd)
{
  if (fd > 2)
    return fd;
  int lifted = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  close (fd);
  return lifted;
}

static int
lift_pipes (struct pipes *pipes)
{
  int *const fds[] = { &pipes->input[0],  &pipes->input[1], &pipes->output[0],
                       &pipes->output[1], &pipes->error[0], &pipes->error[1] };
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if ((*fds[i] = lift (*fds[i])) < 0)
      return -1;
  return 0;
}

/* Own session, default signals, no descriptors but the three.  Returns an errno.  */
static int
spawn (pid_t *pid, const struct pipes *pipes, char *const *command)
{
  extern char **environ;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  sigfillset (&all);
  sigemptyset (&none);
  int errnum = posix_spawn_file_actions_init (&actions);
  if (errnum != 0)
    return errnum;
  errnum = posix_spawnattr_init (&attributes);
  if (errnum == 0)
    {
      posix_spawnattr_setsigdefault (&attributes, &all);
      posix_spawnattr_setsigmask (&attributes, &none);
      posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF
                                                 | POSIX_SPAWN_SETSIGMASK);
      errnum = posix_spawn_file_actions_adddup2 (&actions, pipes->input[0], 0);
      if (errnum == 0)
        errnum = posix_spawn_file_actions_adddup2 (&actions, pipes->output[1], 1);
      if (errnum == 0)
        errnum = posix_spawn_file_actions_adddup2 (&actions, pipes->error[1], 2);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
      if (errnum == 0)
        errnum = posix_spawn_file_actions_addclosefrom_np (&actions, 3);
#endif
      if (errnum == 0)
        errnum = posix_spawnp (pid, command[0], &actions, &attributes, command, environ);
      posix_spawnattr_destroy (&attributes);
    }
  posix_spawn_file_actions_destroy (&actions);
  return errnum;
}

static int
open_handle (pid_t pid)
{
#ifdef SYS_pidfd_open
  int handle = (int) syscall (SYS_pidfd_open, pid, 0);
  return handle < 0 ? -1 : lift (handle);
#else
  (void) pid;
  return -1;
#endif
}

static void
make_ours (int fd)
{
  fcntl (fd, F_SETFL, O_NONBLOCK);
  fcntl (fd, F_SETPIPE_SZ, PIPE_SIZE);
}

int
transport_start (struct transport *transport, const char *host, char *const *command,
                 struct lr_error *error)
{
  struct pipes pipes;
  memset (transport, 0, sizeof *transport);
  transport->handle = transport->input = transport->output = transport->error = -1;
  int errnum = open_pipes (&pipes) != 0 || lift_pipes (&pipes) != 0 ? errno : 0;
  if (errnum == 0)
    errnum = spawn (&transport->pid, &pipes, command);
  if (errnum != 0)
    {
      close_both (pipes.input);
      close_both (pipes.output);
      close_both (pipes.error);
      transport->pid = 0;
      return error_set_errno (error, LR_ERROR_IO, errnum, "%s: cannot start %s: %s", host,
                              command[0], strerror (errnum));
    }
  close (pipes.input[0]);
  close (pipes.output[1]);
  close (pipes.error[1]);
  transport->handle = open_handle (transport->pid);
  transport->input = pipes.input[1];
  transport->output = pipes.output[0];
  transport->error = pipes.error[0];
  make_ours (transport->input);
  make_ours (transport->output);
  fcntl (transport->error, F_SETFL, O_NONBLOCK);
  return 0;
}

/* ---- moving bytes ---- */

static int64_t
now_milliseconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

void
transport_close_input (struct transport *transport)
{
  if (transport->input >= 0)
    transport->patience_ends = now_milliseconds () + LAST_WORDS;
  close_fd (&transport->input);
}

static void
keep_tail (struct transport *transport, const char *data, size_t size)
{
  if (size > TRANSPORT_TAIL)
    {
      data += size - TRANSPORT_TAIL;
      size = TRANSPORT_TAIL;
    }
  if (transport->tail_size + size > TRANSPORT_TAIL)
    {
      size_t kept = TRANSPORT_TAIL - size;
      memmove (transport->tail, transport->tail + transport->tail_size - kept, kept);
      transport->tail_size = kept;
    }
  memcpy (transport->tail + transport->tail_size, data, size);
  transport->tail_size += size;
  transport->tail[transport->tail_size] = '\0';
}

static void
drain_error (struct transport *transport)
{
  char buffer[4096];
  ssize_t got = 1;
  for (int i = 0; i < DRAIN_READS && got > 0; i++)
    {
      got = read (transport->error, buffer, sizeof buffer);
      if (got > 0)
        keep_tail (transport, buffer, (size_t) got);
    }
  if (got > 0)
    return;
  if (got == 0 || (errno != EAGAIN && errno != EINTR))
    close_fd (&transport->error);
}

struct transport_events
transport_wait (struct transport *transport, bool want_write)
{
  int64_t left = transport->input >= 0 ? -1 : transport->patience_ends - now_milliseconds ();
  int timeout = transport->input >= 0 ? -1 : left < 0 ? 0 : (int) left;
  struct transport_events events = { false, false, false };
  struct pollfd polls[] = { { .fd = transport->output, .events = POLLIN },
                            { .fd = transport->error, .events = POLLIN },
                            { .fd = want_write ? transport->input : -1, .events = POLLOUT } };
  int ready = poll (polls, 3, timeout);
  if (ready <= 0)
    {
      events.timed_out = ready == 0;
      return events;
    }
  if (polls[1].revents != 0)
    drain_error (transport);
  events.timed_out = timeout == 0;
  events.readable = polls[0].revents != 0;
  events.writable = polls[2].revents != 0;
  return events;
}

/* A pipe has no way to ask for no SIGPIPE: it is blocked for the moment, and taken back if it was
   this write that raised it.  */
ssize_t
transport_write (struct transport *transport, const struct iovec *pieces, int count)
{
  static const struct timespec now = { 0, 0 };
  sigset_t pipe_signal, before, pending;
  sigemptyset (&pipe_signal);
  sigaddset (&pipe_signal, SIGPIPE);
  sigemptyset (&pending);
  pthread_sigmask (SIG_BLOCK, &pipe_signal, &before);
  bool blocked_before = sigismember (&before, SIGPIPE) == 1;
  if (blocked_before)
    sigpending (&pending);
  ssize_t wrote = writev (transport->input, pieces, count);
  int errnum = errno;
  if (wrote < 0 && errnum == EPIPE && sigismember (&pending, SIGPIPE) != 1)
    while (sigtimedwait (&pipe_signal, NULL, &now) < 0 && errno == EINTR)
      continue;
  if (!blocked_before)
    pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = errnum;
  return wrote < 0 && (errnum == EAGAIN || errnum == EINTR) ? 0 : wrote;
}

ssize_t
transport_read (struct transport *transport, char *buffer, size_t size)
{
  ssize_t got = read (transport->output, buffer, size);
  if (got > 0)
    return got;
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (got == 0)
    errno = 0;
  int errnum = errno;
  close_fd (&transport->output);
  errno = errnum;
  return -1;
}

/* ---- the end ---- */

/* Reap the child if it has exited.  An application that ignores SIGCHLD leaves nothing to reap.  */
static bool
reap (struct transport *transport)
{
  siginfo_t info = { .si_pid = 0 };
  if (transport->pid == 0)
    return true;
  int failed = waitid (P_PID, (id_t) transport->pid, &info, WEXITED | WNOHANG);
  if (failed != 0 && errno == EINTR)
    return false;
  if (failed == 0 && info.si_pid == 0)
    return false;
  transport->pid = 0;
  transport->status_known = failed == 0;
  transport->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  return true;
}

/* Wait for the child to exit until DEADLINE, draining what it still says.  */
static bool
wait_for_exit (struct transport *transport, int64_t deadline)
{
  while (!reap (transport))
    {
      char dropped[4096];
      int64_t left = deadline - now_milliseconds ();
      if (left <= 0)
        return false;
      struct pollfd polls[] = { { .fd = transport->handle, .events = POLLIN },
                                { .fd = transport->output, .events = POLLIN },
                                { .fd = transport->error, .events = POLLIN } };
      int timeout = transport->handle >= 0 ? (int) left : POLL_STEP;
      if (poll (polls, 3, timeout) <= 0)
        continue;
      if (polls[2].revents != 0)
        drain_error (transport);
      if (polls[1].revents != 0)
        transport_read (transport, dropped, sizeof dropped);
    }
  return true;
}

void
transport_end (struct transport *transport, int grace)
{
  transport_close_input (transport);
  if (transport->pid == 0 || wait_for_exit (transport, now_milliseconds () + grace))
    return;
  transport->made_to_end = true;
  kill (transport->pid, SIGTERM);
  if (wait_for_exit (transport, now_milliseconds () + TERMINATE_WAIT))
    return;
  kill (transport->pid, SIGKILL);
  while (!wait_for_exit (transport, now_milliseconds () + TERMINATE_WAIT))
    continue;
}

void
transport_free (struct transport *transport)
{
  if (transport->error >= 0)
    drain_error (transport);
  close_fd (&transport->input);
  close_fd (&transport->output);
  close_fd (&transport->error);
  close_fd (&transport->handle);
}
