#include "core/tunnel.h"

#include "core/text.h"
#include "protocol/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SHA512_SIZE = 64, /* bytes */
};

/* ---- requests ---- */

static bool
request_run (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_run_args *args = call->args;
  size_t count = 0;
  while (args->command[count] != NULL)
    count++;
  struct packet_bytes *items = calloc (count + 1, sizeof *items);
  if (items == NULL)
    return false;
  *memory = items;
  for (size_t i = 0; i < count; i++)
    items[i] = packet_text (args->command[i]);
  packet->process_run.command = (struct packet_list){ items, count };
  packet->process_run.stdin_bytes =
      (struct packet_bytes){ call->input.data, call->input.size, call->input.data != NULL };
  packet->process_run.capture_output = !args->no_capture;
  packet->process_run.user = packet_text (args->user);
  packet->process_run.group = packet_text (args->group);
  packet->process_run.umask = packet_text (args->umask);
  packet->process_run.cwd = packet_text (args->cwd);
  return true;
}

static bool
request_stat (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_stat_args *args = call->args;
  (void) memory;
  packet->stat.path = packet_text (args->path);
  packet->stat.follow_links = args->follow_links != 0;
  packet->stat.sha512sum = args->sha512sum != 0;
  return true;
}

static bool
request_upload (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_upload_args *args = call->args;
  (void) memory;
  packet->upload.file = packet_text (args->file);
  packet->upload.content =
      packet_data (call->input.data, call->input.data == NULL ? 0 : call->input.size);
  packet->upload.mode = packet_text (args->mode);
  packet->upload.owner = packet_text (args->owner);
  packet->upload.group = packet_text (args->group);
  return true;
}

static bool
request_download (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->download.file = packet_text (((const struct lr_download_args *) call->args)->file);
  return true;
}

static bool
request_resolve_user (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->resolve_user.user = packet_text (((const struct lr_resolve_args *) call->args)->name);
  return true;
}

static bool
request_resolve_group (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->resolve_group.group = packet_text (((const struct lr_resolve_args *) call->args)->name);
  return true;
}

static bool
request_query_user (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_query_user_args *args = call->args;
  (void) memory;
  packet->query_user.user = packet_text (args->user);
  packet->query_user.query_password_hash = args->password_hash != 0;
  return true;
}

static bool
request_query_group (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->query_group.group =
      packet_text (((const struct lr_query_group_args *) call->args)->group);
  return true;
}

static bool
request_getenv (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->getenv.key = packet_text (((const struct lr_getenv_args *) call->args)->key);
  return true;
}

/* Asking for a sign of life.  */
static bool
request_check_alive (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) call;
  (void) packet;
  (void) memory;
  return true;
}

/* ---- answers ---- */

/* The decoder ends every string with a NUL, and tunnel_answer has made sure that none has one
   inside.  */

static void
answer_run (struct lr_call *call, const struct packet *packet)
{
  lr_reply_run (call, packet->process_completed.returncode);
}

static enum lr_file_type
type_of_name (const char *name)
{
  for (int type = LR_FILE_OTHER; type <= LR_FILE_BLOCK; type++)
    if (strcmp (name, lr_file_type_name ((enum lr_file_type) type)) == 0)
      return (enum lr_file_type) type;
  return LR_FILE_OTHER;
}

static void
answer_stat (struct lr_call *call, const struct packet *packet)
{
  const struct packet_stat_result *stat = &packet->stat_result;
  const struct call_output *digest = &call->outputs[LR_STDOUT];
  struct lr_stat_result result =
      LR_STAT_RESULT (.type = type_of_name (stat->type.data), .mode = stat->mode,
                      .owner = stat->owner.data, .group = stat->group.data, .size = stat->size,
                      .mtime_ns = (int64_t) stat->mtime, .ctime_ns = (int64_t) stat->ctime);
  if (stat->sha512sum.present)
    result.sha512sum = (struct lr_bytes){ digest->data, digest->size };
  if (stat->sha512sum.present && digest->size != SHA512_SIZE)
    lr_call_fail (call, digest->no_memory ? LR_ERROR_NO_MEMORY : LR_ERROR_IO, 0, NULL,
                  "there is no SHA-512 of %d bytes in the answer", SHA512_SIZE);
  else
    lr_reply_stat (call, &result);
}

static void
answer_done (struct lr_call *call, const struct packet *packet)
{
  (void) packet;
  lr_reply_done (call);
}

static void
answer_resolve (struct lr_call *call, const struct packet *packet)
{
  lr_reply_name (call, packet->resolve_result.value.data);
}

/* The texts of LIST as an array ended by NULL, which the caller frees.  */
static const char **
texts_of (const struct packet_list *list)
{
  const char **texts = calloc ((size_t) list->count + 1, sizeof *texts);
  for (uint64_t i = 0; texts != NULL && i < list->count; i++)
    texts[i] = list->items[i].data;
  return texts;
}

static void
fail_no_memory (struct lr_call *call)
{
  lr_call_fail (call, LR_ERROR_NO_MEMORY, 0, NULL, "there is no memory for the answer");
}

static void
answer_query_user (struct lr_call *call, const struct packet *packet)
{
  const struct packet_user_entry *user = &packet->user_entry;
  const char **groups = texts_of (&user->groups);
  struct lr_user_entry entry =
      LR_USER_ENTRY (.name = user->name.data, .uid = user->uid, .group = user->group.data,
                     .gid = user->gid, .groups = groups, .password_hash = user->password_hash.data,
                     .gecos = user->gecos.data, .home = user->home.data, .shell = user->shell.data);
  if (groups == NULL)
    fail_no_memory (call);
  else
    lr_reply_user (call, &entry);
  free (groups);
}

static void
answer_query_group (struct lr_call *call, const struct packet *packet)
{
  const struct packet_group_entry *group = &packet->group_entry;
  const char **members = texts_of (&group->members);
  struct lr_group_entry entry =
      LR_GROUP_ENTRY (.name = group->name.data, .gid = group->gid, .members = members);
  if (members == NULL)
    fail_no_memory (call);
  else
    lr_reply_group (call, &entry);
  free (members);
}

static void
answer_getenv (struct lr_call *call, const struct packet *packet)
{
  lr_reply_value (call, packet->environ_var.value.data);
}

static const struct
{
  enum packet_id request, answer;
  bool (*make) (struct lr_call *call, struct packet *packet, void **memory);
  void (*take) (struct lr_call *call, const struct packet *packet);
} exchanges[OPERATION_COUNT] = {
  [OPERATION_OPEN] = { PACKET_CHECK_ALIVE, PACKET_ACK, request_check_alive, answer_done },
  [OPERATION_RUN] = { PACKET_PROCESS_RUN, PACKET_PROCESS_COMPLETED, request_run, answer_run },
  [OPERATION_STAT] = { PACKET_STAT, PACKET_STAT_RESULT, request_stat, answer_stat },
  [OPERATION_UPLOAD] = { PACKET_UPLOAD, PACKET_OK, request_upload, answer_done },
  [OPERATION_DOWNLOAD] = { PACKET_DOWNLOAD, PACKET_DOWNLOAD_RESULT, request_download, answer_done },
  [OPERATION_RESOLVE_USER] = { PACKET_RESOLVE_USER, PACKET_RESOLVE_RESULT, request_resolve_user,
                               answer_resolve },
  [OPERATION_RESOLVE_GROUP] = { PACKET_RESOLVE_GROUP, PACKET_RESOLVE_RESULT, request_resolve_group,
                                answer_resolve },
  [OPERATION_QUERY_USER] = { PACKET_QUERY_USER, PACKET_USER_ENTRY, request_query_user,
                             answer_query_user },
  [OPERATION_QUERY_GROUP] = { PACKET_QUERY_GROUP, PACKET_GROUP_ENTRY, request_query_group,
                              answer_query_group },
  [OPERATION_GETENV] = { PACKET_GETENV, PACKET_ENVIRON_VAR, request_getenv, answer_getenv },
};

bool
tunnel_request (struct lr_call *call, struct packet *packet, void **memory)
{
  *memory = NULL;
  memset (packet, 0, sizeof *packet);
  packet->id = exchanges[call->operation].request;
  if (!exchanges[call->operation].make (call, packet, memory))
    {
      fail_no_memory (call);
      return false;
    }
  const struct packet_field *large = packet_oversized_field (packet, &packet_plain_limits);
  if (large == NULL)
    return true;
  lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, large->name,
                "%s is larger than the protocol carries", large->name);
  return false;
}

bool
tunnel_accepts (const struct lr_call *call, enum packet_id id)
{
  return id == exchanges[call->operation].answer || id == PACKET_OS_ERROR
         || id == PACKET_INVALID_FIELD
         || (id == PACKET_PROCESS_ERROR && call->operation == OPERATION_RUN);
}

enum lr_stream
tunnel_stream (const struct packet *packet, const struct packet_field *field)
{
  return packet_field_in (packet, field) == &packet->process_completed.stderr_bytes
                 && packet->id == PACKET_PROCESS_COMPLETED
             ? LR_STDERR
             : LR_STDOUT;
}

/* What failed may name a path of any length: the reason must still fit behind it.  */
static void
fail_os_error (struct lr_call *call, const struct packet_os_error *failure)
{
  char what[512];
  size_t fits = text_escape (what, sizeof what, failure->msg.data, (size_t) failure->msg.size);
  const char *cut = fits < failure->msg.size ? "..." : "";
  const char *separator = failure->msg.size > 0 && failure->strerror.size > 0 ? ": " : "";
  /* A dispatcher that says it all in one of the two need not be echoed.  */
  bool repeats = cut[0] == '\0' && strstr (failure->msg.data, failure->strerror.data) != NULL;
  lr_call_fail (call, LR_ERROR_REMOTE_OS, (int) failure->errnum, NULL, "%s%s%s%s", what, cut,
                repeats ? "" : separator, repeats ? "" : failure->strerror.data);
}

/* A missing file is what stat was asked to find out.  */
static void
fail_invalid_field (struct lr_call *call, const struct packet_invalid_field *failure)
{
  if (call->operation == OPERATION_STAT && strcmp (failure->field.data, "path") == 0)
    lr_reply_stat (call, NULL);
  else
    lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, failure->field.data, "%s: %s",
                  failure->field.data, failure->error_message.data);
}

void
tunnel_answer (struct lr_call *call, const struct packet *packet)
{
  if (packet->id == PACKET_OS_ERROR)
    fail_os_error (call, &packet->os_error);
  else if (packet->id == PACKET_INVALID_FIELD)
    fail_invalid_field (call, &packet->invalid_field);
  else if (packet->id == PACKET_PROCESS_ERROR)
    lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, "command", "%s",
                  packet->process_error.message.data);
  else
    exchanges[call->operation].take (call, packet);
}
