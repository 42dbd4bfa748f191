#include "plugins/ssh/explain.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum
{
  STATUS_OF_SSH = 255, /* any other is the remote command's */
};

/* A line of what was said.  */
struct line
{
  const char *text;
  int size; /* -1: none */
};

/* What ssh's words mean, if there is a line with them: WORDS are parts in their order, separated by
   `*`.  The first row of a table that holds is taken, and its line quoted: what tells more comes
   before what follows from it.  */
struct row
{
  const char *words;
  const char *meaning;
};

static const char denied[] = "Permission denied (";

/* Why there was no better key, where the server has denied permission.  */
static const struct row key_rows[] = {
  { "Permissions * for * are too open", "ssh does not use a key that others can read" },
  { "Identity file * not accessible", "the key that was named is not there" },
  { "no such identity", "the key that was named is not there" },
  { "Load key ", "ssh can't use the key that was named" },
};

static const struct row rows[] = {
  /* Before there is a connection: how ssh was called.  */
  { "Bad configuration option", "ssh does not know an option in its configuration" },
  { "Bad owner or permissions on", "ssh refuses its configuration, because others can change it" },
  { "Can't open user config file", "ssh can't read the configuration file that was named" },
  { "command-line: line 0:", "ssh does not take an option that was given" },
  { "terminating, * bad configuration option", "ssh does not take its configuration" },

  /* Who is there.  */
  { "Offending * key in", "the host's key is not the one that is known: it was set up anew, or "
                          "somebody is in between" },
  { "Host key for * has changed", "the host's key is not the one that is known: it was set up "
                                  "anew, or somebody is in between" },
  { "REMOTE HOST IDENTIFICATION HAS CHANGED", "the host's key is not the one that is known: it was "
                                              "set up anew, or somebody is in between" },
  { "host key is known for", "the host's key is not known yet" },
  { "Host key verification failed",
    "the host's key is not known yet, and nobody has confirmed it" },

  /* The way there.  */
  { "Could not resolve hostname", "there is no host of this name" },
  { "open failed: connect failed: open failed",
    "the server opens no session (its MaxSessions, or a rule)" },
  { "open failed: connect failed", "the jump host can't reach it" },
  { "stdio forwarding failed", "the jump host can't reach it" },
  { "Connection refused", "nothing listens at that port" },
  { "No route to host", "no way leads there" },
  { "Network is unreachable", "no way leads there" },
  { "Connection timed out", "the host does not answer" },
  { "Operation timed out", "the host does not answer" },
  { "Unable to negotiate with", "ssh and the server have no algorithm in common" },
  { "Not allowed at this time", "the server lets nobody from here in for a while" },
  { "Exceeded MaxStartups",
    "too many connections to the server are being opened (its MaxStartups)" },
  { "kex_exchange_identification: banner line", "what answers there is no SSH server" },
  { "banner exchange: * invalid format", "what answers there is no SSH server" },
  { "kex_exchange_identification:",
    "the server hung up before anything was said: too many connections may be opening at once (its "
    "MaxStartups), or it lets nobody from here in for a while" },
  { "kex_protocol_error", "the server does not speak SSH as ssh does" },
  { "ssh_dispatch_run_fatal", "the server does not speak SSH as ssh does" },

  /* Who we are.  */
  { "Too many authentication failures", "the server did not let us in: ssh has offered more keys "
                                        "than it wants to see" },
  { denied, "the server did not let us in" },
  { "Authentication failed", "the server did not let us in" },

  /* Inside.  */
  { "administratively prohibited", "the server opens no session (its MaxSessions, or a rule)" },
  { "Session open refused by peer", "the server opens no session (its MaxSessions, or a rule)" },
  { "not responding", "the connection was lost" },
  { "client_loop:", "the connection was lost" },
  { "Connection reset by", "the connection was lost" },
  { "closed by remote host", "the connection was lost" },
  { "Connection closed by", "the server hung up" },
  { "Received disconnect from", "the server hung up" },
};

/* Whether WORDS, separated by `*`, are in LINE one behind the other.  */
static bool
has_words (struct line line, const char *words)
{
  const char *from = line.text, *end = line.text + line.size;
  while (*words != '\0')
    {
      size_t length = strcspn (words, "*");
      const char *found = memmem (from, (size_t) (end - from), words, length);
      if (found == NULL)
        return false;
      from = found + length;
      words += length + (words[length] == '*');
    }
  return true;
}

static bool
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

/* Take the first line off *TEXT, without the space around it; false: there is none.  */
static bool
next_line (const char **text, struct line *line)
{
  if (**text == '\0')
    return false;
  size_t size = strcspn (*text, "\n");
  line->text = *text;
  *text += size + ((*text)[size] == '\n');
  while (size > 0 && is_space (line->text[size - 1]))
    size--;
  for (; size > 0 && is_space (line->text[0]); size--)
    line->text++;
  line->size = (int) size;
  return true;
}

static struct line
find_line (const char *text, const char *words)
{
  struct line line;
  while (next_line (&text, &line))
    if (has_words (line, words))
      return line;
  return (struct line){ NULL, -1 };
}

/* The last that is not mere noise.  */
static struct line
find_last_line (const char *text)
{
  struct line line, last = { NULL, -1 };
  while (next_line (&text, &line))
    if (line.size > 0 && !has_words (line, "Warning: Permanently added"))
      last = line;
  return last;
}

/* Explain by one of COUNT rows, if one holds.  */
static bool
explain_by (const struct row *table, size_t count, const char *text, lr_text *out)
{
  for (size_t i = 0; i < count; i++)
    {
      struct line line = find_line (text, table[i].words);
      if (line.size < 0)
        continue;
      lr_text_set (out, "%s; ssh says: %.*s", table[i].meaning, line.size, line.text);
      return true;
    }
  return false;
}

void
ssh_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  (void) hop;
  if (status != STATUS_OF_SSH)
    return;
  if (find_line (stderr_tail, denied).size >= 0
      && explain_by (key_rows, sizeof key_rows / sizeof key_rows[0], stderr_tail, out))
    return;
  if (explain_by (rows, sizeof rows / sizeof rows[0], stderr_tail, out))
    return;
  struct line last = find_last_line (stderr_tail);
  if (last.size < 0)
    lr_text_set (out, "ssh ended with status 255, and nothing was said: what ran there was killed, "
                      "unless its LogLevel silences ssh");
  else
    lr_text_set (out, "ssh ended with status 255, and the last that was said is: %.*s", last.size,
                 last.text);
}
