#include "core/questions.h"

#include "core/prompt.h"
#include "core/text.h"
#include "core/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SAID_MAX = PROMPT_QUESTION_MAX, /* bytes of what was said last */
  QUESTIONS_MAX = 16,
};

struct known_question
{
  char *text; /* owned */
  char answer[PROMPT_ANSWER_MAX + 2];
  size_t size;   /* of the answer, with its newline; 0: it is open */
  bool answered; /* in this attempt */
};

struct questions
{
  const lr_hop *hop;
  bool at_terminal;
  const char *problem;
  char said[SAID_MAX + 1]; /* since the last question */
  size_t said_size;
  struct known_question known[QUESTIONS_MAX];
  size_t count;
  struct known_question *current; /* it is open, or its answer is being sent; NULL: none */
  size_t sent;                    /* of that */
};

/* Wherever else it could: it might be told so there, or have a display.  */
char *const questions_terminal_environment[] = { "SSH_ASKPASS_REQUIRE=never", NULL };

unsigned
questions_ways (const lr_hop *hop, enum question_place place)
{
  uint32_t flags = hop->connector->flags;
  const char *protocol = lr_hop_option (hop, "protocol");
  bool plain = protocol != NULL && strcmp (protocol, "plain") == 0;
  unsigned ways = (flags & LR_ASKS) != 0 && place == PLACE_HERE ? ASKS_THROUGH_HELPER : 0;
  if (hop->connector->prompt == NULL)
    return ways;
  if ((flags & LR_AT_TERMINAL) == 0)
    return ways | (plain ? 0 : ASKS_ON_STREAMS);
  return ways != 0 ? ways : place == PLACE_WITHOUT_TERMINAL ? 0 : ASKS_AT_TERMINAL;
}

struct questions *
questions_new (const lr_hop *hop, bool at_terminal)
{
  struct questions *questions = calloc (1, sizeof *questions);
  if (questions == NULL)
    return NULL;
  questions->hop = hop;
  questions->at_terminal = at_terminal;
  return questions;
}

void
questions_free (struct questions *questions)
{
  if (questions == NULL)
    return;
  for (size_t i = 0; i < questions->count; i++)
    free (questions->known[i].text);
  explicit_bzero (questions, sizeof *questions);
  free (questions);
}

void
questions_begin_attempt (struct questions *questions)
{
  questions->said_size = 0;
  questions->current = NULL;
  for (size_t i = 0; i < questions->count; i++)
    questions->known[i].answered = false;
}

/* ---- questions ---- */

static void
keep (struct questions *questions, const char *data, size_t size)
{
  size_t kept = questions->said_size;
  if (size > SAID_MAX)
    {
      data += size - SAID_MAX;
      size = SAID_MAX;
    }
  if (kept + size > SAID_MAX)
    {
      memmove (questions->said, questions->said + kept + size - SAID_MAX, SAID_MAX - size);
      kept = SAID_MAX - size;
    }
  /* A NUL would hide what is behind it.  */
  for (size_t i = 0; i < size; i++)
    questions->said[kept + i] = (char) (data[i] == '\0' ? ' ' : data[i]);
  questions->said_size = kept + size;
  questions->said[questions->said_size] = '\0';
}

static struct known_question *
find_question (struct questions *questions, const char *text)
{
  for (size_t i = 0; i < questions->count; i++)
    if (strcmp (questions->known[i].text, text) == 0)
      return &questions->known[i];
  return NULL;
}

static const char *
explain_repetition (const char *text)
{
  if (!prompt_is_secret (text))
    return "the answer was not accepted: it was asked for again";
  if (strstr (text, "assphrase") != NULL)
    return "the passphrase was wrong: it was asked for again";
  return "the password was wrong: it was asked for again";
}

/* TEXT, which is taken over, is asked.  */
static enum question
take_question (struct questions *questions, char *text)
{
  struct known_question *question = find_question (questions, text);
  bool is_known = question != NULL;
  if (is_known)
    free (text);
  else if (questions->count < QUESTIONS_MAX)
    {
      question = &questions->known[questions->count++];
      *question = (struct known_question){ .text = text };
    }
  else
    {
      free (text);
      questions->problem = "more is asked on the way there than anybody would answer";
      return QUESTION_AGAIN;
    }
  if (question->answered)
    {
      questions->problem = explain_repetition (question->text);
      return QUESTION_AGAIN;
    }
  questions->current = question;
  questions->sent = 0;
  if (question->size == 0)
    return QUESTION_OPEN;
  question->answered = true;
  return QUESTION_ANSWERED;
}

bool
questions_are_at_terminal (const struct questions *questions)
{
  return questions->at_terminal;
}

bool
questions_hear (struct questions *questions, const char *data, size_t size)
{
  lr_text text = { NULL };
  if (questions->current != NULL)
    return false; /* a program that waits for an answer asks nothing else */
  keep (questions, data, size);
  questions->hop->connector->prompt (questions->hop, questions->said, &text);
  bool asks = text.data != NULL;
  text_free (&text);
  return asks;
}

enum question
questions_take (struct questions *questions)
{
  lr_text text = { NULL };
  questions->hop->connector->prompt (questions->hop, questions->said, &text);
  if (text.data == NULL)
    return QUESTION_NONE;
  questions->said_size = 0;
  return take_question (questions, text.data);
}

const char *
questions_text (const struct questions *questions)
{
  return questions->current->text;
}

const char *
questions_problem (const struct questions *questions)
{
  return questions->problem;
}

/* ---- answers ---- */

void
questions_answer (struct questions *questions, const char *answer)
{
  struct known_question *question = questions->current;
  int length = snprintf (question->answer, sizeof question->answer, "%s\n", answer);
  question->size = (size_t) length;
  question->answered = true;
}

size_t
questions_input (const struct questions *questions, const char **data)
{
  const struct known_question *question = questions->current;
  if (question == NULL || !question->answered)
    return 0;
  *data = question->answer + questions->sent;
  return question->size - questions->sent;
}

void
questions_sent (struct questions *questions, size_t size)
{
  questions->sent += size;
  if (questions->sent == questions->current->size)
    questions->current = NULL;
}
