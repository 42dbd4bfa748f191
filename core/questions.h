/* What a hop's program asks on its own streams, or at a terminal, before there is a dispatcher, and
   the answers.

   The connector's `prompt` knows a question when it has come.  An answer is asked for once, and
   kept until a dispatcher has answered, because the next attempt may be asked the same; it is wiped
   then.  The same question twice in one attempt says that the answer was wrong.  */

#ifndef CORE_QUESTIONS_H
#define CORE_QUESTIONS_H

#include <longreach/connector.h>

#include <stdbool.h>
#include <stddef.h>

struct questions;

/* How a hop's program can ask.  */
enum
{
  ASKS_THROUGH_HELPER = 1, /* it runs longreach-askpass */
  ASKS_ON_STREAMS = 2,
  ASKS_AT_TERMINAL = 4, /* it is given one beside its streams */
};

/* Where its program is started.  */
enum question_place
{
  PLACE_HERE,             /* the first hop's: longreach-askpass is here, too */
  PLACE_WITH_TERMINAL,    /* by a dispatcher that serves SpawnAsking */
  PLACE_WITHOUT_TERMINAL, /* by one that doesn't */
};

/* How that of HOP can, if anybody answers: some of these.  What speaks the plain protocol may be
   sent something before it has said anything, which must not be taken for an answer on its streams.
 */
unsigned questions_ways (const lr_hop *hop, enum question_place place);

/* What a program is told by its environment that is to ask at its terminal: "NAME=VALUE", ended by
   NULL.  */
extern char *const questions_terminal_environment[];

/* Of the program of HOP, which is borrowed and whose connector has a `prompt`.  NULL: no memory. */
struct questions *questions_new (const lr_hop *hop, bool at_terminal);

/* Wipe all answers, and free.  */
void questions_free (struct questions *questions);

/* The program is started once more.  */
void questions_begin_attempt (struct questions *questions);

bool questions_are_at_terminal (const struct questions *questions);

/* SIZE bytes of what the program says have come, at its terminal or on standard error, whichever
   counts.  Whether it ends in a question, if it ends there.  */
bool questions_hear (struct questions *questions, const char *data, size_t size);

enum question
{
  QUESTION_NONE,     /* nothing is asked */
  QUESTION_OPEN,     /* questions_text is to be asked */
  QUESTION_ANSWERED, /* it was before: there is something to be sent */
  QUESTION_AGAIN,    /* the answer was wrong */
};

/* No more has come: take the question.  */
enum question questions_take (struct questions *questions);

/* The question that is open; it lives until it is answered.  */
const char *questions_text (const struct questions *questions);

/* Why the connection ends with QUESTION_AGAIN: a clause.  */
const char *questions_problem (const struct questions *questions);

/* It is answered by ANSWER, which is copied.  */
void questions_answer (struct questions *questions, const char *answer);

/* What is to be written to the program; 0: nothing.  Then, how much was.  */
size_t questions_input (const struct questions *questions, const char **data);
void questions_sent (struct questions *questions, size_t size);

#endif
