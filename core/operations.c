/* The operations as an application asks for them: each is checked and becomes a call, which
   somebody waits for, or which calls back.  */

#include "core/args.h"
#include "core/connection.h"
#include "core/error.h"
#include "core/pages.h"
#include "core/result.h"
#include "core/transfer.h"
#include "core/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  DEFAULT_LIMIT_BITS = 31, /* 2 GiB */
  DIGEST_SIZE = 64,        /* bytes: all that an answer to stat has besides its fields */
  TEXTS_MAX = 8,
};

union arguments
{
  struct lr_ping_args ping;
  struct lr_run_args run;
  struct lr_stat_args stat;
  struct lr_upload_args upload;
  struct lr_download_args download;
  struct lr_resolve_args resolve;
  struct lr_query_user_args query_user;
  struct lr_query_group_args query_group;
  struct lr_getenv_args getenv;
  struct lr_put_args put;
  struct lr_get_args get;
  struct lr_list_args list;
  struct lr_make_directory_args make_directory;
  struct lr_remove_args remove;
  struct lr_rename_args rename;
  struct lr_link_args link;
  struct lr_path_args path;
  struct lr_set_attributes_args set_attributes;
  struct lr_make_temporary_args make_temporary;
  struct lr_tree_args tree;
};

/* A text, or a list of them ended by NULL, that arguments point to.  */
struct text
{
  size_t offset;
  bool list;
  const char *required; /* its name, if it must be there; NULL: it need not */
};

static const struct row
{
  enum operation operation;
  size_t size;    /* of the arguments */
  size_t timeout; /* offset */
  struct text texts[TEXTS_MAX];
  size_t text_count;
} rows[] = {
#define TEXT(type, member)                                                                         \
  {                                                                                                \
    offsetof (struct type, member), false, NULL                                                    \
  }
#define NEEDED(type, member)                                                                       \
  {                                                                                                \
    offsetof (struct type, member), false, #member                                                 \
  }
#define LIST(type, member)                                                                         \
  {                                                                                                \
    offsetof (struct type, member), true, NULL                                                     \
  }
#define ROW(operation, type, count, ...)                                                           \
  {                                                                                                \
    operation, sizeof (struct type), offsetof (struct type, timeout_ms), { __VA_ARGS__ }, count    \
  }
  [LR_OPERATION_PING] = { .operation = OPERATION_OPEN,
                          .size = sizeof (struct lr_ping_args),
                          .timeout = offsetof (struct lr_ping_args, timeout_ms) },
  [LR_OPERATION_RUN] =
      ROW (OPERATION_RUN, lr_run_args, 7, LIST (lr_run_args, command),
           LIST (lr_run_args, environment), LIST (lr_run_args, unset), TEXT (lr_run_args, user),
           TEXT (lr_run_args, group), TEXT (lr_run_args, umask), TEXT (lr_run_args, cwd)),
  [LR_OPERATION_STAT] = ROW (OPERATION_STAT, lr_stat_args, 1, NEEDED (lr_stat_args, path)),
  [LR_OPERATION_UPLOAD] =
      ROW (OPERATION_UPLOAD, lr_upload_args, 4, NEEDED (lr_upload_args, file),
           TEXT (lr_upload_args, mode), TEXT (lr_upload_args, owner), TEXT (lr_upload_args, group)),
  [LR_OPERATION_DOWNLOAD] =
      ROW (OPERATION_DOWNLOAD, lr_download_args, 1, NEEDED (lr_download_args, file)),
  [LR_OPERATION_RESOLVE_USER] =
      ROW (OPERATION_RESOLVE_USER, lr_resolve_args, 1, TEXT (lr_resolve_args, name)),
  [LR_OPERATION_RESOLVE_GROUP] =
      ROW (OPERATION_RESOLVE_GROUP, lr_resolve_args, 1, TEXT (lr_resolve_args, name)),
  [LR_OPERATION_QUERY_USER] =
      ROW (OPERATION_QUERY_USER, lr_query_user_args, 1, NEEDED (lr_query_user_args, user)),
  [LR_OPERATION_QUERY_GROUP] =
      ROW (OPERATION_QUERY_GROUP, lr_query_group_args, 1, NEEDED (lr_query_group_args, group)),
  [LR_OPERATION_GETENV] = ROW (OPERATION_GETENV, lr_getenv_args, 1, NEEDED (lr_getenv_args, key)),
  [LR_OPERATION_PUT] =
      ROW (OPERATION_UPLOAD, lr_put_args, 4, NEEDED (lr_put_args, file), TEXT (lr_put_args, mode),
           TEXT (lr_put_args, owner), TEXT (lr_put_args, group)),
  [LR_OPERATION_GET] = ROW (OPERATION_DOWNLOAD, lr_get_args, 1, NEEDED (lr_get_args, file)),
  [LR_OPERATION_LIST] = ROW (OPERATION_LIST, lr_list_args, 1, NEEDED (lr_list_args, path)),
  [LR_OPERATION_MAKE_DIRECTORY] =
      ROW (OPERATION_MAKE_DIRECTORY, lr_make_directory_args, 4,
           NEEDED (lr_make_directory_args, path), TEXT (lr_make_directory_args, mode),
           TEXT (lr_make_directory_args, owner), TEXT (lr_make_directory_args, group)),
  [LR_OPERATION_REMOVE] = ROW (OPERATION_REMOVE, lr_remove_args, 1, NEEDED (lr_remove_args, path)),
  [LR_OPERATION_RENAME] = ROW (OPERATION_RENAME, lr_rename_args, 2, NEEDED (lr_rename_args, source),
                               NEEDED (lr_rename_args, target)),
  [LR_OPERATION_LINK] = ROW (OPERATION_LINK, lr_link_args, 2, NEEDED (lr_link_args, target),
                             NEEDED (lr_link_args, path)),
  [LR_OPERATION_READ_LINK] =
      ROW (OPERATION_READ_LINK, lr_path_args, 1, NEEDED (lr_path_args, path)),
  [LR_OPERATION_SET_ATTRIBUTES] =
      ROW (OPERATION_SET_ATTRIBUTES, lr_set_attributes_args, 4,
           NEEDED (lr_set_attributes_args, path), TEXT (lr_set_attributes_args, mode),
           TEXT (lr_set_attributes_args, owner), TEXT (lr_set_attributes_args, group)),
  [LR_OPERATION_MAKE_TEMPORARY] =
      ROW (OPERATION_MAKE_TEMPORARY, lr_make_temporary_args, 2,
           TEXT (lr_make_temporary_args, directory), TEXT (lr_make_temporary_args, prefix)),
  [LR_OPERATION_FILE_SYSTEM] =
      ROW (OPERATION_FILE_SYSTEM, lr_path_args, 1, NEEDED (lr_path_args, path)),
  [LR_OPERATION_PUT_TREE] = ROW (OPERATION_PUT_TREE, lr_tree_args, 2, NEEDED (lr_tree_args, here),
                                 NEEDED (lr_tree_args, there)),
  [LR_OPERATION_GET_TREE] = ROW (OPERATION_GET_TREE, lr_tree_args, 2, NEEDED (lr_tree_args, here),
                                 NEEDED (lr_tree_args, there)),
#undef TEXT
#undef NEEDED
#undef LIST
#undef ROW
};

static uint64_t
limit_or_default (uint64_t limit)
{
  return limit == 0 ? UINT64_C (1) << DEFAULT_LIMIT_BITS : limit;
}

/* ---- checking ---- */

static int
import (enum lr_operation operation, const void *given, union arguments *args,
        struct lr_error *error)
{
  static const struct lr_ping_args default_ping = LR_PING_ARGS ();
  const struct row *row = &rows[operation];
  if (operation == LR_OPERATION_PING && given == NULL)
    given = &default_ping;
  if (args_import (args, row->size, given, error) != 0)
    return -1;
  for (size_t i = 0; i < row->text_count; i++)
    {
      const char *text;
      memcpy (&text, (const char *) args + row->texts[i].offset, sizeof text);
      if (text == NULL && row->texts[i].required != NULL)
        return error_set_field (error, row->texts[i].required, "%s is NULL",
                                row->texts[i].required);
    }
  if (operation == LR_OPERATION_RUN && (args->run.command == NULL || args->run.command[0] == NULL))
    return error_set_field (error, "command", "the command is empty");
  bool tree = operation == LR_OPERATION_PUT_TREE || operation == LR_OPERATION_GET_TREE;
  if (tree && args->tree.place > LR_TREE_INSIDE)
    return error_set_field (error, "place", "there is no place %u for a tree", args->tree.place);
  return 0;
}

/* ---- copying ---- */

/* Room that a call has behind its arguments: for lists, which come first, and for texts.  */
struct room
{
  size_t lists, texts; /* bytes */
};

static size_t
count_texts (const char *const *list)
{
  size_t count = 0;
  while (list[count] != NULL)
    count++;
  return count;
}

static const void *
member_of (const union arguments *args, const struct text *text)
{
  const void *value;
  memcpy (&value, (const char *) args + text->offset, sizeof value);
  return value;
}

/* What all that ARGS point to takes.  */
static struct room
measure (const struct row *row, const union arguments *args)
{
  struct room room = { 0, 0 };
  for (size_t i = 0; i < row->text_count; i++)
    {
      const void *value = member_of (args, &row->texts[i]);
      const char *const *list = value;
      if (value == NULL)
        continue;
      if (!row->texts[i].list)
        room.texts += strlen (value) + 1;
      else
        room.lists += (count_texts (list) + 1) * sizeof *list;
      for (size_t j = 0; row->texts[i].list && list[j] != NULL; j++)
        room.texts += strlen (list[j]) + 1;
    }
  return room;
}

static const char *
copy_text (char **place, const char *text)
{
  const char *copy = *place;
  *place = stpcpy (*place, text) + 1;
  return copy;
}

/* Copy what ARGS point to behind them, to LISTS and TEXTS.  */
static void
copy_members (const struct row *row, char *args, const char **lists, char *texts)
{
  for (size_t i = 0; i < row->text_count; i++)
    {
      const void *value = member_of ((const union arguments *) (void *) args, &row->texts[i]);
      const char *const *list = value;
      if (value == NULL)
        continue;
      if (!row->texts[i].list)
        value = copy_text (&texts, value);
      else
        {
          value = lists;
          for (; *list != NULL; list++)
            *lists++ = copy_text (&texts, *list);
          *lists++ = NULL;
        }
      memcpy (args + row->texts[i].offset, &value, sizeof value);
    }
}

/* ---- making calls ---- */

/* What each operation needs besides its arguments.  */
static bool
set_up (struct lr_call *call, enum lr_operation operation, const union arguments *args)
{
  switch (operation)
    {
    case LR_OPERATION_RUN:
      call->input = args->run.input;
      call->output_limit = limit_or_default (args->run.output_limit);
      if (connection_tunnels (call->connection, OPERATION_RUN)
          && connection_speaks_sessions (call->connection))
        call->patience = COMMAND_PATIENCE;
      return true;
    case LR_OPERATION_UPLOAD:
      call->input = args->upload.content;
      return true;
    case LR_OPERATION_DOWNLOAD:
      call->output_limit = limit_or_default (args->download.limit);
      return true;
    case LR_OPERATION_LIST:
      call->output_limit =
          args->list.page == NULL ? limit_or_default (args->list.limit) : UINT64_MAX;
      return args->list.page == NULL || pages_for_call (call);
    case LR_OPERATION_STAT:
      call->output_limit = DIGEST_SIZE;
      return true;
    case LR_OPERATION_PUT:
      return transfer_for_put (call, &args->put);
    case LR_OPERATION_GET:
      call->output_limit = limit_or_default (0);
      return transfer_for_get (call, &args->get);
    case LR_OPERATION_PUT_TREE:
      return tree_for_call (call, true);
    case LR_OPERATION_GET_TREE:
      return tree_for_call (call, false);
    default:
      return true;
    }
}

/* A call with ARGS.  The caller keeps what they point to while it waits, if it does: only who runs
   in another thread may look at it after that.  NULL without memory.  */
static struct lr_call *
make_call (lr_connection *connection, enum lr_operation operation, const union arguments *args,
           bool waits)
{
  const struct row *row = &rows[operation];
  struct room room = { 0, 0 };
  bool keep = !waits || !connection_tunnels (connection, row->operation);
  if (keep)
    room = measure (row, args);
  struct lr_call *call = call_new (connection, row->operation, row->size + room.lists + room.texts);
  if (call == NULL)
    return NULL;
  memcpy (call->own_args, args, row->size);
  call->args = call->own_args;
  if (keep)
    copy_members (row, call->own_args, (const char **) (void *) (call->own_args + row->size),
                  call->own_args + row->size + room.lists);
  memcpy (&call->timeout, (const char *) args + row->timeout, sizeof call->timeout);
  if (call->timeout == LR_NEVER)
    call->timeout = 0;
  if (set_up (call, operation, call->args))
    return call;
  call_free (call);
  return NULL;
}

/* ---- preserve, where the far side can't do it by itself ---- */

/* An upload that waits for what it is to preserve.  */
struct preserving
{
  struct lr_call *upload;
  struct completion *completion; /* of the upload */
};

static const char *
keep_text (struct arena *arena, const char *text)
{
  size_t size = strlen (text) + 1;
  char *copy = arena_allocate (arena, size);
  return copy == NULL ? NULL : memcpy (copy, text, size);
}

/* Fill in what the upload leaves open from the file that is there.  */
static bool
fill_in (struct lr_call *upload, const struct lr_stat_result *old)
{
  struct lr_upload_args *args = (struct lr_upload_args *) upload->args;
  struct arena *arena = &upload->memory;
  char mode[8];
  snprintf (mode, sizeof mode, "%o", (unsigned) (old->mode & 07777));
  if (args->mode == NULL)
    args->mode = keep_text (arena, mode);
  if (args->owner == NULL)
    args->owner = keep_text (arena, old->owner);
  if (args->group == NULL)
    args->group = keep_text (arena, old->group);
  return args->mode != NULL && args->owner != NULL && args->group != NULL;
}

static void
old_is_known (void *data, int status, void *result, const struct lr_error *error)
{
  struct preserving *preserving = data;
  struct lr_call *upload = preserving->upload;
  struct lr_stat_result *old = result;
  if (status != 0)
    call_fail_with (upload, error);
  else if (old != NULL && old->type == LR_FILE_REGULAR && !fill_in (upload, old))
    call_fail_no_memory (upload);
  if (upload->answered)
    {
      upload->completion = preserving->completion;
      connection_end_call (upload);
    }
  else
    connection_start_call (upload, preserving->completion);
  lr_free (result);
}

/* False without memory.  */
static bool
preserve (struct lr_call *upload, struct completion *completion)
{
  const struct lr_upload_args *args = upload->args;
  union arguments stat = { .stat = LR_STAT_ARGS (.path = args->file, .follow_links = 1) };
  struct preserving *preserving = arena_allocate (&upload->memory, sizeof *preserving);
  struct completion *known =
      completion_new (connection_loop (upload->connection), old_is_known, preserving);
  struct lr_call *call = make_call (upload->connection, LR_OPERATION_STAT, &stat, false);
  if (preserving == NULL || known == NULL || call == NULL)
    {
      free (known);
      if (call != NULL)
        call_free (call);
      return false;
    }
  *preserving = (struct preserving){ upload, completion };
  known->internal = true;
  /* The same as the one of CALL, which may have ended, and UPLOAD with it, when it has started.  */
  upload->id = connection_last_id (upload->connection) + 1;
  connection_start_call (call, known);
  return true;
}

/* ---- starting ---- */

/* Start the call of OPERATION, for COMPLETION.  NULL without memory; else it may have ended by
   now.  */
static struct lr_call *
start (lr_connection *connection, enum lr_operation operation, union arguments *args,
       struct completion *completion, uint64_t *id)
{
  struct lr_call *call = make_call (connection, operation, args, completion->callback == NULL);
  if (call == NULL)
    return NULL;
  const struct lr_upload_args *upload = call->operation == OPERATION_UPLOAD ? call->args : NULL;
  if (upload != NULL && upload->preserve && connection_tunnels (connection, OPERATION_UPLOAD)
      && !connection_speaks_sessions (connection))
    {
      if (preserve (call, completion))
        {
          *id = connection_last_id (connection);
          return call;
        }
      call_free (call);
      return NULL;
    }
  connection_start_call (call, completion);
  *id = connection_last_id (connection);
  return call;
}

/* Tell the caller, who waits for COMPLETION, all that there is to tell before the next step: that
   one may wait.  */
static void
tell_all (const struct completion *completion, const struct lr_call *call)
{
  while (!completion->done
         && (transfer_tell (call->transfer) || tree_tell (call->tree) || pages_tell (call->pages)))
    continue;
}

/* The blocking call of OPERATION.  RESULT may be NULL where there is none.  */
static int
carry_out (lr_connection *connection, enum lr_operation operation, const void *given, void **result,
           struct lr_error *error)
{
  union arguments args;
  uint64_t id;
  lr_loop *loop = connection_loop (connection);
  struct completion completion = { .loop = loop, .error = error };
  if (loop_check_may_wait (loop, error) != 0 || import (operation, given, &args, error) != 0)
    return -1;
  struct lr_call *call = start (connection, operation, &args, &completion, &id);
  if (call == NULL)
    return error_no_memory (error);
  while (!completion.done)
    {
      loop_step (loop, LR_NEVER);
      tell_all (&completion, call);
    }
  loop_settle (loop);
  if (result != NULL)
    *result = completion.result;
  else
    lr_free (completion.result);
  return completion.status;
}

int
lr_submit (lr_connection *connection, const struct lr_request *given, lr_callback *callback,
           void *data, uint64_t *id, struct lr_error *error)
{
  struct lr_error local;
  struct lr_request request;
  union arguments args;
  uint64_t own_id;
  error = error_begin (error, &local);
  if (args_import (&request, sizeof request, given, error) != 0)
    return -1;
  if (request.operation < LR_OPERATION_PING || request.operation > LR_OPERATION_GET_TREE)
    return error_set_field (error, "operation", "there is no operation %u", request.operation);
  if (connection_owns_loop (connection))
    return error_set_field (error, "loop", NOBODY_CALLS_BACK);
  enum lr_operation operation = (enum lr_operation) request.operation;
  if (callback == NULL)
    return error_set_field (error, "callback", "callback is NULL");
  if (import (operation, request.args, &args, error) != 0)
    return -1;
  struct completion *completion = completion_new (connection_loop (connection), callback, data);
  if (completion == NULL
      || start (connection, operation, &args, completion, id == NULL ? &own_id : id) == NULL)
    {
      free (completion);
      return error_no_memory (error);
    }
  return 0;
}

int
lr_cancel (lr_connection *connection, uint64_t id)
{
  struct lr_error error;
  struct lr_call *call = connection_find_call (connection, id);
  if (call == NULL || (call->answered && call->pages == NULL))
    return -1;
  error_set (&error, LR_ERROR_CANCELLED, "%s: %s was cancelled", call->host, call_name (call));
  connection_give_up_call (call, &error);
  return 0;
}

/* ---- the blocking calls ---- */

int
lr_run (lr_connection *connection, const struct lr_run_args *args, struct lr_run_result **result,
        struct lr_error *error)
{
  struct lr_error local;
  void *run = NULL;
  int status = carry_out (connection, LR_OPERATION_RUN, args, &run, error_begin (error, &local));
  *result = run;
  return status;
}

int
lr_stat (lr_connection *connection, const struct lr_stat_args *args, struct lr_stat_result **result,
         struct lr_error *error)
{
  struct lr_error local;
  void *stat = NULL;
  int status = carry_out (connection, LR_OPERATION_STAT, args, &stat, error_begin (error, &local));
  *result = stat;
  return status;
}

int
lr_upload (lr_connection *connection, const struct lr_upload_args *args, struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_UPLOAD, args, NULL, error_begin (error, &local));
}

int
lr_download (lr_connection *connection, const struct lr_download_args *args,
             struct lr_download_result **result, struct lr_error *error)
{
  struct lr_error local;
  void *download = NULL;
  int status =
      carry_out (connection, LR_OPERATION_DOWNLOAD, args, &download, error_begin (error, &local));
  *result = download;
  return status;
}

int
lr_resolve_user (lr_connection *connection, const struct lr_resolve_args *args, char **result,
                 struct lr_error *error)
{
  struct lr_error local;
  void *name = NULL;
  int status =
      carry_out (connection, LR_OPERATION_RESOLVE_USER, args, &name, error_begin (error, &local));
  *result = name;
  return status;
}

int
lr_resolve_group (lr_connection *connection, const struct lr_resolve_args *args, char **result,
                  struct lr_error *error)
{
  struct lr_error local;
  void *name = NULL;
  int status =
      carry_out (connection, LR_OPERATION_RESOLVE_GROUP, args, &name, error_begin (error, &local));
  *result = name;
  return status;
}

int
lr_query_user (lr_connection *connection, const struct lr_query_user_args *args,
               struct lr_user_entry **result, struct lr_error *error)
{
  struct lr_error local;
  void *user = NULL;
  int status =
      carry_out (connection, LR_OPERATION_QUERY_USER, args, &user, error_begin (error, &local));
  *result = user;
  return status;
}

int
lr_query_group (lr_connection *connection, const struct lr_query_group_args *args,
                struct lr_group_entry **result, struct lr_error *error)
{
  struct lr_error local;
  void *group = NULL;
  int status =
      carry_out (connection, LR_OPERATION_QUERY_GROUP, args, &group, error_begin (error, &local));
  *result = group;
  return status;
}

int
lr_getenv (lr_connection *connection, const struct lr_getenv_args *args, char **result,
           struct lr_error *error)
{
  struct lr_error local;
  void *value = NULL;
  int status =
      carry_out (connection, LR_OPERATION_GETENV, args, &value, error_begin (error, &local));
  *result = value;
  return status;
}

int
lr_put (lr_connection *connection, const struct lr_put_args *args, struct lr_put_result **result,
        struct lr_error *error)
{
  struct lr_error local;
  void *put = NULL;
  int status = carry_out (connection, LR_OPERATION_PUT, args, &put, error_begin (error, &local));
  if (result != NULL)
    *result = put;
  else
    lr_free (put);
  return status;
}

int
lr_get (lr_connection *connection, const struct lr_get_args *args, struct lr_get_result **result,
        struct lr_error *error)
{
  struct lr_error local;
  void *get = NULL;
  int status = carry_out (connection, LR_OPERATION_GET, args, &get, error_begin (error, &local));
  if (result != NULL)
    *result = get;
  else
    lr_free (get);
  return status;
}

int
lr_list (lr_connection *connection, const struct lr_list_args *args, struct lr_list_result **result,
         struct lr_error *error)
{
  struct lr_error local;
  void *answer = NULL;
  int status =
      carry_out (connection, LR_OPERATION_LIST, args, &answer, error_begin (error, &local));
  if (result != NULL)
    *result = answer;
  else
    lr_free (answer);
  return status;
}

int
lr_make_directory (lr_connection *connection, const struct lr_make_directory_args *args,
                   struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_MAKE_DIRECTORY, args, NULL,
                    error_begin (error, &local));
}

int
lr_remove (lr_connection *connection, const struct lr_remove_args *args, struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_REMOVE, args, NULL, error_begin (error, &local));
}

int
lr_rename (lr_connection *connection, const struct lr_rename_args *args, struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_RENAME, args, NULL, error_begin (error, &local));
}

int
lr_link (lr_connection *connection, const struct lr_link_args *args, struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_LINK, args, NULL, error_begin (error, &local));
}

int
lr_read_link (lr_connection *connection, const struct lr_path_args *args, char **result,
              struct lr_error *error)
{
  struct lr_error local;
  void *answer = NULL;
  int status =
      carry_out (connection, LR_OPERATION_READ_LINK, args, &answer, error_begin (error, &local));
  *result = answer;
  return status;
}

int
lr_set_attributes (lr_connection *connection, const struct lr_set_attributes_args *args,
                   struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_SET_ATTRIBUTES, args, NULL,
                    error_begin (error, &local));
}

int
lr_make_temporary (lr_connection *connection, const struct lr_make_temporary_args *args,
                   char **result, struct lr_error *error)
{
  struct lr_error local;
  void *answer = NULL;
  int status = carry_out (connection, LR_OPERATION_MAKE_TEMPORARY, args, &answer,
                          error_begin (error, &local));
  *result = answer;
  return status;
}

int
lr_file_system (lr_connection *connection, const struct lr_path_args *args,
                struct lr_file_system_info **result, struct lr_error *error)
{
  struct lr_error local;
  void *answer = NULL;
  int status =
      carry_out (connection, LR_OPERATION_FILE_SYSTEM, args, &answer, error_begin (error, &local));
  *result = answer;
  return status;
}

int
lr_put_tree (lr_connection *connection, const struct lr_tree_args *args,
             struct lr_tree_result **result, struct lr_error *error)
{
  struct lr_error local;
  void *tree = NULL;
  int status =
      carry_out (connection, LR_OPERATION_PUT_TREE, args, &tree, error_begin (error, &local));
  *result = tree;
  return status;
}

int
lr_get_tree (lr_connection *connection, const struct lr_tree_args *args,
             struct lr_tree_result **result, struct lr_error *error)
{
  struct lr_error local;
  void *tree = NULL;
  int status =
      carry_out (connection, LR_OPERATION_GET_TREE, args, &tree, error_begin (error, &local));
  *result = tree;
  return status;
}

int
lr_ping (lr_connection *connection, struct lr_error *error)
{
  struct lr_error local;
  return carry_out (connection, LR_OPERATION_PING, NULL, NULL, error_begin (error, &local));
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
  if (status == 0 && entry != NULL)
    {
      *result = result_text (entry->home);
      status = *result == NULL ? error_no_memory (error) : 0;
    }
  lr_free (entry);
  lr_free (own);
  return status;
}
