#include "cli/help.h"

#include <stdio.h>

enum
{
  SUMMARY_COLUMN = 17,
};

void
help_print (const struct subcommand *const *table)
{
  puts ("Usage: longreach SUBCOMMAND [OPTION]... [OPERAND]...\n"
        "Reach any host by URL.\n"
        "\n"
        "Subcommands:");
  for (; *table != NULL; table++)
    {
      printf ("  %-*s", SUMMARY_COLUMN - 2, (*table)->name);
      print_wrapped ((*table)->summary, SUMMARY_COLUMN, SUMMARY_COLUMN, stdout);
    }
  puts ("\n"
        "longreach SUBCOMMAND --help tells more; longreach --version prints the version.");
}

void
help_print_subcommand (const struct subcommand *subcommand, const struct cli_option *const *options)
{
  bool has_options = options[0] != NULL;
  printf ("Usage: longreach %s%s %s\n%s.\n", subcommand->name, has_options ? " [OPTION]..." : "",
          subcommand->operands, subcommand->summary);
  if (subcommand->details != NULL)
    {
      putchar ('\n');
      print_wrapped (subcommand->details, 0, 0, stdout);
    }
  if (has_options)
    {
      puts ("\nOptions:");
      options_explain (options, stdout);
    }
}
