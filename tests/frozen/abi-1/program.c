/* A program as it was written for the first header: opens a target and prints what it is told
   there, by calls that wait and by ones that are submitted.  It is built against the headers beside
   it, and is never changed.  */

#include <longreach/longreach.h>

#include <stdio.h>
#include <stdlib.h>

static void
check (int status, const struct lr_error *error)
{
  if (status == 0)
    return;
  fprintf (stderr, "%s\n", error->message);
  exit (1);
}

static void
take_answer (void *data, int status, void *result, const struct lr_error *error)
{
  const struct lr_run_result *run = result;
  check (status, error);
  printf ("submitted: %s", run->stdout_bytes.data);
  lr_free (result);
  *(int *) data = 1;
}

int
main (int argc, char **argv)
{
  struct lr_error error;
  lr_loop *loop;
  lr_connection *connection;
  struct lr_run_result *run;
  struct lr_stat_result *stat;
  int done = 0;
  const char *const command[] = { "cat", NULL };
  struct lr_open_args open_args = LR_OPEN_ARGS (.url = argc > 1 ? argv[1] : "local:");
  struct lr_run_args run_args =
      LR_RUN_ARGS (.command = command, .input = { "by a pipe\n", sizeof "by a pipe\n" - 1 });
  struct lr_stat_args stat_args = LR_STAT_ARGS (.path = "/");
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &run_args);
  lr_registry *registry = lr_registry_new ();
  check (lr_loop_new (&loop, &error), &error);
  open_args.loop = loop;
  check (lr_open (registry, &open_args, &connection, &error), &error);
  check (lr_run (connection, &run_args, &run, &error), &error);
  printf ("waited: %s", run->stdout_bytes.data);
  lr_free (run);
  check (lr_stat (connection, &stat_args, &stat, &error), &error);
  printf ("type: %s\n", lr_file_type_name ((enum lr_file_type) stat->type));
  lr_free (stat);
  check (lr_submit (connection, &request, take_answer, &done, NULL, &error), &error);
  while (!done)
    if (lr_loop_dispatch (loop, LR_NEVER, &error) < 0)
      check (-1, &error);
  lr_close (connection);
  lr_loop_free (loop);
  lr_registry_free (registry);
  return 0;
}
