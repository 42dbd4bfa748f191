/* What a check is given, and what it says of the far side.

   A check is a function that asks and expects; the first expectation that isn't met ends it,
   through longjmp.  So whatever it holds is kept by the trial, which lets go of it in the end, and
   nothing may be expected in a callback.  */

#ifndef CONFORMANCE_TRIAL_H
#define CONFORMANCE_TRIAL_H

#include "conformance/target.h"

#include <setjmp.h>
#include <stdbool.h>

struct kept;

struct trial
{
  struct target *target; /* borrowed */
  const struct conformance_check *check;
  lr_connection *connection; /* which the operations below use; borrowed */
  struct kept *kept;         /* what is let go of in the end, the last first */
  enum conformance_outcome outcome;
  char sentence[1024];
  jmp_buf end;
};

/* Carry out FUNCTION as CHECK; the outcome is in TRIAL.  */
void trial_carry_out (struct trial *trial, struct target *target,
                      const struct conformance_check *check, void (*function) (struct trial *));

/* ---- what a check says ---- */

void fail_check (struct trial *trial, const char *format, ...)
    __attribute__ ((noreturn, format (printf, 2, 3)));
void leave_out (struct trial *trial, const char *format, ...)
    __attribute__ ((noreturn, format (printf, 2, 3)));

/* Unless CONDITION holds the check has failed, for the reason that the rest says as printf does. */
#define EXPECT(trial, condition, ...) ((condition) ? (void) 0 : fail_check ((trial), __VA_ARGS__))

void expect_number (struct trial *trial, const char *what, int64_t got, int64_t wanted);
void expect_text (struct trial *trial, const char *what, const char *got, const char *wanted);
void expect_bytes (struct trial *trial, const char *what, struct lr_bytes got,
                   struct lr_bytes wanted);

/* What a failed call is to say.  FIELD is "" where none is named.  */
struct failure
{
  enum lr_error_kind kind;
  int errnum;
  const char *field;
};

struct failure remote_os (int errnum);
struct failure invalid_value (const char *field);
struct failure kind_alone (enum lr_error_kind kind);

/* Expect that WHAT succeeded; or that it failed as WANTED, with a sentence for a person.  */
void expect_success (struct trial *trial, int status, const struct lr_error *error,
                     const char *what);
void expect_failure (struct trial *trial, int status, const struct lr_error *error,
                     struct failure wanted, const char *what);

/* ---- what a check holds ---- */

void keep (struct trial *trial, void *thing, void (*let_go) (void *));
void *keep_memory (struct trial *trial, size_t size); /* of zeros */
int keep_descriptor (struct trial *trial, int descriptor);
void make_pipe (struct trial *trial, int ends[2]); /* not kept */
int pipe_without_end (struct trial *trial); /* something is in it, and more may come; to be read */
char *keep_text (struct trial *trial, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

/* The path of the file NAME of this check, which has to need PLACE; without ROOM there are only
   "file" and "other", which are the same for all checks.  */
const char *place (struct trial *trial, const char *name);

/* An empty directory NAME of this check, which has to need ROOM.  */
const char *make_directory (struct trial *trial, const char *name);

/* The names in a directory, each followed by a newline; needs SH.  */
const char *list_directory (struct trial *trial, const char *path);

/* SIZE bytes without a pattern, the same for the same SEED.  */
struct lr_bytes noise (struct trial *trial, size_t size, unsigned seed);

/* Every byte but NUL, once; as a text.  */
const char *every_byte (void);

/* The same without the slash, for which the longest name that there is has just room.  */
const char *every_byte_of_a_name (void);

struct lr_bytes bytes_of (const char *text);

/* Milliseconds of a clock that only goes forward.  */
uint64_t now (void);

/* Let the loop run for a moment.  Fails the check when SINCE was longer ago than patience allows:
   WHAT has not happened.  */
void wait_for (struct trial *trial, uint64_t since, const char *what);

/* Another connection to the same target, or the same with an own loop in which only calls that wait
   can be made.  TRIAL uses it from now on; it is closed in the end.  */
lr_connection *open_another (struct trial *trial);
lr_connection *open_lone (struct trial *trial);

/* Close what one of these has given.  */
void close_now (struct trial *trial, lr_connection *connection);

/* ---- operations ----

   Arguments are the members that differ from their defaults: RUN (trial, .command = ...).  Each of
   the first kind has to succeed, and its result is the trial's; each of the second has to fail as
   WANTED.  */

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define RUN(trial, ...) must_run (trial, &(struct lr_run_args) LR_RUN_ARGS (__VA_ARGS__))
#define STAT(trial, ...) must_stat (trial, &(struct lr_stat_args) LR_STAT_ARGS (__VA_ARGS__))
#define UPLOAD(trial, ...)                                                                         \
  must_upload (trial, &(struct lr_upload_args) LR_UPLOAD_ARGS (__VA_ARGS__))
#define DOWNLOAD(trial, ...)                                                                       \
  must_download (trial, &(struct lr_download_args) LR_DOWNLOAD_ARGS (__VA_ARGS__))
#define PUT(trial, ...) must_put (trial, &(struct lr_put_args) LR_PUT_ARGS (__VA_ARGS__))
#define GET(trial, ...) must_get (trial, &(struct lr_get_args) LR_GET_ARGS (__VA_ARGS__))
#define RESOLVE_USER(trial, who)                                                                   \
  must_resolve_user (trial, &(struct lr_resolve_args) LR_RESOLVE_ARGS (.name = (who)))
#define RESOLVE_GROUP(trial, who)                                                                  \
  must_resolve_group (trial, &(struct lr_resolve_args) LR_RESOLVE_ARGS (.name = (who)))
#define QUERY_USER(trial, ...)                                                                     \
  must_query_user (trial, &(struct lr_query_user_args) LR_QUERY_USER_ARGS (__VA_ARGS__))
#define QUERY_GROUP(trial, ...)                                                                    \
  must_query_group (trial, &(struct lr_query_group_args) LR_QUERY_GROUP_ARGS (__VA_ARGS__))
#define GETENV(trial, name)                                                                        \
  must_getenv (trial, &(struct lr_getenv_args) LR_GETENV_ARGS (.key = (name)))
#define LIST(trial, ...) must_list (trial, &(struct lr_list_args) LR_LIST_ARGS (__VA_ARGS__))
#define MAKE_DIRECTORY(trial, ...)                                                                 \
  must_make_directory (trial, &(struct lr_make_directory_args) LR_MAKE_DIRECTORY_ARGS (__VA_ARGS__))
#define REMOVE(trial, ...)                                                                         \
  must_remove (trial, &(struct lr_remove_args) LR_REMOVE_ARGS (__VA_ARGS__))
#define RENAME(trial, ...)                                                                         \
  must_rename (trial, &(struct lr_rename_args) LR_RENAME_ARGS (__VA_ARGS__))
#define LINK(trial, ...) must_link (trial, &(struct lr_link_args) LR_LINK_ARGS (__VA_ARGS__))
#define READ_LINK(trial, ...)                                                                      \
  must_read_link (trial, &(struct lr_path_args) LR_PATH_ARGS (__VA_ARGS__))
#define SET_ATTRIBUTES(trial, ...)                                                                 \
  must_set_attributes (trial, &(struct lr_set_attributes_args) LR_SET_ATTRIBUTES_ARGS (__VA_ARGS__))
#define MAKE_TEMPORARY(trial, ...)                                                                 \
  must_make_temporary (trial, &(struct lr_make_temporary_args) LR_MAKE_TEMPORARY_ARGS (__VA_ARGS__))
#define FILE_SYSTEM(trial, ...)                                                                    \
  must_file_system (trial, &(struct lr_path_args) LR_PATH_ARGS (__VA_ARGS__))

#define RUN_FAILS(trial, wanted, ...)                                                              \
  run_fails (trial, wanted, &(struct lr_run_args) LR_RUN_ARGS (__VA_ARGS__))
#define STAT_FAILS(trial, wanted, ...)                                                             \
  stat_fails (trial, wanted, &(struct lr_stat_args) LR_STAT_ARGS (__VA_ARGS__))
#define UPLOAD_FAILS(trial, wanted, ...)                                                           \
  upload_fails (trial, wanted, &(struct lr_upload_args) LR_UPLOAD_ARGS (__VA_ARGS__))
#define DOWNLOAD_FAILS(trial, wanted, ...)                                                         \
  download_fails (trial, wanted, &(struct lr_download_args) LR_DOWNLOAD_ARGS (__VA_ARGS__))
#define PUT_FAILS(trial, wanted, ...)                                                              \
  put_fails (trial, wanted, &(struct lr_put_args) LR_PUT_ARGS (__VA_ARGS__))
#define GET_FAILS(trial, wanted, ...)                                                              \
  get_fails (trial, wanted, &(struct lr_get_args) LR_GET_ARGS (__VA_ARGS__))
#define RESOLVE_USER_FAILS(trial, wanted, who)                                                     \
  resolve_user_fails (trial, wanted, &(struct lr_resolve_args) LR_RESOLVE_ARGS (.name = (who)))
#define RESOLVE_GROUP_FAILS(trial, wanted, who)                                                    \
  resolve_group_fails (trial, wanted, &(struct lr_resolve_args) LR_RESOLVE_ARGS (.name = (who)))
#define QUERY_USER_FAILS(trial, wanted, ...)                                                       \
  query_user_fails (trial, wanted, &(struct lr_query_user_args) LR_QUERY_USER_ARGS (__VA_ARGS__))
#define QUERY_GROUP_FAILS(trial, wanted, ...)                                                      \
  query_group_fails (trial, wanted, &(struct lr_query_group_args) LR_QUERY_GROUP_ARGS (__VA_ARGS__))
#define LIST_FAILS(trial, wanted, ...)                                                             \
  list_fails (trial, wanted, &(struct lr_list_args) LR_LIST_ARGS (__VA_ARGS__))
#define MAKE_DIRECTORY_FAILS(trial, wanted, ...)                                                   \
  make_directory_fails (trial, wanted,                                                             \
                        &(struct lr_make_directory_args) LR_MAKE_DIRECTORY_ARGS (__VA_ARGS__))
#define REMOVE_FAILS(trial, wanted, ...)                                                           \
  remove_fails (trial, wanted, &(struct lr_remove_args) LR_REMOVE_ARGS (__VA_ARGS__))
#define RENAME_FAILS(trial, wanted, ...)                                                           \
  rename_fails (trial, wanted, &(struct lr_rename_args) LR_RENAME_ARGS (__VA_ARGS__))
#define LINK_FAILS(trial, wanted, ...)                                                             \
  link_fails (trial, wanted, &(struct lr_link_args) LR_LINK_ARGS (__VA_ARGS__))
#define READ_LINK_FAILS(trial, wanted, ...)                                                        \
  read_link_fails (trial, wanted, &(struct lr_path_args) LR_PATH_ARGS (__VA_ARGS__))
#define SET_ATTRIBUTES_FAILS(trial, wanted, ...)                                                   \
  set_attributes_fails (trial, wanted,                                                             \
                        &(struct lr_set_attributes_args) LR_SET_ATTRIBUTES_ARGS (__VA_ARGS__))
#define MAKE_TEMPORARY_FAILS(trial, wanted, ...)                                                   \
  make_temporary_fails (trial, wanted,                                                             \
                        &(struct lr_make_temporary_args) LR_MAKE_TEMPORARY_ARGS (__VA_ARGS__))
#define FILE_SYSTEM_FAILS(trial, wanted, ...)                                                      \
  file_system_fails (trial, wanted, &(struct lr_path_args) LR_PATH_ARGS (__VA_ARGS__))

#define OPERATION_(name, args_type, result_type)                                                   \
  result_type *must_##name (struct trial *trial, const struct args_type *args);                    \
  void name##_fails (struct trial *trial, struct failure wanted, const struct args_type *args);
OPERATION_ (run, lr_run_args, struct lr_run_result)
OPERATION_ (stat, lr_stat_args, struct lr_stat_result)
OPERATION_ (download, lr_download_args, struct lr_download_result)
OPERATION_ (put, lr_put_args, struct lr_put_result)
OPERATION_ (get, lr_get_args, struct lr_get_result)
OPERATION_ (resolve_user, lr_resolve_args, char)
OPERATION_ (resolve_group, lr_resolve_args, char)
OPERATION_ (query_user, lr_query_user_args, struct lr_user_entry)
OPERATION_ (query_group, lr_query_group_args, struct lr_group_entry)
OPERATION_ (getenv, lr_getenv_args, char)
OPERATION_ (list, lr_list_args, struct lr_list_result)
OPERATION_ (read_link, lr_path_args, char)
OPERATION_ (make_temporary, lr_make_temporary_args, char)
OPERATION_ (file_system, lr_path_args, struct lr_file_system_info)
#undef OPERATION_

/* Those without a result.  */
#define OPERATION_(name)                                                                           \
  void must_##name (struct trial *trial, const struct lr_##name##_args *args);                     \
  void name##_fails (struct trial *trial, struct failure wanted,                                   \
                     const struct lr_##name##_args *args);
OPERATION_ (upload)
OPERATION_ (make_directory)
OPERATION_ (remove)
OPERATION_ (rename)
OPERATION_ (link)
OPERATION_ (set_attributes)
#undef OPERATION_

/* SCRIPT, run by sh, whose output is returned as text; with the word that is its $1.  */
const char *shell_1 (struct trial *trial, const char *script, const char *word);
const char *shell (struct trial *trial, const char *script);

/* The file has to be there.  */
const struct lr_stat_result *stat_there (struct trial *trial, const char *path);

/* ---- submitted operations ---- */

struct answer
{
  int count; /* how often it was given */
  int status;
  void *result;
  struct lr_error error;
  lr_connection *connection; /* borrowed; NULL when it was closed */
  uint64_t id;
};

/* The answer is the trial's.  */
struct answer *submit (struct trial *trial, enum lr_operation operation, const void *args);

#define SUBMIT_RUN(trial, ...)                                                                     \
  submit (trial, LR_OPERATION_RUN, &(struct lr_run_args) LR_RUN_ARGS (__VA_ARGS__))
#define SUBMIT_STAT(trial, ...)                                                                    \
  submit (trial, LR_OPERATION_STAT, &(struct lr_stat_args) LR_STAT_ARGS (__VA_ARGS__))
#define SUBMIT_UPLOAD(trial, ...)                                                                  \
  submit (trial, LR_OPERATION_UPLOAD, &(struct lr_upload_args) LR_UPLOAD_ARGS (__VA_ARGS__))
#define SUBMIT_DOWNLOAD(trial, ...)                                                                \
  submit (trial, LR_OPERATION_DOWNLOAD, &(struct lr_download_args) LR_DOWNLOAD_ARGS (__VA_ARGS__))

/* Let the loop run until it is there, and expect that it is there once.  */
void await (struct trial *trial, const struct answer *answer, const char *what);

/* ---- processes ---- */

#define SPAWN(trial, ...) must_spawn (trial, &(struct lr_spawn_args) LR_SPAWN_ARGS (__VA_ARGS__))
lr_process *must_spawn (struct trial *trial, const struct lr_spawn_args *args);

/* Free what SPAWN has given.  */
void free_now (struct trial *trial, lr_process *process);

/* Wait until all is over.  */
struct lr_process_status finish (struct trial *trial, lr_process *process);

/* Wait for SIZE bytes of STREAM, or its end, and take them.  */
struct lr_bytes take (struct trial *trial, lr_process *process, enum lr_stream stream, size_t size);

/* Wait for a line of its output, or its end, and take it.  */
const char *take_line (struct trial *trial, lr_process *process);

/* Expect that TEXT comes on its output.  */
void expect_output (struct trial *trial, lr_process *process, const char *text);

/* Give its input all of it.  */
void give (struct trial *trial, lr_process *process, struct lr_bytes bytes);

/* Wait until process PID at the far side is gone; needs SH and PROC.  */
void wait_until_gone (struct trial *trial, int64_t pid, const char *who);

/* The number that a command writes into the file PATH, once it is there.  */
int64_t wait_for_number (struct trial *trial, const char *path);

#endif
