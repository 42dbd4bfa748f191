/* The tunnel: operations as requests to a dispatcher, and its answers as their results.  */

#ifndef CORE_TUNNEL_H
#define CORE_TUNNEL_H

#include "core/call.h"
#include "protocol/packet.h"

/* Make PACKET the request of CALL, in a session or in the plain protocol.  It borrows from the
   arguments and, for lists, from *MEMORY, which the caller frees.  False: the call has failed
   already.  */
bool tunnel_request (struct lr_call *call, bool in_session, struct packet *packet, void **memory);

/* Make PACKET the Spawn of ARGS.  False without memory.  */
bool tunnel_spawn (const struct lr_spawn_args *args, struct packet *packet, void **memory);

/* Whether a packet ID can answer CALL.  */
bool tunnel_accepts (const struct lr_call *call, bool in_session, enum packet_id id);

/* Where the contents of a bytes field of a plain answer go.  */
enum lr_stream tunnel_stream (const struct packet *packet, const struct packet_field *field);

/* PACKET, which tunnel_accepts, has come for CALL.  After the last one it is answered.  */
void tunnel_answer (struct lr_call *call, bool in_session, const struct packet *packet);

/* What a Spawn that could not start answers, as an error of HOST's COMMAND.  */
void tunnel_describe_failure (const char *host, const struct packet *packet,
                              struct lr_error *error);

#endif
