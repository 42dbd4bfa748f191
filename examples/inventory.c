/* inventory: a report of what hosts are, one host after the other, in calls that wait.

     inventory URL...

   A fact that can't be had is reported, and the next one tried: only when the connection is gone
   there is nothing more to ask of that host.  The exit status is 0 where all facts were told, 1
   where one was not, 2 for wrong usage, 255 where there was no connection to a host.  */

#include <longreach/longreach.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- telling ---- */

/* One line: LABEL, then SIZE bytes of the far side's TEXT up to its first newline.  They may hold
   anything, and this may be a terminal.  */
static void
tell (const char *label, const char *text, size_t size)
{
  printf ("%-10s", label);
  for (size_t i = 0; i < size && text[i] != '\n'; i++)
    putchar ((unsigned char) text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
  putchar ('\n');
}

static void
tell_text (const char *label, const char *text)
{
  tell (label, text, strlen (text));
}

/* ---- the facts: each 0, or -1 and *ERROR ---- */

static int
kernel_fact (lr_connection *connection, struct lr_error *error)
{
  static const char *const command[] = { "uname", "-srm", NULL };
  struct lr_run_args args = LR_RUN_ARGS (.command = command, .output_limit = 4096);
  struct lr_run_result *result;
  int status = lr_run (connection, &args, &result, error);
  if (status == 0)
    tell ("kernel", result->stdout_bytes.data, result->stdout_bytes.size);
  /* A command that fails leaves a result too.  */
  lr_free (result);
  return status;
}

/* Tell, as LABEL, what follows KEY where a line of FILE begins with it.  A system without the file
   is no failure of ours.  */
static int
tell_line (lr_connection *connection, const char *label, const char *file, const char *key,
           struct lr_error *error)
{
  struct lr_download_args args = LR_DOWNLOAD_ARGS (.file = file, .limit = 64 << 10);
  struct lr_download_result *result;
  if (lr_download (connection, &args, &result, error) != 0)
    {
      bool missing = error->kind == LR_ERROR_INVALID_VALUE && strcmp (error->field, "file") == 0;
      if (missing)
        tell_text (label, "(does not say)");
      return missing ? 0 : -1;
    }
  /* The content is followed by a NUL, so it can be searched as text.  */
  const char *line = result->content.data;
  while (line != NULL && strncmp (line, key, strlen (key)) != 0)
    line = (line = strchr (line, '\n')) == NULL ? NULL : line + 1;
  if (line != NULL)
    line += strlen (key);
  tell_text (label, line == NULL ? "(does not say)" : line + strspn (line, " \t"));
  lr_free (result);
  return 0;
}

static int
system_fact (lr_connection *connection, struct lr_error *error)
{
  return tell_line (connection, "system", "/etc/os-release", "PRETTY_NAME=", error);
}

static int
memory_fact (lr_connection *connection, struct lr_error *error)
{
  return tell_line (connection, "memory", "/proc/meminfo", "MemTotal:", error);
}

static int
user_fact (lr_connection *connection, struct lr_error *error)
{
  struct lr_resolve_args whoami = LR_RESOLVE_ARGS ();
  char *name;
  if (lr_resolve_user (connection, &whoami, &name, error) != 0)
    return -1;
  tell_text ("user", name);

  struct lr_query_user_args args = LR_QUERY_USER_ARGS (.user = name);
  struct lr_user_entry *user;
  int status = lr_query_user (connection, &args, &user, error);
  if (status == 0)
    {
      tell_text ("home", user->home);
      tell_text ("shell", user->shell);
      for (const char *const *group = user->groups; *group != NULL; group++)
        tell_text ("group", *group);
    }
  lr_free (user);
  lr_free (name);
  return status;
}

static int
path_fact (lr_connection *connection, struct lr_error *error)
{
  struct lr_getenv_args args = LR_GETENV_ARGS (.key = "PATH");
  char *value;
  if (lr_getenv (connection, &args, &value, error) != 0)
    return -1;
  /* Not set is an answer, not an error.  */
  tell_text ("path", value == NULL ? "(not set)" : value);
  lr_free (value);
  return 0;
}

static int
accounts_fact (lr_connection *connection, struct lr_error *error)
{
  struct lr_stat_args args = LR_STAT_ARGS (.path = "/etc/passwd", .follow_links = 1);
  struct lr_stat_result *file;
  char line[256], when[32] = "?";
  if (lr_stat (connection, &args, &file, error) != 0)
    return -1;
  if (file == NULL) /* neither is a file that is not there */
    {
      tell_text ("accounts", "(no /etc/passwd)");
      return 0;
    }
  time_t seconds = (time_t) (file->mtime_ns / 1000000000);
  const struct tm *utc = gmtime (&seconds);
  if (utc != NULL)
    strftime (when, sizeof when, "%Y-%m-%d %H:%M UTC", utc);
  snprintf (line, sizeof line, "/etc/passwd, mode %03" PRIo64 ", %s:%s, changed %s", file->mode,
            file->owner, file->group, when);
  tell_text ("accounts", line);
  lr_free (file);
  return 0;
}

static const struct
{
  const char *name;
  int (*tell) (lr_connection *connection, struct lr_error *error);
} facts[] = {
  { "the kernel", kernel_fact },    { "the system", system_fact },
  { "the memory", memory_fact },    { "the user", user_fact },
  { "the search path", path_fact }, { "the accounts", accounts_fact },
};

/* ---- the program ---- */

/* Tell all facts; the exit status.  */
static int
tell_facts (lr_connection *connection)
{
  struct lr_error error;
  int status = 0;
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
    if (facts[i].tell (connection, &error) != 0)
      {
        /* The message is fit for a terminal, whatever the far side put into it.  */
        fprintf (stderr, "inventory: cannot tell %s: %s\n", facts[i].name, error.message);
        if (error.kind == LR_ERROR_IO)
          return 255;
        status = 1;
      }
  return status;
}

/* The whole report of one host; the exit status.  REGISTRY knows the connectors, and is asked for
   each host.  */
static int
report (lr_registry *registry, const char *url)
{
  struct lr_error error;
  lr_connection *connection;
  char *host;
  struct lr_open_args args = LR_OPEN_ARGS (.url = url);
  if (lr_extract_hostname (registry, url, &host, &error) != 0
      || lr_open (registry, &args, &connection, &error) != 0)
    {
      fprintf (stderr, "inventory: %s\n", error.message);
      lr_free (host);
      return error.kind == LR_ERROR_INVALID_VALUE ? 2 : 255;
    }
  tell_text ("host", host);
  int status = tell_facts (connection);
  lr_close (connection);
  lr_free (host);
  return status;
}

int
main (int argc, char **argv)
{
  int worst = 0;
  lr_registry *registry = lr_registry_new ();
  if (argc < 2 || registry == NULL)
    {
      fputs ("Usage: inventory URL...\n", stderr);
      lr_registry_free (registry);
      return 2;
    }
  for (int i = 1; i < argc; i++)
    {
      int status = report (registry, argv[i]);
      if (status > worst)
        worst = status;
      if (i < argc - 1)
        putchar ('\n');
    }
  lr_registry_free (registry);
  return worst;
}
