/* Local files as something to send.  */

#ifndef CLI_LOCAL_READ_H
#define CLI_LOCAL_READ_H

#include <longreach/longreach.h>

#include <stdbool.h>

/* The whole of a file.  At most one is mapped at a time.  */
struct local_content
{
  struct lr_bytes bytes;
  void *memory;     /* owned; NULL where there is nothing to free */
  bool mapped;      /* the rest is set */
  int descriptor;   /* owned */
  const char *name; /* borrowed */
};

/* Read PATH, or standard input if it is "-", to its end.  Returns 0, or an exit status, having
   reported the failure.  PATH must outlive CONTENT.  Large regular files are mapped instead: should
   this program touch what one no longer has, it says so and exits with the status of a local
   failure.  */
int local_read (const char *path, struct local_content *content);

/* What to ask when CONTENT could not be sent: to the kernel, what a file no longer has is only an
   address that can't be read.  If the file became shorter, that is reported, and its exit status
   returned; else 0.  */
int local_content_report_shorter (const struct local_content *content);

void local_content_free (struct local_content *content);

#endif
