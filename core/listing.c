#include "core/listing.h"

#include "core/error.h"
#include "core/result.h"
#include "core/text.h"
#include "protocol/frame.h"

#include <stdlib.h>
#include <string.h>

enum lr_file_type
listing_type_of (const char *name)
{
  for (int type = LR_FILE_OTHER; type <= LR_FILE_BLOCK; type++)
    if (strcmp (name, lr_file_type_name ((enum lr_file_type) type)) == 0)
      return (enum lr_file_type) type;
  return LR_FILE_OTHER;
}

static const char *
text_or_empty (const char *text)
{
  return text == NULL ? "" : text;
}

void
listing_add (const struct lr_directory_entry *entry, packet_emit *emit, void *context)
{
  struct packet packet = { .id = PACKET_DIRECTORY_ENTRY };
  struct packet_directory_entry *told = &packet.directory_entry;
  told->name = packet_text (entry->name);
  told->type = packet_text (lr_file_type_name ((enum lr_file_type) entry->type));
  told->mode = entry->mode;
  told->owner = packet_text (text_or_empty (entry->owner));
  told->group = packet_text (text_or_empty (entry->group));
  told->size = entry->file_size;
  told->mtime = (uint64_t) entry->mtime_ns;
  told->ctime = (uint64_t) entry->ctime_ns;
  told->device = entry->device;
  told->inode = entry->inode;
  told->links = entry->links;
  told->blocks = entry->blocks;
  told->target = packet_text (entry->target);
  packet_encode (&packet, emit, context);
}

/* ---- reading ---- */

/* Entries, each a block of its own.  Owns all.  */
struct entries
{
  struct lr_directory_entry **items;
  size_t count, allocated;
};

static void
free_entries (struct entries *entries)
{
  while (entries->count > 0)
    free (entries->items[--entries->count]);
  free (entries->items);
}

static const char *
put_text (char **place, const struct packet_bytes *text)
{
  if (!text->present)
    return NULL;
  char *copy = *place;
  memcpy (copy, text->data, (size_t) text->size);
  copy[text->size] = '\0';
  *place += text->size + 1;
  return copy;
}

/* What PACKET tells, in one block; NULL without memory.  */
static struct lr_directory_entry *
make_entry (const struct packet_directory_entry *told)
{
  size_t texts =
      (size_t) (told->name.size + told->owner.size + told->group.size + told->target.size + 4);
  struct lr_directory_entry *entry = malloc (sizeof *entry + texts);
  if (entry == NULL)
    return NULL;
  char *place = (char *) (entry + 1);
  *entry = (struct lr_directory_entry)
      LR_DIRECTORY_ENTRY (.type = listing_type_of (told->type.data), .mode = told->mode & 07777,
                          .file_size = told->size, .mtime_ns = (int64_t) told->mtime,
                          .ctime_ns = (int64_t) told->ctime, .device = told->device,
                          .inode = told->inode, .links = told->links, .blocks = told->blocks);
  entry->name = put_text (&place, &told->name);
  entry->owner = put_text (&place, &told->owner);
  entry->group = put_text (&place, &told->group);
  entry->target = put_text (&place, &told->target);
  return entry;
}

static bool
append (struct entries *entries, struct lr_directory_entry *entry)
{
  if (entries->count == entries->allocated)
    {
      size_t room = entries->allocated == 0 ? 32 : entries->allocated * 2;
      struct lr_directory_entry **grown = realloc (entries->items, room * sizeof (void *));
      if (grown == NULL)
        return false;
      entries->items = grown;
      entries->allocated = room;
    }
  entries->items[entries->count++] = entry;
  return true;
}

/* Who uses the name in a path of his own must not be led elsewhere by it.  */
static bool
is_name (const char *name)
{
  return name[0] != '\0' && strchr (name, '/') == NULL && strcmp (name, ".") != 0
         && strcmp (name, "..") != 0;
}

static int
take_entry (struct listing_reader *reader, struct entries *entries, struct lr_error *error)
{
  const struct packet *packet = &reader->decoder.packet;
  const struct packet_field *bad = packet_field_with_nul (packet);
  const struct packet_directory_entry *told = &packet->directory_entry;
  char name[256];
  if (packet->id != PACKET_DIRECTORY_ENTRY)
    return error_set (error, LR_ERROR_IO, "%s: %s came in a list of files", reader->host,
                      packet_name (packet->id));
  if (bad != NULL)
    return error_set (error, LR_ERROR_IO, "%s: a listed file's %s has a NUL byte in it",
                      reader->host, bad->name);
  if (!reader->itself && !is_name (told->name.data))
    {
      text_escape (name, sizeof name, told->name.data, (size_t) told->name.size);
      return error_set (error, LR_ERROR_IO, "%s: a file is listed by a name that none has: \"%s\"",
                        reader->host, name);
    }
  struct lr_directory_entry *entry = make_entry (told);
  if (entry != NULL && append (entries, entry))
    return 0;
  free (entry);
  return error_no_memory (error);
}

static int
read_entries (struct listing_reader *reader, struct entries *entries, const char *data, size_t size,
              size_t most, size_t *used, struct lr_error *error)
{
  int status = 0;
  *used = 0;
  while (status == 0 && *used < size && entries->count < most)
    {
      size_t taken = 0;
      enum packet_progress progress =
          packet_decode (&reader->decoder, data + *used, size - *used, &taken);
      *used += taken;
      if (progress == PACKET_COMPLETE)
        status = take_entry (reader, entries, error);
      else if (progress == PACKET_MALFORMED && reader->decoder.no_memory)
        status = error_no_memory (error);
      else if (progress == PACKET_MALFORMED)
        status = error_set (error, LR_ERROR_IO, "%s: a list of files can't be read: %s",
                            reader->host, packet_decoder_error (&reader->decoder));
    }
  reader->count += entries->count;
  return status;
}

/* ENTRIES as a result, which then owns them.  NULL without memory.  */
static struct lr_list_result *
make_result (struct entries *entries)
{
  struct lr_list_result *list = result_new (sizeof *list);
  if (list == NULL || (entries->items == NULL && !append (entries, NULL)))
    {
      free_entries (entries);
      lr_free (list);
      return NULL;
    }
  if (entries->items[0] == NULL)
    entries->count = 0;
  bool kept = true;
  for (size_t i = 0; i < entries->count; i++)
    kept = result_own (list, entries->items[i]) != NULL && kept;
  kept = result_own (list, entries->items) != NULL && kept;
  if (!kept)
    {
      lr_free (list);
      return NULL;
    }
  list->count = entries->count;
  list->items = (const struct lr_directory_entry *const *) entries->items;
  return list;
}

void
listing_reader_init (struct listing_reader *reader, bool itself, const char *host)
{
  *reader = (struct listing_reader){ .itself = itself, .host = host };
  packet_decoder_init (&reader->decoder, &packet_frame_limits, PACKET_FROM_SERVER, NULL);
}

void
listing_reader_free (struct listing_reader *reader)
{
  packet_decoder_free (&reader->decoder);
}

int
listing_read_page (struct listing_reader *reader, const char *data, size_t size, size_t most,
                   size_t *used, struct lr_list_result **result, struct lr_error *error)
{
  struct entries entries = { .count = 0 };
  *result = NULL;
  if (read_entries (reader, &entries, data, size, most, used, error) != 0)
    {
      free_entries (&entries);
      return -1;
    }
  *result = make_result (&entries);
  return *result == NULL ? error_no_memory (error) : 0;
}

int
listing_reader_end (const struct listing_reader *reader, struct lr_error *error)
{
  if (!packet_decoder_between_packets (&reader->decoder))
    return error_set (error, LR_ERROR_IO, "%s: a list of files ends inside an entry", reader->host);
  if (reader->itself && reader->count != 1)
    return error_set (error, LR_ERROR_IO, "%s: a file is described by %zu entries", reader->host,
                      reader->count);
  return 0;
}

int
listing_read (const char *data, size_t size, bool itself, const char *host,
              struct lr_list_result **result, struct lr_error *error)
{
  struct listing_reader reader;
  size_t used;
  listing_reader_init (&reader, itself, host);
  int status = listing_read_page (&reader, data, size, SIZE_MAX, &used, result, error);
  if (status == 0)
    status = listing_reader_end (&reader, error);
  listing_reader_free (&reader);
  if (status != 0)
    {
      lr_free (*result);
      *result = NULL;
    }
  return status;
}
