#include "bench/server.h"

#include "bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SSHD "/usr/sbin/sshd" /* it has to be named by its path */

enum
{
  STARTS_WITHIN = 100, /* tenths of a second */
};

static pid_t server;

__attribute__ ((__format__ (__printf__, 2, 3))) static void
write_file (const char *path, const char *format, ...)
{
  va_list arguments;
  FILE *stream = fopen (path, "w");
  check_system (stream != NULL, path);
  va_start (arguments, format);
  vfprintf (stream, format, arguments);
  va_end (arguments);
  check_system (fclose (stream) == 0, path);
}

/* A port that nobody has now.  */
static int
free_port (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  check_system (fd >= 0 && bind (fd, (struct sockaddr *) &address, size) == 0
                    && getsockname (fd, (struct sockaddr *) &address, &size) == 0,
                "finding a port");
  close (fd);
  return ntohs (address.sin_port);
}

static void
write_server_config (const char *path, int port)
{
  char host_key[PATH_MAX], user_key[PATH_MAX];
  path_in_directory (host_key, "host_key");
  path_in_directory (user_key, "user_key");
  /* Those of a server before may be there.  */
  run_script ("for key in '%s' '%s'; do"
              " test -e \"$key\" || ssh-keygen -q -t ed25519 -N '' -f \"$key\" || exit; done",
              host_key, user_key);
  write_file (path,
              "ListenAddress 127.0.0.1:%d\n"
              "HostKey \"%s\"\n"
              "AuthorizedKeysFile \"%s.pub\"\n"
              "PidFile none\n"
              "UsePAM no\n"
              "MaxStartups 1000\n"
              "StrictModes no\n"
              "PermitRootLogin yes\n"
              "PasswordAuthentication no\n"
              "KbdInteractiveAuthentication no\n"
              "PrintMotd no\n"
              "PrintLastLog no\n"
              "LogLevel FATAL\n"
              "Subsystem sftp internal-sftp\n",
              port, host_key, user_key);
}

static void
write_client_config (const char *path, int port)
{
  char host_key[PATH_MAX], user_key[PATH_MAX], known_hosts[PATH_MAX];
  const struct passwd *user = getpwuid (getuid ());
  check_system (user != NULL, "who this is");
  path_in_directory (host_key, "host_key");
  path_in_directory (user_key, "user_key");
  path_in_directory (known_hosts, "known_hosts");
  run_script ("{ printf 'bench ' && cat '%s.pub'; } >'%s'", host_key, known_hosts);
  write_file (path,
              "Host " SERVER_DELAYED "\n"
              "  ProxyCommand \"" BENCH_RELAY "\" %d 0 127.0.0.1 %d\n"
              "Host *\n"
              "  HostName 127.0.0.1\n"
              "  Port %d\n"
              "  User %s\n"
              "  IdentityFile \"%s\"\n"
              "  IdentitiesOnly yes\n"
              "  HostKeyAlias bench\n"
              "  UserKnownHostsFile \"%s\"\n"
              "  GlobalKnownHostsFile none\n"
              "  StrictHostKeyChecking yes\n"
              "  BatchMode yes\n"
              "  LogLevel ERROR\n",
              settings.delay, port, port, user->pw_name, user_key, known_hosts);
}

/* It ends with this process, whatever ends that.  */
static void
start_sshd (const char *config)
{
  if (geteuid () == 0)
    check_system (mkdir ("/run/sshd", 0755) == 0 || errno == EEXIST, "/run/sshd");
  server = fork ();
  check_system (server >= 0, "fork");
  if (server != 0)
    return;
  prctl (PR_SET_PDEATHSIG, SIGTERM);
  execl (SSHD, SSHD, "-D", "-e", "-f", config, (char *) NULL);
  die (SSHD, strerror (errno));
}

static void
wait_until_it_listens (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((uint16_t) port) };
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  for (int i = 0; i < STARTS_WITHIN; i++)
    {
      int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      int status = connect (fd, (struct sockaddr *) &address, sizeof address);
      close (fd);
      if (status == 0)
        return;
      if (waitpid (server, NULL, WNOHANG) == server)
        break;
      nanosleep (&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
    }
  die (SSHD, "it does not start");
}

void
server_start (char *config)
{
  char server_config[PATH_MAX];
  int port = free_port ();
  path_in_directory (server_config, "sshd_config");
  path_in_directory (config, "ssh_config");
  write_server_config (server_config, port);
  write_client_config (config, port);
  start_sshd (server_config);
  wait_until_it_listens (port);
}

void
server_stop (void)
{
  kill (server, SIGTERM);
  waitpid (server, NULL, 0);
}
