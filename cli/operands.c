#include "cli/operands.h"
#include "cli/report.h"
#include "cli/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool
operands_look_like_url (const char *text)
{
  if (!isalpha ((unsigned char) *text))
    return false;
  while (isalnum ((unsigned char) *text) || *text == '+' || *text == '-' || *text == '.'
         || *text == '_')
    text++;
  return *text == ':';
}

static bool
is_local_file (const char *text)
{
  return access (text, F_OK) == 0;
}

/* The index of the URL among OPERANDS if it is not the first, as it should be; else 0.  */
static size_t
find_misplaced_url (const struct subcommand *subcommand, char **operands, size_t count)
{
  if (count == 0 || (operands_look_like_url (operands[0]) && !is_local_file (operands[0])))
    return 0;
  for (size_t i = subcommand->takes_colon ? 2 : 1; i < count; i++)
    if (operands_look_like_url (operands[i]) && !is_local_file (operands[i]))
      return i;
  return 0;
}

/* OPERANDS as they should have been, for a shell to read; the caller frees it.  */
static char *
put_url_first (char **operands, size_t count, size_t url)
{
  char *words;
  size_t size;
  FILE *stream = open_memstream (&words, &size);
  if (stream == NULL)
    out_of_memory ();
  text_print_quoted (stream, operands[url]);
  for (size_t i = 0; i < count; i++)
    if (i != url)
      {
        putc (' ', stream);
        text_print_quoted (stream, operands[i]);
      }
  if (fclose (stream) != 0)
    out_of_memory ();
  return words;
}

static int
report_misplaced_url (const struct subcommand *subcommand, char **operands, size_t count,
                      size_t url)
{
  if (count < subcommand->least || count > subcommand->most)
    return report_usage ("the URL comes first: longreach %s %s", subcommand->name,
                         subcommand->operands);
  char *words = put_url_first (operands, count, url);
  int status = report_usage ("the URL comes first: longreach %s %s", subcommand->name, words);
  free (words);
  return status;
}

int
operands_check_most (const struct subcommand *subcommand, char **operands, size_t count,
                     size_t most)
{
  if (count <= most)
    return 0;
  if (most == 0)
    return report_usage ("%s takes no operands, so %s is one too many", subcommand->name,
                         operands[0]);
  return report_usage ("%s takes no more operands than %s, so %s is one too many", subcommand->name,
                       subcommand->operands, operands[most]);
}

int
operands_check (const struct subcommand *subcommand, char **operands, size_t count)
{
  bool url_first = (subcommand->offers & OFFERS_URL) != 0 && !subcommand->runs_command;
  size_t misplaced = url_first ? find_misplaced_url (subcommand, operands, count) : 0;
  if (misplaced != 0)
    return report_misplaced_url (subcommand, operands, count, misplaced);
  int status = operands_check_most (subcommand, operands, count, subcommand->most);
  if (status != 0)
    return status;
  if (count < subcommand->least)
    return report_usage ("%s needs %s; see longreach %s --help", subcommand->name,
                         subcommand->operands, subcommand->name);
  return 0;
}
