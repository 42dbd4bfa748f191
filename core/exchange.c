#include "core/exchange.h"

#include "core/connection.h"
#include "core/pages.h"
#include "core/transfer.h"
#include "core/tree.h"
#include "core/tunnel.h"

#include <stdlib.h>

static const struct session_kind *kind_of (const struct lr_call *call);

/* Each in its turn, and once.  */
static bool
accepts (void *owner, enum packet_id id)
{
  const struct lr_call *call = owner;
  if (!tunnel_accepts (call, true, id))
    return false;
  switch (id)
    {
    case PACKET_STARTED:
    case PACKET_FILE_INFO:
    case PACKET_TREE_PLACE:
      return !call->begun;
    case PACKET_EXITED:
      return call->begun && !call->exited.known;
    case PACKET_CLOSED:
      return call->exited.known;
    case PACKET_OK:
      return call->content_ended || kind_of (call)->data == NULL;
    case PACKET_WRITTEN:
    case PACKET_TREE_DONE:
      return call->input_ended;
    default:
      return true;
    }
}

/* A file that is larger than wanted need not come at all.  */
static void
refuse_too_much (struct lr_call *call)
{
  const struct call_output *content = &call->outputs[LR_STDOUT];
  if ((call->operation == OPERATION_DOWNLOAD || call->operation == OPERATION_LIST)
      && (content->over_limit || content->no_memory))
    lr_reply_done (call);
}

/* CALL is answered.  */
static void
end (struct lr_call *call)
{
  if (call->pages != NULL)
    pages_end (call->pages);
  else
    connection_end_call (call);
}

static void
take_packet (void *owner, const struct packet *packet, bool final)
{
  struct lr_call *call = owner;
  call->begun = true;
  if (final)
    call->channel = NULL;
  tunnel_answer (call, true, packet);
  if (packet->id == PACKET_FILE_INFO)
    refuse_too_much (call);
  if (call->answered)
    end (call);
  else if (final && call->transfer != NULL)
    transfer_output_ended (call->transfer);
  else if (final && call->tree != NULL)
    tree_ended (call->tree);
}

static void
fail (void *owner, const struct lr_error *error)
{
  struct lr_call *call = owner;
  call->channel = NULL;
  call_fail_with (call, error);
  end (call);
}

/* A digest is content too, but comes within its packet.  */
static void
take_answer (void *owner, const struct packet *packet, bool final)
{
  struct lr_call *call = owner;
  const struct packet_bytes *digest = &packet->stat_result.sha512sum;
  if (packet->id == PACKET_STAT_RESULT && digest->present)
    call_take_output (call, LR_STDOUT, digest->data, (size_t) digest->size);
  take_packet (owner, packet, final);
}

/* ---- outputs ---- */

static void
store_output (void *owner, uint32_t stream, const char *data, size_t size)
{
  struct lr_call *call = owner;
  call_take_output (call, stream == FRAME_STREAM_ERROR ? LR_STDERR : LR_STDOUT, data, size);
  session_consume (call->channel, stream, size);
}

static void
store_content (void *owner, uint32_t stream, const char *data, size_t size)
{
  struct lr_call *call = owner;
  store_output (owner, stream, data, size);
  refuse_too_much (call);
  if (call->answered)
    connection_end_call (call);
}

static void
transfer_data (void *owner, uint32_t stream, const char *data, size_t size)
{
  struct lr_call *call = owner;
  (void) stream;
  transfer_output (call->transfer, data, size);
}

static void
page_data (void *owner, uint32_t stream, const char *data, size_t size)
{
  const struct lr_call *call = owner;
  (void) stream;
  pages_output (call->pages, data, size);
}

static void
tree_data (void *owner, uint32_t stream, const char *data, size_t size)
{
  const struct lr_call *call = owner;
  (void) stream;
  tree_output (call->tree, data, size);
}

static void
note_end (void *owner, uint32_t stream)
{
  struct lr_call *call = owner;
  call->content_ended = call->content_ended || stream == FRAME_STREAM_OUTPUT;
}

/* ---- inputs ---- */

static long
give_bytes (void *owner, char *scratch, size_t size, const char **data)
{
  struct lr_call *call = owner;
  size_t left = call->input.size - call->input_read;
  (void) scratch;
  if (left == 0)
    {
      call->input_ended = true;
      return -1;
    }
  if (size > left)
    size = left;
  *data = call->input.data + call->input_read;
  call->input_read += size;
  return (long) size;
}

static long
give_read (void *owner, char *scratch, size_t size, const char **data)
{
  struct lr_call *call = owner;
  *data = scratch;
  long got = transfer_input (call->transfer, scratch, size);
  if (got < 0)
    call->input_ended = true;
  return got;
}

static long
give_tree (void *owner, char *scratch, size_t size, const char **data)
{
  const struct lr_call *call = owner;
  (void) scratch;
  return tree_input (call->tree, size, data);
}

/* ---- which is which ---- */

static const struct session_kind short_kind = { accepts, take_answer, NULL, NULL, NULL, fail };
/* With input, or without; with outputs, or without.  */
static const struct session_kind run_kinds[2][2] = {
  { { accepts, take_packet, NULL, NULL, NULL, fail },
    { accepts, take_packet, store_output, note_end, NULL, fail } },
  { { accepts, take_packet, NULL, NULL, give_bytes, fail },
    { accepts, take_packet, store_output, note_end, give_bytes, fail } }
};
static const struct session_kind upload_kind = {
  accepts, take_packet, NULL, NULL, give_bytes, fail
};
static const struct session_kind put_kind = { accepts, take_packet, NULL, NULL, give_read, fail };
static const struct session_kind download_kind = { accepts,  take_packet, store_content,
                                                   note_end, NULL,        fail };
static const struct session_kind get_kind = { accepts,  take_packet, transfer_data,
                                              note_end, NULL,        fail };
static const struct session_kind pages_kind = { accepts,  take_packet, page_data,
                                                note_end, NULL,        fail };
static const struct session_kind put_tree_kind = { accepts,  take_packet, tree_data,
                                                   note_end, give_tree,   fail };
static const struct session_kind get_tree_kind = { accepts,  take_packet, tree_data,
                                                   note_end, NULL,        fail };

static const struct session_kind *
kind_of (const struct lr_call *call)
{
  switch (call->operation)
    {
    case OPERATION_RUN:
      return &run_kinds[call->input.data != NULL]
                       [!((const struct lr_run_args *) call->args)->no_capture];
    case OPERATION_UPLOAD:
      return call->transfer != NULL ? &put_kind : &upload_kind;
    case OPERATION_LIST:
      return call->pages != NULL ? &pages_kind : &download_kind;
    case OPERATION_DOWNLOAD:
      return call->transfer != NULL ? &get_kind : &download_kind;
    case OPERATION_PUT_TREE:
      return &put_tree_kind;
    case OPERATION_GET_TREE:
      return &get_tree_kind;
    default:
      return &short_kind;
    }
}

void
exchange_begin (struct session *session, struct lr_call *call)
{
  struct packet packet;
  void *memory;
  const struct session_kind *kind = kind_of (call);
  if (tunnel_request (call, true, &packet, &memory))
    {
      struct lr_error error;
      call->channel =
          session_open (session, kind, call, kind == &short_kind ? SESSION_SHORT : SESSION_LASTING,
                        &packet, &error);
      if (call->channel == NULL)
        call_fail_with (call, &error);
    }
  free (memory);
  if (call->answered)
    connection_end_call (call);
}
