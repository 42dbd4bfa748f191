/* Standard output, with nothing lost in silence.  */

#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stddef.h>

/* Write all of DATA, waiting also where somebody has made DESCRIPTOR one that doesn't.  Returns 0,
   or -1 and errno.  Safe in a signal handler.  */
int write_all (int descriptor, const char *data, size_t size);

/* Write DATA to standard output, after what stdio holds for it.  Returns STATUS, or that of a
   failure to write, which is reported on standard error.  */
int output_write (const char *data, size_t size, int status);

/* Report that standard output can't be written, because of ERRNUM, if that was not said before.
   Returns the exit status.  */
int output_report_broken (int errnum);

/* Write what stdio still holds; the last thing done.  Returns as output_write does.  */
int output_finish (int status);

#endif
