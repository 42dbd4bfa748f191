/* Answers as JSON: one object on one line.

   Objects keep the order in which members are added.  There is no failure to handle: without memory
   the program ends.  Bytes that are not UTF-8 make a member NAME_base64 instead of NAME.  */

#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "cli/options.h"

#include <longreach/longreach.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* --json was given.  */
extern bool json_wanted;
extern const struct cli_option json_options[];

json_t *json_new_object (void);
json_t *json_new_array (void);

/* VALUE becomes OBJECT's, or ARRAY's.  */
void json_add (json_t *object, const char *name, json_t *value);
void json_append (json_t *array, json_t *value);

/* NULL adds null.  */
void json_add_text (json_t *object, const char *name, const char *text);
void json_add_bytes (json_t *object, const char *name, struct lr_bytes bytes);
void json_add_hex (json_t *object, const char *name, struct lr_bytes bytes);

/* TEXTS, ended by NULL: an array of strings, or NAME_base64 if any of them is not UTF-8.  */
void json_add_texts (json_t *object, const char *name, const char *const *texts);

void json_add_integer (json_t *object, const char *name, int64_t integer);
void json_add_optional_integer (json_t *object, const char *name, bool present, int64_t integer);
void json_add_boolean (json_t *object, const char *name, bool truth);

/* A size in bytes.  */
void json_add_size (json_t *object, const char *name, uint64_t size);

/* Nanoseconds since the epoch, as {"sec":...,"nsec":...} with nsec from 0 to 999999999.  */
void json_add_time (json_t *object, const char *name, int64_t nanoseconds);

/* Print OBJECT and a newline, and free it.  */
void json_print_to (FILE *stream, json_t *object);
void json_print (json_t *object);

#endif
