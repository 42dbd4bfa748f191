/* longreach.conf: what its users set, from the user's file and the system's.

   The user's file comes first, then those of $XDG_CONFIG_DIRS, then the installed one.  Of settings
   that there can be one of, the first counts; directories add up in this order.  */

#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <longreach/longreach.h>

#include <stdbool.h>
#include <stddef.h>

enum config_kind
{
  CONFIG_PATH,           /* a directory of plugins */
  CONFIG_DEFAULT_SCHEMA, /* of a hop without a colon that is no alias */
  CONFIG_OPTION,         /* of all hops of the schema SUBJECT */
  CONFIG_ALIAS,          /* the target that the name SUBJECT stands for */
};

struct config_setting
{
  enum config_kind kind;
  char *subject; /* owned; NULL: there is none */
  char *name;    /* owned: "path", "url", or the option's */
  char *value;   /* owned */
  size_t file;   /* index of the file it comes from */
  unsigned line;
  bool overridden; /* another one, before it, counts */
};

struct config_file
{
  char *path; /* owned */
  char *real; /* owned: where its links lead */
  bool system;
};

/* All zero is one without settings.  */
struct config
{
  struct config_file *files; /* those that were read */
  size_t file_count;
  struct config_setting *settings;
  size_t setting_count;
};

/* Read the files that are there; PATH not NULL: that one only, which has to be there.  With an
   error CONFIG has what is right.  Errors: INVALID_VALUE (`longreach.conf`), with the file and the
   line; IO; NO_MEMORY.  config_free in any case.  */
int config_load (struct config *config, const char *path, struct lr_error *error);
void config_free (struct config *config);

/* The first setting of KIND for SUBJECT, or NULL.  */
const struct config_setting *config_find (const struct config *config, enum config_kind kind,
                                          const char *subject);

/* Make URL one in which every hop has a schema: aliases become what they stand for, other bare
   names get the default schema.  In memory the caller frees.  Errors: INVALID_VALUE (`url`): an
   alias stands for itself, or a user is given beside one.  */
int config_expand (const struct config *config, const char *url, char **result,
                   struct lr_error *error);

/* Say in ERROR, which is about what URL became, where its bare names are set.  Nothing else of URL
   is told, since there may be a secret in it.  */
void config_explain (const struct config *config, const char *url, struct lr_error *error);

#endif
