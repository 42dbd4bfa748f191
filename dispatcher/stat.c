/* Stat, with the digest in slices.

   Where the path may lead to a file system that hangs, all of it is done by a worker.  */

#include "dispatcher/digest.h"
#include "dispatcher/ids.h"
#include "dispatcher/inode.h"
#include "dispatcher/loop.h"
#include "dispatcher/mounts.h"
#include "dispatcher/request.h"
#include "dispatcher/worker.h"
#include "protocol/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  SLICE_SIZE = 1 << 20, /* bytes hashed before the loop goes on */
};

static void
answer_stat (struct request *request, const struct stat *info, const unsigned char *digest)
{
  struct packet packet = { .id = PACKET_STAT_RESULT };
  packet.stat_result.type = packet_text (inode_type (info->st_mode));
  packet.stat_result.mode = info->st_mode & 07777;
  packet.stat_result.owner = packet_text (ids_user_name (info->st_uid));
  packet.stat_result.group = packet_text (ids_group_name (info->st_gid));
  packet.stat_result.size = (uint64_t) info->st_size;
  packet.stat_result.mtime = (uint64_t) timestamp_of (&info->st_mtim);
  packet.stat_result.ctime = (uint64_t) timestamp_of (&info->st_ctim);
  if (digest != NULL)
    packet.stat_result.sha512sum = packet_data (digest, DIGEST_SIZE);
  answer (request, &packet);
}

/* One that isn't answered at once.  */
struct inquiry
{
  struct work work; /* the first member */
  bool slow;        /* everything is for a worker */

  struct request *request; /* borrowed; NULL: abandoned */
  char *path;              /* owned */
  bool follow_links, hash;
  struct stat info;
  int errnum;
  const char *what; /* was being done then */

  int file;              /* owned; -1: not open */
  struct digest *digest; /* owned */
  bool at_end;
  struct job job;
};

/* ---- on any thread ---- */

static int
look (const char *path, bool follow_links, struct stat *info)
{
  int flags = AT_NO_AUTOMOUNT | (follow_links ? 0 : AT_SYMLINK_NOFOLLOW);
  return fstatat (AT_FDCWD, path, info, flags) == 0 ? 0 : errno;
}

static void
open_file (struct inquiry *inquiry)
{
  struct stat opened;
  inquiry->file = open (inquiry->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
                                           | (inquiry->follow_links ? 0 : O_NOFOLLOW));
  inquiry->digest = digest_begin ();
  int errnum = inquiry->file < 0 ? errno : inquiry->digest == NULL ? ENOMEM : 0;
  /* The answer describes the file that is hashed, not one that had the name before.  */
  if (errnum == 0 && fstat (inquiry->file, &opened) != 0)
    errnum = errno;
  if (errnum == 0 && !S_ISREG (opened.st_mode))
    errnum = ESTALE;
  if (errnum == 0)
    inquiry->info = opened;
  inquiry->errnum = errnum;
  inquiry->what = "open";
}

static void
look_and_open (struct work *work, char *scratch)
{
  struct inquiry *inquiry = (struct inquiry *) work;
  (void) scratch;
  inquiry->errnum = look (inquiry->path, inquiry->follow_links, &inquiry->info);
  inquiry->what = "stat";
  if (inquiry->errnum == 0 && inquiry->hash && S_ISREG (inquiry->info.st_mode))
    open_file (inquiry);
}

static void
hash_slice (struct work *work, char *scratch)
{
  struct inquiry *inquiry = (struct inquiry *) work;
  inquiry->what = "hash";
  for (int done = 0; done < SLICE_SIZE && !inquiry->at_end && inquiry->errnum == 0;)
    {
      ssize_t got = read (inquiry->file, scratch, WORKER_SCRATCH);
      if (got < 0 && errno == EINTR)
        continue;
      inquiry->at_end = got == 0;
      if (got < 0)
        inquiry->errnum = errno;
      else if (!digest_add (inquiry->digest, scratch, (size_t) got))
        inquiry->errnum = EIO;
      done += (int) got;
    }
}

static void
close_file (struct work *work, char *scratch)
{
  const struct inquiry *inquiry = (struct inquiry *) work;
  (void) scratch;
  if (inquiry->file >= 0)
    close (inquiry->file);
}

/* ---- in the loop ---- */

static void
closed (struct work *work)
{
  struct inquiry *inquiry = (struct inquiry *) work;
  digest_free (inquiry->digest);
  free (inquiry->path);
  free (inquiry);
}

/* The request is answered, or abandoned.  */
static void
leave (struct inquiry *inquiry)
{
  if (inquiry->request != NULL)
    inquiry->request->state = NULL;
  inquiry->request = NULL;
  loop_remove_job (&inquiry->job);
  if (!inquiry->work.busy)
    worker_run (&inquiry->work, inquiry->slow, close_file, closed);
}

static void
abandon (struct request *request)
{
  if (request->state != NULL)
    leave (request->state);
}

static void
answer_failed (struct request *request, int errnum, const char *what)
{
  const char *path = request->packet->stat.path.data;
  if (errnum == ENOENT && strcmp (what, "stat") == 0)
    answer_invalid_field (request, "path", "no such file: %s", path);
  else
    answer_os_error (request, errnum, "cannot %s %s", what, path);
}

/* All is known.  The answer leaves the request to its front: what is kept for it goes first.  */
static void
answer_inquiry (struct inquiry *inquiry)
{
  struct request *request = inquiry->request;
  unsigned char result[DIGEST_SIZE];
  struct stat info = inquiry->info;
  bool hashed = inquiry->digest != NULL;
  if (inquiry->errnum == 0 && hashed && !digest_end (inquiry->digest, result))
    inquiry->errnum = EIO;
  int errnum = inquiry->errnum;
  const char *what = inquiry->what;
  leave (inquiry);
  if (errnum != 0)
    answer_failed (request, errnum, what);
  else
    answer_stat (request, &info, hashed ? result : NULL);
}

static void step_done (struct work *work);

/* Between the slices of one the loop serves everything else.  */
static bool
hash_here (void *context)
{
  struct inquiry *inquiry = context;
  worker_run (&inquiry->work, inquiry->slow, hash_slice, step_done);
  return false;
}

static void
step_done (struct work *work)
{
  struct inquiry *inquiry = (struct inquiry *) work;
  if (inquiry->request == NULL)
    leave (inquiry);
  else if (inquiry->errnum != 0 || inquiry->digest == NULL || inquiry->at_end)
    answer_inquiry (inquiry);
  else if (inquiry->slow)
    worker_run (&inquiry->work, inquiry->slow, hash_slice, step_done);
  else
    loop_add_job (&inquiry->job, hash_here, inquiry);
}

static void
begin_inquiry (struct request *request, bool slow)
{
  const struct packet_stat *asked = &request->packet->stat;
  struct inquiry *inquiry = calloc (1, sizeof *inquiry);
  char *path = strdup (asked->path.data);
  if (inquiry == NULL || path == NULL)
    {
      free (inquiry);
      free (path);
      answer_os_error (request, ENOMEM, "cannot stat %s", asked->path.data);
      return;
    }
  inquiry->slow = slow;
  inquiry->request = request;
  inquiry->path = path;
  inquiry->follow_links = asked->follow_links;
  inquiry->hash = asked->sha512sum;
  inquiry->file = -1;
  request->state = inquiry;
  worker_run (&inquiry->work, inquiry->slow, look_and_open, step_done);
}

static void
handle_stat (struct request *request)
{
  const struct packet_stat *asked = &request->packet->stat;
  bool slow = mounts_may_hang (asked->path.data, asked->follow_links);
  struct stat info;
  if (slow || asked->sha512sum)
    {
      begin_inquiry (request, slow);
      return;
    }
  int errnum = look (asked->path.data, asked->follow_links, &info);
  if (errnum != 0)
    answer_failed (request, errnum, "stat");
  else
    answer_stat (request, &info, NULL);
}

static bool
lasts (const struct packet *packet)
{
  return packet->stat.sha512sum
         || mounts_may_hang (packet->stat.path.data, packet->stat.follow_links);
}

const struct request_kind stat_kind = {
  .id = PACKET_STAT,
  .protocols = REQUEST_BOTH,
  .handle = handle_stat,
  .abandon = abandon,
  .lasts = lasts,
};
