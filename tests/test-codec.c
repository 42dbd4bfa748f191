/* The bytes of every packet and frame, in both directions, and what is refused.

   The goldens are written by hand from docs/protocol.md: they are what the page says, never what
   the encoder said.  */

#include "protocol/codec.h"
#include "protocol/frame.h"
#include "protocol/timestamp.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  FROM_CLIENT = PACKET_FROM_CLIENT,
  FROM_SERVER = PACKET_FROM_SERVER,
  FROM_ANYONE = PACKET_FROM_CLIENT | PACKET_FROM_SERVER,
};

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

/* ---- bytes ---- */

/* Bytes that grow.  Owns DATA.  */
struct buffer
{
  char *data;
  size_t size, allocated;
};

static void
add (struct buffer *buffer, const void *data, size_t size)
{
  if (buffer->allocated - buffer->size < size)
    {
      buffer->allocated = 2 * buffer->allocated + size;
      buffer->data = realloc (buffer->data, buffer->allocated);
      cr_assert_not_null (buffer->data);
    }
  if (size > 0)
    memcpy (buffer->data + buffer->size, data, size);
  buffer->size += size;
}

static void
add_number (struct buffer *buffer, uint64_t value, unsigned size)
{
  for (unsigned i = size; i-- > 0;)
    {
      unsigned char byte = (unsigned char) (value >> (8 * i));
      add (buffer, &byte, 1);
    }
}

/* A string of SIZE times the letter w, length included.  */
static void
add_long_string (struct buffer *buffer, size_t size)
{
  char *text = malloc (size + 1);
  cr_assert_not_null (text);
  memset (text, 'w', size);
  add_number (buffer, size, 8);
  add (buffer, text, size);
  free (text);
}

static unsigned
hex_digit (char digit)
{
  const char *digits = "0123456789abcdef";
  const char *found = strchr (digits, digit);
  cr_assert (found != NULL && *found != '\0', "'%c' is no hex digit", digit);
  return (unsigned) (found - digits);
}

/* What a golden stands for: pairs of hex digits, with spaces between, and text in quotes.  */
static struct buffer
bytes_of (const char *golden)
{
  struct buffer buffer = { NULL, 0, 0 };
  while (*golden != '\0')
    if (*golden == ' ')
      golden++;
    else if (*golden == '\'')
      {
        size_t length = strcspn (golden + 1, "'");
        add (&buffer, golden + 1, length);
        golden += length + 2;
      }
    else
      {
        add_number (&buffer, hex_digit (golden[0]) << 4 | hex_digit (golden[1]), 1);
        golden += 2;
      }
  return buffer;
}

static void
emit_to_buffer (void *context, const char *data, uint64_t size)
{
  cr_assert_not_null (data);
  add (context, data, (size_t) size);
}

static struct buffer
encoded (const struct packet *packet)
{
  struct buffer buffer = { NULL, 0, 0 };
  packet_encode (packet, emit_to_buffer, &buffer);
  return buffer;
}

static void
assert_same_bytes (const struct buffer *got, const struct buffer *wanted, const char *name)
{
  cr_assert_eq (got->size, wanted->size, "%s: %zu bytes instead of %zu", name, got->size,
                wanted->size);
  for (size_t i = 0; i < got->size; i++)
    cr_assert_eq (got->data[i], wanted->data[i], "%s: byte %zu is %02x instead of %02x", name, i,
                  (unsigned char) got->data[i], (unsigned char) wanted->data[i]);
}

/* ---- the goldens ---- */

#define TEXT(literal)                                                                              \
  {                                                                                                \
    .data = (literal), .size = sizeof (literal) - 1, .present = true                               \
  }
#define ABSENT                                                                                     \
  {                                                                                                \
    .data = NULL, .size = 0, .present = false                                                      \
  }
#define ITEMS(...) ((const struct packet_bytes[]){ __VA_ARGS__ })
#define LIST(...)                                                                                  \
  {                                                                                                \
    .items = ITEMS (__VA_ARGS__), .count = COUNT (ITEMS (__VA_ARGS__))                             \
  }
#define EMPTY_LIST                                                                                 \
  {                                                                                                \
    .items = NULL, .count = 0                                                                      \
  }

static const uint32_t ids[] = {
#define EMPTY(id, NAME, name, display, sender) id,
#define PACKET(id, NAME, name, display, sender) id,
#define FIELD(packet, type, name)
#define END(packet)
#include "protocol/packets.def"
};

struct golden
{
  const char *name;
  const char *bytes;
  struct packet packet;
};

static const struct golden goldens[] = {
  { "Ok", "00000000", { .id = PACKET_OK } },
  { "Ack", "00000001", { .id = PACKET_ACK } },
  { "CheckAlive", "00000002", { .id = PACKET_CHECK_ALIVE } },
  { "Exit", "00000003", { .id = PACKET_EXIT } },

  { "OSError",
    "00000004  0000000000000002"
    "0000000000000019 'No such file or directory'"
    "0000000000000011 'cannot stat /gone'",
    { .id = PACKET_OS_ERROR,
      .os_error = { .errnum = 2,
                    .strerror = TEXT ("No such file or directory"),
                    .msg = TEXT ("cannot stat /gone") } } },
  { "OSError with a negative errno and empty texts",
    "00000004  fffffffffffffffe  0000000000000000  0000000000000000",
    { .id = PACKET_OS_ERROR,
      .os_error = { .errnum = -2, .strerror = TEXT (""), .msg = TEXT ("") } } },
  { "OSError with the smallest errno",
    "00000004  8000000000000000  0000000000000001 'e'  0000000000000001 'm'",
    { .id = PACKET_OS_ERROR,
      .os_error = { .errnum = INT64_MIN, .strerror = TEXT ("e"), .msg = TEXT ("m") } } },

  { "InvalidField",
    "00000005  0000000000000005 'umask'  000000000000000e '99 is no umask'",
    { .id = PACKET_INVALID_FIELD,
      .invalid_field = { .field = TEXT ("umask"), .error_message = TEXT ("99 is no umask") } } },

  { "ProcessCompleted",
    "00000006"
    "01 0000000000000003 'out'"
    "01 0000000000000004 00 ff 0a 80"
    "00000001",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = TEXT ("out"),
                             .stderr_bytes = TEXT ("\0\xff\n\x80"),
                             .returncode = 1 } } },
  { "ProcessCompleted with nothing captured, and killed",
    "00000006  00  00  fffffff7",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = ABSENT, .stderr_bytes = ABSENT, .returncode = -9 } } },
  { "ProcessCompleted with empty outputs",
    "00000006  01 0000000000000000  01 0000000000000000  00000000",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = TEXT (""),
                             .stderr_bytes = TEXT (""),
                             .returncode = 0 } } },
  { "ProcessCompleted with one output and the smallest return code",
    "00000006  00  01 0000000000000001 'e'  80000000",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = ABSENT,
                             .stderr_bytes = TEXT ("e"),
                             .returncode = INT32_MIN } } },

  { "ProcessError",
    "00000007  0000000000000013 'cannot become daisy'",
    { .id = PACKET_PROCESS_ERROR, .process_error = { .message = TEXT ("cannot become daisy") } } },

  { "ProcessRun with everything",
    "00000008"
    "0000000000000003"
    "  0000000000000004 'grep'  0000000000000002 '-c'  0000000000000001 'x'"
    "01 0000000000000005 'x' 0a 'y' 0a 00"
    "01"
    "01 0000000000000005 'daisy'"
    "01 0000000000000005 'wheel'"
    "01 0000000000000003 '022'"
    "01 0000000000000004 '/tmp'",
    { .id = PACKET_PROCESS_RUN,
      .process_run = { .command = LIST (TEXT ("grep"), TEXT ("-c"), TEXT ("x")),
                       .stdin_bytes = TEXT ("x\ny\n\0"),
                       .capture_output = true,
                       .user = TEXT ("daisy"),
                       .group = TEXT ("wheel"),
                       .umask = TEXT ("022"),
                       .cwd = TEXT ("/tmp") } } },
  { "ProcessRun with nothing",
    "00000008  0000000000000000  00  00  00 00 00 00",
    { .id = PACKET_PROCESS_RUN,
      .process_run = { .command = EMPTY_LIST,
                       .stdin_bytes = ABSENT,
                       .capture_output = false,
                       .user = ABSENT,
                       .group = ABSENT,
                       .umask = ABSENT,
                       .cwd = ABSENT } } },
  { "ProcessRun with empty words and words that are not UTF-8",
    "00000008"
    "0000000000000004"
    "  0000000000000001 ff  0000000000000000  0000000000000003 c3 28 0a  0000000000000000"
    "01 0000000000000000"
    "00"
    "01 0000000000000000"
    "00 00"
    "01 0000000000000002 '/' e9",
    { .id = PACKET_PROCESS_RUN,
      .process_run = { .command = LIST (TEXT ("\xff"), TEXT (""), TEXT ("\xc3(\n"), TEXT ("")),
                       .stdin_bytes = TEXT (""),
                       .capture_output = false,
                       .user = TEXT (""),
                       .group = ABSENT,
                       .umask = ABSENT,
                       .cwd = TEXT ("/\xe9") } } },

  { "StatResult with a checksum",
    "00000009"
    "0000000000000004 'file'"
    "00000000000001a4"
    "0000000000000004 'root'"
    "0000000000000004 '1000'"
    "0000000100000000"
    "17979cfe362a0003"
    "17979cfe362a0000"
    "01 0000000000000040"
    "  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d "
    "1e"
    "  1f  f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff  'ABCDEFGHIJKLMNOP'",
    { .id = PACKET_STAT_RESULT,
      .stat_result = { .type = TEXT ("file"),
                       .mode = 0644,
                       .owner = TEXT ("root"),
                       .group = TEXT ("1000"),
                       .size = 4294967296,
                       .mtime = 1700000000000000003,
                       .ctime = 1700000000000000000,
                       .sha512sum =
                           TEXT ("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                                 "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
                                 "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff"
                                 "ABCDEFGHIJKLMNOP") } } },
  { "StatResult without a checksum, from before the epoch",
    "00000009"
    "0000000000000003 'dir'"
    "0000000000000fff"
    "0000000000000001 '0'"
    "0000000000000001 ff"
    "ffffffffffffffff"
    "ffffffffffffffff"
    "8000000000000000"
    "00",
    { .id = PACKET_STAT_RESULT,
      .stat_result = { .type = TEXT ("dir"),
                       .mode = 07777,
                       .owner = TEXT ("0"),
                       .group = TEXT ("\xff"),
                       .size = UINT64_MAX,
                       .mtime = (uint64_t) -1,
                       .ctime = (uint64_t) INT64_MIN,
                       .sha512sum = ABSENT } } },

  { "Stat, as in the page's example",
    "00 00 00 0a   00 00 00 00 00 00 00 04  2f 65 74 63   01   00",
    { .id = PACKET_STAT,
      .stat = { .path = TEXT ("/etc"), .follow_links = true, .sha512sum = false } } },
  { "Stat of a path that is not UTF-8",
    "0000000a  0000000000000007 '/caf' e9 0a ff  00  01",
    { .id = PACKET_STAT,
      .stat = { .path = TEXT ("/caf\xe9\n\xff"), .follow_links = false, .sha512sum = true } } },

  { "ResolveResult",
    "0000000b  0000000000000004 'root'",
    { .id = PACKET_RESOLVE_RESULT, .resolve_result = { .value = TEXT ("root") } } },
  { "ResolveUser",
    "0000000c  01 0000000000000001 '0'",
    { .id = PACKET_RESOLVE_USER, .resolve_user = { .user = TEXT ("0") } } },
  { "ResolveUser without a user",
    "0000000c  00",
    { .id = PACKET_RESOLVE_USER, .resolve_user = { .user = ABSENT } } },
  { "ResolveUser with an empty user",
    "0000000c  01 0000000000000000",
    { .id = PACKET_RESOLVE_USER, .resolve_user = { .user = TEXT ("") } } },
  { "ResolveGroup",
    "0000000d  01 0000000000000005 'wheel'",
    { .id = PACKET_RESOLVE_GROUP, .resolve_group = { .group = TEXT ("wheel") } } },
  { "ResolveGroup without a group",
    "0000000d  00",
    { .id = PACKET_RESOLVE_GROUP, .resolve_group = { .group = ABSENT } } },

  { "Upload with everything",
    "0000000e"
    "0000000000000009 '/etc/motd'"
    "0000000000000006 'hello' 0a"
    "01 0000000000000003 '644'"
    "01 0000000000000004 'root'"
    "01 0000000000000003 'adm'",
    { .id = PACKET_UPLOAD,
      .upload = { .file = TEXT ("/etc/motd"),
                  .content = TEXT ("hello\n"),
                  .mode = TEXT ("644"),
                  .owner = TEXT ("root"),
                  .group = TEXT ("adm") } } },
  { "Upload of nothing, with only an owner",
    "0000000e  0000000000000002 '/' ff  0000000000000000  00  01 0000000000000001 '7'  00",
    { .id = PACKET_UPLOAD,
      .upload = { .file = TEXT ("/\xff"),
                  .content = TEXT (""),
                  .mode = ABSENT,
                  .owner = TEXT ("7"),
                  .group = ABSENT } } },

  { "DownloadResult",
    "0000000f  0000000000000007 00 01 fe ff 'abc'",
    { .id = PACKET_DOWNLOAD_RESULT,
      .download_result = { .content = TEXT ("\x00\x01\xfe\xff"
                                            "abc") } } },
  { "DownloadResult of an empty file",
    "0000000f  0000000000000000",
    { .id = PACKET_DOWNLOAD_RESULT, .download_result = { .content = TEXT ("") } } },
  { "Download",
    "00000010  0000000000000009 '/etc/motd'",
    { .id = PACKET_DOWNLOAD, .download = { .file = TEXT ("/etc/motd") } } },

  { "UserEntry with everything",
    "00000011"
    "0000000000000005 'daisy'"
    "00000000000003e8"
    "0000000000000005 'users'"
    "0000000000000064"
    "0000000000000002  0000000000000005 'audio'  0000000000000005 'video'"
    "01 0000000000000003 '$y$'"
    "0000000000000007 'Daisy ' c9"
    "000000000000000b '/home/daisy'"
    "0000000000000007 '/bin/sh'",
    { .id = PACKET_USER_ENTRY,
      .user_entry = { .name = TEXT ("daisy"),
                      .uid = 1000,
                      .group = TEXT ("users"),
                      .gid = 100,
                      .groups = LIST (TEXT ("audio"), TEXT ("video")),
                      .password_hash = TEXT ("$y$"),
                      .gecos = TEXT ("Daisy \xc9"),
                      .home = TEXT ("/home/daisy"),
                      .shell = TEXT ("/bin/sh") } } },
  { "UserEntry with little",
    "00000011"
    "0000000000000001 'x'"
    "ffffffffffffffff"
    "000000000000000a '4294967294'"
    "00000000fffffffe"
    "0000000000000000"
    "00"
    "0000000000000000  0000000000000000  0000000000000000",
    { .id = PACKET_USER_ENTRY,
      .user_entry = { .name = TEXT ("x"),
                      .uid = -1,
                      .group = TEXT ("4294967294"),
                      .gid = 4294967294,
                      .groups = EMPTY_LIST,
                      .password_hash = ABSENT,
                      .gecos = TEXT (""),
                      .home = TEXT (""),
                      .shell = TEXT ("") } } },

  { "QueryUser",
    "00000012  0000000000000004 'root'  00",
    { .id = PACKET_QUERY_USER,
      .query_user = { .user = TEXT ("root"), .query_password_hash = false } } },
  { "QueryUser with the hash",
    "00000012  0000000000000001 '0'  01",
    { .id = PACKET_QUERY_USER,
      .query_user = { .user = TEXT ("0"), .query_password_hash = true } } },

  { "GroupEntry",
    "00000013"
    "0000000000000005 'audio'"
    "000000000000001d"
    "0000000000000001  0000000000000005 'daisy'",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT ("audio"), .gid = 29, .members = LIST (TEXT ("daisy")) } } },
  { "GroupEntry without members",
    "00000013  0000000000000004 'root'  0000000000000000  0000000000000000",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT ("root"), .gid = 0, .members = EMPTY_LIST } } },
  { "QueryGroup",
    "00000014  0000000000000005 'audio'",
    { .id = PACKET_QUERY_GROUP, .query_group = { .group = TEXT ("audio") } } },

  { "EnvironVar",
    "00000015  01 0000000000000003 'C.' ff",
    { .id = PACKET_ENVIRON_VAR, .environ_var = { .value = TEXT ("C.\xff") } } },
  { "EnvironVar that is not set",
    "00000015  00",
    { .id = PACKET_ENVIRON_VAR, .environ_var = { .value = ABSENT } } },
  { "EnvironVar that is empty",
    "00000015  01 0000000000000000",
    { .id = PACKET_ENVIRON_VAR, .environ_var = { .value = TEXT ("") } } },
  { "Getenv",
    "00000016  0000000000000004 'LANG'",
    { .id = PACKET_GETENV, .getenv = { .key = TEXT ("LANG") } } },
  { "Getenv with a NUL, which is for the dispatcher to refuse",
    "00000016  0000000000000003 'a' 00 'b'",
    { .id = PACKET_GETENV, .getenv = { .key = TEXT ("a\0b") } } },

  { "Hello with everything",
    "00000100  0000000000000002  0000000000000004 'lazy'  0000000000000000  00008000  0000012c",
    { .id = PACKET_HELLO,
      .hello = { .features = LIST (TEXT ("lazy"), TEXT ("")),
                 .data_size = 32768,
                 .lease = 300 } } },
  { "Hello with nothing",
    "00000100  0000000000000000  00000000  00000000",
    { .id = PACKET_HELLO, .hello = { .features = EMPTY_LIST, .data_size = 0, .lease = 0 } } },
  { "Data",
    "00000101  00000002  0000000000000005 00 ff 'abc'",
    { .id = PACKET_DATA,
      .data = { .stream = 2,
                .content = TEXT ("\0\xff"
                                 "abc") } } },
  { "Data without content",
    "00000101  00000000  0000000000000000",
    { .id = PACKET_DATA, .data = { .stream = 0, .content = TEXT ("") } } },
  { "Eof", "00000102  00000001", { .id = PACKET_EOF, .eof = { .stream = 1 } } },
  { "Window",
    "00000103  00000001  00040000",
    { .id = PACKET_WINDOW, .window = { .stream = 1, .credit = 262144 } } },
  { "Window with the largest numbers",
    "00000103  ffffffff  ffffffff",
    { .id = PACKET_WINDOW, .window = { .stream = UINT32_MAX, .credit = UINT32_MAX } } },
  { "Cancel", "00000104", { .id = PACKET_CANCEL } },
  { "Spawn with everything",
    "00000105"
    "0000000000000002  0000000000000002 'ls'  0000000000000002 '-l'"
    "0000000000000002  0000000000000003 'A=b'  0000000000000004 'C=' e9 0a"
    "0000000000000001  0000000000000001 'D'"
    "01 0000000000000005 'daisy'"
    "01 0000000000000005 'wheel'"
    "01 0000000000000003 '022'"
    "01 0000000000000004 '/tmp'"
    "01"
    "00"
    "00000000000003e8"
    "ffffffffffffffff"
    "01 0000000000000005 'xterm'"
    "00000018"
    "00000050",
    { .id = PACKET_SPAWN,
      .spawn = { .command = LIST (TEXT ("ls"), TEXT ("-l")),
                 .environment = LIST (TEXT ("A=b"), TEXT ("C=\xe9\n")),
                 .unset = LIST (TEXT ("D")),
                 .user = TEXT ("daisy"),
                 .group = TEXT ("wheel"),
                 .umask = TEXT ("022"),
                 .cwd = TEXT ("/tmp"),
                 .with_input = true,
                 .with_output = false,
                 .timeout = 1000,
                 .linger = -1,
                 .term = TEXT ("xterm"),
                 .rows = 24,
                 .columns = 80 } } },
  { "Spawn with little",
    "00000105"
    "0000000000000001  0000000000000004 'true'"
    "0000000000000000"
    "0000000000000000"
    "00 00 00 00"
    "00"
    "01"
    "0000000000000000"
    "0000000000000000"
    "00"
    "00000000"
    "00000000",
    { .id = PACKET_SPAWN,
      .spawn = { .command = LIST (TEXT ("true")),
                 .environment = EMPTY_LIST,
                 .unset = EMPTY_LIST,
                 .user = ABSENT,
                 .group = ABSENT,
                 .umask = ABSENT,
                 .cwd = ABSENT,
                 .with_input = false,
                 .with_output = true,
                 .timeout = 0,
                 .linger = 0,
                 .term = ABSENT,
                 .rows = 0,
                 .columns = 0 } } },
  { "Started",
    "00000106  0000000000003039",
    { .id = PACKET_STARTED, .started = { .pid = 12345 } } },
  { "Exited",
    "00000107  00000003  00  00000000000f4240  00000000001e8480  0000000000100000",
    { .id = PACKET_EXITED,
      .exited = { .returncode = 3,
                  .timed_out = false,
                  .user_time = 1000000,
                  .system_time = 2000000,
                  .max_resident = 1048576 } } },
  { "Exited in time no more, and killed",
    "00000107  fffffff7  01  0000000000000000  ffffffffffffffff  0000000000000000",
    { .id = PACKET_EXITED,
      .exited = { .returncode = -9,
                  .timed_out = true,
                  .user_time = 0,
                  .system_time = UINT64_MAX,
                  .max_resident = 0 } } },
  { "Closed", "00000108", { .id = PACKET_CLOSED } },
  { "Signal", "00000109  0000000f", { .id = PACKET_SIGNAL, .signal = { .number = 15 } } },
  { "Resize",
    "0000010a  00000018  00000050",
    { .id = PACKET_RESIZE, .resize = { .rows = 24, .columns = 80 } } },
  { "Write with everything",
    "0000010b"
    "0000000000000009 '/etc/motd'"
    "01 0000000000000003 '644'"
    "01 0000000000000004 'root'"
    "01 0000000000000003 'adm'"
    "01"
    "0000000100000000"
    "01",
    { .id = PACKET_WRITE,
      .write = { .file = TEXT ("/etc/motd"),
                 .mode = TEXT ("644"),
                 .owner = TEXT ("root"),
                 .group = TEXT ("adm"),
                 .preserve = true,
                 .size = 4294967296,
                 .sync = true } } },
  { "Write of a size nobody knows, with only a group",
    "0000010b  0000000000000002 '/' ff  00  00  01 0000000000000001 '7'  00  ffffffffffffffff  00",
    { .id = PACKET_WRITE,
      .write = { .file = TEXT ("/\xff"),
                 .mode = ABSENT,
                 .owner = ABSENT,
                 .group = TEXT ("7"),
                 .preserve = false,
                 .size = -1,
                 .sync = false } } },
  { "Written", "0000010c  00", { .id = PACKET_WRITTEN, .written = { .in_place = false } } },
  { "Written in place", "0000010c  01", { .id = PACKET_WRITTEN, .written = { .in_place = true } } },
  { "Read",
    "0000010d  0000000000000009 '/etc/motd'  0000000000000001  0000000000000010",
    { .id = PACKET_READ, .read = { .file = TEXT ("/etc/motd"), .offset = 1, .length = 16 } } },
  { "Read up to the end",
    "0000010d  0000000000000000  0000000000000000  ffffffffffffffff",
    { .id = PACKET_READ, .read = { .file = TEXT (""), .offset = 0, .length = UINT64_MAX } } },
  { "FileInfo",
    "0000010e  0000000000000004 'fifo'  00000000000001a4  0000000000000000  17979cfe362a0003",
    { .id = PACKET_FILE_INFO,
      .file_info = { .type = TEXT ("fifo"),
                     .mode = 0644,
                     .size = 0,
                     .mtime = 1700000000000000003 } } },
  { "List",
    "0000010f  0000000000000004 '/etc'  01  00",
    { .id = PACKET_LIST,
      .listing = { .path = TEXT ("/etc"), .follow_links = true, .itself = false } } },
  { "List of the thing itself",
    "0000010f  0000000000000000   00  01",
    { .id = PACKET_LIST,
      .listing = { .path = TEXT (""), .follow_links = false, .itself = true } } },
  { "DirectoryEntry of a link",
    "00000110  0000000000000004 'motd'  0000000000000004 'link'  00000000000001ff  "
    "0000000000000004 'root'  0000000000000003 'adm'  0000000000000009  "
    "17979cfe362a0003  17979cfe362a0004  0000000000000801  0000000000020000  "
    "0000000000000001  0000000000000000  01 0000000000000009 '/run/motd'",
    { .id = PACKET_DIRECTORY_ENTRY,
      .directory_entry = { .name = TEXT ("motd"),
                           .type = TEXT ("link"),
                           .mode = 511,
                           .owner = TEXT ("root"),
                           .group = TEXT ("adm"),
                           .size = 9,
                           .mtime = 1700000000000000003,
                           .ctime = 1700000000000000004,
                           .device = 2049,
                           .inode = 131072,
                           .links = 1,
                           .blocks = 0,
                           .target = TEXT ("/run/motd") } } },
  { "DirectoryEntry of a file",
    "00000110  0000000000000001 'a'  0000000000000004 'file'  00000000000009ed  "
    "0000000000000001 '0'  0000000000000001 '7'  ffffffffffffffff  "
    "0000000000000001  0000000000000002  0000000000000003  0000000000000004  "
    "0000000000000005  0000000000000006  00",
    { .id = PACKET_DIRECTORY_ENTRY,
      .directory_entry = { .name = TEXT ("a"),
                           .type = TEXT ("file"),
                           .mode = 2541,
                           .owner = TEXT ("0"),
                           .group = TEXT ("7"),
                           .size = UINT64_MAX,
                           .mtime = 1,
                           .ctime = 2,
                           .device = 3,
                           .inode = 4,
                           .links = 5,
                           .blocks = 6,
                           .target = ABSENT } } },
  { "MakeDirectory",
    "00000111  0000000000000006 '/srv/a'  01 0000000000000003 '755'  "
    "01 0000000000000004 'root'  01 0000000000000003 'adm'  01",
    { .id = PACKET_MAKE_DIRECTORY,
      .make_directory = { .path = TEXT ("/srv/a"),
                          .mode = TEXT ("755"),
                          .owner = TEXT ("root"),
                          .group = TEXT ("adm"),
                          .parents = true } } },
  { "MakeDirectory, only the path",
    "00000111  0000000000000001 'a'  00  00  00  00",
    { .id = PACKET_MAKE_DIRECTORY,
      .make_directory = { .path = TEXT ("a"),
                          .mode = ABSENT,
                          .owner = ABSENT,
                          .group = ABSENT,
                          .parents = false } } },
  { "Remove",
    "00000112  0000000000000006 '/srv/a'  01",
    { .id = PACKET_REMOVE, .remove = { .path = TEXT ("/srv/a"), .recursive = true } } },
  { "Rename",
    "00000113  0000000000000002 '/a'  0000000000000003 '/bc'  01",
    { .id = PACKET_RENAME,
      .rename = { .source = TEXT ("/a"), .target = TEXT ("/bc"), .replace = true } } },
  { "Link",
    "00000114  0000000000000004 '../a'  0000000000000002 '/b'  01  00",
    { .id = PACKET_LINK,
      .link = { .target = TEXT ("../a"),
                .path = TEXT ("/b"),
                .symbolic = true,
                .replace = false } } },
  { "ReadLink",
    "00000115  0000000000000002 '/b'",
    { .id = PACKET_READ_LINK, .read_link = { .path = TEXT ("/b") } } },
  { "SetAttributes",
    "00000116  0000000000000002 '/a'  01  00  01 0000000000000003 '644'  00  "
    "01 0000000000000003 'adm'  00  0000000000000000  01  fffffffffffffffe",
    { .id = PACKET_SET_ATTRIBUTES,
      .set_attributes = { .path = TEXT ("/a"),
                          .follow_links = true,
                          .recursive = false,
                          .mode = TEXT ("644"),
                          .owner = ABSENT,
                          .group = TEXT ("adm"),
                          .set_atime = false,
                          .atime = 0,
                          .set_mtime = true,
                          .mtime = -2 } } },
  { "SetAttributes of a tree",
    "00000116  0000000000000002 '/a'  00  01  00  01 0000000000000004 'root'  00  "
    "01  17979cfe362a0003  00  0000000000000000",
    { .id = PACKET_SET_ATTRIBUTES,
      .set_attributes = { .path = TEXT ("/a"),
                          .follow_links = false,
                          .recursive = true,
                          .mode = ABSENT,
                          .owner = TEXT ("root"),
                          .group = ABSENT,
                          .set_atime = true,
                          .atime = 1700000000000000003,
                          .set_mtime = false,
                          .mtime = 0 } } },
  { "MakeTemporary",
    "00000117  01 0000000000000008 '/var/tmp'  0000000000000002 'x.'  01",
    { .id = PACKET_MAKE_TEMPORARY,
      .make_temporary = { .directory = TEXT ("/var/tmp"),
                          .prefix = TEXT ("x."),
                          .is_directory = true } } },
  { "MakeTemporary where it usually is",
    "00000117  00  0000000000000000   00",
    { .id = PACKET_MAKE_TEMPORARY,
      .make_temporary = { .directory = ABSENT, .prefix = TEXT (""), .is_directory = false } } },
  { "FileSystem",
    "00000118  0000000000000001 '/'",
    { .id = PACKET_FILE_SYSTEM, .file_system = { .path = TEXT ("/") } } },
  { "FileSystemInfo",
    "00000119  0000000000001000  0000010000000000  0000000000000003  "
    "0000000000000002  0000000000000064  0000000000000032  00000000000000ff  01",
    { .id = PACKET_FILE_SYSTEM_INFO,
      .file_system_info = { .block_size = 4096,
                            .size = 1099511627776,
                            .free = 3,
                            .available = 2,
                            .files = 100,
                            .files_free = 50,
                            .name_max = 255,
                            .read_only = true } } },
  { "SpawnAsking",
    "0000011a"
    "0000000000000002  0000000000000003 'ssh'  0000000000000003 'far'"
    "0000000000000001  0000000000000003 'A=b'",
    { .id = PACKET_SPAWN_ASKING,
      .spawn_asking = { .command = LIST (TEXT ("ssh"), TEXT ("far")),
                        .environment = LIST (TEXT ("A=b")) } } },
  { "SpawnAsking with little",
    "0000011a  0000000000000001  0000000000000004 'doas'  0000000000000000",
    { .id = PACKET_SPAWN_ASKING,
      .spawn_asking = { .command = LIST (TEXT ("doas")), .environment = EMPTY_LIST } } },
  { "Keys",
    "0000011b  0000000000000003 'a\"b'",
    { .id = PACKET_KEYS, .keys = { .text = TEXT ("a\"b") } } },
  { "PutTree",
    "00000122  0000000000000001 '/'  0000000000000002 'a' ff  00000001  01",
    { .id = PACKET_PUT_TREE,
      .put_tree = { .path = TEXT ("/"), .name = TEXT ("a\xff"), .place = 1, .preserve = true } } },
  { "GetTree",
    "00000123  0000000000000004 '/srv'  01  00  01",
    { .id = PACKET_GET_TREE,
      .get_tree = { .path = TEXT ("/srv"),
                    .follow_links = true,
                    .preserve = false,
                    .count = true } } },
  { "TreePlace",
    "00000124  0000000000000002 '/a'",
    { .id = PACKET_TREE_PLACE, .tree_place = { .path = TEXT ("/a") } } },
  { "TreeDone",
    "00000125  0000000000000001  0000000000000002  0000000000000003  0000000100000000",
    { .id = PACKET_TREE_DONE,
      .tree_done = { .directories = 1, .files = 2, .links = 3, .bytes = 4294967296 } } },
};

/* ---- equality ---- */

static bool
same_text (const struct packet_bytes *a, const struct packet_bytes *b)
{
  return a->present == b->present && a->size == b->size
         && (a->size == 0 || memcmp (a->data, b->data, (size_t) a->size) == 0);
}

static bool
same_field (const void *a, const void *b, enum packet_type type)
{
  const struct packet_list *one = a, *other = b;
  switch (type)
    {
    case PACKET_TYPE_BOOL:
      return *(const bool *) a == *(const bool *) b;
    case PACKET_TYPE_I32:
    case PACKET_TYPE_U32:
      return memcmp (a, b, 4) == 0;
    case PACKET_TYPE_I64:
    case PACKET_TYPE_U64:
      return memcmp (a, b, 8) == 0;
    case PACKET_TYPE_LIST_STR:
      if (one->count != other->count)
        return false;
      for (uint64_t i = 0; i < one->count; i++)
        if (!same_text (&one->items[i], &other->items[i]))
          return false;
      return true;
    default:
      return same_text (a, b);
    }
}

static void
assert_same_packet (const struct packet *got, const struct packet *wanted, const char *name)
{
  cr_assert_eq (got->id, wanted->id, "%s: it is %s", name, packet_name (got->id));
  const struct packet_layout *layout = packet_layout_find (wanted->id);
  for (size_t i = 0; i < layout->field_count; i++)
    cr_assert (same_field (packet_field_in (got, &layout->fields[i]),
                           packet_field_in (wanted, &layout->fields[i]), layout->fields[i].type),
               "%s: %s differs", name, layout->fields[i].name);
}

/* ---- encoding and decoding ---- */

/* The limits where the packet belongs.  */
static const struct packet_limits *
limits_for (const struct golden *golden)
{
  return (int) golden->packet.id < PACKET_FIRST_OF_SESSIONS ? &packet_plain_limits
                                                            : &packet_frame_limits;
}

Test (codec, every_packet_has_a_golden)
{
  for (size_t i = 0; i < COUNT (ids); i++)
    {
      size_t count = 0;
      for (size_t j = 0; j < COUNT (goldens); j++)
        count += goldens[j].packet.id == (enum packet_id) ids[i];
      cr_assert_gt (count, 0, "%s has none", packet_name (ids[i]));
    }
}

Test (codec, ids_beyond_the_table_are_no_packets)
{
  static const uint32_t others[] = { 23, 24, 255, 1023, 65535, 65536, 0x7fffffff, 0xffffffff };
  for (size_t i = 0; i < COUNT (others); i++)
    {
      cr_assert_null (packet_layout_find (others[i]));
      cr_assert_str_eq (packet_name (others[i]), "unknown");
    }
}

Test (codec, every_packet_is_encoded_as_the_page_says)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer golden = bytes_of (goldens[i].bytes);
      struct buffer bytes = encoded (&goldens[i].packet);
      assert_same_bytes (&bytes, &golden, goldens[i].name);
      free (bytes.data);
      free (golden.data);
    }
}

Test (codec, every_packet_is_decoded_as_the_page_says_and_encodes_to_the_same_bytes)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer golden = bytes_of (goldens[i].bytes);
      struct packet_decoder decoder;
      size_t used;
      packet_decoder_init (&decoder, limits_for (&goldens[i]), FROM_ANYONE, NULL);
      cr_assert_eq (packet_decode (&decoder, golden.data, golden.size, &used), PACKET_COMPLETE,
                    "%s", goldens[i].name);
      cr_assert_eq (used, golden.size, "%s", goldens[i].name);
      assert_same_packet (&decoder.packet, &goldens[i].packet, goldens[i].name);
      struct buffer again = encoded (&decoder.packet);
      assert_same_bytes (&again, &golden, goldens[i].name);
      free (again.data);
      free (golden.data);
      packet_decoder_free (&decoder);
    }
}

Test (codec, a_packet_cut_anywhere_needs_more_and_is_whole_with_the_rest)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer golden = bytes_of (goldens[i].bytes);
      for (size_t cut = 0; cut < golden.size; cut++)
        {
          struct packet_decoder decoder;
          size_t used;
          packet_decoder_init (&decoder, limits_for (&goldens[i]), FROM_ANYONE, NULL);
          cr_assert_eq (packet_decode (&decoder, golden.data, cut, &used), PACKET_NEED_MORE,
                        "%s cut after %zu bytes", goldens[i].name, cut);
          cr_assert_eq (used, cut);
          cr_assert_eq (packet_decoder_between_packets (&decoder), cut == 0);
          cr_assert_eq (packet_decode (&decoder, golden.data + cut, golden.size - cut, &used),
                        PACKET_COMPLETE, "%s cut after %zu bytes", goldens[i].name, cut);
          cr_assert_eq (used, golden.size - cut);
          assert_same_packet (&decoder.packet, &goldens[i].packet, goldens[i].name);
          packet_decoder_free (&decoder);
        }
      free (golden.data);
    }
}

Test (codec, packets_may_come_byte_by_byte_one_behind_the_other)
{
  struct packet_decoder decoder;
  packet_decoder_init (&decoder, &packet_frame_limits, FROM_ANYONE, NULL);
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer golden = bytes_of (goldens[i].bytes);
      for (size_t position = 0; position < golden.size; position++)
        {
          size_t used;
          bool last = position + 1 == golden.size;
          cr_assert_eq (packet_decode (&decoder, golden.data + position, 1, &used),
                        last ? PACKET_COMPLETE : PACKET_NEED_MORE, "%s, byte %zu", goldens[i].name,
                        position);
          cr_assert_eq (used, 1);
          cr_assert_eq (packet_decoder_between_packets (&decoder), last);
        }
      assert_same_packet (&decoder.packet, &goldens[i].packet, goldens[i].name);
      free (golden.data);
    }
  packet_decoder_free (&decoder);
}

Test (codec, a_decoder_takes_no_byte_of_the_next_packet)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      const struct golden *first = &goldens[i], *second = &goldens[(i + 1) % COUNT (goldens)];
      struct buffer one = bytes_of (first->bytes), both = bytes_of (first->bytes);
      struct buffer other = bytes_of (second->bytes);
      struct packet_decoder decoder;
      size_t used;
      add (&both, other.data, other.size);
      packet_decoder_init (&decoder, &packet_frame_limits, FROM_ANYONE, NULL);
      cr_assert_eq (packet_decode (&decoder, both.data, both.size, &used), PACKET_COMPLETE);
      cr_assert_eq (used, one.size, "%s", first->name);
      assert_same_packet (&decoder.packet, &first->packet, first->name);
      cr_assert_eq (packet_decode (&decoder, both.data + used, both.size - used, &used),
                    PACKET_COMPLETE);
      cr_assert_eq (used, other.size, "%s", second->name);
      assert_same_packet (&decoder.packet, &second->packet, second->name);
      packet_decoder_free (&decoder);
      free (one.data);
      free (other.data);
      free (both.data);
    }
}

Test (codec, decoded_strings_and_bytes_are_followed_by_a_nul)
{
  struct buffer golden = bytes_of ("00000008"
                                   "0000000000000002 0000000000000001 'a' 0000000000000000"
                                   "01 0000000000000002 'in'"
                                   "01"
                                   "01 0000000000000001 'u' 00 00 01 0000000000000000");
  struct buffer before = bytes_of ("00000016");
  struct packet_decoder decoder;
  size_t used;
  packet_decoder_init (&decoder, &packet_plain_limits, FROM_CLIENT, NULL);
  /* A packet before it, so that the memory is not zero by chance.  */
  add_long_string (&before, 3000);
  cr_assert_eq (packet_decode (&decoder, before.data, before.size, &used), PACKET_COMPLETE);
  cr_assert_eq (packet_decode (&decoder, golden.data, golden.size, &used), PACKET_COMPLETE);
  const struct packet_process_run *run = &decoder.packet.process_run;
  cr_assert_str_eq (run->command.items[0].data, "a");
  cr_assert_str_eq (run->command.items[1].data, "");
  cr_assert_str_eq (run->stdin_bytes.data, "in");
  cr_assert_str_eq (run->user.data, "u");
  cr_assert_str_eq (run->cwd.data, "");
  cr_assert_null (run->group.data);
  packet_decoder_free (&decoder);
  free (before.data);
  free (golden.data);
}

Test (codec, the_memory_of_a_packet_serves_the_next_one_again)
{
  struct buffer bytes = bytes_of ("00000016 0000000000000004 'LANG'");
  struct packet_decoder decoder;
  const char *first = NULL;
  packet_decoder_init (&decoder, &packet_plain_limits, FROM_CLIENT, NULL);
  for (int i = 0; i < 1000; i++)
    {
      size_t used;
      cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_COMPLETE);
      if (first == NULL)
        first = decoder.packet.getenv.key.data;
      cr_assert_eq (decoder.packet.getenv.key.data, first);
    }
  packet_decoder_free (&decoder);
  free (bytes.data);
}

Test (codec, a_call_without_bytes_changes_nothing_between_packets)
{
  struct packet_decoder decoder;
  size_t used = 1;
  packet_decoder_init (&decoder, &packet_plain_limits, FROM_ANYONE, NULL);
  cr_assert (packet_decoder_between_packets (&decoder));
  for (int i = 0; i < 2; i++)
    {
      cr_assert_eq (packet_decode (&decoder, NULL, 0, &used), PACKET_NEED_MORE);
      cr_assert_eq (used, 0);
      cr_assert (packet_decoder_between_packets (&decoder));
      cr_assert_eq (packet_decode (&decoder, "\0\0\0\2", 4, &used), PACKET_COMPLETE);
    }
  packet_decoder_free (&decoder);
}

Test (codec, a_packet_from_the_wrong_end_is_refused)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer golden = bytes_of (goldens[i].bytes);
      const struct packet_layout *layout = packet_layout_find (goldens[i].packet.id);
      for (unsigned senders = 0; senders <= FROM_ANYONE; senders++)
        {
          struct packet_decoder decoder;
          size_t used;
          char sentence[100];
          packet_decoder_init (&decoder, limits_for (&goldens[i]), senders, NULL);
          enum packet_progress progress = packet_decode (&decoder, golden.data, golden.size, &used);
          snprintf (sentence, sizeof sentence, "%s is not a packet for this end to receive",
                    layout->name);
          if ((senders & layout->sender) != 0)
            cr_assert_eq (progress, PACKET_COMPLETE, "%s", goldens[i].name);
          else
            {
              cr_assert_eq (progress, PACKET_MALFORMED, "%s", goldens[i].name);
              cr_assert_str_eq (packet_decoder_error (&decoder), sentence);
            }
          packet_decoder_free (&decoder);
        }
      free (golden.data);
    }
}

static bool
is_among (uint32_t id, const enum packet_id *set, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (set[i] == (enum packet_id) id)
      return true;
  return false;
}

Test (codec, requests_come_from_the_client_and_answers_from_the_server)
{
  static const enum packet_id clients[] = {
    PACKET_CHECK_ALIVE,    PACKET_EXIT,           PACKET_PROCESS_RUN, PACKET_STAT,
    PACKET_RESOLVE_USER,   PACKET_RESOLVE_GROUP,  PACKET_UPLOAD,      PACKET_DOWNLOAD,
    PACKET_QUERY_USER,     PACKET_QUERY_GROUP,    PACKET_GETENV,      PACKET_HELLO,
    PACKET_CANCEL,         PACKET_SPAWN,          PACKET_SIGNAL,      PACKET_RESIZE,
    PACKET_WRITE,          PACKET_READ,           PACKET_LIST,        PACKET_MAKE_DIRECTORY,
    PACKET_REMOVE,         PACKET_RENAME,         PACKET_LINK,        PACKET_READ_LINK,
    PACKET_SET_ATTRIBUTES, PACKET_MAKE_TEMPORARY, PACKET_FILE_SYSTEM, PACKET_PUT_TREE,
    PACKET_GET_TREE,       PACKET_SPAWN_ASKING,   PACKET_KEYS
  };
  static const enum packet_id eithers[] = { PACKET_DATA, PACKET_EOF, PACKET_WINDOW };
  for (size_t i = 0; i < COUNT (ids); i++)
    {
      enum packet_sender sender = PACKET_FROM_SERVER;
      if (is_among (ids[i], clients, COUNT (clients)))
        sender = PACKET_FROM_CLIENT;
      else if (is_among (ids[i], eithers, COUNT (eithers)))
        sender = PACKET_FROM_EITHER;
      cr_assert_eq (packet_layout_find (ids[i])->sender, sender, "%s", packet_name (ids[i]));
    }
}

/* ---- malformed packets ---- */

struct malformed
{
  const char *name;
  const char *bytes;
  const char *sentence;
};

static const struct malformed malformed[] = {
  { "the first id behind the table", "00000017", "unknown packet id 23" },
  { "an id reserved for sessions", "00000100", "unknown packet id 256" },
  { "the last id", "ffffffff", "unknown packet id 4294967295" },
  { "text", "'hello'", "unknown packet id 1751477356" },

  { "a bool of 2", "0000000a 0000000000000001 '/' 02",
    "Stat: follow_links is 2, and a bool is 0 or 1" },
  { "a second bool of 255", "0000000a 0000000000000001 '/' 01 ff",
    "Stat: sha512sum is 255, and a bool is 0 or 1" },
  { "a presence of 2 of a string", "0000000c 02",
    "ResolveUser: the presence of user is 2, and a bool is 0 or 1" },
  { "a presence of 255 of bytes", "00000008 0000000000000000 ff",
    "ProcessRun: the presence of stdin_bytes is 255, and a bool is 0 or 1" },

  { "a string of 4 MiB + 1", "00000016 0000000000400001",
    "Getenv: key is 4194305 bytes long, and the limit is 4194304" },
  { "a string of 2^32", "00000016 0000000100000000",
    "Getenv: key is 4294967296 bytes long, and the limit is 4194304" },
  { "a string of 2^63", "00000010 8000000000000000",
    "Download: file is 9223372036854775808 bytes long, and the limit is 4194304" },
  { "a string of 2^64 - 1", "00000014 ffffffffffffffff",
    "QueryGroup: group is 18446744073709551615 bytes long, and the limit is 4194304" },
  { "an optional string of 2^64 - 1", "0000000d 01 ffffffffffffffff",
    "ResolveGroup: group is 18446744073709551615 bytes long, and the limit is 4194304" },
  { "an item of 4 MiB + 1", "00000008 0000000000000001 0000000000400001",
    "ProcessRun: command is 4194305 bytes long, and the limit is 4194304" },

  { "a list of 65537", "00000008 0000000000010001",
    "ProcessRun: command has 65537 items, and the limit is 65536" },
  { "a list of 2^40", "00000008 0000010000000000",
    "ProcessRun: command has 1099511627776 items, and the limit is 65536" },
  { "a list of 2^60, whose size would wrap round", "00000008 1000000000000001",
    "ProcessRun: command has 1152921504606846977 items, and the limit is 65536" },
  { "a list of 2^64 - 1", "00000008 ffffffffffffffff",
    "ProcessRun: command has 18446744073709551615 items, and the limit is 65536" },

  { "bytes of 16 GiB + 1", "0000000f 0000000400000001",
    "DownloadResult: content is 17179869185 bytes long, and the limit is 17179869184" },
  { "optional bytes of 2^63", "00000006 01 8000000000000000",
    "ProcessCompleted: stdout_bytes is 9223372036854775808 bytes long, and the limit is "
    "17179869184" },
  { "bytes of 2^64 - 1", "0000000f ffffffffffffffff",
    "DownloadResult: content is 18446744073709551615 bytes long, and the limit is 17179869184" },
};

Test (codec, what_is_malformed_is_told_in_a_sentence)
{
  for (size_t i = 0; i < COUNT (malformed); i++)
    {
      struct buffer bytes = bytes_of (malformed[i].bytes);
      struct packet_decoder decoder;
      size_t used;
      packet_decoder_init (&decoder, &packet_plain_limits, FROM_ANYONE, NULL);
      cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_MALFORMED, "%s",
                    malformed[i].name);
      cr_assert_str_eq (packet_decoder_error (&decoder), malformed[i].sentence, "%s: %s",
                        malformed[i].name, packet_decoder_error (&decoder));
      packet_decoder_free (&decoder);
      free (bytes.data);
    }
}

Test (codec, what_is_malformed_is_so_at_its_last_byte_and_for_ever)
{
  for (size_t i = 0; i < COUNT (malformed); i++)
    {
      struct buffer bytes = bytes_of (malformed[i].bytes);
      struct packet_decoder decoder;
      size_t used, position = 0;
      packet_decoder_init (&decoder, &packet_plain_limits, FROM_ANYONE, NULL);
      while (packet_decode (&decoder, bytes.data + position, 1, &used) == PACKET_NEED_MORE)
        cr_assert_lt (++position, bytes.size, "%s", malformed[i].name);
      /* An id is known after four bytes, whatever comes behind it.  */
      cr_assert (position + 1 == bytes.size || position == 3, "%s", malformed[i].name);
      for (int again = 0; again < 2; again++)
        {
          cr_assert_eq (packet_decode (&decoder, "\0\0\0\2", 4, &used), PACKET_MALFORMED);
          cr_assert_eq (used, 0);
          cr_assert_not (packet_decoder_between_packets (&decoder));
          cr_assert_str_eq (packet_decoder_error (&decoder), malformed[i].sentence);
        }
      packet_decoder_free (&decoder);
      free (bytes.data);
    }
}

/* ---- limits ---- */

/* Decode BYTES, which are given back, with the plain limits.  */
static enum packet_progress
decode_all (struct packet_decoder *decoder, struct buffer *bytes)
{
  size_t used;
  packet_decoder_init (decoder, &packet_plain_limits, FROM_ANYONE, NULL);
  enum packet_progress progress = packet_decode (decoder, bytes->data, bytes->size, &used);
  free (bytes->data);
  *bytes = (struct buffer){ NULL, 0, 0 };
  return progress;
}

Test (codec, a_claim_beyond_a_limit_sets_no_memory_aside)
{
  static const char *const claims[] = {
    "00000016 0000000000400001",    "00000010 8000000000000000", "00000008 0000010000000000",
    "00000008 ffffffffffffffff",    "0000000f 0000000400000001", "00000006 01 ffffffffffffffff",
    "0000000c 01 ffffffffffffffff",
  };
  for (size_t i = 0; i < COUNT (claims); i++)
    {
      struct buffer bytes = bytes_of (claims[i]);
      struct packet_decoder decoder;
      cr_assert_eq (decode_all (&decoder, &bytes), PACKET_MALFORMED, "%s", claims[i]);
      cr_assert_null (decoder.arena.blocks, "%s", claims[i]);
      cr_assert_null (decoder.content, "%s", claims[i]);
      packet_decoder_free (&decoder);
    }
}

Test (codec, memory_for_bytes_follows_what_came_and_not_what_was_claimed)
{
  struct buffer bytes = bytes_of ("0000000f 0000000400000000 'twelve bytes'");
  struct packet_decoder decoder;
  cr_assert_eq (decode_all (&decoder, &bytes), PACKET_NEED_MORE);
  cr_assert_leq (decoder.content_allocated, 65536);
  cr_assert_null (decoder.arena.blocks);
  packet_decoder_free (&decoder);
}

Test (codec, a_string_of_4_mib_is_accepted)
{
  struct buffer bytes = bytes_of ("00000016");
  struct packet_decoder decoder;
  add_long_string (&bytes, 4 * MIB);
  cr_assert_eq (decode_all (&decoder, &bytes), PACKET_COMPLETE);
  cr_assert_eq (decoder.packet.getenv.key.size, 4 * MIB);
  cr_assert_eq (decoder.packet.getenv.key.data[4 * MIB - 1], 'w');
  cr_assert_eq (decoder.packet.getenv.key.data[4 * MIB], '\0');
  packet_decoder_free (&decoder);
}

Test (codec, a_list_of_65536_is_accepted)
{
  struct buffer bytes = bytes_of ("00000013 0000000000000001 'g' 0000000000000000");
  struct packet_decoder decoder;
  add_number (&bytes, 65536, 8);
  for (int i = 0; i < 65536; i++)
    add_long_string (&bytes, 1);
  cr_assert_eq (decode_all (&decoder, &bytes), PACKET_COMPLETE);
  cr_assert_eq (decoder.packet.group_entry.members.count, 65536);
  cr_assert_str_eq (decoder.packet.group_entry.members.items[65535].data, "w");
  packet_decoder_free (&decoder);
}

/* A ProcessRun whose four words need TOTAL bytes, each counted with one more.  */
static struct buffer
words_of (uint64_t total)
{
  struct buffer bytes = bytes_of ("00000008 0000000000000004");
  for (int i = 0; i < 3; i++)
    add_long_string (&bytes, 4 * MIB - 1);
  add_long_string (&bytes, (size_t) (total - 12 * MIB - 1));
  for (int i = 0; i < 6; i++)
    add_number (&bytes, 0, 1);
  return bytes;
}

Test (codec, strings_of_16_mib_in_all_are_accepted)
{
  struct buffer bytes = words_of (16 * MIB);
  struct packet_decoder decoder;
  cr_assert_eq (decode_all (&decoder, &bytes), PACKET_COMPLETE);
  cr_assert_eq (decoder.packet.process_run.command.items[3].size, 4 * MIB - 1);
  packet_decoder_free (&decoder);
}

Test (codec, strings_of_more_than_16_mib_in_all_are_refused)
{
  struct buffer bytes = words_of (16 * MIB + 1);
  struct packet_decoder decoder;
  cr_assert_eq (decode_all (&decoder, &bytes), PACKET_MALFORMED);
  cr_assert_str_eq (packet_decoder_error (&decoder),
                    "ProcessRun: the strings up to command need more than 16777216 bytes in all");
  packet_decoder_free (&decoder);
}

Test (codec, the_total_begins_anew_with_each_packet)
{
  struct packet_limits limits = { UINT32_MAX, 8, 8, 8, 8 };
  struct buffer bytes = bytes_of ("00000016 0000000000000005 'hello'");
  struct packet_decoder decoder;
  size_t used;
  packet_decoder_init (&decoder, &limits, FROM_CLIENT, NULL);
  for (int i = 0; i < 3; i++)
    cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_COMPLETE);
  packet_decoder_free (&decoder);
  free (bytes.data);
}

Test (codec, bytes_are_not_part_of_the_total)
{
  struct packet_limits limits = { UINT32_MAX, 8, 8, 64, 4 };
  struct buffer bytes = bytes_of ("0000000e 0000000000000003 '/up' 000000000000001a"
                                  "'abcdefghijklmnopqrstuvwxyz' 00 00 00");
  struct packet_decoder decoder;
  size_t used;
  packet_decoder_init (&decoder, &limits, FROM_CLIENT, NULL);
  cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_COMPLETE);
  packet_decoder_free (&decoder);
  free (bytes.data);
}

/* ---- packets too large to send ---- */

struct oversized
{
  const char *name;
  struct packet packet;
  const char *field; /* NULL: it fits */
};

static const struct packet_limits small_limits = {
  .ids_below = UINT32_MAX, .string_size = 4, .list_count = 2, .bytes_size = 6, .total_size = 9
};

static const struct oversized oversized[] = {
  { "a packet without fields", { .id = PACKET_OK }, NULL },
  { "a string at the limit", { .id = PACKET_GETENV, .getenv = { .key = TEXT ("1234") } }, NULL },
  { "a string beyond the limit",
    { .id = PACKET_GETENV, .getenv = { .key = TEXT ("12345") } },
    "key" },
  { "a string that claims all there is",
    { .id = PACKET_GETENV, .getenv = { .key = { .data = NULL, .size = UINT64_MAX } } },
    "key" },
  { "an optional string beyond the limit",
    { .id = PACKET_RESOLVE_USER, .resolve_user = { .user = TEXT ("12345") } },
    "user" },
  { "bytes at the limit, held elsewhere",
    { .id = PACKET_DOWNLOAD_RESULT,
      .download_result = { .content = { .data = NULL, .size = 6, .present = true } } },
    NULL },
  { "bytes beyond the limit, held elsewhere",
    { .id = PACKET_DOWNLOAD_RESULT,
      .download_result = { .content = { .data = NULL, .size = 7, .present = true } } },
    "content" },
  { "the second of two bytes fields",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = TEXT ("123456"), .stderr_bytes = TEXT ("1234567") } },
    "stderr_bytes" },
  { "a list at the limit",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT (""), .members = LIST (TEXT ("a"), TEXT ("b")) } },
    NULL },
  { "a list beyond the limit",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT (""), .members = LIST (TEXT (""), TEXT (""), TEXT ("")) } },
    "members" },
  { "an item beyond the limit",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT (""), .members = LIST (TEXT ("a"), TEXT ("12345")) } },
    "members" },
  { "strings at the total",
    { .id = PACKET_OS_ERROR, .os_error = { .strerror = TEXT ("1234"), .msg = TEXT ("123") } },
    NULL },
  { "strings beyond the total",
    { .id = PACKET_OS_ERROR, .os_error = { .strerror = TEXT ("1234"), .msg = TEXT ("1234") } },
    "msg" },
  { "strings and a list at the total",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT ("1234"), .members = LIST (TEXT ("a"), TEXT ("b")) } },
    NULL },
  { "strings and a list beyond the total",
    { .id = PACKET_GROUP_ENTRY,
      .group_entry = { .name = TEXT ("1234"), .members = LIST (TEXT ("a"), TEXT ("bc")) } },
    "members" },
  { "absent strings, which take nothing of the total",
    { .id = PACKET_UPLOAD,
      .upload = { .file = TEXT ("123"),
                  .content = TEXT (""),
                  .mode = TEXT ("1234"),
                  .owner = ABSENT,
                  .group = ABSENT } },
    NULL },
};

Test (codec, a_packet_too_large_to_send_is_known_by_its_field)
{
  for (size_t i = 0; i < COUNT (oversized); i++)
    {
      const struct packet_field *field =
          packet_oversized_field (&oversized[i].packet, &small_limits);
      const char *name = field == NULL ? "nothing" : field->name;
      const char *wanted = oversized[i].field == NULL ? "nothing" : oversized[i].field;
      cr_assert_str_eq (name, wanted, "%s: %s", oversized[i].name, name);
    }
}

Test (codec, the_decoder_accepts_what_is_not_too_large_to_send_and_nothing_else)
{
  for (size_t i = 0; i < COUNT (oversized); i++)
    {
      const struct packet *packet = &oversized[i].packet;
      bool elsewhere = packet->id == PACKET_DOWNLOAD_RESULT
                       || (packet->id == PACKET_GETENV && packet->getenv.key.data == NULL);
      if (elsewhere)
        continue;
      struct buffer bytes = encoded (packet);
      struct packet_decoder decoder;
      size_t used;
      packet_decoder_init (&decoder, &small_limits, FROM_ANYONE, NULL);
      cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used),
                    oversized[i].field == NULL ? PACKET_COMPLETE : PACKET_MALFORMED, "%s: %s",
                    oversized[i].name, packet_decoder_error (&decoder));
      packet_decoder_free (&decoder);
      free (bytes.data);
    }
}

Test (codec, the_plain_limits_are_those_of_the_page)
{
  cr_assert_eq (packet_plain_limits.string_size, 4 * MIB);
  cr_assert_eq (packet_plain_limits.list_count, 65536);
  cr_assert_eq (packet_plain_limits.bytes_size, 16 * GIB);
  cr_assert_eq (packet_plain_limits.total_size, 16 * MIB);
}

/* ---- contents beside the packet ---- */

/* Writes down what a sink was told: "[stdout_bytes 3]out".  */
struct recorder
{
  struct buffer log;
  bool refuse_begin, refuse_data;
  const char *path; /* expected in an Upload when its content begins */
};

static bool
record_begin (void *context, const struct packet *packet, const struct packet_field *field,
              uint64_t size)
{
  struct recorder *recorder = context;
  char text[60];
  if (recorder->path != NULL)
    cr_assert_str_eq (packet->upload.file.data, recorder->path);
  snprintf (text, sizeof text, "[%s %llu]", field->name, (unsigned long long) size);
  add (&recorder->log, text, strlen (text));
  return !recorder->refuse_begin;
}

static bool
record_data (void *context, const char *data, size_t size)
{
  struct recorder *recorder = context;
  cr_assert_gt (size, 0);
  add (&recorder->log, data, size);
  return !recorder->refuse_data;
}

struct sink_case
{
  const char *name;
  const char *bytes;
  const char *log;
};

static const struct sink_case sink_cases[] = {
  { "strings never reach it", "0000000b 0000000000000004 'root'", "" },
  { "content does", "0000000f 0000000000000005 'hello'", "[content 5]hello" },
  { "empty content is only announced", "0000000f 0000000000000000", "[content 0]" },
  { "absent contents are not announced", "00000006 00 00 00000000", "" },
  { "two contents come one behind the other",
    "00000006 01 0000000000000003 'out' 01 0000000000000003 'err' 00000000",
    "[stdout_bytes 3]out[stderr_bytes 3]err" },
  { "only the present one of two comes", "00000006 00 01 0000000000000003 'err' 00000000",
    "[stderr_bytes 3]err" },
};

Test (codec, contents_are_delivered_to_a_sink_however_they_arrive)
{
  for (size_t i = 0; i < COUNT (sink_cases); i++)
    for (size_t chunk = 1; chunk < 40; chunk++)
      {
        struct buffer bytes = bytes_of (sink_cases[i].bytes);
        struct recorder recorder = { .path = NULL };
        struct packet_sink sink = { record_begin, record_data, &recorder };
        struct packet_decoder decoder;
        enum packet_progress progress = PACKET_NEED_MORE;
        packet_decoder_init (&decoder, &packet_plain_limits, FROM_SERVER, &sink);
        for (size_t position = 0, used; position < bytes.size; position += used)
          {
            size_t left = bytes.size - position;
            progress =
                packet_decode (&decoder, bytes.data + position, left < chunk ? left : chunk, &used);
          }
        cr_assert_eq (progress, PACKET_COMPLETE, "%s", sink_cases[i].name);
        add (&recorder.log, "", 1);
        cr_assert_str_eq (recorder.log.data, sink_cases[i].log, "%s", sink_cases[i].name);
        packet_decoder_free (&decoder);
        free (recorder.log.data);
        free (bytes.data);
      }
}

Test (codec, contents_given_to_a_sink_have_a_size_and_no_data)
{
  struct buffer bytes = bytes_of ("0000000e 0000000000000003 '/up' 0000000000000005 'hello'"
                                  "01 0000000000000003 '644' 00 00");
  struct recorder recorder = { .path = "/up" };
  struct packet_sink sink = { record_begin, record_data, &recorder };
  struct packet_decoder decoder;
  size_t used;
  packet_decoder_init (&decoder, &packet_plain_limits, FROM_CLIENT, &sink);
  cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_COMPLETE);
  const struct packet_upload *upload = &decoder.packet.upload;
  cr_assert (upload->content.present);
  cr_assert_eq (upload->content.size, 5);
  cr_assert_null (upload->content.data);
  cr_assert_str_eq (upload->mode.data, "644");
  packet_decoder_free (&decoder);
  free (recorder.log.data);
  free (bytes.data);
}

Test (codec, a_sink_that_refuses_makes_the_packet_malformed)
{
  static const char *const sentences[] = { "DownloadResult: no room for 5 bytes of content",
                                           "DownloadResult: no room for the rest of content" };
  for (size_t i = 0; i < COUNT (sentences); i++)
    {
      struct buffer bytes = bytes_of ("0000000f 0000000000000005 'hello'");
      struct recorder recorder = { .refuse_begin = i == 0, .refuse_data = i == 1 };
      struct packet_sink sink = { record_begin, record_data, &recorder };
      struct packet_decoder decoder;
      size_t used;
      packet_decoder_init (&decoder, &packet_plain_limits, FROM_SERVER, &sink);
      cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_MALFORMED);
      cr_assert_str_eq (packet_decoder_error (&decoder), sentences[i]);
      packet_decoder_free (&decoder);
      free (recorder.log.data);
      free (bytes.data);
    }
}

Test (codec, a_sink_is_not_asked_about_what_is_beyond_the_limit)
{
  struct buffer bytes = bytes_of ("0000000f 0000000400000001");
  struct recorder recorder = { .path = NULL };
  struct packet_sink sink = { record_begin, record_data, &recorder };
  struct packet_decoder decoder;
  size_t used;
  packet_decoder_init (&decoder, &packet_plain_limits, FROM_SERVER, &sink);
  cr_assert_eq (packet_decode (&decoder, bytes.data, bytes.size, &used), PACKET_MALFORMED);
  cr_assert_eq (recorder.log.size, 0);
  packet_decoder_free (&decoder);
  free (bytes.data);
}

/* Puts "<size>" where contents from elsewhere belong.  */
static void
emit_with_marks (void *context, const char *data, uint64_t size)
{
  char mark[30];
  if (data != NULL)
    {
      add (context, data, (size_t) size);
      return;
    }
  snprintf (mark, sizeof mark, "<%llu>", (unsigned long long) size);
  add (context, mark, strlen (mark));
}

struct external
{
  const char *name;
  const char *bytes;
  struct packet packet;
};

#define ELSEWHERE(bytes)                                                                           \
  {                                                                                                \
    .data = NULL, .size = (bytes), .present = true                                                 \
  }

static const struct external externals[] = {
  { "a download",
    "0000000f 0000000400000000 '<17179869184>'",
    { .id = PACKET_DOWNLOAD_RESULT, .download_result = { .content = ELSEWHERE (16 * GIB) } } },
  { "both outputs of a command",
    "00000006 01 0000000000000007 '<7>' 01 0000000000000009 '<9>' 00000000",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = ELSEWHERE (7), .stderr_bytes = ELSEWHERE (9) } } },
  { "an upload, with fields behind its content",
    "0000000e 0000000000000002 '/u' 0000000000000003 '<3>' 01 0000000000000001 '7' 00 00",
    { .id = PACKET_UPLOAD,
      .upload = { .file = TEXT ("/u"), .content = ELSEWHERE (3), .mode = TEXT ("7") } } },
  { "an empty one, for which nothing is asked",
    "0000000f 0000000000000000",
    { .id = PACKET_DOWNLOAD_RESULT, .download_result = { .content = ELSEWHERE (0) } } },
  { "one here and one elsewhere",
    "00000006 01 0000000000000002 'me' 01 0000000000000003 '<3>' 00000001",
    { .id = PACKET_PROCESS_COMPLETED,
      .process_completed = { .stdout_bytes = TEXT ("me"),
                             .stderr_bytes = ELSEWHERE (3),
                             .returncode = 1 } } },
};

Test (codec, contents_from_elsewhere_are_asked_for_where_they_belong)
{
  for (size_t i = 0; i < COUNT (externals); i++)
    {
      struct buffer wanted = bytes_of (externals[i].bytes), got = { NULL, 0, 0 };
      packet_encode (&externals[i].packet, emit_with_marks, &got);
      assert_same_bytes (&got, &wanted, externals[i].name);
      free (got.data);
      free (wanted.data);
    }
}

/* ---- frames ---- */

/* Take STREAM in pieces of at most PIECE bytes, and write down what it comes to, in a way that
   doesn't depend on the pieces: a line for each packet, a word for each byte of content.  */
static struct buffer
frames_in (const struct buffer *stream, size_t piece, unsigned senders)
{
  struct buffer log = { NULL, 0, 0 };
  struct frame_decoder decoder;
  enum frame_progress progress = FRAME_NEED_MORE;
  frame_decoder_init (&decoder, senders);
  for (size_t position = 0, used; position < stream->size && progress != FRAME_MALFORMED;
       position += used)
    {
      size_t left = stream->size - position, given = left < piece ? left : piece;
      char line[300] = "";
      progress = frame_decode (&decoder, stream->data + position, given, &used);
      cr_assert_leq (used, given);
      unsigned channel = (unsigned) decoder.channel, stream_number = (unsigned) decoder.stream;
      switch (progress)
        {
        case FRAME_NEED_MORE:
          cr_assert_eq (used, given);
          break;
        case FRAME_PACKET:
          snprintf (line, sizeof line, "%u %s\n", channel, packet_name (decoder.packet->id));
          break;
        case FRAME_DATA:
          if (decoder.data_size == 0)
            snprintf (line, sizeof line, "%u.%u\n", channel, stream_number);
          for (size_t i = 0; i < decoder.data_size; i++)
            {
              char word[40];
              snprintf (word, sizeof word, "%u.%u:%c\n", channel, stream_number, decoder.data[i]);
              add (&log, word, strlen (word));
            }
          break;
        case FRAME_UNKNOWN:
          snprintf (line, sizeof line, "%u unknown\n", channel);
          break;
        case FRAME_MALFORMED:
          snprintf (line, sizeof line, "%s\n", frame_decoder_error (&decoder));
          break;
        }
      add (&log, line, strlen (line));
    }
  if (!frame_decoder_between_frames (&decoder))
    add (&log, "inside", 6);
  add (&log, "", 1);
  frame_decoder_free (&decoder);
  return log;
}

struct stream
{
  const char *name;
  const char *bytes;
  const char *log;
};

static const struct stream streams[] = {
  { "nothing", "", "" },
  { "the page's CheckAlive", "00 00 00 08   00 00 00 00   00 00 00 02", "0 CheckAlive\n" },
  { "the page's Data",
    "00 00 00 17   00 00 00 05   00 00 01 01   00 00 00 00"
    "00 00 00 00 00 00 00 03   61 62 63",
    "5.0:a\n5.0:b\n5.0:c\n" },
  { "a packet with fields, on the last channel",
    "00000014 ffffffff 00000016 0000000000000004 'LANG'", "4294967295 Getenv\n" },
  { "Data without content", "00000014 00000001 00000101 00000002 0000000000000000", "1.2\n" },
  { "Data for each stream",
    "00000015 00000001 00000101 00000000 0000000000000001 'x'"
    "00000015 00000002 00000101 00000001 0000000000000001 'y'"
    "00000015 00000003 00000101 00000002 0000000000000001 'z'"
    "00000015 00000004 00000101 00000003 0000000000000001 't'",
    "1.0:x\n2.1:y\n3.2:z\n4.3:t\n" },
  { "an unknown packet", "00000008 00000007 00000017", "7 unknown\n" },
  { "an unknown packet with content that looks like a frame",
    "00000014 00000007 ffffffff 00000008 00000000 00000002", "7 unknown\n" },
  { "one behind the other",
    "0000000c 00000009 000003ff 'skip'"
    "00000008 00000000 00000002"
    "00000016 00000002 00000101 00000000 0000000000000002 'hi'"
    "0000000c 00000002 00000102 00000000"
    "00000014 00000002 00000101 00000000 0000000000000000"
    "00000008 00000001 000000ff"
    "00000010 00000002 00000103 00000001 00000010"
    "00000008 00000002 00000104",
    "9 unknown\n0 CheckAlive\n2.0:h\n2.0:i\n2 Eof\n2.0\n1 unknown\n2 Window\n2 Cancel\n" },

  { "one byte", "00", "inside" },
  { "a header but for a byte", "00000008 00000000 000000", "inside" },
  { "a packet that isn't whole yet", "00000014 00000001 00000016 0000000000000004 'LAN'",
    "inside" },
  { "Data whose size isn't known yet", "00000017 00000005 00000101 00000000 00000000000000",
    "inside" },
  { "Data that isn't whole yet", "00000017 00000005 00000101 00000000 0000000000000003 'ab'",
    "5.0:a\n5.0:b\ninside" },
  { "an unknown packet that isn't whole yet", "0000000c 00000001 ffffffff 'abc'", "inside" },
  { "a second frame that isn't whole yet", "00000008 00000000 00000002 000000",
    "0 CheckAlive\ninside" },
};

/* Every size of pieces, and so every place to cut, up to the stream's own size.  */
static void
assert_frames (const char *name, const char *golden, const char *log, unsigned senders)
{
  struct buffer stream = bytes_of (golden);
  for (size_t piece = 1; piece <= stream.size + 1; piece++)
    {
      struct buffer got = frames_in (&stream, piece, senders);
      cr_assert_str_eq (got.data, log, "%s, in pieces of %zu: %s", name, piece, got.data);
      free (got.data);
    }
  free (stream.data);
}

Test (frame, streams_of_frames_come_to_the_same_however_they_are_split)
{
  for (size_t i = 0; i < COUNT (streams); i++)
    assert_frames (streams[i].name, streams[i].bytes, streams[i].log, FROM_CLIENT);
}

static const struct stream malformed_frames[] = {
  { "a length of 0", "00000000 00000000 00000002", "a frame of 0 bytes has no room for a packet" },
  { "a length of 7", "00000007 00000000 00000002", "a frame of 7 bytes has no room for a packet" },
  { "a length of 4 MiB + 5", "00400005 00000001 00000016",
    "a frame of 4194309 bytes is longer than the 4194308 that are allowed" },
  { "the largest length", "ffffffff 00000001 00000016",
    "a frame of 4294967295 bytes is longer than the 4194308 that are allowed" },
  { "the largest length of an unknown packet", "ffffffff 00000001 ffffffff",
    "a frame of 4294967295 bytes is longer than the 4194308 that are allowed" },

  { "a byte behind a packet without fields", "00000009 00000000 00000002 00",
    "a frame has 1 bytes behind its packet, CheckAlive" },
  { "bytes behind a packet", "00000010 00000001 00000102 00000001 00000000",
    "a frame has 4 bytes behind its packet, Eof" },
  { "no room for the fields", "00000008 00000001 00000102", "a frame ends inside its packet" },
  { "an end between two fields", "00000011 00000001 0000000a 0000000000000001 '/'",
    "a frame ends inside its packet" },
  { "an end inside a string", "00000013 00000001 00000016 0000000000000004 'LAN'",
    "a frame ends inside its packet" },
  { "a string longer than its frame", "00000011 00000001 00000016 0000000000300000 'L'",
    "a frame ends inside its packet" },

  { "Data without its numbers", "00000008 00000001 00000101", "a frame ends inside its packet" },
  { "Data with half a size", "00000013 00000001 00000101 00000000 00000000000000",
    "a frame ends inside its packet" },
  { "Data with less content than its frame has",
    "00000017 00000005 00000101 00000000 0000000000000002 'ab'",
    "Data has 2 bytes, and its frame has room for 3" },
  { "Data with more content than its frame has",
    "00000017 00000005 00000101 00000000 0000000000000004 'abc'",
    "Data has 4 bytes, and its frame has room for 3" },
  { "Data with the largest size", "00000014 00000005 00000101 00000000 ffffffffffffffff",
    "Data has 18446744073709551615 bytes, and its frame has room for 0" },
  { "Data with a byte more than the limit", "00020015 00000005 00000101 00000000 0000000000020001",
    "Data has 131073 bytes, and the limit is 131072" },
  { "Data for stream 4", "00000015 00000001 00000101 00000004 0000000000000001 'x'",
    "Data is for stream 4, which there is not" },
  { "Data for the last stream", "00000014 00000001 00000101 ffffffff 0000000000000000",
    "Data is for stream 4294967295, which there is not" },

  { "an answer", "00000008 00000001 00000001", "Ack is not a packet for this end to receive" },
  { "an answer of sessions", "00000008 00000001 00000108",
    "Closed is not a packet for this end to receive" },
  { "a bool of 2", "00000013 00000001 0000000a 0000000000000001 '/' 02 00",
    "Stat: follow_links is 2, and a bool is 0 or 1" },
  { "a string beyond 4 MiB", "00000011 00000001 00000016 0000000000400001 'x'",
    "Getenv: key is 4194305 bytes long, and the limit is 4194304" },
  { "a list of 65537", "00100000 00000000 00000100 0000000000010001",
    "Hello: features has 65537 items, and the limit is 65536" },
};

/* Where it is found out, and so how much is taken by then, may depend on the split; what it is
   doesn't.  */
Test (frame, what_is_malformed_is_told_in_a_sentence_and_for_ever)
{
  for (size_t i = 0; i < COUNT (malformed_frames); i++)
    {
      struct buffer stream = bytes_of (malformed_frames[i].bytes);
      char log[300];
      snprintf (log, sizeof log, "%s\ninside", malformed_frames[i].log);
      assert_frames (malformed_frames[i].name, malformed_frames[i].bytes, log, FROM_CLIENT);

      struct frame_decoder decoder;
      size_t used;
      frame_decoder_init (&decoder, FROM_CLIENT);
      cr_assert_eq (frame_decode (&decoder, stream.data, stream.size, &used), FRAME_MALFORMED);
      for (int again = 0; again < 2; again++)
        {
          cr_assert_eq (frame_decode (&decoder, "\0\0\0\10\0\0\0\0\0\0\0\2", 12, &used),
                        FRAME_MALFORMED);
          cr_assert_eq (used, 0);
          cr_assert_str_eq (frame_decoder_error (&decoder), malformed_frames[i].log);
        }
      frame_decoder_free (&decoder);
      free (stream.data);
    }
}

Test (frame, each_end_takes_the_packets_of_the_other)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      if (goldens[i].packet.id == PACKET_DATA)
        continue;
      enum packet_sender sender = packet_layout_find (goldens[i].packet.id)->sender;
      for (unsigned senders = FROM_CLIENT; senders <= FROM_SERVER; senders++)
        {
          struct buffer frame = { NULL, 0, 0 };
          struct frame_decoder decoder;
          size_t used;
          cr_assert (frame_encode (1, &goldens[i].packet, emit_to_buffer, &frame));
          frame_decoder_init (&decoder, senders);
          cr_assert_eq (frame_decode (&decoder, frame.data, frame.size, &used),
                        (sender & senders) != 0 ? FRAME_PACKET : FRAME_MALFORMED, "%s",
                        goldens[i].name);
          frame_decoder_free (&decoder);
          free (frame.data);
        }
    }
}

Test (frame, every_packet_is_framed_as_the_page_says_and_comes_back)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer golden = bytes_of (goldens[i].bytes), wanted = { NULL, 0, 0 };
      struct buffer frame = { NULL, 0, 0 };
      if (goldens[i].packet.id == PACKET_DATA)
        {
          free (golden.data);
          continue;
        }
      add_number (&wanted, 4 + golden.size, 4);
      add_number (&wanted, 0xfedcba98, 4);
      add (&wanted, golden.data, golden.size);
      cr_assert (frame_encode (0xfedcba98, &goldens[i].packet, emit_to_buffer, &frame));
      assert_same_bytes (&frame, &wanted, goldens[i].name);

      struct frame_decoder decoder;
      size_t used;
      frame_decoder_init (&decoder, FROM_ANYONE);
      cr_assert_eq (frame_decode (&decoder, frame.data, frame.size, &used), FRAME_PACKET, "%s",
                    goldens[i].name);
      cr_assert_eq (used, frame.size);
      cr_assert_eq (decoder.channel, 0xfedcba98);
      cr_assert (frame_decoder_between_frames (&decoder));
      assert_same_packet (decoder.packet, &goldens[i].packet, goldens[i].name);
      frame_decoder_free (&decoder);
      free (frame.data);
      free (wanted.data);
      free (golden.data);
    }
}

Test (frame, the_header_of_data_and_its_content_are_a_data)
{
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      const struct packet_data *data = &goldens[i].packet.data;
      if (goldens[i].packet.id != PACKET_DATA)
        continue;
      struct buffer golden = bytes_of (goldens[i].bytes), wanted = { NULL, 0, 0 };
      struct buffer frame = { NULL, 0, 0 };
      char header[FRAME_DATA_HEADER];
      add_number (&wanted, 4 + golden.size, 4);
      add_number (&wanted, 0xfedcba98, 4);
      add (&wanted, golden.data, golden.size);
      frame_data_header (header, 0xfedcba98, data->stream, (uint32_t) data->content.size);
      add (&frame, header, sizeof header);
      add (&frame, data->content.data, (size_t) data->content.size);
      assert_same_bytes (&frame, &wanted, goldens[i].name);
      free (frame.data);
      free (wanted.data);
      free (golden.data);
    }
}

/* A frame with a Getenv of SIZE bytes in all: its string is 12 bytes less.  */
static bool
encode_getenv_of (size_t size, struct buffer *frame)
{
  char *key = malloc (size);
  cr_assert_not_null (key);
  memset (key, 'w', size);
  struct packet packet = { .id = PACKET_GETENV };
  packet.getenv.key = packet_data (key, size - 12);
  bool fits = frame_encode (1, &packet, emit_to_buffer, frame);
  free (key);
  return fits;
}

Test (frame, a_packet_of_4_mib_fits_and_a_byte_more_does_not)
{
  struct buffer frame = { NULL, 0, 0 };
  struct frame_decoder decoder;
  size_t used;
  cr_assert (encode_getenv_of (4 * MIB, &frame));
  cr_assert_eq (frame.size, 8 + 4 * MIB);
  frame_decoder_init (&decoder, FROM_CLIENT);
  cr_assert_eq (frame_decode (&decoder, frame.data, frame.size, &used), FRAME_PACKET);
  cr_assert_eq (used, frame.size);
  cr_assert_eq (decoder.packet->getenv.key.size, 4 * MIB - 12);
  frame_decoder_free (&decoder);
  free (frame.data);

  struct buffer none = { NULL, 0, 0 };
  cr_assert_not (encode_getenv_of (4 * MIB + 1, &none));
  cr_assert_eq (none.size, 0);
}

Test (frame, a_list_of_65536_fits_and_an_item_more_does_not)
{
  struct packet_bytes *items = calloc (65537, sizeof *items);
  struct packet packet = { .id = PACKET_GROUP_ENTRY, .group_entry = { .name = TEXT ("g") } };
  struct buffer frame = { NULL, 0, 0 };
  struct frame_decoder decoder;
  size_t used;
  cr_assert_not_null (items);
  for (size_t i = 0; i < 65537; i++)
    items[i] = packet_text ("a name of forty bytes, as large groups have");
  packet.group_entry.members = (struct packet_list){ .items = items, .count = 65537 };
  cr_assert_not (frame_encode (1, &packet, emit_to_buffer, &frame));
  cr_assert_eq (frame.size, 0);

  packet.group_entry.members.count = 65536;
  cr_assert (frame_encode (1, &packet, emit_to_buffer, &frame));
  frame_decoder_init (&decoder, FROM_SERVER);
  cr_assert_eq (frame_decode (&decoder, frame.data, frame.size, &used), FRAME_PACKET, "%s",
                frame_decoder_error (&decoder));
  cr_assert_eq (decoder.packet->group_entry.members.count, 65536);
  frame_decoder_free (&decoder);
  free (frame.data);
  free (items);
}

Test (frame, data_of_128_kib_is_given_as_it_comes_and_not_copied)
{
  struct buffer frame = { NULL, 0, 0 };
  char header[FRAME_DATA_HEADER];
  char *content = calloc (1, FRAME_DATA_MAX);
  cr_assert_not_null (content);
  frame_data_header (header, 3, 1, FRAME_DATA_MAX);
  add (&frame, header, sizeof header);
  add (&frame, content, FRAME_DATA_MAX);
  for (size_t piece = 1000; piece <= frame.size; piece *= 3)
    {
      struct frame_decoder decoder;
      size_t came = 0;
      frame_decoder_init (&decoder, FROM_SERVER);
      for (size_t position = 0, used; position < frame.size; position += used)
        {
          size_t left = frame.size - position;
          const char *from = frame.data + position;
          cr_assert_eq (frame_decode (&decoder, from, left < piece ? left : piece, &used),
                        FRAME_DATA);
          cr_assert_eq (decoder.data + decoder.data_size, from + used);
          came += decoder.data_size;
        }
      cr_assert_eq (came, FRAME_DATA_MAX);
      cr_assert (frame_decoder_between_frames (&decoder));
      cr_assert_null (decoder.packets.content);
      frame_decoder_free (&decoder);
    }
  free (content);
  free (frame.data);
}

Test (frame, memory_for_bytes_follows_what_came_and_not_what_was_claimed)
{
  /* An Upload of nearly 4 MiB, which is answered in a session too, if only with ENOSYS.  */
  struct buffer bytes = bytes_of ("00400004 00000001 0000000e 0000000000000002 '/u'"
                                  "00000000003fff00 'twelve bytes'");
  struct frame_decoder decoder;
  size_t used;
  frame_decoder_init (&decoder, FROM_CLIENT);
  cr_assert_eq (frame_decode (&decoder, bytes.data, bytes.size, &used), FRAME_NEED_MORE);
  cr_assert_leq (decoder.packets.content_allocated, 65536);
  frame_decoder_free (&decoder);
  free (bytes.data);
}

Test (frame, a_claim_beyond_a_limit_sets_no_memory_aside)
{
  for (size_t i = 0; i < COUNT (malformed_frames); i++)
    if (strstr (malformed_frames[i].log, "limit is") != NULL
        || strstr (malformed_frames[i].log, "allowed") != NULL)
      {
        struct buffer bytes = bytes_of (malformed_frames[i].bytes);
        struct frame_decoder decoder;
        size_t used;
        frame_decoder_init (&decoder, FROM_CLIENT);
        cr_assert_eq (frame_decode (&decoder, bytes.data, bytes.size, &used), FRAME_MALFORMED);
        cr_assert_null (decoder.packets.arena.blocks, "%s", malformed_frames[i].name);
        cr_assert_null (decoder.packets.content, "%s", malformed_frames[i].name);
        frame_decoder_free (&decoder);
        free (bytes.data);
      }
}

Test (frame, a_packet_lives_on_in_the_memory_that_was_taken_over)
{
  struct frame_decoder decoder;
  struct packet kept[COUNT (goldens)];
  struct arena arenas[COUNT (goldens)];
  frame_decoder_init (&decoder, FROM_ANYONE);
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      struct buffer frame = { NULL, 0, 0 };
      size_t used;
      arenas[i] = (struct arena){ NULL };
      if (goldens[i].packet.id == PACKET_DATA)
        continue;
      cr_assert (frame_encode (1, &goldens[i].packet, emit_to_buffer, &frame));
      cr_assert_eq (frame_decode (&decoder, frame.data, frame.size, &used), FRAME_PACKET);
      kept[i] = *decoder.packet;
      frame_take_memory (&decoder, &arenas[i]);
      free (frame.data);
    }
  frame_decoder_free (&decoder);
  for (size_t i = 0; i < COUNT (goldens); i++)
    {
      if (goldens[i].packet.id != PACKET_DATA)
        assert_same_packet (&kept[i], &goldens[i].packet, goldens[i].name);
      arena_free (&arenas[i]);
    }
}

Test (frame, a_call_without_bytes_changes_nothing)
{
  struct frame_decoder decoder;
  size_t used = 1;
  frame_decoder_init (&decoder, FROM_CLIENT);
  for (int i = 0; i < 2; i++)
    {
      cr_assert_eq (frame_decode (&decoder, NULL, 0, &used), FRAME_NEED_MORE);
      cr_assert_eq (used, 0);
      cr_assert (frame_decoder_between_frames (&decoder));
      cr_assert_eq (frame_decode (&decoder, "\0\0\0\10\0\0\0\0\0\0\0\2", 12, &used), FRAME_PACKET);
    }
  frame_decoder_free (&decoder);
}

Test (frame, the_limits_are_those_of_the_page)
{
  cr_assert_eq (FRAME_DATA_MAX, 131072);
  cr_assert_eq (FRAME_OTHER_MAX, 4194304);
  cr_assert_eq (FRAME_WINDOW_INITIAL, 262144);
  cr_assert_eq (FRAME_WINDOW_MAX, 8 * MIB);
  cr_assert_eq (FRAME_BANNER_MAX, 1024);
  cr_assert_eq (FRAME_PROTOCOL, 2);
  cr_assert_eq (packet_frame_limits.list_count, 65536);
}

/* ---- times of files ---- */

Test (timestamp, what_packets_have_no_room_for_is_the_first_or_the_last_moment)
{
  static const struct
  {
    struct timespec time;
    int64_t timestamp;
  } times[] = {
    { { 0, 0 }, 0 },
    { { 1, 999999999 }, 1999999999 },
    { { -1, 500000000 }, -500000000 },
    { { 9223372035, 1 }, 9223372035000000001 },
    { { 9223372036, 0 }, INT64_MAX },
    { { 9223372036, 999999999 }, INT64_MAX },
    { { 13569465600, 0 }, INT64_MAX },
    { { INT64_MAX, 999999999 }, INT64_MAX },
    { { -9223372036, 1 }, -9223372035999999999 },
    { { -9223372037, 999999999 }, -INT64_MAX },
    { { -14831769600, 0 }, -INT64_MAX },
    { { INT64_MIN, 0 }, -INT64_MAX },
  };
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
    {
      int64_t timestamp = timestamp_of (&times[i].time);
      cr_expect_eq (timestamp, times[i].timestamp, "%zu: %lld", i, (long long) timestamp);
      struct timespec back = timestamp_time (timestamp);
      cr_expect (back.tv_nsec >= 0 && back.tv_nsec < 1000000000);
      cr_expect_eq (timestamp_of (&back), timestamp, "%zu", i);
    }
}
