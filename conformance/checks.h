/* The checks' functions, named after the rows of checks.def.  */

#ifndef CONFORMANCE_CHECKS_H
#define CONFORMANCE_CHECKS_H

struct trial;

#define CHECK(family, name, needs, why) void check_##family##_##name (struct trial *trial);
#include "conformance/checks.def"
#undef CHECK

#endif
