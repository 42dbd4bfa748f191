#include "dispatcher/digest.h"

#ifdef LONGREACH_PORTABLE

/* Deprecated, but all of EVP comes with a static EVP_sha512.  */
#  define OPENSSL_SUPPRESS_DEPRECATED
#  include <openssl/sha.h>
#  include <stdlib.h>

struct digest
{
  SHA512_CTX context;
};

struct digest *
digest_begin (void)
{
  struct digest *digest = malloc (sizeof *digest);
  if (digest != NULL)
    SHA512_Init (&digest->context);
  return digest;
}

bool
digest_add (struct digest *digest, const void *data, size_t size)
{
  return SHA512_Update (&digest->context, data, size) == 1;
}

bool
digest_end (struct digest *digest, unsigned char result[DIGEST_SIZE])
{
  return SHA512_Final (result, &digest->context) == 1;
}

void
digest_free (struct digest *digest)
{
  free (digest);
}

#else

#  include <openssl/evp.h>

/* A struct digest is OpenSSL's own context.  */

struct digest *
digest_begin (void)
{
  EVP_MD_CTX *context = EVP_MD_CTX_new ();
  if (context != NULL && EVP_DigestInit_ex (context, EVP_sha512 (), NULL) != 1)
    {
      EVP_MD_CTX_free (context);
      context = NULL;
    }
  return (struct digest *) context;
}

bool
digest_add (struct digest *digest, const void *data, size_t size)
{
  return EVP_DigestUpdate ((EVP_MD_CTX *) digest, data, size) == 1;
}

bool
digest_end (struct digest *digest, unsigned char result[DIGEST_SIZE])
{
  return EVP_DigestFinal_ex ((EVP_MD_CTX *) digest, result, NULL) == 1;
}

void
digest_free (struct digest *digest)
{
  EVP_MD_CTX_free ((EVP_MD_CTX *) digest);
}

#endif
