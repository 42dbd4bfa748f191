/* ProcessRun: a command with its input and output held back until it has ended.

   Input and both outputs move side by side, so that no order of reading and writing in the command
   can block it.  It has ended when its leader has, and its outputs have reached their end.  */

#include "dispatcher/ids.h"
#include "dispatcher/loop.h"
#include "dispatcher/mode.h"
#include "dispatcher/process.h"
#include "dispatcher/request.h"
#include "dispatcher/spool.h"
#include "protocol/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
  struct spool input;      /* what the command has not taken yet */
  int input_errnum;        /* the input could not be kept */
  struct watch input_watch;
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
  command->input = SPOOL_EMPTY;
  command->input_watch = (struct watch){ .fd = -1, .slot = -1 };
  command->output = (struct capture){ command, { .fd = -1, .slot = -1 }, SPOOL_EMPTY, 0 };
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
  loop_close (&command->input_watch);
  loop_close (&command->output.watch);
  loop_close (&command->error.watch);
  spool_free (&command->input);
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
    command->input_errnum = spool_append (&command->input, data, size);
}

/* ---- while it runs ---- */

/* It is the caller's command, and not its program, that can't be had.  */
static void
answer_process_error (struct request *request, const char *what, int errnum)
{
  char message[256];
  struct packet packet = { .id = PACKET_PROCESS_ERROR };
  snprintf (message, sizeof message, "%s: %s", what, strerror (errnum));
  packet.process_error.message = packet_text (message);
  answer (request, &packet);
}

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

static void
input_ready (void *context, short events)
{
  static char buffer[CHUNK];
  struct command *command = context;
  const char *data;
  (void) events;
  long size = spool_peek (&command->input, buffer, sizeof buffer, &data);
  ssize_t wrote = size > 0 ? write (command->input_watch.fd, data, (size_t) size) : -1;
  if (size > 0 && wrote < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (wrote > 0)
    spool_take (&command->input, (size_t) wrote);
  /* The end, or a command that doesn't want the rest: both close it.  */
  if (wrote < 0 || spool_size (&command->input) == 0)
    {
      loop_close (&command->input_watch);
      spool_free (&command->input);
    }
}

/* ---- its start ---- */

/* The user's ids into SETUP; its groups into *GROUPS, which the caller frees.  False: answered.  */
static bool
check_user (struct request *request, struct process_setup *setup, gid_t **groups)
{
  const struct packet_bytes *user = &request->packet->process_run.user;
  if (!user->present)
    return true;
  const struct passwd *entry = ids_find_user (user->data);
  if (entry == NULL)
    {
      answer_not_found (request, "user", "user", user->data);
      return false;
    }
  setup->uid = entry->pw_uid;
  setup->gid = entry->pw_gid;
  *groups = ids_groups_of (entry->pw_name, entry->pw_gid, &setup->group_count);
  setup->groups = *groups;
  if (*groups != NULL)
    return true;
  answer_os_error (request, ENOMEM, "cannot list the groups of %s", user->data);
  return false;
}

static bool
check_group (struct request *request, struct process_setup *setup)
{
  const struct packet_bytes *group = &request->packet->process_run.group;
  if (!group->present)
    return true;
  const struct group *entry = ids_find_group (group->data);
  if (entry == NULL)
    {
      answer_not_found (request, "group", "group", group->data);
      return false;
    }
  setup->gid = entry->gr_gid;
  return true;
}

static bool
check_cwd (struct request *request, struct process_setup *setup)
{
  const struct packet_bytes *cwd = &request->packet->process_run.cwd;
  if (!cwd->present)
    return true;
  int directory = open (cwd->data, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 && (errno == ENOENT || errno == ENOTDIR))
    {
      answer_invalid_field (request, "cwd", "not a directory: %s", cwd->data);
      return false;
    }
  if (directory >= 0)
    close (directory);
  setup->cwd = cwd->data; /* whether it can be entered, the command's user finds out */
  return true;
}

/* Everything of the packet that the caller can get wrong, in the protocol's order.  False:
   answered.  */
static bool
check_request (struct request *request, struct process_setup *setup, gid_t **groups)
{
  const struct packet_process_run *asked = &request->packet->process_run;
  if (asked->command.count == 0)
    {
      answer_invalid_field (request, "command", "no program is named");
      return false;
    }
  setup->umask = 077;
  if (asked->umask.present && !mode_parse (asked->umask.data, 0777, &setup->umask))
    {
      answer_invalid_field (request, "umask", "not an octal mask of at most 0777: %s",
                            asked->umask.data);
      return false;
    }
  if (!check_user (request, setup, groups) || !check_group (request, setup)
      || !check_cwd (request, setup))
    return false;
  setup->change_user = asked->user.present && setup->uid != geteuid ();
  setup->change_group = (asked->user.present || asked->group.present)
                        && (setup->change_user || setup->gid != getegid ());
  return true;
}

static void
answer_not_started (struct request *request, const struct process_setup *setup,
                    enum process_stage stage, int errnum)
{
  static const char *const stages[] = {
    [PROCESS_GROUP] = "cannot change to the group",
    [PROCESS_USER] = "cannot change to the user",
    [PROCESS_CWD] = "cannot change to the directory",
  };
  if (stage == PROCESS_EXEC)
    answer_os_error (request, errnum, "cannot run %s", setup->command[0]);
  else if (stage == PROCESS_FORK)
    answer_os_error (request, errnum, "cannot start a process for %s", setup->command[0]);
  else
    answer_process_error (request, stages[stage], errnum);
}

/* The command's ends of the descriptors; -1 are not open.  */
struct far_ends
{
  int input, output, error;
};

static void
close_far_ends (struct far_ends *ends)
{
  const int fds[] = { ends->input, ends->output, ends->error };
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if (fds[i] >= 0)
      close (fds[i]);
}

/* A pipe whose near end is watched; the far end, or -1 and errno.  OUR_END is its index.  */
static int
open_pipe (struct watch *watch, int our_end, short events,
           void (*ready) (void *context, short events), void *context)
{
  int ends[2];
  if (pipe2 (ends, O_CLOEXEC) != 0)
    return -1;
  fcntl (ends[our_end], F_SETFL, O_NONBLOCK);
  if (loop_watch (watch, ends[our_end], events, ready, context))
    return ends[1 - our_end];
  close (ends[1 - our_end]);
  errno = ENOMEM;
  return -1;
}

static bool
open_descriptors (struct command *command, struct far_ends *ends)
{
  bool capture = command->request->packet->process_run.capture_output;
  *ends = (struct far_ends){ -1, -1, -1 };
  if (spool_size (&command->input) > 0)
    ends->input = open_pipe (&command->input_watch, 1, POLLOUT, input_ready, command);
  else
    ends->input = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  if (capture)
    {
      ends->output = open_pipe (&command->output.watch, 0, POLLIN, output_ready, &command->output);
      ends->error = open_pipe (&command->error.watch, 0, POLLIN, output_ready, &command->error);
    }
  else
    {
      ends->output = open ("/dev/null", O_WRONLY | O_CLOEXEC);
      ends->error = open ("/dev/null", O_WRONLY | O_CLOEXEC);
    }
  return ends->input >= 0 && ends->output >= 0 && ends->error >= 0;
}

static void
start (struct request *request, struct command *command, struct process_setup *setup)
{
  struct far_ends ends;
  int errnum = 0;
  enum process_stage stage = PROCESS_FORK;
  if (open_descriptors (command, &ends))
    {
      setup->input = ends.input;
      setup->output = ends.output;
      setup->error = ends.error;
      stage = process_start (&command->process, setup, process_changed, command, &errnum);
    }
  else
    errnum = errno;
  close_far_ends (&ends);
  command->started = stage == PROCESS_STARTED;
  if (command->started)
    return;
  abandon (request);
  answer_not_started (request, setup, stage, errnum);
}

/* The packet's list as an argv, which the caller frees.  Its texts stay the packet's.  */
static const char **
make_argv (const struct packet_list *list)
{
  const char **argv = malloc ((size_t) (list->count + 1) * sizeof *argv);
  if (argv == NULL)
    return NULL;
  for (uint64_t i = 0; i < list->count; i++)
    argv[i] = list->items[i].data;
  argv[list->count] = NULL;
  return argv;
}

static void
handle_command (struct request *request)
{
  struct process_setup setup = { .cwd = NULL };
  struct command *command = request->state;
  const char **argv = make_argv (&request->packet->process_run.command);
  gid_t *groups = NULL;
  bool has_input = request->packet->process_run.stdin_bytes.present;
  request->state = NULL; /* an answer gives the request away: COMMAND is ours until it is certain */
  if (!check_request (request, &setup, &groups))
    free_command (command);
  else if (!process_may_start ())
    {
      free_command (command);
      answer_os_error (request, ECANCELED, "the input has ended: %s is not started",
                       request->packet->process_run.command.items[0].data);
    }
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
      if (command == NULL || argv == NULL)
        {
          abandon (request);
          answer_os_error (request, ENOMEM, "cannot run a command");
        }
      else
        {
          setup.command = argv;
          start (request, command, &setup);
        }
    }
  free (groups);
  free (argv);
}

/* The client is gone: what it would still have sent to the command ends here.  */
static void
hurry_command (struct request *request)
{
  struct command *command = request->state;
  loop_close (&command->input_watch);
  spool_free (&command->input);
}

const struct request_kind command_kind = {
  .id = PACKET_PROCESS_RUN,
  .handle = handle_command,
  .begin_content = begin_content,
  .content = take_content,
  .hurry = hurry_command,
  .abandon = abandon,
};
