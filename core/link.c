#include "core/link.h"

#include "core/destination.h"
#include "core/error.h"
#include "core/questions.h"
#include "core/relay.h"
#include "core/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum
{
  PIECES_MAX = 16,
  WRITES_MAX = 16,       /* at a time: others have their turn too */
  QUOTE_SIZE = 400,      /* bytes of stderr that an error message quotes */
  END_GRACE = 7000,      /* milliseconds: a dispatcher ends its commands within five seconds */
  TERMINATE_WAIT = 1000, /* milliseconds between SIGTERM and SIGKILL, when it has had those */
  REASON_WAIT = 200,     /* milliseconds: what a far side that does wrong may still say on stderr */
  END_WAIT = 1000,       /* milliseconds: for the status of one that has closed its output */
  SILENCE = 100,         /* milliseconds: what looks like a question may be half a line */
  CLEAN_WAIT = 10000,    /* milliseconds: to remove a file */
  LAST_WORDS = 2000,     /* milliseconds that a far side has which takes nothing any more */
  AFTER_OUTER = 50,      /* milliseconds: the link before comes first */
  LEASE_PARTS = 3,       /* of a lease: after each something is said */
};

static int start_attempt (struct link *link, struct lr_error *error);
static void attempt_has_ended (struct link *link);
static void clean_up (struct link *link);
static void tell_ended (struct link *link);

/* ---- names ---- */

void
link_blame (const struct link *link, struct lr_error *error)
{
  error_add_hop (error, link->settings.index, link->host);
}

/* ---- why it failed ---- */

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The end of TEXT, as one line that is fit for a message: without a final stop.  */
static void
quote_tail (const char *text, size_t length, char *buffer, size_t size)
{
  char line[QUOTE_SIZE];
  while (length > 0 && (is_blank (text[length - 1]) || text[length - 1] == '.'))
    length--;
  for (; length > 0 && is_blank (text[0]); length--)
    text++;
  if (length > sizeof line)
    {
      text += length - sizeof line;
      length = sizeof line;
    }
  for (size_t i = 0; i < length; i++)
    line[i] = (char) (text[i] == '\n' ? ';' : text[i] == '\r' || text[i] == '\t' ? ' ' : text[i]);
  text_escape (buffer, size, line, length);
}

/* What the far side said that was no answer: on stderr, or before a banner that never came, as
   where a program uses its output for its own words too.  */
static const char *
last_words (const struct link *link, size_t *size)
{
  const struct transport *transport = &link->transport;
  *size = transport->tail_size;
  if (transport->tail[strspn (transport->tail, " \t\r\n")] != '\0' || link->session == NULL
      || link->reached)
    return transport->tail;
  return session_noise (link->session, size);
}

static void
quote (const struct link *link, char *buffer, size_t size)
{
  size_t length;
  const char *words = last_words (link, &length);
  quote_tail (words, length, buffer, size);
}

/* How the command ended, as a clause.  */
static void
describe_end (const struct transport *transport, char *buffer, size_t size)
{
  if (transport->made_to_end || (!transport->status_known && !transport_has_ended (transport)))
    snprintf (buffer, size, "it closed its output, and went on");
  else if (!transport->status_known)
    snprintf (buffer, size, "it ended");
  else if (transport->status < 0)
    snprintf (buffer, size, "it was ended by signal %d", -transport->status);
  else
    snprintf (buffer, size, "it ended with status %d", transport->status);
}

/* What the connector has to say of how the transport has ended.  */
static void
explain (const struct link *link, lr_text *explanation)
{
  const struct transport *transport = &link->transport;
  const struct lr_hop *hop = link->settings.hop;
  size_t size;
  const char *words = last_words (link, &size);
  if (transport->status_known && !transport->made_to_end && hop->connector->explain != NULL)
    hop->connector->explain (hop, transport->status, words, explanation);
}

/* The transport has ended: find the reason.  */
static void
find_reason (struct link *link)
{
  const struct transport *transport = &link->transport;
  struct lr_error *reason = &link->reason;
  char said[4 * QUOTE_SIZE + 1], end[64];
  lr_text explanation = { NULL };
  quote (link, said, sizeof said);
  describe_end (transport, end, sizeof end);
  const char *colon = said[0] == '\0' ? "" : "; it said: ";
  const char *unasked = link->unasked && !link->reached
                            ? "; what is asked there can't be passed on, since the dispatcher of "
                              "the hop before is of an older version"
                            : "";
  const char *why = link->bootstrap == NULL ? NULL : bootstrap_problem (link->bootstrap);
  if (link->problem == NULL && why == NULL)
    explain (link, &explanation);
  if (link->problem == NULL && transport->unstarted)
    error_set (reason, LR_ERROR_IO, "%s: on the hop before: %s", link->host, said);
  else if (explanation.data != NULL)
    error_set (reason, LR_ERROR_IO, "%s: %s%s", link->host, explanation.data, unasked);
  else if (link->problem != NULL || why != NULL)
    error_set (reason, LR_ERROR_IO, "%s: %s%s%s%s", link->host,
               link->problem != NULL ? link->problem : why, colon, said, unasked);
  else
    error_set (reason, LR_ERROR_IO, "%s: the dispatcher is gone: %s%s%s%s", link->host, end, colon,
               said, unasked);
  reason->errnum = transport->errnum;
  if (link->late)
    {
      reason->kind = link->reached ? LR_ERROR_IO : LR_ERROR_TIMEOUT;
      reason->errnum = ETIMEDOUT;
    }
  link_blame (link, reason);
  text_free (&explanation);
}

const struct bootstrap_facts *
link_facts (const struct link *link)
{
  return link->bootstrap == NULL ? &link->facts : bootstrap_facts (link->bootstrap);
}

static void
forget_bootstrap (struct link *link)
{
  link->facts = *link_facts (link);
  bootstrap_free (link->bootstrap);
  link->bootstrap = NULL;
}

static void
stop_asking (struct link *link)
{
  loop_clear_timer (&link->silence);
  prompter_free (link->prompter);
  link->prompter = NULL;
  questions_free (link->questions);
  link->questions = NULL;
}

void
link_fail_requests (struct link *link, const struct lr_error *reason)
{
  if (link->session != NULL)
    session_fail (link->session, reason);
  else
    plain_client_fail (&link->client, reason);
}

/* The reason is known.  */
static void
fail (struct link *link)
{
  if (link->phase == LINK_BROKEN)
    return;
  link->phase = LINK_BROKEN;
  if (!link->reached)
    link->settled_at = loop_now ();
  stop_asking (link);
  loop_clear_timer (&link->patience);
  loop_clear_timer (&link->alive);
  loop_clear_timer (&link->lease);
  link->settings.hooks->broken (link->settings.context, link);
  link_fail_requests (link, &link->reason);
}

static void
reason_is_known (void *context)
{
  struct link *link = context;
  loop_clear_timer (&link->patience);
  if (link->phase == LINK_BROKEN)
    return;
  find_reason (link);
  fail (link);
}

/* Begin to end the transport.  PROBLEM, which is copied, is what the far side did wrong; NULL: it
   ended, and how is yet to be seen.  */
void
link_break (struct link *link, const char *problem)
{
  if (link->phase >= LINK_ENDING)
    return;
  link->phase = LINK_ENDING;
  link->problem = problem == NULL ? NULL : strdup (problem);
  stop_asking (link); /* PROBLEM may be among what that frees */
  loop_clear_timer (&link->alive);
  loop_clear_timer (&link->lease);
  if (problem == NULL)
    {
      loop_set_timer (link->settings.loop, &link->patience, loop_later (END_WAIT), reason_is_known,
                      link);
      transport_end (&link->transport, link->reached ? END_GRACE : END_WAIT, TERMINATE_WAIT);
      return;
    }
  /* A dispatcher that is sent SIGTERM ends its commands first.  Nobody waits for that.  */
  loop_set_timer (link->settings.loop, &link->patience, loop_later (REASON_WAIT), reason_is_known,
                  link);
  transport_end (&link->transport, 0, link->reached ? END_GRACE : TERMINATE_WAIT);
}

/* The same, where all that the far side may still say is how it was ended.  */
static void
break_silently (struct link *link, const char *problem)
{
  link->transport.unheard = true;
  link_break (link, problem);
}

void
link_is_late (struct link *link, uint64_t milliseconds)
{
  char problem[256];
  const char *progress = link->bootstrap == NULL ? NULL : bootstrap_progress (link->bootstrap);
  snprintf (problem, sizeof problem, "no dispatcher has answered within %llu milliseconds%s%s",
            (unsigned long long) milliseconds, progress == NULL ? "" : ": ",
            progress == NULL ? "" : progress);
  link->late = true;
  break_silently (link, problem);
}

static void
break_protocol (struct link *link, const char *problem)
{
  char text[512];
  snprintf (text, sizeof text, "the dispatcher does not keep the protocol: %s", problem);
  break_silently (link, text);
}

static void
transport_is_over (void *context)
{
  struct link *link = context;
  link->transport_ended = true;
  if (!link->closing && link->attempt_over && link->phase == LINK_OPENING)
    {
      attempt_has_ended (link);
      return;
    }
  if (link->closing)
    clean_up (link);
  else
    reason_is_known (link);
  tell_ended (link);
}

/* What it leads through is gone.  */
static void
transport_is_lost (void *context, const struct lr_error *error)
{
  struct link *link = context;
  link->transport_ended = true;
  link->reason = *error;
  fail (link);
  tell_ended (link);
}

/* ---- moving bytes ---- */

/* An answer that the program on the way waits for; 0: none.  */
static size_t
answer_output (const struct link *link, const char **data)
{
  return link->questions == NULL ? 0 : questions_input (link->questions, data);
}

/* What has to be sent before there is a dispatcher; 0: nothing.  */
static size_t
bootstrap_output (const struct link *link, const char **data)
{
  return link->bootstrap == NULL ? 0 : bootstrap_input (link->bootstrap, data);
}

static int
output (struct link *link, struct iovec *pieces)
{
  const char *data;
  size_t size = answer_output (link, &data);
  if (size == 0)
    size = bootstrap_output (link, &data);
  if (size > 0)
    {
      pieces[0] = (struct iovec){ (char *) data, size };
      return 1;
    }
  return link->session != NULL ? session_output (link->session, pieces)
                               : plain_client_output (&link->client, pieces, PIECES_MAX);
}

static void
note_life (struct link *link)
{
  link->last_life = loop_roughly_now ();
  link->asked = false;
}

static void
sent (struct link *link, size_t size)
{
  int64_t now = loop_roughly_now ();
  const char *data;
  if (answer_output (link, &data) > 0)
    questions_sent (link->questions, size);
  else if (bootstrap_output (link, &data) > 0)
    bootstrap_sent (link->bootstrap, size);
  else if (link->session != NULL)
    session_sent (link->session, size, now - link->sent_at);
  else
    plain_client_sent (&link->client, size);
  link->sent_at = link->spoke_at = now;
}

static void
last_words_are_over (void *context)
{
  link_break (context, "the dispatcher takes no more requests");
}

/* A far side that takes no more may still have said why: the end is read, not guessed.  */
static void
stop_sending (struct link *link)
{
  transport_close_input (&link->transport);
  if (link->phase == LINK_OPEN)
    loop_set_timer (link->settings.loop, &link->patience, loop_later (LAST_WORDS),
                    last_words_are_over, link);
}

static void
send_some (struct link *link)
{
  struct iovec pieces[PIECES_MAX];
  const char *data;
  int count = 0;
  ssize_t wrote = 1;
  if (!transport_has_input (&link->transport))
    return;
  for (int i = 0; i < WRITES_MAX && wrote > 0; i++)
    {
      count = output (link, pieces);
      if (count == 0)
        break;
      wrote = answer_output (link, &data) > 0 ? transport_answer (&link->transport, pieces)
                                              : transport_write (&link->transport, pieces, count);
      if (wrote > 0)
        sent (link, (size_t) wrote);
      else if (wrote < 0)
        stop_sending (link);
    }
  transport_want_write (&link->transport, count > 0);
  if (count > 0)
    return;
  link->sent_at = loop_roughly_now ();
  link->settings.hooks->drained (link->settings.context, link);
  if (link->bootstrap != NULL && bootstrap_is_pushing (link->bootstrap))
    transport_close_input (&link->transport);
}

static void
flush (void *context)
{
  struct link *link = context;
  if (link->phase > LINK_OPEN || link->attempt_over)
    return;
  bool no_memory =
      link->session != NULL ? session_no_memory (link->session) : link->client.no_memory;
  if (no_memory)
    link_break (link, "there is no memory to go on");
  else
    send_some (link);
}

void
link_flush_soon (struct link *link)
{
  if (link->phase > LINK_OPEN)
    return;
  /* Nobody may come to step a loop of its own.  */
  if (link->settings.owns_loop && !loop_is_stepping (link->settings.loop))
    flush (link);
  else
    loop_add_task (link->settings.loop, &link->flush, flush, link);
}

/* Its output has ended.  Before there is a dispatcher that may not be the end of everything.  */
static void
output_has_ended (void *context)
{
  struct link *link = context;
  if (link->phase != LINK_OPENING || link->bootstrap == NULL)
    {
      link_break (link, NULL);
      return;
    }
  link->attempt_over = true;
  transport_end (&link->transport, END_WAIT, TERMINATE_WAIT);
}

static void
receive (void *context, const char *data, size_t size)
{
  struct link *link = context;
  char problem[256];
  if (link->bootstrap != NULL && bootstrap_is_pushing (link->bootstrap))
    return;
  note_life (link);
  bool fine = link->session != NULL
                  ? session_receive (link->session, data, size, problem, sizeof problem)
                  : plain_client_receive (&link->client, data, size, problem, sizeof problem);
  if (!fine && link->session != NULL && !link->reached)
    link_break (link, problem);
  else if (!fine)
    break_protocol (link, problem);
  else
    link_flush_soon (link);
}

/* Somebody has read what was in the way: that too is a sign of life.  That bytes were taken at all
   is none; a pipe takes them.  */
static void
go_on_sending (void *context, bool progress)
{
  if (progress)
    note_life (context);
  flush (context);
}

/* ---- questions on the program's own streams, or at its terminal ---- */

static void
take_answer (void *context, const char *answer)
{
  struct link *link = context;
  if (answer == NULL)
    break_silently (link, "nobody has answered what was asked on the way there");
  else if (link->questions != NULL)
    {
      questions_answer (link->questions, answer);
      link_flush_soon (link);
    }
}

static void
ask (struct link *link)
{
  const char *text = questions_text (link->questions);
  if (link->prompter == NULL)
    link_break (link, text);
  else if (!prompter_ask (link->prompter, text, take_answer, link))
    link_break (link, "there is no memory to ask what is asked on the way there");
}

/* Whether it can be a program on the way that says something.  Once the far side reads, it is none
   any more, unless it has a terminal, where the far side says nothing.  */
static bool
is_on_the_way (const struct link *link)
{
  return link->questions != NULL && link->phase == LINK_OPENING && !link->attempt_over
         && (questions_are_at_terminal (link->questions) || !bootstrap_has_begun (link->bootstrap));
}

static void
take_question (void *context)
{
  struct link *link = context;
  if (!is_on_the_way (link))
    return;
  transport_forget_tail (&link->transport);
  switch (questions_take (link->questions))
    {
    case QUESTION_NONE:
      break;
    case QUESTION_OPEN:
      ask (link);
      break;
    case QUESTION_ANSWERED:
      link_flush_soon (link);
      break;
    case QUESTION_AGAIN:
      break_silently (link, questions_problem (link->questions));
      break;
    }
}

static void
hear (void *context, const char *data, size_t size, bool at_terminal)
{
  struct link *link = context;
  if (!is_on_the_way (link))
    return;
  note_life (link);
  if (at_terminal != questions_are_at_terminal (link->questions))
    return;
  if (questions_hear (link->questions, data, size))
    loop_set_timer (link->settings.loop, &link->silence, loop_later (SILENCE), take_question, link);
  else
    loop_clear_timer (&link->silence);
}

static const struct transport_hooks transport_hooks = {
  receive, output_has_ended, transport_is_over, go_on_sending, transport_is_lost, hear,
};

/* ---- signs of life ---- */

/* Milliseconds: how long a link with a lease may be silent at most.  */
static int64_t
lease_part (const struct link *link)
{
  return (int64_t) link->settings.lease * 1000 / LEASE_PARTS;
}

/* The first link before LINK that was asked and has said nothing since; NULL: there is none.  */
static const struct link *
silent_before (const struct link *link)
{
  const struct link *silent = NULL;
  for (const struct link *outer = link->settings.outer; outer != NULL;
       outer = outer->settings.outer)
    if (outer->asked)
      silent = outer;
  return silent;
}

static void
look_for_life (void *context)
{
  struct link *link = context;
  uint64_t keep_alive = link->settings.keep_alive;
  int64_t due = link->last_life + (int64_t) keep_alive;
  const struct link *silent = silent_before (link);
  char problem[128];
  if (loop_now () >= due && link->asked && silent != NULL)
    /* What can't be heard through it is not to blame: first it has to be known of that one.  */
    due = silent->last_life + (int64_t) keep_alive + AFTER_OUTER;
  else if (loop_now () >= due && link->asked)
    {
      snprintf (problem, sizeof problem,
                "there was no sign of life from the dispatcher for %llu milliseconds",
                2 * (unsigned long long) keep_alive);
      link->late = true;
      link_break (link, problem);
      return;
    }
  else if (loop_now () >= due)
    {
      session_check_alive (link->session);
      flush (link);
      link->last_life = loop_roughly_now ();
      link->asked = true;
      due = loop_later (keep_alive);
    }
  if (link->phase <= LINK_OPEN)
    loop_set_timer (link->settings.loop, &link->alive, due, look_for_life, link);
}

/* Who has a lease must be heard of, also while there is only something to hear.  */
static void
keep_lease (void *context)
{
  struct link *link = context;
  int64_t interval = lease_part (link), due = link->spoke_at + interval;
  /* What is not sent yet is not said again.  */
  if (loop_now () >= due && link->spoke_at != link->kept_at)
    {
      link->kept_at = link->spoke_at;
      session_check_alive (link->session);
      flush (link);
    }
  if (due <= loop_now ())
    due = loop_later ((uint64_t) interval);
  if (link->phase <= LINK_OPEN)
    loop_set_timer (link->settings.loop, &link->lease, due, keep_lease, link);
}

static void
watch_life (struct link *link)
{
  note_life (link);
  if (link->session != NULL && link->settings.lease > 0)
    loop_set_timer (link->settings.loop, &link->lease, loop_later ((uint64_t) lease_part (link)),
                    keep_lease, link);
  if (link->session != NULL && link->settings.keep_alive != LR_NEVER)
    loop_set_timer (link->settings.loop, &link->alive, loop_later (link->settings.keep_alive),
                    look_for_life, link);
}

/* ---- starting commands ---- */

/* The command as one line, for the log.  */
static void
log_command (const struct link *link, const lr_command *command)
{
  char line[512] = "";
  size_t used = 0;
  for (size_t i = 0; i < command->count && used < sizeof line - 1; i++)
    {
      int length = snprintf (line + used, sizeof line - used, " %s", command->words[i]);
      used += length < 0 ? 0 : (size_t) length;
    }
  log_line (link->settings.log, LR_LOG_INFO, "%s: starting%s", link->host, line);
}

static void
flush_outer (void *context)
{
  link_flush_soon (context);
}

static bool
outer_is_blocked (const void *context)
{
  const struct link *link = context;
  return transport_is_blocked (&link->transport);
}

/* Here, or through the link before.  */
static int
start_command (struct link *link, struct transport *transport, const lr_command *command,
               const struct transport_hooks *hooks, struct lr_error *error)
{
  struct link *outer = link->settings.outer;
  bool at_terminal = link->questions != NULL && questions_are_at_terminal (link->questions);
  char *const *environment = at_terminal              ? questions_terminal_environment
                             : link->prompter == NULL ? NULL
                                                      : prompter_environment (link->prompter);
  log_command (link, command);
  if (outer == NULL)
    return transport_start (transport, link->settings.loop, link->host, command->words, environment,
                            at_terminal, hooks, link, error);
  const struct relay_way way = { outer->session, flush_outer, outer_is_blocked, outer };
  return relay_start (transport, link->settings.loop, &way, command->words, environment,
                      at_terminal, hooks, link, error);
}

/* ---- removing what was pushed, in the background ---- */

static void
drop_output (void *context, const char *data, size_t size)
{
  (void) context;
  (void) data;
  (void) size;
}

static void
nothing_happens (void *context)
{
  (void) context;
}

static void
nothing_is_sent (void *context, bool progress)
{
  (void) context;
  (void) progress;
}

static void
cleaner_has_ended (void *context)
{
  struct link *link = context;
  link->cleaning = false;
  transport_free (&link->cleaner);
  tell_ended (link);
}

static void
cleaner_is_lost (void *context, const struct lr_error *error)
{
  (void) error;
  cleaner_has_ended (context);
}

static const struct transport_hooks cleaner_hooks = {
  drop_output, nothing_happens, cleaner_has_ended, nothing_is_sent, cleaner_is_lost, NULL,
};

/* What was pushed is there, and does not remove itself: another dispatcher removes it, as the user
   who has put it there.  */
static void
clean (struct link *link)
{
  lr_command command = { NULL, 0, 0, NULL, 0 };
  if (bootstrap_clean (link->bootstrap, &command))
    link->cleaning = start_command (link, &link->cleaner, &command, &cleaner_hooks, NULL) == 0;
  if (link->cleaning)
    transport_end (&link->cleaner, CLEAN_WAIT, TERMINATE_WAIT);
  command_free (&command);
}

/* Nothing of the transport is left running.  Where no dispatcher has answered, the one that was
   pushed may be there still.  */
static void
clean_up (struct link *link)
{
  if (link->bootstrap != NULL)
    clean (link);
  forget_bootstrap (link);
}

/* ---- opening ---- */

static void
log_frame (void *context, char direction, uint32_t channel, const char *packet_name)
{
  const struct link *link = context;
  log_line (link->settings.log, LR_LOG_DEBUG, "%s: %c %s #%lu", link->host, direction, packet_name,
            (unsigned long) channel);
}

static void
log_packet (void *context, char direction, const char *packet_name)
{
  const struct link *link = context;
  log_line (link->settings.log, LR_LOG_DEBUG, "%s: %c %s", link->host, direction, packet_name);
}

static void
plain_has_answered (void *context, struct lr_call *call)
{
  const struct link *link = context;
  link->settings.hooks->plain_answered (link->settings.context, call);
}

void
link_is_reached (struct link *link)
{
  link->reached = true;
  link->settled_at = loop_now ();
  link->phase = LINK_OPEN;
  stop_asking (link);
  transport_forget_tail (&link->transport); /* greetings, and warnings that were none */
  watch_life (link);
  if (link->session != NULL && session_is_unremoved (link->session))
    clean (link);
  forget_bootstrap (link);
  link->settings.hooks->opened (link->settings.context, link);
}

static void
session_has_opened (void *context)
{
  link_is_reached (context);
}

static bool
take_line (void *context, const char *line)
{
  struct link *link = context;
  return link->bootstrap != NULL && bootstrap_take_line (link->bootstrap, line);
}

static const struct session_hooks quiet_hooks = { session_has_opened, NULL, take_line };
static const struct session_hooks logging_hooks = { session_has_opened, log_frame, take_line };

/* Something that nobody else says by chance.  */
static void
make_nonce (char nonce[LINK_NONCE_SIZE + 1])
{
  uint64_t number = 0;
  if (getrandom (&number, sizeof number, 0) != (ssize_t) sizeof number)
    number = (uint64_t) loop_now () << 20 ^ (uint64_t) getpid ();
  snprintf (nonce, LINK_NONCE_SIZE + 1, "%016llx", (unsigned long long) number);
}

static enum question_place
find_place (const struct link *link)
{
  const struct link *outer = link->settings.outer;
  return outer == NULL                            ? PLACE_HERE
         : session_serves_asking (outer->session) ? PLACE_WITH_TERMINAL
                                                  : PLACE_WITHOUT_TERMINAL;
}

/* Let the application be asked what the hop's program asks, if both can.  What is asked on streams
   may be known, and be a reason, also where nobody answers.  */
static int
begin_asking (struct link *link, struct lr_error *error)
{
  struct lr_hop *hop = link->settings.hop;
  unsigned ways = questions_ways (hop, find_place (link));
  bool at_terminal = (ways & ASKS_AT_TERMINAL) != 0;
  hop->may_ask = link->settings.prompt != NULL && ways != 0;
  link->unasked =
      link->settings.prompt != NULL && ways == 0 && questions_ways (hop, PLACE_WITH_TERMINAL) != 0;
  if (((ways & ASKS_ON_STREAMS) != 0 || (at_terminal && hop->may_ask))
      && (link->questions = questions_new (hop, at_terminal)) == NULL)
    return error_no_memory (error);
  if (!hop->may_ask)
    return 0;
  const struct prompter_settings settings = {
    .callback = link->settings.prompt,
    .data = link->settings.prompt_data,
    .host = link->host,
    .hop = link->settings.index,
    .inside = link->settings.prompt_inside,
    .listens = (ways & ASKS_THROUGH_HELPER) != 0,
    .changed = link->settings.asking,
    .context = link->settings.context,
  };
  link->prompter = prompter_new (link->settings.loop, &settings, error);
  return link->prompter == NULL ? -1 : 0;
}

static int
start_attempt (struct link *link, struct lr_error *error)
{
  lr_command command = { NULL, 0, 0, NULL, 0 };
  int status = bootstrap_command (link->bootstrap, &command, error);
  if (link->questions != NULL)
    questions_begin_attempt (link->questions);
  if (status == 0)
    status = start_command (link, &link->transport, &command, &transport_hooks, error);
  command_free (&command);
  link->transport_ended = status != 0;
  if (status == 0)
    link_flush_soon (link);
  return status;
}

/* It has come to no dispatcher: try something else, or give up.  */
static void
attempt_has_ended (struct link *link)
{
  const struct transport *transport = &link->transport;
  lr_text explanation = { NULL };
  size_t size;
  explain (link, &explanation);
  const struct bootstrap_end end = {
    .status_known = transport->status_known && !transport->made_to_end,
    .status = transport->status,
    .said = last_words (link, &size),
    .explained = explanation.data != NULL,
  };
  text_free (&explanation);
  link->attempt_over = false;
  if (transport->unstarted || !bootstrap_go_on (link->bootstrap, &end))
    {
      link->phase = LINK_ENDING;
      reason_is_known (link);
      forget_bootstrap (link); /* what was put there can't be run, and so not removed */
      tell_ended (link);
      return;
    }
  transport_free (&link->transport);
  session_forget_noise (link->session);
  if (start_attempt (link, &link->reason) == 0)
    return;
  link_blame (link, &link->reason);
  fail (link);
  tell_ended (link);
}

int
link_init (struct link *link, const struct link_settings *settings, struct lr_error *error)
{
  bool logs = settings->log->function != NULL;
  const char *protocol = lr_hop_option (settings->hop, "protocol");
  memset (link, 0, sizeof *link);
  link->settings = *settings;
  link->transport_ended = true;
  link->plain = protocol != NULL && strcmp (protocol, "plain") == 0;
  link->host = destination_hop_host (settings->hop);
  make_nonce (link->nonce);
  settings->hop->nonce = link->nonce;
  if (link->plain)
    plain_client_init (&link->client, logs ? log_packet : NULL, plain_has_answered, link);
  else
    link->session =
        session_new (link->nonce, settings->lease, logs ? &logging_hooks : &quiet_hooks, link);
  if (link->host == NULL || (!link->plain && link->session == NULL))
    return error_no_memory (error);
  if (link->session != NULL)
    session_hold (link->session);
  return 0;
}

int
link_open (struct link *link, struct lr_error *error)
{
  const struct link_settings *settings = &link->settings;
  link->opened_at = loop_now ();
  link->bootstrap = bootstrap_new (settings->hop, link->plain ? NULL : link->nonce,
                                   settings->on_this_system, error);
  if (link->bootstrap == NULL || begin_asking (link, error) != 0)
    return -1;
  return start_attempt (link, error);
}

/* ---- the end ---- */

bool
link_has_ended (const struct link *link)
{
  return link->transport_ended && !link->cleaning;
}

static void
tell_ended (struct link *link)
{
  if (link_has_ended (link))
    link->settings.hooks->ended (link->settings.context, link);
}

void
link_close (struct link *link)
{
  bool answered =
      link->phase == LINK_OPEN || (link->session != NULL && session_is_open (link->session));
  bool pushed = link->bootstrap != NULL && bootstrap_has_pushed (link->bootstrap);
  link->closing = true;
  stop_asking (link);
  if (link->transport_ended)
    {
      clean_up (link);
      return;
    }
  if (link->phase <= LINK_OPEN)
    {
      if (link->session != NULL)
        session_exit (link->session);
      else
        plain_client_exit (&link->client);
      if (!link->attempt_over)
        send_some (link);
    }
  bool broken = link->phase == LINK_BROKEN;
  link->phase = LINK_ENDING;
  loop_clear_timer (&link->patience);
  loop_clear_timer (&link->alive);
  loop_clear_timer (&link->lease);
  transport_end (&link->transport, answered ? END_GRACE : pushed ? CLEAN_WAIT : 0, TERMINATE_WAIT);
  if (broken)
    transport_hurry (&link->transport, link->reached ? END_GRACE : TERMINATE_WAIT);
}

void
link_free (struct link *link)
{
  if (link->settings.loop == NULL)
    return;
  stop_asking (link);
  loop_clear_timer (&link->patience);
  loop_clear_timer (&link->alive);
  loop_clear_timer (&link->lease);
  loop_remove_task (link->settings.loop, &link->flush);
  if (link->transport.hooks != NULL)
    transport_free (&link->transport);
  if (link->plain)
    plain_client_free (&link->client);
  session_free (link->session);
  forget_bootstrap (link);
  free (link->problem);
  free (link->host);
}
