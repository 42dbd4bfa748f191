/* without WHAT COMMAND...: run COMMAND where the kernel lacks WHAT, or a sandbox refuses it.  */

#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct
{
  const char *what;
  unsigned first, last; /* numbers of calls: they grow with time */
  unsigned errnum;      /* what each of them says */
} lacks[] = {
  { "calls-since-3.14", SYS_sched_setattr, INT_MAX, ENOSYS },
  { "fallocate", SYS_fallocate, SYS_fallocate, EPERM },
};

/* There is no way back.  */
static int
lack (unsigned first, unsigned last, unsigned errnum)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
    BPF_JUMP (BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = { sizeof code / sizeof code[0], code };
  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                 && prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0
             ? 0
             : -1;
}

int
main (int count, char **words)
{
  for (size_t i = 0; count > 2 && i < sizeof lacks / sizeof lacks[0]; i++)
    if (strcmp (words[1], lacks[i].what) == 0)
      {
        if (lack (lacks[i].first, lacks[i].last, lacks[i].errnum) == 0)
          execvp (words[2], words + 2);
        perror (words[2]);
        return 127;
      }
  fputs ("usage: without calls-since-3.14|fallocate COMMAND...\n", stderr);
  return 2;
}
