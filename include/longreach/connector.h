/* longreach: the interface for plugin authors.

   A connector is a function table for one schema; a plugin is a shared object that holds one or
   more.  This is a whole one:

     #include <longreach/connector.h>

     static void
     jail_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
     {
       lr_command_add (out, "jexec", lr_hop_name (hop));
       lr_command_append (out, inner);
     }

     LR_CONNECTOR (jail, "jail", "FreeBSD jails, through jexec",
                   .target_form = LR_TARGET_NAME, .wrap = jail_wrap);
     LR_PLUGIN ("1.0", &jail);

   Link it with -shared -fPIC -Wl,-z,defs against liblongreach and put it into a directory of the
   search path; the file's name means nothing.

   The table only ever grows at its end.  A plugin may be older or newer than the library: what a
   plugin's header did not know is zero to the library, and a newer plugin loads as long as it
   leaves zero what the library does not know.  */

#ifndef LONGREACH_CONNECTOR_H
#define LONGREACH_CONNECTOR_H

#include <longreach/longreach.h>

LR_BEGIN_DECLS_

#define LR_ABI 1

/* ---- hops: one `schema:rest?options` of a target, parsed and checked ---- */

typedef struct lr_hop lr_hop;

/* Texts of HOP, percent-decoded and free of NUL; they live as long as HOP.  A part that could be
   read as an option (a leading `-`) was refused, but for LR_TARGET_OPAQUE and LR_TARGET_WORDS.  */
const char *lr_hop_schema (const lr_hop *hop);
const char *
lr_hop_name (const lr_hop *hop); /* host, name, user or path, by the target form; "" with
                                    LR_TARGET_NONE, and where the target may be empty */
const char *lr_hop_user (const lr_hop *hop); /* NULL: not given */
unsigned lr_hop_port (const lr_hop *hop);    /* 0: not given */

/* Word INDEX, from 0, of LR_TARGET_WORDS; NULL past the last.  */
const char *lr_hop_word (const lr_hop *hop, size_t index);

/* The first value of the option NAME, or NULL where it was not given.  */
const char *lr_hop_option (const lr_hop *hop, const char *name);

/* Value INDEX, from 0, of an option that may be repeated or has words; NULL past the last.  */
const char *lr_hop_option_at (const lr_hop *hop, const char *name, size_t index);

/* Whether the LR_OPTION_BOOLEAN option NAME was given as yes.  */
int lr_hop_option_is_set (const lr_hop *hop, const char *name);

/* Whether somebody answers what the program of HOP asks: the application gave a prompt callback,
   and the connector has a way to ask (LR_ASKS, `prompt`) that works for this hop.  Where not, the
   program should be told not to ask.  */
int lr_hop_may_ask (const lr_hop *hop);

/* Something that nobody says by chance, sixteen letters and digits, new for each connection: what
   a program is to say when it asks can be known by it.  */
const char *lr_hop_nonce (const lr_hop *hop);

/* ---- commands: an argv that keeps its first error, so that nobody has to check ---- */

typedef struct lr_command lr_command;

/* Add words; none may be NULL.  lr_command_add takes any number of them.  */
void lr_command_add_words (lr_command *command, size_t count, const char *const *words);
void lr_command_add_word (lr_command *command, const char *word);

/* Word INDEX of COMMAND, from 0; NULL past the last.  It lives as long as COMMAND.  */
const char *lr_command_word (const lr_command *command, size_t index);

/* Add all words of INNER.  */
void lr_command_append (lr_command *command, const lr_command *inner);

/* Set the error of COMMAND: a sentence for the user, formatted as printf does.  */
void lr_command_fail (lr_command *command, const char *format, ...)
#if defined __GNUC__
    __attribute__ ((__format__ (__printf__, 2, 3)))
#endif
    ;

#define LR_WORD_COUNT_(...) (sizeof ((const char *[]){ __VA_ARGS__ }) / sizeof (const char *))
#ifdef __cplusplus
LR_END_DECLS_
template <typename... lr_words>
inline void
lr_command_add (lr_command *command, lr_words... words)
{
  const char *const list[] = { words... };
  lr_command_add_words (command, sizeof...(words), list);
}
LR_BEGIN_DECLS_
#else
#  define lr_command_add(command, ...)                                                             \
    lr_command_add_words (command, LR_WORD_COUNT_ (__VA_ARGS__), (const char *[]){ __VA_ARGS__ })
#endif

/* ---- text that a hook returns ---- */

typedef struct lr_text lr_text;

/* Replace TEXT, formatted as printf does.  A text that is not set means "no answer".  */
void lr_text_set (lr_text *text, const char *format, ...)
#if defined __GNUC__
    __attribute__ ((__format__ (__printf__, 2, 3)))
#endif
    ;

/* ---- calls: one operation under way ----

   An operation of a connector gets a call and its arguments, may block, and answers exactly once:
   with the one lr_reply_... that its comment below names, or with lr_call_fail.  All pointers it
   is given are valid until it returns; all that it passes is copied.

   The operations of one connection, `open` and `close` included, are called in a thread of their
   own, one after another in the order of the requests.  */

typedef struct lr_call lr_call;

const lr_hop *lr_call_hop (const lr_call *call);

/* What `open` left for the later calls of the same connection; `close` frees it.  */
void *lr_call_state (const lr_call *call);
void lr_call_set_state (lr_call *call, void *state);

/* Whether the caller has gone, or its time is over; a long operation looks now and then, and fails
   as it likes: nobody is waiting for it.  */
int lr_call_cancelled (const lr_call *call);

/* Read up to SIZE bytes of what the caller sends: the command's input (run), the content
   (upload).  May wait until there are any.  Returns the number of bytes, 0 at the end.  */
size_t lr_call_read (lr_call *call, void *buffer, size_t size);

/* Send SIZE bytes to the caller, on LR_STDOUT (run; the content of download) or LR_STDERR (run).
   May wait while the caller takes nothing.  Returns 0, or -1 where nobody wants more: then fail or
   reply.  */
int lr_call_write (lr_call *call, enum lr_stream stream, const void *data, size_t size);

/* Add an entry to the answer of list, which lr_reply_done completes.  May wait while the caller
   takes nothing.  Returns 0, or -1 where nobody wants more.  */
int lr_call_add_entry (lr_call *call, const struct lr_directory_entry *entry);

/* open close upload download list make_directory remove rename link set_attributes */
void lr_reply_done (lr_call *call);
void lr_reply_run (lr_call *call, int64_t returncode);                 /* run */
void lr_reply_stat (lr_call *call, const struct lr_stat_result *stat); /* stat; NULL: not there */
/* resolve_user, _group; read_link; make_temporary */
void lr_reply_name (lr_call *call, const char *name);
void lr_reply_user (lr_call *call, const struct lr_user_entry *user);    /* query_user */
void lr_reply_group (lr_call *call, const struct lr_group_entry *group); /* query_group */
void lr_reply_value (lr_call *call, const char *value);                  /* getenv; NULL: not set */
void lr_reply_file_system (lr_call *call, const struct lr_file_system_info *info);

/* Answer with an error: INVALID_VALUE with the FIELD, REMOTE_OS with the ERRNUM, IO,
   UNSUPPORTED... FIELD may be NULL.  FORMAT and what follows are a sentence, as for printf.  */
void lr_call_fail (lr_call *call, enum lr_error_kind kind, int errnum, const char *field,
                   const char *format, ...)
#if defined __GNUC__
    __attribute__ ((__format__ (__printf__, 5, 6)))
#endif
    ;

/* ---- options ---- */

enum lr_option_type
{
  LR_OPTION_STRING = 0,
  LR_OPTION_PATH,    /* on the side where the hop starts */
  LR_OPTION_BOOLEAN, /* yes or no */
  LR_OPTION_NUMBER,  /* decimal, not negative */
  LR_OPTION_CHOICE,  /* one of `choices` */
  LR_OPTION_WORDS,   /* split at spaces; a space inside a word is %20 */
};

enum lr_option_flags
{
  LR_OPTION_REPEATS = 1, /* may be given more than once */
};

struct lr_option
{
  const char *name;
  uint32_t type;       /* enum lr_option_type */
  uint32_t flags;      /* enum lr_option_flags */
  const char *help;    /* a sentence */
  const char *choices; /* "a|b|c", for LR_OPTION_CHOICE */
};

/* ---- the table ---- */

/* How the part of a URL after the schema is read.  */
enum lr_target_form
{
  LR_TARGET_NONE = 0, /* there is no such part */
  LR_TARGET_HOST,     /* [user@]host[:port], with or without leading slashes; IPv6 in brackets */
  LR_TARGET_NAME,     /* [user@]name */
  LR_TARGET_USER,     /* a user's name */
  LR_TARGET_PATH,     /* a path, never split */
  LR_TARGET_OPAQUE,   /* anything, never split; the connector checks it */
  LR_TARGET_WORDS,    /* words, split at spaces; a space inside a word is %20.  lr_hop_word */
};

enum lr_connector_flags
{
  LR_TARGET_MAY_BE_EMPTY = 1, /* `schema:` alone is a target */
  LR_TAKES_USER = 2,          /* HOST, NAME: `user@` is allowed */
  LR_TAKES_PORT = 4,          /* HOST: `:port` is allowed */
  LR_SAME_SYSTEM = 8,         /* the far side runs the programs and sees the files of the side where
                                 the hop starts: the installed dispatcher is started there as it is */
  LR_ASKS = 16,  /* its program asks for passwords and the like through the program that
                    SSH_ASKPASS or SUDO_ASKPASS names, where lr_hop_may_ask; of the first hop only,
                    and elsewhere at a terminal if LR_AT_TERMINAL */
  LR_WAITS = 32, /* its program may read what is sent before the command does, as one that asks:
                    nothing is sent until the far side's shell reads, as with bootstrap=wait */
  LR_OTHER_USER = 64,   /* with LR_SAME_SYSTEM: the far side is another user, who may not be able to
                           read what belongs to this one */
  LR_AT_TERMINAL = 128, /* with `prompt`: its program asks at its terminal, and is given one beside
                           its streams where lr_hop_may_ask */
};

struct lr_connector
{
  /* Filled in by LR_CONNECTOR.  */
  uint32_t size;        /* of this structure, as the plugin's header knew it */
  uint32_t abi;         /* LR_ABI */
  uint32_t option_size; /* of struct lr_option */
  uint32_t reserved;
  const char *schema;      /* lower-case letters, digits, `+`, `-`, `.`; a letter first */
  const char *description; /* one line */

  uint32_t target_form;            /* enum lr_target_form */
  uint32_t flags;                  /* enum lr_connector_flags */
  const struct lr_option *options; /* ended by one without a name; NULL: none */
  const char *const *unsupported;  /* names of operations that are refused, ended by NULL;
                                      NULL: none */

  /* Hooks: no I/O, never block.  */

  /* Make OUT the command that runs INNER at the far side.  With `wrap` a connector has every
     operation below, through a dispatcher that runs there; an operation that is set here takes
     the place of that one.  Without `wrap` the operations left NULL are unsupported.  */
  void (*wrap) (const lr_hop *hop, const lr_command *inner, lr_command *out);

  /* Explain in a sentence why the command of `wrap` (or `push`) ended with STATUS (-N: by signal
     N), having said STDERR_TAIL; not set: its own words are shown.  */
  void (*explain) (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out);

  /* The host's name; NULL, or not set: the hop's name, or the schema where that is empty.  */
  void (*extract_hostname) (const lr_hop *hop, lr_text *out);

  /* Operations, named as in longreach.h.  `open` and `close` may be left NULL.  A connector that
     sets any of these, `open` and `close` included, inherits no operation that its own header did
     not know.  */
  void (*open) (lr_call *call);
  void (*close) (lr_call *call);
  void (*run) (lr_call *call, const struct lr_run_args *args);
  void (*stat) (lr_call *call, const struct lr_stat_args *args);
  void (*upload) (lr_call *call, const struct lr_upload_args *args);
  void (*download) (lr_call *call, const struct lr_download_args *args);
  void (*resolve_user) (lr_call *call, const struct lr_resolve_args *args);
  void (*resolve_group) (lr_call *call, const struct lr_resolve_args *args);
  void (*query_user) (lr_call *call, const struct lr_query_user_args *args);
  void (*query_group) (lr_call *call, const struct lr_query_group_args *args);
  void (*getenv) (lr_call *call, const struct lr_getenv_args *args);

  /* A hook, as those above.  Make OUT the command that unpacks the tar archive which it reads on
     its standard input, as user 0, into DIRECTORY at the far side.  With it a dispatcher gets to
     where there is no shell, or no directory of the user's that takes programs.  Its exit status is
     not believed: the dispatcher has to run.  */
  void (*push) (const lr_hop *hop, const char *directory, lr_command *out);

  /* Operations, as those above.  */
  void (*list) (lr_call *call, const struct lr_list_args *args);
  void (*make_directory) (lr_call *call, const struct lr_make_directory_args *args);
  void (*remove) (lr_call *call, const struct lr_remove_args *args);
  void (*rename) (lr_call *call, const struct lr_rename_args *args);
  void (*link) (lr_call *call, const struct lr_link_args *args);
  void (*read_link) (lr_call *call, const struct lr_path_args *args);
  void (*set_attributes) (lr_call *call, const struct lr_set_attributes_args *args);
  void (*make_temporary) (lr_call *call, const struct lr_make_temporary_args *args);
  void (*file_system) (lr_call *call, const struct lr_path_args *args);

  /* A hook, as those above, for a program that asks on its own streams, at any hop: on standard
     error, and it reads the answer, a line, on standard input; or at its terminal, if
     LR_AT_TERMINAL, and SAID is what it says there.  Set OUT to the question, for a
     person, if SAID, the last that the program has said since it was answered, ends in one that is
     to be answered now; unless lr_hop_may_ask, to a sentence for who can do something about that,
     and the connection fails with it.  It is called until INNER runs.  What goes to INNER on the
     streams that it asks on is sent when INNER says that it reads, so that none of it is taken for
     an answer; only protocol=plain has no such beginning, and then nothing is asked on streams.  */
  void (*prompt) (const lr_hop *hop, const char *said, lr_text *out);

  /* A hook, as those above.  Whether the command of `wrap`, which ended with STATUS having said
     STDERR_TAIL, has found no program there to run, or one that can't be run, as one that has no
     shell.  For what is to be known by its words: 126 and 127 say so by themselves, and the hook is
     not called for them, nor for what `explain` has a sentence for.  */
  int (*could_not_run) (const lr_hop *hop, int status, const char *stderr_tail);
};

/* What a plugin exports, as the data symbol `lr_plugin`.  */
struct lr_plugin
{
  uint32_t size;
  uint32_t abi;
  const char *version;
  const struct lr_connector *const *connectors; /* ended by NULL */
};

/* ---- the macros ----

   They write ABI, version, schema and description into ELF notes too, from the same literals, so
   that plugins can be listed without running their code.  */

#if defined __has_attribute
#  if __has_attribute(retain)
#    define LR_RETAIN_ , __retain__
#  endif
#endif
#ifndef LR_RETAIN_
#  define LR_RETAIN_
#endif

/* Clang's address sanitizer would put gaps between the notes.  */
#if defined __clang__
#  define LR_BARE_ , __no_sanitize__ ("address")
#else
#  define LR_BARE_
#endif

#define LR_NOTE_PLUGIN 1    /* "ABI\0VERSION" */
#define LR_NOTE_CONNECTOR 2 /* "SCHEMA\0DESCRIPTION" */

#define LR_NOTE_(ident, note_type, text)                                                           \
  __attribute__ ((__used__ LR_RETAIN_ LR_BARE_, __section__ (".note.longreach"),                   \
                  __aligned__ (4))) static const struct                                            \
  {                                                                                                \
    uint32_t namesz, descsz, type;                                                                 \
    char name[12];                                                                                 \
    char desc[(sizeof (text) + 3) / 4 * 4];                                                        \
  } ident = { 10, sizeof (text), note_type, "longreach", text }

#define LR_STRING__(x) #x
#define LR_STRING_(x) LR_STRING__ (x)
#ifdef __cplusplus
#  define LR_EXPORT_ extern "C" __attribute__ ((__visibility__ ("default")))
#else
#  define LR_EXPORT_ extern __attribute__ ((__visibility__ ("default")))
#endif

#ifdef __cplusplus /* where designated initialisers, and leaving members out, are warned about */
#  ifdef __clang__
#    define LR_QUIET_CXX_ _Pragma ("GCC diagnostic ignored \"-Wc++20-designator\"")
#  else
#    define LR_QUIET_CXX_ _Pragma ("GCC diagnostic ignored \"-Wpedantic\"")
#  endif
#  define LR_QUIET_BEGIN_                                                                          \
    _Pragma ("GCC diagnostic push")                                                                \
        LR_QUIET_CXX_ _Pragma ("GCC diagnostic ignored \"-Wmissing-field-initializers\"")
#  define LR_QUIET_END_                                                                            \
    ;                                                                                              \
    _Pragma ("GCC diagnostic pop") static_assert (true, "")
#else
#  define LR_QUIET_BEGIN_
#  define LR_QUIET_END_
#endif

/* Define the connector IDENT; the rest are members of struct lr_connector, in its order, as
   designated initialisers.  (C++17 has none: there a compiler is needed that takes them as an
   extension, which gcc and clang are.)  */
#define LR_CONNECTOR(ident, schema_, description_, ...)                                            \
  LR_NOTE_ (lr_note_##ident, LR_NOTE_CONNECTOR, schema_ "\0" description_);                        \
  LR_QUIET_BEGIN_ static const struct lr_connector ident = {                                       \
    .size = (uint32_t) sizeof (struct lr_connector),                                               \
    .abi = LR_ABI,                                                                                 \
    .option_size = (uint32_t) sizeof (struct lr_option),                                           \
    .reserved = 0,                                                                                 \
    .schema = schema_,                                                                             \
    .description = description_,                                                                   \
    __VA_ARGS__                                                                                    \
  } LR_QUIET_END_

/* Export the plugin: its VERSION and pointers to its connectors.  Once in a shared object.  */
#define LR_PLUGIN(version_, ...)                                                                   \
  LR_NOTE_ (lr_note_plugin_, LR_NOTE_PLUGIN, LR_STRING_ (LR_ABI) "\0" version_);                   \
  static const struct lr_connector *const lr_connectors_[] = { __VA_ARGS__, NULL };                \
  LR_EXPORT_ const struct lr_plugin lr_plugin;                                                     \
  const struct lr_plugin lr_plugin = { (uint32_t) sizeof (struct lr_plugin), LR_ABI, version_,     \
                                       lr_connectors_ }

LR_END_DECLS_

#endif
