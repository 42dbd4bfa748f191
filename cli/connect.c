#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "cli/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No duration is that long.  */
#define NOT_GIVEN UINT64_MAX

static struct
{
  struct word_list plugin_directories;
  struct word_list connector_options;
  bool verbose;
  uint64_t connect_timeout; /* milliseconds; 0: never */
  uint64_t keep_alive;
  uint64_t lease;
} given = { .connect_timeout = NOT_GIVEN, .keep_alive = NOT_GIVEN };

const struct cli_option registry_options[] = {
  { .name = "plugin-dir",
    .argument = "DIR",
    .help = "Look for plugins in DIR first; can be repeated",
    .list = &given.plugin_directories },
  { .name = "verbose",
    .letter = 'v',
    .help = "Tell on standard error what is loaded, started and sent",
    .flag = &given.verbose },
  { 0 },
};

const struct cli_option url_options[] = {
  { .letter = 'o',
    .argument = "NAME=VALUE",
    .help = "Set an option of the URL's last hop; can be repeated",
    .list = &given.connector_options },
  { .name = "connect-timeout",
    .argument = "SECONDS",
    .help = "Give up if the connection is not there by then; 60 by default, 0 for never",
    .duration = &given.connect_timeout },
  { .name = "keep-alive",
    .argument = "SECONDS",
    .help = "Ask for a sign of life after so long a silence, and give up after as long again; 30 "
            "by default, 0 for never",
    .duration = &given.keep_alive },
  { .name = "lease",
    .argument = "SECONDS",
    .help = "Have the far side end what it does for us when it has heard nothing from here for so "
            "long; never by default",
    .duration = &given.lease },
  { 0 },
};

static struct
{
  lr_registry *registry;
  lr_loop *loop;
  lr_connection *connection;
  const char *url; /* borrowed */
  char *host;      /* lr_free frees it; NULL: nobody has asked yet */
} opened;

/* Called from whatever thread the library is in, so one line is one call.  */
static void
print_log_line (void *data, enum lr_log_level level, const char *line)
{
  (void) data;
  (void) level;
  flockfile (stderr);
  fputs ("longreach: ", stderr);
  text_print_escaped (stderr, line, strlen (line));
  fputs (terminal_newline (), stderr);
  funlockfile (stderr);
}

/* DIRECTORY from the root on, which the caller frees; NULL and errno without one.  */
static char *
make_absolute (const char *directory)
{
  if (directory[0] == '/')
    return strdup (directory);
  char *here = getcwd (NULL, 0);
  if (here == NULL)
    return NULL;
  size_t size = strlen (here) + 1 + strlen (directory) + 1;
  char *absolute = malloc (size);
  if (absolute != NULL)
    snprintf (absolute, size, "%s/%s", here, directory);
  free (here);
  return absolute;
}

static int
add_directory (lr_registry *registry, const char *directory)
{
  if (directory[0] == '\0')
    return report_usage ("--plugin-dir needs the name of a directory");
  char *absolute = make_absolute (directory);
  if (absolute == NULL)
    return report_local (errno, "cannot find the directory %s: %s", directory, strerror (errno));
  struct lr_error error;
  int status = lr_registry_add_directory (registry, absolute, &error) == 0
                   ? 0
                   : report_open_failure (&error);
  free (absolute);
  return status;
}

int
connect_registry (lr_registry **registry)
{
  *registry = lr_registry_new ();
  if (*registry == NULL)
    out_of_memory ();
  if (given.verbose)
    lr_registry_set_log (*registry, print_log_line, NULL);
  for (size_t i = 0; i < given.plugin_directories.count; i++)
    {
      int status = add_directory (*registry, given.plugin_directories.items[i]);
      if (status != 0)
        {
          lr_registry_free (*registry);
          *registry = NULL;
          return status;
        }
    }
  return 0;
}

/* MILLISECONDS as the library takes it.  */
static uint64_t
time_to_wait (uint64_t milliseconds)
{
  if (milliseconds == NOT_GIVEN)
    return 0;
  return milliseconds == 0 ? LR_NEVER : milliseconds;
}

/* How opening has ended.  */
struct opening
{
  bool known;
  int status;
  struct lr_error error; /* if the status is not 0 */
};

static void
take_note (void *data, int status, void *result, const struct lr_error *error)
{
  struct opening *opening = data;
  (void) result;
  opening->known = true;
  opening->status = status;
  if (status != 0)
    opening->error = *error;
}

int
connect_given_up (void)
{
  return prompt_given_up () != 0 ? prompt_given_up () : interruption_signal ();
}

/* MILLISECONDS as the library takes a lease: whole seconds, and no fewer.  */
static uint32_t
seconds_of (uint64_t milliseconds)
{
  uint64_t seconds = milliseconds / 1000 + (milliseconds % 1000 != 0);
  return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t) seconds;
}

struct lr_open_args
connect_args (const char *url, lr_loop *loop)
{
  return (struct lr_open_args) LR_OPEN_ARGS (.url = url, .options = given.connector_options.items,
                                             .lease = seconds_of (given.lease), .loop = loop,
                                             .timeout_ms = time_to_wait (given.connect_timeout),
                                             .keep_alive_ms = time_to_wait (given.keep_alive),
                                             .prompt = prompt_callback ());
}

/* Open URL with what is there already.  Returns 0 or -1.  Where somebody has given up it is -1 too,
   and *ERROR says nothing.  */
static int
open_connection (const char *url, struct lr_error *error)
{
  /* Not on the stack: it is told of the end when the connection is closed too.  */
  static struct opening opening;
  opening.known = false;
  struct lr_open_args args = connect_args (url, opened.loop);
  if (lr_submit_open (opened.registry, &args, take_note, &opening, &opened.connection, error) != 0)
    return -1;
  /* What leads there is ended with it: ssh alone would try for minutes.  */
  interruption_begin ();
  int status = 0;
  while (!opening.known && connect_given_up () == 0 && status == 0)
    status = lr_loop_dispatch (opened.loop, LR_NEVER, error) < 0 ? -1 : 0;
  interruption_end ();
  if (status != 0)
    return status;
  if (connect_given_up () != 0)
    return -1;
  if (opening.status != 0)
    *error = opening.error;
  return opening.status;
}

int
connect_try (const char *url, lr_connection **connection, struct lr_error *error)
{
  struct lr_error failure;
  *connection = NULL;
  *error = (struct lr_error){ .kind = LR_ERROR_NONE };
  int status = connect_registry (&opened.registry);
  if (status != 0)
    return status;
  if (lr_loop_new (&opened.loop, &failure) == 0 && open_connection (url, &failure) == 0)
    opened.url = url;
  else if (connect_given_up () != 0)
    return interruption_note (connect_given_up ());
  else if (opened.connection == NULL && failure.kind != LR_ERROR_IO)
    return report_open_failure (&failure);
  else
    {
      *error = failure;
      status = STATUS_CONNECTION;
    }
  *connection = opened.connection;
  return status;
}

int
connect_inspect (const char *url, struct lr_hop_list **result)
{
  struct lr_error error;
  if (opened.connection != NULL)
    return lr_inspect (opened.connection, result, &error) == 0 ? 0 : report_open_failure (&error);
  const struct lr_open_args args = connect_args (url, NULL);
  return lr_explain (opened.registry, &args, result, &error) == 0 ? 0
                                                                  : report_open_failure (&error);
}

int
connect_open (const char *url, lr_connection **connection)
{
  struct lr_error error;
  int status = connect_try (url, connection, &error);
  if (status == 0)
    return 0;
  if (error.kind != LR_ERROR_NONE)
    status = report_open_failure (&error);
  *connection = NULL;
  connect_end ();
  return status;
}

lr_loop *
connect_loop (void)
{
  return opened.loop;
}

const char *
connect_host (void)
{
  /* The URL led to a connection, so only memory can be missing.  */
  if (opened.host == NULL
      && lr_extract_hostname (opened.registry, opened.url, &opened.host, NULL) != 0)
    out_of_memory ();
  return opened.host;
}

void
connect_end (void)
{
  lr_close (opened.connection);
  opened.connection = NULL;
  prompt_forget ();
  lr_loop_free (opened.loop);
  opened.loop = NULL;
  lr_free (opened.host);
  opened.host = NULL;
  if (opened.registry != NULL)
    lr_registry_free (opened.registry);
  opened.registry = NULL;
}
