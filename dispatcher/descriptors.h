/* Descriptors that were inherited.  */

#ifndef DISPATCHER_DESCRIPTORS_H
#define DISPATCHER_DESCRIPTORS_H

/* Close all from FIRST on.  */
void descriptors_close_from (int first);

#endif
