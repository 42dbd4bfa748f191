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

/* A list that comes in pieces.  */
struct listing_reader
{
  struct packet_decoder decoder;
  bool itself;      /* it is one entry, and its name is a path */
  const char *host; /* borrowed: of whom errors speak */
  size_t count;     /* entries so far */
};
void listing_reader_init (struct listing_reader *reader, bool itself, const char *host);
void listing_reader_free (struct listing_reader *reader);

/* Read of the SIZE bytes of DATA up to MOST entries, as a result for lr_free; there may be none.
   *USED is how many bytes that took.  A name that leads out of its directory, or anything but
   entries, is an error.  */
int listing_read_page (struct listing_reader *reader, const char *data, size_t size, size_t most,
                       size_t *used, struct lr_list_result **result, struct lr_error *error);

/* No more comes: an error if that is too early.  */
int listing_reader_end (const struct listing_reader *reader, struct lr_error *error);

/* All of a list that is in the SIZE bytes of DATA.  */
int listing_read (const char *data, size_t size, bool itself, const char *host,
                  struct lr_list_result **result, struct lr_error *error);

#endif
