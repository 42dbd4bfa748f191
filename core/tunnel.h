/* The tunnel: operations as requests to a dispatcher, and its answers as their results.  */

#ifndef CORE_TUNNEL_H
#define CORE_TUNNEL_H

#include "core/call.h"
#include "protocol/packet.h"

/* Make PACKET the request of CALL.  It borrows from the arguments and, for lists, from *MEMORY,
   which the caller frees.  False: the call has failed already.  */
bool tunnel_request (struct lr_call *call, struct packet *packet, void **memory);

/* Whether a packet ID can answer CALL.  */
bool tunnel_accepts (const struct lr_call *call, enum packet_id id);

/* Where the contents of a bytes field of the answer go.  */
enum lr_stream tunnel_stream (const struct packet *packet, const struct packet_field *field);

/* PACKET, which tunnel_accepts, answers CALL.  */
void tunnel_answer (struct lr_call *call, const struct packet *packet);

#endif
