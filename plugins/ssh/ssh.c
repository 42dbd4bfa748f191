/* ssh: a host, through the OpenSSH client, so that its configuration, agent, known hosts, jump
   hosts and shared connections are what they are for ssh itself.

   What is given here comes before the configuration, since ssh takes the first value of an option;
   and what the user names with `option` comes before what longreach wants.  */

#include "plugins/ssh/explain.h"
#include "plugins/ssh/remote_command.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <stdio.h>
#include <string.h>

static const struct lr_option ssh_options[] = {
  { .name = "identity",
    .type = LR_OPTION_PATH,
    .flags = LR_OPTION_REPEATS,
    .help = "a file with a private key, as ssh -i" },
  { .name = "config",
    .type = LR_OPTION_PATH,
    .help = "a configuration file that takes the place of the usual ones, as ssh -F" },
  { .name = "option",
    .type = LR_OPTION_STRING,
    .flags = LR_OPTION_REPEATS,
    .help = "an option of ssh's configuration, such as ProxyJump=bastion, as ssh -o" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the ssh client, and arguments that come first; the default is ssh" },
  { .name = NULL },
};

/* What the configuration is for at a terminal, and what would harm here:
   - a remote command of the configuration can't be beside ours;
   - a local command writes on standard output, among what the dispatcher says;
   - forwarded ports are for the session that the user opens, which would find them taken, and may
     fail for it;
   - forwarding X11 lets the far side at the display, and costs a round trip.
   Whether the agent is forwarded stays as it is configured: commands at the far side may need it.
 */
static const char *const ssh_settings[] = {
  "RemoteCommand=none", "PermitLocalCommand=no", "ClearAllForwardings=yes", "ForwardX11=no", NULL,
};

/* ---- the parts of the URL ----

   They are words of their own, behind `--` or the option they belong to, so no shell and no option
   parser sees them here; but the configuration can hand them on to a shell, as the %h and %r of a
   ProxyCommand.  What is refused is what ssh itself refuses since 9.6.  */

static int
has_any (const char *text, const char *set)
{
  return strpbrk (text, set) != NULL;
}

static int
has_control (const char *text)
{
  for (; *text != '\0'; text++)
    if ((*text > 0 && *text < ' ') || *text == 0x7f)
      return 1;
  return 0;
}

static void
check_parts (const lr_hop *hop, lr_command *out)
{
  const char *host = lr_hop_name (hop), *user = lr_hop_user (hop), *option;
  if (has_any (host, "'`\"$\\;&<>|(){} ") || has_control (host))
    lr_command_fail (out, "\"%s\" can't be the name of a host", host);
  if (user != NULL && (has_any (user, "'`\";&<>|(){}") || has_control (user)))
    lr_command_fail (out, "\"%s\" can't be the name of a user", user);
  for (size_t i = 0; (option = lr_hop_option_at (hop, "option", i)) != NULL; i++)
    if (has_control (option))
      lr_command_fail (out, "option=%s: an option of ssh is one line", option);
}

/* ---- wrapping ---- */

static void
add_option (lr_command *out, const char *option)
{
  lr_command_add (out, "-o", option);
}

/* Add OPTION before each value of the hop's option NAME.  */
static void
add_values (const lr_hop *hop, const char *name, const char *option, lr_command *out)
{
  const char *value;
  for (size_t i = 0; (value = lr_hop_option_at (hop, name, i)) != NULL; i++)
    lr_command_add (out, option, value);
}

static void
ssh_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  char port[16];
  check_parts (hop, out);
  add_program (hop, "ssh", out);
  add_values (hop, "config", "-F", out);
  add_values (hop, "identity", "-i", out);
  add_values (hop, "option", "-o", out);
  for (const char *const *setting = ssh_settings; *setting != NULL; setting++)
    add_option (out, *setting);
  if (!lr_hop_may_ask (hop))
    add_option (out, "BatchMode=yes");
  if (lr_hop_port (hop) != 0)
    {
      snprintf (port, sizeof port, "%u", lr_hop_port (hop));
      lr_command_add (out, "-p", port);
    }
  if (lr_hop_user (hop) != NULL)
    lr_command_add (out, "-l", lr_hop_user (hop));
  /* A terminal would change the bytes on their way.  */
  lr_command_add (out, "-T", "--", lr_hop_name (hop));
  add_remote_command (out, inner);
}

/* At a terminal ssh says nothing that is no question.  What it asks on behalf of the server may
   have any form.  */
static void
ssh_prompt (const lr_hop *hop, const char *said, lr_text *out)
{
  const char *question = said + strspn (said, "\r\n");
  (void) hop;
  if (question[strspn (question, " \t\r\n")] != '\0')
    lr_text_set (out, "%s", question);
}

LR_CONNECTOR (ssh, "ssh", "a host, through the OpenSSH client", .target_form = LR_TARGET_HOST,
              .flags = LR_TAKES_USER | LR_TAKES_PORT | LR_ASKS | LR_AT_TERMINAL,
              .options = ssh_options, .wrap = ssh_wrap, .explain = ssh_explain,
              .prompt = ssh_prompt);
LR_PLUGIN ("0.1", &ssh);
