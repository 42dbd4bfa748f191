/* lr_list in pages: that all entries come once, in little memory at both ends, waiting and
   submitted, through one hop and several; and each way in which it can end before they have.  */

#include "tests/support.h"

#include <longreach/connector.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  MANY = 50000,
  PAGE = 1024, /* entries at most, by the manual */
  ROOM = 3072, /* KiB that a client may take for lists of any length, and in which MANY don't fit */
};

static void
begin (void)
{
  make_directory ();
}

static void
end (void)
{
  cr_expect_eq (count_children (), 0, "a process is left");
  remove_directory ();
}

TestSuite (pages, .init = begin, .fini = end, .timeout = 120);

/* COUNT entries "dir/0" and so on, all names of one file, which are made quickly.  */
static const char *
make_entries (int count)
{
  char name[32];
  cr_assert_eq (mkdir (path_in ("dir"), 0755), 0);
  for (int i = 0; i < count; i++)
    {
      snprintf (name, sizeof name, "dir/%d", i);
      if (i % 10000 == 0)
        write_file (path_in (name), "", 0, 0644);
      else
        {
          char first[32];
          snprintf (first, sizeof first, "dir/%d", i - i % 10000);
          cr_assert_eq (link (path_in (first), path_in (name)), 0, "%s", strerror (errno));
        }
    }
  return path_in ("dir");
}

/* ---- what is given ---- */

struct given
{
  lr_connection *connection;
  uint64_t id;     /* of the call */
  int pages;       /* how many have come */
  int entries;     /* in all */
  int enough;      /* after so many pages; 0: never */
  bool cancels;    /* then by lr_cancel */
  bool closes;     /* or by lr_close */
  pid_t kills;     /* or by the end of this process; 0: of none */
  bool waits;      /* a moment in each */
  int *added;      /* what the connector has added when the first page came is kept */
  int at_first;    /* here */
  char seen[MANY]; /* of the entry of each number */
};

static int
take_page (void *data, const struct lr_list_result *page)
{
  struct given *given = data;
  given->pages++;
  cr_expect_geq (page->count, 1);
  cr_expect_leq (page->count, PAGE);
  if (given->pages == 1 && given->added != NULL)
    given->at_first = __atomic_load_n (given->added, __ATOMIC_SEQ_CST);
  for (size_t i = 0; i < page->count; i++)
    {
      long number = strtol (page->items[i]->name, NULL, 10);
      cr_assert (number >= 0 && number < MANY);
      given->seen[number]++;
      cr_expect_eq (page->items[i]->type, LR_FILE_REGULAR);
    }
  given->entries += (int) page->count;
  if (given->waits)
    usleep (1000);
  if (given->pages != given->enough)
    return 0;
  if (given->cancels)
    cr_expect_eq (lr_cancel (given->connection, given->id), 0);
  else if (given->closes)
    lr_close (given->connection);
  else if (given->kills != 0)
    {
      usleep (200000); /* so that it has sent more by then */
      kill (given->kills, SIGKILL);
    }
  else
    return 1;
  return 0;
}

static struct given *
new_given (lr_connection *connection)
{
  struct given *given = calloc (1, sizeof *given);
  cr_assert_not_null (given);
  given->connection = connection;
  return given;
}

static void
expect_each_once (const struct given *given, int count)
{
  cr_expect_eq (given->entries, count);
  for (int i = 0; i < count; i++)
    if (given->seen[i] != 1)
      cr_assert_fail ("%d came %d times", i, given->seen[i]);
}

static void
list_and_wait (const char *path, struct given *given)
{
  struct lr_error error;
  struct lr_list_result *result = (void *) 1;
  struct lr_list_args args = LR_LIST_ARGS (.path = path, .page = take_page, .page_data = given);
  cr_assert_eq (lr_list (given->connection, &args, &result, &error), 0, "%s", error.message);
  cr_expect_null (result);
}

/* Open URL, on LOOP unless that is NULL.  */
static lr_connection *
open_url (lr_registry *registry, const char *url, lr_loop *loop)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .loop = loop);
  cr_assert_eq (lr_open (registry, &args, &connection, &error), 0, "%s: %s", url, error.message);
  return connection;
}

static lr_loop *
new_loop (void)
{
  lr_loop *loop;
  struct lr_error error;
  cr_assert_eq (lr_loop_new (&loop, &error), 0, "%s", error.message);
  return loop;
}

static void
submit_list (const char *path, struct given *given, struct outcome *answer)
{
  struct lr_list_args args = LR_LIST_ARGS (.path = path, .page = take_page, .page_data = given);
  given->id = submit (given->connection, LR_OPERATION_LIST, &args, answer);
}

/* Expect that CONNECTION still does what it should.  */
static void
expect_usable (lr_connection *connection)
{
  struct lr_error error;
  cr_expect_eq (lr_ping (connection, &error), 0, "%s", error.message);
}

/* ---- all of it ---- */

Test (pages, all_come_once_and_take_little_memory_at_both_ends)
{
  const char *path = make_entries (MANY);
  lr_connection *connection = open_local ();
  pid_t dispatcher = dispatcher_of (connection);
  struct given *given = new_given (connection);
  forget_peak (0);
  forget_peak (dispatcher);
  long here = peak_memory (0), there = peak_memory (dispatcher);
  list_and_wait (path, given);
  if (!memory_is_distorted ())
    {
      cr_expect_lt (peak_memory (0) - here, ROOM);
      cr_expect_lt (peak_memory (dispatcher) - there, 512);
      /* A whole one does not fit into that, or there would be nothing to see.  */
      struct lr_list_result *result;
      struct lr_list_args whole = LR_LIST_ARGS (.path = path);
      cr_assert_eq (lr_list (connection, &whole, &result, NULL), 0);
      cr_expect_eq (result->count, MANY);
      lr_free (result);
      cr_expect_gt (peak_memory (0) - here, ROOM);
    }
  expect_each_once (given, MANY);
  free (given);
  lr_close (connection);
}

Test (pages, a_caller_that_takes_its_time_keeps_the_far_side_waiting)
{
  const char *path = make_entries (MANY);
  lr_loop *loop = new_loop ();
  lr_connection *connection = open_url (NULL, "local:", loop);
  struct given *given = new_given (connection);
  struct outcome answer = { .count = 0 };
  forget_peak (0);
  long here = peak_memory (0);
  submit_list (path, given, &answer);
  /* Blocking calls take what comes, and call nobody back.  */
  for (int i = 0; i < 1000; i++)
    expect_usable (connection);
  cr_expect_eq (given->pages, 0);
  dispatch_until (loop, &answer);
  expect_success (&answer, "submitted");
  cr_expect_null (answer.result);
  if (!memory_is_distorted ())
    cr_expect_lt (peak_memory (0) - here, ROOM);
  expect_each_once (given, MANY);
  free (given);
  lr_close (connection);
  free_loop (loop);
}

Test (pages, through_several_hops)
{
  const char *path = make_entries (5000);
  lr_connection *connection = open_url (NULL, "local:,local:,local:", NULL);
  struct given *given = new_given (connection);
  list_and_wait (path, given);
  expect_each_once (given, 5000);
  given->pages = 0;
  given->enough = 1;
  list_and_wait (path, given);
  cr_expect_eq (given->pages, 1);
  expect_usable (connection);
  free (given);
  lr_close (connection);
}

static int
note_name (void *data, const struct lr_list_result *page)
{
  cr_expect_eq (page->count, 1);
  snprintf (data, 256, "%s", page->items[0]->name);
  return 0;
}

Test (pages, of_a_path_itself_there_is_one_and_of_nothing_none)
{
  struct lr_error error;
  char name[256] = "none";
  lr_connection *connection = open_local ();
  make_entries (0);
  struct lr_list_args args =
      LR_LIST_ARGS (.path = path_in ("dir"), .page = note_name, .page_data = name);
  cr_assert_eq (lr_list (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_expect_str_eq (name, "none");
  args.itself = 1;
  cr_assert_eq (lr_list (connection, &args, NULL, &error), 0, "%s", error.message);
  cr_expect_str_eq (name, path_in ("dir"));
  lr_close (connection);
}

/* ---- a part of it ---- */

/* Packets, as the log names them.  */
struct packets
{
  int data, cancels;
};

static void
count_packets (void *data, enum lr_log_level level, const char *line)
{
  struct packets *packets = data;
  packets->data += level == LR_LOG_DEBUG && strstr (line, " Data") != NULL;
  packets->cancels += level == LR_LOG_DEBUG && strstr (line, " Cancel") != NULL;
}

Test (pages, enough_is_success_and_ends_the_far_sides_work)
{
  const char *path = make_entries (MANY);
  struct packets packets = { 0, 0 };
  lr_registry *registry = lr_registry_new ();
  lr_registry_set_log (registry, count_packets, &packets);
  lr_connection *connection = open_url (registry, "local:", NULL);
  struct given *given = new_given (connection);
  given->enough = 2;
  list_and_wait (path, given);
  cr_expect_eq (given->pages, 2);
  cr_expect_lt (given->entries, MANY);
  expect_usable (connection);
  cr_expect_eq (packets.cancels, 1);
  /* Of some 7 MB no more has come than was under way.  */
  cr_expect_lt (packets.data, 300);
  free (given);
  lr_close (connection);
  lr_registry_free (registry);
}

Test (pages, enough_of_the_last_page_is_success_too)
{
  const char *path = make_entries (10);
  lr_connection *connection = open_local ();
  for (int i = 1; i <= 10; i++)
    {
      struct given *given = new_given (connection);
      given->enough = i;
      list_and_wait (path, given);
      free (given);
    }
  expect_usable (connection);
  lr_close (connection);
}

Test (pages, a_call_that_is_cancelled_gives_no_more)
{
  const char *path = make_entries (MANY);
  lr_loop *loop = new_loop ();
  lr_connection *connection = open_url (NULL, "local:", loop);
  struct given *given = new_given (connection);
  struct outcome answer = { .count = 0 };
  given->cancels = true;
  given->enough = 2;
  submit_list (path, given, &answer);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_CANCELLED, "cancelled");
  dispatch_for (loop, 100);
  cr_expect_eq (given->pages, 2);
  expect_usable (connection);
  free (given);
  lr_close (connection);
  free_loop (loop);
}

Test (pages, one_that_waits_only_to_be_told_can_be_cancelled)
{
  const char *path = make_entries (3000);
  lr_loop *loop = new_loop ();
  lr_connection *connection = open_url (NULL, "local:", loop);
  struct given *given = new_given (connection);
  struct outcome answer = { .count = 0 };
  submit_list (path, given, &answer);
  /* Blocking calls take what comes, and call nobody back.  */
  for (int i = 0; i < 100; i++)
    expect_usable (connection);
  cr_expect_eq (given->pages, 0);
  cr_expect_eq (lr_cancel (connection, given->id), 0);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_CANCELLED, "cancelled");
  cr_expect_eq (given->pages, 0);
  free (given);
  lr_close (connection);
  free_loop (loop);
}

Test (pages, the_connection_can_be_closed_by_who_gets_them)
{
  const char *path = make_entries (5000);
  lr_loop *loop = new_loop ();
  struct given *given = new_given (open_url (NULL, "local:", loop));
  struct outcome answer = { .count = 0 };
  given->closes = true;
  given->enough = 1;
  submit_list (path, given, &answer);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_CANCELLED, "closed");
  cr_expect_eq (given->pages, 1);
  free (given);
  free_loop (loop);
}

Test (pages, what_came_before_the_far_side_ended_is_given_before_the_error)
{
  const char *path = make_entries (MANY);
  struct lr_error error;
  lr_connection *connection = open_local ();
  struct given *given = new_given (connection);
  given->kills = dispatcher_of (connection);
  given->enough = 1;
  struct lr_list_args args = LR_LIST_ARGS (.path = path, .page = take_page, .page_data = given);
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  cr_expect_gt (given->pages, 1);
  free (given);
  lr_close (connection);
}

Test (pages, limits_and_failures_are_those_of_a_whole_list)
{
  const char *path = make_entries (2000);
  struct lr_error error;
  lr_connection *connection = open_local ();
  struct given *given = new_given (connection);
  struct lr_list_args args =
      LR_LIST_ARGS (.path = path, .limit = 50000, .page = take_page, .page_data = given);
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  expect_failure (-1, &error, invalid_value ("limit"), "more than the limit");
  expect_usable (connection);
  args.limit = 0;
  args.path = "/nonexistent";
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  expect_failure (-1, &error, remote_os (ENOENT), "nothing there");
  given->pages = 0;
  given->waits = true;
  args.path = path;
  args.timeout_ms = 1;
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_TIMEOUT, "%s", error.message);
  lr_close (connection);
  connection = open_url (NULL, "local:?protocol=plain", NULL);
  args.timeout_ms = 0;
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_UNSUPPORTED, "%s", error.message);
  free (given);
  lr_close (connection);
}

static int
wait_in_page (void *data, const struct lr_list_result *page)
{
  struct lr_error error;
  (void) page;
  cr_expect_eq (lr_ping (data, &error), -1);
  cr_expect_str_eq (error.field, "loop");
  return 0;
}

Test (pages, nobody_may_wait_where_they_are_given)
{
  const char *path = make_entries (1);
  struct lr_error error;
  lr_connection *connection = open_local ();
  struct lr_list_args args =
      LR_LIST_ARGS (.path = path, .page = wait_in_page, .page_data = connection);
  cr_assert_eq (lr_list (connection, &args, NULL, &error), 0, "%s", error.message);
  lr_close (connection);
}

/* ---- of a connector that lists by itself ---- */

static int added; /* entries, by the function under way */
static bool refused;

static void
own_list (lr_call *call, const struct lr_list_args *args)
{
  char name[32];
  bool bad = strcmp (args->path, "bad") == 0;
  cr_expect_null (args->page);
  cr_expect_null (args->page_data);
  refused = false;
  for (int i = 0; i < MANY && !refused; i++)
    {
      snprintf (name, sizeof name, bad && i == 3000 ? "%d/.." : "%d", i);
      struct lr_directory_entry entry =
          LR_DIRECTORY_ENTRY (.name = name, .type = LR_FILE_REGULAR, .mode = 0644);
      __atomic_store_n (&added, i + 1, __ATOMIC_SEQ_CST);
      refused = lr_call_add_entry (call, &entry) != 0;
    }
  if (strcmp (args->path, "fails") == 0)
    lr_call_fail (call, LR_ERROR_REMOTE_OS, EIO, NULL, "the last page is torn");
  else
    lr_reply_done (call);
}

static const struct lr_connector lister = {
  .size = sizeof (struct lr_connector),
  .abi = LR_ABI,
  .option_size = sizeof (struct lr_option),
  .schema = "lister",
  .description = "a directory of its own",
  .target_form = LR_TARGET_OPAQUE,
  .list = own_list,
};

static lr_registry *
new_registry (void)
{
  struct lr_error error;
  lr_registry *registry = lr_registry_new ();
  cr_assert_eq (lr_registry_add_connector (registry, &lister, &error), 0, "%s", error.message);
  return registry;
}

Test (pages, a_connectors_own_function_waits_for_who_takes_them)
{
  lr_registry *registry = new_registry ();
  lr_connection *connection = open_url (registry, "lister:x", NULL);
  struct given *given = new_given (connection);
  given->added = &added;
  forget_peak (0);
  long here = peak_memory (0);
  list_and_wait ("", given);
  if (!memory_is_distorted ())
    cr_expect_lt (peak_memory (0) - here, 2048);
  cr_expect_lt (given->at_first, PAGE);
  expect_each_once (given, MANY);
  free (given);
  lr_close (connection);
  lr_registry_free (registry);
}

Test (pages, a_connectors_own_function_is_told_that_it_is_enough)
{
  lr_registry *registry = new_registry ();
  lr_connection *connection = open_url (registry, "lister:x", NULL);
  struct given *given = new_given (connection);
  given->enough = 3;
  list_and_wait ("", given);
  cr_expect_eq (given->pages, 3);
  free (given);
  lr_close (connection);
  cr_expect (refused);
  cr_expect_lt (added, MANY);
  lr_registry_free (registry);
}

Test (pages, what_a_connectors_own_function_has_wrong_is_an_error)
{
  struct lr_error error;
  lr_registry *registry = new_registry ();
  lr_connection *connection = open_url (registry, "lister:x", NULL);
  struct given *given = new_given (connection);
  struct lr_list_args args = LR_LIST_ARGS (.path = "bad", .page = take_page, .page_data = given);
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO, "%s", error.message);
  cr_expect_not_null (strstr (error.message, "a file is listed by a name that none has"));
  cr_expect_eq (given->seen[3001], 0);
  memset (given->seen, 0, sizeof given->seen);
  given->entries = 0;
  args.path = "fails";
  cr_expect_eq (lr_list (connection, &args, NULL, &error), -1);
  cr_expect (error.kind == LR_ERROR_REMOTE_OS && error.errnum == EIO, "%s", error.message);
  expect_each_once (given, MANY);
  free (given);
  lr_close (connection);
  lr_registry_free (registry);
}

/* Ways in which a caller goes while the function waits for it.  */
enum leaving
{
  BY_CANCEL,
  BY_CANCEL_INSIDE,
  BY_CLOSE,
  BY_CLOSE_INSIDE,
};

static void
leave (enum leaving way)
{
  lr_registry *registry = new_registry ();
  lr_loop *loop = new_loop ();
  struct given *given = new_given (open_url (registry, "lister:x", loop));
  struct outcome answer = { .count = 0 };
  bool inside = way == BY_CANCEL_INSIDE || way == BY_CLOSE_INSIDE;
  given->cancels = way == BY_CANCEL_INSIDE;
  given->closes = way == BY_CLOSE_INSIDE;
  given->enough = inside ? 1 : 0;
  submit_list ("", given, &answer);
  while (!inside && given->pages == 0)
    dispatch (loop, 1000);
  if (way == BY_CANCEL)
    cr_expect_eq (lr_cancel (given->connection, given->id), 0);
  else if (way == BY_CLOSE)
    lr_close (given->connection);
  dispatch_until (loop, &answer);
  expect_answer_kind (&answer, LR_ERROR_CANCELLED, "gone");
  int pages = given->pages;
  dispatch_for (loop, 50);
  cr_expect_eq (given->pages, pages);
  if (way == BY_CANCEL || way == BY_CANCEL_INSIDE)
    lr_close (given->connection);
  free_loop (loop);
  cr_expect (refused);
  cr_expect_lt (added, MANY);
  free (given);
  lr_registry_free (registry);
}

Test (pages, a_connectors_own_function_does_not_wait_for_who_is_gone)
{
  leave (BY_CANCEL);
  leave (BY_CANCEL_INSIDE);
  leave (BY_CLOSE);
  leave (BY_CLOSE_INSIDE);
}
