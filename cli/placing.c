#include "cli/placing.h"

#include "cli/change.h"
#include "cli/report.h"
#include "cli/timeout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
look (lr_connection *connection, const char *path, bool *is_directory)
{
  struct lr_stat_result *result;
  struct lr_error error;
  struct lr_stat_args args =
      LR_STAT_ARGS (.path = path, .follow_links = 1, .timeout_ms = timeout_left ());
  if (lr_stat (connection, &args, &result, &error) != 0)
    return report_failure (&error);
  *is_directory = result != NULL && result->type == LR_FILE_DIRECTORY;
  lr_free (result);
  return 0;
}

/* The path in DIRECTORY of what has the last name of WHAT; the caller frees it.  */
static char *
path_in (const char *directory, const char *what)
{
  size_t end = strlen (what);
  while (end > 1 && what[end - 1] == '/')
    end--;
  size_t start = end;
  while (start > 0 && what[start - 1] != '/')
    start--;
  size_t size = strlen (directory) + 1 + (end - start) + 1;
  char *path = malloc (size);
  if (path == NULL)
    out_of_memory ();
  bool slash = directory[0] != '\0' && directory[strlen (directory) - 1] == '/';
  snprintf (path, size, "%s%s%.*s", directory, slash ? "" : "/", (int) (end - start), what + start);
  return path;
}

int
placing_each (lr_connection *connection, char **operands, size_t count, bool is_name,
              int (*place) (lr_connection *connection, const char *what, const char *path,
                            struct lr_error *error))
{
  const char *target = operands[count - 1];
  struct lr_error error;
  bool into = false;
  int status = is_name ? 0 : look (connection, target, &into);
  if (status != 0)
    return status;
  if (!into && count > 2)
    return report_usage ("several files go into a directory, which %s is not%s", target,
                         is_name ? " with -T" : "");
  if (!into)
    return change_tell (place (connection, operands[0], target, &error), target, &error);
  for (size_t i = 0; i < count - 1; i++)
    {
      char *path = path_in (target, operands[i]);
      int failed = change_tell (place (connection, operands[i], path, &error), path, &error);
      status = failed != 0 ? failed : status;
      free (path);
    }
  return status;
}
