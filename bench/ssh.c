/* Over ssh: to a server here, directly and with a delay in each direction.

   Everybody connects anew each time, and that is part of what is timed.  */

#include "bench/bench.h"
#include "bench/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MITOGEN_PYTHON "/usr/bin/python3" /* the one that the distribution's modules are for */

static char config[PATH_MAX];
static const char *host; /* as the configuration has it */

/* ---- ours ---- */

static lr_connection *connection;

static void
open_connection (const char *dispatcher)
{
  char url[64], config_option[PATH_MAX + 16];
  struct lr_error error;
  snprintf (url, sizeof url, "ssh:%s", host);
  snprintf (config_option, sizeof config_option, "config=%s", config);
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = url,
                    .options = (const char *const[]){ config_option, dispatcher, NULL });
  check (lr_open (NULL, &args, &connection, &error), &error);
}

static void
close_connection (void)
{
  lr_close (connection);
}

static void
run_first (void)
{
  struct lr_run_args args = LR_RUN_ARGS (.command = (const char *const[]){ "true", NULL });
  struct lr_error error;
  struct lr_run_result *result;
  check (lr_run (connection, &args, &result, &error), &error);
  lr_free (result);
}

static void
connect_and_run (void)
{
  open_connection (NULL);
  run_first ();
}

static void
connect_to_installed (void)
{
  char option[PATH_MAX];
  const char *place = getenv ("LONGREACH_DISPATCHER_DIR");
  snprintf (option, sizeof option, "dispatcher=%s/longreach-dispatcher", place);
  open_connection (option);
  run_first ();
}

/* As ./run sets it.  */
static bool
dispatcher_is_known (void)
{
  return getenv ("LONGREACH_DISPATCHER_DIR") != NULL;
}

static void
put (void)
{
  struct lr_error error;
  int fd = open (source, O_RDONLY | O_CLOEXEC);
  struct lr_put_args args = LR_PUT_ARGS (.descriptor = fd, .file = target);
  open_connection (NULL);
  check (lr_put (connection, &args, NULL, &error), &error);
  close_connection ();
  close (fd);
}

static void
get (void)
{
  struct lr_error error;
  int fd = open (target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  struct lr_get_args args = LR_GET_ARGS (.descriptor = fd, .file = source);
  open_connection (NULL);
  check (lr_get (connection, &args, NULL, &error), &error);
  close_connection ();
  close (fd);
}

/* ---- ssh, scp, sftp ---- */

static void
ssh_true (void)
{
  run_locally ((const char *const[]){ "ssh", "-F", config, host, "true", NULL });
}

static void
ssh_put (void)
{
  run_script ("ssh -F '%s' %s \"cat >'%s'\" <'%s'", config, host, target, source);
}

/* What is left of the limit for whoever is not ssh: its bytes go through a pipe to ssh.  */
static void
ssh_put_piped (void)
{
  run_script ("cat '%s' | ssh -F '%s' %s \"cat >'%s'\"", source, config, host, target);
}

static void
ssh_get (void)
{
  run_script ("ssh -F '%s' %s \"cat '%s'\" >'%s'", config, host, source, target);
}

static void
ssh_get_piped (void)
{
  run_script ("ssh -F '%s' %s \"cat '%s'\" | cat >'%s'", config, host, source, target);
}

static void
scp_put (void)
{
  run_script ("scp -q -F '%s' '%s' %s:'%s'", config, source, host, target);
}

static void
scp_get (void)
{
  run_script ("scp -q -F '%s' %s:'%s' '%s'", config, host, source, target);
}

static void
sftp_put (void)
{
  run_script ("echo 'put \"%s\" \"%s\"' | sftp -q -b - -F '%s' %s", source, target, config, host);
}

static void
sftp_get (void)
{
  run_script ("echo 'get \"%s\" \"%s\"' | sftp -q -b - -F '%s' %s", source, target, config, host);
}

/* ---- Ansible, Mitogen ---- */

static bool
succeeds (const char *command)
{
  int status = system (command);
  return WIFEXITED (status) && WEXITSTATUS (status) == 0;
}

static bool
ansible_exists (void)
{
  return succeeds ("ansible --version >/dev/null 2>&1");
}

static bool
mitogen_exists (void)
{
  return succeeds (MITOGEN_PYTHON " -c 'import mitogen' 2>/dev/null");
}

/* It shares one connection among the steps of a task, as by default, but not with the next.  */
static void
ansible (const char *module, const char *arguments)
{
  run_script ("ANSIBLE_SSH_ARGS='-F %s -o ControlMaster=auto -o ControlPersist=60s' "
              "ANSIBLE_SSH_CONTROL_PATH='%s/master' ANSIBLE_HOME='%s' ANSIBLE_LOCAL_TEMP='%s' "
              "ANSIBLE_REMOTE_TEMP='%s' ansible -i %s, all "
              "-e ansible_python_interpreter=" MITOGEN_PYTHON " -m %s -a \"%s\"",
              config, directory, directory, directory, directory, host, module, arguments);
}

static void
ansible_true (void)
{
  ansible ("command", "true");
}

static void
ansible_put (void)
{
  char arguments[3 * PATH_MAX];
  snprintf (arguments, sizeof arguments, "src='%s' dest='%s'", source, target);
  ansible ("copy", arguments);
}

static void
ansible_get (void)
{
  char arguments[3 * PATH_MAX];
  snprintf (arguments, sizeof arguments, "src='%s' dest='%s' flat=yes", source, target);
  ansible ("fetch", arguments);
}

static void
ansible_end (void)
{
  run_script ("ssh -F '%s' -o ControlPath='%s/master' -O exit %s", config, directory, host);
}

static void
mitogen_true (void)
{
  run_script (MITOGEN_PYTHON " '" BENCH_SOURCES "/mitogen_peer.py' '%s' %s connect", config, host);
}

static void
mitogen_put (void)
{
  run_script (MITOGEN_PYTHON " '" BENCH_SOURCES "/mitogen_peer.py' '%s' %s put '%s' '%s'", config,
              host, source, target);
}

/* ---- the relay ---- */

enum
{
  PIECE = 1 << 20,
};

/* Something that takes all that is sent to PORT, once.  */
static int listener;
static int port;

static void
listen_somewhere (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check_system (listener >= 0 && bind (listener, (struct sockaddr *) &address, size) == 0
                    && listen (listener, 1) == 0
                    && getsockname (listener, (struct sockaddr *) &address, &size) == 0,
                "listening");
  port = ntohs (address.sin_port);
}

static pid_t
start_taking (void)
{
  static char buffer[PIECE];
  pid_t pid = fork ();
  check_system (pid >= 0, "fork");
  if (pid != 0)
    return pid;
  int fd = accept (listener, NULL, NULL);
  while (read (fd, buffer, sizeof buffer) > 0)
    continue;
  _exit (0);
}

static void
send_relayed (void)
{
  pid_t taker = start_taking ();
  run_script ("head -c %zu /dev/zero | '" BENCH_RELAY "' 0 0 127.0.0.1 %d", settings.bytes, port);
  waitpid (taker, NULL, 0);
}

static void
send_directly (void)
{
  static char zeros[PIECE];
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port) };
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  pid_t taker = start_taking ();
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check_system (connect (fd, (struct sockaddr *) &address, sizeof address) == 0, "connecting");
  for (size_t left = settings.bytes; left > 0;)
    {
      ssize_t wrote = write (fd, zeros, left < PIECE ? left : PIECE);
      check_system (wrote > 0, "a socket");
      left -= (size_t) wrote;
    }
  close (fd);
  waitpid (taker, NULL, 0);
}

/* ---- the rows ---- */

static double
one_round_trip (void)
{
  return 2 * settings.delay / 1e3;
}

static const struct row near_rows[] = {
  { .what = "ssh connect",
    .ours = { .once = connect_and_run, .after = close_connection },
    .limit = { .name = "ssh host true", .once = ssh_true },
    .at_most = 1.05,
    .scale = 1e3,
    .unit = "ms",
    .others = { { .name = "(ours, dispatcher installed)",
                  .once = connect_to_installed,
                  .after = close_connection,
                  .exists = dispatcher_is_known },
                { .name = "mitogen, true", .once = mitogen_true, .exists = mitogen_exists },
                { .name = "ansible -m command -a true",
                  .once = ansible_true,
                  .after = ansible_end,
                  .exists = ansible_exists } } },
  { .what = "ssh put",
    .ours = { .once = put },
    .limit = { .name = "ssh host 'cat > file'", .once = ssh_put },
    .at_most = 1 / 0.95,
    .scale = 1e3,
    .unit = "ms",
    .others = { { .name = "cat file | ssh host 'cat > file'", .once = ssh_put_piped },
                { .name = "scp", .once = scp_put },
                { .name = "sftp put", .once = sftp_put },
                { .name = "mitogen, FileService", .once = mitogen_put, .exists = mitogen_exists },
                { .name = "ansible -m copy",
                  .once = ansible_put,
                  .after = ansible_end,
                  .exists = ansible_exists } } },
  { .what = "ssh get",
    .ours = { .once = get },
    .limit = { .name = "ssh host 'cat file'", .once = ssh_get },
    .at_most = 1 / 0.95,
    .scale = 1e3,
    .unit = "ms",
    .others = { { .name = "ssh host 'cat file' | cat > file", .once = ssh_get_piped },
                { .name = "scp", .once = scp_get },
                { .name = "sftp get", .once = sftp_get },
                { .name = "ansible -m fetch",
                  .once = ansible_get,
                  .after = ansible_end,
                  .exists = ansible_exists } } },
};

enum
{
  ROWS = sizeof near_rows / sizeof near_rows[0],
};

static const struct row relay_row = {
  .what = "relay without delay",
  .ours = { .once = send_relayed },
  .limit = { .name = "into a socket", .once = send_directly },
  .scale = 1e3,
  .unit = "ms",
};

/* The same rows with a delay, and the round trip more that connecting may take then.  */
static struct row delayed_rows[ROWS];
static char delayed_names[ROWS][64];

static void
make_delayed_rows (void)
{
  for (size_t i = 0; i < ROWS; i++)
    {
      snprintf (delayed_names[i], sizeof delayed_names[i], "%s, delayed", near_rows[i].what);
      delayed_rows[i] = near_rows[i];
      delayed_rows[i].what = delayed_names[i];
      if (i == 0)
        delayed_rows[i].more = one_round_trip;
    }
}

static bool
any_is_wanted (const struct row *rows)
{
  for (size_t i = 0; i < ROWS; i++)
    if (is_wanted (rows[i].what))
      return true;
  return false;
}

static void
measure_on (const char *server, size_t bytes, const struct row *rows)
{
  if (!any_is_wanted (rows))
    return;
  host = server;
  make_source (bytes);
  for (size_t i = 0; i < ROWS; i++)
    measure (&rows[i]);
}

void
measure_ssh (void)
{
  make_delayed_rows ();
  if (is_wanted (relay_row.what))
    {
      listen_somewhere ();
      measure (&relay_row);
    }
  if (!any_is_wanted (near_rows) && !any_is_wanted (delayed_rows) && !trees_are_wanted ())
    return;
  server_start (config);
  measure_trees (config);
  measure_on (SERVER, settings.bytes, near_rows);
  measure_on (SERVER_DELAYED, settings.delayed_bytes, delayed_rows);
  server_stop ();
}
