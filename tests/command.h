/* What the suites of the command share: command lines, and what is expected of them.  */

#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

#include "tests/support.h"

#include <stdbool.h>
#include <stddef.h>

/* Each test works in a directory of its own.  */
void begin_command_test (void);
void end_command_test (void);

#define COMMAND_SUITE(name)                                                                        \
  TestSuite (name, .init = begin_command_test, .fini = end_command_test, .timeout = 120)

/* NAME in the source tree, until the next call.  */
const char *source_file (const char *name);

void write_text (const char *path, const char *text);
void expect_content (const char *path, const void *data, size_t size);
void expect_text (const char *path, const char *text);

/* The file's permissions; fails the test where it does not exist.  */
unsigned mode_of (const char *path);

/* Files in the directory of the test that begin with a dot are left over from something.  */
void expect_nothing_hidden (void);

/* Whether TEXT is what PATTERN says, in which * stands for any text.  */
bool matches_pattern (const char *pattern, const char *text);

/* The words as one line, for messages.  */
const char *join_words (const char *const *words);

/* Run WORDS and hold what comes out against the patterns.  INPUT NULL: none.  */
void check_command (const char *input, int status, const char *output, const char *error,
                    const char *const *words);

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Rows: the status, patterns of standard output and error, and the command line.  */
#define PROGRAM(status, output, error, ...)                                                        \
  check_command (NULL, status, output, error, WORDS (__VA_ARGS__))
#define LONGREACH(status, output, error, ...)                                                      \
  PROGRAM (status, output, error, "longreach", __VA_ARGS__)
#define SHELL(status, output, error, script) PROGRAM (status, output, error, "sh", "-c", script)

/* The same with standard input.  */
#define LONGREACH_READING(input, status, output, error, ...)                                       \
  check_command (input, status, output, error, WORDS ("longreach", __VA_ARGS__))
#define SHELL_READING(input, status, output, error, script)                                        \
  check_command (input, status, output, error, WORDS ("sh", "-c", script))

enum
{
  MAX_WORDS = 14,
};

/* Run longreach with these words, ended by NULL, and whatever INPUT.  */
struct finished run_longreach (const char *input, size_t size, ...);

/* Run longreach with these words, ended by NULL; it must succeed and say nothing.  */
void succeed (const char *first, ...);

/* What longreach prints on a terminal, which is also its standard input and error, while TYPED
   waits to be read; the terminal turns each newline into two characters.  To be freed.  */
char *run_on_terminal (const char *const *words, const char *typed, int *status);

#endif
