#include "cli/nearest.h"

#include <string.h>

/* Longer words are no misspelling of anything here.  */
enum
{
  LONGEST = 32,
};

static size_t
least (size_t a, size_t b)
{
  return a < b ? a : b;
}

/* How many letters must be inserted, removed, replaced or exchanged with their neighbour to turn A
   into B; both at most LONGEST.  */
static size_t
edit_distance (const char *a, size_t a_size, const char *b, size_t b_size)
{
  size_t table[LONGEST + 1][LONGEST + 1];
  for (size_t i = 0; i <= a_size; i++)
    for (size_t j = 0; j <= b_size; j++)
      {
        if (i == 0 || j == 0)
          {
            table[i][j] = i + j;
            continue;
          }
        size_t replaced = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
        table[i][j] = least (replaced, least (table[i - 1][j], table[i][j - 1]) + 1);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          table[i][j] = least (table[i][j], table[i - 2][j - 2] + 1);
      }
  return table[a_size][b_size];
}

struct nearest
nearest_start (const char *word, size_t size)
{
  /* A word must keep most of its letters to resemble another.  */
  return (struct nearest){ .word = word, .size = size, .distance = size / 3 + 2 };
}

void
nearest_consider (struct nearest *nearest, const char *candidate)
{
  size_t size = strlen (candidate);
  if (nearest->size > LONGEST || size > LONGEST)
    return;
  size_t distance = edit_distance (nearest->word, nearest->size, candidate, size);
  if (distance < nearest->distance && distance < size)
    {
      nearest->distance = distance;
      nearest->best = candidate;
    }
}
