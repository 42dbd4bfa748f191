/* Bytes as text, in the alphabet of RFC 4648, section 4.  */

#ifndef CLI_BASE64_H
#define CLI_BASE64_H

#include <longreach/longreach.h>

#include <stddef.h>

/* Base64 of BYTES, ended by NUL, which the caller frees; *SIZE is its size.  */
char *base64_encode (struct lr_bytes bytes, size_t *size);

/* What SIZE bytes at TEXT stand for, which the caller frees; DATA NULL: that is no base64.  */
struct lr_bytes base64_decode (const char *text, size_t size);

#endif
