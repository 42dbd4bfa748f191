/* The session protocol: frames in, frames out, many requests side by side.  */

#ifndef DISPATCHER_SESSION_H
#define DISPATCHER_SESSION_H

#include <stdbool.h>
#include <stddef.h>

enum
{
  SESSION_CHANNELS = 1024, /* the usual limit */
};

/* Whether TEXT can be a session's nonce.  */
bool session_is_nonce (const char *text);

/* What is said to the client in the banner.  */
struct session_banner
{
  const char *nonce;
  size_t channels; /* at most so many requests at a time */
  bool unremoved;  /* what the dispatcher was told to remove is still there */
};

/* Serve the session that begins with BANNER on descriptors INPUT and OUTPUT until it ends.  The
   exit status, or -N: end by signal N.  */
int session_serve (const struct session_banner *banner, int input, int output);

#endif
