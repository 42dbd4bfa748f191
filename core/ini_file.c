/* inih splits the lines; what they mean is decided by the reader.

   It has limits, and cuts what is longer without a word; it passes over a section without settings,
   over what stands behind a section's "]", and over what stands behind a NUL; and it takes an
   indented line for one that goes on with the value before it.  So each line is looked at on its
   way to inih, which gets it without what it is indented by.  The lines are counted there too, for
   the handler is not told the one it is at.  */

#include "core/ini_file.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPACE " \t\r\f\v\n"

enum
{
  FILE_MAX = 1 << 20, /* bytes */
};

/* ---- mistakes ---- */

__attribute__ ((__format__ (__printf__, 2, 3))) static void
set_error (struct ini_file *file, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  error_set_va (file->error, LR_ERROR_PLUGIN, format, arguments);
  va_end (arguments);
  if (file->field == NULL)
    return;
  file->error->kind = LR_ERROR_INVALID_VALUE;
  snprintf (file->error->field, sizeof file->error->field, "%s", file->field);
}

void
ini_complain (struct ini_file *file, unsigned line, const char *format, ...)
{
  char what[1024];
  va_list arguments;
  if (file->mistake != 0)
    return;
  file->mistake = line;
  va_start (arguments, format);
  vsnprintf (what, sizeof what, format, arguments);
  va_end (arguments);
  set_error (file, "%s:%u: %s", file->path, line, what);
}

void
ini_lose (struct ini_file *file)
{
  file->errnum = ENOMEM;
}

/* ---- on the way to inih ---- */

/* LINE begins with "[".  What is not closed is inih's to refuse.  */
static void
begin_section (struct ini_file *file, const char *line)
{
  size_t length = strcspn (line + 1, "]");
  if (line[length + 1] == '\0')
    return;
  file->reader->end_section (file, file->section);
  const char *rest = line + 1 + length + 1;
  rest += strspn (rest, SPACE);
  if (length > INI_NAME_MAX)
    ini_complain (file, file->line, "the name of the section is longer than %d characters",
                  INI_NAME_MAX);
  else if (*rest != '\0' && strchr (";#", *rest) == NULL)
    ini_complain (file, file->line, "there is something behind the section's \"]\"");
  else
    {
      snprintf (file->section, sizeof file->section, "%.*s", (int) length, line + 1);
      file->heading = file->line;
      file->reader->begin_section (file, file->section);
    }
}

/* LINE, which is no comment, goes to where there is ROOM.  */
static void
check_line (struct ini_file *file, const char *line, size_t room)
{
  size_t length = strlen (line);
  if (length + 1 >= room + (line[length == 0 ? 0 : length - 1] == '\n'))
    ini_complain (file, file->line, "the line is longer than %zu characters", room - 2);
  else if (line[0] == '[')
    begin_section (file, line);
  else if (strcspn (line, "=:") < length && strcspn (line, SPACE "=:") > INI_NAME_MAX)
    ini_complain (file, file->line, "the name of the setting is longer than %d characters",
                  INI_NAME_MAX);
}

static char *
read_line (char *buffer, int size, void *context)
{
  static const char mark[] = "\xef\xbb\xbf"; /* with which some editors begin a file */
  struct ini_file *file = context;
  errno = 0;
  ssize_t length = getline (&file->text, &file->room, file->stream);
  if (length < 0)
    {
      file->errnum = file->errnum != 0 ? file->errnum : errno;
      return NULL;
    }
  file->line++;
  const char *line = file->text;
  if (strlen (line) < (size_t) length)
    ini_complain (file, file->line, "there is a NUL byte in the line");
  if (file->line == 1 && strncmp (line, mark, strlen (mark)) == 0)
    line += strlen (mark);
  line += strspn (line, SPACE);
  if (strchr (";#", line[0]) != NULL)
    line = "";
  check_line (file, line, (size_t) size);
  snprintf (buffer, (size_t) size, "%s", line);
  return buffer;
}

/* What inih makes of a line.  It is told of no mistakes: it would return the line of the first one,
   whoever found it.  */
static int
take_line (void *context, const char *section, const char *name, const char *value)
{
  struct ini_file *file = context;
  file->reader->take (file, section, name, value);
  return 1;
}

/* ---- files ---- */

/* The mistakes inih has found, and it alone, come to light at the end.  */
int
ini_read (struct ini_file *file, FILE *stream)
{
  file->stream = stream;
  int line = ini_parse_stream (read_line, file, take_line, file);
  file->reader->end_section (file, file->section);
  free (file->text);
  file->text = NULL;
  if (line < 0 || file->errnum == ENOMEM)
    return error_no_memory (file->error);
  if (line > 0 && (file->mistake == 0 || (unsigned) line < file->mistake))
    {
      file->mistake = 0;
      ini_complain (file, (unsigned) line, "this is neither a [section] nor NAME = VALUE");
    }
  if (file->mistake != 0)
    return -1;
  if (file->errnum != 0)
    return error_set_errno (file->error, LR_ERROR_IO, file->errnum, "%s: cannot read it: %s",
                            file->path, strerror (file->errnum));
  return 0;
}

FILE *
ini_open (struct ini_file *file, const char *real)
{
  struct stat info;
  int fd = open (real, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  FILE *stream = fd < 0 ? NULL : fdopen (fd, "r");
  if (stream == NULL || fstat (fd, &info) != 0)
    error_set_errno (file->error, LR_ERROR_IO, errno, "%s: cannot open it: %s", file->path,
                     strerror (errno));
  else if (!S_ISREG (info.st_mode))
    set_error (file, "%s: it is not a file", file->path);
  else if (info.st_size > FILE_MAX)
    set_error (file, "%s: it is larger than %d bytes", file->path, FILE_MAX);
  else
    return stream;
  if (stream != NULL)
    fclose (stream);
  else if (fd >= 0)
    close (fd);
  return NULL;
}
