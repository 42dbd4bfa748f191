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

/* Serve the session NONCE, of at most CHANNELS requests at a time, on descriptors INPUT and OUTPUT
   until it ends.  The exit status, or -N: end by signal N.  */
int session_serve (const char *nonce, size_t channels, int input, int output);

#endif
