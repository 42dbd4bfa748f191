/* A call: one operation under way, from its arguments to its result or error.

   Two parties are interested in a call, and neither waits for the other.  The caller waits for its
   completion: the answer, a timeout or a cancel, whichever comes first.  The provider (a channel of
   the session, the plain client, or the connector's own function in its thread) answers it exactly
   once, with one of the lr_reply_... or lr_call_fail; what comes after that is ignored.  A call
   whose caller has gone lives until its provider has let go of it.  */

#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core/connector.h"
#include "core/loop.h"
#include "protocol/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

enum
{
  COMMAND_PATIENCE = 7000, /* milliseconds that the far side has for ending a command in time */
};

/* What the caller waits for.  */
struct completion
{
  lr_loop *loop;
  struct loop_call notice;
  lr_callback *callback; /* NULL: it waits until DONE, and then takes what it needs itself */
  void *data;
  bool internal; /* CALLBACK is the library's own, and is called at once */
  bool done;
  int status;
  void *result;           /* owned */
  struct lr_error *error; /* where it goes: the caller's; NULL: it is allocated when there is one */
  struct lr_error *own_error; /* owned */
};

/* A completion on the heap, which frees itself when it has called CALLBACK; NULL without memory. */
struct completion *completion_new (lr_loop *loop, lr_callback *callback, void *data);

/* It has come to its end.  RESULT becomes the caller's; ERROR, where STATUS is -1, is copied.  */
void completion_fill (struct completion *completion, int status, void *result,
                      const struct lr_error *error);

/* An output that is being received.  Owns its data.  */
struct call_output
{
  char *data; /* size bytes and room for a NUL; NULL: nothing came */
  size_t size, allocated;
  uint64_t announced; /* bytes that are to come in all; 0: not known */
  bool present;       /* it exists, if perhaps empty */
  bool over_limit;    /* more came than is wanted: nothing more is kept */
  bool no_memory;     /* likewise */
};

struct lr_call
{
  enum operation operation;
  lr_connection *connection; /* borrowed, and so what follows: */
  const struct lr_hop *hop;
  const char *host; /* said in errors */
  int hop_index;
  void **state;        /* the connection's: what the connector's open left */
  const void *args;    /* of the operation's type; NULL: it has none */
  struct arena memory; /* more that belongs to them */

  struct lr_bytes input; /* borrowed: the content or input the caller sends */
  size_t input_read;
  uint64_t output_limit;         /* bytes of each output */
  struct call_output outputs[3]; /* indexed by enum lr_stream; 0 is unused */

  /* The answer.  */
  bool answered;
  int status;
  void *result;           /* owned; of the operation's type, for lr_free; NULL: absent, or none */
  struct lr_error *error; /* owned; NULL: none, or no memory for one */

  /* The caller.  */
  struct completion *completion; /* NULL: it has gone */
  uint64_t id;
  struct lr_call *next, *previous; /* of the connection's */
  struct lr_call *next_in_bucket;
  struct loop_timer timer;
  uint64_t timeout;  /* milliseconds; 0: none */
  uint64_t patience; /* milliseconds more, in which the far side ends it by itself */

  /* The provider.  */
  bool started;
  bool in_plain_client;            /* one of these: */
  struct session_channel *channel; /* NULL: none, or closed */
  struct transfer *transfer;       /* owned: between it and a descriptor; NULL: there is none */
  struct tree *tree;               /* owned: between it and the file system; NULL: there is none */
  struct pages *pages;             /* owned: what a list gives as it comes; NULL: the result */
  bool begun;                      /* of a channel: Started or FileInfo has come */
  bool input_ended, content_ended; /* and so has the end of what is sent; of a file that comes */
  struct
  {
    bool known;
    int64_t returncode;
    bool timed_out;
    uint64_t user_time, system_time, max_resident;
  } exited;                     /* run */
  struct lr_call *next_in_line; /* of the plain client's, or the worker's */
  struct loop_call posted;      /* by the worker: it has let go */
  struct worker *worker;
  bool cancelled, handed_over; /* for the worker, under its lock */

  alignas (max_align_t) char own_args[];
};

/* A call without a caller yet, with room for ARGS_SIZE bytes of arguments; NULL without memory.  */
struct lr_call *call_new (lr_connection *connection, enum operation operation, size_t args_size);

/* What it is called in errors.  */
const char *call_name (const struct lr_call *call);

/* Free the call, which nobody uses any more, and its answer if that was not taken.  NULL is
   allowed.  */
void call_free (struct lr_call *call);

/* Give the caller, if it is still there, the answer.  */
void call_complete (struct lr_call *call);

/* Note that SIZE bytes come on STREAM (announced, not allocated).  */
void call_begin_output (struct lr_call *call, enum lr_stream stream, uint64_t size);

/* Keep SIZE bytes of STREAM, announced or not, or note why not: the reply will say so.  */
void call_store_output (struct lr_call *call, enum lr_stream stream, const char *data, size_t size);
void call_take_output (struct lr_call *call, enum lr_stream stream, const char *data, size_t size);

/* Fail with ERROR, which gets the call's hop and host.  */
void call_fail_with (struct lr_call *call, const struct lr_error *error);
void call_fail_no_memory (struct lr_call *call);

/* Answer with RESULT, of the operation's type.  */
void call_answer (struct lr_call *call, void *result);

#endif
