/* Read: a file, or a part of it, as a stream.

   Where the file may be on a file system that hangs, it is opened, read and closed by a worker, a
   slice at a time; else all of that is done in the loop, and a slice is read when it is its turn to
   be sent.  A request that was abandoned while a worker has it leaves its state behind, which goes
   when that is done.  */

#include "dispatcher/channel.h"
#include "dispatcher/inode.h"
#include "dispatcher/loop.h"
#include "dispatcher/mounts.h"
#include "dispatcher/source.h"
#include "dispatcher/worker.h"
#include "protocol/timestamp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  SLICE = 128 << 10, /* bytes read by a worker at a time */
};

struct reading
{
  struct work work; /* the first member */
  bool slow;        /* everything is for a worker */

  struct request *request; /* borrowed; NULL: abandoned */
  struct outlet *outlet;   /* borrowed */
  char *path;              /* owned */
  uint64_t offset;         /* bytes */

  int file; /* owned; -1: not open */
  struct stat info;
  uint64_t skip;      /* bytes to drop first, where it can't seek */
  uint64_t left;      /* bytes to send at most */
  struct watch watch; /* of what has to be waited for: then FILE is its */
  int errnum;

  char *slice; /* owned: what a worker has read, from `used` up to `have` */
  size_t used, have;
  bool at_end; /* and that was the last of it */
};

/* ---- on any thread ---- */

static void
open_file (struct work *work, char *scratch)
{
  struct reading *reading = (struct reading *) work;
  (void) scratch;
  reading->file = source_open (reading->path, &reading->info);
  if (reading->file < 0)
    {
      reading->errnum = errno;
      return;
    }
  /* What is past all that can be counted is past the end.  */
  uint64_t offset = reading->offset > INT64_MAX ? INT64_MAX : reading->offset;
  if (offset > 0 && lseek (reading->file, (off_t) offset, SEEK_SET) < 0)
    {
      if (errno == ESPIPE)
        reading->skip = offset;
      else if (errno == EINVAL)
        reading->left = 0;
      else
        reading->errnum = errno;
    }
}

static ssize_t
read_file (const struct reading *reading, char *buffer, size_t size)
{
  ssize_t got;
  do
    got = read (reading->file, buffer, size);
  while (got < 0 && errno == EINTR);
  return got;
}

static void
read_slice (struct work *work, char *scratch)
{
  struct reading *reading = (struct reading *) work;
  (void) scratch;
  size_t size = reading->left < SLICE ? (size_t) reading->left : SLICE;
  ssize_t got = read_file (reading, reading->slice, size);
  reading->used = 0;
  reading->have = got > 0 ? (size_t) got : 0;
  reading->at_end = got == 0;
  reading->errnum = got < 0 ? errno : 0;
}

static void
close_file (struct work *work, char *scratch)
{
  const struct reading *reading = (struct reading *) work;
  (void) scratch;
  if (reading->file >= 0)
    close (reading->file);
}

/* ---- in the loop ---- */

static void
closed (struct work *work)
{
  struct reading *reading = (struct reading *) work;
  free (reading->slice);
  free (reading->path);
  free (reading);
}

/* The request is answered, or abandoned.  */
static void
leave (struct reading *reading)
{
  if (reading->request != NULL)
    reading->request->state = NULL;
  reading->request = NULL;
  if (reading->watch.watched)
    reading->file = -1;
  loop_close (&reading->watch);
  if (!reading->work.busy)
    worker_run (&reading->work, reading->slow, close_file, closed);
}

static void
abandon (struct request *request)
{
  if (request->state != NULL)
    leave (request->state);
}

static void
answer_reading (struct reading *reading, int errnum)
{
  struct request *request = reading->request;
  if (errnum == 0)
    outlet_end (reading->outlet);
  leave (reading);
  if (errnum == 0)
    answer_ok (request);
  else
    answer_os_error (request, errnum, "cannot read %s", request->packet->read.file.data);
}

static void
ready (void *context, short events)
{
  struct reading *reading = context;
  loop_set_events (&reading->watch, WATCH_NOTHING);
  if (events == POLLHUP)
    answer_reading (reading, 0);
  else
    outlet_ready (reading->outlet);
}

/* False: answered.  */
static bool
wait_for_file (struct reading *reading)
{
  if (reading->watch.watched)
    loop_set_events (&reading->watch, POLLIN);
  else if (!loop_watch (&reading->watch, reading->file, POLLIN, ready, reading))
    {
      reading->watch.fd = -1;
      answer_reading (reading, ENOMEM);
      return false;
    }
  return true;
}

/* ---- content ---- */

static void
slice_read (struct work *work)
{
  struct reading *reading = (struct reading *) work;
  if (reading->request == NULL)
    leave (reading);
  else if (reading->errnum == EAGAIN)
    wait_for_file (reading);
  else if (reading->errnum != 0 || (reading->at_end && reading->have == 0))
    answer_reading (reading, reading->errnum);
  else
    outlet_ready (reading->outlet);
}

static void
begin_slice (struct reading *reading)
{
  if (!reading->work.busy && !reading->at_end && reading->left > 0)
    worker_run (&reading->work, reading->slow, read_slice, slice_read);
}

/* From the slice.  As soon as that is empty a worker begins the next.  */
static long
produce_slice (struct reading *reading, char *buffer, size_t size)
{
  size_t have = reading->work.busy ? 0 : reading->have - reading->used;
  size_t dropped = reading->skip < have ? (size_t) reading->skip : have;
  reading->used += dropped;
  reading->skip -= dropped;
  have -= dropped;
  if (have == 0 && reading->at_end && !reading->work.busy)
    {
      answer_reading (reading, 0);
      return OUTLET_GONE;
    }
  if (have == 0)
    {
      begin_slice (reading);
      return OUTLET_LATER;
    }
  if (size == 0)
    return OUTLET_AGAIN;
  if (size > have)
    size = have;
  if (size > reading->left)
    size = (size_t) reading->left;
  memcpy (buffer, reading->slice + reading->used, size);
  reading->used += size;
  reading->left -= size;
  if (size == have)
    begin_slice (reading);
  return (long) size;
}

/* Whether a file that is read in the loop has more, without credit for it.  */
static long
look_for_end (struct reading *reading)
{
  char byte;
  if (!S_ISREG (reading->info.st_mode))
    return wait_for_file (reading) ? OUTLET_LATER : OUTLET_GONE;
  /* What is wrong with it shows when it is read.  */
  off_t here = lseek (reading->file, 0, SEEK_CUR);
  if (here < 0 || pread (reading->file, &byte, 1, here) != 0)
    return OUTLET_AGAIN;
  answer_reading (reading, 0);
  return OUTLET_GONE;
}

static long
produce (void *context, char *buffer, size_t size)
{
  struct reading *reading = context;
  uint64_t wanted = reading->skip > 0 ? reading->skip : reading->left;
  if (reading->left == 0)
    {
      answer_reading (reading, 0);
      return OUTLET_GONE;
    }
  if (reading->slow)
    return produce_slice (reading, buffer, size);
  if (size == 0)
    return look_for_end (reading);
  ssize_t got = read_file (reading, buffer, wanted < size ? (size_t) wanted : size);
  if (got < 0 && errno == EAGAIN)
    return wait_for_file (reading) ? OUTLET_LATER : OUTLET_GONE;
  if (got <= 0)
    {
      answer_reading (reading, got < 0 ? errno : 0);
      return OUTLET_GONE;
    }
  if (reading->skip > 0)
    {
      reading->skip -= (uint64_t) got;
      return OUTLET_AGAIN;
    }
  reading->left -= (uint64_t) got;
  return got;
}

/* ---- the start ---- */

static void
describe (const struct reading *reading)
{
  struct packet packet = { .id = PACKET_FILE_INFO };
  packet.file_info.type = packet_text (inode_type (reading->info.st_mode));
  packet.file_info.mode = reading->info.st_mode & 07777;
  packet.file_info.size = (uint64_t) reading->info.st_size;
  packet.file_info.mtime = (uint64_t) timestamp_of (&reading->info.st_mtim);
  request_send (reading->request, &packet);
}

static void
opened (struct work *work)
{
  struct reading *reading = (struct reading *) work;
  struct request *request = reading->request;
  int errnum = reading->errnum;
  if (request == NULL)
    leave (reading);
  else if (errnum != 0)
    {
      leave (reading);
      source_answer_failed (request, errnum, request->packet->read.file.data);
    }
  else if (S_ISREG (reading->info.st_mode))
    {
      if (reading->slow && (reading->slice = malloc (SLICE)) == NULL)
        {
          answer_reading (reading, ENOMEM);
          return;
        }
      describe (reading);
      outlet_ready (reading->outlet);
    }
  else
    {
      /* A pipe has an end only after somebody has written to it: not even that is read before poll
         says so.  */
      reading->slow = false;
      describe (reading);
      wait_for_file (reading);
    }
}

static void
handle (struct request *request)
{
  const struct packet_read *asked = &request->packet->read;
  struct reading *reading = calloc (1, sizeof *reading);
  char *path = strdup (asked->file.data);
  if (reading == NULL || path == NULL)
    {
      free (reading);
      free (path);
      answer_os_error (request, ENOMEM, "cannot read %s", asked->file.data);
      return;
    }
  reading->request = request;
  reading->slow = mounts_may_hang (path, true);
  reading->path = path;
  reading->offset = asked->offset;
  reading->left = asked->length;
  reading->file = -1;
  reading->watch = (struct watch){ .fd = -1 };
  reading->outlet = &channel_of (request)->outlets[FRAME_STREAM_OUTPUT];
  request->state = reading;
  outlet_open (reading->outlet, produce, reading);
  worker_run (&reading->work, reading->slow, open_file, opened);
}

const struct request_kind read_kind = {
  .id = PACKET_READ,
  .protocols = REQUEST_SESSION,
  .handle = handle,
  .abandon = abandon,
  .lasts = request_lasts,
};
