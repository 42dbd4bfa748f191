/* jail: the inside of a FreeBSD jail.  As small as a connector gets.  */

#include <longreach/connector.h>

static void
jail_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  lr_command_add (out, "jexec", lr_hop_name (hop));
  lr_command_append (out, inner);
}

LR_CONNECTOR (jail, "jail", "FreeBSD jails, through jexec", .target_form = LR_TARGET_NAME,
              .wrap = jail_wrap);
LR_PLUGIN ("1.0", &jail);
