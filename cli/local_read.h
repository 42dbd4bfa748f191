/* Local files as something to send.  */

#ifndef CLI_LOCAL_READ_H
#define CLI_LOCAL_READ_H

#include <longreach/longreach.h>

#include <stdbool.h>

/* The whole of a file.  At most one is mapped at a time.  */
struct local_content
{
  struct lr_bytes bytes;
  void *memory; /* owned; NULL where there is nothing to free */
  bool mapped;
};

/* Read PATH, or standard input if it is "-", to its end.  Returns 0, or an exit status, having
   reported the failure.  Large regular files are mapped instead: should one become shorter while it
   is in use, the program says so and exits with the status of a local failure.  */
int local_read (const char *path, struct local_content *content);

void local_content_free (struct local_content *content);

#endif
