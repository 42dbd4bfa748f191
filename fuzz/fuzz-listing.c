/* A list of files, read from anything.

   The first byte of the input says whether it is of a path itself; the rest is the list.  What must
   hold:

   - what is read has whole texts, a type and a mode that there are, and a name that does not lead
     out of its directory; of a path itself it is one;
   - written again and read again it is the same;
   - what is refused has a sentence, and no result.  */

#include "core/listing.h"

#include "core/error.h"
#include "fuzz/require.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* What is written.  */
struct written
{
  char *bytes; /* owned */
  size_t size;
};

static void
emit (void *context, const char *data, uint64_t size)
{
  struct written *written = context;
  written->bytes = realloc (written->bytes, written->size + (size_t) size + 1);
  require (written->bytes != NULL);
  if (size > 0)
    memcpy (written->bytes + written->size, data, (size_t) size);
  written->size += (size_t) size;
}

static void
check_entry (const struct lr_directory_entry *entry, bool itself)
{
  require (entry->name != NULL && entry->owner != NULL && entry->group != NULL);
  require (entry->type <= LR_FILE_BLOCK && entry->mode <= 07777);
  if (!itself)
    require (entry->name[0] != '\0' && strchr (entry->name, '/') == NULL
             && strcmp (entry->name, ".") != 0 && strcmp (entry->name, "..") != 0);
}

static bool
is_same_text (const char *one, const char *other)
{
  return one == NULL || other == NULL ? one == other : strcmp (one, other) == 0;
}

static void
require_same (const struct lr_directory_entry *one, const struct lr_directory_entry *other)
{
  require (is_same_text (one->name, other->name) && is_same_text (one->owner, other->owner));
  require (is_same_text (one->group, other->group) && is_same_text (one->target, other->target));
  require (one->type == other->type && one->mode == other->mode);
  require (one->file_size == other->file_size && one->blocks == other->blocks);
  require (one->mtime_ns == other->mtime_ns && one->ctime_ns == other->ctime_ns);
  require (one->device == other->device && one->inode == other->inode);
  require (one->links == other->links);
}

static void
check_list (const struct lr_list_result *list, bool itself)
{
  struct written written = { NULL, 0 };
  struct lr_list_result *again;
  struct lr_error error;
  require (!itself || list->count == 1);
  for (size_t i = 0; i < list->count; i++)
    {
      check_entry (list->items[i], itself);
      listing_add (list->items[i], emit, &written);
    }
  error_begin (&error, &error);
  require (listing_read (written.bytes, written.size, itself, "host", &again, &error) == 0);
  require (again->count == list->count);
  for (size_t i = 0; i < list->count; i++)
    require_same (list->items[i], again->items[i]);
  lr_free (again);
  free (written.bytes);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct lr_list_result *list;
  struct lr_error error;
  bool itself = size > 0 && (data[0] & 1) != 0;
  error_begin (&error, &error);
  int status = listing_read (size > 1 ? (const char *) data + 1 : "", size > 1 ? size - 1 : 0,
                             itself, "host", &list, &error);
  require ((status == 0) == (list != NULL));
  if (status == 0)
    check_list (list, itself);
  else
    require (error.message[0] != '\0');
  lr_free (list);
  return 0;
}
