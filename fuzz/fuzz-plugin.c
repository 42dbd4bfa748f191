/* The notes of plugin files, of anything that begins as an ELF file.

   The input is the file.  What must hold:

   - what is read has one version and an ABI, and each connector a schema that can be one and a
     description;
   - what is not read has a sentence that names the file;
   - all of it can be freed, in any case.  */

#include "core/connector.h"
#include "core/plugin.h"
#include "fuzz/input_file.h"
#include "fuzz/require.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct plugin_notes notes;
  struct lr_error error;
  const char *path = input_file (data, size);
  if (plugin_read_notes (&notes, path, &error) == 0)
    require (notes.is_plugin && notes.version != NULL);
  else
    {
      require (error.kind == LR_ERROR_PLUGIN);
      require (strncmp (error.message, path, strlen (path)) == 0
               && error.message[strlen (path)] == ':');
    }
  for (size_t i = 0; i < notes.count; i++)
    {
      const struct plugin_connector *connector = &notes.connectors[i];
      require (connector_schema_is_valid (connector->schema, strlen (connector->schema)));
      require (connector->description != NULL);
    }
  plugin_notes_free (&notes);
  return 0;
}
