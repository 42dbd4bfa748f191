/* local: this machine.  A name behind the colon is only a label.  */

#include <longreach/connector.h>

static void
local_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

static void
local_extract_hostname (const lr_hop *hop, lr_text *out)
{
  const char *name = lr_hop_name (hop);
  lr_text_set (out, "%s", name[0] == '\0' ? "localhost" : name);
}

LR_CONNECTOR (local, "local", "this machine", .target_form = LR_TARGET_NAME,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_SAME_SYSTEM, .wrap = local_wrap,
              .extract_hostname = local_extract_hostname);
LR_PLUGIN ("0.1", &local);
