/* Bytes that are appended at one end and taken off the other.  Without memory the program ends.  */

#ifndef CLI_BUFFER_H
#define CLI_BUFFER_H

#include <stddef.h>

/* Zero is an empty one.  */
struct buffer
{
  char *data; /* owned; the bytes are those from START to END */
  size_t room;
  size_t start, end;
};

void buffer_free (struct buffer *buffer);

size_t buffer_size (const struct buffer *buffer);

/* The first byte, and those behind it, until buffer_reserve.  */
const char *buffer_bytes (const struct buffer *buffer);

/* Make sure that SIZE more bytes fit, and return where they go; buffer_add then says how many they
   were.  */
char *buffer_reserve (struct buffer *buffer, size_t size);
void buffer_add (struct buffer *buffer, size_t size);

/* Take SIZE bytes off the start.  They stay where they are until buffer_reserve.  */
void buffer_take (struct buffer *buffer, size_t size);

#endif
