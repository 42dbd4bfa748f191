#include "dispatcher/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum
{
  CHUNK = 64 << 10, /* bytes read from a spool or a file at a time */
  KEPT = 512 << 10, /* bytes of memory that stay for the next answer */
};

/* One piece of the queue: memory (contents.size 0 and an empty spool), or contents.  */
struct piece
{
  struct piece *next;
  char *memory; /* owned */
  size_t allocated, start, end;
  struct contents contents; /* owned */
};

static int output_fd;
static struct piece *first, *last;
static const char *borrowed; /* is written before the queue */
static size_t borrowed_size;
static uint64_t pending; /* all of it */
static uint64_t written;
static bool stuck;
static enum output_state state;
static char error_text[256];

void
contents_free (struct contents *contents)
{
  spool_free (&contents->spool);
  if (contents->file >= 0)
    close (contents->file);
  *contents = CONTENTS_EMPTY;
}

void
output_begin (int fd)
{
  output_fd = fd;
}

static void
fail (const char *why)
{
  if (state != OUTPUT_FINE)
    return;
  snprintf (error_text, sizeof error_text, "%s", why);
  state = OUTPUT_BROKEN;
}

static struct piece *
add_piece (void)
{
  struct piece *piece = calloc (1, sizeof *piece);
  if (piece == NULL)
    {
      fail ("no memory for an answer");
      return NULL;
    }
  piece->contents = CONTENTS_EMPTY;
  if (last == NULL)
    first = piece;
  else
    last->next = piece;
  last = piece;
  return piece;
}

static bool
holds_contents (const struct piece *piece)
{
  return piece->contents.file >= 0 || spool_size (&piece->contents.spool) > 0;
}

static void
remove_first (void)
{
  struct piece *piece = first;
  first = piece->next;
  if (first == NULL)
    last = NULL;
  contents_free (&piece->contents);
  free (piece->memory);
  free (piece);
}

void
output_bytes (const void *data, size_t size)
{
  if (state != OUTPUT_FINE || size == 0)
    return;
  struct piece *piece = last;
  if (piece == NULL || holds_contents (piece))
    piece = add_piece ();
  if (piece == NULL)
    return;
  if (piece->allocated - piece->end < size && piece->start > piece->end / 2)
    {
      /* A client that always leaves something must not make it grow.  */
      memmove (piece->memory, piece->memory + piece->start, piece->end - piece->start);
      piece->end -= piece->start;
      piece->start = 0;
    }
  if (piece->allocated - piece->end < size)
    {
      size_t room = piece->allocated == 0 ? 4096 : piece->allocated;
      while (room - piece->end < size)
        room *= 2;
      char *grown = realloc (piece->memory, room);
      if (grown == NULL)
        {
          fail ("no memory for an answer");
          return;
        }
      piece->memory = grown;
      piece->allocated = room;
    }
  memcpy (piece->memory + piece->end, data, size);
  piece->end += size;
  pending += size;
}

void
output_contents (struct contents *contents)
{
  uint64_t size = contents->file >= 0 ? contents->size : spool_size (&contents->spool);
  struct piece *piece = state == OUTPUT_FINE && size > 0 ? add_piece () : NULL;
  if (piece == NULL)
    {
      contents_free (contents);
      return;
    }
  piece->contents = *contents;
  *contents = CONTENTS_EMPTY;
  pending += size;
}

void
output_borrowed (const char *data, size_t size)
{
  if (state != OUTPUT_FINE)
    return;
  borrowed = data;
  borrowed_size = size;
  pending += size;
  output_flush ();
}

/* What a write said: bytes written, or that there is no room now (-1), or the end.  */
static long
wrote_or_lost (ssize_t wrote)
{
  if (wrote >= 0)
    {
      pending -= (uint64_t) wrote;
      written += (uint64_t) wrote;
      stuck = false;
      return wrote;
    }
  if (errno != EAGAIN && errno != EINTR)
    output_lose ();
  stuck = true;
  return -1;
}

static bool
write_borrowed (void)
{
  while (borrowed_size > 0)
    {
      long wrote = wrote_or_lost (write (output_fd, borrowed, borrowed_size));
      if (wrote < 0)
        return false;
      borrowed += wrote;
      borrowed_size -= (size_t) wrote;
    }
  return true;
}

static long
write_memory (struct piece *piece)
{
  long wrote =
      wrote_or_lost (write (output_fd, piece->memory + piece->start, piece->end - piece->start));
  if (wrote > 0)
    piece->start += (size_t) wrote;
  return wrote;
}

static long
write_spool (struct piece *piece)
{
  static char buffer[CHUNK];
  const char *data;
  long have = spool_peek (&piece->contents.spool, buffer, sizeof buffer, &data);
  if (have < 0)
    {
      fail ("what was kept of an answer can't be read back");
      return -1;
    }
  long wrote = wrote_or_lost (write (output_fd, data, (size_t) have));
  if (wrote > 0)
    spool_take (&piece->contents.spool, (size_t) wrote);
  return wrote;
}

/* The length was announced before: a file that has shrunk since can't be made good.  */
static long
write_file (struct piece *piece)
{
  struct contents *contents = &piece->contents;
  ssize_t sent = sendfile (output_fd, contents->file, NULL,
                           contents->size < (1 << 20) ? (size_t) contents->size : 1 << 20);
  if (sent < 0 && errno == EINVAL)
    {
      static char buffer[CHUNK];
      ssize_t got = read (contents->file, buffer,
                          contents->size < sizeof buffer ? (size_t) contents->size : sizeof buffer);
      sent = got <= 0 ? got : write (output_fd, buffer, (size_t) got);
      if (got > 0 && sent < got)
        {
          int kept = errno;
          lseek (contents->file, (sent < 0 ? 0 : sent) - got, SEEK_CUR);
          errno = kept;
        }
    }
  if (sent == 0 || (sent < 0 && errno == EIO))
    {
      fail (sent == 0 ? "a file shrank while it was being sent"
                      : "a file can't be read to its end: Input/output error");
      return -1;
    }
  long wrote = wrote_or_lost (sent);
  if (wrote > 0)
    contents->size -= (uint64_t) wrote;
  return wrote;
}

static bool
is_written (const struct piece *piece)
{
  if (piece->start < piece->end)
    return false;
  return piece->contents.file >= 0 ? piece->contents.size == 0
                                   : spool_size (&piece->contents.spool) == 0;
}

enum output_state
output_flush (void)
{
  while (state == OUTPUT_FINE && write_borrowed () && pending > 0 && first != NULL)
    {
      long wrote = first->start < first->end   ? write_memory (first)
                   : first->contents.file >= 0 ? write_file (first)
                                               : write_spool (first);
      if (wrote < 0)
        break;
      if (!is_written (first))
        continue;
      if (first != last || holds_contents (first) || first->memory == NULL
          || first->allocated > KEPT)
        remove_first ();
      else
        {
          /* The usual case keeps its memory for the next answer.  */
          first->start = first->end = 0;
          break;
        }
    }
  return state;
}

uint64_t
output_pending (void)
{
  return pending;
}

uint64_t
output_queued (void)
{
  return pending - borrowed_size;
}

bool
output_is_stuck (void)
{
  return stuck && pending > 0;
}

uint64_t
output_written (void)
{
  return written;
}

void
output_lose (void)
{
  state = OUTPUT_LOST;
  while (first != NULL)
    remove_first ();
  borrowed_size = 0;
  pending = 0;
}

const char *
output_error (void)
{
  return error_text;
}
