/* conformance [OPTION]... URL: hold what URL leads to against the checks in conformance/, and print
   TAP.  Exits 1 if a check failed, 2 if they could not be tried.  */

#include "conformance/conformance.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  OPTIONS_MAX = 64,
};

static const char *only[OPTIONS_MAX + 1], *options[OPTIONS_MAX + 1];
static size_t only_count, option_count, reported;

/* What was made at the far side is removed all the same.  */
static volatile sig_atomic_t interrupted;

static void
interrupt (int signal)
{
  (void) signal;
  interrupted = 1;
}

static void
add (const char **list, size_t *count, const char *item)
{
  if (*count == OPTIONS_MAX)
    {
      fputs ("conformance: too many options\n", stderr);
      exit (2);
    }
  list[(*count)++] = item;
}

static void
print_help (void)
{
  puts ("Usage: conformance [OPTION]... URL\n"
        "Hold what URL leads to against the contract of the operations.  Prints TAP.\n"
        "\n"
        "      --only FAMILY[/NAME]  only these checks; can be given more than once\n"
        "      --directory DIR       make the one directory there, at the far side\n"
        "      --patience SECONDS    how long one thing may take\n"
        "  -o, --option NAME=VALUE   an option of the target's last hop\n"
        "      --list                print the checks, and why each is there\n"
        "      --help                print this");
}

static void
list_checks (void)
{
  const struct conformance_check *check;
  for (size_t i = 0; (check = conformance_check_at (i)) != NULL; i++)
    if (conformance_is_wanted (check, only))
      printf ("%s/%s: %s\n", check->family, check->name, check->why);
}

static void
print_result (void *data, const struct conformance_result *result)
{
  const char *url = data;
  printf ("%s %zu - %s/%s%s%s\n", result->outcome == CONFORMANCE_FAILED ? "not ok" : "ok",
          ++reported, result->check->family, result->check->name,
          result->outcome == CONFORMANCE_NOT_APPLICABLE ? " # SKIP " : "",
          result->outcome == CONFORMANCE_NOT_APPLICABLE ? result->sentence : "");
  if (result->outcome == CONFORMANCE_FAILED)
    printf ("# %s\n# why: %s\n# %s, %llu ms\n", result->sentence, result->check->why, url,
            (unsigned long long) result->duration_ms);
  fflush (stdout);
}

static void
print_remains (char *remains)
{
  char *rest;
  for (char *path = strtok_r (remains, "\n", &rest); path != NULL;
       path = strtok_r (NULL, "\n", &rest))
    printf ("# left at the far side, where it could not be removed: %s\n", path);
}

int
main (int argc, char **argv)
{
  static const struct option long_options[] = {
    { "only", required_argument, NULL, 'n' },
    { "directory", required_argument, NULL, 'd' },
    { "patience", required_argument, NULL, 'p' },
    { "option", required_argument, NULL, 'o' },
    { "list", no_argument, NULL, 'l' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  struct conformance_settings settings = { .only = only, .stop = &interrupted };
  struct conformance_summary summary;
  struct lr_error error;
  int option, listing = 0;

  while ((option = getopt_long (argc, argv, "o:", long_options, NULL)) != -1)
    switch (option)
      {
      case 'n':
        add (only, &only_count, optarg);
        break;
      case 'o':
        add (options, &option_count, optarg);
        break;
      case 'd':
        settings.directory = optarg;
        break;
      case 'p':
        settings.patience_ms = strtoull (optarg, NULL, 10) * 1000;
        break;
      case 'l':
        listing = 1;
        break;
      case 'h':
        print_help ();
        return 0;
      default:
        return 2;
      }
  if (listing)
    {
      list_checks ();
      return 0;
    }
  if (optind != argc - 1)
    {
      fputs ("conformance: one URL is needed; see conformance --help\n", stderr);
      return 2;
    }
  static const struct sigaction action = { .sa_handler = interrupt };
  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
  int status = conformance_run (NULL, argv[optind], options, &settings, print_result, argv[optind],
                                &summary, &error);
  printf ("1..%zu\n", reported);
  print_remains (summary.remains);
  printf ("# %zu passed, %zu failed, %zu not applicable\n", summary.passed, summary.failed,
          summary.not_applicable);
  if (status != 0)
    {
      printf ("Bail out! %s\n", error.message);
      return 2;
    }
  if (interrupted)
    {
      puts ("Bail out! it was interrupted");
      return 2;
    }
  if (reported == 0)
    {
      fputs ("conformance: there is no such check\n", stderr);
      return 2;
    }
  return summary.failed > 0;
}
