#include "core/questions.h"

#include "core/prompt.h"
#include "core/text.h"
#include "core/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SAID_MAX = 1024, /* bytes of what was said last */
  QUESTIONS_MAX = 4,
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
  char said[SAID_MAX + 1]; /* since the last question */
  size_t said_size;
  struct known_question known[QUESTIONS_MAX];
  size_t count;
  struct known_question *current; /* it is open, or its answer is being sent; NULL: none */
  size_t sent;                    /* of that */
};

unsigned
questions_ways (const lr_hop *hop, bool is_first)
{
  uint32_t flags = hop->connector->flags;
  const char *protocol = lr_hop_option (hop, "protocol");
  bool plain = protocol != NULL && strcmp (protocol, "plain") == 0;
  bool itself =
      hop->connector->prompt != NULL && !plain && (is_first || (flags & LR_AT_TERMINAL) == 0);
  return (is_first && (flags & LR_ASKS) != 0 ? ASKS_THROUGH_HELPER : 0)
         | (itself ? ASKS_ITSELF : 0);
}

struct questions *
questions_new (const lr_hop *hop)
{
  struct questions *questions = calloc (1, sizeof *questions);
  if (questions != NULL)
    questions->hop = hop;
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
      return QUESTION_AGAIN;
    }
  if (question->answered)
    return QUESTION_AGAIN;
  questions->current = question;
  questions->sent = 0;
  if (question->size == 0)
    return QUESTION_OPEN;
  question->answered = true;
  return QUESTION_ANSWERED;
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
