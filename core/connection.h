/* A connection: an opened target, and the calls and processes that go through it.  */

#ifndef CORE_CONNECTION_H
#define CORE_CONNECTION_H

#include "core/call.h"

#include <stdbool.h>

struct destination;
struct link;
struct session;

lr_loop *connection_loop (const lr_connection *connection);

/* Whether its loop is its own, which no program dispatches; what to say to who wants a callback. */
bool connection_owns_loop (const lr_connection *connection);
#define NOBODY_CALLS_BACK                                                                          \
  "the connection was opened without a loop, so that there is nobody to call back"

/* Tell CALL, a new one, whose it is.  */
void connection_introduce (lr_connection *connection, struct lr_call *call);

/* Let CALL, which has all it needs, take its turn: at once, or when the connection is open.  It is
   completed by COMPLETION, and freed, whatever comes.  */
void connection_start_call (struct lr_call *call, struct completion *completion);

/* CALL has been answered, and its provider is done with it, or is to be: complete and free it.  */
void connection_end_call (struct lr_call *call);

/* The caller doesn't wait any more, because of ERROR, or NULL: because it has enough.  Complete
   CALL, and let its provider stop.  */
void connection_give_up_call (struct lr_call *call, const struct lr_error *error);

/* The number of the call that was started last.  */
uint64_t connection_last_id (const lr_connection *connection);

/* The call of this number; NULL: it has ended.  */
struct lr_call *connection_find_call (lr_connection *connection, uint64_t id);

/* Whether OPERATION goes to a dispatcher, rather than to the connector's own function; whether that
   one speaks sessions.  */
bool connection_tunnels (const lr_connection *connection, enum operation operation);
bool connection_speaks_sessions (const lr_connection *connection);

/* Its session, and why there is none: NULL and *ERROR.  */
struct session *connection_session (lr_connection *connection, struct lr_error *error);

/* There may be something to send: send it before the loop waits next.  */
void connection_flush_soon (lr_connection *connection);

/* Whom errors name.  */
const char *connection_host (const lr_connection *connection);
void connection_blame (const lr_connection *connection, struct lr_error *error);

/* For who tells how it is: where it leads; its links, one for each hop, or NULL without a tunnel;
   whether it is still opening; why it failed, or NULL.  */
const struct destination *connection_destination (const lr_connection *connection);
const struct link *connection_links (const lr_connection *connection);
bool connection_is_opening (const lr_connection *connection);
const struct lr_error *connection_reason (const lr_connection *connection);

/* Processes are in the connection's list, so that they learn of its end; PROCESS lives longer.  */
struct lr_process;
struct lr_process **connection_processes (lr_connection *connection);

#endif
