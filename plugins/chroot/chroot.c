/* chroot: a directory as the root of a system, through `chroot`.  */

#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

static const struct lr_option chroot_options[] = {
  { .name = "user",
    .help = "the user, by name or number, and, behind a colon, the group; as chroot --userspec" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of chroot" },
  { .name = NULL },
};

#define CAN_NOT "chroot: cannot change root directory"

static const struct phrase chroot_phrases[] = {
  { CAN_NOT, "no such file", "there is no such directory" },
  { CAN_NOT, "not a directory", "it is not a directory" },
  { CAN_NOT, "operation not permitted", "only root can make a directory the root" },
  { CAN_NOT, "permission denied", "only root can make a directory the root" },
  { "chroot: invalid user", "", "there is no such user in the directory's system" },
  { "chroot: invalid group", "", "there is no such group in the directory's system" },
  { NULL, NULL, NULL },
};

/* A path that is not absolute would mean another directory for each hop before.  */
static void
check_path (const lr_hop *hop, lr_command *out)
{
  if (lr_hop_name (hop)[0] != '/')
    lr_command_fail (out, "\"%s\" is not an absolute path", lr_hop_name (hop));
}

static void
add_user (const lr_hop *hop, lr_command *out)
{
  const char *user = lr_hop_option (hop, "user");
  if (user == NULL)
    return;
  if (user[0] == '\0')
    lr_command_fail (out, "user= has no value");
  add_joined (out, "--userspec=", user, "");
}

static void
chroot_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  check_path (hop, out);
  add_program (hop, "chroot", out);
  add_user (hop, out);
  lr_command_add (out, "--", lr_hop_name (hop));
  lr_command_append (out, inner);
}

static void
chroot_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  (void) status;
  explain_by_phrases (chroot_phrases, "it", stderr_tail, out);
}

LR_CONNECTOR (chroot_, "chroot", "a directory as the root of a system, through chroot",
              .target_form = LR_TARGET_PATH, .options = chroot_options, .wrap = chroot_wrap,
              .explain = chroot_explain);
LR_PLUGIN ("0.1", &chroot_);
