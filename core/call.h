/* A call: one operation under way, from its arguments to its result or error.

   A provider (the tunnel, or the connector's own function) answers it exactly once, with one of the
   lr_reply_... or lr_call_fail; what comes after that is ignored.  */

#ifndef CORE_CALL_H
#define CORE_CALL_H

#include "core/connector.h"

#include <stdbool.h>

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
  const struct lr_hop *hop; /* borrowed */
  const char *host;         /* borrowed: said in errors */
  int hop_index;
  void **state;     /* the connection's: what the connector's open left */
  const void *args; /* borrowed, of the operation's type; NULL: it has none */

  struct lr_bytes input; /* borrowed: the content or input the caller sends */
  size_t input_read;
  uint64_t output_limit;         /* bytes of each output */
  struct call_output outputs[3]; /* indexed by enum lr_stream; 0 is unused */

  struct lr_error *error; /* borrowed: filled in on failure */
  void *result;           /* of the operation's type, for lr_free; NULL: absent, or it has none */
  bool answered;
  int status;           /* 0 or -1, once answered */
  struct lr_call *next; /* in the queue of a plain client */
};

/* What is left of a call that has ended: its outputs.  */
void call_free (struct lr_call *call);

/* Note that SIZE bytes come on STREAM (announced, not allocated).  */
void call_begin_output (struct lr_call *call, enum lr_stream stream, uint64_t size);

/* Keep SIZE bytes of STREAM, which were announced, or note why not: the reply will say so.  */
void call_store_output (struct lr_call *call, enum lr_stream stream, const char *data, size_t size);

/* Fail with an error that is set in *call->error, or is *ERROR.  */
void call_fail_with (struct lr_call *call, const struct lr_error *error);

#endif
