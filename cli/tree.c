#include "cli/tree.h"
#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/timeout.h"

#include <stdio.h>
#include <string.h>
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
  return problems.there ? STATUS_REFUSED : problems.here ? STATUS_USAGE : STATUS_DONE;
}

static bool
ends_with_slash (const char *path)
{
  return path[0] != '\0' && path[strlen (path) - 1] == '/';
}

int
tree_copy (const char *url, bool put, const char *here, const char *there, bool preserve)
{
  struct lr_tree_args args =
      LR_TREE_ARGS (.place = LR_TREE_AS_CP, .here = here, .there = there, .preserve = preserve,
                    .follow = ends_with_slash (put ? here : there));
  lr_connection *connection;
  int status = connect_open (url, &connection);
  if (status == 0)
    {
      interruption_begin ();
      status = copy_at (connection, put, &args);
      interruption_end ();
    }
  connect_end ();
  return status;
}
