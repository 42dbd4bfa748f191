#include "core/transfer.h"

#include "core/connection.h"
#include "core/error.h"
#include "core/result.h"
#include "core/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum
{
  TELL_EVERY = 100, /* milliseconds */
  READ_SIZE = 128 << 10,
  MEMORY_BITS = 31, /* 2 GiB: what may go through memory */
};

static struct transfer *
new_transfer (struct lr_call *call, int descriptor, lr_progress *progress, void *data)
{
  struct transfer *transfer = calloc (1, sizeof *transfer);
  if (transfer == NULL)
    return NULL;
  transfer->call = call;
  transfer->descriptor = descriptor;
  transfer->progress = progress;
  transfer->progress_data = data;
  transfer->total = LR_SIZE_UNKNOWN;
  call->transfer = transfer;
  return transfer;
}

bool
transfer_for_put (struct lr_call *call, const struct lr_put_args *args)
{
  struct transfer *transfer =
      new_transfer (call, args->descriptor, args->progress, args->progress_data);
  struct lr_upload_args *own = arena_allocate (&call->memory, sizeof *own);
  if (transfer == NULL || own == NULL)
    return false;
  *own = (struct lr_upload_args) LR_UPLOAD_ARGS (.file = args->file, .mode = args->mode,
                                                 .owner = args->owner, .group = args->group,
                                                 .preserve = args->preserve);
  transfer->put = true;
  transfer->sync = args->sync != 0;
  transfer->total = source_size (args->descriptor);
  call->args = own;
  return true;
}

bool
transfer_for_get (struct lr_call *call, const struct lr_get_args *args)
{
  struct transfer *transfer =
      new_transfer (call, args->descriptor, args->progress, args->progress_data);
  struct lr_download_args *own = arena_allocate (&call->memory, sizeof *own);
  if (transfer == NULL || own == NULL)
    return false;
  *own = (struct lr_download_args) LR_DOWNLOAD_ARGS (.file = args->file);
  transfer->offset = args->offset;
  transfer->length = args->length;
  call->args = own;
  return true;
}

void
transfer_free (struct transfer *transfer)
{
  if (transfer == NULL)
    return;
  source_end (&transfer->source);
  sink_end (&transfer->sink);
  if (transfer->notice.queued)
    loop_remove_notice (connection_loop (transfer->call->connection), &transfer->notice);
  buffer_free (&transfer->memory);
  free (transfer);
}

/* ---- progress ---- */

static void
tell (void *context)
{
  struct transfer *transfer = context;
  transfer->progress (transfer->progress_data, transfer->done, transfer->total);
}

bool
transfer_tell (struct transfer *transfer)
{
  if (transfer == NULL || !transfer->untold)
    return false;
  transfer->untold = false;
  loop_call_back (connection_loop (transfer->call->connection), tell, transfer);
  return true;
}

static void
note_progress (struct transfer *transfer)
{
  const struct completion *completion = transfer->call->completion;
  if (transfer->progress == NULL || completion == NULL)
    return;
  int64_t now = loop_now ();
  if (now < transfer->told_at + TELL_EVERY)
    return;
  transfer->told_at = now;
  if (completion->callback != NULL)
    loop_add_notice (completion->loop, &transfer->notice, tell, transfer);
  else
    transfer->untold = true;
}

/* ---- the end ---- */

/* The descriptor is at fault: the far side is told to forget it.  */
static void
fail_descriptor (struct transfer *transfer, int errnum)
{
  struct lr_error error;
  const char *verb = transfer->put ? "read" : "written";
  error_set_field (&error, "descriptor", "descriptor %d can't be %s: %s", transfer->descriptor,
                   verb, strerror (errnum));
  error.kind = LR_ERROR_IO;
  error.errnum = errnum;
  call_fail_with (transfer->call, &error);
  connection_end_call (transfer->call);
}

static void
end_get (struct transfer *transfer)
{
  struct lr_get_result *result = result_new (sizeof *result);
  if (result == NULL)
    call_fail_no_memory (transfer->call);
  else
    {
      result->size = transfer->done;
      result->type = transfer->file.type;
      result->mode = transfer->file.mode;
      result->file_size = transfer->file.size;
      result->mtime_ns = transfer->file.mtime;
      call_answer (transfer->call, result);
    }
  connection_end_call (transfer->call);
}

/* ---- the descriptor ---- */

static void
source_is_ready (void *context)
{
  struct transfer *transfer = context;
  if (transfer->read_wholly != NULL)
    transfer_read_wholly (transfer, transfer->read_wholly);
  else if (transfer->call->channel != NULL)
    {
      session_has_input (transfer->call->channel);
      connection_flush_soon (transfer->call->connection);
    }
}

static void
sink_took (void *context, size_t size)
{
  struct transfer *transfer = context;
  if (size == 0)
    {
      fail_descriptor (transfer, transfer->sink.errnum);
      return;
    }
  transfer->done += size;
  note_progress (transfer);
  if (transfer->call->channel != NULL)
    {
      session_consume (transfer->call->channel, FRAME_STREAM_OUTPUT, size);
      connection_flush_soon (transfer->call->connection);
    }
  if (transfer->ended && sink_is_empty (&transfer->sink))
    end_get (transfer);
}

bool
transfer_begin (struct transfer *transfer)
{
  lr_loop *loop = connection_loop (transfer->call->connection);
  int errnum =
      transfer->put
          ? source_begin (&transfer->source, loop, transfer->descriptor, source_is_ready, transfer)
          : sink_begin (&transfer->sink, loop, transfer->descriptor, sink_took, transfer);
  if (errnum == 0)
    return true;
  fail_descriptor (transfer, errnum);
  return false;
}

/* ---- in a session ---- */

long
transfer_input (struct transfer *transfer, char *scratch, size_t size)
{
  /* A file that grows meanwhile is sent as long as it was.  */
  uint64_t left = transfer->total - transfer->done;
  bool bounded = transfer->total != LR_SIZE_UNKNOWN;
  if (bounded && left == 0)
    return -1;
  long got =
      source_read (&transfer->source, scratch, bounded && left < size ? (size_t) left : size);
  if (got > 0)
    {
      transfer->done += (uint64_t) got;
      note_progress (transfer);
    }
  if (got >= 0 || transfer->source.errnum == 0)
    return got;
  fail_descriptor (transfer, transfer->source.errnum);
  return 0;
}

void
transfer_output (struct transfer *transfer, const char *data, size_t size)
{
  transfer->came += size;
  if (transfer->length == 0 || transfer->came <= transfer->length)
    {
      sink_write (&transfer->sink, data, size);
      return;
    }
  lr_call_fail (transfer->call, LR_ERROR_IO, 0, NULL,
                "the dispatcher sends more than the %llu bytes it was asked for",
                (unsigned long long) transfer->length);
  connection_end_call (transfer->call);
}

void
transfer_output_ended (struct transfer *transfer)
{
  transfer->ended = true;
  if (sink_is_empty (&transfer->sink))
    end_get (transfer);
}

/* ---- through memory ---- */

void
transfer_read_wholly (struct transfer *transfer, void (*read_wholly) (struct lr_call *call))
{
  struct lr_call *call = transfer->call;
  struct buffer *memory = &transfer->memory;
  long got = 1;
  transfer->read_wholly = read_wholly;
  while (got > 0)
    {
      if (buffer_size (memory) >> MEMORY_BITS > 0)
        {
          fail_descriptor (transfer, EFBIG);
          return;
        }
      if (!buffer_make_room (memory, READ_SIZE))
        {
          fail_descriptor (transfer, ENOMEM);
          return;
        }
      got = source_read (&transfer->source, memory->data + memory->end, READ_SIZE);
      if (got > 0)
        memory->end += (size_t) got;
    }
  if (got == 0)
    return;
  if (transfer->source.errnum != 0)
    {
      fail_descriptor (transfer, transfer->source.errnum);
      return;
    }
  transfer->done = buffer_size (memory);
  call->input = (struct lr_bytes){ buffer_bytes (memory), buffer_size (memory) };
  read_wholly (call);
}

void
transfer_write_wholly (struct transfer *transfer, struct lr_bytes content)
{
  uint64_t start = transfer->offset < content.size ? transfer->offset : content.size;
  uint64_t size = content.size - start;
  if (transfer->length > 0 && size > transfer->length)
    size = transfer->length;
  transfer->total = size;
  transfer->file.size = content.size;
  transfer->ended = true;
  if (size > 0)
    sink_write (&transfer->sink, content.data + start, (size_t) size);
  else
    end_get (transfer);
}
