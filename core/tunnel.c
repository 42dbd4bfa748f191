#include "core/tunnel.h"

#include "core/error.h"
#include "core/listing.h"
#include "core/text.h"
#include "core/transfer.h"
#include "core/tree.h"
#include "protocol/frame.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SHA512_SIZE = 64, /* bytes */
};

/* ---- requests ---- */

static size_t
count_texts (const char *const *texts)
{
  size_t count = 0;
  while (texts != NULL && texts[count] != NULL)
    count++;
  return count;
}

/* TEXTS, ended by NULL or NULL themselves, as a list whose items begin at *PLACE, which moves on.
 */
static struct packet_list
list_of (const char *const *texts, struct packet_bytes **place)
{
  struct packet_list list = { *place, count_texts (texts) };
  for (uint64_t i = 0; i < list.count; i++)
    *(*place)++ = packet_text (texts[i]);
  return list;
}

static bool
request_run (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_run_args *args = call->args;
  struct packet_bytes *items = calloc (count_texts (args->command) + 1, sizeof *items);
  if (items == NULL)
    return false;
  *memory = items;
  packet->process_run.command = list_of (args->command, &items);
  packet->process_run.stdin_bytes =
      (struct packet_bytes){ call->input.data, call->input.size, call->input.data != NULL };
  packet->process_run.capture_output = !args->no_capture;
  packet->process_run.user = packet_text (args->user);
  packet->process_run.group = packet_text (args->group);
  packet->process_run.umask = packet_text (args->umask);
  packet->process_run.cwd = packet_text (args->cwd);
  return true;
}

bool
tunnel_spawn (const struct lr_spawn_args *args, struct packet *packet, void **memory)
{
  struct packet_bytes *items = calloc (count_texts (args->command) + count_texts (args->environment)
                                           + count_texts (args->unset) + 1,
                                       sizeof *items);
  if (items == NULL)
    return false;
  *memory = items;
  packet->id = PACKET_SPAWN;
  packet->spawn.command = list_of (args->command, &items);
  packet->spawn.environment = list_of (args->environment, &items);
  packet->spawn.unset = list_of (args->unset, &items);
  packet->spawn.user = packet_text (args->user);
  packet->spawn.group = packet_text (args->group);
  packet->spawn.umask = packet_text (args->umask);
  packet->spawn.cwd = packet_text (args->cwd);
  packet->spawn.with_input = !args->no_input;
  packet->spawn.with_output = !args->no_output;
  packet->spawn.timeout = args->timeout_ms == LR_NEVER ? 0 : args->timeout_ms;
  packet->spawn.linger = !args->linger                 ? -1
                         : args->linger_ms > INT64_MAX ? INT64_MAX
                                                       : (int64_t) args->linger_ms;
  packet->spawn.term = packet_text (args->term);
  packet->spawn.rows = args->rows;
  packet->spawn.columns = args->columns;
  return true;
}

static bool
request_spawn (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_run_args *args = call->args;
  struct lr_spawn_args spawn =
      LR_SPAWN_ARGS (.command = args->command, .user = args->user, .group = args->group,
                     .umask = args->umask, .cwd = args->cwd, .environment = args->environment,
                     .unset = args->unset, .no_input = call->input.data == NULL,
                     .no_output = args->no_capture, .timeout_ms = args->timeout_ms,
                     .linger = args->linger, .linger_ms = args->linger_ms);
  return tunnel_spawn (&spawn, packet, memory);
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
request_write (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_upload_args *args = call->args;
  uint64_t size = call->transfer != NULL ? call->transfer->total : call->input.size;
  (void) memory;
  packet->write.file = packet_text (args->file);
  packet->write.mode = packet_text (args->mode);
  packet->write.owner = packet_text (args->owner);
  packet->write.group = packet_text (args->group);
  packet->write.preserve = args->preserve != 0;
  packet->write.size = size > INT64_MAX ? -1 : (int64_t) size;
  packet->write.sync = call->transfer != NULL && call->transfer->sync;
  return true;
}

static bool
request_read (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct transfer *transfer = call->transfer;
  (void) memory;
  packet->read.file = packet_text (((const struct lr_download_args *) call->args)->file);
  packet->read.offset = transfer == NULL ? 0 : transfer->offset;
  packet->read.length = transfer == NULL || transfer->length == 0 ? UINT64_MAX : transfer->length;
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

/* ---- file systems ---- */

static bool
request_list (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_list_args *args = call->args;
  (void) memory;
  packet->listing.path = packet_text (args->path);
  packet->listing.follow_links = !args->no_follow;
  packet->listing.itself = args->itself != 0;
  return true;
}

static bool
request_make_directory (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_make_directory_args *args = call->args;
  (void) memory;
  packet->make_directory.path = packet_text (args->path);
  packet->make_directory.mode = packet_text (args->mode);
  packet->make_directory.owner = packet_text (args->owner);
  packet->make_directory.group = packet_text (args->group);
  packet->make_directory.parents = args->parents != 0;
  return true;
}

static bool
request_remove (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_remove_args *args = call->args;
  (void) memory;
  packet->remove.path = packet_text (args->path);
  packet->remove.recursive = args->recursive != 0;
  return true;
}

static bool
request_rename (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_rename_args *args = call->args;
  (void) memory;
  packet->rename.source = packet_text (args->source);
  packet->rename.target = packet_text (args->target);
  packet->rename.replace = !args->no_replace;
  return true;
}

static bool
request_link (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_link_args *args = call->args;
  (void) memory;
  packet->link.target = packet_text (args->target);
  packet->link.path = packet_text (args->path);
  packet->link.symbolic = args->symbolic != 0;
  packet->link.replace = args->replace != 0;
  return true;
}

static bool
request_read_link (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->read_link.path = packet_text (((const struct lr_path_args *) call->args)->path);
  return true;
}

static bool
request_set_attributes (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_set_attributes_args *args = call->args;
  struct packet_set_attributes *asked = &packet->set_attributes;
  (void) memory;
  asked->path = packet_text (args->path);
  asked->follow_links = !args->no_follow;
  asked->recursive = args->recursive != 0;
  asked->mode = packet_text (args->mode);
  asked->owner = packet_text (args->owner);
  asked->group = packet_text (args->group);
  asked->set_atime = args->set_atime != 0;
  asked->atime = args->atime_ns;
  asked->set_mtime = args->set_mtime != 0;
  asked->mtime = args->mtime_ns;
  return true;
}

static bool
request_make_temporary (struct lr_call *call, struct packet *packet, void **memory)
{
  const struct lr_make_temporary_args *args = call->args;
  (void) memory;
  packet->make_temporary.directory = packet_text (args->directory);
  packet->make_temporary.prefix = packet_text (args->prefix == NULL ? "" : args->prefix);
  packet->make_temporary.is_directory = args->make_directory != 0;
  return true;
}

static bool
request_file_system (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  packet->file_system.path = packet_text (((const struct lr_path_args *) call->args)->path);
  return true;
}

static bool
request_tree (struct lr_call *call, struct packet *packet, void **memory)
{
  (void) memory;
  tree_request (call->tree, packet);
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

/* What the command used, and how it ended.  */
static void
take_exited (struct lr_call *call, const struct packet_exited *exited)
{
  call->exited.known = true;
  call->exited.returncode = exited->returncode;
  call->exited.timed_out = exited->timed_out;
  call->exited.user_time = exited->user_time;
  call->exited.system_time = exited->system_time;
  call->exited.max_resident = exited->max_resident;
}

static void
answer_spawn (struct lr_call *call, const struct packet *packet)
{
  const struct lr_run_args *args = call->args;
  if (packet->id == PACKET_EXITED)
    take_exited (call, &packet->exited);
  if (packet->id != PACKET_CLOSED)
    return;
  if (call->exited.timed_out)
    lr_call_fail (call, LR_ERROR_TIMEOUT, 0, NULL,
                  "%s was ended, because it took longer than %llu milliseconds", args->command[0],
                  (unsigned long long) args->timeout_ms);
  else
    lr_reply_run (call, call->exited.returncode);
}

static void
answer_stat (struct lr_call *call, const struct packet *packet)
{
  const struct packet_stat_result *stat = &packet->stat_result;
  const struct call_output *digest = &call->outputs[LR_STDOUT];
  struct lr_stat_result result =
      LR_STAT_RESULT (.type = listing_type_of (stat->type.data), .mode = stat->mode & 07777,
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
answer_write (struct lr_call *call, const struct packet *packet)
{
  if (call->transfer != NULL)
    call->transfer->written_in_place = packet->written.in_place;
  lr_reply_done (call);
}

static void
answer_read (struct lr_call *call, const struct packet *packet)
{
  struct transfer *transfer = call->transfer;
  if (packet->id == PACKET_OK)
    {
      if (transfer == NULL)
        lr_reply_done (call);
      return; /* a transfer ends when all of it is written */
    }
  const struct packet_file_info *info = &packet->file_info;
  enum lr_file_type type = listing_type_of (info->type.data);
  uint64_t offset = transfer == NULL ? 0 : transfer->offset;
  uint64_t size = info->size > offset ? info->size - offset : 0;
  if (transfer == NULL)
    call_begin_output (call, LR_STDOUT, size);
  else
    {
      transfer->file.type = type;
      transfer->file.mode = info->mode;
      transfer->file.size = info->size;
      transfer->file.mtime = (int64_t) info->mtime;
      if (transfer->length > 0 && size > transfer->length)
        size = transfer->length;
      if (type == LR_FILE_REGULAR && size > 0)
        transfer->total = size;
    }
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
answer_query_user (struct lr_call *call, const struct packet *packet)
{
  const struct packet_user_entry *user = &packet->user_entry;
  const char **groups = texts_of (&user->groups);
  struct lr_user_entry entry =
      LR_USER_ENTRY (.name = user->name.data, .uid = user->uid, .group = user->group.data,
                     .gid = user->gid, .groups = groups, .password_hash = user->password_hash.data,
                     .gecos = user->gecos.data, .home = user->home.data, .shell = user->shell.data);
  if (groups == NULL)
    call_fail_no_memory (call);
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
    call_fail_no_memory (call);
  else
    lr_reply_group (call, &entry);
  free (members);
}

static void
answer_getenv (struct lr_call *call, const struct packet *packet)
{
  lr_reply_value (call, packet->environ_var.value.data);
}

/* FileInfo comes first, and is not looked at.  */
static void
answer_list (struct lr_call *call, const struct packet *packet)
{
  if (packet->id == PACKET_OK)
    lr_reply_done (call);
}

static void
answer_file_system (struct lr_call *call, const struct packet *packet)
{
  const struct packet_file_system_info *info = &packet->file_system_info;
  struct lr_file_system_info result =
      LR_FILE_SYSTEM_INFO (.block_size = info->block_size, .size = info->size, .free = info->free,
                           .available = info->available, .files = info->files,
                           .files_free = info->files_free, .name_max = info->name_max,
                           .read_only = info->read_only);
  lr_reply_file_system (call, &result);
}

static void
answer_tree (struct lr_call *call, const struct packet *packet)
{
  tree_answer (call->tree, packet);
}

struct exchange
{
  enum packet_id request, answer;
  bool (*make) (struct lr_call *call, struct packet *packet, void **memory);
  void (*take) (struct lr_call *call, const struct packet *packet);
  enum packet_id before[2]; /* what comes before the answer; 0: nothing */
};

static const struct exchange exchanges[OPERATION_COUNT] = {
  [OPERATION_OPEN] = { PACKET_CHECK_ALIVE, PACKET_ACK, request_check_alive, answer_done, { 0 } },
  [OPERATION_RUN] = { PACKET_PROCESS_RUN,
                      PACKET_PROCESS_COMPLETED,
                      request_run,
                      answer_run,
                      { 0 } },
  [OPERATION_STAT] = { PACKET_STAT, PACKET_STAT_RESULT, request_stat, answer_stat, { 0 } },
  [OPERATION_UPLOAD] = { PACKET_UPLOAD, PACKET_OK, request_upload, answer_done, { 0 } },
  [OPERATION_DOWNLOAD] = { PACKET_DOWNLOAD,
                           PACKET_DOWNLOAD_RESULT,
                           request_download,
                           answer_done,
                           { 0 } },
  [OPERATION_RESOLVE_USER] = { PACKET_RESOLVE_USER,
                               PACKET_RESOLVE_RESULT,
                               request_resolve_user,
                               answer_resolve,
                               { 0 } },
  [OPERATION_RESOLVE_GROUP] = { PACKET_RESOLVE_GROUP,
                                PACKET_RESOLVE_RESULT,
                                request_resolve_group,
                                answer_resolve,
                                { 0 } },
  [OPERATION_QUERY_USER] = { PACKET_QUERY_USER,
                             PACKET_USER_ENTRY,
                             request_query_user,
                             answer_query_user,
                             { 0 } },
  [OPERATION_QUERY_GROUP] = { PACKET_QUERY_GROUP,
                              PACKET_GROUP_ENTRY,
                              request_query_group,
                              answer_query_group,
                              { 0 } },
  [OPERATION_GETENV] = { PACKET_GETENV, PACKET_ENVIRON_VAR, request_getenv, answer_getenv, { 0 } },
  [OPERATION_LIST] = { PACKET_LIST, PACKET_OK, request_list, answer_list, { PACKET_FILE_INFO } },
  [OPERATION_MAKE_DIRECTORY] = { PACKET_MAKE_DIRECTORY,
                                 PACKET_OK,
                                 request_make_directory,
                                 answer_done,
                                 { 0 } },
  [OPERATION_REMOVE] = { PACKET_REMOVE, PACKET_OK, request_remove, answer_done, { 0 } },
  [OPERATION_RENAME] = { PACKET_RENAME, PACKET_OK, request_rename, answer_done, { 0 } },
  [OPERATION_LINK] = { PACKET_LINK, PACKET_OK, request_link, answer_done, { 0 } },
  [OPERATION_READ_LINK] = { PACKET_READ_LINK,
                            PACKET_RESOLVE_RESULT,
                            request_read_link,
                            answer_resolve,
                            { 0 } },
  [OPERATION_SET_ATTRIBUTES] = { PACKET_SET_ATTRIBUTES,
                                 PACKET_OK,
                                 request_set_attributes,
                                 answer_done,
                                 { 0 } },
  [OPERATION_MAKE_TEMPORARY] = { PACKET_MAKE_TEMPORARY,
                                 PACKET_RESOLVE_RESULT,
                                 request_make_temporary,
                                 answer_resolve,
                                 { 0 } },
  [OPERATION_FILE_SYSTEM] = { PACKET_FILE_SYSTEM,
                              PACKET_FILE_SYSTEM_INFO,
                              request_file_system,
                              answer_file_system,
                              { 0 } },
  [OPERATION_PUT_TREE] = { PACKET_PUT_TREE,
                           PACKET_TREE_DONE,
                           request_tree,
                           answer_tree,
                           { PACKET_TREE_PLACE } },
  [OPERATION_GET_TREE] = { PACKET_GET_TREE,
                           PACKET_OK,
                           request_tree,
                           answer_tree,
                           { PACKET_TREE_PLACE } },
};

/* Those that a session has streams for.  */
static const struct exchange session_run = {
  PACKET_SPAWN, PACKET_CLOSED, request_spawn, answer_spawn, { PACKET_STARTED, PACKET_EXITED }
};
static const struct exchange session_upload = {
  PACKET_WRITE, PACKET_WRITTEN, request_write, answer_write, { 0 }
};
static const struct exchange session_download = {
  PACKET_READ, PACKET_OK, request_read, answer_read, { PACKET_FILE_INFO }
};

static const struct exchange *
find_exchange (enum operation operation, bool in_session)
{
  if (in_session && operation == OPERATION_RUN)
    return &session_run;
  if (in_session && operation == OPERATION_UPLOAD)
    return &session_upload;
  if (in_session && operation == OPERATION_DOWNLOAD)
    return &session_download;
  return &exchanges[operation];
}

bool
tunnel_request (struct lr_call *call, bool in_session, struct packet *packet, void **memory)
{
  const struct exchange *exchange = find_exchange (call->operation, in_session);
  const struct packet_limits *limits = in_session ? &packet_frame_limits : &packet_plain_limits;
  *memory = NULL;
  if (!in_session && (int) exchange->request >= PACKET_FIRST_OF_SESSIONS)
    {
      lr_call_fail (call, LR_ERROR_UNSUPPORTED, 0, NULL,
                    "there is no %s with protocol=plain, which knows nothing of file systems",
                    call_name (call));
      return false;
    }
  memset (packet, 0, sizeof *packet);
  packet->id = exchange->request;
  if (!exchange->make (call, packet, memory))
    {
      call_fail_no_memory (call);
      return false;
    }
  const struct packet_field *large = packet_oversized_field (packet, limits);
  if (large == NULL)
    return true;
  lr_call_fail (call, LR_ERROR_INVALID_VALUE, 0, large->name,
                "%s is larger than the protocol carries", large->name);
  return false;
}

bool
tunnel_accepts (const struct lr_call *call, bool in_session, enum packet_id id)
{
  const struct exchange *exchange = find_exchange (call->operation, in_session);
  return id == exchange->answer || id == PACKET_OS_ERROR || id == PACKET_INVALID_FIELD
         || (id == PACKET_PROCESS_ERROR && call->operation == OPERATION_RUN)
         || (id != PACKET_OK && (id == exchange->before[0] || id == exchange->before[1]));
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
describe_os_error (const char *host, const struct packet_os_error *failure, struct lr_error *error)
{
  char what[512];
  size_t fits = text_escape (what, sizeof what, failure->msg.data, (size_t) failure->msg.size);
  const char *cut = fits < failure->msg.size ? "..." : "";
  const char *separator = failure->msg.size > 0 && failure->strerror.size > 0 ? ": " : "";
  /* A dispatcher that says it all in one of the two need not be echoed.  */
  bool repeats = cut[0] == '\0' && strstr (failure->msg.data, failure->strerror.data) != NULL;
  bool known = failure->errnum > 0 && failure->errnum <= INT_MAX;
  if (failure->msg.size == 0 && failure->strerror.size == 0)
    snprintf (what, sizeof what, "error %lld", (long long) failure->errnum);
  error_set_errno (error, LR_ERROR_REMOTE_OS, known ? (int) failure->errnum : 0, "%s: %s%s%s%s",
                   host, what, cut, repeats ? "" : separator,
                   repeats ? "" : failure->strerror.data);
}

void
tunnel_describe_failure (const char *host, const struct packet *packet, struct lr_error *error)
{
  if (packet->id == PACKET_OS_ERROR)
    describe_os_error (host, &packet->os_error, error);
  else if (packet->id == PACKET_INVALID_FIELD)
    error_set_field (error, packet->invalid_field.field.data, "%s: %s: %s", host,
                     packet->invalid_field.field.data, packet->invalid_field.error_message.data);
  else
    error_set_field (error, "command", "%s: %s", host, packet->process_error.message.data);
}

/* A file whose length is not what it was when it was asked.  */
static bool
is_changed_length (const struct lr_call *call, const struct packet *packet)
{
  return packet->id == PACKET_INVALID_FIELD && call->transfer != NULL && call->transfer->put
         && strcmp (packet->invalid_field.field.data, "size") == 0;
}

static void
fail (struct lr_call *call, const struct packet *packet)
{
  struct lr_error error;
  if (packet->id == PACKET_OS_ERROR && packet->os_error.errnum == ENOSYS
      && call->operation >= OPERATION_LIST)
    error_set (&error, LR_ERROR_UNSUPPORTED,
               "%s: the dispatcher there is an older one, and has no %s", call->host,
               call_name (call));
  else if (is_changed_length (call, packet))
    error_set_field (&error, "descriptor",
                     "the file of descriptor %d became shorter while it was read",
                     call->transfer->descriptor);
  else
    tunnel_describe_failure (call->host, packet, &error);
  call_fail_with (call, &error);
}

void
tunnel_answer (struct lr_call *call, bool in_session, const struct packet *packet)
{
  bool failed = packet->id == PACKET_OS_ERROR || packet->id == PACKET_INVALID_FIELD
                || packet->id == PACKET_PROCESS_ERROR;
  /* A missing file is what stat was asked to find out.  */
  if (packet->id == PACKET_INVALID_FIELD && call->operation == OPERATION_STAT
      && strcmp (packet->invalid_field.field.data, "path") == 0)
    lr_reply_stat (call, NULL);
  else if (failed)
    fail (call, packet);
  else
    find_exchange (call->operation, in_session)->take (call, packet);
}
