/* The registry, as the rest of the core uses it.  */

#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "core/connector.h"
#include "core/log.h"
#include "core/search_path.h"
#include "core/url.h"

/* The connector of SCHEMA, loaded if need be; it lives as long as REGISTRY.  NULL and *ERROR.  */
const struct connector *registry_find (lr_registry *registry, const char *schema,
                                       struct lr_error *error);

/* Parse URL with the connectors of REGISTRY, as target_parse does.  */
int registry_parse_target (lr_registry *registry, struct target *target, const char *url,
                           const char *const *options, struct lr_error *error);

/* Show INSPECT what REGISTRY has read, under its lock.  With an error that is what is right of the
   configuration; without memory INSPECT is not called.  */
typedef void registry_inspector (void *context, const struct config *config,
                                 const struct search_path *path);
int registry_inspect (lr_registry *registry, registry_inspector *inspect, void *context,
                      struct lr_error *error);

/* Let REGISTRY live until it is freed once more: a connection may end after the program has freed
   both.  */
void registry_hold (lr_registry *registry);

/* Where REGISTRY's log goes now.  */
struct log registry_log (lr_registry *registry);

#endif
