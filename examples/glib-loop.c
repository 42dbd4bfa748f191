/* glib-loop: ask many hosts at once, from inside GLib's main loop.

     glib-loop URL...

   All URLs are opened and asked at the same time, in this one thread, and the answers are printed
   as they come.  The main loop goes on meanwhile: a timer of GLib's counts seconds, and Ctrl-C ends
   all that is under way.  The exit status is 0 if everybody answered everything.  */

#include <longreach/longreach.h>

#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>

struct fleet
{
  GMainLoop *main_loop;
  lr_loop *loop;
  struct host *hosts;
  int count;
  unsigned waiting; /* answers that have not come */
  unsigned failed;
};

struct host
{
  struct fleet *fleet;
  const char *url;
  lr_connection *connection; /* NULL: it couldn't be tried, or is closed */
};

/* ---- answers: what is submitted calls back exactly once ---- */

static void
count_answer (struct fleet *fleet, int status)
{
  fleet->failed += status != 0;
  if (--fleet->waiting == 0)
    g_main_loop_quit (fleet->main_loop);
}

static void
kernel_answered (void *data, int status, void *result, const struct lr_error *error)
{
  struct host *host = data;
  const struct lr_run_result *run = result;
  if (status == 0)
    printf ("%s: runs %s", host->url, run->stdout_bytes.data);
  else
    fprintf (stderr, "glib-loop: %s\n", error->message);
  lr_free (result);
  count_answer (host->fleet, status);
}

static void
accounts_answered (void *data, int status, void *result, const struct lr_error *error)
{
  struct host *host = data;
  const struct lr_stat_result *file = result;
  if (status != 0)
    fprintf (stderr, "glib-loop: %s\n", error->message);
  else if (file == NULL)
    printf ("%s: has no /etc/passwd\n", host->url);
  else
    printf ("%s: has accounts in %llu bytes\n", host->url, (unsigned long long) file->size);
  lr_free (result);
  count_answer (host->fleet, status);
}

/* Nothing to do: what was asked is answered too, with the same error if it can't be opened.  */
static void
opened (void *data, int status, void *result, const struct lr_error *error)
{
  (void) data;
  (void) status;
  (void) result;
  (void) error;
}

/* ---- questions ---- */

static void
ask (struct host *host, const struct lr_request *request, lr_callback *callback)
{
  struct lr_error error;
  if (lr_submit (host->connection, request, callback, host, NULL, &error) == 0)
    host->fleet->waiting++;
  else
    {
      fprintf (stderr, "glib-loop: %s\n", error.message);
      host->fleet->failed++;
    }
}

/* It need not be open to be asked, and the arguments need not stay: they are copied.  */
static void
open_and_ask (struct host *host)
{
  static const char *const uname[] = { "uname", "-sr", NULL };
  struct lr_open_args target =
      LR_OPEN_ARGS (.url = host->url, .loop = host->fleet->loop, .timeout_ms = 20000);
  struct lr_run_args run = LR_RUN_ARGS (.command = uname, .timeout_ms = 10000);
  struct lr_stat_args stat = LR_STAT_ARGS (.path = "/etc/passwd", .timeout_ms = 10000);
  struct lr_error error;
  if (lr_submit_open (NULL, &target, opened, NULL, &host->connection, &error) != 0)
    {
      fprintf (stderr, "glib-loop: %s: %s\n", host->url, error.message);
      host->fleet->failed++;
      return;
    }
  ask (host, &(struct lr_request) LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &run),
       kernel_answered);
  ask (host, &(struct lr_request) LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &stat),
       accounts_answered);
}

/* ---- the main loop's ---- */

/* The descriptor is readable whenever there is something to do, also when a time is over: this is
   all that another main loop needs.  */
static gboolean
dispatch (gint descriptor, GIOCondition condition, gpointer data)
{
  struct fleet *fleet = data;
  struct lr_error error;
  (void) descriptor;
  (void) condition;
  if (lr_loop_dispatch (fleet->loop, 0, &error) < 0)
    fprintf (stderr, "glib-loop: %s\n", error.message);
  return G_SOURCE_CONTINUE;
}

static gboolean
tick (gpointer data)
{
  const struct fleet *fleet = data;
  fprintf (stderr, "glib-loop: answers to come: %u\n", fleet->waiting);
  return G_SOURCE_CONTINUE;
}

/* Closing a connection answers what is under way, with LR_ERROR_CANCELLED.  */
static gboolean
close_all (gpointer data)
{
  struct fleet *fleet = data;
  for (int i = 0; i < fleet->count; i++)
    {
      lr_close (fleet->hosts[i].connection);
      fleet->hosts[i].connection = NULL;
    }
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  struct fleet fleet = { .count = argc - 1 };
  struct lr_error error;
  if (argc < 2)
    {
      fputs ("Usage: glib-loop URL...\n", stderr);
      return 2;
    }
  if (lr_loop_new (&fleet.loop, &error) != 0)
    {
      fprintf (stderr, "glib-loop: %s\n", error.message);
      return 255;
    }
  fleet.main_loop = g_main_loop_new (NULL, FALSE);
  fleet.hosts = g_new0 (struct host, fleet.count);
  guint watch = g_unix_fd_add (lr_loop_descriptor (fleet.loop), G_IO_IN, dispatch, &fleet);
  guint timer = g_timeout_add_seconds (1, tick, &fleet);
  guint interrupt = g_unix_signal_add (SIGINT, close_all, &fleet);

  for (int i = 0; i < fleet.count; i++)
    {
      fleet.hosts[i].fleet = &fleet;
      fleet.hosts[i].url = argv[i + 1];
      open_and_ask (&fleet.hosts[i]);
    }
  if (fleet.waiting > 0)
    g_main_loop_run (fleet.main_loop);

  g_source_remove (watch);
  g_source_remove (timer);
  g_source_remove (interrupt);
  close_all (&fleet);
  lr_loop_free (fleet.loop); /* waits until the far sides have ended */
  g_free (fleet.hosts);
  g_main_loop_unref (fleet.main_loop);
  return fleet.failed > 0 ? 1 : 0;
}
