#include "cli/conformance_report.h"
#include "cli/connect.h"
#include "cli/interruption.h"
#include "cli/json.h"
#include "cli/prompt.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/subcommand.h"

#include <stddef.h>

static struct
{
  struct word_list only;
  const char *directory;
  uint64_t patience;
  bool list, tap;
} given;

static const struct cli_option conformance_options[] = {
  { .name = "only",
    .argument = "FAMILY[/NAME]",
    .help = "Try only these checks; can be repeated",
    .list = &given.only },
  { .name = "list", .help = "Print the checks, and why each is there", .flag = &given.list },
  { .name = "tap", .help = "Print TAP, which test harnesses read", .flag = &given.tap },
  { .name = "directory",
    .argument = "PATH",
    .help = "Make the directory that is needed in PATH at the far side",
    .text = &given.directory },
  { .name = "patience",
    .argument = "SECONDS",
    .help = "Take for a failure what takes so long; 20 by default",
    .duration = &given.patience },
  { 0 },
};

static const struct conformance_form *
chosen_form (void)
{
  return given.tap ? &conformance_tap : json_wanted ? &conformance_json : &conformance_table;
}

/* Whether there is a check that ONLY, one of --only, means.  */
static bool
is_known (const char *only)
{
  const char *const list[] = { only, NULL };
  const struct conformance_check *check;
  for (size_t i = 0; (check = conformance_check_at (i)) != NULL; i++)
    if (conformance_is_wanted (check, list))
      return true;
  return false;
}

static int
check_usage (size_t operands)
{
  if (given.tap && json_wanted)
    return report_usage ("conformance: --tap and --json are two forms, of which one is printed");
  for (size_t i = 0; i < given.only.count; i++)
    if (!is_known (given.only.items[i]))
      return report_usage ("conformance: there is no check %s; longreach conformance --list has "
                           "them all",
                           given.only.items[i]);
  if (given.directory != NULL && given.directory[0] == '\0')
    return report_usage ("conformance: --directory names no directory");
  if (operands == 0 && !given.list)
    return report_usage ("conformance needs URL; see longreach conformance --help");
  return 0;
}

static void
tell_place (void *data, const struct conformance_place *place)
{
  (void) data;
  chosen_form ()->place (place);
}

static void
tell_result (void *data, const struct conformance_result *result)
{
  (void) data;
  chosen_form ()->result (result);
}

/* Hold URL to the checks.  Returns the exit status.  */
static int
try_checks (lr_registry *registry, lr_loop *loop, const char *url)
{
  const struct conformance_form *form = chosen_form ();
  struct lr_open_args args = connect_args (url, loop);
  struct conformance_settings settings = {
    .open = &args,
    .directory = given.directory,
    .only = given.only.items,
    .patience_ms = given.patience,
    .is_stopped = connect_given_up,
    .announce = tell_place,
    .report = tell_result,
  };
  struct conformance_summary summary;
  struct lr_error error;
  prompt_remember ();
  signals_catch (loop, ending_signals, ending_signal_count);
  int status = conformance_run (registry, &settings, &summary, &error);
  int signal = connect_given_up ();
  interruption_end ();
  prompt_forget ();
  if (signal != 0)
    {
      form->bail_out ("it was interrupted");
      return interruption_note (signal);
    }
  if (status != 0)
    {
      form->bail_out (error.message);
      return report_open_failure (&error);
    }
  form->end (&summary);
  return summary.failed == 0 ? STATUS_DONE : STATUS_ABSENT;
}

static int
conformance_perform (char **operands, size_t count)
{
  lr_registry *registry;
  lr_loop *loop;
  struct lr_error error;
  int status = check_usage (count);
  if (status != 0)
    return status;
  if (given.list)
    {
      chosen_form ()->list (given.only.items);
      return 0;
    }
  status = connect_registry (&registry);
  if (status != 0)
    return status;
  if (lr_loop_new (&loop, &error) == 0)
    {
      status = try_checks (registry, loop, operands[0]);
      lr_loop_free (loop);
    }
  else
    status = report_open_failure (&error);
  lr_registry_free (registry);
  return status;
}

const struct subcommand conformance_subcommand = {
  .name = "conformance",
  .operands = "URL",
  .summary = "Hold what URL leads to against the contract of the operations",
  .details =
      "Each check does what an application could do, and expects what the manual page "
      "longreach(3) promises. It runs programs there such as sh, cat and sleep, as root also as "
      "another user, makes files in one new directory, whose name is told beforehand on standard "
      "error, and opens some connections more. In the end, also after Ctrl-C, commands are ended "
      "and the directory is removed. Exits with 0 if all holds that applies, with 1 if something "
      "doesn't.",
  .options = conformance_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON,
  .least = 0,
  .most = 1,
  .perform = conformance_perform,
};
