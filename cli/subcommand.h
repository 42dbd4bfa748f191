/* What a subcommand is.  Each has a file of its own, which defines one row; main.c lists them.  */

#ifndef CLI_SUBCOMMAND_H
#define CLI_SUBCOMMAND_H

#include "cli/options.h"

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>

/* Options that several subcommands share; a set.  */
enum subcommand_offers
{
  OFFERS_REGISTRY = 1,  /* --plugin-dir, --verbose */
  OFFERS_URL = 2,       /* url_options; the first operand is a URL */
  OFFERS_JSON = 4,      /* --json */
  OFFERS_TIMEOUT = 8,   /* --timeout */
  OFFERS_PROGRESS = 16, /* --quiet, --progress */
};

#define ANY_NUMBER ((size_t) -1)

struct subcommand
{
  const char *name;
  const char *operands;             /* as the synopsis shows them: "URL PATH" */
  const char *summary;              /* one sentence */
  const char *details;              /* what --help says after the options, or NULL */
  const struct cli_option *options; /* its own, or NULL */
  unsigned offers;                  /* enum subcommand_offers */
  size_t least;
  size_t most;        /* operands; ANY_NUMBER: no limit */
  bool options_first; /* what follows the URL may begin with a dash, and is no option */
  bool runs_command;  /* operands after the URL are a command, and failures of ours exit as ssh's */
  bool takes_colon;   /* the operand after the URL may look like one */

  /* Exactly one of these is set.  Both return the exit status, having reported any failure.  */
  int (*perform) (char **operands, size_t count);
  /* Is given a connection to the URL, which is the caller's, and the operands after the URL.  */
  int (*perform_at) (lr_connection *connection, char **operands, size_t count);
};

extern const struct subcommand run_subcommand;
extern const struct subcommand shell_subcommand;
extern const struct subcommand stat_subcommand;
extern const struct subcommand get_subcommand;
extern const struct subcommand put_subcommand;
extern const struct subcommand list_subcommand;
extern const struct subcommand mkdir_subcommand;
extern const struct subcommand remove_subcommand;
extern const struct subcommand move_subcommand;
extern const struct subcommand link_subcommand;
extern const struct subcommand readlink_subcommand;
extern const struct subcommand chmod_subcommand;
extern const struct subcommand chown_subcommand;
extern const struct subcommand touch_subcommand;
extern const struct subcommand mktemp_subcommand;
extern const struct subcommand df_subcommand;
extern const struct subcommand batch_subcommand;
extern const struct subcommand user_subcommand;
extern const struct subcommand group_subcommand;
extern const struct subcommand whoami_subcommand;
extern const struct subcommand env_subcommand;
extern const struct subcommand ping_subcommand;
extern const struct subcommand hostname_subcommand;
extern const struct subcommand conformance_subcommand;
extern const struct subcommand hops_subcommand;
extern const struct subcommand doctor_subcommand;
extern const struct subcommand config_subcommand;
extern const struct subcommand plugins_subcommand;
extern const struct subcommand new_connector_subcommand;

#endif
