/* A file of [sections] and NAME = VALUE, read so that nothing in it is lost without a word:
   longreach.conf, and declared connectors.  What is in it means is its reader's.  */

#ifndef CORE_INI_FILE_H
#define CORE_INI_FILE_H

#include <longreach/longreach.h>

#include <stddef.h>
#include <stdio.h>

struct ini_file;

/* What a reader makes of it.  All are called behind a mistake, too; any may complain.  */
struct ini_reader
{
  void (*begin_section) (struct ini_file *file, const char *section);
  void (*end_section) (struct ini_file *file, const char *section); /* "": before the first */
  void (*take) (struct ini_file *file, const char *section, const char *name, const char *value);
};

enum
{
  INI_NAME_MAX = 49, /* characters of the name of a section or a setting: inih keeps no more */
};

/* One that is being read.  The reader fills in the first members; line and heading are for it to
   look at, and all else is ours.  */
struct ini_file
{
  const char *path;  /* as it is called in errors; borrowed */
  const char *field; /* of an error, INVALID_VALUE; NULL: the errors are PLUGIN */
  const struct ini_reader *reader;
  void *context;          /* the reader's */
  struct lr_error *error; /* the first mistake of the file */

  unsigned line;    /* the one that is being read */
  unsigned heading; /* the line that the section begins in */

  unsigned mistake; /* the line of the first one; 0: there is none */
  int errnum;       /* it could not be read to its end; ENOMEM: or not be kept */
  FILE *stream;
  char *text; /* owned: the line, as it is in the file */
  size_t room;
  char section[INI_NAME_MAX + 1];
};

/* Open REAL, where the path of FILE leads; NULL and the error.  */
FILE *ini_open (struct ini_file *file, const char *real);

/* Read FILE from STREAM, to its end.  -1 and the error: a mistake, which names the line; IO;
   NO_MEMORY.  */
int ini_read (struct ini_file *file, FILE *stream);

/* There is a mistake in LINE.  The first one that is told counts.  */
void ini_complain (struct ini_file *file, unsigned line, const char *format, ...)
    __attribute__ ((__format__ (__printf__, 3, 4)));

/* There is no memory for what was read.  */
void ini_lose (struct ini_file *file);

#endif
