#include "tests/command.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* ---- each test works in a directory of its own ---- */

/* A directory that can't be searched would turn each ENOENT of exec into EACCES.  */
static void
search_only_what_can_be_searched (void)
{
  char kept[8192] = "";
  char *path = strdup (getenv ("PATH")), *rest = path;
  for (const char *directory; (directory = strsep (&rest, ":")) != NULL;)
    if (access (directory, X_OK) == 0 && strlen (kept) + strlen (directory) + 2 < sizeof kept)
      strcat (strcat (kept, kept[0] == '\0' ? "" : ":"), directory);
  setenv ("PATH", kept, 1);
  free (path);
}

void
begin_command_test (void)
{
  cr_assert_eq (chdir (make_directory ()), 0);
  search_only_what_can_be_searched ();
  signal (SIGPIPE, SIG_DFL);
}

void
end_command_test (void)
{
  cr_expect_eq (chdir ("/"), 0);
  remove_directory ();
}

const char *
source_file (const char *name)
{
  static char path[PATH_MAX];
  snprintf (path, sizeof path, "%s/%s", source_tree (), name);
  return path;
}

void
write_text (const char *path, const char *text)
{
  write_file (path, text, strlen (text), 0644);
}

void
expect_content (const char *path, const void *data, size_t size)
{
  size_t got_size;
  char *got = read_file (path, &got_size);
  cr_expect (got_size == size && memcmp (got, data, size) == 0, "%s holds \"%.60s\" (%zu bytes)",
             path, got, got_size);
  free (got);
}

void
expect_text (const char *path, const char *text)
{
  expect_content (path, text, strlen (text));
}

unsigned
mode_of (const char *path)
{
  struct stat info;
  cr_assert_eq (lstat (path, &info), 0, "%s: %s", path, strerror (errno));
  return info.st_mode & 07777;
}

void
expect_nothing_hidden (void)
{
  const char *const command[] = { "find", ".", "-name", ".?*", NULL };
  struct finished found = run_program (command, NULL, 0);
  cr_expect_str_empty (found.output, "left behind: %s", found.output);
  free_finished (&found);
}

/* ---- command lines and what is expected of them ---- */

bool
matches_pattern (const char *pattern, const char *text)
{
  const char *star = NULL, *retry = NULL;
  while (*text != '\0')
    if (*pattern == '*')
      {
        star = ++pattern;
        retry = text;
      }
    else if (*pattern == *text)
      {
        pattern++;
        text++;
      }
    else if (star != NULL)
      {
        pattern = star;
        text = ++retry;
      }
    else
      return false;
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}

const char *
join_words (const char *const *words)
{
  static char line[2048];
  size_t used = 0;
  line[0] = '\0';
  for (; *words != NULL && used < sizeof line - 1; words++)
    used += (size_t) snprintf (line + used, sizeof line - used, "%s ", *words);
  return line;
}

void
check_command (const char *input, int status, const char *output, const char *error,
               const char *const *words)
{
  struct finished got = run_program (words, input, input == NULL ? 0 : strlen (input));
  const char *line = join_words (words);
  cr_expect_eq (got.status, status, "%s: exits %d, not %d; it says: %s%s", line, got.status, status,
                got.output, got.error);
  cr_expect (matches_pattern (output, got.output), "%s: prints \"%s\", not \"%s\"", line,
             got.output, output);
  cr_expect (matches_pattern (error, got.error), "%s: says \"%s\", not \"%s\"", line, got.error,
             error);
  free_finished (&got);
}

static void
end_words (va_list arguments, const char **words, size_t count)
{
  while ((words[count] = va_arg (arguments, const char *)) != NULL)
    cr_assert_lt (++count, (size_t) MAX_WORDS);
}

struct finished
run_longreach (const char *input, size_t size, ...)
{
  const char *words[MAX_WORDS + 1] = { "longreach" };
  va_list arguments;
  va_start (arguments, size);
  end_words (arguments, words, 1);
  va_end (arguments);
  return run_program (words, input, size);
}

void
succeed (const char *first, ...)
{
  const char *words[MAX_WORDS + 1] = { "longreach", first };
  va_list arguments;
  va_start (arguments, first);
  end_words (arguments, words, 2);
  va_end (arguments);
  struct finished got = run_program (words, NULL, 0);
  cr_expect_eq (got.status, 0, "%s: exits %d: %s", join_words (words), got.status, got.error);
  cr_expect_str_empty (got.output);
  cr_expect_str_empty (got.error);
  free_finished (&got);
}

char *
run_on_terminal (const char *const *words, const char *typed, int *status)
{
  extern char **environ;
  posix_spawn_file_actions_t actions;
  pid_t pid;
  size_t size = 0, room = 1 << 16;
  char *output = malloc (room);
  int terminal = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  cr_assert (terminal >= 0 && grantpt (terminal) == 0 && unlockpt (terminal) == 0);
  int user_end = open (ptsname (terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  cr_assert_geq (user_end, 0);
  struct termios settings;
  cr_assert_eq (tcgetattr (user_end, &settings), 0);
  settings.c_lflag &= (tcflag_t) ~ECHO;
  cr_assert_eq (tcsetattr (user_end, TCSANOW, &settings), 0);
  cr_assert_eq (write (terminal, typed, strlen (typed)), (ssize_t) strlen (typed));
  posix_spawn_file_actions_init (&actions);
  for (int fd = 0; fd < 3; fd++)
    posix_spawn_file_actions_adddup2 (&actions, user_end, fd);
  int errnum = posix_spawnp (&pid, words[0], &actions, NULL, (char *const *) words, environ);
  cr_assert_eq (errnum, 0);
  posix_spawn_file_actions_destroy (&actions);
  close (user_end);
  for (ssize_t got; size < room - 1; size += (size_t) got)
    if ((got = read (terminal, output + size, room - 1 - size)) <= 0)
      break;
  output[size] = '\0';
  cr_assert_eq (waitpid (pid, status, 0), pid);
  *status = WIFEXITED (*status) ? WEXITSTATUS (*status) : -WTERMSIG (*status);
  close (terminal);
  return output;
}
