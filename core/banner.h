/* The banner: the line by which a dispatcher is known, and the noise before it.  */

#ifndef CORE_BANNER_H
#define CORE_BANNER_H

#include <stdbool.h>
#include <stddef.h>

enum
{
  BANNER_LINE_MAX = 4096, /* bytes of the noise's end that are looked at and kept */
  BANNER_VERSION_SIZE = 32,
};

/* All zero but for the nonce has seen nothing.  */
struct banner
{
  const char *nonce; /* borrowed: what the banner is to be known by */
  bool found;

  /* What it says.  */
  char version[BANNER_VERSION_SIZE]; /* the dispatcher's; "": not yet known */
  unsigned channels;                 /* that it takes; 0: it doesn't say */
  bool unremoved;                    /* it could not remove its own file */
  bool asking;                       /* it serves SpawnAsking */

  char noise[BANNER_LINE_MAX + 1]; /* the end of what came before */
  size_t noise_size;
  size_t noise_total;
};

/* Is told each whole line that isn't the banner.  True: it is no noise.  */
typedef bool banner_line (void *context, const char *line);

/* Take some of the SIZE bytes at DATA, up to the end of a line at most: *USED of them.  LINE NULL:
   all is noise.  False: there will be none, PROBLEM says why.  */
bool banner_take (struct banner *banner, const char *data, size_t size, size_t *used,
                  banner_line *line, void *context, char *problem, size_t problem_size);

void banner_forget_noise (struct banner *banner);

#endif
