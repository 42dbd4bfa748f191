#include "cli/batch_operations.h"
#include "cli/json.h"
#include "cli/local_read.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/time.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  ANSWER_LIMIT = 16 << 20, /* bytes of content in one answer, where nothing else is asked for */
};

/* ---- refusals ---- */

int
refusal_set (struct refusal *refusal, const char *field, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (refusal->text, sizeof refusal->text, format, arguments);
  va_end (arguments);
  snprintf (refusal->field, sizeof refusal->field, "%s", field);
  refusal->kind = "usage";
  refusal->errnum = 0;
  return -1;
}

static int
refuse_local (struct refusal *refusal, const char *field, const struct local_error *error)
{
  refusal_set (refusal, field, "%s", error->text);
  refusal->kind = "local-file";
  refusal->errnum = error->errnum;
  return -1;
}

/* There is no memory, or descriptor, to keep a content.  */
static int
refuse_content (struct refusal *refusal, int errnum)
{
  refusal_set (refusal, "content", "cannot keep the content: %s", strerror (errnum));
  refusal->kind = "local-file";
  refusal->errnum = errnum;
  return -1;
}

/* A file in memory, which is where content in JSON comes from and goes to.  */
static int
create_in_memory (void)
{
  return memfd_create ("longreach", MFD_CLOEXEC);
}

static void
close_if_open (int descriptor)
{
  if (descriptor >= 0)
    close (descriptor);
}

/* ---- run ---- */

static const struct field run_fields[] = {
  { "command", offsetof (struct run_request, args.command), FIELD_TEXTS, true },
  { "input", offsetof (struct run_request, args.input), FIELD_BYTES, false },
  { "no_capture", offsetof (struct run_request, args.no_capture), FIELD_FLAG, false },
  { "user", offsetof (struct run_request, args.user), FIELD_TEXT, false },
  { "group", offsetof (struct run_request, args.group), FIELD_TEXT, false },
  { "umask", offsetof (struct run_request, args.umask), FIELD_TEXT, false },
  { "cwd", offsetof (struct run_request, args.cwd), FIELD_TEXT, false },
  { "output_limit", offsetof (struct run_request, args.output_limit), FIELD_COUNT, false },
  { "timeout", offsetof (struct run_request, args.timeout_ms), FIELD_SECONDS, false },
  { "environment", offsetof (struct run_request, args.environment), FIELD_TEXTS, false },
  { "unset", offsetof (struct run_request, args.unset), FIELD_TEXTS, false },
  { "linger", offsetof (struct run_request, linger), FIELD_SECONDS, false },
  { 0 },
};

static void
set_run_defaults (union arguments *arguments)
{
  arguments->run.args.no_check = 1;
  arguments->run.args.output_limit = ANSWER_LIMIT;
  arguments->run.linger = LR_NEVER;
}

static int
prepare_run (union arguments *arguments, struct refusal *refusal)
{
  struct run_request *run = &arguments->run;
  if (run->args.command[0] == NULL)
    return refusal_set (refusal, "command", "command is an empty list");
  run->args.linger = run->linger != LR_NEVER;
  run->args.linger_ms = run->args.linger ? run->linger : 0;
  return 0;
}

static json_t *
describe_run (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) arguments;
  (void) refusal;
  return results_run (result);
}

/* ---- stat ---- */

static const struct field stat_fields[] = {
  { "path", offsetof (struct lr_stat_args, path), FIELD_TEXT, true },
  { "follow_links", offsetof (struct lr_stat_args, follow_links), FIELD_FLAG, false },
  { "sha512sum", offsetof (struct lr_stat_args, sha512sum), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_stat_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static json_t *
describe_stat (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) refusal;
  return result != NULL ? results_stat (arguments->stat.path, result) : json_null ();
}

/* ---- put ---- */

static const struct field put_fields[] = {
  { "file", offsetof (struct put_request, args.file), FIELD_TEXT, true },
  { "content", offsetof (struct put_request, content), FIELD_BYTES, false },
  { "from", offsetof (struct put_request, from), FIELD_TEXT, false },
  { "mode", offsetof (struct put_request, args.mode), FIELD_TEXT, false },
  { "owner", offsetof (struct put_request, args.owner), FIELD_TEXT, false },
  { "group", offsetof (struct put_request, args.group), FIELD_TEXT, false },
  { "preserve", offsetof (struct put_request, args.preserve), FIELD_FLAG, false },
  { "sync", offsetof (struct put_request, args.sync), FIELD_FLAG, false },
  { "timeout", offsetof (struct put_request, args.timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static void
set_put_defaults (union arguments *arguments)
{
  arguments->put.args.descriptor = -1;
}

/* Let the content be read from a descriptor.  */
static int
open_content (struct put_request *put, struct refusal *refusal)
{
  put->args.descriptor = create_in_memory ();
  if (put->args.descriptor >= 0
      && write_all (put->args.descriptor, put->content.data, put->content.size) == 0
      && lseek (put->args.descriptor, 0, SEEK_SET) == 0)
    return 0;
  return refuse_content (refusal, errno);
}

static int
prepare_put (union arguments *arguments, struct refusal *refusal)
{
  struct put_request *put = &arguments->put;
  struct local_error error;
  if (put->from != NULL && put->content.data != NULL)
    return refusal_set (refusal, "from", "content and from exclude each other");
  if (put->from == NULL && put->content.data == NULL)
    return refusal_set (refusal, "content",
                        "content is missing, or from, the name of a local file");
  if (put->from == NULL)
    return open_content (put, refusal);
  if (local_read_open (put->from, true, &put->args.descriptor, &error) != 0)
    return refuse_local (refusal, "from", &error);
  return 0;
}

static void
close_put (union arguments *arguments)
{
  close_if_open (arguments->put.args.descriptor);
}

static void
refuse_source (const union arguments *arguments, int errnum, struct refusal *refusal)
{
  const char *from = arguments->put.from;
  struct local_error error;
  if (from == NULL)
    {
      refuse_content (refusal, errnum);
      return;
    }
  if (errnum != 0)
    local_error_set_unreadable (&error, errnum, from);
  else
    local_error_set (&error, 0, "%s became shorter while it was being sent", from);
  refuse_local (refusal, "from", &error);
}

static json_t *
describe_put (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) refusal;
  return results_put (arguments->put.args.file, result);
}

/* ---- get ---- */

static const struct field get_fields[] = {
  { "file", offsetof (struct get_request, args.file), FIELD_TEXT, true },
  { "to", offsetof (struct get_request, to), FIELD_TEXT, false },
  { "limit", offsetof (struct get_request, limit), FIELD_SIZE, false },
  { "offset", offsetof (struct get_request, args.offset), FIELD_SIZE, false },
  { "length", offsetof (struct get_request, args.length), FIELD_COUNT, false },
  { "timeout", offsetof (struct get_request, args.timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static void
set_get_defaults (union arguments *arguments)
{
  arguments->get.args.length = UINT64_MAX;
  arguments->get.limit = UINT64_MAX;
  arguments->get.memory = -1;
}

/* The content goes into a local file.  */
static int
open_file (struct get_request *get, struct refusal *refusal)
{
  struct local_error error;
  if (get->limit != UINT64_MAX)
    return refusal_set (refusal, "limit", "limit is for content in the answer, and not with to");
  if (local_target_find (get->to, local_base_name (get->args.file), &get->target, &error) != 0)
    return refuse_local (refusal, "to", &error);
  /* Nothing here may wait, as opening a FIFO would.  */
  if (get->target.exists && !S_ISREG (get->target.status.st_mode))
    {
      local_error_set (&error, 0, "%s is not a regular file", get->target.name);
      return refuse_local (refusal, "to", &error);
    }
  if (local_write_begin (&get->target, &get->file, &error) != 0)
    return refuse_local (refusal, "to", &error);
  get->args.descriptor = get->file.descriptor;
  if (get->args.length == UINT64_MAX)
    get->args.length = 0;
  return 0;
}

/* The content goes into the answer.  */
static int
open_memory (struct get_request *get, struct refusal *refusal)
{
  if (get->limit == UINT64_MAX)
    get->limit = ANSWER_LIMIT;
  /* One byte more shows that it is too large.  */
  if (get->args.length > get->limit)
    get->args.length = get->limit + 1;
  get->memory = get->args.descriptor = create_in_memory ();
  return get->memory >= 0 ? 0 : refuse_content (refusal, errno);
}

static int
prepare_get (union arguments *arguments, struct refusal *refusal)
{
  struct get_request *get = &arguments->get;
  return get->to != NULL ? open_file (get, refusal) : open_memory (get, refusal);
}

static void
close_get (union arguments *arguments)
{
  struct get_request *get = &arguments->get;
  close_if_open (get->memory);
  if (get->file.target != NULL)
    local_write_drop (&get->file);
  local_target_free (&get->target);
}

static void
refuse_destination (const union arguments *arguments, int errnum, struct refusal *refusal)
{
  const struct get_request *get = &arguments->get;
  struct local_error error;
  if (get->to == NULL)
    {
      refuse_content (refusal, errnum);
      return;
    }
  local_error_set_unwritable (&error, errnum, get->target.name);
  refuse_local (refusal, "to", &error);
}

static json_t *
describe_content (const struct get_request *get, uint64_t size)
{
  json_t *object = results_get (get->args.file, size);
  void *memory = NULL;
  if (size > 0)
    memory = mmap (NULL, (size_t) size, PROT_READ, MAP_SHARED, get->memory, 0);
  if (memory == MAP_FAILED)
    out_of_memory ();
  json_add_bytes (object, "content",
                  (struct lr_bytes){ memory != NULL ? memory : "", (size_t) size });
  if (memory != NULL)
    munmap (memory, (size_t) size);
  return object;
}

static json_t *
describe_get (union arguments *arguments, const void *result, struct refusal *refusal)
{
  struct get_request *get = &arguments->get;
  uint64_t size = ((const struct lr_get_result *) result)->size;
  struct local_error error;
  if (get->to == NULL && size <= get->limit)
    return describe_content (get, size);
  if (get->to == NULL)
    refusal_set (refusal, "limit", "%s has more than %llu bytes, which is the limit",
                 get->args.file, (unsigned long long) get->limit);
  else if (local_write_keep (&get->file, &error) == 0)
    return results_get (get->target.name, size);
  else
    refuse_local (refusal, "to", &error);
  return NULL;
}

/* ---- users, groups, variables ---- */

static const struct field resolve_fields[] = {
  { "name", offsetof (struct lr_resolve_args, name), FIELD_TEXT, false },
  { "timeout", offsetof (struct lr_resolve_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static json_t *
describe_name (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) arguments;
  (void) refusal;
  json_t *object = json_new_object ();
  json_add_text (object, "name", result);
  return object;
}

static const struct field user_fields[] = {
  { "user", offsetof (struct lr_query_user_args, user), FIELD_TEXT, true },
  { "password_hash", offsetof (struct lr_query_user_args, password_hash), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_query_user_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static json_t *
describe_user (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) arguments;
  (void) refusal;
  return results_user (result);
}

static const struct field group_fields[] = {
  { "group", offsetof (struct lr_query_group_args, group), FIELD_TEXT, true },
  { "timeout", offsetof (struct lr_query_group_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static json_t *
describe_group (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) arguments;
  (void) refusal;
  return results_group (result);
}

static const struct field getenv_fields[] = {
  { "key", offsetof (struct lr_getenv_args, key), FIELD_TEXT, true },
  { "timeout", offsetof (struct lr_getenv_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static json_t *
describe_variable (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) refusal;
  return result != NULL ? results_variable (arguments->getenv.key, result) : json_null ();
}

/* ---- ping, cancel ---- */

static const struct field ping_fields[] = {
  { "timeout", offsetof (struct ping_request, args.timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static int
prepare_ping (union arguments *arguments, struct refusal *refusal)
{
  (void) refusal;
  arguments->ping.begin = time_now ();
  return 0;
}

static json_t *
describe_ping (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) result;
  (void) refusal;
  json_t *object = json_new_object ();
  json_add_integer (object, "round_trip_ns", time_now () - arguments->ping.begin);
  return object;
}

/* ---- file systems ---- */

static const struct field list_fields[] = {
  { "path", offsetof (struct lr_list_args, path), FIELD_TEXT, true },
  { "itself", offsetof (struct lr_list_args, itself), FIELD_FLAG, false },
  { "no_follow", offsetof (struct lr_list_args, no_follow), FIELD_FLAG, false },
  { "limit", offsetof (struct lr_list_args, limit), FIELD_COUNT, false },
  { "timeout", offsetof (struct lr_list_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field make_directory_fields[] = {
  { "path", offsetof (struct lr_make_directory_args, path), FIELD_TEXT, true },
  { "mode", offsetof (struct lr_make_directory_args, mode), FIELD_TEXT, false },
  { "owner", offsetof (struct lr_make_directory_args, owner), FIELD_TEXT, false },
  { "group", offsetof (struct lr_make_directory_args, group), FIELD_TEXT, false },
  { "parents", offsetof (struct lr_make_directory_args, parents), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_make_directory_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field remove_fields[] = {
  { "path", offsetof (struct lr_remove_args, path), FIELD_TEXT, true },
  { "recursive", offsetof (struct lr_remove_args, recursive), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_remove_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field rename_fields[] = {
  { "source", offsetof (struct lr_rename_args, source), FIELD_TEXT, true },
  { "target", offsetof (struct lr_rename_args, target), FIELD_TEXT, true },
  { "no_replace", offsetof (struct lr_rename_args, no_replace), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_rename_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field link_fields[] = {
  { "target", offsetof (struct lr_link_args, target), FIELD_TEXT, true },
  { "path", offsetof (struct lr_link_args, path), FIELD_TEXT, true },
  { "symbolic", offsetof (struct lr_link_args, symbolic), FIELD_FLAG, false },
  { "replace", offsetof (struct lr_link_args, replace), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_link_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field path_fields[] = {
  { "path", offsetof (struct lr_path_args, path), FIELD_TEXT, true },
  { "timeout", offsetof (struct lr_path_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field set_attributes_fields[] = {
  { "path", offsetof (struct lr_set_attributes_args, path), FIELD_TEXT, true },
  { "mode", offsetof (struct lr_set_attributes_args, mode), FIELD_TEXT, false },
  { "owner", offsetof (struct lr_set_attributes_args, owner), FIELD_TEXT, false },
  { "group", offsetof (struct lr_set_attributes_args, group), FIELD_TEXT, false },
  { "no_follow", offsetof (struct lr_set_attributes_args, no_follow), FIELD_FLAG, false },
  { "recursive", offsetof (struct lr_set_attributes_args, recursive), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_set_attributes_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static const struct field make_temporary_fields[] = {
  { "directory", offsetof (struct lr_make_temporary_args, directory), FIELD_TEXT, false },
  { "prefix", offsetof (struct lr_make_temporary_args, prefix), FIELD_TEXT, false },
  { "make_directory", offsetof (struct lr_make_temporary_args, make_directory), FIELD_FLAG, false },
  { "timeout", offsetof (struct lr_make_temporary_args, timeout_ms), FIELD_SECONDS, false },
  { 0 },
};

static json_t *
describe_list (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) refusal;
  return results_list (arguments->list.path, result);
}

static json_t *
describe_nothing (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) arguments;
  (void) result;
  (void) refusal;
  return json_new_object ();
}

static json_t *
describe_link (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) refusal;
  return results_link (arguments->path.path, result);
}

static json_t *
describe_temporary (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) arguments;
  (void) refusal;
  return results_path (result);
}

static json_t *
describe_file_system (union arguments *arguments, const void *result, struct refusal *refusal)
{
  (void) refusal;
  return results_file_system (arguments->path.path, result);
}

static const struct field cancel_fields[] = {
  { "request", offsetof (struct cancel_request, request), FIELD_VALUE, false },
  { 0 },
};

/* ---- all of them ---- */

const struct batch_operation batch_operations[] = {
  { .name = "run",
    .operation = LR_OPERATION_RUN,
    .fields = run_fields,
    .args_size = sizeof (struct lr_run_args),
    .timeout = offsetof (struct lr_run_args, timeout_ms),
    .set_defaults = set_run_defaults,
    .prepare = prepare_run,
    .describe = describe_run },
  { .name = "stat",
    .operation = LR_OPERATION_STAT,
    .fields = stat_fields,
    .args_size = sizeof (struct lr_stat_args),
    .timeout = offsetof (struct lr_stat_args, timeout_ms),
    .describe = describe_stat },
  { .name = "put",
    .other_name = "upload",
    .operation = LR_OPERATION_PUT,
    .fields = put_fields,
    .args_size = sizeof (struct lr_put_args),
    .timeout = offsetof (struct lr_put_args, timeout_ms),
    .set_defaults = set_put_defaults,
    .prepare = prepare_put,
    .close = close_put,
    .refuse_file = refuse_source,
    .describe = describe_put },
  { .name = "get",
    .other_name = "download",
    .operation = LR_OPERATION_GET,
    .fields = get_fields,
    .args_size = sizeof (struct lr_get_args),
    .timeout = offsetof (struct lr_get_args, timeout_ms),
    .set_defaults = set_get_defaults,
    .prepare = prepare_get,
    .close = close_get,
    .refuse_file = refuse_destination,
    .describe = describe_get },
  { .name = "resolve_user",
    .operation = LR_OPERATION_RESOLVE_USER,
    .fields = resolve_fields,
    .args_size = sizeof (struct lr_resolve_args),
    .timeout = offsetof (struct lr_resolve_args, timeout_ms),
    .describe = describe_name },
  { .name = "resolve_group",
    .operation = LR_OPERATION_RESOLVE_GROUP,
    .fields = resolve_fields,
    .args_size = sizeof (struct lr_resolve_args),
    .timeout = offsetof (struct lr_resolve_args, timeout_ms),
    .describe = describe_name },
  { .name = "query_user",
    .operation = LR_OPERATION_QUERY_USER,
    .fields = user_fields,
    .args_size = sizeof (struct lr_query_user_args),
    .timeout = offsetof (struct lr_query_user_args, timeout_ms),
    .describe = describe_user },
  { .name = "query_group",
    .operation = LR_OPERATION_QUERY_GROUP,
    .fields = group_fields,
    .args_size = sizeof (struct lr_query_group_args),
    .timeout = offsetof (struct lr_query_group_args, timeout_ms),
    .describe = describe_group },
  { .name = "getenv",
    .operation = LR_OPERATION_GETENV,
    .fields = getenv_fields,
    .args_size = sizeof (struct lr_getenv_args),
    .timeout = offsetof (struct lr_getenv_args, timeout_ms),
    .describe = describe_variable },
  { .name = "list",
    .operation = LR_OPERATION_LIST,
    .fields = list_fields,
    .args_size = sizeof (struct lr_list_args),
    .timeout = offsetof (struct lr_list_args, timeout_ms),
    .describe = describe_list },
  { .name = "make_directory",
    .operation = LR_OPERATION_MAKE_DIRECTORY,
    .fields = make_directory_fields,
    .args_size = sizeof (struct lr_make_directory_args),
    .timeout = offsetof (struct lr_make_directory_args, timeout_ms),
    .describe = describe_nothing },
  { .name = "remove",
    .operation = LR_OPERATION_REMOVE,
    .fields = remove_fields,
    .args_size = sizeof (struct lr_remove_args),
    .timeout = offsetof (struct lr_remove_args, timeout_ms),
    .describe = describe_nothing },
  { .name = "rename",
    .operation = LR_OPERATION_RENAME,
    .fields = rename_fields,
    .args_size = sizeof (struct lr_rename_args),
    .timeout = offsetof (struct lr_rename_args, timeout_ms),
    .describe = describe_nothing },
  { .name = "link",
    .operation = LR_OPERATION_LINK,
    .fields = link_fields,
    .args_size = sizeof (struct lr_link_args),
    .timeout = offsetof (struct lr_link_args, timeout_ms),
    .describe = describe_nothing },
  { .name = "read_link",
    .operation = LR_OPERATION_READ_LINK,
    .fields = path_fields,
    .args_size = sizeof (struct lr_path_args),
    .timeout = offsetof (struct lr_path_args, timeout_ms),
    .describe = describe_link },
  { .name = "set_attributes",
    .operation = LR_OPERATION_SET_ATTRIBUTES,
    .fields = set_attributes_fields,
    .args_size = sizeof (struct lr_set_attributes_args),
    .timeout = offsetof (struct lr_set_attributes_args, timeout_ms),
    .describe = describe_nothing },
  { .name = "make_temporary",
    .operation = LR_OPERATION_MAKE_TEMPORARY,
    .fields = make_temporary_fields,
    .args_size = sizeof (struct lr_make_temporary_args),
    .timeout = offsetof (struct lr_make_temporary_args, timeout_ms),
    .describe = describe_temporary },
  { .name = "file_system",
    .operation = LR_OPERATION_FILE_SYSTEM,
    .fields = path_fields,
    .args_size = sizeof (struct lr_path_args),
    .timeout = offsetof (struct lr_path_args, timeout_ms),
    .describe = describe_file_system },
  { .name = "ping",
    .operation = LR_OPERATION_PING,
    .fields = ping_fields,
    .args_size = sizeof (struct lr_ping_args),
    .timeout = offsetof (struct lr_ping_args, timeout_ms),
    .prepare = prepare_ping,
    .describe = describe_ping },
  { .name = "cancel", .fields = cancel_fields },
  { 0 },
};

const struct batch_operation *
batch_operation_find (const char *name)
{
  for (const struct batch_operation *o = batch_operations; o->name != NULL; o++)
    if (strcmp (o->name, name) == 0 || (o->other_name != NULL && strcmp (o->other_name, name) == 0))
      return o;
  return NULL;
}
