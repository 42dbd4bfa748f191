#include "dispatcher/launch.h"

#include "dispatcher/accounts.h"
#include "dispatcher/ids.h"
#include "dispatcher/mode.h"
#include "dispatcher/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what was asked ---- */

/* The user's ids, and its groups.  */
static bool
check_user (struct launch *launch, struct request *request, const struct packet_bytes *user)
{
  struct process_setup *setup = &launch->setup;
  if (!user->present)
    return true;
  const struct passwd *entry = ids_find_user (user->data);
  if (entry == NULL)
    {
      answer_not_found (request, "user", "user", user->data);
      return false;
    }
  setup->uid = entry->pw_uid;
  setup->gid = entry->pw_gid;
  launch->groups = accounts_groups_of (entry->pw_name, entry->pw_gid, &setup->group_count);
  setup->groups = launch->groups;
  if (launch->groups != NULL)
    return true;
  answer_os_error (request, errno, "cannot list the groups of %s", user->data);
  return false;
}

static bool
check_group (struct launch *launch, struct request *request, const struct packet_bytes *group)
{
  if (!group->present)
    return true;
  const struct group *entry = ids_find_group (group->data);
  if (entry == NULL)
    {
      answer_not_found (request, "group", "group", group->data);
      return false;
    }
  launch->setup.gid = entry->gr_gid;
  return true;
}

static bool
check_names (struct request *request, const struct launch_fields *fields)
{
  const struct packet_list *added = fields->environment, *removed = fields->unset;
  for (uint64_t i = 0; added != NULL && i < added->count; i++)
    if (strchr (added->items[i].data, '=') == NULL || added->items[i].data[0] == '=')
      {
        answer_invalid_field (request, "environment", "not a name, = and a value: %s",
                              added->items[i].data);
        return false;
      }
  for (uint64_t i = 0; removed != NULL && i < removed->count; i++)
    if (strchr (removed->items[i].data, '=') != NULL || removed->items[i].data[0] == '\0')
      {
        answer_invalid_field (request, "unset", "not the name of a variable: %s",
                              removed->items[i].data);
        return false;
      }
  return true;
}

/* ---- argument list and environment ---- */

static bool
make_argv (struct launch *launch, const struct packet_list *list)
{
  launch->argv = malloc ((size_t) (list->count + 1) * sizeof *launch->argv);
  if (launch->argv == NULL)
    return false;
  for (uint64_t i = 0; i < list->count; i++)
    launch->argv[i] = list->items[i].data;
  launch->argv[list->count] = NULL;
  launch->setup.command = launch->argv;
  return true;
}

/* Whether VARIABLE, "NAME=VALUE", is NAME, which ends with its text or before a "=".  */
static bool
is_named (const char *variable, const char *name)
{
  size_t length = strcspn (name, "=");
  return strncmp (variable, name, length) == 0 && variable[length] == '=';
}

/* In the place of one of the same name, or at the end.  */
static void
set_variable (const char **environment, size_t *count, const char *variable)
{
  size_t i = 0;
  while (i < *count && !is_named (environment[i], variable))
    i++;
  environment[i] = variable;
  if (i == *count)
    ++*count;
}

static bool
is_removed (const struct packet_list *removed, const char *variable)
{
  for (uint64_t i = 0; i < removed->count; i++)
    if (is_named (variable, removed->items[i].data))
      return true;
  return false;
}

static bool
make_term (struct launch *launch, const char *term)
{
  size_t size = sizeof "TERM=" + strlen (term);
  launch->term = malloc (size);
  if (launch->term == NULL)
    return false;
  snprintf (launch->term, size, "TERM=%s", term);
  return true;
}

/* The dispatcher's environment without what is removed, with TERM and what is added: the last of a
   name counts.  */
static bool
make_environment (struct launch *launch, const struct launch_fields *fields)
{
  extern char **environ;
  const struct packet_list *added = fields->environment;
  size_t count = 0;
  if (added == NULL)
    return true;
  while (environ[count] != NULL)
    count++;
  launch->environment = malloc ((count + (size_t) added->count + 2) * sizeof (char *));
  if (launch->environment == NULL || (fields->term != NULL && !make_term (launch, fields->term)))
    return false;
  count = 0;
  for (char **variable = environ; *variable != NULL; variable++)
    if (!is_removed (fields->unset, *variable))
      launch->environment[count++] = *variable;
  if (launch->term != NULL)
    set_variable (launch->environment, &count, launch->term);
  for (uint64_t i = 0; i < added->count; i++)
    set_variable (launch->environment, &count, added->items[i].data);
  launch->environment[count] = NULL;
  launch->setup.environment = launch->environment;
  return true;
}

bool
launch_check (struct launch *launch, struct request *request, const struct launch_fields *fields)
{
  struct process_setup *setup = &launch->setup;
  if (fields->command->count == 0)
    {
      answer_invalid_field (request, "command", "no program is named");
      return false;
    }
  if (!check_names (request, fields))
    return false;
  setup->umask = 077;
  if (fields->umask->present && !mode_parse (fields->umask->data, 0777, &setup->umask))
    {
      answer_invalid_field (request, "umask", "not an octal mask of at most 0777: %s",
                            fields->umask->data);
      return false;
    }
  if (!check_user (launch, request, fields->user) || !check_group (launch, request, fields->group))
    return false;
  setup->cwd = fields->cwd->present ? fields->cwd->data : NULL;
  setup->change_user = fields->user->present && setup->uid != geteuid ();
  setup->change_group = (fields->user->present || fields->group->present)
                        && (setup->change_user || setup->gid != getegid ());
  if (!process_may_start ())
    {
      answer_os_error (request, ECANCELED, "the input has ended: %s is not started",
                       fields->command->items[0].data);
      return false;
    }
  if (make_argv (launch, fields->command) && make_environment (launch, fields))
    return true;
  answer_os_error (request, ENOMEM, "cannot run %s", fields->command->items[0].data);
  return false;
}

/* ---- descriptors ---- */

/* A device that is not as it should be is named: the program could be missing with the same
   error.  */
static bool
lack (struct launch *launch, enum process_stage stage)
{
  if (errno != EMFILE && errno != ENFILE && errno != ENOMEM)
    launch->birth = (struct process_birth){ .stage = stage, .errnum = errno };
  return false;
}

bool
launch_null (struct launch *launch, int fd)
{
  launch->far_ends[fd] = open ("/dev/null", (fd == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
  return launch->far_ends[fd] >= 0 || lack (launch, PROCESS_NO_NULL);
}

bool
launch_pipe (struct launch *launch, int fd, int *near)
{
  int ends[2];
  if (pipe2 (ends, O_CLOEXEC) != 0)
    return false;
  *near = ends[fd == 0 ? 1 : 0];
  launch->far_ends[fd] = ends[fd == 0 ? 0 : 1];
  fcntl (*near, F_SETFL, O_NONBLOCK);
  return true;
}

bool
launch_terminal (struct launch *launch, int *master)
{
  int slave;
  if (!terminal_open (master, &slave))
    return lack (launch, PROCESS_NO_TERMINAL);
  launch->far_ends[0] = launch->setup.terminal = slave;
  /* So that it can be opened anew, as /dev/tty's own name.  Who may not do that can't become
     another user either.  */
  if (launch->setup.change_user && fchown (slave, launch->setup.uid, (gid_t) -1) != 0)
    return true;
  return true;
}

bool
launch_terminal_beside (struct launch *launch, int *master, int *slave)
{
  if (!terminal_open (master, slave))
    return false;
  terminal_keep_quiet (*slave);
  launch->setup.terminal = *slave;
  return true;
}

static void
close_far_ends (struct launch *launch)
{
  for (int fd = 0; fd < 3; fd++)
    {
      if (launch->far_ends[fd] >= 0)
        close (launch->far_ends[fd]);
      launch->far_ends[fd] = -1;
    }
}

/* ---- start ---- */

void
launch_start (struct launch *launch)
{
  struct process_setup *setup = &launch->setup;
  setup->input = launch->far_ends[0];
  setup->output = launch->far_ends[1] < 0 ? setup->input : launch->far_ends[1];
  setup->error = launch->far_ends[2] < 0 ? setup->input : launch->far_ends[2];
  process_fork (setup, &launch->birth);
  close_far_ends (launch);
}

void
launch_give_up (struct launch *launch)
{
  if (launch->birth.stage == PROCESS_STARTED)
    launch->birth = (struct process_birth){ .stage = PROCESS_FORK, .errnum = errno };
}

void
launch_answer_failed (const struct launch *launch, struct request *request)
{
  static const char *const stages[] = {
    [PROCESS_NO_NULL] = "cannot open /dev/null",
    [PROCESS_NO_TERMINAL] = "cannot open a pseudo-terminal",
    [PROCESS_GROUP] = "cannot change to the group",
    [PROCESS_USER] = "cannot change to the user",
    [PROCESS_CWD] = "cannot change to the directory",
    [PROCESS_TERMINAL] = "cannot take the terminal",
  };
  const struct process_birth *birth = &launch->birth;
  if (birth->stage == PROCESS_NO_CWD)
    answer_invalid_field (request, "cwd", "not a directory: %s", launch->setup.cwd);
  else if (birth->stage == PROCESS_EXEC)
    answer_os_error (request, birth->errnum, "cannot run %s", launch->argv[0]);
  else if (birth->stage == PROCESS_FORK)
    answer_os_error (request, birth->errnum, "cannot start a process for %s", launch->argv[0]);
  else
    answer_process_error (request, stages[birth->stage], birth->errnum);
}

void
launch_free (struct launch *launch)
{
  close_far_ends (launch);
  free (launch->argv);
  free (launch->environment);
  free (launch->term);
  free (launch->groups);
}
