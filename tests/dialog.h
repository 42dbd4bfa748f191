/* Programs that are talked to while they run: through pipes, or on a terminal.

   Whoever waits here fails the test after a while; nothing else depends on time.  */

#ifndef TESTS_DIALOG_H
#define TESTS_DIALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum
{
  DIALOG_ROWS = 33,
  DIALOG_COLUMNS = 101,
};

/* What was read of one stream; ended by a NUL.  */
struct heard
{
  int descriptor; /* -1: there is none, or it was closed */
  size_t taken;   /* of what follows */
  size_t size;
  char text[1 << 16];
};

struct dialog
{
  pid_t pid;
  int input;           /* -1: closed */
  struct heard output; /* or all that a terminal shows */
  struct heard error;
  int terminal; /* the end that the program has; -1: it has none */
};

/* Start WORDS with three pipes; or on a terminal, as the leader of its foreground.  */
struct dialog *dialog_start (const char *const *words);
struct dialog *dialog_start_on_terminal (const char *const *words);

/* Write TEXT to its input, or type it.  */
void dialog_say (struct dialog *dialog, const char *text);
void dialog_close_input (struct dialog *dialog);

/* Wait until TEXT comes, and take all up to it.  Returns how many bytes came before it.  */
size_t dialog_hear (struct dialog *dialog, struct heard *heard, const char *text);

/* Wait until all that comes has come, which is the end of a stream.  Returns what was not taken. */
const char *dialog_hear_all (struct dialog *dialog, struct heard *heard);

/* Whether the terminal's end of the program is set as it was in the beginning; wait until that is
   so, or not.  */
bool dialog_is_restored (const struct dialog *dialog);
void dialog_wait_restored (const struct dialog *dialog, bool restored);

/* Wait until it ends, and return its status, -N for signal N.  What it has said can still be
   heard.  */
int dialog_wait (struct dialog *dialog);

/* Free it; if it still runs, it is killed.  */
void dialog_free (struct dialog *dialog);

#endif
