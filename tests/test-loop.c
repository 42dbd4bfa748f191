/* Loops, and what is submitted to them: what comes of it, when callbacks run and when they don't,
   cancelling, time limits, and that nothing is left behind.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) WORDS ("sh", "-c", script)

#define RUN(...) ((struct lr_run_args) LR_RUN_ARGS (__VA_ARGS__))
#define STAT(...) ((struct lr_stat_args) LR_STAT_ARGS (__VA_ARGS__))
#define UPLOAD(...) ((struct lr_upload_args) LR_UPLOAD_ARGS (__VA_ARGS__))
#define DOWNLOAD(...) ((struct lr_download_args) LR_DOWNLOAD_ARGS (__VA_ARGS__))
#define NAME(...) ((struct lr_resolve_args) LR_RESOLVE_ARGS (__VA_ARGS__))
#define USER(...) ((struct lr_query_user_args) LR_QUERY_USER_ARGS (__VA_ARGS__))
#define GROUP(...) ((struct lr_query_group_args) LR_QUERY_GROUP_ARGS (__VA_ARGS__))
#define GETENV(...) ((struct lr_getenv_args) LR_GETENV_ARGS (__VA_ARGS__))
#define PUT(...) ((struct lr_put_args) LR_PUT_ARGS (__VA_ARGS__))
#define GET(...) ((struct lr_get_args) LR_GET_ARGS (__VA_ARGS__))

TestSuite (submitted, .timeout = 120);
TestSuite (callbacks, .timeout = 120);
TestSuite (cancel, .timeout = 120);
TestSuite (timeouts, .timeout = 120);
TestSuite (closing, .timeout = 120);
TestSuite (opening, .timeout = 120);
TestSuite (descriptor, .timeout = 120);
TestSuite (life, .timeout = 120);
TestSuite (worker, .timeout = 120);
TestSuite (application, .timeout = 120);

/* The kernel's bounds on what one user may watch belong to the whole machine, so here it is said in
   its place that they are reached.  */
static bool nothing_more_is_watched;

int
epoll_ctl (int epoll, int operation, int fd, struct epoll_event *event)
{
  if (nothing_more_is_watched && operation == EPOLL_CTL_ADD)
    {
      errno = ENOSPC;
      return -1;
    }
  return (int) syscall (SYS_epoll_ctl, epoll, operation, fd, event);
}

/* A command that does not end by itself, and can be counted.  */
#define ENDLESS WORDS ("sleep", endless ())

static uint64_t
submit_ping (lr_connection *connection, struct outcome *answer)
{
  return submit (connection, LR_OPERATION_PING, NULL, answer);
}

static uint64_t
submit_endless (lr_connection *connection, struct outcome *answer)
{
  struct lr_run_args args = RUN (.command = ENDLESS);
  return submit (connection, LR_OPERATION_RUN, &args, answer);
}

static uint64_t
submit_stat (lr_connection *connection, const char *path, struct outcome *answer)
{
  struct lr_stat_args args = STAT (.path = path);
  return submit (connection, LR_OPERATION_STAT, &args, answer);
}

/* Once the command runs.  */
static void
await_endless (lr_loop *loop, int count)
{
  for (int64_t since = now_ms (); count_processes (endless ()) != count;)
    {
      dispatch (loop, 5);
      cr_assert_lt (now_ms () - since, 30000, "the commands don't start, or don't end");
    }
}

static int
make_file (const char *path, const char *content)
{
  int fd = open (path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  cr_assert_geq (fd, 0);
  cr_assert_eq (write (fd, content, strlen (content)), (ssize_t) strlen (content));
  cr_assert_eq (lseek (fd, 0, SEEK_SET), 0);
  return fd;
}

/* ---- what comes of it ---- */

static void
expect_same_stat (const struct lr_stat_result *one, const struct lr_stat_result *other)
{
  cr_assert (one != NULL && other != NULL);
  cr_expect_eq (one->type, other->type);
  cr_expect_eq (one->mode, other->mode);
  cr_expect_str_eq (one->owner, other->owner);
  cr_expect_str_eq (one->group, other->group);
  cr_expect_eq (one->size, other->size);
  cr_expect_eq (one->mtime_ns, other->mtime_ns);
  cr_expect_eq (one->sha512sum.size, 64);
  cr_expect_eq (other->sha512sum.size, 64);
  cr_expect_eq (memcmp (one->sha512sum.data, other->sha512sum.data, 64), 0);
}

static void
expect_same_list (const char *const *one, const char *const *other)
{
  size_t i = 0;
  for (; one[i] != NULL && other[i] != NULL; i++)
    cr_expect_str_eq (one[i], other[i]);
  cr_expect_null (one[i]);
  cr_expect_null (other[i]);
}

/* Each operation, submitted and waited for.  */
static void
compare_all (lr_loop *loop, lr_connection *connection)
{
  struct lr_error error;
  struct outcome answer;
  int fd = make_file (path_in ("local"), "content\n");
  write_file (in_work ("file"), "something\n", 10, 0644);

  submit_ping (connection, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "ping");
  cr_expect_null (answer.result);

  struct lr_run_args run =
      RUN (.command = SHELL ("cat; echo error >&2; exit 3"), .input = { "input", 5 });
  struct lr_run_result *run_result, *run_answer;
  cr_expect_eq (lr_run (connection, &run, &run_result, &error), -1);
  submit (connection, LR_OPERATION_RUN, &run, &answer);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_EXIT_STATUS, "run");
  cr_expect_eq (answer.error.exit_status, 3);
  cr_expect_str_eq (answer.error.message, error.message);
  run_answer = answer.result;
  cr_assert_not_null (run_answer, "the one error that leaves a result");
  cr_expect_eq (run_answer->returncode, 3);
  cr_expect_str_eq (run_answer->stdout_bytes.data, run_result->stdout_bytes.data);
  cr_expect_str_eq (run_answer->stdout_bytes.data, "input");
  cr_expect_str_eq (run_answer->stderr_bytes.data, "error\n");
  lr_free (run_result);
  lr_free (run_answer);

  struct lr_stat_args stat = STAT (.path = in_work ("file"), .sha512sum = 1);
  struct lr_stat_result *stat_result;
  cr_expect_eq (lr_stat (connection, &stat, &stat_result, &error), 0);
  submit (connection, LR_OPERATION_STAT, &stat, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "stat");
  expect_same_stat (answer.result, stat_result);
  lr_free (stat_result);
  lr_free (answer.result);
  stat = STAT (.path = in_work ("nothing"));
  submit (connection, LR_OPERATION_STAT, &stat, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "stat of nothing");
  cr_expect_null (answer.result);

  struct lr_upload_args upload =
      UPLOAD (.file = in_work ("up"), .content = { "uploaded", 8 }, .mode = "640");
  submit (connection, LR_OPERATION_UPLOAD, &upload, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "upload");
  cr_expect_null (answer.result);

  struct lr_download_args download = DOWNLOAD (.file = in_work ("up"));
  submit (connection, LR_OPERATION_DOWNLOAD, &download, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "download");
  cr_expect_str_eq (((struct lr_download_result *) answer.result)->content.data, "uploaded");
  lr_free (answer.result);

  char *text;
  struct lr_resolve_args name = NAME ();
  cr_expect_eq (lr_resolve_user (connection, &name, &text, &error), 0);
  submit (connection, LR_OPERATION_RESOLVE_USER, &name, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "resolve_user");
  cr_expect_str_eq (answer.result, text);
  lr_free (answer.result);
  struct lr_query_user_args user = USER (.user = text);
  struct lr_user_entry *user_result;
  cr_expect_eq (lr_query_user (connection, &user, &user_result, &error), 0);
  submit (connection, LR_OPERATION_QUERY_USER, &user, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "query_user");
  const struct lr_user_entry *user_answer = answer.result;
  cr_expect_eq (user_answer->uid, user_result->uid);
  cr_expect_eq (user_answer->gid, user_result->gid);
  cr_expect_str_eq (user_answer->name, user_result->name);
  cr_expect_str_eq (user_answer->home, user_result->home);
  cr_expect_str_eq (user_answer->shell, user_result->shell);
  expect_same_list (user_answer->groups, user_result->groups);
  lr_free (answer.result);
  lr_free (user_result);
  lr_free (text);

  cr_expect_eq (lr_resolve_group (connection, &name, &text, &error), 0);
  submit (connection, LR_OPERATION_RESOLVE_GROUP, &name, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "resolve_group");
  cr_expect_str_eq (answer.result, text);
  lr_free (answer.result);
  struct lr_query_group_args group = GROUP (.group = text);
  struct lr_group_entry *group_result;
  cr_expect_eq (lr_query_group (connection, &group, &group_result, &error), 0);
  submit (connection, LR_OPERATION_QUERY_GROUP, &group, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "query_group");
  const struct lr_group_entry *group_answer = answer.result;
  cr_expect_eq (group_answer->gid, group_result->gid);
  cr_expect_str_eq (group_answer->name, group_result->name);
  expect_same_list (group_answer->members, group_result->members);
  lr_free (answer.result);
  lr_free (group_result);
  lr_free (text);

  struct lr_getenv_args getenv_args = GETENV (.key = "PATH");
  cr_expect_eq (lr_getenv (connection, &getenv_args, &text, &error), 0);
  submit (connection, LR_OPERATION_GETENV, &getenv_args, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "getenv");
  cr_expect_str_eq (answer.result, text);
  lr_free (answer.result);
  lr_free (text);

  struct lr_put_args put = PUT (.file = in_work ("put"), .descriptor = fd);
  submit (connection, LR_OPERATION_PUT, &put, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "put");
  cr_expect_eq (((struct lr_put_result *) answer.result)->size, 8);
  lr_free (answer.result);
  struct lr_get_args get = GET (.file = in_work ("put"), .descriptor = fd);
  submit (connection, LR_OPERATION_GET, &get, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "get");
  cr_expect_eq (((struct lr_get_result *) answer.result)->size, 8);
  lr_free (answer.result);
  close (fd);
  char *content = read_file (path_in ("local"), NULL);
  cr_expect_str_eq (content, "content\ncontent\n");
  free (content);
}

TEST_ON_LOOP_AS_BOTH (submitted, gives_what_the_blocking_calls_give)
{
  compare_all (loop_of_test (), connection);
}

TEST_ON_LOOP_AS_BOTH (submitted, gives_the_same_through_the_plain_protocol)
{
  lr_loop *loop = loop_of_test ();
  lr_connection *plain = open_on (loop, WORDS ("protocol=plain"));
  (void) connection;
  compare_all (loop, plain);
  lr_close (plain);
}

TEST_ON_LOOP_AS_BOTH (submitted, fails_as_the_blocking_calls_fail)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  struct lr_download_args download = DOWNLOAD (.file = in_work ("nothing"));
  submit (connection, LR_OPERATION_DOWNLOAD, &download, &answer);
  dispatch_until (loop, &answer);
  expect_failure (answer.status, &answer.error, invalid_value ("file"), "download");
  struct lr_run_args run = RUN (.command = WORDS ("/nothing/here"));
  submit (connection, LR_OPERATION_RUN, &run, &answer);
  dispatch_until (loop, &answer);
  expect_failure (answer.status, &answer.error, remote_os (ENOENT), "run");
  cr_expect_null (answer.result);
  struct lr_resolve_args name = NAME (.name = "no such user");
  submit (connection, LR_OPERATION_RESOLVE_USER, &name, &answer);
  dispatch_until (loop, &answer);
  expect_failure (answer.status, &answer.error, invalid_value ("user"), "resolve_user");
}

/* One of very many.  */
static int many_good, many_calls;

static void
count_good (void *data, int status, void *result, const struct lr_error *error)
{
  const struct lr_stat_result *stat = result;
  (void) error;
  many_calls++;
  many_good += status == 0 && stat != NULL && stat->size == (uint64_t) (uintptr_t) data;
  lr_free (result);
}

TEST_ON_LOOP (submitted, answers_ten_thousand_at_once)
{
  enum
  {
    ALL = 10000,
    FILES = 100,
  };
  struct lr_error error;
  lr_loop *loop = loop_of_test ();
  for (int i = 0; i < FILES; i++)
    {
      char name[16], content[FILES] = "";
      snprintf (name, sizeof name, "%d", i);
      write_file (in_work (name), content, (size_t) i, 0644);
    }
  for (int i = 0; i < ALL; i++)
    {
      char name[16];
      snprintf (name, sizeof name, "%d", i % FILES);
      struct lr_stat_args args = STAT (.path = in_work (name));
      struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &args);
      cr_assert_eq (lr_submit (connection, &request, count_good, (void *) (uintptr_t) (i % FILES),
                               NULL, &error),
                    0);
    }
  cr_expect_eq (many_calls, 0);
  for (int64_t since = now_ms (); many_calls < ALL; dispatch (loop, 1000))
    cr_assert_lt (now_ms () - since, 60000, "%d answers only", many_calls);
  dispatch_for (loop, 20);
  cr_expect_eq (many_calls, ALL);
  cr_expect_eq (many_good, ALL);
}

TEST_ON_LOOP (submitted, takes_more_commands_than_the_far_side_takes_at_once)
{
  enum
  {
    ALL = 1500, /* places: 1024 */
  };
  static struct outcome answers[ALL];
  lr_loop *loop = loop_of_test ();
  struct outcome short_one;
  struct lr_run_args args = RUN (.command = WORDS ("sleep", endless ()));
  uint64_t first = submit (connection, LR_OPERATION_RUN, &args, &answers[0]);
  args = RUN (.command = WORDS ("cat"), .input = { "x", 1 });
  for (int i = 1; i < ALL; i++)
    submit (connection, LR_OPERATION_RUN, &args, &answers[i]);
  /* A short one need not wait for all of them.  */
  submit_stat (connection, "/", &short_one);
  dispatch_until (loop, &short_one);
  lr_free (short_one.result);
  for (int i = 1; i < ALL; i++)
    {
      dispatch_until (loop, &answers[i]);
      expect_success (&answers[i], "one of many");
      const struct lr_run_result *result = answers[i].result;
      cr_expect (result != NULL && result->stdout_bytes.size == 1);
      lr_free (answers[i].result);
    }
  cr_expect_eq (answers[0].count, 0);
  cr_expect_eq (lr_cancel (connection, first), 0);
  dispatch_until (loop, &answers[0]);
}

TEST_ON_LOOP (submitted, refuses_bad_arguments_without_a_callback)
{
  struct lr_error error;
  struct outcome answer = { .count = 0 };
  lr_loop *loop = loop_of_test ();
  struct lr_stat_args stat = STAT (.path = NULL), unsized = { .path = "/" },
                      good = STAT (.path = "/");
  struct lr_run_args run = RUN (.command = WORDS (NULL));
  struct lr_getenv_args getenv_args = GETENV ();
  struct
  {
    uint32_t operation;
    const void *args;
    const char *field;
  } const cases[] = {
    { 0, &good, "operation" },
    { 1000, &good, "operation" },
    { LR_OPERATION_STAT, &stat, "path" },
    { LR_OPERATION_STAT, &unsized, "args" },
    { LR_OPERATION_STAT, NULL, "args" },
    { LR_OPERATION_RUN, &run, "command" },
    { LR_OPERATION_GETENV, &getenv_args, "key" },
  };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      struct lr_request request =
          LR_REQUEST (.operation = cases[i].operation, .args = cases[i].args);
      cr_expect_eq (lr_submit (connection, &request, take_answer, &answer, NULL, &error), -1,
                    "case %zu", i);
      cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
      cr_expect_str_eq (error.field, cases[i].field, "case %zu: %s", i, error.field);
    }
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &good);
  cr_expect_eq (lr_submit (connection, &request, NULL, &answer, NULL, &error), -1);
  cr_expect_str_eq (error.field, "callback");
  struct lr_request shapeless = { .operation = LR_OPERATION_STAT, .args = &good };
  cr_expect_eq (lr_submit (connection, &shapeless, take_answer, &answer, NULL, &error), -1);
  cr_expect_eq (lr_submit (connection, &request, NULL, &answer, NULL, NULL), -1);
  dispatch_for (loop, 50);
  cr_expect_eq (answer.count, 0);
}

TEST_ON_LOOP (submitted, copies_its_arguments)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  char program[] = "sh", option[] = "-c", script[] = "pwd; umask; echo $ONE${TWO-unset}",
       cwd[] = "/usr", umask_text[] = "027", variable[] = "ONE=1", unset[] = "TWO";
  const char *command[] = { program, option, script, NULL };
  const char *environment[] = { variable, NULL };
  const char *unsets[] = { unset, NULL };
  struct lr_run_args args = RUN (.command = command, .cwd = cwd, .umask = umask_text,
                                 .environment = environment, .unset = unsets);
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &args);
  cr_assert_eq (
      lr_submit (connection, &request, take_answer, memset (&answer, 0, sizeof answer), NULL, NULL),
      0);
  char *const texts[] = { program, option, script, cwd, umask_text, variable, unset };
  for (size_t i = 0; i < COUNT (texts); i++)
    memset (texts[i], 'x', strlen (texts[i]));
  memset (command, 0, sizeof command);
  memset (environment, 0, sizeof environment);
  memset (unsets, 0, sizeof unsets);
  memset (&args, 0xff, sizeof args);
  memset (&request, 0xff, sizeof request);
  dispatch_until (loop, &answer);
  expect_success (&answer, "run");
  struct lr_run_result *result = answer.result;
  cr_assert_not_null (result);
  cr_expect_str_eq (result->stdout_bytes.data, "/usr\n0027\n1unset\n");
  lr_free (result);

  char path[512], mode[] = "604";
  snprintf (path, sizeof path, "%s", in_work ("copied"));
  struct lr_upload_args upload = UPLOAD (.file = path, .content = { "content", 7 }, .mode = mode);
  submit (connection, LR_OPERATION_UPLOAD, &upload, &answer);
  memset (path, 'x', strlen (path));
  memset (mode, '7', 3);
  memset (&upload, 0, sizeof upload);
  dispatch_until (loop, &answer);
  expect_success (&answer, "upload");
  struct stat info;
  cr_assert_eq (stat (in_work ("copied"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0604);
}

/* ---- callbacks ---- */

TEST_ON_LOOP (callbacks, come_from_dispatch_only)
{
  enum
  {
    ALL = 20,
  };
  struct outcome answers[ALL], cancelled, closed, late;
  struct lr_error error;
  struct lr_run_result *result;
  lr_loop *loop = loop_of_test ();
  lr_connection *other = open_on (loop, NULL);
  for (int i = 0; i < ALL; i++)
    submit_stat (connection, "/", &answers[i]);
  uint64_t id = submit_endless (connection, &cancelled);
  submit_endless (other, &closed);
  cr_expect_eq (lr_cancel (connection, id), 0);
  /* Everything has been answered by now; take_answer would notice.  */
  struct lr_run_args args = RUN (.command = WORDS ("sleep", "0.1"));
  cr_expect_eq (lr_run (connection, &args, &result, &error), 0);
  lr_free (result);
  lr_close (other);
  submit_ping (connection, &late);
  cr_expect_eq (lr_ping (connection, &error), 0);
  for (int i = 0; i < ALL; i++)
    cr_expect_eq (answers[i].count, 0);
  cr_expect_eq (cancelled.count + closed.count + late.count, 0);
  int count = dispatch (loop, 0);
  cr_expect_geq (count, ALL + 2);
  for (int i = 0; i < ALL; i++)
    {
      expect_success (&answers[i], "stat");
      lr_free (answers[i].result);
    }
  expect_answer_kind (&cancelled, LR_ERROR_CANCELLED, "cancelled");
  expect_answer_kind (&closed, LR_ERROR_CANCELLED, "closed");
  dispatch_until (loop, &late);
}

/* What a callback does that tries everything which waits.  */
struct nested
{
  lr_connection *connection;
  lr_process *process;
  int calls;
};

static void
expect_refused (int status, const struct lr_error *error, const char *what)
{
  cr_expect_eq (status, -1, "%s waits in a callback", what);
  cr_expect_eq (error->kind, LR_ERROR_INVALID_VALUE, "%s: %s", what, error->message);
  cr_expect_str_eq (error->field, "loop", "%s: %s", what, error->message);
}

static void
wait_in_callback (void *data, int status, void *result, const struct lr_error *unused)
{
  struct nested *nested = data;
  lr_connection *connection = nested->connection;
  struct lr_error error;
  void *nothing;
  size_t got;
  char byte;
  (void) status;
  (void) unused;
  lr_free (result);
  nested->calls++;
#define EXPECT_REFUSED(call) expect_refused (call, &error, #call)
  EXPECT_REFUSED (lr_ping (connection, &error));
  EXPECT_REFUSED (lr_run (connection, &RUN (.command = WORDS ("true")),
                          (struct lr_run_result **) &nothing, &error));
  EXPECT_REFUSED (
      lr_stat (connection, &STAT (.path = "/"), (struct lr_stat_result **) &nothing, &error));
  EXPECT_REFUSED (lr_upload (connection, &UPLOAD (.file = "/nothing/here"), &error));
  EXPECT_REFUSED (lr_download (connection, &DOWNLOAD (.file = "/nothing/here"),
                               (struct lr_download_result **) &nothing, &error));
  EXPECT_REFUSED (lr_resolve_user (connection, &NAME (), (char **) &nothing, &error));
  EXPECT_REFUSED (lr_resolve_group (connection, &NAME (), (char **) &nothing, &error));
  EXPECT_REFUSED (lr_query_user (connection, &USER (.user = "root"),
                                 (struct lr_user_entry **) &nothing, &error));
  EXPECT_REFUSED (lr_query_group (connection, &GROUP (.group = "root"),
                                  (struct lr_group_entry **) &nothing, &error));
  EXPECT_REFUSED (lr_getenv (connection, &GETENV (.key = "PATH"), (char **) &nothing, &error));
  EXPECT_REFUSED (lr_home_dir (connection, NULL, (char **) &nothing, &error));
  EXPECT_REFUSED (lr_put (connection, &PUT (.file = "/nothing/here"), NULL, &error));
  EXPECT_REFUSED (lr_get (connection, &GET (.file = "/nothing/here"), NULL, &error));
  EXPECT_REFUSED (lr_process_wait (nested->process, LR_NEVER, NULL, &error));
  EXPECT_REFUSED (lr_process_read (nested->process, LR_STDOUT, &byte, 1, &got, &error));
  EXPECT_REFUSED (lr_process_write (nested->process, "x", 1, &error));
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .loop = loop_of_test ());
  EXPECT_REFUSED (lr_open (NULL, &args, (lr_connection **) &nothing, &error));
  EXPECT_REFUSED (lr_loop_dispatch (loop_of_test (), 0, &error));
#undef EXPECT_REFUSED
}

static void
wait_in_process_callback (void *data, lr_process *process, uint32_t events)
{
  (void) events;
  ((struct nested *) data)->process = process;
  wait_in_callback (data, 0, NULL, NULL);
}

TEST_ON_LOOP (callbacks, refuse_what_waits)
{
  struct lr_error error;
  struct nested nested = { .connection = connection };
  struct lr_spawn_args args = LR_SPAWN_ARGS (.command = WORDS ("cat"));
  cr_assert_eq (lr_spawn (connection, &args, &nested.process, &error), 0);
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_PING);
  cr_assert_eq (lr_submit (connection, &request, wait_in_callback, &nested, NULL, &error), 0);
  while (nested.calls == 0)
    dispatch (loop_of_test (), 1000);
  lr_process_free (nested.process);
  nested.calls = 0;
  args.callback = wait_in_process_callback;
  args.data = &nested;
  cr_assert_eq (lr_spawn (connection, &args, &nested.process, &error), 0);
  while (nested.calls == 0)
    dispatch (loop_of_test (), 1000);
  lr_process_free (nested.process);
}

/* A callback that submits, cancels, closes, spawns and frees.  */
struct busy
{
  lr_connection *connection, *closed;
  lr_process *process, *spawned;
  uint64_t endless_id;
  struct outcome ping, endless;
  int calls, closed_calls;
};

static void
note_closed (void *data, int status, void *result, const struct lr_error *error)
{
  struct busy *busy = data;
  (void) result;
  cr_expect_eq (status, -1);
  cr_expect_eq (error->kind, LR_ERROR_CANCELLED);
  busy->closed_calls++;
}

static void
do_everything (void *data, int status, void *result, const struct lr_error *unused)
{
  struct busy *busy = data;
  struct lr_error error;
  (void) status;
  (void) unused;
  lr_free (result);
  busy->calls++;
  submit_ping (busy->connection, &busy->ping);
  cr_expect_eq (lr_cancel (busy->connection, busy->endless_id), 0);
  lr_close (busy->closed);
  cr_expect_eq (busy->closed_calls, 0, "a callback ran inside a callback");
  cr_expect_eq (lr_process_signal (busy->process, SIGTERM, &error), 0);
  lr_process_close_input (busy->process);
  lr_process_offer (busy->process, "x", 1);
  cr_expect_eq (lr_process_get_status (busy->process, NULL, &error), 0);
  lr_process_free (busy->process);
  struct lr_spawn_args args = LR_SPAWN_ARGS (.command = WORDS ("true"));
  cr_expect_eq (lr_spawn (busy->connection, &args, &busy->spawned, &error), 0);
}

TEST_ON_LOOP (callbacks, may_submit_cancel_close_spawn_and_free)
{
  struct lr_error error;
  lr_loop *loop = loop_of_test ();
  struct busy busy = { .connection = connection, .closed = open_on (loop, NULL) };
  struct lr_spawn_args args = LR_SPAWN_ARGS (.command = WORDS ("cat"));
  struct lr_request ping = LR_REQUEST (.operation = LR_OPERATION_PING);
  cr_assert_eq (lr_spawn (connection, &args, &busy.process, &error), 0);
  busy.endless_id = submit_endless (connection, &busy.endless);
  struct lr_run_args run = RUN (.command = ENDLESS);
  struct lr_request endless_run = LR_REQUEST (.operation = LR_OPERATION_RUN, .args = &run);
  for (int i = 0; i < 3; i++)
    cr_assert_eq (lr_submit (busy.closed, &endless_run, note_closed, &busy, NULL, &error), 0);
  await_endless (loop, 4);
  cr_assert_eq (lr_submit (connection, &ping, do_everything, &busy, NULL, &error), 0);
  dispatch_until (loop, &busy.ping);
  dispatch_until (loop, &busy.endless);
  expect_success (&busy.ping, "submitted in a callback");
  expect_answer_kind (&busy.endless, LR_ERROR_CANCELLED, "cancelled in a callback");
  cr_expect_eq (busy.calls, 1);
  cr_expect_eq (busy.closed_calls, 3);
  cr_expect_eq (lr_process_wait (busy.spawned, 20000, NULL, &error), 0, "%s", error.message);
  lr_process_free (busy.spawned);
  await_endless (loop, 0);
}

static void
close_own (void *data, int status, void *result, const struct lr_error *error)
{
  struct busy *busy = data;
  (void) status;
  (void) error;
  lr_free (result);
  busy->calls++;
  lr_close (busy->closed);
  busy->closed = NULL;
}

TEST_ON_LOOP (callbacks, may_close_the_connection_they_are_of)
{
  struct lr_error error;
  lr_loop *loop = loop_of_test ();
  struct busy busy = { .closed = open_on (loop, NULL) };
  struct lr_request ping = LR_REQUEST (.operation = LR_OPERATION_PING);
  struct outcome pending;
  (void) connection;
  cr_assert_eq (lr_submit (busy.closed, &ping, close_own, &busy, NULL, &error), 0);
  submit_endless (busy.closed, &pending);
  dispatch_until (loop, &pending);
  cr_expect_eq (busy.calls, 1);
  cr_expect_null (busy.closed);
  expect_answer_kind (&pending, LR_ERROR_CANCELLED, "closed");
}

static void
count_call (void *data, int status, void *result, const struct lr_error *error)
{
  (void) status;
  (void) error;
  lr_free (result);
  ++*(int *) data;
}

Test (callbacks, that_are_left_run_when_the_loop_is_freed, .init = begin_work, .fini = end_work)
{
  struct lr_error error;
  lr_loop *loop;
  int descriptors = count_descriptors (), calls = 0;
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  lr_connection *connection = open_on (loop, NULL);
  struct lr_request ping = LR_REQUEST (.operation = LR_OPERATION_PING);
  for (int i = 0; i < 5; i++)
    cr_assert_eq (lr_submit (connection, &ping, count_call, &calls, NULL, &error), 0);
  lr_close (connection);
  cr_expect_eq (calls, 0);
  lr_loop_free (loop);
  cr_expect_eq (calls, 5);
  cr_expect_eq (count_descriptors (), descriptors);
  cr_expect_eq (count_children (), 0);
  lr_loop_free (NULL);
}

/* ---- cancel ---- */

/* How many DISPATCHER keeps open once it has looked at files.  */
static int
usual_descriptors (lr_connection *connection, pid_t dispatcher)
{
  struct lr_error error;
  struct lr_upload_args upload = UPLOAD (.file = in_work ("usual"));
  cr_assert_eq (lr_upload (connection, &upload, &error), 0, "%s", error.message);
  return count_descriptors_of (dispatcher);
}

TEST_ON_LOOP_AS_BOTH (cancel, takes_back_what_has_not_ended)
{
  lr_loop *loop = loop_of_test ();
  struct outcome endless_one, queued, done;
  uint64_t id = submit_endless (connection, &endless_one);
  await_endless (loop, 1);
  cr_expect_eq (lr_cancel (connection, id), 0);
  cr_expect_eq (lr_cancel (connection, id), -1, "twice");
  dispatch_until (loop, &endless_one);
  expect_answer_kind (&endless_one, LR_ERROR_CANCELLED, "a command that runs");
  cr_expect_eq (lr_cancel (connection, id), -1, "after its callback");
  await_endless (loop, 0);
  id = submit_stat (connection, "/", &queued);
  cr_expect_eq (lr_cancel (connection, id), 0);
  dispatch_until (loop, &queued);
  expect_answer_kind (&queued, LR_ERROR_CANCELLED, "one that was not sent yet");
  id = submit_stat (connection, "/", &done);
  dispatch_until (loop, &done);
  expect_success (&done, "stat");
  lr_free (done.result);
  cr_expect_eq (lr_cancel (connection, id), -1, "one that has succeeded");
  cr_expect_eq (lr_cancel (connection, 0), -1);
  cr_expect_eq (lr_cancel (connection, 987654321), -1);
}

TEST_ON_LOOP (cancel, is_too_late_for_what_was_answered_and_not_told)
{
  struct lr_error error;
  struct outcome answer;
  struct lr_run_result *result;
  struct lr_run_args run = RUN (.command = WORDS ("sleep", "0.3"));
  uint64_t id = submit_stat (connection, "/", &answer);
  cr_expect_eq (lr_run (connection, &run, &result, &error), 0);
  lr_free (result);
  cr_expect_eq (lr_cancel (connection, id), -1);
  dispatch_until (loop_of_test (), &answer);
  expect_success (&answer, "stat");
  lr_free (answer.result);
}

TEST_ON_LOOP_AS_BOTH (cancel, of_every_operation_leaves_the_connection_usable)
{
  lr_loop *loop = loop_of_test ();
  pid_t dispatcher = dispatcher_of (connection);
  int descriptors = usual_descriptors (connection, dispatcher);
  int pipe_ends[2];
  cr_assert_eq (pipe2 (pipe_ends, O_CLOEXEC), 0);
  cr_assert_eq (mkfifo (in_work ("fifo"), 0666), 0);
  cr_assert_eq (chmod (in_work ("fifo"), 0666), 0);
  struct lr_run_args run = RUN (.command = ENDLESS);
  struct lr_stat_args stat = STAT (.path = "/");
  struct lr_upload_args upload = UPLOAD (.file = in_work ("up"), .content = { "x", 1 });
  struct lr_download_args download = DOWNLOAD (.file = in_work ("fifo"));
  struct lr_resolve_args name = NAME ();
  struct lr_query_user_args user = USER (.user = "root");
  struct lr_query_group_args group = GROUP (.group = "root");
  struct lr_getenv_args variable = GETENV (.key = "PATH");
  struct lr_put_args put = PUT (.file = in_work ("put"), .descriptor = pipe_ends[0]);
  struct lr_get_args get = GET (.file = in_work ("fifo"), .descriptor = pipe_ends[1]);
  const void *const args[] = { NULL,  &run,  &stat,  &upload,   &download, &name,
                               &name, &user, &group, &variable, &put,      &get };
  struct outcome answers[COUNT (args)];
  for (int turn = 0; turn < 2; turn++)
    {
      uint64_t ids[COUNT (args)];
      for (size_t i = 0; i < COUNT (args); i++)
        ids[i] =
            submit (connection, (enum lr_operation) (LR_OPERATION_PING + i), args[i], &answers[i]);
      /* In the second turn those that wait for something have begun.  */
      if (turn == 1)
        await_endless (loop, 1);
      for (size_t i = 0; i < COUNT (args); i++)
        if (answers[i].count == 0)
          cr_expect_eq (lr_cancel (connection, ids[i]), 0, "operation %zu", i + 1);
        else
          lr_free (answers[i].result);
      dispatch (loop, 0);
      for (size_t i = 0; i < COUNT (args); i++)
        {
          cr_expect_eq (answers[i].count, 1, "operation %zu", i + 1);
          if (turn == 0)
            expect_answer_kind (&answers[i], LR_ERROR_CANCELLED, "at once");
        }
      expect_answer_kind (&answers[LR_OPERATION_RUN - 1], LR_ERROR_CANCELLED, "run");
      expect_answer_kind (&answers[LR_OPERATION_DOWNLOAD - 1], LR_ERROR_CANCELLED, "download");
      expect_answer_kind (&answers[LR_OPERATION_PUT - 1], LR_ERROR_CANCELLED, "put");
      expect_answer_kind (&answers[LR_OPERATION_GET - 1], LR_ERROR_CANCELLED, "get");
      await_endless (loop, 0);
    }
  close (pipe_ends[0]);
  close (pipe_ends[1]);
  for (int64_t since = now_ms ();
       count_descriptors_of (dispatcher) > descriptors || count_children_of (dispatcher) > 0;
       dispatch (loop, 10))
    cr_assert_lt (now_ms () - since, 10000, "the dispatcher keeps descriptors, or children");
  cr_expect_neq (access (in_work ("put"), F_OK), 0);
}

TEST_ON_LOOP (cancel, of_thousands_is_answered_for_each)
{
  enum
  {
    ALL = 3000,
  };
  static struct outcome answers[ALL];
  static uint64_t ids[ALL];
  struct lr_run_args args = RUN (.command = WORDS ("sleep", endless ()));
  for (int i = 0; i < ALL; i++)
    ids[i] = submit (connection, LR_OPERATION_RUN, &args, &answers[i]);
  for (int i = 0; i < ALL; i++)
    cr_expect_eq (lr_cancel (connection, ids[i]), 0);
  for (int i = 0; i < ALL; i++)
    {
      dispatch_until (loop_of_test (), &answers[i]);
      expect_answer_kind (&answers[i], LR_ERROR_CANCELLED, "one of many");
    }
}

/* With the plain protocol nothing can be taken back: that ends the connection.  */
TEST_ON_LOOP (cancel, ends_a_plain_connection)
{
  lr_loop *loop = loop_of_test ();
  lr_connection *plain = open_on (loop, WORDS ("protocol=plain"));
  struct outcome cancelled, other, after;
  (void) connection;
  uint64_t id = submit_endless (plain, &cancelled);
  submit_ping (plain, &other);
  cr_expect_eq (lr_cancel (plain, id), 0);
  dispatch_until (loop, &cancelled);
  expect_answer_kind (&cancelled, LR_ERROR_CANCELLED, "cancelled");
  dispatch_until (loop, &other);
  expect_answer_kind (&other, LR_ERROR_IO, "behind it");
  submit_ping (plain, &after);
  dispatch_until (loop, &after);
  expect_answer_kind (&after, LR_ERROR_IO, "afterwards");
  lr_close (plain);
}

/* ---- timeouts ---- */

TEST_ON_LOOP_AS_BOTH (timeouts, end_every_operation_and_not_the_connection)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  pid_t dispatcher = dispatcher_of (connection);
  int descriptors = usual_descriptors (connection, dispatcher);
  int pipe_ends[2];
  cr_assert_eq (pipe2 (pipe_ends, O_CLOEXEC), 0);
  cr_assert_eq (mkfifo (in_work ("fifo"), 0666), 0);
  cr_assert_eq (chmod (in_work ("fifo"), 0666), 0);
  struct lr_ping_args ping = LR_PING_ARGS (.timeout_ms = 100);
  struct outcome ping_answer;
  struct lr_stat_args stat = STAT (.path = "/", .timeout_ms = 100);
  struct lr_upload_args upload =
      UPLOAD (.file = in_work ("up"), .content = { "x", 1 }, .timeout_ms = 100);
  struct lr_download_args download = DOWNLOAD (.file = in_work ("fifo"), .timeout_ms = 100);
  struct lr_resolve_args name = NAME (.timeout_ms = 100);
  struct lr_query_user_args user = USER (.user = "root", .timeout_ms = 100);
  struct lr_query_group_args group = GROUP (.group = "root", .timeout_ms = 100);
  struct lr_getenv_args variable = GETENV (.key = "PATH", .timeout_ms = 100);
  struct lr_put_args put =
      PUT (.file = in_work ("put"), .descriptor = pipe_ends[0], .timeout_ms = 100);
  struct lr_get_args get =
      GET (.file = in_work ("fifo"), .descriptor = pipe_ends[1], .timeout_ms = 100);
  const void *const args[] = { &stat, &upload, &download, &name, &name,
                               &user, &group,  &variable, &put,  &get };
  struct outcome answers[COUNT (args)];
  kill (dispatcher, SIGSTOP);
  for (size_t i = 0; i < COUNT (args); i++)
    submit (connection, (enum lr_operation) (LR_OPERATION_STAT + i), args[i], &answers[i]);
  for (size_t i = 0; i < COUNT (args); i++)
    {
      dispatch_until (loop, &answers[i]);
      expect_answer_kind (&answers[i], LR_ERROR_TIMEOUT, "submitted");
    }
  submit (connection, LR_OPERATION_PING, &ping, &ping_answer);
  dispatch_until (loop, &ping_answer);
  expect_answer_kind (&ping_answer, LR_ERROR_TIMEOUT, "ping");
  /* And waited for.  */
  struct lr_stat_result *stat_result;
  cr_expect_eq (lr_stat (connection, &stat, &stat_result, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  cr_expect_null (stat_result);
  kill (dispatcher, SIGCONT);
  cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);
  /* Those that would wait for ever, with a dispatcher that is well.  */
  static const enum lr_operation lasting[] = { LR_OPERATION_DOWNLOAD, LR_OPERATION_PUT,
                                               LR_OPERATION_GET };
  for (size_t i = 0; i < COUNT (lasting); i++)
    {
      submit (connection, lasting[i], args[lasting[i] - LR_OPERATION_STAT], &answers[i]);
      dispatch_until (loop, &answers[i]);
      expect_answer_kind (&answers[i], LR_ERROR_TIMEOUT, "lasting");
    }
  cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);
  for (int64_t since = now_ms (); count_descriptors_of (dispatcher) > descriptors;
       dispatch (loop, 10))
    cr_assert_lt (now_ms () - since, 10000, "the dispatcher keeps descriptors");
  cr_expect_neq (access (in_work ("put"), F_OK), 0);
  close (pipe_ends[0]);
  close (pipe_ends[1]);
}

TEST_ON_LOOP_AS_BOTH (timeouts, end_commands_and_what_they_have_started)
{
  lr_loop *loop = loop_of_test ();
  struct outcome obedient, stubborn;
  char script[128];
  struct lr_run_args args = RUN (.command = ENDLESS, .timeout_ms = 100);
  int64_t since = now_ms ();
  submit (connection, LR_OPERATION_RUN, &args, &obedient);
  dispatch_until (loop, &obedient);
  expect_answer_kind (&obedient, LR_ERROR_TIMEOUT, "a command");
  cr_expect_lt (now_ms () - since, 4000);
  snprintf (script, sizeof script, "trap '' TERM; sleep %s & sleep %s", endless (), endless ());
  args = RUN (.command = SHELL (script), .timeout_ms = 100);
  since = now_ms ();
  submit (connection, LR_OPERATION_RUN, &args, &stubborn);
  dispatch_until (loop, &stubborn);
  expect_answer_kind (&stubborn, LR_ERROR_TIMEOUT, "a command that ignores SIGTERM");
  cr_expect_geq (now_ms () - since, 5000);
  await_endless (loop, 0);
}

TEST_ON_LOOP (timeouts, that_are_not_reached_change_nothing)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  struct lr_run_args args = RUN (.command = WORDS ("echo", "done"), .timeout_ms = LR_NEVER);
  submit (connection, LR_OPERATION_RUN, &args, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "for ever");
  lr_free (answer.result);
  /* With what the far side has to end the command in, it is more than can be counted.  */
  args.timeout_ms = LR_NEVER - 6999;
  args.command = WORDS ("sleep", "0.3");
  submit (connection, LR_OPERATION_RUN, &args, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "almost for ever");
  lr_free (answer.result);
  args.timeout_ms = 100;
  args.command = WORDS ("true");
  submit (connection, LR_OPERATION_RUN, &args, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "in time");
  lr_free (answer.result);
  dispatch_for (loop, 150);
}

/* ---- what the system refuses ---- */

TEST_ON_LOOP (descriptor, goes_on_where_nothing_more_can_be_watched)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  int ends[2];
  cr_assert_eq (pipe2 (ends, O_CLOEXEC), 0);
  struct lr_put_args put =
      PUT (.file = in_work ("put"), .descriptor = ends[0], .timeout_ms = 20000);
  struct lr_stat_args stat_args = STAT (.path = in_work ("put"));
  submit (connection, LR_OPERATION_PUT, &put, &answer);
  nothing_more_is_watched = true;
  dispatch_for (loop, 50);
  cr_expect_eq (answer.count, 0);
  cr_assert_eq (write (ends[1], "content", 7), 7);
  dispatch_for (loop, 50);
  cr_expect_eq (answer.count, 0);
  close (ends[1]);
  dispatch_until (loop, &answer);
  expect_success (&answer, "put");
  lr_free (answer.result);
  nothing_more_is_watched = false;
  submit (connection, LR_OPERATION_STAT, &stat_args, &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "stat");
  cr_expect_eq (((struct lr_stat_result *) answer.result)->size, 7);
  lr_free (answer.result);
  close (ends[0]);
}

/* ---- closing ---- */

TEST_ON_LOOP_AS_BOTH (closing, answers_everything_that_is_pending)
{
  enum
  {
    ALL = 50,
  };
  static struct outcome answers[ALL];
  lr_loop *loop = loop_of_test ();
  lr_connection *other = open_on (loop, NULL);
  (void) connection;
  for (int i = 0; i < ALL; i++)
    submit_endless (other, &answers[i]);
  await_endless (loop, ALL);
  lr_close (other);
  dispatch (loop, 0);
  for (int i = 0; i < ALL; i++)
    {
      expect_answer_kind (&answers[i], LR_ERROR_CANCELLED, "closed");
      cr_expect (i == 0 || answers[i].order > answers[i - 1].order, "out of order");
      cr_expect_neq (answers[i].error.host[0], '\0');
    }
  await_endless (loop, 0);
}

/* One that takes its time to end doesn't hold up the others.  */
TEST_ON_LOOP (closing, does_not_wait)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome pending;
  lr_connection *other = open_on (loop, NULL);
  pid_t dispatcher = dispatcher_of (other);
  submit_endless (other, &pending);
  kill (dispatcher, SIGSTOP);
  int64_t since = now_ms ();
  lr_close (other);
  cr_expect_eq (lr_ping (connection, &error), 0);
  cr_expect_lt (now_ms () - since, 2000);
  dispatch_until (loop, &pending);
  expect_answer_kind (&pending, LR_ERROR_CANCELLED, "closed");
  kill (dispatcher, SIGCONT);
  for (; is_running (dispatcher); dispatch (loop, 10))
    cr_assert_lt (now_ms () - since, 20000, "the dispatcher goes on");
}

/* ---- opening ---- */

TEST_ON_LOOP_AS_BOTH (opening, is_told_and_what_was_submitted_goes)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome opened = { .count = 0 }, pings[10], stat;
  lr_connection *other;
  (void) connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = local_url (), .loop = loop);
  cr_assert_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), 0, "%s",
                error.message);
  for (size_t i = 0; i < COUNT (pings); i++)
    submit_ping (other, &pings[i]);
  submit_stat (other, "/", &stat);
  cr_expect_eq (opened.count, 0);
  dispatch_until (loop, &stat);
  expect_success (&opened, "opening");
  cr_expect_null (opened.result);
  expect_success (&stat, "queued before");
  lr_free (stat.result);
  for (size_t i = 0; i < COUNT (pings); i++)
    {
      expect_success (&pings[i], "queued before");
      cr_expect_gt (pings[i].order, opened.order);
    }
  lr_close (other);
}

/* URLs that fail only once somebody tries.  */
static const char *
url_of_program (const char *program)
{
  static char url[600];
  snprintf (url, sizeof url, "local:?dispatcher=%s", program);
  return url;
}

TEST_ON_LOOP (opening, that_fails_is_told_to_all_who_waited)
{
  static const char *const programs[] = { "false", "true",
                                          "sh -c echo%20no%20luck%20>%262;exit%205" };
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  (void) connection;
  for (size_t i = 0; i < COUNT (programs); i++)
    {
      struct outcome opened = { .count = 0 }, ping, late;
      lr_connection *other;
      struct lr_open_args args = LR_OPEN_ARGS (.url = url_of_program (programs[i]), .loop = loop);
      cr_assert_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), 0);
      submit_ping (other, &ping);
      dispatch_until (loop, &opened);
      expect_answer_kind (&opened, LR_ERROR_IO, programs[i]);
      cr_expect (i != 2 || strstr (opened.error.message, "no luck") != NULL, "%s",
                 opened.error.message);
      dispatch_until (loop, &ping);
      expect_answer_kind (&ping, LR_ERROR_IO, programs[i]);
      submit_ping (other, &late);
      dispatch_until (loop, &late);
      expect_answer_kind (&late, LR_ERROR_IO, "afterwards");
      cr_expect_eq (lr_ping (other, &error), -1);
      lr_close (other);
    }
}

TEST_ON_LOOP (opening, that_can_not_be_tried_has_no_callback)
{
  struct lr_error error;
  struct outcome opened = { .count = 0 };
  lr_loop *loop = loop_of_test ();
  lr_connection *other = connection;
  struct
  {
    const char *url, *field;
    enum lr_error_kind kind;
  } const cases[] = {
    { NULL, "url", LR_ERROR_INVALID_VALUE },
    { "local:?nothing=1", "nothing", LR_ERROR_INVALID_VALUE },
    { "no-such-schema:x", "", LR_ERROR_NO_CONNECTOR },
    { "local:?dispatcher=/nothing/here", "", LR_ERROR_IO },
  };
  for (size_t i = 0; i < COUNT (cases); i++)
    {
      struct lr_open_args args = LR_OPEN_ARGS (.url = cases[i].url, .loop = loop);
      cr_expect_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), -1,
                    "case %zu", i);
      cr_expect_null (other);
      cr_expect_eq (error.kind, cases[i].kind, "case %zu: %s", i, error.message);
      cr_expect_str_eq (error.field, cases[i].field);
    }
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:");
  cr_expect_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), -1);
  cr_expect_str_eq (error.field, "loop");
  args.loop = loop;
  cr_expect_eq (lr_submit_open (NULL, &args, NULL, NULL, &other, &error), -1);
  cr_expect_str_eq (error.field, "callback");
  dispatch_for (loop, 50);
  cr_expect_eq (opened.count, 0);
}

TEST_ON_LOOP (opening, that_is_closed_early_is_cancelled)
{
  static const char *const options[][2] = { { "protocol=session", NULL },
                                            { "protocol=plain", NULL } };
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  (void) connection;
  for (size_t i = 0; i < COUNT (options) * 2; i++)
    {
      struct outcome opened = { .count = 0 }, ping, endless_one;
      lr_connection *other;
      struct lr_open_args args =
          LR_OPEN_ARGS (.url = i < 2 ? url_of_program ("sh -c exec%20sleep%2086400") : "local:",
                        .loop = loop, .options = options[i % 2]);
      cr_assert_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), 0);
      submit_ping (other, &ping);
      submit_endless (other, &endless_one);
      lr_close (other);
      dispatch_until (loop, &endless_one);
      expect_answer_kind (&opened, LR_ERROR_CANCELLED, "opening");
      expect_answer_kind (&ping, LR_ERROR_CANCELLED, "ping");
      expect_answer_kind (&endless_one, LR_ERROR_CANCELLED, "run");
      cr_expect_lt (opened.count, 2);
    }
}

TEST_ON_LOOP (opening, has_a_time_limit)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome opened = { .count = 0 }, ping;
  lr_connection *other;
  (void) connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url_of_program ("sh -c exec%20sleep%2086400"),
                                           .loop = loop, .timeout_ms = 200);
  int64_t since = now_ms ();
  cr_assert_eq (lr_submit_open (NULL, &args, take_answer, &opened, &other, &error), 0);
  submit_ping (other, &ping);
  dispatch_until (loop, &opened);
  expect_answer_kind (&opened, LR_ERROR_TIMEOUT, "opening");
  dispatch_until (loop, &ping);
  cr_expect_eq (ping.status, -1);
  cr_expect_geq (now_ms () - since, 200);
  cr_expect_lt (now_ms () - since, 4000);
  lr_close (other);
  /* And waited for.  */
  cr_expect_eq (lr_open (NULL, &args, &other, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  cr_expect_null (other);
}

TEST_ON_LOOP (opening, puts_many_on_one_loop)
{
  enum
  {
    ALL = 40,
    EACH = 25,
  };
  static struct outcome opened[ALL], answers[ALL][EACH];
  lr_connection *connections[ALL];
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  (void) connection;
  for (int i = 0; i < ALL; i++)
    {
      struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .loop = loop);
      cr_assert_eq (lr_submit_open (NULL, &args, take_answer, &opened[i], &connections[i], &error),
                    0, "%s", error.message);
      for (int j = 0; j < EACH; j++)
        {
          char number[16];
          snprintf (number, sizeof number, "%d", i * EACH + j);
          struct lr_run_args run = RUN (.command = WORDS ("echo", "-n", number));
          submit (connections[i], LR_OPERATION_RUN, &run, &answers[i][j]);
        }
    }
  for (int i = 0; i < ALL; i++)
    for (int j = 0; j < EACH; j++)
      {
        dispatch_until (loop, &answers[i][j]);
        expect_success (&answers[i][j], "one of many");
        const struct lr_run_result *result = answers[i][j].result;
        cr_assert_not_null (result);
        cr_expect_eq (strtol (result->stdout_bytes.data, NULL, 10), i * EACH + j);
        lr_free (answers[i][j].result);
      }
  for (int i = 0; i < ALL; i++)
    {
      expect_success (&opened[i], "opening");
      lr_close (connections[i]);
    }
}

TEST_ON_LOOP (opening, fails_alone)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome pending, fine;
  lr_connection *other = open_on (loop, NULL);
  submit_endless (other, &pending);
  kill (dispatcher_of (other), SIGKILL);
  dispatch_until (loop, &pending);
  expect_answer_kind (&pending, LR_ERROR_IO, "killed");
  submit_stat (connection, "/", &fine);
  dispatch_until (loop, &fine);
  expect_success (&fine, "the other");
  lr_free (fine.result);
  cr_expect_eq (lr_ping (other, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  lr_close (other);
  end_endless ();
}

/* ---- the descriptor ---- */

static bool
is_readable (int fd, int timeout)
{
  struct pollfd entry = { .fd = fd, .events = POLLIN };
  return poll (&entry, 1, timeout) > 0 && (entry.revents & POLLIN) != 0;
}

/* Run LOOP inside a loop of our own until ANSWER has come.  Returns how often it woke up.  */
static int
embed_until (lr_loop *loop, const struct outcome *answer)
{
  int fd = lr_loop_descriptor (loop), turns = 0;
  for (int64_t since = now_ms (); answer->count == 0; turns++)
    {
      cr_assert (is_readable (fd, 20000), "nothing to do, and no answer");
      dispatch (loop, 0);
      cr_assert_lt (now_ms () - since, 20000);
    }
  return turns;
}

/* How often it becomes readable in a while in which nothing happens.  */
static int
count_wakings (lr_loop *loop, int milliseconds)
{
  int fd = lr_loop_descriptor (loop), count = 0;
  for (int64_t end = now_ms () + milliseconds, left; (left = end - now_ms ()) > 0;)
    if (is_readable (fd, (int) left))
      {
        count++;
        dispatch (loop, 0);
      }
  return count;
}

/* Take what is still to come.  */
static void
settle (lr_loop *loop)
{
  for (int i = 0; i < 50 && count_wakings (loop, 50) > 0; i++)
    continue;
}

TEST_ON_LOOP_AS_BOTH (descriptor, works_inside_another_loop)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  int fd = lr_loop_descriptor (loop);
  cr_expect_eq (fd, lr_loop_descriptor (loop), "it stays the same");
  cr_expect_neq (fcntl (fd, F_GETFD) & FD_CLOEXEC, 0);
  struct lr_run_args run = RUN (.command = WORDS ("sleep", "0.2"));
  submit (connection, LR_OPERATION_RUN, &run, &answer);
  cr_expect (is_readable (fd, 0), "something was submitted");
  int turns = embed_until (loop, &answer);
  expect_success (&answer, "run");
  lr_free (answer.result);
  cr_expect_lt (turns, 20, "it woke up %d times", turns);
  cr_expect_leq (count_wakings (loop, 300), 2, "it is busy when there is nothing to do");
}

TEST_ON_LOOP (descriptor, wakes_for_timers)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer, second;
  pid_t dispatcher = dispatcher_of (connection);
  kill (dispatcher, SIGSTOP);
  lr_loop_descriptor (loop);
  struct lr_stat_args stat = STAT (.path = "/", .timeout_ms = 600);
  submit (connection, LR_OPERATION_STAT, &stat, &second);
  stat.timeout_ms = 300;
  int64_t since = now_ms ();
  submit (connection, LR_OPERATION_STAT, &stat, &answer);
  int turns = embed_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_TIMEOUT, "stat");
  cr_expect_geq (now_ms () - since, 300);
  cr_expect_lt (now_ms () - since, 590);
  turns += embed_until (loop, &second);
  expect_answer_kind (&second, LR_ERROR_TIMEOUT, "stat");
  cr_expect_geq (now_ms () - since, 600);
  cr_expect_lt (turns, 20, "it woke up %d times", turns);
  kill (dispatcher, SIGCONT);
}

TEST_ON_LOOP (descriptor, wakes_for_what_cancel_and_close_have_to_tell)
{
  lr_loop *loop = loop_of_test ();
  struct outcome cancelled, closed;
  lr_connection *other = open_on (loop, NULL);
  int fd = lr_loop_descriptor (loop);
  uint64_t id = submit_endless (connection, &cancelled);
  submit_endless (other, &closed);
  await_endless (loop, 2);
  settle (loop);
  cr_expect_not (is_readable (fd, 0));
  cr_expect_eq (lr_cancel (connection, id), 0);
  cr_expect (is_readable (fd, 0), "after lr_cancel");
  embed_until (loop, &cancelled);
  await_endless (loop, 1);
  settle (loop);
  cr_expect_not (is_readable (fd, 0));
  lr_close (other);
  cr_expect (is_readable (fd, 0), "after lr_close");
  embed_until (loop, &closed);
}

/* What was answered while something else was waited for is still to be told.  */
TEST_ON_LOOP (descriptor, wakes_for_what_a_blocking_call_has_left)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct lr_run_result *result;
  struct outcome answer;
  int fd = lr_loop_descriptor (loop);
  struct lr_run_args run = RUN (.command = WORDS ("sleep", "0.2"));
  submit_ping (connection, &answer);
  cr_assert_eq (lr_run (connection, &run, &result, &error), 0);
  lr_free (result);
  cr_expect_eq (answer.count, 0);
  cr_expect (is_readable (fd, 0), "there is an answer to tell");
  dispatch (loop, 0);
  expect_success (&answer, "ping");
  count_wakings (loop, 50);
  cr_expect_not (is_readable (fd, 0));
}

TEST_ON_LOOP (descriptor, wakes_while_a_regular_file_is_read)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer;
  size_t size = 3000000;
  char *noise = make_noise (size, 1);
  write_file (path_in ("local"), noise, size, 0644);
  int fd = open (path_in ("local"), O_RDONLY | O_CLOEXEC);
  struct lr_put_args put = PUT (.file = in_work ("put"), .descriptor = fd);
  lr_loop_descriptor (loop);
  submit (connection, LR_OPERATION_PUT, &put, &answer);
  embed_until (loop, &answer);
  expect_success (&answer, "put");
  lr_free (answer.result);
  close (fd);
  fd = open (path_in ("got"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct lr_get_args get = GET (.file = in_work ("put"), .descriptor = fd);
  submit (connection, LR_OPERATION_GET, &get, &answer);
  embed_until (loop, &answer);
  expect_success (&answer, "get");
  lr_free (answer.result);
  close (fd);
  char *got = read_file (path_in ("got"), &size);
  cr_expect_eq (size, 3000000);
  cr_expect_eq (memcmp (got, noise, size), 0);
  free (got);
  free (noise);
  cr_expect_leq (count_wakings (loop, 200), 2, "it is busy when there is nothing to do");
}

/* ---- lr_loop_wake ---- */

static void *
wake_later (void *loop)
{
  poll (NULL, 0, 100);
  lr_loop_wake (loop);
  return NULL;
}

static lr_loop *loop_to_wake;

static void
wake_in_handler (int signal)
{
  (void) signal;
  errno = 4711;
  lr_loop_wake (loop_to_wake);
  cr_expect_eq (errno, 4711);
}

TEST_ON_LOOP (descriptor, can_be_woken)
{
  lr_loop *loop = loop_of_test ();
  pthread_t thread;
  (void) connection;
  /* Before.  */
  lr_loop_wake (loop);
  lr_loop_wake (loop);
  int64_t since = now_ms ();
  cr_expect_eq (dispatch (loop, 20000), 0);
  cr_expect_lt (now_ms () - since, 10000, "the one that comes next returns at once");
  since = now_ms ();
  cr_expect_eq (dispatch (loop, 50), 0);
  cr_expect_geq (now_ms () - since, 49, "and only that one");
  /* By another thread.  */
  cr_assert_eq (pthread_create (&thread, NULL, wake_later, loop), 0);
  since = now_ms ();
  dispatch (loop, LR_NEVER);
  cr_expect_geq (now_ms () - since, 90);
  pthread_join (thread, NULL);
  /* By a signal handler.  */
  struct sigaction action = { .sa_handler = wake_in_handler, .sa_flags = SA_RESTART };
  struct itimerval soon = { .it_value = { .tv_usec = 100000 } };
  loop_to_wake = loop;
  sigaction (SIGALRM, &action, NULL);
  setitimer (ITIMER_REAL, &soon, NULL);
  dispatch (loop, LR_NEVER);
  /* Through the descriptor.  */
  int fd = lr_loop_descriptor (loop);
  count_wakings (loop, 20);
  cr_expect_not (is_readable (fd, 0));
  lr_loop_wake (loop);
  cr_expect (is_readable (fd, 0));
  dispatch (loop, 0);
  cr_expect_not (is_readable (fd, 0));
}

/* A blocking call in between is not what was to be woken.  */
TEST_ON_LOOP (descriptor, is_still_woken_behind_a_blocking_call)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  lr_loop_wake (loop);
  cr_expect_eq (lr_ping (connection, &error), 0);
  int64_t since = now_ms ();
  dispatch (loop, 20000);
  cr_expect_lt (now_ms () - since, 10000);
  int fd = lr_loop_descriptor (loop);
  count_wakings (loop, 20);
  lr_loop_wake (loop);
  cr_expect_eq (lr_ping (connection, &error), 0);
  cr_expect (is_readable (fd, 0));
}

/* ---- signs of life ---- */

static lr_connection *
open_watchful (lr_loop *loop, uint64_t keep_alive)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = "local:", .loop = loop, .keep_alive_ms = keep_alive);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  return connection;
}

TEST_ON_LOOP (life, is_missed_after_a_silence)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome endless_one, ping;
  lr_connection *other = open_watchful (loop, 300);
  pid_t dispatcher = dispatcher_of (other);
  (void) connection;
  submit_endless (other, &endless_one);
  await_endless (loop, 1);
  dispatch_for (loop, 1500);
  cr_expect_eq (endless_one.count, 0, "a dispatcher with nothing to say is alive");
  int64_t since = now_ms ();
  kill (dispatcher, SIGSTOP);
  submit_ping (other, &ping);
  dispatch_until (loop, &endless_one);
  expect_answer_kind (&endless_one, LR_ERROR_IO, "run");
  cr_expect_eq (endless_one.error.errnum, ETIMEDOUT);
  dispatch_until (loop, &ping);
  expect_answer_kind (&ping, LR_ERROR_IO, "ping");
  cr_expect_geq (now_ms () - since, 300);
  cr_expect_lt (now_ms () - since, 5000);
  cr_expect_eq (lr_ping (other, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_eq (error.errnum, ETIMEDOUT);
  lr_close (other);
  wait_until_gone (dispatcher);
  end_endless ();
}

/* Who goes on asking gets no sign of life by that.  */
TEST_ON_LOOP (life, is_missed_also_while_requests_are_sent)
{
  lr_loop *loop = loop_of_test ();
  struct outcome first, more[100];
  lr_connection *other = open_watchful (loop, 300);
  (void) connection;
  kill (dispatcher_of (other), SIGSTOP);
  int64_t since = now_ms ();
  submit_ping (other, &first);
  size_t i = 0;
  for (; i < COUNT (more) && first.count == 0; i++)
    {
      submit_ping (other, &more[i]);
      dispatch_for (loop, 100);
    }
  expect_answer_kind (&first, LR_ERROR_IO, "ping");
  cr_expect_eq (first.error.errnum, ETIMEDOUT);
  cr_expect_lt (now_ms () - since, 6000);
  lr_close (other);
  while (i-- > 0)
    dispatch_until (loop, &more[i]);
}

TEST_ON_LOOP (life, ends_a_blocking_call_too)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  lr_connection *other = open_watchful (loop, 200);
  (void) connection;
  kill (dispatcher_of (other), SIGSTOP);
  int64_t since = now_ms ();
  cr_expect_eq (lr_ping (other, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_eq (error.errnum, ETIMEDOUT);
  cr_expect_lt (now_ms () - since, 5000);
  lr_close (other);
}

TEST_ON_LOOP (life, is_not_asked_for_if_that_is_not_wanted)
{
  lr_loop *loop = loop_of_test ();
  struct lr_error error;
  struct outcome ping;
  lr_connection *other = open_watchful (loop, LR_NEVER);
  pid_t dispatcher = dispatcher_of (other);
  (void) connection;
  kill (dispatcher, SIGSTOP);
  submit_ping (other, &ping);
  dispatch_for (loop, 1000);
  cr_expect_eq (ping.count, 0);
  kill (dispatcher, SIGCONT);
  dispatch_until (loop, &ping);
  expect_success (&ping, "ping");
  cr_expect_eq (lr_ping (other, &error), 0);
  lr_close (other);
}

/* A client with a lease that falls silent loses its dispatcher, and what that runs.  */
Test (life, ends_with_the_lease, .init = begin_work, .fini = end_work)
{
  int ends[2];
  pid_t dispatcher;
  char text[32];
  snprintf (text, sizeof text, "%s", endless ());
  cr_assert_eq (pipe2 (ends, O_CLOEXEC), 0);
  pid_t child = fork ();
  cr_assert_geq (child, 0);
  if (child == 0)
    {
      lr_connection *connection;
      struct lr_run_result *result;
      struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .lease = 1, .keep_alive_ms = 300);
      struct lr_run_args run = RUN (.command = WORDS ("sleep", text));
      if (lr_open (NULL, &args, &connection, NULL) != 0)
        _exit (1);
      dispatcher = dispatcher_of (connection);
      if (write (ends[1], &dispatcher, sizeof dispatcher) != sizeof dispatcher)
        _exit (2);
      lr_run (connection, &run, &result, NULL);
      _exit (3);
    }
  cr_assert_eq (read (ends[0], &dispatcher, sizeof dispatcher), (ssize_t) sizeof dispatcher);
  wait_for_processes (text, 1);
  /* As long as the client is well, so is its dispatcher.  */
  poll (NULL, 0, 2500);
  cr_expect (is_running (dispatcher), "a lease that was kept has ended");
  kill (child, SIGSTOP);
  int64_t since = now_ms ();
  wait_until_gone (dispatcher);
  cr_expect_lt (now_ms () - since, 12000);
  wait_for_processes (text, 0);
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  close (ends[0]);
  close (ends[1]);
}

/* Who only listens is well.  */
Test (life, a_lease_is_kept_while_there_is_only_something_to_hear)
{
  lr_connection *connection;
  struct lr_run_result *result;
  struct lr_error error;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .lease = 1);
  struct lr_run_args run =
      RUN (.command = WORDS (
               "sh", "-c", "i=0; while [ $i -lt 20 ]; do echo $i; i=$((i + 1)); sleep 0.1; done"));
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  cr_expect_eq (lr_run (connection, &run, &result, &error), 0, "%s", error.message);
  lr_free (result);
  lr_close (connection);
}

/* ---- a connector's own operations ---- */

static struct
{
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t thread, loop_thread;
  bool released, begun;
  int next, order_errors, thread_errors, opened, closed, cancelled_seen;
} own = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* All in one thread, which is not the loop's.  */
static void
check_thread (void)
{
  if (own.opened == 0 && !own.begun)
    own.thread = pthread_self ();
  own.thread_errors += !pthread_equal (pthread_self (), own.thread)
                       || pthread_equal (pthread_self (), own.loop_thread);
}

static void
own_open (lr_call *call)
{
  check_thread ();
  own.opened++;
  lr_reply_done (call);
}

static void
own_close (lr_call *call)
{
  check_thread ();
  own.closed++;
  lr_reply_done (call);
}

static void
own_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  check_thread ();
  own.order_errors += (int) strtol (args->key, NULL, 10) != own.next++;
  lr_reply_value (call, args->key);
}

/* Waits until it is released, or until nobody wants it any more.  */
static void
own_stat (lr_call *call, const struct lr_stat_args *args)
{
  check_thread ();
  pthread_mutex_lock (&own.lock);
  own.begun = true;
  pthread_cond_broadcast (&own.changed);
  bool patient = strcmp (args->path, "/patient") == 0;
  while (!own.released && (patient || !lr_call_cancelled (call)))
    {
      struct timespec soon;
      clock_gettime (CLOCK_REALTIME, &soon);
      soon.tv_nsec += 5000000;
      soon.tv_sec += soon.tv_nsec / 1000000000;
      soon.tv_nsec %= 1000000000;
      pthread_cond_timedwait (&own.changed, &own.lock, &soon);
    }
  own.cancelled_seen += lr_call_cancelled (call);
  pthread_mutex_unlock (&own.lock);
  lr_reply_stat (call, NULL);
}

/* What the caller sends comes back.  */
static void
own_run (lr_call *call, const struct lr_run_args *args)
{
  char buffer[1000];
  size_t got;
  (void) args;
  check_thread ();
  while ((got = lr_call_read (call, buffer, sizeof buffer)) > 0)
    lr_call_write (call, LR_STDOUT, buffer, got);
  lr_reply_run (call, 0);
}

static const struct lr_connector own_connector = {
  .size = sizeof (struct lr_connector),
  .abi = LR_ABI,
  .option_size = sizeof (struct lr_option),
  .schema = "own",
  .description = "a connector of the tests",
  .open = own_open,
  .close = own_close,
  .run = own_run,
  .stat = own_stat,
  .getenv = own_getenv,
};

static lr_connection *
open_own (lr_registry **registry)
{
  struct lr_error error;
  lr_connection *connection;
  own.loop_thread = pthread_self ();
  *registry = lr_registry_new ();
  cr_assert_not_null (*registry);
  cr_assert_eq (lr_registry_add_connector (*registry, &own_connector, &error), 0, "%s",
                error.message);
  struct lr_open_args args = LR_OPEN_ARGS (.url = "own:", .loop = loop_of_test ());
  cr_assert_eq (lr_open (*registry, &args, &connection, &error), 0, "%s", error.message);
  return connection;
}

static void
await_own_stat (void)
{
  pthread_mutex_lock (&own.lock);
  while (!own.begun)
    pthread_cond_wait (&own.changed, &own.lock);
  own.begun = false;
  pthread_mutex_unlock (&own.lock);
}

static void
release_own (void)
{
  pthread_mutex_lock (&own.lock);
  own.released = true;
  pthread_cond_broadcast (&own.changed);
  pthread_mutex_unlock (&own.lock);
}

TEST_ON_LOOP (worker, runs_operations_in_order_beside_the_loop)
{
  enum
  {
    ALL = 500,
  };
  static struct outcome answers[ALL];
  lr_loop *loop = loop_of_test ();
  lr_registry *registry;
  lr_connection *own_connection = open_own (&registry);
  struct outcome waiting, ping, run_answer;
  struct lr_error error;
  char *noise = make_noise (1000000, 3);
  struct lr_run_args run = RUN (.command = WORDS ("x"), .input = { noise, 1000000 });
  submit_stat (own_connection, "/patient", &waiting);
  await_own_stat ();
  for (int i = 0; i < ALL; i++)
    {
      char number[16];
      snprintf (number, sizeof number, "%d", i);
      struct lr_getenv_args args = GETENV (.key = number);
      submit (own_connection, LR_OPERATION_GETENV, &args, &answers[i]);
    }
  submit (own_connection, LR_OPERATION_RUN, &run, &run_answer);
  /* Another connection goes on meanwhile.  */
  cr_expect_eq (lr_ping (connection, &error), 0);
  submit_ping (connection, &ping);
  dispatch_until (loop, &ping);
  cr_expect_eq (waiting.count + answers[0].count, 0);
  release_own ();
  dispatch_until (loop, &run_answer);
  expect_success (&waiting, "stat");
  for (int i = 0; i < ALL; i++)
    {
      expect_success (&answers[i], "getenv");
      cr_expect_eq (strtol (answers[i].result, NULL, 10), i);
      lr_free (answers[i].result);
    }
  expect_success (&run_answer, "run");
  const struct lr_run_result *result = run_answer.result;
  cr_expect_eq (result->stdout_bytes.size, 1000000);
  cr_expect_eq (memcmp (result->stdout_bytes.data, noise, 1000000), 0);
  lr_free (run_answer.result);
  lr_close (own_connection);
  lr_registry_free (registry);
  free (noise);
  cr_expect_eq (own.order_errors, 0);
  cr_expect_eq (own.thread_errors, 0);
  cr_expect_eq (own.opened, 1);
}

TEST_ON_LOOP (worker, sees_that_a_call_was_cancelled)
{
  lr_loop *loop = loop_of_test ();
  lr_registry *registry;
  lr_connection *own_connection = open_own (&registry);
  struct outcome running, queued, late, behind;
  (void) connection;
  struct lr_stat_args args = STAT (.path = "/impatient", .timeout_ms = 100);
  struct lr_getenv_args behind_args = GETENV (.key = "0"), queued_args = GETENV (.key = "99");
  uint64_t id = submit_stat (own_connection, "/impatient", &running);
  await_own_stat ();
  uint64_t queued_id = submit (own_connection, LR_OPERATION_GETENV, &queued_args, &queued);
  cr_expect_eq (lr_cancel (own_connection, queued_id), 0);
  cr_expect_eq (lr_cancel (own_connection, id), 0);
  dispatch (loop, 0);
  expect_answer_kind (&running, LR_ERROR_CANCELLED, "one that runs");
  expect_answer_kind (&queued, LR_ERROR_CANCELLED, "one that waits");
  submit (own_connection, LR_OPERATION_STAT, &args, &late);
  submit (own_connection, LR_OPERATION_GETENV, &behind_args, &behind);
  dispatch_until (loop, &late);
  expect_answer_kind (&late, LR_ERROR_TIMEOUT, "late");
  dispatch_until (loop, &behind);
  expect_success (&behind, "behind it");
  lr_free (behind.result);
  cr_expect_eq (own.cancelled_seen, 2);
  cr_expect_eq (own.order_errors, 0, "what was cancelled in time is not called");
  lr_close (own_connection);
  lr_registry_free (registry);
}

static void
wrap_as_it_is (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

/* It inherits all but this one.  */
static const struct lr_connector half_own_connector = {
  .size = sizeof (struct lr_connector),
  .abi = LR_ABI,
  .option_size = sizeof (struct lr_option),
  .schema = "half",
  .description = "a connector of the tests",
  .flags = LR_SAME_SYSTEM,
  .wrap = wrap_as_it_is,
  .stat = own_stat,
};

TEST_ON_LOOP (worker, that_is_busy_does_not_keep_the_dispatcher)
{
  (void) connection;
  lr_loop *loop = loop_of_test ();
  lr_registry *registry = lr_registry_new ();
  lr_connection *half;
  struct outcome waiting;
  struct lr_error error;
  struct lr_open_args open = LR_OPEN_ARGS (.url = "half:", .loop = loop);
  own.loop_thread = pthread_self ();
  cr_assert_eq (lr_registry_add_connector (registry, &half_own_connector, &error), 0, "%s",
                error.message);
  cr_assert_eq (lr_open (registry, &open, &half, &error), 0, "%s", error.message);
  lr_registry_free (registry);
  submit_stat (half, "/patient", &waiting);
  await_own_stat ();
  int children = count_children ();
  lr_close (half);
  for (int64_t since = now_ms (); count_children () == children;)
    {
      dispatch_for (loop, 10);
      wait_a_moment (since, "the dispatcher ends");
    }
  release_own ();
}

static void *
release_later (void *unused)
{
  (void) unused;
  poll (NULL, 0, 200);
  release_own ();
  return NULL;
}

Test (worker, is_waited_for_when_the_loop_is_freed, .init = begin_work, .fini = end_work)
{
  struct lr_error error;
  pthread_t thread;
  lr_loop *loop;
  lr_registry *registry = lr_registry_new ();
  lr_connection *own_connection;
  int calls = 0;
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  struct lr_open_args open = LR_OPEN_ARGS (.url = "own:", .loop = loop);
  struct lr_stat_args args = STAT (.path = "/patient");
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &args);
  cr_assert_eq (lr_registry_add_connector (registry, &own_connector, &error), 0);
  own.loop_thread = pthread_self ();
  cr_assert_eq (lr_open (registry, &open, &own_connection, &error), 0, "%s", error.message);
  cr_assert_eq (lr_submit (own_connection, &request, count_call, &calls, NULL, &error), 0);
  await_own_stat ();
  cr_assert_eq (pthread_create (&thread, NULL, release_later, NULL), 0);
  int64_t since = now_ms ();
  lr_close (own_connection);
  cr_expect_lt (now_ms () - since, 190, "closing waits");
  lr_loop_free (loop);
  cr_expect_geq (now_ms () - since, 190, "the function is still under way");
  cr_expect_eq (own.closed, 1);
  cr_expect_eq (own.thread_errors, 0);
  cr_expect_eq (calls, 1);
  pthread_join (thread, NULL);
  lr_registry_free (registry);
}

TEST_AS_SELF (submitted, needs_a_loop_of_the_programs)
{
  struct lr_error error;
  struct outcome answer = { .count = 0 };
  struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_PING);
  cr_expect_eq (lr_submit (connection, &request, take_answer, &answer, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_str_eq (error.field, "loop");
  close_early ();
  cr_expect_eq (answer.count, 0);
}

TEST_ON_LOOP (worker, closes_what_it_has_opened_when_the_loop_ends)
{
  lr_registry *registry;
  lr_connection *own_connection = open_own (&registry);
  struct outcome stat;
  (void) connection;
  submit_stat (own_connection, "/impatient", &stat);
  await_own_stat ();
  int64_t since = now_ms ();
  lr_close (own_connection);
  dispatch_until (loop_of_test (), &stat);
  cr_expect_lt (now_ms () - since, 5000);
  expect_answer_kind (&stat, LR_ERROR_CANCELLED, "closed");
  while (own.closed == 0)
    dispatch (loop_of_test (), 10);
  cr_expect_eq (own.thread_errors, 0);
  lr_registry_free (registry);
}

/* ---- the application ---- */

static volatile sig_atomic_t signals_seen;

static void
note_signal (int signal)
{
  (void) signal;
  signals_seen++;
}

TEST_ON_LOOP (application, keeps_its_sigpipe)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answers[50];
  struct sigaction action = { .sa_handler = note_signal }, after;
  lr_connection *other = open_on (loop, NULL);
  (void) connection;
  sigaction (SIGPIPE, &action, NULL);
  kill (dispatcher_of (other), SIGKILL);
  for (size_t i = 0; i < COUNT (answers); i++)
    {
      submit_ping (other, &answers[i]);
      dispatch (loop, 0);
    }
  for (size_t i = 0; i < COUNT (answers); i++)
    {
      dispatch_until (loop, &answers[i]);
      expect_answer_kind (&answers[i], LR_ERROR_IO, "ping");
    }
  lr_close (other);
  sigset_t pending, blocked;
  sigpending (&pending);
  pthread_sigmask (SIG_BLOCK, NULL, &blocked);
  cr_expect_eq (signals_seen, 0);
  cr_expect_not (sigismember (&pending, SIGPIPE));
  cr_expect_not (sigismember (&blocked, SIGPIPE));
  sigaction (SIGPIPE, NULL, &after);
  cr_expect_eq (after.sa_handler, note_signal);
}

TEST_ON_LOOP (application, may_ignore_its_children)
{
  lr_loop *loop = loop_of_test ();
  struct outcome answer, broken;
  struct lr_error error;
  (void) connection;
  signal (SIGCHLD, SIG_IGN);
  lr_connection *other = open_on (loop, NULL), *killed = open_on (loop, NULL);
  submit_stat (other, "/", &answer);
  dispatch_until (loop, &answer);
  expect_success (&answer, "stat");
  lr_free (answer.result);
  pid_t dispatcher = dispatcher_of (killed);
  submit_endless (killed, &broken);
  kill (dispatcher, SIGKILL);
  dispatch_until (loop, &broken);
  expect_answer_kind (&broken, LR_ERROR_IO, "killed");
  end_endless ();
  lr_close (killed);
  dispatcher = dispatcher_of (other);
  lr_close (other);
  int64_t since = now_ms ();
  while (is_running (dispatcher))
    {
      cr_assert_lt (now_ms () - since, 20000);
      dispatch (loop, 10);
    }
  /* And one with a loop of its own.  */
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:");
  cr_assert_eq (lr_open (NULL, &args, &other, &error), 0);
  since = now_ms ();
  lr_close (other);
  cr_expect_lt (now_ms () - since, 5000);
}

static void *
use_a_loop (void *data)
{
  struct lr_error error;
  lr_loop *loop;
  lr_connection *connection;
  int *good = data, calls = 0;
  if (lr_loop_new (&loop, &error) != 0)
    return NULL;
  struct lr_open_args args = LR_OPEN_ARGS (.url = "local:", .loop = loop);
  if (lr_open (NULL, &args, &connection, &error) == 0)
    {
      struct lr_stat_args stat = STAT (.path = "/");
      struct lr_request request = LR_REQUEST (.operation = LR_OPERATION_STAT, .args = &stat);
      for (int i = 0; i < 500; i++)
        if (lr_submit (connection, &request, count_call, &calls, NULL, &error) != 0)
          break;
      while (calls < 500 && lr_loop_dispatch (loop, 20000, &error) > 0)
        ;
      lr_close (connection);
    }
  lr_loop_free (loop);
  *good = calls == 500;
  return NULL;
}

TEST_ON_LOOP (application, may_have_a_loop_in_each_thread)
{
  pthread_t threads[8];
  int good[8] = { 0 };
  (void) connection;
  for (size_t i = 0; i < COUNT (threads); i++)
    cr_assert_eq (pthread_create (&threads[i], NULL, use_a_loop, &good[i]), 0);
  for (size_t i = 0; i < COUNT (threads); i++)
    {
      pthread_join (threads[i], NULL);
      cr_expect_eq (good[i], 1, "thread %zu", i);
    }
}
