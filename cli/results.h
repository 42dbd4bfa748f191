/* What operations give, as JSON: the objects that --json prints and that batch answers with.  Each
   function returns a new object.  */

#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include <longreach/longreach.h>

#include <jansson.h>
#include <stdint.h>

json_t *results_run (const struct lr_run_result *result);

/* RESULT NULL: PATH does not exist.  */
json_t *results_stat (const char *path, const struct lr_stat_result *result);
json_t *results_user (const struct lr_user_entry *entry);
json_t *results_group (const struct lr_group_entry *entry);

/* VALUE NULL: it is not set.  */
json_t *results_variable (const char *name, const char *value);

/* A file that was written, at the far side or here.  */
json_t *results_put (const char *file, const struct lr_put_result *result);
json_t *results_get (const char *file, uint64_t size);
json_t *results_list (const char *path, const struct lr_list_result *result);

/* An entry that says by itself that it comes from the list of PATH.  */
json_t *results_listed (const char *path, const struct lr_directory_entry *entry);
json_t *results_path (const char *path);
json_t *results_link (const char *path, const char *target);
json_t *results_file_system (const char *path, const struct lr_file_system_info *info);

/* A tree that was copied.  */
json_t *results_tree (const struct lr_tree_result *result);

#endif
