#include "core/destination.h"

#include "core/error.h"
#include "core/result.h"
#include "core/text.h"

#include <stdlib.h>
#include <string.h>

char *
destination_hop_host (const struct lr_hop *hop)
{
  lr_text text = { NULL };
  if (hop->connector->extract_hostname != NULL)
    hop->connector->extract_hostname (hop, &text);
  if (text.data != NULL)
    return text.data;
  return strdup (hop->name[0] == '\0' ? hop->schema : hop->name);
}

const struct lr_hop *
destination_last_hop (const struct destination *destination)
{
  return &destination->target.hops[destination->target.count - 1];
}

int
destination_find (struct destination *destination, lr_registry *registry,
                  const struct lr_open_args *args, struct lr_error *error)
{
  if (args->url == NULL)
    return error_set_field (error, "url", "the URL is NULL");
  if (registry != NULL)
    registry_hold (registry);
  destination->registry = registry != NULL ? registry : lr_registry_new ();
  if (destination->registry == NULL)
    return error_no_memory (error);
  destination->log = registry_log (destination->registry);
  if (registry_parse_target (destination->registry, &destination->target, args->url, args->options,
                             error)
      != 0)
    return -1;
  const struct lr_hop *hop = destination_last_hop (destination);
  destination->connector = registry_find (destination->registry, hop->schema, error);
  if (destination->connector == NULL)
    return -1;
  destination->host = destination_hop_host (hop);
  return destination->host == NULL ? error_no_memory (error) : 0;
}

void
destination_free (struct destination *destination)
{
  target_free (&destination->target);
  lr_registry_free (destination->registry);
  free (destination->host);
}

/* Why HOP, which others come behind, can't be on a way that a TUNNEL goes; NULL: it can.  */
static const char *
find_obstacle (const struct lr_hop *hop, bool tunnel)
{
  const char *protocol = lr_hop_option (hop, "protocol");
  if (!tunnel)
    return "does not take part in a way of several hops";
  if (hop->connector->wrap == NULL)
    return "runs no commands, so that no other hop can be behind it";
  if (protocol != NULL && strcmp (protocol, "plain") == 0)
    return "speaks the plain protocol, which leads no further";
  return NULL;
}

int
destination_check (const struct destination *destination, struct lr_error *error)
{
  bool tunnel = connector_needs_tunnel (destination->connector);
  for (size_t i = 0; i + 1 < destination->target.count; i++)
    {
      const struct lr_hop *hop = &destination->target.hops[i];
      const char *obstacle = find_obstacle (hop, tunnel);
      if (obstacle == NULL)
        continue;
      const char *schema = tunnel ? hop->schema : destination_last_hop (destination)->schema;
      error_set (error, LR_ERROR_UNSUPPORTED, "%s: the connector %s", schema, obstacle);
      error->hop = (int32_t) i;
      return -1;
    }
  return 0;
}

int
lr_extract_hostname (lr_registry *registry, const char *url, char **result, struct lr_error *error)
{
  struct lr_error local;
  struct destination destination = { 0 };
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  error = error_begin (error, &local);
  *result = NULL;
  int status = destination_find (&destination, registry, &args, error);
  if (status == 0)
    {
      *result = result_text (destination.host);
      status = *result == NULL ? error_no_memory (error) : 0;
    }
  destination_free (&destination);
  return status;
}
