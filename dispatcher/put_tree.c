/* PutTree: a tree of files, which comes as a stream of records (tree/record.h).

   It is unpacked by a worker, a slice at a time; what comes in the meantime waits in a spool.  What
   can't be made is told on the stream to the client, as records too, and no more is taken while
   much of that waits.  A request that was abandoned while a worker has it leaves its state behind,
   which goes when that is done.  */

#include "dispatcher/accounts_text.h"
#include "dispatcher/channel.h"
#include "dispatcher/ids.h"
#include "dispatcher/worker.h"
#include "tree/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SLICE = 128 << 10,    /* bytes unpacked at a time */
  TOLD_MAX = 256 << 10, /* bytes of problems that wait */
};

struct putting
{
  struct work work; /* the first member; while it is busy what is behind REQUEST is the worker's */

  struct request *request; /* borrowed; NULL: abandoned */
  struct outlet *outlet;   /* borrowed */
  bool ended;              /* no more comes */
  struct spool waiting;    /* what came, and is not in the slice */

  char *path, *name; /* owned */
  enum unpack_place place;
  struct unpack unpack;
  int errnum;        /* why it can't begin, or problems can't be kept */
  struct spool told; /* records of problems */
  size_t used, have; /* of the slice */
  char slice[SLICE];
};

/* ---- on any thread ---- */

static void
keep_problem (void *context, bool other_end, const char *path, int errnum, const char *what)
{
  struct putting *putting = context;
  char record[RECORD_MAX];
  /* What the client could not read, it has told itself.  */
  if (other_end || putting->errnum != 0)
    return;
  size_t size = record_write (&RECORD (.kind = RECORD_PROBLEM, .texts = { path, what },
                                       .numbers[RECORD_ID] = (uint64_t) errnum),
                              record);
  putting->errnum = spool_append (&putting->told, record, size);
}

static void
begin (struct work *work, char *scratch)
{
  struct putting *putting = (struct putting *) work;
  (void) scratch;
  putting->errnum = unpack_begin (&putting->unpack, putting->path, putting->name, putting->place);
}

static void
take_slice (struct work *work, char *scratch)
{
  struct putting *putting = (struct putting *) work;
  (void) scratch;
  putting->used += unpack_write (&putting->unpack, putting->slice + putting->used,
                                 putting->have - putting->used);
}

static void
close_all (struct work *work, char *scratch)
{
  struct putting *putting = (struct putting *) work;
  (void) scratch;
  unpack_end (&putting->unpack);
}

/* ---- in the loop ---- */

static void
closed (struct work *work)
{
  struct putting *putting = (struct putting *) work;
  spool_free (&putting->waiting);
  spool_free (&putting->told);
  free (putting->path);
  free (putting->name);
  free (putting);
}

/* The request is answered, or abandoned.  */
static void
leave (struct putting *putting)
{
  if (putting->request != NULL)
    putting->request->state = NULL;
  putting->request = NULL;
  if (!putting->work.busy)
    worker_run (&putting->work, true, close_all, closed);
}

static void
abandon (struct request *request)
{
  if (request->state != NULL)
    leave (request->state);
}

static void
answer_failed (struct putting *putting, int errnum)
{
  struct request *request = putting->request;
  leave (putting);
  answer_os_error (request, errnum, "cannot put a tree at %s", request->packet->put_tree.path.data);
}

static void
answer_refused (struct putting *putting, const char *why, const char *name)
{
  struct request *request = putting->request;
  char refused[sizeof putting->unpack.refused];
  memcpy (refused, name, strnlen (name, sizeof refused - 1) + 1);
  refused[sizeof refused - 1] = '\0';
  leave (putting);
  answer_invalid_field (request, "tree", "%s%s%s", why, refused[0] == '\0' ? "" : ": ", refused);
}

static void
answer_done (struct putting *putting)
{
  const struct unpack *unpack = &putting->unpack;
  struct request *request = putting->request;
  struct packet packet = { .id = PACKET_TREE_DONE };
  packet.tree_done.directories = unpack->directories;
  packet.tree_done.files = unpack->files;
  packet.tree_done.links = unpack->links;
  packet.tree_done.bytes = unpack->bytes;
  outlet_end (putting->outlet);
  leave (putting);
  answer (request, &packet);
}

/* ---- what is to be done next ---- */

static void slice_taken (struct work *work);

/* Tell the unpacker the id that it wants.  */
static void
look_up (struct unpack *unpack)
{
  unsigned id;
  const char *name = unpack->wanted_name;
  const struct passwd *user = unpack->wanted == UNPACK_USER ? ids_find_user (name) : NULL;
  const struct group *group = unpack->wanted == UNPACK_GROUP ? ids_find_group (name) : NULL;
  bool known = user != NULL || group != NULL;
  if (known)
    id = user != NULL ? user->pw_uid : group->gr_gid;
  else
    known = accounts_parse_id (name, &id);
  unpack_tell (unpack, known ? &id : NULL);
}

/* The next slice of what waits; false: it can't be had.  */
static bool
fill_slice (struct putting *putting)
{
  const char *data = NULL;
  long size = spool_peek (&putting->waiting, putting->slice, SLICE, &data);
  if (size < 0)
    return false;
  if (data != putting->slice)
    memcpy (putting->slice, data, (size_t) size);
  spool_take (&putting->waiting, (size_t) size);
  putting->used = 0;
  putting->have = (size_t) size;
  return true;
}

/* More of what waits is to be unpacked, or not yet; false: neither.  */
static bool
go_on (struct putting *putting)
{
  struct unpack *unpack = &putting->unpack;
  bool rest = putting->used < putting->have || unpack->wanted != UNPACK_NOTHING;
  if (spool_size (&putting->told) > TOLD_MAX)
    return true;
  if (!rest && spool_size (&putting->waiting) == 0)
    return false;
  if (unpack->wanted != UNPACK_NOTHING)
    look_up (unpack);
  if (!rest && !fill_slice (putting))
    putting->errnum = errno;
  worker_run (&putting->work, true, take_slice, slice_taken);
  return true;
}

/* No step is under way.  Whether the request is, after this.  */
static bool
advance (struct putting *putting)
{
  const struct unpack *unpack = &putting->unpack;
  if (putting->errnum != 0)
    answer_failed (putting, putting->errnum);
  else if (unpack->errnum != 0)
    answer_failed (putting, unpack->errnum);
  else if (unpack->refusal != NULL)
    answer_refused (putting, unpack->refusal, unpack->refused);
  else if (go_on (putting) || !putting->ended || (unpack->done && spool_size (&putting->told) > 0))
    return true;
  else if (!unpack->done)
    answer_refused (putting, "its end is missing", "");
  else
    answer_done (putting);
  return false;
}

static void
slice_taken (struct work *work)
{
  struct putting *putting = (struct putting *) work;
  if (putting->request == NULL)
    {
      leave (putting);
      return;
    }
  if (putting->used == putting->have)
    {
      channel_use_input (putting->request, putting->have, spool_size (&putting->waiting) == 0);
      putting->used = putting->have = 0; /* its last record may still wait for an id */
    }
  if (spool_size (&putting->told) > 0)
    outlet_ready (putting->outlet);
  advance (putting);
}

static long
produce (void *context, char *buffer, size_t size)
{
  struct putting *putting = context;
  const char *data = NULL;
  if (putting->work.busy)
    return OUTLET_LATER;
  if (spool_size (&putting->told) == 0)
    return advance (putting) ? OUTLET_LATER : OUTLET_GONE;
  if (size == 0)
    return OUTLET_AGAIN;
  long got = spool_peek (&putting->told, buffer, size, &data);
  if (got < 0)
    {
      answer_failed (putting, errno);
      return OUTLET_GONE;
    }
  if (data != buffer)
    memcpy (buffer, data, (size_t) got);
  spool_take (&putting->told, (size_t) got);
  return got;
}

/* ---- what the client sends ---- */

static void
take_input (struct request *request, const char *data, size_t size)
{
  struct putting *putting = request->state;
  int errnum = spool_append (&putting->waiting, data, size);
  if (errnum != 0)
    answer_failed (putting, errnum);
  else if (!putting->work.busy)
    advance (putting);
}

static void
end_input (struct request *request)
{
  struct putting *putting = request->state;
  putting->ended = true;
  if (!putting->work.busy)
    advance (putting);
}

/* ---- the start ---- */

static void
begun (struct work *work)
{
  struct putting *putting = (struct putting *) work;
  struct request *request = putting->request;
  if (request == NULL)
    {
      leave (putting);
      return;
    }
  if (putting->errnum == 0)
    {
      struct packet packet = { .id = PACKET_TREE_PLACE };
      packet.tree_place.path = packet_text (putting->unpack.top);
      request_send (request, &packet);
    }
  advance (putting);
}

static struct putting *
new_putting (const struct packet_put_tree *asked)
{
  struct putting *putting = calloc (1, sizeof *putting);
  if (putting == NULL)
    return NULL;
  putting->path = strdup (asked->path.data);
  putting->name = strdup (asked->name.data);
  if (putting->path != NULL && putting->name != NULL)
    return putting;
  free (putting->path);
  free (putting->name);
  free (putting);
  return NULL;
}

static void
handle (struct request *request)
{
  const struct packet_put_tree *asked = &request->packet->put_tree;
  if (asked->place > UNPACK_INSIDE)
    {
      answer_invalid_field (request, "place", "there is no place %lu",
                            (unsigned long) asked->place);
      return;
    }
  struct putting *putting = new_putting (asked);
  if (putting == NULL)
    {
      answer_os_error (request, ENOMEM, "cannot put a tree at %s", asked->path.data);
      return;
    }
  putting->request = request;
  putting->place = (enum unpack_place) asked->place;
  putting->unpack.owners = asked->preserve;
  putting->unpack.problem = keep_problem;
  putting->unpack.context = putting;
  putting->waiting = putting->told = SPOOL_EMPTY;
  putting->waiting.account = &channel_input_account;
  putting->outlet = &channel_of (request)->outlets[FRAME_STREAM_OUTPUT];
  request->state = putting;
  inlet_open (&channel_of (request)->inlet, INLET_OF_FILE);
  outlet_open (putting->outlet, produce, putting);
  worker_run (&putting->work, true, begin, begun);
}

const struct request_kind put_tree_kind = {
  .id = PACKET_PUT_TREE,
  .protocols = REQUEST_SESSION,
  .handle = handle,
  .abandon = abandon,
  .lasts = request_lasts,
  .input = take_input,
  .input_end = end_input,
};
