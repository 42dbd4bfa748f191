/* Questions: what a hop's program asks, and the application's answers.

   Either it is asked on the program's own streams (questions.h), or through $SSH_ASKPASS and
   $SUDO_ASKPASS.  The program that these name, longreach-askpass, comes back with the question over
   a socket of ours that only this user's processes reach.  The socket keeps the bounds of packets:
   there is one each way, the question (enum prompt_kind and the text) and the answer's line.  A
   refusal is the end without an answer.  */

#ifndef CORE_PROMPT_H
#define CORE_PROMPT_H

#include "core/loop.h"

#include <stdbool.h>
#include <string.h>

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

/* Whether the answer may not be shown.  ssh says only for some questions that it may; those on a
   host's key are known by their words.  */
static inline bool
prompt_is_secret (const char *question)
{
  static const char again[] = "Please type 'yes'";
  return strstr (question, "(yes/no") == NULL && strncmp (question, again, strlen (again)) != 0;
}

/* Who asks.  */
struct prompter;

struct prompter_settings
{
  lr_prompt_callback *callback;
  void *data;
  const char *host; /* copied */
  int hop;
  bool inside;  /* of a function that waits: the callback is called in a step, not as a notice */
  bool listens; /* programs come with questions */

  /* A first question is open, or none is any more.  */
  void (*changed) (void *context, bool asking);
  void *context;
};

/* Take questions.  NULL and *ERROR: IO, NO_MEMORY.  */
struct prompter *prompter_new (lr_loop *loop, const struct prompter_settings *settings,
                               struct lr_error *error);

/* What the program needs in its environment, "NAME=VALUE", ended by NULL; it lives as long as
   PROMPTER.  NULL: nothing.  */
char *const *prompter_environment (const struct prompter *prompter);

/* Ask TEXT.  ANSWERED is called once, unless PROMPTER is freed before; ANSWER is
   NULL where it was refused, else free of newlines and within PROMPT_ANSWER_MAX.  False: no memory.
 */
typedef void prompter_answered (void *context, const char *answer);
bool prompter_ask (struct prompter *prompter, const char *text, prompter_answered *answered,
                   void *context);

/* No more questions; those that are open are forgotten when they are answered.  */
void prompter_free (struct prompter *prompter);

#endif
