#include "core/payload.h"

#include "core/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "linux-"

enum
{
  SIZE_MAX_SENT = 64 << 20, /* bytes: far more than any dispatcher */
  BLOCK = 512,              /* of a tar archive, */
  HEAD = 2 * BLOCK,         /* which begins with two headers */
  TAIL = 3 * BLOCK,         /* and ends with a block that is begun, and two that are empty */
};

char *
payload_directory (void)
{
  const char *directory = secure_getenv ("LONGREACH_DISPATCHER_DIR");
  if (directory == NULL || directory[0] != '/')
    directory = DISPATCHER_DIRECTORY;
  return strdup (directory);
}

void
payload_machine (char *machine, size_t size)
{
  struct utsname names;
  snprintf (machine, size, "%s", uname (&names) == 0 ? names.machine : "");
}

/* Where the dispatcher for MACHINE is, or, NULL, the one for this system.  */
static char *
path_of (const char *machine)
{
  char *path, *directory = payload_directory ();
  int length = directory == NULL ? -1
               : machine == NULL ? asprintf (&path, "%s/longreach-dispatcher", directory)
                                 : asprintf (&path, "%s/portable/" PREFIX "%s/longreach-dispatcher",
                                             directory, machine);
  free (directory);
  return length < 0 ? NULL : path;
}

bool
payload_is_trusted (const char *machine, char *problem, size_t size)
{
  char *path = path_of (machine), why[TRUST_PROBLEM_SIZE];
  bool trusted = path != NULL && trust_check (path, why, sizeof why);
  if (!trusted)
    snprintf (problem, size, "%s: it is not used, because %s", path == NULL ? "" : path,
              path == NULL ? "there is no memory" : why);
  free (path);
  return trusted;
}

bool
payload_is_for_everybody (void)
{
  struct stat info;
  char *path = path_of (NULL), *real = path == NULL ? NULL : realpath (path, NULL);
  bool fine = real != NULL && stat (real, &info) == 0 && (info.st_mode & 05) == 05;
  for (char *slash; fine && (slash = strrchr (real, '/')) != NULL && slash != real;)
    {
      *slash = '\0';
      fine = stat (real, &info) == 0 && (info.st_mode & 01) != 0;
    }
  free (path);
  free (real);
  return fine;
}

static int
is_for_linux (const struct dirent *entry)
{
  return strncmp (entry->d_name, PREFIX, strlen (PREFIX)) == 0;
}

bool
payload_machine_at (size_t index, char *machine, size_t size)
{
  struct dirent **entries;
  char *path, *directory = payload_directory ();
  if (directory == NULL || asprintf (&path, "%s/portable", directory) < 0)
    path = NULL;
  free (directory);
  int count = path == NULL ? -1 : scandir (path, &entries, is_for_linux, alphasort);
  free (path);
  bool found = count >= 0 && index < (size_t) count;
  if (found)
    snprintf (machine, size, "%s", entries[index]->d_name + strlen (PREFIX));
  for (int i = 0; i < count; i++)
    free (entries[i]);
  if (count >= 0)
    free (entries);
  return found;
}

/* Read all SIZE bytes.  An errno.  */
static int
read_wholly (int fd, char *data, size_t size)
{
  while (size > 0)
    {
      ssize_t got = read (fd, data, size);
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        return got == 0 ? EIO : errno;
      data += got;
      size -= (size_t) got;
    }
  return 0;
}

/* Pages of their own, since what malloc is given back of this size mostly stays with the process,
   and it would be that much for each connection that there is.  */
static int
reserve (struct payload *payload, size_t size)
{
  void *data = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return ENOMEM;
  payload->data = data;
  payload->reserved = size;
  return 0;
}

/* Load MACHINE's dispatcher, with room for BEFORE and AFTER bytes around it.  */
static int
load (struct payload *payload, const char *machine, size_t before, size_t after)
{
  struct stat info;
  char why[1];
  char *path = path_of (machine);
  *payload = (struct payload){ .data = NULL };
  if (path == NULL)
    return ENOMEM;
  int fd =
      machine[0] == '\0' || strchr (machine, '/') != NULL ? -1 : open (path, O_RDONLY | O_CLOEXEC);
  int errnum = fd >= 0 ? 0 : machine[0] == '\0' || strchr (machine, '/') != NULL ? ENOENT : errno;
  free (path);
  if (errnum == 0 && fstat (fd, &info) != 0)
    errnum = errno;
  if (errnum == 0 && (!S_ISREG (info.st_mode) || info.st_size == 0 || info.st_size > SIZE_MAX_SENT))
    errnum = ENOEXEC;
  if (errnum == 0 && !payload_is_trusted (machine, why, sizeof why))
    errnum = EPERM;
  if (errnum == 0)
    {
      payload->size = (size_t) info.st_size;
      errnum = reserve (payload, before + payload->size + after);
      if (errnum == 0)
        errnum = read_wholly (fd, payload->data + before, payload->size);
    }
  if (fd >= 0)
    close (fd);
  if (errnum != 0)
    payload_free (payload);
  return errnum;
}

int
payload_load (struct payload *payload, const char *machine, const char *head)
{
  size_t length = strlen (head);
  int errnum = load (payload, machine, length, 0);
  if (errnum == 0)
    {
      memcpy (payload->data, head, length);
      payload->size += length;
    }
  return errnum;
}

/* ---- archives ---- */

/* A header of the POSIX ustar format.  */
struct header
{
  char name[100];
  char mode[8], uid[8], gid[8];
  char size[12], time[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[6], version[2];
  char rest[BLOCK - 265];
};

static void
write_header (char *block, const char *name, unsigned mode, size_t size, char type)
{
  struct header header;
  unsigned sum = 0;
  memset (&header, 0, sizeof header);
  snprintf (header.name, sizeof header.name, "%s", name);
  snprintf (header.mode, sizeof header.mode, "%07o", mode & 07777);
  snprintf (header.uid, sizeof header.uid, "%07o", 0U);
  snprintf (header.gid, sizeof header.gid, "%07o", 0U);
  snprintf (header.size, sizeof header.size, "%011lo", (unsigned long) size & 077777777777);
  snprintf (header.time, sizeof header.time, "%011lo", (unsigned long) time (NULL) & 077777777777);
  header.type = type;
  memcpy (header.magic, "ustar", 6);
  memcpy (header.version, "00", 2);
  memset (header.checksum, ' ', sizeof header.checksum);
  for (size_t i = 0; i < sizeof header; i++)
    sum += ((const unsigned char *) &header)[i];
  snprintf (header.checksum, sizeof header.checksum, "%06o", sum & 0777777);
  memcpy (block, &header, sizeof header);
}

int
payload_load_archive (struct payload *payload, const char *machine, const char *folder,
                      const char *name)
{
  char path[100];
  int errnum = load (payload, machine, HEAD, TAIL);
  if (errnum != 0)
    return errnum;
  /* Whoever is to run it must get there, and not look around.  */
  snprintf (path, sizeof path, "%s/", folder);
  write_header (payload->data, path, 0711, 0, '5');
  snprintf (path, sizeof path, "%s/%s", folder, name);
  write_header (payload->data + BLOCK, path, 0755, payload->size, '0');
  size_t blocks = (payload->size + BLOCK - 1) / BLOCK + 2;
  payload->size = HEAD + blocks * BLOCK;
  return 0;
}

void
payload_free (struct payload *payload)
{
  if (payload->data != NULL)
    munmap (payload->data, payload->reserved);
  *payload = (struct payload){ .data = NULL };
}
