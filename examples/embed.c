/* embed: the connectors of a program's own.

     embed DIRECTORY

   The program looks for plugins in DIRECTORY before all others, brings a connector of its own
   along, replaces the shipped `local` with one that only pretends, and lists what it has then.  A
   second registry, beside the first, knows nothing of all that.  */

#include <longreach/connector.h>

#include <stdio.h>
#include <string.h>

/* ---- two connectors, compiled in: LR_PLUGIN is for shared objects only ---- */

static void
greet_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  char answer[256];
  snprintf (answer, sizeof answer, "hello, %s, from %s", args->key,
            lr_hop_name (lr_call_hop (call)));
  lr_reply_value (call, answer);
}

LR_CONNECTOR (greet, "greet", "answers every question with a greeting",
              .target_form = LR_TARGET_NAME, .getenv = greet_getenv);

static void
toy_getenv (lr_call *call, const struct lr_getenv_args *args)
{
  (void) args;
  lr_reply_value (call, "only pretending");
}

LR_CONNECTOR (toy, "local", "not really this machine", .target_form = LR_TARGET_NAME,
              .flags = LR_TARGET_MAY_BE_EMPTY, .getenv = toy_getenv);

/* ---- what can be done with registries ---- */

static int
fail (const char *what, const struct lr_error *error)
{
  fprintf (stderr, "embed: %s: %s\n", what, error->message);
  return 1;
}

/* Each connector that counts: who serves its schema, and where that was found.  */
static int
list_connectors (lr_registry *registry)
{
  struct lr_error error;
  struct lr_connector_list *list;
  if (lr_registry_list (registry, &list, &error) != 0)
    return fail ("cannot list the connectors", &error);
  for (size_t i = 0; i < list->count; i++)
    {
      const struct lr_connector_info *info = list->items[i];
      if (info->problem != NULL)
        printf ("  can't be used: %s\n", info->problem);
      else if (info->shadowed_by == NULL)
        printf ("  %s: %s (%s)\n", info->schema, info->description,
                lr_source_name ((enum lr_source) info->source));
    }
  lr_free (list);
  return 0;
}

/* Loading is done by lr_open too; by itself it is for telling early that something is missing.  */
static int
describe (lr_registry *registry, const char *schema)
{
  struct lr_error error;
  struct lr_connector_description *description;
  if (lr_registry_load (registry, schema, &error) != 0
      || lr_registry_describe (registry, schema, &description, &error) != 0)
    return fail (schema, &error);
  printf ("  %s, %zu options\n", description->url, description->option_count);
  lr_free (description);
  return 0;
}

static int
ask (lr_registry *registry, const char *url)
{
  struct lr_error error;
  lr_connection *connection;
  char *value;
  struct lr_open_args open_args = LR_OPEN_ARGS (.url = url);
  struct lr_getenv_args getenv_args = LR_GETENV_ARGS (.key = "SHELL");
  if (lr_open (registry, &open_args, &connection, &error) != 0)
    return fail (url, &error);
  int status = lr_getenv (connection, &getenv_args, &value, &error);
  if (status != 0)
    status = fail (url, &error);
  else
    printf ("  %s: %s\n", url, value == NULL ? "not set" : value);
  lr_free (value);
  lr_close (connection);
  return status;
}

static int
prepare (lr_registry *registry, const char *directory)
{
  struct lr_error error;
  /* What its users have configured is nothing to this program; most will want to leave that.  */
  if (lr_registry_set_config (registry, NULL, &error) != 0
      || lr_registry_add_directory (registry, directory, &error) != 0
      || lr_registry_add_connector (registry, &greet, &error) != 0
      || lr_registry_add_connector (registry, &toy, &error) != 0)
    return fail ("cannot prepare the registry", &error);
  return 0;
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    {
      fprintf (stderr, "usage: embed DIRECTORY\n");
      return 2;
    }
  lr_registry *ours = lr_registry_new (), *another = lr_registry_new ();
  int status = ours == NULL || another == NULL || prepare (ours, argv[1]) != 0;
  if (status == 0)
    {
      puts ("our connectors:");
      status |= list_connectors (ours);
      status |= describe (ours, "nice");
      status |= ask (ours, "greet:embed");
      status |= ask (ours, "local:");
      puts ("another registry's:");
      status |= list_connectors (another);
      status |= ask (another, "local:");
      status |= lr_registry_load (another, "greet", NULL) == 0; /* nobody has told it of that */
    }
  lr_registry_free (ours);
  lr_registry_free (another);
  return status;
}
