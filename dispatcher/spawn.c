/* Spawn: a command whose input and outputs pass through while it runs; and SpawnAsking, which gives
   it a terminal beside them.

   Where the command's program or directory may be on a file system that hangs, a worker starts it;
   what comes for it in the meantime is kept.

   The channel is closed when the leader has exited (and Exited was sent) and the outputs have
   ended; or were cut off: then only what they have at that moment is still sent.  */

#include "dispatcher/channel.h"
#include "dispatcher/feed.h"
#include "dispatcher/launch.h"
#include "dispatcher/loop.h"
#include "dispatcher/process.h"
#include "dispatcher/terminal.h"
#include "dispatcher/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum
{
  TERMINAL_LEFT = 128 << 10, /* bytes: more than a terminal keeps of what was written to it */
  KILL_AFTER = 5000,         /* milliseconds from the SIGTERM of a timeout */
};

#define LONGEST (INT64_MAX / 2) /* milliseconds: more is for ever */

/* The outputs, which are the streams 1 to 3.  */
enum
{
  DRAIN_OUTPUT, /* or all that a terminal shows */
  DRAIN_ERROR,
  DRAIN_TERMINAL, /* beside them */
  DRAINS,
};

/* One output.  */
struct drain
{
  struct spawn *spawn;
  struct watch watch;    /* fd -1: it has ended */
  struct outlet *outlet; /* borrowed from the channel */
  bool cut;              /* no more than LEFT bytes, which it has already */
  size_t left;
};

struct spawn
{
  struct work work;     /* the first member: the start */
  bool slow;            /* it is for a worker */
  struct launch launch; /* until it is started */
  struct arena memory;  /* of the packet, if that doesn't last until then */

  struct request *request; /* borrowed; NULL: abandoned, and only waits to be reaped */
  struct feed input;
  int near_input;   /* owned until INPUT has it; -1 */
  char last_input;  /* the last character that came */
  bool input_ended; /* no more comes */
  int input_errnum; /* why the command has not got all of what comes; 0: it has, or doesn't want it
                     */
  uint64_t early_signals; /* set of those that came before it was started: bit N - 1 is signal N */
  struct drain drains[DRAINS];
  bool terminal; /* its input and output are one */
  int slave; /* owned: of the one beside them, which would end whenever nobody has it open; -1 */
  int64_t linger; /* milliseconds; -1: for ever */
  struct timer timeout, lingering;
  bool timed_out, cancelled;
  bool told; /* Exited was sent */
  struct process process;
};

static struct spawn *
new_spawn (struct request *request)
{
  const struct packet_spawn *asked = &request->packet->spawn;
  struct spawn *spawn = calloc (1, sizeof *spawn);
  if (spawn == NULL)
    return NULL;
  spawn->request = request;
  spawn->near_input = spawn->slave = -1;
  spawn->launch = LAUNCH_EMPTY;
  spawn->input = FEED_EMPTY;
  spawn->input.waiting.account = &channel_input_account;
  spawn->linger = asked->linger < LONGEST ? asked->linger : -1;
  for (int i = 0; i < DRAINS; i++)
    spawn->drains[i] = (struct drain){ .spawn = spawn,
                                       .watch = { .fd = -1 },
                                       .outlet = &channel_of (request)->outlets[i + 1] };
  return spawn;
}

/* All but the process.  */
static void
free_spawn (struct spawn *spawn)
{
  loop_clear_timer (&spawn->timeout);
  loop_clear_timer (&spawn->lingering);
  feed_close (&spawn->input);
  if (spawn->near_input >= 0)
    close (spawn->near_input);
  if (spawn->slave >= 0)
    close (spawn->slave);
  for (int i = 0; i < DRAINS; i++)
    loop_close (&spawn->drains[i].watch);
  launch_free (&spawn->launch);
  arena_free (&spawn->memory);
  free (spawn);
}

/* Reap the leader.  Of a command that had to be ended nothing stays.  */
static void
reap (struct spawn *spawn)
{
  if (spawn->cancelled || spawn->timed_out)
    process_signal (&spawn->process, SIGKILL);
  else if (spawn->terminal)
    {
      /* The kernel tells only the foreground of a terminal that it is gone.  */
      process_signal (&spawn->process, SIGHUP);
      process_signal (&spawn->process, SIGCONT);
    }
  process_free (&spawn->process);
}

/* ---- the end ---- */

static void
tell_exit (struct spawn *spawn)
{
  const struct rusage *usage = &spawn->process.usage;
  struct packet packet = { .id = PACKET_EXITED };
  packet.exited.returncode = spawn->process.returncode;
  packet.exited.timed_out = spawn->timed_out;
  packet.exited.user_time =
      (uint64_t) usage->ru_utime.tv_sec * 1000000000 + (uint64_t) usage->ru_utime.tv_usec * 1000;
  packet.exited.system_time =
      (uint64_t) usage->ru_stime.tv_sec * 1000000000 + (uint64_t) usage->ru_stime.tv_usec * 1000;
  packet.exited.max_resident = (uint64_t) usage->ru_maxrss * 1024;
  request_send (spawn->request, &packet);
  spawn->told = true;
}

static void
close_if_complete (struct spawn *spawn)
{
  bool outputs_ended = true;
  for (int i = 0; i < DRAINS; i++)
    outputs_ended = outputs_ended && spawn->drains[i].watch.fd < 0;
  /* Who is killed at the end is not waited for.  */
  if (!spawn->told || (!outputs_ended && !spawn->process.killed))
    return;
  struct request *request = spawn->request;
  int input_errnum = spawn->input_errnum;
  reap (spawn);
  free_spawn (spawn);
  request->state = NULL;
  /* How it exited says nothing then: it may have taken the end for that of its input.  */
  if (input_errnum != 0)
    answer_os_error (request, input_errnum, "the command has not got all its input");
  else
    answer (request, &(struct packet){ .id = PACKET_CLOSED });
}

/* ENDED: and not cut off.  */
static void
end_drain (struct drain *drain, bool ended)
{
  loop_close (&drain->watch);
  if (ended)
    outlet_end (drain->outlet);
  else
    outlet_close (drain->outlet);
}

static bool
is_terminal (const struct drain *drain)
{
  return drain->spawn->terminal || drain == &drain->spawn->drains[DRAIN_TERMINAL];
}

/* Whether nobody can write to it any more, and all was read.  */
static bool
is_at_end (const struct drain *drain)
{
  struct pollfd poll_fd = { .fd = drain->watch.fd, .events = POLLIN };
  return poll (&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) == 0;
}

static bool
has_more (const struct drain *drain)
{
  struct pollfd poll_fd = { .fd = drain->watch.fd, .events = POLLIN };
  return poll (&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0;
}

/* From here on only what it has now.  */
static void
cut_drain (struct drain *drain)
{
  int left = 0;
  if (drain->watch.fd < 0 || drain->cut)
    return;
  if (is_terminal (drain))
    left = has_more (drain) ? TERMINAL_LEFT : 0;
  else if (ioctl (drain->watch.fd, FIONREAD, &left) != 0)
    left = 0;
  drain->cut = true;
  drain->left = (size_t) left;
  loop_set_events (&drain->watch, WATCH_NOTHING);
  if (left == 0)
    end_drain (drain, is_terminal (drain) || is_at_end (drain));
  else
    outlet_ready (drain->outlet);
}

static void
cut_outputs (void *context)
{
  struct spawn *spawn = context;
  for (int i = 0; i < DRAINS; i++)
    cut_drain (&spawn->drains[i]);
  close_if_complete (spawn);
}

static void
process_changed (void *context)
{
  struct spawn *spawn = context;
  if (!spawn->process.exited)
    return;
  if (spawn->request == NULL)
    {
      reap (spawn);
      free_spawn (spawn);
      return;
    }
  if (!spawn->told)
    {
      feed_drop (&spawn->input);
      tell_exit (spawn);
      cut_drain (&spawn->drains[DRAIN_TERMINAL]);
      if (spawn->timed_out || spawn->terminal || spawn->linger == 0)
        {
          cut_outputs (spawn);
          return;
        }
      if (spawn->linger > 0)
        loop_set_timer (&spawn->lingering, loop_now () + spawn->linger, cut_outputs, spawn);
    }
  close_if_complete (spawn);
}

static void
close_streams (struct spawn *spawn)
{
  feed_close (&spawn->input);
  for (int i = 0; i < DRAINS; i++)
    {
      loop_close (&spawn->drains[i].watch);
      outlet_close (spawn->drains[i].outlet);
    }
}

/* Kill it, and wait for that alone.  */
static void
abandon (struct request *request)
{
  struct spawn *spawn = request->state;
  request->state = NULL;
  if (spawn == NULL)
    return;
  spawn->cancelled = true;
  close_streams (spawn);
  spawn->request = NULL;
  if (spawn->work.busy)
    {
      spawn->memory = channel_take_memory (request);
      process_give_up (&spawn->launch.birth);
      return;
    }
  process_signal (&spawn->process, SIGKILL);
  process_changed (spawn);
}

/* ---- outputs ---- */

static long
produce_end (struct drain *drain, bool ended)
{
  end_drain (drain, ended);
  close_if_complete (drain->spawn);
  return OUTLET_GONE;
}

/* Without anything to read its end needs no credit.  */
static void
output_ready (void *context, short events)
{
  struct drain *drain = context;
  loop_set_events (&drain->watch, WATCH_NOTHING);
  if ((events & POLLIN) != 0)
    outlet_ready (drain->outlet);
  else
    produce_end (drain, true);
}

/* Whether there is more, without credit for it.  */
static long
look_for_end (struct drain *drain)
{
  if (drain->cut)
    return is_terminal (drain) && !has_more (drain) ? produce_end (drain, true) : OUTLET_AGAIN;
  loop_set_events (&drain->watch, POLLIN);
  return OUTLET_LATER;
}

static long
produce (void *context, char *buffer, size_t size)
{
  struct drain *drain = context;
  if (drain->spawn->work.busy)
    return OUTLET_LATER;
  if (drain->cut && drain->left == 0)
    return produce_end (drain, is_terminal (drain) || is_at_end (drain));
  if (size == 0)
    return look_for_end (drain);
  if (drain->cut && drain->left < size)
    size = drain->left;
  ssize_t got = read (drain->watch.fd, buffer, size);
  if (got < 0 && errno == EINTR)
    return OUTLET_AGAIN;
  if (got < 0 && errno == EAGAIN && !drain->cut)
    {
      loop_set_events (&drain->watch, POLLIN);
      return OUTLET_LATER;
    }
  /* A terminal's end is EIO, or that it has no more when its leader has exited.  */
  if (got <= 0)
    return produce_end (drain, got == 0 || is_terminal (drain) || errno != EAGAIN);
  drain->left -= drain->cut ? (size_t) got : 0;
  return got;
}

/* ---- input ---- */

static void
input_taken (void *context, size_t size)
{
  struct spawn *spawn = context;
  if (spawn->request != NULL)
    channel_use_input (spawn->request, size, spool_size (&spawn->input.waiting) == 0);
}

static void
take_input (struct request *request, const char *data, size_t size)
{
  struct spawn *spawn = request->state;
  spawn->last_input = data[size - 1];
  /* Without a reader it is dropped.  */
  if (!spawn->work.busy && spawn->input.watch.fd < 0)
    {
      channel_use_input (request, size, false);
      return;
    }
  int errnum = feed_add (&spawn->input, data, size);
  if (errnum == 0)
    return;
  abandon (request);
  answer_process_error (request, "cannot keep the input of the command", errnum);
}

static void
close_input (struct spawn *spawn)
{
  char characters[2];
  if (!spawn->terminal)
    {
      feed_finish (&spawn->input);
      return;
    }
  size_t count = terminal_end_of_input (spawn->input.watch.fd, spawn->last_input, characters);
  if (count > 0)
    feed_add (&spawn->input, characters, count);
}

static void
end_input (struct request *request)
{
  struct spawn *spawn = request->state;
  spawn->input_ended = true;
  if (!spawn->work.busy && spawn->input.watch.fd >= 0)
    close_input (spawn);
}

/* ---- what the client asks for while it runs ---- */

static void
send_signal (struct request *request, int number)
{
  struct spawn *spawn = request->state;
  if (spawn->work.busy)
    {
      spawn->early_signals |= 1ULL << (number - 1);
      return;
    }
  process_signal_group (&spawn->process, number);
  if (!spawn->process.exited && spawn->drains[0].watch.fd >= 0 && spawn->terminal)
    terminal_signal (spawn->drains[0].watch.fd, spawn->process.pid, number);
}

static void
resize (struct request *request, uint32_t rows, uint32_t columns)
{
  const struct spawn *spawn = request->state;
  if (spawn->terminal && spawn->drains[0].watch.fd >= 0)
    terminal_resize (spawn->drains[0].watch.fd, rows, columns);
}

/* Who waits for an answer has left room for it: what doesn't fit is none.  */
static void
type_keys (struct request *request, const char *text, size_t size)
{
  const struct spawn *spawn = request->state;
  ssize_t ignored = write (spawn->drains[DRAIN_TERMINAL].watch.fd, text, size);
  (void) ignored;
}

/* Nothing has run yet, as far as the client knows.  */
static void
give_up_start (struct request *request)
{
  abandon (request);
  answer_os_error (request, ECANCELED, "cannot run a command");
}

static void
cancel (struct request *request)
{
  struct spawn *spawn = request->state;
  if (spawn->work.busy)
    {
      give_up_start (request);
      return;
    }
  spawn->cancelled = true;
  process_signal (&spawn->process, SIGKILL);
  close_streams (spawn);
  close_if_complete (spawn);
}

/* The client is gone: what it would still have sent to the command ends here.  */
static void
hurry (struct request *request)
{
  struct spawn *spawn = request->state;
  if (spawn->work.busy)
    {
      give_up_start (request);
      return;
    }
  if (spawn->input.watch.fd >= 0)
    spawn->input_errnum = ECANCELED;
  feed_close (&spawn->input);
}

/* ---- timeout ---- */

static void
kill_late (void *context)
{
  const struct spawn *spawn = context;
  process_signal (&spawn->process, SIGKILL);
}

static void
time_out (void *context)
{
  struct spawn *spawn = context;
  spawn->timed_out = true;
  process_signal (&spawn->process, SIGTERM);
  process_signal (&spawn->process, SIGCONT);
  loop_set_timer (&spawn->timeout, loop_now () + KILL_AFTER, kill_late, spawn);
  if (spawn->told)
    cut_outputs (spawn);
}

/* ---- the start ---- */

/* Nothing is read before Started was sent.  */
static bool
open_drain (struct drain *drain, int near)
{
  errno = ENOMEM;
  if (!loop_watch (&drain->watch, near, WATCH_NOTHING, output_ready, drain))
    return false;
  outlet_open (drain->outlet, produce, drain);
  return true;
}

static bool
open_terminal (struct spawn *spawn)
{
  const struct packet_spawn *asked = &spawn->request->packet->spawn;
  int master;
  spawn->terminal = true;
  if (!launch_terminal (&spawn->launch, &master))
    return false;
  terminal_resize (master, asked->rows, asked->columns);
  if (!open_drain (&spawn->drains[0], master))
    return false;
  spawn->near_input = fcntl (master, F_DUPFD_CLOEXEC, 3);
  return spawn->near_input >= 0;
}

static bool
open_pipes (struct spawn *spawn)
{
  const struct packet_spawn *asked = &spawn->request->packet->spawn;
  struct launch *launch = &spawn->launch;
  int near;
  if (asked->with_input ? !launch_pipe (launch, 0, &spawn->near_input) : !launch_null (launch, 0))
    return false;
  for (int i = 0; i < 2; i++)
    if (asked->with_output
            ? !launch_pipe (launch, i + 1, &near) || !open_drain (&spawn->drains[i], near)
            : !launch_null (launch, i + 1))
      return false;
  return true;
}

/* Where there is none to be had it asks in vain.  */
static bool
open_terminal_beside (struct spawn *spawn)
{
  int master;
  return !launch_terminal_beside (&spawn->launch, &master, &spawn->slave)
         || open_drain (&spawn->drains[DRAIN_TERMINAL], master);
}

static bool
open_streams_of (struct spawn *spawn)
{
  const struct packet *packet = spawn->request->packet;
  if (packet->spawn.term.present)
    return open_terminal (spawn);
  return open_pipes (spawn) && (packet->id != PACKET_SPAWN_ASKING || open_terminal_beside (spawn));
}

static void
tell_start (struct spawn *spawn)
{
  const struct packet_spawn *asked = &spawn->request->packet->spawn;
  struct packet packet = { .id = PACKET_STARTED };
  packet.started.pid = spawn->process.pid;
  request_send (spawn->request, &packet);
  if (asked->timeout > 0 && asked->timeout < LONGEST)
    loop_set_timer (&spawn->timeout, loop_now () + (int64_t) asked->timeout, time_out, spawn);
}

/* Let what was kept go on.  */
static void
open_streams (struct spawn *spawn)
{
  int input = spawn->near_input;
  spawn->near_input = -1;
  for (int i = 0; i < DRAINS; i++)
    if (spawn->drains[i].watch.fd >= 0)
      loop_set_events (&spawn->drains[i].watch, POLLIN);
  if (input < 0)
    return;
  if (!feed_begin (&spawn->input, input))
    {
      spawn->input_errnum = ENOMEM;
      feed_drop (&spawn->input);
    }
  else if (spawn->input_ended)
    close_input (spawn);
}

static void
run_launch (struct work *work, char *scratch)
{
  struct spawn *spawn = (struct spawn *) work;
  (void) scratch;
  launch_start (&spawn->launch);
}

static void
end_start (struct spawn *spawn)
{
  struct request *request = spawn->request;
  struct launch launch = spawn->launch;
  struct arena memory = spawn->memory;
  spawn->launch = LAUNCH_EMPTY;
  spawn->memory = (struct arena){ NULL };
  free_spawn (spawn);
  if (request != NULL)
    {
      request->state = NULL;
      launch_answer_failed (&launch, request);
    }
  launch_free (&launch);
  arena_free (&memory);
}

static void
launched (struct work *work)
{
  struct spawn *spawn = (struct spawn *) work;
  if (spawn->launch.birth.stage != PROCESS_STARTED)
    {
      end_start (spawn);
      return;
    }
  process_adopt (&spawn->process, spawn->launch.birth.pid, process_changed, spawn);
  if (spawn->slow)
    loop_look_at_children ();
  launch_free (&spawn->launch);
  spawn->launch = LAUNCH_EMPTY;
  if (spawn->request == NULL)
    {
      process_signal (&spawn->process, SIGKILL);
      return;
    }
  tell_start (spawn);
  open_streams (spawn);
  for (int i = 0; i < 64; i++)
    if ((spawn->early_signals >> i & 1) != 0)
      process_signal_group (&spawn->process, i + 1);
}

static void
start (struct spawn *spawn)
{
  const struct packet_spawn *asked = &spawn->request->packet->spawn;
  spawn->slow = process_may_hang (&spawn->launch.setup);
  spawn->input.taken = input_taken;
  spawn->input.context = spawn;
  if (asked->with_input || asked->term.present)
    inlet_open (&channel_of (spawn->request)->inlet, INLET_OF_COMMAND);
  if (!open_streams_of (spawn))
    {
      launch_give_up (&spawn->launch);
      launched (&spawn->work);
    }
  else
    worker_run (&spawn->work, spawn->slow, run_launch, launched);
}

static void
handle (struct request *request)
{
  const struct packet_spawn *asked = &request->packet->spawn;
  const struct launch_fields fields = { .command = &asked->command,
                                        .environment = &asked->environment,
                                        .unset = &asked->unset,
                                        .user = &asked->user,
                                        .group = &asked->group,
                                        .umask = &asked->umask,
                                        .cwd = &asked->cwd,
                                        .term = asked->term.present ? asked->term.data : NULL };
  struct spawn *spawn = new_spawn (request);
  if (spawn == NULL)
    answer_os_error (request, ENOMEM, "cannot run a command");
  else if (!launch_check (&spawn->launch, request, &fields))
    free_spawn (spawn);
  else if (asked->linger < -1)
    {
      free_spawn (spawn);
      answer_invalid_field (request, "linger", "neither -1 nor a number of milliseconds");
    }
  else
    {
      request->state = spawn;
      start (spawn);
    }
}

/* It is a Spawn with all that its own packet leaves out.  */
static void
handle_asking (struct request *request)
{
  struct packet *packet = &channel_of (request)->packet;
  const struct packet_spawn_asking asking = packet->spawn_asking;
  packet->spawn = (struct packet_spawn){ .command = asking.command,
                                         .environment = asking.environment,
                                         .with_input = true,
                                         .with_output = true,
                                         .linger = -1 };
  handle (request);
}

const struct request_kind spawn_kind = {
  .id = PACKET_SPAWN,
  .protocols = REQUEST_SESSION,
  .handle = handle,
  .abandon = abandon,
  .hurry = hurry,
  .lasts = request_lasts,
  .input = take_input,
  .input_end = end_input,
  .cancel = cancel,
  .signal = send_signal,
  .resize = resize,
};

const struct request_kind spawn_asking_kind = {
  .id = PACKET_SPAWN_ASKING,
  .protocols = REQUEST_SESSION,
  .handle = handle_asking,
  .abandon = abandon,
  .hurry = hurry,
  .lasts = request_lasts,
  .input = take_input,
  .input_end = end_input,
  .cancel = cancel,
  .signal = send_signal,
  .resize = resize,
  .keys = type_keys,
};
