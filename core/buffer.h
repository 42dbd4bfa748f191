/* Bytes that wait, in order: added at the end, taken off the start.  */

#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty one.  */
struct buffer
{
  char *data; /* owned; what waits is from START up to END */
  size_t start, end, allocated;
  bool secret; /* set by who adds: what is taken off leaves nothing behind */
};

/* How many bytes wait; the first of them.  */
size_t buffer_size (const struct buffer *buffer);
const char *buffer_bytes (const struct buffer *buffer);

/* Let there be room for SIZE bytes behind END, for who then stores some there and moves it.  False
   without memory: it is as it was.  */
bool buffer_make_room (struct buffer *buffer, size_t size);

/* Add bytes; false without memory: none was added.  */
bool buffer_add (struct buffer *buffer, const char *data, size_t size);

/* Take SIZE bytes, which wait, off the start.  */
void buffer_take (struct buffer *buffer, size_t size);

/* Let nothing wait, and give the memory back.  */
void buffer_free (struct buffer *buffer);

#endif
