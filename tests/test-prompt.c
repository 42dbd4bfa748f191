/* Questions on the way to the far side: how they come to the application, and what becomes of its
   answers.

   In the place of ssh there is a script, which asks as ssh does: it runs $SSH_ASKPASS with the
   question and reads the answer.  When it has what it wants it runs the remote command here.  */

#include "tests/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof (array) / sizeof (array)[0])

TestSuite (prompt, .init = (void (*) (void)) make_directory, .fini = remove_directory,
           .timeout = 60);

/* ---- fixtures ---- */

#define CONNECT "for remote; do :; done; eval \"$remote\"\n"
#define ASK(question) "answer=$(\"$SSH_ASKPASS\" '" question "')\n"
#define NEED(text) "[ \"$answer\" = '" text "' ] || exit 255\n"

/* A target whose ssh is SCRIPT.  */
static const char *
url_of (const char *script)
{
  static char url[1024];
  char text[4096];
  snprintf (text, sizeof text, "#!/bin/bash\n%s", script);
  write_file (path_in ("ssh"), text, strlen (text), 0755);
  snprintf (url, sizeof url, "ssh:web?program=%s&dispatcher=%s/longreach-dispatcher",
            path_in ("ssh"), getenv ("LONGREACH_DISPATCHER_DIR"));
  return url;
}

/* What was asked, and what is answered.  */
struct dialog
{
  const char *answers[8]; /* in their order; NULL: a refusal */
  size_t count;           /* of questions so far */
  bool keep;              /* do not answer in the callback */
  lr_prompt *kept;
  int hop; /* that asks */
  char questions[8][8192];
  bool secrets[8];
};

static void
take_question (void *data, lr_prompt *prompt)
{
  struct dialog *dialog = data;
  size_t i = dialog->count++;
  cr_assert_lt (i, COUNT (dialog->answers));
  cr_expect_str_eq (lr_prompt_host (prompt), "web");
  cr_expect_eq (lr_prompt_hop (prompt), dialog->hop);
  snprintf (dialog->questions[i], sizeof dialog->questions[i], "%s", lr_prompt_text (prompt));
  dialog->secrets[i] = lr_prompt_is_secret (prompt);
  if (dialog->keep)
    dialog->kept = prompt;
  else
    lr_prompt_answer (prompt, dialog->answers[i]);
}

static int
open_asking (const char *url, struct dialog *dialog, uint64_t timeout, lr_connection **connection,
             struct lr_error *error)
{
  struct lr_open_args args = LR_OPEN_ARGS (.url = url, .prompt = take_question,
                                           .prompt_data = dialog, .timeout_ms = timeout);
  return lr_open (NULL, &args, connection, error);
}

/* Open it, close it, and expect COUNT questions.  */
static void
expect_open (const char *script, struct dialog *dialog, size_t count)
{
  struct lr_error error;
  lr_connection *connection;
  int status = open_asking (url_of (script), dialog, 0, &connection, &error);
  cr_assert_eq (status, 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog->count, count, "%zu questions", dialog->count);
}

static void
nothing_is_left (int descriptors)
{
  cr_expect_eq (count_descriptors (), descriptors);
  cr_expect_eq (count_children (), 0);
}

/* An opening under way, on a loop.  */
struct opening
{
  lr_loop *loop;
  lr_connection *connection;
  bool done;
  int status;
  struct lr_error error;
};

static void
note_opened (void *data, int status, void *result, const struct lr_error *error)
{
  struct opening *opening = data;
  (void) result;
  opening->done = true;
  opening->status = status;
  if (status != 0)
    opening->error = *error;
}

static void
begin_opening (struct opening *opening, struct dialog *dialog, const char *script, uint64_t timeout)
{
  struct lr_error error;
  *opening = (struct opening){ .done = false };
  cr_assert_eq (lr_loop_new (&opening->loop, &error), 0);
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = url_of (script), .prompt = take_question, .prompt_data = dialog,
                    .loop = opening->loop, .timeout_ms = timeout);
  cr_assert_eq (lr_submit_open (NULL, &args, note_opened, opening, &opening->connection, &error), 0,
                "%s", error.message);
}

static void
step (struct opening *opening)
{
  struct lr_error error;
  cr_assert_geq (lr_loop_dispatch (opening->loop, 20, &error), 0, "%s", error.message);
}

static void
wait_for_question (struct opening *opening, const struct dialog *dialog)
{
  int64_t since = now_ms ();
  while (dialog->kept == NULL)
    {
      step (opening);
      cr_assert_lt (now_ms () - since, 20000, "no question has come");
    }
}

static void
wait_for_opening (struct opening *opening)
{
  int64_t since = now_ms ();
  while (!opening->done)
    {
      step (opening);
      cr_assert_lt (now_ms () - since, 20000, "it is still opening");
    }
}

static void
end_opening (struct opening *opening)
{
  lr_close (opening->connection);
  lr_loop_free (opening->loop);
}

/* ---- what is asked ---- */

Test (prompt, a_password_is_asked_and_used)
{
  int descriptors = count_descriptors ();
  struct dialog dialog = { .answers = { "se cret\\'\"$x" } };
  expect_open (ASK ("root@web password: ") NEED ("se cret\\'\\''\"$x") CONNECT, &dialog, 1);
  cr_expect_str_eq (dialog.questions[0], "root@web password: ");
  cr_expect (dialog.secrets[0]);
  nothing_is_left (descriptors);
}

Test (prompt, an_empty_answer_is_an_answer)
{
  struct dialog dialog = { .answers = { "" } };
  expect_open ("answer=$(\"$SSH_ASKPASS\" q) || exit 255\n" NEED ("") CONNECT, &dialog, 1);
}

Test (prompt, questions_come_one_after_the_other)
{
  struct dialog dialog = { .answers = { "yes", "phrase", "wrong", "right" } };
  expect_open (ASK ("Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
                   NEED ("yes") ASK ("Enter passphrase for key: ") NEED ("phrase")
                       ASK ("password: ") ASK ("password: ") NEED ("right") CONNECT,
               &dialog, 4);
  cr_expect_str_eq (dialog.questions[3], "password: ");
}

/* What ssh lets be seen when it asks at a terminal, and nothing else.  */
Test (prompt, only_what_ssh_would_show_is_no_secret)
{
  static const struct
  {
    const char *set, *question;
    bool secret;
  } rows[] = {
    { "", "root@web password: ", true },
    { "", "Enter passphrase for key /root/.ssh/id: ", true },
    { "", "(root@web) Verification code: ", true },
    { "", "Are you sure you want to continue connecting (yes/no/[fingerprint])? ", false },
    { "", "Are you sure you want to continue connecting (yes/no)? ", false },
    { "", "Accept updated hostkeys? (yes/no): ", false },
    { "", "Please type '\\''yes'\\'', '\\''no'\\'' or the fingerprint: ", false },
    { "SSH_ASKPASS_PROMPT=confirm", "Allow use of key id?", false },
    { "SSH_ASKPASS_PROMPT=other", "Passphrase: ", true },
    { "", "", true },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char script[512];
      struct dialog dialog = { .answers = { "yes" } };
      snprintf (script, sizeof script, "answer=$(%s \"$SSH_ASKPASS\" '%s')\n%s%s", rows[i].set,
                rows[i].question, NEED ("yes"), CONNECT);
      expect_open (script, &dialog, 1);
      cr_expect_eq (dialog.secrets[0], rows[i].secret, "%s", rows[i].question);
    }
}

/* "Touch your security key" has no answer; ssh ends who shows it.  */
Test (prompt, what_only_informs_is_not_asked)
{
  struct dialog dialog = { .count = 0 };
  expect_open (
      "SSH_ASKPASS_PROMPT=none \"$SSH_ASKPASS\" 'Confirm user presence' || exit 255\n" CONNECT,
      &dialog, 0);
}

Test (prompt, sudo_asks_the_same_way)
{
  struct dialog dialog = { .answers = { "s" } };
  expect_open ("answer=$(\"$SUDO_ASKPASS\" '[sudo] password for ann: ')\n" NEED ("s") CONNECT,
               &dialog, 1);
}

Test (prompt, a_question_is_bounded)
{
  struct dialog dialog = { .answers = { "s" } };
  expect_open ("answer=$(\"$SSH_ASKPASS\" \"$(printf %10000s x)\")\n" NEED ("s") CONNECT, &dialog,
               1);
  cr_expect_eq (strlen (dialog.questions[0]), 4096);
}

/* ---- refusing ---- */

Test (prompt, a_refusal_is_told)
{
  struct dialog dialog = { .answers = { NULL } };
  expect_open ("answer=$(\"$SSH_ASKPASS\" q); [ \"$?$answer\" = 1 ] || exit 255\n" CONNECT, &dialog,
               1);
}

/* ssh takes a refusal for an empty password, and asks twice more.  */
Test (prompt, what_was_refused_is_not_asked_again)
{
  struct dialog dialog = { .answers = { NULL, "other" } };
  expect_open (ASK ("password: ") ASK ("password: ") ASK ("other: ") NEED ("other")
                   ASK ("password: ") NEED ("") CONNECT,
               &dialog, 2);
}

Test (prompt, an_answer_that_is_no_line_is_a_refusal)
{
  char longest[1025];
  memset (longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  const char *const refused[] = { "two\nlines", "carriage\rreturn", longest };
  for (size_t i = 0; i < COUNT (refused); i++)
    {
      struct dialog dialog = { .answers = { refused[i] } };
      expect_open ("\"$SSH_ASKPASS\" q && exit 255\n" CONNECT, &dialog, 1);
    }
  struct dialog dialog = { .answers = { longest + 1 } };
  expect_open ("answer=$(\"$SSH_ASKPASS\" q)\n[ ${#answer} = 1023 ] || exit 255\n" CONNECT, &dialog,
               1);
}

Test (prompt, without_a_callback_nobody_is_asked)
{
  struct lr_error error;
  lr_connection *connection;
  unsetenv ("SSH_ASKPASS");
  unsetenv ("SSH_ASKPASS_REQUIRE");
  struct lr_open_args args = LR_OPEN_ARGS (
          .url = url_of (
              "[ -z \"$SSH_ASKPASS$SUDO_ASKPASS$SSH_ASKPASS_REQUIRE$LONGREACH_PROMPT\" ] || "
              "exit 255\n"
              "case \" $* \" in *' -o BatchMode=yes '*) ;; *) exit 255;; esac\n" CONNECT));
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
}

Test (prompt, with_a_callback_ssh_may_ask)
{
  struct dialog dialog = { .count = 0 };
  expect_open ("case \" $* \" in *BatchMode*) exit 255;; esac\n"
               "[ \"$SSH_ASKPASS_REQUIRE\" = force ] || exit 255\n" CONNECT,
               &dialog, 0);
}

/* A variable of the program's own with such a name is another's.  */
Test (prompt, the_programs_own_askpass_is_not_used)
{
  struct dialog dialog = { .answers = { "s" } };
  setenv ("SSH_ASKPASS", "/bin/false", 1);
  setenv ("SSH_ASKPASS_REQUIRE", "never", 1);
  expect_open ("[ \"$SSH_ASKPASS_REQUIRE\" = force ] || exit 255\n" ASK ("q") NEED ("s") CONNECT,
               &dialog, 1);
}

/* ---- time ---- */

Test (prompt, an_answer_can_come_later)
{
  int descriptors = count_descriptors ();
  struct opening opening;
  struct dialog dialog = { .keep = true };
  begin_opening (&opening, &dialog, ASK ("q") NEED ("late") CONNECT, 0);
  wait_for_question (&opening, &dialog);
  for (int i = 0; i < 10; i++)
    step (&opening);
  cr_expect (!opening.done);
  lr_prompt_answer (dialog.kept, "late");
  wait_for_opening (&opening);
  cr_expect_eq (opening.status, 0, "%s", opening.error.message);
  end_opening (&opening);
  nothing_is_left (descriptors);
}

Test (prompt, the_time_stands_still_while_somebody_thinks)
{
  struct opening opening;
  struct dialog dialog = { .keep = true };
  begin_opening (&opening, &dialog, ASK ("q") NEED ("late") CONNECT, 2000);
  wait_for_question (&opening, &dialog);
  for (int64_t since = now_ms (); now_ms () < since + 2500;)
    step (&opening);
  cr_expect (!opening.done, "%s", opening.error.message);
  lr_prompt_answer (dialog.kept, "late");
  wait_for_opening (&opening);
  cr_expect_eq (opening.status, 0, "%s", opening.error.message);
  end_opening (&opening);
}

Test (prompt, the_time_runs_on_after_the_answer)
{
  struct opening opening;
  struct dialog dialog = { .keep = true };
  begin_opening (&opening, &dialog, ASK ("q") "exec sleep 60\n", 1000);
  wait_for_question (&opening, &dialog);
  lr_prompt_answer (dialog.kept, "a");
  int64_t since = now_ms ();
  wait_for_opening (&opening);
  cr_expect_eq (opening.status, -1);
  cr_expect_eq (opening.error.kind, LR_ERROR_TIMEOUT);
  cr_expect_lt (now_ms () - since, 10000);
  end_opening (&opening);
}

/* ---- ends ---- */

Test (prompt, a_question_outlives_its_connection)
{
  int descriptors = count_descriptors ();
  struct opening opening;
  struct dialog dialog = { .keep = true };
  begin_opening (&opening, &dialog, ASK ("still there?") "exec sleep 60\n", 0);
  wait_for_question (&opening, &dialog);
  lr_close (opening.connection);
  cr_expect_str_eq (lr_prompt_text (dialog.kept), "still there?");
  cr_expect_str_eq (lr_prompt_host (dialog.kept), "web");
  lr_loop_free (opening.loop);
  cr_expect (opening.done);
  lr_prompt_answer (dialog.kept, "too late");
  nothing_is_left (descriptors);
}

Test (prompt, a_question_that_nobody_was_told_of_goes_with_the_connection)
{
  int descriptors = count_descriptors ();
  struct opening opening;
  struct dialog dialog = { .count = 0 };
  char script[512];
  snprintf (script, sizeof script, "touch '%s'\n" ASK ("q") CONNECT, path_in ("asks"));
  begin_opening (&opening, &dialog, script, 0);
  for (int64_t since = now_ms (); access (path_in ("asks"), F_OK) != 0;)
    wait_a_moment (since, "the script");
  end_opening (&opening);
  nothing_is_left (descriptors);
}

Test (prompt, who_asks_may_go)
{
  struct opening opening;
  struct dialog dialog = { .keep = true };
  begin_opening (&opening, &dialog, "\"$SSH_ASKPASS\" q & sleep 0.5; kill $!; wait\nexit 255\n", 0);
  wait_for_question (&opening, &dialog);
  wait_for_opening (&opening);
  cr_expect_eq (opening.status, -1);
  cr_expect_eq (opening.error.kind, LR_ERROR_IO);
  lr_prompt_answer (dialog.kept, "to nobody");
  end_opening (&opening);
}

/* Time runs again when nobody waits for the answer any more.  */
Test (prompt, who_was_asked_in_vain_holds_nothing_up)
{
  struct opening opening;
  struct dialog dialog = { .keep = true };
  begin_opening (&opening, &dialog,
                 "\"$SSH_ASKPASS\" q & sleep 0.5; kill $!; wait\nexec sleep 60\n", 1000);
  wait_for_question (&opening, &dialog);
  wait_for_opening (&opening);
  cr_expect_eq (opening.error.kind, LR_ERROR_TIMEOUT);
  lr_prompt_answer (dialog.kept, NULL);
  end_opening (&opening);
}

/* ---- who may ask ---- */

Test (prompt, another_user_cant_ask)
{
  need_root ();
  struct dialog dialog = { .answers = { "s" } };
  chmod (path_in (""), 0755);
  expect_open (
      "cp \"$SSH_ASKPASS\" \"${0%/*}/askpass\"\nchmod 755 \"${0%/*}/askpass\"\n"
      "setpriv --reuid=65534 --regid=65534 --clear-groups \"${0%/*}/askpass\" q && exit 255\n"
      "answer=$(\"${0%/*}/askpass\" mine)\n" NEED ("s") CONNECT,
      &dialog, 1);
  cr_expect_str_eq (dialog.questions[0], "mine");
}

Test (prompt, what_is_no_question_is_dropped)
{
  struct dialog dialog = { .answers = { "s" } };
  expect_open ("python3 - <<'END'\n"
               "import os, socket\n"
               "name = '\\0' + os.environ['LONGREACH_PROMPT']\n"
               "for packet in b'', b'x', b'xq', b's\\0', b's' + b'q' * 4097, b's' * 100000:\n"
               "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               "    s.connect(name)\n"
               "    if packet: s.send(packet)\n"
               "    else: s.shutdown(socket.SHUT_WR)\n"
               "    assert s.recv(1) == b'', packet\n"
               "END\n"
               "[ $? = 0 ] || exit 255\n" ASK ("q") NEED ("s") CONNECT,
               &dialog, 1);
}

/* Who only connects takes a place; there are few, and they are free again afterwards.  */
Test (prompt, nobody_takes_all_there_is)
{
  struct dialog dialog = { .answers = { "s" } };
  expect_open ("python3 - <<'END'\n"
               "import os, socket\n"
               "name = '\\0' + os.environ['LONGREACH_PROMPT']\n"
               "idle = []\n"
               "for i in range(50):\n"
               "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               "    s.connect(name)\n"
               "    idle.append(s)\n"
               "assert idle[49].recv(1) == b''\n"
               "END\n"
               "[ $? = 0 ] || exit 255\n" ASK ("q") NEED ("s") CONNECT,
               &dialog, 1);
}

Test (prompt, the_sockets_name_cant_be_guessed)
{
  char first[64] = "", second[64] = "";
  for (int i = 0; i < 2; i++)
    {
      char script[1024];
      size_t size;
      struct dialog dialog = { .count = 0 };
      snprintf (script, sizeof script, "echo -n \"$LONGREACH_PROMPT\" >'%s'\n" CONNECT,
                path_in ("name"));
      expect_open (script, &dialog, 0);
      char *name = read_file (path_in ("name"), &size);
      cr_expect_eq (size, strlen ("longreach-") + 32);
      snprintf (i == 0 ? first : second, sizeof first, "%s", name);
      free (name);
    }
  cr_expect_str_neq (first, second);
}

/* ---- what is asked on the program's own streams ---- */

/* In the place of sudo: it takes the words for itself, asks as it was told, and counts how often it
   was started.  */
#define SUDO                                                                                       \
  "echo run >>\"$0.runs\"\n"                                                                       \
  "ask=; while [ \"$1\" != -- ]; do [ \"$1\" != -p ] || ask=${2/\\%p/ann}; shift; done; shift\n"
#define SUDO_ASKS "printf 'A lecture: \\n%s' \"$ask\" >&2; read -r answer || exit 1\n"

/* A target of CONNECTOR, behind BEFORE, whose program is SCRIPT.  */
static const char *
url_of_user (const char *before, const char *connector, const char *script)
{
  static char url[1024];
  char text[4096];
  snprintf (text, sizeof text, "#!/bin/bash\n%s", script);
  write_file (path_in (connector), text, strlen (text), 0755);
  snprintf (url, sizeof url, "%s%s:web?program=%s&dispatcher=%s/longreach-dispatcher", before,
            connector, path_in (connector), getenv ("LONGREACH_DISPATCHER_DIR"));
  return url;
}

static void
expect_no_way (const char *url, struct dialog *dialog, size_t count, const char *sentence)
{
  struct lr_error error;
  lr_connection *connection;
  int descriptors = count_descriptors ();
  cr_expect_eq (open_asking (url, dialog, 0, &connection, &error), -1);
  cr_expect_eq (error.kind, LR_ERROR_IO);
  cr_expect_str_eq (error.message, sentence);
  cr_expect_eq (dialog->count, count, "%zu questions", dialog->count);
  nothing_is_left (descriptors);
}

Test (prompt, sudo_asks_on_its_streams)
{
  struct lr_error error;
  lr_connection *connection;
  struct dialog dialog = { .answers = { "a %s\\ secret" } };
  const char *url = url_of_user ("", "sudo",
                                 SUDO SUDO_ASKS "[ \"$answer\" = 'a %s\\ secret' ] || exit 1\n"
                                                "exec \"$@\"\n");
  cr_assert_eq (open_asking (url, &dialog, 0, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog.count, 1);
  cr_expect_str_eq (dialog.questions[0], "[sudo] password for ann: ");
  cr_expect (dialog.secrets[0]);
}

Test (prompt, a_later_hop_asks_on_its_streams)
{
  struct lr_error error;
  lr_connection *connection;
  struct dialog dialog = { .answers = { "secret" }, .hop = 1 };
  const char *url = url_of_user (
      "local:,", "sudo", SUDO SUDO_ASKS "[ \"$answer\" = secret ] || exit 1\nexec \"$@\"\n");
  cr_assert_eq (open_asking (url, &dialog, 0, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog.count, 1);
}

Test (prompt, the_same_question_again_is_a_wrong_answer)
{
  struct dialog dialog = { .answers = { "guess" } };
  expect_no_way (url_of_user ("", "sudo", SUDO SUDO_ASKS SUDO_ASKS), &dialog, 1,
                 "web: the password was wrong: it was asked for again");
}

Test (prompt, a_refusal_ends_what_asks_on_its_streams)
{
  struct dialog dialog = { .answers = { NULL } };
  expect_no_way (url_of_user ("", "sudo", SUDO SUDO_ASKS "exec \"$@\"\n"), &dialog, 1,
                 "web: nobody has answered what was asked on the way there");
}

/* What only looks like sudo's question has not got the nonce.  */
Test (prompt, noise_is_no_question)
{
  struct lr_error error;
  lr_connection *connection;
  struct dialog dialog = { .count = 0 };
  const char *url = url_of_user (
      "", "sudo",
      SUDO "printf 'longreach asks 0123456789abcdef ann: ' >&2; sleep 0.3; exec \"$@\"\n");
  cr_assert_eq (open_asking (url, &dialog, 0, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog.count, 0);
}

/* Half a line ends in a colon too.  */
Test (prompt, su_is_not_asking_while_it_goes_on)
{
  struct dialog dialog = { .count = 0 };
  expect_no_way (url_of_user ("", "su",
                              "printf 'su is confused:' >&2; sleep 0.03\n"
                              "echo ' su: Authentication failure' >&2; exit 1\n"),
                 &dialog, 0,
                 "web: the dispatcher is gone: it ended with status 1; it said: su is confused: "
                 "su: Authentication failure");
}

Test (prompt, su_asks_in_any_language_and_more_than_once)
{
  struct lr_error error;
  lr_connection *connection;
  struct dialog dialog = { .answers = { "one", "two" } };
  const char *url =
      url_of_user ("", "su",
                   "printf 'Passwort: ' >&2; read -r first\n"
                   "printf '\\n\xe5\xaf\x86\xe7\xa0\x81\xef\xbc\x9a' >&2; read -r second\n"
                   "[ \"$first $second\" = 'one two' ] || exit 1\n"
                   "while [ \"$1\" != -- ]; do shift; done; shift 2; exec \"$@\"\n");
  cr_assert_eq (open_asking (url, &dialog, 0, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog.count, 2);
  cr_expect_str_eq (dialog.questions[0], "[su web] Passwort: ");
  cr_expect_str_eq (dialog.questions[1], "[su web] \xe5\xaf\x86\xe7\xa0\x81\xef\xbc\x9a");
}

/* No byte of an answer has a meaning at the terminal.  */
Test (prompt, doas_asks_at_a_terminal)
{
  struct lr_error error;
  lr_connection *connection;
  struct dialog dialog = { .answers = { "a\003\004 b" } };
  const char *url = url_of_user ("", "doas",
                                 "while [ \"$1\" != -- ]; do shift; done; shift\n"
                                 "printf '\\rdoas (ann@web) password: ' >/dev/tty\n"
                                 "IFS= read -r answer </dev/tty\n"
                                 "[ \"$answer\" = $'a\\003\\004 b' ] || exit 1\nexec \"$@\"\n");
  cr_assert_eq (open_asking (url, &dialog, 0, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog.count, 1);
  cr_expect_str_eq (dialog.questions[0], "doas (ann@web) password: ");
}

/* ---- what is asked at a terminal behind another hop ---- */

#define LATER "local:,"
#define DOAS "while [ \"$1\" != -- ]; do shift; done; shift\n"
#define TTY_ASKS(question)                                                                         \
  "printf '\\r" question "' >/dev/tty; IFS= read -r answer </dev/tty; echo >/dev/tty\n"

static void
expect_way (const char *url, struct dialog *dialog, size_t count)
{
  struct lr_error error;
  lr_connection *connection;
  int descriptors = count_descriptors ();
  cr_assert_eq (open_asking (url, dialog, 0, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
  cr_expect_eq (dialog->count, count, "%zu questions", dialog->count);
  nothing_is_left (descriptors);
}

Test (prompt, doas_asks_at_a_terminal_at_a_later_hop)
{
  struct dialog dialog = { .answers = { "a\003\004 b" }, .hop = 1 };
  expect_way (
      url_of_user (LATER, "doas",
                   DOAS TTY_ASKS ("doas (ann@web) password: ") "[ \"$answer\" = $'a\\003\\004 b' ] "
                                                               "|| exit 1\nexec \"$@\"\n"),
      &dialog, 1);
  cr_expect_str_eq (dialog.questions[0], "doas (ann@web) password: ");
}

Test (prompt, ssh_asks_at_a_terminal_at_a_later_hop)
{
  struct dialog dialog = { .answers = { "yes", "phrase", "" }, .hop = 1 };
  setenv ("DISPLAY", ":7", 1);
  setenv ("SSH_ASKPASS", "/bin/false", 1);
  setenv ("SSH_ASKPASS_REQUIRE", "force", 1);
  expect_way (url_of_user (LATER, "ssh",
                           "case \" $* \" in *BatchMode*) exit 255;; esac\n"
                           "[ \"$SSH_ASKPASS_REQUIRE\" = never ] || exit 255\n"
                           "echo 'The server greets you. Password: ' >&2; sleep 0.2\n" TTY_ASKS (
                               "The key is x.\\nAre you sure (yes/no/[fingerprint])? ") NEED ("yes")
                               TTY_ASKS ("Enter passphrase for key: ") NEED ("phrase")
                                   TTY_ASKS ("(ann@web) choose one>") NEED ("") CONNECT),
              &dialog, 3);
  cr_expect_str_eq (dialog.questions[0], "The key is x.\nAre you sure (yes/no/[fingerprint])? ");
  cr_expect_not (dialog.secrets[0]);
  cr_expect_str_eq (dialog.questions[1], "Enter passphrase for key: ");
  cr_expect (dialog.secrets[1]);
  cr_expect_str_eq (dialog.questions[2], "(ann@web) choose one>");
}

Test (prompt, a_terminal_needs_no_session_behind_it)
{
  struct dialog dialog = { .answers = { "secret" }, .hop = 1 };
  char url[2048];
  snprintf (url, sizeof url, "%s&protocol=plain",
            url_of_user (LATER, "doas",
                         DOAS TTY_ASKS ("doas password: ") NEED ("secret") "exec \"$@\"\n"));
  expect_way (url, &dialog, 1);
}

Test (prompt, wrong_answers_at_a_terminal_are_told_apart)
{
  static const struct
  {
    const char *question, *sentence;
  } rows[] = {
    { "ann@web's password: ", "web: the password was wrong: it was asked for again" },
    { "Enter passphrase for key '/k': ", "web: the passphrase was wrong: it was asked for again" },
    { "Are you sure (yes/no)? ", "web: the answer was not accepted: it was asked for again" },
  };
  for (size_t i = 0; i < COUNT (rows); i++)
    {
      char script[512];
      struct dialog dialog = { .answers = { "guess" }, .hop = 1 };
      snprintf (
          script, sizeof script,
          "for i in 1 2 3; do printf '%%s' \"%s\" >/dev/tty; read -r answer </dev/tty; done\n",
          rows[i].question);
      expect_no_way (url_of_user (LATER, "ssh", script), &dialog, 1, rows[i].sentence);
    }
}

Test (prompt, a_refusal_ends_what_asks_at_a_terminal)
{
  struct dialog dialog = { .answers = { NULL }, .hop = 1 };
  expect_no_way (url_of_user (LATER, "ssh", TTY_ASKS ("password: ") CONNECT), &dialog, 1,
                 "web: nobody has answered what was asked on the way there");
}

Test (prompt, a_terminal_can_ask_for_much)
{
  struct dialog dialog = { .answers = { "1", "2", "3", "4", "5", "6", "7", "8" }, .hop = 1 };
  expect_way (
      url_of_user (LATER, "ssh",
                   "for i in 1 2 3 4 5 6 7 8; do printf \"$i? \" >/dev/tty; "
                   "read -r answer </dev/tty; [ $answer = $i ] || exit 255; done\n" CONNECT),
      &dialog, 8);
}

Test (prompt, without_a_callback_a_later_hop_has_no_terminal)
{
  struct lr_error error;
  lr_connection *connection;
  struct lr_open_args args =
      LR_OPEN_ARGS (.url = url_of_user (
                        LATER, "ssh",
                        "case \" $* \" in *' -o BatchMode=yes '*) ;; *) exit 255;; esac\n"
                        "(: </dev/tty) 2>/dev/null && exit 255\n" CONNECT));
  cr_assert_eq (lr_open (NULL, &args, &connection, &error), 0, "%s", error.message);
  lr_close (connection);
}

/* One of before there were terminals.  */
Test (prompt, an_older_dispatcher_passes_nothing_on)
{
  char older[1024], before[1100];
  struct dialog dialog = { .count = 0 };
  snprintf (older, sizeof older,
            "#!/bin/bash\n%s/longreach-dispatcher \"$@\" | { read -r banner; "
            "echo \"${banner/,asking/}\"; exec cat; }\n",
            getenv ("LONGREACH_DISPATCHER_DIR"));
  write_file (path_in ("older"), older, strlen (older), 0755);
  snprintf (before, sizeof before, "local:?dispatcher=%s,", path_in ("older"));
  expect_way (url_of_user (before, "ssh",
                           "case \" $* \" in *' -o BatchMode=yes '*) ;; *) exit 255;; esac\n"
                           "(: </dev/tty) 2>/dev/null && exit 255\n" CONNECT),
              &dialog, 0);
  expect_no_way (
      url_of_user (before, "ssh", "echo 'ann@web: Permission denied (password).' >&2; exit 255\n"),
      &dialog, 0,
      "web: the server did not let us in; ssh says: ann@web: Permission denied "
      "(password).; what is asked there can't be passed on, since the dispatcher of the "
      "hop before is of an older version");
}

/* The time stands still, and the connection can be closed while a question is open.  */
Test (prompt, who_is_asked_on_streams_takes_their_time)
{
  struct lr_error error;
  lr_connection *connection;
  lr_loop *loop;
  struct opening opening = { .done = false };
  struct dialog dialog = { .keep = true };
  cr_assert_eq (lr_loop_new (&loop, &error), 0);
  for (int answered = 0; answered < 2; answered++)
    {
      opening = (struct opening){ .loop = loop };
      dialog.count = 0;
      dialog.kept = NULL;
      struct lr_open_args args =
          LR_OPEN_ARGS (.url = url_of_user ("", "sudo", SUDO SUDO_ASKS "exec \"$@\"\n"),
                        .prompt = take_question, .prompt_data = &dialog, .loop = loop,
                        .timeout_ms = 1500);
      cr_assert_eq (lr_submit_open (NULL, &args, note_opened, &opening, &connection, &error), 0);
      wait_for_question (&opening, &dialog);
      for (int64_t since = now_ms (); now_ms () < since + 2000 && answered == 1;)
        step (&opening);
      cr_expect (!opening.done);
      if (answered == 1)
        {
          lr_prompt_answer (dialog.kept, "secret");
          while (!opening.done)
            step (&opening);
          cr_expect_eq (opening.status, 0, "%s", opening.error.message);
        }
      lr_close (connection);
      while (!opening.done)
        step (&opening);
      if (answered == 0)
        lr_prompt_answer (dialog.kept, "late");
    }
  lr_loop_free (loop);
}

/* ---- the helper by itself ---- */

Test (prompt, the_helper_refuses_where_nobody_listens)
{
  const char *const names[] = { NULL, "", "longreach-0123",
                                "x/../../../../../../../../../../../../"
                                "../../../../../../../../../../../../"
                                "../../../../../../../../../../../.." };
  const char *const command[] = { getenv ("LONGREACH_ASKPASS"), "password: ", NULL };
  for (size_t i = 0; i < COUNT (names); i++)
    {
      if (names[i] == NULL)
        unsetenv ("LONGREACH_PROMPT");
      else
        setenv ("LONGREACH_PROMPT", names[i], 1);
      struct finished finished = run_program (command, NULL, 0);
      cr_expect_eq (finished.status, 1);
      cr_expect_str_eq (finished.output, "");
      free_finished (&finished);
    }
}
