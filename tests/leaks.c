/* For suites in which much runs side by side: Criterion itself leaks a little there, when a test
   ends late.  So only the processes that run a test are looked at by the leak sanitizer.  */

#include "tests/support.h"

/* Asked by the sanitizer.  */
int __lsan_is_turned_off (void);

int
__lsan_is_turned_off (void)
{
  return !runs_a_test ();
}
