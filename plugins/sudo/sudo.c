/* sudo: another user of the system where the hop starts, through sudo.

   sudo asks on standard error, in words that are given it here, and reads the answer on standard
   input: so no translation matters, and it works at any hop.  Where nobody would answer it is told
   not to ask.  */

#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <stdio.h>
#include <string.h>

static const struct lr_option sudo_options[] = {
  { .name = "group", .help = "the primary group, as sudo --group takes it" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of sudo" },
  { .name = NULL },
};

/* Begins what sudo says when it asks; the nonce follows, and the user whose password it wants.  */
#define MARK "longreach asks "

static void
sudo_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *group = lr_hop_option (hop, "group");
  char prompt[64];
  add_program (hop, "sudo", out);
  if (lr_hop_may_ask (hop))
    {
      snprintf (prompt, sizeof prompt, MARK "%s %%p: ", lr_hop_nonce (hop));
      lr_command_add (out, "-S", "-p", prompt);
    }
  else
    lr_command_add (out, "-n");
  if (lr_hop_name (hop)[0] != '\0')
    lr_command_add (out, "-u", lr_hop_name (hop));
  if (group != NULL && group[0] == '\0')
    lr_command_fail (out, "group= has no value");
  else if (group != NULL)
    lr_command_add (out, "-g", group);
  lr_command_add (out, "--");
  lr_command_append (out, inner);
}

/* A user's name has no colon.  */
static void
sudo_prompt (const lr_hop *hop, const char *said, lr_text *out)
{
  char mark[64];
  snprintf (mark, sizeof mark, MARK "%s ", lr_hop_nonce (hop));
  const char *found = strstr (said, mark);
  if (found == NULL)
    return;
  const char *user = found + strlen (mark), *end = strstr (user, ": ");
  if (end != NULL && end[2] == '\0')
    lr_text_set (out, "[sudo] password for %.*s: ", (int) (end - user), user);
}

/* In the order of what tells most: where a password is wrong there is more than one line.  */
static const struct phrase phrases[] = {
  { "sudo: ", "a password is required",
    "a password is needed, and nobody is there to be asked: let sudoers say NOPASSWD for this "
    "user, or let longreach ask, at a terminal or through a prompt callback" },
  { "sudo: ", "a terminal is required",
    "a password is needed, and nobody is there to be asked: let sudoers say NOPASSWD for this "
    "user, or let longreach ask, at a terminal or through a prompt callback" },
  { "sudo: ", "incorrect password attempt", "the password was wrong" },
  { "sudo: ", "unknown user", "there is no such user" },
  { "sudo: ", "unknown group", "there is no such group" },
  { "sudo: ", "you must have a tty",
    "its sudoers wants a terminal (requiretty), and there is none here" },
  { "", "is not in the sudoers file", "this user may not use sudo there" },
  { "", "is not allowed to execute", "sudoers doesn't let this user do that" },
  { "", "may not run sudo", "this user may not use sudo there" },
  { "sudo: ", "account validation failure", "the account of who calls sudo is closed" },
  { "sudo: ", "account or password is expired",
    "the password of who calls sudo has expired, and has to be changed" },
  { "sudo: ", "password expired", "the password of who calls sudo has expired" },
  { "sudo: ", "no new privileges",
    "processes there can't get other rights, as in a container that was started so" },
  { "sudo: ", "setuid", "sudo is not installed there so that it can work" },
  { "sudo: ", "no valid sudoers", "there is no sudoers file there that can be used" },
  { "sudo: ", "command not found", "the dispatcher is not there, or that user can't run it" },
  { "sudo: ", "unable to execute", "that user can't run what has to be run" },
  { NULL, NULL, NULL },
};

static void
sudo_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  if (status != 0)
    explain_by_phrases (phrases, "sudo", stderr_tail, out);
}

LR_CONNECTOR (sudo, "sudo", "another user, through sudo", .target_form = LR_TARGET_USER,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_SAME_SYSTEM | LR_OTHER_USER,
              .options = sudo_options, .wrap = sudo_wrap, .explain = sudo_explain,
              .prompt = sudo_prompt);
LR_PLUGIN ("0.1", &sudo);
