/* Entries of a directory: as a structure, and as the packets that a listing is made of.  */

#ifndef CORE_LISTING_H
#define CORE_LISTING_H

#include "protocol/codec.h"

#include <longreach/longreach.h>

#include <stdbool.h>

/* The type that packets call NAME.  */
enum lr_file_type listing_type_of (const char *name);

/* Encode ENTRY, whose name is not NULL, into EMIT.  */
void listing_add (const struct lr_directory_entry *entry, packet_emit *emit, void *context);

/* The entries in the SIZE bytes of DATA, as a result for lr_free.  ITSELF: it is one, and its name
   is a path.  A name that leads out of its directory, or anything but entries, is an error, said of
   HOST.  */
int listing_read (const char *data, size_t size, bool itself, const char *host,
                  struct lr_list_result **result, struct lr_error *error);

#endif
