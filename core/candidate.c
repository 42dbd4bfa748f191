#include "core/candidate.h"

#include "core/declared.h"
#include "core/error.h"
#include "core/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A file that claims by its name to be one of ours, or at least a library.  */
static bool
looks_like_plugin (const char *name)
{
  size_t length = strlen (name);
  return declared_is_named (name) || (length > 3 && strcmp (name + length - 3, ".so") == 0);
}

/* The notes of a shared object, or what a declaration says in their place.  */
static int
read_notes (struct plugin_notes *notes, const char *file, struct lr_error *problem)
{
  return declared_is_named (file) ? declared_read_notes (notes, file, problem)
                                  : plugin_read_notes (notes, file, problem);
}

/* The real path of FILE, if it and the directory it was found in are trusted: to be freed.  */
static char *
resolve_file (const struct search_directory *directory, const char *file, struct lr_error *problem)
{
  char why[TRUST_PROBLEM_SIZE];
  char *real = NULL;
  if (!trust_check (directory->path, why, sizeof why))
    error_set (problem, LR_ERROR_PLUGIN, "%s: it is not used, because of its directory: %s", file,
               why);
  else if ((real = trust_resolve (file, why, sizeof why)) == NULL)
    error_set (problem, LR_ERROR_PLUGIN, "%s: it is not used, because %s", file, why);
  return real;
}

/* Show one file.  What is no plugin, and does not look like one, is passed over.  */
static bool
visit_file (const struct search_directory *directory, const char *name, visit_candidate *visit,
            void *context)
{
  char *file, *real = NULL;
  struct stat info;
  struct plugin_notes notes;
  struct lr_error problem;
  bool go_on = true;
  if (asprintf (&file, "%s/%s", directory->path, name) < 0)
    return true;
  if (stat (file, &info) == 0 && S_ISREG (info.st_mode))
    {
      if (read_notes (&notes, file, &problem) == 0)
        real = resolve_file (directory, file, &problem);
      if (real != NULL || notes.is_plugin || looks_like_plugin (name))
        go_on = visit (context, &(struct candidate){ file, real, directory, &notes,
                                                     real == NULL ? &problem : NULL });
      plugin_notes_free (&notes);
    }
  free (real);
  free (file);
  return go_on;
}

/* Show a directory that can't be read: what is in it can't be told.  */
static bool
visit_unreadable (const struct search_directory *directory, int errnum, visit_candidate *visit,
                  void *context)
{
  static const struct plugin_notes none;
  struct lr_error problem;
  error_set (&problem, LR_ERROR_PLUGIN, "%s: cannot read it: %s", directory->path,
             strerror (errnum));
  return visit (context, &(struct candidate){ directory->path, NULL, directory, &none, &problem });
}

int
candidates_walk (const struct search_path *path, visit_candidate *visit, void *context)
{
  bool go_on = true;
  for (size_t i = 0; go_on && i < path->count; i++)
    {
      int errnum;
      char **files = search_path_list_files (path->directories[i].path, &errnum);
      if (files == NULL)
        return -1;
      if (errnum != 0)
        go_on = visit_unreadable (&path->directories[i], errnum, visit, context);
      for (char **file = files; go_on && *file != NULL; file++)
        go_on = visit_file (&path->directories[i], *file, visit, context);
      search_path_free_files (files);
    }
  return 0;
}
