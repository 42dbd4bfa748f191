#include "core/call.h"

#include "core/args.h"
#include "core/connection.h"
#include "core/error.h"
#include "core/listing.h"
#include "core/pages.h"
#include "core/result.h"
#include "core/transfer.h"
#include "core/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- completions ---- */

struct completion *
completion_new (lr_loop *loop, lr_callback *callback, void *data)
{
  struct completion *completion = calloc (1, sizeof *completion);
  if (completion != NULL)
    *completion = (struct completion){ .loop = loop, .callback = callback, .data = data };
  return completion;
}

/* For where there is not even memory to say so.  */
static const struct lr_error no_memory = { .kind = LR_ERROR_NO_MEMORY,
                                           .hop = -1,
                                           .message = "there is no memory" };

static void
deliver (void *context)
{
  struct completion *completion = context;
  const struct lr_error *error = completion->own_error;
  if (completion->status != 0 && error == NULL)
    error = &no_memory;
  completion->callback (completion->data, completion->status, completion->result, error);
  free (completion->own_error);
  free (completion);
}

void
completion_fill (struct completion *completion, int status, void *result,
                 const struct lr_error *error)
{
  completion->status = status;
  completion->result = result;
  completion->done = true;
  if (status != 0 && completion->error == NULL)
    completion->error = completion->own_error = malloc (sizeof *error);
  if (status != 0 && completion->error != NULL)
    *completion->error = *error;
  if (completion->internal)
    deliver (completion);
  else if (completion->callback != NULL)
    loop_add_notice (completion->loop, &completion->notice, deliver, completion);
  else
    loop_hurry (completion->loop);
}

/* ---- calls ---- */

struct lr_call *
call_new (lr_connection *connection, enum operation operation, size_t args_size)
{
  struct lr_call *call = calloc (1, sizeof *call + args_size);
  if (call == NULL)
    return NULL;
  call->operation = operation;
  call->connection = connection;
  connection_introduce (connection, call);
  return call;
}

/* Whoever waits for a connection to open has no call for it: this is a ping.  */
const char *
call_name (const struct lr_call *call)
{
  if (call->transfer != NULL)
    return call->transfer->put ? "put" : "get";
  return call->operation == OPERATION_OPEN ? "ping" : operation_name (call->operation);
}

void
call_free (struct lr_call *call)
{
  if (call == NULL)
    return;
  for (size_t i = 0; i < sizeof call->outputs / sizeof call->outputs[0]; i++)
    free (call->outputs[i].data);
  loop_clear_timer (&call->timer);
  transfer_free (call->transfer);
  tree_free (call->tree);
  pages_free (call->pages);
  arena_free (&call->memory);
  lr_free (call->result);
  free (call->error);
  free (call);
}

void
call_complete (struct lr_call *call)
{
  struct completion *completion = call->completion;
  if (completion == NULL)
    return;
  call->completion = NULL;
  completion_fill (completion, call->status, call->result,
                   call->error != NULL ? call->error : &no_memory);
  call->result = NULL;
}

const lr_hop *
lr_call_hop (const lr_call *call)
{
  return call->hop;
}

void *
lr_call_state (const lr_call *call)
{
  return *call->state;
}

void
lr_call_set_state (lr_call *call, void *state)
{
  *call->state = state;
}

/* ---- answers ---- */

static void
answer (struct lr_call *call, int status, void *result)
{
  if (call->answered)
    {
      lr_free (result);
      return;
    }
  call->answered = true;
  call->status = status;
  call->result = result;
}

void
call_answer (struct lr_call *call, void *result)
{
  answer (call, 0, result);
}

void
call_fail_with (struct lr_call *call, const struct lr_error *error)
{
  if (call->answered)
    return;
  call->error = malloc (sizeof *error);
  if (call->error != NULL)
    {
      *call->error = *error;
      error_add_hop (call->error, call->hop_index, call->host);
    }
  answer (call, -1, NULL);
}

void
call_fail_no_memory (struct lr_call *call)
{
  struct lr_error error;
  error_no_memory (&error);
  call_fail_with (call, &error);
}

/* ---- outputs ---- */

/* SIZE bytes more are to come.  */
static void
expect_output (struct lr_call *call, struct call_output *output, uint64_t size)
{
  output->present = true;
  output->over_limit = output->over_limit || size > call->output_limit - output->size;
}

void
call_begin_output (struct lr_call *call, enum lr_stream stream, uint64_t size)
{
  expect_output (call, &call->outputs[stream], size);
  call->outputs[stream].announced = size;
}

/* Room for SIZE more bytes and a NUL, grown with what comes.  */
static bool
make_room (struct call_output *output, size_t size)
{
  if (output->data != NULL && output->allocated - output->size > size)
    return true;
  size_t room = output->allocated == 0 ? 4096 : output->allocated;
  while (room - output->size <= size)
    {
      if (room > SIZE_MAX / 2)
        return false;
      room *= 2;
    }
  /* What was announced is never set aside before it comes; but neither is more.  */
  if (room > output->announced && output->announced >= output->size + size)
    room = (size_t) output->announced + 1;
  char *grown = realloc (output->data, room);
  if (grown == NULL)
    return false;
  output->data = grown;
  output->allocated = room;
  return true;
}

void
call_store_output (struct lr_call *call, enum lr_stream stream, const char *data, size_t size)
{
  struct call_output *output = &call->outputs[stream];
  if (output->over_limit || output->no_memory)
    return;
  output->no_memory = !make_room (output, size);
  if (output->no_memory)
    return;
  if (size > 0)
    memcpy (output->data + output->size, data, size);
  output->size += size;
}

void
call_take_output (struct lr_call *call, enum lr_stream stream, const char *data, size_t size)
{
  expect_output (call, &call->outputs[stream], size);
  call_store_output (call, stream, data, size);
}

int
lr_call_write (lr_call *call, enum lr_stream stream, const void *data, size_t size)
{
  if (call->answered || (stream != LR_STDOUT && stream != LR_STDERR) || lr_call_cancelled (call))
    return -1;
  call_take_output (call, stream, data, size);
  return call->outputs[stream].over_limit || call->outputs[stream].no_memory ? -1 : 0;
}

/* OUTPUT becomes a member of RESULT, which owns it from then on.  False without memory.  */
static bool
move_output (struct call_output *output, void *result, struct lr_bytes *bytes)
{
  *bytes = (struct lr_bytes){ NULL, 0 };
  if (!output->present)
    return true;
  if (output->data == NULL && !make_room (output, 0))
    return false;
  output->data[output->size] = '\0';
  size_t size = output->size;
  char *data = result_own (result, output->data);
  *output = (struct call_output){ .data = NULL };
  *bytes = (struct lr_bytes){ data, size };
  return data != NULL;
}

/* ---- replies ---- */

void
lr_call_fail (lr_call *call, enum lr_error_kind kind, int errnum, const char *field,
              const char *format, ...)
{
  struct lr_error error;
  char text[2048];
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (text, sizeof text, format, arguments);
  va_end (arguments);
  if (field != NULL)
    error_set_field (&error, field, "%s: %s", call->host, text);
  else
    error_set (&error, kind, "%s: %s", call->host, text);
  /* An error without a kind is the connector's own.  */
  error.kind = kind <= LR_ERROR_NONE || kind > LR_ERROR_NO_MEMORY ? LR_ERROR_PLUGIN : kind;
  error.errnum = errnum;
  call_fail_with (call, &error);
}

/* The call answers an operation of a kind, or it is the provider's mistake.  */
static bool
expect (struct lr_call *call, bool fits)
{
  if (!fits)
    lr_call_fail (call, LR_ERROR_PLUGIN, 0, NULL,
                  "the connector %s answers %s with the wrong kind of reply",
                  lr_hop_schema (call->hop), operation_name (call->operation));
  return fits && !call->answered;
}

/* More output than the caller wants, or than there is memory for, is no result, whatever else.  */
static bool
check_limits (struct lr_call *call, const char *field)
{
  for (size_t i = 0; i < sizeof call->outputs / sizeof call->outputs[0]; i++)
    if (call->outputs[i].no_memory)
      {
        call_fail_no_memory (call);
        return false;
      }
    else if (call->outputs[i].over_limit)
      {
        lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, field,
                      "there is more than the %llu bytes that are asked for at most",
                      (unsigned long long) call->output_limit);
        return false;
      }
  return true;
}

static void
reply_download (struct lr_call *call)
{
  if (!check_limits (call, "limit"))
    return;
  struct lr_download_result *result = result_new (sizeof *result);
  call->outputs[LR_STDOUT].present = true;
  if (result == NULL || !move_output (&call->outputs[LR_STDOUT], result, &result->content))
    {
      lr_free (result);
      call_fail_no_memory (call);
      return;
    }
  answer (call, 0, result);
}

static void
reply_put (struct lr_call *call)
{
  struct lr_put_result *result = result_new (sizeof *result);
  if (result == NULL)
    {
      call_fail_no_memory (call);
      return;
    }
  result->size = call->transfer->done;
  result->in_place = call->transfer->written_in_place;
  answer (call, 0, result);
}

static void
reply_list (struct lr_call *call)
{
  struct lr_error error;
  struct lr_list_result *result;
  const struct lr_list_args *args = call->args;
  const struct call_output *content = &call->outputs[LR_STDOUT];
  if (!check_limits (call, "limit"))
    return;
  if (call->pages != NULL)
    answer (call, 0, NULL);
  else if (listing_read (content->data, content->size, args->itself != 0, call->host, &result,
                         &error)
           == 0)
    answer (call, 0, result);
  else
    call_fail_with (call, &error);
}

static bool
is_done_without_words (enum operation operation)
{
  switch (operation)
    {
    case OPERATION_OPEN:
    case OPERATION_CLOSE:
    case OPERATION_UPLOAD:
    case OPERATION_DOWNLOAD:
    case OPERATION_LIST:
    case OPERATION_MAKE_DIRECTORY:
    case OPERATION_REMOVE:
    case OPERATION_RENAME:
    case OPERATION_LINK:
    case OPERATION_SET_ATTRIBUTES:
      return true;
    default:
      return false;
    }
}

void
lr_reply_done (lr_call *call)
{
  enum operation operation = call->operation;
  if (!expect (call, is_done_without_words (operation)))
    return;
  if (operation == OPERATION_DOWNLOAD)
    reply_download (call);
  else if (operation == OPERATION_LIST)
    reply_list (call);
  else if (call->transfer != NULL)
    reply_put (call);
  else
    answer (call, 0, NULL);
}

void
lr_reply_run (lr_call *call, int64_t returncode)
{
  const struct lr_run_args *args = call->args;
  if (!expect (call, call->operation == OPERATION_RUN) || !check_limits (call, "output_limit"))
    return;
  struct lr_run_result *result = result_new (sizeof *result);
  for (int i = LR_STDOUT; i <= LR_STDERR; i++)
    call->outputs[i].present = !args->no_capture;
  if (result == NULL || !move_output (&call->outputs[LR_STDOUT], result, &result->stdout_bytes)
      || !move_output (&call->outputs[LR_STDERR], result, &result->stderr_bytes))
    {
      lr_free (result);
      call_fail_no_memory (call);
      return;
    }
  result->returncode = returncode;
  result->user_time_ns = call->exited.user_time;
  result->system_time_ns = call->exited.system_time;
  result->max_resident = call->exited.max_resident;
  if (returncode == 0 || args->no_check)
    {
      answer (call, 0, result);
      return;
    }
  struct lr_error error;
  if (returncode < 0)
    error_set (&error, LR_ERROR_EXIT_STATUS, "%s: %s was ended by signal %lld", call->host,
               args->command[0], (long long) -returncode);
  else
    error_set (&error, LR_ERROR_EXIT_STATUS, "%s: %s ended with status %lld", call->host,
               args->command[0], (long long) returncode);
  error.exit_status = (int32_t) returncode;
  call_fail_with (call, &error);
  call->result = result;
}

/* Copy what a connector replies with, a structure that begins with its own size, to OWN.  False:
   the call has failed.  */
static bool
import_reply (struct lr_call *call, void *own, size_t own_size, const void *given)
{
  struct lr_error error;
  if (args_import (own, own_size, given, &error) == 0)
    return true;
  lr_call_fail (call, LR_ERROR_PLUGIN, 0, NULL,
                "the connector %s answers %s with a structure of no size, or of a newer version",
                lr_hop_schema (call->hop), operation_name (call->operation));
  return false;
}

/* A copy of TEXT, NULL as the empty one, that RESULT owns.  False without memory.  */
static bool
copy_text (void *result, const char **text)
{
  *text = result_copy_text (result, *text == NULL ? "" : *text);
  return *text != NULL;
}

static bool
copy_bytes (void *result, struct lr_bytes *bytes)
{
  if (bytes->data == NULL)
    return true;
  char *copy = result_own (result, malloc (bytes->size + 1));
  if (copy != NULL)
    {
      memcpy (copy, bytes->data, bytes->size);
      copy[bytes->size] = '\0';
    }
  bytes->data = copy;
  return copy != NULL;
}

/* RESULT is complete, or there was no memory for a part of it.  */
static void
answer_copied (struct lr_call *call, void *result, bool copied)
{
  if (copied)
    answer (call, 0, result);
  else
    {
      lr_free (result);
      call_fail_no_memory (call);
    }
}

void
lr_reply_stat (lr_call *call, const struct lr_stat_result *stat)
{
  struct lr_stat_result own;
  if (!expect (call, call->operation == OPERATION_STAT))
    return;
  if (stat == NULL)
    {
      answer (call, 0, NULL);
      return;
    }
  if (!import_reply (call, &own, sizeof own, stat))
    return;
  struct lr_stat_result *result = result_new (sizeof *result);
  if (result != NULL)
    *result = own;
  answer_copied (call, result,
                 result != NULL && copy_text (result, &result->owner)
                     && copy_text (result, &result->group)
                     && copy_bytes (result, &result->sha512sum));
}

static void
reply_text (struct lr_call *call, const char *text)
{
  char *result = result_text (text);
  if (result == NULL)
    call_fail_no_memory (call);
  else
    answer (call, 0, result);
}

void
lr_reply_name (lr_call *call, const char *name)
{
  enum operation operation = call->operation;
  bool names = operation == OPERATION_RESOLVE_USER || operation == OPERATION_RESOLVE_GROUP
               || operation == OPERATION_READ_LINK || operation == OPERATION_MAKE_TEMPORARY;
  if (expect (call, names && name != NULL))
    reply_text (call, name);
}

void
lr_reply_value (lr_call *call, const char *value)
{
  if (!expect (call, call->operation == OPERATION_GETENV))
    return;
  if (value == NULL)
    answer (call, 0, NULL);
  else
    reply_text (call, value);
}

/* A copy of LIST, ended by NULL, that RESULT owns.  */
static const char *const *
copy_list (void *result, const char *const *list)
{
  size_t count = 0;
  while (list != NULL && list[count] != NULL)
    count++;
  const char **copy = result_own (result, calloc (count + 1, sizeof *copy));
  for (size_t i = 0; copy != NULL && i < count; i++)
    {
      copy[i] = result_copy_text (result, list[i]);
      if (copy[i] == NULL)
        return NULL;
    }
  return copy;
}

void
lr_reply_user (lr_call *call, const struct lr_user_entry *user)
{
  struct lr_user_entry own;
  if (!expect (call, call->operation == OPERATION_QUERY_USER && user != NULL)
      || !import_reply (call, &own, sizeof own, user))
    return;
  struct lr_user_entry *result = result_new (sizeof *result);
  bool copied = result != NULL;
  if (result != NULL)
    {
      *result = own;
      result->groups = copy_list (result, own.groups);
      result->password_hash = result_copy_text (result, own.password_hash);
      copied = result->groups != NULL
               && (own.password_hash == NULL) == (result->password_hash == NULL)
               && copy_text (result, &result->name) && copy_text (result, &result->group)
               && copy_text (result, &result->gecos) && copy_text (result, &result->home)
               && copy_text (result, &result->shell);
    }
  answer_copied (call, result, copied);
}

void
lr_reply_group (lr_call *call, const struct lr_group_entry *group)
{
  struct lr_group_entry own;
  if (!expect (call, call->operation == OPERATION_QUERY_GROUP && group != NULL)
      || !import_reply (call, &own, sizeof own, group))
    return;
  struct lr_group_entry *result = result_new (sizeof *result);
  bool copied = result != NULL;
  if (result != NULL)
    {
      *result = own;
      result->members = copy_list (result, own.members);
      copied = result->members != NULL && copy_text (result, &result->name);
    }
  answer_copied (call, result, copied);
}

void
lr_reply_file_system (lr_call *call, const struct lr_file_system_info *info)
{
  struct lr_file_system_info own;
  if (!expect (call, call->operation == OPERATION_FILE_SYSTEM && info != NULL)
      || !import_reply (call, &own, sizeof own, info))
    return;
  struct lr_file_system_info *result = result_new (sizeof *result);
  if (result != NULL)
    *result = own;
  answer_copied (call, result, result != NULL);
}

static void
add_encoded (void *context, const char *data, uint64_t size)
{
  call_take_output (context, LR_STDOUT, data, (size_t) size);
}

int
lr_call_add_entry (lr_call *call, const struct lr_directory_entry *entry)
{
  struct lr_directory_entry own;
  const struct call_output *content = &call->outputs[LR_STDOUT];
  if (!expect (call, call->operation == OPERATION_LIST && entry != NULL)
      || !import_reply (call, &own, sizeof own, entry) || lr_call_cancelled (call))
    return -1;
  if (own.name == NULL)
    {
      expect (call, false);
      return -1;
    }
  listing_add (&own, add_encoded, call);
  if (content->over_limit || content->no_memory)
    return -1;
  return call->pages == NULL || pages_pass_on (call->pages) ? 0 : -1;
}
