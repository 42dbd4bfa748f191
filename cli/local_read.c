#include "cli/local_read.h"
#include "cli/output.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum
{
  /* Files below this are read into memory: that costs little, and then nobody can change what is
     sent.  Above it, a second copy of the file costs more than the risk of a mapping, which is that
     someone truncates the file meanwhile and touching it raises SIGBUS.  */
  MAPPED_FROM = 64 << 20,
  FIRST_PIECE = 64 << 10,
};

/* What the handler of SIGBUS needs; set before it is installed.  */
static struct
{
  const char *begin;
  size_t size;
  struct prepared_report report;
} mapping;

/* Beyond the mapping SIGBUS is not ours: it comes again at once, and then ends the program.  */
static void
tell_truncated (int number, siginfo_t *info, void *context)
{
  (void) context;
  uintptr_t address = (uintptr_t) info->si_addr;
  if (address - (uintptr_t) mapping.begin >= mapping.size)
    {
      signal (number, SIG_DFL);
      return;
    }
  write_all (mapping.report.descriptor, mapping.report.text, mapping.report.size);
  _exit (mapping.report.status);
}

static int
report_unreadable (const char *name, int errnum)
{
  return report_local (errnum, "cannot read %s: %s", name, strerror (errnum));
}

#define BECAME_SHORTER "%s became shorter while it was being sent"

/* Map SIZE bytes of DESCRIPTOR.  -1 where that is not possible.  */
static int
map (int descriptor, size_t size, const char *name, struct local_content *content)
{
  void *memory = mmap (NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (memory == MAP_FAILED)
    return -1;
  int kept = fcntl (descriptor, F_DUPFD_CLOEXEC, 0);
  if (kept < 0)
    {
      munmap (memory, size);
      return -1;
    }
  *content = (struct local_content){ { memory, size }, memory, true, kept, name };
  mapping.begin = memory;
  mapping.size = size;
  mapping.report = report_prepare_local (0, BECAME_SHORTER, name);
  struct sigaction action = { .sa_flags = SA_SIGINFO };
  action.sa_sigaction = tell_truncated;
  sigemptyset (&action.sa_mask);
  sigaction (SIGBUS, &action, NULL);
  return 0;
}

/* A place for more after SIZE bytes of *MEMORY, which has room for *ROOM; one more byte is always
   there for the NUL.  */
static void
make_room (char **memory, size_t *room, size_t size)
{
  if (size < *room)
    return;
  if (*room > SIZE_MAX / 2 - 1)
    out_of_memory ();
  *room *= 2;
  char *larger = realloc (*memory, *room + 1);
  if (larger == NULL)
    out_of_memory ();
  *memory = larger;
}

/* Read DESCRIPTOR to its end; EXPECTED bytes probably.  */
static int
read_to_end (int descriptor, size_t expected, const char *name, struct local_content *content)
{
  /* One byte more than expected: the end shows without growing.  */
  size_t room = expected > 0 ? expected + 1 : FIRST_PIECE;
  size_t size = 0;
  char *memory = malloc (room + 1);
  if (memory == NULL)
    out_of_memory ();
  for (;;)
    {
      make_room (&memory, &room, size);
      ssize_t got = read (descriptor, memory + size, room - size);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        {
          int status = report_unreadable (name, errno);
          free (memory);
          return status;
        }
      if (got == 0)
        break;
      size += (size_t) got;
    }
  memory[size] = '\0';
  *content = (struct local_content){ { memory, size }, memory, false, -1, NULL };
  return 0;
}

static int
read_descriptor (int descriptor, const char *name, struct local_content *content)
{
  struct stat status;
  if (fstat (descriptor, &status) != 0)
    return report_unreadable (name, errno);
  if (S_ISDIR (status.st_mode))
    return report_local (EISDIR, "%s is a directory; only a single file can be sent", name);
  bool regular = S_ISREG (status.st_mode) && status.st_size > 0;
  off_t start = regular ? lseek (descriptor, 0, SEEK_CUR) : 0;
  if (!regular || start < 0 || start >= status.st_size)
    return read_to_end (descriptor, 0, name, content);
  if (start == 0 && status.st_size >= MAPPED_FROM && (uintmax_t) status.st_size <= SIZE_MAX
      && map (descriptor, (size_t) status.st_size, name, content) == 0)
    return 0;
  size_t expected = status.st_size - start < MAPPED_FROM ? (size_t) (status.st_size - start) : 0;
  return read_to_end (descriptor, expected, name, content);
}

int
local_read (const char *path, struct local_content *content)
{
  *content = (struct local_content){ { NULL, 0 }, NULL, false, -1, NULL };
  if (strcmp (path, "-") == 0)
    return read_descriptor (STDIN_FILENO, "standard input", content);
  int descriptor = open (path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return report_unreadable (path, errno);
  int status = read_descriptor (descriptor, path, content);
  close (descriptor);
  return status;
}

int
local_content_report_shorter (const struct local_content *content)
{
  struct stat status;
  if (!content->mapped || fstat (content->descriptor, &status) != 0
      || (uintmax_t) status.st_size >= content->bytes.size)
    return 0;
  return report_local (0, BECAME_SHORTER, content->name);
}

void
local_content_free (struct local_content *content)
{
  if (content->mapped)
    {
      signal (SIGBUS, SIG_DFL);
      munmap (content->memory, content->bytes.size);
      close (content->descriptor);
      free (mapping.report.text);
    }
  else
    free (content->memory);
  content->memory = NULL;
}
