/* What a far side says before there is a dispatcher, and how its commands end: the attempts must
   come to an end, and the commands be such as can be run.

   Input: one byte of settings; then lines, of which one that begins with \xff is an end of the
   command, with a status of one byte and what was said on stderr behind it.  "NONCE" is what ours
   begin with: LR-HERE NONCE.  */

#include "core/bootstrap.h"
#include "core/url.h"
#include "fuzz/require.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

enum
{
  ATTEMPTS_MAX = 40,
  LINE_SIZE = 512,
  WAITS = 1,
  PUSHES = 2,
  NAMES_DIRECTORY = 4,
};

static char top[] = "/tmp/fuzz-bootstrap-XXXXXX";
static char paths[5][128];

static void
remove_all (void)
{
  for (int i = 4; i >= 0; i--)
    remove (paths[i]);
  rmdir (top);
}

/* Dispatchers for two machine types.  */
int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  static const char *const names[] = { "portable", "portable/linux-x86_64", "portable/linux-other",
                                       "portable/linux-x86_64/longreach-dispatcher",
                                       "portable/linux-other/longreach-dispatcher" };
  (void) argc;
  (void) argv;
  require (mkdtemp (top) != NULL);
  atexit (remove_all);
  for (int i = 0; i < 5; i++)
    {
      snprintf (paths[i], sizeof paths[i], "%s/%s", top, names[i]);
      if (i < 3)
        {
          require (mkdir (paths[i], 0700) == 0);
          continue;
        }
      FILE *file = fopen (paths[i], "w");
      require (file != NULL && ftruncate (fileno (file), 1000) == 0 && fclose (file) == 0);
    }
  setenv ("LONGREACH_DISPATCHER_DIR", top, 1);
  return 0;
}

static void
wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static void
push (const lr_hop *hop, const char *directory, lr_command *out)
{
  (void) hop;
  require (directory[0] == '/');
  lr_command_add (out, "push", directory);
}

/* What a connection does with an attempt that is about to begin.  */
static void
begin (struct bootstrap *bootstrap)
{
  struct lr_error error;
  const char *data;
  lr_command command = { NULL, 0, 0, NULL, 0 };
  int status = bootstrap_command (bootstrap, &command, &error);
  require (status == 0 && command.count >= 2);
  command_free (&command);
  bootstrap_progress (bootstrap);
  for (size_t size; (size = bootstrap_input (bootstrap, &data)) > 0;)
    {
      volatile char last = data[size - 1];
      (void) last;
      bootstrap_sent (bootstrap, size > 700 ? 700 : size);
    }
}

/* False: it is over.  */
static bool
take (struct bootstrap *bootstrap, const char *line, size_t length, int *attempts)
{
  const char *data;
  if (length < 2 || line[0] != '\xff')
    {
      if (bootstrap_take_line (bootstrap, line))
        for (size_t size; (size = bootstrap_input (bootstrap, &data)) > 0;)
          bootstrap_sent (bootstrap, size);
      return true;
    }
  const struct bootstrap_end end = {
    .status_known = line[1] != '\x7e',
    .status = line[1],
    .said = line + 2,
    .explained = line[1] == '\x7d',
  };
  require (++*attempts < ATTEMPTS_MAX);
  if (!bootstrap_go_on (bootstrap, &end))
    return false;
  begin (bootstrap);
  return true;
}

int
LLVMFuzzerTestOneInput (const uint8_t *input, size_t size)
{
  static const struct lr_option directory = { .name = "directory" };
  static const struct lr_option waiting = { .name = "bootstrap" };
  const char *data = (const char *) input;
  struct lr_error error;
  if (size == 0)
    return 0;
  struct lr_connector connector = { .schema = "x", .wrap = wrap };
  struct hop_option options[2];
  char place[] = "/some/where", wait[] = "wait", name[] = "web", schema[] = "x";
  struct lr_hop hop = { .connector = &connector, .schema = schema, .name = name };
  hop.options = options;
  if ((data[0] & PUSHES) != 0)
    connector.push = push;
  if ((data[0] & NAMES_DIRECTORY) != 0)
    options[hop.option_count++] = (struct hop_option){ &directory, place };
  if ((data[0] & WAITS) != 0)
    options[hop.option_count++] = (struct hop_option){ &waiting, wait };
  struct bootstrap *bootstrap = bootstrap_new (&hop, "NONCE", true, &error);
  require (bootstrap != NULL);
  begin (bootstrap);
  int attempts = 0;
  bool goes_on = true;
  for (size_t start = 1; goes_on && start < size;)
    {
      char line[LINE_SIZE];
      const char *newline = memchr (data + start, '\n', size - start);
      size_t length = newline == NULL ? size - start : (size_t) (newline - data) - start;
      size_t kept = length < sizeof line - 1 ? length : sizeof line - 1;
      memcpy (line, data + start, kept);
      line[kept] = '\0';
      goes_on = take (bootstrap, line, kept, &attempts);
      start += length + 1;
    }
  const char *problem = bootstrap_problem (bootstrap);
  require (problem == NULL || problem[0] != '\0');
  lr_command command = { NULL, 0, 0, NULL, 0 };
  if (goes_on)
    bootstrap_clean (bootstrap, &command);
  command_free (&command);
  bootstrap_free (bootstrap);
  return 0;
}
