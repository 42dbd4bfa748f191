/* Pages: the entries of a directory, given to the application as they come.

   What has come waits as it came until the application is told of it, and only then is there credit
   for more: so it is never more than a window, or one piece of what a connector's own function
   adds, which waits meanwhile.  */

#ifndef CORE_PAGES_H
#define CORE_PAGES_H

#include "core/call.h"

#include <stdbool.h>
#include <stddef.h>

struct pages;

/* Pages for CALL, a list, as its arguments want them.  False without memory.  */
bool pages_for_call (struct lr_call *call);

void pages_free (struct pages *pages);

/* In a session: bytes of the list that came.  */
void pages_output (struct pages *pages, const char *data, size_t size);

/* The call is answered: end it when all has been told.  */
void pages_end (struct pages *pages);

/* In the thread of the connector's own function, which has added an entry: pass on what there is if
   it is enough, and wait until it has been told.  False: no more is wanted.  */
bool pages_pass_on (struct pages *pages);

/* A blocking caller's callbacks run between steps, one at a time.  Whether one has.  */
bool pages_tell (struct pages *pages);

#endif
