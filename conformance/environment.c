/* getenv: the far side's environment.  */

#include "conformance/checks.h"
#include "conformance/trial.h"

#include <string.h>

void
check_environment_present (struct trial *trial)
{
  static const char *const names[] = { "PATH", "HOME", "PWD", "USER", "LANG", "SHELL", NULL };
  for (const char *const *name = names; *name != NULL; name++)
    {
      const char *value = GETENV (trial, *name);
      if (value == NULL)
        continue;
      expect_text (trial, "a variable, asked for again", GETENV (trial, *name), value);
      return;
    }
  leave_out (trial, "no variable of a name that is known is set there");
}

void
check_environment_same_as_sh (struct trial *trial)
{
  static const char *const names[] = { "PATH", "HOME", "USER", "LANG", "LOGNAME", NULL };
  /* Shells set some of them when they are not.  */
  for (const char *const *name = names; *name != NULL; name++)
    {
      const char *value = GETENV (trial, *name);
      if (value != NULL)
        expect_text (trial, *name, shell (trial, keep_text (trial, "printf %%s \"$%s\"", *name)),
                     value);
    }
}

void
check_environment_absent (struct trial *trial)
{
  static const char *const names[] = {
    "LONGREACH_NO_SUCH_VARIABLE", "", "=", "PATH=", "A=B", "\xff", "path with spaces"
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    EXPECT (trial, GETENV (trial, names[i]) == NULL,
            "getenv \"%s\": expected that it is absent, got a value", names[i]);
}
