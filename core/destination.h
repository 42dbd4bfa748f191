/* Where a URL leads, as far as that is known without going there.  */

#ifndef CORE_DESTINATION_H
#define CORE_DESTINATION_H

#include "core/registry.h"

struct destination
{
  lr_registry *registry; /* held */
  struct log log;
  struct target target;
  const struct connector *connector; /* of the last hop; borrowed from the registry */
  char *host;                        /* owned: the last hop's */
};

/* Find out where ARGS, a whole one, lead, in REGISTRY, or with NULL in one of its own.
   destination_free frees *DESTINATION, which is all zero before, also after a failure.  */
int destination_find (struct destination *destination, lr_registry *registry,
                      const struct lr_open_args *args, struct lr_error *error);
void destination_free (struct destination *destination);

const struct lr_hop *destination_last_hop (const struct destination *destination);

/* Whether all its hops can take part in the way.  Errors: UNSUPPORTED, with the hop's index.  */
int destination_check (const struct destination *destination, struct lr_error *error);

/* The host's name for HOP, in memory the caller frees.  */
char *destination_hop_host (const struct lr_hop *hop);

#endif
