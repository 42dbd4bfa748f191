/* The client's end of the plain protocol: bytes in, bytes out, no I/O of its own.  Answers come in
   the order of the requests.  */

#ifndef CORE_PLAIN_CLIENT_H
#define CORE_PLAIN_CLIENT_H

#include "core/call.h"
#include "protocol/codec.h"

#include <stdbool.h>
#include <sys/uio.h>

struct plain_client
{
  struct packet_decoder decoder;
  struct lr_call *first, *last; /* waiting for their answers; borrowed */
  bool unexpected;              /* the packet being received answers nothing */
  enum lr_stream stream;        /* where the contents being received go */

  struct client_piece *pieces, *last_piece; /* what waits to be sent */
  bool no_memory;

  void (*log) (void *context, char direction, const char *packet_name);
  void (*answered) (void *context, struct lr_call *call); /* which is no longer used here */
  void *context;
};

/* LOG may be NULL.  */
void plain_client_init (struct plain_client *client,
                        void (*log) (void *context, char direction, const char *packet_name),
                        void (*answered) (void *context, struct lr_call *call), void *context);
void plain_client_free (struct plain_client *client);

/* Queue the request of CALL, whose arguments must stay until it is answered.  It may fail at
   once.  */
void plain_client_submit (struct plain_client *client, struct lr_call *call);

/* Queue the request to end.  */
void plain_client_exit (struct plain_client *client);

/* What is to be sent now: up to COUNT pieces; returns how many, 0: nothing.  Then say how many
   bytes were.  */
int plain_client_output (const struct plain_client *client, struct iovec *pieces, int count);
void plain_client_sent (struct plain_client *client, size_t size);

/* Take bytes that came.  False: the far side doesn't keep the protocol; PROBLEM says how.  */
bool plain_client_receive (struct plain_client *client, const char *data, size_t size,
                           char *problem, size_t problem_size);

/* The connection is gone: fail every call that waits.  */
void plain_client_fail (struct plain_client *client, const struct lr_error *error);

#endif
