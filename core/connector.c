#include "core/connector.h"

#include "core/error.h"

#include <stdlib.h>
#include <string.h>

enum
{
  TABLE_MAX = 65536, /* bytes: far more than any version's */
};

/* The offset of an operation that a connector can only inherit.  */
#define NO_MEMBER SIZE_MAX

/* An operation's function is any of several types; here it only matters whether it is set.  */
static const struct
{
  const char *name;
  size_t offset;
} operations[OPERATION_COUNT] = {
#define ROW(OPERATION, member) [OPERATION] = { #member, offsetof (struct lr_connector, member) }
  ROW (OPERATION_OPEN, open),
  ROW (OPERATION_CLOSE, close),
  ROW (OPERATION_RUN, run),
  ROW (OPERATION_STAT, stat),
  ROW (OPERATION_UPLOAD, upload),
  ROW (OPERATION_DOWNLOAD, download),
  ROW (OPERATION_RESOLVE_USER, resolve_user),
  ROW (OPERATION_RESOLVE_GROUP, resolve_group),
  ROW (OPERATION_QUERY_USER, query_user),
  ROW (OPERATION_QUERY_GROUP, query_group),
  ROW (OPERATION_GETENV, getenv),
  ROW (OPERATION_LIST, list),
  ROW (OPERATION_MAKE_DIRECTORY, make_directory),
  ROW (OPERATION_REMOVE, remove),
  ROW (OPERATION_RENAME, rename),
  ROW (OPERATION_LINK, link),
  ROW (OPERATION_READ_LINK, read_link),
  ROW (OPERATION_SET_ATTRIBUTES, set_attributes),
  ROW (OPERATION_MAKE_TEMPORARY, make_temporary),
  ROW (OPERATION_FILE_SYSTEM, file_system),
  [OPERATION_PUT_TREE] = { "put_tree", NO_MEMBER },
  [OPERATION_GET_TREE] = { "get_tree", NO_MEMBER },
#undef ROW
};

/* Options that every connector with a wrap has.  */
static const struct lr_option tunnel_options[] = {
  { .name = "dispatcher",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its arguments, that is run at the far side as the dispatcher" },
  { .name = "protocol",
    .type = LR_OPTION_CHOICE,
    .choices = "session|plain",
    .help = "what is spoken with the dispatcher; plain is for one that knows nothing else" },
  { .name = "deploy",
    .type = LR_OPTION_CHOICE,
    .choices = "auto|never",
    .help = "whether a dispatcher is put there for as long as the connection lasts; never: one is "
            "installed there" },
  { .name = "directory",
    .type = LR_OPTION_STRING,
    .help = "the directory at the far side that the dispatcher is put into" },
  { .name = "bootstrap",
    .type = LR_OPTION_CHOICE,
    .choices = "push|wait",
    .help = "whether the dispatcher is sent at once, or when the far side's shell says that it "
            "reads" },
};

const char *
operation_name (enum operation operation)
{
  return operations[operation].name;
}

static bool
overrides (const struct lr_connector *table, enum operation operation)
{
  void (*function) (void);
  if (operations[operation].offset == NO_MEMBER)
    return false;
  memcpy (&function, (const char *) table + operations[operation].offset, sizeof function);
  return function != NULL;
}

static bool
refuses (const struct lr_connector *table, enum operation operation)
{
  for (const char *const *name = table->unsupported; name != NULL && *name != NULL; name++)
    if (strcmp (*name, operations[operation].name) == 0)
      return true;
  return false;
}

/* A connector that overrides anything may guard something: it inherits only what its author could
   know of.  */
static void
choose_providers (struct connector *connector, size_t known_size)
{
  const struct lr_connector *table = &connector->table;
  bool overrides_any = false;
  for (int i = 0; i < OPERATION_COUNT; i++)
    overrides_any = overrides_any || overrides (table, (enum operation) i);
  for (int i = 0; i < OPERATION_COUNT; i++)
    {
      bool known = operations[i].offset < known_size
                   && operations[i].offset + sizeof (void (*) (void)) <= known_size;
      bool inherits = table->wrap != NULL && (known || !overrides_any);
      if (refuses (table, (enum operation) i))
        connector->providers[i] = PROVIDER_NONE;
      else if (overrides (table, (enum operation) i))
        connector->providers[i] = PROVIDER_CONNECTOR;
      else
        connector->providers[i] = inherits ? PROVIDER_TUNNEL : PROVIDER_NONE;
    }
}

bool
connector_needs_tunnel (const struct connector *connector)
{
  for (int i = OPERATION_RUN; i < OPERATION_COUNT; i++)
    if (connector->providers[i] == PROVIDER_TUNNEL)
      return true;
  return false;
}

bool
connector_schema_is_valid (const char *schema, size_t length)
{
  if (length == 0 || schema[0] < 'a' || schema[0] > 'z')
    return false;
  for (size_t i = 0; i < length; i++)
    if (strchr ("abcdefghijklmnopqrstuvwxyz0123456789+-.", schema[i]) == NULL || schema[i] == '\0')
      return false;
  return true;
}

/* A sentence on what makes no sense in TABLE, or NULL.  */
static const char *
find_nonsense (const struct lr_connector *table)
{
  bool can_do_something = table->wrap != NULL;
  if (table->schema == NULL || !connector_schema_is_valid (table->schema, strlen (table->schema)))
    return "its schema is not made of lower-case letters, digits, \"+\", \"-\" and \".\", a letter "
           "first";
  if (table->description == NULL)
    return "it has no description";
  if (table->target_form > LR_TARGET_WORDS)
    return "its target form is unknown";
  for (int i = OPERATION_RUN; i < OPERATION_COUNT; i++)
    can_do_something = can_do_something || overrides (table, (enum operation) i);
  if (!can_do_something)
    return "it has neither wrap nor any operation";
  if (table->options != NULL && table->option_size < offsetof (struct lr_option, choices))
    return "its options have no size";
  return NULL;
}

int
connector_check_abi (uint32_t abi, const char *origin, struct lr_error *error)
{
  if (abi == LR_ABI)
    return 0;
  return error_set (error, LR_ERROR_PLUGIN,
                    "%s: it is built for connector ABI %u, and this library has ABI %d", origin,
                    abi, LR_ABI);
}

int
connector_import (struct connector *connector, const struct lr_connector *table, const char *origin,
                  struct lr_error *error)
{
  size_t size = table->size;
  if (connector_check_abi (table->abi, origin, error) != 0)
    return -1;
  if (size < offsetof (struct lr_connector, wrap) || size > TABLE_MAX || size % 8 != 0)
    return error_set (error, LR_ERROR_PLUGIN,
                      "%s: its connector table is %zu bytes, which is no size of one", origin,
                      size);
  for (size_t i = sizeof *table; i < size; i++)
    if (((const char *) table)[i] != 0)
      return error_set (error, LR_ERROR_PLUGIN,
                        "%s: its connector table is %zu bytes and uses more than the %zu bytes "
                        "that this library knows: it needs a newer one",
                        origin, size, sizeof *table);
  memset (connector, 0, sizeof *connector);
  memcpy (&connector->table, table, size < sizeof *table ? size : sizeof *table);
  const char *nonsense = find_nonsense (&connector->table);
  if (nonsense != NULL)
    return error_set (error, LR_ERROR_PLUGIN, "%s: its connector table makes no sense: %s", origin,
                      nonsense);
  choose_providers (connector, size);
  return 0;
}

const struct connector *
connector_of (const struct lr_connector *table)
{
  _Static_assert(offsetof (struct connector, table) == 0, "a table is where its connector is");
  return (const struct connector *) (const void *) table;
}

void
connector_call (const struct connector *connector, enum operation operation, lr_call *call,
                const void *args)
{
  const struct lr_connector *table = &connector->table;
  switch (operation)
    {
    case OPERATION_OPEN:
      table->open (call);
      break;
    case OPERATION_CLOSE:
      table->close (call);
      break;
    case OPERATION_RUN:
      table->run (call, args);
      break;
    case OPERATION_STAT:
      table->stat (call, args);
      break;
    case OPERATION_UPLOAD:
      table->upload (call, args);
      break;
    case OPERATION_DOWNLOAD:
      table->download (call, args);
      break;
    case OPERATION_RESOLVE_USER:
      table->resolve_user (call, args);
      break;
    case OPERATION_RESOLVE_GROUP:
      table->resolve_group (call, args);
      break;
    case OPERATION_QUERY_USER:
      table->query_user (call, args);
      break;
    case OPERATION_QUERY_GROUP:
      table->query_group (call, args);
      break;
    case OPERATION_GETENV:
      table->getenv (call, args);
      break;
    case OPERATION_LIST:
      table->list (call, args);
      break;
    case OPERATION_MAKE_DIRECTORY:
      table->make_directory (call, args);
      break;
    case OPERATION_REMOVE:
      table->remove (call, args);
      break;
    case OPERATION_RENAME:
      table->rename (call, args);
      break;
    case OPERATION_LINK:
      table->link (call, args);
      break;
    case OPERATION_READ_LINK:
      table->read_link (call, args);
      break;
    case OPERATION_SET_ATTRIBUTES:
      table->set_attributes (call, args);
      break;
    case OPERATION_MAKE_TEMPORARY:
      table->make_temporary (call, args);
      break;
    case OPERATION_FILE_SYSTEM:
      table->file_system (call, args);
      break;
    case OPERATION_PUT_TREE:
    case OPERATION_GET_TREE:
    case OPERATION_COUNT:
      break;
    }
}

/* ---- options ---- */

/* The connector's own option INDEX.  Its entries may be larger than ours, or smaller by members at
   their end, which no one reads unless the type asks for them.  */
static const struct lr_option *
own_option (const struct lr_connector *table, size_t index)
{
  const char *entries = (const char *) table->options;
  for (size_t i = 0; entries != NULL; i++, entries += table->option_size)
    {
      const struct lr_option *option = (const struct lr_option *) (const void *) entries;
      if (option->name == NULL)
        return NULL;
      if (i == index)
        return option;
    }
  return NULL;
}

const struct lr_option *
connector_option_at (const struct lr_connector *table, size_t index)
{
  size_t own = 0;
  while (own_option (table, own) != NULL)
    own++;
  if (index < own)
    return own_option (table, index);
  index -= own;
  return table->wrap != NULL && index < sizeof tunnel_options / sizeof tunnel_options[0]
             ? &tunnel_options[index]
             : NULL;
}

const struct lr_option *
connector_option (const struct lr_connector *table, const char *name)
{
  const struct lr_option *option;
  for (size_t i = 0; (option = connector_option_at (table, i)) != NULL; i++)
    if (strcmp (option->name, name) == 0)
      return option;
  return NULL;
}
