/* A plugin as it was written for ABI 1, with all that its header had.  It is built against the
   headers beside it, and is never changed.  */

#include <longreach/connector.h>

#include <stdlib.h>
#include <string.h>

/* ---- through a dispatcher, with one operation of its own ---- */

static const struct lr_option tunnel_options[] = {
  { .name = "string", .type = LR_OPTION_STRING, .help = "any text" },
  { .name = "path", .type = LR_OPTION_PATH, .help = "a path" },
  { .name = "boolean", .type = LR_OPTION_BOOLEAN, .help = "yes or no" },
  { .name = "number", .type = LR_OPTION_NUMBER, .help = "a number" },
  { .name = "choice", .type = LR_OPTION_CHOICE, .help = "this or that", .choices = "this|that" },
  { .name = "words", .type = LR_OPTION_WORDS, .help = "some words" },
  { .name = "many",
    .type = LR_OPTION_STRING,
    .flags = LR_OPTION_REPEATS,
    .help = "a text, again and again" },
  { NULL },
};

static const char *const refused[] = { "query_group", NULL };

static void
tunnel_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  if (lr_hop_option_is_set (hop, "boolean"))
    lr_command_fail (out, "%s: boolean was given", lr_hop_schema (hop));
  lr_command_add (out, "env", "OLD=1");
  for (size_t i = 0; lr_hop_option_at (hop, "words", i) != NULL; i++)
    lr_command_add_word (out, lr_hop_option_at (hop, "words", i));
  lr_command_append (out, inner);
}

static void
tunnel_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  lr_text_set (out, "%s ended with %d: %s", lr_hop_name (hop), status, stderr_tail);
}

static void
tunnel_hostname (const lr_hop *hop, lr_text *out)
{
  const char *user = lr_hop_user (hop), *choice = lr_hop_option (hop, "choice");
  lr_text_set (out, "%s at %s port %u %s", user == NULL ? "nobody" : user, lr_hop_name (hop),
               lr_hop_port (hop), choice == NULL ? "" : choice);
}

static void
tunnel_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  lr_reply_value (call, strcmp (args->key, "UNSET") == 0 ? NULL : args->key);
}

LR_CONNECTOR (tunnel, "old-tunnel", "through a dispatcher", .target_form = LR_TARGET_HOST,
              .flags = LR_TARGET_MAY_BE_EMPTY | LR_TAKES_USER | LR_TAKES_PORT | LR_SAME_SYSTEM,
              .options = tunnel_options, .unsupported = refused, .wrap = tunnel_wrap,
              .explain = tunnel_explain, .extract_hostname = tunnel_hostname,
              .getenv = tunnel_getenv);

/* ---- all by itself ---- */

static void
own_open (lr_call *call)
{
  lr_call_set_state (call, calloc (1, sizeof (int)));
  lr_reply_done (call);
}

static void
own_close (lr_call *call)
{
  free (lr_call_state (call));
  lr_reply_done (call);
}

static void
own_run (lr_call *call, const struct lr_run_args *args)
{
  char buffer[256];
  size_t got;
  while (!lr_call_cancelled (call) && (got = lr_call_read (call, buffer, sizeof buffer)) > 0)
    if (lr_call_write (call, LR_STDOUT, buffer, got) != 0)
      break;
  lr_call_write (call, LR_STDERR, args->command[0], strlen (args->command[0]));
  lr_reply_run (call, ++*(int *) lr_call_state (call));
}

static void
own_stat (lr_call *call, const struct lr_stat_args *args)
{
  struct lr_stat_result result =
      LR_STAT_RESULT (.type = LR_FILE_REGULAR, .mode = 0640, .owner = "ann", .group = "staff",
                      .size = strlen (args->path));
  if (strcmp (args->path, "/absent") == 0)
    lr_reply_stat (call, NULL);
  else if (strcmp (args->path, "/closed") == 0)
    lr_call_fail (call, LR_ERROR_REMOTE_OS, 13, "path", "%s is closed", args->path);
  else
    lr_reply_stat (call, &result);
}

static void
own_upload (lr_call *call, const struct lr_upload_args *args)
{
  char buffer[256];
  (void) args;
  while (lr_call_read (call, buffer, sizeof buffer) > 0)
    continue;
  lr_reply_done (call);
}

static void
own_download (lr_call *call, const struct lr_download_args *args)
{
  lr_call_write (call, LR_STDOUT, args->file, strlen (args->file));
  lr_reply_done (call);
}

static void
own_resolve (lr_call *call, const struct lr_resolve_args *args)
{
  (void) args;
  lr_reply_name (call, "ann");
}

static void
own_user (lr_call *call, const struct lr_query_user_args *args)
{
  static const char *const groups[] = { "staff", NULL };
  struct lr_user_entry entry =
      LR_USER_ENTRY (.name = args->user, .uid = 7, .group = "staff", .gid = 8, .groups = groups,
                     .gecos = "", .home = "/home", .shell = "/bin/sh");
  lr_reply_user (call, &entry);
}

static void
own_group (lr_call *call, const struct lr_query_group_args *args)
{
  static const char *const members[] = { "ann", "bob", NULL };
  struct lr_group_entry entry = LR_GROUP_ENTRY (.name = args->group, .gid = 8, .members = members);
  lr_reply_group (call, &entry);
}

LR_CONNECTOR (own, "old-own", "all by itself", .target_form = LR_TARGET_NONE, .open = own_open,
              .close = own_close, .run = own_run, .stat = own_stat, .upload = own_upload,
              .download = own_download, .resolve_user = own_resolve, .resolve_group = own_resolve,
              .query_user = own_user, .query_group = own_group, .getenv = tunnel_getenv);

LR_PLUGIN ("old", &tunnel, &own);
