/* relay: copy a file from one host to another, or within one, without keeping it anywhere.

     relay FROM-URL FROM-FILE TO-URL TO-FILE

   lr_get writes it into a pipe, and lr_put reads it from there, both at the same time and in this
   one thread.  Whatever goes wrong, the target is the old file or the new one, whole.  The exit
   status is 0 if the file was copied.  */

#define _GNU_SOURCE /* pipe2 */
#include <longreach/longreach.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum
{
  GET,
  PUT,
};

static struct side
{
  lr_connection *connection;
  uint64_t id; /* what lr_cancel takes */
  int pipe_end;
  bool busy; /* its callback has not come */
} sides[2];

static bool failed;

static void
complain (const struct lr_error *error)
{
  if (!failed) /* what comes after the first error is its consequence */
    fprintf (stderr, "relay: %s\n", error->message);
  failed = true;
}

/* A side has ended.  It is the other that must learn of a failure first: the end of the pipe alone
   would look like the end of the file.  */
static void
ended (void *data, int status, void *result, const struct lr_error *error)
{
  struct side *side = data, *other = side == &sides[GET] ? &sides[PUT] : &sides[GET];
  side->busy = false;
  lr_free (result);
  if (status != 0)
    {
      complain (error);
      if (other->busy)
        lr_cancel (other->connection, other->id);
    }
  close (side->pipe_end);
}

static void
show_progress (void *data, uint64_t done, uint64_t total)
{
  (void) data;
  if (total == LR_SIZE_UNKNOWN)
    fprintf (stderr, "\rrelay: %llu bytes", (unsigned long long) done);
  else
    fprintf (stderr, "\rrelay: %.0f%% of %llu bytes", 100.0 * (double) done / (double) total,
             (unsigned long long) total);
}

static int
open_both (lr_loop *loop, char **argv, struct lr_error *error)
{
  struct lr_open_args from = LR_OPEN_ARGS (.url = argv[1], .loop = loop);
  struct lr_open_args to = LR_OPEN_ARGS (.url = argv[3], .loop = loop);
  if (lr_open (NULL, &from, &sides[GET].connection, error) != 0)
    return -1;
  return lr_open (NULL, &to, &sides[PUT].connection, error);
}

/* Submit one side's transfer; both begin when the loop is dispatched.  */
static void
submit (struct side *side, uint32_t operation, const void *args)
{
  struct lr_request request = LR_REQUEST (.operation = operation, .args = args);
  struct lr_error error;
  side->busy = lr_submit (side->connection, &request, ended, side, &side->id, &error) == 0;
  if (!side->busy)
    {
      complain (&error);
      close (side->pipe_end);
    }
}

static void
copy (lr_loop *loop, char **argv)
{
  struct lr_error error;
  int ends[2];
  if (pipe2 (ends, O_CLOEXEC) != 0)
    {
      perror ("relay: pipe");
      failed = true;
      return;
    }
  sides[GET].pipe_end = ends[1];
  sides[PUT].pipe_end = ends[0];
  struct lr_get_args get = LR_GET_ARGS (.file = argv[2], .descriptor = ends[1],
                                        .progress = isatty (STDERR_FILENO) ? show_progress : NULL);
  struct lr_put_args put =
      LR_PUT_ARGS (.file = argv[4], .descriptor = ends[0], .preserve = 1, .sync = 1);
  submit (&sides[GET], LR_OPERATION_GET, &get);
  submit (&sides[PUT], LR_OPERATION_PUT, &put);
  if (failed && sides[PUT].busy)
    lr_cancel (sides[PUT].connection, sides[PUT].id);
  if (failed && sides[GET].busy)
    lr_cancel (sides[GET].connection, sides[GET].id);
  while (sides[GET].busy || sides[PUT].busy)
    if (lr_loop_dispatch (loop, LR_NEVER, &error) < 0)
      {
        complain (&error);
        break;
      }
}

int
main (int argc, char **argv)
{
  struct lr_error error;
  lr_loop *loop;
  if (argc != 5)
    {
      fputs ("Usage: relay FROM-URL FROM-FILE TO-URL TO-FILE\n", stderr);
      return 2;
    }
  if (lr_loop_new (&loop, &error) != 0)
    {
      fprintf (stderr, "relay: %s\n", error.message);
      return 255;
    }
  if (open_both (loop, argv, &error) == 0)
    copy (loop, argv);
  else
    complain (&error);
  lr_close (sides[GET].connection);
  lr_close (sides[PUT].connection);
  lr_loop_free (loop);
  return failed ? 1 : 0;
}
