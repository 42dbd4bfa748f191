#include "conformance/target.h"

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
  [ROOM] = { .lack = "what it makes could not be removed, for want of mkdir and rm" },
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

/* ---- finding out ---- */

/* Whether a try left the connection usable.  */
static bool
is_alive (int status, const struct lr_error *error)
{
  return status == 0 || (error->kind != LR_ERROR_IO && error->kind != LR_ERROR_TIMEOUT)
         || error->field[0] != '\0';
}

/* Note what STATUS and ERROR say of NEED; -1 if the connection is gone.  */
static int
note (struct target *target, enum need need, int status, const struct lr_error *error)
{
  if (status == 0 || error->kind != LR_ERROR_UNSUPPORTED)
    target->has |= NEED (need);
  return is_alive (status, error) ? 0 : -1;
}

/* "/" is no program, "" is no file, and nothing is changed by asking for them: what counts is only
   whether that is unsupported.  */
static int
find_operations (struct target *target, struct lr_error *error)
{
  static const char *const no_program[] = { "/", NULL };
  static const char *const variable[] = { "LONGREACH_CONFORMANCE=1", NULL };
  lr_connection *connection = target->connection;
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

  TRY (RUNS, lr_run (connection, &run, &ran, error), ran);
  TRY (ENVIRONMENT, lr_run (connection, &with_environment, &ran, error), ran);
  TRY (LINGERS, lr_run (connection, &lingering, &ran, error), ran);
  TRY (STATS, lr_stat (connection, &look, &file, error), file);
  TRY (UPLOADS, lr_upload (connection, &upload, error), NULL);
  TRY (DOWNLOADS, lr_download (connection, &download, &content, error), content);
  TRY (RESOLVES_USERS, lr_resolve_user (connection, &resolve, &text, error), text);
  TRY (RESOLVES_GROUPS, lr_resolve_group (connection, &resolve, &text, error), text);
  TRY (QUERIES_USERS, lr_query_user (connection, &user, &user_entry, error), user_entry);
  TRY (QUERIES_GROUPS, lr_query_group (connection, &group, &group_entry, error), group_entry);
  TRY (GETS_ENV, lr_getenv (connection, &variable_of, &text, error), text);
  TRY (PINGS, lr_ping (connection, error), NULL);

  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  struct lr_put_args put = LR_PUT_ARGS (.file = "", .descriptor = null, .timeout_ms = patience);
  struct lr_put_args put_sync =
      LR_PUT_ARGS (.file = "", .descriptor = null, .timeout_ms = patience, .sync = 1);
  struct lr_get_args get = LR_GET_ARGS (.file = "", .descriptor = null, .timeout_ms = patience);
  TRY (PUTS, lr_put (connection, &put, NULL, error), NULL);
  TRY (SYNCS, lr_put (connection, &put_sync, NULL, error), NULL);
  TRY (GETS, lr_get (connection, &get, NULL, error), NULL);
  close (null);
#undef TRY

  if (!failed && lr_spawn (connection, &spawn, &process, error) == 0)
    {
      target->has |= NEED (SPAWNS);
      lr_process_free (process);
    }
  return failed;
}

/* Run WORDS; its output, or NULL, in *OUTPUT, which the caller frees with lr_free of *RESULT. False
   where it can't be run.  */
static bool
try_to_run (struct target *target, const char *const *words, struct lr_run_result **result)
{
  struct lr_run_args args =
      LR_RUN_ARGS (.command = words, .no_check = 1, .timeout_ms = target->patience);
  /* 126 and 127 are what a shell in between says of a program that it can't run.  */
  return lr_run (target->connection, &args, result, NULL) == 0 && (*result)->returncode != 126
         && (*result)->returncode != 127;
}

static void
find_programs (struct target *target)
{
  static const struct
  {
    enum need need;
    const char *words[4];
  } programs[] = {
    { SH, { "sh", "-c", ":" } },     { CAT, { "cat" } },         { SLEEP, { "sleep", "0" } },
    { ID, { "id", "-u" } },          { TRUE_, { "true" } },      { RM, { "rm", "-f", "" } },
    { MKDIR, { "mkdir", "" } },      { LN, { "ln", "", "" } },   { MKFIFO, { "mkfifo", "" } },
    { CHMOD, { "chmod", "0", "" } }, { TOUCH, { "touch", "" } },
  };
  static const char *const itself[] = { "/proc/self/exe", "--version", NULL };
  struct lr_run_result *result;

  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++)
    {
      const char *const *words = programs[i].words;
      const char *const command[] = { words[0], words[1], words[2], words[3], NULL };
      if (try_to_run (target, command, &result))
        target->has |= NEED (programs[i].need);
      lr_free (result);
    }
  if (try_to_run (target, itself, &result) && result->returncode == 0
      && strncmp (result->stdout_bytes.data, "longreach-dispatcher ", 21) == 0)
    target->has |= NEED (ITSELF);
  lr_free (result);
}

/* Take NAME for the other user, if it is one, and, for root, one without root's group.  OWN is the
   dispatcher's user, or NULL.  */
static void
try_other (struct target *target, const char *name, const struct lr_user_entry *own)
{
  struct lr_query_user_args query =
      LR_QUERY_USER_ARGS (.user = name, .timeout_ms = target->patience);
  struct lr_user_entry *entry;
  if (lr_query_user (target->connection, &query, &entry, NULL) != 0)
    return;
  if (entry->uid != target->uid
      && (target->uid != 0 || (entry->gid != 0 && (own == NULL || entry->gid != own->gid))))
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
          if (*end != '\0')
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

/* ---- the place ---- */

/* Make a directory of this run's own in PARENT.  */
static bool
make_room (struct target *target, const char *parent)
{
  char *path;
  struct lr_run_result *result;
  if (asprintf (&path, "%s/%s", parent, target->prefix) < 0)
    return false;
  const char *const command[] = { "mkdir", path, NULL };
  bool made = try_to_run (target, command, &result) && result->returncode == 0;
  lr_free (result);
  if (made)
    {
      target->directory = path;
      target->has |= NEED (PLACE) | NEED (ROOM);
      return true;
    }
  free (path);
  return false;
}

/* Whether what is put into the file FILE of PARENT is there afterwards.  */
static bool
find_place (struct target *target, const char *parent)
{
  char *path;
  struct lr_download_result *content = NULL;
  if (asprintf (&path, "%s/%sfile", parent, target->prefix) < 0)
    return false;
  struct lr_upload_args put = LR_UPLOAD_ARGS (.file = path, .content = { "conformance", 11 },
                                              .timeout_ms = target->patience);
  struct lr_download_args fetch = LR_DOWNLOAD_ARGS (.file = path, .timeout_ms = target->patience);
  bool put_there = lr_upload (target->connection, &put, NULL) == 0;
  if (put_there)
    target_leaves (target, path);
  bool found = put_there
               && (lr_download (target->connection, &fetch, &content, NULL) == 0
                       ? content->content.size == 11
                       : (target->has & NEED (DOWNLOADS)) == 0);
  lr_free (content);
  free (path);
  if (!found)
    return false;
  target->directory = strdup (parent);
  if (target->directory != NULL)
    target->has |= NEED (PLACE);
  return target->directory != NULL;
}

static void
make_place (struct target *target)
{
  struct lr_getenv_args temporary =
      LR_GETENV_ARGS (.key = "TMPDIR", .timeout_ms = target->patience);
  const char *parents[8] = { target->settings->directory };
  bool rooms = (target->has & NEED (MKDIR)) != 0 && (target->has & NEED (RM)) != 0;
  char *given = NULL, *home = NULL;
  size_t count = 1;

  if (parents[0] == NULL)
    {
      count = 0;
      lr_getenv (target->connection, &temporary, &given, NULL);
      lr_home_dir (target->connection, NULL, &home, NULL);
      if (given != NULL && given[0] == '/')
        parents[count++] = given;
      parents[count++] = "/tmp";
      parents[count++] = "/var/tmp";
      parents[count++] = "/dev/shm";
      if (home != NULL && home[0] == '/')
        parents[count++] = home;
    }
  struct timespec time;
  clock_gettime (CLOCK_REALTIME, &time);
  snprintf (target->prefix, sizeof target->prefix, "longreach-conformance-%ld-%06ld%s",
            (long) getpid (), time.tv_nsec / 1000, rooms ? "" : "-");
  for (size_t i = 0; i < count; i++)
    if (rooms ? make_room (target, parents[i]) : find_place (target, parents[i]))
      break;
  lr_free (given);
  lr_free (home);
}

void
target_leaves (struct target *target, const char *path)
{
  size_t used = strlen (target->remains), length = strlen (path);
  if (strstr (target->remains, path) == NULL && used + length + 2 < sizeof target->remains)
    sprintf (target->remains + used, "%s\n", path);
}

static void
clear_place (struct target *target)
{
  if (target->directory == NULL && target->remains[0] == '\0')
    return;
  if (target_connect (target, NULL) != 0)
    {
      if (target->directory != NULL)
        target_leaves (target, target->directory);
      return;
    }
  if ((target->has & NEED (ROOM)) != 0 && target->directory != NULL)
    {
      struct lr_run_result *result;
      const char *const open_up[] = { "chmod", "-R", "u+rwx", target->directory, NULL };
      const char *const command[] = { "rm", "-rf", target->directory, NULL };
      if ((target->has & NEED (CHMOD)) != 0)
        {
          try_to_run (target, open_up, &result);
          lr_free (result);
        }
      if (!try_to_run (target, command, &result) || result->returncode != 0)
        target_leaves (target, target->directory);
      lr_free (result);
      return;
    }
  /* What can't be removed needs no room, at least.  */
  char *rest, *remains = strdup (target->remains);
  for (char *path = remains == NULL ? NULL : strtok_r (remains, "\n", &rest); path != NULL;
       path = strtok_r (NULL, "\n", &rest))
    {
      struct lr_upload_args empty = LR_UPLOAD_ARGS (.file = path, .timeout_ms = target->patience);
      lr_upload (target->connection, &empty, NULL);
    }
  free (remains);
}

/* ---- connections ---- */

int
target_connect_again (struct target *target, bool on_loop, lr_connection **result,
                      struct lr_error *error)
{
  const struct conformance_settings *settings = target->settings;
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = target->url, .options = target->options,
                    .loop = on_loop ? target->loop : NULL, .prompt = settings->prompt,
                    .prompt_data = settings->prompt_data);
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
  target->patience = target->settings->patience_ms == 0 ? 20000 : target->settings->patience_ms;
  if (lr_extract_hostname (target->registry, target->url, &target->host, error) != 0
      || lr_loop_new (&target->loop, error) != 0 || target_connect (target, error) != 0
      || find_operations (target, error) != 0)
    return -1;
  if ((target->has & NEED (RUNS)) != 0)
    find_programs (target);
  find_circumstances (target);
  make_place (target);
  return 0;
}

void
target_close (struct target *target)
{
  clear_place (target);
  lr_close (target->connection);
  if (target->loop != NULL)
    lr_loop_free (target->loop);
  lr_free (target->host);
  lr_free (target->user);
  lr_free (target->group);
  lr_free (target->other);
  free (target->directory);
}
