/* The one table that all is printed in, and kept from.  */

#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>

/* A line of it.  Texts are borrowed until the next call.  */
struct line
{
  const char *what, *unit;
  double ours; /* in that unit, as the limit */
  const char *limit_name;
  double limit;
  double at_most; /* ours / limit; 0: there is no budget */
};

/* Begin.  AS_JSON: standard output has one object in the end, and no table.  KEPT: the file that
   has the object; NULL: none.  */
void table_begin (bool as_json, const char *kept);

void table_add (const struct line *line);

/* What else does the same as the line added last, and how long that takes, in its unit.  */
void table_add_other (const char *name, double value);

/* Write what is to be kept.  */
void table_end (void);

#endif
