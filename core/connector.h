/* A connector as the core knows it: the plugin's table, brought to this version's size.  */

#ifndef CORE_CONNECTOR_H
#define CORE_CONNECTOR_H

#include <longreach/connector.h>

#include <stdbool.h>

/* The operations of a connector, in the order of its table.  */
enum operation
{
  OPERATION_OPEN,
  OPERATION_CLOSE,
  OPERATION_RUN,
  OPERATION_STAT,
  OPERATION_UPLOAD,
  OPERATION_DOWNLOAD,
  OPERATION_RESOLVE_USER,
  OPERATION_RESOLVE_GROUP,
  OPERATION_QUERY_USER,
  OPERATION_QUERY_GROUP,
  OPERATION_GETENV,
  OPERATION_LIST,
  OPERATION_MAKE_DIRECTORY,
  OPERATION_REMOVE,
  OPERATION_RENAME,
  OPERATION_LINK,
  OPERATION_READ_LINK,
  OPERATION_SET_ATTRIBUTES,
  OPERATION_MAKE_TEMPORARY,
  OPERATION_FILE_SYSTEM,
  OPERATION_PUT_TREE, /* this and the next have no member in the table */
  OPERATION_GET_TREE,
  OPERATION_COUNT,
};

/* Who carries out an operation.  */
enum provider
{
  PROVIDER_NONE,      /* unsupported */
  PROVIDER_CONNECTOR, /* the connector's own function */
  PROVIDER_TUNNEL,    /* the dispatcher, through the connector's wrap */
};

struct declaration;

struct connector
{
  struct lr_connector table; /* members the plugin's header did not have are zero; the first */
  enum provider providers[OPERATION_COUNT];
  char *file;                      /* owned: where it is from; NULL: the program brought it */
  struct declaration *declaration; /* owned: what it was made from; NULL: a plugin's table */
  struct connector *next;
};

/* Bring TABLE into CONNECTOR, which keeps borrowing all that it points to.  ORIGIN is said in
   errors: a file.  Errors: PLUGIN, the table makes no sense, or wants more than this version has.
 */
int connector_import (struct connector *connector, const struct lr_connector *table,
                      const char *origin, struct lr_error *error);

/* The connector that TABLE is the table of.  */
const struct connector *connector_of (const struct lr_connector *table);

/* Whether ABI is this library's, or else PLUGIN, said of ORIGIN.  */
int connector_check_abi (uint32_t abi, const char *origin, struct lr_error *error);

/* The operation's name, "resolve_user".  */
const char *operation_name (enum operation operation);

/* Whether any operation goes through the tunnel.  */
bool connector_needs_tunnel (const struct connector *connector);

/* Call the connector's own function for OPERATION with ARGS, which are of its type.  */
void connector_call (const struct connector *connector, enum operation operation, lr_call *call,
                     const void *args);

/* Option NAME of CONNECTOR, those of every tunnel included; NULL: there is none.  */
const struct lr_option *connector_option (const struct lr_connector *table, const char *name);

/* Option INDEX in the same sense; NULL past the last.  */
const struct lr_option *connector_option_at (const struct lr_connector *table, size_t index);

/* Whether SCHEMA is one by its characters.  */
bool connector_schema_is_valid (const char *schema, size_t length);

#endif
