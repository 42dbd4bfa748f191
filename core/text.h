/* Text: the answers of hooks, and bytes made fit for a person to read.  */

#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <longreach/connector.h>

#include <stdbool.h>
#include <stddef.h>

/* What a hook says.  All zero is "nothing said".  */
struct lr_text
{
  char *data; /* owned; NULL: nothing said */
};

void text_free (lr_text *text);

/* Write SIZE bytes of TEXT into BUFFER as clean UTF-8: control characters and what is not UTF-8
   become \xNN; what does not fit is cut off before it.  Returns how many bytes of TEXT fitted.  */
size_t text_escape (char *buffer, size_t buffer_size, const char *text, size_t size);

#endif
