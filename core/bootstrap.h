/* Bootstrap: getting a dispatcher to run at the far end of a hop.

   It is done in attempts, each of which is one command.  Either the dispatcher is there already,
   and its command is all there is to it; or it is put there:

   - SCRIPT is run by the far side's shell.  What it says, a line for each step, comes mixed with
     what start-up files print.  It stores the portable dispatcher, which it reads on its standard
     input, in the first directory that takes it and lets programs run, and becomes it.
   - Where there is no shell the connector's `push` unpacks it there, and then it is started.

   Here are no descriptors and no clock: the connection starts the commands, sends the input, and
   says what came of it.  */

#ifndef CORE_BOOTSTRAP_H
#define CORE_BOOTSTRAP_H

#include "core/command.h"

#include <stdbool.h>
#include <stddef.h>

struct bootstrap;

/* For HOP, which is borrowed.  NONCE marks what is said, and the banner of the session; NULL: the
   plain protocol is spoken.  ON_THIS_SYSTEM: the hop starts on this system.  Nothing is read or
   sent yet.  NULL and *ERROR: INVALID_VALUE (an option), NO_MEMORY, IO (the dispatcher that is to
   be sent is not there).  */
struct bootstrap *bootstrap_new (const lr_hop *hop, const char *nonce, bool on_this_system,
                                 struct lr_error *error);
void bootstrap_free (struct bootstrap *bootstrap);

/* Make OUT, which is empty, the command of the attempt.  Errors: those of the connector's hooks. */
int bootstrap_command (const struct bootstrap *bootstrap, lr_command *out, struct lr_error *error);

/* Make OUT, which is empty, the command of the first attempt for HOP, told to a person: with the
   words SCRIPT and NONCE for what only machines read.  ON_THIS_SYSTEM as above.  */
int bootstrap_outline (const lr_hop *hop, bool on_this_system, lr_command *out,
                       struct lr_error *error);

/* What is to be sent to it, before all else; borrowed as long as the attempt lasts.  Then, how much
   was sent.  */
size_t bootstrap_input (const struct bootstrap *bootstrap, const char **data);
void bootstrap_sent (struct bootstrap *bootstrap, size_t size);

/* Whether the command only has to end, after its input has: no dispatcher will come of it.  */
bool bootstrap_is_pushing (const struct bootstrap *bootstrap);

/* Whether the far side has said that it reads: no program on the way does any more.  */
bool bootstrap_has_begun (const struct bootstrap *bootstrap);

/* Whether that has all of its input, so that it can only be waited for.  */
bool bootstrap_has_pushed (const struct bootstrap *bootstrap);

/* LINE has come.  False: it is none of ours.  */
bool bootstrap_take_line (struct bootstrap *bootstrap, const char *line);

/* How the command of an attempt has ended.  */
struct bootstrap_end
{
  bool status_known;
  int status;       /* -N: by signal N */
  const char *said; /* on stderr, or where that is nothing, on stdout */
  bool explained;   /* the connector has a sentence for it */
};

/* It has, and there is no dispatcher.  Whether there is another attempt to be made.  */
bool bootstrap_go_on (struct bootstrap *bootstrap, const struct bootstrap_end *end);

/* Why there is none, as a clause behind the host's name; NULL: nothing is known beyond how the
   command has ended.  */
const char *bootstrap_problem (const struct bootstrap *bootstrap);

/* What has been learned of the far side.  Texts are fit for a terminal; "": it is not known.  */
struct bootstrap_facts
{
  char system[128];    /* as `uname -sm` has it */
  char directory[512]; /* where the dispatcher was put */
};
const struct bootstrap_facts *bootstrap_facts (const struct bootstrap *bootstrap);

/* How far it has come, for who loses patience: a clause, or NULL.  */
const char *bootstrap_progress (const struct bootstrap *bootstrap);

/* The dispatcher may have been put there, and does not remove itself.  Whether OUT, which was
   empty, is the command that does.  */
bool bootstrap_clean (const struct bootstrap *bootstrap, lr_command *out);

/* What the far side's shell runs: one line without ', \, ! or newline, so that any login shell
   passes it on.  Its arguments: the nonce, the dispatcher's size, the machine, how many directories
   are to be skipped, and the directories, if not the usual ones.  */
extern const char bootstrap_script[];

#endif
