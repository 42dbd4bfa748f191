#include "cli/outcome.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int
outcome_of_returncode (int64_t returncode)
{
  if (returncode >= 0 && returncode <= 255)
    return (int) returncode;
  if (returncode < 0 && returncode >= -127)
    return STATUS_SIGNAL - (int) returncode;
  return STATUS_CONNECTION;
}

int
outcome_report_returncode (int64_t returncode)
{
  if (returncode <= 255 && returncode >= -127)
    return outcome_of_returncode (returncode);
  struct lr_error error = { .kind = LR_ERROR_IO, .hop = -1 };
  snprintf (error.message, sizeof error.message,
            "the far side says that the command returned %lld, which none can",
            (long long) returncode);
  return report_failure_as (&error, STATUS_CONNECTION);
}

static int
report_timeout (void)
{
  struct lr_error error = { .kind = LR_ERROR_TIMEOUT, .hop = -1 };
  snprintf (error.message, sizeof error.message, "%s: the command was ended, for its time was over",
            connect_host ());
  return report_failure_as (&error, STATUS_TIMEOUT);
}

int
outcome_of_end (const struct attached_end *end)
{
  if (end->gave_up != 0)
    return STATUS_SIGNAL + end->gave_up;
  if (end->status.timed_out)
    return report_timeout ();
  return outcome_report_returncode (end->status.returncode);
}

/* Make the message of a program that is not there name it, and guess what was meant.  */
static void
explain_absent_program (struct lr_error *error, const char *url, const char *program)
{
  FILE *stream = fmemopen (error->message, sizeof error->message, "w");
  if (stream == NULL)
    out_of_memory ();
  if (error->host[0] != '\0')
    fprintf (stream, "%s: ", error->host);
  fputs ("the program ", stream);
  text_print_quoted (stream, program);
  fputs (" does not exist", stream);
  if (strpbrk (program, " \t\n") != NULL)
    {
      fputs ("; to run it as a shell command: longreach run ", stream);
      text_print_quoted (stream, url);
      fputs (" -- sh -c ", stream);
      text_print_quoted (stream, program);
    }
  else if (program[0] == '-')
    fputs ("; options of longreach come before the URL", stream);
  else if (strchr (program, '/') != NULL)
    fputs (", or the interpreter that it names does not", stream);
  fclose (stream);
  error->message[sizeof error->message - 1] = '\0';
}

/* Whether the far side's ERRNUM says something about the program, and not about the far side.  */
static bool
is_of_program (int errnum)
{
  static const int others[] = { EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, ECANCELED, EMSGSIZE };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (errnum == others[i])
      return false;
  return true;
}

/* Whether ERROR is about the standard stream that the library calls NAME.  */
static bool
is_of_stream (const struct lr_error *error, const char *name)
{
  return error->kind == LR_ERROR_IO && strcmp (error->field, name) == 0;
}

/* A stream of ours failed.  As in a pipeline here, nothing is said where only nobody reads the
   output any more.  */
static int
report_stream (const struct lr_error *error)
{
  if (is_of_stream (error, "input"))
    return report_local (error->errnum, "cannot read standard input: %s", strerror (error->errnum));
  if (error->errnum == EPIPE)
    return STATUS_SIGNAL + SIGPIPE;
  if (is_of_stream (error, "output"))
    return output_report_broken (error->errnum);
  return report_local (error->errnum, "cannot write to standard error: %s",
                       strerror (error->errnum));
}

int
outcome_of_failure (struct lr_error *error, const char *url, const char *program)
{
  if (is_of_stream (error, "input") || is_of_stream (error, "output")
      || is_of_stream (error, "error"))
    return report_stream (error);
  if (error->kind != LR_ERROR_REMOTE_OS || !is_of_program (error->errnum))
    return report_failure (error);
  if (error->errnum != ENOENT)
    return report_failure_as (error, STATUS_CANNOT_EXECUTE);
  explain_absent_program (error, url, program);
  return report_failure_as (error, STATUS_NO_PROGRAM);
}
