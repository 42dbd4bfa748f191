#include "cli/connect.h"
#include "cli/entry.h"
#include "cli/json.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/timeout.h"

#include <stdio.h>

static struct
{
  bool follow;
  bool sha512;
} given;

static const struct cli_option stat_options[] = {
  { .name = "follow",
    .letter = 'L',
    .help = "Describe what a symbolic link leads to",
    .flag = &given.follow },
  { .name = "sha512",
    .help = "Also print the SHA-512 digest of a regular file",
    .flag = &given.sha512 },
  { 0 },
};

enum
{
  MODE_SIZE = sizeof "0000 rwxrwxrwx",
};

/* MODE as a number and as ls shows it, without the type: "2755 rwxr-sr-x".  */
static void
describe_mode (unsigned mode, char text[MODE_SIZE])
{
  static const struct
  {
    unsigned execute, special;
    char both, alone;
  } classes[] = { { 0100, 04000, 's', 'S' }, { 0010, 02000, 's', 'S' }, { 0001, 01000, 't', 'T' } };

  char *letters = text + snprintf (text, MODE_SIZE, "%04o ---------", mode) - 9;
  for (size_t i = 0; i < 3; i++, letters += 3)
    {
      unsigned execute = mode & classes[i].execute;
      letters[0] = mode & classes[i].execute << 2 ? 'r' : '-';
      letters[1] = mode & classes[i].execute << 1 ? 'w' : '-';
      letters[2] = execute ? 'x' : '-';
      if (mode & classes[i].special && execute)
        letters[2] = classes[i].both;
      else if (mode & classes[i].special)
        letters[2] = classes[i].alone;
    }
}

static void
print_text (const char *path, const struct lr_stat_result *result)
{
  char mode[MODE_SIZE];
  describe_mode ((unsigned) (result->mode & 07777), mode);
  entry_print_text ("path", path);
  entry_print_text ("type", lr_file_type_name ((enum lr_file_type) result->type));
  entry_print_size ("size", result->size);
  entry_print_text ("mode", mode);
  entry_print_text ("owner", result->owner);
  entry_print_text ("group", result->group);
  entry_print_time ("mtime", result->mtime_ns);
  entry_print_time ("ctime", result->ctime_ns);
  if (result->sha512sum.data != NULL)
    entry_print_hex ("sha512", result->sha512sum);
}

static int
stat_at (lr_connection *connection, char **operands, size_t count)
{
  (void) count;
  const char *path = operands[0];
  struct lr_stat_args args =
      LR_STAT_ARGS (.path = path, .follow_links = given.follow, .sha512sum = given.sha512,
                    .timeout_ms = timeout_left ());
  struct lr_stat_result *result;
  struct lr_error error;
  if (lr_stat (connection, &args, &result, &error) != 0)
    return report_failure (&error);
  if (json_wanted)
    json_print (results_stat (path, result));
  if (result == NULL)
    return json_wanted ? STATUS_ABSENT
                       : report_absent ("%s: %s does not exist", connect_host (), path);
  if (!json_wanted)
    print_text (path, result);
  lr_free (result);
  return 0;
}

const struct subcommand stat_subcommand = {
  .name = "stat",
  .operands = "URL PATH",
  .summary = "Describe a file",
  .options = stat_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 2,
  .most = 2,
  .perform_at = stat_at,
};
