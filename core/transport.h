/* A transport: the byte stream to a dispatcher, here the pipes of a child process.

   The child runs in its own session, so that no key at a terminal reaches it, and sees no other
   descriptors than its three.  What it says on stderr is drained whenever a call waits; the end of
   it is kept for error messages.  */

#ifndef CORE_TRANSPORT_H
#define CORE_TRANSPORT_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

enum
{
  TRANSPORT_TAIL = 2048, /* bytes of stderr that are kept */
};

struct transport
{
  pid_t pid;                     /* 0: none, or reaped */
  int handle;                    /* pidfd; -1 where the kernel has none */
  int input;                     /* we write; -1: closed */
  int64_t patience_ends;         /* milliseconds of the monotonic clock; once the input is closed */
  int output;                    /* we read; -1: it has ended */
  int error;                     /* we read; -1: it has ended */
  char tail[TRANSPORT_TAIL + 1]; /* ended by NUL */
  size_t tail_size;
  bool made_to_end; /* it did not end by itself */
  bool status_known;
  int status; /* once reaped: exit status, or -N for signal N */
};

/* Start COMMAND, an argv whose program is looked up in PATH, for HOST.  Errors: IO, with errno.  */
int transport_start (struct transport *transport, const char *host, char *const *command,
                     struct lr_error *error);

/* What a wait was for, and what it found.  */
struct transport_events
{
  bool readable; /* the output: data, or its end */
  bool writable; /* the input */
  bool timed_out;
};

/* Wait until the output is readable or, where WANT_WRITE, the input writable: for ever, or where
   the input is closed until a far side has had time for its last words.  Drains stderr on the way.
 */
struct transport_events transport_wait (struct transport *transport, bool want_write);

/* Write or read without waiting, and without SIGPIPE.  Bytes, 0 for "not now", -1 for the end (of a
   read, errno 0) or an error.  */
ssize_t transport_write (struct transport *transport, const struct iovec *pieces, int count);
ssize_t transport_read (struct transport *transport, char *buffer, size_t size);

void transport_close_input (struct transport *transport);

/* Let the child end by itself for up to GRACE milliseconds from now, then make it; reap it.  */
void transport_end (struct transport *transport, int grace);

/* Close and free what is left; the child has been ended.  */
void transport_free (struct transport *transport);

#endif
