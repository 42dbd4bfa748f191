#include "cli/connect.h"
#include "cli/json.h"
#include "cli/local_read.h"
#include "cli/local_write.h"
#include "cli/report.h"
#include "cli/subcommand.h"

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
    .help = "Keep what is not given of mode, owner and group as the file that is replaced has it",
    .flag = &given.preserve },
  { 0 },
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
put_at (lr_connection *connection, const char *remote, const struct local_content *content)
{
  struct lr_upload_args args =
      LR_UPLOAD_ARGS (.file = remote, .content = content->bytes, .mode = given.mode,
                      .owner = given.owner, .group = given.group, .preserve = given.preserve);
  struct lr_error error;
  if (lr_upload (connection, &args, &error) == 0)
    return 0;
  if (error.kind == LR_ERROR_REMOTE_OS && error.errnum == EISDIR)
    explain_directory (&error);
  int status = local_content_report_shorter (content);
  return status != 0 ? status : report_failure (&error);
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

static void
print_json (const char *remote, size_t size)
{
  json_t *object = json_new_object ();
  json_add_text (object, "file", remote);
  json_add_size (object, "size", size);
  json_print (object);
}

static int
put_content (const char *url, const char *remote, const struct local_content *content)
{
  lr_connection *connection;
  int status = connect_open (url, &connection);
  if (status == 0)
    status = put_at (connection, remote, content);
  if (status == 0 && json_wanted)
    print_json (remote, content->bytes.size);
  connect_end ();
  return status;
}

static int
put_perform (char **operands, size_t count)
{
  (void) count;
  const char *local = operands[1];
  if (strcmp (local, "-") == 0 && ends_with_slash (operands[2]))
    return report_usage ("standard input has no name to put after %s: name the file there",
                         operands[2]);
  struct local_content content;
  int status = local_read (local, &content);
  if (status != 0)
    return status;
  /* What can be read has a name: without one LOCAL is a directory.  */
  char *remote = name_remote (operands[2], local);
  status = put_content (operands[0], remote, &content);
  free (remote);
  local_content_free (&content);
  return status;
}

const struct subcommand put_subcommand = {
  .name = "put",
  .operands = "URL LOCAL REMOTE",
  .summary = "Send a file",
  .details =
      "LOCAL can be - for standard input. If REMOTE ends with a /, the file gets LOCAL's name "
      "in that directory. A file that is there is replaced whole or not at all.",
  .options = put_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 3,
  .most = 3,
  .perform = put_perform,
};
