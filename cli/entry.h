/* Entries for people to read: a line for each member, "name:    value".  */

#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

#include <longreach/longreach.h>

#include <stdint.h>

/* NULL is an empty value.  */
void entry_print_text (const char *label, const char *text);
void entry_print_integer (const char *label, int64_t integer);
void entry_print_size (const char *label, uint64_t size);

/* Nanoseconds since the epoch, as ISO 8601.  */
void entry_print_time (const char *label, int64_t nanoseconds);
void entry_print_hex (const char *label, struct lr_bytes bytes);

/* TEXTS, ended by NULL, with commas between them.  */
void entry_print_texts (const char *label, const char *const *texts);

#endif
