/* Declared connectors: a text file, NAME.connector, in the place of a shared object.  What it says
   is made into a table whose hooks are the same for all of them.  longreach.connector(5) has its
   format.  */

#ifndef CORE_DECLARED_H
#define CORE_DECLARED_H

#include "core/plugin.h"

struct declaration;

/* Whether FILE is one, by its name.  */
bool declared_is_named (const char *file);

/* As plugin_read_notes, for a file that is one.  */
int declared_read_notes (struct plugin_notes *notes, const char *file, struct lr_error *error);

/* Read FILE, whose real path is REAL and whose notes are NOTES; declared_free frees it.  NULL and
   PLUGIN, IO, NO_MEMORY.  */
struct declaration *declared_load (const char *file, const char *real,
                                   const struct plugin_notes *notes, struct lr_error *error);
void declared_free (struct declaration *declaration);

/* The table of DECLARATION, which it owns.  Its hooks want hops whose connector has both.  */
const struct lr_connector *declared_table (const struct declaration *declaration);

#endif
