#include "cli/json.h"
#include "cli/report.h"
#include "cli/results.h"
#include "cli/subcommand.h"
#include "cli/text.h"
#include "cli/time.h"
#include "cli/timeout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct
{
  bool all;
  bool details;
  bool itself;
  bool unsorted;
} given;

static const struct cli_option list_options[] = {
  { .name = "all", .letter = 'a', .help = "Also what begins with a dot", .flag = &given.all },
  { .name = "long",
    .letter = 'l',
    .help = "A line for each: type and mode, links, owner, group, size, time of the last change, "
            "name",
    .flag = &given.details },
  { .name = "directory",
    .letter = 'd',
    .help = "Describe the path itself, and not what is in a directory",
    .flag = &given.itself },
  { .name = "unsorted",
    .letter = 'U',
    .help =
        "Print entries as they come, however many there are; with --json each as an object on a "
        "line of its own",
    .flag = &given.unsorted },
  { 0 },
};

static int
compare (const void *a, const void *b)
{
  const struct lr_directory_entry *const *one = a, *const *other = b;
  return strcmp ((*one)->name, (*other)->name);
}

static void
print_details (const struct lr_directory_entry *entry)
{
  static const char letters[] = "?-dlpscb"; /* by enum lr_file_type */
  int type = entry->type < sizeof letters - 1 ? letters[entry->type] : '?';
  if (entry->links == 0) /* it couldn't be looked at */
    {
      printf ("%c????   ? ? ? %12s ? ", type, "?");
      return;
    }
  printf ("%c%04o %3llu ", type, (unsigned) (entry->mode & 07777),
          (unsigned long long) entry->links);
  text_print (entry->owner);
  putchar (' ');
  text_print (entry->group);
  printf (" %12llu ", (unsigned long long) entry->file_size);
  time_print (stdout, entry->mtime_ns);
  putchar (' ');
}

static void
print_entry (const struct lr_directory_entry *entry)
{
  if (given.details)
    print_details (entry);
  text_print (entry->name);
  if (given.details && entry->target != NULL)
    {
      fputs (" -> ", stdout);
      text_print (entry->target);
    }
  putchar ('\n');
}

static bool
is_shown (const struct lr_directory_entry *entry)
{
  return given.all || given.itself || entry->name[0] != '.';
}

/* By name, whatever order they came in.  */
static void
print_sorted (const struct lr_list_result *result)
{
  const struct lr_directory_entry **items = calloc (result->count + 1, sizeof *items);
  if (items == NULL)
    out_of_memory ();
  memcpy (items, result->items, result->count * sizeof *items);
  qsort (items, result->count, sizeof *items, compare);
  for (size_t i = 0; i < result->count; i++)
    if (is_shown (items[i]))
      print_entry (items[i]);
  free (items);
}

/* Above what is in PATH, among others.  */
static void
print_heading (const char *path)
{
  static bool is_later;
  if (is_later)
    putchar ('\n');
  is_later = true;
  text_print (path);
  puts (":");
}

/* What is printed of one path as it comes.  */
struct printing
{
  const char *path;
  bool headed; /* it still needs its heading */
};

static int
print_page (void *data, const struct lr_list_result *page)
{
  struct printing *printing = data;
  if (printing->headed)
    print_heading (printing->path);
  printing->headed = false;
  for (size_t i = 0; i < page->count; i++)
    if (json_wanted)
      json_print (results_listed (printing->path, page->items[i]));
    else if (is_shown (page->items[i]))
      print_entry (page->items[i]);
  return ferror (stdout);
}

/* RESULT stays NULL where all is printed as it comes.  */
static int
list (lr_connection *connection, struct printing *printing, bool itself,
      struct lr_list_result **result, struct lr_error *error)
{
  struct lr_list_args args = LR_LIST_ARGS (.path = printing->path, .itself = itself,
                                           .no_follow = itself, .timeout_ms = timeout_left ());
  if (given.unsorted)
    {
      args.page = print_page;
      args.page_data = printing;
    }
  return lr_list (connection, &args, result, error);
}

/* Whether what could not be listed may be there, and is described itself: a file, or a link that
   leads nowhere.  */
static bool
is_no_directory (int errnum)
{
  return errnum == ENOTDIR || errnum == ENOENT || errnum == ELOOP;
}

static int
list_path (lr_connection *connection, const char *path, bool is_lone)
{
  struct printing printing = { path, !is_lone && !json_wanted };
  struct lr_list_result *result;
  struct lr_error error;
  int status = list (connection, &printing, given.itself, &result, &error);
  if (status != 0 && !given.itself && error.kind == LR_ERROR_REMOTE_OS
      && is_no_directory (error.errnum))
    status = list (connection, &printing, true, &result, &error);
  if (status != 0)
    return report_path_failure (&error);
  if (printing.headed)
    print_heading (path);
  if (result == NULL)
    return 0;
  if (json_wanted)
    json_print (results_list (path, result));
  else
    print_sorted (result);
  lr_free (result);
  return 0;
}

static int
list_at (lr_connection *connection, char **operands, size_t count)
{
  int status = 0;
  if (count == 0)
    return list_path (connection, ".", true);
  for (size_t i = 0; i < count; i++)
    {
      int failed = list_path (connection, operands[i], count == 1);
      status = failed != 0 ? failed : status;
    }
  return status;
}

const struct subcommand list_subcommand = {
  .name = "ls",
  .operands = "URL [PATH...]",
  .summary = "List directories",
  .details = "Without a PATH it is the directory that the dispatcher runs in. On a terminal what "
             "could do something to it is shown as \\xNN.",
  .options = list_options,
  .offers = OFFERS_REGISTRY | OFFERS_URL | OFFERS_JSON | OFFERS_TIMEOUT,
  .least = 1,
  .most = ANY_NUMBER,
  .perform_at = list_at,
};
