#include "cli/conformance_report.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  FAMILY_WIDTH = 13,
  COUNT_WIDTH = 8,
  DETAIL_INDENT = 4,
};

/* "failed", as JSON has it.  */
static const char *const outcome_names[] = {
  [CONFORMANCE_PASSED] = "passed",
  [CONFORMANCE_FAILED] = "failed",
  [CONFORMANCE_NOT_APPLICABLE] = "not-applicable",
};

static void
print_place (FILE *stream, const char *begin, const struct conformance_place *place)
{
  fputs (begin, stream);
  text_print_escaped (stream, place->path, strlen (place->path));
  fputs (place->is_removed ? " on " : "* on ", stream);
  text_print_escaped (stream, place->host, strlen (place->host));
  fputs (place->is_removed ? ", which is removed in the end\n"
                           : ", which nothing there can remove: they are emptied in the end\n",
         stream);
  fflush (stream);
}

static void
warn_of_place (const struct conformance_place *place)
{
  print_place (stderr, "longreach: files are made in ", place);
}

/* Hand each line of REMAINS to TELL.  */
static void
tell_remains (char *remains, void (*tell) (void *data, const char *path), void *data)
{
  char *rest;
  for (char *path = strtok_r (remains, "\n", &rest); path != NULL;
       path = strtok_r (NULL, "\n", &rest))
    tell (data, path);
}

static void
stay_silent (const char *reason)
{
  (void) reason;
}

/* ---- a table ---- */

/* What is told behind the table.  */
struct remark
{
  struct remark *next;
  const struct conformance_check *check;
  enum conformance_outcome outcome;
  char *sentence;
};

static struct
{
  const char *family; /* whose checks are counted; NULL: none was tried yet */
  size_t counts[3];   /* of its outcomes */
  struct remark *remarks, **last;
} table = { .last = &table.remarks };

static void
list_lines (const char *const *only)
{
  const struct conformance_check *check;
  for (size_t i = 0; (check = conformance_check_at (i)) != NULL; i++)
    if (conformance_is_wanted (check, only))
      printf ("%s/%s: %s\n", check->family, check->name, check->why);
}

static void
print_row (const char *name, size_t holds, size_t fails, size_t not_applicable)
{
  printf ("%-*s %*zu %*zu %*zu\n", FAMILY_WIDTH, name, COUNT_WIDTH, holds, COUNT_WIDTH, fails,
          COUNT_WIDTH + 6, not_applicable);
  fflush (stdout);
}

static void
end_family (void)
{
  if (table.family != NULL)
    print_row (table.family, table.counts[CONFORMANCE_PASSED], table.counts[CONFORMANCE_FAILED],
               table.counts[CONFORMANCE_NOT_APPLICABLE]);
  memset (table.counts, 0, sizeof table.counts);
}

static void
begin_family (const char *family)
{
  if (table.family == NULL)
    printf ("%-*s %*s %*s %*s\n", FAMILY_WIDTH, "FAMILY", COUNT_WIDTH, "HOLDS", COUNT_WIDTH,
            "FAILS", COUNT_WIDTH + 6, "DOESN'T APPLY");
  end_family ();
  table.family = family;
}

static void
add_remark (const struct conformance_result *result)
{
  struct remark *remark = calloc (1, sizeof *remark);
  if (remark == NULL)
    out_of_memory ();
  remark->check = result->check;
  remark->outcome = result->outcome;
  remark->sentence = strdup (result->sentence);
  if (remark->sentence == NULL)
    out_of_memory ();
  *table.last = remark;
  table.last = &remark->next;
}

static void
count_result (const struct conformance_result *result)
{
  if (table.family == NULL || strcmp (table.family, result->check->family) != 0)
    begin_family (result->check->family);
  table.counts[result->outcome]++;
  if (result->outcome != CONFORMANCE_PASSED)
    add_remark (result);
}

static void
print_failure (const struct remark *remark)
{
  printf ("\n%s/%s does not hold\n%*s", remark->check->family, remark->check->name, DETAIL_INDENT,
          "");
  text_print_escaped (stdout, remark->sentence, strlen (remark->sentence));
  printf ("\n%*sWhy: ", DETAIL_INDENT, "");
  print_wrapped (remark->check->why, DETAIL_INDENT + 5, DETAIL_INDENT, stdout);
}

/* All that doesn't apply for the same reason as REMARK, the first of them.  */
static void
print_lack (const struct remark *remark)
{
  char *names;
  size_t size;
  FILE *stream = open_memstream (&names, &size);
  if (stream == NULL)
    out_of_memory ();
  for (const struct remark *other = remark; other != NULL; other = other->next)
    if (other->outcome == CONFORMANCE_NOT_APPLICABLE
        && strcmp (other->sentence, remark->sentence) == 0)
      fprintf (stream, "%s%s/%s", other == remark ? "" : " ", other->check->family,
               other->check->name);
  if (fclose (stream) != 0)
    out_of_memory ();
  fputs ("\nNot applicable, since ", stdout);
  text_print_escaped (stdout, remark->sentence, strlen (remark->sentence));
  printf (":\n%*s", DETAIL_INDENT, "");
  print_wrapped (names, DETAIL_INDENT, DETAIL_INDENT, stdout);
  free (names);
}

static bool
is_first_of_its_kind (const struct remark *remark)
{
  for (const struct remark *other = table.remarks; other != remark; other = other->next)
    if (other->outcome == remark->outcome && strcmp (other->sentence, remark->sentence) == 0)
      return false;
  return true;
}

static void
print_remains (void *data, const char *path)
{
  fputs (data, stdout);
  text_print_escaped (stdout, path, strlen (path));
  putchar ('\n');
}

static void
end_table (struct conformance_summary *summary)
{
  end_family ();
  print_row ("all", summary->passed, summary->failed, summary->not_applicable);
  for (const struct remark *remark = table.remarks; remark != NULL; remark = remark->next)
    if (remark->outcome == CONFORMANCE_NOT_APPLICABLE && is_first_of_its_kind (remark))
      print_lack (remark);
  for (const struct remark *remark = table.remarks; remark != NULL; remark = remark->next)
    if (remark->outcome == CONFORMANCE_FAILED)
      print_failure (remark);
  char label[] = "\nLeft there, for it could not be removed: ";
  tell_remains (summary->remains, print_remains, label);
  while (table.remarks != NULL)
    {
      struct remark *remark = table.remarks;
      table.remarks = remark->next;
      free (remark->sentence);
      free (remark);
    }
}

const struct conformance_form conformance_table = {
  .list = list_lines,
  .place = warn_of_place,
  .result = count_result,
  .end = end_table,
  .bail_out = stay_silent,
};

/* ---- JSON ---- */

static json_t *checks;
static char *path_told, *host_told; /* of the place that was tried last */

static json_t *
describe_check (const struct conformance_check *check)
{
  json_t *object = json_new_object ();
  json_add_text (object, "family", check->family);
  json_add_text (object, "name", check->name);
  json_add_text (object, "why", check->why);
  return object;
}

static void
list_json (const char *const *only)
{
  const struct conformance_check *check;
  json_t *object = json_new_object (), *all = json_new_array ();
  for (size_t i = 0; (check = conformance_check_at (i)) != NULL; i++)
    if (conformance_is_wanted (check, only))
      json_append (all, describe_check (check));
  json_add (object, "checks", all);
  json_print (object);
}

static void
keep_place (const struct conformance_place *place)
{
  warn_of_place (place);
  free (path_told);
  free (host_told);
  path_told = strdup (place->path);
  host_told = strdup (place->host);
  if (path_told == NULL || host_told == NULL)
    out_of_memory ();
}

static void
add_result (const struct conformance_result *result)
{
  json_t *object = describe_check (result->check);
  json_add_text (object, "outcome", outcome_names[result->outcome]);
  json_add_text (object, "sentence", result->sentence);
  json_add_size (object, "duration_ms", result->duration_ms);
  if (checks == NULL)
    checks = json_new_array ();
  json_append (checks, object);
}

static void
append_path (void *data, const char *path)
{
  json_t *object = json_new_object ();
  json_add_text (object, "path", path);
  json_append (data, object);
}

static void
end_json (struct conformance_summary *summary)
{
  json_t *object = json_new_object (), *remains = json_new_array ();
  tell_remains (summary->remains, append_path, remains);
  json_add_text (object, "host", host_told);
  json_add_text (object, "place", path_told);
  json_add_size (object, "passed", summary->passed);
  json_add_size (object, "failed", summary->failed);
  json_add_size (object, "not_applicable", summary->not_applicable);
  json_add (object, "checks", checks != NULL ? checks : json_new_array ());
  json_add (object, "remains", remains);
  json_print (object);
  free (path_told);
  free (host_told);
}

/* The report of the reason is the object that is printed.  */
static void
drop_json (const char *reason)
{
  (void) reason;
  json_decref (checks);
  free (path_told);
  free (host_told);
}

const struct conformance_form conformance_json = {
  .list = list_json,
  .place = keep_place,
  .result = add_result,
  .end = end_json,
  .bail_out = drop_json,
};

/* ---- TAP ---- */

static size_t reported;

static void
comment_place (const struct conformance_place *place)
{
  print_place (stdout, "# files are made in ", place);
}

static void
print_result (const struct conformance_result *result)
{
  printf ("%s %zu - %s/%s", result->outcome == CONFORMANCE_FAILED ? "not ok" : "ok", ++reported,
          result->check->family, result->check->name);
  if (result->outcome == CONFORMANCE_NOT_APPLICABLE)
    fputs (" # SKIP ", stdout);
  if (result->outcome == CONFORMANCE_FAILED)
    fputs ("\n# ", stdout);
  if (result->sentence != NULL)
    text_print_escaped (stdout, result->sentence, strlen (result->sentence));
  if (result->outcome == CONFORMANCE_FAILED)
    printf ("\n# why: %s\n# %llu ms", result->check->why, (unsigned long long) result->duration_ms);
  putchar ('\n');
  fflush (stdout);
}

static void
print_plan (struct conformance_summary *summary)
{
  char label[] = "# left there, for it could not be removed: ";
  printf ("1..%zu\n", reported);
  tell_remains (summary->remains, print_remains, label);
  printf ("# %zu passed, %zu failed, %zu not applicable\n", summary->passed, summary->failed,
          summary->not_applicable);
}

static void
print_bail_out (const char *reason)
{
  fputs ("Bail out! ", stdout);
  text_print_escaped (stdout, reason, strlen (reason));
  putchar ('\n');
}

const struct conformance_form conformance_tap = {
  .list = list_lines,
  .place = comment_place,
  .result = print_result,
  .end = print_plan,
  .bail_out = print_bail_out,
};
