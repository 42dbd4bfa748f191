/* How far a transfer is, on one line of standard error that is always written anew.

   It is shown if standard error is a terminal, once it takes longer than a moment; or if --progress
   asks for it.  */

#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/options.h"

#include <stdbool.h>
#include <stdint.h>

extern const struct cli_option progress_options[]; /* --quiet, --progress */

/* A transfer begins.  TO_TERMINAL: its content goes to a terminal, where the line would be in the
   way.  */
void progress_begin (bool to_terminal);

/* An lr_progress.  */
void progress_show (void *data, uint64_t done, uint64_t total);

/* The same of a tree of files.  */
struct lr_tree_figures;
void progress_show_tree (const struct lr_tree_figures *figures);

/* Whether it will be shown, should there be the time.  */
bool progress_is_wanted (void);

/* It has ended, with SIZE bytes: the line stays, if there is one, with its last figures.  */
void progress_complete (uint64_t size);
void progress_complete_tree (uint64_t files, uint64_t size);

/* It has failed: the line goes.  */
void progress_abandon (void);

#endif
