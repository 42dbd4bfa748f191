/* doas: another user of the system where the hop starts, through doas.

   doas asks at its terminal and nowhere else, so it is given one beside its streams.  Where nobody
   would answer it is told not to ask.  */

#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <string.h>

static const struct lr_option doas_options[] = {
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of doas" },
  { .name = NULL },
};

static void
doas_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  add_program (hop, "doas", out);
  if (!lr_hop_may_ask (hop))
    lr_command_add (out, "-n");
  if (lr_hop_name (hop)[0] != '\0')
    lr_command_add (out, "-u", lr_hop_name (hop));
  lr_command_add (out, "--");
  lr_command_append (out, inner);
}

/* "doas (ann@web) password: " of its own, "Password: " through PAM.  */
static void
doas_prompt (const lr_hop *hop, const char *said, lr_text *out)
{
  const char *newline = strrchr (said, '\n'), *line = newline == NULL ? said : newline + 1;
  line += strspn (line, "\r");
  size_t size = strlen (line);
  (void) hop;
  if (size >= 2 && strcmp (line + size - 2, ": ") == 0 && strncmp (line, "doas: ", 6) != 0)
    lr_text_set (out, "%s", line);
}

static const struct phrase phrases[] = {
  { "doas: ", "Authentication required",
    "a password is needed, and it can't be asked for: let doas.conf say nopass for this user, or "
    "let longreach ask, at a terminal or through a prompt callback" },
  { "doas: ", "a tty is required",
    "a password is needed, and no terminal can be had to ask for it: let doas.conf say nopass for "
    "this user" },
  { "doas: ", "Authentication failed", "the password was wrong" },
  { "doas: ", "Authorization failed", "the password was wrong" },
  { "doas: ", "Operation not permitted", "doas.conf doesn't let this user do that" },
  { "doas: ", "unknown user", "there is no such user" },
  { "doas: ", "no passwd entry for target", "there is no such user" },
  { "doas: ", "not enabled", "doas is not enabled there: it has no doas.conf" },
  { "doas: ", "doas.conf", "its doas.conf can't be used" },
  { "doas: ", "not installed setuid", "doas is not installed there so that it can work" },
  { "doas: ", "expired", "the account, or its password, has expired" },
  { "doas: ", "command not found", "the dispatcher is not there, or that user can't run it" },
  { NULL, NULL, NULL },
};

static void
doas_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  if (status != 0)
    explain_by_phrases (phrases, "doas", stderr_tail, out);
}

LR_CONNECTOR (doas, "doas", "another user, through doas", .target_form = LR_TARGET_USER,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_SAME_SYSTEM | LR_OTHER_USER | LR_AT_TERMINAL,
              .options = doas_options, .wrap = doas_wrap, .explain = doas_explain,
              .prompt = doas_prompt);
LR_PLUGIN ("0.1", &doas);
