#include "cli/change.h"

#include "cli/json.h"
#include "cli/report.h"
#include "cli/results.h"

int
change_tell (int status, const char *path, const struct lr_error *error)
{
  if (status != 0)
    return report_path_failure (error);
  if (json_wanted)
    json_print (results_path (path));
  return 0;
}

int
change_each (lr_connection *connection, char **paths, size_t count,
             int (*change) (lr_connection *connection, const char *path, struct lr_error *error))
{
  int status = 0;
  for (size_t i = 0; i < count; i++)
    {
      struct lr_error error;
      int failed = change_tell (change (connection, paths[i], &error), paths[i], &error);
      status = failed != 0 ? failed : status;
    }
  return status;
}
