/* A queue of bytes of any size: in memory while it is small, then in a file without a name.  */

#ifndef DISPATCHER_SPOOL_H
#define DISPATCHER_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory that several spools share: the one for which there is not enough goes to its file.  */
struct spool_account
{
  size_t used, limit; /* bytes */
};

/* Initialise with SPOOL_EMPTY; spool_free gives everything back.  */
struct spool
{
  char *memory; /* the bytes, while file < 0 */
  size_t allocated;
  int file;                      /* the bytes, once they are many; -1 */
  uint64_t start;                /* offset of the first byte not taken */
  uint64_t end;                  /* offset past the last */
  struct spool_account *account; /* borrowed; NULL: it has its memory for itself */
};

#define SPOOL_EMPTY ((struct spool){ NULL, 0, -1, 0, 0, NULL })

/* Add bytes at the end.  0, or an errno: then the spool is as it was.  */
int spool_append (struct spool *spool, const void *data, size_t size);

/* Look at bytes from the start without taking them.  Where they are in memory *DATA points to them;
   else they are read into BUFFER.  Returns how many, at most SIZE; 0: none; -1 and errno: they
   can't be read back.  */
long spool_peek (const struct spool *spool, char *buffer, size_t size, const char **data);

/* Take SIZE bytes off the start.  */
void spool_take (struct spool *spool, size_t size);

uint64_t spool_size (const struct spool *spool);

void spool_free (struct spool *spool);

#endif
