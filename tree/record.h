/* Trees of files as a stream of records: what pack.c writes and unpack.c reads.

   A record is a byte for its kind, a u32 for the length of what follows, its texts and its numbers,
   which each kind has a set of, in the order of the enumerations here.  A text is a u16, that many
   bytes without a NUL, and a NUL; a number is a u64.  All is big-endian.  What follows in a CONTENT
   are the bytes of a file.

     tree      = [TOTALS] entry DONE           with PROBLEM before any of these
     entry     = directory | file | LINK | SAME
     directory = ENTER *entry LEAVE
     file      = FILE *(CONTENT | HOLE) [ABANDON]

   A file ends when all the bytes that FILE has announced have come, or with ABANDON, and then there
   is no such file.  The name of the first entry is empty: what it is called is for the other end to
   say.  */

#ifndef TREE_RECORD_H
#define TREE_RECORD_H

#include <stddef.h>
#include <stdint.h>

enum record_kind
{
  RECORD_TOTALS = 'T',  /* what is to come: FILES, SIZE (bytes) */
  RECORD_ENTER = 'D',   /* a directory: NAME, OWNER, GROUP, MODE, MTIME */
  RECORD_LEAVE = 'U',   /* the end of it */
  RECORD_FILE = 'F',    /* the same, and SIZE, ID (of a file with several names; else 0) */
  RECORD_CONTENT = 'C', /* bytes of it */
  RECORD_HOLE = 'H',    /* SIZE bytes of it that are zero, and take no room */
  RECORD_ABANDON = 'A', /* it can't be read to its end */
  RECORD_LINK = 'L',    /* a symbolic link: NAME, TARGET, OWNER, GROUP, MTIME */
  RECORD_SAME = 'S',    /* one more name of file ID: NAME, ID */
  RECORD_PROBLEM =
      'P',           /* what is left out: NAME is its path, TARGET what failed, ID an errno or 0 */
  RECORD_DONE = 'Z', /* that was all */
};

enum record_text
{
  RECORD_NAME,
  RECORD_TARGET,
  RECORD_OWNER, /* a name, or digits where there is none; "": it is not told */
  RECORD_GROUP,
  RECORD_TEXTS,
};

enum record_number
{
  RECORD_MODE,
  RECORD_MTIME, /* nanoseconds since the epoch, in two's complement */
  RECORD_SIZE,
  RECORD_ID,
  RECORD_FILES,
  RECORD_NUMBERS,
};

enum
{
  RECORD_HEAD = 5,        /* bytes of kind and length */
  RECORD_MAX = 10 << 10,  /* bytes of a record other than CONTENT, head and all */
  RECORD_TEXT_MAX = 4096, /* bytes of a text */
};

/* The texts are borrowed; one that the record doesn't have is "".  */
struct record
{
  enum record_kind kind;
  const char *texts[RECORD_TEXTS];
  uint64_t numbers[RECORD_NUMBERS];
};

#define RECORD(...) ((struct record){ __VA_ARGS__ })

/* Write RECORD, which is no CONTENT, to BUFFER, of RECORD_MAX bytes; its size.  Texts that are too
   long are cut.  */
size_t record_write (const struct record *record, char *buffer);

/* Write the head of a CONTENT of SIZE bytes.  */
void record_write_content_head (char *buffer, uint32_t size);

/* What a stream has come to.  */
enum record_progress
{
  RECORD_NEED_MORE,
  RECORD_WHOLE,     /* a record */
  RECORD_BYTES,     /* bytes of a CONTENT */
  RECORD_MALFORMED, /* this is no such stream */
};

/* All zero is the start of a stream.  */
struct record_reader
{
  struct record record; /* RECORD_WHOLE: the record; its texts are valid until the next call */
  const char *bytes;    /* RECORD_BYTES: they are borrowed from what was given */
  size_t size;
  uint32_t content_left;
  size_t kept_size;
  char kept[RECORD_MAX]; /* the start of a record that has not come to its end */
};

/* Take some of the SIZE bytes at DATA: *USED of them.  */
enum record_progress record_read (struct record_reader *reader, const char *data, size_t size,
                                  size_t *used);

/* Keep the record's texts until the next call, also when the data is gone.  */
void record_keep (struct record_reader *reader);

#endif
