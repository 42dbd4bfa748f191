/* The hops of a target told one by one: before anything is started, and of a connection.  */

#include "core/args.h"
#include "core/connection.h"
#include "core/destination.h"
#include "core/error.h"
#include "core/link.h"
#include "core/questions.h"
#include "core/result.h"

#include <stdlib.h>
#include <string.h>

/* A list that is being made.  */
struct account
{
  struct lr_hop_list *list;
  struct lr_hop_info *infos; /* of it */
};

/* The words of COMMAND, ended by NULL, as a part of RESULT; NULL without memory.  */
static const char *const *
copy_words (void *result, const lr_command *command)
{
  char **words = result_own (result, calloc (command->count + 1, sizeof *words));
  for (size_t i = 0; words != NULL && i < command->count; i++)
    if ((words[i] = result_copy_text (result, command->words[i])) == NULL)
      return NULL;
  return (const char *const *) words;
}

/* What is run for HOP; a connector may have nothing to run.  */
static int
tell_command (struct account *account, struct lr_hop_info *info, const struct lr_hop *hop,
              bool on_this_system, struct lr_error *error)
{
  lr_command command = { NULL, 0, 0, NULL, 0 };
  int status = bootstrap_outline (hop, on_this_system, &command, error);
  if (status == 0 && (info->command = copy_words (account->list, &command)) == NULL)
    status = error_no_memory (error);
  command_free (&command);
  return status;
}

static int
tell_hop (struct account *account, struct lr_hop_info *info, const struct destination *destination,
          const struct lr_hop *hop, struct lr_error *error)
{
  const struct connector *connector = registry_find (destination->registry, hop->schema, error);
  if (connector == NULL)
    return -1;
  char *host = result_own (account->list, destination_hop_host (hop));
  info->schema = result_copy_text (account->list, hop->schema);
  info->description = result_copy_text (account->list, connector->table.description);
  info->file = result_copy_text (account->list, connector->file);
  info->host = host;
  if (host == NULL || info->schema == NULL || info->description == NULL
      || (info->file == NULL && connector->file != NULL))
    return error_no_memory (error);
  return 0;
}

/* Tell of all hops what is known without going there.  */
static int
tell_destination (struct account *account, const struct destination *destination,
                  struct lr_error *error)
{
  size_t count = destination->target.count;
  bool tunnel = connector_needs_tunnel (destination->connector), on_this_system = true;
  struct lr_hop_list *list = account->list = result_new (sizeof *list);
  if (list == NULL)
    {
      error_no_memory (error);
      return -1;
    }
  account->infos = result_own (list, calloc (count, sizeof *account->infos));
  const struct lr_hop_info **items = result_own (list, calloc (count, sizeof *items));
  if (account->infos == NULL || items == NULL)
    {
      error_no_memory (error);
      return -1;
    }
  list->count = count;
  list->items = items;
  for (size_t i = 0; i < count; i++)
    {
      const struct lr_hop *hop = &destination->target.hops[i];
      items[i] = &account->infos[i];
      if (tell_hop (account, &account->infos[i], destination, hop, error) != 0
          || (tunnel
              && tell_command (account, &account->infos[i], hop, on_this_system, error) != 0))
        {
          error->hop = (int32_t) i;
          return -1;
        }
      if ((hop->connector->flags & LR_SAME_SYSTEM) == 0)
        on_this_system = false;
    }
  return 0;
}

/* STATUS is 0, or -1: then nothing is left of it.  */
static int
hand_over (struct account *account, int status, struct lr_hop_list **result)
{
  if (status == 0)
    *result = account->list;
  else
    lr_free (account->list);
  return status;
}

int
lr_explain (lr_registry *registry, const struct lr_open_args *given, struct lr_hop_list **result,
            struct lr_error *error)
{
  struct lr_error local;
  struct lr_open_args args;
  struct account account = { 0 };
  struct destination destination = { 0 };
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0)
    return -1;
  int status = destination_find (&destination, registry, &args, error);
  if (status == 0)
    status = destination_check (&destination, error);
  if (status == 0)
    {
      struct lr_hop *first = destination.target.hops, *hop = first;
      do /* there is one, at least */
        hop->may_ask =
            args.prompt != NULL
            && questions_ways (hop, hop == first ? PLACE_HERE : PLACE_WITH_TERMINAL) != 0;
      while (++hop < first + destination.target.count);
      status = tell_destination (&account, &destination, error);
    }
  destination_free (&destination);
  return hand_over (&account, status, result);
}

/* ---- of a connection ---- */

static uint64_t
state_of (const struct link *link)
{
  if (link->opened_at == 0)
    return LR_HOP_UNTRIED;
  if (link->phase == LINK_OPENING)
    return LR_HOP_OPENING;
  return link->phase == LINK_OPEN ? LR_HOP_OPEN : LR_HOP_FAILED;
}

/* A copy of TEXT, where it says anything.  False: there is no memory.  */
static bool
copy_fact (void *result, const char **member, const char *text)
{
  if (text[0] == '\0')
    return true;
  *member = result_copy_text (result, text);
  return *member != NULL;
}

/* What has come of a hop.  False: there is no memory.  */
static bool
tell_link (struct account *account, struct lr_hop_info *info, const struct link *link)
{
  const struct bootstrap_facts *facts = link_facts (link);
  void *result = account->list;
  info->state = state_of (link);
  if (link->opened_at != 0)
    info->opening_ms =
        (uint64_t) ((link->settled_at == 0 ? loop_now () : link->settled_at) - link->opened_at);
  return copy_fact (result, &info->system, facts->system)
         && copy_fact (result, &info->directory, facts->directory)
         && (link->session == NULL
             || copy_fact (result, &info->version, session_version (link->session)))
         && (link->phase != LINK_BROKEN
             || copy_fact (result, &info->problem, link->reason.message));
}

/* A connection without a tunnel has one hop, which is what the connection is.  */
static bool
tell_state (struct account *account, const lr_connection *connection)
{
  struct lr_hop_info *info = &account->infos[0];
  const struct lr_error *reason = connection_reason (connection);
  info->state = reason != NULL                       ? LR_HOP_FAILED
                : connection_is_opening (connection) ? LR_HOP_OPENING
                                                     : LR_HOP_OPEN;
  return reason == NULL || copy_fact (account->list, &info->problem, reason->message);
}

int
lr_inspect (lr_connection *connection, struct lr_hop_list **result, struct lr_error *error)
{
  struct lr_error local;
  struct account account = { 0 };
  error = error_begin (error, &local);
  *result = NULL;
  int status = tell_destination (&account, connection_destination (connection), error);
  const struct link *links = connection_links (connection);
  bool told = true;
  for (size_t i = 0; status == 0 && links != NULL && told && i < account.list->count; i++)
    told = tell_link (&account, &account.infos[i], &links[i]);
  if (status == 0 && links == NULL)
    told = tell_state (&account, connection);
  if (!told)
    status = error_no_memory (error);
  return hand_over (&account, status, result);
}
