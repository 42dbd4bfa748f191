#include "core/transport.h"

#include "core/error.h"
#include "core/lift.h"
#include "core/quiet_write.h"
#include "core/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum
{
  PIPE_SIZE = 1 << 20, /* bytes asked for; the kernel may allow less */
  DRAIN_READS = 32,    /* at a time: a far side may never stop talking */
  POLL_STEP = 10,      /* milliseconds between two looks where there is no pidfd */
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

static int
lift_pipes (struct pipes *pipes)
{
  int *const fds[] = { &pipes->input[0],  &pipes->input[1], &pipes->output[0],
                       &pipes->output[1], &pipes->error[0], &pipes->error[1] };
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if ((*fds[i] = lift_descriptor (*fds[i])) < 0)
      return -1;
  return 0;
}

static size_t
count_words (char *const *words)
{
  size_t count = 0;
  while (words[count] != NULL)
    count++;
  return count;
}

static bool
same_name (const char *a, const char *b)
{
  size_t length = strcspn (a, "=");
  return strncmp (a, b, length + 1) == 0;
}

static bool
has_name (char *const *variables, const char *variable)
{
  for (; *variables != NULL; variables++)
    if (same_name (*variables, variable))
      return true;
  return false;
}

/* This process' environment with ADDED in it: a list that the caller frees, of borrowed texts.  */
static char **
make_environment (char *const *added)
{
  extern char **environ;
  size_t count = count_words (added), used = count;
  char **all = malloc ((count + count_words (environ) + 1) * sizeof *all);
  if (all == NULL)
    return NULL;
  memcpy (all, added, count * sizeof *all);
  for (char **variable = environ; *variable != NULL; variable++)
    if (!has_name (added, *variable))
      all[used++] = *variable;
  all[used] = NULL;
  return all;
}

/* A terminal that takes a line as it is: no byte of an answer has a meaning there, and none is
   echoed.  Returns an errno.  */
static int
set_terminal (int fd)
{
  struct termios settings;
  if (tcgetattr (fd, &settings) != 0)
    return errno;
  settings.c_iflag = settings.c_oflag = 0;
  settings.c_lflag = ICANON;
  memset (settings.c_cc, _POSIX_VDISABLE, sizeof settings.c_cc);
  return tcsetattr (fd, TCSANOW, &settings) == 0 ? 0 : errno;
}

/* Open both ends of a terminal, of which NAME is the command's: ours is returned, or -1 and errno.
 */
static int
open_terminal (char *name, size_t size, int *other)
{
  int fd = lift_descriptor (posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (fd < 0)
    return -1;
  int errnum = grantpt (fd) != 0 || unlockpt (fd) != 0 ? errno : ptsname_r (fd, name, size);
  *other = errnum == 0 ? lift_descriptor (open (name, O_RDWR | O_NOCTTY | O_CLOEXEC)) : -1;
  if (errnum == 0)
    errnum = *other < 0 ? errno : set_terminal (*other);
  if (errnum == 0)
    return fd;
  close (fd);
  if (*other >= 0)
    close (*other);
  errno = errnum;
  return -1;
}

/* Own session, default signals, no descriptors but the three.  TERMINAL, which may be NULL, is
   opened by the leader of a session without one, and so is its own from then on.  Returns an errno.
 */
static int
spawn (pid_t *pid, const struct pipes *pipes, const char *terminal, char *const *command,
       char *const *environment)
{
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
      if (errnum == 0 && terminal != NULL)
        errnum = posix_spawn_file_actions_addopen (&actions, 3, terminal, O_RDWR, 0);
      if (errnum == 0 && terminal != NULL)
        errnum = posix_spawn_file_actions_addclose (&actions, 3);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
      if (errnum == 0)
        errnum = posix_spawn_file_actions_addclosefrom_np (&actions, 3);
#endif
      if (errnum == 0)
        errnum = posix_spawnp (pid, command[0], &actions, &attributes, command, environment);
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
  return handle < 0 ? -1 : lift_descriptor (handle);
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

static void drain_error (void *context, uint32_t events);
static void drain_terminal (void *context, uint32_t events);
static void output_ready (void *context, uint32_t events);
static void input_ready (void *context, uint32_t events);

/* Our ends of the pipes join the loop.  Returns an errno.  */
static int
watch_pipes (struct transport *transport, const struct pipes *pipes)
{
  lr_loop *loop = transport->loop;
  int errnum = loop_watch (loop, &transport->input, pipes->input[1], input_ready, transport);
  if (errnum == 0)
    errnum = loop_watch (loop, &transport->output, pipes->output[0], output_ready, transport);
  if (errnum == 0)
    errnum = loop_watch (loop, &transport->error, pipes->error[0], drain_error, transport);
  loop_set_events (&transport->output, EPOLLIN);
  loop_set_events (&transport->error, EPOLLIN);
  return errnum;
}

/* Returns an errno.  */
static int
watch_terminal (struct transport *transport, char *name, size_t size)
{
  int fd = open_terminal (name, size, &transport->terminal_end);
  if (fd < 0)
    return errno;
  int errnum = loop_watch (transport->loop, &transport->terminal, fd, drain_terminal, transport);
  if (errnum != 0)
    close (fd);
  else
    loop_set_events (&transport->terminal, EPOLLIN);
  return errnum;
}

static void
close_terminal (struct transport *transport)
{
  loop_close (&transport->terminal);
  if (transport->terminal_end >= 0)
    close (transport->terminal_end);
  transport->terminal_end = -1;
}

void
transport_init (struct transport *transport, lr_loop *loop, const struct transport_hooks *hooks,
                void *context)
{
  memset (transport, 0, sizeof *transport);
  transport->loop = loop;
  transport->hooks = hooks;
  transport->context = context;
  transport->handle.fd = transport->input.fd = transport->output.fd = transport->error.fd = -1;
  transport->terminal.fd = transport->terminal_end = -1;
}

int
transport_start (struct transport *transport, lr_loop *loop, const char *host, char *const *command,
                 char *const *environment, bool at_terminal, const struct transport_hooks *hooks,
                 void *context, struct lr_error *error)
{
  static char *const nothing[] = { NULL };
  char terminal[64];
  struct pipes pipes = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
  transport_init (transport, loop, hooks, context);
  char **variables = make_environment (environment == NULL ? nothing : environment);
  int errnum = variables == NULL                                      ? ENOMEM
               : open_pipes (&pipes) != 0 || lift_pipes (&pipes) != 0 ? errno
                                                                      : 0;
  if (errnum == 0)
    errnum = watch_pipes (transport, &pipes);
  if (errnum == 0 && at_terminal)
    errnum = watch_terminal (transport, terminal, sizeof terminal);
  if (errnum == 0)
    errnum = spawn (&transport->pid, &pipes, at_terminal ? terminal : NULL, command, variables);
  free (variables);
  if (errnum != 0)
    {
      loop_unwatch (&transport->input);
      loop_unwatch (&transport->output);
      loop_unwatch (&transport->error);
      transport->input.fd = transport->output.fd = transport->error.fd = -1;
      close_terminal (transport);
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
  transport->handle.fd = open_handle (transport->pid);
  make_ours (transport->input.fd);
  make_ours (transport->output.fd);
  fcntl (transport->error.fd, F_SETFL, O_NONBLOCK);
  return 0;
}

/* ---- moving bytes ---- */

bool
transport_has_input (const struct transport *transport)
{
  if (transport->relay != NULL)
    return relay_has_input (transport);
  return transport->input.fd >= 0;
}

void
transport_want_write (struct transport *transport, bool wanted)
{
  if (transport->relay != NULL)
    {
      relay_want_write (transport, wanted);
      return;
    }
  loop_set_events (&transport->input, wanted ? EPOLLOUT : 0);
}

bool
transport_is_blocked (const struct transport *transport)
{
  return transport->relay != NULL ? relay_is_blocked (transport)
                                  : (transport->input.events & EPOLLOUT) != 0;
}

void
transport_close_input (struct transport *transport)
{
  if (transport->relay != NULL)
    {
      relay_close_input (transport);
      return;
    }
  loop_close (&transport->input);
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

void
transport_hear (struct transport *transport, const char *data, size_t size, bool at_terminal)
{
  if (!transport->unheard)
    keep_tail (transport, data, size);
  if (!transport->ending && transport->hooks->said != NULL)
    transport->hooks->said (transport->context, data, size, at_terminal);
}

void
transport_forget_tail (struct transport *transport)
{
  transport->tail_size = 0;
  transport->tail[0] = '\0';
}

static void
drain (struct transport *transport, struct loop_watch *source)
{
  char buffer[4096];
  ssize_t got = 1;
  for (int i = 0; i < DRAIN_READS && got > 0; i++)
    {
      got = read (source->fd, buffer, sizeof buffer);
      if (got > 0)
        transport_hear (transport, buffer, (size_t) got, source == &transport->terminal);
    }
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
    loop_close (source);
}

static void
drain_error (void *context, uint32_t events)
{
  struct transport *transport = context;
  (void) events;
  drain (transport, &transport->error);
}

static void
drain_terminal (void *context, uint32_t events)
{
  struct transport *transport = context;
  (void) events;
  drain (transport, &transport->terminal);
}

static void
input_ready (void *context, uint32_t events)
{
  struct transport *transport = context;
  (void) events;
  transport->hooks->writable (transport->context, true);
}

/* Bytes, 0 for "not now", -1 for the end or an error.  */
static ssize_t
read_output (struct transport *transport, char *buffer, size_t size)
{
  ssize_t got = read (transport->output.fd, buffer, size);
  if (got > 0)
    return got;
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  loop_close (&transport->output);
  return -1;
}

static void
output_ready (void *context, uint32_t events)
{
  struct transport *transport = context;
  char small[4096];
  (void) events;
  if (transport->ending)
    {
      read_output (transport, small, sizeof small);
      return;
    }
  /* Without memory it goes on in small pieces: what has come must not be lost.  */
  char *buffer = loop_buffer (transport->loop);
  size_t size = buffer == NULL ? sizeof small : LOOP_BUFFER;
  buffer = buffer == NULL ? small : buffer;
  ssize_t got = read_output (transport, buffer, size);
  if (got > 0)
    transport->hooks->received (transport->context, buffer, (size_t) got);
  else if (got < 0)
    transport->hooks->output_ended (transport->context);
}

ssize_t
transport_write (struct transport *transport, const struct iovec *pieces, int count)
{
  if (transport->relay != NULL)
    return relay_write (transport, pieces, count);
  ssize_t wrote = quiet_write (transport->input.fd, pieces, count);
  return wrote < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : wrote;
}

ssize_t
transport_answer (struct transport *transport, const struct iovec *answer)
{
  if (transport->relay != NULL)
    return relay_answer (transport, answer);
  if (transport->terminal.fd < 0)
    return transport_write (transport, answer, 1);
  ssize_t wrote = write (transport->terminal.fd, answer->iov_base, answer->iov_len);
  return wrote < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : wrote;
}

/* ---- the end ---- */

/* Reap the child if it has exited.  An application that ignores SIGCHLD leaves nothing to reap.  */
static bool
reap (struct transport *transport)
{
  siginfo_t info = { .si_pid = 0 };
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

/* Through the handle where there is one: an application that reaps every child may have taken this
   one, and its number may be another's by now.  */
static void
send_signal (const struct transport *transport, int signal)
{
#ifdef SYS_pidfd_send_signal
  if (transport->handle.fd >= 0)
    {
      syscall (SYS_pidfd_send_signal, transport->handle.fd, signal, NULL, 0);
      return;
    }
#endif
  kill (transport->pid, signal);
}

static void look_for_end (void *context);

static void
wait_on (struct transport *transport)
{
  int64_t due = transport->deadline;
  if (transport->handle.loop == NULL && due > loop_now () + POLL_STEP)
    due = loop_now () + POLL_STEP;
  loop_set_timer (transport->loop, &transport->timer, due, look_for_end, transport);
}

/* It has exited, or a deadline has passed, or it is only time to look again.  */
static void
look_for_end (void *context)
{
  struct transport *transport = context;
  bool late = loop_now () >= transport->deadline;
  /* What SIGKILL doesn't end waits for something in the kernel, where nobody gets at it.  */
  bool unkillable = late && transport->next_signal == 0;
  if (transport->pid == 0 || reap (transport) || unkillable)
    {
      loop_clear_timer (&transport->timer);
      loop_set_events (&transport->handle, 0);
      if (transport->error.fd >= 0)
        drain_error (transport, 0);
      transport->hooks->ended (transport->context);
      return;
    }
  if (late)
    {
      transport->made_to_end = true;
      send_signal (transport, transport->next_signal);
      send_signal (transport, SIGCONT); /* one that is stopped would not see it */
      transport->next_signal = transport->next_signal == SIGKILL ? 0 : SIGKILL;
      transport->deadline = loop_later (transport->patience);
    }
  wait_on (transport);
}

static void
handle_ready (void *context, uint32_t events)
{
  (void) events;
  look_for_end (context);
}

void
transport_end (struct transport *transport, uint64_t grace, uint64_t patience)
{
  if (transport->relay != NULL)
    {
      relay_end (transport, grace, patience);
      return;
    }
  if (transport->ending)
    return;
  transport->ending = true;
  transport_close_input (transport);
  transport->deadline = loop_later (grace);
  transport->patience = patience;
  transport->next_signal = SIGTERM;
  if (transport->handle.fd >= 0
      && loop_watch (transport->loop, &transport->handle, transport->handle.fd, handle_ready,
                     transport)
             == 0)
    loop_set_events (&transport->handle, EPOLLIN);
  wait_on (transport);
}

void
transport_hurry (struct transport *transport, uint64_t patience)
{
  if (transport->relay != NULL)
    {
      relay_hurry (transport, patience);
      return;
    }
  if (!transport->ending || transport->next_signal != SIGTERM)
    return;
  transport->patience = patience;
  transport->deadline = loop_now ();
  wait_on (transport);
}

bool
transport_has_ended (const struct transport *transport)
{
  return transport->relay != NULL ? relay_has_ended (transport) : transport->pid == 0;
}

void
transport_free (struct transport *transport)
{
  if (transport->relay != NULL)
    {
      relay_free (transport);
      return;
    }
  loop_clear_timer (&transport->timer);
  loop_close (&transport->input);
  loop_close (&transport->output);
  loop_close (&transport->error);
  close_terminal (transport);
  loop_close (&transport->handle);
}
