#include "conformance/target.h"

#include "conformance/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- needs, in words ---- */

static const struct
{
  const char *operation; /* that the connector says it doesn't do; or */
  const char *program;   /* that isn't at the far side; or */
  const char *lack;      /* what is so instead */
} needs[NEED_COUNT] = {
  [RUNS] = { .operation = "run" },
  [ENVIRONMENT] = { .operation = "run with an environment" },
  [LINGERS] = { .operation = "run with linger" },
  [SPAWNS] = { .operation = "spawn" },
  [STATS] = { .operation = "stat" },
  [UPLOADS] = { .operation = "upload" },
  [DOWNLOADS] = { .operation = "download" },
  [PUTS] = { .operation = "put" },
  [SYNCS] = { .operation = "put with sync" },
  [GETS] = { .operation = "get" },
  [RESOLVES_USERS] = { .operation = "resolve_user" },
  [RESOLVES_GROUPS] = { .operation = "resolve_group" },
  [QUERIES_USERS] = { .operation = "query_user" },
  [QUERIES_GROUPS] = { .operation = "query_group" },
  [GETS_ENV] = { .operation = "getenv" },
  [PINGS] = { .operation = "ping" },
  [LISTS] = { .operation = "list" },
  [MAKES_DIRECTORIES] = { .operation = "make_directory" },
  [REMOVES] = { .operation = "remove" },
  [RENAMES] = { .operation = "rename" },
  [LINKS] = { .operation = "link" },
  [READS_LINKS] = { .operation = "read_link" },
  [SETS_ATTRIBUTES] = { .operation = "set_attributes" },
  [MAKES_TEMPORARIES] = { .operation = "make_temporary" },
  [DESCRIBES_FILE_SYSTEMS] = { .operation = "file_system" },
  [SH] = { .program = "sh" },
  [CAT] = { .program = "cat" },
  [SLEEP] = { .program = "sleep" },
  [ID] = { .program = "id" },
  [TRUE_] = { .program = "true" },
  [RM] = { .program = "rm" },
  [MKDIR] = { .program = "mkdir" },
  [LN] = { .program = "ln" },
  [MKFIFO] = { .program = "mkfifo" },
  [CHMOD] = { .program = "chmod" },
  [TOUCH] = { .program = "touch" },
  [ITSELF] = { .lack = "the dispatcher can't be run as /proc/self/exe there" },
  [PLACE] = { .lack = "no directory was found in which a file can be made" },
  [ROOM] = { .lack = "what it makes could not be removed, for want of mkdir and rm, and of "
                     "operations like them" },
  [ROOT] = { .lack = "it needs to be root at the far side" },
  [ORDINARY] = { .lack = "it needs not to be root at the far side" },
  [USER_ENTRY] = { .lack = "the user at the far side has no entry" },
  [OTHER_USER] = { .lack = "no other user was found there" },
  [PROC] = { .lack = "there is no /proc there" },
};

const char *
target_lacks (const struct target *target, uint64_t wanted)
{
  static char text[160];
  for (int need = 0; need < NEED_COUNT; need++)
    if ((wanted & ~target->has & NEED (need)) != 0)
      {
        if (needs[need].operation != NULL)
          snprintf (text, sizeof text, "the connector does not support %s", needs[need].operation);
        else if (needs[need].program != NULL)
          snprintf (text, sizeof text, "there is no program %s at the far side",
                    needs[need].program);
        else
          snprintf (text, sizeof text, "%s", needs[need].lack);
        return text;
      }
  return NULL;
}

/* ---- what is submitted, and waited for ---- */

/* Who gives up waiting leaves it to the callback, which is called in any case.  */
struct ending
{
  bool known, is_left;
  int status;
  struct lr_error error; /* if the status is not 0 */
};

static void
take_ending (void *data, int status, void *result, const struct lr_error *error)
{
  struct ending *ending = data;
  (void) result;
  if (ending->is_left)
    {
      free (ending);
      return;
    }
  ending->known = true;
  ending->status = status;
  if (status != 0)
    ending->error = *error;
}

/* Wait until ENDING is known, or it is stopped; in either case it is not the caller's any more.  */
static int
await_ending (struct target *target, struct ending *ending, struct lr_error *error)
{
  while (!ending->known && !target_is_stopped (target))
    if (lr_loop_dispatch (target->loop, LR_NEVER, error) < 0)
      break;
  int status = ending->known ? ending->status : -1;
  if (ending->known && status != 0 && error != NULL)
    *error = ending->error;
  if (ending->known)
    free (ending);
  else
    ending->is_left = true;
  return status;
}

static struct ending *
new_ending (void)
{
  struct ending *ending = calloc (1, sizeof *ending);
  if (ending == NULL)
    abort ();
  return ending;
}

/* lr_ping has no limit.  */
static int
ping (struct target *target, struct lr_error *error)
{
  struct lr_ping_args args = LR_PING_ARGS (.timeout_ms = target->patience);
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_PING, .args = &args);
  struct ending *ending = new_ending ();
  if (lr_submit (target->connection, &request, take_ending, ending, NULL, error) == 0)
    return await_ending (target, ending, error);
  free (ending);
  return -1;
}

/* ---- finding out ---- */

/* Whether a try left the connection usable.  */
static bool
is_alive (int status, const struct lr_error *error)
{
  return status == 0 || (error->kind != LR_ERROR_IO && error->kind != LR_ERROR_TIMEOUT)
         || error->field[0] != '\0';
}

static int
connect_anew (struct target *target, struct lr_error *error)
{
  lr_close (target->connection);
  target->connection = NULL;
  return target_connect (target, error);
}

/* Note what STATUS and ERROR say of NEED.  What ends the connection, or is never answered, is
   there, and a check will say what is wrong with it.  -1 if there is no connection any more.  */
static int
note (struct target *target, enum need need, int status, struct lr_error *error)
{
  if (status == 0 || error->kind != LR_ERROR_UNSUPPORTED)
    target->has |= NEED (need);
  return is_alive (status, error) ? 0 : connect_anew (target, error);
}

/* Unless `failed`, note what CALL says of NEED, and free RESULT.  */
#define TRY(need, call, result)                                                                    \
  do                                                                                               \
    {                                                                                              \
      if (!failed)                                                                                 \
        {                                                                                          \
          failed = note (target, need, call, error);                                               \
          lr_free (result);                                                                        \
        }                                                                                          \
    }                                                                                              \
  while (0)

/* "/" is no program, "" is no file, and nothing is changed by asking for them: what counts is only
   whether that is unsupported.  */
static int
find_operations (struct target *target, struct lr_error *error)
{
  static const char *const no_program[] = { "/", NULL };
  static const char *const variable[] = { "LONGREACH_CONFORMANCE=1", NULL };
  uint64_t patience = target->patience;
  struct lr_run_args run = LR_RUN_ARGS (.command = no_program, .timeout_ms = patience);
  struct lr_run_args with_environment =
      LR_RUN_ARGS (.command = no_program, .timeout_ms = patience, .environment = variable);
  struct lr_run_args lingering =
      LR_RUN_ARGS (.command = no_program, .timeout_ms = patience, .linger = 1);
  struct lr_spawn_args spawn = LR_SPAWN_ARGS (.command = no_program);
  struct lr_stat_args look = LR_STAT_ARGS (.path = "/", .timeout_ms = patience);
  struct lr_upload_args upload = LR_UPLOAD_ARGS (.file = "", .timeout_ms = patience);
  struct lr_download_args download = LR_DOWNLOAD_ARGS (.file = "", .timeout_ms = patience);
  struct lr_resolve_args resolve = LR_RESOLVE_ARGS (.timeout_ms = patience);
  struct lr_query_user_args user = LR_QUERY_USER_ARGS (.user = "0", .timeout_ms = patience);
  struct lr_query_group_args group = LR_QUERY_GROUP_ARGS (.group = "0", .timeout_ms = patience);
  struct lr_getenv_args variable_of = LR_GETENV_ARGS (.key = "PATH", .timeout_ms = patience);
  struct lr_run_result *ran = NULL;
  struct lr_stat_result *file;
  struct lr_download_result *content;
  struct lr_user_entry *user_entry;
  struct lr_group_entry *group_entry;
  lr_process *process;
  char *text;
  int failed = 0;

  TRY (RUNS, lr_run (target->connection, &run, &ran, error), ran);
  TRY (ENVIRONMENT, lr_run (target->connection, &with_environment, &ran, error), ran);
  TRY (LINGERS, lr_run (target->connection, &lingering, &ran, error), ran);
  TRY (STATS, lr_stat (target->connection, &look, &file, error), file);
  TRY (UPLOADS, lr_upload (target->connection, &upload, error), NULL);
  TRY (DOWNLOADS, lr_download (target->connection, &download, &content, error), content);
  TRY (RESOLVES_USERS, lr_resolve_user (target->connection, &resolve, &text, error), text);
  TRY (RESOLVES_GROUPS, lr_resolve_group (target->connection, &resolve, &text, error), text);
  TRY (QUERIES_USERS, lr_query_user (target->connection, &user, &user_entry, error), user_entry);
  TRY (QUERIES_GROUPS, lr_query_group (target->connection, &group, &group_entry, error),
       group_entry);
  TRY (GETS_ENV, lr_getenv (target->connection, &variable_of, &text, error), text);
  TRY (PINGS, ping (target, error), NULL);

  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  struct lr_put_args put = LR_PUT_ARGS (.file = "", .descriptor = null, .timeout_ms = patience);
  struct lr_put_args put_sync =
      LR_PUT_ARGS (.file = "", .descriptor = null, .timeout_ms = patience, .sync = 1);
  struct lr_get_args get = LR_GET_ARGS (.file = "", .descriptor = null, .timeout_ms = patience);
  TRY (PUTS, lr_put (target->connection, &put, NULL, error), NULL);
  TRY (SYNCS, lr_put (target->connection, &put_sync, NULL, error), NULL);
  TRY (GETS, lr_get (target->connection, &get, NULL, error), NULL);
  close (null);

  if (!failed && lr_spawn (target->connection, &spawn, &process, error) == 0)
    {
      target->has |= NEED (SPAWNS);
      lr_process_free (process);
    }
  return failed;
}

/* Those about file systems, which the path "" makes fail where they are there.  */
static int
find_file_operations (struct target *target, struct lr_error *error)
{
  uint64_t patience = target->patience;
  struct lr_list_args list = LR_LIST_ARGS (.path = "", .timeout_ms = patience);
  struct lr_make_directory_args make = LR_MAKE_DIRECTORY_ARGS (.path = "", .timeout_ms = patience);
  struct lr_remove_args remove = LR_REMOVE_ARGS (.path = "", .timeout_ms = patience);
  struct lr_rename_args rename =
      LR_RENAME_ARGS (.source = "", .target = "", .timeout_ms = patience);
  struct lr_link_args link = LR_LINK_ARGS (.path = "", .target = "", .timeout_ms = patience);
  struct lr_path_args path = LR_PATH_ARGS (.path = "", .timeout_ms = patience);
  struct lr_set_attributes_args set = LR_SET_ATTRIBUTES_ARGS (.path = "", .timeout_ms = patience);
  struct lr_make_temporary_args temporary =
      LR_MAKE_TEMPORARY_ARGS (.directory = "", .prefix = "/", .timeout_ms = patience);
  struct lr_list_result *entries;
  struct lr_file_system_info *info;
  char *text;
  int failed = 0;

  TRY (LISTS, lr_list (target->connection, &list, &entries, error), entries);
  TRY (MAKES_DIRECTORIES, lr_make_directory (target->connection, &make, error), NULL);
  TRY (REMOVES, lr_remove (target->connection, &remove, error), NULL);
  TRY (RENAMES, lr_rename (target->connection, &rename, error), NULL);
  TRY (LINKS, lr_link (target->connection, &link, error), NULL);
  TRY (READS_LINKS, lr_read_link (target->connection, &path, &text, error), text);
  TRY (SETS_ATTRIBUTES, lr_set_attributes (target->connection, &set, error), NULL);
  TRY (MAKES_TEMPORARIES, lr_make_temporary (target->connection, &temporary, &text, error), text);
  TRY (DESCRIBES_FILE_SYSTEMS, lr_file_system (target->connection, &path, &info, error), info);
  return failed;
}

#undef TRY

bool
target_try (struct target *target, const char *const *words, struct lr_run_result **result)
{
  struct lr_run_args args =
      LR_RUN_ARGS (.command = words, .no_check = 1, .timeout_ms = target->patience);
  struct lr_error error;
  int status = lr_run (target->connection, &args, result, &error);
  /* What was done before may have ended the connection without a word.  */
  if (!is_alive (status, &error) && connect_anew (target, &error) == 0)
    status = lr_run (target->connection, &args, result, NULL);
  /* 126 and 127 are what a shell in between says of a program that it can't run.  */
  return status == 0 && (*result)->returncode != 126 && (*result)->returncode != 127;
}

static void
find_programs (struct target *target)
{
  static const struct
  {
    enum need need;
    const char *words[4];
  } programs[] = {
    { SH, { "sh", "-c", ":" } },     { CAT, { "cat", "/dev/null" } }, { SLEEP, { "sleep", "0" } },
    { ID, { "id", "-u" } },          { TRUE_, { "true" } },           { RM, { "rm", "-f", "" } },
    { MKDIR, { "mkdir", "" } },      { LN, { "ln", "", "" } },        { MKFIFO, { "mkfifo", "" } },
    { CHMOD, { "chmod", "0", "" } }, { TOUCH, { "touch", "" } },
  };
  static const char *const itself[] = { "/proc/self/exe", "--version", NULL };
  struct lr_run_result *result;

  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
    {
      const char *const *words = programs[i].words;
      const char *const command[] = { words[0], words[1], words[2], words[3], NULL };
      if (target_try (target, command, &result))
        target->has |= NEED (programs[i].need);
      lr_free (result);
    }
  if (target_try (target, itself, &result) && result->returncode == 0
      && strncmp (result->stdout_bytes.data, "longreach-dispatcher ", 21) == 0)
    target->has |= NEED (ITSELF);
  lr_free (result);
}

/* Whether the far side's user namespace has ID, by what it says in MAP; where it says nothing, it
   has.  */
static bool
has_id (const struct target *target, const char *map, int64_t id)
{
  struct lr_download_args args =
      LR_DOWNLOAD_ARGS (.file = map, .limit = 100000, .timeout_ms = target->patience);
  struct lr_download_result *result;
  long long first, count;
  bool has = false;
  if (lr_download (target->connection, &args, &result, NULL) != 0)
    return true;
  for (const char *line = result->content.data; *line != '\0' && !has;
       line += strcspn (line, "\n"), line += *line == '\n')
    has = sscanf (line, "%lld %*d %lld", &first, &count) == 2 && id >= first && id - first < count;
  lr_free (result);
  return has;
}

bool
target_has_user (const struct target *target, int64_t uid)
{
  return has_id (target, "/proc/self/uid_map", uid);
}

bool
target_has_group (const struct target *target, int64_t gid)
{
  return has_id (target, "/proc/self/gid_map", gid);
}

/* Whether root can become USER, who then is not of root's group, which is OWN's.  */
static bool
can_become (const struct target *target, const struct lr_user_entry *user,
            const struct lr_user_entry *own)
{
  return user->gid != 0 && (own == NULL || user->gid != own->gid)
         && target_has_user (target, user->uid) && target_has_group (target, user->gid);
}

/* Take NAME for the other user, if it is one, and, for root, one that root can become.  OWN is the
   dispatcher's user, or NULL.  */
static void
try_other (struct target *target, const char *name, const struct lr_user_entry *own)
{
  struct lr_query_user_args query =
      LR_QUERY_USER_ARGS (.user = name, .timeout_ms = target->patience);
  struct lr_user_entry *entry;
  if (lr_query_user (target->connection, &query, &entry, NULL) != 0)
    return;
  if (entry->uid != target->uid && (target->uid != 0 || can_become (target, entry, own)))
    target->other = entry;
  else
    lr_free (entry);
}

/* A container has few users, and of other names.  */
static void
find_other_in_file (struct target *target, const struct lr_user_entry *own)
{
  struct lr_download_args args =
      LR_DOWNLOAD_ARGS (.file = "/etc/passwd", .limit = 1000000, .timeout_ms = target->patience);
  struct lr_download_result *result;
  char *rest;
  if (lr_download (target->connection, &args, &result, NULL) != 0)
    return;
  char *text = strdup (result->content.data);
  for (char *line = text == NULL ? NULL : strtok_r (text, "\n", &rest);
       line != NULL && target->other == NULL; line = strtok_r (NULL, "\n", &rest))
    {
      line[strcspn (line, ":")] = '\0';
      try_other (target, line, own);
    }
  free (text);
  lr_free (result);
}

static void
find_circumstances (struct target *target)
{
  static const char *const others[] = { "nobody", "daemon", "bin", NULL };
  lr_connection *connection = target->connection;
  struct lr_resolve_args own = LR_RESOLVE_ARGS (.timeout_ms = target->patience);
  struct lr_stat_args proc =
      LR_STAT_ARGS (.path = "/proc/self/stat", .timeout_ms = target->patience);
  struct lr_stat_result *file;
  struct lr_user_entry *entry = NULL;

  if (lr_stat (connection, &proc, &file, NULL) == 0 && file != NULL)
    target->has |= NEED (PROC);
  lr_free (file);

  target->uid = -1;
  lr_resolve_group (connection, &own, &target->group, NULL);
  if (lr_resolve_user (connection, &own, &target->user, NULL) == 0)
    {
      struct lr_query_user_args query =
          LR_QUERY_USER_ARGS (.user = target->user, .timeout_ms = target->patience);
      char *end;
      if (lr_query_user (connection, &query, &entry, NULL) == 0)
        {
          target->has |= NEED (USER_ENTRY);
          target->uid = entry->uid;
        }
      else
        {
          target->uid = strtoll (target->user, &end, 10);
          if (end == target->user || *end != '\0')
            target->uid = -1;
        }
    }
  if (target->uid >= 0)
    target->has |= target->uid == 0 ? NEED (ROOT) : NEED (ORDINARY);
  for (const char *const *name = others; target->other == NULL && *name != NULL; name++)
    try_other (target, *name, entry);
  if (target->other == NULL)
    find_other_in_file (target, entry);
  lr_free (entry);
  if (target->other != NULL)
    target->has |= NEED (OTHER_USER);
}

/* ---- connections ---- */

bool
target_is_stopped (const struct target *target)
{
  const struct conformance_settings *settings = target->settings;
  return !target->is_ending && settings->is_stopped != NULL && settings->is_stopped ();
}

struct lr_open_args
target_open_args (const struct target *target)
{
  return *target->settings->open;
}

/* On the loop, where somebody can give up.  */
static int
open_on_loop (struct target *target, lr_connection **result, struct lr_error *error)
{
  struct lr_open_args args = target_open_args (target);
  struct ending *ending = new_ending ();
  int status = lr_submit_open (target->registry, &args, take_ending, ending, result, error);
  if (status == 0)
    status = await_ending (target, ending, error);
  else
    free (ending);
  if (status != 0)
    {
      lr_close (*result);
      *result = NULL;
    }
  return status;
}

int
target_connect_again (struct target *target, bool on_loop, lr_connection **result,
                      struct lr_error *error)
{
  if (on_loop)
    return open_on_loop (target, result, error);
  struct lr_open_args args = target_open_args (target);
  args.loop = NULL;
  return lr_open (target->registry, &args, result, error);
}

int
target_connect (struct target *target, struct lr_error *error)
{
  return target->connection != NULL
             ? 0
             : target_connect_again (target, true, &target->connection, error);
}

int
target_open (struct target *target, struct lr_error *error)
{
  const struct conformance_settings *settings = target->settings;
  target->patience = settings->patience_ms == 0 ? 20000 : settings->patience_ms;
  target->loop = settings->open->loop;
  if (lr_extract_hostname (target->registry, settings->open->url, &target->host, error) != 0
      || target_connect (target, error) != 0 || find_operations (target, error) != 0
      || find_file_operations (target, error) != 0)
    return -1;
  if ((target->has & NEED (RUNS)) != 0)
    find_programs (target);
  find_circumstances (target);
  return place_make (target, error);
}

void
target_close (struct target *target)
{
  target->is_ending = true;
  place_clear (target);
  lr_close (target->connection);
  lr_free (target->host);
  lr_free (target->user);
  lr_free (target->group);
  lr_free (target->other);
  free (target->directory);
}
