/* Words that pass through a login shell: what quote_word writes is read by each of the shells
   itself as the word it was.  */

#include "tests/support.h"

#include "plugins/ssh/quote.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

TestSuite (quote, .init = (void (*) (void)) make_directory, .fini = remove_directory,
           .timeout = 120);

static const char *const shells[][4] = {
  { "sh", NULL },   { "bash", NULL }, { "dash", NULL }, { "busybox", "ash", NULL },
  { "ksh", NULL },  { "mksh", NULL }, { "zsh", NULL },  { "zsh", "-o", "rcquotes", NULL },
  { "yash", NULL }, { "fish", NULL }, { "tcsh", NULL }, { "bsd-csh", NULL },
};

static const char *const words[] = {
  "",
  "plain",
  "-n",
  "--",
  "two words",
  " ",
  "\t",
  "tab\tbetween",
  "'",
  "''",
  "'''",
  "it's",
  "'quoted'",
  "\"",
  "\"double\"",
  "\\",
  "\\\\",
  "\\n",
  "\\'",
  "'\\",
  "ends in \\",
  "!",
  "!!",
  "!$",
  "!-1",
  "a!b",
  "'!'",
  "\\!",
  "!\\'",
  "$HOME",
  "${HOME}",
  "$(id)",
  "$((1+1))",
  "$",
  "`id`",
  "<(id)",
  ">/dev/full",
  "a>b",
  ";id",
  "a;b",
  "&& id",
  "a&b",
  "|id",
  "*",
  "/etc/*",
  "?",
  "[a-z]",
  "{a,b}",
  "{}",
  "{",
  "}",
  "~",
  "~root",
  "a=~",
  "=ls",
  "NAME=value",
  "%self",
  "%1",
  "%s%d%n",
  "^a^b",
  "#comment",
  "a#b",
  "@",
  "+",
  ":",
  "(id)",
  ")",
  "if",
  "\xc3\xa4\xc3\xb6 \xe2\x82\xac",
  "\xf0\x9f\x98\x80",
  "-oProxyCommand=touch x",
  "umask 077; for d in $A /tmp; do [ -d $d ] && echo \"$d\"; done",
};

/* Not the text of any locale.  yash, which reads characters and not bytes, takes no command that
   has such in it, nor any character that its locale doesn't know.  */
static const char *const bytes[] = { "\xff\xfe", "\x80\x9b", "\xc3", "a\xa0z" };

/* COMMAND as the shell of ROW would be given it by sshd.  */
static struct finished
run_in_shell (const char *const *row, const char *command)
{
  const char *argv[8];
  size_t count = 0;
  while (row[count] != NULL)
    {
      argv[count] = row[count];
      count++;
    }
  argv[count++] = "-c";
  argv[count++] = command;
  argv[count] = NULL;
  return run_program (argv, NULL, 0);
}

/* One command with all words, which prints each between brackets.  */
static char *
quote_all (const char *const *list, size_t count)
{
  char *text;
  size_t size;
  FILE *stream = open_memstream (&text, &size);
  fputs ("exec printf ", stream);
  quote_word (stream, "[%s]");
  for (size_t i = 0; i < count; i++)
    {
      cr_assert (quote_can_carry (list[i]), "%s", list[i]);
      putc (' ', stream);
      quote_word (stream, list[i]);
    }
  fclose (stream);
  return text;
}

static void
expect_in_all_shells_but (const char *exception, const char *const *list, size_t count,
                          const char *locale)
{
  char *wanted, *command = quote_all (list, count);
  size_t size;
  FILE *stream = open_memstream (&wanted, &size);
  for (size_t i = 0; i < count; i++)
    fprintf (stream, "[%s]", list[i]);
  fclose (stream);
  setenv ("LC_ALL", locale, 1);
  setenv ("HOME", path_in (""), 1);
  for (size_t i = 0; i < COUNT (shells); i++)
    {
      if (strcmp (shells[i][0], exception) == 0)
        continue;
      struct finished finished = run_in_shell (shells[i], command);
      cr_expect_eq (finished.status, 0, "%s: status %d: %s", shells[i][0], finished.status,
                    finished.error);
      cr_expect (finished.output_size == size && memcmp (finished.output, wanted, size) == 0,
                 "%s in %s reads %s as %s, not %s", shells[i][0], locale, command, finished.output,
                 wanted);
      free_finished (&finished);
    }
  free (command);
  free (wanted);
}

static void
expect_in_all_shells (const char *const *list, size_t count, const char *locale)
{
  expect_in_all_shells_but ("", list, count, locale);
}

Test (quote, every_shell_reads_each_word_as_it_was)
{
  for (size_t i = 0; i < COUNT (words); i += 8)
    expect_in_all_shells (words + i, COUNT (words) - i < 8 ? COUNT (words) - i : 8, "C.UTF-8");
}

Test (quote, in_the_locale_c_too)
{
  expect_in_all_shells_but ("yash", words, COUNT (words), "C");
}

Test (quote, bytes_that_are_no_text_get_through)
{
  expect_in_all_shells_but ("yash", bytes, COUNT (bytes), "C.UTF-8");
  expect_in_all_shells_but ("yash", bytes, COUNT (bytes), "C");
}

/* All bytes that a word can have, each beside each other kind.  */
Test (quote, every_byte_gets_through)
{
  char all[512];
  size_t used = 0;
  for (int byte = 1; byte < 256; byte++)
    if (byte == '\t' || (byte >= ' ' && byte != 0x7f && byte < 0x80))
      {
        all[used++] = (char) byte;
        all[used++] = '\'';
        all[used++] = (char) byte;
      }
  all[used] = '\0';
  expect_in_all_shells ((const char *const[]){ all }, 1, "C.UTF-8");
}

/* The script that stages a dispatcher is one word of some thousand bytes.  */
Test (quote, a_long_word_gets_through)
{
  char word[3000];
  memset (word, 'x', sizeof word - 1);
  for (size_t i = 7; i < sizeof word; i += 50)
    word[i] = ' ';
  word[sizeof word - 1] = '\0';
  expect_in_all_shells ((const char *const[]){ word }, 1, "C.UTF-8");
}

Test (quote, what_no_shell_carries_is_known)
{
  for (int byte = 1; byte < 256; byte++)
    {
      const char word[] = { 'a', (char) byte, 'b', '\0' };
      bool is_control = (byte < ' ' && byte != '\t') || byte == 0x7f;
      cr_expect_eq (quote_can_carry (word), !is_control, "byte %d", byte);
    }
  cr_expect (quote_can_carry (""));
}

/* Nobody should have to read more apostrophes than there must be.  */
Test (quote, words_are_quoted_only_where_they_must_be)
{
  static const char *const rows[][2] = {
    { "/usr/bin/longreach-dispatcher", "/usr/bin/longreach-dispatcher" },
    { "--session", "--session" },
    { "", "''" },
    { "a b", "'a b'" },
    { "it's", "'it'\\''s'" },
    { "!", "\\!" },
    { "\\", "\\\\" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char *text;
      size_t size;
      FILE *stream = open_memstream (&text, &size);
      quote_word (stream, rows[i][0]);
      fclose (stream);
      cr_expect_str_eq (text, rows[i][1]);
      free (text);
    }
}
