#include "cli/base64.h"
#include "cli/report.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum
{
  /* libcrypto counts in int; pieces of whole triples, of whole quadruples, can be joined.  */
  PIECE = 3 << 20,
  TEXT_PIECE = 4 << 20,
};

char *
base64_encode (struct lr_bytes bytes, size_t *size)
{
  if (bytes.size > SIZE_MAX / 4 * 3 - 16)
    out_of_memory ();
  char *text = malloc ((bytes.size + 2) / 3 * 4 + 1);
  if (text == NULL)
    out_of_memory ();
  text[0] = '\0';
  *size = 0;
  for (size_t done = 0; done < bytes.size; done += PIECE)
    {
      size_t part = bytes.size - done < PIECE ? bytes.size - done : PIECE;
      *size += (size_t) EVP_EncodeBlock ((unsigned char *) text + *size,
                                         (const unsigned char *) bytes.data + done, (int) part);
    }
  return text;
}

/* libcrypto would also take white space around it.  */
static bool
is_base64 (const char *text, size_t size, size_t padding)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static bool allowed[256];
  if (!allowed['A'])
    for (const char *letter = alphabet; *letter != '\0'; letter++)
      allowed[(unsigned char) *letter] = true;
  if (size % 4 != 0)
    return false;
  for (size_t i = 0; i < size - padding; i++)
    if (!allowed[(unsigned char) text[i]])
      return false;
  return true;
}

struct lr_bytes
base64_decode (const char *text, size_t size)
{
  size_t padding = 0;
  while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
    padding++;
  if (!is_base64 (text, size, padding))
    return (struct lr_bytes){ NULL, 0 };
  char *data = malloc (size / 4 * 3 + 1);
  if (data == NULL)
    out_of_memory ();
  size_t used = 0;
  for (size_t done = 0; done < size; done += TEXT_PIECE)
    {
      size_t part = size - done < TEXT_PIECE ? size - done : TEXT_PIECE;
      used += (size_t) EVP_DecodeBlock ((unsigned char *) data + used,
                                        (const unsigned char *) text + done, (int) part);
    }
  used -= padding;
  data[used] = '\0';
  return (struct lr_bytes){ data, used };
}
