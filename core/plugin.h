/* One plugin file: what its notes say, and loading it.  */

#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include <longreach/connector.h>

#include <stdbool.h>
#include <stddef.h>

/* A connector by its note.  */
struct plugin_connector
{
  char *schema;
  char *description;
};

/* What the notes of one file say.  Owns its texts.  */
struct plugin_notes
{
  bool is_plugin; /* it has our notes */
  uint32_t abi;
  char *version;
  struct plugin_connector *connectors;
  size_t count;
};

/* Read the notes of FILE without running any of it.  0, also where FILE is no plugin; -1 and PLUGIN
   where it is damaged or for another machine.  plugin_notes_free frees *NOTES in any case.  */
int plugin_read_notes (struct plugin_notes *notes, const char *file, struct lr_error *error);
void plugin_notes_free (struct plugin_notes *notes);

/* Load FILE, whose real path is REAL and whose notes are NOTES, for ever; its table in *RESULT.
   Errors: PLUGIN.  */
int plugin_load (const struct lr_plugin **result, const char *file, const char *real,
                 const struct plugin_notes *notes, struct lr_error *error);

#endif
