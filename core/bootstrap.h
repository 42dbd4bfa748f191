/* Bootstrap: the command that leads to a running dispatcher at the far end of a hop.  */

#ifndef CORE_BOOTSTRAP_H
#define CORE_BOOTSTRAP_H

#include "core/command.h"

/* Make OUT, which is empty, the command for HOP.  Errors: UNSUPPORTED, no dispatcher is known
   there; those of the connector's wrap.  */
int bootstrap_command (const lr_hop *hop, lr_command *out, struct lr_error *error);

#endif
