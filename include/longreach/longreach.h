/* longreach: reach any host by URL.  The interface for applications.

   Conventions, true of every function here:

   - A call returns 0, or -1 and fills *ERROR, which the caller owns; ERROR may be NULL.
   - The arguments of an operation are one structure; LR_RUN_ARGS (...) and its sisters set its
     size.  Zero is every member's default.  The structure is only read during the call.
   - A result pointer is set to NULL on entry, and on success to one result that lr_free frees,
     whatever it points to included.
   - Names and paths are bytes without NUL; encoding is the far side's business.
   - A connection is used by one thread at a time.  A registry may be used by any.  */

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

/* ---- errors ---- */

enum lr_error_kind
{
  LR_ERROR_NONE = 0,
  LR_ERROR_INVALID_VALUE, /* seed: ValueError; `field` names the value */
  LR_ERROR_REMOTE_OS,     /* seed: RemoteOSError; `errnum` is the far side's errno */
  LR_ERROR_IO,            /* seed: IOError; the connection failed or is gone */
  LR_ERROR_EXIT_STATUS,   /* seed: CalledProcessError; the one error that leaves a result */
  LR_ERROR_NO_CONNECTOR,  /* no connector has the schema */
  LR_ERROR_PLUGIN,        /* a plugin is there but can't be used */
  LR_ERROR_UNSUPPORTED,   /* the connector, or this version, can't do this */
  LR_ERROR_TIMEOUT,
  LR_ERROR_CANCELLED,
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
   program), and the compiled-in plugin directory.  NULL without memory.  Registries are
   independent of each other.  */
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

/* Make sure that SCHEMA's connector is loaded.
   Errors: NO_CONNECTOR; PLUGIN, its plugin can't be used.  */
int lr_registry_load (lr_registry *registry, const char *schema, struct lr_error *error);

/* Where a connector was found.  */
enum lr_source
{
  LR_SOURCE_BUILT_IN,    /* lr_registry_add_connector */
  LR_SOURCE_PROGRAM,     /* lr_registry_add_directory */
  LR_SOURCE_ENVIRONMENT, /* LONGREACH_PLUGIN_PATH */
  LR_SOURCE_INSTALLED,   /* the compiled-in directory */
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

/* The directories that REGISTRY searches, in order, as one text, one a line.  */
int lr_registry_search_path (lr_registry *registry, char **result, struct lr_error *error);

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

/* ---- connections ---- */

typedef struct lr_connection lr_connection;

struct lr_open_args
{
  uint32_t size;
  uint32_t reserved;
  const char *url;
  const char *const *options; /* "NAME=VALUE", ended by NULL, for the last hop; not
                                 percent-decoded.  NULL: none */
};

/* Open the target URL and leave a connection in *RESULT; close it with lr_close.  REGISTRY NULL:
   a registry of its own, with nothing added.  Mirrors: Connector.open. Errors: INVALID_VALUE
   (`url` or an option's name), NO_CONNECTOR, PLUGIN, UNSUPPORTED, IO.  */
int lr_open (lr_registry *registry, const struct lr_open_args *args, lr_connection **result,
             struct lr_error *error);

/* Close CONNECTION and free it: what still runs at the far side for it is ended there.  NULL is
   allowed.  Mirrors: Connector.close.  */
void lr_close (lr_connection *connection);

/* The host's name in URL, by the rules of its last hop's connector; nothing is opened.
   Mirrors: Connector.extract_hostname.
   Errors: INVALID_VALUE (`url`), NO_CONNECTOR, PLUGIN.  */
int lr_extract_hostname (lr_registry *registry, const char *url, char **result,
                         struct lr_error *error);

/* ---- operations ----

   Besides the errors they name, all of them can fail with IO (the connection failed; it can only
   be closed), UNSUPPORTED (the connector does not do this) and NO_MEMORY.  REMOTE_OS carries the
   far side's errno.  */

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
};

struct lr_run_result
{
  struct lr_bytes stdout_bytes; /* absent with no_capture */
  struct lr_bytes stderr_bytes;
  int64_t returncode; /* exit status, or -N for signal N */
};

/* Run a command and wait for it.  Mirrors: Connector.run.
   Errors: EXIT_STATUS, *RESULT is set all the same; INVALID_VALUE (`command`, `user`, `group`,
   `umask`, `cwd`; `command` also where ids, umask or directory could not be set; `output_limit`,
   there is more output, and the connection can still be used); REMOTE_OS, the
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

/* The seed's word for TYPE: "file", "dir", "link", "fifo", "sock", "chr", "blk", "other".  */
const char *lr_file_type_name (enum lr_file_type type);

struct lr_stat_args
{
  uint32_t size;
  uint32_t reserved;
  const char *path;
  lr_flag follow_links; /* describe what a link leads to, not the link */
  lr_flag sha512sum;    /* also the digest, of a regular file */
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

/* For connectors, which make them.  */
#define LR_STAT_RESULT(...) LR_RESULT_ (struct lr_stat_result, __VA_ARGS__)
#define LR_USER_ENTRY(...) LR_RESULT_ (struct lr_user_entry, __VA_ARGS__)
#define LR_GROUP_ENTRY(...) LR_RESULT_ (struct lr_group_entry, __VA_ARGS__)

#endif
