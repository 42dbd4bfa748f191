/* A transport: the byte stream to a dispatcher, which a command leads to.

   The command is a child process: it runs in its own session, so that no key at a terminal reaches
   it, and sees no other descriptors than its three.  Or it is started through another session, and
   its streams are those of a channel there; see relay.h.  What it says on stderr is drained for as
   long as it lives; the end of it is kept for error messages.  */

#ifndef CORE_TRANSPORT_H
#define CORE_TRANSPORT_H

#include "core/loop.h"

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

enum
{
  TRANSPORT_TAIL = 2048, /* bytes of stderr that are kept */
};

/* What a transport tells its owner.  */
struct transport_hooks
{
  void (*received) (void *context, const char *data, size_t size);
  void (*output_ended) (void *context);
  void (*ended) (void *context); /* after transport_end */

  /* After transport_want_write.  PROGRESS: something was in the way, and has been taken.  */
  void (*writable) (void *context, bool progress);

  /* What it leads through is gone, because of ERROR, and it with it: nothing is left to end.  */
  void (*lost) (void *context, const struct lr_error *error);

  /* SIZE bytes were said on stderr, or AT_TERMINAL; NULL: nobody listens.  */
  void (*said) (void *context, const char *data, size_t size, bool at_terminal);
};

struct relay;

struct transport
{
  lr_loop *loop; /* borrowed */
  const struct transport_hooks *hooks;
  void *context;

  struct relay *relay; /* owned: it goes through another session; NULL: it is a child */

  pid_t pid;                              /* 0: none, or reaped */
  struct loop_watch input, output, error; /* we write; we read; we read.  fd -1: closed */
  struct loop_watch terminal;             /* our end of its terminal; fd -1: it has none */
  int terminal_end; /* the command's: without it ours would end whenever nobody has it open */
  struct loop_watch handle;      /* pidfd; fd -1 where the kernel has none */
  char tail[TRANSPORT_TAIL + 1]; /* ended by NUL */
  size_t tail_size;

  bool unheard; /* what it says on stderr from now on is nothing that an error message should quote
                 */
  bool ending;
  bool made_to_end;  /* it did not end by itself */
  int64_t deadline;  /* of what it is asked now */
  int next_signal;   /* that it gets then */
  uint64_t patience; /* milliseconds after each signal */
  struct loop_timer timer;
  bool status_known;
  int status;     /* once reaped: exit status, or -N for signal N */
  bool unstarted; /* another session could not start it; the tail says why */
  int errnum;     /* of that; 0: none */
};

/* Make it a transport of LOOP that nothing has been started for.  */
void transport_init (struct transport *transport, lr_loop *loop,
                     const struct transport_hooks *hooks, void *context);

/* Start COMMAND, an argv whose program is looked up in PATH, for HOST.  ENVIRONMENT, "NAME=VALUE"
   and ended by NULL, is added to the program's own; NULL: nothing.  AT_TERMINAL: it has one beside
   its streams, and what it says there is kept and told as what it says on stderr is.  Errors: IO,
   with errno.  */
int transport_start (struct transport *transport, lr_loop *loop, const char *host,
                     char *const *command, char *const *environment, bool at_terminal,
                     const struct transport_hooks *hooks, void *context, struct lr_error *error);

/* Write without waiting, and without SIGPIPE.  Bytes, 0 for "not now", -1 for an error.  */
ssize_t transport_write (struct transport *transport, const struct iovec *pieces, int count);

/* The same, with an answer to what the command asks: at its terminal if it has one.  */
ssize_t transport_answer (struct transport *transport, const struct iovec *answer);

/* Whether the input is open; whether to be told that it takes something.  */
bool transport_has_input (const struct transport *transport);
void transport_want_write (struct transport *transport, bool wanted);

/* Whether what is to be written waits for somebody to read what was before it.  */
bool transport_is_blocked (const struct transport *transport);

void transport_close_input (struct transport *transport);

/* Let the child end by itself for up to GRACE milliseconds from now; then send it SIGTERM, and
   SIGKILL after PATIENCE more; reap it, and say so.  What it still writes is dropped.  */
void transport_end (struct transport *transport, uint64_t grace, uint64_t patience);

/* It is being ended: let it have SIGTERM at once, if it has not had it, and SIGKILL after PATIENCE
   milliseconds.  */
void transport_hurry (struct transport *transport, uint64_t patience);

/* Close and free what is left; the command has ended.  */
void transport_free (struct transport *transport);

/* Whether it has ended, as far as is known.  */
bool transport_has_ended (const struct transport *transport);

/* SIZE bytes were said on stderr, or AT_TERMINAL: keep the end of it, and tell who listens.  */
void transport_hear (struct transport *transport, const char *data, size_t size, bool at_terminal);

/* What was said so far is nothing that an error message should quote.  */
void transport_forget_tail (struct transport *transport);

#endif
