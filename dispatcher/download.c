/* Download.  The answer begins with the file's length: a small file, and all that has no length of
   its own (pipes, devices, what /proc shows), is read to its end first; a large one is sent from
   where it lies.  */

#include "dispatcher/loop.h"
#include "dispatcher/request.h"
#include "dispatcher/source.h"
#include "protocol/codec.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum
{
  READ_SIZE = 64 << 10,
  SMALL = 256 << 10, /* bytes */
};

/* A file that is read to its end.  Owns all it points to but REQUEST.  */
struct download
{
  struct request *request;
  struct watch watch; /* of what is not a regular file */
  struct job job;     /* of what is */
  struct spool content;
};

static void
answer_contents (struct request *request, struct contents *contents, uint64_t size)
{
  struct packet packet = { .id = PACKET_DOWNLOAD_RESULT };
  packet.download_result.content = packet_data (NULL, size);
  answer_with_contents (request, &packet, contents);
}

static void
abandon (struct request *request)
{
  struct download *download = request->state;
  request->state = NULL;
  if (download == NULL)
    return;
  loop_close (&download->watch);
  loop_remove_job (&download->job);
  spool_free (&download->content);
  free (download);
}

static void
end_download (struct download *download, int errnum)
{
  struct request *request = download->request;
  struct contents contents = CONTENTS_EMPTY;
  contents.spool = download->content;
  download->content = SPOOL_EMPTY;
  abandon (request);
  if (errnum == 0)
    {
      answer_contents (request, &contents, spool_size (&contents.spool));
      return;
    }
  contents_free (&contents);
  answer_os_error (request, errnum, "cannot read %s", request->packet->download.file.data);
}

enum progress
{
  READ_MORE,
  READ_LATER, /* nothing is there yet */
  READ_ENDED, /* with an answer */
};

static enum progress
read_some (struct download *download)
{
  static char buffer[READ_SIZE];
  ssize_t got = read (download->watch.fd, buffer, sizeof buffer);
  if (got < 0 && errno == EAGAIN)
    return READ_LATER;
  if (got < 0 && errno == EINTR)
    return READ_MORE;
  int errnum = got < 0 ? errno : spool_append (&download->content, buffer, (size_t) got);
  if (errnum == 0 && spool_size (&download->content) > packet_plain_limits.bytes_size)
    errnum = EFBIG;
  if (errnum == 0 && got > 0)
    return READ_MORE;
  end_download (download, errnum);
  return READ_ENDED;
}

static void
ready (void *context, short events)
{
  (void) events;
  read_some (context);
}

/* Some of what /proc shows as a regular file has to be waited for all the same.  */
static bool
slice (void *context)
{
  struct download *download = context;
  enum progress progress = read_some (download);
  if (progress == READ_LATER)
    loop_set_events (&download->watch, POLLIN);
  return progress == READ_MORE;
}

/* Read FILE to its end: in slices where it is a regular file, for which poll has no use, else as
   poll says.  */
static void
read_to_end (struct request *request, int file, bool regular)
{
  struct download *download = calloc (1, sizeof *download);
  if (download == NULL
      || !loop_watch (&download->watch, file, regular ? WATCH_NOTHING : POLLIN, ready, download))
    {
      close (file);
      free (download);
      answer_os_error (request, ENOMEM, "cannot read %s", request->packet->download.file.data);
      return;
    }
  download->request = request;
  download->content = SPOOL_EMPTY;
  request->state = download;
  if (regular)
    loop_add_job (&download->job, slice, download);
}

static void
handle_download (struct request *request)
{
  const char *path = request->packet->download.file.data;
  struct stat info;
  int file = source_open (path, &info);
  if (file < 0)
    source_answer_failed (request, errno, path);
  else if (!S_ISREG (info.st_mode) || info.st_size <= SMALL)
    read_to_end (request, file, S_ISREG (info.st_mode));
  else if ((uint64_t) info.st_size > packet_plain_limits.bytes_size)
    {
      close (file);
      answer_os_error (request, EFBIG, "cannot send %s", path);
    }
  else
    {
      struct contents contents = CONTENTS_EMPTY;
      contents.file = file;
      contents.size = (uint64_t) info.st_size;
      answer_contents (request, &contents, contents.size);
    }
}

const struct request_kind download_kind = {
  .id = PACKET_DOWNLOAD,
  .protocols = REQUEST_PLAIN,
  .handle = handle_download,
  .abandon = abandon,
};
