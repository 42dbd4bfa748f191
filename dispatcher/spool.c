#include "dispatcher/spool.h"

#include "tree/write_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  MEMORY_LIMIT = 256 << 10, /* bytes kept in memory */
};

/* A file that no directory names, in DIRECTORY; -1 and errno.  */
static int
open_unnamed_in (const char *directory)
{
  int file = open (directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT))
    return file;
  char name[4096];
  if ((size_t) snprintf (name, sizeof name, "%s/.longreach-XXXXXX", directory) >= sizeof name)
    {
      errno = ENAMETOOLONG;
      return -1;
    }
  file = mkostemp (name, O_CLOEXEC);
  if (file >= 0)
    unlink (name);
  return file;
}

static int
open_unnamed (void)
{
  const char *directories[] = { getenv ("TMPDIR"), "/var/tmp", "/tmp", "/dev/shm" };
  int first_error = 0;
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
    {
      if (directories[i] == NULL || directories[i][0] != '/')
        continue;
      int file = open_unnamed_in (directories[i]);
      if (file >= 0)
        return file;
      if (first_error == 0)
        first_error = errno;
    }
  /* What is wrong with the directories is not what is wrong with the request.  */
  bool full = first_error == EDQUOT || first_error == EMFILE || first_error == ENFILE;
  errno = full ? first_error : ENOSPC;
  return -1;
}

static void
free_memory (struct spool *spool)
{
  if (spool->account != NULL)
    spool->account->used -= spool->allocated;
  free (spool->memory);
  spool->memory = NULL;
  spool->allocated = 0;
}

static int
move_to_file (struct spool *spool)
{
  int file = open_unnamed ();
  if (file < 0)
    return errno;
  uint64_t have = spool->end - spool->start;
  int error = write_all_at (file, spool->memory + spool->start, (size_t) have, 0);
  if (error != 0)
    {
      close (file);
      return error;
    }
  free_memory (spool);
  spool->file = file;
  spool->start = 0;
  spool->end = have;
  return 0;
}

/* Memory for NEEDED bytes in all; 0, or an errno.  */
static int
grow_memory (struct spool *spool, size_t needed)
{
  size_t room = spool->allocated == 0 ? 4096 : spool->allocated;
  while (room < needed)
    room *= 2;
  size_t more = room - spool->allocated;
  if (spool->account != NULL && more > spool->account->limit - spool->account->used)
    return ENOMEM;
  char *grown = realloc (spool->memory, room);
  if (grown == NULL)
    return ENOMEM;
  if (spool->account != NULL)
    spool->account->used += more;
  spool->memory = grown;
  spool->allocated = room;
  return 0;
}

/* 0, or an errno; ENOMEM: the file is the place for it.  */
static int
append_to_memory (struct spool *spool, const void *data, size_t size)
{
  if (spool->start > 0)
    {
      memmove (spool->memory, spool->memory + spool->start, (size_t) (spool->end - spool->start));
      spool->end -= spool->start;
      spool->start = 0;
    }
  size_t needed = (size_t) spool->end + size;
  int error = needed > spool->allocated ? grow_memory (spool, needed) : 0;
  if (error != 0)
    return error;
  memcpy (spool->memory + spool->end, data, size);
  spool->end += size;
  return 0;
}

int
spool_append (struct spool *spool, const void *data, size_t size)
{
  if (size == 0)
    return 0;
  if (spool->file < 0)
    {
      if (spool_size (spool) + size <= MEMORY_LIMIT && append_to_memory (spool, data, size) == 0)
        return 0;
      int error = move_to_file (spool);
      if (error != 0)
        return error;
    }
  int error = write_all_at (spool->file, data, size, spool->end);
  if (error == 0)
    spool->end += size;
  return error;
}

long
spool_peek (const struct spool *spool, char *buffer, size_t size, const char **data)
{
  uint64_t have = spool_size (spool);
  if (size > have)
    size = (size_t) have;
  if (spool->file < 0)
    {
      *data = size == 0 ? "" : spool->memory + spool->start;
      return (long) size;
    }
  ssize_t got;
  do
    got = pread (spool->file, buffer, size, (off_t) spool->start);
  while (got < 0 && errno == EINTR);
  if (got == 0 && size > 0)
    {
      errno = EIO;
      return -1;
    }
  *data = buffer;
  return got;
}

void
spool_take (struct spool *spool, size_t size)
{
  spool->start += size;
  if (spool->start < spool->end)
    return;
  /* Empty: begin anew, in memory.  */
  if (spool->file >= 0)
    close (spool->file);
  spool->file = -1;
  spool->start = spool->end = 0;
  if (spool->account != NULL)
    free_memory (spool);
}

uint64_t
spool_size (const struct spool *spool)
{
  return spool->end - spool->start;
}

void
spool_free (struct spool *spool)
{
  if (spool->file >= 0)
    close (spool->file);
  free_memory (spool);
  struct spool_account *account = spool->account;
  *spool = SPOOL_EMPTY;
  spool->account = account;
}
