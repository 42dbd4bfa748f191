#include "dispatcher/process.h"

#include "dispatcher/guard.h"
#include "dispatcher/mounts.h"
#include "dispatcher/number.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  HANG_UP_AFTER = 1000, /* milliseconds from the end of the input */
  KILL_AFTER = 5000,
  REPORT_FD = 3, /* in the child */
};

static struct process *processes;
static int64_t ended_at = -1;
static struct rlimit descriptors; /* of the commands; rlim_max 0: as they are */

/* What the child reports when it can't become the command.  */
struct report
{
  int stage; /* enum process_stage */
  int errnum;
};

/* ---- in the child, which may share its parent's memory: system calls only ---- */

/* Not the C library's: those keep all threads of a process alike, and the memory may be the
   parent's.  */
static long
set_groups (size_t count, const gid_t *groups)
{
#ifdef SYS_setgroups32
  return syscall (SYS_setgroups32, count, groups);
#else
  return syscall (SYS_setgroups, count, groups);
#endif
}

static long
set_gid (gid_t gid)
{
#ifdef SYS_setresgid32
  return syscall (SYS_setresgid32, gid, gid, gid);
#else
  return syscall (SYS_setresgid, gid, gid, gid);
#endif
}

static long
set_uid (uid_t uid)
{
#ifdef SYS_setresuid32
  return syscall (SYS_setresuid32, uid, uid, uid);
#else
  return syscall (SYS_setresuid, uid, uid, uid);
#endif
}

static enum process_stage
become (const struct process_setup *setup)
{
  umask (setup->umask);
  if (descriptors.rlim_max != 0)
    setrlimit (RLIMIT_NOFILE, &descriptors);
  /* Whoever stays the same user may lack the right to set what are its groups already.  */
  if (setup->groups != NULL && set_groups (setup->group_count, setup->groups) != 0
      && (setup->change_user || errno != EPERM))
    return PROCESS_GROUP;
  if (setup->change_group && set_gid (setup->gid) != 0)
    return PROCESS_GROUP;
  if (setup->change_user && set_uid (setup->uid) != 0)
    return PROCESS_USER;
  if (setup->cwd != NULL && chdir (setup->cwd) != 0)
    return PROCESS_CWD;
  return PROCESS_STARTED;
}

/* The C library keeps two signals for itself, and would not touch what was inherited of them.  The
   kernel's structure is no larger than ours, and all zero is the default.  */
static void
restore_signals (void)
{
  static const struct sigaction default_action;
  sigset_t none;
  for (int i = 1; i < NSIG; i++)
    syscall (SYS_rt_sigaction, i, &default_action, NULL, (size_t) (NSIG - 1) / 8);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* Try each of CANDIDATES as execvp would, but for its fall-back on a shell.  Returns the errno.  */
static int
execute (char *const *candidates, const struct process_setup *setup)
{
  extern char **environ;
  char *const *command = (char *const *) setup->command;
  char *const *environment =
      setup->environment == NULL ? environ : (char *const *) setup->environment;
  bool searched = candidates[0] != NULL && candidates[1] != NULL;
  int errnum = ENOENT;
  for (; *candidates != NULL; candidates++)
    {
      execve (*candidates, command, environment);
      int failure = errno;
      /* In a directory that may not be entered there is nothing for this user.  */
      if (failure == EACCES && searched && access (*candidates, F_OK) != 0)
        failure = ENOENT;
      bool not_there = failure == ENOENT || failure == ENOTDIR || failure == ENAMETOOLONG;
      if (!searched || (!not_there && failure != EACCES))
        return failure;
      if (failure == EACCES)
        errnum = EACCES;
    }
  return errnum;
}

__attribute__ ((__noreturn__)) static void
give_up (int report_fd, const struct report *report)
{
  const char *rest = (const char *) report, *end = rest + sizeof *report;
  ssize_t wrote = 0;
  while (rest < end && (wrote >= 0 || errno == EINTR))
    {
      wrote = write (report_fd, rest, (size_t) (end - rest));
      rest += wrote > 0 ? wrote : 0;
    }
  _exit (127);
}

/* The command's descriptors become 0 to 2, and REPORT_FD 3; no other stays open.  exec would see to
   that; but until then this child may hang on a file system, and keep other commands from seeing
   the end of their input.  */
static bool
take_descriptors (const struct process_setup *setup, int report_fd)
{
  if (dup2 (setup->input, 0) < 0 || dup2 (setup->output, 1) < 0 || dup2 (setup->error, 2) < 0)
    return false;
  if (report_fd != REPORT_FD && dup3 (report_fd, REPORT_FD, O_CLOEXEC) < 0)
    return false;
#ifdef SYS_close_range
  syscall (SYS_close_range, REPORT_FD + 1, ~0U, 0);
#endif
  return true;
}

__attribute__ ((__noreturn__)) static void
run_child (const struct process_setup *setup, char *const *candidates, int report_fd)
{
  struct report report;
  setsid ();
  guard_enter ();
  restore_signals ();
  if (setup->terminal >= 0 && ioctl (setup->terminal, TIOCSCTTY, 0) != 0)
    {
      report = (struct report){ PROCESS_TERMINAL, errno };
      give_up (report_fd, &report);
    }
  if (take_descriptors (setup, report_fd))
    report_fd = REPORT_FD;
  else
    {
      report = (struct report){ PROCESS_FORK, errno };
      give_up (report_fd, &report);
    }
  report.stage = (int) become (setup);
  report.errnum = errno;
  if (report.stage == PROCESS_STARTED)
    report = (struct report){ PROCESS_EXEC, execute (candidates, setup) };
  give_up (report_fd, &report);
}

/* ---- in the parent ---- */

void
process_raise_limit (void)
{
  struct rlimit raised;
  if (getrlimit (RLIMIT_NOFILE, &raised) != 0)
    return;
  struct rlimit before = raised;
  raised.rlim_cur = raised.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &raised) == 0)
    descriptors = before;
}

/* The paths at which PROGRAM may be: itself where it has a slash, else one for each directory of
   PATH.  One block of memory, ended by NULL; NULL without memory.  */
static char **
list_candidates (const char *program)
{
  const char *path = getenv ("PATH");
  if (path == NULL)
    path = "/bin:/usr/bin";
  if (strchr (program, '/') != NULL || program[0] == '\0')
    path = NULL;

  size_t count = 1;
  for (const char *c = path; c != NULL && *c != '\0'; c++)
    count += *c == ':';
  size_t text_size = count * (strlen (program) + 3) + (path == NULL ? 0 : strlen (path));
  char **candidates = malloc ((count + 1) * sizeof *candidates + text_size);
  if (candidates == NULL)
    return NULL;

  char *text = (char *) (candidates + count + 1);
  for (size_t i = 0; i < count; i++)
    {
      candidates[i] = text;
      if (path != NULL)
        {
          size_t length = strcspn (path, ":");
          text = length == 0 ? stpcpy (text, ".") : (char *) mempcpy (text, path, length);
          *text++ = '/';
          path += length + (path[length] == ':');
        }
      text = stpcpy (text, program) + 1;
    }
  candidates[count] = NULL;
  return candidates;
}

/* vfork, because the address space need not be copied to be thrown away; but not where the child
   changes its user: nobody else's process is to share this one's memory, however briefly.  */
__attribute__ ((__noinline__)) static pid_t
start_child (const struct process_setup *setup, char *const *candidates, int report_fd,
             struct process_birth *birth)
{
  pid_t pid = setup->change_user ? fork () : vfork ();
  if (pid == 0)
    {
      birth->unborn = (int) getpid (); /* after vfork the parent waits, and can't tell */
      run_child (setup, candidates, report_fd);
    }
  return pid;
}

long
process_session_of (long pid)
{
  char path[64], text[512];
  snprintf (path, sizeof path, "/proc/%ld/stat", pid);
  int file = open (path, O_RDONLY | O_CLOEXEC);
  ssize_t size = file < 0 ? -1 : read (file, text, sizeof text - 1);
  if (file >= 0)
    close (file);
  if (size <= 0)
    return -1;
  text[size] = '\0';
  /* The name, in parentheses, may hold anything: state, parent, group, session are behind it.  */
  const char *word = strrchr (text, ')');
  for (int i = 0; word != NULL && i < 4; i++)
    word = strchr (word + 1, ' ');
  return word == NULL ? -1 : (long) number_parse (word + 1, 10, NULL);
}

/* The processes of the system and their sessions, as they were in this turn of the loop: when a
   thousand sessions are signalled, /proc is read once.  */
static struct
{
  struct
  {
    pid_t pid;
    long session;
  } * processes;
  size_t count, allocated;
  uint64_t turn;
  bool taken;
} census;

static bool
add_to_census (pid_t pid, long session)
{
  if (census.count == census.allocated)
    {
      size_t room = census.allocated == 0 ? 256 : census.allocated * 2;
      void *grown = realloc (census.processes, room * sizeof census.processes[0]);
      if (grown == NULL)
        return false;
      census.processes = grown;
      census.allocated = room;
    }
  census.processes[census.count].pid = pid;
  census.processes[census.count++].session = session;
  return true;
}

/* Only who is in a session that is not its group: the groups of our sessions are signalled as
   such.  */
static void
take_census (void)
{
  if (census.taken && census.turn == loop_generation ())
    return;
  census.taken = true;
  census.turn = loop_generation ();
  census.count = 0;
  DIR *stream = opendir ("/proc");
  const struct dirent *entry;
  while (stream != NULL && (entry = readdir (stream)) != NULL)
    {
      const char *end;
      long pid = (long) number_parse (entry->d_name, 10, &end);
      long session = pid > 0 && *end == '\0' ? process_session_of (pid) : -1;
      if (session > 0 && getpgid ((pid_t) pid) != session && !add_to_census ((pid_t) pid, session))
        break;
    }
  if (stream != NULL)
    closedir (stream);
}

/* Signal the command's process group, and those of its session that made groups of their own, as
   job control and timeout(1) do.  A daemon has left the session.  The leader is not reaped yet, so
   the session's number is still its own.  */
void
process_signal (const struct process *process, int signal)
{
  kill (-process->pid, signal);
  take_census ();
  for (size_t i = 0; i < census.count; i++)
    {
      pid_t pid = census.processes[i].pid;
      if (census.processes[i].session == process->pid && process_session_of (pid) == process->pid
          && getpgid (pid) != process->pid)
        kill (pid, signal);
    }
}

void
process_signal_group (const struct process *process, int signal)
{
  if (!process->exited)
    kill (-process->pid, signal);
}

static void
send_kill (void *context)
{
  struct process *process = context;
  process_signal (process, SIGKILL);
  process->killed = true;
  if (process->exited)
    process->changed (process->context);
}

static void
send_hang_up (void *context)
{
  struct process *process = context;
  process_signal (process, SIGHUP);
  /* A stopped process would not see it.  */
  process_signal (process, SIGCONT);
  process->hung_up = true;
}

static void
arm (struct process *process)
{
  loop_set_timer (&process->hang_up, ended_at + HANG_UP_AFTER, send_hang_up, process);
  loop_set_timer (&process->kill, ended_at + KILL_AFTER, send_kill, process);
}

/* Whether PATH can't be a command's directory because there is none; whether it can be entered, the
   command's user finds out.  */
static bool
is_no_directory (const char *path)
{
  int directory = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0)
    close (directory);
  return directory < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* The program is the first candidate that can be executed; what interprets a script is not looked
   for.  */
bool
process_may_hang (const struct process_setup *setup)
{
  char path[PATH_MAX];
  bool found = false, hangs = setup->cwd != NULL && mounts_may_hang (setup->cwd, true);
  char **candidates = list_candidates (setup->command[0]);
  for (size_t i = 0; candidates != NULL && candidates[i] != NULL && !found && !hangs; i++)
    {
      /* A relative one starts from the command's directory.  */
      bool relative = candidates[i][0] != '/' && setup->cwd != NULL;
      int length = snprintf (path, sizeof path, "%s%s%s", relative ? setup->cwd : "",
                             relative ? "/" : "", candidates[i]);
      hangs = length >= (int) sizeof path || mounts_may_hang (path, true);
      found = !hangs && access (path, X_OK) == 0;
    }
  free (candidates);
  return hangs;
}

/* Guards UNBORN of all births: who is signalled is not reaped yet.  */
static pthread_mutex_t unborn_mutex = PTHREAD_MUTEX_INITIALIZER;

static void
set_unborn (struct process_birth *birth, pid_t pid)
{
  pthread_mutex_lock (&unborn_mutex);
  birth->unborn = (int) pid;
  pthread_mutex_unlock (&unborn_mutex);
}

void
process_give_up (struct process_birth *birth)
{
  pthread_mutex_lock (&unborn_mutex);
  birth->given_up = true;
  if (birth->unborn > 0)
    kill (birth->unborn, SIGKILL);
  pthread_mutex_unlock (&unborn_mutex);
}

static void
fail_birth (struct process_birth *birth, enum process_stage stage, int errnum)
{
  birth->stage = stage;
  birth->errnum = errnum;
}

/* Wait until PID has become the command, or reports why it can't.  */
static void
wait_for_birth (struct process_birth *birth, pid_t pid, int report_fd)
{
  struct report report;
  char *rest = (char *) &report, *end = rest + sizeof report;
  ssize_t got = 1;
  while (rest < end && (got > 0 || (got < 0 && errno == EINTR)))
    {
      got = read (report_fd, rest, (size_t) (end - rest));
      rest += got > 0 ? got : 0;
    }
  set_unborn (birth, 0);
  if (rest != end)
    {
      birth->stage = PROCESS_STARTED;
      birth->pid = pid;
      return;
    }
  guard_leave (pid);
  waitpid (pid, NULL, 0);
  fail_birth (birth, (enum process_stage) report.stage, report.errnum);
}

void
process_fork (const struct process_setup *setup, struct process_birth *birth)
{
  int report_pipe[2];
  if (setup->cwd != NULL && is_no_directory (setup->cwd))
    {
      fail_birth (birth, PROCESS_NO_CWD, errno);
      return;
    }
  guard_begin ();
  char **candidates = list_candidates (setup->command[0]);
  if (candidates == NULL || birth->given_up || pipe2 (report_pipe, O_CLOEXEC) != 0)
    {
      fail_birth (birth, PROCESS_FORK,
                  candidates == NULL ? ENOMEM
                  : birth->given_up  ? ECANCELED
                                     : errno);
      free (candidates);
      return;
    }
  pid_t pid = start_child (setup, candidates, report_pipe[1], birth);
  int errnum = errno;
  close (report_pipe[1]);
  free (candidates);
  if (pid > 0)
    {
      set_unborn (birth, pid);
      wait_for_birth (birth, pid, report_pipe[0]);
    }
  else
    fail_birth (birth, PROCESS_FORK, errnum);
  close (report_pipe[0]);
}

void
process_adopt (struct process *process, pid_t pid, void (*changed) (void *context), void *context)
{
  census.taken = false; /* it may make more */
  *process =
      (struct process){ .pid = pid, .changed = changed, .context = context, .next = processes };
  processes = process;
  if (ended_at >= 0)
    arm (process);
}

void
process_free (struct process *process)
{
  struct process **place = &processes;
  while (*place != process)
    place = &(*place)->next;
  *place = process->next;
  loop_clear_timer (&process->hang_up);
  loop_clear_timer (&process->kill);
  /* Who was told to end, and has outlived the leader, is nobody's any more.  */
  if (process->hung_up && !process->killed)
    process_signal (process, SIGKILL);
  guard_leave (process->pid);
  while (waitpid (process->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
}

void
process_end_all (int64_t when)
{
  if (ended_at >= 0)
    return;
  ended_at = when;
  for (struct process *process = processes; process != NULL; process = process->next)
    arm (process);
}

bool
process_may_start (void)
{
  return ended_at < 0 || loop_now () < ended_at + HANG_UP_AFTER;
}

/* The system call itself: waitid of the C library doesn't tell the usage.  */
static bool
has_exited (struct process *process)
{
  siginfo_t info = { .si_pid = 0 };
  if (syscall (SYS_waitid, P_PID, process->pid, &info, WEXITED | WNOHANG | WNOWAIT, &process->usage)
          != 0
      || info.si_pid == 0)
    return false;
  process->returncode = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
  return true;
}

void
process_children_changed (void)
{
  for (struct process *process = processes, *next; process != NULL; process = next)
    {
      next = process->next;
      if (process->exited || !has_exited (process))
        continue;
      process->exited = true;
      process->changed (process->context);
    }
}
