#include "plugins/phrases.h"

#include <string.h>

enum
{
  LINE_SIZE = 512, /* as much of a line as is shown */
};

/* What LINE means, or NULL.  */
static const char *
find_meaning (const struct phrase *phrases, const char *line)
{
  for (const struct phrase *phrase = phrases; phrase->start != NULL; phrase++)
    {
      size_t length = strlen (phrase->start);
      if (strncasecmp (line, phrase->start, length) == 0
          && strcasestr (line + length, phrase->words) != NULL)
        return phrase->meaning;
    }
  return NULL;
}

bool
explain_by_phrases (const struct phrase *phrases, const char *program, const char *said,
                    lr_text *out)
{
  char line[LINE_SIZE];
  for (const char *text = said; *text != '\0';)
    {
      size_t size = strcspn (text, "\r\n");
      size_t kept = size < sizeof line ? size : sizeof line - 1;
      kept -= kept > 0 && text[kept - 1] == '.'; /* the sentence has no final stop */
      memcpy (line, text, kept);
      line[kept] = '\0';
      const char *meaning = find_meaning (phrases, line);
      if (meaning != NULL)
        {
          lr_text_set (out, "%s; %s said: %s", meaning, program, line);
          return true;
        }
      text += size + (text[size] != '\0');
    }
  return false;
}
