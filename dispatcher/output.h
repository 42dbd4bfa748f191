/* What waits to be written to the client.

   Answers are queued whole; their bulk may stand in a spool or in a file, of which no more is read
   than the client takes.  */

#ifndef DISPATCHER_OUTPUT_H
#define DISPATCHER_OUTPUT_H

#include "dispatcher/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bulk of an answer: a spool, or SIZE bytes of FILE from its start.  Handing one to the output
   hands over what it owns.  */
struct contents
{
  struct spool spool;
  int file; /* -1: it is the spool */
  uint64_t size;
};

#define CONTENTS_EMPTY ((struct contents){ SPOOL_EMPTY, -1, 0 })

void contents_free (struct contents *contents);

enum output_state
{
  OUTPUT_FINE,
  OUTPUT_LOST,   /* nobody reads any more */
  OUTPUT_BROKEN, /* an answer can't be completed: output_error () says why */
};

void output_begin (int fd);

/* Add to the end of the queue.  Without memory the output becomes OUTPUT_BROKEN.  */
void output_bytes (const void *data, size_t size);
void output_contents (struct contents *contents);

/* Write DATA, when nothing is pending, without copying it: the caller keeps it as it is until
   nothing is pending again.  */
void output_borrowed (const char *data, size_t size);

/* Write as much as the client takes now.  */
enum output_state output_flush (void);

/* Bytes that wait; those of them that were queued after what was borrowed.  */
uint64_t output_pending (void);
uint64_t output_queued (void);

/* Whether the client didn't take all when it was last tried.  */
bool output_is_stuck (void);

/* Bytes written since the start.  */
uint64_t output_written (void);

/* The client is gone: forget everything.  */
void output_lose (void);

const char *output_error (void);

#endif
