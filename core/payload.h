/* The portable dispatchers that are installed here, and how they are sent.  */

#ifndef CORE_PAYLOAD_H
#define CORE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

struct payload
{
  char *data;      /* owned: what is sent, HEAD included */
  size_t size;     /* of it, in bytes */
  size_t reserved; /* bytes of the mapping that it lies in */
};

/* The directory of the dispatchers, in memory that the caller frees; NULL: no memory.  The
   environment can name another one, as the build tree does.  */
char *payload_directory (void);

/* This machine's type, as `uname -m` has it.  */
void payload_machine (char *machine, size_t size);

/* Machine types there is a dispatcher for: the one at INDEX, in order of their names.  False: there
   are no more.  */
bool payload_machine_at (size_t index, char *machine, size_t size);

/* Load the dispatcher for MACHINE, with HEAD before it.  0, or an errno; ENOENT: there is none;
   EPERM: somebody else could have written it.  */
int payload_load (struct payload *payload, const char *machine, const char *head);

/* Load it as a tar archive that holds FOLDER and, in it, NAME.  */
int payload_load_archive (struct payload *payload, const char *machine, const char *folder,
                          const char *name);

void payload_free (struct payload *payload);

/* Why the dispatcher for MACHINE is not trusted, as trust_check has it; NULL stands for the one
   that runs here.  True: it is.  */
bool payload_is_trusted (const char *machine, char *problem, size_t size);

/* Whether every user can run the one that runs here.  */
bool payload_is_for_everybody (void);

#endif
