/* nsenter: the namespaces of a process, through `nsenter`.  */

#include "plugins/become.h"
#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <string.h>

static const struct lr_option nsenter_options[] = {
  { .name = "namespaces",
    .type = LR_OPTION_WORDS,
    .help = "the namespaces that are entered, among mount, uts, ipc, net, pid, user, cgroup and "
            "time; the default is all" },
  { .name = "user", .help = "the user, by a name that the far side knows, or by number" },
  { .name = "group",
    .type = LR_OPTION_NUMBER,
    .help = "the number of the group, where the user is a number; the default is the same one" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of nsenter" },
  { .name = NULL },
};

static const char *const namespaces[] = { "mount", "uts",  "ipc",    "net",
                                          "pid",   "user", "cgroup", "time" };

static const struct phrase nsenter_phrases[] = {
  { "nsenter: ", "/ns/user failed: no such file", "there is no such process" },
  { "nsenter: cannot open /proc/", "no such file", "there is no such process" },
  { "nsenter: ", "permission denied",
    "you are not allowed to enter the namespaces of this process" },
  { "nsenter: ", "operation not permitted",
    "you are not allowed to enter the namespaces of this process" },
  { "su: ", "does not exist", "there is no such user there" },
  { "su: ", "unknown user", "there is no such user there" },
  { "nsenter: failed to execute su:", "no such file",
    "there is no su, which knows users by name: give a number" },
  { NULL, NULL, NULL },
};

enum
{
  DIGITS_MAX = 9, /* nsenter takes more for another number, that of another process */
};

static void
check_process (const lr_hop *hop, lr_command *out)
{
  const char *process = lr_hop_name (hop);
  size_t digits = strspn (process, "0123456789");
  if (process[0] == '0' || process[digits] != '\0' || digits > DIGITS_MAX)
    lr_command_fail (out, "\"%s\" is not the number of a process", process);
}

static bool
is_namespace (const char *name)
{
  for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++)
    if (strcmp (name, namespaces[i]) == 0)
      return true;
  return false;
}

/* With its mounts comes what the process has as its root, which need not be the root of these.  */
static void
add_namespaces (const lr_hop *hop, lr_command *out)
{
  const char *name;
  bool enters_mounts = lr_hop_option (hop, "namespaces") == NULL;
  if (enters_mounts)
    lr_command_add (out, "--all");
  for (size_t i = 0; (name = lr_hop_option_at (hop, "namespaces", i)) != NULL; i++)
    {
      if (!is_namespace (name))
        lr_command_fail (out, "\"%s\" is not a namespace", name);
      add_joined (out, "--", name, "");
      enters_mounts = enters_mounts || strcmp (name, "mount") == 0;
    }
  if (enters_mounts)
    lr_command_add (out, "--root", "--wd");
}

static void
nsenter_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *user = lr_hop_option (hop, "user");
  check_process (hop, out);
  add_program (hop, "nsenter", out);
  add_joined (out, "--target=", lr_hop_name (hop), "");
  add_namespaces (hop, out);
  add_numbers (hop, user, "--setuid=", "--setgid=", out);
  lr_command_add (out, "--");
  append_as (user, inner, out);
}

static void
nsenter_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  (void) status;
  explain_by_phrases (nsenter_phrases, "it", stderr_tail, out);
}

LR_CONNECTOR (nsenter, "nsenter", "the namespaces of a process, through nsenter",
              .target_form = LR_TARGET_NAME, .options = nsenter_options, .wrap = nsenter_wrap,
              .explain = nsenter_explain);
LR_PLUGIN ("0.1", &nsenter);
