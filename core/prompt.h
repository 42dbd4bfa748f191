/* Questions: what a hop's program asks through $SSH_ASKPASS or $SUDO_ASKPASS, and the application's
   answers.

   The program that these name, longreach-askpass, comes back with the question over a socket of
   ours that only this user's processes reach.  */

#ifndef CORE_PROMPT_H
#define CORE_PROMPT_H

#include "core/loop.h"

/* Who asks.  */
struct prompter;

struct prompter_settings
{
  lr_prompt_callback *callback;
  void *data;
  const char *host; /* copied */
  int hop;

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
