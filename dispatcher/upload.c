/* Upload.  The content comes before mode, owner and group: it is stored as it comes, and nothing is
   replaced before those are checked.  */

#include "dispatcher/feed.h"
#include "dispatcher/ownership.h"
#include "dispatcher/replacement.h"
#include "dispatcher/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct upload
{
  struct request *request; /* borrowed */
  struct replacement replacement;
  struct feed feed; /* of a pipe or a device */
};

static void
begin_content (struct request *request)
{
  const struct packet_bytes *file = &request->packet->upload.file;
  if (strlen (file->data) != file->size)
    return; /* a NUL: it will be refused */
  struct upload *upload = calloc (1, sizeof *upload);
  if (upload == NULL)
    return;
  upload->request = request;
  upload->feed = FEED_EMPTY;
  replacement_begin (&upload->replacement, file->data);
  request->state = upload;
}

static void
take_content (struct request *request, const char *data, size_t size)
{
  struct upload *upload = request->state;
  if (upload != NULL)
    replacement_write (&upload->replacement, data, size);
}

static void
free_upload (struct upload *upload)
{
  if (upload == NULL)
    return;
  feed_close (&upload->feed);
  replacement_free (&upload->replacement);
  free (upload);
}

static void
abandon (struct request *request)
{
  free_upload (request->state);
  request->state = NULL;
}

static void
answer_upload (struct upload *upload, int errnum, const char *what)
{
  struct request *request = upload->request;
  abandon (request);
  if (errnum != 0)
    answer_os_error (request, errnum, "%s %s", what, request->packet->upload.file.data);
  else
    answer_ok (request);
}

static void
feed_ended (void *context, int errnum)
{
  answer_upload (context, errnum, "cannot write");
}

/* What is waited for is a pipe or a device that takes no more.  */
static void
begin_feed (struct upload *upload)
{
  struct replacement *replacement = &upload->replacement;
  int target = replacement_open_special (replacement);
  if (target < 0)
    {
      answer_upload (upload, replacement->errnum, replacement->what);
      return;
    }
  upload->feed.waiting = replacement->spool;
  replacement->spool = SPOOL_EMPTY;
  upload->feed.ended = feed_ended;
  upload->feed.context = upload;
  upload->feed.last = true;
  if (!feed_begin (&upload->feed, target))
    answer_upload (upload, ENOMEM, "cannot write");
}

static void
handle_upload (struct request *request)
{
  static char scratch[REPLACEMENT_SCRATCH];
  const struct packet_upload *asked = &request->packet->upload;
  const struct ownership_fields fields = { &asked->mode, &asked->owner, &asked->group };
  struct replacement_owner owner;
  struct upload *upload = request->state;
  request->state = NULL; /* an answer gives the request away: UPLOAD is ours until it is certain */
  if (!ownership_check (request, &fields, &owner))
    {
      free_upload (upload);
      return;
    }
  if (upload == NULL)
    {
      answer_os_error (request, ENOMEM, "cannot write %s", asked->file.data);
      return;
    }
  request->state = upload;
  if (upload->replacement.errnum == 0 && replacement_is_special (&upload->replacement))
    {
      begin_feed (upload);
      return;
    }
  replacement_commit (&upload->replacement, &owner, false, scratch);
  answer_upload (upload, upload->replacement.errnum, upload->replacement.what);
}

const struct request_kind upload_kind = {
  .id = PACKET_UPLOAD,
  .protocols = REQUEST_PLAIN,
  .handle = handle_upload,
  .begin_content = begin_content,
  .content = take_content,
  .waits = true,
  .abandon = abandon,
};
