/* A relay: a transport that leads through a session, where a Spawn runs its command.

   These are what transport.h has, for a transport that is one.  */

#ifndef CORE_RELAY_H
#define CORE_RELAY_H

#include "core/transport.h"

struct session;

/* What a relay leads through.  */
struct relay_way
{
  struct session *session;                  /* borrowed; it is open */
  void (*flush) (void *context);            /* there may be something to send */
  bool (*is_blocked) (const void *context); /* what is to be sent waits for others to read */
  void *context;
};

/* Start COMMAND through WAY, and if AT_TERMINAL with a terminal beside its streams and with
   ENVIRONMENT, as transport_start has them; the session has to serve that.  That it can't be run
   shows later, as its end.  Errors: NO_MEMORY, INVALID_VALUE (too large), REMOTE_OS (EAGAIN: too
   much is under way there).  */
int relay_start (struct transport *transport, lr_loop *loop, const struct relay_way *way,
                 char *const *command, char *const *environment, bool at_terminal,
                 const struct transport_hooks *hooks, void *context, struct lr_error *error);

bool relay_has_input (const struct transport *transport);
void relay_want_write (struct transport *transport, bool wanted);
bool relay_is_blocked (const struct transport *transport);
void relay_close_input (struct transport *transport);
ssize_t relay_write (struct transport *transport, const struct iovec *pieces, int count);
ssize_t relay_answer (struct transport *transport, const struct iovec *answer);
void relay_end (struct transport *transport, uint64_t grace, uint64_t patience);
void relay_hurry (struct transport *transport, uint64_t patience);
bool relay_has_ended (const struct transport *transport);
void relay_free (struct transport *transport);

#endif
