/* FileSystem: how much room there is.  */

#include "dispatcher/errand.h"
#include "dispatcher/mounts.h"

#include <errno.h>
#include <sys/statvfs.h>

struct inquiry
{
  struct errand errand; /* the first member */
  struct statvfs info;
};

static bool
prepare (struct request *request, struct errand *errand)
{
  (void) request;
  errand->slow = mounts_may_hang (errand->packet.file_system.path.data, true);
  return true;
}

static void
step (struct errand *errand, char *scratch)
{
  const char *path = errand->packet.file_system.path.data;
  (void) scratch;
  if (statvfs (path, &((struct inquiry *) errand)->info) != 0)
    errand_fail (errand, errno, "cannot look at the file system of %s", path);
}

static void
tell (struct request *request, const struct errand *errand)
{
  const struct statvfs *info = &((const struct inquiry *) errand)->info;
  struct packet packet = { .id = PACKET_FILE_SYSTEM_INFO };
  struct packet_file_system_info *told = &packet.file_system_info;
  uint64_t unit = info->f_frsize != 0 ? info->f_frsize : info->f_bsize;
  told->block_size = info->f_bsize;
  told->size = info->f_blocks * unit;
  told->free = info->f_bfree * unit;
  told->available = info->f_bavail * unit;
  told->files = info->f_files;
  told->files_free = info->f_ffree;
  told->name_max = info->f_namemax;
  told->read_only = (info->f_flag & ST_RDONLY) != 0;
  answer (request, &packet);
}

const struct errand_kind file_system_kind = {
  .request = ERRAND_REQUEST (PACKET_FILE_SYSTEM),
  .size = sizeof (struct inquiry),
  .prepare = prepare,
  .step = step,
  .tell = tell,
};
