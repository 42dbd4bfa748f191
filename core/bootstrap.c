#include "core/bootstrap.h"

#include "core/error.h"
#include "core/url.h"

#include <stdio.h>
#include <stdlib.h>

/* The installed dispatcher for this machine; the environment can name another directory, as the
   build tree does.  */
static void
add_installed_dispatcher (lr_command *command)
{
  char *path;
  const char *directory = secure_getenv ("LONGREACH_DISPATCHER_DIR");
  if (directory == NULL || directory[0] != '/')
    directory = DISPATCHER_DIRECTORY;
  if (asprintf (&path, "%s/longreach-dispatcher", directory) < 0)
    {
      command->no_memory = 1;
      return;
    }
  lr_command_add_word (command, path);
  free (path);
}

int
bootstrap_command (const lr_hop *hop, const char *nonce, lr_command *out, struct lr_error *error)
{
  lr_command inner = { NULL, 0, 0, NULL, 0 };
  const char *word;
  for (size_t i = 0; (word = lr_hop_option_at (hop, "dispatcher", i)) != NULL; i++)
    lr_command_add_word (&inner, word);
  if (inner.count == 0 && (hop->connector->flags & LR_SAME_SYSTEM) != 0)
    add_installed_dispatcher (&inner);
  if (inner.count == 0 && !inner.no_memory)
    return error_set (
        error, LR_ERROR_UNSUPPORTED,
        "%s: this version puts no dispatcher on the far side by itself: name one that "
        "is there with the option dispatcher=PATH",
        hop->schema);
  if (nonce != NULL)
    lr_command_add (&inner, "--session", nonce);
  hop->connector->wrap (hop, &inner, out);
  command_free (&inner);
  return command_check (out, hop->schema, error);
}
