/* longreach-askpass QUESTION: ask the program that started what asks this.

   ssh and sudo run it, as $SSH_ASKPASS and $SUDO_ASKPASS say, when they need a password or the
   like; longreach set these, and listens.  The answer goes to standard output.  Status 1, with
   nothing written, is a refusal, also where nobody listens.  */

#include "core/prompt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool
is_secret (const char *question)
{
  const char *kind = getenv ("SSH_ASKPASS_PROMPT");
  return !(kind != NULL && strcmp (kind, "confirm") == 0) && prompt_is_secret (question);
}

/* A socket to who listens as NAME; -1: nobody.  */
static int
reach (const char *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  size_t length = strlen (name);
  if (length == 0 || length >= sizeof address.sun_path)
    return -1;
  memcpy (address.sun_path + 1, name, length);
  int fd = socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  socklen_t size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 + length);
  return fd >= 0 && connect (fd, (struct sockaddr *) &address, size) == 0 ? fd : -1;
}

static bool
send_question (int fd, const char *question)
{
  char packet[1 + PROMPT_QUESTION_MAX];
  size_t length = strnlen (question, PROMPT_QUESTION_MAX);
  packet[0] = is_secret (question) ? PROMPT_SECRET : PROMPT_PLAIN;
  memcpy (packet + 1, question, length);
  return send (fd, packet, 1 + length, MSG_NOSIGNAL) == (ssize_t) (1 + length);
}

/* Pass the answer on.  */
static bool
print_answer (int fd)
{
  char answer[PROMPT_ANSWER_MAX + 1];
  ssize_t got = recv (fd, answer, sizeof answer, 0);
  bool printed = got > 0 && write (STDOUT_FILENO, answer, (size_t) got) == got;
  explicit_bzero (answer, sizeof answer);
  return printed;
}

int
main (int argc, char **argv)
{
  const char *name = getenv (PROMPT_VARIABLE);
  const char *kind = getenv ("SSH_ASKPASS_PROMPT");
  /* What only informs, as "touch your security key" does, waits for no answer.  */
  if (kind != NULL && strcmp (kind, "none") == 0)
    return 0;
  int fd = name == NULL ? -1 : reach (name);
  return fd >= 0 && send_question (fd, argc > 1 ? argv[1] : "") && print_answer (fd) ? 0 : 1;
}
