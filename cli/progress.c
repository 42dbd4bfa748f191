#include "cli/progress.h"
#include "cli/output.h"
#include "cli/size.h"
#include "cli/time.h"

#include <longreach/longreach.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECOND INT64_C (1000000000)

enum
{
  LINE_SIZE = 128,
  STEP_DIVISOR = 5, /* how often in a second it is written on a terminal */
  SMOOTHING = 4,    /* a new rate counts one part in so many */
};

static struct
{
  bool quiet;
  bool wanted;
} given;

const struct cli_option progress_options[] = {
  { .name = "quiet", .letter = 'q', .help = "Show no progress", .flag = &given.quiet },
  { .name = "progress",
    .help = "Show the progress also if standard error is no terminal",
    .flag = &given.wanted },
  { 0 },
};

/* The transfer under way.  */
static struct
{
  bool enabled;
  bool terminal; /* lines are written over each other */
  bool shown;
  int64_t begin, last; /* nanoseconds; LAST: when a line was written, or the transfer began */
  uint64_t done, total;
  bool tree; /* of files, of which there are: */
  uint64_t files, total_files;
  uint64_t last_done;
  uint64_t rate; /* bytes in a second; 0: not known yet */
} state;

void
progress_begin (bool to_terminal)
{
  bool terminal = isatty (STDERR_FILENO) != 0;
  memset (&state, 0, sizeof state);
  state.enabled = !given.quiet && !to_terminal && (terminal || given.wanted);
  state.terminal = terminal;
  state.begin = state.last = time_now ();
  state.total = LR_SIZE_UNKNOWN;
}

/* "1:02:03", "0:07".  */
static void
format_time (uint64_t seconds, char *text, size_t size)
{
  uint64_t minutes = seconds / 60;
  if (minutes >= 60)
    snprintf (text, size, "%" PRIu64 ":%02u:%02u", minutes / 60, (unsigned) (minutes % 60),
              (unsigned) (seconds % 60));
  else
    snprintf (text, size, "%u:%02u", (unsigned) minutes, (unsigned) (seconds % 60));
}

/* Of a tree: how many files of how many.  */
static void
append_files (FILE *stream)
{
  if (state.total_files == LR_SIZE_UNKNOWN || state.files > state.total_files)
    fprintf (stream, "%" PRIu64 " files  ", state.files);
  else
    fprintf (stream, "%" PRIu64 " of %" PRIu64 " files  ", state.files, state.total_files);
}

/* How much of how much.  */
static void
append_part (FILE *stream)
{
  char done[SIZE_TEXT], total[SIZE_TEXT];
  size_format (state.done, done);
  if (state.total == LR_SIZE_UNKNOWN || state.total == 0 || state.done > state.total)
    {
      fputs (done, stream);
      return;
    }
  size_format (state.total, total);
  unsigned percent = (unsigned) ((double) state.done * 100 / (double) state.total);
  fprintf (stream, "%3u%%  %s of %s", percent, done, total);
}

static void
append_rate (FILE *stream, uint64_t rate)
{
  char text[SIZE_TEXT];
  size_format (rate, text);
  fprintf (stream, "  %s/s", text);
}

/* How far it is, at which rate, and how long the rest takes with that.  */
static void
append_present (FILE *stream)
{
  char text[32];
  if (state.tree)
    append_files (stream);
  append_part (stream);
  append_rate (stream, state.rate);
  if (state.total == LR_SIZE_UNKNOWN || state.rate == 0 || state.done > state.total)
    return;
  format_time ((state.total - state.done) / state.rate, text, sizeof text);
  fprintf (stream, "  %s left", text);
}

/* How much it was, at which rate, and how long it took.  */
static void
append_past (FILE *stream)
{
  char text[SIZE_TEXT + 32];
  int64_t passed = time_now () - state.begin;
  if (state.tree)
    fprintf (stream, "%" PRIu64 " files  ", state.files);
  size_format (state.done, text);
  fputs (text, stream);
  append_rate (stream, passed > 0 ? (uint64_t) ((double) state.done * 1e9 / (double) passed) : 0);
  format_time ((uint64_t) (passed / SECOND), text, sizeof text);
  fprintf (stream, "  in %s", text);
}

/* How many columns standard error has, as a terminal.  */
static size_t
count_columns (void)
{
  struct winsize size;
  return ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* From the background it would be written into the work of others.  */
static bool
is_in_foreground (void)
{
  pid_t group = tcgetpgrp (STDERR_FILENO);
  return group < 0 || group == getpgrp ();
}

/* Write TEXT over what the line shows.  */
static void
write_line (char *text)
{
  char line[LINE_SIZE + 16];
  size_t columns = count_columns ();
  if (!state.terminal)
    snprintf (line, sizeof line, "%s\n", text);
  else if (!is_in_foreground ())
    return;
  else
    {
      /* A line that wraps could not be written over.  */
      if (strlen (text) >= columns)
        text[columns - 1] = '\0';
      snprintf (line, sizeof line, "\r%s\033[K", text);
    }
  write_all (STDERR_FILENO, line, strlen (line));
  state.shown = true;
}

/* Write over the line what APPEND gives.  */
static void
write_figures (void (*append) (FILE *stream))
{
  char text[LINE_SIZE] = "";
  FILE *stream = fmemopen (text, sizeof text, "w");
  if (stream == NULL)
    return;
  append (stream);
  fclose (stream);
  write_line (text);
}

/* Let the rate follow what has come since the line was written last.  */
static void
update_rate (int64_t now)
{
  double passed = (double) (now - state.last) / (double) SECOND;
  uint64_t latest = (uint64_t) ((double) (state.done - state.last_done) / passed);
  state.rate = state.rate == 0 ? latest : (state.rate * (SMOOTHING - 1) + latest) / SMOOTHING;
  state.last = now;
  state.last_done = state.done;
}

void
progress_show (void *data, uint64_t done, uint64_t total)
{
  (void) data;
  state.done = done;
  state.total = total;
  int64_t now = time_now ();
  int64_t step = state.terminal ? SECOND / STEP_DIVISOR : SECOND;
  if (!state.enabled || now - state.last < step)
    return;
  update_rate (now);
  write_figures (append_present);
}

void
progress_show_tree (const struct lr_tree_figures *figures)
{
  state.tree = true;
  state.files = figures->files;
  state.total_files = figures->total_files;
  progress_show (NULL, figures->bytes, figures->total_bytes);
}

bool
progress_is_wanted (void)
{
  return state.enabled;
}

void
progress_complete_tree (uint64_t files, uint64_t size)
{
  state.tree = true;
  state.files = files;
  progress_complete (size);
}

void
progress_complete (uint64_t size)
{
  if (!state.enabled || (!state.shown && !given.wanted))
    return;
  state.done = size;
  write_figures (append_past);
  if (state.terminal && state.shown)
    write_all (STDERR_FILENO, "\n", 1);
}

void
progress_abandon (void)
{
  static const char clear[] = "\r\033[K";
  if (state.shown && state.terminal)
    write_all (STDERR_FILENO, clear, sizeof clear - 1);
}
