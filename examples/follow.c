/* follow: show what is added to a file on many hosts, as it is added.

     follow FILE URL...

   It runs tail there, and prints each line behind the URL that it comes from, until all have ended
   or a Ctrl-C ends them.  The exit status is 0 if no host failed.  */

#include <longreach/longreach.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  LINE_MOST = 64 << 10, /* bytes */
};

struct host
{
  const char *url;
  lr_connection *connection;
  lr_process *tail; /* NULL: it was not started */
  bool closed;
};

static lr_loop *loop;
static volatile sig_atomic_t interrupted;
static unsigned running, failed;

/* ---- what tail says ---- */

/* Print the whole lines that have come.  What is not consumed stays, and is there again with what
   comes behind it; but a line that is longer than what may wait would never come to its end.  */
static void
print_lines (const struct host *host, enum lr_stream stream)
{
  const char *data;
  size_t size;
  while ((size = lr_process_peek (host->tail, stream, &data)) > 0)
    {
      const char *newline = memchr (data, '\n', size);
      size_t length = newline == NULL ? size : (size_t) (newline - data) + 1;
      if (newline == NULL && !host->closed && size < LINE_MOST)
        break;
      printf ("%s: ", host->url);
      fwrite (data, 1, length, stdout);
      if (newline == NULL)
        putchar ('\n');
      lr_process_consume (host->tail, stream, length);
    }
  fflush (stdout);
}

/* Called by lr_loop_dispatch; EVENTS is what has happened since the last time.  */
static void
tail_changed (void *data, lr_process *tail, uint32_t events)
{
  struct host *host = data;
  struct lr_process_status status = LR_PROCESS_STATUS ();
  struct lr_error error;
  host->closed = (events & LR_PROCESS_CLOSED) != 0;
  print_lines (host, LR_STDOUT);
  print_lines (host, LR_STDERR);
  if (!host->closed)
    return;
  running--;
  bool lost = lr_process_get_status (tail, &status, &error) != 0;
  if (lost)
    fprintf (stderr, "follow: %s\n", error.message);
  failed += lost || (status.returncode != 0 && !interrupted);
}

/* ---- the program ---- */

/* lr_loop_wake is the one function that a signal handler may call.  */
static void
interrupt (int number)
{
  (void) number;
  interrupted = 1;
  lr_loop_wake (loop);
}

/* Nothing to do: what was started fails by itself if it can't be opened.  */
static void
opened (void *data, int status, void *result, const struct lr_error *error)
{
  (void) data;
  (void) status;
  (void) result;
  (void) error;
}

static void
start (struct host *host, const char *file)
{
  const char *const command[] = { "tail", "-n", "3", "-F", "--", file, NULL };
  struct lr_open_args target = LR_OPEN_ARGS (.url = host->url, .loop = loop);
  struct lr_spawn_args tail =
      LR_SPAWN_ARGS (.command = command, .no_input = 1, .callback = tail_changed, .data = host);
  struct lr_error error;
  if (lr_submit_open (NULL, &target, opened, NULL, &host->connection, &error) == 0
      && lr_spawn (host->connection, &tail, &host->tail, &error) == 0)
    running++;
  else
    {
      fprintf (stderr, "follow: %s: %s\n", host->url, error.message);
      failed++;
    }
}

int
main (int argc, char **argv)
{
  int count = argc - 2;
  struct lr_error error;
  struct host *hosts = count < 1 ? NULL : calloc ((size_t) count, sizeof *hosts);
  if (hosts == NULL)
    {
      fputs ("Usage: follow FILE URL...\n", stderr);
      return 2;
    }
  if (lr_loop_new (&loop, &error) != 0)
    {
      fprintf (stderr, "follow: %s\n", error.message);
      return 255;
    }
  signal (SIGINT, interrupt);
  for (int i = 0; i < count; i++)
    {
      hosts[i].url = argv[i + 2];
      start (&hosts[i], argv[1]);
    }
  while (running > 0 && !interrupted && lr_loop_dispatch (loop, LR_NEVER, &error) >= 0)
    continue;

  /* What still runs is killed with its connection; a process is freed before its loop.  */
  for (int i = 0; i < count; i++)
    {
      lr_process_free (hosts[i].tail);
      lr_close (hosts[i].connection);
    }
  lr_loop_free (loop);
  free (hosts);
  return failed > 0 ? 1 : 0;
}
