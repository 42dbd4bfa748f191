/* How failures are told, and the exit statuses that go with them.

   A failure is one line: "longreach: SENTENCE" on standard error, or with --json an object on
   standard output.  Each function here prints it and returns the exit status.  */

#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <longreach/longreach.h>

enum exit_status
{
  STATUS_DONE = 0,
  STATUS_ABSENT = 1,    /* what was asked for is not there */
  STATUS_USAGE = 2,     /* used wrongly; or a local file can't be read or written */
  STATUS_REFUSED = 3,   /* the far side, or its connector, does not do it */
  STATUS_TIMEOUT = 124, /* the time that --timeout gave is over */
  STATUS_CANNOT_EXECUTE = 126,
  STATUS_NO_PROGRAM = 127,
  STATUS_SIGNAL = 128, /* and the signal's number */
  STATUS_CONNECTION = 255,
};

/* From now on every failure that is neither the remote command's own nor a timeout exits 255, as
   ssh does.  */
void report_as_ssh (void);

/* The exit status of a failure of ours: STATUS, or 255 after report_as_ssh.  */
int report_own_status (int status);

/* The command was used wrongly.  The sentence may hold bytes from anywhere.  */
int report_usage (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* A local file can't be used, because of ERRNUM, or 0: the sentence names both.  */
int report_local (int errnum, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

/* The library could not find out what is meant by the URL, or could not open it.  */
int report_open_failure (const struct lr_error *error);

/* An operation failed.  */
int report_failure (const struct lr_error *error);

/* The same, with the exit status already known.  */
int report_failure_as (const struct lr_error *error, int status);

/* The same, of an operation that says INVALID_VALUE of FIELD where what it looks for is absent.  */
int report_lookup_failure (const struct lr_error *error, const char *field);

/* The same, of an operation that says ENOENT where a path leads to nothing.  */
int report_path_failure (const struct lr_error *error);

/* What was asked for is not there, which is no error to the library.  */
int report_absent (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* There is no way to go on.  */
void out_of_memory (void) __attribute__ ((noreturn));

#endif
