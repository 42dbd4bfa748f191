/* A question is in one of three states: it is being received; its callback is queued; the
   application has it, and owns it until it is answered.  Its descriptor is watched all that time,
   because the program that asks may go; one that was asked by prompter_ask has none.  */

#include "core/prompt.h"

#include "core/error.h"
#include "core/lift.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum
{
  OPEN_MAX = 8,   /* questions of one prompter at a time; programs ask one after the other */
  NAME_SIZE = 48, /* "longreach-" and 128 bits in hexadecimal */
};

enum
{
  VARIABLE_SSH_ASKPASS,
  VARIABLE_SUDO_ASKPASS,
  VARIABLE_REQUIRE,
  VARIABLE_PROMPT,
  VARIABLES,
};

struct lr_prompt
{
  struct prompter *prompter; /* borrowed; NULL: gone, and nobody waits for the answer */
  struct lr_prompt *next;
  struct loop_watch watch;     /* the asking program; not watched: gone, or ANSWERED waits */
  prompter_answered *answered; /* NULL: a program waits */
  void *context;               /* for that */
  struct loop_call call;
  bool told; /* it is the application's */
  bool secret;
  int hop;
  char *host; /* owned */
  char *text; /* owned; NULL: not received yet */
};

struct prompter
{
  lr_loop *loop;
  struct prompter_settings settings;
  char *host; /* owned */
  struct loop_watch listener;
  char *variables[VARIABLES + 1]; /* owned */
  struct lr_prompt *prompts;
  size_t count;
  bool asking;   /* what was said to `changed` last */
  char *refused; /* owned: the last question that was; NULL: none */
};

/* ---- one question ---- */

/* The program that asks is not waited for, or not there, any more.  */
static void
hang_up (struct lr_prompt *prompt)
{
  if (prompt->watch.loop == NULL)
    return;
  loop_unwatch (&prompt->watch);
  close (prompt->watch.fd);
  prompt->watch = (struct loop_watch){ .fd = -1 };
}

static void
free_prompt (struct lr_prompt *prompt)
{
  hang_up (prompt);
  free (prompt->text);
  free (prompt->host);
  free (prompt);
}

static bool
is_awaited (const struct lr_prompt *prompt)
{
  return prompt->watch.loop != NULL || prompt->answered != NULL;
}

static void
tell_change (struct prompter *prompter)
{
  bool asking = false;
  for (const struct lr_prompt *prompt = prompter->prompts; prompt != NULL; prompt = prompt->next)
    asking = asking || (prompt->text != NULL && is_awaited (prompt));
  if (asking == prompter->asking)
    return;
  prompter->asking = asking;
  prompter->settings.changed (prompter->settings.context, asking);
}

static void
unlist (struct prompter *prompter, struct lr_prompt *prompt)
{
  struct lr_prompt **place = &prompter->prompts;
  while (*place != prompt)
    place = &(*place)->next;
  *place = prompt->next;
  prompt->next = NULL;
  prompter->count--;
}

static void
take_back_call (struct lr_prompt *prompt)
{
  if (prompt->prompter->settings.inside)
    loop_remove_task (prompt->prompter->loop, &prompt->call);
  else
    loop_remove_notice (prompt->prompter->loop, &prompt->call);
}

/* Forget a question that the application has not got.  */
static void
drop (struct lr_prompt *prompt)
{
  take_back_call (prompt);
  unlist (prompt->prompter, prompt);
  free_prompt (prompt);
}

static void
call_application (void *context)
{
  struct lr_prompt *prompt = context;
  prompt->told = true;
  prompt->prompter->settings.callback (prompt->prompter->settings.data, prompt);
}

static void
call_application_inside (void *context)
{
  const struct lr_prompt *prompt = context;
  loop_call_back (prompt->prompter->loop, call_application, context);
}

static void
ask_application (struct lr_prompt *prompt)
{
  struct prompter *prompter = prompt->prompter;
  if (prompter->settings.inside)
    loop_add_task (prompter->loop, &prompt->call, call_application_inside, prompt);
  else
    loop_add_notice (prompter->loop, &prompt->call, call_application, prompt);
}

/* Take in the question.  False: it is none, or the program has gone, or it can't be kept, or it was
   refused before.  */
static bool
receive_question (struct lr_prompt *prompt)
{
  char packet[1 + PROMPT_QUESTION_MAX + 1];
  ssize_t got = recv (prompt->watch.fd, packet, sizeof packet, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return true;
  bool is_question = got >= 1 && got < (ssize_t) sizeof packet
                     && (packet[0] == PROMPT_SECRET || packet[0] == PROMPT_PLAIN)
                     && memchr (packet, '\0', (size_t) got) == NULL;
  if (!is_question)
    return false;
  packet[got] = '\0';
  const char *refused = prompt->prompter->refused;
  if (refused != NULL && strcmp (refused, packet + 1) == 0)
    return false;
  prompt->secret = packet[0] == PROMPT_SECRET;
  prompt->text = strdup (packet + 1);
  return prompt->text != NULL;
}

static void
prompt_ready (void *context, uint32_t events)
{
  struct lr_prompt *prompt = context;
  struct prompter *prompter = prompt->prompter;
  (void) events;
  if (prompt->text != NULL)
    {
      /* Nothing more is to come but its end.  */
      if (prompt->told)
        hang_up (prompt);
      else
        drop (prompt);
    }
  else if (!receive_question (prompt))
    drop (prompt);
  else if (prompt->text != NULL)
    ask_application (prompt);
  tell_change (prompter);
}

const char *
lr_prompt_text (const lr_prompt *prompt)
{
  return prompt->text;
}

const char *
lr_prompt_host (const lr_prompt *prompt)
{
  return prompt->host;
}

int
lr_prompt_hop (const lr_prompt *prompt)
{
  return prompt->hop;
}

int
lr_prompt_is_secret (const lr_prompt *prompt)
{
  return prompt->secret;
}

static void
note_refusal (struct prompter *prompter, struct lr_prompt *prompt)
{
  free (prompter->refused);
  prompter->refused = prompt->text;
  prompt->text = NULL;
}

void
lr_prompt_answer (lr_prompt *prompt, const char *answer)
{
  struct prompter *prompter = prompt->prompter;
  prompter_answered *answered = prompter == NULL ? NULL : prompt->answered;
  void *context = prompt->context;
  bool refused =
      answer == NULL || strlen (answer) > PROMPT_ANSWER_MAX || strpbrk (answer, "\r\n") != NULL;
  if (!refused && prompt->watch.loop != NULL)
    {
      char packet[PROMPT_ANSWER_MAX + 2];
      size_t length = (size_t) snprintf (packet, sizeof packet, "%s\n", answer);
      /* An empty socket has room for it; and whether the program still listens, it knows best.  */
      ssize_t ignored = send (prompt->watch.fd, packet, length, MSG_NOSIGNAL | MSG_DONTWAIT);
      (void) ignored;
      explicit_bzero (packet, sizeof packet);
    }
  if (prompter != NULL)
    {
      unlist (prompter, prompt);
      if (refused && answered == NULL)
        note_refusal (prompter, prompt);
      tell_change (prompter);
    }
  free_prompt (prompt);
  /* Last, for the prompter may be gone after this.  */
  if (answered != NULL)
    answered (context, refused ? NULL : answer);
}

/* ---- who asks ---- */

static bool
is_this_user (int fd)
{
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid ();
}

static struct lr_prompt *
new_prompt (struct prompter *prompter)
{
  struct lr_prompt *prompt = calloc (1, sizeof *prompt);
  if (prompt == NULL)
    return NULL;
  prompt->watch.fd = -1;
  prompt->prompter = prompter;
  prompt->hop = prompter->settings.hop;
  prompt->host = strdup (prompter->host);
  if (prompt->host != NULL)
    return prompt;
  free (prompt);
  return NULL;
}

static void
list_prompt (struct lr_prompt *prompt)
{
  struct prompter *prompter = prompt->prompter;
  prompt->next = prompter->prompts;
  prompter->prompts = prompt;
  prompter->count++;
}

static bool
add_prompt (struct prompter *prompter, int fd)
{
  struct lr_prompt *prompt = new_prompt (prompter);
  if (prompt == NULL)
    return false;
  if (loop_watch (prompter->loop, &prompt->watch, fd, prompt_ready, prompt) != 0)
    {
      free_prompt (prompt);
      return false;
    }
  loop_set_events (&prompt->watch, EPOLLIN);
  list_prompt (prompt);
  return true;
}

bool
prompter_ask (struct prompter *prompter, const char *text, prompter_answered *answered,
              void *context)
{
  struct lr_prompt *prompt = new_prompt (prompter);
  if (prompt == NULL || (prompt->text = strdup (text)) == NULL)
    {
      if (prompt != NULL)
        free_prompt (prompt);
      return false;
    }
  prompt->secret = prompt_is_secret (text);
  prompt->answered = answered;
  prompt->context = context;
  list_prompt (prompt);
  ask_application (prompt);
  tell_change (prompter);
  return true;
}

static void
somebody_comes (void *context, uint32_t events)
{
  struct prompter *prompter = context;
  (void) events;
  int fd =
      lift_descriptor (accept4 (prompter->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd < 0)
    return;
  if (prompter->count >= OPEN_MAX || !is_this_user (fd) || !add_prompt (prompter, fd))
    close (fd);
}

/* NAME cannot be guessed, so that nobody can be there first.  0, or an errno.  */
static int
make_name (char name[NAME_SIZE])
{
  unsigned char bytes[16];
  if (getrandom (bytes, sizeof bytes, 0) != (ssize_t) sizeof bytes)
    return errno;
  int length = snprintf (name, NAME_SIZE, "longreach-");
  for (size_t i = 0; i < sizeof bytes; i++)
    length += snprintf (name + length, NAME_SIZE - (size_t) length, "%02x", bytes[i]);
  return 0;
}

/* Returns an errno.  */
static int
listen_at (struct prompter *prompter, const char *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  size_t length = strlen (name);
  memcpy (address.sun_path + 1, name, length);
  int fd = lift_descriptor (socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd < 0)
    return errno;
  int errnum = bind (fd, (struct sockaddr *) &address,
                     (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 + length))
                           != 0
                       || listen (fd, OPEN_MAX) != 0
                   ? errno
                   : loop_watch (prompter->loop, &prompter->listener, fd, somebody_comes, prompter);
  if (errnum != 0)
    close (fd);
  else
    loop_set_events (&prompter->listener, EPOLLIN);
  return errnum;
}

/* Where longreach-askpass is, in memory the caller frees; the environment can name it, as the build
   tree does.  */
static char *
find_helper (void)
{
  const char *given = secure_getenv ("LONGREACH_ASKPASS");
  if (given != NULL && given[0] == '/')
    return strdup (given);
  return strdup (DISPATCHER_DIRECTORY "/longreach-askpass");
}

static bool
make_variables (struct prompter *prompter, const char *name)
{
  char *helper = find_helper ();
  if (helper == NULL)
    return false;
  static const char *const names[VARIABLES] = {
    [VARIABLE_SSH_ASKPASS] = "SSH_ASKPASS",
    [VARIABLE_SUDO_ASKPASS] = "SUDO_ASKPASS",
    [VARIABLE_REQUIRE] = "SSH_ASKPASS_REQUIRE",
    [VARIABLE_PROMPT] = PROMPT_VARIABLE,
  };
  const char *const values[VARIABLES] = { helper, helper, "force", name };
  bool made = true;
  for (int i = 0; i < VARIABLES && made; i++)
    {
      made = asprintf (&prompter->variables[i], "%s=%s", names[i], values[i]) >= 0;
      if (!made)
        prompter->variables[i] = NULL;
    }
  free (helper);
  return made;
}

struct prompter *
prompter_new (lr_loop *loop, const struct prompter_settings *settings, struct lr_error *error)
{
  char name[NAME_SIZE];
  struct prompter *prompter = calloc (1, sizeof *prompter);
  if (prompter == NULL)
    {
      error_no_memory (error);
      return NULL;
    }
  prompter->loop = loop;
  prompter->settings = *settings;
  prompter->host = strdup (settings->host);
  int errnum = settings->listens ? make_name (name) : 0;
  if (settings->listens && errnum == 0)
    errnum = listen_at (prompter, name);
  if (errnum != 0)
    error_set_errno (error, LR_ERROR_IO, errnum, "%s: cannot make a socket for questions: %s",
                     settings->host, strerror (errnum));
  else if (prompter->host == NULL || (settings->listens && !make_variables (prompter, name)))
    error_no_memory (error);
  else
    return prompter;
  prompter_free (prompter);
  return NULL;
}

char *const *
prompter_environment (const struct prompter *prompter)
{
  return prompter->settings.listens ? prompter->variables : NULL;
}

void
prompter_free (struct prompter *prompter)
{
  if (prompter == NULL)
    return;
  for (struct lr_prompt *prompt = prompter->prompts, *next; prompt != NULL; prompt = next)
    {
      next = prompt->next;
      take_back_call (prompt);
      hang_up (prompt);
      prompt->prompter = NULL;
      if (!prompt->told)
        free_prompt (prompt);
    }
  if (prompter->listener.loop != NULL)
    {
      loop_unwatch (&prompter->listener);
      close (prompter->listener.fd);
    }
  for (int i = 0; i < VARIABLES; i++)
    free (prompter->variables[i]);
  free (prompter->refused);
  free (prompter->host);
  free (prompter);
}
