/* The terminal is set before a question is shown, and set back before anything else happens: before
   this program stops, or is ended.  Signals come only while an answer is waited for.  */

#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum
{
  ANSWER_MAX = 1023, /* what the library takes, and ssh */
};

static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };

enum
{
  SIGNALS = sizeof signals / sizeof *signals,
};

static volatile sig_atomic_t came; /* the last one; 0: none */

static int last_hop = -1;
static int given_up;
static lr_prompt *unanswered; /* what was asked then */

/* Questions that were answered, and need not be asked once more; the last is the first.  */
static bool remembering;
static struct remembered
{
  struct remembered *next; /* owned */
  char *host, *text;       /* owned */
  int hop;
  char answer[ANSWER_MAX + 1];
} * remembered;

/* How a question has ended.  */
enum ending
{
  ENDING_ANSWER,
  ENDING_REFUSAL, /* the end of input, or an answer that nobody takes */
  ENDING_SIGNAL,
};

/* ---- signals ---- */

struct caught
{
  struct sigaction before[SIGNALS];
  sigset_t mask; /* before; while an answer is waited for it holds */
};

static void
note (int number)
{
  came = number;
}

/* Those that are ignored stay so.  */
static void
catch_signals (struct caught *caught)
{
  struct sigaction action = { .sa_handler = note };
  sigset_t set;
  sigemptyset (&action.sa_mask);
  sigemptyset (&set);
  came = 0;
  for (size_t i = 0; i < SIGNALS; i++)
    {
      sigaddset (&set, signals[i]);
      sigaction (signals[i], NULL, &caught->before[i]);
    }
  sigprocmask (SIG_BLOCK, &set, &caught->mask);
  for (size_t i = 0; i < SIGNALS; i++)
    if (caught->before[i].sa_handler != SIG_IGN)
      sigaction (signals[i], &action, NULL);
}

static void
release_signals (const struct caught *caught)
{
  for (size_t i = 0; i < SIGNALS; i++)
    sigaction (signals[i], &caught->before[i], NULL);
  sigprocmask (SIG_SETMASK, &caught->mask, NULL);
}

/* ---- the terminal ---- */

static void
set_terminal (int fd, int when, const struct termios *settings)
{
  while (tcsetattr (fd, when, settings) != 0 && errno == EINTR)
    continue;
}

/* Where it comes from is shown first: the question is another program's.  */
static void
show (FILE *terminal, const lr_prompt *prompt)
{
  const char *text = lr_prompt_text (prompt), *host = lr_prompt_host (prompt);
  fputs ("longreach: ", terminal);
  text_print_escaped (terminal, host, strlen (host));
  if (lr_prompt_hop (prompt) > 0)
    fprintf (terminal, " (hop %d)", lr_prompt_hop (prompt) + 1);
  fputs (": ", terminal);
  for (size_t length; *text != '\0'; text += length)
    {
      length = strcspn (text, "\n");
      text_print_escaped (terminal, text, length);
      if (text[length] == '\n')
        {
          putc ('\n', terminal);
          length++;
        }
    }
  fflush (terminal);
}

/* Read a line, without its newline, that leaves nothing of it behind.  */
static enum ending
read_line (int fd, const sigset_t *mask, char line[ANSWER_MAX + 1])
{
  struct pollfd source = { .fd = fd, .events = POLLIN };
  size_t used = 0;
  char byte = 0;
  bool fits = true;
  while (ppoll (&source, 1, NULL, mask) >= 0 || errno == EINTR)
    {
      if (came != 0)
        return ENDING_SIGNAL;
      if (source.revents == 0)
        continue;
      if (read (fd, &byte, 1) != 1)
        return ENDING_REFUSAL;
      if (byte == '\n')
        break;
      fits = fits && used < ANSWER_MAX;
      if (fits)
        line[used++] = byte;
    }
  line[used] = '\0';
  return fits ? ENDING_ANSWER : ENDING_REFUSAL;
}

/* Ask once.  */
static enum ending
ask (FILE *terminal, const lr_prompt *prompt, const sigset_t *mask, char line[ANSWER_MAX + 1])
{
  struct termios before, quiet;
  int fd = fileno (terminal);
  bool hidden = lr_prompt_is_secret (prompt) && tcgetattr (fd, &before) == 0;
  if (hidden)
    {
      quiet = before;
      quiet.c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK | ECHONL);
      set_terminal (fd, TCSAFLUSH, &quiet);
    }
  show (terminal, prompt);
  enum ending ending = read_line (fd, mask, line);
  if (hidden)
    {
      fputs ("\n", terminal);
      fflush (terminal);
      set_terminal (fd, TCSADRAIN, &before);
    }
  return ending;
}

/* The same; and after this program was stopped, again.  */
static enum ending
ask_until_answered (FILE *terminal, const lr_prompt *prompt, char line[ANSWER_MAX + 1])
{
  struct caught caught;
  enum ending ending;
  int number;
  do
    {
      catch_signals (&caught);
      ending = ask (terminal, prompt, &caught.mask, line);
      number = ending == ENDING_SIGNAL ? came : 0;
      release_signals (&caught);
      if (number == SIGTSTP)
        raise (SIGSTOP);
    }
  while (number == SIGTSTP);
  given_up = number;
  return ending;
}

/* ---- what was asked before ---- */

static const struct remembered *
recall (const lr_prompt *prompt)
{
  for (const struct remembered *item = remembered; item != NULL; item = item->next)
    if (item->hop == lr_prompt_hop (prompt) && strcmp (item->host, lr_prompt_host (prompt)) == 0
        && strcmp (item->text, lr_prompt_text (prompt)) == 0)
      return item;
  return NULL;
}

static void
remember (const lr_prompt *prompt, const char *line)
{
  struct remembered *item = calloc (1, sizeof *item);
  if (item == NULL)
    out_of_memory ();
  item->next = remembered;
  item->host = strdup (lr_prompt_host (prompt));
  item->text = strdup (lr_prompt_text (prompt));
  item->hop = lr_prompt_hop (prompt);
  if (item->host == NULL || item->text == NULL)
    out_of_memory ();
  strcpy (item->answer, line);
  remembered = item;
}

void
prompt_remember (void)
{
  remembering = true;
}

static void
forget_answers (void)
{
  remembering = false;
  while (remembered != NULL)
    {
      struct remembered *item = remembered;
      remembered = item->next;
      free (item->host);
      free (item->text);
      explicit_bzero (item->answer, sizeof item->answer);
      free (item);
    }
}

/* ---- what others see ---- */

static FILE *
open_terminal (void)
{
  FILE *terminal = fopen ("/dev/tty", "r+e");
  if (terminal != NULL)
    setvbuf (terminal, NULL, _IONBF, 0);
  return terminal;
}

static void
answer (void *data, lr_prompt *prompt)
{
  char line[ANSWER_MAX + 1];
  (void) data;
  last_hop = lr_prompt_hop (prompt);
  const struct remembered *known = recall (prompt);
  if (known != NULL)
    {
      lr_prompt_answer (prompt, known->answer);
      return;
    }
  FILE *terminal = given_up == 0 ? open_terminal () : NULL;
  enum ending ending =
      terminal == NULL ? ENDING_REFUSAL : ask_until_answered (terminal, prompt, line);
  if (terminal != NULL)
    fclose (terminal);
  if (ending == ENDING_SIGNAL)
    unanswered = prompt;
  else
    {
      if (remembering && ending == ENDING_ANSWER)
        remember (prompt, line);
      lr_prompt_answer (prompt, ending == ENDING_ANSWER ? line : NULL);
    }
  explicit_bzero (line, sizeof line);
}

lr_prompt_callback *
prompt_callback (void)
{
  FILE *terminal = open_terminal ();
  if (terminal == NULL)
    return NULL;
  fclose (terminal);
  return answer;
}

int
prompt_last_hop (void)
{
  return last_hop;
}

int
prompt_given_up (void)
{
  return given_up;
}

void
prompt_forget (void)
{
  if (unanswered != NULL)
    lr_prompt_answer (unanswered, NULL);
  unanswered = NULL;
  forget_answers ();
}
