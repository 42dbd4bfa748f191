#include "core/tree.h"

#include "core/connection.h"
#include "core/error.h"
#include "core/owners.h"
#include "core/result.h"
#include "core/session.h"
#include "core/text.h"
#include "tree/pack.h"
#include "tree/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  TELL_EVERY = 100, /* milliseconds */
  BUFFER_SIZE = 128 << 10,
  UNTOLD_MAX = 256, /* problems */
};

/* One that the application has not been told of.  */
struct problem
{
  struct problem *next;
  bool there;
  int errnum;
  const char *what; /* in PATH, behind its end */
  char path[];
};

struct tree
{
  struct lr_call *call; /* whose it is */
  bool put;
  const char *name; /* owned by the call: of the tree, where it goes into a directory */
  enum unpack_place place;
  char *went; /* owned: where it went, as the end says that has made it */
  struct lr_tree_figures done;

  struct pack pack;     /* put */
  struct unpack unpack; /* get */
  bool begun;           /* one of these is */
  char *buffer;         /* owned; put: what is packed, from USED up to HAVE */
  size_t used, have;
  struct loop_call more;         /* there may be something to send */
  struct record_reader reader;   /* put: of the problems that come */
  struct lr_tree_result *result; /* owned: it has ended, but the answer waits */

  struct problem *first, *last; /* owned: they wait to be told */
  size_t untold;
  uint64_t problems;
  size_t owed; /* bytes that came and are not consumed */
  int64_t told_at;
  bool tells;      /* a blocking caller has to */
  bool progressed; /* since it was told */
  struct loop_call notice;
};

static const struct lr_tree_args *
args_of (const struct tree *tree)
{
  return tree->call->args;
}

static lr_loop *
loop_of (const struct tree *tree)
{
  return connection_loop (tree->call->connection);
}

/* ---- making and freeing ---- */

/* The last component of PATH, which is none where it would lead elsewhere.  */
static const char *
base_name (struct arena *memory, const char *path)
{
  size_t end = strlen (path);
  while (end > 0 && path[end - 1] == '/')
    end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/')
    start--;
  char *name = arena_allocate (memory, end - start + 1);
  if (name == NULL)
    return NULL;
  memcpy (name, path + start, end - start);
  name[end - start] = '\0';
  if (strcmp (name, ".") == 0 || strcmp (name, "..") == 0)
    name[0] = '\0';
  return name;
}

bool
tree_for_call (struct lr_call *call, bool put)
{
  const struct lr_tree_args *args = call->args;
  struct tree *tree = calloc (1, sizeof *tree);
  if (tree == NULL)
    return false;
  call->tree = tree;
  tree->call = call;
  tree->put = put;
  tree->pack.file = tree->unpack.file = -1;
  tree->unpack.root = tree->unpack.parent = -1;
  tree->name = base_name (&call->memory, put ? args->here : args->there);
  tree->place = (enum unpack_place) args->place;
  if (tree->name != NULL && tree->name[0] == '\0')
    tree->place = UNPACK_AT;
  tree->done = (struct lr_tree_figures){ .struct_size = sizeof tree->done,
                                         .total_files = LR_SIZE_UNKNOWN,
                                         .total_bytes = LR_SIZE_UNKNOWN };
  tree->buffer = put ? malloc (BUFFER_SIZE) : NULL;
  return tree->name != NULL && (!put || tree->buffer != NULL);
}

/* The first of those that wait, which is the caller's; NULL: none does.  */
static struct problem *
take_problem (struct tree *tree)
{
  struct problem *problem = tree->first;
  if (problem == NULL)
    return NULL;
  tree->first = problem->next;
  if (tree->first == NULL)
    tree->last = NULL;
  tree->untold--;
  return problem;
}

void
tree_free (struct tree *tree)
{
  if (tree == NULL)
    return;
  if (tree->notice.queued)
    loop_remove_notice (loop_of (tree), &tree->notice);
  if (tree->more.queued)
    loop_remove_task (loop_of (tree), &tree->more);
  while (tree->first != NULL)
    free (take_problem (tree));
  if (tree->begun && tree->put)
    pack_end (&tree->pack);
  else if (tree->begun)
    unpack_end (&tree->unpack);
  lr_free (tree->result);
  free (tree->buffer);
  free (tree->went);
  free (tree);
}

/* ---- the end ---- */

/* Answer, if that is due: not before all has been told.  */
static bool
answer (struct tree *tree)
{
  struct lr_tree_result *result = tree->result;
  if (result == NULL || tree->first != NULL)
    return false;
  tree->result = NULL;
  result->problems = tree->problems;
  result->path = result_copy_text (result, tree->went);
  if (result->path != NULL)
    call_answer (tree->call, result);
  else
    {
      lr_free (result);
      call_fail_no_memory (tree->call);
    }
  return true;
}

void
tree_ended (struct tree *tree)
{
  if (answer (tree))
    connection_end_call (tree->call);
}

/* ---- telling ---- */

static void go_on (void *context);
static void want_to_tell (struct tree *tree);

static void
tell_problem (const struct tree *tree, const struct problem *problem)
{
  const struct lr_tree_args *args = args_of (tree);
  char text[1024];
  char path[768], what[192];
  text_escape (path, sizeof path, problem->path, strlen (problem->path));
  text_escape (what, sizeof what, problem->what, strlen (problem->what));
  const char *host = problem->there ? tree->call->host : "";
  const char *separator = problem->there ? ": " : "";
  if (problem->errnum != 0)
    snprintf (text, sizeof text, "%s%s%s %s: %s", host, separator, what, path,
              strerror (problem->errnum));
  else
    snprintf (text, sizeof text, "%s%s%s: %s", host, separator, path, what);
  struct lr_tree_problem told = { .struct_size = sizeof told,
                                  .errnum = problem->errnum,
                                  .there = problem->there,
                                  .path = problem->path,
                                  .message = text };
  args->problem (args->data, &told);
}

/* Called as a callback, which may end the call: it is told of one thing at a time, and nothing is
   touched after that.  */
static void
tell (void *context)
{
  struct tree *tree = context;
  const struct lr_tree_args *args = args_of (tree);
  struct problem *problem = tree->progressed ? NULL : take_problem (tree);
  bool progressed = tree->progressed;
  tree->progressed = false;
  if (tree->first != NULL)
    want_to_tell (tree);
  else
    loop_add_task (loop_of (tree), &tree->more, go_on, tree);
  if (progressed)
    args->progress (args->data, &tree->done);
  else if (problem != NULL)
    tell_problem (tree, problem);
  free (problem);
}

bool
tree_tell (struct tree *tree)
{
  if (tree == NULL || !tree->tells)
    return false;
  tree->tells = false;
  loop_call_back (loop_of (tree), tell, tree);
  return true;
}

static void
want_to_tell (struct tree *tree)
{
  const struct completion *completion = tree->call->completion;
  if (completion == NULL)
    return;
  if (completion->callback != NULL)
    loop_add_notice (completion->loop, &tree->notice, tell, tree);
  else
    {
      tree->tells = true;
      loop_hurry (completion->loop);
    }
}

static void
note_progress (struct tree *tree)
{
  int64_t now = loop_now ();
  if (args_of (tree)->progress == NULL || now < tree->told_at + TELL_EVERY)
    return;
  tree->told_at = now;
  tree->progressed = true;
  want_to_tell (tree);
}

static void
note_problem (struct tree *tree, bool there, const char *path, int errnum, const char *what)
{
  size_t path_size = strlen (path) + 1, what_size = strlen (what) + 1;
  tree->problems++;
  if (args_of (tree)->problem == NULL)
    return;
  struct problem *problem = malloc (sizeof *problem + path_size + what_size);
  if (problem == NULL)
    return; /* it is counted */
  *problem = (struct problem){ .there = there, .errnum = errnum };
  memcpy (problem->path, path, path_size);
  problem->what = memcpy (problem->path + path_size, what, what_size);
  if (tree->last == NULL)
    tree->first = problem;
  else
    tree->last->next = problem;
  tree->last = problem;
  tree->untold++;
  want_to_tell (tree);
}

static void
pack_has_problem (void *context, const char *path, int errnum, const char *what)
{
  note_problem (context, false, path, errnum, what);
}

static void
unpack_has_problem (void *context, bool other_end, const char *path, int errnum, const char *what)
{
  note_problem (context, other_end, path, errnum, what);
}

/* ---- names of owners ---- */

/* The name that is wanted, or the digits of an id that has none.  */
static void
look_up_name (struct pack *pack)
{
  char name[OWNER_NAME_SIZE];
  pack_tell (pack, pack->wanted == PACK_USER ? owner_user_name (pack->wanted_id, name)
                                             : owner_group_name (pack->wanted_id, name));
}

static void
look_up_id (struct unpack *unpack)
{
  char *end;
  unsigned id;
  const char *name = unpack->wanted_name;
  bool known =
      unpack->wanted == UNPACK_USER ? owner_find_user (name, &id) : owner_find_group (name, &id);
  if (!known)
    {
      errno = 0;
      unsigned long digits = strtoul (name, &end, 10);
      known = name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0 && digits < UINT32_MAX;
      id = (unsigned) digits;
    }
  unpack_tell (unpack, known ? &id : NULL);
}

/* ---- the start ---- */

static int
begin_here (struct tree *tree)
{
  const struct lr_tree_args *args = args_of (tree);
  tree->begun = true;
  if (tree->put)
    {
      tree->pack.top = args->here;
      tree->pack.follow = args->follow != 0;
      tree->pack.owners = args->preserve != 0;
      tree->pack.count = args->progress != NULL;
      tree->pack.problem = pack_has_problem;
      tree->pack.context = tree;
      return pack_begin (&tree->pack);
    }
  tree->unpack.owners = args->preserve != 0;
  tree->unpack.max_files = args->max_files;
  tree->unpack.max_bytes = args->max_bytes;
  tree->unpack.problem = unpack_has_problem;
  tree->unpack.context = tree;
  int errnum = unpack_begin (&tree->unpack, args->here, tree->name, tree->place);
  if (errnum == 0 && (tree->went = strdup (tree->unpack.top)) == NULL)
    errnum = ENOMEM;
  return errnum;
}

bool
tree_begin (struct tree *tree)
{
  struct lr_error error;
  int errnum = begin_here (tree);
  if (errnum == 0)
    return true;
  error_set_field (&error, "here", "cannot %s %s: %s", tree->put ? "read" : "put a tree at",
                   args_of (tree)->here, strerror (errnum));
  error.kind = LR_ERROR_IO;
  error.errnum = errnum;
  call_fail_with (tree->call, &error);
  connection_end_call (tree->call);
  return false;
}

void
tree_request (const struct tree *tree, struct packet *packet)
{
  const struct lr_tree_args *args = args_of (tree);
  if (tree->put)
    {
      packet->put_tree.path = packet_text (args->there);
      packet->put_tree.name = packet_text (tree->name);
      packet->put_tree.place = tree->place;
      packet->put_tree.preserve = args->preserve != 0;
      return;
    }
  packet->get_tree.path = packet_text (args->there);
  packet->get_tree.follow_links = args->follow != 0;
  packet->get_tree.preserve = args->preserve != 0;
  packet->get_tree.count = args->progress != NULL;
}

/* ---- what is sent ---- */

static void
note_packed (struct tree *tree)
{
  const struct pack *pack = &tree->pack;
  tree->done.files = pack->files;
  tree->done.bytes = pack->bytes;
  if (pack->counted)
    {
      tree->done.total_files = pack->total_files;
      tree->done.total_bytes = pack->total_bytes;
    }
  note_progress (tree);
}

long
tree_input (struct tree *tree, size_t size, const char **data)
{
  struct pack *pack = &tree->pack;
  if (tree->used == tree->have && !pack->done && tree->untold < UNTOLD_MAX)
    {
      tree->used = 0;
      do
        {
          if (pack->wanted != PACK_NOTHING)
            look_up_name (pack);
          tree->have = pack_read (pack, tree->buffer, BUFFER_SIZE);
        }
      while (tree->have == 0 && pack->wanted != PACK_NOTHING);
      note_packed (tree);
    }
  size_t left = tree->have - tree->used;
  if (left == 0 && pack->done)
    {
      tree->call->input_ended = true;
      return -1;
    }
  if (left == 0 && tree->untold < UNTOLD_MAX)
    loop_add_task (loop_of (tree), &tree->more, go_on, tree);
  if (size > left)
    size = left;
  *data = tree->buffer + tree->used;
  tree->used += size;
  return (long) size;
}

/* ---- what comes ---- */

static void
refuse (struct tree *tree, const char *why, const char *name)
{
  lr_call_fail (tree->call, LR_ERROR_IO, 0, NULL,
                "the dispatcher sends a tree that is not acceptable: %s%s%s", why,
                name[0] == '\0' ? "" : ": ", name);
}

/* Whether all of it is acceptable.  */
static bool
take_problems (struct tree *tree, const char *data, size_t size)
{
  while (size > 0)
    {
      size_t used;
      enum record_progress progress = record_read (&tree->reader, data, size, &used);
      const struct record *record = &tree->reader.record;
      data += used;
      size -= used;
      if (progress == RECORD_NEED_MORE)
        continue;
      if (progress != RECORD_WHOLE || record->kind != RECORD_PROBLEM)
        {
          refuse (tree, "something else than problems", "");
          return false;
        }
      note_problem (tree, true, record->texts[RECORD_NAME],
                    (int) (record->numbers[RECORD_ID] & INT16_MAX), record->texts[RECORD_TARGET]);
    }
  return true;
}

static bool
take_tree (struct tree *tree, const char *data, size_t size)
{
  struct unpack *unpack = &tree->unpack;
  while (size > 0 || unpack->wanted != UNPACK_NOTHING)
    {
      if (unpack->wanted != UNPACK_NOTHING)
        look_up_id (unpack);
      size_t taken = unpack_write (unpack, data, size);
      data += taken;
      size -= taken;
      if (unpack->errnum != 0)
        call_fail_no_memory (tree->call);
      else if (unpack->refusal != NULL)
        refuse (tree, unpack->refusal, unpack->refused);
      if (unpack->refusal != NULL)
        return false;
    }
  tree->done.files = unpack->files + unpack->links;
  tree->done.bytes = unpack->bytes + (unpack->inside ? unpack->size - unpack->left : 0);
  if (unpack->total_files != 0 || unpack->total_bytes != 0)
    {
      tree->done.total_files = unpack->total_files;
      tree->done.total_bytes = unpack->total_bytes;
    }
  note_progress (tree);
  return true;
}

/* What came is given credit for when it has been told.  */
static void
consume (struct tree *tree)
{
  if (tree->first != NULL || tree->owed == 0 || tree->call->channel == NULL)
    return;
  session_consume (tree->call->channel, FRAME_STREAM_OUTPUT, tree->owed);
  tree->owed = 0;
  connection_flush_soon (tree->call->connection);
}

void
tree_output (struct tree *tree, const char *data, size_t size)
{
  tree->owed += size;
  if (tree->put ? take_problems (tree, data, size) : take_tree (tree, data, size))
    consume (tree);
  else
    connection_end_call (tree->call);
}

/* As a task: something has been told, or there may be more to send.  */
static void
go_on (void *context)
{
  struct tree *tree = context;
  consume (tree);
  if (tree->put && tree->call->channel != NULL)
    {
      session_has_input (tree->call->channel);
      connection_flush_soon (tree->call->connection);
    }
  tree_ended (tree);
}

/* FIGURES are the answer.  */
static void
keep_result (struct tree *tree, const struct lr_tree_result *figures)
{
  tree->result = result_new (sizeof *tree->result);
  if (tree->result == NULL)
    call_fail_no_memory (tree->call);
  else
    *tree->result = *figures;
}

void
tree_answer (struct tree *tree, const struct packet *packet)
{
  const struct unpack *unpack = &tree->unpack;
  const struct packet_tree_done *done = &packet->tree_done;
  if (packet->id == PACKET_TREE_PLACE && tree->put)
    tree->went = strdup (packet->tree_place.path.data);
  else if (packet->id == PACKET_TREE_DONE)
    keep_result (tree, &(struct lr_tree_result){ .directories = done->directories,
                                                 .files = done->files,
                                                 .links = done->links,
                                                 .bytes = done->bytes });
  else if (packet->id == PACKET_OK && !unpack->done)
    refuse (tree, "its end is missing", "");
  else if (packet->id == PACKET_OK)
    keep_result (tree, &(struct lr_tree_result){ .directories = unpack->directories,
                                                 .files = unpack->files,
                                                 .links = unpack->links,
                                                 .bytes = unpack->bytes });
}
