/* The plain protocol: one request after another, one answer each, in order.  */

#ifndef DISPATCHER_PLAIN_H
#define DISPATCHER_PLAIN_H

/* Serve INPUT and OUTPUT until the end.  Returns the exit status, or -N where signal N asked for
   the end.  */
int plain_serve (int input, int output);

#endif
