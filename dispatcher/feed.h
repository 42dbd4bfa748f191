/* Bytes on their way to a descriptor that takes them when it can: a command's input, a terminal, a
   pipe or a device that is written to.  What it doesn't take at once waits in a spool.  */

#ifndef DISPATCHER_FEED_H
#define DISPATCHER_FEED_H

#include "dispatcher/loop.h"
#include "dispatcher/spool.h"

#include <stdbool.h>
#include <stddef.h>

/* Initialise with FEED_EMPTY; feed_close gives everything back.  */
struct feed
{
  struct watch watch;   /* fd -1: not begun, or ended */
  struct spool waiting; /* may be filled before it begins */
  bool last;            /* no more follows what waits */

  /* SIZE more bytes were written, or dropped because nobody takes them.  May be NULL.  */
  void (*taken) (void *context, size_t size);

  /* All is written (0), or what is left was dropped because of ERRNUM: the descriptor is closed.
     FEED may be gone when it returns.  May be NULL.  */
  void (*ended) (void *context, int errnum);
  void *context;
};

#define FEED_EMPTY ((struct feed){ { .fd = -1 }, SPOOL_EMPTY, false, NULL, NULL, NULL })

/* FD, which doesn't block, is FEED's from here on, and gets what waits and what is added; false:
   no memory.  Nothing is written before the loop's next turn.  */
bool feed_begin (struct feed *feed, int fd);

/* Write DATA, or keep it.  0, or an errno: it can't be kept.  May end FEED.  */
int feed_add (struct feed *feed, const char *data, size_t size);

/* End when all is written.  */
void feed_finish (struct feed *feed);

/* Nobody takes any more: end with EPIPE.  */
void feed_drop (struct feed *feed);

/* Forget what waits, and close the descriptor.  */
void feed_close (struct feed *feed);

#endif
