/* su: another user of the system where the hop starts, through su, by that user's own password.

   What su asks comes from PAM, in any language, on standard error; without a terminal it reads the
   answer on standard input.  There is nothing to know it by but its form: a line that isn't ended,
   with a colon behind it.  Until the far side reads nobody but su says anything, for a shell that
   is given a command has no start-up files.  */

#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <stdbool.h>
#include <string.h>

static const struct lr_option su_options[] = {
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of su" },
  { .name = NULL },
};

/* su runs a shell, whatever it is to run.  The user's own could be any.  */
static void
su_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *name = lr_hop_name (hop), *protocol = lr_hop_option (hop, "protocol");
  add_program (hop, "su", out);
  if (protocol != NULL && strcmp (protocol, "plain") == 0)
    lr_command_fail (out, "su could take the first request for a password: protocol=plain can't be "
                          "used here");
  lr_command_add (out, "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--",
                  name[0] == '\0' ? "root" : name);
  lr_command_append (out, inner);
}

static bool
ends_with_colon (const char *line, size_t size)
{
  static const char wide[] = "\xef\xbc\x9a"; /* as Chinese and Japanese have it */
  while (size > 0 && line[size - 1] == ' ')
    size--;
  return (size > 0 && line[size - 1] == ':')
         || (size >= strlen (wide)
             && memcmp (line + size - strlen (wide), wide, strlen (wide)) == 0);
}

static void
su_prompt (const lr_hop *hop, const char *said, lr_text *out)
{
  const char *name = lr_hop_name (hop), *newline = strrchr (said, '\n');
  const char *line = newline == NULL ? said : newline + 1;
  /* Its own errors begin with its name.  */
  if (!ends_with_colon (line, strlen (line)) || strncmp (line, "su:", 3) == 0)
    return;
  if (lr_hop_may_ask (hop))
    lr_text_set (out, "[su %s] %s", name[0] == '\0' ? "root" : name, line);
  else
    lr_text_set (out, "su asks for a password, and nobody is there to be asked: let longreach ask, "
                      "at a terminal or through a prompt callback; only root needs none, or who "
                      "may do so by sudo or doas");
}

/* What PAM's modules say comes before su's own words, which don't tell one refusal from another. */
static const struct phrase phrases[] = {
  { "", "account has expired", "that account is closed" },
  { "", "required to change your password", "the password of that account has expired" },
  { "", "password has expired", "the password of that account has expired" },
  { "su: ", "Authentication failure", "the password was wrong, or that account has none" },
  { "su: ", "incorrect password", "the password was wrong, or that account has none" },
  { "su: ", "does not exist", "there is no such user" },
  { "su: ", "unknown user", "there is no such user" },
  { "su: ", "no passwd entry", "there is no such user" },
  { "su: ", "Permission denied", "this user may not use su there" },
  { "su: ", "must be run from a terminal", "su wants a terminal there, and there is none here" },
  { "su: ", "must be suid", "su is not installed there so that it can work" },
  { "su: ", "cannot set groups", "processes there can't get other rights" },
  { "su: ", "Authentication token", "the password of that account has expired" },
  { "su: ", "Authentication service cannot", "su can't check passwords there" },
  { "su: ", "Module is unknown", "su can't check passwords there" },
  { "su: ", "using restricted shell", "that account has no shell for commands" },
  { "", "account is currently not available", "that account has no shell for commands" },
  { NULL, NULL, NULL },
};

static void
su_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  if (status != 0)
    explain_by_phrases (phrases, "su", stderr_tail, out);
}

LR_CONNECTOR (su, "su", "another user, through su", .target_form = LR_TARGET_USER,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_SAME_SYSTEM | LR_OTHER_USER,
              .options = su_options, .wrap = su_wrap, .explain = su_explain, .prompt = su_prompt);
LR_PLUGIN ("0.1", &su);
