#include "core/banner.h"

#include "core/text.h"
#include "protocol/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  NOISE_MAX = 1 << 20, /* bytes before the banner */
  NUMBER_MAX = 65536,  /* of requests at once: a higher one means no more */
};

/* ---- noise ---- */

static void
keep_noise (struct banner *banner, const char *data, size_t size)
{
  banner->noise_total += size;
  if (banner->noise_size + size > BANNER_LINE_MAX)
    {
      size_t kept = BANNER_LINE_MAX / 2;
      if (banner->noise_size > kept)
        {
          memmove (banner->noise, banner->noise + banner->noise_size - kept, kept);
          banner->noise_size = kept;
        }
      if (size > BANNER_LINE_MAX / 2)
        {
          data += size - BANNER_LINE_MAX / 2;
          size = BANNER_LINE_MAX / 2;
        }
    }
  /* A NUL would hide what is behind it.  */
  for (size_t i = 0; i < size; i++)
    banner->noise[banner->noise_size + i] = (char) (data[i] == '\0' ? ' ' : data[i]);
  banner->noise_size += size;
  banner->noise[banner->noise_size] = '\0';
}

/* Only the first SIZE bytes of it stay.  */
static void
cut_noise (struct banner *banner, size_t size)
{
  banner->noise_size = size;
  banner->noise[size] = '\0';
}

void
banner_forget_noise (struct banner *banner)
{
  banner->noise_total = 0;
  cut_noise (banner, 0);
}

/* ---- the banner ---- */

static unsigned
parse_number (const char *text)
{
  unsigned long value = strtoul (text, NULL, 10);
  return value > NUMBER_MAX ? NUMBER_MAX : (unsigned) value;
}

/* FEATURES is the last word of the banner.  */
static void
take_features (struct banner *banner, char *features)
{
  char *rest = NULL;
  for (char *word = strtok_r (features, ",", &rest); word != NULL;
       word = strtok_r (NULL, ",", &rest))
    if (strncmp (word, "channels=", 9) == 0 && parse_number (word + 9) > 0)
      banner->channels = parse_number (word + 9);
    else if (strcmp (word, "unremoved") == 0)
      banner->unremoved = true;
    else if (strcmp (word, "asking") == 0)
      banner->asking = true;
}

/* Look for the banner in LINE, a whole one.  It may stand behind noise.  False: it is one of
   another protocol.  */
static bool
parse (struct banner *banner, char *line, char *problem, size_t problem_size)
{
  for (char *start = line; (start = strstr (start, "LONGREACH ")) != NULL; start++)
    {
      char *word = start + strlen ("LONGREACH ");
      char *end = word + strspn (word, "0123456789");
      size_t length = strlen (banner->nonce);
      if (end == word || *end != ' ' || strncmp (end + 1, banner->nonce, length) != 0
          || end[1 + length] != ' ')
        continue;
      unsigned protocol = parse_number (word);
      if (protocol != FRAME_PROTOCOL)
        {
          snprintf (problem, problem_size,
                    "the dispatcher speaks protocol %u, and this library speaks protocol %d",
                    protocol, FRAME_PROTOCOL);
          return false;
        }
      const char *version = end + 1 + length + 1;
      char *features = strchr (version, ' ');
      text_escape (banner->version, sizeof banner->version, version, strcspn (version, " \r"));
      if (features != NULL)
        take_features (banner, features + 1);
      banner->found = true;
      return true;
    }
  return true;
}

/* The noise has come to the end of a line, which may be the banner.  */
static bool
end_line (struct banner *banner, banner_line *told, void *context, char *problem,
          size_t problem_size)
{
  char line[BANNER_LINE_MAX];
  size_t length = banner->noise_size - 1;
  const char *before = memrchr (banner->noise, '\n', length);
  size_t start = before == NULL ? 0 : (size_t) (before + 1 - banner->noise);
  length -= start;
  memcpy (line, banner->noise + start, length);
  line[length] = '\0';
  if (!parse (banner, line, problem, problem_size))
    return false;
  if (!banner->found && told != NULL && told (context, line))
    cut_noise (banner, start);
  return true;
}

bool
banner_take (struct banner *banner, const char *data, size_t size, size_t *used, banner_line *line,
             void *context, char *problem, size_t problem_size)
{
  const char *newline = memchr (data, '\n', size);
  *used = newline == NULL ? size : (size_t) (newline - data) + 1;
  for (size_t done = 0, step; done < *used; done += step)
    {
      step = *used - done < FRAME_BANNER_MAX ? *used - done : FRAME_BANNER_MAX;
      keep_noise (banner, data + done, step);
    }
  if (newline != NULL && !end_line (banner, line, context, problem, problem_size))
    return false;
  if (banner->found || banner->noise_total <= NOISE_MAX)
    return true;
  snprintf (problem, problem_size, "no dispatcher answers in the first %d bytes", NOISE_MAX);
  return false;
}
