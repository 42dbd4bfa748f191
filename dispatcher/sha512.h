/* SHA-512 (FIPS 180-4), for the portable dispatcher: a fifth of what OpenSSL's takes there, whose
   assembler has a variant for every kind of processor.  */

#ifndef DISPATCHER_SHA512_H
#define DISPATCHER_SHA512_H

#include <stddef.h>
#include <stdint.h>

enum
{
  SHA512_SIZE = 64,   /* bytes of a digest */
  SHA512_BLOCK = 128, /* bytes */
};

struct sha512
{
  uint64_t state[8];
  uint64_t size;                     /* bytes so far */
  unsigned char block[SHA512_BLOCK]; /* the last of them, that are no whole block */
};

void sha512_begin (struct sha512 *digest);
void sha512_add (struct sha512 *digest, const void *data, size_t size);
void sha512_end (struct sha512 *digest, unsigned char result[SHA512_SIZE]);

#endif
