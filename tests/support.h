/* What the suites share: a connection to the real dispatcher, a directory of their own, programs
   run to their end, and checks that nothing is left behind.  */

#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A directory of this test's own, world-accessible, absolute; removed with all in it by
   remove_directory.  */
const char *make_directory (void);
void remove_directory (void);

/* "DIRECTORY/NAME" in the directory of this test; one of a few rotating buffers.  */
const char *path_in (const char *name);

/* A file with content; its whole content (ended by a NUL that SIZE does not count), to be freed. */
void write_file (const char *path, const void *data, size_t size, mode_t mode);
char *read_file (const char *path, size_t *size);

/* Open `local:`, or fail the test.  The second one's dispatcher runs as the user with this id and
   no other groups: a copy of it is started through setpriv, so that no path need be readable to
   that user.  Only root can; a test that needs it begins with need_root.  */
lr_connection *open_local (void);
lr_connection *open_local_as (uid_t uid, gid_t gid);

/* Whether the suite runs as root; where CI is set and it doesn't, the test fails, elsewhere it is
   skipped.  */
void need_root (void);

/* An ordinary user's id that has an entry: nobody's.  */
enum
{
  ORDINARY_ID = 65534,
};

/* A program run to its end: its outputs, each ended by a NUL, and its status (-N for a signal).
   INPUT NULL: /dev/null.  */
struct finished
{
  char *output, *error;
  size_t output_size, error_size;
  int status;
};
struct finished run_program (const char *const *command, const char *input, size_t input_size);
void free_finished (struct finished *finished);

/* Descriptors this process has open; children it has, running or not.  */
int count_descriptors (void);
int count_children (void);

/* How many bytes the bulk tests move: 1 GiB, or what LR_BULK_BYTES says (sanitizers are slow).  */
size_t bulk_size (void);

#endif
