#include "cli/answers.h"
#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/lines.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/requests.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
  REQUEST_LIMIT = 1000,   /* under way at once */
  MEMORY_LIMIT = 64 << 20 /* bytes of lines under way and of answers that wait; beyond it no more
                             lines are taken */
};

static struct lines lines;
static struct answers answers;
static struct requests requests;

static void
add_answer (json_t *answer)
{
  answers_add (&answers, answer);
}

static bool
is_full (void)
{
  return requests.count >= REQUEST_LIMIT
         || requests.size + answers_waiting (&answers) > MEMORY_LIMIT;
}

static bool
is_blank (const char *text, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (strchr (" \t\r", text[i]) == NULL || text[i] == '\0')
      return false;
  return true;
}

/* Begin what the lines that are there ask for, as far as there is room for it.  Returns whether
   more lines must come before anything else can be begun.  */
static bool
take_lines (void)
{
  const char *text;
  size_t size;
  enum line_kind kind;
  while (!is_full ())
    {
      if ((kind = lines_take (&lines, &text, &size)) == LINE_NONE)
        return true;
      if (kind == LINE_TOO_LONG)
        requests_refuse_long (&requests, lines.number);
      else if (!is_blank (text, size))
        requests_begin (&requests, text, size, lines.number);
    }
  return false;
}

/* What there is to wait for.  */
enum
{
  LOOP,
  INPUT,
  OUTPUT,
  SOURCES
};

static void
wait_for_any (struct pollfd *sources, bool want_lines)
{
  bool answers_wait = answers_waiting (&answers) > 0;
  sources[LOOP] = (struct pollfd){ .fd = lr_loop_descriptor (connect_loop ()), .events = POLLIN };
  sources[INPUT] = (struct pollfd){ .fd = want_lines ? STDIN_FILENO : -1, .events = POLLIN };
  /* That nobody reads it is told also while there is nothing to write.  */
  sources[OUTPUT] = (struct pollfd){ .fd = STDOUT_FILENO, .events = answers_wait ? POLLOUT : 0 };
  while (poll (sources, SOURCES, -1) < 0 && errno == EINTR)
    if (interruption_signal () != 0)
      break;
}

/* Standard output can't be written.  Returns the exit status.  */
static int
report_output (int errnum)
{
  return errnum == EPIPE ? interruption_note (SIGPIPE) : output_report_broken (errnum);
}

static int
report_input (int errnum)
{
  return report_local (errnum, "cannot read standard input: %s", strerror (errnum));
}

/* Do what SOURCES allow.  Returns 0, or an exit status, having reported why it is over.  */
static int
step (const struct pollfd *sources)
{
  struct lr_error error;
  if (sources[OUTPUT].revents & POLLERR && answers_waiting (&answers) == 0)
    return report_output (EPIPE);
  if (sources[OUTPUT].revents != 0 && answers_waiting (&answers) > 0
      && answers_write (&answers) != 0)
    return report_output (errno);
  if (sources[LOOP].revents != 0 && lr_loop_dispatch (connect_loop (), 0, &error) < 0)
    return report_failure (&error);
  if (sources[INPUT].revents != 0 && lines_read (&lines) != 0)
    return report_input (errno);
  return 0;
}

/* Carry out all lines.  Returns an exit status.  */
static int
serve (void)
{
  int status = 0;
  while (status == 0)
    {
      struct pollfd sources[SOURCES];
      bool want_lines = take_lines ();
      if (want_lines && lines.ended && requests.count == 0 && answers_waiting (&answers) == 0)
        return requests.broken ? STATUS_CONNECTION : 0;
      wait_for_any (sources, want_lines && !lines.ended);
      status =
          interruption_signal () != 0 ? interruption_note (interruption_signal ()) : step (sources);
    }
  return status;
}

static int
batch_perform (char **operands, size_t count)
{
  (void) count;
  lr_connection *connection;
  int status = connect_open (operands[0], &connection);
  if (status != 0)
    return status;
  /* Files that are being fetched are tidied up first.  */
  signal (SIGPIPE, SIG_IGN);
  answers_begin (&answers);
  requests = (struct requests){ .connection = connection,
                                .timeout = timeout_given (),
                                .answer = add_answer };
  interruption_begin ();
  status = serve ();
  interruption_end ();
  /* What is still under way ends with the connection.  */
  connect_end ();
  answers_free (&answers);
  lines_free (&lines);
  return status;
}

const struct subcommand batch_subcommand = {
  .name = "batch",
  .operands = "URL",
  .summary = "Carry out many operations, side by side, as lines of JSON ask for them",
  .details =
      "Each line of standard input is an object such as "
      "{\"id\":1,\"op\":\"stat\",\"path\":\"/etc\"}, "
      "each line of standard output an answer with its id: {\"id\":1,\"result\":{...}} or "
      "{\"id\":1,\"error\":{...}}. Answers come as they are there, in any order. The manual page "
      "longreach(1) has all operations and their fields. --timeout is for each one that has none "
      "of its own.",
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_TIMEOUT,
  .least = 1,
  .most = 1,
  .perform = batch_perform,
};
