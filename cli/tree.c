#include "cli/tree.h"
#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/placing.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/timeout.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether anything was left out, by whose fault.  */
static struct
{
  bool here, there;
} problems;

static void
show (void *data, const struct lr_tree_figures *figures)
{
  (void) data;
  progress_show_tree (figures);
}

/* Each on a line, also with --json, whose object comes in the end and counts them.  */
static void
tell_problem (void *data, const struct lr_tree_problem *problem)
{
  char line[1200];
  (void) data;
  *(problem->there ? &problems.there : &problems.here) = true;
  int length = snprintf (line, sizeof line, "longreach: %s\n", problem->message);
  progress_abandon ();
  write_all (STDERR_FILENO, line, (size_t) length);
}

static int
report_failed (const struct lr_error *error)
{
  if (interruption_signal () != 0)
    return STATUS_SIGNAL + interruption_signal ();
  if (error->kind == LR_ERROR_IO && strcmp (error->field, "here") == 0)
    return report_local (error->errnum, "%s", error->message);
  return report_failure (error);
}

static int
copy_at (lr_connection *connection, bool put, struct lr_tree_args *args)
{
  struct lr_error error;
  void *result;
  args->problem = tell_problem;
  progress_begin (false);
  args->progress = progress_is_wanted () ? show : NULL;
  args->timeout_ms = timeout_left ();
  int status = interruption_perform (
      connection, put ? LR_OPERATION_PUT_TREE : LR_OPERATION_GET_TREE, args, &result, &error);
  if (status != 0)
    {
      progress_abandon ();
      return report_failed (&error);
    }
  const struct lr_tree_result *tree = result;
  progress_complete_tree (tree->files + tree->links, tree->bytes);
  if (json_wanted)
    json_print (results_tree (tree));
  lr_free (result);
  return 0;
}

static bool
ends_with_slash (const char *path)
{
  return path[0] != '\0' && path[strlen (path) - 1] == '/';
}

/* Trees that are copied with one command.  */
struct copying
{
  bool put;
  bool preserve;
  char **sources;
  size_t count;
  const char *target;
};

/* Whether the target is a directory, at whichever end it is.  Returns 0 or an exit status.  */
static int
look_at_target (lr_connection *connection, const struct copying *copying, bool *is_directory)
{
  struct stat info;
  struct lr_stat_result *result;
  struct lr_error error;
  struct lr_stat_args args =
      LR_STAT_ARGS (.path = copying->target, .follow_links = 1, .timeout_ms = timeout_left ());
  *is_directory = false;
  if (!copying->put)
    {
      *is_directory = stat (copying->target, &info) == 0 && S_ISDIR (info.st_mode);
      return 0;
    }
  if (lr_stat (connection, &args, &result, &error) != 0)
    return report_failure (&error);
  *is_directory = result != NULL && result->type == LR_FILE_DIRECTORY;
  lr_free (result);
  return 0;
}

static int
copy_one (lr_connection *connection, const struct copying *copying, const char *source)
{
  struct lr_tree_args args =
      LR_TREE_ARGS (.place = copying->count > 1 ? LR_TREE_INSIDE : LR_TREE_AS_CP,
                    .here = copying->put ? source : copying->target,
                    .there = copying->put ? copying->target : source, .preserve = copying->preserve,
                    .follow = ends_with_slash (source));
  return copy_at (connection, copying->put, &args);
}

/* Whether what failed with STATUS would fail again.  */
static bool
is_final (int status)
{
  return interruption_signal () != 0 || status == STATUS_TIMEOUT || status == STATUS_CONNECTION;
}

static int
copy_each (lr_connection *connection, const struct copying *copying)
{
  int status = 0;
  if (copying->count > 1)
    {
      bool is_directory;
      status = look_at_target (connection, copying, &is_directory);
      if (status == 0 && !is_directory)
        status = report_usage ("several sources go into a directory that is there, which %s is not",
                               copying->target);
      if (status != 0)
        return status;
    }
  for (size_t i = 0; i < copying->count && !is_final (status); i++)
    {
      int failed = copy_one (connection, copying, copying->sources[i]);
      status = failed != 0 ? failed : status;
    }
  if (status != 0)
    return status;
  return problems.there ? STATUS_REFUSED : problems.here ? STATUS_USAGE : STATUS_DONE;
}

/* Whether PATHS, some local ones, are those of files, and not standard input or output.  Returns an
   exit status, having reported which is not, or 0.  */
static int
check_local (char *const *paths, size_t count, bool put)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp (paths[i], "-") == 0)
      return report_usage ("%s: - is for one file, not for -r; what is called so is ./-",
                           put ? "put" : "get");
  return 0;
}

int
tree_copy (const char *url, bool put, char **paths, size_t count, bool preserve)
{
  const struct copying copying = { put, preserve, paths, count - 1, paths[count - 1] };
  lr_connection *connection;
  int status = put ? check_local (paths, count - 1, put) : check_local (paths + count - 1, 1, put);
  if (status == 0)
    status = placing_check_names (copying.sources, copying.count, copying.target);
  if (status != 0)
    return status;
  status = connect_open (url, &connection);
  if (status == 0)
    {
      interruption_begin ();
      status = copy_each (connection, &copying);
      interruption_end ();
    }
  connect_end ();
  return status;
}
