/* longreach: reach any host by URL.  The interface for applications.

   The operations are those of the connector interface of Fora, a Python tool; "Mirrors" says of
   each which method that is.

   Conventions, true of every function here:

   - A call returns 0, or -1 and fills *ERROR, which the caller owns; ERROR may be NULL.
   - The arguments of an operation are one structure; LR_RUN_ARGS (...) and its sisters set its
     size.  Zero is every member's default.  The structure is only read during the call.
   - A result pointer is set to NULL on entry, and on success to one result that lr_free frees,
     whatever it points to included.
   - Names and paths are bytes without NUL; encoding is the far side's business.
   - Times to wait are in milliseconds.
   - A loop, its connections and their processes belong to one thread at a time.  A registry may be
     used by any.  */

#ifndef LONGREACH_LONGREACH_H
#define LONGREACH_LONGREACH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#  define LR_BEGIN_DECLS_                                                                          \
    extern "C"                                                                                     \
    {
#  define LR_END_DECLS_ }
#else
#  define LR_BEGIN_DECLS_
#  define LR_END_DECLS_
#endif

LR_BEGIN_DECLS_

/* ---- values ---- */

/* Bytes, always followed by a NUL that SIZE (in bytes) does not count.  Absent is DATA NULL;
   empty is SIZE 0 and DATA not NULL.  As an argument the NUL is not needed.  */
struct lr_bytes
{
  const char *data;
  size_t size;
};

/* A truth value as wide as every other member of an interface structure.  */
typedef uint64_t lr_flag;

/* A time to wait that does not end.  */
#define LR_NEVER UINT64_MAX

/* ---- errors ---- */

enum lr_error_kind
{
  LR_ERROR_NONE = 0,
  LR_ERROR_INVALID_VALUE, /* Fora's ValueError; `field` names the value */
  LR_ERROR_REMOTE_OS,     /* Fora's RemoteOSError; `errnum` is the far side's errno */
  LR_ERROR_IO,            /* Fora's IOError; the connection failed or is gone */
  LR_ERROR_EXIT_STATUS,   /* Fora's CalledProcessError; the one error that leaves a result */
  LR_ERROR_NO_CONNECTOR,  /* no connector has the schema */
  LR_ERROR_PLUGIN,        /* a plugin is there but can't be used */
  LR_ERROR_UNSUPPORTED,   /* the connector, or this version, can't do this */
  LR_ERROR_TIMEOUT,       /* the time that was given is over */
  LR_ERROR_CANCELLED,     /* lr_cancel, or the connection was closed */
  LR_ERROR_NO_MEMORY,
};

/* What went wrong.  Owned by the caller; nothing in it needs freeing.  It is 2048 bytes for ever:
   new members come out of `reserved`.  Bytes from the far side appear with control characters and
   bytes that are not UTF-8 as \xNN, so that every text here can go to a terminal.  */
struct lr_error
{
  enum lr_error_kind kind;
  int32_t errnum;      /* errno at the far side, or here for LR_ERROR_IO; 0: none */
  int32_t hop;         /* index of the hop that failed, from 0; -1: no one hop */
  int32_t exit_status; /* LR_ERROR_EXIT_STATUS: the returncode, -N for signal N */
  char host[256];      /* the far side's host name, "" where there is none yet */
  char field[64];      /* the argument, member or option that is wrong, or "" */
  char message[1024];  /* a sentence for the person who must act, without a final stop */
  char reserved[688];
};

/* The kind's name in lower case, "remote-os"; for logs and machine-readable output.  */
const char *lr_error_kind_name (enum lr_error_kind kind);

/* ---- results ---- */

/* Free what any function here returned through a result pointer.  NULL is allowed.  */
void lr_free (void *result);

/* ---- registry: the connectors known, and where to find more ---- */

typedef struct lr_registry lr_registry;
struct lr_connector;

/* A registry that searches, first match wins: the directories given with
   lr_registry_add_directory, those in LONGREACH_PLUGIN_PATH (colon-separated; ignored in a set-id
   program), those of the user's and the system's longreach.conf, and the compiled-in plugin
   directory.  NULL without memory.  Registries are independent of each other.

   Plugins, configuration files and dispatchers are used only if nobody else could have written
   them: each, and every directory on its real path, must belong to root, to this process' user or
   to the owner of the library, and be writable by none but these.  */
lr_registry *lr_registry_new (void);

/* Free REGISTRY; its connections must be closed.  Plugins stay loaded until the program ends.  */
void lr_registry_free (lr_registry *registry);

/* Search DIRECTORY, which must be absolute, after those added before and before all others.
   Errors: INVALID_VALUE (`directory`).  A directory that does not exist is not an error.  */
int lr_registry_add_directory (lr_registry *registry, const char *directory,
                               struct lr_error *error);

/* Register a connector that is compiled into the program; it comes before every plugin of its
   schema.  CONNECTOR and all it points to must outlive REGISTRY.
   Errors: PLUGIN, the table makes no sense; INVALID_VALUE (`schema`), registered already.  */
int lr_registry_add_connector (lr_registry *registry, const struct lr_connector *connector,
                               struct lr_error *error);

/* Read the configuration FILE, which has to be there, instead of the usual ones; NULL: none.  It is
   read when it is first needed, and kept; after that it is too late to change it.
   Errors: INVALID_VALUE (`file`), not absolute, or too late.  */
int lr_registry_set_config (lr_registry *registry, const char *file, struct lr_error *error);

/* Make sure that SCHEMA's connector is loaded.
   Errors: NO_CONNECTOR; PLUGIN, its plugin can't be used; INVALID_VALUE (`longreach.conf`), a
   mistake in a configuration file, which all functions here report that need it.  */
int lr_registry_load (lr_registry *registry, const char *schema, struct lr_error *error);

/* Where a connector, or a setting, was found.  */
enum lr_source
{
  LR_SOURCE_BUILT_IN,    /* lr_registry_add_connector */
  LR_SOURCE_PROGRAM,     /* lr_registry_add_directory */
  LR_SOURCE_ENVIRONMENT, /* LONGREACH_PLUGIN_PATH */
  LR_SOURCE_INSTALLED,   /* the compiled-in directory */
  LR_SOURCE_USER,        /* the user's longreach.conf */
  LR_SOURCE_SYSTEM,      /* the system's */
};

/* One connector that a registry can see.  Absent texts are NULL.  */
struct lr_connector_info
{
  const char *schema; /* NULL where the file could not be read */
  const char *description;
  const char *version;     /* of its plugin */
  const char *file;        /* the plugin's path */
  const char *directory;   /* of the search path, in which the file was found */
  const char *shadowed_by; /* the file that serves this schema instead */
  const char *problem;     /* why it can't be used: a sentence */
  uint32_t abi;
  uint32_t source; /* enum lr_source */
};

struct lr_connector_list
{
  size_t count;
  const struct lr_connector_info *const *items;
};

/* List all connectors, those that are shadowed or can't be used included, in search order.  Reads
   the notes in the plugins and runs no plugin code.  */
int lr_registry_list (lr_registry *registry, struct lr_connector_list **result,
                      struct lr_error *error);

/* The lower-case name of SOURCE: "program", "environment".  */
const char *lr_source_name (enum lr_source source);

/* An option of a connector, as `NAME=VALUE` in a URL.  */
struct lr_option_info
{
  const char *name;
  const char *type;    /* "string", "path", "boolean", "number", "choice", "words" */
  const char *choices; /* "a|b|c"; NULL but for a choice */
  const char *help;    /* a sentence */
  lr_flag repeats;     /* it may be given more than once */
};

/* Who carries out an operation.  */
enum lr_provider
{
  LR_PROVIDER_NONE,       /* it is unsupported */
  LR_PROVIDER_CONNECTOR,  /* the connector itself */
  LR_PROVIDER_DISPATCHER, /* the dispatcher at the far side */
};

struct lr_operation_info
{
  const char *name;  /* "run", "resolve_user" */
  uint64_t provider; /* enum lr_provider */
};

/* What a connector's table says.  */
struct lr_connector_description
{
  const char *schema;
  const char *description;
  const char *url; /* how its URLs are written: "ssh:[user@]host[:port]" */
  size_t option_count;
  const struct lr_option_info *const *options; /* its own, then those of every dispatcher */
  size_t operation_count;
  const struct lr_operation_info *const *operations;
};

/* Describe the connector of SCHEMA.  Its plugin is loaded, and no other.  Errors: as
   lr_registry_load.  */
int lr_registry_describe (lr_registry *registry, const char *schema,
                          struct lr_connector_description **result, struct lr_error *error);

/* The directories that REGISTRY searches, in order, as one text, one a line.  */
int lr_registry_search_path (lr_registry *registry, char **result, struct lr_error *error);

/* One setting, as `longreach config` shows it.  Absent texts are NULL.  */
struct lr_setting
{
  const char *section; /* "longreach", "schema ssh", "host web1"; NULL: it is of no file */
  const char *name;    /* "path", "url", an option; of no file: a variable of the environment */
  const char *value;
  const char *file;
  uint32_t line;       /* in FILE; 0 without one */
  uint32_t source;     /* enum lr_source */
  uint32_t overridden; /* 1: another one, before it, counts instead */
  uint32_t reserved;
};

struct lr_setting_list
{
  size_t count;
  const struct lr_setting *const *items;
};

/* List all that is set: by the program, the environment, configuration files, and by how the
   library was built, in the order in which they count.  A mistake in a configuration file leaves in
   *RESULT what is right.  */
int lr_registry_settings (lr_registry *registry, struct lr_setting_list **result,
                          struct lr_error *error);

enum lr_log_level
{
  LR_LOG_INFO,  /* what was loaded and started */
  LR_LOG_DEBUG, /* each packet, by name */
};

/* Takes one line, without its end.  It must not call back into the library.  */
typedef void lr_log_function (void *data, enum lr_log_level level, const char *line);

/* Send what is logged of REGISTRY, and of connections opened from now on, to FUNCTION, in the
   thread that makes the call; NULL: nowhere, which is the default.  */
void lr_registry_set_log (lr_registry *registry, lr_log_function *function, void *data);

/* ---- loops: many connections in one thread ----

   Whoever only makes blocking calls needs none.  A loop holds any number of connections behind one
   descriptor, so that it runs by itself (lr_loop_dispatch with LR_NEVER) or inside another event
   loop: wait until lr_loop_descriptor is readable, then call lr_loop_dispatch with 0.

   What is submitted to a loop is answered through a callback, exactly once.  Callbacks run in
   lr_loop_dispatch, and in lr_loop_free, and nowhere else.  In a callback everything may be called
   but what waits: a blocking call, lr_open and lr_loop_dispatch refuse, with INVALID_VALUE
   (`loop`), and lr_loop_free must not be called.  */

typedef struct lr_loop lr_loop;

/* Errors: IO, with errno; NO_MEMORY.  */
int lr_loop_new (lr_loop **result, struct lr_error *error);

/* Free LOOP; its connections must be closed.  Runs the callbacks that are left, and waits for the
   transports that are still ending.  NULL is allowed.  */
void lr_loop_free (lr_loop *loop);

/* A descriptor that is readable when lr_loop_dispatch has something to do.  It stays LOOP's, and
   the same.  */
int lr_loop_descriptor (lr_loop *loop);

/* Wait up to TIMEOUT milliseconds until there is something to do, do it, and run the callbacks.
   Returns how many ran, or -1.  Errors: INVALID_VALUE (`loop`), called in a callback; IO.  */
int lr_loop_dispatch (lr_loop *loop, uint64_t timeout, struct lr_error *error);

/* Let lr_loop_dispatch, or the one that comes next, return at once.  The one function here that any
   thread, or a signal handler, may call on a loop that is another's.  */
void lr_loop_wake (lr_loop *loop);

/* What is called when something submitted has ended.  STATUS is 0, or -1 and *ERROR says why, which
   is borrowed, and NULL on success.  RESULT is what the blocking call of the operation would have
   returned, or NULL; it is the callback's, which frees it with lr_free.  */
typedef void lr_callback (void *data, int status, void *result, const struct lr_error *error);

/* ---- questions ----

   What a hop's program asks, as ssh asks for a password, a passphrase, or whether a host's key is
   the right one, is passed on to the application that opens the connection.  The application
   answers each question once: in the callback, or later, also after the connection has ended.  The
   time of lr_open_args does not run while a question is open.  */

typedef struct lr_prompt lr_prompt;

/* PROMPT is the callback's, until it is answered.  It runs as other callbacks do, but also inside
   of lr_open, which waits for the answer: there it answers before it returns.  */
typedef void lr_prompt_callback (void *data, lr_prompt *prompt);

/* Texts live as long as PROMPT.  */
const char *lr_prompt_text (const lr_prompt *prompt); /* as the program has it, for a person */
const char *lr_prompt_host (const lr_prompt *prompt); /* the hop's */
int lr_prompt_hop (const lr_prompt *prompt);          /* its index in the target, from 0 */
int lr_prompt_is_secret (const lr_prompt *prompt);    /* the answer is not to be shown */

/* Answer PROMPT, which is gone after this.  ANSWER, a line without its newline, is copied, and
   wiped after its use; NULL: refuse.  */
void lr_prompt_answer (lr_prompt *prompt, const char *answer);

/* ---- connections ---- */

typedef struct lr_connection lr_connection;

struct lr_open_args
{
  uint32_t size;
  uint32_t lease; /* seconds of silence after which the far side takes this end for gone, and ends
                     what it does for it; 0: never.  It is heard of in time while the loop runs: who
                     makes blocking calls must not pause for so long between them */
  const char *url;
  const char *const *options; /* "NAME=VALUE", ended by NULL, for the last hop; not
                                 percent-decoded.  NULL: none */
  lr_loop *loop;              /* the connection belongs to it; NULL: to one of its own */
  uint64_t timeout_ms;        /* for all of opening.  0: a minute; LR_NEVER */
  uint64_t keep_alive_ms;     /* after so long a silence the far side is asked for a sign of life,
                                 and after as long again the connection fails.  0: 30 seconds;
                                 LR_NEVER */
  lr_prompt_callback *prompt; /* answers questions.  NULL: nobody does, and what would be asked is
                                 an error */
  void *prompt_data;          /* for it */
};

/* Open the target URL and leave a connection in *RESULT; close it with lr_close.  REGISTRY NULL:
   a registry of its own, with nothing added.  Mirrors: Connector.open. Errors: INVALID_VALUE
   (`url`, `loop` or an option's name), NO_CONNECTOR, PLUGIN, UNSUPPORTED, TIMEOUT, IO.  */
int lr_open (lr_registry *registry, const struct lr_open_args *args, lr_connection **result,
             struct lr_error *error);

/* The same without waiting; ARGS must name a loop.  0, and CALLBACK will be told whether it is
   open; or -1, when it can't be tried, and CALLBACK is not called.  *RESULT can be used at once:
   what is submitted waits until it is open, and fails if it never is.  It is to be closed in
   either case.  */
int lr_submit_open (lr_registry *registry, const struct lr_open_args *args, lr_callback *callback,
                    void *data, lr_connection **result, struct lr_error *error);

/* Close CONNECTION and free it: what still runs at the far side for it is ended there, and what is
   submitted is answered with CANCELLED.  A connection with a loop of its own is waited for until
   the far side has ended; another one ends while its loop is dispatched.  Its processes are over
   then, and stay until they are freed.  NULL is allowed.  Mirrors: Connector.close.  */
void lr_close (lr_connection *connection);

/* The host's name in URL, by the rules of its last hop's connector; nothing is opened.
   Mirrors: Connector.extract_hostname.
   Errors: INVALID_VALUE (`url`), NO_CONNECTOR, PLUGIN.  */
int lr_extract_hostname (lr_registry *registry, const char *url, char **result,
                         struct lr_error *error);

/* ---- explaining targets ---- */

enum lr_hop_state
{
  LR_HOP_UNTRIED = 0,
  LR_HOP_OPENING,
  LR_HOP_OPEN,
  LR_HOP_FAILED,
};

/* One hop of a target.  Absent texts are NULL.  */
struct lr_hop_info
{
  const char *schema;
  const char *description;    /* of its connector */
  const char *file;           /* its plugin; NULL: it is built into the program */
  const char *host;           /* as errors name it */
  const char *const *command; /* what is run where the hop starts, ended by NULL.  The script that
                                 brings a dispatcher appears as the word SCRIPT, and the word by
                                 which this one connection is known as NONCE.  NULL: nothing is */

  /* Of a connection only: */
  uint64_t state;        /* enum lr_hop_state */
  uint64_t opening_ms;   /* until the dispatcher answered, it failed, or now */
  const char *system;    /* "Linux x86_64", where it was asked */
  const char *directory; /* where a dispatcher was put; NULL: nowhere, or not yet */
  const char *version;   /* of the dispatcher */
  const char *problem;   /* why it failed: a sentence */
};

struct lr_hop_list
{
  size_t count;
  const struct lr_hop_info *const *items;
};

/* Explain where ARGS lead, and how, hop by hop.  Nothing is started.  Plugins of the schemas are
   loaded.  Errors: as lr_open's, as far as they don't come from going there.  */
int lr_explain (lr_registry *registry, const struct lr_open_args *args, struct lr_hop_list **result,
                struct lr_error *error);

/* The same of a connection, and what has come of it so far.  It may still be opening, or have
   failed.  Errors: NO_MEMORY.  */
int lr_inspect (lr_connection *connection, struct lr_hop_list **result, struct lr_error *error);

/* ---- operations ----

   Besides the errors they name, all of them can fail with IO (the connection failed; it can only
   be closed), UNSUPPORTED (the connector does not do this), NO_MEMORY and, where timeout_ms is set,
   TIMEOUT.  REMOTE_OS carries the far side's errno.

   After TIMEOUT the connection can still be used, unless it is one with protocol=plain, which has
   no way to take a request back: that one is broken then.

   Each is a call that waits, and a request for lr_submit.  */

struct lr_run_args
{
  uint32_t size;
  uint32_t reserved;
  const char *const *command; /* program and arguments, ended by NULL; no shell is involved */
  struct lr_bytes input;      /* its standard input; absent: /dev/null */
  lr_flag no_capture;         /* its output goes to /dev/null */
  lr_flag no_check;           /* a returncode other than 0 is not an error */
  const char *user;           /* name or decimal id, with that user's groups; NULL: the
                                 dispatcher's */
  const char *group;          /* name or decimal id; NULL: the user's primary group */
  const char *umask;          /* octal; NULL: 077 */
  const char *cwd;            /* working directory; NULL: the dispatcher's */
  uint64_t output_limit;      /* bytes of each output that are kept at most; more is an error.
                                 0: 2 GiB */
  uint64_t timeout_ms;        /* then it is sent SIGTERM, five seconds later SIGKILL, and the call
                                 fails with TIMEOUT.  0: none */
  const char *const *environment; /* "NAME=VALUE", ended by NULL: added to the dispatcher's */
  const char *const *unset;       /* names, ended by NULL: taken out of it before */
  lr_flag linger; /* who still holds its outputs when it has ended is waited for no longer than
                     linger_ms; else until they let go, as ssh does */
  uint64_t linger_ms;
};

struct lr_run_result
{
  struct lr_bytes stdout_bytes; /* absent with no_capture */
  struct lr_bytes stderr_bytes;
  int64_t returncode; /* exit status, or -N for signal N */

  /* What the command and its children used; 0 where the connector doesn't say.  */
  uint64_t user_time_ns;
  uint64_t system_time_ns;
  uint64_t max_resident; /* bytes */
};

/* Run a command and wait for it.  Mirrors: Connector.run.
   Errors: EXIT_STATUS, *RESULT is set all the same; INVALID_VALUE (`command`, `user`, `group`,
   `umask`, `cwd`, `environment`, `unset`; `command` also where ids, umask or directory could not be
   set; `output_limit`, there is more output, and the connection can still be used); REMOTE_OS, the
   program can't be executed (errnum ENOENT, EACCES, ...).  */
int lr_run (lr_connection *connection, const struct lr_run_args *args,
            struct lr_run_result **result, struct lr_error *error);

enum lr_file_type
{
  LR_FILE_OTHER = 0,
  LR_FILE_REGULAR,
  LR_FILE_DIRECTORY,
  LR_FILE_LINK,
  LR_FILE_FIFO,
  LR_FILE_SOCKET,
  LR_FILE_CHARACTER,
  LR_FILE_BLOCK,
};

/* The word for TYPE: "file", "dir", "link", "fifo", "sock", "chr", "blk", "other".  */
const char *lr_file_type_name (enum lr_file_type type);

struct lr_stat_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  lr_flag follow_links; /* describe what a link leads to, not the link */
  lr_flag sha512sum;    /* also the digest, of a regular file */
  uint64_t timeout_ms;  /* 0: none; so in all that follow */
};

/* Results have their size too: a connector that answers may be older than the library.  */
struct lr_stat_result
{
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t type; /* enum lr_file_type */
  uint64_t mode; /* permission bits, 07777 */
  const char *owner;
  const char *group; /* names, or decimal ids where there is no name */
  uint64_t size;     /* bytes */
  int64_t mtime_ns;
  int64_t ctime_ns;          /* nanoseconds since the epoch */
  struct lr_bytes sha512sum; /* 64 bytes, or absent */
};

/* Describe a file.  A file that is not there is no error: 0, and *RESULT stays NULL.
   Mirrors: Connector.stat.  Errors: REMOTE_OS.  */
int lr_stat (lr_connection *connection, const struct lr_stat_args *args,
             struct lr_stat_result **result, struct lr_error *error);

struct lr_upload_args
{
  uint32_t size;
  uint32_t reserved;
  const char *file;
  struct lr_bytes content; /* absent is the same as empty */
  const char *mode;        /* octal; NULL: 600 */
  const char *owner;       /* name or decimal id; NULL: the dispatcher's user */
  const char *group;       /* NULL: the owner's primary group, or the dispatcher's group */
  lr_flag preserve;        /* what of the three is NULL comes from the file that is replaced, if
                              there is one */
  uint64_t timeout_ms;
};

/* Replace or create a file, whole or not at all.  Mirrors: Connector.upload.
   Errors: INVALID_VALUE (`mode`, `owner`, `group`), REMOTE_OS.  */
int lr_upload (lr_connection *connection, const struct lr_upload_args *args,
               struct lr_error *error);

struct lr_download_args
{
  uint32_t size;
  uint32_t reserved;
  const char *file;
  uint64_t limit; /* bytes at most; more is an error.  0: 2 GiB */
  uint64_t timeout_ms;
};

struct lr_download_result
{
  struct lr_bytes content;
};

/* Fetch a file.  Mirrors: Connector.download.
   Errors: INVALID_VALUE (`file`), it is not there; INVALID_VALUE (`limit`), it is larger, and the
   connection can still be used; REMOTE_OS.  */
int lr_download (lr_connection *connection, const struct lr_download_args *args,
                 struct lr_download_result **result, struct lr_error *error);

struct lr_resolve_args
{
  uint32_t size;
  uint32_t reserved;
  const char *name; /* name or decimal id; NULL: the dispatcher's own */
  uint64_t timeout_ms;
};

/* The canonical name of a user or a group.  Mirror: Connector.resolve_user, resolve_group.
   Errors: INVALID_VALUE (`user`; `group`), unknown; REMOTE_OS.  */
int lr_resolve_user (lr_connection *connection, const struct lr_resolve_args *args, char **result,
                     struct lr_error *error);
int lr_resolve_group (lr_connection *connection, const struct lr_resolve_args *args, char **result,
                      struct lr_error *error);

struct lr_query_user_args
{
  uint32_t size;
  uint32_t reserved;
  const char *user;      /* name or decimal id */
  lr_flag password_hash; /* also the hash from shadow */
  uint64_t timeout_ms;
};

struct lr_user_entry
{
  uint32_t struct_size;
  uint32_t reserved;
  const char *name;
  int64_t uid;
  const char *group; /* the primary group, or its decimal id where it has no name */
  int64_t gid;
  const char *const *groups; /* supplementary groups, ended by NULL */
  const char *password_hash; /* NULL unless asked for */
  const char *gecos;
  const char *home;
  const char *shell;
};

/* The far side's entry of a user.  Mirrors: Connector.query_user.
   Errors: INVALID_VALUE (`user`), unknown, or without a shadow entry if its hash was asked for;
   REMOTE_OS, EACCES where shadow can't be read.  */
int lr_query_user (lr_connection *connection, const struct lr_query_user_args *args,
                   struct lr_user_entry **result, struct lr_error *error);

struct lr_query_group_args
{
  uint32_t size;
  uint32_t reserved;
  const char *group; /* name or decimal id */
  uint64_t timeout_ms;
};

struct lr_group_entry
{
  uint32_t struct_size;
  uint32_t reserved;
  const char *name;
  int64_t gid;
  const char *const *members; /* user names, ended by NULL */
};

/* The far side's entry of a group.  Mirrors: Connector.query_group.
   Errors: INVALID_VALUE (`group`), unknown; REMOTE_OS.  */
int lr_query_group (lr_connection *connection, const struct lr_query_group_args *args,
                    struct lr_group_entry **result, struct lr_error *error);

struct lr_getenv_args
{
  uint32_t size;
  uint32_t reserved;
  const char *key;
  uint64_t timeout_ms;
};

/* A variable of the dispatcher's environment; one that is not set is no error: 0, and *RESULT
   stays NULL.  Mirrors: Connector.getenv.  */
int lr_getenv (lr_connection *connection, const struct lr_getenv_args *args, char **result,
               struct lr_error *error);

/* The home directory of USER (name or decimal id), or of the dispatcher's user where USER is
   NULL. Errors: INVALID_VALUE (`user`), REMOTE_OS.  */
int lr_home_dir (lr_connection *connection, const char *user, char **result,
                 struct lr_error *error);

/* Ask the dispatcher for a sign of life: one round trip.  A connector that implements its
   operations itself has no dispatcher: UNSUPPORTED.  */
int lr_ping (lr_connection *connection, struct lr_error *error);

/* For lr_submit, with a limit.  */
struct lr_ping_args
{
  uint32_t size;
  uint32_t reserved;
  uint64_t timeout_ms;
};

/* ---- file systems ----

   With protocol=plain there are none of these: UNSUPPORTED.  What is not there is an error:
   REMOTE_OS, with ENOENT.  */

struct lr_list_result;

/* Is given a page of the entries, as they come: one to 1024 of them, which are borrowed.  It
   returns 0 to go on; anything else is enough, and ends the listing, with success, at the far side
   too.  A callback, so the rules for those hold; of a blocking call it runs in there, and must not
   close the connection.  */
typedef int lr_list_page (void *data, const struct lr_list_result *page);

struct lr_list_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  lr_flag itself;    /* describe what has the path, and not what is in that directory */
  lr_flag no_follow; /* a link at the end of the path is not followed */
  uint64_t limit;    /* bytes of all descriptions as they come; more is an error.  0: 2 GiB; with
                        `page` any number */
  uint64_t timeout_ms;
  lr_list_page *page; /* gets the entries, of which no more than a page and what is under way is
                         kept; there is no result then.  NULL: they are the result */
  void *page_data;    /* for it */
};

struct lr_directory_entry
{
  uint32_t struct_size;
  uint32_t reserved;
  const char *name; /* in its directory: never with a slash, "." or ".."; of `itself` the path */
  uint64_t type;    /* enum lr_file_type */
  uint64_t mode;    /* permission bits, 07777 */
  const char *owner;
  const char *group;  /* names, or decimal ids where there is no name */
  uint64_t file_size; /* bytes */
  int64_t mtime_ns;
  int64_t ctime_ns; /* nanoseconds since the epoch */
  uint64_t device;
  uint64_t inode;     /* both the same: it is one file */
  uint64_t links;     /* how many names that has; 0: only name, type and inode are known */
  uint64_t blocks;    /* of 512 bytes that it takes */
  const char *target; /* of a link; NULL: it is none */
};

struct lr_list_result
{
  size_t count;
  const struct lr_directory_entry *const *items;
};

/* List a directory, in no order, without "." and "..".  Each entry is described itself, and not
   what a link leads to.  RESULT may be NULL.
   Errors: REMOTE_OS; INVALID_VALUE (`limit`), it is larger.  */
int lr_list (lr_connection *connection, const struct lr_list_args *args,
             struct lr_list_result **result, struct lr_error *error);

struct lr_make_directory_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  const char *mode;  /* octal; NULL: 700 */
  const char *owner; /* name or decimal id; NULL: what the system gives it */
  const char *group; /* NULL: the owner's primary group, or what the system gives it */
  lr_flag parents;   /* also those above that are missing, all with the same attributes; that it is
                        there already is no error */
  uint64_t timeout_ms;
};

/* Make a directory.  Errors: INVALID_VALUE (`mode`, `owner`, `group`), REMOTE_OS.  */
int lr_make_directory (lr_connection *connection, const struct lr_make_directory_args *args,
                       struct lr_error *error);

struct lr_remove_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  lr_flag recursive; /* a directory with all that is in it */
  uint64_t timeout_ms;
};

/* Remove a file, a link or an empty directory.  No link is followed, also not on the way through a
   tree; file systems mounted in it are not entered (EBUSY).  On failure a part of a tree may be
   gone.
   Errors: INVALID_VALUE (`path`): it ends without a name of its own, as "/" and "a/.." do;
   REMOTE_OS.  */
int lr_remove (lr_connection *connection, const struct lr_remove_args *args,
               struct lr_error *error);

struct lr_rename_args
{
  uint32_t size;
  uint32_t reserved;
  const char *source;
  const char *target;
  lr_flag no_replace; /* that the target is there is an error: EEXIST */
  uint64_t timeout_ms;
};

/* Rename a file or a directory, in one step.  Errors: REMOTE_OS; EXDEV to another file system.  */
int lr_rename (lr_connection *connection, const struct lr_rename_args *args,
               struct lr_error *error);

struct lr_link_args
{
  uint32_t size;
  uint32_t reserved;
  const char *target; /* what it leads to */
  const char *path;   /* of the link */
  lr_flag symbolic;   /* else another name of the same file */
  lr_flag replace;    /* a file, never a directory, that has the path */
  uint64_t timeout_ms;
};

/* Make a link.  Errors: REMOTE_OS.  */
int lr_link (lr_connection *connection, const struct lr_link_args *args, struct lr_error *error);

/* Of lr_read_link and lr_file_system.  */
struct lr_path_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  uint64_t timeout_ms;
};

/* What a symbolic link leads to.  Errors: REMOTE_OS; EINVAL, it is none.  */
int lr_read_link (lr_connection *connection, const struct lr_path_args *args, char **result,
                  struct lr_error *error);

/* A time that is the far side's present one when it is set.  Whoever may write a file may set both
   of its times to this; any other is its owner's to set.  */
#define LR_NOW INT64_MIN

struct lr_set_attributes_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  const char *mode;  /* octal, or symbolic as chmod has it, without a umask; NULL, here and below:
                        it stays */
  const char *owner; /* name or decimal id; its group stays */
  const char *group;
  lr_flag no_follow; /* of a link at the end of the path, its own owner and times */
  lr_flag recursive; /* also of all that is in the directory; no link in it is followed */
  lr_flag set_atime;
  lr_flag set_mtime;
  int64_t atime_ns;
  int64_t mtime_ns; /* nanoseconds since the epoch, or LR_NOW */
  uint64_t timeout_ms;
};

/* Set mode, owner, group and times.  On failure a part of a tree may have been changed.
   Errors: INVALID_VALUE (`mode`, `owner`, `group`), REMOTE_OS.  */
int lr_set_attributes (lr_connection *connection, const struct lr_set_attributes_args *args,
                       struct lr_error *error);

struct lr_make_temporary_args
{
  uint32_t size;
  uint32_t reserved;
  const char *directory;  /* NULL: the far side's TMPDIR, or /tmp */
  const char *prefix;     /* of its name; NULL: none */
  lr_flag make_directory; /* else a file */
  uint64_t timeout_ms;
};

/* Make an empty file, mode 600, or a directory, mode 700, whose name nobody could know before;
 *RESULT is its path.  Errors: INVALID_VALUE (`prefix`), REMOTE_OS.  */
int lr_make_temporary (lr_connection *connection, const struct lr_make_temporary_args *args,
                       char **result, struct lr_error *error);

struct lr_file_system_info
{
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t block_size; /* bytes */
  uint64_t size;
  uint64_t free;
  uint64_t available; /* to an ordinary user; bytes, all three */
  uint64_t files;     /* how many it can have; 0: nobody knows */
  uint64_t files_free;
  uint64_t name_max; /* bytes of the longest name */
  lr_flag read_only;
};

/* Describe the file system that PATH is on.  Errors: REMOTE_OS.  */
int lr_file_system (lr_connection *connection, const struct lr_path_args *args,
                    struct lr_file_system_info **result, struct lr_error *error);

/* ---- files of any size ----

   Between a descriptor at this end and a file at the far side, in constant memory.  The descriptor
   can be anything that is read or written, from where it stands; its flags are not changed, and it
   is not closed.  (Where the connector implements upload and download itself, and with
   protocol=plain, it goes through memory.)  */

/* Is told now and then how far a transfer is: DONE of TOTAL bytes; TOTAL is LR_SIZE_UNKNOWN where
   nobody knows.  A callback, so the rules for those hold; of a blocking call it runs in there, and
   must not close the connection.  */
typedef void lr_progress (void *data, uint64_t done, uint64_t total);
#define LR_SIZE_UNKNOWN UINT64_MAX

struct lr_put_args
{
  uint32_t size;
  int32_t descriptor; /* is read to its end */
  const char *file;   /* this and what follows as for lr_upload */
  const char *mode;
  const char *owner;
  const char *group;
  lr_flag preserve;
  lr_flag sync; /* wait until it has reached the disk */
  lr_progress *progress;
  void *progress_data;
  uint64_t timeout_ms;
};

struct lr_put_result
{
  uint64_t size;    /* bytes that were sent */
  lr_flag in_place; /* the old content was overwritten: the file could not be replaced whole */
};

/* Replace or create a file with what DESCRIPTOR gives, whole or not at all.  RESULT may be NULL.
   Errors: as lr_upload; IO, with errno and the field `descriptor`, it can't be read, and the
   connection can still be used; INVALID_VALUE (`descriptor`), its file became shorter
   meanwhile.  */
int lr_put (lr_connection *connection, const struct lr_put_args *args,
            struct lr_put_result **result, struct lr_error *error);

struct lr_get_args
{
  uint32_t size;
  int32_t descriptor; /* is written to */
  const char *file;
  uint64_t offset; /* of the first byte that is wanted */
  uint64_t length; /* bytes at most; 0: to the end */
  lr_progress *progress;
  void *progress_data;
  uint64_t timeout_ms;
};

struct lr_get_result
{
  uint64_t size;      /* bytes that were written */
  uint64_t type;      /* enum lr_file_type; LR_FILE_OTHER also where the connector doesn't say */
  uint64_t mode;      /* permission bits of the file; 0 where the connector doesn't say */
  uint64_t file_size; /* of the whole file, when it was opened */
  int64_t mtime_ns;
};

/* Write a file's content to DESCRIPTOR.  On failure a part of it may have been written.  RESULT may
   be NULL.
   Errors: as lr_download; IO, with errno and the field `descriptor`, it can't be written (EPIPE:
   nobody reads it), and the connection can still be used.  */
int lr_get (lr_connection *connection, const struct lr_get_args *args,
            struct lr_get_result **result, struct lr_error *error);

/* ---- trees of files ----

   A directory with all that is in it, or a file or link by itself, between this end's file system
   and the far side's, with modes (without set-id bits), times of modification, symbolic links,
   files of several names, and holes.  Devices, FIFOs and sockets are left out.  In a directory that
   is there already files and links are replaced, each whole or not at all, what has no counterpart
   stays, and no link is followed: not where a directory is to be, nor below the top when reading.

   What can't be read or made is left out, and told; the rest is copied.  Nothing that the far side
   sends makes, changes or follows anything outside of the tree; what no honest one sends is an
   error (IO) that says what.  This end's files are read and written in the loop.  Only a connector
   all of whose operations go through the dispatcher, and in a session, has trees: else
   UNSUPPORTED.  */

/* Where a tree goes: given a path P, and the last component N of where the tree comes from.  */
enum lr_tree_place
{
  LR_TREE_AT,     /* P itself; its parent has to be there.  A directory that is there is filled */
  LR_TREE_AS_CP,  /* P/N where P is a directory, else P: as cp -r does.  Where N is none, as of "/"
                     or "a/.", P */
  LR_TREE_INSIDE, /* P/N; P has to be a directory */
};

/* How far it is.  Files include links, and every name of a file that has several.  */
struct lr_tree_figures
{
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t files;
  uint64_t bytes;
  uint64_t total_files; /* LR_SIZE_UNKNOWN until it has been counted */
  uint64_t total_bytes;
};

/* What was left out, or made but not as it should be.  */
struct lr_tree_problem
{
  uint32_t struct_size;
  int32_t errnum; /* 0: none */
  lr_flag there;  /* it is the far side's */
  const char *path;
  const char *message; /* a sentence, with the path; fit for a terminal */
};

/* These are callbacks, so the rules for those hold; of a blocking call they run in there, and must
   not close the connection.  What they are given is borrowed.  */
typedef void lr_tree_progress (void *data, const struct lr_tree_figures *figures);
typedef void lr_tree_problem_callback (void *data, const struct lr_tree_problem *problem);

struct lr_tree_args
{
  uint32_t size;
  uint32_t place;    /* enum lr_tree_place */
  const char *here;  /* a path at this end */
  const char *there; /* and one at the far side */
  lr_flag preserve;  /* owners and groups, by name, where that is allowed; and set-id bits, where it
                        was */
  lr_flag follow;    /* the tree that is read may be at the end of a link */
  uint64_t max_files; /* of lr_get_tree: more are an error (IO); 0: any number */
  uint64_t max_bytes;
  lr_tree_progress *progress;        /* the tree is counted first, for the totals */
  lr_tree_problem_callback *problem; /* NULL: they are only counted */
  void *data;                        /* for both */
  uint64_t timeout_ms;
};

struct lr_tree_result
{
  uint64_t directories; /* made or filled */
  uint64_t files;
  uint64_t links; /* symbolic ones */
  uint64_t bytes; /* of the files */
  uint64_t problems;
  const char *path; /* where the tree went */
};

/* Copy the tree HERE to THERE at the far side.  That there are problems is no error: see
   result->problems.
   Errors: IO, with errno and the field `here`, it can't be read; REMOTE_OS, THERE can't be a place
   for it; UNSUPPORTED.  */
int lr_put_tree (lr_connection *connection, const struct lr_tree_args *args,
                 struct lr_tree_result **result, struct lr_error *error);

/* Copy the tree THERE at the far side to HERE.  Errors: the same, the other way round; IO, what
   comes is not acceptable, or more than max_files or max_bytes.  */
int lr_get_tree (lr_connection *connection, const struct lr_tree_args *args,
                 struct lr_tree_result **result, struct lr_error *error);

/* ---- submitting ---- */

enum lr_operation
{
  LR_OPERATION_PING = 1, /* struct lr_ping_args, or NULL; no result */
  LR_OPERATION_RUN,      /* struct lr_run_args, struct lr_run_result; and so on */
  LR_OPERATION_STAT,
  LR_OPERATION_UPLOAD, /* no result */
  LR_OPERATION_DOWNLOAD,
  LR_OPERATION_RESOLVE_USER, /* struct lr_resolve_args, char */
  LR_OPERATION_RESOLVE_GROUP,
  LR_OPERATION_QUERY_USER,
  LR_OPERATION_QUERY_GROUP,
  LR_OPERATION_GETENV, /* struct lr_getenv_args, char */
  LR_OPERATION_PUT,
  LR_OPERATION_GET,
  LR_OPERATION_LIST,
  LR_OPERATION_MAKE_DIRECTORY, /* no result; so REMOVE, RENAME, LINK, SET_ATTRIBUTES */
  LR_OPERATION_REMOVE,
  LR_OPERATION_RENAME,
  LR_OPERATION_LINK,
  LR_OPERATION_READ_LINK, /* struct lr_path_args, char */
  LR_OPERATION_SET_ATTRIBUTES,
  LR_OPERATION_MAKE_TEMPORARY, /* char */
  LR_OPERATION_FILE_SYSTEM,    /* struct lr_path_args, struct lr_file_system_info */
  LR_OPERATION_PUT_TREE,       /* struct lr_tree_args, struct lr_tree_result */
  LR_OPERATION_GET_TREE,
};

struct lr_request
{
  uint32_t size;
  uint32_t operation; /* enum lr_operation */
  const void *args;   /* its structure */
};

/* Carry out REQUEST without waiting: CALLBACK is told of the end.  The arguments are copied, but
   for the bytes of `input` and `content`, and descriptors: they must stay until the callback.  Any
   number may be submitted; more than the far side takes at once wait their turn.  *ID, where ID is
   not NULL, is what lr_cancel takes.  -1 only where the arguments are wrong, or there is no
   memory.  The connection must have been opened with a loop: who else would call back?  Errors:
   INVALID_VALUE (`loop`, `operation`, `callback`, or as the operation has it).  */
int lr_submit (lr_connection *connection, const struct lr_request *request, lr_callback *callback,
               void *data, uint64_t *id, struct lr_error *error);

/* Take back what was submitted: its callback gets CANCELLED.  0, or -1 if it has ended already.  */
int lr_cancel (lr_connection *connection, uint64_t id);

/* ---- processes: commands with live streams ----

   A process's input and outputs can be used in three ways, each by itself: through the blocking
   calls; through those that never wait, told by the callback when to; or attached to descriptors,
   between which the loop then moves the bytes.  Each stream holds a bounded number of bytes, and
   who sends more waits, as with a pipe.  Only a connection that speaks sessions has processes.  */

typedef struct lr_process lr_process;

enum lr_stream
{
  LR_STDOUT = 1,
  LR_STDERR = 2,
};

/* What has happened to a process; a set.  */
enum lr_process_event
{
  LR_PROCESS_STARTED = 1,
  LR_PROCESS_OUTPUT = 2,  /* its output has bytes, or has ended */
  LR_PROCESS_ERROR = 4,   /* its error output has */
  LR_PROCESS_INPUT = 8,   /* its input takes bytes again */
  LR_PROCESS_EXITED = 16, /* its returncode is known */
  LR_PROCESS_CLOSED = 32, /* all is over; or it failed, and lr_process_get_status says why */
};

typedef void lr_process_callback (void *data, lr_process *process, uint32_t events);

/* Streams that are attached; a set.  */
enum lr_attach
{
  LR_ATTACH_INPUT = 1,
  LR_ATTACH_OUTPUT = 2,
  LR_ATTACH_ERROR = 4,
};

struct lr_spawn_args
{
  uint32_t size;
  uint32_t reserved;
  const char *const *command; /* this and what follows as for lr_run */
  const char *user;
  const char *group;
  const char *umask;
  const char *cwd;
  const char *const *environment;
  const char *const *unset;
  lr_flag no_input;  /* its standard input is /dev/null */
  lr_flag no_output; /* both outputs are */
  uint64_t timeout_ms;
  lr_flag linger;
  uint64_t linger_ms;
  const char *term; /* not NULL: it runs on a terminal of this type, which carries input and output;
                       there is no error output then */
  uint32_t rows;
  uint32_t columns;              /* of the terminal */
  lr_process_callback *callback; /* NULL: none; needs a connection opened with a loop */
  void *data;
  uint32_t attach;        /* set of enum lr_attach */
  int32_t descriptors[3]; /* input, output, error; the loop neither closes them nor changes their
                             flags */
};

/* Start a command.  It does not wait: that the command can't be started is told later, as an error
   of lr_process_get_status.  Free *RESULT with lr_process_free.

   Errors: UNSUPPORTED, the connection has no sessions; INVALID_VALUE; REMOTE_OS (EAGAIN), as much
   is under way as the far side takes; IO.  */
int lr_spawn (lr_connection *connection, const struct lr_spawn_args *args, lr_process **result,
              struct lr_error *error);

/* Free PROCESS.  If it still runs it is killed, with its process group, and nobody is told.  NULL
   is allowed.  */
void lr_process_free (lr_process *process);

struct lr_process_status
{
  uint32_t struct_size;
  uint32_t events;    /* what has happened so far: STARTED, EXITED, CLOSED */
  int64_t pid;        /* at the far side; 0: not started yet */
  int64_t returncode; /* exit status, or -N for signal N */
  lr_flag timed_out;  /* timeout_ms was over */
  uint64_t user_time_ns;
  uint64_t system_time_ns;
  uint64_t max_resident; /* bytes */
};

/* What is known of PROCESS, without waiting.  STATUS is the caller's, from LR_PROCESS_STATUS (). -1
   if it failed: as lr_run, but a returncode and timed_out are no errors; and IO, with errno and the
   field `input`, `output` or `error`: that descriptor could not be read or written.  */
int lr_process_get_status (lr_process *process, struct lr_process_status *status,
                           struct lr_error *error);

/* Wait until all is over.  Output that nobody reads meanwhile is kept, in a file if it is long.
   Errors: as above; TIMEOUT, it still runs after TIMEOUT milliseconds.  */
int lr_process_wait (lr_process *process, uint64_t timeout, struct lr_process_status *status,
                     struct lr_error *error);

/* Without waiting: see what STREAM has, from its start, in *DATA; the bytes stay until the next
   call.  Then take SIZE of them off.  lr_process_has_ended says whether there will be no more.  */
size_t lr_process_peek (lr_process *process, enum lr_stream stream, const char **data);
void lr_process_consume (lr_process *process, enum lr_stream stream, size_t size);
int lr_process_has_ended (lr_process *process, enum lr_stream stream);

/* Without waiting: give its input up to SIZE bytes.  Returns how many it took; less than SIZE, and
   LR_PROCESS_INPUT will tell when it takes more.  What a command that has closed its input is given
   is dropped; so is what comes behind its end, and what one is given whose input is attached.  */
size_t lr_process_offer (lr_process *process, const void *data, size_t size);

/* Waiting: read at least one byte, up to SIZE, or none at the end; *GOT is how many.  What comes on
   the other output meanwhile is kept, in a file if it is long.  Errors: as lr_process_get_status;
   INVALID_VALUE (`stream`, `size`: 0 is no room for a byte).  */
int lr_process_read (lr_process *process, enum lr_stream stream, void *buffer, size_t size,
                     size_t *got, struct lr_error *error);

/* Waiting: write all of DATA to its input.  What the outputs say meanwhile is kept likewise.  */
int lr_process_write (lr_process *process, const void *data, size_t size, struct lr_error *error);

/* The end of its input.  */
void lr_process_close_input (lr_process *process);

/* Send SIGNAL, a number of the far side's, to the process group; nothing once it has ended.
   Errors: INVALID_VALUE (`signal`); REMOTE_OS (EAGAIN), more than 1 MiB waits to be sent
   already.  */
int lr_process_signal (lr_process *process, int signal, struct lr_error *error);

/* The terminal has another size.  Errors: INVALID_VALUE (`term`), it has no terminal; REMOTE_OS
   (EAGAIN), as above.  */
int lr_process_resize (lr_process *process, uint32_t rows, uint32_t columns,
                       struct lr_error *error);

/* This library's version, "0.1".  */
const char *lr_version (void);

LR_END_DECLS_

/* ---- initialisers ----

     struct lr_run_args args = LR_RUN_ARGS (.command = command, .user = "bob");

   In C++17, which has no designated initialisers, write LR_RUN_ARGS () and assign the members.  */

#ifdef __cplusplus
template <typename lr_args>
inline lr_args
lr_args_sized () noexcept
{
  lr_args args{};
  args.size = sizeof args;
  return args;
}
template <typename lr_result>
inline lr_result
lr_result_sized () noexcept
{
  lr_result result{};
  result.struct_size = sizeof result;
  return result;
}
#  define LR_ARGS_(type, ...) (lr_args_sized<type> ())
#  define LR_RESULT_(type, ...) (lr_result_sized<type> ())
#else
#  define LR_ARGS_(type, ...)                                                                      \
    {                                                                                              \
      .size = (uint32_t) sizeof (type), __VA_ARGS__                                                \
    }
#  define LR_RESULT_(type, ...)                                                                    \
    {                                                                                              \
      .struct_size = (uint32_t) sizeof (type), __VA_ARGS__                                         \
    }
#endif

#define LR_OPEN_ARGS(...) LR_ARGS_ (struct lr_open_args, __VA_ARGS__)
#define LR_RUN_ARGS(...) LR_ARGS_ (struct lr_run_args, __VA_ARGS__)
#define LR_STAT_ARGS(...) LR_ARGS_ (struct lr_stat_args, __VA_ARGS__)
#define LR_UPLOAD_ARGS(...) LR_ARGS_ (struct lr_upload_args, __VA_ARGS__)
#define LR_DOWNLOAD_ARGS(...) LR_ARGS_ (struct lr_download_args, __VA_ARGS__)
#define LR_RESOLVE_ARGS(...) LR_ARGS_ (struct lr_resolve_args, __VA_ARGS__)
#define LR_QUERY_USER_ARGS(...) LR_ARGS_ (struct lr_query_user_args, __VA_ARGS__)
#define LR_QUERY_GROUP_ARGS(...) LR_ARGS_ (struct lr_query_group_args, __VA_ARGS__)
#define LR_GETENV_ARGS(...) LR_ARGS_ (struct lr_getenv_args, __VA_ARGS__)
#define LR_PING_ARGS(...) LR_ARGS_ (struct lr_ping_args, __VA_ARGS__)
#define LR_PUT_ARGS(...) LR_ARGS_ (struct lr_put_args, __VA_ARGS__)
#define LR_GET_ARGS(...) LR_ARGS_ (struct lr_get_args, __VA_ARGS__)
#define LR_LIST_ARGS(...) LR_ARGS_ (struct lr_list_args, __VA_ARGS__)
#define LR_MAKE_DIRECTORY_ARGS(...) LR_ARGS_ (struct lr_make_directory_args, __VA_ARGS__)
#define LR_REMOVE_ARGS(...) LR_ARGS_ (struct lr_remove_args, __VA_ARGS__)
#define LR_RENAME_ARGS(...) LR_ARGS_ (struct lr_rename_args, __VA_ARGS__)
#define LR_LINK_ARGS(...) LR_ARGS_ (struct lr_link_args, __VA_ARGS__)
#define LR_PATH_ARGS(...) LR_ARGS_ (struct lr_path_args, __VA_ARGS__)
#define LR_SET_ATTRIBUTES_ARGS(...) LR_ARGS_ (struct lr_set_attributes_args, __VA_ARGS__)
#define LR_MAKE_TEMPORARY_ARGS(...) LR_ARGS_ (struct lr_make_temporary_args, __VA_ARGS__)
#define LR_TREE_ARGS(...) LR_ARGS_ (struct lr_tree_args, __VA_ARGS__)
#define LR_SPAWN_ARGS(...) LR_ARGS_ (struct lr_spawn_args, __VA_ARGS__)
#define LR_REQUEST(...) LR_ARGS_ (struct lr_request, __VA_ARGS__)

#define LR_PROCESS_STATUS(...) LR_RESULT_ (struct lr_process_status, __VA_ARGS__)

/* For connectors, which make them.  */
#define LR_STAT_RESULT(...) LR_RESULT_ (struct lr_stat_result, __VA_ARGS__)
#define LR_USER_ENTRY(...) LR_RESULT_ (struct lr_user_entry, __VA_ARGS__)
#define LR_GROUP_ENTRY(...) LR_RESULT_ (struct lr_group_entry, __VA_ARGS__)
#define LR_DIRECTORY_ENTRY(...) LR_RESULT_ (struct lr_directory_entry, __VA_ARGS__)
#define LR_FILE_SYSTEM_INFO(...) LR_RESULT_ (struct lr_file_system_info, __VA_ARGS__)

#endif
