/* Getenv: the dispatcher's own environment.  */

#include "dispatcher/request.h"

#include <stdlib.h>
#include <string.h>

static void
get_variable (struct request *request)
{
  const char *key = request->packet->getenv.key.data;
  struct packet packet = { .id = PACKET_ENVIRON_VAR };
  /* getenv itself would take "a=b" for the variable a with a value that begins so.  */
  packet.environ_var.value = packet_text (strchr (key, '=') == NULL ? getenv (key) : NULL);
  answer (request, &packet);
}

const struct request_kind getenv_kind = { .id = PACKET_GETENV,
                                          .protocols = REQUEST_BOTH,
                                          .handle = get_variable };
