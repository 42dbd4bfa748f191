/* The connector ssh without a server: how the client is called, and what its words are taken for.
 */

#include "tests/support.h"

#include "core/text.h"
#include "plugins/ssh/explain.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

TestSuite (ssh_client, .init = (void (*) (void)) make_directory, .fini = remove_directory,
           .timeout = 60);

/* ---- how it is called ---- */

/* In the place of ssh: notes its arguments, one a line, and lets the connection fail.  */
static const char *
make_client (void)
{
  char text[1024];
  snprintf (text, sizeof text, "#!/bin/sh\nprintf '%%s\\n' \"$@\" >'%s'\nexit 255\n",
            path_in ("arguments"));
  write_file (path_in ("ssh"), text, strlen (text), 0755);
  return path_in ("ssh");
}

static int
open_url (const char *url, lr_prompt_callback *prompt, struct lr_error *error)
{
  lr_connection *connection;
  char program[512];
  snprintf (program, sizeof program, "program=%s", make_client ());
  const char *const options[] = { program, "dispatcher=there", NULL };
  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .options = options, .prompt = prompt);
  unlink (path_in ("arguments"));
  return lr_open (NULL, &args, &connection, error);
}

static void
answer_nothing (void *data, lr_prompt *prompt)
{
  (void) data;
  lr_prompt_answer (prompt, NULL);
}

static void
expect_arguments (const char *url, lr_prompt_callback *prompt, const char *wanted)
{
  struct lr_error error;
  size_t size;
  cr_expect_eq (open_url (url, prompt, &error), -1);
  char *arguments = read_file (path_in ("arguments"), &size);
  /* The nonce is another one each time.  */
  char *session = strstr (arguments, " --session ");
  cr_assert_not_null (session, "%s: %s", url, arguments);
  *session = '\0';
  cr_expect_str_eq (arguments, wanted, "%s: %s", url, arguments);
  free (arguments);
}

#define SETTINGS                                                                                   \
  "-o\nRemoteCommand=none\n-o\nPermitLocalCommand=no\n-o\nClearAllForwardings=yes\n"               \
  "-o\nForwardX11=no\n"
#define BATCH SETTINGS "-o\nBatchMode=yes\n"

Test (ssh_client, gets_what_the_url_says)
{
  expect_arguments ("ssh:web", NULL, BATCH "-T\n--\nweb\nexec there");
  expect_arguments ("ssh://web", NULL, BATCH "-T\n--\nweb\nexec there");
  expect_arguments ("ssh:ann@web:2222", NULL, BATCH "-p\n2222\n-l\nann\n-T\n--\nweb\nexec there");
  expect_arguments ("ssh://ann@web:2222", NULL, BATCH "-p\n2222\n-l\nann\n-T\n--\nweb\nexec there");
  expect_arguments ("ssh:ann%40corp@web", NULL, BATCH "-l\nann@corp\n-T\n--\nweb\nexec there");
  expect_arguments ("ssh:[2001:db8::1]", NULL, BATCH "-T\n--\n2001:db8::1\nexec there");
  expect_arguments ("ssh:ann@[fe80::1%25eth0]:22", NULL,
                    BATCH "-p\n22\n-l\nann\n-T\n--\nfe80::1%eth0\nexec there");
}

/* ssh takes the first value it finds.  */
Test (ssh_client, gets_the_users_options_first)
{
  expect_arguments ("ssh:web?option=ForwardX11=yes&option=ProxyCommand=nc%20%25h%20%25p&identity=/a"
                    "&identity=/b&config=/etc/other",
                    NULL,
                    "-F\n/etc/other\n-i\n/a\n-i\n/b\n-o\nForwardX11=yes\n"
                    "-o\nProxyCommand=nc %h %p\n" BATCH "-T\n--\nweb\nexec there");
}

Test (ssh_client, may_ask_where_somebody_answers)
{
  expect_arguments ("ssh:web", answer_nothing, SETTINGS "-T\n--\nweb\nexec there");
}

/* ---- what must not come through ---- */

/* Of each of these the URL's parser, or the connector, wants nothing to know.  */
static const char *const refused[] = {
  "ssh:-oProxyCommand=touch%20x",
  "ssh://-oProxyCommand=touch%20x",
  "ssh:ann@-oProxyCommand=touch%20x",
  "ssh:-oProxyCommand=touch%20x@web",
  "ssh:-l@web",
  "ssh:;id",
  "ssh:$(id)",
  "ssh:`id`",
  "ssh:web|id",
  "ssh:web&id",
  "ssh:web>x",
  "ssh:a%20b",
  "ssh:web%0Aid",
  "ssh:web%00id",
  "ssh:'web'",
  "ssh:web%5c",
  "ssh:;id@web",
  "ssh:$(id)@web",
  "ssh:`id`@web",
  "ssh:a|b@web",
  "ssh:'@web",
  "ssh:ann%0Aid@web",
  "ssh:ann:secret@web",
  "ssh:web:0",
  "ssh:web:-1",
  "ssh:web:22;id",
  "ssh:web:65536",
  "ssh:web?identity=-oProxyCommand=id",
  "ssh:web?config=-oProxyCommand=id",
  "ssh:web?option=Port=1%0AProxyCommand=id",
  "ssh:web?option=User=a%0Db",
  "ssh:",
  "ssh:?option=x",
};

Test (ssh_client, sees_nothing_of_a_url_that_is_refused)
{
  for (size_t i = 0; i < COUNT (refused); i++)
    {
      struct lr_error error;
      cr_expect_eq (open_url (refused[i], NULL, &error), -1);
      cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE, "%s: %s", refused[i], error.message);
      cr_expect (access (path_in ("arguments"), F_OK) != 0, "%s reached ssh", refused[i]);
    }
}

/* A word of the remote command can come from the URL too.  */
Test (ssh_client, quotes_words_of_the_url_for_the_far_side)
{
  lr_connection *connection;
  struct lr_error error;
  char program[512];
  size_t size;
  snprintf (program, sizeof program, "program=%s", make_client ());
  const char *const options[] = { program, NULL };
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = "ssh:web?dispatcher=/a;id%20$(id)%20'%5c! -x &protocol=plain",
                    .options = options);
  cr_expect_eq (lr_open (NULL, &args, &connection, &error), -1);
  char *arguments = read_file (path_in ("arguments"), &size);
  const char *command = strstr (arguments, "exec ");
  cr_assert_not_null (command);
  cr_expect_str_eq (command, "exec '/a;id $(id) '\\'\\\\\\! -x\n");
  free (arguments);
  struct lr_open_args newline =
      LR_OPEN_ARGS (.url = "ssh:web?dispatcher=/a%0Aid", .options = options);
  cr_expect_eq (lr_open (NULL, &newline, &connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_INVALID_VALUE);
  cr_expect_not_null (strstr (error.message, "control character"), "%s", error.message);
}

/* ---- what its words are taken for ---- */

#define NOTHING_SAID                                                                               \
  "ssh ended with status 255, and nothing was said: what ran there was killed, unless its "        \
  "LogLevel silences ssh"

static const struct
{
  const char *said;
  const char *sentence;
} said[] = {
  { "ann@web: Permission denied (publickey,password).\r\n",
    "the server did not let us in; ssh says: ann@web: Permission denied (publickey,password)." },
  { "Warning: Permanently added 'web' (ED25519) to the list of known hosts.\r\n"
    "*** AUTHORIZED PEOPLE ONLY ***\r\n\r\n"
    "Permission denied, please try again.\r\nPermission denied, please try again.\r\n"
    "ann@web: Permission denied (publickey,password).\r\n",
    "the server did not let us in; ssh says: ann@web: Permission denied (publickey,password)." },
  { "@@@@@@@@@@@@\r\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          "
    "@\r\n@@@@@@@@@@@@\r\n"
    "Permissions 0644 for '/k' are too open.\r\n"
    "It is required that your private key files are NOT accessible by others.\r\n"
    "This private key will be ignored.\r\nLoad key \"/k\": bad permissions\r\n"
    "ann@web: Permission denied (publickey).\r\n",
    "ssh does not use a key that others can read; ssh says: Permissions 0644 for '/k' are too "
    "open." },
  { "Load key \"/k\": error in libcrypto\r\nann@web: Permission denied (publickey).\r\n",
    "ssh can't use the key that was named; ssh says: Load key \"/k\": error in libcrypto" },
  { "Warning: Identity file /k not accessible: No such file or directory.\n"
    "ann@web: Permission denied (publickey).\r\n",
    "the key that was named is not there; ssh says: Warning: Identity file /k not accessible: No "
    "such file or directory." },
  /* A key that is not there is not always the reason.  */
  { "Warning: Identity file /k not accessible: No such file or directory.\n"
    "ssh: connect to host web port 22: Connection refused\r\n",
    "nothing listens at that port; ssh says: ssh: connect to host web port 22: Connection "
    "refused" },
  { "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\r\n"
    "Disconnected from 10.0.0.1 port 22\r\n",
    "the server did not let us in: ssh has offered more keys than it wants to see; ssh says: "
    "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures" },
  { "@@@@@@@@@@@@\r\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     "
    "@\r\n@@@@@@@@@@@@\r\n"
    "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\n"
    "The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc.\r\n"
    "Please contact your system administrator.\r\n"
    "Add correct host key in /root/.ssh/known_hosts to get rid of this message.\r\n"
    "Offending ED25519 key in /root/.ssh/known_hosts:1\r\n"
    "Host key for web has changed and you have requested strict checking.\r\n"
    "Host key verification failed.\r\n",
    "the host's key is not the one that is known: it was set up anew, or somebody is in between; "
    "ssh says: Offending ED25519 key in /root/.ssh/known_hosts:1" },
  { "No ED25519 host key is known for web and you have requested strict checking.\r\n"
    "Host key verification failed.\r\n",
    "the host's key is not known yet; ssh says: No ED25519 host key is known for web and you have "
    "requested strict checking." },
  { "Host key verification failed.\r\n",
    "the host's key is not known yet, and nobody has confirmed it; ssh says: Host key verification "
    "failed." },
  { "ssh: connect to host web port 22: Connection timed out\r\n",
    "the host does not answer; ssh says: ssh: connect to host web port 22: Connection timed out" },
  { "Connection timed out during banner exchange\r\nConnection to 10.0.0.1 port 22 timed out\r\n",
    "the host does not answer; ssh says: Connection timed out during banner exchange" },
  { "ssh: connect to host web port 22: No route to host\r\n",
    "no way leads there; ssh says: ssh: connect to host web port 22: No route to host" },
  { "ssh: connect to host web port 22: Network is unreachable\r\n",
    "no way leads there; ssh says: ssh: connect to host web port 22: Network is unreachable" },
  { "ssh: Could not resolve hostname nosuch: Name or service not known\r\n",
    "there is no host of this name; ssh says: ssh: Could not resolve hostname nosuch: Name or "
    "service not known" },
  { "channel 0: open failed: connect failed: Connection refused\r\n"
    "stdio forwarding failed\r\nkex_exchange_identification: Connection closed by remote host\r\n"
    "Connection closed by UNKNOWN port 65535\r\n",
    "the jump host can't reach it; ssh says: channel 0: open failed: connect failed: Connection "
    "refused" },
  { "kex_exchange_identification: read: Connection reset by peer\r\n"
    "Connection reset by 10.0.0.1 port 22\r\n",
    "the server hung up before anything was said: too many connections may be opening at once (its "
    "MaxStartups), or it lets nobody from here in for a while; ssh says: "
    "kex_exchange_identification: read: Connection reset by peer" },
  { "kex_exchange_identification: Connection closed by remote host\r\n"
    "Connection closed by 10.0.0.1 port 22\r\n",
    "the server hung up before anything was said: too many connections may be opening at once (its "
    "MaxStartups), or it lets nobody from here in for a while; ssh says: "
    "kex_exchange_identification: Connection closed by remote host" },
  { "kex_exchange_identification: banner line contains invalid characters\r\n"
    "banner exchange: Connection to 10.0.0.1 port 80: invalid format\r\n",
    "what answers there is no SSH server; ssh says: kex_exchange_identification: banner line "
    "contains invalid characters" },
  { "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: "
    "ssh-rsa\r\n",
    "ssh and the server have no algorithm in common; ssh says: Unable to negotiate with 10.0.0.1 "
    "port 22: no matching host key type found. Their offer: ssh-rsa" },
  { "channel 0: open failed: connect failed: open failed\r\n",
    "the server opens no session (its MaxSessions, or a rule); ssh says: channel 0: open failed: "
    "connect failed: open failed" },
  { "channel 0: open failed: administratively prohibited: open failed\r\n",
    "the server opens no session (its MaxSessions, or a rule); ssh says: channel 0: open failed: "
    "administratively prohibited: open failed" },
  { "mux_client_request_session: session request failed: Session open refused by peer\r\n",
    "the server opens no session (its MaxSessions, or a rule); ssh says: "
    "mux_client_request_session: session request failed: Session open refused by peer" },
  { "command-line: line 0: Bad configuration option: nosuch\r\n",
    "ssh does not know an option in its configuration; ssh says: command-line: line 0: Bad "
    "configuration option: nosuch" },
  { "/c: line 3: Bad configuration option: nosuch\r\n/c: terminating, 1 bad configuration "
    "options\r\n",
    "ssh does not know an option in its configuration; ssh says: /c: line 3: Bad configuration "
    "option: nosuch" },
  { "Can't open user config file /c: No such file or directory\r\n",
    "ssh can't read the configuration file that was named; ssh says: Can't open user config file "
    "/c: No such file or directory" },
  { "Bad owner or permissions on /root/.ssh/config\r\n",
    "ssh refuses its configuration, because others can change it; ssh says: Bad owner or "
    "permissions on /root/.ssh/config" },
  { "Connection to web closed by remote host.\r\n",
    "the connection was lost; ssh says: Connection to web closed by remote host." },
  { "client_loop: send disconnect: Broken pipe\r\n",
    "the connection was lost; ssh says: client_loop: send disconnect: Broken pipe" },
  { "Timeout, server web not responding.\r\n",
    "the connection was lost; ssh says: Timeout, server web not responding." },
  { "Connection closed by 10.0.0.1 port 22\r\n",
    "the server hung up; ssh says: Connection closed by 10.0.0.1 port 22" },
  { "something new\r\nWarning: Permanently added 'web' (ED25519) to the list of known "
    "hosts.\r\n\r\n",
    "ssh ended with status 255, and the last that was said is: something new" },
  { "\r\n", NOTHING_SAID },
  { "", NOTHING_SAID },
};

Test (ssh_client, is_explained)
{
  for (size_t i = 0; i < COUNT (said); i++)
    {
      lr_text text = { NULL };
      ssh_explain (NULL, 255, said[i].said, &text);
      cr_assert_not_null (text.data);
      cr_expect_str_eq (text.data, said[i].sentence, "%s", text.data);
      text_free (&text);
    }
}

/* What a remote command has said is no word of ssh's.  */
Test (ssh_client, is_not_blamed_for_what_the_remote_command_did)
{
  static const int statuses[] = { 0, 1, 126, 127, 254, -9, -15 };
  for (size_t i = 0; i < COUNT (statuses); i++)
    {
      lr_text text = { NULL };
      ssh_explain (NULL, statuses[i], "sh: Permission denied (really)\nConnection refused\n",
                   &text);
      cr_expect_null (text.data, "status %d: %s", statuses[i], text.data);
      text_free (&text);
    }
}
