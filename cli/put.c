#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/local_read.h"
#include "cli/local_target.h"
#include "cli/operands.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"
#include "cli/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct
{
  const char *mode;
  const char *owner;
  const char *group;
  bool preserve;
  bool sync;
  bool recursive;
} given;

static const struct cli_option put_options[] = {
  { .name = "mode",
    .argument = "OCTAL",
    .help = "Give the file this mode instead of 600",
    .text = &given.mode },
  { .name = "owner",
    .argument = "USER",
    .help = "Give the file to USER, a name or id, instead of the dispatcher's user",
    .text = &given.owner },
  { .name = "group",
    .argument = "GROUP",
    .help = "Give the file this group instead of the owner's primary group",
    .text = &given.group },
  { .name = "preserve",
    .letter = 'p',
    .help = "Keep what is not given of mode, owner and group as the file that is replaced has it; "
            "with -r: give what is copied the owners and set-id bits that it has here",
    .flag = &given.preserve },
  { .name = "recursive",
    .letter = 'r',
    .help = "Send a directory with all that is in it, or anything else as cp -r copies it",
    .flag = &given.recursive },
  { .name = "sync", .help = "Wait until it has reached the far side's disk", .flag = &given.sync },
  { 0 },
};

/* A local file on its way to a remote name.  */
struct sending
{
  const char *name; /* of what is read, for messages */
  int descriptor;
  const char *remote;
};

/* Say in the message what to do about a REMOTE that is a directory.  */
static void
explain_directory (struct lr_error *error)
{
  size_t used = strlen (error->message);
  snprintf (error->message + used, sizeof error->message - used,
            "; to put the file into that directory, end its name with a /");
}

static int
report_failed_put (struct lr_error *error, const struct sending *sending)
{
  bool local = strcmp (error->field, "descriptor") == 0;
  if (interruption_signal () != 0)
    return STATUS_SIGNAL + interruption_signal ();
  if (local && error->kind == LR_ERROR_IO)
    return report_local (error->errnum, "cannot read %s: %s", sending->name,
                         strerror (error->errnum));
  if (local)
    return report_local (0, "%s became shorter while it was being sent", sending->name);
  if (error->kind == LR_ERROR_REMOTE_OS && error->errnum == EISDIR)
    explain_directory (error);
  return report_failure (error);
}

static int
put_at (lr_connection *connection, const struct sending *sending)
{
  struct lr_put_args args =
      LR_PUT_ARGS (.descriptor = sending->descriptor, .file = sending->remote, .mode = given.mode,
                   .owner = given.owner, .group = given.group, .preserve = given.preserve,
                   .sync = given.sync, .progress = progress_show, .timeout_ms = timeout_left ());
  void *result;
  struct lr_error error;
  progress_begin (false);
  int status = interruption_perform (connection, LR_OPERATION_PUT, &args, &result, &error);
  if (status != 0)
    {
      progress_abandon ();
      return report_failed_put (&error, sending);
    }
  progress_complete (((const struct lr_put_result *) result)->size);
  if (json_wanted)
    json_print (results_put (sending->remote, result));
  lr_free (result);
  return 0;
}

static bool
ends_with_slash (const char *path)
{
  return path[0] != '\0' && path[strlen (path) - 1] == '/';
}

/* REMOTE, with LOCAL's name if it ends with a slash; the caller frees it.  */
static char *
name_remote (const char *remote, const char *local)
{
  const char *name = ends_with_slash (remote) ? local_base_name (local) : "";
  size_t size = strlen (remote) + strlen (name) + 1;
  char *path = malloc (size);
  if (path == NULL)
    out_of_memory ();
  snprintf (path, size, "%s%s", remote, name);
  return path;
}

static int
put_to (const char *url, const struct sending *sending)
{
  lr_connection *connection;
  int status = connect_open (url, &connection);
  if (status == 0)
    {
      interruption_begin ();
      status = put_at (connection, sending);
      interruption_end ();
    }
  connect_end ();
  return status;
}

static int
put_trees (char **operands, size_t count)
{
  if (given.mode != NULL || given.owner != NULL || given.group != NULL || given.sync)
    return report_usage ("put: --mode, --owner, --group and --sync are for one file, not for -r");
  return tree_copy (operands[0], true, operands + 1, count - 1, given.preserve);
}

static int
put_perform (char **operands, size_t count)
{
  const char *local = operands[1];
  if (given.recursive)
    return put_trees (operands, count);
  int wrong = operands_check_most (&put_subcommand, operands, count, 3);
  if (wrong != 0)
    return wrong;
  if (strcmp (local, "-") == 0 && ends_with_slash (operands[2]))
    return report_usage ("standard input has no name to put after %s: name the file there",
                         operands[2]);
  struct local_error error;
  int descriptor;
  if (local_read_open (local, false, &descriptor, &error) != 0)
    return local_error_report (&error);
  /* What can be read has a name: without one LOCAL is a directory.  */
  char *remote = name_remote (operands[2], local);
  struct sending sending = { local_read_name (local), descriptor, remote };
  int status = put_to (operands[0], &sending);
  free (remote);
  local_read_close (descriptor);
  return status;
}

const struct subcommand put_subcommand = {
  .name = "put",
  .operands = "URL LOCAL... REMOTE",
  .summary = "Send a file, or a tree of files",
  .details =
      "LOCAL can be - for standard input. If REMOTE ends with a /, the file gets LOCAL's name "
      "in that directory. A file that is there is replaced whole or not at all. With -r modes and "
      "times are kept, and LOCAL goes into REMOTE if that is a directory, else it becomes REMOTE; "
      "of a LOCAL that ends with /. only the content goes there. Several go with -r only, and into "
      "a directory that is there.",
  .options = put_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT | OFFERS_PROGRESS,
  .least = 3,
  .most = ANY_NUMBER,
  .perform = put_perform,
};
