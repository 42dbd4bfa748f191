/* CheckAlive.  */

#include "dispatcher/request.h"

static void
answer_alive (struct request *request)
{
  answer (request, &(struct packet){ .id = PACKET_ACK });
}

const struct request_kind alive_kind = { .id = PACKET_CHECK_ALIVE,
                                         .protocols = REQUEST_BOTH,
                                         .handle = answer_alive };
