/* A connection: an opened target, and the calls that go through it.  */

#ifndef CORE_CONNECTION_H
#define CORE_CONNECTION_H

#include "core/call.h"

/* Carry out OPERATION with ARGS, and INPUT where it sends any, and wait for the end.  The result
   goes to *RESULT, which may be NULL where there is none.  0 or -1, as all public functions.  */
int connection_call (lr_connection *connection, enum operation operation, const void *args,
                     struct lr_bytes input, uint64_t output_limit, void **result,
                     struct lr_error *error);

/* Whether OPERATION goes to a dispatcher, rather than to the connector's own function.  */
bool connection_tunnels (const lr_connection *connection, enum operation operation);

/* Ask the dispatcher for a sign of life.  */
int connection_check_alive (lr_connection *connection, struct lr_error *error);

#endif
