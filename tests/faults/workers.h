/* Cases that are tried side by side, each worker in a process and a directory of its own.  */

#ifndef TESTS_FAULTS_WORKERS_H
#define TESTS_FAULTS_WORKERS_H

#include "tests/faults/conversation.h"

#include <stddef.h>
#include <stdint.h>

/* What workers share.  */
struct board
{
  uint64_t next; /* case that nobody has taken yet */
  uint64_t tried, right, clear, wrong;
};

/* Called in each worker, in its directory.  Ends when there is nothing left to do.  */
typedef void work_function (struct board *board, lr_registry *registry);

/* Run as many side by side and wait for them.  0, or 1 if a verdict was wrong.  */
int work_together (int count, work_function *work);

/* Count VERDICT of the case called NAME, and say what is wrong.  */
void take_verdict (struct board *board, const char *name, const struct verdict *verdict);

/* NAME is what is tried from now on: if it takes a minute, that is said, and the worker ends.  */
void begin_case (const char *name);

#endif
