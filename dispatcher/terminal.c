#include "dispatcher/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* By the master where the kernel can do that: the name may be another terminal's in this mount
   namespace.  */
static int
open_slave (int master)
{
  int slave = -1;
  errno = EINVAL;
#ifdef TIOCGPTPEER
  slave = ioctl (master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
#endif
  char name[64];
  if (slave < 0 && (errno == EINVAL || errno == ENOTTY)
      && ptsname_r (master, name, sizeof name) == 0)
    slave = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return slave;
}

bool
terminal_open (int *master, int *slave)
{
  *slave = -1;
  *master = posix_openpt (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (*master < 0)
    return false;
  if (grantpt (*master) == 0 && unlockpt (*master) == 0)
    *slave = open_slave (*master);
  if (*slave >= 0)
    return true;
  int errnum = errno;
  close (*master);
  *master = -1;
  errno = errnum;
  return false;
}

void
terminal_keep_quiet (int slave)
{
  struct termios settings;
  tcgetattr (slave, &settings);
  settings.c_iflag = settings.c_oflag = 0;
  settings.c_lflag = ICANON;
  memset (settings.c_cc, _POSIX_VDISABLE, sizeof settings.c_cc);
  tcsetattr (slave, TCSANOW, &settings);
}

static unsigned short
clamp (uint32_t value)
{
  return (unsigned short) (value > 65535 ? 65535 : value);
}

void
terminal_resize (int master, uint32_t rows, uint32_t columns)
{
  struct winsize size = { .ws_row = clamp (rows), .ws_col = clamp (columns) };
  ioctl (master, TIOCSWINSZ, &size);
}

void
terminal_signal (int master, pid_t other, int number)
{
  pid_t group = tcgetpgrp (master);
  if (group > 1 && group != other)
    kill (-group, number);
}

size_t
terminal_end_of_input (int master, char last, char characters[2])
{
  struct termios settings;
  if (tcgetattr (master, &settings) != 0 || (settings.c_lflag & ICANON) == 0)
    return 0;
  /* Behind an unfinished line the first one only sends that off.  */
  characters[0] = characters[1] = (char) settings.c_cc[VEOF];
  return last == '\0' || last == '\n' || last == '\r' ? 1 : 2;
}
