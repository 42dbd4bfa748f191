/* Bootstrap: the command that leads to a running dispatcher at the far end of a hop.  */

#ifndef CORE_BOOTSTRAP_H
#define CORE_BOOTSTRAP_H

#include "core/command.h"

/* Make OUT, which is empty, the command for HOP.  NONCE marks the banner of a session; NULL: the
   plain protocol is spoken.  Errors: UNSUPPORTED, no dispatcher is known
   there; those of the connector's wrap.  */
int bootstrap_command (const lr_hop *hop, const char *nonce, lr_command *out,
                       struct lr_error *error);

#endif
