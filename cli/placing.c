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

/* The last component of PATH, and how long it is; 0: there is none.  */
static size_t
find_last (const char *path, const char **last)
{
  size_t end = strlen (path);
  while (end > 0 && path[end - 1] == '/')
    end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/')
    start--;
  *last = path + start;
  return end - start;
}

/* The path in DIRECTORY of what has the last component of WHAT; the caller frees it.  */
static char *
path_in (const char *directory, const char *what)
{
  const char *last;
  int size = (int) find_last (what, &last);
  bool slash = directory[0] != '\0' && directory[strlen (directory) - 1] == '/';
  char *path;
  if (asprintf (&path, "%s%s%.*s", directory, slash ? "" : "/", size, last) < 0)
    out_of_memory ();
  return path;
}

/* The name by which PATH goes into a directory, and how long it is; 0: it has none, and its content
   goes there.  */
static size_t
find_name (const char *path, const char **name)
{
  size_t size = find_last (path, name);
  bool is_none = size <= 2 && strspn (*name, ".") >= size;
  return is_none ? 0 : size;
}

int
placing_check_names (char *const *sources, size_t count, const char *directory)
{
  for (size_t i = 1; i < count; i++)
    for (size_t j = 0; j < i; j++)
      {
        const char *one, *other;
        size_t size = find_name (sources[i], &one);
        if (size > 0 && find_name (sources[j], &other) == size && memcmp (one, other, size) == 0)
          return report_usage ("%s and %s would both become %.*s in %s", sources[j], sources[i],
                               (int) size, one, directory);
      }
  return 0;
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
  status = placing_check_names (operands, count - 1, target);
  if (status != 0)
    return status;
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
