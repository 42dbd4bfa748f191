/* busy URL DIRECTORY COMMAND...: have a call, a live command and transfers both ways under way at
   URL, say "ready", and then, as each of them ends, why: on a line, what it was, the number of the
   hop, and the sentence.  COMMAND ends by itself never; what is put goes to DIRECTORY.  */

#include <fcntl.h>
#include <longreach/longreach.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
  SOME = 50000, /* bytes that are put, before no more come for a long time */
};

static void
stop (const char *what, const struct lr_error *error)
{
  printf ("%s: %s\n", what, error->message);
  exit (1);
}

static void
tell_end (const char *what, int status, const struct lr_error *error)
{
  if (status == 0)
    printf ("%s ended\n", what);
  else
    printf ("%s %s of hop %d: %s\n", what, lr_error_kind_name (error->kind), error->hop,
            error->message);
  fflush (stdout);
}

struct work
{
  const char *name;
  enum lr_operation operation;
  const void *args;
  int answered;
};

static void
take_answer (void *data, int status, void *result, const struct lr_error *error)
{
  struct work *work = data;
  tell_end (work->name, status, error);
  lr_free (result);
  work->answered = 1;
}

static void
begin (lr_connection *connection, struct work *work)
{
  struct lr_error error;
  struct lr_request request = LR_REQUEST (.operation = work->operation, .args = work->args);
  if (lr_submit (connection, &request, take_answer, work, NULL, &error) < 0)
    stop (work->name, &error);
}

static void
finish (lr_loop *loop, const struct work *work)
{
  struct lr_error error;
  while (!work->answered)
    if (lr_loop_dispatch (loop, LR_NEVER, &error) < 0)
      stop (work->name, &error);
}

/* Something to read that never ends, and soon gives nothing any more.  */
static int
open_slow (void)
{
  static const char some[SOME];
  int ends[2];
  if (pipe2 (ends, O_CLOEXEC) < 0 || write (ends[1], some, sizeof some) != (ssize_t) sizeof some)
    abort ();
  return ends[0];
}

int
main (int count, char **words)
{
  struct lr_error error;
  struct lr_process_status status = LR_PROCESS_STATUS ();
  lr_loop *loop;
  lr_connection *connection;
  lr_process *process;
  char file[1000];
  if (count < 4)
    return 2;
  snprintf (file, sizeof file, "%s/put", words[2]);
  const char *const *command = (const char *const *) words + 3;
  struct lr_run_args run = LR_RUN_ARGS (.command = command);
  struct lr_spawn_args spawn = LR_SPAWN_ARGS (.command = command);
  struct lr_put_args put = LR_PUT_ARGS (.file = file, .descriptor = open_slow ());
  struct lr_get_args get =
      LR_GET_ARGS (.file = "/dev/zero", .descriptor = open ("/dev/null", O_WRONLY | O_CLOEXEC));
  struct work works[] = { { "call", LR_OPERATION_RUN, &run, 0 },
                          { "put", LR_OPERATION_PUT, &put, 0 },
                          { "get", LR_OPERATION_GET, &get, 0 } };
  if (lr_loop_new (&loop, &error) < 0)
    stop ("loop", &error);
  struct lr_open_args open_args = LR_OPEN_ARGS (.url = words[1], .loop = loop);
  if (lr_open (NULL, &open_args, &connection, &error) < 0)
    stop ("open", &error);
  for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
    begin (connection, &works[i]);
  if (lr_spawn (connection, &spawn, &process, &error) < 0)
    stop ("command", &error);
  if (lr_ping (connection, &error) < 0)
    stop ("ping", &error);
  puts ("ready");
  fflush (stdout);
  for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
    finish (loop, &works[i]);
  tell_end ("command", lr_process_wait (process, LR_NEVER, &status, &error), &error);
  lr_process_free (process);
  tell_end ("new call", lr_ping (connection, &error), &error);
  lr_close (connection);
  lr_loop_free (loop);
  return 0;
}
