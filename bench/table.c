#include "bench/table.h"

#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static bool json_is_output;
static const char *kept_file;
static double ours_last;   /* of the line that others are added to */
static char unit_last[16]; /* its unit */
static size_t lines, budgets, missed;

static char *object; /* owned by STREAM, which the JSON is written to */
static size_t object_size;
static FILE *stream;
static bool others_begun; /* the list of others of the last line */

/* ---- the object ---- */

static void
write_text (const char *text)
{
  putc ('"', stream);
  for (; *text != '\0'; text++)
    {
      if (*text == '"' || *text == '\\')
        putc ('\\', stream);
      putc (*text, stream);
    }
  putc ('"', stream);
}

static void
write_member (const char *name, const char *text)
{
  fprintf (stream, "\"%s\": ", name);
  write_text (text);
}

/* When and where: figures of another machine, or of a busy one, are others.  */
static void
begin_object (void)
{
  struct utsname system;
  double load[3] = { 0 };
  char date[32];
  time_t now = time (NULL);
  struct tm parts;
  check_system (uname (&system) == 0, "uname");
  check_system (getloadavg (load, 3) == 3, "the load");
  strftime (date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&now, &parts));
  stream = open_memstream (&object, &object_size);
  check_system (stream != NULL, "memory");
  fputs ("{\n  ", stream);
  write_member ("date", date);
  fputs (",\n  ", stream);
  write_member ("kernel", system.release);
  fputs (",\n  ", stream);
  write_member ("machine", system.machine);
  fprintf (stream,
           ",\n  \"processors\": %ld,\n  \"load\": %.2f,\n  \"rounds\": %d,\n  \"bytes\": %zu,\n"
           "  \"delayed_bytes\": %zu,\n  \"rows\": [",
           sysconf (_SC_NPROCESSORS_ONLN), load[0], settings.rounds, settings.bytes,
           settings.delayed_bytes);
}

static void
end_line (void)
{
  if (lines > 0)
    fprintf (stream, "%s}", others_begun ? " ]" : "");
  others_begun = false;
}

static void
write_line (const struct line *line, bool met)
{
  end_line ();
  fprintf (stream, "%s\n    { ", lines == 0 ? "" : ",");
  write_member ("what", line->what);
  fputs (", ", stream);
  write_member ("unit", line->unit);
  fprintf (stream, ", \"ours\": %.6g, ", line->ours);
  write_member ("limit_name", line->limit_name);
  fprintf (stream, ", \"limit\": %.6g, \"ratio\": %.4f", line->limit, line->ours / line->limit);
  if (line->at_most > 0)
    fprintf (stream, ", \"at_most\": %.4f, \"met\": %s", line->at_most, met ? "true" : "false");
}

/* ---- the table ---- */

void
table_begin (bool as_json, const char *kept)
{
  json_is_output = as_json;
  kept_file = kept;
  begin_object ();
  if (as_json)
    return;
  printf ("%d rounds each, medians; %zu bytes are moved, and %zu where there is a delay\n",
          settings.rounds, settings.bytes, settings.delayed_bytes);
  printf ("%-32s %13s  %-36s %13s  %5s  %5s\n", "what", "ours", "limit", "", "ratio", "most");
  fflush (stdout);
}

void
table_add (const struct line *line)
{
  double ratio = line->ours / line->limit;
  bool met = ratio <= line->at_most;
  write_line (line, met);
  lines++;
  budgets += line->at_most > 0;
  missed += line->at_most > 0 && !met;
  ours_last = line->ours;
  snprintf (unit_last, sizeof unit_last, "%s", line->unit);
  if (json_is_output)
    return;
  printf ("%-32s %9.1f %-3s  %-36s %9.1f %-3s  %5.2f", line->what, line->ours, line->unit,
          line->limit_name, line->limit, line->unit, ratio);
  if (line->at_most > 0)
    printf ("  %5.2f  %s\n", line->at_most, met ? "met" : "MISSED");
  else
    printf ("      -\n");
  fflush (stdout);
}

void
table_add_other (const char *name, double value)
{
  fputs (others_begun ? ", { " : ", \"others\": [ { ", stream);
  others_begun = true;
  write_member ("name", name);
  fprintf (stream, ", \"value\": %.6g, \"ratio\": %.4f }", value, ours_last / value);
  if (json_is_output)
    return;
  printf ("%-32s %13s  %-36s %9.1f %-3s  %5.2f\n", "", "", name, value, unit_last,
          ours_last / value);
  fflush (stdout);
}

static void
write_to (FILE *file, const char *name)
{
  fputs (object, file);
  check_system (fflush (file) == 0, name);
}

void
table_end (void)
{
  end_line ();
  fprintf (stream, "\n  ],\n  \"budgets\": %zu, \"missed\": %zu\n}\n", budgets, missed);
  fclose (stream);
  if (json_is_output)
    write_to (stdout, "standard output");
  else
    printf ("%zu of %zu budgets met\n", budgets - missed, budgets);
  if (kept_file != NULL)
    {
      FILE *file = fopen (kept_file, "w");
      check_system (file != NULL, kept_file);
      write_to (file, kept_file);
      check_system (fclose (file) == 0, kept_file);
    }
  free (object);
}
