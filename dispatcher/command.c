/* ProcessRun: a command with its input and output held back until it has ended.

   Input and both outputs move side by side, so that no order of reading and writing in the command
   can block it.  It has ended when its leader has, and its outputs have reached their end.  */

#include "dispatcher/feed.h"
#include "dispatcher/launch.h"
#include "dispatcher/loop.h"
#include "dispatcher/process.h"
#include "dispatcher/request.h"
#include "dispatcher/spool.h"
#include "protocol/codec.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
  CHUNK = 64 << 10,
};

/* One output being kept.  */
struct capture
{
  struct command *command;
  struct watch watch; /* fd -1: it has reached its end */
  struct spool kept;
  int errnum; /* it can't be kept; the rest is dropped */
};

struct command
{
  struct request *request; /* borrowed */
  struct feed input;
  int input_errnum; /* the input could not be kept */
  struct capture output, error;
  struct process process;
  bool started;
};

static struct command *
new_command (struct request *request)
{
  struct command *command = calloc (1, sizeof *command);
  if (command == NULL)
    return NULL;
  command->request = request;
  command->input = FEED_EMPTY;
  command->output = (struct capture){ command, { .fd = -1 }, SPOOL_EMPTY, 0 };
  command->error = command->output;
  request->state = command;
  return command;
}

static void
free_command (struct command *command)
{
  if (command == NULL)
    return;
  if (command->started)
    process_free (&command->process);
  feed_close (&command->input);
  loop_close (&command->output.watch);
  loop_close (&command->error.watch);
  spool_free (&command->output.kept);
  spool_free (&command->error.kept);
  free (command);
}

static void
abandon (struct request *request)
{
  free_command (request->state);
  request->state = NULL;
}

/* ---- its input, which comes before the rest of the packet ---- */

static void
begin_content (struct request *request)
{
  new_command (request);
}

static void
take_content (struct request *request, const char *data, size_t size)
{
  struct command *command = request->state;
  if (command != NULL && command->input_errnum == 0)
    command->input_errnum = feed_add (&command->input, data, size);
}

/* ---- while it runs ---- */

static void
end_if_complete (struct command *command)
{
  bool outputs_ended = command->output.watch.fd < 0 && command->error.watch.fd < 0;
  /* A daemon that got away may hold the outputs for ever: not after the end.  */
  if (!command->process.exited || (!outputs_ended && !command->process.killed))
    return;

  struct request *request = command->request;
  struct packet packet = { .id = PACKET_PROCESS_COMPLETED };
  struct contents contents[2] = { CONTENTS_EMPTY, CONTENTS_EMPTY };
  size_t kept = 0;
  int errnum = command->output.errnum != 0 ? command->output.errnum : command->error.errnum;
  packet.process_completed.returncode = command->process.returncode;
  if (request->packet->process_run.capture_output && errnum == 0)
    {
      struct capture *captures[] = { &command->output, &command->error };
      struct packet_bytes *fields[] = { &packet.process_completed.stdout_bytes,
                                        &packet.process_completed.stderr_bytes };
      for (int i = 0; i < 2; i++)
        {
          *fields[i] = packet_data (NULL, spool_size (&captures[i]->kept));
          if (fields[i]->size > 0)
            {
              contents[kept++].spool = captures[i]->kept;
              captures[i]->kept = SPOOL_EMPTY;
            }
        }
    }
  abandon (request);
  if (errnum != 0)
    answer_process_error (request, "cannot keep the output of the command", errnum);
  else
    answer_with_contents (request, &packet, contents);
}

static void
process_changed (void *context)
{
  end_if_complete (context);
}

static void
output_ready (void *context, short events)
{
  static char buffer[CHUNK];
  struct capture *capture = context;
  (void) events;
  ssize_t got = read (capture->watch.fd, buffer, sizeof buffer);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got > 0)
    {
      if (capture->errnum == 0)
        capture->errnum = spool_append (&capture->kept, buffer, (size_t) got);
      if (spool_size (&capture->kept) > packet_plain_limits.bytes_size)
        capture->errnum = EFBIG;
      if (capture->errnum != 0)
        spool_free (&capture->kept);
      return;
    }
  loop_close (&capture->watch);
  end_if_complete (capture->command);
}

/* ---- its start ---- */

/* Watch NEAR, the near end of an output.  */
static bool
watch_output (struct launch *launch, int fd, struct capture *capture)
{
  int near;
  if (!launch_pipe (launch, fd, &near))
    return false;
  errno = ENOMEM;
  return loop_watch (&capture->watch, near, POLLIN, output_ready, capture);
}

static bool
open_descriptors (struct command *command, struct launch *launch)
{
  bool capture = command->request->packet->process_run.capture_output;
  int input = -1;
  if (spool_size (&command->input.waiting) > 0)
    {
      feed_finish (&command->input);
      if (!launch_pipe (launch, 0, &input))
        return false;
      errno = ENOMEM;
      if (!feed_begin (&command->input, input))
        return false;
    }
  else if (!launch_null (launch, 0))
    return false;
  if (capture)
    return watch_output (launch, 1, &command->output) && watch_output (launch, 2, &command->error);
  return launch_null (launch, 1) && launch_null (launch, 2);
}

static void
start (struct request *request, struct command *command, struct launch *launch)
{
  if (open_descriptors (command, launch))
    launch_start (launch);
  else
    launch_give_up (launch);
  command->started = launch->birth.stage == PROCESS_STARTED;
  if (command->started)
    {
      process_adopt (&command->process, launch->birth.pid, process_changed, command);
      return;
    }
  abandon (request);
  launch_answer_failed (launch, request);
}

static void
handle_command (struct request *request)
{
  const struct packet_process_run *asked = &request->packet->process_run;
  const struct launch_fields fields = { .command = &asked->command,
                                        .user = &asked->user,
                                        .group = &asked->group,
                                        .umask = &asked->umask,
                                        .cwd = &asked->cwd };
  struct launch launch = LAUNCH_EMPTY;
  struct command *command = request->state;
  bool has_input = asked->stdin_bytes.present;
  request->state = NULL; /* an answer gives the request away: COMMAND is ours until it is certain */
  if (!launch_check (&launch, request, &fields))
    free_command (command);
  else if (command != NULL && command->input_errnum != 0)
    {
      int errnum = command->input_errnum;
      free_command (command);
      answer_process_error (request, "cannot keep the input of the command", errnum);
    }
  else
    {
      request->state = command;
      if (command == NULL && !has_input)
        command = new_command (request);
      if (command == NULL)
        answer_os_error (request, ENOMEM, "cannot run a command");
      else
        start (request, command, &launch);
    }
  launch_free (&launch);
}

/* The client is gone: what it would still have sent to the command ends here.  */
static void
hurry_command (struct request *request)
{
  struct command *command = request->state;
  feed_close (&command->input);
}

const struct request_kind command_kind = {
  .id = PACKET_PROCESS_RUN,
  .protocols = REQUEST_PLAIN,
  .handle = handle_command,
  .begin_content = begin_content,
  .content = take_content,
  .hurry = hurry_command,
  .abandon = abandon,
};
