/* docker, podman: a running container, through `docker exec` or `podman exec`.  The two programs
   take the same commands; they differ in how a daemon is chosen, and in what they say.  */

#include "plugins/phrases.h"
#include "plugins/words.h"

#include <longreach/connector.h>

#include <stdbool.h>
#include <string.h>

enum
{
  KILLED = 128 + 9, /* the status of an exec whose container came to its end */
};

/* An option of the hop that is passed on to the program.  */
struct passed_option
{
  const char *name, *flag;
};

struct flavour
{
  const char *program;
  struct passed_option passed[3];
  const char *exec_option, *cp_option; /* NULL: none is needed */
  const struct phrase *phrases;
};

/* ---- docker ---- */

/* The daemon's words, and those of the program from 20.10 to 29.  A program that isn't in the
   container is not among them.  */
static const struct phrase docker_phrases[] = {
  { "Error: ", "no such container", "there is no such container" },
  { "Error response from daemon: ", "no such container", "there is no such container" },
  { "Error response from daemon: ", "is not running", "the container is not running" },
  { "Error response from daemon: ", "is paused", "the container is paused" },
  { "Error response from daemon: ", "is restarting", "the container is restarting" },
  { "", "unable to find user ", "there is no such user in the container" },
  { "", "unable to find group ", "there is no such group in the container" },
  { "", "permission denied while trying to connect to the docker",
    "you are not allowed to use the Docker daemon" },
  { "", "cannot connect to the docker daemon", "the Docker daemon can't be reached" },
  { "", "failed to connect to the docker api", "the Docker daemon can't be reached" },
  { "", "error during connect: ", "the Docker daemon can't be reached" },
  { "", "unable to resolve docker endpoint: context ", "there is no such Docker context" },
  { NULL, NULL, NULL },
};

static const struct flavour docker_flavour = {
  .program = "docker",
  .passed = { { "context", "--context" }, { "host", "--host" }, { NULL, NULL } },
  .phrases = docker_phrases,
};

static const struct lr_option docker_options[] = {
  { .name = "context", .help = "the Docker context that leads to the daemon" },
  { .name = "host",
    .help = "the daemon, as docker --host takes it, such as unix:///run/docker.sock" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of docker" },
  { .name = NULL },
};

/* ---- podman ---- */

static const struct phrase podman_phrases[] = {
  { "Error: ", "no such container", "there is no such container" },
  { "Error: container ", "does not exist", "there is no such container" },
  { "Error: ", "container state improper", "the container is not running" },
  { "Error: ", "unable to find user ", "there is no such user in the container" },
  { "Error: ", "unable to find group ", "there is no such group in the container" },
  { "Error: ", "unable to connect to podman", "the Podman service can't be reached" },
  { "Error: ", "service destination not found", "there is no such Podman connection" },
  { NULL, NULL, NULL },
};

/* Without a terminal podman too looks for the keys that detach, and would take two bytes that come
   one by one for them.  Without --archive=false it gives files to the container's own user, who
   could put another dispatcher in the place of one that root is about to run.  */
static const struct flavour podman_flavour = {
  .program = "podman",
  .passed = { { "connection", "--connection" }, { "url", "--url" }, { NULL, NULL } },
  .exec_option = "--detach-keys=",
  .cp_option = "--archive=false",
  .phrases = podman_phrases,
};

static const struct lr_option podman_options[] = {
  { .name = "connection", .help = "the connection to a Podman service, by its name" },
  { .name = "url", .help = "the Podman service, as podman --url takes it" },
  { .name = "program",
    .type = LR_OPTION_WORDS,
    .help = "the program, and its first arguments, that is run instead of podman" },
  { .name = NULL },
};

/* ---- both ---- */

static const struct flavour *
flavour_of (const lr_hop *hop)
{
  return strcmp (lr_hop_schema (hop), "podman") == 0 ? &podman_flavour : &docker_flavour;
}

/* The programs put the name into paths of their requests, and split words at a colon.  */
static bool
is_container_name (const char *name)
{
  static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return strspn (name, first) > 0 && name[strspn (name, others)] == '\0';
}

/* Begin OUT with the program and what it takes before its subcommand.  */
static void
begin (const lr_hop *hop, lr_command *out)
{
  const struct flavour *flavour = flavour_of (hop);
  if (!is_container_name (lr_hop_name (hop)))
    lr_command_fail (out,
                     "\"%s\" is no name of a container: names are made of letters, digits, "
                     "\"_\", \".\" and \"-\", a letter or digit first",
                     lr_hop_name (hop));
  add_program (hop, flavour->program, out);
  for (const struct passed_option *option = flavour->passed; option->name != NULL; option++)
    {
      const char *value = lr_hop_option (hop, option->name);
      if (value != NULL && value[0] == '\0')
        lr_command_fail (out, "%s= has no value", option->name);
      else if (value != NULL)
        lr_command_add (out, option->flag, value);
    }
}

static void
container_wrap (const lr_hop *hop, const lr_command *inner, lr_command *out)
{
  const struct flavour *flavour = flavour_of (hop);
  begin (hop, out);
  lr_command_add (out, "exec", "--interactive");
  if (flavour->exec_option != NULL)
    lr_command_add (out, flavour->exec_option);
  if (lr_hop_user (hop) != NULL)
    lr_command_add (out, "--user", lr_hop_user (hop));
  lr_command_add (out, "--", lr_hop_name (hop));
  lr_command_append (out, inner);
}

static void
container_push (const lr_hop *hop, const char *directory, lr_command *out)
{
  const struct flavour *flavour = flavour_of (hop);
  begin (hop, out);
  lr_command_add (out, "cp");
  if (flavour->cp_option != NULL)
    lr_command_add (out, flavour->cp_option);
  lr_command_add (out, "--", "-");
  add_joined (out, lr_hop_name (hop), ":", directory);
}

static void
container_explain (const lr_hop *hop, int status, const char *stderr_tail, lr_text *out)
{
  const struct flavour *flavour = flavour_of (hop);
  if (!explain_by_phrases (flavour->phrases, flavour->program, stderr_tail, out) && status == KILLED
      && stderr_tail[0] == '\0')
    lr_text_set (out,
                 "the dispatcher was killed, as all that runs in a container is when that stops");
}

/* What starts programs in containers says so in these words also where another status comes of it:
   podman's is 125 where its connection to the service breaks off meanwhile.  */
static int
container_could_not_run (const lr_hop *hop, int status, const char *stderr_tail)
{
  (void) hop;
  (void) status;
  return strcasestr (stderr_tail, "executable file not found") != NULL;
}

#define CONTAINER                                                                                  \
  .target_form = LR_TARGET_NAME, .flags = LR_TAKES_USER, .wrap = container_wrap,                   \
  .explain = container_explain, .push = container_push, .could_not_run = container_could_not_run

LR_CONNECTOR (docker, "docker", "a Docker container, through docker exec", CONTAINER,
              .options = docker_options);
LR_CONNECTOR (podman, "podman", "a Podman container, through podman exec", CONTAINER,
              .options = podman_options);
LR_PLUGIN ("0.1", &docker, &podman);
