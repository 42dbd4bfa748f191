/* Write: a file whose new content comes as a stream, and takes the old one's place at its end.

   It is done in steps, of which one is under way at a time.  Most are carried out at once; on a
   worker run those that may take long: all of them where the file may be on a file system that
   hangs, the first where much room is to be made, the last where the file is to be on the disk.
   What comes in the meantime waits in a spool.

   A request that was abandoned while a step is under way leaves its state behind, which goes when
   the step is done.  */

#include "dispatcher/channel.h"
#include "dispatcher/feed.h"
#include "dispatcher/mounts.h"
#include "dispatcher/ownership.h"
#include "dispatcher/replacement.h"
#include "dispatcher/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  SLICE = 64 << 10,     /* bytes written by one step */
  MUCH_ROOM = 16 << 20, /* bytes */
};

struct writing
{
  struct work work; /* the first member: the step under way */
  bool slow;        /* every step is for a worker */

  struct request *request; /* borrowed; NULL: abandoned */
  char *path;              /* owned */
  struct replacement replacement;
  struct replacement_owner owner;
  int64_t size;      /* announced; -1: it was not */
  uint64_t received; /* bytes */
  bool ended;        /* no more comes */
  bool sync;

  struct spool waiting; /* what came, and is not written yet */
  char *slice;          /* owned: what a worker is writing of it */
  size_t slice_size;
  int target;       /* owned: a pipe or a device, until FEED has it; -1 */
  struct feed feed; /* to it, instead */
};

/* ---- steps, on any thread ---- */

static void
begin (struct work *work, char *scratch)
{
  struct writing *writing = (struct writing *) work;
  (void) scratch;
  struct replacement *replacement = &writing->replacement;
  replacement_begin (replacement, writing->path);
  if (writing->size > 0)
    replacement_reserve (replacement, (uint64_t) writing->size);
  if (replacement->errnum == 0 && replacement_is_special (replacement))
    writing->target = replacement_open_special (replacement);
}

static void
write_slice (struct work *work, char *scratch)
{
  struct writing *writing = (struct writing *) work;
  (void) scratch;
  replacement_write (&writing->replacement, writing->slice, writing->slice_size);
}

static void
commit (struct work *work, char *scratch)
{
  struct writing *writing = (struct writing *) work;
  replacement_commit (&writing->replacement, &writing->owner, writing->sync, scratch);
}

/* Closing a file may hang as well.  */
static void
give_back (struct work *work, char *scratch)
{
  struct writing *writing = (struct writing *) work;
  (void) scratch;
  replacement_free (&writing->replacement);
  if (writing->target >= 0)
    close (writing->target);
}

/* ---- in the loop ---- */

static void advance (struct writing *writing);
static void step_done (struct work *work);

static void
take_step (struct writing *writing, worker_step *step, bool long_one)
{
  worker_run (&writing->work, writing->slow || long_one, step, step_done);
}

static void
given_back (struct work *work)
{
  struct writing *writing = (struct writing *) work;
  spool_free (&writing->waiting);
  free (writing->slice);
  free (writing->path);
  free (writing);
}

/* The request is answered, or abandoned: what was written goes, unless it was put in place, as soon
   as no step is under way.  */
static void
leave (struct writing *writing)
{
  if (writing->request != NULL)
    writing->request->state = NULL;
  writing->request = NULL;
  feed_close (&writing->feed);
  if (!writing->work.busy)
    worker_run (&writing->work, writing->slow, give_back, given_back);
  else if (writing->work.step == commit)
    replacement_give_up (&writing->replacement);
}

static void
abandon (struct request *request)
{
  if (request->state != NULL)
    leave (request->state);
}

/* What is being put in place this moment is answered as done, and not as cancelled.  */
static void
cancel (struct request *request)
{
  struct writing *writing = request->state;
  if (writing->work.busy && writing->work.step == commit
      && !replacement_give_up (&writing->replacement))
    return;
  leave (writing);
  answer_os_error (request, ECANCELED, "cannot finish %s", packet_name (request->packet->id));
}

/* An error, or 0: all is done.  */
static void
answer_writing (struct writing *writing, int errnum, const char *what)
{
  struct request *request = writing->request;
  struct packet packet = { .id = PACKET_WRITTEN };
  packet.written.in_place = writing->replacement.in_place;
  leave (writing);
  if (errnum == 0)
    answer (request, &packet);
  else
    answer_os_error (request, errnum, "%s %s", what, request->packet->write.file.data);
}

static void
answer_wrong_size (struct writing *writing)
{
  struct request *request = writing->request;
  bool more = writing->received > (uint64_t) writing->size;
  leave (writing);
  answer_invalid_field (request, "size", "%s bytes came than the %lld that were announced",
                        more ? "more" : "fewer", (long long) request->packet->write.size);
}

static void
note_written (struct writing *writing, size_t size)
{
  channel_use_input (writing->request, size, spool_size (&writing->waiting) == 0);
}

/* A step was taken.  */
static void
step_done (struct work *work)
{
  struct writing *writing = (struct writing *) work;
  const struct replacement *replacement = &writing->replacement;
  if (writing->request == NULL)
    leave (writing);
  else if (replacement->errnum != 0 || work->step == commit)
    answer_writing (writing, replacement->errnum, replacement->what);
  else
    {
      if (work->step == write_slice)
        note_written (writing, writing->slice_size);
      advance (writing);
    }
}

/* ---- a pipe or a device ---- */

static void
feed_taken (void *context, size_t size)
{
  struct writing *writing = context;
  channel_use_input (writing->request, size, spool_size (&writing->feed.waiting) == 0);
}

static void
feed_ended (void *context, int errnum)
{
  answer_writing (context, errnum, "cannot write");
}

static void
begin_feed (struct writing *writing)
{
  int target = writing->target;
  writing->target = -1;
  writing->feed.waiting = writing->waiting;
  writing->waiting = SPOOL_EMPTY;
  writing->feed.taken = feed_taken;
  writing->feed.ended = feed_ended;
  writing->feed.context = writing;
  writing->feed.last = writing->ended;
  if (!feed_begin (&writing->feed, target))
    answer_writing (writing, ENOMEM, "cannot write");
}

/* ---- what is to be done next ---- */

/* The next slice of what waits.  */
static void
begin_slice (struct writing *writing)
{
  const char *data = NULL;
  if (writing->slice == NULL)
    writing->slice = malloc (SLICE);
  errno = ENOMEM;
  long size =
      writing->slice == NULL ? -1 : spool_peek (&writing->waiting, writing->slice, SLICE, &data);
  if (size < 0)
    {
      answer_writing (writing, errno, "cannot keep the content for");
      return;
    }
  if (data != writing->slice)
    memcpy (writing->slice, data, (size_t) size);
  writing->slice_size = (size_t) size;
  spool_take (&writing->waiting, (size_t) size);
  take_step (writing, write_slice, false);
}

/* What is not given is the old file's.  */
static void
preserve (struct writing *writing)
{
  const struct packet_write *asked = &writing->request->packet->write;
  const struct stat *old = replacement_old (&writing->replacement);
  if (!asked->preserve || old == NULL)
    return;
  if (!asked->mode.present)
    writing->owner.mode = old->st_mode & 07777;
  if (!asked->owner.present)
    writing->owner.uid = old->st_uid;
  if (!asked->group.present)
    writing->owner.gid = old->st_gid;
}

/* No step is under way.  */
static void
advance (struct writing *writing)
{
  if (writing->target >= 0)
    begin_feed (writing);
  else if (spool_size (&writing->waiting) > 0)
    begin_slice (writing);
  else if (writing->ended)
    {
      preserve (writing);
      take_step (writing, commit, writing->sync || writing->replacement.in_place);
    }
}

/* ---- what the client sends ---- */

/* Straight to where it goes.  */
static void
write_now (struct writing *writing, const char *data, size_t size)
{
  struct replacement *replacement = &writing->replacement;
  replacement_write (replacement, data, size);
  if (replacement->errnum != 0)
    answer_writing (writing, replacement->errnum, replacement->what);
  else
    note_written (writing, size);
}

static void
take_input (struct request *request, const char *data, size_t size)
{
  struct writing *writing = request->state;
  bool feeding = writing->feed.watch.fd >= 0;
  writing->received += size;
  if (writing->size >= 0 && writing->received > (uint64_t) writing->size)
    {
      answer_wrong_size (writing);
      return;
    }
  if (!feeding && !writing->work.busy && !writing->slow)
    {
      write_now (writing, data, size);
      return;
    }
  int errnum = feeding ? feed_add (&writing->feed, data, size)
                       : spool_append (&writing->waiting, data, size);
  if (errnum != 0)
    answer_writing (writing, errnum, "cannot keep the content for");
  else if (!feeding && !writing->work.busy)
    advance (writing);
}

static void
end_input (struct request *request)
{
  struct writing *writing = request->state;
  writing->ended = true;
  if (writing->size >= 0 && writing->received != (uint64_t) writing->size)
    answer_wrong_size (writing);
  else if (writing->feed.watch.fd >= 0)
    feed_finish (&writing->feed);
  else if (!writing->work.busy)
    advance (writing);
}

/* ---- the start ---- */

static struct writing *
new_writing (struct request *request)
{
  const struct packet_write *asked = &request->packet->write;
  struct writing *writing = calloc (1, sizeof *writing);
  if (writing == NULL)
    return NULL;
  writing->path = strdup (asked->file.data);
  if (writing->path == NULL)
    {
      free (writing);
      return NULL;
    }
  writing->request = request;
  writing->target = -1;
  writing->slow = mounts_may_hang (writing->path, true);
  writing->size = asked->size;
  writing->sync = asked->sync;
  writing->waiting = SPOOL_EMPTY;
  writing->waiting.account = &channel_input_account;
  writing->feed = FEED_EMPTY;
  writing->feed.waiting.account = &channel_input_account;
  request->state = writing;
  return writing;
}

static void
handle (struct request *request)
{
  const struct packet_write *asked = &request->packet->write;
  const struct ownership_fields fields = { &asked->mode, &asked->owner, &asked->group };
  struct replacement_owner owner;
  if (!ownership_check (request, &fields, &owner))
    return;
  if (asked->size < -1)
    {
      answer_invalid_field (request, "size", "neither -1 nor a number of bytes");
      return;
    }
  struct writing *writing = new_writing (request);
  if (writing == NULL)
    {
      answer_os_error (request, ENOMEM, "cannot write %s", asked->file.data);
      return;
    }
  writing->owner = owner;
  inlet_open (&channel_of (request)->inlet, INLET_OF_FILE);
  take_step (writing, begin, asked->size >= MUCH_ROOM);
}

const struct request_kind write_kind = {
  .id = PACKET_WRITE,
  .protocols = REQUEST_SESSION,
  .handle = handle,
  .abandon = abandon,
  .cancel = cancel,
  .lasts = request_lasts,
  .input = take_input,
  .input_end = end_input,
};
