/* What --help prints, made from the tables.  */

#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/options.h"
#include "cli/subcommand.h"

/* All subcommands of TABLE, ended by NULL.  */
void help_print (const struct subcommand *const *table);

/* One of them, and OPTIONS, the tables of all its options.  */
void help_print_subcommand (const struct subcommand *subcommand,
                            const struct cli_option *const *options);

#endif
