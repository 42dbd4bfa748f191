/* What the two requests that run a command have in common: everything up to the moment when it
   runs.  */

#ifndef DISPATCHER_LAUNCH_H
#define DISPATCHER_LAUNCH_H

#include "dispatcher/process.h"
#include "dispatcher/request.h"

/* The fields of the request; borrowed.  */
struct launch_fields
{
  const struct packet_list *command;
  const struct packet_list *environment, *unset; /* NULL: there are none */
  const struct packet_bytes *user, *group, *umask, *cwd;
  const char *term; /* NULL: no terminal */
};

/* Initialise with LAUNCH_EMPTY; launch_free gives everything back.  Its texts stay the packet's,
   which has to last until it is started.  */
struct launch
{
  struct process_setup setup;
  const char **argv;        /* owned */
  const char **environment; /* owned */
  char *term;               /* owned */
  gid_t *groups;            /* owned */
  int far_ends[3];          /* owned: the command's descriptors; -1: not open */
  struct process_birth birth;
};

#define LAUNCH_EMPTY ((struct launch){ .setup = { .terminal = -1 }, .far_ends = { -1, -1, -1 } })

/* Everything that the caller can get wrong, in the protocol's order, but for the directory.  False:
   answered.  */
bool launch_check (struct launch *launch, struct request *request,
                   const struct launch_fields *fields);

/* The command's end of descriptor FD: /dev/null; a pipe, whose other end is *NEAR and doesn't
   block.  False and errno.  */
bool launch_null (struct launch *launch, int fd);
bool launch_pipe (struct launch *launch, int fd, int *near);

/* All three are a terminal, whose master is *MASTER and doesn't block.  */
bool launch_terminal (struct launch *launch, int *master);

/* Beside the three it has a terminal, whose ends are *MASTER, which doesn't block, and *SLAVE,
   which has to stay open until it is started.  */
bool launch_terminal_beside (struct launch *launch, int *master, int *slave);

/* Start it with the far ends, which are closed here, on any thread.  How that went is in BIRTH.  */
void launch_start (struct launch *launch);

/* Its far ends could not be made, for the reason in BIRTH or else in errno.  */
void launch_give_up (struct launch *launch);

/* It was not started, for the reason in BIRTH.  */
void launch_answer_failed (const struct launch *launch, struct request *request);

void launch_free (struct launch *launch);

#endif
