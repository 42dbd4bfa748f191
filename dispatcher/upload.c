/* Upload.  The content comes before mode, owner and group: it is stored as it comes, and nothing is
   replaced before those are checked.  */

#include "dispatcher/ids.h"
#include "dispatcher/mode.h"
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
  replacement_free (&upload->replacement);
  free (upload);
}

static void
abandon (struct request *request)
{
  free_upload (request->state);
  request->state = NULL;
}

/* The owner's entry decides the group too; an id that has no entry is fine for a file.  False: an
   answer was given.  */
static bool
check_owner (struct request *request, struct replacement_owner *owner)
{
  const struct packet_bytes *name = &request->packet->upload.owner;
  unsigned id;
  if (!name->present)
    return true;
  const struct passwd *entry = ids_find_user (name->data);
  if (entry != NULL)
    {
      owner->uid = entry->pw_uid;
      owner->gid = entry->pw_gid;
      return true;
    }
  if (errno != 0 || !ids_parse (name->data, &id))
    {
      answer_not_found (request, "owner", "user", name->data);
      return false;
    }
  owner->uid = id;
  return true;
}

static bool
check_group (struct request *request, struct replacement_owner *owner)
{
  const struct packet_bytes *name = &request->packet->upload.group;
  unsigned id;
  if (!name->present)
    return true;
  const struct group *entry = ids_find_group (name->data);
  if (entry != NULL)
    {
      owner->gid = entry->gr_gid;
      return true;
    }
  if (errno != 0 || !ids_parse (name->data, &id))
    {
      answer_not_found (request, "group", "group", name->data);
      return false;
    }
  owner->gid = id;
  return true;
}

static bool
check_mode (struct request *request, struct replacement_owner *owner)
{
  const struct packet_bytes *mode = &request->packet->upload.mode;
  if (!mode->present || mode_parse (mode->data, 07777, &owner->mode))
    return true;
  answer_invalid_field (request, "mode", "not an octal mode of one to four digits: %s", mode->data);
  return false;
}

static void
committed (void *context)
{
  struct upload *upload = context;
  struct request *request = upload->request;
  int errnum = upload->replacement.errnum;
  const char *what = upload->replacement.what;
  abandon (request);
  if (errnum != 0)
    answer_os_error (request, errnum, "%s %s", what, request->packet->upload.file.data);
  else
    answer_ok (request);
}

static void
handle_upload (struct request *request)
{
  struct upload *upload = request->state;
  struct replacement_owner owner = { .mode = 0600, .uid = geteuid (), .gid = getegid () };
  request->state = NULL; /* an answer gives the request away: UPLOAD is ours until it is certain */
  if (!check_mode (request, &owner) || !check_owner (request, &owner)
      || !check_group (request, &owner))
    free_upload (upload);
  else if (upload == NULL)
    answer_os_error (request, ENOMEM, "cannot write %s", request->packet->upload.file.data);
  else
    {
      request->state = upload;
      replacement_commit (&upload->replacement, &owner, committed, upload);
    }
}

/* What is waited for is a pipe or a device that takes no more.  */
static void
hurry_upload (struct request *request)
{
  struct upload *upload = request->state;
  upload->replacement.errnum = ECANCELED;
  upload->replacement.what = "cannot write";
  committed (upload);
}

const struct request_kind upload_kind = {
  .id = PACKET_UPLOAD,
  .handle = handle_upload,
  .begin_content = begin_content,
  .content = take_content,
  .waits = true,
  .hurry = hurry_upload,
  .abandon = abandon,
};
