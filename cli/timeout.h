/* The time that is given to the whole of what a subcommand does, connecting excepted.  */

#ifndef CLI_TIMEOUT_H
#define CLI_TIMEOUT_H

#include "cli/options.h"

#include <stdint.h>

extern const struct cli_option timeout_options[]; /* --timeout */

/* What was given, in milliseconds; 0: nothing.  */
uint64_t timeout_given (void);

/* What is left of it, counted from the first call on; at least 1, which is as good as none; 0:
   nothing was given.  */
uint64_t timeout_left (void);

#endif
