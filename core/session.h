/* The client's end of the session protocol: bytes in, bytes out.  No descriptor, no clock, no I/O
   of its own, so that it can be fed with anything, and run inside a channel of another session.

   Who opens a channel is its owner, and learns through its kind's functions what comes on it.  All
   of them may open and abandon channels, their own included.  */

#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "protocol/frame.h"

#include <longreach/longreach.h>

#include <stdbool.h>
#include <sys/uio.h>

struct session;
struct session_channel;

struct session_kind
{
  /* Whether packet ID, which is no Data, Eof or Window, may come on it.  */
  bool (*accepts) (void *owner, enum packet_id id);

  /* One has come.  With the final one the channel is gone; OWNER may be, too, after this.  */
  void (*packet) (void *owner, const struct packet *packet, bool final);

  /* SIZE bytes have come on STREAM; they are owed to session_consume.  NULL: it has no outputs.  */
  void (*data) (void *owner, uint32_t stream, const char *data, size_t size);
  void (*ended) (void *owner, uint32_t stream);

  /* More of its input is wanted, up to SIZE bytes, which may be none.  Returns how many there are
     at *DATA, which is SCRATCH, of SIZE bytes, or borrowed until they are sent or the channel is
     abandoned; 0: none now, and session_has_input will be called; -1: this is the end of it.  NULL:
     it has no input.
   */
  long (*input) (void *owner, char *scratch, size_t size, const char **data);

  /* There is nothing to come any more: the connection failed.  The channel is gone.  */
  void (*failed) (void *owner, const struct lr_error *error);
};

/* What a session tells its connection.  */
struct session_hooks
{
  void (*opened) (void *context); /* the banner has come */
  void (*log) (void *context, char direction, uint32_t channel, const char *packet_name);

  /* LINE has come before the banner.  True: it was expected, and is no noise.  NULL: none is.  */
  bool (*line) (void *context, const char *line);
};

struct session *session_new (const char *nonce, uint32_t lease, const struct session_hooks *hooks,
                             void *context);

/* Every channel must be gone or without an owner.  */
void session_free (struct session *session);

/* How much a channel may ask of the far side.  */
enum session_class
{
  SESSION_SHORT,     /* it will have its answer soon */
  SESSION_LASTING,   /* it may take any time: some channels are always left to the short ones */
  SESSION_IMMEDIATE, /* the same, and it does not wait for its turn */
};

/* Open a channel with the request PACKET.  It is sent when the far side has room for it.  NULL and
   *ERROR: INVALID_VALUE (a field that is too large), NO_MEMORY; REMOTE_OS (EAGAIN), it would have
   to wait and must not.  */
struct session_channel *session_open (struct session *session, const struct session_kind *kind,
                                      void *owner, enum session_class class,
                                      const struct packet *packet, struct lr_error *error);

/* The input of CHANNEL may hold secrets: what was scratch's is wiped when it is sent.  */
void session_keep_secret (struct session_channel *channel);

/* OWNER wants nothing more of CHANNEL: what is asked for there is taken back.  */
void session_abandon (struct session_channel *channel);

/* Send no requests until session_release, also when the banner has come.  */
void session_hold (struct session *session);
void session_release (struct session *session);

/* Send PACKET, a Signal, Resize or Keys, on CHANNEL, behind its request.  False: too much waits to
   be sent already, and PACKET will not be.  Keys may be secret: they are wiped when they are sent.
 */
bool session_send (struct session_channel *channel, const struct packet *packet);

/* SIZE bytes of what came on STREAM are done with.  */
void session_consume (struct session_channel *channel, uint32_t stream, size_t size);

/* There is input for CHANNEL again.  */
void session_has_input (struct session_channel *channel);

/* There is no memory to keep it: as where there is none for what the session itself sends, the
   connection ends.  */
void session_lacks_memory (struct session_channel *channel);

/* On channel 0: ask for a sign of life; ask the server to end.  */
void session_check_alive (struct session *session);
void session_exit (struct session *session);

/* What is to be sent now: up to SESSION_PIECES pieces; returns how many, 0: nothing.  It asks
   owners for input.  Then say how many bytes were sent, and that it took MILLISECONDS since the
   time before, with bytes waiting all the while.  */
enum
{
  SESSION_PIECES = 4,
};
int session_output (struct session *session, struct iovec *pieces);
void session_sent (struct session *session, size_t size, int64_t milliseconds);

/* Take bytes that came.  False: the far side doesn't keep the protocol; PROBLEM says how.  */
bool session_receive (struct session *session, const char *data, size_t size, char *problem,
                      size_t problem_size);

/* Whether the banner has come; what came before it, or instead of it.  */
bool session_is_open (const struct session *session);
const char *session_noise (const struct session *session, size_t *size);

/* Another transport is tried: what came through the last one is forgotten.  */
void session_forget_noise (struct session *session);

/* The dispatcher's version, as the banner has it; "" before that.  */
const char *session_version (const struct session *session);

/* Whether the banner says that a command can have a terminal beside its streams.  */
bool session_serves_asking (const struct session *session);

/* Whether the banner says that the dispatcher could not remove its own file.  */
bool session_is_unremoved (const struct session *session);

/* The connection is gone: every channel fails.  */
void session_fail (struct session *session, const struct lr_error *error);

/* There was no memory to go on: the connection can't be kept.  */
bool session_no_memory (const struct session *session);

#endif
