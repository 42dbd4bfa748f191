/* What the system refuses a process that has tests/faults/refuse.c loaded before its C library.

   Such a process finds what is refused to it in the file that LR_REFUSAL names, if there is one;
   the processes that it forks count with it.  The programs that it starts are left alone.  */

#ifndef TESTS_FAULTS_REFUSE_H
#define TESTS_FAULTS_REFUSE_H

#include <stdint.h>

/* Calls that are counted together.  */
enum refused
{
  REFUSED_MEMORY,     /* malloc, calloc, realloc, mmap */
  REFUSED_OPEN,       /* open, openat, opendir, mkostemp */
  REFUSED_DESCRIPTOR, /* pipe2, epoll_create1, eventfd, timerfd_create, fcntl (F_DUPFD_CLOEXEC) */
  REFUSED_FORK,       /* fork, vfork, posix_spawnp */
  REFUSED_THREAD,     /* pthread_create */
  REFUSED_WATCH,      /* epoll_ctl */
  REFUSED_WAIT,       /* epoll_wait, epoll_pwait, poll */
  REFUSED_READ,       /* read, pread: of anything */
  REFUSED_READ_READY, /* only from what does not block */
  REFUSED_READ_FILE,  /* only from regular files */
  REFUSED_WRITE,      /* write, pwrite, writev, pwritev2: to anything */
  REFUSED_WRITE_READY,
  REFUSED_WRITE_FILE,
  REFUSED_ROOM,       /* fallocate, ftruncate */
  REFUSED_SYNC,       /* fsync, fdatasync */
  REFUSED_NAME,       /* rename, renameat, link, linkat, symlinkat, mkdir, mkdirat */
  REFUSED_ATTRIBUTES, /* fchmod, fchown, fchownat, futimens, utimensat */
};

struct refusal
{
  uint32_t active; /* 0: nothing is refused, and nothing counted */
  uint32_t calls;  /* enum refused */
  int32_t errnum;  /* 0: it is carried out, but for one byte only */
  uint32_t lasts;  /* 1: also all that come after it */
  uint64_t at;     /* the call with this number, from 1 */
  uint64_t seen;   /* as many came */
};

/* For a program that is loaded with it: set before anything is refused.  */
extern struct refusal *refusal __attribute__ ((__weak__));

/* Pieces of memory that it has, and not given back.  */
long refusal_memory (void) __attribute__ ((__weak__));

#endif
