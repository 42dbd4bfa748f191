/* exec: whatever a command line leads to.  */

#include "plugins/ssh/remote_command.h"

#include <longreach/connector.h>

#include <string.h>

static const struct lr_option exec_options[] = {
  { .name = "arg",
    .flags = LR_OPTION_REPEATS,
    .help = "a word of the command line, behind those of the target" },
  { .name = "command",
    .type = LR_OPTION_CHOICE,
    .choices = "words|text|none",
    .help = "how the command line gets what it is to run: as words behind its own, as one that a "
            "shell takes apart, or not at all, since what it leads to is a dispatcher" },
  { .name = NULL },
};

static const char *
how (const lr_hop *hop)
{
  const char *value = lr_hop_option (hop, "command");
  return value == NULL ? "words" : value;
}

/* A dispatcher that is reached as it is can't be told the nonce of a session.  */
static void
check_none (const lr_hop *hop, lr_command *out)
{
  const char *protocol = lr_hop_option (hop, "protocol");
  if (protocol == NULL || strcmp (protocol, "plain") != 0)
    lr_command_fail (out, "command=none needs protocol=plain: the dispatcher is not told anything");
}

static void
exec_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *word;
  for (size_t i = 0; (word = lr_hop_word (hop, i)) != NULL; i++)
    lr_command_add (out, word);
  for (size_t i = 0; (word = lr_hop_option_at (hop, "arg", i)) != NULL; i++)
    lr_command_add (out, word);
  if (lr_command_word (out, 0) == NULL)
    lr_command_fail (out, "it names no program: write exec:PROGRAM, or arg=PROGRAM");
  if (strcmp (how (hop), "none") == 0)
    check_none (hop, out);
  else if (strcmp (how (hop), "text") == 0)
    add_remote_command (out, inner);
  else
    lr_command_append (out, inner);
}

static void
exec_extract_hostname (const lr_hop *hop, lr_text *out)
{
  const char *word = lr_hop_word (hop, 0);
  if (word == NULL)
    word = lr_hop_option (hop, "arg");
  if (word != NULL)
    lr_text_set (out, "%s", word);
}

LR_CONNECTOR (exec, "exec", "whatever a command line leads to", .target_form = LR_TARGET_WORDS,
              .flags = LR_TARGET_MAY_BE_EMPTY, .options = exec_options, .wrap = exec_wrap,
              .extract_hostname = exec_extract_hostname);
LR_PLUGIN ("0.1", &exec);
