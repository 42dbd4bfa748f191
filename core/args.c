#include "core/args.h"

#include "core/error.h"

#include <string.h>

int
args_import (void *own, size_t own_size, const void *given, struct lr_error *error)
{
  uint32_t size = 0;
  if (given != NULL)
    memcpy (&size, given, sizeof size);
  if (size < 2 * sizeof (uint32_t))
    return error_set_field (error, "args",
                            "there are no arguments, or their size is not set: use the LR_..._ARGS "
                            "macro");
  for (size_t i = own_size; i < size; i++)
    if (((const char *) given)[i] != 0)
      return error_set (error, LR_ERROR_UNSUPPORTED,
                        "the program uses arguments that this version of the library, %s, does not "
                        "have",
                        lr_version ());
  memset (own, 0, own_size);
  memcpy (own, given, size < own_size ? size : own_size);
  size = (uint32_t) own_size;
  memcpy (own, &size, sizeof size);
  return 0;
}
