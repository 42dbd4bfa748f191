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

/* Whether make_directory was called in this process: it runs a test, and not the tests.  */
bool runs_a_test (void);

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

/* Open it on LOOP; as the ordinary user where is_ordinary says so.  OPTIONS is ended by NULL, and
   NULL is the protocol that LR_TEST_PROTOCOL names.  */
lr_connection *open_on (lr_loop *loop, const char *const *options);

/* The URL by which that is done.  */
const char *local_url (void);

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

/* Descriptors this process has open; children it has, running or not, but for a dispatcher's guard.
 */
int count_descriptors (void);
int count_children (void);

/* Milliseconds of the monotonic clock.  */
int64_t now_ms (void);

/* Wait a moment between two looks at what only another process can change.  Fails the test when
   SINCE, from now_ms, is too long ago.  */
void wait_a_moment (int64_t since, const char *what);

/* Whether process PID is there and not a zombie; wait until it isn't.  */
bool is_running (pid_t pid);
void wait_until_gone (pid_t pid);

/* How many running processes have TEXT among the words of their command line.  */
int count_processes (const char *text);
void wait_for_processes (const char *text, int count);

/* What sleep takes for a day, in words that no other test uses: to be counted by.  */
const char *endless (void);

/* Kill those that nobody else can end any more: their dispatcher was killed.  */
void end_endless (void);

/* The dispatcher behind CONNECTION, which must speak sessions; its children; the descriptors it has
   open.  */
pid_t dispatcher_of (lr_connection *connection);
int count_children_of (pid_t pid);
int count_descriptors_of (pid_t pid);

/* The most memory that PID (0: this process) has held since the last forget_peak, in KiB.  */
long peak_memory (pid_t pid);
void forget_peak (pid_t pid);

/* Whether sanitizers or valgrind are at work, whose memory is not the program's.  */
bool memory_is_distorted (void);

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

/* ---- what is submitted ----

   The same on a loop, which loop_of_test gives.  After it everything is closed, and no descriptor
   and no child is left.  */

void with_own_loop (connected_body *body);
void with_ordinary_loop (connected_body *body);
lr_loop *loop_of_test (void);

#define TEST_ON_LOOP(suite, name) TEST_WITH (suite, name, with_own_loop)
#define TEST_ON_LOOP_AS_BOTH(suite, name)                                                          \
  static connected_body suite##_##name;                                                            \
  Test (suite, name##_for_an_ordinary_user, .init = begin_work, .fini = end_work)                  \
  {                                                                                                \
    with_ordinary_loop (suite##_##name);                                                           \
  }                                                                                                \
  TEST_ON_LOOP (suite, name)

/* What a callback was told.  Zero before.  */
struct outcome
{
  int count; /* how often it was called */
  int order; /* among all answers of this test, from 1 */
  int status;
  void *result;
  struct lr_error error;
};

/* The callback; DATA is a struct outcome.  It expects to be called from dispatch alone.  */
void take_answer (void *data, int status, void *result, const struct lr_error *error);

/* lr_loop_dispatch once, expecting no error; until ANSWER has come; while nothing happens for
   MILLISECONDS.  */
int dispatch (lr_loop *loop, uint64_t timeout);
void dispatch_until (lr_loop *loop, const struct outcome *answer);
void dispatch_for (lr_loop *loop, uint64_t milliseconds);

/* lr_loop_free, which may run callbacks too.  */
void free_loop (lr_loop *loop);

/* lr_submit with take_answer, expected to be accepted.  Returns the id.  */
uint64_t submit (lr_connection *connection, enum lr_operation operation, const void *args,
                 struct outcome *answer);

/* Expect that ANSWER has come, once, with success; or as KIND.  */
void expect_success (const struct outcome *answer, const char *what);
void expect_answer_kind (const struct outcome *answer, enum lr_error_kind kind, const char *what);

/* Where the sources are and where they are built, absolute.  */
const char *source_tree (void);
const char *build_tree (void);

/* Compile SOURCE, a text, as a plugin into FILE, in the manner of an out-of-tree one.  COMPILER is
   the variable that names it, "CC" or "CXX".  Undefined symbols are an error unless
   LEAVE_UNDEFINED.  */
void compile_plugin (const char *compiler, const char *source, const char *file,
                     bool leave_undefined);

/* The same with the headers that are below the directory HEADERS.  */
void compile_plugin_against (const char *headers, const char *compiler, const char *source,
                             const char *file, bool leave_undefined);

/* Copy the library into the directory PLACE, which is made, and where everybody can read it.  */
void copy_library (const char *place);

/* Compile the file SOURCE as a program that uses the library, into FILE; with the headers below
   HEADERS, and the library in LIBRARIES, where it is also looked for when the program runs.  */
void compile_program (const char *headers, const char *source, const char *libraries,
                      const char *file);

#endif
