/* Questions: what a hop's program asks through $SSH_ASKPASS or $SUDO_ASKPASS, and the application's
   answers.

   The program that these name, longreach-askpass, comes back with the question over a socket of
   ours that only this user's processes reach.  The socket keeps the bounds of packets: there is one
   each way, the question (enum prompt_kind and the text) and the answer's line.  A refusal is the
   end without an answer.  */

#ifndef CORE_PROMPT_H
#define CORE_PROMPT_H

#include "core/loop.h"

#include <stdbool.h>

/* What longreach-askpass and the library have to agree on.  */
#define PROMPT_VARIABLE "LONGREACH_PROMPT" /* names the socket, in the abstract name space */

enum
{
  PROMPT_QUESTION_MAX = 4096, /* bytes of text */
  PROMPT_ANSWER_MAX = 1023,   /* ssh takes no longer one */
};

enum prompt_kind
{
  PROMPT_SECRET = 's',
  PROMPT_PLAIN = 'p', /* the answer may be shown */
};

/* Who asks.  */
struct prompter;

struct prompter_settings
{
  lr_prompt_callback *callback;
  void *data;
  const char *host; /* copied */
  int hop;
  bool inside; /* of a function that waits: the callback is called in a step, not as a notice */

  /* A first question is open, or none is any more.  */
  void (*changed) (void *context, bool asking);
  void *context;
};

/* Listen for questions.  NULL and *ERROR: IO, NO_MEMORY.  */
struct prompter *prompter_new (lr_loop *loop, const struct prompter_settings *settings,
                               struct lr_error *error);

/* What the program needs in its environment, "NAME=VALUE", ended by NULL; it lives as long as
   PROMPTER.  */
char *const *prompter_environment (const struct prompter *prompter);

/* No more questions; those that are open are forgotten when they are answered.  */
void prompter_free (struct prompter *prompter);

#endif
