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

/* What REGISTRY reads: its configuration, which is borrowed, and its search path, which
   search_path_free frees in any case.  */
int registry_read (lr_registry *registry, const struct config **config, struct search_path *path,
                   struct lr_error *error);

/* Let REGISTRY live until it is freed once more: a connection may end after the program has freed
   both.  */
void registry_hold (lr_registry *registry);

/* Where REGISTRY's log goes now.  */
struct log registry_log (lr_registry *registry);

#endif
