/* many-hosts: ask a hundred hosts, or a thousand, on one loop and in one thread.

     many-hosts URL...
     many-hosts - <LIST

   Each host is opened, asked for its kernel and its load, and closed.  So that this machine doesn't
   start a thousand ssh at once, AT_ONCE hosts are under way at any time, and the next is opened
   when one is done.  The report is in the order of the URLs.  The exit status is 0 if all have
   answered, 1 if one hasn't, 2 for wrong usage.  */

#define _GNU_SOURCE /* getline */
#include <longreach/longreach.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  AT_ONCE = 32,
  PATIENCE_MS = 20000, /* for opening, and for each answer */
};

struct host
{
  const char *url;
  lr_connection *connection; /* NULL: not begun, or done */
  unsigned waiting;          /* answers that have not come */
  struct lr_run_result *kernel;
  struct lr_download_result *load;
  char problem[1024]; /* the first; "": none */
};

static lr_loop *loop;
static struct host *hosts;
static size_t count, begun, done, failed;

/* ---- one host ---- */

static void
note_problem (struct host *host, const struct lr_error *error)
{
  if (host->problem[0] == '\0')
    snprintf (host->problem, sizeof host->problem, "%s", error->message);
}

/* The host has given its last answer.  A connection may be closed in its own callback.  */
static void
finish (struct host *host)
{
  lr_close (host->connection);
  host->connection = NULL;
  done++;
  failed += host->problem[0] != '\0';
}

static void
count_answer (struct host *host, int status, const struct lr_error *error)
{
  if (status != 0)
    note_problem (host, error);
  if (--host->waiting == 0)
    finish (host);
}

static void
take_kernel (void *data, int status, void *result, const struct lr_error *error)
{
  struct host *host = data;
  host->kernel = result;
  count_answer (host, status, error);
}

static void
take_load (void *data, int status, void *result, const struct lr_error *error)
{
  struct host *host = data;
  host->load = result;
  count_answer (host, status, error);
}

/* Whether it is open is one more answer; if it isn't, the others come with the same error.  */
static void
take_opened (void *data, int status, void *result, const struct lr_error *error)
{
  (void) result; /* there is none */
  count_answer (data, status, error);
}

static void
ask (struct host *host, uint32_t operation, const void *args, lr_callback *callback)
{
  struct lr_request request = LR_REQUEST (.operation = operation, .args = args);
  struct lr_error error;
  if (lr_submit (host->connection, &request, callback, host, NULL, &error) == 0)
    host->waiting++;
  else
    note_problem (host, &error);
}

/* Open HOST and ask at once: what is submitted waits until the connection is there.  */
static void
begin (struct host *host)
{
  static const char *const uname[] = { "uname", "-sr", NULL };
  struct lr_open_args target =
      LR_OPEN_ARGS (.url = host->url, .loop = loop, .timeout_ms = PATIENCE_MS);
  struct lr_run_args run = LR_RUN_ARGS (.command = uname, .timeout_ms = PATIENCE_MS);
  struct lr_download_args download =
      LR_DOWNLOAD_ARGS (.file = "/proc/loadavg", .limit = 4096, .timeout_ms = PATIENCE_MS);
  struct lr_error error;
  if (lr_submit_open (NULL, &target, take_opened, host, &host->connection, &error) != 0)
    {
      note_problem (host, &error);
      finish (host);
      return;
    }
  host->waiting = 1;
  ask (host, LR_OPERATION_RUN, &run, take_kernel);
  ask (host, LR_OPERATION_DOWNLOAD, &download, take_load);
}

/* ---- all of them ---- */

static int
ask_all (void)
{
  struct lr_error error;
  while (done < count)
    {
      while (begun < count && begun - done < AT_ONCE)
        begin (&hosts[begun++]);
      if (done < count && lr_loop_dispatch (loop, LR_NEVER, &error) < 0)
        {
          fprintf (stderr, "many-hosts: %s\n", error.message);
          return -1;
        }
    }
  return 0;
}

/* The first line, or the first word, of what the far side said: it may hold anything, and this may
   be a terminal.  */
static void
print_start (const struct lr_bytes *bytes, const char *ends)
{
  for (size_t i = 0; i < bytes->size && strchr (ends, bytes->data[i]) == NULL; i++)
    putchar ((unsigned char) bytes->data[i] < 0x20 || bytes->data[i] == 0x7f ? '?'
                                                                             : bytes->data[i]);
}

static void
print_host (const struct host *host)
{
  printf ("%-20s ", host->url);
  if (host->problem[0] != '\0')
    printf ("FAILED: %s", host->problem);
  else
    {
      print_start (&host->kernel->stdout_bytes, "\n");
      fputs (", load ", stdout);
      print_start (&host->load->content, " \n");
    }
  putchar ('\n');
}

/* URLs, one a line, from standard input; what is read stays until the program ends.  */
static size_t
read_list (const char ***urls)
{
  size_t size = 0, used = 0;
  char *line = NULL;
  size_t room = 0;
  *urls = NULL;
  for (ssize_t length; (length = getline (&line, &room, stdin)) > 0; line = NULL, room = 0)
    {
      line[strcspn (line, "\n")] = '\0';
      if (used == size)
        *urls = realloc (*urls, (size = size * 2 + 16) * sizeof **urls);
      if (*urls == NULL)
        abort ();
      (*urls)[used++] = line;
    }
  free (line);
  return used;
}

int
main (int argc, char **argv)
{
  struct lr_error error;
  const char **urls = (const char **) argv + 1;
  bool listed = argc == 2 && strcmp (argv[1], "-") == 0;
  count = listed ? read_list (&urls) : (size_t) argc - 1;
  hosts = count == 0 ? NULL : calloc (count, sizeof *hosts);
  if (hosts == NULL)
    {
      fputs ("Usage: many-hosts URL...\n       many-hosts - <LIST\n", stderr);
      return 2;
    }
  if (lr_loop_new (&loop, &error) != 0)
    {
      fprintf (stderr, "many-hosts: %s\n", error.message);
      return 1;
    }
  for (size_t i = 0; i < count; i++)
    hosts[i].url = urls[i];
  int status = ask_all ();
  for (size_t i = 0; i < count; i++)
    {
      if (status == 0)
        print_host (&hosts[i]);
      lr_close (hosts[i].connection);
      lr_free (hosts[i].kernel);
      lr_free (hosts[i].load);
    }
  lr_loop_free (loop); /* waits until the far sides have ended */
  printf ("%zu hosts, %zu failed\n", count, failed);
  for (size_t i = 0; listed && i < count; i++)
    free ((char *) urls[i]);
  if (listed)
    free (urls);
  free (hosts);
  return status != 0 || failed > 0 ? 1 : 0;
}
