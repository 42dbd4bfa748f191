/* Where plugins are looked for, in order.  */

#ifndef CORE_SEARCH_PATH_H
#define CORE_SEARCH_PATH_H

#include "core/config.h"

struct search_directory
{
  char *path; /* owned, absolute */
  enum lr_source source;
};

struct search_path
{
  struct search_directory *directories;
  size_t count;
};

/* The program's COUNT directories, then the environment's, those of CONFIG, and the two that
   are compiled in: of shared objects, and of declarations.  0, or -1 without memory;
   search_path_free in any case.  */
int search_path_build (struct search_path *path, const char *const *program, size_t count,
                       const struct config *config);
void search_path_free (struct search_path *path);

/* The names of the files in DIRECTORY in bytewise order, ended by NULL, in memory that
   search_path_free_files frees.  NULL without memory.  *ERRNUM says why a directory that is there
   can't be read, and is 0 otherwise.  */
char **search_path_list_files (const char *directory, int *errnum);
void search_path_free_files (char **files);

#endif
