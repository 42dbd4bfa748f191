/* The known word that a misspelt one most resembles.  */

#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <stddef.h>

/* WORD and BEST are borrowed.  BEST is NULL while nothing comes close.  */
struct nearest
{
  const char *word;
  size_t size;
  const char *best;
  size_t distance;
};

/* Look for what resembles the SIZE bytes at WORD.  */
struct nearest nearest_start (const char *word, size_t size);

void nearest_consider (struct nearest *nearest, const char *candidate);

#endif
