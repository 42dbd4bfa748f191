/* nice: this machine, at a low priority.

     nice:               ten steps below the caller's
     nice:?level=19      as far below as there is  */

#include <longreach/connector.h>

static const struct lr_option nice_options[] = {
  { .name = "level",
    .type = LR_OPTION_NUMBER,
    .help = "how many steps to go down; the default is 10" },
  { .name = NULL },
};

static void
nice_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *level = lr_hop_option (hop, "level");
  lr_command_add (out, "nice", "-n", level == NULL ? "10" : level);
  lr_command_append (out, inner);
}

static void
nice_extract_hostname (const lr_hop *hop, lr_text *out)
{
  (void) hop;
  lr_text_set (out, "localhost");
}

/* A process that is only nicer sees the same programs and files: LR_SAME_SYSTEM.  */
LR_CONNECTOR (nicer, "nice", "this machine, at a low priority", .target_form = LR_TARGET_NONE,
              .flags = LR_SAME_SYSTEM, .options = nice_options, .wrap = nice_wrap,
              .extract_hostname = nice_extract_hostname);
LR_PLUGIN ("1.0", &nicer);
