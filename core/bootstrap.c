/* What the script says, each on a line of its own and with the nonce behind the first word:

     LR-HERE SYSTEM TYPE      it runs, and reads now
     LR-MACHINE SYSTEM TYPE   the dispatcher is for another one
     LR-EATEN                 what it reads does not begin as it should
     LR-SHORT SIZE            only so many bytes came
     LR-FULL INDEX            that directory has no room
     LR-TOOLS                 there is nothing to store it with
     LR-NODIR                 no directory takes programs
     LR-PUT DIRECTORY         it is there, and is run

   and then the dispatcher's banner.  */

#include "core/bootstrap.h"

#include "core/connector.h"
#include "core/error.h"
#include "core/payload.h"
#include "core/text.h"
#include "core/url.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FOLDER ".lr-"
#define NAME "longreach-dispatcher"

enum
{
  MACHINE_SIZE = 64,
  FULL_MAX = 8,       /* directories without room that are passed over */
  LINE_SIZE = 64,     /* of what is sent before the dispatcher */
  REFUSAL_SIZE = 256, /* of what is quoted of the first push */
  MACHINES_MAX = 2,   /* types that are tried */
};

/* A file that is stored is looked at before it is run: `-x` knows nothing of a noexec mount, so
   that a small one is tried first.  A shell that gets as far as to say that there is nothing to run
   it with (127), as busybox's does without /proc, was let by the mount.  So is the dispatcher,
   before it is the one to remove itself: another processor's may end at once, or where a policy
   says so. Signals end nothing until the dispatcher takes them, since something is left to be
   removed: who sends one closes its input, too.  Where there is no /dev/null, what is written there
   would make a file of that name: what is not to be heard is closed instead, behind what is opened,
   which would get its number.  */
const char bootstrap_script[] =
    "trap \"\" HUP INT PIPE TERM; n=$1; z=$2; k=$4; m=$(uname -sm 2>&-); echo LR-HERE $n "
    "$m; "
    "case $m in \"Linux $3\"|\"\") ;; *) echo LR-MACHINE $n $m; exit 1;; esac; "
    "read -r q; if test \"$q\" = \"LR-PAYLOAD $n\"; then :; else echo LR-EATEN $n; exit 1; fi; "
    "shift 4; if test $# = 0; then set -- \"$XDG_RUNTIME_DIR\" \"$HOME/.cache\" \"$TMPDIR\" /tmp "
    "/var/tmp \"$HOME\" /dev/shm; fi; i=0; "
    "for d in \"$@\"; do i=$((i+1)); if test $i -le $k; then continue; fi; "
    "case $d in /*) ;; *) continue;; esac; t=$d/" FOLDER "$n; p=$t/" NAME "; "
    "(umask 077; mkdir \"$t\") 2>&- || continue; "
    "if (echo exit 0 >\"$p\") 2>&- && chmod 700 \"$p\" 2>&- && "
    "e=$(\"$p\" <\"$p\" 2>&1; r=$?; test $r = 0 || test $r = 127); then "
    "head -c $z >\"$p\" 2>&-; r=$?; "
    "if test $r = 127; then e=$(dd bs=1 count=$z 2>&1 >\"$p\"); r=$?; fi; "
    "s=$(wc -c <\"$p\" 2>&-); s=$((${s:-$z})); "
    "if test $r = 0 && test $s = $z; then e=$(\"$p\" --version 2>&1 <\"$p\"); r=$?; "
    "if test $r = 0; then echo LR-PUT $n \"$d\"; exec \"$p\" --session $n --remove \"$t\"; fi; "
    "rm -rf \"$t\"; echo LR-DEAD $n $r \"$e\"; exit 1; fi; "
    "rm -rf \"$t\"; case $r in 0) echo LR-SHORT $n $s;; 127) echo LR-TOOLS $n;; "
    "*) echo LR-FULL $n $i;; esac; exit 1; fi; "
    "rm -rf \"$t\"; done; echo LR-NODIR $n; exit 1";

enum attempt
{
  ATTEMPT_INSTALLED, /* the dispatcher is there */
  ATTEMPT_SCRIPT,
  ATTEMPT_PUSH,
  ATTEMPT_PUSHED, /* it was put there */
};

struct bootstrap
{
  const struct lr_hop *hop; /* borrowed */
  char *nonce;              /* owned; NULL: plain */
  bool same_system;         /* it leads to this one, whose dispatcher is installed */
  enum attempt attempt;
  bool waits;         /* the dispatcher is sent when the script asks for it */
  bool here;          /* the script has begun */
  unsigned machines;  /* types that were tried, but for this one */
  bool other_machine; /* the attempt has shown that it is another one */
  unsigned skipped;   /* directories, from the first one on */
  unsigned full;      /* of them */
  bool no_room;       /* the attempt has shown that the next one is, too */
  size_t place;       /* of what is pushed: which directory */

  char machine[MACHINE_SIZE];
  struct bootstrap_facts facts;
  struct payload payload;
  size_t sent;

  char *shortage; /* owned: why the script has found no directory that takes programs */
  char *refusal;  /* owned: the first place that a push was refused for, and why */
  char *problem;  /* owned */
};

/* ---- what went wrong ---- */

__attribute__ ((__format__ (__printf__, 2, 3))) static void
set_problem (struct bootstrap *bootstrap, const char *format, ...)
{
  va_list arguments;
  free (bootstrap->problem);
  va_start (arguments, format);
  if (vasprintf (&bootstrap->problem, format, arguments) < 0)
    bootstrap->problem = NULL;
  va_end (arguments);
}

const char *
bootstrap_problem (const struct bootstrap *bootstrap)
{
  return bootstrap->problem;
}

const struct bootstrap_facts *
bootstrap_facts (const struct bootstrap *bootstrap)
{
  return &bootstrap->facts;
}

const char *
bootstrap_progress (const struct bootstrap *bootstrap)
{
  switch (bootstrap->attempt)
    {
    case ATTEMPT_INSTALLED:
      return NULL;
    case ATTEMPT_PUSH:
      return "it is being put there";
    case ATTEMPT_PUSHED:
      return "it was put there, and started";
    case ATTEMPT_SCRIPT:
      break;
    }
  if (!bootstrap->here)
    return "no shell has come as far as to start it: the way there, or a start-up file, hangs";
  return bootstrap->sent < bootstrap->payload.size ? "it is being sent"
                                                   : "it was sent, and is being stored";
}

/* The machine types there is a dispatcher for, as a list.  */
static void
list_machines (char *list, size_t size)
{
  char machine[MACHINE_SIZE];
  size_t used = 0;
  list[0] = '\0';
  for (size_t i = 0; payload_machine_at (i, machine, sizeof machine) && used < size - 1; i++)
    {
      int length = snprintf (list + used, size - used, "%s%s", i == 0 ? "" : ", ", machine);
      used += length < 0 ? 0 : (size_t) length;
    }
  if (list[0] == '\0')
    snprintf (list, size, "none");
}

#define NAME_ONE "install one there, and name it with the option dispatcher=PATH"

/* ---- what is sent ---- */

static const char *
folder_of (const struct bootstrap *bootstrap, char *folder, size_t size)
{
  snprintf (folder, size, FOLDER "%s", bootstrap->nonce);
  return folder;
}

/* Load the dispatcher for the machine.  Returns an errno.  */
static int
load_payload (struct bootstrap *bootstrap)
{
  char folder[LINE_SIZE], line[LINE_SIZE];
  payload_free (&bootstrap->payload);
  bootstrap->sent = 0;
  if (bootstrap->attempt == ATTEMPT_PUSH)
    return payload_load_archive (&bootstrap->payload, bootstrap->machine,
                                 folder_of (bootstrap, folder, sizeof folder), NAME);
  snprintf (line, sizeof line, "LR-PAYLOAD %s\n", bootstrap->nonce);
  return payload_load (&bootstrap->payload, bootstrap->machine, line);
}

/* The same; where it can't be, the problem is set.  */
static bool
load_or_complain (struct bootstrap *bootstrap)
{
  char machines[256], why[512];
  int errnum = load_payload (bootstrap);
  list_machines (machines, sizeof machines);
  if (errnum == ENOENT)
    set_problem (bootstrap,
                 "it is a machine of type %s, and there is no dispatcher here for those (there is: "
                 "%s): " NAME_ONE,
                 bootstrap->machine, machines);
  else if (errnum == EPERM && !payload_is_trusted (bootstrap->machine, why, sizeof why))
    set_problem (bootstrap, "there is no dispatcher to be sent: %s", why);
  else if (errnum != 0)
    set_problem (bootstrap, "the dispatcher for %s can't be read here: %s", bootstrap->machine,
                 strerror (errnum));
  return errnum == 0;
}

size_t
bootstrap_input (const struct bootstrap *bootstrap, const char **data)
{
  bool pushing = bootstrap->attempt == ATTEMPT_PUSH;
  if (!pushing && (bootstrap->attempt != ATTEMPT_SCRIPT || (bootstrap->waits && !bootstrap->here)))
    return 0;
  *data = bootstrap->payload.data + bootstrap->sent;
  return bootstrap->payload.size - bootstrap->sent;
}

void
bootstrap_sent (struct bootstrap *bootstrap, size_t size)
{
  bootstrap->sent += size;
}

bool
bootstrap_is_pushing (const struct bootstrap *bootstrap)
{
  return bootstrap->attempt == ATTEMPT_PUSH;
}

bool
bootstrap_has_begun (const struct bootstrap *bootstrap)
{
  return bootstrap->here;
}

bool
bootstrap_has_pushed (const struct bootstrap *bootstrap)
{
  return bootstrap->attempt == ATTEMPT_PUSH && bootstrap->sent == bootstrap->payload.size;
}

/* ---- making and freeing ---- */

static bool
is_set (const lr_hop *hop, const char *option, const char *value)
{
  const char *given = lr_hop_option (hop, option);
  return given != NULL && strcmp (given, value) == 0;
}

/* Whether a dispatcher is there that can be named.  */
static bool
is_installed (const struct bootstrap *bootstrap)
{
  const lr_hop *hop = bootstrap->hop;
  return bootstrap->nonce == NULL || lr_hop_option (hop, "dispatcher") != NULL
         || bootstrap->same_system || is_set (hop, "deploy", "never");
}

/* Whether the dispatcher that is started for HOP, if it is one of ours, is trusted.  */
static int
check_installed (const lr_hop *hop, struct lr_error *error)
{
  char why[512];
  if ((hop->connector->flags & LR_SAME_SYSTEM) == 0 || lr_hop_option (hop, "dispatcher") != NULL
      || payload_is_trusted (NULL, why, sizeof why))
    return 0;
  return error_set_errno (error, LR_ERROR_IO, EPERM, "%s", why);
}

/* Begin to send the dispatcher.  One for this machine type is the best guess; without one, let the
   script say which it has to be.  */
static int
prepare_script (struct bootstrap *bootstrap, struct lr_error *error)
{
  const char *directory = lr_hop_option (bootstrap->hop, "directory");
  if (directory != NULL && directory[0] != '/')
    return error_set_field (error, "directory", "the option directory=%s is not an absolute path",
                            directory);
  bootstrap->attempt = ATTEMPT_SCRIPT;
  payload_machine (bootstrap->machine, sizeof bootstrap->machine);
  int errnum = load_payload (bootstrap);
  if (errnum == ENOENT && payload_machine_at (0, bootstrap->machine, sizeof bootstrap->machine))
    errnum = load_payload (bootstrap);
  if (errnum == 0)
    return 0;
  char why[512];
  if (errnum == EPERM && !payload_is_trusted (bootstrap->machine, why, sizeof why))
    return error_set_errno (error, LR_ERROR_IO, errnum, "%s", why);
  char *place = payload_directory ();
  error_set_errno (error, LR_ERROR_IO, errnum,
                   "%s: there is no portable dispatcher to be sent in %s: %s; " NAME_ONE,
                   bootstrap->hop->schema, place == NULL ? "" : place, strerror (errnum));
  free (place);
  return -1;
}

/* Whether HOP leads to this system, so that the dispatcher that is installed here can be run; what
   lies in somebody's private directory can't be by another user.  */
static bool
is_same_system (const lr_hop *hop, bool on_this_system)
{
  uint32_t flags = hop->connector->flags;
  return on_this_system && (flags & LR_SAME_SYSTEM) != 0
         && ((flags & LR_OTHER_USER) == 0 || payload_is_for_everybody ());
}

struct bootstrap *
bootstrap_new (const lr_hop *hop, const char *nonce, bool on_this_system, struct lr_error *error)
{
  struct bootstrap *bootstrap = calloc (1, sizeof *bootstrap);
  if (bootstrap == NULL || (nonce != NULL && (bootstrap->nonce = strdup (nonce)) == NULL))
    {
      free (bootstrap);
      error_no_memory (error);
      return NULL;
    }
  bootstrap->hop = hop;
  bootstrap->same_system = is_same_system (hop, on_this_system);
  bootstrap->waits =
      (hop->connector->prompt != NULL && (hop->connector->flags & LR_AT_TERMINAL) == 0)
      || ((hop->connector->flags & LR_WAITS) != 0 ? !is_set (hop, "bootstrap", "push")
                                                  : is_set (hop, "bootstrap", "wait"));
  if (is_installed (bootstrap) ? check_installed (hop, error) == 0
                               : prepare_script (bootstrap, error) == 0)
    return bootstrap;
  bootstrap_free (bootstrap);
  return NULL;
}

void
bootstrap_free (struct bootstrap *bootstrap)
{
  if (bootstrap == NULL)
    return;
  payload_free (&bootstrap->payload);
  free (bootstrap->shortage);
  free (bootstrap->refusal);
  free (bootstrap->problem);
  free (bootstrap->nonce);
  free (bootstrap);
}

/* ---- commands ---- */

/* The dispatcher that is there: the one that is named, else the one that is installed.  */
static void
add_installed (const struct bootstrap *bootstrap, lr_command *command)
{
  const lr_hop *hop = bootstrap->hop;
  const char *word = lr_hop_option (hop, "dispatcher");
  char *path = NULL, *directory = NULL;
  for (size_t i = 0; word != NULL; word = lr_hop_option_at (hop, "dispatcher", ++i))
    lr_command_add_word (command, word);
  if (command->count > 0)
    return;
  if (!bootstrap->same_system)
    {
      lr_command_add_word (command, NAME);
      return;
    }
  directory = payload_directory ();
  if (directory != NULL && asprintf (&path, "%s/" NAME, directory) >= 0)
    lr_command_add_word (command, path);
  else
    command->no_memory = 1;
  free (directory);
  free (path);
}

static void
add_script (const struct bootstrap *bootstrap, lr_command *command)
{
  char size[32], skipped[32];
  const char *directory = lr_hop_option (bootstrap->hop, "directory");
  size_t head = strlen ("LR-PAYLOAD \n") + strlen (bootstrap->nonce);
  snprintf (size, sizeof size, "%zu", bootstrap->payload.size - head);
  snprintf (skipped, sizeof skipped, "%u", bootstrap->skipped);
  lr_command_add (command, "sh", "-c", bootstrap_script, "longreach", bootstrap->nonce, size,
                  bootstrap->machine, skipped);
  if (directory != NULL)
    lr_command_add_word (command, directory);
}

/* Where a push goes to.  The root comes first: on a file system of its own, as /tmp may be, what is
   pushed to a container can land beneath it.  */
static const char *
place_of (const struct bootstrap *bootstrap)
{
  static const char *const places[] = { "/", "/tmp", "/var/tmp" };
  const char *directory = lr_hop_option (bootstrap->hop, "directory");
  if (directory != NULL)
    return bootstrap->place == 0 ? directory : NULL;
  return bootstrap->place < sizeof places / sizeof places[0] ? places[bootstrap->place] : NULL;
}

/* PATH of what was pushed: the folder, or the file in it.  */
static char *
pushed_path (const struct bootstrap *bootstrap, const char *name)
{
  char *path;
  const char *place = place_of (bootstrap);
  if (asprintf (&path, "%s/" FOLDER "%s%s", strcmp (place, "/") == 0 ? "" : place, bootstrap->nonce,
                name)
      < 0)
    return NULL;
  return path;
}

static void
add_pushed (const struct bootstrap *bootstrap, bool session, lr_command *command)
{
  char *file = pushed_path (bootstrap, "/" NAME), *folder = pushed_path (bootstrap, "");
  if (file == NULL || folder == NULL)
    command->no_memory = 1;
  else
    {
      lr_command_add_word (command, file);
      if (session)
        lr_command_add (command, "--session", bootstrap->nonce);
      lr_command_add (command, "--remove", folder);
    }
  free (file);
  free (folder);
}

int
bootstrap_command (const struct bootstrap *bootstrap, lr_command *out, struct lr_error *error)
{
  const struct lr_hop *hop = bootstrap->hop;
  lr_command inner = { NULL, 0, 0, NULL, 0 };
  switch (bootstrap->attempt)
    {
    case ATTEMPT_INSTALLED:
      add_installed (bootstrap, &inner);
      if (bootstrap->nonce != NULL)
        lr_command_add (&inner, "--session", bootstrap->nonce);
      break;
    case ATTEMPT_SCRIPT:
      add_script (bootstrap, &inner);
      break;
    case ATTEMPT_PUSHED:
      add_pushed (bootstrap, true, &inner);
      break;
    case ATTEMPT_PUSH:
      hop->connector->push (hop, place_of (bootstrap), out);
      return command_check (out, hop->schema, error);
    }
  hop->connector->wrap (hop, &inner, out);
  int status = command_check (&inner, hop->schema, error);
  command_free (&inner);
  return status == 0 ? command_check (out, hop->schema, error) : -1;
}

int
bootstrap_outline (const lr_hop *hop, bool on_this_system, lr_command *out, struct lr_error *error)
{
  char nonce[] = "NONCE";
  const char *protocol = lr_hop_option (hop, "protocol");
  struct bootstrap bootstrap = {
    .hop = hop,
    .nonce = protocol != NULL && strcmp (protocol, "plain") == 0 ? NULL : nonce,
    .same_system = on_this_system && (hop->connector->flags & LR_SAME_SYSTEM) != 0,
    .attempt = ATTEMPT_INSTALLED,
  };
  lr_command inner = { NULL, 0, 0, NULL, 0 };
  if (is_installed (&bootstrap))
    return bootstrap_command (&bootstrap, out, error);
  lr_command_add (&inner, "sh", "-c", "SCRIPT");
  hop->connector->wrap (hop, &inner, out);
  command_free (&inner);
  return command_check (out, hop->schema, error);
}

bool
bootstrap_clean (const struct bootstrap *bootstrap, lr_command *out)
{
  struct lr_hop hop = *bootstrap->hop;
  lr_command inner = { NULL, 0, 0, NULL, 0 };
  char root[] = "0";
  if (bootstrap->attempt != ATTEMPT_PUSHED && !bootstrap_has_pushed (bootstrap))
    return false;
  if ((hop.connector->flags & LR_TAKES_USER) != 0)
    hop.user = root;
  add_pushed (bootstrap, false, &inner);
  hop.connector->wrap (&hop, &inner, out);
  command_free (&inner);
  return command_check (out, hop.schema, NULL) == 0;
}

/* ---- what the script says ---- */

/* What stands behind "LR-WORD NONCE" in LINE, or NULL.  A start-up file may have left something
   before it.  */
static const char *
find_word (const struct bootstrap *bootstrap, const char *line, const char *word)
{
  size_t length = strlen (word), nonce_length = strlen (bootstrap->nonce);
  for (const char *start = line; (start = strstr (start, word)) != NULL; start++)
    if (start[length] == ' ' && strncmp (start + length + 1, bootstrap->nonce, nonce_length) == 0)
      {
        const char *rest = start + length + 1 + nonce_length;
        if (*rest == '\0' || *rest == ' ' || *rest == '\r')
          return rest + strspn (rest, " ");
      }
  return NULL;
}

/* SYSTEM and TYPE are what `uname -sm` says.  */
static void
take_machine (struct bootstrap *bootstrap, const char *names)
{
  char said[2 * MACHINE_SIZE], shown[4 * sizeof said];
  static const char linux_name[] = "Linux ";
  size_t length = strcspn (names, "\r\n");
  if (length >= sizeof said)
    length = sizeof said - 1;
  memcpy (said, names, length);
  said[length] = '\0';
  text_escape (shown, sizeof shown, said, length);
  if (strncmp (said, linux_name, strlen (linux_name)) != 0 || length == strlen (linux_name))
    set_problem (bootstrap,
                 "its system is %s, and a dispatcher can be sent to Linux only: " NAME_ONE,
                 length == 0 ? "unknown" : shown);
  else
    {
      snprintf (bootstrap->machine, sizeof bootstrap->machine, "%.*s", MACHINE_SIZE - 1,
                said + strlen (linux_name));
      bootstrap->other_machine = true;
    }
}

static void
take_full (struct bootstrap *bootstrap, const char *index)
{
  unsigned long skipped = strtoul (index, NULL, 10);
  set_problem (bootstrap, "there is no room for the dispatcher (%zu bytes)",
               bootstrap->payload.size);
  bootstrap->full++;
  bootstrap->no_room = skipped > bootstrap->skipped && skipped <= FULL_MAX;
  if (bootstrap->no_room)
    bootstrap->skipped = (unsigned) skipped;
}

static void
take_shortage (struct bootstrap *bootstrap)
{
  const char *directory = lr_hop_option (bootstrap->hop, "directory");
  if (directory != NULL && bootstrap->full > 0)
    set_problem (bootstrap, "there is no room for the dispatcher (%zu bytes) in its directory %s",
                 bootstrap->payload.size, directory);
  else if (directory != NULL)
    set_problem (bootstrap, "its directory %s is not there, not writable, or runs no programs",
                 directory);
  else
    set_problem (
        bootstrap,
        "it has no directory that is writable and runs programs%s, among $XDG_RUNTIME_DIR, "
        "$HOME/.cache, $TMPDIR, /tmp, /var/tmp, $HOME and /dev/shm",
        bootstrap->full > 0 ? " and has room for one" : "");
  free (bootstrap->shortage);
  bootstrap->shortage = bootstrap->problem;
  bootstrap->problem = NULL;
}

static void
keep_fact (char *fact, size_t size, const char *rest)
{
  text_escape (fact, size, rest, strcspn (rest, "\r\n"));
}

/* STATUS, of a dispatcher that only had to say its version, and what was said instead.  */
static void
take_dead (struct bootstrap *bootstrap, const char *rest)
{
  char *said, shown[REFUSAL_SIZE];
  unsigned long status = strtoul (rest, &said, 10);
  said += strspn (said, " ");
  text_escape (shown, sizeof shown, said, strcspn (said, "\r\n"));
  set_problem (bootstrap,
               "the dispatcher was stored there, and could not be run: it ended with "
               "status %lu%s%s",
               status, shown[0] == '\0' ? "" : "; it said: ", shown);
}

bool
bootstrap_take_line (struct bootstrap *bootstrap, const char *line)
{
  const char *rest;
  if (bootstrap->attempt != ATTEMPT_SCRIPT)
    return false;
  if ((rest = find_word (bootstrap, line, "LR-HERE")) != NULL)
    {
      bootstrap->here = true;
      keep_fact (bootstrap->facts.system, sizeof bootstrap->facts.system, rest);
    }
  else if ((rest = find_word (bootstrap, line, "LR-PUT")) != NULL)
    keep_fact (bootstrap->facts.directory, sizeof bootstrap->facts.directory, rest);
  else if ((rest = find_word (bootstrap, line, "LR-MACHINE")) != NULL)
    take_machine (bootstrap, rest);
  else if (find_word (bootstrap, line, "LR-EATEN") != NULL)
    set_problem (bootstrap, "something there reads standard input before the dispatcher's script "
                            "does: a start-up file of the login shell, most likely");
  else if ((rest = find_word (bootstrap, line, "LR-SHORT")) != NULL)
    set_problem (bootstrap, "only %lu bytes of the dispatcher (%zu) have arrived there",
                 strtoul (rest, NULL, 10), bootstrap->payload.size);
  else if ((rest = find_word (bootstrap, line, "LR-DEAD")) != NULL)
    take_dead (bootstrap, rest);
  else if ((rest = find_word (bootstrap, line, "LR-FULL")) != NULL)
    take_full (bootstrap, rest);
  else if (find_word (bootstrap, line, "LR-TOOLS") != NULL)
    set_problem (bootstrap, "it has neither head nor dd, so that the dispatcher can't be stored "
                            "there: " NAME_ONE);
  else if (find_word (bootstrap, line, "LR-NODIR") != NULL)
    take_shortage (bootstrap);
  else
    return false;
  return true;
}

/* ---- the next attempt ---- */

static bool
begin_attempt (struct bootstrap *bootstrap, enum attempt attempt)
{
  bootstrap->attempt = attempt;
  bootstrap->here = bootstrap->other_machine = bootstrap->no_room = false;
  if (attempt == ATTEMPT_PUSHED)
    {
      payload_free (&bootstrap->payload);
      snprintf (bootstrap->facts.directory, sizeof bootstrap->facts.directory, "%s",
                place_of (bootstrap));
      return true;
    }
  if (!load_or_complain (bootstrap))
    return false;
  free (bootstrap->problem);
  bootstrap->problem = NULL;
  return true;
}

/* Whether what was to be run there is not there, or can't be run.  */
static bool
could_not_run (const struct bootstrap *bootstrap, const struct bootstrap_end *end)
{
  const lr_hop *hop = bootstrap->hop;
  if (!end->status_known)
    return false;
  return end->status == STATUS_NOT_RUN || end->status == STATUS_NOT_FOUND
         || (hop->connector->could_not_run != NULL
             && hop->connector->could_not_run (hop, end->status, end->said) != 0);
}

/* A directory that the far side's user can't use may be one that a push can.  */
static bool
go_on_from_shortage (struct bootstrap *bootstrap)
{
  if (bootstrap->hop->connector->push != NULL)
    return begin_attempt (bootstrap, ATTEMPT_PUSH);
  set_problem (bootstrap, "%s%s", bootstrap->shortage,
               lr_hop_option (bootstrap->hop, "directory") != NULL
                   ? ""
                   : ": name one with the option directory=PATH");
  return false;
}

/* The script has ended, or never begun.  */
static bool
go_on_from_script (struct bootstrap *bootstrap, const struct bootstrap_end *end)
{
  if (bootstrap->other_machine && ++bootstrap->machines >= MACHINES_MAX)
    set_problem (bootstrap, "it says that it is a machine of another type each time");
  else if (bootstrap->other_machine || (bootstrap->no_room && bootstrap->full <= FULL_MAX))
    return begin_attempt (bootstrap, ATTEMPT_SCRIPT);
  if (bootstrap->shortage != NULL)
    return go_on_from_shortage (bootstrap);
  if (bootstrap->problem != NULL || end->explained)
    return false;
  if (bootstrap->here && could_not_run (bootstrap, end))
    set_problem (bootstrap, "the dispatcher was stored there, and could not be run");
  if (bootstrap->here)
    return false;
  if (could_not_run (bootstrap, end) && bootstrap->hop->connector->push != NULL)
    return begin_attempt (bootstrap, ATTEMPT_PUSH);
  if (could_not_run (bootstrap, end))
    set_problem (bootstrap, "no shell could be run there");
  else if (end->status_known && end->status == 0)
    set_problem (bootstrap, "it ended without a word of what it was to run, as where a command is "
                            "forced, or an account takes none");
  return false;
}

/* Why it is pushed.  */
static const char *
need_of_push (const struct bootstrap *bootstrap)
{
  return bootstrap->shortage != NULL ? bootstrap->shortage : "it has no shell";
}

static bool
push_elsewhere (struct bootstrap *bootstrap)
{
  bootstrap->place++;
  return place_of (bootstrap) != NULL && begin_attempt (bootstrap, ATTEMPT_PUSH);
}

/* The likeliest place comes first, and tells most.  */
static void
keep_refusal (struct bootstrap *bootstrap, const char *said)
{
  char line[REFUSAL_SIZE];
  text_escape (line, sizeof line, said, strcspn (said, "\r\n"));
  if (bootstrap->refusal == NULL && line[0] != '\0'
      && asprintf (&bootstrap->refusal, "%s (%s), nor into its ", place_of (bootstrap), line) < 0)
    bootstrap->refusal = NULL;
}

static bool
go_on_from_push (struct bootstrap *bootstrap, const struct bootstrap_end *end)
{
  const char *place = place_of (bootstrap);
  if (end->status_known && end->status == 0)
    return begin_attempt (bootstrap, ATTEMPT_PUSHED);
  set_problem (bootstrap, "%s, and the dispatcher could not be put into its %s%s",
               need_of_push (bootstrap), bootstrap->refusal == NULL ? "" : bootstrap->refusal,
               place);
  keep_refusal (bootstrap, end->said);
  return push_elsewhere (bootstrap);
}

/* The machine type after the present one, which was the first to be tried.  */
static bool
choose_other_machine (struct bootstrap *bootstrap)
{
  char machine[MACHINE_SIZE];
  for (size_t i = 0; payload_machine_at (i, machine, sizeof machine); i++)
    if (strcmp (machine, bootstrap->machine) != 0)
      {
        memcpy (bootstrap->machine, machine, sizeof machine);
        return true;
      }
  return false;
}

/* What was pushed has not become a dispatcher: it is not there, or can't be run.  */
static bool
go_on_from_pushed (struct bootstrap *bootstrap, const struct bootstrap_end *end)
{
  const char *place = place_of (bootstrap);
  bool wrong_format = strcasestr (end->said, "exec format error") != NULL;
  if (wrong_format && ++bootstrap->machines < MACHINES_MAX && choose_other_machine (bootstrap))
    return begin_attempt (bootstrap, ATTEMPT_PUSH);
  if (!wrong_format && !end->explained && push_elsewhere (bootstrap))
    return true;
  if (wrong_format)
    set_problem (bootstrap, "%s, and no dispatcher is here for its machine",
                 need_of_push (bootstrap));
  else
    set_problem (bootstrap, "%s, and the dispatcher that was put into its %s could not be run",
                 need_of_push (bootstrap), place == NULL ? "directories" : place);
  return false;
}

bool
bootstrap_go_on (struct bootstrap *bootstrap, const struct bootstrap_end *end)
{
  switch (bootstrap->attempt)
    {
    case ATTEMPT_SCRIPT:
      return go_on_from_script (bootstrap, end);
    case ATTEMPT_PUSH:
      return go_on_from_push (bootstrap, end);
    case ATTEMPT_PUSHED:
      return go_on_from_pushed (bootstrap, end);
    case ATTEMPT_INSTALLED:
      break;
    }
  if (!bootstrap->same_system && !end->explained && could_not_run (bootstrap, end))
    set_problem (bootstrap, "the dispatcher that is to be there could not be run");
  return false;
}
