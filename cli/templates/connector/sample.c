/* sample: places that a program leads to.

     sample:NAME
     sample:NAME?program=PATH

   As it is, the program is env: it runs commands on this machine, with the variable SAMPLE set to
   NAME.  So all of this works already, and `make check` passes; put your own program in its place
   in sample_wrap, and say in the other functions what is different about it.

   longreach-connector(3) describes all that is used here.  */

#include <longreach/connector.h>

#include <stdio.h>

/* What a URL may say behind its "?".  Values are checked by their types before they come here.  */
static const struct lr_option sample_options[] = {
  { .name = "program", .type = LR_OPTION_PATH, .help = "the program to run in place of env" },
  { .name = NULL },
};

/* Make OUT the command that runs INNER at the far side.  It is added word by word, as no shell will
   read it.  What the program prints before the command runs is skipped; from then on it must leave
   the bytes of standard input and output alone, so there is no terminal between.

   For a container this may be
     lr_command_add (out, "jexec", lr_hop_name (hop));  */
static void
sample_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const char *program = lr_hop_option (hop, "program");
  char variable[512];
  if (snprintf (variable, sizeof variable, "SAMPLE=%s", lr_hop_name (hop)) >= (int) sizeof variable)
    lr_command_fail (out, "the name is too long");
  lr_command_add (out, program != NULL ? program : "env", variable);
  lr_command_append (out, inner);
}

/* Say in a sentence why the program has ended before there was a connection: what its exit statuses
   mean, or what the end of its error output says.  Without an answer both are shown as they are. */
static void
sample_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) stderr_tail;
  if (status == 125)
    lr_text_set (out, "env has found something wrong with %s", lr_hop_name (hop));
}

/* The target form says what stands between the schema and the options: a host, a user, a path...

   A dispatcher is brought along to the far side, which needs a shell for that.  Where the far side
   has the programs and files of this one, as with nice or sudo, the installed dispatcher will do:
   then put  .flags = LR_SAME_SYSTEM,  behind the target form.  */
LR_CONNECTOR (sample_connector, "sample", "this machine, with a variable",
              .target_form = LR_TARGET_NAME, .options = sample_options, .wrap = sample_wrap,
              .explain = sample_explain);
LR_PLUGIN ("0.1", &sample_connector);
