/* Symbolic modes, held against this machine's chmod: what is one, and what it makes of the modes of
   files and directories.  */

#include "dispatcher/mode.h"

#include "tests/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

static const mode_t modes[] = { 0,    0600,  0644,  0755,  0111,  0421,
                                0640, 02755, 04711, 06070, 01777, 07777 };

enum
{
  FILES = COUNT (modes) * 2, /* of each a file and a directory */
  INVENTED = 400,
};

static char names[FILES][256];

static void
set_up (void)
{
  make_directory ();
  umask (0); /* for chmod */
  for (size_t i = 0; i < FILES; i++)
    {
      char name[16];
      snprintf (name, sizeof name, "%zu", i);
      snprintf (names[i], sizeof names[i], "%s", path_in (name));
      if (i % 2 == 0)
        write_file (names[i], "", 0, 0644);
      else
        cr_assert_eq (mkdir (names[i], 0755), 0);
    }
}

static void
tear_down (void)
{
  for (size_t i = 0; i < FILES; i++)
    chmod (names[i], 0700);
  remove_directory ();
}

TestSuite (mode, .init = set_up, .fini = tear_down, .timeout = 120);

/* Whether chmod takes TEXT.  */
static bool
change_really (const char *text)
{
  const char *command[FILES + 4] = { "chmod", "--", text };
  for (size_t i = 0; i < FILES; i++)
    {
      cr_assert_eq (chmod (names[i], modes[i / 2]), 0);
      command[i + 3] = names[i];
    }
  struct finished finished = run_program (command, NULL, 0);
  bool taken = finished.status == 0;
  cr_assert (taken || strstr (finished.error, "invalid mode") != NULL, "%s: %s", text,
             finished.error);
  free_finished (&finished);
  return taken;
}

static void
compare (const char *text)
{
  bool taken = change_really (text);
  for (size_t i = 0; i < FILES; i++)
    {
      struct stat info;
      bool is_directory = i % 2 != 0;
      mode_t mode = modes[i / 2];
      cr_assert_eq (mode_change (text, is_directory, &mode), taken, "\"%s\": chmod says %s", text,
                    taken ? "yes" : "no");
      cr_assert_eq (stat (names[i], &info), 0);
      if (taken)
        cr_assert_eq (mode, info.st_mode & 07777, "%s of %s %04o: %04o, and by chmod %04o", text,
                      is_directory ? "directory" : "file", (unsigned) modes[i / 2], (unsigned) mode,
                      (unsigned) (info.st_mode & 07777));
    }
}

Test (mode, each_of_a_table_is_what_chmod_makes_of_it)
{
  static const char *const texts[] = {
    "u+x",
    "go-w",
    "u+x,go-w",
    "a=rX",
    "a=",
    "=",
    "+",
    "-",
    "u+",
    "u=",
    "g=u",
    "u=g",
    "o=u",
    "g=o",
    "ug=o",
    "a=u",
    "a+g",
    "o-u",
    "u+s",
    "g+s",
    "a+s",
    "+s",
    "o+s",
    "u-s",
    "g-s",
    "-s",
    "a-s",
    "u=s",
    "g=rxs",
    "=s",
    "u+t",
    "o+t",
    "a+t",
    "+t",
    "o-t",
    "-t",
    "o=t",
    "a=t",
    "+X",
    "a+X",
    "u+X",
    "go+X",
    "a-x+X",
    "a-x,u+X",
    "u=rwX,go=rX",
    "u=rwx,g=rx,o=",
    "u+r-w",
    "u=r+w",
    "u-r=w",
    "a=rwxXst",
    "uu+x",
    "ugoa=r",
    "aaa-x",
    "u=rw,u+x,u-r",
    "+rwx",
    "-rwx",
    "=rwx",
    "=rx",
    "a+rrr",
    "u+Xr",
    "g=s",
    "g=x,g+s",
    "=0",
    "=755",
    "=2755",
    "+6000",
    "-6000",
    "-022",
    "+0000000111",
    "=7777",
    "=07777",
    "+1,-1",
    "u+x,=644",
    "u=g,g=u",
    "u=u",
    "g+u-g",
    "a=u+x",
    "u=g+w",
    /* and what is none */
    "u",
    "ugo",
    "rwx",
    "u+x,",
    ",u+x",
    "u+x,,g+x",
    "u+q",
    "u+x g+x",
    " u+x",
    "u+x ",
    "u=755",
    "u+7",
    "+8",
    "=77777",
    "=10000",
    "+7x",
    "+x7",
    "u+ug",
    "u+ur",
    "g=ru",
    "a+a",
    "U+x",
    "u*x",
    "u+x\n",
    ",",
    "=7,",
    "+u7",
    "u+=g,",
    "--",
    "+-",
    "u+-=",
    "=018",
  };
  for (size_t i = 0; i < COUNT (texts); i++)
    compare (texts[i]);
}

Test (mode, so_is_what_nobody_would_write)
{
  static const char letters[] = "ugoaugoa++--==rwxXstrwx,,07";
  srand (1);
  for (int i = 0; i < INVENTED; i++)
    {
      char text[12];
      size_t size = 1 + (size_t) rand () % (sizeof text - 1);
      for (size_t j = 0; j < size; j++)
        text[j] = letters[(size_t) rand () % (sizeof letters - 1)];
      text[size] = '\0';
      /* Digits alone are octal, and no business of this function.  */
      if (strspn (text, "01234567") == 0)
        compare (text);
    }
}
