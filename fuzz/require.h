/* What must hold, whatever the input: a fuzz target that ends here has found something.  */

#ifndef FUZZ_REQUIRE_H
#define FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdlib.h>

static inline void
require (bool holds)
{
  if (!holds)
    abort ();
}

#endif
