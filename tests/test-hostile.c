/* Far sides that do not keep the session protocol: tests/hostile_dispatcher.py, in each of its
   modes, against the real library.

   What is expected is the same for all: one clear error in bounded time, for whoever waits; a
   connection that can be closed at once; and nothing left, no descriptor and no child.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

#define GONE "web: the dispatcher is gone: "
#define NOT_KEPT "web: the dispatcher does not keep the protocol: "

enum
{
  SOON = 5,        /* seconds: for whatever has not to wait for a time that is given */
  INPUT = 1 << 20, /* bytes that calls send */
};

static char *input; /* owned; INPUT bytes */

static void
set_up (void)
{
  make_directory ();
  input = make_noise (INPUT, 1);
  write_file (path_in ("input"), input, INPUT, 0600);
}

static void
tear_down (void)
{
  free (input);
  remove_directory ();
}

TestSuite (hostile, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- time, and what is left ---- */

static double
seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int descriptors_before;
static double case_start;

static void
begin_case (void)
{
  descriptors_before = count_descriptors ();
  case_start = seconds ();
}

static void
end_case (const char *name, double limit)
{
  double took = seconds () - case_start;
  cr_expect_lt (took, limit, "%s: it took %.1f seconds", name, took);
  cr_expect_eq (count_descriptors (), descriptors_before, "%s: descriptors are left", name);
  cr_expect_eq (count_children (), 0, "%s: children are left", name);
}

static void
expect_error (const struct lr_error *error, enum lr_error_kind kind, int errnum,
              const char *message, const char *name)
{
  cr_expect_eq (error->kind, kind, "%s: it is %s: %s", name, lr_error_kind_name (error->kind),
                error->message);
  cr_expect_eq (error->errnum, errnum, "%s: errno %d: %s", name, error->errnum, error->message);
  cr_expect_str_eq (error->message, message, "%s:\n  %s\nand not\n  %s", name, error->message,
                    message);
  cr_expect_str_eq (error->host, "web", "%s", name);
  cr_expect_eq (error->hop, 0, "%s: hop %d", name, error->hop);
}

/* ---- connections ---- */

static const char *
url_of (const char *mode)
{
  static char url[1200];
  snprintf (url, sizeof url, "local:web?dispatcher=python3 -IS %s/tests/hostile_dispatcher.py %s",
            source_tree (), mode);
  return url;
}

static lr_connection *
open_hostile (const char *mode, uint64_t keep_alive)
{
  struct lr_error error;
  lr_connection *connection = NULL;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url_of (mode), .keep_alive_ms = keep_alive);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s: %s", mode, error.message);
  return connection;
}

/* ---- calls that wait ---- */

static uint64_t patience; /* milliseconds: each call's; 0: for ever */

static int
call_getenv (lr_connection *connection, struct lr_error *error)
{
  char *value = NULL;
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = "KEY", .timeout_ms = patience);
  int status = lr_getenv (connection, &args, &value, error);
  lr_free (value);
  return status;
}

static int
call_stat (lr_connection *connection, struct lr_error *error)
{
  struct lr_stat_result *result = NULL;
  struct lr_stat_args args = LR_STAT_ARGS (.path = "/x", .timeout_ms = patience);
  int status = lr_stat (connection, &args, &result, error);
  lr_free (result);
  return status;
}

static const char *const command[] = { "program", NULL };

static int
call_run (lr_connection *connection, struct lr_error *error)
{
  struct lr_run_result *result = NULL;
  struct lr_run_args args =
      LR_RUN_ARGS (.command = command, .input = { input, INPUT }, .timeout_ms = patience);
  int status = lr_run (connection, &args, &result, error);
  lr_free (result);
  return status;
}

static int
call_upload (lr_connection *connection, struct lr_error *error)
{
  struct lr_upload_args args =
      LR_UPLOAD_ARGS (.file = "/x", .content = { input, INPUT }, .timeout_ms = patience);
  return lr_upload (connection, &args, error);
}

static int
call_download (lr_connection *connection, struct lr_error *error)
{
  struct lr_download_result *result = NULL;
  struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = "/x", .timeout_ms = patience);
  int status = lr_download (connection, &args, &result, error);
  lr_free (result);
  return status;
}

static int
call_put (lr_connection *connection, struct lr_error *error)
{
  struct lr_put_result *result = NULL;
  int fd = open (path_in ("input"), O_RDONLY | O_CLOEXEC);
  struct lr_put_args args = LR_PUT_ARGS (.descriptor = fd, .file = "/x", .timeout_ms = patience);
  int status = lr_put (connection, &args, &result, error);
  lr_free (result);
  close (fd);
  return status;
}

static int
call_get (lr_connection *connection, struct lr_error *error)
{
  struct lr_get_result *result = NULL;
  int fd = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  struct lr_get_args args = LR_GET_ARGS (.descriptor = fd, .file = "/x", .timeout_ms = patience);
  int status = lr_get (connection, &args, &result, error);
  lr_free (result);
  close (fd);
  return status;
}

static int
call_process (lr_connection *connection, struct lr_error *error)
{
  lr_process *process = NULL;
  struct lr_spawn_args args = LR_SPAWN_ARGS (.command = command);
  if (lr_spawn (connection, &args, &process, error) != 0)
    return -1;
  int status = lr_process_wait (process, patience == 0 ? LR_NEVER : patience, NULL, error);
  lr_process_free (process);
  return status;
}

typedef int call (lr_connection *connection, struct lr_error *error);

static call *const calls[] = { call_getenv,   call_run, call_put,  call_process,
                               call_download, call_get, call_stat, call_upload };

/* Call FUNCTION of a far side of this MODE, which fails, and so does everything after it.  */
static void
expect_broken (const char *mode, call *function, uint64_t keep_alive, int errnum,
               const char *message, double limit)
{
  struct lr_error error;
  begin_case ();
  lr_connection *connection = open_hostile (mode, keep_alive);
  cr_expect_eq (function (connection, &error), -1, "%s", mode);
  expect_error (&error, LR_ERROR_IO, errnum, message, mode);
  double start = seconds ();
  for (size_t i = 0; i < COUNT (calls); i++)
    {
      cr_expect_eq (calls[i](connection, &error), -1, "%s, call %zu", mode, i);
      expect_error (&error, LR_ERROR_IO, errnum, message, mode);
    }
  lr_close (connection);
  cr_expect_lt (seconds () - start, 1, "%s: afterwards it took %.1f seconds", mode,
                seconds () - start);
  end_case (mode, limit);
}

/* ---- calls that are submitted ---- */

struct ending
{
  int count, status;
  struct lr_error error;
};

static void
note_answer (void *data, int status, void *result, const struct lr_error *error)
{
  struct ending *answer = data;
  answer->count++;
  answer->status = status;
  if (error != NULL)
    answer->error = *error;
  lr_free (result);
}

static void
take_event (void *data, lr_process *process, uint32_t events)
{
  struct ending *answer = data;
  if ((events & LR_PROCESS_CLOSED) == 0)
    return;
  answer->count++;
  answer->status = lr_process_get_status (process, NULL, &answer->error);
}

enum
{
  SUBMITTED = 7,
};

/* Everything that can be submitted, at once, and a process.  */
static lr_process *
submit_all (lr_connection *connection, struct ending *answers, int source, int target)
{
  struct lr_getenv_args key = LR_GETENV_ARGS (.key = "KEY");
  struct lr_stat_args path = LR_STAT_ARGS (.path = "/x");
  struct lr_run_args run = LR_RUN_ARGS (.command = command, .input = { input, INPUT });
  struct lr_put_args put = LR_PUT_ARGS (.descriptor = source, .file = "/x");
  struct lr_get_args get = LR_GET_ARGS (.descriptor = target, .file = "/x");
  struct lr_upload_args upload = LR_UPLOAD_ARGS (.file = "/x", .content = { input, INPUT });
  struct lr_spawn_args spawn =
      LR_SPAWN_ARGS (.command = command, .callback = take_event, .data = &answers[SUBMITTED - 1]);
  const struct lr_request requests[SUBMITTED - 1] = {
    LR_REQUEST (.operation = LR_OPERATION_GETENV, .args = &key),
    LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &path),
    LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &run),
    LR_REQUEST (.operation = LR_OPERATION_PUT, .args = &put),
    LR_REQUEST (.operation = LR_OPERATION_GET, .args = &get),
    LR_REQUEST (.operation = LR_OPERATION_UPLOAD, .args = &upload),
  };
  struct lr_error error;
  lr_process *process = NULL;
  for (size_t i = 0; i < COUNT (requests); i++)
    cr_assert_eq (lr_submit (connection, &requests[i], note_answer, &answers[i], NULL, &error), 0,
                  "%s", error.message);
  cr_assert_eq (lr_spawn (connection, &spawn, &process, &error), 0, "%s", error.message);
  return process;
}

static bool
have_ended (const struct ending *answers, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (answers[i].count == 0)
      return false;
  return true;
}

static void
dispatch_until_ended (lr_loop *loop, const struct ending *answers, size_t count)
{
  struct lr_error error;
  double deadline = seconds () + 10;
  while (!have_ended (answers, count) && seconds () < deadline)
    cr_assert_geq (lr_loop_dispatch (loop, 100, &error), 0, "%s", error.message);
}

/* Ask everything at once of a far side of this MODE, also before it is open.  */
static void
expect_all_broken (const char *mode, uint64_t keep_alive, uint64_t timeout, bool opens, int errnum,
                   enum lr_error_kind kind, const char *message, double limit)
{
  struct ending answers[SUBMITTED + 1] = { { 0 } };
  struct lr_error error;
  lr_loop *loop = NULL;
  lr_connection *connection = NULL;
  begin_case ();
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args args = LR_OPEN_ARGS (.url = url_of (mode), .loop = loop,
                                           .timeout_ms = timeout, .keep_alive_ms = keep_alive);
  int source = open (path_in ("input"), O_RDONLY | O_CLOEXEC);
  int target = open ("/dev/null", O_WRONLY | O_CLOEXEC);
  cr_assert_eq (lr_submit_open (NULL, &args, note_answer, &answers[SUBMITTED], &connection, &error),
                0, "%s", error.message);
  lr_process *process = submit_all (connection, answers, source, target);
  dispatch_until_ended (loop, answers, COUNT (answers));
  for (size_t i = 0; i < COUNT (answers); i++)
    {
      cr_expect_eq (answers[i].count, 1, "%s, %zu: %d ends", mode, i, answers[i].count);
      cr_expect_eq (answers[i].status, i == SUBMITTED && opens ? 0 : -1, "%s, %zu", mode, i);
      if (answers[i].status != 0)
        expect_error (&answers[i].error, kind, errnum, message, mode);
    }
  lr_process_free (process);
  lr_close (connection);
  lr_loop_free (loop);
  close (source);
  close (target);
  end_case (mode, limit);
}

/* ---- instead of a banner ---- */

struct unopened
{
  const char *mode, *message;
  enum lr_error_kind kind;
  int errnum;
  bool quotes; /* more follows that is different each time */
};

static const struct unopened unopened[] = {
  { "silent", "web: no dispatcher has answered within 300 milliseconds", LR_ERROR_TIMEOUT,
    ETIMEDOUT, false },
  { "half-a-banner",
    "web: no dispatcher has answered within 4000 milliseconds; it said: LONGREACH 2 ",
    LR_ERROR_TIMEOUT, ETIMEDOUT, true },
  { "another-nonce",
    "web: no dispatcher has answered within 4000 milliseconds; it said: LONGREACH 2 "
    "0123456789abcdef 0 terminal",
    LR_ERROR_TIMEOUT, ETIMEDOUT, false },
  { "deaf", "web: no dispatcher has answered within 300 milliseconds", LR_ERROR_TIMEOUT, ETIMEDOUT,
    false },
  { "endless-stderr", "web: no dispatcher has answered within 4000 milliseconds; it said: ",
    LR_ERROR_TIMEOUT, ETIMEDOUT, true },
  { "old-protocol",
    "web: the dispatcher speaks protocol 1, and this library speaks protocol 2; it said: LONGREACH "
    "1 ",
    LR_ERROR_IO, 0, true },
  { "new-protocol",
    "web: the dispatcher speaks protocol 17, and this library speaks protocol 2; it said: Welcome! "
    "LONGREACH 17 ",
    LR_ERROR_IO, 0, true },
  { "endless-noise",
    "web: no dispatcher answers in the first 1048576 bytes; it said: ", LR_ERROR_IO, 0, true },
  { "endless-lines", "web: no dispatcher answers in the first 1048576 bytes", LR_ERROR_IO, 0,
    false },
  { "endless-zeros", "web: no dispatcher answers in the first 1048576 bytes", LR_ERROR_IO, 0,
    false },
  { "exits", GONE "it ended with status 7", LR_ERROR_IO, 0, false },
  { "is-killed", GONE "it was ended by signal 9", LR_ERROR_IO, 0, false },
  { "says-why",
    GONE "it ended with status 125; it said: web: \\x1B[1mno\\x1B[0m such \\x00 container\\xFF",
    LR_ERROR_IO, 0, false },
  { "prints-and-ends",
    GONE "it ended with status 1; it said: Welcome to web! ;This account is not available",
    LR_ERROR_IO, 0, false },
  { "closes-its-output", GONE "it ended with status 0", LR_ERROR_IO, 0, false },
};

/* Milliseconds to open in.  One that is to say something gets the time to start.  */
static uint64_t
time_to_open (const struct unopened *row)
{
  return row->errnum != ETIMEDOUT ? 20000 : strstr (row->message, "4000") != NULL ? 4000 : 300;
}

/* What is said beyond the message may be anything that can go to a terminal.  */
static void
expect_unopened (struct lr_error *error, const struct unopened *row)
{
  size_t length = strlen (row->message);
  if (row->quotes && strlen (error->message) > length)
    {
      for (const char *c = error->message; *c != '\0'; c++)
        cr_expect ((unsigned char) *c >= 0x20, "%s: a control character", row->mode);
      error->message[length] = '\0';
    }
  expect_error (error, row->kind, row->errnum, row->message, row->mode);
}

Test (hostile, what_stands_in_the_place_of_a_banner_is_told_by_open)
{
  for (size_t i = 0; i < COUNT (unopened); i++)
    {
      struct lr_error error;
      lr_connection *connection = NULL;
      struct lr_open_args args = LR_OPEN_ARGS (.url = url_of (unopened[i].mode),
                                               .timeout_ms = time_to_open (&unopened[i]));
      begin_case ();
      cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1, "%s", unopened[i].mode);
      cr_expect_null (connection);
      expect_unopened (&error, &unopened[i]);
      /* One that closes its output has to be waited for.  */
      end_case (unopened[i].mode, SOON);
    }
}

Test (hostile, what_stands_in_the_place_of_a_banner_fails_all_that_was_submitted)
{
  for (size_t i = 0; i < COUNT (unopened); i++)
    if (!unopened[i].quotes)
      expect_all_broken (unopened[i].mode, 0, time_to_open (&unopened[i]), false,
                         unopened[i].errnum, unopened[i].kind, unopened[i].message, SOON);
}

/* ---- when the first request has come ---- */

static const struct
{
  const char *mode, *message;
} broken[] = {
  { "garbage", NOT_KEPT "a frame of 4294967295 bytes is longer than the 4194308 that are allowed" },
  { "text", NOT_KEPT "a frame of 1131376238 bytes is longer than the 4194308 that are allowed" },
  { "zeros", NOT_KEPT "a frame of 0 bytes has no room for a packet" },
  { "oversized", NOT_KEPT "a frame of 4194309 bytes is longer than the 4194308 that are allowed" },
  { "largest-length",
    NOT_KEPT "a frame of 4294967295 bytes is longer than the 4194308 that are allowed" },
  { "no-room", NOT_KEPT "a frame of 7 bytes has no room for a packet" },
  { "another-banner",
    NOT_KEPT "a frame of 1280265799 bytes is longer than the 4194308 that are allowed" },
  { "unknown-packet", NOT_KEPT "an unknown packet came on channel 1" },
  { "unknown-packet-0", NOT_KEPT "an unknown packet came on channel 0" },
  { "a-request", NOT_KEPT "CheckAlive is not a packet for this end to receive" },
  { "plain-answer", NOT_KEPT "ProcessCompleted came on channel 1, which it does not answer" },
  { "no-such-channel", NOT_KEPT "Ack came on channel 99, which is not open" },
  { "no-such-channel-data", NOT_KEPT "Data came on stream 1 of channel 99, which is not open" },
  { "no-such-channel-eof", NOT_KEPT "Eof came on channel 99, which is not open" },
  { "no-such-channel-window", NOT_KEPT "Window came on channel 99, which is not open" },
  { "no-such-channel-error", NOT_KEPT "OSError came on channel 99, which is not open" },
  { "channel-0", NOT_KEPT "Closed came on channel 0, which is not open" },
  { "wrong-kind", NOT_KEPT "GroupEntry came on channel 1, which it does not answer" },
  { "stream-0", NOT_KEPT "Data came on stream 0 of channel 1, which is not open" },
  { "stream-9", NOT_KEPT "Data is for stream 9, which there is not" },
  { "too-much-data", NOT_KEPT "Data has 131073 bytes, and the limit is 131072" },
  { "data-at-once", NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
  { "eof-at-once", NOT_KEPT "Eof came on stream 1 of channel 1, which is not open" },
  { "credit-for-an-output", NOT_KEPT "Window came for stream 1 of channel 1, which is not sent" },
  { "nul-in-an-error", NOT_KEPT "OSError: msg has a NUL byte in it" },
  { "a-bool-of-2", NOT_KEPT "Written: in_place is 2, and a bool is 0 or 1" },
  { "two-billion-items",
    NOT_KEPT "GroupEntry: members has 2147483648 items, and the limit is 65536" },
  { "a-string-without-end",
    NOT_KEPT "EnvironVar: value is 9223372036854775807 bytes long, and the limit is 4194304" },
  { "behind-a-packet", NOT_KEPT "a frame has 1 bytes behind its packet, Ack" },
};

static void
expect_each_broken (size_t first)
{
  for (size_t i = first; i < COUNT (broken); i += 2)
    expect_broken (broken[i].mode, calls[i % COUNT (calls)], 0, 0, broken[i].message, SOON);
}

Test (hostile, a_broken_answer_is_told_by_the_call_and_all_that_follow)
{
  expect_each_broken (0);
}

Test (hostile, a_broken_answer_is_told_by_the_call_and_all_that_follow_2)
{
  expect_each_broken (1);
}

Test (hostile, a_broken_answer_fails_all_that_was_submitted)
{
  for (size_t i = 0; i < COUNT (broken); i += 3)
    expect_all_broken (broken[i].mode, 0, 0, true, 0, LR_ERROR_IO, broken[i].message, SOON);
}

Test (hostile, each_kind_of_call_is_told_of_garbage)
{
  for (size_t i = 0; i < COUNT (calls); i++)
    expect_broken ("garbage", calls[i], 0, 0, broken[0].message, SOON);
}

Test (hostile, credit_beyond_all_bounds_is_refused)
{
  static const char wanted[] = NOT_KEPT "Window gives channel 1 more credit than there can be";
  expect_broken ("too-much-credit", call_run, 0, 0, wanted, SOON);
  expect_broken ("too-much-credit", call_put, 0, 0, wanted, SOON);
  expect_broken ("too-much-credit", call_process, 0, 0, wanted, SOON);
  expect_broken ("too-much-credit", call_get, 0, 0,
                 NOT_KEPT "Window came for stream 0 of channel 1, which is not sent", SOON);
}

/* ---- in an answer ---- */

Test (hostile, what_is_wrong_in_an_answer_is_named)
{
  static const struct
  {
    const char *mode;
    call *call;
    const char *message;
  } rows[] = {
    { "nul-in-a-value", call_getenv, NOT_KEPT "EnvironVar: value has a NUL byte in it" },
    { "started-twice", call_run, NOT_KEPT "Started came on channel 1, which it does not answer" },
    { "started-twice", call_process,
      NOT_KEPT "Started came on channel 1, which it does not answer" },
    { "exited-twice", call_run, NOT_KEPT "Exited came on channel 1, which it does not answer" },
    { "exited-twice", call_process, NOT_KEPT "Exited came on channel 1, which it does not answer" },
    { "exited-without-started", call_run,
      NOT_KEPT "Exited came on channel 1, which it does not answer" },
    { "exited-without-started", call_process,
      NOT_KEPT "Exited came on channel 1, which it does not answer" },
    { "closed-without-started", call_run,
      NOT_KEPT "Closed came on channel 1, which it does not answer" },
    { "closed-without-started", call_process,
      NOT_KEPT "Closed came on channel 1, which it does not answer" },
    { "closed-without-exited", call_run,
      NOT_KEPT "Closed came on channel 1, which it does not answer" },
    { "closed-without-exited", call_process,
      NOT_KEPT "Closed came on channel 1, which it does not answer" },
    { "output-before-started", call_run,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
    { "output-before-started", call_process,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
    { "eof-twice", call_run, NOT_KEPT "Eof came on stream 2 of channel 1, which is not open" },
    { "eof-twice", call_process, NOT_KEPT "Eof came on stream 2 of channel 1, which is not open" },
    { "data-behind-eof", call_run,
      NOT_KEPT "Data came on stream 2 of channel 1, which is not open" },
    { "data-behind-eof", call_process,
      NOT_KEPT "Data came on stream 2 of channel 1, which is not open" },
    { "info-twice", call_download,
      NOT_KEPT "FileInfo came on channel 1, which it does not answer" },
    { "info-twice", call_get, NOT_KEPT "FileInfo came on channel 1, which it does not answer" },
    { "content-before-info", call_get,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
    { "content-before-info", call_download,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
    { "ok-without-info", call_download, NOT_KEPT "Ok came on channel 1, which it does not answer" },
    { "ok-without-info", call_get, NOT_KEPT "Ok came on channel 1, which it does not answer" },
    { "ok-without-eof", call_download, NOT_KEPT "Ok came on channel 1, which it does not answer" },
    { "ok-without-eof", call_get, NOT_KEPT "Ok came on channel 1, which it does not answer" },
    { "written-at-once", call_upload,
      NOT_KEPT "Written came on channel 1, which it does not answer" },
    { "written-at-once", call_put, NOT_KEPT "Written came on channel 1, which it does not answer" },
    { "output-of-a-write", call_put,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_broken (rows[i].mode, rows[i].call, 0, 0, rows[i].message, SOON);
}

Test (hostile, what_stands_behind_a_final_packet_breaks_the_next_call)
{
  static const struct
  {
    const char *mode;
    call *call;
    const char *message;
  } rows[] = {
    { "twice", call_getenv, NOT_KEPT "EnvironVar came on channel 1, which is not open" },
    { "final-and-data", call_getenv,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
    { "closed-twice", call_run, NOT_KEPT "Closed came on channel 1, which is not open" },
    { "closed-twice", call_process, NOT_KEPT "Closed came on channel 1, which is not open" },
    { "ok-before-content", call_download,
      NOT_KEPT "Data came on stream 1 of channel 1, which is not open" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      begin_case ();
      lr_connection *connection = open_hostile (rows[i].mode, 0);
      /* The answer itself was fine; whether the rest has come by then is chance.  */
      if (rows[i].call (connection, &error) != 0)
        expect_error (&error, LR_ERROR_IO, 0, rows[i].message, rows[i].mode);
      cr_expect_eq (call_stat (connection, &error), -1, "%s", rows[i].mode);
      expect_error (&error, LR_ERROR_IO, 0, rows[i].message, rows[i].mode);
      lr_close (connection);
      end_case (rows[i].mode, SOON);
    }
}

Test (hostile, errors_of_the_far_side_are_fit_for_a_terminal)
{
  static const struct
  {
    const char *mode, *message;
    enum lr_error_kind kind;
    int errnum;
    const char *field;
  } rows[] = {
    { "escapes-in-an-error",
      "web: cannot \\x1B]0;owned\\x07 \\xFF\\xFE read\\x9B: \\x1B[2Jdenied\\x0D\\x0A",
      LR_ERROR_REMOTE_OS, 13, "" },
    { "strange-errno", "web: error -9223372036854775808", LR_ERROR_REMOTE_OS, 0, "" },
    { "escapes-in-a-field", "web: k\\x1B[1me\\x0Ay: is\\x0D\\x0Awrong", LR_ERROR_INVALID_VALUE, 0,
      "k\\x1B[1me\\x0Ay" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      struct lr_error error;
      begin_case ();
      lr_connection *connection = open_hostile (rows[i].mode, 0);
      cr_expect_eq (call_getenv (connection, &error), -1, "%s", rows[i].mode);
      expect_error (&error, rows[i].kind, rows[i].errnum, rows[i].message, rows[i].mode);
      cr_expect_str_eq (error.field, rows[i].field);
      lr_close (connection);
      end_case (rows[i].mode, SOON);
    }
}

Test (hostile, an_error_of_four_mebibytes_is_cut)
{
  struct lr_error error;
  begin_case ();
  lr_connection *connection = open_hostile ("long-error", 0);
  cr_expect_eq (call_getenv (connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_REMOTE_OS);
  cr_expect_eq (error.errnum, EIO);
  cr_expect_eq (strncmp (error.message, "web: xxxxxxxx", 13), 0);
  const char *end = "xxx...: Input/output error";
  size_t length = strlen (error.message);
  cr_expect_str_eq (error.message + length - strlen (end), end);
  lr_close (connection);
  end_case ("long-error", SOON);
}

Test (hostile, a_digest_of_another_length_is_an_error_of_the_call)
{
  static const char *const modes[] = { "short-digest", "long-digest" };
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      struct lr_error error;
      begin_case ();
      lr_connection *connection = open_hostile (modes[i], 0);
      cr_expect_eq (call_stat (connection, &error), -1, "%s", modes[i]);
      expect_error (&error, LR_ERROR_IO, 0, "web: there is no SHA-512 of 64 bytes in the answer",
                    modes[i]);
      lr_close (connection);
      end_case (modes[i], SOON);
    }
}

/* ---- beyond the window ---- */

Test (hostile, content_that_nobody_reads_ends_at_its_window)
{
  struct ending answer = { 0 };
  struct lr_error error;
  lr_loop *loop = NULL;
  lr_connection *connection = NULL;
  lr_process *process = NULL;
  begin_case ();
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args args = LR_OPEN_ARGS (.url = url_of ("output-without-end"), .loop = loop);
  struct lr_spawn_args spawn =
      LR_SPAWN_ARGS (.command = command, .callback = take_event, .data = &answer);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  cr_assert_eq (lr_spawn (connection, &spawn, &process, &error), 0, "%s", error.message);
  dispatch_until_ended (loop, &answer, 1);
  cr_expect_eq (answer.count, 1);
  cr_expect_eq (answer.status, -1);
  expect_error (&answer.error, LR_ERROR_IO, 0, NOT_KEPT "Data came on channel 1 beyond its window",
                "process");
  lr_process_free (process);
  lr_close (connection);
  lr_loop_free (loop);
  end_case ("process", SOON);
}

Test (hostile, a_file_that_nobody_takes_ends_at_its_window)
{
  struct lr_error error;
  int ends[2];
  begin_case ();
  cr_assert_eq (pipe2 (ends, O_CLOEXEC), 0);
  lr_connection *connection = open_hostile ("past-the-window", 0);
  struct lr_get_args args = LR_GET_ARGS (.descriptor = ends[1], .file = "/x");
  cr_expect_eq (lr_get (connection, &args, NULL, &error), -1);
  expect_error (&error, LR_ERROR_IO, 0, NOT_KEPT "Data came on channel 1 beyond its window", "get");
  lr_close (connection);
  close (ends[0]);
  close (ends[1]);
  end_case ("get", SOON);
}

/* ---- silence ---- */

#define NO_SIGN "web: there was no sign of life from the dispatcher for 300 milliseconds"

Test (hostile, silence_is_noticed_by_the_keep_alive)
{
  static const struct
  {
    const char *mode;
    call *call;
  } rows[] = {
    { "half-a-frame", call_getenv }, { "half-a-header", call_put }, { "half-a-data", call_process },
    { "half-a-data", call_run },     { "no-answer", call_get },     { "no-answer", call_upload },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    expect_broken (rows[i].mode, rows[i].call, 150, ETIMEDOUT, NO_SIGN, SOON);
}

Test (hostile, silence_fails_all_that_was_submitted)
{
  expect_all_broken ("half-a-frame", 150, 0, true, ETIMEDOUT, LR_ERROR_IO, NO_SIGN, SOON);
  expect_all_broken ("deaf-afterwards", 150, 0, true, ETIMEDOUT, LR_ERROR_IO, NO_SIGN, SOON);
}

Test (hostile, silence_ends_a_call_that_has_a_time)
{
  patience = 100;
  for (size_t i = 0; i < COUNT (calls); i++)
    {
      struct lr_error error;
      char name[32];
      if (calls[i] == call_run)
        continue; /* see below */
      snprintf (name, sizeof name, "call %zu", i);
      begin_case ();
      lr_connection *connection = open_hostile ("no-answer", 0);
      cr_expect_eq (calls[i](connection, &error), -1, "%s", name);
      cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s: %s", name, error.message);
      lr_close (connection);
      end_case (name, SOON);
    }
}

/* A command is given the time to end that the far side has for it, and a dispatcher, when it is
   closed, the time to end its commands: some seconds each, and so all at once.  */
Test (hostile, nobody_is_waited_for_without_an_end)
{
  static const char *const modes[] = { "deaf-afterwards", "endless-acks", "no-answer" };
  struct lr_error error;
  struct ending answers[COUNT (modes)] = { { 0 } };
  lr_connection *connections[COUNT (modes)];
  lr_loop *loop = NULL;
  struct lr_run_args run = LR_RUN_ARGS (.command = command, .timeout_ms = 200);
  struct lr_getenv_args key = LR_GETENV_ARGS (.key = "KEY", .timeout_ms = 200);
  struct lr_request asked = LR_REQUEST (.operation = LR_OPERATION_GETENV, .args = &key);
  begin_case ();
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      struct lr_open_args args =
          LR_OPEN_ARGS (.url = url_of (modes[i]), .loop = loop, .keep_alive_ms = 1000000);
      cr_assert_eq (lr_open (NULL, &args, &connections[i], &error), 0, "%s", error.message);
      if (i == 2)
        asked = (struct lr_request) LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &run);
      cr_assert_eq (lr_submit (connections[i], &asked, note_answer, &answers[i], NULL, &error), 0);
    }
  dispatch_until_ended (loop, answers, 2);
  for (size_t i = 0; i < 2; i++)
    expect_error (&answers[i].error, LR_ERROR_TIMEOUT, 0,
                  "web: getenv took longer than 200 milliseconds", modes[i]);
  cr_expect_lt (seconds () - case_start, SOON);
  lr_close (connections[0]);
  lr_close (connections[1]);
  dispatch_until_ended (loop, answers, 3);
  expect_error (&answers[2].error, LR_ERROR_TIMEOUT, 0,
                "web: run took longer than 200 milliseconds", modes[2]);
  lr_close (connections[2]);
  lr_loop_free (loop);
  end_case ("all", 12);
}

/* ---- the end ---- */

Test (hostile, one_that_takes_no_requests_is_told_apart)
{
  struct lr_error error;
  lr_connection *connection = NULL;
  begin_case ();
  struct lr_open_args args = LR_OPEN_ARGS (.url = url_of ("closes-its-input-first"));
  int status = lr_open (NULL, &args, &connection, &error);
  if (status == 0)
    status = call_getenv (connection, &error);
  cr_expect_eq (status, -1);
  expect_error (&error, LR_ERROR_IO, 0, "web: the dispatcher takes no more requests",
                "closes-its-input-first");
  lr_close (connection);
  end_case ("closes-its-input-first", SOON + 2);
  /* Where nothing is to be sent it is the silence that shows.  */
  expect_broken ("closes-its-input", call_getenv, 150, ETIMEDOUT, NO_SIGN, SOON);
}

Test (hostile, one_that_ends_says_how)
{
  static const struct
  {
    const char *mode, *message;
  } rows[] = {
    { "exits-with-a-request", GONE "it ended with status 9; it said: out of luck" },
    { "is-killed-later", GONE "it was ended by signal 9" },
    { "closes-its-output-later", GONE "it ended with status 0" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      expect_broken (rows[i].mode, calls[i], 0, 0, rows[i].message, SOON);
      expect_all_broken (rows[i].mode, 0, 0, true, 0, LR_ERROR_IO, rows[i].message, SOON);
    }
}

Test (hostile, one_that_ends_between_requests_is_told_by_the_next)
{
  struct lr_error error;
  begin_case ();
  lr_connection *connection = open_hostile ("exits-between-requests", 0);
  cr_expect_eq (call_getenv (connection, &error), 0, "%s", error.message);
  cr_expect_eq (call_getenv (connection, &error), -1);
  expect_error (&error, LR_ERROR_IO, 0, GONE "it ended with status 3", "exits-between-requests");
  lr_close (connection);
  end_case ("exits-between-requests", SOON);
}

/* A far side that ends after COUNT bytes of what it has to say.  Returns whether that was enough.
 */
static bool
call_one_that_is_cut (call *function, int count)
{
  struct lr_error error;
  lr_connection *connection = NULL;
  char mode[32];
  snprintf (mode, sizeof mode, "cut-%d", count);
  begin_case ();
  struct lr_open_args args = LR_OPEN_ARGS (.url = url_of (mode));
  int status = lr_open (NULL, &args, &connection, &error);
  if (status == 0)
    status = function (connection, &error);
  if (status != 0)
    {
      static const char wanted[] = GONE "it ended with status 7";
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s: %s", mode, error.message);
      /* What it said of a banner is quoted.  */
      error.message[sizeof wanted - 1] = '\0';
      cr_expect_str_eq (error.message, wanted, "%s: %s", mode, error.message);
    }
  lr_close (connection);
  end_case (mode, SOON);
  return status == 0;
}

static void
cut_everywhere (call *function, int step)
{
  for (int count = 0; count < 600; count += step)
    if (call_one_that_is_cut (function, count))
      {
        cr_expect_gt (count, 60);
        return;
      }
  cr_expect_fail ("it never came to its end");
}

Test (hostile, an_end_at_any_point_is_one_error)
{
  cut_everywhere (call_getenv, 5);
  cut_everywhere (call_get, 11);
}

Test (hostile, an_end_at_any_point_of_a_command_is_one_error)
{
  cut_everywhere (call_run, 17);
  cut_everywhere (call_process, 19);
  cut_everywhere (call_put, 13);
}

/* ---- and what does not harm ---- */

Test (hostile, endless_complaints_hold_nobody_up)
{
  static const char *const modes[] = { "endless-complaints", "good" };
  for (size_t i = 0; i < COUNT (modes); i++)
    {
      struct lr_error error;
      begin_case ();
      lr_connection *connection = open_hostile (modes[i], 0);
      for (size_t j = 0; j < COUNT (calls); j++)
        cr_expect_eq (calls[j](connection, &error), 0, "%s, call %zu: %s", modes[i], j,
                      error.message);
      lr_close (connection);
      end_case (modes[i], SOON);
    }
}

Test (hostile, credit_for_what_has_ended_is_none_of_ours)
{
  struct lr_error error;
  begin_case ();
  lr_connection *connection = open_hostile ("final-and-window", 0);
  cr_expect_eq (call_getenv (connection, &error), 0, "%s", error.message);
  patience = 100;
  cr_expect_eq (call_getenv (connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  patience = 0;
  lr_close (connection);
  end_case ("final-and-window", SOON);
}
