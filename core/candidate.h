/* Candidates: the files of the search path that may be plugins, looked at without running anything
   of them.  */

#ifndef CORE_CANDIDATE_H
#define CORE_CANDIDATE_H

#include "core/plugin.h"
#include "core/search_path.h"

#include <stdbool.h>

/* One file of the search path, as a walk over it shows it.  */
struct candidate
{
  const char *file;
  const char *real; /* where it leads; NULL with a problem */
  const struct search_directory *directory;
  const struct plugin_notes *notes;
  const struct lr_error *problem; /* the notes can't be read; NULL: they can */
};

/* Returns whether the walk goes on.  */
typedef bool visit_candidate (void *context, const struct candidate *candidate);

/* Show each plugin of the search path, in its order, and each directory that can't be read. Returns
   0, or -1 without memory.  */
int candidates_walk (const struct search_path *path, visit_candidate *visit, void *context);

#endif
