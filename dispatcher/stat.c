/* Stat, with the digest in slices.  */

#include "dispatcher/digest.h"
#include "dispatcher/ids.h"
#include "dispatcher/loop.h"
#include "dispatcher/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  READ_SIZE = 128 << 10,
  SLICE_SIZE = 1 << 20, /* bytes hashed before the loop goes on */
};

static const char *
name_of_type (mode_t mode)
{
  static const struct
  {
    mode_t type;
    const char *name;
  } types[] = {
    { S_IFDIR, "dir" },  { S_IFCHR, "chr" },  { S_IFBLK, "blk" },   { S_IFREG, "file" },
    { S_IFIFO, "fifo" }, { S_IFLNK, "link" }, { S_IFSOCK, "sock" },
  };
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if ((mode & S_IFMT) == types[i].type)
      return types[i].name;
  return "other";
}

/* In two's complement; what is past the year 2262 is the last moment before.  */
static uint64_t
nanoseconds (const struct timespec *time)
{
  if (time->tv_sec > INT64_MAX / 1000000000 - 1)
    return INT64_MAX;
  return (uint64_t) time->tv_sec * 1000000000 + (uint64_t) time->tv_nsec;
}

static void
answer_stat (struct request *request, const struct stat *info, const unsigned char *digest)
{
  struct packet packet = { .id = PACKET_STAT_RESULT };
  packet.stat_result.type = packet_text (name_of_type (info->st_mode));
  packet.stat_result.mode = info->st_mode & 07777;
  packet.stat_result.owner = packet_text (ids_user_name (info->st_uid));
  packet.stat_result.group = packet_text (ids_group_name (info->st_gid));
  packet.stat_result.size = (uint64_t) info->st_size;
  packet.stat_result.mtime = nanoseconds (&info->st_mtim);
  packet.stat_result.ctime = nanoseconds (&info->st_ctim);
  if (digest != NULL)
    packet.stat_result.sha512sum = packet_data (digest, DIGEST_SIZE);
  answer (request, &packet);
}

/* A digest under way.  Owns all it points to but REQUEST.  */
struct hashing
{
  struct request *request;
  struct stat info;
  int file;
  struct digest *digest;
  struct job job;
};

static void
free_hashing (struct hashing *hashing)
{
  if (hashing->file >= 0)
    close (hashing->file);
  digest_free (hashing->digest);
  free (hashing);
}

/* The answer leaves REQUEST to its front: what is kept for it goes first.  */
static void
end_hashing (struct hashing *hashing, int errnum)
{
  struct request *request = hashing->request;
  unsigned char result[DIGEST_SIZE];
  struct stat info = hashing->info;
  if (errnum == 0 && !digest_end (hashing->digest, result))
    errnum = EIO;
  loop_remove_job (&hashing->job);
  free_hashing (hashing);
  request->state = NULL;
  if (errnum != 0)
    answer_os_error (request, errnum, "cannot hash %s", request->packet->stat.path.data);
  else
    answer_stat (request, &info, result);
}

static bool
hash_slice (void *context)
{
  static char buffer[READ_SIZE];
  struct hashing *hashing = context;
  for (int done = 0; done < SLICE_SIZE;)
    {
      ssize_t got = read (hashing->file, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        {
          end_hashing (hashing, got < 0 ? errno : 0);
          return false;
        }
      if (!digest_add (hashing->digest, buffer, (size_t) got))
        {
          end_hashing (hashing, EIO);
          return false;
        }
      done += (int) got;
    }
  return true;
}

static void
begin_hashing (struct request *request, const struct stat *info)
{
  const struct packet_stat *asked = &request->packet->stat;
  struct stat opened;
  struct hashing *hashing = calloc (1, sizeof *hashing);
  if (hashing == NULL)
    {
      answer_os_error (request, ENOMEM, "cannot hash %s", asked->path.data);
      return;
    }
  hashing->request = request;
  hashing->info = *info;
  hashing->file = open (asked->path.data, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
                                              | (asked->follow_links ? 0 : O_NOFOLLOW));
  hashing->digest = digest_begin ();
  int errnum = hashing->file < 0 ? errno : hashing->digest == NULL ? ENOMEM : 0;
  /* The answer describes the file that is hashed, not one that had the name before.  */
  if (errnum == 0 && fstat (hashing->file, &opened) != 0)
    errnum = errno;
  if (errnum == 0 && !S_ISREG (opened.st_mode))
    errnum = ESTALE;
  if (errnum != 0)
    {
      free_hashing (hashing);
      answer_os_error (request, errnum, "cannot open %s", asked->path.data);
      return;
    }
  hashing->info = opened;
  request->state = hashing;
  loop_add_job (&hashing->job, hash_slice, hashing);
}

static void
handle_stat (struct request *request)
{
  const struct packet_stat *asked = &request->packet->stat;
  struct stat info;
  int failed = fstatat (AT_FDCWD, asked->path.data, &info,
                        AT_NO_AUTOMOUNT | (asked->follow_links ? 0 : AT_SYMLINK_NOFOLLOW));
  if (failed && errno == ENOENT)
    answer_invalid_field (request, "path", "no such file: %s", asked->path.data);
  else if (failed)
    answer_os_error (request, errno, "cannot stat %s", asked->path.data);
  else if (asked->sha512sum && S_ISREG (info.st_mode))
    begin_hashing (request, &info);
  else
    answer_stat (request, &info, NULL);
}

/* Nobody waits for the digest any more.  */
static void
hurry_stat (struct request *request)
{
  end_hashing (request->state, ECANCELED);
}

const struct request_kind stat_kind = { .id = PACKET_STAT,
                                        .handle = handle_stat,
                                        .hurry = hurry_stat };
