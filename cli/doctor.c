#include "cli/connect.h"
#include "cli/hop.h"
#include "cli/interruption.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/time.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
  ROUND_TRIPS = 5,
  TRIAL_LIMIT = 10000, /* milliseconds for each thing that is tried */
};

/* ---- what is tried where the target is reached ---- */

/* What came of it: a sentence or word to be freed, or an error.  */
struct trial
{
  const char *name;
  bool works;
  char *found;           /* owned; NULL: nothing to tell */
  struct lr_error error; /* unless it works */
};

static void find (struct trial *trial, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

static void
find (struct trial *trial, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  if (vasprintf (&trial->found, format, arguments) < 0)
    out_of_memory ();
  va_end (arguments);
  trial->works = true;
}

static void
try_round_trip (lr_connection *connection, struct trial *trial)
{
  const struct lr_ping_args args = LR_PING_ARGS (.timeout_ms = TRIAL_LIMIT);
  int64_t least = INT64_MAX;
  for (int i = 0; i < ROUND_TRIPS; i++)
    {
      void *nothing;
      int64_t begin = time_now ();
      if (interruption_perform (connection, LR_OPERATION_PING, &args, &nothing, &trial->error) != 0)
        return;
      int64_t elapsed = time_now () - begin;
      least = elapsed < least ? elapsed : least;
    }
  find (trial, "%.3f ms", (double) least / 1e6);
}

static void
try_user (lr_connection *connection, struct trial *trial)
{
  const struct lr_resolve_args args = LR_RESOLVE_ARGS (.timeout_ms = TRIAL_LIMIT);
  void *name;
  if (interruption_perform (connection, LR_OPERATION_RESOLVE_USER, &args, &name, &trial->error)
      != 0)
    return;
  find (trial, "%s", (const char *) name);
  lr_free (name);
}

static void
try_command (lr_connection *connection, struct trial *trial)
{
  static const char *const command[] = { "true", NULL };
  const struct lr_run_args args = LR_RUN_ARGS (.command = command, .timeout_ms = TRIAL_LIMIT);
  void *result;
  int64_t begin = time_now ();
  int status = interruption_perform (connection, LR_OPERATION_RUN, &args, &result, &trial->error);
  int64_t elapsed = time_now () - begin;
  lr_free (result);
  if (status == 0)
    find (trial, "\"true\" in %.3f ms", (double) elapsed / 1e6);
}

static void
try_file (lr_connection *connection, struct trial *trial)
{
  const struct lr_stat_args args =
      LR_STAT_ARGS (.path = "/", .follow_links = 1, .timeout_ms = TRIAL_LIMIT);
  void *result;
  if (interruption_perform (connection, LR_OPERATION_STAT, &args, &result, &trial->error) != 0)
    return;
  find (trial, "\"/\" is %s", result == NULL ? "not there" : "there");
  lr_free (result);
}

static const struct
{
  const char *name;
  void (*try) (lr_connection *connection, struct trial *trial);
} trials[] = {
  { "round trip", try_round_trip },
  { "user", try_user },
  { "commands", try_command },
  { "files", try_file },
};
#define TRIALS (sizeof trials / sizeof trials[0])

static void
try_all (lr_connection *connection, struct trial *results)
{
  for (size_t i = 0; i < TRIALS; i++)
    {
      results[i].name = trials[i].name;
      trials[i].try (connection, &results[i]);
    }
}

/* ---- what to do ---- */

#define BY_HAND                                                                                    \
  "run the command above by hand where this hop starts, with \"true\" in place of SCRIPT or the "  \
  "dispatcher: as long as that fails, so does the hop"

/* What helps where HOP, of which ERROR was said, has failed.  */
static const char *
advice (const struct lr_hop_info *hop, int index, const struct lr_error *error)
{
  if (error->kind == LR_ERROR_UNSUPPORTED)
    return "\"longreach plugins SCHEMA\" tells what a connector can do";
  if (error->kind == LR_ERROR_TIMEOUT)
    return "look whether the host is up and whether something there waits for an answer; "
           "--connect-timeout gives it more time, and --verbose tells what was started";
  if (hop->system != NULL)
    return "the way there works, and a shell is there: what a dispatcher needs besides, and the "
           "options for that, are in longreach(3), \"Getting a dispatcher there\"";
  if (prompt_last_hop () == index)
    return "if what it asked was not answered, or not as it should be, try again; else " BY_HAND;
  if (hop->command != NULL)
    return BY_HAND;
  return "--verbose tells more";
}

/* ---- telling it ---- */

static const char *
state_name (const struct lr_hop_info *hop)
{
  static const char *const names[] = {
    [LR_HOP_UNTRIED] = "not tried",
    [LR_HOP_OPENING] = "not answering",
    [LR_HOP_OPEN] = "works",
    [LR_HOP_FAILED] = "fails",
  };
  return hop->state < sizeof names / sizeof names[0] ? names[hop->state] : "unknown";
}

static bool
has_failed (const struct lr_hop_info *hop)
{
  return hop->state == LR_HOP_FAILED || hop->state == LR_HOP_OPENING;
}

static void
print_hop (const struct lr_hop_info *hop, size_t index, size_t count, const struct lr_error *error)
{
  hop_print_title (hop, index, count);
  printf (": %s", state_name (hop));
  if (hop->state != LR_HOP_UNTRIED && hop->command != NULL)
    printf (", %llu ms", (unsigned long long) hop->opening_ms);
  putchar ('\n');
  hop_print_plan (hop);
  hop_print_detail ("system", hop->system);
  hop_print_detail ("directory", hop->directory);
  hop_print_detail ("dispatcher", hop->version);
  hop_print_detail ("problem", hop->problem);
  if (error != NULL && has_failed (hop))
    hop_print_detail ("what to do", advice (hop, (int) index, error));
}

/* The hop I of LIST, which of a target that there is no connection to says nothing of ERROR.  */
static struct lr_hop_info
find_hop (const struct lr_hop_list *list, size_t i, const struct lr_error *error)
{
  struct lr_hop_info hop = *list->items[i];
  if (error != NULL && error->hop == (int32_t) i && hop.state == LR_HOP_UNTRIED)
    {
      hop.state = LR_HOP_FAILED;
      hop.problem = error->message;
    }
  return hop;
}

static void
print_all (const struct lr_hop_list *list, const struct trial *results,
           const struct lr_error *error)
{
  for (size_t i = 0; i < list->count; i++)
    {
      const struct lr_hop_info hop = find_hop (list, i, error);
      print_hop (&hop, i, list->count, error);
    }
  for (size_t i = 0; results != NULL && i < TRIALS; i++)
    hop_print_detail (results[i].name,
                      results[i].works ? results[i].found : results[i].error.message);
}

static json_t *
describe (const struct lr_hop_info *hop, int index, const struct lr_error *error)
{
  json_t *object = hop_as_json (hop);
  json_add_text (object, "state", state_name (hop));
  json_add_optional_integer (object, "opening_ms",
                             hop->state != LR_HOP_UNTRIED && hop->command != NULL,
                             (int64_t) hop->opening_ms);
  json_add_text (object, "system", hop->system);
  json_add_text (object, "directory", hop->directory);
  json_add_text (object, "dispatcher", hop->version);
  json_add_text (object, "problem", hop->problem);
  json_add_text (object, "advice",
                 error != NULL && has_failed (hop) ? advice (hop, index, error) : NULL);
  return object;
}

static void
print_json (const struct lr_hop_list *list, const struct trial *results,
            const struct lr_error *error)
{
  json_t *object = json_new_object (), *hops = json_new_array (), *tried = json_new_array ();
  for (size_t i = 0; i < list->count; i++)
    {
      const struct lr_hop_info hop = find_hop (list, i, error);
      json_append (hops, describe (&hop, (int) i, error));
    }
  for (size_t i = 0; results != NULL && i < TRIALS; i++)
    {
      json_t *trial = json_new_object ();
      json_add_text (trial, "name", results[i].name);
      json_add_boolean (trial, "works", results[i].works);
      json_add_text (trial, "found", results[i].found);
      json_add_text (trial, "problem", results[i].works ? NULL : results[i].error.message);
      json_append (tried, trial);
    }
  json_add (object, "hops", hops);
  json_add (object, "tried", tried);
  json_print (object);
}

/* Tell how CONNECTION, to URL, is, or with ERROR that it has failed.  */
static int
tell (const char *url, lr_connection *connection, const struct lr_error *error)
{
  struct trial results[TRIALS] = { 0 };
  struct lr_hop_list *list;
  int status = connect_inspect (url, &list);
  if (status != 0)
    return status;
  status = error == NULL ? STATUS_DONE : STATUS_CONNECTION;
  if (error == NULL)
    {
      interruption_begin ();
      try_all (connection, results);
      interruption_end ();
    }
  if (json_wanted)
    print_json (list, error == NULL ? results : NULL, error);
  else
    print_all (list, error == NULL ? results : NULL, error);
  lr_free (list);
  for (size_t i = 0; i < TRIALS; i++)
    {
      if (error == NULL && !results[i].works && results[i].error.kind != LR_ERROR_UNSUPPORTED)
        status = STATUS_REFUSED;
      free (results[i].found);
    }
  return status;
}

static int
doctor_perform (char **operands, size_t count)
{
  lr_connection *connection;
  struct lr_error error;
  (void) count;
  int status = connect_try (operands[0], &connection, &error);
  if (status == 0 || error.kind != LR_ERROR_NONE)
    status = tell (operands[0], connection, status == 0 ? NULL : &error);
  connect_end ();
  return status;
}

const struct subcommand doctor_subcommand = {
  .name = "doctor",
  .operands = "URL",
  .summary = "Open a URL and tell for each hop what works, and what to do about what doesn't",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 1,
  .most = 1,
  .perform = doctor_perform,
};
