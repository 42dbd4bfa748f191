/* What a terminal at the far side shows, on its way to standard output.

   It is not attached: that the terminal here is gone is no failure, but what the command is told by
   SIGHUP, and it may go on for a while.  */

#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <longreach/longreach.h>

#include <stdbool.h>

struct screen
{
  bool gone;    /* what comes is dropped */
  bool in_line; /* the last thing shown was no newline */
};

enum screen_result
{
  SCREEN_SHOWN,       /* all there is */
  SCREEN_INTERRUPTED, /* a signal came first: call again */
  SCREEN_FAILED,      /* errno says why */
};

/* Show what PROCESS has written so far; waits for standard output, but for nothing else.  */
enum screen_result screen_show (struct screen *screen, lr_process *process);

#endif
