/* Trees from far sides that nobody should trust: tests/hostile_dispatcher.py, in each of its modes
   that begin with "tree-", against lr_get_tree.

   What is expected is the same for all: what is refused is named, and nothing is made, changed or
   removed beside the tree.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])
#define REFUSED "web: the dispatcher sends a tree that is not acceptable: "

static void
set_up (void)
{
  make_directory ();
  mkdir (path_in ("outside"), 0755);
  write_file (path_in ("outside/kept"), "kept", 4, 0644);
}

static void
tear_down (void)
{
  remove_directory ();
}

TestSuite (hostile_trees, .init = set_up, .fini = tear_down, .timeout = 60);

/* ---- what is there ---- */

static int
count_entries (const char *path)
{
  int count = 0;
  DIR *directory = opendir (path);
  cr_assert (directory != NULL, "%s", path);
  while (readdir (directory) != NULL)
    count++;
  closedir (directory);
  return count - 2;
}

static void
expect_nothing_outside (const char *mode)
{
  size_t size;
  char *kept = read_file (path_in ("outside/kept"), &size);
  cr_expect_str_eq (kept, "kept", "%s", mode);
  free (kept);
  cr_expect_eq (count_entries (path_in ("outside")), 1, "%s: something was planted", mode);
  bool made = access (path_in ("target"), F_OK) == 0;
  cr_expect_eq (count_entries (path_in (".")), 1 + made, "%s: something was made beside", mode);
}

/* A temporary file is one that should have gone.  */
static void
expect_nothing_temporary (const char *mode)
{
  DIR *directory = opendir (path_in ("target"));
  for (const struct dirent *entry = NULL;
       directory != NULL && (entry = readdir (directory)) != NULL;)
    cr_expect_neq (strncmp (entry->d_name, ".longreach", 10), 0, "%s: %s is left", mode,
                   entry->d_name);
  if (directory != NULL)
    closedir (directory);
}

static void
remove_target (void)
{
  const char *const command[] = { "rm", "-rf", path_in ("target"), NULL };
  struct finished finished = run_program (command, NULL, 0);
  free_finished (&finished);
}

/* ---- getting ---- */

static char problems[4096]; /* what was told, a line each */

static void
note_problem (void *data, const struct lr_tree_problem *problem)
{
  (void) data;
  size_t used = strlen (problems);
  const char *message = problem->message;
  const char *place = strstr (message, path_in (""));
  /* The directory's name is another each time.  */
  if (place != NULL)
    snprintf (problems + used, sizeof problems - used, "%.*s%s\n", (int) (place - message), message,
              place + strlen (path_in ("")));
  else
    snprintf (problems + used, sizeof problems - used, "%s\n", message);
}

static lr_connection *
open_hostile (const char *mode)
{
  char url[1200];
  struct lr_error error;
  lr_connection *connection = NULL;
  snprintf (url, sizeof url, "local:web?dispatcher=python3 -IS %s/tests/hostile_dispatcher.py %s",
            source_tree (), mode);
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s: %s", mode, error.message);
  return connection;
}

/* Get the tree of MODE as "target"; 0, or -1 and *ERROR.  */
static int
get_tree (const char *mode, struct lr_tree_args *args, struct lr_error *error)
{
  struct lr_tree_result *result;
  lr_connection *connection = open_hostile (mode);
  problems[0] = '\0';
  args->here = path_in ("target");
  args->there = "/x";
  args->problem = note_problem;
  int status = lr_get_tree (connection, args, &result, error);
  cr_expect_eq (status == 0, result != NULL, "%s", mode);
  lr_free (result);
  lr_close (connection);
  return status;
}

static const struct
{
  const char *mode, *message;
} refused[] = {
  { "tree-name-up", REFUSED "a name that no file can have: ../outside/planted" },
  { "tree-name-dots", REFUSED "a name that no file can have: .." },
  { "tree-name-dot", REFUSED "a name that no file can have: ." },
  { "tree-name-slash", REFUSED "a name that no file can have: sub/planted" },
  { "tree-name-absolute", REFUSED "a name that no file can have: /tmp/planted" },
  { "tree-name-empty", REFUSED "a name that no file can have" },
  { "tree-name-long", REFUSED "a name that no file can have: xxxxxxxx" },
  { "tree-name-nul", REFUSED "what is no stream of a tree" },
  { "tree-directory-up", REFUSED "a name that no file can have: .." },
  { "tree-link-up", REFUSED "a name that no file can have: .." },
  { "tree-same-up", REFUSED "a name that no file can have: ../outside/planted" },
  { "tree-named-top", REFUSED "an entry beside the top of the tree: outside" },
  { "tree-two-tops", REFUSED "an entry beside the top of the tree" },
  { "tree-left-twice", REFUSED "the end of a directory that has not begun" },
  { "tree-not-left", REFUSED "the end of a tree in the middle of a directory" },
  { "tree-no-end", REFUSED "its end is missing" },
  { "tree-behind-the-end", REFUSED "more behind the end of the tree" },
  { "tree-unknown", REFUSED "what is no stream of a tree" },
  { "tree-too-much-content", REFUSED "bytes that are no file's" },
  { "tree-too-little-content", REFUSED "a file without its end: file" },
  { "tree-content-of-nothing", REFUSED "bytes that are no file's" },
  { "tree-hole-of-nothing", REFUSED "bytes that are no file's" },
  { "tree-abandoned-nothing", REFUSED "the end of a file that has not begun" },
  { "tree-long-hole", REFUSED "bytes that are no file's: file" },
  { "tree-endless-size", REFUSED "a size that no file can have: file" },
  { "tree-same-of-nothing", REFUSED "another name of a file that has not come: file" },
  { "tree-same-of-itself", REFUSED "another name of a file that has not come: file" },
  { "tree-wrong-number", REFUSED "a number that no file can have" },
  { "tree-endless-depth", REFUSED "more directories below each other than are taken: d" },
  { "tree-huge-record", REFUSED "what is no stream of a tree" },
  { "tree-cut-text", REFUSED "what is no stream of a tree" },
  { "tree-long-owner", REFUSED "a name that no user can have: xxx" },
};

Test (hostile_trees, what_no_honest_far_side_sends_ends_it_and_is_named)
{
  for (size_t i = 0; i < COUNT (refused); i++)
    {
      struct lr_tree_args args = LR_TREE_ARGS (.place = LR_TREE_AT, .preserve = 1);
      struct lr_error error;
      cr_expect_eq (get_tree (refused[i].mode, &args, &error), -1, "%s", refused[i].mode);
      cr_expect_eq (error.kind, LR_ERROR_IO, "%s", refused[i].mode);
      cr_expect_eq (strncmp (error.message, refused[i].message, strlen (refused[i].message)), 0,
                    "%s:\n  %s\nand not\n  %s", refused[i].mode, error.message, refused[i].message);
      expect_nothing_outside (refused[i].mode);
      expect_nothing_temporary (refused[i].mode);
      remove_target ();
    }
}

static const struct
{
  const char *mode, *problems;
} left_out[] = {
  { "tree-link-then-directory", "cannot make the directory target/way: File exists\n" },
  { "tree-absolute-link-then-directory", "cannot make the directory target/way: File exists\n" },
  { "tree-link-then-file", "cannot make target/way: File exists\n" },
  { "tree-file-twice", "cannot make target/file: File exists\n" },
  { "tree-directory-twice", "cannot make the directory target/sub: File exists\n" },
  { "tree-file-then-directory", "cannot make the directory target/file: File exists\n" },
  { "tree-nothing", "" },
  { "tree-problem-for-a-terminal",
    "web: cannot\\x1B]0;x\\x07\\x0Aread \\x1B[2Jname: Input/output error\n" },
  { "tree-set-id", "" },
};

Test (hostile_trees, what_has_no_place_is_left_out_and_told)
{
  for (size_t i = 0; i < COUNT (left_out); i++)
    {
      struct lr_tree_args args = LR_TREE_ARGS (.place = LR_TREE_AT);
      struct lr_error error;
      cr_expect_eq (get_tree (left_out[i].mode, &args, &error), 0, "%s: %s", left_out[i].mode,
                    error.message);
      cr_expect_str_eq (problems, left_out[i].problems, "%s", left_out[i].mode);
      expect_nothing_outside (left_out[i].mode);
      remove_target ();
    }
}

/* In a directory that is there already a link may lie where a directory or a file comes.  */
Test (hostile_trees, a_link_that_is_there_is_not_followed)
{
  struct lr_tree_args args = LR_TREE_ARGS (.place = LR_TREE_AT);
  struct lr_error error;
  mkdir (path_in ("target"), 0755);
  cr_assert_eq (symlink ("../outside", path_in ("target/sub")), 0);
  cr_assert_eq (symlink ("../outside/kept", path_in ("target/file")), 0);
  cr_expect_eq (get_tree ("tree-directory-twice", &args, &error), 0, "%s", error.message);
  cr_expect_str_eq (problems,
                    "cannot put a directory in the place of target/sub: Not a directory\n"
                    "cannot put a directory in the place of target/sub: Not a directory\n");
  cr_expect_eq (get_tree ("tree-set-id", &args, &error), 0, "%s", error.message);
  expect_nothing_outside ("a link that is there");
  struct stat info;
  cr_assert_eq (lstat (path_in ("target/file"), &info), 0);
  cr_expect (S_ISREG (info.st_mode), "the link is replaced");
}

Test (hostile_trees, set_id_bits_are_not_taken_over)
{
  struct lr_tree_args args = LR_TREE_ARGS (.place = LR_TREE_AT);
  struct lr_error error;
  struct stat info;
  cr_assert_eq (get_tree ("tree-set-id", &args, &error), 0, "%s", error.message);
  cr_assert_eq (stat (path_in ("target/file"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0755, "%o", info.st_mode);
  cr_assert_eq (stat (path_in ("target/sub"), &info), 0);
  cr_expect_eq (info.st_mode & 07777, 0777, "%o", info.st_mode);
}

static const struct
{
  const char *mode;
  uint64_t files, bytes; /* that are wanted; 0: any number */
  const char *refusal;   /* NULL: that is enough */
} limits[] = {
  { "tree-file-twice", 1, 0, REFUSED "more files than are wanted: file" },
  { "tree-file-twice", 2, 0, NULL },
  { "tree-two-links", 1, 0, REFUSED "more files than are wanted: two" },
  { "tree-two-links", 2, 0, NULL },
  { "tree-two-names", 1, 0, REFUSED "more files than are wanted: two" },
  { "tree-two-names", 2, 0, NULL },
  { "tree-file-twice", 0, 3, REFUSED "more bytes than are wanted: file" },
  { "tree-file-twice", 0, 7, REFUSED "more bytes than are wanted: file" },
  { "tree-file-twice", 0, 8, NULL },
};

Test (hostile_trees, no_more_is_taken_than_is_wanted)
{
  for (size_t i = 0; i < COUNT (limits); i++)
    {
      struct lr_error error = { .message = "" };
      struct lr_tree_args args = LR_TREE_ARGS (.place = LR_TREE_AT, .max_files = limits[i].files,
                                               .max_bytes = limits[i].bytes);
      int status = get_tree (limits[i].mode, &args, &error);
      cr_expect_eq (status, limits[i].refusal == NULL ? 0 : -1, "%s, limit %zu", limits[i].mode, i);
      if (status != 0)
        cr_expect_str_eq (error.message, limits[i].refusal == NULL ? "" : limits[i].refusal);
      remove_target ();
    }
}

/* The session is not kept any more where the packets themselves are wrong.  */
Test (hostile_trees, answers_out_of_turn_break_the_connection)
{
  struct lr_tree_args get = LR_TREE_ARGS (.place = LR_TREE_AT);
  struct lr_error error;
  cr_expect_eq (get_tree ("tree-without-place", &get, &error), -1);
  cr_expect_str_eq (error.message, "web: the dispatcher does not keep the protocol: Data came on "
                                   "stream 1 of channel 1, which is not open");
  struct lr_tree_result *result;
  struct lr_tree_args put = LR_TREE_ARGS (.here = path_in ("outside"), .there = "/x");
  lr_connection *connection = open_hostile ("put-tree-tells-a-tree");
  cr_expect_eq (lr_put_tree (connection, &put, &result, &error), -1);
  cr_expect_str_eq (error.message, REFUSED "something else than problems");
  lr_close (connection);
}
