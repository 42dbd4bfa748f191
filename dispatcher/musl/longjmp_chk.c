/* What a libcrypto.a that was made for glibc asks of the C library, on aarch64 where it finds out
   what the processor can do.  */

#include <setjmp.h>

_Noreturn void __longjmp_chk (sigjmp_buf place, int value);

void
__longjmp_chk (sigjmp_buf place, int value)
{
  siglongjmp (place, value);
}
