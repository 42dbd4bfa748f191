/* GetTree: a tree of files as a stream of records (tree/record.h).

   It is packed by a worker, a slice at a time, while the loop sends the slice before.  What is not
   readable is told in the stream.  A request that was abandoned while a worker has it leaves its
   state behind, which goes when that is done.  */

#include "dispatcher/channel.h"
#include "dispatcher/ids.h"
#include "dispatcher/worker.h"
#include "tree/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SLICE = 128 << 10, /* bytes packed at a time */
};

struct getting
{
  struct work work; /* the first member */

  struct request *request; /* borrowed; NULL: abandoned */
  struct outlet *outlet;   /* borrowed */
  char *path;              /* owned */
  struct pack pack;
  int errnum; /* why it can't begin */

  size_t used, have; /* of the slice */
  char slice[SLICE];
};

/* ---- on any thread ---- */

static void
begin (struct work *work, char *scratch)
{
  struct getting *getting = (struct getting *) work;
  (void) scratch;
  getting->errnum = pack_begin (&getting->pack);
}

static void
fill_slice (struct work *work, char *scratch)
{
  struct getting *getting = (struct getting *) work;
  (void) scratch;
  getting->used = 0;
  getting->have = pack_read (&getting->pack, getting->slice, SLICE);
}

static void
close_all (struct work *work, char *scratch)
{
  struct getting *getting = (struct getting *) work;
  (void) scratch;
  pack_end (&getting->pack);
}

/* ---- in the loop ---- */

static void
closed (struct work *work)
{
  struct getting *getting = (struct getting *) work;
  free (getting->path);
  free (getting);
}

/* The request is answered, or abandoned.  */
static void
leave (struct getting *getting)
{
  if (getting->request != NULL)
    getting->request->state = NULL;
  getting->request = NULL;
  if (!getting->work.busy)
    worker_run (&getting->work, true, close_all, closed);
}

static void
abandon (struct request *request)
{
  if (request->state != NULL)
    leave (request->state);
}

static void
slice_filled (struct work *work)
{
  struct getting *getting = (struct getting *) work;
  if (getting->request == NULL)
    leave (getting);
  else
    outlet_ready (getting->outlet);
}

/* Have the next slice packed.  */
static void
begin_slice (struct getting *getting)
{
  struct pack *pack = &getting->pack;
  if (pack->done)
    return;
  if (pack->wanted == PACK_USER)
    pack_tell (pack, ids_user_name (pack->wanted_id));
  else if (pack->wanted == PACK_GROUP)
    pack_tell (pack, ids_group_name (pack->wanted_id));
  worker_run (&getting->work, true, fill_slice, slice_filled);
}

static long
produce (void *context, char *buffer, size_t size)
{
  struct getting *getting = context;
  if (getting->work.busy)
    return OUTLET_LATER;
  size_t have = getting->have - getting->used;
  if (have == 0 && getting->pack.done)
    {
      struct request *request = getting->request;
      outlet_end (getting->outlet);
      leave (getting);
      answer_ok (request);
      return OUTLET_GONE;
    }
  if (have == 0)
    {
      begin_slice (getting);
      return OUTLET_LATER;
    }
  if (size == 0)
    return OUTLET_AGAIN;
  if (size > have)
    size = have;
  memcpy (buffer, getting->slice + getting->used, size);
  getting->used += size;
  if (size == have)
    begin_slice (getting);
  return (long) size;
}

static void
begun (struct work *work)
{
  struct getting *getting = (struct getting *) work;
  struct request *request = getting->request;
  if (request == NULL)
    leave (getting);
  else if (getting->errnum != 0)
    {
      leave (getting);
      answer_os_error (request, getting->errnum, "cannot read %s",
                       request->packet->get_tree.path.data);
    }
  else
    {
      struct packet packet = { .id = PACKET_TREE_PLACE };
      packet.tree_place.path = packet_text (getting->path);
      request_send (request, &packet);
      outlet_ready (getting->outlet);
    }
}

static void
handle (struct request *request)
{
  const struct packet_get_tree *asked = &request->packet->get_tree;
  struct getting *getting = calloc (1, sizeof *getting);
  char *path = strdup (asked->path.data);
  if (getting == NULL || path == NULL)
    {
      free (getting);
      free (path);
      answer_os_error (request, ENOMEM, "cannot read %s", asked->path.data);
      return;
    }
  getting->request = request;
  getting->path = path;
  getting->pack.top = path;
  getting->pack.file = -1;
  getting->pack.follow = asked->follow_links;
  getting->pack.owners = asked->preserve;
  getting->pack.count = asked->count;
  getting->outlet = &channel_of (request)->outlets[FRAME_STREAM_OUTPUT];
  request->state = getting;
  outlet_open (getting->outlet, produce, getting);
  worker_run (&getting->work, true, begin, begun);
}

const struct request_kind get_tree_kind = {
  .id = PACKET_GET_TREE,
  .protocols = REQUEST_SESSION,
  .handle = handle,
  .abandon = abandon,
  .lasts = request_lasts,
};
