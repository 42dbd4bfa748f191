/* A link: the way to one hop's dispatcher, and what is spoken over it.

   It goes through these phases, and never back:

   - LINK_OPENING: the far side is being brought to run a dispatcher, in as many attempts as that
     takes.
   - LINK_OPEN.
   - LINK_ENDING: its transport is being ended, because something failed or it is being closed.
   - LINK_BROKEN: the reason is known.

   The first link of a connection starts its command here, each other one through the link before
   it.  */

#ifndef CORE_LINK_H
#define CORE_LINK_H

#include "core/bootstrap.h"
#include "core/log.h"
#include "core/plain_client.h"
#include "core/prompt.h"
#include "core/session.h"
#include "core/transport.h"
#include "core/url.h"

enum link_phase
{
  LINK_OPENING,
  LINK_OPEN,
  LINK_ENDING,
  LINK_BROKEN,
};

struct link;

/* What a link tells its connection.  */
struct link_hooks
{
  void (*opened) (void *context, struct link *link);  /* the dispatcher has answered */
  void (*broken) (void *context, struct link *link);  /* its reason says why */
  void (*ended) (void *context, struct link *link);   /* nothing of it runs any more */
  void (*drained) (void *context, struct link *link); /* all there was to be sent is */

  /* A plain one's call is not needed there any more.  */
  void (*plain_answered) (void *context, struct lr_call *call);
};

struct link_settings
{
  lr_loop *loop;
  const struct log *log; /* borrowed */
  struct lr_hop *hop;    /* borrowed */
  int index;             /* of the hop */
  struct link *outer;    /* the one it goes through; NULL: it starts here */
  bool on_this_system;   /* all hops before it lead to this system */
  bool owns_loop;        /* LOOP is the connection's own, which nobody else steps */
  uint32_t lease;
  uint64_t keep_alive; /* milliseconds, or LR_NEVER */

  lr_prompt_callback *prompt; /* NULL: nobody answers questions */
  void *prompt_data;
  bool prompt_inside;                          /* as prompter_settings have it */
  void (*asking) (void *context, bool asking); /* a question is open, or none is any more */

  const struct link_hooks *hooks;
  void *context;
};

enum
{
  LINK_NONCE_SIZE = 16, /* hexadecimal digits */
};

struct link
{
  struct link_settings settings;
  char *host; /* owned */
  char nonce[LINK_NONCE_SIZE + 1];
  enum link_phase phase;

  bool plain;        /* its protocol */
  bool reached;      /* the dispatcher has answered */
  bool attempt_over; /* the transport is being ended for the next attempt */
  bool transport_ended;
  bool cleaning;               /* what a push has left is being removed, through CLEANER */
  bool asked;                  /* for a sign of life */
  bool late;                   /* it is the time that is over */
  bool unasked;                /* it could ask, had the dispatcher before it a terminal for that */
  bool closing;                /* nobody wants to know why any more */
  struct bootstrap *bootstrap; /* owned; NULL: it has reached, or will never reach, one */
  struct prompter *prompter;   /* owned; NULL: questions can't be asked, or no more */
  struct questions *questions; /* owned; NULL: the program asks none by itself, or no more */
  struct loop_timer silence;   /* behind what may be a question, until it is taken for one */
  struct transport transport, cleaner;
  struct session *session;    /* owned; NULL: it is plain */
  struct plain_client client; /* or this */
  struct loop_call flush;
  int64_t sent_at; /* milliseconds; of the last bytes */
  struct loop_timer patience;

  struct loop_timer alive;
  int64_t last_life;

  struct loop_timer lease;   /* until something has to be said, or it runs out */
  int64_t spoke_at, kept_at; /* when bytes were sent last; that, when something was said for it */

  int64_t opened_at, settled_at; /* milliseconds; 0: it was not begun; it is still opening */
  struct bootstrap_facts facts;  /* of the bootstrap that is over */

  char *problem;          /* owned: what the far side did wrong; NULL: it ended */
  struct lr_error reason; /* in LINK_BROKEN */
};

/* Make a link, which can be given requests and is not opened yet.  link_free in any case.  Errors:
   NO_MEMORY.  */
int link_init (struct link *link, const struct link_settings *settings, struct lr_error *error);

/* Begin to open it; it has to end before it is freed if this was successful.  Errors: those of the
   connector, of bootstrap_new, of starting its command.  */
int link_open (struct link *link, struct lr_error *error);

/* Fail all that goes through it, because of REASON.  */
void link_fail_requests (struct link *link, const struct lr_error *reason);

/* The dispatcher of a plain link has answered.  */
void link_is_reached (struct link *link);

/* What is known of the far side.  */
const struct bootstrap_facts *link_facts (const struct link *link);

/* Say of *ERROR whose it is.  */
void link_blame (const struct link *link, struct lr_error *error);

/* There may be something to send: send it before the loop waits next.  */
void link_flush_soon (struct link *link);

/* It has taken too long to open.  */
void link_is_late (struct link *link, uint64_t milliseconds);

/* End it because of PROBLEM, which is copied.  */
void link_break (struct link *link, const char *problem);

/* Ask the dispatcher to end, and then its transport; `ended` is told.  */
void link_close (struct link *link);

/* Whether nothing of it runs any more.  */
bool link_has_ended (const struct link *link);

void link_free (struct link *link);

#endif
