/* Included before each of the dispatcher's files that fuzz-dispatcher.c is linked with.

   Their variables come into sections of their own, so that each run can begin with them as a new
   process would; and what they read, write and print is the harness's.  */

#ifndef FUZZ_DISPATCHER_STATE_H
#define FUZZ_DISPATCHER_STATE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t fuzz_read (int fd, void *buffer, size_t size);
ssize_t fuzz_write (int fd, const void *data, size_t size);
extern FILE *fuzz_stderr;

/* The harness itself keeps what it has.  */
#ifndef FUZZ_HARNESS

#  define read(fd, buffer, size) fuzz_read (fd, buffer, size)
#  define write(fd, data, size) fuzz_write (fd, data, size)
#  define dprintf(fd, ...) ((fd) == 2 ? fprintf (fuzz_stderr, __VA_ARGS__) : -1)

#  pragma clang section bss = "fuzz_zero" data = "fuzz_data"

#endif

#endif
