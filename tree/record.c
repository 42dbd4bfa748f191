#include "tree/record.h"

#include <stdbool.h>
#include <string.h>

#define T(text) (1U << RECORD_##text)
#define N(number) (1U << RECORD_##number)

/* What each kind has.  */
static const struct shape
{
  unsigned char kind;
  unsigned char texts, numbers; /* sets */
} shapes[] = {
  { RECORD_FILE, T (NAME) | T (OWNER) | T (GROUP), N (MODE) | N (MTIME) | N (SIZE) | N (ID) },
  { RECORD_ENTER, T (NAME) | T (OWNER) | T (GROUP), N (MODE) | N (MTIME) },
  { RECORD_LEAVE, 0, 0 },
  { RECORD_LINK, T (NAME) | T (TARGET) | T (OWNER) | T (GROUP), N (MTIME) },
  { RECORD_SAME, T (NAME), N (ID) },
  { RECORD_HOLE, 0, N (SIZE) },
  { RECORD_ABANDON, 0, 0 },
  { RECORD_PROBLEM, T (NAME) | T (TARGET), N (ID) },
  { RECORD_TOTALS, 0, N (SIZE) | N (FILES) },
  { RECORD_DONE, 0, 0 },
};

static const struct shape *
find_shape (unsigned kind)
{
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
    if (shapes[i].kind == kind)
      return &shapes[i];
  return NULL;
}

/* ---- writing ---- */

static void
put_number (char *place, uint64_t value, int size)
{
  for (int i = size; i-- > 0; value >>= 8)
    place[i] = (char) (unsigned char) value;
}

void
record_write_content_head (char *buffer, uint32_t size)
{
  buffer[0] = (char) RECORD_CONTENT;
  put_number (buffer + 1, size, 4);
}

size_t
record_write (const struct record *record, char *buffer)
{
  const struct shape *shape = find_shape (record->kind);
  char *place = buffer + RECORD_HEAD;
  for (int i = 0; i < RECORD_TEXTS; i++)
    {
      if ((shape->texts >> i & 1) == 0)
        continue;
      const char *text = record->texts[i] == NULL ? "" : record->texts[i];
      /* Only names and what failed can be long, and those are the only two of a record.  */
      size_t length = strnlen (text, i <= RECORD_TARGET ? RECORD_TEXT_MAX : 256);
      put_number (place, length, 2);
      memcpy (place + 2, text, length);
      place[2 + length] = '\0';
      place += 2 + length + 1;
    }
  for (int i = 0; i < RECORD_NUMBERS; i++)
    if ((shape->numbers >> i & 1) != 0)
      {
        put_number (place, record->numbers[i], 8);
        place += 8;
      }
  buffer[0] = (char) record->kind;
  put_number (buffer + 1, (uint64_t) (place - buffer) - RECORD_HEAD, 4);
  return (size_t) (place - buffer);
}

/* ---- reading ---- */

static uint64_t
get_number (const char *place, int size)
{
  uint64_t value = 0;
  for (int i = 0; i < size; i++)
    value = value << 8 | (unsigned char) place[i];
  return value;
}

/* The next text, where *LEFT bytes are left at *PLACE; NULL: it is malformed.  */
static const char *
take_text (const char **place, size_t *left)
{
  size_t length = *left < 3 ? SIZE_MAX : (size_t) get_number (*place, 2);
  const char *text = *place + 2;
  if (length > RECORD_TEXT_MAX || length > *left - 3 || memchr (text, '\0', length) != NULL
      || text[length] != '\0')
    return NULL;
  *place += length + 3;
  *left -= length + 3;
  return text;
}

/* Read what follows the head of a record.  */
static bool
parse (struct record *record, unsigned kind, const char *place, size_t left)
{
  const struct shape *shape = find_shape (kind);
  if (shape == NULL)
    return false;
  *record = RECORD (.kind = (enum record_kind) kind);
  for (int i = 0; i < RECORD_TEXTS; i++)
    {
      bool there = (shape->texts >> i & 1) != 0;
      record->texts[i] = there ? take_text (&place, &left) : "";
      if (record->texts[i] == NULL)
        return false;
    }
  for (int i = 0; i < RECORD_NUMBERS; i++)
    if ((shape->numbers >> i & 1) != 0)
      {
        if (left < 8)
          return false;
        record->numbers[i] = get_number (place, 8);
        place += 8;
        left -= 8;
      }
  return left == 0;
}

static enum record_progress
take_content (struct record_reader *reader, const char *data, size_t size, size_t *used)
{
  reader->bytes = data;
  reader->size = size < reader->content_left ? size : reader->content_left;
  reader->content_left -= (uint32_t) reader->size;
  *used = reader->size;
  return RECORD_BYTES;
}

/* Keep bytes until there are WANTED of them; false: more have to come.  */
static bool
keep (struct record_reader *reader, size_t wanted, const char *data, size_t size, size_t *used)
{
  size_t missing = wanted > reader->kept_size ? wanted - reader->kept_size : 0;
  size_t taken = missing < size - *used ? missing : size - *used;
  memcpy (reader->kept + reader->kept_size, data + *used, taken);
  reader->kept_size += taken;
  *used += taken;
  return reader->kept_size >= wanted;
}

enum record_progress
record_read (struct record_reader *reader, const char *data, size_t size, size_t *used)
{
  *used = 0;
  if (size == 0)
    return RECORD_NEED_MORE;
  if (reader->content_left > 0)
    return take_content (reader, data, size, used);
  bool direct = reader->kept_size == 0 && size >= RECORD_HEAD;
  if (!direct && !keep (reader, RECORD_HEAD, data, size, used))
    return RECORD_NEED_MORE;
  const char *head = direct ? data : reader->kept;
  unsigned kind = (unsigned char) head[0];
  size_t length = (size_t) get_number (head + 1, 4);
  if (kind == RECORD_CONTENT)
    {
      reader->content_left = (uint32_t) length;
      reader->kept_size = 0;
      *used = direct ? RECORD_HEAD : *used;
      reader->size = 0;
      return RECORD_BYTES;
    }
  if (length > RECORD_MAX - RECORD_HEAD)
    return RECORD_MALFORMED;
  if (direct && size - RECORD_HEAD >= length)
    *used = RECORD_HEAD + length;
  else if (!keep (reader, RECORD_HEAD + length, data, size, used))
    return RECORD_NEED_MORE;
  else
    head = reader->kept;
  reader->kept_size = 0;
  return parse (&reader->record, kind, head + RECORD_HEAD, length) ? RECORD_WHOLE
                                                                   : RECORD_MALFORMED;
}

void
record_keep (struct record_reader *reader)
{
  char *place = reader->kept;
  for (int i = 0; i < RECORD_TEXTS; i++)
    {
      const char *text = reader->record.texts[i];
      size_t size = strlen (text) + 1;
      /* What was kept already begins behind the head, and is in this same order.  */
      memmove (place, text, size);
      reader->record.texts[i] = place;
      place += size;
    }
}
