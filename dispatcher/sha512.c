#include "dispatcher/sha512.h"

#include <string.h>

enum
{
  ROUNDS = 80,
  WORDS = 16,       /* of a block */
  LENGTH_SIZE = 16, /* bytes: the message's length, at the end of its last block */
};

/* The first 64 bits of the fractional parts of the cube roots of the first 80 primes.  */
static const uint64_t constants[ROUNDS] = {
  0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
  0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
  0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
  0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
  0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
  0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
  0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
  0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
  0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
  0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
  0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
  0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
  0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
  0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
  0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
  0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
  0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
  0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
  0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
  0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* ---- a block ---- */

/* What these functions are inlined into is worth more than the few bytes that it takes.  */
#ifdef __clang__
#  define FAST
#else
#  define FAST __attribute__ ((__optimize__ ("O2")))
#endif
#define INLINE __attribute__ ((__always_inline__)) static inline

INLINE uint64_t
rotate (uint64_t word, unsigned bits)
{
  return word >> bits | word << (64 - bits);
}

INLINE uint64_t
load (const unsigned char *bytes)
{
  uint64_t word;
  memcpy (&word, bytes, sizeof word);
  return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? word : __builtin_bswap64 (word);
}

INLINE void
store (unsigned char *bytes, uint64_t word)
{
  for (int i = 0; i < 8; i++)
    bytes[i] = (unsigned char) (word >> (56 - 8 * i));
}

/* Round I, of which the names of the eight words have moved on by as many places.  */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                           \
  do                                                                                               \
    {                                                                                              \
      (h) += (rotate (e, 14) ^ rotate (e, 18) ^ rotate (e, 41)) + ((((f) ^ (g)) & (e)) ^ (g))      \
             + constants[round + (i)] + words[i];                                                  \
      (d) += (h);                                                                                  \
      (h) += (rotate (a, 28) ^ rotate (a, 34) ^ rotate (a, 39))                                    \
             + (((a) & (b)) | (((a) | (b)) & (c)));                                                \
    }                                                                                              \
  while (0)

/* Eight of them: all names are where they were.  */
#define EIGHT(i)                                                                                   \
  ROUND (a, b, c, d, e, f, g, h, i);                                                               \
  ROUND (h, a, b, c, d, e, f, g, (i) + 1);                                                         \
  ROUND (g, h, a, b, c, d, e, f, (i) + 2);                                                         \
  ROUND (f, g, h, a, b, c, d, e, (i) + 3);                                                         \
  ROUND (e, f, g, h, a, b, c, d, (i) + 4);                                                         \
  ROUND (d, e, f, g, h, a, b, c, (i) + 5);                                                         \
  ROUND (c, d, e, f, g, h, a, b, (i) + 6);                                                         \
  ROUND (b, c, d, e, f, g, h, a, (i) + 7)

INLINE void
expand (uint64_t words[WORDS])
{
#pragma GCC unroll 16
  for (int i = 0; i < WORDS; i++)
    {
      uint64_t next = words[(i + 1) % WORDS], last = words[(i + 14) % WORDS];
      words[i] += (rotate (next, 1) ^ rotate (next, 8) ^ next >> 7)
                  + (rotate (last, 19) ^ rotate (last, 61) ^ last >> 6) + words[(i + 9) % WORDS];
    }
}

INLINE void
add_block (uint64_t state[8], const unsigned char *block)
{
  uint64_t words[WORDS];
  uint64_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint64_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (size_t i = 0; i < WORDS; i++)
    words[i] = load (block + 8 * i);
  for (int round = 0; round < ROUNDS; round += WORDS)
    {
      if (round > 0)
        expand (words);
      EIGHT (0);
      EIGHT (8);
    }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

FAST static void
add_blocks_anywhere (uint64_t state[8], const unsigned char *data, size_t count)
{
  for (; count > 0; count--, data += SHA512_BLOCK)
    add_block (state, data);
}

/* A processor that rotates from one register to another, as most do, is a good deal faster.  */
#ifdef __x86_64__

#  include <cpuid.h>

FAST __attribute__ ((__target__ ("bmi2"))) static void
add_blocks_rotating (uint64_t state[8], const unsigned char *data, size_t count)
{
  for (; count > 0; count--, data += SHA512_BLOCK)
    add_block (state, data);
}

static void
add_blocks (uint64_t state[8], const unsigned char *data, size_t count)
{
  unsigned a, b = 0, c, d;
  if (__get_cpuid_count (7, 0, &a, &b, &c, &d) && (b & bit_BMI2) != 0)
    add_blocks_rotating (state, data, count);
  else
    add_blocks_anywhere (state, data, count);
}

#else
#  define add_blocks add_blocks_anywhere
#endif

/* ---- a message ---- */

void
sha512_begin (struct sha512 *digest)
{
  /* The first 64 bits of the fractional parts of the square roots of the first eight primes.  */
  static const uint64_t first[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
  };
  memcpy (digest->state, first, sizeof first);
  digest->size = 0;
}

void
sha512_add (struct sha512 *digest, const void *data, size_t size)
{
  const unsigned char *bytes = data;
  size_t have = digest->size % SHA512_BLOCK;
  digest->size += size;
  if (have > 0)
    {
      size_t taken = size < SHA512_BLOCK - have ? size : SHA512_BLOCK - have;
      memcpy (digest->block + have, bytes, taken);
      bytes += taken;
      size -= taken;
      if (have + taken < SHA512_BLOCK)
        return;
      add_blocks (digest->state, digest->block, 1);
    }
  add_blocks (digest->state, bytes, size / SHA512_BLOCK);
  memcpy (digest->block, bytes + size / SHA512_BLOCK * SHA512_BLOCK, size % SHA512_BLOCK);
}

void
sha512_end (struct sha512 *digest, unsigned char result[SHA512_SIZE])
{
  static const unsigned char padding[SHA512_BLOCK] = { 0x80 };
  unsigned char length[LENGTH_SIZE];
  store (length, digest->size >> 61);
  store (length + 8, digest->size << 3);
  size_t have = digest->size % SHA512_BLOCK, room = SHA512_BLOCK - LENGTH_SIZE;
  sha512_add (digest, padding, have < room ? room - have : SHA512_BLOCK + room - have);
  sha512_add (digest, length, sizeof length);
  for (size_t i = 0; i < 8; i++)
    store (result + 8 * i, digest->state[i]);
}
