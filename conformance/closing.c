/* Closing, also with things under way: nothing is left behind.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <stdlib.h>
#include <unistd.h>

void
check_closing_idle (struct trial *trial)
{
  lr_connection *connection = open_lone (trial);
  uint64_t start = now ();
  close_now (trial, connection);
  EXPECT (trial, now () - start < trial->target->patience * 3 / 10,
          "closing an idle connection: expected no waiting, waited %llu ms",
          (unsigned long long) (now () - start));
}

void
check_closing_answers (struct trial *trial)
{
  lr_connection *connection = open_another (trial);
  const struct answer *answer = SUBMIT_RUN (trial, .command = WORDS ("sleep", "100"));
  /* In the plain protocol nothing is answered before it.  */
  if ((trial->target->has & NEED (SPAWNS)) != 0)
    RUN (trial, .command = WORDS ("sleep", "0"));
  lr_loop_dispatch (trial->target->loop, 50, NULL);
  EXPECT (trial, answer->count == 0, "sleep 100: expected that it goes on, got its end");
  close_now (trial, connection);
  await (trial, answer, "the answer of what was under way when its connection was closed");
  EXPECT (trial, answer->status != 0 && answer->error.kind == LR_ERROR_CANCELLED,
          "a request whose connection was closed: expected cancelled, got %s",
          answer->status == 0 ? "success" : lr_error_kind_name (answer->error.kind));
}

struct opening
{
  int count, status;
  enum lr_error_kind kind;
};

static void
take_opened (void *data, int status, void *result, const struct lr_error *error)
{
  struct opening *opening = data;
  (void) result;
  opening->count++;
  opening->status = status;
  opening->kind = error == NULL ? LR_ERROR_NONE : error->kind;
}

/* At any moment of it.  */
void
check_closing_while_opening (struct trial *trial)
{
  static const uint64_t moments[] = { 0, 1, 3, 10, 30, 100, 250, 500, 1000 };
  const struct target *target = trial->target;
  bool opened = false;
  for (size_t i = 0; i < sizeof moments / sizeof moments[0] && !opened; i++)
    {
      struct lr_open_args args = target_open_args (target);
      struct opening *opening = keep_memory (trial, sizeof *opening);
      lr_connection *connection;
      struct lr_error error;
      int status =
          lr_submit_open (target->registry, &args, take_opened, opening, &connection, &error);
      if (status != 0)
        lr_close (connection);
      expect_success (trial, status, &error, "lr_submit_open");
      for (uint64_t since = now (); opening->count == 0 && now () - since < moments[i];)
        lr_loop_dispatch (target->loop, 1, NULL);
      lr_close (connection);
      for (uint64_t since = now (); opening->count == 0;)
        wait_for (trial, since, "the answer of who was closed while it was opened");
      lr_loop_dispatch (target->loop, 0, NULL);
      expect_number (trial, "how often opening is answered", opening->count, 1);
      EXPECT (trial, opening->status == 0 || opening->kind == LR_ERROR_CANCELLED,
              "closing while it is opened: expected cancelled, got %s",
              lr_error_kind_name (opening->kind));
      opened = opening->status == 0;
    }
}

void
check_closing_ends_commands (struct trial *trial)
{
  const char *file = place (trial, "file"), *child = place (trial, "child");
  lr_connection *connection = open_another (trial);
  SUBMIT_RUN (trial,
              .command = WORDS ("sh", "-c", "sleep 100 & echo $! > \"$2\"; echo $$ > \"$1\"; wait",
                                "sh", file, child));
  trial->connection = trial->target->connection;
  int64_t pid = wait_for_number (trial, file), child_pid = wait_for_number (trial, child);
  close_now (trial, connection);
  wait_until_gone (trial, pid, "a command whose connection was closed");
  wait_until_gone (trial, child_pid, "the child of a command whose connection was closed");
}

void
check_closing_processes (struct trial *trial)
{
  lr_connection *connection = open_another (trial);
  lr_process *process = SPAWN (trial, .command = WORDS ("sh", "-c", "echo $$; exec sleep 100"));
  int64_t pid = strtoll (take_line (trial, process), NULL, 10);
  struct lr_error error;
  close_now (trial, connection);
  int status = lr_process_get_status (process, NULL, &error);
  EXPECT (trial, status != 0 && error.kind == LR_ERROR_CANCELLED,
          "a process whose connection was closed: expected cancelled, got %s",
          status == 0 ? "success" : lr_error_kind_name (error.kind));
  wait_until_gone (trial, pid, "a process whose connection was closed");
}

void
check_closing_upload (struct trial *trial)
{
  const char *directory = make_directory (trial, "directory");
  const char *file = keep_text (trial, "%s/file", directory);
  UPLOAD (trial, .file = file, .content = bytes_of ("old"));
  int from = pipe_without_end (trial);
  lr_connection *connection = open_another (trial);
  struct lr_put_args args = LR_PUT_ARGS (.file = file, .descriptor = from);
  const struct answer *answer = submit (trial, LR_OPERATION_PUT, &args);
  for (int i = 0; i < 5; i++)
    {
      lr_loop_dispatch (trial->target->loop, 20, NULL);
      STAT (trial, .path = file);
    }
  close_now (trial, connection);
  await (trial, answer, "the answer of a put whose connection was closed");
  /* Its dispatcher needs a moment.  */
  for (uint64_t since = now (); now () - since < trial->target->patience / 4;)
    {
      const char *names = list_directory (trial, directory);
      if (names[0] == 'f' && names[4] == '\n' && names[5] == '\0')
        break;
      lr_loop_dispatch (trial->target->loop, 50, NULL);
    }
  expect_text (trial, "the directory of a put whose connection was closed",
               list_directory (trial, directory), "file\n");
  expect_bytes (trial, "its file", DOWNLOAD (trial, .file = file)->content, bytes_of ("old"));
}
