#include "core/call.h"

#include "core/error.h"
#include "core/result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
call_free (struct lr_call *call)
{
  for (size_t i = 0; i < sizeof call->outputs / sizeof call->outputs[0]; i++)
    free (call->outputs[i].data);
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

/* A blocking call's caller waits until the end.  */
int
lr_call_cancelled (const lr_call *call)
{
  return call->answered;
}

size_t
lr_call_read (lr_call *call, void *buffer, size_t size)
{
  size_t left = call->input.data == NULL ? 0 : call->input.size - call->input_read;
  if (size > left)
    size = left;
  if (size > 0)
    memcpy (buffer, call->input.data + call->input_read, size);
  call->input_read += size;
  return size;
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
call_fail_with (struct lr_call *call, const struct lr_error *error)
{
  if (call->answered)
    return;
  if (call->error != error)
    *call->error = *error;
  error_add_hop (call->error, call->hop_index, call->host);
  answer (call, -1, NULL);
}

static void
fail_no_memory (struct lr_call *call)
{
  struct lr_error error;
  error_no_memory (&error);
  call_fail_with (call, &error);
}

/* ---- outputs ---- */

void
call_begin_output (struct lr_call *call, enum lr_stream stream, uint64_t size)
{
  struct call_output *output = &call->outputs[stream];
  output->present = true;
  output->over_limit = output->over_limit || size > call->output_limit - output->size;
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
  if (!make_room (output, size))
    {
      fail_no_memory (call);
      output->over_limit = true; /* so that the rest is dropped */
      return;
    }
  if (size > 0)
    memcpy (output->data + output->size, data, size);
  output->size += size;
}

int
lr_call_write (lr_call *call, enum lr_stream stream, const void *data, size_t size)
{
  if (call->answered || (stream != LR_STDOUT && stream != LR_STDERR))
    return -1;
  call_begin_output (call, stream, size);
  if (!call->outputs[stream].over_limit)
    call_store_output (call, stream, data, size);
  return call->outputs[stream].over_limit ? -1 : 0;
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
  *output = (struct call_output){ NULL, 0, 0, false, false };
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
  error.kind = kind;
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

/* More output than the caller wants is no result, whatever else.  */
static bool
check_limits (struct lr_call *call, const char *field)
{
  for (size_t i = 0; i < sizeof call->outputs / sizeof call->outputs[0]; i++)
    if (call->outputs[i].over_limit)
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
      fail_no_memory (call);
      return;
    }
  answer (call, 0, result);
}

void
lr_reply_done (lr_call *call)
{
  enum operation operation = call->operation;
  if (!expect (call, operation == OPERATION_OPEN || operation == OPERATION_CLOSE
                         || operation == OPERATION_UPLOAD || operation == OPERATION_DOWNLOAD))
    return;
  if (operation == OPERATION_DOWNLOAD)
    reply_download (call);
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
      fail_no_memory (call);
      return;
    }
  result->returncode = returncode;
  if (returncode == 0 || args->no_check)
    {
      answer (call, 0, result);
      return;
    }
  if (returncode < 0)
    error_set (call->error, LR_ERROR_EXIT_STATUS, "%s: %s was ended by signal %lld", call->host,
               args->command[0], (long long) -returncode);
  else
    error_set (call->error, LR_ERROR_EXIT_STATUS, "%s: %s ended with status %lld", call->host,
               args->command[0], (long long) returncode);
  call->error->exit_status = (int32_t) returncode;
  error_add_hop (call->error, call->hop_index, call->host);
  answer (call, -1, result);
}

void
lr_reply_stat (lr_call *call, const struct lr_stat_result *stat)
{
  if (!expect (call, call->operation == OPERATION_STAT))
    return;
  if (stat == NULL)
    {
      answer (call, 0, NULL);
      return;
    }
  struct lr_stat_result *result = result_new (sizeof *result);
  if (result == NULL)
    {
      fail_no_memory (call);
      return;
    }
  *result = *stat;
  result->owner = result_copy_text (result, stat->owner);
  result->group = result_copy_text (result, stat->group);
  bool copied = result->owner != NULL && result->group != NULL;
  if (stat->sha512sum.data != NULL)
    {
      char *digest = result_own (result, malloc (stat->sha512sum.size + 1));
      copied = copied && digest != NULL;
      if (digest != NULL)
        {
          memcpy (digest, stat->sha512sum.data, stat->sha512sum.size);
          digest[stat->sha512sum.size] = '\0';
        }
      result->sha512sum.data = digest;
    }
  if (copied)
    answer (call, 0, result);
  else
    {
      lr_free (result);
      fail_no_memory (call);
    }
}

static void
reply_text (struct lr_call *call, const char *text)
{
  char *result = result_text (text);
  if (result == NULL)
    fail_no_memory (call);
  else
    answer (call, 0, result);
}

void
lr_reply_name (lr_call *call, const char *name)
{
  if (expect (call, (call->operation == OPERATION_RESOLVE_USER
                     || call->operation == OPERATION_RESOLVE_GROUP)
                        && name != NULL))
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
  if (!expect (call, call->operation == OPERATION_QUERY_USER && user != NULL))
    return;
  struct lr_user_entry *result = result_new (sizeof *result);
  if (result == NULL)
    {
      fail_no_memory (call);
      return;
    }
  *result = *user;
  const char **texts[] = { &result->name, &result->group, &result->gecos, &result->home,
                           &result->shell };
  bool copied = true;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    {
      *texts[i] = result_copy_text (result, *texts[i] == NULL ? "" : *texts[i]);
      copied = copied && *texts[i] != NULL;
    }
  result->groups = copy_list (result, user->groups);
  result->password_hash = result_copy_text (result, user->password_hash);
  if (copied && result->groups != NULL
      && (user->password_hash == NULL || result->password_hash != NULL))
    answer (call, 0, result);
  else
    {
      lr_free (result);
      fail_no_memory (call);
    }
}

void
lr_reply_group (lr_call *call, const struct lr_group_entry *group)
{
  if (!expect (call, call->operation == OPERATION_QUERY_GROUP && group != NULL))
    return;
  struct lr_group_entry *result = result_new (sizeof *result);
  if (result != NULL)
    {
      result->gid = group->gid;
      result->name = result_copy_text (result, group->name == NULL ? "" : group->name);
      result->members = copy_list (result, group->members);
    }
  if (result != NULL && result->name != NULL && result->members != NULL)
    answer (call, 0, result);
  else
    {
      lr_free (result);
      fail_no_memory (call);
    }
}
