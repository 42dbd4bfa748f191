/* Targets: what a URL says, parsed and checked.

     target = hop *( "," hop )
     hop    = schema ":" [ "//" ] rest [ "?" name=value *( "&" name=value ) ]

   Split at raw commas, then at the first `?`; then the rest is parsed by the connector's target
   form; then percent-decoded.  */

#ifndef CORE_URL_H
#define CORE_URL_H

#include <longreach/connector.h>

#include <stdbool.h>
#include <stddef.h>

struct hop_option
{
  const struct lr_option *option; /* borrowed from the connector */
  char *value;
};

/* Owns all its texts.  */
struct lr_hop
{
  const struct lr_connector *connector; /* borrowed */
  char *schema;
  char *name; /* "" where there is none */
  char *user; /* NULL: none */
  unsigned port;
  char **words; /* of LR_TARGET_WORDS */
  size_t word_count;
  struct hop_option *options;
  size_t option_count, option_allocated;
  bool may_ask;      /* what its program asks is answered */
  const char *nonce; /* borrowed from its link; NULL: it has none */
};

struct target
{
  struct lr_hop *hops;
  size_t count;
};

/* The connector's table for SCHEMA; NULL and *ERROR.  */
typedef const struct lr_connector *url_find_connector (void *context, const char *schema,
                                                       struct lr_error *error);

/* Parse URL into *TARGET, which target_free frees, also after a failure.  OPTIONS, "NAME=VALUE" and
   ended by NULL, or NULL, belong to the last hop.  Errors: INVALID_VALUE (`url`, or the name of an
   option), with the hop's index; and those of FIND.  */
int target_parse (struct target *target, const char *url, const char *const *options,
                  url_find_connector *find, void *context, struct lr_error *error);

void target_free (struct target *target);

/* Add OPTION, "NAME=VALUE" and not percent-decoded, to HOP.  Errors: INVALID_VALUE (the name).  */
int hop_add_option (struct lr_hop *hop, const char *option, struct lr_error *error);

#endif
