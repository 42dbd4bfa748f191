/* lr_put_tree and lr_get_tree as calls: waiting and submitted, told of and cancelled, and where
   there are none.  What a copy has is test-trees.sh's.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  FILES = 50,
  PIPES = 5, /* which are problems */
};

static void
set_up (void)
{
  make_directory ();
  mkdir (path_in ("tree"), 0755);
  for (int i = 0; i < FILES + PIPES; i++)
    {
      char name[32];
      snprintf (name, sizeof name, "tree/%d", i);
      if (i < FILES)
        write_file (path_in (name), "content", 7, 0644);
      else
        cr_assert_eq (mkfifo (path_in (name), 0644), 0);
    }
}

static void
tear_down (void)
{
  remove_directory ();
}

TestSuite (tree_calls, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- what is told ---- */

struct told
{
  lr_connection *connection;
  uint64_t id; /* of the call; it is cancelled at the first problem if CANCELS */
  bool cancels;
  int problems, figures, endings;
  int status;
  struct lr_error error;
  struct lr_tree_result *result;
};

static void
note_problem (void *data, const struct lr_tree_problem *problem)
{
  struct told *told = data;
  told->problems++;
  cr_expect (strstr (problem->message, "a FIFO is not copied") != NULL, "%s", problem->message);
  cr_expect (strstr (problem->path, "tree/5") != NULL, "%s", problem->path);
  cr_expect_eq (problem->errnum, 0);
  if (told->cancels)
    cr_expect_eq (lr_cancel (told->connection, told->id), 0);
}

static void
note_figures (void *data, const struct lr_tree_figures *figures)
{
  struct told *told = data;
  told->figures++;
  cr_expect_leq (figures->files, FILES);
}

static void
note_end (void *data, int status, void *result, const struct lr_error *error)
{
  struct told *told = data;
  told->endings++;
  told->status = status;
  told->result = result;
  if (status != 0)
    told->error = *error;
}

/* Submit OPERATION from one directory of this test to the other, and wait for its end.  */
static struct told
submit_tree (lr_loop *loop, enum lr_operation operation, const char *here, const char *there,
             bool cancels)
{
  static struct told told;
  struct lr_error error;
  memset (&told, 0, sizeof told);
  struct lr_open_args open_args = LR_OPEN_ARGS (.url = "local:", .loop = loop);
  cr_assert_eq (lr_open (NULL, &open_args, &told.connection, &error), 0, "%s", error.message);
  told.cancels = cancels;
  struct lr_tree_args args = LR_TREE_ARGS (.here = here, .there = there, .problem = note_problem,
                                           .progress = note_figures, .data = &told);
  struct lr_request request = LR_REQUEST (.operation = operation, .args = &args);
  cr_assert_eq (lr_submit (told.connection, &request, note_end, &told, &told.id, &error), 0, "%s",
                error.message);
  while (told.endings == 0)
    cr_assert_geq (lr_loop_dispatch (loop, LR_NEVER, &error), 0, "%s", error.message);
  lr_close (told.connection);
  return told;
}

static lr_loop *
new_loop (void)
{
  lr_loop *loop;
  struct lr_error error;
  cr_assert_eq (lr_loop_new (&loop, &error), 0, "%s", error.message);
  return loop;
}

/* ---- the calls ---- */

Test (tree_calls, all_problems_are_told_before_the_end)
{
  static const enum lr_operation operations[] = { LR_OPERATION_PUT_TREE, LR_OPERATION_GET_TREE };
  for (size_t i = 0; i < 2; i++)
    {
      lr_loop *loop = new_loop ();
      const char *here = path_in (i == 0 ? "tree" : "fetched");
      struct told told =
          submit_tree (loop, operations[i], here, path_in (i == 0 ? "sent" : "tree"), false);
      cr_expect_eq (told.endings, 1);
      cr_assert_eq (told.status, 0, "%s", told.error.message);
      cr_expect_eq (told.problems, PIPES);
      cr_expect_geq (told.figures, 1);
      cr_expect_eq (told.result->problems, PIPES);
      cr_expect_eq (told.result->files, FILES);
      cr_expect_eq (told.result->bytes, 7 * FILES);
      cr_expect_eq (told.result->directories, 1);
      cr_expect_str_eq (told.result->path, path_in (i == 0 ? "sent" : "fetched"));
      lr_free (told.result);
      lr_loop_free (loop);
    }
}

Test (tree_calls, one_can_be_cancelled_while_it_tells)
{
  static const enum lr_operation operations[] = { LR_OPERATION_PUT_TREE, LR_OPERATION_GET_TREE };
  for (size_t i = 0; i < 2; i++)
    {
      lr_loop *loop = new_loop ();
      const char *here = path_in (i == 0 ? "tree" : "fetched");
      struct told told =
          submit_tree (loop, operations[i], here, path_in (i == 0 ? "sent" : "tree"), true);
      cr_expect_eq (told.endings, 1);
      cr_expect_eq (told.status, -1);
      cr_expect_eq (told.error.kind, LR_ERROR_CANCELLED);
      cr_expect_eq (told.problems, 1);
      lr_loop_free (loop);
    }
}

Test (tree_calls, a_waiting_caller_is_told_from_inside)
{
  struct told told = { .connection = open_local () };
  struct lr_error error;
  struct lr_tree_args args = LR_TREE_ARGS (.here = path_in ("tree"), .there = path_in ("sent"),
                                           .problem = note_problem, .data = &told);
  cr_assert_eq (lr_put_tree (told.connection, &args, &told.result, &error), 0, "%s", error.message);
  cr_expect_eq (told.problems, PIPES);
  cr_expect_eq (told.result->problems, PIPES);
  lr_free (told.result);
  lr_close (told.connection);
}

static void
note_directory (void *data, const struct lr_tree_problem *problem)
{
  int *count = data;
  ++*count;
  cr_expect_eq (problem->errnum, EISDIR, "%s", problem->message);
}

Test (tree_calls, a_directory_stands_in_the_way_of_a_file)
{
  struct lr_error error;
  struct lr_tree_result *result;
  lr_connection *connection = open_local ();
  int count = 0;
  mkdir (path_in ("sent"), 0755);
  struct lr_tree_args args = LR_TREE_ARGS (.here = path_in ("tree/1"), .there = path_in ("sent"),
                                           .problem = note_directory, .data = &count);
  cr_assert_eq (lr_put_tree (connection, &args, &result, &error), 0, "%s", error.message);
  cr_expect_eq (result->problems, 1);
  lr_free (result);
  args.here = path_in ("sent");
  args.there = path_in ("tree/1");
  cr_assert_eq (lr_get_tree (connection, &args, &result, &error), 0, "%s", error.message);
  cr_expect_eq (result->problems, 1);
  cr_expect_eq (count, 2);
  lr_free (result);
  lr_close (connection);
}

Test (tree_calls, what_makes_no_sense_is_refused)
{
  struct lr_error error;
  struct lr_tree_result *result;
  lr_connection *connection = open_local ();
  struct lr_tree_args place = LR_TREE_ARGS (.here = "a", .there = "b", .place = 3);
  cr_expect_eq (lr_put_tree (connection, &place, &result, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "place");
  struct lr_tree_args nowhere = LR_TREE_ARGS (.here = "a");
  cr_expect_eq (lr_get_tree (connection, &nowhere, &result, &error), -1);
  cr_expect_str_eq (error.field, "there");
  lr_close (connection);
}

Test (tree_calls, the_plain_protocol_has_none)
{
  struct lr_error error;
  struct lr_tree_result *result;
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:web?protocol=plain");
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  struct lr_tree_args tree = LR_TREE_ARGS (.here = path_in ("tree"), .there = path_in ("sent"));
  cr_expect_eq (lr_put_tree (connection, &tree, &result, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED);
  cr_expect_str_eq (error.message, "web: the plain protocol carries no trees");
  cr_expect_null (result);
  lr_close (connection);
}
