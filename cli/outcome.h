/* How a command at the far side has ended, as the exit status of this program.  What must be said
   about it is reported.  */

#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include "cli/attached.h"

#include <longreach/longreach.h>

#include <stdint.h>

/* As a shell tells it; 255 for what no command returns.  */
int outcome_of_returncode (int64_t returncode);

/* The same, and a report of what is impossible.  */
int outcome_report_returncode (int64_t returncode);

/* Of a command on our streams.  */
int outcome_of_end (const struct attached_end *end);

/* It failed: PROGRAM can't be started, or what else ERROR says.  URL is what led there.  */
int outcome_of_failure (struct lr_error *error, const char *url, const char *program);

#endif
