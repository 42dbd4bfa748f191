#include <longreach/longreach.h>

const char *
lr_version (void)
{
  return PACKAGE_VERSION;
}
