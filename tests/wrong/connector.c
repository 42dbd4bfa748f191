/* Connectors that are wrong themselves: in their hooks and their options, behind which there is no
   dispatcher to be wrong.  */

#include <longreach/connector.h>

#include <time.h>

static void
plain_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  (void) hop;
  lr_command_append (out, inner);
}

/* A hook must not block.  */
static void
slow_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  nanosleep (&(struct timespec){ .tv_nsec = 600000000 }, NULL);
  plain_wrap (hop, inner, out);
}

static void
changing_hostname (const lr_hop *hop, lr_text *out)
{
  static int times;
  (void) hop;
  lr_text_set (out, "host-%d", ++times);
}

static const struct lr_option any_option[] = {
  { .name = "no-such-option", .type = LR_OPTION_STRING, .help = "anything" },
  { 0 },
};

LR_CONNECTOR (slow, "blocking", "blocks in a hook", .target_form = LR_TARGET_NONE,
              .flags = LR_SAME_SYSTEM, .wrap = slow_wrap);
LR_CONNECTOR (changing, "renaming", "has another name each time", .target_form = LR_TARGET_NONE,
              .flags = LR_SAME_SYSTEM, .wrap = plain_wrap, .extract_hostname = changing_hostname);
LR_CONNECTOR (lenient, "lenient", "takes an option that nobody knows",
              .target_form = LR_TARGET_NONE, .flags = LR_SAME_SYSTEM, .options = any_option,
              .wrap = plain_wrap);
LR_PLUGIN ("1.0", &slow, &changing, &lenient);
