/* Members of a JSON object, read into a structure as a table says.

   Bytes, texts and lists of texts can also be given in base64, as NAME_base64.  Null is the same as
   nothing.  */

#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum field_type
{
  FIELD_TEXT,    /* const char *, without NUL */
  FIELD_TEXTS,   /* const char *const *, ended by NULL */
  FIELD_BYTES,   /* struct lr_bytes */
  FIELD_FLAG,    /* lr_flag: true or false */
  FIELD_SIZE,    /* uint64_t: a whole number */
  FIELD_COUNT,   /* the same, and not 0 */
  FIELD_SECONDS, /* uint64_t of milliseconds: a number */
  FIELD_VALUE,   /* const json_t *: anything */
};

/* A table of these ends with one without a name.  */
struct field
{
  const char *name;
  size_t offset; /* in the structure */
  enum field_type type;
  bool required;
};

/* What is wrong with one member.  */
struct field_problem
{
  char field[64]; /* its name, cut where that is long */
  char text[512]; /* a sentence about it */
};

/* Memory that was needed besides the object.  */
struct field_memory
{
  void **items; /* owned */
  size_t count;
};

/* Read all members of OBJECT but those that ALSO, ended by NULL, names.  What the structure gets
   lives as long as OBJECT and MEMORY, which fields_free frees, after a failure too.  Returns 0, or
   -1 and *PROBLEM.  */
int fields_read (const json_t *object, const struct field *fields, const char *const *also,
                 void *structure, struct field_memory *memory, struct field_problem *problem);

void fields_free (struct field_memory *memory);

#endif
