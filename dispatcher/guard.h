/* The guard: a small process of its own, which ends the commands when this one is killed outright
   and can't do it any more.

   It waits for the end of a pipe that only this process holds, and finds the sessions of the
   commands that are left in memory that both share.  It costs a command no system call.  */

#ifndef DISPATCHER_GUARD_H
#define DISPATCHER_GUARD_H

#include <sys/types.h>

/* Have a guard, from the first call on; from any thread.  */
void guard_begin (void);

/* In the child that leads a session, before it becomes the command; then its command is guarded
   until guard_leave.  Makes no system call but getpid, and may share its parent's memory.  */
void guard_enter (void);

/* The session of PID needs no guard any more.  */
void guard_leave (pid_t pid);

/* Before this process ends: have no guard any more, unless it still has something to do.  In a
   container nobody may reap what is left to its first process.  */
void guard_end (void);

#endif
