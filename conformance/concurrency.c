/* Many requests at once.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
check_concurrency_thousand (struct trial *trial)
{
  enum
  {
    COUNT = 1000,
  };
  const char *file = place (trial, "file");
  UPLOAD (trial, .file = file, .content = bytes_of ("12345"));
  const struct answer **answers = keep_memory (trial, COUNT * sizeof *answers);
  for (int i = 0; i < COUNT; i++)
    answers[i] = SUBMIT_STAT (trial, .path = i % 3 == 2 ? "/no-such-file" : file);
  for (int i = 0; i < COUNT; i++)
    {
      await (trial, answers[i], "one of 1000 stats");
      expect_success (trial, answers[i]->status, &answers[i]->error, "one of 1000 stats");
      const struct lr_stat_result *result = answers[i]->result;
      EXPECT (trial, (result == NULL) == (i % 3 == 2),
              "one of 1000 stats: expected its own answer, got that of another");
      if (result != NULL)
        expect_number (trial, "the size in one of 1000 stats", (int64_t) result->size, 5);
    }
}

void
check_concurrency_order (struct trial *trial)
{
  enum
  {
    COUNT = 100,
  };
  const struct answer *answers[COUNT];
  for (int i = 0; i < COUNT; i++)
    answers[i] = SUBMIT_RUN (trial, .command = WORDS ("cat"),
                             .input = bytes_of (keep_text (trial, "number %d", i)));
  for (int i = 0; i < COUNT; i++)
    {
      await (trial, answers[i], "one of 100 commands");
      expect_success (trial, answers[i]->status, &answers[i]->error, "one of 100 commands");
      const struct lr_run_result *result = answers[i]->result;
      expect_bytes (trial, "the output of one of 100 commands", result->stdout_bytes,
                    bytes_of (keep_text (trial, "number %d", i)));
    }
}

void
check_concurrency_errors (struct trial *trial)
{
  enum
  {
    COUNT = 40,
  };
  const struct answer *answers[COUNT];
  for (int i = 0; i < COUNT; i++)
    answers[i] = i % 4 == 0   ? SUBMIT_STAT (trial, .path = "/")
                 : i % 4 == 1 ? SUBMIT_DOWNLOAD (trial, .file = "/no-such-file")
                 : i % 4 == 2 ? SUBMIT_RUN (trial, .command = WORDS ("/no/such/program"))
                              : SUBMIT_UPLOAD (trial, .file = "/no/such/directory/file");
  for (int i = 0; i < COUNT; i++)
    {
      const struct answer *answer = answers[i];
      await (trial, answer, "one of many requests");
      if (i % 4 == 0)
        expect_success (trial, answer->status, &answer->error, "a stat among failures");
      else
        expect_failure (trial, answer->status, &answer->error,
                        i % 4 == 1 ? invalid_value ("file") : remote_os (ENOENT),
                        "a failure among others");
    }
}

void
check_concurrency_side_by_side (struct trial *trial)
{
  enum
  {
    COUNT = 20,
  };
  const struct answer *answers[COUNT];
  uint64_t start = now ();
  for (int i = 0; i < COUNT; i++)
    answers[i] = SUBMIT_RUN (trial, .command = WORDS ("sleep", "1"));
  const struct answer *quick = SUBMIT_STAT (trial, .path = "/");
  await (trial, quick, "a stat beside commands");
  EXPECT (trial, answers[0]->count == 0 || now () - start > 1500,
          "a stat beside commands that take a second: expected its answer before theirs");
  for (int i = 0; i < COUNT; i++)
    await (trial, answers[i], "one of 20 commands");
  EXPECT (trial, now () - start < trial->target->patience * 3 / 4,
          "20 commands of a second: expected that they run side by side, waited %llu ms",
          (unsigned long long) (now () - start));
}

void
check_concurrency_transfers (struct trial *trial)
{
  enum
  {
    COUNT = 6,
  };
  struct lr_bytes contents[COUNT];
  const struct answer *answers[COUNT];
  const char *files[COUNT];
  for (int i = 0; i < COUNT; i++)
    {
      contents[i] = noise (trial, 400000 + (size_t) i, (unsigned) i);
      files[i] = place (trial, keep_text (trial, "file-%d", i));
      answers[i] = SUBMIT_UPLOAD (trial, .file = files[i], .content = contents[i]);
    }
  for (int i = 0; i < COUNT; i++)
    {
      await (trial, answers[i], "one of some uploads");
      expect_success (trial, answers[i]->status, &answers[i]->error, "one of some uploads");
    }
  for (int i = 0; i < COUNT; i++)
    answers[i] = SUBMIT_DOWNLOAD (trial, .file = files[i]);
  for (int i = 0; i < COUNT; i++)
    {
      await (trial, answers[i], "one of some downloads");
      expect_success (trial, answers[i]->status, &answers[i]->error, "one of some downloads");
      expect_bytes (trial, "one of some downloads",
                    ((const struct lr_download_result *) answers[i]->result)->content, contents[i]);
    }
}

static void
expect_cancelled (struct trial *trial, const struct answer *answer, const char *what)
{
  await (trial, answer, what);
  EXPECT (trial, answer->status != 0 && answer->error.kind == LR_ERROR_CANCELLED,
          "%s: expected cancelled, got %s", what, lr_error_kind_name (answer->error.kind));
  EXPECT (trial, answer->result == NULL, "%s: expected no result", what);
}

void
check_concurrency_cancel (struct trial *trial)
{
  lr_connection *connection = open_another (trial);
  uint64_t start = now ();
  const struct answer *answer = SUBMIT_RUN (trial, .command = WORDS ("sleep", "100"));
  lr_loop_dispatch (trial->target->loop, 50, NULL);
  expect_number (trial, "lr_cancel", lr_cancel (connection, answer->id), 0);
  expect_cancelled (trial, answer, "the answer of a command that was taken back");
  EXPECT (trial, now () - start < trial->target->patience / 2,
          "lr_cancel: expected the answer at once, waited %llu ms",
          (unsigned long long) (now () - start));
  expect_number (trial, "lr_cancel of what has ended", lr_cancel (connection, answer->id), -1);
  /* The plain protocol takes a command back by closing the connection.  */
  if ((trial->target->has & NEED (SPAWNS)) != 0)
    RUN (trial, .command = WORDS ("sleep", "0"));
}

void
check_concurrency_cancel_ends (struct trial *trial)
{
  const char *file = place (trial, "file");
  const struct answer *answer = SUBMIT_RUN (
      trial, .command = WORDS ("sh", "-c", "echo $$ > \"$1\"; exec sleep 100", "sh", file));
  const struct answer *beside = SUBMIT_RUN (trial, .command = WORDS ("sleep", "1"));
  int64_t pid = wait_for_number (trial, file);
  expect_number (trial, "lr_cancel", lr_cancel (trial->connection, answer->id), 0);
  expect_cancelled (trial, answer, "the answer of a command that was taken back");
  wait_until_gone (trial, pid, "a command that was taken back");
  await (trial, beside, "a command beside one that was taken back");
  expect_success (trial, beside->status, &beside->error,
                  "a command beside one that was taken back");
}

void
check_concurrency_cancel_waiting (struct trial *trial)
{
  enum
  {
    COUNT = 200,
  };
  const struct answer *answers[COUNT];
  int cancelled[COUNT];
  for (int i = 0; i < COUNT; i++)
    answers[i] = SUBMIT_STAT (trial, .path = "/");
  for (int i = 0; i < COUNT; i++)
    cancelled[i] = i % 2 == 0 ? lr_cancel (trial->connection, answers[i]->id) : -1;
  for (int i = 0; i < COUNT; i++)
    {
      await (trial, answers[i], "a request among others that were taken back");
      if (cancelled[i] == 0)
        expect_cancelled (trial, answers[i], "a request that was taken back");
      else
        expect_success (trial, answers[i]->status, &answers[i]->error,
                        "a request that was not taken back");
    }
}
