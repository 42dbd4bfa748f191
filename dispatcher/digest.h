/* SHA-512, through OpenSSL.  */

#ifndef DISPATCHER_DIGEST_H
#define DISPATCHER_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

enum
{
  DIGEST_SIZE = 64, /* bytes */
};

struct digest;

/* A digest under way; NULL without memory.  */
struct digest *digest_begin (void);
bool digest_add (struct digest *digest, const void *data, size_t size);
bool digest_end (struct digest *digest, unsigned char result[DIGEST_SIZE]);
void digest_free (struct digest *digest);

#endif
