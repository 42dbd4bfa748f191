/* Mode, owner and group that a file is to get, as requests write them.  */

#ifndef DISPATCHER_OWNERSHIP_H
#define DISPATCHER_OWNERSHIP_H

#include "dispatcher/replacement.h"
#include "dispatcher/request.h"

/* The fields of a request; borrowed.  */
struct ownership_fields
{
  const struct packet_bytes *mode, *owner, *group;
};

/* What they say, in the protocol's order, into *OWNER; what they don't say is the default.  False:
   answered.  */
bool ownership_check (struct request *request, const struct ownership_fields *fields,
                      struct replacement_owner *owner);

#endif
