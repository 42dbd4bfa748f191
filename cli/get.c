#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/local_write.h"
#include "cli/operands.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"
#include "cli/tree.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct
{
  uint64_t offset;
  uint64_t length;
  bool recursive;
  bool preserve;
} given = { .length = UINT64_MAX };

static const struct cli_option get_options[] = {
  { .name = "offset",
    .argument = "BYTES",
    .help = "Begin so far behind the file's start; a unit can follow: 64K, 10M, 1G",
    .size = &given.offset },
  { .name = "length",
    .argument = "BYTES",
    .help = "Fetch at most so many bytes",
    .size = &given.length },
  { .name = "recursive",
    .letter = 'r',
    .help = "Fetch a directory with all that is in it, or anything else as cp -r copies it",
    .flag = &given.recursive },
  { .name = "preserve",
    .letter = 'p',
    .help = "With -r: give what is copied the owners and set-id bits that it has there",
    .flag = &given.preserve },
  { 0 },
};

/* Fetch REMOTE to DESCRIPTOR.  Returns 0, or -1 and *ERROR.  */
static int
fetch (lr_connection *connection, const char *remote, int descriptor, uint64_t *size,
       struct lr_error *error)
{
  struct lr_get_args args =
      LR_GET_ARGS (.descriptor = descriptor, .file = remote, .offset = given.offset,
                   .length = given.length == UINT64_MAX ? 0 : given.length,
                   .progress = progress_show, .timeout_ms = timeout_left ());
  void *result;
  progress_begin (isatty (descriptor) != 0);
  int status = interruption_perform (connection, LR_OPERATION_GET, &args, &result, error);
  if (status == 0)
    progress_complete (*size = ((const struct lr_get_result *) result)->size);
  else
    progress_abandon ();
  lr_free (result);
  return status;
}

static bool
is_local (const struct lr_error *error)
{
  return error->kind == LR_ERROR_IO && strcmp (error->field, "descriptor") == 0;
}

/* Fetching failed; NAME is what was written to.  */
static int
report_failed_fetch (const struct lr_error *error, const char *name)
{
  if (interruption_signal () != 0)
    return STATUS_SIGNAL + interruption_signal ();
  if (is_local (error))
    return report_local (error->errnum, "cannot write %s: %s", name, strerror (error->errnum));
  struct lr_error told = *error;
  size_t used = strlen (told.message);
  if (error->kind == LR_ERROR_REMOTE_OS && error->errnum == EISDIR)
    snprintf (told.message + used, sizeof told.message - used, ", which only get -r fetches");
  return report_lookup_failure (&told, "file");
}

static int
get_to_output (lr_connection *connection, const char *remote)
{
  uint64_t size;
  struct lr_error error;
  if (fetch (connection, remote, STDOUT_FILENO, &size, &error) == 0)
    return 0;
  if (is_local (&error) && error.errnum == EPIPE)
    return interruption_note (SIGPIPE);
  if (is_local (&error))
    return output_report_broken (error.errnum);
  return report_failed_fetch (&error, "standard output");
}

static int
report_local_failure (const struct local_error *error)
{
  if (interruption_signal () != 0)
    return STATUS_SIGNAL + interruption_signal ();
  return local_error_report (error);
}

static int
get_to_file (lr_connection *connection, const char *remote, const struct local_target *target)
{
  struct local_write file;
  struct local_error local_error;
  struct lr_error error;
  uint64_t size;
  if (local_write_begin (target, &file, &local_error) != 0)
    return report_local_failure (&local_error);
  if (fetch (connection, remote, file.descriptor, &size, &error) != 0)
    {
      local_write_drop (&file);
      return report_failed_fetch (&error, target->name);
    }
  if (local_write_keep (&file, &local_error) != 0)
    return report_local_failure (&local_error);
  if (json_wanted)
    json_print (results_get (target->name, size));
  return 0;
}

/* TARGET NULL: standard output.  */
static int
get_to (const char *url, const char *remote, const struct local_target *target)
{
  lr_connection *connection;
  int status = connect_open (url, &connection);
  if (status == 0)
    {
      interruption_begin ();
      status = target != NULL ? get_to_file (connection, remote, target)
                              : get_to_output (connection, remote);
      interruption_end ();
    }
  connect_end ();
  return status;
}

static int
get_trees (char **operands, size_t count)
{
  if (given.offset != 0 || given.length != UINT64_MAX)
    return report_usage ("get: --offset and --length are for one file, not for -r");
  return tree_copy (operands[0], false, operands + 1, count - 1, given.preserve);
}

static int
get_perform (char **operands, size_t count)
{
  const char *remote = operands[1];
  const char *local = operands[2];
  if (given.recursive)
    return get_trees (operands, count);
  int wrong = operands_check_most (&get_subcommand, operands, count, 3);
  if (wrong != 0)
    return wrong;
  if (given.preserve)
    return report_usage (
        "get: --preserve is for -r: a file that is replaced keeps its mode anyway");
  if (given.length == 0)
    return report_usage ("get: --length takes a number from 1, not 0");
  if (strcmp (local, "-") == 0)
    return json_wanted ? report_usage ("get: --json needs standard output for itself: name a file")
                       : get_to (operands[0], remote, NULL);

  struct local_target target;
  struct local_error error;
  int status = local_target_find (local, local_base_name (remote), &target, &error) == 0
                   ? get_to (operands[0], remote, &target)
                   : local_error_report (&error);
  local_target_free (&target);
  return status;
}

const struct subcommand get_subcommand = {
  .name = "get",
  .operands = "URL REMOTE... LOCAL",
  .summary = "Fetch a file, or a tree of files",
  .details =
      "LOCAL can be a directory, for a file of the same name in it, or - for standard output. "
      "A file that is there is replaced whole or not at all, and keeps its mode. With -r modes and "
      "times are the far side's, and REMOTE goes into LOCAL if that is a directory, else it "
      "becomes LOCAL; of a REMOTE that ends with /. only the content goes there. Several go with "
      "-r only, and into a directory that is there.",
  .options = get_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT | OFFERS_PROGRESS,
  .least = 3,
  .most = ANY_NUMBER,
  .perform = get_perform,
};
