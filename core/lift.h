/* Descriptors out of the way of the standard ones.  */

#ifndef CORE_LIFT_H
#define CORE_LIFT_H

/* FD, or a copy of it in its place, that is none of 0, 1, 2: those are the application's, which may
   have closed its own, and what a child's become.  -1 and errno; FD is closed then.  */
int lift_descriptor (int fd);

#endif
