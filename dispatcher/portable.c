/* What the portable dispatcher's libcrypto.a, which was made for glibc, asks of the C library and
   musl does not have.  */

#include <features.h>

#ifndef __GLIBC__

#  include <setjmp.h>

_Noreturn void __longjmp_chk (sigjmp_buf place, int value);

/* How it finds out on aarch64 what the processor can do.  */
void
__longjmp_chk (sigjmp_buf place, int value)
{
  siglongjmp (place, value);
}

#endif
