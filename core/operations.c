/* The blocking calls: each checks its arguments and hands them to the connection.  */

#include "core/args.h"
#include "core/connection.h"
#include "core/error.h"
#include "core/result.h"

#include <stdio.h>
#include <string.h>

enum
{
  DEFAULT_LIMIT_BITS = 31, /* 2 GiB */
  DIGEST_SIZE = 64,        /* bytes: all that an answer to stat has besides its fields */
  NO_OUTPUT = 0,
};

static const struct lr_bytes no_input = { NULL, 0 };

static uint64_t
limit_or_default (uint64_t limit)
{
  return limit == 0 ? UINT64_C (1) << DEFAULT_LIMIT_BITS : limit;
}

/* A text that has to be there.  */
static int
require (const char *value, const char *name, struct lr_error *error)
{
  return value != NULL ? 0 : error_set_field (error, name, "%s is NULL", name);
}

int
lr_run (lr_connection *connection, const struct lr_run_args *given, struct lr_run_result **result,
        struct lr_error *error)
{
  struct lr_error local;
  struct lr_run_args args;
  void *run = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0)
    return -1;
  if (args.command == NULL || args.command[0] == NULL)
    return error_set_field (error, "command", "the command is empty");
  int status = connection_call (connection, OPERATION_RUN, &args, args.input,
                                limit_or_default (args.output_limit), &run, error);
  *result = run;
  return status;
}

int
lr_stat (lr_connection *connection, const struct lr_stat_args *given,
         struct lr_stat_result **result, struct lr_error *error)
{
  struct lr_error local;
  struct lr_stat_args args;
  void *stat = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0
      || require (args.path, "path", error) != 0)
    return -1;
  int status =
      connection_call (connection, OPERATION_STAT, &args, no_input, DIGEST_SIZE, &stat, error);
  *result = stat;
  return status;
}

/* Fill in what ARGS leaves open from the file that is there.  A dispatcher of the plain protocol
   can't do it by itself.  OLD and MODE must last as long as ARGS.  */
static int
preserve (lr_connection *connection, struct lr_upload_args *args, struct lr_stat_result **old,
          char mode[8], struct lr_error *error)
{
  struct lr_stat_args stat = LR_STAT_ARGS (.path = args->file, .follow_links = 1);
  if (lr_stat (connection, &stat, old, error) != 0)
    return -1;
  if (*old == NULL || (*old)->type != LR_FILE_REGULAR)
    return 0;
  snprintf (mode, 8, "%o", (unsigned) ((*old)->mode & 07777));
  if (args->mode == NULL)
    args->mode = mode;
  if (args->owner == NULL)
    args->owner = (*old)->owner;
  if (args->group == NULL)
    args->group = (*old)->group;
  return 0;
}

int
lr_upload (lr_connection *connection, const struct lr_upload_args *given, struct lr_error *error)
{
  struct lr_error local;
  struct lr_upload_args args;
  struct lr_stat_result *old = NULL;
  char mode[8];
  error = error_begin (error, &local);
  if (args_import (&args, sizeof args, given, error) != 0
      || require (args.file, "file", error) != 0)
    return -1;
  int status = 0;
  if (args.preserve && connection_tunnels (connection, OPERATION_UPLOAD))
    status = preserve (connection, &args, &old, mode, error);
  if (status == 0)
    status =
        connection_call (connection, OPERATION_UPLOAD, &args, args.content, NO_OUTPUT, NULL, error);
  lr_free (old);
  return status;
}

int
lr_download (lr_connection *connection, const struct lr_download_args *given,
             struct lr_download_result **result, struct lr_error *error)
{
  struct lr_error local;
  struct lr_download_args args;
  void *download = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0
      || require (args.file, "file", error) != 0)
    return -1;
  int status = connection_call (connection, OPERATION_DOWNLOAD, &args, no_input,
                                limit_or_default (args.limit), &download, error);
  *result = download;
  return status;
}

static int
resolve (lr_connection *connection, enum operation operation, const struct lr_resolve_args *given,
         char **result, struct lr_error *error)
{
  struct lr_error local;
  struct lr_resolve_args args;
  void *name = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0)
    return -1;
  int status = connection_call (connection, operation, &args, no_input, NO_OUTPUT, &name, error);
  *result = name;
  return status;
}

int
lr_resolve_user (lr_connection *connection, const struct lr_resolve_args *args, char **result,
                 struct lr_error *error)
{
  return resolve (connection, OPERATION_RESOLVE_USER, args, result, error);
}

int
lr_resolve_group (lr_connection *connection, const struct lr_resolve_args *args, char **result,
                  struct lr_error *error)
{
  return resolve (connection, OPERATION_RESOLVE_GROUP, args, result, error);
}

int
lr_query_user (lr_connection *connection, const struct lr_query_user_args *given,
               struct lr_user_entry **result, struct lr_error *error)
{
  struct lr_error local;
  struct lr_query_user_args args;
  void *user = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0
      || require (args.user, "user", error) != 0)
    return -1;
  int status =
      connection_call (connection, OPERATION_QUERY_USER, &args, no_input, NO_OUTPUT, &user, error);
  *result = user;
  return status;
}

int
lr_query_group (lr_connection *connection, const struct lr_query_group_args *given,
                struct lr_group_entry **result, struct lr_error *error)
{
  struct lr_error local;
  struct lr_query_group_args args;
  void *group = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0
      || require (args.group, "group", error) != 0)
    return -1;
  int status = connection_call (connection, OPERATION_QUERY_GROUP, &args, no_input, NO_OUTPUT,
                                &group, error);
  *result = group;
  return status;
}

int
lr_getenv (lr_connection *connection, const struct lr_getenv_args *given, char **result,
           struct lr_error *error)
{
  struct lr_error local;
  struct lr_getenv_args args;
  void *value = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  if (args_import (&args, sizeof args, given, error) != 0 || require (args.key, "key", error) != 0)
    return -1;
  int status =
      connection_call (connection, OPERATION_GETENV, &args, no_input, NO_OUTPUT, &value, error);
  *result = value;
  return status;
}

/* Through the other operations, so that every connector has it.  */
int
lr_home_dir (lr_connection *connection, const char *user, char **result, struct lr_error *error)
{
  struct lr_error local;
  char *own = NULL;
  struct lr_user_entry *entry = NULL;
  error = error_begin (error, &local);
  *result = NULL;
  struct lr_resolve_args resolve_args = LR_RESOLVE_ARGS ();
  int status = user != NULL ? 0 : lr_resolve_user (connection, &resolve_args, &own, error);
  struct lr_query_user_args query_args = LR_QUERY_USER_ARGS (.user = user != NULL ? user : own);
  if (status == 0)
    status = lr_query_user (connection, &query_args, &entry, error);
  if (status == 0)
    {
      *result = result_text (entry->home);
      status = *result == NULL ? error_no_memory (error) : 0;
    }
  lr_free (entry);
  lr_free (own);
  return status;
}

int
lr_ping (lr_connection *connection, struct lr_error *error)
{
  struct lr_error local;
  return connection_check_alive (connection, error_begin (error, &local));
}
