/* Writing without SIGPIPE.  */

#ifndef CORE_QUIET_WRITE_H
#define CORE_QUIET_WRITE_H

#include <sys/types.h>
#include <sys/uio.h>

/* As writev, but who has stopped reading is an EPIPE, and no signal, whatever the application has
   made of that one.  */
ssize_t quiet_write (int fd, const struct iovec *pieces, int count);

#endif
