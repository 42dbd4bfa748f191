/* Child processes: a command in its own session and process group, from start to reaping.

   A session is signalled only while its leader is not reaped: until then its number can't
   have passed to anybody else.  The leader is reaped by process_free and nowhere else.  */

#ifndef DISPATCHER_PROCESS_H
#define DISPATCHER_PROCESS_H

#include "dispatcher/loop.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* How to start it.  Everything is borrowed and needed only during process_fork.  */
struct process_setup
{
  const char *const *command;     /* ended by NULL; looked up in the dispatcher's PATH */
  const char *const *environment; /* ended by NULL; NULL: the dispatcher's */
  int input, output, error;       /* become descriptors 0, 1, 2 */
  int terminal;                   /* becomes the session's; -1: there is none */
  mode_t umask;
  const char *cwd; /* NULL: the dispatcher's */
  bool change_user;
  bool change_group;
  uid_t uid;
  gid_t gid;
  const gid_t *groups; /* supplementary groups to set; NULL: they stay */
  size_t group_count;
};

/* What kept it from starting.  */
enum process_stage
{
  PROCESS_STARTED,
  PROCESS_NO_CWD,  /* there is no such directory */
  PROCESS_NO_NULL, /* /dev/null can't be opened */
  PROCESS_NO_TERMINAL,
  PROCESS_FORK,
  PROCESS_TERMINAL,
  PROCESS_GROUP,
  PROCESS_USER,
  PROCESS_CWD,
  PROCESS_EXEC,
};

struct process
{
  pid_t pid;
  bool exited;                     /* the leader; not reaped yet */
  bool hung_up;                    /* the session was sent SIGHUP */
  bool killed;                     /* and SIGKILL */
  int returncode;                  /* exit status, or -N for signal N */
  struct rusage usage;             /* of the leader and the children it has waited for */
  void (*changed) (void *context); /* it exited, or was killed */
  void *context;
  struct timer hang_up, kill;
  struct process *next;
};

/* How starting one went: PID, or what kept it and the errno.  All zero before.  */
struct process_birth
{
  enum process_stage stage;
  int errnum;
  pid_t pid;
  atomic_int unborn; /* the process that has not become the command yet; 0: there is none */
  atomic_bool given_up;
};

/* Whether process_fork may wait for a file system that hangs.  */
bool process_may_hang (const struct process_setup *setup);

/* Start one, on any thread: this waits until it has become the command, and so on the file systems
   that this leads to.  On failure nothing is left behind.  */
void process_fork (const struct process_setup *setup, struct process_birth *birth);

/* Have it not started, if that is under way on another thread.  It may be started all the same.  */
void process_give_up (struct process_birth *birth);

/* Take in what was started.  PROCESS stays at its address until process_free.  If it was started on
   another thread it may have exited before anybody knew of it: loop_look_at_children.  */
void process_adopt (struct process *process, pid_t pid, void (*changed) (void *context),
                    void *context);

/* Signal the session: its leader's group, and those of its processes that made groups of their
   own.  */
void process_signal (const struct process *process, int signal);

/* Signal the leader's group alone, unless the leader has exited.  */
void process_signal_group (const struct process *process, int signal);

/* The session that process PID is in, by /proc; -1: it is gone, or there is no /proc.  */
long process_session_of (long pid);

/* Reap the leader, which has exited.  */
void process_free (struct process *process);

/* Let this process have as many descriptors as it may; commands get the limit that it had.  */
void process_raise_limit (void);

/* The client is gone since WHEN: every process, also one that starts later, gets SIGHUP a second
   after that and SIGKILL after five.  */
void process_end_all (int64_t when);

/* Whether it is still worth starting one.  */
bool process_may_start (void);

/* SIGCHLD came.  */
void process_children_changed (void);

#endif
