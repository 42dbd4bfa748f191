/* A list of files, read from anything.

   The first byte of the input says whether it is of a path itself, and more below; the rest is the
   list.  What must hold:

   - what is read has whole texts, a type and a mode that there are, and a name that does not lead
     out of its directory; of a path itself it is one;
   - written again and read again it is the same;
   - read in pages, whose bytes come in pieces of a size that the first byte tells, it is the same
     too, and what is refused as a whole is refused so;
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

enum
{
  PAGE = 3, /* entries at most */
};

/* Hold one page against what LIST, NULL where that was refused, has behind the COUNT entries that
   have come.  */
static void
check_page (const struct lr_list_result *page, const struct lr_list_result *list, size_t count)
{
  require (page->count <= PAGE);
  for (size_t i = 0; list != NULL && i < page->count; i++)
    {
      require (count + i < list->count);
      require_same (page->items[i], list->items[count + i]);
    }
}

static void
check_pages (const char *data, size_t size, bool itself, size_t piece,
             const struct lr_list_result *list)
{
  struct listing_reader reader;
  struct lr_error error;
  size_t read = 0, count = 0;
  int status = 0;
  error_begin (&error, &error);
  listing_reader_init (&reader, itself, "host");
  while (status == 0 && read < size)
    {
      struct lr_list_result *page;
      size_t used, left = size - read;
      status = listing_read_page (&reader, data + read, left < piece ? left : piece, PAGE, &used,
                                  &page, &error);
      require ((status == 0) == (page != NULL));
      if (page != NULL)
        {
          require (used > 0 && used <= left);
          check_page (page, list, count);
          count += page->count;
        }
      read += used;
      lr_free (page);
    }
  if (status == 0)
    status = listing_reader_end (&reader, &error);
  listing_reader_free (&reader);
  require ((status == 0) == (list != NULL));
  if (status == 0)
    require (count == list->count);
  else
    require (error.message[0] != '\0');
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct lr_list_result *list;
  struct lr_error error;
  bool itself = size > 0 && (data[0] & 1) != 0;
  error_begin (&error, &error);
  const char *content = size > 1 ? (const char *) data + 1 : "";
  size_t content_size = size > 1 ? size - 1 : 0;
  int status = listing_read (content, content_size, itself, "host", &list, &error);
  require ((status == 0) == (list != NULL));
  if (status == 0)
    check_list (list, itself);
  else
    require (error.message[0] != '\0');
  check_pages (content, content_size, itself, size > 0 ? data[0] / 2 + 1 : 1, list);
  lr_free (list);
  return 0;
}
