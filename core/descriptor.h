/* The application's descriptors: read and written without ever waiting on them, and without
   changing their flags, which others may share.

   A pipe or a terminal is opened once more through /proc, for a description of our own that doesn't
   wait; a socket has calls that don't; a regular file never waits long.  Where none of that is to
   be had, no more is written than poll has promised.  */

#ifndef CORE_DESCRIPTOR_H
#define CORE_DESCRIPTOR_H

#include "core/buffer.h"
#include "core/loop.h"

#include <stddef.h>

/* A descriptor that is read.  All zero is none.  */
struct source
{
  struct loop_watch watch; /* of a copy of the descriptor */
  int errnum;              /* why it can't be read any more */
  void (*ready) (void *context);
  void *context;
};

/* 0, or an errno.  READY is called when source_read has something to give again.  */
int source_begin (struct source *source, lr_loop *loop, int fd, void (*ready) (void *context),
                  void *context);
void source_end (struct source *source);

/* Read up to SIZE bytes.  0: none now, READY will be called; -1: its end, or errnum says why.  */
long source_read (struct source *source, char *buffer, size_t size);

/* What a regular file has from where it stands; LR_SIZE_UNKNOWN for everything else.  */
uint64_t source_size (int fd);

/* A descriptor that is written.  All zero is none.  */
struct sink
{
  struct loop_watch watch;
  int mode;
  int errnum;         /* why it can't be written any more: the rest is dropped */
  struct buffer kept; /* what it has not taken yet */
  void (*took) (void *context, size_t size); /* and 0: it can't be written */
  void *context;
};

/* 0, or an errno.  TOOK is told what the descriptor has taken of what it was given.  */
int sink_begin (struct sink *sink, lr_loop *loop, int fd, void (*took) (void *context, size_t size),
                void *context);
void sink_end (struct sink *sink);

/* Give it bytes; what it doesn't take is kept.  */
void sink_write (struct sink *sink, const char *data, size_t size);

/* Whether it has taken everything.  */
bool sink_is_empty (const struct sink *sink);

#endif
