/* Mode, owner, group and times of what a descriptor is.  */

#ifndef DISPATCHER_ATTRIBUTES_H
#define DISPATCHER_ATTRIBUTES_H

#include <stdbool.h>
#include <sys/stat.h>

struct attributes
{
  bool set_mode, set_times;
  mode_t mode;
  const char *change; /* borrowed: of what the mode is then, as mode_change has it, instead of MODE;
                         NULL: none */
  uid_t uid;          /* -1: stays */
  gid_t gid;
  struct timespec times[2]; /* of access and of modification; UTIME_OMIT: stays */
};

/* Give them to what FILE is, which may be O_PATH.  0 or an errno.  On any thread.  */
int attributes_set (int file, const struct attributes *attributes);

#endif
