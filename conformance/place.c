#include "conformance/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- the guard ---- */

/* A command whose input ends when this program is gone, however that came about.  It outlives the
   signals that the dispatcher then sends to what is left.  */
static void
begin_guard (struct target *target)
{
  static const char script[] = "trap '' HUP TERM; while read -r line; do :; done;"
                               " chmod -R u+rwx \"$1\" 2> /dev/null; exec rm -rf \"$1\"";
  const uint64_t wanted = NEED (SPAWNS) | NEED (SH);
  const char *const command[] = { "sh", "-c", script, "sh", target->directory, NULL };
  struct lr_spawn_args args = LR_SPAWN_ARGS (.command = command, .no_output = 1);
  if ((target->has & wanted) != wanted
      || target_connect_again (target, true, &target->guard_connection, NULL) != 0)
    return;
  lr_spawn (target->guard_connection, &args, &target->guard, NULL);
}

/* Let it do its work.  False: there is none, or it could not.  */
static bool
end_guard (struct target *target)
{
  struct lr_process_status status = LR_PROCESS_STATUS ();
  bool removed = false;
  if (target->guard != NULL)
    {
      lr_process_close_input (target->guard);
      removed = lr_process_wait (target->guard, target->patience, &status, NULL) == 0
                && status.returncode == 0;
    }
  lr_process_free (target->guard);
  lr_close (target->guard_connection);
  target->guard = NULL;
  target->guard_connection = NULL;
  return removed;
}

/* ---- making it ---- */

static void
announce (const struct target *target, const char *path, bool is_removed)
{
  const struct conformance_settings *settings = target->settings;
  struct conformance_place place = { target->host, path, is_removed };
  if (settings->announce != NULL)
    settings->announce (settings->data, &place);
}

static bool
has_all (const struct target *target, uint64_t needs)
{
  return (target->has & needs) == needs;
}

/* Programs are taken where they are, so that a wrong dispatcher can be told.  */
static bool
has_programs (const struct target *target)
{
  return has_all (target, NEED (MKDIR) | NEED (RM));
}

static bool
run_program (struct target *target, const char *const *command)
{
  struct lr_run_result *result;
  bool done = target_try (target, command, &result) && result->returncode == 0;
  lr_free (result);
  return done;
}

static bool
make_directory_at (struct target *target, const char *path)
{
  const char *const command[] = { "mkdir", path, NULL };
  struct lr_make_directory_args args =
      LR_MAKE_DIRECTORY_ARGS (.path = path, .timeout_ms = target->patience);
  if (has_programs (target))
    return run_program (target, command);
  return lr_make_directory (target->connection, &args, NULL) == 0;
}

/* Make a directory of this run's own in PARENT.  */
static bool
make_room (struct target *target, const char *parent)
{
  char *path;
  if (asprintf (&path, "%s/%s", parent, target->prefix) < 0)
    return false;
  announce (target, path, true);
  if (make_directory_at (target, path))
    {
      target->directory = path;
      target->has |= NEED (PLACE) | NEED (ROOM);
      begin_guard (target);
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
  announce (target, path, false);
  bool put_there = lr_upload (target->connection, &put, NULL) == 0;
  if (put_there)
    place_leaves (target, path);
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

/* Nothing can be made in the one place that was asked for.  */
static int
refuse_place (const struct target *target, struct lr_error *error)
{
  *error = (struct lr_error){ .kind = LR_ERROR_INVALID_VALUE, .hop = -1 };
  snprintf (error->host, sizeof error->host, "%s", target->host);
  snprintf (error->field, sizeof error->field, "directory");
  snprintf (error->message, sizeof error->message, "%s: nothing can be made in \"%s\"",
            target->host, target->settings->directory);
  return -1;
}

int
place_make (struct target *target, struct lr_error *error)
{
  struct lr_getenv_args temporary =
      LR_GETENV_ARGS (.key = "TMPDIR", .timeout_ms = target->patience);
  const char *parents[8] = { target->settings->directory };
  bool rooms = has_programs (target) || has_all (target, NEED (MAKES_DIRECTORIES) | NEED (REMOVES));
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
  for (size_t i = 0; i < count && !target_is_stopped (target); i++)
    if (rooms ? make_room (target, parents[i]) : find_place (target, parents[i]))
      break;
  lr_free (given);
  lr_free (home);
  bool is_found = (target->has & NEED (PLACE)) != 0 || target_is_stopped (target);
  bool is_possible = rooms || (target->has & NEED (UPLOADS)) != 0;
  return target->settings->directory != NULL && is_possible && !is_found
             ? refuse_place (target, error)
             : 0;
}

/* ---- tidying up ---- */

void
place_leaves (struct target *target, const char *path)
{
  size_t used = strlen (target->remains), length = strlen (path);
  for (const char *line = target->remains; *line != '\0'; line += strcspn (line, "\n") + 1)
    if (strcspn (line, "\n") == length && strncmp (line, path, length) == 0)
      return;
  if (used + length + 2 < sizeof target->remains)
    sprintf (target->remains + used, "%s\n", path);
}

/* Whether the directory is gone.  */
static bool
remove_room (struct target *target)
{
  const char *const open_up[] = { "chmod", "-R", "u+rwx", target->directory, NULL };
  const char *const command[] = { "rm", "-rf", target->directory, NULL };
  struct lr_set_attributes_args open_all =
      LR_SET_ATTRIBUTES_ARGS (.path = target->directory, .mode = "700", .recursive = 1,
                              .no_follow = 1, .timeout_ms = target->patience);
  struct lr_remove_args remove =
      LR_REMOVE_ARGS (.path = target->directory, .recursive = 1, .timeout_ms = target->patience);
  if (has_programs (target))
    {
      if (has_all (target, NEED (CHMOD)))
        run_program (target, open_up);
      return run_program (target, command);
    }
  lr_set_attributes (target->connection, &open_all, NULL);
  return lr_remove (target->connection, &remove, NULL) == 0;
}

/* What can't be removed needs no room, at least.  */
static void
empty_files (struct target *target)
{
  char *rest, *remains = strdup (target->remains);
  for (char *path = remains == NULL ? NULL : strtok_r (remains, "\n", &rest); path != NULL;
       path = strtok_r (NULL, "\n", &rest))
    {
      struct lr_upload_args empty = LR_UPLOAD_ARGS (.file = path, .timeout_ms = target->patience);
      lr_upload (target->connection, &empty, NULL);
    }
  free (remains);
}

void
place_clear (struct target *target)
{
  bool has_room = (target->has & NEED (ROOM)) != 0 && target->directory != NULL;
  if (end_guard (target) || (!has_room && target->remains[0] == '\0'))
    return;
  bool connected = target_connect (target, NULL) == 0;
  if (has_room && !(connected && remove_room (target)))
    place_leaves (target, target->directory);
  else if (connected)
    empty_files (target);
}
