/* What programs say, and what it means: a table for a connector's `explain`.  */

#ifndef PLUGINS_PHRASES_H
#define PLUGINS_PHRASES_H

#include <longreach/connector.h>

#include <stdbool.h>

/* A line of what a program says, and what it means.  Upper and lower case are alike.  */
struct phrase
{
  const char *start; /* what the line begins with; NULL ends a table */
  const char *words; /* what stands somewhere behind that */
  const char *meaning;
};

/* Set OUT by the first line of SAID, words of PROGRAM, that means something: what comes before can
   be warnings.  False: no line does.  */
bool explain_by_phrases (const struct phrase *phrases, const char *program, const char *said,
                         lr_text *out);

#endif
