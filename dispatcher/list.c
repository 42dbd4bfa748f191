/* List: the entries of a directory as a stream.

   They are read some at a time, by a worker where that may hang; the loop makes packets of them,
   since it knows the names of users, and sends them as the client takes them.  So there are never
   more in memory than a few, however many the directory has.  */

#include "dispatcher/channel.h"
#include "dispatcher/ids.h"
#include "dispatcher/inode.h"
#include "dispatcher/mounts.h"
#include "dispatcher/worker.h"
#include "protocol/codec.h"
#include "protocol/timestamp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  SLICE = 64,      /* entries read at a time */
  ROOM = 16 << 10, /* bytes by which the room for their packets grows */
};

/* An entry.  Its texts are of the listing's memory.  */
struct found
{
  struct stat info;
  const char *name, *target; /* NULL: it is no link */
};

struct listing
{
  struct work work; /* the first member */
  bool slow;        /* everything is for a worker */

  struct request *request; /* borrowed; NULL: abandoned */
  struct outlet *outlet;   /* borrowed */
  char *path;              /* owned */
  bool follow_links, itself;

  DIR *directory; /* owned; NULL: not open, or PATH itself is listed */
  struct stat info;
  int errnum;

  struct found found[SLICE];
  size_t count;
  struct arena memory; /* owned */
  bool at_end;         /* and these were the last */

  char *bytes; /* owned: the packets made of them, from `used` up to `have` */
  size_t used, have, allocated;
};

/* ---- on any thread ---- */

static const char *
keep (struct listing *listing, const char *text, size_t size)
{
  char *copy = arena_allocate (&listing->memory, size + 1);
  if (copy == NULL)
    {
      listing->errnum = ENOMEM;
      return "";
    }
  copy[size] = '\0';
  return memcpy (copy, text, size);
}

static void
take (struct listing *listing, const struct stat *info, int directory, const char *path,
      const char *name)
{
  struct found *found = &listing->found[listing->count++];
  char target[PATH_MAX];
  *found = (struct found){ .info = *info, .name = keep (listing, name, strlen (name)) };
  ssize_t size = S_ISLNK (info->st_mode) ? readlinkat (directory, path, target, sizeof target) : -1;
  if (size >= 0)
    found->target = keep (listing, target, (size_t) size);
}

static void
open_listing (struct work *work, char *scratch)
{
  struct listing *listing = (struct listing *) work;
  (void) scratch;
  if (listing->itself)
    {
      int flags = AT_NO_AUTOMOUNT | (listing->follow_links ? 0 : AT_SYMLINK_NOFOLLOW);
      if (fstatat (AT_FDCWD, listing->path, &listing->info, flags) != 0)
        listing->errnum = errno;
      return;
    }
  int file = open (listing->path,
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC | (listing->follow_links ? 0 : O_NOFOLLOW));
  if (file < 0 || fstat (file, &listing->info) != 0
      || (listing->directory = fdopendir (file)) == NULL)
    {
      listing->errnum = errno;
      if (file >= 0)
        close (file);
    }
}

/* Without the right to search the directory there is a name and a type, and no more.  */
static void
take_entry (struct listing *listing, const struct dirent *entry)
{
  struct stat info = { .st_mode = (mode_t) DTTOIF (entry->d_type), .st_ino = entry->d_ino };
  int directory = dirfd (listing->directory);
  if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
    return;
  if (fstatat (directory, entry->d_name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0
      && errno == ENOENT)
    return;
  take (listing, &info, directory, entry->d_name, entry->d_name);
}

static void
read_slice (struct work *work, char *scratch)
{
  struct listing *listing = (struct listing *) work;
  (void) scratch;
  arena_clear (&listing->memory);
  listing->count = 0;
  if (listing->directory == NULL)
    {
      take (listing, &listing->info, AT_FDCWD, listing->path, listing->path);
      listing->at_end = true;
    }
  while (listing->count < SLICE && !listing->at_end && listing->errnum == 0)
    {
      errno = 0;
      const struct dirent *entry = readdir (listing->directory);
      listing->at_end = entry == NULL;
      if (entry != NULL)
        take_entry (listing, entry);
      else
        listing->errnum = errno;
    }
}

static void
close_listing (struct work *work, char *scratch)
{
  const struct listing *listing = (struct listing *) work;
  (void) scratch;
  if (listing->directory != NULL)
    closedir (listing->directory);
}

/* ---- in the loop ---- */

static void
closed (struct work *work)
{
  struct listing *listing = (struct listing *) work;
  arena_free (&listing->memory);
  free (listing->bytes);
  free (listing->path);
  free (listing);
}

/* The request is answered, or abandoned.  */
static void
leave (struct listing *listing)
{
  if (listing->request != NULL)
    listing->request->state = NULL;
  listing->request = NULL;
  if (!listing->work.busy)
    worker_run (&listing->work, listing->slow, close_listing, closed);
}

static void
abandon (struct request *request)
{
  if (request->state != NULL)
    leave (request->state);
}

static void
answer_listing (struct listing *listing)
{
  struct request *request = listing->request;
  int errnum = listing->errnum;
  if (errnum == 0)
    outlet_end (listing->outlet);
  leave (listing);
  if (errnum == 0)
    answer_ok (request);
  else
    answer_os_error (request, errnum, "cannot list %s", request->packet->listing.path.data);
}

static void
emit (void *context, const char *data, uint64_t size)
{
  struct listing *listing = context;
  if (listing->allocated - listing->have < size)
    {
      size_t room = listing->have + (size_t) size + ROOM;
      char *grown = realloc (listing->bytes, room);
      if (grown == NULL)
        {
          listing->errnum = ENOMEM;
          return;
        }
      listing->bytes = grown;
      listing->allocated = room;
    }
  memcpy (listing->bytes + listing->have, data, (size_t) size);
  listing->have += (size_t) size;
}

static void
encode (struct listing *listing, const struct found *found)
{
  struct packet packet = { .id = PACKET_DIRECTORY_ENTRY };
  struct packet_directory_entry *entry = &packet.directory_entry;
  const struct stat *info = &found->info;
  entry->name = packet_text (found->name);
  entry->type = packet_text (inode_type (info->st_mode));
  entry->mode = info->st_mode & 07777;
  entry->owner = packet_text (ids_user_name (info->st_uid));
  entry->group = packet_text (ids_group_name (info->st_gid));
  entry->size = (uint64_t) info->st_size;
  entry->mtime = (uint64_t) timestamp_of (&info->st_mtim);
  entry->ctime = (uint64_t) timestamp_of (&info->st_ctim);
  entry->device = info->st_dev;
  entry->inode = info->st_ino;
  entry->links = info->st_nlink;
  entry->blocks = (uint64_t) info->st_blocks;
  entry->target = packet_text (found->target);
  packet_encode (&packet, emit, listing);
}

static void
slice_read (struct work *work)
{
  struct listing *listing = (struct listing *) work;
  if (listing->request == NULL)
    {
      leave (listing);
      return;
    }
  listing->used = listing->have = 0;
  for (size_t i = 0; i < listing->count; i++)
    encode (listing, &listing->found[i]);
  outlet_ready (listing->outlet);
}

static long
produce (void *context, char *buffer, size_t size)
{
  struct listing *listing = context;
  size_t have = listing->work.busy ? 0 : listing->have - listing->used;
  if (!listing->work.busy && (listing->errnum != 0 || (have == 0 && listing->at_end)))
    {
      answer_listing (listing);
      return OUTLET_GONE;
    }
  if (have == 0)
    {
      if (!listing->work.busy)
        worker_run (&listing->work, listing->slow, read_slice, slice_read);
      return listing->work.busy ? OUTLET_LATER : OUTLET_AGAIN;
    }
  if (size == 0)
    return OUTLET_AGAIN;
  if (size > have)
    size = have;
  memcpy (buffer, listing->bytes + listing->used, size);
  listing->used += size;
  return (long) size;
}

/* ---- the start ---- */

static void
describe (const struct listing *listing)
{
  struct packet packet = { .id = PACKET_FILE_INFO };
  packet.file_info.type = packet_text (inode_type (listing->info.st_mode));
  packet.file_info.mode = listing->info.st_mode & 07777;
  packet.file_info.size = (uint64_t) listing->info.st_size;
  packet.file_info.mtime = (uint64_t) timestamp_of (&listing->info.st_mtim);
  request_send (listing->request, &packet);
}

static void
opened (struct work *work)
{
  struct listing *listing = (struct listing *) work;
  if (listing->request == NULL)
    leave (listing);
  else if (listing->errnum != 0)
    answer_listing (listing);
  else
    {
      describe (listing);
      outlet_ready (listing->outlet);
    }
}

static void
handle (struct request *request)
{
  const struct packet_listing *asked = &request->packet->listing;
  struct listing *listing = calloc (1, sizeof *listing);
  char *path = strdup (asked->path.data);
  if (listing == NULL || path == NULL)
    {
      free (listing);
      free (path);
      answer_os_error (request, ENOMEM, "cannot list %s", asked->path.data);
      return;
    }
  listing->request = request;
  listing->path = path;
  listing->follow_links = asked->follow_links;
  listing->itself = asked->itself;
  /* What is mounted on its entries hangs, too.  */
  listing->slow = mounts_any_may_hang ();
  listing->outlet = &channel_of (request)->outlets[FRAME_STREAM_OUTPUT];
  request->state = listing;
  outlet_open (listing->outlet, produce, listing);
  worker_run (&listing->work, listing->slow, open_listing, opened);
}

const struct request_kind list_kind = {
  .id = PACKET_LIST,
  .protocols = REQUEST_SESSION,
  .handle = handle,
  .abandon = abandon,
  .lasts = request_lasts,
};
