/* The folder of a new connector, written from cli/templates.  */

#include "cli/connect.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/subcommand.h"
#include "cli/templates.h"
#include "cli/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool declared_wanted;

static const struct cli_option new_connector_options[] = {
  { .name = "declared",
    .help = "Write a declared connector, which is a text file and needs no compiler",
    .flag = &declared_wanted },
  { 0 },
};

/* The two forms of a connector, by the folders of their templates, and the commands that lead from
   there to a passing conformance run.  */
static const struct form
{
  const char *folder;
  const char *next; /* worded as templates are */
} forms[] = {
  { "connector", "  cd sample\n"
                 "  make\n"
                 "  longreach plugins --plugin-dir=. sample\n"
                 "  make check\n" },
  { "declared", "  cd sample\n"
                "  longreach conformance --plugin-dir=. sample:test\n" },
};

/* ---- wording: templates speak of a connector "sample" ---- */

enum
{
  WORDINGS = 5,
};

/* What stands for words of the templates, the first that fits; the texts are owned.  */
struct wording
{
  const char *from[WORDINGS];
  char *to[WORDINGS];
};

static char *
format (const char *format, const char *text)
{
  char *result;
  if (asprintf (&result, format, text) < 0)
    out_of_memory ();
  return result;
}

/* TEXT as a word of C, or with UPPER as a variable of the environment has it.  */
static char *
make_identifier (const char *text, const char *format_of_it, bool upper)
{
  char *result = format (format_of_it, text);
  for (char *c = result; *c != '\0'; c++)
    if (!isalnum ((unsigned char) *c))
      *c = '_';
    else if (upper)
      *c = (char) toupper ((unsigned char) *c);
  return result;
}

static char *
make_upper (const char *text)
{
  char *result = format ("LONGREACH-%s", text);
  for (char *c = result; *c != '\0'; c++)
    *c = (char) toupper ((unsigned char) *c);
  return result;
}

static char *
make_date (void)
{
  char date[64] = "";
  time_t now = time (NULL);
  struct tm local;
  if (localtime_r (&now, &local) != NULL)
    strftime (date, sizeof date, "%B %d, %Y", &local);
  return format ("%s", date);
}

static struct wording
make_wording (const char *name)
{
  return (struct wording){
    .from = { "sample_", "sample", "LONGREACH-SAMPLE", "SAMPLE", "November 22, 2026" },
    .to = { make_identifier (name, "%s_", false), format ("%s", name), make_upper (name),
            make_identifier (name, "%s", true), make_date () },
  };
}

static void
free_wording (struct wording *wording)
{
  for (size_t i = 0; i < WORDINGS; i++)
    free (wording->to[i]);
}

/* Print TEXT, worded by WORDING.  */
static void
print_worded (FILE *stream, const char *text, const struct wording *wording)
{
  while (*text != '\0')
    {
      size_t i = 0;
      while (i < WORDINGS && strncmp (text, wording->from[i], strlen (wording->from[i])) != 0)
        i++;
      if (i < WORDINGS)
        fputs (wording->to[i], stream);
      else
        putc (*text, stream);
      text += i < WORDINGS ? strlen (wording->from[i]) : 1;
    }
}

/* TEXT, worded by WORDING, which the caller frees.  */
static char *
word (const char *text, const struct wording *wording)
{
  char *result;
  size_t size;
  FILE *stream = open_memstream (&result, &size);
  if (stream == NULL)
    out_of_memory ();
  print_worded (stream, text, wording);
  if (fclose (stream) != 0)
    out_of_memory ();
  return result;
}

/* ---- the folder: there as a whole, or not at all ---- */

static bool
is_of (const struct template *template, const struct form *form)
{
  return strcmp (template->folder, form->folder) == 0;
}

/* Write one file into the folder that DESCRIPTOR leads to.  Returns 0, or -1 and errno.  */
static int
write_file (int descriptor, const char *name, const struct template *template,
            const struct wording *wording)
{
  int file = openat (descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  FILE *stream = file < 0 ? NULL : fdopen (file, "w");
  if (stream == NULL)
    return -1;
  for (const char *const *line = template->lines; *line != NULL; line++)
    print_worded (stream, *line, wording);
  bool failed = ferror (stream) != 0;
  return fclose (stream) == 0 && !failed ? 0 : -1;
}

/* Write the files of FORM into FOLDER, which DESCRIPTOR leads to, and is empty.  The exit status,
   with the failure reported.  */
static int
fill_folder (const char *folder, int descriptor, const struct form *form,
             const struct wording *wording)
{
  int status = 0;
  for (const struct template *row = templates; row->folder != NULL && status == 0; row++)
    if (is_of (row, form))
      {
        char *name = word (row->file, wording);
        if (write_file (descriptor, name, row, wording) != 0)
          status = report_local (errno, "cannot write %s/%s: %s", folder, name, strerror (errno));
        free (name);
      }
  return status;
}

/* Remove FOLDER, which is this program's own, with those of its files that were written.  */
static void
remove_folder (const char *folder, int descriptor, const struct form *form,
               const struct wording *wording)
{
  for (const struct template *row = templates; row->folder != NULL; row++)
    if (is_of (row, form))
      {
        char *name = word (row->file, wording);
        unlinkat (descriptor, name, 0);
        free (name);
      }
  rmdir (folder);
}

static int
print_next (const char *folder, const struct form *form, const struct wording *wording)
{
  printf ("%s holds a connector, which works: change it into yours.\n", folder);
  for (const struct template *row = templates; row->folder != NULL; row++)
    if (is_of (row, form))
      {
        printf ("    %s/", folder);
        print_worded (stdout, row->file, wording);
        putchar ('\n');
      }
  puts ("To see that it does all that a connector has to:");
  print_worded (stdout, form->next, wording);
  return output_write ("", 0, 0);
}

static int
write_folder (const char *folder, const struct form *form, const struct wording *wording)
{
  if (mkdir (folder, 0777) != 0)
    return errno == EEXIST
               ? report_local (errno, "%s is there already, and stays as it is", folder)
               : report_local (errno, "cannot make the folder %s: %s", folder, strerror (errno));
  int status = 0;
  int descriptor = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    {
      status = report_local (errno, "cannot open %s: %s", folder, strerror (errno));
      rmdir (folder);
      return status;
    }
  status = fill_folder (folder, descriptor, form, wording);
  if (status == 0)
    status = print_next (folder, form, wording);
  if (status != 0)
    remove_folder (folder, descriptor, form, wording);
  close (descriptor);
  return status;
}

/* ---- the subcommand ---- */

static int
check_schema (const char *name)
{
  size_t length = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
  if (name[length] == '\0' && islower ((unsigned char) name[0]))
    return 0;
  return report_usage ("\"%s\" is not a schema: a schema is made of lower-case letters, digits, "
                       "\"+\", \"-\" and \".\", a letter first",
                       name);
}

static void
warn_of (const struct lr_connector_info *info)
{
  fputs ("longreach: there is a connector of the schema ", stderr);
  text_print_escaped (stderr, info->schema, strlen (info->schema));
  fputs (" already, in ", stderr);
  text_print_escaped (stderr, info->file, strlen (info->file));
  fputs (": whichever is found first is used\n", stderr);
}

/* Say who serves the schema NAME already.  The exit status.  */
static int
warn_of_others (const char *name)
{
  lr_registry *registry;
  struct lr_connector_list *list;
  struct lr_error error;
  int status = connect_registry (&registry);
  if (status != 0)
    return status;
  if (lr_registry_list (registry, &list, &error) != 0)
    status = report_open_failure (&error);
  for (size_t i = 0; list != NULL && i < list->count; i++)
    if (list->items[i]->schema != NULL && strcmp (list->items[i]->schema, name) == 0
        && list->items[i]->shadowed_by == NULL)
      warn_of (list->items[i]);
  lr_free (list);
  lr_registry_free (registry);
  return status;
}

static int
new_connector_perform (char **operands, size_t count)
{
  const char *name = operands[0];
  const struct form *form = &forms[declared_wanted];
  (void) count;
  int status = check_schema (name);
  if (status == 0)
    status = warn_of_others (name);
  if (status != 0)
    return status;
  struct wording wording = make_wording (name);
  status = write_folder (name, form, &wording);
  free_wording (&wording);
  return status;
}

const struct subcommand new_connector_subcommand = {
  .name = "new-connector",
  .operands = "NAME",
  .summary = "Write a folder to begin a connector of the schema NAME with",
  .details = "The folder NAME is made here, with a connector that works, and all that it takes to "
             "build, test and install it. What to do next is printed.",
  .options = new_connector_options,
  .offers = OFFERS_REGISTRY,
  .least = 1,
  .most = 1,
  .perform = new_connector_perform,
};
