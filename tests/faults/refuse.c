#include "tests/faults/refuse.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

struct refusal *refusal;
static long memory; /* pieces */

/* The C library's own, which need not be looked for.  */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t count, size_t size);
void *__libc_realloc (void *old, size_t size);
void __libc_free (void *piece);

/* The C library's part of names crashes when it begins without memory, and asks further sources,
   which keep memory, when it has none to read the files: that is not ours.  */
static void
settle_names (void)
{
  __nss_configure_lookup ("passwd", "files");
  __nss_configure_lookup ("group", "files");
  getpwuid (0);
  getgrgid (0);
  getpwnam ("root");
  getgrnam ("root");
}

__attribute__ ((__constructor__)) static void
take_orders (void)
{
  settle_names ();
  const char *name = getenv ("LR_REFUSAL");
  int file = name == NULL ? -1 : open (name, O_RDWR | O_CLOEXEC);
  unsetenv ("LD_PRELOAD");
  unsetenv ("LR_REFUSAL");
  if (file < 0)
    return;
  struct refusal *orders = mmap (NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close (file);
  if (orders == MAP_FAILED)
    abort ();
  refusal = orders;
}

long
refusal_memory (void)
{
  return __atomic_load_n (&memory, __ATOMIC_RELAXED);
}

/* Whether this call is the one, and fails or is cut short.  */
static bool
is_due (enum refused calls)
{
  struct refusal *orders = refusal;
  if (orders == NULL || !orders->active || orders->calls != calls)
    return false;
  uint64_t number = __atomic_add_fetch (&orders->seen, 1, __ATOMIC_RELAXED);
  return number == orders->at || (orders->lasts && number > orders->at);
}

static bool
refuses (enum refused calls)
{
  if (!is_due (calls))
    return false;
  errno = refusal->errnum;
  return true;
}

/* ---- memory ---- */

static void *
note_piece (void *piece)
{
  if (piece != NULL)
    __atomic_add_fetch (&memory, 1, __ATOMIC_RELAXED);
  return piece;
}

void *
malloc (size_t size)
{
  return refuses (REFUSED_MEMORY) ? NULL : note_piece (__libc_malloc (size));
}

void *
calloc (size_t count, size_t size)
{
  return refuses (REFUSED_MEMORY) ? NULL : note_piece (__libc_calloc (count, size));
}

void *
realloc (void *old, size_t size)
{
  if (size > 0 && refuses (REFUSED_MEMORY))
    return NULL;
  if (old == NULL)
    return note_piece (__libc_realloc (old, size));
  if (size == 0)
    __atomic_sub_fetch (&memory, 1, __ATOMIC_RELAXED);
  return __libc_realloc (old, size);
}

void
free (void *piece)
{
  if (piece != NULL)
    __atomic_sub_fetch (&memory, 1, __ATOMIC_RELAXED);
  __libc_free (piece);
}

static void *
find_next (const char *name)
{
  void *next = dlsym (RTLD_NEXT, name);
  if (next == NULL)
    abort ();
  return next;
}

void *
mmap (void *place, size_t size, int access, int flags, int file, off_t offset)
{
  static void *(*next) (void *place, size_t size, int access, int flags, int file, off_t offset);
  if (next == NULL)
    *(void **) &next = find_next ("mmap");
  if (refuses (REFUSED_MEMORY))
    return MAP_FAILED;
  void *piece = next (place, size, access, flags, file, offset);
  return piece == MAP_FAILED ? piece : note_piece (piece);
}

int
munmap (void *piece, size_t size)
{
  static int (*next) (void *piece, size_t size);
  if (next == NULL)
    *(void **) &next = find_next ("munmap");
  int status = next (piece, size);
  if (status == 0)
    __atomic_sub_fetch (&memory, 1, __ATOMIC_RELAXED);
  return status;
}

/* ---- all others: FAILED without being made, or passed on ---- */

#define PASS_ON(calls, result, failed, name, declared, passed)                                     \
  result name declared                                                                             \
  {                                                                                                \
    static result (*next) declared;                                                                \
    if (next == NULL)                                                                              \
      *(void **) &next = find_next (#name);                                                        \
    return refuses (calls) ? (failed) : next passed;                                               \
  }

/* Only declared where sizes are checked at run time, and called from what was built so.  */
int __open_2 (const char *path, int flags);

PASS_ON (REFUSED_OPEN, DIR *, NULL, opendir, (const char *path), (path))
PASS_ON (REFUSED_OPEN, int, -1, mkostemp, (char *path, int flags), (path, flags))
PASS_ON (REFUSED_OPEN, int, -1, __open_2, (const char *path, int flags), (path, flags))
PASS_ON (REFUSED_DESCRIPTOR, int, -1, pipe2, (int ends[2], int flags), (ends, flags))
PASS_ON (REFUSED_DESCRIPTOR, int, -1, epoll_create1, (int flags), (flags))
PASS_ON (REFUSED_DESCRIPTOR, int, -1, eventfd, (unsigned value, int flags), (value, flags))
PASS_ON (REFUSED_DESCRIPTOR, int, -1, timerfd_create, (int clock, int flags), (clock, flags))
PASS_ON (REFUSED_FORK, pid_t, -1, fork, (void), ())
PASS_ON (REFUSED_FORK, int, EAGAIN, posix_spawnp,
         (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
          const posix_spawnattr_t *attributes, char *const *words, char *const *environment),
         (pid, file, actions, attributes, words, environment))
PASS_ON (REFUSED_THREAD, int, EAGAIN, pthread_create,
         (pthread_t * thread, const pthread_attr_t *attributes, void *(*start) (void *),
          void *context),
         (thread, attributes, start, context))
PASS_ON (REFUSED_WAIT, int, -1, epoll_wait,
         (int loop, struct epoll_event *events, int count, int timeout),
         (loop, events, count, timeout))
PASS_ON (REFUSED_WAIT, int, -1, epoll_pwait,
         (int loop, struct epoll_event *events, int count, int timeout, const sigset_t *mask),
         (loop, events, count, timeout, mask))
PASS_ON (REFUSED_WAIT, int, -1, poll, (struct pollfd * ends, nfds_t count, int timeout),
         (ends, count, timeout))
PASS_ON (REFUSED_ROOM, int, -1, fallocate, (int file, int mode, off_t offset, off_t size),
         (file, mode, offset, size))
PASS_ON (REFUSED_ROOM, int, -1, ftruncate, (int file, off_t size), (file, size))
PASS_ON (REFUSED_SYNC, int, -1, fsync, (int file), (file))
PASS_ON (REFUSED_SYNC, int, -1, fdatasync, (int file), (file))
PASS_ON (REFUSED_NAME, int, -1, rename, (const char *from, const char *to), (from, to))
PASS_ON (REFUSED_NAME, int, -1, renameat,
         (int from_directory, const char *from, int to_directory, const char *to),
         (from_directory, from, to_directory, to))
PASS_ON (REFUSED_NAME, int, -1, link, (const char *from, const char *to), (from, to))
PASS_ON (REFUSED_NAME, int, -1, linkat,
         (int from_directory, const char *from, int to_directory, const char *to, int flags),
         (from_directory, from, to_directory, to, flags))
PASS_ON (REFUSED_NAME, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
PASS_ON (REFUSED_NAME, int, -1, mkdirat, (int directory, const char *path, mode_t mode),
         (directory, path, mode))
PASS_ON (REFUSED_NAME, int, -1, symlinkat, (const char *target, int directory, const char *path),
         (target, directory, path))
PASS_ON (REFUSED_ATTRIBUTES, int, -1, fchmod, (int file, mode_t mode), (file, mode))
PASS_ON (REFUSED_ATTRIBUTES, int, -1, fchown, (int file, uid_t user, gid_t group),
         (file, user, group))
PASS_ON (REFUSED_ATTRIBUTES, int, -1, fchownat,
         (int directory, const char *path, uid_t user, gid_t group, int flags),
         (directory, path, user, group, flags))
PASS_ON (REFUSED_ATTRIBUTES, int, -1, futimens, (int file, const struct timespec times[2]),
         (file, times))
PASS_ON (REFUSED_ATTRIBUTES, int, -1, utimensat,
         (int directory, const char *path, const struct timespec times[2], int flags),
         (directory, path, times, flags))

/* One that shares the memory of its parent could not be passed on: it would return twice.  */
pid_t (vfork) (void)
{
  return fork ();
}

/* Only to be added takes memory.  */
int
epoll_ctl (int loop, int operation, int descriptor, struct epoll_event *event)
{
  static int (*next) (int, int, int, struct epoll_event *);
  if (next == NULL)
    *(void **) &next = find_next ("epoll_ctl");
  if (operation == EPOLL_CTL_ADD && refuses (REFUSED_WATCH))
    return -1;
  return next (loop, operation, descriptor, event);
}

/* ---- those with an argument more, sometimes ---- */

#define PASS_ON_OPEN(name, declared, passed)                                                       \
  int name declared                                                                                \
  {                                                                                                \
    static int (*next) (int directory, const char *path, int flags, ...);                          \
    mode_t mode = 0;                                                                               \
    va_list arguments;                                                                             \
    va_start (arguments, flags);                                                                   \
    if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)                                \
      mode = va_arg (arguments, mode_t);                                                           \
    va_end (arguments);                                                                            \
    if (next == NULL)                                                                              \
      *(void **) &next = find_next ("openat");                                                     \
    return refuses (REFUSED_OPEN) ? -1 : next passed;                                              \
  }

PASS_ON_OPEN (open, (const char *path, int flags, ...), (AT_FDCWD, path, flags, mode))
PASS_ON_OPEN (openat, (int directory, const char *path, int flags, ...),
              (directory, path, flags, mode))

int
fcntl (int descriptor, int operation, ...)
{
  static int (*next) (int descriptor, int operation, ...);
  va_list arguments;
  va_start (arguments, operation);
  void *argument = va_arg (arguments, void *);
  va_end (arguments);
  if (next == NULL)
    *(void **) &next = find_next ("fcntl");
  if (operation == F_DUPFD_CLOEXEC && refuses (REFUSED_DESCRIPTOR))
    return -1;
  return next (descriptor, operation, argument);
}

/* ---- reading and writing, which may also be cut short ---- */

static mode_t
kind_of (int descriptor)
{
  struct stat info;
  return fstat (descriptor, &info) == 0 ? info.st_mode & S_IFMT : 0;
}

/* Counters and the like are read and written whole, and without waiting.  */
static bool
has_bytes (int descriptor)
{
  mode_t kind = kind_of (descriptor);
  return kind == S_IFREG || kind == S_IFIFO || kind == S_IFSOCK;
}

/* Which is waited for elsewhere.  */
static bool
never_waits (int descriptor)
{
  mode_t kind = kind_of (descriptor);
  return (kind == S_IFIFO || kind == S_IFSOCK) && (fcntl (descriptor, F_GETFL) & O_NONBLOCK) != 0;
}

/* Whether this transfer fails.  *SIZE is how many bytes it may move.  */
static bool
refuses_transfer (enum refused calls, int descriptor, size_t *size)
{
  if (refusal == NULL || !refusal->active || !has_bytes (descriptor))
    return false;
  if (!(refusal->calls == calls || (refusal->calls == calls + 1 && never_waits (descriptor))
        || (refusal->calls == calls + 2 && kind_of (descriptor) == S_IFREG))
      || !is_due ((enum refused) refusal->calls))
    return false;
  if (refusal->errnum == 0)
    {
      *size = *size > 1 ? 1 : *size;
      return false;
    }
  errno = refusal->errnum;
  return true;
}

#define PASS_ON_TRANSFER(calls, name, declared, passed)                                            \
  ssize_t name declared                                                                            \
  {                                                                                                \
    static ssize_t (*next) declared;                                                               \
    if (next == NULL)                                                                              \
      *(void **) &next = find_next (#name);                                                        \
    return refuses_transfer (calls, descriptor, &size) ? -1 : next passed;                         \
  }

PASS_ON_TRANSFER (REFUSED_READ, read, (int descriptor, void *room, size_t size),
                  (descriptor, room, size))
PASS_ON_TRANSFER (REFUSED_READ, pread, (int descriptor, void *room, size_t size, off_t offset),
                  (descriptor, room, size, offset))
PASS_ON_TRANSFER (REFUSED_WRITE, write, (int descriptor, const void *data, size_t size),
                  (descriptor, data, size))
PASS_ON_TRANSFER (REFUSED_WRITE, pwrite,
                  (int descriptor, const void *data, size_t size, off_t offset),
                  (descriptor, data, size, offset))

/* A part of the first piece that has anything.  */
static ssize_t
write_pieces (int descriptor, const struct iovec *pieces, int count, int flags)
{
  static ssize_t (*next) (int, const struct iovec *, int, off_t, int);
  size_t size = SIZE_MAX;
  if (next == NULL)
    *(void **) &next = find_next ("pwritev2");
  if (refuses_transfer (REFUSED_WRITE, descriptor, &size))
    return -1;
  if (size == SIZE_MAX)
    return next (descriptor, pieces, count, -1, flags);
  while (count > 1 && pieces->iov_len == 0)
    pieces++, count--;
  struct iovec piece = { pieces->iov_base, pieces->iov_len > 1 ? 1 : pieces->iov_len };
  return next (descriptor, &piece, 1, -1, flags);
}

ssize_t
writev (int descriptor, const struct iovec *pieces, int count)
{
  return write_pieces (descriptor, pieces, count, 0);
}

ssize_t
pwritev2 (int descriptor, const struct iovec *pieces, int count, off_t offset, int flags)
{
  (void) offset; /* -1: where it stands */
  return write_pieces (descriptor, pieces, count, flags);
}
