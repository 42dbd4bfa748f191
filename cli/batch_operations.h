/* What each operation of batch is given, does besides what the library does, and answers.  */

#ifndef CLI_BATCH_OPERATIONS_H
#define CLI_BATCH_OPERATIONS_H

#include "cli/fields.h"
#include "cli/local_error.h"
#include "cli/local_target.h"
#include "cli/local_write.h"

#include <longreach/longreach.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Arguments: first the library's, then what batch adds.  */

struct run_request
{
  struct lr_run_args args;
  uint64_t linger; /* milliseconds; LR_NEVER: not given */
};

struct put_request
{
  struct lr_put_args args; /* its descriptor is owned; -1: none yet */
  const char *from;
  struct lr_bytes content; /* if that is NULL */
};

struct get_request
{
  struct lr_get_args args;
  uint64_t limit; /* bytes */
  const char *to; /* NULL: the content goes into the answer, by way of memory */
  int memory;     /* a descriptor, owned; -1: none yet */
  struct local_target target;
  struct local_write file;
};

struct ping_request
{
  struct lr_ping_args args;
  int64_t begin; /* nanoseconds */
};

struct cancel_request
{
  uint32_t size;
  const json_t *request; /* borrowed; NULL: not given */
};

union arguments
{
  uint32_t size; /* of the library's, as all of them begin */
  struct run_request run;
  struct lr_stat_args stat;
  struct put_request put;
  struct get_request get;
  struct lr_resolve_args resolve;
  struct lr_query_user_args user;
  struct lr_query_group_args group;
  struct lr_getenv_args getenv;
  struct lr_list_args list;
  struct lr_make_directory_args make_directory;
  struct lr_remove_args remove;
  struct lr_rename_args rename;
  struct lr_link_args link;
  struct lr_path_args path;
  struct lr_set_attributes_args set_attributes;
  struct lr_make_temporary_args make_temporary;
  struct ping_request ping;
  struct cancel_request cancel;
};

/* Why a request can't be carried out.  */
struct refusal
{
  const char *kind; /* "usage", "local-file" */
  int errnum;       /* 0: none */
  char field[64];
  char text[sizeof ((struct local_error *) NULL)->text];
};

struct batch_operation
{
  const char *name;
  const char *other_name;      /* NULL: none */
  enum lr_operation operation; /* 0: it is batch's own, cancel */
  const struct field *fields;
  size_t args_size; /* of the library's structure */
  size_t timeout;   /* the offset of timeout_ms in it */

  /* Any of these but `describe` may be NULL.  */

  /* Set what zero is not the default of.  */
  void (*set_defaults) (union arguments *arguments);

  /* Complete what was given: 0, or -1 and *REFUSAL.  `close` frees what this opens, in either
     case.  */
  int (*prepare) (union arguments *arguments, struct refusal *refusal);
  void (*close) (union arguments *arguments);

  /* Tell in *REFUSAL that the local file failed with ERRNUM, or 0: it became shorter.  */
  void (*refuse_file) (const union arguments *arguments, int errnum, struct refusal *refusal);

  /* RESULT as JSON; NULL and *REFUSAL, if something went wrong here.  */
  json_t *(*describe) (union arguments *arguments, const void *result, struct refusal *refusal);
};

/* Ended by one without a name.  */
extern const struct batch_operation batch_operations[];

/* The operation that is called NAME; NULL: there is none.  */
const struct batch_operation *batch_operation_find (const char *name);

/* Fill in REFUSAL: it is about FIELD, or "".  Returns -1.  */
int refusal_set (struct refusal *refusal, const char *field, const char *format, ...)
    __attribute__ ((format (printf, 3, 4)));

#endif
