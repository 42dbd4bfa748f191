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

/* Leave this test out.  Criterion then calls no .fini: what it has opened and made is removed
   here.  */
void skip_test (const char *why);

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

/* What a failed call is expected to say.  FIELD is "" where none is named.  */
struct failure
{
  enum lr_error_kind kind;
  int errnum;
  const char *field;
};
struct failure remote_os (int errnum);
struct failure invalid_value (const char *field);

/* Expect that a call returned -1 and filled ERROR with WANTED, as the far side's word: with host,
   hop and a sentence that can go to a terminal.  WHAT names the case.  */
void expect_failure (int status, const struct lr_error *error, struct failure wanted,
                     const char *what);

/* Bytes without a pattern, the same for the same seed; to be freed.  */
char *make_noise (size_t size, uint64_t seed);

/* A mount namespace of this test's own, so that what it mounts nobody else sees; only root has it,
   see need_root.  undo_mounts, before remove_directory, takes back what mount_at has done.  */
void need_mounts (void);
void mount_at (const char *path, const char *source, const char *type, unsigned long flags,
               const char *data);
void undo_mounts (void);

/* ---- tests through a connection ----

   The body of such a test gets an open connection and a directory "site" that the dispatcher's user
   may write to.  After it the dispatcher must still answer; then all is closed and removed.  */

typedef void connected_body (lr_connection *connection);
void begin_work (void);
void end_work (void);
void with_connection (lr_connection *connection, connected_body *body);
void with_own_dispatcher (connected_body *body);
void with_roots_dispatcher (connected_body *body);
void with_ordinary_dispatcher (connected_body *body);

/* Close the connection that the body got, or note that it is gone.  */
void close_early (void);
void expect_gone (void);

/* Whether the dispatcher runs as the ordinary user; its ids; "DIRECTORY/site/NAME", in one of many
   rotating buffers.  */
bool is_ordinary (void);
uid_t dispatcher_uid (void);
gid_t dispatcher_gid (void);
const char *in_work (const char *name);

/* Calling WITH (body), which ends in one of the above.  */
#define TEST_WITH(suite, name, with)                                                               \
  static connected_body suite##_##name;                                                            \
  Test (suite, name, .init = begin_work, .fini = end_work)                                         \
  {                                                                                                \
    with (suite##_##name);                                                                         \
  }                                                                                                \
  static void suite##_##name (lr_connection *connection)

/* As the suite's own user; as root; as an ordinary user; as both the first and the third.  */
#define TEST_AS_SELF(suite, name) TEST_WITH (suite, name, with_own_dispatcher)
#define TEST_AS_ROOT(suite, name) TEST_WITH (suite, name, with_roots_dispatcher)
#define TEST_AS_USER(suite, name) TEST_WITH (suite, name, with_ordinary_dispatcher)
#define TEST_AS_BOTH(suite, name)                                                                  \
  static connected_body suite##_##name;                                                            \
  Test (suite, name##_for_an_ordinary_user, .init = begin_work, .fini = end_work)                  \
  {                                                                                                \
    with_ordinary_dispatcher (suite##_##name);                                                     \
  }                                                                                                \
  TEST_AS_SELF (suite, name)

/* Where the sources are and where they are built, absolute.  */
const char *source_tree (void);
const char *build_tree (void);

/* Compile SOURCE, a text, as a plugin into FILE, in the manner of an out-of-tree one.  COMPILER is
   the variable that names it, "CC" or "CXX".  Undefined symbols are an error unless
   LEAVE_UNDEFINED.  */
void compile_plugin (const char *compiler, const char *source, const char *file,
                     bool leave_undefined);

#endif
