/* nspawn: a directory, in which `systemd-nspawn` runs a container for the connection; or a machine
   that it runs already, whose namespaces are entered.  */

#include "plugins/become.h"
#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <string.h>

static const struct lr_option nspawn_options[] = {
  { .name = "user", .help = "the user, by a name that the far side knows" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of systemd-nspawn in a "
            "directory" },
  { .name = NULL },
};

static const struct phrase nspawn_phrases[] = {
  { "longreach: no machine", "", "no machine of this name is running" },
  { "Failed to resolve path", "no such file", "there is no such directory" },
  { "Directory tree", "is currently busy",
    "another container runs in this directory; a machine is reached by its name" },
  { "Directory", "doesn't look like", "this directory holds no system: it has no usr/" },
  { "Need to be root", "", "only root can start a container" },
  { "execv(", "no such file", "it has no such program" },
  { "Failed to resolve user", "",
    "it has no such user, or no getent, which systemd-nspawn asks for users" },
  { "su: ", "does not exist", "it has no such user" },
  { "su: ", "unknown user", "it has no such user" },
  { "nsenter: ", "operation not permitted", "only root can enter a machine" },
  { "nsenter: ", "permission denied", "only root can enter a machine" },
  { NULL, NULL, NULL },
};

/* Run what follows in machine $1.  The manager of machines knows the first process of one; it need
   not run, nor know of each.  A machine that it doesn't know is found by what systemd-nspawn has
   mounted there: a directory below this system's /run, which is named after the machine, and may
   have been deleted since.  Nobody in a container can have that of another one: its device is
   looked at, too.  */
static const char enter_machine[] =
    "m=$1; shift; l=$(machinectl show --property=Leader --value \"$m\" 2>/dev/null); "
    "if test -z \"$l\"; then d=$(stat -c %d /run/systemd/nspawn 2>/dev/null); d=${d:-0}; "
    "d=$((d >> 8 & 4095)):$((d & 255 | d >> 12 & 1048320)); e=$(echo \"$m\" | sed s/[.]/[.]/g); "
    "for f in $(grep -lE \" $d (/run)?/systemd/nspawn/propagate/$e(//deleted)? /run/\" "
    "/proc/[0-9]*/mountinfo 2>/dev/null); do "
    "p=${f#/proc/}; p=${p%/mountinfo}; "
    "if grep -qE \"^NSpid:[[:space:]]+[0-9]+[[:space:]]+1$\" /proc/$p/status 2>/dev/null; then "
    "l=$p; fi; done; fi; "
    "if test -z \"$l\"; then echo \"longreach: no machine $m is running\" >&2; exit 1; fi; "
    "exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "
    "USER=root LOGNAME=root container=systemd-nspawn "
    "nsenter --target=\"$l\" --all --root --wd -- \"$@\"";

static void
wrap_machine (const lr_hop *hop, lr_command *out)
{
  static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  const char *name = lr_hop_name (hop), *user = lr_hop_option (hop, "user");
  if (name[0] == '-' || name[0] == '.' || name[strspn (name, valid)] != '\0')
    lr_command_fail (out,
                     "\"%s\" is neither the name of a machine nor a directory, which begins with "
                     "a \"/\"",
                     name);
  if (lr_hop_option (hop, "program") != NULL)
    lr_command_fail (out, "program= is for directories: no systemd-nspawn is run for a machine");
  lr_command_add (out, "sh", "-c", enter_machine, "longreach", name);
  if (user != NULL)
    become_user (out, user);
}

/* The dispatcher is not the first process of the container: that one waits for what commands leave
   behind.  */
static void
wrap_directory (const lr_hop *hop, lr_command *out)
{
  const char *user = lr_hop_option (hop, "user");
  add_program (hop, "systemd-nspawn", out);
  lr_command_add (out, "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe");
  add_joined (out, "--directory=", lr_hop_name (hop), "");
  if (user != NULL)
    add_joined (out, "--user=", user, "");
  lr_command_add (out, "--");
}

static void
nspawn_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  if (lr_hop_option (hop, "user") != NULL)
    check_user (out, lr_hop_option (hop, "user"));
  if (lr_hop_name (hop)[0] == '/')
    wrap_directory (hop, out);
  else
    wrap_machine (hop, out);
  lr_command_append (out, inner);
}

static void
nspawn_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  (void) status;
  explain_by_phrases (nspawn_phrases, "it", stderr_tail, out);
}

LR_CONNECTOR (nspawn, "nspawn", "a machine or a directory of systemd-nspawn",
              .target_form = LR_TARGET_OPAQUE, .options = nspawn_options, .wrap = nspawn_wrap,
              .explain = nspawn_explain);
LR_PLUGIN ("0.1", &nspawn);
