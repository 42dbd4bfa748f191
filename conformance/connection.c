/* open and what goes with it.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
check_connection_hostname (struct trial *trial)
{
  const struct target *target = trial->target;
  struct lr_error error;
  char *again;
  EXPECT (trial, target->host[0] != '\0', "the host's name: expected one, got an empty text");
  for (const char *byte = target->host; *byte != '\0'; byte++)
    EXPECT (trial, (unsigned char) *byte >= ' ' && *byte != 0x7f,
            "the host's name: expected no control characters");
  int status = lr_extract_hostname (target->registry, target->settings->open->url, &again, &error);
  expect_success (trial, status, &error, "extract_hostname");
  keep (trial, again, lr_free);
  expect_text (trial, "the host's name, asked for again", again, target->host);
}

void
check_connection_ping (struct trial *trial)
{
  for (int i = 0; i < 3; i++)
    {
      struct lr_ping_args args = LR_PING_ARGS (.timeout_ms = trial->target->patience);
      const struct answer *answer = submit (trial, LR_OPERATION_PING, &args);
      await (trial, answer, "a sign of life");
      expect_success (trial, answer->status, &answer->error, "ping");
    }
}

void
check_connection_twice (struct trial *trial)
{
  lr_connection *first = trial->connection, *second = open_another (trial);
  expect_text (trial, "the user, on a second connection", RESOLVE_USER (trial, NULL),
               trial->target->user);
  close_now (trial, second);
  trial->connection = first;
  expect_text (trial, "the user, on the first one", RESOLVE_USER (trial, NULL),
               trial->target->user);
}

void
check_connection_lone (struct trial *trial)
{
  open_lone (trial);
  expect_text (trial, "the user, on a connection without a loop of the program's",
               RESOLVE_USER (trial, NULL), trial->target->user);
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_PING);
  struct lr_error error;
  int status = lr_submit (trial->connection, &request, NULL, NULL, NULL, &error);
  EXPECT (trial, status != 0 && error.kind == LR_ERROR_INVALID_VALUE,
          "submitting without a loop: expected invalid-value");
}

void
check_connection_unknown_option (struct trial *trial)
{
  const struct target *target = trial->target;
  struct lr_open_args args = target_open_args (target);
  args.options = WORDS ("no-such-option=1");
  lr_connection *connection;
  struct lr_error error;
  int status = lr_open (target->registry, &args, &connection, &error);
  lr_close (connection);
  EXPECT (trial,
          status != 0 && error.kind == LR_ERROR_INVALID_VALUE
              && strcmp (error.field, "no-such-option") == 0,
          "an option that is not declared: expected invalid-value of no-such-option, got %s of"
          " \"%s\"",
          status == 0 ? "success" : lr_error_kind_name (error.kind), error.field);
}

static void
take_opened (void *data, int status, void *result, const struct lr_error *error)
{
  int *opened = data;
  (void) result;
  (void) error;
  *opened = status == 0 ? 1 : -1;
}

static void
close_connection (void *thing)
{
  lr_close (thing);
}

void
check_connection_submitted (struct trial *trial)
{
  const struct target *target = trial->target;
  struct lr_open_args args = target_open_args (target);
  int *opened = keep_memory (trial, sizeof *opened);
  lr_connection *connection;
  struct lr_error error;
  int status = lr_submit_open (target->registry, &args, take_opened, opened, &connection, &error);
  keep (trial, connection, close_connection);
  expect_success (trial, status, &error, "lr_submit_open");
  trial->connection = connection;
  struct lr_resolve_args own = LR_RESOLVE_ARGS ();
  const struct answer *answer = submit (trial, LR_OPERATION_RESOLVE_USER, &own);
  await (trial, answer, "the answer to what was asked before it was open");
  expect_success (trial, answer->status, &answer->error, "what was asked before it was open");
  expect_text (trial, "the user", answer->result, target->user);
  for (uint64_t since = now (); *opened == 0;)
    wait_for (trial, since, "that a connection is open");
  expect_number (trial, "whether it is open", *opened, 1);
}

/* A time that is too short is either enough, or said to be over.  */
void
check_connection_open_limit (struct trial *trial)
{
  const struct target *target = trial->target;
  static const uint64_t limits[] = { 1, 5, 20, 100 };
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    {
      struct lr_open_args args = target_open_args (target);
      args.loop = NULL;
      args.timeout_ms = limits[i];
      lr_connection *connection;
      struct lr_error error;
      uint64_t start = now ();
      int status = lr_open (target->registry, &args, &connection, &error);
      uint64_t took = now () - start;
      lr_close (connection);
      if (status != 0)
        expect_failure (trial, status, &error, kind_alone (LR_ERROR_TIMEOUT),
                        "opening in a short time");
      EXPECT (trial, took < limits[i] + target->patience / 4,
              "opening in %llu ms: expected to wait no longer, waited %llu ms",
              (unsigned long long) limits[i], (unsigned long long) took);
    }
}

/* What is not clean reaches no terminal.  */
void
check_connection_clean_errors (struct trial *trial)
{
  const char *name = keep_text (trial, "/no/such/\xff\xfe\033[31m\r\n%s", every_byte ());
  RUN_FAILS (trial, remote_os (ENOENT), .command = WORDS (name));
  UPLOAD_FAILS (trial, remote_os (ENOENT), .file = name);
  DOWNLOAD_FAILS (trial, invalid_value ("file"), .file = name);
}
