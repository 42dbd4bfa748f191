/* lxc: a running container of LXC, through `lxc-attach`.  */

#include "plugins/become.h"
#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <string.h>

static const struct lr_option lxc_options[] = {
  { .name = "lxcpath",
    .type = LR_OPTION_PATH,
    .help = "the directory of the containers, as lxc-attach --lxcpath" },
  { .name = "group",
    .type = LR_OPTION_NUMBER,
    .help = "the number of the group, where the user is a number; the default is the same one" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of lxc-attach" },
  { .name = NULL },
};

/* Whether there is such a container, lxc-attach doesn't say: nobody answers for it.  */
static const struct phrase lxc_phrases[] = {
  { "", "failed to get init pid", "no container of this name is running (lxc-ls tells which are)" },
  { "", "insufficent privileges to control", "you are not allowed to control this container" },
  { "", "insufficient privileges to control", "you are not allowed to control this container" },
  { "", "failed to create lock for", "you are not allowed to control this container" },
  { "su: ", "does not exist", "there is no such user in the container" },
  { "su: ", "unknown user", "there is no such user in the container" },
  { "", "failed to exec \"su\"",
    "the container has no su, which knows users by name: give a number" },
  { NULL, NULL, NULL },
};

/* LXC makes a path and a socket's address of the name.  */
static void
check_name (const lr_hop *hop, lr_command *out)
{
  const char *name = lr_hop_name (hop);
  if (strpbrk (name, "/ ") != NULL || name[0] == '.')
    lr_command_fail (out, "\"%s\" can't be the name of a container", name);
}

static void
lxc_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *user = lr_hop_user (hop);
  bool is_number = user != NULL && user_is_number (user);
  check_name (hop, out);
  add_program (hop, "lxc-attach", out);
  if (lr_hop_option (hop, "lxcpath") != NULL)
    add_joined (out, "--lxcpath=", lr_hop_option (hop, "lxcpath"), "");
  add_joined (out, "--name=", lr_hop_name (hop), "");
  /* What is set on this side of the container is not for that one.  */
  lr_command_add (out, "--clear-env", is_number ? "--set-var=HOME=/" : "--set-var=HOME=/root");
  add_numbers (hop, user, "--uid=", "--gid=", out);
  lr_command_add (out, "--");
  append_as (user, inner, out);
}

static void
lxc_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  (void) status;
  explain_by_phrases (lxc_phrases, "it", stderr_tail, out);
}

LR_CONNECTOR (lxc, "lxc", "a container of LXC, through lxc-attach", .target_form = LR_TARGET_NAME,
              .flags = LR_TAKES_USER, .options = lxc_options, .wrap = lxc_wrap,
              .explain = lxc_explain);
LR_PLUGIN ("0.1", &lxc);
