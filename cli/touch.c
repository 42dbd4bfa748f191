#include "cli/change.h"
#include "cli/connect.h"
#include "cli/moment.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  LINKS_MAX = 40, /* that are followed to a file that is not there, as the kernel does */
};

static struct
{
  bool access, modification; /* neither: both */
  bool no_create;
  const char *date, *reference;
} given;

static int64_t moment; /* what they are set to */

static const struct cli_option touch_options[] = {
  { .name = "access",
    .letter = 'a',
    .help = "Set the time of the last access only",
    .flag = &given.access },
  { .name = "modification",
    .letter = 'm',
    .help = "Set the time of the last modification only",
    .flag = &given.modification },
  { .name = "no-create",
    .letter = 'c',
    .help = "Make no file; that there is none is fine",
    .flag = &given.no_create },
  { .name = "date",
    .letter = 'd',
    .argument = "TIME",
    .help = "Set this time: @SECONDS since 1970, or as 2026-11-22T10:00:00, also with a fraction, "
            "and with Z or +01:00 behind it; else it is of the time zone here",
    .text = &given.date },
  { .name = "reference",
    .letter = 'r',
    .argument = "FILE",
    .help = "Set the time of the last modification of this file of the far side",
    .text = &given.reference },
  { 0 },
};

static int
set_times (lr_connection *connection, const char *path, const char *mode, struct lr_error *error)
{
  bool both = given.access == given.modification;
  struct lr_set_attributes_args args =
      LR_SET_ATTRIBUTES_ARGS (.path = path, .mode = mode, .set_atime = both || given.access,
                              .set_mtime = both || given.modification, .atime_ns = moment,
                              .mtime_ns = moment, .timeout_ms = timeout_left ());
  return lr_set_attributes (connection, &args, error);
}

static bool
has_errnum (const struct lr_error *error, int errnum)
{
  return error->kind == LR_ERROR_REMOTE_OS && error->errnum == errnum;
}

/* The directory of PATH, with the slash at its end, and NAME in it; the caller frees it.  */
static char *
path_beside (const char *path, const char *name)
{
  const char *slash = name[0] == '/' ? NULL : strrchr (path, '/');
  int directory = slash == NULL ? 0 : (int) (slash - path) + 1;
  char *beside;
  if (asprintf (&beside, "%.*s%s", directory, path, name) < 0)
    out_of_memory ();
  return beside;
}

/* Make the file PATH, with its times, unless there is one by now: then it fails with EEXIST.  It
   has all it is to have before it has its name.  */
static int
make_file (lr_connection *connection, const char *path, struct lr_error *error)
{
  struct lr_error ignored;
  char *directory = path_beside (path, ""), *temporary;
  struct lr_make_temporary_args make =
      LR_MAKE_TEMPORARY_ARGS (.directory = directory[0] == '\0' ? "." : directory,
                              .prefix = ".longreach-", .timeout_ms = timeout_left ());
  int status = lr_make_temporary (connection, &make, &temporary, error);
  free (directory);
  if (status != 0)
    return status;
  status = set_times (connection, temporary, "644", error);
  struct lr_rename_args rename = LR_RENAME_ARGS (.source = temporary, .target = path,
                                                 .no_replace = true, .timeout_ms = timeout_left ());
  if (status == 0)
    status = lr_rename (connection, &rename, error);
  struct lr_remove_args remove = LR_REMOVE_ARGS (.path = temporary);
  if (status != 0)
    lr_remove (connection, &remove, &ignored);
  lr_free (temporary);
  return status;
}

/* What the link PATH leads to, which the caller frees; NULL: it is no link.  */
static char *
follow (lr_connection *connection, const char *path)
{
  struct lr_error error;
  char *target;
  struct lr_path_args args = LR_PATH_ARGS (.path = path, .timeout_ms = timeout_left ());
  if (lr_read_link (connection, &args, &target, &error) != 0)
    return NULL;
  char *followed = path_beside (path, target);
  lr_free (target);
  return followed;
}

/* A link that leads to nothing leads to where the file is made.  */
static int
make_or_set (lr_connection *connection, const char *path, struct lr_error *error)
{
  int status = make_file (connection, path, error);
  char *followed = NULL;
  for (int links = 0; status != 0 && has_errnum (error, EEXIST) && links < LINKS_MAX; links++)
    {
      char *next = follow (connection, path);
      if (next == NULL)
        {
          /* Somebody else has made it.  */
          status = set_times (connection, path, NULL, error);
          break;
        }
      free (followed);
      path = followed = next;
      status = make_file (connection, path, error);
    }
  free (followed);
  return status;
}

static int
touch (lr_connection *connection, const char *path, struct lr_error *error)
{
  int status = set_times (connection, path, NULL, error);
  if (status == 0 || !has_errnum (error, ENOENT))
    return status;
  if (given.no_create)
    return 0;
  bool has_name = path[0] != '\0' && path[strlen (path) - 1] != '/';
  return has_name ? make_or_set (connection, path, error) : status;
}

static int
find_reference (lr_connection *connection)
{
  struct lr_stat_result *result;
  struct lr_error error;
  struct lr_stat_args args =
      LR_STAT_ARGS (.path = given.reference, .follow_links = 1, .timeout_ms = timeout_left ());
  if (lr_stat (connection, &args, &result, &error) != 0)
    return report_failure (&error);
  if (result == NULL)
    return report_absent ("%s: %s does not exist", connect_host (), given.reference);
  moment = result->mtime_ns;
  lr_free (result);
  return 0;
}

static int
touch_at (lr_connection *connection, char **operands, size_t count)
{
  int status = given.reference != NULL ? find_reference (connection) : 0;
  return status != 0 ? status : change_each (connection, operands, count, touch);
}

static int
touch_perform (char **operands, size_t count)
{
  moment = LR_NOW;
  if (given.date != NULL && given.reference != NULL)
    return report_usage ("touch: --date and --reference both say which time it is to be");
  if (given.date != NULL && !moment_parse (given.date, &moment))
    return report_usage ("touch: --date takes @SECONDS or a time as 2026-11-22T10:00:00, in the "
                         "years 1678 to 2261, not \"%s\"",
                         given.date);
  lr_connection *connection;
  int status = connect_open (operands[0], &connection);
  if (status == 0)
    status = touch_at (connection, operands + 1, count - 1);
  connect_end ();
  return status;
}

const struct subcommand touch_subcommand = {
  .name = "touch",
  .operands = "URL PATH...",
  .summary = "Set the times of files, and make those that are missing",
  .details = "Without -d and -r it is the far side's present time. What is made is empty and has "
             "mode 644. A link is followed.",
  .options = touch_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = ANY_NUMBER,
  .perform = touch_perform,
};
