/* A channel's stream to the server, as far as credit goes: how much the client may still send, and
   when it is told that it may send more.

   Credit comes back as what was sent is used up: in eighths of a window, or smaller parts where the
   way is slow, which show the client that it works.  The window doubles when a whole one has been
   used up in short time and whoever takes it keeps up, so that also a long way is kept full; on a
   slow one more would only wait.  */

#ifndef DISPATCHER_INLET_H
#define DISPATCHER_INLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far a window may grow.  */
enum inlet_growth
{
  INLET_OF_FILE,    /* to FRAME_WINDOW_MAX: what comes is written at once */
  INLET_OF_COMMAND, /* all of a connection's together by a fixed sum: it may have to be kept */
};

/* All zero is one that the request doesn't have.  */
struct inlet
{
  bool open; /* Data and Eof may come */
  enum inlet_growth growth;
  uint32_t left;   /* bytes that the client may still send */
  uint32_t window; /* bytes that it may have under way at most */
  uint32_t used;   /* bytes used up and not credited yet */
  uint32_t passed; /* bytes used up since BEGAN */
  int64_t began;   /* milliseconds */
  int64_t given;   /* when there was credit last */
};

void inlet_open (struct inlet *inlet, enum inlet_growth growth);

/* SIZE bytes came.  False: that is more than the client may send.  */
bool inlet_receive (struct inlet *inlet, size_t size);

/* SIZE bytes are used up; KEEPS_UP: nothing waits.  Returns the credit to give now, mostly 0.  */
uint32_t inlet_use (struct inlet *inlet, size_t size, bool keeps_up);

/* Nothing follows.  */
void inlet_close (struct inlet *inlet);

#endif
